/*
 * popcount_test.c
 *		Every kernel that this processor has against a count bit by bit:
 *		lengths, limits, half limits, densities.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "popcount.h"
#include "tap.h"

static uint64_t seed = 88172645463325252u;

static uint64_t
random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A word with about that many quarters of its bits set. */
static uint64_t
dense_word(int quarters)
{
	uint64_t	a = random_word();
	uint64_t	b = random_word();

	switch (quarters)
	{
		case 0:
			return 0;
		case 1:
			return a & b;
		case 2:
			return a;
		case 3:
			return a | b;
		default:
			return UINT64_MAX;
	}
}

static uint32_t
slow_ones(uint64_t word)
{
	uint32_t	ones = 0;

	for (; word != 0; word >>= 1)
		ones += (uint32_t) (word & 1);
	return ones;
}

static uint32_t
slow_overlap(const uint64_t *record, const uint64_t *groups, size_t words,
			 size_t row, size_t upto)
{
	const uint64_t *group = groups + row / OVERLAP_LANES * words * OVERLAP_LANES;
	uint32_t	ones = 0;
	size_t		word;

	for (word = 0; word < upto; word++)
		ones += slow_ones(record[word] & group[word * OVERLAP_LANES + row % OVERLAP_LANES]);
	return ones;
}

/* Compare with what a count bit by bit says; returns the mistakes. */
static int
check_kernel(const OverlapKernel *kernel, size_t words, size_t ngroups,
			 int quarters, bool equal_rows)
{
	size_t		rows = ngroups * OVERLAP_LANES;
	uint64_t   *record = malloc(words * sizeof(uint64_t));
	uint64_t   *groups = malloc(rows * words * sizeof(uint64_t));
	OverlapHit *hits = malloc(rows * sizeof(OverlapHit));
	uint32_t	overlap[64];
	uint32_t	rest = 0;
	uint32_t	greatest = 0;
	uint32_t	limits[6];
	int			mistakes = 0;
	size_t		i;
	size_t		at;

	if (record == NULL || groups == NULL || hits == NULL)
		exit(2);
	for (i = 0; i < words; i++)
		record[i] = dense_word(quarters);
	for (i = 0; i < rows * words; i++)
		groups[i] = equal_rows ? record[i / OVERLAP_LANES % words] :
			dense_word(quarters == 4 ? 4 : 1 + (int) (random_word() % 3));
	for (i = words / 2; i < words; i++)
		rest += slow_ones(record[i]);
	for (i = 0; i < rows; i++)
	{
		overlap[i] = slow_overlap(record, groups, words, i, words);
		if (overlap[i] > greatest)
			greatest = overlap[i];
	}
	limits[0] = 1;
	limits[1] = greatest;
	limits[2] = greatest + 1;
	limits[3] = overlap[0];
	limits[4] = overlap[rows / 2];
	limits[5] = (uint32_t) (64 * words);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		uint32_t	limit = limits[i] == 0 ? 1 : limits[i];
		int			with_half;

		for (with_half = 0; with_half < 2; with_half++)
		{
			uint32_t	half_limit = with_half && limit > rest ? limit - rest : 0;
			size_t		nhits = kernel->find(record, groups, words, ngroups,
											 limit, half_limit, hits);
			size_t		row = 0;

			for (at = 0; at < nhits; at++, row++)
			{
				for (; row < rows && overlap[row] < limit; row++)
					;
				if (row == rows || hits[at].row != row ||
					hits[at].overlap != overlap[row])
				{
					mistakes++;
					break;
				}
			}
			for (; row < rows; row++)
				mistakes += overlap[row] >= limit;
		}
	}
	free(record);
	free(groups);
	free(hits);
	return mistakes;
}

int
main(void)
{
	size_t		k;
	int			usable = 0;
	uint8_t		bytes[2][300];
	size_t		length;
	int			wrong = 0;

	for (k = 0; k < caredata_overlap_kernel_count; k++)
	{
		const OverlapKernel *kernel = &caredata_overlap_kernels[k];
		int			mistakes = 0;
		int			tried = 0;
		size_t		words;

		if (!kernel->usable())
		{
			ok(true, "%s # SKIP not on this processor", kernel->name);
			continue;
		}
		if (usable++ == 0)
			ok(caredata_overlap_kernel() == kernel, "%s is chosen", kernel->name);
		for (words = 1; words <= 130; words++)
		{
			int			quarters;

			for (quarters = 0; quarters <= 4; quarters++)
			{
				mistakes += check_kernel(kernel, words, 1 + words % 4, quarters, false);
				mistakes += check_kernel(kernel, words, 1, quarters, true);
				tried += 2;
			}
		}
		/* 65,536 bits, all ones: no sum may overflow */
		mistakes += check_kernel(kernel, 1024, 2, 4, true);
		ok(mistakes == 0, "%s finds what a count bit by bit finds in %d sets of rows",
		   kernel->name, tried + 1);
	}
	ok(caredata_overlap_kernels[caredata_overlap_kernel_count - 1].usable(),
	   "the last kernel runs anywhere");

	for (length = 0; length < sizeof(bytes[0]); length++)
	{
		uint32_t	ones = 0;
		uint32_t	common = 0;
		size_t		i;

		for (i = 0; i < length; i++)
		{
			bytes[0][i] = (uint8_t) random_word();
			bytes[1][i] = (uint8_t) random_word();
			ones += slow_ones(bytes[0][i]);
			common += slow_ones(bytes[0][i] & bytes[1][i]);
		}
		wrong += caredata_ones(bytes[0], length) != ones;
		wrong += caredata_common_ones(bytes[0], bytes[1], length) != common;
	}
	ok(wrong == 0, "ones of 0 to %d bytes", (int) length - 1);
	return done();
}
