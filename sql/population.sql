-- ---------------------------------------------------------------------------
-- Populations: who belongs to a practice, a commissioner, an area, now or on a
-- day, or to a cohort, which is a list of NHS numbers that was handed in.
--
-- A release has a kind of population and codes of that kind. It is worked out
-- anew with each refresh of the visible sets, so a load that says that
-- somebody has moved moves them. A cohort is a snapshot by NHS number: persons
-- who come later join it, and no table of somebody else's is read later.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.cohort (
	name         text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
	title        text NOT NULL CHECK (title <> ''),
	numbers      bigint NOT NULL,
	digest       text NOT NULL,
	imported_at  timestamptz NOT NULL DEFAULT now(),
	imported_by  name NOT NULL
);
COMMENT ON TABLE caredata.cohort IS
	'Cohorts: populations that are a list of NHS numbers; the numbers are in care_identity.cohort_member';
COMMENT ON COLUMN caredata.cohort.digest IS
	'SHA-256 of the sorted numbers; part of what an approval is about';
SELECT pg_catalog.pg_extension_config_dump('caredata.cohort', '');

CREATE FUNCTION caredata.import_cohort(name text, title text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	broken   bigint;
	landed   bigint;
	added    bigint;
	in_use   text;
BEGIN
	PERFORM caredata.lock_visible_sets();
	LOCK TABLE care_landing.cohort IN ACCESS EXCLUSIVE MODE;

	IF import_cohort.name !~ '^[a-z][a-z0-9_]{0,62}$' OR coalesce(btrim(import_cohort.title), '') = ''
	   OR import_cohort.name IS NULL THEN
		RAISE EXCEPTION 'a cohort needs a name and a title'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'A name has up to 63 lower-case letters, digits and underscores and starts with a letter.';
	END IF;
	SELECT count(*) FILTER (WHERE l.typed IS NULL), count(DISTINCT l.typed)
	  INTO broken, landed
	  FROM (SELECT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
			  FROM care_landing.cohort n) l;
	IF landed = 0 AND broken = 0 THEN
		RAISE EXCEPTION 'the cohort is empty'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'COPY its NHS numbers into care_landing.cohort first.';
	END IF;
	IF broken > 0 THEN
		RAISE EXCEPTION 'the cohort has % lines without a valid NHS number', broken
			USING ERRCODE = 'invalid_text_representation',
				  HINT = 'Nothing was imported.';
	END IF;

	-- Fewer people need nobody's leave; more would be a wider release.
	SELECT count(*)
	  INTO added
	  FROM (SELECT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
			  FROM care_landing.cohort n) l
	 WHERE NOT EXISTS (SELECT FROM care_identity.cohort_member m
						WHERE m.cohort = import_cohort.name
						  AND m.nhs_number OPERATOR(caredata.=) l.typed);
	SELECT string_agg(r.name, ', ' ORDER BY r.name)
	  INTO in_use
	  FROM caredata.release r
	 WHERE r.population_kind = 'cohort' AND import_cohort.name = ANY (r.population_codes)
	   AND r.state IN ('approved', 'active', 'suspended');
	IF added > 0 AND in_use IS NOT NULL THEN
		RAISE EXCEPTION 'cohort "%" cannot grow: it was approved as it is', import_cohort.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Releases in force rest on it: %s. The list has %s numbers that it lacks.', in_use, added),
				  HINT = 'Import it under another name and have a release approved that names it.';
	END IF;

	DELETE FROM care_identity.cohort_member m WHERE m.cohort = import_cohort.name;
	INSERT INTO care_identity.cohort_member (cohort, nhs_number)
	SELECT DISTINCT import_cohort.name, caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r'))
	  FROM care_landing.cohort n;
	DELETE FROM caredata.cohort c WHERE c.name = import_cohort.name;
	INSERT INTO caredata.cohort (name, title, numbers, digest, imported_by)
	SELECT import_cohort.name, btrim(import_cohort.title), count(*),
		   encode(sha256(convert_to(string_agg(m.nhs_number::text, ',' ORDER BY m.nhs_number::text), 'UTF8')), 'hex'),
		   session_user
	  FROM care_identity.cohort_member m
	 WHERE m.cohort = import_cohort.name;

	TRUNCATE care_landing.cohort;
	PERFORM caredata.refresh_visible_sets();
	RETURN landed;
END
$$;
REVOKE ALL ON FUNCTION caredata.import_cohort(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_cohort(text, text) IS
	'Makes a cohort of the NHS numbers in care_landing.cohort, or replaces it; one that a release in force rests on can only lose members. Returns how many numbers it has';

CREATE FUNCTION caredata.population_coding(kind text, on_day date) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN kind || coalesce('@' || pg_catalog.to_char(on_day, 'YYYY-MM-DD'), '');
REVOKE ALL ON FUNCTION caredata.population_coding(text, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.population_coding(text, date) IS
	'Name of the codes that persons have for a kind of population now, such as practice, or on a day, such as practice@2025-04-01';

CREATE FUNCTION caredata.registered_on(
	on_day date, persons integer[] DEFAULT NULL)
RETURNS TABLE (person_id integer, practice text, lsoa text)
LANGUAGE plpgsql STABLE ROWS 1000000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT DISTINCT ON (g.person_id) g.person_id, g.practice::text, g.lsoa::text
	  FROM care.gp_registration g
	 WHERE g.registration_start <= registered_on.on_day
	   AND (g.registration_end IS NULL OR g.registration_end >= registered_on.on_day)
	   AND NOT EXISTS (SELECT FROM caredata.default_ods_code d WHERE d.code = g.practice)
	   AND (registered_on.persons IS NULL OR g.person_id = ANY (registered_on.persons))
	 ORDER BY g.person_id, g.registration_start DESC, g.registration_id COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION caredata.registered_on(date, integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.registered_on(date, integer[]) IS
	'Practice and area of the registration that counted on a day: of those open, the one that started last';

-- A registration counts from its first day to its last, whether or not a load
-- comes then. The days ahead are in care_identity.registration_change: they end
-- visible sets that rest on who is registered now, as objections dated ahead do.
-- A death is no move: the dead stay with the practice that they had on that day,
-- or every count of a past year would lack them.
CREATE FUNCTION caredata.update_registrations() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	today  date := caredata.today();
BEGIN
	ANALYZE pg_temp.caredata_touched;
	WITH registered AS MATERIALIZED (
		SELECT t.person_id,
			   -- as registered_on() has it
			   (array_agg(g.practice ORDER BY g.registration_start DESC, g.registration_id COLLATE "C")
					FILTER (WHERE g.registration_start <= t.last_day
							  AND (g.registration_end IS NULL OR g.registration_end >= t.last_day)
							  AND d.code IS NULL))[1] AS practice,
			   (array_agg(g.lsoa ORDER BY g.registration_start DESC, g.registration_id COLLATE "C")
					FILTER (WHERE g.lsoa IS NOT NULL))[1] AS lsoa,
			   (array_agg(g.ethnos ORDER BY g.ethnos IN ('Z', '99'), g.registration_start DESC,
						  g.registration_id COLLATE "C")
					FILTER (WHERE g.ethnos IS NOT NULL))[1] AS ethnos,
			   least(min(g.registration_start) FILTER (WHERE g.registration_start > today AND d.code IS NULL),
					 min(g.registration_end + 1) FILTER (WHERE g.registration_end >= today AND d.code IS NULL))
				   AS changes_on
		  FROM (SELECT o.person_id, coalesce(max(x.date_of_death), today) AS last_day
				  FROM (SELECT DISTINCT u.person_id FROM pg_temp.caredata_touched u) o
				  LEFT JOIN care.death x ON x.person_id = o.person_id AND x.date_of_death < today
				 GROUP BY o.person_id) t
		  LEFT JOIN care.gp_registration g ON g.person_id = t.person_id
		  LEFT JOIN caredata.default_ods_code d ON d.code = g.practice
		 GROUP BY t.person_id
	), updated AS (
		UPDATE care.person p
		   SET practice_code = r.practice,
			   lsoa = coalesce(r.lsoa, p.lsoa),
			   ethnic_category = coalesce(r.ethnos, p.ethnic_category)
		  FROM registered r
		 WHERE p.person_id = r.person_id
		   AND (p.practice_code, p.lsoa, p.ethnic_category) IS DISTINCT FROM
			   (r.practice, coalesce(r.lsoa, p.lsoa), coalesce(r.ethnos, p.ethnic_category))
	), settled AS (
		DELETE FROM care_identity.registration_change c
		 USING registered r
		 WHERE c.person_id = r.person_id AND r.changes_on IS NULL
	)
	INSERT INTO care_identity.registration_change (person_id, changes_on)
	SELECT r.person_id, r.changes_on
	  FROM registered r
	 WHERE r.changes_on IS NOT NULL
		ON CONFLICT (person_id) DO UPDATE SET changes_on = excluded.changes_on;
END
$$;
REVOKE ALL ON FUNCTION caredata.update_registrations() FROM PUBLIC;
COMMENT ON FUNCTION caredata.update_registrations() IS
	'Brings practice, area and ethnic category of the persons of pg_temp.caredata_touched up to date with their registrations: the practice is the one of the open registration that started last, or none; of the dead, on the day of their death';

CREATE FUNCTION caredata.apply_registration_changes() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM care_identity.registration_change c WHERE c.changes_on <= caredata.today()) THEN
		-- Never waits for a load, which will wait for the visible sets: what a
		-- load has in hand stays due, and the refresh at its end does it.
		CREATE TEMPORARY TABLE caredata_touched ON COMMIT DROP AS
		SELECT c.person_id
		  FROM care_identity.registration_change c
		  JOIN care.person p ON p.person_id = c.person_id
		 WHERE c.changes_on <= caredata.today()
		   FOR UPDATE SKIP LOCKED;
		PERFORM caredata.update_registrations();
		DROP TABLE pg_temp.caredata_touched;
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.apply_registration_changes() FROM PUBLIC;
COMMENT ON FUNCTION caredata.apply_registration_changes() IS
	'Brings persons up to date whose registrations began or ended since, without a load that says so';

CREATE FUNCTION caredata.registered_until() RETURNS date
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT min(c.changes_on) - 1 FROM care_identity.registration_change c);
END
$$;
REVOKE ALL ON FUNCTION caredata.registered_until() FROM PUBLIC;
COMMENT ON FUNCTION caredata.registered_until() IS
	'Last day before somebody''s registration begins or ends, by what loads have brought; NULL for no end';

CREATE FUNCTION caredata.person_codes(
	codings text[], persons integer[] DEFAULT NULL)
RETURNS TABLE (person_id integer, kind text, code text)
LANGUAGE plpgsql STABLE ROWS 1000000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
	coding  text;
	base    text;
	on_day  date;
BEGIN
	FOR coding, base, on_day IN
		SELECT c.coding, split_part(c.coding, '@', 1), nullif(split_part(c.coding, '@', 2), '')::date
		  FROM unnest(person_codes.codings) AS c (coding)
	LOOP
		IF base = 'everyone' THEN
			RETURN QUERY
			SELECT p.person_id, coding, ''
			  FROM care_identity.person p
			 WHERE person_codes.persons IS NULL OR p.person_id = ANY (person_codes.persons);
		ELSIF base = 'cohort' THEN
			RETURN QUERY
			SELECT i.person_id, coding, m.cohort
			  FROM care_identity.cohort_member m
			  JOIN care_identity.identity i ON i.nhs_number OPERATOR(caredata.=) m.nhs_number
			 WHERE person_codes.persons IS NULL OR i.person_id = ANY (person_codes.persons);
		ELSE
			-- The plan is for this coding: of now and the day it has one, and
			-- it joins only what the code comes from.
			RETURN QUERY
			SELECT h.person_id, coding,
				   CASE base WHEN 'practice' THEN h.practice
							 WHEN 'commissioner' THEN h.commissioner
							 WHEN 'lsoa' THEN h.lsoa
							 WHEN 'msoa' THEN a.msoa_code
							 WHEN 'district' THEN a.local_authority_code END
			  FROM (SELECT p.person_id, p.practice_code::text, g.commissioner_code::text, p.lsoa::text
					  FROM care.person p
					  LEFT JOIN care.practice g ON g.practice_code = p.practice_code
					 WHERE on_day IS NULL
					   AND (person_codes.persons IS NULL OR p.person_id = ANY (person_codes.persons))
					UNION ALL
					SELECT r.person_id, r.practice, c.commissioner_code::text, r.lsoa
					  FROM caredata.registered_on(on_day, person_codes.persons) r
					  LEFT JOIN care.practice_commissioner c
						ON c.practice_code = r.practice AND c.from_date <= on_day
					   AND (c.to_date IS NULL OR c.to_date >= on_day)
					 WHERE on_day IS NOT NULL) h (person_id, practice, commissioner, lsoa)
			  LEFT JOIN care.lsoa a ON a.lsoa_code = h.lsoa;
		END IF;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.person_codes(text[], integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.person_codes(text[], integer[]) IS
	'Codes by which persons belong to populations of these kinds (population_coding()): practice, its commissioner, areas, cohorts, now or on a day; everyone has the empty code';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.import_cohort(text,text)'),
	('caredata_loader', 'caredata.import_cohort(text,text)');
