-- Defining linkage models: what is accepted, what is refused, and by whom.
\set VERBOSITY terse
CREATE DATABASE regress_link_model;
\c regress_link_model
SET client_min_messages = warning;
CREATE EXTENSION caredata;

-- 1. A draft, comparison by comparison.
SELECT caredata.create_link_model('people', 'record_id') AS m;
\set m 1
SELECT caredata.add_link_comparison(:m, 'forename', 'swappable_forename', '{forename,surname}', true) AS forename,
	caredata.add_link_comparison(:m, 'surname', 'surname', '{surname}', tests => '{exact,jaro_winkler,double_metaphone}',
								 parameters => '{NULL,0.9,NULL}') AS surname,
	caredata.add_link_comparison(:m, 'birth', 'date', '{date_of_birth}') AS birth,
	caredata.add_link_comparison(:m, 'address', 'postcode', '{postcode,former_postcode}',
								 tests => '{exact,exact_other,district}') AS address;
SELECT c.ordinal, c.name, c.kind, c.columns, l.level, l.test, l.parameter, l.frequency_weight
FROM caredata.link_model_comparison c
JOIN caredata.link_model_level l ON l.model_id = c.model_id AND l.comparison = c.ordinal
WHERE c.model_id = :m ORDER BY 1, l.level DESC;
SELECT caredata.link_columns(:m);
SELECT * FROM caredata.link_slot_list(:m);
SELECT caredata.add_link_blocking(:m, '{surname,date_of_birth}', '{soundex,year}'),
	caredata.add_link_blocking(:m, '{forename,surname}', right_columns => '{surname,forename}'),
	caredata.add_link_relationship(:m, 'household', '{surname,address}');
SELECT ordinal, purpose, columns, right_columns, transforms, lengths
FROM caredata.link_model_blocking WHERE model_id = :m ORDER BY 1;
SELECT ordinal, name, comparisons, share FROM caredata.link_model_relationship WHERE model_id = :m;

-- The levels of a name pair come from the table; each is recognised in C.
SELECT count(*), caredata.add_link_comparison(:m, 'names', 'name_pair', '{forename,surname}', true) AS place
FROM caredata.link_test WHERE kind = 'name_pair';
SELECT level, test, frequency_weight FROM caredata.link_model_level
WHERE model_id = :m AND comparison = 5 AND (level > 31 OR level < 3) ORDER BY level DESC;
SELECT * FROM caredata.link_slot_list(:m);

-- 2. What is refused.
SELECT caredata.create_link_model('', 'record_id');
SELECT caredata.add_link_comparison(77, 'x', 'text', '{x}');
SELECT caredata.add_link_comparison(:m, 'x', 'sounds_like', '{x}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{}');
SELECT caredata.add_link_comparison(:m, 'x', 'name_pair', '{x}');
SELECT caredata.add_link_comparison(:m, 'surname', 'surname', '{surname}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{double_metaphone}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{exact,jaro_winkler}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{jaro_winkler}', parameters => '{1.2}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{jaro_winkler}', parameters => '{NaN}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{levenshtein}', parameters => '{1.5}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', tests => '{exact}', parameters => '{1}');
SELECT caredata.add_link_comparison(:m, 'x', 'text', '{x}', thresholds => '{0.9,0.8}');
SELECT caredata.add_link_comparison(:m, 'x', 'name_pair', '{x,y}', thresholds => '{0.8,0.9}');
SELECT caredata.add_link_blocking(:m, '{}');
SELECT caredata.add_link_blocking(:m, '{surname}', '{upper}');
SELECT caredata.add_link_blocking(:m, '{surname}', '{first}');
SELECT caredata.add_link_blocking(:m, '{surname}', '{whole}', '{3}');
SELECT caredata.add_link_blocking(:m, '{surname}', purpose => 'guess');
SELECT caredata.add_link_relationship(:m, 'x', '{nobody}');
SELECT caredata.set_link_model(:m, minimum_probability => 1);
SELECT caredata.set_link_level(:m, 'surname', 1, 2, 0.1);
SELECT caredata.set_link_level(:m, 'surname', 9, 0.5, 0.1);
SELECT caredata.accept_link_model(:m, 1);
SELECT caredata.accept_link_model(:m, 0.01);
-- a pattern has 63 bits: name pairs take six each
SELECT caredata.create_link_model('wide', 'id') AS wide \gset
SELECT count(caredata.add_link_comparison(:wide, 'pair ' || n, 'name_pair', '{a,b}')) FROM generate_series(1, 10) n;
SELECT caredata.add_link_comparison(:wide, 'one too many', 'name_pair', '{a,b}');

-- 3. Parameters by hand; a model that is accepted does not change.
SELECT caredata.create_link_model('by hand', 'id') AS h \gset
SELECT caredata.add_link_comparison(:h, 'nhs', 'nhs_number', '{nhs_number}');
SELECT caredata.set_link_level(:h, 'nhs', 2, 0.97, 0.000001), caredata.set_link_level(:h, 'nhs', 1, 0.01, 0.00001);
SELECT caredata.accept_link_model(:h, 0.0001);
SELECT caredata.set_link_level(:h, 'nhs', 0, 0.02, 0.999989);
SELECT caredata.accept_link_model(:h, 0.0001);
SELECT state, trained_by, minimum_probability FROM caredata.link_model WHERE model_id = :h;
SELECT caredata.set_link_level(:h, 'nhs', 0, 0.02, 0.9);
SELECT caredata.add_link_blocking(:h, '{nhs_number}');
SELECT caredata.copy_link_model(:h) AS copy \gset
SELECT name, version, state, lambda FROM caredata.link_model WHERE model_id = :copy;
SELECT level, test, parameter, m FROM caredata.link_model_level WHERE model_id = :copy ORDER BY 1;

-- 4. Rows that nobody should have written are found before they are used.
UPDATE caredata.link_model_level SET test = 'sounds_like' WHERE model_id = :copy AND level = 1;
SELECT caredata.link_columns(:copy);
UPDATE caredata.link_model_level SET test = 'damerau', parameter = NULL WHERE model_id = :copy AND level = 1;
SELECT caredata.link_columns(:copy);
DELETE FROM caredata.link_model_level WHERE model_id = :copy AND level = 1;
SELECT caredata.link_columns(:copy);
DELETE FROM caredata.link_model_level WHERE model_id = :copy;
DELETE FROM caredata.link_model_comparison WHERE model_id = :copy;
SELECT caredata.link_columns(:copy);
SELECT caredata.link_columns(4711);

-- 5. Who may.
CREATE ROLE regress_link_model_other;
SET ROLE regress_link_model_other;
SELECT caredata.create_link_model('mine', 'id');
SELECT caredata.lock_link_model(1);
SELECT * FROM caredata.link_model;
SELECT caredata.link_pattern(1, '', '', 0, false);
RESET ROLE;
DROP ROLE regress_link_model_other;

\c postgres
DROP DATABASE regress_link_model;
