-- ---------------------------------------------------------------------------
-- Quarantined rows: corrected, landed again or discarded, and counted.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.correct_quarantined(quarantine_id bigint, column_name name,
											 value text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	v_row record;
BEGIN
	SELECT q.load_id, q.dataset INTO v_row
	FROM care_landing.quarantine q
	WHERE q.quarantine_id = correct_quarantined.quarantine_id
	FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such quarantined row'
			USING ERRCODE = 'no_data_found',
				  HINT = 'care_landing.quarantine lists them; rows that were landed again or discarded are gone.';
	END IF;
	IF NOT EXISTS (SELECT FROM caredata.dataset_column c
				   WHERE c.dataset = v_row.dataset
					 AND c.column_name = correct_quarantined.column_name) THEN
		RAISE EXCEPTION 'dataset "%" has no column "%"', v_row.dataset, column_name
			USING ERRCODE = 'undefined_column',
				  HINT = 'caredata.dataset_column lists the columns.';
	END IF;
	UPDATE care_landing.quarantine q
	SET record = CASE WHEN value IS NULL
					  THEN q.record - correct_quarantined.column_name::text
					  ELSE q.record || jsonb_build_object(correct_quarantined.column_name, value)
				 END
	WHERE q.quarantine_id = correct_quarantined.quarantine_id;
	INSERT INTO caredata.quarantine_action (load_id, action, rows, done_by, done_at)
	VALUES (v_row.load_id, 'corrected', 1, session_user, now());
END
$function$;
REVOKE ALL ON FUNCTION caredata.correct_quarantined(bigint, name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.correct_quarantined(bigint, name, text) IS
	'Replaces one field of a quarantined row (NULL empties it); pass the value as a parameter, literals end up in logs';

CREATE FUNCTION caredata.land_again(quarantine_ids bigint[]) RETURNS bigint
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	v_dataset name;
	v_columns text;
	v_rows bigint := 0;
	v_moved bigint;
BEGIN
	FOR v_dataset IN
		SELECT DISTINCT q.dataset FROM care_landing.quarantine q
		WHERE q.quarantine_id = ANY (quarantine_ids)
		ORDER BY q.dataset
	LOOP
		v_columns := caredata.landing_columns(v_dataset);
		EXECUTE format($sql$
			WITH taken AS (
				DELETE FROM care_landing.quarantine q
				WHERE q.quarantine_id = ANY ($1) AND q.dataset = %2$L
				RETURNING q.quarantine_id, q.load_id, q.record
			), counted AS (
				INSERT INTO caredata.quarantine_action (load_id, action, rows, done_by, done_at)
				SELECT t.load_id, 'landed again', count(*), session_user, now()
				FROM taken t GROUP BY t.load_id
			)
			INSERT INTO care_landing.%1$I (%3$s)
			SELECT %4$s
			FROM taken t, jsonb_populate_record(NULL::care_landing.%1$I, t.record) r
			ORDER BY t.quarantine_id
			$sql$, v_dataset, v_dataset, v_columns,
			(SELECT string_agg(format('r.%I', c.column_name), ', ' ORDER BY c.position)
			 FROM caredata.dataset_column c WHERE c.dataset = v_dataset))
		USING quarantine_ids;
		GET DIAGNOSTICS v_moved = ROW_COUNT;
		v_rows := v_rows + v_moved;
	END LOOP;
	RETURN v_rows;
END
$function$;
REVOKE ALL ON FUNCTION caredata.land_again(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.land_again(bigint[]) IS
	'Moves quarantined rows back to their landing tables, for the next load; returns how many';

CREATE FUNCTION caredata.discard_quarantined(quarantine_ids bigint[]) RETURNS bigint
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	v_rows bigint;
BEGIN
	WITH taken AS (
		DELETE FROM care_landing.quarantine q
		WHERE q.quarantine_id = ANY (quarantine_ids)
		RETURNING q.load_id
	), counted AS (
		INSERT INTO caredata.quarantine_action (load_id, action, rows, done_by, done_at)
		SELECT t.load_id, 'discarded', count(*), session_user, now()
		FROM taken t GROUP BY t.load_id
	)
	SELECT count(*) INTO v_rows FROM taken;
	RETURN v_rows;
END
$function$;
REVOKE ALL ON FUNCTION caredata.discard_quarantined(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.discard_quarantined(bigint[]) IS
	'Deletes quarantined rows for good, for example once the sender has sent them corrected; returns how many';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_loader', 'caredata.correct_quarantined(bigint, name, text)'),
	('caredata_loader', 'caredata.land_again(bigint[])'),
	('caredata_loader', 'caredata.discard_quarantined(bigint[])');
