-- ---------------------------------------------------------------------------
-- What care.person says of persons, from the records that they have: after a
-- load, a merge or a parting.
-- ---------------------------------------------------------------------------

-- Brings the persons of pg_temp.caredata_touched up to date.
CREATE FUNCTION caredata.update_deaths() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	ANALYZE pg_temp.caredata_touched;
	UPDATE care.person p
	SET death_year = date_part('year', r.date_of_death)::smallint,
		death_month = date_part('month', r.date_of_death)::smallint
	FROM (SELECT t.person_id, max(d.date_of_death) AS date_of_death
		  FROM (SELECT DISTINCT o.person_id FROM pg_temp.caredata_touched o) t
		  LEFT JOIN care.death d ON d.person_id = t.person_id
		  GROUP BY t.person_id) r
	WHERE p.person_id = r.person_id
	  AND (p.death_year, p.death_month) IS DISTINCT FROM
		  (date_part('year', r.date_of_death)::smallint,
		   date_part('month', r.date_of_death)::smallint);
END
$function$;
REVOKE ALL ON FUNCTION caredata.update_deaths() FROM PUBLIC;
COMMENT ON FUNCTION caredata.update_deaths() IS
	'Year and month of death of persons from their death records; internal to loads and merges';

-- Coded facts of the persons of a load (pg_temp.caredata_link, and
-- pg_temp.caredata_touched for those who lost a record).
CREATE FUNCTION caredata.update_persons(dataset name) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	lsoa_column   name;
	ethnos_column name;
	event_column  name;
BEGIN
	INSERT INTO care.person (person_id, birth_year, birth_month, sex)
	SELECT k.person_id, date_part('year', k.date_of_birth)::smallint,
		   date_part('month', k.date_of_birth)::smallint, k.sex
	FROM pg_temp.caredata_link k
	WHERE NOT k.known AND k.link_rank = 0
	ORDER BY k.person_id;

	-- What the founder lacked, the most complete later identity supplies.
	UPDATE care.person p
	SET birth_year = coalesce(p.birth_year, date_part('year', n.date_of_birth)::smallint),
		birth_month = coalesce(p.birth_month, date_part('month', n.date_of_birth)::smallint),
		sex = coalesce(p.sex, n.sex)
	FROM (SELECT k.person_id,
				 (array_agg(k.date_of_birth ORDER BY k.identity_no)
					FILTER (WHERE k.date_of_birth IS NOT NULL))[1] AS date_of_birth,
				 (array_agg(k.sex ORDER BY k.identity_no)
					FILTER (WHERE k.sex IS NOT NULL))[1] AS sex
		  FROM pg_temp.caredata_link k
		  JOIN care.person q ON q.person_id = k.person_id
		  WHERE NOT k.known AND (q.birth_year IS NULL OR q.sex IS NULL)
		  GROUP BY k.person_id) n
	WHERE p.person_id = n.person_id
	  AND (p.birth_year IS NULL AND n.date_of_birth IS NOT NULL
		   OR p.sex IS NULL AND n.sex IS NOT NULL);

	IF dataset = 'gp_registration' THEN
		INSERT INTO pg_temp.caredata_touched SELECT k.person_id FROM pg_temp.caredata_link k;
		PERFORM caredata.update_registrations();
		RETURN;
	END IF;
	IF dataset = 'death' THEN
		INSERT INTO pg_temp.caredata_touched SELECT k.person_id FROM pg_temp.caredata_link k;
		PERFORM caredata.update_deaths();
		PERFORM caredata.update_registrations();
	END IF;

	-- Other datasets only fill what registrations left open.
	SELECT max(c.column_name::text) FILTER (WHERE c.format = 'lsoa'),
		   max(c.column_name::text) FILTER (WHERE c.format = 'ethnic_category'),
		   (SELECT d.event_date_column FROM caredata.dataset d
			WHERE d.dataset = update_persons.dataset)
	INTO lsoa_column, ethnos_column, event_column
	FROM caredata.dataset_column c
	WHERE c.dataset = update_persons.dataset AND c.stored;
	IF event_column IS NULL OR coalesce(lsoa_column, ethnos_column) IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format($sql$
		UPDATE care.person p
		SET lsoa = coalesce(p.lsoa, r.lsoa),
			ethnic_category = coalesce(p.ethnic_category, r.ethnos)
		FROM (SELECT g.person_id,
					 (array_agg(g.lsoa ORDER BY g.day DESC, g.lsoa COLLATE "C")
						FILTER (WHERE g.lsoa IS NOT NULL))[1] AS lsoa,
					 (array_agg(g.ethnos ORDER BY g.ethnos IN ('Z', '99'), g.day DESC, g.ethnos COLLATE "C")
						FILTER (WHERE g.ethnos IS NOT NULL))[1] AS ethnos
			  FROM (SELECT DISTINCT k.person_id, s.%1$I AS day, %2$s AS lsoa, %3$s AS ethnos
					FROM pg_temp.caredata_stage s
					JOIN pg_temp.caredata_link k ON k.identity_key = s._key
					JOIN care.person q ON q.person_id = k.person_id
					WHERE (q.lsoa IS NULL AND %2$s IS NOT NULL
						   OR q.ethnic_category IS NULL AND %3$s IS NOT NULL)
					  AND NOT EXISTS (SELECT FROM pg_temp.caredata_aside a
									  WHERE a.landed_row = s.landed_row)) g
			  GROUP BY g.person_id) r
		WHERE p.person_id = r.person_id
		$sql$, event_column,
		coalesce('s.' || quote_ident(lsoa_column), 'NULL::text'),
		coalesce('s.' || quote_ident(ethnos_column), 'NULL::text'));
