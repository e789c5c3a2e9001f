/*
 * cluster_test.c
 *		Clusters by hand, against a slow reference, and at their limits.
 */
#include "cluster.h"
#include "tap.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* Blocks are remembered, so that each test frees what it left. */
typedef struct Block
{
	struct Block *next;
	struct Block *before;
} Block;

static Block blocks = {&blocks, &blocks};

static void *
allocate(void *context, size_t bytes)
{
	Block	   *block = malloc(sizeof(Block) + bytes);

	(void) context;
	if (block == NULL)
		abort();
	block->next = blocks.next;
	block->before = &blocks;
	blocks.next->before = block;
	blocks.next = block;
	return block + 1;
}

static void
release(void *context, void *memory)
{
	Block	   *block = (Block *) memory - 1;

	(void) context;
	block->next->before = block->before;
	block->before->next = block->next;
	free(block);
}

static void
free_all(void)
{
	while (blocks.next != &blocks)
		release(NULL, blocks.next + 1);
}

static const ClusterMemory memory = {allocate, release, NULL};

/* "0 0 2" for clusters {0, 1} and {2} */
static const char *
clusters(ClusterState *state, int32_t count)
{
	static char text[1000];
	int32_t		numbers[100];
	int32_t		i;
	size_t		n = 0;

	cluster_numbers(state, numbers);
	for (i = 0; i < count; i++)
		n += snprintf(text + n, sizeof(text) - n, i == 0 ? "%d" : " %d",
					  (int) numbers[i]);
	return text;
}

static bool
are(ClusterState *state, int32_t count, const char *expected)
{
	const char *found = clusters(state, count);

	if (strcmp(found, expected) == 0)
		return true;
	printf("# expected %s, found %s\n", expected, found);
	return false;
}

static void
test_floor(void)
{
	/* a chain of four: single link joins all, complete link the two ends */
	ClusterState *state;
	ClusterRefusal *refusals;
	int64_t		count;

	state = cluster_begin(&memory, 5, 0, NULL);
	cluster_link(state, 0, 1, 9);
	cluster_link(state, 2, 3, 8);
	cluster_link(state, 1, 2, 7);
	ok(are(state, 5, "0 0 0 0 4"), "without a floor any link joins");

	state = cluster_begin(&memory, 5, 0.5, NULL);
	cluster_link(state, 0, 1, 9);
	cluster_link(state, 2, 3, 8);
	ok(cluster_link(state, 1, 2, 7) == CLUSTER_FEW_LINKS,
	   "one link of four pairs is not enough");
	ok(are(state, 5, "0 0 2 2 4"), "the two stay apart");
	refusals = cluster_refusals(state, &count);
	ok(count == 1 && refusals[0].left == 1 && refusals[0].right == 2 &&
	   refusals[0].weight == 7 && refusals[0].links == 1 &&
	   refusals[0].reason == CLUSTER_FEW_LINKS, "and that is reported");
	ok(cluster_link(state, 0, 3, 6) == CLUSTER_JOINED,
	   "two of four pairs are enough");
	ok(are(state, 5, "0 0 0 0 4"), "now they are one");
	cluster_refusals(state, &count);
	ok(count == 0, "and nothing is refused any more");

	/* counts of two clusters that join are added */
	state = cluster_begin(&memory, 4, 0.6, NULL);
	cluster_link(state, 0, 1, 9);
	cluster_link(state, 0, 2, 8);
	cluster_link(state, 2, 3, 8);
	cluster_link(state, 0, 3, 7);
	ok(are(state, 4, "0 0 2 2"), "half of the pairs is not six in ten");
	cluster_link(state, 1, 3, 7);
	ok(are(state, 4, "0 0 0 0"), "three of four are");

	state = cluster_begin(&memory, 3, 1, NULL);
	cluster_link(state, 0, 1, 9);
	cluster_link(state, 0, 2, 8);
	ok(are(state, 3, "0 0 2"), "complete linkage wants all pairs");
	cluster_link(state, 1, 2, 7);
	ok(are(state, 3, "0 0 0"), "and joins when it has them");
	free_all();
}

