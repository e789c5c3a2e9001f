/*
 * blake2b_test.c
 *		Our BLAKE2b against libsodium's, length by length, and against a
 *		published implementation's results.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "blake2b.h"
#include "tap.h"

int
main(void)
{
	uint8_t		key[BLAKE2B_KEY_BYTES];
	uint8_t		ours[BLAKE2B_RESULT_BYTES];
	uint8_t		theirs[BLAKE2B_RESULT_BYTES];
	Blake2bKey	state;
	int			wrong = 0;
	int			tried = 0;
	size_t		length;
	int			i;

	if (sodium_init() < 0)
		return 2;
	for (i = 0; i < BLAKE2B_KEY_BYTES; i++)
		key[i] = (uint8_t) i;
	for (length = 1; length <= 1100; length++)
	{
		uint8_t    *message = malloc(length);	/* so that a step too far shows */
		size_t		at;

		if (message == NULL)
			return 2;
		for (at = 0; at < length; at++)
			message[at] = (uint8_t) (at * 7 + length);
		key[length % BLAKE2B_KEY_BYTES] ^= (uint8_t) (length + 1);
		caredata_blake2b_set_key(&state, key);
		caredata_blake2b(&state, message, length, ours);
		crypto_generichash(theirs, sizeof(theirs), message, length, key,
						   sizeof(key));
		wrong += memcmp(ours, theirs, sizeof(ours)) != 0;
		/* once more under the same key */
		caredata_blake2b(&state, message, length, ours);
		wrong += memcmp(ours, theirs, sizeof(ours)) != 0;
		tried++;
		free(message);
	}
	ok(wrong == 0 && tried == 1100, "%d messages of 1 to 1100 bytes", tried);

	/* key 00 01 ... 1f; messages abc, 128 and 129 bytes 00 01 ... */
	{
		static const char *const expected[] = {
			"1a64be47e4729d951c302ee543f97cf3",
			"45d43af02414a146c8803c3f7da3554d",
			"aab5517a7ade99ce990a81aa3d3ea27d"
		};
		uint8_t		message[129];
		char		hex[2 * BLAKE2B_RESULT_BYTES + 1];

		for (i = 0; i < BLAKE2B_KEY_BYTES; i++)
			key[i] = (uint8_t) i;
		caredata_blake2b_set_key(&state, key);
		caredata_blake2b(&state, (const uint8_t *) "abc", 3, ours);
		sodium_bin2hex(hex, sizeof(hex), ours, sizeof(ours));
		ok(strcmp(hex, expected[0]) == 0, "abc");
		for (i = 0; i < 129; i++)
			message[i] = (uint8_t) i;
		caredata_blake2b(&state, message, 128, ours);
		sodium_bin2hex(hex, sizeof(hex), ours, sizeof(ours));
		ok(strcmp(hex, expected[1]) == 0, "one whole block");
		caredata_blake2b(&state, message, 129, ours);
		sodium_bin2hex(hex, sizeof(hex), ours, sizeof(ours));
		ok(strcmp(hex, expected[2]) == 0, "one block and a byte");
	}
	return done();
}
