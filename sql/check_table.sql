-- ---------------------------------------------------------------------------
-- What check() finds of tables with persons and of their columns.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.check_tables()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- Rows of persons that no policy covers.
	RETURN QUERY
	WITH person_table AS MATERIALIZED (
		SELECT c.*, n.nspname,
			   EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)
			   OR EXISTS (SELECT FROM pg_attribute t, aclexplode(t.attacl) a
						  WHERE t.attrelid = c.oid AND a.grantee <> c.relowner) AS shared
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
		  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'caredata', 'care_identity', 'care_landing')
		  AND EXISTS (SELECT FROM pg_attribute t
					  WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
						AND (t.attname = 'person_id'
							 OR t.atttypid = 'caredata.nhs_number'::regtype
							 OR t.attname ~* '^(nhs_?(number|no)|newnhsno|pseudo_nhs_number)$'))
	)
	SELECT CASE WHEN t.nspname = 'care' OR t.shared THEN 'danger' ELSE 'advice' END,
		   CASE t.relkind WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || t.oid::regclass,
		   CASE WHEN t.nspname = 'care' AND t.relrowsecurity THEN 'row security is not forced on its owner'
				WHEN t.nspname = 'care' THEN 'row security is off'
				WHEN t.shared THEN 'holds persons, is not under row security, and others than its owner may use it'
				ELSE 'holds persons and is not under row security' END,
		   CASE WHEN t.nspname = 'care' AND t.relkind IN ('r', 'p')
				THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.oid::regclass)
				ELSE 'Drop it, or move what it holds into a dataset of the care database.' END
	FROM person_table t
	WHERE NOT (t.relrowsecurity AND t.relforcerowsecurity);

	RETURN QUERY
	SELECT 'warning', 'table ' || c.oid::regclass,
		   format('belongs to %s, who can change its policies', o.rolname),
		   format('ALTER TABLE %s OWNER TO the owner of the extension.', c.oid::regclass)
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_roles o ON o.oid = c.relowner
	WHERE n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing')
	  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT o.rolsuper;

	RETURN QUERY
	SELECT 'warning', 'dataset ' || d.dataset, format('its table care.%I is missing, so no load and no new release finds it', d.dataset),
		   'Give it its name and schema back, or restore it.'
	FROM caredata.dataset d
	WHERE to_regclass(format('care.%I', d.dataset)) IS NULL
	UNION ALL
	SELECT 'warning', 'dataset ' || d.dataset,
		   format('column %s of its table is missing, so no load and no new release finds it', string_agg(quote_ident(k.name), ', ' ORDER BY k.name COLLATE "C")),
		   'Give it its name back, or restore it.'
	FROM caredata.dataset d
	CROSS JOIN LATERAL (SELECT c.column_name FROM caredata.dataset_column c WHERE c.dataset = d.dataset AND c.stored
						UNION SELECT 'person_id') AS k (name)
	WHERE to_regclass(format('care.%I', d.dataset)) IS NOT NULL
	  AND NOT EXISTS (SELECT FROM pg_attribute a
					  WHERE a.attrelid = to_regclass(format('care.%I', d.dataset)) AND a.attname = k.name AND NOT a.attisdropped)
	GROUP BY d.dataset;

	-- ALTER TABLE ... SET UNLOGGED makes a load faster, and a crash empty it: the
	-- objections too, and the next refresh would show everybody.
	RETURN QUERY
	SELECT 'danger', 'table ' || c.oid::regclass, 'is not logged, so a crash of the server empties it',
		   format('ALTER TABLE %s SET LOGGED', c.oid::regclass)
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('caredata', 'care', 'care_identity') AND c.relkind = 'r' AND c.relpersistence = 'u';

	-- Policies: one for each dataset of each release in force, as
	-- activate_release() makes it, and no other.
	RETURN QUERY
	WITH wanted AS MATERIALIZED (
		SELECT l.name, l.state, d.dataset,
			   to_regclass(format('care.%I', d.dataset)) AS care_table,
			   (SELECT r.oid FROM pg_roles r WHERE r.rolname = l.name || '_definer') AS definer,
			   format('caredata.visible(person_id, %L::caredata.release_ref, %L::text)', l.release_id, d.setting) AS condition
		FROM caredata.release l
		JOIN LATERAL (SELECT DISTINCT rc.dataset FROM caredata.release_column rc
					  WHERE rc.release_id = l.release_id) rc ON true
		JOIN caredata.dataset d ON d.dataset = rc.dataset
		WHERE l.state NOT IN ('draft', 'approved')
	), present AS MATERIALIZED (
		SELECT p.*, c.relname, w.name AS release, w.condition,
			   coalesce(p.polcmd = 'r' AND p.polpermissive AND p.polroles = ARRAY[w.definer]
						AND pg_get_expr(p.polqual, p.polrelid) = w.condition, false) AS as_made
		FROM pg_policy p
		JOIN pg_class c ON c.oid = p.polrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN wanted w ON w.care_table = p.polrelid AND w.name = p.polname
		WHERE n.nspname = 'care'
	)
	SELECT CASE WHEN p.polpermissive THEN 'danger' ELSE 'warning' END,
		   format('policy %I on table %s', p.polname, p.polrelid::regclass),
		   CASE WHEN p.release IS NULL THEN 'is of no release'
				ELSE 'is not as the release made it' END,
		   format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass)
		   || CASE WHEN p.release IS NULL THEN ''
				   ELSE format('; CREATE POLICY %I ON %s FOR SELECT TO %I USING (%s)', p.polname, p.polrelid::regclass,
							   p.release || '_definer', p.condition) END
	FROM present p
	WHERE NOT p.as_made
	UNION ALL
	SELECT 'warning', format('table care.%I', w.dataset),
		   format('has no policy of release %s, whose view refuses', w.name),
		   format('CREATE POLICY %I ON care.%I FOR SELECT TO %I USING (%s)',
				  w.name, w.dataset, w.name || '_definer', w.condition)
	FROM wanted w
	WHERE w.state IN ('active', 'suspended') AND w.care_table IS NOT NULL
	  AND NOT EXISTS (SELECT FROM present p WHERE p.polrelid = w.care_table AND p.polname = w.name);

	RETURN QUERY
	SELECT 'danger', format('rule %I on %s', r.rulename, r.ev_class::regclass),
		   'runs instead of, or beside, what is written', format('DROP RULE %I ON %s', r.rulename, r.ev_class::regclass)
	FROM pg_rewrite r
	JOIN pg_class c ON c.oid = r.ev_class
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE r.rulename <> '_RETURN'
	  AND (n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing')
		   OR n.nspname IN (SELECT l.name FROM caredata.release l))
	UNION ALL
	SELECT 'warning', format('trigger %I on table %s', t.tgname, t.tgrelid::regclass),
		   format('made by hand; %s is given every row that is stored', t.tgfoid::regprocedure),
		   format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
	FROM pg_trigger t
	JOIN pg_class c ON c.oid = t.tgrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE NOT t.tgisinternal AND n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing')
	  AND p.pronamespace <> 'caredata'::regnamespace
	UNION ALL
	SELECT 'warning', format('trigger %I on table %s', t.tgname, t.tgrelid::regclass), 'is disabled',
		   format('ALTER TABLE %s ENABLE TRIGGER %I', t.tgrelid::regclass, t.tgname)
	FROM pg_trigger t
	JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE p.pronamespace = 'caredata'::regnamespace AND t.tgenabled <> 'O';

	-- Rows that leave by another door.
	RETURN QUERY
	SELECT 'warning', 'publication ' || p.pubname,
		   format('sends the rows of %s tables to subscribers, where no policy and no objection holds them', count(*)),
		   'Publish nothing of a care database but to a server that you protect as this one.'
	FROM pg_publication_tables p
	WHERE p.schemaname IN ('caredata', 'care', 'care_identity', 'care_landing')
	GROUP BY p.pubname;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_tables() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_tables() IS
	'Part of check(): tables of persons and their policies, rules, triggers, publications';

