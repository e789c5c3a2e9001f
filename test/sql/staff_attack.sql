-- Those who work on the database, each against another's task: the author of a
-- release against its approval, a loader and a linker against releases, a
-- guardian and an auditor against what they are to watch. Refused or harmless.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_staff_attack;
\c regress_staff_attack
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_staff_attack
SET client_min_messages = warning;
CREATE ROLE regress_staff_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_staff_second LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_staff_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_staff_both LOGIN IN ROLE caredata_admin, caredata_guardian;
CREATE ROLE regress_staff_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_staff_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_staff_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_staff_alice LOGIN;
CREATE SCHEMA regress_staff_author AUTHORIZATION regress_staff_author;
CREATE SCHEMA regress_staff_loader AUTHORIZATION regress_staff_loader;

INSERT INTO care_identity.person SELECT i FROM generate_series(1, 4) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
VALUES (1, '9990000018', 1), (2, '9990000026', 1), (3, '9990000034', 1), (4, '9990000042', 1);
INSERT INTO care.person (person_id, birth_year) SELECT i, 1950 + i FROM generate_series(1, 4) i;
SELECT caredata.record_objection('9990000026', 'local') > 0 AS recorded;
SELECT caredata.create_agreement('F-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS first \gset
SELECT caredata.create_release(:first, 'regress_staff', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'person');
SET SESSION AUTHORIZATION regress_staff_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_staff_reader TO regress_staff_alice;
SET SESSION AUTHORIZATION regress_staff_author;
SELECT caredata.create_agreement('F-2', 'Mine', 'QZX', 'Another ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_staff_mine', 'Mine.', 'public_task', 'anonymised') AS mine \gset
SELECT caredata.permit_dataset(:mine, 'person');
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	IF statement ~* '^(select|table|with|execute|fetch|explain|show|values)' THEN
		EXECUTE statement INTO answer;
	ELSE
		EXECUTE statement;
	END IF;
	RETURN 'done: ' || coalesce(answer, '-');
EXCEPTION WHEN OTHERS THEN
	-- the wording of refusals differs between versions of PostgreSQL
	RETURN SQLSTATE || CASE SQLSTATE WHEN '42501' THEN '' ELSE ' ' || SQLERRM END;
END
$$;
CREATE FUNCTION public.attempts(VARIADIC statements text[]) RETURNS TABLE (ends text, statement text) LANGUAGE sql AS
	$$ SELECT public.attempt(s), s FROM unnest(statements) s $$;

-- 1. the author of a release against its approval
SET SESSION AUTHORIZATION regress_staff_author;
SELECT * FROM public.attempts(
	format('SELECT caredata.approve_release(%s)', :mine),
	format('SELECT caredata.activate_release(%s)', :mine),
	format('SELECT caredata.resume_release(%s)', :mine),
	format('UPDATE caredata.release SET state = ''approved'', approved_by = ''{x}'' WHERE release_id = %s', :mine),
	format('INSERT INTO caredata.release_event (release_id, state, requester) VALUES (%s, ''approved'', ''{x}'')', :mine),
	format('SELECT caredata.set_release_state(%s, ''approved'')', :mine),
	format('SELECT caredata.build_visible_sets(%s)', :mine),
	format('SELECT caredata.lock_release(%s, ''draft'')::text', :mine),
	'SET ROLE caredata_guardian',
	'SET ROLE regress_staff_guardian',
	'GRANT caredata_guardian TO regress_staff_author',
	'CREATE ROLE regress_staff_puppet IN ROLE caredata_guardian',
	'ALTER FUNCTION caredata.requester() OWNER TO regress_staff_author',
	'CREATE OR REPLACE FUNCTION caredata.requester() RETURNS name[] LANGUAGE sql AS ''SELECT ARRAY[''''x'''']::name[]''',
	'CREATE FUNCTION caredata.requester(integer) RETURNS name[] LANGUAGE sql AS ''SELECT ARRAY[''''x'''']::name[]''');
-- a name of one's own, found first by nothing of the extension
CREATE FUNCTION regress_staff_author.requester() RETURNS name[] LANGUAGE sql AS 'SELECT ARRAY[''x'']::name[]';
SET search_path = regress_staff_author, pg_temp, caredata;
CREATE FUNCTION pg_temp.requester() RETURNS name[] LANGUAGE sql AS 'SELECT ARRAY[''x'']::name[]';
SELECT * FROM public.attempts(format('SELECT caredata.approve_release(%s)', :mine));
RESET search_path;
-- a second author, and somebody who may do both: who wrote a line does not approve
SET SESSION AUTHORIZATION regress_staff_both;
SELECT caredata.permit_column(:mine, 'person', 'birth_month', 'drop');
SELECT * FROM public.attempts(format('SELECT caredata.approve_release(%s)', :mine));
SET ROLE caredata_guardian;
SELECT * FROM public.attempts(format('SELECT caredata.approve_release(%s)', :mine));
RESET ROLE;
SET ROLE caredata_admin;
SELECT * FROM public.attempts(format('SELECT caredata.approve_release(%s)', :mine));
RESET ROLE;
-- read, changed behind the guardian's back, approved: the fingerprint tells
SET SESSION AUTHORIZATION regress_staff_guardian;
SELECT caredata.release_fingerprint(:mine) AS read \gset
SET SESSION AUTHORIZATION regress_staff_second;
SELECT caredata.permit_dataset(:mine, 'death');
SET SESSION AUTHORIZATION regress_staff_guardian;
SELECT split_part(public.attempt(format('SELECT caredata.approve_release(%s, %L)', :mine, :'read')), ' ', 1) AS changed_meanwhile;
SELECT caredata.approve_release(:mine, caredata.release_fingerprint(:mine));
-- approved is approved: nothing in it changes
SET SESSION AUTHORIZATION regress_staff_author;
SELECT * FROM public.attempts(
	format('SELECT caredata.permit_dataset(%s, ''gp_event'')', :mine),
	format('SELECT caredata.permit_column(%s, ''person'', ''lsoa'', ''keep'')', :mine),
	format('SELECT caredata.discard_release(%s)', :mine),
	format('DELETE FROM caredata.release_column WHERE release_id = %s', :mine),
	format('UPDATE caredata.agreement SET ends_on = ''2199-01-01'' WHERE agreement_id = %s', :agreement),
	'UPDATE caredata.treatment SET treatment = ''keep''',
	'UPDATE caredata.objection_rule SET applies = false',
	'INSERT INTO caredata.objection_rule (kind, applies, citation) VALUES (''local'', false, ''x'')',
	'SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')',
	'SELECT caredata.withdraw_objection(''9990000026'', ''local'')');
