-- The list of the national data opt-out: what is sent and recorded, which
-- answers are taken and which refused, and whom it withholds.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_national_list;
\c regress_national_list
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_national_list
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_alice LOGIN;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 600) g) v
WHERE n IS NOT NULL;

-- 1. before there is anything
SELECT * FROM caredata.national_list_status();
SELECT caredata.request_national_list();
SELECT caredata.national_list_lines(1);
SELECT caredata.national_list_lines(NULL);

-- Twenty persons with a number; 20 has two, 21 has none. One release rests on
-- the list. Birth years stand for persons.
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 21) i;
INSERT INTO care_identity.identity (person_id, nhs_number, local_patient_id, link_rank)
SELECT i, n, 'a', 1 FROM regress_number WHERE i <= 20
UNION ALL SELECT i, n, 'the same number again', 1 FROM regress_number WHERE i = 1
UNION ALL SELECT 20, n, 'a', 1 FROM regress_number WHERE i = 21
UNION ALL SELECT 21, NULL, 'a', 1;
INSERT INTO care.person (person_id, birth_year) SELECT i, 1950 + i FROM generate_series(1, 30) i;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('R-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_list', 'Rests on the list.', 'public_task') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:release);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:release);
RESET SESSION AUTHORIZATION;
GRANT regress_list_reader TO regress_alice;
CREATE VIEW regress_withheld AS
SELECT string_agg(i::text, ' ' ORDER BY i) AS withheld
FROM generate_series(1, 30) i JOIN care_identity.person ON person_id = i
WHERE i NOT IN (SELECT birth_year - 1950 FROM regress_list.person);
SELECT * FROM regress_withheld;

-- 2. out: recorded, byte for byte as the service wants it, the same each time
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.request_national_list() AS request;
\copy (SELECT * FROM caredata.national_list_lines(1) LIMIT 2) TO PROGRAM 'od -An -v -c'
\copy (SELECT * FROM caredata.national_list_lines(1)) TO PROGRAM 'sha256sum'
SELECT requested_by, numbers, digest, answered_at, age < interval '1 minute' AS new
FROM caredata.national_list_request, LATERAL (SELECT clock_timestamp() - requested_at AS age) a;
RESET SESSION AUTHORIZATION;
-- who comes later is not in it
INSERT INTO care_identity.person VALUES (22);
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT 22, n, 1 FROM regress_number WHERE i = 22;
SELECT count(*) AS lines, count(DISTINCT l) AS different, bool_and(l ~ '^[0-9]{10},$') AS shape FROM caredata.national_list_lines(1) l;
\copy (SELECT * FROM caredata.national_list_lines(1)) TO PROGRAM 'sha256sum'
SELECT request, state, age < interval '1 minute' AS new, max_age, fresh, numbers, withheld, not_checked FROM caredata.national_list_status();

-- 3. back: what is refused, and leaves everything as it was
SET SESSION AUTHORIZATION regress_loader;
SELECT caredata.import_national_list(NULL);
SELECT caredata.import_national_list(2);
SELECT caredata.import_national_list(1);
RESET SESSION AUTHORIZATION;
INSERT INTO care_landing.national_list SELECT n::text || ',' FROM regress_number WHERE i <= 21;
BEGIN;
INSERT INTO care_landing.national_list VALUES ('9990000019,');
SELECT caredata.import_national_list(1);
ROLLBACK;
BEGIN;
DELETE FROM care_landing.national_list;
\copy care_landing.national_list FROM PROGRAM 'printf "9990000018,\n\n9990000026,\n"'
SELECT caredata.import_national_list(1, 100);
ROLLBACK;
-- numbers that were not sent: of nobody here, and of who came since
BEGIN;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i = 40;
SELECT caredata.import_national_list(1);
ROLLBACK;
BEGIN;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i = 22;
SELECT caredata.import_national_list(1, 100);
ROLLBACK;
BEGIN;
DELETE FROM care_landing.national_list WHERE nhs_number IN (SELECT n::text || ',' FROM regress_number WHERE i <= 5);
SELECT caredata.import_national_list(1);
ROLLBACK;
SELECT count(*) AS nothing_imported FROM care_identity.national_check;
SELECT count(*) AS lines_to_send FROM caredata.national_list_lines(1);
SELECT count(*) AS landed FROM care_landing.national_list;

-- 4. back, as it may come: with and without comma, with carriage returns, with
-- spaces, a number twice, a last line that does not end
BEGIN;
DELETE FROM care_landing.national_list;
\copy care_landing.national_list FROM PROGRAM 'printf "9990000018,\r\n999 000 0018\r\n9990000026\r\n9990000034,"'
SELECT caredata.import_national_list(1, 100) AS withheld;
SELECT allowed, count(*) FROM care_identity.national_check GROUP BY allowed ORDER BY allowed;
ROLLBACK;
-- 3 and the second number of 20 do not come back; 21 has none; 22 was not asked for
DELETE FROM care_landing.national_list WHERE nhs_number IN (SELECT n::text || ',' FROM regress_number WHERE i IN (3, 21));
SET SESSION AUTHORIZATION regress_loader;
SELECT caredata.import_national_list(1, max_withheld_percent => 9);
SELECT caredata.import_national_list(1, max_withheld_percent => NULL);
SELECT caredata.import_national_list(1) AS withheld;
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_withheld;
SELECT c.allowed, count(*), bool_and(c.checked_at = r.requested_at) AS as_old_as_the_request
FROM care_identity.national_check c, caredata.national_list_request r GROUP BY c.allowed ORDER BY c.allowed;
SELECT request, state, fresh, numbers, withheld, not_checked FROM caredata.national_list_status();
SELECT numbers, allowed, answered_by, answered_at > requested_at AS later FROM caredata.national_list_request;
-- nothing is kept that is not needed
SELECT count(*) AS kept FROM care_identity.national_list_sent;
SELECT count(*) AS landed FROM care_landing.national_list;
SELECT caredata.national_list_lines(1);
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 21;
SELECT caredata.import_national_list(1);

