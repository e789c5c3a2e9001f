-- ---------------------------------------------------------------------------
-- A linkage model for people in England, ready to be trained.
--
-- What is compared, which records are brought together and which relatives
-- are told apart, for tables with the columns that people are known by. It
-- was found on made-up and historical data (docs/quality.md) and holds no
-- parameter of them: training finds those in the tables that it is given.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.create_person_link_model(name text, id_column name,
		without name[] DEFAULT '{}', person_column name DEFAULT NULL, seed bigint DEFAULT 1)
	RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
DECLARE
	all_columns CONSTANT name[] := '{nhs_number,forename,surname,middle_name,date_of_birth,sex,postcode,previous_postcode}';
	model   integer;
	wrong   name;
	rule    record;
	related record;
BEGIN
	SELECT w INTO wrong FROM unnest(without) w WHERE w <> ALL (all_columns);
	IF FOUND THEN
		RAISE EXCEPTION 'unrecognized column of a person: "%"', wrong
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = format('Columns are %s; a view gives a table these names.',
								array_to_string(all_columns, ', '));
	ELSIF without IS NULL OR without && '{forename,surname,date_of_birth}' THEN
		RAISE EXCEPTION 'a model of people needs at least forename, surname and date of birth'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Make a model of your own with caredata.create_link_model().';
	END IF;
	model := caredata.create_link_model(create_person_link_model.name, id_column, person_column, seed);

	-- Forename and middle name are often exchanged, one of them an initial.
	IF 'middle_name' <> ALL (without) THEN
		PERFORM caredata.add_link_comparison(model, 'forename', 'swappable_forename',
			'{forename,middle_name}', by_frequency => true,
			tests => '{exact,jaro_winkler,initial,swapped_initial,jaro_winkler}',
			parameters => '{NULL,0.88,NULL,NULL,0.7}');
		PERFORM caredata.add_link_comparison(model, 'middle name', 'swappable_forename',
			'{middle_name,forename}', tests => '{exact,jaro_winkler,initial,swapped_initial}',
			parameters => '{NULL,0.88,NULL,NULL}');
	ELSE
		PERFORM caredata.add_link_comparison(model, 'forename', 'swappable_forename',
			'{forename,surname}', by_frequency => true,
			tests => '{exact,jaro_winkler,initial,jaro_winkler,swapped}',
			parameters => '{NULL,0.88,NULL,0.7,NULL}');
	END IF;
	PERFORM caredata.add_link_comparison(model, 'surname', 'swappable_surname', '{surname,forename}',
		by_frequency => true, tests => '{exact,jaro_winkler,jaro_winkler,swapped}',
		parameters => '{NULL,0.88,0.7,NULL}');
	PERFORM caredata.add_link_comparison(model, 'date of birth', 'date', '{date_of_birth}',
		tests => '{exact,day_month_swapped,osa,first_of_january,two_parts,osa}',
		parameters => '{NULL,NULL,1,NULL,NULL,2}');
	IF 'sex' <> ALL (without) THEN
		PERFORM caredata.add_link_comparison(model, 'sex', 'sex', '{sex}');
	END IF;
	IF 'postcode' <> ALL (without) THEN
		PERFORM caredata.add_link_comparison(model, 'postcode', 'postcode',
			CASE WHEN 'previous_postcode' = ANY (without) THEN '{postcode}'
				 ELSE '{postcode,previous_postcode}' END::name[],
			tests => '{exact,exact_other,osa,district}', parameters => '{NULL,NULL,1,NULL}');
	END IF;
	IF 'nhs_number' <> ALL (without) THEN
		PERFORM caredata.add_link_comparison(model, 'NHS number', 'nhs_number', '{nhs_number}',
			tests => '{exact,osa}', parameters => '{NULL,1}');
	END IF;

	-- From narrow to wide; each is found wanting only if several fields of one
	-- person are wrong at once. Two people at random rarely share any of them.
	FOR rule IN
		SELECT b.columns, b.transforms, b.lengths, b.right_columns
		FROM (VALUES
			(1, '{nhs_number}'::name[], NULL::text[], NULL::integer[], NULL::name[]),
			(2, '{date_of_birth,surname}', NULL, NULL, NULL),
			(3, '{date_of_birth,forename}', NULL, NULL, NULL),
			(4, '{date_of_birth,postcode}', NULL, NULL, NULL),
			(5, '{surname,postcode}', NULL, NULL, NULL),
			(6, '{forename,postcode}', NULL, NULL, NULL),
			(7, '{forename,surname}', NULL, NULL, NULL),
			(8, '{surname,forename}', NULL, NULL, '{forename,surname}'),
			(9, '{date_of_birth,postcode}', '{whole,district}', NULL, NULL),
			(10, '{surname,forename,date_of_birth}', '{soundex,first,whole}', '{0,1,0}', NULL),
			(11, '{date_of_birth,sex,forename}', '{whole,whole,first}', '{0,0,1}', NULL),
			(12, '{surname,forename,date_of_birth}', '{whole,first,year}', '{0,1,0}', NULL),
			(13, '{surname,forename,date_of_birth,date_of_birth}', '{whole,first,month,day}', '{0,1,0,0}', NULL),
			(14, '{forename,surname,date_of_birth,date_of_birth}', '{whole,first,month,day}', '{0,1,0,0}', NULL),
			(15, '{postcode,forename}', '{whole,first}', '{0,1}', NULL),
			(16, '{postcode,date_of_birth}', '{whole,year}', NULL, NULL),
			(17, '{postcode,surname}', NULL, NULL, '{previous_postcode,surname}'),
			(18, '{postcode,date_of_birth}', NULL, NULL, '{previous_postcode,date_of_birth}'))
			b (place, columns, transforms, lengths, right_columns)
		WHERE NOT b.columns && without
			AND NOT coalesce(b.right_columns && without, false)
		ORDER BY b.place
	LOOP
		PERFORM caredata.add_link_blocking(model, rule.columns, rule.transforms, rule.lengths,
										   rule.right_columns);
	END LOOP;

	-- Two different people who look alike.
	FOR related IN
		SELECT r.title, r.comparisons
		FROM (VALUES
			(1, 'one household', '{surname,postcode}'::text[]),
			(2, 'one household, one sex', '{surname,sex,postcode}'),
			(3, 'twins', '{surname,date of birth,postcode}'),
			(4, 'twins of one sex', '{surname,date of birth,sex,postcode}'),
			(5, 'namesakes in one household', '{forename,surname,postcode}'),
			(6, 'parent and child of one name', '{forename,surname,sex,postcode}'))
			r (place, title, comparisons)
		WHERE NOT r.comparisons && without::text[]
		ORDER BY r.place
	LOOP
		PERFORM caredata.add_link_relationship(model, related.title, related.comparisons);
	END LOOP;
	RETURN model;
END
$function$;
REVOKE ALL ON FUNCTION caredata.create_person_link_model(text, name, name[], name, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.create_person_link_model(text, name, name[], name, bigint) IS
	'A draft model for tables of people with the columns nhs_number, forename, surname, middle_name, date_of_birth, sex, postcode and previous_postcode, without those named; returns its id';

INSERT INTO caredata.role_grant (role_name, routine)
SELECT r.role_name, 'caredata.create_person_link_model(text, name, name[], name, bigint)'
FROM (VALUES ('caredata_admin'), ('caredata_linker')) AS r (role_name);
