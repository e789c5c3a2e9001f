-- ---------------------------------------------------------------------------
-- Visible sets: for each release and care setting, an allow-list bitmap over
-- person_id that changes in the transaction of the objection, and the policy
-- function that reads it.
--
-- Every writer of sets first calls lock_visible_sets(), then looks at the
-- objections. So the set that is committed last has seen every objection that
-- was committed before it. Bits and version of a set change in one statement:
-- whoever sees a version sees the bits that belong to it.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.visible_set (
	set_id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	release_id       integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	kinds            text[] NOT NULL,
	version          bigint NOT NULL,
	chunks           integer NOT NULL CHECK (chunks >= 0),
	persons          integer NOT NULL CHECK (persons >= 0),
	visible_persons  integer NOT NULL CHECK (visible_persons >= 0),
	valid_until      date,
	national_list_at timestamptz,
	UNIQUE (release_id, kinds)
);
COMMENT ON TABLE caredata.visible_set IS
	'One allow-list of persons per release and combination of objection kinds that applies';
COMMENT ON COLUMN caredata.visible_set.kinds IS
	'Objection kinds that withhold a person from this set, sorted';
COMMENT ON COLUMN caredata.visible_set.version IS
	'Changes with every change of the bits; never used twice';
COMMENT ON COLUMN caredata.visible_set.chunks IS
	'How many chunks belong to the set; with one missing the set is refused';
COMMENT ON COLUMN caredata.visible_set.persons IS
	'Persons in the database when the set was built, for estimates';
COMMENT ON COLUMN caredata.visible_set.visible_persons IS
	'Persons in the set, for estimates';
COMMENT ON COLUMN caredata.visible_set.valid_until IS
	'Last day on which the set holds, because on the next an objection comes into force, somebody''s registration begins or ends, or the exemption is over; NULL for no end';
COMMENT ON COLUMN caredata.visible_set.national_list_at IS
	'When the national list that the set rests on was requested; NULL if it rests on none or none was imported';

CREATE TABLE caredata.visible_setting (
	release_id  integer NOT NULL REFERENCES caredata.release ON DELETE CASCADE,
	setting     text NOT NULL,
	set_id      integer NOT NULL REFERENCES caredata.visible_set ON DELETE CASCADE,
	PRIMARY KEY (release_id, setting)
);
COMMENT ON TABLE caredata.visible_setting IS
	'Which visible set holds for rows of a care setting in a release';

-- fillfactor: two chunks a page and room for a changed one, so that an
-- objection writes no index entry
CREATE TABLE caredata.visible_chunk (
	set_id   integer NOT NULL REFERENCES caredata.visible_set ON DELETE CASCADE,
	chunk    integer NOT NULL CHECK (chunk >= 0),
	version  bigint NOT NULL,
	bits     bytea NOT NULL CHECK (pg_catalog.octet_length(bits) = 2048),
	PRIMARY KEY (set_id, chunk)
) WITH (fillfactor = 70);
ALTER TABLE caredata.visible_chunk ALTER COLUMN bits SET STORAGE PLAIN;
COMMENT ON TABLE caredata.visible_chunk IS
	'Bits of a visible set: chunk c holds persons 16384c to 16384c+16383, bit i of byte b is person 8b+i';
COMMENT ON COLUMN caredata.visible_chunk.version IS
	'Version of the set that last changed this chunk';

CREATE SEQUENCE caredata.visible_version AS bigint;
COMMENT ON SEQUENCE caredata.visible_version IS
	'Versions of visible sets; never set back, or a server process could take an old bitmap for a new one';

