-- Linking with a model: training, the pairs found, why, and bad input.
\set VERBOSITY terse
CREATE DATABASE regress_link;
\c regress_link
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database() \gset
\c regress_link
SET client_min_messages = warning;

-- 600 people in two files. In the second every ninth has a slip in the
-- surname, every thirteenth one in the date, every fifteenth has moved, and
-- every seventeenth has forename and surname exchanged. Every tenth person has
-- a twin of another name at the same address.
CREATE FUNCTION public.pick(n integer, what integer, choices integer) RETURNS integer
	LANGUAGE sql IMMUTABLE RETURN (hashint8extended(n, what) & 1073741823) % choices;
CREATE TABLE public.person AS
SELECT n AS id,
	(ARRAY['OLIVIA','GEORGE','AMELIA','HARRY','ISLA','NOAH','AVA','JACK','EMILY','LEO','GRACE','OSCAR','MIA',
		   'ARTHUR','POPPY','MUHAMMAD','ELLA','FREDDIE','LILY','THEODORE'])[1 + pick(n, 1, 20)] AS forename,
	(ARRAY['SMITH','JONES','TAYLOR','BROWN','WILLIAMS','WILSON','JOHNSON','DAVIES','PATEL','WRIGHT','WALKER','WHITE',
		   'EDWARDS','GREEN','HALL','WOOD','HARRIS','LEWIS','MARTIN','JACKSON','CLARKE','CLARK','TURNER','HILL',
		   'ROBERTS','COOPER','WARD','MORRIS','MOORE','KING'])[1 + pick(family, 2, 30)] AS surname,
	date '1930-01-01' + pick(family, 3, 30000) AS date_of_birth,
	format('M%s %s%s%s', 1 + pick(family, 4, 40), pick(family, 5, 10), substr('ABDEFGHJLN', 1 + pick(family, 6, 10), 1),
		   substr('ABDEFGHJLNPQRSTUWXYZ', 1 + pick(family, 7, 20), 1)) AS postcode,
	(1 + pick(n, 8, 2))::text AS sex
FROM (SELECT n, CASE WHEN n % 10 = 0 THEN n - 1 ELSE n END AS family FROM generate_series(1, 600) n) f;
CREATE TABLE public.gp AS
SELECT 'g' || id AS record_id, forename, surname, date_of_birth, postcode, sex FROM public.person;
CREATE TABLE public.hospital AS
SELECT 'h' || id AS record_id, CASE WHEN id % 17 = 0 THEN surname ELSE forename END AS forename,
	CASE WHEN id % 17 = 0 THEN forename WHEN id % 9 = 0 THEN surname || 'E' ELSE surname END AS surname,
	CASE WHEN id % 13 = 0 THEN date_of_birth + 1 ELSE date_of_birth END AS date_of_birth,
	CASE WHEN id % 15 = 0 THEN 'LS' || (1 + id % 20) || ' 4AP' ELSE postcode END AS postcode, sex
FROM public.person WHERE id % 3 <> 0;

