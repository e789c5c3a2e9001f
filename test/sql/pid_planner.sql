--
-- What the planner makes of pseudonyms, through release views under row
-- security, as a reader: first the plans, then that every form of query gives
-- what the same query gives on stored pseudonyms.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_pid_planner;
\c regress_pid_planner
SET client_min_messages = warning;
CREATE EXTENSION caredata;
ALTER DATABASE regress_pid_planner SET search_path = public, caredata;
ALTER DATABASE regress_pid_planner SET max_parallel_workers_per_gather = 0;
ALTER DATABASE regress_pid_planner SET jit = off;
SET jit = off;
SET search_path = public, caredata;

CREATE ROLE regress_planner_reader NOLOGIN;
CREATE ROLE regress_planner_reader_b NOLOGIN;
CREATE ROLE regress_planner_definer NOLOGIN;
CREATE ROLE regress_planner_analyst;
GRANT regress_planner_reader, regress_planner_reader_b TO regress_planner_analyst;
SELECT caredata.create_domain('a', 'regress_planner_reader') AS a,
	   caredata.create_domain('b', 'regress_planner_reader_b') AS b;

-- base tables; every twentieth person is withheld by a policy that is not
-- leakproof
CREATE SCHEMA care;
CREATE TABLE care.person (person_id integer PRIMARY KEY, practice text);
CREATE TABLE care.event (person_id integer NOT NULL, code integer);
INSERT INTO care.person SELECT i, 'P' || i % 7 FROM generate_series(1, 1000) i;
INSERT INTO care.event SELECT 1 + (i * 7) % 1100, i % 13 FROM generate_series(1, 3000) i
WHERE i % 3 <> 0;
CREATE INDEX event_person_id ON care.event (person_id);
CREATE INDEX event_code ON care.event (code);
ALTER TABLE care.person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE care.event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON care.person TO regress_planner_definer USING (person_id % 20 <> 0);
CREATE POLICY p ON care.event TO regress_planner_definer USING (person_id % 20 <> 0);
GRANT USAGE ON SCHEMA care TO regress_planner_definer, PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA care TO regress_planner_definer;
-- the same columns on stored pseudonyms; NULLs through a third table
CREATE SCHEMA release_a;
CREATE SCHEMA release_b;
CREATE SCHEMA stored_a;
CREATE SCHEMA stored_b;
DO $$
DECLARE
	release text;
	handle text;
	tab text;
BEGIN
	FOR release, handle IN VALUES ('a', '1'), ('b', '2') LOOP
		FOREACH tab IN ARRAY ARRAY['person', 'event'] LOOP
			EXECUTE format('CREATE VIEW release_%1$s.%2$s AS SELECT caredata.pid(person_id, %3$L::caredata.release_ref) AS pid, %4$I FROM care.%2$s',
				release, tab, handle, CASE tab WHEN 'person' THEN 'practice' ELSE 'code' END);
			EXECUTE format('ALTER VIEW release_%s.%s OWNER TO regress_planner_definer', release, tab);
			EXECUTE format('CREATE TABLE stored_%1$s.%2$s AS SELECT caredata.pid(person_id, %3$L::caredata.release_ref) AS pid, %4$I FROM care.%2$s WHERE person_id %% 20 <> 0',
				release, tab, handle, CASE tab WHEN 'person' THEN 'practice' ELSE 'code' END);
			EXECUTE format('CREATE INDEX ON stored_%s.%s (pid)', release, tab);
		END LOOP;
	END LOOP;
END $$;
-- a reader's own list: present, withheld, of the other release, forged, NULL;
-- once as pseudonyms and once as text
CREATE TABLE public.list AS
SELECT n, pid(n, '1') AS p FROM generate_series(1, 60) n
UNION ALL SELECT 100 + n, pid(n, '2') FROM generate_series(1, 20) n
UNION ALL SELECT 200 + n, md5(n::text)::pseudonym FROM generate_series(1, 20) n
UNION ALL SELECT 300, pid(0, '1')
UNION ALL SELECT 301, record_pid(1::bigint, '1')
UNION ALL SELECT 302, NULL
UNION ALL SELECT 303, pid(3, '1');
ALTER TABLE public.list ADD COLUMN t text, ADD COLUMN v varchar;
UPDATE public.list SET t = p::text, v = upper(p::text);
-- single values to put into queries
CREATE TABLE public.probe (name text PRIMARY KEY, value text);
INSERT INTO public.probe VALUES
	('present', pid(7, '1')::text), ('another', pid(8, '1')::text), ('withheld', pid(20, '1')::text),
	('foreign', pid(7, '2')::text), ('forged', '00000000000000000000000000000000'),
	('no_such_person', pid(1000000, '1')::text), ('nobody', pid(0, '1')::text);
