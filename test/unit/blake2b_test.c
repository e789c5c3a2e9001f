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

	/* every length of key and of result, with and without a salt */
	wrong = tried = 0;
	for (length = 1; length <= BLAKE2B_MAX_KEY_BYTES; length++)
	{
		uint8_t    *long_key = malloc(length);
		size_t		result_length;

		if (long_key == NULL)
			return 2;
		for (i = 0; i < (int) length; i++)
			long_key[i] = (uint8_t) (i * 11 + length);
		for (result_length = crypto_generichash_blake2b_BYTES_MIN;
			 result_length <= BLAKE2B_MAX_RESULT_BYTES; result_length++)
		{
			uint8_t		salt[BLAKE2B_SALT_BYTES];
			uint8_t		message[140];
			uint8_t		expected[BLAKE2B_MAX_RESULT_BYTES];
			uint8_t		result[BLAKE2B_MAX_RESULT_BYTES + 1];
			bool		salted = result_length % 2 == 0;
			size_t		message_length = 1 + (length * 7 + result_length) % 140;

			memset(message, (int) (length ^ result_length), sizeof(message));
			memset(salt, (int) result_length, sizeof(salt));
			result[result_length] = 0xa5;
			caredata_blake2b_set_salted_key(&state, long_key, length,
											salted ? salt : NULL, result_length);
			caredata_blake2b_result(&state, message, message_length, result,
									result_length);
			if (crypto_generichash_blake2b_salt_personal(expected, result_length,
														 message, message_length,
														 long_key, length,
														 salted ? salt : NULL,
														 NULL) != 0)
				return 2;
			wrong += memcmp(result, expected, result_length) != 0;
			wrong += result[result_length] != 0xa5;
			tried++;
		}
		free(long_key);
	}
	ok(wrong == 0 && tried == 64 * 49, "%d lengths of key and of result", tried);

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
