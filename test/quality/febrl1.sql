-- FEBRL data set 1: 500 made-up Australian records and one damaged copy of
-- each, in one table.
CREATE TABLE dataset1 (rec_id text, given_name text, surname text, street_number text,
	address_1 text, address_2 text, suburb text, postcode text, state text, date_of_birth text,
	soc_sec_id text);
\copy dataset1 FROM 'febrl/dataset1.csv' CSV HEADER
\i :quality/febrl_model.sql
SELECT pg_temp.tidy('dataset1', 'left_side');

CREATE VIEW truth_left AS
	SELECT record_id, split_part(record_id, '-', 2) AS true_person_id FROM left_side;
