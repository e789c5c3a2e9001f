-- ---------------------------------------------------------------------------
-- Loading reference data of areas: local authorities, LSOAs, and how they nest.
-- ---------------------------------------------------------------------------

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

	PERFORM caredata.end_reference_load(v_id, 'local_authority', 'care_landing.local_authority', v_landed, v_stored, v_withheld, v_quarantined);
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

	PERFORM caredata.end_reference_load(v_id, 'lsoa', 'care_landing.lsoa', v_landed, v_stored, v_withheld, v_quarantined);
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

	PERFORM caredata.end_reference_load(v_id, 'lsoa_lookup', 'care_landing.lsoa_lookup', v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_lsoa_lookup() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_lsoa_lookup()');
COMMENT ON PROCEDURE caredata.load_lsoa_lookup() IS
	'Loads the names, MSOAs, districts and deprivation deciles of LSOAs from care_landing.lsoa_lookup into care.lsoa; releases show an LSOA as its MSOA or district by them';