CREATE FUNCTION public.make_model(name text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	m integer := caredata.create_link_model(name, 'record_id');
BEGIN
	PERFORM caredata.add_link_comparison(m, 'forename', 'swappable_forename', '{forename,surname}', true);
	PERFORM caredata.add_link_comparison(m, 'surname', 'swappable_surname', '{surname,forename}', true);
	PERFORM caredata.add_link_comparison(m, 'birth', 'date', '{date_of_birth}');
	PERFORM caredata.add_link_comparison(m, 'address', 'postcode', '{postcode}');
	PERFORM caredata.add_link_comparison(m, 'sex', 'sex', '{sex}');
	PERFORM caredata.add_link_relationship(m, 'twins', '{surname,birth,address}');
	PERFORM caredata.add_link_relationship(m, 'twins of one sex', '{surname,birth,address,sex}');
	PERFORM caredata.add_link_blocking(m, '{date_of_birth}');
	PERFORM caredata.add_link_blocking(m, '{forename,surname}');
	PERFORM caredata.add_link_blocking(m, '{forename,surname}', right_columns => '{surname,forename}');
	PERFORM caredata.add_link_blocking(m, '{postcode,forename}', '{whole,first}', '{0,1}');
	RETURN m;
END $$;

-- 1. All pairs of small tables.
SELECT make_model('all pairs') AS m \gset
SELECT caredata.train_link_model(:m, 'hospital', 'gp') AS run \gset
SELECT state, trained_by, round((lambda * 400 * 600)::numeric, 0) AS expected_pairs,
	minimum_probability BETWEEN 0.4 AND 0.5 AS chosen
FROM caredata.link_model WHERE model_id = :m;
SELECT operation, left_table, right_table, left_records, right_records, sampled_pairs, compared_pairs,
	finished_at >= started_at AS finished
FROM caredata.link_run WHERE run_id = :run;
CREATE TABLE public.found AS SELECT * FROM caredata.link(:m, 'hospital', 'gp');
SELECT count(*), count(*) FILTER (WHERE substr(left_id, 2) = substr(right_id, 2)) AS true_links,
	bool_and(rule = 0), count(*) FILTER (WHERE close_match) AS close, min(gap) > 5 AS clear
FROM found;
-- the same on every version of PostgreSQL
SELECT md5(string_agg(concat_ws(' ', left_id, right_id, round(weight::numeric, 2)), ',' ORDER BY left_id, right_id)) FROM found;
SELECT left_id, right_id, round(weight) AS weight, probability > 0.99 AS sure
FROM found WHERE left_id IN ('h10', 'h13', 'h17', 'h9') ORDER BY 1;
-- the twin of h10 shares address and birth, and is no link
SELECT step, element, agreement, round(weight::numeric, 1) AS weight, round(total::numeric, 1) AS total
FROM caredata.explain_link(:m, 'hospital', 'h10', 'gp', 'g9');
-- the last total is the weight of the link
SELECT f.left_id, abs(e.total - f.weight) < 1e-5 AS same
FROM found f, LATERAL (SELECT total FROM caredata.explain_link(:m, 'hospital', f.left_id, 'gp', f.right_id)
					   ORDER BY step DESC LIMIT 1) e
WHERE f.left_id IN ('h1', 'h17') ORDER BY 1;

-- Two records that claim the same one are rivals, unless several may be one.
CREATE TABLE public.claim AS
SELECT c.claim AS record_id, p.forename, p.surname, p.date_of_birth, p.postcode, p.sex
FROM (VALUES ('c1', 1), ('c2', 1), ('c3', 2)) AS c (claim, id) JOIN public.person p USING (id);
SELECT left_id, right_id, gap, close_match FROM caredata.link(:m, 'claim', 'gp');
SELECT caredata.copy_link_model(:m) AS many \gset
SELECT caredata.set_link_model(:many, many_to_one => true);
SELECT caredata.copy_link_model(:many) AS copied \gset
SELECT many_to_one FROM caredata.link_model WHERE model_id = :copied;
SELECT caredata.train_link_model(:many, 'hospital', 'gp') AS run \gset
SELECT left_id, right_id, gap, close_match FROM caredata.link(:many, 'claim', 'gp');

-- 2. By blocking, which finds the same.
SELECT caredata.copy_link_model(:m) AS blocked \gset
SELECT caredata.set_link_model(:blocked, all_pairs_limit => 0);
SELECT caredata.train_link_model(:blocked, 'hospital', 'gp') AS run \gset
SELECT rule, pairs, new_pairs, links FROM caredata.link_run_rule WHERE run_id = :run ORDER BY 1;
CREATE TABLE public.found_blocked AS SELECT * FROM caredata.link(:blocked, 'hospital', 'gp');
SELECT count(*), count(*) FILTER (WHERE substr(left_id, 2) = substr(right_id, 2)) AS true_links,
	array_agg(DISTINCT rule) FROM found_blocked;
SELECT rule, pairs, links, skipped_blocks FROM caredata.link_run_rule
WHERE run_id = (SELECT max(run_id) FROM caredata.link_run) ORDER BY 1;

-- 3. One table with itself: each pair once, whichever way round the rule holds.
CREATE VIEW public.everybody AS SELECT * FROM gp UNION ALL SELECT * FROM hospital;
SELECT make_model('one table') AS one \gset
SELECT caredata.set_link_model(:one, all_pairs_limit => 0);
SELECT caredata.train_link_model(:one, 'everybody') AS run \gset
SELECT count(*), count(DISTINCT (left_id, right_id)), bool_and(left_id < right_id) AS ordered,
	count(*) FILTER (WHERE substr(left_id, 2) = substr(right_id, 2)) AS true_links, count(gap)
FROM caredata.link(:one, 'everybody');

-- A rule across columns holds one way round, the other, or both; what else is
-- missing does not matter.
CREATE TABLE public.moved (record_id text, postcode text, former text, surname text);
INSERT INTO moved VALUES ('a', NULL, 'M1 1AA', 'SMITH'), ('b', 'M1 1AA', NULL, 'SMITH'), ('c', 'LS1 4AP', 'LS2 4AP', 'JONES'),
	('d', 'LS2 4AP', 'LS1 4AP', 'JONES'), ('e', 'BS1 1AA', NULL, 'BROWN'), ('f', NULL, 'BS1 1AA', 'BROWN'), ('g', 'NG1 1AA', 'NG1 1AA', 'GREEN');
SELECT caredata.create_link_model('moved', 'record_id') AS v \gset
SELECT caredata.add_link_comparison(:v, 'surname', 'surname', '{surname}', tests => '{exact}'),
	caredata.add_link_blocking(:v, '{postcode}', right_columns => '{former}'), caredata.set_link_model(:v, all_pairs_limit => 0),
	caredata.set_link_level(:v, 'surname', 1, 0.9, 0.1), caredata.set_link_level(:v, 'surname', 0, 0.1, 0.9),
	caredata.accept_link_model(:v, 0.5);
SELECT left_id, right_id, round(weight::numeric, 3) AS weight FROM caredata.link(:v, 'moved', minimum_probability => 0.5);

-- 4. The same input gives the same, whatever the plan.
CREATE TABLE public.digest (settings text, digest text);
DO $$
DECLARE
	setting text;
	m integer;
BEGIN
	FOREACH setting IN ARRAY ARRAY['hash', 'merge', 'loop', '1 worker', '2 workers'] LOOP
		PERFORM set_config('enable_hashjoin', (setting NOT IN ('merge', 'loop'))::text, true),
			set_config('enable_mergejoin', (setting <> 'loop')::text, true),
			set_config('enable_nestloop', (setting NOT IN ('hash', 'merge'))::text, true),
			set_config('enable_hashagg', (setting <> 'merge')::text, true),
			set_config('max_parallel_workers_per_gather', coalesce(substring(setting FROM '^\d'), '0'), true),
			set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true),
			set_config('min_parallel_table_scan_size', '0', true);
		m := caredata.copy_link_model(1);
		PERFORM caredata.train_link_model(m, 'hospital', 'gp');
		INSERT INTO digest
		SELECT setting, md5(string_agg(f::text, E'\n' ORDER BY n))
		FROM caredata.link(m, 'hospital', 'gp') WITH ORDINALITY AS
			f (left_id, right_id, weight, probability, pattern, rule, gap, close_match, n);
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT digest) FROM digest;
-- and records are indeed packed by workers
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF)
		SELECT count(caredata.link_record(1, forename, surname, date_of_birth, postcode, sex)) FROM gp' LOOP
		IF line ~ 'Workers Launched' THEN
			RAISE WARNING '%', btrim(line);
		END IF;
	END LOOP;
