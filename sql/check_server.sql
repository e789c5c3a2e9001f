-- ---------------------------------------------------------------------------
-- What check() finds of the server: settings, the library, files.
-- ---------------------------------------------------------------------------

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
	WHERE s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off'
	UNION ALL
	-- what changes who is visible waits for the disk all the same
	SELECT 'warning', 'setting ' || s.name, 'after a crash an agreement, or results that a reader kept, may be gone',
		   format('Set %s to on.', s.name)
	FROM pg_settings s
	WHERE s.name = 'synchronous_commit' AND s.reset_val = 'off'
	UNION ALL
	SELECT 'warning', concat_ws(' ', 'setting synchronous_commit', 'of role ' || r.rolname, 'of database ' || b.datname),
		   'after a crash an agreement, or results that a reader kept, may be gone',
		   concat_ws(' ', 'ALTER', CASE WHEN d.setrole = 0 THEN format('DATABASE %I', b.datname)
										ELSE concat_ws(' IN DATABASE ', format('ROLE %I', r.rolname), quote_ident(b.datname)) END,
					 'RESET synchronous_commit')
	FROM pg_db_role_setting d
	LEFT JOIN pg_roles r ON r.oid = d.setrole
	LEFT JOIN pg_database b ON b.oid = d.setdatabase
	WHERE 'synchronous_commit=off' = ANY (d.setconfig)
	  AND (d.setdatabase = 0 OR b.datname = current_database());

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
