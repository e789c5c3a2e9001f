-- A careless DROP EXTENSION: refused on every way, and where a superuser means
-- it, nobody reads a row of a person afterwards.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_drop_extension;
\c regress_drop_extension
SET client_min_messages = warning;
CREATE EXTENSION caredata;
-- not a care database yet: there is nothing to lose
DROP EXTENSION caredata;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_drop_extension
SET client_min_messages = warning;
SET datestyle = iso;
CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_owner LOGIN;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 3) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT row_number() OVER (ORDER BY n), n, 1
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 60) g) v
WHERE n IS NOT NULL ORDER BY n LIMIT 3;
INSERT INTO care.person (person_id, sex) SELECT i, '1' FROM generate_series(1, 3) i;
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT i, 'Y90001', 'e' || i, '2025-01-01', 'C10..', 'readv2' FROM generate_series(1, 3) i;
INSERT INTO care_landing.national_list SELECT nhs_number::text FROM care_identity.identity;
SELECT caredata.import_national_list(caredata.request_national_list()) \gset
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_drop', 'Planning of services.', 'public_task') AS release \gset
SELECT caredata.permit_dataset(:release, 'gp_event', '{code}') \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:release) \gset
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:release) \gset
RESET SESSION AUTHORIZATION;
GRANT regress_drop_reader TO regress_alice;
\set ECHO all

SET ROLE regress_alice;
SELECT count(*) FROM regress_drop.gp_event;
RESET ROLE;

-- 1. Refused, whatever the statement.
DROP EXTENSION caredata;
DROP EXTENSION caredata CASCADE;
\echo :SQLSTATE
DROP EXTENSION IF EXISTS plpgsql, caredata CASCADE;
DROP SCHEMA caredata CASCADE;
DO $$ BEGIN EXECUTE 'DROP EXTENSION caredata CASCADE'; END $$;
BEGIN;
ALTER EXTENSION caredata DROP TABLE caredata.domain_key;
DROP EXTENSION caredata CASCADE;
ROLLBACK;
-- nor can it be allowed by anybody, or for good
SET ROLE regress_author;
SET caredata.allow_drop = on;
DROP EXTENSION caredata CASCADE;
RESET ROLE;
ALTER SYSTEM SET caredata.allow_drop = on;
-- and nothing has happened
SET ROLE regress_alice;
SELECT count(*) FROM regress_drop.gp_event;
RESET ROLE;
SELECT count(nhs_number) FROM care_identity.identity;

-- 2. Where it is meant: no policy is left, so nobody reads.
CREATE FUNCTION public.left_over()
	RETURNS TABLE (superusers bigint, readers bigint, loaders bigint, definers bigint) LANGUAGE plpgsql AS $$
DECLARE
	r text;
	t text;
	n bigint;
	found_rows bigint[] := '{}';
BEGIN
	FOREACH r IN ARRAY ARRAY[session_user::text, 'regress_alice', 'regress_loader', 'regress_drop_definer'] LOOP
		found_rows := found_rows || 0::bigint;
		FOR t IN SELECT c.oid::regclass FROM pg_class c
				 WHERE c.relnamespace = 'care'::regnamespace AND c.relkind IN ('r', 'p', 'v')
				   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'person_id')
		LOOP
			EXECUTE format('SET LOCAL ROLE %I', r);
			BEGIN
				EXECUTE format('SELECT count(*) FROM %s', t) INTO n;
			EXCEPTION WHEN insufficient_privilege THEN
				n := 0;
			END;
			RESET ROLE;
			found_rows[cardinality(found_rows)] := found_rows[cardinality(found_rows)] + n;
		END LOOP;
	END LOOP;
	RETURN QUERY SELECT found_rows[1], found_rows[2], found_rows[3], found_rows[4];
END $$;
SET caredata.allow_drop = on;
BEGIN;
DROP EXTENSION caredata CASCADE;
SELECT * FROM public.left_over();
-- the tables have their rows still, and forced row security
SELECT (SELECT count(*) FROM care.gp_event) AS rows,
	   count(*) FILTER (WHERE NOT (relrowsecurity AND relforcerowsecurity)) AS unprotected,
	   (SELECT count(*) FROM pg_policies WHERE schemaname = 'care') AS policies
FROM pg_class c
WHERE relnamespace = 'care'::regnamespace AND relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'person_id');
SET LOCAL ROLE regress_alice;
SELECT count(*) FROM regress_drop.gp_event;
ROLLBACK;
-- not even whom the tables are given to
BEGIN;
DROP EXTENSION caredata CASCADE;
ALTER TABLE care.gp_event OWNER TO regress_owner;
GRANT USAGE ON SCHEMA care TO regress_owner;
SET LOCAL ROLE regress_owner;
SELECT count(*) FROM care.gp_event;
ROLLBACK;
SET ROLE regress_alice;
SELECT count(*) FROM regress_drop.gp_event;
RESET ROLE;

-- committed, and installed again: it takes nothing over, and has no keys
DROP EXTENSION caredata CASCADE;
\c regress_drop_extension
SET client_min_messages = warning;
SELECT * FROM public.left_over();
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
SELECT count(*) FROM caredata.domain_key;
SELECT * FROM public.left_over();

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_drop_extension;
DROP ROLE regress_author, regress_guardian, regress_loader, regress_alice, regress_owner,
	regress_drop_reader, regress_drop_definer;
