-- Linkage: which identity tuples become one person, and that the answer
-- depends on nothing but the tuples (invariant I8).
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_linkage;
\c regress_linkage
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_linkage
\pset null -
\set ECHO all

-- Cases: a label, a batch, and the tuple. Batches are linked one after the
-- other, as loads would; the answer names persons by their first label.
CREATE TABLE public.tuple_case (
	label text PRIMARY KEY, batch integer NOT NULL, nhs_number text, date_of_birth date,
	sex text, postcode text, organisation text, local_id text);
CREATE FUNCTION public.link_cases(shuffle text DEFAULT '') RETURNS void
	LANGUAGE plpgsql AS $$
DECLARE b integer;
BEGIN
	TRUNCATE care_identity.person, care_identity.identity RESTART IDENTITY;
	FOR b IN SELECT DISTINCT batch FROM public.tuple_case ORDER BY 1 LOOP
		CREATE TEMP TABLE caredata_tuple ON COMMIT DROP AS
		SELECT hash_record_extended(ROW(t.nhs_number, t.date_of_birth, t.sex, t.postcode,
										t.organisation, t.local_id), 0) AS identity_key,
			   t.nhs_number::caredata.nhs_number, t.date_of_birth, t.sex COLLATE "C" AS sex,
			   t.postcode::caredata.postcode, t.organisation COLLATE "C" AS source_organisation,
			   t.local_id COLLATE "C" AS local_patient_id, count(*) AS records
		FROM (SELECT * FROM public.tuple_case WHERE batch = b
			  ORDER BY md5(shuffle || label)) t
		GROUP BY t.nhs_number, t.date_of_birth, t.sex, t.postcode, t.organisation, t.local_id;
		PERFORM caredata.link_identities(b);
		DROP TABLE pg_temp.caredata_tuple, pg_temp.caredata_link;
	END LOOP;
END $$;
CREATE VIEW public.outcome AS
	SELECT t.label, i.person_id, i.link_rank, i.ambiguous
	FROM public.tuple_case t
	JOIN care_identity.identity i
	  ON (i.nhs_number::text, i.date_of_birth, i.sex, i.postcode::text,
		  i.source_organisation, i.local_patient_id)
		 IS NOT DISTINCT FROM
		 (t.nhs_number, t.date_of_birth, t.sex, t.postcode, t.organisation, t.local_id)
	ORDER BY t.label;

-- The worked example of HESID, row 6 (a twin or housemate) with the rule that
-- NHS numbers must not contradict; row 7 has but a local number left. Rows
-- come one by one, and all at once.
INSERT INTO public.tuple_case VALUES
	('row 1', 1, '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', 'A1'),
	('row 2', 2, '9990000018', '1950-03-04', '2', 'LS2 9JT', 'RCF', 'Z9'),
	('row 3', 3, NULL, '1950-03-04', '2', 'LS1 4AP', 'RR8', 'A1'),
	('row 4', 4, NULL, '1950-03-04', '2', 'LS1 4AP', 'RCF', 'Q6'),
	('row 5', 5, NULL, '1950-03-04', '2', NULL, 'RCF', 'Q7'),
	('row 6', 6, '9990000026', '1950-03-04', '2', 'LS1 4AP', 'RCF', 'T2'),
	('row 7', 7, NULL, NULL, '1', 'LS1 4AP', 'RR8', 'A2');
SELECT public.link_cases();
SELECT * FROM public.outcome;
-- All at once row 4 could be either of the two with a number: ambiguous.
UPDATE public.tuple_case SET batch = 1;
SELECT public.link_cases();
SELECT * FROM public.outcome;

