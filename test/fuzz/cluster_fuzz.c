/*
 * cluster_fuzz.c
 *		Any records, decisions and links: nothing out of bounds, clusters only
 *		grow, what was decided to be different and records of a source without
 *		duplicates stay apart, and every refusal is between two clusters.
 */
#include "cluster.h"
#include "fuzz.h"

#define MOST	32

/* What was allocated and not released yet. */
static void *blocks[1000];
static int	nblocks;

static void *
allocate(void *context, size_t bytes)
{
	(void) context;
	CHECK(nblocks < 1000);
	blocks[nblocks] = malloc(bytes);
	CHECK(blocks[nblocks] != NULL);
	return blocks[nblocks++];
}

static void
release(void *context, void *block)
{
	int			i;

	(void) context;
	for (i = 0; i < nblocks && blocks[i] != block; i++)
		;
	CHECK(i < nblocks);
	blocks[i] = blocks[--nblocks];
	free(block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ClusterMemory memory = {allocate, release, NULL};
	ClusterRecord records[MOST];
	ClusterState *state;
	ClusterRefusal *refusals;
	int32_t		numbers[MOST];
	int32_t		before[MOST];
	int32_t		left[100];
	int32_t		right[100];
	uint8_t		apart[MOST][MOST];
	int32_t		count;
	int32_t		i;
	int64_t		refused;
	int64_t		links = 0;
	double		weight = 1000;

	if (size < 2)
		return 0;
	count = 1 + data[0] % MOST;
	memset(records, 0, sizeof(records));
	memset(apart, 0, sizeof(apart));
	for (i = 0; i < count; i++)
	{
		uint8_t		byte = data[1 + i % (size - 1)];

		records[i].nhs_number = byte % 3;
		records[i].source = byte / 3 % 4;
		records[i].sex = byte / 12 % 4;
		records[i].birth = byte / 48 * 70203 + (byte % 7 == 0 ? 0 : 19500101);
		before[i] = i;
	}
	state = cluster_begin(&memory, count, data[1] % 5 / 4.0,
						  data[0] & 0x80 ? records : NULL);
	data += 2;
	size -= 2;

	for (; size >= 2 && links < 100; data += 2, size -= 2)
	{
		int32_t		a = (data[0] & 0x3f) % count;
		int32_t		b = data[1] % count;

		if (links == 0 && data[0] & 0x80)
		{
			if (data[0] & 0x40)
				cluster_decide_same(state, a, b);
			else
			{
				cluster_numbers(state, numbers);
				apart[a][b] = numbers[a] != numbers[b];
				cluster_decide_different(state, a, b);
			}
			continue;
		}
		left[links] = a;
		right[links++] = b;
		cluster_link(state, a, b, weight--);
		cluster_numbers(state, numbers);
		for (i = 0; i < count; i++)
		{
			CHECK(numbers[i] >= 0 && numbers[i] <= i);
			CHECK(numbers[numbers[i]] == numbers[i]);
			/* with whom it was it stays */
			CHECK(numbers[i] == numbers[before[i]]);
		}
		memcpy(before, numbers, sizeof(before));
	}

	cluster_numbers(state, numbers);
	for (i = 0; i < count * count; i++)
		CHECK(!apart[i / count][i % count] ||
			  numbers[i / count] != numbers[i % count]);
	refusals = cluster_refusals(state, &refused);
	for (i = 0; i < refused; i++)
	{
		CHECK(numbers[refusals[i].left] != numbers[refusals[i].right]);
		CHECK(refusals[i].reason != CLUSTER_JOINED && refusals[i].links > 0);
		CHECK(i == 0 || refusals[i].weight < refusals[i - 1].weight);
	}
	CHECK(cluster_bridges(&memory, count, links, left, right, NULL) <= links);

	while (nblocks > 0)
		free(blocks[--nblocks]);
	return 0;
}
