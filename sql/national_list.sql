-- ---------------------------------------------------------------------------
-- The list of the national data opt-out, both ways: the NHS numbers that are
-- sent to be checked, and the cleaned list that comes back.
--
-- The service leaves out who has opted out, and numbers that it does not know,
-- so an answer means something only beside what was asked. A request is
-- therefore recorded with the numbers that it sends, and an answer is imported
-- as the answer to that request: its age counts from the request, a number
-- that was sent and did not come back is withheld, and a number that came back
-- and was not sent is an error. Numbers are kept until the request, or a later
-- one, is answered, or until the answer would be too old.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.national_list_request (
	request_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	requested_at  timestamptz NOT NULL,
	requested_by  name NOT NULL,
	numbers       bigint NOT NULL CHECK (numbers > 0),
	digest        text NOT NULL,
	answered_at   timestamptz,
	answered_by   name,
	allowed       bigint CHECK (allowed BETWEEN 1 AND numbers),
	CHECK (num_nulls(answered_at, answered_by, allowed) IN (0, 3))
);
COMMENT ON TABLE caredata.national_list_request IS
	'Requests to the national check of data opt-outs, and what their answers held; the newest request that was answered is the list in force';
COMMENT ON COLUMN caredata.national_list_request.requested_at IS
	'When the numbers were taken from the database; the age of the answer counts from here';
COMMENT ON COLUMN caredata.national_list_request.numbers IS
	'NHS numbers sent; while the answer is awaited they are in care_identity.national_list_sent';
COMMENT ON COLUMN caredata.national_list_request.digest IS
	'SHA-256 of the file that national_list_lines() makes, as sha256sum prints it';
COMMENT ON COLUMN caredata.national_list_request.answered_at IS
	'When the answer was imported; NULL if it was not';
COMMENT ON COLUMN caredata.national_list_request.allowed IS
	'Numbers that came back; the others are withheld';
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list_request', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list_request_request_id_seq', '');

-- --- State ------------------------------------------------------------------

CREATE FUNCTION caredata.national_list_max_age() RETURNS interval
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN current_setting('caredata.national_list_max_age')::interval;
REVOKE ALL ON FUNCTION caredata.national_list_max_age() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_max_age() IS
	'Age at which the national list is too old, a setting of the server';

CREATE FUNCTION caredata.national_list_time() RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT max(r.requested_at)
			  FROM caredata.national_list_request r
			 WHERE r.answered_at IS NOT NULL);
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_time() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_time() IS
	'When the list in force was requested; NULL before the first';

CREATE FUNCTION caredata.national_list_status()
RETURNS TABLE (request integer, state text, requested_at timestamptz,
			   answered_at timestamptz, age interval, max_age interval,
			   fresh boolean, numbers bigint, withheld bigint, not_checked bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 2
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	in_force  timestamptz := caredata.national_list_time();
BEGIN
	RETURN QUERY
	SELECT r.request_id,
		   CASE WHEN r.answered_at IS NULL THEN 'awaited' ELSE 'in force' END,
		   r.requested_at, r.answered_at, now() - r.requested_at,
		   caredata.national_list_max_age(),
		   now() - r.requested_at < caredata.national_list_max_age(),
		   r.numbers, r.numbers - r.allowed,
		   CASE WHEN r.answered_at IS NOT NULL THEN
				(SELECT count(DISTINCT i.nhs_number)
				   FROM care_identity.identity i
				  WHERE NOT EXISTS (SELECT FROM care_identity.national_check c
									 WHERE c.nhs_number OPERATOR(caredata.=) i.nhs_number))
		   END
	  FROM caredata.national_list_request r
	 WHERE r.requested_at >= in_force OR in_force IS NULL
	 ORDER BY r.requested_at;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_status() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_status() IS
	'The list in force, if there is one, and every later request whose answer is awaited: age against the limit, numbers sent, numbers withheld, and numbers in the database that the list in force was not asked about and that are withheld until the next';

-- --- Out --------------------------------------------------------------------

CREATE FUNCTION caredata.forget_national_list_numbers() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM care_identity.national_list_sent s
	 USING caredata.national_list_request r
	 WHERE r.request_id = s.request_id
	   AND (r.requested_at <= caredata.national_list_time()
			OR now() - r.requested_at >= caredata.national_list_max_age());
END
$$;
REVOKE ALL ON FUNCTION caredata.forget_national_list_numbers() FROM PUBLIC;
COMMENT ON FUNCTION caredata.forget_national_list_numbers() IS
	'Deletes the numbers of requests whose answer would be refused: answered, older than the list in force, or too old';

CREATE FUNCTION caredata.national_list_lines(request integer) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM care_identity.national_list_sent s
					WHERE s.request_id = national_list_lines.request) THEN
		RAISE EXCEPTION 'no numbers are kept of request % to the national check',
						coalesce(national_list_lines.request::text, 'NULL')
			USING ERRCODE = 'no_data_found',
				  HINT = 'They are kept until the request is answered, or overtaken, or too old: make another with request_national_list().';
	END IF;
	RETURN QUERY
	SELECT s.nhs_number::text || ','
	  FROM care_identity.national_list_sent s
	 WHERE s.request_id = national_list_lines.request
	 ORDER BY s.nhs_number;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_lines(integer) FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_lines(integer) IS
	'Lines of the file that a request sends to the national check, the same each time: an NHS number, and a comma after it';

