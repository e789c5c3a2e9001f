--
-- The release handle, attacked: every way we know to make one, to borrow one
-- or to have something else taken for one. A reader who had a handle could
-- number everybody in a release; one with the handles of two releases could
-- join them.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_handle;
\c regress_handle
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;

CREATE ROLE regress_handle_reader_a NOLOGIN;
CREATE ROLE regress_handle_reader_b NOLOGIN;
CREATE ROLE regress_handle_definer NOLOGIN;
CREATE ROLE regress_handle_alice;
CREATE ROLE regress_handle_bob;
GRANT regress_handle_reader_a TO regress_handle_alice;
GRANT regress_handle_reader_b TO regress_handle_bob;
SELECT caredata.create_domain('release_a', 'regress_handle_reader_a') AS a,
	   caredata.create_domain('release_b', 'regress_handle_reader_b') AS b;

-- what a release gives its readers
GRANT EXECUTE ON FUNCTION
	caredata.pid(integer, caredata.release_ref),
	caredata.person_of(caredata.pseudonym, caredata.release_ref),
	caredata.record_pid(bigint, caredata.release_ref),
	caredata.record_pid(text, caredata.release_ref)
TO regress_handle_reader_a, regress_handle_reader_b;
CREATE SCHEMA regress_care;
CREATE TABLE regress_care.person (person_id integer PRIMARY KEY, birth_year smallint);
INSERT INTO regress_care.person SELECT i, 1900 + i % 100 FROM generate_series(1, 100) i;
ALTER TABLE regress_care.person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY regress_a ON regress_care.person TO regress_handle_definer
	USING (person_id > 10);
CREATE SCHEMA release_a;
CREATE VIEW release_a.person AS
	SELECT caredata.pid(person_id, '1'::caredata.release_ref) AS pid, birth_year
	FROM regress_care.person;
CREATE SCHEMA release_b;
CREATE VIEW release_b.person AS
	SELECT caredata.pid(person_id, '2'::caredata.release_ref) AS pid, birth_year
	FROM regress_care.person;
ALTER VIEW release_a.person OWNER TO regress_handle_definer;
ALTER VIEW release_b.person OWNER TO regress_handle_definer;
GRANT USAGE ON SCHEMA regress_care TO regress_handle_definer;
GRANT SELECT ON regress_care.person TO regress_handle_definer;
GRANT USAGE ON SCHEMA release_a TO regress_handle_reader_a;
GRANT USAGE ON SCHEMA release_b TO regress_handle_reader_b;
GRANT SELECT ON release_a.person TO regress_handle_reader_a;
GRANT SELECT ON release_b.person TO regress_handle_reader_b;

-- worst case: somebody made tables of the type and let readers write to them
CREATE TABLE public.careless (h caredata.release_ref);
CREATE TABLE public.careless_array (h caredata.release_ref[]);
CREATE TYPE public.careless_row AS (h caredata.release_ref);
GRANT ALL ON public.careless, public.careless_array TO PUBLIC;
-- and readers may make objects of their own
GRANT CREATE ON SCHEMA public TO PUBLIC;
GRANT CREATE, TEMPORARY ON DATABASE regress_handle TO PUBLIC;

-- a superuser can make one, within its range
SELECT '17'::caredata.release_ref AS h, caredata.release_ref_send('17') AS sent;
SELECT '0'::caredata.release_ref;
SELECT '-1'::caredata.release_ref;
SELECT 'x'::caredata.release_ref;
SELECT '2147483648'::caredata.release_ref;

SET ROLE regress_handle_alice;
-- the view works, so the refusals below are of the handle and not of the function
SELECT count(*), count(DISTINCT pid) FROM release_a.person;

