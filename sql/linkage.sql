-- ---------------------------------------------------------------------------
-- Linkage: which person a record belongs to.
--
-- Linking works on distinct identity tuples (NHS number, date of birth, sex,
-- postcode, organisation and its local patient id), never on rows. A tuple
-- that is known joins its person. The others are compared, by ordered ranks,
-- with the tuples of known persons and with each other, and are taken in
-- waves: the tuples that match best are joined first, all of a wave at once,
-- and what they joined counts for the next wave. Where nothing is left to
-- join, the most complete tuple of each group founds a person. No step
-- depends on the order of rows or on how a plan was carried out: the same
-- input gives the same persons (invariant I8). One tie is never broken by
-- chance: a tuple that matches two persons equally well founds a person of
-- its own and is marked ambiguous.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.link_rank (
	rank              smallint PRIMARY KEY CHECK (rank > 0 AND rank <> 50),
	ordinal           smallint NOT NULL UNIQUE CHECK (ordinal > 0),
	title             text NOT NULL,
	nhs_number        text NOT NULL
		CHECK (nhs_number IN ('exact', 'agree_or_missing', 'ignored')),
	date_of_birth     text NOT NULL
		CHECK (date_of_birth IN ('exact', 'partial', 'agree_or_missing',
								 'partial_or_missing', 'ignored')),
	sex               text NOT NULL
		CHECK (sex IN ('exact', 'agree_or_missing', 'ignored')),
	postcode          text NOT NULL
		CHECK (postcode IN ('exact', 'agree_or_missing', 'ignored')),
	local_patient_id  text NOT NULL
		CHECK (local_patient_id IN ('exact', 'ignored')),
	not_first_of_january boolean NOT NULL DEFAULT false,
	not_communal      boolean NOT NULL DEFAULT false,
	citation          text NOT NULL,
	CHECK (nhs_number = 'exact' OR local_patient_id = 'exact'
		   OR (date_of_birth = 'exact' AND sex = 'exact' AND postcode = 'exact')),
	CHECK (date_of_birth = 'exact' OR NOT not_first_of_january),
	CHECK (postcode = 'exact' OR NOT not_communal)
);
COMMENT ON TABLE caredata.link_rank IS
	'Ordered ways in which two identity tuples may be taken for the same person; how each field must compare';
COMMENT ON COLUMN caredata.link_rank.rank IS
	'Number stored with every link; ranks of your own start at 100, 50 stands for a model';
COMMENT ON COLUMN caredata.link_rank.ordinal IS
	'Order of trial; the lowest that matches decides';
COMMENT ON COLUMN caredata.link_rank.nhs_number IS
	'exact, agree_or_missing (must not contradict) or ignored';
COMMENT ON COLUMN caredata.link_rank.date_of_birth IS
	'exact; partial (two of year, month and day agree, or same year with day and month exchanged); either of them or missing; or ignored';
COMMENT ON COLUMN caredata.link_rank.local_patient_id IS
	'exact: same organisation and same local patient id';
COMMENT ON COLUMN caredata.link_rank.not_first_of_january IS
	'Refuse a date of birth of 1 January, which often stands for an unknown day';
COMMENT ON COLUMN caredata.link_rank.not_communal IS
	'Refuse postcodes on the list caredata.communal_postcode';
SELECT pg_catalog.pg_extension_config_dump('caredata.link_rank',
	'WHERE rank >= 100');

INSERT INTO caredata.link_rank VALUES
	(1, 10, 'NHS number, sex, date of birth, postcode',
	 'exact', 'exact', 'exact', 'exact', 'ignored', false, false,
	 'HES-ONS mortality match rank 1'),
	(2, 20, 'NHS number, sex, date of birth',
	 'exact', 'exact', 'exact', 'ignored', 'ignored', false, false,
	 'HES-ONS mortality match rank 2'),
	(3, 30, 'NHS number, sex, partial date of birth, postcode',
	 'exact', 'partial', 'exact', 'exact', 'ignored', false, false,
	 'HES-ONS mortality match rank 3'),
	(4, 40, 'NHS number, sex, partial date of birth',
	 'exact', 'partial', 'exact', 'ignored', 'ignored', false, false,
	 'HES-ONS mortality match rank 4'),
	(5, 50, 'NHS number, postcode',
	 'exact', 'ignored', 'ignored', 'exact', 'ignored', false, false,
	 'HES-ONS mortality match rank 5'),
	(9, 60, 'organisation and local patient id, the rest not contradicting',
	 'agree_or_missing', 'partial_or_missing', 'agree_or_missing', 'ignored',
	 'exact', false, false,
	 'after HESID version 2 pass 2, without the postcode'),
	(6, 70, 'sex, date of birth, postcode; NHS number not contradicting',
	 'agree_or_missing', 'exact', 'exact', 'exact', 'ignored', true, true,
	 'HES-ONS mortality match rank 6'),
	(7, 80, 'as rank 6, communal postcodes too',
	 'agree_or_missing', 'exact', 'exact', 'exact', 'ignored', true, false,
	 'HES-ONS mortality match rank 7'),
	(8, 90, 'NHS number, date of birth not contradicting',
	 'exact', 'partial_or_missing', 'ignored', 'ignored', 'ignored', false, false,
	 'HES-ONS mortality match rank 8, with a guard on date of birth');

