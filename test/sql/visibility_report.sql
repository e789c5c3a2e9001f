-- Why a person is or is not visible, and how many a release withholds.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_report;
\c regress_report
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_report
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 3000) g) v
WHERE n IS NOT NULL;
CREATE FUNCTION regress_n(i integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT n::text FROM regress_number r WHERE r.i = regress_n.i $$;

-- 100 people of two practices and one of a third: men born in 1951, women in
-- 1981; 101 has no number
INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZZ', 'Made-up ICB', 'icb');
INSERT INTO care.practice (practice_code, name, commissioner_code) VALUES ('Y90001', 'One', 'QZZ'), ('Y90002', 'Two', 'QZZ'), ('Y90003', 'Three', NULL);
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 101) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM regress_number WHERE i <= 100 UNION ALL SELECT 101, NULL, 1;
INSERT INTO care.person (person_id, birth_year, sex, practice_code)
SELECT i, CASE WHEN i <= 50 THEN 1951 ELSE 1981 END, CASE WHEN i <= 50 THEN '1' ELSE '2' END,
	   CASE WHEN i = 100 THEN 'Y90003' WHEN i <= 60 THEN 'Y90001' ELSE 'Y90002' END FROM generate_series(1, 101) i;
INSERT INTO care.gp_registration (person_id, registration_id, practice, registration_start)
SELECT person_id, 'r' || person_id, practice_code, '2020-01-01' FROM care.person;
-- 1 to 5: Type 1; 6 and 7: national; 8: their own purposes; 9: restricted;
-- 10: to come; 200 is in no database
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) SELECT i, 'type1', 'dissent', '2020-01-01' FROM generate_series(1, 5) i;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 100 AND i NOT IN (6, 7);
SELECT caredata.request_national_list() AS request \gset
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '3 days';
SELECT caredata.import_national_list(:request) AS withheld;
SELECT count(*) FROM (SELECT
	caredata.record_objection(regress_n(8), 'purpose', '2026-01-01', purpose => 'research'), caredata.record_objection(regress_n(8), 'purpose', '2026-01-02', purpose => 'commissioning'),
	caredata.record_objection(regress_n(9), 'restricted', '2026-01-03'), caredata.record_objection(regress_n(10), 'local', caredata.today() + 30),
	caredata.record_objection(regress_n(200), 'local', '2026-01-04')) recorded;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_plan', 'p', 'public_task', 'pseudonymised', 'commissioner', '{QZZ}', purpose_code => 'commissioning') AS plan \gset
SELECT caredata.permit_dataset(:plan, 'person', '{birth_year,sex}'), caredata.permit_dataset(:plan, 'gp_event', '{code}'), caredata.permit_dataset(:plan, 'apc_episode', '{diag_01}');
SELECT caredata.create_release(:agreement, 'regress_care', 'p', 'direct_care', 'identifiable', exemption => 'direct_care', exemption_evidence => 'letter', exemption_document => repeat('0', 64), exemption_ends_on => '2099-01-01') AS care \gset
SELECT caredata.permit_dataset(:care, 'person', '{birth_year}'), caredata.permit_dataset(:care, 'gp_event', '{code}');

-- 1. before it is approved a guardian can see what a release would withhold
SET SESSION AUTHORIZATION regress_guardian;
SELECT * FROM caredata.release_effect(:plan) WHERE breakdown = 'all';
SELECT step, topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(1), :plan);
SELECT caredata.approve_release(:plan), caredata.approve_release(:care, accept_differencing => 'the care team');
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:plan), caredata.activate_release(:care);
RESET SESSION AUTHORIZATION;
GRANT regress_plan_reader TO regress_alice;
GRANT regress_care_reader TO regress_bob;

