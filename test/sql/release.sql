-- Releases in force: what activation makes, what a reader then sees, and that
-- every state but active says so. Two releases of the same people, with
-- another population, other columns and another treatment of objections.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_release;
\c regress_release
SET client_min_messages = warning;
SET datestyle = iso;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_release
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_nobody LOGIN;

-- ten people: 1 to 6 with one practice, 7 to 10 with another. 1 objects to
-- use of the GP record, 2 has opted out nationally, 3 has no NHS number
INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZZ', 'Made-up ICB', 'icb');
INSERT INTO care.practice (practice_code, name, commissioner_code)
	VALUES ('Y90001', 'First', 'QZZ'), ('Y90002', 'Second', NULL);
INSERT INTO care.lsoa (lsoa_code, name, msoa_code, local_authority_code)
	VALUES ('E01000001', 'One', 'E02000001', 'E09000001');
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 10) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, CASE WHEN i <> 3 THEN n END, 1
FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
	  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
	  WHERE n IS NOT NULL) numbered
WHERE i <= 10;
INSERT INTO care.person (person_id, birth_year, birth_month, sex, lsoa, practice_code, ethnic_category)
SELECT i, CASE WHEN i = 4 THEN 1920 ELSE 1950 + i END, i, 1 + i % 2,
	   CASE WHEN i = 5 THEN 'E01000002' ELSE 'E01000001' END,
	   CASE WHEN i <= 6 THEN 'Y90001' ELSE 'Y90002' END, 'A'
FROM generate_series(1, 10) i;
SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2026-03-31');
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, epiend, diag_01)
SELECT i, '2425', 1000 + i, 'RZZ', DATE '2024-12-20' + 5 * i, DATE '2024-12-20' + 5 * i, '2025-03-31', 'S72' || i % 10
FROM generate_series(1, 10) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT i, CASE WHEN i <= 6 THEN 'Y90001' ELSE 'Y90002' END, 'e' || i, '2025-01-01', 'C10..', 'readv2'
FROM generate_series(1, 10) i;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date)
	VALUES (1, 'type1', 'dissent', '2020-01-01');
INSERT INTO care_landing.national_list
SELECT nhs_number::text FROM care_identity.identity WHERE person_id NOT IN (2, 3);
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;

-- 1. draft, approve
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_north', 'Planning of services.', 'public_task',
	population_kind => 'practice', population_codes => '{Y90001}') AS north \gset
SELECT caredata.permit_dataset(:north, 'person');
SELECT caredata.permit_column(:north, 'person', 'birth_year', 'age_band');
SELECT caredata.permit_column(:north, 'person', 'lsoa', 'msoa');
SELECT caredata.permit_dataset(:north, 'apc_episode', '{epikey,admidate,epistart,diag_01}');
SELECT caredata.permit_column(:north, 'apc_episode', 'admidate', 'month');
SELECT caredata.permit_column(:north, 'apc_episode', 'epistart', 'year');
SELECT caredata.permit_dataset(:north, 'gp_event', '{practice,event_id,date,code}');
SELECT caredata.create_release(:agreement, 'regress_study', 'Research with consent', 'research',
	exemption => 'consent', exemption_evidence => 'letter of 2024-05-01', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31') AS study \gset
SELECT caredata.permit_dataset(:study, 'apc_episode');
SELECT caredata.permit_dataset(:study, 'gp_event', '{code}');
SELECT caredata.permit_dataset(:study, 'person', '{lsoa}');
SELECT caredata.permit_column(:study, 'person', 'lsoa', 'district');
SELECT caredata.activate_release(:north);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.activate_release(:north);
SELECT caredata.approve_release(:north);
SELECT caredata.approve_release(:study, accept_differencing => 'a study with consent');
SELECT caredata.resume_release(:north);
SELECT caredata.suspend_release(:north);

-- 2. activation is all or nothing, and looks before it acts
RESET SESSION AUTHORIZATION;
ALTER TABLE care.gp_event_default NO FORCE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
RESET SESSION AUTHORIZATION;
ALTER TABLE care.gp_event_default FORCE ROW LEVEL SECURITY;
CREATE POLICY open_door ON care.gp_event FOR SELECT USING (true);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
RESET SESSION AUTHORIZATION;
DROP POLICY open_door ON care.gp_event;
UPDATE caredata.release SET population_codes = '{Y90001,Y99999}' WHERE name = 'regress_north';
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
RESET SESSION AUTHORIZATION;
UPDATE caredata.release SET population_codes = '{Y90001}' WHERE name = 'regress_north';
-- a role or schema that took the name after the approval
CREATE ROLE regress_north_reader;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
RESET SESSION AUTHORIZATION;
DROP ROLE regress_north_reader;
CREATE SCHEMA regress_north;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
RESET SESSION AUTHORIZATION;
DROP SCHEMA regress_north;
-- sets are not built at another isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT caredata.activate_release(:north);
ROLLBACK;
-- nothing is left of any of these
SELECT count(*) AS roles FROM pg_roles WHERE rolname LIKE 'regress\_north%';
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname LIKE 'regress\_%';
SELECT count(*) AS policies FROM pg_policies WHERE schemaname = 'care';
SELECT release, state FROM caredata.release_register();
-- default privileges do not open what activation makes
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_nobody;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:north);
SELECT caredata.activate_release(:north);
SELECT caredata.activate_release(:study);
SELECT caredata.suspend_release(:study, 'look again');
SELECT caredata.resume_release(:study);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.resume_release(:study, 'looked');
RESET SESSION AUTHORIZATION;

