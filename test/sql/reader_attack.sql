-- A reader of one release against everything else. Each attack ends refused
-- or harmless; where PostgreSQL leaves a limit, docs/threat-model.md says so.
-- The people whose rows must not show have the diagnosis codes X992 and X993.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE DATABASE regress_reader_attack;
\c regress_reader_attack
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_reader_attack
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_mallory LOGIN;
CREATE ROLE regress_nobody LOGIN;
CREATE ROLE regress_both LOGIN NOINHERIT;
CREATE SCHEMA regress_mallory AUTHORIZATION regress_mallory;

-- six people; 2 opted out nationally, 3 has no NHS number, 6 is in another
-- practice: 1, 4 and 5 are visible
INSERT INTO care.practice (practice_code, name) VALUES ('Y90001', 'First'), ('Y90002', 'Second');
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 6) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, CASE WHEN i <> 3 THEN n END, 1
FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
	  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
	  WHERE n IS NOT NULL) numbered
WHERE i <= 6;
INSERT INTO care.person (person_id, birth_year, sex, practice_code)
SELECT i, 1950 + i, 1 + i % 2, CASE WHEN i <= 5 THEN 'Y90001' ELSE 'Y90002' END
FROM generate_series(1, 6) i;
SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2026-03-31');
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01, epidur)
SELECT i, '2425', 1000 + i, 'RZZ', DATE '2024-12-20' + 20 * i, DATE '2024-12-20' + 20 * i, 'X99' || i, i
FROM generate_series(1, 6) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT i, 'Y90001', 'e' || i, '2025-01-01', 'C1' || i || '..', 'readv2' FROM generate_series(1, 6) i;
INSERT INTO care_landing.national_list
SELECT nhs_number::text FROM care_identity.identity WHERE person_id NOT IN (2, 3);
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;
SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_mine', 'Planning', 'public_task',
	population_kind => 'practice', population_codes => '{Y90001}') AS mine \gset
SELECT caredata.permit_dataset(:mine, 'person', '{birth_year,sex,practice_code}');
SELECT caredata.permit_dataset(:mine, 'apc_episode', '{epikey,admidate,diag_01,epidur}');
SELECT caredata.permit_dataset(:mine, 'gp_event', '{code}');
SELECT caredata.create_release(:agreement, 'regress_theirs', 'Research', 'research') AS theirs \gset
SELECT caredata.permit_dataset(:theirs, 'apc_episode');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:mine), caredata.approve_release(:theirs);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:mine), caredata.activate_release(:theirs);
GRANT regress_mine_reader TO regress_mallory;
GRANT regress_mallory, regress_nobody TO regress_both;
ANALYZE care.person;
ANALYZE care.apc_episode;
ANALYZE care.gp_event;

-- How a statement ends: the SQLSTATE, or what it says. The wording of refusals
-- differs between versions of PostgreSQL.
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	IF statement ~* '^(select|table|with|execute|fetch|explain|show|values)' THEN
		EXECUTE statement INTO answer;
	ELSE
		EXECUTE statement;
	END IF;
	RETURN 'done: ' || coalesce(answer, '-');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

SET SESSION AUTHORIZATION regress_mallory;
SELECT count(*) AS episodes_i_may_see FROM regress_mine.apc_episode;

-- 1. every table, view and sequence of the care database and the extension:
-- privileges by the catalogue, and by trying
SELECT c.oid::regclass AS readable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname ~ '^care' OR n.nspname ~ '^regress_(mine|theirs)') AND relkind IN ('r', 'p', 'v', 'm', 'f', 't')
	AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY c.oid::regclass::text COLLATE "C";
SELECT c.oid::regclass AS changeable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^(care|regress_(mine|theirs))' AND relkind IN ('r', 'p', 'v', 'm', 'f', 't')
	AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		 OR has_any_column_privilege(c.oid, 'INSERT, UPDATE, REFERENCES'));
SELECT c.oid::regclass AS usable
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^(care|regress_(mine|theirs))' AND relkind = 'S'
	AND CASE WHEN relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE, SELECT, UPDATE') END;