-- Of links that a model made (caredata.load_model). No row of the table above:
-- what it compares is in the model.
CREATE FUNCTION caredata.model_link_rank() RETURNS smallint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN 50::smallint;
COMMENT ON FUNCTION caredata.model_link_rank() IS
	'Rank that links by a linkage model are stored with';

CREATE TABLE caredata.disabled_link_rank (
	rank  smallint PRIMARY KEY REFERENCES caredata.link_rank
);
COMMENT ON TABLE caredata.disabled_link_rank IS
	'Ranks that this database does not use';
SELECT pg_catalog.pg_extension_config_dump('caredata.disabled_link_rank', '');

CREATE TABLE caredata.communal_postcode (
	postcode  caredata.postcode PRIMARY KEY,
	reason    text NOT NULL
);
COMMENT ON TABLE caredata.communal_postcode IS
	'Postcodes of hostels, halls, prisons and the like, where same sex, date of birth and postcode do not mean the same person';
SELECT pg_catalog.pg_extension_config_dump('caredata.communal_postcode', '');

-- Not STRICT, so that it is inlined; NULL gives NULL all the same.
CREATE FUNCTION caredata.dates_agree_partly(a date, b date) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (date_part('year', a) = date_part('year', b))::integer
		   + (date_part('month', a) = date_part('month', b))::integer
		   + (date_part('day', a) = date_part('day', b))::integer >= 2
		   OR (date_part('year', a) = date_part('year', b)
			   AND date_part('month', a) = date_part('day', b)
			   AND date_part('day', a) = date_part('month', b));
COMMENT ON FUNCTION caredata.dates_agree_partly(date, date) IS
	'Whether two dates share two of year, month and day, or the year with day and month exchanged';

-- The SQL condition of one rank over two identity tuples a and b. Methods are
-- enumerated by the table's constraints, names are literals of this function.
CREATE FUNCTION caredata.link_condition(link caredata.link_rank, a text, b text)
	RETURNS text
	LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	condition text := 'true';
	field     text;
	method    text;
	equal     text;
	test      text;
