-- ---------------------------------------------------------------------------
-- Codes of names that sound alike. NULL for a name without a letter of the
-- Latin alphabet: two such names are not one. Which rule of Soundex is meant
-- matters: contrib's fuzzystrmatch has that of soundex_sql().
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.soundex(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_soundex_text';
COMMENT ON FUNCTION caredata.soundex(text) IS
	'Soundex by the standard rule: letters of one code with H or W between them count once (Ashcraft is A261)';

CREATE FUNCTION caredata.soundex_sql(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_soundex_sql_text';
COMMENT ON FUNCTION caredata.soundex_sql(text) IS
	'Soundex by the rule of SQL databases: letters of one code with H or W between them count twice (Ashcraft is A226)';

CREATE FUNCTION caredata.nysiis(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nysiis_text';
COMMENT ON FUNCTION caredata.nysiis(text) IS
	'Code of the New York State Identification and Intelligence System, not cut to six letters';

CREATE FUNCTION caredata.double_metaphone(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_double_metaphone_text';
COMMENT ON FUNCTION caredata.double_metaphone(text) IS
	'Double Metaphone, the primary code, up to four letters; 0 stands for th';

CREATE FUNCTION caredata.double_metaphone_alternate(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_double_metaphone_alternate_text';
COMMENT ON FUNCTION caredata.double_metaphone_alternate(text) IS
	'Double Metaphone, the other code that the name may have, often the same';

CREATE FUNCTION caredata.match_rating_codex(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_match_rating_codex_text';
COMMENT ON FUNCTION caredata.match_rating_codex(text) IS
	'Codex of the match rating approach: consonants, of more than six the first and last three';

CREATE FUNCTION caredata.match_rating_comparison(a text, b text) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_match_rating_comparison_text';
COMMENT ON FUNCTION caredata.match_rating_comparison(text, text) IS
	'Whether two names sound alike by the match rating approach; NULL where their codices differ by three letters or more and are not compared';

