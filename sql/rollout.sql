-- ---------------------------------------------------------------------------
-- Phased roll-out: practices are planned, testing, live or paused. GP rows of
-- whoever is or was registered with a practice that is not live are withheld
-- from every release, at once and for as long as it is not.
--
-- A practice tests in one of two ways. With counts (testing_counts) nobody's
-- rows are shown, and rollout_status() has the number of its people. With
-- made-up people (testing_synthetic) the rows of those are shown and nobody
-- else's: whoever has NHS numbers, all of them from the range that is kept for
-- synthetic data and never issued.
--
-- Who moved away from a paused practice is withheld as well, because the rows
-- of a person come from every practice that they were registered with. A
-- practice without a row has the default state, which is live until somebody
-- says otherwise; then nothing here costs anything.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.rollout_event (
	event_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	practice_code  text,
	state          text NOT NULL CHECK (state IN ('planned', 'testing_counts', 'testing_synthetic', 'live', 'paused')),
	happened_at    timestamptz NOT NULL DEFAULT now(),
	requester      name[] NOT NULL,
	reason         text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE caredata.rollout_event IS
	'States of the roll-out that practices went through; the last one of a practice is in force';
COMMENT ON COLUMN caredata.rollout_event.practice_code IS
	'NULL for the default, which holds for practices that have no event of their own';
CREATE INDEX ON caredata.rollout_event (practice_code, event_id);
SELECT pg_catalog.pg_extension_config_dump('caredata.rollout_event', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.rollout_event_event_id_seq', '');

CREATE FUNCTION caredata.rollout_state(practice_code text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	latest  text;
BEGIN
	SELECT e.state INTO latest
	  FROM caredata.rollout_event e
	 WHERE e.practice_code = rollout_state.practice_code
		OR e.practice_code IS NULL
	 ORDER BY (e.practice_code IS NOT NULL) DESC, e.event_id DESC
	 LIMIT 1;
	RETURN coalesce(latest, 'live');
END
$$;
REVOKE ALL ON FUNCTION caredata.rollout_state(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.rollout_state(text) IS
	'State of the roll-out at a practice; NULL asks for the default';

CREATE FUNCTION caredata.practices_in_rollout()
RETURNS TABLE (practice_code text, state text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 300
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT DISTINCT ON (e.practice_code) e.practice_code, e.state
	  FROM caredata.rollout_event e
	 WHERE e.practice_code IS NOT NULL
	 ORDER BY e.practice_code, e.event_id DESC;
END
$$;
REVOKE ALL ON FUNCTION caredata.practices_in_rollout() FROM PUBLIC;
COMMENT ON FUNCTION caredata.practices_in_rollout() IS
	'Practices that have a state of their own, and which';

CREATE FUNCTION caredata.rollout_withholds() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN caredata.rollout_state(NULL) <> 'live'
		OR EXISTS (SELECT FROM caredata.practices_in_rollout() p WHERE p.state <> 'live');
END
$$;
REVOKE ALL ON FUNCTION caredata.rollout_withholds() FROM PUBLIC;
COMMENT ON FUNCTION caredata.rollout_withholds() IS
	'Whether the roll-out withholds GP rows of anybody';

CREATE FUNCTION caredata.synthetic_persons(persons integer[] DEFAULT NULL)
RETURNS SETOF integer
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
	RETURN QUERY
	SELECT i.person_id
	  FROM care_identity.identity i
	 WHERE i.nhs_number IS NOT NULL
	   AND (synthetic_persons.persons IS NULL OR i.person_id = ANY (synthetic_persons.persons))
	 GROUP BY i.person_id
	HAVING bool_and(caredata.nhs_number_range(i.nhs_number) = 'synthetic');
END
$$;
REVOKE ALL ON FUNCTION caredata.synthetic_persons(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.synthetic_persons(integer[]) IS
	'Made-up persons: those with an NHS number, and every one of theirs from the synthetic range';

CREATE FUNCTION caredata.rollout_persons(persons integer[] DEFAULT NULL)
RETURNS SETOF integer
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
	default_state  text := caredata.rollout_state(NULL);
BEGIN
	-- Of whom no practice is known, the default holds.
	RETURN QUERY
	SELECT DISTINCT i.person_id
	  FROM care_identity.person i
	  LEFT JOIN (SELECT g.person_id, g.practice
				   FROM care.gp_registration g
				  WHERE NOT EXISTS (SELECT FROM caredata.default_ods_code d WHERE d.code = g.practice)) r
		ON r.person_id = i.person_id
	  LEFT JOIN caredata.practices_in_rollout() s ON s.practice_code = r.practice
	 WHERE (rollout_persons.persons IS NULL OR i.person_id = ANY (rollout_persons.persons))
	   AND coalesce(s.state, default_state) <> 'live'
	   AND NOT (coalesce(s.state, default_state) = 'testing_synthetic'
				AND i.person_id IN (SELECT m.person_id
									  FROM caredata.synthetic_persons(rollout_persons.persons) m (person_id)));
END
$$;
REVOKE ALL ON FUNCTION caredata.rollout_persons(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.rollout_persons(integer[]) IS
	'Persons whose GP rows the roll-out withholds: who is or was registered with a practice that is not live, but for made-up persons of a practice that tests with these';

CREATE FUNCTION caredata.put_rollout_state(practices text[], state text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	missing  text;
	changed  integer;
BEGIN
	PERFORM caredata.lock_visible_sets();
	IF coalesce(btrim(put_rollout_state.reason), '') = '' THEN
		RAISE EXCEPTION 'a step of the roll-out needs a reason'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF put_rollout_state.state IS NULL
	   OR put_rollout_state.state NOT IN ('planned', 'testing_counts', 'testing_synthetic', 'live', 'paused') THEN
		RAISE EXCEPTION 'state of the roll-out is not on the list'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'It is one of: planned, testing_counts, testing_synthetic, live, paused.';
	END IF;
	SELECT string_agg(c, ', ' ORDER BY c) INTO missing
	  FROM unnest(put_rollout_state.practices) c
	 WHERE NOT EXISTS (SELECT FROM care.practice p WHERE p.practice_code = c);
	IF missing IS NOT NULL OR array_position(put_rollout_state.practices, NULL) IS NOT NULL
	   OR coalesce(cardinality(put_rollout_state.practices), 0) = 0 THEN
		RAISE EXCEPTION 'practices of the roll-out are not known'
			USING ERRCODE = 'invalid_parameter_value',
				  DETAIL = format('Table care.practice has no row for: %s.', coalesce(missing, 'an empty list')),
				  HINT = 'An area is ARRAY(SELECT practice_code FROM care.practice WHERE commissioner_code = ...).';
	END IF;

	INSERT INTO caredata.rollout_event (practice_code, state, requester, reason)
	SELECT DISTINCT c, put_rollout_state.state, caredata.requester(), btrim(put_rollout_state.reason)
	  FROM unnest(put_rollout_state.practices) c
	 WHERE caredata.rollout_state(c) <> put_rollout_state.state
		OR NOT EXISTS (SELECT FROM caredata.rollout_event e WHERE e.practice_code = c)
	 ORDER BY 1;
	GET DIAGNOSTICS changed = ROW_COUNT;
	IF changed > 0 THEN
		PERFORM caredata.refresh_visible_sets();
	END IF;
	RETURN changed;
END
$$;
REVOKE ALL ON FUNCTION caredata.put_rollout_state(text[], text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.put_rollout_state(text[], text, text) IS
	'Gives practices a state of the roll-out and rebuilds the visible sets; internal';

CREATE FUNCTION caredata.set_rollout(practices text[], state text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
	RETURN caredata.put_rollout_state(practices, state, reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.set_rollout(text[], text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_rollout(text[], text, text) IS
	'Makes practices planned, testing_counts, testing_synthetic, live or paused, in this transaction, and returns how many changed; a guardian decides who goes live';

CREATE FUNCTION caredata.pause_rollout(practices text[], reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
	RETURN caredata.put_rollout_state(practices, 'paused', reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.pause_rollout(text[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.pause_rollout(text[], text) IS
	'Pauses practices, so that GP rows of their people are withheld from this transaction on; administrators may, set_rollout() undoes it';

CREATE FUNCTION caredata.set_rollout_default(state text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
BEGIN
	PERFORM caredata.lock_visible_sets();
	IF set_rollout_default.state IS NULL
	   OR set_rollout_default.state NOT IN ('planned', 'live')
	   OR coalesce(btrim(set_rollout_default.reason), '') = '' THEN
		RAISE EXCEPTION 'the default of the roll-out is planned or live, and needs a reason'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'With planned, a practice that nobody has put live shows no GP rows.';
	END IF;
	INSERT INTO caredata.rollout_event (practice_code, state, requester, reason)
	VALUES (NULL, set_rollout_default.state, caredata.requester(), btrim(set_rollout_default.reason));
	PERFORM caredata.refresh_visible_sets();
END
$$;
REVOKE ALL ON FUNCTION caredata.set_rollout_default(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_rollout_default(text, text) IS
	'State of practices that nobody has given one: planned begins a phased roll-out, live, as it is after installation, ends it';

CREATE FUNCTION caredata.rollout_status()
RETURNS TABLE (practice_code text, practice text, state text, since timestamptz,
			   requester name[], reason text, people text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 300
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT c.practice_code, g.name, coalesce(e.state, caredata.rollout_state(NULL)),
		   e.happened_at, e.requester, e.reason, caredata.disclosed_count(c.people)
	  FROM (SELECT k.practice_code, count(p.person_id) AS people
			  FROM (SELECT e.practice_code FROM caredata.rollout_event e WHERE e.practice_code IS NOT NULL
					UNION
					SELECT p.practice_code FROM care.person p WHERE p.practice_code IS NOT NULL) k
			  LEFT JOIN care.person p ON p.practice_code = k.practice_code
			 GROUP BY k.practice_code) c
	  LEFT JOIN care.practice g ON g.practice_code = c.practice_code
	  LEFT JOIN LATERAL (SELECT v.* FROM caredata.rollout_event v
						  WHERE v.practice_code = c.practice_code
						  ORDER BY v.event_id DESC LIMIT 1) e ON true
	 ORDER BY c.practice_code COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION caredata.rollout_status() FROM PUBLIC;
COMMENT ON FUNCTION caredata.rollout_status() IS
	'State of every practice that has people or a state: since when, at whose request and why, and its people as a count that may be published; the counts are all that a practice shows that tests with counts';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin',    'caredata.pause_rollout(text[],text)'),
	('caredata_admin',    'caredata.rollout_status()'),
	('caredata_guardian', 'caredata.set_rollout(text[],text,text)'),
	('caredata_guardian', 'caredata.pause_rollout(text[],text)'),
	('caredata_guardian', 'caredata.set_rollout_default(text,text)'),
	('caredata_guardian', 'caredata.rollout_status()'),
	('caredata_auditor',  'caredata.rollout_status()');
