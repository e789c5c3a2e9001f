-- ---------------------------------------------------------------------------
-- What check() finds of releases: terms, roles, views and lists.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.view_shows(view regclass, query text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'caredata_view_shows';
REVOKE ALL ON FUNCTION caredata.view_shows(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.view_shows(regclass, text) IS
	'Whether a view has the columns, names and expressions of a query';

CREATE FUNCTION caredata.view_is_as_permitted(view regclass, query text) RETURNS boolean
	LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN caredata.view_shows(view_is_as_permitted.view, view_is_as_permitted.query);
EXCEPTION WHEN undefined_table OR undefined_column OR undefined_function THEN
	-- somebody renamed what it should read
	RETURN false;
END
$$;
REVOKE ALL ON FUNCTION caredata.view_is_as_permitted(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.view_is_as_permitted(regclass, text) IS
	'Whether a view shows what a query would; false also for a query that has become impossible';

CREATE FUNCTION caredata.check_releases()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	today date := caredata.today();
BEGIN
	RETURN QUERY
	SELECT 'warning', 'release ' || l.name,
		   CASE WHEN l.state IN ('active', 'suspended') THEN 'is past its term' ELSE 'has ended' END
		   || ', and still has members: ' || array_to_string(caredata.logins_of(r.oid), ', '),
		   format('REVOKE %I FROM them%s', r.rolname,
				  CASE WHEN l.state IN ('active', 'suspended') THEN format(', and SELECT caredata.end_release(%s)', l.release_id) ELSE '' END)
	FROM caredata.release l
	JOIN pg_roles r ON r.rolname = l.name || '_reader'
	WHERE (l.state NOT IN ('draft', 'approved', 'active', 'suspended')
		   OR (l.state IN ('active', 'suspended') AND l.ends_on < today))
	  AND cardinality(caredata.logins_of(r.oid)) > 0
	UNION ALL
	SELECT 'advice', 'release ' || l.name, format('is past its term, which ended on %s', to_char(l.ends_on, 'YYYY-MM-DD')),
		   format('SELECT caredata.end_release(%s)', l.release_id)
	FROM caredata.release l
	WHERE l.state IN ('active', 'suspended') AND l.ends_on < today;

	RETURN QUERY
	SELECT 'warning', 'release ' || l.name, format('role %s is missing, so the release refuses', w.role),
		   'Restore the server''s roles (pg_dumpall --globals-only) before the database.'
	FROM caredata.release l
	CROSS JOIN LATERAL (VALUES (l.name || '_reader'), (l.name || '_definer')) AS w (role)
	WHERE l.state IN ('active', 'suspended')
	  AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w.role)
	UNION ALL
	SELECT 'danger', 'release ' || l.name,
		   format('its keyed functions are open to %s and not to %s_reader', coalesce(m.reader_role, 'superusers only'), l.name),
		   format('UPDATE caredata.domain SET reader_role = %L WHERE domain_id = %s', l.name || '_reader', l.release_id)
	FROM caredata.release l
	JOIN caredata.domain m ON m.domain_id = l.release_id
	WHERE l.state IN ('active', 'suspended') AND m.destroyed_at IS NULL
	  AND m.reader_role IS DISTINCT FROM (l.name || '_reader')::name;

	-- The views.
	RETURN QUERY
	WITH found AS MATERIALIZED (
		SELECT l.release_id, l.name, c.oid, c.relname, c.relkind, c.reloptions, c.relacl, c.relowner, o.rolname AS owner,
			   caredata.release_view_query(l.release_id, c.relname) AS query
		FROM caredata.release l
		JOIN pg_namespace n ON n.nspname = l.name
		JOIN pg_class c ON c.relnamespace = n.oid
		JOIN pg_roles o ON o.oid = c.relowner
		WHERE l.state NOT IN ('draft', 'approved') AND c.relkind NOT IN ('i', 'I', 't', 'c')
	)
	SELECT 'danger', format('%s %s', CASE f.relkind WHEN 'v' THEN 'view' ELSE 'relation' END, f.oid::regclass),
		   'was not made by the release', 'Drop it; nothing else belongs in the schema of a release.'
	FROM found f WHERE f.query IS NULL OR f.relkind <> 'v'
	UNION ALL
	SELECT 'danger', format('view %s', f.oid::regclass),
		   format('belongs to %s and not to %s_definer, and so shows what %s may see', f.owner, f.name, f.owner),
		   format('ALTER VIEW %s OWNER TO %I', f.oid::regclass, f.name || '_definer')
	FROM found f WHERE f.relkind = 'v' AND f.query IS NOT NULL AND f.owner <> f.name || '_definer'
	UNION ALL
	SELECT 'danger', format('view %s', f.oid::regclass), 'does not show what the release permits, and nothing else',
		   'End the release and make it anew, or restore the view from a back-up. It should show: ' || f.query
	FROM found f WHERE f.relkind = 'v' AND f.query IS NOT NULL AND NOT caredata.view_is_as_permitted(f.oid, f.query)
	UNION ALL
	SELECT 'warning', format('view %s', f.oid::regclass),
		   format('has options (%s), which change whose rights hold or how fast it is', array_to_string(f.reloptions, ', ')),
		   format('ALTER VIEW %s RESET (security_barrier, security_invoker)', f.oid::regclass)
	FROM found f WHERE f.relkind = 'v' AND f.reloptions IS NOT NULL
	UNION ALL
	SELECT 'danger', format('view %s', f.oid::regclass),
		   format('%s has %s on it', coalesce(g.rolname, 'everybody'), string_agg(DISTINCT a.privilege_type, ', ')),
		   format('REVOKE ALL ON %s FROM %s', f.oid::regclass, coalesce(quote_ident(g.rolname), 'PUBLIC'))
	FROM found f
	CROSS JOIN aclexplode(f.relacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE a.grantee <> f.relowner AND NOT coalesce(g.rolsuper, false)
	  AND (g.rolname IS DISTINCT FROM (f.name || '_reader')::name OR a.privilege_type <> 'SELECT')
	GROUP BY f.oid, g.rolname;

	RETURN QUERY
	SELECT 'warning', format('release %s', l.name), format('view %I.%I is missing', l.name, rc.dataset),
		   'End the release and make it anew, or restore the view from a back-up.'
	FROM caredata.release l
	JOIN (SELECT DISTINCT c.release_id, c.dataset FROM caredata.release_column c) rc ON rc.release_id = l.release_id
	WHERE l.state IN ('active', 'suspended')
	  AND to_regclass(format('%I.%I', l.name, rc.dataset)) IS NULL;

	-- Other views onto persons.
	RETURN QUERY
	SELECT CASE WHEN bool_or(o.rolsuper OR o.rolbypassrls) THEN 'danger' ELSE 'warning' END,
		   format('%s %s', CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, c.oid::regclass),
		   format('reads %s with the rights of %s%s', string_agg(DISTINCT t.oid::regclass::text, ', '), o.rolname,
				  CASE WHEN bool_or(o.rolsuper OR o.rolbypassrls) THEN ', whom no policy stops' ELSE '' END),
		   'Drop it, or build it on the views of a release.'
	FROM pg_class c
	JOIN pg_roles o ON o.oid = c.relowner
	JOIN pg_rewrite w ON w.ev_class = c.oid
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
	JOIN pg_class t ON t.oid = d.refobjid AND t.oid <> c.oid
	JOIN pg_namespace n ON n.oid = t.relnamespace
	WHERE c.relkind IN ('v', 'm')
	  AND n.nspname IN ('care', 'care_identity', 'care_landing')
	  AND (n.nspname <> 'care' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'person_id'))
	  AND NOT EXISTS (SELECT FROM pg_namespace s WHERE s.oid = c.relnamespace
					  AND s.nspname IN ('caredata', 'care_identity', 'care_landing'))
	  AND NOT EXISTS (SELECT FROM pg_namespace s JOIN caredata.release l ON l.name = s.nspname
					  WHERE s.oid = c.relnamespace)
	GROUP BY c.oid, c.relkind, o.rolname;

	-- What a release rests on.
	RETURN QUERY
	SELECT 'warning', 'release ' || l.name, 'its visible sets have not been made',
		   'SELECT caredata.refresh_visible_sets()'
	FROM caredata.release l
	WHERE l.state = 'active'
	  AND NOT EXISTS (SELECT FROM caredata.visible_set s WHERE s.release_id = l.release_id)
	UNION ALL
	SELECT 'warning', 'release ' || l.name,
		   format('its visible sets held until %s, so it refuses', to_char(min(s.valid_until), 'YYYY-MM-DD')),
		   'SELECT caredata.refresh_visible_sets(), and have it run every day.'
	FROM caredata.release l
	JOIN caredata.visible_set s ON s.release_id = l.release_id
	WHERE l.state = 'active' AND s.valid_until < today
	GROUP BY l.name;

	RETURN QUERY
	WITH resting AS MATERIALIZED (
		SELECT count(DISTINCT l.release_id) AS releases
		FROM caredata.release l
		JOIN caredata.visible_set s ON s.release_id = l.release_id
		WHERE l.state = 'active' AND 'national' = ANY (s.kinds)
	), list AS MATERIALIZED (
		SELECT caredata.national_list_time() AS requested_at,
			   now() - caredata.national_list_time() AS age,
			   caredata.national_list_max_age() AS max_age
	)
	SELECT CASE WHEN l.age < l.max_age THEN 'advice' ELSE 'warning' END, 'national data opt-out list',
		   CASE WHEN l.requested_at IS NULL THEN format('none was imported; releases that refuse: %s', r.releases)
				WHEN l.age >= l.max_age THEN format('is %s days old; releases that refuse: %s', extract(day FROM l.age), r.releases)
				ELSE format('is %s days old; releases that refuse from %s on: %s', extract(day FROM l.age),
							to_char(l.requested_at + l.max_age, 'YYYY-MM-DD'), r.releases) END,
		   'Make a request with caredata.request_national_list(), send it, and import what comes back with caredata.import_national_list().'
	FROM resting r, list l
	WHERE r.releases > 0 AND (l.requested_at IS NULL OR l.age >= l.max_age * 0.75)
	UNION ALL
	SELECT CASE WHEN s.fresh THEN 'advice' ELSE 'warning' END,
		   format('request %s to the national check', s.request),
		   format('is %s days old and not answered; %s NHS numbers are kept for the answer%s', extract(day FROM s.age), s.numbers,
				  CASE WHEN s.fresh THEN '' ELSE ', which would be refused' END),
		   CASE WHEN s.fresh THEN format('Import the answer with caredata.import_national_list(%s), or make another request.', s.request)
				ELSE 'Make another request with caredata.request_national_list(); that deletes the numbers of this one.' END
	FROM caredata.national_list_status() s
	WHERE s.state = 'awaited' AND s.age >= s.max_age * 0.25;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_releases() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_releases() IS
	'Part of check(): terms, roles, views and lists of releases, and other views onto persons';
