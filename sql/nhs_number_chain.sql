-- ---------------------------------------------------------------------------
-- NHS numbers that stand for one another: which one a number that was superseded
-- or invalidated stands for now. What is recorded of numbers is in
-- nhs_number_change.sql.
-- ---------------------------------------------------------------------------

/*
 * Every number that was superseded or invalidated and the number it stands for
 * now: the end of its chain, NULL when that was invalidated. A number that
 * others led to and that is in force leads to itself.
 */
CREATE FUNCTION caredata.nhs_number_chains()
	RETURNS TABLE (nhs_number caredata.nhs_number, current_number caredata.nhs_number)
	LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH RECURSIVE chain AS (
		SELECT c.nhs_number AS start, c.superseded_by AS reached
		FROM care_identity.nhs_number_change c
		UNION ALL
		SELECT h.start, c.superseded_by
		FROM chain h
		JOIN care_identity.nhs_number_change c ON c.nhs_number OPERATOR(caredata.=) h.reached
	), last AS (
		SELECT h.start, h.reached FROM chain h
		WHERE h.reached IS NULL
		   OR NOT EXISTS (SELECT FROM care_identity.nhs_number_change c
						  WHERE c.nhs_number OPERATOR(caredata.=) h.reached)
	)
	SELECT l.start, l.reached FROM last l
	UNION
	SELECT l.reached, l.reached FROM last l WHERE l.reached IS NOT NULL;
END
$$;
REVOKE ALL ON FUNCTION caredata.nhs_number_chains() FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_number_chains() IS
	'NHS numbers that were superseded or invalidated, with the number that each stands for now; NULL for none';

-- Both have NHS numbers, and no two that stand for one.
CREATE FUNCTION caredata.nhs_numbers_contradict(one_person integer, other_person integer)
	RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_numbers bigint[];
	v_others  bigint[];
BEGIN
	SELECT array_agg(n.number) FILTER (WHERE n.person_id = one_person),
		   array_agg(n.number) FILTER (WHERE n.person_id = other_person)
	INTO v_numbers, v_others
	FROM (SELECT i.person_id,
				 CASE WHEN c.nhs_number IS NULL THEN i.nhs_number ELSE c.current_number END::bigint AS number
		  FROM care_identity.identity i
		  LEFT JOIN caredata.nhs_number_chains() c ON c.nhs_number OPERATOR(caredata.=) i.nhs_number
		  WHERE i.person_id IN (one_person, other_person)) n
	WHERE n.number IS NOT NULL;
	RETURN v_numbers IS NOT NULL AND v_others IS NOT NULL AND NOT v_numbers && v_others;
END
$$;
REVOKE ALL ON FUNCTION caredata.nhs_numbers_contradict(integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.nhs_numbers_contradict(integer, integer) IS
	'Whether two persons both have NHS numbers in force, and none in common';

/*
 * Every identity with a number of a chain is stored with the other numbers of
 * that chain too, so that whatever arrives under either, a record or an
 * objection, finds the person. Only what is missing is added.
 */
CREATE FUNCTION caredata.add_chained_identities() RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v_added bigint;
BEGIN
	INSERT INTO care_identity.identity
		(person_id, nhs_number, date_of_birth, sex, postcode,
		 source_organisation, local_patient_id, link_rank, load_id)
	SELECT DISTINCT ON (o.nhs_number, i.date_of_birth, i.sex, i.postcode,
						i.source_organisation, i.local_patient_id)
		   i.person_id, o.nhs_number, i.date_of_birth, i.sex, i.postcode,
		   i.source_organisation, i.local_patient_id, i.link_rank, i.load_id
	FROM caredata.nhs_number_chains() c
	JOIN caredata.nhs_number_chains() o
	  ON o.current_number OPERATOR(caredata.=) c.current_number
	 AND o.nhs_number OPERATOR(caredata.<>) c.nhs_number
	JOIN care_identity.identity i ON i.nhs_number OPERATOR(caredata.=) c.nhs_number
	ORDER BY o.nhs_number, i.date_of_birth, i.sex, i.postcode,
			 i.source_organisation, i.local_patient_id, i.identity_id
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS v_added = ROW_COUNT;
	RETURN v_added;
END
$$;
REVOKE ALL ON FUNCTION caredata.add_chained_identities() FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_chained_identities() IS
	'Stores the identities of superseded NHS numbers under the other numbers of their chain too; internal';
