-- ---------------------------------------------------------------------------
-- Why two records are linked, or are not.
-- ---------------------------------------------------------------------------

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
REVOKE ALL ON FUNCTION caredata.explain_link(integer, regclass, text, regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.explain_link(integer, regclass, text, regclass, text) IS
	'Why two records are linked, or are not: what each comparison adds to the weight, log2 of the odds; the last total is the weight that link() gives';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.explain_link(integer, regclass, text, regclass, text)');
