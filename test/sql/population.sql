-- Populations: by practice, commissioner and area, now and on a day, and by
-- cohort; and that a load that says so moves people.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_population;
\c regress_population
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_population
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_alice LOGIN;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL;
INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZZ', 'North ICB', 'icb'), ('QYY', 'South ICB', 'icb');
INSERT INTO care.practice (practice_code, name, commissioner_code) VALUES ('Y90001', 'One', 'QZZ'), ('Y90002', 'Two', 'QYY'), ('Y90003', 'Three', 'QZZ');
-- Three belonged to the south until 2024
INSERT INTO care.practice_commissioner VALUES ('Y90001', 'QZZ', '2010-01-01', NULL), ('Y90002', 'QYY', '2010-01-01', NULL),
	('Y90003', 'QYY', '2010-01-01', '2023-12-31'), ('Y90003', 'QZZ', '2024-01-01', NULL);
INSERT INTO care.lsoa (lsoa_code, name, msoa_code, local_authority_code) VALUES
	('E01000001', 'One', 'E02000001', 'E09000001'), ('E01000002', 'Two', 'E02000001', 'E09000001'), ('E01000003', 'Three', 'E02000002', 'E09000002');

-- Registrations as a file would have them: 1 and 2 with One, 3 with Two, 4
-- with Three, 5 moved from One to Two in 2022, 6 left One in 2021, 7 has
-- registered with nobody
GRANT SELECT ON regress_number TO regress_loader;
CREATE FUNCTION regress_land(i integer, registration text, practice text, starts text, ends text, lsoa text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex, registration_start, registration_end, lsoa)
	SELECT registration, practice, n::text, (1950 + regress_land.i) || '-05-05', '1', starts, ends, lsoa FROM regress_number r WHERE r.i = regress_land.i
$$;
SET SESSION AUTHORIZATION regress_loader;
SELECT regress_land(1, 'r1', 'Y90001', '2010-01-01', NULL, 'E01000001'), regress_land(2, 'r2', 'Y90001', '2015-01-01', NULL, 'E01000002'),
	regress_land(3, 'r3', 'Y90002', '2010-01-01', NULL, 'E01000003'), regress_land(4, 'r4', 'Y90003', '2010-01-01', NULL, 'E01000003'),
	regress_land(5, 'r5a', 'Y90001', '2010-01-01', '2022-05-31', 'E01000001'), regress_land(5, 'r5b', 'Y90002', '2022-06-01', NULL, 'E01000003'),
	regress_land(6, 'r6', 'Y90001', '2010-01-01', '2021-03-31', 'E01000001'), regress_land(7, 'r7', 'V81997', '2010-01-01', NULL, NULL);
CALL caredata.load('gp_registration', 'first');
RESET SESSION AUTHORIZATION;
SELECT birth_year - 1950 AS i, practice_code, lsoa FROM care.person ORDER BY birth_year;