END $$;
COMMIT;

-- 5. Splink's way of training.
SELECT caredata.create_link_model('by rule', 'record_id') AS s \gset
SELECT count(*) FROM (
	SELECT caredata.add_link_comparison(:s, 'forename', 'forename', '{forename}', true),
		caredata.add_link_comparison(:s, 'surname', 'surname', '{surname}', true),
		caredata.add_link_comparison(:s, 'birth', 'date', '{date_of_birth}'),
		caredata.add_link_comparison(:s, 'address', 'postcode', '{postcode}'),
		caredata.add_link_blocking(:s, '{date_of_birth}', purpose => 'train'),
		caredata.add_link_blocking(:s, '{postcode}', purpose => 'train'),
		caredata.add_link_blocking(:s, '{surname,date_of_birth}', purpose => 'deterministic')) x;
SELECT caredata.train_link_model(:s, 'hospital', 'gp', 'by_rule') AS run \gset
SELECT round((lambda * 400 * 600)::numeric) AS expected_pairs, trained_by FROM caredata.link_model WHERE model_id = :s;
SELECT c.name, l.level, round(l.m::numeric, 3) AS m, round(l.u::numeric, 4) AS u
FROM caredata.link_model_level l
JOIN caredata.link_model_comparison c ON c.model_id = l.model_id AND c.ordinal = l.comparison
WHERE l.model_id = :s AND l.level IN (0, 4) ORDER BY l.comparison, l.level DESC;
SELECT warning, comparison, level FROM caredata.link_run_warning WHERE run_id = :run ORDER BY 1, 2, 3;

