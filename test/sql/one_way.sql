--
-- pseudonym_of() and pid_of(): pseudonyms for a DBA's own tables. What counts
-- as the same, what never does, and who may ask.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_one_way;
\c regress_one_way
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
SET search_path = public, caredata;
CREATE ROLE regress_one_way_reader NOLOGIN;
SELECT caredata.create_domain('research', 'regress_one_way_reader') AS h, caredata.create_domain('other') \gset

-- the same person, written in every way
CREATE TABLE same (n integer, p pseudonym);
INSERT INTO same VALUES
	(1, pseudonym_of('research', 'nhs_number', '9990000018'::nhs_number, 'date', date '1975-10-22', 'postcode', 'CB22 3AD'::postcode, 'sex', '2')),
	(2, pseudonym_of('research', 'nhs_number', '999 000 0018', 'date', '1975-10-22', 'postcode', 'cb223ad', 'sex', 'F')),
	(3, pseudonym_of('research', 'nhs_number', ' 999-000-0018 '::text, 'date', '22/10/1975'::text, 'postcode', 'CB22  3AD'::text, 'sex', 'female'::text)),
	(4, pseudonym_of('research', 'nhs_number'::text, '9990000018'::varchar, 'date'::varchar, '19751022'::varchar, 'postcode', 'CB223AD'::varchar, 'sex', '2'::varchar)),
	(5, pseudonym_of('research'::text::name, 'nhs_number?', '9990000018', 'date', '1975-10-22T00:00:00', 'postcode?', 'CB22 3AD', 'sex?', 'Female'));
SELECT count(*) AS ways, count(DISTINCT p) AS pseudonyms FROM same;
-- and what is another: domain, order, kind, value, where a field ends
SELECT count(*) AS fields, count(DISTINCT p) AS pseudonyms FROM (VALUES
	((SELECT p FROM same LIMIT 1)),
	(pseudonym_of('other', 'nhs_number', '9990000018', 'date', '1975-10-22', 'postcode', 'CB22 3AD', 'sex', '2')),
	(pseudonym_of('research', 'date', '1975-10-22', 'nhs_number', '9990000018', 'postcode', 'CB22 3AD', 'sex', '2')),
	(pseudonym_of('research', 'nhs_number', '9990000018', 'date', '1975-10-22', 'postcode', 'CB22 3AD')),
	(pseudonym_of('research', 'nhs_number', '9990000018')),
	(pseudonym_of('research', 'text', '9990000018')),
	(pseudonym_of('research', 'exact', '9990000018')),
	(pseudonym_of('research', 'nhs_number', '9990000026')),
	(pseudonym_of('research', 'sex', '1')), (pseudonym_of('research', 'sex', '2')),
	(pseudonym_of('research', 'sex', '9')), (pseudonym_of('research', 'sex', '0')),
	(pseudonym_of('research', 'text', '1')), (pseudonym_of('research', 'exact', '1')),
	(pseudonym_of('research', 'date', '1975-10-22')), (pseudonym_of('research', 'text', '1975-10-22')),
	(pseudonym_of('research', 'text', 'ab', 'text', 'c')),
	(pseudonym_of('research', 'text', 'a', 'text', 'bc')),
	(pseudonym_of('research', 'text', 'abc')),
	(pseudonym_of('research', 'text', 'abc', 'text?', NULL)),
	(pseudonym_of('research', 'text?', NULL, 'text', 'abc')),
	(pseudonym_of('research', 'text', 'abc', 'exact?', NULL)),
	(pseudonym_of('research', 'text', 'abc', 'text?', NULL, 'text?', NULL))) v (p);
SELECT pid_of('9990000018'::nhs_number, 'research') <> ALL (ARRAY[pid_of(9990000018::bigint, 'research'),
	pid_of('9990000018'::nhs_number, 'other'), pseudonym_of('research', 'nhs_number', '9990000018'),
	record_pid(9990000018::bigint, :'h'::release_ref), record_pid('9990000018'::text, :'h'::release_ref)]) AS its_own;

