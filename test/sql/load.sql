-- Load: every landed row is stored, quarantined with what is wrong, or withheld
-- with the reason (invariant I6); what is landed again, corrected, or doubled;
-- objection codes; what the database knows of persons; who may load.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_load;
\c regress_load
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_load
\pset null -
CREATE ROLE regress_loader IN ROLE caredata_loader;
CREATE ROLE regress_load_nobody;
CREATE FUNCTION public.care_records() RETURNS TABLE (record text) LANGUAGE sql AS $$
	SELECT e::text FROM care.gp_event e UNION ALL SELECT r::text FROM care.gp_registration r
	UNION ALL SELECT p::text FROM care.person p $$;
CREATE FUNCTION public.account(load_id integer) RETURNS TABLE (what text, reason text, rows bigint)
LANGUAGE sql AS $$
	SELECT * FROM (
	SELECT 'quarantined' AS what, r AS reason, count(*) AS rows FROM care_landing.quarantine q, unnest(q.reasons) r
	WHERE q.load_id = $1 GROUP BY r
	UNION ALL
	SELECT 'withheld', w.reason, w.rows FROM caredata.load_withheld w WHERE w.load_id = $1
	UNION ALL
	SELECT 'quality', q.column_name || ': ' || q.reason, q.rows FROM caredata.load_quality q WHERE q.load_id = $1
	) a ORDER BY a.what, a.reason COLLATE "C" $$;
CREATE VIEW public.balance AS
	SELECT load_id, dataset, landed, stored, quarantined, withheld, superseded, new_persons,
		   still_quarantined, balanced
	FROM caredata.load_balance ORDER BY load_id;
\set ECHO all

-- Clear errors.
CALL caredata.load('aps_episode');
CALL caredata.load(NULL);
CALL caredata.load('person');
CALL caredata.load('apc_episode');
\set VERBOSITY default
\set SHOW_CONTEXT never
CALL caredata.load('apc_episode');
\set VERBOSITY terse
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL caredata.load('apc_episode');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
CALL caredata.load('apc_episode');
ROLLBACK;
SET ROLE regress_load_nobody;
CALL caredata.load('apc_episode');
SELECT * FROM caredata.load_balance;
SELECT caredata.land_again('{1}');
SELECT caredata.discard_quarantined('{1}');
SELECT caredata.correct_quarantined(1, 'sex', '1');
SELECT caredata.update_persons('apc_episode');
RESET ROLE;
-- nothing of all that left a load behind
SELECT count(*) FROM caredata.load_run;

-- Registrations: a loader lands them and loads them, knowing no more than that.
SET ROLE regress_loader;
COPY care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex,
	postcode, local_patient_id, registration_start, registration_end, ethnos, lsoa)
FROM STDIN (FORMAT csv, DELIMITER '|');
R1|A81001|999 000 0018|1950-03-04|2|LS1 4AP||2001-04-01||A|E01000001
R2|A81001|9990000026|04/03/1950|F|ls14ap||20010401|2010-03-31|Z|
R3|A81002|9990000026|1950-03-04|2|LS2 9JT||2010-04-01||B|E01000002
R4|V81997|9990000034|1960-05-05|1|LS1 4AP||2001-04-01|||
R5|A81002|9990000042|1970-07-07|1|LS1 4AP||2001-04-01|2005-03-31||
R6|A81001|9990000018|1950-03-04|2|LS1 4AP||1995-04-01|2001-03-31||E01000009
 R7 |A81001||1980-01-02|1|LS1 4AP||2001-04-01|||
\.
CALL caredata.load('gp_registration', 'registrations_1.csv');
SELECT * FROM caredata.load_balance \gset
SELECT :'file_name' AS file_name, :'loaded_by' = session_user AS loaded_by, :'balanced' AS balanced;
SELECT count(*) FROM care_landing.gp_registration;
-- A loader sees neither care nor identities.
SELECT count(*) FROM care.gp_registration;
SELECT count(*) FROM care_identity.identity;
RESET ROLE;
SELECT * FROM public.balance;
SELECT link_rank, ambiguous, identities, records FROM caredata.load_link ORDER BY 1;
SELECT person_id, registration_id, practice, registration_start, registration_end, ethnos, lsoa, link_rank, load_id
FROM care.gp_registration ORDER BY registration_id;
-- The open registration that started last gives the practice; V81997 is none;
-- a stated ethnic category is kept before Z.
SELECT * FROM care.person ORDER BY person_id;
SELECT * FROM care_identity.person ORDER BY person_id;

