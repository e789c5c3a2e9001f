-- Clusters of links: what joins, what is refused, and that the answer depends
-- on nothing but the links.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_cluster;
\c regress_cluster
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_cluster
\pset null -
\set ECHO all

-- A chain, a strong pair, a link that comes twice, one to itself.
CREATE TABLE public.link (left_id text, right_id text, weight float8, probability float8);
INSERT INTO public.link VALUES
	('a', 'b', 12, 0.99), ('c', 'b', 11, 0.98), ('c', 'd', 10, 0.9),
	('x', 'y', 20, 1), ('y', 'x', 3, 0.1), ('y', 'y', 30, 1), ('d', 'e', 2, 0.2);
SELECT * FROM caredata.cluster_links('link', average_link_floor => 0);
SELECT * FROM caredata.cluster_links('link', average_link_floor => 0, threshold => 10);
-- half of the pairs, the default: a link to one of two is half, to one of
-- three is not
SELECT * FROM caredata.cluster_links('link');
SELECT * FROM caredata.cluster_refusals('link');
SELECT * FROM caredata.cluster_links('link', score => 'probability', threshold => 0.9);
-- several thresholds in one pass are what each gives alone
SELECT s.threshold, string_agg(s.record_id || '-' || s.cluster_id, ' ' ORDER BY s.record_id)
FROM caredata.cluster_sweep('link', '{5,11,NULL,5}') s GROUP BY 1 ORDER BY 1 DESC;
SELECT t, string_agg(c.record_id || '-' || c.cluster_id, ' ' ORDER BY c.record_id)
FROM (VALUES (NULL), (5), (11::float8)) v (t), caredata.cluster_links('link', t) c
GROUP BY 1 ORDER BY 1 DESC NULLS LAST;

-- Metrics: a triangle with a tail, a pair, and a record alone.
CREATE TABLE public.shape (left_id integer, right_id integer, weight float8);
INSERT INTO public.shape VALUES (1, 2, 9), (2, 3, 8), (1, 3, 7), (3, 4, 6), (5, 6, 5);
CREATE TABLE public.shape_cluster AS
	SELECT * FROM caredata.cluster_links('shape', average_link_floor => 0)
	UNION ALL VALUES ('7', '7', 1, NULL);
SELECT * FROM caredata.cluster_metrics('shape', 'shape_cluster');
SELECT * FROM caredata.cluster_metrics('shape', 'shape_cluster', threshold => 7);

-- What is known of the records forbids: NHS numbers, sources, sex with date.
CREATE TABLE public.person_record (
	record_id text, source text, nhs_number caredata.nhs_number, date_of_birth date, sex text);
INSERT INTO public.person_record VALUES
	('n1', 'hosp', '9990000018', NULL, NULL), ('n2', 'hosp', NULL, NULL, NULL),
	('n3', 'gp', '9990000026', NULL, NULL),
	('s1', 'gp', NULL, NULL, NULL), ('s2', 'hosp', NULL, NULL, NULL), ('s3', 'gp', NULL, NULL, NULL),
	('t1', 'hosp', NULL, '1950-03-04', '1'), ('t2', 'hosp', NULL, '1962-05-11', 'F'),
	('t3', 'hosp', NULL, '1950-04-03', 'female'), ('t4', 'hosp', NULL, 'infinity', '2'),
	('alone', 'hosp', NULL, NULL, NULL);
CREATE TABLE public.record_link (left_id text, right_id text, weight float8);
INSERT INTO public.record_link VALUES
	('n1', 'n2', 10), ('n2', 'n3', 9), ('n1', 'n3', 1),
	('s1', 's2', 10), ('s2', 's3', 10),
	('t1', 't2', 10), ('t1', 't3', 9), ('t3', 't4', 8), ('t1', 't4', 7);
SELECT record_id, cluster_id, cluster_size
FROM caredata.cluster_links('record_link', records => 'person_record', duplicate_free => '{gp}');
SELECT * FROM caredata.cluster_refusals('record_link', records => 'person_record', duplicate_free => '{gp}');
-- without the source being known as free of duplicates
SELECT record_id, cluster_id FROM caredata.cluster_links('record_link', records => 'person_record')
WHERE record_id LIKE 's%';

-- Decisions: the same although their numbers differ; different although linked.
CREATE TABLE public.decision (left_id text, right_id text, same boolean);
INSERT INTO public.decision VALUES ('n1', 'n3', true), ('t1', 't3', false), ('n1', 'nobody', true), ('s1', 's2', NULL);
SELECT record_id, cluster_id, cluster_size
FROM caredata.cluster_links('record_link', records => 'person_record', duplicate_free => '{gp}', decisions => 'decision');
SELECT * FROM caredata.cluster_refusals('record_link', records => 'person_record', duplicate_free => '{gp}', decisions => 'decision');

-- Two tables: the same id on both sides is two records; one of each to a person.
CREATE TABLE public.between (left_id integer, right_id integer, weight float8);
INSERT INTO public.between VALUES (1, 1, 9), (1, 2, 8), (2, 2, 7), (3, 1, 6);
SELECT * FROM caredata.cluster_links('between', two_tables => true, duplicate_free => '{left,right}', average_link_floor => 0);
SELECT * FROM caredata.cluster_links('between', two_tables => true, duplicate_free => '{right}', average_link_floor => 0);
SELECT * FROM caredata.cluster_refusals('between', two_tables => true, duplicate_free => '{left,right}');
CREATE TABLE public.between_cluster AS
	SELECT * FROM caredata.cluster_links('between', two_tables => true, average_link_floor => 0);