-- a missing or unreadable value of a mandatory field gives NULL
SELECT pseudonym_of('research', 'nhs_number', NULL, 'date', '1975-10-22') AS missing,
	   pseudonym_of('research', 'date', '1975-10-22', 'nhs_number', NULL::nhs_number) AS missing_typed,
	   pseudonym_of('research', 'nhs_number', '9990000010') AS check_digit,
	   pseudonym_of('research', 'nhs_number', '1111111111') AS equal_digits,
	   pseudonym_of('research', 'date', '1975-02-29') AS no_date,
	   pseudonym_of('research', 'date', date 'infinity') AS infinite,
	   pseudonym_of('research', 'date', date '0044-03-15 BC') AS before_christ,
	   pseudonym_of('research', 'date', date '10000-01-01') AS too_late,
	   pseudonym_of('research', 'postcode', 'ZZ99 3VZ') AS no_abode,
	   pseudonym_of('research', 'postcode', 'ZZ99 3VZ'::postcode) AS no_abode_typed,
	   pseudonym_of('research', 'sex', 'q') AS no_sex,
	   pseudonym_of('research', 'text', ' 	') AS blank,
	   pseudonym_of('research', 'exact', '') AS empty,
	   pseudonym_of(NULL, 'text', 'a') AS no_domain;
-- in an optional field it counts as absent, and absent is a value
SELECT count(DISTINCT p) AS one FROM (VALUES
	(pseudonym_of('research', 'date', '1975-10-22', 'postcode?', NULL)),
	(pseudonym_of('research', 'date', '1975-10-22', 'postcode?', NULL::postcode)),
	(pseudonym_of('research', 'date', '1975-10-22', 'postcode?', 'ZZ99 3VZ')),
	(pseudonym_of('research', 'date', '1975-10-22', 'postcode?', 'rubbish'))) v (p);

-- texts: space and ASCII case do not count, composed or not does not; exact
-- texts are taken as they are
SELECT pseudonym_of('research', 'text', '  o''brien 	smith ') = pseudonym_of('research', 'text', 'O''Brien Smith') AS folded,
	   pseudonym_of('research', 'text', E'Caf\u00e9') = pseudonym_of('research', 'text', E'CAFe\u0301') AS composed_e,
	   pseudonym_of('research', 'text', E'\u00e9') = pseudonym_of('research', 'text', E'e\u0301') AS composed,
	   pseudonym_of('research', 'text', E'\u00e9') = pseudonym_of('research', 'text', E'\u00c9') AS other_case,
	   pseudonym_of('research', 'text', E'\u1100\u1161') = pseudonym_of('research', 'text', E'\uac00') AS hangul,
	   pseudonym_of('research', 'exact', E'\u00e9') = pseudonym_of('research', 'exact', E'e\u0301') AS exact_composed,
	   pseudonym_of('research', 'exact', 'a') = pseudonym_of('research', 'exact', 'A') AS exact_case,
	   pseudonym_of('research', 'exact', 'a') = pseudonym_of('research', 'exact', 'a ') AS exact_space;
-- long ones, and many: the message leaves the stack and the first block
SELECT count(DISTINCT pseudonym_of('research', 'text', repeat('x', n))) AS lengths FROM generate_series(1, 600) n;
SELECT count(DISTINCT pseudonym_of('research', 'text', repeat('x', 100000 + n), 'exact', repeat('y', 300 * n))) AS long FROM generate_series(1, 20) n;
SELECT pseudonym_of('research', 'text', 'a', 'text', 'b', 'text', 'c', 'text', 'd', 'text', 'e', 'text', 'f', 'text', 'g', 'text', 'h',
	'text', 'i', 'text', 'j', 'text', 'k', 'text', 'l', 'text', 'm', 'text', 'n', 'text', 'o', 'text', 'p') IS NOT NULL AS sixteen;

-- calls that make no sense; no message has a value
SELECT pseudonym_of('research', 'text', 'a', 'text', 'b', 'text', 'c', 'text', 'd', 'text', 'e', 'text', 'f', 'text', 'g', 'text', 'h',
	'text', 'i', 'text', 'j', 'text', 'k', 'text', 'l', 'text', 'm', 'text', 'n', 'text', 'o', 'text', 'p', 'text', 'q');