-- Every kind of fault, one row each; 1 to 8 are sound in spite of what they
-- look like. Identifiers that are wrong count as missing while others do.
COPY care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, lopatid, procode3,
	admidate, epistart, epiend, admimeth, disdate, diag_01, opertn_01, epiorder, lsoa11, ethnos)
FROM STDIN (FORMAT csv, DELIMITER '|');
2324|1|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01|2023-05-03|21|2023-05-03|j46|K401|1|E01000001|A
2324|2|9990000019|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||21||J46X||1||
2324|3|9990000018|1850-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|4|9990000018|1950-03-04|x|nowhere|H1|RR8|2023-05-01|2023-05-01||||||||
2324|5||1980-01-02|1|ZZ99 3VZ|H9|RR8|2023-05-01|2023-05-01||||||||
2324|6|1111111111|1950-03-04|2|LS1 4AP||RR8|2023-05-01|2023-05-01|   |  ||||||
2324|7||2023-06-01|1|LS2 9JT|H7|RR8|2023-06-01|2023-06-01||82||Z38||||
2324|8|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
|101|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|1o2|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|103|9990000018|1950-03-04|2|LS1 4AP|H1|R-8|2023-05-01|2023-05-01||||||||
2324|104|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-02-30||||||||
2324|105|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-04-30||||||||
2324|106|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01|2023-04-30|||||||
2324|107|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2190-05-01|2190-05-01||||||||
2324|108|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|1949-05-01|1949-05-01||||||||
2324|109|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||99x||||||
2324|110|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||nonsense|?|many|E1|Q
2324|111||1950-03-04|2|||RR8|2023-05-01|2023-05-01||||||||
2324|112|9990000019|1950-03-04|2|ZZ99 3CZ||RR8|2023-05-01|2023-05-01||||||||
2324|113|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|113|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01|2023-05-02|||||||
2324|114|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|114|9990000018|04/03/1950|2|LS1 4AP|H1|RR8|20230501|2023-05-01||||||||
2324|115|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-05-01|2023-05-01||||||||
2324|115|9990000034|1960-05-05|1|LS1 4AP||RR8|2023-05-01|2023-05-01||||||||
2223|114|9990000018|1950-03-04|2|LS1 4AP|H1|RR8|2023-03-01|2023-03-01||||||||
\.
CALL caredata.load('apc_episode');
SELECT * FROM public.balance WHERE load_id > 1;
SELECT * FROM public.account(2);
SELECT record->>'epikey' AS epikey, reasons FROM care_landing.quarantine
ORDER BY landed_row;
SELECT fyear, epikey, person_id, procode3, admimeth, diag_01, opertn_01, epiorder, link_rank
FROM care.apc_episode ORDER BY 1, 2;
SELECT tableoid::regclass AS partition, count(*) FROM care.apc_episode GROUP BY 1 ORDER BY 1;
-- no identifier has a column in care
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'care' AND table_name = 'apc_episode'
  AND column_name IN ('newnhsno', 'dob', 'sex', 'homeadd', 'lopatid');

-- The same file again: nothing changes.
CREATE TABLE public.before AS SELECT e::text FROM care.apc_episode e;
CREATE FUNCTION public.land(rows text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, admidate, epistart, epiend)
	SELECT f[1], f[2], f[3], '1950-03-04', '2', 'LS1 4AP', 'RR8', f[4], f[4], f[5]
	FROM unnest(rows) r, string_to_array(r, '|', '') f $$;
SELECT public.land('{2425|1|9990000018|2024-05-01|, 2425|2|9990000018|2024-06-01|2024-06-02, 2425|3|9990000018|2024-07-01|}');
CALL caredata.load('apc_episode');
SELECT public.land('{2425|1|9990000018|2024-05-01|, 2425|2|9990000018|2024-06-01|2024-06-02, 2425|3|9990000018|2024-07-01|}');
CALL caredata.load('apc_episode');
SELECT * FROM public.balance WHERE load_id > 2;
SELECT * FROM public.account(4);
-- A correction takes the place of what it corrects, whatever it changes: the
-- end, the date and so the partition, the person.
SELECT public.land('{2425|1|9990000018|2024-05-01|2024-05-09, 2425|2|9990000018|2025-06-01|2025-06-02, 2425|3|9990000026|2024-07-01|}');
CALL caredata.load('apc_episode');
SELECT * FROM public.balance WHERE load_id > 4;
SELECT tableoid::regclass AS partition, epikey, person_id, epistart, epiend, load_id
FROM care.apc_episode WHERE fyear = '2425' ORDER BY epikey;