static void
test_facts(void)
{
	ClusterRecord r[8];
	ClusterState *state;
	ClusterRefusal *refusals;
	int64_t		count;

	memset(r, 0, sizeof(r));
	r[0].nhs_number = 11;
	r[1].nhs_number = 12;
	state = cluster_begin(&memory, 3, 0, r);
	cluster_link(state, 0, 2, 9);
	ok(cluster_link(state, 1, 2, 8) == CLUSTER_NHS_NUMBERS,
	   "two NHS numbers are two persons, also by way of a third record");
	ok(are(state, 3, "0 1 0"), "the stronger link holds");

	memset(r, 0, sizeof(r));
	r[0].source = r[3].source = 1;
	r[1].source = 2;
	state = cluster_begin(&memory, 4, 0, r);
	cluster_link(state, 0, 1, 9);
	cluster_link(state, 2, 3, 8);
	ok(cluster_link(state, 1, 2, 7) == CLUSTER_SOURCE,
	   "a source without duplicates gives a person one record");
	ok(cluster_link(state, 0, 3, 6) == CLUSTER_SOURCE, "whatever else links");
	refusals = cluster_refusals(state, &count);
	ok(count == 1 && refusals[0].links == 2 && refusals[0].left == 1 &&
	   refusals[0].right == 2, "reported once, with its first link");

	memset(r, 0, sizeof(r));
	r[0].sex = 1;
	r[0].birth = 19500304;
	r[1].sex = 2;
	r[1].birth = 19620511;
	r[2].sex = 2;
	r[2].birth = 19500403;
	r[3].sex = 2;
	r[3].birth = 19500301;
	r[4].sex = 1;
	r[4].birth = 19991231;
	r[5].sex = 9;
	r[5].birth = 19770707;
	state = cluster_begin(&memory, 6, 0, r);
	ok(cluster_link(state, 0, 1, 9) == CLUSTER_SEX_AND_BIRTH,
	   "sex and date of birth contradict");
	ok(cluster_link(state, 0, 2, 9) == CLUSTER_JOINED,
	   "day and month exchanged do not");
	ok(cluster_link(state, 0, 3, 9) == CLUSTER_JOINED,
	   "nor does another day");
	ok(cluster_link(state, 3, 1, 9) == CLUSTER_SEX_AND_BIRTH,
	   "the same date in one of its records does not help a cluster");
	ok(cluster_link(state, 4, 5, 9) == CLUSTER_JOINED,
	   "an unknown sex contradicts nothing");
	ok(cluster_link(state, 0, 4, 9) == CLUSTER_SEX_AND_BIRTH,
	   "the cluster of women and men has both dates");
	free_all();
}

static void
test_decisions(void)
{
	ClusterRecord r[5];
	ClusterState *state;
	int64_t		count;

	memset(r, 0, sizeof(r));
	r[0].nhs_number = 11;
	r[1].nhs_number = 12;
	r[2].nhs_number = 12;
	r[3].nhs_number = 13;
	state = cluster_begin(&memory, 5, 0.3, r);
	cluster_decide_different(state, 2, 4);
	cluster_decide_different(state, 2, 2);
	ok(cluster_decide_same(state, 0, 1) == CLUSTER_JOINED,
	   "who decides may join two NHS numbers");
	ok(cluster_link(state, 0, 2, 5) == CLUSTER_JOINED,
	   "a record with either number may then join");
	ok(cluster_link(state, 1, 3, 5) == CLUSTER_NHS_NUMBERS,
	   "one with a third may not");
	ok(cluster_link(state, 0, 4, 4) == CLUSTER_DECIDED,
	   "different from one record is different from its cluster");
	ok(cluster_decide_same(state, 1, 4) == CLUSTER_DECIDED,
	   "of two decisions that contradict each other, different holds");
	ok(are(state, 5, "0 0 0 3 4"), "decisions come before links");
	cluster_refusals(state, &count);
	ok(count == 2, "both refusals are reported");

	state = cluster_begin(&memory, 2, 0, NULL);
	cluster_decide_different(state, 0, 1);
	cluster_refusals(state, &count);
	ok(count == 0, "a decision that no link contradicts refuses nothing");
	free_all();
}

static void
test_bridges(void)
{
	static const int32_t left[] = {0, 1, 2, 2, 3, 4, 5, 6, 6, 8};
	static const int32_t right[] = {1, 2, 0, 3, 4, 5, 3, 7, 7, 8};

	ok(cluster_bridges(&memory, 9, 10, left, right, NULL) == 1,
	   "of two triangles and the link between them that is a bridge");
	ok(cluster_bridges(&memory, 9, 4, left, right, NULL) == 1, "a tail is one");
	ok(cluster_bridges(&memory, 3, 2, left, right, NULL) == 2, "a chain has only bridges");
	ok(cluster_bridges(&memory, 0, 0, left, right, NULL) == 0, "nothing has none");
	free_all();
}

/* --- A slow reference, and many small graphs -------------------------------- */

static uint32_t random_state = 20250101;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

#define MOST	12

