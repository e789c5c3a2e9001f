--
-- Between releases: only under a live authority that two people made, only for
-- the members of its role, only persons who are visible in both releases, and
-- every use recorded.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_link_authority;
\c regress_link_authority
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_both LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_linkers NOLOGIN;
CREATE ROLE regress_alice LOGIN IN ROLE regress_linkers;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_nobody LOGIN;

-- ten people: 1 objects to use of the GP record, 2 has opted out nationally, 3
-- has no NHS number, 7 to 10 are of another practice
INSERT INTO care.practice (practice_code, name) VALUES ('Y90001', 'First'), ('Y90002', 'Second');
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 10) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, CASE WHEN i <> 3 THEN n END, 1
FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
	  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
	  WHERE n IS NOT NULL) numbered
WHERE i <= 10;
INSERT INTO care.person (person_id, birth_year, sex, practice_code)
SELECT i, 1950 + i, 1, CASE WHEN i <= 6 THEN 'Y90001' ELSE 'Y90002' END FROM generate_series(1, 10) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT i, 'Y90001', 'e' || i, '2025-01-01', 'C10..', 'readv2' FROM generate_series(1, 10) i;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date)
	VALUES (1, 'type1', 'dissent', '2020-01-01');
INSERT INTO care_landing.national_list
SELECT nhs_number::text FROM care_identity.identity WHERE person_id NOT IN (2, 3);
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Linkage', 'QZZ', 'Made-up university', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_from', 'A study', 'public_task', no_nhs_number => 'allow') AS a \gset
SELECT caredata.create_release(:agreement, 'regress_to', 'Another study', 'public_task',
	population_kind => 'practice', population_codes => '{Y90001}', no_nhs_number => 'allow') AS b \gset
SELECT caredata.permit_dataset(:a, 'person', '{sex}') IS NULL AS a, caredata.permit_dataset(:b, 'person', '{sex}') IS NULL AS b,
	   caredata.permit_dataset(:b, 'gp_event', '{code}') IS NULL AS b;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:a) IS NULL AS a, caredata.approve_release(:b) IS NULL AS b;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:a) IS NULL AS a, caredata.activate_release(:b) IS NULL AS b;
RESET SESSION AUTHORIZATION;
GRANT regress_from_reader TO regress_alice;
GRANT regress_from_reader, regress_to_reader TO regress_bob;
-- pseudonyms of all, kept aside; and what must come of them
CREATE TABLE public.p AS
SELECT i AS n, caredata.pid(i, :'a') AS a, caredata.pid(i, :'b') AS b FROM generate_series(1, 11) i;
GRANT SELECT ON public.p TO PUBLIC;
ALTER DATABASE regress_link_authority SET search_path = public, caredata;
SET search_path = public, caredata;

-- 1. request and approval
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.request_link_authority(:a, :a, 'regress_linkers', 'x', '2026-01-01', '2099-01-01');
SELECT caredata.request_link_authority(:a, 99, 'regress_linkers', 'x', '2026-01-01', '2099-01-01');
SELECT caredata.request_link_authority(:a, :b, 'regress_missing', 'x', '2026-01-01', '2099-01-01');
SELECT caredata.request_link_authority(:a, :b, 'postgres', 'x', '2026-01-01', '2099-01-01');
SELECT caredata.request_link_authority(:a, :b, 'regress_linkers', ' ', '2026-01-01', '2099-01-01');
SELECT caredata.request_link_authority(:a, :b, 'regress_linkers', 'x', '2026-01-02', '2026-01-01');
SELECT caredata.request_link_authority(:a, :b, 'regress_linkers', 'x', NULL, '2026-01-01');
SELECT caredata.request_link_authority(:a, :b, 'regress_linkers', 'To follow a cohort', '2026-01-01', '2099-01-01') AS authority \gset
SELECT caredata.approve_link_authority(:authority);
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.request_link_authority(:a, :b, 'regress_linkers', 'For me', '2026-01-01', '2099-01-01') AS own \gset
SELECT caredata.approve_link_authority(:own);
SET ROLE caredata_guardian;
SELECT caredata.approve_link_authority(:own);
RESET ROLE;
SELECT caredata.revoke_link_authority(:own, 'was a test');
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) IS NOT NULL FROM public.p WHERE n = 4;
RESET SESSION AUTHORIZATION;
-- not yet approved: not even for a superuser
SELECT caredata.translate(a, :a, :b) IS NOT NULL FROM public.p WHERE n = 4;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_link_authority(:own);
SELECT caredata.approve_link_authority(99);
SELECT caredata.approve_link_authority(NULL);
SELECT caredata.approve_link_authority(:authority);
SELECT caredata.approve_link_authority(:authority);