SELECT pg_catalog.pg_extension_config_dump('caredata.visible_set', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.visible_set_set_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.visible_setting', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.visible_chunk', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.visible_version', '');

-- --- Bits -------------------------------------------------------------------

CREATE FUNCTION caredata.chunk_bits_accumulate(bits bytea, person_id integer) RETURNS bytea
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_chunk_bits_accumulate';
REVOKE ALL ON FUNCTION caredata.chunk_bits_accumulate(bytea, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.chunk_bits_accumulate(bytea, integer) IS
	'Transition function of chunk_bits_agg(integer)';

CREATE FUNCTION caredata.chunk_or(bytea, bytea) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_chunk_or';
REVOKE ALL ON FUNCTION caredata.chunk_or(bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.chunk_or(bytea, bytea) IS 'Persons in either chunk';

CREATE FUNCTION caredata.chunk_without(bytea, bytea) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_chunk_without';
REVOKE ALL ON FUNCTION caredata.chunk_without(bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.chunk_without(bytea, bytea) IS
	'Persons in the first chunk and not in the second';

CREATE AGGREGATE caredata.chunk_bits_agg(integer) (
	SFUNC = caredata.chunk_bits_accumulate,
	STYPE = bytea,
	SSPACE = 2052,
	COMBINEFUNC = caredata.chunk_or,
	PARALLEL = SAFE
);
REVOKE ALL ON FUNCTION caredata.chunk_bits_agg(integer) FROM PUBLIC;
COMMENT ON AGGREGATE caredata.chunk_bits_agg(integer) IS
	'Bits of the persons of one chunk; group by person_id >> 14';

CREATE AGGREGATE caredata.chunk_or_agg(bytea) (
	SFUNC = caredata.chunk_or,
	STYPE = bytea,
	SSPACE = 2052,
	COMBINEFUNC = caredata.chunk_or,
	PARALLEL = SAFE
);
REVOKE ALL ON FUNCTION caredata.chunk_or_agg(bytea) FROM PUBLIC;
COMMENT ON AGGREGATE caredata.chunk_or_agg(bytea) IS 'Persons in any of the chunks';

-- --- The policy function ----------------------------------------------------

CREATE FUNCTION caredata.visible_support(internal) RETURNS internal
	LANGUAGE c STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_visible_support';
REVOKE ALL ON FUNCTION caredata.visible_support(internal) FROM PUBLIC;
COMMENT ON FUNCTION caredata.visible_support(internal) IS
	'Planner support of visible(): estimates the share of visible persons';

-- COST is for the choice of plans: in a filter the policy comes first, whatever
-- it costs (src/policy_first.c). Two comparisons is what a call takes. Put higher
-- it kept a join of 50 million rows from the index that holds all it needs, and
-- made it four times as slow.
CREATE FUNCTION caredata.visible(
	person_id integer, release caredata.release_ref, setting text)
RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 2
	SUPPORT caredata.visible_support
	AS 'MODULE_PATHNAME', 'caredata_visible';
REVOKE ALL ON FUNCTION caredata.visible(integer, caredata.release_ref, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.visible(integer, caredata.release_ref, text) IS
	'Policy of the care tables: whether rows of a setting of this person are visible in a release. Raises unless the release is open, the caller may read it, and the lists it rests on are in force';

-- --- What a set should hold -------------------------------------------------

CREATE FUNCTION caredata.care_settings() RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ARRAY['community', 'gp', 'hospital', 'registry', 'social_care'];
COMMENT ON FUNCTION caredata.care_settings() IS
	'Care settings, as datasets name them';

-- An exemption ends, and nobody has to act: the sets end with it, and the next
-- ones are made without it.
CREATE FUNCTION caredata.exemption_in_force(release caredata.release) RETURNS text
	LANGUAGE sql STABLE
	RETURN CASE WHEN (release).exemption_ends_on >= caredata.today() THEN (release).exemption END;
REVOKE ALL ON FUNCTION caredata.exemption_in_force(caredata.release) FROM PUBLIC;
COMMENT ON FUNCTION caredata.exemption_in_force(caredata.release) IS
	'The exemption of a release, until its last day; NULL after it';

CREATE FUNCTION caredata.applying_kinds(release_id integer, setting text)
RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT applying_kinds.setting = ANY (caredata.care_settings()) THEN
		RAISE EXCEPTION 'unrecognized care setting "%"', applying_kinds.setting
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN (SELECT coalesce(array_agg(a.kind ORDER BY a.kind COLLATE "C"), '{}')
			  FROM (SELECT CASE WHEN k.kind = 'purpose' AND r.purpose_code IS NOT NULL
								THEN 'purpose:' || r.purpose_code
								ELSE k.kind END
					  FROM caredata.release r
					  JOIN caredata.objection_kind k
						-- what no rule speaks of is withheld
						ON coalesce((caredata.deciding_rule(k.kind, applying_kinds.setting,
															r.identifiability, r.legal_basis,
															caredata.exemption_in_force(r))).applies, true)
					 WHERE r.release_id = applying_kinds.release_id
					UNION ALL
					SELECT 'roll-out'
					 WHERE applying_kinds.setting = 'gp' AND caredata.rollout_withholds()) a (kind));
END
$$;
REVOKE ALL ON FUNCTION caredata.applying_kinds(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.applying_kinds(integer, text) IS
	'What withholds a person''s rows of a setting from a release, sorted: kinds of objection (purpose:research if the release names that purpose), and roll-out for GP rows while practices are not live';

CREATE FUNCTION caredata.unnumbered_persons(persons integer[] DEFAULT NULL)
RETURNS SETOF integer
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
	RETURN QUERY
	SELECT p.person_id
	  FROM care_identity.person p
	 WHERE (unnumbered_persons.persons IS NULL OR p.person_id = ANY (unnumbered_persons.persons))
	   AND NOT EXISTS (SELECT FROM care_identity.identity i
						WHERE i.person_id = p.person_id AND i.nhs_number IS NOT NULL);
END
$$;
REVOKE ALL ON FUNCTION caredata.unnumbered_persons(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.unnumbered_persons(integer[]) IS
	'Persons without an NHS number, against whom no list can be checked';

CREATE FUNCTION caredata.computed_chunks(release_ids integer[], as_of date)
RETURNS TABLE (set_id integer, chunk integer, bits bytea)
LANGUAGE plpgsql STABLE ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET work_mem = '64MB'
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	last_chunk  integer;
	kinds       text[];
	codings     text[];
BEGIN
	SELECT coalesce(max(p.person_id) >> 14, -1) INTO last_chunk
	  FROM care_identity.person p;
	SELECT greatest(last_chunk, max(s.chunks) - 1) INTO last_chunk
	  FROM caredata.visible_set s
	 WHERE s.release_id = ANY (computed_chunks.release_ids);
	SELECT array_agg(DISTINCT k.kind) INTO kinds
	  FROM caredata.visible_set s, unnest(s.kinds) AS k (kind)
	 WHERE s.release_id = ANY (computed_chunks.release_ids);
	SELECT array_agg(DISTINCT caredata.population_coding(r.population_kind, r.population_on)) INTO codings
	  FROM caredata.release r
	 WHERE r.release_id = ANY (computed_chunks.release_ids);

	RETURN QUERY
	WITH blocker (kind, chunk, bits) AS MATERIALIZED (
		SELECT o.kind, o.person_id >> 14, caredata.chunk_bits_agg(o.person_id)
		  FROM caredata.person_objections(kinds, computed_chunks.as_of) o
		 GROUP BY o.kind, o.person_id >> 14
		UNION ALL
		SELECT 'no NHS number', u.person_id >> 14, caredata.chunk_bits_agg(u.person_id)
		  FROM caredata.unnumbered_persons() u (person_id)
		 GROUP BY u.person_id >> 14
		UNION ALL
		SELECT 'roll-out', w.person_id >> 14, caredata.chunk_bits_agg(w.person_id)
		  FROM caredata.rollout_persons() w (person_id)
		 WHERE 'roll-out' = ANY (kinds)
		 GROUP BY w.person_id >> 14
	), distinct_population AS MATERIALIZED (
		SELECT row_number() OVER ()::integer AS population, d.kind, d.codes
		  FROM (SELECT DISTINCT caredata.population_coding(r.population_kind, r.population_on), r.population_codes
				  FROM caredata.release r
				 WHERE r.release_id = ANY (computed_chunks.release_ids)) d (kind, codes)
	), member_code AS MATERIALIZED (
		SELECT DISTINCT d.population, d.kind, c.code
		  FROM distinct_population d
		 CROSS JOIN LATERAL unnest(CASE d.kind WHEN 'everyone' THEN '{""}'
											   ELSE d.codes END) AS c (code)
	), population AS MATERIALIZED (
		SELECT m.population, p.person_id >> 14 AS chunk,
			   caredata.chunk_bits_agg(p.person_id) AS bits
		  FROM member_code m
		  JOIN caredata.person_codes(codings) p ON p.kind = m.kind AND p.code = m.code
		 GROUP BY m.population, p.person_id >> 14
	), wanted AS (
		SELECT s.set_id, s.kinds, r.no_nhs_number, d.population, g.chunk
		  FROM caredata.visible_set s
		  JOIN caredata.release r ON r.release_id = s.release_id
		  JOIN distinct_population d
			ON d.kind = caredata.population_coding(r.population_kind, r.population_on)
		   AND d.codes = r.population_codes
		 CROSS JOIN generate_series(0, last_chunk) AS g (chunk)
		 WHERE s.release_id = ANY (computed_chunks.release_ids)
	), blocked AS (
		SELECT w.set_id, w.chunk, caredata.chunk_or_agg(b.bits) AS bits
		  FROM wanted w
		  JOIN blocker b
			ON b.chunk = w.chunk
		   AND b.kind = ANY (w.kinds || CASE w.no_nhs_number
											 WHEN 'allow' THEN '{}'::text[]
											 ELSE '{"no NHS number"}' END)
		 GROUP BY w.set_id, w.chunk
	)
	SELECT w.set_id, w.chunk,
		   CASE WHEN p.bits IS NULL THEN decode(repeat('00', 2048), 'hex')
				WHEN b.bits IS NULL THEN p.bits
				ELSE caredata.chunk_without(p.bits, b.bits) END
	  FROM wanted w
	  LEFT JOIN population p
		ON p.population = w.population AND p.chunk = w.chunk
	  LEFT JOIN blocked b ON b.set_id = w.set_id AND b.chunk = w.chunk;
END
$$;
REVOKE ALL ON FUNCTION caredata.computed_chunks(integer[], date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.computed_chunks(integer[], date) IS
	'Bits that the sets of these releases should hold on that date, computed from objections, lists, populations and identities';

CREATE FUNCTION caredata.computed_validity(release_ids integer[], as_of date)
RETURNS TABLE (set_id integer, valid_until date, national_list_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list_at           timestamptz := caredata.national_list_time();
	registered_until  date := caredata.registered_until();
BEGIN
	RETURN QUERY
	SELECT s.set_id,
		   least(min(n.effective_from) - 1,
				 CASE WHEN r.exemption_ends_on >= computed_validity.as_of THEN r.exemption_ends_on END,
				 CASE WHEN r.population_kind IN ('practice', 'commissioner') AND r.population_on IS NULL
					  THEN registered_until END),
		   CASE WHEN 'national' = ANY (s.kinds) THEN list_at END
	  FROM caredata.visible_set s
	  JOIN caredata.release r ON r.release_id = s.release_id
	  LEFT JOIN caredata.next_objections(
			(SELECT array_agg(DISTINCT k.kind) FROM caredata.visible_set v, unnest(v.kinds) AS k (kind)),
			computed_validity.as_of) n ON n.kind = ANY (s.kinds)
	 WHERE s.release_id = ANY (computed_validity.release_ids)
	 GROUP BY s.set_id, r.release_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.computed_validity(integer[], date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.computed_validity(integer[], date) IS
	'Until when the sets of these releases hold, and which national list they rest on';

-- --- Writers ----------------------------------------------------------------

CREATE FUNCTION caredata.lock_visible_sets() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- With an older snapshot the writer would not see what was committed
	-- while it waited for the lock.
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'objections, lists and visible sets change only at isolation level READ COMMITTED'
			USING ERRCODE = 'active_sql_transaction',
				  HINT = 'Use BEGIN ISOLATION LEVEL READ COMMITTED.';
	END IF;
	LOCK TABLE caredata.visible_set IN SHARE ROW EXCLUSIVE MODE;
	PERFORM caredata.commit_durably();
END
$$;
REVOKE ALL ON FUNCTION caredata.lock_visible_sets() FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_visible_sets() IS
	'Waits until this transaction is the only one that changes visible sets; readers do not wait';

CREATE FUNCTION caredata.write_visible_sets(release_ids integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	today  date := caredata.today();
BEGIN
	PERFORM caredata.lock_visible_sets();
	PERFORM caredata.apply_registration_changes();

	-- one set for all settings of a release to which the same kinds apply
	WITH wanted AS MATERIALIZED (
		SELECT r.release_id, t.setting, caredata.applying_kinds(r.release_id, t.setting) AS kinds
		  FROM unnest(write_visible_sets.release_ids) AS r (release_id)
		 CROSS JOIN unnest(caredata.care_settings()) AS t (setting)
	), made AS (
		INSERT INTO caredata.visible_set AS s
			(release_id, kinds, version, chunks, persons, visible_persons)
		SELECT n.release_id, n.kinds, nextval('caredata.visible_version'), 0, 0, 0
		  FROM (SELECT DISTINCT w.release_id, w.kinds FROM wanted w) n
		 WHERE NOT EXISTS (SELECT FROM caredata.visible_set s
							WHERE s.release_id = n.release_id AND s.kinds = n.kinds)
		RETURNING s.set_id, s.release_id, s.kinds
	)
	INSERT INTO caredata.visible_setting AS v (release_id, setting, set_id)
	SELECT w.release_id, w.setting, s.set_id
	  FROM wanted w
	  JOIN (SELECT o.set_id, o.release_id, o.kinds FROM caredata.visible_set o
			UNION ALL
			SELECT m.set_id, m.release_id, m.kinds FROM made m) s
		ON s.release_id = w.release_id AND s.kinds = w.kinds
	ON CONFLICT (release_id, setting) DO UPDATE
	   SET set_id = excluded.set_id
	 WHERE v.set_id <> excluded.set_id;

	DELETE FROM caredata.visible_set s
	 WHERE s.release_id = ANY (write_visible_sets.release_ids)
	   AND NOT EXISTS (SELECT FROM caredata.visible_setting v WHERE v.set_id = s.set_id);

	-- chunks and version in one statement
	WITH computed AS MATERIALIZED (
		SELECT c.set_id, c.chunk, c.bits, o.bits AS old_bits
		  FROM caredata.computed_chunks(write_visible_sets.release_ids, today) c
		  LEFT JOIN caredata.visible_chunk o ON o.set_id = c.set_id AND o.chunk = c.chunk
	), changed AS MATERIALIZED (
		SELECT c.set_id, nextval('caredata.visible_version') AS version
		  FROM (SELECT DISTINCT set_id FROM computed
				 WHERE old_bits IS NULL OR old_bits <> bits) c
	), updated AS (
		UPDATE caredata.visible_chunk o
		   SET bits = c.bits, version = v.version
		  FROM computed c
		  JOIN changed v ON v.set_id = c.set_id
		 WHERE o.set_id = c.set_id AND o.chunk = c.chunk AND c.old_bits <> c.bits
	), inserted AS (
		INSERT INTO caredata.visible_chunk (set_id, chunk, version, bits)
		SELECT c.set_id, c.chunk, v.version, c.bits
		  FROM computed c
		  JOIN changed v ON v.set_id = c.set_id
		 WHERE c.old_bits IS NULL
	), summed AS (
		SELECT c.set_id, count(*) AS chunks, sum(bit_count(c.bits)) AS visible_persons
		  FROM computed c
		 GROUP BY c.set_id
	)
	UPDATE caredata.visible_set s
	   SET version = coalesce(v.version, s.version),
		   chunks = coalesce(m.chunks, 0),
		   persons = (SELECT count(*) FROM caredata.person_codes('{everyone}')),
		   visible_persons = coalesce(m.visible_persons, 0),
		   valid_until = d.valid_until,
		   national_list_at = d.national_list_at
	  FROM caredata.computed_validity(write_visible_sets.release_ids, today) d
	  LEFT JOIN changed v ON v.set_id = d.set_id
	  LEFT JOIN summed m ON m.set_id = d.set_id
	 WHERE s.set_id = d.set_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.write_visible_sets(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.write_visible_sets(integer[]) IS
	'Makes the sets of these releases what they should be; only chunks that differ are written';

CREATE FUNCTION caredata.build_visible_sets(release_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM caredata.release r
					WHERE r.release_id = build_visible_sets.release_id) THEN
		RAISE EXCEPTION 'there is no release %', build_visible_sets.release_id
			USING ERRCODE = 'no_data_found';
	END IF;
	PERFORM caredata.write_visible_sets(ARRAY[build_visible_sets.release_id]);
END
$$;
REVOKE ALL ON FUNCTION caredata.build_visible_sets(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.build_visible_sets(integer) IS
	'Makes or refreshes the visible sets of one release';

CREATE FUNCTION caredata.refresh_visible_sets() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	release_ids  integer[];
BEGIN
	PERFORM caredata.lock_visible_sets();

	-- an ended release stays ended: its sets can go
	DELETE FROM caredata.visible_set s
	 USING caredata.release r
	 WHERE r.release_id = s.release_id AND r.state IN ('ended', 'destroyed');

	SELECT array_agg(r.release_id ORDER BY r.release_id)
	  INTO release_ids
	  FROM caredata.release r
	 WHERE r.state IN ('active', 'suspended')
		OR EXISTS (SELECT FROM caredata.visible_set s WHERE s.release_id = r.release_id);

	IF release_ids IS NOT NULL THEN
		PERFORM caredata.write_visible_sets(release_ids);
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.refresh_visible_sets() FROM PUBLIC;
COMMENT ON FUNCTION caredata.refresh_visible_sets() IS
	'Makes all visible sets what they should be today: after a load, and once a day for objections and registrations that begin or end without one';

CREATE FUNCTION caredata.refresh_person_visibility(person_ids integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
	today    date := caredata.today();
	kinds    text[];
	codings  text[];
BEGIN
	PERFORM caredata.lock_visible_sets();

	-- an objection of somebody who is not in the database waits
	IF coalesce(cardinality(refresh_person_visibility.person_ids), 0) = 0 THEN
		RETURN;
	END IF;

	-- persons beyond the sets have come without a refresh
	IF EXISTS (SELECT FROM caredata.visible_set s
			   CROSS JOIN unnest(refresh_person_visibility.person_ids) AS p (person_id)
				WHERE p.person_id >> 14 >= s.chunks) THEN
		PERFORM caredata.refresh_visible_sets();
		RETURN;
	END IF;

	SELECT array_agg(DISTINCT k.kind) INTO kinds
	  FROM caredata.visible_set s, unnest(s.kinds) AS k (kind);
	SELECT array_agg(DISTINCT caredata.population_coding(r.population_kind, r.population_on)) INTO codings
	  FROM caredata.visible_set s
	  JOIN caredata.release r ON r.release_id = s.release_id;

	WITH person AS MATERIALIZED (
		SELECT DISTINCT p.person_id
		  FROM unnest(refresh_person_visibility.person_ids) AS p (person_id)
	), blocked AS MATERIALIZED (
		SELECT o.person_id, o.kind
		  FROM caredata.person_objections(kinds, today, refresh_person_visibility.person_ids) o
		UNION
		SELECT u.person_id, 'no NHS number'
		  FROM caredata.unnumbered_persons(refresh_person_visibility.person_ids) u (person_id)
		UNION
		SELECT w.person_id, 'roll-out'
		  FROM caredata.rollout_persons(refresh_person_visibility.person_ids) w (person_id)
		 WHERE 'roll-out' = ANY (kinds)
	), coded AS MATERIALIZED (
		SELECT c.person_id, c.kind, c.code
		  FROM caredata.person_codes(codings, refresh_person_visibility.person_ids) c
	), wanted AS MATERIALIZED (
		SELECT s.set_id, p.person_id,
			   EXISTS (SELECT FROM coded c
						WHERE c.person_id = p.person_id
						  AND c.kind = caredata.population_coding(r.population_kind, r.population_on)
						  AND (c.kind = 'everyone' OR c.code = ANY (r.population_codes)))
			   AND NOT EXISTS (SELECT FROM blocked b
								WHERE b.person_id = p.person_id
								  AND (b.kind = ANY (s.kinds)
									   OR (b.kind = 'no NHS number' AND r.no_nhs_number <> 'allow')))
			   AS visible
		  FROM caredata.visible_set s
		  JOIN caredata.release r ON r.release_id = s.release_id
		 CROSS JOIN person p
	), touched AS MATERIALIZED (
		SELECT w.set_id, w.person_id >> 14 AS chunk,
			   caredata.chunk_bits_agg(w.person_id) FILTER (WHERE w.visible) AS shown,
			   caredata.chunk_bits_agg(w.person_id) FILTER (WHERE NOT w.visible) AS hidden
		  FROM wanted w
		 GROUP BY w.set_id, w.person_id >> 14
	), fresh AS MATERIALIZED (
		SELECT t.set_id, t.chunk, o.bits AS old_bits, b.bits
		  FROM touched t
		  JOIN caredata.visible_chunk o ON o.set_id = t.set_id AND o.chunk = t.chunk
		 CROSS JOIN LATERAL (SELECT coalesce(caredata.chunk_or(o.bits, t.shown), o.bits) AS bits) a
		 CROSS JOIN LATERAL (SELECT coalesce(caredata.chunk_without(a.bits, t.hidden), a.bits) AS bits) b
		 WHERE b.bits <> o.bits
	), changed AS MATERIALIZED (
		SELECT c.set_id, c.gained, nextval('caredata.visible_version') AS version
		  FROM (SELECT f.set_id, sum(bit_count(f.bits) - bit_count(f.old_bits)) AS gained
				  FROM fresh f
				 GROUP BY f.set_id) c
	), updated AS (
		UPDATE caredata.visible_chunk o
		   SET bits = f.bits, version = v.version
		  FROM fresh f
		  JOIN changed v ON v.set_id = f.set_id
		 WHERE o.set_id = f.set_id AND o.chunk = f.chunk
	)
	UPDATE caredata.visible_set s
	   SET version = v.version,
		   visible_persons = s.visible_persons + v.gained
	  FROM changed v
	 WHERE s.set_id = v.set_id;

	-- What is dated ahead ends the sets it concerns. It never prolongs one,
	-- which may lack what came into force since it was made.
	UPDATE caredata.visible_set s
	   SET valid_until = d.valid_until
	  FROM caredata.computed_validity(
			(SELECT array_agg(DISTINCT v.release_id) FROM caredata.visible_set v), today) d
	 WHERE s.set_id = d.set_id
	   AND (s.valid_until > d.valid_until OR (s.valid_until IS NULL AND d.valid_until IS NOT NULL));
END
$$;
REVOKE ALL ON FUNCTION caredata.refresh_person_visibility(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.refresh_person_visibility(integer[]) IS
	'Makes the bits of these persons what they should be today in every set, in this transaction';

-- STABLE: one snapshot shows sets and objections as one commit left them, so
-- that nothing has to be locked. Who only looks must not hold an objection up.
CREATE FUNCTION caredata.check_visible_sets()
RETURNS TABLE (release name, kinds text[], chunk integer, problem text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	release_ids  integer[];
	today        date := caredata.today();
BEGIN
	SELECT coalesce(array_agg(r.release_id ORDER BY r.release_id), '{}')
	  INTO release_ids
	  FROM caredata.release r
	 WHERE r.state IN ('active', 'suspended')
		OR (r.state NOT IN ('ended', 'destroyed')
			AND EXISTS (SELECT FROM caredata.visible_set s WHERE s.release_id = r.release_id));

	RETURN QUERY
	SELECT r.name, s.kinds, NULL::integer,
		   CASE WHEN s.set_id IS NULL THEN format('setting %s has no set', t.setting)
				ELSE format('setting %s should have another set', t.setting) END
	  FROM caredata.release r
	 CROSS JOIN unnest(caredata.care_settings()) AS t (setting)
	  LEFT JOIN caredata.visible_setting v
		ON v.release_id = r.release_id AND v.setting = t.setting
	  LEFT JOIN caredata.visible_set s ON s.set_id = v.set_id
	 WHERE r.release_id = ANY (release_ids)
	   AND s.kinds IS DISTINCT FROM caredata.applying_kinds(r.release_id, t.setting)
	 ORDER BY r.name, t.setting;

	RETURN QUERY
	SELECT r.name, s.kinds, c.chunk,
		   CASE WHEN o.bits IS NULL THEN 'chunk is missing'
				WHEN bit_count(caredata.chunk_without(o.bits, c.bits)) > 0
				THEN format('%s persons are visible who should not be',
							bit_count(caredata.chunk_without(o.bits, c.bits)))
				ELSE format('%s persons are hidden who should not be',
							bit_count(caredata.chunk_without(c.bits, o.bits))) END
	  FROM caredata.computed_chunks(release_ids, today) c
	  JOIN caredata.visible_set s ON s.set_id = c.set_id
	  JOIN caredata.release r ON r.release_id = s.release_id
	  LEFT JOIN caredata.visible_chunk o ON o.set_id = c.set_id AND o.chunk = c.chunk
	 WHERE o.bits IS DISTINCT FROM c.bits
	 ORDER BY r.name, s.kinds, c.chunk;

	RETURN QUERY
	SELECT r.name, s.kinds, NULL::integer,
		   CASE WHEN s.valid_until > d.valid_until OR (s.valid_until IS NULL AND d.valid_until IS NOT NULL)
				THEN 'set ends too late for a change dated ahead'
				ELSE 'set rests on another national list' END
	  FROM caredata.computed_validity(release_ids, today) d
	  JOIN caredata.visible_set s ON s.set_id = d.set_id
	  JOIN caredata.release r ON r.release_id = s.release_id
	 WHERE s.valid_until > d.valid_until
		OR (s.valid_until IS NULL AND d.valid_until IS NOT NULL)
		OR s.national_list_at IS DISTINCT FROM d.national_list_at
	 ORDER BY r.name, s.kinds;
END
$$;
REVOKE ALL ON FUNCTION caredata.check_visible_sets() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_visible_sets() IS
	'Computes every visible set anew and returns one row for each difference from what is stored; no row when all is well';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin',    'caredata.refresh_visible_sets()'),
	('caredata_admin',    'caredata.check_visible_sets()'),
	('caredata_loader',   'caredata.refresh_visible_sets()'),
	('caredata_guardian', 'caredata.refresh_visible_sets()'),
	('caredata_guardian', 'caredata.check_visible_sets()'),
	('caredata_guardian', 'caredata.applying_kinds(integer,text)'),
	('caredata_auditor',  'caredata.check_visible_sets()'),
	('caredata_auditor',  'caredata.applying_kinds(integer,text)');

