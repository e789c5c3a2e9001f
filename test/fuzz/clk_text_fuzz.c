/*
 * clk_text_fuzz.c
 *		Any text as base64: nothing out of bounds, and what is taken is written
 *		as it was.
 */
#include "clk_text_parse.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly the lengths, so that the sanitizer sees a step too far */
	uint8_t    *bytes = malloc(size / 4 * 3 + (size < 4));
	size_t		length = 0;

	CHECK(bytes != NULL);
	if (caredata_base64_decode((const char *) data, size, bytes, &length))
	{
		char	   *text = malloc(size);

		CHECK(text != NULL && CLK_TEXT_LENGTH(length) == size);
		caredata_base64_encode(bytes, length, text);
		CHECK(memcmp(text, data, size) == 0);
		free(text);
	}
	free(bytes);
	return 0;
}
