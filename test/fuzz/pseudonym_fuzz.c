/*
 * pseudonym_fuzz.c
 *		Any bytes as the text of a pseudonym, and any 16 bytes as a decrypted
 *		block: nothing out of bounds, and what is read is written so that it
 *		is read again.
 */
#include "pseudonym_block.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		bytes[PSEUDONYM_BYTES];
	uint8_t		again[PSEUDONYM_BYTES];
	char		text[PSEUDONYM_TEXT_LENGTH + 1];
	int64_t		number = 0;

	if (pseudonym_parse((const char *) data, size, bytes))
	{
		pseudonym_format(bytes, text);
		CHECK(strlen(text) == PSEUDONYM_TEXT_LENGTH);
		CHECK(pseudonym_parse(text, PSEUDONYM_TEXT_LENGTH, again));
		CHECK(memcmp(bytes, again, PSEUDONYM_BYTES) == 0);
	}

	if (size >= PSEUDONYM_BYTES &&
		pseudonym_block_read(data, PSEUDONYM_KIND_PERSON, &number))
	{
		CHECK(!pseudonym_block_read(data, PSEUDONYM_KIND_RECORD, &number));
		pseudonym_block_write(PSEUDONYM_KIND_PERSON, number, bytes);
		CHECK(memcmp(bytes, data, PSEUDONYM_BYTES) == 0);
	}
	return 0;
}
