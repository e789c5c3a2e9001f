/*
 * wrap_test.c
 *		Wrapped secrets: there and back, nothing opens that was touched, and a
 *		key that is out of reach while it is not used.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "wrap.h"

#define LONGEST	1024

int
main(void)
{
	static const uint8_t data[] = "what it is, and of whom";
	uint8_t		secret[LONGEST];
	uint8_t		back[LONGEST];
	uint8_t		wrapped[CAREDATA_WRAPPED_BYTES(LONGEST)];
	uint8_t		again[CAREDATA_WRAPPED_BYTES(LONGEST)];
	uint8_t    *key;
	uint8_t    *other;
	int			wrong = 0;
	int			opened = 0;
	size_t		length;
	size_t		i;

	if (sodium_init() < 0 ||
		(key = sodium_malloc(CAREDATA_WRAP_KEY_BYTES)) == NULL ||
		(other = sodium_malloc(CAREDATA_WRAP_KEY_BYTES)) == NULL)
		return 2;
	for (i = 0; i < CAREDATA_WRAP_KEY_BYTES; i++)
	{
		key[i] = (uint8_t) i;
		other[i] = (uint8_t) i;
	}
	other[31] ^= 0x80;
	sodium_mprotect_noaccess(key);
	sodium_mprotect_noaccess(other);
	for (i = 0; i < LONGEST; i++)
		secret[i] = (uint8_t) (i * 31);

	for (length = 1; length <= LONGEST; length += length < 70 ? 1 : 53)
	{
		memset(back, 0, sizeof(back));
		wrong += !caredata_wrap(key, data, sizeof(data), secret, length, wrapped);
		wrong += caredata_unwrap(key, data, sizeof(data), wrapped,
								 CAREDATA_WRAPPED_BYTES(length),
								 back) != CAREDATA_UNWRAPPED;
		wrong += memcmp(secret, back, length) != 0;
		/* another nonce each time */
		caredata_wrap(key, data, sizeof(data), secret, length, again);
		wrong += memcmp(wrapped + 1, again + 1, CAREDATA_WRAP_NONCE_BYTES) == 0;
		/* of another length */
		opened += caredata_unwrap(key, data, sizeof(data), wrapped,
								  CAREDATA_WRAPPED_BYTES(length) - 1,
								  back) == CAREDATA_UNWRAPPED;
	}
	ok(wrong == 0, "secrets of 1 to %d bytes there and back", LONGEST);
	ok(opened == 0, "none that was cut");

	caredata_wrap(key, data, sizeof(data), secret, 32, wrapped);
	opened = 0;
	for (i = 0; i < 8 * CAREDATA_WRAPPED_BYTES(32); i++)
	{
		wrapped[i / 8] ^= (uint8_t) (1 << i % 8);
		opened += caredata_unwrap(key, data, sizeof(data), wrapped,
								  CAREDATA_WRAPPED_BYTES(32),
								  back) != CAREDATA_NOT_OPENED;
		wrapped[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	ok(opened == 0, "none with a flipped bit, of %d", 8 * CAREDATA_WRAPPED_BYTES(32));
	ok(caredata_unwrap(other, data, sizeof(data), wrapped,
					   CAREDATA_WRAPPED_BYTES(32), back) == CAREDATA_NOT_OPENED,
	   "none under another key");
	ok(caredata_unwrap(key, data, sizeof(data) - 1, wrapped,
					   CAREDATA_WRAPPED_BYTES(32), back) == CAREDATA_NOT_OPENED,
	   "none of somebody else");
	opened = 0;
	for (length = 0; length < CAREDATA_WRAPPED_BYTES(0) + 1; length++)
		opened += caredata_unwrap(key, data, sizeof(data), wrapped, length,
								  back) != CAREDATA_NOT_OPENED;
	ok(opened == 0, "none that is too short to hold anything");
	ok(caredata_unwrap(key, data, sizeof(data), wrapped,
					   CAREDATA_WRAPPED_BYTES(32), back) == CAREDATA_UNWRAPPED &&
	   memcmp(secret, back, 32) == 0, "and then the right one opens");
	return done();
}