-- 5. several requests: the answer to the newer overtakes the older
SELECT caredata.request_national_list() AS request;
INSERT INTO care_identity.person VALUES (23);
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT 23, n, 1 FROM regress_number WHERE i = 23;
SELECT caredata.request_national_list() AS request;
SELECT request, state, numbers, withheld, not_checked FROM caredata.national_list_status();
SELECT request_id, count(*) AS kept FROM care_identity.national_list_sent GROUP BY request_id ORDER BY request_id;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i IN (22, 23);
-- the answer to 3 is none to 2
SELECT caredata.import_national_list(2);
SELECT caredata.import_national_list(3) AS withheld;
SELECT * FROM regress_withheld;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 22;
SELECT caredata.import_national_list(2);
SELECT request_id, count(*) AS kept FROM care_identity.national_list_sent GROUP BY request_id ORDER BY request_id;
SELECT request, state, numbers, withheld, not_checked FROM caredata.national_list_status();
-- the other way round both are answered
SELECT caredata.request_national_list() AS request;
SELECT caredata.request_national_list() AS request;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i = 23;
SELECT caredata.import_national_list(4) AS withheld;
SELECT request, state, numbers, withheld, not_checked FROM caredata.national_list_status();
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i BETWEEN 2 AND 23;
SELECT caredata.import_national_list(5) AS withheld;
SELECT * FROM regress_withheld;
SELECT * FROM caredata.check_visible_sets();

-- 6. the age counts from the request, and an answer can come too late
SELECT caredata.request_national_list() AS request;
SELECT caredata.request_national_list() AS request;
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '40 days' WHERE request_id < 6;
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '28 days 1 hour' WHERE request_id = 6;
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '27 days 1 hour' WHERE request_id = 7;
SELECT request, state, extract(day FROM age) AS days, fresh FROM caredata.national_list_status();
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 23;
SELECT caredata.import_national_list(6);
SELECT caredata.import_national_list(7) AS withheld;
SELECT request, state, extract(day FROM age) AS days, fresh FROM caredata.national_list_status();
SELECT extract(day FROM now() - national_list_at) AS days FROM caredata.visible_set LIMIT 1;
-- whoever asks again forgets what nobody can answer any more
SELECT caredata.request_national_list() AS request;
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '30 days' WHERE request_id < 8;
UPDATE caredata.national_list_request SET requested_at = requested_at - interval '29 days' WHERE request_id = 8;
SELECT count(*) AS lines_to_send FROM caredata.national_list_lines(8);
SELECT caredata.request_national_list() AS request;
SELECT caredata.national_list_lines(8);
SELECT request_id, count(*) AS kept FROM care_identity.national_list_sent GROUP BY request_id ORDER BY request_id;
-- numbers that somebody lost are not taken for numbers that were not sent
BEGIN;
DELETE FROM care_identity.national_list_sent s USING regress_number r WHERE r.n = s.nhs_number AND r.i = 7;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 23;
SELECT caredata.import_national_list(9);
ROLLBACK;

-- 7. denied: the loader lands and imports, and does not get the numbers
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.request_national_list()',
	'SELECT caredata.national_list_lines(9)',
	'SELECT caredata.import_national_list(9)',
	'SELECT caredata.national_list_status()',
	'SELECT caredata.national_list_time()',
	'SELECT caredata.national_list_max_age()',
	'SELECT caredata.forget_national_list_numbers()',
	'SELECT * FROM caredata.national_list_request',
	'SELECT * FROM care_identity.national_list_sent']) s;
SET SESSION AUTHORIZATION regress_loader;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.request_national_list()',
	'SELECT caredata.national_list_lines(9)',
	'SELECT * FROM care_identity.national_list_sent']) s;
SET SESSION AUTHORIZATION regress_linker;
SELECT regress_try(s) FROM unnest(ARRAY[
	'UPDATE caredata.national_list_request SET requested_at = now()',
	'SELECT * FROM care_identity.national_list_sent']) s;
SET SESSION AUTHORIZATION regress_auditor;
SELECT count(*) AS requests FROM caredata.national_list_request;
SELECT regress_try('SELECT caredata.national_list_lines(9)');
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_national_list;
DROP ROLE regress_list_reader, regress_list_definer;
DROP ROLE regress_author, regress_guardian, regress_linker, regress_loader, regress_auditor, regress_alice;
