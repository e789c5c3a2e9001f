-- Objections as history: purposes that a person names, proxies, who recorded
-- and withdrew what, what held on a day; and restricted records.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_objection_history;
\c regress_objection_history
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_objection_history
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_alice LOGIN;

-- ten persons with numbers, an eleventh number that nobody has yet
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 10) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM regress_number WHERE i <= 10;
INSERT INTO care.person (person_id, birth_year) SELECT i, 1950 + i FROM generate_series(1, 10) i;
SELECT n::text AS n1 FROM regress_number WHERE i = 1 \gset
SELECT n::text AS n2 FROM regress_number WHERE i = 2 \gset
SELECT n::text AS n3 FROM regress_number WHERE i = 3 \gset
SELECT n::text AS n4 FROM regress_number WHERE i = 4 \gset
SELECT n::text AS n11 FROM regress_number WHERE i = 11 \gset

SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('R-1', 'Example', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_plan', 'Plan.', 'public_task', 'anonymised', purpose_code => 'commissioning') AS plan \gset
SELECT caredata.create_release(:agreement, 'regress_study', 'Study.', 'research', 'anonymised', purpose_code => 'research') AS study \gset
SELECT caredata.create_release(:agreement, 'regress_any', 'No purpose of the list.', 'public_task', 'anonymised') AS any \gset
SELECT caredata.create_release(:agreement, 'regress_wrong', 'x', 'public_task', purpose_code => 'world domination');
SELECT caredata.permit_dataset(r, 'person', '{birth_year}') FROM unnest(ARRAY[:plan, :study, :any]) r;
SET SESSION AUTHORIZATION regress_guardian;
-- two purposes of one organisation are not told apart by lists of purposes
SELECT caredata.approve_release(r) FROM unnest(ARRAY[:plan, :study, :any]) r;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(r) FROM unnest(ARRAY[:plan, :study, :any]) r;
RESET SESSION AUTHORIZATION;
GRANT regress_plan_reader, regress_study_reader, regress_any_reader TO regress_alice;
CREATE FUNCTION regress_missing() RETURNS TABLE (plan text, study text, "any" text) LANGUAGE sql AS $$
	SELECT (SELECT string_agg(i::text, ' ' ORDER BY i) FROM generate_series(1, 10) i WHERE i NOT IN (SELECT birth_year - 1950 FROM regress_plan.person)),
		   (SELECT string_agg(i::text, ' ' ORDER BY i) FROM generate_series(1, 10) i WHERE i NOT IN (SELECT birth_year - 1950 FROM regress_study.person)),
		   (SELECT string_agg(i::text, ' ' ORDER BY i) FROM generate_series(1, 10) i WHERE i NOT IN (SELECT birth_year - 1950 FROM regress_any.person))
$$;
SELECT name, caredata.applying_kinds(release_id, 'registry') FROM caredata.release ORDER BY release_id;

-- 1. a person's own list of purposes
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_objection(:'n1', 'purpose', purpose => 'research') > 0 AS recorded;
SELECT caredata.record_objection(:'n1', 'purpose');
SELECT caredata.record_objection(:'n1', 'purpose', purpose => 'world domination');
SELECT caredata.record_objection(:'n1', 'local', purpose => 'research');
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_missing();
-- the whole list at once: what is left out is withdrawn, what stays stays
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.set_purpose_objections(:'n2', '{research,commissioning}', source => 'web form');
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_missing();
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.set_purpose_objections(:'n2', '{commissioning,commercial}');
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_missing();
SELECT count(*) AS rows, count(withdrawn_at) AS withdrawn FROM care_identity.objection o JOIN regress_number r ON r.n = o.nhs_number WHERE r.i = 2;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.set_purpose_objections(:'n2', '{research,nonsense}');
SELECT caredata.set_purpose_objections(:'n2', NULL);
SELECT caredata.set_purpose_objections(:'n2', '{research,NULL}');
-- one purpose is withdrawn alone; other kinds are not reached
SELECT caredata.withdraw_objection(:'n2', 'purpose', purpose => 'commercial') AS one;
SELECT caredata.withdraw_objection(:'n2', 'purpose', purpose => 'commercial') AS none_left;
SELECT caredata.withdraw_objection(:'n2', 'local');
SELECT caredata.withdraw_objection(:'n2', 'purpose') AS all_others;
RESET SESSION AUTHORIZATION;
SELECT * FROM regress_missing();
SELECT * FROM caredata.check_visible_sets();
-- a purpose of one's own, dated ahead: the sets it applies to end with the day before
SELECT caredata.define_purpose('insurance', 'Pricing of insurance', 'local policy 8');
SELECT caredata.define_purpose('Not a code', 'x', 'x');
BEGIN;
SELECT caredata.record_objection(:'n3', 'purpose', caredata.today() + 3, purpose => 'research') > 0 AS recorded;
SELECT r.name, s.valid_until - caredata.today() AS days_left FROM caredata.visible_set s JOIN caredata.release r USING (release_id) WHERE NOT 'type1' = ANY (s.kinds) ORDER BY r.release_id;
ROLLBACK;

-- 2. by proxy, kept after death, and for nobody yet
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_objection(:'n3', 'local', '2020-05-01', 'letter', 'L3', proxy => 'parent') > 0 AS recorded;
SELECT caredata.record_objection(:'n4', 'local', proxy => 'neighbour');
SELECT caredata.record_objection(:'n11', 'local', '2020-06-01', 'letter', 'L11', proxy => 'attorney') > 0 AS recorded;
RESET SESSION AUTHORIZATION;
UPDATE care.person SET death_year = 2024, death_month = 3 WHERE person_id = 3;
SELECT caredata.refresh_visible_sets();
SELECT * FROM regress_missing();
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.withdraw_objection(:'n3', 'local', '2024-02-01', source => 'letter', proxy => 'deputy');
RESET SESSION AUTHORIZATION;

-- 3. the whole history of a number, and what held on a day
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) VALUES
	(3, 'type1', 'dissent', '2014-02-01'), (3, 'type1', 'withdrawn', '2015-05-01');
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i IN (1, 2) OR i BETWEEN 4 AND 10;
SELECT caredata.import_national_list(caredata.request_national_list()) AS withheld;
UPDATE care_identity.national_check SET checked_at = '2026-01-01 12:00+00';
SET SESSION AUTHORIZATION regress_guardian;
SELECT origin, kind, purpose, meaning, effective_from, recorded_by, source, reference, proxy, withdrawn_from, withdrawn_by, withdrawn_source, withdrawn_proxy
FROM caredata.objection_history(:'n3');
SELECT origin, kind, source, reference, proxy FROM caredata.objection_history(:'n11');
SELECT kind, purpose, withdrawn_at IS NOT NULL AS withdrawn FROM caredata.objection_history(:'n2') WHERE origin = 'registry' ORDER BY purpose, 3;
SELECT d, (SELECT string_agg(concat_ws(':', o.kind, o.purpose), ' ') FROM caredata.objections_on(:'n3', d) o) AS in_force
FROM unnest('{2014-01-31,2014-02-01,2015-04-30,2015-05-01,2020-04-30,2020-05-01,2024-01-31,2024-02-01,2025-12-31,2026-01-02}'::date[]) d;
SELECT * FROM caredata.objections_on(:'n11');
SELECT * FROM caredata.objections_on('9990000019');
SELECT * FROM caredata.objection_history('not a number');
RESET SESSION AUTHORIZATION;