-- Quarantined rows are corrected and landed again, or discarded; the account
-- of the first load still balances.
SELECT quarantine_id AS wrong_key FROM care_landing.quarantine WHERE record->>'epikey' = '1o2' \gset
SELECT quarantine_id AS wrong_list FROM care_landing.quarantine WHERE record->>'epikey' = '109' \gset
SELECT array_agg(quarantine_id) AS twice FROM care_landing.quarantine WHERE record->>'epikey' = '113' \gset
SET ROLE regress_loader;
SELECT caredata.correct_quarantined(:wrong_key, 'epikey', '102');
SELECT caredata.correct_quarantined(:wrong_list, 'admimeth', NULL);
SELECT caredata.correct_quarantined(:wrong_list, 'nonsense', '1');
SELECT caredata.correct_quarantined(-1, 'epikey', '1');
SELECT caredata.land_again(ARRAY[:wrong_key, :wrong_list, -1]);
SELECT caredata.discard_quarantined(:'twice');
SELECT caredata.land_again(ARRAY[:wrong_key]);
CALL caredata.load('apc_episode');
RESET ROLE;
SELECT * FROM public.balance WHERE load_id IN (2, 6);
SELECT load_id, action, sum(rows) FROM caredata.quarantine_action GROUP BY 1, 2 ORDER BY 1, 2;

-- Objection codes never become care. Each form of the code counts; no other
-- fault of the row lets an objection be lost; without a person it cannot be
-- recorded, and says so.
INSERT INTO care_landing.gp_event (practice, event_id, nhs_number, date_of_birth, sex, postcode, date, record_date, code, scheme, value1_condition)
VALUES ('A81001', 'E1', '9990000018', '1950-03-04', '2', 'LS1 4AP', '2014-02-01', '2014-02-02', '9Nu0.', 'readv2', NULL),
	   ('A81001', 'E2', '9990000026', '1950-03-04', '2', 'LS1 4AP', NULL, NULL, '9Nu0', 'readv2', NULL),
	   ('A81001', 'E3', '9990000034', '1960-05-05', '1', 'LS1 4AP', '2014-02-01', NULL, '9Nu0.00', 'readv2', NULL),
	   ('A81001', 'E4', '9990000034', '1960-05-05', '1', 'LS1 4AP', '2015-02-01', NULL, ' XaZ8A ', 'ctv3', NULL),
	   ('A81001', NULL, '9990000042', '1970-07-07', '1', 'LS1 4AP', '2190-01-01', 'when?', '827241000000103', 'snowmed', 'high'),
	   ('A81001', 'E6', NULL, '1970-07-07', NULL, NULL, '2014-02-01', NULL, 'XaaVL', 'ctv3', NULL),
	   ('A81001', 'E7', '9990000018', '1950-03-04', '2', 'LS1 4AP', '2014-02-01', NULL, '9nu0.', 'readv2', NULL),
	   ('A81001', 'E8', '9990000018', '1950-03-04', '2', 'LS1 4AP', NULL, NULL, 'H33..', 'readv2', '12.5');
CALL caredata.load('gp_event');
SELECT * FROM public.account(7);
SELECT person_id, kind, meaning, event_date, recorded_on FROM care_identity.coded_objection ORDER BY 1, 4;
SELECT event_id, code, value1_condition, tableoid::regclass AS partition FROM care.gp_event ORDER BY 1;
SELECT * FROM caredata.coded_objections(DATE '2020-01-01') ORDER BY 1;
-- again: not recorded twice
INSERT INTO care_landing.gp_event (practice, event_id, nhs_number, date_of_birth, sex, postcode, date, record_date, code, scheme)
VALUES ('A81001', 'E1', '9990000018', '1950-03-04', '2', 'LS1 4AP', '2014-02-01', '2014-02-02', '9Nu0.', 'readv2');
CALL caredata.load('gp_event');
SELECT * FROM public.balance WHERE load_id = 8;
SELECT count(*) FROM care_identity.coded_objection WHERE person_id = 1;