SELECT pseudonym_of('research');
SELECT pseudonym_of('research', 'text');
SELECT pseudonym_of('research', 'text', 'a', 'text');
SELECT pseudonym_of('research', 'TEXT', 'a');
SELECT pseudonym_of('research', NULL, 'a');
SELECT pseudonym_of('research', 5, 'a');
SELECT pseudonym_of('research', '9990000018', 'nhs_number');
SELECT pseudonym_of('research', 'text', 'a', 'text', 5);
SELECT pseudonym_of('research', 'nhs_number', 9990000018);
SELECT pseudonym_of('research', 'date', '9990000018'::nhs_number);
SELECT pseudonym_of('research', 'text', date '1975-10-22');
SELECT pseudonym_of('research', 'exact', 'a'::char(4));
SELECT pseudonym_of('research', VARIADIC ARRAY['text', 'a']);
SELECT pseudonym_of('nowhere', 'text', 'a');
SELECT pid_of(1::bigint, 'nowhere');
-- kinds that change from row to row
SELECT k, pseudonym_of('research', k, v) IS NULL AS no_pseudonym FROM (VALUES ('text', 'F'), ('sex', 'F'), ('date', 'F'), ('date?', 'F')) v (k, v);
DO $$
DECLARE
	kind text;
	seen pseudonym[] := '{}';
BEGIN
	FOREACH kind IN ARRAY '{text,exact,sex,text}'::text[] LOOP
		seen := seen || pseudonym_of('research', kind, 'M'::text);
	END LOOP;
	RAISE WARNING 'kinds %, again the same: %', (SELECT count(DISTINCT s) FROM unnest(seen) s), seen[1] = seen[4];
END $$;
-- domains of text type that a DBA made
CREATE DOMAIN reference AS text;
SELECT pseudonym_of('research', 'text', 'ab'::reference) = pseudonym_of('research', 'text', 'ab') AS domain_over_text;

-- pid_of() is a permutation, and its reverse refuses what is not its own
SELECT count(*) AS rows, count(DISTINCT p) AS pseudonyms, bool_and(number_of(p, 'research') = n) AS reversed,
	   count(number_of(p, 'other')) AS foreign_accepted, count(nhs_number_of(p, 'research')) AS other_sort_accepted,
	   max(person_of(p, :'h'::release_ref)) AS person
FROM (SELECT n, pid_of(n, 'research') AS p FROM generate_series(-100000::bigint, 100000) n) v;
SELECT count(*) > 18000 AS rows, bool_and(nhs_number_of(p, 'research') = n) AS reversed,
	   count(nhs_number_of(p, 'other')) AS foreign_accepted, count(number_of(p, 'research')) AS other_sort_accepted
FROM (SELECT n, pid_of(n, 'research') AS p
	  FROM (SELECT try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(0, 200000) g) g WHERE n IS NOT NULL) v;
SELECT number_of(pid_of(n, 'research'), 'research') = n AS extreme FROM unnest(ARRAY[0, 9223372036854775807, -9223372036854775808]) n;
SELECT number_of(pid(5, :'h'::release_ref), 'research') AS of_a_person, number_of(record_pid(5::bigint, :'h'::release_ref), 'research') AS of_a_record;
SELECT count(number_of(encode(set_bit(pseudonym_send(p), b, 1 - get_bit(pseudonym_send(p), b)), 'hex')::pseudonym, 'research')) AS flipped_accepted
FROM (SELECT pid_of(n::bigint, 'research') AS p FROM generate_series(1, 100) n) v, generate_series(0, 127) b;
-- a block of the right sort whose number is no NHS number cannot come from here
SELECT pid_of(NULL::bigint, 'research') IS NULL AND pid_of(1::bigint, NULL) IS NULL AND number_of(NULL, 'research') IS NULL AS strict;
CREATE TABLE stored (n bigint, p pseudonym GENERATED ALWAYS AS (pid_of(n, 'research')) STORED);

-- A new key: new pseudonyms; the old ones lead back until their generation is
-- closed. In one session, with the old key open.
SELECT pid_of(7::bigint, 'other') AS old, pseudonym_of('other', 'text', 'a') AS old_text, domain_id AS other FROM domain WHERE name = 'other' \gset
DO $$
DECLARE
	p pseudonym[];
BEGIN
	FOR i IN 1 .. 2 LOOP
		p := p || pid_of(7::bigint, 'other') || pseudonym_of('other', 'text', 'a');
		PERFORM rotate_domain_key(domain_id) FROM domain WHERE name = 'other' AND i = 1;
	END LOOP;
	RAISE WARNING 'pseudonyms made around a rotation, in one statement: %', (SELECT count(DISTINCT x) FROM unnest(p) x);
END $$;
SELECT pid_of(7::bigint, 'other') = :'old' AS same, pseudonym_of('other', 'text', 'a') = :'old_text' AS same_text,
	   number_of(pid_of(7::bigint, 'other'), 'other') AS new, number_of(:'old', 'other') AS old;
