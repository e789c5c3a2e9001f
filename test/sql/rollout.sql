-- Phased roll-out: GP rows of who is or was registered with a practice that
-- is not live are withheld; pausing and resuming take effect at once; and
-- nothing changes where there is no roll-out.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_rollout;
\c regress_rollout
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_rollout
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL;
INSERT INTO care.practice (practice_code, name, commissioner_code) VALUES ('Y90001', 'One', 'QZZ'), ('Y90002', 'Two', 'QZZ'), ('Y90003', 'Three', NULL);
-- 1 to 3 with One, 4 to 6 with Two, 7 with Three and before with Two, 8 with
-- nobody that is known, 9 with Three and before with no practice
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 9) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM regress_number WHERE i <= 9;
INSERT INTO care.person (person_id, birth_year, practice_code)
SELECT i, 1950 + i, CASE WHEN i <= 3 THEN 'Y90001' WHEN i <= 6 THEN 'Y90002' WHEN i IN (7, 9) THEN 'Y90003' END FROM generate_series(1, 9) i;
INSERT INTO care.gp_registration (person_id, registration_id, practice, registration_start, registration_end)
SELECT person_id, 'r' || person_id, practice_code, DATE '2020-01-01', NULL::date FROM care.person WHERE practice_code IS NOT NULL
UNION ALL SELECT 7, 'r7a', 'Y90002', '2010-01-01', '2019-12-31'
UNION ALL SELECT 9, 'r9a', 'V81997', '2010-01-01', '2019-12-31';
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT person_id, coalesce(practice_code, 'Y90001'), 'e' || person_id, '2025-01-01', 'C10..', 'readv2' FROM care.person;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_all', 'p', 'public_task', 'anonymised') AS all \gset
SELECT caredata.permit_dataset(:all, 'person', '{birth_year}'), caredata.permit_dataset(:all, 'gp_event', '{code}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:all);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:all);
RESET SESSION AUTHORIZATION;
GRANT regress_all_reader TO regress_alice;
CREATE FUNCTION regress_gp_rows() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((p.birth_year - 1950)::text, ' ' ORDER BY p.birth_year) FROM regress_all.gp_event e JOIN regress_all.person p USING (pid)
$$;

-- 1. without a roll-out nothing is withheld, and no set is made for it
SELECT regress_gp_rows();
SELECT caredata.applying_kinds(:all, 'gp'), caredata.applying_kinds(:all, 'hospital');
SELECT practice_code, practice, state, people FROM caredata.rollout_status();

-- 2. an administrator pauses a practice: at once, also for who has moved away;
-- rows of other settings stay
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.pause_rollout('{Y90002}', 'complaint of 3 May');
RESET SESSION AUTHORIZATION;
SET ROLE regress_alice;
SELECT regress_gp_rows();
SELECT count(*) AS persons FROM regress_all.person;
RESET ROLE;
SELECT caredata.applying_kinds(:all, 'gp'), caredata.applying_kinds(:all, 'hospital');
SELECT practice_code, state, requester, reason FROM caredata.rollout_status();
SELECT * FROM caredata.check_visible_sets();
-- an objection beside it, and its withdrawal, take nothing of it away
SELECT caredata.record_objection((SELECT n::text FROM regress_number WHERE i = 4), 'local') > 0 AS recorded;
SELECT caredata.withdraw_objection((SELECT n::text FROM regress_number WHERE i = 4), 'local');
SELECT regress_gp_rows();
SELECT * FROM caredata.check_visible_sets();
-- an administrator cannot undo it, a guardian can, at once
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_author;
SELECT regress_try('SELECT caredata.set_rollout(''{Y90002}'', ''live'', ''x'')');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90002}', 'live', 'settled');
SELECT caredata.set_rollout('{Y90002}', 'live', 'nothing to do');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows();
SELECT caredata.applying_kinds(:all, 'gp');
-- in one's own transaction, and not after a rollback
BEGIN;
SELECT caredata.set_rollout('{Y90001}', 'testing_counts', 'counts only');
SELECT regress_gp_rows();
ROLLBACK;
SELECT regress_gp_rows();

-- 3. a phased roll-out: whoever nobody has put live is planned; so is who has
-- no practice, as nobody knows whose rows these are
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout_default('planned', 'pathfinders first');
SELECT caredata.set_rollout(ARRAY(SELECT practice_code FROM care.practice WHERE commissioner_code = 'QZZ'), 'testing_counts', 'pathfinder area');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows();
SELECT practice_code, state, people FROM caredata.rollout_status();
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90001,Y90001}', 'live', 'tested');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows();
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90003}', 'live', 'tested');
RESET SESSION AUTHORIZATION;
-- 7 was with Two, which is testing; 9 was with no practice, which is none
SELECT regress_gp_rows();
SELECT * FROM caredata.check_visible_sets();
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90002}', 'live', 'tested');
SELECT caredata.set_rollout_default('live', 'everybody now');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows();
SELECT caredata.applying_kinds(:all, 'gp');

