-- What an organisation may have: exemptions with evidence and an end, no two
-- releases that tell objectors apart, one strike and out, and the end of a
-- release up to the certificate of destruction.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_governance;
\c regress_governance
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_governance
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_guardian_2 LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE TABLE regress_number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 200) g) v
WHERE n IS NOT NULL;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 6) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM regress_number WHERE i <= 6;
INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZZ', 'Made-up ICB', 'icb'), ('QYY', 'Another', 'icb');
INSERT INTO care.practice (practice_code, name, commissioner_code) VALUES ('Y90001', 'One', 'QZZ'), ('Y90002', 'Two', 'QZZ'), ('Y90003', 'Three', 'QYY');
INSERT INTO care.lsoa (lsoa_code, name) VALUES ('E01000001', 'One');
INSERT INTO care.person (person_id, birth_year, practice_code, lsoa) SELECT i, 1950 + i, 'Y9000' || 1 + i % 3, 'E01000001' FROM generate_series(1, 6) i;

-- 1. an exemption has a reference, a document and an end, all or none
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS qzz \gset
SELECT caredata.create_agreement('A-2', 'Elsewhere', 'QYY', 'Another', '2014-01-01', '2099-12-31') AS qyy \gset
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_document => repeat('a', 64));
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_ends_on => '2099-01-01');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption_ends_on => '2099-01-01');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_document => 'a hash', exemption_ends_on => '2099-01-01');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_document => repeat('a', 64), exemption_ends_on => '2013-12-31');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_document => repeat('a', 64), exemption_ends_on => 'infinity');
SELECT caredata.create_release(:qzz, 'regress_waived', 'p', 'section_251', exemption => 'cag_waiver', exemption_evidence => 'CAG 1', exemption_document => repeat('A', 64), exemption_ends_on => caredata.today()) AS waived \gset
SELECT caredata.permit_dataset(:waived, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT exemption, exemption_evidence, exemption_document = repeat('a', 64) AS document, exemption_ends_on = caredata.today() AS ends_today FROM caredata.release_register();
SELECT caredata.approve_release(:waived);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:waived);
RESET SESSION AUTHORIZATION;
GRANT regress_waived_reader TO regress_alice;
-- on its last day it holds, and the set ends with it
SELECT caredata.applying_kinds(:waived, 'registry');
SELECT valid_until - caredata.today() AS days_left FROM caredata.visible_set WHERE release_id = :waived AND NOT 'type1' = ANY (kinds);
SET ROLE regress_alice;
SELECT count(*) FROM regress_waived.person;
RESET ROLE;
-- the day after: an error until the sets are made anew, then objections apply
UPDATE caredata.release SET exemption_ends_on = caredata.today() - 1 WHERE release_id = :waived;
UPDATE caredata.visible_set SET valid_until = '2026-01-01' WHERE release_id = :waived;
SET ROLE regress_alice;
SELECT count(*) FROM regress_waived.person;
RESET ROLE;
SELECT count(*) > 0 AS found FROM caredata.check_visible_sets();
SELECT caredata.refresh_visible_sets();
SELECT caredata.applying_kinds(:waived, 'registry');
SET ROLE regress_alice;
SELECT count(*) FROM regress_waived.person;
RESET ROLE;
INSERT INTO care_landing.national_list SELECT n::text FROM regress_number WHERE i BETWEEN 2 AND 6;
SELECT caredata.import_national_list(caredata.request_national_list()) >= 0 AS imported;
SELECT * FROM caredata.check_visible_sets();
SET ROLE regress_alice;
SELECT count(*) FROM regress_waived.person;
RESET ROLE;
UPDATE caredata.release SET exemption_ends_on = '2099-01-01' WHERE release_id = :waived;
SELECT caredata.refresh_visible_sets();

