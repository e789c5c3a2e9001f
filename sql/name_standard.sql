-- ---------------------------------------------------------------------------
-- Fields in the form in which they are compared, the same in every locale and
-- encoding: names, dates of birth, postcodes, sex. What counts as a title, as
-- no name, as a date that stands for none, and as a nickname is data.
--
-- Shipped rows come with the extension and not out of a dump; rows of your own
-- are dumped.
-- ---------------------------------------------------------------------------

CREATE TABLE caredata.name_title (
	title    text COLLATE "C" PRIMARY KEY CHECK (title ~ '^[A-Z0-9]+$'),
	place    text NOT NULL CHECK (place IN ('before', 'after')),
	source   text NOT NULL,
	shipped  boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.name_title IS
	'Words before or after a name that are no part of it, as fold_name() writes them';
SELECT pg_catalog.pg_extension_config_dump('caredata.name_title', 'WHERE NOT shipped');

INSERT INTO caredata.name_title (title, place, source, shipped)
SELECT title, 'before', 'forms of address of UK registrations', true
FROM pg_catalog.unnest('{MR,MRS,MISS,MS,MX,MSTR,MASTER,DR,DOCTOR,PROF,PROFESSOR,REV,REVD,REVEREND,FR,SIR,DAME,LADY,LORD,CLLR,RABBI,IMAM}'::text[]) title
UNION ALL
SELECT title, 'after', 'suffixes of US and UK registrations', true
FROM pg_catalog.unnest('{JR,JNR,JUNIOR,SR,SNR,SENIOR,II,III,ESQ,ESQUIRE,OBE,MBE,CBE}'::text[]) title;

CREATE TABLE caredata.junk_name (
	name     text COLLATE "C" CHECK (name ~ '^[A-Z0-9]+( [A-Z0-9]+)*$'),
	part     text COLLATE "C" CHECK (part IN ('given', 'family', 'any')),
	source   text NOT NULL,
	shipped  boolean NOT NULL DEFAULT false,
	PRIMARY KEY (name, part)
);
COMMENT ON TABLE caredata.junk_name IS
	'What is written where a name is not known, as fold_name() writes it; standard_name() gives NULL for it';
COMMENT ON COLUMN caredata.junk_name.part IS
	'Whether it is no given name, no family name, or neither';
SELECT pg_catalog.pg_extension_config_dump('caredata.junk_name', 'WHERE NOT shipped');

INSERT INTO caredata.junk_name (name, part, source, shipped)
SELECT name, 'any', 'placeholder names: epidm (UKHSA), NHS England probabilistic linkage, and their variants', true
FROM pg_catalog.unnest('{UNKNOWN,UNK,"NOT KNOWN","NOT GIVEN","NOT STATED","NOT AVAILABLE","NOT APPLICABLE","NO NAME","NO NAME GIVEN","NO PATIENT ID","NO SURNAME","NO FORENAME",UNNAMED,UNIDENTIFIED,ANON,ANONYMOUS,"TEST PATIENT",TESTPATIENT,"DO NOT USE",DUPLICATE,DECEASED,XX,XXX,XXXX,XXXXX,ZZ,ZZZ,ZZZZ}'::text[]) name
UNION ALL
SELECT name, 'given', 'new-born and untitled patients: NHS England probabilistic linkage, and their variants', true
FROM pg_catalog.unnest('{BABY,BABE,"BABY BOY","BABY GIRL","BABY MALE","BABY FEMALE","BABY OF","BABY ONE","BABY TWO",INFANT,"MALE INFANT","FEMALE INFANT",NEWBORN,"NEW BORN",MALE,FEMALE,BOY,GIRL,TWIN,"TWIN ONE","TWIN TWO","TWIN I","TWIN II","TWIN A","TWIN B","FIRST TWIN","SECOND TWIN","BOY ONE","BOY TWO","GIRL ONE","GIRL TWO",TRIPLET,"TRIPLET ONE","TRIPLET TWO","TRIPLET THREE",MR,MRS,MISS,MS,DR,MSTR,NK,NA,NONE,"NULL",TEST,PATIENT}'::text[]) name;

CREATE TABLE caredata.placeholder_birth_date (
	date_of_birth  date PRIMARY KEY,
	source         text NOT NULL,
	shipped        boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.placeholder_birth_date IS
	'Dates that stand for a date of birth that is not known';
SELECT pg_catalog.pg_extension_config_dump('caredata.placeholder_birth_date', 'WHERE NOT shipped');

INSERT INTO caredata.placeholder_birth_date VALUES
	('1800-01-01', 'epidm (UKHSA); rejected by the Master Person Service', true),
	('1900-01-01', 'epidm (UKHSA); SLK-581 of an unknown date', true);

CREATE TABLE caredata.nickname (
	name      text COLLATE "C" CHECK (name ~ '^[A-Z]+( [A-Z]+)*$'),
	nickname  text COLLATE "C" CHECK (nickname ~ '^[A-Z]+( [A-Z]+)*$'),
	source    text NOT NULL,
	PRIMARY KEY (name, nickname),
	CHECK (name <> nickname)
);
COMMENT ON TABLE caredata.nickname IS
	'Names that people go by instead of their given name, as fold_name() writes them; empty until you import a list';
CREATE INDEX nickname_nickname_idx ON caredata.nickname (nickname);
SELECT pg_catalog.pg_extension_config_dump('caredata.nickname', '');

-- Names.

CREATE FUNCTION caredata.fold_name(name text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_fold_name_text';
COMMENT ON FUNCTION caredata.fold_name(text) IS
	'Letters and digits as capital ASCII, accents off, apostrophes gone, one space for anything else between words; version 1 of the folding, which does not change';

CREATE FUNCTION caredata.standard_name(name text, part text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'caredata_standard_name_text';
COMMENT ON FUNCTION caredata.standard_name(text, text) IS
	'A given or family name folded, without titles; NULL where it stands for no name (table junk_name), has a digit or no Latin letter';

CREATE FUNCTION caredata.import_nicknames(lines text, source text) RETURNS integer
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	imported integer;
BEGIN
	INSERT INTO caredata.nickname (name, nickname, source)
	SELECT DISTINCT w.name, w.nickname, import_nicknames.source
	FROM (SELECT caredata.fold_name(split_part(line, ',', 1)) AS name,
				 caredata.fold_name(field) AS nickname
		  FROM regexp_split_to_table(lines, '[\r\n]+') line,
			   regexp_split_to_table(line, ',') WITH ORDINALITY f(field, n)
		  WHERE f.n > 1) w
	WHERE w.name ~ '^[A-Z]+( [A-Z]+)*$' AND w.nickname ~ '^[A-Z]+( [A-Z]+)*$'
		AND w.name <> w.nickname
	ON CONFLICT (name, nickname) DO NOTHING;
	GET DIAGNOSTICS imported = ROW_COUNT;
	RETURN imported;
END
$body$;
REVOKE ALL ON FUNCTION caredata.import_nicknames(text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.import_nicknames(text, text) IS
	'Adds nicknames from lines of a name and its nicknames, parted by commas; returns how many pairs were new. For superusers, caredata_admin and caredata_linker';

CREATE FUNCTION caredata.given_name_variants(name text) RETURNS text[]
	LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	BEGIN ATOMIC
		SELECT array_agg(v.variant ORDER BY v.variant)
		FROM (SELECT f.variant FROM caredata.fold_name(name) f(variant)
			  WHERE f.variant <> ''
			  UNION
			  SELECT n.nickname FROM caredata.nickname n WHERE n.name = caredata.fold_name($1)
			  UNION
			  SELECT n.name FROM caredata.nickname n WHERE n.nickname = caredata.fold_name($1)) v;
	END;
REVOKE ALL ON FUNCTION caredata.given_name_variants(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.given_name_variants(text) IS
	'A given name with its nicknames and the names that it is a nickname of, folded and in order; two names are alike where these overlap. For superusers and caredata_linker';

-- Dates of birth.

CREATE FUNCTION caredata.swapped_day_and_month(date_of_birth date) RETURNS date
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN CASE WHEN date_part('day', date_of_birth) <= 12
					 AND date_part('day', date_of_birth) <> date_part('month', date_of_birth)
				THEN make_date(date_part('year', date_of_birth)::integer,
							   date_part('day', date_of_birth)::integer,
							   date_part('month', date_of_birth)::integer) END;
COMMENT ON FUNCTION caredata.swapped_day_and_month(date) IS
	'The date with day and month exchanged; NULL where that is no date or the same one';

CREATE FUNCTION caredata.birth_date_quality(date_of_birth date, as_of date,
	earliest date DEFAULT '1895-01-01') RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	BEGIN ATOMIC
		SELECT CASE WHEN EXISTS (SELECT FROM caredata.placeholder_birth_date p
								 WHERE p.date_of_birth = $1) THEN 'placeholder'
					WHEN NOT $1 BETWEEN $3 AND $2 THEN 'impossible'
					WHEN date_part('month', $1) = 1 AND date_part('day', $1) = 1
					THEN 'first_of_january'
					ELSE 'plausible' END;
	END;
REVOKE ALL ON FUNCTION caredata.birth_date_quality(date, date, date) FROM PUBLIC;
COMMENT ON FUNCTION caredata.birth_date_quality(date, date, date) IS
	'What a date of birth is worth for linkage: placeholder, impossible (before the earliest, that of HESID version 2, or after as_of), first_of_january, which often stands for an unknown day, or plausible. For superusers, caredata_linker and caredata_loader';

-- Postcodes and sex.

CREATE FUNCTION caredata.mend_postcode(text) RETURNS caredata.postcode
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_mend_postcode';
COMMENT ON FUNCTION caredata.mend_postcode(text) IS
	'Postcode, the letter O and the digit 0 taken for each other where only one way makes one; NULL otherwise and for pseudo postcodes, which say nothing about where somebody lives';

CREATE FUNCTION caredata.standard_sex(sex text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN nullif(nullif(caredata.try_code(sex, 'sex'), '0'), '9');
COMMENT ON FUNCTION caredata.standard_sex(text) IS
	'1 male or 2 female; NULL where it is not known or not stated, which is no evidence';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_admin', 'caredata.import_nicknames(text,text)'),
	('caredata_linker', 'caredata.import_nicknames(text,text)'),
	('caredata_linker', 'caredata.given_name_variants(text)'),
	('caredata_linker', 'caredata.birth_date_quality(date,date,date)'),
	('caredata_loader', 'caredata.birth_date_quality(date,date,date)');

