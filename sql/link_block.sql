-- ---------------------------------------------------------------------------
-- Blocking: each rule of a model is a join of the packed tables on its key, and
-- a pair comes under the first rule that brings it. Blocks that are too large
-- are passed over, and reported.
-- ---------------------------------------------------------------------------

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
REVOKE ALL ON FUNCTION caredata.skip_link_blocks(integer, bigint, integer, boolean) FROM PUBLIC;
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
REVOKE ALL ON FUNCTION caredata.link_pairs_query(integer, integer, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_pairs_query(integer, integer, text, boolean) IS
	'SQL of the pairs that a blocking rule brings first; internal to train_link_model() and link()';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.skip_link_blocks(integer, bigint, integer, boolean)'),
	('caredata_linker', 'caredata.link_pairs_query(integer, integer, text, boolean)');
