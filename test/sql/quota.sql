--
-- Quotas: how many values a login may put through keyed functions in a day;
-- counted for all its sessions, workers and roles, and kept by no ROLLBACK.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_quota;
\c regress_quota
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_team NOLOGIN IN ROLE caredata_linker;
CREATE ROLE regress_linda LOGIN IN ROLE regress_team;
CREATE ROLE regress_louis LOGIN IN ROLE regress_team, caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_nobody LOGIN;
SELECT caredata.create_domain('regress_quota') IS NOT NULL AS made;
ALTER DATABASE regress_quota SET search_path = public, caredata;
SET search_path = public, caredata;
CREATE TABLE public.n AS SELECT i AS n, (9990000000 + i)::text AS digits FROM generate_series(1, 5000) i;
ANALYZE public.n;
GRANT SELECT ON public.n TO PUBLIC;

-- 1. the settings, and who may set what
SELECT name, setting, context FROM pg_settings WHERE name LIKE 'caredata.quota%' ORDER BY name;
SET caredata.quota_reverse = 5;
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.set_quota('regress_nobody', 'pseudonymise', 5);
SELECT caredata.drop_quota('regress_nobody', 'pseudonymise');
SELECT caredata.check_may_set_quota('regress_nobody');
SELECT * FROM caredata.quotas();
SELECT * FROM caredata.quota_uses();
SELECT * FROM caredata.quota;
UPDATE caredata.quota SET values_per_day = NULL;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.set_quota('regress_team', 'pseudonymise', 5);
SELECT caredata.drop_quota('regress_team', 'pseudonymise');
SET SESSION AUTHORIZATION regress_auditor;
SELECT caredata.set_quota('regress_team', 'pseudonymise', 5);
SET SESSION AUTHORIZATION regress_linda;
SELECT * FROM caredata.quota_uses();
-- not for oneself, nor for a role that one is a member of, whatever role one acts as
SET SESSION AUTHORIZATION regress_louis;
SELECT caredata.set_quota('regress_louis', 'pseudonymise', 5);
SELECT caredata.set_quota('regress_team', 'pseudonymise', 5);
SELECT caredata.set_quota('caredata_linker', 'pseudonymise', 5);
SET ROLE caredata_guardian;
SELECT caredata.set_quota('regress_team', 'pseudonymise', 5);
RESET ROLE;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('caredata_guardian', 'pseudonymise', 5);
SELECT caredata.set_quota('regress_missing', 'pseudonymise', 5);
SELECT caredata.set_quota(NULL, 'pseudonymise', 5);
SELECT caredata.set_quota('regress_team', 'guess', 5);
SELECT caredata.set_quota('regress_team', NULL, 5);
SELECT caredata.set_quota('regress_team', 'pseudonymise', -1);
SELECT caredata.drop_quota('regress_team', 'pseudonymise');
SELECT caredata.set_quota('regress_team', 'pseudonymise', 10);
SELECT role_name, use, values_per_day, set_by FROM caredata.quotas();

-- 2. counted to the value, with what the error says
SET SESSION AUTHORIZATION regress_linda;
SELECT count(pseudonym_of('regress_quota', 'text', digits)) FROM n WHERE n <= 4;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 3;
SELECT fpe_encrypt('123456', 10, '', 'regress_quota') IS NOT NULL AS one, nhs_like('9990000018', 'regress_quota') IS NOT NULL AS one;
\set VERBOSITY sqlstate
SELECT pid_of(n::bigint, 'regress_quota') IS NULL FROM n WHERE n <= 2;
\set VERBOSITY terse
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
SET ROLE caredata_linker;
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
SELECT pseudonym_of('regress_quota', 'text', 'x') IS NULL;
RESET ROLE;
\set VERBOSITY default
DO $$
DECLARE
	detail text;
	hint text;
BEGIN
	PERFORM caredata.nhs_like('9990000018', 'regress_quota'::name);
EXCEPTION WHEN configuration_limit_exceeded THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE WARNING '%', regexp_replace(detail, 'at .*', 'at ...');
	RAISE WARNING '%', hint;
END $$;
\set VERBOSITY terse
SET SESSION AUTHORIZATION regress_auditor;
SELECT login, use, used, values_per_day, since BETWEEN now() - interval '1 hour' AND now() AS today FROM caredata.quota_uses() ORDER BY login, use;

-- 3. raised while it is used up; others have counts of their own
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('regress_linda', 'pseudonymise', 3000);
SET SESSION AUTHORIZATION regress_linda;
SELECT pid_of(1::bigint, 'regress_quota') IS NOT NULL AS again;
SET SESSION AUTHORIZATION regress_louis;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 10;
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
-- another session of the same login
RESET SESSION AUTHORIZATION;
SELECT current_user AS super \gset
\c - regress_louis
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
\c - :super
SET client_min_messages = warning;