-- Facts of persons: a later record fills what the first one lacked, a death is
-- known by month, a corrected registration takes the practice with it.
INSERT INTO care_landing.death (registration_id, nhs_number, date_of_birth, sex, date_of_death, lsoa)
VALUES ('D1', '9990000034', '1960-05-05', '1', '2024-11-30', 'E01000003'),
	   ('D2', '9990000034', NULL, NULL, '2023-05-05', NULL);
CALL caredata.load('death');
INSERT INTO care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex, postcode, registration_start)
VALUES ('R1', 'A81001', '9990000034', '1960-05-05', '1', 'LS1 4AP', '2001-04-01');
CALL caredata.load('gp_registration');
INSERT INTO care_landing.ed_attendance (fyear, aekey, newnhsno, homeadd, procode3, arrivaldate)
VALUES ('2324', '1', '9990000050', 'LS9 7TF', 'RR8', '2023-05-05');
CALL caredata.load('ed_attendance');
INSERT INTO care_landing.op_attendance (fyear, attendkey, newnhsno, dob, sex, homeadd, procode3, apptdate, ethnos, lsoa11)
VALUES ('2324', '1', '9990000050', '1990-09-09', '2', 'LS9 7TF', 'RR8', '2023-05-05', '99', 'E01000004'),
	   ('2324', '2', '9990000050', '1990-09-09', '2', 'LS9 7TF', 'RR8', '2022-05-05', 'C', 'E01000005');
CALL caredata.load('op_attendance');
SELECT * FROM care.person WHERE person_id IN (1, 3) OR birth_year = 1990 ORDER BY person_id;

-- A dataset of a DBA's own: two columns of the key, an identifier that is
-- mandatory, more than a hundred fields, no date at all.
SELECT caredata.define_dataset('wide', 'hospital', 'Wide', '{site,visit}', 'A wide dataset');
SELECT caredata.define_dataset_column('wide', 'site', 'text', 'Site', mandatory => true);
SELECT caredata.define_dataset_column('wide', 'visit', 'integer', 'Visit', mandatory => true);
SELECT caredata.define_dataset_column('wide', 'nhs_number', 'nhs_number', 'NHS number', role => 'nhs_number', mandatory => true);
SELECT count(caredata.define_dataset_column('wide', ('f' || g)::name, 'smallint', 'Field')) FROM generate_series(1, 120) g;
SELECT caredata.create_dataset('wide');
INSERT INTO care_landing.wide (site, visit, nhs_number, f1, f120)
VALUES ('a', '1', '9990000018', '1', '2'), ('a', '2', NULL, '1', '2'), ('a', '3', '9990000019', '1', '2'),
	   ('b', '1', '9990000018', '1', 'two'), ('a''b"', '1', '9990000018', NULL, NULL);
CALL caredata.load('wide');
SELECT * FROM public.balance WHERE dataset = 'wide';
SELECT record->>'visit' AS visit, reasons FROM care_landing.quarantine WHERE dataset = 'wide' ORDER BY landed_row;
SELECT site, visit, f1, f120 FROM care.wide ORDER BY 1;

-- A load that fails in a subtransaction has done nothing, and can be tried
-- again in the same one; two loads fit into one transaction.
INSERT INTO care_landing.wide (site, visit, nhs_number) VALUES ('c', '1', '9990000018');
INSERT INTO care_landing.death (registration_id, nhs_number, date_of_death) VALUES ('D3', '9990000018', '2025-01-01');
DO $$
BEGIN
	BEGIN
		CALL caredata.load('wide');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
	IF (SELECT count(*) FROM care_landing.wide) <> 1 OR EXISTS (SELECT FROM care.wide WHERE site = 'c') THEN
		RAISE 'a load that failed has done something';
	END IF;
	CALL caredata.load('wide');
	CALL caredata.load('death');
END $$;
SELECT dataset, landed, stored, withheld FROM public.balance ORDER BY load_id DESC LIMIT 2;

-- Empty code lists would quarantine everything: refused.
DELETE FROM care.code_list WHERE code_list = 'clinical_scheme';
INSERT INTO care_landing.gp_event (practice) VALUES ('A81001');
CALL caredata.load('gp_event');
SELECT count(*) FROM care_landing.gp_event;
TRUNCATE care_landing.gp_event;

