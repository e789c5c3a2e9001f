-- caredata.try_*(text): landed fields as typed values, NULL where they are
-- none, never an error. The grammars in full are tested in test/unit.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_field;
\c regress_field
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;
SET DateStyle = 'SQL, MDY';		-- must not matter for reading
\pset null '(null)'

-- ---------------------------------------------------------------------------
-- Numbers: read as the cast reads them, up to both ends
-- ---------------------------------------------------------------------------
SELECT f, try_smallint(f), try_integer(f), try_bigint(f), try_float8(f)
FROM unnest(ARRAY['0', ' 42 ', '-7', '+7', '007', '32767', '32768', '-32768',
	'-32769', '2147483647', '2147483648', '-2147483648', '-2147483649',
	'9223372036854775807', '9223372036854775808', '-9223372036854775808',
	'-9223372036854775809', '1.0', '1e3', '1,000', '-', '', ' ', 'NA', 'NaN',
	'Infinity', '1e400', '.5', '0x1F', '1_000']) AS f;
SELECT count(*) AS tried,
	   count(*) FILTER (WHERE try_smallint(n::text) IS DISTINCT FROM n) AS wrong
FROM generate_series(-32768, 32767) AS n;
SELECT count(*) AS wrong FROM (SELECT (0.1 + n / 7.0)::float8 AS x
							   FROM generate_series(-1000, 1000) AS n) AS s
WHERE try_float8(x::text) IS DISTINCT FROM x;

-- ---------------------------------------------------------------------------
-- Booleans
-- ---------------------------------------------------------------------------
SELECT try_boolean(f), string_agg(quote_literal(f), ' ' ORDER BY position) AS fields
FROM unnest(ARRAY['1', 'y', 'Y', 'yes', 'T', 'true', ' TRUE ', '0', 'n', 'No',
	'F', 'false', '', '2', 'on', 'off', 'NA']) WITH ORDINALITY AS u (f, position)
GROUP BY 1 ORDER BY 1;

