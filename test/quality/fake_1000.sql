-- Splink's fake_1000: 1,000 badly damaged records of 251 made-up people in one
-- table. So few that all pairs are compared.
CREATE TABLE fake (unique_id text, first_name text, surname text, dob text, city text, email text,
	cluster text);
\copy fake FROM 'splink/fake_1000.csv' CSV HEADER
CREATE VIEW left_side AS
	SELECT unique_id AS record_id, first_name, surname, dob, lower(city) AS city,
		lower(email) AS email FROM fake;
CREATE VIEW truth_left AS SELECT unique_id AS record_id, cluster AS true_person_id FROM fake;

SELECT caredata.create_link_model('fake', 'record_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'name', 'name_pair', '{first_name,surname}', by_frequency => true);
SELECT caredata.add_link_comparison(:model, 'date of birth', 'date', '{dob}');
SELECT caredata.add_link_comparison(:model, 'city', 'text', '{city}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'email', 'text', '{email}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');

SELECT caredata.add_link_blocking(:model, '{first_name,surname}');
SELECT caredata.add_link_blocking(:model, '{dob}');
SELECT caredata.add_link_blocking(:model, '{email}');
SELECT caredata.add_link_blocking(:model, '{surname,city}');
