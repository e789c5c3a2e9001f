-- Agreements and releases on paper. What must hold: nothing is approved by
-- anyone who wrote a line of it, by login or by role; nothing changes after
-- approval; no identifier and no bare record key can be permitted; no name
-- can capture a role or a schema that exists.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_agreement;
\c regress_agreement
SET client_min_messages = warning;
SET datestyle = iso;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_author_2 LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_both LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_office IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_clerk LOGIN IN ROLE regress_office;
CREATE ROLE regress_clerk_2 LOGIN IN ROLE regress_office;
CREATE ROLE regress_nobody LOGIN;

-- a dataset of the test's own, with a column of each kind
INSERT INTO caredata.dataset (dataset, setting, title, key_columns, description)
	VALUES ('regress_visit', 'community', 'Visits', '{visit_id}', 'Visits of this test');
INSERT INTO caredata.dataset_column
	(dataset, position, column_name, role, stored, field_type, treatment, description)
VALUES
	('regress_visit', 1, 'visit_id', 'data', true, 'text', 'record_pid', 'key of the visit'),
	('regress_visit', 2, 'nhs_number', 'nhs_number', false, 'nhs_number', 'drop', 'NHS number'),
	('regress_visit', 3, 'visited_on', 'data', true, 'date', 'month', 'day of the visit'),
	('regress_visit', 4, 'birth_year', 'data', true, 'smallint', 'age_band', 'year of birth'),
	('regress_visit', 5, 'minutes', 'data', true, 'smallint', 'keep', 'how long'),
	('regress_visit', 6, 'visitor', 'data', true, 'text', 'drop', 'who came'),
	('regress_visit', 7, 'pid', 'data', true, 'text', 'drop', 'a name that the pseudonym has'),
	('regress_visit', 8, 'age_band', 'data', true, 'text', 'drop', 'a name that a treated column has'),
	('regress_visit', 9, 'home', 'data', true, 'text', 'keep', 'where');
UPDATE caredata.dataset_column SET format = 'lsoa', treatment = 'msoa'
	WHERE dataset = 'regress_visit' AND column_name = 'home';

-- 1. agreements
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement(' A-1 ', 'Commissioning', ' qjg ', 'Suffolk and North East Essex ICB', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_agreement('A-1', 'Again', 'QJG', 'ICB', '2024-04-01', '2099-03-31');
SELECT caredata.create_agreement('A-2', 'Backwards', 'QJG', 'ICB', '2024-04-01', '2024-03-31');
SELECT caredata.create_agreement('', 'No reference', 'QJG', 'ICB', '2024-04-01', '2024-04-01');
SELECT caredata.create_agreement(NULL, 'No reference', 'QJG', 'ICB', '2024-04-01', '2024-04-01');
SELECT caredata.create_agreement('A-3', 'Past', 'QJG', 'ICB', '2020-04-01', '2021-03-31') AS past_agreement \gset
-- a code that looks like another's would get round a bar and the guard against
-- differencing
SELECT caredata.create_agreement('A-4', 'Space', 'QJG' || chr(160), 'ICB', '2024-04-01', '2099-03-31');
SELECT caredata.create_agreement('A-4', 'Nothing', 'QJG' || chr(8203), 'ICB', '2024-04-01', '2099-03-31');
SELECT caredata.create_agreement('A-4', 'Wide', chr(65329) || 'JG', 'ICB', '2024-04-01', '2099-03-31');
SELECT caredata.create_agreement('A-4', 'None', ' ', 'ICB', '2024-04-01', '2099-03-31');
SELECT caredata.create_agreement('A-4', 'None', NULL, 'ICB', '2024-04-01', '2099-03-31');

-- 2. releases: names
SELECT caredata.create_release(:agreement, 'Upper', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'has space', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'x"; DROP SCHEMA care; --', 'p', 'consent');
SELECT caredata.create_release(:agreement, E'line\nbreak', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'ends_in_newline' || E'\n', 'p', 'consent');
SELECT caredata.create_release(:agreement, '', 'p', 'consent');
SELECT caredata.create_release(:agreement, NULL, 'p', 'consent');
SELECT caredata.create_release(:agreement, repeat('a', 42)::name, 'p', 'consent');
SELECT caredata.create_release(:agreement, 'pg_release', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'care', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'care_identity', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'caredata_admin', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'public', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'information_schema', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'regress_author', 'p', 'consent');
RESET SESSION AUTHORIZATION;
CREATE ROLE regress_squat_reader;
CREATE SCHEMA regress_taken;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_release(:agreement, 'regress_squat', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'regress_taken', 'p', 'consent');

-- 3. releases: everything else is from a list or inside the agreement
SELECT caredata.create_release(0, 'regress_r', 'p', 'consent');
SELECT caredata.create_release(NULL, 'regress_r', 'p', 'consent');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'because');
SELECT caredata.create_release(:agreement, 'regress_r', '', 'consent');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', identifiability => 'roughly');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', population_kind => 'some');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', population_kind => 'practice');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', population_kind => 'practice', population_codes => '{" "}');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', population_codes => '{Y00001}');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', no_nhs_number => 'maybe');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', starts_on => '2024-03-31');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', ends_on => '2099-04-01');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', starts_on => '2025-01-02', ends_on => '2025-01-01');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', exemption => 'because');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', exemption => 'payment');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', exemption => 'payment', exemption_evidence => ' ');
SELECT caredata.create_release(:agreement, 'regress_r', 'p', 'consent', exemption_evidence => 'a letter');
SELECT caredata.create_release(:agreement, 'regress_r', 'Planning of services', 'consent',
	population_kind => 'practice', population_codes => '{y00002," Y00001",Y00002}') AS release \gset
