-- Persons after they were founded: merged, parted, asked about; and that
-- records, pseudonyms, objections and visible sets follow at once.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_person;
\c regress_person
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_person
SET client_min_messages = warning;
\pset null -
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_nobody LOGIN;

-- Loaded: 1 and 2 are in truth one woman who has two numbers, 3 and 4 twins, 5
-- a record that fits both twins, 6 one without a number, 7 her neighbour.
INSERT INTO care.practice (practice_code, name) VALUES ('A81001', 'First'), ('A81002', 'Second');
INSERT INTO care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex, postcode, registration_start, ethnos, lsoa) VALUES
	('R1', 'A81001', '9990000018', '1950-03-04', '2', 'LS1 4AP', '2001-04-01', 'Z', 'E01000001'),
	('R2', 'A81002', '9990000026', '1950-03-04', '2', 'LS2 9JT', '2010-04-01', 'B', 'E01000002'),
	('R3', 'A81001', '9990000034', '1960-05-05', '1', 'LS3 1AA', '2001-04-01', NULL, NULL),
	('R4', 'A81001', '9990000042', '1960-05-05', '1', 'LS3 1AA', '2001-04-01', NULL, NULL);
CALL caredata.load('gp_registration');
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, lopatid, admidate, epistart, diag_01) VALUES
	('2425', '1', '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', NULL, '2024-05-01', '2024-05-01', 'S720'),
	('2425', '2', '9990000026', '1950-03-04', '2', 'LS1 4AP', 'RR8', 'A2', '2024-06-01', '2024-06-01', 'S721'),
	('2425', '3', NULL, '1960-05-05', '1', 'LS3 1AA', 'RCF', 'B1', '2024-07-01', '2024-07-01', 'S722'),
	('2526', '4', NULL, '1970-06-06', '2', 'LS4 1AA', 'RR8', NULL, '2025-05-01', '2025-05-01', 'S723'),
	('2526', '5', NULL, '1971-06-06', '2', 'LS4 1AA', 'RR8', NULL, '2025-05-02', '2025-05-02', 'S724');
CALL caredata.load('apc_episode');
SELECT i.identity_id, i.person_id, i.nhs_number, i.local_patient_id, i.link_rank, i.ambiguous
FROM care_identity.identity i ORDER BY 1;
SELECT person_id, epikey, identity_id, link_rank FROM care.apc_episode ORDER BY epikey;

-- 1. What fitted two twins equally well is a question about each of them, and
-- an older question is not asked again.
SELECT review_id, person_id, other_id, question, link_rank, load_id, decision FROM caredata.link_review ORDER BY 1;
INSERT INTO care_landing.apc_episode (fyear, epikey, dob, sex, homeadd, procode3, lopatid, admidate, epistart)
	VALUES ('2526', '6', '1960-05-05', '1', 'LS3 1AA', 'RCF', 'B1', '2025-07-01', '2025-07-01');
CALL caredata.load('apc_episode');
SELECT count(*) FROM caredata.link_review;

