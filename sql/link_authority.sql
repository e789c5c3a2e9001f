
-- ---------------------------------------------------------------------------
-- Between releases: a pseudonym of one release is turned into the same
-- person's pseudonym in another only under a link authority, which one person
-- requests and another approves, for a purpose, a term and one role. Nobody
-- sees a person's number on the way, and every use is recorded.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.link_authority (
	authority_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	from_release integer NOT NULL REFERENCES caredata.release,
	to_release   integer NOT NULL REFERENCES caredata.release,
	role_name    name NOT NULL,
	purpose      text NOT NULL CHECK (purpose <> ''),
	starts_on    date NOT NULL,
	ends_on      date NOT NULL,
	requested_by name[] NOT NULL,
	requested_at timestamptz NOT NULL DEFAULT now(),
	approved_by  name[],
	approved_at  timestamptz,
	revoked_by   name[],
	revoked_at   timestamptz,
	reason       text,
	CHECK (from_release <> to_release),
	CHECK (starts_on <= ends_on),
	CHECK (NOT requested_by && approved_by)
);
COMMENT ON TABLE caredata.link_authority IS
	'Who may translate pseudonyms of one release into those of another, for what and until when';
COMMENT ON COLUMN caredata.link_authority.role_name IS
	'Role whose members may translate';
COMMENT ON COLUMN caredata.link_authority.requested_by IS
	'Session user and acting role of who asked, neither of whom may approve';
COMMENT ON COLUMN caredata.link_authority.reason IS
	'Why it was revoked';
CREATE INDEX ON caredata.link_authority (from_release, to_release);

CREATE TABLE caredata.link_use (
	use_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	authority_id integer NOT NULL REFERENCES caredata.link_authority,
	requester    name[] NOT NULL,
	used_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	asked        bigint NOT NULL,
	translated   bigint NOT NULL
);
COMMENT ON TABLE caredata.link_use IS
	'Every translation: under which authority, who, when, how many pseudonyms were asked for and how many were translated';
COMMENT ON COLUMN caredata.link_use.requester IS
	'Session user and acting role';
CREATE INDEX ON caredata.link_use (authority_id, use_id);

SELECT pg_catalog.pg_extension_config_dump('caredata.link_authority', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_authority_authority_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_use', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.link_use_use_id_seq', '');

CREATE FUNCTION caredata.translated_pseudonym(
	pseudonym caredata.pseudonym, from_release integer, from_settings text[],
	to_release integer, to_settings text[])
	RETURNS caredata.pseudonym
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_translated_pseudonym';
REVOKE ALL ON FUNCTION caredata.translated_pseudonym(caredata.pseudonym, integer, text[], integer, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.translated_pseudonym(caredata.pseudonym, integer, text[], integer, text[]) IS
	'The same person''s pseudonym in another release, in one step; NULL for one that is not of the first release, and for a person not visible in both in all the settings';

CREATE FUNCTION caredata.request_link_authority(
	from_release integer,
	to_release   integer,
	role_name    name,
	purpose      text,
	starts_on    date,
	ends_on      date)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	new_id integer;
BEGIN
	PERFORM caredata.lock_release(request_link_authority.from_release, 'approved', 'active', 'suspended');
	PERFORM caredata.lock_release(request_link_authority.to_release, 'approved', 'active', 'suspended');
	IF request_link_authority.from_release = request_link_authority.to_release THEN
		RAISE EXCEPTION 'the two releases are one'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Inside a release pseudonyms need no translation.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = request_link_authority.role_name AND NOT r.rolsuper) THEN
		RAISE EXCEPTION 'the role does not exist, or is a superuser'
			USING ERRCODE = 'undefined_object',
				  HINT = 'Name the role whose members may translate.';
	END IF;
	IF coalesce(btrim(request_link_authority.purpose), '') = '' THEN
		RAISE EXCEPTION 'the purpose is missing'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Say what the records are linked for; who approves reads it.';
	END IF;
	IF request_link_authority.starts_on IS NULL OR request_link_authority.ends_on IS NULL
	   OR request_link_authority.starts_on > request_link_authority.ends_on THEN
		RAISE EXCEPTION 'the term is missing, or ends before it starts'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the first and the last day.';
	END IF;
	INSERT INTO caredata.link_authority
		(from_release, to_release, role_name, purpose, starts_on, ends_on, requested_by)
	VALUES (request_link_authority.from_release, request_link_authority.to_release,
			request_link_authority.role_name, btrim(request_link_authority.purpose),
			request_link_authority.starts_on, request_link_authority.ends_on, caredata.requester())
	RETURNING authority_id INTO new_id;
	RETURN new_id;
