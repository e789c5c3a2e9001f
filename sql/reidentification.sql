
-- ---------------------------------------------------------------------------
-- Re-identification: from pseudonyms of a release back to NHS numbers. A
-- reader or an administrator asks, with a reason and a list; a guardian who is
-- another person approves, for some hours; then who asked, and nobody else,
-- gets each number of the list once. No role can do both.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.reidentification (
	request_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	release_id   integer NOT NULL REFERENCES caredata.release,
	reason       text NOT NULL CHECK (reason <> ''),
	requested_by name[] NOT NULL,
	requested_at timestamptz NOT NULL DEFAULT now(),
	approved_by  name[],
	approved_at  timestamptz,
	valid_until  timestamptz,
	despite_objections boolean NOT NULL DEFAULT false,
	refused_by   name[],
	refused_at   timestamptz,
	refusal      text,
	CHECK (NOT requested_by && approved_by),
	CHECK ((approved_at IS NULL) = (valid_until IS NULL))
);
COMMENT ON TABLE caredata.reidentification IS
	'Requests to turn pseudonyms of a release back into NHS numbers, with who asked, why, and who approved or refused';
COMMENT ON COLUMN caredata.reidentification.requested_by IS
	'Session user and acting role of who asked: neither may approve, and both are needed to get the result';
COMMENT ON COLUMN caredata.reidentification.despite_objections IS
	'Whether persons who are not visible in the release are turned back too';

CREATE TABLE caredata.reidentification_item (
	request_id  integer NOT NULL REFERENCES caredata.reidentification ON DELETE CASCADE,
	item        integer NOT NULL,
	pseudonym   caredata.pseudonym NOT NULL,
	revealed_at timestamptz,
	revealed_to name[],
	resolved    boolean,
	PRIMARY KEY (request_id, item)
);
COMMENT ON TABLE caredata.reidentification_item IS
	'The pseudonyms of each request; when and to whom each was turned back';
COMMENT ON COLUMN caredata.reidentification_item.resolved IS
	'Whether there was an NHS number to give; NULL before it was asked for';

