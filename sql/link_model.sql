-- ---------------------------------------------------------------------------
-- Linkage models: what is compared and how, which records are brought
-- together to be compared, and what each agreement is worth.
--
-- A model is rows: comparisons with their levels, blocking rules, and
-- relationships that look like one person. Kinds, tests and transforms are
-- enumerated (invariant I9); columns are names, quoted where they are used.
-- A model is a draft until it is trained or accepted; from then on its rows
-- stay, so that every link made with it can be derived again.
--
-- What changes a model is SECURITY DEFINER and writes these tables only. What
-- reads people's records (sql/link_record.sql) has the rights of its caller.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.link_test (
	kind         text NOT NULL,
	test         text NOT NULL,
	parameter    text,
	description  text NOT NULL,
	PRIMARY KEY (kind, test)
);
COMMENT ON TABLE caredata.link_test IS
	'Kinds of values that models compare, and the tests that levels of a comparison can make';
COMMENT ON COLUMN caredata.link_test.parameter IS
	'What the parameter of the test means; NULL where it has none';

INSERT INTO caredata.link_test
SELECT kind, test, parameter, description
FROM (VALUES
	('text forename surname swappable_forename swappable_surname date postcode nhs_number sex number', 'exact', NULL, 'equal'),
	('text forename surname date postcode nhs_number sex number', 'exact_other', NULL,
	 'of a comparison of several columns: any of one side equals any of the other'),
	('text forename surname swappable_forename swappable_surname', 'jaro_winkler', 'least similarity', 'Jaro-Winkler similarity'),
	('text forename surname swappable_forename swappable_surname', 'jaro', 'least similarity', 'Jaro similarity'),
	('text forename surname swappable_forename swappable_surname date postcode nhs_number', 'levenshtein', 'greatest distance',
	 'insertions, deletions and substitutions'),
	('text forename surname swappable_forename swappable_surname date postcode nhs_number', 'damerau', 'greatest distance',
	 'the same and transpositions, unrestricted'),
	('text forename surname swappable_forename swappable_surname date postcode nhs_number', 'osa', 'greatest distance',
	 'the same, nothing being edited twice'),
	('text forename surname swappable_forename swappable_surname', 'first', 'number of characters', 'so many first characters agree'),
	('text forename surname swappable_forename swappable_surname', 'begins', NULL, 'one is how the other begins'),
	('text forename surname swappable_forename swappable_surname', 'initial', NULL, 'one is the first letter of the other'),
	('forename surname swappable_forename swappable_surname', 'double_metaphone', NULL, 'a Double Metaphone code in common'),
	('forename surname swappable_forename swappable_surname', 'soundex', NULL, 'the same Soundex code'),
	('date', 'days', 'greatest difference', 'days apart'),
	('date', 'months', 'greatest difference', 'months of 30.4375 days apart'),
	('date', 'years', 'greatest difference', 'years of 365.25 days apart'),
	('date', 'day_month_swapped', NULL, 'equal with day and month exchanged'),
	('date', 'two_parts', NULL, 'two of year, month and day agree'),
	('date', 'first_of_january', NULL, 'one of the two is 1 January, which often stands for an unknown day'),
	('postcode', 'sector', NULL, 'the same sector, such as M1 1'),
	('postcode', 'district', NULL, 'the same district, such as M1'),
	('postcode', 'area', NULL, 'the same area, such as M'),
	('number', 'difference', 'greatest difference', 'numbers apart'),
	('swappable_forename swappable_surname', 'swapped', NULL, 'the two names equal, exchanged'),
	('swappable_forename swappable_surname', 'swapped_initial', NULL,
	 'the two names exchanged, each equal to its counterpart or its initial'),
	('forename_surname', 'exact', NULL, 'forename and surname equal'),
	('forename_surname', 'swapped', NULL, 'equal with forename and surname exchanged'),
	('forename_surname', 'jaro_winkler', 'least similarity', 'both at least so similar'),
	('forename_surname', 'surname_exact', NULL, 'surname equal'),
	('forename_surname', 'forename_exact', NULL, 'forename equal')
	) AS t (kinds, test, parameter, description),
	LATERAL regexp_split_to_table(t.kinds, ' ') AS kind
UNION ALL
-- Forename and surname at once, straight or crosswise: the level of a pair is
-- how alike each of the two is. Crosswise counts only where it is more alike.
SELECT 'name_pair', format('%sforename_%s_surname_%s',
						   CASE WHEN swapped THEN 'swapped_' ELSE '' END, f.alike, s.alike),
	NULL, format('forename %s, surname %s%s', f.alike, s.alike,
				 CASE WHEN swapped THEN ', one side''s exchanged' ELSE '' END)