-- 6. Frequencies from a reference table, and of persons.
CREATE TABLE public.surname_table (name text, share float8);
INSERT INTO surname_table VALUES ('Smith', 0.01), ('SMITH', 0.002), ('Jones', 0.008), ('?', 0.5), (NULL, 0.1), ('Zzyzx', 0);
SELECT caredata.copy_link_model(:s) AS f \gset
SELECT caredata.use_link_frequencies(:f, 'surname', 'surname_table', 'name', 'share');
SELECT slot, round(frequency::numeric, 4) FROM caredata.link_model_frequency WHERE model_id = :f ORDER BY 2;
SELECT slot, part, round(unseen_frequency::numeric, 4) FROM caredata.link_model_slot WHERE model_id = :f;
SELECT caredata.use_link_frequencies(:f, 'birth', 'surname_table', 'name', 'share');
-- counts are no shares, nor is what is no number
CREATE TABLE public.surname_count AS SELECT name, share * 1000 AS holders, 'NaN'::float8 AS nothing FROM surname_table;
SELECT caredata.use_link_frequencies(:f, 'surname', 'surname_count', 'name', 'holders');
SELECT caredata.use_link_frequencies(:f, 'surname', 'surname_count', 'name', 'nothing');
CREATE VIEW public.with_person AS SELECT e.*, substr(record_id, 2) AS person_id FROM everybody e;
SELECT caredata.create_link_model('persons', 'record_id', 'person_id') AS p \gset
SELECT caredata.add_link_comparison(:p, 'surname', 'surname', '{surname}', true),
	caredata.add_link_comparison(:p, 'birth', 'date', '{date_of_birth}');
SELECT caredata.train_link_model(:p, 'with_person') AS run \gset
SELECT round(1 / min(frequency)) AS persons FROM caredata.link_model_frequency WHERE model_id = :p;

