-- ---------------------------------------------------------------------------
-- Persons: what happens to them after they were founded. Two that turn out to
-- be one are merged, under the older number; identities that turn out to be
-- somebody else's are parted from a person by a steward. Both move the care
-- records, say so in caredata.person_change, and bring every visible set up to
-- date in the same transaction: an objection on any NHS number of a merged
-- person withholds all of it. Nothing else ever splits a person.
--
-- Who writes takes two locks in one order, as a load does: persons, then
-- visible sets. An objection takes the second, so it comes before or after a
-- merge, never in between.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.person_alias (
	retired_id  integer PRIMARY KEY,
	person_id   integer NOT NULL,
	CHECK (person_id < retired_id)
);
CREATE INDEX ON caredata.person_alias (person_id);
COMMENT ON TABLE caredata.person_alias IS
	'Person numbers that a merge retired, and who they are; no record carries them, pseudonyms that were kept are renewed by them, and none is given out again';

CREATE TABLE caredata.person_change (
	change_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	change      text NOT NULL CHECK (change IN ('merged', 'parted')),
	person_id   integer NOT NULL,
	other_id    integer NOT NULL,
	identities  bigint NOT NULL,
	records     bigint NOT NULL,
	reason      text NOT NULL CHECK (reason <> ''),
	done_by     name[] NOT NULL,
	done_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE caredata.person_change IS
	'Every merge of two persons and every parting of one, by whom and why';
COMMENT ON COLUMN caredata.person_change.person_id IS
	'The person that stayed';
COMMENT ON COLUMN caredata.person_change.other_id IS
	'The number that was retired by a merge, or founded by a parting';
COMMENT ON COLUMN caredata.person_change.records IS
	'Care records that moved, with these identities';
COMMENT ON COLUMN caredata.person_change.done_by IS
	'Session user and acting role';

CREATE TABLE caredata.link_review (
	review_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	person_id   integer NOT NULL,
	other_id    integer NOT NULL,
	question    text NOT NULL,
	link_rank   smallint,
	weight      float8,
	load_id     integer,
	asked_at    timestamptz NOT NULL DEFAULT now(),
	decision    text CHECK (decision IN ('same', 'different')),
	reason      text,
	decided_by  name[],
	decided_at  timestamptz,
	UNIQUE (person_id, other_id),
	CHECK (person_id < other_id),
	CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX ON caredata.link_review (other_id);
COMMENT ON TABLE caredata.link_review IS
	'Pairs of persons who may be one: open questions, and what was decided. A pair is asked about once';
COMMENT ON COLUMN caredata.link_review.question IS
	'Why it was asked';
COMMENT ON COLUMN caredata.link_review.decision IS
	'same: they were merged; different: they stay apart; NULL: open';

SELECT pg_catalog.pg_extension_config_dump('caredata.person_alias', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.person_change', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.person_change_change_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_review', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_review_review_id_seq', '');

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.person_alias'),
	('caredata_linker', 'caredata.person_change'),
	('caredata_linker', 'caredata.link_review'),
	('caredata_guardian', 'caredata.person_change'),
	('caredata_guardian', 'caredata.link_review'),
	('caredata_auditor', 'caredata.person_change'),
	('caredata_auditor', 'caredata.link_review');

-- --- Before and after -------------------------------------------------------

CREATE FUNCTION caredata.lock_persons() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- the isolation level first: with an older snapshot the lock is no use
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'persons change only at isolation level READ COMMITTED'
			USING ERRCODE = 'active_sql_transaction',
				  HINT = 'Use BEGIN ISOLATION LEVEL READ COMMITTED.';
	END IF;
	LOCK TABLE care_identity.person IN SHARE ROW EXCLUSIVE MODE;
	PERFORM caredata.lock_visible_sets();
END
$$;
REVOKE ALL ON FUNCTION caredata.lock_persons() FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_persons() IS
	'Waits until this transaction is the only one that changes persons and visible sets; readers do not wait';

CREATE FUNCTION caredata.require_person(person_id integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_living integer;
BEGIN
	IF NOT EXISTS (SELECT FROM care_identity.person p
				   WHERE p.person_id = require_person.person_id) THEN
		SELECT a.person_id INTO v_living FROM caredata.person_alias a
		WHERE a.retired_id = require_person.person_id;
		RAISE EXCEPTION 'person % does not exist', coalesce(require_person.person_id::text, 'NULL')
			USING ERRCODE = 'no_data_found',
				  HINT = CASE WHEN v_living IS NOT NULL
							  THEN format('The number was retired by a merge; that is person %s now.', v_living)
							  ELSE 'care_identity.person lists the persons.' END;
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.require_person(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.require_person(integer) IS
	'Raises unless the person is there';

CREATE FUNCTION caredata.require_reason(reason text) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF length(coalesce(btrim(reason), '')) < 10 THEN
		RAISE EXCEPTION 'the reason is missing or too short'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Say, without identifiers, how it is known; it is kept for good.';
	END IF;
	RETURN btrim(reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.require_reason(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.require_reason(text) IS
	'The reason without spaces around it; raises if there is none to speak of';

-- Moves care records of one person to another: all, or those of identities.
CREATE FUNCTION caredata.move_records(from_person integer, to_person integer, identities integer[])
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_dataset name;
	v_rows    bigint;
	v_moved   bigint := 0;
BEGIN
	FOR v_dataset IN
		SELECT d.dataset FROM caredata.dataset d
		WHERE d.landed AND to_regclass(format('care.%I', d.dataset)) IS NOT NULL
		ORDER BY d.dataset
	LOOP
		EXECUTE format('UPDATE care.%I SET person_id = $2 WHERE person_id = $1'
					   ' AND ($3 IS NULL OR identity_id = ANY ($3))', v_dataset)
		USING from_person, to_person, identities;
		GET DIAGNOSTICS v_rows = ROW_COUNT;
		v_moved := v_moved + v_rows;
	END LOOP;
	RETURN v_moved;
END
$$;
REVOKE ALL ON FUNCTION caredata.move_records(integer, integer, integer[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.move_records(integer, integer, integer[]) IS
	'Moves the care records of a person, or those that came with some identities, and returns how many; internal to merging and parting';

-- --- Merging ----------------------------------------------------------------

CREATE FUNCTION caredata.join_persons(one_person integer, other_person integer, reason text)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_kept       integer := least(one_person, other_person);
	v_retired    integer := greatest(one_person, other_person);
	v_identities bigint;
	v_records    bigint;
BEGIN
	v_records := caredata.move_records(v_retired, v_kept, NULL);
	-- whom it fits is settled by now
	UPDATE care_identity.identity i SET person_id = v_kept, ambiguous = false
	WHERE i.person_id = v_retired;
	GET DIAGNOSTICS v_identities = ROW_COUNT;
	UPDATE care_identity.coded_objection o SET person_id = v_kept WHERE o.person_id = v_retired;

	-- what the older person lacks the other supplies
	UPDATE care.person p
	SET birth_year = coalesce(p.birth_year, o.birth_year),
		birth_month = coalesce(p.birth_month, o.birth_month),
		sex = coalesce(p.sex, o.sex),
		ethnic_category = coalesce(p.ethnic_category, o.ethnic_category),
		lsoa = coalesce(p.lsoa, o.lsoa),
		practice_code = coalesce(p.practice_code, o.practice_code),
		death_year = coalesce(p.death_year, o.death_year),
		death_month = coalesce(p.death_month, o.death_month)
	FROM care.person o
	WHERE p.person_id = v_kept AND o.person_id = v_retired;
	DELETE FROM care.person p WHERE p.person_id = v_retired;
	DELETE FROM care_identity.registration_change c WHERE c.person_id = v_retired;
	DELETE FROM care_identity.person p WHERE p.person_id = v_retired;

	UPDATE caredata.person_alias a SET person_id = v_kept WHERE a.person_id = v_retired;
	INSERT INTO caredata.person_alias (retired_id, person_id) VALUES (v_retired, v_kept);

	-- Questions about the two are answered; those about one of them and a
	-- third are now about the person that stayed, and a decision outlasts a
	-- question.
	UPDATE caredata.link_review r
	SET decision = 'same', reason = join_persons.reason,
		decided_by = caredata.requester(), decided_at = now()
	WHERE r.person_id = v_kept AND r.other_id = v_retired;
	CREATE TEMPORARY TABLE caredata_question ON COMMIT DROP AS
		SELECT DISTINCT ON (least(v_kept, q.third), greatest(v_kept, q.third))
			   least(v_kept, q.third) AS person_id, greatest(v_kept, q.third) AS other_id,
			   q.question, q.link_rank, q.weight, q.load_id, q.asked_at,
			   q.decision, q.reason, q.decided_by, q.decided_at
		FROM (SELECT r.*, CASE WHEN r.person_id IN (v_kept, v_retired) THEN r.other_id
							   ELSE r.person_id END AS third
			  FROM caredata.link_review r
			  WHERE (r.person_id IN (v_kept, v_retired) OR r.other_id IN (v_kept, v_retired))
				AND r.decision IS DISTINCT FROM 'same') q
		ORDER BY least(v_kept, q.third), greatest(v_kept, q.third),
				 q.decision NULLS LAST, q.review_id;
	DELETE FROM caredata.link_review r
	WHERE (r.person_id IN (v_kept, v_retired) OR r.other_id IN (v_kept, v_retired))
	  AND r.decision IS DISTINCT FROM 'same';
	INSERT INTO caredata.link_review
		(person_id, other_id, question, link_rank, weight, load_id, asked_at,
		 decision, reason, decided_by, decided_at)
	SELECT q.* FROM pg_temp.caredata_question q
	ORDER BY q.person_id, q.other_id
	ON CONFLICT DO NOTHING;
	DROP TABLE pg_temp.caredata_question;

	PERFORM caredata.refresh_person_facts(ARRAY[v_kept], false);
	INSERT INTO caredata.person_change
		(change, person_id, other_id, identities, records, reason, done_by)
	VALUES ('merged', v_kept, v_retired, v_identities, v_records,
			join_persons.reason, caredata.requester());
	PERFORM caredata.refresh_person_visibility(ARRAY[v_kept, v_retired]);
	RETURN v_kept;
END
$$;
REVOKE ALL ON FUNCTION caredata.join_persons(integer, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.join_persons(integer, integer, text) IS
	'Makes two persons one, under the older number; internal, asks nothing';

CREATE FUNCTION caredata.merge_persons(
	one_person integer, other_person integer, reason text,
	despite_nhs_numbers boolean DEFAULT false)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
DECLARE
	v_reason text := caredata.require_reason(merge_persons.reason);
BEGIN
	PERFORM caredata.lock_persons();
	PERFORM caredata.require_person(one_person);
	PERFORM caredata.require_person(other_person);
	IF one_person = other_person THEN
		RAISE EXCEPTION 'a person cannot be merged with themselves'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF EXISTS (SELECT FROM caredata.link_review r
			   WHERE r.person_id = least(one_person, other_person)
				 AND r.other_id = greatest(one_person, other_person)
				 AND r.decision = 'different') THEN
		RAISE EXCEPTION 'persons % and % were decided to be different', one_person, other_person
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'caredata.link_review has the decision; decide_review() changes it.';
	END IF;
	IF despite_nhs_numbers IS NOT TRUE AND caredata.nhs_numbers_contradict(one_person, other_person) THEN
		RAISE EXCEPTION 'persons % and % have different NHS numbers', one_person, other_person
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'If one number superseded the other, record_superseded_nhs_number() merges them. If they are one person all the same, say despite_nhs_numbers => true.';
	END IF;
	RETURN caredata.join_persons(one_person, other_person, v_reason);
END
$$;
REVOKE ALL ON FUNCTION caredata.merge_persons(integer, integer, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.merge_persons(integer, integer, text, boolean) IS
	'Merges two persons under the older number, which it returns: records, identities, objections and visible sets, in this transaction';

-- --- Parting ----------------------------------------------------------------

CREATE FUNCTION caredata.unlink_identities(identities integer[], reason text) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
DECLARE
	v_reason  text := caredata.require_reason(unlink_identities.reason);
	v_ids     integer[];
	v_person  integer;
	v_persons bigint;
	v_new     integer;
	v_records bigint;
BEGIN
	PERFORM caredata.lock_persons();
	SELECT array_agg(i.identity_id ORDER BY i.identity_id), min(i.person_id), count(DISTINCT i.person_id)
	INTO v_ids, v_person, v_persons
	FROM care_identity.identity i
	WHERE i.identity_id = ANY (unlink_identities.identities);
	IF v_ids IS NULL
	   OR cardinality(v_ids) <> (SELECT count(DISTINCT u) FROM unnest(unlink_identities.identities) u) THEN
		RAISE EXCEPTION 'no such identities'
			USING ERRCODE = 'no_data_found',
				  HINT = 'care_identity.identity lists them.';
	END IF;
	IF v_persons > 1 THEN
		RAISE EXCEPTION 'the identities belong to % persons', v_persons
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Part them from one person at a time.';
	END IF;
	IF NOT EXISTS (SELECT FROM care_identity.identity i
				   WHERE i.person_id = v_person AND i.identity_id <> ALL (v_ids)) THEN
		RAISE EXCEPTION 'person % would have no identity left', v_person
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Name only the identities of somebody else.';
	END IF;

	SELECT greatest((SELECT max(p.person_id) FROM care_identity.person p),
					(SELECT max(a.retired_id) FROM caredata.person_alias a)) + 1
	INTO v_new;
	INSERT INTO care_identity.person (person_id) VALUES (v_new);
	UPDATE care_identity.identity i
	SET person_id = v_new,
		link_rank = CASE WHEN i.identity_id = v_ids[1] THEN 0 ELSE i.link_rank END
	WHERE i.identity_id = ANY (v_ids);
	v_records := caredata.move_records(v_person, v_new, v_ids);

	-- An objection goes with the identity whose record held it; where that is
	-- not known, both have objected.
	UPDATE care_identity.coded_objection o SET person_id = v_new
	WHERE o.person_id = v_person AND o.identity_id = ANY (v_ids);
	INSERT INTO care_identity.coded_objection
		(person_id, kind, meaning, event_date, recorded_on, load_id)
	SELECT v_new, o.kind, o.meaning, o.event_date, o.recorded_on, o.load_id
	FROM care_identity.coded_objection o
	WHERE o.person_id = v_person AND o.identity_id IS NULL;

	INSERT INTO care.person (person_id) VALUES (v_new);
	PERFORM caredata.refresh_person_facts(ARRAY[v_person, v_new], true);

	INSERT INTO caredata.link_review
		(person_id, other_id, question, decision, reason, decided_by, decided_at)
	VALUES (v_person, v_new, 'parted by a steward', 'different', v_reason,
			caredata.requester(), now());
	INSERT INTO caredata.person_change
		(change, person_id, other_id, identities, records, reason, done_by)
	VALUES ('parted', v_person, v_new, cardinality(v_ids), v_records, v_reason,
			caredata.requester());
	PERFORM caredata.refresh_person_visibility(ARRAY[v_person, v_new]);
	RETURN v_new;
END
$$;
REVOKE ALL ON FUNCTION caredata.unlink_identities(integer[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.unlink_identities(integer[], text) IS
	'Parts identities, with the records that came with them, from a person and founds another for them, whose number it returns; the only way in which a person is ever split';

-- --- Clerical review --------------------------------------------------------

CREATE FUNCTION caredata.decide_review(
	review integer, same boolean, reason text, despite_nhs_numbers boolean DEFAULT false)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
DECLARE
	v_reason text := caredata.require_reason(decide_review.reason);
	v_review caredata.link_review;
BEGIN
	PERFORM caredata.lock_persons();
	SELECT r.* INTO v_review FROM caredata.link_review r
	WHERE r.review_id = decide_review.review;
	IF NOT FOUND OR decide_review.same IS NULL THEN
		RAISE EXCEPTION 'no such question, or no answer'
			USING ERRCODE = 'no_data_found',
				  HINT = 'caredata.link_review lists the questions; the answer is true or false.';
	END IF;
	IF v_review.decision = 'same' THEN
		RAISE EXCEPTION 'the two persons have been merged'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'A guardian may part identities from a person with unlink_identities().';
	END IF;
	UPDATE caredata.link_review r
	SET decision = CASE WHEN decide_review.same THEN NULL ELSE 'different' END,
		reason = v_reason,
		decided_by = CASE WHEN NOT decide_review.same THEN caredata.requester() END,
		decided_at = CASE WHEN NOT decide_review.same THEN now() END
	WHERE r.review_id = v_review.review_id;
	IF NOT decide_review.same THEN
		RETURN NULL;
	END IF;
	RETURN caredata.merge_persons(v_review.person_id, v_review.other_id, v_reason,
								  decide_review.despite_nhs_numbers);
END
$$;
REVOKE ALL ON FUNCTION caredata.decide_review(integer, boolean, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.decide_review(integer, boolean, text, boolean) IS
	'Answers a question of caredata.link_review: the same (merges the two, and returns the number that stays) or different, which is never asked again';

CREATE FUNCTION caredata.keep_apart(one_person integer, other_person integer, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_reason text := caredata.require_reason(keep_apart.reason);
BEGIN
	PERFORM caredata.lock_persons();
	PERFORM caredata.require_person(one_person);
	PERFORM caredata.require_person(other_person);
	IF one_person = other_person THEN
		RAISE EXCEPTION 'a person cannot be kept apart from themselves'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO caredata.link_review AS r
		(person_id, other_id, question, decision, reason, decided_by, decided_at)
	VALUES (least(one_person, other_person), greatest(one_person, other_person),
			'kept apart', 'different', v_reason, caredata.requester(), now())
	ON CONFLICT ON CONSTRAINT link_review_person_id_other_id_key DO UPDATE
	SET decision = excluded.decision, reason = excluded.reason,
		decided_by = excluded.decided_by, decided_at = excluded.decided_at;
END
$$;
REVOKE ALL ON FUNCTION caredata.keep_apart(integer, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.keep_apart(integer, integer, text) IS
	'Decides that two persons are different, before anybody asks';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.merge_persons(integer,integer,text,boolean)'),
	('caredata_linker', 'caredata.decide_review(integer,boolean,text,boolean)'),
	('caredata_linker', 'caredata.keep_apart(integer,integer,text)'),
	('caredata_guardian', 'caredata.unlink_identities(integer[],text)');