-- A release, in which alice keeps the pseudonyms of all seven.
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_persons', 'Everyone.', 'public_task', 'anonymised', no_nhs_number => 'allow') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year,ethnic_category,practice_code}');
SELECT caredata.permit_dataset(:release, 'apc_episode', '{diag_01}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:release);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:release);
RESET SESSION AUTHORIZATION;
GRANT regress_persons_reader TO regress_alice;
CREATE TABLE public.kept AS SELECT i AS n, caredata.pid(i, :'release') AS pid FROM generate_series(1, 12) i;
GRANT SELECT ON public.kept TO PUBLIC;
ALTER DATABASE regress_person SET search_path = public, caredata;
SET search_path = public, caredata;
-- who is seen with which records, by number of the pseudonym that was kept
CREATE VIEW public.seen AS
	SELECT k.n, p.birth_year, p.ethnic_category, p.practice_code,
		   (SELECT string_agg(e.diag_01, ' ' ORDER BY e.diag_01) FROM regress_persons.apc_episode e WHERE e.pid = p.pid) AS episodes
	FROM regress_persons.person p LEFT JOIN public.kept k ON k.pid = p.pid ORDER BY k.n;
ALTER VIEW public.seen SET (security_invoker = true);
GRANT SELECT ON public.seen TO regress_alice;
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM public.seen;

-- 2. Merging: not by everybody, not without a reason, not whoever.
SELECT caredata.merge_persons(1, 2, 'the same woman');
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.merge_persons(1, 2, 'the same woman');
SELECT caredata.join_persons(1, 2, 'the same woman');
SELECT caredata.unlink_identities('{1}', 'another woman');
SELECT caredata.decide_review(1, true, 'the same man');
SELECT caredata.keep_apart(1, 2, 'sisters in truth');
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000018', 'letter');
SELECT caredata.record_invalidated_nhs_number('9990000026', 'letter');
SELECT caredata.set_link_setting('crowded_key_limit', 3);
SELECT caredata.move_records(1, 2, NULL);
SELECT caredata.refresh_person_facts('{1}', true);
SELECT * FROM caredata.nhs_number_chains();
SELECT caredata.nhs_numbers_contradict(1, 2);
SELECT caredata.add_chained_identities();
SELECT caredata.lock_persons();
SELECT * FROM caredata.person_alias;
SELECT * FROM caredata.link_review;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.merge_persons(1, 2, 'the same woman');
SELECT caredata.decide_review(1, true, 'the same man');
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.unlink_identities('{1}', 'another woman');
SELECT caredata.merge_persons(1, 2, 'no');
SELECT caredata.merge_persons(1, 2, NULL);
SELECT caredata.merge_persons(1, 1, 'the same woman');
SELECT caredata.merge_persons(1, 99, 'the same woman');
SELECT caredata.merge_persons(NULL, 1, 'the same woman');
SELECT caredata.merge_persons(1, 2, 'the same woman');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT caredata.merge_persons(1, 2, 'the same woman', despite_nhs_numbers => true);
ROLLBACK;
-- 2 becomes 1, with records, facts and identities
SELECT caredata.merge_persons(2, 1, 'seen by the practice on 3 May', despite_nhs_numbers => true);
SELECT caredata.merge_persons(2, 3, 'the same woman');
SELECT * FROM caredata.person_alias;
SELECT change_id, change, person_id, other_id, identities, records, reason, done_by FROM caredata.person_change;
RESET SESSION AUTHORIZATION;
SELECT * FROM caredata.check_visible_sets();
SELECT person_id FROM care_identity.person ORDER BY 1;
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM public.seen;
-- the retired pseudonym is nobody's, and is renewed into the one that stayed
SELECT count(*) FROM regress_persons.apc_episode WHERE pid = (SELECT pid FROM public.kept WHERE n = 2);
SELECT a.n, b.n AS renewed FROM public.kept a LEFT JOIN public.kept b ON b.pid = regress_persons.current_pid(a.pid) WHERE a.n < 4 ORDER BY 1;
SELECT e.diag_01 FROM regress_persons.apc_episode e JOIN public.kept k ON e.pid = regress_persons.current_pid(k.pid) WHERE k.n = 2 ORDER BY 1;
RESET SESSION AUTHORIZATION;
SELECT k.n, caredata.person_behind(k.pid, :release) AS person FROM public.kept k WHERE k.n < 4 ORDER BY 1;
SELECT a.n, b.n AS renewed FROM public.kept a LEFT JOIN public.kept b ON b.pid = caredata.renewed_pseudonym(a.pid, :release) WHERE a.n < 4 ORDER BY 1;
-- what comes under either number is hers, and the number 2 is not given again
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart) VALUES
	('2526', '7', '9990000026', '1950-03-04', '2', 'LS9 1AA', 'RR8', '2025-06-01', '2025-06-01'),
	('2526', '8', '9990000018', '1950-03-04', '2', 'LS9 1AA', 'RR8', '2025-06-02', '2025-06-02');
CALL caredata.load('apc_episode');
SELECT person_id, epikey, link_rank FROM care.apc_episode WHERE epikey IN (7, 8) ORDER BY 2;

-- 3. An objection on either of her numbers withholds all of her, and lets her
-- go with its withdrawal; that two pseudonyms were one person's is not told
-- while she is withheld.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_objection('9990000026', 'local') > 0 AS recorded;
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM public.seen;
SELECT a.n, b.n AS renewed FROM public.kept a LEFT JOIN public.kept b ON b.pid = regress_persons.current_pid(a.pid) WHERE a.n < 4 ORDER BY 1;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_objection('9990000026', 'local');
SELECT caredata.record_objection('9990000018', 'local') > 0 AS recorded;
SET SESSION AUTHORIZATION regress_alice;
SELECT n FROM public.seen;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_objection('9990000018', 'local');
-- somebody who objected and is merged takes the other along, in this transaction
SELECT caredata.record_objection('9990000034', 'local') > 0 AS recorded;
BEGIN;
SELECT caredata.merge_persons(3, 4, 'not twins, one man', despite_nhs_numbers => true);
SET LOCAL SESSION AUTHORIZATION regress_alice;
SELECT n FROM public.seen;
ROLLBACK;
SET SESSION AUTHORIZATION regress_alice;
SELECT n FROM public.seen;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_objection('9990000034', 'local');