-- 1. populations of now and of a day
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Populations', 'QZZ', 'North ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_x', 'p', 'public_task', population_kind => 'planet', population_codes => '{X}');
SELECT caredata.create_release(:agreement, 'regress_x', 'p', 'public_task', population_on => '2020-01-01');
SELECT caredata.create_release(:agreement, 'regress_x', 'p', 'public_task', population_kind => 'cohort', population_codes => '{x}', population_on => '2020-01-01');
SELECT caredata.create_release(:agreement, 'regress_x', 'p', 'public_task', population_kind => 'practice', population_codes => '{Y90001}', population_on => caredata.today() + 1);
SELECT caredata.create_release(:agreement, 'regress_x', 'p', 'public_task', population_kind => 'practice', population_codes => '{Y90001}', population_on => '-infinity');
CREATE FUNCTION pg_temp.draft(name text, kind text, codes text[], on_day date DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT caredata.permit_dataset(caredata.create_release(1, name, 'p', 'public_task', 'anonymised', kind, codes, population_on => on_day), 'person', '{birth_year}')
$$;
SELECT pg_temp.draft('regress_practice', 'practice', '{Y90001}');
SELECT pg_temp.draft('regress_practice_2020', 'practice', '{Y90001}', '2020-07-01');
SELECT pg_temp.draft('regress_north', 'commissioner', '{QZZ}');
SELECT pg_temp.draft('regress_north_2023', 'commissioner', '{QZZ}', '2023-07-01');
SELECT pg_temp.draft('regress_south_2023', 'commissioner', '{QYY}', '2023-07-01');
SELECT pg_temp.draft('regress_lsoa', 'lsoa', '{E01000001}');
SELECT pg_temp.draft('regress_lsoa_2020', 'lsoa', '{E01000001}', '2020-07-01');
SELECT pg_temp.draft('regress_msoa', 'msoa', '{E02000001}');
SELECT pg_temp.draft('regress_district', 'district', '{E09000002}');
SELECT pg_temp.draft('regress_district_2020', 'district', '{E09000002}', '2020-07-01');
SELECT population FROM caredata.release_register() ORDER BY release_id;
SET SESSION AUTHORIZATION regress_guardian;
SELECT count(caredata.approve_release(release_id)) FROM caredata.release_register();
SET SESSION AUTHORIZATION regress_author;
SELECT count(caredata.activate_release(release_id)) FROM caredata.release_register();
RESET SESSION AUTHORIZATION;
CREATE FUNCTION regress_seen() RETURNS TABLE (release name, people text) LANGUAGE plpgsql AS $$
BEGIN
	FOR release IN SELECT r.name FROM caredata.release r WHERE r.state = 'active' ORDER BY r.release_id LOOP
		EXECUTE format('SELECT string_agg((birth_year - 1950)::text, '' '' ORDER BY birth_year) FROM %I.person', release) INTO people;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM regress_seen();
SELECT * FROM caredata.check_visible_sets();
-- a code that no reference table has
SET SESSION AUTHORIZATION regress_author;
SELECT pg_temp.draft('regress_no_msoa', 'msoa', '{E02999999}');
SELECT pg_temp.draft('regress_no_district', 'district', '{E09999999}');
SELECT pg_temp.draft('regress_no_cohort', 'cohort', '{nobody}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT count(caredata.approve_release(release_id)) FROM caredata.release_register() WHERE release LIKE 'regress\_no\_%';
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(11);
SELECT caredata.activate_release(12);
SELECT caredata.activate_release(13);

-- 2. a load that says that 2 has moved from One to Two moves them, in the
-- statement after it; and 1 moved house
SET SESSION AUTHORIZATION regress_loader;
SELECT regress_land(2, 'r2', 'Y90001', '2015-01-01', '2026-10-31', 'E01000002'), regress_land(2, 'r2b', 'Y90002', '2026-11-01', NULL, 'E01000003'),
	regress_land(1, 'r1', 'Y90001', '2010-01-01', NULL, 'E01000003');
CALL caredata.load('gp_registration', 'second');
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_seen();
SELECT * FROM caredata.check_visible_sets();
-- one person at a time comes to the same
SELECT caredata.record_objection((SELECT n::text FROM regress_number WHERE i = 4), 'local') > 0 AS recorded;
SELECT * FROM caredata.check_visible_sets();
SELECT caredata.withdraw_objection((SELECT n::text FROM regress_number WHERE i = 4), 'local');
SELECT * FROM caredata.check_visible_sets();

-- 3. registered now: from the first day to the last, on days on which no load
-- comes too. Days pass: everything dated comes nearer.
CREATE FUNCTION regress_days_pass(days integer) RETURNS void LANGUAGE sql AS $$
	UPDATE care.gp_registration SET registration_start = registration_start - days, registration_end = registration_end - days;
	UPDATE care_identity.registration_change SET changes_on = changes_on - days;
	UPDATE caredata.visible_set SET valid_until = valid_until - days
$$;
CREATE VIEW regress_now AS
SELECT release, people FROM regress_seen() WHERE release IN ('regress_practice', 'regress_north', 'regress_lsoa', 'regress_practice_2020');
CREATE VIEW regress_dated AS
SELECT p.birth_year - 1950 AS i, p.practice_code, c.changes_on - caredata.today() AS changes_in
FROM care.person p JOIN care_identity.registration_change c USING (person_id) ORDER BY 1;
CREATE VIEW regress_lasting AS
SELECT r.name, s.valid_until - caredata.today() AS days_left FROM caredata.visible_set s JOIN caredata.release r USING (release_id)
WHERE 'local' = ANY (s.kinds) AND NOT 'type1' = ANY (s.kinds) ORDER BY r.release_id;
-- what a load wrote is what registered_on() says of today
CREATE VIEW regress_otherwise AS
SELECT p.person_id, p.practice_code, r.practice FROM care.person p
FULL JOIN caredata.registered_on(caredata.today()) r USING (person_id) WHERE p.practice_code IS DISTINCT FROM r.practice;
TABLE regress_otherwise;
SELECT birth_year - 1950 AS i, practice_code, lsoa FROM care.person ORDER BY birth_year;
-- the last day is today, and today counts
SET SESSION AUTHORIZATION regress_loader;
SELECT regress_land(4, 'r4', 'Y90003', '2010-01-01', caredata.today()::text, 'E01000003');
CALL caredata.load('gp_registration', 'last day');
RESET SESSION AUTHORIZATION;
TABLE regress_now;
TABLE regress_dated;
TABLE regress_lasting;
SELECT * FROM caredata.check_visible_sets();
BEGIN;
SELECT regress_days_pass(1);
-- tomorrow who rests on it refuses until somebody refreshes; others go on
CREATE FUNCTION regress_count(release name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE people text;
BEGIN
	EXECUTE format('SELECT count(*) FROM %I.person', release) INTO people;
	RETURN people;
EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN regexp_replace(SQLERRM, '\d{4}-\d\d-\d\d', 'DATE');
END $$;
SELECT name, regress_count(name) FROM caredata.release WHERE state = 'active' ORDER BY release_id;
-- an objection meanwhile is no refresh
SELECT caredata.record_objection((SELECT n::text FROM regress_number WHERE i = 3), 'local') > 0 AS recorded;
SELECT regress_count('regress_north');
SELECT caredata.refresh_visible_sets();
TABLE regress_now;
TABLE regress_dated;
SELECT DISTINCT days_left FROM regress_lasting ORDER BY 1;
SELECT practice_code, lsoa FROM care.person WHERE birth_year = 1954;
TABLE regress_otherwise;
SELECT * FROM caredata.check_visible_sets();
ROLLBACK;
-- beginnings ahead, and one registration under another: 6 comes back to One in
-- two days, 1 is with Two for as long, 4 ends today; 2's default is no practice
BEGIN;
INSERT INTO care.gp_registration (person_id, registration_id, practice, registration_start, registration_end)
SELECT p.person_id, 'ahead' || i, practice, caredata.today() + starts, caredata.today() + ends
FROM (VALUES (6, 'Y90001', 2, NULL), (1, 'Y90002', -10, 1), (2, 'V81997', -1, 9), (7, 'Y90003', -5, 20)) v (i, practice, starts, ends)
JOIN care.person p ON p.birth_year = 1950 + i;
CREATE TEMP TABLE caredata_touched AS SELECT person_id FROM care.person;
SELECT caredata.update_registrations(), caredata.refresh_person_visibility(array_agg(person_id)) FROM care.person;
DROP TABLE caredata_touched;
TABLE regress_now;
TABLE regress_dated;
TABLE regress_otherwise;
SELECT DISTINCT days_left FROM regress_lasting ORDER BY 1;
SELECT * FROM caredata.check_visible_sets();
SELECT regress_days_pass(1);
SELECT caredata.refresh_visible_sets();
TABLE regress_now;
TABLE regress_dated;
TABLE regress_otherwise;
SELECT DISTINCT days_left FROM regress_lasting ORDER BY 1;
SELECT regress_days_pass(1);
-- a merge keeps what is ahead of the one that stays
SELECT caredata.merge_persons(a.person_id, b.person_id, 'a test of what lies ahead', true) = least(a.person_id, b.person_id) AS merged
FROM care.person a, care.person b WHERE a.birth_year = 1952 AND b.birth_year = 1957;
SELECT caredata.refresh_visible_sets();
TABLE regress_now;
TABLE regress_dated;
TABLE regress_otherwise;
SELECT count(*) AS of_nobody FROM care_identity.registration_change c WHERE NOT EXISTS (SELECT FROM care.person p WHERE p.person_id = c.person_id);
SELECT * FROM caredata.check_visible_sets();
ROLLBACK;

-- the dead are where they were on the day of their death: 6 died while with
-- One, and, as the register corrects it, after; 3 is with Two as before
BEGIN;
CREATE FUNCTION regress_death(i integer, day text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO care_landing.death (registration_id, nhs_number, date_of_birth, sex, date_of_death, underlying_cause)
	SELECT 'd' || regress_death.i, n::text, (1950 + regress_death.i) || '-05-05', '1', day, 'I219' FROM regress_number r WHERE r.i = regress_death.i
$$;
SELECT regress_death(6, '2021-03-31'), regress_death(3, '2026-05-01');
CALL caredata.load('death', 'first');
TABLE regress_now;
SELECT birth_year - 1950 AS i, practice_code, death_year FROM care.person WHERE death_year IS NOT NULL ORDER BY birth_year;
TABLE regress_dated;
SELECT * FROM caredata.check_visible_sets();
SELECT regress_death(6, '2021-04-01');
CALL caredata.load('death', 'corrected');
TABLE regress_now;
SELECT birth_year - 1950 AS i, practice_code, death_year FROM care.person WHERE death_year IS NOT NULL ORDER BY birth_year;
SELECT * FROM caredata.check_visible_sets();
ROLLBACK;

-- 4. cohorts: by NHS number, a snapshot, whoever comes later joins
INSERT INTO care_landing.cohort SELECT n::text || ',' FROM regress_number WHERE i IN (1, 3, 9);
SET SESSION AUTHORIZATION regress_loader;
SELECT caredata.import_cohort('Heart Failure', 'x');
SELECT caredata.import_cohort('heart_failure', ' ');
SELECT caredata.import_cohort(NULL, 'x');
SELECT caredata.import_cohort('heart_failure', 'Heart failure clinic');
SELECT caredata.import_cohort('heart_failure', 'Nothing landed');
INSERT INTO care_landing.cohort VALUES ('9990000018'), ('9990000019');
SELECT caredata.import_cohort('heart_failure', 'Not all numbers');
TRUNCATE care_landing.cohort;
SET SESSION AUTHORIZATION regress_author;
SELECT pg_temp.draft('regress_cohort', 'cohort', '{heart_failure}');
SELECT caredata.release_fingerprint(14) AS read_then \gset
-- while it is a draft the cohort may change, and the fingerprint tells
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.cohort SELECT n::text FROM regress_number WHERE i IN (1, 3, 9, 10);
SELECT caredata.import_cohort('heart_failure', 'Heart failure clinic');
SELECT name, title, numbers, imported_by FROM caredata.cohort;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(14, :'read_then');
SELECT caredata.approve_release(14, caredata.release_fingerprint(14));
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(14);
RESET SESSION AUTHORIZATION;
SELECT people FROM regress_seen() WHERE release = 'regress_cohort';
-- 9 comes with a load
SET SESSION AUTHORIZATION regress_loader;
SELECT regress_land(9, 'r9', 'Y90001', '2026-01-01', NULL, 'E01000001');
CALL caredata.load('gp_registration', 'third');
RESET SESSION AUTHORIZATION;
SELECT people FROM regress_seen() WHERE release = 'regress_cohort';
SELECT * FROM caredata.check_visible_sets();
-- approved, it may shrink and not grow
INSERT INTO care_landing.cohort SELECT n::text FROM regress_number WHERE i IN (1, 2, 3);
SELECT caredata.import_cohort('heart_failure', 'Heart failure clinic');
TRUNCATE care_landing.cohort;
INSERT INTO care_landing.cohort SELECT n::text FROM regress_number WHERE i IN (1, 9);
SELECT caredata.import_cohort('heart_failure', 'Heart failure clinic');
SELECT people FROM regress_seen() WHERE release = 'regress_cohort';

-- 5. denied
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.import_cohort(''x'', ''x'')',
	'SELECT * FROM caredata.person_codes(''{everyone}'')',
	'SELECT * FROM caredata.registered_on(''2020-01-01'')',
	'SELECT caredata.update_registrations()',
	'SELECT caredata.apply_registration_changes()',
	'SELECT caredata.registered_until()',
	'SELECT caredata.population_coding(''practice'', NULL)',
	'SELECT * FROM caredata.cohort',
	'SELECT * FROM care_landing.cohort',
	'SELECT * FROM care_identity.cohort_member']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_population;
DO $$ DECLARE r name; BEGIN
	FOR r IN SELECT rolname FROM pg_roles WHERE rolname ~ '^regress_(practice|north|south|lsoa|msoa|district|cohort)' LOOP EXECUTE format('DROP ROLE %I', r); END LOOP;
END $$;
DROP ROLE regress_author, regress_guardian, regress_loader, regress_alice;