-- 2. the differencing guard
CREATE FUNCTION regress_draft(agreement integer, name text, variadic args text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE release integer;
BEGIN
	EXECUTE format('SELECT caredata.create_release(%s, %L, %s)', agreement, name, array_to_string('{"''p''","''public_task''"}'::text[] || args, ', ')) INTO release;
	PERFORM caredata.permit_dataset(release, 'person', '{birth_year}');
	RETURN release;
END $$;
GRANT EXECUTE ON FUNCTION regress_draft TO caredata_admin;
SET SESSION AUTHORIZATION regress_author;
-- the waiver shows who opted out; a second release of the same people does not
SELECT regress_draft(:qzz, 'regress_plain', '''pseudonymised''') AS plain \gset
-- everyone and a part of everyone overlap
SELECT regress_draft(:qzz, 'regress_part', '''pseudonymised''', '''practice''', '''{Y90001}''') AS part \gset
-- another organisation is another matter
SELECT regress_draft(:qyy, 'regress_other', '''pseudonymised''') AS other \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT release_name, other_release_name, organisation_code, settings, tells_apart, accepted FROM caredata.differencing_risks(:plain);
SELECT caredata.approve_release(:plain);
SELECT caredata.approve_release(:plain, accept_differencing => ' ');
SELECT caredata.approve_release(:part);
SELECT caredata.approve_release(:other);
SELECT caredata.approve_release(:plain, accept_differencing => 'in separate environments, visit of 3 May');
SELECT release_name, other_release_name, accepted, reason FROM caredata.differencing_risks();
SELECT accepted_by FROM caredata.differencing_acceptance;
RESET SESSION AUTHORIZATION;
SELECT accepted_by, reason FROM caredata.differencing_acceptance;
-- the same treatment of objections is no risk; nor are other people
SET SESSION AUTHORIZATION regress_author;
SELECT regress_draft(:qyy, 'regress_same', '''pseudonymised''') AS same \gset
SELECT regress_draft(:qyy, 'regress_anon', '''anonymised''', '''practice''', '''{Y90001}''') AS anon \gset
SELECT caredata.create_agreement('A-3', 'Populations', 'QXX', 'Third', '2014-01-01', '2099-12-31') AS qxx \gset
SELECT regress_draft(:qxx, 'regress_p1', '''pseudonymised''', '''practice''', '''{Y90001}''') AS p1 \gset
SELECT regress_draft(:qxx, 'regress_p2', '''anonymised''', '''practice''', '''{Y90002}''') AS p2 \gset
SELECT regress_draft(:qxx, 'regress_p1a', '''anonymised''', '''practice''', '''{Y90001,Y90003}''') AS p1a \gset
SELECT regress_draft(:qxx, 'regress_c1', '''anonymised''', '''commissioner''', '''{QZZ}''') AS c1 \gset
SELECT regress_draft(:qxx, 'regress_c2', '''anonymised''', '''commissioner''', '''{QYY}''') AS c2 \gset
SELECT regress_draft(:qxx, 'regress_area', '''anonymised''', '''lsoa''', '''{E01000001}''') AS area \gset
SELECT regress_draft(:qxx, 'regress_past', '''anonymised''', '''practice''', '''{Y90002}''', 'population_on => ''2020-01-01''') AS past \gset
SELECT regress_draft(:qxx, 'regress_allow', '''pseudonymised''', '''practice''', '''{Y90001}''', '''allow''') AS allow \gset
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:same);
SELECT other_release_name, tells_apart FROM caredata.differencing_risks(:anon);
SELECT caredata.approve_release(:p1);
SELECT r, (SELECT string_agg(array_to_string(d.tells_apart, ' '), ', ') FROM caredata.differencing_risks(r) d) AS against_p1
FROM unnest(ARRAY[:p2, :p1a, :c1, :c2, :area, :past, :allow]) r ORDER BY r;
-- a setting that only one of them shows is no common ground
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_release(:qxx, 'regress_gp', 'p', 'public_task', 'anonymised', 'practice', '{Y90001}') AS gp \gset
SELECT caredata.permit_dataset(:gp, 'gp_event', '{code}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT count(*) FROM caredata.differencing_risks(:gp);
RESET SESSION AUTHORIZATION;

-- 3. ended, then destroyed, with the day and the certificate
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.record_destruction(:waived, '2026-01-01', 'C-1');
SELECT caredata.end_release(:waived, 'over');
-- what was taken is still there to be compared
SELECT other_release_name FROM caredata.differencing_risks(:part);
SELECT caredata.record_destruction(:waived, '2026-01-01', ' ');
SELECT caredata.record_destruction(:waived, NULL, 'C-1');
SELECT caredata.record_destruction(:waived, '2013-01-01', 'C-1');
SELECT caredata.record_destruction(:waived, caredata.today() + 1, 'C-1');
SELECT caredata.record_destruction(:waived, '2026-01-01', 'C-1');
SELECT caredata.record_destruction(:waived, '2026-01-01', 'C-1');
SELECT caredata.end_release(:waived);
SELECT caredata.resume_release(:waived);
SELECT state, destroyed_on, destruction_certificate FROM caredata.release_register() WHERE release = 'regress_waived';
SELECT state, reason FROM caredata.release_history(:waived) ORDER BY happened_at DESC LIMIT 2;
SELECT count(*) FROM caredata.differencing_risks(:part);
RESET SESSION AUTHORIZATION;
SET ROLE regress_alice;
SELECT count(*) FROM regress_waived.person;
RESET ROLE;
SELECT caredata.refresh_visible_sets();
SELECT count(*) AS sets_left FROM caredata.visible_set WHERE release_id = :waived;

-- 4. one strike and out
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:plain), caredata.activate_release(:other), caredata.activate_release(:same);
RESET SESSION AUTHORIZATION;
GRANT regress_plain_reader TO regress_alice WITH ADMIN OPTION;
GRANT regress_other_reader, regress_same_reader TO regress_alice;
SET SESSION AUTHORIZATION regress_alice;
GRANT regress_plain_reader TO regress_bob;
SELECT count(*) FROM regress_plain.person;
PREPARE plain AS SELECT count(*) FROM regress_plain.person;
EXECUTE plain;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.bar_organisation('QZZ', ' ');
SELECT caredata.bar_organisation(' ', 'x');
SELECT caredata.bar_organisation('QZZ' || chr(160), 'x');
SELECT caredata.bar_organisation(' qzz', 'sold the data on');
SELECT caredata.bar_organisation('QZZ', 'again');
SELECT organisation_code, reason, barred_by, lifted_by FROM caredata.barred_organisations();
SELECT release, state FROM caredata.release_register() WHERE organisation_code = 'QZZ' ORDER BY release_id;
SELECT reason FROM caredata.release_history(:plain) WHERE state = 'ended';
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM regress_plain.person;
EXECUTE plain;
SELECT count(*) FROM regress_other.person;
RESET SESSION AUTHORIZATION;
SELECT count(*) AS readers_left FROM pg_auth_members WHERE roleid = 'regress_plain_reader'::regrole;
-- even with the role granted anew
GRANT regress_plain_reader TO regress_alice;
SET SESSION AUTHORIZATION regress_alice;
SELECT count(*) FROM regress_plain.person;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-9', 'New', 'qzz', 'Made-up ICB', '2026-01-01', '2099-12-31');
SELECT caredata.create_release(:qzz, 'regress_new', 'p', 'public_task');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:part);
SELECT caredata.resume_release(:plain);
-- what was approved before it cannot be activated, what was suspended not resumed
SET SESSION AUTHORIZATION regress_guardian_2;
SELECT caredata.suspend_release(:other);
SELECT caredata.approve_release(:anon, accept_differencing => 'a test');
SELECT caredata.bar_organisation('QYY', 'no certificate');
SELECT release, state FROM caredata.release_register() WHERE organisation_code = 'QYY' ORDER BY release_id;
-- two people lift it; nothing comes back by itself
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.lift_bar('QZZ');
SELECT caredata.request_bar_lift('QXX', 'x');
SELECT caredata.request_bar_lift('QZZ', ' ');
SELECT caredata.request_bar_lift('QZZ', 'was another');
SELECT caredata.lift_bar('QZZ');
SET SESSION AUTHORIZATION regress_guardian_2;
SELECT caredata.lift_bar('QZZ');
SELECT caredata.lift_bar('QZZ');
SELECT organisation_code, lift_requested_by, lifted_by FROM caredata.barred_organisations();
SELECT release, state FROM caredata.release_register() WHERE organisation_code = 'QZZ' ORDER BY release_id;
SELECT caredata.approve_release(:part, accept_differencing => 'the other one is over');
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('A-9', 'New', 'qzz', 'Made-up ICB', '2026-01-01', '2099-12-31') > 0 AS again;
RESET SESSION AUTHORIZATION;

-- 5. denied
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_author;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.bar_organisation(''QZZ'', ''x'')',
	'SELECT caredata.request_bar_lift(''QZZ'', ''x'')',
	'SELECT caredata.lift_bar(''QZZ'')',
	'SELECT caredata.record_destruction(1, ''2026-01-01'', ''x'')',
	'SELECT caredata.check_differencing(1, ''x'')',
	'SELECT caredata.check_not_barred(''QZZ'')',
	'DELETE FROM caredata.barred_organisation']) s;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT * FROM caredata.barred_organisations()',
	'SELECT * FROM caredata.differencing_risks()',
	'SELECT * FROM caredata.differencing_acceptance']) s;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_governance;
DROP ROLE regress_waived_reader, regress_waived_definer, regress_plain_reader, regress_plain_definer,
	regress_other_reader, regress_other_definer, regress_same_reader, regress_same_definer;
DROP ROLE regress_author, regress_guardian, regress_guardian_2, regress_alice, regress_bob;