typedef struct Link
{
	int32_t		left;
	int32_t		right;
} Link;

static bool
dates_differ(int32_t a, int32_t b)
{
	int			same = (a / 10000 == b / 10000) + (a / 100 % 100 == b / 100 % 100)
	+ (a % 100 == b % 100);

	return same < 2 && !(a / 10000 == b / 10000 && a / 100 % 100 == b % 100 &&
						 a % 100 == b / 100 % 100);
}

/* May two whole clusters be one?  Every pair of records is looked at. */
static bool
may_join(const int32_t *cluster, int count, const ClusterRecord *r, int32_t a,
		 int32_t b, bool apart[MOST][MOST])
{
	bool		numbers[2] = {false, false};
	bool		shared = false;
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		if (cluster[i] == a && r[i].nhs_number != 0)
			numbers[0] = true;
		if (cluster[i] == b && r[i].nhs_number != 0)
			numbers[1] = true;
		for (j = 0; j < count; j++)
		{
			if (cluster[i] != a || cluster[j] != b)
				continue;
			if (apart[i][j] || apart[j][i])
				return false;
			if (r[i].source != 0 && r[i].source == r[j].source)
				return false;
			if (r[i].nhs_number != 0 && r[i].nhs_number == r[j].nhs_number)
				shared = true;
			if (r[i].birth != 0 && r[j].birth != 0 &&
				(r[i].sex == 1 || r[i].sex == 2) &&
				(r[j].sex == 1 || r[j].sex == 2) && r[i].sex != r[j].sex &&
				dates_differ(r[i].birth, r[j].birth))
				return false;
		}
	}
	return !(numbers[0] && numbers[1]) || shared;
}

static void
test_against_reference(void)
{
	static const double floors[] = {0, 0.34, 0.5, 1};
	bool		all_same = true;
	int			round;

	for (round = 0; round < 20000 && all_same; round++)
	{
		int			count = 2 + random_below(MOST - 1);
		double		floor = floors[random_below(4)];
		ClusterRecord r[MOST];
		int32_t		cluster[MOST];
		int32_t		found[MOST];
		bool		apart[MOST][MOST];
		Link		seen[MOST * MOST];
		int			links = 0;
		ClusterState *state;
		int			i;
		int			j;

		memset(r, 0, sizeof(r));
		memset(apart, 0, sizeof(apart));
		for (i = 0; i < count; i++)
		{
			cluster[i] = i;
			if (random_below(3) == 0)
				r[i].nhs_number = 1 + random_below(3);
			if (random_below(4) == 0)
				r[i].source = 1 + random_below(3);
			r[i].sex = random_below(4);
			if (random_below(3) != 0)
				r[i].birth = 19500000 + 100 * (1 + random_below(3))
					+ 1 + random_below(3) + (random_below(3) == 0 ? 70000 : 0);
		}

		state = cluster_begin(&memory, count, floor, r);
		if (random_below(2) == 0)
		{
			i = random_below(count);
			j = random_below(count);
			apart[i][j] = i != j;
			cluster_decide_different(state, i, j);
		}
		if (random_below(2) == 0)
		{
			i = random_below(count);
			j = random_below(count);
			if (!apart[i][j] && !apart[j][i])
			{
				int			k;
				int			gone = cluster[j];

				for (k = 0; k < count; k++)
					if (cluster[k] == gone)
						cluster[k] = cluster[i];
			}
			cluster_decide_same(state, i, j);
		}

		/* every pair at most once, in random order */
		for (i = 0; i < count; i++)
			for (j = i + 1; j < count; j++)
				if (random_below(3) != 0)
				{
					Link		link = {i, j};
					int			at = random_below(links + 1);

					seen[links] = seen[at];
					seen[at] = link;
					links++;
				}
		for (i = 0; i < links; i++)
		{
			int32_t		a = cluster[seen[i].left];
			int32_t		b = cluster[seen[i].right];
			int			between = 0;
			int			sizes[2] = {0, 0};
			int			k;

			cluster_link(state, seen[i].left, seen[i].right, 100 - i);
			if (a == b)
				continue;
			for (k = 0; k <= i; k++)
			{
				int32_t		c = cluster[seen[k].left];
				int32_t		d = cluster[seen[k].right];

				between += (c == a && d == b) || (c == b && d == a);
			}
			for (k = 0; k < count; k++)
			{
				sizes[0] += cluster[k] == a;
				sizes[1] += cluster[k] == b;
			}
			if (between < floor * sizes[0] * sizes[1] ||
				!may_join(cluster, count, r, a, b, apart))
				continue;
			for (k = 0; k < count; k++)
				if (cluster[k] == b)
					cluster[k] = a;
		}

		/* the same partition? */
		cluster_numbers(state, found);
		for (i = 0; i < count; i++)
			for (j = 0; j < count; j++)
				if ((cluster[i] == cluster[j]) != (found[i] == found[j]))
					all_same = false;
		for (i = 0; i < count; i++)
			if (found[i] > i || found[found[i]] != found[i])
				all_same = false;
		free_all();
	}
	if (!all_same)
		printf("# differs in round %d\n", round);
	ok(all_same, "20000 small graphs give what a slow reference gives");
}