CREATE FUNCTION caredata.request_national_list() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	request  integer;
	sent     bigint;
	began    timestamptz;
BEGIN
	-- one at a time, so that a later request has a later time
	LOCK TABLE caredata.national_list_request IN SHARE ROW EXCLUSIVE MODE;
	PERFORM caredata.forget_national_list_numbers();

	IF NOT EXISTS (SELECT FROM care_identity.identity i WHERE i.nhs_number IS NOT NULL) THEN
		RAISE EXCEPTION 'there is no NHS number to check'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Load a dataset first.';
	END IF;

	request := nextval('caredata.national_list_request_request_id_seq');
	began := clock_timestamp();
	INSERT INTO care_identity.national_list_sent (request_id, nhs_number)
	SELECT DISTINCT request, i.nhs_number
	  FROM care_identity.identity i
	 WHERE i.nhs_number IS NOT NULL;
	GET DIAGNOSTICS sent = ROW_COUNT;
	INSERT INTO caredata.national_list_request
		(request_id, requested_at, requested_by, numbers, digest)
	OVERRIDING SYSTEM VALUE
	SELECT request, began, session_user, sent,
		   encode(sha256(convert_to(string_agg(l.line || E'\n', '' ORDER BY l.line COLLATE "C"), 'UTF8')), 'hex')
	  FROM caredata.national_list_lines(request) AS l (line);
	RETURN request;
END
$$;
REVOKE ALL ON FUNCTION caredata.request_national_list() FROM PUBLIC;
COMMENT ON FUNCTION caredata.request_national_list() IS
	'Records a request to the national check for every NHS number in the database, and returns its id: national_list_lines() has the file to send, import_national_list() takes the answer';

-- --- Back -------------------------------------------------------------------

CREATE FUNCTION caredata.import_national_list(
	request integer, max_withheld_percent numeric DEFAULT 20)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	asked     caredata.national_list_request;
	broken    bigint;
	on_list   bigint;
	known     bigint;
