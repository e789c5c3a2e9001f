--
-- Turning the pseudonyms in a DBA's own tables into current ones, in batches
-- that are committed, and taken up again after an interruption.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_repseudonymise;
\c regress_repseudonymise
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c
SET client_min_messages = warning;
CREATE ROLE regress_dba LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_other LOGIN IN ROLE caredata_admin;
CREATE ROLE regress_nobody LOGIN;
GRANT caredata_admin TO regress_dba;
SELECT caredata.create_domain('one') AS one, caredata.create_domain('two') AS two \gset
CREATE SCHEMA regress_dba AUTHORIZATION regress_dba;
CREATE TABLE regress_dba."Cohort" AS
SELECT i AS n, caredata.pid(i, '1') AS "the pid", repeat('x', 100) AS filler FROM generate_series(1, 2000) i;
-- among them one of another domain, one that is a record's, a forged one and none
UPDATE regress_dba."Cohort" SET "the pid" = CASE n WHEN 10 THEN caredata.pid(10, '2') WHEN 20 THEN caredata.record_pid(20::bigint, '1')
	WHEN 30 THEN '00000000000000000000000000000000' END WHERE n IN (10, 20, 30, 40);
ALTER TABLE regress_dba."Cohort" OWNER TO regress_dba;
CREATE VIEW regress_dba.view AS SELECT * FROM regress_dba."Cohort";
CREATE TABLE regress_dba.parted (p caredata.pseudonym) PARTITION BY HASH (p);

-- 1. registration
SET SESSION AUTHORIZATION regress_other;
SELECT caredata.register_pseudonym_column('pg_class', 'relname', 1);
SELECT caredata.register_pseudonym_column(NULL, 'relname', 1);
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA regress_dba TO regress_other, regress_nobody;
GRANT SELECT ON regress_dba."Cohort" TO regress_other;
SET SESSION AUTHORIZATION regress_other;
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', 1);
SET SESSION AUTHORIZATION regress_dba;
SELECT caredata.register_pseudonym_column('regress_dba.view', 'the pid', 1);
SELECT caredata.register_pseudonym_column('regress_dba.parted', 'p', 1);
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'n', 1);
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'missing', 1);
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', 99);
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', NULL);
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', 1);
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', 1);

-- 2. nothing to do
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid', 7);
SELECT relation, column_name, domain_id, name, generation, pages_done >= pages AS whole, pass, renewed, unresolved,
	   started_at <= finished_at AS finished FROM caredata.pseudonym_columns();
-- 3. interrupted after two batches: a trigger fails
SELECT caredata.rotate_domain_key(1);
CREATE FUNCTION regress_dba.stop() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN IF new.n = 1500 THEN RAISE EXCEPTION 'interrupted as %', current_user; END IF; RETURN new; END $$;
CREATE TRIGGER stop BEFORE UPDATE ON regress_dba."Cohort" FOR EACH ROW EXECUTE FUNCTION regress_dba.stop();
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid', 3);
SELECT pages_done > 0 AS begun, pages_done < pages AS not_whole, renewed > 100 AS renewed, renewed < 1500 AS not_all,
	   finished_at IS NULL AS unfinished, renewed AS so_far FROM caredata.pseudonym_columns() \gset i_
SELECT :'i_begun' AS begun, :'i_not_whole' AS not_whole, :'i_renewed' AS renewed, :'i_not_all' AS not_all, :'i_unfinished' AS unfinished;
RESET SESSION AUTHORIZATION;
SELECT count(*) = :i_so_far AS kept FROM regress_dba."Cohort" WHERE caredata.person_of("the pid", '1') = n OR "the pid" = caredata.record_pid(20::bigint, '1');
SET SESSION AUTHORIZATION regress_dba;
DROP TRIGGER stop ON regress_dba."Cohort";
-- by who may not change the table, in a transaction, with a bad batch
SET SESSION AUTHORIZATION regress_other;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
SET SESSION AUTHORIZATION regress_dba;
BEGIN;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
ROLLBACK;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid', 0);
SET default_transaction_isolation = 'repeatable read';
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
RESET default_transaction_isolation;
-- 4. taken up again, and done; with row security in the way first
ALTER TABLE regress_dba."Cohort" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
ALTER TABLE regress_dba."Cohort" DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid', 5);
SELECT generation, pages_done >= pages AS whole, pass > 1 AS verified, renewed, unresolved, finished_at IS NOT NULL AS finished
FROM caredata.pseudonym_columns();
RESET SESSION AUTHORIZATION;
SELECT count(*) FILTER (WHERE "the pid" = caredata.pid(n, '1')) AS current,
	   count(*) FILTER (WHERE n = 10 AND "the pid" = caredata.pid(10, '2')) AS of_another,
	   count(*) FILTER (WHERE n = 20 AND "the pid" = caredata.record_pid(20::bigint, '1')) AS of_a_record,
	   count(*) FILTER (WHERE n = 30 AND "the pid" = '00000000000000000000000000000000'::caredata.pseudonym) AS forged,
	   count(*) FILTER (WHERE n = 40 AND "the pid" IS NULL) AS none
FROM regress_dba."Cohort";
-- 5. another generation: a new run, after which the old ones can be closed
SELECT caredata.rotate_domain_key(1);
SET SESSION AUTHORIZATION regress_dba;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
SELECT generation, renewed, unresolved FROM caredata.pseudonym_columns();
SELECT caredata.close_domain_generation(1, 1), caredata.close_domain_generation(1, 2);
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM regress_dba."Cohort" WHERE "the pid" = caredata.pid(n, '1');
-- a helper that is called by itself moves nothing but the progress
SET SESSION AUTHORIZATION regress_nobody;
CALL caredata.repseudonymise('regress_dba."Cohort"', 'the pid');
SELECT caredata.repseudonymise_batch('regress_dba."Cohort"', 'the pid', 1);
SELECT caredata.begin_pseudonym_batch('regress_dba."Cohort"', 'the pid');
SELECT caredata.end_pseudonym_batch('regress_dba."Cohort"', 'the pid', 1, 1, 1);
SELECT caredata.renewed_pseudonym('00000000000000000000000000000000', 1);
SELECT * FROM caredata.pseudonym_columns();
SELECT caredata.register_pseudonym_column('regress_dba."Cohort"', 'the pid', 1);
SELECT caredata.unregister_pseudonym_column('regress_dba."Cohort"', 'the pid');
SET SESSION AUTHORIZATION regress_dba;
SELECT caredata.unregister_pseudonym_column('regress_dba."Cohort"', 'the pid');
SELECT caredata.unregister_pseudonym_column('regress_dba."Cohort"', 'the pid');
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_repseudonymise;
DROP ROLE regress_dba, regress_other, regress_nobody;
