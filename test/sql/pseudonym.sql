--
-- Type pseudonym, and what pid() promises: a permutation per release, refused
-- when forged.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_pseudonym;
\c regress_pseudonym
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;

-- input and output
SELECT '0123456789abcdef0123456789abcdef'::pseudonym AS lower,
	   '0123456789ABCDEF0123456789ABCDEF'::pseudonym AS upper,
	   '01234567-89ab-cdef-0123-456789abcdef'::pseudonym AS uuid_form,
	   '  0123456789abcdef0123456789abcdef '::pseudonym AS spaces;
SELECT ''::pseudonym;
SELECT '0123456789abcdef0123456789abcde'::pseudonym;
SELECT '0123456789abcdef0123456789abcdef0'::pseudonym;
SELECT '0123456789abcdef0123456789abcdeg'::pseudonym;
SELECT '0123456789abcdef 123456789abcdef'::pseudonym;
SELECT '01234567-89ab-cdef-0123456789abcdef-'::pseudonym;
SELECT '0123-4567-89ab-cdef-0123456789abcdef'::pseudonym;
SELECT '01234567-89ab-cdef-0123-456789abcde-'::pseudonym;
SELECT E'0123456789abcdef0123456789abcdef\n'::pseudonym;
SELECT repeat('0', 100000)::pseudonym;
SELECT pseudonym_send('0123456789abcdef0123456789abcdef');
SELECT typlen, typbyval, typalign, typstorage FROM pg_type WHERE oid = 'pseudonym'::regtype;

-- binary there and back
CREATE TABLE there (n integer, p pseudonym, list pseudonym[]);
INSERT INTO there SELECT i, md5(i::text)::pseudonym, ARRAY[md5(i::text)::pseudonym, NULL]
FROM generate_series(1, 1000) i;
INSERT INTO there VALUES (0, NULL, NULL);
CREATE TABLE back (LIKE there);
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/regress_pseudonym.bin'
COPY there TO STDOUT (FORMAT binary) \g :file
\set command '\\copy back FROM ' :'file' ' (FORMAT binary)'
:command
SELECT count(*) FROM (TABLE there EXCEPT ALL TABLE back) d;
COPY (SELECT 1, '\x0123'::bytea, NULL::bytea) TO STDOUT (FORMAT binary) \g :file
:command
COPY (SELECT 1, '\x0123456789abcdef0123456789abcdef01'::bytea, NULL::bytea) TO STDOUT (FORMAT binary) \g :file
:command

-- casts: text, varchar and character by themselves, uuid on demand
SELECT p = md5(n::text) AS text, p = md5(n::text)::varchar AS varchar,
	   p = md5(n::text)::uuid::pseudonym AS uuid, p::uuid = md5(n::text)::uuid AS to_uuid,
	   p::text = md5(n::text) AS to_text,
	   p = ANY (ARRAY[md5(n::text)]) AS any_text, p = ANY (ARRAY[md5(n::text)]::varchar[]) AS any_varchar,
	   p IN (md5(n::text), md5('x')) AS in_text
FROM there WHERE n = 1;
SELECT '0123456789abcdef0123456789abcdef'::pseudonym = '0123456789abcdef0123456789abcdef'::uuid;
SELECT p = md5(n::text)::char(40) AS character, p = ANY (ARRAY[md5(n::text)]::char(32)[]) AS any_character
FROM there WHERE n = 1;
SELECT p = 'not a pseudonym'::char(32) FROM there WHERE n = 1;
SELECT p = 'not a pseudonym'::text FROM there WHERE n = 1;
SELECT p = 1 FROM there;
-- the implicit casts leave comparisons of other types as they were
SELECT 'a'::text = 'a'::varchar AS a, 'a'::varchar = 'a'::varchar AS b, 'a'::name = 'a'::varchar AS c,
	   'a '::bpchar = 'a'::text AS d, 'a '::bpchar = 'a'::varchar AS bpchar_varchar, 'a '::bpchar = 'a'::bpchar AS bpchar_bpchar, 'a'::varchar = ANY (ARRAY['a']::varchar[]) AS e,
	   'a'::varchar < 'b'::text AS f, 'a' = 'a' AS g, 'a'::varchar IN ('a', 'b') AS h,
	   'a'::varchar LIKE 'a' AS i, 'a'::varchar || 'b' AS j, 'a'::"char" = 'a' AS k;

-- comparison agrees with the text form
SELECT count(*) AS wrong FROM there a, there b
WHERE a.n BETWEEN 1 AND 100 AND b.n BETWEEN 1 AND 100 AND
	  (a.p < b.p, a.p <= b.p, a.p = b.p, a.p <> b.p, a.p >= b.p, a.p > b.p, sign(pseudonym_cmp(a.p, b.p)))
	  IS DISTINCT FROM
	  (a.p::text COLLATE "C" < b.p::text, a.p::text COLLATE "C" <= b.p::text, a.p::text = b.p::text,
	   a.p::text <> b.p::text, a.p::text COLLATE "C" >= b.p::text, a.p::text COLLATE "C" > b.p::text,
	   sign(CASE WHEN a.p::text COLLATE "C" < b.p::text THEN -1 WHEN a.p::text = b.p::text THEN 0 ELSE 1 END));
-- sorting, with equal prefixes that the abbreviation cannot tell apart
CREATE TABLE sorted AS
SELECT (repeat('0', 16) || substr(md5(i::text), 17))::pseudonym AS p FROM generate_series(1, 500) i
UNION ALL SELECT md5(i::text)::pseudonym FROM generate_series(1, 500) i
UNION ALL SELECT 'ffffffffffffffffffffffffffffffff' UNION ALL SELECT '00000000000000000000000000000000'
UNION ALL SELECT NULL;
SELECT count(*) AS wrong FROM
	(SELECT p, row_number() OVER (ORDER BY p NULLS FIRST) AS r FROM sorted) a
	FULL JOIN (SELECT p, row_number() OVER (ORDER BY p::text COLLATE "C" NULLS FIRST) AS r FROM sorted) b USING (r)
