--
-- Generations of a domain's key: what makes pseudonyms, what still resolves
-- them, and what the planner's rewrite and a computed comparison say about an
-- old one.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_key_generation;
\c regress_key_generation
SET client_min_messages = warning;
CREATE EXTENSION caredata;
ALTER DATABASE regress_key_generation SET search_path = public, caredata;
SET search_path = public, caredata;
CREATE ROLE regress_generation_reader NOLOGIN;
CREATE ROLE regress_generation_definer NOLOGIN;
CREATE ROLE regress_generation_analyst;
GRANT regress_generation_reader TO regress_generation_analyst;
SELECT caredata.create_domain('one', 'regress_generation_reader') AS one,
	   caredata.create_domain('two', 'regress_generation_reader') AS two;

CREATE SCHEMA care;
CREATE TABLE care.person (person_id integer PRIMARY KEY, practice text);
INSERT INTO care.person SELECT i, 'P' || i FROM generate_series(1, 1000) i;
ALTER TABLE care.person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON care.person TO regress_generation_definer USING (person_id % 20 <> 0);
GRANT USAGE ON SCHEMA care TO regress_generation_definer;
GRANT SELECT ON care.person TO regress_generation_definer;
ANALYZE care.person;
CREATE SCHEMA one;
CREATE VIEW one.person AS SELECT caredata.pid(person_id, '1'::caredata.release_ref) AS pid, practice FROM care.person;
ALTER VIEW one.person OWNER TO regress_generation_definer;
CREATE FUNCTION one.current_pid(pseudonym caredata.pseudonym) RETURNS caredata.pseudonym
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	RETURN caredata.current_pid(pseudonym, '1'::caredata.release_ref);
GRANT USAGE ON SCHEMA one TO regress_generation_reader;
GRANT SELECT ON one.person TO regress_generation_reader;
GRANT EXECUTE ON FUNCTION caredata.pid(integer, caredata.release_ref),
	caredata.person_of(caredata.pseudonym, caredata.release_ref),
	caredata.current_pid(caredata.pseudonym, caredata.release_ref) TO regress_generation_reader;

CREATE TABLE public.kept AS
SELECT i AS n, caredata.pid(i, '1') AS first, caredata.record_pid(i::bigint, '1') AS record,
	   caredata.record_pid(i::text, '1') AS one_way, caredata.pid(i, '2') AS foreign_one
FROM generate_series(1, 40) i;
GRANT SELECT ON public.kept TO regress_generation_reader;

-- before a rotation the current pseudonym is the pseudonym
SELECT count(*) FROM public.kept
WHERE caredata.current_pid(first, '1') = first AND caredata.current_pid(record, '1') = record
  AND caredata.current_pid(one_way, '1') IS NULL AND caredata.current_pid(foreign_one, '1') IS NULL;

-- 1. rotate
SELECT caredata.rotate_domain_key(1, 'yearly');
ALTER TABLE public.kept ADD COLUMN second caredata.pseudonym;
UPDATE public.kept SET second = caredata.pid(n, '1');
SELECT count(*) FILTER (WHERE second = first) AS same,
	   count(*) FILTER (WHERE caredata.current_pid(first, '1') = second) AS resolved,
	   count(*) FILTER (WHERE caredata.current_pid(second, '1') = second) AS current,
	   count(*) FILTER (WHERE caredata.current_pid(record, '1') = caredata.record_pid(n::bigint, '1')) AS records,
	   count(*) FILTER (WHERE caredata.current_pid(one_way, '1') IS NULL) AS one_way,
	   count(*) FILTER (WHERE caredata.current_pid(foreign_one, '1') IS NULL) AS foreign_one
FROM public.kept;
-- an old pseudonym is foreign to the reverse, and so to every comparison
SELECT count(*) FILTER (WHERE caredata.person_of(second, '1') = n) AS reversed,
	   count(*) FILTER (WHERE caredata.person_of(first, '1') = 0) AS foreign
FROM public.kept;
-- the other domain is as it was
SELECT count(*) FROM public.kept WHERE caredata.pid(n, '2') = foreign_one;
SELECT domain_id, generation, state, closed_at IS NULL AS open, usable, problem
FROM caredata.key_status() WHERE kind = 'domain';

