-- Visible sets and the policy function: what a reader of a release sees
-- follows the objections from statement to statement, and what is in doubt is
-- an error.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_visible;
\c regress_visible
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_visible
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_bob LOGIN;

-- Twenty people with four practices of two commissioners, three of them on
-- chunk borders and one far away; 20 has no NHS number.
CREATE TABLE regress_person AS
SELECT i, (array[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16383,16384,32767,32768,100000])[i] AS person_id, n
FROM (SELECT row_number() OVER (ORDER BY n)::integer AS i, n
	  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 600) g) v
	  WHERE n IS NOT NULL) numbered
WHERE i <= 20;
INSERT INTO care_identity.person SELECT person_id FROM regress_person;
INSERT INTO care_identity.identity (person_id, nhs_number, local_patient_id, link_rank)
SELECT person_id, CASE WHEN i < 20 THEN n END, 'h' || i, 1 FROM regress_person;
INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZZ', 'Made-up ICB', 'icb'), ('QYY', 'Another', 'icb');
INSERT INTO care.lsoa (lsoa_code, name) VALUES ('E01000001', 'One');
INSERT INTO care.practice (practice_code, name, commissioner_code)
VALUES ('Y90001', 'One', 'QZZ'), ('Y90002', 'Two', 'QZZ'), ('Y90003', 'Three', 'QYY'), ('Y90004', 'Four', NULL);
INSERT INTO care.person (person_id, birth_year, practice_code, lsoa)
SELECT person_id, 1950 + i, 'Y9000' || 1 + i % 4, CASE WHEN i % 2 = 0 THEN 'E01000001' END FROM regress_person;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT person_id, 'Y9000' || 1 + i % 4, 'e' || i, '2025-01-01', 'C10..', 'readv2' FROM regress_person;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('R-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_all', 'Everyone.', 'public_task', 'anonymised') AS all \gset
SELECT caredata.create_release(:agreement, 'regress_icb', 'One commissioner.', 'public_task', 'anonymised', 'commissioner', '{QZZ}') AS icb \gset
SELECT caredata.create_release(:agreement, 'regress_area', 'One area.', 'public_task', 'anonymised', 'lsoa', '{E01000001}', 'allow') AS area \gset
SELECT caredata.create_release(:agreement, 'regress_gp', 'Two practices.', 'public_task', 'pseudonymised', 'practice', '{Y90003,Y90004}') AS gp \gset
SELECT caredata.permit_dataset(r, d) FROM unnest(ARRAY[:all, :icb, :area, :gp]) r, unnest('{person,gp_event}'::name[]) d;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(r, accept_differencing => 'a test') FROM unnest(ARRAY[:all, :icb, :area, :gp]) r;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(r) FROM unnest(ARRAY[:all, :icb, :area, :gp]) r;
RESET SESSION AUTHORIZATION;
GRANT regress_all_reader, regress_icb_reader, regress_area_reader, regress_gp_reader TO regress_alice;

