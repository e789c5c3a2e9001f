--
-- fpe_encrypt() and nhs_like(). The ciphers themselves are tested in test/unit:
-- the published samples, whole domains, two million numbers.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_format;
\c regress_format
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
SET search_path = public, caredata;
CREATE ROLE regress_format_reader NOLOGIN;
CREATE ROLE regress_format_other NOLOGIN;
SELECT caredata.create_domain('one', 'regress_format_reader') AS one, caredata.create_domain('two', 'regress_format_other') AS two \gset

-- there and back, of the same form; by name and by handle the same
SELECT count(*) AS rows, count(DISTINCT e) AS ciphers, bool_and(e ~ '^[0-9]{8}$') AS form,
	   bool_and(fpe_decrypt(e, 10, '\x6c6f63616c', 'one') = v) AS reversed,
	   bool_and(e = fpe_encrypt(v, 10, '\x6c6f63616c', :'one'::release_ref)) AS same_by_handle,
	   count(*) FILTER (WHERE e = v) < 5 AS changed,
	   count(*) FILTER (WHERE e = fpe_encrypt(v, 10, '\x6c6f63616c', 'two')) < 5 AS other_domain,
	   count(*) FILTER (WHERE e = fpe_encrypt(v, 10, '\x', 'one')) < 5 AS other_tweak
FROM (SELECT v, fpe_encrypt(v, 10, '\x6c6f63616c', 'one') AS e
	  FROM (SELECT to_char(g, 'FM00000000') AS v FROM generate_series(0, 50000) g) g) v;
-- forms that change from row to row, in both directions
SELECT count(*) AS rows, bool_and(length(e) = length(v)) AS lengths, bool_and(fpe_decrypt(e, r, t, 'one') = v) AS reversed
FROM (SELECT v, r, t, fpe_encrypt(v, r, t, 'one') AS e
	  FROM (SELECT substr(repeat(md5(g::text), 2), 1, 6 + g % 40) AS v, 16 + g % 21 AS r, decode(substr(md5(g::text), 1, 2 * (g % 16)), 'hex') AS t
			FROM generate_series(1, 2000) g) g) v;
SELECT fpe_encrypt('123456', 10, '\x', 'one') ~ '^[0-9]{6}$' AS shortest, length(fpe_encrypt(repeat('7', 72), 10, '\x', 'one')) AS longest;
SELECT fpe_encrypt(NULL, 10, '\x', 'one') IS NULL AND fpe_encrypt('123456', NULL, '\x', 'one') IS NULL
	AND fpe_encrypt('123456', 10, NULL, 'one') IS NULL AND fpe_encrypt('123456', 10, '\x', NULL::name) IS NULL
	AND fpe_encrypt('123456', 10, '\x', NULL::release_ref) IS NULL AS strict;
-- refused, without the value
SELECT fpe_encrypt('12345', 10, '\x', 'one');
SELECT fpe_encrypt('', 10, '\x', 'one');
SELECT fpe_encrypt(repeat('7', 73), 10, '\x', 'one');
SELECT fpe_encrypt(repeat('7', 100000), 10, '\x', 'one');
SELECT fpe_encrypt('123456', 1, '\x', 'one');
SELECT fpe_encrypt('123456', 37, '\x', 'one');
SELECT fpe_encrypt('123456', -10, '\x', 'one');
SELECT fpe_encrypt('123456', 10, decode(repeat('00', 257), 'hex'), 'one');
SELECT fpe_encrypt('12345a', 10, '\x', 'one');
SELECT fpe_encrypt('12345A', 36, '\x', 'one');
SELECT fpe_encrypt('123 456', 10, '\x', 'one');
SELECT fpe_encrypt(E'12345\u00e9', 36, '\x', 'one');
SELECT fpe_decrypt('12345a', 10, '\x', 'one');
SELECT fpe_encrypt('123456', 10, '\x', 'nowhere');
SELECT fpe_encrypt('123456', 10, '\x', '99'::release_ref);
-- after a refusal the next call is right
DO $$
DECLARE
	v text;
	refused integer := 0;
	right_ones integer := 0;