-- 2. as a reader: rewritten and computed comparisons agree
SELECT first AS old_value, second AS new_value FROM public.kept WHERE n = 7 \gset
SELECT first AS old_other, second AS new_other FROM public.kept WHERE n = 8 \gset
SELECT first AS old_withheld FROM public.kept WHERE n = 20 \gset
SET ROLE regress_generation_analyst;
SELECT (SELECT count(*) FROM one.person WHERE pid = :'old_value') AS rewritten,
	   (SELECT count(*) FROM one.person WHERE pid IN (:'old_value', :'old_other')) AS in_list,
	   (SELECT count(*) FROM one.person WHERE pid = ANY (ARRAY[:'old_value', :'old_other']::caredata.pseudonym[])) AS any_array,
	   (SELECT count(*) FROM (SELECT pid FROM one.person OFFSET 0) computed WHERE pid = :'old_value') AS computed,
	   (SELECT count(*) FROM one.person WHERE pid <> :'old_value') AS not_rewritten,
	   (SELECT count(*) FROM (SELECT pid FROM one.person OFFSET 0) computed WHERE pid <> :'old_value') AS not_computed,
	   (SELECT count(*) FROM one.person JOIN public.kept ON first = pid) AS joined;
SELECT (SELECT practice FROM one.person WHERE pid = :'new_value') AS rewritten,
	   (SELECT count(*) FROM one.person WHERE pid IN (:'new_value', :'new_other')) AS in_list,
	   (SELECT count(*) FROM one.person JOIN public.kept ON second = pid) AS joined;
-- the route for an old one, by the index and in a join
SELECT practice FROM one.person WHERE pid = one.current_pid(:'old_value');
SELECT count(*) FROM one.person WHERE pid = one.current_pid(:'old_withheld');
SELECT one.current_pid('00000000000000000000000000000000'), one.current_pid(NULL);
SELECT count(*), bool_and(practice = 'P' || n) FROM one.person JOIN public.kept ON pid = one.current_pid(first);
SET enable_hashjoin = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT practice FROM one.person JOIN public.kept ON pid = one.current_pid(first) WHERE n < 3;
RESET enable_hashjoin;
RESET enable_mergejoin;
-- no handle, no use of the function under it
SELECT caredata.current_pid(:'old_value', '1');
SELECT caredata.rotate_domain_key(1);
SELECT caredata.close_domain_generation(1, 1);
SELECT * FROM caredata.key_history();
RESET ROLE;

-- 3. a third generation; a cached plan follows
PREPARE lookup AS SELECT practice FROM one.person WHERE pid = $1;
SET ROLE regress_generation_analyst;
EXECUTE lookup(:'new_value');
RESET ROLE;
SELECT caredata.rotate_domain_key(1);
SET ROLE regress_generation_analyst;
EXECUTE lookup(:'new_value');
SELECT count(DISTINCT one.current_pid(v)) AS one_person FROM (VALUES (:'old_value'::caredata.pseudonym), (:'new_value')) x(v);
SELECT practice FROM one.person WHERE pid = one.current_pid(:'old_value');
RESET ROLE;
-- a rotation that is rolled back was none
BEGIN;
SELECT caredata.rotate_domain_key(1);
SELECT count(*) FROM public.kept WHERE caredata.current_pid(first, '1') = caredata.pid(n, '1');
ROLLBACK;
SELECT count(*) FROM public.kept WHERE caredata.current_pid(first, '1') = caredata.pid(n, '1');
-- an open cursor goes on with the key that it began with
BEGIN;
DECLARE c CURSOR FOR SELECT caredata.pid(n, '2') = foreign_one FROM public.kept ORDER BY n;
FETCH 2 FROM c;
SELECT caredata.rotate_domain_key(2);
SELECT caredata.pid(1, '2') = foreign_one AS same FROM public.kept WHERE n = 1;
FETCH 2 FROM c;
ROLLBACK;

-- 4. close
SELECT caredata.close_domain_generation(1, 3);
SELECT caredata.close_domain_generation(1, 4);
SELECT caredata.close_domain_generation(1, NULL);
SELECT caredata.close_domain_generation(99, 1);
SELECT caredata.rotate_domain_key(99);
SELECT caredata.rotate_domain_key(NULL);
SELECT caredata.close_domain_generation(1, 1, 'everybody has the new ones');
SELECT caredata.close_domain_generation(1, 1);
SELECT count(*) FILTER (WHERE caredata.current_pid(first, '1') IS NULL) AS foreign,
	   count(*) FILTER (WHERE caredata.current_pid(second, '1') = caredata.pid(n, '1')) AS resolved
FROM public.kept;
SELECT domain_id, generation, state, closed_at IS NULL AS open, usable
FROM caredata.key_status() WHERE kind = 'domain';
SELECT event, domain_id, name, generation, requester, reason FROM caredata.key_history();


\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_key_generation;
DROP ROLE regress_generation_analyst, regress_generation_reader, regress_generation_definer;
