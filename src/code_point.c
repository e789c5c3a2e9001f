/*
 * code_point.c
 *		Text as Unicode code points, whatever the encoding of the database.
 *
 * Comparisons of names count characters, so bytes above ASCII are decoded.  In
 * a database of another encoding than UTF-8 they are converted first; in one
 * that knows no encoding (SQL_ASCII) they must be UTF-8, and are refused
 * otherwise, without the bytes in the message.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "code_point.h"
#include "compat.h"

bool
caredata_is_ascii(const char *bytes, size_t length)
{
	uint64		bits = 0;

	for (; length >= sizeof(uint64); length -= sizeof(uint64))
	{
		uint64		word;

		memcpy(&word, bytes, sizeof(uint64));
		bits |= word;
		bytes += sizeof(uint64);
	}
	while (length > 0)
		bits |= (unsigned char) bytes[--length];
	return (bits & UINT64CONST(0x8080808080808080)) == 0;
}

static void
check_utf8(const char *bytes, size_t length)
{
	if (!pg_verify_mbstr(PG_UTF8, bytes, (int) length, true))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("text is not valid UTF-8"),
				 errhint("This database does not know its encoding (SQL_ASCII): text above ASCII must be UTF-8. A database made with ENCODING 'UTF8' converts text as it comes in.")));
}

uint32 *
caredata_code_points(const char *bytes, size_t length, size_t *count)
{
	const unsigned char *in;
	const unsigned char *end;
	uint32	   *points;
	size_t		n = 0;

	if (!caredata_is_ascii(bytes, length) && GetDatabaseEncoding() != PG_UTF8)
	{
		if (GetDatabaseEncoding() == PG_SQL_ASCII)
			check_utf8(bytes, length);
		else
		{
			char	   *copy = pnstrdup(bytes, length);

			bytes = pg_server_to_any(copy, (int) length, PG_UTF8);
			length = strlen(bytes);
		}
	}
	in = (const unsigned char *) bytes;
	end = in + length;
	points = palloc((length + 1) * sizeof(uint32));
	/* the last character is there in full, or not at all */
	for (; in < end && pg_utf_mblen(in) <= end - in; in += pg_utf_mblen(in))
		points[n++] = utf8_to_unicode(in);
	points[n] = 0;
	*count = n;
	return points;
}

text *
caredata_code_point_text(const uint32 *points, size_t count)
{
	char	   *utf8 = palloc(count * MAX_MULTIBYTE_CHAR_LEN + 1);
	unsigned char *out = (unsigned char *) utf8;
	char	   *result;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		unicode_to_utf8(points[i], out);
		out += pg_utf_mblen(out);
	}
	*out = '\0';
	result = GetDatabaseEncoding() == PG_SQL_ASCII ? utf8 :
		pg_any_to_server(utf8, (int) ((char *) out - utf8), PG_UTF8);
	return cstring_to_text(result);
}
