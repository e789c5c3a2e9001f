/*
 * link_compare.h
 *		How two packed records compare, without PostgreSQL.
 *
 * Comparing them gives a pattern: the level that each comparison reached,
 * packed into 63 bits.  Nothing here allocates memory or raises.
 */
#ifndef CAREDATA_LINK_COMPARE_H
#define CAREDATA_LINK_COMPARE_H

#include "link_layout.h"

/* The level of one comparison: nlevels - 1 is the best, 0 "else", -1 no evidence. */
extern int	caredata_link_level(const LinkModel *model, int comparison,
								const LinkRecord *a, const LinkRecord *b);
extern int64_t caredata_link_pattern(const LinkModel *model,
									 const LinkRecord *a, const LinkRecord *b);
extern int	caredata_link_pattern_level(const LinkComparison *comparison,
										int64_t pattern);
/* Whether every comparison has the level that the pattern says it reached. */
extern bool caredata_link_pattern_fits(const LinkModel *model,
									   int64_t pattern);

/*
 * Whether one of the rules of the mask brings the two together.  Of two
 * records of one table (`mirrored`) a rule may hold either way round.
 */
extern bool caredata_link_found_earlier(const LinkModel *model, uint64_t rules,
										const LinkRecord *a,
										const LinkRecord *b, bool mirrored);

#endif							/* CAREDATA_LINK_COMPARE_H */
