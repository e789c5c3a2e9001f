-- The extension's own catalogue: who may call what, what runs as whom, what
-- travels in a dump. Anything new fails here until it has its line in one of
-- the inventories beside this file, in the commit that adds it, where a
-- reviewer sees it:
--	functions.inventory	every function with its marks, and whether PUBLIC may call it
--	grants.inventory	what each of the caredata roles may call or read
--	tables.inventory	every table and sequence, and which of its rows a dump has
-- A failed test prints the lines that are missing or too many.
\set ECHO none
\set QUIET 1
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, caredata;
SELECT plan(38);

CREATE TEMP VIEW member AS
SELECT p.* FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'caredata';

CREATE TEMP VIEW member_relation AS
SELECT c.* FROM pg_class c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'caredata';

-- ------------------------------------------------------------- inventories

CREATE TEMP TABLE expected_function (line text);
\ir functions.inventory
SELECT set_eq(
	$$SELECT concat_ws(' | ', oid::regprocedure,
		CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
		CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
		CASE WHEN proisstrict THEN 'strict' ELSE 'null' END,
		CASE WHEN proleakproof THEN 'leakproof' END,
		CASE WHEN prosecdef THEN 'definer' END,
		CASE WHEN has_function_privilege('public', oid, 'EXECUTE') THEN 'public' END) FROM member$$,
	'SELECT line FROM expected_function',
	'functions, their marks and who may call them are those of functions.inventory');

CREATE TEMP TABLE expected_grant (line text);
\ir grants.inventory
SELECT set_eq(
	$$SELECT role_name || ' | ' || CASE WHEN routine LIKE '%(%' THEN routine::regprocedure::text
		ELSE routine::regclass::text END FROM caredata.role_grant$$,
	'SELECT line FROM expected_grant',
	'what each role is granted is that of grants.inventory');

CREATE TEMP TABLE expected_table (line text);
\ir tables.inventory
SELECT set_eq(
	$$SELECT c.oid::regclass || ' | ' || coalesce((
		SELECT CASE config.condition WHEN '' THEN 'dumped' ELSE 'dumped ' || config.condition END
		FROM pg_extension e, unnest(e.extconfig, e.extcondition) config(relation, condition)
		WHERE e.extname = 'caredata' AND config.relation = c.oid), 'not dumped')
	FROM member_relation c WHERE c.relkind IN ('r', 'p', 'S', 'm', 'f')$$,
	'SELECT line FROM expected_table',
	'tables and sequences, and what a dump has of them, are those of tables.inventory');

-- ------------------------------------------------------------------- rules

SELECT is_empty(
	$$SELECT oid::regprocedure::text FROM member WHERE pronamespace <> 'caredata'::regnamespace
	  UNION ALL SELECT oid::regclass::text FROM member_relation WHERE relnamespace <> 'caredata'::regnamespace$$,
	'every member is in schema caredata');
SELECT is_empty(
	$$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'caredata'::regnamespace
	  EXCEPT SELECT oid::regprocedure FROM member$$,
	'and nothing else is');
SELECT is_empty(
	'SELECT oid::regprocedure FROM member WHERE obj_description(oid, ''pg_proc'') IS NULL',
	'every function has a comment');
SELECT is_empty(
	$$SELECT oid::regclass FROM member_relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
		AND obj_description(oid, 'pg_class') IS NULL$$,
	'every table and view has a comment');
SELECT is_empty(
	$$SELECT oid::regtype FROM pg_type WHERE typnamespace = 'caredata'::regnamespace
		AND typrelid = 0 AND typelem = 0 AND obj_description(oid, 'pg_type') IS NULL$$,
	'every type has a comment');
SELECT is_empty(
	$$SELECT oid::regoperator FROM pg_operator WHERE oprnamespace = 'caredata'::regnamespace
		AND obj_description(oid, 'pg_operator') IS NULL$$,
	'every operator has a comment');

SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE prosecdef
		AND (proconfig IS NULL OR proconfig[1] <> 'search_path=pg_catalog, pg_temp')$$,
	'every SECURITY DEFINER function pins its search path, exactly');
SELECT is_empty(
	$$SELECT m.oid::regprocedure FROM member m
	  JOIN pg_language l ON l.oid = prolang
	  WHERE (l.lanname = 'plpgsql' OR (l.lanname = 'sql' AND prosqlbody IS NULL))
		AND (proconfig IS NULL OR proconfig[1] <> 'search_path=pg_catalog, pg_temp')
		AND m.oid <> 'repseudonymise(regclass,name,integer)'::regprocedure$$,
	'so does every function whose body is parsed when it runs, but one that commits and has no name to look for');
SELECT is_empty(
	$$SELECT oid::regprocedure, setting FROM member, unnest(proconfig) setting
	  WHERE setting NOT IN ('search_path=pg_catalog, pg_temp', 'row_security=off',
							'plan_cache_mode=force_custom_plan', 'jit=off')
		AND setting !~ '^work_mem=[0-9]+MB$'
		-- a load counts what it stages
		AND NOT (oid = 'load(name,text)'::regprocedure
				 AND setting = 'default_statistics_target=20')$$,
	'no function sets anything else that was not argued for');
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE prosecdef AND has_function_privilege('public', oid, 'EXECUTE')$$,
	'no SECURITY DEFINER function is open to PUBLIC');
