-- The first two files of anonlink's tutorial: 3,228 and 3,242 damaged records,
-- 1,458 people in both.
CREATE TABLE dataset_1 (id text, givenname text, surname text, dob text, gender text, city text,
	income text, phone_number text);
CREATE TABLE dataset_2 (LIKE dataset_1);
\copy dataset_1 FROM 'anonlink/dataset-1.csv' CSV HEADER
\copy dataset_2 FROM 'anonlink/dataset-2.csv' CSV HEADER
CREATE FUNCTION digits(day text) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN substr(day, 7) || substr(day, 4, 2) || substr(day, 1, 2);
CREATE VIEW left_side AS SELECT id AS record_id, givenname, surname, digits(dob) AS dob,
	lower(gender) AS gender, lower(city) AS city,
	income, replace(phone_number, ' ', '') AS phone_number FROM dataset_1;
CREATE VIEW right_side AS SELECT id AS record_id, givenname, surname, digits(dob) AS dob,
	lower(gender) AS gender, lower(city) AS city,
	income, replace(phone_number, ' ', '') AS phone_number FROM dataset_2;
CREATE VIEW truth_left AS SELECT id AS record_id, id AS true_person_id FROM dataset_1;
CREATE VIEW truth_right AS SELECT id AS record_id, id AS true_person_id FROM dataset_2;

SELECT caredata.create_link_model('anonlink', 'record_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'name', 'name_pair', '{givenname,surname}');
SELECT caredata.add_link_comparison(:model, 'date of birth', 'text', '{dob}',
	tests => '{exact,osa,osa}', parameters => '{NULL,1,2}');
SELECT caredata.add_link_comparison(:model, 'telephone', 'text', '{phone_number}',
	tests => '{exact,osa,osa}', parameters => '{NULL,1,2}');
SELECT caredata.add_link_comparison(:model, 'income', 'text', '{income}',
	tests => '{exact,osa}', parameters => '{NULL,1}');
SELECT caredata.add_link_comparison(:model, 'city', 'text', '{city}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'gender', 'text', '{gender}',
	tests => '{exact,jaro_winkler}', parameters => '{NULL,0.7}');

SELECT caredata.add_link_blocking(:model, '{phone_number}');
SELECT caredata.add_link_blocking(:model, '{dob}');
SELECT caredata.add_link_blocking(:model, '{income}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}', '{soundex,soundex}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}', '{first,whole}', '{1,0}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}', '{whole,first}', '{0,1}');
SELECT caredata.add_link_blocking(:model, '{givenname,city}');
SELECT caredata.add_link_blocking(:model, '{surname,city}');
SELECT caredata.add_link_blocking(:model, '{phone_number}', '{last}', '{6}');
SELECT caredata.add_link_blocking(:model, '{phone_number}', '{first}', '{7}');
SELECT caredata.add_link_blocking(:model, '{dob}', '{first}', '{6}');
SELECT caredata.add_link_blocking(:model, '{dob}', '{last}', '{6}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}', '{first,first}', '{2,2}');
SELECT caredata.add_link_blocking(:model, '{givenname,surname}', NULL, NULL, '{surname,givenname}');
