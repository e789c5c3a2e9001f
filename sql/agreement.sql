-- ---------------------------------------------------------------------------
-- Agreements and purposes: who may use what, why, on which legal basis, until
-- when, and who approved it. One purpose of one agreement is a release.
--
-- Everything here is paper: rows that people write, change and approve. How a
-- release is drafted and approved is in release_draft.sql, what an approved one
-- makes in the database (roles, views, policies) in release.sql.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.agreement (
	agreement_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	reference         text NOT NULL UNIQUE CHECK (reference <> ''),
	title             text NOT NULL CHECK (title <> ''),
	organisation_code text NOT NULL CHECK (organisation_code ~ '^[A-Z0-9]{1,12}$'),
	organisation_name text NOT NULL CHECK (organisation_name <> ''),
	starts_on         date NOT NULL,
	ends_on           date NOT NULL,
	created_by        name[] NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT now(),
	CHECK (starts_on <= ends_on)
);
COMMENT ON TABLE caredata.agreement IS
	'Data sharing agreements: one organisation, one term, one or more purposes';
COMMENT ON COLUMN caredata.agreement.reference IS
	'Reference under which the agreement is published, such as DARS-NIC-000000';
COMMENT ON COLUMN caredata.agreement.organisation_code IS
	'ODS code of the organisation that uses the data';
COMMENT ON COLUMN caredata.agreement.ends_on IS
	'Last day of the term; no release of the agreement outlives it';
COMMENT ON COLUMN caredata.agreement.created_by IS
	'Session user and acting role of the author, who may not approve a release of it';

CREATE TABLE caredata.release (
	release_id        integer PRIMARY KEY REFERENCES caredata.domain,
	agreement_id      integer NOT NULL REFERENCES caredata.agreement,
	name              name NOT NULL UNIQUE,
	purpose           text NOT NULL CHECK (purpose <> ''),
	purpose_code      text REFERENCES caredata.purpose,
	legal_basis       text NOT NULL REFERENCES caredata.legal_basis,
	identifiability   text NOT NULL DEFAULT 'pseudonymised'
		CHECK (identifiability IN ('identifiable', 'pseudonymised', 'anonymised')),
	population_kind   text NOT NULL DEFAULT 'everyone'
		CHECK (population_kind IN ('everyone', 'commissioner', 'practice', 'lsoa',
								   'msoa', 'district', 'cohort')),
	population_codes  text[] NOT NULL DEFAULT '{}',
	population_on     date,
	no_nhs_number     text NOT NULL DEFAULT 'withhold'
		CHECK (no_nhs_number IN ('withhold', 'allow')),
	exemption         text REFERENCES caredata.exemption,
	exemption_evidence text,
	exemption_document text CHECK (exemption_document ~ '^[0-9a-f]{64}$'),
	exemption_ends_on date,
	version           integer NOT NULL DEFAULT 1,
	state             text NOT NULL DEFAULT 'draft'
		CHECK (state IN ('draft', 'approved', 'active', 'suspended', 'ended', 'destroyed')),
	starts_on         date NOT NULL,
	ends_on           date NOT NULL,
	created_by        name[] NOT NULL,
	created_at        timestamptz NOT NULL DEFAULT now(),
	approved_by       name[],
	approved_at       timestamptz,
	destroyed_on      date,
	destruction_certificate text,
	CHECK (starts_on <= ends_on),
	CHECK (state = 'draft' OR approved_by IS NOT NULL),
	CHECK (NOT created_by && approved_by),
	CHECK (CASE WHEN exemption IS NULL
		   THEN num_nonnulls(exemption_evidence, exemption_document, exemption_ends_on) = 0
		   ELSE num_nulls(exemption_evidence, exemption_document, exemption_ends_on) = 0 END),
	CHECK ((state = 'destroyed') = (destroyed_on IS NOT NULL)),
	CHECK ((destroyed_on IS NULL) = (destruction_certificate IS NULL)),
	CHECK (population_on IS NULL OR population_kind NOT IN ('everyone', 'cohort'))
);
COMMENT ON TABLE caredata.release IS
	'Releases: one purpose of one agreement, which is a reader role, a schema of views and a pseudonym domain';
COMMENT ON COLUMN caredata.release.release_id IS
	'Also the pseudonym domain and the value of the release handle';
COMMENT ON COLUMN caredata.release.name IS
	'Schema of the release''s views; its roles are <name>_reader and <name>_definer';
COMMENT ON COLUMN caredata.release.purpose_code IS
	'Purpose as persons can object to it; NULL for none of the list, and then an objection to any of them counts';
