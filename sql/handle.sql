
-- ---------------------------------------------------------------------------
-- Handle: a reference to a release whose values only the extension can make.
-- src/handle.c says why.
-- ---------------------------------------------------------------------------

CREATE TYPE caredata.release_ref;

CREATE FUNCTION caredata.release_ref_in(cstring) RETURNS caredata.release_ref
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_release_ref_in';
COMMENT ON FUNCTION caredata.release_ref_in(cstring) IS
	'Input of a release handle; refused to everybody but superusers';

CREATE FUNCTION caredata.release_ref_out(caredata.release_ref) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_release_ref_out';
COMMENT ON FUNCTION caredata.release_ref_out(caredata.release_ref) IS
	'Output of a release handle: the number of the release';

CREATE FUNCTION caredata.release_ref_recv(internal) RETURNS caredata.release_ref
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_release_ref_recv';
COMMENT ON FUNCTION caredata.release_ref_recv(internal) IS
	'Binary input of a release handle; refused to everybody but superusers';

CREATE FUNCTION caredata.release_ref_send(caredata.release_ref) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_release_ref_send';
COMMENT ON FUNCTION caredata.release_ref_send(caredata.release_ref) IS
	'Binary output of a release handle';

-- No operator class, operator or cast, on purpose: nothing may yield a handle.
CREATE TYPE caredata.release_ref (
	INPUT = caredata.release_ref_in,
	OUTPUT = caredata.release_ref_out,
	RECEIVE = caredata.release_ref_recv,
	SEND = caredata.release_ref_send,
	INTERNALLENGTH = 4,
	PASSEDBYVALUE,
	ALIGNMENT = int4,
	STORAGE = plain
);
COMMENT ON TYPE caredata.release_ref IS
	'Handle of a release: stands in the release''s views and policies, and can be made by nobody else';

-- Without USAGE nobody can make a column, attribute, domain, range, function,
-- cast or operator of the type, and so cannot have another value re-labelled.
REVOKE ALL ON TYPE caredata.release_ref FROM PUBLIC;
