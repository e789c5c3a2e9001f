-- ---------------------------------------------------------------------------
-- Drafting a release, column by column, and approving it: one person writes,
-- another approves what was read.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.create_release(
	agreement          integer,
	name               name,
	purpose            text,
	legal_basis        text,
	identifiability    text DEFAULT 'pseudonymised',
	population_kind    text DEFAULT 'everyone',
	population_codes   text[] DEFAULT '{}',
	no_nhs_number      text DEFAULT 'withhold',
	starts_on          date DEFAULT NULL,
	ends_on            date DEFAULT NULL,
	exemption          text DEFAULT NULL,
	exemption_evidence text DEFAULT NULL,
	exemption_document text DEFAULT NULL,
	exemption_ends_on  date DEFAULT NULL,
	purpose_code       text DEFAULT NULL,
	population_on      date DEFAULT NULL)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	parent caredata.agreement;
	new_id integer;
	first_day date;
	last_day date;
	codes text[];
BEGIN
	SELECT a.* INTO parent FROM caredata.agreement a
	WHERE a.agreement_id = create_release.agreement
	FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'agreement % does not exist', coalesce(create_release.agreement::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'Give the number that create_agreement() returned.';
	END IF;
	PERFORM caredata.check_not_barred(parent.organisation_code);

	-- The name becomes a schema and the stem of two roles.
	IF create_release.name IS NULL OR create_release.name !~ '^[a-z][a-z0-9_]{0,40}$' THEN
		RAISE EXCEPTION 'release name is not acceptable'
			USING ERRCODE = 'invalid_name',
				  HINT = 'A release name has up to 41 characters, lower-case letters, digits and underscores, and starts with a letter.';
	END IF;
	IF create_release.name ~ '^(pg_|care|information_schema$|public$)' THEN
		RAISE EXCEPTION 'release name "%" is reserved', create_release.name
			USING ERRCODE = 'reserved_name',
				  HINT = 'Names that begin with "pg_" or "care", "public" and "information_schema" are not for releases.';
	END IF;
	PERFORM caredata.check_release_name_free(create_release.name);
	IF EXISTS (SELECT FROM caredata.domain d WHERE d.name = create_release.name) THEN
		RAISE EXCEPTION 'release "%" already exists', create_release.name
			USING ERRCODE = 'duplicate_object',
				  HINT = 'A name is used once; an ended release keeps its name.';
	END IF;

	first_day := coalesce(create_release.starts_on, parent.starts_on);
	last_day := coalesce(create_release.ends_on, parent.ends_on);
	IF first_day > last_day THEN
		RAISE EXCEPTION 'release ends before it starts'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the first and the last day of the term, or neither for the term of the agreement.';
	END IF;
	IF first_day < parent.starts_on OR last_day > parent.ends_on THEN
		RAISE EXCEPTION 'term of the release is outside the term of agreement "%"', parent.reference
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('The agreement runs from %s to %s.', parent.starts_on, parent.ends_on);
	END IF;

	IF NOT EXISTS (SELECT FROM caredata.legal_basis b WHERE b.code = create_release.legal_basis) THEN
		RAISE EXCEPTION 'legal basis is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('It is one of: %s.',
								(SELECT string_agg(b.code, ', ' ORDER BY b.code) FROM caredata.legal_basis b));
	END IF;
	IF create_release.exemption IS NOT NULL
	   AND NOT EXISTS (SELECT FROM caredata.exemption e WHERE e.code = create_release.exemption) THEN
		RAISE EXCEPTION 'exemption is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('It is one of: %s.',
								(SELECT string_agg(e.code, ', ' ORDER BY e.code) FROM caredata.exemption e));
	END IF;
	IF create_release.exemption IS NULL
	   AND num_nonnulls(create_release.exemption_evidence, create_release.exemption_document,
						create_release.exemption_ends_on) > 0
	   OR create_release.exemption IS NOT NULL
	   AND (coalesce(btrim(create_release.exemption_evidence), '') = ''
			OR num_nulls(create_release.exemption_document, create_release.exemption_ends_on) > 0) THEN
		RAISE EXCEPTION 'an exemption and its evidence go together'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Evidence is the reference of the letter or decision that grants the exemption (exemption_evidence), the SHA-256 of the document (exemption_document) and its last day (exemption_ends_on).';
	END IF;
	IF lower(create_release.exemption_document) !~ '^[0-9a-f]{64}$' THEN
		RAISE EXCEPTION 'hash of the document is not a SHA-256'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the 64 hexadecimal digits that sha256sum prints for the file.';
	END IF;
	IF NOT isfinite(create_release.exemption_ends_on)
	   OR create_release.exemption_ends_on < first_day THEN
		RAISE EXCEPTION 'exemption ends before the release starts, or never'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the last day on which the exemption holds.';
	END IF;
	IF create_release.purpose_code IS NOT NULL
	   AND NOT EXISTS (SELECT FROM caredata.purpose p WHERE p.code = create_release.purpose_code) THEN
		RAISE EXCEPTION 'purpose is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('It is one of: %s; NULL for none of them.',
								(SELECT string_agg(p.code, ', ' ORDER BY p.code) FROM caredata.purpose p));
	END IF;
	IF create_release.identifiability IS NULL
	   OR create_release.identifiability NOT IN ('identifiable', 'pseudonymised', 'anonymised') THEN
		RAISE EXCEPTION 'identifiability is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is one of: identifiable, pseudonymised, anonymised.';
	END IF;
	IF create_release.population_kind IS NULL
	   OR create_release.population_kind NOT IN
		  ('everyone', 'commissioner', 'practice', 'lsoa', 'msoa', 'district', 'cohort') THEN
		RAISE EXCEPTION 'kind of population is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is one of: everyone, commissioner, practice, lsoa, msoa, district, cohort.';
	END IF;
	IF create_release.population_on IS NOT NULL
	   AND (create_release.population_kind IN ('everyone', 'cohort')
			OR NOT isfinite(create_release.population_on)
			OR create_release.population_on > caredata.today()) THEN
		RAISE EXCEPTION 'day of the population is in the future, or does not fit its kind'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'A population by practice, commissioner or area can be that of a past day; everyone and cohorts have no day.';
	END IF;
	IF create_release.no_nhs_number IS NULL
	   OR create_release.no_nhs_number NOT IN ('withhold', 'allow') THEN
		RAISE EXCEPTION 'treatment of people without an NHS number is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is one of: withhold, allow.';
	END IF;
	SELECT coalesce(array_agg(DISTINCT k.code ORDER BY k.code), '{}') INTO codes
	FROM unnest(create_release.population_codes) c
	CROSS JOIN LATERAL (SELECT CASE create_release.population_kind WHEN 'cohort' THEN btrim(c)
							   ELSE upper(btrim(c)) END) k (code)
	WHERE k.code <> '';
	IF (create_release.population_kind = 'everyone') <> (codes = '{}') THEN
		RAISE EXCEPTION 'codes do not fit the kind of population'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'A population of everyone has no codes; any other has at least one.';
	END IF;

	new_id := caredata.create_domain(create_release.name);
	INSERT INTO caredata.release
		(release_id, agreement_id, name, purpose, purpose_code, legal_basis, identifiability,
		 population_kind, population_codes, population_on, no_nhs_number,
		 exemption, exemption_evidence, exemption_document, exemption_ends_on,
		 starts_on, ends_on, created_by)
	VALUES (new_id, parent.agreement_id, create_release.name, btrim(create_release.purpose),
			create_release.purpose_code,
			create_release.legal_basis, create_release.identifiability,
			create_release.population_kind, codes, create_release.population_on,
			create_release.no_nhs_number,
			create_release.exemption, btrim(create_release.exemption_evidence),
			lower(create_release.exemption_document), create_release.exemption_ends_on,
			first_day, last_day, caredata.requester());
	PERFORM caredata.set_release_state(new_id, 'draft');
	RETURN new_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_release(integer, name, text, text, text, text, text[], text, date, date, text, text, text, date, text, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_release(integer, name, text, text, text, text, text[], text, date, date, text, text, text, date, text, date) IS
	'Drafts a release, one purpose of an agreement, with a pseudonym domain of its own; returns its number. Permit datasets next';

CREATE FUNCTION caredata.check_release_name_free(name name) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = check_release_name_free.name) THEN
		RAISE EXCEPTION 'schema "%" exists', check_release_name_free.name
			USING ERRCODE = 'duplicate_schema',
				  HINT = 'A release makes a schema of its name; choose another name.';
	END IF;
	IF EXISTS (SELECT FROM pg_roles r
			   WHERE r.rolname IN (check_release_name_free.name,
								   check_release_name_free.name || '_reader',
								   check_release_name_free.name || '_definer')) THEN
		RAISE EXCEPTION 'a role of release "%" exists', check_release_name_free.name
			USING ERRCODE = 'duplicate_object',
				  DETAIL = format('A release needs the role names %1$I, %1$s_reader and %1$s_definer to be free, in all databases of the server.',
								  check_release_name_free.name),
				  HINT = 'Choose another name, or drop the role if it is left over.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_release_name_free(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_release_name_free(name) IS
	'Raises if a schema or role that a release of this name would make exists already';