END
$body$;
REVOKE ALL ON FUNCTION caredata.request_link_authority(integer, integer, name, text, date, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.request_link_authority(integer, integer, name, text, date, date) IS
	'Asks that members of a role may translate pseudonyms of the first release into those of the second, for a purpose, from and until a day; returns the number of the authority';

-- An authority, locked; an error if there is none of the number.
CREATE FUNCTION caredata.lock_link_authority(authority integer) RETURNS caredata.link_authority
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_authority caredata.link_authority;
BEGIN
	SELECT a.* INTO found_authority FROM caredata.link_authority a
	WHERE a.authority_id = lock_link_authority.authority FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'link authority % does not exist', coalesce(lock_link_authority.authority::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'link_authorities() lists them.';
	END IF;
	IF found_authority.revoked_at IS NOT NULL THEN
		RAISE EXCEPTION 'link authority % is revoked', lock_link_authority.authority
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Request another one.';
	END IF;
	RETURN found_authority;
END
$body$;
REVOKE ALL ON FUNCTION caredata.lock_link_authority(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_link_authority(integer) IS
	'A link authority that is not revoked, locked for the transaction';

CREATE FUNCTION caredata.approve_link_authority(authority integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	asked caredata.link_authority;
BEGIN
	asked := caredata.lock_link_authority(authority);
	IF asked.approved_at IS NOT NULL THEN
		RAISE EXCEPTION 'link authority % is already approved', authority
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'link_authorities() shows by whom.';
	END IF;
	PERFORM caredata.require_another_person(asked.requested_by, 'a link authority cannot be approved');
	IF asked.ends_on < caredata.today() THEN
		RAISE EXCEPTION 'term of link authority % is over', authority
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Request another one.';
	END IF;
	UPDATE caredata.link_authority a SET approved_by = caredata.requester(), approved_at = now()
	WHERE a.authority_id = asked.authority_id;
	-- What may be called is not yet what may be done: both functions look for
	-- a live authority of the caller's.
	EXECUTE format('GRANT EXECUTE ON FUNCTION caredata.translate(caredata.pseudonym, integer, integer),'
				   ' caredata.translate_all(caredata.pseudonym[], integer, integer) TO %I', asked.role_name);
END
$body$;
REVOKE ALL ON FUNCTION caredata.approve_link_authority(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.approve_link_authority(integer) IS
	'Approves a link authority; refused to who asked for it';

CREATE FUNCTION caredata.revoke_link_authority(authority integer, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM caredata.lock_link_authority(authority);
	UPDATE caredata.link_authority a
	SET revoked_by = caredata.requester(), revoked_at = now(), reason = revoke_link_authority.reason
	WHERE a.authority_id = authority;
END
$body$;
REVOKE ALL ON FUNCTION caredata.revoke_link_authority(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.revoke_link_authority(integer, text) IS
	'Ends a link authority, or refuses a request for one';

CREATE FUNCTION caredata.link_authorities()
	RETURNS TABLE (authority_id integer, state text, from_release name, to_release name, role_name name,
				   purpose text, starts_on date, ends_on date, requested_by name[], approved_by name[],
				   revoked_by name[], uses bigint, asked bigint, translated bigint)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT a.authority_id,
		   CASE WHEN a.revoked_at IS NOT NULL THEN 'revoked'
				WHEN a.approved_at IS NULL THEN 'requested'
				WHEN a.ends_on < caredata.today() THEN 'over'
				WHEN a.starts_on > caredata.today() THEN 'approved'
				ELSE 'live' END,
		   f.name, t.name, a.role_name, a.purpose, a.starts_on, a.ends_on,
		   a.requested_by, a.approved_by, a.revoked_by,
		   count(u.use_id), coalesce(sum(u.asked), 0)::bigint, coalesce(sum(u.translated), 0)::bigint
	FROM caredata.link_authority a
	JOIN caredata.release f ON f.release_id = a.from_release
	JOIN caredata.release t ON t.release_id = a.to_release
	LEFT JOIN caredata.link_use u ON u.authority_id = a.authority_id
	GROUP BY a.authority_id, f.name, t.name
	ORDER BY a.authority_id;
END;
REVOKE ALL ON FUNCTION caredata.link_authorities() FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_authorities() IS
	'Link authorities with their state, who asked and who approved, and how much they were used';

CREATE FUNCTION caredata.link_uses(authority integer)
	RETURNS TABLE (used_at timestamptz, requester name[], asked bigint, translated bigint)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT u.used_at, u.requester, u.asked, u.translated FROM caredata.link_use u
	WHERE u.authority_id = link_uses.authority ORDER BY u.use_id;
END;
REVOKE ALL ON FUNCTION caredata.link_uses(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_uses(integer) IS
	'Every use of a link authority';

-- The settings in which a release shows records: a person has to be visible in
-- all of them to be translated.
CREATE FUNCTION caredata.translate_all(pseudonyms caredata.pseudonym[], from_release integer, to_release integer)
	RETURNS TABLE (pseudonym caredata.pseudonym, translated caredata.pseudonym)
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER ROWS 1000
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	who name[] := caredata.requester();
	authority integer;
	found_some bigint;
	results caredata.pseudonym[];
BEGIN
	-- The acting role counts, as it does for every privilege. A superuser is a
	-- member of every role, and needs an authority all the same.
	SELECT a.authority_id INTO authority FROM caredata.link_authority a
	WHERE a.from_release = translate_all.from_release AND a.to_release = translate_all.to_release
	  AND a.approved_at IS NOT NULL AND a.revoked_at IS NULL
	  AND caredata.today() BETWEEN a.starts_on AND a.ends_on
	  AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.role_name
				  AND pg_has_role(who[cardinality(who)], r.oid, 'USAGE'))
	ORDER BY a.authority_id LIMIT 1
	FOR SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no live link authority lets you translate between these releases'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'It is requested with request_link_authority(), and approved by another person.';
	END IF;

	-- In one statement, under one snapshot.
	SELECT array_agg(x.result ORDER BY x.n), count(x.result) INTO results, found_some
	FROM (SELECT p.n, caredata.translated_pseudonym(p.value, translate_all.from_release, s.from_settings,
													translate_all.to_release, s.to_settings) AS result
		  FROM unnest(pseudonyms) WITH ORDINALITY AS p(value, n)
		  CROSS JOIN (SELECT caredata.release_settings(translate_all.from_release) AS from_settings,
							 caredata.release_settings(translate_all.to_release) AS to_settings OFFSET 0) s) x;

	INSERT INTO caredata.link_use (authority_id, requester, asked, translated)
	VALUES (authority, who, cardinality(pseudonyms), found_some);
	-- The table forgets what is rolled back; the server log does not.
	RAISE LOG 'link authority % used by %: % asked for, % translated',
		authority, who, cardinality(pseudonyms), found_some;

	RETURN QUERY
	SELECT p.value, results[p.n] FROM unnest(pseudonyms) WITH ORDINALITY AS p(value, n)
	WHERE results[p.n] IS NOT NULL ORDER BY p.n;
END
$body$;
REVOKE ALL ON FUNCTION caredata.translate_all(caredata.pseudonym[], integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.translate_all(caredata.pseudonym[], integer, integer) IS
	'Pseudonyms of one release with those of the same persons in another, under a live link authority; no row for a pseudonym that is not of the first release, or of a person who is not visible in both. Every call is recorded';

CREATE FUNCTION caredata.translate(pseudonym caredata.pseudonym, from_release integer, to_release integer)
	RETURNS caredata.pseudonym
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN (SELECT t.translated
			FROM caredata.translate_all(ARRAY[translate.pseudonym], translate.from_release, translate.to_release) t);
END
$body$;
REVOKE ALL ON FUNCTION caredata.translate(caredata.pseudonym, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.translate(caredata.pseudonym, integer, integer) IS
	'translate_all() for one pseudonym; NULL where that has no row';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.request_link_authority(integer,integer,name,text,date,date)'),
	('caredata_admin', 'caredata.revoke_link_authority(integer,text)'),
	('caredata_admin', 'caredata.link_authorities()'),
	('caredata_guardian', 'caredata.approve_link_authority(integer)'),
	('caredata_guardian', 'caredata.revoke_link_authority(integer,text)'),
	('caredata_guardian', 'caredata.link_authorities()'),
	('caredata_guardian', 'caredata.link_uses(integer)'),
	('caredata_auditor', 'caredata.link_authorities()'),
	('caredata_auditor', 'caredata.link_uses(integer)');
