-- The type nhs_number: what is read and refused, that no error holds the
-- value, operators and indexes also under row security, casts, binary form.
-- Numbers are published examples or of the test ranges 900 and 999.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_nhs_number;
\c regress_nhs_number
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;

-- ---------------------------------------------------------------------------
-- Reading
-- ---------------------------------------------------------------------------
CREATE TABLE valid (written text);
INSERT INTO valid VALUES
	('9434765919'), ('9876543210'), ('4505577104'), ('4000000004'),
	('6000000006'), ('4010232137'), ('1234567881'), ('0607230002'),
	('0123456789'), ('5466066893'), ('9000000009'), ('9999999468'),
	('9999999476'), ('9999999484'), ('9999999492'), ('2983396339'),
	('9313317125'), ('9449305552'), ('3456789106'), ('9990000018'),
	('9990000026'), ('9990000034'), ('9990000042'), ('9990000050'),
	('9990000069'), ('9990000077'), ('9990000085'), ('9990000093'),
	('9990000107'), ('9990000115'), ('9990000123'), ('9990000131'),
	('9990000158'), ('9990000166'), ('9990000174'), ('9990000182'),
	('9990000190'), ('9990000204'), ('9990000212'), ('9990000220'),
	('9990000239'), ('9990000247'), ('9990000255'), ('9000000017'),
	('9000000025'), ('9000000033'), ('9000000041'), ('9000000068'),
	('9000000076'), ('9000000084'), ('9000000092'), ('9000000106'),
	('9000000114'), ('9000000122');
SELECT count(*) AS numbers,
	   count(*) FILTER (WHERE written::nhs_number::text = written) AS same,
	   count(*) FILTER (WHERE try_nhs_number(written)::text = written) AS tried,
	   count(*) FILTER (WHERE nhs_number_display(written::nhs_number) =
						regexp_replace(written, '(...)(...)', '\1 \2 ')) AS display
FROM valid;

-- the accepted forms are one value
SELECT DISTINCT written::nhs_number
FROM (VALUES ('9434765919'), ('943 476 5919'), ('943-476-5919'),
			 ('  9434765919 '), (E'\t943 476 5919\r\n')) AS v (written);
SELECT nhs_number_display('9434765919');

-- what is wrong, in words, and never the value
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
	('1234567890'), ('9434765918'), ('9434765917'), ('9876544321'),
	('4857773456'), ('4000000000'), ('7000000009'), ('4012345678'),
	('1232331234'), ('3474782737'), ('2893585890'), ('4100000001'),
	('9990000010'), ('9000543664'), ('0000000000'), ('1111111111'),
	('9999999999'), ('943 476-5919'), ('94347659190'), ('9434 765919'),
	('943476591'), ('943476591X'), ('943.476.5919'), ('-9434765919'), (''),
	(' '), ('NOT KNOWN'), ('９４３４７６５９１９');
SELECT e.state, e.message, e.detail, e.echoed, count(*)
FROM invalid, error_of(written, 'nhs_number') AS e
GROUP BY 1, 2, 3, 4 ORDER BY min(position);
SELECT count(*) AS refused FROM invalid WHERE try_nhs_number(written) IS NULL;
SELECT try_nhs_number(NULL) IS NULL AS null_is_null;
-- ten equal digits pass the check digit, and are refused all the same
SELECT count(try_nhs_number(repeat(d::text, 10))) FROM generate_series(0, 9) AS d;

-- one stem in eleven has no check digit, the others one
SELECT valid, count(*) FROM (
	SELECT stem, count(try_nhs_number(concat(stem, digit))) AS valid
	FROM generate_series(999000000, 999010999) AS stem,
		 generate_series(0, 9) AS digit
	GROUP BY stem) AS s
GROUP BY valid ORDER BY valid;

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
SELECT soft_error_of('9990000010', 'nhs_number') AS soft;
SELECT soft_error_of('9990000018', 'nhs_number') IS NULL AS no_error;

-- ---------------------------------------------------------------------------
-- Ranges
-- ---------------------------------------------------------------------------
SELECT written, nhs_number_range(written::nhs_number)
FROM (VALUES ('0000000019'), ('0607230002'), ('1234567881'), ('3113000009'),
			 ('3456789106'), ('4000000004'), ('4505577104'), ('5466066893'),
			 ('6000000006'), ('8600000009'), ('9000000009'), ('9434765919'),
			 ('9990000018'), ('9999999492')) AS v (written);

-- ---------------------------------------------------------------------------
-- Casts
-- ---------------------------------------------------------------------------
CREATE TABLE person (nhs_number nhs_number, note text);
INSERT INTO person SELECT '9990000018'::text, 'text';
INSERT INTO person SELECT '999 000 0026'::varchar, 'varchar';
INSERT INTO person SELECT '999-000-0034'::char(12), 'char';
SELECT * FROM person;
CREATE TABLE written (a text, b varchar, c char(10));
INSERT INTO written SELECT nhs_number, nhs_number, nhs_number FROM person;
SELECT * FROM written;
SELECT nhs_number::bigint, 607230002::bigint::nhs_number FROM person LIMIT 1;
-- integers only where somebody asks for it, and text compares with nothing
INSERT INTO person SELECT 9990000018;
INSERT INTO person SELECT 9990000018::nhs_number + 1;
SELECT * FROM person WHERE nhs_number = '9990000018'::text;
SELECT * FROM person WHERE nhs_number = 9990000018;
-- an integer that is none
SELECT 9990000010::bigint::nhs_number;
SELECT 1111111111::bigint::nhs_number;
SELECT (-1)::bigint::nhs_number;
SELECT 10000000000::nhs_number;

