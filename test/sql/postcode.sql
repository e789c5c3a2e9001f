-- The type postcode: grammar, the forms of files, parts, pseudo postcodes,
-- that no error holds the value, operators and indexes also under row
-- security, binary form.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_postcode;
\c regress_postcode
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;

-- ---------------------------------------------------------------------------
-- Reading: every form of the grammar, and the forms of files
-- ---------------------------------------------------------------------------
CREATE TABLE valid (position serial, written text);
INSERT INTO valid (written) VALUES
	('M11AA'), ('M601NW'), ('CR26XH'), ('DN551PT'), ('W1A1HQ'), ('EC1A1BB'),
	('GIR0AA'), ('BF11AA'), ('LS14AD'), ('CB223AD'), ('SW1A2AA'), ('N1C4AG'),
	('W1P1AA'), ('E201AA'), ('BX11LT'), ('ZZ993VZ');
SELECT written::postcode AS postcode, postcode_area(written::postcode) AS area,
	   postcode_district(written::postcode) AS district,
	   postcode_sector(written::postcode) AS sector,
	   is_pseudo_postcode(written::postcode) AS pseudo
FROM valid ORDER BY position;
SELECT form, try_postcode(form)
FROM (VALUES ('M1   1AA'),		-- HES: eight characters, inward at the sixth
			 ('EC1A 1BB'),
			 ('M1  1AA'),		-- PCD: seven characters, inward at the fifth
			 ('EC1A1BB'),
			 ('M1 1AA'),		-- PCDS: one space
			 ('m1 1aa'), ('  M1 1AA  '), ('gir 0aa'), ('M 1 1AA')) AS f (form);

CREATE FUNCTION error_of(written text, type regtype,
						 OUT state text, OUT message text, OUT detail text,
						 OUT echoed boolean)
LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE format('SELECT %L::%s', written, type);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	echoed := concat(message, detail, hint) LIKE '%' || btrim(written) || '%'
		AND btrim(written) <> '';
END
$$;
CREATE TABLE invalid (position serial, written text);
INSERT INTO invalid (written) VALUES
	('BFPO801'), ('BFPO 801'), ('QA11AA'), ('AI11AA'), ('M11CA'), ('W1I1AA'),
	('EC1C1AA'), ('XX101AA'), ('VA11AA'), ('AJ11AA'), ('AZ11AA'), ('M1 1AV'),
	('GIR 0AB'), ('GIR 1AA'), ('ZZ99'), ('ZZ99 3V'), ('ZZ98 3VZ'), ('ZZZSECUR'),
	('NFA'), ('ANK'), ('CB23'), ('CB23 3'), ('CB23 3ADD'), ('CB23-3AD'),
	('CB23.3AD'), (''), (' '), ('NOT KNOWN'), (E'M1\t1AA'), ('Ł1 1AA'),
	(repeat('M', 1000));
SELECT e.state, e.message, e.detail, e.echoed, count(*)
FROM invalid, error_of(written, 'postcode') AS e
GROUP BY 1, 2, 3, 4 ORDER BY min(position);
SELECT count(*) AS refused FROM invalid WHERE try_postcode(written) IS NULL;
SELECT try_postcode(NULL) IS NULL AS null_is_null;

