-- The care database: who may make one, what is in it, who may touch it, and
-- the loaders of reference files.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE DATABASE regress_care_database;
\c regress_care_database
SET client_min_messages = warning;
CREATE EXTENSION caredata;
CREATE ROLE regress_nobody;
CREATE ROLE regress_file_loader;
CREATE ROLE regress_administrator;

CREATE VIEW made AS
SELECT count(*) FILTER (WHERE nspname IN ('care', 'care_landing', 'care_identity')) AS schemas,
	   (SELECT count(*) FROM caredata.dataset) AS datasets,
	   (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
		WHERE d.datname = current_database()) AS settings
FROM pg_namespace;

-- Only a superuser may, and is told so.
SET ROLE regress_nobody;
SELECT caredata.create_care_database();
\echo :SQLSTATE
RESET ROLE;
SELECT * FROM made;

-- A role that somebody made powerful is not taken for ours.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'caredata_guardian') THEN
		CREATE ROLE caredata_guardian;
	END IF;
END $$;
ALTER ROLE caredata_guardian LOGIN;
SELECT caredata.create_care_database();
\echo :SQLSTATE
ALTER ROLE caredata_guardian NOLOGIN BYPASSRLS;
SELECT caredata.create_care_database();
\echo :SQLSTATE
ALTER ROLE caredata_guardian NOBYPASSRLS SUPERUSER;
SELECT caredata.create_care_database();
ALTER ROLE caredata_guardian NOSUPERUSER CREATEROLE;
SELECT caredata.create_care_database();
ALTER ROLE caredata_guardian NOCREATEROLE;
GRANT pg_read_all_data TO caredata_guardian;
SELECT caredata.create_care_database();
\echo :SQLSTATE
REVOKE pg_read_all_data FROM caredata_guardian;
SELECT * FROM made;

-- A schema in the way is not adopted.
CREATE SCHEMA care_identity AUTHORIZATION regress_nobody;
SELECT caredata.create_care_database();
\echo :SQLSTATE
DROP SCHEMA care_identity;
SELECT * FROM made;

-- Now it is made, in a database whose default privileges and public schema
-- are as open as they can be.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, regress_nobody;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
SELECT caredata.create_care_database();
SELECT * FROM made;
SELECT caredata.create_care_database();
\echo :SQLSTATE
SELECT * FROM made;
SELECT has_schema_privilege('regress_nobody', 'public', 'CREATE') AS may_plant;
\c
SET client_min_messages = warning;
SHOW search_path;
SELECT '943 476 5919'::nhs_number = '9434765919'::nhs_number AS operators_found;

-- Every table with a person's rows is under forced row security.
SELECT c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity
FROM pg_class c WHERE c.relnamespace = 'care'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname COLLATE "C";

-- Columns are of types whose equality and order cannot leak a hidden row, or
-- their indexes would be of no use under row security.
CREATE VIEW leaky AS
SELECT a.attrelid::regclass AS relation, a.attname, format_type(a.atttypid, NULL) AS type, o.oprname
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_opclass k ON k.opcintype = a.atttypid AND k.opcdefault
	AND k.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
LEFT JOIN pg_amop p ON p.amopfamily = k.opcfamily AND p.amoplefttype = a.atttypid
	AND p.amoprighttype = a.atttypid
