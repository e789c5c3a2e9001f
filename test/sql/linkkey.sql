-- Link keys: SLK-581, match keys, digests of both, sets of link ranks.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_linkkey ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C';
\c regress_linkkey
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_linkkey
SET datestyle = 'ISO, DMY';
SET search_path = caredata, public;
\pset null -
\set ECHO all

-- 1. SLK-581: the published examples, right unless they show here
SELECT e.*, slk581(family_name, given_name, date_of_birth, sex) AS got FROM (VALUES
	('Turnbull', 'Malcolm', date '1954-10-24', '1', 'URBAL241019541'),
	('McCormack', 'Michael', '1964-08-02', '1', 'CCRIC020819641'),
	('Morrison', 'Scott', '1968-05-13', '1', 'ORICO130519681'),
	('Hanson', 'Pauline', '1954-05-27', '2', 'ANOAU270519542'),
	('Abbott', 'Tony', '1957-11-04', '1', 'BBTON041119571'),
	('Doe', 'John', '2000-12-19', '1', 'OE2OH191220001'),
	('Smith', 'Jane', '2000-12-19', '2', 'MIHAN191220002'),
	('O Bare', 'Foo', '2000-12-19', '3', 'BAEOO191220003'),
	('Lei', 'Ph', '2016-11-11', '2', 'EI2H2111120162'),
	('Zu', 'Malcolm', '1954-10-24', '1', 'U22AL241019541'),
	('Turnbull', 'Ed', '1954-10-24', '1', 'URBD2241019541'),
	('Turnbull', 'Hi-Ho', '1954-10-24', '1', 'URBIH241019541'),
	('O''Malley', 'Malcolm', '1954-10-24', '1', 'MALAL241019541'),
	('O''Ber', 'Y', '1954-10-24', '1', 'BE222241019541'),
	('Hua', 'Yo', '1954-10-24', '1', 'UA2O2241019541'),
	('Farr', 'Jo', '1954-10-24', '1', 'AR2O2241019541'),
	('Citizen', 'Jane', '1970-02-01', '2', 'ITZAN010219702'),
	('Adamopoulos', 'Nick', '1985-08-13', '1', 'DAOIC130819851'),
	('Silby', 'Jayden', '1996-12-11', '1', 'ILYAY111219961'),
	(NULL, NULL, '2016-11-11', '2', '99999111120162'),
	(NULL, 'Cher', '1946-05-20', '2', '999HE200519462')
) e(family_name, given_name, date_of_birth, sex, expected)
WHERE slk581(family_name, given_name, date_of_birth, sex) IS DISTINCT FROM expected;
-- what they leave open: accents, ligatures, no letters, case, titles, sex, dates
SELECT slk581(f, g, date '1954-10-24', s), f, g, s FROM (VALUES
	('Émile', 'Zoë', '1'), ('E' || chr(769) || 'mile', 'Zoe', 'M'), ('Ægir', 'Øyvind', 'male'),
	('Straße', 'Jürgen', '1'), ('--', '''', '2'), ('', '', '2'), ('tUrNbUlL', 'malcolm', 'f'),
	('Mr Turnbull', 'Dr Malcolm', '1'), ('Turnbull', 'Malcolm', NULL), ('Turnbull', 'Malcolm', '0'),
	('Turnbull', 'Malcolm', '9'), ('Turnbull', 'Malcolm', 'what'), ('Turnbull', 'Malcolm', 'other'),
	('Иванов', 'Anna', '2'), ('O’Malley', 'Malcolm', '1')) v(f, g, s);
SELECT slk581('Smith', 'John', NULL, '1') AS no_date, slk581('Smith', 'John', 'infinity', '1') AS no_end,
	slk581('Smith', 'John', '0999-12-31', '1') AS three_digits, slk581('Smith', 'John', '1000-01-01', '1') AS four,
	slk581('Smith', 'John', '10000-01-01', '1') AS five, slk581('Smith', 'John', '0001-01-01 BC', '1') AS before_christ;

-- 2. its digest: another in each domain, none of nobody
SELECT create_domain('research') AS a, create_domain('other') AS b \gset
SELECT count(*) AS keys, count(DISTINCT d) AS digests, count(*) FILTER (WHERE d IS NULL) AS missing FROM (VALUES
	(slk581_digest('research', 'Turnbull', 'Malcolm', '1954-10-24', '1')),
	(slk581_digest('research', 'TURNBULL', 'malcolm', '1954-10-24', 'M')),
	(slk581_digest('other', 'Turnbull', 'Malcolm', '1954-10-24', '1')),
	(slk581_digest('research', 'Turnbull', 'Malcolm', '1954-10-25', '1')),
	(slk581_digest('research', NULL, 'Cher', '1954-10-24', '1')),
	(slk581_digest('research', NULL, '-', '1954-10-24', '1')),
	(slk581_digest('research', 'Turnbull', 'Malcolm', NULL, '1'))) v(d);
SELECT slk581_digest('research', 'Turnbull', 'Malcolm', '1954-10-24', '1')
	= pseudonym_of('research', 'exact', 'slk581', 'exact', 'URBAL241019541') AS is_pseudonym_of;
SELECT slk581_digest('nowhere', 'Turnbull', 'Malcolm', '1954-10-24', '1');

-- 3. match keys: what each makes of one record
SELECT match_key, match_key_text(match_key, 'Mary-Ann', 'O’Brien', '1950-03-04', 'F', 'ls14ap', '999 000 0018', ' rr8 ', 'a1')
FROM match_key ORDER BY ordinal;
-- fields are standardised, and one that is missing or says nothing makes no key
CREATE TABLE public.record (n serial, given_name text, family_name text, date_of_birth date, sex text, postcode text);
INSERT INTO public.record (given_name, family_name, date_of_birth, sex, postcode) VALUES
	('John', 'Smith', '1950-03-04', '1', 'LS1 4AP'), (' JOHN ', 'Mr Smith', '1950-03-04', 'male', 'LS1 OAP'),
	('Twin 1', 'Smith', '1950-03-04', '1', 'LS1 4AP'), ('John', 'Unknown', '1950-03-04', '1', 'LS1 4AP'),
	('John', 'Smith', '1900-01-01', '1', 'LS1 4AP'), ('John', 'Smith', NULL, '1', 'LS1 4AP'),
	('John', 'Smith', '1950-03-04', '9', 'LS1 4AP'), ('John', 'Smith', '1950-03-04', '1', 'ZZ99 3VZ'),
	('John', 'Smith', '1950-03-04', '1', 'nowhere'), (NULL, NULL, NULL, NULL, NULL), ('', '', '1950-03-04', '', '');
SELECT n, match_key_text('ons_full', given_name, family_name, date_of_birth, sex, postcode) AS ons_full,
	match_key_text('ons_any_sex', given_name, family_name, date_of_birth, sex, postcode) AS ons_any_sex
FROM public.record ORDER BY n;
SELECT match_key_text('hesid_1', date_of_birth => '1950-03-04', sex => '2', nhs_number => '1111111111') AS bad_number,
	match_key_text('hesid_2', date_of_birth => '1950-03-04', sex => '2', postcode => 'LS1 4AP', organisation => 'RR8', local_patient_id => '  ') AS no_number,
	match_key_text('hesid_3_guarded', date_of_birth => '1950-01-01', sex => '2', postcode => 'LS1 4AP') AS new_year;
SELECT add_communal_postcode('LS1 4AP', 'the test') \gset
SELECT match_key_text('hesid_3_guarded', date_of_birth => '1950-03-04', sex => '2', postcode => 'LS1 4AP') AS communal,
	match_key_text('hesid_3', date_of_birth => '1950-03-04', sex => '2', postcode => 'LS1 4AP') AS unguarded;
-- lengths tell where a part ends
SELECT match_key_text('epidm_5', family_name => 'X', organisation => 'A', local_patient_id => '1;1:B')
	<> match_key_text('epidm_5', family_name => 'X', organisation => 'A;5:1', local_patient_id => 'B') AS told_apart;
SELECT match_key_text(NULL, 'John') AS no_key;
SELECT match_key_text('nothing', 'John');

-- 4. keys of one's own
SELECT add_match_key('mine', 'a test', '{family_name nysiis,given_name double_metaphone,full_name exact,given_name first_word,family_name soundex_sql,postcode district,given_name first 20}');
SELECT match_key_text('mine', 'Mary Ann', 'Ashcraft', postcode => 'EC1A 1BB');
SELECT add_match_key('mine', 'again', '{sex}');
SELECT add_match_key('wrong', 'no such field', '{shoe_size}');
SELECT add_match_key('wrong', 'no such transform', '{sex soundex}');
SELECT add_match_key('wrong', 'no length', '{given_name first}');
SELECT add_match_key('wrong', 'a length', '{given_name soundex 2}');
SELECT add_match_key('wrong', 'too long', '{given_name first 21}');
SELECT add_match_key('wrong', 'an expression', '{"upper(given_name)"}');
SELECT add_match_key('wrong', 'nothing', '{}');
SELECT add_match_key('wrong', 'null', '{NULL}');
SELECT add_match_key('Wrong Name', 'a name', '{sex}');
SELECT match_key, ordinal, shipped FROM match_key WHERE NOT shipped;

-- 5. digests: another for each key and domain, none where the key is none
SELECT count(*) AS digests, count(DISTINCT d) AS different FROM (
	SELECT match_key_digest(domain, match_key, 'Mary', 'Smith', '1950-03-04', '2', 'LS2 9JT', '9990000018', 'RR8', 'A1') AS d
	FROM match_key, unnest('{research,other}'::name[]) domain) k;
SELECT match_key_digest('research', 'ons_full', 'Mary', 'Smith', '1950-03-04', '2', 'LS2 9JT')
	= match_key_digest('research', 'ons_full', 'MARY', 'Mrs Smith', '1950-03-04', 'female', 'ls29jt') AS same,
	match_key_digest('research', 'ons_full', 'Baby', 'Smith', '1950-03-04', '2', 'LS2 9JT') AS none;
-- joining two sets on keys in order: what agreed on an early key is not tried again
CREATE VIEW public.digest AS
	SELECT r.n, k.ordinal, match_key_digest('research', k.match_key, given_name, family_name, date_of_birth, sex, postcode) AS digest
	FROM public.record r, match_key k WHERE k.match_key IN ('ons_full', 'ons_any_sex', 'ons_sector');
SELECT DISTINCT ON (a.n, b.n) a.n, b.n, a.ordinal
FROM public.digest a JOIN public.digest b ON a.digest = b.digest AND a.ordinal = b.ordinal AND a.n < b.n
ORDER BY a.n, b.n, a.ordinal;

-- 6. in parallel workers, which read the tables for themselves
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM public.record
WHERE match_key_text('ons_any_sex', given_name, family_name, date_of_birth, sex, postcode) = '4:JOHN;5:SMITH;10:1950-03-04;7:LS1 4AP;';
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- 7. for the linker only
CREATE ROLE regress_linkkey_linker IN ROLE caredata_linker;
CREATE ROLE regress_linkkey_analyst;
SET ROLE regress_linkkey_analyst;
SELECT caredata.slk581('Smith', 'John', '1950-03-04', '1');
SELECT caredata.slk581_digest('research', 'Smith', 'John', '1950-03-04', '1');
SELECT caredata.match_key_text('ons_full', 'John');
SELECT caredata.match_key_digest('research', 'ons_full', 'John');
SELECT caredata.add_match_key('x', 'y', '{sex}');
SELECT caredata.use_link_rank_set('hesid_v2');
SELECT count(*) FROM caredata.match_key;
SET ROLE regress_linkkey_linker;
SELECT caredata.slk581('Smith', 'John', '1950-03-04', '1'),
	caredata.slk581_digest('research', 'Smith', 'John', '1950-03-04', '1') IS NOT NULL AS digest,
	caredata.match_key_digest('research', 'epidm_10', 'John', 'Smith', postcode => 'LS2 9JT') IS NOT NULL AS key_digest,
	(SELECT count(*) > 0 FROM caredata.match_key_part) AS parts;
SELECT caredata.put_match_key('x', 1, 'y', '{sex}', '', true);
RESET ROLE;

-- 8. the worked example of HESID by its keys: which row each meets first, and
-- on which pass. Row 6, a twin or housemate, meets row 1 on the last.
CREATE TABLE public.hesid (n integer PRIMARY KEY, nhs_number text, sex text, date_of_birth date, postcode text, provider text, local_id text);
INSERT INTO public.hesid VALUES
	(1, '9990000018', '2', '1950-03-04', 'LS2 4AP', 'RR8', 'A1'), (2, '9990000018', '2', '1950-03-04', 'LS2 9JT', 'RCF', 'Z9'),
	(3, NULL, '2', '1950-03-04', 'LS2 4AP', 'RR8', 'A1'), (4, NULL, '2', '1950-03-04', 'LS2 4AP', 'RCF', 'Q7'),
	(5, NULL, '2', '1950-03-04', 'ZZ99 3VZ', 'RCF', 'Q7'), (6, '9990000026', '2', '1950-03-04', 'LS2 4AP', 'RCF', 'T2'),
	(7, '1111111111', '1', '1894-12-31', 'LS2 4AP', 'RR8', 'A2');
CREATE VIEW public.hesid_key AS
	SELECT n, match_key, ordinal, match_key_text(match_key, sex => sex, date_of_birth => date_of_birth, postcode => postcode,
		nhs_number => nhs_number, organisation => provider, local_patient_id => local_id) AS key
	FROM public.hesid, match_key WHERE match_key IN ('hesid_1', 'hesid_2', 'hesid_3');
SELECT DISTINCT ON (h.n) h.n, k.match_key, o.n AS meets
FROM public.hesid h LEFT JOIN (public.hesid_key k JOIN public.hesid_key o ON o.key = k.key AND o.match_key = k.match_key AND o.n < k.n) ON k.n = h.n
ORDER BY h.n, k.ordinal, o.n;

-- 9. and by a set of link ranks, row by row. A load never joins two NHS
-- numbers, so here row 6 stays apart whatever the ranks.
CREATE FUNCTION public.link_row(b integer, nhs_number text, date_of_birth date, sex text, postcode text,
	organisation text, local_id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	CREATE TEMP TABLE caredata_tuple ON COMMIT DROP AS
	SELECT hash_record_extended(ROW(nhs_number, date_of_birth, sex, postcode, organisation, local_id), 0) AS identity_key,
		   nhs_number::caredata.nhs_number AS nhs_number, date_of_birth, sex COLLATE "C" AS sex,
		   postcode::caredata.postcode AS postcode, organisation COLLATE "C" AS source_organisation,
		   local_id COLLATE "C" AS local_patient_id, 1::bigint AS records;
	PERFORM caredata.link_identities(b);
	SELECT format('person %s by rank %s', i.person_id, i.link_rank) INTO answer
	FROM care_identity.identity i JOIN pg_temp.caredata_tuple t
		ON (i.nhs_number, i.date_of_birth, i.sex, i.postcode, i.source_organisation, i.local_patient_id)
		IS NOT DISTINCT FROM (t.nhs_number, t.date_of_birth, t.sex, t.postcode, t.source_organisation, t.local_patient_id);
	DROP TABLE pg_temp.caredata_tuple, pg_temp.caredata_link;
	RETURN answer;
END $$;
CREATE FUNCTION public.hesid_example() RETURNS SETOF text LANGUAGE sql AS $$
	TRUNCATE care_identity.person, care_identity.identity RESTART IDENTITY;
	SELECT public.link_row(1, '9990000018', '1950-03-04', '2', 'LS2 4AP', 'RR8', 'A1');
	SELECT public.link_row(2, '9990000018', '1950-03-04', '2', 'LS2 9JT', 'RCF', 'Z9');
	SELECT public.link_row(3, NULL, '1950-03-04', '2', 'LS2 4AP', 'RR8', 'A1');
	SELECT public.link_row(4, NULL, '1950-03-04', '2', 'LS2 4AP', 'RCF', 'Q7');
	SELECT public.link_row(5, NULL, '1950-03-04', '2', NULL, 'RCF', 'Q7');
	SELECT public.link_row(6, '9990000026', '1950-03-04', '2', 'LS2 4AP', 'RCF', 'T2');
	SELECT public.link_row(7, NULL, NULL, '1', 'LS2 4AP', 'RR8', 'A2');
	SELECT i.local_patient_id || ': ' || format('person %s by rank %s', i.person_id, i.link_rank)
	FROM care_identity.identity i ORDER BY i.identity_id $$;
SELECT use_link_rank_set('no_such_set');
SELECT use_link_rank_set('hesid_v2');
SELECT public.hesid_example();
SELECT use_link_rank_set('hesid_guarded');
SELECT public.hesid_example();
SELECT use_link_rank_set('hesid_v2'), use_link_rank_set('hesid_v2');
SELECT rank, ordinal, rank IN (SELECT rank FROM disabled_link_rank) AS disabled FROM link_rank WHERE rank > 9 ORDER BY ordinal;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_linkkey;
DROP ROLE regress_linkkey_linker, regress_linkkey_analyst;
