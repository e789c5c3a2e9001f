-- ---------------------------------------------------------------------------
-- NHS numbers that were replaced or invalidated, as somebody said, and what
-- follows for persons.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.record_superseded_nhs_number(
	superseded text, superseded_by text, source text)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	v_old     caredata.nhs_number := caredata.try_nhs_number(superseded);
	v_new     caredata.nhs_number := caredata.try_nhs_number(record_superseded_nhs_number.superseded_by);
	v_final   caredata.nhs_number;
	v_persons integer[];
	v_kept    integer;
	v_other   integer;
	v_merged  integer := 0;
BEGIN
	IF v_old IS NULL OR v_new IS NULL OR v_old OPERATOR(caredata.=) v_new
	   OR coalesce(btrim(record_superseded_nhs_number.source), '') = '' THEN
		RAISE EXCEPTION 'two different valid NHS numbers and a source are needed'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'The number that was replaced first, the one in force second, and where that was said.';
	END IF;
	PERFORM caredata.lock_persons();
	IF EXISTS (SELECT FROM care_identity.nhs_number_change c
			   WHERE c.nhs_number OPERATOR(caredata.=) v_old) THEN
		RAISE EXCEPTION 'this NHS number was superseded or invalidated before'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'care_identity.nhs_number_change has what was recorded.';
	END IF;
	SELECT c.current_number INTO v_final FROM caredata.nhs_number_chains() c
	WHERE c.nhs_number OPERATOR(caredata.=) v_new;
	IF FOUND AND v_final IS NULL THEN
		RAISE EXCEPTION 'the NHS number that is to be in force was invalidated'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'An invalidated number never stands for a person.';
	END IF;
	IF v_final OPERATOR(caredata.=) v_old THEN
		RAISE EXCEPTION 'the two NHS numbers would supersede each other'
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	INSERT INTO care_identity.nhs_number_change (nhs_number, superseded_by, source, recorded_by)
	VALUES (v_old, v_new, btrim(record_superseded_nhs_number.source), session_user);

	-- who has a number of the chain is one person
	SELECT array_agg(DISTINCT i.person_id ORDER BY i.person_id) INTO v_persons
	FROM care_identity.identity i
	WHERE EXISTS (SELECT FROM caredata.nhs_number_chains() c
				  WHERE c.current_number OPERATOR(caredata.=) coalesce(v_final, v_new)
					AND c.nhs_number OPERATOR(caredata.=) i.nhs_number);
	IF v_persons IS NOT NULL THEN
		v_kept := v_persons[1];
		FOREACH v_other IN ARRAY v_persons[2:] LOOP
			PERFORM caredata.join_persons(v_kept, v_other, 'superseded NHS number');
			v_merged := v_merged + 1;
		END LOOP;
		PERFORM caredata.add_chained_identities();
		PERFORM caredata.refresh_person_visibility(ARRAY[v_kept]);
	END IF;
	RETURN v_merged;