LEFT JOIN pg_operator o ON o.oid = p.amopopr
LEFT JOIN pg_proc f ON f.oid = o.oprcode
WHERE c.relnamespace = 'care'::regnamespace AND c.relkind IN ('r', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped
  AND f.proleakproof IS NOT TRUE;
SELECT * FROM leaky;
BEGIN;
CREATE TABLE care.regress_leaky (n numeric, j json, i integer);
SELECT * FROM leaky ORDER BY attname, oprname;
ROLLBACK;

-- So a prefix of a code finds its rows by an index before a policy is asked,
-- which LIKE cannot.
BEGIN;
CREATE FUNCTION regress_policy(integer) RETURNS boolean LANGUAGE plpgsql STABLE COST 10
	AS 'BEGIN RETURN true; END';
CREATE POLICY regress_policy ON care.apc_episode TO regress_nobody USING (regress_policy(person_id));
GRANT SELECT ON care.apc_episode TO regress_nobody;
CREATE INDEX ON care.apc_episode (diag_01);
-- 18 marks what is disabled and yet used
CREATE FUNCTION regress_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line NOT LIKE '%Disabled: true' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END
$$;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL ROLE regress_nobody;
SELECT regress_plan($$SELECT epikey FROM care.apc_episode WHERE diag_01 ^@ 'I48'$$);
SELECT regress_plan($$SELECT epikey FROM care.apc_episode WHERE diag_01 LIKE 'I48%'$$);
SELECT regress_plan($$SELECT epikey FROM care.apc_episode WHERE fyear = '2324' AND epikey = 1$$);
ROLLBACK;

-- No care table has a column that could hold an identifier.
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'care'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
  AND (a.atttypid IN ('caredata.nhs_number'::regtype, 'caredata.postcode'::regtype)
	   OR a.attname ~ '(nhs_?n(o|um)|newnhsno|birth_date|date_of_birth|^dob$|name|postcode|homeadd|patid|patient_id)'
		  AND a.attname <> 'nhs_number_status');

-- What the catalogue says is what was made, and all of it is explained.
SELECT d.dataset, c.column_name FROM caredata.dataset d JOIN caredata.dataset_column c USING (dataset)
WHERE c.stored <> EXISTS (SELECT FROM pg_attribute a
						  WHERE a.attrelid = format('care.%I', d.dataset)::regclass AND a.attname = c.column_name
							AND a.atttypid = CASE c.field_type WHEN 'float8' THEN 'float8'::regtype
												  ELSE c.field_type::regtype END
							AND a.attnotnull = c.mandatory)
   OR d.landed <> EXISTS (SELECT FROM information_schema.columns a
						  WHERE a.table_schema = 'care_landing' AND a.table_name = d.dataset
							AND a.column_name = c.column_name AND a.data_type = 'text'
							AND a.ordinal_position = c.position);
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'care'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
  AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace::regnamespace::text IN ('care', 'care_landing', 'care_identity')
  AND c.relkind IN ('r', 'p') AND obj_description(c.oid) IS NULL;
SELECT d.dataset, (SELECT array_agg(i ORDER BY i) FROM (
	SELECT substring(pg_get_indexdef(x.indexrelid) FROM '\(.*\)$') AS i
	FROM pg_index x WHERE x.indrelid = format('care.%I', d.dataset)::regclass) s) AS indexes
FROM caredata.dataset d ORDER BY d.dataset;
\d care.person
\d care_identity.identity
SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE c.relnamespace::regnamespace::text IN ('care_identity', 'care_landing') AND c.relkind = 'r'
  AND attnum > 0 AND relname IN ('person', 'objection', 'coded_objection', 'national_check', 'national_list', 'quarantine')
  AND NOT (relname = 'person' AND c.relnamespace::regnamespace::text = 'care')
ORDER BY relname COLLATE "C", c.relnamespace::regnamespace::text COLLATE "C", attnum;

-- Who may do what: each privilege that somebody other than the owner has.
SELECT n.nspname, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type)
FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE n.nspname LIKE 'care%' AND a.grantee <> n.nspowner GROUP BY 1, 2 ORDER BY 1, 2;
SELECT n.nspname, grantee, privileges, string_agg(relname, ' ' ORDER BY relname COLLATE "C") AS relations
FROM (SELECT c.relnamespace, c.relname, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee,
			 string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS privileges
	  FROM pg_class c, aclexplode(c.relacl) a
	  WHERE a.grantee <> c.relowner AND c.relkind IN ('r', 'p') GROUP BY 1, 2, 3) s
