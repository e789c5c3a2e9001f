-- ---------------------------------------------------------------------------
-- To what each kind of objection applies: rules over care setting, level of
-- identifiability, legal basis and exemption, each with its citation. Shipped
-- rules are never changed; a guardian sets local ones that come before them,
-- and every change is kept as a version.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.legal_basis (
	code      text PRIMARY KEY,
	title     text NOT NULL,
	citation  text NOT NULL,
	shipped   boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.legal_basis IS
	'Legal bases a release can rest on. None of them lifts an objection by itself; an exemption with evidence does';

INSERT INTO caredata.legal_basis (code, title, citation, shipped) VALUES
	('direct_care', 'Individual care by the team that looks after the person',
	 'Health and Social Care (Safety and Quality) Act 2015', true),
	('consent', 'Explicit consent of each person to this use',
	 'common law duty of confidentiality', true),
	('section_251', 'Approval to use confidential patient information without consent',
	 'NHS Act 2006 section 251; Control of Patient Information Regulations 2002, regulations 2 and 5', true),
	('health_protection', 'Communicable disease and other risks to public health',
	 'Control of Patient Information Regulations 2002, regulation 3', true),
	('legal_obligation', 'Mandatory legal requirement or court order',
	 'UK GDPR article 6(1)(c)', true),
	('public_task', 'Task in the public interest, management of health and social care systems',
	 'UK GDPR articles 6(1)(e) and 9(2)(h)', true),
	('research', 'Scientific research in the public interest',
	 'UK GDPR articles 6(1)(e) and 9(2)(j)', true);

CREATE TABLE caredata.exemption (
	code      text PRIMARY KEY,
	title     text NOT NULL,
	citation  text NOT NULL,
	shipped   boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.exemption IS
	'Reasons for which a kind of objection may not apply to a release; each needs evidence in the release';

INSERT INTO caredata.exemption (code, title, citation, shipped)
SELECT code, title, citation, true
FROM (VALUES
	('direct_care', 'Individual care, local clinical audit by the care team included'),
	('consent', 'Explicit consent to this use, whatever the order of dates'),
	('anonymised', 'Anonymised in line with the ICO code'),
	('legal', 'Mandatory legal requirement or court order'),
	('public_interest', 'Overriding public interest, decided case by case'),
	('comm_disease', 'Communicable disease and public health risks, COPI regulation 3'),
	('ons', 'Official statistics, Statistics and Registration Service Act 2007 section 45A'),
	('cancer_reg', 'National cancer registration; congenital anomalies and rare disease registration'),
	('patient_survey', 'National patient experience surveys'),
	('payment', 'Invoice validation for non-contracted activity (CAG 7-07(a-c)/2013); prescription charges, regulation 18A'),
	('cag_waiver', 'Other section 251 approval for which the condition was waived'),
	('disproportionate', 'Persons without an NHS number where getting one is disproportionate effort')
) AS e (code, title)
CROSS JOIN (VALUES ('National data opt-out, operational policy guidance document')) AS c (citation)
UNION ALL
SELECT 'oversight', 'Statutory oversight under the regulator''s own powers of access',
	   'to be confirmed with the regulator', true;

CREATE TABLE caredata.objection_rule (
	kind             text NOT NULL REFERENCES caredata.objection_kind,
	setting          text
		CHECK (setting IN ('gp', 'hospital', 'community', 'social_care', 'registry')),
	identifiability  text
		CHECK (identifiability IN ('identifiable', 'pseudonymised', 'anonymised')),
	legal_basis      text REFERENCES caredata.legal_basis,
	exemption        text REFERENCES caredata.exemption,
	origin           text NOT NULL DEFAULT 'local' CHECK (origin IN ('shipped', 'local')),
	applies          boolean NOT NULL,
	citation         text NOT NULL CHECK (citation <> ''),
	recorded_by      name NOT NULL DEFAULT session_user,
	recorded_at      timestamptz NOT NULL DEFAULT now(),
	UNIQUE NULLS NOT DISTINCT (kind, setting, identifiability, legal_basis, exemption, origin)
);
COMMENT ON TABLE caredata.objection_rule IS
	'To what each kind of objection applies. NULL stands for any; the rule that names most wins, an exemption before a legal basis before a level before a setting, a local rule before a shipped one';
COMMENT ON COLUMN caredata.objection_rule.applies IS
	'Whether a person with an active objection of the kind is withheld';
COMMENT ON COLUMN caredata.objection_rule.origin IS
	'shipped came with the extension and is never changed; local was set by a guardian and travels in a dump';

INSERT INTO caredata.objection_rule
	(kind, setting, identifiability, exemption, origin, applies, citation)
VALUES
	('type1', 'gp', NULL, NULL, 'shipped', true,
	 'Type 1 stops data leaving the practice for anything but direct care'),
	('type1', NULL, NULL, NULL, 'shipped', false,
	 'Type 1 does not stop records of other providers'),
	('type1', NULL, NULL, 'direct_care', 'shipped', false, 'Type 1 does not stop direct care'),
	('type1', NULL, NULL, 'legal', 'shipped', false, 'Type 1 does not stop a legal duty'),
	('type1', NULL, NULL, 'comm_disease', 'shipped', false, 'Type 1 does not stop use in emergencies'),
	('type2', NULL, NULL, NULL, 'shipped', true,
	 'Type 2 was converted into a national data opt-out on 11 October 2018'),
	('type2', NULL, 'anonymised', NULL, 'shipped', false,
	 'Type 2 concerned personal confidential data'),
	('national', NULL, NULL, NULL, 'shipped', true,
	 'The national data opt-out applies to confidential patient information for research and planning'),
	('national', NULL, 'anonymised', NULL, 'shipped', false,
	 'The national data opt-out does not apply to data anonymised in line with the ICO code'),
	('local', NULL, NULL, NULL, 'shipped', true, 'UK GDPR article 21'),
	('local', NULL, NULL, 'direct_care', 'shipped', false, 'A local objection does not stop direct care'),
	('local', NULL, NULL, 'legal', 'shipped', false, 'A local objection does not stop a legal duty'),
	('purpose', NULL, NULL, NULL, 'shipped', true, 'UK GDPR article 21'),
	('purpose', NULL, NULL, 'direct_care', 'shipped', false, 'An objection to a purpose does not stop direct care'),
	('purpose', NULL, NULL, 'legal', 'shipped', false, 'An objection to a purpose does not stop a legal duty'),
	('restricted', NULL, NULL, NULL, 'shipped', true,
	 'A restricted record is not returned at all, so that nobody can tell it from one that does not exist');

-- All exemptions of the policy but disproportionate: that one concerns persons
-- without an NHS number, whom a release admits by no_nhs_number.
INSERT INTO caredata.objection_rule (kind, exemption, origin, applies, citation)
SELECT k.kind, e.code, 'shipped', false, e.citation
FROM caredata.exemption e
CROSS JOIN (VALUES ('national'), ('type2')) AS k (kind)
WHERE e.code <> 'disproportionate';

-- What the rules said before, for whoever has to tell why a person was shown
-- or withheld on a day.
CREATE TABLE caredata.objection_rule_change (
	change_id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	changed_at       timestamptz NOT NULL DEFAULT now(),
	changed_by       name[] NOT NULL,
	kind             text NOT NULL,
	setting          text,
	identifiability  text,
	legal_basis      text,
	exemption        text,
	old_applies      boolean,
	old_citation     text,
	new_applies      boolean,
	new_citation     text
);
COMMENT ON TABLE caredata.objection_rule_change IS
	'Versions of the objection rules: every change that a guardian made, with what held before for exactly these arguments';
COMMENT ON COLUMN caredata.objection_rule_change.change_id IS
	'The version of the rules that the change made; version 0 is what came with the extension';
COMMENT ON COLUMN caredata.objection_rule_change.changed_by IS
	'Session user and acting role';
COMMENT ON COLUMN caredata.objection_rule_change.old_applies IS
	'NULL where no rule stood for these arguments';
COMMENT ON COLUMN caredata.objection_rule_change.new_applies IS
	'NULL where no rule stands for these arguments any more';

SELECT pg_catalog.pg_extension_config_dump('caredata.objection_rule_change', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_rule_change_change_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.legal_basis', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.exemption', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_rule', $$WHERE origin = 'local'$$);

CREATE FUNCTION caredata.deciding_rule(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text)
RETURNS caredata.objection_rule
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rule  caredata.objection_rule;
BEGIN
	SELECT r.*
	  INTO rule
	  FROM caredata.objection_rule r
	 WHERE r.kind = deciding_rule.kind
	   AND (r.exemption IS NULL OR r.exemption = deciding_rule.exemption)
	   AND (r.legal_basis IS NULL OR r.legal_basis = deciding_rule.legal_basis)
	   AND (r.identifiability IS NULL OR r.identifiability = deciding_rule.identifiability)
	   AND (r.setting IS NULL OR r.setting = deciding_rule.setting)
	 ORDER BY (r.exemption IS NOT NULL) DESC,
			  (r.legal_basis IS NOT NULL) DESC,
			  (r.identifiability IS NOT NULL) DESC,
			  (r.setting IS NOT NULL) DESC,
			  (r.origin = 'local') DESC
	 LIMIT 1;
	RETURN rule;
END
$$;
REVOKE ALL ON FUNCTION caredata.deciding_rule(text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.deciding_rule(text, text, text, text, text) IS
	'The rule that decides whether a kind of objection withholds rows, or a row of NULLs where none speaks';

CREATE FUNCTION caredata.objection_applies(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- what no rule speaks of is withheld
	RETURN coalesce((caredata.deciding_rule(kind, setting, identifiability,
											legal_basis, exemption)).applies, true);
END
$$;
REVOKE ALL ON FUNCTION caredata.objection_applies(text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.objection_applies(text, text, text, text, text) IS
	'Whether a kind of objection withholds rows of a setting from a release of this level, legal basis and exemption; true where no rule speaks';

-- The rule for exactly these arguments, the local one if there is one.
CREATE FUNCTION caredata.exact_objection_rule(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text)
RETURNS caredata.objection_rule
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rule  caredata.objection_rule;
BEGIN
	SELECT r.*
	  INTO rule
	  FROM caredata.objection_rule r
	 WHERE r.kind = exact_objection_rule.kind
	   AND r.setting IS NOT DISTINCT FROM exact_objection_rule.setting
	   AND r.identifiability IS NOT DISTINCT FROM exact_objection_rule.identifiability
	   AND r.legal_basis IS NOT DISTINCT FROM exact_objection_rule.legal_basis
	   AND r.exemption IS NOT DISTINCT FROM exact_objection_rule.exemption
	 ORDER BY (r.origin = 'local') DESC
	 LIMIT 1;
	RETURN rule;
END
$$;
REVOKE ALL ON FUNCTION caredata.exact_objection_rule(text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.exact_objection_rule(text, text, text, text, text) IS
	'The rule that stands for exactly these arguments, or a row of NULLs';

CREATE FUNCTION caredata.log_rule_change(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text, old_rule caredata.objection_rule)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	new_rule  caredata.objection_rule :=
		caredata.exact_objection_rule(kind, setting, identifiability, legal_basis, exemption);
BEGIN
	INSERT INTO caredata.objection_rule_change
		(changed_by, kind, setting, identifiability, legal_basis, exemption,
		 old_applies, old_citation, new_applies, new_citation)
	VALUES (caredata.requester(), log_rule_change.kind, log_rule_change.setting,
			log_rule_change.identifiability, log_rule_change.legal_basis,
			log_rule_change.exemption, old_rule.applies, old_rule.citation,
			new_rule.applies, new_rule.citation);
END
$$;
REVOKE ALL ON FUNCTION caredata.log_rule_change(text, text, text, text, text, caredata.objection_rule) FROM PUBLIC;
COMMENT ON FUNCTION caredata.log_rule_change(text, text, text, text, text, caredata.objection_rule) IS
	'Puts down a change of the rules: what stood before, and what stands now';

CREATE FUNCTION caredata.set_objection_rule(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text, applies boolean, citation text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	old_rule  caredata.objection_rule;
BEGIN
	PERFORM caredata.lock_visible_sets();

	IF set_objection_rule.applies IS NULL
	   OR coalesce(btrim(set_objection_rule.citation), '') = '' THEN
		RAISE EXCEPTION 'a rule needs an answer and a citation'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'Cite the policy, direction or decision that the rule rests on.';
	END IF;

	old_rule := caredata.exact_objection_rule(kind, setting, identifiability, legal_basis, exemption);
	DELETE FROM caredata.objection_rule r
	 WHERE r.origin = 'local'
	   AND r.kind = set_objection_rule.kind
	   AND r.setting IS NOT DISTINCT FROM set_objection_rule.setting
	   AND r.identifiability IS NOT DISTINCT FROM set_objection_rule.identifiability
	   AND r.legal_basis IS NOT DISTINCT FROM set_objection_rule.legal_basis
	   AND r.exemption IS NOT DISTINCT FROM set_objection_rule.exemption;

	INSERT INTO caredata.objection_rule
		(kind, setting, identifiability, legal_basis, exemption, origin, applies, citation)
	VALUES (set_objection_rule.kind, set_objection_rule.setting,
			set_objection_rule.identifiability, set_objection_rule.legal_basis,
			set_objection_rule.exemption, 'local', set_objection_rule.applies,
			btrim(set_objection_rule.citation));

	PERFORM caredata.log_rule_change(kind, setting, identifiability, legal_basis, exemption, old_rule);
	PERFORM caredata.refresh_visible_sets();
END
$$;
REVOKE ALL ON FUNCTION caredata.set_objection_rule(text, text, text, text, text, boolean, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_objection_rule(text, text, text, text, text, boolean, text) IS
	'Sets the local rule for exactly these arguments (NULL: any) and rebuilds the visible sets in the same transaction';

CREATE FUNCTION caredata.remove_objection_rule(
	kind text, setting text, identifiability text, legal_basis text,
	exemption text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	old_rule  caredata.objection_rule :=
		caredata.exact_objection_rule(kind, setting, identifiability, legal_basis, exemption);
BEGIN
	PERFORM caredata.lock_visible_sets();

	DELETE FROM caredata.objection_rule r
	 WHERE r.origin = 'local'
	   AND r.kind = remove_objection_rule.kind
	   AND r.setting IS NOT DISTINCT FROM remove_objection_rule.setting
	   AND r.identifiability IS NOT DISTINCT FROM remove_objection_rule.identifiability
	   AND r.legal_basis IS NOT DISTINCT FROM remove_objection_rule.legal_basis
	   AND r.exemption IS NOT DISTINCT FROM remove_objection_rule.exemption;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no such local rule'
			USING ERRCODE = 'no_data_found',
				  HINT = 'Shipped rules cannot be removed; set a local rule that overrides one.';
	END IF;

	PERFORM caredata.log_rule_change(kind, setting, identifiability, legal_basis, exemption, old_rule);
	PERFORM caredata.refresh_visible_sets();
END
$$;
REVOKE ALL ON FUNCTION caredata.remove_objection_rule(text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.remove_objection_rule(text, text, text, text, text) IS
	'Removes a local rule, so that the shipped ones hold again, and rebuilds the visible sets in the same transaction';

CREATE FUNCTION caredata.objection_rule_history()
RETURNS TABLE (version integer, changed_at timestamptz, changed_by name[],
			   kind text, setting text, identifiability text, legal_basis text,
			   exemption text, old_applies boolean, old_citation text,
			   new_applies boolean, new_citation text)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.change_id, c.changed_at, c.changed_by, c.kind, c.setting,
		   c.identifiability, c.legal_basis, c.exemption, c.old_applies,
		   c.old_citation, c.new_applies, c.new_citation
	  FROM caredata.objection_rule_change c
	 ORDER BY c.change_id;
END;
REVOKE ALL ON FUNCTION caredata.objection_rule_history() FROM PUBLIC;
COMMENT ON FUNCTION caredata.objection_rule_history() IS
	'Every change of the objection rules: when, by whom, and what held before and after for exactly these arguments; NULL where no rule stood';

-- A new kind applies to everything, so adding one changes the rules.
CREATE FUNCTION caredata.define_objection_kind(
	kind text, title text, description text, citation text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
	PERFORM caredata.lock_visible_sets();
	INSERT INTO caredata.objection_kind (kind, title, description, citation)
	VALUES (define_objection_kind.kind, define_objection_kind.title,
			define_objection_kind.description, define_objection_kind.citation);
	INSERT INTO caredata.objection_rule_change (changed_by, kind, new_applies, new_citation)
	VALUES (caredata.requester(), define_objection_kind.kind, true, define_objection_kind.citation);
	PERFORM caredata.refresh_visible_sets();
END
$$;
REVOKE ALL ON FUNCTION caredata.define_objection_kind(text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.define_objection_kind(text, text, text, text) IS
	'Adds a kind of objection; until a rule says otherwise it applies to everything';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.objection_rule_history()'),
	('caredata_guardian', 'caredata.objection_applies(text,text,text,text,text)'),
	('caredata_guardian', 'caredata.set_objection_rule(text,text,text,text,text,boolean,text)'),
	('caredata_guardian', 'caredata.remove_objection_rule(text,text,text,text,text)'),
	('caredata_guardian', 'caredata.define_objection_kind(text,text,text,text)'),
	('caredata_auditor',  'caredata.objection_rule_history()'),
	('caredata_auditor',  'caredata.objection_applies(text,text,text,text,text)');
