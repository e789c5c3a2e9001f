-- Splink's historical figures: 50,578 records of 5,156 people of the past,
-- with errors, aliases and gaps, in one table.
CREATE TABLE historical (unique_id text, cluster text, full_name text, first_and_surname text,
	first_name text, surname text, dob text, birth_place text, postcode_fake text, gender text,
	occupation text);
\copy historical FROM PROGRAM 'gzip -dc splink/historical_50k.csv.gz' CSV HEADER
CREATE TABLE left_side AS
	SELECT unique_id AS record_id, full_name, (regexp_match(full_name, '[^ ]+$'))[1] AS last_name,
		first_name, surname, dob, birth_place, postcode_fake AS postcode, gender, occupation
	FROM historical;
CREATE VIEW truth_left AS SELECT unique_id AS record_id, cluster AS true_person_id FROM historical;

SELECT caredata.create_link_model('historical', 'record_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'name', 'name_pair', '{first_name,surname}', by_frequency => true);
SELECT caredata.add_link_comparison(:model, 'date of birth', 'date', '{dob}', by_frequency => true,
	tests => '{exact,osa,two_parts,osa,years}', parameters => '{NULL,1,NULL,2,10}');
SELECT caredata.add_link_comparison(:model, 'postcode', 'postcode', '{postcode}', by_frequency => true,
	tests => '{exact,osa,district}', parameters => '{NULL,1,NULL}');
SELECT caredata.add_link_comparison(:model, 'birth place', 'text', '{birth_place}', by_frequency => true,
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'occupation', 'text', '{occupation}', by_frequency => true,
	tests => '{exact}');
SELECT caredata.add_link_comparison(:model, 'gender', 'text', '{gender}');

SELECT caredata.add_link_blocking(:model, '{full_name}');
SELECT caredata.add_link_blocking(:model, '{first_name,surname}');
SELECT caredata.add_link_blocking(:model, '{dob,postcode}');
SELECT caredata.add_link_blocking(:model, '{postcode,surname}');
SELECT caredata.add_link_blocking(:model, '{postcode,first_name}');
SELECT caredata.add_link_blocking(:model, '{dob,first_name}');
SELECT caredata.add_link_blocking(:model, '{dob,surname}');
SELECT caredata.add_link_blocking(:model, '{dob,birth_place}');
SELECT caredata.add_link_blocking(:model, '{surname,birth_place}');
SELECT caredata.add_link_blocking(:model, '{first_name,birth_place,occupation}');
SELECT caredata.add_link_blocking(:model, '{postcode}');
SELECT caredata.add_link_blocking(:model, '{first_name,surname}', '{soundex,soundex}');
SELECT caredata.add_link_blocking(:model, '{surname,postcode}', '{whole,district}');
SELECT caredata.add_link_blocking(:model, '{surname,dob}', '{whole,year}');
SELECT caredata.add_link_blocking(:model, '{surname,first_name}', '{whole,first}', '{0,2}');
SELECT caredata.add_link_blocking(:model, '{first_name,birth_place,dob}', '{whole,whole,year}');
SELECT caredata.add_link_blocking(:model, '{surname,birth_place}', '{first,whole}', '{4,0}');
SELECT caredata.add_link_blocking(:model, '{last_name,birth_place}');
SELECT caredata.add_link_blocking(:model, '{last_name,dob}', '{whole,year}');
SELECT caredata.add_link_blocking(:model, '{first_name,birth_place}');
SELECT caredata.add_link_blocking(:model, '{first_name,postcode}', '{whole,district}');
SELECT caredata.add_link_blocking(:model, '{dob,occupation}');

SELECT caredata.add_link_relationship(:model, 'one place', '{postcode,birth place}');
SELECT caredata.add_link_relationship(:model, 'namesakes', '{name}');
SELECT caredata.add_link_relationship(:model, 'namesakes of one gender', '{name,gender}');
