-- ---------------------------------------------------------------------------
-- Disclosure control: what may be published of a count. One function for now.
-- ---------------------------------------------------------------------------

-- Counts of people below national level, as NHS England publishes HES since
-- 13 September 2018: 0 is shown, 1 to 7 are not, all others are rounded to
-- the nearest 5 (no count is half-way between two). Anything that cannot be a
-- count is not shown.
CREATE FUNCTION caredata.disclosed_count(people bigint) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE
		WHEN people = 0 THEN '0'
		WHEN people < 8 THEN '*'
		ELSE (people - people % 5 + CASE WHEN people % 5 > 2 THEN 5 ELSE 0 END)::text
		END;
COMMENT ON FUNCTION caredata.disclosed_count(bigint) IS
	'A count of people as it may be published, by the HES rule for figures below national level: 0, * for 1 to 7, else rounded to the nearest 5. Round each total from its true value';

