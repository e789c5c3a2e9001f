-- ---------------------------------------------------------------------------
-- How landed fields are read: the SQL that types one, and why one could not be
-- typed. Identifiers use the same functions.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.field_expression(field_type text, format text, value text)
	RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT CASE
		WHEN $2 IS NOT NULL THEN
			pg_catalog.format('caredata.try_code(%s, %L)', value, $2)
		WHEN field_type = 'text' THEN
			pg_catalog.format('caredata.try_text(%s, 255)', value)
		WHEN field_type IN ('smallint', 'integer', 'bigint', 'float8', 'date',
							'time', 'boolean', 'nhs_number', 'postcode') THEN
			pg_catalog.format('caredata.%I(%s)', 'try_' || field_type, value)
		END
		|| CASE WHEN field_type = 'text' THEN ' COLLATE "C"' ELSE '' END
$function$;
REVOKE ALL ON FUNCTION caredata.field_expression(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION caredata.field_expression(text, text, text) IS
	'SQL that types a landed field; internal to load()';

CREATE FUNCTION caredata.field_fault(field_type text, format text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE coalesce(format, field_type)
		WHEN 'icd10' THEN 'not an ICD-10 code'
		WHEN 'opcs4' THEN 'not an OPCS-4 code'
		WHEN 'ods' THEN 'not an ODS code'
		WHEN 'lsoa' THEN 'not an LSOA code'
		WHEN 'snomed' THEN 'not a SNOMED CT identifier'
		WHEN 'clinical' THEN 'not a clinical code'
		WHEN 'sex' THEN 'not a sex code'
		WHEN 'ethnic_category' THEN 'not an ethnic category'
		WHEN 'smallint' THEN 'not a whole number of its range'
		WHEN 'integer' THEN 'not a whole number of its range'
		WHEN 'bigint' THEN 'not a whole number of its range'
		WHEN 'float8' THEN 'not a number'
		WHEN 'date' THEN 'not a date'
		WHEN 'time' THEN 'not a time'
		WHEN 'boolean' THEN 'not yes or no'
		WHEN 'nhs_number' THEN 'not a valid NHS number'
		WHEN 'postcode' THEN 'not a postcode'
		ELSE 'too long or with control characters'
	END;
COMMENT ON FUNCTION caredata.field_fault(text, text) IS
	'Why a landed field could not be typed, in words';

-- A code as objection codes are compared: Read codes without their trailing
-- dots and term code, others whole. Too wide rather than too narrow.
-- Not STRICT, so that it is inlined.
CREATE FUNCTION caredata.objection_code_key(code text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN pg_catalog.length(code) <= 7
				THEN pg_catalog.rtrim(pg_catalog."left"(code, 5), '.')
				ELSE code END;
COMMENT ON FUNCTION caredata.objection_code_key(text) IS
	'Form in which GP codes are compared with objection codes: 9Nu0, 9Nu0. and 9Nu0.00 are one';

-- How many of the given SQL values are not NULL; functions take 100 arguments.
CREATE FUNCTION caredata.count_present(fields text[]) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $function$
	SELECT coalesce(string_agg(g.call, ' + '), '0')
	FROM (SELECT format('num_nonnulls(%s)', string_agg(f.field, ', ' ORDER BY f.ordinal)) AS call
		  FROM unnest(fields) WITH ORDINALITY AS f (field, ordinal)
		  GROUP BY (f.ordinal - 1) / 90) g
$function$;
REVOKE ALL ON FUNCTION caredata.count_present(text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.count_present(text[]) IS
	'SQL that counts the values that are not NULL; internal to load()';