END
$function$;
REVOKE ALL ON FUNCTION caredata.update_persons(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.update_persons(name) IS
	'Brings care.person up to date with the records just stored; internal to load()';

/*
 * Facts of care.person from the records that persons have now. With anew,
 * also those that a record of somebody else may have brought.
 */
CREATE FUNCTION caredata.refresh_person_facts(persons integer[], anew boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_source record;
	v_places text;
BEGIN
	IF anew THEN
		UPDATE care.person p
		SET birth_year = date_part('year', i.date_of_birth)::smallint,
			birth_month = date_part('month', i.date_of_birth)::smallint,
			sex = i.sex, lsoa = NULL, ethnic_category = NULL, practice_code = NULL,
			death_year = NULL, death_month = NULL
		FROM (SELECT n.person_id,
					 (array_agg(n.date_of_birth ORDER BY n.identity_id)
						FILTER (WHERE n.date_of_birth IS NOT NULL))[1] AS date_of_birth,
					 (array_agg(n.sex ORDER BY n.identity_id)
						FILTER (WHERE n.sex IS NOT NULL))[1] AS sex
			  FROM care_identity.identity n
			  WHERE n.person_id = ANY (persons)
			  GROUP BY n.person_id) i
		WHERE p.person_id = i.person_id;
	END IF;

	CREATE TEMPORARY TABLE caredata_touched ON COMMIT DROP AS
		SELECT DISTINCT unnest(persons) AS person_id;
	PERFORM caredata.update_registrations();
	PERFORM caredata.update_deaths();
	DROP TABLE pg_temp.caredata_touched;

	IF anew THEN
		-- what registrations leave open, the latest other record fills
		FOR v_source IN
			SELECT d.dataset, d.event_date_column,
				   max(c.column_name::text) FILTER (WHERE c.format = 'lsoa') AS lsoa,
				   max(c.column_name::text) FILTER (WHERE c.format = 'ethnic_category') AS ethnos
			FROM caredata.dataset d
			JOIN caredata.dataset_column c ON c.dataset = d.dataset AND c.stored
			WHERE d.landed AND d.dataset <> 'gp_registration' AND d.event_date_column IS NOT NULL
			  AND c.format IN ('lsoa', 'ethnic_category')
			  AND to_regclass(format('care.%I', d.dataset)) IS NOT NULL
			GROUP BY d.dataset, d.event_date_column
			ORDER BY d.dataset
		LOOP
			v_places := concat_ws(' UNION ALL ', v_places,
				format('SELECT person_id, %I AS day, %s AS lsoa, %s AS ethnos FROM care.%I WHERE person_id = ANY ($1)',
					   v_source.event_date_column,
					   coalesce(quote_ident(v_source.lsoa), 'NULL::text'),
					   coalesce(quote_ident(v_source.ethnos), 'NULL::text'), v_source.dataset));
		END LOOP;
		IF v_places IS NOT NULL THEN
			EXECUTE format($sql$
				UPDATE care.person p
				SET lsoa = coalesce(p.lsoa, r.lsoa),
					ethnic_category = coalesce(p.ethnic_category, r.ethnos)
				FROM (SELECT g.person_id,
							 (array_agg(g.lsoa ORDER BY g.day DESC NULLS LAST, g.lsoa COLLATE "C")
								FILTER (WHERE g.lsoa IS NOT NULL))[1] AS lsoa,
							 (array_agg(g.ethnos ORDER BY g.ethnos IN ('Z', '99'), g.day DESC NULLS LAST, g.ethnos COLLATE "C")
								FILTER (WHERE g.ethnos IS NOT NULL))[1] AS ethnos
					  FROM (%s) g
					  GROUP BY g.person_id) r
				WHERE p.person_id = r.person_id
				$sql$, v_places)
			USING persons;
		END IF;
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.refresh_person_facts(integer[], boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.refresh_person_facts(integer[], boolean) IS
	'Brings care.person up to date with the records that persons have; internal to merging and parting';
