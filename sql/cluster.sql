-- ---------------------------------------------------------------------------
-- Clusters: from links between records to one cluster for each person, over
-- any table of links. The caller's own tables, read with the caller's rights.
--
-- Links are taken by descending weight, and each joins the clusters of its two
-- records unless something forbids it; src/cluster.c says what. Records are
-- numbered by their ids first, in the order of bytes, so that the same links
-- give the same clusters whatever their order and however they were read.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.cluster_pass(thresholds float8[], average_link_floor float8)
	RETURNS TABLE (threshold float8, record_no integer, cluster_no integer)
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 100000
	AS 'MODULE_PATHNAME', 'caredata_cluster_pass';
REVOKE ALL ON FUNCTION caredata.cluster_pass(float8[], float8) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_pass(float8[], float8) IS
	'One pass over what prepare_clusters() left: the clusters of each threshold, the highest first; a cluster has the number of its first record';

CREATE FUNCTION caredata.cluster_refused_pairs(average_link_floor float8)
	RETURNS TABLE (left_no integer, right_no integer, weight float8, links bigint, reason text)
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1000
	AS 'MODULE_PATHNAME', 'caredata_cluster_refusals';
REVOKE ALL ON FUNCTION caredata.cluster_refused_pairs(float8) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_refused_pairs(float8) IS
	'The same pass: pairs of clusters that links would join and something forbids, each with its first link';

CREATE FUNCTION caredata.bridge_count(left_ends integer[], right_ends integer[]) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
	AS 'MODULE_PATHNAME', 'caredata_bridge_count';
