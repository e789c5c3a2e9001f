-- Quality of linkage: links and clusters against a truth, estimates where
-- there is none, and what changed between two runs. Small enough to be
-- counted by hand.
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = warning;
CREATE DATABASE regress_link_quality;
\c regress_link_quality
SET client_min_messages = warning;
CREATE EXTENSION caredata;
\pset null -
\set ECHO all

-- Hospital records h… linked to the GP register g…: persons 1 to 4. Person 2
-- is on the register twice; person 3 is not on it. Of four true links three
-- are made at 0.5, and one that is false.
CREATE TABLE truth_hospital (record_id text, true_person_id integer);
INSERT INTO truth_hospital VALUES ('h1', 1), ('h2', 1), ('h3', 2), ('h4', 3);
CREATE TABLE truth_gp (record_id text, true_person_id integer);
INSERT INTO truth_gp VALUES ('g1', 1), ('g2', 2), ('g3', 2), ('g4', 4);
CREATE TABLE made (left_id text, right_id text, probability float8, rule integer);
INSERT INTO made VALUES
	('h1', 'g1', 0.99, 1), ('h1', 'g1', 0.5, 2), ('h2', 'g1', 0.7, 2),
	('h3', 'g2', 0.4, 2), ('h3', 'g3', 0.9, 1), ('h4', 'g4', 0.95, 10),
	('h9', 'g1', 0.9, 1);
CREATE TABLE attributes (record_id text, sex text, age_band text);
INSERT INTO attributes VALUES
	('h1', '1', '0-17'), ('h2', '1', NULL), ('h3', '2', '0-17'), ('h4', '2', '18-64');
SELECT part, value, links_made AS links, true_links AS true, false_links AS false,
	missed_links AS missed, round("precision"::numeric, 3) AS "precision",
	round(recall::numeric, 3) AS recall, round(f1::numeric, 3) AS f1
FROM caredata.link_quality('made', 'truth_hospital', 'truth_gp', 0.5, 'attributes', '{0.9,0.5}');

-- One table with itself: a pair either way round is one link, and a record is
-- no link of its own.
CREATE TABLE made_within (left_id text, right_id text, probability float8);
INSERT INTO made_within VALUES
	('h2', 'h1', 0.9), ('h1', 'h2', 0.8), ('h1', 'h1', 1), ('h3', 'h1', 0.2);
SELECT part, value, links_made, true_links, false_links, missed_links
FROM caredata.link_quality('made_within', 'truth_hospital', thresholds => '{0.1,0.85,0.95}');
-- Nothing linked at all: no precision, no recall, no division by nothing.
DELETE FROM made_within;
SELECT * FROM caredata.link_quality('made_within', 'truth_hospital', thresholds => '{0.5}');

-- Clusters: one person whole, one split, two put together.
CREATE TABLE cluster (record_id text, cluster_id integer);
CREATE TABLE truth (record_id text, true_person_id integer);
INSERT INTO truth VALUES ('a', 1), ('b', 1), ('c', 2), ('d', 2), ('e', 2), ('f', 3), ('g', 4);
INSERT INTO cluster VALUES ('a', 1), ('b', 1), ('c', 2), ('d', 2), ('e', 5), ('f', 6), ('g', 6),
	('not in the truth', 6);
SELECT * FROM caredata.cluster_quality('cluster', 'truth');
SELECT records, true_links, "precision", recall, f1 FROM caredata.cluster_quality('cluster', 'truth_gp');

-- Without a truth. 100 pairs at 0.95, 40 at 0.6, 60 at 0.2; a review finds 18
-- of 20, 5 of 10 and 0 of 10 matches. Precision is (90 + 20) / 140, recall
-- (90 + 20) / 110; the model expects (95 + 24) / 140 and 119 / 131.
CREATE TABLE scored (left_id text, right_id text, probability float8);
INSERT INTO scored
SELECT 'l' || n, 'r' || n, CASE WHEN n <= 100 THEN 0.95 WHEN n <= 140 THEN 0.6 ELSE 0.2 END
FROM generate_series(1, 200) n;
CREATE TABLE review (left_id text, right_id text, is_match boolean);
INSERT INTO review
SELECT left_id, right_id, substr(left_id, 2)::integer <> ALL (ARRAY[1, 2, 101, 102, 103, 104, 105])
	AND probability > 0.5
FROM scored
WHERE substr(left_id, 2)::integer BETWEEN 1 AND 20 OR substr(left_id, 2)::integer BETWEEN 101 AND 110
	OR substr(left_id, 2)::integer BETWEEN 141 AND 150;
SELECT measure, source, round(estimate::numeric, 4) AS estimate, round(low::numeric, 4) AS low,
	round(high::numeric, 4) AS high, reviewed