FROM (VALUES (false), (true)) AS w (swapped),
	(VALUES ('exact', 0, 4), ('close', 1, 3), ('fuzzy', 3, 2), ('missing', 4, 1),
			('different', 6, 0)) AS f (alike, cost, rank),
	(VALUES ('exact', 0, 4), ('close', 1, 3), ('fuzzy', 3, 2), ('missing', 4, 1),
			('different', 6, 0)) AS s (alike, cost, rank)
WHERE NOT (f.alike = 'missing' AND s.alike = 'missing')
	AND NOT (f.alike = 'different' AND s.alike = 'different')
	AND NOT (swapped AND (s.rank > f.rank OR f.cost + s.cost >= 10));

CREATE TABLE caredata.link_default_level (
	kind       text NOT NULL,
	level      smallint NOT NULL,
	test       text NOT NULL,
	parameter  double precision,
	PRIMARY KEY (kind, level),
	FOREIGN KEY (kind, test) REFERENCES caredata.link_test
);
COMMENT ON TABLE caredata.link_default_level IS
	'Levels that a comparison of a kind gets where none are given; the highest is tried first, 0 is what is left';

INSERT INTO caredata.link_default_level
SELECT k.kind, row_number() OVER (PARTITION BY k.kind ORDER BY ordinal DESC), test, parameter
FROM (VALUES
	('text', 1, 'exact', NULL),
	('name', 1, 'exact', NULL), ('name', 2, 'jaro_winkler', 0.92),
	('name', 3, 'jaro_winkler', 0.88), ('name', 4, 'jaro_winkler', 0.7),
	('swappable', 1, 'exact', NULL), ('swappable', 2, 'jaro_winkler', 0.88),
	('swappable', 3, 'jaro_winkler', 0.7), ('swappable', 4, 'swapped', NULL),
	('date', 1, 'exact', NULL), ('date', 2, 'osa', 1), ('date', 3, 'day_month_swapped', NULL),
	('date', 4, 'two_parts', NULL), ('date', 5, 'osa', 2),
	('postcode', 1, 'exact', NULL), ('postcode', 2, 'sector', NULL),
	('postcode', 3, 'district', NULL), ('postcode', 4, 'area', NULL),
	('nhs_number', 1, 'exact', NULL), ('nhs_number', 2, 'damerau', 1),
	('sex', 1, 'exact', NULL),
	('number', 1, 'exact', NULL),
	('forename_surname', 1, 'exact', NULL), ('forename_surname', 2, 'swapped', NULL),
	('forename_surname', 3, 'jaro_winkler', 0.92), ('forename_surname', 4, 'jaro_winkler', 0.88),
	('forename_surname', 5, 'surname_exact', NULL), ('forename_surname', 6, 'forename_exact', NULL)
	) AS t (kind, ordinal, test, parameter),
	LATERAL unnest(CASE t.kind WHEN 'name' THEN '{forename,surname}'
				   WHEN 'swappable' THEN '{swappable_forename,swappable_surname}'
				   ELSE ARRAY[t.kind] END) AS k (kind)
UNION ALL
SELECT kind, row_number() OVER (ORDER BY
			  (SELECT sum(CASE part WHEN 'exact' THEN 0 WHEN 'close' THEN 1 WHEN 'fuzzy' THEN 3
						  WHEN 'missing' THEN 4 ELSE 6 END)
			   FROM regexp_split_to_table(test, '_') WITH ORDINALITY AS p (part, n)
			   WHERE part IN ('exact', 'close', 'fuzzy', 'missing', 'different')) DESC,
			  test COLLATE "C" DESC), test, NULL
FROM caredata.link_test WHERE kind = 'name_pair';

CREATE TABLE caredata.link_model (
	model_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name           text NOT NULL CHECK (name <> ''),
	version        integer NOT NULL CHECK (version > 0),
	id_column      name NOT NULL,
	person_column  name,
	seed           bigint NOT NULL,
	minimum_probability double precision
		CHECK (minimum_probability >= 0 AND minimum_probability < 1),
	close_match_gap double precision NOT NULL
		CHECK (close_match_gap >= 0 AND close_match_gap <= 'Infinity'),
	many_to_one    boolean NOT NULL DEFAULT false,
	all_pairs_limit bigint NOT NULL CHECK (all_pairs_limit >= 0),
	block_pairs_limit bigint NOT NULL CHECK (block_pairs_limit > 0),
	lambda         double precision CHECK (lambda > 0 AND lambda < 1),
	state          text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'trained')),
	trained_by     text CHECK (trained_by IN ('jointly', 'by_rule', 'hand')),
	created_at     timestamptz NOT NULL DEFAULT now(),
	trained_at     timestamptz,
	UNIQUE (name, version),
	CHECK (state = 'draft'
		   OR (lambda IS NOT NULL AND minimum_probability IS NOT NULL AND trained_by IS NOT NULL AND trained_at IS NOT NULL))
);
COMMENT ON TABLE caredata.link_model IS
	'Versions of linkage models; a trained one does not change any more';
