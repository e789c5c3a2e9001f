-- ---------------------------------------------------------------------------
-- Objections: which kinds there are, which coded GP entries mean one, to what
-- each applies, and the registry by NHS number.
--
-- What a person has objected to is in schema care_identity, which
-- create_care_database() makes. Here are the lists and rules, which are data
-- that a guardian can read and change, and the functions that record.
-- ---------------------------------------------------------------------------

-- --- Lists ------------------------------------------------------------------

CREATE TABLE caredata.objection_kind (
	kind         text PRIMARY KEY CHECK (kind <> '' AND kind = lower(kind) AND kind !~ '[: -]'),
	title        text NOT NULL,
	description  text NOT NULL,
	citation     text NOT NULL,
	shipped      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.objection_kind IS
	'Kinds of objection; a person objects to each kind, and withdraws from it, separately';
COMMENT ON COLUMN caredata.objection_kind.shipped IS
	'Came with the extension; rows added here later travel in a dump';

INSERT INTO caredata.objection_kind (kind, title, description, citation, shipped) VALUES
	('type1', 'Type 1 objection',
	 'Dissent, coded in the GP record, from identifiable data leaving the practice for anything but direct care',
	 'Department of Health, patient objections to care.data; GP codes 9Nu0. / XaZ89 / 827241000000103', true),
	('type2', 'Type 2 objection',
	 'Dissent, coded in the GP record until 11 October 2018, from the national body disclosing personal confidential data; each was converted into a national data opt-out',
	 'Patient Objections (Type 2) Directions, in force 29 April 2016; GP codes 9Nu4. / XaaVL / 881561000000100', true),
	('national', 'National data opt-out',
	 'Opt-out of the use of confidential patient information for research and planning, held nationally against the NHS number since 25 May 2018',
	 'National data opt-out, operational policy guidance document', true),
	('local', 'Local objection',
	 'Objection made to this data controller, to any use but direct care',
	 'UK GDPR article 21, right to object', true),
	('purpose', 'A person''s own list of purposes',
	 'Objection to the purposes that the person names, each of them recorded and withdrawn by itself; it stops releases of that purpose, and releases that name none',
	 'UK GDPR article 21, right to object', true),
	('restricted', 'Restricted or withheld identity',
	 'Not an objection of the person: a record that the national demographics service flags as sensitive, or that the law or the Caldicott Guardian withholds. In a release such a person looks absent, not masked',
	 'NHS Data Dictionary, withheld identity reason; national demographics service, restricted patients', true);

CREATE TABLE caredata.purpose (
	code      text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]*$'),
	title     text NOT NULL,
	citation  text NOT NULL,
	shipped   boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.purpose IS
	'Purposes that a person can object to one by one, and that a release can name';

INSERT INTO caredata.purpose (code, title, citation, shipped) VALUES
	('commissioning', 'Planning and buying of health and care services',
	 'standard data sharing agreements of commissioners', true),
	('invoice_validation', 'Checking invoices for the care of a person',
	 'standard data sharing agreements of commissioners; CAG 7-07(a-c)/2013', true),
	('risk_stratification', 'Finding people at risk, for those who care for them',
	 'standard data sharing agreements of commissioners; to be confirmed with the section 251 register', true),
	('service_evaluation', 'Audit and evaluation of services beyond the care team',
	 'to be confirmed with the data controller', true),
	('public_health', 'Protecting and improving the health of the population',
	 'Control of Patient Information Regulations 2002, regulation 3', true),
	('research', 'Scientific research',
	 'UK GDPR article 9(2)(j)', true),
	('commercial', 'Any use by or for an organisation that sells its results',
	 'to be confirmed with the data controller', true);

CREATE TABLE caredata.objection_code (
	scheme       text NOT NULL CHECK (scheme IN ('readv2', 'ctv3', 'snomed')),
	code         text COLLATE "C" NOT NULL CHECK (code <> ''),
	kind         text NOT NULL REFERENCES caredata.objection_kind,
	meaning      text NOT NULL CHECK (meaning IN ('dissent', 'withdrawn')),
	source       text NOT NULL,
	shipped      boolean NOT NULL DEFAULT false,
	PRIMARY KEY (scheme, code)
);
COMMENT ON TABLE caredata.objection_code IS
	'GP codes that record an objection or its withdrawal; such entries are kept out of the care tables';
COMMENT ON COLUMN caredata.objection_code.code IS
	'Case matters in Read v2 and CTV3; Read v2 codes have five characters, the trailing dot included';
COMMENT ON COLUMN caredata.objection_code.source IS
	'Where the meaning of the code was taken from, and what is still to be confirmed';

INSERT INTO caredata.objection_code (scheme, code, kind, meaning, source, shipped) VALUES
	('readv2', '9Nu0.',           'type1', 'dissent',   'published GP guidance on Type 1 objection codes', true),
	('ctv3',   'XaZ89',           'type1', 'dissent',   'published GP guidance on Type 1 objection codes', true),
	('snomed', '827241000000103', 'type1', 'dissent',   'published GP guidance on Type 1 objection codes', true),
	('readv2', '9Nu1.',           'type1', 'withdrawn', 'to be confirmed in the code release before use', true),
	('ctv3',   'XaZ8A',           'type1', 'withdrawn', 'to be confirmed in the code release before use', true),
	('snomed', '827261000000102', 'type1', 'withdrawn', 'to be confirmed in the code release before use', true),
	('readv2', '9Nu4.',           'type2', 'dissent',   'published GP guidance on Type 2 objection codes', true),
	('ctv3',   'XaaVL',           'type2', 'dissent',   'published GP guidance on Type 2 objection codes', true),
	('snomed', '881561000000100', 'type2', 'dissent',   'published GP guidance on Type 2 objection codes', true),
	('readv2', '9Nu5.',           'type2', 'withdrawn', 'to be confirmed in the code release before use', true),
	('ctv3',   'XaaVM',           'type2', 'withdrawn', 'to be confirmed in the code release before use', true),
	('snomed', '881581000000109', 'type2', 'withdrawn', 'to be confirmed in the code release before use', true);

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

-- --- Rules ------------------------------------------------------------------

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
SELECT pg_catalog.pg_extension_config_dump('caredata.purpose', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_kind', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_code', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.legal_basis', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.exemption', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_rule', $$WHERE origin = 'local'$$);

CREATE FUNCTION caredata.today() RETURNS date
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_today';
COMMENT ON FUNCTION caredata.today() IS
	'Today in the server''s time zone (log_timezone); unlike current_date, no session can move it';

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

-- --- Who objects ------------------------------------------------------------
-- These three are the one place where it is decided. as_of lets history be
-- asked; visible sets are always built as of today.

CREATE FUNCTION caredata.coded_objections(
	as_of date, persons integer[] DEFAULT NULL)
RETURNS TABLE (person_id integer, kind text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
	-- The latest code of a kind decides; on the same day dissent wins. A
	-- dissent without a date holds from the beginning, a withdrawal without a
	-- date withdraws nothing. What lies in the future does not count yet.
	RETURN QUERY
	SELECT c.person_id, c.kind
	  FROM care_identity.coded_objection c
	 WHERE (coded_objections.persons IS NULL OR c.person_id = ANY (coded_objections.persons))
	   AND (c.event_date IS NULL OR c.event_date <= coded_objections.as_of)
	 GROUP BY c.person_id, c.kind
	HAVING max(coalesce(c.event_date, '-infinity')) FILTER (WHERE c.meaning = 'dissent')
		   >= coalesce(max(c.event_date) FILTER (WHERE c.meaning = 'withdrawn'), '-infinity');
END
$$;
REVOKE ALL ON FUNCTION caredata.coded_objections(date, integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.coded_objections(date, integer[]) IS
	'Persons whose GP record dissents on that date, by kind: the latest code wins, a tie is dissent (derivation 1)';

-- A visible set of a release that names its purpose rests on objections to that
-- purpose; one of a release that names none rests on all of them.
CREATE FUNCTION caredata.set_kinds(kind text, purpose text) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN purpose IS NULL THEN ARRAY[kind]
				ELSE ARRAY[kind, kind || ':' || purpose] END;
REVOKE ALL ON FUNCTION caredata.set_kinds(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_kinds(text, text) IS
	'Names under which visible sets know an objection: its kind, and kind:purpose if it names a purpose';

CREATE FUNCTION caredata.person_objections(
	kinds text[], as_of date, persons integer[] DEFAULT NULL)
RETURNS TABLE (person_id integer, kind text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT i.person_id, k.kind
	  FROM care_identity.objection o
	 CROSS JOIN LATERAL unnest(caredata.set_kinds(o.kind, o.purpose)) AS k (kind)
	  JOIN care_identity.identity i ON i.nhs_number OPERATOR(caredata.=) o.nhs_number
	 WHERE k.kind = ANY (person_objections.kinds)
	   AND o.effective_from <= person_objections.as_of
	   AND (o.withdrawn_from IS NULL OR o.withdrawn_from > person_objections.as_of)
	   AND (person_objections.persons IS NULL OR i.person_id = ANY (person_objections.persons));

	RETURN QUERY
	SELECT c.person_id, c.kind
	  FROM caredata.coded_objections(person_objections.as_of, person_objections.persons) c
	 WHERE c.kind = ANY (person_objections.kinds);

	-- the returned list is an allow-list: every number must be on it
	IF 'national' = ANY (person_objections.kinds) THEN
		RETURN QUERY
		SELECT i.person_id, 'national'::text
		  FROM care_identity.identity i
		  LEFT JOIN care_identity.national_check n ON n.nhs_number OPERATOR(caredata.=) i.nhs_number
		 WHERE i.nhs_number IS NOT NULL
		   AND n.allowed IS NOT TRUE
		   AND (person_objections.persons IS NULL OR i.person_id = ANY (person_objections.persons));
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.person_objections(text[], date, integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.person_objections(text[], date, integer[]) IS
	'Persons with an objection of these kinds in force on that date, from the registry, the GP record and the national list; a person can come more than once. Kinds are as in visible sets: purpose:research is an objection to that purpose, purpose one to any';

CREATE FUNCTION caredata.next_objections(kinds text[], as_of date)
RETURNS TABLE (kind text, effective_from date)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT n.kind, min(n.starts)
	  FROM (SELECT k.kind, o.effective_from AS starts
			  FROM care_identity.objection o
			 CROSS JOIN LATERAL unnest(caredata.set_kinds(o.kind, o.purpose)) AS k (kind)
			 WHERE o.effective_from > next_objections.as_of
			   AND (o.withdrawn_from IS NULL OR o.withdrawn_from > o.effective_from)
			   AND EXISTS (SELECT FROM care_identity.identity i
							WHERE i.nhs_number OPERATOR(caredata.=) o.nhs_number)
			UNION ALL
			SELECT c.kind, c.event_date
			  FROM care_identity.coded_objection c
			 WHERE c.event_date > next_objections.as_of
			   AND c.meaning = 'dissent') n
	 WHERE n.kind = ANY (next_objections.kinds)
	 GROUP BY n.kind;
END
$$;
REVOKE ALL ON FUNCTION caredata.next_objections(text[], date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.next_objections(text[], date) IS
	'For each kind, the first date after the given one on which a recorded objection of a person in the database comes into force';

-- --- The registry -----------------------------------------------------------

CREATE FUNCTION caredata.check_objection(
	kind text, purpose text, proxy text, withdrawal boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM caredata.objection_kind k WHERE k.kind = check_objection.kind) THEN
		RAISE EXCEPTION 'unrecognized kind of objection'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('The kinds are %s.',
								(SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM caredata.objection_kind k));
	END IF;
	IF check_objection.purpose IS NOT NULL
	   AND (check_objection.kind <> 'purpose'
			OR NOT EXISTS (SELECT FROM caredata.purpose p WHERE p.code = check_objection.purpose)) THEN
		RAISE EXCEPTION 'purpose of the objection is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('An objection of kind purpose names one of: %s. Other kinds name none.',
								(SELECT string_agg(p.code, ', ' ORDER BY p.code) FROM caredata.purpose p));
	END IF;
	IF check_objection.kind = 'purpose' AND check_objection.purpose IS NULL
	   AND NOT check_objection.withdrawal THEN
		RAISE EXCEPTION 'an objection of kind purpose has to name the purpose'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'One objection for each purpose; an objection to all of them is of kind local.';
	END IF;
	IF check_objection.proxy NOT IN ('parent', 'guardian', 'attorney', 'deputy', 'other') THEN
		RAISE EXCEPTION 'capacity of the proxy is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is one of: parent, guardian, attorney, deputy, other; NULL if the person spoke.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_objection(text, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_objection(text, text, text, boolean) IS
	'Raises unless kind, purpose and proxy of an objection, or of its withdrawal, are on their lists and fit';

CREATE FUNCTION caredata.required_nhs_number(nhs_number text) RETURNS caredata.nhs_number
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number  caredata.nhs_number := caredata.try_nhs_number(required_nhs_number.nhs_number);
BEGIN
	IF number IS NULL THEN
		RAISE EXCEPTION 'the NHS number is not valid'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Ten digits with a right check digit; spaces and hyphens do not matter.';
	END IF;
	RETURN number;
END
$$;
REVOKE ALL ON FUNCTION caredata.required_nhs_number(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.required_nhs_number(text) IS
	'The NHS number in a text; an error that does not repeat it if it is not valid';

CREATE FUNCTION caredata.persons_of(number caredata.nhs_number) RETURNS integer[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN ARRAY(SELECT DISTINCT i.person_id FROM care_identity.identity i
				  WHERE i.nhs_number OPERATOR(caredata.=) number ORDER BY 1);
END
$$;
REVOKE ALL ON FUNCTION caredata.persons_of(caredata.nhs_number) FROM PUBLIC;
COMMENT ON FUNCTION caredata.persons_of(caredata.nhs_number) IS
	'Persons with this NHS number; none if it is not in the database yet';

CREATE FUNCTION caredata.record_objection(
	nhs_number text, kind text, effective_from date DEFAULT caredata.today(),
	source text DEFAULT 'patient', reference text DEFAULT NULL,
	purpose text DEFAULT NULL, proxy text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	number     caredata.nhs_number := caredata.required_nhs_number(record_objection.nhs_number);
	objection  bigint;
BEGIN
	IF record_objection.effective_from IS NULL OR NOT isfinite(record_objection.effective_from) THEN
		RAISE EXCEPTION 'an objection needs a date from which it is in force'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM caredata.check_objection(kind, purpose, proxy);

	PERFORM caredata.lock_visible_sets();

	-- said before and in force at least as long: nothing to add
	SELECT o.objection_id
	  INTO objection
	  FROM care_identity.objection o
	 WHERE o.nhs_number OPERATOR(caredata.=) number
	   AND o.kind = record_objection.kind
	   AND o.purpose IS NOT DISTINCT FROM record_objection.purpose
	   AND o.effective_from <= record_objection.effective_from
	   AND o.withdrawn_from IS NULL
	 ORDER BY o.objection_id
	 LIMIT 1;
	IF FOUND THEN
		RETURN objection;
	END IF;

	INSERT INTO care_identity.objection
		(nhs_number, kind, purpose, effective_from, recorded_at, recorded_by,
		 source, reference, proxy)
	VALUES (number, record_objection.kind, record_objection.purpose,
			record_objection.effective_from, now(), session_user,
			record_objection.source, record_objection.reference, record_objection.proxy)
	RETURNING objection_id INTO objection;

	PERFORM caredata.refresh_person_visibility(caredata.persons_of(number));
	RETURN objection;
END
$$;
REVOKE ALL ON FUNCTION caredata.record_objection(text, text, date, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_objection(text, text, date, text, text, text, text) IS
	'Records an objection and puts it into force in this transaction; one of a person not yet in the database waits for them. proxy says in which capacity somebody spoke for the person. Pass the NHS number as a parameter, so that it does not reach the server log';

CREATE FUNCTION caredata.withdraw_objection(
	nhs_number text, kind text, withdrawn_from date DEFAULT caredata.today(),
	purpose text DEFAULT NULL, source text DEFAULT 'patient', proxy text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	number     caredata.nhs_number := caredata.required_nhs_number(withdraw_objection.nhs_number);
	withdrawn  integer;
BEGIN
	IF withdraw_objection.withdrawn_from IS NULL OR NOT isfinite(withdraw_objection.withdrawn_from) THEN
		RAISE EXCEPTION 'a withdrawal needs a date from which it holds'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM caredata.check_objection(kind, purpose, proxy, withdrawal => true);

	PERFORM caredata.lock_visible_sets();

	UPDATE care_identity.objection o
	   SET withdrawn_from = withdraw_objection.withdrawn_from,
		   withdrawn_at = now(),
		   withdrawn_by = session_user,
		   withdrawn_source = withdraw_objection.source,
		   withdrawn_proxy = withdraw_objection.proxy
	 WHERE o.nhs_number OPERATOR(caredata.=) number
	   AND o.kind = withdraw_objection.kind
	   AND (withdraw_objection.purpose IS NULL OR o.purpose = withdraw_objection.purpose)
	   AND o.withdrawn_from IS NULL;
	GET DIAGNOSTICS withdrawn = ROW_COUNT;
	IF withdrawn = 0 THEN
		RAISE EXCEPTION 'no objection of this kind is registered for this NHS number'
			USING ERRCODE = 'no_data_found',
				  HINT = 'A withdrawal reaches only its own kind. One that comes from the GP record or the national list is withdrawn there.';
	END IF;

	PERFORM caredata.refresh_person_visibility(caredata.persons_of(number));
	RETURN withdrawn;
END
$$;
REVOKE ALL ON FUNCTION caredata.withdraw_objection(text, text, date, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.withdraw_objection(text, text, date, text, text, text) IS
	'Withdraws the registered objections of one kind from a date on, in this transaction, and returns how many; other kinds stay. Of kind purpose, one purpose or, without one, all';

CREATE FUNCTION caredata.set_purpose_objections(
	nhs_number text, purposes text[], source text DEFAULT 'patient',
	reference text DEFAULT NULL, proxy text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	number    caredata.nhs_number := caredata.required_nhs_number(set_purpose_objections.nhs_number);
	objected  text;
BEGIN
	IF set_purpose_objections.purposes IS NULL OR array_position(set_purpose_objections.purposes, NULL) IS NOT NULL THEN
		RAISE EXCEPTION 'list of purposes is missing or has an empty place'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'An empty list withdraws all.';
	END IF;
	PERFORM caredata.lock_visible_sets();

	FOREACH objected IN ARRAY set_purpose_objections.purposes LOOP
		PERFORM caredata.record_objection(set_purpose_objections.nhs_number, 'purpose',
			source => set_purpose_objections.source, reference => set_purpose_objections.reference,
			purpose => objected, proxy => set_purpose_objections.proxy);
	END LOOP;
	FOR objected IN
		SELECT DISTINCT o.purpose
		  FROM care_identity.objection o
		 WHERE o.nhs_number OPERATOR(caredata.=) number
		   AND o.kind = 'purpose' AND o.withdrawn_from IS NULL
		   AND o.purpose <> ALL (set_purpose_objections.purposes)
		 ORDER BY 1
	LOOP
		PERFORM caredata.withdraw_objection(set_purpose_objections.nhs_number, 'purpose',
			purpose => objected, source => set_purpose_objections.source,
			proxy => set_purpose_objections.proxy);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.set_purpose_objections(text, text[], text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_purpose_objections(text, text[], text, text, text) IS
	'Makes this a person''s list of purposes they object to: records what is new, withdraws what is left out, in one transaction';

CREATE FUNCTION caredata.objection_history(nhs_number text)
RETURNS TABLE (origin text, kind text, purpose text, meaning text,
			   effective_from date, recorded_at timestamptz, recorded_by name,
			   source text, reference text, proxy text, withdrawn_from date,
			   withdrawn_at timestamptz, withdrawn_by name,
			   withdrawn_source text, withdrawn_proxy text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	number  caredata.nhs_number := caredata.required_nhs_number(objection_history.nhs_number);
BEGIN
	RETURN QUERY
	SELECT 'registry', o.kind, o.purpose, 'dissent', o.effective_from,
		   o.recorded_at, o.recorded_by, o.source, o.reference, o.proxy,
		   o.withdrawn_from, o.withdrawn_at, o.withdrawn_by,
		   o.withdrawn_source, o.withdrawn_proxy
	  FROM care_identity.objection o
	 WHERE o.nhs_number OPERATOR(caredata.=) number
	 ORDER BY o.objection_id;

	RETURN QUERY
	SELECT 'GP record', c.kind, NULL::text, c.meaning, c.event_date,
		   r.finished_at, r.loaded_by, 'load ' || c.load_id,
		   NULL::text, NULL::text, NULL::date, NULL::timestamptz, NULL::name,
		   NULL::text, NULL::text
	  FROM care_identity.coded_objection c
	  LEFT JOIN caredata.load_run r ON r.load_id = c.load_id
	 WHERE c.person_id = ANY (caredata.persons_of(number))
	 ORDER BY c.event_date NULLS FIRST, c.kind, c.meaning;

	RETURN QUERY
	SELECT 'national list', 'national', NULL::text,
		   CASE WHEN n.allowed THEN 'on the list' ELSE 'not on the list' END,
		   NULL::date, n.checked_at, NULL::name, NULL::text, NULL::text, NULL::text,
		   NULL::date, NULL::timestamptz, NULL::name, NULL::text, NULL::text
	  FROM care_identity.national_check n
	 WHERE n.nhs_number OPERATOR(caredata.=) number;
END
$$;
REVOKE ALL ON FUNCTION caredata.objection_history(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.objection_history(text) IS
	'All that was ever recorded of the objections of an NHS number, also of a person not in the database: registry, GP codes, and the national list in force';

CREATE FUNCTION caredata.objections_on(nhs_number text, as_of date DEFAULT caredata.today())
RETURNS TABLE (kind text, purpose text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	number  caredata.nhs_number := caredata.required_nhs_number(objections_on.nhs_number);
BEGIN
	RETURN QUERY
	SELECT o.kind, o.purpose
	  FROM care_identity.objection o
	 WHERE o.nhs_number OPERATOR(caredata.=) number
	   AND o.effective_from <= objections_on.as_of
	   AND (o.withdrawn_from IS NULL OR o.withdrawn_from > objections_on.as_of)
	 UNION
	SELECT c.kind, NULL::text
	  FROM caredata.coded_objections(objections_on.as_of, caredata.persons_of(number)) c
	 UNION
	SELECT 'national', NULL::text
	  FROM care_identity.national_check n
	 WHERE n.nhs_number OPERATOR(caredata.=) number
	   AND NOT n.allowed AND (n.checked_at AT TIME ZONE current_setting('log_timezone'))::date <= objections_on.as_of
	 ORDER BY 1, 2;
END
$$;
REVOKE ALL ON FUNCTION caredata.objections_on(text, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.objections_on(text, date) IS
	'Objections of an NHS number in force on a day: registry, GP codes, and the national list in force if it is not younger';

CREATE FUNCTION caredata.objection_summary()
RETURNS TABLE (kind text, in_force bigint, future bigint, waiting bigint, undated bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	today  date := caredata.today();
BEGIN
	RETURN QUERY
	SELECT k.kind,
		   (SELECT count(DISTINCT p.person_id)
			  FROM caredata.person_objections(ARRAY[k.kind], today) p),
		   (SELECT count(*) FROM care_identity.objection o
			 WHERE o.kind = k.kind AND o.effective_from > today
			   AND (o.withdrawn_from IS NULL OR o.withdrawn_from > o.effective_from))
		   + (SELECT count(*) FROM care_identity.coded_objection c
			   WHERE c.kind = k.kind AND c.event_date > today),
		   (SELECT count(DISTINCT o.nhs_number) FROM care_identity.objection o
			 WHERE o.kind = k.kind
			   AND (o.withdrawn_from IS NULL OR o.withdrawn_from > today)
			   AND NOT EXISTS (SELECT FROM care_identity.identity i
								WHERE i.nhs_number OPERATOR(caredata.=) o.nhs_number)),
		   (SELECT count(*) FROM care_identity.coded_objection c
			 WHERE c.kind = k.kind AND c.event_date IS NULL)
	  FROM caredata.objection_kind k
	 ORDER BY k.kind;
END
$$;
REVOKE ALL ON FUNCTION caredata.objection_summary() FROM PUBLIC;
COMMENT ON FUNCTION caredata.objection_summary() IS
	'Per kind: persons with an objection in force, entries dated in the future, NHS numbers not in the database yet, GP entries without a date';

-- --- The national list ------------------------------------------------------

CREATE TABLE caredata.national_list (
	list_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	requested_at  timestamptz NOT NULL,
	imported_at   timestamptz NOT NULL,
	imported_by   name NOT NULL,
	numbers       bigint NOT NULL,
	allowed       bigint NOT NULL,
	unknown       bigint NOT NULL
);
COMMENT ON TABLE caredata.national_list IS
	'Imports of the cleaned national data opt-out list; the newest one is in force';
COMMENT ON COLUMN caredata.national_list.requested_at IS
	'When the numbers were sent for checking; the age of the list counts from here';
COMMENT ON COLUMN caredata.national_list.numbers IS
	'NHS numbers in the database at the import; those not on the list are withheld';
COMMENT ON COLUMN caredata.national_list.unknown IS
	'Numbers on the list that the database does not hold; ignored';
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list_list_id_seq', '');

CREATE FUNCTION caredata.national_list_request() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT DISTINCT i.nhs_number::text || ','
	  FROM care_identity.identity i
	 WHERE i.nhs_number IS NOT NULL
	 ORDER BY 1;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_request() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_request() IS
	'Lines of the file to send to the national check: every NHS number in the database, a comma after each';

CREATE FUNCTION caredata.import_national_list(
	requested_at timestamptz, max_withheld_percent numeric DEFAULT 20)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	broken      bigint;
	on_list     bigint;
	known       bigint;
	numbers     bigint;
	latest      timestamptz;
	list        integer;
BEGIN
	PERFORM caredata.lock_visible_sets();
	LOCK TABLE care_landing.national_list IN ACCESS EXCLUSIVE MODE;

	SELECT max(l.requested_at) INTO latest FROM caredata.national_list l;
	IF import_national_list.requested_at IS NULL
	   OR import_national_list.requested_at > clock_timestamp()
	   OR NOT isfinite(import_national_list.requested_at) THEN
		RAISE EXCEPTION 'the time of the request must be known and past'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the time at which the numbers were sent; the age of the list counts from it.';
	END IF;
	IF import_national_list.requested_at < latest THEN
		RAISE EXCEPTION 'a newer national list is in force'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'An older list would let persons be seen who have opted out since.';
	END IF;

	SELECT count(*) FILTER (WHERE l.typed IS NULL), count(DISTINCT l.typed)
	  INTO broken, on_list
	  FROM (SELECT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
			  FROM care_landing.national_list n) l;
	IF on_list = 0 THEN
		RAISE EXCEPTION 'the national list is empty'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'COPY the returned file into care_landing.national_list first.';
	END IF;
	IF broken > 0 THEN
		RAISE EXCEPTION 'the national list has % lines without a valid NHS number', broken
			USING ERRCODE = 'invalid_text_representation',
				  HINT = 'The file is damaged or another one; nothing was imported.';
	END IF;

	DELETE FROM care_identity.national_check;
	INSERT INTO care_identity.national_check (nhs_number, allowed, checked_at)
	SELECT i.nhs_number, l.typed IS NOT NULL, import_national_list.requested_at
	  FROM (SELECT DISTINCT nhs_number FROM care_identity.identity
			 WHERE nhs_number IS NOT NULL) i
	  LEFT JOIN (SELECT DISTINCT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
				   FROM care_landing.national_list n) l
		ON l.typed OPERATOR(caredata.=) i.nhs_number;

	SELECT count(*), count(*) FILTER (WHERE c.allowed)
	  INTO numbers, known
	  FROM care_identity.national_check c;
	IF (numbers - known) * 100 > numbers * import_national_list.max_withheld_percent THEN
		RAISE EXCEPTION 'the national list would withhold % of % NHS numbers', numbers - known, numbers
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'More than max_withheld_percent: the file may be cut short, or another one. If it is right, raise the limit.';
	END IF;

	INSERT INTO caredata.national_list AS l
		(requested_at, imported_at, imported_by, numbers, allowed, unknown)
	VALUES (import_national_list.requested_at, now(), session_user,
			numbers, known, on_list - known)
	RETURNING l.list_id INTO list;

	TRUNCATE care_landing.national_list;
	PERFORM caredata.refresh_visible_sets();
	RETURN list;
END
$$;
REVOKE ALL ON FUNCTION caredata.import_national_list(timestamptz, numeric) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_national_list(timestamptz, numeric) IS
	'Puts the cleaned list in care_landing.national_list into force: a number that is not on it is withheld. Refuses an empty, damaged or older list, and one that withholds more than max_withheld_percent of the numbers';

CREATE FUNCTION caredata.national_list_status()
RETURNS TABLE (requested_at timestamptz, imported_at timestamptz, age interval,
			   max_age interval, fresh boolean, numbers bigint, withheld bigint,
			   not_checked bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT l.requested_at, l.imported_at, now() - l.requested_at,
		   current_setting('caredata.national_list_max_age')::interval,
		   now() - l.requested_at <= current_setting('caredata.national_list_max_age')::interval,
		   l.numbers, l.numbers - l.allowed,
		   (SELECT count(DISTINCT i.nhs_number)
			  FROM care_identity.identity i
			 WHERE NOT EXISTS (SELECT FROM care_identity.national_check c
								WHERE c.nhs_number OPERATOR(caredata.=) i.nhs_number))
	  FROM caredata.national_list l
	 ORDER BY l.requested_at DESC, l.list_id DESC
	 LIMIT 1;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_status() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_status() IS
	'The national list in force: its age against the limit, numbers withheld, and numbers that have come since and are withheld until the next list; no row before the first list';

-- --- Additions --------------------------------------------------------------

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

CREATE FUNCTION caredata.define_objection_code(
	scheme text, code text, kind text, meaning text, source text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO caredata.objection_code (scheme, code, kind, meaning, source)
	VALUES (define_objection_code.scheme, define_objection_code.code,
			define_objection_code.kind, define_objection_code.meaning,
			define_objection_code.source);
END
$$;
REVOKE ALL ON FUNCTION caredata.define_objection_code(text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.define_objection_code(text, text, text, text, text) IS
	'Adds a GP code that records an objection or its withdrawal; it counts in records loaded from now on';

CREATE FUNCTION caredata.define_purpose(code text, title text, citation text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO caredata.purpose (code, title, citation)
	VALUES (define_purpose.code, define_purpose.title, define_purpose.citation);
END
$$;
REVOKE ALL ON FUNCTION caredata.define_purpose(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.define_purpose(text, text, text) IS
	'Adds a purpose that persons can object to and releases can name';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.record_objection(text,text,date,text,text,text,text)'),
	('caredata_guardian', 'caredata.withdraw_objection(text,text,date,text,text,text)'),
	('caredata_guardian', 'caredata.set_purpose_objections(text,text[],text,text,text)'),
	('caredata_guardian', 'caredata.objection_history(text)'),
	('caredata_guardian', 'caredata.objections_on(text,date)'),
	('caredata_guardian', 'caredata.objection_rule_history()'),
	('caredata_guardian', 'caredata.define_purpose(text,text,text)'),
	('caredata_guardian', 'caredata.objection_summary()'),
	('caredata_guardian', 'caredata.objection_applies(text,text,text,text,text)'),
	('caredata_guardian', 'caredata.set_objection_rule(text,text,text,text,text,boolean,text)'),
	('caredata_guardian', 'caredata.remove_objection_rule(text,text,text,text,text)'),
	('caredata_guardian', 'caredata.define_objection_kind(text,text,text,text)'),
	('caredata_guardian', 'caredata.define_objection_code(text,text,text,text,text)'),
	('caredata_guardian', 'caredata.national_list_status()'),
	('caredata_loader',   'caredata.import_national_list(timestamp with time zone,numeric)'),
	('caredata_loader',   'caredata.national_list_status()'),
	('caredata_linker',   'caredata.record_objection(text,text,date,text,text,text,text)'),
	('caredata_linker',   'caredata.withdraw_objection(text,text,date,text,text,text)'),
	('caredata_linker',   'caredata.set_purpose_objections(text,text[],text,text,text)'),
	('caredata_linker',   'caredata.national_list_request()'),
	('caredata_linker',   'caredata.import_national_list(timestamp with time zone,numeric)'),
	('caredata_linker',   'caredata.national_list_status()'),
	('caredata_auditor',  'caredata.objection_summary()'),
	('caredata_auditor',  'caredata.objection_rule_history()'),
	('caredata_auditor',  'caredata.objection_applies(text,text,text,text,text)'),
	('caredata_auditor',  'caredata.national_list_status()');