-- 7. What is refused, by name.
SELECT * FROM caredata.link(:f, 'hospital', 'gp');
SELECT * FROM caredata.link(4711, 'hospital', 'gp');
SELECT * FROM caredata.link(:m, 'hospital', 'gp', 1.5);
SELECT caredata.train_link_model(:m, 'hospital', 'gp');
SELECT make_model('bad input') AS b \gset
SELECT caredata.train_link_model(:b, 'hospital', 'gp', 'by guess');
SELECT caredata.train_link_model(:b, 'hospital', 'gp', sample_pairs => 1);
CREATE TABLE public.nobody (LIKE gp);
SELECT caredata.train_link_model(:b, 'nobody');
SELECT caredata.train_link_model(:b, 'hospital', 'nobody');
SELECT count(*) FROM caredata.link(:m, 'nobody', 'gp');
SELECT count(*) FROM caredata.link(:m, 'nobody');
CREATE VIEW public.no_sex AS SELECT record_id, forename, surname, date_of_birth, postcode FROM gp;
SELECT caredata.train_link_model(:b, 'hospital', 'no_sex');
CREATE VIEW public.no_id AS SELECT nullif(record_id, 'g7') AS record_id, forename, surname, date_of_birth, postcode, sex FROM gp;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'no_id');
CREATE VIEW public.same_id AS SELECT CASE WHEN record_id < 'g3' THEN 'g' ELSE record_id END AS record_id, forename, surname,
	date_of_birth, postcode, sex FROM gp;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'same_id');
SELECT * FROM caredata.explain_link(:m, 'hospital', 'h0', 'gp', 'g9');
-- a column without values, one without values of its kind, and long ones
CREATE VIEW public.poor AS SELECT record_id, repeat(forename, 5000) AS forename, NULL::text AS surname,
	'unknown' AS date_of_birth, postcode, sex FROM gp;
SET client_min_messages = error;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'poor', 0.99);
SELECT caredata.train_link_model(:b, 'hospital', 'poor') AS run \gset
SELECT run_id = :run AS training, warning, comparison, detail FROM caredata.link_run_warning
WHERE run_id >= :run - 1 ORDER BY 1, 2, 4;
-- nothing that is not a number comes of it
SELECT count(*) FILTER (WHERE m = 'NaN' OR u = 'NaN') AS nan, count(*) FILTER (WHERE m IS NULL) AS nulls
FROM caredata.link_model_level WHERE model_id = :b;
RESET client_min_messages;

-- 8. One block of everybody is skipped and reported.
CREATE TABLE public.same AS
SELECT 's' || n AS record_id, 'JOHN' AS forename, 'SMITH' AS surname, date '1980-01-01' AS date_of_birth,
	'M1 1AA' AS postcode, '1' AS sex FROM generate_series(1, 20000) n;
SELECT count(*) FROM caredata.link(:blocked, 'same');
SELECT rule, pairs, links, skipped_blocks, skipped_pairs FROM caredata.link_run_rule
WHERE run_id = (SELECT max(run_id) FROM caredata.link_run) ORDER BY 1;
SELECT rule, left_records, right_records, pairs, example_id FROM caredata.link_run_block ORDER BY 1;
SELECT caredata.copy_link_model(:blocked) AS nothing \gset
SELECT caredata.train_link_model(:nothing, 'same');

-- Cancelled within a second, wherever it is: here in the pairs taken at random.
CREATE TABLE public.many AS
SELECT 'm' || n AS record_id, translate(md5(n::text), '0123456789', 'ghijklmnop') AS forename,
	translate(md5((n * 7)::text), '0123456789', 'ghijklmnop') AS surname, date '1930-01-01' + n AS date_of_birth,
	'M' || 1 + n % 90 || ' 1AA' AS postcode, '1' AS sex FROM generate_series(1, 20000) n;
SELECT caredata.copy_link_model(:m) AS slow \gset
SET statement_timeout = '2s';
SELECT clock_timestamp() AS began \gset
SELECT caredata.train_link_model(:slow, 'many', sample_pairs => 199000000);
SELECT clock_timestamp() - :'began' < '3s' AS soon;
RESET statement_timeout;

