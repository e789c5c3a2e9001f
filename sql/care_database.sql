-- ---------------------------------------------------------------------------
-- The care database: schemas, roles, landing, identity, care and reference
-- tables. They are the user's data, not members of the extension: a dump has
-- them whole, and dropping the extension leaves the care tables alone.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.default_ods_code (
	code         text PRIMARY KEY,
	description  text NOT NULL
);
COMMENT ON TABLE caredata.default_ods_code IS
	'ODS default codes that stand where an organisation code is expected and name none (NHS Data Dictionary)';

INSERT INTO caredata.default_ods_code (code, description) VALUES
	('V81997', 'No registered GP practice'),
	('V81998', 'GP practice code not applicable'),
	('V81999', 'GP practice code not known'),
	('G9999998', 'GP not known'),
	('G9999981', 'GP not applicable'),
	('X99998', 'Default code'),
	('X99999', 'Default code'),
	('89999', 'Non-NHS organisation'),
	('89997', 'Non-NHS organisation'),
	('Q99', 'Default code'),
	('X98', 'Default code'),
	('XMD00', 'Default code'),
	('VPP00', 'Private patient'),
	('TDH00', 'Default code'),
	('R9998', 'Default code');
GRANT SELECT ON caredata.default_ods_code TO PUBLIC;

CREATE TABLE caredata.reference_load (
	reference_load_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	reference    text NOT NULL,
	loaded_by    name NOT NULL,
	loaded_at    timestamptz NOT NULL DEFAULT now(),
	landed       bigint NOT NULL,
	stored       bigint NOT NULL,
	withheld     bigint NOT NULL,
	quarantined  bigint NOT NULL,
	CHECK (landed = stored + withheld + quarantined)
);
COMMENT ON TABLE caredata.reference_load IS
	'Loads of reference files; every landed row is stored, withheld or quarantined';
COMMENT ON COLUMN caredata.reference_load.stored IS
	'Rows that added or changed something';
COMMENT ON COLUMN caredata.reference_load.withheld IS
	'Rows that were sound but added nothing: already stored, or twice in the file';
COMMENT ON COLUMN caredata.reference_load.quarantined IS
	'Rows that could not be used; care_landing.reference_quarantine has them with the reason';
SELECT pg_catalog.pg_extension_config_dump('caredata.reference_load', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.reference_load_reference_load_id_seq', '');
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.reference_load'),
	('caredata_loader', 'caredata.reference_load'),
	('caredata_auditor', 'caredata.reference_load');

CREATE FUNCTION caredata.grant_roles() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_grant record;
BEGIN
	-- A row with parentheses is a routine, one without is a relation to read.
	FOR v_grant IN
		SELECT g.role_name, g.routine FROM caredata.role_grant g
		ORDER BY g.role_name, g.routine COLLATE "C"
	LOOP
		IF strpos(v_grant.routine, '(') > 0 THEN
			EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I',
						   v_grant.routine::regprocedure, v_grant.role_name);
		ELSE
			EXECUTE format('GRANT SELECT ON TABLE %s TO %I',
						   v_grant.routine::regclass, v_grant.role_name);
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.grant_roles() FROM PUBLIC;
COMMENT ON FUNCTION caredata.grant_roles() IS
	'Gives the caredata roles what caredata.role_grant lists; a superuser calls it again after an upgrade';

CREATE FUNCTION caredata.create_roles() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_role record;
	v_found pg_roles;
BEGIN
	FOR v_role IN
		SELECT * FROM (VALUES
			('caredata_admin', 'caredata: defines datasets, agreements and releases'),
			('caredata_loader', 'caredata: lands files and loads them'),
			('caredata_linker', 'caredata: reads identities and links'),
			('caredata_guardian', 'caredata: approves releases'),
			('caredata_auditor', 'caredata: reads what was done')
		) AS r (name, description)
	LOOP
		-- Roles belong to the cluster: another care database may have made
		-- them, and so may somebody who wants to own what they will guard.
		SELECT r.* INTO v_found FROM pg_roles r WHERE r.rolname = v_role.name;
		IF NOT FOUND THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', v_role.name);
			EXECUTE format('COMMENT ON ROLE %I IS %L', v_role.name, v_role.description);
		ELSIF v_found.rolcanlogin OR v_found.rolsuper OR v_found.rolbypassrls
			  OR v_found.rolcreaterole OR v_found.rolreplication THEN
			RAISE EXCEPTION 'role "%" exists and can log in or has powers of its own', v_role.name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  HINT = 'Rename that role, or ALTER ROLE it to NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION.';
		ELSIF EXISTS (SELECT FROM pg_auth_members m WHERE m.member = v_found.oid) THEN
			RAISE EXCEPTION 'role "%" exists and is a member of another role', v_role.name
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  HINT = 'Rename that role, or revoke its memberships: the caredata roles have only what caredata gives them.';
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_roles() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_roles() IS
	'Makes the five caredata roles where the cluster lacks them and refuses those that somebody else made powerful';

