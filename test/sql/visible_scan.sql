-- The scan that tests the bits of a visible set itself: where the planner takes
-- it, and that it shows exactly what the policy function shows.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_visible_scan;
\c regress_visible_scan
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_visible_scan
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE ROLE regress_scan_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_scan_alice LOGIN;
CREATE ROLE regress_scan_bob LOGIN;

-- A hundred people, the last beyond a chunk border; those whose number ends in
-- 3 object, and person 40 comes after the sets are built.
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 2000) g) v
WHERE n IS NOT NULL;
CREATE FUNCTION regress_person(i integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
	$$ SELECT CASE WHEN i > 90 THEN 16384 + (i - 95) * 1000 ELSE i END $$;
INSERT INTO care_identity.person SELECT regress_person(i) FROM generate_series(1, 100) i WHERE i <> 40;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT regress_person(i), n, 1 FROM regress_number WHERE i <= 100 AND i <> 40;
INSERT INTO care.person (person_id, birth_year, sex, death_year)
SELECT regress_person(i), 1930 + i, i % 2 + 1, CASE WHEN i % 7 = 0 THEN 2020 END FROM generate_series(1, 100) i;
SELECT caredata.ensure_partitions('gp_event', '2022-04-01', '2025-03-31');
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme, value1_condition)
SELECT regress_person(1 + g * 7 % 100), 'Y9000' || g % 3, 'e' || g,
	   CASE WHEN g % 50 <> 0 THEN date '2022-04-01' + g * 11 % 1200 END,
	   (ARRAY['C10..','H33..','G20..','S72..'])[1 + g % 4], 'readv2', CASE WHEN g % 3 = 0 THEN g % 90 END
FROM generate_series(1, 3000) g;
-- nobody's rows, whose numbers have no bit: below the first, beyond the last
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT p, 'Y90009', 'n' || p, '2023-05-01', 'C10..', 'readv2'
FROM unnest('{-2147483648,-1,0,32767,32768,2147483647}'::integer[]) p;
SELECT count(caredata.record_objection(n::text, 'local')) AS objections FROM regress_number WHERE i <= 100 AND i % 10 = 3;
SELECT caredata.create_agreement('S-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_scan', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year,sex,death_year}');
SELECT caredata.permit_dataset(:release, 'gp_event', '{practice,date,code,scheme,value1_condition}');
SET SESSION AUTHORIZATION regress_scan_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_scan_reader TO regress_scan_alice;
-- the same columns, by other means: who is visible is written down by hand
CREATE SCHEMA regress_truth;
CREATE VIEW regress_truth.visible AS
SELECT regress_person(i) AS person_id FROM generate_series(1, 100) i WHERE i % 10 <> 3 AND i <> 40;
CREATE VIEW regress_truth.person AS
SELECT caredata.pid(person_id, '1') AS pid, birth_year, sex, death_year FROM care.person JOIN regress_truth.visible USING (person_id);
CREATE VIEW regress_truth.gp_event AS
SELECT caredata.pid(person_id, '1') AS pid, practice, date, code, scheme, value1_condition FROM care.gp_event JOIN regress_truth.visible USING (person_id);
VACUUM ANALYZE;

-- How often the node stands in a plan, or something else does.
CREATE FUNCTION regress_nodes(statement text, pattern text DEFAULT 'Custom Scan \(Visible Set\)') RETURNS integer LANGUAGE plpgsql AS $$
DECLARE line text; nodes integer := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
		nodes := nodes + (line ~ pattern)::integer;
	END LOOP;
	RETURN nodes;
END $$;

