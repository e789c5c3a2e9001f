-- ---------------------------------------------------------------------------
-- Datasets: what can be landed, stored and released, described by data.
-- A dataset is a landing table of text, a care table of typed fields, and the
-- columns that lead from one to the other. The standard ones are defined by
-- the same calls that a DBA uses to add one; nothing here needs C.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.dataset (
	dataset           name PRIMARY KEY,
	setting           text NOT NULL
		CHECK (setting IN ('gp', 'hospital', 'community', 'social_care', 'registry')),
	title             text NOT NULL,
	key_columns       name[] NOT NULL,
	partition_column  name,
	event_date_column name,
	landed            boolean NOT NULL DEFAULT true,
	description       text NOT NULL
);
COMMENT ON TABLE caredata.dataset IS
	'Datasets that can be landed, stored and released; one row makes one landing table and one care table';
COMMENT ON COLUMN caredata.dataset.setting IS
	'Care setting the rows come from; objection rules and visible sets depend on it';
COMMENT ON COLUMN caredata.dataset.key_columns IS
	'Care columns that together name one source record; a record landed again replaces the stored one';
COMMENT ON COLUMN caredata.dataset.partition_column IS
	'Date column whose financial year (1 April to 31 March) partitions the care table; NULL for one table';
COMMENT ON COLUMN caredata.dataset.event_date_column IS
	'Date on which the recorded care happened';
COMMENT ON COLUMN caredata.dataset.landed IS
	'True for rows that arrive in files; false for a table of one row per person that loads derive';

CREATE TABLE caredata.dataset_column (
	dataset        name NOT NULL REFERENCES caredata.dataset ON DELETE CASCADE,
	position       smallint NOT NULL CHECK (position > 0),
	column_name    name NOT NULL,
	role           text NOT NULL DEFAULT 'data'
		CHECK (role IN ('data', 'nhs_number', 'date_of_birth', 'sex',
						'postcode', 'local_patient_id', 'source_organisation')),
	stored         boolean NOT NULL DEFAULT true,
	field_type     text NOT NULL
		CHECK (field_type IN ('smallint', 'integer', 'bigint', 'float8', 'text',
							  'date', 'time', 'boolean', 'nhs_number', 'postcode')),
	format         text
		CHECK (format IN ('icd10', 'opcs4', 'ods', 'lsoa', 'snomed', 'clinical',
						  'sex', 'ethnic_category')),
	mandatory      boolean NOT NULL DEFAULT false,
	code_list      text,
	not_before     name,
	future_allowed boolean NOT NULL DEFAULT false,
	treatment      text NOT NULL DEFAULT 'keep'
		CHECK (treatment IN ('drop', 'keep', 'year', 'month', 'age_band',
							 'msoa', 'district', 'record_pid')),
	description    text NOT NULL,
	PRIMARY KEY (dataset, column_name),
	UNIQUE (dataset, position),
	FOREIGN KEY (dataset, not_before)
		REFERENCES caredata.dataset_column (dataset, column_name),
	CHECK (format IS NULL OR field_type = 'text'),
	CHECK (NOT (stored AND field_type IN ('nhs_number', 'postcode'))),
	CHECK (NOT (stored AND role IN ('nhs_number', 'date_of_birth', 'postcode',
									'local_patient_id'))),
	CHECK (not_before IS NULL OR field_type = 'date'),
	CHECK (NOT future_allowed OR field_type = 'date')
);
COMMENT ON TABLE caredata.dataset_column IS
	'Fields of each dataset in file order: how they are read, linked on, stored and released';
COMMENT ON COLUMN caredata.dataset_column.role IS
	'What linkage uses the field for; data for everything else';
COMMENT ON COLUMN caredata.dataset_column.stored IS
	'Whether the field becomes a column of the care table; identifiers never do';
COMMENT ON COLUMN caredata.dataset_column.format IS
	'Code grammar that a text field must satisfy';
COMMENT ON COLUMN caredata.dataset_column.code_list IS
	'Name of the code list whose codes alone are valid; NULL for any';
COMMENT ON COLUMN caredata.dataset_column.not_before IS
	'Date column of the same record that this date cannot precede';
COMMENT ON COLUMN caredata.dataset_column.future_allowed IS
	'Whether the date may lie after the day of the load, as a booked appointment does';
COMMENT ON COLUMN caredata.dataset_column.treatment IS
	'Treatment that a release applies unless it is told another';

