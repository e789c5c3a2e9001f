-- ---------------------------------------------------------------------------
-- Loading the clinical codes of long-term conditions.
-- ---------------------------------------------------------------------------

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

	PERFORM caredata.end_reference_load(v_id, 'condition_code', 'care_landing.condition_code', v_landed, v_stored, v_withheld, v_quarantined);
END
$$;
REVOKE ALL ON PROCEDURE caredata.load_condition_codes(text) FROM PUBLIC;
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.load_condition_codes(text)');
COMMENT ON PROCEDURE caredata.load_condition_codes(text) IS
	'Loads the clinical codes of long-term conditions from care_landing.condition_code into care.code_list, under the condition and, where it is narrower, the sub-condition';
