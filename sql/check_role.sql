-- ---------------------------------------------------------------------------
-- What check() finds of roles and their rights.
-- ---------------------------------------------------------------------------

-- Logins that are, or can become, a role; superusers can become any.
CREATE FUNCTION caredata.logins_of(role oid) RETURNS name[]
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT coalesce(array_agg(m.rolname ORDER BY m.rolname), '{}')
	FROM pg_roles m
	WHERE m.rolcanlogin AND NOT m.rolsuper AND m.oid <> logins_of.role
	  AND pg_has_role(m.oid, logins_of.role, 'MEMBER');
END;
REVOKE ALL ON FUNCTION caredata.logins_of(oid) FROM PUBLIC;
COMMENT ON FUNCTION caredata.logins_of(oid) IS
	'Logins that are members of a role, directly or not, superusers left out';

CREATE FUNCTION caredata.check_roles()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- Who can see everything.
	RETURN QUERY
	SELECT CASE WHEN r.rolbypassrls AND NOT r.rolsuper THEN 'danger'
				WHEN r.oid = 10 THEN 'advice' ELSE 'warning' END,
		   'role ' || r.rolname,
		   CASE WHEN r.rolsuper THEN 'is a superuser and can log in'
				WHEN r.rolbypassrls THEN 'bypasses row security'
				WHEN r.rolreplication THEN 'can copy the whole cluster by replication'
				ELSE 'can make itself a member of other roles' END
		   || CASE WHEN r.rolcanlogin OR r.rolsuper THEN ''
				   ELSE format('; can be become by %s', array_to_string(caredata.logins_of(r.oid), ', ')) END,
		   CASE WHEN r.rolsuper THEN 'Keep superusers few, and for administration only.'
				ELSE format('ALTER ROLE %I NOBYPASSRLS NOREPLICATION NOCREATEROLE, or keep it for administration only.', r.rolname) END
	FROM pg_roles r
	WHERE (r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole)
	  AND (r.rolcanlogin OR (NOT r.rolsuper AND cardinality(caredata.logins_of(r.oid)) > 0));
	RETURN QUERY
	SELECT 'danger', 'role ' || r.rolname,
		   format('is a superuser, and can be become by %s', array_to_string(caredata.logins_of(r.oid), ', ')),
		   format('Revoke the membership, or ALTER ROLE %I NOSUPERUSER.', r.rolname)
	FROM pg_roles r
	WHERE r.rolsuper AND cardinality(caredata.logins_of(r.oid)) > 0;
	RETURN QUERY
	SELECT CASE WHEN p.name IN ('pg_monitor', 'pg_read_all_stats') THEN 'advice' ELSE 'danger' END,
		   'role ' || p.name,
		   format('%s: %s', p.finding, array_to_string(caredata.logins_of(r.oid), ', ')),
		   format('REVOKE %I FROM those who are not meant to.', p.name)
	FROM (VALUES
		('pg_read_all_data', 'reads every table without regard to grants'),
		('pg_write_all_data', 'writes every table, the visible sets and the register too'),
		('pg_read_server_files', 'reads files of the server'),
		('pg_write_server_files', 'writes files of the server'),
		('pg_execute_server_program', 'runs programs as the server'),
		('pg_monitor', 'sees the statements of others and how many rows were read'),
		('pg_read_all_stats', 'sees the statements of others and how many rows were read')) AS p (name, finding)
	JOIN pg_roles r ON r.rolname = p.name
	WHERE cardinality(caredata.logins_of(r.oid)) > 0;

	-- The roles that caredata made.
	RETURN QUERY
	WITH own AS MATERIALIZED (
		SELECT r.* FROM pg_roles r
		WHERE r.rolname IN ('caredata_admin', 'caredata_loader', 'caredata_linker', 'caredata_guardian', 'caredata_auditor')
		   OR r.rolname IN (SELECT l.name || s.suffix FROM caredata.release l,
							(VALUES ('_reader'), ('_definer')) AS s (suffix) WHERE l.state NOT IN ('draft', 'approved'))
	)
	SELECT 'danger', 'role ' || o.rolname, 'can log in or has powers of its own',
		   format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION.', o.rolname)
	FROM own o
	WHERE o.rolcanlogin OR o.rolsuper OR o.rolbypassrls OR o.rolcreaterole OR o.rolreplication
	UNION ALL
	SELECT 'danger', 'role ' || o.rolname,
		   format('is a member of %s, and so is each of its members', string_agg(g.rolname, ', ' ORDER BY g.rolname)),
		   format('REVOKE those roles FROM %I; it has what caredata gives it.', o.rolname)
	FROM own o
	JOIN pg_auth_members m ON m.member = o.oid
	JOIN pg_roles g ON g.oid = m.roleid
	GROUP BY o.rolname
	UNION ALL
	SELECT 'danger', 'role ' || o.rolname,
		   format('is granted to %s, who can read the care tables beside the views', string_agg(g.rolname, ', ' ORDER BY g.rolname)),
		   format('REVOKE %I FROM them; nobody needs it.', o.rolname)
	FROM own o
	JOIN pg_auth_members m ON m.roleid = o.oid
	JOIN pg_roles g ON g.oid = m.member
	WHERE o.rolname ~ '_definer$'
	GROUP BY o.rolname
	UNION ALL
	SELECT 'warning', 'role ' || o.rolname,
		   format('may be handed on to others by %s', string_agg(DISTINCT g.rolname, ', ' ORDER BY g.rolname)),
		   format('REVOKE ADMIN OPTION FOR %I FROM them.', o.rolname)
	FROM own o
	JOIN pg_auth_members m ON m.roleid = o.oid AND m.admin_option
	JOIN pg_roles g ON g.oid = m.member
	WHERE NOT g.rolsuper
	GROUP BY o.rolname;

	RETURN QUERY
	SELECT 'warning', 'database ' || b.datname,
		   format('belongs to %s, who can set a search path for everybody and create objects in schema public', o.rolname),
		   format('ALTER DATABASE %I OWNER TO the owner of the extension.', b.datname)
	FROM pg_database b
	JOIN pg_roles o ON o.oid = b.datdba
	WHERE b.datname = current_database() AND NOT o.rolsuper;

	-- Who holds which of them together.
	RETURN QUERY
	WITH reader AS MATERIALIZED (
		SELECT l.name AS release, r.oid, m.login
		FROM caredata.release l
		JOIN pg_roles r ON r.rolname = l.name || '_reader'
		CROSS JOIN unnest(caredata.logins_of(r.oid)) AS m (login)
		WHERE l.state IN ('active', 'suspended')
	), duty AS MATERIALIZED (
		SELECT r.rolname AS role, m.login
		FROM pg_roles r CROSS JOIN unnest(caredata.logins_of(r.oid)) AS m (login)
		WHERE r.rolname IN ('caredata_admin', 'caredata_loader', 'caredata_linker', 'caredata_guardian')
	)
	SELECT 'danger', 'role ' || d.login,
		   format('reads release %s and identities too', string_agg(DISTINCT rd.release, ', ')),
		   'Give the two to different logins of different people.'
	FROM duty d JOIN reader rd ON rd.login = d.login
	WHERE d.role IN ('caredata_linker', 'caredata_loader')
	GROUP BY d.login
	UNION ALL
	SELECT 'warning', 'role ' || a.login, 'writes releases and approves those of others',
		   'Give caredata_admin and caredata_guardian to different people.'
	FROM duty a JOIN duty g ON g.login = a.login
	WHERE a.role = 'caredata_admin' AND g.role = 'caredata_guardian'
	UNION ALL
	SELECT 'advice', 'role ' || rd.login,
		   format('holds %s releases, whose persons can be laid side by side: %s',
				  count(*), string_agg(rd.release, ', ' ORDER BY rd.release)),
		   'Keep it so only if the join would be lawful.'
	FROM reader rd
	GROUP BY rd.login
	HAVING count(*) > 1;

	-- What close_counters() closes is open in other databases, and some of it
	-- tells of this one.
	RETURN QUERY
	SELECT 'advice', 'database ' || b.datname,
		   'readers may connect to it, where pg_locks and pg_stat_database count rows of this database',
		   format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', b.datname)
	FROM pg_database b
	WHERE b.datallowconn AND b.datname <> current_database()
	  AND has_database_privilege('public', b.oid, 'CONNECT')
	  AND EXISTS (SELECT FROM caredata.release l WHERE l.state IN ('active', 'suspended'));

	-- Where one can plant what others run.
	RETURN QUERY
	SELECT 'danger', 'schema ' || n.nspname,
		   format('%s can create objects in it',
				  string_agg(DISTINCT coalesce(g.rolname, 'everybody'), ', ')),
		   format('REVOKE CREATE ON SCHEMA %I FROM them.', n.nspname)
	FROM pg_namespace n
	CROSS JOIN aclexplode(n.nspacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND NOT coalesce(g.rolsuper, false)
	  AND (n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing', 'pg_catalog')
		   OR n.nspname IN (SELECT l.name FROM caredata.release l))
	GROUP BY n.nspname
	UNION ALL
	SELECT 'danger', 'schema ' || n.nspname, format('belongs to %s, who is no superuser', o.rolname),
		   format('ALTER SCHEMA %I OWNER TO the owner of the extension.', n.nspname)
	FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner
	WHERE NOT o.rolsuper
	  AND (n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing')
		   OR n.nspname IN (SELECT l.name FROM caredata.release l))
	UNION ALL
	SELECT 'warning', 'schema public',
		   format('%s can create objects in it, which are found before those of caredata',
				  string_agg(DISTINCT coalesce(g.rolname, 'everybody'), ', ')),
		   'REVOKE CREATE ON SCHEMA public FROM them.'
	FROM pg_namespace n
	CROSS JOIN aclexplode(n.nspacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE n.nspname = 'public' AND a.privilege_type = 'CREATE'
	  AND a.grantee <> n.nspowner AND NOT coalesce(g.rolsuper, false)
	HAVING count(*) > 0
	UNION ALL
	SELECT 'warning', 'schema ' || n.nspname,
		   format('belongs to a reader of a release, %s, and is on the search path of the database', o.rolname),
		   'Take the schema off the search path of the database.'
	FROM pg_db_role_setting d
	CROSS JOIN unnest(d.setconfig) AS c
	CROSS JOIN regexp_split_to_table(substr(c, length('search_path=') + 1), '\s*,\s*') AS p (entry)
	JOIN pg_namespace n ON n.nspname = btrim(p.entry, '"')
	JOIN pg_roles o ON o.oid = n.nspowner
	WHERE c LIKE 'search\_path=%' AND d.setrole = 0
	  AND d.setdatabase = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
	  AND EXISTS (SELECT FROM caredata.domain m JOIN pg_roles r ON r.rolname = m.reader_role
				  WHERE NOT o.rolsuper AND pg_has_role(o.oid, r.oid, 'MEMBER'));
END
$$;
REVOKE ALL ON FUNCTION caredata.check_roles() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_roles() IS
	'Part of check(): logins that no policy stops, roles of caredata with too much, duties in one hand, schemas to plant in';

CREATE FUNCTION caredata.check_grants()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- The extension's functions. What they had when it was installed is in
	-- pg_init_privs; more was given by hand, but for the readers' own.
	RETURN QUERY
	SELECT CASE WHEN a.grantee = 0 THEN 'danger' ELSE 'warning' END,
		   'function ' || p.oid::regprocedure,
		   format('may be executed by %s', coalesce(g.rolname, 'everybody')),
		   format('REVOKE EXECUTE ON ROUTINE %s FROM %s', p.oid::regprocedure,
				  coalesce(quote_ident(g.rolname), 'PUBLIC'))
	FROM pg_depend d
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'caredata'
	JOIN pg_proc p ON p.oid = d.objid
	JOIN pg_init_privs i ON i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass AND i.privtype = 'e'
	CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	  AND a.grantee <> p.proowner
	  AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) x WHERE x.grantee = a.grantee)
	  AND NOT EXISTS (SELECT FROM caredata.release l WHERE l.name || '_reader' = g.rolname)
	  AND NOT EXISTS (SELECT FROM caredata.role_grant r
					  WHERE r.role_name = g.rolname AND strpos(r.routine, '(') > 0
						AND r.routine::regprocedure = p.oid);

	RETURN QUERY
	SELECT 'danger', 'functions that count rows of tables and indexes',
		   format('%s of them may be executed by everybody, who can so count rows that are withheld', count(*)),
		   'SELECT caredata.close_counters()'
	FROM caredata.counting_functions() f (oid)
	WHERE has_function_privilege('public', f.oid, 'EXECUTE')
	HAVING count(*) > 0;

	-- Whoever owns a function of ours can put another in its place, and whoever
	-- may use the type of the handles can make a value one.
	RETURN QUERY
	SELECT 'danger', 'function ' || p.oid::regprocedure,
		   format('belongs to %s, who can change what it does', o.rolname),
		   format('ALTER ROUTINE %s OWNER TO the owner of the extension.', p.oid::regprocedure)
	FROM pg_depend d
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'caredata'
	JOIN pg_proc p ON p.oid = d.objid
	JOIN pg_roles o ON o.oid = p.proowner
	WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	  AND NOT o.rolsuper
	UNION ALL
	SELECT 'danger', 'type caredata.release_ref',
		   format('may be used by %s', string_agg(coalesce(g.rolname, 'everybody'), ', ' ORDER BY g.rolname)),
		   'REVOKE USAGE ON TYPE caredata.release_ref FROM them.'
	FROM pg_type t
	CROSS JOIN aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE t.oid = 'caredata.release_ref'::regtype AND a.grantee <> t.typowner
	HAVING count(*) > 0;

	-- What other extensions count, and where they lead.
	RETURN QUERY
	SELECT 'warning', 'function ' || p.oid::regprocedure,
		   'tells everybody how many blocks their statements read, and so how many rows are withheld',
		   format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
	FROM pg_proc p
	WHERE p.proname IN ('pg_stat_statements', 'pg_stat_kcache', 'pg_stat_monitor')
	  AND has_function_privilege('public', p.oid, 'EXECUTE')
	UNION ALL
	SELECT 'warning', 'server ' || s.srvname,
		   format('leads elsewhere with a login of its own, and may be used by %s', string_agg(coalesce(g.rolname, 'everybody'), ', ' ORDER BY g.rolname)),
		   format('REVOKE USAGE ON FOREIGN SERVER %I FROM them.', s.srvname)
	FROM pg_foreign_server s
	CROSS JOIN aclexplode(s.srvacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE a.grantee <> s.srvowner AND NOT coalesce(g.rolsuper, false)
	GROUP BY s.srvname;

	-- Others' functions that run as somebody whom no policy stops.
	RETURN QUERY
	SELECT 'warning', 'function ' || p.oid::regprocedure,
		   format('runs as %s, whom row security does not stop, and may be executed by %s', o.rolname,
				  string_agg(coalesce(g.rolname, 'everybody'), ', ' ORDER BY g.rolname)),
		   'REVOKE EXECUTE from those who do not need it, or make it SECURITY INVOKER.'
	FROM pg_proc p
	JOIN pg_roles o ON o.oid = p.proowner
	CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE p.prosecdef AND (o.rolsuper OR o.rolbypassrls)
	  AND a.grantee <> p.proowner AND NOT coalesce(g.rolsuper, false)
	  AND p.pronamespace <> 'pg_catalog'::regnamespace
	  AND NOT EXISTS (SELECT FROM pg_depend d
					  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
	GROUP BY p.oid, o.rolname;

	-- Tables of the extension and of the care database.
	RETURN QUERY
	WITH privilege AS MATERIALIZED (
		SELECT c.oid, n.nspname, c.relkind, c.relname, a.grantee, a.privilege_type, NULL::name AS column_name
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN aclexplode(c.relacl) a
		WHERE n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing') AND a.grantee <> c.relowner
		UNION ALL
		SELECT c.oid, n.nspname, c.relkind, c.relname, a.grantee, a.privilege_type, t.attname
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute t ON t.attrelid = c.oid
		CROSS JOIN aclexplode(t.attacl) a
		WHERE n.nspname IN ('caredata', 'care', 'care_identity', 'care_landing') AND a.grantee <> c.relowner
	), foreign_privilege AS MATERIALIZED (
		SELECT p.*, coalesce(g.rolname, 'everybody') AS holder
		FROM privilege p
		LEFT JOIN pg_roles g ON g.oid = p.grantee
		WHERE NOT coalesce(g.rolsuper, false)
		  AND CASE p.nspname
				WHEN 'caredata' THEN
					NOT EXISTS (SELECT FROM caredata.role_grant r
								WHERE r.role_name = g.rolname AND strpos(r.routine, '(') = 0
								  AND r.routine::regclass = p.oid AND p.privilege_type = 'SELECT')
					AND NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) x
									WHERE i.objoid = p.oid AND i.classoid = 'pg_class'::regclass
									  AND i.privtype = 'e' AND x.grantee = p.grantee
									  AND x.privilege_type = p.privilege_type)
				WHEN 'care' THEN
					-- public facts have no person
					(p.privilege_type <> 'SELECT'
					 OR EXISTS (SELECT FROM pg_attribute t
								WHERE t.attrelid = p.oid AND t.attname = 'person_id' AND NOT t.attisdropped))
					AND NOT (p.privilege_type = 'SELECT' AND p.column_name IS NOT NULL
							 AND EXISTS (SELECT FROM caredata.release l WHERE l.name || '_definer' = g.rolname))
					AND coalesce(g.rolname !~ '^caredata_(admin|loader|linker)$', true)
				ELSE coalesce(g.rolname !~ '^caredata_', true)
			  END
	)
	SELECT 'danger', 'table ' || f.oid::regclass,
		   format('%s has %s on it', f.holder, string_agg(DISTINCT f.privilege_type, ', ')),
		   format('REVOKE ALL ON %s FROM %s', f.oid::regclass,
				  CASE f.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(f.holder) END)
	FROM foreign_privilege f
	GROUP BY f.oid, f.holder, f.grantee;

	RETURN QUERY
	SELECT 'danger', 'schema ' || n.nspname,
		   format('may be used by %s', string_agg(coalesce(g.rolname, 'everybody'), ', ' ORDER BY g.rolname)),
		   format('REVOKE USAGE ON SCHEMA %I FROM them.', n.nspname)
	FROM pg_namespace n
	CROSS JOIN aclexplode(n.nspacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE a.privilege_type = 'USAGE' AND a.grantee <> n.nspowner AND NOT coalesce(g.rolsuper, false)
	  AND (n.nspname IN ('care_identity', 'care_landing') AND coalesce(g.rolname !~ '^caredata_', true)
		   OR EXISTS (SELECT FROM caredata.release l WHERE l.name = n.nspname
					  AND coalesce(g.rolname, '') <> l.name || '_reader'))
	GROUP BY n.nspname;

	RETURN QUERY
	SELECT 'advice', 'default privileges of ' || o.rolname || coalesce(' in schema ' || n.nspname, ''),
		   'give rights on whatever is made to ' || string_agg(DISTINCT coalesce(g.rolname, 'everybody'), ', '),
		   'ALTER DEFAULT PRIVILEGES ... REVOKE; caredata takes them away from what it makes, not from what is made by hand.'
	FROM pg_default_acl f
	JOIN pg_roles o ON o.oid = f.defaclrole
	LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace
	CROSS JOIN aclexplode(f.defaclacl) a
	LEFT JOIN pg_roles g ON g.oid = a.grantee
	WHERE a.grantee <> f.defaclrole AND f.defaclobjtype IN ('r', 'n')
	  AND (n.oid IS NULL OR n.nspname ~ '^care')
	GROUP BY o.rolname, n.nspname;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_grants() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_grants() IS
	'Part of check(): rights that caredata did not give';