SELECT split_part(public.attempt(format('SELECT count(*)::text FROM %s', c.oid::regclass)), ' ', 1) AS outcome, count(*) > 10 AS many
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^(care|regress_(mine|theirs))' AND relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY 1 ORDER BY 1;
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT count(*)::text FROM care.person',
	'SELECT count(*)::text FROM care.apc_episode',
	'SELECT count(*)::text FROM ONLY care.apc_episode',
	'SELECT count(*)::text FROM care.apc_episode_2024_25',
	'SELECT count(*)::text FROM care.apc_episode_default',
	'SELECT person_id::text FROM care.person LIMIT 1',
	'SELECT sex FROM care.person LIMIT 1',
	'SELECT 1::text FROM care.person LIMIT 1',
	'SELECT count(*)::text FROM care.apc_episode TABLESAMPLE SYSTEM (100)',
	'SELECT count(*)::text FROM care_identity.identity',
	'SELECT count(*)::text FROM care_landing.apc_episode',
	'SELECT count(*)::text FROM caredata.domain_key',
	'SELECT count(*)::text FROM caredata.visible_chunk',
	'SELECT count(*)::text FROM caredata.release',
	'SELECT count(*)::text FROM regress_theirs.apc_episode']) s;

-- 2. statistics
SELECT count(*) AS statistics_of_care FROM pg_stats
WHERE schemaname = 'care' AND tablename IN (SELECT relname FROM pg_class WHERE relrowsecurity);
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT count(*)::text FROM pg_statistic',
	'SELECT count(*)::text FROM pg_statistic_ext_data',
	'SELECT count(*)::text FROM pg_authid',
	'SELECT count(*)::text FROM pg_user_mapping',
	'CREATE STATISTICS regress_mallory.s ON sex, birth_year FROM care.person',
	'CREATE INDEX ON care.person ((1 / (birth_year - 1952)))',
	'CREATE TABLE regress_mallory.fk (p integer REFERENCES care.person)',
	'ALTER TABLE care.person DISABLE ROW LEVEL SECURITY',
	'ALTER TABLE care.person NO FORCE ROW LEVEL SECURITY',
	'CREATE POLICY p ON care.person USING (true)',
	'ALTER POLICY regress_mine ON care.person USING (true)',
	'DROP POLICY regress_mine ON care.person',
	'CREATE TRIGGER t BEFORE INSERT ON care.person EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'CREATE RULE r AS ON INSERT TO regress_mine.person DO ALSO SELECT 1',
	'CREATE OR REPLACE VIEW regress_mine.person AS SELECT * FROM care.person',
	'ALTER VIEW regress_mine.person SET (security_invoker = true)',
	'ALTER VIEW regress_mine.person SET (security_barrier = true)',
	'ALTER VIEW regress_mine.person OWNER TO regress_mallory',
	'ALTER VIEW regress_mine.person RENAME TO people',
	'DROP VIEW regress_mine.person',
	'CREATE TABLE regress_mine.t (x integer)',
	'CREATE TABLE care.t (x integer)',
	'CREATE TABLE caredata.t (x integer)',
	'CREATE TABLE public.t (x integer)',
	'CREATE SCHEMA regress_new',
	'CREATE TABLE regress_mallory.child () INHERITS (care.person)',
	'CREATE TABLE regress_mallory.part PARTITION OF care.apc_episode FOR VALUES FROM (''1990-01-01'') TO (''1990-02-01'')',
	'CREATE TABLE regress_mallory.alike (LIKE care.person INCLUDING ALL)',
	'CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION regress_mallory.x()',
	'CREATE PUBLICATION p FOR TABLE care.person',
	'LOCK TABLE care.person IN ACCESS EXCLUSIVE MODE',
	'LOCK TABLE regress_mine.person IN EXCLUSIVE MODE',
	'GRANT SELECT ON regress_mine.person TO regress_nobody',
	'GRANT regress_mine_reader TO regress_nobody',
	'GRANT USAGE ON SCHEMA regress_mine TO regress_nobody',
	'COMMENT ON VIEW regress_mine.person IS ''x''']) s;

