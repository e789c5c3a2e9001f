-- Datasets: a DBA adds one without C, and what is not well defined is refused
-- before any table is made.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE DATABASE regress_dataset;
\c regress_dataset
SET client_min_messages = warning;
CREATE EXTENSION caredata;

-- Without a care database there is nowhere to put one.
SELECT caredata.define_dataset('early', 'gp', 'Early', '{k}', 'Before its time');
\echo :SQLSTATE

SELECT caredata.create_care_database();
CREATE ROLE regress_dba;
GRANT caredata_admin TO regress_dba;
CREATE ROLE regress_file_loader;
GRANT caredata_loader TO regress_file_loader;
CREATE ROLE regress_nobody;

-- The standard datasets.
SELECT dataset, setting, key_columns, partition_column, event_date_column, landed
FROM caredata.dataset ORDER BY dataset;

-- Every field of every dataset: how it is read, kept and released. A change
-- here changes what suppliers send and what analysts see.
SELECT dataset, regexp_replace(column_name, '_[0-9][0-9]$', '_nn') AS field, count(*) AS n,
	   field_type AS type, nullif(role, 'data') AS role,
	   CASE WHEN stored THEN 'yes' END AS stored, CASE WHEN mandatory THEN 'yes' END AS mandatory,
	   format, code_list, not_before, CASE WHEN future_allowed THEN 'yes' END AS future, treatment
FROM caredata.dataset_column
GROUP BY 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12
ORDER BY dataset, min(position);

-- No identifier is stored, and none of them could be.
SELECT dataset, column_name FROM caredata.dataset_column
WHERE stored AND (role IN ('nhs_number', 'date_of_birth', 'postcode', 'local_patient_id')
				  OR field_type IN ('nhs_number', 'postcode'));
UPDATE caredata.dataset_column SET stored = true WHERE column_name = 'newnhsno';
\echo :SQLSTATE
UPDATE caredata.dataset_column SET stored = true WHERE column_name = 'dob';
\echo :SQLSTATE

-- Every record key is released as a pseudonym, or is the organisation or year.
SELECT c.dataset, c.column_name, c.treatment
FROM caredata.dataset d
JOIN caredata.dataset_column c ON c.dataset = d.dataset AND c.column_name = ANY (d.key_columns)
WHERE c.treatment <> 'record_pid' ORDER BY 1, 2;

-- Every treatment is one that a release knows.
SELECT c.dataset, c.column_name, c.treatment FROM caredata.dataset_column c
WHERE NOT EXISTS (SELECT FROM caredata.treatment t
				  WHERE t.treatment = c.treatment AND c.field_type = ANY (t.field_types));

-- A DBA adds a dataset of his own.
SET ROLE regress_dba;
SELECT caredata.define_dataset('dental_claim', 'community', 'Dental claims',
	ARRAY['contract', 'claim_id'], 'One row for each claim; it''s "quoted"; $$ % \',
	partition_column => 'treated_on', event_date_column => 'treated_on');
SELECT caredata.define_dataset_column('dental_claim', 'contract', 'text', 'Contract',
	role => 'source_organisation', format => 'ods', mandatory => true);
SELECT caredata.define_dataset_column('dental_claim', 'claim_id', 'text', 'Key of the claim', mandatory => true);
SELECT caredata.define_dataset_column('dental_claim', 'nhs_number', 'nhs_number', 'NHS number', role => 'nhs_number');
SELECT caredata.define_dataset_column('dental_claim', 'born', 'date', 'Date of birth', role => 'date_of_birth');
SELECT caredata.define_dataset_column('dental_claim', 'chart', 'text', 'Chart number', role => 'local_patient_id');
SELECT caredata.define_dataset_column('dental_claim', 'accepted_on', 'date', 'Accepted');
SELECT caredata.define_dataset_column('dental_claim', 'treated_on', 'date', 'Treated',
	mandatory => true, not_before => 'accepted_on', treatment => 'month');
