-- ---------------------------------------------------------------------------
-- What conditions of analysts and BI tools become under row security, where
-- only leakproof ones reach an index: src/spelling.c. These functions compare
-- a date with a moment by the date that the moment falls on.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.first_date_from(moment timestamp without time zone) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_first_date_from_timestamp';
COMMENT ON FUNCTION caredata.first_date_from(timestamp without time zone) IS
	'The first date whose midnight is not before the moment';

CREATE FUNCTION caredata.first_date_from(moment timestamp with time zone) RETURNS date
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_first_date_from_timestamptz';
COMMENT ON FUNCTION caredata.first_date_from(timestamp with time zone) IS
	'The first date whose midnight in the session''s time zone is not before the moment';

CREATE FUNCTION caredata.last_date_until(moment timestamp without time zone) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_last_date_until_timestamp';
COMMENT ON FUNCTION caredata.last_date_until(timestamp without time zone) IS
	'The last date whose midnight is not after the moment';

CREATE FUNCTION caredata.last_date_until(moment timestamp with time zone) RETURNS date
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_last_date_until_timestamptz';
COMMENT ON FUNCTION caredata.last_date_until(timestamp with time zone) IS
	'The last date whose midnight in the session''s time zone is not after the moment';

