/*
 * visible.h
 *		The policy of the care tables.
 */
#ifndef CAREDATA_VISIBLE_H
#define CAREDATA_VISIBLE_H

#include "fmgr.h"
#include "utils/palloc.h"

/*
 * Persons of one chunk of a visible set.  The SQL in sql/visible.sql knows
 * both numbers: person_id >> 14, and 2048 bytes of bits.
 */
#define CAREDATA_CHUNK_SHIFT	14
#define CAREDATA_CHUNK_PERSONS	(1 << CAREDATA_CHUNK_SHIFT)
#define CAREDATA_CHUNK_BYTES	(CAREDATA_CHUNK_PERSONS / 8)

/* Setting caredata.national_list_max_age. */
extern void caredata_visible_init(void);

/*
 * Whether any visible set of the release holds the person, under the running
 * statement's snapshot; true for a domain that has no sets.  person_of() asks,
 * so that the pseudonym of a withheld person leads nowhere: an index condition
 * on it finds nothing that EXPLAIN ANALYZE could count.  What is read is kept
 * in *sets, which starts as NULL, until the memory context is reset.
 */
typedef struct CaredataShownSets CaredataShownSets;

extern bool caredata_is_shown(CaredataShownSets **sets, MemoryContext context,
							  int32 release_id, int32 person_id);

/*
 * The bits of a visible set, for who tests them without calling visible():
 * caredata_pin_visible() raises as visible() would, for the caller, and under
 * the active snapshot, and keeps the bits until the memory context is reset.
 */
typedef struct CaredataVisible
{
	uint32		limit;			/* first person_id beyond the bits */
	const uint8 *bits;
} CaredataVisible;

extern void caredata_pin_visible(CaredataVisible *visible,
								 MemoryContext context,
								 int32 release_id, text *setting);

/*
 * A person beyond the last chunk has come since the set was built: not
 * visible.
 */
static inline bool
caredata_bit_is_set(const CaredataVisible *visible, int32 person_id)
{
	uint32		person = (uint32) person_id;

	return person < visible->limit &&
		((visible->bits[person >> 3] >> (person & 7)) & 1) != 0;
}

/* Have the processor fetch a bit that will be tested soon. */
static inline void
caredata_ask_for_bit(const CaredataVisible *visible, int32 person_id)
{
	uint32		person = (uint32) person_id;

	if (person < visible->limit)
		__builtin_prefetch(visible->bits + (person >> 3));
}

/* The policy function, for who calls it from C with an FmgrInfo of its own. */
extern Datum caredata_visible(PG_FUNCTION_ARGS);

#endif							/* CAREDATA_VISIBLE_H */