COMMENT ON COLUMN caredata.link_model.id_column IS
	'Column that tells the rows of a linked table apart';
COMMENT ON COLUMN caredata.link_model.person_column IS
	'Column with the same value in all rows of one person, where the tables have one: frequencies then count persons, not rows';
COMMENT ON COLUMN caredata.link_model.seed IS
	'Decides which records are sampled; the same seed samples the same records';
COMMENT ON COLUMN caredata.link_model.minimum_probability IS
	'link() reports pairs of this probability and more, unless it is told otherwise; training chooses it where it is not set';
COMMENT ON COLUMN caredata.link_model.close_match_gap IS
	'A match that beats the next best of either of its records by fewer bits than this is marked close';
COMMENT ON COLUMN caredata.link_model.many_to_one IS
	'Several records of the left table may be one of the right, as episodes are of one registration: they are no rivals of each other';
COMMENT ON COLUMN caredata.link_model.all_pairs_limit IS
	'Up to so many pairs all are compared, without blocking';
COMMENT ON COLUMN caredata.link_model.block_pairs_limit IS
	'A block of more pairs than this is skipped and reported';
COMMENT ON COLUMN caredata.link_model.lambda IS
	'Probability that two records taken at random are of one person';

CREATE TABLE caredata.link_model_comparison (
	model_id   integer NOT NULL REFERENCES caredata.link_model,
	ordinal    smallint NOT NULL CHECK (ordinal > 0),
	name       text NOT NULL CHECK (name <> ''),
	kind       text NOT NULL,
	columns    name[] NOT NULL,
	thresholds double precision[],
	frequency_floor double precision CHECK (frequency_floor >= 0 AND frequency_floor < 1),
	PRIMARY KEY (model_id, ordinal),
	UNIQUE (model_id, name)
);
COMMENT ON TABLE caredata.link_model_comparison IS
	'What a model compares; each comparison reaches one of its levels';
COMMENT ON COLUMN caredata.link_model_comparison.columns IS
	'Forename and surname of a joint comparison; of a swappable one the name, and the one it may be exchanged with; otherwise one column, or several whose values are as good as each other, such as postcode and previous postcode';
COMMENT ON COLUMN caredata.link_model_comparison.thresholds IS
	'Of name_pair: the least Jaro-Winkler similarity that is close, and that is fuzzy';
COMMENT ON COLUMN caredata.link_model_comparison.frequency_floor IS
	'Values rarer than this count as being this frequent';

CREATE TABLE caredata.link_model_level (
	model_id    integer NOT NULL,
	comparison  smallint NOT NULL,
	level       smallint NOT NULL CHECK (level >= 0),
	test        text NOT NULL CHECK ((test = 'else') = (level = 0)),
	parameter   double precision CHECK (parameter >= 0 AND parameter <= 1e6),
	frequency_weight double precision NOT NULL DEFAULT 0
		CHECK (frequency_weight >= 0 AND frequency_weight <= 1),
	m           double precision CHECK (m >= 0 AND m <= 1),
	u           double precision CHECK (u >= 0 AND u <= 1),
	PRIMARY KEY (model_id, comparison, level),
	FOREIGN KEY (model_id, comparison) REFERENCES caredata.link_model_comparison
);
COMMENT ON TABLE caredata.link_model_level IS
	'Levels of the comparisons: the highest whose test passes counts, 0 is what is left';
COMMENT ON COLUMN caredata.link_model_level.frequency_weight IS
	'How far the frequency of the value moves the weight: 0 not at all, 1 fully';
COMMENT ON COLUMN caredata.link_model_level.m IS
	'Probability of the level among pairs of one person; NULL: not estimated, counts as 1e-6';
COMMENT ON COLUMN caredata.link_model_level.u IS
	'Probability of the level among pairs of two people; NULL: not estimated, counts as 1e-6';

CREATE TABLE caredata.link_model_blocking (
	model_id   integer NOT NULL REFERENCES caredata.link_model,
	ordinal    smallint NOT NULL CHECK (ordinal > 0),
	purpose    text NOT NULL CHECK (purpose IN ('link', 'train', 'deterministic')),
	columns    name[] NOT NULL,
	right_columns name[] NOT NULL,
	transforms text[] NOT NULL,
	lengths    smallint[] NOT NULL,
	PRIMARY KEY (model_id, ordinal)
);
COMMENT ON TABLE caredata.link_model_blocking IS
	'Rules that bring records together: those that have equal keys are compared';
