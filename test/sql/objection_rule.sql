-- Rules: to what each kind of objection applies, as shipped and as a guardian
-- sets it, which of several decides, and their versions.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_objection_rule;
\c regress_objection_rule
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_objection_rule
SET client_min_messages = warning;
SET datestyle = iso;

CREATE ROLE regress_author LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_auditor LOGIN IN ROLE caredata_auditor;
CREATE ROLE regress_alice LOGIN;

-- 1. shipped rules, for a release without and with each exemption
SELECT k.kind, s.setting, i.identifiability,
	   caredata.objection_applies(k.kind, s.setting, i.identifiability, 'public_task', NULL) AS applies
FROM caredata.objection_kind k
CROSS JOIN (VALUES ('gp'), ('hospital')) s (setting)
CROSS JOIN (VALUES ('identifiable'), ('pseudonymised'), ('anonymised')) i (identifiability)
ORDER BY k.kind, s.setting, i.identifiability COLLATE "C";
SELECT e.code,
	   string_agg(k.kind, ' ' ORDER BY k.kind) FILTER (WHERE caredata.objection_applies(k.kind, 'gp', 'identifiable', 'section_251', e.code)) AS still_apply_to_gp_rows
FROM caredata.exemption e CROSS JOIN caredata.objection_kind k
GROUP BY e.code ORDER BY e.code COLLATE "C";
-- no legal basis lifts an objection by itself
SELECT DISTINCT caredata.objection_applies('national', 'hospital', 'pseudonymised', b.code, NULL)
FROM caredata.legal_basis b;
-- what no rule speaks of is withheld
SELECT caredata.objection_applies('unheard of', 'gp', 'anonymised', 'consent', 'consent');
SELECT count(*) AS without_citation FROM caredata.objection_rule WHERE citation = '';

-- 2. local rules: the one that names most wins, whatever the order they came in
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_objection_rule('type2', NULL, 'pseudonymised', NULL, NULL, false, 'the rule of 2016: pseudonymised is not personal confidential data');
SELECT caredata.objection_applies('type2', 'hospital', 'pseudonymised', 'public_task', NULL) AS rule_of_2016,
	   caredata.objection_applies('type2', 'hospital', 'identifiable', 'public_task', NULL) AS identifiable;
SELECT caredata.set_objection_rule('type2', 'gp', NULL, NULL, NULL, true, 'setting alone');
SELECT caredata.objection_applies('type2', 'gp', 'pseudonymised', 'public_task', NULL) AS level_beats_setting;
SELECT caredata.set_objection_rule('type2', NULL, NULL, 'research', NULL, true, 'legal basis');
SELECT caredata.objection_applies('type2', 'gp', 'pseudonymised', 'research', NULL) AS basis_beats_level,
	   caredata.objection_applies('type2', 'gp', 'pseudonymised', 'research', 'ons') AS exemption_beats_basis;
SELECT caredata.set_objection_rule('type2', 'gp', 'pseudonymised', NULL, NULL, true, 'level and setting');
SELECT caredata.objection_applies('type2', 'gp', 'pseudonymised', 'public_task', NULL) AS both_beat_level;
-- local before shipped, at the same arguments; and back
SELECT caredata.set_objection_rule('national', NULL, NULL, NULL, 'ons', true, 'our own decision');
SELECT caredata.objection_applies('national', 'gp', 'identifiable', 'public_task', 'ons') AS local_wins;
SELECT caredata.remove_objection_rule('national', NULL, NULL, NULL, 'ons');
SELECT caredata.objection_applies('national', 'gp', 'identifiable', 'public_task', 'ons') AS shipped_again;
SELECT caredata.remove_objection_rule('national', NULL, NULL, NULL, 'ons');
SELECT caredata.remove_objection_rule('type2', 'gp', 'pseudonymised', NULL, NULL);
SELECT caredata.remove_objection_rule('type2', NULL, NULL, 'research', NULL);
SELECT caredata.remove_objection_rule('type2', 'gp', NULL, NULL, NULL);
SELECT caredata.remove_objection_rule('type2', NULL, 'pseudonymised', NULL, NULL);
SELECT caredata.set_objection_rule('type1', 'gp', NULL, NULL, NULL, false, ' ');
SELECT caredata.set_objection_rule('type1', 'gp', NULL, NULL, NULL, NULL, 'x');
SELECT caredata.set_objection_rule('type1', 'dentist', NULL, NULL, NULL, false, 'x');
SELECT caredata.set_objection_rule('type9', NULL, NULL, NULL, NULL, false, 'x');
SELECT caredata.set_objection_rule('type1', NULL, NULL, 'no such basis', NULL, false, 'x');
RESET SESSION AUTHORIZATION;