CREATE FUNCTION caredata.create_identity_tables() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_table regclass;
BEGIN
	CREATE TABLE care_identity.person (
		person_id        integer PRIMARY KEY,
		created_in_load  integer
	);
	COMMENT ON TABLE care_identity.person IS
		'Persons: one dense integer each, 1, 2, 3 and so on';

	CREATE TABLE care_identity.identity (
		identity_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		person_id           integer NOT NULL,
		nhs_number          caredata.nhs_number,
		date_of_birth       date,
		sex                 text COLLATE "C",
		postcode            caredata.postcode,
		source_organisation text COLLATE "C",
		local_patient_id    text COLLATE "C",
		link_rank           smallint NOT NULL,
		ambiguous           boolean NOT NULL DEFAULT false,
		load_id             integer,
		UNIQUE NULLS NOT DISTINCT (nhs_number, date_of_birth, sex, postcode,
								   source_organisation, local_patient_id)
	);
	CREATE INDEX ON care_identity.identity (nhs_number);
	CREATE INDEX ON care_identity.identity (person_id);
	CREATE INDEX ON care_identity.identity (date_of_birth, sex, postcode);
	CREATE INDEX ON care_identity.identity (source_organisation, local_patient_id);
	COMMENT ON TABLE care_identity.identity IS
		'Every distinct set of identifiers that records arrived with, and the person it was linked to at which rank';
	COMMENT ON COLUMN care_identity.identity.ambiguous IS
		'More than one person fitted equally well, so the identity became a person of its own';

	CREATE TABLE care_identity.objection (
		objection_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		nhs_number      caredata.nhs_number NOT NULL,
		kind            text NOT NULL,
		effective_from  date NOT NULL,
		recorded_at     timestamptz,
		recorded_by     name,
		source          text,
		reference       text,
		withdrawn_from  date,
		withdrawn_at    timestamptz,
		withdrawn_by    name
	);
	CREATE INDEX ON care_identity.objection (nhs_number);
	COMMENT ON TABLE care_identity.objection IS
		'Objections by NHS number, whether or not the person is in the database yet';

	CREATE TABLE care_identity.coded_objection (
		person_id    integer NOT NULL,
		kind         text NOT NULL,
		meaning      text NOT NULL,
		event_date   date,
		recorded_on  date,
		load_id      integer
	);
	CREATE INDEX ON care_identity.coded_objection (person_id);
	COMMENT ON TABLE care_identity.coded_objection IS
		'Objections and withdrawals coded in GP records; those events are never stored with care';

	CREATE TABLE care_identity.national_check (
		nhs_number  caredata.nhs_number PRIMARY KEY,
		allowed     boolean NOT NULL,
		checked_at  timestamptz NOT NULL
	);
	COMMENT ON TABLE care_identity.national_check IS
		'Outcome of the latest check for national data opt-outs, by NHS number';

	CREATE TABLE care_landing.national_list (
		nhs_number text
	);
	COMMENT ON TABLE care_landing.national_list IS
		'List that the check for national data opt-outs returned: the numbers that may be used';

	CREATE TABLE care_landing.quarantine (
		quarantine_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		load_id        integer NOT NULL,
		dataset        name NOT NULL,
		landed_row     bigint NOT NULL,
		record         jsonb NOT NULL,
		reasons        text[] NOT NULL
	);
	CREATE INDEX ON care_landing.quarantine (load_id);
	COMMENT ON TABLE care_landing.quarantine IS
		'Landed rows that could not be stored, as received, with the reasons; identifiable';

	FOR v_table IN
		SELECT c.oid FROM pg_class c
		WHERE c.relnamespace IN ('care_identity'::regnamespace, 'care_landing'::regnamespace)
		  AND c.relkind = 'r'
	LOOP
		PERFORM caredata.lock_table(v_table);
	END LOOP;

	GRANT SELECT ON care_identity.person, care_identity.identity TO caredata_linker;
	GRANT SELECT, INSERT, TRUNCATE ON care_landing.national_list TO caredata_loader;
	GRANT SELECT ON care_landing.quarantine TO caredata_loader;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_identity_tables() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_identity_tables() IS
	'Makes the tables of care_identity and the shared ones of care_landing; part of create_care_database()';