-- 2. translation
SET SESSION AUTHORIZATION regress_alice;
-- 1 objects in a setting of the second release, 2 has opted out, 7 to 10 are
-- not of its population, 11 does not exist
SELECT n, caredata.translate(a, :a, :b) = b AS same_person FROM public.p ORDER BY n;
SELECT n, t.pseudonym = a AS asked_for, t.translated = b AS same_person
FROM caredata.translate_all(ARRAY(SELECT a FROM public.p ORDER BY n DESC), :a, :b) t JOIN public.p ON p.a = t.pseudonym ORDER BY n;
-- what is not of the first release: the second's, a record's, forged, NULL
SELECT caredata.translate(b, :a, :b) IS NULL AS foreign_one FROM public.p WHERE n = 4;
SELECT caredata.translate('00000000000000000000000000000000', :a, :b) IS NULL AS forged, caredata.translate(NULL, :a, :b) IS NULL AS none;
SELECT count(*) FROM caredata.translate_all(ARRAY(SELECT b FROM public.p), :a, :b);
SELECT count(*) FROM caredata.translate_all('{}', :a, :b);
SELECT count(*) FROM caredata.translate_all(ARRAY[NULL, (SELECT a FROM public.p WHERE n = 4)]::caredata.pseudonym[], :a, :b);
-- not the other way round
SELECT caredata.translate(b, :b, :a) FROM public.p WHERE n = 4;
SELECT * FROM caredata.translate_all(ARRAY(SELECT b FROM public.p), :b, :a);
-- nor what is under it
SELECT caredata.translated_pseudonym(a, :a, '{gp}', :b, '{gp}') FROM public.p WHERE n = 4;
SELECT caredata.person_behind(a, :a) FROM public.p WHERE n = 4;
SELECT caredata.renewed_pseudonym(a, :a) FROM public.p WHERE n = 4;
SELECT * FROM caredata.link_authority;
DELETE FROM caredata.link_use;
INSERT INTO caredata.link_use (authority_id, requester, asked, translated) VALUES (1, '{x}', 1, 1);
-- who reads both releases, and is not of the role
SET SESSION AUTHORIZATION regress_bob;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 4;
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION caredata.translate(caredata.pseudonym, integer, integer) TO regress_bob;
SET SESSION AUTHORIZATION regress_bob;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 4;
-- a function of a member's does not lend the membership
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.lent(p caredata.pseudonym, a integer, b integer) RETURNS caredata.pseudonym LANGUAGE sql SECURITY DEFINER
	AS 'SELECT caredata.translate(p, a, b)';
ALTER FUNCTION public.lent OWNER TO regress_alice;
SET SESSION AUTHORIZATION regress_bob;
SELECT public.lent(a, :a, :b) FROM public.p WHERE n = 4;
RESET SESSION AUTHORIZATION;

-- 3. an objection takes effect in the next call; old generations are read
SELECT caredata.rotate_domain_key(:a);
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM caredata.translate_all(ARRAY(SELECT a FROM public.p), :a, :b);
RESET SESSION AUTHORIZATION;
SELECT caredata.record_objection(nhs_number::text, 'type1') > 0 AS recorded FROM care_identity.identity WHERE person_id = 4;
SET SESSION AUTHORIZATION regress_alice;
SELECT n FROM caredata.translate_all(ARRAY(SELECT a FROM public.p), :a, :b) t JOIN public.p ON p.a = t.pseudonym ORDER BY n;
RESET SESSION AUTHORIZATION;
SELECT caredata.close_domain_generation(:a, 1);
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM caredata.translate_all(ARRAY(SELECT a FROM public.p), :a, :b);
RESET SESSION AUTHORIZATION;
UPDATE public.p SET a = caredata.pid(n, :'a');

-- 4. closed releases, another day, revocation
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.suspend_release(:b);
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 5;
SELECT caredata.translate('00000000000000000000000000000000', :a, :b);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.resume_release(:b);
RESET SESSION AUTHORIZATION;
UPDATE caredata.link_authority SET ends_on = caredata.today() - 1 WHERE authority_id = :authority;
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 5;
RESET SESSION AUTHORIZATION;
UPDATE caredata.link_authority SET starts_on = caredata.today() + 1, ends_on = caredata.today() + 2 WHERE authority_id = :authority;
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 5;
RESET SESSION AUTHORIZATION;
UPDATE caredata.link_authority SET starts_on = caredata.today() WHERE authority_id = :authority;
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) = b AS same_person FROM public.p WHERE n = 5;
-- an attempt that is rolled back leaves no row, and a read-only one is refused
BEGIN READ ONLY;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 5;
ROLLBACK;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.revoke_link_authority(:authority, 'over');
SELECT caredata.revoke_link_authority(:authority);
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.translate(a, :a, :b) FROM public.p WHERE n = 5;
-- 5. what is on record
SET SESSION AUTHORIZATION regress_auditor;
SELECT authority_id, state, from_release, to_release, role_name, purpose, requested_by, approved_by, revoked_by, uses, asked, translated
FROM caredata.link_authorities();
SELECT requester, asked, translated, count(*) FROM caredata.link_uses(:authority) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SET SESSION AUTHORIZATION regress_nobody;
SELECT * FROM caredata.link_authorities();
SELECT * FROM caredata.link_uses(1);
SELECT caredata.request_link_authority(1, 2, 'regress_linkers', 'x', '2026-01-01', '2099-01-01');
SELECT caredata.approve_link_authority(1);
SELECT caredata.revoke_link_authority(1);
SELECT caredata.translate('00000000000000000000000000000000', 1, 2);
SELECT * FROM caredata.translate_all('{}', 1, 2);
SET SESSION AUTHORIZATION regress_auditor;
SELECT caredata.approve_link_authority(1);
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_link_authority;
DROP ROLE regress_from_reader, regress_from_definer, regress_to_reader, regress_to_definer, regress_linkers,
	regress_author, regress_guardian, regress_both, regress_auditor, regress_alice, regress_bob, regress_nobody;