SELECT caredata.define_dataset_column('dental_claim', 'seen_at', 'time', 'Time seen');
SELECT caredata.define_dataset_column('dental_claim', 'bands', 'float8', 'Units of dental activity');
SELECT caredata.define_dataset_column('dental_claim', 'urgent', 'boolean', 'Urgent, he said "now"; isn''t it');
SELECT caredata.create_dataset('dental_claim');
SELECT column_name, stored, treatment FROM caredata.dataset_column
WHERE dataset = 'dental_claim' ORDER BY position;
RESET ROLE;

\d care.dental_claim
\d care_landing.dental_claim
SELECT obj_description('care.dental_claim'::regclass);
SELECT attname, col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = 'care.dental_claim'::regclass AND attnum > 0 ORDER BY attnum;
SELECT c.oid::regclass AS relation, c.relrowsecurity, c.relforcerowsecurity, EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner) AS shared
FROM pg_class c WHERE c.relname IN ('dental_claim', 'dental_claim_default')
ORDER BY c.oid::regclass::text COLLATE "C";

-- The loader lands files in it and reads it back; nobody else does.
SET ROLE regress_file_loader;
SELECT caredata.landing_columns('dental_claim');
SELECT caredata.landing_columns('no_such');
COPY care_landing.dental_claim (contract, claim_id, nhs_number, born, chart, accepted_on, treated_on, seen_at, bands, urgent)
FROM STDIN (FORMAT csv, HEADER match);
contract,claim_id,nhs_number,born,chart,accepted_on,treated_on,seen_at,bands,urgent
V12345,C1,9990000018,1950-03-04,77,2024-01-01,2024-01-02,10:00,3,Y
\.
SELECT claim_id, landed_row FROM care_landing.dental_claim;
UPDATE care_landing.dental_claim SET contract = 'X';
\echo :SQLSTATE
TRUNCATE care_landing.dental_claim;
SELECT * FROM care.dental_claim;
\echo :SQLSTATE
SET ROLE regress_nobody;
SELECT * FROM care_landing.dental_claim;
\echo :SQLSTATE
SELECT * FROM care.dental_claim;
\echo :SQLSTATE
SELECT * FROM care.dental_claim_default;
\echo :SQLSTATE
RESET ROLE;

-- What is made is settled.
SELECT caredata.define_dataset_column('dental_claim', 'late', 'text', 'Too late');
\echo :SQLSTATE
SELECT caredata.forget_dataset('dental_claim');
SELECT caredata.create_dataset('dental_claim');

-- Names: nothing that would need quoting, nothing that is taken.
SELECT caredata.define_dataset('x"; DROP TABLE care.person; --', 'gp', 'T', '{k}', 'D');
\echo :SQLSTATE
SELECT caredata.define_dataset('Upper', 'gp', 'T', '{k}', 'D');
SELECT caredata.define_dataset('1st', 'gp', 'T', '{k}', 'D');
SELECT caredata.define_dataset('a_name_that_is_too_long_to_leave_room_for_a_year', 'gp', 'T', '{k}', 'D');
SELECT caredata.define_dataset(NULL, 'gp', 'T', '{k}', 'D');
SELECT caredata.define_dataset('apc_episode', 'gp', 'T', '{k}', 'D');
\echo :SQLSTATE
SELECT caredata.define_dataset('t', 'prison', 'T', '{k}', 'D');
\echo :SQLSTATE
SELECT caredata.define_dataset('t', 'gp', ' ', '{k}', 'D');
SELECT caredata.define_dataset('t', 'gp', 'T', '{}', 'D');
SELECT caredata.define_dataset('t', 'gp', 'T', '{k,NULL}', 'D');
SELECT caredata.define_dataset('practice', 'gp', 'Collides with a reference table', '{k}', 'D');
\echo :SQLSTATE
SELECT caredata.define_dataset('quarantine', 'gp', 'Collides with a landing table', '{k}', 'D');
\echo :SQLSTATE

