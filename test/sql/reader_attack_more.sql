-- More attacks: by the shape of a plan, by what EXPLAIN counts, by what a
-- loader leaves in the way of a load. Persons 1 to 12; nobody objects at first.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE DATABASE regress_reader_attack_more;
\c regress_reader_attack_more
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_reader_attack_more
SET client_min_messages = warning;

CREATE ROLE regress_more_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_more_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_more_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_more_mallory LOGIN;

-- four LSOAs in two MSOAs, by turns
INSERT INTO care.lsoa (lsoa_code, name, msoa_code, local_authority_code)
SELECT 'E0100000' || i, 'Area ' || i, 'E0200000' || i % 2, 'E0600000' || i % 2 FROM generate_series(1, 4) i;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 12) i;
CREATE TABLE public.numbers AS
SELECT row_number() OVER (ORDER BY n)::integer AS person_id, n AS nhs_number
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL LIMIT 12;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT person_id, nhs_number, 1 FROM public.numbers;
INSERT INTO care.person (person_id, birth_year, sex, lsoa)
SELECT i, 1950 + i, '1', 'E0100000' || 1 + i % 4 FROM generate_series(1, 12) i;
SELECT caredata.ensure_partitions('apc_episode', '2025-04-01', '2026-03-31');
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
SELECT 1 + i % 12, '2526', i, 'RZZ', DATE '2025-04-01' + i, DATE '2025-04-01' + i, 'X99' || i % 10 FROM generate_series(1, 36) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT i, 'Y90001', 'e' || i, '2025-05-01', 'C10..', 'readv2' FROM generate_series(1, 12) i;
INSERT INTO care_landing.national_list SELECT nhs_number::text FROM public.numbers;
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;
SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_more', 'Planning', 'public_task') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year,sex}');
SELECT caredata.permit_column(:release, 'person', 'lsoa', 'msoa');
SELECT caredata.permit_dataset(:release, 'apc_episode', '{admidate,diag_01}');
SELECT caredata.permit_dataset(:release, 'gp_event', '{code}');
SET SESSION AUTHORIZATION regress_more_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_more_reader TO regress_more_mallory;
-- what PostgreSQL counts of an index condition, and keeps to itself: rows that
-- indexes of a dataset have given to this transaction
CREATE FUNCTION public.indexed(dataset name) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
	SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(i.indexrelid)), 0)::bigint
	FROM pg_index i
	WHERE i.indrelid = format('care.%I', dataset)::regclass
	   OR i.indrelid IN (SELECT p.relid FROM pg_partition_tree(format('care.%I', dataset)::regclass) p)
$$;
CREATE SCHEMA regress_more_mallory AUTHORIZATION regress_more_mallory;

SET SESSION AUTHORIZATION regress_more_mallory;
CREATE FUNCTION regress_more_mallory.plan_says(statement text, pattern text, options text DEFAULT 'COSTS OFF')
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found boolean := false;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, statement) LOOP
		found := found OR line ~ pattern;
	END LOOP;
	RETURN found;
END
$$;

-- 1. a treated place comes out right, in whatever plan, and no plan puts the
-- rows in the order of what it was made from, or groups them by it
SELECT birth_year, msoa FROM regress_more.person ORDER BY birth_year;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT regress_more_mallory.plan_says('SELECT pid, msoa FROM regress_more.person', '(Sort|Merge).*lsoa') AS sorted,
	   (SELECT array_agg(birth_year) FROM (SELECT birth_year, msoa FROM regress_more.person WHERE msoa IS NOT NULL) p) AS as_stored;
RESET enable_hashjoin;
RESET enable_nestloop;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT regress_more_mallory.plan_says('SELECT pid, msoa FROM regress_more.person', 'Cache Key.*lsoa|Memoize') AS grouped;
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT msoa, count(*) FROM regress_more.person GROUP BY msoa ORDER BY msoa;