SELECT * FROM caredata.cluster_metrics('between', 'between_cluster', two_tables => true);

-- The same links in another order, with and without parallel workers and hash
-- joins, give the same clusters, byte for byte.
CREATE TABLE public.many AS
	SELECT 'r' || hashint4(i) % 700 AS left_id, 'r' || hashint4(i * 7) % 700 AS right_id,
		   (hashint4(i * 13) % 40) / 4.0::float8 AS weight
	FROM generate_series(1, 4000) i;
CREATE TABLE public.digest (run text, digest text, clusters bigint, largest bigint);
CREATE FUNCTION public.take_digest(run text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO public.digest
	SELECT run, md5(string_agg(c.record_id || ' ' || c.cluster_id, ',' ORDER BY c.record_id COLLATE "C")
					|| (SELECT md5(string_agg(r::text, ',' ORDER BY r::text COLLATE "C"))
						FROM caredata.cluster_refusals('many', -5, average_link_floor => 0.3) r)),
		   count(DISTINCT c.cluster_id), max(c.cluster_size)
	FROM caredata.cluster_links('many', -5, average_link_floor => 0.3) c $$;
SELECT public.take_digest('first');
CREATE TABLE public.shuffled AS SELECT * FROM public.many ORDER BY md5(left_id || right_id || weight);
TRUNCATE public.many;
INSERT INTO public.many SELECT right_id, left_id, weight FROM public.shuffled;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT public.take_digest('another order, 2 workers');
SET enable_hashjoin = off; SET enable_hashagg = off; SET work_mem = '64kB';
SELECT public.take_digest('merge joins, on disk');
RESET ALL;
SELECT count(*) AS runs, count(DISTINCT digest) AS digests, min(clusters) AS clusters, min(largest) AS largest
FROM public.digest;
-- and on every version of PostgreSQL
SELECT DISTINCT digest FROM public.digest;

-- 100,000 identical records of which each is linked with the next, in one
-- cluster; and all of them linked with one.
TRUNCATE public.many;
INSERT INTO public.many SELECT to_char(i, 'FM000000'), to_char(i + 1, 'FM000000'), 10 FROM generate_series(1, 99999) i;
SELECT count(*), min(cluster_id), max(cluster_id), max(cluster_size)
FROM caredata.cluster_links('many', average_link_floor => 0);
TRUNCATE public.many;
INSERT INTO public.many SELECT '000000', to_char(i, 'FM000000'), 10 FROM generate_series(1, 99999) i;
SELECT count(*), count(DISTINCT cluster_id), max(cluster_size) FROM caredata.cluster_links('many');

-- Bad input: a named error, never a wrong cluster.
CREATE TABLE public.bad (left_id text, right_id text, weight float8);
SELECT * FROM caredata.cluster_links('bad');
SELECT * FROM caredata.cluster_refusals('bad');
INSERT INTO public.bad VALUES ('a', NULL, 1);
SELECT * FROM caredata.cluster_links('bad', threshold => 5);
UPDATE public.bad SET right_id = 'b', weight = NULL;
SELECT * FROM caredata.cluster_links('bad');
UPDATE public.bad SET weight = 'NaN';
SELECT * FROM caredata.cluster_links('bad');
UPDATE public.bad SET weight = 'Infinity';
SELECT * FROM caredata.cluster_links('bad');
SELECT * FROM caredata.cluster_links('bad', average_link_floor => 1.5);
SELECT * FROM caredata.cluster_links('bad', average_link_floor => 'NaN');
SELECT * FROM caredata.cluster_links('bad', threshold => 'NaN');
SELECT * FROM caredata.cluster_links('bad', score => 'random()');
SELECT * FROM caredata.cluster_links('bad', score => 'probability');
SELECT * FROM caredata.cluster_links('bad', duplicate_free => '{left}');
SELECT * FROM caredata.cluster_links('bad', two_tables => true, duplicate_free => '{gp}');
SELECT * FROM caredata.cluster_links('bad', records => 'between');
INSERT INTO public.person_record VALUES ('t1');
SELECT * FROM caredata.cluster_links('bad', records => 'person_record');
SELECT * FROM caredata.cluster_links('bad', records => 'person_record', two_tables => true);
SELECT * FROM caredata.cluster_links(NULL);
-- an error leaves nothing behind in the session
SELECT * FROM caredata.cluster_links('bad');
SELECT caredata.bridge_count('{1}', '{1,2}');
SELECT caredata.bridge_count('{1,2,7}', '{2,1,-5}');
SELECT caredata.cluster_pass('{1,2}', 0.5);
SELECT caredata.cluster_pass('{1}', 0.5);

-- A name is a name.
CREATE TABLE public."links'; DROP TABLE link; --" (left_id text, right_id text, weight float8);
SELECT * FROM caredata.cluster_links($$"links'; DROP TABLE link; --"$$);

-- The tables are read as who calls, and not everybody may call.
CREATE ROLE regress_cluster_nobody;
SET ROLE regress_cluster_nobody;
SELECT * FROM caredata.cluster_links('public.link');
SELECT * FROM caredata.cluster_metrics('public.link', 'public.link');
SELECT * FROM caredata.cluster_pass('{1}', 0.5);
RESET ROLE;
SET ROLE caredata_linker;
SELECT * FROM caredata.cluster_links('public.link');
RESET ROLE;
GRANT SELECT ON public.link TO caredata_linker;
SET ROLE caredata_linker;
SELECT count(*) FROM caredata.cluster_links('public.link');
RESET ROLE;

\set ECHO none
DROP ROLE regress_cluster_nobody;
\c postgres
DROP DATABASE regress_cluster;
