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

CREATE PROCEDURE caredata.load_practices()
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	PERFORM caredata.begin_reference_load('care_landing.epraccur');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.epraccur l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record, l.organisation_code,
			   caredata.try_code(l.organisation_code, 'ods') AS practice_code,
			   caredata.try_text(l.name, 200) AS practice_name,
			   nullif(btrim(l.postcode), '') AS landed_postcode,
			   caredata.try_postcode(l.postcode)::text AS postcode,
			   nullif(btrim(l.open_date), '') AS landed_open,
			   caredata.try_date(l.open_date) AS opened_on,
			   nullif(btrim(l.close_date), '') AS landed_close,
			   caredata.try_date(l.close_date) AS closed_on,
			   (SELECT s.description FROM care.code_list s
				WHERE s.code_list = 'practice_status' AND s.scheme = 'ods'
				  AND s.code = btrim(l.status_code)) AS status,
			   nullif(btrim(l.commissioner), '') AS landed_commissioner,
			   caredata.try_code(l.commissioner, 'ods') AS commissioner_code,
			   count(*) OVER (PARTITION BY caredata.try_code(l.organisation_code, 'ods')) AS copies,
			   count(*) OVER (PARTITION BY l.record) AS same_copies
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.practice_code IS NULL THEN 'organisation_code: not an ODS code' END,
			CASE WHEN t.practice_code IN (SELECT d.code FROM caredata.default_ods_code d)
				 THEN 'organisation_code: a default code, no practice' END,
			CASE WHEN t.copies <> t.same_copies AND t.practice_code IS NOT NULL
				 THEN 'organisation_code: twice in the file with different content' END,
			CASE WHEN t.practice_name IS NULL THEN 'name: missing or unreadable' END,
			CASE WHEN t.landed_postcode IS NOT NULL AND t.postcode IS NULL
				 THEN 'postcode: not a postcode' END,
			CASE WHEN t.landed_open IS NOT NULL AND t.opened_on IS NULL
				 THEN 'open_date: not a date' END,
			CASE WHEN t.landed_close IS NOT NULL AND t.closed_on IS NULL
				 THEN 'close_date: not a date' END,
			CASE WHEN t.closed_on < t.opened_on THEN 'close_date: before open_date' END,
			CASE WHEN t.status IS NULL THEN 'status_code: not in code list practice_status' END,
			CASE WHEN t.landed_commissioner IS NOT NULL AND t.commissioner_code IS NULL
				 THEN 'commissioner: not an ODS code' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.practice_code
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR EXISTS (
			SELECT FROM care.practice p
			WHERE p.practice_code = s.practice_code
			  AND (p.name, p.postcode, p.opened_on, p.closed_on, p.status, p.commissioner_code)
				  IS NOT DISTINCT FROM
				  (s.practice_name, s.postcode, s.opened_on, s.closed_on, s.status, s.commissioner_code))
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), stored AS (
		INSERT INTO care.practice
			(practice_code, name, postcode, opened_on, closed_on, status, commissioner_code)
		SELECT s.practice_code, s.practice_name, s.postcode, s.opened_on, s.closed_on,
			   s.status, s.commissioner_code
		FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
		ON CONFLICT (practice_code) DO UPDATE
		SET name = excluded.name, postcode = excluded.postcode,
			opened_on = excluded.opened_on, closed_on = excluded.closed_on,
			status = excluded.status, commissioner_code = excluded.commissioner_code
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	-- A practice may name a commissioner whose history has not been loaded.
	INSERT INTO care.commissioner (commissioner_code)
	SELECT DISTINCT p.commissioner_code FROM care.practice p
	WHERE p.commissioner_code IS NOT NULL
	ON CONFLICT DO NOTHING;

	-- A practice that changed its commissioner changes whose population its
	-- patients are in.
	IF v_stored > 0 THEN
		PERFORM caredata.refresh_visible_sets();
	END IF;

	TRUNCATE care_landing.epraccur;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'practice', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_practices() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_practices()');
COMMENT ON PROCEDURE caredata.load_practices() IS
	'Loads GP practices from care_landing.epraccur into care.practice, and the commissioners they belong to';

CREATE PROCEDURE caredata.load_practice_commissioners()
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	PERFORM caredata.begin_reference_load('care_landing.epcmem');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.epcmem l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record,
			   caredata.try_code(l.practice_code, 'ods') AS practice_code,
			   caredata.try_code(l.commissioner_code, 'ods') AS commissioner_code,
			   caredata.try_date(l.from_date) AS from_date,
			   nullif(btrim(l.to_date), '') AS landed_to,
			   caredata.try_date(l.to_date) AS to_date,
			   count(*) OVER (PARTITION BY caredata.try_code(l.practice_code, 'ods'),
										   caredata.try_code(l.commissioner_code, 'ods'),
										   caredata.try_date(l.from_date)) AS copies,
			   count(*) OVER (PARTITION BY caredata.try_code(l.practice_code, 'ods'),
										   caredata.try_code(l.commissioner_code, 'ods'),
										   caredata.try_date(l.from_date),
										   caredata.try_date(l.to_date)) AS same_copies
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.practice_code IS NULL THEN 'practice_code: not an ODS code' END,
			CASE WHEN t.practice_code IN (SELECT d.code FROM caredata.default_ods_code d)
				 THEN 'practice_code: a default code, no practice' END,
			CASE WHEN t.commissioner_code IS NULL THEN 'commissioner_code: not an ODS code' END,
			CASE WHEN t.from_date IS NULL THEN 'from_date: missing or not a date' END,
			CASE WHEN t.landed_to IS NOT NULL AND t.to_date IS NULL
				 THEN 'to_date: not a date' END,
			CASE WHEN t.to_date < t.from_date THEN 'to_date: before from_date' END,
			CASE WHEN t.copies <> t.same_copies AND t.practice_code IS NOT NULL
					  AND t.commissioner_code IS NOT NULL AND t.from_date IS NOT NULL
				 THEN 'to_date: two ends for the same start in the file' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.practice_code, c.commissioner_code, c.from_date
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR EXISTS (
			SELECT FROM care.practice_commissioner p
			WHERE p.practice_code = s.practice_code
			  AND p.commissioner_code = s.commissioner_code
			  AND p.from_date = s.from_date
			  AND p.to_date IS NOT DISTINCT FROM s.to_date)
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), stored AS (
		INSERT INTO care.practice_commissioner
			(practice_code, commissioner_code, from_date, to_date)
		SELECT s.practice_code, s.commissioner_code, s.from_date, s.to_date
		FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
		ON CONFLICT (practice_code, commissioner_code, from_date) DO UPDATE
		SET to_date = excluded.to_date
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	-- The file has neither names nor kinds of commissioner. Clinical
	-- commissioning groups began on 1 April 2013 and became sub-ICB locations
	-- on 1 July 2022; what came before, and health boards, have no kind here.
	INSERT INTO care.commissioner AS c (commissioner_code, kind, opened_on, closed_on)
	SELECT m.commissioner_code,
		   CASE
			   WHEN m.commissioner_code !~ '^[0-9]{2}[A-Z]$'
					OR min(m.from_date) < DATE '2013-04-01' THEN NULL
			   WHEN min(m.from_date) < DATE '2022-07-01' THEN 'ccg'
			   ELSE 'sub_icb'
		   END,
		   min(m.from_date),
		   CASE WHEN bool_and(m.to_date IS NOT NULL) THEN max(m.to_date) END
	FROM care.practice_commissioner m
	GROUP BY m.commissioner_code
	ON CONFLICT (commissioner_code) DO UPDATE
	SET kind = coalesce(c.kind, excluded.kind),
		opened_on = excluded.opened_on,
		closed_on = excluded.closed_on
	WHERE (c.kind, c.opened_on, c.closed_on) IS DISTINCT FROM
		  (coalesce(c.kind, excluded.kind), excluded.opened_on, excluded.closed_on);

	TRUNCATE care_landing.epcmem;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'practice_commissioner', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_practice_commissioners() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_practice_commissioners()');
COMMENT ON PROCEDURE caredata.load_practice_commissioners() IS
	'Loads the history of practices and commissioners from care_landing.epcmem into care.practice_commissioner, and the commissioners it names';

CREATE PROCEDURE caredata.load_local_authorities()
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	PERFORM caredata.begin_reference_load('care_landing.local_authority');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.local_authority l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record,
			   upper(caredata.try_text(l.ladcd, 9)) AS code,
			   caredata.try_text(l.ladnm, 200) AS authority,
			   upper(caredata.try_text(l.utlacd, 9)) AS upper_tier_code,
			   upper(caredata.try_text(l.rgncd, 9)) AS region_code,
			   caredata.try_text(l.rgnnm, 200) AS region,
			   upper(caredata.try_text(l.ctrycd, 9)) AS country_code,
			   upper(caredata.try_text(l.ladcd_active, 9)) AS current_code,
			   caredata.try_boolean(l.current) AS is_current,
			   count(*) OVER (PARTITION BY upper(btrim(l.ladcd))) AS copies,
			   count(*) OVER (PARTITION BY l.record) AS same_copies
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.code IS NULL OR t.code !~ '^[EWSNJKLM][0-9]{8}$'
				 THEN 'ladcd: not an ONS code' END,
			CASE WHEN t.copies <> t.same_copies AND t.code IS NOT NULL
				 THEN 'ladcd: twice in the file with different content' END,
			CASE WHEN t.authority IS NULL THEN 'ladnm: missing or unreadable' END,
			CASE WHEN t.is_current IS NULL THEN 'current: missing or neither true nor false' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.code
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR EXISTS (
			SELECT FROM care.local_authority a
			WHERE a.local_authority_code = s.code
			  AND (a.name, a.upper_tier_code, a.region_code, a.region, a.country_code,
				   a.current_code, a.is_current)
				  IS NOT DISTINCT FROM
				  (s.authority, s.upper_tier_code, s.region_code, s.region, s.country_code,
				   s.current_code, s.is_current))
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), stored AS (
		INSERT INTO care.local_authority
			(local_authority_code, name, upper_tier_code, region_code, region,
			 country_code, current_code, is_current)
		SELECT s.code, s.authority, s.upper_tier_code, s.region_code, s.region,
			   s.country_code, s.current_code, s.is_current
		FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
		ON CONFLICT (local_authority_code) DO UPDATE
		SET name = excluded.name, upper_tier_code = excluded.upper_tier_code,
			region_code = excluded.region_code, region = excluded.region,
			country_code = excluded.country_code, current_code = excluded.current_code,
			is_current = excluded.is_current
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	TRUNCATE care_landing.local_authority;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'local_authority', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_local_authorities() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_local_authorities()');
COMMENT ON PROCEDURE caredata.load_local_authorities() IS
	'Loads local authorities from care_landing.local_authority into care.local_authority';

CREATE PROCEDURE caredata.load_lsoas()
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	PERFORM caredata.begin_reference_load('care_landing.lsoa');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.lsoa l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record,
			   caredata.try_code(l.lsoacd, 'lsoa') AS lsoa_code,
			   nullif(btrim(l.latitude), '') AS landed_latitude,
			   caredata.try_float8(l.latitude) AS latitude,
			   nullif(btrim(l.longitude), '') AS landed_longitude,
			   caredata.try_float8(l.longitude) AS longitude,
			   count(*) OVER (PARTITION BY caredata.try_code(l.lsoacd, 'lsoa')) AS copies,
			   count(*) OVER (PARTITION BY l.record) AS same_copies
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.lsoa_code IS NULL THEN 'lsoacd: not an LSOA code' END,
			CASE WHEN t.lsoa_code LIKE '_99999999' THEN 'lsoacd: a code for no area' END,
			CASE WHEN t.copies <> t.same_copies AND t.lsoa_code IS NOT NULL
				 THEN 'lsoacd: twice in the file with different content' END,
			CASE WHEN t.landed_latitude IS NOT NULL
					  AND coalesce(t.latitude NOT BETWEEN 49 AND 61, true)
				 THEN 'latitude: not one of the United Kingdom' END,
			CASE WHEN t.landed_longitude IS NOT NULL
					  AND coalesce(t.longitude NOT BETWEEN -9 AND 2, true)
				 THEN 'longitude: not one of the United Kingdom' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.lsoa_code
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR EXISTS (
			SELECT FROM care.lsoa a
			WHERE a.lsoa_code = s.lsoa_code
			  AND (a.latitude, a.longitude) IS NOT DISTINCT FROM (s.latitude, s.longitude))
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), stored AS (
		INSERT INTO care.lsoa (lsoa_code, latitude, longitude)
		SELECT s.lsoa_code, s.latitude, s.longitude
		FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
		ON CONFLICT (lsoa_code) DO UPDATE
		SET latitude = excluded.latitude, longitude = excluded.longitude
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	TRUNCATE care_landing.lsoa;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'lsoa', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_lsoas() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_lsoas()');
COMMENT ON PROCEDURE caredata.load_lsoas() IS
	'Loads lower layer super output areas from care_landing.lsoa into care.lsoa';

CREATE PROCEDURE caredata.load_lsoa_lookup()
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	PERFORM caredata.begin_reference_load('care_landing.lsoa_lookup');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.lsoa_lookup l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record,
			   caredata.try_code(l.lsoa_code, 'lsoa') AS lsoa_code,
			   nullif(btrim(l.name), '') AS landed_name,
			   caredata.try_text(l.name, 200) AS area,
			   nullif(btrim(l.msoa_code), '') AS landed_msoa,
			   upper(btrim(l.msoa_code)) AS msoa_code,
			   nullif(btrim(l.local_authority_code), '') AS landed_authority,
			   upper(btrim(l.local_authority_code)) AS authority_code,
			   nullif(btrim(l.imd_decile), '') AS landed_decile,
			   caredata.try_smallint(l.imd_decile) AS decile,
			   count(*) OVER (PARTITION BY caredata.try_code(l.lsoa_code, 'lsoa')) AS copies,
			   count(*) OVER (PARTITION BY l.record) AS same_copies
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.lsoa_code IS NULL THEN 'lsoa_code: not an LSOA code' END,
			CASE WHEN t.lsoa_code LIKE '_99999999' THEN 'lsoa_code: a code for no area' END,
			CASE WHEN t.copies <> t.same_copies AND t.lsoa_code IS NOT NULL
				 THEN 'lsoa_code: twice in the file with different content' END,
			CASE WHEN t.landed_name IS NOT NULL AND t.area IS NULL
				 THEN 'name: unreadable' END,
			CASE WHEN t.landed_msoa IS NOT NULL
					  AND (t.msoa_code !~ '^[EWSN][0-9]{8}$' OR t.msoa_code = t.lsoa_code)
				 THEN 'msoa_code: not an MSOA code' END,
			CASE WHEN t.landed_authority IS NOT NULL
					  AND t.authority_code !~ '^[EWSN][0-9]{8}$'
				 THEN 'local_authority_code: not an ONS code' END,
			CASE WHEN t.landed_decile IS NOT NULL
					  AND coalesce(t.decile NOT BETWEEN 1 AND 10, true)
				 THEN 'imd_decile: not from 1 to 10' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.lsoa_code
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR EXISTS (
			SELECT FROM care.lsoa a
			WHERE a.lsoa_code = s.lsoa_code
			  AND (a.name, a.msoa_code, a.local_authority_code, a.imd_decile)
				  IS NOT DISTINCT FROM
				  (s.area, nullif(s.msoa_code, ''), nullif(s.authority_code, ''), s.decile))
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), stored AS (
		INSERT INTO care.lsoa
			(lsoa_code, name, msoa_code, local_authority_code, imd_decile)
		SELECT s.lsoa_code, s.area, nullif(s.msoa_code, ''), nullif(s.authority_code, ''),
			   s.decile
		FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
		ON CONFLICT (lsoa_code) DO UPDATE
		SET name = excluded.name, msoa_code = excluded.msoa_code,
			local_authority_code = excluded.local_authority_code,
			imd_decile = excluded.imd_decile
		RETURNING 1
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	TRUNCATE care_landing.lsoa_lookup;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'lsoa_lookup', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_lsoa_lookup() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_lsoa_lookup()');
COMMENT ON PROCEDURE caredata.load_lsoa_lookup() IS
	'Loads the names, MSOAs, districts and deprivation deciles of LSOAs from care_landing.lsoa_lookup into care.lsoa; releases show an LSOA as its MSOA or district by them';

CREATE PROCEDURE caredata.load_condition_codes(scheme text)
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_id integer := nextval('caredata.reference_load_reference_load_id_seq');
	v_landed bigint;
	v_stored bigint;
	v_withheld bigint;
	v_quarantined bigint;
BEGIN
	IF scheme IS NULL
	   OR scheme NOT IN ('readv2', 'ctv3', 'snomed', 'icd10', 'opcs4', 'dmd') THEN
		RAISE EXCEPTION 'unrecognised coding scheme'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Coding schemes are readv2, ctv3, snomed, icd10, opcs4 and dmd.';
	END IF;
	PERFORM caredata.begin_reference_load('care_landing.condition_code');

	WITH landed AS MATERIALIZED (
		SELECT l.ctid AS arrival, to_jsonb(l) AS record, l.*
		FROM care_landing.condition_code l
	), typed AS MATERIALIZED (
		SELECT l.arrival, l.record,
			   CASE
				   -- Three characters are a whole category, not a code to fill.
				   WHEN scheme IN ('icd10', 'opcs4')
						AND upper(btrim(l.code)) ~ '^[A-Z][0-9]{2}$' THEN upper(btrim(l.code))
				   WHEN scheme IN ('readv2', 'ctv3') THEN caredata.try_code(l.code, 'clinical')
				   WHEN scheme = 'dmd' THEN caredata.try_code(l.code, 'snomed')
				   ELSE caredata.try_code(l.code, scheme)
			   END AS stored_code,
			   caredata.try_text(l.description, 1000) AS term,
			   caredata.try_text(l.condition, 200) AS condition_list,
			   nullif(btrim(l.sub_condition), '') AS landed_sub_condition,
			   nullif(caredata.try_text(l.sub_condition, 200),
					  caredata.try_text(l.condition, 200)) AS sub_condition
		FROM landed l
	), checked AS MATERIALIZED (
		SELECT t.*, array_remove(ARRAY[
			CASE WHEN t.stored_code IS NULL THEN 'code: not a code of the scheme' END,
			CASE WHEN t.term IS NULL THEN 'description: missing or unreadable' END,
			CASE WHEN t.condition_list IS NULL THEN 'condition: missing or unreadable' END,
			CASE WHEN t.landed_sub_condition IS NOT NULL
					  AND caredata.try_text(t.landed_sub_condition, 200) IS NULL
				 THEN 'sub_condition: unreadable' END
		], NULL) AS reasons
		FROM typed t
	), sound AS MATERIALIZED (
		SELECT c.*,
			   row_number() OVER (PARTITION BY c.stored_code, c.condition_list, c.sub_condition
								  ORDER BY c.arrival) AS copy
		FROM checked c
		WHERE c.reasons = '{}'
	), known AS MATERIALIZED (
		SELECT s.arrival
		FROM sound s
		WHERE s.copy > 1 OR NOT EXISTS (
			SELECT FROM unnest(ARRAY[s.condition_list,
									 s.condition_list || ': ' || s.sub_condition]) AS n (list)
			WHERE n.list IS NOT NULL
			  AND NOT EXISTS (SELECT FROM care.code_list e
							  WHERE e.code_list = n.list
								AND e.scheme = load_condition_codes.scheme
								AND e.code = s.stored_code))
	), put_aside AS (
		INSERT INTO care_landing.reference_quarantine (reference_load_id, record, reasons)
		SELECT v_id, c.record, c.reasons FROM checked c WHERE c.reasons <> '{}'
		ORDER BY c.arrival
		RETURNING 1
	), added AS (
		-- A code may have several terms; the first that came is kept.
		INSERT INTO care.code_list (code_list, scheme, code, description)
		SELECT DISTINCT ON (n.list, s.stored_code)
			   n.list, load_condition_codes.scheme, s.stored_code, s.term
		FROM sound s,
			 unnest(ARRAY[s.condition_list,
						  s.condition_list || ': ' || s.sub_condition]) AS n (list)
		WHERE n.list IS NOT NULL
		  AND s.arrival NOT IN (SELECT k.arrival FROM known k)
		ORDER BY n.list, s.stored_code, s.arrival
		ON CONFLICT DO NOTHING
	), stored AS (
		SELECT s.arrival FROM sound s
		WHERE s.arrival NOT IN (SELECT k.arrival FROM known k)
	)
	SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM stored),
		   (SELECT count(*) FROM known), (SELECT count(*) FROM put_aside)
	INTO v_landed, v_stored, v_withheld, v_quarantined;

	TRUNCATE care_landing.condition_code;
	INSERT INTO caredata.reference_load
		(reference_load_id, reference, loaded_by, landed, stored, withheld, quarantined)
	OVERRIDING SYSTEM VALUE
	VALUES (v_id, 'condition_code', session_user, v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_condition_codes(text) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_condition_codes(text)');
COMMENT ON PROCEDURE caredata.load_condition_codes(text) IS
	'Loads the clinical codes of long-term conditions from care_landing.condition_code into care.code_list, under the condition and, where it is narrower, the sub-condition';