BEGIN
	FOREACH v IN ARRAY '{123456,12345,123456,12345x,1234567,123456}'::text[] LOOP
		BEGIN
			IF fpe_decrypt(fpe_encrypt(v, 10, '\x', 'one'), 10, '\x', 'one') = v THEN
				right_ones := right_ones + 1;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			refused := refused + 1;
		END;
	END LOOP;
	RAISE WARNING '% right, % refused', right_ones, refused;
END $$;

-- nhs_like: never an NHS number, each its own, back again
CREATE TABLE numbers AS
SELECT n FROM (SELECT try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(0, 300000) g) g WHERE n IS NOT NULL;
SELECT count(*) > 27000 AS rows, count(*) = count(DISTINCT l) AS each_its_own, bool_and(l ~ '^[0-9]{10}$') AS ten_digits,
	   count(try_nhs_number(l)) AS pass_for_numbers, bool_and(nhs_number_of_like(l, 'one') = n) AS reversed,
	   bool_and(l = nhs_like(n, :'one'::release_ref)) AS same_by_handle,
	   count(*) FILTER (WHERE l = nhs_like(n, 'two')) < 3 AS other_domain,
	   count(*) FILTER (WHERE nhs_number_of_like(l, 'two') = n) < 3 AS foreign_reversed
FROM (SELECT n, nhs_like(n, 'one') AS l FROM numbers) v;
-- what it never makes leads nowhere
SELECT count(nhs_number_of_like(n::text, 'one')) AS of_valid_numbers FROM numbers;
SELECT count(*) AS of_ten_last_digits, count(nhs_number_of_like(left(l, 9) || d, 'one')) AS found
FROM (SELECT nhs_like(n, 'one') AS l FROM numbers LIMIT 1000) v, generate_series(0, 9) d;
SELECT nhs_number_of_like('', 'one') IS NULL AND nhs_number_of_like('123456789', 'one') IS NULL AND nhs_number_of_like('12345678901', 'one') IS NULL
	AND nhs_number_of_like('12345678x0', 'one') IS NULL AND nhs_number_of_like('1234 56789', 'one') IS NULL AS nowhere;
SELECT nhs_like(NULL, 'one') IS NULL AND nhs_like('9990000018', NULL::name) IS NULL AS strict;
CREATE INDEX ON numbers (nhs_like(n, 'one'));

-- what an older generation made is read by its number, until that is closed
CREATE TABLE before AS SELECT n, nhs_like(n, 'two') AS l, fpe_encrypt(n::text, 10, '\x', 'two') AS e FROM numbers LIMIT 500;
SELECT rotate_domain_key(:'two'::integer);
SELECT count(*) FILTER (WHERE nhs_number_of_like(l, 'two') = n) < 3 AS newest, count(*) FILTER (WHERE nhs_number_of_like(l, 'two', 2) = n) < 3 AS second,
	   count(*) FILTER (WHERE nhs_number_of_like(l, 'two', 1) = n) AS first, count(*) FILTER (WHERE fpe_decrypt(e, 10, '\x', 'two', 1) = n::text) AS first_too,
	   count(*) FILTER (WHERE fpe_decrypt(e, 10, '\x', 'two') = n::text) AS none
FROM before;
-- one call site, either generation
SELECT count(*) FROM (SELECT n, l, 1 AS g FROM before UNION ALL SELECT n, nhs_like(n, 'two'), 2 FROM before) v WHERE nhs_number_of_like(l, 'two', g) = n;
SELECT nhs_number_of_like(l, 'two', 3) FROM before;
SELECT nhs_number_of_like(l, 'two', 0) FROM before;
SELECT fpe_decrypt(e, 10, '\x', 'two', -1) FROM before;
SELECT fpe_decrypt('123456', 10, '\x', 'two', NULL) IS NULL AS strict;
SELECT close_domain_generation(:'two'::integer, 1);
SELECT nhs_number_of_like(l, 'two', 1) FROM before;
SELECT fpe_decrypt(e, 10, '\x', 'two', 1) FROM before;
DROP TABLE before;