GRANT USAGE ON SCHEMA release_a, release_b, stored_a, stored_b TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA release_a TO regress_planner_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA release_b TO regress_planner_reader_b;
GRANT SELECT ON ALL TABLES IN SCHEMA stored_a, stored_b, public TO regress_planner_analyst;
GRANT EXECUTE ON FUNCTION pid(integer, release_ref), person_of(pseudonym, release_ref)
	TO regress_planner_reader, regress_planner_reader_b;
ANALYZE;
GRANT CREATE ON SCHEMA public TO regress_planner_analyst;

SET ROLE regress_planner_analyst;
-- plans, with pseudonyms, which are other ones in every run, made unreadable
CREATE FUNCTION public.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	p public.probe;
BEGIN
	FOR p IN SELECT * FROM public.probe LOOP
		query := replace(query, ':' || p.name, quote_literal(p.value));
	END LOOP;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		line := regexp_replace(line, '[0-9a-f]{32}', 'PSEUDONYM', 'g');
		-- sub-plans are written otherwise from 17 on
		line := regexp_replace(line, '\$0|\(InitPlan 1\)\.col1', 'INITPLAN');
		line := replace(line, ' (returns INITPLAN)', '');
		RETURN NEXT replace(line,
			'NOT (ANY (person_id = person_of((hashed SubPlan 1).col1, ''1''::release_ref)))',
			'NOT (hashed SubPlan 1)');
	END LOOP;
END $$;

