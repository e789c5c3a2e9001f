-- Counts as the HES rule lets them be published (0, * for 1 to 7, else the
-- nearest 5), and what is not a count.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_disclosure;
\c regress_disclosure
SET client_min_messages = warning;
CREATE EXTENSION caredata;

SELECT n, caredata.disclosed_count(n)
FROM unnest('{0,1,2,6,7,8,9,10,12,13,15,17,18,20,22,23,25,102,103,99997,99998}'::bigint[]) n;

-- never between 1 and 7, never further than 2 from the truth, never a
-- number that shows a remainder
SELECT count(*) FILTER (WHERE shown = '*') AS hidden,
	   count(*) FILTER (WHERE shown <> '*' AND abs(shown::bigint - n) > 2) AS too_far,
	   count(*) FILTER (WHERE shown <> '*' AND shown::bigint % 5 <> 0) AS not_rounded,
	   count(*) FILTER (WHERE shown IN ('1', '2', '3', '4', '5', '6', '7')) AS small
FROM (SELECT n, caredata.disclosed_count(n) AS shown FROM generate_series(0, 100000) n) t;

-- what is not a count shows nothing; the largest do not overflow
SELECT n, caredata.disclosed_count(n)
FROM unnest('{NULL,-1,-9223372036854775808,9223372036854775803,9223372036854775807}'::bigint[]) n;

-- on an aggregate, as it is used
SELECT sex, caredata.disclosed_count(count(*))
FROM (SELECT CASE WHEN i < 5 THEN 1 ELSE 2 END AS sex FROM generate_series(1, 20) i) t
GROUP BY sex ORDER BY sex;

\c postgres
DROP DATABASE regress_disclosure;