JOIN pg_namespace n ON n.oid = relnamespace
WHERE n.nspname IN ('care', 'care_landing', 'care_identity') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- Each role has all that caredata.role_grant lists.
SELECT * FROM caredata.role_grant g
WHERE CASE WHEN g.routine LIKE '%(%' THEN NOT has_function_privilege(g.role_name, g.routine::regprocedure, 'EXECUTE')
		   ELSE NOT has_table_privilege(g.role_name, g.routine::regclass, 'SELECT') END;

-- Roles are the cluster's: a second care database uses the same ones, and
-- keeps what its search path was.
CREATE DATABASE regress_care_second;
ALTER DATABASE regress_care_second SET search_path = "My Schema", public;
\c regress_care_second
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SHOW search_path;
\c regress_care_database
SET client_min_messages = warning;
DROP DATABASE regress_care_second;

-- Code lists: each that a field names has codes, and what is not confirmed
-- says so.
SELECT DISTINCT c.code_list FROM caredata.dataset_column c
WHERE c.code_list IS NOT NULL
  AND NOT EXISTS (SELECT FROM care.code_list l WHERE l.code_list = c.code_list);
SELECT code_list, scheme, count(*) AS codes,
	   count(*) FILTER (WHERE description LIKE '%not confirmed%') AS not_confirmed
FROM care.code_list GROUP BY 1, 2 ORDER BY 1, 2;
SELECT code, description FROM care.code_list WHERE code_list = 'admimeth' ORDER BY code;
SELECT code, description FROM caredata.default_ods_code ORDER BY code COLLATE "C";

