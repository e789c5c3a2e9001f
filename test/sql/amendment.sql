-- Amendments: a release in force is widened, narrowed or treated otherwise
-- only with the approval of somebody who wrote none of it, all or nothing.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_amendment;
\c regress_amendment
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_amendment
SET client_min_messages = warning;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_author_2 LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
GRANT CREATE ON SCHEMA public TO regress_alice;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 5) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM regress_number WHERE i <= 5;
INSERT INTO care.person (person_id, birth_year, sex, lsoa) SELECT i, 1950 + i, '1', 'E01000001' FROM generate_series(1, 5) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, record_date, code, scheme) SELECT i, 'Y90001', 'e' || i, '2025-01-01', '2025-01-02', 'C10..', 'readv2' FROM generate_series(1, 5) i;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) VALUES (1, 'type1', 'dissent', '2020-01-01');
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 5;
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_plan', 'p', 'public_task') AS plan \gset
SELECT caredata.permit_dataset(:plan, 'person', '{birth_year}');
SELECT caredata.approve_amendment(:plan);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:plan);
-- approved and not yet active: nothing can be changed
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'person', 'sex', 'keep');
SELECT caredata.activate_release(:plan);
RESET SESSION AUTHORIZATION;
GRANT regress_plan_reader TO regress_alice;
CREATE FUNCTION regress_columns() RETURNS TABLE (view text, columns text) LANGUAGE sql AS $$
	SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
	WHERE c.relnamespace = 'regress_plan'::regnamespace GROUP BY c.relname ORDER BY c.relname
$$;

-- 1. what is proposed changes nothing
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.discard_amendment(:plan);
SELECT caredata.amendment_fingerprint(:plan) IS NULL AS nothing;
SELECT caredata.permit_dataset(:plan, 'gp_event', '{code,date}');
SELECT caredata.permit_column(:plan, 'person', 'sex', 'keep');
SELECT caredata.permit_column(:plan, 'person', 'birth_year', 'keep');
SELECT caredata.permit_column(:plan, 'gp_event', 'event_id', 'keep');
SELECT caredata.permit_column(:plan, 'person', 'nonsense', 'keep');
SELECT dataset, column_name, treatment, proposed_treatment FROM caredata.amendment_columns(:plan);
SELECT dataset, column_name FROM caredata.release_columns(:plan);
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_columns();
SELECT count(*) AS policies FROM pg_policies WHERE policyname = 'regress_plan';
SELECT version FROM caredata.release_register();

-- 2. who may approve, and what they read
SET SESSION AUTHORIZATION regress_author_2;
SELECT caredata.permit_column(:plan, 'person', 'death_year', 'keep');
SELECT caredata.approve_amendment(:plan);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.approve_amendment(:plan);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.permit_column(:plan, 'person', 'sex', 'keep');
SELECT caredata.amendment_fingerprint(:plan) AS was_read \gset
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'person', 'death_year', 'drop');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan, :'was_read');
SELECT caredata.approve_amendment(99);

-- 3. approved: in force at once; what readers have built on it stays
SET SESSION AUTHORIZATION regress_alice;
CREATE VIEW public.regress_mine AS SELECT birth_year FROM regress_plan.person;
PREPARE mine AS SELECT birth_year FROM regress_plan.person WHERE birth_year = 1952;
SELECT pid AS before FROM regress_plan.person WHERE birth_year = 1952 \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan, caredata.amendment_fingerprint(:plan));
SELECT caredata.approve_amendment(:plan);
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_columns();
SELECT tablename, roles, qual FROM pg_policies WHERE policyname = 'regress_plan' ORDER BY tablename;
SELECT version FROM caredata.release_register();
SELECT state, requester, reason FROM caredata.release_history(:plan);
SELECT col_description('regress_plan.person'::regclass, 3) AS comment;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'regress_plan'::regnamespace ORDER BY relname;
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) AS of_5_one_objects FROM regress_plan.gp_event JOIN regress_plan.person USING (pid);
SELECT count(*) FROM public.regress_mine;
EXECUTE mine;
SELECT pid = :'before' AS same_pseudonym, sex FROM regress_plan.person WHERE birth_year = 1952;
SELECT event_id FROM regress_plan.gp_event;
RESET SESSION AUTHORIZATION;
SELECT severity, subject, finding FROM caredata.check() WHERE subject ~ 'regress_plan|gp_event|apc_episode' AND severity <> 'advice';