CREATE FUNCTION regress_json(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
	plan := plan->0->'Plan';
	RETURN concat_ws('; ', plan->'Node Type', plan->'Custom Plan Provider', plan->'Set Cond', plan->'Filter');
END $$;

-- 1. where it is taken
SET SESSION AUTHORIZATION regress_scan_alice;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_scan.person;
EXPLAIN (COSTS OFF, VERBOSE) SELECT birth_year FROM regress_scan.person WHERE sex = '1' AND 100 / (birth_year - 1930) > 3;
EXPLAIN (COSTS OFF) SELECT code, count(*) FROM regress_scan.gp_event WHERE date < '2024-04-01' GROUP BY code;
SELECT regress_json('SELECT sex FROM regress_scan.person WHERE birth_year = 1980');
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT sex FROM regress_scan.person WHERE pid IN (SELECT pid FROM regress_scan.gp_event WHERE value1_condition > 10);
RESET enable_nestloop;
SET caredata.enable_visible_scan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_scan.person;
RESET caredata.enable_visible_scan;
-- a sequential scan it is, for who wants none; and where an index is cheaper
SET enable_seqscan = off;
SELECT regress_nodes('SELECT practice FROM regress_scan.gp_event WHERE date >= ''2022-05-01''');
RESET enable_seqscan;
SELECT regress_nodes('SELECT practice FROM regress_scan.gp_event WHERE date >= ''2022-05-01''');
SELECT regress_nodes('SELECT FROM regress_scan.gp_event'), regress_nodes('SELECT FROM regress_scan.gp_event WHERE pid = (SELECT pid FROM regress_scan.person LIMIT 1)');
-- a subquery in its filter
SELECT regress_nodes(s), regress_nodes(s, '^ *SubPlan') AS subplans
FROM (VALUES ('SELECT FROM regress_scan.person p WHERE birth_year > (SELECT max(value1_condition) FROM regress_scan.gp_event e WHERE e.pid = p.pid OFFSET 0)')) v (s);
RESET SESSION AUTHORIZATION;

-- 2. where it does not fit the planner has what it always had
CREATE TABLE regress_row (note text, person_id integer, other integer, late bigint DEFAULT 7);
INSERT INTO regress_row SELECT repeat('x', g % 300), CASE WHEN g % 9 > 0 THEN regress_person(1 + g % 100) END, 13 FROM generate_series(1, 1000) g;
CREATE MATERIALIZED VIEW regress_copy AS SELECT person_id, other FROM regress_row;
CREATE FUNCTION public.visible(integer, caredata.release_ref, text) RETURNS boolean LANGUAGE plpgsql COST 10 AS 'BEGIN RETURN true; END';
CREATE FUNCTION regress_always(integer, caredata.release_ref, text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT caredata.visible($1, $2, $3)';
ANALYZE regress_row, regress_copy;
SELECT statement, regress_nodes(statement) FROM unnest(ARRAY[
	'SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM ONLY regress_row r WHERE caredata.visible(r.person_id, ''1'', ''gp'') AND other = 13',
	'SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'') AND caredata.visible(other, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE regress_always(person_id, ''1'', ''gp'')',
	'INSERT INTO regress_row (person_id) SELECT person_id FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_row r, LATERAL (SELECT r.other FROM regress_row i WHERE caredata.visible(i.person_id, ''1'', ''gp'') OFFSET 0) l',
	-- none of these
	'SELECT FROM regress_row WHERE caredata.visible(person_id + 1, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', note)',
	'SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', NULL)',
	'SELECT FROM regress_row WHERE NOT caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'') OR other = 12',
	'SELECT FROM regress_row WHERE caredata.visible(1, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE public.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_row TABLESAMPLE system (100) WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_copy WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM generate_series(1, 9) g WHERE caredata.visible(g, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE ctid = ''(0,1)'' AND caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_row WHERE false AND caredata.visible(person_id, ''1'', ''gp'')',
	'UPDATE regress_row SET other = 14 WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'DELETE FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'DELETE FROM care.gp_event WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'MERGE INTO regress_row r USING regress_copy c ON r.other = c.other AND caredata.visible(r.person_id, ''1'', ''gp'') WHEN MATCHED THEN DELETE'
	]) WITH ORDINALITY s (statement, n) ORDER BY n;