-- in force, the author does not read it, nor make themselves a reader of it
SELECT caredata.activate_release(:mine);
SELECT * FROM public.attempts(
	'SELECT count(*)::text FROM regress_staff_mine.person',
	'SET ROLE regress_staff_mine_reader',
	'GRANT regress_staff_mine_reader TO regress_staff_author',
	'GRANT SELECT ON regress_staff_mine.person TO regress_staff_author',
	'CREATE VIEW regress_staff_author.person AS SELECT * FROM regress_staff_mine.person',
	'SELECT caredata.pid(1, ''2'')::text',
	'DROP SCHEMA regress_staff_mine CASCADE',
	'ALTER SCHEMA regress_staff_mine RENAME TO x',
	'DROP ROLE regress_staff_mine_definer',
	'DROP POLICY regress_staff_mine ON care.person',
	'CREATE POLICY mine ON care.person FOR SELECT TO regress_staff_mine_definer USING (true)',
	'ALTER TABLE care.person DISABLE ROW LEVEL SECURITY',
	'SELECT caredata.protect_table(''care.person'')',
	'SELECT caredata.lock_table(''care.person'')',
	'SELECT caredata.grant_roles()',
	'SELECT caredata.close_counters()',
	'SELECT caredata.add_partition(''apc_episode'', ''x'', ''DEFAULT'', ''x'')',
	'SELECT caredata.write_visible_sets(ARRAY[1])',
	'UPDATE caredata.visible_chunk SET bits = decode(repeat(''ff'', 2048), ''hex'')',
	'INSERT INTO caredata.visible_setting VALUES (2, ''gp'', 1)',
	'UPDATE caredata.domain SET reader_role = ''regress_staff_author''',
	'INSERT INTO caredata.role_grant VALUES (''caredata_admin'', ''caredata.approve_release(integer,text)'')');