COMMENT ON COLUMN caredata.link_model_blocking.purpose IS
	'link: to find pairs; train: a session of training by rule; deterministic: pairs that are certainly of one person, to estimate lambda by rule';
COMMENT ON COLUMN caredata.link_model_blocking.right_columns IS
	'Columns of the other record, where a key is made of different ones, such as surname and forename exchanged';

CREATE TABLE caredata.link_model_relationship (
	model_id     integer NOT NULL REFERENCES caredata.link_model,
	ordinal      smallint NOT NULL CHECK (ordinal > 0),
	name         text NOT NULL CHECK (name <> ''),
	comparisons  smallint[] NOT NULL,
	share        double precision CHECK (share >= 0 AND share <= 1),
	PRIMARY KEY (model_id, ordinal),
	UNIQUE (model_id, name)
);
COMMENT ON TABLE caredata.link_model_relationship IS
	'Two different people who agree on some comparisons as if they were one, such as twins; what pairs may be besides one person or strangers';
COMMENT ON COLUMN caredata.link_model_relationship.share IS
	'Probability that two records taken at random are of such people';

CREATE TABLE caredata.link_model_frequency (
	model_id    integer NOT NULL REFERENCES caredata.link_model,
	slot        smallint NOT NULL,
	value_hash  bigint NOT NULL,
	frequency   double precision NOT NULL CHECK (frequency > 0 AND frequency <= 1),
	PRIMARY KEY (model_id, slot, value_hash)
);
COMMENT ON TABLE caredata.link_model_frequency IS
	'How frequent values are, by a hash of the value';

CREATE TABLE caredata.link_model_slot (
	model_id    integer NOT NULL,
	slot        smallint NOT NULL CHECK (slot >= 0),
	comparison  smallint NOT NULL,
	part        text NOT NULL CHECK (part IN ('value', 'forename', 'surname')),
	chance      double precision NOT NULL CHECK (chance > 0 AND chance <= 1),
	unseen_frequency double precision NOT NULL CHECK (unseen_frequency > 0 AND unseen_frequency <= 1),
	PRIMARY KEY (model_id, slot),
	FOREIGN KEY (model_id, comparison) REFERENCES caredata.link_model_comparison
);
COMMENT ON TABLE caredata.link_model_slot IS
	'Values whose frequency counts in a model';
COMMENT ON COLUMN caredata.link_model_slot.chance IS
	'Probability that two people have the same value, whichever it is';
COMMENT ON COLUMN caredata.link_model_slot.unseen_frequency IS
	'Frequency of a value that was not seen when frequencies were counted';

SELECT pg_catalog.pg_extension_config_dump('caredata.link_model', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_comparison', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_level', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_blocking', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_relationship', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_frequency', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_model_slot', '');

INSERT INTO caredata.role_grant (role_name, routine)
SELECT r.role_name, t.relation
FROM (VALUES ('caredata_admin'), ('caredata_linker'), ('caredata_auditor')) AS r (role_name),
	 (VALUES ('caredata.link_test'), ('caredata.link_default_level'), ('caredata.link_model'),
			 ('caredata.link_model_comparison'), ('caredata.link_model_level'),
			 ('caredata.link_model_blocking'), ('caredata.link_model_relationship'))
		 AS t (relation);
INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.link_model_frequency'),
	('caredata_linker', 'caredata.link_model_slot');

