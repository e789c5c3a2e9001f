-- ---------------------------------------------------------------------------
-- Link keys: SLK-581, match keys as rows of data, ready-made sets of link ranks,
-- and digests of keys under the key of a domain.
--
-- A key in the clear is an identifier. SLK-581 can be turned back by trying
-- names and dates, and the text of a match key is its fields, so both are for
-- the linker alone; what goes to another party is a digest, whose domain the
-- two parties have in common or one of them keeps to itself.
-- ---------------------------------------------------------------------------

-- --- SLK-581 ----------------------------------------------------------------

CREATE FUNCTION caredata.slk581(family_name text, given_name text,
	date_of_birth date, sex text) RETURNS text
	LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'caredata_slk581';
REVOKE ALL ON FUNCTION caredata.slk581(text, text, date, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.slk581(text, text, date, text) IS
	'SLK-581 (METeOR 750410), 14 characters: letters 2, 3 and 5 of the family name, 2 and 3 of the given name, date of birth, sex; 2 for a letter too few, 9 for a missing name, 9 for sex not stated. NULL without a date of birth. An identifier: it can be turned back. For superusers and caredata_linker';

CREATE FUNCTION caredata.slk581_digest(domain name, family_name text,
	given_name text, date_of_birth date, sex text) RETURNS caredata.pseudonym
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN caredata.pseudonym_of(domain, 'exact', 'slk581', 'exact',
		CASE WHEN caredata.slk581(family_name, given_name, date_of_birth, sex)
				  OPERATOR(pg_catalog.!~) '^99999'
			 THEN caredata.slk581(family_name, given_name, date_of_birth, sex) END);
REVOKE ALL ON FUNCTION caredata.slk581_digest(name, text, text, date, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.slk581_digest(name, text, text, date, text) IS
	'Digest of SLK-581 in a domain; NULL without a date of birth or without either name, since two unknowns are not one person. For superusers and caredata_linker';

-- --- match keys -------------------------------------------------------------

CREATE TABLE caredata.match_key (
	match_key  name PRIMARY KEY CHECK (match_key ~ '^[a-z][a-z0-9_]*$'),
	ordinal    integer NOT NULL UNIQUE CHECK (ordinal > 0),
	title      text NOT NULL CHECK (title <> ''),
	citation   text NOT NULL,
	shipped    boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE caredata.match_key IS
	'Keys on which records of the same person agree, strictest first within each set';
COMMENT ON COLUMN caredata.match_key.ordinal IS
	'Order of trial: records that agree on one key are not tried on a later one; your own start at 1000';
SELECT pg_catalog.pg_extension_config_dump('caredata.match_key', 'WHERE NOT shipped');

CREATE TABLE caredata.match_key_part (
	match_key  name REFERENCES caredata.match_key ON DELETE CASCADE,
	part       smallint CHECK (part > 0),
	field      text NOT NULL,
	transform  text NOT NULL,
	length     smallint CHECK (length BETWEEN 1 AND 20),
	earliest   date,
	shipped    boolean NOT NULL DEFAULT false,
	PRIMARY KEY (match_key, part),
	CONSTRAINT match_key_part_transform CHECK (
		CASE field
			WHEN 'given_name' THEN transform IN ('exact', 'first', 'first_word',
				'sorted_words', 'sorted_letters', 'soundex', 'soundex_sql', 'nysiis', 'double_metaphone')
			WHEN 'family_name' THEN transform IN ('exact', 'first', 'first_word',
				'sorted_words', 'sorted_letters', 'soundex', 'soundex_sql', 'nysiis', 'double_metaphone')
			WHEN 'full_name' THEN transform IN ('exact', 'sorted_words', 'sorted_letters')
			WHEN 'date_of_birth' THEN transform IN ('exact', 'not_first_of_january',
				'year', 'year_month', 'year_day', 'month_day')
			WHEN 'postcode' THEN transform IN ('exact', 'not_communal', 'all_but_last',
				'sector', 'district', 'area')
			WHEN 'sex' THEN transform = 'exact'
			WHEN 'nhs_number' THEN transform = 'exact'
			WHEN 'organisation' THEN transform = 'exact'
			WHEN 'local_patient_id' THEN transform = 'exact'
			ELSE false
		END),
	CONSTRAINT match_key_part_length CHECK ((transform = 'first') = (length IS NOT NULL)),
	CHECK ((field = 'date_of_birth') = (earliest IS NOT NULL))
);
COMMENT ON TABLE caredata.match_key_part IS
	'The fields of a match key, in order, and what is made of each';
COMMENT ON COLUMN caredata.match_key_part.transform IS
	'exact: the whole standard form. Names: first (so many letters), first_word, sorted_words, sorted_letters, or a phonetic code. Dates: not_first_of_january (whole, but none on that day) or parts. Postcodes: not_communal (whole, but none on the list), all_but_last (letter), sector, district, area';
COMMENT ON COLUMN caredata.match_key_part.earliest IS
	'A date of birth before this one counts as missing; 1 January 1895 as in HESID version 2';
SELECT pg_catalog.pg_extension_config_dump('caredata.match_key_part', 'WHERE NOT shipped');

-- Parts as add_match_key() takes them: field, transform, length.
CREATE FUNCTION caredata.put_match_key(key name, ordinal integer, title text,
	parts text[], citation text, shipped boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	INSERT INTO caredata.match_key (match_key, ordinal, title, citation, shipped)
	VALUES (key, ordinal, title, citation, shipped);
	INSERT INTO caredata.match_key_part (match_key, part, field, transform, length, earliest, shipped)
	SELECT key, p.n, split_part(p.part, ' ', 1), coalesce(nullif(split_part(p.part, ' ', 2), ''), 'exact'),
		   nullif(split_part(p.part, ' ', 3), '')::smallint,
		   CASE split_part(p.part, ' ', 1) WHEN 'date_of_birth' THEN date '1895-01-01' END, shipped
	FROM unnest(parts) WITH ORDINALITY p(part, n);
END
$body$;
REVOKE ALL ON FUNCTION caredata.put_match_key(name, integer, text, text[], text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.put_match_key(name, integer, text, text[], text, boolean) IS
	'Internal to add_match_key() and the shipped keys';

SELECT caredata.put_match_key(k.key, k.ordinal, k.title, k.parts, c.citation, true)
FROM (VALUES
	('ons_full', 110, 'full name, date of birth, sex, postcode',
	 '{given_name,family_name,date_of_birth,sex,postcode}'::text[]),
	('ons_any_sex', 120, 'full name, date of birth, postcode; sex may differ',
	 '{given_name,family_name,date_of_birth,postcode}'),
	('ons_swapped', 130, 'names in either order, date of birth, sex, postcode',
	 '{full_name sorted_words,date_of_birth,sex,postcode}'),
	('ons_letters', 140, 'the same letters in the names, date of birth, sex, postcode',
	 '{full_name sorted_letters,date_of_birth,sex,postcode}'),
	('ons_first_two', 150, 'two letters of the given name, family name, date of birth, sex, postcode',
	 '{given_name first 2,family_name,date_of_birth,sex,postcode}'),
	('ons_soundex', 160, 'names that sound alike, date of birth, sex, postcode',
	 '{given_name soundex,family_name soundex,date_of_birth,sex,postcode}'),
	('ons_near_postcode', 170, 'full name, date of birth, sex, postcode but its last letter',
	 '{given_name,family_name,date_of_birth,sex,postcode all_but_last}'),
	('ons_sector', 180, 'full name, date of birth, sex, postcode sector',
	 '{given_name,family_name,date_of_birth,sex,postcode sector}'),
	('ons_month_day', 190, 'full name, day and month of birth, sex, postcode',
	 '{given_name,family_name,date_of_birth month_day,sex,postcode}'),
	('ons_year_month', 200, 'full name, year and month of birth, sex, postcode',
	 '{given_name,family_name,date_of_birth year_month,sex,postcode}'),
	('ons_year_day', 210, 'full name, year and day of birth, sex, postcode',
	 '{given_name,family_name,date_of_birth year_day,sex,postcode}'),
	('ons_year', 220, 'full name, year of birth, sex, postcode',
	 '{given_name,family_name,date_of_birth year,sex,postcode}'),
	('ons_area', 230, 'full name, date of birth, sex, postcode area; for clerical review',
	 '{given_name,family_name,date_of_birth,sex,postcode area}')
) k(key, ordinal, title, parts), (VALUES ('match keys of ONS census linkage (ccslink), those that are equalities; the order is ours')) c(citation)
ORDER BY k.ordinal;

SELECT caredata.put_match_key(k.key, k.ordinal, k.title, k.parts, c.citation, true)
FROM (VALUES
	('hesid_1', 310, 'sex, date of birth, NHS number', '{sex,date_of_birth,nhs_number}'::text[]),
	('hesid_2', 320, 'sex, date of birth, postcode, provider and its patient id',
	 '{sex,date_of_birth,postcode,organisation,local_patient_id}'),
	('hesid_3', 330, 'sex, date of birth, postcode', '{sex,date_of_birth,postcode}'),
	('hesid_3_guarded', 340, 'sex, date of birth not of 1 January, postcode not communal',
	 '{sex,date_of_birth not_first_of_january,postcode not_communal}')
) k(key, ordinal, title, parts), (VALUES ('HESID version 2 (PSEUDO_HESID)')) c(citation)
ORDER BY k.ordinal;

SELECT caredata.put_match_key(k.key, k.ordinal, k.title, k.parts, c.citation, true)
FROM (VALUES
	('epidm_1', 410, 'NHS number, date of birth', '{nhs_number,date_of_birth}'::text[]),
	('epidm_2', 420, 'hospital number, date of birth', '{organisation,local_patient_id,date_of_birth}'),
	('epidm_3', 430, 'NHS number, hospital number', '{nhs_number,organisation,local_patient_id}'),
	('epidm_4', 440, 'NHS number, family name', '{nhs_number,family_name}'),
	('epidm_5', 450, 'hospital number, family name', '{organisation,local_patient_id,family_name}'),
	('epidm_8', 480, 'sex, date of birth, family name that sounds alike, initial',
	 '{sex,date_of_birth,family_name soundex,given_name first 1}'),
	('epidm_9', 490, 'year and month of birth, family name that sounds alike, initial',
	 '{date_of_birth year_month,family_name soundex,given_name first 1}'),
	('epidm_10', 500, 'full name, postcode', '{given_name,family_name,postcode}'),
	('epidm_11', 510, 'names in either order, date of birth', '{full_name sorted_words,date_of_birth}')
) k(key, ordinal, title, parts), (VALUES ('stages of epidm (UKHSA); 6, which needs the NHS number to be missing, and 7, sex and name alone, left out')) c(citation)
ORDER BY k.ordinal;

CREATE FUNCTION caredata.match_key_text(key name,
	given_name text DEFAULT NULL, family_name text DEFAULT NULL,
	date_of_birth date DEFAULT NULL, sex text DEFAULT NULL,
	postcode text DEFAULT NULL, nhs_number text DEFAULT NULL,
	organisation text DEFAULT NULL, local_patient_id text DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'caredata_match_key_text';
REVOKE ALL ON FUNCTION caredata.match_key_text(name, text, text, date, text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.match_key_text(name, text, text, date, text, text, text, text, text) IS
	'A match key in the clear: the parts, each with its length before it; NULL where one is missing or says nothing. An identifier. For superusers and caredata_linker';

CREATE FUNCTION caredata.match_key_digest(domain name, key name,
	given_name text DEFAULT NULL, family_name text DEFAULT NULL,
	date_of_birth date DEFAULT NULL, sex text DEFAULT NULL,
	postcode text DEFAULT NULL, nhs_number text DEFAULT NULL,
	organisation text DEFAULT NULL, local_patient_id text DEFAULT NULL)
	RETURNS caredata.pseudonym
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN caredata.pseudonym_of(domain, 'exact', 'match_key', 'exact', key::text, 'exact',
		caredata.match_key_text(key, given_name, family_name, date_of_birth, sex,
								postcode, nhs_number, organisation, local_patient_id));
REVOKE ALL ON FUNCTION caredata.match_key_digest(name, name, text, text, date, text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.match_key_digest(name, name, text, text, date, text, text, text, text, text) IS
	'Digest of a match key in a domain; NULL where a part is missing or says nothing. For superusers and caredata_linker';

CREATE FUNCTION caredata.add_match_key(key name, title text, parts text[],
	citation text DEFAULT '') RETURNS integer
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	new_ordinal integer;
	part        text;
BEGIN
	IF EXISTS (SELECT FROM caredata.match_key k WHERE k.match_key = key) THEN
		RAISE EXCEPTION 'match key "%" already exists', key
			USING ERRCODE = 'duplicate_object',
				  HINT = 'A key that is in use keeps its meaning: give another one a name of its own.';
	END IF;
	FOREACH part IN ARRAY parts LOOP
		IF part IS NULL OR part !~ '^[a-z_]+( [a-z_]+( [0-9]{1,2})?)?$' THEN
			RAISE EXCEPTION 'a part of a match key is a field, a transform and a length'
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'For example: {"family_name soundex","given_name first 2",date_of_birth}.';
		END IF;
	END LOOP;
	IF coalesce(cardinality(parts), 0) < 1 OR array_ndims(parts) > 1 THEN
		RAISE EXCEPTION 'a match key needs at least one part'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Give the parts as an array of text.';
	END IF;
	LOCK TABLE caredata.match_key IN SHARE ROW EXCLUSIVE MODE;
	SELECT greatest(1000, max(k.ordinal) + 10) INTO new_ordinal FROM caredata.match_key k;
	PERFORM caredata.put_match_key(key, new_ordinal, title, parts, citation, false);
	RETURN new_ordinal;
END
$body$;
REVOKE ALL ON FUNCTION caredata.add_match_key(name, text, text[], text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.add_match_key(name, text, text[], text) IS
	'Adds a match key of parts such as {"family_name soundex","given_name first 2",date_of_birth}, and returns its place in the order. For superusers and caredata_linker';

-- --- sets of link ranks -----------------------------------------------------

CREATE TABLE caredata.link_rank_set (
	link_rank_set  text,
	LIKE caredata.link_rank INCLUDING CONSTRAINTS INCLUDING DEFAULTS,
	PRIMARY KEY (link_rank_set, rank),
	UNIQUE (link_rank_set, ordinal)
);
COMMENT ON TABLE caredata.link_rank_set IS
	'Published ladders of deterministic linkage, ready to be used instead of the shipped ranks';

INSERT INTO caredata.link_rank_set
	(link_rank_set, rank, ordinal, title, nhs_number, date_of_birth, sex, postcode,
	 local_patient_id, not_first_of_january, not_communal, citation) VALUES
	('hesid_v2', 101, 10, 'sex, date of birth, NHS number',
	 'exact', 'exact', 'exact', 'ignored', 'ignored', false, false,
	 'HESID version 2, pass 1'),
	('hesid_v2', 102, 20, 'sex, date of birth, postcode, provider and its patient id',
	 'ignored', 'exact', 'exact', 'exact', 'exact', false, false,
	 'HESID version 2, pass 2'),
	('hesid_v2', 103, 30, 'sex, date of birth, postcode',
	 'ignored', 'exact', 'exact', 'exact', 'ignored', false, false,
	 'HESID version 2, pass 3'),
	('hesid_guarded', 111, 10, 'sex, partial date of birth, NHS number',
	 'exact', 'partial', 'exact', 'ignored', 'ignored', false, false,
	 'HESID pass 1 as evaluations of it describe it'),
	('hesid_guarded', 112, 20, 'sex, date of birth, postcode, provider and its patient id',
	 'ignored', 'exact', 'exact', 'exact', 'exact', false, false,
	 'HESID version 2, pass 2'),
	('hesid_guarded', 113, 30, 'sex, date of birth, postcode; NHS number not contradicting',
	 'agree_or_missing', 'exact', 'exact', 'exact', 'ignored', true, true,
	 'HESID pass 3 with the guards of later algorithms (HES-DID step 7)');

CREATE FUNCTION caredata.use_link_rank_set(link_rank_set text) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	last_ordinal integer;
BEGIN
	IF NOT EXISTS (SELECT FROM caredata.link_rank_set s
				   WHERE s.link_rank_set = use_link_rank_set.link_rank_set) THEN
		RAISE EXCEPTION 'set of link ranks "%" does not exist', link_rank_set
			USING ERRCODE = 'undefined_object',
				  HINT = 'Table caredata.link_rank_set lists them.';
	END IF;
	LOCK TABLE caredata.link_rank IN SHARE ROW EXCLUSIVE MODE;
	SELECT max(r.ordinal) INTO last_ordinal FROM caredata.link_rank r;
	INSERT INTO caredata.link_rank
		(rank, ordinal, title, nhs_number, date_of_birth, sex, postcode,
		 local_patient_id, not_first_of_january, not_communal, citation)
	SELECT s.rank, last_ordinal + s.ordinal, s.title, s.nhs_number, s.date_of_birth, s.sex,
		   s.postcode, s.local_patient_id, s.not_first_of_january, s.not_communal, s.citation
	FROM caredata.link_rank_set s
	WHERE s.link_rank_set = use_link_rank_set.link_rank_set
	ON CONFLICT (rank) DO NOTHING;
	DELETE FROM caredata.disabled_link_rank;
	INSERT INTO caredata.disabled_link_rank (rank)
	SELECT r.rank FROM caredata.link_rank r
	WHERE r.rank NOT IN (SELECT s.rank FROM caredata.link_rank_set s
						 WHERE s.link_rank_set = use_link_rank_set.link_rank_set);
END
$body$;
REVOKE ALL ON FUNCTION caredata.use_link_rank_set(text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.use_link_rank_set(text) IS
	'Links by one published ladder and no other rank from the next load on; what is linked stays linked. use_link_rank() switches ranks one by one. For superusers and caredata_linker';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.slk581(text,text,date,text)'),
	('caredata_linker', 'caredata.slk581_digest(name,text,text,date,text)'),
	('caredata_linker', 'caredata.match_key'),
	('caredata_linker', 'caredata.match_key_part'),
	('caredata_linker', 'caredata.match_key_text(name,text,text,date,text,text,text,text,text)'),
	('caredata_linker', 'caredata.match_key_digest(name,name,text,text,date,text,text,text,text,text)'),
	('caredata_linker', 'caredata.add_match_key(name,text,text[],text)'),
	('caredata_linker', 'caredata.link_rank_set'),
	('caredata_linker', 'caredata.use_link_rank_set(text)');

