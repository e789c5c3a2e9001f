-- ---------------------------------------------------------------------------
-- Objections: which kinds there are, which coded GP entries mean one, who
-- objects, and the registry by NHS number.
--
-- What a person has objected to is in schema care_identity, which
-- create_care_database() makes. Here are the lists, which are data, and the
-- functions that record and that decide who objects on a day. To what an
-- objection applies is in objection_rule.sql, how the national list is asked
-- for and imported in national_list.sql.
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

SELECT pg_catalog.pg_extension_config_dump('caredata.purpose', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_kind', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('caredata.objection_code', 'WHERE NOT shipped');

CREATE FUNCTION caredata.today() RETURNS date
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_today';
COMMENT ON FUNCTION caredata.today() IS
	'Today in the server''s time zone (log_timezone); unlike current_date, no session can move it';

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

-- --- Additions --------------------------------------------------------------

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
	('caredata_guardian', 'caredata.define_purpose(text,text,text)'),
	('caredata_guardian', 'caredata.objection_summary()'),
	('caredata_guardian', 'caredata.define_objection_code(text,text,text,text,text)'),
	('caredata_linker',   'caredata.record_objection(text,text,date,text,text,text,text)'),
	('caredata_linker',   'caredata.withdraw_objection(text,text,date,text,text,text)'),
	('caredata_linker',   'caredata.set_purpose_objections(text,text[],text,text,text)'),
	('caredata_auditor',  'caredata.objection_summary()');