-- Birth years stand for persons: 1951 is person 1, ... 1970 is person 100000.
CREATE FUNCTION regress_seen(release text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE seen text;
BEGIN
	EXECUTE format('SELECT string_agg((birth_year - 1950)::text, '' '' ORDER BY birth_year) FROM %I.person', release) INTO seen;
	RETURN seen;
END $$;
CREATE FUNCTION regress_number(i integer) RETURNS text LANGUAGE sql AS
	$$ SELECT n::text FROM regress_person p WHERE p.i = regress_number.i $$;

-- 1. populations, and the chunks they make
SET ROLE regress_alice;
SELECT regress_seen('regress_all') AS everyone;
SELECT regress_seen('regress_icb') AS commissioner;
SELECT regress_seen('regress_area') AS area;
SELECT regress_seen('regress_gp') AS practices;
RESET ROLE;
SELECT r.name, s.kinds, s.chunks, s.persons, s.visible_persons, count(c.*) AS stored,
	   bool_and(c.version <= s.version) AS chunks_not_newer, sum(bit_count(c.bits)) AS bits
FROM caredata.visible_set s JOIN caredata.release r USING (release_id) LEFT JOIN caredata.visible_chunk c USING (set_id)
GROUP BY r.release_id, s.set_id ORDER BY r.release_id, s.kinds;
-- the list
INSERT INTO care_landing.national_list SELECT n::text FROM regress_person WHERE i NOT IN (3, 20);
SELECT caredata.import_national_list(caredata.request_national_list()) AS withheld;
SET ROLE regress_alice;
SELECT regress_seen('regress_gp') AS practices_without_3;

-- 2. in one's own transaction from the next statement on, and back again
RESET ROLE;
BEGIN;
SELECT caredata.record_objection(regress_number(1), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
SAVEPOINT s;
SELECT caredata.record_objection(regress_number(16), 'local') > 0 AS recorded;
SELECT caredata.record_objection(regress_number(17), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
ROLLBACK TO s;
SELECT regress_seen('regress_all');
SELECT caredata.record_objection(regress_number(18), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
ROLLBACK;
SELECT regress_seen('regress_all');
-- versions of what was rolled back are not used again, nor are their bitmaps
SELECT caredata.record_objection(regress_number(19), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
SELECT caredata.withdraw_objection(regress_number(19), 'local') AS withdrawn;
SELECT regress_seen('regress_all');
SELECT * FROM caredata.check_visible_sets();

-- 3. a cursor keeps the snapshot it was opened with; what runs beside it does
-- not; and its bitmap outlives the newer ones (no ORDER BY: a sort would read
-- all of them at once)
\c
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
BEGIN;
DECLARE c CURSOR FOR SELECT birth_year - 1950 AS i FROM regress_all.person;
FETCH 2 FROM c;
SELECT caredata.record_objection(regress_number(5), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
SELECT caredata.record_objection(regress_number(6), 'local') > 0 AS recorded;
SELECT regress_seen('regress_all');
DECLARE d NO SCROLL CURSOR FOR SELECT birth_year - 1950 AS i FROM regress_all.person WHERE birth_year BETWEEN 1954 AND 1958;
FETCH 4 FROM c;
SELECT caredata.record_objection(regress_number(7), 'local') > 0 AS recorded;
FETCH ALL FROM d;
SELECT regress_seen('regress_all');
-- in memory: the two pinned by the cursors, and the one of the last statement
SELECT count(*), bool_and(total_bytes < 20000) AS small FROM pg_backend_memory_contexts WHERE name = 'caredata visible set';
CLOSE d;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'caredata visible set';
-- an error ends a cursor too
SAVEPOINT s;
SELECT 1/0;
ROLLBACK TO s;
FETCH 1 FROM c;
ROLLBACK;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'caredata visible set';
SELECT regress_seen('regress_all');
-- versions that nobody reads do not pile up
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'caredata visible set';

-- 4. prepared statements and functions: planned once, checked each time
PREPARE seen AS SELECT string_agg((birth_year - 1950)::text, ' ' ORDER BY birth_year) FROM regress_icb.person;
SET plan_cache_mode = force_generic_plan;
EXECUTE seen;
BEGIN;
SELECT caredata.record_objection(regress_number(4), 'local') > 0 AS recorded;
EXECUTE seen;
ROLLBACK;
EXECUTE seen;
RESET plan_cache_mode;
-- one expression, evaluated again and again in one transaction, with an
-- objection or a withdrawal between: a new snapshot each time
CREATE FUNCTION regress_between(i integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE person integer := (SELECT person_id FROM regress_person p WHERE p.i = regress_between.i); answer boolean; answers text := '';
BEGIN
	FOR turn IN 1..5 LOOP
		answer := caredata.visible(person, '1', 'gp');
		answers := answers || answer;
		IF answer THEN
			PERFORM caredata.record_objection(regress_number(i), 'local');
		ELSE
			PERFORM caredata.withdraw_objection(regress_number(i), 'local');
		END IF;
	END LOOP;
	PERFORM caredata.withdraw_objection(regress_number(i), 'local');
	RETURN answers;
END $$;
BEGIN;
SELECT regress_between(2);
-- a query that calls a function that changes what the query stands on: the
-- query keeps its own
SELECT i, regress_between(2), caredata.visible(person_id, '1', 'gp') FROM regress_person WHERE i <= 3 ORDER BY i;
ROLLBACK;
-- release and setting need not be constants
SELECT r, s, count(*) FILTER (WHERE caredata.visible(person_id, r::caredata.release_ref, s))
FROM regress_person, unnest(ARRAY['1', '2', '1', '4']) r, unnest('{gp,hospital}'::text[]) s GROUP BY r, s ORDER BY r, s;
-- nobody and the unborn
SELECT p, caredata.visible(p, '1', 'gp') FROM unnest('{-2147483648,-1,0,1,131071,131072,2147483647,NULL}'::int[]) p;
SELECT caredata.visible(1, NULL, 'gp'), caredata.visible(1, '1', NULL);

-- the function itself; what scans without it, visible_scan tests
SET caredata.enable_visible_scan = off;
-- 5. parallel workers see the same
CREATE TABLE regress_event (person_id integer NOT NULL, k integer);
INSERT INTO regress_event SELECT person_id, g FROM regress_person, generate_series(1, 2000) g;
ANALYZE regress_event;
RESET max_parallel_workers_per_gather;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_event WHERE caredata.visible(person_id, '1', 'gp');
SELECT count(*) FROM regress_event WHERE caredata.visible(person_id, '1', 'gp');
BEGIN;
SELECT caredata.record_objection(regress_number(1), 'local') > 0 AS recorded;
SELECT count(*) FROM regress_event WHERE caredata.visible(person_id, '1', 'gp');
ROLLBACK;
SELECT count(*) FROM regress_event WHERE caredata.visible(person_id, '1', 'gp');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- 6. the planner is told the share of visible persons, and puts a cheap
-- leakproof filter first
CREATE FUNCTION regress_rows(statement text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
		IF line ~ 'rows=' THEN RETURN substring(line FROM 'rows=([0-9]+)'); END IF;
	END LOOP;
END $$;
SET max_parallel_workers_per_gather = 0;
SELECT regress_rows('SELECT * FROM regress_event WHERE caredata.visible(person_id, ''1'', ''gp'')') AS all_but_one_of_20,
	   regress_rows('SELECT * FROM regress_event WHERE caredata.visible(person_id, ''2'', ''gp'')') AS ten_of_20,
	   regress_rows('SELECT * FROM regress_event WHERE caredata.visible(person_id, ''99'', ''gp'')') AS no_such_release;
EXPLAIN (COSTS OFF) SELECT * FROM regress_event WHERE caredata.visible(person_id, '1', 'gp') AND k = 3;

RESET caredata.enable_visible_scan;
-- 7. what is in doubt is an error, and not rows, and not no rows
CREATE FUNCTION regress_asked() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM regress_all.person;
	RETURN 'answered';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '[0-9]{4}-[0-9]{2}-[0-9]{2}', 'yesterday');
END $$;
-- even where no row would be read, and for EXPLAIN
CREATE FUNCTION regress_asked_nothing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	PERFORM FROM regress_all.person WHERE false;
	RETURN 'answered';
EXCEPTION WHEN OTHERS THEN
	BEGIN
		EXECUTE 'EXPLAIN SELECT FROM regress_all.person' INTO line;
		RETURN 'explained';
	EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
	END;
END $$;
CREATE FUNCTION regress_changed(statement text) RETURNS TABLE (asked text, nothing text) LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE statement;
		SET LOCAL ROLE regress_alice;
		SELECT regress_asked(), regress_asked_nothing() INTO asked, nothing;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO1';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		RETURN NEXT;
	END;
END $$;
SELECT * FROM regress_changed('SELECT 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET state = ''draft'' WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET state = ''approved'' WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET state = ''suspended'' WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET state = ''ended'' WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET ends_on = caredata.today() WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET ends_on = caredata.today() - 1 WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET starts_on = caredata.today() WHERE release_id = 1');
SELECT * FROM regress_changed('UPDATE caredata.release SET starts_on = caredata.today() + 1 WHERE release_id = 1');
SELECT asked FROM regress_changed('DELETE FROM caredata.visible_setting WHERE release_id = 1');
SELECT asked FROM regress_changed('DELETE FROM caredata.visible_set WHERE release_id = 1');
-- another release's set
SELECT asked FROM regress_changed('UPDATE caredata.visible_setting SET set_id = (SELECT max(set_id) FROM caredata.visible_set) WHERE release_id = 1');
-- half a set, whichever half
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET version = nextval(''caredata.visible_version''); DELETE FROM caredata.visible_chunk WHERE chunk = 0');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET version = nextval(''caredata.visible_version''); DELETE FROM caredata.visible_chunk WHERE chunk = 6');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET version = nextval(''caredata.visible_version''); UPDATE caredata.visible_chunk SET version = nextval(''caredata.visible_version'')');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET version = nextval(''caredata.visible_version''), chunks = 6');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET version = nextval(''caredata.visible_version''), chunks = 2147483647');
-- after such an error all is as before
SELECT * FROM regress_changed('SELECT 1');
-- the day on which an objection dated ahead comes into force
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET valid_until = caredata.today()');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET valid_until = caredata.today() - 1');
-- the national list: absent, old, as old as it may be
ALTER FUNCTION regress_asked() RENAME TO regress_asked_all;
CREATE FUNCTION regress_asked() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM regress_gp.person;
	RETURN 'answered';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT asked FROM regress_changed('SELECT 1');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET national_list_at = NULL');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET national_list_at = now() - interval ''700 hours''');
SELECT asked FROM regress_changed('UPDATE caredata.visible_set SET national_list_at = now() - interval ''671 hours''');
SET caredata.national_list_max_age = '100d';
ALTER ROLE regress_alice SET caredata.national_list_max_age = '100d';
-- a release that does not rest on the list does not mind
SELECT regress_asked_all();
-- a stale list stays in force in the set, and refreshing does not make it new
SELECT asked FROM regress_changed('UPDATE caredata.national_list_request SET requested_at = requested_at - interval ''970 hours''; SELECT caredata.refresh_visible_sets()');

-- 8. who may ask
SET SESSION AUTHORIZATION regress_bob;
SELECT count(*) FROM regress_all.person;
SELECT caredata.visible(1, '1', 'gp');
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA regress_all TO regress_bob;
GRANT SELECT ON regress_all.person TO regress_bob;
GRANT EXECUTE ON FUNCTION caredata.pid(integer, caredata.release_ref), caredata.visible(integer, caredata.release_ref, text) TO regress_bob;
SET SESSION AUTHORIZATION regress_bob;
-- not by a grant on the view alone: only the members of the reader role
SELECT count(*) FROM regress_all.person;
RESET SESSION AUTHORIZATION;
REVOKE ALL ON SCHEMA regress_all FROM regress_bob;
REVOKE ALL ON regress_all.person FROM regress_bob;
REVOKE ALL ON FUNCTION caredata.pid(integer, caredata.release_ref), caredata.visible(integer, caredata.release_ref, text) FROM regress_bob;
-- nobody can move today by a setting of the session
SELECT caredata.today() AS today \gset
SET timezone = 'Etc/GMT+12';
SELECT caredata.today() = :'today' AS same;
SET timezone = 'Etc/GMT-14';
SELECT caredata.today() = :'today' AS same;
RESET timezone;

-- 9. chunks
SELECT length(caredata.chunk_bits_agg(p)), bit_count(caredata.chunk_bits_agg(p)), get_bit(caredata.chunk_bits_agg(p), 3)
FROM unnest('{3,3,16383,NULL,32771}'::int[]) p;
SELECT caredata.chunk_bits_agg(p) FROM unnest('{-1}'::int[]) p;
SELECT caredata.chunk_bits_agg(p) IS NULL AS empty FROM unnest('{}'::int[]) p;
SELECT caredata.chunk_bits_accumulate(NULL, 1);
SELECT caredata.chunk_or('\x00', '\x00');
SELECT caredata.chunk_without(decode(repeat('00', 2049), 'hex'), decode(repeat('00', 2048), 'hex'));
SELECT bit_count(caredata.chunk_or(a, b)), bit_count(caredata.chunk_without(a, b)), bit_count(caredata.chunk_without(b, a))
FROM (SELECT decode(repeat('f0', 2048), 'hex') AS a, decode(repeat('3f', 2048), 'hex') AS b) v;

-- 10. what is stored against what should be stored
SELECT * FROM caredata.check_visible_sets();
BEGIN;
UPDATE caredata.visible_chunk c SET bits = set_bit(bits, 20, 1) FROM caredata.visible_set s WHERE s.set_id = c.set_id AND s.release_id = :all AND c.chunk = 0;
UPDATE caredata.visible_chunk c SET bits = set_bit(bits, 16383, 0) FROM caredata.visible_set s WHERE s.set_id = c.set_id AND s.release_id = :all AND c.chunk = 1;
DELETE FROM caredata.visible_chunk c USING caredata.visible_set s WHERE s.set_id = c.set_id AND s.release_id = :icb AND c.chunk = 6;
DELETE FROM caredata.visible_setting WHERE release_id = :icb AND setting = 'gp';
UPDATE caredata.visible_setting v SET set_id = w.set_id FROM caredata.visible_setting w
WHERE v.release_id = :area AND v.setting = 'gp' AND w.release_id = :area AND w.setting = 'hospital';
UPDATE caredata.visible_set SET national_list_at = now() WHERE release_id = :gp;
SELECT * FROM caredata.check_visible_sets();
SELECT caredata.refresh_visible_sets();
SELECT * FROM caredata.check_visible_sets();
ROLLBACK;
-- a refresh that changes nothing writes no chunk and no version
SELECT sum(version) AS versions FROM caredata.visible_set \gset
SELECT caredata.refresh_visible_sets();
SELECT sum(version) = :versions AS unchanged FROM caredata.visible_set;
-- an ended release keeps no sets
BEGIN;
UPDATE caredata.release SET state = 'ended' WHERE release_id = :icb;
SELECT caredata.refresh_visible_sets();
SELECT count(*) FROM caredata.visible_set WHERE release_id = :icb;
ROLLBACK;
SELECT caredata.build_visible_sets(99);

-- 11. people move, come, and lose their number: incremental = rebuild, for a
-- thousand operations drawn from a fixed sequence
CREATE FUNCTION regress_random(operations integer, seed double precision) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	op integer; who integer; p regress_person; k text; wrong integer := 0; at date;
	kinds text[] := '{local,type1,type2,national}';
BEGIN
	PERFORM setseed(seed);
	FOR turn IN 1..operations LOOP
		op := floor(random() * 8);
		k := kinds[1 + floor(random() * 4)];
		at := caredata.today() + floor(random() * 5)::integer - 3;
		who := 1 + floor(random() * 20);
		SELECT * INTO p FROM regress_person r WHERE r.i = who;
		CASE
		WHEN op IN (0, 1, 2) THEN
			PERFORM caredata.record_objection(p.n::text, k, at);
		WHEN op IN (3, 4) THEN
			BEGIN
				PERFORM caredata.withdraw_objection(p.n::text, k, at);
			EXCEPTION WHEN no_data_found THEN NULL;
			END;
		WHEN op = 5 THEN
			UPDATE care.person SET practice_code = 'Y9000' || 1 + floor(random() * 5), lsoa = CASE WHEN random() < 0.5 THEN 'E01000001' END
			WHERE person_id = p.person_id;
			PERFORM caredata.refresh_person_visibility(ARRAY[p.person_id]);
		WHEN op = 6 THEN
			INSERT INTO care_identity.coded_objection VALUES (p.person_id, k, CASE WHEN random() < 0.5 THEN 'dissent' ELSE 'withdrawn' END, at);
			PERFORM caredata.refresh_person_visibility(ARRAY[p.person_id, p.person_id]);
		ELSE
			UPDATE care_identity.identity SET nhs_number = CASE WHEN nhs_number IS NULL THEN p.n END WHERE person_id = p.person_id;
			PERFORM caredata.refresh_person_visibility(ARRAY(SELECT person_id FROM regress_person WHERE i IN (p.i, 1)));
		END CASE;
		IF turn % 25 = 0 THEN
			wrong := wrong + (SELECT count(*) FROM caredata.check_visible_sets());
			wrong := wrong + (SELECT count(*) FROM caredata.visible_set s
							   WHERE s.visible_persons <> (SELECT sum(bit_count(c.bits)) FROM caredata.visible_chunk c WHERE c.set_id = s.set_id));
		END IF;
	END LOOP;
	RETURN wrong || ' wrong';
END $$;
SELECT regress_random(1000, 0.42);
-- it did something
SELECT count(*) > 100 AS objections, count(DISTINCT kind) AS kinds, count(withdrawn_at) > 50 AS withdrawals FROM care_identity.objection;
-- persons beyond the last chunk: not visible until the refresh that comes with
-- them, then all of them
INSERT INTO care_identity.person VALUES (200000);
INSERT INTO care.person (person_id, birth_year, practice_code) VALUES (200000, 1999, 'Y90001');
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) VALUES (200000, '9990009996', 1);
SELECT count(*) FROM regress_all.person WHERE birth_year = 1999;
SELECT caredata.refresh_person_visibility('{200000}');
SELECT count(*) FROM regress_all.person WHERE birth_year = 1999;
SELECT caredata.refresh_person_visibility('{}'), caredata.refresh_person_visibility(NULL);
SELECT * FROM caredata.check_visible_sets();
-- an empty database has empty sets
BEGIN;
DELETE FROM care_identity.identity; DELETE FROM care_identity.person; DELETE FROM caredata.visible_set;
SELECT caredata.refresh_visible_sets();
SELECT DISTINCT chunks, persons, visible_persons FROM caredata.visible_set;
SELECT count(*) FROM regress_all.person;
ROLLBACK;

-- a session that does not wait for the disk does for these
SET synchronous_commit = off;
BEGIN;
SELECT caredata.record_objection('9990009996', 'local') > 0 AS recorded;
SHOW synchronous_commit;
COMMIT;
SHOW synchronous_commit;
BEGIN;
SELECT caredata.suspend_release(1, 'Test.');
SHOW synchronous_commit;
ROLLBACK;
SET synchronous_commit = local;
BEGIN;
SELECT caredata.withdraw_objection('9990009996', 'local');
SHOW synchronous_commit;
COMMIT;
RESET synchronous_commit;

-- 12. the writers are not for analysts
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.build_visible_sets(1)',
	'SELECT caredata.refresh_visible_sets()',
	'SELECT caredata.refresh_person_visibility(''{1}'')',
	'SELECT caredata.write_visible_sets(''{1}'')',
	'SELECT caredata.check_visible_sets()',
	'SELECT caredata.lock_visible_sets()',
	'SELECT caredata.computed_chunks(''{1}'', ''2025-01-01'')',
	'SELECT caredata.computed_validity(''{1}'', ''2025-01-01'')',
	'SELECT caredata.person_codes(''{everyone}'')',
	'SELECT caredata.unnumbered_persons()',
	'SELECT caredata.applying_kinds(1, ''gp'')',
	'SELECT caredata.chunk_bits_agg(1)',
	'SELECT caredata.chunk_or_agg(''\x00'')',
	'SELECT caredata.chunk_or(''\x00'', ''\x00'')',
	'SELECT caredata.chunk_without(''\x00'', ''\x00'')',
	'SELECT nextval(''caredata.visible_version'')',
	'LOCK TABLE caredata.visible_set IN ACCESS SHARE MODE',
	'SELECT * FROM caredata.visible_set',
	'SELECT * FROM caredata.visible_setting',
	'SELECT * FROM caredata.visible_chunk']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_visible;
DROP ROLE regress_all_reader, regress_all_definer, regress_icb_reader, regress_icb_definer,
	regress_area_reader, regress_area_definer, regress_gp_reader, regress_gp_definer;
DROP ROLE regress_author, regress_guardian, regress_alice, regress_bob;