-- an error that a caller can take softly (16 and later) says the same
CREATE FUNCTION soft_error_of(written text, type text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	message text;
BEGIN
	IF current_setting('server_version_num')::integer >= 160000 THEN
		EXECUTE 'SELECT message FROM pg_input_error_info($1, $2)'
			INTO message USING written, type;
		RETURN message;
	END IF;
	RETURN (error_of(written, type::regtype)).message;
END
$$;
SELECT soft_error_of('QA1 1AA', 'postcode') AS soft;
SELECT soft_error_of('M1 1AA', 'postcode') IS NULL AS no_error;

-- every outward part of up to three characters and every inward part, against
-- the regular expression of the grammar
WITH letters AS (
	SELECT chr(c) AS l FROM generate_series(48, 90) AS c WHERE c NOT BETWEEN 58 AND 64
), tried AS (
	SELECT a.l || b.l || '1AA' AS t FROM letters a, letters b
	UNION ALL
	SELECT a.l || b.l || c.l || '1AA' FROM letters a, letters b, letters c
	UNION ALL
	SELECT 'EC1A' || a.l || b.l || c.l FROM letters a, letters b, letters c
	UNION ALL
	SELECT 'CB2' || a.l || '1AA' FROM letters a
)
SELECT count(*) AS tried, count(try_postcode(t)) AS valid,
	   count(*) FILTER (WHERE (try_postcode(t) IS NOT NULL) IS DISTINCT FROM
		t ~ '^(GIR0AA|[A-PR-UWYZ]([0-9]{1,2}|[A-HK-Y][0-9]|[A-HK-Y][0-9]{2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])[0-9][ABD-HJLNP-UW-Z]{2})$')
		AS wrong
FROM tried;

-- ---------------------------------------------------------------------------
-- Pseudo postcodes
-- ---------------------------------------------------------------------------
SELECT written::postcode, is_pseudo_postcode(written::postcode)
FROM (VALUES ('ZZ99 3CZ'), ('ZZ99 3VZ'), ('ZZ99 3WZ'), ('ZZ99 2WZ'),
			 ('ZZ99 1WZ'), ('ZZ99 3GZ'), ('ZZ99 6AZ'), ('ZE1 0AA'),
			 ('GIR 0AA'), ('BX1 1LT')) AS v (written);

-- ---------------------------------------------------------------------------
-- Casts
-- ---------------------------------------------------------------------------
CREATE TABLE address (postcode postcode, note text);
INSERT INTO address SELECT 'M11AA'::text, 'text';
INSERT INTO address SELECT 'm60 1nw'::varchar, 'varchar';
INSERT INTO address SELECT 'CR2  6XH'::char(12), 'char';
SELECT * FROM address;
CREATE TABLE written (a text, b varchar, c char(8));
INSERT INTO written SELECT postcode, postcode, postcode FROM address;
SELECT * FROM written;
SELECT * FROM address WHERE postcode = 'M1 1AA'::text;
SELECT postcode::bigint FROM address;

-- ---------------------------------------------------------------------------
-- Order, equality, hashing
-- ---------------------------------------------------------------------------
SELECT a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge,
	   a > b AS gt, postcode_cmp(a, b) AS cmp
FROM (VALUES ('M1 1AA'::postcode, 'M1 1AB'::postcode),
			 ('M1 1AA', 'm11aa'), ('M1 1AA', 'M1   1AA'),
			 ('M10 1AA', 'M1 9ZZ'), ('EC1A 1BB', 'E1 1AA')) AS v (a, b);
SELECT min(postcode), max(postcode) FROM address;

CREATE TABLE many (postcode postcode, t text COLLATE "C");
INSERT INTO many
SELECT t::postcode, t FROM (
	SELECT format('%s%s %s%s%s', area, district, sector, a, b) AS t
	FROM unnest('{M,CB,E,EC,LS,SW}'::text[]) AS area,
		 unnest('{1,2,10,11,1A}'::text[]) AS district,
		 generate_series(0, 9) AS sector, unnest('{A,Z}'::text[]) AS a,
		 unnest('{B,L}'::text[]) AS b) AS s
WHERE try_postcode(t) IS NOT NULL;
ANALYZE many;
SELECT count(*), count(DISTINCT postcode) FROM many;
-- ordered as their texts are in the C collation
SELECT count(*) AS wrong FROM (
	SELECT t, lag(t) OVER (ORDER BY postcode) AS before FROM many) AS s
WHERE before > t;
SELECT count(*) AS wrong FROM many a, many b
WHERE (a.postcode < b.postcode) <> (a.t < b.t)
   OR (a.postcode = b.postcode) <> (a.t = b.t);
-- one hash for one value however written; the 64-bit hash ends as the other
SELECT count(*) AS wrong FROM many
WHERE postcode_hash(postcode) <> postcode_hash(lower(replace(t, ' ', ''))::postcode)
   OR postcode_hash_extended(postcode, 42) <>
	  postcode_hash_extended(replace(t, ' ', '    ')::postcode, 42)
   OR postcode_hash(postcode) <>
	  (postcode_hash_extended(postcode, 0)::bit(64) << 32)::bit(32)::integer;
-- the hash of bigint would give the same to many of them
SELECT count(DISTINCT postcode_hash(postcode)) AS hashes,
	   count(DISTINCT postcode_hash_extended(postcode, 42)) AS extended_hashes
FROM many;

SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many a JOIN many b USING (postcode);
SELECT count(*) FROM many a JOIN many b USING (postcode);
SET enable_mergejoin = on;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many a JOIN many b USING (postcode);
SELECT count(*) FROM many a JOIN many b USING (postcode);
RESET ALL;
SET search_path = public, caredata;
SET client_min_messages = warning;

CREATE TABLE part (postcode postcode, t text) PARTITION BY HASH (postcode);
CREATE TABLE part_0 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part SELECT postcode, t FROM many;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions FROM part;
SELECT t FROM part WHERE postcode = 'cb101ab';

-- ---------------------------------------------------------------------------
-- Indexes, also where a policy comes first: the operators are leakproof, so
-- the index condition may run before the policy does
-- ---------------------------------------------------------------------------
SELECT amname, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE opcintype = 'postcode'::regtype ORDER BY amname;
SELECT DISTINCT p.proleakproof
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE o.oprleft = 'postcode'::regtype;

CREATE ROLE regress_postcode_reader;
CREATE INDEX many_btree ON many (postcode);
CREATE FUNCTION allowed(t text) RETURNS boolean
	LANGUAGE plpgsql STABLE AS 'BEGIN RETURN t <> ''CB10 1AB''; END';
CREATE POLICY allowed ON many TO regress_postcode_reader USING (allowed(t));
ALTER TABLE many ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON many TO regress_postcode_reader;
SET ROLE regress_postcode_reader;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT t FROM many WHERE postcode = 'CB10 1AA';
EXPLAIN (COSTS OFF) SELECT t FROM many
	WHERE postcode >= 'CB10 0AA' AND postcode < 'CB10 1ZZ';
SELECT t FROM many WHERE postcode >= 'CB10 1AA' AND postcode < 'CB10 1ZZ' ORDER BY 1;
RESET ROLE;
DROP INDEX many_btree;
CREATE INDEX many_hash ON many USING hash (postcode);
SET ROLE regress_postcode_reader;
EXPLAIN (COSTS OFF) SELECT t FROM many WHERE postcode = 'CB10 1AL';
SELECT t FROM many WHERE postcode = 'CB10 1AL';
SELECT t FROM many WHERE postcode = 'CB10 1AB';
RESET ROLE;
RESET enable_bitmapscan;
CREATE UNIQUE INDEX many_unique ON many (postcode);

-- ---------------------------------------------------------------------------
-- Binary form: the text, checked on the way in
-- ---------------------------------------------------------------------------
SELECT postcode_send('m11aa') = convert_to('M1 1AA', 'UTF8') AS same_as_text;
SELECT current_setting('data_directory') || '/regress_postcode.bin' AS file \gset
COPY (SELECT postcode FROM many) TO :'file' (FORMAT binary);
CREATE TABLE copied (postcode postcode);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) AS rows, count(*) FILTER (WHERE m.t IS NULL) AS wrong
FROM copied LEFT JOIN many m USING (postcode);
COPY (SELECT 'ec1a1bb'::text) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
SELECT * FROM copied WHERE postcode = 'EC1A 1BB';
COPY (SELECT 'QA1 1AA'::text) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT ''::text) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT int8send(0)) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT decode('4d31203141410000', 'hex')) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) FROM copied;
COPY (SELECT) TO PROGRAM 'rm -f regress_postcode.bin';

\c postgres
DROP DATABASE regress_postcode;
DROP ROLE regress_postcode_reader;
