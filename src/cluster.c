/*
 * cluster.c
 *		From links between records to clusters of records.
 *
 * Greedy: links are taken by descending weight, and each joins the clusters
 * of its two records unless something forbids it.  Whatever forbids it is a
 * fact about the two whole clusters, not about the two records:
 *
 *	- too few of the pairs between them are linked (an average-link floor, so
 *	  that one bad link does not chain two families into one person);
 *	- they hold records of one source that has every person once;
 *	- both have NHS numbers, and none in common;
 *	- a record of one and a record of the other contradict each other in sex
 *	  and in date of birth (two dates do not contradict that agree in two of
 *	  year, month and day, or have day and month exchanged);
 *	- somebody decided that they are different persons.
 *
 * All but the first hold for good, because clusters only grow (NHS numbers
 * too, unless somebody decided that records with two of them are one person).
 * The first is looked at anew with each link between the two; it cannot come
 * true by a join elsewhere, because the share of linked pairs of a joined
 * cluster lies between the shares of its parts.  The clusters after the links
 * down to a weight are the clusters of that threshold, so one pass gives the
 * clusters of every threshold.
 *
 * Clusters are a union-find forest with path halving.  What has to be found
 * out about a cluster (its numbers, sources, dates of birth; the clusters it
 * was refused) hangs on its root, and moves from the smaller to the larger
 * when two join: no record moves more than log2(n) times, so that one giant
 * cluster costs no more than many small ones.  Nothing depends on the order of
 * a hash table; the answer is a function of the links and their order.
 */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_STEPS		65536

/* A cluster, by its root, has a value: an insert-only set. */
typedef struct ValueSlot
{
	int64_t		value;			/* 0: the slot is free */
	int32_t		root;
} ValueSlot;

/* The refused pair of two clusters: an insert-only map. */
typedef struct PairSlot
{
	int32_t		low;			/* roots; low = -1: the slot is free */
	int32_t		high;
	int32_t		pair;
} PairSlot;

typedef struct Pair
{
	int32_t		root[2];		/* root[0] = -1: became another pair, or one
								 * cluster */
	int32_t		next[2];		/* next pair of that root */
	int32_t		left;			/* first link */
	int32_t		right;
	double		weight;
	int64_t		order;			/* which link that was, counted from 1 */
	int64_t		links;
	ClusterReason reason;
} Pair;

struct ClusterState
{
	ClusterMemory memory;
	const ClusterRecord *records;
	int32_t		count;
	double		floor;

	/* per record */
	int32_t    *parent;
	int32_t    *size;			/* of the cluster, at its root */
	int32_t    *first_pair;		/* at the root; -1 for none */
	/* per record, if there are facts about records */
	int32_t    *next_member;	/* -1 ends */
	int32_t    *last_member;	/* at the root */
	int32_t    *first_birth[2]; /* at the root, by sex: records with distinct
								 * dates of birth; -1 for none */
	int32_t    *next_birth;
	bool	   *numbered;		/* at the root: has an NHS number */

	ValueSlot  *values;
	uint64_t	value_slots;	/* a power of two */
	uint64_t	values_used;

	PairSlot   *pair_map;
	uint64_t	pair_slots;
	uint64_t	pairs_mapped;
	Pair	   *pairs;
	int32_t		pairs_room;
	int32_t		pairs_used;
	int64_t		links;			/* seen so far */
	bool		mixed;			/* a decision joined two NHS numbers */
};

/* --- Small things ---------------------------------------------------------- */

static void *
get(const ClusterMemory *memory, size_t count, size_t bytes)
{
	return memory->allocate(memory->context, (count > 0 ? count : 1) * bytes);
}

static void
drop(const ClusterMemory *memory, void *block)
{
	memory->release(memory->context, block);
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ (x >> 32);
}

static int32_t
find(ClusterState *state, int32_t record)
{
	int32_t    *parent = state->parent;

	while (parent[record] != record)
	{
		parent[record] = parent[parent[record]];
		record = parent[record];
	}
	return record;
}

