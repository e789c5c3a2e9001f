--
-- shifted_date(): the same step for all dates of a person in a release, another
-- for every person and release, never none.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_shift;
\c regress_shift
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
SET search_path = public, caredata;
CREATE ROLE regress_shift_reader NOLOGIN;
CREATE ROLE regress_shift_other NOLOGIN;
SELECT caredata.create_domain('one', 'regress_shift_reader') AS one, caredata.create_domain('two', 'regress_shift_other') AS two \gset

CREATE TABLE shift AS
SELECT p AS person_id, shifted_date(date '2020-01-01', p, :'one') - date '2020-01-01' AS one,
	   shifted_date(date '2020-01-01', p, :'two') - date '2020-01-01' AS two
FROM generate_series(1, 100000) p;
SELECT min(one) AS least, max(one) AS most, count(*) FILTER (WHERE one = 0) AS none, count(DISTINCT one) AS steps,
	   count(*) FILTER (WHERE one = two) BETWEEN 150 AND 450 AS releases_unrelated,
	   abs(avg(one)) < 2 AS balanced, abs(corr(one, two)) < 0.02 AS uncorrelated, abs(corr(one, person_id)) < 0.02 AS no_trend
FROM shift;
-- every step about as often as any other
SELECT min(n) > 180 AND max(n) < 380 AS even FROM (SELECT count(*) AS n FROM shift GROUP BY one) c;
-- intervals of a person are kept, over leap days and centuries; those of two are not
SELECT count(*) AS pairs, bool_and(shifted_date(a, p, :'one') - shifted_date(b, p, :'one') = a - b) AS kept
FROM generate_series(1, 200) p, (SELECT date '1890-02-27' + g * 611 AS a, date '2024-02-29' - g AS b FROM generate_series(0, 99) g) d;
SELECT count(DISTINCT shifted_date('2020-02-01', p, :'one') - shifted_date('2020-01-01', p + 1, :'one')) > 300 AS not_between_persons
FROM generate_series(1, 2000) p;
SELECT shifted_date('infinity', 1, :'one') AS infinite, shifted_date('-infinity', 1, :'one') AS minus_infinite,
	   bool_or(shifted_date('4714-11-24 BC', p, :'one') IS NULL) AS below, bool_or(shifted_date('5874897-12-31', p, :'one') IS NULL) AS above,
	   bool_or(shifted_date('5874897-12-31', p, :'one') IS NOT NULL) AS back_from_the_end
FROM generate_series(1, 50) p;
SELECT shifted_date(NULL, 1, :'one') IS NULL AND shifted_date('2020-01-01', NULL, :'one') IS NULL AND shifted_date('2020-01-01', 1, NULL) IS NULL AS strict;
SELECT shifted_date('2020-01-01', p, :'one') IS NOT NULL AS any_number FROM unnest(ARRAY[0, -1, 2147483647, -2147483648]) p;
CREATE TABLE stored (p integer, d date GENERATED ALWAYS AS (shifted_date('2020-01-01', p, '1')) STORED);