-- joins are joins on person_id, in every method
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN release_a.event b ON a.pid = b.pid');
SELECT public.plan('SELECT count(*) FROM release_a.person a LEFT JOIN release_a.event b USING (pid) WHERE b.code = 5');
-- 16 and 17 hide what a full join compares from the rewriting
SELECT l AS plan FROM public.plan('SELECT count(*) FROM release_a.person a FULL JOIN release_a.event b ON a.pid = b.pid') l
WHERE l NOT LIKE '%Hash Cond%';
SELECT public.plan('SELECT count(*) FROM release_a.person a WHERE EXISTS (SELECT FROM release_a.event b WHERE b.pid = a.pid AND code = 5)');
SELECT public.plan('SELECT count(*) FROM release_a.person WHERE pid IN (SELECT pid FROM release_a.event WHERE code = 5)');
SELECT public.plan('SELECT count(*) FROM release_a.person a WHERE NOT EXISTS (SELECT FROM release_a.event b WHERE b.pid = a.pid)');
SELECT public.plan('SELECT count(*) FROM release_a.person WHERE pid NOT IN (SELECT pid FROM release_a.event)');
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN public.list l ON a.pid = l.p');
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN public.list l ON l.t = a.pid');
RESET enable_mergejoin; RESET enable_nestloop;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN release_a.event b ON a.pid = b.pid');
RESET enable_hashjoin;
SET enable_nestloop = on; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN release_a.event b ON a.pid = b.pid WHERE a.practice = ''P1''');
SELECT public.plan('SELECT count(*) FROM release_a.person a WHERE EXISTS (SELECT FROM release_a.event b WHERE b.pid = a.pid AND code = 5)');
SELECT public.plan('SELECT count(*) FROM release_a.person a WHERE NOT EXISTS (SELECT FROM release_a.event b WHERE b.pid = a.pid)');
-- the reader's own list looks persons up by the index, below the policy
SELECT public.plan('SELECT count(*) FROM public.list l JOIN release_a.event b ON b.pid = l.p');
SELECT public.plan('SELECT b.* FROM unnest(ARRAY[:present, :another]::text[]::pseudonym[]) w JOIN release_a.event b ON b.pid = w');
RESET enable_nestloop; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_memoize;
-- text cannot: its cast can raise, so row security keeps it above the policy
SELECT public.plan('SELECT b.* FROM public.list l JOIN release_a.event b ON b.pid = l.t');

-- constants: the plan shows the pseudonym and the handle, never a person_id
SELECT public.plan('SELECT * FROM release_a.person WHERE pid = :present');
SELECT public.plan('SELECT * FROM release_a.person WHERE :present = pid');
SELECT public.plan('SELECT * FROM release_a.event WHERE pid = :present::text AND code = 5');
SELECT public.plan('SELECT * FROM release_a.event WHERE pid = :present::varchar');
SELECT public.plan('SELECT * FROM release_a.event WHERE pid = :present::char(32)');
SELECT public.plan('SELECT * FROM release_a.person WHERE pid = :present::uuid::pseudonym');
SELECT public.plan('SELECT count(*) FROM release_a.person WHERE pid <> :present');
SELECT public.plan('SELECT count(*) FROM release_a.person WHERE NOT pid = :present');
SELECT public.plan('SELECT * FROM release_a.person WHERE pid = (SELECT l.p FROM public.list l WHERE n = 7)');
SELECT public.plan('SELECT * FROM release_a.person a JOIN release_a.event b USING (pid) WHERE pid = :present');
SELECT public.plan('SELECT * FROM release_a.person WHERE pid IN (:present)');
-- a list is so many equalities (src/spelling.c), which 18 makes one scan again
SELECT bool_or(line ~ 'Index Cond: .*person_id = .*person_of') AS by_index, bool_or(line ~ 'Seq Scan') AS whole_table
FROM public.plan('SELECT * FROM release_a.person WHERE pid IN (:present, :another)') line;
-- computed: order, and what is not an equality
SELECT public.plan('SELECT * FROM release_a.person WHERE pid IS DISTINCT FROM :present');
SELECT public.plan('SELECT * FROM release_a.person WHERE pid < :present');
-- two releases' pids stay pseudonyms, on both sides
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT public.plan('SELECT count(*) FROM release_a.person a JOIN release_b.person b ON a.pid = b.pid');
RESET enable_mergejoin; RESET enable_nestloop;
SELECT count(*) AS reads_nothing FROM public.plan('SELECT count(*) FROM release_a.person a WHERE a.pid = caredata.pid(7, NULL)') l
WHERE l ~ 'One-Time Filter: (NULL::boolean|false)';

-- prepared statements: a custom plan shows the parameter, a generic one $1
SELECT value AS present FROM public.probe WHERE name = 'present' \gset
PREPARE by_pid(pseudonym) AS SELECT practice FROM release_a.person WHERE pid = $1;
PREPARE by_text(text) AS SELECT practice FROM release_a.person WHERE pid = $1;
PREPARE by_any(text[]) AS SELECT practice FROM release_a.person WHERE pid = ANY ($1);
SET plan_cache_mode = force_custom_plan;
SELECT public.plan('EXECUTE by_pid(:present)');
SELECT public.plan('EXECUTE by_text(:present)');
SET plan_cache_mode = force_generic_plan;
SELECT public.plan('EXECUTE by_pid(:present)');
SELECT public.plan('EXECUTE by_text(:present)');
SELECT public.plan('EXECUTE by_any(ARRAY[:present])');
EXECUTE by_pid(:'present');
EXECUTE by_text(:'present');
EXECUTE by_any(ARRAY[:'present']);
RESET plan_cache_mode;

-- No plan, in any format, holds the number of the person asked for. Person 987
-- has no other 987 in the plan: costs are off and few rows come out.
RESET ROLE;
SELECT pid(987, '1') AS p987 \gset
SET ROLE regress_planner_analyst;
CREATE FUNCTION public.plan_holds(query text, needle text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (VERBOSE, ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF, FORMAT json) ' || query INTO plan;
	RETURN plan::text ~ ('\y' || needle || '\y');
END $$;
SELECT public.plan_holds(format('SELECT * FROM release_a.person WHERE pid = %L', :'p987'), '987') AS person_id,
	   public.plan_holds(format('SELECT * FROM release_a.person WHERE pid = %L', :'p987'), :'p987') AS pseudonym,
	   public.plan_holds(format('SELECT * FROM release_a.person a JOIN release_a.event b USING (pid) WHERE pid = %L', :'p987'), '987') AS in_join,
	   public.plan_holds(format('SELECT * FROM release_a.person a WHERE pid IN (%L, %L)', :'p987', :'present'), '987') AS in_list;

-- Correctness. Each query runs on the views and on the stored pseudonyms, and
-- the difference is taken both ways, duplicates counted.
CREATE TABLE public.query (label text PRIMARY KEY, query text);
INSERT INTO public.query VALUES
('= present',       'SELECT practice FROM A.person WHERE pid = :present'),
('= present, cast', 'SELECT practice FROM A.person WHERE pid = :present::text'),
('= upper case',    'SELECT practice FROM A.person WHERE upper(:present) = pid'),
('= withheld',      'SELECT practice FROM A.person WHERE pid = :withheld'),
('= foreign',       'SELECT practice FROM A.person WHERE pid = :foreign'),
('= forged',        'SELECT practice FROM A.person WHERE pid = :forged'),
('= nobody',        'SELECT practice FROM A.person WHERE pid = :nobody'),
('= NULL',          'SELECT practice FROM A.person WHERE pid = NULL::text'),
('= expression',    'SELECT practice FROM A.person WHERE pid = (CASE WHEN practice = ''P0'' THEN :present ELSE :another END)::text'),
('= volatile',      'SELECT practice FROM A.person WHERE pid = (CASE WHEN random() < 2 THEN :present END)::text'),
('<> present',      'SELECT practice FROM A.person WHERE pid <> :present'),
('<> withheld',     'SELECT practice FROM A.person WHERE pid <> :withheld'),
('<> foreign',      'SELECT practice FROM A.person WHERE pid <> :foreign'),
('<> forged',       'SELECT practice FROM A.person WHERE pid <> :forged'),
('NOT =',           'SELECT practice FROM A.person WHERE NOT (pid = :present)'),
('NOT = forged',    'SELECT practice FROM A.person WHERE NOT (pid = :forged)'),
('NOT <>',          'SELECT practice FROM A.person WHERE NOT (pid <> :present)'),
('IS NOT TRUE',     'SELECT practice FROM A.person WHERE (pid = :forged) IS NOT TRUE'),
('IS NOT NULL',     'SELECT practice FROM A.person WHERE (pid = :foreign) IS NOT NULL AND pid IS NOT NULL'),
('IS DISTINCT',     'SELECT practice FROM A.person WHERE pid IS DISTINCT FROM :present'),
('IS NOT DISTINCT', 'SELECT practice FROM A.person WHERE pid IS NOT DISTINCT FROM :present'),
('< (rows vary)',   'SELECT pid FROM A.person WHERE pid < :present'),
('BETWEEN (rows vary)','SELECT pid FROM A.person WHERE pid BETWEEN :forged AND :present'),
('IN list',         'SELECT pid, practice FROM A.person WHERE pid IN (:present, :another, :withheld, :foreign, :forged)'),
('IN one',          'SELECT pid, practice FROM A.person WHERE pid IN (:present)'),
('IN with NULL',    'SELECT pid, practice FROM A.person WHERE pid IN (:present, NULL)'),
('NOT IN list',     'SELECT pid, practice FROM A.person WHERE pid NOT IN (:present, :foreign, :forged)'),
('NOT IN one',      'SELECT pid, practice FROM A.person WHERE pid NOT IN (:forged)'),
('NOT IN NULL',     'SELECT pid, practice FROM A.person WHERE pid NOT IN (:present, NULL)'),
('= ANY text[]',    'SELECT pid, practice FROM A.person WHERE pid = ANY (ARRAY[:present, :another, :foreign]::text[])'),
('= ANY varchar[]', 'SELECT pid, practice FROM A.person WHERE pid = ANY (ARRAY[:present, NULL]::varchar[])'),
('= ANY of list',   'SELECT pid, practice FROM A.person WHERE pid = ANY (SELECT t FROM list)'),
('= ANY array',     'SELECT pid, practice FROM A.person WHERE pid = ANY (ARRAY(SELECT t FROM list))'),
('<> ALL',          'SELECT pid, practice FROM A.person WHERE pid <> ALL (ARRAY[:present, :forged]::text[])'),
('ROW',             'SELECT pid FROM A.person WHERE (pid, practice) IN (SELECT p, ''P3'' FROM list)'),
('select =',        'SELECT pid = :present, pid = :forged, pid = :foreign, pid = :withheld, pid = NULL::text FROM A.person'),
('select <>',       'SELECT pid <> :present, pid <> :forged, NOT pid = :foreign, NOT pid <> :withheld FROM A.person'),
('select = list',   'SELECT pid = l.p, pid <> l.p, NOT pid = l.t, l.v = pid FROM A.person, list l WHERE n % 7 = 0'),
('CASE',            'SELECT CASE pid WHEN :present THEN 1 WHEN :forged THEN 2 ELSE 3 END FROM A.person'),
('NULLIF',          'SELECT NULLIF(pid, :present) FROM A.person'),
('COALESCE',        'SELECT count(*) FROM A.person WHERE COALESCE(pid, :forged) = :present'),
('COALESCE both',   'SELECT count(*) FROM A.person a LEFT JOIN A.event b USING (pid) WHERE COALESCE(b.pid, a.pid) = a.pid'),
('inner',           'SELECT a.pid, practice, code FROM A.person a JOIN A.event b ON a.pid = b.pid'),
('inner using',     'SELECT * FROM A.person JOIN A.event USING (pid)'),
('natural',         'SELECT * FROM A.person NATURAL JOIN A.event'),
('inner commuted',  'SELECT * FROM A.person a JOIN A.event b ON b.pid = a.pid AND a.pid <> :present'),
('self',            'SELECT a.pid, b.practice FROM A.person a JOIN A.person b ON a.pid = b.pid'),
('self <>',         'SELECT count(*) FROM A.person a JOIN A.person b ON a.pid <> b.pid AND a.practice = b.practice AND a.practice = ''P1'''),
('left',            'SELECT a.pid, b.pid AS b, code FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid'),
('left null',       'SELECT a.pid FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid WHERE b.pid IS NULL'),
('left = const',    'SELECT a.pid, b.pid AS b FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid AND b.pid = :present'),
('left where',      'SELECT a.pid, b.pid AS b FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid WHERE b.pid <> :present'),
('left not',        'SELECT a.pid, b.pid AS b FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid WHERE NOT (b.pid = :forged)'),
('left select',     'SELECT a.pid, b.pid = :forged, b.pid = a.pid, b.pid <> l.p FROM list l LEFT JOIN A.person a ON a.pid = l.p LEFT JOIN A.event b ON a.pid = b.pid'),
('right',           'SELECT a.pid, b.pid AS b, practice FROM A.person a RIGHT JOIN A.event b ON a.pid = b.pid'),
('full',            'SELECT a.pid, b.pid AS b, code, practice FROM A.person a FULL JOIN A.event b ON a.pid = b.pid'),
('full using',      'SELECT pid, code, practice FROM A.person FULL JOIN A.event USING (pid)'),
('full list',       'SELECT n, practice FROM A.person a FULL JOIN list l ON a.pid = l.p'),
('list inner',      'SELECT n, practice FROM list l JOIN A.person a ON l.p = a.pid'),
('list text',       'SELECT n, practice FROM list l JOIN A.person a ON a.pid = l.t'),
('list varchar',    'SELECT n, practice FROM list l JOIN A.person a ON l.v = a.pid'),
('list left',       'SELECT n, practice FROM list l LEFT JOIN A.person a ON a.pid = l.p'),
('list full outer', 'SELECT n, practice, code FROM list l LEFT JOIN A.person a ON a.pid = l.p LEFT JOIN A.event e ON e.pid = l.p'),
('list anti',       'SELECT n FROM list l WHERE NOT EXISTS (SELECT FROM A.person a WHERE a.pid = l.p)'),
('list NOT IN',     'SELECT n FROM list l WHERE p NOT IN (SELECT pid FROM A.person)'),
('NOT IN list sub', 'SELECT pid FROM A.person WHERE pid NOT IN (SELECT p FROM list WHERE p IS NOT NULL)'),
('NOT IN null sub', 'SELECT pid FROM A.person WHERE pid NOT IN (SELECT p FROM list)'),
('NOT IN text sub', 'SELECT pid FROM A.person WHERE pid NOT IN (SELECT t FROM list WHERE t IS NOT NULL)'),
('select IN sub',   'SELECT pid IN (SELECT p FROM list), pid NOT IN (SELECT t FROM list), practice FROM A.person'),
('list select IN',  'SELECT n, p IN (SELECT pid FROM A.person), t IN (SELECT pid FROM A.event) FROM list'),
('exists',          'SELECT a.pid FROM A.person a WHERE EXISTS (SELECT FROM A.event b WHERE b.pid = a.pid AND code = 5)'),
('in sub',          'SELECT pid FROM A.person WHERE pid IN (SELECT pid FROM A.event WHERE code = 5)'),
('not exists',      'SELECT a.pid FROM A.person a WHERE NOT EXISTS (SELECT FROM A.event b WHERE b.pid = a.pid AND code = 5)'),
('not in',          'SELECT pid FROM A.person WHERE pid NOT IN (SELECT pid FROM A.event)'),
('scalar sub',      'SELECT a.pid, (SELECT count(*) FROM A.event b WHERE b.pid = a.pid) AS events FROM A.person a'),
('scalar = sub',    'SELECT pid FROM A.person WHERE pid = (SELECT p FROM list WHERE n = 303)'),
('scalar = null',   'SELECT pid FROM A.person WHERE pid = (SELECT p FROM list WHERE n = 302)'),
('lateral',         'SELECT a.pid, c.code FROM A.person a, LATERAL (SELECT code FROM A.event b WHERE b.pid = a.pid ORDER BY code LIMIT 2) c'),
('lateral left',    'SELECT a.pid, c.code, c.pid AS b FROM A.person a LEFT JOIN LATERAL (SELECT * FROM A.event b WHERE b.pid = a.pid) c ON c.pid = a.pid'),
('lateral out',     'SELECT a.pid, c.x FROM list l LEFT JOIN A.person a ON a.pid = l.p, LATERAL (SELECT a.pid = l.p AS x) c'),
('union all',       'SELECT pid, practice FROM A.person UNION ALL SELECT pid, code::text FROM A.event'),
('union all where', 'SELECT * FROM (SELECT pid FROM A.person UNION ALL SELECT pid FROM A.event UNION ALL SELECT p FROM list) u WHERE pid = :present'),
('union all join',  'SELECT u.pid, practice FROM (SELECT pid FROM A.event UNION ALL SELECT p FROM list) u JOIN A.person a ON a.pid = u.pid'),
('union',           'SELECT pid FROM A.person UNION SELECT pid FROM A.event UNION SELECT p FROM list'),
('intersect',       'SELECT pid FROM A.person INTERSECT ALL SELECT pid FROM A.event'),
('except',          'SELECT pid FROM A.person EXCEPT SELECT pid FROM A.event'),
('group by',        'SELECT pid, count(*), min(code) FROM A.event GROUP BY pid'),
('group by having', 'SELECT pid, count(*) FROM A.event GROUP BY pid HAVING pid <> :present AND NOT pid = :forged'),
('group by join',   'SELECT a.pid, b.pid AS b, count(*) FROM A.person a LEFT JOIN A.event b ON a.pid = b.pid GROUP BY a.pid, b.pid'),
('group by =',      'SELECT pid = :present, count(*) FROM A.event GROUP BY 1'),
('grouping sets',   'SELECT pid, code, count(*) FROM A.event GROUP BY GROUPING SETS ((pid), (code), (pid, code), ())'),
('rollup having',   'SELECT pid, count(*) FROM A.event GROUP BY ROLLUP (pid) HAVING pid = :present OR pid IS NULL'),
('rollup not',      'SELECT pid, count(*) FROM A.event GROUP BY ROLLUP (pid) HAVING NOT (pid = :present)'),
('cube select',     'SELECT pid = :present, pid <> :forged, practice, count(*) FROM A.person GROUP BY CUBE (pid, practice)'),
('distinct',        'SELECT DISTINCT pid FROM A.event'),
('distinct on',     'SELECT DISTINCT ON (pid) pid, code FROM A.event ORDER BY pid, code'),
('count distinct',  'SELECT count(DISTINCT pid), count(pid), count(*) FROM A.event'),
('count by',        'SELECT practice, count(DISTINCT b.pid) FROM A.person a LEFT JOIN A.event b USING (pid) GROUP BY practice'),
('filter',          'SELECT count(*) FILTER (WHERE pid = :present), count(*) FILTER (WHERE pid <> :forged) FROM A.event'),
('min max',         'SELECT practice, min(pid), max(pid), min(pid) = :forged FROM A.person GROUP BY practice'),
('array_agg',       'SELECT practice, array_agg(pid ORDER BY pid) FROM A.person GROUP BY practice'),
('window',          'SELECT pid, code, row_number() OVER (PARTITION BY pid ORDER BY code), count(*) OVER (PARTITION BY pid) FROM A.event'),
('window where',    'SELECT * FROM (SELECT pid, count(*) OVER (PARTITION BY pid) AS c FROM A.event) w WHERE pid = :present'),
('order limit',     'SELECT pid FROM A.person ORDER BY pid LIMIT 10 OFFSET 5'),
('cte',             'WITH c AS (SELECT pid, count(*) AS n FROM A.event GROUP BY pid) SELECT a.pid, n FROM A.person a JOIN c USING (pid)'),
('cte materialised','WITH c AS MATERIALIZED (SELECT * FROM A.event) SELECT a.pid, code FROM A.person a JOIN c ON c.pid = a.pid WHERE c.pid <> :present'),
('cte twice',       'WITH c AS (SELECT * FROM A.event WHERE code < 6) SELECT x.pid, x.code, y.code AS c2 FROM c x JOIN c y USING (pid)'),
('recursive',       'WITH RECURSIVE r AS (SELECT pid, 1 AS d FROM A.person WHERE pid = :present UNION ALL SELECT a.pid, d + 1 FROM r JOIN A.person a ON a.pid = r.pid WHERE d < 4) SELECT * FROM r'),
('limit (rows vary)','SELECT a.practice FROM (SELECT pid FROM A.event ORDER BY pid LIMIT 50) s JOIN A.person a ON a.pid = s.pid'),
('offset 0',        'SELECT count(*) FROM (SELECT pid FROM A.person OFFSET 0) s WHERE pid = :present'),
('two releases =',  'SELECT a.pid, b.pid AS b FROM A.person a JOIN B.person b ON a.pid = b.pid'),
('two releases <>', 'SELECT count(*) FROM A.person a JOIN B.person b ON a.pid <> b.pid AND a.practice = b.practice AND a.practice = ''P1'''),
('two left',        'SELECT a.pid, b.pid AS b FROM A.person a LEFT JOIN B.person b ON a.pid = b.pid'),
('two in',          'SELECT pid FROM A.person WHERE pid NOT IN (SELECT pid FROM B.event)'),
('two union',       'SELECT u.pid, practice FROM (SELECT pid FROM A.event UNION ALL SELECT pid FROM B.event) u JOIN A.person a ON a.pid = u.pid'),
('two by list',     'SELECT n FROM list l JOIN A.person a ON a.pid = l.p JOIN B.person b ON b.pid = l.p'),
('three way',       'SELECT count(*) FROM A.person a JOIN A.event b ON a.pid = b.pid JOIN A.event c ON c.pid = b.pid WHERE c.code = 3'),
('three mixed',     'SELECT count(*) FROM A.person a JOIN list l ON l.p = a.pid JOIN A.event e ON e.pid = l.p AND e.pid = a.pid'),
('or',              'SELECT pid FROM A.person WHERE pid = :present OR pid = :another OR practice = ''P9'''),
('and contradiction','SELECT pid FROM A.person WHERE pid = :present AND pid = :another'),
('and same',        'SELECT pid FROM A.person WHERE pid = :present AND pid = :present::text'),
('self comparison', 'SELECT count(*) FROM A.person WHERE pid = pid'),
('self <> itself',  'SELECT count(*) FROM A.person WHERE pid <> pid'),
('uuid',            'SELECT pid::uuid, practice FROM A.person WHERE pid::uuid = :present::uuid'),
('uuid cast back',  'SELECT practice FROM A.person WHERE pid::uuid::pseudonym = :present'),
('text (rows vary)', 'SELECT pid::text, practice FROM A.person WHERE pid::text = :present OR pid::text LIKE ''0%''');

