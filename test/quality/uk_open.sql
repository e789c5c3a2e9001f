-- 21,994 hospital episodes of 6,566 made-up English people linked to a GP
-- register of 9,415 rows, with NHS numbers. 90 people are on the register
-- twice; both rows are theirs.
\i :quality/uk_open_tables.sql
SELECT caredata.create_person_link_model('person', 'record_id');