-- 4. a transaction or subtransaction that is rolled back has used what it used,
-- and gives back what it only drew
SET SESSION AUTHORIZATION regress_linda;
BEGIN;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 89;
SAVEPOINT s;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 50;
ROLLBACK TO s;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 50;
ROLLBACK;
SELECT pid_of(n::bigint, 'regress_quota') IS NULL, 1 / (n - 100) FROM n WHERE n <= 100 ORDER BY n OFFSET 99;
SET SESSION AUTHORIZATION regress_auditor;
SELECT used FROM caredata.quota_uses() WHERE login = 'regress_linda';
-- a function that a session keeps, and swallows errors
SET SESSION AUTHORIZATION regress_linda;
DO $$
DECLARE
	made integer := 0;
BEGIN
	FOR i IN 1 .. 5000 LOOP
		BEGIN
			PERFORM caredata.pid_of(i::bigint, 'regress_quota');
			made := made + 1;
		EXCEPTION WHEN configuration_limit_exceeded THEN
			EXIT;
		END;
	END LOOP;
	RAISE WARNING '% made', made;
END $$;
SET SESSION AUTHORIZATION regress_auditor;
SELECT used, values_per_day FROM caredata.quota_uses() WHERE login = 'regress_linda';

-- 5. parallel workers draw on the same count
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('regress_linda', 'pseudonymise', 7000);
RESET SESSION AUTHORIZATION;
SELECT count(set_config(name, 'on', false)) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET SESSION AUTHORIZATION regress_linda;
EXPLAIN (COSTS OFF) SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 3000;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 3000;
SET SESSION AUTHORIZATION regress_auditor;
SELECT used FROM caredata.quota_uses() WHERE login = 'regress_linda';
SET SESSION AUTHORIZATION regress_linda;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 1001;
SET SESSION AUTHORIZATION regress_auditor;
SELECT used BETWEEN 6001 AND values_per_day AS within FROM caredata.quota_uses() WHERE login = 'regress_linda';
RESET SESSION AUTHORIZATION;
RESET ALL;
SET client_min_messages = warning;
SET search_path = public, caredata;

-- 6. the lowest of the login's roles, but its own before all; no limit; zero
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('caredata_linker', 'pseudonymise', 8), caredata.set_quota('regress_team', 'pseudonymise', 20000), caredata.drop_quota('regress_linda', 'pseudonymise');
SET SESSION AUTHORIZATION regress_auditor;
SELECT login, values_per_day FROM caredata.quota_uses() WHERE use = 'pseudonymise' AND login LIKE 'regress%' ORDER BY login;
SET SESSION AUTHORIZATION regress_linda;
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('regress_linda', 'pseudonymise', NULL), caredata.set_quota('regress_louis', 'pseudonymise', 0);
SET SESSION AUTHORIZATION regress_auditor;
SELECT login, values_per_day FROM caredata.quota_uses() WHERE use = 'pseudonymise' AND login LIKE 'regress%' ORDER BY login;
SET SESSION AUTHORIZATION regress_linda;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n;
SET SESSION AUTHORIZATION regress_louis;
SELECT pid_of(1::bigint, 'regress_quota') IS NULL;
-- a superuser is counted, not limited
RESET SESSION AUTHORIZATION;
SELECT count(pid_of(n::bigint, 'regress_quota')) FROM n WHERE n <= 9;
SELECT use, used >= 9 AS counted, values_per_day FROM caredata.quota_uses() WHERE login = current_user AND use = 'pseudonymise';
-- a role that is gone limits nobody, and its quota can be dropped
CREATE ROLE regress_gone;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('regress_gone', 'pseudonymise', 1);
RESET SESSION AUTHORIZATION;
DROP ROLE regress_gone;
SET SESSION AUTHORIZATION regress_linda;
SELECT pid_of(1::bigint, 'regress_quota') IS NOT NULL AS made;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.drop_quota('regress_gone', 'pseudonymise');
SELECT caredata.drop_quota('regress_gone', 'pseudonymise');
RESET SESSION AUTHORIZATION;

-- 7. the ways back, in a DBA's function: who calls it is counted, not its owner
CREATE TABLE public.kept AS SELECT n, pid_of(n::bigint, 'regress_quota') AS p, nhs_like('9990000018', 'regress_quota') AS l FROM n WHERE n <= 20;
CREATE FUNCTION public.back(pseudonym) RETURNS bigint LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT caredata.number_of($1, 'regress_quota') $$;
CREATE FUNCTION public.back_like(text) RETURNS boolean LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT caredata.nhs_number_of_like($1, 'regress_quota') IS NOT NULL $$;
CREATE FUNCTION public.back_fpe(text) RETURNS boolean LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT caredata.fpe_decrypt($1, 10, '', 'regress_quota') IS NOT NULL $$;
GRANT SELECT ON public.kept TO PUBLIC;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_quota('regress_alice', 'reverse', 12);
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM public.kept WHERE public.back(p) = n AND n <= 5;
SELECT count(*) FROM public.kept WHERE public.back_like(l) AND n <= 5;
-- a forged one counts, too
SELECT public.back('00000000000000000000000000000000') IS NULL AS forged, public.back_fpe('123456') AS fpe;
SELECT public.back(p) FROM public.kept WHERE n = 6;
SELECT public.back_like(l) FROM public.kept WHERE n = 6;
SELECT public.back_fpe('123456');
RESET SESSION AUTHORIZATION;

