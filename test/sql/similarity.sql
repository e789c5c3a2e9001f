-- How alike two texts are, and codes of names that sound alike. The algorithms
-- are tested in test/unit, and against files of vectors in test/t; here are
-- the functions around them.
\set VERBOSITY terse
CREATE DATABASE regress_similarity ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C';
\c regress_similarity
CREATE EXTENSION caredata;

-- 1. examples that papers and manuals agree on
SELECT a, b, round(caredata.jaro(a, b)::numeric, 6) AS jaro,
	round(caredata.jaro_winkler(a, b)::numeric, 6) AS jaro_winkler,
	caredata.levenshtein(a, b), caredata.damerau_levenshtein(a, b) AS damerau,
	caredata.optimal_string_alignment(a, b) AS alignment
FROM (VALUES ('MARTHA', 'MARHTA'), ('DWAYNE', 'DUANE'), ('DIXON', 'DICKSONX'),
	('CA', 'ABC'), ('kitten', 'sitting'), ('', 'a'), ('', '')) v(a, b);

-- 2. 0.7 and a last bit is more than 0.7, so the first letter counts
SELECT caredata.jaro('WEISER', 'WHITE') > 0.7 AS above,
	caredata.jaro('WEISER', 'WHITE') - 0.7 < 1e-15 AS just,
	round(caredata.jaro_winkler('WEISER', 'WHITE')::numeric, 6);

-- 3. the score of the Master Person Service's handbook is 100 times it
SELECT a, b, round(100 * caredata.jaro_winkler(a, b)) AS score
FROM (VALUES ('Jon', 'James'), ('Smith-Jones', 'Smith'), ('Z@e', 'Zoe'),
	('@ Briain', 'O Briain'), ('@ Briain', 'Briain'), ('John', 'Jon'), ('Adams', 'Dan')) v(a, b);

-- 4. characters, not bytes; an accent is another character; case counts
SELECT caredata.levenshtein('Zoë', 'Zoe'), caredata.levenshtein('Łódź', 'Lodz'),
	caredata.damerau_levenshtein('ëZ', 'Zë'), caredata.levenshtein('a', 'A'),
	caredata.jaro('Müller', 'Muller') = caredata.jaro('Mxller', 'Muller') AS same;

-- 5. bounded: the distance, or one more than the bound
SELECT bound, caredata.levenshtein_bounded('kitten', 'sitting', bound) AS levenshtein,
	caredata.damerau_levenshtein_bounded('CA', 'ABC', bound) AS damerau,
	caredata.optimal_string_alignment_bounded('CA', 'ABC', bound) AS alignment
FROM unnest('{0,1,2,3,4,2147483647}'::integer[]) bound;
SELECT caredata.levenshtein_bounded('a', 'b', -1);

-- 6. up to 1,024 characters, however many bytes; the message has none of them
SELECT caredata.levenshtein(repeat('é', 1024), repeat('e', 1024)),
	caredata.jaro(repeat('a', 1024), repeat('a', 1024)),
	caredata.damerau_levenshtein(repeat('ab', 512), repeat('ba', 512)) AS damerau;
SELECT caredata.jaro(repeat('é', 1025), '');
SELECT caredata.optimal_string_alignment('', repeat('x', 10000));
SELECT caredata.levenshtein(repeat('x', 10000000), 'x');

-- 7. NULL gives NULL
SELECT caredata.jaro_winkler(NULL, 'a') IS NULL AND caredata.levenshtein('a', NULL) IS NULL
	AND caredata.match_rating_comparison(NULL, 'a') IS NULL AS ok;

-- 8. phonetic codes
SELECT name, caredata.soundex(name), caredata.soundex_sql(name), caredata.nysiis(name),
	caredata.double_metaphone(name) AS metaphone,
	caredata.double_metaphone_alternate(name) AS alternate, caredata.match_rating_codex(name) AS codex
FROM unnest(ARRAY['Ashcraft', 'SMITH', 'Schmidt', 'O''Hara', 'Çáŕẗéř', 'Frédéric', 'Ægir', 'straße', 'ñandú']) name;
-- no letter of the Latin alphabet, no code; but an empty text has an empty one
SELECT name, caredata.soundex(name), caredata.soundex_sql(name), caredata.nysiis(name),
	caredata.double_metaphone(name) AS metaphone, caredata.match_rating_codex(name) AS codex
FROM unnest(ARRAY['Иванов', '中', '', '¿']) name;
SELECT a, b, caredata.match_rating_comparison(a, b)
FROM (VALUES ('Byrne', 'Boern'), ('Catherine', 'Kathryn'), ('Michael', 'Mike'), ('Tim', 'Timothy'), ('中', '中')) v(a, b);
SELECT length(caredata.nysiis(repeat('Pedersen', 2000))), caredata.double_metaphone(repeat('x', 65536)) AS metaphone;
SELECT caredata.match_rating_codex('f' || repeat(chr(833) || chr(817), 100000) || 'x') AS codex;

-- 9. beside contrib's functions of the same names
CREATE SCHEMA contrib;
CREATE EXTENSION fuzzystrmatch SCHEMA contrib;
SET search_path = contrib, caredata;
SELECT soundex('Ashcraft'), caredata.soundex('Ashcraft'), soundex('Ashcraft') = soundex_sql('Ashcraft') AS same_rule,
	levenshtein('a', 'b'), caredata.levenshtein('a', 'b');
RESET search_path;

-- 10. the same in databases of other encodings
\c postgres
CREATE DATABASE regress_similarity_latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C';
\c regress_similarity_latin
SET client_encoding = 'UTF8';
CREATE EXTENSION caredata;
SELECT caredata.levenshtein('Zoë', 'Zoe'), caredata.soundex('Éémile'), caredata.match_rating_codex('Frédéric') AS codex,
	caredata.fold_name('O´Brien-Müller'), caredata.nysiis('ç');
\c postgres
DROP DATABASE regress_similarity_latin;
CREATE DATABASE regress_similarity_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C';
\c regress_similarity_ascii
CREATE EXTENSION caredata;
-- bytes without an encoding are UTF-8 or nothing
SELECT caredata.levenshtein(convert_from('\x5a6fc3ab', 'SQL_ASCII'), 'Zoe'),
	caredata.fold_name(convert_from('\x5a6fc3ab', 'SQL_ASCII'));
SELECT caredata.levenshtein(convert_from('\x5a6feb', 'SQL_ASCII'), 'Zoe');
SELECT caredata.fold_name(convert_from('\x5a6fc3', 'SQL_ASCII'));
SELECT caredata.soundex(convert_from('\xff', 'SQL_ASCII'));
\c postgres
DROP DATABASE regress_similarity_ascii;
DROP DATABASE regress_similarity;