COMMENT ON COLUMN caredata.release.population_codes IS
	'Codes of the commissioners, practices or areas whose people are in the population, or names of cohorts; empty for everyone';
COMMENT ON COLUMN caredata.release.population_on IS
	'Day whose registrations decide who is in the population; NULL for those of now';
COMMENT ON COLUMN caredata.release.exemption_document IS
	'SHA-256 of the document that grants the exemption, in hex';
COMMENT ON COLUMN caredata.release.exemption_ends_on IS
	'Last day of the exemption; from the day after, objections apply as if there were none';
COMMENT ON COLUMN caredata.release.destroyed_on IS
	'Day on which the organisation certified that it has destroyed what it took from the release';
COMMENT ON COLUMN caredata.release.version IS
	'1, and one more with each approved amendment of its columns';
COMMENT ON COLUMN caredata.release.no_nhs_number IS
	'What happens to people without an NHS number, whose objections cannot be looked up';
COMMENT ON COLUMN caredata.release.created_by IS
	'Session users and acting roles of everyone who wrote the draft; none of them may approve';

CREATE TABLE caredata.treatment (
	treatment    text PRIMARY KEY,
	field_types  text[] NOT NULL,
	format       text,
	column_name  name,
	result_name  name,
	description  text NOT NULL
);
COMMENT ON TABLE caredata.treatment IS
	'What a release may do to a column before it is shown; the list is closed, nothing in it is an expression';
COMMENT ON COLUMN caredata.treatment.field_types IS
	'Field types that the treatment accepts';
COMMENT ON COLUMN caredata.treatment.format IS
	'Format of a field that alone the treatment accepts; NULL for any';
COMMENT ON COLUMN caredata.treatment.column_name IS
	'Column that alone the treatment accepts; NULL for any';
COMMENT ON COLUMN caredata.treatment.result_name IS
	'Name of the column in the release''s view; NULL for the name it has';

-- No treatment takes an NHS number or a postcode: no care table has one.
INSERT INTO caredata.treatment VALUES
	('drop', '{smallint,integer,bigint,float8,text,date,time,boolean,nhs_number,postcode}', NULL, NULL, NULL,
	 'not released'),
	('keep', '{smallint,integer,bigint,float8,text,date,time,boolean}', NULL, NULL, NULL,
	 'released as stored'),
	('year', '{date}', NULL, NULL, NULL,
	 'the calendar year, a number'),
	('month', '{date}', NULL, NULL, NULL,
	 'the first day of the month'),
	('shift', '{date}', NULL, NULL, NULL,
	 'moved by 1 to 180 days, by the same step for all dates of a person in this release'),
	('age_band', '{smallint}', NULL, 'birth_year', 'age_band',
	 'five-year band of the age reached this year, 00-04 to 85-89 and 90+'),
	('msoa', '{text}', 'lsoa', NULL, 'msoa',
	 'the middle layer super output area of an LSOA, about 7,500 people'),
	('district', '{text}', 'lsoa', NULL, 'district',
	 'the local authority district of an LSOA'),
	('record_pid', '{bigint,text}', NULL, NULL, NULL,
	 'a pseudonym of the record key, different in every release');

CREATE TABLE caredata.release_column (
	release_id   integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	dataset      name NOT NULL,
	column_name  name NOT NULL,
	treatment    text NOT NULL REFERENCES caredata.treatment,
	version      integer NOT NULL DEFAULT 1,
	PRIMARY KEY (release_id, dataset, column_name),
	FOREIGN KEY (dataset, column_name) REFERENCES caredata.dataset_column
);
COMMENT ON TABLE caredata.release_column IS
	'Columns that a release permits and how each is treated; a column not listed is not released';
COMMENT ON COLUMN caredata.release_column.version IS
	'Version of the release since which it is so; columns of a later version stand behind those of an earlier one';

CREATE TABLE caredata.release_event (
	release_id  integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	state       text NOT NULL,
	happened_at timestamptz NOT NULL DEFAULT now(),
	requester   name[] NOT NULL,
	reason      text
);
COMMENT ON TABLE caredata.release_event IS
	'Every state that a release went through: when, at whose request and why';
COMMENT ON COLUMN caredata.release_event.requester IS
	'Session user and acting role';
CREATE INDEX ON caredata.release_event (release_id, event_id);