FROM caredata.link_quality_estimate('scored', 'review');
SELECT measure, source, round(estimate::numeric, 4) AS estimate FROM caredata.link_quality_estimate('scored');
-- A band that nobody looked into leaves the estimate open.
DELETE FROM review WHERE substr(left_id, 2)::integer > 140;
SELECT measure, source, round(estimate::numeric, 4) AS estimate, low IS NULL AS open, reviewed
FROM caredata.link_quality_estimate('scored', 'review');
-- A truth that is wholly reviewed has no interval.
DELETE FROM scored WHERE probability < 0.5 OR substr(left_id, 2)::integer BETWEEN 21 AND 100
	OR substr(left_id, 2)::integer > 110;
SELECT measure, source, round(estimate::numeric, 4) AS estimate, round(low::numeric, 4) AS low,
	round(high::numeric, 4) AS high, reviewed
FROM caredata.link_quality_estimate('scored', 'review') WHERE source = 'review';

-- The sample: so many of each band, the same for the same seed.
TRUNCATE scored;
INSERT INTO scored
SELECT 'l' || n, 'r' || n, CASE WHEN n <= 100 THEN 0.95 WHEN n <= 103 THEN 0.6 ELSE 0.2 END
FROM generate_series(1, 200) n;
SELECT band, min(probability) AS probability, count(*), count(DISTINCT left_id)
FROM caredata.sample_links('scored', 5) GROUP BY band ORDER BY band;
SELECT count(*) AS same FROM caredata.sample_links('scored', 5, seed => 'one') a
	JOIN caredata.sample_links('scored', 5, seed => 'one') b USING (left_id, right_id);
SELECT count(*) < 13 AS other_pairs FROM caredata.sample_links('scored', 5, seed => 'one') a
	JOIN caredata.sample_links('scored', 5, seed => 'two') b USING (left_id, right_id);

-- Drift: 100, 3 and 97 pairs by band, then 50, 3 and 97; half the links are lost.
CREATE TABLE scored_later AS
	SELECT *, 1 AS rule FROM scored WHERE substr(left_id, 2)::integer NOT BETWEEN 1 AND 50;
SELECT part, value, earlier_pairs, later_pairs, round(earlier_share::numeric, 4) AS earlier_share,
	round(later_share::numeric, 4) AS later_share, round(stability_index::numeric, 4) AS index
FROM caredata.link_drift('scored', 'scored_later');
SELECT part, value, earlier_pairs, later_pairs, stability_index
FROM caredata.link_drift('scored', 'scored') WHERE value IS NULL OR part = 'links';

-- What cannot be answered says so.
SELECT * FROM caredata.link_quality('truth', 'truth');
SELECT * FROM caredata.link_quality('made', 'made');
SELECT * FROM caredata.link_quality(NULL, 'truth');
SELECT * FROM caredata.link_quality('made', 'truth_hospital', threshold => 12);
CREATE VIEW weighed AS SELECT left_id, right_id, 12.5 AS probability FROM made;
CREATE VIEW uncertain AS SELECT left_id, right_id, 'NaN'::float8 AS probability FROM made;
SELECT * FROM caredata.link_quality('weighed', 'truth_hospital');
SELECT * FROM caredata.sample_links('uncertain', 5);
SELECT * FROM caredata.link_quality('made', 'truth_hospital', thresholds => '{NULL}');
SELECT * FROM caredata.cluster_quality('made', 'truth');
SELECT * FROM caredata.sample_links('made', 0);
SELECT * FROM caredata.link_quality_estimate(NULL);
SELECT * FROM caredata.link_quality_estimate('made', 'truth');
SELECT * FROM caredata.link_drift('made', NULL);
SELECT * FROM caredata.link_drift('made', 'made', limits => '{2}');

-- Names are names, whatever they look like.
CREATE SCHEMA "a; DROP";
CREATE TABLE "a; DROP"."100% 'x'" (LIKE made);
INSERT INTO "a; DROP"."100% 'x'" SELECT * FROM made;
SELECT links_made, true_links
FROM caredata.link_quality('"a; DROP"."100% ''x''"', 'truth_hospital', 'truth_gp', thresholds => '{0.5}')
WHERE part = 'threshold';

-- Nobody uses these by default, and with the right to, reads no table that
-- they could not read anyway.
CREATE ROLE regress_link_quality;
SET ROLE regress_link_quality;
SELECT * FROM caredata.link_quality('made', 'truth');
RESET ROLE;
GRANT USAGE ON SCHEMA caredata TO regress_link_quality;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA caredata TO regress_link_quality;
SET ROLE regress_link_quality;
SELECT * FROM caredata.link_quality('made', 'truth');
SELECT * FROM caredata.cluster_quality('cluster', 'truth');
SELECT * FROM caredata.sample_links('made');
SELECT * FROM caredata.link_quality_estimate('made');
SELECT * FROM caredata.link_drift('made', 'made');
RESET ROLE;

\c postgres
DROP DATABASE regress_link_quality;
DROP ROLE regress_link_quality;