-- a condition that has to come before visible()
CREATE POLICY regress_other ON regress_row TO regress_scan_bob USING (other = 13);
ALTER TABLE regress_row ENABLE ROW LEVEL SECURITY;
CREATE VIEW regress_ordered AS SELECT other FROM regress_row WHERE caredata.visible(person_id, '1', 'gp');
GRANT SELECT ON regress_row TO regress_scan_bob;
ALTER VIEW regress_ordered OWNER TO regress_scan_bob;
EXPLAIN (COSTS OFF) SELECT * FROM regress_ordered;
ALTER TABLE regress_row DISABLE ROW LEVEL SECURITY;
EXPLAIN (COSTS OFF) SELECT * FROM regress_ordered;
DROP VIEW regress_ordered;
-- a join that reads partitions by their index still can, where one of them has
-- too few rows for that
CREATE TABLE regress_year (person_id integer NOT NULL, year integer, value integer) PARTITION BY LIST (year);
CREATE TABLE regress_year_many PARTITION OF regress_year FOR VALUES IN (1);
CREATE TABLE regress_year_one PARTITION OF regress_year FOR VALUES IN (2);
INSERT INTO regress_year SELECT g % 10000, 1, g FROM generate_series(1, 20000) g;
INSERT INTO regress_year VALUES (5, 2, 5);
CREATE INDEX ON regress_year (person_id);
CREATE TABLE regress_range AS SELECT 3 AS low, 9 AS high;
VACUUM ANALYZE regress_year, regress_range;
EXPLAIN (COSTS OFF)
SELECT sum(value) FROM regress_range r JOIN regress_year y ON y.person_id > r.low AND y.person_id < r.high WHERE caredata.visible(y.person_id, '1', 'gp');
SELECT sum(value) FROM regress_range r JOIN regress_year y ON y.person_id > r.low AND y.person_id < r.high WHERE caredata.visible(y.person_id, '1', 'gp');
SELECT regress_nodes('SELECT FROM regress_year y WHERE caredata.visible(y.person_id, ''1'', ''gp'')');
-- another policy of a release's definer beside its own: refused as ever
CREATE POLICY regress_wide ON care.person FOR SELECT TO regress_scan_definer USING (true);
SELECT count(*) FROM regress_scan.person;
DROP POLICY regress_wide ON care.person;

-- 3. columns in other places, none, null, dropped, added with a default; rows
-- that are whole; what every row has
ALTER TABLE regress_row ADD COLUMN added integer NOT NULL DEFAULT 2;
ALTER TABLE regress_row DROP COLUMN note;
ALTER TABLE regress_row ADD COLUMN person_too integer NOT NULL DEFAULT 4;
CREATE TABLE regress_bare ();
INSERT INTO regress_bare DEFAULT VALUES;
ALTER TABLE regress_bare ADD COLUMN person_id integer DEFAULT 5;
INSERT INTO regress_bare VALUES (4), (3), (NULL);
ALTER TABLE regress_bare ADD COLUMN other integer;
INSERT INTO regress_bare VALUES (NULL, 6);
ALTER TABLE regress_bare ADD COLUMN added text DEFAULT 'later';
CREATE FUNCTION regress_both(statement text) RETURNS TABLE (nodes integer, answer text, same boolean) LANGUAGE plpgsql AS $$
DECLARE other text;
BEGIN
	SET LOCAL caredata.enable_visible_scan = on;
	nodes := regress_nodes(statement);
	EXECUTE format('SELECT string_agg(v::text, '' '' ORDER BY v::text) FROM (%s) v', statement) INTO answer;
	SET LOCAL caredata.enable_visible_scan = off;
	EXECUTE format('SELECT string_agg(v::text, '' '' ORDER BY v::text) FROM (%s) v', statement) INTO other;
	same := answer IS NOT DISTINCT FROM other;
	RETURN NEXT;
END $$;
SELECT r.* FROM unnest(ARRAY[
	'SELECT count(*), sum(late), sum(added), sum(person_too) FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT count(*), sum(late) FROM regress_row WHERE caredata.visible(added, ''1'', ''gp'')',
	'SELECT count(*) FROM regress_row WHERE caredata.visible(other, ''1'', ''gp'')',
	'SELECT count(*), min(person_id) FROM regress_row WHERE caredata.visible(person_too, ''1'', ''gp'') AND person_id IS NULL',
	'SELECT r, r.tableoid::regclass, r.ctid, r.xmin = 0 FROM regress_row r WHERE caredata.visible(person_id, ''1'', ''gp'') AND person_id = 5 LIMIT 1',
	'SELECT b, b.ctid FROM regress_bare b WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT added, person_id FROM regress_bare b WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT FROM regress_bare b WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT count(*) FROM (SELECT FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'') LIMIT 10) v',
	'SELECT (SELECT count(*) FROM regress_bare b WHERE caredata.visible(b.person_id, ''1'', ''gp'') AND b.person_id > g) AS n, g FROM generate_series(3, 5) g',
	'SELECT g.g, l.* FROM generate_series(1, 3) g, LATERAL (SELECT b.added, g AS outside FROM regress_bare b WHERE caredata.visible(b.person_id, ''1'', ''gp'') AND b.person_id > g OFFSET 0) l',
	'SELECT person_id FROM regress_bare b WHERE caredata.visible(person_id, ''1'', ''gp'') AND EXISTS (SELECT FROM regress_row r WHERE r.person_id = b.person_id)',
	'SELECT person_id IN (SELECT person_id FROM regress_bare WHERE caredata.visible(person_id, ''1'', ''gp'')), count(*) FROM regress_row WHERE person_id < 6 GROUP BY 1'
	]) WITH ORDINALITY s (statement, n), regress_both(statement) r ORDER BY n;