-- differences and rows of a query in both forms; every query must agree
CREATE FUNCTION public.compare(query text, OUT rows bigint, OUT differences bigint)
LANGUAGE plpgsql AS $$
DECLARE
	p public.probe;
	views text;
	stored text;
BEGIN
	FOR p IN SELECT * FROM public.probe LOOP
		query := replace(query, ':' || p.name, quote_literal(p.value));
	END LOOP;
	views := replace(replace(query, 'A.', 'release_a.'), 'B.', 'release_b.');
	stored := replace(replace(query, 'A.', 'stored_a.'), 'B.', 'stored_b.');
	EXECUTE 'CREATE TEMP TABLE v AS SELECT q::text AS r FROM (' || views || ') q';
	EXECUTE 'CREATE TEMP TABLE s AS SELECT q::text AS r FROM (' || stored || ') q';
	SELECT count(*) INTO rows FROM v;
	SELECT count(*) INTO differences
	FROM ((TABLE v EXCEPT ALL TABLE s) UNION ALL (TABLE s EXCEPT ALL TABLE v)) d;
	DROP TABLE v, s;
END $$;

SELECT label, CASE WHEN label !~ 'rows vary' THEN c.rows END AS rows, c.differences
FROM public.query, public.compare(query) c ORDER BY label COLLATE "C";

