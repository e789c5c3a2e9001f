-- ---------------------------------------------------------------------------
-- A linter of the whole installation: what a DBA, an upgrade or a restore has
-- left in a state in which a release shows too much, refuses for no reason, or
-- rests on somebody's good will. It looks and changes nothing.
--
-- Each check_*.sql looks at one part; check() puts them together. Nothing
-- is repaired here: the mend is written for the person who has to decide.
--
-- Severities:
--	danger		rows, identifiers or keys are open to somebody who should not
--				have them, or will be after one more step
--	warning		a protection is weaker than it should be, or releases refuse
--	advice		what an attentive DBA would change
-- ---------------------------------------------------------------------------

-- VOLATILE, because keys are looked up anew.
CREATE FUNCTION caredata.check()
	RETURNS TABLE (severity text, subject text, finding text, mend text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF to_regnamespace('care') IS NULL OR to_regnamespace('care_identity') IS NULL THEN
		RAISE EXCEPTION 'this database is not a care database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'A superuser makes it one with caredata.create_care_database().';
	END IF;
	RETURN QUERY
	SELECT f.severity, f.subject, f.finding, f.mend
	FROM (SELECT * FROM caredata.check_server()
		  UNION ALL SELECT * FROM caredata.check_roles()
		  UNION ALL SELECT * FROM caredata.check_grants()
		  UNION ALL SELECT * FROM caredata.check_tables()
		  UNION ALL SELECT * FROM caredata.check_releases()
		  UNION ALL SELECT * FROM caredata.check_keys()
		  UNION ALL SELECT * FROM caredata.check_columns()) f
	ORDER BY array_position(ARRAY['danger', 'warning', 'advice'], f.severity),
			 f.subject COLLATE "C", f.finding COLLATE "C";
END
$$;
REVOKE ALL ON FUNCTION caredata.check() FROM PUBLIC;
COMMENT ON FUNCTION caredata.check() IS
	'Looks the whole installation over and returns one row for each thing to mend, the worst first; no row when all is well. The visible sets are check_visible_sets()''s';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.check()'),
	('caredata_guardian', 'caredata.check()'),
	('caredata_auditor', 'caredata.check()');