-- 9. Names that are not names of SQL.
CREATE TABLE public."a'; drop --" ("x"") --" text, "s'p" text, "d%s" date);
INSERT INTO public."a'; drop --" SELECT record_id, surname, date_of_birth FROM hospital;
SELECT caredata.create_link_model('strange', 'x") --') AS q \gset
SELECT caredata.add_link_comparison(:q, 'a%s''', 'surname', ARRAY['s''p'], true),
	caredata.add_link_comparison(:q, 'b', 'date', '{d%s}'), caredata.add_link_blocking(:q, '{d%s}'),
	caredata.set_link_model(:q, all_pairs_limit => 0);
SET client_min_messages = error;
SELECT caredata.train_link_model(:q, '"a''; drop --"') > 0 AS trained;
RESET client_min_messages;
SELECT count(*) FROM caredata.link(:q, '"a''; drop --"');

-- an id is a parameter, a name with a dollar is none
CREATE VIEW public."fee$1" AS SELECT record_id AS "id$1", surname, date_of_birth FROM hospital;
SELECT caredata.create_link_model('dollar', 'id$1') AS d \gset
SELECT caredata.add_link_comparison(:d, 'name', 'surname', '{surname}'),
	caredata.add_link_comparison(:d, 'born', 'date', '{date_of_birth}');
SET client_min_messages = error;
SELECT caredata.train_link_model(:d, 'fee$1') > 0 AS trained;
RESET client_min_messages;
SELECT count(*) FROM caredata.explain_link(:d, 'fee$1', 'h10', 'fee$1', 'h11');

-- 10. No answer without saying why. A model that has no rules is for small tables.
SELECT caredata.create_link_model('no rules', 'record_id') AS w \gset
SELECT caredata.add_link_comparison(:w, 'name', 'surname', '{surname}', by_frequency => true),
	caredata.add_link_comparison(:w, 'first', 'forename', '{forename}', by_frequency => true),
	caredata.add_link_comparison(:w, 'born', 'date', '{date_of_birth}');
CREATE VIEW public.surnames AS SELECT record_id, surname, NULL::text AS forename, date_of_birth FROM hospital;
-- a column that had no value in training has no say, and is no obstacle
SET client_min_messages = error;
SELECT caredata.train_link_model(:w, 'surnames') > 0 AS trained;
RESET client_min_messages;
SELECT warning, detail FROM caredata.link_run_warning WHERE run_id = (SELECT max(run_id) FROM caredata.link_run)
	AND warning = 'column_empty';
SELECT count(*) > 0 AS linked, bool_and(abs(weight) < 1000) AS finite FROM caredata.link(:w, 'hospital', 'gp');
SELECT count(*) FROM caredata.link(:w, 'same');
SELECT caredata.copy_link_model(:w) AS gap \gset
SELECT caredata.set_link_model(:gap, close_match_gap => 'NaN');
-- a domain of dates, and a time with its zone, are read whatever the session's style
CREATE DOMAIN public.birth AS date;
CREATE VIEW public.american AS SELECT record_id, surname, forename, date_of_birth::birth FROM hospital;
CREATE VIEW public.zoned AS SELECT record_id, surname, forename, date_of_birth::timestamptz AS date_of_birth FROM hospital;
SET DateStyle = 'SQL, MDY';
SET TimeZone = 'Europe/London';
SELECT h.columns, count(*), count(DISTINCT h.record) FROM (
	SELECT 'date' AS columns, record_id, caredata.link_record(:w, surname, forename, date_of_birth) AS record FROM hospital
	UNION ALL SELECT 'domain', record_id, caredata.link_record(:w, surname, forename, date_of_birth) FROM american
	UNION ALL SELECT 'zone', record_id, caredata.link_record(:w, surname, forename, date_of_birth) FROM zoned) h
