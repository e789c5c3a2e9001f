-- The model of all FEBRL sets, and what makes their files into tables: values
-- have leading blanks, and what is only blank is missing.
CREATE FUNCTION pg_temp.tidy(raw regclass, tidied name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE public.%I AS SELECT btrim(rec_id) AS record_id, %s FROM %s', tidied,
		(SELECT string_agg(format('nullif(btrim(%1$I), '''') AS %1$I', attname), ', ')
		 FROM pg_attribute WHERE attrelid = raw AND attnum > 1), raw);
END
$$;

SELECT caredata.create_link_model('febrl', 'record_id') AS model \gset
SELECT caredata.add_link_comparison(:model, 'name', 'name_pair', '{given_name,surname}');
SELECT caredata.add_link_comparison(:model, 'date of birth', 'date', '{date_of_birth}');
SELECT caredata.add_link_comparison(:model, 'social security number', 'text', '{soc_sec_id}',
	tests => '{exact,osa,osa}', parameters => '{NULL,1,2}');
SELECT caredata.add_link_comparison(:model, 'postcode', 'text', '{postcode}',
	tests => '{exact,osa,osa}', parameters => '{NULL,1,2}');
SELECT caredata.add_link_comparison(:model, 'street number', 'text', '{street_number}',
	tests => '{exact,osa}', parameters => '{NULL,1}');
SELECT caredata.add_link_comparison(:model, 'address 1', 'text', '{address_1}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'address 2', 'text', '{address_2}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'suburb', 'text', '{suburb}',
	tests => '{exact,jaro_winkler,jaro_winkler}', parameters => '{NULL,0.92,0.8}');
SELECT caredata.add_link_comparison(:model, 'state', 'text', '{state}');

SELECT caredata.add_link_blocking(:model, '{soc_sec_id}');
SELECT caredata.add_link_blocking(:model, '{date_of_birth}');
SELECT caredata.add_link_blocking(:model, '{given_name,surname}');
SELECT caredata.add_link_blocking(:model, '{surname,postcode}');
SELECT caredata.add_link_blocking(:model, '{given_name,postcode}');
SELECT caredata.add_link_blocking(:model, '{address_1}');
SELECT caredata.add_link_blocking(:model, '{surname,suburb}');
SELECT caredata.add_link_blocking(:model, '{given_name,suburb}');
SELECT caredata.add_link_blocking(:model, '{address_2,postcode}');
SELECT caredata.add_link_blocking(:model, '{given_name,surname}', '{first,whole}', '{1,0}');
SELECT caredata.add_link_blocking(:model, '{given_name,surname}', NULL, NULL, '{surname,given_name}');
SELECT caredata.add_link_blocking(:model, '{given_name,street_number}');
SELECT caredata.add_link_blocking(:model, '{surname,street_number}');

SELECT caredata.add_link_relationship(:model, 'one household',
	'{street number,address 1,suburb,postcode,state}');
SELECT caredata.add_link_relationship(:model, 'namesakes', '{name}');