-- 4. a restricted record looks absent in every release, under every exemption
SELECT count(*) AS before FROM regress_any.person;
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.record_objection(:'n4', 'restricted', source => 'demographics service') > 0 AS recorded;
RESET SESSION AUTHORIZATION;
SET ROLE regress_alice;
SELECT count(*) AS after, count(*) FILTER (WHERE birth_year = 1954 OR birth_year IS NULL) AS of_the_person FROM regress_any.person;
RESET ROLE;
SELECT DISTINCT caredata.objection_applies('restricted', s, i, b.code, e.code)
FROM unnest(caredata.care_settings()) s, unnest('{identifiable,pseudonymised,anonymised}'::text[]) i, caredata.legal_basis b, caredata.exemption e;

-- 5. denied: each to who has no business with it
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.set_purpose_objections(''9990000018'', ''{research}'')',
	'SELECT * FROM caredata.objection_history(''9990000018'')',
	'SELECT * FROM caredata.objections_on(''9990000018'')',
	'SELECT caredata.define_purpose(''x'', ''x'', ''x'')',
	'SELECT caredata.check_objection(''local'', NULL, NULL)',
	'SELECT caredata.persons_of(NULL)',
	'SELECT * FROM caredata.purpose']) s;
-- histories are the guardian's alone
SET SESSION AUTHORIZATION regress_author;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT * FROM caredata.objection_history(''9990000018'')']) s;
SET SESSION AUTHORIZATION regress_linker;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT * FROM caredata.objection_history(''9990000018'')']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_objection_history;
DROP ROLE regress_plan_reader, regress_plan_definer, regress_study_reader, regress_study_definer, regress_any_reader, regress_any_definer;
DROP ROLE regress_author, regress_guardian, regress_linker, regress_alice;