-- again with each join method, without hashing, without sorting, and in
-- parallel workers: only what disagrees is listed
CREATE FUNCTION public.disagreeing() RETURNS TABLE (label text, differences bigint)
LANGUAGE sql AS $$
	SELECT label, c.differences FROM public.query, public.compare(query) c
	WHERE c.differences <> 0 ORDER BY label COLLATE "C"
$$;
SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT * FROM public.disagreeing();
RESET enable_hashjoin; RESET enable_mergejoin;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT * FROM public.disagreeing();
RESET enable_hashjoin; RESET enable_nestloop;
SET enable_hashagg = off; SET enable_material = off; SET enable_memoize = off; SET enable_indexscan = off;
SELECT * FROM public.disagreeing();
RESET enable_hashagg; RESET enable_material; RESET enable_memoize; RESET enable_indexscan;
SET enable_seqscan = off; SET enable_sort = off;
SELECT * FROM public.disagreeing();
RESET enable_seqscan; RESET enable_sort;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT count(*) > 0 AS parallel FROM public.plan('SELECT * FROM release_a.person WHERE pid <> :present') l WHERE l LIKE '%Gather%';
SELECT * FROM public.disagreeing();
-- the setting was renamed in 16
SELECT count(set_config(name, 'regress', false)) AS forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT * FROM public.disagreeing();
SELECT count(set_config(name, 'off', false)) AS not_forced FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- prepared statements with every probe, custom and generic
CREATE FUNCTION public.prepared_disagree() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	p record;
	q record;
	one text[];
	two text[];
	wrong bigint := 0;