-- 2. a pseudonym kept from before its person objected leads nowhere: there is
-- nothing to count, in any plan
SELECT pid AS somebody FROM regress_more.person WHERE birth_year = 1953 \gset
CREATE FUNCTION regress_more_mallory.counted(statement text, dataset name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := public.indexed(dataset);
	answer bigint;
BEGIN
	IF statement !~ '^SELECT' THEN
		statement := format('SELECT count(*) FROM regress_more.%I WHERE pid = %L', dataset, statement);
	END IF;
	EXECUTE statement INTO answer;
	RETURN public.indexed(dataset) - before;
END
$$;
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT regress_more_mallory.counted(:'somebody', 'apc_episode') > 0 AS episodes,
	   regress_more_mallory.counted(:'somebody', 'person') > 0 AS person;
RESET SESSION AUTHORIZATION;
SELECT caredata.record_objection((SELECT nhs_number::text FROM public.numbers WHERE person_id = 3), 'local') > 0 AS recorded;
SET SESSION AUTHORIZATION regress_more_mallory;
SELECT count(*) FROM regress_more.apc_episode WHERE pid = :'somebody';
SELECT regress_more_mallory.counted(:'somebody', 'apc_episode') AS episodes,
	   regress_more_mallory.counted(:'somebody', 'person') AS person,
	   regress_more_mallory.counted(:'somebody', 'gp_event') AS events;
RESET enable_indexscan;
SET enable_bitmapscan = off;
SELECT regress_more_mallory.counted(:'somebody', 'apc_episode') AS episodes,
	   regress_more_mallory.counted(:'somebody', 'person') AS person;
RESET enable_bitmapscan;
RESET enable_seqscan;
-- from a table of one's own, and in a plan made before
CREATE TABLE regress_more_mallory.kept AS SELECT :'somebody'::caredata.pseudonym AS pid;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SELECT regress_more_mallory.counted('SELECT count(*) FROM regress_more_mallory.kept JOIN regress_more.apc_episode USING (pid)', 'apc_episode') AS counted;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_seqscan;
-- all others are found as before, and nobody is found by what is not theirs
SELECT count(*) AS persons, count(*) FILTER (WHERE q.pid = p.pid) AS found
FROM regress_more.person p JOIN regress_more.person q USING (pid);
SELECT count(*) FROM regress_more.apc_episode WHERE pid <> :'somebody';
SELECT count(*) FROM regress_more.apc_episode WHERE pid = ANY (ARRAY(SELECT k.pid FROM regress_more_mallory.kept k));
PREPARE by_pid (caredata.pseudonym) AS SELECT count(*) FROM regress_more.apc_episode WHERE pid = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_pid(:'somebody');
RESET SESSION AUTHORIZATION;
SELECT caredata.withdraw_objection((SELECT nhs_number::text FROM public.numbers WHERE person_id = 3), 'local') AS withdrawn;
SET SESSION AUTHORIZATION regress_more_mallory;
EXECUTE by_pid(:'somebody');
RESET plan_cache_mode;
-- in the transaction that records it, from the next statement on
RESET SESSION AUTHORIZATION;
BEGIN;
SET LOCAL ROLE regress_more_mallory;
SELECT count(*) FROM regress_more.apc_episode WHERE pid = :'somebody';
RESET ROLE;
SELECT caredata.record_objection((SELECT nhs_number::text FROM public.numbers WHERE person_id = 3), 'local') > 0 AS recorded;
SET LOCAL ROLE regress_more_mallory;
SELECT count(*) FROM regress_more.apc_episode WHERE pid = :'somebody';
ROLLBACK;
SET SESSION AUTHORIZATION regress_more_mallory;
SELECT count(*) FROM regress_more.apc_episode WHERE pid = :'somebody';

-- 3. a function of a release is closed with it, though it reads no table
SELECT regress_more.current_pid(:'somebody') = :'somebody' AS open;
RESET SESSION AUTHORIZATION;
SELECT caredata.suspend_release(:release);
SET SESSION AUTHORIZATION regress_more_mallory;
\set VERBOSITY terse
SELECT regress_more.current_pid(:'somebody');
SELECT regress_more.current_pid(pid) FROM regress_more_mallory.kept;
SELECT count(*) FROM regress_more_mallory.kept WHERE pid = regress_more.current_pid(pid);
\set VERBOSITY sqlstate
RESET SESSION AUTHORIZATION;
SELECT caredata.resume_release(:release);

-- 4. what a loader leaves in the temporary schema, where the tables of a load
-- are made, is not used by it
RESET SESSION AUTHORIZATION;
SELECT nhs_number AS number FROM public.numbers WHERE person_id = 5 \gset
SET SESSION AUTHORIZATION regress_more_loader;
INSERT INTO care_landing.apc_episode (epikey, procode3, fyear, admidate, epistart, newnhsno)
VALUES ('1', 'RZZ', '2526', '2025-05-01', '2025-05-01', :'number');
CREATE FUNCTION pg_temp.planted() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN RAISE WARNING 'planted code runs as %', current_user; RETURN NEW; END $$;
BEGIN;
CREATE TEMP TABLE caredata_touched (person_id integer);
CREATE TRIGGER planted BEFORE INSERT ON caredata_touched FOR EACH ROW EXECUTE FUNCTION pg_temp.planted();
CALL caredata.load('apc_episode');
ROLLBACK;
BEGIN;
CREATE TEMP TABLE caredata_stored (landed_row bigint, person_id integer, same boolean);
CALL caredata.load('apc_episode');
ROLLBACK;
BEGIN;
CREATE DOMAIN pg_temp.caredata_link AS integer;
CALL caredata.load('apc_episode');
ROLLBACK;
-- types and settings of the session, and a hostile file name, change nothing
CREATE DOMAIN pg_temp.text AS integer;
CREATE DOMAIN pg_temp.date AS integer;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SET array_nulls = off;
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
BEGIN;
CALL caredata.load('apc_episode', $$x', '%s'); DROP TABLE care.person; --$$);
SELECT landed, stored, balanced FROM caredata.load_balance;
SELECT count(*) AS left_behind FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relname ~ '^caredata_';
ROLLBACK;

-- 5. an auditor who looks, and leaves the transaction open, holds nobody up
RESET SESSION AUTHORIZATION;
\c
SET client_min_messages = warning;
SET SESSION AUTHORIZATION regress_more_auditor;
BEGIN;
SELECT count(*) AS differences FROM caredata.check_visible_sets();
RESET SESSION AUTHORIZATION;
SELECT EXISTS (SELECT FROM pg_locks l
			   WHERE l.pid = pg_backend_pid() AND l.relation = 'caredata.visible_set'::regclass
				 AND l.mode <> 'AccessShareLock') AS sets_locked;
ROLLBACK;
SET SESSION AUTHORIZATION regress_more_auditor;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*) AS differences FROM caredata.check_visible_sets();
ROLLBACK;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_reader_attack_more;
DROP ROLE regress_more_guardian, regress_more_loader, regress_more_auditor, regress_more_mallory,
	regress_more_reader, regress_more_definer;
