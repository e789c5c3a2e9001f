/*
 * clk_text_test.c
 *		Base64 against libsodium's, and texts that are none.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clk_text_parse.h"
#include "tap.h"

static void
refused(const char *text, const char *why)
{
	/* of exactly the length, so that the sanitizer sees a step too far */
	size_t		length = strlen(text);
	char	   *copy = malloc(length + (length == 0));
	uint8_t    *out = malloc(length / 4 * 3 + 1);
	size_t		out_length;

	memcpy(copy, text, length);
	ok(!caredata_base64_decode(copy, length, out, &out_length), "refused: %s", why);
	free(copy);
	free(out);
}

int
main(void)
{
	uint8_t		bytes[300];
	int			wrong = 0;
	size_t		length;

	for (length = 0; length < sizeof(bytes); length++)
		bytes[length] = (uint8_t) (length * 167 + 13);
	for (length = 1; length < sizeof(bytes); length++)
	{
		char		expected[500];
		char	   *text = malloc(CLK_TEXT_LENGTH(length));
		uint8_t    *back = malloc(CLK_TEXT_LENGTH(length) / 4 * 3);
		size_t		back_length = 0;

		sodium_bin2base64(expected, sizeof(expected), bytes, length,
						  sodium_base64_VARIANT_ORIGINAL);
		caredata_base64_encode(bytes, length, text);
		wrong += strlen(expected) != CLK_TEXT_LENGTH(length) ||
			memcmp(text, expected, CLK_TEXT_LENGTH(length)) != 0;
		wrong += !caredata_base64_decode(text, CLK_TEXT_LENGTH(length), back, &back_length) ||
			back_length != length || memcmp(back, bytes, length) != 0;
		free(text);
		free(back);
	}
	ok(wrong == 0, "1 to %d bytes, there and back", (int) sizeof(bytes) - 1);
	refused("", "nothing");
	refused("QUI", "three characters");
	refused("QUJD\n", "a line end");
	refused("QU D", "a space");
	refused("QU-_", "the other alphabet");
	refused("====", "padding alone");
	refused("Q===", "too much padding");
	refused("QU=D", "padding inside");
	refused("QUI=QUJD", "padding before the end");
	refused("QUJ=", "bits to spare that are not zeros");
	refused("QV==", "more of them");
	return done();
}