-- 3. what was made
SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
	   (SELECT count(*) FROM pg_auth_members m WHERE r.oid IN (m.roleid, m.member)) AS memberships,
	   shobj_description(r.oid, 'pg_authid')
FROM pg_roles r WHERE rolname ~ '^regress_(north|study)' ORDER BY rolname;
SELECT nspname, nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace')
FROM pg_namespace WHERE nspname ~ '^regress_(north|study)' ORDER BY nspname;
SELECT c.oid::regclass, relkind, relowner::regrole, array_remove(relacl, NULL)::text ~ format('^.%1$s=[a-zA-Z]+/%1$s,%2$s=r/%1$s.$',
	   relowner::regrole, replace(relowner::regrole::text, 'definer', 'reader')) AS reader_may_select_and_nobody_else, reloptions
FROM pg_class c WHERE relnamespace::regnamespace::text ~ '^regress_(north|study)' ORDER BY c.oid::regclass::text COLLATE "C";
SELECT obj_description('regress_north.person'::regclass, 'pg_class');
SELECT attrelid::regclass AS view, attname, format_type(atttypid, atttypmod), left(col_description(attrelid, attnum), 100) AS comment
FROM pg_attribute WHERE attrelid::regclass::text ~ '^regress_north' AND attnum > 0 ORDER BY attrelid::regclass::text COLLATE "C", attnum;
-- version 16 leaves out qualifications that it does not need
SELECT regexp_replace(pg_get_viewdef('regress_north.person', true), '\mt\.', '', 'g') AS person;
SELECT regexp_replace(pg_get_viewdef('regress_north.apc_episode', true), '\mt\.', '', 'g') AS apc_episode;
SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies
WHERE schemaname = 'care' ORDER BY policyname, tablename;
-- the definer reads the permitted columns of the parents, nothing of a partition
SELECT attrelid::regclass, array_agg(attname ORDER BY attnum) AS columns
FROM pg_attribute WHERE has_column_privilege('regress_north_definer', attrelid, attname, 'SELECT')
	AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'care'::regnamespace AND relrowsecurity)
	AND attnum > 0
GROUP BY attrelid ORDER BY attrelid::regclass::text COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
WHERE a.grantee = 'regress_north_reader'::regrole ORDER BY p.oid::regprocedure::text COLLATE "C";

-- 4. the grant is all that an analyst needs
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM regress_north.person;
RESET SESSION AUTHORIZATION;
GRANT regress_north_reader TO regress_alice;
GRANT regress_north_reader, regress_study_reader TO regress_bob;
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) AS people, count(DISTINCT pid) AS pids FROM regress_north.person;
SELECT age_band = '90+' AS over_90, sex, msoa, practice_code, ethnic_category FROM regress_north.person ORDER BY age_band DESC, sex;
SELECT admidate, epistart, diag_01 FROM regress_north.apc_episode ORDER BY diag_01;
SELECT count(*), count(DISTINCT pid), count(DISTINCT event_id) FROM regress_north.gp_event;
SELECT count(*) FROM regress_north.apc_episode JOIN regress_north.person USING (pid);
SELECT p.name, count(*) FROM regress_north.person JOIN care.practice p USING (practice_code) GROUP BY p.name;
SELECT count(*) FROM regress_study.person;
SELECT count(*) FROM care.person;
-- a treatment that needs a join costs nothing where its column is not asked for
EXPLAIN (COSTS OFF) SELECT sex, count(*) FROM regress_north.person GROUP BY sex;
RESET SESSION AUTHORIZATION;