-- Everyone who writes a line of a draft is its author.
CREATE FUNCTION caredata.add_release_author(release_id integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE caredata.release r
	SET created_by = (SELECT array_agg(DISTINCT a ORDER BY a)
					  FROM unnest(r.created_by || caredata.requester()) a)
	WHERE r.release_id = add_release_author.release_id
	  AND NOT caredata.requester() <@ r.created_by;
END
$$;
REVOKE ALL ON FUNCTION caredata.add_release_author(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_release_author(integer) IS
	'Adds whoever asks to the authors of a draft';

CREATE FUNCTION caredata.permit_column(
	release     integer,
	dataset     name,
	column_name name,
	treatment   text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target caredata.release;
	field caredata.dataset_column;
	rule caredata.treatment;
BEGIN
	target := caredata.lock_release(permit_column.release, 'draft', 'active', 'suspended');

	SELECT c.* INTO field FROM caredata.dataset_column c
	WHERE c.dataset = permit_column.dataset AND c.column_name = permit_column.column_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of dataset "%" does not exist', permit_column.column_name, permit_column.dataset
			USING ERRCODE = 'undefined_column',
				  HINT = 'caredata.dataset_column describes every dataset.';
	END IF;
	IF NOT field.stored THEN
		RAISE EXCEPTION 'column "%" of dataset "%" is not stored', field.column_name, field.dataset
			USING ERRCODE = 'invalid_parameter_value',
				  DETAIL = 'Identifiers are used to link records and then kept apart; no release can show them.';
	END IF;

	SELECT t.* INTO rule FROM caredata.treatment t
	WHERE t.treatment = permit_column.treatment;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'treatment is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('It is one of: %s.',
								(SELECT string_agg(t.treatment, ', ' ORDER BY t.treatment) FROM caredata.treatment t));
	END IF;
	IF field.field_type <> ALL (rule.field_types)
	   OR field.format IS DISTINCT FROM coalesce(rule.format, field.format)
	   OR field.column_name <> coalesce(rule.column_name, field.column_name) THEN
		RAISE EXCEPTION 'treatment "%" does not fit column "%" of dataset "%"',
			rule.treatment, field.column_name, field.dataset
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'docs/reference-releases.md says which treatment accepts what.';
	END IF;
	-- A record key shown as it is would join two releases, person by person.
	IF field.treatment = 'record_pid' AND rule.treatment NOT IN ('record_pid', 'drop') THEN
		RAISE EXCEPTION 'column "%" of dataset "%" is a record key', field.column_name, field.dataset
			USING ERRCODE = 'invalid_parameter_value',
				  DETAIL = 'Record keys are the same in every release, so that people who hold two could join them.',
				  HINT = 'Treat it as record_pid or drop it.';
	END IF;

	IF rule.treatment <> 'drop'
	   AND (coalesce(rule.result_name, field.column_name) = 'pid'
			OR EXISTS (SELECT FROM caredata.amended_columns(permit_column.release) s
					   JOIN caredata.treatment t ON t.treatment = s.treatment
					   WHERE s.dataset = field.dataset AND s.column_name <> field.column_name
						 AND coalesce(t.result_name, s.column_name) = coalesce(rule.result_name, field.column_name))) THEN
		RAISE EXCEPTION 'column "%" of dataset "%" would have the name of another',
			field.column_name, field.dataset
			USING ERRCODE = 'duplicate_column',
				  HINT = 'Drop one of them, or treat it otherwise; the pseudonym is always named pid.';
	END IF;

	IF target.state <> 'draft' THEN
		PERFORM caredata.amend_column(target.release_id, field.dataset, field.column_name, rule.treatment);
		RETURN;
	END IF;
	PERFORM caredata.add_release_author(permit_column.release);
	DELETE FROM caredata.release_column r
	WHERE r.release_id = permit_column.release AND r.dataset = field.dataset
	  AND r.column_name = field.column_name;
	IF rule.treatment <> 'drop' THEN
		INSERT INTO caredata.release_column (release_id, dataset, column_name, treatment)
		VALUES (permit_column.release, field.dataset, field.column_name, rule.treatment);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.permit_column(integer, name, name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.permit_column(integer, name, name, text) IS
	'Permits one column of a dataset in a draft, with a treatment; the treatment drop takes it out again. In an active release it proposes an amendment, which another person approves with approve_amendment()';

CREATE FUNCTION caredata.permit_dataset(
	release integer,
	dataset name,
	columns name[] DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	field record;
BEGIN
	PERFORM caredata.lock_release(permit_dataset.release, 'draft', 'active', 'suspended');

	IF NOT EXISTS (SELECT FROM caredata.dataset d WHERE d.dataset = permit_dataset.dataset) THEN
		RAISE EXCEPTION 'dataset "%" does not exist', permit_dataset.dataset
			USING ERRCODE = 'undefined_object',
				  HINT = format('It is one of: %s.',
								(SELECT string_agg(d.dataset, ', ' ORDER BY d.dataset) FROM caredata.dataset d));
	END IF;
	IF permit_dataset.columns = '{}' THEN
		RAISE EXCEPTION 'list of columns is empty'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Leave the list out to permit every stored column with its default treatment.';
	END IF;

	FOR field IN
		SELECT c.column_name, c.treatment
		FROM caredata.dataset_column c
		WHERE permit_dataset.columns IS NULL
		  AND c.dataset = permit_dataset.dataset AND c.stored AND c.treatment <> 'drop'
		UNION
		SELECT u.column_name, coalesce(c.treatment, 'keep')
		FROM unnest(permit_dataset.columns) u(column_name)
		LEFT JOIN caredata.dataset_column c
			ON c.dataset = permit_dataset.dataset AND c.column_name = u.column_name
		ORDER BY column_name
	LOOP
		IF field.treatment = 'drop' THEN
			RAISE EXCEPTION 'column "%" of dataset "%" is not released unless it is treated',
				field.column_name, permit_dataset.dataset
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'Name a treatment for it with permit_column().';
		END IF;
		PERFORM caredata.permit_column(permit_dataset.release, permit_dataset.dataset,
									   field.column_name, field.treatment);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.permit_dataset(integer, name, name[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.permit_dataset(integer, name, name[]) IS
	'Permits columns of a dataset in a draft, each with its default treatment; without a list, every stored column. In an active release it proposes an amendment';

-- What a guardian read and what is approved must be the same: the author may
-- change a draft in between. Everything that an approval is about is in it.
CREATE FUNCTION caredata.release_fingerprint(release integer) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT encode(sha256(convert_to(
		jsonb_build_array(
			to_jsonb(a) - 'created_at',
			to_jsonb(r) - '{state,created_at,approved_by,approved_at,destroyed_on,destruction_certificate}'::text[],
			(SELECT jsonb_agg(c.digest ORDER BY c.name)
			 FROM caredata.cohort c
			 WHERE r.population_kind = 'cohort' AND c.name = ANY (r.population_codes)),
			(SELECT jsonb_agg(to_jsonb(c) ORDER BY c.dataset, c.position)
			 FROM (SELECT rc.dataset, dc.position, rc.column_name, rc.treatment
				   FROM caredata.release_column rc
				   JOIN caredata.dataset_column dc
					 ON dc.dataset = rc.dataset AND dc.column_name = rc.column_name
				   WHERE rc.release_id = r.release_id) c))::text, 'UTF8')), 'hex')
	FROM caredata.release r
	JOIN caredata.agreement a ON a.agreement_id = r.agreement_id
	WHERE r.release_id = release_fingerprint.release;
END;
REVOKE ALL ON FUNCTION caredata.release_fingerprint(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_fingerprint(integer) IS
	'SHA-256 of all that an approval is about: agreement, purpose, legal basis, population, term, columns, treatments and authors';

-- A date that is shown as it is, beside a shifted one of the same event, tells
-- the step of its person, and with it all others.
CREATE FUNCTION caredata.check_shifted_dates(release_id integer) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM caredata.release_column c
			   WHERE c.release_id = check_shifted_dates.release_id AND c.treatment = 'shift')
	   AND EXISTS (SELECT FROM caredata.release_column c
				   JOIN caredata.dataset_column d ON d.dataset = c.dataset AND d.column_name = c.column_name
				   WHERE c.release_id = check_shifted_dates.release_id AND d.field_type = 'date'
					 AND c.treatment <> 'shift') THEN
		RAISE EXCEPTION 'release "%" shows some dates shifted and others not',
			(SELECT r.name FROM caredata.release r WHERE r.release_id = check_shifted_dates.release_id)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'Of a person with a date of either sort for the same event the step could be read off.',
				  HINT = 'Treat every date of the release as shift, or drop it.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_shifted_dates(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_shifted_dates(integer) IS
	'Raises if a release shows some dates shifted and others not';

CREATE FUNCTION caredata.approve_release(
	release            integer,
	fingerprint        text DEFAULT NULL,
	accept_differencing text DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	draft caredata.release;
	parent caredata.agreement;
BEGIN
	draft := caredata.lock_release(approve_release.release, 'draft');
	-- Two drafts of one organisation are approved one after the other, so that
	-- the second is held against the first.
	SELECT a.* INTO parent FROM caredata.agreement a
	WHERE a.agreement_id = draft.agreement_id;
	PERFORM a.agreement_id FROM caredata.agreement a
	WHERE a.organisation_code = parent.organisation_code
	ORDER BY a.agreement_id FOR UPDATE;
	PERFORM caredata.check_not_barred(parent.organisation_code);

	IF draft.created_by || parent.created_by && caredata.requester() THEN
		RAISE EXCEPTION 'release "%" cannot be approved by one of its authors', draft.name
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'Neither the login nor the role it acts as may have written the agreement or the release.',
				  HINT = 'Another guardian has to approve, with a login of their own.';
	END IF;
	IF approve_release.fingerprint <> caredata.release_fingerprint(draft.release_id) THEN
		RAISE EXCEPTION 'release "%" is not the one that was read', draft.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'The draft has changed since its fingerprint was taken.',
				  HINT = 'Read it again with release_register() and release_columns().';
	END IF;
	IF NOT EXISTS (SELECT FROM caredata.release_column c WHERE c.release_id = draft.release_id) THEN
		RAISE EXCEPTION 'release "%" permits nothing', draft.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Its author permits datasets with permit_dataset() first.';
	END IF;
	PERFORM caredata.check_shifted_dates(draft.release_id);
	IF draft.ends_on < caredata.today() THEN
		RAISE EXCEPTION 'term of release "%" is over', draft.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Draft a new release.';
	END IF;
	PERFORM caredata.check_differencing(draft.release_id, approve_release.accept_differencing);

	UPDATE caredata.release r
	SET approved_by = caredata.requester(), approved_at = now()
	WHERE r.release_id = draft.release_id;
	PERFORM caredata.set_release_state(draft.release_id, 'approved');
END
$$;
REVOKE ALL ON FUNCTION caredata.approve_release(integer, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.approve_release(integer, text, text) IS
	'Approves a draft; refused to everyone who wrote a line of it or of its agreement. With the fingerprint of what was read, refused also if the draft has changed since. Refused where it would tell objectors apart beside another release of the organisation, unless that is accepted with a reason';

CREATE FUNCTION caredata.discard_release(release integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	draft caredata.release;
BEGIN
	draft := caredata.lock_release(discard_release.release, 'draft');
	DELETE FROM caredata.release r WHERE r.release_id = draft.release_id;
	DELETE FROM caredata.domain_key k WHERE k.domain_id = draft.release_id;
	DELETE FROM caredata.domain d WHERE d.domain_id = draft.release_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.discard_release(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.discard_release(integer) IS
	'Throws away a draft with its key, so that its name is free again; its number is never used twice';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.create_release(integer,name,text,text,text,text,text[],text,date,date,text,text,text,date,text,date)'),
	('caredata_admin', 'caredata.permit_dataset(integer,name,name[])'),
	('caredata_admin', 'caredata.permit_column(integer,name,name,text)'),
	('caredata_admin', 'caredata.discard_release(integer)'),
	('caredata_admin', 'caredata.release_fingerprint(integer)'),
	('caredata_guardian', 'caredata.approve_release(integer,text,text)'),
	('caredata_guardian', 'caredata.release_fingerprint(integer)'),
	('caredata_auditor', 'caredata.release_fingerprint(integer)');
