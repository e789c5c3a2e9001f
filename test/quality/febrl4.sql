-- FEBRL data set 4: 5,000 made-up Australian records and a damaged copy of
-- each. The truth is the number in rec_id.
CREATE TABLE dataset4a (rec_id text, given_name text, surname text, street_number text,
	address_1 text, address_2 text, suburb text, postcode text, state text, date_of_birth text,
	soc_sec_id text);
CREATE TABLE dataset4b (LIKE dataset4a);
\copy dataset4a FROM 'febrl/dataset4a.csv' CSV HEADER
\copy dataset4b FROM 'febrl/dataset4b.csv' CSV HEADER
\i :quality/febrl_model.sql
SELECT pg_temp.tidy('dataset4a', 'left_side'), pg_temp.tidy('dataset4b', 'right_side');

CREATE VIEW truth_left AS
	SELECT record_id, split_part(record_id, '-', 2) AS true_person_id FROM left_side;
CREATE VIEW truth_right AS
	SELECT record_id, split_part(record_id, '-', 2) AS true_person_id FROM right_side;
