-- ---------------------------------------------------------------------------
-- Fields: a landed field of text as a typed value, NULL where it is not one.
-- A load calls these once per field, so none raises and none allocates more
-- than its result.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.try_smallint(text) RETURNS smallint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_smallint';
COMMENT ON FUNCTION caredata.try_smallint(text) IS
	'Whole number from -32768 to 32767, or NULL where the text is not one; never raises';

CREATE FUNCTION caredata.try_integer(text) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_integer';
COMMENT ON FUNCTION caredata.try_integer(text) IS
	'Whole number of 32 bits, or NULL where the text is not one; never raises';

CREATE FUNCTION caredata.try_bigint(text) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_bigint';
COMMENT ON FUNCTION caredata.try_bigint(text) IS
	'Whole number of 64 bits, or NULL where the text is not one; never raises';

CREATE FUNCTION caredata.try_float8(text) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_float8';
COMMENT ON FUNCTION caredata.try_float8(text) IS
	'Decimal number, or NULL where the text is not one or out of range; never raises';

CREATE FUNCTION caredata.try_boolean(text) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_boolean';
COMMENT ON FUNCTION caredata.try_boolean(text) IS
	'1, Y, T, yes, true or 0, N, F, no, false in either case; NULL for anything else; never raises';

CREATE FUNCTION caredata.try_date(text) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_date';
COMMENT ON FUNCTION caredata.try_date(text) IS
	'Date of the years 1800 to 2200 as YYYY-MM-DD, YYYYMMDD, DD/MM/YYYY or DD-MM-YYYY, a time after it left aside; NULL for anything else; never raises';

CREATE FUNCTION caredata.try_time(text) RETURNS time without time zone
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_time';
COMMENT ON FUNCTION caredata.try_time(text) IS
	'Time of day as HH:MM, HH:MM:SS, HHMM or HHMMSS, a date before it left aside; NULL for anything else; never raises';

CREATE FUNCTION caredata.try_text(text, max integer) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_text';
COMMENT ON FUNCTION caredata.try_text(text, integer) IS
	'Text without white space around it; NULL where it is empty, has more than max characters or a control character; never raises';

CREATE FUNCTION caredata.try_code(text, format text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_code';
COMMENT ON FUNCTION caredata.try_code(text, text) IS
	'Code in its stored form, or NULL where the text is not of the format: icd10, opcs4, ods, lsoa, snomed, clinical, sex, ethnic_category; raises only for another format';