-- 8. translating, re-identifying and renewing
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 20) i;
INSERT INTO care.person (person_id, birth_year, sex) SELECT i, 1950 + i, 1 FROM generate_series(1, 20) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT row_number() OVER (ORDER BY v), v, 1 FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) FROM generate_series(1, 400) g) t (v)
WHERE v IS NOT NULL ORDER BY v LIMIT 20;
INSERT INTO care_landing.national_list SELECT nhs_number::text FROM care_identity.identity;
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Quotas', 'QZZ', 'Made-up university', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_quota_from', 'A study', 'public_task') AS a,
	   caredata.create_release(:agreement, 'regress_quota_to', 'Another study', 'public_task') AS b \gset
SELECT caredata.permit_dataset(:a, 'person', '{sex}') IS NULL AS a, caredata.permit_dataset(:b, 'person', '{sex}') IS NULL AS b;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:a) IS NULL AS a, caredata.approve_release(:b) IS NULL AS b;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:a) IS NULL AS a, caredata.activate_release(:b) IS NULL AS b;
SELECT caredata.request_link_authority(:a, :b, 'regress_alice', 'x', '2026-01-01', '2099-01-01') AS authority \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_link_authority(:authority);
SELECT caredata.set_quota('regress_alice', 'translate', 12), caredata.set_quota('regress_alice', 'reidentify', 4),
	   caredata.set_quota('regress_alice', 'renew', 7);
RESET SESSION AUTHORIZATION;
GRANT regress_quota_from_reader TO regress_alice;
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM translate_all(ARRAY(SELECT pid FROM regress_quota_from.person LIMIT 10), :a, :b);
BEGIN;
SELECT count(*) FROM translate_all(ARRAY(SELECT pid FROM regress_quota_from.person LIMIT 2), :a, :b);
ROLLBACK;
SELECT * FROM translate_all(ARRAY(SELECT pid FROM regress_quota_from.person LIMIT 1), :a, :b);
SELECT request_reidentification(:a, 'an implant was recalled', ARRAY(SELECT pid FROM regress_quota_from.person LIMIT 4)) AS first,
	   request_reidentification(:a, 'an implant was recalled', ARRAY(SELECT pid FROM regress_quota_from.person LIMIT 1)) AS second \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT approve_reidentification(:first), approve_reidentification(:second);
SET SESSION AUTHORIZATION regress_alice;
SELECT count(nhs_number) FROM reidentify(:first);
SELECT count(nhs_number) FROM reidentify(:second);
SELECT count(DISTINCT regress_quota_from.current_pid(pid)) FROM (SELECT pid FROM regress_quota_from.person LIMIT 7) p;
SELECT regress_quota_from.current_pid('00000000000000000000000000000000');
-- the release itself has no quota
SELECT count(*), count(DISTINCT pid) FROM regress_quota_from.person;
SELECT count(*) FROM regress_quota_from.person a JOIN regress_quota_from.person b USING (pid);
SET SESSION AUTHORIZATION regress_auditor;
SELECT use, used, values_per_day FROM quota_uses() WHERE login = 'regress_alice' ORDER BY use;
SELECT asked FROM link_uses(:authority);
RESET SESSION AUTHORIZATION;
-- a table that is turned over by an administrator
SET SESSION AUTHORIZATION regress_guardian;
SELECT set_quota('regress_author', 'renew', 3);
SET SESSION AUTHORIZATION regress_author;
SELECT count(renewed_pseudonym(p, :a)) FROM (SELECT p FROM public.kept LIMIT 3) k;
SELECT count(renewed_pseudonym(p, :a)) FROM (SELECT p FROM public.kept LIMIT 1) k;
RESET SESSION AUTHORIZATION;

-- 9. digests with a partner's salt
\getenv abs_builddir PG_ABS_BUILDDIR
\set salt :abs_builddir '/results/regress_quota.salt'
\set write 'umask 077; cat > ' :salt
COPY (SELECT 'a salt') TO PROGRAM :'write';
SELECT import_compat_secret('partner', :'salt');
SET SESSION AUTHORIZATION regress_guardian;
SELECT set_quota('regress_louis', 'pseudonymise', 16);
SET SESSION AUTHORIZATION regress_louis;
SELECT count(salted_sha256(digits, 'partner')), count(ndr_pseudo_id1(digits, 'partner')) FROM n WHERE n <= 3;
SELECT salted_sha256('x', 'partner');
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_quota;
DROP ROLE regress_author, regress_guardian, regress_auditor, regress_linda, regress_louis, regress_team, regress_alice, regress_nobody,
	regress_quota_from_reader, regress_quota_from_definer, regress_quota_to_reader, regress_quota_to_definer;