-- 2. why, and by which rule
SET SESSION AUTHORIZATION regress_guardian;
\pset format unaligned
-- nothing against it
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(20), :plan);
-- Type 1
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(1), :plan) WHERE step >= 4;
-- Type 1 in direct care
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(1), :care) WHERE step >= 4;
-- not on the list
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(6), :plan) WHERE step >= 4;
-- a list of purposes
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(8), :plan) WHERE step >= 4;
-- restricted
SELECT topic, settings, outcome, detail, citation FROM caredata.explain_visibility(regress_n(9), :care) WHERE step >= 4;
-- dated ahead: not yet
SELECT topic, settings, outcome FROM caredata.explain_visibility(regress_n(10), :plan) WHERE step >= 4;
-- outside the population
SELECT topic, settings, outcome, detail FROM caredata.explain_visibility(regress_n(100), :plan) WHERE step = 3 OR step = 7;
-- nobody yet
SELECT topic, settings, outcome, detail FROM caredata.explain_visibility(regress_n(200), :plan);
-- a practice that is paused
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT caredata.set_rollout('{Y90001}', 'paused', 'x');
SELECT topic, settings, outcome, detail FROM caredata.explain_visibility(regress_n(20), :plan) WHERE step >= 5;
SELECT topic, settings, outcome, detail FROM caredata.explain_visibility(regress_n(90), :plan) WHERE step >= 6;
ROLLBACK;
-- a set that somebody changed by hand
BEGIN;
UPDATE caredata.visible_chunk SET bits = set_bit(bits, 20, 0);
SELECT topic, settings, outcome, detail FROM caredata.explain_visibility(regress_n(20), :plan) WHERE step = 7;
ROLLBACK;
-- a rule of the guardian, cited
BEGIN;
SELECT caredata.set_objection_rule('type1', 'hospital', NULL, NULL, NULL, true, 'Board decision of 12 June');
SELECT settings, outcome, citation FROM caredata.explain_visibility(regress_n(1), :plan) WHERE step = 4;
SELECT settings, outcome FROM caredata.explain_visibility(regress_n(1), :plan) WHERE step = 7;
ROLLBACK;
-- suspended, and a stale list
BEGIN;
SELECT caredata.suspend_release(:plan);
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '40 days';
SELECT topic, outcome, detail FROM caredata.explain_visibility(regress_n(20), :plan) WHERE topic IN ('release', 'national list');
ROLLBACK;
\pset format aligned
-- who has moved away from it
BEGIN;
INSERT INTO care.gp_registration (person_id, registration_id, practice, registration_start, registration_end)
VALUES (90, 'before', 'Y90003', '2010-01-01', '2019-12-31');
SELECT caredata.set_rollout('{Y90003}', 'paused', 'x');
SELECT outcome, detail FROM caredata.explain_visibility(regress_n(90), :plan) WHERE step = 6;
ROLLBACK;
-- what is asked wrongly; the number is not repeated
SELECT * FROM caredata.explain_visibility('9990000019', :plan);
SELECT * FROM caredata.explain_visibility(regress_n(1), 99);
-- what it says is what a reader sees, for everybody with a number
SELECT count(*) AS explained, count(*) FILTER (WHERE e.outcome = 'visible') AS visible, count(e.detail) AS doubtful
FROM generate_series(1, 100) i CROSS JOIN LATERAL caredata.explain_visibility(regress_n(i), :plan) e WHERE e.step = 7 AND 'registry' = ANY (e.settings);
SET ROLE regress_alice;
SELECT count(*) AS seen FROM regress_plan.person;

-- 3. the effect, as it may be published: 100 in the population of plan less 1
-- of Three; withheld are 6, 7, 8, 9 and 101, of GP rows 1 to 5 too
SELECT * FROM caredata.release_effect(:plan);
RESET ROLE;
SELECT * FROM caredata.release_effect(:care) WHERE breakdown = 'all';
-- more objectors: percentages of rounded counts
BEGIN;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) SELECT i, 'type1', 'dissent', '2020-01-01' FROM generate_series(11, 57) i;
SELECT caredata.refresh_visible_sets();
SELECT * FROM caredata.release_effect(:plan) WHERE settings = '{gp}';
-- where hardly anybody is left, nothing is said of who is withheld either
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) SELECT i, 'type1', 'dissent', '2020-01-01' FROM generate_series(58, 60) i;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) VALUES (10, 'type1', 'dissent', '2020-01-01');
SELECT * FROM caredata.release_effect(:plan) WHERE settings = '{gp}' AND breakdown = 'practice';
ROLLBACK;

-- 4. who may ask: readers of the release itself, nobody of another's
SET SESSION AUTHORIZATION regress_auditor;
SELECT count(*) > 0 AS auditor FROM caredata.release_effect(:plan);
SET SESSION AUTHORIZATION regress_author;
SELECT count(*) > 0 AS administrator FROM caredata.release_effect(:plan);
SET SESSION AUTHORIZATION regress_bob;
SELECT count(*) > 0 AS own FROM caredata.release_effect(:care);
SELECT * FROM caredata.release_effect('regress_care') WHERE breakdown = 'all';
SELECT count(*) FROM caredata.release_effect('regress_plan');
SELECT count(*) FROM caredata.release_effect('nonsense');
SELECT count(*) FROM caredata.release_effect(:plan);
SELECT count(*) FROM caredata.release_effect(99);
SELECT count(*) FROM caredata.release_effect(NULL);
SELECT * FROM caredata.explain_visibility('9990000018', 1);
RESET SESSION AUTHORIZATION;
BEGIN;
UPDATE caredata.release SET ends_on = caredata.today() - 1 WHERE release_id = :care;
SET LOCAL ROLE regress_bob;
SELECT count(*) AS after_the_term FROM caredata.release_effect(:care);
ROLLBACK;
SELECT caredata.suspend_release(:care);
SET SESSION AUTHORIZATION regress_bob;
SELECT count(*) FROM caredata.release_effect(:care);
RESET SESSION AUTHORIZATION;
REVOKE regress_care_reader FROM regress_bob;
SET SESSION AUTHORIZATION regress_bob;
SELECT count(*) FROM caredata.release_effect(:care);
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_report;
DROP ROLE regress_plan_reader, regress_plan_definer, regress_care_reader, regress_care_definer;
DROP ROLE regress_author, regress_guardian, regress_auditor, regress_alice, regress_bob;