REVOKE ALL ON FUNCTION caredata.bridge_count(integer[], integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.bridge_count(integer[], integer[]) IS
	'Links of a graph that alone hold two parts of it together';

/*
 * Reads the tables that are named and leaves pg_temp.caredata_cluster_record,
 * _decision and _edge, which drop_clusters() removes. With two_tables left
 * and right ids are of two tables, where one id may stand for two records.
 */
CREATE FUNCTION caredata.prepare_clusters(
	links regclass, threshold float8, records regclass, score text,
	two_tables boolean, duplicate_free text[], decisions regclass)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_left    text := CASE WHEN two_tables THEN 'left' ELSE '' END;
	v_right   text := CASE WHEN two_tables THEN 'right' ELSE '' END;
	v_column  record;
	v_nhs     text := '0';
	v_birth   text := 'NULL::date';
	v_sex     text := 'NULL::text';
	v_source  text := 'NULL::text';
	v_wrong   boolean;
BEGIN
	IF links IS NULL OR two_tables IS NULL OR duplicate_free IS NULL
	   OR score IS NULL OR score NOT IN ('weight', 'probability') OR threshold = 'NaN' THEN
		RAISE EXCEPTION 'clusters need a table of links, a score that is weight or probability, and a threshold that is a number'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF two_tables AND NOT duplicate_free <@ '{left,right}'
	   OR NOT two_tables AND records IS NULL AND duplicate_free <> '{}' THEN
		RAISE EXCEPTION 'it is not known which records come from sources without duplicates'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Between two tables these are left, right or both; otherwise name values of the column source of the table of records.';
	END IF;

	PERFORM caredata.require_columns(links, ARRAY['left_id', 'right_id', score]);
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_cluster_link ON COMMIT DROP AS
		SELECT l.left_id::text COLLATE "C" AS left_id, l.right_id::text COLLATE "C" AS right_id,
			   l.%1$I::float8 AS weight
		FROM %2$s l
		WHERE l.%1$I::float8 >= %3$L::float8
		   OR l.%1$I IS NULL OR l.left_id IS NULL OR l.right_id IS NULL
		$sql$, score, links, coalesce(threshold, '-infinity'));
	SELECT EXISTS (SELECT FROM pg_temp.caredata_cluster_link l
				   WHERE l.left_id IS NULL OR l.right_id IS NULL
					  OR l.weight IS NULL OR l.weight = 'NaN') INTO v_wrong;
	IF v_wrong THEN
		RAISE EXCEPTION 'table % has links without an id or a %', links, score
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Every link has left_id, right_id and a number.';
	END IF;

	-- What is known of the records; only ids are needed.
	CREATE TEMPORARY TABLE caredata_cluster_fact (
		side text COLLATE "C", record_id text COLLATE "C", nhs_number bigint,
		source integer, birth integer, sex integer) ON COMMIT DROP;
	IF records IS NOT NULL THEN
		PERFORM caredata.require_columns(records,
			CASE WHEN two_tables OR duplicate_free <> '{}'
				 THEN ARRAY['record_id', 'source'] ELSE ARRAY['record_id'] END);
		FOR v_column IN
			SELECT a.attname, a.atttypid FROM pg_attribute a
			WHERE a.attrelid = prepare_clusters.records AND a.attnum > 0 AND NOT a.attisdropped
		LOOP
			CASE v_column.attname
				WHEN 'nhs_number' THEN
					v_nhs := 'caredata.try_nhs_number(r.nhs_number::text)::bigint';
				WHEN 'date_of_birth' THEN
					v_birth := CASE WHEN v_column.atttypid = 'date'::regtype THEN 'r.date_of_birth'
									ELSE 'caredata.try_date(r.date_of_birth::text)' END;
				WHEN 'sex' THEN
					v_sex := 'caredata.try_code(r.sex::text, ''sex'')';
				WHEN 'source' THEN
					v_source := 'r.source::text';
				ELSE
					NULL;
			END CASE;
		END LOOP;
		EXECUTE format($sql$
			INSERT INTO pg_temp.caredata_cluster_fact
			SELECT CASE WHEN %5$L::boolean THEN f.source ELSE '' END, f.record_id,
				   coalesce(f.nhs_number, 0),
				   coalesce(array_position(%6$L::text[], f.source), 0),
				   CASE WHEN f.birth BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'
						THEN (date_part('year', f.birth) * 10000 + date_part('month', f.birth) * 100
							  + date_part('day', f.birth))::integer
						ELSE 0 END,
				   CASE f.sex WHEN '1' THEN 1 WHEN '2' THEN 2 ELSE 0 END
			FROM (SELECT r.record_id::text AS record_id, %1$s AS nhs_number, %2$s AS birth,
						 %3$s AS sex, %4$s AS source
				  FROM %7$s r OFFSET 0) f
			$sql$, v_nhs, v_birth, v_sex, v_source, two_tables, duplicate_free, records);
		SELECT EXISTS (SELECT FROM pg_temp.caredata_cluster_fact f
					   GROUP BY f.side, f.record_id
					   HAVING count(*) > 1 OR f.record_id IS NULL
						   OR two_tables AND coalesce(f.side, '') NOT IN ('left', 'right'))
		INTO v_wrong;
		IF v_wrong THEN
			RAISE EXCEPTION 'table % has records without an id of their own', records
				USING ERRCODE = 'unique_violation',
					  HINT = CASE WHEN two_tables
						THEN 'Each has a source, left or right, and a record_id that is there once.'
						ELSE 'Each has a record_id that is there once.' END;
		END IF;
	END IF;

	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_cluster_record ON COMMIT DROP AS
		SELECT (row_number() OVER (ORDER BY n.side, n.record_id) - 1)::integer AS record_no,
			   n.side, n.record_id, coalesce(f.nhs_number, 0) AS nhs_number,
			   coalesce(f.source, array_position(%1$L::text[], n.side), 0) AS source,
			   coalesce(f.birth, 0) AS birth, coalesce(f.sex, 0) AS sex
		FROM (SELECT %2$L::text COLLATE "C" AS side, l.left_id AS record_id
			  FROM pg_temp.caredata_cluster_link l
			  UNION
			  SELECT %3$L::text COLLATE "C", l.right_id FROM pg_temp.caredata_cluster_link l
			  UNION
			  SELECT f.side, f.record_id FROM pg_temp.caredata_cluster_fact f) n
		LEFT JOIN pg_temp.caredata_cluster_fact f
			ON f.side = n.side AND f.record_id = n.record_id
		$sql$, duplicate_free, v_left, v_right);
	ANALYZE pg_temp.caredata_cluster_record;
	ANALYZE pg_temp.caredata_cluster_link;

	-- A link of a record to itself says nothing, one that comes twice no more
	-- than once.
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_cluster_edge ON COMMIT DROP AS
		SELECT least(a.record_no, b.record_no) AS left_no,
			   greatest(a.record_no, b.record_no) AS right_no, max(l.weight) AS weight
		FROM pg_temp.caredata_cluster_link l
		JOIN pg_temp.caredata_cluster_record a ON a.side = %1$L AND a.record_id = l.left_id
		JOIN pg_temp.caredata_cluster_record b ON b.side = %2$L AND b.record_id = l.right_id
		WHERE a.record_no <> b.record_no
		GROUP BY least(a.record_no, b.record_no), greatest(a.record_no, b.record_no)
		$sql$, v_left, v_right);

	CREATE TEMPORARY TABLE caredata_cluster_decision (
		left_no integer, right_no integer, same boolean) ON COMMIT DROP;
	IF decisions IS NOT NULL THEN
		PERFORM caredata.require_columns(decisions, '{left_id,right_id,same}');
		EXECUTE format($sql$
			INSERT INTO pg_temp.caredata_cluster_decision
			SELECT a.record_no, b.record_no, d.same
			FROM %3$s d
			JOIN pg_temp.caredata_cluster_record a ON a.side = %1$L AND a.record_id = d.left_id::text
			JOIN pg_temp.caredata_cluster_record b ON b.side = %2$L AND b.record_id = d.right_id::text
			WHERE d.same IS NOT NULL
			$sql$, v_left, v_right, decisions);
	END IF;
	DROP TABLE pg_temp.caredata_cluster_link, pg_temp.caredata_cluster_fact;