-- One strike and out.
CREATE TABLE caredata.barred_organisation (
	bar_id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	organisation_code text NOT NULL,
	reason            text NOT NULL CHECK (reason <> ''),
	barred_by         name[] NOT NULL,
	barred_at         timestamptz NOT NULL DEFAULT now(),
	lift_reason       text,
	lift_requested_by name[],
	lift_requested_at timestamptz,
	lifted_by         name[],
	lifted_at         timestamptz,
	CHECK (NOT lift_requested_by && lifted_by),
	CHECK (num_nulls(lift_reason, lift_requested_by, lift_requested_at) IN (0, 3)),
	CHECK (num_nulls(lifted_by, lifted_at) IN (0, 2)),
	CHECK (lifted_by IS NULL OR lift_requested_by IS NOT NULL)
);
COMMENT ON TABLE caredata.barred_organisation IS
	'Organisations that broke an agreement: they get no release any more, until two people lift the bar';
CREATE UNIQUE INDEX ON caredata.barred_organisation (organisation_code) WHERE lifted_at IS NULL;

-- The rows belong to the database, so they travel in a dump. The treatments
-- belong to the version of the extension.
SELECT pg_catalog.pg_extension_config_dump('caredata.agreement', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.agreement_agreement_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.barred_organisation', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.barred_organisation_bar_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release_column', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release_event', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.release_event_event_id_seq', '');