-- 3. a release of three persons, of whom 2 has objected: in force at once
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 3) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) VALUES (1, '9990000018', 1), (2, '9990000026', 1), (3, '9990000034', 1);
INSERT INTO care.person (person_id, birth_year) SELECT i, 1950 + i FROM generate_series(1, 3) i;
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.create_agreement('R-1', 'Example', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_ruled', 'p', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'person', '{birth_year}');
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.approve_release(:release);
SET SESSION AUTHORIZATION regress_author;
SELECT caredata.activate_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.record_objection('9990000026', 'local') > 0 AS recorded;
-- versions of the rules: who, when, what before and after
SELECT count(*) AS shown FROM regress_ruled.person;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_objection_rule('local', NULL, 'anonymised', NULL, NULL, false, 'Board, 1 May');
RESET SESSION AUTHORIZATION;
SELECT count(*) AS shown FROM regress_ruled.person;
SET SESSION AUTHORIZATION regress_guardian;
SELECT caredata.set_objection_rule('local', NULL, 'anonymised', NULL, NULL, true, 'Board, 2 May');
SELECT caredata.set_objection_rule('type1', 'gp', NULL, NULL, NULL, false, 'Board, 3 May');
SELECT caredata.remove_objection_rule('type1', 'gp', NULL, NULL, NULL);
SELECT caredata.remove_objection_rule('local', NULL, 'anonymised', NULL, NULL);
SELECT caredata.define_objection_kind('no_press', 'Not for the press', 'Objects to use by the press', 'local policy 9');
SELECT caredata.set_objection_rule('type1', 'gp', NULL, NULL, NULL, false, ' ');
SELECT version, changed_by, kind, setting, identifiability, old_applies, old_citation, new_applies, new_citation FROM caredata.objection_rule_history();
RESET SESSION AUTHORIZATION;
SELECT count(*) AS changed_now FROM caredata.objection_rule_history() WHERE changed_at BETWEEN now() - interval '1 hour' AND now();
-- a rolled back change is no version, and has no effect
BEGIN;
SELECT caredata.set_objection_rule('local', NULL, NULL, NULL, NULL, false, 'for a moment');
SELECT count(*) AS shown FROM regress_ruled.person;
ROLLBACK;
SELECT count(*) AS shown FROM regress_ruled.person;
SELECT max(version) FROM caredata.objection_rule_history();

-- 4. denied: the rules are the guardian's alone, an auditor may read
CREATE FUNCTION regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; RETURN 'allowed'; EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM; END $$;
SET SESSION AUTHORIZATION regress_alice;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.objection_applies(''local'', NULL, NULL, NULL, NULL)',
	'SELECT caredata.deciding_rule(''local'', NULL, NULL, NULL, NULL)',
	'SELECT caredata.exact_objection_rule(''local'', NULL, NULL, NULL, NULL)',
	'SELECT caredata.log_rule_change(''local'', NULL, NULL, NULL, NULL, NULL)',
	'SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')',
	'SELECT caredata.remove_objection_rule(''local'', NULL, NULL, NULL, NULL)',
	'SELECT caredata.define_objection_kind(''x'', ''x'', ''x'', ''x'')',
	'SELECT * FROM caredata.objection_rule_history()',
	'SELECT * FROM caredata.objection_rule_change',
	'SELECT * FROM caredata.objection_rule']) s;
SET SESSION AUTHORIZATION regress_author;
SELECT regress_try(s) FROM unnest(ARRAY[
	'SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')',
	'SELECT caredata.remove_objection_rule(''local'', NULL, NULL, NULL, NULL)',
	'SELECT caredata.define_objection_kind(''x'', ''x'', ''x'', ''x'')',
	'UPDATE caredata.objection_rule SET applies = false']) s;
SET SESSION AUTHORIZATION regress_linker;
SELECT regress_try('SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')');
SET SESSION AUTHORIZATION regress_auditor;
SELECT max(version) AS version FROM caredata.objection_rule_history();
SELECT regress_try('SELECT caredata.set_objection_rule(''local'', NULL, NULL, NULL, NULL, false, ''x'')');
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_objection_rule;
DROP ROLE regress_ruled_reader, regress_ruled_definer;
DROP ROLE regress_author, regress_guardian, regress_linker, regress_auditor, regress_alice;
