--
-- Re-identification: asked for by one person, approved by another, answered to
-- the first alone, each pseudonym once and in time. No single role can do it.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_reidentification;
\c regress_reidentification
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
GRANT regress_from_reader TO regress_alice, regress_bob;
CREATE TABLE public.p AS
SELECT i AS n, caredata.pid(i, :'a') AS a, caredata.pid(i, :'b') AS b FROM generate_series(1, 11) i;
GRANT SELECT ON public.p TO PUBLIC;
-- a second number of one person; the answers by position, not by value
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank, local_patient_id)
SELECT 5, nhs_number, 1, 'other' FROM care_identity.identity WHERE person_id = 5;
CREATE FUNCTION public.whose(caredata.nhs_number) RETURNS integer LANGUAGE sql SECURITY DEFINER
	AS 'SELECT DISTINCT person_id FROM care_identity.identity WHERE nhs_number = $1';
ALTER DATABASE regress_reidentification SET search_path = public, caredata;
SET search_path = public, caredata;

-- 1. who may ask, and for what
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.request_reidentification(:a, 'a safety matter', ARRAY(SELECT a FROM public.p));
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.request_reidentification(:b, 'a safety matter', ARRAY(SELECT a FROM public.p));
SELECT caredata.request_reidentification(99, 'a safety matter', ARRAY(SELECT a FROM public.p));
SELECT caredata.request_reidentification(:a, 'short', ARRAY(SELECT a FROM public.p));
SELECT caredata.request_reidentification(:a, NULL, ARRAY(SELECT a FROM public.p));
SELECT caredata.request_reidentification(:a, 'a safety matter', '{}');
SELECT caredata.request_reidentification(:a, 'a safety matter', NULL);
SELECT caredata.request_reidentification(:a, 'a safety matter', '{NULL}');
SELECT caredata.request_reidentification(:a, 'a safety matter', array_fill((SELECT a FROM public.p WHERE n = 1), '{1001}'));
SELECT caredata.request_reidentification(:a, 'a safety matter: an implant was recalled',
	ARRAY(SELECT a FROM public.p WHERE n IN (2, 3, 4, 5, 11) ORDER BY n) || (SELECT b FROM public.p WHERE n = 6)) AS request \gset
-- 2. not before it is approved, and not by who asked
SELECT * FROM caredata.reidentify(:request);
SELECT caredata.approve_reidentification(:request);
SELECT * FROM caredata.reidentification_requests();
SELECT * FROM caredata.reidentification_item;
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.request_reidentification(:b, 'a safety matter', ARRAY(SELECT b FROM public.p WHERE n IN (1, 2, 4) ORDER BY n)) AS own \gset
SELECT caredata.approve_reidentification(:own);
SET ROLE caredata_guardian;
SELECT caredata.approve_reidentification(:own);
RESET ROLE;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.approve_reidentification(:request);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_reidentification(:request, 0);
SELECT caredata.approve_reidentification(:request, 1000);
SELECT caredata.approve_reidentification(99);
SELECT caredata.approve_reidentification(:request, 2);
SELECT caredata.approve_reidentification(:request, 2);
-- the guardian approves, and gets nothing
SELECT * FROM caredata.reidentify(:request);
-- nor another reader of the release, an administrator, a superuser, or the
-- same login in another role
SET SESSION AUTHORIZATION regress_bob;
SELECT * FROM caredata.reidentify(:request);
SET SESSION AUTHORIZATION regress_author;
SELECT * FROM caredata.reidentify(:request);
RESET SESSION AUTHORIZATION;
SELECT * FROM caredata.reidentify(:request);
SET SESSION AUTHORIZATION regress_alice;
SET ROLE regress_from_reader;
SELECT * FROM caredata.reidentify(:request);
RESET ROLE;
-- 3. who asked gets each once: 2 has opted out, 3 has no number, 11 does not
-- exist, the last is of another release
CREATE TEMP TABLE answer AS SELECT r.pseudonym, public.whose(r.nhs_number) AS person FROM caredata.reidentify(:request) r;
SELECT p.n, person FROM answer LEFT JOIN public.p ON p.a OPERATOR(caredata.=) pseudonym ORDER BY p.n;
SELECT * FROM caredata.reidentify(:request);
SELECT * FROM caredata.reidentify(NULL);
-- 4. despite objections, only when the approval says so; in time only
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_reidentification(:own, 1, true);
RESET SESSION AUTHORIZATION;
UPDATE caredata.reidentification SET valid_until = now() - interval '1 second' WHERE request_id = :own;
SET SESSION AUTHORIZATION regress_both;
SELECT * FROM caredata.reidentify(:own);
RESET SESSION AUTHORIZATION;
UPDATE caredata.reidentification SET valid_until = now() + interval '1 hour' WHERE request_id = :own;
SET SESSION AUTHORIZATION regress_both;
SELECT public.whose(r.nhs_number) AS person FROM caredata.reidentify(:own) r;
-- read-only is refused: nothing would be recorded
SET SESSION AUTHORIZATION regress_alice;
SELECT caredata.request_reidentification(:a, 'another safety matter', ARRAY(SELECT a FROM public.p WHERE n = 6)) AS later \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_reidentification(:later);
SET SESSION AUTHORIZATION regress_alice;
BEGIN READ ONLY;
SELECT * FROM caredata.reidentify(:later);
ROLLBACK;
-- an approval that is taken back
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.refuse_reidentification(:later, 'not needed after all');
SELECT caredata.refuse_reidentification(:later);
SELECT caredata.approve_reidentification(:later);
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM caredata.reidentify(:later);
-- a release that is not in force gives none, without the guardian's word
SELECT caredata.request_reidentification(:a, 'a third safety matter', ARRAY(SELECT a FROM public.p WHERE n = 6)) AS third \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_reidentification(:third);
SELECT caredata.suspend_release(:a);
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM caredata.reidentify(:third);
-- 5. what is on record
SET SESSION AUTHORIZATION regress_auditor;
SELECT request_id, state, release, reason, requested_by, approved_by, despite_objections, refused_by, pseudonyms, revealed
FROM caredata.reidentification_requests();
RESET SESSION AUTHORIZATION;
SELECT request_id, item, revealed_at IS NOT NULL AS revealed, revealed_to, resolved FROM caredata.reidentification_item ORDER BY 1, 2;
SET SESSION AUTHORIZATION regress_auditor;
SELECT * FROM caredata.reidentify(1);
SELECT caredata.approve_reidentification(1);
SELECT caredata.request_reidentification(1, 'a safety matter', '{00000000000000000000000000000000}');
SET SESSION AUTHORIZATION regress_nobody;
SELECT * FROM caredata.reidentify(1);
SELECT caredata.approve_reidentification(1);
SELECT caredata.refuse_reidentification(1);
SELECT * FROM caredata.reidentification_requests();
SELECT caredata.lock_reidentification(1);
SELECT caredata.person_behind('00000000000000000000000000000000', 1);
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_reidentification;
DROP ROLE regress_from_reader, regress_from_definer, regress_to_reader, regress_to_definer, regress_linkers,
	regress_author, regress_guardian, regress_both, regress_auditor, regress_alice, regress_bob, regress_nobody;