-- a set of so many persons that its bits are asked for page by page
BEGIN;
INSERT INTO caredata.visible_chunk (set_id, chunk, version, bits)
SELECT s.set_id, c, s.version, decode(repeat('00', 2048), 'hex') FROM caredata.visible_set s, generate_series(s.chunks, 519) c;
UPDATE caredata.visible_set SET chunks = 520, version = nextval('caredata.visible_version');
SELECT r.* FROM unnest(ARRAY[
	'SELECT count(*), sum(late) FROM regress_row WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT b.person_id FROM regress_bare b WHERE caredata.visible(person_id, ''1'', ''gp'')',
	'SELECT code, count(*) FROM regress_scan.gp_event GROUP BY code',
	'SELECT code, count(*) FROM regress_truth.gp_event GROUP BY code'
	]) WITH ORDINALITY s (statement, n), regress_both(statement) r ORDER BY n;
ROLLBACK;
-- a table without a row, even for who may not ask
CREATE TABLE regress_empty (person_id integer NOT NULL);
SELECT count(*) FROM regress_empty WHERE caredata.visible(person_id, '1', 'gp');
GRANT SELECT ON regress_empty TO regress_scan_bob;
CREATE VIEW regress_nothing AS SELECT person_id FROM regress_empty WHERE caredata.visible(person_id, '1', 'gp');
GRANT SELECT ON regress_nothing TO regress_scan_bob;
SET ROLE regress_scan_bob;
SELECT count(*) FROM regress_nothing;
RESET ROLE;
GRANT EXECUTE ON FUNCTION caredata.visible(integer, caredata.release_ref, text) TO regress_scan_bob;
SET ROLE regress_scan_bob;
SELECT count(*) FROM regress_nothing;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION caredata.visible(integer, caredata.release_ref, text) FROM regress_scan_bob;