-- Columns.
SELECT caredata.define_dataset_column('no_such', 'k', 'text', 'Key');
\echo :SQLSTATE
SELECT caredata.define_dataset('t', 'gp', 'T', '{k}', 'D', 'd', 'd');
SELECT caredata.define_dataset_column('t', 'a"b', 'text', 'Quoted');
SELECT caredata.define_dataset_column('t', 'person_id', 'integer', 'Reserved');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'k', 'money', 'No such type');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'k', 'text', 'No such format', format => 'regex');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'No such role', role => 'surname');
SELECT caredata.define_dataset_column('t', 'k', 'integer', 'A format of text', format => 'icd10');
SELECT caredata.define_dataset_column('t', 'k', NULL, 'No type');
SELECT caredata.define_dataset_column('t', 'k', 'text', NULL);
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', treatment => 'hash');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', treatment => 'year');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', treatment => 'msoa');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'NHS number kept', role => 'nhs_number');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'k', 'nhs_number', 'NHS number kept', role => 'nhs_number', stored => true);
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'k', 'nhs_number', 'NHS number as data', stored => true);
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Chart number kept', role => 'local_patient_id', stored => true);
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Postcode', role => 'postcode');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', future_allowed => true);
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key again');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'd', 'text', 'Not a date');
SELECT caredata.define_dataset_column('t', 'e', 'date', 'Compared with what is no date', not_before => 'k');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'n', 'nhs_number', 'NHS number', role => 'nhs_number');
SELECT caredata.define_dataset_column('t', 'm', 'nhs_number', 'Mother''s', role => 'nhs_number');
\echo :SQLSTATE

-- A dataset whose parts do not hang together, until they do.
SELECT caredata.create_dataset('t');
\echo :SQLSTATE
SELECT caredata.forget_dataset('t');
SELECT caredata.define_dataset('t', 'gp', 'T', '{k}', 'D', 'd', 'd');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', mandatory => true);
SELECT caredata.define_dataset_column('t', 'd', 'text', 'Not a date');
SELECT caredata.create_dataset('t');
\echo :SQLSTATE
SELECT caredata.forget_dataset('t');
SELECT caredata.define_dataset('t', 'gp', 'T', '{k}', 'D');
SELECT caredata.define_dataset_column('t', 'k', 'text', 'Key', mandatory => true);
SELECT caredata.create_dataset('t');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'chart', 'text', 'Chart number', role => 'local_patient_id');
SELECT caredata.create_dataset('t');
\echo :SQLSTATE
SELECT to_regclass('care.t'), to_regclass('care_landing.t');
SELECT caredata.define_dataset_column('t', 'org', 'text', 'Organisation', role => 'source_organisation');
SELECT caredata.create_dataset('t');
SELECT to_regclass('care.t'), to_regclass('care_landing.t');
SELECT caredata.create_dataset('no_such');

-- None of it is anybody's.
SET ROLE regress_nobody;
SELECT caredata.define_dataset('u', 'gp', 'T', '{k}', 'D');
\echo :SQLSTATE
SELECT caredata.define_dataset_column('t', 'z', 'text', 'Z');
\echo :SQLSTATE
SELECT caredata.create_dataset('t');
\echo :SQLSTATE
SELECT caredata.forget_dataset('t');
\echo :SQLSTATE
SELECT caredata.landing_columns('t');
\echo :SQLSTATE
SELECT caredata.define_standard_datasets();
\echo :SQLSTATE
SELECT caredata.lock_table('care.practice');
\echo :SQLSTATE
SELECT caredata.protect_table('care.practice');
\echo :SQLSTATE
SELECT caredata.check_dataset_name('x', 'dataset');
\echo :SQLSTATE
SELECT caredata.check_dataset_open('t');
\echo :SQLSTATE
SELECT * FROM caredata.dataset;
\echo :SQLSTATE
SET ROLE regress_file_loader;
SELECT caredata.define_dataset('u', 'gp', 'T', '{k}', 'D');
\echo :SQLSTATE
RESET ROLE;

-- Financial years begin on 1 April, leap year or not.
SELECT d, caredata.financial_year_start(d)
FROM unnest('{2023-03-31,2023-04-01,2024-02-29,2024-03-31,2024-04-01,2024-12-31,1900-03-31,NULL}'::date[]) d;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_dataset;
DROP ROLE regress_dba, regress_file_loader, regress_nobody;
