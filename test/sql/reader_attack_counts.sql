-- A reader who counts what is withheld: by what PostgreSQL tells of a statement
-- that found rows and was not allowed to show them. And what else PostgreSQL
-- offers that the first two files of attacks do not try.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_reader_attack_counts;
\c regress_reader_attack_counts
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_reader_attack_counts
SET client_min_messages = warning;
CREATE ROLE regress_counts_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_counts_mallory LOGIN;
CREATE ROLE regress_counts_dba LOGIN IN ROLE pg_monitor;
CREATE SCHEMA regress_counts_mallory AUTHORIZATION regress_counts_mallory;

-- persons 1 to 50 have no NHS number and are withheld; persons 51 to 100 show
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 100) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, n, 1 FROM (SELECT 50 + row_number() OVER (ORDER BY n) AS i, n
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 700) g) v WHERE n IS NOT NULL) numbers
WHERE i <= 100;
INSERT INTO care.person (person_id, birth_year) SELECT i, 1930 + i % 90 FROM generate_series(1, 100) i;
SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2025-03-31');
-- the code K99 is of withheld persons only
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
SELECT 1 + i % 100, '2425', i, 'RZZ', DATE '2024-04-01' + i % 300, DATE '2024-04-01' + i % 300,
	   CASE WHEN i % 100 < 50 AND i % 3 = 0 THEN 'K99' ELSE 'A' || i % 100 END
