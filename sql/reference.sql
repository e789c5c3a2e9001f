-- ---------------------------------------------------------------------------
-- Reference data: organisations, places and codes. Published facts about no
-- person, so everybody may read them. Files go by COPY into landing tables of
-- their shape; each loader types every field, puts aside what it cannot use
-- with the reason, and accounts for every row.
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

	-- The shape of each file. The names of the ODS columns are the project's
	-- reading: the files come without.
	CREATE TABLE care_landing.epraccur (
		organisation_code text, name text, national_grouping text,
		high_level_health_geography text, address_line_1 text, address_line_2 text,
		address_line_3 text, address_line_4 text, address_line_5 text, postcode text,
		open_date text, close_date text, status_code text, sub_type_code text,
		commissioner text, join_date text, left_date text, telephone text,
		unused_1 text, unused_2 text, unused_3 text, amended text, unused_4 text,
		provider_purchaser text, unused_5 text, prescribing_setting text, unused_6 text
	);
	COMMENT ON TABLE care_landing.epraccur IS
		'ODS file epraccur.csv as received, 27 columns without header; for caredata.load_practices()';
	CREATE TABLE care_landing.epcmem (
		practice_code text, commissioner_code text, relationship_type text,
		from_date text, to_date text, amended text
	);
	COMMENT ON TABLE care_landing.epcmem IS
		'ODS file epcmem.csv as received, 6 columns without header; for caredata.load_practice_commissioners()';
	CREATE TABLE care_landing.local_authority (
		ladcd text, ladnm text, ladcd_active text, ladnm_active text, utlacd text,
		utlanm text, cauthcd text, cauthnm text, rgncd text, rgnnm text, ctrycd text,
		ctrynm text, ewcd text, ewnm text, gbcd text, gbnm text, ukcd text, uknm text,
		current text, lad20cd text, lad20nm text
	);
	COMMENT ON TABLE care_landing.local_authority IS
		'File la_all_codes.csv as received, 21 columns with header; for caredata.load_local_authorities()';
	CREATE TABLE care_landing.lsoa (
		lsoacd text, latitude text, longitude text, lsoa11cd text
	);
	COMMENT ON TABLE care_landing.lsoa IS
		'File lsoa_latlong.csv as received, 4 columns with header; for caredata.load_lsoas()';
	CREATE TABLE care_landing.lsoa_lookup (
		lsoa_code text, name text, msoa_code text, local_authority_code text,
		imd_decile text
	);
	COMMENT ON TABLE care_landing.lsoa_lookup IS
		'Names, MSOAs, districts and deprivation deciles of LSOAs; for caredata.load_lsoa_lookup()';
	CREATE TABLE care_landing.condition_code (
		code text, description text, condition text, sub_condition text, diagnosis text
	);
	COMMENT ON TABLE care_landing.condition_code IS
		'Code list files of long-term conditions as received, 4 or 5 columns with header; for caredata.load_condition_codes()';
	CREATE TABLE care_landing.reference_quarantine (
		reference_load_id  integer NOT NULL,
		record             jsonb NOT NULL,
		reasons            text[] NOT NULL
	);
	CREATE INDEX ON care_landing.reference_quarantine (reference_load_id);
	COMMENT ON TABLE care_landing.reference_quarantine IS
		'Rows of reference files that could not be used, as received, with the reasons';

	FOREACH v_table IN ARRAY ARRAY['epraccur', 'epcmem', 'local_authority', 'lsoa',
								   'lsoa_lookup', 'condition_code', 'reference_quarantine']
	LOOP
		PERFORM caredata.lock_table(format('care_landing.%I', v_table)::regclass);
		EXECUTE format('GRANT SELECT, INSERT, TRUNCATE ON care_landing.%I TO caredata_loader', v_table);
	END LOOP;
	REVOKE INSERT ON care_landing.reference_quarantine FROM caredata_loader;

	FOREACH v_table IN ARRAY ARRAY['commissioner', 'practice', 'practice_commissioner',
								   'provider', 'local_authority', 'lsoa', 'code_list']
	LOOP
		-- Published facts about organisations, places and codes, of no person.
		PERFORM caredata.lock_table(format('care.%I', v_table)::regclass);
		EXECUTE format('GRANT SELECT ON care.%I TO PUBLIC', v_table);
	END LOOP;

	-- Whoever writes releases may add codes and names, but not say which
	-- practice or area a population takes in: those come from files.
	GRANT INSERT, UPDATE, DELETE ON care.code_list, care.provider TO caredata_admin;
	GRANT UPDATE (name, kind) ON care.commissioner TO caredata_admin;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_reference_tables() FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_reference_tables() IS
	'Makes the reference tables of schema care; part of create_care_database()';

CREATE FUNCTION caredata.begin_reference_load(landing regclass) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_any boolean;
BEGIN
	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', landing);
	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', landing) INTO v_any;
	IF NOT v_any THEN
		RAISE EXCEPTION 'landing table % is empty', landing
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'COPY the file into it first; loading empties it.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.begin_reference_load(regclass) FROM PUBLIC;
COMMENT ON FUNCTION caredata.begin_reference_load(regclass) IS
	'Holds a landing table still for the length of a reference load, and raises if there is nothing in it';

CREATE FUNCTION caredata.end_reference_load(load_id integer, reference text, landing regclass,
	landed bigint, stored bigint, withheld bigint, quarantined bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('TRUNCATE %s', landing);
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (load_id, end_reference_load.reference, session_user, end_reference_load.landed,
			end_reference_load.stored, end_reference_load.withheld, end_reference_load.quarantined);
END
$$;
REVOKE ALL ON FUNCTION caredata.end_reference_load(integer, text, regclass, bigint, bigint, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.end_reference_load(integer, text, regclass, bigint, bigint, bigint, bigint) IS
	'Empties the landing table of a reference load and accounts for its rows';