/* Values of three kinds in one set; none is 0. */
static int64_t
number_value(const ClusterRecord *record)
{
	return record->nhs_number;
}

static int64_t
source_value(const ClusterRecord *record)
{
	return INT64_C(1) << 60 | record->source;
}

static int64_t
birth_value(const ClusterRecord *record)
{
	return INT64_C(2) << 60 | (int64_t) record->sex << 32 | record->birth;
}

static bool
has_birth(const ClusterRecord *record)
{
	return record->birth != 0 && (record->sex == 1 || record->sex == 2);
}

/* Neither sex nor date of birth fits. */
static bool
births_contradict(int32_t a, int32_t b)
{
	bool		year = a / 10000 == b / 10000;
	bool		month = a / 100 % 100 == b / 100 % 100;
	bool		day = a % 100 == b % 100;

	if (year + month + day >= 2)
		return false;
	return !(year && a / 100 % 100 == b % 100 && a % 100 == b / 100 % 100);
}

/* --- Values of clusters ---------------------------------------------------- */

static ValueSlot *
value_slot(ValueSlot *values, uint64_t slots, int32_t root, int64_t value)
{
	uint64_t	i = mix((uint64_t) value * 31 + (uint32_t) root) & (slots - 1);

	while (values[i].value != 0 &&
		   (values[i].value != value || values[i].root != root))
		i = (i + 1) & (slots - 1);
	return &values[i];
}

static void
add_value(ClusterState *state, int32_t root, int64_t value)
{
	ValueSlot  *slot;

	if (state->values_used * 2 >= state->value_slots)
	{
		uint64_t	slots = state->value_slots > 0 ? state->value_slots * 2 : 1024;
		ValueSlot  *values = get(&state->memory, slots, sizeof(ValueSlot));
		uint64_t	i;

		memset(values, 0, slots * sizeof(ValueSlot));
		state->values_used = 0;
		for (i = 0; i < state->value_slots; i++)
		{
			ValueSlot  *old = &state->values[i];

			/* what belonged to a cluster that is now part of another is no
			 * longer asked for */
			if (old->value != 0 && state->parent[old->root] == old->root)
			{
				*value_slot(values, slots, old->root, old->value) = *old;
				state->values_used++;
			}
		}
		if (state->values != NULL)
			drop(&state->memory, state->values);
		state->values = values;
		state->value_slots = slots;
	}

	slot = value_slot(state->values, state->value_slots, root, value);
	if (slot->value == 0)
	{
		slot->root = root;
		slot->value = value;
		state->values_used++;
	}
}

/* A cluster of one record has its values in the record alone. */
static bool
has_value(ClusterState *state, int32_t root, int64_t value)
{
	if (state->size[root] == 1)
	{
		const ClusterRecord *record = &state->records[root];

		return (record->nhs_number != 0 && number_value(record) == value) ||
			(record->source != 0 && source_value(record) == value) ||
			(has_birth(record) && birth_value(record) == value);
	}
	return state->value_slots > 0 &&
		value_slot(state->values, state->value_slots, root, value)->value != 0;
}

static void
add_values_of(ClusterState *state, int32_t root, int32_t record)
{
	const ClusterRecord *facts = &state->records[record];

	if (facts->nhs_number != 0)
		add_value(state, root, number_value(facts));
	if (facts->source != 0)
		add_value(state, root, source_value(facts));
	if (has_birth(facts))
		add_value(state, root, birth_value(facts));
}

