/*
 * field.c
 *		caredata.try_*(text): a landed field as a typed value, or NULL.
 *
 * None of them raises on a field, whatever it holds, so that one statement
 * types a whole load; the loader turns NULL into a quarantine reason.  The
 * value itself is in no message.  The grammars are in field_parse.c.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "field_parse.h"

PG_FUNCTION_INFO_V1(caredata_try_smallint);
PG_FUNCTION_INFO_V1(caredata_try_integer);
PG_FUNCTION_INFO_V1(caredata_try_bigint);
PG_FUNCTION_INFO_V1(caredata_try_float8);
PG_FUNCTION_INFO_V1(caredata_try_boolean);
PG_FUNCTION_INFO_V1(caredata_try_date);
PG_FUNCTION_INFO_V1(caredata_try_time);
PG_FUNCTION_INFO_V1(caredata_try_text);
PG_FUNCTION_INFO_V1(caredata_try_code);

/* Whether the text is an integer from min to max. */
static bool
integer_between(text *str, int64 min, int64 max, int64_t *value)
{
	return caredata_field_parse_integer(VARDATA_ANY(str),
										VARSIZE_ANY_EXHDR(str), value) &&
		*value >= min && *value <= max;
}

Datum
caredata_try_smallint(PG_FUNCTION_ARGS)
{
	int64_t		value;

	if (!integer_between(PG_GETARG_TEXT_PP(0), PG_INT16_MIN, PG_INT16_MAX,
						 &value))
		PG_RETURN_NULL();
	PG_RETURN_INT16((int16) value);
}

Datum
caredata_try_integer(PG_FUNCTION_ARGS)
{
	int64_t		value;

	if (!integer_between(PG_GETARG_TEXT_PP(0), PG_INT32_MIN, PG_INT32_MAX,
						 &value))
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) value);
}

Datum
caredata_try_bigint(PG_FUNCTION_ARGS)
{
	int64_t		value;

	if (!integer_between(PG_GETARG_TEXT_PP(0), PG_INT64_MIN, PG_INT64_MAX,
						 &value))
		PG_RETURN_NULL();
	PG_RETURN_INT64(value);
}

Datum
caredata_try_float8(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	double		value;

	if (!caredata_field_parse_float8(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
									 &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

Datum
caredata_try_boolean(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	bool		value;

	if (!caredata_field_parse_boolean(VARDATA_ANY(str),
									  VARSIZE_ANY_EXHDR(str), &value))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(value);
}

Datum
caredata_try_date(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int32_t		days;

	/* DateADT counts from 2000-01-01 as well */
	if (!caredata_field_parse_date(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
								   &days))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(days);
}

Datum
caredata_try_time(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int64_t		microseconds;

	if (!caredata_field_parse_time(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
								   &microseconds))
		PG_RETURN_NULL();
	PG_RETURN_TIMEADT(microseconds);
}

/*
 * The text without white space around it; NULL if nothing is left, if a
 * control character is in it, or if it has more than max characters.
 */
Datum
caredata_try_text(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int32		max = PG_GETARG_INT32(1);
	const char *s = VARDATA_ANY(str);
	size_t		len = VARSIZE_ANY_EXHDR(str);

	caredata_field_trim(&s, &len);
	if (len == 0 || max <= 0 || !caredata_field_is_printable(s, len))
		PG_RETURN_NULL();

	/* a character has one byte or more: count only where that may matter */
	if (len > (size_t) max && pg_mbstrlen_with_len(s, (int) len) > max)
		PG_RETURN_NULL();

	if (len == VARSIZE_ANY_EXHDR(str))
		PG_RETURN_TEXT_P(str);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(s, (int) len));
}

/*
 * The code in the stored form of its format.  A format that does not exist is
 * a mistake of the caller, not of the file, so it raises.
 */
Datum
caredata_try_code(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	text	   *name = PG_GETARG_TEXT_PP(1);
	FieldCodeFormat format;
	char		code[FIELD_CODE_MAX];
	size_t		len;

	format = caredata_field_code_format(VARDATA_ANY(name),
										VARSIZE_ANY_EXHDR(name));
	if (format == FIELD_CODE_UNRECOGNIZED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized code format"),
				 errhint("Formats are icd10, opcs4, ods, lsoa, snomed, clinical, sex and ethnic_category.")));

	len = caredata_field_parse_code(format, VARDATA_ANY(str),
									VARSIZE_ANY_EXHDR(str), code);
	if (len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(code, (int) len));
}
