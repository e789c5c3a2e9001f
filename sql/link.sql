-- ---------------------------------------------------------------------------
-- Linking with a model: training it, finding the pairs of records that are
-- one person, and explaining one of them.
--
-- Records are packed into a temporary table, one bytea each, with the keys of
-- the blocking rules. Each rule is a join on its key; a pair comes under the
-- first rule that brings it. All counts are integers and everything that adds
-- them up does so in a fixed order, so that the same input gives the same
-- result whatever the plan (invariant I8).
--
-- These functions read people's records with the rights of their caller, who
-- needs SELECT on the tables. They write caredata's own tables through small
-- SECURITY DEFINER functions that take values, never a relation.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.link_run (
	run_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model_id     integer NOT NULL REFERENCES caredata.link_model,
	operation    text NOT NULL CHECK (operation IN ('train', 'link')),
	left_table   text NOT NULL,
	right_table  text,
	run_by       name NOT NULL DEFAULT session_user,
	started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at  timestamptz,
	left_records bigint,
	right_records bigint,
	sampled_pairs bigint,
	compared_pairs bigint,
	links        bigint,
	expected_matches double precision
);
COMMENT ON TABLE caredata.link_run IS
	'Every training and every linking, with its counts';
COMMENT ON COLUMN caredata.link_run.right_table IS
	'NULL where a table was linked with itself';
COMMENT ON COLUMN caredata.link_run.expected_matches IS
	'Of a training: how many pairs of one person the model takes the tables to have';

CREATE TABLE caredata.link_run_rule (
	run_id        bigint NOT NULL REFERENCES caredata.link_run,
	rule          smallint NOT NULL,
	pairs         bigint NOT NULL,
	new_pairs     bigint,
	links         bigint,
	skipped_blocks bigint NOT NULL,
	skipped_pairs bigint NOT NULL,
	PRIMARY KEY (run_id, rule)
);
COMMENT ON TABLE caredata.link_run_rule IS
	'What each blocking rule of a run brought, and what was skipped';
COMMENT ON COLUMN caredata.link_run_rule.pairs IS
	'Pairs in the blocks of the rule, those of skipped blocks too';
COMMENT ON COLUMN caredata.link_run_rule.new_pairs IS
	'Of a training: pairs compared under this rule, that no earlier one of its purpose had brought';
COMMENT ON COLUMN caredata.link_run_rule.links IS
	'Of a linking: links that this rule was the first to bring';
COMMENT ON COLUMN caredata.link_run_rule.rule IS
	'Place of the rule in the model; 0 where all pairs were compared without blocking';

CREATE TABLE caredata.link_run_block (
	run_id        bigint NOT NULL REFERENCES caredata.link_run,
	rule          smallint NOT NULL,
	left_records  bigint NOT NULL,
	right_records bigint NOT NULL,
	pairs         bigint NOT NULL,
	example_id    text NOT NULL
);
COMMENT ON TABLE caredata.link_run_block IS
	'Blocks of a run that were too large to be compared, the hundred largest of each rule';
COMMENT ON COLUMN caredata.link_run_block.example_id IS
	'The first record of the left table in the block';

CREATE TABLE caredata.link_run_warning (
	run_id     bigint NOT NULL REFERENCES caredata.link_run,
	warning    text NOT NULL,
	comparison text,
	level      smallint,
	detail     text NOT NULL
);
COMMENT ON TABLE caredata.link_run_warning IS
	'What was doubtful in a run, by name';

