-- ---------------------------------------------------------------------------
-- Quality of linkage: how many links are right, how many are missing.
--
-- Against a truth where there is one (a sample linked by hand, made-up data),
-- from a reviewed sample of pairs where there is none, and from the model's
-- own probabilities where nothing was reviewed. All of it reads tables that
-- the caller may read, with the caller's rights, and stores nothing.
--
-- A table of links has left_id, right_id and probability, as caredata.link()
-- gives them, and may have rule. Links of one table with itself are pairs in
-- either order. A truth has record_id and true_person_id: two records of one
-- true person belong together. Links of records that the truth does not
-- mention are not judged, and counted apart.
-- ---------------------------------------------------------------------------

-- The named columns must be there; says which are not.
CREATE FUNCTION caredata.require_columns(relation regclass, columns text[]) RETURNS void
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	missing text;
BEGIN
	SELECT string_agg(c.name, ', ' ORDER BY c.ordinal) INTO missing
	FROM unnest(columns) WITH ORDINALITY c(name, ordinal)
	WHERE NOT EXISTS (
		SELECT FROM pg_attribute a
		WHERE a.attrelid = relation AND a.attname = c.name
			AND a.attnum > 0 AND NOT a.attisdropped);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION '% has no column %', relation, missing
			USING ERRCODE = 'undefined_column',
				  HINT = format('It needs the columns %s; a view can give them these names.',
								array_to_string(columns, ', '));
	END IF;