-- 3. the view shows its columns and nothing beside them
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT person_id::text FROM regress_mine.person',
	'SELECT t.person_id::text FROM regress_mine.person t',
	'SELECT ctid::text FROM regress_mine.person',
	'SELECT xmin::text FROM regress_mine.person',
	'SELECT tableoid::text FROM regress_mine.person',
	'SELECT birth_month::text FROM regress_mine.person',
	'SELECT link_rank::text FROM regress_mine.apc_episode',
	'SELECT count(*)::text FROM regress_mine.person TABLESAMPLE SYSTEM (100)',
	'SELECT pid::text FROM regress_mine.person FOR UPDATE',
	'SELECT pid::text FROM regress_mine.person FOR KEY SHARE',
	'INSERT INTO regress_mine.person (sex) VALUES (1)',
	'UPDATE regress_mine.person SET sex = ''9''',
	'DELETE FROM regress_mine.person',
	'TRUNCATE regress_mine.person',
	'COPY regress_mine.person TO PROGRAM ''cat''',
	'COPY (SELECT * FROM regress_mine.person) TO ''/tmp/people''']) s;
SELECT DISTINCT json_object_keys(row_to_json(p)) FROM regress_mine.person p ORDER BY 1;
COPY regress_mine.person TO STDOUT;
COPY (SELECT diag_01 FROM regress_mine.apc_episode ORDER BY 1) TO STDOUT;