END
$$;
REVOKE ALL ON FUNCTION caredata.record_superseded_nhs_number(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_superseded_nhs_number(text, text, text) IS
	'Records that an NHS number was replaced by another and merges who had either; returns how many merges. Records and objections under both reach the person. Pass numbers as parameters';

CREATE FUNCTION caredata.record_invalidated_nhs_number(nhs_number text, source text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	v_number caredata.nhs_number := caredata.try_nhs_number(record_invalidated_nhs_number.nhs_number);
BEGIN
	IF v_number IS NULL OR coalesce(btrim(record_invalidated_nhs_number.source), '') = '' THEN
		RAISE EXCEPTION 'a valid NHS number and a source are needed'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'The number that was withdrawn, and where that was said.';
	END IF;
	PERFORM caredata.lock_persons();
	IF EXISTS (SELECT FROM care_identity.nhs_number_change c
			   WHERE c.nhs_number OPERATOR(caredata.=) v_number) THEN
		RAISE EXCEPTION 'this NHS number was superseded or invalidated before'
			USING ERRCODE = 'duplicate_object',
				  HINT = 'care_identity.nhs_number_change has what was recorded.';
	END IF;
	INSERT INTO care_identity.nhs_number_change (nhs_number, superseded_by, source, recorded_by)
	VALUES (v_number, NULL, btrim(record_invalidated_nhs_number.source), session_user);
	RETURN (SELECT count(DISTINCT i.person_id) FROM care_identity.identity i
			WHERE i.nhs_number OPERATOR(caredata.=) v_number);
END
$$;
REVOKE ALL ON FUNCTION caredata.record_invalidated_nhs_number(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_invalidated_nhs_number(text, text) IS
	'Records that an NHS number stands for nobody: from now on nothing is linked by it. Returns how many persons have it; what was linked by it stays until a guardian parts it. Pass the number as a parameter';

/*
 * What add_chained_identities() stored goes again where the numbers are no
 * longer of one chain: an identity that differs from an older one of its
 * person in the number alone, and that no record came with. Whom the change
 * merged stay one person, with the objections of both, until a guardian parts
 * them.
 */
CREATE FUNCTION caredata.withdraw_nhs_number_change(nhs_number text, reason text) RETURNS integer[]
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
	v_number  caredata.nhs_number := caredata.try_nhs_number(withdraw_nhs_number_change.nhs_number);
	v_reason  text := caredata.require_reason(withdraw_nhs_number_change.reason);
	v_change  care_identity.nhs_number_change;
	v_numbers caredata.nhs_number[];	-- of the chain as it was
	v_apart   caredata.nhs_number[];	-- of them those that stand for the number now
	v_persons integer[];
	v_used    integer[];	-- identities that records came with
	v_dataset name;
	v_found   integer[];
BEGIN
	PERFORM caredata.lock_persons();
	SELECT c.* INTO v_change FROM care_identity.nhs_number_change c
	WHERE c.nhs_number OPERATOR(caredata.=) v_number;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no change of this NHS number is recorded'
			USING ERRCODE = 'no_data_found',
				  HINT = 'care_identity.nhs_number_change has what was recorded.';
	END IF;
	PERFORM caredata.require_another_person(ARRAY[v_change.recorded_by],
											'a change of an NHS number cannot be withdrawn');
	SELECT array_agg(o.nhs_number) INTO v_numbers
	FROM caredata.nhs_number_chains() c
	JOIN caredata.nhs_number_chains() o ON o.current_number OPERATOR(caredata.=) c.current_number
	WHERE c.nhs_number OPERATOR(caredata.=) v_number;

	DELETE FROM care_identity.nhs_number_change c WHERE c.nhs_number OPERATOR(caredata.=) v_number;
	INSERT INTO care_identity.withdrawn_nhs_number_change
		(nhs_number, superseded_by, source, recorded_by, recorded_at, reason, withdrawn_by)
	VALUES (v_change.nhs_number, v_change.superseded_by, v_change.source, v_change.recorded_by,
			v_change.recorded_at, v_reason, caredata.requester());
	IF v_change.superseded_by IS NULL THEN
		RETURN NULL;
	END IF;

	SELECT array_append(array_agg(c.nhs_number), v_number) INTO v_apart
	FROM caredata.nhs_number_chains() c WHERE c.current_number OPERATOR(caredata.=) v_number;
	SELECT array_agg(DISTINCT i.person_id) INTO v_persons
	FROM care_identity.identity i WHERE i.nhs_number OPERATOR(caredata.=) ANY (v_numbers);
	SELECT coalesce(array_agg(o.identity_id), '{}') INTO v_used
	FROM care_identity.coded_objection o WHERE o.person_id = ANY (v_persons) AND o.identity_id IS NOT NULL;
	FOR v_dataset IN
		SELECT d.dataset FROM caredata.dataset d
		WHERE d.landed AND to_regclass(format('care.%I', d.dataset)) IS NOT NULL
	LOOP
		EXECUTE format('SELECT coalesce(array_agg(DISTINCT identity_id), ''{}'') FROM care.%I'
					   ' WHERE person_id = ANY ($1) AND identity_id IS NOT NULL', v_dataset)
		INTO v_found USING v_persons;
		v_used := v_used || v_found;
	END LOOP;
	DELETE FROM care_identity.identity i
	USING care_identity.identity o
	WHERE i.person_id = ANY (v_persons) AND o.person_id = i.person_id AND o.identity_id < i.identity_id
	  AND i.nhs_number OPERATOR(caredata.=) ANY (v_numbers) AND o.nhs_number OPERATOR(caredata.=) ANY (v_numbers)
	  AND (i.nhs_number OPERATOR(caredata.=) ANY (v_apart)) <> (o.nhs_number OPERATOR(caredata.=) ANY (v_apart))
	  AND (o.date_of_birth, o.sex, o.source_organisation, o.local_patient_id)
		  IS NOT DISTINCT FROM (i.date_of_birth, i.sex, i.source_organisation, i.local_patient_id)
	  AND o.postcode::text IS NOT DISTINCT FROM i.postcode::text
	  AND i.identity_id <> ALL (v_used);
	PERFORM caredata.refresh_person_visibility(v_persons);

	-- whoever has nothing else was not merged with anybody
	RETURN (SELECT array_agg(i.identity_id ORDER BY i.identity_id)
			FROM care_identity.identity i
			WHERE i.nhs_number OPERATOR(caredata.=) ANY (v_apart)
			  AND EXISTS (SELECT FROM care_identity.identity o
						  WHERE o.person_id = i.person_id AND o.nhs_number OPERATOR(caredata.=) ANY (v_numbers)
							AND o.nhs_number OPERATOR(caredata.<>) ALL (v_apart)));
END
$$;
REVOKE ALL ON FUNCTION caredata.withdraw_nhs_number_change(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.withdraw_nhs_number_change(text, text) IS
	'Takes back that an NHS number was superseded or invalidated; refused to who recorded it. Returns the identities that a guardian may have to part with unlink_identities(); who was merged stays merged until then. Pass the number as a parameter';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.withdraw_nhs_number_change(text,text)'),
	('caredata_linker', 'caredata.record_superseded_nhs_number(text,text,text)'),
	('caredata_linker', 'caredata.record_invalidated_nhs_number(text,text)');
