-- ---------------------------------------------------------------------------
-- How alike two texts are. Characters are code points and case counts, so
-- standardise first; texts have up to 1,024 characters. Contrib's fuzzystrmatch
-- has a levenshtein of its own, and soundex by another rule: where both are
-- installed, write caredata.levenshtein().
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.jaro(a text, b text) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_jaro';
COMMENT ON FUNCTION caredata.jaro(text, text) IS
	'Jaro similarity from 0 to 1: characters in common that are near each other, and how many of them are in order. An empty text is like nothing';

CREATE FUNCTION caredata.jaro_winkler(a text, b text) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_jaro_winkler';
COMMENT ON FUNCTION caredata.jaro_winkler(text, text) IS
	'Jaro similarity, and where it is above 0.7 a tenth of what is missing for each of the first four characters that agree';

CREATE FUNCTION caredata.levenshtein(a text, b text) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_levenshtein';
COMMENT ON FUNCTION caredata.levenshtein(text, text) IS
	'How many characters must be inserted, deleted or replaced to turn one text into the other';

CREATE FUNCTION caredata.levenshtein_bounded(a text, b text, bound integer) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_levenshtein_bounded';
COMMENT ON FUNCTION caredata.levenshtein_bounded(text, text, integer) IS
	'The Levenshtein distance if it is at most bound, otherwise bound + 1, and then sooner';

CREATE FUNCTION caredata.damerau_levenshtein(a text, b text) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 3
	AS 'MODULE_PATHNAME', 'caredata_damerau_levenshtein';
COMMENT ON FUNCTION caredata.damerau_levenshtein(text, text) IS
	'Levenshtein distance in which two neighbours exchanged count as one edit, also where more is inserted between them (unrestricted: CA to ABC is 2)';

CREATE FUNCTION caredata.damerau_levenshtein_bounded(a text, b text, bound integer)
	RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'caredata_damerau_levenshtein_bounded';
COMMENT ON FUNCTION caredata.damerau_levenshtein_bounded(text, text, integer) IS
	'The unrestricted Damerau-Levenshtein distance if it is at most bound, otherwise bound + 1, and then sooner';

CREATE FUNCTION caredata.optimal_string_alignment(a text, b text) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_optimal_string_alignment';
COMMENT ON FUNCTION caredata.optimal_string_alignment(text, text) IS
	'Levenshtein distance in which two neighbours exchanged count as one edit, if nothing else happens to them (restricted: CA to ABC is 3)';

CREATE FUNCTION caredata.optimal_string_alignment_bounded(a text, b text, bound integer)
	RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_optimal_string_alignment_bounded';
COMMENT ON FUNCTION caredata.optimal_string_alignment_bounded(text, text, integer) IS
	'The restricted distance if it is at most bound, otherwise bound + 1, and then sooner';