SELECT caredata.create_release(:agreement, 'regress_r', 'again', 'consent');

-- 4. permitting
SELECT caredata.permit_dataset(:release, 'no_such_dataset');
SELECT caredata.permit_dataset(:release, 'regress_visit', '{}');
SELECT caredata.permit_dataset(:release, 'regress_visit', '{no_such_column}');
SELECT caredata.permit_dataset(:release, 'regress_visit', '{nhs_number}');
SELECT caredata.permit_dataset(:release, 'regress_visit', '{visitor}');
SELECT caredata.permit_dataset(:release, 'regress_visit', '{person_id}');
SELECT caredata.permit_dataset(NULL, 'regress_visit');
SELECT * FROM caredata.release_columns(:release);
SELECT caredata.permit_dataset(:release, 'regress_visit');
SELECT * FROM caredata.release_columns(:release);
SELECT caredata.permit_column(:release, 'regress_visit', 'nhs_number', 'keep');
SELECT caredata.permit_column(:release, 'regress_visit', 'nhs_number', 'record_pid');
SELECT caredata.permit_column(:release, 'regress_visit', 'visit_id', 'keep');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'age_band');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'year');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'record_pid');
SELECT caredata.permit_column(:release, 'regress_visit', 'visitor', 'msoa');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'minutes + 1');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', NULL);
SELECT caredata.permit_column(:release, 'regress_visit', 'pid', 'keep');
SELECT caredata.permit_column(:release, 'regress_visit', 'age_band', 'keep');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'drop');
SELECT caredata.permit_column(:release, 'regress_visit', 'visited_on', 'year');
SELECT caredata.permit_column(:release, 'regress_visit', 'visitor', 'keep');
SELECT * FROM caredata.release_columns(:release);

-- every treatment of the list is written in treated_column(), and no other
RESET SESSION AUTHORIZATION;
SELECT t.treatment, caredata.treated_column(9, 'x"y', t.treatment, 'z"', NULL)
FROM caredata.treatment t WHERE t.treatment <> 'drop' ORDER BY t.treatment COLLATE "C";
SELECT caredata.treated_column(9, 'x', 'drop', 'x', NULL);
-- what comes from another setting is shown with the rows of that setting
SELECT caredata.treated_column(9, 'x"y', 'msoa', 'z"', 'gp');

-- 5. approval: not by an author, in whatever role
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
GRANT caredata_guardian TO regress_author;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.approve_release(:release);
SET ROLE caredata_guardian;
SELECT caredata.approve_release(:release);
RESET ROLE;
-- an author of one line is an author
SET SESSION AUTHORIZATION regress_both;
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'keep');
SET ROLE caredata_guardian;
SELECT caredata.approve_release(:release);
RESET ROLE;
-- nor through a function of a guardian's that a careless one left open
RESET SESSION AUTHORIZATION;
CREATE SCHEMA regress_g AUTHORIZATION regress_guardian;
SET SESSION AUTHORIZATION regress_guardian;
CREATE FUNCTION regress_g.approve(release integer) RETURNS void
	LANGUAGE sql SECURITY DEFINER AS 'SELECT caredata.approve_release(release)';
