-- Objections from a file: all lines or none, each as record_objection() would.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_objection_import;
\c regress_objection_import
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_objection_import
SET client_min_messages = warning;
CREATE ROLE regress_import_loader LOGIN IN ROLE caredata_loader;
CREATE ROLE regress_import_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_import_guardian LOGIN IN ROLE caredata_guardian;
CREATE TABLE public.number AS
SELECT row_number() OVER (ORDER BY n)::integer AS i, n::text
FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 40000) g) v
WHERE n IS NOT NULL;
GRANT SELECT ON public.number TO PUBLIC;
INSERT INTO care_identity.person SELECT i FROM generate_series(1, 3000) i;
INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n::caredata.nhs_number, 1 FROM public.number WHERE i <= 3000;
INSERT INTO care.person (person_id) SELECT i FROM generate_series(1, 3000) i;
SELECT caredata.create_agreement('I-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_import', 'Test.', 'public_task', 'anonymised') AS release \gset
SELECT caredata.permit_dataset(:release, 'person');
SET SESSION AUTHORIZATION regress_import_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
CREATE FUNCTION public.shown() RETURNS TABLE (shown bigint, wrong bigint) LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT (SELECT count(*) FROM regress_import.person), (SELECT count(*) FROM caredata.check_visible_sets()) $$;

-- who may: a loader lands, a linker or guardian records
SET SESSION AUTHORIZATION regress_import_loader;
SELECT caredata.import_objections();
SET SESSION AUTHORIZATION regress_import_linker;
INSERT INTO care_landing.objection (nhs_number, kind) VALUES ('9990000018', 'local');
SELECT caredata.import_objections();

-- a few: one of them twice with two dates, one of somebody who is not here, one
-- dated ahead, one in another form, one for a purpose, one by a proxy
SET SESSION AUTHORIZATION regress_import_loader;
INSERT INTO care_landing.objection (nhs_number, kind, effective_from, reference, purpose, proxy)
SELECT n, 'local', CASE i WHEN 1 THEN '01/02/2020' WHEN 2 THEN '' END, 'letter ' || i, NULL, NULL FROM public.number WHERE i IN (1, 2, 3, 3500);
INSERT INTO care_landing.objection (nhs_number, kind, effective_from) SELECT n, 'local', '2021-03-04' FROM public.number WHERE i = 1;
INSERT INTO care_landing.objection (nhs_number, kind, effective_from) SELECT n, 'local', '2099-01-01' FROM public.number WHERE i = 4;
INSERT INTO care_landing.objection (nhs_number, kind) SELECT overlay(overlay(n placing ' ' from 4 for 0) placing ' ' from 8 for 0), 'local' FROM public.number WHERE i = 5;
INSERT INTO care_landing.objection (nhs_number, kind, purpose, proxy) SELECT n, 'purpose', (SELECT 'research'), 'parent' FROM public.number WHERE i = 6;
SET SESSION AUTHORIZATION regress_import_guardian;
SELECT caredata.import_objections('survey') AS recorded;
SELECT * FROM public.shown();
RESET SESSION AUTHORIZATION;
SELECT i, kind, purpose, CASE effective_from WHEN caredata.today() THEN 'today' ELSE to_char(effective_from, 'YYYY-MM-DD') END AS effective_from,
	   recorded_by, source, reference, proxy
FROM care_identity.objection o JOIN public.number r ON r.n = o.nhs_number::text ORDER BY i, kind;
SELECT count(*) AS left_behind FROM care_landing.objection;

-- said before: nothing to add; earlier, withdrawn or of another kind: recorded
SELECT caredata.withdraw_objection(n, 'local') FROM public.number WHERE i = 2;
INSERT INTO care_landing.objection (nhs_number, kind, effective_from)
SELECT n, 'local', CASE i WHEN 1 THEN '2019-01-01' END FROM public.number WHERE i IN (1, 2, 3);
INSERT INTO care_landing.objection (nhs_number, kind) SELECT n, 'type2' FROM public.number WHERE i = 3;
SELECT caredata.import_objections() AS recorded;
SELECT * FROM public.shown();

-- many at once, which are computed in another way, with the same end
INSERT INTO care_landing.objection (nhs_number, kind) SELECT n, 'local' FROM public.number WHERE i BETWEEN 1000 AND 3400;
SELECT caredata.import_objections() AS recorded;
SELECT * FROM public.shown();

-- one that is not sound, and none is recorded; no message has a number in it
CREATE FUNCTION public.refused(a text, b text, c text DEFAULT NULL, d text DEFAULT NULL, e text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO care_landing.objection (nhs_number, kind) SELECT n, 'local' FROM public.number WHERE i = 700;
	INSERT INTO care_landing.objection (nhs_number, kind, effective_from, purpose, proxy) VALUES (a, b, c, d, e);
	PERFORM caredata.import_objections();
	RETURN 'recorded';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT public.refused('9990000019', 'local');
SELECT public.refused('', 'local');
SELECT public.refused(NULL, 'local');
SELECT public.refused('9990000018', 'x');
SELECT public.refused('9990000018', 'local', '2023-02-30');
SELECT public.refused('9990000018', 'purpose');
SELECT public.refused('9990000018', 'local', NULL, 'research');
SELECT public.refused('9990000018', 'local', NULL, NULL, 'neighbour');
SELECT caredata.import_objections();
SELECT count(*) AS of_700 FROM care_identity.objection o JOIN public.number r ON r.n = o.nhs_number::text WHERE i = 700;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT caredata.import_objections();
ROLLBACK;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_objection_import;
DROP ROLE regress_import_loader, regress_import_linker, regress_import_guardian, regress_import_reader, regress_import_definer;
