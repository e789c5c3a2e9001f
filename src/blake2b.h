/*
 * blake2b.h
 *		Keyed BLAKE2b (RFC 7693), many messages under one key.
 *
 * libsodium has BLAKE2b, but works the key off anew for every message, which
 * for the short messages of pseudonym_of() and of CLKs is half of the time.
 * Here the key is worked off once.  The result is the same, bit for bit.
 */
#ifndef CAREDATA_BLAKE2B_H
#define CAREDATA_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_KEY_BYTES		32
#define BLAKE2B_RESULT_BYTES	16
#define BLAKE2B_BLOCK_BYTES		128

/* the most that the RFC has */
#define BLAKE2B_MAX_KEY_BYTES		64
#define BLAKE2B_MAX_RESULT_BYTES	64
#define BLAKE2B_SALT_BYTES			16

/* The state after the key: as secret as the key. */
typedef struct Blake2bKey
{
	uint64_t	h[8];
} Blake2bKey;

/* 32 bytes of key, 16 of result, no salt */
extern void caredata_blake2b_set_key(Blake2bKey *state, const uint8_t *key);

/*
 * The same with 1 to 64 bytes of key, 1 to 64 of result, and 16 of salt, or
 * NULL for none.  The messages are for caredata_blake2b_result() with the same
 * length of result.
 */
extern void caredata_blake2b_set_salted_key(Blake2bKey *state,
											const uint8_t *key, size_t key_length,
											const uint8_t *salt,
											size_t result_length);

/* message must not be empty. */
extern void caredata_blake2b(const Blake2bKey *state, const uint8_t *message,
							 size_t length, uint8_t *result);
extern void caredata_blake2b_result(const Blake2bKey *state,
									const uint8_t *message, size_t length,
									uint8_t *result, size_t result_length);

#endif							/* CAREDATA_BLAKE2B_H */