-- 4. nothing is asked of a row before its bit: what a reader's own function
-- sees, and what would fail on the row of an objector (1933, 1943, ...)
SET SESSION AUTHORIZATION regress_scan_alice;
CREATE FUNCTION pg_temp.leaky(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS $$
BEGIN IF $1 % 10 = 3 OR $1 = 1970 THEN RAISE 'leak %', $1; END IF; RETURN true; END $$;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_scan.person WHERE pg_temp.leaky(birth_year);
SELECT count(*) FROM regress_scan.person WHERE pg_temp.leaky(birth_year);
SELECT count(*) FROM regress_scan.person WHERE 1 / (birth_year - 1943) < 1 AND 1 / ((birth_year + 7) % 10) IS NOT NULL;
SELECT count(*) FROM regress_scan.person p JOIN regress_scan.gp_event g USING (pid) WHERE pg_temp.leaky(p.birth_year + (g.code = 'x')::int);
RESET SESSION AUTHORIZATION;

-- 5. snapshots: in one's own transaction, in an open cursor, in a function
CREATE FUNCTION regress_object(i integer) RETURNS boolean LANGUAGE sql AS
	$$ SELECT caredata.record_objection(n::text, 'local') > 0 FROM regress_number r WHERE r.i = regress_object.i $$;
PREPARE years AS SELECT count(*), min(birth_year) FROM regress_scan.person WHERE birth_year > $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE years (1930);
BEGIN;
EXECUTE years (1930);
DECLARE early SCROLL CURSOR FOR SELECT birth_year FROM regress_scan.person;
FETCH 2 FROM early;
DECLARE unread CURSOR FOR SELECT birth_year FROM regress_scan.person;
SELECT regress_object(1), regress_object(4), regress_object(5);
EXECUTE years (1930);
DECLARE late SCROLL CURSOR FOR SELECT birth_year FROM regress_scan.person;
FETCH 4 FROM late;
FETCH 3 FROM unread;
FETCH 3 FROM early;
FETCH BACKWARD 2 FROM early;
FETCH LAST FROM early;
FETCH RELATIVE -3 FROM early;
FETCH ABSOLUTE 3 FROM early;
FETCH ABSOLUTE 3 FROM late;
MOVE FORWARD ALL FROM late;
FETCH BACKWARD 2 FROM late;
FETCH FIRST FROM late;
FETCH PRIOR FROM late;
SAVEPOINT s;
SELECT regress_object(2);
EXECUTE years (1930);
ROLLBACK TO s;
EXECUTE years (1930);
COMMIT;
EXECUTE years (1930);
-- held: what it had when the transaction ended
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT birth_year FROM regress_scan.person;
FETCH 1 FROM held;
COMMIT;
SELECT regress_object(7);
FETCH 4 FROM held;
CLOSE held;
CREATE FUNCTION regress_fetch(OUT before bigint, OUT after bigint, OUT in_cursor bigint) LANGUAGE plpgsql AS $$
DECLARE c CURSOR FOR SELECT birth_year FROM regress_scan.person; year smallint;
BEGIN
	SELECT count(*) INTO before FROM regress_scan.person;
	OPEN c;
	PERFORM regress_object(8);
	SELECT count(*) INTO after FROM regress_scan.person;
	in_cursor := 0;
	LOOP FETCH c INTO year; EXIT WHEN NOT FOUND; in_cursor := in_cursor + 1; END LOOP;
END $$;
SELECT * FROM regress_fetch();
-- a function of the statement's own snapshot, and one of its own
CREATE FUNCTION regress_stable() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM regress_scan.person); END $$;
CREATE FUNCTION regress_volatile() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN (SELECT count(*) FROM regress_scan.person); END $$;
SELECT regress_stable() AS before, regress_object(9), regress_stable() AS as_before, regress_volatile() AS as_it_is;
SELECT caredata.withdraw_objection(n::text, 'local') FROM regress_number WHERE i IN (1, 4, 5, 7, 8, 9);

-- 6. the release, between executions of one plan and while a cursor is open
PREPARE counted AS SELECT count(*) FROM regress_scan.gp_event;
EXECUTE counted;
BEGIN;
UPDATE caredata.release SET state = 'suspended' WHERE release_id = 1;
EXECUTE counted;
ROLLBACK;
BEGIN;
UPDATE caredata.visible_set SET valid_until = caredata.today() - 1;
SAVEPOINT s;
\set VERBOSITY sqlstate
EXECUTE years (1930);
\set VERBOSITY terse
ROLLBACK TO s;
DELETE FROM caredata.visible_setting;
EXECUTE counted;
ROLLBACK;
BEGIN;
ALTER TABLE care.gp_event DISABLE ROW LEVEL SECURITY;
EXECUTE counted;
ROLLBACK;
BEGIN;
ALTER POLICY regress_scan ON care.person USING (person_id = 2);
EXECUTE years (1930);
ROLLBACK;
BEGIN;
ALTER POLICY regress_scan ON care.gp_event USING (caredata.visible(person_id, '1', 'gp') AND code = 'C10..');
EXECUTE counted;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT birth_year FROM regress_scan.person;
FETCH 1 FROM c;
UPDATE caredata.release SET ends_on = caredata.today() - 1 WHERE release_id = 1;
-- begun is begun, as with the function
FETCH 1 FROM c;
SELECT count(*) FROM regress_scan.person;
ROLLBACK;
EXECUTE counted;
RESET plan_cache_mode;

-- 7. errors in the middle leave no bitmap pinned: after a change of the sets
-- the old one is gone, and there is one of each that was read
CREATE FUNCTION regress_fail() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE failed integer := 0; year smallint; c refcursor;
BEGIN
	FOR turn IN 1..50 LOOP
		BEGIN
			c := NULL;
			OPEN c FOR SELECT birth_year FROM regress_scan.person;
			FETCH c INTO year;
			FOR year IN SELECT 1 / (p.birth_year - 1930 - turn) FROM regress_scan.person p LOOP NULL; END LOOP;
		EXCEPTION WHEN division_by_zero THEN failed := failed + 1;
		END;
	END LOOP;
	RETURN failed;