-- 4. Questions: different is never asked again, the same merges; a decision
-- that stands in the way of a merge says so.
SELECT caredata.decide_review(99, true, 'the same man');
SELECT caredata.decide_review(1, NULL, 'the same man');
SELECT caredata.decide_review(1, false, 'the nurse knows both');
SELECT caredata.merge_persons(3, 5, 'the same man');
SELECT caredata.decide_review(2, true, 'the nurse knows both');
SELECT caredata.decide_review(2, true, 'the nurse knows both');
SELECT review_id, person_id, other_id, decision, reason, decided_by FROM caredata.link_review ORDER BY person_id, other_id;
-- as one person, the record's identity is no longer ambiguous, and joins more
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.apc_episode (fyear, epikey, dob, sex, homeadd, procode3, lopatid, admidate, epistart)
	VALUES ('2526', '9', '1960-05-05', '1', 'LS3 2AA', 'RCF', 'B1', '2025-08-01', '2025-08-01');
CALL caredata.load('apc_episode');
SELECT person_id, epikey FROM care.apc_episode WHERE epikey IN (3, 6, 9) ORDER BY 2;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.keep_apart(6, 6, 'they are neighbours');
SELECT caredata.keep_apart(6, 7, 'they are neighbours');
SELECT caredata.merge_persons(7, 6, 'the same woman');
SELECT caredata.decide_review((SELECT review_id FROM caredata.link_review WHERE person_id = 6), true, 'not neighbours, after all');
SELECT caredata.merge_persons(3, 6, 'chained, for the test') AS kept;
SELECT * FROM caredata.person_alias ORDER BY 1;
RESET SESSION AUTHORIZATION;

-- 5. Parting: by a steward, with a reason, some identities but not all; their
-- records go with them, and nothing brings the two together again.
SELECT i.identity_id, i.person_id, i.nhs_number, i.postcode, i.link_rank FROM care_identity.identity i WHERE person_id IN (1, 3) ORDER BY 1;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.unlink_identities('{2,6}', 'no');
SELECT caredata.unlink_identities('{}', 'they are sisters');
SELECT caredata.unlink_identities(NULL, 'they are sisters');
SELECT caredata.unlink_identities('{1,99}', 'they are sisters');
SELECT caredata.unlink_identities('{1,3}', 'they are sisters');
SELECT caredata.unlink_identities(ARRAY(SELECT generate_series(1, 20)), 'they are sisters');
RESET SESSION AUTHORIZATION;
SELECT caredata.unlink_identities(ARRAY(SELECT identity_id FROM care_identity.identity WHERE person_id = 1), 'they are sisters');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.unlink_identities('{2,5,10,10}', 'they are sisters');
RESET SESSION AUTHORIZATION;
SELECT * FROM caredata.check_visible_sets();
SELECT i.identity_id, i.person_id, i.nhs_number, i.postcode, i.link_rank FROM care_identity.identity i WHERE person_id IN (1, 8) ORDER BY 1;
SELECT person_id, epikey, identity_id FROM care.apc_episode WHERE person_id IN (1, 8) ORDER BY 2;
SELECT person_id, registration_id FROM care.gp_registration WHERE person_id IN (1, 8) ORDER BY 2;
SELECT * FROM care.person WHERE person_id IN (1, 8) ORDER BY 1;
SELECT change_id, change, person_id, other_id, identities, records, reason, done_by FROM caredata.person_change ORDER BY 1 DESC LIMIT 1;
SELECT person_id, other_id, question, decision FROM caredata.link_review WHERE other_id = 8;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.merge_persons(1, 8, 'one woman again', despite_nhs_numbers => true);
SET SESSION AUTHORIZATION regress_alice;
SELECT * FROM public.seen;
RESET SESSION AUTHORIZATION;
-- the same rows landed again go to whom they belong to now
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, lopatid, admidate, epistart, diag_01) VALUES
	('2425', '1', '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', NULL, '2024-05-01', '2024-05-01', 'S720'),
	('2425', '2', '9990000026', '1950-03-04', '2', 'LS1 4AP', 'RR8', 'A2', '2024-06-01', '2024-06-01', 'S721');
CALL caredata.load('apc_episode');
SELECT stored, withheld FROM caredata.load_balance ORDER BY load_id DESC LIMIT 1;
-- an objection in a GP record goes with the identity that it came with; where
-- that is not known, both have objected
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date, identity_id) VALUES
	(3, 'type1', 'dissent', '2020-01-01', 3), (3, 'local', 'dissent', '2020-01-01', NULL);
SELECT caredata.refresh_visible_sets();
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.unlink_identities('{3}', 'another man altogether') AS founded;
RESET SESSION AUTHORIZATION;
SELECT person_id, kind, identity_id FROM care_identity.coded_objection ORDER BY 1, 2;
SELECT * FROM caredata.check_visible_sets();