-- A row here describes a table that exists, so the rows travel with a dump.
SELECT pg_catalog.pg_extension_config_dump('caredata.dataset', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.dataset_column', '');

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.dataset'),
	('caredata_admin', 'caredata.dataset_column'),
	('caredata_loader', 'caredata.dataset'),
	('caredata_loader', 'caredata.dataset_column'),
	('caredata_linker', 'caredata.dataset'),
	('caredata_linker', 'caredata.dataset_column'),
	('caredata_guardian', 'caredata.dataset'),
	('caredata_guardian', 'caredata.dataset_column'),
	('caredata_auditor', 'caredata.dataset'),
	('caredata_auditor', 'caredata.dataset_column');

CREATE FUNCTION caredata.check_dataset_name(name name, what text) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL OR name::text !~ '^[a-z][a-z0-9_]{0,39}$' THEN
		RAISE EXCEPTION 'invalid % name', what
			USING ERRCODE = 'invalid_name',
				  HINT = 'Use a lower-case letter followed by up to 39 lower-case letters, digits and underscores.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_dataset_name(name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_dataset_name(name, text) IS
	'Raises unless the name of a dataset or column is plain enough to need no quoting anywhere';

CREATE FUNCTION caredata.check_dataset_open(dataset name) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM caredata.dataset d
				   WHERE d.dataset = check_dataset_open.dataset) THEN
		RAISE EXCEPTION 'dataset "%" is not defined', dataset
			USING ERRCODE = 'undefined_object',
				  HINT = 'Call caredata.define_dataset() first.';
	END IF;
	IF to_regclass(format('care.%I', dataset)) IS NOT NULL THEN
		RAISE EXCEPTION 'dataset "%" already has its tables', dataset
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Columns are defined before caredata.create_dataset() is called.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_dataset_open(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_dataset_open(name) IS
	'Raises unless the dataset is defined and its tables are not made yet';

CREATE FUNCTION caredata.define_dataset(
	dataset name,
	setting text,
	title text,
	key_columns name[],
	description text,
	partition_column name DEFAULT NULL,
	event_date_column name DEFAULT NULL
) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM caredata.check_dataset_name(dataset, 'dataset');
	IF to_regnamespace('care') IS NULL
	   OR to_regnamespace('care_landing') IS NULL THEN
		RAISE EXCEPTION 'this database is not a care database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Let a superuser call caredata.create_care_database() first.';
	END IF;
	IF EXISTS (SELECT FROM caredata.dataset d
			   WHERE d.dataset = define_dataset.dataset) THEN
		RAISE EXCEPTION 'dataset "%" is already defined', dataset
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Choose another name, or call caredata.forget_dataset() if its tables are not made yet.';
	END IF;
	IF to_regclass(format('care.%I', dataset)) IS NOT NULL
	   OR to_regclass(format('care_landing.%I', dataset)) IS NOT NULL THEN
		RAISE EXCEPTION 'a table of care or care_landing is named "%"', dataset
			USING ERRCODE = 'duplicate_table',
				  HINT = 'Choose another name for the dataset.';
	END IF;
	IF setting IS NULL
	   OR setting NOT IN ('gp', 'hospital', 'community', 'social_care', 'registry') THEN
		RAISE EXCEPTION 'unrecognised care setting'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Care settings are gp, hospital, community, social_care and registry.';
	END IF;
	IF coalesce(btrim(title), '') = '' OR coalesce(btrim(description), '') = '' THEN
		RAISE EXCEPTION 'a dataset needs a title and a description'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'They become the comments that analysts read.';
	END IF;
	IF coalesce(cardinality(key_columns), 0) = 0
	   OR array_position(key_columns, NULL) IS NOT NULL THEN
		RAISE EXCEPTION 'a dataset needs the columns that name one source record'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Without a key a record sent again would be stored twice.';
	END IF;
	INSERT INTO caredata.dataset
		(dataset, setting, title, key_columns, partition_column,
		 event_date_column, description)
	VALUES
		(define_dataset.dataset, define_dataset.setting, btrim(define_dataset.title),
		 define_dataset.key_columns, define_dataset.partition_column,
		 define_dataset.event_date_column, btrim(define_dataset.description));
END
$$;
REVOKE ALL ON FUNCTION caredata.define_dataset(name, text, text, name[], text, name, name) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.define_dataset(name, text, text, name[], text, name, name)');
COMMENT ON FUNCTION caredata.define_dataset(name, text, text, name[], text, name, name) IS
	'Defines a dataset; its columns follow by define_dataset_column(), its tables by create_dataset()';

CREATE FUNCTION caredata.define_dataset_column(
	dataset name,
	column_name name,
	field_type text,
	description text,
	role text DEFAULT 'data',
	format text DEFAULT NULL,
	mandatory boolean DEFAULT false,
	code_list text DEFAULT NULL,
	treatment text DEFAULT NULL,
	stored boolean DEFAULT NULL,
	not_before name DEFAULT NULL,
	future_allowed boolean DEFAULT false
) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_dataset caredata.dataset;
	v_stored boolean;
	v_treatment text;
BEGIN
	PERFORM caredata.check_dataset_open(dataset);
	PERFORM caredata.check_dataset_name(column_name, 'column');

	-- Serialises calls, so that two cannot take the same position.
	SELECT d.* INTO STRICT v_dataset FROM caredata.dataset d
	WHERE d.dataset = define_dataset_column.dataset FOR UPDATE;

	IF column_name IN ('person_id', 'pid', 'link_rank', 'load_id', 'landed_row')
	   AND v_dataset.landed THEN
		RAISE EXCEPTION 'column name "%" is taken by caredata itself', column_name
			USING ERRCODE = 'reserved_name',
				  HINT = 'Choose another name for the field.';
	END IF;
	IF EXISTS (SELECT FROM caredata.dataset_column c
			   WHERE c.dataset = define_dataset_column.dataset
				 AND c.column_name = define_dataset_column.column_name) THEN
		RAISE EXCEPTION 'column "%" of dataset "%" is already defined', column_name, dataset
			USING ERRCODE = 'duplicate_column',
				  HINT = 'Each field of the file is defined once, in file order.';
	END IF;
	IF field_type IS NULL
	   OR field_type NOT IN ('smallint', 'integer', 'bigint', 'float8', 'text', 'date',
							 'time', 'boolean', 'nhs_number', 'postcode') THEN
		RAISE EXCEPTION 'unrecognised field type of column "%"', column_name
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Field types are smallint, integer, bigint, float8, text, date, time, boolean, nhs_number and postcode.';
	END IF;
	IF coalesce(btrim(description), '') = '' THEN
		RAISE EXCEPTION 'a column needs a description'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It becomes the comment that analysts read.';
	END IF;

	-- An identifier is refused as a stored column, not silently left out.
	v_stored := coalesce(stored, role NOT IN ('nhs_number', 'date_of_birth', 'sex',
											  'postcode', 'local_patient_id')
								 AND field_type NOT IN ('nhs_number', 'postcode'));
	IF v_stored AND (role IN ('nhs_number', 'date_of_birth', 'postcode', 'local_patient_id')
					 OR field_type IN ('nhs_number', 'postcode')) THEN
		RAISE EXCEPTION 'an identifier cannot be stored in a care table'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Leave "stored" out; linkage keeps identifiers in care_identity.';
	END IF;
	IF (role = 'nhs_number' AND field_type <> 'nhs_number')
	   OR (role = 'postcode' AND field_type <> 'postcode')
	   OR (role = 'date_of_birth' AND field_type <> 'date')
	   OR (role IN ('sex', 'local_patient_id', 'source_organisation')
		   AND field_type <> 'text') THEN
		RAISE EXCEPTION 'field type does not suit the role of column "%"', column_name
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'nhs_number and postcode have their own types, date_of_birth is a date, the other roles are text.';
	END IF;
	IF role <> 'data'
	   AND EXISTS (SELECT FROM caredata.dataset_column c
				   WHERE c.dataset = define_dataset_column.dataset
					 AND c.role = define_dataset_column.role) THEN
		RAISE EXCEPTION 'dataset "%" already has a column with this role', dataset
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Linkage reads one column for each role; others have role "data".';
	END IF;
	IF not_before IS NOT NULL
	   AND NOT EXISTS (SELECT FROM caredata.dataset_column c
					   WHERE c.dataset = define_dataset_column.dataset
						 AND c.column_name = define_dataset_column.not_before
						 AND c.field_type = 'date') THEN
		RAISE EXCEPTION 'column "%" cannot be compared with a column that is not a date defined before it', column_name
			USING ERRCODE = 'undefined_column',
				  HINT = 'Define the earlier date first and name it in "not_before".';
	END IF;

	v_treatment := coalesce(treatment,
		CASE
			WHEN NOT v_stored THEN 'drop'
			WHEN column_name = ANY (v_dataset.key_columns)
				 AND role = 'data' AND field_type IN ('bigint', 'text') THEN 'record_pid'
			ELSE 'keep'
		END);
	-- What a release may do to a column is its list to keep.
	IF NOT EXISTS (SELECT FROM caredata.treatment t
				   WHERE t.treatment = v_treatment
					 AND define_dataset_column.field_type = ANY (t.field_types)
					 AND coalesce(t.format = define_dataset_column.format,
								  t.format IS NULL)
					 AND coalesce(t.column_name = define_dataset_column.column_name,
								  t.column_name IS NULL)) THEN
		RAISE EXCEPTION 'treatment does not suit column "%"', column_name
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'caredata.treatment lists what a release may do to which type of column.';
	END IF;

	INSERT INTO caredata.dataset_column
		(dataset, position, column_name, role, stored, field_type, format,
		 mandatory, code_list, not_before, future_allowed, treatment, description)
	SELECT define_dataset_column.dataset,
		   coalesce(max(c.position), 0) + 1,
		   define_dataset_column.column_name,
		   define_dataset_column.role,
		   v_stored,
		   define_dataset_column.field_type,
		   define_dataset_column.format,
		   define_dataset_column.mandatory,
		   define_dataset_column.code_list,
		   define_dataset_column.not_before,
		   define_dataset_column.future_allowed,
		   v_treatment,
		   btrim(define_dataset_column.description)
	FROM caredata.dataset_column c
	WHERE c.dataset = define_dataset_column.dataset;
EXCEPTION
	WHEN check_violation OR not_null_violation THEN
		RAISE EXCEPTION 'column "%" of dataset "%" is not well defined', column_name, dataset
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'See the allowed roles, field types, formats and treatments in docs/reference-datasets.md.';
END
$$;
REVOKE ALL ON FUNCTION caredata.define_dataset_column(name, name, text, text, text, text, boolean, text, text, boolean, name, boolean) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.define_dataset_column(name, name, text, text, text, text, boolean, text, text, boolean, name, boolean)');
COMMENT ON FUNCTION caredata.define_dataset_column(name, name, text, text, text, text, boolean, text, text, boolean, name, boolean) IS
	'Defines the next field of a dataset, in file order; by default identifiers are not stored and a record key is released as a pseudonym';

CREATE FUNCTION caredata.forget_dataset(dataset name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM caredata.check_dataset_open(dataset);
	DELETE FROM caredata.dataset d WHERE d.dataset = forget_dataset.dataset;
END
$$;
REVOKE ALL ON FUNCTION caredata.forget_dataset(name) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.forget_dataset(name)');
COMMENT ON FUNCTION caredata.forget_dataset(name) IS
	'Removes the definition of a dataset whose tables are not made yet, to start it again';

CREATE FUNCTION caredata.lock_table(relation regclass) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_grantee oid;
BEGIN
	FOR v_grantee IN
		SELECT DISTINCT a.grantee
		FROM pg_class c, aclexplode(c.relacl) a
		WHERE c.oid = relation AND a.grantee <> c.relowner
	LOOP
		IF v_grantee = 0 THEN
			EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC', relation);
		ELSE
			EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', relation, v_grantee::regrole);
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.lock_table(regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_table(regclass) IS
	'Takes away every privilege that default privileges gave on a new table, so that only its owner has any';

CREATE FUNCTION caredata.protect_table(relation regclass) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM caredata.lock_table(relation);
	EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
				   relation);
END
$$;
REVOKE ALL ON FUNCTION caredata.protect_table(regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.protect_table(regclass) IS
	'Makes a new care table readable by nobody until a release''s policy says otherwise';

CREATE FUNCTION caredata.add_partition(dataset name, partition name, bound text,
									   content text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_from date := nullif(bound, 'DEFAULT')::date;
	v_to date := (v_from + INTERVAL '1 year')::date;
	v_column name := (SELECT d.partition_column FROM caredata.dataset d
					  WHERE d.dataset = add_partition.dataset);
BEGIN
	-- Made apart and attached: the parent stays open to readers, and the
	-- comments come too. What PostgreSQL locks to the end of the transaction is
	-- the default partition, because rows may have to leave it.
	EXECUTE format('CREATE TABLE care.%I (LIKE care.%I INCLUDING CONSTRAINTS INCLUDING COMMENTS INCLUDING STORAGE)',
				   partition, dataset);
	PERFORM caredata.protect_table(format('care.%I', partition)::regclass);
	EXECUTE format('COMMENT ON TABLE care.%I IS %L', partition,
				   (SELECT d.title FROM caredata.dataset d
					WHERE d.dataset = add_partition.dataset) || ': ' || content);
	IF v_from IS NULL THEN
		EXECUTE format('ALTER TABLE care.%I ATTACH PARTITION care.%I DEFAULT',
					   dataset, partition);
		RETURN;
	END IF;
	EXECUTE format('WITH moved AS (DELETE FROM care.%1$I WHERE %2$I >= %4$L AND %2$I < %5$L RETURNING *) INSERT INTO care.%3$I SELECT * FROM moved',
				   dataset || '_default', v_column, partition, v_from, v_to);
	EXECUTE format('ALTER TABLE care.%I ATTACH PARTITION care.%I FOR VALUES FROM (%L) TO (%L)',
				   dataset, partition, v_from, v_to);
END
$$;
REVOKE ALL ON FUNCTION caredata.add_partition(name, name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_partition(name, name, text, text) IS
	'Adds to a care table the partition of the financial year that starts on a date, or DEFAULT, and moves its rows there';

CREATE FUNCTION caredata.create_dataset(dataset name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_dataset caredata.dataset;
	v_column caredata.dataset_column;
	v_missing name;
	v_care text;
	v_landing text;
	v_columns text;
BEGIN
	PERFORM caredata.check_dataset_open(dataset);
	SELECT d.* INTO STRICT v_dataset FROM caredata.dataset d
	WHERE d.dataset = create_dataset.dataset FOR UPDATE;

	-- The definition must hang together before any table is made.
	SELECT k.key_column INTO v_missing
	FROM unnest(v_dataset.key_columns) AS k (key_column)
	WHERE v_dataset.landed
	  AND NOT EXISTS (SELECT FROM caredata.dataset_column c
					  WHERE c.dataset = create_dataset.dataset
						AND c.column_name = k.key_column
						AND c.stored AND c.mandatory)
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'key column "%" of dataset "%" is not a stored, mandatory column', v_missing, dataset
			USING ERRCODE = 'invalid_table_definition',
				  HINT = 'Define it with mandatory => true, or choose another key.';
	END IF;
	SELECT k.date_column INTO v_missing
	FROM unnest(ARRAY[v_dataset.partition_column,
					  v_dataset.event_date_column]) AS k (date_column)
	WHERE k.date_column IS NOT NULL
	  AND NOT EXISTS (SELECT FROM caredata.dataset_column c
					  WHERE c.dataset = create_dataset.dataset
						AND c.column_name = k.date_column
						AND c.stored AND c.field_type = 'date')
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'date column "%" of dataset "%" is not a stored date', v_missing, dataset
			USING ERRCODE = 'invalid_table_definition',
				  HINT = 'Define it with field type date.';
	END IF;
	IF v_dataset.landed
	   AND NOT EXISTS (SELECT FROM caredata.dataset_column c
					   WHERE c.dataset = create_dataset.dataset
						 AND c.role IN ('nhs_number', 'postcode', 'local_patient_id')) THEN
		RAISE EXCEPTION 'dataset "%" has nothing to link on', dataset
			USING ERRCODE = 'invalid_table_definition',
				  HINT = 'Define a column with role nhs_number, postcode or local_patient_id.';
	END IF;
	IF EXISTS (SELECT FROM caredata.dataset_column c
			   WHERE c.dataset = create_dataset.dataset
				 AND c.role = 'local_patient_id')
	   AND NOT EXISTS (SELECT FROM caredata.dataset_column c
					   WHERE c.dataset = create_dataset.dataset
						 AND c.role = 'source_organisation') THEN
		RAISE EXCEPTION 'dataset "%" has local patient ids but no source organisation', dataset
			USING ERRCODE = 'invalid_table_definition',
				  HINT = 'A local patient id means something only with the organisation that gave it.';
	END IF;

	v_care := format('care.%I', dataset);

	-- Codes compare by byte: case matters in Read codes, and an upgrade of
	-- the operating system's collations must not break an index.
	SELECT string_agg(format('%I %s%s%s', c.column_name,
							 CASE c.field_type
								 WHEN 'float8' THEN 'double precision'
								 WHEN 'time' THEN 'time without time zone'
								 ELSE c.field_type
							 END,
							 CASE WHEN c.field_type = 'text' THEN ' COLLATE "C"' ELSE '' END,
							 CASE WHEN c.mandatory THEN ' NOT NULL' ELSE '' END),
					  ', ' ORDER BY c.position)
	INTO v_columns
	FROM caredata.dataset_column c
	WHERE c.dataset = create_dataset.dataset AND c.stored;

	IF v_columns IS NULL THEN
		RAISE EXCEPTION 'dataset "%" has no stored columns', dataset
			USING ERRCODE = 'invalid_table_definition',
				  HINT = 'Define its fields with caredata.define_dataset_column().';
	END IF;

	EXECUTE format('CREATE TABLE %s (person_id integer %s, %s%s)%s',
				   v_care,
				   CASE WHEN v_dataset.landed THEN 'NOT NULL' ELSE 'PRIMARY KEY' END,
				   v_columns,
				   CASE WHEN v_dataset.landed
						THEN ', link_rank smallint, load_id integer' ELSE '' END,
				   CASE WHEN v_dataset.partition_column IS NOT NULL
						THEN format(' PARTITION BY RANGE (%I)', v_dataset.partition_column)
						ELSE '' END);
	PERFORM caredata.protect_table(v_care::regclass);

	EXECUTE format('COMMENT ON TABLE %s IS %L', v_care,
				   v_dataset.title || '. ' || v_dataset.description);
	EXECUTE format('COMMENT ON COLUMN %s.person_id IS %L', v_care,
				   'The linked person; released only as the pseudonym pid');
	FOR v_column IN
		SELECT c.* FROM caredata.dataset_column c
		WHERE c.dataset = create_dataset.dataset AND c.stored
		ORDER BY c.position
	LOOP
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', v_care,
					   v_column.column_name, v_column.description);
	END LOOP;

	IF v_dataset.landed THEN
		EXECUTE format('COMMENT ON COLUMN %s.link_rank IS %L', v_care,
					   'Rank at which the record was linked to the person (caredata.link_rank)');
		EXECUTE format('COMMENT ON COLUMN %s.load_id IS %L', v_care,
					   'Load that stored the record (caredata.load_run)');

		EXECUTE format('CREATE INDEX ON %s (person_id)', v_care);
		EXECUTE format('CREATE INDEX ON %s (%s)', v_care,
					   (SELECT string_agg(format('%I', k.key_column), ', ' ORDER BY k.ordinal)
						FROM unnest(v_dataset.key_columns)
							 WITH ORDINALITY AS k (key_column, ordinal)));
	END IF;
	IF v_dataset.event_date_column IS NOT NULL THEN
		EXECUTE format('CREATE INDEX ON %s (%I)', v_care, v_dataset.event_date_column);
	END IF;
	IF v_dataset.partition_column IS NOT NULL
	   AND v_dataset.partition_column IS DISTINCT FROM v_dataset.event_date_column THEN
		EXECUTE format('CREATE INDEX ON %s (%I)', v_care, v_dataset.partition_column);
	END IF;

	IF v_dataset.partition_column IS NOT NULL THEN
		PERFORM caredata.add_partition(dataset, (dataset || '_default')::name,
									   'DEFAULT',
									   'rows without a date, and of years that have no partition');
	END IF;

	IF v_dataset.landed THEN
		v_landing := format('care_landing.%I', dataset);
		EXECUTE format('CREATE TABLE %s (%s, landed_row bigint GENERATED ALWAYS AS IDENTITY)',
					   v_landing,
					   (SELECT string_agg(format('%I text', c.column_name), ', ' ORDER BY c.position)
						FROM caredata.dataset_column c
						WHERE c.dataset = create_dataset.dataset));
		PERFORM caredata.lock_table(v_landing::regclass);
		EXECUTE format('COMMENT ON TABLE %s IS %L', v_landing,
					   v_dataset.title || ' as received: text, identifiable, empty once loaded');
		FOR v_column IN
			SELECT c.* FROM caredata.dataset_column c
			WHERE c.dataset = create_dataset.dataset ORDER BY c.position
		LOOP
			EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', v_landing,
						   v_column.column_name, v_column.description);
		END LOOP;
		EXECUTE format('COMMENT ON COLUMN %s.landed_row IS %L', v_landing,
					   'Order of arrival; the files do not have it');
		EXECUTE format('GRANT SELECT, INSERT, TRUNCATE ON %s TO caredata_loader', v_landing);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_dataset(name) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.create_dataset(name)');
COMMENT ON FUNCTION caredata.create_dataset(name) IS
	'Makes the landing table and the care table of a defined dataset, with comments, indexes, row security and grants';

CREATE FUNCTION caredata.landing_columns(dataset name) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(quote_ident(c.column_name), ', ' ORDER BY c.position)
	FROM caredata.dataset_column c
	WHERE c.dataset = landing_columns.dataset
$$;
REVOKE ALL ON FUNCTION caredata.landing_columns(name) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.landing_columns(name)'),
	('caredata_admin', 'caredata.landing_columns(name)');
COMMENT ON FUNCTION caredata.landing_columns(name) IS
	'Columns of a landing table in file order, for the column list of COPY; NULL for a dataset that is not defined';

CREATE FUNCTION caredata.financial_year_start(day date) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN pg_catalog.make_date(
		EXTRACT(year FROM day OPERATOR(pg_catalog.-) INTERVAL '3 months')::integer, 4, 1);
COMMENT ON FUNCTION caredata.financial_year_start(date) IS
	'First day, 1 April, of the financial year that a date lies in';

CREATE FUNCTION caredata.define_standard_datasets() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- What the loads know of each person. No file brings it, so it has no
	-- landing table, and it is not defined by define_dataset().
	INSERT INTO caredata.dataset (dataset, setting, title, key_columns, landed, description)
	VALUES ('person', 'registry', 'Persons', '{person_id}', false,
			'One row for each person: coded facts from the registrations, episodes and deaths linked to them');
	PERFORM caredata.define_dataset_column('person', 'birth_year', 'smallint',
		'Year of birth');
	PERFORM caredata.define_dataset_column('person', 'birth_month', 'smallint',
		'Month of birth, 1 to 12', treatment => 'drop');
	PERFORM caredata.define_dataset_column('person', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known',
		format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('person', 'ethnic_category', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('person', 'lsoa', 'text',
		'Lower layer super output area of the latest known address', format => 'lsoa');
	PERFORM caredata.define_dataset_column('person', 'practice_code', 'text',
		'GP practice of the latest registration, an ODS code', format => 'ods');
	PERFORM caredata.define_dataset_column('person', 'death_year', 'smallint',
		'Year of death; empty for the living');
	PERFORM caredata.define_dataset_column('person', 'death_month', 'smallint',
		'Month of death, 1 to 12');

	PERFORM caredata.define_dataset('gp_registration', 'gp', 'GP registrations',
		ARRAY['registration_id'],
		'One row for each period a person was registered with a practice; periods of one person may overlap, and the latest start counts',
		partition_column => NULL, event_date_column => 'registration_start');
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_id', 'text',
		'Key of the registration in the source system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'practice', 'text',
		'GP practice, an ODS code; defaults such as V81997 mean no practice',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_registration', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_registration', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_registration', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_registration', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_start', 'date',
		'First day of the registration',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_end', 'date',
		'Last day of the registration; empty while it is open',
		not_before => 'registration_start');
	PERFORM caredata.define_dataset_column('gp_registration', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('gp_registration', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');

	PERFORM caredata.define_dataset('gp_event', 'gp', 'Coded GP events',
		ARRAY['practice', 'event_id'],
		'One row for each code in a GP record: diagnoses, findings, measurements, referrals. No free text. Codes that record an objection are kept apart and never stored here',
		partition_column => 'date', event_date_column => 'date');
	PERFORM caredata.define_dataset_column('gp_event', 'practice', 'text',
		'GP practice whose record holds the event, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'event_id', 'text',
		'Key of the event in the practice''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_event', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_event', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_event', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_event', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_event', 'date', 'date',
		'When it happened; empty where the record does not say');
	PERFORM caredata.define_dataset_column('gp_event', 'record_date', 'date',
		'When it was entered into the record');
	PERFORM caredata.define_dataset_column('gp_event', 'code', 'text',
		'Clinical code in the scheme named beside it; case matters',
		format => 'clinical', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'scheme', 'text',
		'Coding scheme of the code: readv2, ctv3 or snomed',
		code_list => 'clinical_scheme', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'value1_condition', 'float8',
		'First value recorded with the code, such as systolic pressure');
	PERFORM caredata.define_dataset_column('gp_event', 'value2_condition', 'float8',
		'Second value recorded with the code, such as diastolic pressure');
	PERFORM caredata.define_dataset_column('gp_event', 'episode_condition', 'text',
		'Episode type recorded with the condition (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('gp_event', 'sensitive_code', 'boolean',
		'Whether the supplier marked the code as sensitive');
	PERFORM caredata.define_dataset_column('gp_event', 'gp_system_supplier', 'text',
		'Supplier of the practice''s system');
	PERFORM caredata.define_dataset_column('gp_event', 'reporting_period_end_date', 'date',
		'Last day of the period that the extract covers',
		future_allowed => true);

	PERFORM caredata.define_dataset('gp_prescription', 'gp', 'GP prescriptions',
		ARRAY['practice', 'prescription_id'],
		'One row for each item prescribed in general practice',
		partition_column => 'date', event_date_column => 'date');
	PERFORM caredata.define_dataset_column('gp_prescription', 'practice', 'text',
		'GP practice that prescribed, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'prescription_id', 'text',
		'Key of the prescription in the practice''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_prescription', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_prescription', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_prescription', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_prescription', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_prescription', 'date', 'date',
		'When it was prescribed',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'record_date', 'date',
		'When it was entered into the record');
	PERFORM caredata.define_dataset_column('gp_prescription', 'code', 'text',
		'Medicine in the scheme named beside it',
		format => 'clinical', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'scheme', 'text',
		'Coding scheme of the code: dmd, snomed, readv2 or ctv3',
		code_list => 'prescription_scheme', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'quantity', 'float8',
		'Quantity prescribed, in the unit of the product');
	PERFORM caredata.define_dataset_column('gp_prescription', 'value1_prescription', 'float8',
		'First value recorded with the item');
	PERFORM caredata.define_dataset_column('gp_prescription', 'value2_prescription', 'float8',
		'Second value recorded with the item');
	PERFORM caredata.define_dataset_column('gp_prescription', 'episode_prescription', 'text',
		'Acute, repeat or other (meaning from memory, not confirmed against a source)');

	PERFORM caredata.define_dataset('apc_episode', 'hospital', 'Admitted patient care episodes',
		ARRAY['fyear', 'epikey'],
		'One row for each finished or unfinished consultant episode, with HES field names. A spell is the stay at one provider: its first episode has epiorder 1. A key is unique within a data year only',
		partition_column => 'epistart', event_date_column => 'epistart');
	PERFORM caredata.define_dataset_column('apc_episode', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'epikey', 'bigint',
		'Record key of the episode',
		mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('apc_episode', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('apc_episode', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('apc_episode', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('apc_episode', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('apc_episode', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('apc_episode', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('apc_episode', 'startage', 'smallint',
		'Age in years at the start of the episode; 7001 to 7007 for babies under one year (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'resladst', 'text',
		'Local authority district of residence, an ONS code');
	PERFORM caredata.define_dataset_column('apc_episode', 'elecdate', 'date',
		'Date of the decision to admit');
	PERFORM caredata.define_dataset_column('apc_episode', 'elecdur', 'integer',
		'Days from the decision to admit to admission');
	PERFORM caredata.define_dataset_column('apc_episode', 'admidate', 'date',
		'Date of admission, the start of the spell',
		mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'admimeth', 'text',
		'Method of admission; 21 to 2D are emergencies',
		code_list => 'admimeth');
	PERFORM caredata.define_dataset_column('apc_episode', 'admisorc', 'text',
		'Source of admission',
		code_list => 'admisorc');
	PERFORM caredata.define_dataset_column('apc_episode', 'intmanig', 'text',
		'Intended management',
		code_list => 'intmanig');
	PERFORM caredata.define_dataset_column('apc_episode', 'classpat', 'text',
		'Patient classification: ordinary, day case, regular attender, delivery',
		code_list => 'classpat');
	PERFORM caredata.define_dataset_column('apc_episode', 'epistart', 'date',
		'Start of the episode',
		not_before => 'admidate', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'epiend', 'date',
		'End of the episode; empty while it is unfinished',
		not_before => 'epistart');
	PERFORM caredata.define_dataset_column('apc_episode', 'epidur', 'integer',
		'Length of the episode in days');
	PERFORM caredata.define_dataset_column('apc_episode', 'epiorder', 'smallint',
		'Position of the episode in its spell; 1 is the admission');
	PERFORM caredata.define_dataset_column('apc_episode', 'epistat', 'text',
		'Episode status: 1 unfinished, 3 finished',
		code_list => 'epistat');
	PERFORM caredata.define_dataset_column('apc_episode', 'epitype', 'text',
		'Episode type',
		code_list => 'epitype');
	PERFORM caredata.define_dataset_column('apc_episode', 'disdate', 'date',
		'Date of discharge, the end of the spell',
		not_before => 'admidate');
	PERFORM caredata.define_dataset_column('apc_episode', 'dismeth', 'text',
		'Method of discharge; 4 is death',
		code_list => 'dismeth');
	PERFORM caredata.define_dataset_column('apc_episode', 'disdest', 'text',
		'Destination on discharge',
		code_list => 'disdest');
	PERFORM caredata.define_dataset_column('apc_episode', 'spelbgin', 'smallint',
		'Whether the episode begins the spell (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'spelend', 'text',
		'Whether the episode ends the spell, Y or N (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'speldur', 'integer',
		'Length of the spell in days');
	PERFORM caredata.define_dataset_column('apc_episode', 'last_episode_in_spell', 'boolean',
		'Whether the episode is the last of its spell');
	PERFORM caredata.define_dataset_column('apc_episode', 'well_baby_ind', 'boolean',
		'Whether the episode is of a well baby');
	PERFORM caredata.define_dataset_column('apc_episode', 'mainspef', 'text',
		'Main specialty of the consultant');
	PERFORM caredata.define_dataset_column('apc_episode', 'tretspef', 'text',
		'Treatment specialty');
	FOR i IN 1..20 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, ICD-10 of four characters (J46X); diag_01 is the primary, R69X unknown', i),
			format => 'icd10');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('opertn_%s', to_char(i, 'FM00'))::name, 'text',
			format('Procedure %s, OPCS-4 of four characters', i),
			format => 'opcs4');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('opdate_%s', to_char(i, 'FM00'))::name, 'date',
			format('Date of procedure %s', i));
	END LOOP;
	PERFORM caredata.define_dataset_column('apc_episode', 'hrg', 'text',
		'Healthcare resource group');
	PERFORM caredata.define_dataset_column('apc_episode', 'sushrg', 'text',
		'Healthcare resource group that sets the tariff, as SUS derived it');

	PERFORM caredata.define_dataset('op_attendance', 'hospital', 'Outpatient appointments',
		ARRAY['fyear', 'attendkey'],
		'One row for each outpatient appointment, attended or not, with HES field names',
		partition_column => 'apptdate', event_date_column => 'apptdate');
	PERFORM caredata.define_dataset_column('op_attendance', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'attendkey', 'bigint',
		'Record key of the appointment',
		mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('op_attendance', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('op_attendance', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('op_attendance', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('op_attendance', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('op_attendance', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('op_attendance', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('op_attendance', 'apptage', 'smallint',
		'Age in years on the day of the appointment');
	PERFORM caredata.define_dataset_column('op_attendance', 'reqdate', 'date',
		'Date the referral was received');
	PERFORM caredata.define_dataset_column('op_attendance', 'refsourc', 'text',
		'Source of referral',
		code_list => 'refsourc');
	PERFORM caredata.define_dataset_column('op_attendance', 'priority', 'text',
		'Priority of the referral');
	PERFORM caredata.define_dataset_column('op_attendance', 'apptdate', 'date',
		'Date of the appointment',
		future_allowed => true, mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'atentype', 'text',
		'Attendance type');
	PERFORM caredata.define_dataset_column('op_attendance', 'attended', 'text',
		'Attended or did not attend; 5 and 6 were seen',
		code_list => 'attended');
	PERFORM caredata.define_dataset_column('op_attendance', 'firstatt', 'text',
		'First attendance, follow-up or telephone',
		code_list => 'firstatt');
	PERFORM caredata.define_dataset_column('op_attendance', 'outcome', 'text',
		'Outcome of the attendance',
		code_list => 'op_outcome');
	PERFORM caredata.define_dataset_column('op_attendance', 'mainspef', 'text',
		'Main specialty of the consultant');
	PERFORM caredata.define_dataset_column('op_attendance', 'tretspef', 'text',
		'Treatment specialty');
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('op_attendance',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, ICD-10 of four characters; seldom filled', i),
			format => 'icd10');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('op_attendance',
			format('opertn_%s', to_char(i, 'FM00'))::name, 'text',
			format('Procedure %s, OPCS-4 of four characters', i),
			format => 'opcs4');
	END LOOP;

	PERFORM caredata.define_dataset('ed_attendance', 'hospital', 'Emergency department attendances',
		ARRAY['fyear', 'aekey'],
		'One row for each attendance at an emergency department, urgent treatment centre or walk-in centre',
		partition_column => 'arrivaldate', event_date_column => 'arrivaldate');
	PERFORM caredata.define_dataset_column('ed_attendance', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'aekey', 'bigint',
		'Record key of the attendance',
		mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('ed_attendance', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('ed_attendance', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('ed_attendance', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('ed_attendance', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('ed_attendance', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('ed_attendance', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivalage', 'smallint',
		'Age in years on arrival');
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivaldate', 'date',
		'Date of arrival',
		mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivaltime', 'time',
		'Time of arrival');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aearrivalmode', 'text',
		'How the patient arrived (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'department_type', 'text',
		'Department type; 01 is a major emergency department',
		code_list => 'department_type');
	PERFORM caredata.define_dataset_column('ed_attendance', 'attendance_category', 'text',
		'Attendance category; 1 is unplanned and first',
		code_list => 'attendance_category');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aepatgroup', 'text',
		'Patient group (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aeincloctype', 'text',
		'Incident location type (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aeattenddisp', 'text',
		'Attendance disposal (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'acuity', 'text',
		'Acuity on first assessment, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'chief_complaint', 'text',
		'Chief complaint, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'initdur', 'integer',
		'Minutes from arrival to first assessment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'tretdur', 'integer',
		'Minutes from arrival to treatment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'concldur', 'integer',
		'Minutes from arrival to the end of treatment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'depdur', 'integer',
		'Minutes from arrival to departure (meaning from memory, not confirmed against a source)');
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('invest_%s', to_char(i, 'FM00'))::name, 'text',
			format('Investigation %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('treat_%s', to_char(i, 'FM00'))::name, 'text',
			format('Treatment %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	PERFORM caredata.define_dataset_column('ed_attendance', 'discharge_destination', 'text',
		'Discharge destination, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'discharge_status', 'text',
		'Discharge status, a SNOMED CT concept',
		format => 'snomed');

	PERFORM caredata.define_dataset('community_contact', 'community', 'Community care contacts',
		ARRAY['provider', 'care_contact_id'],
		'One row for each contact of a community team with a person, with the referral it belongs to (Community Services Data Set)',
		partition_column => 'care_contact_date', event_date_column => 'care_contact_date');
	PERFORM caredata.define_dataset_column('community_contact', 'provider', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_id', 'text',
		'Key of the contact',
		mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'service_request_id', 'text',
		'Key of the referral that the contact belongs to',
		treatment => 'record_pid');
	PERFORM caredata.define_dataset_column('community_contact', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('community_contact', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('community_contact', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('community_contact', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('community_contact', 'local_patient_id', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('community_contact', 'nhs_number_status', 'text',
		'NHS number status indicator',
		code_list => 'nhs_number_status');
	PERFORM caredata.define_dataset_column('community_contact', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('community_contact', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('community_contact', 'practice', 'text',
		'GP practice as the provider recorded it, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('community_contact', 'commissioner', 'text',
		'Commissioner, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('community_contact', 'referral_received_date', 'date',
		'Date the referral was received');
	PERFORM caredata.define_dataset_column('community_contact', 'source_of_referral', 'text',
		'Source of referral',
		code_list => 'community_referral_source');
	PERFORM caredata.define_dataset_column('community_contact', 'primary_reason_for_referral', 'text',
		'Primary reason for referral',
		code_list => 'community_referral_reason');
	PERFORM caredata.define_dataset_column('community_contact', 'priority', 'text',
		'Priority of the referral');
	PERFORM caredata.define_dataset_column('community_contact', 'team_type', 'text',
		'Type of team referred to',
		code_list => 'team_type');
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_date', 'date',
		'Date of the contact',
		future_allowed => true, mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_duration', 'smallint',
		'Minutes the contact lasted');
	PERFORM caredata.define_dataset_column('community_contact', 'consultation_type', 'text',
		'Consultation type');
	PERFORM caredata.define_dataset_column('community_contact', 'consultation_medium', 'text',
		'Consultation medium used',
		code_list => 'consultation_medium');
	PERFORM caredata.define_dataset_column('community_contact', 'location_type', 'text',
		'Type of location');
	PERFORM caredata.define_dataset_column('community_contact', 'attended', 'text',
		'Attended or did not attend; 5 and 6 were seen',
		code_list => 'attended');
	PERFORM caredata.define_dataset_column('community_contact', 'activity_type', 'text',
		'Community care activity type',
		code_list => 'community_activity_type');
	PERFORM caredata.define_dataset_column('community_contact', 'coded_procedure', 'text',
		'Procedure, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('community_contact', 'coded_finding', 'text',
		'Finding, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('community_contact', 'service_discharge_date', 'date',
		'Date the service discharged the person',
		not_before => 'referral_received_date');
	PERFORM caredata.define_dataset_column('community_contact', 'referral_closure_reason', 'text',
		'Why the referral was closed',
		code_list => 'referral_closure_reason');

	PERFORM caredata.define_dataset('social_care_event', 'social_care', 'Adult social care events',
		ARRAY['la_code', 'event_reference'],
		'One row for each request, assessment, service or review (Client Level Data)',
		partition_column => 'event_start_date', event_date_column => 'event_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'la_code', 'text',
		'Local authority with adult social care duties',
		role => 'source_organisation', mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_reference', 'text',
		'Key of the event in the authority''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('social_care_event', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('social_care_event', 'gender', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('social_care_event', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('social_care_event', 'la_person_id', 'text',
		'Number the local authority gave the person; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('social_care_event', 'reporting_period_start_date', 'date',
		'First day of the period that the submission covers');
	PERFORM caredata.define_dataset_column('social_care_event', 'reporting_period_end_date', 'date',
		'Last day of the period that the submission covers',
		future_allowed => true, not_before => 'reporting_period_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'import_date', 'date',
		'When the submission was received; of two rows for one event the later counts');
	PERFORM caredata.define_dataset_column('social_care_event', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('social_care_event', 'practice', 'text',
		'GP practice as the authority recorded it, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('social_care_event', 'client_type', 'text',
		'Service user, carer and so on',
		code_list => 'client_type');
	PERFORM caredata.define_dataset_column('social_care_event', 'event_type', 'text',
		'Request, Assessment, Service or Review',
		code_list => 'event_type', mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_start_date', 'date',
		'Start of the event',
		mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_end_date', 'date',
		'End of the event; empty for a service that is open',
		future_allowed => true, not_before => 'event_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'event_outcome', 'text',
		'Outcome of the event; care.code_list has the national order of precedence');
	PERFORM caredata.define_dataset_column('social_care_event', 'service_type', 'text',
		'Service type; filled for services',
		code_list => 'service_type');
	PERFORM caredata.define_dataset_column('social_care_event', 'service_component', 'text',
		'What the service consists of');
	PERFORM caredata.define_dataset_column('social_care_event', 'delivery_mechanism', 'text',
		'How the service is paid for',
		code_list => 'delivery_mechanism');
	PERFORM caredata.define_dataset_column('social_care_event', 'primary_support_reason', 'text',
		'Main reason for support');
	PERFORM caredata.define_dataset_column('social_care_event', 'request_route_of_access', 'text',
		'Where the request came from');
	PERFORM caredata.define_dataset_column('social_care_event', 'accommodation_status', 'text',
		'Accommodation status');
	PERFORM caredata.define_dataset_column('social_care_event', 'employment_status', 'text',
		'Employment status');
	PERFORM caredata.define_dataset_column('social_care_event', 'has_unpaid_carer', 'text',
		'Whether the person has an unpaid carer');

	PERFORM caredata.define_dataset('death', 'registry', 'Registered deaths',
		ARRAY['registration_id'],
		'One row for each registered death',
		partition_column => NULL, event_date_column => 'date_of_death');
	PERFORM caredata.define_dataset_column('death', 'registration_id', 'text',
		'Key of the entry in the register',
		mandatory => true);
	PERFORM caredata.define_dataset_column('death', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('death', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('death', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('death', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('death', 'date_of_death', 'date',
		'Date of death',
		mandatory => true);
	PERFORM caredata.define_dataset_column('death', 'registration_date', 'date',
		'Date the death was registered',
		not_before => 'date_of_death');
	PERFORM caredata.define_dataset_column('death', 'place_of_death', 'text',
		'Place of death as the register codes it');
	PERFORM caredata.define_dataset_column('death', 'communal_establishment', 'text',
		'Establishment where the person died, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('death', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('death', 'underlying_cause', 'text',
		'Underlying cause of death, ICD-10 of four characters',
		format => 'icd10');
	FOR i IN 1..8 LOOP
		PERFORM caredata.define_dataset_column('death',
			format('cause_%s', to_char(i, 'FM00'))::name, 'text',
			format('Cause %s on the certificate, ICD-10 of four characters', i),
			format => 'icd10');
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.define_standard_datasets() FROM PUBLIC;
COMMENT ON FUNCTION caredata.define_standard_datasets() IS
	'Defines the datasets that every care database has; create_care_database() calls it once';