FROM generate_series(1, 5000) i;
CREATE INDEX ON care.apc_episode (diag_01);
CREATE STATISTICS care.together ON diag_01, admidate FROM care.apc_episode;
SELECT caredata.create_agreement('N-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_counts', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'apc_episode', '{admidate,diag_01}');
SELECT caredata.permit_dataset(:release, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_counts_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_counts_reader TO regress_counts_mallory;
VACUUM ANALYZE;
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

SET SESSION AUTHORIZATION regress_counts_mallory;
SELECT count(*) AS shown, count(*) FILTER (WHERE diag_01 = 'K99') AS k99 FROM regress_counts.apc_episode;

-- 1. EXPLAIN ANALYZE, on every way that it can be run
\set VERBOSITY default
EXPLAIN ANALYZE SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
\set VERBOSITY terse
EXPLAIN (ANALYZE, FORMAT json, TIMING off) SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
EXPLAIN (ANALYZE off, ANALYZE) SELECT FROM regress_counts.apc_episode WHERE false;
PREPARE k99 AS SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
EXPLAIN (ANALYZE) EXECUTE k99;
EXPLAIN (ANALYZE) CREATE TEMP TABLE k AS SELECT * FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
EXPLAIN (ANALYZE) CREATE TEMP TABLE k AS EXECUTE k99;
EXPLAIN (ANALYZE) DECLARE c CURSOR FOR SELECT * FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
DO $$ DECLARE line text; BEGIN FOR line IN EXECUTE 'EXPLAIN ANALYZE SELECT count(*) FROM regress_counts.apc_episode' LOOP RAISE WARNING '%', line; END LOOP; END $$;
CREATE FUNCTION regress_counts_mallory.counting() RETURNS bigint LANGUAGE plpgsql AS
	$$ BEGIN RETURN (SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99'); END $$;
EXPLAIN ANALYZE SELECT regress_counts_mallory.counting();
CREATE VIEW regress_counts_mallory.over AS SELECT * FROM regress_counts.apc_episode;
EXPLAIN ANALYZE SELECT count(*) FROM regress_counts_mallory.over;
EXPLAIN ANALYZE SELECT (SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99');
EXPLAIN ANALYZE INSERT INTO regress_counts_mallory.x SELECT 1;
-- what it is good for is left: plans, analysed statements on one's own tables,
-- and the same statement right after a refusal
EXPLAIN (COSTS OFF, ANALYZE off) SELECT count(*) FROM regress_counts.person;
DO $$ BEGIN EXECUTE 'EXPLAIN (ANALYZE) SELECT 1'; END $$;	-- figures are written otherwise from 18 on
SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_counts.person;
RESET SESSION AUTHORIZATION;
-- a superuser may; not when acting as a reader
SELECT public.attempt('EXPLAIN ANALYZE SELECT count(*) FROM regress_counts.apc_episode') ~ '^done' AS superuser;
SET ROLE regress_counts_mallory;
SELECT public.attempt('EXPLAIN ANALYZE SELECT count(*) FROM regress_counts.apc_episode') AS acting;
RESET ROLE;

-- 2. what the statistics of the running transaction count, and predicate locks
SET track_functions = 'all';
SET SESSION AUTHORIZATION regress_counts_mallory;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01 = 'K99';
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT sum(seq_tup_read + idx_tup_fetch)::text FROM pg_stat_xact_all_tables',
	'SELECT sum(idx_tup_fetch)::text FROM pg_stat_all_tables',
	'SELECT sum(idx_tup_read)::text FROM pg_stat_all_indexes',
	'SELECT sum(heap_blks_read)::text FROM pg_statio_all_tables',
	'SELECT sum(tup_fetched)::text FROM pg_stat_database',
	'SELECT pg_stat_get_xact_tuples_fetched(''care.apc_episode_2024_25''::regclass)::text',
	'SELECT pg_stat_get_xact_tuples_returned(''care.apc_episode_2024_25''::regclass)::text',
	'SELECT pg_stat_get_xact_blocks_fetched(''care.apc_episode_2024_25''::regclass)::text',
	'SELECT pg_stat_get_tuples_fetched(''care.apc_episode_2024_25''::regclass)::text',
	'SELECT pg_stat_get_live_tuples(''care.apc_episode_2024_25''::regclass)::text',
	'SELECT sum(calls)::text FROM pg_stat_xact_user_functions',
	'SELECT sum(calls)::text FROM pg_stat_user_functions',
	'SELECT pg_stat_get_xact_function_calls(''caredata.visible(integer,caredata.release_ref,text)''::regprocedure)::text',
	'SELECT blk_read_time::text FROM pg_stat_database WHERE datname = current_database()',
	'SELECT buffers_alloc::text FROM pg_stat_bgwriter',
	'SELECT count(*)::text FROM pg_locks',
	'SELECT count(*)::text FROM pg_lock_status()']) s;
ROLLBACK;
-- none of them was forgotten, in this version of PostgreSQL
SELECT p.oid::regprocedure AS counts_and_is_open FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^pg_stat_get_'
	AND (p.proargtypes = '26' AND p.proname ~ '_tup|blocks|blk|scan|function' OR p.proname ~ '_io$|_alloc$')
	AND p.proname !~ 'wal|slru|progress|activity|slot|subscription'
	AND has_function_privilege(p.oid, 'EXECUTE');
RESET SESSION AUTHORIZATION;
RESET track_functions;
SET SESSION AUTHORIZATION regress_counts_dba;
SELECT sum(seq_scan) >= 0 AS monitor_sees FROM pg_stat_all_tables;
SELECT count(*) > 0 AS monitor_sees FROM pg_locks;
RESET SESSION AUTHORIZATION;

-- 3. statistics of several columns, and the rest of what the catalogue tells
SELECT count(*) > 0 AS superuser_sees FROM pg_stats_ext WHERE statistics_name = 'together';
SET SESSION AUTHORIZATION regress_counts_mallory;
SELECT (SELECT count(*) FROM pg_stats_ext) AS ext, (SELECT count(*) FROM pg_stats_ext_exprs) AS ext_exprs,
	   (SELECT count(*) FROM pg_stats WHERE schemaname ~ '^care' AND tablename ~ '^(person|apc|gp|identity)') AS stats,
	   (SELECT count(*) FROM pg_sequences WHERE schemaname ~ '^care' AND last_value IS NOT NULL) AS sequences,
	   (SELECT count(*) FROM pg_stat_activity WHERE usename <> current_user AND query <> '<insufficient privilege>' AND backend_type = 'client backend') AS queries;
SELECT public.attempt(s) AS ends, s AS statement FROM unnest(ARRAY[
	'SELECT pg_sequence_last_value(''care_identity.identity_identity_id_seq''::regclass)::text',
	'SELECT currtid2(''care.person'', ''(0,1)'')::text',
	'SELECT query_to_xml(''SELECT * FROM care.person'', true, false, '''')::text',
	'SELECT table_to_xml(''care.person'', true, false, '''')::text',
	'SELECT database_to_xml(true, false, '''')::text ~ ''person_id''',
	'SELECT schema_to_xml(''care_identity'', true, false, '''')::text ~ ''<person_id''',
	'SELECT ts_stat(''SELECT to_tsvector(diag_01) FROM care.apc_episode'')::text',
	'SELECT pg_ls_waldir()::text',
	'SELECT pg_stat_file(''base'')::text',
	'SELECT pg_current_logfile()::text',
	'SELECT pg_create_logical_replication_slot(''x'', ''test_decoding'')::text',
	'SELECT pg_logical_slot_peek_changes(''x'', NULL, NULL)::text',
	'SELECT lo_get(1)::text',
	'SELECT brin_summarize_new_values(''care.apc_episode_2024_25_diag_01_idx''::regclass)::text',
	'SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE backend_type = ''checkpointer''',
	'SELECT pg_export_snapshot() IS NOT NULL',
	'NOTIFY others, ''x''',
	'LISTEN care',
	'CREATE FOREIGN DATA WRAPPER w',
	'CREATE SERVER s FOREIGN DATA WRAPPER file_fdw',
	'CREATE ACCESS METHOD a TYPE TABLE HANDLER heap_tableam_handler',
	'CREATE LANGUAGE plperlu',
	'CREATE FUNCTION regress_counts_mallory.c() RETURNS integer LANGUAGE c AS ''/tmp/x'', ''x''',
	'CREATE FUNCTION regress_counts_mallory.i(internal) RETURNS internal LANGUAGE internal AS ''int4in''',
	'CREATE OPERATOR CLASS regress_counts_mallory.o DEFAULT FOR TYPE text USING btree AS OPERATOR 1 <',
	'CREATE OPERATOR FAMILY regress_counts_mallory.o USING btree',
	'CREATE TYPE regress_counts_mallory.base (INPUT = int4in, OUTPUT = int4out)',
	'CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (connect = false)',
	'CREATE TABLESPACE t LOCATION ''/tmp''',
	'CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION regress_counts_mallory.counting()',
	'CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))',
	'CREATE CONVERSION regress_counts_mallory.c FOR ''LATIN1'' TO ''UTF8'' FROM iso8859_1_to_utf8',
	'CREATE CAST (text AS integer) WITH INOUT AS IMPLICIT',
	'ALTER DEFAULT PRIVILEGES IN SCHEMA care GRANT SELECT ON TABLES TO PUBLIC',
	'REASSIGN OWNED BY regress_counts_definer TO regress_counts_mallory',
	'SECURITY LABEL ON TABLE care.person IS ''x''',
	'VACUUM care.person',
	'CLUSTER care.person USING person_pkey',
	'REINDEX TABLE care.person',
	'REFRESH MATERIALIZED VIEW care.person',
	'IMPORT FOREIGN SCHEMA x FROM SERVER y INTO regress_counts_mallory']) s;
-- ANALYZE and VACUUM of what is somebody else's are passed over
SET client_min_messages = error;
ANALYZE care.person;
RESET client_min_messages;

-- 4. casts and domains that look at each value: only what shows is looked at
CREATE FUNCTION regress_counts_mallory.look(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0000001 AS
	$$ BEGIN IF $1 = 'K99' THEN RAISE WARNING 'leaked'; END IF; RETURN true; END $$;
CREATE DOMAIN regress_counts_mallory.looking AS text CHECK (regress_counts_mallory.look(VALUE));
SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01::regress_counts_mallory.looking = 'K99';
SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01::regress_counts_mallory.looking::text ^@ 'K' AND diag_01 = 'K99';
CREATE TYPE regress_counts_mallory.pair AS (code regress_counts_mallory.looking);
SELECT count(*) FROM regress_counts.apc_episode WHERE (ROW(diag_01)::regress_counts_mallory.pair).code = 'K99';
SELECT count(*) FROM regress_counts.apc_episode WHERE diag_01::name::regress_counts_mallory.looking IS NOT NULL AND diag_01 >= 'K';
CREATE FUNCTION regress_counts_mallory.atomic(text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 0.0000001
	BEGIN ATOMIC SELECT regress_counts_mallory.look($1); END;
SELECT count(*) FROM regress_counts.apc_episode WHERE regress_counts_mallory.atomic(diag_01) AND diag_01 = 'K99';
CREATE FUNCTION regress_counts_mallory.definer(text) RETURNS boolean LANGUAGE sql SECURITY DEFINER IMMUTABLE COST 0.0000001
	BEGIN ATOMIC SELECT regress_counts_mallory.look($1); END;
SELECT count(*) FROM regress_counts.apc_episode WHERE regress_counts_mallory.definer(diag_01) AND diag_01 = 'K99';
CREATE FUNCTION regress_counts_mallory.adds(bigint, text) RETURNS bigint LANGUAGE sql IMMUTABLE
	AS $$ SELECT coalesce($1, 0) + regress_counts_mallory.look($2)::integer $$;
CREATE AGGREGATE regress_counts_mallory.looks(text) (SFUNC = regress_counts_mallory.adds, STYPE = bigint);
SELECT regress_counts_mallory.looks(diag_01) FROM regress_counts.apc_episode;
SELECT regress_counts_mallory.looks(diag_01) FILTER (WHERE diag_01 = 'K99') FROM regress_counts.apc_episode;
-- tables of one's own that inherit, partition, reference, generate
CREATE TABLE regress_counts_mallory.own (pid caredata.pseudonym, code text, looked boolean GENERATED ALWAYS AS (regress_counts_mallory.look(code)) STORED) PARTITION BY LIST (code);
CREATE TABLE regress_counts_mallory.own_default PARTITION OF regress_counts_mallory.own DEFAULT;
INSERT INTO regress_counts_mallory.own (pid, code) SELECT pid, diag_01 FROM regress_counts.apc_episode WHERE diag_01 >= 'K';
CREATE TABLE regress_counts_mallory.referring (pid caredata.pseudonym REFERENCES regress_counts.person);
-- merge and hash joins with one's own table of guesses
CREATE TABLE regress_counts_mallory.guess AS SELECT 'K99' AS code;
ANALYZE regress_counts_mallory.guess;
SELECT count(*) FROM regress_counts_mallory.guess g JOIN regress_counts.apc_episode a ON a.diag_01 = g.code;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*) FROM regress_counts_mallory.guess g LEFT JOIN regress_counts.apc_episode a ON a.diag_01 = g.code AND regress_counts_mallory.look(a.diag_01);
RESET enable_hashjoin; RESET enable_nestloop;

-- 5. a plan made before the release expired, and its open cursor
PREPARE people AS SELECT count(*) FROM regress_counts.person;
SET plan_cache_mode = force_generic_plan;
EXECUTE people;
EXECUTE people;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT birth_year FROM regress_counts.person;
COMMIT;
RESET SESSION AUTHORIZATION;
UPDATE caredata.release SET starts_on = caredata.today() - 10, ends_on = caredata.today() - 1 WHERE release_id = :release;
SET SESSION AUTHORIZATION regress_counts_mallory;
\set VERBOSITY sqlstate
EXECUTE people;
EXPLAIN EXECUTE people;
SELECT count(*) FROM regress_counts.person WHERE false;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM regress_counts.person;
ROLLBACK;
SET TimeZone = 'Pacific/Niue';
EXECUTE people;
SET TimeZone = 'Pacific/Kiritimati';
EXECUTE people;
-- what a held cursor had read was read before
MOVE FORWARD ALL IN held;
CLOSE held;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_reader_attack_counts;
DROP ROLE regress_counts_guardian, regress_counts_mallory, regress_counts_dba, regress_counts_reader, regress_counts_definer;
