-- ---------------------------------------------------------------------------
-- Loading reference data of practices and of the commissioners they belonged to.
-- ---------------------------------------------------------------------------

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

	PERFORM caredata.end_reference_load(v_id, 'practice', 'care_landing.epraccur', v_landed, v_stored, v_withheld, v_quarantined);
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

	PERFORM caredata.end_reference_load(v_id, 'practice_commissioner', 'care_landing.epcmem', v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_practice_commissioners() FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_practice_commissioners()');
COMMENT ON PROCEDURE caredata.load_practice_commissioners() IS
	'Loads the history of practices and commissioners from care_landing.epcmem into care.practice_commissioner, and the commissioners it names';