-- Each rank on its own: "a" is the person, "b" should join at that rank, "c"
-- misses it by one field and should not join at all. Every case has its own
-- date, so that cases do not meet.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case VALUES
	('1 a', 1, '9990000018', '1950-03-04', '2', 'LS1 4AP', NULL, NULL),
	('1 b', 2, '9990000018', '1950-03-04', '2', 'LS1 4AP', 'RR8', 'A1'),
	('2 a', 1, '9990000026', '1951-03-04', '2', 'LS1 4AP', NULL, NULL),
	('2 b', 2, '9990000026', '1951-03-04', '2', 'LS2 9JT', NULL, NULL),
	('3 a', 1, '9990000034', '1952-03-04', '2', 'LS1 4AP', NULL, NULL),
	('3 b day and month exchanged', 2, '9990000034', '1952-04-03', '2', 'LS1 4AP', NULL, NULL),
	('4 a', 1, '9990000042', '1953-03-04', '2', 'LS1 4AP', NULL, NULL),
	('4 b another year', 2, '9990000042', '1935-03-04', '2', 'LS2 9JT', NULL, NULL),
	('5 a', 1, '9990000050', '1954-03-04', '2', 'LS1 4AP', NULL, NULL),
	('5 b', 2, '9990000050', '1987-11-30', '1', 'LS1 4AP', NULL, NULL),
	('6 a', 1, '9990000069', '1955-03-04', '2', 'LS1 4AP', NULL, NULL),
	('6 b', 2, NULL, '1955-03-04', '2', 'LS1 4AP', NULL, NULL),
	('6 c another number', 2, '9990000077', '1955-03-04', '2', 'LS1 4AP', NULL, NULL),
	('6 d first of January', 1, '9990000085', '1956-01-01', '2', 'LS1 4AP', NULL, NULL),
	('6 e', 2, NULL, '1956-01-01', '2', 'LS1 4AP', NULL, NULL),
	('7 a', 1, '9990000093', '1957-03-04', '2', 'LS3 1AA', NULL, NULL),
	('7 b', 2, NULL, '1957-03-04', '2', 'LS3 1AA', NULL, NULL),
	('8 a', 1, '9990000107', '1958-03-04', '2', 'LS1 4AP', NULL, NULL),
	('8 b', 2, '9990000107', '1958-03-04', '1', 'LS2 9JT', NULL, NULL),
	('8 c another date', 2, '9990000107', '1988-07-15', '2', 'LS4 1AA', NULL, NULL),
	('9 a', 1, NULL, '1959-03-04', '2', NULL, 'RR8', 'B1'),
	('9 b', 2, '9990000115', '1959-03-04', NULL, 'LS1 4AP', 'RR8', 'B1'),
	('9 c another date', 2, NULL, '1989-07-15', '2', NULL, 'RR8', 'B1'),
	('9 d another provider', 2, NULL, '1959-03-04', '2', NULL, 'RCF', 'B1');
SELECT caredata.add_communal_postcode('LS3 1AA', 'hall of residence');
SELECT public.link_cases();
SELECT o.label, first_value(o.label) OVER (PARTITION BY o.person_id ORDER BY o.label) AS person,
	   o.link_rank, o.ambiguous
FROM public.outcome o ORDER BY o.label;

-- The best rank wins over a closer number of matches; a tie is nobody's. The
-- tied tuple keeps to its own patient: all of RCF's C3 is one person.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case VALUES
	('twin 1', 1, '9990000018', '1960-05-05', '1', 'LS1 4AP', NULL, NULL),
	('twin 2', 1, '9990000026', '1960-05-05', '1', 'LS1 4AP', NULL, NULL),
	('which twin', 2, NULL, '1960-05-05', '1', 'LS1 4AP', 'RCF', 'C3'),
	('same patient', 2, NULL, '1960-05-05', '1', NULL, 'RCF', 'C3'),
	('later', 3, NULL, '1960-05-05', '1', 'LS1 4AP', 'RCF', 'C3'),
	('later still', 4, NULL, '1960-05-05', '1', 'LS1 4AP', NULL, NULL),
	('named', 4, '9990000018', '1960-05-05', '1', 'LS1 4AP', 'RCF', 'D4');