-- 6. NHS numbers that were superseded chain: 026 is 018 is now 050. Who had any
-- of them is one person, for records and objections, the earlier parting
-- notwithstanding: the number is what decides.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_superseded_nhs_number('9990000026', '999', 'letter');
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000026', 'letter');
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000018', NULL);
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000018', 'PDS') AS merged;
SELECT caredata.record_superseded_nhs_number('9990000026', '9990000050', 'PDS');
SELECT caredata.record_superseded_nhs_number('9990000018', '9990000026', 'PDS');
SELECT caredata.record_superseded_nhs_number('9990000018', '9990000050', 'PDS') AS merged;
SELECT person_id, count(*), count(DISTINCT nhs_number) AS numbers FROM care_identity.identity WHERE nhs_number IN ('9990000018', '9990000026', '9990000050') GROUP BY 1;
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart) VALUES
	('2526', '10', '9990000050', '1950-03-04', NULL, 'LS10 1AA', 'RR8', '2025-06-01', '2025-06-01'),
	('2526', '11', '9990000026', '1950-03-04', NULL, 'LS11 1AA', 'RR8', '2025-06-01', '2025-06-01'),
	('2526', '12', '9990000069', '1980-01-05', '1', 'LS12 1AA', 'RR8', '2025-06-01', '2025-06-01');
CALL caredata.load('apc_episode');
SELECT person_id, epikey, link_rank FROM care.apc_episode WHERE epikey BETWEEN 10 AND 12 ORDER BY 2;
SELECT nhs_number FROM care_identity.identity WHERE postcode = 'LS11 1AA' ORDER BY 1;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_objection('9990000050', 'local') > 0 AS recorded;
SET SESSION AUTHORIZATION regress_alice;
SELECT n FROM public.seen;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_objection('9990000050', 'local');
-- a number that was superseded before anybody came with it
SELECT caredata.record_superseded_nhs_number('9990000077', '9990000085', 'PDS') AS merged;
SELECT caredata.record_objection('9990000077', 'local') > 0 AS recorded;
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart)
	VALUES ('2526', '13', '9990000085', '1981-01-05', '1', 'LS13 1AA', 'RR8', '2025-06-01', '2025-06-01');
CALL caredata.load('apc_episode');
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) AS seen FROM regress_persons.person WHERE birth_year = 1981;
RESET SESSION AUTHORIZATION;
SELECT count(*) AS there FROM care.person WHERE birth_year = 1981;

-- 7. An invalidated number stands for nobody: nothing is linked by it, it
-- contradicts nothing, and a chain that would lead there is refused.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_invalidated_nhs_number('9990000069', NULL);
SELECT caredata.record_invalidated_nhs_number('9990000069', 'PDS') AS persons;
SELECT caredata.record_invalidated_nhs_number('9990000069', 'PDS');
SELECT caredata.record_superseded_nhs_number('9990000093', '9990000069', 'PDS');
SELECT * FROM caredata.nhs_number_chains();
RESET SESSION AUTHORIZATION;
SELECT * FROM caredata.nhs_number_chains() ORDER BY 1;
INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart) VALUES
	('2526', '14', '9990000069', '1980-01-05', '1', 'LS14 1AA', 'RR8', '2025-06-01', '2025-06-01'),
	('2526', '15', '9990000069', '1950-03-04', '2', 'LS2 9JT', 'RR8', '2025-06-01', '2025-06-01');
CALL caredata.load('apc_episode');
-- 14 is not linked by it, 15 joins by place and birth
SELECT person_id, epikey, link_rank FROM care.apc_episode WHERE epikey IN (12, 14, 15) ORDER BY 2;

-- 8. The numbers of a setting have a range; NULL puts the shipped one back.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.set_link_setting('crowded_key_limit', 1);
SELECT caredata.set_link_setting('crowded_key_limit', 'NaN');
SELECT caredata.set_link_setting('anything', 3);
SELECT caredata.set_link_setting('crowded_key_limit', 3);
SELECT * FROM caredata.link_setting;
RESET SESSION AUTHORIZATION;
SELECT caredata.crowded_key_limit();
SELECT caredata.set_link_setting('crowded_key_limit', NULL);
SELECT caredata.crowded_key_limit();
-- no number was given twice
SELECT count(*) = count(DISTINCT n) AS given_once, max(n) = count(*) AS dense
FROM (SELECT person_id AS n FROM care_identity.person UNION ALL SELECT retired_id FROM caredata.person_alias) x;

\set ECHO none
SELECT caredata.end_release(:release) \gset
\c postgres
DROP DATABASE regress_person;
DROP ROLE regress_author, regress_guardian, regress_linker, regress_alice, regress_nobody,
	regress_persons_reader, regress_persons_definer;