-- Partitions are financial years; what is in the default partition moves out
-- of it when its year is made.
INSERT INTO care.gp_event (person_id, practice, event_id, date, code, scheme)
SELECT 1, 'A81001', row_number() OVER ()::text, d, 'H33..', 'readv2'
FROM unnest('{2023-03-31,2023-04-01,2024-02-29,2024-03-31,2024-04-01,1950-01-01,NULL}'::date[]) d;
GRANT caredata_loader TO regress_file_loader;
SET ROLE regress_file_loader;
SELECT caredata.ensure_partitions('gp_event', '2023-04-01', '2024-03-31');
SELECT caredata.ensure_partitions('gp_event', '2023-04-01', '2024-03-31') AS again;
SELECT caredata.ensure_partitions('gp_event', '2022-12-25', '2024-04-01') AS either_side;
SELECT caredata.ensure_partitions('gp_event', '1950-01-01', '1989-03-31') AS too_old;
SELECT caredata.ensure_partitions('gp_event', '2150-01-01', '2199-12-31') AS too_far_ahead;
SELECT caredata.ensure_partitions('gp_event', '1950-01-01', '1989-04-01') AS first_year;
SELECT caredata.ensure_partitions('death', '2023-04-01', '2024-03-31') AS not_partitioned;
SELECT caredata.ensure_partitions('gp_event', NULL, NULL) AS nothing;
SELECT caredata.ensure_partitions('gp_event', '2024-04-01', '2023-04-01');
\echo :SQLSTATE
SELECT caredata.ensure_partitions('no_such', '2024-04-01', '2024-04-01');
\echo :SQLSTATE
RESET ROLE;
SELECT tableoid::regclass, event_id, date FROM care.gp_event ORDER BY event_id;
SELECT c.oid::regclass, c.relrowsecurity, c.relforcerowsecurity, EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner) AS shared,
	   pg_get_expr(c.relpartbound, c.oid) AS bound, obj_description(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'care.gp_event'::regclass ORDER BY c.relname COLLATE "C";
SELECT count(*) AS indexes_of_partition FROM pg_index WHERE indrelid = 'care.gp_event_2023_24'::regclass;
SELECT count(*) AS uncommented FROM pg_attribute a
WHERE a.attrelid = 'care.gp_event_2023_24'::regclass AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;

-- Reference files with their dirt. The ids are of nobody: these are practices.
SET ROLE regress_file_loader;
CALL caredata.load_practices();
\echo :SQLSTATE
COPY care_landing.epraccur FROM STDIN (FORMAT csv);
"A81001","THE DENSHAM SURGERY","Y63","Q74","THE HEALTH CENTRE","LAWSON STREET","STOCKTON-ON-TEES","CLEVELAND","","TS18 1HU","19740401","","A","B","00K","20130401","","01642 672351","","","","0","","00K","","4",""
"A81001","THE DENSHAM SURGERY","Y63","Q74","THE HEALTH CENTRE","LAWSON STREET","STOCKTON-ON-TEES","CLEVELAND","","TS18 1HU","19740401","","A","B","00K","20130401","","01642 672351","","","","0","","00K","","4",""
"A81002","NO POSTCODE","Y63","Q74","","","","","","","19740401","20100101","C","B","","20130401","","","","","","0","","00K","","4",""
"V81997","NO REGISTERED GP PRACTICE","Y63","Q74","","","","","","TS18 1HU","19740401","","A","B","00K","20130401","","","","","","0","","00K","","4",""
"A81003","BAD POSTCODE","Y63","Q74","","","","","","QV1 1AA","19740401","","A","B","00K","20130401","","","","","","0","","00K","","4",""
"A81004","CLOSED BEFORE IT OPENED","Y63","Q74","","","","","","TS18 1HU","19740401","19740331","C","B","00K","20130401","","","","","","0","","00K","","4",""
"A81005","ODD STATUS","Y63","Q74","","","","","","TS18 1HU","19740401","","X","B","00K","20130401","","","","","","0","","00K","","4",""
"A81006","TWO OF THEM","Y63","Q74","","","","","","TS18 1HU","19740401","","A","B","00K","20130401","","","","","","0","","00K","","4",""
"A81006","TWO OF THEM, DIFFERENT","Y63","Q74","","","","","","TS18 1HU","19740401","","A","B","00K","20130401","","","","","","0","","00K","","4",""
"a81006 ","TWO OF THEM, LOWER CASE","Y63","Q74","","","","","","TS18 1HU","19740401","","A","B","00K","20130401","","","","","","0","","00K","","4",""
"A8;","","Y63","Q74","","","","","","","32nd May","tomorrow","A","B","?","20130401","","","","","","0","","00K","","4",""
\.
CALL caredata.load_practices();
SELECT reference, loaded_by = session_user AS by_me, landed, stored, withheld, quarantined
FROM caredata.reference_load;
SELECT record ->> 'organisation_code' AS code, record ->> 'name' AS name, reasons
FROM care_landing.reference_quarantine ORDER BY 1, 2;
SELECT * FROM care.practice ORDER BY practice_code;
SELECT * FROM care.commissioner ORDER BY 1;
SELECT count(*) AS left_in_landing FROM care_landing.epraccur;

-- A correction replaces, and only what differs counts as stored.
COPY care_landing.epraccur FROM STDIN (FORMAT csv);
"A81001","THE DENSHAM SURGERY","Y63","Q74","THE HEALTH CENTRE","LAWSON STREET","STOCKTON-ON-TEES","CLEVELAND","","TS18 1HU","19740401","","A","B","00K","20130401","","01642 672351","","","","0","","00K","","4",""
"A81002","NO POSTCODE","Y63","Q74","","","","","","TS18 2AW","19740401","20100101","C","B","16C","20130401","","","","","","0","","00K","","4",""
\.
CALL caredata.load_practices();
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 1;
SELECT * FROM care.practice WHERE practice_code = 'A81002';

COPY care_landing.epcmem FROM STDIN (FORMAT csv);
"A81001","5E1","W","20010401","20130331","0"
"A81001","00K","W","20130401","","0"
"A81001","00K","W","20130401","","1"
"A81002","16C","W","20220701","","0"
"V81997","00K","W","20130401","","0"
"A81002","00K","W","20130401","20120401","0"
"A81002","00K","W","","","0"
"A81003","00K","W","20130401","","0"
"A81003","00K","W","20130401","20140401","0"
\.
CALL caredata.load_practice_commissioners();
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 1;
SELECT record ->> 'practice_code' AS practice, reasons FROM care_landing.reference_quarantine
WHERE reference_load_id = (SELECT max(reference_load_id) FROM caredata.reference_load) ORDER BY 1, 2;
SELECT * FROM care.practice_commissioner ORDER BY 1, 3;
SELECT * FROM care.commissioner ORDER BY 1;

COPY care_landing.lsoa FROM STDIN (FORMAT csv);
E01000001,51.5,-0.1,E01000001
95AA02W1,54.7,-6.2,95AA02W1
E99999999,51.5,-0.1,E99999999
E01000002,48.8,2.3,E01000002
E02000001,51.5,-0.1,E02000001
E01000003,north,west,E01000003
e01000004,,,
\.
CALL caredata.load_lsoas();
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 1;
SELECT record ->> 'lsoacd' AS lsoa, reasons FROM care_landing.reference_quarantine
WHERE reference_load_id = (SELECT max(reference_load_id) FROM caredata.reference_load) ORDER BY 1;
SELECT lsoa_code, latitude, longitude FROM care.lsoa ORDER BY 1;

-- What an area lies in comes from another file and leaves the rest alone.
COPY care_landing.lsoa_lookup FROM STDIN (FORMAT csv);
E01000001,City of London 001A,E02000001,E09000001,9
E01000005,City of London 001E,e02000001,E09000001,3
E01000004,,,,
E01000006,Its own MSOA,E01000006,E09000001,3
E01000007,Bad codes,MSOA,LAD,11
E0100000,,,,
\.
CALL caredata.load_lsoa_lookup();
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 1;
SELECT record ->> 'lsoa_code' AS lsoa, reasons FROM care_landing.reference_quarantine
WHERE reference_load_id = (SELECT max(reference_load_id) FROM caredata.reference_load) ORDER BY 1;
SELECT * FROM care.lsoa ORDER BY 1;

COPY care_landing.local_authority (ladcd, ladnm, ladcd_active, utlacd, rgncd, rgnnm, ctrycd, current) FROM STDIN (FORMAT csv);
E07000026,Allerdale,E06000063,E10000006,E12000002,North West,E92000001,FALSE
E06000063,Cumberland,E06000063,E06000063,E12000002,North West,E92000001,TRUE
E0600006,Short,E06000063,E06000063,E12000002,North West,E92000001,TRUE
E06000064,,E06000064,E06000064,E12000002,North West,E92000001,maybe
\.
CALL caredata.load_local_authorities();
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 1;
SELECT record ->> 'ladcd' AS code, reasons FROM care_landing.reference_quarantine
WHERE reference_load_id = (SELECT max(reference_load_id) FROM caredata.reference_load) ORDER BY 1;
SELECT * FROM care.local_authority ORDER BY 1;

CALL caredata.load_condition_codes('icd9');
\echo :SQLSTATE
COPY care_landing.condition_code (code, description, condition, sub_condition) FROM STDIN (FORMAT csv);
"I48","Atrial fibrillation and flutter","Atrial fibrillation","Atrial fibrillation"
"I48.0","Paroxysmal","Atrial fibrillation","Atrial fibrillation: paroxysmal"
"i48.0","Paroxysmal once more","Atrial fibrillation","Atrial fibrillation: paroxysmal"
"H33..","Not an ICD-10 code","Asthma",""
"J45","","",""
\.
CALL caredata.load_condition_codes('icd10');
COPY care_landing.condition_code (code, description, condition, sub_condition) FROM STDIN (FORMAT csv);
"H33..","Asthma","Asthma","Asthma"
"h33..","Another code: case matters","Asthma","Asthma"
"H33","Asthma, without its dots","Asthma","Asthma"
\.
CALL caredata.load_condition_codes('readv2');
SELECT landed, stored, withheld, quarantined FROM caredata.reference_load ORDER BY reference_load_id DESC LIMIT 2;
SELECT record ->> 'code' AS code, reasons FROM care_landing.reference_quarantine
WHERE reference_load_id >= (SELECT max(reference_load_id) - 1 FROM caredata.reference_load) ORDER BY 1;
SELECT code_list, scheme, code, description FROM care.code_list
WHERE scheme IN ('icd10', 'readv2') ORDER BY 1, 2, 3;
INSERT INTO care_landing.reference_quarantine VALUES (1, '{}', '{}');
\echo :SQLSTATE
INSERT INTO care.practice (practice_code, name) VALUES ('X', 'Y');
\echo :SQLSTATE

-- An administrator adds codes and names, and cannot move a practice or an
-- area into a population.
RESET ROLE;
GRANT caredata_admin TO regress_administrator;
SET ROLE regress_administrator;
INSERT INTO care.code_list (code_list, scheme, code, description) VALUES ('refsourc', 'local', 'ZZ', 'Made up');
INSERT INTO care.provider VALUES ('RR8', 'Leeds');
UPDATE care.commissioner SET name = 'Hartlepool and Stockton', kind = 'ccg' WHERE commissioner_code = '00K';
UPDATE care.commissioner SET closed_on = '2020-03-31';
\echo :SQLSTATE
UPDATE care.practice SET commissioner_code = '16C';
\echo :SQLSTATE
INSERT INTO care.practice_commissioner VALUES ('A81001', '16C', '2020-04-01');
\echo :SQLSTATE
UPDATE care.lsoa SET msoa_code = lsoa_code;
\echo :SQLSTATE

-- The loaders are the loader's.
SET ROLE regress_nobody;
SELECT count(*) > 0 AS reference_data_is_public FROM care.practice;
CALL caredata.load_practices();
\echo :SQLSTATE
CALL caredata.load_practice_commissioners();
\echo :SQLSTATE
CALL caredata.load_lsoas();
\echo :SQLSTATE
CALL caredata.load_lsoa_lookup();
\echo :SQLSTATE
CALL caredata.load_local_authorities();
\echo :SQLSTATE
CALL caredata.load_condition_codes('icd10');
\echo :SQLSTATE
SELECT caredata.begin_reference_load('care.practice');
\echo :SQLSTATE
SELECT caredata.end_reference_load(1, 'practice', 'care.practice', 0, 0, 0, 0);
\echo :SQLSTATE
SELECT caredata.ensure_partitions('gp_event', '2023-04-01', '2024-03-31');
\echo :SQLSTATE
SELECT caredata.grant_roles();
\echo :SQLSTATE
SELECT caredata.create_roles();
\echo :SQLSTATE
SELECT caredata.create_identity_tables();
\echo :SQLSTATE
SELECT caredata.create_reference_tables();
\echo :SQLSTATE
SELECT caredata.add_partition('gp_event', 'x', '2001-04-01', 'y');
\echo :SQLSTATE
SELECT caredata.install_code_lists();
\echo :SQLSTATE
SELECT * FROM caredata.reference_load;
\echo :SQLSTATE
SELECT * FROM care_identity.person;
\echo :SQLSTATE
RESET ROLE;

-- Dropping the extension is refused while identifiers are of its types; where
-- it is forced, the care tables stay, and nobody can read them.
DROP VIEW made;
DROP EXTENSION caredata;
\echo :SQLSTATE
BEGIN;
SET LOCAL caredata.allow_drop = on;
DROP EXTENSION caredata CASCADE;
SELECT count(*) FROM care.gp_event;
SET LOCAL ROLE regress_nobody;
SELECT count(*) FROM care.gp_event;
ROLLBACK;

-- Nor is half a care database mistaken for none.
BEGIN;
DROP SCHEMA care_identity CASCADE;
SELECT caredata.create_care_database();
ROLLBACK;
BEGIN;
DROP SCHEMA care, care_landing, care_identity CASCADE;
SELECT caredata.create_care_database();
\echo :SQLSTATE
ROLLBACK;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_care_database;
DROP ROLE regress_nobody, regress_file_loader, regress_administrator;
