/*
 * wrap_fuzz.c
 *		Any bytes as a wrapped key: nothing opens but what was wrapped, however
 *		it was changed, and what was wrapped always does.
 */
#include <sodium.h>

#include "fuzz.h"
#include "wrap.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *key = NULL;
	static const uint8_t associated[] = {1, 2, 3};
	uint8_t    *copy;
	uint8_t    *secret;
	uint8_t    *wrapped;
	size_t		length;

	if (key == NULL)
	{
		CHECK(sodium_init() >= 0);
		key = sodium_malloc(CAREDATA_WRAP_KEY_BYTES);
		CHECK(key != NULL);
		memset(key, 0x5a, CAREDATA_WRAP_KEY_BYTES);
		CHECK(sodium_mprotect_noaccess(key) == 0);
	}

	/* exactly as long as they are, so that the sanitizer sees a step too far */
	copy = malloc(size > 0 ? size : 1);
	length = size > CAREDATA_WRAPPED_BYTES(0) ? size - CAREDATA_WRAPPED_BYTES(0) : 0;
	secret = malloc(length > 0 ? length : 1);
	CHECK(copy != NULL && secret != NULL);
	memcpy(copy, data, size);
	CHECK(caredata_unwrap(key, associated, sizeof(associated), copy, size,
						  secret) == CAREDATA_NOT_OPENED);
	free(copy);
	free(secret);

	/* the same bytes as a secret, and then changed in one place */
	if (size < 3)
		return 0;
	length = size - 2;
	wrapped = malloc(CAREDATA_WRAPPED_BYTES(length));
	secret = malloc(length);
	CHECK(wrapped != NULL && secret != NULL);
	CHECK(caredata_wrap(key, associated, sizeof(associated), data + 2, length,
						wrapped));
	CHECK(caredata_unwrap(key, associated, sizeof(associated), wrapped,
						  CAREDATA_WRAPPED_BYTES(length),
						  secret) == CAREDATA_UNWRAPPED);
	CHECK(memcmp(secret, data + 2, length) == 0);
	if (data[1] != 0)
	{
		wrapped[data[0] % CAREDATA_WRAPPED_BYTES(length)] ^= data[1];
		CHECK(caredata_unwrap(key, associated, sizeof(associated), wrapped,
							  CAREDATA_WRAPPED_BYTES(length),
							  secret) == CAREDATA_NOT_OPENED);
	}
	free(wrapped);
	free(secret);
	return 0;
}