BEGIN
	LOCK TABLE caredata.national_list_request IN SHARE ROW EXCLUSIVE MODE;
	LOCK TABLE care_landing.national_list IN ACCESS EXCLUSIVE MODE;

	SELECT r.* INTO asked
	  FROM caredata.national_list_request r
	 WHERE r.request_id = import_national_list.request;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no request % to the national check',
						coalesce(import_national_list.request::text, 'NULL')
			USING ERRCODE = 'no_data_found',
				  HINT = 'national_list_status() lists those that await an answer.';
	END IF;
	IF asked.answered_at IS NOT NULL THEN
		RAISE EXCEPTION 'request % to the national check has been answered', asked.request_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Its numbers are not kept. To check again, make another with request_national_list().';
	END IF;
	IF asked.requested_at <= caredata.national_list_time() THEN
		RAISE EXCEPTION 'a newer national list is in force'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'An older list would let persons be seen who have opted out since.';
	END IF;
	IF now() - asked.requested_at >= caredata.national_list_max_age() THEN
		RAISE EXCEPTION 'request % to the national check is % days old, more than a list may be',
						asked.request_id, extract(day FROM now() - asked.requested_at)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = 'The limit is caredata.national_list_max_age.',
				  HINT = 'Make another with request_national_list(), and send that.';
	END IF;
	IF asked.numbers <> (SELECT count(*) FROM care_identity.national_list_sent s
						  WHERE s.request_id = asked.request_id) THEN
		RAISE EXCEPTION 'the numbers of request % to the national check are not kept any more', asked.request_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Make another with request_national_list(), and send that.';
	END IF;

	SELECT count(*) FILTER (WHERE l.typed IS NULL), count(DISTINCT l.typed)
	  INTO broken, on_list
	  FROM (SELECT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
			  FROM care_landing.national_list n) l;
	IF on_list = 0 THEN
		RAISE EXCEPTION 'the national list is empty'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'COPY the returned file into care_landing.national_list first.';
	END IF;
	IF broken > 0 THEN
		RAISE EXCEPTION 'the national list has % lines without a valid NHS number', broken
			USING ERRCODE = 'invalid_text_representation',
				  HINT = 'The file is damaged or another one; nothing was imported.';
	END IF;

	DELETE FROM care_identity.national_check;
	INSERT INTO care_identity.national_check (nhs_number, allowed, checked_at)
	SELECT s.nhs_number, l.typed IS NOT NULL, asked.requested_at
	  FROM care_identity.national_list_sent s
	  LEFT JOIN (SELECT DISTINCT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
				   FROM care_landing.national_list n) l
		ON l.typed OPERATOR(caredata.=) s.nhs_number
	 WHERE s.request_id = asked.request_id;
	SELECT count(*) INTO known FROM care_identity.national_check c WHERE c.allowed;

	-- no tolerance: the service returns what it was sent, less something
	IF on_list > known THEN
		RAISE EXCEPTION 'the national list has % NHS numbers that request % did not send',
						on_list - known, asked.request_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'The file answers another request, or is damaged; nothing was imported.';
	END IF;
	IF ((asked.numbers - known) * 100 <= asked.numbers * import_national_list.max_withheld_percent) IS NOT TRUE THEN
		RAISE EXCEPTION 'the national list would withhold % of % NHS numbers', asked.numbers - known, asked.numbers
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'More than max_withheld_percent: the file may be cut short, or another one. If it is right, raise the limit.';
	END IF;

	UPDATE caredata.national_list_request r
	   SET answered_at = clock_timestamp(), answered_by = session_user, allowed = known
	 WHERE r.request_id = asked.request_id;
	PERFORM caredata.forget_national_list_numbers();
	TRUNCATE care_landing.national_list;
	-- locks the sets: from here on objections wait, and not before
	PERFORM caredata.refresh_visible_sets();
	RETURN asked.numbers - known;
END
$$;
REVOKE ALL ON FUNCTION caredata.import_national_list(integer, numeric) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_national_list(integer, numeric) IS
	'Puts the cleaned list in care_landing.national_list into force as the answer to a request: a number that was sent and is not on it is withheld. Refuses an empty or damaged list, one with a number that was not sent, an answer that is too old or older than the list in force, and one that withholds more than max_withheld_percent of the numbers. Returns how many it withholds';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker',   'caredata.request_national_list()'),
	('caredata_linker',   'caredata.national_list_lines(integer)'),
	('caredata_linker',   'caredata.import_national_list(integer,numeric)'),
	('caredata_linker',   'caredata.national_list_status()'),
	('caredata_linker',   'caredata.national_list_request'),
	('caredata_loader',   'caredata.import_national_list(integer,numeric)'),
	('caredata_loader',   'caredata.national_list_status()'),
	('caredata_guardian', 'caredata.national_list_status()'),
	('caredata_auditor',  'caredata.national_list_status()'),
	('caredata_auditor',  'caredata.national_list_request');
