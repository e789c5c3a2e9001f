\echo Use "CREATE EXTENSION caredata" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Start-up: the guard of the install script, and what every module uses.
-- ---------------------------------------------------------------------------

SET LOCAL search_path TO pg_catalog, pg_temp;

-- CREATE EXTENSION uses a schema of that name that it finds. One that somebody
-- else made would let its owner drop or replace what stands in it.
DO $guard$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n
			   WHERE n.nspname OPERATOR(pg_catalog.=) 'caredata'
				 AND n.nspowner OPERATOR(pg_catalog.<>)
					 (SELECT r.oid FROM pg_catalog.pg_roles r
					  WHERE r.rolname OPERATOR(pg_catalog.=) current_user))
	   OR EXISTS (SELECT FROM pg_catalog.pg_class c
				  JOIN pg_catalog.pg_namespace n
					ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
				  WHERE n.nspname OPERATOR(pg_catalog.=) 'caredata')
	   OR EXISTS (SELECT FROM pg_catalog.pg_proc p
				  JOIN pg_catalog.pg_namespace n
					ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
				  WHERE n.nspname OPERATOR(pg_catalog.=) 'caredata')
	THEN
		RAISE EXCEPTION 'schema "caredata" exists and is not empty, or belongs to another role'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Drop or rename that schema; the extension makes its own.';
	END IF;
END
$guard$;

GRANT USAGE ON SCHEMA caredata TO PUBLIC;
COMMENT ON SCHEMA caredata IS
	'The caredata extension: functions, types and catalogue of a linked care database';

CREATE FUNCTION caredata.version() RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_version';
COMMENT ON FUNCTION caredata.version() IS
	'Version of the loaded caredata library; compare with the installed extension version after an upgrade';

CREATE FUNCTION caredata.catalog_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'caredata_catalog_changed';
REVOKE ALL ON FUNCTION caredata.catalog_changed() FROM PUBLIC;
COMMENT ON FUNCTION caredata.catalog_changed() IS
	'Statement trigger of catalogue tables: tells every server process to re-read them';

-- A session may have turned off waiting for the disk, and would then be told of
-- an objection in force that a crash a moment later takes back.
CREATE FUNCTION caredata.commit_durably() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.commit_durably() FROM PUBLIC;
COMMENT ON FUNCTION caredata.commit_durably() IS
	'Has this transaction''s commit wait until it is on disk, whatever the session says of synchronous_commit';

CREATE TABLE caredata.role_grant (
	role_name  name NOT NULL,
	routine    text NOT NULL,
	PRIMARY KEY (role_name, routine)
);
COMMENT ON TABLE caredata.role_grant IS
	'Which of the caredata roles may call which routine; each module adds its own, create_care_database() grants them';

