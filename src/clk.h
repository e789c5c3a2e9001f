/*
 * clk.h
 *		Type clk: the bytes of a CLK, bit 0 the most significant of byte 0.
 */
#ifndef CAREDATA_CLK_H
#define CAREDATA_CLK_H

#include "fmgr.h"

#include "clk_encode.h"

/* A varlena that is a bytea of CLK_MIN_BITS to CLK_MAX_BITS bits. */
typedef struct varlena Clk;

#define CLK_BYTES(clk)			((int) VARSIZE_ANY_EXHDR(clk))
#define CLK_DATA(clk)			((const uint8 *) VARDATA_ANY(clk))
#define PG_GETARG_CLK_PP(n)		((Clk *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(n)))

/*
 * Dice's coefficient of two bit strings from their ones and those they have in
 * common; 0 for two that have none.
 */
static inline double
caredata_dice(uint32 ones_a, uint32 ones_b, uint32 common)
{
	uint32		sum = ones_a + ones_b;

	return sum == 0 ? 0.0 : 2.0 * common / sum;
}

#endif							/* CAREDATA_CLK_H */