SELECT public.link_cases();
SELECT * FROM public.outcome;

-- Two who contradict each other cannot both join one without a number.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case VALUES
	('no number', 1, NULL, '1960-05-05', '1', 'LS1 4AP', NULL, NULL),
	('number 1', 2, '9990000018', '1960-05-05', '1', 'LS1 4AP', NULL, NULL),
	('number 2', 2, '9990000026', '1960-05-05', '1', 'LS1 4AP', NULL, NULL);
SELECT public.link_cases();
SELECT * FROM public.outcome;
-- One after the other the first joins and the second is refused: the person
-- has a number by then, although the tuple that matches has none.
UPDATE public.tuple_case SET batch = 3 WHERE label = 'number 2';
SELECT public.link_cases();
SELECT * FROM public.outcome;

-- A known tuple joins as it did before, at the rank that it had.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case VALUES
	('a', 1, '9990000018', '1950-03-04', '2', 'LS1 4AP', NULL, NULL),
	('b', 2, '9990000018', '1950-03-04', '2', 'LS2 9JT', NULL, NULL);
SELECT public.link_cases();
BEGIN;
CREATE TEMP TABLE caredata_tuple ON COMMIT DROP AS
	SELECT 1::bigint AS identity_key, nhs_number, date_of_birth, sex, postcode,
		   source_organisation, local_patient_id, 5::bigint AS records
	FROM care_identity.identity WHERE link_rank = 2;
SELECT caredata.link_identities(3) AS new_persons;
SELECT person_id, link_rank, known, records FROM pg_temp.caredata_link;
COMMIT;
SELECT count(*) FROM care_identity.identity;

-- A rank switched off is not used.
SELECT caredata.use_link_rank(2, false), caredata.use_link_rank(4, false), caredata.use_link_rank(8, false);
SELECT public.link_cases();
SELECT * FROM public.outcome;
SELECT caredata.use_link_rank(2, true), caredata.use_link_rank(4, true), caredata.use_link_rank(8, true);
SELECT caredata.use_link_rank(42, true);
SELECT caredata.add_communal_postcode('nowhere', 'hall');

-- A value that more than 500 tuples share is a placeholder, not a person: here
-- a local number that stands for none.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case
	SELECT to_char(g, 'FM0000'), 1, NULL, date '1950-01-02' + g, '1', NULL, 'RR8', '0'
	FROM generate_series(1, 501) g;
SELECT public.link_cases();
SELECT count(DISTINCT person_id), count(*), max(link_rank) FROM care_identity.identity;
DELETE FROM public.tuple_case WHERE label = '0501';
SELECT public.link_cases();
-- 500 are compared, and join by partial dates of birth
SELECT count(DISTINCT person_id) < 500 AS linked, count(*) FROM care_identity.identity;

-- The same tuples in another order, with and without parallel workers, hash
-- joins and sorts, give the same persons, byte for byte. 4,000 tuples of
-- some 1,500 people with all kinds of faults.
TRUNCATE public.tuple_case;
INSERT INTO public.tuple_case
SELECT g::text, 1 + g / 2500,
	   CASE WHEN hashint4(g) % 10 <> 0 THEN n.number END,
	   CASE WHEN hashint4(g * 3) % 15 = 0 THEN NULL
			WHEN hashint4(g * 7) % 10 = 0 THEN date '1940-01-01' + p * 11 + 365
			ELSE date '1940-01-01' + p * 11 END,
	   CASE WHEN hashint4(g * 5) % 30 = 0 THEN NULL ELSE (1 + p % 2)::text END,
	   CASE WHEN hashint4(g * 11) % 4 <> 0 THEN 'LS' || 1 + p % 9 || ' ' || p % 10 || 'AA' END,
	   CASE WHEN hashint4(g * 13) % 2 = 0 THEN 'RR' || g % 3 END,
	   CASE WHEN hashint4(g * 13) % 2 = 0 THEN 'L' || p END