-- All loads balance, by the books and by counting what is there.
SELECT count(*) AS loads, bool_and(balanced) AS balanced FROM caredata.load_balance;
SELECT (SELECT count(*) FROM care_landing.quarantine) = (SELECT sum(still_quarantined) FROM caredata.load_balance) AS quarantine_is_there;
UPDATE caredata.load_run SET stored = stored + 1 WHERE load_id = 1;

-- Invariant I8, for whole loads: the same file in another order, with and
-- without parallel workers, gives the same persons and the same care records.
CREATE TABLE public.source AS
SELECT 'A8100' || p % 7 AS practice, 'E' || g AS event_id,
	   CASE WHEN hashint4(g * 3) % 9 = 0 THEN NULL ELSE number END AS nhs_number,
	   (date '1940-01-01' + p * 13)::text AS date_of_birth,
	   (1 + p % 2)::text AS sex, 'LS' || 1 + p % 5 || ' 4AP' AS postcode,
	   CASE WHEN hashint4(g * 7) % 5 = 0 THEN 'L' || p END AS local_patient_id,
	   (date '2020-01-01' + g % 1500)::text AS date,
	   (ARRAY['H33..', '9Nu0.', 'C10E.', '?'])[1 + abs(hashint4(g)) % 4] AS code
FROM generate_series(1, 3000) g,
	 LATERAL (SELECT abs(hashint4(g * 17)) % 400 AS p) person,
	 LATERAL (SELECT '999' || to_char(p, 'FM000000') AS stem) s,
	 LATERAL (SELECT (11 - (SELECT sum(substr(s.stem, i, 1)::integer * (11 - i))
							FROM generate_series(1, 9) i) % 11) % 11 AS digit) d,
	 LATERAL (SELECT s.stem || d.digit % 10 AS number) n;
INSERT INTO public.source SELECT * FROM public.source WHERE event_id < 'E12';
INSERT INTO care.code_list (code_list, scheme, code, description) VALUES ('clinical_scheme', 'caredata', 'readv2', 'Read version 2');
CREATE TABLE public.digest (run text, identities text, records text, objections text);
CREATE PROCEDURE public.run(run text, seed integer) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE care_identity.person, care_identity.identity, care_identity.coded_objection,
		care.gp_event, care.gp_registration, care.person RESTART IDENTITY;
	INSERT INTO care_landing.gp_event (practice, event_id, nhs_number, date_of_birth, sex, postcode, local_patient_id, date, code, scheme)
	SELECT s.*, 'readv2' FROM public.source s ORDER BY hashtextextended(s::text, seed);
	CALL caredata.load('gp_event');
	INSERT INTO public.digest SELECT run.run,
		(SELECT md5(string_agg(md5((i.person_id, i.nhs_number, i.date_of_birth, i.sex, i.postcode, i.source_organisation,
			i.local_patient_id, i.link_rank, i.ambiguous)::text), '' ORDER BY i.identity_id)) FROM care_identity.identity i),
		(SELECT md5(string_agg(md5(regexp_replace(r.record, ',\d+(,\d+)\)$', '\1)')), '' ORDER BY r.record COLLATE "C")) FROM public.care_records() r),
		(SELECT md5(string_agg(md5((o.person_id, o.kind, o.meaning, o.event_date)::text), '' ORDER BY o.person_id, o.event_date)) FROM care_identity.coded_objection o);
END $$;
SET max_parallel_workers_per_gather = 0;
CALL public.run('0 workers', 1);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CALL public.run('2 workers, another order', 2);
-- the setting was renamed in 16
SELECT count(set_config(name, 'on', false)) AS forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET enable_hashjoin = off; SET enable_hashagg = off;
CALL public.run('merge joins, a third order', 3);
RESET ALL;
SELECT count(*) AS runs, count(DISTINCT identities) AS identities, count(DISTINCT records) AS records,
	   count(DISTINCT objections) AS objections
FROM public.digest;
SELECT landed, landed = stored + quarantined + withheld AS balanced, stored > 500 AS many_stored, quarantined > 500 AS many_quarantined,
	   withheld > 500 AS many_withheld
FROM public.balance ORDER BY load_id DESC LIMIT 1;

\set ECHO none
DROP ROLE regress_loader;
DROP ROLE regress_load_nobody;
\c postgres
DROP DATABASE regress_load;