-- 4. a column that goes or changes makes the view anew: refused while others
-- rest on it, and then nothing of the amendment has happened
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'person', 'birth_year', 'age_band');
SELECT caredata.permit_column(:plan, 'gp_event', 'code', 'drop'), caredata.permit_column(:plan, 'gp_event', 'date', 'drop');
SELECT caredata.permit_dataset(:plan, 'apc_episode', '{diag_01}');
SELECT dataset, column_name, treatment, proposed_treatment FROM caredata.amendment_columns(:plan);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_columns();
SELECT tablename FROM pg_policies WHERE policyname = 'regress_plan' ORDER BY tablename;
DROP VIEW public.regress_mine;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_columns();
SELECT tablename FROM pg_policies WHERE policyname = 'regress_plan' ORDER BY tablename;
-- the definer reads what is shown and no more
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attname) AS readable
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid IN ('care.person'::regclass, 'care.gp_event'::regclass, 'care.apc_episode'::regclass)
	AND has_column_privilege('regress_plan_definer', c.oid, a.attnum, 'SELECT') GROUP BY c.relname ORDER BY c.relname;
SET SESSION AUTHORIZATION regress_alice;
SELECT age_band ~ '^[0-9]' AS treated FROM regress_plan.person LIMIT 1;
SELECT * FROM regress_plan.gp_event;
EXECUTE mine;
RESET SESSION AUTHORIZATION;
SELECT severity, subject, finding FROM caredata.check() WHERE subject ~ 'regress_plan|gp_event|apc_episode' AND severity <> 'advice';

-- 5. what an approval holds against a draft it holds against an amendment
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_dataset(:plan, 'gp_event', '{date,record_date}');
SELECT caredata.permit_column(:plan, 'gp_event', 'date', 'shift');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'gp_event', 'record_date', 'shift');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
RESET SESSION AUTHORIZATION;
SET ROLE regress_alice;
SELECT count(*), count(DISTINCT record_date - date) AS intervals, bool_or(date <> '2025-01-01') AS shifted FROM regress_plan.gp_event;
RESET ROLE;
-- nothing left
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, d, c, 'drop') FROM (SELECT dataset, column_name FROM caredata.release_columns(:plan)) x (d, c);
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.discard_amendment(:plan);
SELECT count(*) FROM caredata.amendment_columns(:plan);
-- a wider setting that tells objectors apart beside another release
SELECT caredata.create_release(:agreement, 'regress_anon', 'p', 'public_task', 'anonymised') AS anon \gset
SELECT caredata.permit_dataset(:anon, 'community_contact', '{activity_type}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:anon);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'person', 'sex', 'drop');
SELECT caredata.permit_dataset(:plan, 'community_contact', '{activity_type}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_amendment(:plan);
-- a suspended release can be amended too
SELECT caredata.suspend_release(:plan);
SELECT caredata.approve_amendment(:plan, accept_differencing => 'visit of 3 May');
SELECT caredata.resume_release(:plan);
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_columns();
SELECT has_column_privilege('regress_plan_definer', 'care.person', 'sex', 'SELECT') AS sex, has_column_privilege('regress_plan_definer', 'care.person', 'birth_year', 'SELECT') AS birth_year;
SELECT version, state FROM caredata.release_register() WHERE release = 'regress_plan';
-- not what has ended
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.end_release(:plan);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.permit_column(:plan, 'person', 'death_year', 'keep');

-- 6. denied
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SELECT pg_temp.try('SELECT caredata.amend_column(1, ''person'', ''sex'', ''keep'')');
RESET SESSION AUTHORIZATION;
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.permit_column(1, ''person'', ''sex'', ''keep'')',
	'SELECT * FROM caredata.amendment_columns(1)',
	'SELECT caredata.amendment_fingerprint(1)',
	'SELECT caredata.approve_amendment(1)',
	'SELECT caredata.discard_amendment(1)',
	'SELECT caredata.make_release_view(1, ''person'')',
	'SELECT caredata.make_release_policy(1, ''person'')',
	'SELECT * FROM caredata.release_amendment']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_amendment;
DROP ROLE regress_plan_reader, regress_plan_definer, regress_author, regress_author_2, regress_guardian, regress_alice;
