-- ---------------------------------------------------------------------------
-- Objections by the thousand, from a file: the register that a controller has
-- kept so far, or the answers to a letter. All lines are sound, or none is
-- recorded. What is recorded, and what is not because it was said before, is
-- as for record_objection(), one line after the other.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.import_objections(source text DEFAULT 'file') RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
	lines     bigint;
	broken    bigint;
	numbers   bigint;
	recorded  integer;
	persons   integer[];
BEGIN
	PERFORM caredata.lock_visible_sets();
	LOCK TABLE care_landing.objection IN ACCESS EXCLUSIVE MODE;

	SELECT count(*),
		   count(*) FILTER (WHERE caredata.try_nhs_number(l.nhs_number) IS NULL),
		   count(*) FILTER (WHERE l.effective_from IS NOT NULL AND btrim(l.effective_from) <> ''
							  AND caredata.try_date(l.effective_from) IS NULL)
	  INTO lines, numbers, broken
	  FROM care_landing.objection l;
	IF lines = 0 THEN
		RAISE EXCEPTION 'no objections have been landed'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'COPY the file into care_landing.objection first.';
	END IF;
	IF numbers > 0 THEN
		RAISE EXCEPTION 'objections have % lines without a valid NHS number', numbers
			USING ERRCODE = 'invalid_text_representation',
				  HINT = 'Nothing was recorded. Correct these lines, or send the letters again; land the file anew.';
	END IF;
	IF broken > 0 THEN
		RAISE EXCEPTION 'objections have % lines with a date that is none', broken
			USING ERRCODE = 'invalid_datetime_format',
				  HINT = 'Nothing was recorded. An empty date means today.';
	END IF;
	PERFORM caredata.check_objection(d.kind, d.purpose, d.proxy)
	   FROM (SELECT DISTINCT l.kind, nullif(l.purpose, '') AS purpose, nullif(l.proxy, '') AS proxy
			   FROM care_landing.objection l) d;

	WITH landed AS MATERIALIZED (
		-- of two lines that say the same the earlier date holds
		SELECT DISTINCT ON (number, l.kind, purpose) d.number, l.kind, d.purpose, d.starts,
			   nullif(l.reference, '') AS reference, nullif(l.proxy, '') AS proxy
		  FROM care_landing.objection l
		 CROSS JOIN LATERAL (SELECT caredata.try_nhs_number(l.nhs_number) AS number,
									nullif(l.purpose, '') AS purpose,
									coalesce(caredata.try_date(l.effective_from), caredata.today()) AS starts) d
		 ORDER BY number, l.kind, purpose, starts, reference
	), added AS (
		INSERT INTO care_identity.objection AS o
			(nhs_number, kind, purpose, effective_from, recorded_at, recorded_by, source, reference, proxy)
		SELECT l.number, l.kind, l.purpose, l.starts, now(), session_user,
			   import_objections.source, l.reference, l.proxy
		  FROM landed l
		 WHERE NOT EXISTS (SELECT FROM care_identity.objection e
							WHERE e.nhs_number OPERATOR(caredata.=) l.number
							  AND e.kind = l.kind
							  AND e.purpose IS NOT DISTINCT FROM l.purpose
							  AND e.effective_from <= l.starts
							  AND e.withdrawn_from IS NULL)
		 ORDER BY l.number
		RETURNING o.nhs_number
	)
	SELECT count(*), (SELECT array_agg(DISTINCT i.person_id)
						FROM added a
						JOIN care_identity.identity i ON i.nhs_number OPERATOR(caredata.=) a.nhs_number)
	  INTO recorded, persons
	  FROM added;

	TRUNCATE care_landing.objection;

	-- computed person by person while they are few, all anew when they are many
	IF cardinality(persons) > 1000 THEN
		PERFORM caredata.refresh_visible_sets();
	ELSE
		PERFORM caredata.refresh_person_visibility(persons);
	END IF;
	RETURN recorded;
END
$$;
REVOKE ALL ON FUNCTION caredata.import_objections(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_objections(text) IS
	'Records the objections in care_landing.objection, all or none, and withholds the persons in the same transaction; returns how many were new';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.import_objections(text)'),
	('caredata_linker',   'caredata.import_objections(text)');