-- A release in one of the given states, its row locked until the transaction
-- ends, so that two requests cannot both act on the same state.
CREATE FUNCTION caredata.lock_release(release_id integer, VARIADIC states text[])
	RETURNS caredata.release
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found_release caredata.release;
BEGIN
	SELECT r.* INTO found_release FROM caredata.release r
	WHERE r.release_id = lock_release.release_id
	FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'release % does not exist', coalesce(lock_release.release_id::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'Give the number that create_release() returned; release_register() lists them.';
	END IF;
	IF found_release.state <> ALL (states) THEN
		RAISE EXCEPTION 'release "%" is %', found_release.name,
			CASE found_release.state WHEN 'draft' THEN 'a draft' ELSE found_release.state END
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('This can be done to a release that is: %s.', array_to_string(states, ', ')),
				  HINT = 'A release goes from draft to approved to active, may be suspended and resumed, ends for good, and is destroyed when that is certified.';
	END IF;
	RETURN found_release;
END
$$;
REVOKE ALL ON FUNCTION caredata.lock_release(integer, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_release(integer, text[]) IS
	'The release, locked for the transaction, if it is in one of the states; an error that says so if not';

CREATE FUNCTION caredata.set_release_state(release_id integer, state text, reason text DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.commit_durably();
	UPDATE caredata.release r SET state = set_release_state.state
	WHERE r.release_id = set_release_state.release_id;
	INSERT INTO caredata.release_event (release_id, state, requester, reason)
	VALUES (set_release_state.release_id, set_release_state.state, caredata.requester(), set_release_state.reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.set_release_state(integer, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_release_state(integer, text, text) IS
	'Gives a release a state and records who asked for it and why';

CREATE FUNCTION caredata.check_not_barred(organisation_code text) RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM caredata.barred_organisation b
			   WHERE b.organisation_code = check_not_barred.organisation_code
				 AND b.lifted_at IS NULL) THEN
		RAISE EXCEPTION 'organisation "%" is barred', check_not_barred.organisation_code
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'barred_organisations() says why and since when. It takes two guardians to lift a bar.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_not_barred(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_not_barred(text) IS
	'Raises if the organisation is barred';

-- -------------------------------------------------------------- the paper

-- A bar and the guard against differencing know an organisation by its code:
-- one with a space in it that nobody sees would be another organisation.
CREATE FUNCTION caredata.organisation_code(code text) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	normal text := upper(btrim(organisation_code.code));
BEGIN
	IF normal ~ '^[A-Z0-9]{1,12}$' THEN
		RETURN normal;
	END IF;
	RAISE EXCEPTION 'organisation code is not acceptable'
		USING ERRCODE = 'invalid_parameter_value',
			  HINT = 'An ODS code has letters A to Z and digits, and no space in it, not even one that cannot be seen.';
END
$$;
REVOKE ALL ON FUNCTION caredata.organisation_code(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.organisation_code(text) IS
	'The code of an organisation as it is stored: upper case, without blanks around it; raises for anything but letters and digits';

CREATE FUNCTION caredata.create_agreement(
	reference         text,
	title             text,
	organisation_code text,
	organisation_name text,
	starts_on         date,
	ends_on           date)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	new_id integer;
	code text;
BEGIN
	IF create_agreement.starts_on > create_agreement.ends_on THEN
		RAISE EXCEPTION 'agreement ends before it starts'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the first and the last day of the term.';
	END IF;
	code := caredata.organisation_code(create_agreement.organisation_code);
	PERFORM caredata.check_not_barred(code);
	IF EXISTS (SELECT FROM caredata.agreement a WHERE a.reference = btrim(create_agreement.reference)) THEN
		RAISE EXCEPTION 'agreement "%" already exists', btrim(create_agreement.reference)
			USING ERRCODE = 'duplicate_object',
				  HINT = 'An agreement has one term; a renewed one has a reference of its own.';
	END IF;
	INSERT INTO caredata.agreement
		(reference, title, organisation_code, organisation_name, starts_on, ends_on, created_by)
	VALUES (btrim(create_agreement.reference), btrim(create_agreement.title),
			code, btrim(create_agreement.organisation_name),
			create_agreement.starts_on, create_agreement.ends_on, caredata.requester())
	RETURNING agreement_id INTO new_id;
	RETURN new_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_agreement(text, text, text, text, date, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_agreement(text, text, text, text, date, date) IS
	'Records a data sharing agreement: reference, title, ODS code and name of the organisation, first and last day; returns its number';

-- -------------------------------------------------------------- what is read

CREATE FUNCTION caredata.release_register()
	RETURNS TABLE (release_id integer, release name, version integer, state text, purpose text,
				   purpose_code text,
				   legal_basis text, identifiability text, population text,
				   no_nhs_number text, exemption text, exemption_evidence text,
				   exemption_document text, exemption_ends_on date,
				   starts_on date, ends_on date, agreement text, title text,
				   organisation_code text, organisation_name text,
				   created_by name[], approved_by name[], approved_at timestamptz,
				   destroyed_on date, destruction_certificate text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT r.release_id, r.name, r.version, r.state, r.purpose, r.purpose_code, r.legal_basis, r.identifiability,
		   concat_ws(' ', r.population_kind, nullif(array_to_string(r.population_codes, ' '), ''),
					 'on ' || to_char(r.population_on, 'YYYY-MM-DD')),
		   r.no_nhs_number, r.exemption, r.exemption_evidence, r.exemption_document,
		   r.exemption_ends_on, r.starts_on, r.ends_on,
		   a.reference, a.title, a.organisation_code, a.organisation_name,
		   r.created_by, r.approved_by, r.approved_at, r.destroyed_on, r.destruction_certificate
	FROM caredata.release r
	JOIN caredata.agreement a ON a.agreement_id = r.agreement_id
	ORDER BY r.release_id;
END;
REVOKE ALL ON FUNCTION caredata.release_register() FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_register() IS
	'The register of releases: who uses data, for what, on which legal basis, until when, and who approved it';

CREATE FUNCTION caredata.release_columns(release integer)
	RETURNS TABLE (dataset name, column_name name, treatment text, shown_as name, description text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT rc.dataset, rc.column_name, rc.treatment, coalesce(t.result_name, rc.column_name),
		   c.description
	FROM caredata.release_column rc
	JOIN caredata.treatment t ON t.treatment = rc.treatment
	JOIN caredata.dataset_column c ON c.dataset = rc.dataset AND c.column_name = rc.column_name
	WHERE rc.release_id = release_columns.release
	ORDER BY rc.dataset, c.position;
END;
REVOKE ALL ON FUNCTION caredata.release_columns(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_columns(integer) IS
	'What a release permits, column by column: what a guardian reads before approving';

CREATE FUNCTION caredata.release_settings(release integer) RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT array_agg(DISTINCT d.setting ORDER BY d.setting)
	FROM caredata.release_column c JOIN caredata.dataset d ON d.dataset = c.dataset
	WHERE c.release_id = release_settings.release;
END;
REVOKE ALL ON FUNCTION caredata.release_settings(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_settings(integer) IS
	'Care settings of the datasets that a release permits';

CREATE FUNCTION caredata.release_history(release integer)
	RETURNS TABLE (happened_at timestamptz, state text, requester name[], reason text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT e.happened_at, e.state, e.requester, e.reason
	FROM caredata.release_event e
	WHERE e.release_id = release_history.release
	ORDER BY e.event_id;
END;
REVOKE ALL ON FUNCTION caredata.release_history(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_history(integer) IS
	'States a release went through: when, at whose request and why';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.create_agreement(text,text,text,text,date,date)'),
	('caredata_admin', 'caredata.release_register()'),
	('caredata_admin', 'caredata.release_columns(integer)'),
	('caredata_admin', 'caredata.release_history(integer)'),
	('caredata_guardian', 'caredata.release_register()'),
	('caredata_guardian', 'caredata.release_columns(integer)'),
	('caredata_guardian', 'caredata.release_history(integer)'),
	('caredata_auditor', 'caredata.release_register()'),
	('caredata_auditor', 'caredata.release_columns(integer)'),
	('caredata_auditor', 'caredata.release_history(integer)');