-- With TimeZone anybody moves current_date by a day; today() nobody does. What
-- a load or a partition makes of it harms nobody.
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE prosecdef AND prokind = 'f'
		AND pg_get_functiondef(oid) ~* '\mcurrent_date\M'
		AND oid <> 'ensure_partitions(name,date,date)'::regprocedure$$,
	'no SECURITY DEFINER function asks for the date of the session');
SELECT is_empty(
	$$SELECT member.oid::regprocedure FROM member JOIN pg_language l ON l.oid = prolang
	  WHERE l.lanname NOT IN ('c', 'sql', 'plpgsql', 'internal')$$,
	'functions are in C, SQL and PL/pgSQL');
SELECT is_empty(
	$$SELECT member.oid::regprocedure FROM member JOIN pg_language l ON l.oid = prolang
	  WHERE l.lanname = 'c' AND (probin <> '$libdir/caredata' OR prosrc !~ '^caredata_')$$,
	'C functions are those of the library, with its prefix');
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE prorettype = 'trigger'::regtype
		AND has_function_privilege('public', oid, 'EXECUTE')$$,
	'nobody puts the trigger functions on a table of their own');

-- The handle: idea 4 of the design.
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE 'release_ref'::regtype = ANY (proargtypes)
		AND (provolatile <> 's' OR NOT proisstrict OR has_function_privilege('public', oid, 'EXECUTE'))
		AND proname NOT IN ('release_ref_out', 'release_ref_send')$$,
	'what takes a handle is STABLE, STRICT and not open to PUBLIC');
SELECT set_eq(
	$$SELECT proname::text FROM pg_proc WHERE prorettype = 'release_ref'::regtype
		OR 'release_ref'::regtype = ANY (proallargtypes)$$,
	ARRAY['release_ref_in', 'release_ref_recv'],
	'no function yields a handle');
SELECT is_empty(
	$$SELECT oid FROM pg_cast WHERE 'release_ref'::regtype IN (castsource, casttarget)
	  UNION ALL SELECT oid FROM pg_operator WHERE 'release_ref'::regtype IN (oprleft, oprright, oprresult)
	  UNION ALL SELECT oid FROM pg_opclass WHERE opcintype = 'release_ref'::regtype
	  UNION ALL SELECT attrelid FROM pg_attribute WHERE atttypid IN ('release_ref'::regtype, 'release_ref[]'::regtype)
	  UNION ALL SELECT oid FROM pg_type WHERE typbasetype = 'release_ref'::regtype$$,
	'no cast, operator, operator class, column or domain has to do with one');
SELECT ok(NOT has_type_privilege('public', 'release_ref', 'USAGE'),
	'nobody may build on the type');
-- Four of PostgreSQL's are not marked and yet cannot raise: they look at eight
-- bytes, whatever these are.
SELECT is_empty(
	$$SELECT member.oid::regprocedure, prosrc FROM member JOIN pg_language l ON l.oid = prolang
	  WHERE proleakproof AND l.lanname <> 'c'
		AND NOT (l.lanname = 'internal' AND EXISTS (
			SELECT FROM pg_proc b WHERE b.pronamespace = 'pg_catalog'::regnamespace
				AND b.prosrc = member.prosrc
				AND (b.proleakproof OR b.prosrc IN ('hashint8', 'hashint8extended', 'int8larger', 'int8smaller'))))$$,
	'only C functions, and PostgreSQL''s own that are so, are LEAKPROOF');
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE proleakproof
		AND proargtypes::oid[] && ARRAY['text'::regtype, 'bytea'::regtype, 'cstring'::regtype, 'internal'::regtype]::oid[]$$,
	'none of them takes a value that it would have to parse or decompress');
SELECT is((SELECT procost FROM member WHERE oid = 'visible(integer,release_ref,text)'::regprocedure), 2::real,
	'the policy function costs what two comparisons do: plans that call it less are preferred, and no index is left unused for it');

-- Tables.
SELECT set_eq(
	$$SELECT c.oid::regclass::text || ' ' || a.privilege_type FROM member_relation c, aclexplode(c.relacl) a
	  WHERE a.grantee = 0$$,
	ARRAY['default_ods_code SELECT'],
	'PUBLIC reads one table, of published codes, and changes none');
SELECT is_empty(
	$$SELECT c.oid::regclass FROM member_relation c, aclexplode(c.relacl) a
	  WHERE a.grantee NOT IN (0, c.relowner)$$,
	'no role has rights on a table before create_care_database()');
SELECT is_empty(
	$$SELECT relation FROM (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'caredata') x(relation)
	  WHERE relation NOT IN (SELECT oid FROM member_relation)$$,
	'only members are registered for a dump');
