/*
 * popcount.h
 *		How many ones two bit strings have in common, for one against many.
 *
 * The many are laid out for the width of the processor's registers: groups of
 * OVERLAP_LANES rows, interleaved word by word, so that word w of row r of a
 * group is group[w * OVERLAP_LANES + r].  A group that is not full is filled
 * up with rows of zeros.  There is a kernel for each set of instructions; all
 * give the same, and the best one that the processor has is found at run time.
 */
#ifndef CAREDATA_POPCOUNT_H
#define CAREDATA_POPCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERLAP_LANES	8

/* A row whose overlap is large enough. */
typedef struct OverlapHit
{
	uint32_t	row;
	uint32_t	overlap;
} OverlapHit;

typedef struct OverlapKernel
{
	const char *name;
	bool		(*usable) (void);

	/*
	 * Rows whose overlap with the record, both of that many words, is at least
	 * limit, which is not 0, in their order.  hits has room for all rows.  A
	 * row whose overlap in the first words / 2 words is below half_limit
	 * cannot reach limit: half_limit is limit less the ones of the rest of the
	 * record, or 0.  Returns the number of hits.
	 */
	size_t		(*find) (const uint64_t *record, const uint64_t *groups,
						 size_t words, size_t ngroups, uint32_t limit,
						 uint32_t half_limit, OverlapHit *hits);
} OverlapKernel;

/* All kernels of this build, the best first; the last one runs anywhere. */
extern const OverlapKernel caredata_overlap_kernels[];
extern const size_t caredata_overlap_kernel_count;

/* The best one that this processor has. */
extern const OverlapKernel *caredata_overlap_kernel(void);

/* Ones of bytes, and ones that two byte strings of a length have in common. */
extern uint32_t caredata_ones(const uint8_t *bytes, size_t length);
extern uint32_t caredata_common_ones(const uint8_t *a, const uint8_t *b,
									 size_t length);

#endif							/* CAREDATA_POPCOUNT_H */