-- 5. another release, other rules: 2 consented, 1 still objects in GP data,
-- and no pseudonym of a person or a record is the same
SET SESSION AUTHORIZATION regress_bob;
SELECT (SELECT count(*) FROM regress_study.apc_episode) AS episodes,
	   (SELECT count(*) FROM regress_study.gp_event) AS events;
SELECT district, count(*) FROM regress_study.person GROUP BY district ORDER BY district;
SELECT count(*) AS people_in_both FROM regress_study.person s JOIN regress_north.person n ON s.pid = n.pid;
SELECT count(*) AS people_in_both FROM regress_study.person WHERE pid IN (SELECT pid FROM regress_north.person);
SELECT count(*) AS records_in_both FROM regress_study.apc_episode s JOIN regress_north.apc_episode n ON s.epikey = n.epikey;
SELECT count(*) AS records_like_people FROM regress_north.apc_episode a JOIN regress_north.person p ON a.epikey = p.pid;
RESET SESSION AUTHORIZATION;

-- 6. an objection is in force from the next statement on, a new person from
-- the refresh on
SET SESSION AUTHORIZATION regress_alice;
PREPARE people AS SELECT count(*) FROM regress_north.person;
EXECUTE people;
RESET SESSION AUTHORIZATION;
SELECT caredata.record_objection((SELECT nhs_number::text FROM care_identity.identity WHERE person_id = 6), 'local') > 0 AS recorded;
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
SELECT count(*) FROM regress_north.apc_episode;
RESET SESSION AUTHORIZATION;

-- 7. every state but active says so: in plain and prepared statements, in
-- cursors opened later, and to a superuser
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.suspend_release(:north, 'a breach is looked into');
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
SELECT count(*) FROM regress_north.person;
SELECT count(*) FROM regress_north.person WHERE false;
BEGIN;
DECLARE c CURSOR FOR SELECT 1 FROM regress_north.person;
FETCH c;
ROLLBACK;
COPY (SELECT * FROM regress_north.person) TO STDOUT;
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM regress_north.person;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.suspend_release(:north);
SELECT caredata.resume_release(:north);
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
RESET SESSION AUTHORIZATION;
UPDATE caredata.release SET starts_on = '2024-04-01', ends_on = '2024-04-01' WHERE name = 'regress_north';
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
SELECT count(*) FROM regress_north.person;
SET timezone = 'Pacific/Kiritimati';
SELECT count(*) FROM regress_north.person;
RESET timezone;
RESET SESSION AUTHORIZATION;
UPDATE caredata.release SET starts_on = '2099-01-01', ends_on = '2099-01-02' WHERE name = 'regress_north';
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
RESET SESSION AUTHORIZATION;
UPDATE caredata.release SET starts_on = '2024-04-01', ends_on = '2099-03-31' WHERE name = 'regress_north';
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.end_release(:north, 'purpose fulfilled');
SELECT caredata.end_release(:north);
SELECT caredata.activate_release(:north);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.resume_release(:north);
SELECT caredata.approve_release(:north);
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;
-- the other release is not touched
SET SESSION AUTHORIZATION regress_bob;
SELECT count(*) FROM regress_study.person;
SET SESSION AUTHORIZATION regress_guardian;
SELECT state, requester, reason FROM caredata.release_history(:north);
RESET SESSION AUTHORIZATION;
-- a state that nobody knows is not open either
ALTER TABLE caredata.release DROP CONSTRAINT release_state_check;
UPDATE caredata.release SET state = 'half open' WHERE name = 'regress_north';
SET SESSION AUTHORIZATION regress_alice;
EXECUTE people;

-- 8. the lifecycle is not for readers or strangers
SELECT caredata.activate_release(:study);
SELECT caredata.suspend_release(:study);
SELECT caredata.resume_release(:study);
SELECT caredata.end_release(:study);
SELECT caredata.treated_column(:study, 'x', 'keep', 'x', NULL);
SELECT caredata.check_row_security('care.person');
SELECT caredata.check_population('practice', '{x}');
RESET SESSION AUTHORIZATION;

-- 9. treatments at their edges
SELECT d, caredata.year_of(d), caredata.month_of(d)
FROM unnest('{2024-02-29,2023-12-31,2024-01-01,1899-03-05,infinity,-infinity,NULL}'::date[]) d;
SELECT y, caredata.age_band(y::smallint, '2024-06-30')
FROM unnest('{2024,2020,2019,1989,1940,1939,1935,1934,1900,2025,NULL}'::int[]) y;
SELECT caredata.age_band(1950::smallint, 'infinity');

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_release;
DROP ROLE regress_author, regress_guardian, regress_alice, regress_bob, regress_nobody,
	regress_north_reader, regress_north_definer, regress_study_reader, regress_study_definer;
