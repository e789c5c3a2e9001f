
-- ---------------------------------------------------------------------------
-- Quotas: how many values a login may put through keyed functions in a day.
-- src/quota.c counts, and says which limit holds for whom.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.quota (
	role_name      name NOT NULL,
	use            name NOT NULL
		CHECK (use IN ('pseudonymise', 'renew', 'translate', 'reidentify', 'reverse')),
	values_per_day bigint CHECK (values_per_day >= 0),
	set_by         name[] NOT NULL,
	set_at         timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (role_name, use)
);
COMMENT ON TABLE caredata.quota IS
	'Quotas that differ from the settings caredata.quota_...: for a login, or for the members of a role';
COMMENT ON COLUMN caredata.quota.use IS
	'What the values are put through: pseudonymise, renew, translate, reidentify or reverse';
COMMENT ON COLUMN caredata.quota.values_per_day IS
	'How many a day; NULL for no limit';
COMMENT ON COLUMN caredata.quota.set_by IS
	'Session user and acting role of who set it';
SELECT pg_catalog.pg_extension_config_dump('caredata.quota', '');

CREATE FUNCTION caredata.quota_uses()
	RETURNS TABLE (login name, use name, used bigint, values_per_day bigint, since timestamptz)
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 100
	AS 'MODULE_PATHNAME', 'caredata_quota_uses';
REVOKE ALL ON FUNCTION caredata.quota_uses() FROM PUBLIC;
COMMENT ON FUNCTION caredata.quota_uses() IS
	'How many values each login has put through keyed functions in this database since its day began, and how many it may; NULL for no limit';

-- Nobody who is not a superuser sets a quota that holds for them.
CREATE FUNCTION caredata.check_may_set_quota(role_name name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	who name[] := caredata.requester();
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = check_may_set_quota.role_name) THEN
		RAISE EXCEPTION 'role "%" does not exist', coalesce(role_name::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'Name a login, or a role whose members the quota is for.';
	END IF;
	IF EXISTS (SELECT FROM unnest(who) w JOIN pg_roles r ON r.rolname = w
			   WHERE NOT r.rolsuper AND pg_has_role(r.oid, check_may_set_quota.role_name, 'MEMBER')) THEN
		RAISE EXCEPTION 'a quota cannot be set by whom it holds for'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Another guardian sets it, who is not a member of the role.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.check_may_set_quota(name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.check_may_set_quota(name) IS
	'Raises unless the role exists and the caller is not a member of it';

CREATE FUNCTION caredata.set_quota(role_name name, use name, values_per_day bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	PERFORM caredata.check_may_set_quota(set_quota.role_name);
	IF set_quota.use IS NULL
	   OR set_quota.use NOT IN ('pseudonymise', 'renew', 'translate', 'reidentify', 'reverse') THEN
		RAISE EXCEPTION 'there is no such quota'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Quotas are pseudonymise, renew, translate, reidentify and reverse.';
	END IF;
	IF set_quota.values_per_day < 0 THEN
		RAISE EXCEPTION 'a quota is zero or more values a day'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'NULL is no limit; drop_quota() goes back to the setting.';
	END IF;
	INSERT INTO caredata.quota AS q (role_name, use, values_per_day, set_by)
	VALUES (set_quota.role_name, set_quota.use, set_quota.values_per_day, caredata.requester())
	ON CONFLICT (role_name, use) DO UPDATE
	SET values_per_day = excluded.values_per_day, set_by = excluded.set_by, set_at = excluded.set_at;
END
$body$;
REVOKE ALL ON FUNCTION caredata.set_quota(name, name, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.set_quota(name, name, bigint) IS
	'Sets how many values a day a login, or each member of a role, may put through keyed functions of one use; NULL for no limit';

CREATE FUNCTION caredata.drop_quota(role_name name, use name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	-- the role itself may be gone
	IF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = drop_quota.role_name) THEN
		PERFORM caredata.check_may_set_quota(drop_quota.role_name);
	END IF;
	DELETE FROM caredata.quota q WHERE q.role_name = drop_quota.role_name AND q.use = drop_quota.use;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such quota was set'
			USING ERRCODE = 'undefined_object',
				  HINT = 'quotas() lists what was set.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.drop_quota(name, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.drop_quota(name, name) IS
	'Takes back what set_quota() set: the setting holds again';

CREATE FUNCTION caredata.quotas()
	RETURNS TABLE (role_name name, use name, values_per_day bigint, set_by name[], set_at timestamptz)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT q.role_name, q.use, q.values_per_day, q.set_by, q.set_at
	FROM caredata.quota q ORDER BY q.role_name, q.use;
END;
REVOKE ALL ON FUNCTION caredata.quotas() FROM PUBLIC;
COMMENT ON FUNCTION caredata.quotas() IS
	'Quotas that were set for logins and roles, by whom and when';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.quota_uses()'),
	('caredata_admin', 'caredata.quotas()'),
	('caredata_guardian', 'caredata.set_quota(name,name,bigint)'),
	('caredata_guardian', 'caredata.drop_quota(name,name)'),
	('caredata_guardian', 'caredata.quota_uses()'),
	('caredata_guardian', 'caredata.quotas()'),
	('caredata_auditor', 'caredata.quota_uses()'),
	('caredata_auditor', 'caredata.quotas()');
