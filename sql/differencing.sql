-- ---------------------------------------------------------------------------
-- The differencing guard: two releases of one organisation that show the same
-- people, one with objectors and one without, tell by their difference who
-- objected. The second of two such releases is not approved, unless a
-- guardian accepts it with a reason.
--
-- An ended release counts until its destruction is certified: what was taken
-- from it is still there to be compared. Populations are compared by their
-- codes, never by the people who happen to be in them today: in doubt they
-- overlap.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.differencing_acceptance (
	release_id        integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	other_release_id  integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	accepted_by       name[] NOT NULL,
	accepted_at       timestamptz NOT NULL DEFAULT now(),
	reason            text NOT NULL CHECK (reason <> ''),
	PRIMARY KEY (release_id, other_release_id)
);
COMMENT ON TABLE caredata.differencing_acceptance IS
	'Pairs of releases that tell objectors apart and were approved all the same: by whom and why';
COMMENT ON COLUMN caredata.differencing_acceptance.release_id IS
	'The release that was approved later';
SELECT pg_catalog.pg_extension_config_dump('caredata.differencing_acceptance', '');

CREATE FUNCTION caredata.populations_overlap(
	a caredata.release, b caredata.release)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Persons have one code of a kind at a time, but may be in two cohorts.
	IF a.population_kind = b.population_kind
	   AND a.population_on IS NOT DISTINCT FROM b.population_on
	   AND a.population_kind NOT IN ('everyone', 'cohort') THEN
		RETURN a.population_codes && b.population_codes;
	END IF;
	IF a.population_on IS NULL AND b.population_on IS NULL THEN
		IF a.population_kind = 'practice' AND b.population_kind = 'commissioner' THEN
			RETURN EXISTS (SELECT FROM care.practice p
							WHERE p.practice_code = ANY (a.population_codes)
							  AND p.commissioner_code = ANY (b.population_codes));
		END IF;
		IF a.population_kind = 'commissioner' AND b.population_kind = 'practice' THEN
			RETURN caredata.populations_overlap(b, a);
		END IF;
	END IF;
	RETURN true;
END
$$;
REVOKE ALL ON FUNCTION caredata.populations_overlap(caredata.release, caredata.release) FROM PUBLIC;
COMMENT ON FUNCTION caredata.populations_overlap(caredata.release, caredata.release) IS
	'Whether two releases can have people in common, by the codes of their populations; true where the codes do not tell';

-- Each release honours a person's list as far as its own purpose goes, so that
-- lists do not make two purposes of one organisation differ. The roll-out is
-- the same for all.
CREATE FUNCTION caredata.objection_treatment(release_id integer, setting text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce(array_agg(DISTINCT t.kind ORDER BY t.kind), '{}')
			  FROM (SELECT split_part(k.kind, ':', 1)
					  FROM unnest(caredata.applying_kinds(objection_treatment.release_id,
														  objection_treatment.setting)) AS k (kind)
					 WHERE k.kind <> 'roll-out'
					UNION ALL
					SELECT 'no NHS number'
					  FROM caredata.release r
					 WHERE r.release_id = objection_treatment.release_id
					   AND r.no_nhs_number = 'withhold') t (kind));
END
$$;
REVOKE ALL ON FUNCTION caredata.objection_treatment(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.objection_treatment(integer, text) IS
	'For whom a release withholds rows of a setting: kinds of objection, and no NHS number; what the differencing guard compares';

CREATE FUNCTION caredata.differencing_risks(release integer DEFAULT NULL)
RETURNS TABLE (release_id integer, release_name name, other_release_id integer,
			   other_release_name name, organisation_code text, settings text[],
			   tells_apart text[], accepted boolean, reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH candidate AS MATERIALIZED (
		SELECT r.release_id, r.name, r.state, a.organisation_code, d.setting,
			   caredata.objection_treatment(r.release_id, d.setting) AS treatment
		  FROM caredata.release r
		  JOIN caredata.agreement a ON a.agreement_id = r.agreement_id
		 CROSS JOIN LATERAL (SELECT DISTINCT s.setting
							   FROM caredata.release_column c
							   JOIN caredata.dataset s ON s.dataset = c.dataset
							  WHERE c.release_id = r.release_id) d
		 WHERE r.state NOT IN ('draft', 'destroyed')
			OR r.release_id = differencing_risks.release
	), pair AS (
		SELECT x.release_id, x.name, y.release_id AS other_id, y.name AS other_name,
			   x.organisation_code, x.setting, x.treatment, y.treatment AS other_treatment
		  FROM candidate x
		  JOIN candidate y
			ON y.organisation_code = x.organisation_code AND y.setting = x.setting
		   AND y.release_id <> x.release_id AND y.treatment <> x.treatment
		 WHERE CASE WHEN differencing_risks.release IS NULL THEN y.release_id < x.release_id
					ELSE x.release_id = differencing_risks.release END
	)
	SELECT p.release_id, p.name, p.other_id, p.other_name, p.organisation_code,
		   array_agg(DISTINCT p.setting ORDER BY p.setting), array_agg(DISTINCT k.kind ORDER BY k.kind),
		   bool_or(c.reason IS NOT NULL), min(c.reason)
	  FROM pair p
	  JOIN caredata.release a ON a.release_id = p.release_id
	  JOIN caredata.release b ON b.release_id = p.other_id
	 CROSS JOIN LATERAL (
			(SELECT unnest(p.treatment) EXCEPT SELECT unnest(p.other_treatment))
			UNION
			(SELECT unnest(p.other_treatment) EXCEPT SELECT unnest(p.treatment))) k (kind)
	  LEFT JOIN caredata.differencing_acceptance c
		ON (c.release_id, c.other_release_id) IN ((p.release_id, p.other_id), (p.other_id, p.release_id))
	 WHERE caredata.populations_overlap(a, b)
	 GROUP BY p.release_id, p.name, p.other_id, p.other_name, p.organisation_code
	 ORDER BY p.release_id, p.other_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.differencing_risks(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.differencing_risks(integer) IS
	'Other releases to the same organisation beside which a release would tell objectors apart, in which settings and which objections; without an argument, all such pairs that were approved';

CREATE FUNCTION caredata.check_differencing(release_id integer, accept text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	risk  record;
BEGIN
	SELECT * INTO risk
	  FROM caredata.differencing_risks(check_differencing.release_id) d
	 WHERE NOT d.accepted
	 LIMIT 1;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF coalesce(btrim(check_differencing.accept), '') = '' THEN
		RAISE EXCEPTION 'releases "%" and "%" together would tell who has objected', risk.release_name, risk.other_release_name
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = format('Both show rows of %s about people in common to organisation "%s", and treat differently: %s.',
								  array_to_string(risk.settings, ', '), risk.organisation_code,
								  array_to_string(risk.tells_apart, ', ')),
				  HINT = 'differencing_risks() lists all such releases. Draft it with the same treatment or another population; or accept it with approve_release(..., accept_differencing => ''why'').';
	END IF;
	INSERT INTO caredata.differencing_acceptance
		(release_id, other_release_id, accepted_by, reason)
	SELECT d.release_id, d.other_release_id, caredata.requester(), btrim(check_differencing.accept)
	  FROM caredata.differencing_risks(check_differencing.release_id) d
	 WHERE NOT d.accepted;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_differencing(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_differencing(integer, text) IS
	'Raises if a release would tell objectors apart beside another one of its organisation and no reason is given to accept that; puts the reason down';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin',    'caredata.differencing_risks(integer)'),
	('caredata_guardian', 'caredata.differencing_risks(integer)'),
	('caredata_auditor',  'caredata.differencing_risks(integer)');
