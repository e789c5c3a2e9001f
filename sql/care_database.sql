-- ---------------------------------------------------------------------------
-- The care database: schemas, roles, landing, identity, care and reference
-- tables. They are the user's data, not members of the extension: a dump has
-- them whole, and dropping the extension leaves the care tables alone.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.grant_roles() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_grant record;
BEGIN
	-- A row with parentheses is a routine, one without is a relation to read.
	FOR v_grant IN
		SELECT g.role_name, g.routine FROM caredata.role_grant g
		ORDER BY g.role_name, g.routine COLLATE "C"
	LOOP
		IF strpos(v_grant.routine, '(') > 0 THEN
			EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I',
						   v_grant.routine::regprocedure, v_grant.role_name);
		ELSE
			EXECUTE format('GRANT SELECT ON TABLE %s TO %I',
						   v_grant.routine::regclass, v_grant.role_name);
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.grant_roles() FROM PUBLIC;
COMMENT ON FUNCTION caredata.grant_roles() IS
	'Gives the caredata roles what caredata.role_grant lists; a superuser calls it again after an upgrade';

CREATE FUNCTION caredata.create_roles() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_role record;
	v_found pg_roles;
BEGIN
	FOR v_role IN
		SELECT * FROM (VALUES
			('caredata_admin', 'caredata: defines datasets, agreements and releases'),
			('caredata_loader', 'caredata: lands files and loads them'),
			('caredata_linker', 'caredata: reads identities and links'),
			('caredata_guardian', 'caredata: approves releases'),
			('caredata_auditor', 'caredata: reads what was done')
		) AS r (name, description)
	LOOP
		-- Roles belong to the cluster: another care database may have made
		-- them, and so may somebody who wants to own what they will guard.
		SELECT r.* INTO v_found FROM pg_roles r WHERE r.rolname = v_role.name;
		IF NOT FOUND THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', v_role.name);
			EXECUTE format('COMMENT ON ROLE %I IS %L', v_role.name, v_role.description);
		ELSIF v_found.rolcanlogin OR v_found.rolsuper OR v_found.rolbypassrls
			  OR v_found.rolcreaterole OR v_found.rolreplication THEN
			RAISE EXCEPTION 'role "%" exists and can log in or has powers of its own', v_role.name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  HINT = 'Rename that role, or ALTER ROLE it to NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION.';
		ELSIF EXISTS (SELECT FROM pg_auth_members m WHERE m.member = v_found.oid) THEN
			RAISE EXCEPTION 'role "%" exists and is a member of another role', v_role.name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  HINT = 'Rename that role, or revoke its memberships: the caredata roles have only what caredata gives them.';
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_roles() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_roles() IS
	'Makes the five caredata roles where the cluster lacks them and refuses those that somebody else made powerful';

