-- ---------------------------------------------------------------------------
-- Reports on visibility: why a person is or is not visible in a release, for
-- a guardian, and how many a release withholds, for whoever has to know how
-- far its figures lean.
--
-- Both work the answer out from objections, lists and populations; the first
-- says besides what the stored set says.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.explain_visibility(nhs_number text, release integer)
RETURNS TABLE (step integer, topic text, settings text[], outcome text,
			   detail text, citation text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	number     caredata.nhs_number := caredata.required_nhs_number(explain_visibility.nhs_number);
	today      date := caredata.today();
	asked      caredata.release;
	shown      text[];
	person     integer;
	all_kinds  text[];
	coding     text;
	own_codes  text;
	inside     boolean;
	withheld   boolean;
	line       record;
BEGIN
	SELECT r.* INTO asked FROM caredata.release r
	 WHERE r.release_id = explain_visibility.release;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'release % does not exist', coalesce(explain_visibility.release::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'release_register() lists them.';
	END IF;
	shown := caredata.release_settings(asked.release_id);
	coding := caredata.population_coding(asked.population_kind, asked.population_on);
	SELECT array_agg(k.kind) INTO all_kinds
	  FROM (SELECT k.kind FROM caredata.objection_kind k WHERE k.kind <> 'purpose'
			UNION ALL
			SELECT 'purpose:' || p.code FROM caredata.purpose p) k;

	step := 1; topic := 'release'; settings := shown; citation := NULL;
	outcome := CASE WHEN asked.state <> 'active' THEN 'closed'
					WHEN today NOT BETWEEN asked.starts_on AND asked.ends_on THEN 'closed'
					ELSE 'open' END;
	detail := format('%s, from %s to %s', asked.state, to_char(asked.starts_on, 'YYYY-MM-DD'),
					 to_char(asked.ends_on, 'YYYY-MM-DD'));
	RETURN NEXT;

	step := 2; topic := 'person'; settings := NULL; detail := NULL;
	IF caredata.persons_of(number) = '{}' THEN
		outcome := 'not in the database';
		detail := 'objections registered for the number hold from the load that brings the person';
		RETURN NEXT;
		RETURN;
	END IF;

	FOREACH person IN ARRAY caredata.persons_of(number) LOOP
		step := 2; topic := 'person'; settings := NULL; citation := NULL;
		outcome := 'in the database';
		SELECT count(DISTINCT i.nhs_number) INTO line
		  FROM care_identity.identity i WHERE i.person_id = person;
		detail := format('NHS numbers of the person: %s', line.count);
		RETURN NEXT;

		step := 3; topic := 'population';
		SELECT string_agg(DISTINCT c.code, ', ' ORDER BY c.code),
			   coalesce(bool_or(c.kind = 'everyone' OR c.code = ANY (asked.population_codes)), false)
		  INTO own_codes, inside
		  FROM caredata.person_codes(ARRAY[coding], ARRAY[person]) c;
		outcome := CASE WHEN inside THEN 'inside' ELSE 'outside' END;
		detail := CASE WHEN asked.population_kind = 'everyone' THEN 'everyone'
					   ELSE format('%s: the release has %s, the person %s', coding,
								   array_to_string(asked.population_codes, ', '),
								   coalesce(nullif(own_codes, ''), 'none')) END;
		RETURN NEXT;

		step := 4; topic := 'objection';
		FOR line IN
			SELECT o.kind, split_part(o.kind, ':', 1) AS base,
				   nullif(split_part(o.kind, ':', 2), '') AS purpose
			  FROM (SELECT DISTINCT p.kind
					  FROM caredata.person_objections(all_kinds, today, ARRAY[person]) p) o
			 ORDER BY o.kind
		LOOP
			FOR settings, outcome, citation IN
				SELECT array_agg(s.setting ORDER BY s.setting),
					   CASE WHEN line.purpose <> asked.purpose_code THEN 'does not apply'
							WHEN coalesce((r.rule).applies, true) THEN 'withholds'
							ELSE 'does not apply' END,
					   CASE WHEN line.purpose <> asked.purpose_code THEN 'the release has another purpose'
							ELSE coalesce((r.rule).citation, 'no rule speaks of it') END
				  FROM unnest(shown) AS s (setting)
				 CROSS JOIN LATERAL (SELECT caredata.deciding_rule(line.base, s.setting,
						asked.identifiability, asked.legal_basis,
						caredata.exemption_in_force(asked)) AS rule) r
				 GROUP BY 2, 3
				 ORDER BY 1
			LOOP
				detail := concat_ws('; ', line.kind,
					(SELECT format('registered, in force since %s', to_char(min(o.effective_from), 'YYYY-MM-DD'))
					   FROM care_identity.objection o
					   JOIN care_identity.identity i ON i.nhs_number OPERATOR(caredata.=) o.nhs_number
					  WHERE i.person_id = person AND o.kind = line.base
						AND o.purpose IS NOT DISTINCT FROM line.purpose
						AND o.effective_from <= today
						AND (o.withdrawn_from IS NULL OR o.withdrawn_from > today)
					 HAVING count(*) > 0),
					(SELECT 'in the GP record' FROM caredata.coded_objections(today, ARRAY[person]) c
					  WHERE c.kind = line.kind),
					(SELECT CASE WHEN bool_or(n.nhs_number IS NULL)
								 THEN 'a number was not checked yet' ELSE 'not on the national list' END
					   FROM care_identity.identity i
					   LEFT JOIN care_identity.national_check n
						 ON n.nhs_number OPERATOR(caredata.=) i.nhs_number
					  WHERE line.kind = 'national' AND i.person_id = person
						AND i.nhs_number IS NOT NULL AND n.allowed IS NOT TRUE
					 HAVING count(*) > 0));
				RETURN NEXT;
			END LOOP;
		END LOOP;

		step := 5; topic := 'national list'; citation := NULL;
		SELECT array_agg(s.setting ORDER BY s.setting) INTO settings
		  FROM unnest(shown) AS s (setting)
		 WHERE 'national' = ANY (caredata.applying_kinds(asked.release_id, s.setting));
		IF settings IS NOT NULL THEN
			SELECT * INTO line FROM caredata.national_list_status() s WHERE s.state = 'in force';
			outcome := CASE WHEN line.requested_at IS NULL THEN 'missing: the release raises'
							WHEN line.fresh THEN 'fresh' ELSE 'stale: the release raises' END;
			detail := format('%s days old, limit %s days',
							 extract(day FROM line.age), extract(day FROM line.max_age));
			IF line.requested_at IS NULL THEN
				detail := NULL;
			END IF;
			RETURN NEXT;
		END IF;

		step := 6; topic := 'roll-out';
		IF 'gp' = ANY (shown) AND caredata.rollout_withholds() THEN
			settings := '{gp}';
			outcome := CASE WHEN EXISTS (SELECT FROM caredata.rollout_persons(ARRAY[person]))
							THEN 'withholds' ELSE 'shows' END;
			SELECT concat_ws('; ', string_agg(format('practice %s is %s', coalesce(k.code, 'not known'),
													 caredata.rollout_state(k.code)), '; ' ORDER BY k.code),
							 CASE WHEN bool_or(caredata.rollout_state(k.code) = 'testing_synthetic')
								  THEN CASE WHEN EXISTS (SELECT FROM caredata.synthetic_persons(ARRAY[person]))
											THEN 'the person is made up' ELSE 'the person is not made up' END END)
			  INTO detail
			  FROM (SELECT DISTINCT g.practice
					  FROM (SELECT person) i (person_id)
					  LEFT JOIN care.gp_registration g
						ON g.person_id = i.person_id
					   AND NOT EXISTS (SELECT FROM caredata.default_ods_code d WHERE d.code = g.practice)) k (code);
			RETURN NEXT;
		END IF;

		step := 7; topic := 'result';
		FOR settings, withheld, outcome IN
			SELECT array_agg(s.setting ORDER BY s.setting),
				   NOT inside OR EXISTS (
						SELECT FROM caredata.person_objections(k.kinds, today, ARRAY[person]))
				   OR ('roll-out' = ANY (k.kinds)
					   AND EXISTS (SELECT FROM caredata.rollout_persons(ARRAY[person]))),
				   CASE WHEN v.set_id IS NULL THEN 'no set'
						WHEN coalesce(get_bit(c.bits, person & 16383) = 1, false) THEN 'visible'
						ELSE 'withheld' END
			  FROM unnest(shown) AS s (setting)
			 CROSS JOIN LATERAL (SELECT caredata.applying_kinds(asked.release_id, s.setting)) k (kinds)
			  LEFT JOIN caredata.visible_setting v
				ON v.release_id = asked.release_id AND v.setting = s.setting
			  LEFT JOIN caredata.visible_chunk c
				ON c.set_id = v.set_id AND c.chunk = person >> 14
			 GROUP BY 2, 3
			 ORDER BY 1
		LOOP
			detail := CASE
				WHEN outcome = 'no set' THEN
					format('the release has no visible sets while it is %s; it would be %s', asked.state,
						   CASE WHEN withheld THEN 'withheld' ELSE 'visible' END)
				WHEN (outcome = 'withheld') <> withheld THEN
					'the stored set says so and should not: run refresh_visible_sets()' END;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.explain_visibility(text, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.explain_visibility(text, integer) IS
	'Why the person with an NHS number is or is not visible in a release: its state, the population, each objection with the rule that decides and its citation, the list, the roll-out, and the result by setting';

CREATE FUNCTION caredata.release_effect(release integer)
RETURNS TABLE (settings text[], breakdown text, value text, people text,
			   shown text, withheld text, withheld_percent numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 300
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
SET work_mem = '64MB'
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	asked   caredata.release;
	acting  name := (caredata.requester())[cardinality(caredata.requester())];
	coding  text;
	today   date := caredata.today();
BEGIN
	-- Readers of the release may know how far its figures lean; of other
	-- releases they learn nothing.
	SELECT r.* INTO asked FROM caredata.release r
	 WHERE r.release_id = release_effect.release;
	IF NOT FOUND OR NOT (
		pg_has_role(acting, 'caredata_guardian', 'USAGE')
		OR pg_has_role(acting, 'caredata_admin', 'USAGE')
		OR pg_has_role(acting, 'caredata_auditor', 'USAGE')
		OR EXISTS (SELECT FROM pg_roles o
					WHERE o.rolname = asked.name || '_reader'
					  AND asked.state = 'active' AND today BETWEEN asked.starts_on AND asked.ends_on
					  AND pg_has_role(acting, o.oid, 'USAGE'))) THEN
		RAISE EXCEPTION 'permission denied for release %', coalesce(release_effect.release::text, 'NULL')
			USING ERRCODE = 'insufficient_privilege';
	END IF;
	coding := caredata.population_coding(asked.population_kind, asked.population_on);

	RETURN QUERY
	WITH treatment AS MATERIALIZED (
		SELECT k.kinds, array_agg(s.setting ORDER BY s.setting) AS settings
		  FROM unnest(caredata.release_settings(asked.release_id)) AS s (setting)
		 CROSS JOIN LATERAL (SELECT caredata.applying_kinds(asked.release_id, s.setting)) k (kinds)
		 GROUP BY k.kinds
	), member AS MATERIALIZED (
		SELECT DISTINCT c.person_id
		  FROM caredata.person_codes(ARRAY[coding]) c
		 WHERE c.kind = 'everyone' OR c.code = ANY (asked.population_codes)
	), blocked AS MATERIALIZED (
		SELECT t.settings, o.person_id
		  FROM treatment t
		 CROSS JOIN LATERAL caredata.person_objections(t.kinds, today) o
		UNION
		SELECT t.settings, u.person_id
		  FROM treatment t
		 CROSS JOIN caredata.unnumbered_persons() u (person_id)
		 WHERE asked.no_nhs_number = 'withhold'
		UNION
		SELECT t.settings, w.person_id
		  FROM treatment t
		 CROSS JOIN caredata.rollout_persons() w (person_id)
		 WHERE 'roll-out' = ANY (t.kinds)
	), counted AS (
		SELECT t.settings,
			   CASE WHEN grouping(a.age_band) = 0 THEN 'age_band'
					WHEN grouping(a.sex) = 0 THEN 'sex'
					WHEN grouping(a.practice_code) = 0 THEN 'practice'
					ELSE 'all' END AS breakdown,
			   coalesce(a.age_band, a.sex, a.practice_code,
						CASE WHEN grouping(a.age_band, a.sex, a.practice_code) = 7 THEN 'all'
							 ELSE 'not known' END) AS value,
			   count(*) AS people, count(b.person_id) AS withheld
		  FROM treatment t
		 CROSS JOIN member m
		  LEFT JOIN (SELECT p.person_id, p.sex::text, p.practice_code::text,
							caredata.age_band(p.birth_year, today) AS age_band
					   FROM care.person p) a ON a.person_id = m.person_id
		  LEFT JOIN blocked b ON b.settings = t.settings AND b.person_id = m.person_id
		 GROUP BY t.settings, GROUPING SETS ((), (a.age_band), (a.sex), (a.practice_code))
	), safe AS (
		-- Where few are left, or few there were, even 0 would tell of each.
		SELECT c.*, c.people < 8 OR c.withheld > 0 AND c.people - c.withheld < 8 AS small
		  FROM counted c
	)
	SELECT s.settings, s.breakdown, s.value, caredata.disclosed_count(s.people),
		   CASE WHEN s.small THEN '*' ELSE caredata.disclosed_count(s.people - s.withheld) END,
		   CASE WHEN s.small THEN '*' ELSE caredata.disclosed_count(s.withheld) END,
		   CASE WHEN NOT s.small AND s.withheld >= 8
				THEN round(100.0 * caredata.disclosed_count(s.withheld)::bigint
						   / caredata.disclosed_count(s.people)::bigint,
						   CASE WHEN s.people >= 4000 THEN 1 ELSE 0 END) END
	  FROM safe s
	 ORDER BY s.settings, array_position('{all,age_band,sex,practice}', s.breakdown), s.value COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION caredata.release_effect(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_effect(integer) IS
	'How many a release withholds: people of its population, shown and withheld, in all and by age band, sex and practice, for each group of settings treated alike; counts as they may be published, percentages from these. For guardians, administrators, auditors and the release''s own readers';

-- Readers know their release by its name.
CREATE FUNCTION caredata.release_effect(release name)
RETURNS TABLE (settings text[], breakdown text, value text, people text,
			   shown text, withheld text, withheld_percent numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 300
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT e.*
	  FROM caredata.release_effect((SELECT r.release_id FROM caredata.release r
									 WHERE r.name = release_effect.release)) e;
END
$$;
REVOKE ALL ON FUNCTION caredata.release_effect(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.release_effect(name) IS
	'How many a release withholds, by the name of the release';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.release_effect(name)'),
	('caredata_admin',    'caredata.release_effect(name)'),
	('caredata_auditor',  'caredata.release_effect(name)'),
	('caredata_guardian', 'caredata.explain_visibility(text,integer)'),
	('caredata_guardian', 'caredata.release_effect(integer)'),
	('caredata_admin',    'caredata.release_effect(integer)'),
	('caredata_auditor',  'caredata.release_effect(integer)');
