-- ---------------------------------------------------------------------------
-- How frequent values are: agreement on a rare name says more than on a common
-- one. The frequencies come from a reference table, or are counted in the packed
-- tables when a model is trained.
-- ---------------------------------------------------------------------------

-- A value whose frequency counts, and then its frequencies, some at a time.
CREATE FUNCTION caredata.store_link_slot(model integer, slot integer, chance double precision,
										 unseen_frequency double precision) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	DELETE FROM caredata.link_model_frequency f
	WHERE f.model_id = model AND f.slot = store_link_slot.slot;
	DELETE FROM caredata.link_model_slot s
	WHERE s.model_id = model AND s.slot = store_link_slot.slot;
	INSERT INTO caredata.link_model_slot
	SELECT model, s.slot, c.ordinal, s.part, least(greatest(store_link_slot.chance, 1e-12), 1),
		store_link_slot.unseen_frequency
	FROM caredata.link_slot_list(model) s
	JOIN caredata.link_model_comparison c ON c.model_id = model AND c.name = s.comparison
	WHERE s.slot = store_link_slot.slot;
END
$function$;
REVOKE ALL ON FUNCTION caredata.store_link_slot(integer, integer, double precision, double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.store_link_slot(integer, integer, double precision, double precision) IS
	'Begins the frequencies of one value of a draft; internal to train_link_model()';

CREATE FUNCTION caredata.store_link_frequencies(model integer, slot integer, hashes bigint[],
												frequencies double precision[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $function$
BEGIN
	PERFORM caredata.lock_link_model(model);
	INSERT INTO caredata.link_model_frequency
	SELECT model, store_link_frequencies.slot, v.hash, v.frequency
	FROM unnest(hashes, frequencies) AS v (hash, frequency);
END
$function$;
REVOKE ALL ON FUNCTION caredata.store_link_frequencies(integer, integer, bigint[], double precision[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.store_link_frequencies(integer, integer, bigint[], double precision[]) IS
	'Adds frequencies of one value of a draft; internal to train_link_model()';

-- Which comparison and which of its values each slot counts.
CREATE FUNCTION caredata.link_slot_list(model integer,
	OUT slot integer, OUT comparison text, OUT part text) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT row_number() OVER (ORDER BY s.ordinal, s.part_place)::integer - 1, s.name, s.part
	FROM (SELECT DISTINCT c.ordinal, c.name, p.part_place, p.part
		  FROM caredata.link_model_comparison c
		  JOIN caredata.link_model_level l ON l.model_id = c.model_id AND l.comparison = c.ordinal,
		  LATERAL (SELECT 1, 'value' WHERE c.kind <> 'name_pair'
						AND l.test NOT IN ('forename_exact', 'surname_exact')
				   UNION ALL
				   SELECT 2, 'forename' WHERE l.test = 'forename_exact'
						OR c.kind = 'name_pair' AND l.test ~ '^forename_exact_'
				   UNION ALL
				   SELECT 3, 'surname' WHERE l.test = 'surname_exact'
						OR c.kind = 'name_pair' AND l.test ~ '^forename_.*_surname_exact$')
				AS p (part_place, part)
		  WHERE c.model_id = $1 AND l.frequency_weight > 0) s
	ORDER BY 1
$function$;
REVOKE ALL ON FUNCTION caredata.link_slot_list(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_slot_list(integer) IS
	'Values whose frequency counts in a model: of a comparison the whole value, or the forename or the surname of a joint one';

CREATE FUNCTION caredata.use_link_frequencies(model integer, comparison text, source regclass,
	value_column name, frequency_column name, part text DEFAULT 'value')
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place integer;
	arguments text;
	value_of name;
	no_shares bigint;
	hashes bigint[];
	frequencies double precision[];
BEGIN
	SELECT s.slot INTO place FROM caredata.link_slot_list(model) s
	WHERE s.comparison = use_link_frequencies.comparison AND s.part = use_link_frequencies.part;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no level of that comparison of link model % uses that frequency', model
			USING ERRCODE = 'undefined_object',
				  HINT = 'caredata.link_slot_list() lists the frequencies that a model uses.';
	END IF;
	SELECT CASE part WHEN 'surname' THEN c.columns[2] ELSE c.columns[1] END INTO value_of
	FROM caredata.link_model_comparison c
	WHERE c.model_id = model AND c.name = use_link_frequencies.comparison
		AND (part <> 'value' OR c.kind NOT IN ('forename_surname', 'name_pair'));
	IF NOT FOUND THEN
		RAISE EXCEPTION 'frequencies of a forename and surname together are counted in training, not given'
			USING ERRCODE = 'feature_not_supported';
	END IF;
	SELECT string_agg(CASE WHEN w.name = value_of THEN format('s.%I::text', value_column)
						   ELSE 'NULL::text' END, ', ' ORDER BY w.n)
	INTO arguments FROM unnest(caredata.link_columns(model)) WITH ORDINALITY AS w (name, n);
	EXECUTE format('SELECT count(*) FROM %s s WHERE NOT s.%I::double precision BETWEEN 0 AND 1',
				   source, frequency_column)
	INTO no_shares;
	IF no_shares > 0 THEN
		RAISE EXCEPTION 'column "%" of % has % values that are no share from 0 to 1',
				frequency_column, source, no_shares
			USING ERRCODE = 'numeric_value_out_of_range',
				  HINT = 'Counts and percentages become shares when they are divided by their sum.';
	END IF;
	-- spellings that are one value to the model add up
	EXECUTE format(
		'SELECT array_agg(hash ORDER BY hash), array_agg(frequency ORDER BY hash)
		 FROM (SELECT hash, least(sum(frequency), 1) AS frequency
			   FROM (SELECT caredata.link_slot_hash(%s, caredata.link_record(%s, %s), %s) AS hash,
							s.%I::double precision AS frequency FROM %s s) v
			   WHERE hash IS NOT NULL AND frequency > 0 GROUP BY hash) v',
		model, model, arguments, place, frequency_column, source)
	INTO hashes, frequencies;
	IF hashes IS NULL THEN
		RAISE EXCEPTION '% has no value with a frequency', source
			USING ERRCODE = 'no_data_found';
	END IF;
	-- who is in no table of names has a name that is rarer than all in it
	PERFORM caredata.store_link_slot(model, place, (SELECT sum(f * f ORDER BY f) FROM unnest(frequencies) f),
									 (SELECT min(f) FROM unnest(frequencies) f));
	PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
	RETURN cardinality(hashes);
END
$function$;
REVOKE ALL ON FUNCTION caredata.use_link_frequencies(integer, text, regclass, name, name, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.use_link_frequencies(integer, text, regclass, name, name, text) IS
	'Gives a draft the frequencies of values from a reference table, shares of 1, in the place of those in the linked tables; returns how many values';

-- Frequencies in the packed tables, of persons where the model has a column
-- for them; those that a reference table gave stay. There may be as many
-- values as records, so they are handed over some at a time.
CREATE FUNCTION caredata.count_link_frequencies(model integer, one boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	place integer;
	query text;
	total double precision;
	squares numeric;
	value record;
	hashes bigint[];
	frequencies double precision[];
BEGIN
	FOR place IN 0 .. caredata.link_slots(model) - 1 LOOP
		CONTINUE WHEN EXISTS (SELECT FROM caredata.link_model_slot s
							  WHERE s.model_id = model AND s.slot = place);
		query := format(
			'SELECT hash, count(DISTINCT person) + count(*) FILTER (WHERE person IS NULL) AS holders
			 FROM (SELECT caredata.link_slot_hash(%1$s, record, %2$s) AS hash, person
				   FROM pg_temp.caredata_left %3$s) v
			 WHERE hash IS NOT NULL GROUP BY hash',
			model, place, CASE WHEN one THEN '' ELSE format(
				'UNION ALL SELECT caredata.link_slot_hash(%s, record, %s), person FROM pg_temp.caredata_right',
				model, place) END);
		-- sums of whole numbers, which have no order
		EXECUTE format('SELECT sum(holders), sum(holders::numeric * holders) FROM (%s) v', query)
		INTO total, squares;
		CONTINUE WHEN total IS NULL;
		PERFORM caredata.store_link_slot(model, place, (squares / (total * total)::numeric)::double precision,
										 1 / (total + 1));
		hashes := '{}';
		frequencies := '{}';
		FOR value IN EXECUTE query LOOP
			hashes := array_append(hashes, value.hash);
			frequencies := array_append(frequencies, value.holders / total);
			IF cardinality(hashes) = 10000 THEN
				PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
				hashes := '{}';
				frequencies := '{}';
			END IF;
		END LOOP;
		PERFORM caredata.store_link_frequencies(model, place, hashes, frequencies);
	END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION caredata.count_link_frequencies(integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.count_link_frequencies(integer, boolean) IS
	'Counts the frequencies of a draft in the packed tables; internal to train_link_model()';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.store_link_slot(integer, integer, double precision, double precision)'),
	('caredata_linker', 'caredata.store_link_frequencies(integer, integer, bigint[], double precision[])'),
	('caredata_linker', 'caredata.link_slot_list(integer)'),
	('caredata_linker', 'caredata.use_link_frequencies(integer, text, regclass, name, name, text)'),
	('caredata_linker', 'caredata.count_link_frequencies(integer, boolean)');
