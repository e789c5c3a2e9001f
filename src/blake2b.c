/*
 * blake2b.c
 *		Keyed BLAKE2b (RFC 7693).
 *
 * Constants, rounds and order of words are those of the RFC; test/unit compares
 * with the published vectors and, length by length, with libsodium.  There is
 * no branch and no address that depends on the key or the message.
 */
#include <sodium.h>
#include <string.h>

#include "blake2b.h"

static const uint64_t initial[8] = {
	UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b),
	UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1),
	UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
	UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179)
};

static inline uint64_t
load_word(const uint8_t *bytes)
{
	return (uint64_t) bytes[0] | (uint64_t) bytes[1] << 8 |
		(uint64_t) bytes[2] << 16 | (uint64_t) bytes[3] << 24 |
		(uint64_t) bytes[4] << 32 | (uint64_t) bytes[5] << 40 |
		(uint64_t) bytes[6] << 48 | (uint64_t) bytes[7] << 56;
}

static inline uint64_t
rotate_right(uint64_t word, unsigned bits)
{
	return word >> bits | word << (64 - bits);
}

#define MIX(a, b, c, d, x, y) \
	do { \
		v[a] += v[b] + m[x]; \
		v[d] = rotate_right(v[d] ^ v[a], 32); \
		v[c] += v[d]; \
		v[b] = rotate_right(v[b] ^ v[c], 24); \
		v[a] += v[b] + m[y]; \
		v[d] = rotate_right(v[d] ^ v[a], 16); \
		v[c] += v[d]; \
		v[b] = rotate_right(v[b] ^ v[c], 63); \
	} while (0)

/* One round: the order in which it takes the words of the message. */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
	do { \
		MIX(0, 4, 8, 12, s0, s1); \
		MIX(1, 5, 9, 13, s2, s3); \
		MIX(2, 6, 10, 14, s4, s5); \
		MIX(3, 7, 11, 15, s6, s7); \
		MIX(0, 5, 10, 15, s8, s9); \
		MIX(1, 6, 11, 12, s10, s11); \
		MIX(2, 7, 8, 13, s12, s13); \
		MIX(3, 4, 9, 14, s14, s15); \
	} while (0)

/* hashed counts the bytes up to the end of this block, the key's included. */
static void
compress(uint64_t *h, const uint8_t *block, uint64_t hashed, uint64_t last)
{
	uint64_t	m[16];
	uint64_t	v[16];
	int			i;

	for (i = 0; i < 16; i++)
		m[i] = load_word(block + 8 * i);
	for (i = 0; i < 8; i++)
	{
		v[i] = h[i];
		v[i + 8] = initial[i];
	}
	v[12] ^= hashed;
	v[14] ^= last;

	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);

	for (i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

void
caredata_blake2b_set_salted_key(Blake2bKey *state,
								const uint8_t *key, size_t key_length,
								const uint8_t *salt, size_t result_length)
{
	uint8_t		block[BLAKE2B_BLOCK_BYTES] = {0};

	memcpy(state->h, initial, sizeof(initial));
	/* parameters: result and key length, fan-out 1, depth 1 */
	state->h[0] ^= UINT64_C(0x01010000) ^ (uint64_t) key_length << 8 ^
		result_length;
	if (salt != NULL)
	{
		state->h[4] ^= load_word(salt);
		state->h[5] ^= load_word(salt + 8);
	}
	memcpy(block, key, key_length);
	compress(state->h, block, BLAKE2B_BLOCK_BYTES, 0);
	sodium_memzero(block, sizeof(block));
}

void
caredata_blake2b_set_key(Blake2bKey *state, const uint8_t *key)
{
	caredata_blake2b_set_salted_key(state, key, BLAKE2B_KEY_BYTES, NULL,
									BLAKE2B_RESULT_BYTES);
}

void
caredata_blake2b_result(const Blake2bKey *state, const uint8_t *message,
						size_t length, uint8_t *result, size_t result_length)
{
	uint8_t		block[BLAKE2B_BLOCK_BYTES];
	uint64_t	h[8];
	uint64_t	hashed = BLAKE2B_BLOCK_BYTES;
	size_t		i;

	memcpy(h, state->h, sizeof(h));
	while (length > BLAKE2B_BLOCK_BYTES)
	{
		hashed += BLAKE2B_BLOCK_BYTES;
		compress(h, message, hashed, 0);
		message += BLAKE2B_BLOCK_BYTES;
		length -= BLAKE2B_BLOCK_BYTES;
	}
	memcpy(block, message, length);
	memset(block + length, 0, BLAKE2B_BLOCK_BYTES - length);
	compress(h, block, hashed + length, UINT64_MAX);
	for (i = 0; i < result_length; i++)
		result[i] = (uint8_t) (h[i / 8] >> (8 * (i % 8)));
}

void
caredata_blake2b(const Blake2bKey *state, const uint8_t *message,
				 size_t length, uint8_t *result)
{
	caredata_blake2b_result(state, message, length, result,
							BLAKE2B_RESULT_BYTES);
}