SELECT close_domain_generation(:other, 1);
SELECT number_of(pid_of(7::bigint, 'other'), 'other') AS new, number_of(:'old', 'other') AS old_after_closing;

-- in parallel workers
CREATE TABLE many AS SELECT n::text AS t, n AS id FROM generate_series(1::bigint, 20000) n;
ANALYZE many;
SELECT count(DISTINCT pseudonym_of('research', 'text', t)) AS alone, min(pseudonym_of('research', 'text', t)) AS first,
	   min(pid_of(id, 'research')) AS first_pid FROM many \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT min(pseudonym_of('research', 'text', t)) FROM many;
SELECT min(pseudonym_of('research', 'text', t)) = :'first' AS same, min(pid_of(id, 'research')) = :'first_pid' AS same_pid FROM many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- who may: superusers and caredata_linker; who may go back: superusers only,
-- also where EXECUTE was granted
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE calls (call text);
INSERT INTO calls VALUES
	($$SELECT caredata.pseudonym_of('research', 'text', 'a')$$),
	($$SELECT caredata.pid_of(1::bigint, 'research')$$),
	($$SELECT caredata.pid_of('9990000018'::caredata.nhs_number, 'research')$$),
	($$SELECT caredata.number_of('00000000000000000000000000000000', 'research')$$),
	($$SELECT caredata.nhs_number_of('00000000000000000000000000000000', 'research')$$);
GRANT SELECT ON calls TO PUBLIC;
CREATE ROLE regress_one_way_user NOLOGIN;
CREATE ROLE regress_one_way_member NOLOGIN IN ROLE regress_one_way_reader;
CREATE ROLE regress_one_way_linker NOLOGIN IN ROLE caredata_linker;
CREATE ROLE regress_one_way_guest NOLOGIN NOINHERIT IN ROLE caredata_linker;
CREATE FUNCTION public.try_as(role name) RETURNS TABLE (who name, allowed bigint, refused bigint, otherwise bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET ROLE %I', role);
	RETURN QUERY SELECT role, count(*) FILTER (WHERE r = 'done'), count(*) FILTER (WHERE r = '42501'), count(*) FILTER (WHERE r NOT IN ('done', '42501'))
		FROM (SELECT public.attempt(call) AS r FROM public.calls) c;
	RESET ROLE;
END $$;
SELECT t.* FROM unnest(ARRAY['regress_one_way_user', 'regress_one_way_member', 'caredata_admin', 'caredata_loader',
	'caredata_guardian', 'caredata_auditor', 'caredata_linker', 'regress_one_way_linker', 'regress_one_way_guest']::name[]) r, public.try_as(r) t;
-- granted by mistake
GRANT EXECUTE ON FUNCTION pseudonym_of(name, "any"), pid_of(bigint, name), pid_of(nhs_number, name),
	number_of(pseudonym, name), nhs_number_of(pseudonym, name) TO PUBLIC;
SELECT t.* FROM unnest(ARRAY['regress_one_way_user', 'regress_one_way_member', 'caredata_admin', 'caredata_loader',
	'caredata_guardian', 'caredata_auditor', 'caredata_linker', 'regress_one_way_linker', 'regress_one_way_guest']::name[]) r, public.try_as(r) t;
-- a domain whose name a member may not even ask for
SET ROLE regress_one_way_user;
SELECT pseudonym_of('nowhere', 'text', 'a');
SELECT number_of('00000000000000000000000000000000', 'research');
RESET ROLE;
-- one call site, two users
DO $$
DECLARE
	refused boolean := false;
BEGIN
	FOR i IN 1 .. 2 LOOP
		BEGIN
			PERFORM pid_of(i::bigint, 'research');
		EXCEPTION WHEN insufficient_privilege THEN
			refused := true;
		END;
		PERFORM set_config('role', 'regress_one_way_user', true);
	END LOOP;
	RAISE WARNING 'second user refused: %', refused;
END $$;
RESET ROLE;
-- a prepared call of one who lost the role
SET ROLE regress_one_way_linker;
PREPARE once AS SELECT pid_of(1::bigint, 'research') IS NOT NULL AS made;
EXECUTE once;
RESET ROLE;
REVOKE caredata_linker FROM regress_one_way_linker;
SET ROLE regress_one_way_linker;
EXECUTE once;
RESET ROLE;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_one_way;
DROP ROLE regress_one_way_user, regress_one_way_member, regress_one_way_linker, regress_one_way_guest, regress_one_way_reader;
