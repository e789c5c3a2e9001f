/*
 * visible.h
 *		The policy of the care tables.
 */
#ifndef CAREDATA_VISIBLE_H
#define CAREDATA_VISIBLE_H

#include "fmgr.h"

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

/* The policy function, for who calls it from C with an FmgrInfo of its own. */
extern Datum caredata_visible(PG_FUNCTION_ARGS);

#endif							/* CAREDATA_VISIBLE_H */