/* Does anything about the records forbid that two clusters become one? */
static ClusterReason
facts_forbid(ClusterState *state, int32_t large, int32_t small)
{
	bool		shared = false;
	int32_t		i;
	int			sex;

	if (state->records == NULL)
		return CLUSTER_JOINED;

	for (i = small; i >= 0; i = state->next_member[i])
	{
		const ClusterRecord *record = &state->records[i];

		if (record->source != 0 &&
			has_value(state, large, source_value(record)))
			return CLUSTER_SOURCE;
		if (record->nhs_number != 0 && !shared)
			shared = has_value(state, large, number_value(record));
	}
	if (state->numbered[large] && state->numbered[small] && !shared)
		return CLUSTER_NHS_NUMBERS;

	/*
	 * Most dates contradict each other, so this ends soon, or there are few
	 * distinct ones.
	 */
	for (sex = 0; sex < 2; sex++)
	{
		int32_t		a;
		int32_t		b;

		for (a = state->first_birth[sex][small]; a >= 0; a = state->next_birth[a])
			for (b = state->first_birth[1 - sex][large]; b >= 0; b = state->next_birth[b])
				if (births_contradict(state->records[a].birth,
									  state->records[b].birth))
					return CLUSTER_SEX_AND_BIRTH;
	}
	return CLUSTER_JOINED;
}

/* --- Refused pairs --------------------------------------------------------- */

static PairSlot *
pair_slot(PairSlot *map, uint64_t slots, int32_t a, int32_t b)
{
	int32_t		low = a < b ? a : b;
	int32_t		high = a < b ? b : a;
	uint64_t	i = mix((uint64_t) low << 32 | (uint32_t) high) & (slots - 1);

	while (map[i].low >= 0 && (map[i].low != low || map[i].high != high))
		i = (i + 1) & (slots - 1);
	return &map[i];
}

static Pair *
find_pair(ClusterState *state, int32_t a, int32_t b)
{
	PairSlot   *slot;

	if (state->pair_slots == 0)
		return NULL;
	slot = pair_slot(state->pair_map, state->pair_slots, a, b);
	return slot->low >= 0 ? &state->pairs[slot->pair] : NULL;
}

static void
map_pair(ClusterState *state, int32_t a, int32_t b, int32_t pair)
{
	PairSlot   *slot;

	if (state->pairs_mapped * 2 >= state->pair_slots)
	{
		uint64_t	slots = state->pair_slots > 0 ? state->pair_slots * 2 : 1024;
		PairSlot   *map = get(&state->memory, slots, sizeof(PairSlot));
		uint64_t	i;

		for (i = 0; i < slots; i++)
			map[i].low = -1;
		state->pairs_mapped = 0;
		for (i = 0; i < state->pair_slots; i++)
		{
			PairSlot   *old = &state->pair_map[i];

			if (old->low >= 0 && state->parent[old->low] == old->low &&
				state->parent[old->high] == old->high)
			{
				*pair_slot(map, slots, old->low, old->high) = *old;
				state->pairs_mapped++;
			}
		}
		if (state->pair_map != NULL)
			drop(&state->memory, state->pair_map);
		state->pair_map = map;
		state->pair_slots = slots;
	}

	slot = pair_slot(state->pair_map, state->pair_slots, a, b);
	slot->low = a < b ? a : b;
	slot->high = a < b ? b : a;
	slot->pair = pair;
	state->pairs_mapped++;
}

/* Hang a pair on one of its roots. */
static void
hang_pair(ClusterState *state, int32_t pair, int side)
{
	Pair	   *p = &state->pairs[pair];

	p->next[side] = state->first_pair[p->root[side]];
	state->first_pair[p->root[side]] = pair;
}

static Pair *
new_pair(ClusterState *state, int32_t a, int32_t b)
{
	Pair	   *p;

	if (state->pairs_used == state->pairs_room)
	{
		int32_t		room = state->pairs_room > 0 ? state->pairs_room : 256;
		Pair	   *pairs;

		/* more than 2^31 do not fit; no server has the memory either */
		room = room > INT32_MAX / 2 ? INT32_MAX : room * 2;
		pairs = get(&state->memory,
					room > state->pairs_room ? (size_t) room : SIZE_MAX / sizeof(Pair),
					sizeof(Pair));
		if (state->pairs != NULL)
		{
			memcpy(pairs, state->pairs,
				   (size_t) state->pairs_used * sizeof(Pair));
			drop(&state->memory, state->pairs);
		}
		state->pairs = pairs;
		state->pairs_room = room;
	}
	p = &state->pairs[state->pairs_used];
	memset(p, 0, sizeof(Pair));
	p->root[0] = a;
	p->root[1] = b;
	map_pair(state, a, b, state->pairs_used);
	hang_pair(state, state->pairs_used, 0);
	hang_pair(state, state->pairs_used, 1);
	state->pairs_used++;
	return p;
}

