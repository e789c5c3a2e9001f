-- ---------------------------------------------------------------------------
-- A model in the load path: what the ranks left unlinked, a linkage model may
-- link, if the database was told to use one.
--
-- It works on persons: those known before, and the groups of identities that
-- would found one. A group joins the known person that it fits best, if that
-- is probable enough, if the next best is far enough behind, and if nothing
-- forbids it (src/cluster.c); groups join each other in the same way. Known
-- persons are never joined by it. What came near and was not done is a question
-- in caredata.link_review.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.load_model (
	singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	model_id     integer NOT NULL REFERENCES caredata.link_model,
	minimum_probability float8 NOT NULL
		CHECK (minimum_probability > 0.5 AND minimum_probability < 1),
	chosen_by    name[] NOT NULL,
	chosen_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE caredata.load_model IS
	'The model that loads use on what the ranks leave unlinked; no row: none';
COMMENT ON COLUMN caredata.load_model.minimum_probability IS
	'Least probability at which a load links';
SELECT pg_catalog.pg_extension_config_dump('caredata.load_model', '');

CREATE FUNCTION caredata.create_identity_model(name text) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_model integer := caredata.create_link_model(name, 'identity_id', 'person_id');
BEGIN
	PERFORM caredata.add_link_comparison(v_model, 'nhs_number', 'nhs_number', '{nhs_number}');
	PERFORM caredata.add_link_comparison(v_model, 'date_of_birth', 'date', '{date_of_birth}', by_frequency => true);
	PERFORM caredata.add_link_comparison(v_model, 'sex', 'sex', '{sex}');
	PERFORM caredata.add_link_comparison(v_model, 'postcode', 'postcode', '{postcode}', by_frequency => true);

	PERFORM caredata.add_link_blocking(v_model, '{nhs_number}');
	PERFORM caredata.add_link_blocking(v_model, '{date_of_birth,postcode}');
	PERFORM caredata.add_link_blocking(v_model, '{date_of_birth,sex,postcode}', '{whole,whole,district}');
	PERFORM caredata.add_link_blocking(v_model, '{postcode,sex,date_of_birth}', '{whole,whole,year}');
	PERFORM caredata.add_link_blocking(v_model, '{postcode,sex,date_of_birth,date_of_birth}', '{whole,whole,month,day}');

	-- people who agree on these without being one
	PERFORM caredata.add_link_relationship(v_model, 'household', '{postcode}');
	PERFORM caredata.add_link_relationship(v_model, 'household, same sex', '{sex,postcode}');
	PERFORM caredata.add_link_relationship(v_model, 'twins', '{date_of_birth,postcode}');
	PERFORM caredata.add_link_relationship(v_model, 'twins, same sex', '{date_of_birth,sex,postcode}');
	RETURN v_model;
END
$$;
REVOKE ALL ON FUNCTION caredata.create_identity_model(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_identity_model(text) IS
	'A draft of a model over identities as loads link them, to be trained on care_identity.identity; returns its number';

CREATE FUNCTION caredata.use_load_model(model integer, minimum_probability float8 DEFAULT 0.99)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_model  caredata.link_model;
	v_column name;
BEGIN
	IF model IS NOT NULL THEN
		SELECT m.* INTO v_model FROM caredata.link_model m WHERE m.model_id = use_load_model.model;
		IF NOT FOUND OR v_model.state <> 'trained' OR v_model.id_column <> 'identity_id' THEN
			RAISE EXCEPTION 'link model % is not there, not trained, or not one of identities', model
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  HINT = 'create_identity_model() makes one, train_link_model() trains it.';
		END IF;
		SELECT c.name INTO v_column FROM unnest(caredata.link_columns(model)) AS c (name)
		WHERE c.name NOT IN ('nhs_number', 'date_of_birth', 'sex', 'postcode',
							 'source_organisation', 'local_patient_id')
		LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'link model % reads column "%", which identities do not have', model, v_column
				USING ERRCODE = 'undefined_column',
					  HINT = 'They have nhs_number, date_of_birth, sex, postcode, source_organisation and local_patient_id.';
		END IF;
		IF NOT EXISTS (SELECT FROM caredata.link_model_blocking b
					   WHERE b.model_id = model AND b.purpose = 'link') THEN
			RAISE EXCEPTION 'link model % has no blocking rule', model
				USING ERRCODE = 'object_not_in_prerequisite_state',
					  DETAIL = 'A load could not compare every identity with every other.',
					  HINT = 'Make a new version with caredata.copy_link_model(), and add rules with caredata.add_link_blocking().';
		END IF;
		IF NOT coalesce(minimum_probability > 0.5 AND minimum_probability < 1, false) THEN
			RAISE EXCEPTION 'the least probability at which a load links lies between 0.5 and 1'
				USING ERRCODE = 'numeric_value_out_of_range';
		END IF;
	END IF;
	DELETE FROM caredata.load_model;
	INSERT INTO caredata.load_model (model_id, minimum_probability, chosen_by)
	SELECT use_load_model.model, use_load_model.minimum_probability, caredata.requester()
	WHERE use_load_model.model IS NOT NULL;
END
$$;
REVOKE ALL ON FUNCTION caredata.use_load_model(integer, float8) FROM PUBLIC;
COMMENT ON FUNCTION caredata.use_load_model(integer, float8) IS
	'Lets loads use a trained model on what the ranks leave unlinked, from this probability on; NULL: none. Counts from the next load';

/*
 * Works on pg_temp.caredata_identity of link_identities(), after the ranks: an
 * identity without a person, or with the negative number of its founder, is of
 * a group that would found a person. Leaves questions in pg_temp.caredata_tie.
 */
CREATE FUNCTION caredata.link_by_model() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_use    caredata.load_model;
	v_gap    float8;
	v_least  float8;		-- least weight that links
	v_kept   float8;		-- least weight that is looked at
	v_messages text := current_setting('client_min_messages');
BEGIN
	SELECT l.* INTO v_use FROM caredata.load_model l;
	IF NOT FOUND OR NOT EXISTS (SELECT FROM pg_temp.caredata_identity u
								WHERE NOT u.known AND (u.person_id IS NULL OR u.person_id < 0)) THEN
		RETURN;
	END IF;
	SELECT m.close_match_gap INTO v_gap FROM caredata.link_model m
	WHERE m.model_id = v_use.model_id;
	v_least := ln(v_use.minimum_probability / (1 - v_use.minimum_probability)) / ln(2);
	v_kept := v_least - v_gap;

	-- Groups, and the identities of known persons that could be near one: a
	-- date of birth, a postcode or an NHS number in common.
	CREATE TEMPORARY TABLE caredata_unlinked ON COMMIT DROP AS
	SELECT u.identity_no AS identity_id, coalesce(u.person_id, - u.identity_no) AS person_id,
		   u.nhs_number, u.date_of_birth, u.sex, u.postcode,
		   u.source_organisation, u.local_patient_id
	FROM pg_temp.caredata_identity u
	WHERE NOT u.known AND (u.person_id IS NULL OR u.person_id < 0);
	ANALYZE pg_temp.caredata_unlinked;
	CREATE TEMPORARY TABLE caredata_near ON COMMIT DROP AS
	SELECT i.identity_id, i.person_id, i.nhs_number, i.date_of_birth, i.sex, i.postcode,
		   i.source_organisation, i.local_patient_id
	FROM care_identity.identity i
	WHERE NOT i.ambiguous
	  AND (i.date_of_birth IN (SELECT u.date_of_birth FROM pg_temp.caredata_unlinked u
							   WHERE u.date_of_birth IS NOT NULL)
		   OR i.postcode::text IN (SELECT u.postcode::text FROM pg_temp.caredata_unlinked u
								   WHERE u.postcode IS NOT NULL)
		   OR i.nhs_number::bigint IN (SELECT u.nhs_number::bigint FROM pg_temp.caredata_unlinked u
									   WHERE u.nhs_number IS NOT NULL));
	ANALYZE pg_temp.caredata_near;

	-- What one load lacks is no news of the model; the runs are recorded.
	PERFORM set_config('client_min_messages', 'error', true);
	CREATE TEMPORARY TABLE caredata_match ON COMMIT DROP AS
	SELECT l.person_id, r.person_id AS other_id, max(m.weight) AS weight
	FROM caredata.link(v_use.model_id, 'pg_temp.caredata_unlinked', 'pg_temp.caredata_near',
					   caredata.link_probability(v_kept)) m
	JOIN pg_temp.caredata_unlinked l ON l.identity_id = m.left_id::integer
	JOIN pg_temp.caredata_near r ON r.identity_id = m.right_id::integer
	GROUP BY l.person_id, r.person_id;
	INSERT INTO pg_temp.caredata_match
	SELECT least(l.person_id, r.person_id), greatest(l.person_id, r.person_id), max(m.weight)
	FROM caredata.link(v_use.model_id, 'pg_temp.caredata_unlinked', NULL,
					   v_use.minimum_probability) m
	JOIN pg_temp.caredata_unlinked l ON l.identity_id = m.left_id::integer
	JOIN pg_temp.caredata_unlinked r ON r.identity_id = m.right_id::integer
	WHERE l.person_id <> r.person_id
	GROUP BY least(l.person_id, r.person_id), greatest(l.person_id, r.person_id);
	PERFORM set_config('client_min_messages', v_messages, true);

	-- The best known person of a group, and by how much it beats the next.
	CREATE TEMPORARY TABLE caredata_best ON COMMIT DROP AS
	SELECT b.person_id, max(b.weight) FILTER (WHERE b.place = 1) AS weight,
		   max(b.weight) FILTER (WHERE b.place = 1)
		   - max(b.weight) FILTER (WHERE b.place = 2) AS gap
	FROM (SELECT m.*, row_number() OVER (PARTITION BY m.person_id
										 ORDER BY m.weight DESC, m.other_id) AS place
		  FROM pg_temp.caredata_match m WHERE m.other_id > 0) b
	GROUP BY b.person_id;
	INSERT INTO pg_temp.caredata_tie (identity_no, person_id, question, weight)
	SELECT - n.person_id, n.other_id, 'runner-up too near', n.weight
	FROM (SELECT m.*, row_number() OVER (PARTITION BY m.person_id
										 ORDER BY m.weight DESC, m.other_id) AS place
		  FROM pg_temp.caredata_match m
		  JOIN pg_temp.caredata_best b ON b.person_id = m.person_id
		  WHERE m.other_id > 0 AND b.gap < v_gap AND b.weight >= v_least
			AND m.weight > b.weight - v_gap) n
	WHERE n.place <= 5;
	DELETE FROM pg_temp.caredata_match m
	WHERE m.weight < v_least
	   OR m.other_id > 0 AND EXISTS (SELECT FROM pg_temp.caredata_best b
									 WHERE b.person_id = m.person_id AND b.gap < v_gap);

	-- Persons as records of a clustering: the known ones first, by number.
	CREATE TEMPORARY TABLE caredata_node ON COMMIT DROP AS
	SELECT (row_number() OVER (ORDER BY p.person_id < 0, abs(p.person_id)) - 1)::integer AS record_no,
		   p.person_id, f.numbers,
		   CASE WHEN cardinality(f.numbers) = 1 THEN f.numbers[1] ELSE 0 END AS nhs_number,
		   CASE WHEN p.person_id > 0 THEN 1 ELSE 0 END AS source,
		   coalesce((date_part('year', f.date_of_birth) * 10000 + date_part('month', f.date_of_birth) * 100
					 + date_part('day', f.date_of_birth))::integer, 0) AS birth,
		   CASE f.sex WHEN '1' THEN 1 WHEN '2' THEN 2 ELSE 0 END AS sex
	FROM (SELECT m.person_id FROM pg_temp.caredata_match m
		  UNION SELECT m.other_id FROM pg_temp.caredata_match m) p
	LEFT JOIN (SELECT i.person_id,
					  coalesce(array_agg(DISTINCT i.nhs_number::bigint)
						FILTER (WHERE i.nhs_number IS NOT NULL), '{}') AS numbers,
					  (array_agg(i.date_of_birth ORDER BY i.identity_id)
						FILTER (WHERE i.date_of_birth IS NOT NULL))[1] AS date_of_birth,
					  (array_agg(i.sex ORDER BY i.identity_id)
						FILTER (WHERE i.sex IN ('1', '2')))[1] AS sex
			   FROM (SELECT n.identity_id, n.person_id, n.nhs_number, n.date_of_birth, n.sex
					 FROM care_identity.identity n
					 WHERE n.person_id IN (SELECT m.other_id FROM pg_temp.caredata_match m WHERE m.other_id > 0)
					   AND NOT EXISTS (SELECT FROM care_identity.nhs_number_change x
									   WHERE x.nhs_number OPERATOR(caredata.=) n.nhs_number)
					 UNION ALL
					 SELECT u.identity_id, u.person_id, u.nhs_number, u.date_of_birth, u.sex
					 FROM pg_temp.caredata_unlinked u) i
			   GROUP BY i.person_id) f ON f.person_id = p.person_id;
	CREATE TEMPORARY TABLE caredata_cluster_record ON COMMIT DROP AS
	SELECT n.record_no, n.nhs_number, n.source, n.birth, n.sex FROM pg_temp.caredata_node n;
	CREATE TEMPORARY TABLE caredata_cluster_edge ON COMMIT DROP AS
	SELECT least(a.record_no, b.record_no) AS left_no, greatest(a.record_no, b.record_no) AS right_no,
		   m.weight
	FROM pg_temp.caredata_match m
	JOIN pg_temp.caredata_node a ON a.person_id = m.person_id
	JOIN pg_temp.caredata_node b ON b.person_id = m.other_id;
	-- a person with several numbers has one that agrees, or does not fit
	CREATE TEMPORARY TABLE caredata_cluster_decision ON COMMIT DROP AS
	SELECT e.left_no, e.right_no, false AS same
	FROM pg_temp.caredata_cluster_edge e
	JOIN pg_temp.caredata_node a ON a.record_no = e.left_no
	JOIN pg_temp.caredata_node b ON b.record_no = e.right_no
	WHERE a.numbers <> '{}' AND b.numbers <> '{}' AND NOT a.numbers && b.numbers;

	-- a new person is not chained to others by one link of many
	CREATE TEMPORARY TABLE caredata_joined ON COMMIT DROP AS
	SELECT n.person_id, t.person_id AS target
	FROM caredata.cluster_pass(ARRAY[v_least], 0.5) c
	JOIN pg_temp.caredata_node n ON n.record_no = c.record_no
	JOIN pg_temp.caredata_node t ON t.record_no = c.cluster_no
	WHERE c.record_no <> c.cluster_no;
	-- the new person of a refused pair, or the later of two, and the other
	INSERT INTO pg_temp.caredata_tie (identity_no, person_id, question, weight)
	SELECT - least(a.person_id, b.person_id), greatest(a.person_id, b.person_id),
		   format('linked by the model, but for %s',
				  CASE p.reason WHEN 'decided to be different' THEN 'two NHS numbers'
								WHEN 'source without duplicates' THEN 'another known person'
								ELSE p.reason END), p.weight
	FROM caredata.cluster_refused_pairs(0.5) p
	JOIN pg_temp.caredata_node a ON a.record_no = p.left_no
	JOIN pg_temp.caredata_node b ON b.record_no = p.right_no
	WHERE p.reason <> 'too few links';

	-- what was a tie between ranks is none any more
	DELETE FROM pg_temp.caredata_tie t
	USING pg_temp.caredata_joined j, pg_temp.caredata_identity u
	WHERE t.ordinal IS NOT NULL AND u.identity_no = t.identity_no AND NOT u.known
	  AND coalesce(u.person_id, - u.identity_no) = j.person_id;

	-- The founder of a group that joins is linked by the model, the others of
	-- the group as they were to it.
	UPDATE pg_temp.caredata_identity u
	SET person_id = j.target, ambiguous = false,
		link_rank = CASE WHEN u.identity_no = - j.person_id THEN caredata.model_link_rank()
						 ELSE u.link_rank END,
		link_weight = CASE WHEN u.identity_no = - j.person_id THEN w.weight END,
		link_gap = CASE WHEN u.identity_no = - j.person_id AND j.target > 0 THEN b.gap END
	FROM pg_temp.caredata_joined j
	LEFT JOIN (SELECT m.person_id, max(m.weight) AS weight
			   FROM (SELECT x.person_id, x.weight FROM pg_temp.caredata_match x
					 UNION ALL SELECT x.other_id, x.weight FROM pg_temp.caredata_match x) m
			   GROUP BY m.person_id) w ON w.person_id = j.person_id
	LEFT JOIN pg_temp.caredata_best b ON b.person_id = j.person_id
	WHERE NOT u.known AND coalesce(u.person_id, - u.identity_no) = j.person_id;

	DROP TABLE pg_temp.caredata_unlinked, pg_temp.caredata_near, pg_temp.caredata_match,
		pg_temp.caredata_best, pg_temp.caredata_node, pg_temp.caredata_cluster_record,
		pg_temp.caredata_cluster_edge, pg_temp.caredata_cluster_decision, pg_temp.caredata_joined;
END
$$;
REVOKE ALL ON FUNCTION caredata.link_by_model() FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_by_model() IS
	'Links what the ranks left unlinked with the model of caredata.load_model; internal to link_identities()';

CREATE FUNCTION caredata.link_diagnostics(persons integer[] DEFAULT NULL)
	RETURNS TABLE (identity_id integer, person_id integer, matched_algorithm_indicator smallint,
				   link_rank smallint, title text, link_weight float8, link_gap float8,
				   ambiguous boolean, load_id integer)
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1000
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT i.identity_id, i.person_id,
		   (CASE WHEN i.link_rank = 0 THEN 0
				 WHEN i.link_rank = caredata.model_link_rank() THEN 4
				 WHEN r.nhs_number = 'exact' THEN 1
				 ELSE 3 END)::smallint,
		   i.link_rank,
		   CASE WHEN i.link_rank = 0 THEN 'founded the person'
				WHEN i.link_rank = caredata.model_link_rank() THEN 'linkage model'
				ELSE r.title END,
		   i.link_weight, i.link_gap, i.ambiguous, i.load_id
	FROM care_identity.identity i
	LEFT JOIN caredata.link_rank r ON r.rank = i.link_rank
	WHERE link_diagnostics.persons IS NULL OR i.person_id = ANY (link_diagnostics.persons)
	ORDER BY i.person_id, i.identity_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.link_diagnostics(integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_diagnostics(integer[]) IS
	'How each identity of these persons, or of all, was linked, after the diagnostics of the Master Person Service: indicator 0 none, 1 NHS number, 3 other fields, 4 model; rank, weight, and by how much the best person beat the next';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.create_identity_model(text)'),
	('caredata_linker', 'caredata.use_load_model(integer,float8)'),
	('caredata_linker', 'caredata.link_diagnostics(integer[])'),
	('caredata_linker', 'caredata.load_model'),
	('caredata_guardian', 'caredata.load_model'),
	('caredata_auditor', 'caredata.load_model');