-- 4. leaky functions and operators, as cheap as they can be made, wherever a
-- condition can stand: only X991, X994 and X995 may ever be said
SET client_min_messages = notice;
CREATE FUNCTION regress_mallory.leak(text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE COST 0.0000001
	AS $$ BEGIN IF $1 NOT IN ('X991', 'X994', 'X995') THEN RAISE NOTICE 'leaked %', $1; END IF; RETURN true; END $$;
CREATE FUNCTION regress_mallory.leak_number(numeric) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE COST 0.0000001
	AS $$ BEGIN IF $1 NOT IN (1, 4, 5, 1951, 1954, 1955) THEN RAISE NOTICE 'leaked %', $1; END IF; RETURN true; END $$;
CREATE FUNCTION regress_mallory.leak_two(text, text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE COST 0.0000001
	AS $$ BEGIN PERFORM regress_mallory.leak($1); RETURN $1 = $2; END $$;
SELECT public.attempt('ALTER FUNCTION regress_mallory.leak(text) LEAKPROOF');
SELECT public.attempt('CREATE FUNCTION regress_mallory.proof() RETURNS integer LANGUAGE sql LEAKPROOF AS ''SELECT 1''');
SELECT diag_01 FROM regress_mine.apc_episode WHERE regress_mallory.leak(diag_01);
SELECT count(*) FROM regress_mine.apc_episode WHERE regress_mallory.leak(diag_01) AND admidate > '2024-01-01' AND regress_mallory.leak_number(epidur);
SELECT count(*) FROM regress_mine.person WHERE regress_mallory.leak_number(birth_year);
SELECT count(*) FROM regress_mine.apc_episode WHERE regress_mallory.leak(diag_01) OR pid IS NULL;
SELECT count(*) FROM regress_mine.apc_episode WHERE NOT regress_mallory.leak(diag_01) IS NULL;
SELECT count(*) FROM regress_mine.apc_episode WHERE CASE WHEN regress_mallory.leak(diag_01) THEN true ELSE true END;
SELECT count(*) FROM regress_mine.apc_episode WHERE coalesce(regress_mallory.leak(diag_01), true);
SELECT count(*) FROM regress_mine.apc_episode a JOIN regress_mine.person p ON regress_mallory.leak(a.diag_01) AND a.pid = p.pid;
SELECT count(*) FROM regress_mine.apc_episode a LEFT JOIN regress_mine.person p ON regress_mallory.leak(a.diag_01) AND regress_mallory.leak_number(p.birth_year) AND a.pid = p.pid;
SELECT count(*) FROM regress_mine.person p WHERE EXISTS (SELECT FROM regress_mine.apc_episode a WHERE regress_mallory.leak(a.diag_01) AND a.pid = p.pid);
SELECT count(*) FROM regress_mine.person p WHERE p.pid NOT IN (SELECT a.pid FROM regress_mine.apc_episode a WHERE regress_mallory.leak(a.diag_01));
WITH c AS MATERIALIZED (SELECT * FROM regress_mine.apc_episode) SELECT count(*) FROM c WHERE regress_mallory.leak(diag_01);
SELECT count(*) FROM (SELECT * FROM regress_mine.apc_episode OFFSET 0) c WHERE regress_mallory.leak(diag_01);
SELECT count(*) FROM regress_mine.apc_episode a, LATERAL (SELECT regress_mallory.leak(a.diag_01)) l;
SELECT count(*) FILTER (WHERE regress_mallory.leak(diag_01)) FROM regress_mine.apc_episode;
SELECT min(diag_01) FROM regress_mine.apc_episode GROUP BY pid HAVING bool_and(regress_mallory.leak(diag_01)) ORDER BY 1;
SELECT diag_01 FROM regress_mine.apc_episode ORDER BY regress_mallory.leak(diag_01), 1;
SELECT rank() OVER (PARTITION BY regress_mallory.leak(diag_01)) FROM regress_mine.apc_episode;
SELECT count(*) FROM regress_mine.apc_episode x LEFT JOIN (VALUES ('X992')) v(d) ON regress_mallory.leak_two(x.diag_01, v.d);
SELECT count(*) FROM regress_mine.gp_event WHERE code IN ('C12..', 'C13..', 'C16..');
SELECT count(*) FROM (SELECT diag_01 FROM regress_mine.apc_episode UNION ALL SELECT sex FROM regress_mine.person) u
WHERE u.diag_01 IN ('1', '2') OR regress_mallory.leak(u.diag_01);
-- in a worker (the setting has another name from version 16 on)
SELECT count(*) = 1 AS set FROM (SELECT set_config(name, 'on', false) FROM pg_settings
	WHERE name IN ('force_parallel_mode', 'debug_parallel_query') OFFSET 0) f;
SELECT count(*) FROM regress_mine.apc_episode WHERE regress_mallory.leak(diag_01);
SELECT count(*) = 1 AS set FROM (SELECT set_config(name, 'off', false) FROM pg_settings
	WHERE name IN ('force_parallel_mode', 'debug_parallel_query') OFFSET 0) f;
SET enable_seqscan = off;
SELECT count(*) FROM regress_mine.apc_episode WHERE regress_mallory.leak(diag_01) AND admidate < '2026-01-01';
RESET enable_seqscan;

-- statistics offered to a leaky operator by the planner
CREATE OPERATOR regress_mallory.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_mallory.leak_two,
	RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR regress_mallory.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_mallory.leak_two,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR regress_mallory.~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_mallory.leak_two,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
SELECT count(*) FROM regress_mine.apc_episode WHERE diag_01 OPERATOR(regress_mallory.===) 'X992';
SELECT count(*) FROM regress_mine.apc_episode WHERE diag_01 OPERATOR(regress_mallory.<<<) 'X992';
SELECT count(*) FROM regress_mine.apc_episode WHERE diag_01 OPERATOR(regress_mallory.~~~) 'X992';
SELECT count(*) FROM regress_mine.gp_event a JOIN regress_mine.apc_episode b ON b.diag_01 OPERATOR(regress_mallory.===) a.code;

-- errors as a side channel: the hidden rows would raise
SELECT count(*) FROM regress_mine.apc_episode WHERE 1 / (epidur - 2) IS NOT NULL AND 1 / (epidur - 3) IS NOT NULL AND 1 / (epidur - 6) IS NOT NULL;
SELECT count(*) FROM regress_mine.apc_episode WHERE (CASE WHEN diag_01 = 'X992' THEN 'x' ELSE '1' END)::integer = 1;
SELECT count(*) FROM regress_mine.apc_episode WHERE replace(replace(replace(diag_01, 'X991', '1'), 'X994', '4'), 'X995', '5')::integer > 0;
SELECT count(*) FROM regress_mine.person WHERE make_date(2000, birth_year - 1950, 1) > '2000-01-01' AND sqrt(birth_year - 1951) >= 0;
SELECT count(*) FROM regress_mine.person WHERE ('{1951,1954,1955}'::integer[])[1] = 1951 AND birth_year::text::"char" IS NOT NULL AND ln(abs(birth_year - 1952)) >= 0;
SET client_min_messages = warning;

-- 5. EXPLAIN names no person and no hidden value
CREATE FUNCTION regress_mallory.plan_says(statement text, pattern text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE) ' || statement LOOP
		found := found OR line ~ pattern;
	END LOOP;
	RETURN found;
END
$$;
SELECT pid AS somebody FROM regress_mine.apc_episode WHERE diag_01 = 'X994' \gset
SELECT regress_mallory.plan_says(format('SELECT * FROM regress_mine.apc_episode WHERE pid = %L', :'somebody'), 'person_of') AS uses_the_index,
	   regress_mallory.plan_says(format('SELECT * FROM regress_mine.apc_episode WHERE pid = %L', :'somebody'), 'person_id = ''?[0-9]') AS names_a_person;
PREPARE by_pid (caredata.pseudonym) AS SELECT diag_01 FROM regress_mine.apc_episode WHERE pid = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_pid(:'somebody');
SELECT regress_mallory.plan_says(format('EXECUTE by_pid(%L)', :'somebody'), 'person_id = ''?[0-9]') AS names_a_person;
RESET plan_cache_mode;
EXECUTE by_pid(:'somebody');
SELECT regress_mallory.plan_says(format('EXECUTE by_pid(%L)', :'somebody'), 'person_id = ''?[0-9]') AS names_a_person;

-- 6. own objects over the release: views, functions, cursors, temporary ones
CREATE TEMP VIEW mine AS SELECT * FROM regress_mine.apc_episode;
SELECT count(*) FROM mine;
CREATE VIEW regress_mallory.shared AS SELECT * FROM regress_mine.apc_episode;
CREATE VIEW regress_mallory.invoker WITH (security_invoker) AS SELECT * FROM regress_mine.apc_episode;
CREATE FUNCTION regress_mallory.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM care.person';
CREATE FUNCTION regress_mallory.definer_2() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM care.person); END';
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'CREATE TEMP VIEW theirs AS SELECT * FROM regress_theirs.apc_episode',
	'CREATE TEMP TABLE copied AS SELECT * FROM care.person',
	'CREATE MATERIALIZED VIEW regress_mallory.m AS SELECT * FROM care.person',
	'CREATE FUNCTION regress_mallory.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM care.person; END',
	'SELECT regress_mallory.atomic()::text',
	'SELECT regress_mallory.definer()::text',
	'SELECT regress_mallory.definer_2()::text',
	'CREATE TEMP VIEW forged AS SELECT caredata.pid(i, ''1''::caredata.release_ref) FROM generate_series(1, 6) i']) s;
