-- The same people without NHS numbers: households, twins, fathers and sons.
\i :quality/uk_open_tables.sql
SELECT caredata.create_person_link_model('person', 'record_id', without => '{nhs_number}');