END $$;
SELECT regress_fail();
SELECT regress_object(2);
SELECT count(*) FROM regress_scan.person;
SELECT count(*) FROM regress_scan.gp_event;
SELECT count(*) AS bitmaps, (SELECT count(*) FROM caredata.visible_set) AS sets FROM pg_backend_memory_contexts WHERE name = 'caredata visible set';
SELECT caredata.withdraw_objection(n::text, 'local') FROM regress_number WHERE i = 2;

-- 8. parallel workers, and rows locked
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT code, count(*) FROM regress_scan.gp_event WHERE value1_condition > 3 GROUP BY code;
SELECT code, count(*) FROM regress_scan.gp_event WHERE value1_condition > 3 GROUP BY code ORDER BY code;
SELECT code, count(*) FROM regress_truth.gp_event WHERE value1_condition > 3 GROUP BY code ORDER BY code;
BEGIN;
SELECT regress_object(2);
SELECT count(*) FROM regress_scan.gp_event;
ROLLBACK;
SELECT count(*) FROM regress_scan.gp_event;
-- read again for each row outside
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off; SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
SELECT count(*) FROM regress_scan.person a JOIN regress_scan.gp_event b USING (pid);
SELECT count(*) FROM (SELECT pid FROM regress_scan.person WHERE birth_year < 1936) a, LATERAL (SELECT FROM regress_scan.gp_event b WHERE a.pid = b.pid OFFSET 0) v;
RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_material; RESET enable_memoize; RESET enable_indexscan; RESET enable_bitmapscan; RESET enable_indexonlyscan;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SET max_parallel_workers_per_gather = 0;
BEGIN;
SELECT count(*) FROM (SELECT FROM regress_bare WHERE caredata.visible(person_id, '1', 'gp') FOR UPDATE) v;
DECLARE c CURSOR FOR SELECT FROM regress_bare WHERE caredata.visible(person_id, '1', 'gp');
MOVE 1 FROM c;
UPDATE regress_bare SET added = 'current' WHERE CURRENT OF c;
SELECT * FROM regress_bare ORDER BY person_id;
ROLLBACK;

-- 9. queries drawn from a fixed sequence: the node, the function and the truth
-- say the same
CREATE FUNCTION regress_pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
	$$ SELECT choices[1 + floor(random() * cardinality(choices))::integer] $$;
