-- ---------------------------------------------------------------------------
-- Packing records: one bytea each, with the keys of the blocking rules, in a
-- temporary table for the length of a statement. The code is in
-- src/link_record.c.
--
-- Tables are read with the rights of the caller, who needs SELECT on them.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.link_record(model integer, VARIADIC "any") RETURNS bytea
	LANGUAGE c STABLE PARALLEL SAFE COST 200
	AS 'MODULE_PATHNAME', 'caredata_link_record_pack';
REVOKE ALL ON FUNCTION caredata.link_record(integer, "any") FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_record(integer, "any") IS
	'Packs the columns that link_columns() lists, in that order, for comparing';

CREATE FUNCTION caredata.link_key(model integer, record bytea, rule integer, of_right boolean)
	RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_key_of';
REVOKE ALL ON FUNCTION caredata.link_key(integer, bytea, integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_key(integer, bytea, integer, boolean) IS
	'Key of a packed record under a blocking rule, NULL where it has none; of_right: under the columns of the other record';

CREATE FUNCTION caredata.link_without_key(model integer, record bytea, rule integer, of_right boolean)
	RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_without_key';
REVOKE ALL ON FUNCTION caredata.link_without_key(integer, bytea, integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_without_key(integer, bytea, integer, boolean) IS
	'A packed record that a blocking rule does not bring together with others';

CREATE FUNCTION caredata.link_absences(model integer, record bytea) RETURNS smallint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_absent_fields';
REVOKE ALL ON FUNCTION caredata.link_absences(integer, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_absences(integer, bytea) IS
	'Of each column of a packed record: 0 there, 1 missing, 2 not a value of its kind, 3 too long';

CREATE FUNCTION caredata.link_slots(model integer) RETURNS integer
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_slot_count';
REVOKE ALL ON FUNCTION caredata.link_slots(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_slots(integer) IS
	'How many frequencies a packed record has: one for each value whose frequency counts';

CREATE FUNCTION caredata.link_slot_hash(model integer, record bytea, slot integer) RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_slot_hashes';
REVOKE ALL ON FUNCTION caredata.link_slot_hash(integer, bytea, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_slot_hash(integer, bytea, integer) IS
	'Hash of a value whose frequency counts, NULL where the record lacks it';

CREATE FUNCTION caredata.link_with_frequencies(model integer, record bytea, frequencies double precision[])
	RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_with_frequencies';
REVOKE ALL ON FUNCTION caredata.link_with_frequencies(integer, bytea, double precision[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_with_frequencies(integer, bytea, double precision[]) IS
	'A packed record with the frequencies of its values';

/*
 * Packs a table into pg_temp.<target> (n, id, record, and a key k<rule> or
 * r<rule> for each rule of the purposes), n counting the ids in byte order.
 */
CREATE FUNCTION caredata.pack_link_table(model integer, source regclass, target name, side text,
										 purposes text[], run bigint, only_id text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	used caredata.link_model;
	wanted name[] := caredata.link_columns(model);
	there name[];
	missing name;
	arguments text;
	keys text := '';
	key_names text := '';
	slots integer := caredata.link_slots(model);
	joins text := '';
	frequencies text := '';
	query text;
	records bigint;
	nulls bigint;
	repeats bigint;
	missing_values bigint;
	long_values bigint;
	absences bigint[];
	place integer;
	rule record;
BEGIN
	SELECT * INTO used FROM caredata.link_model m WHERE m.model_id = model;
	IF source = ANY (ARRAY[to_regclass('pg_temp.caredata_left'), to_regclass('pg_temp.caredata_right'),
						   to_regclass('pg_temp.caredata_pair')]) THEN
		RAISE EXCEPTION 'linking makes a temporary table of its own named %', source
			USING ERRCODE = 'duplicate_table', HINT = 'Give the table to be linked another name.';
	END IF;
	SELECT array_agg(a.attname) INTO there FROM pg_attribute a
	WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped;

	-- The first column of a comparison must be there, or both of a joint one;
	-- the others are further values that a table may lack.
	SELECT w.name INTO missing
	FROM (SELECT used.id_column, 0
		  UNION ALL
		  SELECT used.person_column, 0 WHERE used.person_column IS NOT NULL AND 'train' = ANY (purposes)
		  UNION ALL
		  SELECT k.name, c.ordinal
		  FROM caredata.link_model_comparison c, unnest(c.columns) WITH ORDINALITY AS k (name, n)
		  WHERE c.model_id = model AND (k.n = 1 OR c.kind IN ('forename_surname', 'name_pair', 'swappable_forename', 'swappable_surname'))
		  UNION ALL
		  SELECT k.name, 1000 + b.ordinal
		  FROM caredata.link_model_blocking b,
			unnest(CASE side WHEN 'left' THEN b.columns WHEN 'right' THEN b.right_columns
				   ELSE b.columns || b.right_columns END) AS k (name)
		  WHERE b.model_id = model AND b.purpose = ANY (purposes)) AS w (name, place)
	WHERE w.name <> ALL (coalesce(there, '{}'))
	ORDER BY w.place, w.name LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'column "%" of % does not exist, and link model % reads it',
				missing, source, model
			USING ERRCODE = 'undefined_column',
				  HINT = 'Make a view that has the columns of the model, and link that.';
	END IF;

	SELECT string_agg(CASE WHEN w.name = ANY (there) THEN format('s.%I', w.name) ELSE 'NULL::text' END,
					  ', ' ORDER BY w.n)
	INTO arguments FROM unnest(wanted) WITH ORDINALITY AS w (name, n);
	FOR rule IN
		SELECT b.ordinal, b.columns <> b.right_columns AS crossed
		FROM caredata.link_model_blocking b
		WHERE b.model_id = model AND b.purpose = ANY (purposes) ORDER BY b.ordinal
	LOOP
		IF side <> 'right' OR NOT rule.crossed THEN
			keys := keys || format(', caredata.link_key(%s, p.record, %s, false) AS k%s',
								   model, rule.ordinal, rule.ordinal);
			key_names := key_names || format(', k%s', rule.ordinal);
		END IF;
		IF side <> 'left' AND rule.crossed THEN
			keys := keys || format(', caredata.link_key(%s, p.record, %s, true) AS r%s',
								   model, rule.ordinal, rule.ordinal);
			key_names := key_names || format(', r%s', rule.ordinal);
		END IF;
	END LOOP;

	-- to link, records carry the frequencies that the model holds
	IF 'link' = ANY (purposes) AND NOT 'train' = ANY (purposes) THEN
		FOR place IN 0 .. slots - 1 LOOP
			joins := joins || format(
				' LEFT JOIN caredata.link_model_frequency f%1$s ON f%1$s.model_id = %2$s AND f%1$s.slot = %1$s
					AND f%1$s.value_hash = caredata.link_slot_hash(%2$s, q.record, %1$s)', place, model);
			frequencies := frequencies || format(
				', CASE WHEN caredata.link_slot_hash(%2$s, q.record, %1$s) IS NOT NULL
				   THEN coalesce(f%1$s.frequency, (SELECT s.unseen_frequency FROM caredata.link_model_slot s
								 WHERE s.model_id = %2$s AND s.slot = %1$s)) END',
				place, model);
		END LOOP;
	END IF;

	IF to_regclass(format('pg_temp.%I', target)) IS NOT NULL THEN
		EXECUTE format('DROP TABLE pg_temp.%I', target);
	END IF;
	query := format(
		'SELECT row_number() OVER by_id::integer AS n, p.id, p.id = lag(p.id) OVER by_id AS repeated,
				p.person, p.record %s
		 FROM (SELECT q.id, q.person, %s AS record
			   FROM (SELECT s.%I::text AS id, %s AS person, caredata.link_record(%s, %s) AS record
					 FROM %s s %s OFFSET 0) q %s OFFSET 0) p
		 WINDOW by_id AS (ORDER BY p.id COLLATE "C")',
		keys,
		CASE WHEN joins = '' THEN 'q.record'
			 ELSE format('caredata.link_with_frequencies(%s, q.record, ARRAY[%s])',
						 model, substr(frequencies, 3)) END,
		used.id_column,
		CASE WHEN used.person_column = ANY (there) AND 'train' = ANY (purposes)
			 THEN format('s.%I::text', used.person_column) ELSE 'NULL::text' END,
		model, arguments, source,
		CASE WHEN only_id IS NULL THEN '' ELSE format('WHERE s.%I::text = $1', used.id_column) END,
		joins);
	IF only_id IS NOT NULL THEN
		-- the id is a parameter, never a part of a statement that may be logged
		EXECUTE format('CREATE TEMPORARY TABLE %I (n integer, id text, repeated boolean, person text,
												   record bytea%s) ON COMMIT DROP',
					   target, regexp_replace(key_names, '[kr][0-9]+', '\& bigint', 'g'));
		EXECUTE format('INSERT INTO pg_temp.%I %s', target, query) USING only_id;
		GET DIAGNOSTICS records = ROW_COUNT;
		RETURN records;
	END IF;
	EXECUTE format('CREATE TEMPORARY TABLE %I ON COMMIT DROP AS %s', target, query);

	-- one scan: rows without an id, ids that come twice, and for each column
	-- how many values are missing, unusable and too long
	EXECUTE format(
		'SELECT count(*), count(*) - count(id), count(*) FILTER (WHERE repeated), ARRAY[%s]
		 FROM (SELECT id, repeated, caredata.link_absences(%s, record) AS a FROM pg_temp.%I OFFSET 0) t',
		(SELECT string_agg(format('count(*) FILTER (WHERE a[%s] = %s)', c, absence), ', ' ORDER BY c, absence)
		 FROM generate_series(1, cardinality(wanted)) c, generate_series(1, 3) absence), model, target)
	INTO records, nulls, repeats, absences;
	IF nulls > 0 THEN
		RAISE EXCEPTION 'column "%" of % is null in % rows', used.id_column, source, nulls
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Every row to be linked needs an id of its own.';
	ELSIF repeats > 0 THEN
		RAISE EXCEPTION 'column "%" of % has the value of another row in % rows',
				used.id_column, source, repeats
			USING ERRCODE = 'unique_violation',
				  HINT = 'Every row to be linked needs an id of its own.';
	END IF;
	EXECUTE format('ANALYZE pg_temp.%I (n%s)', target, key_names);

	-- what is wrong with whole columns is said, not guessed at from the links
	FOR place IN 1 .. cardinality(wanted) LOOP
		CONTINUE WHEN records = 0 OR wanted[place] <> ALL (there);
		missing_values := absences[3 * place - 2];
		long_values := absences[3 * place];
		IF missing_values = records THEN
			PERFORM caredata.warn_of_link(run, 'column_empty', NULL, NULL,
				format('column "%s" of %s has no value', wanted[place], source));
		ELSIF missing_values + absences[3 * place - 1] + long_values = records THEN
			PERFORM caredata.warn_of_link(run, 'column_unusable', NULL, NULL,
				format('column "%s" of %s has no value that can be used', wanted[place], source));
		END IF;
		IF long_values > 0 THEN
			PERFORM caredata.warn_of_link(run, 'value_too_long', NULL, NULL,
				format('column "%s" of %s has %s values longer than 1024 characters, which count as missing',
					   wanted[place], source, long_values));
		END IF;
	END LOOP;
	RETURN records;
END
$function$;
REVOKE ALL ON FUNCTION caredata.pack_link_table(integer, regclass, name, text, text[], bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.pack_link_table(integer, regclass, name, text, text[], bigint, text) IS
	'Packs a table into a temporary one, with the keys of the blocking rules; internal to train_link_model() and link()';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.link_record(integer, "any")'),
	('caredata_linker', 'caredata.link_key(integer, bytea, integer, boolean)'),
	('caredata_linker', 'caredata.link_without_key(integer, bytea, integer, boolean)'),
	('caredata_linker', 'caredata.link_absences(integer, bytea)'),
	('caredata_linker', 'caredata.link_slots(integer)'),
	('caredata_linker', 'caredata.link_slot_hash(integer, bytea, integer)'),
	('caredata_linker', 'caredata.link_with_frequencies(integer, bytea, double precision[])'),
	('caredata_linker', 'caredata.pack_link_table(integer, regclass, name, text, text[], bigint, text)');
