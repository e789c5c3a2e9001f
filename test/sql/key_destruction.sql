--
-- Destroying a release's key: two people, for good, and what is left.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_key_destruction;
\c regress_key_destruction
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_both LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_nobody LOGIN;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 10) i;
INSERT INTO care.person (person_id, birth_year, sex) SELECT i, 1950 + i, 1 FROM generate_series(1, 10) i;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Study', 'QZZ', 'Made-up university', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_shred', 'A study', 'research',
	exemption => 'consent', exemption_evidence => 'letters', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31', no_nhs_number => 'allow') AS shred \gset
SELECT caredata.create_release(:agreement, 'regress_keep', 'Another study', 'research',
	exemption => 'consent', exemption_evidence => 'letters', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31', no_nhs_number => 'allow') AS keep \gset
SELECT caredata.permit_dataset(:shred, 'person', '{sex}');
SELECT caredata.permit_dataset(:keep, 'person', '{sex}');
-- a draft is thrown away, not destroyed
SELECT caredata.request_key_destruction(:shred, 'mistake');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:shred);
SELECT caredata.approve_release(:keep);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:shred);
SELECT caredata.activate_release(:keep);
RESET SESSION AUTHORIZATION;
GRANT regress_shred_reader, regress_keep_reader TO regress_alice;
SET SESSION AUTHORIZATION regress_alice;
SELECT count(DISTINCT pid) FROM regress_shred.person;
RESET SESSION AUTHORIZATION;

-- 1. not without a request, not without a reason, not by one person
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
SELECT caredata.request_key_destruction(:shred, ' ');
SELECT caredata.request_key_destruction(99, 'x');
SELECT caredata.request_key_destruction(NULL, 'x');
SELECT caredata.request_key_destruction(:shred, 'the study is over');
SELECT caredata.request_key_destruction(:shred, 'again');
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
-- nor by the same login in another role, or the same role with another login
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.withdraw_key_destruction(:shred);
SELECT caredata.withdraw_key_destruction(:shred);
SELECT caredata.request_key_destruction(:shred, 'the study is over');
SET ROLE caredata_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
RESET ROLE;
SELECT caredata.withdraw_key_destruction(:shred);
SET ROLE caredata_guardian;
SELECT caredata.request_key_destruction(:shred, 'the study is over');
RESET ROLE;
SET SESSION AUTHORIZATION regress_guardian;
SET ROLE caredata_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
RESET ROLE;
-- nor by who only asks, or has nothing to do with it
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.request_key_destruction(:shred, 'x');
SELECT caredata.withdraw_key_destruction(:shred);
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
-- nor the wrong one, nor after a long time
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_keep');
SELECT caredata.destroy_domain_key(:keep, 'regress_keep');
RESET SESSION AUTHORIZATION;
UPDATE caredata.key_destruction SET requested_at = now() - interval '31 days';
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
RESET SESSION AUTHORIZATION;
UPDATE caredata.key_destruction SET requested_at = now();
SELECT domain_id = :shred AS the_one, state, usable FROM caredata.key_status() WHERE kind = 'domain';

-- 2. destroyed, with all generations
SELECT caredata.rotate_domain_key(:shred);
SET SESSION AUTHORIZATION regress_alice;
SELECT count(DISTINCT pid) FROM regress_shred.person;
SELECT pid AS before FROM regress_shred.person LIMIT 1 \gset
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
SELECT caredata.destroy_domain_key(:shred, 'regress_shred');
SELECT caredata.request_key_destruction(:shred, 'again');
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.rotate_domain_key(:shred);
SELECT caredata.close_domain_generation(:shred, 1);
RESET SESSION AUTHORIZATION;
SELECT domain_id = :shred AS the_one, generation, state, fingerprint IS NULL AS no_fingerprint, closed_at IS NULL AS open, usable,
	   replace(problem, :'shred', 'N') AS problem
FROM caredata.key_status() WHERE kind = 'domain';
SELECT count(*) AS keys FROM caredata.domain_key WHERE domain_id = :shred;
SELECT event, domain_id = :shred AS the_one, generation, requester,
	   regexp_replace(reason, '[0-9a-f]{16}', 'FINGERPRINT') AS reason FROM caredata.key_history();
SELECT state, reason FROM caredata.release_history(:shred) ORDER BY happened_at DESC LIMIT 1;
-- 3. the release says so, whatever is asked of it; the other goes on
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM regress_shred.person;
SELECT * FROM regress_shred.person WHERE pid = :'before';
SELECT regress_shred.current_pid(:'before');
SELECT count(DISTINCT pid) FROM regress_keep.person;
RESET SESSION AUTHORIZATION;
SELECT caredata.pid(1, :'shred') IS NULL;
SELECT caredata.person_of(:'before', :'shred');
-- a row that somebody puts back does not bring it back
BEGIN;
INSERT INTO caredata.domain_key (domain_id, generation, wrapped_key, fingerprint)
SELECT :shred, 1, wrapped_key, fingerprint FROM caredata.new_domain_key(:shred, 1);
SELECT caredata.pid(1, :'shred') IS NULL;
ROLLBACK;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_key_destruction;
DROP ROLE regress_shred_reader, regress_shred_definer, regress_keep_reader, regress_keep_definer,
	regress_author, regress_guardian, regress_both, regress_alice, regress_nobody;