-- 4. testing with made-up people: a real one never shows. 1 to 9 have numbers of
-- the synthetic range; 10 has a number that is none of it, 11 one of each, 12
-- none, 13 two of the range; all with One
INSERT INTO care_identity.person SELECT i FROM generate_series(10, 13) i;
INSERT INTO care_identity.identity (person_id, nhs_number, local_patient_id, link_rank) VALUES
	(10, '9000000009', NULL, 1), (11, '9000000017', NULL, 1), (11, '9990001111', NULL, 1), (12, NULL, 'h12', 1),
	(13, '9990001138', NULL, 1), (13, '9990001146', NULL, 1);
INSERT INTO care.person (person_id, birth_year, practice_code) SELECT i, 1950 + i, 'Y90001' FROM generate_series(10, 13) i;
INSERT INTO care.gp_registration (person_id, registration_id, practice, registration_start) SELECT i, 'r' || i, 'Y90001', '2020-01-01' FROM generate_series(10, 13) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme) SELECT i, 'Y90001', 'e' || i, '2025-01-01', 'C10..', 'readv2' FROM generate_series(10, 13) i;
-- a release that would show 12, too
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_release(:agreement, 'regress_open', 'p', 'public_task', 'anonymised', no_nhs_number => 'allow') AS open \gset
SELECT caredata.permit_dataset(:open, 'person', '{birth_year}'), caredata.permit_dataset(:open, 'gp_event', '{code}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:open, accept_differencing => 'a test');
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:open);
RESET SESSION AUTHORIZATION;
CREATE FUNCTION regress_open_rows() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((p.birth_year - 1950)::text, ' ' ORDER BY p.birth_year) FROM regress_open.gp_event e JOIN regress_open.person p USING (pid)
$$;
SELECT caredata.refresh_visible_sets();
SELECT regress_gp_rows(), regress_open_rows();
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90001}', 'testing_synthetic', 'made-up patients of the supplier');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows(), regress_open_rows();
SELECT p, outcome, detail FROM unnest('{1,10,11,13,7}'::int[]) p, caredata.explain_visibility((SELECT i.nhs_number::text FROM care_identity.identity i WHERE i.person_id = p ORDER BY 1 LIMIT 1), :all) WHERE topic = 'roll-out';
-- one person at a time comes to the same: a real number arrives for 1, and goes
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) VALUES (1, '9000000025', 1);
SELECT caredata.refresh_person_visibility('{1,2,10}');
SELECT regress_gp_rows();
SELECT * FROM caredata.check_visible_sets();
DELETE FROM care_identity.identity WHERE nhs_number = '9000000025';
SELECT caredata.refresh_person_visibility('{1,2,10}');
SELECT regress_gp_rows();
SELECT * FROM caredata.check_visible_sets();
-- made up or not, who was with a practice that does not test so is withheld; and
-- persons of the synthetic range object like any
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90003}', 'testing_synthetic', 'made-up patients'), caredata.set_rollout('{Y90002}', 'paused', 'x');
RESET SESSION AUTHORIZATION;
SELECT caredata.record_objection((SELECT n::text FROM regress_number WHERE i = 2), 'local') > 0 AS recorded;
SELECT regress_gp_rows(), regress_open_rows();
SELECT practice_code, state, people FROM caredata.rollout_status();
SELECT * FROM caredata.check_visible_sets();
SELECT caredata.withdraw_objection((SELECT n::text FROM regress_number WHERE i = 2), 'local');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90001,Y90002,Y90003}', 'live', 'tested');
RESET SESSION AUTHORIZATION;
SELECT regress_gp_rows(), regress_open_rows();

-- 5. what is not a step
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_rollout('{Y90001}', 'ready', 'x');
SELECT caredata.set_rollout('{Y90001}', 'testing', 'x');
SELECT caredata.set_rollout('{Y90001}', NULL, 'x');
SELECT caredata.set_rollout('{Y90001}', 'live', ' ');
SELECT caredata.set_rollout('{Y99999}', 'live', 'x');
SELECT caredata.set_rollout('{}', 'live', 'x');
SELECT caredata.set_rollout('{Y90001,NULL}', 'live', 'x');
SELECT caredata.set_rollout_default('paused', 'x');
SELECT caredata.set_rollout_default('live', NULL);
RESET SESSION AUTHORIZATION;
SELECT practice_code, state, requester, reason FROM caredata.rollout_event ORDER BY event_id;

-- 6. denied
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.set_rollout(''{Y90001}'', ''live'', ''x'')',
	'SELECT caredata.pause_rollout(''{Y90001}'', ''x'')',
	'SELECT caredata.set_rollout_default(''live'', ''x'')',
	'SELECT * FROM caredata.rollout_status()',
	'SELECT caredata.put_rollout_state(''{Y90001}'', ''live'', ''x'')',
	'SELECT caredata.rollout_persons()',
	'SELECT caredata.synthetic_persons()',
	'SELECT * FROM caredata.rollout_event']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_rollout;
DROP ROLE regress_all_reader, regress_all_definer, regress_open_reader, regress_open_definer, regress_author, regress_guardian, regress_alice;
