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

-- 3. cohorts: by NHS number, a snapshot, whoever comes later joins
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

-- 4. denied
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.import_cohort(''x'', ''x'')',
	'SELECT * FROM caredata.person_codes(''{everyone}'')',
	'SELECT * FROM caredata.registered_on(''2020-01-01'')',
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
