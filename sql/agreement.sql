-- ---------------------------------------------------------------------------
-- Agreements and purposes: who may use what, why, on which legal basis, until
-- when, and who approved it. One purpose of one agreement is a release.
--
-- Everything here is paper: rows that people write, change and approve. What
-- an approved release makes in the database (roles, views, policies) is in
-- release.sql.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.agreement (
	agreement_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	reference         text NOT NULL UNIQUE CHECK (reference <> ''),
	title             text NOT NULL CHECK (title <> ''),
	organisation_code text NOT NULL CHECK (organisation_code <> ''),
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

-- ------------------------------------------------------------ who is asking

CREATE FUNCTION caredata.requester() RETURNS name[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_requester';
REVOKE ALL ON FUNCTION caredata.requester() FROM PUBLIC;
COMMENT ON FUNCTION caredata.requester() IS
	'Session user, and the role it acts as if that is another: who asks, seen from inside a SECURITY DEFINER function';

-- What takes two people: neither the login nor the role it acts as may have
-- asked for what they now decide.
CREATE FUNCTION caredata.require_another_person(asked_by name[], deed text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF asked_by && caredata.requester() THEN
		RAISE EXCEPTION '% by who asked for it', deed
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'Neither the login nor the role it acts as may have made the request.',
				  HINT = 'Another person has to do it, with a login of their own.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.require_another_person(name[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.require_another_person(name[], text) IS
	'Raises where the caller''s login or acting role is among those who asked; the second argument says what cannot be done';

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
BEGIN
	IF create_agreement.starts_on > create_agreement.ends_on THEN
		RAISE EXCEPTION 'agreement ends before it starts'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the first and the last day of the term.';
	END IF;
	PERFORM caredata.check_not_barred(upper(btrim(create_agreement.organisation_code)));
	IF EXISTS (SELECT FROM caredata.agreement a WHERE a.reference = btrim(create_agreement.reference)) THEN
		RAISE EXCEPTION 'agreement "%" already exists', btrim(create_agreement.reference)
			USING ERRCODE = 'duplicate_object',
				  HINT = 'An agreement has one term; a renewed one has a reference of its own.';
	END IF;
	INSERT INTO caredata.agreement
		(reference, title, organisation_code, organisation_name, starts_on, ends_on, created_by)
	VALUES (btrim(create_agreement.reference), btrim(create_agreement.title),
			upper(btrim(create_agreement.organisation_code)), btrim(create_agreement.organisation_name),
			create_agreement.starts_on, create_agreement.ends_on, caredata.requester())
	RETURNING agreement_id INTO new_id;
	RETURN new_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_agreement(text, text, text, text, date, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_agreement(text, text, text, text, date, date) IS
	'Records a data sharing agreement: reference, title, ODS code and name of the organisation, first and last day; returns its number';

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
	('caredata_admin', 'caredata.create_release(integer,name,text,text,text,text,text[],text,date,date,text,text,text,date,text,date)'),
	('caredata_admin', 'caredata.permit_dataset(integer,name,name[])'),
	('caredata_admin', 'caredata.permit_column(integer,name,name,text)'),
	('caredata_admin', 'caredata.discard_release(integer)'),
	('caredata_admin', 'caredata.release_register()'),
	('caredata_admin', 'caredata.release_columns(integer)'),
	('caredata_admin', 'caredata.release_fingerprint(integer)'),
	('caredata_admin', 'caredata.release_history(integer)'),
	('caredata_guardian', 'caredata.approve_release(integer,text,text)'),
	('caredata_guardian', 'caredata.release_fingerprint(integer)'),
	('caredata_guardian', 'caredata.release_register()'),
	('caredata_guardian', 'caredata.release_columns(integer)'),
	('caredata_guardian', 'caredata.release_history(integer)'),
	('caredata_auditor', 'caredata.release_register()'),
	('caredata_auditor', 'caredata.release_columns(integer)'),
	('caredata_auditor', 'caredata.release_fingerprint(integer)'),
	('caredata_auditor', 'caredata.release_history(integer)');

