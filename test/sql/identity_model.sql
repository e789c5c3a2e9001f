-- A model in the load path: links what the ranks leave, asks where it may not,
-- changes nothing while none is chosen, and gives the same persons whatever
-- the order of rows.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_identity_model;
\c regress_identity_model
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_identity_model
SET client_min_messages = warning;
ALTER DATABASE regress_identity_model SET datestyle = iso;
SET datestyle = iso;
\pset null -
CREATE ROLE regress_linker LOGIN IN ROLE caredata_linker;
CREATE ROLE regress_nobody LOGIN;
\set ECHO all

-- The model that is shipped as a draft, and one whose numbers are set by hand.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.create_identity_model('identities') AS shipped \gset
SELECT ordinal, name, kind, columns FROM caredata.link_model_comparison WHERE model_id = :shipped ORDER BY 1;
SELECT ordinal, columns, transforms FROM caredata.link_model_blocking WHERE model_id = :shipped ORDER BY 1;
SELECT name, comparisons FROM caredata.link_model_relationship WHERE model_id = :shipped ORDER BY ordinal;
SELECT caredata.create_link_model('by hand', 'identity_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'birth', 'date', '{date_of_birth}', tests => '{exact,two_parts}'),
	   caredata.add_link_comparison(:model, 'sex', 'sex', '{sex}'),
	   caredata.add_link_comparison(:model, 'postcode', 'postcode', '{postcode}', tests => '{exact}'),
	   caredata.add_link_blocking(:model, '{postcode}');
SELECT count(caredata.set_link_level(:model, c, l, m, u)::text)
FROM (VALUES ('birth', 2, 0.85, 1e-4), ('birth', 1, 0.1, 1e-3), ('birth', 0, 0.05, 0.9989),
			 ('sex', 1, 0.98, 0.5), ('sex', 0, 0.02, 0.5),
			 ('postcode', 1, 0.8, 1e-5), ('postcode', 0, 0.2, 0.99999)) v (c, l, m, u);

-- Which model may be chosen, and by whom.
SELECT caredata.use_load_model(:model);
SELECT caredata.accept_link_model(:model, 0.001);
SELECT caredata.use_load_model(99);
SELECT caredata.use_load_model(:shipped);
SELECT caredata.use_load_model(:model, 0.5);
SELECT caredata.use_load_model(:model, 1);
SELECT caredata.use_load_model(:model, NULL);
SELECT caredata.create_link_model('others', 'identity_id') AS other \gset
SELECT caredata.add_link_comparison(:other, 'name', 'surname', '{surname}', tests => '{exact}');
SELECT caredata.set_link_level(:other, 'name', 1, 0.9, 0.1), caredata.set_link_level(:other, 'name', 0, 0.1, 0.9),
	   caredata.accept_link_model(:other, 0.001);
SELECT caredata.use_load_model(:other);
-- one without a rule to link by would make a large load fail
SELECT caredata.create_link_model('unblocked', 'identity_id') AS unblocked \gset
SELECT caredata.add_link_comparison(:unblocked, 'sex', 'sex', '{sex}', tests => '{exact}'),
	   caredata.add_link_blocking(:unblocked, '{postcode}', purpose => 'deterministic');
SELECT caredata.set_link_level(:unblocked, 'sex', 1, 0.9, 0.1), caredata.set_link_level(:unblocked, 'sex', 0, 0.1, 0.9),
	   caredata.accept_link_model(:unblocked, 0.001);
SELECT caredata.use_load_model(:unblocked);
SET SESSION AUTHORIZATION regress_nobody;
SELECT caredata.use_load_model(:model);
SELECT caredata.create_identity_model('mine');
SELECT caredata.link_by_model();
SELECT * FROM caredata.link_diagnostics();
SELECT * FROM caredata.load_model;
RESET SESSION AUTHORIZATION;

-- Known: A and B, twins of one sex at one address; then, in a second file: a
-- record that is A's but for the day of birth; one like B with another NHS
-- number; one like either twin; two that are one new person; and a stranger.
CREATE TABLE public.file (
	batch integer, epikey text, newnhsno text, dob text, sex text, homeadd text, lopatid text);
INSERT INTO public.file VALUES
	(1, 'A', '9990000018', '1950-03-04', '2', 'LS1 4AP', NULL),
	(1, 'B', '9990000026', '1960-05-05', '1', 'LS3 1AA', NULL),
	(1, 'twin 1', '9990000034', '1970-01-02', '1', 'LS5 1AA', NULL),
	(1, 'twin 2', '9990000042', '1970-01-02', '1', 'LS5 1AA', NULL),
	(2, 'A?', NULL, '1950-03-05', '2', 'LS1 4AP', NULL),
	(2, 'B?', '9990000050', '1960-05-06', '1', 'LS3 1AA', NULL),
	(2, 'twin?', NULL, '1970-01-03', '1', 'LS5 1AA', NULL),
	(2, 'new 1', NULL, '1980-06-07', '1', 'LS7 1AA', NULL),
	(2, 'new 2', NULL, '1980-06-08', '1', 'LS7 1AA', NULL),
	(2, 'new 2 again', NULL, '1980-06-08', '1', 'LS7 1AA', 'L9'),
	(2, 'alone', NULL, '1990-06-08', '1', 'LS9 1AA', NULL);
CREATE PROCEDURE public.load_all(shuffle text) LANGUAGE plpgsql AS $$
DECLARE b integer;
BEGIN
	TRUNCATE care_identity.person, care_identity.identity, care.person, care.apc_episode,
		caredata.link_review RESTART IDENTITY;
	FOR b IN 1 .. 2 LOOP
		INSERT INTO care_landing.apc_episode (fyear, epikey, newnhsno, dob, sex, homeadd, procode3, lopatid, admidate, epistart)
		SELECT '2425', (row_number() OVER (ORDER BY epikey) + 100 * b)::text, newnhsno, dob, sex, homeadd, 'RR8', lopatid, '2024-05-01', '2024-05-01'
		FROM public.file WHERE batch = b ORDER BY md5(shuffle || epikey);
		CALL caredata.load('apc_episode');
	END LOOP;
END $$;
CREATE VIEW public.outcome AS
	SELECT f.epikey AS who, first_value(f.epikey) OVER (PARTITION BY i.person_id ORDER BY i.identity_id) AS person,
		   i.link_rank, round(i.link_weight::numeric, 2) AS weight, round(i.link_gap::numeric, 2) AS gap, i.ambiguous
	FROM public.file f
	JOIN care_identity.identity i ON (i.nhs_number::text, i.date_of_birth::text, i.sex, i.postcode::text, i.local_patient_id)
		IS NOT DISTINCT FROM (f.newnhsno, f.dob, f.sex, f.homeadd, f.lopatid)
	ORDER BY f.batch, f.epikey;
CREATE VIEW public.question AS
	SELECT r.question, round(r.weight::numeric, 2) AS weight,
		   (SELECT string_agg(DISTINCT o.who, ', ') FROM public.outcome o JOIN care_identity.identity i ON i.person_id IN (r.person_id, r.other_id)
			JOIN public.file f ON f.epikey = o.who AND (i.nhs_number::text, i.date_of_birth::text, i.local_patient_id) IS NOT DISTINCT FROM (f.newnhsno, f.dob, f.lopatid)) AS about
	FROM caredata.link_review r ORDER BY r.review_id;

-- No model: each founds a person, but for the one that rank 6 knows.
CALL public.load_all('');
SELECT * FROM public.outcome;
SELECT count(*) FROM caredata.link_run;

-- With the model: A? is A, and new 1 and 2 are one; the rest is asked.
SET SESSION AUTHORIZATION regress_linker;
SELECT caredata.use_load_model(:model);
SELECT model_id = :model AS chosen, minimum_probability, chosen_by FROM caredata.load_model;
RESET SESSION AUTHORIZATION;
CALL public.load_all('');
SELECT * FROM public.outcome;
SELECT * FROM public.question;
SELECT link_rank, ambiguous, identities FROM caredata.load_link WHERE load_id = (SELECT max(load_id) FROM caredata.load_run) ORDER BY 1, 2;
SELECT matched_algorithm_indicator, link_rank, title, round(link_weight::numeric, 2) AS weight FROM caredata.link_diagnostics('{1}');
SET SESSION AUTHORIZATION regress_linker;
SELECT count(*) FROM caredata.link_diagnostics();
RESET SESSION AUTHORIZATION;
-- records, identities and persons agree
SELECT count(*) AS astray FROM care.apc_episode e JOIN care_identity.identity i USING (identity_id) WHERE i.person_id <> e.person_id;
SELECT max(person_id) = count(*) AS dense, count(*) FROM care_identity.person;

-- A higher bar, and nothing is linked.
SELECT caredata.use_load_model(:model, 0.999999);
CALL public.load_all('');
SELECT link_rank, identities FROM caredata.load_link WHERE load_id = (SELECT max(load_id) FROM caredata.load_run) ORDER BY 1, 2;
SELECT caredata.use_load_model(:model);

-- Another order of rows, workers, joins: the same persons and questions.
CREATE TABLE public.digest (run text, persons text, questions text);
CREATE PROCEDURE public.run(run text) LANGUAGE plpgsql AS $$
BEGIN
	CALL public.load_all(run);
	INSERT INTO public.digest SELECT run,
		(SELECT md5(string_agg(i::text, ',' ORDER BY identity_id))
		 FROM (SELECT identity_id, person_id, nhs_number, date_of_birth, link_rank, link_weight, link_gap, ambiguous FROM care_identity.identity) i),
		(SELECT md5(string_agg(q::text, ',' ORDER BY q.review_id))
		 FROM (SELECT review_id, person_id, other_id, question, link_rank, weight FROM caredata.link_review) q);
END $$;
CALL public.run('first');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CALL public.run('second');
SET enable_hashjoin = off; SET enable_hashagg = off;
CALL public.run('third');
RESET ALL;
SELECT count(*) AS runs, count(DISTINCT persons) AS persons, count(DISTINCT questions) AS questions FROM public.digest;

-- Off again.
SELECT caredata.use_load_model(NULL);
SELECT count(*) FROM caredata.load_model;

\set ECHO none
\c postgres
DROP DATABASE regress_identity_model;
DROP ROLE regress_linker, regress_nobody;