SELECT pg_catalog.pg_extension_config_dump('caredata.link_run', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_rule', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_block', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_run_warning', '');

INSERT INTO caredata.role_grant (role_name, routine)
SELECT r.role_name, t.relation
FROM (VALUES ('caredata_admin'), ('caredata_linker'), ('caredata_auditor')) AS r (role_name),
	 (VALUES ('caredata.link_run'), ('caredata.link_run_rule'), ('caredata.link_run_block'),
			 ('caredata.link_run_warning')) AS t (relation);

-- --- In C ------------------------------------------------------------------

CREATE FUNCTION caredata.link_record(model integer, VARIADIC "any") RETURNS bytea
	LANGUAGE c STABLE PARALLEL SAFE COST 200
	AS 'MODULE_PATHNAME', 'caredata_link_record_pack';
COMMENT ON FUNCTION caredata.link_record(integer, "any") IS
	'Packs the columns that link_columns() lists, in that order, for comparing';

CREATE FUNCTION caredata.link_key(model integer, record bytea, rule integer, of_right boolean)
	RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_key_of';
COMMENT ON FUNCTION caredata.link_key(integer, bytea, integer, boolean) IS
	'Key of a packed record under a blocking rule, NULL where it has none; of_right: under the columns of the other record';

CREATE FUNCTION caredata.link_without_key(model integer, record bytea, rule integer, of_right boolean)
	RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_without_key';
COMMENT ON FUNCTION caredata.link_without_key(integer, bytea, integer, boolean) IS
	'A packed record that a blocking rule does not bring together with others';

CREATE FUNCTION caredata.link_absences(model integer, record bytea) RETURNS smallint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_absent_fields';
COMMENT ON FUNCTION caredata.link_absences(integer, bytea) IS
	'Of each column of a packed record: 0 there, 1 missing, 2 not a value of its kind, 3 too long';

CREATE FUNCTION caredata.link_slots(model integer) RETURNS integer
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_slot_count';
COMMENT ON FUNCTION caredata.link_slots(integer) IS
	'How many frequencies a packed record has: one for each value whose frequency counts';

CREATE FUNCTION caredata.link_slot_hash(model integer, record bytea, slot integer) RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_slot_hashes';
COMMENT ON FUNCTION caredata.link_slot_hash(integer, bytea, integer) IS
	'Hash of a value whose frequency counts, NULL where the record lacks it';

CREATE FUNCTION caredata.link_with_frequencies(model integer, record bytea, frequencies double precision[])
	RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_with_frequencies';
COMMENT ON FUNCTION caredata.link_with_frequencies(integer, bytea, double precision[]) IS
	'A packed record with the frequencies of its values';

CREATE FUNCTION caredata.link_pattern(model integer, left_record bytea, right_record bytea,
									  rules_before bigint, mirrored boolean)
	RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'caredata_link_pattern_of';
COMMENT ON FUNCTION caredata.link_pattern(integer, bytea, bytea, bigint, boolean) IS
	'Levels that two packed records reach, in one number; NULL if one of the rules before, bit by bit, brings them together';

CREATE FUNCTION caredata.link_weight(model integer, pattern bigint, left_record bytea, right_record bytea)
	RETURNS double precision
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_link_weight';
COMMENT ON FUNCTION caredata.link_weight(integer, bigint, bytea, bytea) IS
	'log2 of the odds that two packed records of this pattern are one person';

CREATE FUNCTION caredata.link_weight_parts(model integer, pattern bigint, left_record bytea,
										   right_record bytea)
	RETURNS double precision[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_weight_parts';
COMMENT ON FUNCTION caredata.link_weight_parts(integer, bigint, bytea, bytea) IS
	'What link_weight() adds up: each comparison, then the frequency of each, then the relationships';

CREATE FUNCTION caredata.link_levels(model integer, pattern bigint) RETURNS smallint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_levels';
COMMENT ON FUNCTION caredata.link_levels(integer, bigint) IS
	'Level that each comparison reached in a pattern; NULL where a value was missing';

CREATE FUNCTION caredata.link_probability(weight double precision) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN 1.0 / (1.0 + power(2.0::double precision, -weight));
COMMENT ON FUNCTION caredata.link_probability(double precision) IS
	'Probability of a weight, log2 of odds, from -1000 to 1000';

CREATE FUNCTION caredata.link_sample_patterns(model integer, left_records bytea[], right_records bytea[],
											  OUT patterns bigint[], OUT counts bigint[])
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_sample_patterns';
COMMENT ON FUNCTION caredata.link_sample_patterns(integer, bytea[], bytea[]) IS
	'Patterns of all pairs of two arrays of packed records, or of one with itself, and how many pairs have each';

CREATE FUNCTION caredata.estimate_link_u(model integer, patterns bigint[], counts bigint[])
	RETURNS double precision[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_u';
COMMENT ON FUNCTION caredata.estimate_link_u(integer, bigint[], bigint[]) IS
	'u of every level, comparison by comparison from level 0, NULL for a level that no pair has';

CREATE FUNCTION caredata.estimate_link_session(model integer, inactive smallint[],
	start_lambda double precision, patterns bigint[], counts bigint[],
	OUT lambda double precision, OUT m double precision[], OUT rounds integer, OUT converged boolean)
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_session';
COMMENT ON FUNCTION caredata.estimate_link_session(integer, smallint[], double precision, bigint[], bigint[]) IS
	'm by expectation and maximisation over the pairs of one blocking rule, without the inactive comparisons, u staying as it is';

CREATE FUNCTION caredata.estimate_link_jointly(model integer, patterns bigint[], counts bigint[],
	sample_patterns bigint[], sample_counts bigint[], all_pairs double precision,
	OUT lambda double precision, OUT m double precision[], OUT u double precision[],
	OUT shares double precision[], OUT rounds integer, OUT converged boolean,
	OUT expected_matches double precision, OUT threshold double precision)
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_jointly';
COMMENT ON FUNCTION caredata.estimate_link_jointly(integer, bigint[], bigint[], bigint[], bigint[],
	double precision) IS
	'All parameters of a model from the patterns of its candidate pairs and of pairs taken at random';

DO $revoke$
DECLARE
	routine text;
BEGIN
	FOREACH routine IN ARRAY ARRAY[
		'caredata.link_record(integer, "any")',
		'caredata.link_key(integer, bytea, integer, boolean)',
		'caredata.link_without_key(integer, bytea, integer, boolean)',
		'caredata.link_absences(integer, bytea)',
		'caredata.link_slots(integer)',
		'caredata.link_slot_hash(integer, bytea, integer)',
		'caredata.link_with_frequencies(integer, bytea, double precision[])',
		'caredata.link_pattern(integer, bytea, bytea, bigint, boolean)',
		'caredata.link_weight(integer, bigint, bytea, bytea)',
		'caredata.link_weight_parts(integer, bigint, bytea, bytea)',
		'caredata.link_levels(integer, bigint)',
		'caredata.link_probability(double precision)',
		'caredata.link_sample_patterns(integer, bytea[], bytea[])',
		'caredata.estimate_link_u(integer, bigint[], bigint[])',
		'caredata.estimate_link_session(integer, smallint[], double precision, bigint[], bigint[])',
		'caredata.estimate_link_jointly(integer, bigint[], bigint[], bigint[], bigint[], double precision)']
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
		INSERT INTO caredata.role_grant (role_name, routine) VALUES ('caredata_linker', routine);
	END LOOP;
END
$revoke$;

-- --- Reports of runs -------------------------------------------------------

CREATE FUNCTION caredata.begin_link_run(model integer, operation text, left_table text,
										right_table text) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run (model_id, operation, left_table, right_table)
	VALUES ($1, $2, $3, $4) RETURNING run_id
$function$;
COMMENT ON FUNCTION caredata.begin_link_run(integer, text, text, text) IS
	'Begins the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.end_link_run(run bigint, left_records bigint, right_records bigint,
	sampled_pairs bigint, compared_pairs bigint, links bigint, expected_matches double precision)
	RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	UPDATE caredata.link_run r
	SET finished_at = clock_timestamp(), left_records = $2, right_records = $3,
		sampled_pairs = $4, compared_pairs = $5, links = $6, expected_matches = $7
	WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
COMMENT ON FUNCTION caredata.end_link_run(bigint, bigint, bigint, bigint, bigint, bigint, double precision) IS
	'Ends the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.report_link_rule(run bigint, rule integer, pairs bigint, new_pairs bigint,
	links bigint, skipped_blocks bigint, skipped_pairs bigint) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run_rule SELECT r.run_id, $2, $3, $4, $5, $6, $7
	FROM caredata.link_run r WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
COMMENT ON FUNCTION caredata.report_link_rule(bigint, integer, bigint, bigint, bigint, bigint, bigint) IS
	'Adds a blocking rule to the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.report_link_block(run bigint, rule integer, left_records bigint,
	right_records bigint, pairs bigint, example_id text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
	INSERT INTO caredata.link_run_block SELECT r.run_id, $2, $3, $4, $5, $6
	FROM caredata.link_run r WHERE r.run_id = $1 AND r.finished_at IS NULL
$function$;
COMMENT ON FUNCTION caredata.report_link_block(bigint, integer, bigint, bigint, bigint, text) IS
	'Adds a skipped block to the report of a run; internal to train_link_model() and link()';

CREATE FUNCTION caredata.warn_of_link(run bigint, warning text, comparison text, level integer,
									  detail text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	INSERT INTO caredata.link_run_warning
	SELECT r.run_id, warn_of_link.warning, warn_of_link.comparison, warn_of_link.level,
		warn_of_link.detail
	FROM caredata.link_run r WHERE r.run_id = run AND r.finished_at IS NULL;
	RAISE WARNING '%: %', warning, detail;
END
$function$;
COMMENT ON FUNCTION caredata.warn_of_link(bigint, text, text, integer, text) IS
	'Adds a warning to the report of a run, and raises it; internal to train_link_model() and link()';

-- What training writes. It takes values, and a draft only.
CREATE FUNCTION caredata.store_link_levels(model integer, m double precision[], u double precision[])
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	UPDATE caredata.link_model_level l
	SET m = CASE WHEN store_link_levels.m IS NULL THEN l.m ELSE store_link_levels.m[n.place] END,
		u = CASE WHEN store_link_levels.u IS NULL THEN l.u ELSE store_link_levels.u[n.place] END
	FROM (SELECT k.comparison, k.level,
			row_number() OVER (ORDER BY k.comparison, k.level)::integer AS place
		  FROM caredata.link_model_level k WHERE k.model_id = model) n
	WHERE l.model_id = model AND l.comparison = n.comparison AND l.level = n.level;
END
$function$;
COMMENT ON FUNCTION caredata.store_link_levels(integer, double precision[], double precision[]) IS
	'Writes m, u or both of all levels of a draft; internal to train_link_model()';

CREATE FUNCTION caredata.store_link_training(model integer, lambda double precision,
	shares double precision[], trained_by text, threshold double precision) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	UPDATE caredata.link_model_relationship r SET share = shares[n.place]
	FROM (SELECT k.ordinal, row_number() OVER (ORDER BY k.ordinal)::integer AS place
		  FROM caredata.link_model_relationship k WHERE k.model_id = model) n
	WHERE r.model_id = model AND r.ordinal = n.ordinal;
	UPDATE caredata.link_model m
	SET lambda = store_link_training.lambda, state = 'trained',
		trained_by = store_link_training.trained_by, trained_at = now(),
		minimum_probability = coalesce(m.minimum_probability, threshold)
	WHERE m.model_id = model;
END
$function$;
COMMENT ON FUNCTION caredata.store_link_training(integer, double precision, double precision[], text, double precision) IS
	'Ends the training of a draft; internal to train_link_model()';

-- A value whose frequency counts, and then its frequencies, some at a time.
CREATE FUNCTION caredata.store_link_slot(model integer, slot integer, chance double precision,
										 unseen_frequency double precision) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	DELETE FROM caredata.link_model_frequency f
	WHERE f.model_id = model AND f.slot = store_link_slot.slot;
	DELETE FROM caredata.link_model_slot s
	WHERE s.model_id = model AND s.slot = store_link_slot.slot;
	INSERT INTO caredata.link_model_slot
	SELECT model, s.slot, c.ordinal, s.part, least(greatest(store_link_slot.chance, 1e-12), 1),
		store_link_slot.unseen_frequency
	FROM caredata.link_slot_list(model) s
	JOIN caredata.link_model_comparison c ON c.model_id = model AND c.name = s.comparison
	WHERE s.slot = store_link_slot.slot;
END
$function$;
COMMENT ON FUNCTION caredata.store_link_slot(integer, integer, double precision, double precision) IS
	'Begins the frequencies of one value of a draft; internal to train_link_model()';

CREATE FUNCTION caredata.store_link_frequencies(model integer, slot integer, hashes bigint[],
												frequencies double precision[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	INSERT INTO caredata.link_model_frequency
	SELECT model, store_link_frequencies.slot, v.hash, v.frequency
	FROM unnest(hashes, frequencies) AS v (hash, frequency);
END
$function$;
COMMENT ON FUNCTION caredata.store_link_frequencies(integer, integer, bigint[], double precision[]) IS
	'Adds frequencies of one value of a draft; internal to train_link_model()';

/*
 * What a run is doing, for other sessions to see: the application name of this
 * one, which pg_stat_activity shows, until the transaction ends.
 */
CREATE FUNCTION caredata.show_link_progress(step text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT set_config('application_name', left('caredata: ' || $1, 63), true)
$function$;
COMMENT ON FUNCTION caredata.show_link_progress(text) IS
	'Shows in pg_stat_activity what a run is doing; internal to train_link_model() and link()';

-- --- Packing ---------------------------------------------------------------

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
COMMENT ON FUNCTION caredata.pack_link_table(integer, regclass, name, text, text[], bigint, text) IS
	'Packs a table into a temporary one, with the keys of the blocking rules; internal to train_link_model() and link()';

/*
 * Takes the blocks of a rule that are too large out of the packed tables, and
 * reports them. Returns how many these are, how many pairs they have, and how
 * many pairs all blocks of the rule have.
 */
CREATE FUNCTION caredata.skip_link_blocks(model integer, run bigint, rule integer, one boolean,
										  OUT all_pairs bigint, OUT blocks bigint, OUT pairs bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	allowed bigint;
	crossed boolean;
	left_key text := format('k%s', rule);
	right_key text;
	right_target text := CASE WHEN one THEN 'caredata_left' ELSE 'caredata_right' END;
	large record;
BEGIN
	SELECT m.block_pairs_limit INTO allowed FROM caredata.link_model m WHERE m.model_id = model;
	SELECT b.columns <> b.right_columns INTO crossed
	FROM caredata.link_model_blocking b WHERE b.model_id = model AND b.ordinal = rule;
	right_key := CASE WHEN crossed THEN format('r%s', rule) ELSE left_key END;

	EXECUTE format(
		'SELECT coalesce(sum(b.pairs), 0)::bigint AS all_pairs,
			count(*) FILTER (WHERE b.pairs > $1) AS blocks,
			coalesce(sum(b.pairs) FILTER (WHERE b.pairs > $1), 0)::bigint AS pairs,
			array_agg(b.key ORDER BY b.pairs DESC, b.first) FILTER (WHERE b.pairs > $1) AS keys,
			array_agg(b.left_records ORDER BY b.pairs DESC, b.first) FILTER (WHERE b.pairs > $1) AS left_records,
			array_agg(b.right_records ORDER BY b.pairs DESC, b.first) FILTER (WHERE b.pairs > $1) AS right_records,
			array_agg(b.first ORDER BY b.pairs DESC, b.first) FILTER (WHERE b.pairs > $1) AS firsts
		 FROM (SELECT key, l.records AS left_records, r.records AS right_records, l.first,
					CASE WHEN %4$s THEN l.records * (l.records - 1) / 2 ELSE l.records * r.records END AS pairs
			   FROM (SELECT %1$I AS key, count(*) AS records, min(n) AS first FROM pg_temp.caredata_left
					 WHERE %1$I IS NOT NULL GROUP BY 1) l
			   JOIN (SELECT %2$I AS key, count(*) AS records FROM pg_temp.%3$I
					 WHERE %2$I IS NOT NULL GROUP BY 1) r USING (key)) b',
		left_key, right_key, right_target, (one AND NOT crossed)::text)
	INTO large USING allowed;
	all_pairs := large.all_pairs;
	blocks := large.blocks;
	pairs := large.pairs;
	IF blocks = 0 THEN
		RETURN;
	END IF;

	PERFORM caredata.report_link_block(run, rule, b.left_records, b.right_records,
		CASE WHEN one AND NOT crossed THEN b.left_records * (b.left_records - 1) / 2
			 ELSE b.left_records * b.right_records END, p.id)
	FROM unnest(large.left_records, large.right_records, large.firsts) WITH ORDINALITY
			AS b (left_records, right_records, first, place)
	JOIN pg_temp.caredata_left p ON p.n = b.first
	WHERE b.place <= 100 ORDER BY b.place;
	PERFORM caredata.warn_of_link(run, 'block_skipped', NULL, NULL,
		format('blocking rule %s has %s blocks of more than %s pairs, %s pairs in all, which are not compared under it',
			   rule, blocks, allowed, pairs));
	EXECUTE format('UPDATE pg_temp.caredata_left SET %1$I = NULL,
					record = caredata.link_without_key(%2$s, record, %3$s, false) WHERE %1$I = ANY ($1)',
				   left_key, model, rule) USING large.keys;
	IF crossed OR NOT one THEN
		EXECUTE format('UPDATE pg_temp.%4$I SET %1$I = NULL,
						record = caredata.link_without_key(%2$s, record, %3$s, %5$s) WHERE %1$I = ANY ($1)',
					   right_key, model, rule, right_target, crossed::text) USING large.keys;
	END IF;
END
$function$;
COMMENT ON FUNCTION caredata.skip_link_blocks(integer, bigint, integer, boolean) IS
	'Takes blocks that are too large out of the packed tables and reports them; internal to train_link_model() and link()';

/*
 * A query for the pairs that one rule brings and no earlier one of its
 * purpose: l, r (n of the packed tables) and pattern. Of one table l < r.
 */
CREATE FUNCTION caredata.link_pairs_query(model integer, rule integer, purpose text, one boolean)
	RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	crossed boolean;
	before bigint;
	condition text;
BEGIN
	SELECT b.columns <> b.right_columns INTO crossed
	FROM caredata.link_model_blocking b WHERE b.model_id = model AND b.ordinal = rule;
	-- bits are places in order among all rules of the model
	SELECT coalesce(sum(1::bigint << (b.place - 1)::integer), 0) INTO before
	FROM (SELECT k.ordinal, k.purpose, row_number() OVER (ORDER BY k.ordinal) AS place
		  FROM caredata.link_model_blocking k WHERE k.model_id = model) b
	WHERE b.purpose = link_pairs_query.purpose AND b.ordinal < rule;

	IF NOT crossed THEN
		condition := format('l.k%1$s = r.k%1$s', rule);
		IF one THEN
			condition := condition || ' AND l.n < r.n';
		END IF;
	ELSE
		condition := format('l.k%1$s = r.r%1$s', rule);
		IF one THEN
			-- a pair that the rule holds for both ways round comes once
			condition := condition || format(
				' AND (l.n < r.n OR l.n > r.n AND (r.k%1$s = l.r%1$s) IS NOT TRUE)', rule);
		END IF;
	END IF;
	RETURN format(
		'SELECT %s AS l, %s AS r, caredata.link_pattern(%s, l.record, r.record, %s, %s) AS pattern,
				l.record AS left_record, r.record AS right_record
		 FROM pg_temp.caredata_left l JOIN pg_temp.%I r ON %s OFFSET 0',
		CASE WHEN one THEN 'least(l.n, r.n)' ELSE 'l.n' END,
		CASE WHEN one THEN 'greatest(l.n, r.n)' ELSE 'r.n' END,
		model, before, one::text, CASE WHEN one THEN 'caredata_left' ELSE 'caredata_right' END, condition);
END
$function$;
COMMENT ON FUNCTION caredata.link_pairs_query(integer, integer, text, boolean) IS
	'SQL of the pairs that a blocking rule brings first; internal to train_link_model() and link()';

/*
 * Patterns of all pairs of records sampled by the hash of their id, so that
 * there are about so many pairs; all records if there are no more.
 */
CREATE FUNCTION caredata.sample_link_patterns(model integer, one boolean, left_records bigint,
	right_records bigint, sample_pairs bigint,
	OUT patterns bigint[], OUT counts bigint[], OUT pairs bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	seed bigint;
	every double precision;
	left_sample bytea[];
	right_sample bytea[];
	take_left bigint := left_records;
	take_right bigint := right_records;
BEGIN
	SELECT m.seed INTO seed FROM caredata.link_model m WHERE m.model_id = model;
	every := CASE WHEN one THEN left_records * (left_records - 1.0) / 2
			 ELSE left_records * 1.0 * right_records END;
	IF every > sample_pairs THEN
		IF one THEN
			take_left := ceil((sqrt(8.0 * sample_pairs + 1) + 1) / 2);
		ELSE
			take_left := ceil(left_records * sqrt(sample_pairs / every));
			take_right := ceil(right_records * sqrt(sample_pairs / every));
		END IF;
	END IF;
	SELECT array_agg(s.record ORDER BY s.n) INTO left_sample
	FROM (SELECT p.n, p.record FROM pg_temp.caredata_left p
		  ORDER BY hashtextextended(p.id COLLATE "C", seed), p.n LIMIT take_left) s;
	IF NOT one THEN
		SELECT array_agg(s.record ORDER BY s.n) INTO right_sample
		FROM (SELECT p.n, p.record FROM pg_temp.caredata_right p
			  ORDER BY hashtextextended(p.id COLLATE "C", seed), p.n LIMIT take_right) s;
		right_sample := coalesce(right_sample, '{}');
	END IF;
	SELECT s.patterns, s.counts INTO patterns, counts
	FROM caredata.link_sample_patterns(model, coalesce(left_sample, '{}'), right_sample) s;
	SELECT coalesce(sum(c), 0) INTO pairs FROM unnest(counts) c;
END
$function$;
COMMENT ON FUNCTION caredata.sample_link_patterns(integer, boolean, bigint, bigint, bigint) IS
	'Patterns of pairs taken at random, the same on every run; internal to train_link_model() and link()';

-- --- Frequencies -----------------------------------------------------------

-- Which comparison and which of its values each slot counts.
CREATE FUNCTION caredata.link_slot_list(model integer,
	OUT slot integer, OUT comparison text, OUT part text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT row_number() OVER (ORDER BY s.ordinal, s.part_place)::integer - 1, s.name, s.part
	FROM (SELECT DISTINCT c.ordinal, c.name, p.part_place, p.part
		  FROM caredata.link_model_comparison c
		  JOIN caredata.link_model_level l ON l.model_id = c.model_id AND l.comparison = c.ordinal,
		  LATERAL (SELECT 1, 'value' WHERE c.kind <> 'name_pair'
						AND l.test NOT IN ('forename_exact', 'surname_exact')
				   UNION ALL
				   SELECT 2, 'forename' WHERE l.test = 'forename_exact'
						OR c.kind = 'name_pair' AND l.test ~ '^forename_exact_'
				   UNION ALL
				   SELECT 3, 'surname' WHERE l.test = 'surname_exact'
						OR c.kind = 'name_pair' AND l.test ~ '^forename_.*_surname_exact$')
				AS p (part_place, part)
		  WHERE c.model_id = $1 AND l.frequency_weight > 0) s
	ORDER BY 1
$function$;
COMMENT ON FUNCTION caredata.link_slot_list(integer) IS
	'Values whose frequency counts in a model: of a comparison the whole value, or the forename or the surname of a joint one';

CREATE FUNCTION caredata.use_link_frequencies(model integer, comparison text, source regclass,
	value_column name, frequency_column name, part text DEFAULT 'value')
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place integer;
	arguments text;
	value_of name;
	no_shares bigint;
	hashes bigint[];
	frequencies double precision[];
BEGIN
	SELECT s.slot INTO place FROM caredata.link_slot_list(model) s
	WHERE s.comparison = use_link_frequencies.comparison AND s.part = use_link_frequencies.part;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no level of that comparison of link model % uses that frequency', model
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.link_slot_list() lists the frequencies that a model uses.';
	END IF;
	SELECT CASE part WHEN 'surname' THEN c.columns[2] ELSE c.columns[1] END INTO value_of
	FROM caredata.link_model_comparison c
	WHERE c.model_id = model AND c.name = use_link_frequencies.comparison
		AND (part <> 'value' OR c.kind NOT IN ('forename_surname', 'name_pair'));
	IF NOT FOUND THEN
		RAISE EXCEPTION 'frequencies of a forename and surname together are counted in training, not given'
			USING ERRCODE = 'feature_not_supported';
	END IF;
	SELECT string_agg(CASE WHEN w.name = value_of THEN format('s.%I::text', value_column)
						   ELSE 'NULL::text' END, ', ' ORDER BY w.n)
	INTO arguments FROM unnest(caredata.link_columns(model)) WITH ORDINALITY AS w (name, n);
	EXECUTE format('SELECT count(*) FROM %s s WHERE NOT s.%I::double precision BETWEEN 0 AND 1',
				   source, frequency_column)
	INTO no_shares;
	IF no_shares > 0 THEN
		RAISE EXCEPTION 'column "%" of % has % values that are no share from 0 to 1',
				frequency_column, source, no_shares
			USING ERRCODE = 'numeric_value_out_of_range',
				  HINT = 'Counts and percentages become shares when they are divided by their sum.';
	END IF;
	-- spellings that are one value to the model add up
	EXECUTE format(
		'SELECT array_agg(hash ORDER BY hash), array_agg(frequency ORDER BY hash)
		 FROM (SELECT hash, least(sum(frequency), 1) AS frequency
			   FROM (SELECT caredata.link_slot_hash(%s, caredata.link_record(%s, %s), %s) AS hash,
							s.%I::double precision AS frequency FROM %s s) v
			   WHERE hash IS NOT NULL AND frequency > 0 GROUP BY hash) v',
		model, model, arguments, place, frequency_column, source)
	INTO hashes, frequencies;
	IF hashes IS NULL THEN
		RAISE EXCEPTION '% has no value with a frequency', source
			USING ERRCODE = 'no_data_found';
	END IF;
	-- who is in no table of names has a name that is rarer than all in it
	PERFORM caredata.store_link_slot(model, place, (SELECT sum(f * f ORDER BY f) FROM unnest(frequencies) f),
									 (SELECT min(f) FROM unnest(frequencies) f));
	PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
	RETURN cardinality(hashes);
END
$function$;
COMMENT ON FUNCTION caredata.use_link_frequencies(integer, text, regclass, name, name, text) IS
	'Gives a draft the frequencies of values from a reference table, shares of 1, in the place of those in the linked tables; returns how many values';

-- Frequencies in the packed tables, of persons where the model has a column
-- for them; those that a reference table gave stay. There may be as many
-- values as records, so they are handed over some at a time.
CREATE FUNCTION caredata.count_link_frequencies(model integer, one boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place integer;
	query text;
	total double precision;
	squares numeric;
	value record;
	hashes bigint[];
	frequencies double precision[];
BEGIN
	FOR place IN 0 .. caredata.link_slots(model) - 1 LOOP
		CONTINUE WHEN EXISTS (SELECT FROM caredata.link_model_slot s
							  WHERE s.model_id = model AND s.slot = place);
		query := format(
			'SELECT hash, count(DISTINCT person) + count(*) FILTER (WHERE person IS NULL) AS holders
			 FROM (SELECT caredata.link_slot_hash(%1$s, record, %2$s) AS hash, person
				   FROM pg_temp.caredata_left %3$s) v
			 WHERE hash IS NOT NULL GROUP BY hash',
			model, place, CASE WHEN one THEN '' ELSE format(
				'UNION ALL SELECT caredata.link_slot_hash(%s, record, %s), person FROM pg_temp.caredata_right',
				model, place) END);
		-- sums of whole numbers, which have no order
		EXECUTE format('SELECT sum(holders), sum(holders::numeric * holders) FROM (%s) v', query)
		INTO total, squares;
		CONTINUE WHEN total IS NULL;
		PERFORM caredata.store_link_slot(model, place, (squares / (total * total)::numeric)::double precision,
										 1 / (total + 1));
		hashes := '{}';
		frequencies := '{}';
		FOR value IN EXECUTE query LOOP
			hashes := array_append(hashes, value.hash);
			frequencies := array_append(frequencies, value.holders / total);
			IF cardinality(hashes) = 10000 THEN
				PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
				hashes := '{}';
				frequencies := '{}';
			END IF;
		END LOOP;
		PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
	END LOOP;
END
$function$;
COMMENT ON FUNCTION caredata.count_link_frequencies(integer, boolean) IS
	'Counts the frequencies of a draft in the packed tables; internal to train_link_model()';

-- --- Training --------------------------------------------------------------

-- Patterns of the pairs that one rule brings and no earlier one of its purpose.
CREATE FUNCTION caredata.count_link_patterns(model integer, rule integer, purpose text, one boolean,
	OUT patterns bigint[], OUT counts bigint[], OUT pairs bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	EXECUTE format(
		'SELECT coalesce(array_agg(pattern ORDER BY pattern), ''{}''),
			coalesce(array_agg(pairs ORDER BY pattern), ''{}''), coalesce(sum(pairs), 0)
		 FROM (SELECT pattern, count(*) AS pairs FROM (%s) p WHERE pattern IS NOT NULL GROUP BY pattern) p',
		caredata.link_pairs_query(model, rule, purpose, one))
	INTO patterns, counts, pairs;
END
$function$;
COMMENT ON FUNCTION caredata.count_link_patterns(integer, integer, text, boolean) IS
	'Patterns of the pairs that a blocking rule brings first, and how many pairs have each; internal to train_link_model()';

/*
 * Estimates all parameters from the candidate pairs of all rules together;
 * pairs that no rule brings count as two people.
 */
CREATE FUNCTION caredata.train_link_jointly(model integer, run bigint, one boolean,
	left_records bigint, right_records bigint, sample_pairs bigint,
	OUT sampled bigint, OUT compared bigint, OUT expected double precision)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	every double precision;
	everything boolean;
	sample record;
	found record;
	fit record;
	rule integer;
	skipped record;
	patterns bigint[] := '{}';
	counts bigint[] := '{}';
BEGIN
	every := CASE WHEN one THEN left_records * (left_records - 1.0) / 2
			 ELSE left_records * 1.0 * right_records END;
	SELECT every <= m.all_pairs_limit INTO everything FROM caredata.link_model m WHERE m.model_id = model;

	PERFORM caredata.show_link_progress('comparing pairs taken at random');
	SELECT * INTO sample FROM caredata.sample_link_patterns(model, one, left_records, right_records,
		CASE WHEN everything THEN every::bigint ELSE sample_pairs END);
	sampled := sample.pairs;
	IF everything THEN
		compared := sample.pairs;
		patterns := sample.patterns;
		counts := sample.counts;
		PERFORM caredata.report_link_rule(run, 0, compared, compared, NULL, 0, 0);
	ELSE
		compared := 0;
		FOR rule IN SELECT b.ordinal FROM caredata.link_model_blocking b
					WHERE b.model_id = model AND b.purpose = 'link' ORDER BY b.ordinal
		LOOP
			PERFORM caredata.show_link_progress(format('comparing pairs of rule %s', rule));
			SELECT * INTO skipped FROM caredata.skip_link_blocks(model, run, rule, one);
			SELECT * INTO found FROM caredata.count_link_patterns(model, rule, 'link', one);
			PERFORM caredata.report_link_rule(run, rule, skipped.all_pairs, found.pairs, NULL,
											 skipped.blocks, skipped.pairs);
			compared := compared + found.pairs;
			patterns := patterns || found.patterns;
			counts := counts || found.counts;
		END LOOP;
		SELECT coalesce(array_agg(p.pattern ORDER BY p.pattern), '{}'),
			coalesce(array_agg(p.pairs ORDER BY p.pattern), '{}')
		INTO patterns, counts
		FROM (SELECT u.pattern, sum(u.pairs)::bigint AS pairs
			  FROM unnest(patterns, counts) AS u (pattern, pairs) GROUP BY u.pattern) p;
	END IF;
	IF compared = 0 THEN
		RAISE EXCEPTION 'no rule of link model % brings two records together', model
			USING ERRCODE = 'no_data_found',
				  HINT = 'Add blocking rules with caredata.add_link_blocking() on columns that have values.';
	END IF;

	PERFORM caredata.show_link_progress('estimating');
	SELECT * INTO fit FROM caredata.estimate_link_jointly(model, patterns, counts,
		sample.patterns, sample.counts, every);
	expected := fit.expected_matches;
	IF NOT fit.converged THEN
		PERFORM caredata.warn_of_link(run, 'not_converged', NULL, NULL,
			format('the estimation had not settled after %s rounds', fit.rounds));
	END IF;
	PERFORM caredata.store_link_levels(model, fit.m, fit.u);
	PERFORM caredata.store_link_training(model, greatest(least(fit.lambda, 1 - 1e-9), 1e-300), fit.shares,
										 'jointly', greatest(least(fit.threshold, 0.99), 0.01));
END
$function$;
COMMENT ON FUNCTION caredata.train_link_jointly(integer, bigint, boolean, bigint, bigint, bigint) IS
	'Trains a draft on the candidate pairs of all rules; internal to train_link_model()';

/*
 * Estimates as Splink does: u from pairs taken at random, lambda from rules
 * that hold for certain matches and what share of matches they find, m in one
 * session for each rule of training, without the comparisons of its columns,
 * the median of the sessions.
 */
CREATE FUNCTION caredata.train_link_by_rule(model integer, run bigint, one boolean,
	left_records bigint, right_records bigint, sample_pairs bigint, recall double precision,
	OUT sampled bigint, OUT compared bigint, OUT expected double precision)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	every double precision;
	sample record;
	found record;
	fit record;
	skipped record;
	rule record;
	lambda double precision;
	odds double precision;
	certain bigint := 0;
	inactive smallint[];
	medians double precision[];
	sessions double precision[] := '{}';	-- m of all levels, session by session
	levels integer;
	active integer;
BEGIN
	compared := 0;
	every := CASE WHEN one THEN left_records * (left_records - 1.0) / 2
			 ELSE left_records * 1.0 * right_records END;
	SELECT count(*) INTO levels FROM caredata.link_model_level l WHERE l.model_id = model;

	PERFORM caredata.show_link_progress('comparing pairs taken at random');
	SELECT * INTO sample FROM caredata.sample_link_patterns(model, one, left_records, right_records,
															sample_pairs);
	sampled := sample.pairs;
	-- m to start from: most of it to the best level
	PERFORM caredata.store_link_levels(model,
		(SELECT array_agg(CASE WHEN l.level = t.top THEN 0.95 ELSE 0.05 / t.top END
						  ORDER BY l.comparison, l.level)
		 FROM caredata.link_model_level l,
			LATERAL (SELECT max(k.level) AS top FROM caredata.link_model_level k
					 WHERE k.model_id = model AND k.comparison = l.comparison) t
		 WHERE l.model_id = model),
		(SELECT caredata.estimate_link_u(model, sample.patterns, sample.counts)));

	FOR rule IN SELECT b.ordinal FROM caredata.link_model_blocking b
				WHERE b.model_id = model AND b.purpose = 'deterministic' ORDER BY b.ordinal
	LOOP
		PERFORM caredata.show_link_progress(format('comparing pairs of rule %s', rule.ordinal));
		SELECT * INTO skipped FROM caredata.skip_link_blocks(model, run, rule.ordinal, one);
		SELECT * INTO found FROM caredata.count_link_patterns(model, rule.ordinal, 'deterministic', one);
		PERFORM caredata.report_link_rule(run, rule.ordinal, skipped.all_pairs, found.pairs, NULL,
										 skipped.blocks, skipped.pairs);
		certain := certain + found.pairs;
	END LOOP;
	lambda := certain / recall / every;
	IF NOT coalesce(lambda > 0 AND lambda < 1, false) THEN
		RAISE EXCEPTION 'the deterministic rules of link model % find % pairs, which gives no probability',
				model, certain
			USING ERRCODE = 'no_data_found',
				  HINT = 'Add rules of purpose deterministic that hold for most pairs of one person, or train jointly.';
	END IF;

	FOR rule IN SELECT b.ordinal, b.columns, b.right_columns, b.transforms
				FROM caredata.link_model_blocking b
				WHERE b.model_id = model AND b.purpose = 'train' ORDER BY b.ordinal
	LOOP
		PERFORM caredata.show_link_progress(format('comparing pairs of rule %s', rule.ordinal));
		SELECT * INTO skipped FROM caredata.skip_link_blocks(model, run, rule.ordinal, one);
		-- every session has all pairs of its rule, whatever another one had
		SELECT * INTO found FROM caredata.count_link_patterns(model, rule.ordinal, NULL, one);
		PERFORM caredata.report_link_rule(run, rule.ordinal, skipped.all_pairs, found.pairs, NULL,
										 skipped.blocks, skipped.pairs);
		compared := compared + found.pairs;
		SELECT coalesce(array_agg(c.ordinal), '{}') INTO inactive
		FROM caredata.link_model_comparison c
		WHERE c.model_id = model AND c.columns && (rule.columns || rule.right_columns);
		SELECT count(*) - cardinality(inactive) INTO active
		FROM caredata.link_model_comparison c WHERE c.model_id = model;
		IF active < 2 OR found.pairs = 0 THEN
			PERFORM caredata.warn_of_link(run,
				CASE WHEN active < 2 THEN 'too_few_comparisons' ELSE 'no_pairs' END, NULL, NULL,
				format('training rule %s is left out: it leaves %s comparisons and has %s pairs',
					   rule.ordinal, active, found.pairs));
			CONTINUE;
		END IF;

		-- among these pairs matches are as much more frequent as agreement on
		-- the whole of a column makes one likely
		SELECT lambda / (1 - lambda) * coalesce(exp(sum(ln(greatest(l.m, 1e-300) / greatest(l.u, 1e-300)))), 1)
		INTO odds
		FROM caredata.link_model_comparison c
		JOIN caredata.link_model_level l ON l.model_id = model AND l.comparison = c.ordinal
		WHERE c.model_id = model AND l.test = 'exact' AND l.m IS NOT NULL AND l.u IS NOT NULL
			AND NOT EXISTS (SELECT FROM unnest(c.columns) AS k (name)
							WHERE NOT EXISTS (SELECT FROM unnest(rule.columns, rule.transforms) AS b (name, transform)
											  WHERE b.name = k.name AND b.transform = 'whole'));
		SELECT * INTO fit FROM caredata.estimate_link_session(model, inactive, odds / (1 + odds),
															  found.patterns, found.counts);
		IF NOT coalesce(fit.lambda > 1e-12 AND fit.lambda < 1 - 1e-12, false) THEN
			PERFORM caredata.warn_of_link(run, 'lambda_degenerate', NULL, NULL,
				format('training rule %s is left out: its pairs came out as all of one person, or none', rule.ordinal));
			CONTINUE;
		ELSIF NOT fit.converged THEN
			PERFORM caredata.warn_of_link(run, 'not_converged', NULL, NULL,
				format('training rule %s had not settled after %s rounds', rule.ordinal, fit.rounds));
		END IF;
		sessions := sessions || fit.m;
		SELECT array_agg(coalesce(x.median, x.m) ORDER BY x.place) INTO medians
		FROM (SELECT n.place, n.m,
				(SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s.m)
				 FROM unnest(sessions) WITH ORDINALITY AS s (m, at)
				 WHERE (s.at - 1) % levels = n.place - 1 AND s.m IS NOT NULL) AS median
			  FROM (SELECT l.m, row_number() OVER (ORDER BY l.comparison, l.level) AS place
					FROM caredata.link_model_level l WHERE l.model_id = model) n) x;
		PERFORM caredata.store_link_levels(model, medians, NULL);
	END LOOP;
	IF sessions = '{}' THEN
		RAISE EXCEPTION 'no rule of purpose train of link model % could be used', model
			USING ERRCODE = 'no_data_found',
				  HINT = 'Add rules with caredata.add_link_blocking(..., purpose => ''train''), or train jointly.';
	END IF;
	-- what no session saw is not estimated
	PERFORM caredata.store_link_levels(model,
		(SELECT array_agg((SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s.m)
						   FROM unnest(sessions) WITH ORDINALITY AS s (m, at)
						   WHERE (s.at - 1) % levels = n.place - 1 AND s.m IS NOT NULL)
						  ORDER BY n.place)
		 FROM generate_series(1, levels) AS n (place)), NULL);
	expected := lambda * every;
	PERFORM caredata.store_link_training(model, lambda, NULL, 'by_rule', 0.9);
END
$function$;
COMMENT ON FUNCTION caredata.train_link_by_rule(integer, bigint, boolean, bigint, bigint, bigint, double precision) IS
	'Trains a draft in sessions, one for each rule of training; internal to train_link_model()';

CREATE FUNCTION caredata.train_link_model(model integer, left_table regclass,
	right_table regclass DEFAULT NULL, method text DEFAULT 'jointly',
	sample_pairs bigint DEFAULT NULL, recall double precision DEFAULT 0.9)
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	one boolean := right_table IS NULL;
	run bigint;
	left_records bigint;
	right_records bigint;
	purposes text[];
	outcome record;
	doubtful record;
	application text := current_setting('application_name');
BEGIN
	PERFORM caredata.lock_link_model(model);
	IF left_table IS NULL OR method IS NULL OR method NOT IN ('jointly', 'by_rule') THEN
		RAISE EXCEPTION 'a model is trained on a table, or two, jointly or by_rule'
			USING ERRCODE = 'invalid_parameter_value';
	ELSIF NOT coalesce(sample_pairs BETWEEN 1000 AND 1000000000, true)
		  OR NOT coalesce(recall > 0 AND recall <= 1, false) THEN
		RAISE EXCEPTION 'sample_pairs must be 1000 to 1000000000, and recall greater than 0 and up to 1'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	run := caredata.begin_link_run(model, 'train', left_table::text, right_table::text);
	purposes := CASE method WHEN 'jointly' THEN '{train,link}'::text[]
				ELSE '{train,deterministic}'::text[] END;
	PERFORM caredata.show_link_progress('reading');
	left_records := caredata.pack_link_table(model, left_table, 'caredata_left',
		CASE WHEN one THEN 'both' ELSE 'left' END, purposes, run);
	IF NOT one THEN
		right_records := caredata.pack_link_table(model, right_table, 'caredata_right', 'right', purposes, run);
	END IF;
	IF left_records = 0 OR right_records = 0 OR (one AND left_records = 1) THEN
		RAISE EXCEPTION 'a model cannot be trained on tables without a pair of records'
			USING ERRCODE = 'no_data_found';
	END IF;

	PERFORM caredata.count_link_frequencies(model, one);
	IF method = 'jointly' THEN
		SELECT * INTO outcome FROM caredata.train_link_jointly(model, run, one, left_records, right_records,
			coalesce(sample_pairs, 2000000));
	ELSE
		SELECT * INTO outcome FROM caredata.train_link_by_rule(model, run, one, left_records, right_records,
			coalesce(sample_pairs, 10000000), recall);
	END IF;

	FOR doubtful IN
		SELECT c.name, l.level, l.m, l.u, l.test,
			max(l.level) OVER (PARTITION BY l.comparison) AS top,
			count(l.m) OVER (PARTITION BY l.comparison) AS with_m
		FROM caredata.link_model_level l
		JOIN caredata.link_model_comparison c ON c.model_id = model AND c.ordinal = l.comparison
		WHERE l.model_id = model ORDER BY l.comparison, l.level DESC
	LOOP
		IF doubtful.with_m = 0 THEN
			IF doubtful.level = doubtful.top THEN
				PERFORM caredata.warn_of_link(run, 'comparison_untrained', doubtful.name, NULL,
					format('comparison "%s" has no m: no session had it active', doubtful.name));
			END IF;
		ELSIF doubtful.m IS NULL OR doubtful.u IS NULL THEN
			PERFORM caredata.warn_of_link(run, 'level_unseen', doubtful.name, doubtful.level,
				format('level %s ("%s") of comparison "%s" was not seen in training',
					   doubtful.level, doubtful.test, doubtful.name));
		ELSIF doubtful.level = doubtful.top AND doubtful.m < doubtful.u THEN
			PERFORM caredata.warn_of_link(run, 'agreement_counts_against', doubtful.name, doubtful.level,
				format('agreement on comparison "%s" came out as less likely for one person than for two',
					   doubtful.name));
		END IF;
	END LOOP;
	IF outcome.expected < 1 THEN
		PERFORM caredata.warn_of_link(run, 'no_matches', NULL, NULL,
			'the model takes the tables to have less than one pair of one person');
	END IF;
	PERFORM caredata.end_link_run(run, left_records, right_records, outcome.sampled, outcome.compared, NULL,
								  outcome.expected);
	PERFORM set_config('application_name', application, true);
	RETURN run;
END
$function$;
COMMENT ON FUNCTION caredata.train_link_model(integer, regclass, regclass, text, bigint, double precision) IS
	'Estimates m, u and lambda of a draft on a table, or two, and takes it into use; returns the number of its report in caredata.link_run';

-- --- Linking ---------------------------------------------------------------

CREATE FUNCTION caredata.link(model integer, left_table regclass, right_table regclass DEFAULT NULL,
	minimum_probability double precision DEFAULT NULL,
	OUT left_id text, OUT right_id text, OUT weight double precision, OUT probability double precision,
	OUT pattern bigint, OUT rule smallint, OUT gap double precision, OUT close_match boolean)
	RETURNS SETOF record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
#variable_conflict use_column
DECLARE
	one boolean := right_table IS NULL;
	used caredata.link_model;
	run bigint;
	left_records bigint;
	right_records bigint;
	every double precision;
	least_weight double precision;
	kept_weight double precision;
	total bigint := 0;
	links bigint;
	place integer;
	skipped record;
	query text;
	application text := current_setting('application_name');
BEGIN
	SELECT * INTO used FROM caredata.link_model m WHERE m.model_id = model;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'link model % does not exist', coalesce(model::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'caredata.link_model lists the models.';
	ELSIF used.state <> 'trained' THEN
		RAISE EXCEPTION 'link model % is not trained', model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Train it with caredata.train_link_model(), or set its parameters and accept it.';
	ELSIF left_table IS NULL THEN
		RAISE EXCEPTION 'a table to link is needed' USING ERRCODE = 'null_value_not_allowed';
	ELSIF NOT coalesce(minimum_probability >= 0 AND minimum_probability < 1, true) THEN
		RAISE EXCEPTION 'a minimum probability is at least 0 and less than 1'
			USING ERRCODE = 'numeric_value_out_of_range';
	-- training leaves out only what had no value to count
	ELSIF used.trained_by = 'hand'
		  AND EXISTS (SELECT FROM caredata.link_slot_list(model) s
				  WHERE NOT EXISTS (SELECT FROM caredata.link_model_slot k
									WHERE k.model_id = model AND k.slot = s.slot)) THEN
		RAISE EXCEPTION 'link model % has no frequencies for a value that its levels weigh by frequency', model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Train it, or give a draft the frequencies with caredata.use_link_frequencies().';
	END IF;
	minimum_probability := coalesce(minimum_probability, used.minimum_probability);
	least_weight := CASE WHEN minimum_probability = 0 THEN '-Infinity'
					ELSE ln(minimum_probability / (1 - minimum_probability)) / ln(2) END;
	-- what is below the threshold may still be too near to what is above
	kept_weight := least_weight - CASE WHEN one THEN 0 ELSE used.close_match_gap END;

	run := caredata.begin_link_run(model, 'link', left_table::text, right_table::text);
	PERFORM caredata.show_link_progress('reading');
	left_records := caredata.pack_link_table(model, left_table, 'caredata_left',
		CASE WHEN one THEN 'both' ELSE 'left' END, '{link}', run);
	IF NOT one THEN
		right_records := caredata.pack_link_table(model, right_table, 'caredata_right', 'right', '{link}', run);
	END IF;
	every := CASE WHEN one THEN left_records * (left_records - 1.0) / 2
			 ELSE left_records * 1.0 * right_records END;
	IF left_records = 0 OR right_records = 0 THEN
		PERFORM caredata.warn_of_link(run, 'table_empty', NULL, NULL,
			format('%s has no record to link', CASE WHEN left_records = 0 THEN left_table ELSE right_table END));
	ELSIF every > used.all_pairs_limit
		  AND NOT EXISTS (SELECT FROM caredata.link_model_blocking b
						  WHERE b.model_id = model AND b.purpose = 'link') THEN
		RAISE EXCEPTION 'link model % has no blocking rule, and the tables have more pairs than can all be compared', model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('There are %s pairs; all_pairs_limit is %s.', every::bigint, used.all_pairs_limit),
				  HINT = 'Make a new version with caredata.copy_link_model(), and add rules with caredata.add_link_blocking().';
	END IF;

	IF to_regclass('pg_temp.caredata_pair') IS NOT NULL THEN
		DROP TABLE pg_temp.caredata_pair;
	END IF;
	CREATE TEMPORARY TABLE caredata_pair (
		l integer NOT NULL, r integer NOT NULL, weight double precision NOT NULL,
		pattern bigint NOT NULL, rule smallint NOT NULL
	) ON COMMIT DROP;
	FOR place IN
		SELECT 0 WHERE every <= used.all_pairs_limit
		UNION ALL
		SELECT b.ordinal FROM caredata.link_model_blocking b
		WHERE b.model_id = model AND b.purpose = 'link' AND every > used.all_pairs_limit
		ORDER BY 1
	LOOP
		IF place = 0 THEN
			SELECT every::bigint AS all_pairs, 0::bigint AS blocks, 0::bigint AS pairs INTO skipped;
			query := format(
				'SELECT l.n AS l, r.n AS r, caredata.link_pattern(%s, l.record, r.record, 0, false) AS pattern,
						l.record AS left_record, r.record AS right_record
				 FROM pg_temp.caredata_left l JOIN pg_temp.%I r ON %s OFFSET 0',
				model, CASE WHEN one THEN 'caredata_left' ELSE 'caredata_right' END,
				CASE WHEN one THEN 'l.n < r.n' ELSE 'true' END);
		ELSE
			PERFORM caredata.show_link_progress(format('comparing pairs of rule %s', place));
			SELECT * INTO skipped FROM caredata.skip_link_blocks(model, run, place, one);
			query := caredata.link_pairs_query(model, place, 'link', one);
		END IF;
		EXECUTE format(
			'INSERT INTO pg_temp.caredata_pair
			 SELECT w.l, w.r, w.weight, w.pattern, %3$s
			 FROM (SELECT p.l, p.r, p.pattern,
						caredata.link_weight(%1$s, p.pattern, p.left_record, p.right_record) AS weight
				   FROM (%2$s) p WHERE p.pattern IS NOT NULL OFFSET 0) w
			 WHERE w.weight >= $1',
			model, query, place) USING kept_weight;
		SELECT count(*) INTO links FROM pg_temp.caredata_pair k
		WHERE k.rule = place AND k.weight >= least_weight;
		PERFORM caredata.report_link_rule(run, place, skipped.all_pairs, NULL, links,
										  skipped.blocks, skipped.pairs);
		total := total + links;
	END LOOP;
	PERFORM caredata.end_link_run(run, left_records, right_records, NULL, NULL, total, NULL);
	PERFORM set_config('application_name', application, true);

	RETURN QUERY EXECUTE format(
		'SELECT l.id, r.id, p.weight, caredata.link_probability(p.weight), p.pattern, p.rule,
			p.gap, coalesce(abs(p.gap) < $2, false)
		 FROM (SELECT k.*, CASE WHEN %1$s THEN NULL
					WHEN row_number() OVER best = 1 THEN k.weight - nth_value(k.weight, 2) OVER best
					ELSE k.weight - first_value(k.weight) OVER best END AS gap
			   FROM pg_temp.caredata_pair k
			   WINDOW best AS (PARTITION BY k.l ORDER BY k.weight DESC, k.r
							   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) p
		 JOIN pg_temp.caredata_left l ON l.n = p.l
		 JOIN pg_temp.%2$I r ON r.n = p.r
		 WHERE p.weight >= $1 ORDER BY p.l, p.r',
		one::text, CASE WHEN one THEN 'caredata_left' ELSE 'caredata_right' END)
	USING least_weight, used.close_match_gap;
END
$function$;
COMMENT ON FUNCTION caredata.link(integer, regclass, regclass, double precision) IS
	'Pairs of records of two tables, or of one, that are one person with at least the probability given, or that of the model; gap is by how many bits a match of two tables beats the next of its left record, or is beaten';

CREATE FUNCTION caredata.explain_link(model integer, left_table regclass, left_id text,
	right_table regclass, right_id text,
	OUT step integer, OUT element text, OUT agreement text, OUT m double precision,
	OUT u double precision, OUT weight double precision, OUT total double precision,
	OUT probability double precision)
	RETURNS SETOF record
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
#variable_conflict use_column
DECLARE
	used caredata.link_model;
	pair record;
BEGIN
	SELECT * INTO used FROM caredata.link_model k WHERE k.model_id = model;
	IF NOT FOUND OR used.state <> 'trained' THEN
		RAISE EXCEPTION 'link model % does not exist or is not trained', coalesce(model::text, 'NULL')
			USING ERRCODE = 'object_not_in_prerequisite_state';
	ELSIF left_table IS NULL OR left_id IS NULL OR right_table IS NULL OR right_id IS NULL THEN
		RAISE EXCEPTION 'two tables and the ids of a row of each are needed'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF caredata.pack_link_table(model, left_table, 'caredata_left', 'left', '{link}', NULL, left_id) <> 1
	   OR caredata.pack_link_table(model, right_table, 'caredata_right', 'right', '{link}', NULL, right_id) <> 1 THEN
		RAISE EXCEPTION 'each id must be that of one row'
			USING ERRCODE = 'no_data_found';
	END IF;
	SELECT p.pattern, caredata.link_levels(model, p.pattern) AS levels,
		caredata.link_weight_parts(model, p.pattern, p.left_record, p.right_record) AS parts
	INTO pair
	FROM (SELECT caredata.link_pattern(model, l.record, r.record, 0, false) AS pattern,
			l.record AS left_record, r.record AS right_record
		  FROM pg_temp.caredata_left l, pg_temp.caredata_right r OFFSET 0) p;

	RETURN QUERY
	WITH compared AS (
		SELECT c.ordinal, c.name, pair.levels[row_number() OVER (ORDER BY c.ordinal)] AS level,
			row_number() OVER (ORDER BY c.ordinal)::integer AS place, count(*) OVER ()::integer AS places
		FROM caredata.link_model_comparison c WHERE c.model_id = model
	), parts AS (
		SELECT 0 AS place, 0 AS part, 'any two records' AS element, NULL::text AS agreement,
			NULL::double precision AS m, NULL::double precision AS u,
			ln(used.lambda / (1 - used.lambda)) / ln(2) AS weight
		UNION ALL
		SELECT c.place, 0, c.name,
			CASE WHEN c.level IS NULL THEN 'missing' ELSE concat_ws(' ', l.test, l.parameter::text) END,
			l.m, l.u, pair.parts[c.place]
		FROM compared c
		LEFT JOIN caredata.link_model_level l
			ON l.model_id = model AND l.comparison = c.ordinal AND l.level = c.level
		UNION ALL
		SELECT c.place, 1, 'frequency of ' || c.name, NULL, NULL, NULL, pair.parts[c.places + c.place]
		FROM compared c WHERE pair.parts[c.places + c.place] <> 0
		UNION ALL
		SELECT c.places + 1, 0, 'perhaps two people who share these', NULL, NULL, NULL,
			pair.parts[2 * c.places + 1]
		FROM (SELECT max(k.places) AS places FROM compared k) c
		WHERE EXISTS (SELECT FROM caredata.link_model_relationship s WHERE s.model_id = model)
	)
	SELECT (row_number() OVER running)::integer, p.element, p.agreement, p.m, p.u, p.weight,
		-- weights end at a thousand bits
		greatest(least(sum(p.weight) OVER running, 1000), -1000),
		caredata.link_probability(greatest(least(sum(p.weight) OVER running, 1000), -1000))
	FROM parts p
	WINDOW running AS (ORDER BY p.place, p.part)
	ORDER BY 1;
END
$function$;
COMMENT ON FUNCTION caredata.explain_link(integer, regclass, text, regclass, text) IS
	'Why two records are linked, or are not: what each comparison adds to the weight, log2 of the odds; the last total is the weight that link() gives';

DO $revoke$
DECLARE
	routine text;
BEGIN
	FOREACH routine IN ARRAY ARRAY[
		'caredata.show_link_progress(text)',
		'caredata.begin_link_run(integer, text, text, text)',
		'caredata.end_link_run(bigint, bigint, bigint, bigint, bigint, bigint, double precision)',
		'caredata.report_link_rule(bigint, integer, bigint, bigint, bigint, bigint, bigint)',
		'caredata.report_link_block(bigint, integer, bigint, bigint, bigint, text)',
		'caredata.warn_of_link(bigint, text, text, integer, text)',
		'caredata.store_link_levels(integer, double precision[], double precision[])',
		'caredata.store_link_training(integer, double precision, double precision[], text, double precision)',
		'caredata.store_link_slot(integer, integer, double precision, double precision)',
		'caredata.store_link_frequencies(integer, integer, bigint[], double precision[])',
		'caredata.pack_link_table(integer, regclass, name, text, text[], bigint, text)',
		'caredata.skip_link_blocks(integer, bigint, integer, boolean)',
		'caredata.link_pairs_query(integer, integer, text, boolean)',
		'caredata.sample_link_patterns(integer, boolean, bigint, bigint, bigint)',
		'caredata.link_slot_list(integer)',
		'caredata.use_link_frequencies(integer, text, regclass, name, name, text)',
		'caredata.count_link_frequencies(integer, boolean)',
		'caredata.count_link_patterns(integer, integer, text, boolean)',
		'caredata.train_link_jointly(integer, bigint, boolean, bigint, bigint, bigint)',
		'caredata.train_link_by_rule(integer, bigint, boolean, bigint, bigint, bigint, double precision)',
		'caredata.train_link_model(integer, regclass, regclass, text, bigint, double precision)',
		'caredata.link(integer, regclass, regclass, double precision)',
		'caredata.explain_link(integer, regclass, text, regclass, text)']
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
		INSERT INTO caredata.role_grant (role_name, routine) VALUES ('caredata_linker', routine);
	END LOOP;
END
$revoke$;
