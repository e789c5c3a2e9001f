CREATE TABLE gp (rec_id text, nhs_number text, surname text, forename text, middle_name text,
	dob text, sex text, postcode text, practice_code text, prev_postcode text);
CREATE TABLE hosp (rec_id text, nhs_number text, surname text, forename text, middle_name text,
	dob text, sex text, postcode text, provider_code text, local_patient_id text, admission_date text);
CREATE TABLE truth_left (record_id text, true_person_id text);
CREATE TABLE truth_right (record_id text, true_person_id text);
\copy gp FROM 'uk_open/gp.csv' CSV HEADER
\copy hosp FROM 'uk_open/hosp.csv' CSV HEADER
\copy truth_left FROM 'uk_open/truth_hosp.csv' CSV HEADER
\copy truth_right FROM 'uk_open/truth_gp.csv' CSV HEADER
CREATE VIEW left_side AS
	SELECT rec_id AS record_id, nhs_number, surname, forename, middle_name, dob AS date_of_birth,
		sex, postcode, NULL::text AS previous_postcode
	FROM hosp;
CREATE VIEW right_side AS
	SELECT rec_id AS record_id, nhs_number, surname, forename, middle_name, dob AS date_of_birth,
		sex, postcode, prev_postcode AS previous_postcode
	FROM gp;
