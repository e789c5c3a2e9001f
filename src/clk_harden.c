/*
 * clk_harden.c
 *		What is done to a filter to make attacks on it harder: clk_harden.h.
 */
#include <sodium.h>
#include <string.h>

#include "clk_harden.h"

#define CHACHA20_BLOCK	64

/* More bytes, a multiple of CHACHA20_BLOCK, of the ChaCha20 stream of a key. */
static bool
keystream(uint8_t *out, size_t length, uint32_t *blocks, const uint8_t *key)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};

	memset(out, 0, length);
	if (crypto_stream_chacha20_ietf_xor_ic(out, out, length, nonce, *blocks,
										   key) != 0)
		return false;
	*blocks += (uint32_t) (length / CHACHA20_BLOCK);
	return true;
}

void
caredata_clk_fold(uint8_t *filter, int bytes, int folds)
{
	for (; folds > 0; folds--)
	{
		int			i;

		bytes /= 2;
		for (i = 0; i < bytes; i++)
			filter[i] ^= filter[bytes + i];
	}
}

/* Two bytes of the stream decide about a bit: whether, and then which. */
bool
caredata_clk_flip(uint8_t *filter, int bits, uint32_t flips,
				  const uint8_t *seed)
{
	uint8_t		noise[2048];
	const int	step = (int) sizeof(noise) / 2;
	uint32_t	blocks = 0;
	int			first;

	for (first = 0; first < bits; first += step)
	{
		int			count = bits - first < step ? bits - first : step;
		int			i;

		if (!keystream(noise, sizeof(noise), &blocks, seed))
			return false;
		for (i = 0; i < count; i++)
		{
			uint32_t	chance = (uint32_t) noise[2 * i] |
				(uint32_t) noise[2 * i + 1] << 8;
			uint8_t    *byte = &filter[(first + i) / 8];
			int			shift = 7 - (first + i) % 8;
			uint32_t	own = (uint32_t) *byte >> shift & 1;
			uint32_t	bit = chance >= flips ? own : chance & 1;

			*byte ^= (uint8_t) ((own ^ bit) << shift);
		}
	}
	return true;
}

void
caredata_clk_balance(const uint8_t *filter, int bits,
					 const uint32_t *permutation, uint8_t *out)
{
	int			i;

	memset(out, 0, (size_t) bits / 4);
	for (i = 0; i < bits; i++)
	{
		int			bit = filter[i / 8] >> (7 - i % 8) & 1;
		uint32_t	to = permutation[bit ? i : bits + i];

		out[to / 8] |= (uint8_t) (0x80 >> to % 8);
	}
}

/* Fisher and Yates's, with numbers that a stream draws without bias. */
bool
caredata_clk_permutation(const uint8_t *key, uint32_t count,
						 uint32_t *permutation)
{
	uint8_t		stream[1024];
	size_t		used = sizeof(stream);
	uint32_t	blocks = 0;
	uint32_t	left;
	bool		ok = true;

	for (left = 0; left < count; left++)
		permutation[left] = left;
	while (ok && left > 1)
	{
		uint32_t	unbiased = UINT32_MAX - UINT32_MAX % left;
		uint32_t	drawn;
		uint32_t	swapped;

		if (used == sizeof(stream))
		{
			ok = keystream(stream, sizeof(stream), &blocks, key);
			used = 0;
		}
		drawn = (uint32_t) stream[used] | (uint32_t) stream[used + 1] << 8 |
			(uint32_t) stream[used + 2] << 16 | (uint32_t) stream[used + 3] << 24;
		used += 4;
		if (drawn >= unbiased)
			continue;
		drawn %= left--;
		swapped = permutation[drawn];
		permutation[drawn] = permutation[left];
		permutation[left] = swapped;
	}
	sodium_memzero(stream, sizeof(stream));
	return ok;
}
