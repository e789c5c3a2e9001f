-- A reader who is told nothing of a withheld row but that a condition of his
-- was tried on it: by a function that counts, a subquery that is computed only
-- when asked for, an error that is raised only where a row comes so far. The
-- code K99 is of withheld persons only, K98 of nobody: whatever is asked of the
-- one has to end as it does of the other.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_reader_attack_tried;
\c regress_reader_attack_tried
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_reader_attack_tried
SET client_min_messages = warning;
CREATE ROLE regress_tried_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_tried_mallory LOGIN;
CREATE SCHEMA regress_tried_mallory AUTHORIZATION regress_tried_mallory;

-- persons 1 to 50 have no NHS number and are withheld; persons 51 to 100 show
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 100) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, n, 1 FROM (SELECT 50 + row_number() OVER (ORDER BY n) AS i, n
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 700) g) v WHERE n IS NOT NULL) numbers
WHERE i <= 100;
INSERT INTO care.person (person_id, birth_year) SELECT i, 1930 + i % 90 FROM generate_series(1, 100) i;
SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2025-03-31');
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
SELECT 1 + i % 100, '2425', i, 'RZZ', DATE '2024-04-01' + i % 300, DATE '2024-04-01' + i % 300,
	   CASE WHEN i % 100 < 50 AND i % 7 = 0 THEN 'K99' ELSE 'A' || i % 100 END