WHERE a.p IS DISTINCT FROM b.p;
CREATE INDEX ON there (p);
CREATE INDEX ON there USING hash (p);
SELECT opcname, amvalidate(o.oid) FROM pg_opclass o WHERE opcname = 'pseudonym_ops' ORDER BY opcmethod;
ANALYZE there;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT n FROM there WHERE p = '0123456789abcdef0123456789abcdef';
EXPLAIN (COSTS OFF) SELECT n FROM there WHERE p < '01000000000000000000000000000000';
SELECT count(*) FROM there WHERE p < '80000000000000000000000000000000';
SELECT count(*) FROM there WHERE p::text COLLATE "C" < '8';
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(*) FROM there WHERE pseudonym_hash(p)::bit(32) <> pseudonym_hash_extended(p, 0)::bit(32);
SELECT count(*) AS partitions FROM (SELECT DISTINCT pseudonym_hash_extended(p, 42) & 7 FROM there WHERE p IS NOT NULL) h;

-- pid() and its reverse
SELECT create_domain('one') AS one, create_domain('two') AS two;
SELECT count(*) AS rows, count(DISTINCT one) AS one, count(DISTINCT two) AS two,
	   bool_and(person_of(one, '1') = n) AS reversed,
	   bool_and(person_of(one, '2') = 0) AS foreign_refused
FROM (SELECT n, pid(n, '1') AS one, pid(n, '2') AS two FROM generate_series(1, 200000) n) p;
SELECT count(*) AS shared FROM
	(SELECT pid(n, '1') AS p FROM generate_series(1, 200000) n) a
	JOIN (SELECT pid(n, '2') AS p FROM generate_series(1, 200000) n) b ON a.p = b.p;
SELECT n, person_of(pid(n, '1'), '1') = n AS reversed
FROM unnest(ARRAY[0, 1, -1, 2147483647, -2147483648]) n;
-- every single flipped bit, and random values, are nobody
SELECT count(*) AS flipped, max(person_of(
	encode(set_bit(pseudonym_send(pid(n, '1')), b, 1 - get_bit(pseudonym_send(pid(n, '1')), b)), 'hex')::pseudonym, '1')) AS person,
	min(person_of(
	encode(set_bit(pseudonym_send(pid(n, '1')), b, 1 - get_bit(pseudonym_send(pid(n, '1')), b)), 'hex')::pseudonym, '1')) AS person_min
FROM generate_series(1, 200) n, generate_series(0, 127) b;
SELECT max(person_of(md5(n::text), '1')), min(person_of(md5(n::text), '1')) FROM generate_series(1, 10000) n;
-- no pseudonym shows the number or the constant part of the block
SELECT count(*) FROM generate_series(1, 100000) n
WHERE pid(n, '1')::text LIKE '0101000000000000%' OR pid(n, '1')::text LIKE '%' || lpad(to_hex(n), 16, '0');
SELECT pid(NULL, '1') IS NULL AS pid, person_of(NULL, '1') IS NULL AS person_of;

-- record pseudonyms: their own, never a person's
SELECT count(DISTINCT p) AS records FROM (SELECT record_pid(n::bigint, '1') AS p FROM generate_series(1, 10000) n) r;
SELECT count(*) AS shared FROM generate_series(1, 10000) n
WHERE record_pid(n::bigint, '1') IN (pid(n, '1'), record_pid(n::bigint, '2'), record_pid(n::text, '1'));
SELECT max(person_of(record_pid(n::bigint, '1'), '1')) AS person FROM generate_series(1, 10000) n;
SELECT record_pid('abc'::text, '1') = record_pid('abc'::text, '1') AS same,
	   record_pid('abc'::text, '1') = record_pid('ABC'::text, '1') AS other_case,
	   record_pid('abc'::text, '1') = record_pid('abc'::text, '2') AS other_release,
	   record_pid(''::text, '1') IS NOT NULL AS empty,
	   record_pid(repeat('x', 100000), '1') = record_pid(repeat('x', 100000), '1') AS long;
SELECT record_pid(9223372036854775807, '1') <> record_pid(-9223372036854775808, '1') AS extremes;

-- volatility is what keeps results out of plans, indexes and columns
CREATE TABLE regress_t (n integer, p pseudonym GENERATED ALWAYS AS (pid(n, '1')) STORED);
CREATE INDEX ON there (pid(n, '1'));

-- who is not a member of a release is refused the functions altogether
CREATE ROLE regress_pseudonym_user;
SET ROLE regress_pseudonym_user;
SELECT pid(1, h) FROM (SELECT NULL::release_ref AS h OFFSET 0) n;
SELECT person_of('0123456789abcdef0123456789abcdef', h) FROM (SELECT NULL::release_ref AS h OFFSET 0) n;
SELECT record_pid(1::bigint, h) FROM (SELECT NULL::release_ref AS h OFFSET 0) n;
SELECT record_pid('x'::text, h) FROM (SELECT NULL::release_ref AS h OFFSET 0) n;
-- and may use the type
SELECT '0123456789abcdef0123456789abcdef'::text = '0123456789abcdef0123456789abcdef'::pseudonym;
-- not callable, or not to be given an argument: that depends on the minor version
DO $$ BEGIN PERFORM pseudonym_support(NULL); RAISE WARNING 'called';
EXCEPTION WHEN undefined_function OR feature_not_supported THEN RAISE WARNING 'refused'; END $$;
RESET ROLE;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_pseudonym;
DROP ROLE regress_pseudonym_user;
