-- ---------------------------------------------------------------------------
-- A linter of the whole installation: what a DBA, an upgrade or a restore has
-- left in a state in which a release shows too much, refuses for no reason, or
-- rests on somebody's good will. It looks and changes nothing.
--
-- Each function below looks at one part; check() puts them together. Nothing
-- is repaired here: the mend is written for the person who has to decide.
--
-- Severities:
--	danger		rows, identifiers or keys are open to somebody who should not
--				have them, or will be after one more step
--	warning		a protection is weaker than it should be, or releases refuse
--	advice		what an attentive DBA would change
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.key_backup (
	fingerprint  bytea PRIMARY KEY CHECK (pg_catalog.octet_length(fingerprint) = 8),
	place        text NOT NULL CHECK (place <> ''),
	marked_at    timestamptz NOT NULL DEFAULT now(),
	marked_by    name[] NOT NULL
);
COMMENT ON TABLE caredata.key_backup IS
	'Master keys, by fingerprint, of which somebody said that a copy is kept, and where';
COMMENT ON COLUMN caredata.key_backup.place IS
	'Where the copy is, in words that help and do not tell a thief';
SELECT pg_catalog.pg_extension_config_dump('caredata.key_backup', '');

CREATE FUNCTION caredata.mark_key_backup(place text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	in_use bytea := (SELECT m.fingerprint FROM caredata.master_key_check m);
BEGIN
	IF coalesce(btrim(mark_key_backup.place), '') = '' THEN
		RAISE EXCEPTION 'the place of the copy is missing'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Say where somebody will look for it, such as "safe of the Caldicott Guardian".';
	END IF;
	IF in_use IS NULL THEN
		RAISE EXCEPTION 'this database has no keys yet'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'The first release binds the database to its master key; mark the copy then.';
	END IF;
	INSERT INTO caredata.key_backup AS b (fingerprint, place, marked_by)
	VALUES (in_use, btrim(mark_key_backup.place), caredata.requester())
	ON CONFLICT (fingerprint) DO UPDATE
	SET place = excluded.place, marked_at = excluded.marked_at, marked_by = excluded.marked_by;
	RETURN encode(in_use, 'hex');
END
$$;
REVOKE ALL ON FUNCTION caredata.mark_key_backup(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.mark_key_backup(text) IS
	'Records that a copy of the master key in use is kept at a place, and returns the key''s fingerprint; check() asks for this after every change of the master key';

CREATE FUNCTION caredata.check_master_key_files() RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'caredata_check_master_key_files';
REVOKE ALL ON FUNCTION caredata.check_master_key_files() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_master_key_files() IS
	'Raises for a master key file that would be refused if it were read now: owner, mode, place';

CREATE FUNCTION caredata.view_shows(view regclass, query text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'caredata_view_shows';
REVOKE ALL ON FUNCTION caredata.view_shows(regclass, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.view_shows(regclass, text) IS
	'Whether a view has the columns, names and expressions of a query';

-- ------------------------------------------------------------------ server

CREATE FUNCTION caredata.check_server()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	preloaded text[] := regexp_split_to_array(current_setting('shared_preload_libraries'), '\s*,\s*');
	logs_statements boolean;
BEGIN
	IF NOT EXISTS (SELECT FROM unnest(preloaded) AS l (library)
				   WHERE btrim(l.library, '"') ~ '(^|/)caredata(\.so)?$') THEN
		RETURN QUERY VALUES ('warning', 'setting shared_preload_libraries',
			'caredata is not loaded when the server starts, so every release refuses',
			'Add caredata to shared_preload_libraries and restart.');
	END IF;
	RETURN QUERY
	SELECT 'warning', 'extension caredata',
		   format('the library is version %s, the extension version %s', caredata.version(), e.extversion),
		   'Restart the server with the library that belongs to the extension, then ALTER EXTENSION caredata UPDATE.'
	FROM pg_extension e
	WHERE e.extname = 'caredata' AND e.extversion <> caredata.version();

	-- What is committed has to be there after a crash: an objection too.
	RETURN QUERY
	SELECT 'danger', 'setting ' || s.name, 'after a crash an objection that was recorded may be gone',
		   format('Set %s to on.', s.name)
	FROM pg_settings s
	WHERE (s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off')
	   OR (s.name = 'synchronous_commit' AND s.reset_val = 'off');

	-- Identifiers in the log. A setting may be the server's, or be given to a
	-- role or a database.
	RETURN QUERY
	WITH given AS MATERIALIZED (
		SELECT 'setting ' || s.name AS subject, s.name,
			   CASE s.name WHEN 'log_file_mode' THEN current_setting(s.name) ELSE s.reset_val END AS value
		FROM pg_settings s
		WHERE s.name ~ '^(log_|auto_explain\.|pgaudit\.)'
		UNION ALL
		SELECT concat_ws(' ', 'setting', split_part(c, '=', 1), 'of role ' || r.rolname, 'of database ' || b.datname),
			   split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
		FROM pg_db_role_setting d
		CROSS JOIN unnest(d.setconfig) AS c
		LEFT JOIN pg_roles r ON r.oid = d.setrole
		LEFT JOIN pg_database b ON b.oid = d.setdatabase
		WHERE d.setdatabase = 0 OR b.datname = current_database()
	), noted AS MATERIALIZED (
		SELECT g.subject, g.name, g.value,
			   (g.name = 'log_statement' AND g.value = 'all')
			   OR (g.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND g.value <> '-1')
			   OR (g.name = 'log_transaction_sample_rate' AND g.value::float8 > 0) AS logs_statements
		FROM given g
	)
	SELECT 'warning', n.subject, 'statements are logged, with the NHS numbers written in them',
		   'Turn it off for the database, or send NHS numbers as parameters only and set log_parameter_max_length to 0.'
	FROM noted n WHERE n.logs_statements
	UNION ALL
	SELECT 'warning', n.subject, 'parameters of logged statements are logged, NHS numbers among them',
		   'Set log_parameter_max_length to 0.'
	FROM noted n
	WHERE n.name = 'log_parameter_max_length' AND n.value <> '0'
	  AND EXISTS (SELECT FROM noted o WHERE o.logs_statements)
	UNION ALL
	SELECT 'warning', n.subject, 'parameters of failed statements are logged, NHS numbers among them',
		   'Set log_parameter_max_length_on_error to 0.'
	FROM noted n WHERE n.name = 'log_parameter_max_length_on_error' AND n.value <> '0'
	UNION ALL
	SELECT 'warning', n.subject, 'a reader who sets client_min_messages to log is shown how many rows were withheld',
		   'Set auto_explain.log_analyze to off.'
	FROM noted n WHERE n.name = 'auto_explain.log_analyze' AND n.value = 'on'
	UNION ALL
	SELECT 'warning', n.subject, 'parameters are logged, NHS numbers among them',
		   'Set pgaudit.log_parameter to off.'
	FROM noted n WHERE n.name = 'pgaudit.log_parameter' AND n.value = 'on'
	UNION ALL
	SELECT 'advice', n.subject, 'a line that COPY cannot read is logged as it is',
		   'Set log_error_verbosity to terse for the database.'
	FROM noted n
	WHERE n.name = 'log_error_verbosity' AND n.value <> 'terse'
	  AND NOT EXISTS (SELECT FROM noted o WHERE o.name = n.name AND o.value = 'terse')
	UNION ALL
	SELECT 'advice', n.subject, 'a statement that fails is logged, with the NHS numbers written in it',
		   'Send NHS numbers as parameters only, or set log_min_error_statement to panic for the logins that have them.'
	FROM noted n
	WHERE n.name = 'log_min_error_statement' AND n.value NOT IN ('fatal', 'panic')
	  AND NOT EXISTS (SELECT FROM noted o WHERE o.name = n.name AND o.value IN ('fatal', 'panic'))
	UNION ALL
	SELECT 'warning', n.subject, 'log files can be read by others than the server''s user',
		   'Set log_file_mode to 0600.'
	FROM noted n WHERE n.name = 'log_file_mode' AND n.value <> '0600';

	-- Connections.
	RETURN QUERY
	SELECT DISTINCT
		   CASE WHEN h.type = 'local' OR h.address IN ('127.0.0.1', '::1', 'samehost') THEN 'warning' ELSE 'danger' END,
		   format('pg_hba.conf line %s', h.line_number),
		   'a login needs no password: whoever reaches the server is whoever they say they are',
		   'Use scram-sha-256, cert, gss or peer.'
	FROM pg_hba_file_rules h
	WHERE h.auth_method = 'trust'
	  AND (current_database()::text = ANY (h.database) OR 'all' = ANY (h.database));
	IF current_setting('ssl') = 'off'
	   AND current_setting('listen_addresses') !~ '^\s*(|localhost|127\.0\.0\.1|::1)\s*$' THEN
		RETURN QUERY VALUES ('warning', 'setting ssl',
			'connections over the network are not encrypted',
			'Set ssl to on, and use hostssl lines in pg_hba.conf.');
	END IF;

	RETURN QUERY
	SELECT 'advice', 'setting ' || s.name, w.finding, w.mend
	FROM (VALUES
		('max_prepared_transactions', 'a prepared transaction can hold up objections, loads and releases without an end',
		 'Set max_prepared_transactions to 0 unless something needs it.'),
		('idle_in_transaction_session_timeout', 'a forgotten transaction keeps what it saw, and can hold up a release, without an end',
		 'Set idle_in_transaction_session_timeout, to 10min for instance.')) AS w (name, finding, mend)
	JOIN pg_settings s ON s.name = w.name
	WHERE CASE s.name WHEN 'max_prepared_transactions' THEN s.setting <> '0' ELSE s.reset_val = '0' END
	UNION ALL
	SELECT 'warning', 'setting ' || s.name, 'system tables can be changed by hand',
		   'Set allow_system_table_mods to off.'
	FROM pg_settings s WHERE s.name = 'allow_system_table_mods' AND s.reset_val = 'on'
	UNION ALL
	SELECT 'advice', 'setting ' || s.name, 'damage to files is not noticed when they are read',
		   'Stop the server and run pg_checksums --enable.'
	FROM pg_settings s WHERE s.name = 'data_checksums' AND s.setting = 'off';
END
$$;
REVOKE ALL ON FUNCTION caredata.check_server() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_server() IS
	'Part of check(): the library, settings of durability and of logs, connections';

-- ------------------------------------------------------------------- roles

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
	GROUP BY o.rolname;

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

-- ------------------------------------------------------------------ grants

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

-- ------------------------------------------------------------------ tables

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
	WHERE w.state IN ('active', 'suspended')
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

-- ---------------------------------------------------------------- releases

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
	FROM found f WHERE f.relkind = 'v' AND f.query IS NOT NULL AND NOT caredata.view_shows(f.oid, f.query)
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

-- -------------------------------------------------------------------- keys

CREATE FUNCTION caredata.check_keys()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	in_use bytea := (SELECT m.fingerprint FROM caredata.master_key_check m);
	message text;
	hint text;
BEGIN
	-- said as their use would say it
	BEGIN
		PERFORM caredata.check_master_key_files();
	EXCEPTION WHEN config_file_error THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
		RETURN QUERY VALUES ('danger', 'master key', message, hint);
	END;

	IF in_use IS NOT NULL THEN
		BEGIN
			PERFORM caredata.check_domain_key(k.domain_id, k.generation)
			FROM caredata.domain_key k WHERE k.closed_at IS NULL;
		EXCEPTION WHEN config_file_error OR data_corrupted OR object_not_in_prerequisite_state OR undefined_object THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
			RETURN QUERY VALUES ('warning', 'keys of the releases', message, hint);
		END;
		IF NOT EXISTS (SELECT FROM caredata.key_backup b WHERE b.fingerprint = in_use) THEN
			RETURN QUERY VALUES ('warning', 'master key ' || encode(in_use, 'hex'),
				'nobody has said that a copy of it is kept; if it is lost, so is every pseudonym',
				'Put a copy where the back-ups of the database are not, then SELECT caredata.mark_key_backup(''where'').');
		END IF;
	END IF;
	RETURN QUERY
	SELECT 'warning', 'release ' || m.name, 'has no key, so it refuses',
		   'Restore table caredata.domain_key from a back-up.'
	FROM caredata.domain m
	WHERE m.destroyed_at IS NULL
	  AND NOT EXISTS (SELECT FROM caredata.domain_key k WHERE k.domain_id = m.domain_id);
END
$$;
REVOKE ALL ON FUNCTION caredata.check_keys() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_keys() IS
	'Part of check(): whether keys are to be had, whether their files are closed, whether a copy is kept';

-- ----------------------------------------------------------------- columns

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

-- --------------------------------------------------------------------- all

-- VOLATILE, because keys are looked up anew.
CREATE FUNCTION caredata.check()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF to_regclass('care.person') IS NULL OR to_regclass('care_identity.person') IS NULL THEN
		RAISE EXCEPTION 'this database is not a care database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'A superuser makes it one with caredata.create_care_database().';
	END IF;
	RETURN QUERY
	SELECT f.severity, f.subject, f.finding, f.mend
	FROM (SELECT * FROM caredata.check_server()
		  UNION ALL SELECT * FROM caredata.check_roles()
		  UNION ALL SELECT * FROM caredata.check_grants()
		  UNION ALL SELECT * FROM caredata.check_tables()
		  UNION ALL SELECT * FROM caredata.check_releases()
		  UNION ALL SELECT * FROM caredata.check_keys()
		  UNION ALL SELECT * FROM caredata.check_columns()) f
	ORDER BY array_position(ARRAY['danger', 'warning', 'advice'], f.severity),
			 f.subject COLLATE "C", f.finding COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION caredata.check() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check() IS
	'Looks the whole installation over and returns one row for each thing to mend, the worst first; no row when all is well. The visible sets are check_visible_sets()''s';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.check()'),
	('caredata_admin', 'caredata.mark_key_backup(text)'),
	('caredata_guardian', 'caredata.check()'),
	('caredata_auditor', 'caredata.check()');
