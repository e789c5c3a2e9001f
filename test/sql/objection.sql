-- Objections: which are in force on which day, how they are recorded and
-- withdrawn, and what the shipped rules make of them in releases.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_objection;
\c regress_objection
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_objection
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_alice LOGIN;

-- Persons 1 to 8 are A to H of the worked example; 9 to 12 are the edges it
-- does not show; 13 has two NHS numbers; 14 has none.
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 600) g) v
WHERE n IS NOT NULL;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 14) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
SELECT i, n, 1 FROM regress_number WHERE i <= 13
UNION ALL SELECT 13, n, 1 FROM regress_number WHERE i = 14
UNION ALL SELECT 14, NULL, 1;
INSERT INTO care.person (person_id) SELECT i FROM generate_series(1, 14) i;
INSERT INTO care_identity.coded_objection (person_id, kind, meaning, event_date) VALUES
	(2, 'type1', 'dissent', '2014-02-01'),
	(3, 'type1', 'dissent', '2014-02-01'), (3, 'type1', 'withdrawn', '2015-05-01'),
	(4, 'type1', 'dissent', '2014-02-01'), (4, 'type1', 'withdrawn', '2015-05-01'), (4, 'type1', 'dissent', '2016-01-01'),
	(5, 'type2', 'dissent', '2014-03-01'),
	(6, 'type2', 'dissent', '2014-03-01'), (6, 'type1', 'withdrawn', '2016-01-01'),
	(7, 'type1', 'dissent', '2015-05-01'), (7, 'type1', 'withdrawn', '2015-05-01'),
	(8, 'type2', 'dissent', '2014-03-01'), (8, 'type2', 'withdrawn', '2016-07-01'),
	-- no date: a dissent holds from the beginning, a withdrawal withdraws nothing
	(9, 'type1', 'dissent', NULL), (9, 'type1', 'withdrawn', NULL),
	(10, 'type1', 'dissent', NULL), (10, 'type1', 'withdrawn', '2014-01-01'),
	(11, 'type1', 'withdrawn', NULL),
	-- dated ahead: not yet
	(12, 'type1', 'dissent', '2130-01-01');

-- 1. the worked example: who objects as of a day
CREATE FUNCTION regress_active(as_of date) RETURNS TABLE (person text, type1 boolean, type2 boolean)
LANGUAGE sql AS $$
	SELECT chr(64 + i),
		   EXISTS (SELECT FROM caredata.coded_objections(as_of) o WHERE o.person_id = i AND o.kind = 'type1'),
		   EXISTS (SELECT FROM caredata.coded_objections(as_of) o WHERE o.person_id = i AND o.kind = 'type2')
	FROM generate_series(1, 12) i ORDER BY i
$$;
SELECT * FROM regress_active('2017-06-30');
-- H as of the day before its withdrawal, the day of it, and C, D as they go
SELECT * FROM regress_active('2016-06-30') WHERE person = 'H';
SELECT * FROM regress_active('2016-07-01') WHERE person = 'H';
SELECT * FROM regress_active('2015-04-30') WHERE person IN ('C', 'D', 'G');
SELECT * FROM regress_active('2015-05-01') WHERE person IN ('C', 'D', 'G');
SELECT * FROM regress_active('2129-12-31') WHERE person = 'L';
SELECT * FROM regress_active('2130-01-01') WHERE person = 'L';
SELECT * FROM caredata.next_objections('{local,national,type1,type2}', '2017-06-30');

-- 2. every code, exactly as written: case matters
SELECT scheme, code, kind, meaning FROM caredata.objection_code ORDER BY scheme, code;
SELECT count(*) FROM caredata.objection_code WHERE code = '9NU0.';

-- 3. the number of 8 and one of 13 are not on the national list
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i <= 13 AND i <> 8;
SELECT caredata.import_national_list(caredata.request_national_list()) AS withheld;
-- absent = withheld, also with one number of two
SELECT person_id FROM caredata.person_objections('{national}', '2017-06-30') ORDER BY 1;