FROM generate_series(1, 5000) i;
CREATE INDEX ON care.apc_episode (diag_01);
CREATE INDEX ON care.apc_episode (admidate);
CREATE INDEX ON care.apc_episode USING hash (procode3);
SELECT caredata.create_agreement('N-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_tried', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'apc_episode', '{admidate,diag_01,procode3}');
SELECT caredata.permit_dataset(:release, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_tried_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_tried_reader TO regress_tried_mallory;
VACUUM ANALYZE;
SELECT count(*) AS withheld FROM care.apc_episode WHERE diag_01 = 'K99';

SET SESSION AUTHORIZATION regress_tried_mallory;
SET search_path = regress_tried_mallory, public, caredata;
SELECT diag_01, count(*) FROM regress_tried.apc_episode WHERE diag_01 ^@ 'K' GROUP BY 1;
-- functions as cheap as they can be made, which note that they were called
CREATE SEQUENCE calls;
CREATE FUNCTION tried() RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1e-45
	AS $$ BEGIN RETURN nextval('regress_tried_mallory.calls') > 0; END $$;
CREATE FUNCTION tried_inline() RETURNS boolean LANGUAGE sql VOLATILE PARALLEL SAFE COST 1e-45
	AS $$ SELECT nextval('regress_tried_mallory.calls') > 0 $$;
CREATE FUNCTION tried_text() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1e-45
	AS $$ BEGIN PERFORM nextval('regress_tried_mallory.calls'); RETURN 'RZZ'; END $$;
CREATE FUNCTION tried_date() RETURNS date LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1e-45
	AS $$ BEGIN PERFORM nextval('regress_tried_mallory.calls'); RETURN '2024-05-01'; END $$;
CREATE FUNCTION tried_pid() RETURNS pseudonym LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1e-45
	AS $$ BEGIN PERFORM nextval('regress_tried_mallory.calls'); RETURN repeat('0', 32)::pseudonym; END $$;
CREATE FUNCTION tried_of(text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1e-45
	AS $$ BEGIN PERFORM nextval('regress_tried_mallory.calls'); RETURN 'RZZ'; END $$;
CREATE TABLE code (code text COLLATE "C", place text COLLATE "POSIX", zero integer);
INSERT INTO code VALUES ('K99', 'RZZ', 0), ('K98', 'RZZ', 0);
ANALYZE code;

-- How a statement ends, and how often one of the functions was called. The
-- planner calls them too, so it makes the plan before; and it finds a setting in
-- order that raises when the statement runs.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer bigint;
	before bigint;
	state text := '';
BEGIN
	EXECUTE 'PREPARE asked AS ' || statement;
	SET LOCAL plan_cache_mode = force_generic_plan;
	PERFORM set_config('regress_tried.day', '2024-05-01', true);
	BEGIN
		EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE asked';
	EXCEPTION WHEN OTHERS THEN
		state := 'planning ' || SQLSTATE;
	END;
	PERFORM set_config('regress_tried.day', '', true);
	before := nextval('regress_tried_mallory.calls');
	BEGIN
		EXECUTE 'EXECUTE asked' INTO answer;
	EXCEPTION WHEN OTHERS THEN
		state := state || SQLSTATE;
	END;
	DEALLOCATE asked;
	RETURN concat_ws(' ', answer, state, nextval('regress_tried_mallory.calls') - before - 1);
END
$$;
-- Under which ways of reading a table the two codes can be told apart.
CREATE FUNCTION told_apart(condition text, relation text DEFAULT 'regress_tried.apc_episode') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	way text;
	ways text[] := '{}';
	statement text := format('SELECT count(*) FROM %s WHERE %s', relation, condition);
BEGIN
	FOREACH way IN ARRAY ARRAY['seqscan', 'indexscan', 'bitmapscan'] LOOP
		PERFORM set_config('enable_' || w, (w = way)::text, true)
		FROM unnest(ARRAY['seqscan', 'indexscan', 'bitmapscan']) w;
		IF outcome(statement) <> outcome(replace(statement, 'K99', 'K98')) THEN
			ways := ways || way;
		END IF;
	END LOOP;
	RETURN array_to_string(ways, ' ');
END
$$;

-- 1. conditions that name no column are tried on what shows, and on nothing else
SELECT told_apart(c) AS told_apart, c AS condition FROM unnest(ARRAY[
	$$diag_01 = 'K99' AND nextval('calls') > 0$$,
	$$diag_01 = 'K99' AND tried()$$,
	$$diag_01 = 'K99' AND tried_inline()$$,
	$$diag_01 = 'K99' AND random() * nextval('calls') >= 0$$,
	$$diag_01 = 'K99' AND procode3 = tried_text()$$,
	$$diag_01 = 'K99' AND admidate = tried_date()$$,
	$$diag_01 = 'K99' AND admidate <= tried_date()$$,
	$$diag_01 ^@ 'K99' AND admidate BETWEEN '2024-04-01' AND tried_date()$$,
	$$diag_01 = 'K99' AND pid = tried_pid()$$,
	$$diag_01 = 'K99' AND CASE WHEN tried() THEN procode3 END = 'RZZ'$$,
	$$diag_01 = 'K99' AND (tried() OR procode3 = 'RZY')$$,
	$$NOT (diag_01 <> 'K99' OR tried())$$]) c;

-- 2. a subquery that is computed when it is asked for
SELECT told_apart(c) AS told_apart, c AS condition FROM unnest(ARRAY[
	$$diag_01 = 'K99' AND procode3 = (SELECT tried_text())$$,
	$$diag_01 = 'K99' AND admidate = (SELECT tried_date())$$,
	$$diag_01 = 'K99' AND admidate > (SELECT tried_date())$$,
	$$diag_01 = 'K99' AND CASE WHEN (SELECT tried()) THEN procode3 ELSE diag_01 END = 'RZZ'$$,
	$$diag_01 = 'K99' AND procode3 = ANY (ARRAY(SELECT tried_text()))$$,
	$$diag_01 = 'K99' AND procode3 = (SELECT (1 / zero)::text FROM code LIMIT 1)$$,
	$$diag_01 = 'K99' AND admidate = (SELECT DATE '2024-05-01' + 1 / zero FROM code LIMIT 1)$$]) c;

-- 3. an error that is raised where a row comes so far
SELECT told_apart(c) AS told_apart, c AS condition FROM unnest(ARRAY[
	$$diag_01 = 'K99' AND admidate = current_setting('regress_tried.day')::date$$,
	$$diag_01 = 'K99' AND admidate > current_setting('regress_tried.day')::date$$,
	$$diag_01 = 'K99' AND procode3 = current_setting('regress_tried.day')::date::text$$,
	$$diag_01 = 'K99' AND procode3 = (SELECT place FROM code LIMIT 1)$$]) c;

-- 4. the same in a join, a subquery of a subquery, a function that is inlined,
-- and views of one's own
CREATE FUNCTION of_code(text) RETURNS SETOF bigint LANGUAGE sql STABLE AS
	$$ SELECT 1::bigint FROM regress_tried.apc_episode a WHERE a.diag_01 = $1 AND a.procode3 = (SELECT tried_text()) $$;
CREATE VIEW over AS SELECT diag_01, admidate FROM regress_tried.apc_episode WHERE tried_inline();
SELECT told_apart(c[1], c[2]) AS told_apart, c[1] AS condition, c[2] AS relation FROM (VALUES
	(ARRAY[$$o.code = 'K99' AND a.procode3 = (SELECT tried_text())$$, 'code o JOIN regress_tried.apc_episode a ON a.diag_01 = o.code']),
	(ARRAY[$$true$$, $$(VALUES ('K99')) o (code) JOIN regress_tried.apc_episode a ON a.diag_01 = o.code AND a.procode3 = CASE WHEN o.code <> '' THEN (SELECT tried_text()) END$$]),
	(ARRAY[$$(SELECT count(*) FROM regress_tried.apc_episode a WHERE a.diag_01 = o.code AND a.procode3 = (SELECT tried_of(o.code))) > 0$$, $$(VALUES ('K99'), ('K9')) o (code)$$]),
	(ARRAY[$$true$$, $$of_code('K99')$$]),
	(ARRAY[$$diag_01 = 'K99'$$, 'over']),
	(ARRAY[$$diag_01 = 'K99' AND admidate < (SELECT tried_date())$$, 'over'])) v (c);
-- in workers
SELECT count(*) = 1 AS set FROM (SELECT set_config(name, 'on', false) FROM pg_settings
	WHERE name IN ('force_parallel_mode', 'debug_parallel_query') OFFSET 0) f;
SELECT told_apart($$diag_01 = 'K99' AND procode3 = (SELECT tried_text())$$) AS told_apart,
	   told_apart($$diag_01 = 'K99' AND procode3 = current_setting('regress_tried.day')::date::text$$) AS told_apart;
SELECT count(*) = 1 AS set FROM (SELECT set_config(name, 'off', false) FROM pg_settings
	WHERE name IN ('force_parallel_mode', 'debug_parallel_query') OFFSET 0) f;

-- 5. bitmaps: nothing is computed on the way from one to the next, nor by a
-- function of a reader for each row of a page of which the rows were forgotten;
-- what only compares keeps them, and so does what is computed at the start
SET work_mem = '64kB';
SELECT told_apart($$diag_01 >= 'K99' AND diag_01 < 'K99x' AND admidate > tried_date() - 20$$) AS told_apart;
RESET work_mem;
CREATE FUNCTION index_conditions(condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text[] := '{}';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_tried.apc_episode WHERE ' || condition LOOP
		IF line ~ 'BitmapAnd|Index Cond' THEN
			-- as versions before 17 name what a subquery sets
			lines := lines || btrim(regexp_replace(line, '\(InitPlan 1\)\.col1', '$0'), ' ->');
		END IF;
	END LOOP;
	RETURN QUERY SELECT DISTINCT l COLLATE "C" FROM unnest(lines) l ORDER BY 1;
END
$$;
SET enable_seqscan = off;
SET enable_indexscan = off;
SELECT index_conditions($$diag_01 = 'A3' AND admidate = '2024-05-01'$$);
SELECT index_conditions($$diag_01 = 'A3' AND admidate = (SELECT tried_date())$$);
SELECT index_conditions($$diag_01 = 'A3' AND admidate = now()::date$$);
SELECT index_conditions($$admidate = now()::date$$);
SELECT index_conditions($$admidate = tried_date()$$);
RESET enable_indexscan;
SET enable_bitmapscan = off;
SELECT index_conditions($$admidate = tried_date()$$);
SELECT index_conditions($$procode3 = (SELECT tried_text())$$);
SELECT index_conditions($$procode3 = tried_text()$$);
RESET enable_bitmapscan;
RESET enable_seqscan;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_reader_attack_tried;
DROP ROLE regress_tried_guardian, regress_tried_mallory, regress_tried_reader, regress_tried_definer;
