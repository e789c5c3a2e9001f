-- ---------------------------------------------------------------------------
-- Load: landed rows become care records, or are accounted for.
--
-- CALL caredata.load('apc_episode') takes everything in the landing table,
-- types every field, links the identities, stores what is sound and leaves the
-- landing table empty, in one transaction: landed = stored + quarantined +
-- withheld (invariant I6), and a load that fails has done nothing. The SQL is
-- generated from the catalogue once per load; no row is handled on its own.
-- ---------------------------------------------------------------------------

CREATE PROCEDURE caredata.load(dataset name, file_name text DEFAULT NULL)
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
	SET jit = off
	SET work_mem = '256MB'
	SET default_statistics_target = 20
	AS $procedure$
DECLARE
	spec        caredata.dataset;
	today       date := CURRENT_DATE;
	began       timestamptz := clock_timestamp();
	run_id      integer;
	landing     text;
	care        text;
	col         record;
	codes       text[];
	-- columns with a role: their names in the landing table
	nhs_column  name;
	dob_column  name;
	sex_column  name;
	postcode_column name;
	local_column name;
	organisation_column name;
	code_column name;
	recorded_column name;
	-- generated SQL
	typed       text := '';		-- typed fields, from the landing table l
	present     text[] := '{}';	-- landed data fields
	kept        text := '';		-- the same fields, from the typed rows t
	keeping     text[] := '{}';	-- typed data fields, from t
	suspect     text := 'false';
	faults      text := '';
	objection   text := 'NULL::text';
	stored_columns text;
	stored_values text;
	key_match   text;
	key_hash    text;
	content_same text;
	identity    text;
	same_identity text := 's._key = k.identity_key';	-- link_identities() sees to it
	-- rows s that have not been put aside; often none has, then nobody looks
	search_aside text := 'NOT EXISTS (SELECT FROM pg_temp.caredata_aside a WHERE a.landed_row = s.landed_row)';
	not_aside   text;
	-- counts
	rows_landed bigint;
	rows_stored bigint;
	rows_superseded bigint := 0;
	rows_quarantined bigint;
	rows_withheld bigint;
	new_persons integer;
	any_stored  boolean;