GRANT USAGE ON SCHEMA regress_g TO PUBLIC;
SET SESSION AUTHORIZATION regress_author;
SELECT regress_g.approve(:release);
-- a shared role is one author
SET SESSION AUTHORIZATION regress_clerk;
SET ROLE regress_office;
SELECT caredata.create_release(:agreement, 'regress_shared', 'p', 'consent') AS shared \gset
SELECT caredata.permit_dataset(:shared, 'regress_visit');
SET SESSION AUTHORIZATION regress_clerk_2;
SET ROLE regress_office;
SELECT caredata.approve_release(:shared);
RESET ROLE;
SELECT caredata.approve_release(:shared);
SELECT state, created_by, approved_by FROM caredata.release_register() WHERE release = 'regress_shared';
-- the author of the agreement is no stranger to its releases
SET SESSION AUTHORIZATION regress_author_2;
SELECT caredata.create_release(:agreement, 'regress_other', 'p', 'consent') AS other \gset
SELECT caredata.permit_dataset(:other, 'regress_visit');
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.approve_release(:other);
-- a superuser is a person too
RESET SESSION AUTHORIZATION;
SELECT caredata.permit_column(:other, 'regress_visit', 'minutes', 'drop');
SELECT caredata.approve_release(:other);
-- the table refuses what the function refuses
UPDATE caredata.release SET state = 'approved' WHERE name = 'regress_other';
UPDATE caredata.release SET approved_by = created_by WHERE name = 'regress_other';

-- what is approved is what was read
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.release_fingerprint(:other) AS read \gset
SELECT caredata.release_fingerprint(:other) = :'read' AS same_again, length(:'read');
SET SESSION AUTHORIZATION regress_author_2;
SELECT caredata.permit_column(:other, 'regress_visit', 'visited_on', 'keep');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:other, :'read');
SELECT caredata.approve_release(:other, '');
BEGIN;
SELECT caredata.release_fingerprint(:other) AS read \gset
SELECT caredata.approve_release(:other, :'read');
SELECT caredata.release_fingerprint(:other) = :'read' AS same_when_approved;
ROLLBACK;
-- nothing to approve, too late to approve, approved twice
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_release(:agreement, 'regress_empty', 'p', 'consent') AS empty \gset
SELECT caredata.create_release(:past_agreement, 'regress_past', 'p', 'consent') AS past \gset
SELECT caredata.permit_dataset(:past, 'regress_visit');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:empty);
SELECT caredata.approve_release(:past);
SELECT caredata.approve_release(0);
SELECT caredata.approve_release(NULL);
SELECT caredata.approve_release(:release);
SELECT caredata.approve_release(:release);

-- 6. an approved release is not changed
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_dataset(:release, 'regress_visit');
SELECT caredata.permit_column(:release, 'regress_visit', 'minutes', 'drop');
SELECT caredata.discard_release(:release);
-- a draft can be thrown away, and its number is not used again
SELECT caredata.discard_release(:empty);
SELECT caredata.create_release(:agreement, 'regress_empty', 'p', 'consent') > :empty AS number_is_new;

-- 7. the register and the history
SELECT release, state, purpose, population, starts_on, ends_on, agreement, organisation_code, created_by, approved_by
FROM caredata.release_register();
SELECT state, requester, reason FROM caredata.release_history(:release);

-- 8. what is not granted is refused: functions by role, tables to everybody
SELECT caredata.requester();
SELECT caredata.lock_release(:release, 'draft');
SELECT caredata.set_release_state(:release, 'active');
SELECT caredata.add_release_author(:release);
SELECT caredata.check_release_name_free('x');
SELECT count(*) FROM caredata.release;
UPDATE caredata.release SET approved_by = '{me}';
SELECT count(*) FROM caredata.agreement;
SELECT count(*) FROM caredata.release_event;
DELETE FROM caredata.release_event;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.create_agreement('A-9', 't', 'X', 'x', '2024-01-01', '2024-01-01');
SELECT caredata.create_release(:agreement, 'regress_guardians', 'p', 'consent');
SELECT caredata.permit_dataset(:other, 'regress_visit');
SELECT caredata.permit_column(:other, 'regress_visit', 'minutes', 'keep');
SELECT caredata.discard_release(:other);
SET SESSION AUTHORIZATION regress_author_2;
SELECT caredata.approve_release(:other);
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.release_register();
SELECT caredata.release_columns(:release);
SELECT caredata.release_history(:release);
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_agreement;
DROP ROLE regress_author, regress_author_2, regress_guardian, regress_both, regress_office,
	regress_clerk, regress_clerk_2, regress_nobody, regress_squat_reader;