-- ---------------------------------------------------------------------------
-- Order, equality, hashing
-- ---------------------------------------------------------------------------
SELECT a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge,
	   a > b AS gt, nhs_number_cmp(a, b) AS cmp
FROM (VALUES ('9990000018'::nhs_number, '9990000026'::nhs_number),
			 ('9990000018', '999 000 0018'),
			 ('9990000018', '0607230002')) AS v (a, b);
SELECT min(nhs_number), max(nhs_number) FROM person;

CREATE TABLE many (nhs_number nhs_number, n bigint);
INSERT INTO many
SELECT try_nhs_number(n::text), n FROM generate_series(9990000000, 9990029999) AS n
WHERE try_nhs_number(n::text) IS NOT NULL;
INSERT INTO many SELECT '0607230002', 607230002;
ANALYZE many;
SELECT count(*) FROM many;
-- sorted as bigint sorts
SELECT count(*) FROM (
	SELECT n, lag(n) OVER (ORDER BY nhs_number) AS before FROM many) AS s
WHERE before > n;
-- hashed as bigint hashes, and the 64-bit hash with seed 0 ends as the other
SELECT count(*) AS wrong FROM many
WHERE nhs_number_hash(nhs_number) <> hashint8(n)
   OR nhs_number_hash_extended(nhs_number, 0) <> hashint8extended(n, 0)
   OR nhs_number_hash_extended(nhs_number, 42) <> hashint8extended(n, 42)
   OR nhs_number_hash(nhs_number) <>
	  (nhs_number_hash_extended(nhs_number, 0)::bit(64) << 32)::bit(32)::integer;
SELECT count(DISTINCT nhs_number) FROM many;

SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many a JOIN many b USING (nhs_number);
SELECT count(*) FROM many a JOIN many b USING (nhs_number);
SET enable_mergejoin = on;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many a JOIN many b USING (nhs_number);
SELECT count(*) FROM many a JOIN many b USING (nhs_number);
RESET ALL;
SET search_path = public, caredata;
SET client_min_messages = warning;

CREATE TABLE part (nhs_number nhs_number, n bigint) PARTITION BY HASH (nhs_number);
CREATE TABLE part_0 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part SELECT nhs_number, n FROM many;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions FROM part;
SELECT n FROM part WHERE nhs_number = '9990000018';

-- ---------------------------------------------------------------------------
-- Indexes, also where a policy comes first: the operators are leakproof, so
-- the index condition may run before the policy does
-- ---------------------------------------------------------------------------
SELECT amname, amvalidate(c.oid)
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE opcintype = 'nhs_number'::regtype ORDER BY amname;
SELECT DISTINCT p.proleakproof
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE o.oprleft = 'nhs_number'::regtype;

CREATE ROLE regress_nhs_number_reader;
CREATE INDEX many_btree ON many (nhs_number);
CREATE FUNCTION allowed(n bigint) RETURNS boolean
	LANGUAGE plpgsql STABLE AS 'BEGIN RETURN n <> 9990000026; END';
CREATE POLICY allowed ON many TO regress_nhs_number_reader USING (allowed(n));
ALTER TABLE many ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON many TO regress_nhs_number_reader;
SET ROLE regress_nhs_number_reader;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT n FROM many WHERE nhs_number = '9990000018';
EXPLAIN (COSTS OFF) SELECT n FROM many
	WHERE nhs_number = ANY (ARRAY['9990000018', '9990000026']::nhs_number[]);
EXPLAIN (COSTS OFF) SELECT n FROM many WHERE nhs_number < '4000000004';
SELECT n FROM many
WHERE nhs_number = ANY (ARRAY['9990000018', '9990000026']::nhs_number[]);
SELECT n FROM many WHERE nhs_number < '4000000004';
RESET ROLE;
DROP INDEX many_btree;
CREATE INDEX many_hash ON many USING hash (nhs_number);
SET ROLE regress_nhs_number_reader;
EXPLAIN (COSTS OFF) SELECT n FROM many WHERE nhs_number = '9990000018';
SELECT n FROM many WHERE nhs_number = '9990000018';
RESET ROLE;
RESET enable_bitmapscan;
CREATE UNIQUE INDEX many_unique ON many (nhs_number);

-- ---------------------------------------------------------------------------
-- Binary form: that of bigint, checked on the way in
-- ---------------------------------------------------------------------------
SELECT nhs_number_send('9990000018') = int8send(9990000018) AS same_as_bigint;
SELECT current_setting('data_directory') || '/regress_nhs_number.bin' AS file \gset
COPY (SELECT nhs_number FROM many) TO :'file' (FORMAT binary);
CREATE TABLE copied (nhs_number nhs_number);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) AS rows, count(*) FILTER (WHERE m.n IS NULL) AS wrong
FROM copied LEFT JOIN many m USING (nhs_number);
COPY (SELECT 9990000010) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT 1111111111::bigint) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT 7::smallint) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY (SELECT 1::numeric(30, 20)) TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) FROM copied;
COPY (SELECT) TO PROGRAM 'rm -f regress_nhs_number.bin';

\c postgres
DROP DATABASE regress_nhs_number;
DROP ROLE regress_nhs_number_reader;