BEGIN
	-- What is being asked for.
	SELECT d.* INTO spec FROM caredata.dataset d WHERE d.dataset = load.dataset;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'dataset "%" does not exist', load.dataset
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.dataset lists the datasets; caredata.define_dataset() makes another.';
	END IF;
	landing := format('care_landing.%I', spec.dataset);
	care := format('care.%I', spec.dataset);
	IF NOT spec.landed THEN
		RAISE EXCEPTION 'dataset "%" is not loaded from files', spec.dataset
			USING ERRCODE = 'wrong_object_type',
				  HINT = 'Its rows are derived from the other datasets as these are loaded.';
	END IF;
	IF to_regclass(landing) IS NULL OR to_regclass(care) IS NULL THEN
		RAISE EXCEPTION 'dataset "%" has no tables yet', spec.dataset
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Call caredata.create_dataset() first.';
	END IF;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'a load needs transaction isolation level read committed'
			USING ERRCODE = 'invalid_transaction_state',
				  HINT = 'What other loads committed a moment ago must be seen. Call it in a transaction of its own, without SET TRANSACTION.';
	END IF;

	-- From here to the end nobody lands rows for this dataset: they wait.
	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', landing);
	EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', landing) INTO any_stored;
	IF any_stored THEN
		RAISE EXCEPTION 'nothing has been landed for dataset "%"', spec.dataset
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = format('COPY the extract into %s first, with the columns of caredata.landing_columns(%L).',
								landing, spec.dataset);
	END IF;
	run_id := nextval('caredata.load_run_load_id_seq');

	-- Room for the typed rows, if this session has had no temporary table yet.
	BEGIN
		PERFORM set_config('temp_buffers', '256MB', true);
	EXCEPTION WHEN invalid_parameter_value THEN
		NULL;
	END;

	-- 1. The fields, from the catalogue.
	FOR col IN
		SELECT c.*, format('%I', c.column_name) AS name,
			   format('l.%I', c.column_name) AS raw,
			   format('t.%I', c.column_name) AS value,
			   caredata.field_fault(c.field_type, c.format) AS fault
		FROM caredata.dataset_column c
		WHERE c.dataset = spec.dataset
		ORDER BY c.position
	LOOP
		IF col.role <> 'data' AND NOT (col.role = 'source_organisation' OR col.stored) THEN
			-- An identifier. Unusable, it counts as missing.
			CASE col.role
				WHEN 'nhs_number' THEN nhs_column := col.column_name;
				WHEN 'date_of_birth' THEN dob_column := col.column_name;
				WHEN 'sex' THEN sex_column := col.column_name;
				WHEN 'postcode' THEN postcode_column := col.column_name;
				WHEN 'local_patient_id' THEN local_column := col.column_name;
			END CASE;
			col.value := format('t.%I', '_' || col.role);
			IF col.mandatory THEN
				suspect := suspect || format(' OR %s IS NULL', col.value);
				faults := faults || format(', CASE WHEN %1$s IS NOT NULL THEN NULL WHEN btrim(coalesce(%2$s, '''')) = '''' THEN %3$L ELSE %4$L END',
					col.value, col.raw, col.column_name || ': missing',
					col.column_name || ': ' || col.fault);
			END IF;
			CONTINUE;
		END IF;

		CASE col.role
			WHEN 'data' THEN NULL;
			WHEN 'sex' THEN sex_column := col.column_name;
			WHEN 'source_organisation' THEN organisation_column := col.column_name;
			ELSE NULL;
		END CASE;
		IF spec.setting = 'gp' AND col.format = 'clinical' THEN
			code_column := col.column_name;
		END IF;
		IF col.column_name = 'record_date' AND col.field_type = 'date' THEN
			recorded_column := col.column_name;
		END IF;

		typed := typed || format(', %s AS %I',
			caredata.field_expression(col.field_type, col.format, col.raw),
			col.column_name);
		kept := kept || ', ' || col.value;
		present := present || col.raw;
		keeping := keeping || col.value;

		faults := faults || format(', CASE WHEN %s IS NULL AND btrim(%s) <> '''' THEN %L END',
			col.value, col.raw, col.column_name || ': ' || col.fault);
		IF col.mandatory THEN
			suspect := suspect || format(' OR %s IS NULL', col.value);
			faults := faults || format(', CASE WHEN btrim(coalesce(%s, '''')) = '''' THEN %L END',
				col.raw, col.column_name || ': missing');
		END IF;
		IF col.code_list IS NOT NULL THEN
			SELECT array_agg(DISTINCT l.code) INTO codes
			FROM care.code_list l WHERE l.code_list = col.code_list;
			IF codes IS NULL THEN
				RAISE EXCEPTION 'code list "%" of column "%" is empty', col.code_list, col.column_name
					USING ERRCODE = 'object_not_in_prerequisite_state',
						  HINT = 'Fill care.code_list before loading datasets that are checked against it.';
			END IF;
			suspect := suspect || format(' OR NOT (%s = ANY (%L::text[]))', col.value, codes);
			faults := faults || format(', CASE WHEN NOT (%s = ANY (%L::text[])) THEN %L END',
				col.value, codes, col.column_name || ': not in code list ' || col.code_list);
		END IF;
		IF col.field_type = 'date' AND NOT col.future_allowed THEN
			suspect := suspect || format(' OR %s > %L::date', col.value, today);
			faults := faults || format(', CASE WHEN %s > %L::date THEN %L END',
				col.value, today, col.column_name || ': in the future');
		END IF;
		IF col.not_before IS NOT NULL THEN
			suspect := suspect || format(' OR %s < t.%I', col.value, col.not_before);
			faults := faults || format(', CASE WHEN %s < t.%I THEN %L END',
				col.value, col.not_before, col.column_name || ': before ' || col.not_before);
		END IF;
	END LOOP;

	-- 2. Identities, each field usable or NULL.
	identity := concat_ws(', ',
		CASE WHEN nhs_column IS NULL
			 THEN 'NULL::caredata.nhs_number AS _nhs_number, NULL::text AS _raw_nhs_number'
			 ELSE format('caredata.try_nhs_number(l.%1$I) AS _nhs_number, l.%1$I AS _raw_nhs_number', nhs_column) END,
		CASE WHEN dob_column IS NULL
			 THEN 'NULL::date AS _day, NULL::text AS _raw_day'
			 ELSE format('caredata.try_date(l.%1$I) AS _day, l.%1$I AS _raw_day', dob_column) END,
		CASE WHEN sex_column IS NULL
			 THEN 'NULL::text COLLATE "C" AS _any_sex, NULL::text AS _raw_sex'
			 ELSE format('caredata.try_code(l.%1$I, ''sex'') COLLATE "C" AS _any_sex, l.%1$I AS _raw_sex', sex_column) END,
		CASE WHEN postcode_column IS NULL
			 THEN 'NULL::caredata.postcode AS _any_postcode, NULL::text AS _raw_postcode'
			 ELSE format('caredata.try_postcode(l.%1$I) AS _any_postcode, l.%1$I AS _raw_postcode', postcode_column) END,
		CASE WHEN local_column IS NULL
			 THEN 'NULL::text COLLATE "C" AS _local, NULL::text AS _raw_local'
			 ELSE format('caredata.try_text(l.%1$I, 255) COLLATE "C" AS _local, l.%1$I AS _raw_local', local_column) END);

	IF dob_column IS NOT NULL AND spec.event_date_column IS NOT NULL THEN
		suspect := suspect || format(' OR t.%I < t._date_of_birth', spec.event_date_column);
		faults := faults || format(', CASE WHEN t.%I < t._date_of_birth THEN %L END',
			spec.event_date_column, spec.event_date_column || ': before the date of birth');
	END IF;
	IF code_column IS NOT NULL THEN
		SELECT array_agg(DISTINCT caredata.objection_code_key(o.code)) INTO codes
		FROM caredata.objection_code o;
		objection := format('CASE WHEN t._code = ANY (%L::text[]) THEN t._code END',
							coalesce(codes, '{}'));
		identity := identity || format(', caredata.objection_code_key(btrim(l.%I)) AS _code', code_column);
	END IF;

	-- Record keys that may be there twice are found by a hash of eight bytes,
	-- and then compared whole.
	SELECT string_agg(format('coalesce(hashtextextended(t.%I::text COLLATE "C", %s), 0)', k.key_column, k.ordinal), ' # ')
	INTO key_hash
	FROM unnest(spec.key_columns) WITH ORDINALITY AS k (key_column, ordinal);

	-- 3. One pass over the landed rows. OFFSET 0 keeps each field from being
	-- typed more than once; what every later pass reads stands first. A row
	-- whose typed fields are fewer than its landed ones, or break a rule, is
	-- suspect; what is wrong is worked out below for suspect rows only.
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_stage ON COMMIT DROP AS
		SELECT t.landed_row,
			   coalesce(caredata.nhs_number_hash_extended(t._nhs_number, %11$s + 1), 0)
			   # coalesce(hashint4extended(t._date_of_birth - DATE '2000-01-01', %11$s + 2), 0)
			   # coalesce(hashtextextended(t._sex, %11$s + 3), 0)
			   # coalesce(caredata.postcode_hash_extended(t._postcode, %11$s + 4), 0)
			   # coalesce(hashtextextended(t._organisation, %11$s + 5), 0)
			   # coalesce(hashtextextended(t._local, %11$s + 6), 0) AS _key,
			   %12$s AS _record,
			   (CASE WHEN t._nhs_number IS NULL AND btrim(t._raw_nhs_number) <> '' THEN 1 ELSE 0 END
				+ CASE WHEN t._date_of_birth IS NULL AND btrim(t._raw_day) <> '' THEN 2 ELSE 0 END
				+ CASE WHEN t._any_sex IS NULL AND btrim(t._raw_sex) <> '' THEN 4 ELSE 0 END
				+ CASE WHEN t._any_postcode IS NULL AND btrim(t._raw_postcode) <> '' THEN 8 ELSE 0 END
				+ CASE WHEN t._postcode IS NULL AND t._any_postcode IS NOT NULL THEN 16 ELSE 0 END
				+ CASE WHEN t._local IS NULL AND btrim(t._raw_local) <> '' THEN 32 ELSE 0 END)::smallint AS _quality,
			   t._nhs_number IS NULL AND t._local IS NULL
				   AND (t._date_of_birth IS NULL OR t._sex IS NULL OR t._postcode IS NULL) AS _unlinkable,
			   (t._present <> %2$s OR %3$s) IS TRUE AS _suspect,
			   t._nhs_number, t._date_of_birth, t._postcode, t._sex,
			   t._organisation, t._local,
			   %4$s AS _objection
			   %1$s
		FROM (SELECT r.*,
					 CASE WHEN r._day BETWEEN DATE '1895-01-01' AND %5$L THEN r._day END AS _date_of_birth,
					 nullif(nullif(r._any_sex, '0'), '9') AS _sex,
					 CASE WHEN NOT caredata.is_pseudo_postcode(r._any_postcode) THEN r._any_postcode END AS _postcode,
					 CASE WHEN r._local IS NOT NULL THEN %6$s END AS _organisation
			  FROM (SELECT l.landed_row, %7$s, %8$s AS _present %9$s
					FROM %10$s l
					OFFSET 0) r) t
		$sql$,
		kept,
		caredata.count_present(keeping), suspect, objection, today,
		coalesce('r.' || quote_ident(organisation_column), 'NULL::text COLLATE "C"'),
		identity, caredata.count_present(present), typed, landing, run_id::bigint * 8,
		key_hash);
	GET DIAGNOSTICS rows_landed = ROW_COUNT;
	EXECUTE format('ANALYZE pg_temp.caredata_stage (landed_row, _key, _suspect, _objection, _unlinkable, %s)',
				   (SELECT string_agg(format('%I', k), ', ') FROM unnest(spec.key_columns) k));

	-- 4. Rows that are put aside, with what is wrong. A coded objection is
	-- never lost for another fault of its row: it needs a person, no more.
	CREATE TEMPORARY TABLE caredata_aside (
		landed_row bigint NOT NULL, quarantine boolean NOT NULL,
		reasons text[] NOT NULL) ON COMMIT DROP;
	EXECUTE format($sql$
		INSERT INTO pg_temp.caredata_aside
		SELECT f.landed_row, true, f.reasons
		FROM (SELECT t.landed_row,
					 CASE WHEN t._objection IS NOT NULL THEN ARRAY[%1$L]
						  ELSE array_remove(ARRAY[CASE WHEN t._unlinkable THEN %2$L END %3$s]::text[], NULL)
					 END AS reasons
			  FROM (SELECT * FROM pg_temp.caredata_stage s
					WHERE s._unlinkable OR s._suspect AND s._objection IS NULL) t
			  JOIN %4$s l ON l.landed_row = t.landed_row) f
		WHERE f.reasons <> '{}'
		$sql$,
		'an objection, but nothing to link it on',
		'nothing to link on: neither NHS number nor local patient id, nor date of birth, sex and postcode together',
		faults, landing);
	ANALYZE pg_temp.caredata_aside;
	not_aside := CASE WHEN EXISTS (SELECT FROM pg_temp.caredata_aside)
					  THEN search_aside ELSE 'true' END;

	-- 5. Persons.
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_tuple ON COMMIT DROP AS
		SELECT s._key AS identity_key, s._nhs_number AS nhs_number,
			   s._date_of_birth AS date_of_birth, s._sex AS sex,
			   s._postcode AS postcode, s._organisation AS source_organisation,
			   s._local AS local_patient_id, count(*) AS records,
			   min(%1$s) AS first_date, max(%1$s) AS last_date
		FROM pg_temp.caredata_stage s
		WHERE %2$s
		GROUP BY s._key, s._nhs_number, s._date_of_birth, s._sex, s._postcode,
				 s._organisation, s._local
		$sql$, coalesce('s.' || quote_ident(spec.partition_column), 'NULL::date'),
		not_aside);
	ANALYZE pg_temp.caredata_tuple;
	new_persons := caredata.link_identities(run_id);
	ANALYZE pg_temp.caredata_link;

	-- 6. Objections go to the registry, not to care.
	IF code_column IS NOT NULL
	   AND EXISTS (SELECT FROM pg_temp.caredata_stage s WHERE s._objection IS NOT NULL) THEN
		EXECUTE format($sql$
			INSERT INTO care_identity.coded_objection
				(person_id, kind, meaning, event_date, recorded_on, load_id, identity_id)
			SELECT DISTINCT k.person_id, o.kind, o.meaning, %1$s, %2$s, %3$L::integer, k.identity_id
			FROM pg_temp.caredata_stage s
			JOIN pg_temp.caredata_link k ON %4$s
			JOIN caredata.objection_code o
			  ON caredata.objection_code_key(o.code) = s._objection
			WHERE s._objection IS NOT NULL
			  AND NOT EXISTS (SELECT FROM care_identity.coded_objection e
							  WHERE e.person_id = k.person_id AND e.kind = o.kind
								AND e.meaning = o.meaning
								AND e.event_date IS NOT DISTINCT FROM %1$s
								AND e.identity_id = k.identity_id)
			$sql$,
			coalesce('s.' || quote_ident(spec.event_date_column), 'NULL::date'),
			coalesce('s.' || quote_ident(recorded_column), 'NULL::date'),
			run_id, same_identity);
		INSERT INTO pg_temp.caredata_aside
		SELECT s.landed_row, false, ARRAY['objection code']
		FROM pg_temp.caredata_stage s
		WHERE s._objection IS NOT NULL
		  AND NOT EXISTS (SELECT FROM pg_temp.caredata_aside a
						  WHERE a.landed_row = s.landed_row);
	END IF;

	ANALYZE pg_temp.caredata_aside;
	not_aside := CASE WHEN EXISTS (SELECT FROM pg_temp.caredata_aside)
					  THEN search_aside ELSE 'true' END;

	-- 7. Records that are in the file twice, or stored already.
	SELECT string_agg(format('%I', c.column_name), ', ' ORDER BY c.position),
		   string_agg(format('s.%I', c.column_name), ', ' ORDER BY c.position),
		   string_agg(format('s.%1$I IS NOT DISTINCT FROM e.%1$I', c.column_name), ' AND ' ORDER BY c.position)
	INTO stored_columns, stored_values, content_same
	FROM caredata.dataset_column c
	WHERE c.dataset = spec.dataset AND c.stored;
	SELECT string_agg(format('s.%1$I = e.%1$I', k.key_column), ' AND ' ORDER BY k.ordinal)
	INTO key_match
	FROM unnest(spec.key_columns) WITH ORDINALITY AS k (key_column, ordinal);

	EXECUTE format($sql$
		INSERT INTO pg_temp.caredata_aside
		SELECT d.landed_row, d.contents > 1,
			   CASE WHEN d.contents > 1 THEN ARRAY[%1$L] ELSE ARRAY['duplicate in file'] END
		FROM (SELECT g.landed_row, g.copy,
					 max(g.content) OVER (PARTITION BY %2$s) AS contents
			  FROM (SELECT s.landed_row, %3$s,
						   row_number() OVER (PARTITION BY %3$s ORDER BY k.link_rank, s.landed_row) AS copy,
						   dense_rank() OVER (PARTITION BY %3$s ORDER BY k.person_id, %4$s) AS content
					FROM pg_temp.caredata_stage s
					JOIN (SELECT r._record FROM pg_temp.caredata_stage r
						  GROUP BY r._record HAVING count(*) > 1) e ON e._record = s._record
					JOIN pg_temp.caredata_link k ON %5$s
					WHERE %6$s) g) d
		WHERE d.contents > 1 OR d.copy > 1
		$sql$,
		'record key not unique in file',
		(SELECT string_agg(format('%I', k), ', ') FROM unnest(spec.key_columns) k),
		(SELECT string_agg(format('s.%I', k), ', ') FROM unnest(spec.key_columns) k),
		stored_values, same_identity, not_aside);
	ANALYZE pg_temp.caredata_aside;
	not_aside := CASE WHEN EXISTS (SELECT FROM pg_temp.caredata_aside)
					  THEN search_aside ELSE 'true' END;

	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', care) INTO any_stored;
	CREATE TEMPORARY TABLE caredata_touched (person_id integer) ON COMMIT DROP;
	IF any_stored THEN
		EXECUTE format($sql$
			CREATE TEMPORARY TABLE caredata_stored ON COMMIT DROP AS
			SELECT s.landed_row, e.person_id,
				   (k.person_id = e.person_id AND %1$s) AS same
			FROM pg_temp.caredata_stage s
			JOIN pg_temp.caredata_link k ON %2$s
			JOIN %3$s e ON %4$s
			WHERE %5$s
			$sql$, content_same, same_identity, care, key_match, not_aside);
		ANALYZE pg_temp.caredata_stored;
		INSERT INTO pg_temp.caredata_aside
		SELECT s.landed_row, false, ARRAY['already stored']
		FROM pg_temp.caredata_stored s WHERE s.same;
		EXECUTE format($sql$
			DELETE FROM %1$s e
			USING pg_temp.caredata_stage s, pg_temp.caredata_stored r
			WHERE NOT r.same AND s.landed_row = r.landed_row AND %2$s
			$sql$, care, key_match);
		GET DIAGNOSTICS rows_superseded = ROW_COUNT;
		INSERT INTO pg_temp.caredata_touched
		SELECT DISTINCT s.person_id FROM pg_temp.caredata_stored s WHERE NOT s.same;
		DROP TABLE pg_temp.caredata_stored;
	END IF;
	ANALYZE pg_temp.caredata_aside;
	not_aside := CASE WHEN EXISTS (SELECT FROM pg_temp.caredata_aside)
					  THEN search_aside ELSE 'true' END;

	-- 8. Store, in file order: sorting by person would cost a tenth of the load.
	IF spec.partition_column IS NOT NULL THEN
		PERFORM caredata.ensure_partitions(spec.dataset, min(t.first_date), max(t.last_date))
		FROM pg_temp.caredata_tuple t;
	END IF;
	EXECUTE format($sql$
		INSERT INTO %1$s (person_id, %2$s, link_rank, load_id, identity_id)
		SELECT k.person_id, %3$s, k.link_rank, %4$L::integer, k.identity_id
		FROM pg_temp.caredata_stage s
		JOIN pg_temp.caredata_link k ON %5$s
		WHERE %6$s
		$sql$, care, stored_columns, stored_values, run_id, same_identity, not_aside);
	GET DIAGNOSTICS rows_stored = ROW_COUNT;

	-- 9. Account for every row.
	rows_quarantined := 0;
	IF EXISTS (SELECT FROM pg_temp.caredata_aside a WHERE a.quarantine) THEN
		EXECUTE format($sql$
			INSERT INTO care_landing.quarantine (load_id, dataset, landed_row, record, reasons)
			SELECT %1$L::integer, %2$L, l.landed_row,
				   jsonb_strip_nulls(to_jsonb(l)) - 'landed_row', a.reasons
			FROM pg_temp.caredata_aside a
			JOIN %3$s l ON l.landed_row = a.landed_row
			WHERE a.quarantine
			ORDER BY l.landed_row
			$sql$, run_id, spec.dataset, landing);
		GET DIAGNOSTICS rows_quarantined = ROW_COUNT;
	END IF;
	SELECT count(*) INTO rows_withheld
	FROM pg_temp.caredata_aside a WHERE NOT a.quarantine;
	IF rows_landed <> rows_stored + rows_quarantined + rows_withheld THEN
		RAISE EXCEPTION 'load does not balance: % landed, % stored, % quarantined, % withheld',
						rows_landed, rows_stored, rows_quarantined, rows_withheld
			USING ERRCODE = 'data_corrupted',
				  HINT = 'Nothing was changed. Please report this with the definition of the dataset.';
	END IF;

	-- 10. What the database now knows of the persons.
	PERFORM caredata.update_persons(spec.dataset);

	INSERT INTO caredata.load_run
		(load_id, dataset, file_name, loaded_by, started_at, finished_at,
		 landed, stored, superseded, quarantined, withheld, new_persons)
	VALUES (run_id, spec.dataset, load.file_name, session_user, began,
			clock_timestamp(), rows_landed, rows_stored, rows_superseded,
			rows_quarantined, rows_withheld, new_persons);
	INSERT INTO caredata.load_withheld (load_id, reason, rows)
	SELECT run_id, a.reasons[1], count(*)
	FROM pg_temp.caredata_aside a
	WHERE NOT a.quarantine
	GROUP BY a.reasons[1];
	INSERT INTO caredata.load_link (load_id, link_rank, ambiguous, identities, records)
	SELECT run_id, k.link_rank, k.ambiguous, count(*), sum(k.records)
	FROM pg_temp.caredata_link k
	GROUP BY k.link_rank, k.ambiguous;
	INSERT INTO caredata.load_quality (load_id, column_name, reason, rows)
	SELECT run_id, q.column_name, q.reason, sum(s.rows)
	FROM (SELECT t._quality, count(*) AS rows
		  FROM pg_temp.caredata_stage t
		  WHERE t._quality <> 0
			AND NOT EXISTS (SELECT FROM pg_temp.caredata_aside a
							WHERE a.landed_row = t.landed_row AND a.quarantine)
		  GROUP BY t._quality) s
	JOIN (VALUES (nhs_column, 'not a valid NHS number', 1),
				 (dob_column, 'not a date from 1895 to today', 2),
				 (sex_column, 'not a sex code', 4),
				 (postcode_column, 'not a postcode', 8),
				 (postcode_column, 'a pseudo postcode', 16),
				 (local_column, 'too long or with control characters', 32))
		 AS q (column_name, reason, bit)
	  ON s._quality & q.bit <> 0
	GROUP BY q.column_name, q.reason;

	EXECUTE format('TRUNCATE TABLE %s', landing);

	DROP TABLE pg_temp.caredata_stage, pg_temp.caredata_aside,
		pg_temp.caredata_tuple, pg_temp.caredata_link, pg_temp.caredata_touched;

	-- 11. Releases show the new persons and records from this commit on.
	IF EXISTS (SELECT FROM caredata.release) THEN
		PERFORM caredata.refresh_visible_sets();
	END IF;

	RAISE NOTICE 'rows landed: %; stored: %, quarantined: %, withheld: %',
		rows_landed, rows_stored, rows_quarantined, rows_withheld;
END
$procedure$;
REVOKE ALL ON PROCEDURE caredata.load(name, text) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load(name, text)');
COMMENT ON PROCEDURE caredata.load(name, text) IS
	'Types, links and stores everything landed for a dataset, in one transaction; quarantines what it cannot use. caredata.load_balance has the outcome';
