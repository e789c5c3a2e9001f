-- Conditions as analysts and BI tools spell them, under row security: each
-- reaches the index, and says of every row what it says without caredata.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_spelling;
\c regress_spelling
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SELECT caredata.create_care_database();
\c regress_spelling
SET client_min_messages = warning;
CREATE ROLE regress_spelling_guardian LOGIN IN ROLE caredata_guardian;
CREATE ROLE regress_spelling_alice LOGIN;

INSERT INTO care_identity.person SELECT i FROM generate_series(1, 1000) i;
INSERT INTO care.person (person_id, birth_year) SELECT i, 1930 + i % 90 FROM generate_series(1, 1000) i;
SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2025-03-31');
-- 20,000 episodes of 2,600 codes, some of them odd, some missing
INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
SELECT 1 + i % 1000, '2425', i, 'RZZ', DATE '2024-04-01' + i % 365, DATE '2024-04-01' + i % 365,
	   CASE WHEN i % 97 = 0 THEN NULL WHEN i % 101 = 0 THEN (ARRAY['S7', 'S72', 's720', 'S_20', 'S%', 'S\', 'é720', ''])[1 + i / 101 % 8]
	   ELSE chr(65 + i * 7919 % 2600 / 100) || lpad((i * 7919 % 100)::text, 2, '0') || (i / 2600 % 10)::text END
FROM generate_series(1, 20000) i;
CREATE INDEX ON care.apc_episode (diag_01);
CREATE INDEX ON care.apc_episode (admidate);
SELECT caredata.create_agreement('S-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31') AS agreement \gset
SELECT caredata.create_release(:agreement, 'regress_spelling', 'Test.', 'public_task', 'anonymised', no_nhs_number => 'allow') AS release \gset
SELECT caredata.permit_dataset(:release, 'apc_episode', '{admidate,epistart,diag_01}');
SELECT caredata.permit_dataset(:release, 'person');
SET SESSION AUTHORIZATION regress_spelling_guardian;
SELECT caredata.approve_release(:release);
RESET SESSION AUTHORIZATION;
SELECT caredata.activate_release(:release);
GRANT regress_spelling_reader TO regress_spelling_alice;
VACUUM ANALYZE;
-- the same rows without row security
CREATE TABLE public.bare AS SELECT admidate, epistart, diag_01 FROM care.apc_episode;
GRANT SELECT ON public.bare TO regress_spelling_alice;

-- How the partition that has the rows is read, and with which condition.
CREATE FUNCTION public.plan_of(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	here boolean := false;
	answer text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT pid FROM regress_spelling.apc_episode WHERE ' || condition LOOP
		IF line ~ 'Scan' THEN
			here := line ~ 'apc_episode_2024_25';
			answer := answer || CASE WHEN line ~ '(Seq|Custom) Scan.*apc_episode_2024_25' THEN 'reads everything ' ELSE '' END;
		END IF;
		IF here AND line ~ 'Index Cond' THEN
			answer := answer || regexp_replace(line, '^\s*Index Cond: ', '') || ' ';
		END IF;
	END LOOP;
	RETURN answer;
END
$$;
-- Rows by a condition, in the release and without.
CREATE FUNCTION public.differs(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ours bigint;
	bare bigint;
	doubt bigint;
	bare_doubt bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM regress_spelling.apc_episode WHERE ' || condition INTO ours;
	EXECUTE 'SELECT count(*) FROM public.bare WHERE ' || condition INTO bare;
	-- neither true nor false has to be the same too
	EXECUTE 'SELECT count(*) FROM regress_spelling.apc_episode WHERE (' || condition || ') IS NULL' INTO doubt;
	EXECUTE 'SELECT count(*) FROM public.bare WHERE (' || condition || ') IS NULL' INTO bare_doubt;
	IF (ours, doubt) = (bare, bare_doubt) THEN
		RETURN CASE WHEN ours = 0 THEN 'same, none' ELSE 'same' END;
	END IF;
	RETURN format('%s and not %s, unknown %s and not %s', ours, bare, doubt, bare_doubt);
END
$$;
CREATE TABLE public.spelling (n integer GENERATED ALWAYS AS IDENTITY, condition text);
INSERT INTO public.spelling (condition) VALUES
	-- dates
	($$admidate = '2024-06-01'$$),
	($$admidate = '2024-06-01 00:00:00'$$),
	($$admidate = timestamp '2024-06-01 00:00:00'$$),
	($$admidate = timestamp '2024-06-01 12:00:00'$$),
	($$admidate BETWEEN timestamp '2024-06-01' AND timestamp '2024-06-05 23:59:59'$$),
	($$admidate >= timestamp '2024-06-01 00:00:01' AND admidate < timestamp '2024-06-06'$$),
	($$timestamp '2025-03-28' < admidate$$),
	($$timestamptz '2025-03-28 00:00:00+00' <= admidate$$),
	($$admidate = timestamptz '2024-06-01 07:00:00+00'$$),
	($$admidate <= timestamptz '2024-04-02 11:00:00+00'$$),
	($$admidate >= date '2025-04-02' - interval '5 days'$$),
	($$admidate > greatest(now(), '2025-03-27 00:00+00') - interval '100 years' AND admidate < '2024-04-03'$$),
	($$admidate < to_date('20240405', 'YYYYMMDD')$$),
	($$admidate IN ('2024-06-01', '2024-06-03')$$),
	-- codes
	($$diag_01 = 'S721'$$),
	($$diag_01 IN ('S721', 'S722')$$),
	($$diag_01 ^@ 'S72'$$),
	($$starts_with(diag_01, 'S72')$$),
	($$diag_01 LIKE 'S72%'$$),
	($$diag_01 LIKE 'S72%%'$$),
	($$diag_01 LIKE 'S720'$$),
	($$diag_01 LIKE 'S72_'$$),
	($$diag_01 LIKE 'S7%1'$$),
	($$diag_01 LIKE 'S\_%'$$),
	($$diag_01 LIKE 'S\\'$$),
	($$diag_01 LIKE 'é7%'$$),
	($$diag_01 LIKE 'S72%' OR diag_01 LIKE 'S73%'$$),
	($$diag_01 LIKE ANY ('{S72%,S73%}')$$),
	($$diag_01 LIKE ANY (ARRAY['S72%', 'S73%', 'T01%'])$$),
	($$diag_01 ^@ ANY ('{S72,S73}')$$),
	($$diag_01 ~ '^S72'$$),
	($$diag_01 ~ '^S72.*'$$),
	($$left(diag_01, 3) = 'S72'$$),
	($$'S72' = left(diag_01, 3)$$),
	($$left(diag_01, 3) IN ('S72', 'S73')$$),
	($$left(diag_01, 3) = 'S7'$$),
	($$substr(diag_01, 1, 3) = 'S72'$$),
	($$substring(diag_01 from 1 for 3) IN ('S72', 'S73', 'T01')$$),
	($$diag_01 >= 'S72' AND diag_01 < 'S74'$$),
	($$diag_01 BETWEEN 'S720' AND 'S729'$$);
GRANT SELECT ON public.spelling TO regress_spelling_alice;

SET SESSION AUTHORIZATION regress_spelling_alice;
-- 1. each reaches the index, and has the rows that it has without caredata
SELECT condition, public.plan_of(condition) AS index_condition FROM public.spelling ORDER BY n;
SELECT condition, public.differs(condition) AS rows FROM public.spelling ORDER BY n;

-- 2. what is no such condition is left as it is, and right
SELECT condition, public.plan_of(condition) AS index_condition, public.differs(condition) AS rows
FROM unnest(ARRAY[
	$$diag_01 LIKE '%72%'$$,
	$$diag_01 LIKE '_72%'$$,
	$$diag_01 NOT LIKE 'S72%'$$,
	$$NOT diag_01 LIKE 'S72%'$$,
	$$diag_01 ILIKE 's72%'$$,
	$$diag_01 LIKE ALL ('{S%,%1}')$$,
	$$diag_01 LIKE ANY ('{S72%,NULL}')$$,
	$$diag_01 LIKE ANY ('{S72%,%9}')$$,
	$$diag_01 LIKE NULL$$,
	$$diag_01 LIKE ''$$,
	$$diag_01 LIKE '%'$$,
	$$diag_01 ~ '^S7?2'$$,
	$$diag_01 ~ '(?i)^s72'$$,
	$$diag_01 ~ '^S72|T01'$$,
	$$left(diag_01, -1) = 'S72'$$,
	$$left(diag_01, 3) = 'S721'$$,
	$$left(diag_01, 0) = ''$$,
	$$left(diag_01, 3) <> 'S72'$$,
	$$substr(diag_01, 2, 2) = '72'$$,
	$$left(diag_01, 3) = NULL$$,
	$$admidate <> timestamp '2024-06-01'$$,
	$$admidate = timestamp 'infinity'$$,
	$$admidate < timestamp 'infinity'$$,
	$$admidate > timestamptz '-infinity'$$,
	$$admidate > timestamp '294276-12-31'$$,
	$$admidate > timestamp '4713-01-01 BC'$$,
	$$admidate = epistart::timestamp$$,
	$$admidate < NULL::timestamp$$,
	$$(admidate >= timestamp '2024-06-01') IS FALSE$$,
	$$admidate + 1 > timestamp '2025-03-30 12:00'$$]) condition;
SELECT count(*) FROM regress_spelling.apc_episode WHERE diag_01 LIKE 'S72\';

-- 3. parameters: known where a plan is made for their values
PREPARE by_prefix (text) AS SELECT count(*) FROM regress_spelling.apc_episode WHERE diag_01 LIKE $1;
PREPARE by_moment (timestamptz) AS SELECT count(*) FROM regress_spelling.apc_episode WHERE admidate >= $1;
PREPARE by_cut (text) AS SELECT count(*) FROM regress_spelling.apc_episode WHERE left(diag_01, 3) = $1;
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE by_prefix('S72%');
EXPLAIN (COSTS OFF) EXECUTE by_cut('S72');
EXECUTE by_prefix('S72%');
EXECUTE by_prefix('%2');
EXECUTE by_cut('S72');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_prefix('S72%');
EXECUTE by_prefix('%2');
EXECUTE by_prefix(NULL);
EXECUTE by_cut('S72');
-- the session's time zone counts when the plan runs, not when it is made
EXECUTE by_moment('2025-03-30 23:30+00');
SET TimeZone = 'Asia/Tokyo';
EXECUTE by_moment('2025-03-30 23:30+00');
SET TimeZone = 'America/Los_Angeles';
EXECUTE by_moment('2025-03-30 23:30+00');
RESET TimeZone;
EXECUTE by_moment('2025-03-30 23:30+00');
RESET plan_cache_mode;

-- 4. elsewhere in a query
SELECT count(*) FROM regress_spelling.person p
WHERE EXISTS (SELECT FROM regress_spelling.apc_episode a WHERE a.pid = p.pid AND left(a.diag_01, 3) IN ('S72', 'S73'));
WITH hip AS MATERIALIZED (SELECT * FROM regress_spelling.apc_episode WHERE diag_01 LIKE 'S72%')
SELECT count(*), count(DISTINCT diag_01) FROM hip WHERE admidate < timestamp '2024-09-01';
SELECT left(diag_01, 1) = 'S' AS injury, count(*) FROM regress_spelling.apc_episode GROUP BY left(diag_01, 1) = 'S' ORDER BY 1;
SELECT count(*) FILTER (WHERE diag_01 LIKE 'S72%'), count(CASE WHEN diag_01 ~ '^S73' THEN 1 END) FROM regress_spelling.apc_episode;
SELECT count(*) FROM regress_spelling.person p LEFT JOIN regress_spelling.apc_episode a ON a.pid = p.pid AND a.diag_01 LIKE 'S72%';
CREATE TEMP TABLE copied AS SELECT * FROM regress_spelling.apc_episode WHERE diag_01 LIKE 'S72%' AND admidate < timestamp '2024-09-01';
SELECT count(*) FROM copied;

-- the same words elsewhere are left alone: of a rolled-up row the code is not
-- known, what it begins with neither
SELECT left(diag_01, 3) = 'S72' AS hip, count(*) FROM regress_spelling.apc_episode WHERE diag_01 LIKE 'S7%'
GROUP BY ROLLUP (left(diag_01, 3)) HAVING left(diag_01, 3) = 'S72' OR left(diag_01, 3) IS NULL ORDER BY 1;
-- ON CONFLICT names an index by its condition
CREATE TEMP TABLE chosen (code text, day date);
CREATE UNIQUE INDEX ON chosen (day) WHERE code LIKE 'S72%';
CREATE UNIQUE INDEX ON chosen ((left(code, 3) = 'T01'));
ALTER TABLE chosen ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON chosen USING (true);
INSERT INTO chosen VALUES ('S721', '2024-06-01') ON CONFLICT (day) WHERE code LIKE 'S72%' DO NOTHING;
INSERT INTO chosen VALUES ('S722', '2024-06-01') ON CONFLICT (day) WHERE code LIKE 'S72%' DO NOTHING;
INSERT INTO chosen VALUES ('S722', '2024-06-02') ON CONFLICT ((left(code, 3) = 'T01')) DO UPDATE SET day = excluded.day;
SELECT * FROM chosen;
-- moments of a subquery can be joined as they are, but not when respelt
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT FROM chosen WHERE day IN (SELECT now() - i * interval '1 day' FROM generate_series(1, 9) i);
RESET enable_nestloop;
-- nothing is computed twice: only a column is copied
EXPLAIN (COSTS OFF) SELECT FROM chosen WHERE lower(code) LIKE ANY ('{s72%,s73%,s74%}');
DO $$
DECLARE
	line  text;
	times integer := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT FROM chosen WHERE (SELECT max(code) FROM chosen) LIKE ANY (''{S72%,S73%}'')' LOOP
		times := times + (line ~ 'Aggregate')::integer;
	END LOOP;
	RAISE WARNING 'computed % time(s)', times;
END $$;

-- 5. the functions: every moment of every zone against every date around it
SELECT count(*) AS wrong
FROM (VALUES ('UTC'), ('Europe/London'), ('Pacific/Apia'), ('Asia/Kolkata'), ('America/St_Johns'), ('Pacific/Kwajalein'),
	('America/Sao_Paulo'), ('Asia/Gaza')) z (zone),
	LATERAL (SELECT set_config('TimeZone', zone, true)) s (zone_set),
	generate_series(timestamptz '2011-12-27 00:00+00', '2012-01-02', '47 minutes') m,
	generate_series(date '2011-12-25', date '2012-01-05', interval '1 day') g,
	LATERAL (SELECT g::date AS day) d
WHERE zone_set = zone
  AND ((day < m, day <= m, day = m, day >= m, day > m)
	   IS DISTINCT FROM (day < caredata.first_date_from(m), day <= caredata.last_date_until(m),
						 day >= caredata.first_date_from(m) AND day <= caredata.last_date_until(m),
						 day >= caredata.first_date_from(m), day > caredata.last_date_until(m))
	OR (day < m::timestamp, day <= m::timestamp, day = m::timestamp, day >= m::timestamp, day > m::timestamp)
	   IS DISTINCT FROM (day < caredata.first_date_from(m::timestamp), day <= caredata.last_date_until(m::timestamp),
						 day >= caredata.first_date_from(m::timestamp) AND day <= caredata.last_date_until(m::timestamp),
						 day >= caredata.first_date_from(m::timestamp), day > caredata.last_date_until(m::timestamp)));
SELECT t, caredata.first_date_from(t), caredata.last_date_until(t)
FROM unnest('{-infinity,infinity,4713-01-01 00:00:00 BC,1999-12-31 23:59:59.999999,2000-01-01 00:00:00,1969-12-31 12:00:00}'::timestamp[]) t;
SELECT t, caredata.first_date_from(t), caredata.last_date_until(t)
FROM unnest('{-infinity,infinity,1999-12-31 23:59:59.999999+00,2000-01-01 00:00:00+00}'::timestamptz[]) t;

-- a zone of one's own, days away from all others
BEGIN;
SET LOCAL TimeZone = 'EAST-160';
SELECT caredata.first_date_from(t), caredata.last_date_until(t) FROM unnest('{2024-06-02 00:00+00,2024-06-01 08:00+00}'::timestamptz[]) t;
SET LOCAL TimeZone = 'WEST160';
SELECT caredata.first_date_from(t), caredata.last_date_until(t) FROM unnest('{2024-06-02 00:00+00,2024-06-01 16:00+00}'::timestamptz[]) t;
COMMIT;

-- 6. what it becomes leaks no more than what it was: the row of a person who
-- objects is not compared with anything that could tell
RESET SESSION AUTHORIZATION;
UPDATE care.apc_episode SET diag_01 = 'Z99 secret' WHERE person_id = 7;
DELETE FROM care_identity.person WHERE person_id = 7;
SELECT caredata.refresh_visible_sets();
SET SESSION AUTHORIZATION regress_spelling_alice;
CREATE FUNCTION pg_temp.leak(text) RETURNS text LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS
	$$ BEGIN IF $1 ^@ 'Z99 ' THEN RAISE WARNING 'leaked %', $1; END IF; RETURN $1; END $$;
SELECT count(*) FROM regress_spelling.apc_episode WHERE pg_temp.leak(diag_01) LIKE 'Z99 s%';
SELECT count(*) FROM regress_spelling.apc_episode WHERE left(pg_temp.leak(diag_01), 3) IN ('Z99', 'S72');
SELECT count(*) FROM regress_spelling.apc_episode WHERE diag_01 LIKE 'Z99%' AND pg_temp.leak(diag_01) LIKE 'Z99 s%';
SELECT count(*) FROM regress_spelling.apc_episode WHERE admidate >= timestamp '2024-01-01' AND pg_temp.leak(diag_01) <> '';
RESET SESSION AUTHORIZATION;

-- 7. nothing of it where row security has no part
EXPLAIN (COSTS OFF) SELECT count(*) FROM public.bare WHERE diag_01 LIKE 'S72%' AND admidate >= timestamp '2024-06-01';

-- 8. an index that has person_id too answers a count by itself
CREATE INDEX ON care.apc_episode (epistart) INCLUDE (person_id);
VACUUM ANALYZE care.apc_episode;
SET SESSION AUTHORIZATION regress_spelling_alice;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_spelling.apc_episode
WHERE epistart >= timestamp '2024-06-01' AND epistart < timestamp '2024-06-08';
SELECT count(*), count(DISTINCT pid) FROM regress_spelling.apc_episode
WHERE epistart >= timestamp '2024-06-01' AND epistart < timestamp '2024-06-08';
RESET enable_bitmapscan;
RESET SESSION AUTHORIZATION;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_spelling;
DROP ROLE regress_spelling_guardian, regress_spelling_alice, regress_spelling_reader, regress_spelling_definer;