FROM generate_series(1, 4000) g,
	 LATERAL (SELECT abs(hashint4(g * 17)) % 1500 AS p) person,
	 LATERAL (SELECT '999' || to_char(p, 'FM000000') AS stem) s,
	 LATERAL (SELECT (11 - (SELECT sum(substr(s.stem, i, 1)::integer * (11 - i))
							FROM generate_series(1, 9) i) % 11) % 11 AS digit) d,
	 LATERAL (SELECT CASE WHEN d.digit < 10 THEN s.stem || d.digit END AS number) n
WHERE n.number IS NOT NULL OR hashint4(g * 13) % 2 = 0;
DELETE FROM public.tuple_case
WHERE nhs_number IS NULL AND local_id IS NULL
  AND (date_of_birth IS NULL OR sex IS NULL OR postcode IS NULL);
DELETE FROM public.tuple_case a USING public.tuple_case b
WHERE a.label::integer > b.label::integer
  AND (a.nhs_number, a.date_of_birth, a.sex, a.postcode, a.organisation, a.local_id)
	  IS NOT DISTINCT FROM (b.nhs_number, b.date_of_birth, b.sex, b.postcode, b.organisation, b.local_id);
CREATE TABLE public.digest (run text, digest text, persons bigint, ambiguous bigint, ranks bigint);
CREATE FUNCTION public.take_digest(run text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO public.digest
	SELECT run, md5(string_agg(md5(i::text), '' ORDER BY i.identity_id)),
		   count(DISTINCT i.person_id), count(*) FILTER (WHERE i.ambiguous),
		   count(DISTINCT i.link_rank)
	FROM care_identity.identity i $$;
SELECT public.link_cases('first');
SELECT public.take_digest('0 workers');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
-- the setting was renamed in 16
SELECT count(set_config(name, 'on', false)) AS forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT public.link_cases('second');
SELECT public.take_digest('2 workers, another order');
SELECT count(set_config(name, 'off', false)) AS not_forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET enable_hashjoin = off; SET enable_hashagg = off; SET work_mem = '64kB';
SELECT public.link_cases('third');
SELECT public.take_digest('merge joins, third order');
RESET ALL;
SELECT count(DISTINCT digest) AS digests, count(*) AS runs, min(persons) > 1000 AS many_persons,
	   min(ambiguous) > 0 AS some_ambiguous, min(ranks) AS ranks
FROM public.digest;
-- and on every version of PostgreSQL
SELECT DISTINCT digest FROM public.digest;
-- persons are numbered 1, 2, 3 and so on
SELECT max(person_id) = count(*) AND min(person_id) = 1 AS dense FROM care_identity.person;
-- no person has two NHS numbers
SELECT count(*) AS torn FROM (SELECT FROM care_identity.identity GROUP BY person_id
							  HAVING count(DISTINCT nhs_number) > 1) x;

-- Only a linker may set ranks, nobody links by hand.
CREATE ROLE regress_linkage_nobody;
SET ROLE regress_linkage_nobody;
SELECT caredata.use_link_rank(2, false);
SELECT caredata.add_communal_postcode('LS1 4AP', 'hall');
SELECT caredata.link_identities(1);
SELECT * FROM caredata.communal_postcode;
RESET ROLE;
SET ROLE caredata_linker;
SELECT caredata.use_link_rank(7, false);
SELECT rank FROM caredata.disabled_link_rank;
RESET ROLE;

-- A rank that could link strangers cannot be made.
INSERT INTO caredata.link_rank VALUES
	(100, 100, 'sex and date of birth', 'ignored', 'exact', 'exact', 'ignored', 'ignored', false, false, 'none');

\set ECHO none
DROP ROLE regress_linkage_nobody;
\c postgres
DROP DATABASE regress_linkage;