-- in parallel workers
ANALYZE numbers;
SELECT md5(string_agg(nhs_like(n, 'one'), ',' ORDER BY n)) AS alone FROM numbers \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT max(nhs_like(n, 'one')) FROM numbers;
SELECT md5(string_agg(l, ',' ORDER BY n)) = :'alone' AS same FROM (SELECT n, nhs_like(n, 'one') AS l FROM numbers OFFSET 0) v;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- a DBA's view for the readers of a release
CREATE VIEW public.for_readers AS SELECT nhs_like(n, :'one'::release_ref) AS l, fpe_encrypt(n::text, 10, '\x', :'one'::release_ref) AS e FROM numbers;
GRANT SELECT ON public.for_readers TO PUBLIC;
GRANT EXECUTE ON FUNCTION nhs_like(nhs_number, release_ref), fpe_encrypt(text, integer, bytea, release_ref) TO regress_format_reader, regress_format_other;
SET ROLE regress_format_reader;
SELECT count(l) = count(*) AS reads, count(e) = count(*) AS reads_too FROM public.for_readers;
SET ROLE regress_format_other;
SELECT count(l) FROM public.for_readers;
SELECT count(e) FROM public.for_readers;
SELECT nhs_like('9990000018', '2'::release_ref);
SELECT fpe_encrypt('123456', 10, '\x', '2'::release_ref);
RESET ROLE;

-- who may, by name; and going back, also where EXECUTE was granted
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE calls (call text);
INSERT INTO calls VALUES
	($$SELECT caredata.fpe_encrypt('123456', 10, '\x', 'one')$$),
	($$SELECT caredata.nhs_like('9990000018', 'one'::name)$$),
	($$SELECT caredata.fpe_decrypt('123456', 10, '\x', 'one')$$),
	($$SELECT caredata.nhs_number_of_like('1234567890', 'one')$$),
	($$SELECT caredata.fpe_decrypt('123456', 10, '\x', 'one', 1)$$),
	($$SELECT caredata.nhs_number_of_like('1234567890', 'one', 1)$$),
	($$SELECT caredata.nhs_like('9990000018', '1'::caredata.release_ref)$$),
	($$SELECT caredata.fpe_encrypt('123456', 10, '\x', '1'::caredata.release_ref)$$);
GRANT SELECT ON calls TO PUBLIC;
CREATE ROLE regress_format_user NOLOGIN;
CREATE FUNCTION public.try_as(role name) RETURNS TABLE (who name, allowed text[], refused bigint, otherwise bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET ROLE %I', role);
	RETURN QUERY SELECT role, array_agg(substr(call, 17, 9) ORDER BY call) FILTER (WHERE r = 'done'), count(*) FILTER (WHERE r = '42501'), count(*) FILTER (WHERE r NOT IN ('done', '42501'))
		FROM (SELECT call, public.attempt(call) AS r FROM public.calls) c;
	RESET ROLE;
END $$;
SELECT t.* FROM unnest(ARRAY['regress_format_user', 'regress_format_reader', 'caredata_admin', 'caredata_loader',
	'caredata_guardian', 'caredata_auditor', 'caredata_linker']::name[]) r, public.try_as(r) t;
GRANT EXECUTE ON FUNCTION nhs_like(nhs_number, name), fpe_encrypt(text, integer, bytea, name), fpe_decrypt(text, integer, bytea, name),
	nhs_number_of_like(text, name), fpe_decrypt(text, integer, bytea, name, integer), nhs_number_of_like(text, name, integer) TO PUBLIC;
SELECT t.* FROM unnest(ARRAY['regress_format_user', 'regress_format_reader', 'caredata_admin', 'caredata_loader',
	'caredata_guardian', 'caredata_auditor', 'caredata_linker']::name[]) r, public.try_as(r) t;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_format;
DROP ROLE regress_format_user, regress_format_reader, regress_format_other;