-- literals and casts
SELECT '1'::caredata.release_ref;
SELECT CAST('1' AS caredata.release_ref);
SELECT caredata.release_ref '1';
SELECT caredata.release_ref('1');
SELECT 'not a number'::caredata.release_ref;
SELECT 1::caredata.release_ref;
SELECT 1::oid::caredata.release_ref;
SELECT 1::text::caredata.release_ref;
SELECT '1'::varchar::caredata.release_ref;
SELECT ('1'::"char")::caredata.release_ref;
SELECT to_jsonb(1)::caredata.release_ref;
SELECT caredata.release_ref_in('1');
SELECT caredata.pid(1, '1');
SELECT caredata.pid(1, 1);
SELECT caredata.pid(person_id => 1, release => '1');
SELECT caredata.person_of('00000000000000000000000000000000', '1');
SELECT caredata.record_pid(1::bigint, '1');
SELECT caredata.record_pid('x'::text, '1');

-- prepared statements
PREPARE handle_1(text) AS SELECT caredata.pid(1, $1::caredata.release_ref);
EXECUTE handle_1('1');
PREPARE handle_2(caredata.release_ref) AS SELECT caredata.pid(1, $1);
EXECUTE handle_2('1');
EXECUTE handle_2(1);
PREPARE handle_3 AS SELECT caredata.pid(1, $1);
EXECUTE handle_3('1');
DEALLOCATE ALL;

-- INSERT, COPY as text, as CSV and as binary, into a table that has the type
INSERT INTO public.careless VALUES ('1');
INSERT INTO public.careless VALUES (1);
INSERT INTO public.careless SELECT i FROM generate_series(1, 2) i;
COPY public.careless FROM STDIN;
1
\.
COPY public.careless FROM STDIN WITH (FORMAT csv);
1
\.
INSERT INTO public.careless_array VALUES ('{1}');
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/regress_handle.bin'
COPY (SELECT 1::integer) TO STDOUT (FORMAT binary) \g :file
\set command '\\copy public.careless FROM ' :'file' ' (FORMAT binary)'
:command
COPY (SELECT ARRAY[1]::integer[]) TO STDOUT (FORMAT binary) \g :file
\set command '\\copy public.careless_array FROM ' :'file' ' (FORMAT binary)'
:command
SELECT count(*) FROM public.careless;

-- JSON, XML, records, rows, arrays
SELECT * FROM json_populate_record(NULL::public.careless_row, '{"h": 1}');
SELECT * FROM jsonb_populate_record(NULL::public.careless_row, '{"h": "1"}');
SELECT * FROM json_populate_recordset(NULL::public.careless_row, '[{"h": 1}]');
SELECT * FROM json_to_record('{"h": 1}') AS t(h caredata.release_ref);
SELECT * FROM jsonb_to_recordset('[{"h": 1}]') AS t(h caredata.release_ref);
SELECT * FROM XMLTABLE('/r' PASSING '<r>1</r>' COLUMNS h caredata.release_ref PATH '.');
SELECT ROW(1)::public.careless_row;
SELECT '(1)'::public.careless_row;
SELECT ROW('1')::public.careless;
SELECT '{1}'::caredata.release_ref[];
SELECT ARRAY[1]::caredata.release_ref[];
SELECT ARRAY['1']::caredata.release_ref[];
SELECT string_to_array('1', ',')::caredata.release_ref[];
SELECT array_fill('1'::caredata.release_ref, ARRAY[1]);
SELECT COALESCE(NULL, '1'::caredata.release_ref);
SELECT CASE WHEN true THEN '1' ELSE NULL::caredata.release_ref END;
SELECT 1 UNION SELECT NULL::caredata.release_ref;
SELECT '1' UNION ALL SELECT NULL::caredata.release_ref;

-- functions that return an integer under the name of a handle
CREATE FUNCTION public.regress_record() RETURNS record LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.regress_record_2() RETURNS record LANGUAGE plpgsql AS
	'DECLARE r record; BEGIN SELECT 1 INTO r; RETURN r; END';