-- Under row security only LEAKPROOF conditions reach an index. On a column
-- whose comparisons are not, every condition reads the whole table.
CREATE FUNCTION caredata.check_columns()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH care_column AS MATERIALIZED (
		SELECT c.oid, t.attname, t.attnum, t.attcollation,
			   CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.oid END AS type_oid,
			   format_type(t.atttypid, t.atttypmod) AS type_name
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
		JOIN pg_type y ON y.oid = t.atttypid
		WHERE n.nspname = 'care' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity
	), comparison AS MATERIALIZED (
		SELECT k.oid, k.attname, bool_and(p.proleakproof) AS leakproof
		FROM care_column k
		JOIN pg_opclass o ON o.opcdefault AND o.opcmethod = (SELECT m.oid FROM pg_am m WHERE m.amname = 'btree')
			AND (o.opcintype = k.type_oid
				 OR (o.opcintype = 'text'::regtype AND k.type_oid = 'varchar'::regtype))
		JOIN pg_amop a ON a.amopfamily = o.opcfamily AND a.amoplefttype = o.opcintype AND a.amoprighttype = o.opcintype
		JOIN pg_operator q ON q.oid = a.amopopr
		JOIN pg_proc p ON p.oid = q.oprcode
		GROUP BY k.oid, k.attname
	)
	SELECT 'advice', format('column %s.%I', k.oid::regclass, k.attname),
		   format('conditions on type %s are only tried after row security, so no index serves them', k.type_name),
		   'Use integer, double precision, text, date, time or boolean.'
	FROM care_column k
	LEFT JOIN comparison c ON c.oid = k.oid AND c.attname = k.attname
	WHERE c.leakproof IS NOT TRUE
	UNION ALL
	SELECT 'advice', format('column %s.%I', k.oid::regclass, k.attname),
		   'no index serves a prefix of it, because its collation is not "C"',
		   format('ALTER TABLE %s ALTER COLUMN %I TYPE %s COLLATE "C"', k.oid::regclass, k.attname, k.type_name)
	FROM care_column k
	JOIN pg_collation l ON l.oid = k.attcollation
	WHERE k.type_oid IN ('text'::regtype, 'varchar'::regtype) AND l.collname NOT IN ('C', 'POSIX');
END
$$;
REVOKE ALL ON FUNCTION caredata.check_columns() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_columns() IS
	'Part of check(): columns of care tables on which no index works under row security';
