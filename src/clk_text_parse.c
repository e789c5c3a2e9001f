/*
 * clk_text_parse.c
 *		Base64: clk_text_parse.h.
 *
 * Strict: every value has one text, so bits that the last character has to
 * spare must be zeros.
 */
#include "clk_text_parse.h"

static const char digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

bool
caredata_base64_decode(const char *text, size_t length, uint8_t *out,
					   size_t *out_length)
{
	size_t		padding = 0;
	size_t		written = 0;
	uint32_t	bits = 0;
	int			nbits = 0;
	size_t		i;

	if (length == 0 || length % 4 != 0)
		return false;
	while (padding < 2 && text[length - 1 - padding] == '=')
		padding++;
	for (i = 0; i < length - padding; i++)
	{
		int			value = digit_value(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t) value;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[written++] = (uint8_t) (bits >> nbits);
		}
	}
	*out_length = written;
	return (bits & ((1u << nbits) - 1)) == 0;
}

void
caredata_base64_encode(const uint8_t *bytes, size_t length, char *out)
{
	for (; length > 0; out += 4)
	{
		size_t		count = length < 3 ? length : 3;
		uint32_t	bits = (uint32_t) bytes[0] << 16;

		if (count > 1)
			bits |= (uint32_t) bytes[1] << 8;
		if (count > 2)
			bits |= bytes[2];
		out[0] = digits[bits >> 18];
		out[1] = digits[bits >> 12 & 63];
		out[2] = count > 1 ? digits[bits >> 6 & 63] : '=';
		out[3] = count > 2 ? digits[bits & 63] : '=';
		bytes += count;
		length -= count;
	}
}