-- A dumped table without its sequence would give numbers out again.
SELECT is_empty(
	$$SELECT s.oid::regclass FROM member_relation s
	  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
	  JOIN pg_extension e ON e.extname = 'caredata'
	  WHERE s.relkind = 'S' AND d.refobjid = ANY (e.extconfig) AND NOT s.oid = ANY (e.extconfig)$$,
	'the sequence of a dumped table is dumped');
SELECT has_trigger('caredata', 'domain_key', 'catalog_changed', 'server processes hear of changes of keys');

-- Grants of the roles.
SELECT is_empty(
	$$SELECT * FROM caredata.role_grant WHERE role_name NOT IN
		('caredata_admin', 'caredata_loader', 'caredata_linker', 'caredata_guardian', 'caredata_auditor')$$,
	'grants are made to the five roles only');
SELECT is_empty(
	$$SELECT * FROM caredata.role_grant
	  WHERE CASE WHEN routine LIKE '%(%' THEN has_function_privilege('public', routine::regprocedure, 'EXECUTE') END$$,
	'no grant is idle, because PUBLIC has it already');
SELECT is_empty(
	$$SELECT a.routine FROM caredata.role_grant a JOIN caredata.role_grant b USING (routine)
	  WHERE a.role_name = 'caredata_guardian' AND b.role_name = 'caredata_admin'
		AND routine ~ '(approve|resume|create|permit|activate)_release\('$$,
	'who writes releases does not approve them');
SELECT is_empty(
	$$SELECT * FROM caredata.role_grant WHERE routine ~ '^caredata\.(pid|person_of|record_pid|visible|new_domain_key|create_domain|set_release_state|lock_release|requester)\('$$,
	'no role is granted the functions of views and policies, or the insides of keys and releases');

-- The script: what it says is what gets run, in whichever database.
SELECT is_empty(
	$$SELECT m FROM pg_config() c, pg_extension e,
		pg_read_file(c.setting || '/extension/caredata--' || e.extversion || '.sql') script,
		regexp_matches(script, 'CREATE\s+OR\s+REPLACE|CREATE\s+(?:\w+\s+){1,3}IF\s+NOT\s+EXISTS|ADD\s+COLUMN\s+IF\s+NOT\s+EXISTS', 'gi') m
	  WHERE c.name = 'SHAREDIR' AND e.extname = 'caredata'$$,
	'the install script adopts nothing that it finds');
SELECT is_empty(
	$$SELECT m FROM pg_config() c, pg_extension e,
		pg_read_file(c.setting || '/extension/caredata--' || e.extversion || '.sql') script,
		regexp_matches(script, '^\s*(?:CREATE|ALTER|DROP)\s+(?:ROLE|USER|POLICY|DATABASE|EVENT)\M[^;]*', 'gin') m
	  WHERE c.name = 'SHAREDIR' AND e.extname = 'caredata'$$,
	'it makes no role and no policy');
SELECT is_empty(
	$$SELECT oid::regprocedure FROM member WHERE prosrc ~* 'search_path\s*(=|TO)\s*''pg_catalog, pg_temp'''$$,
	'no function sets the path to one schema of a strange name');

-- ----------------------------------------------------------------- refusal

-- Every function that is not PUBLIC's refuses a role without any grant, by
-- being called, not by the look of its privileges. An argument that is a
-- constant NULL would let a STRICT function be folded away; a procedure takes
-- nothing else.
CREATE ROLE regress_unprivileged;
CREATE FUNCTION pg_temp.outcome(routine regprocedure) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	call text;
BEGIN
	SELECT CASE prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || format('caredata.%I(%s)', proname,
		(SELECT string_agg(format(CASE prokind WHEN 'p' THEN '%sNULL::%s' ELSE '%s(SELECT NULL::%s)' END,
								  CASE WHEN provariadic NOT IN (0, '"any"'::regtype) AND n = pronargs THEN 'VARIADIC ' END,
								  format_type(CASE t WHEN '"any"'::regtype THEN 'text'::regtype ELSE t END, NULL)), ', ' ORDER BY n)
		 FROM unnest(proargtypes) WITH ORDINALITY u(t, n)))
	INTO call FROM pg_proc WHERE oid = routine;
	EXECUTE call;
	RETURN 'called';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
CREATE TEMP TABLE refusal AS
SELECT oid::regprocedure AS routine, prosecdef, NULL::text AS outcome FROM member
WHERE NOT has_function_privilege('public', oid, 'EXECUTE')
	AND prorettype NOT IN ('trigger'::regtype, 'internal'::regtype)
	AND NOT 'internal'::regtype = ANY (proargtypes);
GRANT ALL ON refusal TO regress_unprivileged;
SET LOCAL ROLE regress_unprivileged;
UPDATE refusal SET outcome = pg_temp.outcome(routine);
RESET ROLE;
SELECT is_empty(
	$$SELECT routine, outcome FROM refusal WHERE outcome <> '42501'$$,
	'every function that PUBLIC may not call refuses a role without grants');
SELECT set_eq(
	'SELECT oid::regprocedure FROM member WHERE prosecdef',
	'SELECT routine FROM refusal WHERE prosecdef',
	'and every SECURITY DEFINER function was among them');

SELECT * FROM finish();
ROLLBACK;
