-- ---------------------------------------------------------------------------
-- Linking with a model: finding the pairs of records that are one person.
--
-- Records are packed into a temporary table (link_record.sql), each blocking rule
-- is a join of them (link_block.sql), and pairs are weighed (link_pattern.sql).
-- All counts are integers and everything that adds them up does so in a fixed
-- order, so that the same input gives the same result whatever the plan
-- (invariant I8).
--
-- These functions read people's records with the rights of their caller, who
-- needs SELECT on the tables.
-- ---------------------------------------------------------------------------

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
		 FROM (SELECT k.*, least(
					CASE WHEN %1$s THEN NULL
					WHEN row_number() OVER of_left = 1 THEN k.weight - nth_value(k.weight, 2) OVER of_left
					ELSE k.weight - first_value(k.weight) OVER of_left END,
					CASE WHEN %3$s THEN NULL
					WHEN row_number() OVER of_right = 1 THEN k.weight - nth_value(k.weight, 2) OVER of_right
					ELSE k.weight - first_value(k.weight) OVER of_right END) AS gap
			   FROM pg_temp.caredata_pair k
			   WINDOW of_left AS (PARTITION BY k.l ORDER BY k.weight DESC, k.r
								  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
					  of_right AS (PARTITION BY k.r ORDER BY k.weight DESC, k.l
								   ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) p
		 JOIN pg_temp.caredata_left l ON l.n = p.l
		 JOIN pg_temp.%2$I r ON r.n = p.r
		 WHERE p.weight >= $1 ORDER BY p.l, p.r',
		one::text, CASE WHEN one THEN 'caredata_left' ELSE 'caredata_right' END,
		(one OR used.many_to_one)::text)
	USING least_weight, used.close_match_gap;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link(integer, regclass, regclass, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link(integer, regclass, regclass, double precision) IS
	'Pairs of records of two tables, or of one, that are one person with at least the probability given, or that of the model; gap is by how many bits a match of two tables beats the next of either of its records, or is beaten';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.link(integer, regclass, regclass, double precision)');