WHERE h.record IN (SELECT caredata.link_record(:w, surname, forename, date_of_birth) FROM hospital)
GROUP BY 1 ORDER BY 1;
RESET DateStyle;
RESET TimeZone;
-- a table with the name of one that linking makes is not lost
CREATE TEMPORARY TABLE caredata_pair AS SELECT * FROM gp;
SELECT count(*) FROM caredata.link(:w, 'hospital', 'caredata_pair');
SELECT count(*) FROM caredata_pair;
DROP TABLE caredata_pair;
-- a model that is certain: its weights have an end, in an explanation too
SELECT caredata.create_link_model('certain', 'record_id') AS c \gset
SELECT caredata.add_link_comparison(:c, 'name', 'text', '{surname}'),
	caredata.add_link_comparison(:c, 'born', 'date', '{date_of_birth}', tests => '{exact}');
SELECT count(caredata.set_link_level(:c, v.name, v.level, v.level, 1 - v.level))
FROM (VALUES ('name', 0), ('name', 1), ('born', 0), ('born', 1)) v (name, level);
SELECT caredata.accept_link_model(:c, 0.001);
SELECT max(weight) FROM caredata.link(:c, 'hospital', 'gp');
SELECT max(total) FROM caredata.explain_link(:c, 'hospital', 'h10', 'gp', 'g10');
-- patterns and records of no model are refused
SELECT caredata.link_levels(:m, 9223372036854775807);
SELECT caredata.link_weight(:m, -1, '', '');
SELECT caredata.link_weight_parts(:m, 9223372036854775807, '', '');
SELECT caredata.estimate_link_u(:m, '{9223372036854775807}', '{5}');
SELECT caredata.create_link_model('one postcode', 'record_id') AS o \gset
SELECT caredata.add_link_comparison(:o, 'address', 'postcode', '{postcode}', tests => '{district}');
SELECT caredata.link_pattern(:o, r, overlay(r PLACING '\x0000000000000000' FROM 7 FOR 8), 0, false)
FROM caredata.link_record(:o, 'LS1 4AP'::text) r;
-- cancelled within a second in long texts too, where a pair takes milliseconds
CREATE TABLE public.essay AS
SELECT n AS record_id, (SELECT string_agg(chr(97 + abs(hashint4(n * 1000 + k)) % 26), '') FROM generate_series(1, 1000) k) AS prose
FROM generate_series(1, 2000) n;
CREATE VIEW public.first_essay AS SELECT * FROM essay WHERE record_id = 1;
SELECT caredata.create_link_model('essays', 'record_id') AS e \gset
SELECT caredata.add_link_comparison(:e, 'prose', 'text', '{prose}', tests => '{damerau}', parameters => '{900}');
SET statement_timeout = '1s';
SELECT clock_timestamp() AS began \gset
SELECT caredata.train_link_model(:e, 'first_essay', 'essay');
SELECT clock_timestamp() - :'began' < '2s' AS soon;
RESET statement_timeout;

-- 11. Who may: the linker, on tables that the linker may read.
CREATE ROLE regress_link_linker;
GRANT caredata_linker TO regress_link_linker;
CREATE ROLE regress_link_other;
GRANT SELECT ON gp, hospital TO regress_link_other;
SET ROLE regress_link_linker;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'gp');
RESET ROLE;
GRANT SELECT ON gp, hospital TO regress_link_linker;
SET ROLE regress_link_linker;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'gp');
SELECT caredata.copy_link_model(:m) AS c \gset
SELECT caredata.train_link_model(:c, 'hospital', 'gp') > 0 AS trained;
SELECT count(*) > 5 AS explained FROM caredata.explain_link(:c, 'hospital', 'h10', 'gp', 'g10');
UPDATE caredata.link_model_level SET m = 1;
RESET ROLE;
SET ROLE regress_link_other;
SELECT count(*) FROM caredata.link(:m, 'hospital', 'gp');
SELECT caredata.train_link_model(:c, 'hospital', 'gp');
SELECT caredata.explain_link(:m, 'hospital', 'h10', 'gp', 'g10');
SELECT caredata.store_link_levels(:c, NULL, NULL);
RESET ROLE;

\c postgres
DROP DATABASE regress_link;
DROP ROLE regress_link_linker, regress_link_other;
