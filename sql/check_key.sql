-- ---------------------------------------------------------------------------
-- What check() finds of keys, and the mark that a copy of one is kept.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.key_backup (
	fingerprint  bytea PRIMARY KEY CHECK (pg_catalog.octet_length(fingerprint) = 8),
	place        text NOT NULL CHECK (place <> ''),
	marked_at    timestamptz NOT NULL DEFAULT now(),
	marked_by    name[] NOT NULL
);
COMMENT ON TABLE caredata.key_backup IS
	'Master keys, by fingerprint, of which somebody said that a copy is kept, and where';
COMMENT ON COLUMN caredata.key_backup.place IS
	'Where the copy is, in words that help and do not tell a thief';
SELECT pg_catalog.pg_extension_config_dump('caredata.key_backup', '');

CREATE FUNCTION caredata.mark_key_backup(place text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	in_use bytea := (SELECT m.fingerprint FROM caredata.master_key_check m);
BEGIN
	IF coalesce(btrim(mark_key_backup.place), '') = '' THEN
		RAISE EXCEPTION 'the place of the copy is missing'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Say where somebody will look for it, such as "safe of the Caldicott Guardian".';
	END IF;
	IF in_use IS NULL THEN
		RAISE EXCEPTION 'this database has no keys yet'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'The first release binds the database to its master key; mark the copy then.';
	END IF;
	INSERT INTO caredata.key_backup AS b (fingerprint, place, marked_by)
	VALUES (in_use, btrim(mark_key_backup.place), caredata.requester())
	ON CONFLICT (fingerprint) DO UPDATE
	SET place = excluded.place, marked_at = excluded.marked_at, marked_by = excluded.marked_by;
	RETURN encode(in_use, 'hex');
END
$$;
REVOKE ALL ON FUNCTION caredata.mark_key_backup(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.mark_key_backup(text) IS
	'Records that a copy of the master key in use is kept at a place, and returns the key''s fingerprint; check() asks for this after every change of the master key';

CREATE FUNCTION caredata.check_master_key_files() RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'caredata_check_master_key_files';
REVOKE ALL ON FUNCTION caredata.check_master_key_files() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_master_key_files() IS
	'Raises for a master key file that would be refused if it were read now: owner, mode, place';

CREATE FUNCTION caredata.check_keys()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	in_use bytea := (SELECT m.fingerprint FROM caredata.master_key_check m);
	message text;
	hint text;
BEGIN
	-- said as their use would say it
	BEGIN
		PERFORM caredata.check_master_key_files();
	EXCEPTION WHEN config_file_error THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
		RETURN QUERY VALUES ('danger', 'master key', message, hint);
	END;

	IF in_use IS NOT NULL THEN
		BEGIN
			PERFORM caredata.check_domain_key(k.domain_id, k.generation)
			FROM caredata.domain_key k WHERE k.closed_at IS NULL;
		EXCEPTION WHEN config_file_error OR data_corrupted OR object_not_in_prerequisite_state OR undefined_object THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
			RETURN QUERY VALUES ('warning', 'keys of the releases', message, hint);
		END;
		IF NOT EXISTS (SELECT FROM caredata.key_backup b WHERE b.fingerprint = in_use) THEN
			RETURN QUERY VALUES ('warning', 'master key ' || encode(in_use, 'hex'),
				'nobody has said that a copy of it is kept; if it is lost, so is every pseudonym',
				'Put a copy where the back-ups of the database are not, then SELECT caredata.mark_key_backup(''where'').');
		END IF;
	END IF;
	RETURN QUERY
	SELECT 'warning', 'release ' || m.name, 'has no key, so it refuses',
		   'Restore table caredata.domain_key from a back-up.'
	FROM caredata.domain m
	WHERE m.destroyed_at IS NULL
	  AND NOT EXISTS (SELECT FROM caredata.domain_key k WHERE k.domain_id = m.domain_id);
END
$$;
REVOKE ALL ON FUNCTION caredata.check_keys() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_keys() IS
	'Part of check(): whether keys are to be had, whether their files are closed, whether a copy is kept';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.mark_key_backup(text)');