CREATE FUNCTION caredata.create_reference_tables() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_table name;
BEGIN
	CREATE TABLE care.commissioner (
		commissioner_code  text COLLATE "C" PRIMARY KEY,
		name               text,
		kind               text CHECK (kind IN ('ccg', 'sub_icb', 'icb')),
		opened_on          date,
		closed_on          date
	);
	COMMENT ON TABLE care.commissioner IS
		'Commissioning organisations by ODS code: CCGs and their predecessors, sub-ICB locations, ICBs';
	COMMENT ON COLUMN care.commissioner.kind IS
		'ccg, sub_icb or icb; empty where the files do not say';
	COMMENT ON COLUMN care.commissioner.opened_on IS
		'First day on which a practice belonged to it, where no better date is known';
	COMMENT ON COLUMN care.commissioner.closed_on IS
		'Last day on which a practice belonged to it; empty while one does';

	CREATE TABLE care.practice (
		practice_code      text COLLATE "C" PRIMARY KEY,
		name               text NOT NULL,
		postcode           text COLLATE "C",
		opened_on          date,
		closed_on          date,
		status             text,
		commissioner_code  text COLLATE "C"
	);
	CREATE INDEX ON care.practice (commissioner_code);
	COMMENT ON TABLE care.practice IS
		'GP practices and other prescribing cost centres by ODS code';
	COMMENT ON COLUMN care.practice.status IS
		'active, closed, dormant or proposed';
	COMMENT ON COLUMN care.practice.commissioner_code IS
		'Commissioner the practice belongs to now, or belonged to last';

	CREATE TABLE care.practice_commissioner (
		practice_code      text COLLATE "C" NOT NULL,
		commissioner_code  text COLLATE "C" NOT NULL,
		from_date          date NOT NULL,
		to_date            date,
		PRIMARY KEY (practice_code, commissioner_code, from_date),
		CHECK (to_date >= from_date)
	);
	CREATE INDEX ON care.practice_commissioner (commissioner_code);
	COMMENT ON TABLE care.practice_commissioner IS
		'Which practice belonged to which commissioner, from when to when';

	CREATE TABLE care.provider (
		provider_code  text COLLATE "C" PRIMARY KEY,
		name           text
	);
	COMMENT ON TABLE care.provider IS 'Providers of care by ODS code';

	CREATE TABLE care.local_authority (
		local_authority_code  text COLLATE "C" PRIMARY KEY,
		name                  text NOT NULL,
		upper_tier_code       text COLLATE "C",
		region_code           text COLLATE "C",
		region                text,
		country_code          text COLLATE "C",
		current_code          text COLLATE "C",
		is_current            boolean NOT NULL
	);
	COMMENT ON TABLE care.local_authority IS
		'Local authority districts by ONS code, present and past';
	COMMENT ON COLUMN care.local_authority.upper_tier_code IS
		'County or unitary authority that the district lies in';
	COMMENT ON COLUMN care.local_authority.current_code IS
		'Authority that the district is now, or is now part of';

	CREATE TABLE care.lsoa (
		lsoa_code             text COLLATE "C" PRIMARY KEY,
		name                  text,
		msoa_code             text COLLATE "C",
		local_authority_code  text COLLATE "C",
		imd_decile            smallint CHECK (imd_decile BETWEEN 1 AND 10),
		latitude              double precision,
		longitude             double precision
	);
	COMMENT ON TABLE care.lsoa IS
		'Lower layer super output areas of England and Wales and their like in Scotland and Northern Ireland';
	COMMENT ON COLUMN care.lsoa.imd_decile IS
		'Decile of the index of multiple deprivation; 1 is the most deprived tenth';
	COMMENT ON COLUMN care.lsoa.latitude IS 'Latitude of the centre, degrees north';
	COMMENT ON COLUMN care.lsoa.longitude IS 'Longitude of the centre, degrees east';

	CREATE TABLE care.code_list (
		code_list    text COLLATE "C" NOT NULL,
		scheme       text COLLATE "C" NOT NULL,
		code         text COLLATE "C" NOT NULL,
		description  text,
		from_date    date,
		to_date      date,
		PRIMARY KEY (code_list, scheme, code),
		CHECK (to_date >= from_date)
	);
	CREATE INDEX ON care.code_list (code, scheme);
	COMMENT ON TABLE care.code_list IS
		'Code lists: the valid codes of coded fields, and the clinical codes of conditions';
	COMMENT ON COLUMN care.code_list.scheme IS
		'Coding scheme: readv2, ctv3, snomed, icd10, opcs4, or the standard that defines the field';
	COMMENT ON COLUMN care.code_list.code IS
		'The code; an ICD-10 or OPCS-4 code of three characters stands for all codes that begin with it';

	FOREACH v_table IN ARRAY ARRAY['commissioner', 'practice', 'practice_commissioner',
								   'provider', 'local_authority', 'lsoa', 'code_list']
	LOOP
		-- Published facts about organisations, places and codes, of no person.
		PERFORM caredata.lock_table(format('care.%I', v_table)::regclass);
		EXECUTE format('GRANT SELECT ON care.%I TO PUBLIC', v_table);
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_reference_tables() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_reference_tables() IS
	'Makes the reference tables of schema care; part of create_care_database()';