BEGIN
	FOR field, method, equal IN
		VALUES ('nhs_number', link.nhs_number, 'OPERATOR(caredata.=)'),
			   ('date_of_birth', link.date_of_birth, 'OPERATOR(pg_catalog.=)'),
			   ('sex', link.sex, 'OPERATOR(pg_catalog.=)'),
			   ('postcode', link.postcode, 'OPERATOR(caredata.=)'),
			   ('source_organisation', link.local_patient_id, 'OPERATOR(pg_catalog.=)'),
			   ('local_patient_id', link.local_patient_id, 'OPERATOR(pg_catalog.=)')
	LOOP
		CASE method
			WHEN 'ignored' THEN CONTINUE;
			WHEN 'exact' THEN test := '%1$I.%3$I %4$s %2$I.%3$I';
			WHEN 'partial' THEN
				test := 'caredata.dates_agree_partly(%1$I.%3$I, %2$I.%3$I)';
			WHEN 'agree_or_missing' THEN
				test := '(%1$I.%3$I IS NULL OR %2$I.%3$I IS NULL OR %1$I.%3$I %4$s %2$I.%3$I)';
			WHEN 'partial_or_missing' THEN
				test := '(%1$I.%3$I IS NULL OR %2$I.%3$I IS NULL OR caredata.dates_agree_partly(%1$I.%3$I, %2$I.%3$I))';
		END CASE;
		condition := condition || ' AND ' || format(test, a, b, field, equal);
	END LOOP;
	IF link.not_first_of_january THEN
		condition := condition
			|| format(' AND NOT (date_part(''month'', %1$I.date_of_birth) = 1 AND date_part(''day'', %1$I.date_of_birth) = 1)', a);
	END IF;
	IF link.not_communal THEN
		condition := condition || format(' AND NOT %I.communal', a);
	END IF;
	RETURN condition;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_condition(caredata.link_rank, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_condition(caredata.link_rank, text, text) IS
	'SQL condition under which two identity tuples match at a rank; internal to link_identities()';

CREATE TABLE caredata.link_setting (
	name   text PRIMARY KEY CHECK (name IN ('crowded_key_limit')),
	value  float8 NOT NULL CHECK (value BETWEEN 2 AND 1000000)
);
COMMENT ON TABLE caredata.link_setting IS
	'Numbers of the linkage that this database sets other than they are shipped';
SELECT pg_catalog.pg_extension_config_dump('caredata.link_setting', '');

-- Keys shared by more tuples than this in one load are placeholders, not
-- people: they would make every pair of them, and most of the pairs wrong.
CREATE FUNCTION caredata.crowded_key_limit() RETURNS integer
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT coalesce((SELECT s.value FROM caredata.link_setting s
					 WHERE s.name = 'crowded_key_limit'), 500)::integer;
END;
REVOKE ALL ON FUNCTION caredata.crowded_key_limit() FROM PUBLIC;
COMMENT ON FUNCTION caredata.crowded_key_limit() IS
	'A value that more distinct identity tuples of one load share than this is not linked on; 500, unless set_link_setting() said otherwise';

/*
 * Links the tuples of pg_temp.caredata_tuple (identity_key, nhs_number,
 * date_of_birth, sex, postcode, source_organisation, local_patient_id,
 * records), which are distinct and hold usable values only, and leaves the
 * outcome in pg_temp.caredata_link (the same columns, person_id, link_rank,
 * ambiguous, known). New persons and identities are stored.
 */
CREATE FUNCTION caredata.link_identities(load_id integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	fields text := 'nhs_number, date_of_birth, sex, postcode, source_organisation, local_patient_id';
	-- equal or both missing, field by field
	same text := '(i.nhs_number OPERATOR(caredata.=) t.nhs_number OR i.nhs_number IS NULL AND t.nhs_number IS NULL)
		AND i.date_of_birth IS NOT DISTINCT FROM t.date_of_birth
		AND i.sex IS NOT DISTINCT FROM t.sex
		AND (i.postcode OPERATOR(caredata.=) t.postcode OR i.postcode IS NULL AND t.postcode IS NULL)
		AND i.source_organisation IS NOT DISTINCT FROM t.source_organisation
		AND i.local_patient_id IS NOT DISTINCT FROM t.local_patient_id';
	block      record;
	shared     text[] := '{}';	-- keys that two tuples of this load have
	conditional smallint[];		-- ordinals where the NHS number may be missing
	local_only smallint[];		-- ordinals that rest on the local patient id
	lowest     smallint;
	moved      bigint;
	base       integer;
	new_persons integer;
	base_identity integer;
	crowded    integer := caredata.crowded_key_limit();
	chained    boolean;			-- NHS numbers were superseded or invalidated
	persons    text;
	pairs      text;
BEGIN
	-- One load links at a time; readers are not disturbed.
	LOCK TABLE care_identity.person IN SHARE ROW EXCLUSIVE MODE;
	chained := EXISTS (SELECT FROM care_identity.nhs_number_change);

	-- Rows are led back to their tuple by its key alone, a hash of the fields:
	-- comparing the fields as well leaves the planner without a notion of how
	-- many rows that gives. Two tuples of one key are as good as impossible,
	-- and would give one person's records to another.
	IF EXISTS (SELECT FROM pg_temp.caredata_tuple t
			   GROUP BY t.identity_key HAVING count(*) > 1) THEN
		RAISE EXCEPTION 'two identities of the load have the same key'
			USING ERRCODE = 'serialization_failure',
				  HINT = 'Nothing was changed. Load again: the keys are made anew for each load.';
	END IF;

	SELECT array_agg(r.ordinal) FILTER (WHERE r.nhs_number <> 'exact'),
		   array_agg(r.ordinal) FILTER (WHERE r.nhs_number <> 'exact'
										  AND r.local_patient_id = 'exact')
	INTO conditional, local_only
	FROM caredata.link_rank r
	WHERE NOT EXISTS (SELECT FROM caredata.disabled_link_rank d
					  WHERE d.rank = r.rank);
	conditional := coalesce(conditional, '{}');
	local_only := coalesce(local_only, '{}');

	-- 1. Tuples met before. Each has one of the three keys that are indexed.
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_known ON COMMIT DROP AS
		SELECT t.identity_key, i.identity_id, i.person_id, i.link_rank, i.ambiguous
		FROM pg_temp.caredata_tuple t
		JOIN care_identity.identity i
		  ON i.nhs_number OPERATOR(caredata.=) t.nhs_number AND %1$s
		UNION ALL
		SELECT t.identity_key, i.identity_id, i.person_id, i.link_rank, i.ambiguous
		FROM pg_temp.caredata_tuple t
		JOIN care_identity.identity i
		  ON i.source_organisation = t.source_organisation
		 AND i.local_patient_id = t.local_patient_id AND %1$s
		WHERE t.nhs_number IS NULL AND i.nhs_number IS NULL
		UNION ALL
		SELECT t.identity_key, i.identity_id, i.person_id, i.link_rank, i.ambiguous
		FROM pg_temp.caredata_tuple t
		JOIN care_identity.identity i
		  ON i.date_of_birth = t.date_of_birth AND i.sex = t.sex
		 AND i.postcode OPERATOR(caredata.=) t.postcode AND %1$s
		WHERE t.nhs_number IS NULL AND i.nhs_number IS NULL
		  AND t.local_patient_id IS NULL AND i.local_patient_id IS NULL
		$sql$, same);

	-- 2. The canonical order: new ones, the most complete first, then by value.
	-- A superseded NHS number is compared as the one that it stands for now, an
	-- invalidated one not at all; either is stored as it came.
	EXECUTE format($sql$
		CREATE TEMPORARY TABLE caredata_identity ON COMMIT DROP AS
		SELECT row_number() OVER (
				   ORDER BY k.person_id IS NOT NULL,
							(t.nhs_number IS NULL)::integer * 8
							+ (t.date_of_birth IS NULL)::integer * 4
							+ (t.sex IS NULL)::integer * 2
							+ (t.postcode IS NULL)::integer,
							t.nhs_number, t.date_of_birth, t.sex COLLATE "C",
							t.postcode, t.source_organisation COLLATE "C",
							t.local_patient_id COLLATE "C")::integer AS identity_no,
			   t.identity_key, %2$s AS nhs_number, t.nhs_number AS own_nhs_number,
			   t.date_of_birth, t.sex, t.postcode, t.source_organisation,
			   t.local_patient_id, t.records,
			   %2$s IS NOT NULL AS use_nhs_number,
			   t.local_patient_id IS NOT NULL AS use_local,
			   (t.date_of_birth IS NOT NULL AND t.sex IS NOT NULL
				AND t.postcode IS NOT NULL) AS use_place,
			   EXISTS (SELECT FROM caredata.communal_postcode c
					   WHERE c.postcode OPERATOR(caredata.=) t.postcode) AS communal,
			   k.identity_id, k.person_id, k.link_rank,
			   NULL::float8 AS link_weight, NULL::float8 AS link_gap,
			   coalesce(k.ambiguous, false) AS ambiguous,
			   k.person_id IS NOT NULL AS known
		FROM pg_temp.caredata_tuple t
		LEFT JOIN pg_temp.caredata_known k
			ON k.identity_key = t.identity_key
		   AND EXISTS (SELECT FROM care_identity.identity i
					   WHERE i.identity_id = k.identity_id AND %1$s)
		%3$s
		$sql$, same,
		CASE WHEN chained
			 THEN '(CASE WHEN c.nhs_number IS NULL THEN t.nhs_number ELSE c.current_number END)'
			 ELSE 't.nhs_number' END,
		CASE WHEN chained
			 THEN 'LEFT JOIN caredata.nhs_number_chains() c ON c.nhs_number OPERATOR(caredata.=) t.nhs_number'
		END);
	ANALYZE pg_temp.caredata_identity;

	-- 3. Values that too many tuples share are not linked on; those that none
	-- shares with another make no pairs.
	FOR block IN
		VALUES ('use_nhs_number', 'nhs_number',
				'k.nhs_number OPERATOR(caredata.=) u.nhs_number'),
			   ('use_local', 'source_organisation, local_patient_id',
				'k.source_organisation = u.source_organisation AND k.local_patient_id = u.local_patient_id'),
			   ('use_place', 'date_of_birth, sex, postcode',
				'k.date_of_birth = u.date_of_birth AND k.sex = u.sex AND k.postcode OPERATOR(caredata.=) u.postcode')
	LOOP
		EXECUTE format($sql$
			SELECT max(k.tuples)
			FROM (SELECT count(*) AS tuples FROM pg_temp.caredata_identity u
				  WHERE u.%1$I GROUP BY %2$s) k
			$sql$, block.column1, block.column2)
		INTO moved;
		IF moved > 1 THEN
			shared := shared || block.column1;
		END IF;
		IF moved > crowded THEN
			EXECUTE format($sql$
				UPDATE pg_temp.caredata_identity u SET %1$I = false
				FROM (SELECT %2$s FROM pg_temp.caredata_identity
					  WHERE %1$I GROUP BY %2$s HAVING count(*) > %4$L) k
				WHERE %3$s
				$sql$, block.column1, block.column2, block.column3,
				crowded);
		END IF;
	END LOOP;

	-- 4. Every pair that matches at some rank, with its best rank: tuples to
	-- known persons, and new tuples to each other.
	CREATE TEMPORARY TABLE caredata_person_pair (
		identity_no integer NOT NULL, person_id integer NOT NULL,
		ordinal smallint NOT NULL) ON COMMIT DROP;
	CREATE TEMPORARY TABLE caredata_pair (
		identity_no integer NOT NULL, other_no integer NOT NULL,
		ordinal smallint NOT NULL) ON COMMIT DROP;

	FOR block IN
		SELECT b.key, b.use, b.join_on, bool_or(b.key = 'local') AS is_local,
			   string_agg(format('WHEN %s THEN %L::smallint',
								 caredata.link_condition(b.link, 'u', 'o'),
								 (b.link).ordinal),
						  ' ' ORDER BY (b.link).ordinal) AS ranks,
			   bool_or((b.link).not_communal) AS communal
		FROM (SELECT r AS link,
					 CASE WHEN r.nhs_number = 'exact' THEN 'nhs_number'
						  WHEN r.local_patient_id = 'exact' THEN 'local'
						  ELSE 'place' END AS key,
					 CASE WHEN r.nhs_number = 'exact' THEN 'use_nhs_number'
						  WHEN r.local_patient_id = 'exact' THEN 'use_local'
						  ELSE 'use_place' END AS use,
					 CASE WHEN r.nhs_number = 'exact'
						  THEN 'o.nhs_number OPERATOR(caredata.=) u.nhs_number'
						  WHEN r.local_patient_id = 'exact'
						  THEN 'o.source_organisation = u.source_organisation AND o.local_patient_id = u.local_patient_id'
						  ELSE 'o.date_of_birth = u.date_of_birth AND o.sex = u.sex AND o.postcode OPERATOR(caredata.=) u.postcode'
					 END AS join_on
			  FROM caredata.link_rank r
			  WHERE NOT EXISTS (SELECT FROM caredata.disabled_link_rank d
								WHERE d.rank = r.rank)) b
		GROUP BY b.key, b.use, b.join_on
	LOOP
		-- An ambiguous identity says nothing about where another belongs,
		-- except to the same patient of the same organisation.
		persons := concat_ws(' UNION ALL ', persons, format($sql$
			SELECT u.identity_no, o.person_id, CASE %2$s END AS ordinal
			FROM pg_temp.caredata_identity u
			JOIN care_identity.identity o ON %3$s
			WHERE u.%1$I AND NOT u.known AND (%4$L OR NOT o.ambiguous)
			$sql$, block.use, block.ranks, block.join_on, block.is_local));
		IF block.use = ANY (shared) THEN
			pairs := concat_ws(' UNION ALL ', pairs, format($sql$
				SELECT u.identity_no, o.identity_no AS other_no, CASE %2$s END AS ordinal
				FROM pg_temp.caredata_identity u
				JOIN pg_temp.caredata_identity o ON %3$s
				WHERE u.%1$I AND o.%1$I AND NOT u.known AND NOT o.known
				  AND u.identity_no <> o.identity_no
				$sql$, block.use, block.ranks, block.join_on));
		END IF;
	END LOOP;
	IF persons IS NOT NULL THEN
		EXECUTE format($sql$
			INSERT INTO pg_temp.caredata_person_pair
			SELECT p.identity_no, p.person_id, min(p.ordinal)
			FROM (%s) p WHERE p.ordinal IS NOT NULL
			GROUP BY p.identity_no, p.person_id, p.ordinal = ANY (%L::smallint[])
			$sql$, persons, local_only);
	END IF;
	IF pairs IS NOT NULL THEN
		EXECUTE format($sql$
			INSERT INTO pg_temp.caredata_pair
			SELECT p.identity_no, p.other_no, min(p.ordinal)
			FROM (%s) p WHERE p.ordinal IS NOT NULL
			GROUP BY p.identity_no, p.other_no, p.ordinal = ANY (%L::smallint[])
			$sql$, pairs, local_only);
	END IF;
	ANALYZE pg_temp.caredata_person_pair;
	ANALYZE pg_temp.caredata_pair;

	-- 5. Waves. New persons have the negative number of their founder here.
	CREATE TEMPORARY TABLE caredata_candidate (
		identity_no integer NOT NULL, person_id integer NOT NULL,
		ordinal smallint NOT NULL) ON COMMIT DROP;
	CREATE TEMPORARY TABLE caredata_contradiction (
		identity_no integer NOT NULL, person_id integer NOT NULL) ON COMMIT DROP;
	CREATE TEMPORARY TABLE caredata_decision (
		identity_no integer NOT NULL, person_id integer,
		ordinal smallint NOT NULL) ON COMMIT DROP;
	CREATE TEMPORARY TABLE caredata_tie (
		identity_no integer NOT NULL, person_id integer NOT NULL,
		question text NOT NULL, ordinal smallint, weight float8) ON COMMIT DROP;

	LOOP
		TRUNCATE pg_temp.caredata_candidate, pg_temp.caredata_contradiction,
			pg_temp.caredata_decision;

		-- Persons that an unlinked tuple can join now.
		INSERT INTO pg_temp.caredata_candidate
		SELECT c.identity_no, c.person_id, min(c.ordinal)
		FROM (SELECT p.identity_no, p.person_id, p.ordinal
			  FROM pg_temp.caredata_person_pair p
			  UNION ALL
			  SELECT p.identity_no, o.person_id, p.ordinal
			  FROM pg_temp.caredata_pair p
			  JOIN pg_temp.caredata_identity o ON o.identity_no = p.other_no
			  WHERE o.person_id IS NOT NULL) c
		GROUP BY c.identity_no, c.person_id;
		SELECT min(c.ordinal) INTO lowest FROM pg_temp.caredata_candidate c;

		IF lowest IS NULL THEN
			-- Nobody to join: the first of each group founds a person. (One
			-- that matches nobody at all needs no wave, see below.)
			UPDATE pg_temp.caredata_identity u
			SET person_id = - u.identity_no, link_rank = 0
			WHERE u.person_id IS NULL
			  AND u.identity_no IN (SELECT p.identity_no
									FROM pg_temp.caredata_pair p)
			  AND NOT EXISTS (SELECT FROM pg_temp.caredata_pair p
							  WHERE p.identity_no = u.identity_no
								AND p.other_no < u.identity_no);
			GET DIAGNOSTICS moved = ROW_COUNT;
			EXIT WHEN moved = 0;
			DELETE FROM pg_temp.caredata_pair p
			USING pg_temp.caredata_identity u
			WHERE u.identity_no = p.identity_no AND u.person_id IS NOT NULL;
			CONTINUE;
		END IF;

		-- Where the NHS number may be missing from the tuple that matches, it
		-- must still not contradict what else is known of the person.
		IF lowest = ANY (conditional) THEN
			INSERT INTO pg_temp.caredata_contradiction
			SELECT h.identity_no, h.person_id
			FROM (SELECT c.identity_no, c.person_id,
						 i.nhs_number OPERATOR(caredata.=) u.nhs_number AS agrees
				  FROM pg_temp.caredata_candidate c
				  JOIN pg_temp.caredata_identity u ON u.identity_no = c.identity_no
				  JOIN care_identity.identity i ON i.person_id = c.person_id
				  WHERE c.ordinal = lowest AND u.nhs_number IS NOT NULL
					AND i.nhs_number IS NOT NULL
					AND NOT (chained AND EXISTS (
						SELECT FROM care_identity.nhs_number_change x
						WHERE x.nhs_number OPERATOR(caredata.=) i.nhs_number
						  AND x.superseded_by IS NULL))
				  UNION ALL
				  SELECT c.identity_no, c.person_id,
						 i.nhs_number OPERATOR(caredata.=) u.nhs_number
				  FROM pg_temp.caredata_candidate c
				  JOIN pg_temp.caredata_identity u ON u.identity_no = c.identity_no
				  JOIN pg_temp.caredata_identity i ON i.person_id = c.person_id
				  WHERE c.ordinal = lowest AND u.nhs_number IS NOT NULL
					AND i.nhs_number IS NOT NULL) h
			GROUP BY h.identity_no, h.person_id
			HAVING NOT bool_or(h.agrees);
			GET DIAGNOSTICS moved = ROW_COUNT;
			IF moved > 0 THEN
				DELETE FROM pg_temp.caredata_person_pair p
				USING pg_temp.caredata_contradiction x
				WHERE p.identity_no = x.identity_no AND p.person_id = x.person_id;
				DELETE FROM pg_temp.caredata_pair p
				USING pg_temp.caredata_contradiction x, pg_temp.caredata_identity o
				WHERE p.identity_no = x.identity_no
				  AND o.identity_no = p.other_no AND o.person_id = x.person_id;
				CONTINUE;
			END IF;
		END IF;

		-- One candidate: join it. Several: ambiguous (no person).
		INSERT INTO pg_temp.caredata_decision
		SELECT c.identity_no,
			   CASE WHEN count(*) = 1 THEN min(c.person_id) END, lowest
		FROM pg_temp.caredata_candidate c
		WHERE c.ordinal = lowest
		GROUP BY c.identity_no;

		-- Two who contradict each other cannot both join, and nothing says
		-- which of them should.
		IF lowest = ANY (conditional) THEN
			UPDATE pg_temp.caredata_decision d SET person_id = NULL
			FROM pg_temp.caredata_identity u
			WHERE u.identity_no = d.identity_no AND u.nhs_number IS NOT NULL
			  AND d.person_id IN
				  (SELECT e.person_id
				   FROM pg_temp.caredata_decision e
				   JOIN pg_temp.caredata_identity v ON v.identity_no = e.identity_no
				   WHERE e.person_id IS NOT NULL
				   GROUP BY e.person_id
				   HAVING count(DISTINCT v.nhs_number) > 1);
		END IF;

		-- Those whom a tie left without a person are for somebody to look at.
		INSERT INTO pg_temp.caredata_tie (identity_no, person_id, question, ordinal)
		SELECT c.identity_no, c.person_id, 'fits several persons equally well', lowest
		FROM (SELECT c.identity_no, c.person_id,
					 row_number() OVER (PARTITION BY c.identity_no
										ORDER BY abs(c.person_id), c.person_id) AS place
			  FROM pg_temp.caredata_candidate c
			  JOIN pg_temp.caredata_decision d ON d.identity_no = c.identity_no
			  WHERE c.ordinal = lowest AND d.person_id IS NULL) c
		WHERE c.place <= 5;

		UPDATE pg_temp.caredata_identity u
		SET person_id = d.person_id,
			link_rank = CASE WHEN d.person_id IS NOT NULL THEN r.rank END,
			ambiguous = u.ambiguous OR d.person_id IS NULL
		FROM pg_temp.caredata_decision d, caredata.link_rank r
		WHERE u.identity_no = d.identity_no AND r.ordinal = d.ordinal;

		-- What is decided needs its pairs no more. An ambiguous tuple keeps
		-- those by local patient id, unless they were the ambiguous ones.
		DELETE FROM pg_temp.caredata_person_pair p
		USING pg_temp.caredata_decision d
		WHERE d.identity_no = p.identity_no
		  AND (d.person_id IS NOT NULL OR lowest = ANY (local_only)
			   OR NOT p.ordinal = ANY (local_only));
		DELETE FROM pg_temp.caredata_pair p
		USING pg_temp.caredata_decision d
		WHERE d.identity_no = p.identity_no
		  AND (d.person_id IS NOT NULL OR lowest = ANY (local_only)
			   OR NOT p.ordinal = ANY (local_only));
		DELETE FROM pg_temp.caredata_pair p
		USING pg_temp.caredata_decision d
		WHERE d.identity_no = p.other_no AND d.person_id IS NULL
		  AND (lowest = ANY (local_only) OR NOT p.ordinal = ANY (local_only));
	END LOOP;

	-- 6. What is left may be linked by a model, if the database uses one.
	PERFORM caredata.link_by_model();

	-- 7. Dense numbers for new persons, in the order of their founders. Who
	-- has no person by now founds one. A number that was ever given is never
	-- given again.
	SELECT greatest((SELECT max(p.person_id) FROM care_identity.person p),
					(SELECT max(a.retired_id) FROM caredata.person_alias a), 0) INTO base;
	SELECT CASE WHEN q.is_called THEN q.last_value ELSE 0 END INTO base_identity
	FROM care_identity.identity_identity_id_seq q;
	CREATE TEMPORARY TABLE caredata_link ON COMMIT DROP AS
	SELECT u.identity_no, u.identity_key, u.own_nhs_number AS nhs_number, u.date_of_birth, u.sex,
		   u.postcode, u.source_organisation, u.local_patient_id, u.records,
		   CASE WHEN u.person_id > 0 THEN u.person_id
				ELSE base + f.person_no END AS person_id,
		   coalesce(u.link_rank, 0::smallint) AS link_rank, u.link_weight, u.link_gap,
		   u.ambiguous, u.known,
		   coalesce(u.identity_id, base_identity + u.identity_no) AS identity_id
	FROM pg_temp.caredata_identity u
	LEFT JOIN (SELECT i.identity_no,
					  row_number() OVER (ORDER BY i.identity_no)::integer AS person_no
			   FROM pg_temp.caredata_identity i
			   WHERE i.person_id IS NULL OR i.person_id = - i.identity_no) f
		ON f.identity_no = coalesce(- u.person_id, u.identity_no);

	INSERT INTO care_identity.person (person_id, created_in_load)
	SELECT l.person_id, link_identities.load_id
	FROM pg_temp.caredata_link l
	WHERE NOT l.known AND l.link_rank = 0
	ORDER BY l.person_id;
	GET DIAGNOSTICS new_persons = ROW_COUNT;

	INSERT INTO care_identity.identity
		(identity_id, person_id, nhs_number, date_of_birth, sex, postcode,
		 source_organisation, local_patient_id, link_rank, link_weight, link_gap,
		 ambiguous, load_id)
	OVERRIDING SYSTEM VALUE
	SELECT l.identity_id, l.person_id, l.nhs_number, l.date_of_birth, l.sex, l.postcode,
		   l.source_organisation, l.local_patient_id, l.link_rank, l.link_weight, l.link_gap,
		   l.ambiguous, link_identities.load_id
	FROM pg_temp.caredata_link l
	WHERE NOT l.known
	ORDER BY l.identity_no;
	GET DIAGNOSTICS moved = ROW_COUNT;
	IF moved > 0 THEN
		PERFORM setval('care_identity.identity_identity_id_seq', base_identity + moved);
		IF chained THEN
			PERFORM caredata.add_chained_identities();
		END IF;
	END IF;

	-- 8. What was not decided becomes questions, one for each pair of persons,
	-- asked once.
	INSERT INTO caredata.link_review (person_id, other_id, question, link_rank, weight, load_id)
	SELECT DISTINCT ON (least(q.one, q.other), greatest(q.one, q.other))
		   least(q.one, q.other), greatest(q.one, q.other), q.question, q.rank, q.weight,
		   link_identities.load_id
	FROM (SELECT l.person_id AS one,
				 CASE WHEN t.person_id > 0 THEN t.person_id ELSE f.person_id END AS other,
				 t.question, t.weight, r.rank
		  FROM pg_temp.caredata_tie t
		  JOIN pg_temp.caredata_link l ON l.identity_no = t.identity_no
		  LEFT JOIN caredata.link_rank r ON r.ordinal = t.ordinal
		  LEFT JOIN pg_temp.caredata_link f ON f.identity_no = - t.person_id) q
	WHERE q.one <> q.other
	ORDER BY least(q.one, q.other), greatest(q.one, q.other), q.rank, q.weight DESC, q.question COLLATE "C"
	ON CONFLICT DO NOTHING;

	DROP TABLE pg_temp.caredata_known, pg_temp.caredata_identity,
		pg_temp.caredata_person_pair, pg_temp.caredata_pair,
		pg_temp.caredata_candidate, pg_temp.caredata_contradiction,
		pg_temp.caredata_decision, pg_temp.caredata_tie;
	RETURN new_persons;
END
$function$;
REVOKE ALL ON FUNCTION caredata.link_identities(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_identities(integer) IS
	'Gives the identity tuples of a load their persons; internal to load(). Returns the number of new persons';

-- --- What a DBA may set -----------------------------------------------------

CREATE FUNCTION caredata.use_link_rank(rank integer, in_use boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	IF NOT EXISTS (SELECT FROM caredata.link_rank r WHERE r.rank = use_link_rank.rank) THEN
		RAISE EXCEPTION 'link rank % does not exist', rank
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.link_rank lists the ranks.';
	END IF;
	IF in_use THEN
		DELETE FROM caredata.disabled_link_rank d WHERE d.rank = use_link_rank.rank;
	ELSE
		INSERT INTO caredata.disabled_link_rank VALUES (use_link_rank.rank)
		ON CONFLICT DO NOTHING;
	END IF;
END
$function$;
REVOKE ALL ON FUNCTION caredata.use_link_rank(integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.use_link_rank(integer, boolean) IS
	'Switches a link rank off or on again; counts from the next load on, what is linked stays linked';

CREATE FUNCTION caredata.set_link_setting(name text, value float8) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	IF name IS NULL OR name <> 'crowded_key_limit'
	   OR value IS NOT NULL AND NOT value BETWEEN 2 AND 1000000 THEN
		RAISE EXCEPTION 'no such setting of the linkage, or not in its range'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'crowded_key_limit is a number from 2 to 1000000; NULL puts the shipped one back.';
	END IF;
	DELETE FROM caredata.link_setting s WHERE s.name = set_link_setting.name;
	INSERT INTO caredata.link_setting
	SELECT set_link_setting.name, set_link_setting.value
	WHERE set_link_setting.value IS NOT NULL;
END
$function$;
REVOKE ALL ON FUNCTION caredata.set_link_setting(text, float8) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_link_setting(text, float8) IS
	'Sets a number of the linkage, or with NULL puts the shipped one back; counts from the next load on';

CREATE FUNCTION caredata.add_communal_postcode(postcode text, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	v_postcode caredata.postcode := caredata.try_postcode(add_communal_postcode.postcode);
BEGIN
	IF v_postcode IS NULL OR coalesce(btrim(reason), '') = '' THEN
		RAISE EXCEPTION 'a communal postcode needs a valid postcode and a reason'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'For example: add_communal_postcode(''LS2 9JT'', ''hall of residence'').';
	END IF;
	INSERT INTO caredata.communal_postcode VALUES (v_postcode, btrim(add_communal_postcode.reason))
	ON CONFLICT ON CONSTRAINT communal_postcode_pkey DO UPDATE SET reason = excluded.reason;
END
$function$;
REVOKE ALL ON FUNCTION caredata.add_communal_postcode(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_communal_postcode(text, text) IS
	'Adds a postcode at which same sex and date of birth do not mean the same person';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.set_link_setting(text, float8)'),
	('caredata_linker', 'caredata.link_setting'),
	('caredata_linker', 'caredata.use_link_rank(integer, boolean)'),
	('caredata_linker', 'caredata.add_communal_postcode(text, text)'),
	('caredata_linker', 'caredata.link_rank'),
	('caredata_linker', 'caredata.disabled_link_rank'),
	('caredata_linker', 'caredata.communal_postcode');