-- in parallel workers
ANALYZE shift;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(shifted_date('2020-01-01', person_id, :'one')) FROM shift;
SELECT count(*) AS other FROM shift WHERE shifted_date('2020-01-01', person_id, :'one') <> date '2020-01-01' + one;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- who may: members of the release's readers, and only where a handle stands
CREATE VIEW public.shifted AS SELECT person_id, shifted_date('2020-01-01', person_id, :'one') AS day FROM shift;
GRANT SELECT ON public.shifted TO PUBLIC;
CREATE ROLE regress_shift_user NOLOGIN;
CREATE FUNCTION public.attempt(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET ROLE %I', role);
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		RESET ROLE;
		RETURN SQLSTATE;
	END;
	RESET ROLE;
	RETURN 'done';
END $$;
SELECT r, public.attempt(r, 'SELECT count(day) FROM public.shifted') AS view
FROM unnest(ARRAY['regress_shift_reader', 'regress_shift_other', 'regress_shift_user', 'caredata_admin', 'caredata_loader',
	'caredata_linker', 'caredata_guardian', 'caredata_auditor']::name[]) r;
GRANT EXECUTE ON FUNCTION shifted_date(date, integer, release_ref) TO PUBLIC;
SELECT r, public.attempt(r, 'SELECT count(day) FROM public.shifted') AS view,
	public.attempt(r, $$SELECT caredata.shifted_date('2020-01-01', 1, '1'::caredata.release_ref)$$) AS handle,
	public.attempt(r, $$SELECT caredata.shifted_date('2020-01-01', 1, NULL)$$) AS no_handle
FROM unnest(ARRAY['regress_shift_reader', 'regress_shift_other', 'regress_shift_user', 'caredata_admin', 'caredata_loader',
	'caredata_linker', 'caredata_guardian', 'caredata_auditor']::name[]) r;

REVOKE EXECUTE ON FUNCTION shifted_date(date, integer, release_ref) FROM PUBLIC;

-- as the treatment of a release: every date of it or none
CREATE ROLE regress_shift_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_shift_alice LOGIN;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 50) i;
INSERT INTO care.person (person_id, birth_year, sex) SELECT i, 1950, 1 FROM generate_series(1, 50) i;
INSERT INTO care.apc_episode (person_id, fyear, procode3, epikey, admidate, epistart, epiend)
SELECT i, '2425', 'RZZ', 100 * i + g, date '2024-05-01' + 10 * g, date '2024-05-01' + 10 * g + 2, CASE WHEN g <> 3 THEN date '2024-05-01' + 10 * g + 7 END
FROM generate_series(1, 50) i, generate_series(1, 3) g;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, n, 1 FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
	FROM (SELECT try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 1000) g) v WHERE n IS NOT NULL) numbered
WHERE i <= 50;
INSERT INTO care_landing.national_list SELECT nhs_number::text FROM care_identity.identity;
SELECT import_national_list(request_national_list()) >= 0 AS imported;
SELECT create_agreement('A-1', 'Research', 'QZZ', 'Made-up university', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT create_release(:agreement, 'regress_shifted', 'Research', 'direct_care', no_nhs_number => 'allow') AS release \gset
SELECT permit_dataset(:release, 'apc_episode', '{epikey,admidate}'), permit_column(:release, 'apc_episode', 'epistart', 'shift'),
	permit_column(:release, 'apc_episode', 'epiend', 'shift');
SELECT permit_column(:release, 'person', 'birth_year', 'shift');
SET SESSION AUTHORIZATION regress_shift_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT permit_column(:release, 'apc_episode', 'admidate', 'year');
SET SESSION AUTHORIZATION regress_shift_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT permit_column(:release, 'apc_episode', 'admidate', 'shift');
SET SESSION AUTHORIZATION regress_shift_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT activate_release(:release);
GRANT regress_shifted_reader TO regress_shift_alice;
SELECT col_description('regress_shifted.apc_episode'::regclass, attnum) AS comment FROM pg_attribute
WHERE attrelid = 'regress_shifted.apc_episode'::regclass AND attname = 'admidate';
SET SESSION AUTHORIZATION regress_shift_alice;
SELECT count(*) AS rows, count(*) FILTER (WHERE epistart - admidate = 2) AS starts_kept, count(epiend) AS ends, count(*) FILTER (WHERE epiend - epistart = 5) AS ends_kept,
	   count(*) FILTER (WHERE admidate BETWEEN '2024-05-11' AND '2024-05-31' AND extract(day FROM admidate) IN (11, 21, 31)) < 20 AS moved,
	   count(DISTINCT admidate - date '2024-05-01') > 60 AS apart, pg_typeof(min(admidate)) AS type
FROM regress_shifted.apc_episode;
-- between events of a person too
SELECT count(*) AS persons, bool_and(last - first = 20) AS kept
FROM (SELECT pid, max(admidate) AS last, min(admidate) AS first FROM regress_shifted.apc_episode GROUP BY pid) p;
SELECT caredata.shifted_date('2024-05-01', 1, :'release'::caredata.release_ref);
SELECT admidate FROM care.apc_episode;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_shift;
DROP ROLE regress_shift_user, regress_shift_reader, regress_shift_other, regress_shift_guardian, regress_shift_alice,
	regress_shifted_reader, regress_shifted_definer;