CREATE FUNCTION caredata.create_identity_tables() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_table regclass;
BEGIN
	CREATE TABLE care_identity.person (
		person_id        integer PRIMARY KEY,
		created_in_load  integer
	);
	COMMENT ON TABLE care_identity.person IS
		'Persons: one dense integer each, 1, 2, 3 and so on';

	CREATE TABLE care_identity.identity (
		identity_id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		person_id           integer NOT NULL,
		nhs_number          caredata.nhs_number,
		date_of_birth       date,
		sex                 text COLLATE "C",
		postcode            caredata.postcode,
		source_organisation text COLLATE "C",
		local_patient_id    text COLLATE "C",
		link_rank           smallint NOT NULL,
		link_weight         double precision,
		link_gap            double precision,
		ambiguous           boolean NOT NULL DEFAULT false,
		load_id             integer,
		UNIQUE NULLS NOT DISTINCT (nhs_number, date_of_birth, sex, postcode,
								   source_organisation, local_patient_id)
	);
	CREATE INDEX ON care_identity.identity (person_id);
	CREATE INDEX ON care_identity.identity (date_of_birth, sex, postcode);
	CREATE INDEX ON care_identity.identity (source_organisation, local_patient_id);
	COMMENT ON TABLE care_identity.identity IS
		'Every distinct set of identifiers that records arrived with, and the person it was linked to at which rank';
	COMMENT ON COLUMN care_identity.identity.link_weight IS
		'Of a link by a model: log2 of the odds that it is right';
	COMMENT ON COLUMN care_identity.identity.link_gap IS
		'Of a link by a model: by how much the person beat the next best; NULL where there was none';
	COMMENT ON COLUMN care_identity.identity.ambiguous IS
		'More than one person fitted equally well, so the identity became a person of its own';

	CREATE TABLE care_identity.objection (
		objection_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		nhs_number      caredata.nhs_number NOT NULL,
		kind            text NOT NULL,
		purpose         text,
		effective_from  date NOT NULL,
		recorded_at     timestamptz,
		recorded_by     name,
		source          text,
		reference       text,
		proxy           text,
		withdrawn_from  date,
		withdrawn_at    timestamptz,
		withdrawn_by    name,
		withdrawn_source text,
		withdrawn_proxy text,
		CHECK ((kind = 'purpose') = (purpose IS NOT NULL))
	);
	CREATE INDEX ON care_identity.objection (nhs_number);
	COMMENT ON COLUMN care_identity.objection.purpose IS
		'The purpose objected to, of an objection of kind purpose';
	COMMENT ON COLUMN care_identity.objection.proxy IS
		'In which capacity somebody spoke for the person; NULL if they spoke themselves';
	COMMENT ON TABLE care_identity.objection IS
		'Objections by NHS number, whether or not the person is in the database yet';

	CREATE TABLE care_identity.coded_objection (
		person_id    integer NOT NULL,
		kind         text NOT NULL,
		meaning      text NOT NULL,
		event_date   date,
		recorded_on  date,
		load_id      integer,
		identity_id  integer
	);
	CREATE INDEX ON care_identity.coded_objection (person_id);
	COMMENT ON TABLE care_identity.coded_objection IS
		'Objections and withdrawals coded in GP records; those events are never stored with care';
	COMMENT ON COLUMN care_identity.coded_objection.identity_id IS
		'Identity that the GP record came with';

	CREATE TABLE care_identity.nhs_number_change (
		nhs_number     caredata.nhs_number PRIMARY KEY,
		superseded_by  caredata.nhs_number,
		source         text NOT NULL,
		recorded_by    name NOT NULL,
		recorded_at    timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE care_identity.nhs_number_change IS
		'NHS numbers that were superseded, and by which, or invalidated, and who said so';
	COMMENT ON COLUMN care_identity.nhs_number_change.superseded_by IS
		'NULL: invalidated, stands for nobody';

	CREATE TABLE care_identity.withdrawn_nhs_number_change (
		nhs_number     caredata.nhs_number NOT NULL,
		superseded_by  caredata.nhs_number,
		source         text NOT NULL,
		recorded_by    name NOT NULL,
		recorded_at    timestamptz NOT NULL,
		reason         text NOT NULL,
		withdrawn_by   name[] NOT NULL,
		withdrawn_at   timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE care_identity.withdrawn_nhs_number_change IS
		'Changes of NHS numbers that were wrong: what was recorded, and who withdrew it and why';

	CREATE TABLE care_identity.national_check (
		nhs_number  caredata.nhs_number PRIMARY KEY,
		allowed     boolean NOT NULL,
		checked_at  timestamptz NOT NULL
	);
	COMMENT ON TABLE care_identity.national_check IS
		'Outcome of the latest check for national data opt-outs, by NHS number';

	CREATE TABLE care_identity.registration_change (
		person_id   integer PRIMARY KEY,
		changes_on  date NOT NULL
	);
	CREATE INDEX ON care_identity.registration_change (changes_on);
	COMMENT ON TABLE care_identity.registration_change IS
		'Persons whose registrations begin or end after the day for which care.person was last brought up to date';
	COMMENT ON COLUMN care_identity.registration_change.changes_on IS
		'First day on which care.person.practice_code may have to be another';

	CREATE TABLE care_identity.national_list_sent (
		request_id  integer NOT NULL,
		nhs_number  caredata.nhs_number NOT NULL,
		PRIMARY KEY (request_id, nhs_number)
	);
	COMMENT ON TABLE care_identity.national_list_sent IS
		'NHS numbers sent to be checked for national data opt-outs, by request, while the answer is awaited';

	CREATE TABLE care_landing.objection (
		nhs_number      text,
		kind            text NOT NULL,
		effective_from  text,
		reference       text,
		purpose         text,
		proxy           text
	);
	COMMENT ON TABLE care_landing.objection IS
		'Objections from a file, as received; import_objections() records them';
	COMMENT ON COLUMN care_landing.objection.effective_from IS
		'From when it is in force; empty for today';

	CREATE TABLE care_landing.national_list (
		nhs_number text
	);
	COMMENT ON TABLE care_landing.national_list IS
		'List that the check for national data opt-outs returned: the numbers that may be used';

	CREATE TABLE care_identity.cohort_member (
		cohort      text NOT NULL,
		nhs_number  caredata.nhs_number NOT NULL,
		PRIMARY KEY (cohort, nhs_number)
	);
	CREATE INDEX ON care_identity.cohort_member (nhs_number);
	COMMENT ON TABLE care_identity.cohort_member IS
		'NHS numbers of each cohort, whether or not the person is in the database yet';

	CREATE TABLE care_landing.cohort (
		nhs_number text
	);
	COMMENT ON TABLE care_landing.cohort IS
		'NHS numbers of the cohort that import_cohort() makes next';

	CREATE TABLE care_landing.quarantine (
		quarantine_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		load_id        integer NOT NULL,
		dataset        name NOT NULL,
		landed_row     bigint NOT NULL,
		record         jsonb NOT NULL,
		reasons        text[] NOT NULL
	);
	CREATE INDEX ON care_landing.quarantine (load_id);
	COMMENT ON TABLE care_landing.quarantine IS
		'Landed rows that could not be stored, as received, with the reasons; identifiable';

	FOR v_table IN
		SELECT c.oid FROM pg_class c
		WHERE c.relnamespace IN ('care_identity'::regnamespace, 'care_landing'::regnamespace)
		  AND c.relkind = 'r'
	LOOP
		PERFORM caredata.lock_table(v_table);
	END LOOP;

	GRANT SELECT, INSERT, TRUNCATE ON care_landing.national_list, care_landing.cohort, care_landing.objection TO caredata_loader;
	GRANT SELECT ON care_identity.person, care_identity.identity,
		care_identity.nhs_number_change,
		care_identity.withdrawn_nhs_number_change TO caredata_linker;
	GRANT SELECT ON care_landing.quarantine TO caredata_loader;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_identity_tables() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_identity_tables() IS
	'Makes the tables of care_identity and the shared ones of care_landing; part of create_care_database()';

-- PostgreSQL lets everybody ask how many rows their own transaction has had
-- from a table or an index, and which rows it holds predicate locks on; how many
-- blocks were read, and how often a function was called where track_functions
-- is on. Under row security these count withheld rows that an index condition
-- found. The functions are this database's own rows of pg_proc; a dump has the
-- change.
CREATE FUNCTION caredata.counting_functions() RETURNS SETOF regprocedure
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT p.oid::regprocedure
	FROM pg_proc p
	WHERE p.pronamespace = 'pg_catalog'::regnamespace
	  AND (p.proname = 'pg_lock_status'
		   OR p.proname ~ '^pg_stat_get_(xact_|db_)?(numscans|lastscan|tuples_|live_tuples|dead_tuples|mod_since_|ins_since_|blocks_|blk_|function_)'
		   OR p.proname ~ '^pg_stat_get_(backend_)?io$|^pg_stat_get_buf_alloc$')
	ORDER BY p.oid;
END;
REVOKE ALL ON FUNCTION caredata.counting_functions() FROM PUBLIC;
COMMENT ON FUNCTION caredata.counting_functions() IS
	'Functions of PostgreSQL that count rows of tables and indexes, withheld ones too';

CREATE FUNCTION caredata.close_counters() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_function regprocedure;
BEGIN
	FOR v_function IN SELECT * FROM caredata.counting_functions()
	LOOP
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pg_read_all_stats', v_function);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.close_counters() FROM PUBLIC;
COMMENT ON FUNCTION caredata.close_counters() IS
	'Leaves functions that count rows to superusers and members of pg_read_all_stats, in this database; a superuser calls it again after a major upgrade of PostgreSQL';

CREATE FUNCTION caredata.create_care_database() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_schema name;
	v_dataset name;
	v_database name := current_database();
	v_search_path text;
BEGIN
	-- Everybody may call this, so that everybody is told why they may not; it
	-- runs with the caller's rights.
	IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
		RAISE EXCEPTION 'permission denied to create a care database'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Only a superuser may create a care database.';
	END IF;
	IF to_regclass('care.person') IS NOT NULL
	   AND to_regclass('care_identity.person') IS NOT NULL THEN
		RAISE EXCEPTION 'this database is already a care database'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Nothing was changed. After an upgrade call caredata.grant_roles().';
	END IF;
	SELECT n.nspname INTO v_schema FROM pg_namespace n
	WHERE n.nspname IN ('care', 'care_identity', 'care_landing')
	ORDER BY n.nspname LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'schema "%" already exists', v_schema
			USING ERRCODE = 'duplicate_schema',
				  HINT = 'A care database needs the schemas care, care_identity and care_landing for itself: use another database, or rename this schema.';
	END IF;
	IF EXISTS (SELECT FROM caredata.dataset) THEN
		RAISE EXCEPTION 'datasets are defined whose care database is gone'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Restore the schemas care, care_identity and care_landing, or DROP and CREATE the extension.';
	END IF;

	PERFORM caredata.create_roles();

	CREATE SCHEMA care_landing;
	COMMENT ON SCHEMA care_landing IS
		'Rows as received: text, identifiable, empty once loaded; and the rows that could not be used';
	CREATE SCHEMA care_identity;
	COMMENT ON SCHEMA care_identity IS
		'Persons, their identifiers and their objections; never part of a release';
	CREATE SCHEMA care;
	COMMENT ON SCHEMA care IS
		'Care tables by person, read only through the views of a release; and reference tables, open to all';

	-- Default privileges may have given these away already.
	REVOKE ALL ON SCHEMA care_landing, care_identity, care FROM PUBLIC;
	GRANT USAGE ON SCHEMA care_landing TO caredata_loader;
	GRANT USAGE ON SCHEMA care_identity TO caredata_linker;
	GRANT USAGE ON SCHEMA care TO PUBLIC;

	PERFORM caredata.create_identity_tables();
	PERFORM caredata.create_reference_tables();
	PERFORM caredata.install_code_lists();
	PERFORM caredata.define_standard_datasets();
	FOR v_dataset IN SELECT d.dataset FROM caredata.dataset d ORDER BY d.dataset
	LOOP
		PERFORM caredata.create_dataset(v_dataset);
	END LOOP;
	PERFORM caredata.grant_roles();
	PERFORM caredata.close_counters();

	-- BI tools set no search path, and equality of pseudonyms is found by it.
	SELECT substr(s.setting, length('search_path=') + 1) INTO v_search_path
	FROM pg_db_role_setting d, unnest(d.setconfig) AS s (setting)
	WHERE d.setdatabase = (SELECT b.oid FROM pg_database b WHERE b.datname = v_database)
	  AND d.setrole = 0
	  AND s.setting LIKE 'search\_path=%';
	IF v_search_path IS NULL THEN
		v_search_path := '"$user", public';
	END IF;
	IF NOT 'caredata' = ANY (regexp_split_to_array(v_search_path, '\s*,\s*')) THEN
		PERFORM set_config('search_path', v_search_path || ', caredata', true);
		EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path FROM CURRENT', v_database);
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	END IF;

	-- An object planted in public would be found before ours.
	IF EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
			   WHERE n.nspname = 'public' AND a.grantee = 0
				 AND a.privilege_type = 'CREATE') THEN
		REVOKE CREATE ON SCHEMA public FROM PUBLIC;
	END IF;
END
$$;
COMMENT ON FUNCTION caredata.create_care_database() IS
	'Turns the current database into a care database: roles, schemas, tables, code lists, search path; once, by a superuser';

CREATE FUNCTION caredata.ensure_partitions(dataset name, from_date date, to_date date)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- Hospital episode statistics begin with 1989/90. Older dates, and those
	-- too far ahead to be anything but mistakes, stay in the default partition.
	c_first CONSTANT date := DATE '1989-04-01';
	c_last CONSTANT date :=
		(caredata.financial_year_start(CURRENT_DATE) + INTERVAL '2 years')::date;
	v_dataset caredata.dataset;
	v_partition name;
	v_start date;
	v_end date;
	v_made integer := 0;
BEGIN
	SELECT d.* INTO v_dataset FROM caredata.dataset d
	WHERE d.dataset = ensure_partitions.dataset;
	IF NOT FOUND OR to_regclass(format('care.%I', dataset)) IS NULL THEN
		RAISE EXCEPTION 'dataset "%" does not exist', dataset
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.dataset lists the datasets.';
	END IF;
	IF from_date > to_date THEN
		RAISE EXCEPTION 'partitions cannot end before they start'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the earlier date first.';
	END IF;
	IF v_dataset.partition_column IS NULL OR from_date IS NULL OR to_date IS NULL THEN
		RETURN 0;
	END IF;

	v_start := greatest(caredata.financial_year_start(from_date), c_first);
	WHILE v_start <= least(to_date, c_last) LOOP
		v_end := (v_start + INTERVAL '1 year')::date;
		v_partition := format('%s_%s_%s', dataset,
							  to_char(v_start, 'YYYY'), to_char(v_end, 'YY'));
		IF to_regclass(format('care.%I', v_partition)) IS NULL THEN
			-- Two loads may want the same year: the second waits and finds it.
			EXECUTE format('LOCK TABLE care.%I IN SHARE UPDATE EXCLUSIVE MODE', dataset);
			IF to_regclass(format('care.%I', v_partition)) IS NULL THEN
				PERFORM caredata.add_partition(dataset, v_partition, v_start::text,
					format('financial year %s/%s', to_char(v_start, 'YYYY'), to_char(v_end, 'YY')));
				v_made := v_made + 1;
			END IF;
		END IF;
		v_start := v_end;
	END LOOP;
	RETURN v_made;
END
$$;
REVOKE ALL ON FUNCTION caredata.ensure_partitions(name, date, date) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.ensure_partitions(name, date, date)'),
	('caredata_loader', 'caredata.ensure_partitions(name, date, date)');
COMMENT ON FUNCTION caredata.ensure_partitions(name, date, date) IS
	'Makes the partitions of the financial years between two dates that are missing, and returns how many; queries that need the default partition wait until it commits, so make them before a load';
