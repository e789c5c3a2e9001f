-- ---------------------------------------------------------------------------
-- Date shift: all dates of a person moved by the same secret number of days,
-- another for every person and every release. docs/reference-pseudonyms.md
-- says what it keeps and what it does not hide.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.shifted_date(day date, person_id integer,
									  release caredata.release_ref)
	RETURNS date
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_shifted_date';
REVOKE ALL ON FUNCTION caredata.shifted_date(date, integer, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.shifted_date(date, integer, caredata.release_ref) IS
	'A date moved by 1 to 180 days back or on, by a step that is constant for a person and release, so that intervals are kept; for members of the release''s reader role, through its views';

