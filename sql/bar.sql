-- ---------------------------------------------------------------------------
-- One strike and out: an organisation that broke an agreement loses all its
-- releases, in open sessions from their next statement on, and gets no new
-- ones until two people have lifted the bar.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.bar_organisation(organisation_code text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	code     text;
	affected record;
	grantee  record;
	ended    integer := 0;
BEGIN
	IF coalesce(btrim(bar_organisation.reason), '') = '' THEN
		RAISE EXCEPTION 'a bar needs a reason'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'The register shows it.';
	END IF;
	code := caredata.organisation_code(bar_organisation.organisation_code);
	LOCK TABLE caredata.barred_organisation IN SHARE ROW EXCLUSIVE MODE;
	PERFORM caredata.check_not_barred(code);
	INSERT INTO caredata.barred_organisation (organisation_code, reason, barred_by)
	VALUES (code, btrim(bar_organisation.reason), caredata.requester());

	-- Whoever drafts, approves or activates now waits here for us, and is
	-- refused then, or has committed and is ended.
	PERFORM r.release_id
	FROM caredata.release r
	WHERE r.agreement_id IN (SELECT a.agreement_id FROM caredata.agreement a
							 WHERE a.organisation_code = code)
	ORDER BY r.release_id FOR UPDATE;
	FOR affected IN
		SELECT r.release_id, r.name || '_reader' AS reader
		FROM caredata.release r
		JOIN caredata.agreement a ON a.agreement_id = r.agreement_id
		WHERE a.organisation_code = code
		  AND r.state IN ('approved', 'active', 'suspended')
		ORDER BY r.release_id
	LOOP
		PERFORM caredata.end_release(affected.release_id,
			format('organisation %s is barred: %s', code, btrim(bar_organisation.reason)));
		FOR grantee IN
			SELECT DISTINCT m.member::regrole AS member, m.grantor::regrole AS grantor
			FROM pg_auth_members m
			WHERE m.roleid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = affected.reader)
			ORDER BY 1, 2
		LOOP
			-- Since PostgreSQL 16 revoking from who granted further on takes
			-- those memberships as well.
			IF EXISTS (SELECT FROM pg_auth_members m
					   WHERE m.roleid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = affected.reader)
						 AND m.member = grantee.member AND m.grantor = grantee.grantor) THEN
				EXECUTE format('REVOKE %I FROM %s GRANTED BY %s CASCADE',
							   affected.reader, grantee.member, grantee.grantor);
			END IF;
		END LOOP;
		ended := ended + 1;
	END LOOP;
	RETURN ended;
END
$$;
REVOKE ALL ON FUNCTION caredata.bar_organisation(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.bar_organisation(text, text) IS
	'Ends every release of an organisation and takes its readers'' membership away, in open sessions from the next statement on; no new release until the bar is lifted. Returns how many ended';

CREATE FUNCTION caredata.request_bar_lift(organisation_code text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF coalesce(btrim(request_bar_lift.reason), '') = '' THEN
		RAISE EXCEPTION 'lifting a bar needs a reason'
			USING ERRCODE = 'null_value_not_allowed',
				  HINT = 'The person who decides reads it.';
	END IF;
	UPDATE caredata.barred_organisation b
	SET lift_reason = btrim(request_bar_lift.reason),
		lift_requested_by = caredata.requester(), lift_requested_at = now()
	WHERE b.organisation_code = caredata.organisation_code(request_bar_lift.organisation_code)
	  AND b.lifted_at IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'this organisation is not barred'
			USING ERRCODE = 'no_data_found',
				  HINT = 'barred_organisations() lists those that are.';
	END IF;
END
$$;
REVOKE ALL ON FUNCTION caredata.request_bar_lift(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.request_bar_lift(text, text) IS
	'Asks for a bar to be lifted; another person does it with lift_bar()';

CREATE FUNCTION caredata.lift_bar(organisation_code text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bar  caredata.barred_organisation;
BEGIN
	SELECT b.* INTO bar
	FROM caredata.barred_organisation b
	WHERE b.organisation_code = caredata.organisation_code(lift_bar.organisation_code)
	  AND b.lifted_at IS NULL
	FOR UPDATE;
	IF NOT FOUND OR bar.lift_requested_by IS NULL THEN
		RAISE EXCEPTION 'nobody has asked for this bar to be lifted'
			USING ERRCODE = 'no_data_found',
				  HINT = 'One person asks with request_bar_lift(), another lifts it.';
	END IF;
	PERFORM caredata.require_another_person(bar.lift_requested_by, 'a bar cannot be lifted');
	UPDATE caredata.barred_organisation b
	SET lifted_by = caredata.requester(), lifted_at = now()
	WHERE b.bar_id = bar.bar_id;
END
$$;
REVOKE ALL ON FUNCTION caredata.lift_bar(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lift_bar(text) IS
	'Lifts a bar that somebody else asked to lift; what it ended stays ended';

CREATE FUNCTION caredata.barred_organisations()
RETURNS TABLE (organisation_code text, reason text, barred_by name[],
			   barred_at timestamptz, lift_reason text, lift_requested_by name[],
			   lift_requested_at timestamptz, lifted_by name[], lifted_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT b.organisation_code, b.reason, b.barred_by, b.barred_at, b.lift_reason,
		   b.lift_requested_by, b.lift_requested_at, b.lifted_by, b.lifted_at
	FROM caredata.barred_organisation b
	ORDER BY b.bar_id;
END;
REVOKE ALL ON FUNCTION caredata.barred_organisations() FROM PUBLIC;
COMMENT ON FUNCTION caredata.barred_organisations() IS
	'Organisations that are or were barred: since when, at whose request, why, and who lifted it';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin',    'caredata.barred_organisations()'),
	('caredata_guardian', 'caredata.bar_organisation(text,text)'),
	('caredata_guardian', 'caredata.request_bar_lift(text,text)'),
	('caredata_guardian', 'caredata.lift_bar(text)'),
	('caredata_guardian', 'caredata.barred_organisations()'),
	('caredata_auditor',  'caredata.barred_organisations()');