/* A link that did not join its clusters. */
static ClusterReason
refuse(ClusterState *state, Pair *pair, int32_t a, int32_t b,
	   int32_t left, int32_t right, double weight, ClusterReason reason)
{
	if (pair == NULL)
		pair = new_pair(state, a, b);
	if (pair->links++ == 0)
	{
		pair->left = left;
		pair->right = right;
		pair->weight = weight;
		pair->order = state->links;
	}
	pair->reason = reason;
	return reason;
}

/* Two pairs with the same clusters became one. */
static void
add_pair(Pair *to, const Pair *from)
{
	if (from->links > 0 && (to->links == 0 || from->order < to->order))
	{
		to->left = from->left;
		to->right = from->right;
		to->weight = from->weight;
		to->order = from->order;
	}
	to->links += from->links;
	if (from->reason > to->reason)
		to->reason = from->reason;
}

/* --- Joining --------------------------------------------------------------- */

static void
move_pairs(ClusterState *state, int32_t large, int32_t small)
{
	int32_t		i = state->first_pair[small];

	while (i >= 0)
	{
		Pair	   *pair = &state->pairs[i];
		int			side;
		int32_t		next;
		int32_t		other;
		Pair	   *same;

		/* a pair that ended keeps its links to the next ones; its roots say
		 * on which side we are, negated */
		side = (pair->root[0] == small || pair->root[0] == -2 - small) ? 0 : 1;
		next = pair->next[side];
		if (pair->root[0] >= 0)
		{
			other = pair->root[1 - side];
			same = other == large ? NULL : find_pair(state, large, other);
			if (other == large || same != NULL)
			{
				if (same != NULL)
					add_pair(same, pair);
				pair->root[0] = -2 - pair->root[0];
				pair->root[1] = -2 - pair->root[1];
			}
			else
			{
				pair->root[side] = large;
				map_pair(state, large, other, i);
				hang_pair(state, i, side);
			}
		}
		i = next;
	}
	state->first_pair[small] = -1;
}

static void
move_facts(ClusterState *state, int32_t large, int32_t small)
{
	int32_t		i;
	int			sex;

	if (state->records == NULL)
		return;

	for (sex = 0; sex < 2; sex++)
	{
		int32_t		next;

		for (i = state->first_birth[sex][small]; i >= 0; i = next)
		{
			next = state->next_birth[i];
			if (!has_value(state, large, birth_value(&state->records[i])))
			{
				state->next_birth[i] = state->first_birth[sex][large];
				state->first_birth[sex][large] = i;
			}
		}
	}
	if (state->size[large] == 1)
		add_values_of(state, large, large);
	for (i = small; i >= 0; i = state->next_member[i])
		add_values_of(state, large, i);

	state->next_member[state->last_member[large]] = small;
	state->last_member[large] = state->last_member[small];
	state->numbered[large] |= state->numbered[small];
}

static void
join(ClusterState *state, int32_t a, int32_t b)
{
	bool		a_is_large = state->size[a] > state->size[b] ||
	(state->size[a] == state->size[b] && a < b);
	int32_t		large = a_is_large ? a : b;
	int32_t		small = a_is_large ? b : a;

	move_facts(state, large, small);
	move_pairs(state, large, small);
	state->parent[small] = large;
	state->size[large] += state->size[small];
}

/* --- What others call ------------------------------------------------------ */