BEGIN
	FOR q IN
		SELECT * FROM (VALUES
			('SELECT array_agg(practice ORDER BY practice) FROM A.person WHERE pid = $1'),
			('SELECT array_agg(practice ORDER BY practice) FROM A.person WHERE pid <> $1'),
			('SELECT array_agg(practice ORDER BY practice) FROM A.person WHERE NOT (pid = $1::varchar)'),
			('SELECT array_agg(practice ORDER BY practice) FROM A.person WHERE pid = ANY (ARRAY[$1, NULL])'),
			('SELECT array_agg((pid = $1)::text ORDER BY pid = $1) FROM A.person'),
			('SELECT array_agg(code::text ORDER BY code) FROM A.person JOIN A.event USING (pid) WHERE pid = $1')) v(query)
	LOOP
		EXECUTE 'PREPARE v(text) AS ' || replace(q.query, 'A.', 'release_a.');
		EXECUTE 'PREPARE s(text) AS ' || replace(q.query, 'A.', 'stored_a.');
		FOR p IN SELECT value FROM public.probe UNION ALL SELECT NULL UNION ALL SELECT t FROM public.list LOOP
			EXECUTE format('EXECUTE v(%L)', p.value) INTO one;
			EXECUTE format('EXECUTE s(%L)', p.value) INTO two;
			IF one IS DISTINCT FROM two THEN
				wrong := wrong + 1;
			END IF;
		END LOOP;
		EXECUTE 'DEALLOCATE v';
		EXECUTE 'DEALLOCATE s';
	END LOOP;
	RETURN wrong;
