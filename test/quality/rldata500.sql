-- RLdata500 of the R package RecordLinkage: 500 made-up German records, 50 of
-- them duplicates, in one table.
CREATE TABLE rldata (fname_c1 text, fname_c2 text, lname_c1 text, lname_c2 text, "by" text, bm text,
	bd text, rec_id text, ent_id text);
\copy rldata FROM 'rldata/RLdata500.csv' CSV HEADER NULL 'NA'
CREATE VIEW left_side AS
	SELECT rec_id AS record_id, fname_c1 AS forename, fname_c2 AS second_forename, lname_c1 AS surname,
		"by" || lpad(bm, 2, '0') || lpad(bd, 2, '0') AS date_of_birth
	FROM rldata;
CREATE VIEW truth_left AS SELECT rec_id AS record_id, ent_id AS true_person_id FROM rldata;

SELECT caredata.create_link_model('rldata', 'record_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'name', 'name_pair', '{forename,surname}');
SELECT caredata.add_link_comparison(:model, 'date of birth', 'date', '{date_of_birth}');
SELECT caredata.add_link_comparison(:model, 'second forename', 'forename', '{second_forename}',
	tests => '{exact,jaro_winkler}', parameters => '{NULL,0.88}');
SELECT caredata.add_link_blocking(:model, '{date_of_birth}');
SELECT caredata.add_link_blocking(:model, '{forename,surname}');
