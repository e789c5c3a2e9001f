-- ---------------------------------------------------------------------------
-- The national data opt-out list.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.national_list (
	list_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	requested_at  timestamptz NOT NULL,
	imported_at   timestamptz NOT NULL,
	imported_by   name NOT NULL,
	numbers       bigint NOT NULL,
	allowed       bigint NOT NULL,
	unknown       bigint NOT NULL
);
COMMENT ON TABLE caredata.national_list IS
	'Imports of the cleaned national data opt-out list; the newest one is in force';
COMMENT ON COLUMN caredata.national_list.requested_at IS
	'When the numbers were sent for checking; the age of the list counts from here';
COMMENT ON COLUMN caredata.national_list.numbers IS
	'NHS numbers in the database at the import; those not on the list are withheld';
COMMENT ON COLUMN caredata.national_list.unknown IS
	'Numbers on the list that the database does not hold; ignored';
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list', '');
SELECT pg_catalog.pg_extension_config_dump('caredata.national_list_list_id_seq', '');

CREATE FUNCTION caredata.national_list_request() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT DISTINCT i.nhs_number::text || ','
	  FROM care_identity.identity i
	 WHERE i.nhs_number IS NOT NULL
	 ORDER BY 1;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_request() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_request() IS
	'Lines of the file to send to the national check: every NHS number in the database, a comma after each';

CREATE FUNCTION caredata.import_national_list(
	requested_at timestamptz, max_withheld_percent numeric DEFAULT 20)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
	broken      bigint;
	on_list     bigint;
	known       bigint;
	numbers     bigint;
	latest      timestamptz;
	list        integer;
BEGIN
	PERFORM caredata.lock_visible_sets();
	LOCK TABLE care_landing.national_list IN ACCESS EXCLUSIVE MODE;

	SELECT max(l.requested_at) INTO latest FROM caredata.national_list l;
	IF import_national_list.requested_at IS NULL
	   OR import_national_list.requested_at > clock_timestamp()
	   OR NOT isfinite(import_national_list.requested_at) THEN
		RAISE EXCEPTION 'the time of the request must be known and past'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the time at which the numbers were sent; the age of the list counts from it.';
	END IF;
	IF import_national_list.requested_at < latest THEN
		RAISE EXCEPTION 'a newer national list is in force'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'An older list would let persons be seen who have opted out since.';
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
	SELECT i.nhs_number, l.typed IS NOT NULL, import_national_list.requested_at
	  FROM (SELECT DISTINCT nhs_number FROM care_identity.identity
			 WHERE nhs_number IS NOT NULL) i
	  LEFT JOIN (SELECT DISTINCT caredata.try_nhs_number(rtrim(n.nhs_number, E', \t\r')) AS typed
				   FROM care_landing.national_list n) l
		ON l.typed OPERATOR(caredata.=) i.nhs_number;

	SELECT count(*), count(*) FILTER (WHERE c.allowed)
	  INTO numbers, known
	  FROM care_identity.national_check c;
	IF (numbers - known) * 100 > numbers * import_national_list.max_withheld_percent THEN
		RAISE EXCEPTION 'the national list would withhold % of % NHS numbers', numbers - known, numbers
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'More than max_withheld_percent: the file may be cut short, or another one. If it is right, raise the limit.';
	END IF;

	INSERT INTO caredata.national_list AS l
		(requested_at, imported_at, imported_by, numbers, allowed, unknown)
	VALUES (import_national_list.requested_at, now(), session_user,
			numbers, known, on_list - known)
	RETURNING l.list_id INTO list;

	TRUNCATE care_landing.national_list;
	PERFORM caredata.refresh_visible_sets();
	RETURN list;
END
$$;
REVOKE ALL ON FUNCTION caredata.import_national_list(timestamptz, numeric) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_national_list(timestamptz, numeric) IS
	'Puts the cleaned list in care_landing.national_list into force: a number that is not on it is withheld. Refuses an empty, damaged or older list, and one that withholds more than max_withheld_percent of the numbers';

CREATE FUNCTION caredata.national_list_status()
RETURNS TABLE (requested_at timestamptz, imported_at timestamptz, age interval,
			   max_age interval, fresh boolean, numbers bigint, withheld bigint,
			   not_checked bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT l.requested_at, l.imported_at, now() - l.requested_at,
		   current_setting('caredata.national_list_max_age')::interval,
		   now() - l.requested_at <= current_setting('caredata.national_list_max_age')::interval,
		   l.numbers, l.numbers - l.allowed,
		   (SELECT count(DISTINCT i.nhs_number)
			  FROM care_identity.identity i
			 WHERE NOT EXISTS (SELECT FROM care_identity.national_check c
								WHERE c.nhs_number OPERATOR(caredata.=) i.nhs_number))
	  FROM caredata.national_list l
	 ORDER BY l.requested_at DESC, l.list_id DESC
	 LIMIT 1;
END
$$;
REVOKE ALL ON FUNCTION caredata.national_list_status() FROM PUBLIC;
COMMENT ON FUNCTION caredata.national_list_status() IS
	'The national list in force: its age against the limit, numbers withheld, and numbers that have come since and are withheld until the next list; no row before the first list';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_guardian', 'caredata.national_list_status()'),
	('caredata_loader',   'caredata.import_national_list(timestamp with time zone,numeric)'),
	('caredata_loader',   'caredata.national_list_status()'),
	('caredata_linker',   'caredata.national_list_request()'),
	('caredata_linker',   'caredata.import_national_list(timestamp with time zone,numeric)'),
	('caredata_linker',   'caredata.national_list_status()'),
	('caredata_auditor',  'caredata.national_list_status()');