-- ---------------------------------------------------------------------------
-- Dates and times
-- ---------------------------------------------------------------------------
SELECT count(*) AS days,
	   count(*) FILTER (WHERE try_date(to_char(d, 'YYYY-MM-DD')) IS DISTINCT FROM d::date
						   OR try_date(to_char(d, 'YYYYMMDD')) IS DISTINCT FROM d::date
						   OR try_date(to_char(d, 'DD/MM/YYYY')) IS DISTINCT FROM d::date
						   OR try_date(to_char(d, 'DD-MM-YYYY')) IS DISTINCT FROM d::date
						   OR try_date(to_char(d, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) IS DISTINCT FROM d::date)
	   AS wrong
FROM generate_series(timestamp '1800-01-01 12:34', timestamp '2200-12-31 12:34', '1 day') AS d;
SELECT f, to_char(try_date(f), 'YYYY-MM-DD') AS date
FROM unnest(ARRAY['2017-06-30', '20170630', '30/06/2017', '30-06-2017',
	' 2017-06-30 ', '2017-06-30 00:00:00', '2017-06-30T12:34:56.789+01:00',
	'29/02/2016', '29/02/2017', '31/04/2017', '06/30/2017', '1799-12-31',
	'2201-01-01', '1/6/2017', '30/06/17', '30 Jun 2017', '2017-06-30x',
	'2017-06-30 25:00', '2017', 'infinity', 'today', '', ' ', 'NULL']) AS f;
SELECT f, try_time(f)
FROM unnest(ARRAY['00:00', '23:59:59', '0913', '091322', '09:13:22.123456789',
	'2015-09-24 09:13:22', '2015-09-24T09:13:22Z', '24:00', '12:60', '12:34:60',
	'913', '9:13', '2015-09-24', '2015-02-30 09:13', 'now', '', ' ']) AS f;
SELECT count(*) AS seconds,
	   count(*) FILTER (WHERE try_time(t::time::text) IS DISTINCT FROM t::time
						   OR try_time(to_char(t, 'HH24MISS')) IS DISTINCT FROM t::time)
	   AS wrong
FROM generate_series(timestamp '2000-01-01', timestamp '2000-01-01 23:59:59', '1 second') AS t;

-- ---------------------------------------------------------------------------
-- Text: max counts characters, not bytes
-- ---------------------------------------------------------------------------
SELECT try_text('  a b  ', 3) AS trimmed, try_text('a b', 2) AS too_long,
	   try_text('   ', 3) AS blank, try_text('', 3) AS empty,
	   try_text('abc', 3) AS fits, try_text('Łéß', 3) AS characters,
	   try_text('Łéßx', 3) AS too_many, try_text('a', 0) AS no_room,
	   try_text('a', -1) AS less_than_none;
SELECT count(*) AS tried, count(try_text('a' || chr(c) || 'b', 3)) AS kept
FROM generate_series(1, 31) AS c;
SELECT try_text('a' || chr(127) || 'b', 3) AS delete, try_text(E'\ta\r\n', 3) AS around;
SELECT length(try_text(repeat('x', 100000), 100000));
SELECT try_text(f, 100) = f AS unchanged FROM (SELECT repeat('y', 20) AS f) AS s;

-- ---------------------------------------------------------------------------
-- Codes
-- ---------------------------------------------------------------------------
SELECT format, f, try_code(f, format)
FROM (VALUES
	('icd10', 'J46'), ('icd10', 'j03.9'), ('icd10', 'R69X'), ('icd10', 'M0590'),
	('icd10', 'G63.2A'), ('icd10', 'J4'), ('icd10', 'NA'),
	('opcs4', 'K47.1'), ('opcs4', 'k49'), ('opcs4', '-'),
	('ods', 'a81001'), ('ods', '00K'), ('ods', 'RX'),
	('lsoa', 'E01000001'), ('lsoa', '95AA01S1'), ('lsoa', 'E02000001'),
	('snomed', '827241000000103'), ('snomed', '827241000000104'),
	('snomed', '8.27241E+14'),
	('clinical', '9Nu0.'), ('clinical', '9Nu0'), ('clinical', '9Nu0.00'),
	('clinical', '9nu0.'), ('clinical', 'XaZ89'), ('clinical', '827241000000103'),
	('clinical', '9 Nu0'),
	('sex', 'Male'), ('sex', 'f'), ('sex', '9'), ('sex', 'Not known'), ('sex', '3'),
	('ethnic_category', 'a'), ('ethnic_category', '99'), ('ethnic_category', 'I'))
	AS v (format, f);
-- case tells Read codes apart, so it is kept
SELECT try_code('9Nu0.', 'clinical') = try_code('9nu0.', 'clinical') AS same;
-- what is stored is read again as itself
SELECT count(*) AS wrong
FROM (SELECT try_code(chr(65 + l) || to_char(n, 'FM00') || c, 'icd10') AS code
	  FROM generate_series(0, 25) AS l, generate_series(0, 99) AS n,
		   unnest(ARRAY['', 'X', '-', '0', '9', '.4', '.90', '.9D']) AS c) AS s
WHERE code IS NULL OR length(code) <> 4 OR try_code(code, 'icd10') IS DISTINCT FROM code;
-- a format that does not exist is a mistake in the catalogue, not in the file
SELECT try_code('J46', 'icd11');
SELECT try_code('J46', NULL) IS NULL AS null_is_null;

-- ---------------------------------------------------------------------------
-- Nothing raises, whatever the field holds
-- ---------------------------------------------------------------------------
CREATE TABLE dirt (f text);
INSERT INTO dirt VALUES ('') , (' '), (E'\t\r\n'), (E'\x01'), ('\N'), ('NULL'),
	('''; DROP TABLE dirt; --'), ('💉'), ('٣٤'), ('９'), (repeat('9', 100000)),
	(repeat(' ', 100000)), (repeat('é', 100000)), ('1' || repeat('0', 400)),
	('-'), ('+'), ('.'), ('/'), (':'), ('e'), ('T'), ('Z'), ('--'), ('1e'),
	('0000-00-00'), ('9999-99-99'), ('00/00/0000'), ('99:99:99'), ('{}'), ('[]');
INSERT INTO dirt SELECT left('2017-06-30 12:34:56.5+01:00', n) || chr(c)
FROM generate_series(0, 27) AS n, generate_series(32, 300) AS c;
SELECT count(*) AS fields, count(try_smallint(f)) + count(try_integer(f)) +
	   count(try_bigint(f)) + count(try_float8(f)) + count(try_boolean(f)) +
	   count(try_date(f)) + count(try_time(f)) + count(try_text(f, 20)) +
	   count(try_code(f, 'icd10')) + count(try_code(f, 'opcs4')) +
	   count(try_code(f, 'ods')) + count(try_code(f, 'lsoa')) +
	   count(try_code(f, 'snomed')) + count(try_code(f, 'clinical')) +
	   count(try_code(f, 'sex')) + count(try_code(f, 'ethnic_category')) +
	   count(try_nhs_number(f)) + count(try_postcode(f)) > 0 AS no_error
FROM dirt;
SELECT try_smallint(NULL), try_date(NULL), try_text(NULL, 3), try_text('a', NULL);

-- ---------------------------------------------------------------------------
-- How they are declared: a load runs them in parallel and as one expression
-- ---------------------------------------------------------------------------
SELECT proname, provolatile, proisstrict, proparallel
FROM pg_proc
WHERE pronamespace = 'caredata'::regnamespace
  AND proname IN ('try_bigint', 'try_boolean', 'try_code', 'try_date',
				  'try_float8', 'try_integer', 'try_nhs_number', 'try_postcode',
				  'try_smallint', 'try_text', 'try_time')
ORDER BY proname;

\c postgres
DROP DATABASE regress_field;