-- 2. a loader against releases: what is loaded is all that a load changes
SET SESSION AUTHORIZATION regress_staff_loader;
SELECT * FROM public.attempts(
	'SELECT count(*)::text FROM care.person',
	'SELECT count(*)::text FROM care_identity.identity',
	'SELECT count(*)::text FROM regress_staff.person',
	'INSERT INTO care.person (person_id, birth_year) VALUES (5, 1990)',
	'UPDATE care.person SET person_id = 1',
	'DELETE FROM care_identity.objection',
	'INSERT INTO care_identity.national_check VALUES (''9990000026'', true, now())',
	'TRUNCATE care.person',
	'TRUNCATE caredata.visible_chunk',
	'ALTER TABLE care_landing.gp_event ADD COLUMN x text',
	'CREATE TRIGGER t BEFORE INSERT ON care_landing.gp_event EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'CREATE RULE r AS ON INSERT TO care_landing.gp_event DO ALSO SELECT 1',
	'CREATE INDEX ON care_landing.gp_event ((1))',
	'CREATE TABLE care_landing.mine (x integer)',
	'CREATE STATISTICS regress_staff_loader.s ON code, scheme FROM care_landing.gp_event',
	'SELECT caredata.record_objection(''9990000018'', ''local'')::text',
	'SELECT caredata.withdraw_objection(''9990000026'', ''local'')',
	'SELECT caredata.request_national_list()::text',
	'SELECT caredata.national_list_lines(1)',
	'SELECT caredata.import_national_list(1)::text',
	'SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')',
	'SELECT caredata.suspend_release(1)',
	'SELECT caredata.activate_release(1)',
	'SELECT caredata.build_visible_sets(1)',
	'SELECT caredata.refresh_person_visibility(''{2}'')',
	'SELECT caredata.pid(2, ''1'')::text',
	'SELECT caredata.visible(2, ''1'', ''registry'')::text',
	'SET ROLE regress_staff_reader',
	'SET ROLE regress_staff_definer',
	'SELECT caredata."check"()::text');
-- what a loader may call leaves the sets as they should be
SELECT caredata.refresh_visible_sets();
INSERT INTO care_landing.apc_episode (epikey, procode3, fyear, admidate, epistart, newnhsno)
VALUES ('1', 'RZZ', '2526', '2025-05-01', '2025-05-01', '9990000026'), ('2', 'RZZ', '2526', '2025-05-01', '2025-05-01', '9990000018');
RESET SESSION AUTHORIZATION;
-- a load with a landing table full of lies: nobody who objected is shown again
SET SESSION AUTHORIZATION regress_staff_loader;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''1900-01-01''';
CREATE FUNCTION regress_staff_loader.try_nhs_number(text) RETURNS caredata.nhs_number LANGUAGE sql AS 'SELECT ''9990000018''::caredata.nhs_number';
CREATE DOMAIN pg_temp.nhs_number AS text;
SET search_path = pg_temp, regress_staff_loader, pg_catalog, caredata;
CALL caredata.load('apc_episode');
RESET search_path;
RESET SESSION AUTHORIZATION;
SELECT count(*) AS wrong FROM caredata.check_visible_sets();
SELECT person_id, epikey FROM care.apc_episode ORDER BY epikey;
SET SESSION AUTHORIZATION regress_staff_alice;
SELECT string_agg(birth_year::text, ' ' ORDER BY birth_year) AS shown FROM regress_staff.person;
RESET SESSION AUTHORIZATION;

-- 3. a linker, who sees identities and records objections, against releases
SET SESSION AUTHORIZATION regress_staff_linker;
SELECT * FROM public.attempts(
	'SELECT count(*)::text FROM regress_staff.person',
	'SELECT count(*)::text FROM care.person',
	'SELECT count(*)::text FROM care_identity.objection',
	'UPDATE care_identity.identity SET person_id = 1',
	'DELETE FROM care_identity.person',
	'SELECT caredata.approve_release(1)',
	'SELECT caredata.create_agreement(''x'', ''x'', ''x'', ''x'', ''2024-01-01'', ''2025-01-01'')::text',
	'SELECT caredata.pid(2, ''1'')::text',
	'SELECT caredata.person_of(''00000000000000000000000000000000'', ''1'')::text',
	'SET ROLE regress_staff_reader');

-- 4. a guardian and an auditor
SET SESSION AUTHORIZATION regress_staff_guardian;
SELECT * FROM public.attempts(
	'SELECT count(*)::text FROM regress_staff.person',
	'SELECT count(*)::text FROM care.person',
	'SELECT count(*)::text FROM care_identity.identity',
	'SELECT caredata.create_agreement(''x'', ''x'', ''x'', ''x'', ''2024-01-01'', ''2025-01-01'')::text',
	format('SELECT caredata.permit_dataset(%s, ''gp_event'')', :mine),
	'UPDATE caredata.release_event SET requester = ''{x}''',
	'DELETE FROM caredata.release_event',
	'DELETE FROM caredata.objection_rule');
SET SESSION AUTHORIZATION regress_staff_auditor;
SELECT * FROM public.attempts(
	'SELECT count(*)::text FROM regress_staff.person',
	'SELECT count(*)::text FROM care_identity.identity',
	'DELETE FROM caredata.release_event',
	'UPDATE caredata.load_run SET landed = 0',
	'SELECT caredata.suspend_release(1)',
	'SELECT caredata.refresh_visible_sets()');
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_staff_attack;
DROP ROLE regress_staff_author, regress_staff_second, regress_staff_guardian, regress_staff_both, regress_staff_loader,
	regress_staff_linker, regress_staff_auditor, regress_staff_alice, regress_staff_reader, regress_staff_definer,
	regress_staff_mine_reader, regress_staff_mine_definer;