-- a temporary table that takes a name
CREATE TEMP TABLE person (pid text);
SET search_path = pg_temp, regress_mine;
SELECT count(*) FROM person;
RESET search_path;
GRANT USAGE ON SCHEMA regress_mallory TO PUBLIC;
GRANT SELECT ON regress_mallory.shared, regress_mallory.invoker TO regress_nobody;
SET SESSION AUTHORIZATION regress_nobody;
SELECT count(*) FROM regress_mallory.shared;
SELECT pid FROM regress_mallory.shared;
SELECT diag_01 FROM regress_mallory.shared;
SELECT count(*) FROM regress_mallory.invoker;
SELECT count(*) FROM regress_mine.person;
RESET SESSION AUTHORIZATION;

-- 7. roles: prepared statements and cursors do not take rights along
SET SESSION AUTHORIZATION regress_both;
SELECT count(*) FROM regress_mine.person;
SET ROLE regress_mallory;
PREPARE people AS SELECT count(*) FROM regress_mine.person;
EXECUTE people;
SET plan_cache_mode = force_generic_plan;
EXECUTE people;
SET ROLE regress_nobody;
EXECUTE people;
RESET plan_cache_mode;
EXECUTE people;
SET ROLE regress_mallory;
EXECUTE people;
BEGIN;
DECLARE later CURSOR FOR SELECT count(*) FROM regress_mine.person;
SET LOCAL ROLE regress_nobody;
DECLARE now CURSOR FOR SELECT count(*) FROM regress_mine.person;
ROLLBACK;
RESET ROLE;
SET ROLE regress_mine_definer;
SET ROLE regress_theirs_reader;
SET ROLE caredata_admin;
SET ROLE postgres;
RESET SESSION AUTHORIZATION;
-- the definer itself, were it ever granted, is not a reader
SET ROLE regress_mine_definer;
SELECT count(*) FROM care.person;
SELECT person_id FROM care.apc_episode;
SELECT count(*) FROM care.apc_episode_2024_25;
SELECT count(*) FROM regress_mine.person;
SELECT birth_month FROM care.person;
RESET ROLE;