SELECT pg_catalog.pg_extension_config_dump('caredata.reidentification', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.reidentification_request_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.reidentification_item', '');

CREATE FUNCTION caredata.person_behind(pseudonym caredata.pseudonym, domain integer) RETURNS integer
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'caredata_person_behind';
REVOKE ALL ON FUNCTION caredata.person_behind(caredata.pseudonym, integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.person_behind(caredata.pseudonym, integer) IS
	'Number of the person behind a pseudonym of any readable generation; NULL for nobody''s. Granted to nobody';

CREATE FUNCTION caredata.request_reidentification(
	release integer, reason text, pseudonyms caredata.pseudonym[])
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	who name[] := caredata.requester();
	new_id integer;
BEGIN
	-- a reader of this release, or an administrator; first, so that others
	-- learn nothing about releases
	IF NOT EXISTS (
		SELECT FROM pg_roles r
		WHERE (r.rolname = 'caredata_admin'
			   OR r.rolname = (SELECT d.reader_role FROM caredata.domain d
							   WHERE d.domain_id = request_reidentification.release))
		  AND pg_has_role(who[cardinality(who)], r.oid, 'USAGE')) THEN
		RAISE EXCEPTION 'permission denied for this release'
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Its readers and members of caredata_admin may ask.';
	END IF;
	PERFORM caredata.lock_release(request_reidentification.release, 'active', 'suspended', 'ended');
	IF length(coalesce(btrim(request_reidentification.reason), '')) < 10 THEN
		RAISE EXCEPTION 'the reason is missing or too short'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Say, without identifiers, why these persons must be known; who approves reads it.';
	END IF;
	IF coalesce(cardinality(pseudonyms), 0) = 0 OR array_position(pseudonyms, NULL) IS NOT NULL
	   OR cardinality(pseudonyms) > 1000 THEN
		RAISE EXCEPTION 'a request has 1 to 1000 pseudonyms'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'More than that is a new release with identifiers, not a re-identification.';
	END IF;
	INSERT INTO caredata.reidentification (release_id, reason, requested_by)
	VALUES (request_reidentification.release, btrim(request_reidentification.reason), who)
	RETURNING request_id INTO new_id;
	INSERT INTO caredata.reidentification_item (request_id, item, pseudonym)
	SELECT new_id, p.n, p.value FROM unnest(pseudonyms) WITH ORDINALITY AS p(value, n);
	RETURN new_id;
END
$body$;
REVOKE ALL ON FUNCTION caredata.request_reidentification(integer, text, caredata.pseudonym[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.request_reidentification(integer, text, caredata.pseudonym[]) IS
	'Asks to turn up to 1000 pseudonyms of a release back into NHS numbers; a guardian who is another person approves. Returns the number of the request';

-- A request that is still open, locked.
CREATE FUNCTION caredata.lock_reidentification(request integer) RETURNS caredata.reidentification
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_request caredata.reidentification;
BEGIN
	SELECT r.* INTO found_request FROM caredata.reidentification r
	WHERE r.request_id = lock_reidentification.request FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 're-identification request % does not exist', coalesce(lock_reidentification.request::text, 'NULL')
			USING ERRCODE = 'undefined_object',
				  HINT = 'reidentification_requests() lists them.';
	END IF;
	IF found_request.refused_at IS NOT NULL THEN
		RAISE EXCEPTION 're-identification request % was refused', lock_reidentification.request
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Make another request.';
	END IF;
	RETURN found_request;
END
$body$;
REVOKE ALL ON FUNCTION caredata.lock_reidentification(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.lock_reidentification(integer) IS
	'A request that was not refused, locked for the transaction';

CREATE FUNCTION caredata.approve_reidentification(
	request integer, hours integer DEFAULT 24, despite_objections boolean DEFAULT false)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	asked caredata.reidentification;
BEGIN
	asked := caredata.lock_reidentification(approve_reidentification.request);
	IF asked.approved_at IS NOT NULL THEN
		RAISE EXCEPTION 're-identification request % is already approved', asked.request_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'When its time is over another request is needed.';
	END IF;
	PERFORM caredata.require_another_person(asked.requested_by, 'a re-identification cannot be approved');
	IF hours IS NULL OR hours NOT BETWEEN 1 AND 168 OR approve_reidentification.despite_objections IS NULL THEN
		RAISE EXCEPTION 'an approval holds for 1 to 168 hours'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	UPDATE caredata.reidentification r
	SET approved_by = caredata.requester(), approved_at = now(),
		valid_until = now() + make_interval(hours => approve_reidentification.hours),
		despite_objections = approve_reidentification.despite_objections
	WHERE r.request_id = asked.request_id;
END
$body$;
REVOKE ALL ON FUNCTION caredata.approve_reidentification(integer, integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.approve_reidentification(integer, integer, boolean) IS
	'Approves a request for some hours; refused to who asked. Persons who are not visible in the release stay unknown unless the third argument says otherwise';

CREATE FUNCTION caredata.refuse_reidentification(request integer, reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM caredata.lock_reidentification(request);
	UPDATE caredata.reidentification r
	SET refused_by = caredata.requester(), refused_at = now(), refusal = refuse_reidentification.reason
	WHERE r.request_id = request;
END
$body$;
REVOKE ALL ON FUNCTION caredata.refuse_reidentification(integer, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.refuse_reidentification(integer, text) IS
	'Refuses a request, or takes back its approval';

CREATE FUNCTION caredata.reidentification_requests()
	RETURNS TABLE (request_id integer, state text, release name, reason text, requested_by name[],
				   requested_at timestamptz, approved_by name[], valid_until timestamptz,
				   despite_objections boolean, refused_by name[], pseudonyms bigint, revealed bigint)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 20
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT r.request_id,
		   CASE WHEN r.refused_at IS NOT NULL THEN 'refused'
				WHEN r.approved_at IS NULL THEN 'requested'
				WHEN r.valid_until < now() THEN 'over'
				ELSE 'approved' END,
		   l.name, r.reason, r.requested_by, r.requested_at, r.approved_by, r.valid_until,
		   r.despite_objections, r.refused_by, count(i.item), count(i.revealed_at)
	FROM caredata.reidentification r
	JOIN caredata.release l ON l.release_id = r.release_id
	LEFT JOIN caredata.reidentification_item i ON i.request_id = r.request_id
	GROUP BY r.request_id, l.name
	ORDER BY r.request_id;
END;
REVOKE ALL ON FUNCTION caredata.reidentification_requests() FROM PUBLIC;
COMMENT ON FUNCTION caredata.reidentification_requests() IS
	'Requests for re-identification: who asked, why, who approved or refused, how many pseudonyms and how many were turned back';

CREATE FUNCTION caredata.reidentify(request integer)
	RETURNS TABLE (pseudonym caredata.pseudonym, nhs_number caredata.nhs_number)
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	who name[] := caredata.requester();
	asked caredata.reidentification;
	one record;
	behind integer;
	numbers caredata.nhs_number[];
BEGIN
	-- who did not ask learns nothing, not even whether there is such a request
	SELECT r.* INTO asked FROM caredata.reidentification r
	WHERE r.request_id = reidentify.request AND r.requested_by = who FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no re-identification request % of yours', reidentify.request
			USING ERRCODE = 'insufficient_privilege',
				  HINT = 'Only who asked gets the result, with the same login and role.';
	END IF;
	IF asked.refused_at IS NOT NULL OR asked.approved_at IS NULL OR asked.valid_until < clock_timestamp() THEN
		RAISE EXCEPTION 're-identification request % is %', asked.request_id,
			CASE WHEN asked.refused_at IS NOT NULL THEN 'refused'
				 WHEN asked.approved_at IS NULL THEN 'not approved'
				 ELSE 'over' END
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'A guardian who is another person approves it, for some hours.';
	END IF;

	FOR one IN
		SELECT i.item, i.pseudonym AS value FROM caredata.reidentification_item i
		WHERE i.request_id = asked.request_id AND i.revealed_at IS NULL
		ORDER BY i.item
	LOOP
		-- once for each, as it counts towards the quota
		behind := caredata.person_behind(one.value, asked.release_id);
		SELECT array_agg(DISTINCT n.nhs_number ORDER BY n.nhs_number) INTO numbers
		FROM care_identity.identity n
		WHERE n.person_id = behind
		  AND n.nhs_number IS NOT NULL
		  AND (asked.despite_objections
			   OR (SELECT bool_and(caredata.visible(n.person_id, asked.release_id::text::caredata.release_ref, s))
				   FROM unnest(caredata.release_settings(asked.release_id)) s));
		UPDATE caredata.reidentification_item i
		SET revealed_at = clock_timestamp(), revealed_to = who, resolved = numbers IS NOT NULL
		WHERE i.request_id = asked.request_id AND i.item = one.item;
		-- The table forgets what is rolled back; the server log does not.
		RAISE LOG 're-identification request %, item %: turned back for %', asked.request_id, one.item, who;
		pseudonym := one.value;
		nhs_number := NULL;
		IF numbers IS NULL THEN
			RETURN NEXT;
		ELSE
			FOREACH nhs_number IN ARRAY numbers LOOP
				RETURN NEXT;
			END LOOP;
		END IF;
	END LOOP;
	IF pseudonym IS NULL THEN
		RAISE EXCEPTION 're-identification request % has been answered', asked.request_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Each pseudonym of a request is turned back once; make another request.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.reidentify(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.reidentify(integer) IS
	'The NHS numbers of an approved request, for who made it, each once and within its time; NULL where there is none to give. Each is recorded';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.request_reidentification(integer,text,caredata.pseudonym[])'),
	('caredata_admin', 'caredata.reidentify(integer)'),
	('caredata_admin', 'caredata.reidentification_requests()'),
	('caredata_guardian', 'caredata.approve_reidentification(integer,integer,boolean)'),
	('caredata_guardian', 'caredata.refuse_reidentification(integer,text)'),
	('caredata_guardian', 'caredata.reidentification_requests()'),
	('caredata_auditor', 'caredata.reidentification_requests()');
