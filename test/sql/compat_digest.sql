--
-- Digests of other tools, with salts from files. The vectors are published or
-- recomputed ones; test/unit has the edges of the tools' rules.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_compat;
\c regress_compat
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
SET search_path = public, caredata;
\getenv abs_builddir PG_ABS_BUILDDIR
\set directory :abs_builddir '/results/'

-- salts that the tools' authors published; a real one is never written in SQL
\set mackerel :directory regress_mackerel.salt
\set s1 :directory regress_s1.salt
\set s2 :directory regress_s2.salt
\set fixture :directory regress_fixture.salt
\set write 'umask 077; cat > ' :mackerel
COPY (SELECT 'mackerel') TO PROGRAM :'write';
\set write 'umask 077; tr -d "\n" > ' :s1
COPY (SELECT '1234567890abcdef1234567890abcdef') TO PROGRAM :'write';
\set write 'umask 077; sed "s/$/\r/" > ' :s2
COPY (SELECT '0123456789abcdef1234567890abcdef') TO PROGRAM :'write';
\set write 'umask 077; cat > ' :fixture
COPY (SELECT '515b619eb6cbbbaaf603f9d1dcebc700447efcc765271c5187137cc6b5231c6b') TO PROGRAM :'write';
SELECT import_compat_secret('mackerel', :'mackerel'), import_compat_secret('s1', :'s1'), import_compat_secret('s2', :'s2'),
	   import_compat_secret('fixture', :'fixture');
SELECT name, octet_length(wrapped_secret) AS bytes, imported_by = session_user AS by_me, imported_at IS NOT NULL AS at FROM compat_secret ORDER BY name;
SELECT count(*) AS in_clear FROM compat_secret WHERE position('mackerel'::bytea IN wrapped_secret) > 0;

-- OpenPseudonymiser
SELECT open_pseudonymiser_digest('mackerel', 'DOB', '29.11.1973', 'NHSNumber', '943 476 5919') AS both;
SELECT open_pseudonymiser_digest('mackerel', 'NHSNumber', '943 476 5919', 'DOB', '29.11.1973') AS order_of_names;
SELECT open_pseudonymiser_digest('mackerel', 'DOB', '29.11.2011', 'NHSNumber', '9434765919') AS later;
SELECT open_pseudonymiser_digest('mackerel', VARIADIC ARRAY['NEWNHSNO', '943-476-5919']) AS nhs_number;
SELECT open_pseudonymiser_digest('mackerel', 'DOB', '', 'NHSNumber', '943 476 5919') AS blank_date;
SELECT open_pseudonymiser_digest('mackerel', 'DOB', NULL, 'NHSNumber', '943 476 5919') IS NULL AS missing;
SELECT open_pseudonymiser_digest('mackerel', VARIADIC NULL) IS NULL AS no_fields;
SELECT open_pseudonymiser_digest('mackerel', 'DOB');
SELECT open_pseudonymiser_digest('mackerel', VARIADIC '{}');
SELECT open_pseudonymiser_digest('mackerel', 'a', '1', 'a', '2');
SELECT open_pseudonymiser_digest('mackerel', 'a-b', '1');
SELECT open_pseudonymiser_digest('mackerel', NULL, '1');
SELECT open_pseudonymiser_digest('mackerel', VARIADIC array_agg(g::text)) FROM generate_series(1, 34) g;

-- NDR
SELECT ndr_pseudo_id1('1234567881', 's1') AS pseudo_id1, ndr_pseudo_id2('1975-10-22', 'CB22 3AD', 's1') AS pseudo_id2 \gx
SELECT ndr_repseudonym(ndr_pseudo_id1('1234567881', 's1'), 's2') AS repseudonym1,
	   ndr_short_repseudonym(ndr_pseudo_id1('1234567881', 's1'), 's2') AS short1,
	   ndr_repseudonym(ndr_pseudo_id2('1975-10-22', 'CB22 3AD', 's1'), 's2') AS repseudonym2,
	   ndr_short_repseudonym(ndr_pseudo_id2('1975-10-22', 'CB22 3AD', 's1'), 's2') AS short2 \gx