static jmp_buf leaving;
static volatile int checks;
static volatile int leave_at;

static void
check(void)
{
	if (++checks == leave_at)
		longjmp(leaving, 1);
}

static void
test_large(void)
{
	int32_t		count = 100000;
	ClusterRecord *r = calloc(count, sizeof(ClusterRecord));
	int32_t    *numbers = malloc(count * sizeof(int32_t));
	int32_t    *left = malloc(count * sizeof(int32_t));
	int32_t    *right = malloc(count * sizeof(int32_t));
	ClusterState *state;
	ClusterRefusal *refusals;
	int64_t		refused;
	int32_t		i;
	bool		one = true;

	/* a chain of identical records */
	for (i = 0; i < count; i++)
	{
		r[i].nhs_number = 9990000018;
		r[i].sex = 1;
		r[i].birth = 19500304;
	}
	state = cluster_begin(&memory, count, 0, r);
	for (i = 1; i < count; i++)
		cluster_link(state, i - 1, i, 20);
	cluster_numbers(state, numbers);
	for (i = 0; i < count; i++)
		one = one && numbers[i] == 0;
	ok(one, "100,000 identical records in a chain are one cluster");
	free_all();

	/* men and women with all kinds of dates, joined pairwise, then in pairs
	 * of clusters: every check has to look at whole clusters */
	for (i = 0; i < count; i++)
	{
		r[i].nhs_number = 0;
		r[i].sex = 1 + i % 2;
		r[i].birth = 19000101 + (i / 2 % 100) * 10000 + (i / 200 % 12) * 100;
	}
	state = cluster_begin(&memory, count, 0, r);
	for (i = 2; i < count; i++)
		cluster_link(state, i - 2, i, 20);
	for (i = 1; i < count; i++)
		cluster_link(state, i - 1, i, 19);
	refusals = cluster_refusals(state, &refused);
	ok(refused == 1 && refusals[0].links == count - 1 &&
	   refusals[0].reason == CLUSTER_SEX_AND_BIRTH,
	   "two giant clusters that contradict each other are refused once");
	free_all();

	/* a star whose rays are refused by the floor, again and again */
	state = cluster_begin(&memory, count, 0.5, NULL);
	for (i = 1; i < count; i++)
		cluster_link(state, 0, i, 20);
	cluster_refusals(state, &refused);
	cluster_numbers(state, numbers);
	for (i = 0; i < 3; i++)
		one = one && numbers[i] == 0;
	ok(one && numbers[3] == 3 && refused == count - 3,
	   "a star keeps the rays that the floor allows");
	free_all();

	/* and a chain joined from the middle of ever larger pieces */
	state = cluster_begin(&memory, count, 0.001, NULL);
	for (i = 1; i < count; i++)
		cluster_link(state, i - 1, i, 20);
	for (i = 2; i < count; i++)
		cluster_link(state, i - 2, i, 19);
	cluster_numbers(state, numbers);
	ok(numbers[999] == 0, "pairs follow clusters as these grow");
	free_all();

	for (i = 0; i < count; i++)
	{
		left[i] = i;
		right[i] = (i + 1) % count;
	}
	ok(cluster_bridges(&memory, count, count, left, right, NULL) == 0 &&
	   cluster_bridges(&memory, count, count - 1, left, right, NULL) == count - 1,
	   "a ring of 100,000 has no bridge, a chain has 99,999");
	free_all();
	for (leave_at = 1; leave_at <= 6; leave_at++)
	{
		checks = 0;
		if (setjmp(leaving) == 0)
		{
			cluster_bridges(&memory, count, count, left, right, check);
			break;
		}
		free_all();
	}
	ok(leave_at > 6, "counting bridges can be left, again and again");
	free(r);
	free(numbers);
	free(left);
	free(right);
}

int
main(void)
{
	test_floor();
	test_facts();
	test_decisions();
	test_bridges();
	test_against_reference();
	test_large();
	return done();
}
