/*
 * blake2b.h
 *		Keyed BLAKE2b (RFC 7693) with 128 bits of result, many messages under
 *		one key.
 *
 * libsodium has BLAKE2b, but works the key off anew for every message, which
 * for the short messages of pseudonym_of() is half of the time.  Here the key
 * is worked off once.  The result is the same, bit for bit.
 */
#ifndef CAREDATA_BLAKE2B_H
#define CAREDATA_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_KEY_BYTES		32
#define BLAKE2B_RESULT_BYTES	16
#define BLAKE2B_BLOCK_BYTES		128

/* The state after the key: as secret as the key. */
typedef struct Blake2bKey
{
	uint64_t	h[8];
} Blake2bKey;

extern void caredata_blake2b_set_key(Blake2bKey *state, const uint8_t *key);

/* message must not be empty. */
extern void caredata_blake2b(const Blake2bKey *state, const uint8_t *message,
							 size_t length, uint8_t *result);

#endif							/* CAREDATA_BLAKE2B_H */