-- 8. settings decide nothing
SET SESSION AUTHORIZATION regress_mallory;
SET row_security = off;
SELECT count(*) FROM regress_mine.apc_episode;
RESET row_security;
SET caredata.release = 'regress_theirs';
SET caredata.national_list_max_age = '1000d';
SET caredata.master_key_file = '/tmp/mine';
SHOW caredata.master_key_file;
SET session_replication_role = replica;
SET session_preload_libraries = 'x';
SET ignore_system_indexes = on;
SET allow_system_table_mods = on;
SET log_statement = 'none';
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'ALTER ROLE regress_mallory SET caredata.master_key_file = ''/tmp/mine''',
	'ALTER ROLE regress_mallory BYPASSRLS',
	'ALTER ROLE regress_mallory SUPERUSER',
	'ALTER DATABASE regress_reader_attack SET search_path = regress_mallory',
	'ALTER SYSTEM SET caredata.master_key_file = ''/tmp/mine''',
	'ALTER EXTENSION caredata ADD FUNCTION regress_mallory.leak(text)',
	'CREATE EXTENSION dblink',
	'DROP EXTENSION caredata CASCADE',
	'LOAD ''/tmp/x.so''',
	'SELECT count(*)::text FROM pg_file_settings',
	'SELECT pg_read_file(''postgresql.conf'')',
	'SELECT pg_read_binary_file(''/tmp/x'')::text',
	'SELECT pg_ls_dir(''.'')',
	'SELECT lo_import(''/etc/hostname'')::text',
	'SELECT pg_reload_conf()::text',
	'DO LANGUAGE plpgsql $x$ BEGIN EXECUTE ''SET ROLE regress_mine_definer''; END $x$']) s;

-- 9. the functions of views and policies, called freely
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT caredata.pid(1, ''1'')::text',
	'SELECT caredata.pid(1, 1)::text',
	'SELECT caredata.pid(1, ''1''::caredata.release_ref)::text',
	'SELECT caredata.pid(1, NULL)::text',
	'SELECT caredata.person_of(''00000000000000000000000000000000'', ''1'')::text',
	'SELECT caredata.person_of(''00000000000000000000000000000000'', NULL)::text',
	'SELECT caredata.record_pid(1::bigint, ''1'')::text',
	'SELECT caredata.record_pid(''x''::text, ''1'')::text',
	'SELECT caredata.visible(1, ''1'', ''gp'')::text',
	'SELECT caredata.visible(1, NULL, ''gp'')::text',
	'SELECT caredata.release_ref_in(''1'')::text',
	'CREATE DOMAIN regress_mallory.handle AS caredata.release_ref',
	'CREATE TYPE regress_mallory.handle AS (r caredata.release_ref)',
	'CREATE TABLE regress_mallory.handle (r caredata.release_ref)',
	'CREATE FUNCTION regress_mallory.handle(caredata.release_ref) RETURNS text LANGUAGE sql AS ''SELECT 1''',
	'CREATE CAST (integer AS caredata.release_ref) WITHOUT FUNCTION']) s;
-- what a reader may execute beyond everybody
SELECT p.oid::regprocedure AS mine_beyond_everybodys
FROM pg_proc p WHERE pronamespace = 'caredata'::regnamespace
	AND has_function_privilege('regress_mallory', p.oid, 'EXECUTE')
	AND NOT has_function_privilege('regress_nobody', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- all others refuse, whatever they are given
CREATE FUNCTION regress_mallory.call_with_nulls(routine regprocedure) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	kind "char";
	call text;
BEGIN
	-- a constant NULL would not come so far as to be refused
	SELECT prokind, format('caredata.%I(%s)', proname,
			(SELECT string_agg(format(CASE prokind WHEN 'p' THEN '%sNULL::%s' ELSE '%s(SELECT NULL::%s)' END, CASE WHEN provariadic NOT IN (0, '"any"'::regtype) AND n = pronargs THEN 'VARIADIC ' END,
									  format_type(CASE t WHEN '"any"'::regtype THEN 'text'::regtype ELSE t END, NULL)), ', ' ORDER BY n)
			 FROM unnest(proargtypes) WITH ORDINALITY u(t, n)))
	INTO kind, call FROM pg_proc WHERE oid = routine;
	IF kind = 'p' THEN
		EXECUTE 'CALL ' || call;
	ELSE
		EXECUTE 'SELECT ' || call;
	END IF;
	RETURN 'called';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT p.oid::regprocedure AS not_refused, regress_mallory.call_with_nulls(p.oid) AS outcome
FROM pg_proc p WHERE pronamespace = 'caredata'::regnamespace
	AND NOT has_function_privilege(p.oid, 'EXECUTE')
	AND prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'event_trigger'::regtype)
	AND NOT 'internal'::regtype = ANY (proargtypes)
	AND regress_mallory.call_with_nulls(p.oid) <> '42501';