END
$$;
REVOKE ALL ON FUNCTION caredata.prepare_clusters(regclass, float8, regclass, text, boolean, text[], regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.prepare_clusters(regclass, float8, regclass, text, boolean, text[], regclass) IS
	'Numbers records, links and decisions for one pass; internal to the functions that make clusters';

CREATE FUNCTION caredata.drop_clusters() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DROP TABLE pg_temp.caredata_cluster_record, pg_temp.caredata_cluster_decision,
		pg_temp.caredata_cluster_edge;
END
$$;
REVOKE ALL ON FUNCTION caredata.drop_clusters() FROM PUBLIC;
COMMENT ON FUNCTION caredata.drop_clusters() IS
	'Removes what prepare_clusters() made; internal to the functions that make clusters';

CREATE FUNCTION caredata.cluster_sweep(
	links regclass,
	thresholds float8[],
	records regclass DEFAULT NULL,
	score text DEFAULT 'weight',
	average_link_floor float8 DEFAULT 0.5,
	two_tables boolean DEFAULT false,
	duplicate_free text[] DEFAULT '{}',
	decisions regclass DEFAULT NULL)
	RETURNS TABLE (threshold float8, record_id text, cluster_id text,
				   cluster_size bigint, side text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100000
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- the highest first; NULL stands for every link
	v_thresholds float8[] := ARRAY(SELECT DISTINCT coalesce(t, '-infinity')
								   FROM unnest(cluster_sweep.thresholds) AS t
								   ORDER BY 1 DESC);
BEGIN
	PERFORM caredata.prepare_clusters(links, v_thresholds[cardinality(v_thresholds)],
									  records, score, two_tables, duplicate_free, decisions);
	RETURN QUERY
	SELECT p.threshold, r.record_id,
		   CASE WHEN cluster_sweep.two_tables THEN c.side || ':' || c.record_id ELSE c.record_id END,
		   count(*) OVER (PARTITION BY p.threshold, p.cluster_no),
		   nullif(r.side, '')
	FROM caredata.cluster_pass(v_thresholds, average_link_floor) p
	JOIN pg_temp.caredata_cluster_record r ON r.record_no = p.record_no
	JOIN pg_temp.caredata_cluster_record c ON c.record_no = p.cluster_no
	ORDER BY p.threshold DESC, p.cluster_no, p.record_no;
	PERFORM caredata.drop_clusters();
END
$$;
REVOKE ALL ON FUNCTION caredata.cluster_sweep(regclass, float8[], regclass, text, float8, boolean, text[], regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_sweep(regclass, float8[], regclass, text, float8, boolean, text[], regclass) IS
	'Clusters of links at several thresholds in one pass; a cluster is named after its first record';

CREATE FUNCTION caredata.cluster_links(
	links regclass,
	threshold float8 DEFAULT NULL,
	records regclass DEFAULT NULL,
	score text DEFAULT 'weight',
	average_link_floor float8 DEFAULT 0.5,
	two_tables boolean DEFAULT false,
	duplicate_free text[] DEFAULT '{}',
	decisions regclass DEFAULT NULL)
	RETURNS TABLE (record_id text, cluster_id text, cluster_size bigint, side text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100000
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT s.record_id, s.cluster_id, s.cluster_size, s.side
	FROM caredata.cluster_sweep(links, ARRAY[threshold], records, score, average_link_floor,
								two_tables, duplicate_free, decisions) s;
END
$$;
REVOKE ALL ON FUNCTION caredata.cluster_links(regclass, float8, regclass, text, float8, boolean, text[], regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_links(regclass, float8, regclass, text, float8, boolean, text[], regclass) IS
	'Clusters of the links (left_id, right_id, weight or probability) of a table that reach a threshold';

CREATE FUNCTION caredata.cluster_refusals(
	links regclass,
	threshold float8 DEFAULT NULL,
	records regclass DEFAULT NULL,
	score text DEFAULT 'weight',
	average_link_floor float8 DEFAULT 0.5,
	two_tables boolean DEFAULT false,
	duplicate_free text[] DEFAULT '{}',
	decisions regclass DEFAULT NULL)
	RETURNS TABLE (left_id text, right_id text, weight float8, links_between bigint, reason text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1000
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.prepare_clusters(links, threshold, records, score, two_tables,
									  duplicate_free, decisions);
	RETURN QUERY
	SELECT a.record_id, b.record_id, p.weight, p.links, p.reason
	FROM caredata.cluster_refused_pairs(average_link_floor) p
	JOIN pg_temp.caredata_cluster_record a ON a.record_no = p.left_no
	JOIN pg_temp.caredata_cluster_record b ON b.record_no = p.right_no
	ORDER BY p.weight DESC, p.left_no, p.right_no;
	PERFORM caredata.drop_clusters();
END
$$;
REVOKE ALL ON FUNCTION caredata.cluster_refusals(regclass, float8, regclass, text, float8, boolean, text[], regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_refusals(regclass, float8, regclass, text, float8, boolean, text[], regclass) IS
	'Joins that cluster_links() refused: the strongest link between the two clusters, how many there are, and why';

CREATE FUNCTION caredata.cluster_metrics(
	links regclass,
	clusters regclass,
	threshold float8 DEFAULT NULL,
	score text DEFAULT 'weight',
	two_tables boolean DEFAULT false)
	RETURNS TABLE (cluster_id text, records bigint, links_inside bigint, density float8,
				   bridges bigint, lowest float8)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10000
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.prepare_clusters(links, threshold, NULL, score, two_tables, '{}', NULL);
	PERFORM caredata.require_columns(clusters,
		CASE WHEN two_tables THEN ARRAY['record_id', 'cluster_id', 'side']
			 ELSE ARRAY['record_id', 'cluster_id'] END);
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_cluster_member ON COMMIT DROP AS
		SELECT c.cluster_id::text COLLATE "C" AS cluster_id, r.record_no,
			   (row_number() OVER (PARTITION BY c.cluster_id ORDER BY r.record_no) - 1)::integer AS place
		FROM %1$s c
		LEFT JOIN pg_temp.caredata_cluster_record r
			ON r.record_id = c.record_id::text AND r.side = %2$s
		$sql$, clusters, CASE WHEN two_tables THEN 'c.side::text' ELSE '''''' END);
	ANALYZE pg_temp.caredata_cluster_member;
	ANALYZE pg_temp.caredata_cluster_edge;
	RETURN QUERY
	SELECT s.cluster_id, s.records, coalesce(i.links, 0),
		   CASE WHEN s.records > 1
				THEN coalesce(i.links, 0) / (s.records * (s.records - 1) / 2)::float8 END,
		   coalesce(i.bridges, 0), i.lowest
	FROM (SELECT m.cluster_id, count(*) AS records
		  FROM pg_temp.caredata_cluster_member m GROUP BY m.cluster_id) s
	LEFT JOIN (SELECT a.cluster_id, count(*) AS links, min(e.weight) AS lowest,
					  caredata.bridge_count(array_agg(a.place), array_agg(b.place)) AS bridges
			   FROM pg_temp.caredata_cluster_edge e
			   JOIN pg_temp.caredata_cluster_member a ON a.record_no = e.left_no
			   JOIN pg_temp.caredata_cluster_member b
				 ON b.record_no = e.right_no AND b.cluster_id = a.cluster_id
			   GROUP BY a.cluster_id) i ON i.cluster_id = s.cluster_id
	ORDER BY s.cluster_id;
	DROP TABLE pg_temp.caredata_cluster_member;
	PERFORM caredata.drop_clusters();
END
$$;
REVOKE ALL ON FUNCTION caredata.cluster_metrics(regclass, regclass, float8, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.cluster_metrics(regclass, regclass, float8, text, boolean) IS
	'For clerical review: records and links of each cluster, share of its pairs that are linked, links that alone hold two parts together, and its weakest link';

INSERT INTO caredata.role_grant (role_name, routine)
SELECT 'caredata_linker', f.routine
FROM (VALUES ('caredata.prepare_clusters(regclass,float8,regclass,text,boolean,text[],regclass)'),
			 ('caredata.drop_clusters()'),
			 ('caredata.cluster_pass(float8[],float8)'),
			 ('caredata.cluster_refused_pairs(float8)'),
			 ('caredata.bridge_count(integer[],integer[])'),
			 ('caredata.cluster_links(regclass,float8,regclass,text,float8,boolean,text[],regclass)'),
			 ('caredata.cluster_sweep(regclass,float8[],regclass,text,float8,boolean,text[],regclass)'),
			 ('caredata.cluster_refusals(regclass,float8,regclass,text,float8,boolean,text[],regclass)'),
			 ('caredata.cluster_metrics(regclass,regclass,float8,text,boolean)')) AS f (routine);
