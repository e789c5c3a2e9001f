/*
 * clk_value.h
 *		Values of a record in the normal form that is taken apart into tokens,
 *		without PostgreSQL.
 */
#ifndef CAREDATA_CLK_VALUE_H
#define CAREDATA_CLK_VALUE_H

#include "clk_feature.h"

#define CLK_VALUE_BYTES			(CLK_MAX_CHARACTERS * 4)

/* What is wrong with a value, in words that do not repeat it. */
extern const char *caredata_clk_status_text(ClkStatus status);

/*
 * The normal form of a value, into CLK_VALUE_BYTES; its length is 0 for a
 * value that is missing.  start: room for CLK_MAX_CHARACTERS and one more.
 */
extern ClkStatus caredata_clk_normal_value(const ClkFeature *feature,
										   ClkText value, uint8_t *out,
										   uint32_t *start, size_t *length);

/*
 * The middle of a number's neighbourhood, in steps of a grid.  Integers are
 * exact, as in clkhash; other numbers are rounded, half to even.
 */
extern ClkStatus caredata_clk_grid_number(const ClkFeature *feature,
										  ClkText text, int64_t *number);

/*
 * Where the characters of a text start, and its end.  Returns their number, or
 * -1 if it is not UTF-8, or -2 if there are more than fit.
 */
extern int	caredata_clk_split(const uint8_t *bytes, size_t length,
							   uint32_t *start, int size);

/* A power of ten. */
extern int64_t caredata_clk_scale(int exponent);

#endif							/* CAREDATA_CLK_VALUE_H */
