-- Fields in the form in which they are compared: names, nicknames, dates of
-- birth, postcodes, sex.
\set VERBOSITY terse
CREATE DATABASE regress_name_standard ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C';
\c regress_name_standard
CREATE EXTENSION caredata;

-- 1. folding
SELECT replace(name, chr(8203), '_') AS name, '<' || caredata.fold_name(name) || '>' AS folded FROM unnest(ARRAY[
	'Smith', 'O''Brien', 'O’Brien', 'O`Brien', 'o´brien', 'Smith-Jones', 'Smith–Jones', 'Smith / Jones',
	'  van   der Berg ', 'St. John', 'José María', 'Nguyễn', 'Łukasz', 'Straße', 'Ægir Ørsted',
	'Đặng', 'Þórður', 'ﬁnn', 'İpek ışık', 'Zo' || chr(8203) || 'e', 'Zoe' || chr(776), 'Ｊｏｈｎ',
	'Ⅳ', 'Иванов', 'Anna Иванова', '''', '-', '']) name;
-- in whatever form the accents come
SELECT caredata.fold_name(normalize(name, NFC)) = caredata.fold_name(normalize(name, NFD)) AS same
FROM unnest(ARRAY['Zoë', 'Nguyễn', 'Łódź', 'Ångström']) name;
-- folding again changes nothing
SELECT bool_and(caredata.fold_name(caredata.fold_name(chr(c))) = caredata.fold_name(chr(c))) AS same,
	bool_and(caredata.fold_name(chr(c)) ~ '^[A-Z0-9 ]*$') AS plain
FROM generate_series(1, 70000) c WHERE c NOT BETWEEN 55296 AND 57343;
SELECT length(caredata.fold_name(repeat('ß''', 10000)));
-- marks by the thousand, in the order that is worst to sort
SELECT caredata.fold_name('e' || repeat(chr(833) || chr(817), 100000));
SELECT caredata.standard_name(repeat('Mr ', 9000) || 'Smith' || repeat(' jr', 9000), 'family');

-- 2. the standard form: titles off, unless nothing else is there
SELECT name, caredata.standard_name(name, 'given') AS given, caredata.standard_name(name, 'family') AS family
FROM unnest(ARRAY['Mr. John', 'MR', 'Lady', 'Dr Mary-Ann Jr.', 'Rev Dr Smith', 'Smith Esq OBE', 'Junior',
	'Baby', 'Baby Girl', 'Mr Baby', 'Twin 1', 'unknown', 'UNKNOWN.', 'Not Known', 'Null', 'Xxx', 'X',
	'Иванов', '', '?']) name;
SELECT caredata.standard_name('John', 'middle');
SELECT caredata.standard_name(NULL, 'given') IS NULL AND caredata.standard_name('John', NULL) IS NULL AS ok;

-- 3. the lists are data; a statement sees them as they are
INSERT INTO caredata.name_title VALUES ('SGT', 'before', 'the test');
INSERT INTO caredata.junk_name VALUES ('BED FOUR', 'given', 'the test');
SELECT caredata.standard_name('Sgt Pepper', 'family'), caredata.standard_name('Bed Four', 'given'),
	caredata.standard_name('Bed Four', 'family');
PREPARE standard AS SELECT caredata.standard_name('Corporal Jones', 'family');
EXECUTE standard;
INSERT INTO caredata.name_title VALUES ('CORPORAL', 'before', 'the test');
EXECUTE standard;
INSERT INTO caredata.name_title VALUES ('Cpl', 'before', 'the test');
INSERT INTO caredata.junk_name VALUES ('', 'given', 'the test');

-- 4. nicknames
SELECT caredata.given_name_variants('Rob');
SELECT caredata.import_nicknames(E'robert,bob,Rob,rob\nElizabeth,Liz,Beth,,\r\nrob,robbie\n\n,nobody\nsame,Same\n"quoted",x1\n', 'the test');
SELECT * FROM caredata.nickname ORDER BY name, nickname;
SELECT caredata.import_nicknames('robert,bob,bert', 'another');
SELECT caredata.given_name_variants('Rob') AS rob, caredata.given_name_variants('Bob') AS bob,
	caredata.given_name_variants('liz') AS liz, caredata.given_name_variants('Zed') AS zed,
	caredata.given_name_variants('?') AS none;
-- anybody may use the functions that tell nothing, only the roles these
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT caredata.standard_name('Mr Smith', 'family');
SELECT caredata.given_name_variants('Rob');
SELECT caredata.import_nicknames('robert,bob', 'x');
SELECT caredata.birth_date_quality('1950-01-01', '2026-01-01');
SELECT count(*) FROM caredata.nickname;
RESET ROLE;
DROP ROLE regress_nobody;

-- 5. dates of birth
SET datestyle = 'ISO, DMY';
SELECT d AS date_of_birth, caredata.birth_date_quality(d, '2026-11-22'), caredata.swapped_day_and_month(d) AS swapped
FROM unnest('{1900-01-01,1800-01-01,1950-01-01,1950-03-04,1894-12-31,1895-01-01,1895-01-02,2026-11-22,2026-11-23,1950-05-05,1950-03-13,infinity,-infinity}'::date[]) d;
SELECT caredata.birth_date_quality('1990-05-05', '2026-01-01', '2000-01-01') AS too_early;

-- 6. postcodes and sex
SELECT code, caredata.try_postcode(code) AS read, caredata.mend_postcode(code) AS mended
FROM unnest(ARRAY['LS1 4AP', 'LS1 OAP', '0X1OAA', 'HAO 1AA', 'S01 4AP', 'S014 3AA', 'LS1 4AO', 'ZZ99 3VZ', 'ZZ99 OVZ', '', 'OOOOOOO']) code;
SELECT sex, caredata.standard_sex(sex) FROM unnest(ARRAY['1', 'M', 'female', '9', '0', 'X', '3', '', 'what']) sex;

\c postgres
DROP DATABASE regress_name_standard;