CREATE FUNCTION caredata.install_code_lists() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Codes that a field may hold. A list is as complete as what could be
	-- read of its standard; a controller adds what is missing as rows.
	INSERT INTO care.code_list (code_list, scheme, code, description) VALUES
		('admimeth', 'nhs_data_dictionary', '11', 'Elective: waiting list'),
		('admimeth', 'nhs_data_dictionary', '12', 'Elective: booked'),
		('admimeth', 'nhs_data_dictionary', '13', 'Elective: planned'),
		('admimeth', 'nhs_data_dictionary', '21', 'Emergency: emergency department of this provider'),
		('admimeth', 'nhs_data_dictionary', '22', 'Emergency: general practitioner'),
		('admimeth', 'nhs_data_dictionary', '23', 'Emergency: bed bureau'),
		('admimeth', 'nhs_data_dictionary', '24', 'Emergency: consultant clinic'),
		('admimeth', 'nhs_data_dictionary', '25', 'Emergency: mental health crisis resolution team'),
		('admimeth', 'nhs_data_dictionary', '2A', 'Emergency: emergency department of another provider'),
		('admimeth', 'nhs_data_dictionary', '2B', 'Emergency: transfer from another provider'),
		('admimeth', 'nhs_data_dictionary', '2C', 'Emergency: baby born at home as intended'),
		('admimeth', 'nhs_data_dictionary', '2D', 'Emergency: other'),
		('admimeth', 'nhs_data_dictionary', '28', 'Emergency: other means (retiring)'),
		('admimeth', 'nhs_data_dictionary', '31', 'Maternity: admitted before delivery'),
		('admimeth', 'nhs_data_dictionary', '32', 'Maternity: admitted after delivery'),
		('admimeth', 'nhs_data_dictionary', '81', 'Transfer from another provider, not an emergency'),
		('admimeth', 'nhs_data_dictionary', '82', 'Birth in this provider'),
		('admimeth', 'nhs_data_dictionary', '83', 'Birth outside this provider'),
		('admimeth', 'nhs_data_dictionary', '98', 'Not applicable'),
		('admimeth', 'nhs_data_dictionary', '99', 'Not known'),
		('admisorc', 'nhs_data_dictionary', '19', 'Usual residence, including no fixed abode'),
		('admisorc', 'nhs_data_dictionary', '29', 'Temporary residence'),
		('admisorc', 'nhs_data_dictionary', '39', 'Penal establishment, court or police'),
		('admisorc', 'nhs_data_dictionary', '40', 'Penal establishment'),
		('admisorc', 'nhs_data_dictionary', '41', 'Court'),
		('admisorc', 'nhs_data_dictionary', '42', 'Police'),
		('admisorc', 'nhs_data_dictionary', '49', 'High security psychiatric accommodation'),
		('admisorc', 'nhs_data_dictionary', '51', 'Other NHS provider: general ward or emergency department'),
		('admisorc', 'nhs_data_dictionary', '52', 'Other NHS provider: maternity or neonatal ward'),
		('admisorc', 'nhs_data_dictionary', '53', 'Other NHS provider: mental health or learning disability ward'),
		('admisorc', 'nhs_data_dictionary', '54', 'NHS care home'),
		('admisorc', 'nhs_data_dictionary', '65', 'Local authority residential accommodation'),
		('admisorc', 'nhs_data_dictionary', '66', 'Local authority foster care'),
		('admisorc', 'nhs_data_dictionary', '79', 'Born in or on the way to hospital'),
		('admisorc', 'nhs_data_dictionary', '85', 'Care home not run by the NHS'),
		('admisorc', 'nhs_data_dictionary', '87', 'Hospital not run by the NHS'),
		('admisorc', 'nhs_data_dictionary', '88', 'Hospice'),
		('admisorc', 'nhs_data_dictionary', '98', 'Not applicable'),
		('admisorc', 'nhs_data_dictionary', '99', 'Not known'),
		('dismeth', 'nhs_data_dictionary', '1', 'On clinical advice or with clinical consent'),
		('dismeth', 'nhs_data_dictionary', '2', 'Self-discharge, or by a relative'),
		('dismeth', 'nhs_data_dictionary', '3', 'By a tribunal or court'),
		('dismeth', 'nhs_data_dictionary', '4', 'Died'),
		('dismeth', 'nhs_data_dictionary', '5', 'Stillbirth'),
		('dismeth', 'nhs_data_dictionary', '8', 'Not applicable: not yet discharged'),
		('dismeth', 'nhs_data_dictionary', '9', 'Not known'),
		('disdest', 'nhs_data_dictionary', '19', 'Usual residence, including no fixed abode'),
		('disdest', 'nhs_data_dictionary', '29', 'Temporary residence'),
		('disdest', 'nhs_data_dictionary', '30', 'Repatriation from high security psychiatric accommodation'),
		('disdest', 'nhs_data_dictionary', '37', 'Court'),
		('disdest', 'nhs_data_dictionary', '38', 'Penal establishment or police'),
		('disdest', 'nhs_data_dictionary', '48', 'High security psychiatric hospital, Scotland'),
		('disdest', 'nhs_data_dictionary', '49', 'High security psychiatric accommodation'),
		('disdest', 'nhs_data_dictionary', '50', 'Medium secure unit'),
		('disdest', 'nhs_data_dictionary', '51', 'Other NHS provider: general ward'),
		('disdest', 'nhs_data_dictionary', '52', 'Other NHS provider: maternity or neonatal ward'),
		('disdest', 'nhs_data_dictionary', '53', 'Other NHS provider: mental health or learning disability ward'),
		('disdest', 'nhs_data_dictionary', '54', 'NHS care home'),
		('disdest', 'nhs_data_dictionary', '65', 'Local authority residential accommodation'),
		('disdest', 'nhs_data_dictionary', '66', 'Local authority foster care'),
		('disdest', 'nhs_data_dictionary', '79', 'Not applicable: died or stillborn'),
		('disdest', 'nhs_data_dictionary', '84', 'Medium secure unit not run by the NHS'),
		('disdest', 'nhs_data_dictionary', '85', 'Care home not run by the NHS'),
		('disdest', 'nhs_data_dictionary', '87', 'Hospital not run by the NHS'),
		('disdest', 'nhs_data_dictionary', '88', 'Hospice'),
		('disdest', 'nhs_data_dictionary', '98', 'Not applicable'),
		('disdest', 'nhs_data_dictionary', '99', 'Not known'),
		('classpat', 'nhs_data_dictionary', '1', 'Ordinary admission'),
		('classpat', 'nhs_data_dictionary', '2', 'Day case'),
		('classpat', 'nhs_data_dictionary', '3', 'Regular day admission'),
		('classpat', 'nhs_data_dictionary', '4', 'Regular night admission'),
		('classpat', 'nhs_data_dictionary', '5', 'Mother and baby using delivery facilities only'),
		('intmanig', 'nhs_data_dictionary', '1', 'At least one night'),
		('intmanig', 'nhs_data_dictionary', '2', 'No overnight stay'),
		('intmanig', 'nhs_data_dictionary', '3', 'Planned sequence, each with a night'),
		('intmanig', 'nhs_data_dictionary', '4', 'Planned sequence, without nights'),
		('intmanig', 'nhs_data_dictionary', '5', 'Planned sequence of nights, returning home by day'),
		('epistat', 'hes', '1', 'Unfinished'),
		('epistat', 'hes', '3', 'Finished'),
		('epitype', 'hes', '1', 'General'),
		('epitype', 'hes', '3', 'Birth'),
		('epitype', 'hes', '2', 'Delivery (from memory, not confirmed against a source)'),
		('epitype', 'hes', '4', 'Formally detained (from memory, not confirmed against a source)'),
		('epitype', 'hes', '5', 'Other delivery (from memory, not confirmed against a source)'),
		('epitype', 'hes', '6', 'Other birth (from memory, not confirmed against a source)'),
		('attended', 'nhs_data_dictionary', '5', 'Attended on time'),
		('attended', 'nhs_data_dictionary', '6', 'Arrived late but was seen'),
		('attended', 'nhs_data_dictionary', '7', 'Arrived late and was not seen'),
		('attended', 'nhs_data_dictionary', '2', 'Cancelled by or for the patient'),
		('attended', 'nhs_data_dictionary', '3', 'Did not attend, without warning'),
		('attended', 'nhs_data_dictionary', '4', 'Cancelled by the provider'),
		('attended', 'nhs_data_dictionary', '0', 'Appointment in the future'),
		('firstatt', 'nhs_data_dictionary', '1', 'First attendance, face to face'),
		('firstatt', 'nhs_data_dictionary', '2', 'Follow-up attendance, face to face'),
		('firstatt', 'nhs_data_dictionary', '3', 'First attendance by telephone or telemedicine'),
		('firstatt', 'nhs_data_dictionary', '4', 'Follow-up attendance by telephone or telemedicine'),
		('firstatt', 'nhs_data_dictionary', '5', 'Referral to treatment clock stop'),
		('op_outcome', 'nhs_data_dictionary', '1', 'Discharged'),
		('op_outcome', 'nhs_data_dictionary', '2', 'Another appointment given'),
		('op_outcome', 'nhs_data_dictionary', '3', 'Appointment to be made later'),
		('refsourc', 'nhs_data_dictionary', '03', 'General practitioner'),
		('refsourc', 'nhs_data_dictionary', '04', 'Emergency department'),
		('refsourc', 'nhs_data_dictionary', '05', 'Consultant, not in an emergency department'),
		('refsourc', 'nhs_data_dictionary', '06', 'Self-referral'),
		('refsourc', 'nhs_data_dictionary', '01', 'Source of referral 01'),
		('refsourc', 'nhs_data_dictionary', '02', 'Source of referral 02'),
		('refsourc', 'nhs_data_dictionary', '07', 'Source of referral 07'),
		('refsourc', 'nhs_data_dictionary', '08', 'Source of referral 08'),
		('refsourc', 'nhs_data_dictionary', '09', 'Source of referral 09'),
		('refsourc', 'nhs_data_dictionary', '10', 'Source of referral 10'),
		('refsourc', 'nhs_data_dictionary', '11', 'Source of referral 11'),
		('refsourc', 'nhs_data_dictionary', '12', 'Source of referral 12'),
		('refsourc', 'nhs_data_dictionary', '13', 'Source of referral 13'),
		('refsourc', 'nhs_data_dictionary', '14', 'Source of referral 14'),
		('refsourc', 'nhs_data_dictionary', '15', 'Source of referral 15'),
		('refsourc', 'nhs_data_dictionary', '16', 'Source of referral 16'),
		('refsourc', 'nhs_data_dictionary', '17', 'Source of referral 17'),
		('refsourc', 'nhs_data_dictionary', '92', 'Source of referral 92'),
		('refsourc', 'nhs_data_dictionary', '93', 'Source of referral 93'),
		('refsourc', 'nhs_data_dictionary', '97', 'Source of referral 97'),
		('department_type', 'nhs_data_dictionary', '01', 'Major emergency department'),
		('department_type', 'nhs_data_dictionary', '02', 'Mono-specialty emergency department'),
		('department_type', 'nhs_data_dictionary', '03', 'Other: urgent treatment centre or minor injury unit'),
		('department_type', 'nhs_data_dictionary', '04', 'Walk-in centre'),
		('department_type', 'nhs_data_dictionary', '05', 'Same day emergency care (pilot)'),
		('attendance_category', 'nhs_data_dictionary', '1', 'Unplanned first attendance'),
		('attendance_category', 'nhs_data_dictionary', '2', 'Unplanned follow-up at this department within 7 days'),
		('attendance_category', 'nhs_data_dictionary', '3', 'Unplanned follow-up, first seen elsewhere'),
		('attendance_category', 'nhs_data_dictionary', '4', 'Planned follow-up'),
		('sex', 'nhs_data_dictionary', '1', 'Male'),
		('sex', 'nhs_data_dictionary', '2', 'Female'),
		('sex', 'nhs_data_dictionary', '9', 'Not specified'),
		('sex', 'nhs_data_dictionary', '0', 'Not known'),
		('ethnos', 'nhs_data_dictionary', 'A', 'White: British (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'B', 'White: Irish (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'C', 'White: any other (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'D', 'Mixed: White and Black Caribbean (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'E', 'Mixed: White and Black African (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'F', 'Mixed: White and Asian (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'G', 'Mixed: any other (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'H', 'Asian or Asian British: Indian (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'J', 'Asian or Asian British: Pakistani (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'K', 'Asian or Asian British: Bangladeshi (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'L', 'Asian or Asian British: any other (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'M', 'Black or Black British: Caribbean (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'N', 'Black or Black British: African (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'P', 'Black or Black British: any other (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'R', 'Other: Chinese (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'S', 'Other: any other (from memory, not confirmed against a source)'),
		('ethnos', 'nhs_data_dictionary', 'Z', 'Not stated'),
		('ethnos', 'nhs_data_dictionary', '99', 'Not known'),
		('nhs_number_status', 'nhs_data_dictionary', '01', 'Present and verified'),
		('nhs_number_status', 'nhs_data_dictionary', '02', 'Present but not traced'),
		('nhs_number_status', 'nhs_data_dictionary', '03', 'Trace required'),
		('nhs_number_status', 'nhs_data_dictionary', '04', 'Trace attempted: no match or several'),
		('nhs_number_status', 'nhs_data_dictionary', '05', 'Trace needs to be resolved: number or detail conflict'),
		('nhs_number_status', 'nhs_data_dictionary', '06', 'Trace in progress'),
		('nhs_number_status', 'nhs_data_dictionary', '07', 'Not present and trace not required'),
		('nhs_number_status', 'nhs_data_dictionary', '08', 'Trace postponed: baby under six weeks'),
		('withheld_identity_reason', 'nhs_data_dictionary', '01', 'Legal or statutory'),
		('withheld_identity_reason', 'nhs_data_dictionary', '02', 'Request of the Caldicott Guardian'),
		('withheld_identity_reason', 'nhs_data_dictionary', '03', 'Request of the patient'),
		('withheld_identity_reason', 'nhs_data_dictionary', '97', 'Other'),
		('team_type', 'nhs_data_dictionary', '12', 'District nursing'),
		('team_type', 'nhs_data_dictionary', '14', 'End of life'),
		('team_type', 'nhs_data_dictionary', '16', 'Health visiting'),
		('team_type', 'nhs_data_dictionary', '18', 'Type 18 (retired 2020)'),
		('team_type', 'nhs_data_dictionary', '19', 'Long-term condition case management'),
		('team_type', 'nhs_data_dictionary', '26', 'Physiotherapy'),
		('team_type', 'nhs_data_dictionary', '27', 'Podiatry'),
		('team_type', 'nhs_data_dictionary', '28', 'Public health'),
		('team_type', 'nhs_data_dictionary', '29', 'Rehabilitation'),
		('team_type', 'nhs_data_dictionary', '43', 'Tissue viability'),
		('team_type', 'nhs_data_dictionary', '45', 'Integrated multidisciplinary team'),
		('team_type', 'nhs_data_dictionary', '47', 'Specialist palliative care'),
		('team_type', 'nhs_data_dictionary', '48', 'Enablement'),
		('team_type', 'nhs_data_dictionary', '49', 'Urgent care'),
		('team_type', 'nhs_data_dictionary', '51', 'Crisis response intermediate care'),
		('team_type', 'nhs_data_dictionary', '52', 'Reablement intermediate care'),
		('team_type', 'nhs_data_dictionary', '53', 'Home-based intermediate care'),
		('team_type', 'nhs_data_dictionary', '54', 'Community bed-based intermediate care'),
		('community_referral_source', 'nhs_data_dictionary', '01', 'General practitioner'),
		('community_referral_source', 'nhs_data_dictionary', '02', 'Self-referral'),
		('community_referral_source', 'nhs_data_dictionary', '05', 'Emergency department'),
		('community_referral_source', 'nhs_data_dictionary', '06', 'Acute hospital'),
		('community_referral_source', 'nhs_data_dictionary', '07', 'Community service'),
		('community_referral_source', 'nhs_data_dictionary', '11', 'Local authority social services'),
		('community_referral_source', 'nhs_data_dictionary', '13', 'Care home'),
		('community_referral_source', 'nhs_data_dictionary', '22', 'Ambulance service'),
		('referral_closure_reason', 'nhs_data_dictionary', '01', 'Admitted elsewhere'),
		('referral_closure_reason', 'nhs_data_dictionary', '02', 'Treatment completed'),
		('referral_closure_reason', 'nhs_data_dictionary', '04', 'No further treatment appropriate'),
		('referral_closure_reason', 'nhs_data_dictionary', '05', 'Did not attend'),
		('referral_closure_reason', 'nhs_data_dictionary', '06', 'Died'),
		('community_referral_reason', 'nhs_data_dictionary', '030', 'Falls risk'),
		('community_referral_reason', 'nhs_data_dictionary', '052', 'Post-operative care'),
		('community_referral_reason', 'nhs_data_dictionary', '053', 'Pressure ulcer'),
		('community_referral_reason', 'nhs_data_dictionary', '056', 'Rehabilitation'),
		('community_referral_reason', 'nhs_data_dictionary', '070', 'Wound care'),
		('consultation_medium', 'nhs_data_dictionary', '01', 'Face to face'),
		('consultation_medium', 'nhs_data_dictionary', '02', 'Telephone'),
		('consultation_medium', 'nhs_data_dictionary', '03', 'Telemedicine'),
		('consultation_medium', 'nhs_data_dictionary', '05', 'E-mail'),
		('consultation_medium', 'nhs_data_dictionary', '08', 'Online message'),
		('community_activity_type', 'nhs_data_dictionary', '02', 'Assessment'),
		('community_activity_type', 'nhs_data_dictionary', '03', 'Clinical intervention'),
		('event_type', 'cld', 'Request', 'Request for support'),
		('event_type', 'cld', 'Assessment', 'Assessment of needs'),
		('event_type', 'cld', 'Service', 'Service provided'),
		('event_type', 'cld', 'Review', 'Review of support'),
		('client_type', 'cld', 'Service User', 'Person with care and support needs'),
		('client_type', 'cld', 'Carer', 'Unpaid carer'),
		('client_type', 'cld', 'Carer known by association', 'Carer whose own needs were not assessed (from memory, not confirmed against a source)'),
		('client_type', 'cld', 'Prospective Service User', 'Person whose eligibility is not decided (from memory, not confirmed against a source)'),
		('client_type', 'cld', 'Prospective Carer', 'Carer whose eligibility is not decided (from memory, not confirmed against a source)'),
		('service_type', 'cld', 'Long Term Support: Nursing Care', 'Long Term Support: Nursing Care'),
		('service_type', 'cld', 'Long Term Support: Residential Care', 'Long Term Support: Residential Care'),
		('service_type', 'cld', 'Long Term Support: Community', 'Long Term Support: Community'),
		('service_type', 'cld', 'Long Term Support: Prison', 'Long Term Support: Prison'),
		('service_type', 'cld', 'Short Term Support: ST-Max', 'Short Term Support: ST-Max'),
		('service_type', 'cld', 'Short Term Support: Ongoing Low Level', 'Short Term Support: Ongoing Low Level'),
		('service_type', 'cld', 'Short Term Support: Other Short Term', 'Short Term Support: Other Short Term'),
		('service_type', 'cld', 'Carer Support', 'Carer Support'),
		('delivery_mechanism', 'cld', 'Direct Payment', 'Direct payment to the person'),
		('delivery_mechanism', 'cld', 'CASSR Managed Personal Budget', 'Personal budget that the authority manages'),
		('delivery_mechanism', 'cld', 'CASSR Commissioned Support', 'Support that the authority commissions'),
		('event_outcome', 'cld', 'Progress to Reablement/ST-Max', 'Precedence 1: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Progress to Assessment', 'Precedence 2: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Admitted to Hospital', 'Precedence 3: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Progress to Re-assessment / Unplanned Review', 'Precedence 4: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Progress to Support Planning / Services', 'Precedence 5: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Progress to End of Life Care', 'Precedence 6: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'No change in package', 'Precedence 7: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Service ended as planned', 'Precedence 8: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Progress to financial assessment', 'Precedence 9: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'Provision of service', 'Precedence 10: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Deceased', 'Precedence 11: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Moved to another LA', 'Precedence 12: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - 100% NHS funded care', 'Precedence 13: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Information & Advice / Signposting only', 'Precedence 14: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Self-funded client', 'Precedence 15: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Support declined', 'Precedence 16: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Support ended - other reason', 'Precedence 17: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - No services offered - other reason', 'Precedence 18: of several outcomes the lowest number counts'),
		('event_outcome', 'cld', 'NFA - Other', 'Precedence 19: of several outcomes the lowest number counts'),
		('clinical_scheme', 'caredata', 'readv2', 'Read codes version 2, five characters'),
		('clinical_scheme', 'caredata', 'ctv3', 'Clinical Terms Version 3'),
		('clinical_scheme', 'caredata', 'snomed', 'SNOMED CT concept or description'),
		('prescription_scheme', 'caredata', 'dmd', 'Dictionary of medicines and devices'),
		('prescription_scheme', 'caredata', 'snomed', 'SNOMED CT'),
		('prescription_scheme', 'caredata', 'readv2', 'Read codes version 2, drug chapters'),
		('prescription_scheme', 'caredata', 'ctv3', 'Clinical Terms Version 3');
END
$$;
REVOKE ALL ON FUNCTION caredata.install_code_lists() FROM PUBLIC;
COMMENT ON FUNCTION caredata.install_code_lists() IS
	'Fills care.code_list with the codes of coded fields; part of create_care_database()';

CREATE FUNCTION caredata.create_care_database() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_schema name;
	v_dataset name;
	v_database name := current_database();
	v_search_path text;
BEGIN
	-- Everybody may call this, so that everybody is told why they may not; it
	-- runs with the caller's rights.
	IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
		RAISE EXCEPTION 'permission denied to create a care database'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Only a superuser may create a care database.';
	END IF;
	IF to_regclass('care.person') IS NOT NULL
	   AND to_regclass('care_identity.person') IS NOT NULL THEN
		RAISE EXCEPTION 'this database is already a care database'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Nothing was changed. After an upgrade call caredata.grant_roles().';
	END IF;
	SELECT n.nspname INTO v_schema FROM pg_namespace n
	WHERE n.nspname IN ('care', 'care_identity', 'care_landing')
	ORDER BY n.nspname LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'schema "%" already exists', v_schema
			USING ERRCODE = 'duplicate_schema',
				  HINT = 'A care database needs the schemas care, care_identity and care_landing for itself: use another database, or rename this schema.';
	END IF;
	IF EXISTS (SELECT FROM caredata.dataset d
			   WHERE d.dataset = ANY (ARRAY['person', 'gp_registration', 'gp_event',
											'gp_prescription', 'apc_episode',
											'op_attendance', 'ed_attendance',
											'community_contact', 'social_care_event',
											'death']::name[])) THEN
		RAISE EXCEPTION 'a dataset with the name of a standard dataset is already defined'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'Remove it with caredata.forget_dataset(); the standard datasets come first.';
	END IF;

	PERFORM caredata.create_roles();

	CREATE SCHEMA care_landing;
	COMMENT ON SCHEMA care_landing IS
		'Rows as received: text, identifiable, empty once loaded; and the rows that could not be used';
	CREATE SCHEMA care_identity;
	COMMENT ON SCHEMA care_identity IS
		'Persons, their identifiers and their objections; never part of a release';
	CREATE SCHEMA care;
	COMMENT ON SCHEMA care IS
		'Care tables by person, read only through the views of a release; and reference tables, open to all';

	-- Default privileges may have given these away already.
	REVOKE ALL ON SCHEMA care_landing, care_identity, care FROM PUBLIC;
	GRANT USAGE ON SCHEMA care_landing TO caredata_loader;
	GRANT USAGE ON SCHEMA care_identity TO caredata_linker;
	GRANT USAGE ON SCHEMA care TO PUBLIC;

	PERFORM caredata.create_identity_tables();
	PERFORM caredata.create_reference_tables();
	PERFORM caredata.install_code_lists();
	PERFORM caredata.define_standard_datasets();
	FOR v_dataset IN SELECT d.dataset FROM caredata.dataset d ORDER BY d.dataset::text COLLATE "C"
	LOOP
		PERFORM caredata.create_dataset(v_dataset);
	END LOOP;
	PERFORM caredata.grant_roles();

	-- BI tools set no search path, and equality of pseudonyms is found by it.
	SELECT substr(s.setting, length('search_path=') + 1) INTO v_search_path
	FROM pg_db_role_setting d, unnest(d.setconfig) AS s (setting)
	WHERE d.setdatabase = (SELECT b.oid FROM pg_database b WHERE b.datname = v_database)
	  AND d.setrole = 0
	  AND s.setting LIKE 'search\_path=%';
	IF v_search_path IS NULL THEN
		v_search_path := '"$user", public';
	END IF;
	IF NOT 'caredata' = ANY (regexp_split_to_array(v_search_path, '\s*,\s*')) THEN
		PERFORM set_config('search_path', v_search_path || ', caredata', true);
		EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path FROM CURRENT', v_database);
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	END IF;

	-- An object planted in public would be found before ours.
	IF EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
			   WHERE n.nspname = 'public' AND a.grantee = 0
				 AND a.privilege_type = 'CREATE') THEN
		REVOKE CREATE ON SCHEMA public FROM PUBLIC;
	END IF;
END
$$;
COMMENT ON FUNCTION caredata.create_care_database() IS
	'Turns the current database into a care database: roles, schemas, tables, code lists, search path; once, by a superuser';

CREATE FUNCTION caredata.ensure_partitions(dataset name, from_date date, to_date date)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- Hospital episode statistics begin with 1989/90. Older dates, and those
	-- too far ahead to be anything but mistakes, stay in the default partition.
	c_first CONSTANT date := DATE '1989-04-01';
	c_last CONSTANT date :=
		(caredata.financial_year_start(CURRENT_DATE) + INTERVAL '2 years')::date;
	v_dataset caredata.dataset;
	v_parent text;
	v_default text;
	v_partition text;
	v_start date;
	v_end date;
	v_made integer := 0;
BEGIN
	SELECT d.* INTO v_dataset FROM caredata.dataset d
	WHERE d.dataset = ensure_partitions.dataset;
	IF NOT FOUND OR to_regclass(format('care.%I', dataset)) IS NULL THEN
		RAISE EXCEPTION 'dataset "%" does not exist', dataset
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.dataset lists the datasets.';
	END IF;
	IF from_date > to_date THEN
		RAISE EXCEPTION 'partitions cannot end before they start'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the earlier date first.';
	END IF;
	IF v_dataset.partition_column IS NULL OR from_date IS NULL OR to_date IS NULL THEN
		RETURN 0;
	END IF;

	v_parent := format('care.%I', dataset);
	v_default := format('care.%I', dataset || '_default');
	v_start := greatest(caredata.financial_year_start(from_date), c_first);
	WHILE v_start <= least(to_date, c_last) LOOP
		v_end := (v_start + INTERVAL '1 year')::date;
		v_partition := format('care.%I', format('%s_%s_%s', dataset,
							  to_char(v_start, 'YYYY'), to_char(v_end, 'YY')));
		IF to_regclass(v_partition) IS NULL THEN
			-- Two loads may want the same year; readers are not disturbed.
			EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', v_parent);
			IF to_regclass(v_partition) IS NULL THEN
				EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS INCLUDING STORAGE)',
							   v_partition, v_parent);
				PERFORM caredata.protect_table(v_partition::regclass);
				EXECUTE format('COMMENT ON TABLE %s IS %L', v_partition,
							   format('%s: financial year %s/%s', v_dataset.title,
									  to_char(v_start, 'YYYY'), to_char(v_end, 'YY')));
				EXECUTE format('WITH moved AS (DELETE FROM %1$s WHERE %2$I >= %4$L AND %2$I < %5$L RETURNING *) INSERT INTO %3$s SELECT * FROM moved',
							   v_default, v_dataset.partition_column, v_partition, v_start, v_end);
				EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
							   v_parent, v_partition, v_start, v_end);
				v_made := v_made + 1;
			END IF;
		END IF;
		v_start := v_end;
	END LOOP;
	RETURN v_made;
END
$$;
REVOKE ALL ON FUNCTION caredata.ensure_partitions(name, date, date) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.ensure_partitions(name, date, date)'),
	('caredata_loader', 'caredata.ensure_partitions(name, date, date)');
COMMENT ON FUNCTION caredata.ensure_partitions(name, date, date) IS
	'Makes the partitions of the financial years between two dates that are missing, and returns how many it made';
