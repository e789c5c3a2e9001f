-- The ready-made model of people: what it has, with all columns and without
-- some, and that it can be trained.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_link_template;
\c regress_link_template
SET client_min_messages = warning;
CREATE EXTENSION caredata;
\pset null -
\set ECHO all

SELECT caredata.create_person_link_model('people', 'record_id') AS model \gset
SELECT c.ordinal, c.name, c.kind, c.columns,
	string_agg(l.test || coalesce(' ' || l.parameter, ''), ', ' ORDER BY l.level DESC) AS levels
FROM caredata.link_model_comparison c
JOIN caredata.link_model_level l ON l.model_id = c.model_id AND l.comparison = c.ordinal
WHERE c.model_id = :model GROUP BY c.ordinal, c.name, c.kind, c.columns ORDER BY c.ordinal;
SELECT ordinal, columns, right_columns, transforms, lengths
FROM caredata.link_model_blocking WHERE model_id = :model ORDER BY ordinal;
SELECT r.ordinal, r.name, (SELECT string_agg(c.name, ', ' ORDER BY c.ordinal)
	FROM caredata.link_model_comparison c WHERE c.model_id = :model AND c.ordinal = ANY (r.comparisons)) AS shared
FROM caredata.link_model_relationship r WHERE r.model_id = :model ORDER BY r.ordinal;

-- Whatever column a table lacks, nothing of the model wants it.
SELECT count(caredata.create_person_link_model('without ' || w, 'record_id', ARRAY[w::name])) AS models
FROM unnest('{nhs_number,middle_name,sex,postcode,previous_postcode}'::text[]) AS w;
SELECT m.name, count(*) AS rules,
	bool_or(substr(m.name, 9) = ANY (b.columns::text[] || b.right_columns::text[])) AS wanted
FROM caredata.link_model m JOIN caredata.link_model_blocking b USING (model_id)
WHERE m.name LIKE 'without %' GROUP BY m.name ORDER BY m.name COLLATE "C";
SELECT m.name, string_agg(DISTINCT column_name, ' ' ORDER BY column_name) AS compared,
	(SELECT count(*) FROM caredata.link_model_relationship r WHERE r.model_id = m.model_id) AS relationships
FROM caredata.link_model m
JOIN caredata.link_model_comparison c USING (model_id), unnest(c.columns::text[]) AS column_name
GROUP BY m.model_id, m.name ORDER BY m.model_id;
SELECT caredata.create_person_link_model('least', 'record_id',
	'{nhs_number,middle_name,sex,postcode,previous_postcode}') AS least \gset
SELECT columns, transforms FROM caredata.link_model_blocking WHERE model_id = :least ORDER BY ordinal;

-- Sixty people, in households of three; the hospital has a third of them with
-- an error each, and nobody's sister.
CREATE TABLE gp AS
SELECT 'g' || n AS record_id, NULL::text AS nhs_number,
	(ARRAY['ANNA','BEATRICE','CLARA','DORIS','EDITH','FLORENCE','GRACE','HILDA','IRENE','JANE'])[1 + n * 7 % 10] AS forename,
	(ARRAY['ADAMS','BAKER','CLARKE','DIXON','EVANS','FISHER','GREEN','HUGHES','IRVING','JACKSON','KNIGHT',
		   'LEWIS','MORGAN','NEWTON','OWEN','PARKER','QUINN','ROBERTS','SHAW','TURNER'])[1 + n / 3] AS surname,
	NULL::text AS middle_name, date '1950-03-02' + n * 397 AS date_of_birth, '2' AS sex,
	'LS' || 1 + n / 3 || ' 4AP' AS postcode, NULL::text AS previous_postcode
FROM generate_series(0, 59) AS n;
CREATE TABLE hospital AS
SELECT replace(record_id, 'g', 'h') AS record_id, nhs_number,
	CASE WHEN n % 9 = 0 THEN left(forename, 1) ELSE forename END AS forename,
	CASE WHEN n % 9 = 3 THEN overlay(surname PLACING 'X' FROM 3 FOR 1) ELSE surname END AS surname, middle_name,
	CASE WHEN n % 9 = 6 THEN date_of_birth + 1 ELSE date_of_birth END AS date_of_birth, sex, postcode
FROM (SELECT *, substr(record_id, 2)::integer AS n FROM gp) g WHERE n % 3 = 0;
SELECT caredata.create_person_link_model('small', 'record_id') AS small \gset
SET client_min_messages = error;
SELECT caredata.train_link_model(:small, 'hospital', 'gp') IS NOT NULL AS trained;
SELECT count(*) AS links, count(*) FILTER (WHERE substr(left_id, 2) = substr(right_id, 2)) AS right_ones
FROM caredata.link(:small, 'hospital', 'gp');
SET client_min_messages = warning;

SELECT caredata.create_person_link_model('people', 'record_id', '{shoe_size}');
SELECT caredata.create_person_link_model('people', 'record_id', '{surname}');
SELECT caredata.create_person_link_model('people', 'record_id', NULL);
SELECT caredata.create_person_link_model(NULL, 'record_id');
CREATE ROLE regress_link_template;
SET ROLE regress_link_template;
SELECT caredata.create_person_link_model('people', 'record_id');
RESET ROLE;

\c postgres
DROP DATABASE regress_link_template;
DROP ROLE regress_link_template;