END
$function$;
REVOKE ALL ON FUNCTION caredata.require_columns(regclass, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.require_columns(regclass, text[]) IS
	'Raises undefined_column, with the names, unless a relation has the columns';

-- SQL of the distinct pairs of a table of links: left_id, right_id,
-- probability, rule. A pair that is there twice counts once, with its best
-- probability. Raises where a number is none.
CREATE FUNCTION caredata.distinct_links_query(links regclass, one_table boolean) RETURNS text
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	has_rule boolean := EXISTS (
		SELECT FROM pg_attribute a
		WHERE a.attrelid = links AND a.attname = 'rule' AND NOT a.attisdropped);
	improbable boolean;
BEGIN
	PERFORM caredata.require_columns(links, ARRAY['left_id', 'right_id', 'probability']);
	EXECUTE format('SELECT EXISTS (SELECT FROM %s l WHERE NOT l.probability::float8 BETWEEN 0 AND 1)', links)
	INTO improbable;
	IF improbable THEN
		RAISE EXCEPTION 'column "probability" of % has values that are no probability from 0 to 1', links
			USING ERRCODE = 'numeric_value_out_of_range',
				  HINT = 'Weights are turned into probabilities by caredata.link_probability().';
	END IF;
	RETURN format(
		'SELECT left_id, right_id, max(probability) AS probability,'
		'       (array_agg(rule ORDER BY probability DESC, rule))[1] AS rule'
		' FROM (SELECT %s AS left_id, %s AS right_id,'
		'              probability::float8 AS probability, %s AS rule'
		'       FROM %s'
		'       WHERE left_id IS NOT NULL AND right_id IS NOT NULL'
		'         AND probability IS NOT NULL%s) given'
		' GROUP BY 1, 2',
		CASE WHEN one_table THEN 'least(left_id::text COLLATE "C", right_id::text COLLATE "C")'
			 ELSE 'left_id::text COLLATE "C"' END,
		CASE WHEN one_table THEN 'greatest(left_id::text COLLATE "C", right_id::text COLLATE "C")'
			 ELSE 'right_id::text COLLATE "C"' END,
		CASE WHEN has_rule THEN 'rule::text COLLATE "C"' ELSE 'NULL::text COLLATE "C"' END,
		links,
		CASE WHEN one_table THEN ' AND left_id::text <> right_id::text' ELSE '' END);
END
$function$;
REVOKE ALL ON FUNCTION caredata.distinct_links_query(regclass, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.distinct_links_query(regclass, boolean) IS
	'SQL of the distinct pairs of a table of links';

CREATE FUNCTION caredata.link_quality(
		links regclass, truth_left regclass, truth_right regclass DEFAULT NULL,
		threshold float8 DEFAULT 0.5, subgroups regclass DEFAULT NULL,
		thresholds float8[] DEFAULT '{0.01,0.1,0.5,0.8,0.9,0.95,0.99,0.999}')
	RETURNS TABLE (part text, value text, links_made bigint, true_links bigint,
				   false_links bigint, missed_links bigint, "precision" float8,
				   recall float8, f1 float8)
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	one_table boolean := truth_right IS NULL;
	groups    text := 'SELECT NULL::text AS record_id, NULL::text AS attribute, NULL::text AS content WHERE false';
BEGIN
	IF links IS NULL OR truth_left IS NULL THEN
		RAISE EXCEPTION 'link quality needs a table of links and a truth'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Where there is no truth, see caredata.link_quality_estimate().';
	END IF;
	IF threshold IS NULL OR threshold <> threshold OR threshold NOT BETWEEN 0 AND 1
		OR thresholds IS NULL
		OR EXISTS (SELECT FROM unnest(thresholds) t WHERE t IS NULL OR t NOT BETWEEN 0 AND 1) THEN
		RAISE EXCEPTION 'a threshold is a probability from 0 to 1'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'For example 0.5; weights are turned into probabilities by caredata.link().';
	END IF;
	PERFORM caredata.require_columns(truth_left, ARRAY['record_id', 'true_person_id']);
	PERFORM caredata.require_columns(truth_right, ARRAY['record_id', 'true_person_id']);
	IF subgroups IS NOT NULL THEN
		PERFORM caredata.require_columns(subgroups, ARRAY['record_id']);
		-- every other column is an attribute
		groups := format(
			'SELECT s.record_id::text COLLATE "C" AS record_id, a.key AS attribute,'
			'       coalesce(a.value, ''not known'') AS content'
			' FROM %s s, jsonb_each_text(to_jsonb(s) - ''record_id'') a', subgroups);
	END IF;

	RETURN QUERY EXECUTE format($query$
WITH truth_of_left AS MATERIALIZED (
	SELECT record_id::text COLLATE "C" AS record_id, true_person_id::text COLLATE "C" AS person
	FROM %1$s WHERE record_id IS NOT NULL AND true_person_id IS NOT NULL
), truth_of_right AS MATERIALIZED (
	SELECT record_id::text COLLATE "C" AS record_id, true_person_id::text COLLATE "C" AS person
	FROM %2$s WHERE record_id IS NOT NULL AND true_person_id IS NOT NULL
), pair AS MATERIALIZED (
	SELECT p.left_id, p.right_id, p.probability, p.rule, l.person = r.person AS right_one
	FROM (%3$s) p
	LEFT JOIN truth_of_left l ON l.record_id = p.left_id
	LEFT JOIN truth_of_right r ON r.record_id = p.right_id
), judged AS (
	SELECT * FROM pair WHERE right_one IS NOT NULL
), person_size AS MATERIALIZED (
	SELECT l.person, l.records AS left_records,
		   CASE WHEN %4$L THEN l.records - 1 ELSE coalesce(r.records, 0) END AS others
	FROM (SELECT person, count(*) AS records FROM truth_of_left GROUP BY 1) l
	LEFT JOIN (SELECT person, count(*) AS records FROM truth_of_right GROUP BY 1) r USING (person)
), total AS (
	SELECT coalesce(sum(left_records * others) / CASE WHEN %4$L THEN 2 ELSE 1 END, 0)::bigint AS pairs
	FROM person_size
), attribute AS (
	%5$s
), counted AS (
	SELECT 1 AS place, 'threshold' AS part, t.threshold::text AS value,
		   t.threshold::numeric AS sort_by,
		   count(j.left_id) AS links_made, count(*) FILTER (WHERE j.right_one) AS true_links,
		   (SELECT pairs FROM total) AS pairs
	FROM unnest($2) t(threshold)
	LEFT JOIN judged j ON j.probability >= t.threshold
	GROUP BY t.threshold
	UNION ALL
	(SELECT 2, 'best threshold', swept.probability::text, 0, swept.links_made,
			swept.true_links, total.pairs
	 FROM (SELECT probability, sum(count(*)) OVER by_score AS links_made,
				  sum(count(*) FILTER (WHERE right_one)) OVER by_score AS true_links
		   FROM judged GROUP BY probability
		   WINDOW by_score AS (ORDER BY probability DESC)) swept, total
	 ORDER BY 2 * swept.true_links / (swept.links_made + total.pairs) DESC, swept.probability DESC
	 LIMIT 1)
	UNION ALL
	SELECT 3, 'rule', j.rule, CASE WHEN j.rule ~ '^[0-9]{1,9}$' THEN j.rule::numeric END,
		   count(*), count(*) FILTER (WHERE j.right_one), (SELECT pairs FROM total)
	FROM judged j WHERE j.rule IS NOT NULL AND j.probability >= $1
	GROUP BY j.rule
	UNION ALL
	SELECT 4, g.attribute, g.content, NULL, coalesce(sum(m.links_made), 0),
		   coalesce(sum(m.true_links), 0), coalesce(sum(s.others), 0)
	FROM attribute g
	JOIN truth_of_left t ON t.record_id = g.record_id
	LEFT JOIN person_size s ON s.person = t.person
	LEFT JOIN (SELECT record_id, count(*) AS links_made,
					  count(*) FILTER (WHERE right_one) AS true_links
			   FROM (SELECT left_id AS record_id, right_one FROM judged WHERE probability >= $1
					 UNION ALL
					 SELECT right_id, right_one FROM judged WHERE probability >= $1 AND %4$L) ends
			   GROUP BY 1) m ON m.record_id = g.record_id
	GROUP BY g.attribute, g.content
	UNION ALL
	SELECT 5, 'not judged', NULL, NULL, count(*), NULL, NULL
	FROM pair WHERE right_one IS NULL AND probability >= $1
)
SELECT part, value, links_made::bigint, true_links::bigint,
	   (links_made - true_links)::bigint, (pairs - true_links)::bigint,
	   true_links::float8 / nullif(links_made, 0),
	   true_links::float8 / nullif(pairs, 0),
	   2 * true_links::float8 / nullif(links_made + pairs, 0)
FROM counted
WHERE place <> 5 OR links_made > 0
ORDER BY place, part COLLATE "C", sort_by, value COLLATE "C"
$query$,
		truth_left, coalesce(truth_right, truth_left),
		caredata.distinct_links_query(links, one_table), one_table, groups)
	USING threshold, thresholds;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_quality(regclass, regclass, regclass, float8, regclass, float8[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_quality(regclass, regclass, regclass, float8, regclass, float8[]) IS
	'Links against a truth: right, false and missed ones, precision, recall and F1 by threshold, and at one threshold by rule and by subgroup of the left records';

CREATE FUNCTION caredata.cluster_quality(clusters regclass, truth regclass)
	RETURNS TABLE (records bigint, true_persons bigint, clusters_made bigint,
				   largest_cluster bigint, whole_persons bigint, true_links bigint,
				   false_links bigint, missed_links bigint, "precision" float8,
				   recall float8, f1 float8)
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.require_columns(clusters, ARRAY['record_id', 'cluster_id']);
	PERFORM caredata.require_columns(truth, ARRAY['record_id', 'true_person_id']);
	RETURN QUERY EXECUTE format($query$
WITH cell AS MATERIALIZED (
	SELECT cluster_id::text COLLATE "C" AS cluster, true_person_id::text COLLATE "C" AS person,
		   count(*) AS records
	FROM %1$s c JOIN %2$s t ON t.record_id::text = c.record_id::text
	WHERE cluster_id IS NOT NULL AND true_person_id IS NOT NULL
	GROUP BY 1, 2
), by_cluster AS (SELECT cluster, sum(records) AS records, count(*) AS persons FROM cell GROUP BY 1
), by_person AS (SELECT person, sum(records) AS records, count(*) AS clusters FROM cell GROUP BY 1
), pairs AS (
	SELECT (SELECT coalesce(sum(records * (records - 1) / 2), 0) FROM cell) AS true_links,
		   (SELECT coalesce(sum(records * (records - 1) / 2), 0) FROM by_cluster) AS links_made,
		   (SELECT coalesce(sum(records * (records - 1) / 2), 0) FROM by_person) AS pairs
)
SELECT (SELECT coalesce(sum(records), 0) FROM cell)::bigint,
	   (SELECT count(*) FROM by_person), (SELECT count(*) FROM by_cluster),
	   (SELECT coalesce(max(records), 0) FROM by_cluster)::bigint,
	   (SELECT count(*) FROM cell JOIN by_cluster b USING (cluster) JOIN by_person p USING (person)
		WHERE b.persons = 1 AND p.clusters = 1),
	   true_links::bigint, (links_made - true_links)::bigint, (pairs - true_links)::bigint,
	   (true_links / nullif(links_made, 0))::float8, (true_links / nullif(pairs, 0))::float8,
	   (2 * true_links / nullif(links_made + pairs, 0))::float8
FROM pairs
$query$, clusters, truth);
END
$function$;
REVOKE ALL ON FUNCTION caredata.cluster_quality(regclass, regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_quality(regclass, regclass) IS
	'Clusters of records against a truth: pairs of records put together rightly, wrongly and not at all, and how many true persons are exactly one cluster';

-- ------------------------------------------------------- without a truth

-- The band of a probability: the number of limits that it reaches.
CREATE FUNCTION caredata.link_bands(threshold float8, limits float8[]) RETURNS float8[]
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	IF threshold IS NULL OR threshold NOT BETWEEN 0 AND 1
		OR limits IS NULL
		OR EXISTS (SELECT FROM unnest(limits) t WHERE t IS NULL OR t NOT BETWEEN 0 AND 1) THEN
		RAISE EXCEPTION 'thresholds and limits of bands are probabilities from 0 to 1'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'For example 0.5 and {0.1,0.3,0.7,0.9}.';
	END IF;
	RETURN ARRAY(SELECT DISTINCT t FROM unnest(limits || threshold) t WHERE t > 0 ORDER BY t);
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_bands(float8, float8[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_bands(float8, float8[]) IS
	'Lower limits of the bands of probability that a review is sampled in; the threshold is one of them';

CREATE FUNCTION caredata.sample_links(
		links regclass, pairs_per_band integer DEFAULT 50, threshold float8 DEFAULT 0.5,
		seed text DEFAULT '', one_table boolean DEFAULT false,
		limits float8[] DEFAULT '{0.01,0.1,0.3,0.7,0.9,0.99,0.999}')
	RETURNS TABLE (left_id text, right_id text, probability float8, band integer)
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	bands float8[] := caredata.link_bands(threshold, limits);
BEGIN
	IF links IS NULL OR pairs_per_band IS NULL OR pairs_per_band < 1 OR seed IS NULL THEN
		RAISE EXCEPTION 'a sample needs a table of links, at least one pair of each band, and a seed'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'For example sample_links(''my_links'', 50, 0.5, ''first review'').';
	END IF;
	RETURN QUERY EXECUTE format($query$
SELECT left_id, right_id, probability, band
FROM (SELECT left_id, right_id, probability, width_bucket(probability, $1) AS band,
			 row_number() OVER (
				PARTITION BY width_bucket(probability, $1)
				ORDER BY sha256(convert_to(
							concat_ws(chr(31), $2, left_id, right_id), 'UTF8')),
						 left_id, right_id) AS place
	  FROM (%s) pair) numbered
WHERE place <= $3
ORDER BY band, place
$query$, caredata.distinct_links_query(links, coalesce(one_table, false)))
	USING bands, seed, pairs_per_band;
END
$function$;
REVOKE ALL ON FUNCTION caredata.sample_links(regclass, integer, float8, text, boolean, float8[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.sample_links(regclass, integer, float8, text, boolean, float8[]) IS
	'Pairs to be reviewed by hand: so many of each band of probability, the same ones for the same seed';

CREATE FUNCTION caredata.link_quality_estimate(
		links regclass, decisions regclass DEFAULT NULL, threshold float8 DEFAULT 0.5,
		one_table boolean DEFAULT false,
		limits float8[] DEFAULT '{0.01,0.1,0.3,0.7,0.9,0.99,0.999}')
	RETURNS TABLE (measure text, source text, estimate float8, low float8, high float8,
				   reviewed bigint)
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	bands  float8[] := caredata.link_bands(threshold, limits);
	review text := 'SELECT NULL::text AS left_id, NULL::text AS right_id, NULL::boolean AS is_match WHERE false';
BEGIN
	IF links IS NULL THEN
		RAISE EXCEPTION 'an estimate needs a table of links'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Keep what caredata.link() gives, pairs below the threshold among them.';
	END IF;
	IF decisions IS NOT NULL THEN
		PERFORM caredata.require_columns(decisions, ARRAY['left_id', 'right_id', 'is_match']);
		review := format(
			'SELECT DISTINCT ON (1, 2) %s AS left_id, %s AS right_id, is_match::boolean AS is_match'
			' FROM %s WHERE is_match IS NOT NULL ORDER BY 1, 2, 3',
			CASE WHEN one_table THEN 'least(left_id::text COLLATE "C", right_id::text COLLATE "C")'
				 ELSE 'left_id::text COLLATE "C"' END,
			CASE WHEN one_table THEN 'greatest(left_id::text COLLATE "C", right_id::text COLLATE "C")'
				 ELSE 'right_id::text COLLATE "C"' END,
			decisions);
	END IF;

	-- Stratified estimate. The share of matches of a band is taken as
	-- (k + 1) / (n + 2) for its variance, so that a band without a false link
	-- is not taken for one that cannot have any; a band reviewed whole has no
	-- variance, one not reviewed at all has no estimate, and then the whole
	-- has none.
	RETURN QUERY EXECUTE format($query$
WITH band AS (
	SELECT width_bucket(pair.probability, $1) >= width_bucket($2, $1) AS linked,
		   count(*)::float8 AS size, sum(pair.probability) AS expected,
		   count(review.is_match)::float8 AS n,
		   count(*) FILTER (WHERE review.is_match)::float8 AS k
	FROM (%1$s) pair
	LEFT JOIN (%2$s) review ON review.left_id = pair.left_id AND review.right_id = pair.right_id
	GROUP BY width_bucket(pair.probability, $1), 1
), estimate AS (
	SELECT linked, size, expected, n, size * k / nullif(n, 0) AS matches,
		   CASE WHEN n = size THEN 0
				WHEN n > 0 THEN size * size * (1 - n / size)
					* ((k + 1) / (n + 2)) * (1 - (k + 1) / (n + 2)) / n END AS variance
	FROM band
), side AS (
	SELECT linked, sum(size) AS size, sum(expected) AS expected, sum(n) AS n,
		   CASE WHEN bool_and(matches IS NOT NULL) THEN sum(matches) END AS matches,
		   CASE WHEN bool_and(variance IS NOT NULL) THEN sum(variance) END AS variance
	FROM estimate GROUP BY linked
), both_sides AS (
	SELECT coalesce(max(size) FILTER (WHERE linked), 0) AS links,
		   coalesce(max(expected) FILTER (WHERE linked), 0) AS expected,
		   coalesce(sum(expected), 0) AS expected_all,
		   max(matches) FILTER (WHERE linked) AS matches,
		   max(variance) FILTER (WHERE linked) AS variance,
		   CASE WHEN bool_and(linked) THEN 0 ELSE max(matches) FILTER (WHERE NOT linked) END AS missed,
		   CASE WHEN bool_and(linked) THEN 0 ELSE max(variance) FILTER (WHERE NOT linked) END AS missed_variance,
		   coalesce(sum(n), 0)::bigint AS reviewed
	FROM side
), answer AS (
	SELECT 1 AS place, 'precision' AS measure, 'model' AS source,
		   expected / nullif(links, 0) AS estimate, NULL::float8 AS error, 0::bigint AS reviewed
	FROM both_sides
	UNION ALL
	SELECT 2, 'recall of the pairs that were compared', 'model',
		   expected / nullif(expected_all, 0), NULL, 0 FROM both_sides
	UNION ALL
	SELECT 3, 'precision', 'review', matches / nullif(links, 0),
		   sqrt(variance) / nullif(links, 0), reviewed FROM both_sides WHERE $3
	UNION ALL
	-- the ratio of two estimates, by its first derivatives
	SELECT 4, 'recall of the pairs that were compared', 'review',
		   matches / nullif(matches + missed, 0),
		   sqrt(missed * missed * variance + matches * matches * missed_variance)
			   / nullif((matches + missed) ^ 2, 0), reviewed FROM both_sides WHERE $3
)
SELECT measure, source, estimate,
	   CASE WHEN error IS NOT NULL THEN greatest(estimate - 1.96 * error, 0) END,
	   CASE WHEN error IS NOT NULL THEN least(estimate + 1.96 * error, 1) END, reviewed
FROM answer ORDER BY place
$query$, caredata.distinct_links_query(links, coalesce(one_table, false)), review)
	USING bands, threshold, decisions IS NOT NULL;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_quality_estimate(regclass, regclass, float8, boolean, float8[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_quality_estimate(regclass, regclass, float8, boolean, float8[]) IS
	'Precision and recall where there is no truth: as the model expects, and from reviewed pairs (left_id, right_id, is_match) with a 95 % interval';

-- ----------------------------------------------------------------- drift

CREATE FUNCTION caredata.link_drift(
		earlier regclass, later regclass, threshold float8 DEFAULT 0.5,
		one_table boolean DEFAULT false,
		limits float8[] DEFAULT '{0.01,0.1,0.3,0.7,0.9,0.99,0.999}')
	RETURNS TABLE (part text, value text, earlier_pairs bigint, later_pairs bigint,
				   earlier_share float8, later_share float8, stability_index float8)
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	bands float8[] := caredata.link_bands(threshold, limits);
BEGIN
	IF earlier IS NULL OR later IS NULL THEN
		RAISE EXCEPTION 'drift is between two tables of links'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Keep what caredata.link() gave in each run.';
	END IF;

	-- Stability index of a distribution over classes: the sum of
	-- (later - earlier) * ln(later / earlier), shares of half a pair at least.
	RETURN QUERY EXECUTE format($query$
WITH old_pair AS MATERIALIZED (%1$s), new_pair AS MATERIALIZED (%2$s
), class AS (
	SELECT 'probability' AS part, width_bucket(probability, $1) AS place,
		   NULL::text AS rule, true AS old FROM old_pair
	UNION ALL SELECT 'probability', width_bucket(probability, $1), NULL, false FROM new_pair
	UNION ALL SELECT 'rule', NULL, rule, true FROM old_pair WHERE rule IS NOT NULL
	UNION ALL SELECT 'rule', NULL, rule, false FROM new_pair WHERE rule IS NOT NULL
), counted AS (
	SELECT part, place, rule, count(*) FILTER (WHERE old) AS old_pairs,
		   count(*) FILTER (WHERE NOT old) AS new_pairs
	FROM class GROUP BY part, place, rule
), shared AS (
	SELECT *, sum(old_pairs) OVER whole AS old_total, sum(new_pairs) OVER whole AS new_total
	FROM counted WINDOW whole AS (PARTITION BY part)
), shares AS (
	SELECT *, (old_pairs / nullif(old_total, 0))::float8 AS old_share,
		   (new_pairs / nullif(new_total, 0))::float8 AS new_share,
		   (greatest(old_pairs, 0.5) / nullif(old_total, 0))::float8 AS old_least,
		   (greatest(new_pairs, 0.5) / nullif(new_total, 0))::float8 AS new_least
	FROM shared
), indexed AS (
	SELECT *, (new_least - old_least) * ln(new_least / old_least) AS index FROM shares
), linked AS (
	SELECT n.left_id IS NOT NULL AS is_new, o.left_id IS NOT NULL AS is_old
	FROM (SELECT left_id, right_id FROM old_pair WHERE probability >= $2) o
	FULL JOIN (SELECT left_id, right_id FROM new_pair WHERE probability >= $2) n
		USING (left_id, right_id)
), answer AS (
	SELECT 1 AS section, part, NULL::text AS value, NULL::integer AS place,
		   sum(old_pairs)::bigint AS old_pairs, sum(new_pairs)::bigint AS new_pairs,
		   NULL::float8 AS old_share, NULL::float8 AS new_share, sum(index) AS index
	FROM indexed GROUP BY part
	UNION ALL
	SELECT 2, part, CASE WHEN rule IS NOT NULL THEN rule
						 ELSE format('%%s to %%s', coalesce($1[place]::text, '0'),
									 coalesce($1[place + 1]::text, '1')) END,
		   coalesce(place, CASE WHEN rule ~ '^[0-9]{1,9}$' THEN rule::integer END),
		   old_pairs, new_pairs, old_share, new_share, index FROM indexed
	UNION ALL
	SELECT 3, 'links', kind, ordinal, pairs, pairs_after, NULL, NULL, NULL
	FROM (SELECT count(*) FILTER (WHERE is_old AND is_new) AS kept,
				 count(*) FILTER (WHERE is_old AND NOT is_new) AS lost,
				 count(*) FILTER (WHERE is_new AND NOT is_old) AS gained FROM linked) l,
		 LATERAL (VALUES ('kept', 1, kept, kept), ('lost', 2, lost, 0), ('gained', 3, 0, gained))
			v(kind, ordinal, pairs, pairs_after)
)
SELECT part, value, old_pairs, new_pairs, old_share, new_share, index
FROM answer ORDER BY section = 3, part COLLATE "C", section, place, value COLLATE "C"
$query$, caredata.distinct_links_query(earlier, coalesce(one_table, false)),
		caredata.distinct_links_query(later, coalesce(one_table, false)))
	USING bands, threshold;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_drift(regclass, regclass, float8, boolean, float8[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_drift(regclass, regclass, float8, boolean, float8[]) IS
	'How a later run of linkage differs from an earlier one: pairs by band of probability and by rule with a stability index (below 0.1 alike, above 0.25 changed), links kept, lost and gained';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.require_columns(regclass, text[])'),
	('caredata_linker', 'caredata.distinct_links_query(regclass, boolean)'),
	('caredata_linker', 'caredata.link_bands(float8, float8[])'),
	('caredata_linker', 'caredata.link_quality(regclass, regclass, regclass, float8, regclass, float8[])'),
	('caredata_linker', 'caredata.cluster_quality(regclass, regclass)'),
	('caredata_linker', 'caredata.sample_links(regclass, integer, float8, text, boolean, float8[])'),
	('caredata_linker', 'caredata.link_quality_estimate(regclass, regclass, float8, boolean, float8[])'),
	('caredata_linker', 'caredata.link_drift(regclass, regclass, float8, boolean, float8[])');
