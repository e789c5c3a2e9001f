-- A practice file that moves a practice to another commissioner moves its
-- patients into and out of the populations of releases, in the same
-- transaction.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_population;
\c regress_population
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_file_loader LOGIN IN ROLE caredata_loader;

SET SESSION AUTHORIZATION regress_file_loader;
COPY care_landing.epraccur (organisation_code, name, status_code, commissioner) FROM STDIN (FORMAT csv);
Y90001,FIRST,A,00K
Y90002,SECOND,A,16C
\.
CALL caredata.load_practices();
RESET SESSION AUTHORIZATION;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 5) i;
INSERT INTO care.person (person_id, birth_year, practice_code)
SELECT i, 1950 + i, CASE WHEN i <= 2 THEN 'Y90001' ELSE 'Y90002' END FROM generate_series(1, 5) i;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Study', '00K', 'Made-up', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_population', 'Research with consent', 'research',
	population_kind => 'commissioner', population_codes => '{00K}', no_nhs_number => 'allow',
	exemption => 'consent', exemption_evidence => 'letter of 2024-05-01', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:release);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:release);
RESET SESSION AUTHORIZATION;
GRANT regress_population_reader TO regress_alice;

SET SESSION AUTHORIZATION regress_alice;
SELECT birth_year FROM regress_population.person ORDER BY 1;
SET SESSION AUTHORIZATION regress_file_loader;
COPY care_landing.epraccur (organisation_code, name, status_code, commissioner) FROM STDIN (FORMAT csv);
Y90001,FIRST,A,16C
Y90002,SECOND,A,00K
\.
CALL caredata.load_practices();
SET SESSION AUTHORIZATION regress_alice;
SELECT birth_year FROM regress_population.person ORDER BY 1;

-- What is rolled back did not happen.
SET SESSION AUTHORIZATION regress_file_loader;
BEGIN;
COPY care_landing.epraccur (organisation_code, name, status_code, commissioner) FROM STDIN (FORMAT csv);
Y90002,SECOND,A,16C
\.
CALL caredata.load_practices();
ROLLBACK;
SET SESSION AUTHORIZATION regress_alice;
SELECT birth_year FROM regress_population.person ORDER BY 1;
RESET SESSION AUTHORIZATION;
SELECT count(*) AS wrong FROM caredata.check_visible_sets();

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_population;
DROP ROLE regress_author, regress_guardian, regress_alice, regress_file_loader,
	regress_population_reader, regress_population_definer;
