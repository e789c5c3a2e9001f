/*
 * clk.c
 *		Type clk, and what is asked of single values of it.
 *
 * A clk is a bit string of a multiple of 8 bits, stored as its bytes.  It has
 * no order and no equality, so that nobody groups, sorts or indexes people by
 * it in passing: what CLKs are for is dice().  An error never repeats one.
 *
 * How CLKs are made is in clk_project.c and clk_encode.c, how many are compared
 * with many in dice_join.c.
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "clk.h"
#include "clk_text_parse.h"
#include "compat.h"
#include "popcount.h"

PG_FUNCTION_INFO_V1(caredata_clk_in);
PG_FUNCTION_INFO_V1(caredata_clk_out);
PG_FUNCTION_INFO_V1(caredata_clk_recv);
PG_FUNCTION_INFO_V1(caredata_clk_send);
PG_FUNCTION_INFO_V1(caredata_clk_from_bytea);
PG_FUNCTION_INFO_V1(caredata_clk_bits);
PG_FUNCTION_INFO_V1(caredata_clk_ones);
PG_FUNCTION_INFO_V1(caredata_dice_pair);

#define LENGTH_DETAIL	"A CLK has 64 to 65536 bits, a multiple of 8."

static bool
length_is_valid(size_t bytes)
{
	return bytes >= CLK_MIN_BITS / 8 && bytes <= CLK_MAX_BYTES;
}

static Clk *
new_clk(const void *bytes, size_t length)
{
	Clk		   *clk = palloc(VARHDRSZ + length);

	SET_VARSIZE(clk, VARHDRSZ + length);
	memcpy(VARDATA(clk), bytes, length);
	return clk;
}

Datum
caredata_clk_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	size_t		length = strlen(text);
	uint8		bytes[CLK_MAX_BYTES + 2];
	size_t		nbytes = 0;

	if (length > CLK_TEXT_LENGTH(CLK_MAX_BYTES) ||
		!caredata_base64_decode(text, length, bytes, &nbytes))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "clk"),
				 errdetail("A CLK is written in base64, with padding and without spaces.")));
	if (!length_is_valid(nbytes))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid length for type %s", "clk"),
				 errdetail(LENGTH_DETAIL)));
	PG_RETURN_POINTER(new_clk(bytes, nbytes));
}

Datum
caredata_clk_out(PG_FUNCTION_ARGS)
{
	Clk		   *clk = PG_GETARG_CLK_PP(0);
	size_t		length = CLK_TEXT_LENGTH(CLK_BYTES(clk));
	char	   *text = palloc(length + 1);

	caredata_base64_encode(CLK_DATA(clk), CLK_BYTES(clk), text);
	text[length] = '\0';
	PG_RETURN_CSTRING(text);
}

Datum
caredata_clk_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buffer->len - buffer->cursor;

	if (!length_is_valid(length))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid length in external \"%s\" value", "clk"),
				 errdetail(LENGTH_DETAIL)));
	PG_RETURN_POINTER(new_clk(pq_getmsgbytes(buffer, length), length));
}

Datum
caredata_clk_send(PG_FUNCTION_ARGS)
{
	Clk		   *clk = PG_GETARG_CLK_PP(0);
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, (const char *) CLK_DATA(clk), CLK_BYTES(clk));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* bytea::clk */
Datum
caredata_clk_from_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	if (!length_is_valid(VARSIZE_ANY_EXHDR(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid length for type %s", "clk"),
				 errdetail(LENGTH_DETAIL)));
	PG_RETURN_POINTER(new_clk(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
}

/* caredata.clk_bits(clk): its length */
Datum
caredata_clk_bits(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(8 * CLK_BYTES(PG_GETARG_CLK_PP(0)));
}

/* caredata.clk_ones(clk) */
Datum
caredata_clk_ones(PG_FUNCTION_ARGS)
{
	Clk		   *clk = PG_GETARG_CLK_PP(0);

	PG_RETURN_INT32(caredata_ones(CLK_DATA(clk), CLK_BYTES(clk)));
}

/* caredata.dice(clk, clk) */
Datum
caredata_dice_pair(PG_FUNCTION_ARGS)
{
	Clk		   *a = PG_GETARG_CLK_PP(0);
	Clk		   *b = PG_GETARG_CLK_PP(1);
	int			length = CLK_BYTES(a);

	if (CLK_BYTES(b) != length)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("CLKs have different lengths, %d and %d bits",
						8 * length, 8 * CLK_BYTES(b)),
				 errhint("They were made under different schemas.")));
	PG_RETURN_FLOAT8(caredata_dice(caredata_ones(CLK_DATA(a), length),
								   caredata_ones(CLK_DATA(b), length),
								   caredata_common_ones(CLK_DATA(a), CLK_DATA(b),
														length)));
}
