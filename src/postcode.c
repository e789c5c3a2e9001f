/*
 * postcode.c
 *		The type postcode: a UK postcode of the right form.
 *
 * Eight bytes by value that order as the text does (postcode_parse.h), so
 * that comparison and sorting are those of bigint and are declared so in
 * sql/identifier.sql.  Hashing is not: that of bigint first lays the two
 * halves over each other, and the letters of one half over the other are the
 * same for many postcodes.  Every way in checks the grammar.
 *
 * No message holds the value: with a date of birth it names most people.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "compat.h"
#include "postcode_parse.h"

PG_FUNCTION_INFO_V1(caredata_postcode_in);
PG_FUNCTION_INFO_V1(caredata_postcode_out);
PG_FUNCTION_INFO_V1(caredata_postcode_recv);
PG_FUNCTION_INFO_V1(caredata_postcode_send);
PG_FUNCTION_INFO_V1(caredata_postcode_hash);
PG_FUNCTION_INFO_V1(caredata_postcode_hash_extended);
PG_FUNCTION_INFO_V1(caredata_try_postcode);
PG_FUNCTION_INFO_V1(caredata_mend_postcode);
PG_FUNCTION_INFO_V1(caredata_postcode_area);
PG_FUNCTION_INFO_V1(caredata_postcode_district);
PG_FUNCTION_INFO_V1(caredata_postcode_sector);
PG_FUNCTION_INFO_V1(caredata_is_pseudo_postcode);

#define POSTCODE_DETAIL \
	"A postcode has an outward part such as M1, CB22 or EC1A and an inward part such as 1AA."
#define POSTCODE_HINT \
	"caredata.try_postcode(text) returns NULL for text that is not a postcode."

Datum
caredata_postcode_in(PG_FUNCTION_ARGS)
{
	char	   *str = PG_GETARG_CSTRING(0);
	int64_t		postcode;

	if (!caredata_postcode_parse(str, strlen(str), &postcode))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input for type postcode"),
				 errdetail(POSTCODE_DETAIL),
				 errhint(POSTCODE_HINT)));
	PG_RETURN_INT64(postcode);
}

Datum
caredata_postcode_out(PG_FUNCTION_ARGS)
{
	char	   *str = palloc(POSTCODE_MAX_LENGTH + 1);

	str[caredata_postcode_format(PG_GETARG_INT64(0), str)] = '\0';
	PG_RETURN_CSTRING(str);
}

/* The wire form is the text. */
Datum
caredata_postcode_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len = buf->len - buf->cursor;
	const char *str = pq_getmsgbytes(buf, len);
	int64_t		postcode;

	if (!caredata_postcode_parse(str, len, &postcode))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary input for type postcode"),
				 errdetail(POSTCODE_DETAIL),
				 errhint(POSTCODE_HINT)));
	PG_RETURN_INT64(postcode);
}

Datum
caredata_postcode_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format(PG_GETARG_INT64(0), str);

	pq_begintypsend(&buf);
	pq_sendbytes(&buf, str, len);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
caredata_postcode_hash(PG_FUNCTION_ARGS)
{
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format(PG_GETARG_INT64(0), str);

	PG_RETURN_UINT32(hash_bytes((unsigned char *) str, (int) len));
}

Datum
caredata_postcode_hash_extended(PG_FUNCTION_ARGS)
{
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format(PG_GETARG_INT64(0), str);

	PG_RETURN_INT64((int64) hash_bytes_extended((unsigned char *) str,
												(int) len,
												PG_GETARG_INT64(1)));
}

Datum
caredata_try_postcode(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int64_t		postcode;

	if (!caredata_postcode_parse(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
								 &postcode))
		PG_RETURN_NULL();
	PG_RETURN_INT64(postcode);
}

Datum
caredata_mend_postcode(PG_FUNCTION_ARGS)
{
	text	   *str = PG_GETARG_TEXT_PP(0);
	int64_t		postcode;

	if (!caredata_postcode_mend(VARDATA_ANY(str), VARSIZE_ANY_EXHDR(str),
								&postcode))
		PG_RETURN_NULL();
	PG_RETURN_INT64(postcode);
}

Datum
caredata_postcode_area(PG_FUNCTION_ARGS)
{
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format_area(PG_GETARG_INT64(0), str);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(str, len));
}

Datum
caredata_postcode_district(PG_FUNCTION_ARGS)
{
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format_district(PG_GETARG_INT64(0), str);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(str, len));
}

Datum
caredata_postcode_sector(PG_FUNCTION_ARGS)
{
	char		str[POSTCODE_MAX_LENGTH];
	size_t		len = caredata_postcode_format_sector(PG_GETARG_INT64(0), str);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(str, len));
}

Datum
caredata_is_pseudo_postcode(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(caredata_postcode_is_pseudo(PG_GETARG_INT64(0)));
}