CREATE FUNCTION caredata.link_columns(model integer) RETURNS name[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_columns_of';
REVOKE ALL ON FUNCTION caredata.link_columns(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_columns(integer) IS
	'Columns that a model reads, in the order that link_record() wants; raises if the rows are not a model';

-- --- Defining a model ------------------------------------------------------

CREATE FUNCTION caredata.create_link_model(name text, id_column name,
	person_column name DEFAULT NULL, seed bigint DEFAULT 1)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	new_id integer;
BEGIN
	IF create_link_model.name IS NULL OR btrim(create_link_model.name) = ''
	   OR create_link_model.id_column IS NULL OR create_link_model.seed IS NULL THEN
		RAISE EXCEPTION 'a link model needs a name, the column that tells rows apart and a seed'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- one version number is given once
	LOCK TABLE caredata.link_model IN SHARE ROW EXCLUSIVE MODE;
	INSERT INTO caredata.link_model AS m
		(name, version, id_column, person_column, seed, minimum_probability,
		 close_match_gap, all_pairs_limit, block_pairs_limit)
	SELECT create_link_model.name, coalesce(max(k.version), 0) + 1,
		create_link_model.id_column, create_link_model.person_column,
		create_link_model.seed, NULL, 5, 2000000, 1000000
	FROM caredata.link_model k WHERE k.name = create_link_model.name
	RETURNING m.model_id INTO new_id;
	RETURN new_id;
END
$function$;
REVOKE ALL ON FUNCTION caredata.create_link_model(text, name, name, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_link_model(text, name, name, bigint) IS
	'Begins a linkage model, or a new version of the model of that name, as a draft; returns its number';

-- Locks a model for a change; raises unless it is a draft.
CREATE FUNCTION caredata.lock_link_model(model integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	found_state text;
BEGIN
	SELECT m.state INTO found_state FROM caredata.link_model m
	WHERE m.model_id = model FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'link model % does not exist', coalesce(model::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'caredata.link_model lists the models.';
	ELSIF found_state <> 'draft' THEN
		RAISE EXCEPTION 'link model % is trained and does not change any more', model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Make a new version with caredata.copy_link_model().';
	END IF;
END
$function$;
REVOKE ALL ON FUNCTION caredata.lock_link_model(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_link_model(integer) IS
	'Locks a draft for a change, and raises if the model is none; internal';

CREATE FUNCTION caredata.copy_link_model(model integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	old_model caredata.link_model;
	new_id integer;
BEGIN
	SELECT * INTO old_model FROM caredata.link_model m WHERE m.model_id = model;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'link model % does not exist', coalesce(model::text, 'NULL')
			USING ERRCODE = 'undefined_object', HINT = 'caredata.link_model lists the models.';
	END IF;
	new_id := caredata.create_link_model(old_model.name, old_model.id_column,
										 old_model.person_column, old_model.seed);
	UPDATE caredata.link_model m
	SET minimum_probability = old_model.minimum_probability,
		close_match_gap = old_model.close_match_gap,
		many_to_one = old_model.many_to_one,
		all_pairs_limit = old_model.all_pairs_limit,
		block_pairs_limit = old_model.block_pairs_limit
	WHERE m.model_id = new_id;
	INSERT INTO caredata.link_model_comparison
	SELECT new_id, c.ordinal, c.name, c.kind, c.columns, c.thresholds, c.frequency_floor
	FROM caredata.link_model_comparison c WHERE c.model_id = model;
	INSERT INTO caredata.link_model_level
	SELECT new_id, l.comparison, l.level, l.test, l.parameter, l.frequency_weight, NULL, NULL
	FROM caredata.link_model_level l WHERE l.model_id = model;
	INSERT INTO caredata.link_model_blocking
	SELECT new_id, b.ordinal, b.purpose, b.columns, b.right_columns, b.transforms, b.lengths
	FROM caredata.link_model_blocking b WHERE b.model_id = model;
	INSERT INTO caredata.link_model_relationship
	SELECT new_id, r.ordinal, r.name, r.comparisons, NULL
	FROM caredata.link_model_relationship r WHERE r.model_id = model;
	RETURN new_id;
END
$function$;
REVOKE ALL ON FUNCTION caredata.copy_link_model(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.copy_link_model(integer) IS
	'Begins a new version of a model with the same comparisons, rules and relationships, and nothing estimated; returns its number';

CREATE FUNCTION caredata.set_link_model(model integer,
	minimum_probability double precision DEFAULT NULL, close_match_gap double precision DEFAULT NULL,
	all_pairs_limit bigint DEFAULT NULL, block_pairs_limit bigint DEFAULT NULL,
	many_to_one boolean DEFAULT NULL)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	UPDATE caredata.link_model m
	SET minimum_probability = coalesce(set_link_model.minimum_probability, m.minimum_probability),
		close_match_gap = coalesce(set_link_model.close_match_gap, m.close_match_gap),
		all_pairs_limit = coalesce(set_link_model.all_pairs_limit, m.all_pairs_limit),
		block_pairs_limit = coalesce(set_link_model.block_pairs_limit, m.block_pairs_limit),
		many_to_one = coalesce(set_link_model.many_to_one, m.many_to_one)
	WHERE m.model_id = model;
END
$function$;
REVOKE ALL ON FUNCTION caredata.set_link_model(integer, double precision, double precision, bigint, bigint, boolean)
	FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_link_model(integer, double precision, double precision, bigint, bigint, boolean) IS
	'Changes the thresholds and limits of a draft, and whether several records may be one; NULL leaves one as it is';

CREATE FUNCTION caredata.add_link_comparison(model integer, name text, kind text, columns name[],
	by_frequency boolean DEFAULT false, tests text[] DEFAULT NULL, parameters double precision[] DEFAULT NULL,
	frequency_weights double precision[] DEFAULT NULL,
	frequency_floor double precision DEFAULT NULL,
	thresholds double precision[] DEFAULT NULL)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place smallint;
	joint boolean := kind IN ('forename_surname', 'name_pair', 'swappable_forename', 'swappable_surname');
	wanted text[] := tests;
	given double precision[] := parameters;
	counts integer := cardinality(columns);
	unknown text;
BEGIN
	PERFORM caredata.lock_link_model(model);
	IF NOT EXISTS (SELECT FROM caredata.link_test t WHERE t.kind = add_link_comparison.kind) THEN
		RAISE EXCEPTION 'unrecognized kind of comparison: "%"', coalesce(kind, 'NULL')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'caredata.link_test lists the kinds.';
	ELSIF name IS NULL OR btrim(name) = '' OR columns IS NULL OR counts = 0 OR counts > 4
		  OR array_position(columns, NULL) IS NOT NULL OR array_ndims(columns) <> 1 THEN
		RAISE EXCEPTION 'a comparison needs a name and one to four columns'
			USING ERRCODE = 'invalid_parameter_value';
	ELSIF joint AND counts <> 2 THEN
		RAISE EXCEPTION 'a comparison of kind "%" has two columns: forename and surname, or surname and forename for swappable_surname', kind
			USING ERRCODE = 'invalid_parameter_value';
	ELSIF EXISTS (SELECT FROM caredata.link_model_comparison c
				  WHERE c.model_id = model AND c.name = add_link_comparison.name) THEN
		RAISE EXCEPTION 'link model % has a comparison "%" already', model, name
			USING ERRCODE = 'duplicate_object';
	END IF;

	IF wanted IS NULL THEN
		SELECT array_agg(d.test ORDER BY d.level DESC), array_agg(d.parameter ORDER BY d.level DESC)
		INTO wanted, given
		FROM caredata.link_default_level d WHERE d.kind = add_link_comparison.kind;
	END IF;
	IF cardinality(wanted) = 0 OR cardinality(wanted) > 62 OR array_ndims(wanted) <> 1
	   OR coalesce(cardinality(given), cardinality(wanted)) <> cardinality(wanted)
	   OR coalesce(cardinality(frequency_weights), cardinality(wanted)) <> cardinality(wanted) THEN
		RAISE EXCEPTION 'tests, parameters and frequency weights of a comparison must be arrays of one length, 1 to 62'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'The level of what is left is added by itself.';
	END IF;
	SELECT w.test INTO unknown FROM unnest(wanted) AS w (test)
	WHERE NOT EXISTS (SELECT FROM caredata.link_test t
					  WHERE t.kind = add_link_comparison.kind AND t.test = w.test);
	IF FOUND THEN
		RAISE EXCEPTION 'a comparison of kind "%" has no test "%"', kind, coalesce(unknown, 'NULL')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'caredata.link_test lists the tests.';
	END IF;
	SELECT t.test INTO unknown
	FROM unnest(wanted, given) AS w (test, parameter)
	JOIN caredata.link_test t ON t.kind = add_link_comparison.kind AND t.test = w.test
	WHERE (t.parameter IS NULL) <> (w.parameter IS NULL)
		OR w.parameter = 'NaN' OR w.parameter < 0
		OR (w.parameter > 1 AND t.parameter = 'least similarity')
		OR (w.parameter <> floor(w.parameter) AND t.parameter IN ('greatest distance', 'number of characters')
			AND t.test NOT IN ('days', 'months', 'years', 'difference'));
	IF FOUND THEN
		RAISE EXCEPTION 'test "%" lacks its parameter, or has one that it does not take', unknown
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'caredata.link_test says what the parameter of a test is.';
	END IF;
	IF kind = 'name_pair' THEN
		thresholds := coalesce(thresholds, '{0.88,0.7}');
		IF cardinality(thresholds) <> 2
		   OR NOT coalesce(thresholds[1] <= 1 AND thresholds[2] <= thresholds[1] AND thresholds[2] > 0, false) THEN
			RAISE EXCEPTION 'the thresholds of a comparison of kind "name_pair" are two similarities, the greater first'
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	ELSIF thresholds IS NOT NULL THEN
		RAISE EXCEPTION 'a comparison of kind "%" has no thresholds', kind
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Thresholds of other kinds are parameters of their tests.';
	END IF;

	SELECT coalesce(max(c.ordinal), 0) + 1 INTO place
	FROM caredata.link_model_comparison c WHERE c.model_id = model;
	IF place > 24 THEN
		RAISE EXCEPTION 'a link model has at most 24 comparisons'
			USING ERRCODE = 'program_limit_exceeded';
	END IF;
	INSERT INTO caredata.link_model_comparison
	VALUES (model, place, name, kind, columns, thresholds, frequency_floor);
	INSERT INTO caredata.link_model_level (model_id, comparison, level, test, parameter, frequency_weight)
	SELECT model, place, cardinality(wanted) - w.n + 1, w.test, w.parameter,
		coalesce(w.weight, CASE WHEN coalesce(by_frequency, false) AND w.test IN ('exact', 'forename_exact', 'surname_exact')
									  OR by_frequency AND w.test ~ '^forename_' AND w.test ~ '_exact' THEN 1 ELSE 0 END)
	FROM unnest(wanted, given, frequency_weights) WITH ORDINALITY AS w (test, parameter, weight, n)
	UNION ALL
	SELECT model, place, 0, 'else', NULL, 0;
	-- raises where the levels of all comparisons do not fit into a pattern
	PERFORM caredata.link_columns(model);
	RETURN place;
END
$function$;
REVOKE ALL ON FUNCTION caredata.add_link_comparison(integer, text, text, name[], boolean, text[], double precision[],
	double precision[], double precision, double precision[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_link_comparison(integer, text, text, name[], boolean, text[], double precision[],
	double precision[], double precision, double precision[]) IS
	'Adds a comparison to a draft: its tests, the best first, or those of caredata.link_default_level; by_frequency: agreement on a rare value is worth more than on a common one; returns its place';

CREATE FUNCTION caredata.add_link_blocking(model integer, columns name[],
	transforms text[] DEFAULT NULL, lengths integer[] DEFAULT NULL,
	right_columns name[] DEFAULT NULL, purpose text DEFAULT 'link')
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place smallint;
	counts integer := cardinality(columns);
BEGIN
	PERFORM caredata.lock_link_model(model);
	transforms := coalesce(transforms, array_fill('whole'::text, ARRAY[counts]));
	lengths := coalesce(lengths, array_fill(0, ARRAY[counts]));
	right_columns := coalesce(right_columns, columns);
	IF columns IS NULL OR counts NOT BETWEEN 1 AND 4 OR array_ndims(columns) <> 1
	   OR array_position(columns, NULL) IS NOT NULL
	   OR cardinality(right_columns) <> counts OR array_position(right_columns, NULL) IS NOT NULL
	   OR cardinality(transforms) <> counts OR cardinality(lengths) <> counts THEN
		RAISE EXCEPTION 'a blocking rule has one to four columns, and as many transforms, lengths and columns of the other record'
			USING ERRCODE = 'invalid_parameter_value';
	ELSIF purpose IS NULL OR purpose NOT IN ('link', 'train', 'deterministic') THEN
		RAISE EXCEPTION 'unrecognized purpose of a blocking rule: "%"', coalesce(purpose, 'NULL')
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Purposes are link, train and deterministic.';
	ELSIF EXISTS (SELECT FROM unnest(transforms, lengths) AS t (transform, length)
				  WHERE t.transform IS NULL
					OR t.transform NOT IN ('whole', 'first', 'last', 'last_word', 'soundex', 'double_metaphone',
										   'year', 'month', 'day', 'sector', 'district', 'area')
					OR (t.transform IN ('first', 'last')) <> (coalesce(t.length, 0) BETWEEN 1 AND 1024)
					OR t.length < 0) THEN
		RAISE EXCEPTION 'unrecognized transform of a blocking rule, or a length that does not suit it'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Transforms are whole, first and last with a length, last_word, soundex, double_metaphone, year, month, day, sector, district and area.';
	END IF;
	SELECT coalesce(max(b.ordinal), 0) + 1 INTO place
	FROM caredata.link_model_blocking b WHERE b.model_id = model;
	IF place > 48 THEN
		RAISE EXCEPTION 'a link model has at most 48 blocking rules'
			USING ERRCODE = 'program_limit_exceeded';
	END IF;
	INSERT INTO caredata.link_model_blocking
	VALUES (model, place, purpose, columns, right_columns, transforms,
			(SELECT array_agg(coalesce(l, 0)::smallint ORDER BY n)
			 FROM unnest(lengths) WITH ORDINALITY AS u (l, n)));
	RETURN place;
END
$function$;
REVOKE ALL ON FUNCTION caredata.add_link_blocking(integer, name[], text[], integer[], name[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_link_blocking(integer, name[], text[], integer[], name[], text) IS
	'Adds a rule to a draft that brings together the records whose columns, transformed, are equal; returns its place';

CREATE FUNCTION caredata.add_link_relationship(model integer, name text, comparisons text[])
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place smallint;
	ordinals smallint[];
BEGIN
	PERFORM caredata.lock_link_model(model);
	IF name IS NULL OR btrim(name) = '' OR comparisons IS NULL OR cardinality(comparisons) = 0 THEN
		RAISE EXCEPTION 'a relationship needs a name and the comparisons that its people agree on'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT array_agg(c.ordinal ORDER BY c.ordinal) INTO ordinals
	FROM caredata.link_model_comparison c
	WHERE c.model_id = model AND c.name = ANY (comparisons);
	IF coalesce(cardinality(ordinals), 0) <> (SELECT count(DISTINCT u) FROM unnest(comparisons) u)
	   OR array_position(comparisons, NULL) IS NOT NULL THEN
		RAISE EXCEPTION 'link model % lacks a comparison of the relationship "%"', model, name
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.link_model_comparison lists the comparisons.';
	END IF;
	SELECT coalesce(max(r.ordinal), 0) + 1 INTO place
	FROM caredata.link_model_relationship r WHERE r.model_id = model;
	IF place > 16 THEN
		RAISE EXCEPTION 'a link model has at most 16 relationships'
			USING ERRCODE = 'program_limit_exceeded';
	END IF;
	INSERT INTO caredata.link_model_relationship VALUES (model, place, name, ordinals);
	RETURN place;
END
$function$;
REVOKE ALL ON FUNCTION caredata.add_link_relationship(integer, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_link_relationship(integer, text, text[]) IS
	'Adds a relationship to a draft: two different people who agree on these comparisons as one person does; returns its place';

-- --- Parameters from elsewhere ---------------------------------------------

CREATE FUNCTION caredata.set_link_level(model integer, comparison text, level integer,
	m double precision, u double precision)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	IF NOT coalesce(m BETWEEN 0 AND 1, true) OR NOT coalesce(u BETWEEN 0 AND 1, true) THEN
		RAISE EXCEPTION 'm and u are probabilities'
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	UPDATE caredata.link_model_level l
	SET m = set_link_level.m, u = set_link_level.u
	FROM caredata.link_model_comparison c
	WHERE l.model_id = model AND c.model_id = model AND c.ordinal = l.comparison
		AND c.name = set_link_level.comparison AND l.level = set_link_level.level;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'link model % has no such level', model
			USING ERRCODE = 'undefined_object', HINT = 'caredata.link_model_level lists the levels.';
	END IF;
END
$function$;
REVOKE ALL ON FUNCTION caredata.set_link_level(integer, text, integer, double precision, double precision)
	FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_link_level(integer, text, integer, double precision, double precision) IS
	'Sets m and u of a level of a draft, for a model whose parameters come from elsewhere';

CREATE FUNCTION caredata.accept_link_model(model integer, lambda double precision) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	missing record;
BEGIN
	PERFORM caredata.lock_link_model(model);
	IF NOT coalesce(lambda > 0 AND lambda < 1, false) THEN
		RAISE EXCEPTION 'lambda must be greater than 0 and less than 1'
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	SELECT c.name, l.level INTO missing
	FROM caredata.link_model_level l
	JOIN caredata.link_model_comparison c ON c.model_id = l.model_id AND c.ordinal = l.comparison
	WHERE l.model_id = model AND (l.m IS NULL OR l.u IS NULL)
	ORDER BY c.ordinal, l.level DESC LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'level % of comparison "%" of link model % has no m or no u',
				missing.level, missing.name, model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Set them with caredata.set_link_level(), or train the model.';
	ELSIF EXISTS (SELECT FROM caredata.link_model_relationship r WHERE r.model_id = model) THEN
		RAISE EXCEPTION 'link model % has relationships, whose shares only training finds', model
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Train it with caredata.train_link_model().';
	END IF;
	PERFORM caredata.link_columns(model);
	UPDATE caredata.link_model m
	SET lambda = accept_link_model.lambda, state = 'trained', trained_by = 'hand', trained_at = now(),
		minimum_probability = coalesce(m.minimum_probability, 0.9)
	WHERE m.model_id = model;
END
$function$;
REVOKE ALL ON FUNCTION caredata.accept_link_model(integer, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.accept_link_model(integer, double precision) IS
	'Takes a draft whose m and u are all set by hand into use';

INSERT INTO caredata.role_grant (role_name, routine)
SELECT r.role_name, t.routine
FROM (VALUES ('caredata_admin'), ('caredata_linker')) AS r (role_name),
	(VALUES ('caredata.link_columns(integer)'),
			('caredata.lock_link_model(integer)'),
			('caredata.create_link_model(text, name, name, bigint)'),
			('caredata.copy_link_model(integer)'),
			('caredata.set_link_model(integer, double precision, double precision, bigint, bigint, boolean)'),
			('caredata.add_link_comparison(integer, text, text, name[], boolean, text[], double precision[], double precision[], double precision, double precision[])'),
			('caredata.add_link_blocking(integer, name[], text[], integer[], name[], text)'),
			('caredata.add_link_relationship(integer, text, text[])'),
			('caredata.set_link_level(integer, text, integer, double precision, double precision)'),
			('caredata.accept_link_model(integer, double precision)')) AS t (routine);