SELECT n, ndr_pseudo_id1(n, 'fixture') FROM unnest(ARRAY['9999999468', '9999999476', '9999999484', '1111111111']) n;
SELECT ndr_pseudo_id2('1975-10-22', 'cb223ad', 's1') = ndr_pseudo_id2('1975-10-22', 'CB22 3AD', 's1') AS same_postcode,
	   ndr_pseudo_id1('', 's1') IS NULL AS blank, ndr_pseudo_id1('123 456 7881', 's1') IS NULL AS spaces,
	   ndr_pseudo_id2('1975-10-22', '', 's1') IS NULL AS no_postcode, ndr_pseudo_id2('1975-10-22', 'CB22-3AD', 's1') IS NULL AS hyphen,
	   ndr_pseudo_id2('infinity', 'CB22 3AD', 's1') IS NULL AS infinite, ndr_pseudo_id2('0044-03-15 BC', 'CB22 3AD', 's1') IS NULL AS before_christ,
	   ndr_repseudonym('f82845dec2cd7379', 's2') IS NULL AS short, ndr_short_repseudonym('', 's2') IS NULL AS blank_id,
	   ndr_pseudo_id1(NULL, 's1') IS NULL AND ndr_pseudo_id2(NULL, 'CB22 3AD', 's1') IS NULL AND ndr_repseudonym(NULL, 's1') IS NULL AS strict \gx

-- plain salting, against PostgreSQL's own digest
SELECT salted_sha256('9990000018', 's1') = encode(sha256('99900000181234567890abcdef1234567890abcdef'), 'hex') AS salt_last,
	   salted_sha256('9990000018', 's1', true) = encode(sha256('1234567890abcdef1234567890abcdef9990000018'), 'hex') AS salt_first,
	   salted_sha256('', 's1') = encode(sha256('1234567890abcdef1234567890abcdef'), 'hex') AS empty,
	   salted_sha256(E'\u00e9', 's1') = encode(sha256('\xc3a9'::bytea || '1234567890abcdef1234567890abcdef'::bytea), 'hex') AS utf8,
	   salted_sha256(repeat('x', 100000), 's1') = encode(sha256((repeat('x', 100000) || '1234567890abcdef1234567890abcdef')::bytea), 'hex') AS long,
	   salted_sha256('9990000018', 's1') = salted_sha256('9990000018', 's2') AS other_salt,
	   salted_sha256(NULL, 's1') IS NULL AND salted_sha256('x', NULL) IS NULL AS strict \gx

-- secrets: of their name only, gone with a rollback, replaced under another name
SELECT salted_sha256('x', 'nowhere');
SELECT import_compat_secret('s1', :'s2');
BEGIN;
UPDATE compat_secret SET name = 'renamed' WHERE name = 's1';
SELECT salted_sha256('x', 'renamed');
ROLLBACK;
BEGIN;
UPDATE compat_secret a SET wrapped_secret = b.wrapped_secret FROM compat_secret b WHERE a.name = 's1' AND b.name = 's2';
SELECT salted_sha256('x', 's1');
ROLLBACK;
DO $$
DECLARE
	refused integer := 0;
	bytes integer := (SELECT octet_length(wrapped_secret) FROM compat_secret WHERE name = 'mackerel');
BEGIN
	FOR i IN 0 .. bytes - 1 LOOP
		BEGIN
			UPDATE compat_secret SET wrapped_secret = set_bit(wrapped_secret, i * 8 + i % 8, 1 - get_bit(wrapped_secret, i * 8 + i % 8)) WHERE name = 'mackerel';
			PERFORM salted_sha256('x', 'mackerel');
			RAISE EXCEPTION 'accepted';
		EXCEPTION
			WHEN data_corrupted THEN refused := refused + 1;
			WHEN raise_exception THEN RAISE WARNING 'byte %: altered secret was accepted', i;
		END;
	END LOOP;
	RAISE WARNING '% of % altered secrets refused', refused, bytes;
END $$;
BEGIN;
SELECT drop_compat_secret('s1');
SELECT salted_sha256('x', 's1');
ROLLBACK;
SELECT salted_sha256('x', 's1') IS NOT NULL AS back;
BEGIN;
SELECT drop_compat_secret('s1'), import_compat_secret('s1', :'s2');
SELECT salted_sha256('x', 's1') = salted_sha256('x', 's2') AS replaced;
ROLLBACK;
SELECT drop_compat_secret('nowhere');
-- the first secret of a database binds it to the master key, and a lost
-- binding is not made anew
SELECT count(*) AS bound FROM master_key_check;
BEGIN;
DELETE FROM master_key_check;
SELECT import_compat_secret('late', :'s2');
ROLLBACK;

