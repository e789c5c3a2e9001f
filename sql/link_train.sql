-- ---------------------------------------------------------------------------
-- Training a model: estimating how frequently each comparison reaches each level
-- among pairs of one person and of two. The arithmetic is in src/link_train.c and
-- src/fellegi_sunter.c.
--
-- What training writes goes through small SECURITY DEFINER functions that take
-- values, and a draft only.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.link_sample_patterns(model integer, left_records bytea[], right_records bytea[],
											  OUT patterns bigint[], OUT counts bigint[])
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_sample_patterns';
REVOKE ALL ON FUNCTION caredata.link_sample_patterns(integer, bytea[], bytea[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_sample_patterns(integer, bytea[], bytea[]) IS
	'Patterns of all pairs of two arrays of packed records, or of one with itself, and how many pairs have each';

CREATE FUNCTION caredata.estimate_link_u(model integer, patterns bigint[], counts bigint[])
	RETURNS double precision[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_u';
REVOKE ALL ON FUNCTION caredata.estimate_link_u(integer, bigint[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.estimate_link_u(integer, bigint[], bigint[]) IS
	'u of every level, comparison by comparison from level 0, NULL for a level that no pair has';

CREATE FUNCTION caredata.estimate_link_session(model integer, inactive smallint[],
	start_lambda double precision, patterns bigint[], counts bigint[],
	OUT lambda double precision, OUT m double precision[], OUT rounds integer, OUT converged boolean)
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_session';
REVOKE ALL ON FUNCTION caredata.estimate_link_session(integer, smallint[], double precision, bigint[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.estimate_link_session(integer, smallint[], double precision, bigint[], bigint[]) IS
	'm by expectation and maximisation over the pairs of one blocking rule, without the inactive comparisons, u staying as it is';

CREATE FUNCTION caredata.estimate_link_jointly(model integer, patterns bigint[], counts bigint[],
	sample_patterns bigint[], sample_counts bigint[], all_pairs double precision,
	OUT lambda double precision, OUT m double precision[], OUT u double precision[],
	OUT shares double precision[], OUT rounds integer, OUT converged boolean,
	OUT expected_matches double precision, OUT threshold double precision)
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_estimate_link_jointly';
REVOKE ALL ON FUNCTION caredata.estimate_link_jointly(integer, bigint[], bigint[], bigint[], bigint[], double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.estimate_link_jointly(integer, bigint[], bigint[], bigint[], bigint[],
	double precision) IS
	'All parameters of a model from the patterns of its candidate pairs and of pairs taken at random';

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
REVOKE ALL ON FUNCTION caredata.store_link_levels(integer, double precision[], double precision[]) FROM PUBLIC;
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
REVOKE ALL ON FUNCTION caredata.store_link_training(integer, double precision, double precision[], text, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.store_link_training(integer, double precision, double precision[], text, double precision) IS
	'Ends the training of a draft; internal to train_link_model()';

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
REVOKE ALL ON FUNCTION caredata.sample_link_patterns(integer, boolean, bigint, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.sample_link_patterns(integer, boolean, bigint, bigint, bigint) IS
	'Patterns of pairs taken at random, the same on every run; internal to train_link_model() and link()';

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
REVOKE ALL ON FUNCTION caredata.count_link_patterns(integer, integer, text, boolean) FROM PUBLIC;
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
REVOKE ALL ON FUNCTION caredata.train_link_jointly(integer, bigint, boolean, bigint, bigint, bigint) FROM PUBLIC;
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
REVOKE ALL ON FUNCTION caredata.train_link_by_rule(integer, bigint, boolean, bigint, bigint, bigint, double precision) FROM PUBLIC;
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
REVOKE ALL ON FUNCTION caredata.train_link_model(integer, regclass, regclass, text, bigint, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.train_link_model(integer, regclass, regclass, text, bigint, double precision) IS
	'Estimates m, u and lambda of a draft on a table, or two, and takes it into use; returns the number of its report in caredata.link_run';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.link_sample_patterns(integer, bytea[], bytea[])'),
	('caredata_linker', 'caredata.estimate_link_u(integer, bigint[], bigint[])'),
	('caredata_linker', 'caredata.estimate_link_session(integer, smallint[], double precision, bigint[], bigint[])'),
	('caredata_linker', 'caredata.estimate_link_jointly(integer, bigint[], bigint[], bigint[], bigint[], double precision)'),
	('caredata_linker', 'caredata.store_link_levels(integer, double precision[], double precision[])'),
	('caredata_linker', 'caredata.store_link_training(integer, double precision, double precision[], text, double precision)'),
	('caredata_linker', 'caredata.sample_link_patterns(integer, boolean, bigint, bigint, bigint)'),
	('caredata_linker', 'caredata.count_link_patterns(integer, integer, text, boolean)'),
	('caredata_linker', 'caredata.train_link_jointly(integer, bigint, boolean, bigint, bigint, bigint)'),
	('caredata_linker', 'caredata.train_link_by_rule(integer, bigint, boolean, bigint, bigint, bigint, double precision)'),
	('caredata_linker', 'caredata.train_link_model(integer, regclass, regclass, text, bigint, double precision)');