-- 10. shadows: functions, operators and types of the same names, found first
CREATE FUNCTION regress_mallory.visible(integer, integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION regress_mallory.pid(integer, integer) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION pg_temp.visible(integer, integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION regress_mallory.same(caredata.pseudonym, caredata.pseudonym) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR regress_mallory.= (LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym, FUNCTION = regress_mallory.same);
CREATE FUNCTION regress_mallory.int_eq(integer, integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''compared % %'', $1, $2; RETURN true; END';
CREATE OPERATOR regress_mallory.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = regress_mallory.int_eq);
SET search_path = pg_temp, regress_mallory, pg_catalog, caredata;
SELECT count(*) FROM regress_mine.apc_episode;
SELECT diag_01 FROM regress_mine.apc_episode ORDER BY 1;
-- mallory's own = says yes to every pair, of visible rows only
SELECT count(*) FROM regress_mine.apc_episode a JOIN regress_mine.person p ON a.pid = p.pid;
SELECT count(*) FROM regress_mine.apc_episode WHERE pid = pid;
RESET search_path;
DROP OPERATOR regress_mallory.= (caredata.pseudonym, caredata.pseudonym);
SELECT count(*) FROM regress_mine.apc_episode a JOIN regress_mine.person p ON a.pid = p.pid;
-- a support function of the extension on a function of one's own
SELECT public.attempt('CREATE FUNCTION regress_mallory.eq(caredata.pseudonym, caredata.pseudonym) RETURNS boolean LANGUAGE sql SUPPORT caredata.pseudonym_support AS ''SELECT true''');
SELECT public.attempt('ALTER FUNCTION regress_mallory.same(caredata.pseudonym, caredata.pseudonym) SUPPORT caredata.pseudonym_support');

-- 11. what others do is not shown
SELECT count(*) AS queries_of_others FROM pg_stat_activity
WHERE datname = current_database() AND usename <> session_user AND query <> '<insufficient privilege>';
SELECT count(*) AS secrets FROM pg_settings WHERE name = 'caredata.master_key_file';

-- 12. those who run the database read no release either
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.reads_care() RETURNS SETOF text LANGUAGE sql AS $$
SELECT public.attempt(s) || ' ' || s FROM unnest(ARRAY[
	'SELECT count(*)::text FROM regress_mine.person',
	'SELECT count(*)::text FROM care.person',
	'SELECT count(*)::text FROM care.apc_episode_2024_25',
	'SELECT caredata.pid(1, ''1'')::text',
	'SET ROLE regress_mine_reader',
	'SET ROLE regress_mine_definer']) s
$$;
SET SESSION AUTHORIZATION regress_loader;
SELECT public.reads_care();
SET SESSION AUTHORIZATION regress_linker;
SELECT public.reads_care();
SET SESSION AUTHORIZATION regress_author;
SELECT public.reads_care();
SET SESSION AUTHORIZATION regress_guardian;
SELECT public.reads_care();
SET SESSION AUTHORIZATION regress_auditor;
SELECT public.reads_care();
SET SESSION AUTHORIZATION regress_nobody;
SELECT public.reads_care();
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_reader_attack;
DROP ROLE regress_author, regress_guardian, regress_loader, regress_linker, regress_auditor,
	regress_mallory, regress_nobody, regress_both,
	regress_mine_reader, regress_mine_definer, regress_theirs_reader, regress_theirs_definer;
