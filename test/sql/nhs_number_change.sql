-- A change of an NHS number that was wrong: withdrawn by another person, so that
-- who was merged can be parted, and new records find whom they belong to.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_nhs_number_change;
\c regress_nhs_number_change
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_nhs_number_change
SET client_min_messages = warning;
\pset null -
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_both LOGIN IN ROLE caredata_linker, caredata_guardian;
-- 1 and 2 are two women, whose numbers are 018 and 026; 3 has 034
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart) VALUES
	('2425', '1', '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', '2024-05-01', '2024-05-01'),
	('2425', '2', '9990000026', '1971-06-06', '2', 'LS4 1AA', 'RR8', '2024-06-01', '2024-06-01'),
	('2425', '3', '9990000034', '1980-01-05', '2', 'LS5 1AA', 'RR8', '2024-06-01', '2024-06-01');
CALL caredata.load('apc_episode');
\set ECHO all
SELECT identity_id, person_id, nhs_number FROM care_identity.identity ORDER BY 1;

-- 1. Recorded wrongly: two women are one, each under both numbers. A record
-- comes meanwhile under the wrong one, and 3's number is said to be replaced
-- by one that nobody has.
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000018', 'a letter') AS merged;
SELECT caredata.record_superseded_nhs_number('9990000034', '9990000042', 'a letter') AS merged;
SELECT caredata.record_invalidated_nhs_number('9990000050', 'a letter') AS persons;
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart)
	VALUES ('2425', '4', '9990000018', '1971-06-06', '2', 'LS4 1AA', 'RR8', '2024-07-01', '2024-07-01');
CALL caredata.load('apc_episode');
SELECT identity_id, person_id, nhs_number, postcode FROM care_identity.identity ORDER BY 1;
SELECT epikey, person_id, identity_id FROM care.apc_episode ORDER BY epikey;

-- 2. Who may withdraw it, and why.
SELECT caredata.withdraw_nhs_number_change('9990000026', '');
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_nhs_number_change('9990000026', 'the letter was about another');
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.withdraw_nhs_number_change('9990000026', 'the letter was about another');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.withdraw_nhs_number_change('9990000018', 'the letter was about another');
SELECT caredata.withdraw_nhs_number_change(NULL, 'the letter was about another');
SELECT * FROM care_identity.withdrawn_nhs_number_change;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT caredata.withdraw_nhs_number_change('9990000026', 'the letter was about another');
ROLLBACK;

-- 3. What the chain had made is gone, and what records came with stays.
SELECT caredata.withdraw_nhs_number_change('9990000026', 'the letter was about another') AS identities \gset
\echo :identities
SELECT caredata.withdraw_nhs_number_change('9990000034', 'the letter was about another');
SELECT caredata.withdraw_nhs_number_change('9990000050', 'the letter was about another');
SELECT caredata.withdraw_nhs_number_change('9990000026', 'the letter was about another');
RESET SESSION AUTHORIZATION;
SELECT identity_id, person_id, nhs_number, postcode FROM care_identity.identity ORDER BY 1;
SELECT * FROM caredata.nhs_number_chains();
SELECT nhs_number, superseded_by, source, recorded_by, reason, withdrawn_by FROM care_identity.withdrawn_nhs_number_change ORDER BY 1;
SELECT * FROM caredata.check_visible_sets();

-- 4. Parted, each has her own again, and new records go to whom they belong to.
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.unlink_identities(:'identities', 'the letter was about another') AS person;
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart) VALUES
	('2425', '5', '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', '2024-08-01', '2024-08-01'),
	('2425', '6', '9990000026', '1971-06-06', '2', 'LS4 1AA', 'RR8', '2024-08-01', '2024-08-01');
CALL caredata.load('apc_episode');
SELECT epikey, person_id, identity_id FROM care.apc_episode ORDER BY epikey;
-- the number may be recorded anew
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_superseded_nhs_number('9990000034', '9990000069', 'another letter') AS merged;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_nhs_number_change;
DROP ROLE regress_linker, regress_guardian, regress_both;