-- 4. what the rules make of the worked example, in three releases
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('R-1', 'Example', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_pcd', 'Discloses confidential information.', 'section_251', 'identifiable') AS pcd \gset
SELECT caredata.create_release(:agreement, 'regress_pseudo', 'Pseudonymised.', 'public_task', 'pseudonymised') AS pseudo \gset
SELECT caredata.create_release(:agreement, 'regress_anon', 'Anonymised per ICO code.', 'public_task', 'anonymised', no_nhs_number => 'allow') AS anon \gset
SELECT caredata.create_release(:agreement, 'regress_care', 'Audit by the care team.', 'direct_care', 'identifiable', exemption => 'direct_care', exemption_evidence => 'letter 1', exemption_document => repeat('0', 64), exemption_ends_on => '2099-03-31') AS care \gset
SELECT caredata.permit_dataset(r, d) FROM unnest(ARRAY[:pcd, :pseudo, :anon, :care]) r, unnest('{gp_event,apc_episode}'::name[]) d;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(r, accept_differencing => 'four treatments of one example') FROM unnest(ARRAY[:pcd, :pseudo, :anon, :care]) r;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(r) FROM unnest(ARRAY[:pcd, :pseudo, :anon, :care]) r;
RESET SESSION AUTHORIZATION;
SELECT r.name, s.setting, caredata.applying_kinds(r.release_id, s.setting) AS kinds
FROM caredata.release r CROSS JOIN (VALUES ('gp'), ('hospital')) s (setting) ORDER BY r.release_id, s.setting;
SELECT caredata.applying_kinds(:pcd, 'dentist');

-- the policy function itself, asked by a superuser
CREATE FUNCTION regress_visible(release integer, setting text, persons text DEFAULT 'ABCDEFGHIJKLMN') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE seen text;
BEGIN
	EXECUTE format('SELECT string_agg(chr(64 + i), '''' ORDER BY i) FROM generate_series(1, 14) i WHERE caredata.visible(i, %L, %L)', release, setting) INTO seen;
	RETURN translate(seen, translate('ABCDEFGHIJKLMN', persons, ''), '');
END $$;
SELECT r.name, regress_visible(r.release_id, 'gp', 'ABCDEFG') AS gp_rows, regress_visible(r.release_id, 'hospital', 'ABCDEFG') AS hospital_rows
FROM caredata.release r ORDER BY r.release_id;
-- under the rule of 2016 pseudonymised output shows E and F
BEGIN;
SELECT caredata.set_objection_rule('type2', NULL, 'pseudonymised', NULL, NULL, false, 'the rule of 2016');
SELECT r.name, regress_visible(r.release_id, 'gp', 'ABCDEFG') AS gp_rows, regress_visible(r.release_id, 'hospital', 'ABCDEFG') AS hospital_rows
FROM caredata.release r ORDER BY r.release_id;
ROLLBACK;
SELECT regress_visible(:pseudo, 'hospital', 'ABCDEFG') AS as_before;
-- the edges: H is withheld by the list, K's undated withdrawal withdraws
-- nothing and L's objection lies ahead, M's second number is not on the list, N
-- has no number
SELECT r.name, regress_visible(r.release_id, 'gp', 'HIJKLMN') AS gp_rows, regress_visible(r.release_id, 'hospital', 'HIJKLMN') AS hospital_rows
FROM caredata.release r ORDER BY r.release_id;
SELECT r.name, s.kinds, s.valid_until, s.national_list_at IS NOT NULL AS rests_on_list
FROM caredata.visible_set s JOIN caredata.release r USING (release_id) ORDER BY r.release_id, s.kinds;

-- 5. recording and withdrawing; the number never comes back in a message
SELECT n::text AS number_a FROM regress_number WHERE i = 1 \gset
SELECT n::text AS number_z FROM regress_number WHERE i = 30 \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.record_objection('9990000019', 'local');
SELECT caredata.record_objection('not a number', 'local');
SELECT caredata.record_objection(NULL, 'local');
SELECT caredata.record_objection(:'number_a', 'locall');
SELECT caredata.record_objection(:'number_a', NULL);
SELECT caredata.record_objection(:'number_a', 'local', NULL);
SELECT caredata.record_objection(:'number_a', 'local', 'infinity');
SELECT caredata.withdraw_objection('9990000019', 'local');
SELECT caredata.withdraw_objection(:'number_a', 'local');
SELECT caredata.withdraw_objection(:'number_a', 'local', NULL);
SELECT caredata.record_objection(:'number_a', 'local', source => 'letter', reference => 'L1') AS first \gset
RESET SESSION AUTHORIZATION;
SELECT regress_visible(:pseudo, 'gp', 'ABC') AS a_is_gone, regress_visible(:anon, 'gp', 'ABC') AS local_applies_here_too, regress_visible(:care, 'gp', 'ABC') AS direct_care;
SET SESSION AUTHORIZATION regress_guardian;
-- the same again, later: nothing new; earlier: that is new
SELECT caredata.record_objection(:'number_a', 'local') = :first AS same;
SELECT caredata.record_objection(:'number_a', 'local', caredata.today() - 10) > :first AS earlier;
-- withdrawal reaches its own kind only
SELECT caredata.record_objection(:'number_a', 'type2') > 0 AS recorded;
SELECT caredata.withdraw_objection(:'number_a', 'type1');
SELECT caredata.withdraw_objection(:'number_a', 'type2');
RESET SESSION AUTHORIZATION;
SELECT regress_visible(:pseudo, 'gp', 'ABC') AS a_is_still_gone;
SET SESSION AUTHORIZATION regress_guardian;
-- a withdrawal dated ahead changes nothing yet
BEGIN;
SELECT caredata.withdraw_objection(:'number_a', 'local', caredata.today() + 1);
RESET SESSION AUTHORIZATION;
SELECT regress_visible(:pseudo, 'gp', 'ABC') AS a_is_still_gone;
SELECT string_agg(p.person_id::text, ' ') AS tomorrow FROM caredata.person_objections('{local}', caredata.today() + 1) p;
ROLLBACK;
SELECT caredata.withdraw_objection(:'number_a', 'local');
RESET SESSION AUTHORIZATION;
SELECT regress_visible(:pseudo, 'gp', 'ABC') AS a_is_back;
SELECT kind, effective_from - caredata.today() AS from_day, recorded_by, source, reference, withdrawn_from - caredata.today() AS until_day, withdrawn_by
FROM care_identity.objection ORDER BY objection_id;
-- history can be asked: in force yesterday, not today
SELECT count(DISTINCT person_id) FROM caredata.person_objections('{local}', caredata.today() - 1);
SELECT count(DISTINCT person_id) FROM caredata.person_objections('{local}', caredata.today());

-- 6. an objection of somebody not yet in the database waits for them
SELECT caredata.record_objection(:'number_z', 'local') > 0 AS recorded;
SELECT * FROM caredata.objection_summary();
INSERT INTO care_identity.person VALUES (15), (16);
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i - 15, n, 1 FROM regress_number WHERE i IN (30, 31);
SELECT caredata.refresh_visible_sets();
SELECT caredata.visible(15, '3', 'gp') AS waited, caredata.visible(16, '3', 'gp') AS other;
SELECT * FROM caredata.objection_summary();

-- 7. an objection dated ahead is no gap: the sets end the day before
SELECT caredata.record_objection(:'number_a', 'local', caredata.today() + 5) > 0 AS recorded;
SELECT r.name, s.kinds, s.valid_until - caredata.today() AS days_left FROM caredata.visible_set s JOIN caredata.release r USING (release_id)
WHERE 'local' = ANY (s.kinds) ORDER BY r.release_id, s.kinds;
SELECT regress_visible(:pseudo, 'gp', 'ABC') AS not_yet;
SELECT caredata.withdraw_objection(:'number_a', 'local', caredata.today());
SELECT caredata.refresh_visible_sets();
SELECT DISTINCT s.valid_until FROM caredata.visible_set s WHERE 'local' = ANY (s.kinds) ORDER BY 1;
SELECT * FROM caredata.check_visible_sets();

-- 8. kinds and codes are data
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.define_objection_kind('no_industry', 'Not for industry', 'Objects to use by industry', 'local policy 7');
SELECT caredata.define_objection_kind('No Industry', 'x', 'x', 'x');
SELECT caredata.define_objection_code('snomed', '370856009', 'no_industry', 'dissent', 'local policy 7');
SELECT caredata.define_objection_code('icd10', 'Z53', 'no_industry', 'dissent', 'x');
SELECT caredata.define_objection_code('readv2', '9NuX.', 'no_industry', 'maybe', 'x');
SELECT caredata.record_objection(:'number_a', 'no_industry') > 0 AS recorded;
RESET SESSION AUTHORIZATION;
SELECT regress_visible(:anon, 'hospital', 'ABC') AS applies_until_a_rule_says_otherwise;
SELECT caredata.set_objection_rule('no_industry', NULL, NULL, NULL, NULL, false, 'local policy 7: none of our releases is industry');
SELECT regress_visible(:anon, 'hospital', 'ABC') AS applies_no_more;

-- 9. only at READ COMMITTED: an older snapshot would miss what others did
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT caredata.record_objection(:'number_a', 'local');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT caredata.refresh_visible_sets();
ROLLBACK;

-- 10. nobody else may: each of these is refused to an analyst
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.record_objection(''9990000018'', ''local'')',
	'SELECT caredata.withdraw_objection(''9990000018'', ''local'')',
	'SELECT caredata.objection_summary()',
	'SELECT caredata.coded_objections(''2020-01-01'')',
	'SELECT caredata.person_objections(''{local}'', ''2020-01-01'')',
	'SELECT caredata.next_objections(''{local}'', ''2020-01-01'')',
	'SELECT caredata.define_objection_code(''snomed'', ''1'', ''local'', ''dissent'', ''x'')',
	'SELECT * FROM care_identity.objection']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_objection;
DROP ROLE regress_pcd_reader, regress_pcd_definer, regress_pseudo_reader, regress_pseudo_definer,
	regress_anon_reader, regress_anon_definer, regress_care_reader, regress_care_definer;
DROP ROLE regress_author, regress_guardian, regress_linker, regress_alice;
