-- ---------------------------------------------------------------------------
-- Who is asking, and what takes two people.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.requester() RETURNS name[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_requester';
REVOKE ALL ON FUNCTION caredata.requester() FROM PUBLIC;
COMMENT ON FUNCTION caredata.requester() IS
	'Session user, and the role it acts as if that is another: who asks, seen from inside a SECURITY DEFINER function';

-- What takes two people: neither the login nor the role it acts as may have
-- asked for what they now decide.
CREATE FUNCTION caredata.require_another_person(asked_by name[], deed text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF asked_by && caredata.requester() THEN
		RAISE EXCEPTION '% by who asked for it', deed
			USING ERRCODE = 'insufficient_privilege',
				  DETAIL = 'Neither the login nor the role it acts as may have made the request.',
				  HINT = 'Another person has to do it, with a login of their own.';
	END IF;
END
$body$;
REVOKE ALL ON FUNCTION caredata.require_another_person(name[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.require_another_person(name[], text) IS
	'Raises where the caller''s login or acting role is among those who asked; the second argument says what cannot be done';