CREATE FUNCTION public.regress_records() RETURNS SETOF record LANGUAGE plpgsql AS
	'BEGIN RETURN QUERY SELECT 1; END';
SELECT caredata.pid(1, h) FROM public.regress_record() AS t(h caredata.release_ref);
SELECT caredata.pid(1, h) FROM public.regress_record_2() AS t(h caredata.release_ref);
SELECT caredata.pid(1, h) FROM public.regress_records() AS t(h caredata.release_ref);
CREATE FUNCTION public.regress_handle() RETURNS caredata.release_ref LANGUAGE sql AS 'SELECT ''1''';
CREATE FUNCTION public.regress_handles() RETURNS TABLE (h caredata.release_ref) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.regress_takes(h caredata.release_ref) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION public.regress_same(anyelement) RETURNS anyelement LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SELECT public.regress_same(NULL::caredata.release_ref);
CREATE FUNCTION public.regress_same_sql(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT 1';
SELECT public.regress_same_sql(NULL::caredata.release_ref);
CREATE FUNCTION public.regress_same_set(anyelement) RETURNS SETOF anyelement LANGUAGE plpgsql AS
	'BEGIN RETURN QUERY SELECT 1; END';
SELECT * FROM public.regress_same_set(NULL::caredata.release_ref);
CREATE FUNCTION public.regress_element(anyarray) RETURNS anyelement LANGUAGE plpgsql AS
	'DECLARE x $0%TYPE; BEGIN EXECUTE ''SELECT 1'' INTO x; RETURN x; END';
SELECT public.regress_element(NULL::caredata.release_ref[]);

-- PL/pgSQL variables
DO $$ DECLARE h caredata.release_ref := 1; BEGIN RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h caredata.release_ref := '1'; BEGIN RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h caredata.release_ref; BEGIN SELECT 1 INTO h; RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h caredata.release_ref; BEGIN EXECUTE 'SELECT 1::text' INTO h; RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h public.careless%ROWTYPE; BEGIN h.h := 1; RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h public.careless_row; BEGIN h := ROW(1); RAISE WARNING 'made %', h; END $$;
DO $$ DECLARE h caredata.release_ref[]; BEGIN h[1] := 1; RAISE WARNING 'made %', h; END $$;
DO $$ BEGIN EXECUTE 'SELECT caredata.pid(1, $1)' USING 1; END $$;
DO $$ BEGIN EXECUTE 'SELECT caredata.pid(1, $1::text::caredata.release_ref)' USING '1'; END $$;

-- objects of the type: USAGE is revoked
CREATE TEMP TABLE regress_t (h caredata.release_ref);
CREATE TABLE public.regress_t (h caredata.release_ref[]);
CREATE TEMP TABLE regress_t AS SELECT NULL::caredata.release_ref AS h;
CREATE TEMP VIEW regress_v AS SELECT NULL::caredata.release_ref AS h;
CREATE DOMAIN public.regress_d AS caredata.release_ref;
CREATE TYPE public.regress_c AS (h caredata.release_ref);
-- refused for two reasons; which comes first depends on the minor version
DO $$ BEGIN CREATE TYPE public.regress_r AS RANGE (subtype = caredata.release_ref); RAISE WARNING 'made';
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN RAISE WARNING 'refused'; END $$;
CREATE CAST (integer AS caredata.release_ref) WITHOUT FUNCTION;
CREATE CAST (integer AS caredata.release_ref) WITH INOUT;
CREATE CAST (integer AS caredata.release_ref) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION public.regress_cast(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE CAST (integer AS caredata.release_ref) WITH FUNCTION public.regress_cast(integer);
ALTER TYPE caredata.release_ref OWNER TO regress_handle_alice;
GRANT USAGE ON TYPE caredata.release_ref TO regress_handle_alice;
CREATE OPERATOR public.%% (LEFTARG = integer, RIGHTARG = caredata.release_ref, FUNCTION = caredata.pid);
CREATE AGGREGATE public.regress_agg (caredata.release_ref)
	(SFUNC = caredata.pid, STYPE = integer);

-- Re-labelling. Who may use a type in a composite type can have ALTER TYPE turn
-- an integer attribute into that type while a value of the composite type is
-- held in a variable or a cursor, and the input function is never asked. (Minor
-- releases of late 2026 notice the altered row when it is read; those before
-- gave the integer out under the new name.) On a type that is not protected
-- the first step works:
RESET ROLE;
CREATE TYPE public.unprotected;
CREATE FUNCTION public.unprotected_in(cstring) RETURNS public.unprotected
	LANGUAGE internal STRICT IMMUTABLE AS 'shell_in';
CREATE FUNCTION public.unprotected_out(public.unprotected) RETURNS cstring
	LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
CREATE TYPE public.unprotected (INPUT = public.unprotected_in,
	OUTPUT = public.unprotected_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4);
SET ROLE regress_handle_alice;
SELECT '1'::public.unprotected;
CREATE TYPE public.regress_relabel AS (a integer);
DO $$
DECLARE
	held public.regress_relabel[] := ARRAY[ROW(1)::public.regress_relabel];
BEGIN
	ALTER TYPE public.regress_relabel ALTER ATTRIBUTE a TYPE public.unprotected;
	RAISE WARNING 'attribute is now %', pg_typeof((NULL::public.regress_relabel).a);
END $$;
DROP TYPE public.regress_relabel;
-- On the handle it does not: an array, a record and a held cursor.
CREATE TYPE public.regress_relabel AS (a integer);
DO $$
DECLARE
	held public.regress_relabel[] := ARRAY[ROW(1)::public.regress_relabel];
BEGIN
	ALTER TYPE public.regress_relabel ALTER ATTRIBUTE a TYPE caredata.release_ref;
	EXECUTE 'SELECT caredata.pid(1, ($1)[1].a)' USING held;
END $$;
DO $$
DECLARE
	held public.regress_relabel := ROW(1);
BEGIN
	ALTER TYPE public.regress_relabel ALTER ATTRIBUTE a TYPE caredata.release_ref;
	EXECUTE 'SELECT caredata.pid(1, ($1).a)' USING held;
END $$;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT ROW(1)::public.regress_relabel AS r;
COMMIT;
ALTER TYPE public.regress_relabel ALTER ATTRIBUTE a TYPE caredata.release_ref;
ALTER TYPE public.regress_relabel ADD ATTRIBUTE b caredata.release_ref;
CLOSE held;
CREATE TEMP TABLE regress_t (a integer);
ALTER TABLE regress_t ALTER COLUMN a TYPE caredata.release_ref USING NULL;
ALTER TABLE regress_t ADD COLUMN h caredata.release_ref;
DROP TABLE regress_t;

-- Borrowing. The text of views and policies shows the number, and no more.
SELECT nspname, substring(pg_get_viewdef(c.oid) FROM '''\d''::release_ref') AS handle
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'v' AND relname = 'person' ORDER BY nspname;
SELECT ev_action::text::pg_node_tree FROM pg_rewrite;
SELECT caredata.pid(1, (SELECT h FROM public.careless LIMIT 1)) IS NULL AS nobody_filled_it;
CREATE VIEW public.regress_pasted AS SELECT caredata.pid(i, '2'::caredata.release_ref) FROM generate_series(1, 3) i;
CREATE FUNCTION public.regress_pasted() RETURNS caredata.pseudonym LANGUAGE sql
	AS $$ SELECT caredata.pid(1, '2'::caredata.release_ref) $$;
CREATE FUNCTION public.regress_pasted() RETURNS caredata.pseudonym LANGUAGE sql
	RETURN caredata.pid(1, '2'::caredata.release_ref);
-- views, functions and aggregates of one's own over the release's views see pids, nothing else
CREATE VIEW public.regress_own AS SELECT pid, birth_year FROM release_a.person;
SELECT count(*) FROM public.regress_own;
SELECT person_id FROM release_a.person;
SELECT (p).person_id FROM release_a.person p;
CREATE FUNCTION public.regress_see(caredata.pseudonym) RETURNS boolean LANGUAGE plpgsql COST 0.0001
	AS 'BEGIN RETURN $1 IS NOT NULL; END';
SELECT count(*) FROM release_a.person WHERE public.regress_see(pid);
CREATE AGGREGATE public.regress_first (caredata.pseudonym)
	(SFUNC = pg_catalog.int8inc_any, STYPE = bigint, INITCOND = '0');
SELECT public.regress_first(pid) FROM release_a.person;
CREATE OPERATOR public.~~~ (LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_eq);
SELECT count(*) FROM release_a.person WHERE pid OPERATOR(public.~~~) pid;

-- NULL can be written by anybody, and gives NULL
SELECT caredata.pid(1, NULL) IS NULL AS pid,
	   caredata.person_of('00000000000000000000000000000000', NULL) IS NULL AS person_of,
	   caredata.record_pid(1::bigint, NULL) IS NULL AS record_pid,
	   caredata.record_pid('x'::text, NULL) IS NULL AS record_pid_text;
SELECT caredata.pid(birth_year, NULL) IS NULL AS pid FROM release_a.person LIMIT 1;

-- the other release is closed in every way that PostgreSQL closes it
SELECT * FROM release_b.person;
SELECT * FROM regress_care.person;

-- A stolen handle: a superuser was careless enough to make a view that calls
-- pid() with release b's handle on the reader's own numbers. The reader's
-- membership is asked for at every start of a statement.
RESET ROLE;
CREATE TABLE public.numbers (n integer, p caredata.pseudonym, t text);
INSERT INTO public.numbers VALUES (1, '00000000000000000000000000000000', 'x');
CREATE VIEW public.stolen_b AS
	SELECT n, caredata.pid(n, '2') AS pid FROM public.numbers;
CREATE VIEW public.stolen_b_reverse AS SELECT caredata.person_of(p, '2') FROM public.numbers;
CREATE VIEW public.stolen_b_record AS SELECT caredata.record_pid(n::bigint, '2') FROM public.numbers;
CREATE VIEW public.stolen_b_text AS SELECT caredata.record_pid(t, '2') FROM public.numbers;
CREATE VIEW public.stolen_b_handle AS SELECT '2'::caredata.release_ref AS h;
CREATE VIEW public.stolen_c AS SELECT caredata.pid(n, '3') FROM public.numbers;
GRANT SELECT ON public.stolen_b, public.stolen_b_reverse, public.stolen_b_record,
	public.stolen_b_text, public.stolen_b_handle, public.stolen_c TO PUBLIC;
SET ROLE regress_handle_alice;
SELECT pid FROM public.stolen_b;
SELECT * FROM public.stolen_b_reverse;
SELECT * FROM public.stolen_b_record;
SELECT * FROM public.stolen_b_text;
SELECT caredata.pid(1, h) FROM public.stolen_b_handle;
SELECT n FROM public.stolen_b WHERE pid = '00000000000000000000000000000000';
EXPLAIN SELECT n FROM public.stolen_b WHERE pid = '00000000000000000000000000000000';
SELECT count(*) FROM public.stolen_b a JOIN release_a.person b ON a.pid = b.pid;
SELECT * FROM public.stolen_c;
-- a member of b may, and a superuser
SET ROLE regress_handle_bob;
SELECT count(pid) FROM public.stolen_b;
RESET ROLE;
SELECT count(pid) FROM public.stolen_b;
-- a member who does not inherit must become the reader role first
CREATE ROLE regress_handle_carol NOINHERIT;
GRANT regress_handle_reader_b TO regress_handle_carol;
SET ROLE regress_handle_carol;
SELECT count(pid) FROM public.stolen_b;
RESET ROLE;
-- membership that ends, within a session with its keys open and a plan cached
SET ROLE regress_handle_bob;
PREPARE opened AS SELECT count(pid) FROM public.stolen_b;
EXECUTE opened;
RESET ROLE;
REVOKE regress_handle_reader_b FROM regress_handle_bob;
GRANT EXECUTE ON FUNCTION caredata.pid(integer, caredata.release_ref) TO regress_handle_bob;
SET ROLE regress_handle_bob;
EXECUTE opened;
RESET ROLE;
GRANT regress_handle_reader_b TO regress_handle_bob;
-- one call site, two users, in one transaction of PL/pgSQL
DO $$
DECLARE
	refused boolean := false;
	got caredata.pseudonym;
BEGIN
	FOR i IN 1 .. 2 LOOP
		BEGIN
			got := caredata.pid(1, '2');
		EXCEPTION WHEN insufficient_privilege THEN
			refused := true;
		END;
		PERFORM set_config('role', 'regress_handle_alice', true);
	END LOOP;
	RAISE WARNING 'second user refused: %', refused;
END $$;
RESET ROLE;

-- A function of another reader runs with that reader's rights, as everywhere
-- in PostgreSQL: what bob shares he could have copied. Alice can pass it
-- numbers only if bob had a handle to write into it.
SET ROLE regress_handle_bob;
CREATE FUNCTION public.bobs_lookup(p caredata.pseudonym) RETURNS bigint
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, caredata, pg_temp
	AS 'SELECT count(*) FROM release_b.person WHERE pid = p';
CREATE FUNCTION public.bobs_oracle(n integer) RETURNS caredata.pseudonym
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ BEGIN RETURN caredata.pid(n, '2'::caredata.release_ref); END $$;
SET ROLE regress_handle_alice;
SELECT public.bobs_lookup('00000000000000000000000000000000');
SELECT public.bobs_oracle(1);
-- and her own SECURITY INVOKER function over his view does not help her
SELECT count(*) FROM release_a.person a WHERE public.bobs_lookup(a.pid) > 0;
RESET ROLE;

-- nothing in the extension yields a handle: no column, no result, no cast
SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'caredata'::regnamespace
  AND atttypid IN ('caredata.release_ref'::regtype, 'caredata.release_ref[]'::regtype);
SELECT oid::regprocedure FROM pg_proc
WHERE ('caredata.release_ref'::regtype = prorettype
	   OR 'caredata.release_ref'::regtype = ANY (proallargtypes))
  AND pronamespace = 'caredata'::regnamespace
ORDER BY oid::regprocedure::text COLLATE "C";
SELECT count(*) AS casts FROM pg_cast
WHERE 'caredata.release_ref'::regtype IN (castsource, casttarget);
SELECT count(*) AS operators FROM pg_operator
WHERE 'caredata.release_ref'::regtype IN (oprleft, oprright, oprresult);
-- who takes one is strict, so that NULL gives NULL, and is not for everybody
SELECT oid::regprocedure AS routine, proisstrict, provolatile, proparallel,
	   has_function_privilege('public', oid, 'EXECUTE') AS for_public
FROM pg_proc
WHERE 'caredata.release_ref'::regtype = ANY (proargtypes)
  AND pronamespace = 'caredata'::regnamespace
  AND oid::regprocedure::text ~ 'pid|person_of'
ORDER BY oid::regprocedure::text COLLATE "C";
SELECT has_type_privilege('public', 'caredata.release_ref', 'USAGE') AS type_for_public,
	   has_type_privilege('public', 'caredata.release_ref[]', 'USAGE') AS array_for_public;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_handle;
DROP ROLE regress_handle_alice, regress_handle_bob, regress_handle_carol,
	regress_handle_reader_a, regress_handle_reader_b, regress_handle_definer;
