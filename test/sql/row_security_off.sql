-- A superuser's mistake on a care table: row security off, a policy dropped,
-- changed or added, a definer that bypasses, views that are not the definer's.
-- The release raises; it neither shows everybody nor looks empty.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_row_security_off;
\c regress_row_security_off
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_row_security_off
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
INSERT INTO care_identity.person SELECT g FROM generate_series(1, 3) g;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
VALUES (1, '9990000018', 1), (2, '9990000026', 1), (3, '9990000034', 1);
INSERT INTO care.person (person_id, birth_year) SELECT g, 1950 + g FROM generate_series(1, 3) g;
SELECT caredata.ensure_partitions('gp_event', '2025-04-01', '2025-04-01');
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT g, 'Y90001', 'e' || g, '2025-04-01', 'C10..', 'readv2' FROM generate_series(1, 3) g;
SELECT caredata.record_objection('9990000026', 'local');

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('O-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_off', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.create_release(:agreement, 'regress_other', 'Test.', 'public_task', 'anonymised') AS other \gset
SELECT caredata.permit_dataset(r, d) FROM unnest(ARRAY[:release, :other]) r, unnest('{person,gp_event}'::name[]) d;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(r) FROM unnest(ARRAY[:release, :other]) r;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(r) FROM unnest(ARRAY[:release, :other]) r;
RESET SESSION AUTHORIZATION;
GRANT regress_off_reader, regress_other_reader TO regress_alice;

PREPARE people AS SELECT count(*) FROM regress_off.person;
PREPARE nobody AS SELECT count(*) FROM regress_off.person WHERE false;
PREPARE events AS SELECT count(*), count(DISTINCT pid) FROM regress_off.gp_event;
CREATE VIEW public.on_top AS SELECT pid FROM regress_off.person;
SET ROLE regress_alice;
EXECUTE people;
EXECUTE events;
RESET ROLE;

-- row security off
BEGIN;
ALTER TABLE care.person DISABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_alice;
SAVEPOINT s;
EXECUTE people;
ROLLBACK TO s;
\set VERBOSITY default
SELECT count(*) FROM regress_off.person;
\set VERBOSITY terse
ROLLBACK TO s;
SELECT count(*) FROM regress_other.person;
ROLLBACK TO s;
EXECUTE nobody;
ROLLBACK TO s;
COPY (SELECT * FROM regress_off.person) TO STDOUT;
ROLLBACK TO s;
SELECT count(*) FROM regress_off.gp_event e WHERE EXISTS (SELECT FROM regress_off.person p WHERE p.pid = e.pid);
ROLLBACK TO s;
DECLARE c CURSOR FOR SELECT * FROM regress_off.person;
ROLLBACK TO s;
-- the other tables are as they were
EXECUTE events;
ROLLBACK;
-- through a superuser's view and prepared statement too
BEGIN;
ALTER TABLE care.person DISABLE ROW LEVEL SECURITY;
SAVEPOINT s;
SELECT count(*) FROM public.on_top;
ROLLBACK TO s;
EXECUTE people;
ROLLBACK;

-- of a partitioned table
BEGIN;
ALTER TABLE care.gp_event DISABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_alice;
EXECUTE events;
ROLLBACK;
-- a partition is read through its parent, whose policy is in force
BEGIN;
ALTER TABLE care.gp_event_2025_26 DISABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_alice;
EXECUTE events;
ROLLBACK;

-- a definer that bypasses it, or owns the table
BEGIN;
ALTER ROLE regress_off_definer BYPASSRLS;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
ALTER ROLE regress_off_definer SUPERUSER;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
ALTER TABLE care.person OWNER TO regress_off_definer;
ALTER TABLE care.person NO FORCE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;

-- the policy dropped, changed, exchanged for another's, or joined by one more
BEGIN;
DROP POLICY regress_off ON care.person;
SET LOCAL ROLE regress_alice;
SAVEPOINT s;
EXECUTE people;
ROLLBACK TO s;
SELECT count(*) FROM regress_other.person;
ROLLBACK;
BEGIN;
ALTER POLICY regress_off ON care.person USING (true);
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
DROP POLICY regress_off ON care.person;
ALTER POLICY regress_other ON care.person TO regress_other_definer, regress_off_definer;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
CREATE POLICY everybody ON care.person USING (true);
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
-- of the release, but of one person for all rows, or of another column; another
-- function in the place of ours
BEGIN;
ALTER POLICY regress_off ON care.person USING (caredata.visible(1, '1'::caredata.release_ref, 'registry'));
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
ALTER POLICY regress_off ON care.person USING (caredata.visible(birth_year, '1'::caredata.release_ref, 'registry'));
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
BEGIN;
CREATE OR REPLACE FUNCTION caredata.visible(person_id integer, release caredata.release_ref, setting text)
	RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
-- the column under another name, with its policy and without
BEGIN;
ALTER TABLE care.person RENAME COLUMN person_id TO who;
SET LOCAL ROLE regress_alice;
SAVEPOINT s;
EXECUTE people;
ROLLBACK TO s;
RESET ROLE;
ALTER TABLE care.person DISABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
-- one for somebody else does no harm, nor does one that takes away
BEGIN;
CREATE POLICY auditor ON care.person TO caredata_auditor USING (true);
CREATE POLICY fewer ON care.person AS RESTRICTIVE USING (birth_year < 1953);
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;

-- a view of the release that is not the definer's, as after a restore without
-- the roles; the reader role is then made and granted by hand
BEGIN;
ALTER VIEW regress_off.person OWNER TO postgres;
SAVEPOINT s;
SELECT count(*) FROM regress_off.person;
ROLLBACK TO s;
SELECT count(*) FROM public.on_top;
ROLLBACK TO s;
SET LOCAL ROLE regress_alice;
\set VERBOSITY default
EXECUTE people;
\set VERBOSITY terse
ROLLBACK TO s;
EXECUTE events;
ROLLBACK;
BEGIN;
CREATE VIEW regress_off.mine AS SELECT person_id FROM care.person;
GRANT SELECT ON regress_off.mine TO regress_off_reader;
SET LOCAL ROLE regress_alice;
SELECT count(*) FROM regress_off.mine;
ROLLBACK;
-- a definer under another name is not found as one
BEGIN;
ALTER ROLE regress_off_definer RENAME TO regress_renamed_definer;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
-- nor is a reader role under another name the release's
BEGIN;
ALTER ROLE regress_off_reader RENAME TO regress_renamed_reader;
SET LOCAL ROLE regress_alice;
EXECUTE people;
ROLLBACK;
-- a schema may have another name
BEGIN;
ALTER SCHEMA regress_off RENAME TO regress_renamed;
SET LOCAL ROLE regress_alice;
SELECT count(*) FROM regress_renamed.person;
ROLLBACK;

-- and nothing is left of any of that
SET ROLE regress_alice;
EXECUTE people;
EXECUTE events;
RESET ROLE;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_row_security_off;
DROP ROLE regress_author, regress_guardian, regress_alice, regress_off_reader, regress_off_definer, regress_other_reader, regress_other_definer;
