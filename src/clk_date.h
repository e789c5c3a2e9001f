/*
 * clk_date.h
 *		Dates in a format of strptime(), as clkhash reads them.
 */
#ifndef CAREDATA_CLK_DATE_H
#define CAREDATA_CLK_DATE_H

#include "clk_feature.h"

/*
 * Has a format one year (%Y or %y), one month (%m, %b or %B) and one day (%d),
 * and no other directives but %%?
 */
extern bool caredata_clk_date_format_is_known(ClkText format);

/*
 * The date of a text in a known format, as eight digits YYYYMMDD; false if it
 * is none.  Names of months are English, in any case.
 */
extern bool caredata_clk_date(ClkText format, ClkText text, uint8_t *out);

static inline bool
clk_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What \s matches in Python, of ASCII. */
static inline bool
clk_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

#endif							/* CAREDATA_CLK_DATE_H */