CREATE FUNCTION regress_condition(alias text, event boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE condition text := 'true';
BEGIN
	WHILE random() < 0.5 LOOP
		condition := condition || regress_pick(' AND ', ' AND ', ' OR ') || regress_pick('', '', 'NOT ') || '(' || CASE WHEN event THEN regress_pick(
			'%1$s.date >= ''2023-06-01''', '%1$s.date IS NULL', '%1$s.code = ''C10..''', '%1$s.code LIKE ''S72%%''', '%1$s.value1_condition > 40',
			'10 / nullif(%1$s.value1_condition, 0) < 3', 'length(%1$s.practice || %1$s.code) > 7', '%1$s.practice IN (''Y90001'', ''Y90009'')',
			'EXISTS (SELECT FROM @.person q WHERE q.pid = %1$s.pid AND q.sex = ''1'')', '%1$s.date BETWEEN ''2022-05-01'' AND ''2022-09-30''')
		ELSE regress_pick(
			'%1$s.sex = ''1''', '%1$s.birth_year > 1980', '%1$s.death_year IS NULL', '%1$s.birth_year %% 10 = 3', 'sqrt(%1$s.birth_year) > 44.2',
			'%1$s.pid IN (SELECT e.pid FROM @.gp_event e WHERE e.value1_condition > 80)', '%1$s.birth_year = (SELECT max(x.birth_year) FROM @.person x)')
		END || ')';
	END LOOP;
	RETURN '(' || format(condition, alias) || ')';
END $$;
CREATE FUNCTION regress_query() RETURNS text LANGUAGE plpgsql AS $$
DECLARE e text := regress_condition('g', true); p text := regress_condition('p', false);
BEGIN
	RETURN regress_pick(
		'SELECT count(*) FROM @.gp_event g WHERE ' || e,
		'SELECT g.code, count(*), sum(g.value1_condition), count(DISTINCT g.pid) FROM @.gp_event g WHERE ' || e || ' GROUP BY g.code',
		'SELECT p FROM @.person p WHERE ' || p,
		'SELECT p.sex, count(*), min(g.date) FROM @.person p JOIN @.gp_event g ON g.pid = p.pid WHERE ' || e || ' AND ' || p || ' GROUP BY p.sex',
		'SELECT p.birth_year, count(g.code) FROM @.person p LEFT JOIN @.gp_event g ON g.pid = p.pid AND ' || e || ' WHERE ' || p || ' GROUP BY p.birth_year',
		'SELECT count(*), count(p.pid), count(g.pid) FROM (SELECT * FROM @.gp_event g WHERE ' || e || ') g FULL JOIN (SELECT * FROM @.person p WHERE ' || p || ') p ON g.pid = p.pid',
		'SELECT p.birth_year, l.date FROM @.person p, LATERAL (SELECT g.date FROM @.gp_event g WHERE g.pid = p.pid AND ' || e || ' ORDER BY g.date, g.code LIMIT 2) l WHERE ' || p,
		'SELECT g.pid FROM @.gp_event g WHERE ' || e || regress_pick(' UNION ', ' UNION ALL ', ' EXCEPT ', ' INTERSECT ') || 'SELECT p.pid FROM @.person p WHERE ' || p,
		'SELECT p.birth_year, (SELECT count(*) FROM @.gp_event g WHERE g.pid = p.pid AND ' || e || ') FROM @.person p WHERE ' || p,
		'SELECT DISTINCT ON (g.pid) g.pid, g.date, g.code FROM @.gp_event g WHERE ' || e || ' ORDER BY g.pid, g.date, g.code, g.value1_condition',
		'SELECT rank() OVER (PARTITION BY g.code ORDER BY g.date), g.pid FROM @.gp_event g WHERE ' || e || ' AND g.date > ''2024-06-01''',
		'WITH w AS MATERIALIZED (SELECT * FROM @.gp_event g WHERE ' || e || ') SELECT count(*) FROM w a JOIN w b USING (pid, date)');
END $$;
CREATE FUNCTION regress_compare(queries integer, seed double precision)
RETURNS TABLE (compared integer, with_node integer, with_rows integer, wrong text[]) LANGUAGE plpgsql AS $$
DECLARE
	query text; answer text; answers text[]; parameter text;
	parameters text[] := '{enable_hashjoin,enable_mergejoin,enable_nestloop,enable_material,enable_memoize,enable_indexscan,enable_bitmapscan,enable_hashagg,enable_sort,enable_partitionwise_join}';
BEGIN
	PERFORM setseed(seed);
	compared := 0; with_node := 0; with_rows := 0; wrong := '{}';
	FOR turn IN 1..queries LOOP
		query := regress_query();
		FOREACH parameter IN ARRAY parameters LOOP
			PERFORM set_config(parameter, regress_pick('on', 'on', 'off'), true);
		END LOOP;
		PERFORM set_config('max_parallel_workers_per_gather', CASE WHEN turn % 25 = 0 THEN '2' ELSE '0' END, true);
		with_node := with_node + (regress_nodes(replace(query, '@', 'regress_scan')) > 0)::integer;
		answers := '{}';
		FOR way IN 1..3 LOOP
			PERFORM set_config('caredata.enable_visible_scan', CASE WHEN way = 1 THEN 'on' ELSE 'off' END, true);
			BEGIN
				EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(v::text, '','' ORDER BY v::text)), ''-'') FROM (%s) v',
							   replace(query, '@', CASE WHEN way < 3 THEN 'regress_scan' ELSE 'regress_truth' END)) INTO answer;
			EXCEPTION WHEN OTHERS THEN answer := SQLSTATE || ' ' || SQLERRM;
			END;
			answers := answers || answer;
		END LOOP;
		PERFORM set_config('caredata.enable_visible_scan', 'on', true);
		compared := compared + 1;
		with_rows := with_rows + (answers[1] !~ '^0 ')::integer;
		IF answers[1] <> answers[2] OR answers[1] <> answers[3] THEN
			wrong := wrong || (query || ' => ' || array_to_string(answers, ', '));
		END IF;
	END LOOP;
	RETURN NEXT;
END $$;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT compared, with_node > compared / 2 AS mostly_with_node, with_rows > compared / 2 AS mostly_with_rows, wrong FROM regress_compare(200, 0.42);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_visible_scan;
DROP ROLE regress_scan_reader, regress_scan_definer, regress_scan_guardian, regress_scan_alice, regress_scan_bob;
