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
	source_setting text
		CHECK (source_setting IN ('gp', 'hospital', 'community', 'social_care', 'registry')),
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

COMMENT ON COLUMN caredata.dataset_column.source_setting IS
	'Care setting that the value was derived from, where that is another than the dataset''s: a release shows it only of people whose rows of that setting it shows';

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

	IF column_name IN ('person_id', 'pid', 'link_rank', 'load_id', 'identity_id', 'landed_row')
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
						THEN ', link_rank smallint, load_id integer, identity_id integer' ELSE '' END,
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
		EXECUTE format('COMMENT ON COLUMN %s.identity_id IS %L', v_care,
					   'Identity that the record came with; never released');

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
		EXECUTE format('CREATE TABLE %s (%s, landed_row bigint GENERATED ALWAYS AS IDENTITY (CACHE 1000))',
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