ClusterState *
cluster_begin(const ClusterMemory *memory, int32_t count, double floor,
			  const ClusterRecord *records)
{
	ClusterState *state = get(memory, 1, sizeof(ClusterState));
	int32_t		i;

	memset(state, 0, sizeof(ClusterState));
	state->memory = *memory;
	state->records = records;
	state->count = count;
	state->floor = floor;

	state->parent = get(memory, count, sizeof(int32_t));
	state->size = get(memory, count, sizeof(int32_t));
	state->first_pair = get(memory, count, sizeof(int32_t));
	for (i = 0; i < count; i++)
	{
		state->parent[i] = i;
		state->size[i] = 1;
		state->first_pair[i] = -1;
	}

	if (records != NULL)
	{
		state->next_member = get(memory, count, sizeof(int32_t));
		state->last_member = get(memory, count, sizeof(int32_t));
		state->first_birth[0] = get(memory, count, sizeof(int32_t));
		state->first_birth[1] = get(memory, count, sizeof(int32_t));
		state->next_birth = get(memory, count, sizeof(int32_t));
		state->numbered = get(memory, count, sizeof(bool));
		for (i = 0; i < count; i++)
		{
			state->next_member[i] = -1;
			state->last_member[i] = i;
			state->first_birth[0][i] = -1;
			state->first_birth[1][i] = -1;
			state->next_birth[i] = -1;
			if (has_birth(&records[i]))
				state->first_birth[records[i].sex - 1][i] = i;
			state->numbered[i] = records[i].nhs_number != 0;
		}
	}
	return state;
}

void
cluster_decide_different(ClusterState *state, int32_t left, int32_t right)
{
	int32_t		a = find(state, left);
	int32_t		b = find(state, right);
	Pair	   *pair;

	if (a == b)
		return;
	pair = find_pair(state, a, b);
	if (pair == NULL)
		pair = new_pair(state, a, b);
	pair->reason = CLUSTER_DECIDED;
}

ClusterReason
cluster_decide_same(ClusterState *state, int32_t left, int32_t right)
{
	int32_t		a = find(state, left);
	int32_t		b = find(state, right);
	Pair	   *pair;

	if (a == b)
		return CLUSTER_JOINED;
	pair = find_pair(state, a, b);
	if (pair != NULL && pair->reason == CLUSTER_DECIDED)
		return CLUSTER_DECIDED;
	if (state->records != NULL && state->numbered[a] && state->numbered[b])
		state->mixed = true;
	join(state, a, b);
	return CLUSTER_JOINED;
}

ClusterReason
cluster_link(ClusterState *state, int32_t left, int32_t right, double weight)
{
	int32_t		a = find(state, left);
	int32_t		b = find(state, right);
	Pair	   *pair;
	int64_t		links;
	ClusterReason reason;

	state->links++;
	if (a == b)
		return CLUSTER_JOINED;

	pair = find_pair(state, a, b);
	if (pair != NULL && (pair->reason >= CLUSTER_SOURCE ||
						 (pair->reason == CLUSTER_NHS_NUMBERS && !state->mixed)))
		return refuse(state, pair, a, b, left, right, weight, pair->reason);

	links = (pair != NULL ? pair->links : 0) + 1;
	if ((double) links < state->floor * state->size[a] * state->size[b])
		return refuse(state, pair, a, b, left, right, weight, CLUSTER_FEW_LINKS);

	if (state->size[a] < state->size[b])
		reason = facts_forbid(state, b, a);
	else
		reason = facts_forbid(state, a, b);
	if (reason != CLUSTER_JOINED)
		return refuse(state, pair, a, b, left, right, weight, reason);

	join(state, a, b);
	return CLUSTER_JOINED;
}

void
cluster_numbers(ClusterState *state, int32_t *numbers)
{
	int32_t		i;

	/* from the last to the first, so that the least is what remains */
	for (i = state->count - 1; i >= 0; i--)
		numbers[find(state, i)] = i;
	for (i = 0; i < state->count; i++)
	{
		int32_t		root = find(state, i);

		if (root != i)
			numbers[i] = numbers[root];
	}
}