END $$;
SET plan_cache_mode = force_custom_plan;
SELECT public.prepared_disagree();
SET plan_cache_mode = force_generic_plan;
SELECT public.prepared_disagree();
RESET plan_cache_mode;
SELECT public.prepared_disagree();
-- a cursor, read both ways; PL/pgSQL with a variable
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT practice FROM release_a.person WHERE pid = (SELECT p FROM list WHERE n = 7);
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;
COMMIT;
DO $$
DECLARE
	wanted text := (SELECT value FROM public.probe WHERE name = 'present');
	found_practice text;
BEGIN
	SELECT practice INTO STRICT found_practice FROM release_a.person WHERE pid = wanted;
	RAISE WARNING 'practice %', found_practice;
END $$;
-- a bad text is an error, whatever the plan
SELECT count(*) FROM release_a.person WHERE pid = 'not a pseudonym';
SELECT count(*) FROM release_a.person WHERE pid = 'not a pseudonym'::text;
EXECUTE by_text('not a pseudonym');

-- Nothing on a search path stands in for pid() or person_of(): functions of
-- the same names in schemas that come first are not what plans call.
CREATE FUNCTION public.pid(integer, integer) RETURNS pseudonym LANGUAGE sql AS 'SELECT NULL::caredata.pseudonym';
CREATE FUNCTION public.person_of(pseudonym, integer) RETURNS integer LANGUAGE sql AS 'SELECT 4711';
CREATE FUNCTION pg_temp.person_of(pseudonym, integer) RETURNS integer LANGUAGE sql AS 'SELECT 4711';
SET search_path = public, pg_temp, caredata;
SELECT public.plan('SELECT * FROM release_a.person WHERE pid = :present');
RESET search_path;
-- with the equality named in full, no path is needed at all
SET search_path = pg_catalog;
SELECT public.plan('SELECT * FROM release_a.person WHERE pid OPERATOR(caredata.=) :present');
RESET search_path;

RESET ROLE;
\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_pid_planner;
DROP ROLE regress_planner_analyst, regress_planner_definer, regress_planner_reader, regress_planner_reader_b;
