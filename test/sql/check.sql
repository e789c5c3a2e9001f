-- caredata.check(): each thing that it can find is provoked, and found as one
-- row that says so; what is right is not found. What belongs to the server as a
-- whole (the library, key files, durability) is in t/025_check.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_check;
\c regress_check
SET client_min_messages = warning;
CREATE EXTENSION caredata;

-- not yet a care database; and not for everybody
SELECT count(*) FROM caredata.check();
SELECT caredata.create_care_database();
\c regress_check
SET client_min_messages = warning;
CREATE ROLE regress_check_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_check_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_check_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_check_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_check_alice LOGIN;
CREATE ROLE regress_check_group;
SET ROLE regress_check_linker;
SELECT count(*) FROM caredata.check();
SELECT caredata.mark_key_backup('x');
RESET ROLE;

-- before any key: nothing to have a copy of
SELECT caredata.mark_key_backup('safe');

INSERT INTO care_identity.person SELECT g FROM generate_series(1, 3) g;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
VALUES (1, '9990000018', 1), (2, '9990000026', 1), (3, '9990000034', 1);
INSERT INTO care.person (person_id, birth_year) SELECT g, 1950 + g FROM generate_series(1, 3) g;
SELECT caredata.ensure_partitions('gp_event', '2025-04-01', '2025-04-01');
SET SESSION AUTHORIZATION regress_check_author;
SELECT caredata.create_agreement('C-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_check', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.create_release(:agreement, 'regress_check_two', 'Test.', 'public_task', 'anonymised') AS other \gset
SELECT caredata.permit_dataset(:release, 'person');
SELECT caredata.permit_column(:release, 'person', 'birth_year', 'age_band');
SELECT caredata.permit_column(:release, 'person', 'lsoa', 'msoa');
SELECT caredata.permit_dataset(:release, 'gp_event', '{date,code,event_id}');
SELECT caredata.permit_column(:release, 'gp_event', 'date', 'shift');
SELECT caredata.permit_dataset(:other, 'apc_episode', '{epikey,admidate,diag_01}');
SELECT caredata.permit_column(:other, 'apc_episode', 'admidate', 'month');
SET SESSION AUTHORIZATION regress_check_guardian;
SELECT caredata.approve_release(r) FROM unnest(ARRAY[:release, :other]) r;
SET SESSION AUTHORIZATION regress_check_author;
SELECT caredata.activate_release(r) FROM unnest(ARRAY[:release, :other]) r;
RESET SESSION AUTHORIZATION;
GRANT regress_check_reader TO regress_check_alice;

-- the copy of the key: found missing until somebody marks it
SELECT count(*) AS no_copy FROM caredata.check() WHERE subject ~ '^master key' AND finding ~ 'copy';
SET SESSION AUTHORIZATION regress_check_author;
SELECT caredata.mark_key_backup(' ');
SELECT length(caredata.mark_key_backup('desk of the author')) AS fingerprint;
RESET SESSION AUTHORIZATION;
SELECT caredata.mark_key_backup('safe of the guardian') = (SELECT encode(fingerprint, 'hex') FROM caredata.key_backup) AS marked;
SELECT place FROM caredata.key_backup;
SELECT count(*) AS no_copy FROM caredata.check() WHERE subject ~ '^master key' AND finding ~ 'copy';

-- nothing else is wrong with what caredata made, whoever asks; what remains
-- belongs to the server that the test runs on
SET SESSION AUTHORIZATION regress_check_auditor;
SELECT severity, subject, finding FROM caredata.check()
WHERE subject !~ '^(setting|pg_hba|database|role (postgres|pg_|regress_check_alice))' AND subject !~ ('^role ' || :'USER');
SET SESSION AUTHORIZATION regress_check_guardian;
SELECT count(*) > 0 AS something FROM caredata.check();
RESET SESSION AUTHORIZATION;

CREATE TEMP TABLE before AS SELECT * FROM caredata.check();
CREATE TEMP VIEW found AS
SELECT severity, subject, finding, mend FROM caredata.check() EXCEPT SELECT * FROM before ORDER BY 1, 2, 3;

-- 1. tables of persons
BEGIN;
ALTER TABLE care.person DISABLE ROW LEVEL SECURITY;
TABLE found;
ROLLBACK;
BEGIN;
ALTER TABLE care.gp_event_2025_26 NO FORCE ROW LEVEL SECURITY;
TABLE found;
ROLLBACK;
BEGIN;
CREATE TABLE care.by_hand (person_id integer, note text);
CREATE TABLE public.by_hand (person_id integer);
CREATE TABLE public.shared AS SELECT nhs_number FROM care_identity.identity;
GRANT SELECT ON public.shared TO regress_check_alice;
CREATE MATERIALIZED VIEW public.copied AS SELECT person_id, birth_year FROM care.person;
TABLE found;
ROLLBACK;
BEGIN;
ALTER TABLE care.person OWNER TO regress_check_group;
SELECT * FROM found WHERE subject = 'table care.person';
ROLLBACK;
-- a crash would empty them
BEGIN;
ALTER TABLE care_identity.objection SET UNLOGGED;
ALTER TABLE care.gp_event_2025_26 SET UNLOGGED;
ALTER DATABASE regress_check SET synchronous_commit = off;
ALTER ROLE regress_check_linker IN DATABASE regress_check SET synchronous_commit = off;
ALTER ROLE regress_check_author SET synchronous_commit = off;
TABLE found;
ROLLBACK;
-- renamed: still a care database, and check() says what is missing
BEGIN;
ALTER TABLE care.person RENAME TO people;
SELECT * FROM found WHERE subject ~ '^dataset';
ALTER TABLE care.gp_event RENAME COLUMN person_id TO who;
ALTER TABLE care.gp_event RENAME COLUMN code TO read_code;
SELECT severity, subject, finding FROM found WHERE subject ~ 'gp_event';
ROLLBACK;

-- 2. policies
BEGIN;
CREATE POLICY by_hand ON care.person FOR SELECT TO regress_check_definer USING (true);
TABLE found;
ROLLBACK;
BEGIN;
ALTER POLICY regress_check ON care.person USING (person_id > 0);
TABLE found;
ROLLBACK;
BEGIN;
ALTER POLICY regress_check ON care.person TO regress_check_definer, regress_check_alice;
TABLE found;
ROLLBACK;
BEGIN;
DROP POLICY regress_check ON care.gp_event;
TABLE found;
ROLLBACK;
BEGIN;
CREATE POLICY regress_check ON care.death FOR SELECT TO regress_check_definer USING (caredata.visible(person_id, '1', 'gp'));
TABLE found;
ROLLBACK;
BEGIN;
CREATE POLICY closed ON care.person AS RESTRICTIVE FOR SELECT USING (false);
TABLE found;
ROLLBACK;

-- 3. rules, triggers, publications
BEGIN;
CREATE RULE by_hand AS ON INSERT TO care.person DO ALSO NOTHING;
CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER by_hand BEFORE INSERT ON care.person FOR EACH ROW EXECUTE FUNCTION public.watch();
ALTER TABLE caredata.domain_key DISABLE TRIGGER catalog_changed;
SET LOCAL client_min_messages = error;	-- versions word the warning about wal_level in two ways
CREATE PUBLICATION regress_check FOR TABLE care.death, care_identity.identity;
RESET client_min_messages;
TABLE found;
ROLLBACK;

-- 4. views of a release
BEGIN;
DO $$ BEGIN
	EXECUTE 'CREATE OR REPLACE VIEW regress_check.person AS '
		|| regexp_replace(pg_get_viewdef('regress_check.person'),
						  '(caredata\.)?age_band\((t\.)?birth_year, CURRENT_DATE\)', 't.birth_year::text');
END $$;
CREATE OR REPLACE VIEW regress_check_two.apc_episode AS SELECT * FROM (SELECT caredata.pid(t.person_id, '2'::caredata.release_ref) AS pid,
	caredata.record_pid(t.epikey, '2'::caredata.release_ref) AS epikey, t.admidate AS admidate, t.diag_01 FROM care.apc_episode t) raw;
SELECT severity, subject, finding, mend ~ 'It should show: SELECT caredata.pid\(' AS mend FROM found;
ROLLBACK;
BEGIN;
ALTER VIEW regress_check_two.apc_episode RENAME COLUMN admidate TO admitted;
ALTER VIEW regress_check.gp_event OWNER TO CURRENT_USER;
ALTER VIEW regress_check.person SET (security_barrier);
GRANT SELECT ON regress_check.person TO PUBLIC;
GRANT USAGE ON SCHEMA regress_check TO regress_check_group;
CREATE VIEW regress_check.more AS SELECT person_id FROM care.person;
SELECT severity, subject, replace(finding, :'USER', 'me') AS finding, left(mend, 70) AS mend FROM found;
ROLLBACK;
BEGIN;
DROP VIEW regress_check.gp_event;
TABLE found;
ROLLBACK;
BEGIN;
CREATE VIEW public.beside AS SELECT person_id, birth_year FROM care.person;
CREATE VIEW public.identities AS SELECT i.nhs_number, p.pid FROM care_identity.identity i, regress_check.person p;
ALTER VIEW public.identities OWNER TO regress_check_group;
CREATE VIEW public.facts AS SELECT * FROM care.practice;
CREATE VIEW public.proper AS SELECT pid FROM regress_check.person;
SELECT severity, subject, replace(finding, :'USER', 'me') AS finding, mend FROM found;
ROLLBACK;

-- 5. logins and roles
BEGIN;
ALTER ROLE regress_check_alice BYPASSRLS;
TABLE found;
ROLLBACK;
BEGIN;
ALTER ROLE regress_check_alice SUPERUSER;
TABLE found;
ROLLBACK;
BEGIN;
ALTER ROLE regress_check_alice REPLICATION;
ALTER ROLE regress_check_auditor CREATEROLE;
ALTER ROLE regress_check_group BYPASSRLS;
GRANT regress_check_group TO regress_check_alice, regress_check_linker;
TABLE found;
ROLLBACK;
BEGIN;
GRANT pg_read_all_data, pg_monitor TO regress_check_alice;
TABLE found;
ROLLBACK;
BEGIN;
ALTER ROLE regress_check_reader LOGIN;
ALTER ROLE caredata_auditor BYPASSRLS;
GRANT pg_read_server_files TO caredata_loader;
GRANT regress_check_definer TO regress_check_alice;
TABLE found;
ROLLBACK;
BEGIN;
GRANT caredata_linker, caredata_admin, regress_check_two_reader TO regress_check_alice;
GRANT caredata_guardian TO regress_check_alice;
TABLE found;
ROLLBACK;
BEGIN;
GRANT regress_check_reader, caredata_guardian TO regress_check_group WITH ADMIN OPTION;
ALTER DATABASE regress_check OWNER TO regress_check_group;
SELECT * FROM found WHERE finding ~ 'handed on|belongs to';
ROLLBACK;

-- 6. rights
BEGIN;
ALTER FUNCTION caredata.visible(integer, caredata.release_ref, text) OWNER TO regress_check_group;
GRANT USAGE ON TYPE caredata.release_ref TO regress_check_alice;
SELECT * FROM found WHERE finding ~ 'belongs to|may be used by';
ROLLBACK;
BEGIN;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
GRANT USAGE ON FOREIGN SERVER elsewhere TO regress_check_alice;
TABLE found;
REVOKE EXECUTE ON FUNCTION public.pg_stat_statements(boolean) FROM PUBLIC;
REVOKE USAGE ON FOREIGN SERVER elsewhere FROM regress_check_alice;
TABLE found;
ROLLBACK;
BEGIN;
GRANT EXECUTE ON FUNCTION caredata.refresh_visible_sets() TO PUBLIC;
GRANT EXECUTE ON FUNCTION caredata.approve_release(integer, text, text) TO regress_check_alice;
GRANT EXECUTE ON FUNCTION caredata.visible(integer, caredata.release_ref, text) TO regress_check_group;
CREATE FUNCTION public.opens() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM care_identity.person';
SELECT severity, subject, replace(finding, :'USER', 'me') AS finding, mend FROM found;
ROLLBACK;
BEGIN;
GRANT EXECUTE ON FUNCTION pg_stat_get_xact_tuples_fetched(oid), pg_lock_status() TO PUBLIC;
TABLE found;
SELECT caredata.close_counters();
TABLE found;
ROLLBACK;
SELECT severity, subject, finding, mend FROM caredata.check() WHERE subject = 'database template1';
BEGIN;
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
SELECT count(*) FROM caredata.check() WHERE subject = 'database template1';
ROLLBACK;
BEGIN;
GRANT SELECT ON caredata.domain_key TO regress_check_group;
GRANT SELECT ON care.person TO regress_check_alice;
GRANT UPDATE (name) ON care.practice TO regress_check_alice;
GRANT SELECT ON care_identity.identity TO PUBLIC;
GRANT USAGE ON SCHEMA care_identity TO regress_check_alice;
GRANT CREATE ON SCHEMA care TO regress_check_alice;
GRANT CREATE ON SCHEMA public TO regress_check_reader;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_check_alice;
SELECT severity, replace(subject, :'USER', 'me') AS subject, finding, mend FROM found;
ROLLBACK;
BEGIN;
CREATE SCHEMA regress_check_alice AUTHORIZATION regress_check_alice;
ALTER DATABASE regress_check SET search_path = regress_check_alice, public, caredata;
ALTER SCHEMA care_landing OWNER TO regress_check_group;
TABLE found;
ROLLBACK;

-- 7. releases and lists
BEGIN;
SELECT caredata.end_release(:release);
TABLE found;
ROLLBACK;
BEGIN;
UPDATE caredata.release SET starts_on = '2014-01-01', ends_on = '2014-12-31' WHERE release_id = :release;
TABLE found;
ROLLBACK;
BEGIN;
ALTER ROLE regress_check_two_definer RENAME TO regress_check_two_gone;
TABLE found;
ROLLBACK;
BEGIN;
UPDATE caredata.domain SET reader_role = 'regress_check_alice' WHERE domain_id = :release;
TABLE found;
ROLLBACK;
BEGIN;
DELETE FROM caredata.visible_set WHERE release_id = :release;
UPDATE caredata.visible_set SET valid_until = '2020-01-01' WHERE release_id = :other;
TABLE found;
ROLLBACK;
-- the national list: none, old, and soon too old
BEGIN;
UPDATE caredata.visible_set SET kinds = '{national}' WHERE set_id = (SELECT min(set_id) FROM caredata.visible_set);
TABLE found;
INSERT INTO caredata.national_list_request (requested_at, requested_by, numbers, digest, answered_at, answered_by, allowed)
VALUES (now() - interval '30 days 1 hour', 'x', 3, 'x', now(), 'x', 3);
TABLE found;
UPDATE caredata.national_list_request SET requested_at = now() - interval '25 days 1 hour';
SELECT severity, subject, regexp_replace(finding, '\d{4}-\d\d-\d\d', 'DATE') AS finding, mend FROM found;
UPDATE caredata.national_list_request SET requested_at = now() - interval '3 days';
TABLE found;
ROLLBACK;
-- a request that nobody answers: for a few days nothing is said
BEGIN;
INSERT INTO caredata.national_list_request (request_id, requested_at, requested_by, numbers, digest) OVERRIDING SYSTEM VALUE
VALUES (7, now() - interval '6 days', 'x', 3, 'x');
TABLE found;
UPDATE caredata.national_list_request SET requested_at = now() - interval '8 days';
TABLE found;
UPDATE caredata.national_list_request SET requested_at = now() - interval '29 days';
TABLE found;
ROLLBACK;

-- 8. keys
BEGIN;
UPDATE caredata.domain_key SET wrapped_key = set_byte(wrapped_key, 60, get_byte(wrapped_key, 60) # 1) WHERE domain_id = :release;
SELECT severity, subject, finding, mend FROM found;
ROLLBACK;
BEGIN;
DELETE FROM caredata.domain_key WHERE domain_id = :other;
TABLE found;
ROLLBACK;
BEGIN;
UPDATE caredata.key_backup SET fingerprint = '\x0000000000000000';
SELECT severity, regexp_replace(subject, '[0-9a-f]{16}', 'FINGERPRINT') AS subject, finding, mend FROM found;
ROLLBACK;

-- 9. columns that fall off the index
BEGIN;
ALTER TABLE care.person ADD COLUMN weight numeric, ADD COLUMN place text COLLATE "en-GB-x-icu", ADD COLUMN seen timestamptz, ADD COLUMN paper jsonb;
TABLE found;
ROLLBACK;

-- 10. settings that put identifiers into the log
BEGIN;
ALTER DATABASE regress_check SET log_statement = 'all';
ALTER ROLE regress_check_author SET log_min_duration_statement = '250ms';
ALTER ROLE regress_check_author IN DATABASE regress_check SET log_parameter_max_length_on_error = 100;
SELECT * FROM found WHERE subject ~ 'regress_check';
SELECT count(*) AS parameters FROM found WHERE subject = 'setting log_parameter_max_length';
ROLLBACK;

-- and all is as before
TABLE found;
\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_check;
DROP ROLE regress_check_author, regress_check_guardian, regress_check_auditor, regress_check_linker, regress_check_alice,
	regress_check_group, regress_check_reader, regress_check_definer, regress_check_two_reader, regress_check_two_definer;