static int
compare_refusals(const void *a, const void *b)
{
	const ClusterRefusal *x = a;
	const ClusterRefusal *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->left != y->left)
		return x->left < y->left ? -1 : 1;
	return x->right < y->right ? -1 : x->right > y->right;
}

ClusterRefusal *
cluster_refusals(ClusterState *state, int64_t *count)
{
	ClusterRefusal *refusals = get(&state->memory, state->pairs_used,
								   sizeof(ClusterRefusal));
	int64_t		n = 0;
	int32_t		i;

	for (i = 0; i < state->pairs_used; i++)
	{
		Pair	   *pair = &state->pairs[i];

		/* a decision that no link contradicted refused nothing */
		if (pair->root[0] < 0 || pair->links == 0)
			continue;
		refusals[n].left = pair->left;
		refusals[n].right = pair->right;
		refusals[n].weight = pair->weight;
		refusals[n].links = pair->links;
		refusals[n].reason = pair->reason;
		n++;
	}
	qsort(refusals, n, sizeof(ClusterRefusal), compare_refusals);
	*count = n;
	return refusals;
}

static inline void
pause_at(int64_t step, ClusterPause pause)
{
	if (pause != NULL && step % PAUSE_STEPS == 0)
		pause();
}

int64_t
cluster_bridges(const ClusterMemory *memory, int32_t count, int64_t links,
				const int32_t *left, const int32_t *right, ClusterPause pause)
{
	/* links of each record, one after the other */
	int64_t    *first = get(memory, (size_t) count + 1, sizeof(int64_t));
	int64_t    *ends = get(memory, (size_t) links * 2, sizeof(int64_t));

	/* depth first: when a record was met, how early a record it reaches
	 * without the link that led to it, that link, the next link to try */
	int32_t    *met = get(memory, count, sizeof(int32_t));
	int32_t    *reaches = get(memory, count, sizeof(int32_t));
	int64_t    *led_by = get(memory, count, sizeof(int64_t));
	int64_t    *next = get(memory, count, sizeof(int64_t));
	int32_t    *path = get(memory, count, sizeof(int32_t));
	int64_t		bridges = 0;
	int32_t		clock = 0;
	int32_t		start;
	int64_t		steps = 0;
	int64_t		i;

	memset(first, 0, ((size_t) count + 1) * sizeof(int64_t));
	for (i = 0; i < links; i++)
	{
		pause_at(i, pause);
		first[left[i] + 1]++;
		first[right[i] + 1]++;
	}
	for (i = 0; i < count; i++)
	{
		first[i + 1] += first[i];
		next[i] = first[i];
		met[i] = 0;
	}
	for (i = 0; i < links; i++)
	{
		pause_at(i, pause);
		ends[next[left[i]]++] = i;
		ends[next[right[i]]++] = i;
	}
	for (i = 0; i < count; i++)
		next[i] = first[i];

	for (start = 0; start < count; start++)
	{
		int32_t		depth = 0;

		if (met[start] != 0)
			continue;
		met[start] = reaches[start] = ++clock;
		led_by[start] = -1;
		path[depth++] = start;
		while (depth > 0)
		{
			int32_t		here = path[depth - 1];

			pause_at(steps++, pause);
			if (next[here] < first[here + 1])
			{
				int64_t		link = ends[next[here]++];
				int32_t		there = left[link] == here ? right[link] : left[link];

				if (link == led_by[here])
					continue;
				if (met[there] == 0)
				{
					met[there] = reaches[there] = ++clock;
					led_by[there] = link;
					path[depth++] = there;
				}
				else if (met[there] < reaches[here])
					reaches[here] = met[there];
			}
			else if (--depth > 0)
			{
				int32_t		before = path[depth - 1];

				if (reaches[here] > met[before])
					bridges++;
				else if (reaches[here] < reaches[before])
					reaches[before] = reaches[here];
			}
		}
	}

	drop(memory, first);
	drop(memory, ends);
	drop(memory, met);
	drop(memory, reaches);
	drop(memory, led_by);
	drop(memory, next);
	drop(memory, path);
	return bridges;
}