-- files that are refused
\set unsafe :directory regress_unsafe.salt
\set missing :directory regress_missing.salt
\set write 'umask 022; cat > ' :unsafe
COPY (SELECT 'mackerel') TO PROGRAM :'write';
SELECT import_compat_secret('bad', :'unsafe');
SELECT import_compat_secret('bad', :'directory');
SELECT import_compat_secret('bad', :'missing');
SELECT import_compat_secret('bad', 'regress_mackerel.salt');
SELECT import_compat_secret('bad', current_setting('data_directory') || '/PG_VERSION');
SELECT import_compat_secret('bad', '/etc/passwd');
\set write 'chmod 600 ' :unsafe '; : > ' :unsafe
COPY (SELECT '') TO PROGRAM :'write';
SELECT import_compat_secret('bad', :'unsafe');
\set write 'cat > ' :unsafe
COPY (SELECT '') TO PROGRAM :'write';
SELECT import_compat_secret('bad', :'unsafe');
COPY (SELECT repeat('x', 1025)) TO PROGRAM :'write';
SELECT import_compat_secret('bad', :'unsafe');
COPY (SELECT repeat('x', 1024)) TO PROGRAM :'write';
SELECT import_compat_secret('longest', :'unsafe');
SELECT salted_sha256('', 'longest') = encode(sha256(repeat('x', 1024)::bytea), 'hex') AS longest;
-- blanks of a salt count, and only one line end is left out
\set write 'cat > /dev/null; printf " a b \n\n" > ' :unsafe
COPY (SELECT '') TO PROGRAM :'write';
SELECT import_compat_secret('blanks', :'unsafe');
SELECT salted_sha256('x', 'blanks') = encode(sha256(E'x a b \n'), 'hex') AS blanks;
SELECT count(*) AS bad FROM compat_secret WHERE name = 'bad';
\set write 'rm -f ' :mackerel ' ' :s1 ' ' :s2 ' ' :fixture ' ' :unsafe
COPY (SELECT '') TO PROGRAM :'write';

-- in parallel workers
CREATE TABLE many AS SELECT (9990000000 + g)::text AS t FROM generate_series(1, 20000) g;
ANALYZE many;
SELECT min(ndr_pseudo_id1(t, 's1')) AS first FROM many \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT min(ndr_pseudo_id1(t, 's1')) FROM many;
SELECT min(ndr_pseudo_id1(t, 's1')) = :'first' AS same FROM many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- who may: superusers and caredata_linker, and secrets only superusers
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE calls (call text);
INSERT INTO calls VALUES
	($$SELECT caredata.open_pseudonymiser_digest('s1', 'a', '1')$$),
	($$SELECT caredata.ndr_pseudo_id1('9990000018', 's1')$$),
	($$SELECT caredata.ndr_pseudo_id2('1975-10-22', 'CB22 3AD', 's1')$$),
	($$SELECT caredata.ndr_repseudonym(repeat('0', 64), 's1')$$),
	($$SELECT caredata.ndr_short_repseudonym(repeat('0', 64), 's1')$$),
	($$SELECT caredata.salted_sha256('a', 's1')$$),
	($$SELECT caredata.import_compat_secret('x', '/etc/passwd')$$),
	($$SELECT caredata.wrap_secret('x', '/etc/passwd')$$),
	($$SELECT caredata.drop_compat_secret('s1')$$),
	($$SELECT caredata.rewrap_secret('s1', '\x00')$$),
	($$SELECT caredata.check_secret('s1', '\x00')$$),
	($$SELECT caredata.adopt_master_key()$$),
	($$SELECT * FROM caredata.compat_secret$$);
GRANT SELECT ON calls TO PUBLIC;
CREATE ROLE regress_compat_user NOLOGIN;
CREATE FUNCTION public.try_as(role name) RETURNS TABLE (who name, allowed bigint, refused bigint, otherwise bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET ROLE %I', role);
	RETURN QUERY SELECT role, count(*) FILTER (WHERE r = 'done'), count(*) FILTER (WHERE r = '42501'), count(*) FILTER (WHERE r NOT IN ('done', '42501'))
		FROM (SELECT public.attempt(call) AS r FROM public.calls) c;
	RESET ROLE;
END $$;
SELECT t.* FROM unnest(ARRAY['regress_compat_user', 'caredata_admin', 'caredata_loader', 'caredata_guardian', 'caredata_auditor',
	'caredata_linker']::name[]) r, public.try_as(r) t;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA caredata TO PUBLIC;
SELECT t.* FROM unnest(ARRAY['regress_compat_user', 'caredata_admin', 'caredata_loader', 'caredata_guardian', 'caredata_auditor',
	'caredata_linker']::name[]) r, public.try_as(r) t;
-- what a dump has
SELECT c.oid::regclass AS carried FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig)
WHERE extname = 'caredata' AND relname = 'compat_secret';

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_compat;
DROP ROLE regress_compat_user;
