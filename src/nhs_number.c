/*
 * nhs_number.c
 *		The type nhs_number: an NHS number with a valid check digit.
 *
 * Eight bytes by value, the number itself, so that comparison, hashing and
 * sorting are those of bigint and are declared so in sql/identifier.sql.
 * Every way in checks the number: a stored value is always valid.
 *
 * No message holds the value: it would be a patient's identifier in a log.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "compat.h"
#include "nhs_number_parse.h"

PG_FUNCTION_INFO_V1(caredata_nhs_number_in);
PG_FUNCTION_INFO_V1(caredata_nhs_number_out);
PG_FUNCTION_INFO_V1(caredata_nhs_number_recv);
PG_FUNCTION_INFO_V1(caredata_nhs_number_send);
PG_FUNCTION_INFO_V1(caredata_nhs_number_from_bigint);
PG_FUNCTION_INFO_V1(caredata_try_nhs_number);
PG_FUNCTION_INFO_V1(caredata_nhs_number_display);
PG_FUNCTION_INFO_V1(caredata_nhs_number_range);

#define NHS_NUMBER_HINT \
	"caredata.try_nhs_number(text) returns NULL for text that is not a valid NHS number."

/* errdetail() for what is wrong. */
static int
nhs_number_errdetail(NhsNumberStatus status)
{
	switch (status)
	{
		case NHS_NUMBER_BAD_CHECK_DIGIT:
			return errdetail("The check digit does not match.");
		case NHS_NUMBER_REPEATED_DIGIT:
			return errdetail("Ten equal digits are not an NHS number.");
		case NHS_NUMBER_VALID:
		case NHS_NUMBER_BAD_FORMAT:
			break;
	}
	return errdetail("An NHS number has ten digits, written together or in groups of 3, 3 and 4 with spaces or hyphens.");
}

Datum
caredata_nhs_number_in(PG_FUNCTION_ARGS)
{
	char	   *str = PG_GETARG_CSTRING(0);
	int64_t		number;
	NhsNumberStatus status;

	status = caredata_nhs_number_parse(str, strlen(str), &number);
	if (status != NHS_NUMBER_VALID)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input for type nhs_number"),
				 nhs_number_errdetail(status),
				 errhint(NHS_NUMBER_HINT)));
	PG_RETURN_INT64(number);
}

Datum
caredata_nhs_number_out(PG_FUNCTION_ARGS)
{
	char	   *str = palloc(NHS_NUMBER_DIGITS + 1);

	caredata_nhs_number_format(PG_GETARG_INT64(0), str);
	str[NHS_NUMBER_DIGITS] = '\0';
	PG_RETURN_CSTRING(str);
}

/* The wire form is the number as a 64-bit integer. */
Datum
caredata_nhs_number_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int64		number = pq_getmsgint64(buf);
	NhsNumberStatus status = caredata_nhs_number_check(number);

	if (status != NHS_NUMBER_VALID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary input for type nhs_number"),
				 nhs_number_errdetail(status),
				 errhint(NHS_NUMBER_HINT)));
	PG_RETURN_INT64(number);
}

Datum
caredata_nhs_number_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, PG_GETARG_INT64(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Numbers that came as integers have lost their leading zeros. */
Datum
caredata_nhs_number_from_bigint(PG_FUNCTION_ARGS)
{
	int64		number = PG_GETARG_INT64(0);
	NhsNumberStatus status = caredata_nhs_number_check(number);

	if (status != NHS_NUMBER_VALID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bigint is not a valid NHS number"),
				 nhs_number_errdetail(status),
				 errhint(NHS_NUMBER_HINT)));
	PG_RETURN_INT64(number);
}

Datum
caredata_try_nhs_number(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int64_t		number;

	if (caredata_nhs_number_parse(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
								  &number) != NHS_NUMBER_VALID)
		PG_RETURN_NULL();
	PG_RETURN_INT64(number);
}

Datum
caredata_nhs_number_display(PG_FUNCTION_ARGS)
{
	char		str[NHS_NUMBER_DISPLAY_LENGTH];

	caredata_nhs_number_format_display(PG_GETARG_INT64(0), str);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(str, sizeof(str)));
}

Datum
caredata_nhs_number_range(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(caredata_nhs_number_class(PG_GETARG_INT64(0))));
}
