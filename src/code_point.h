/*
 * code_point.h
 *		Text as Unicode code points, whatever the encoding of the database.
 */
#ifndef CAREDATA_CODE_POINT_H
#define CAREDATA_CODE_POINT_H

#include "postgres.h"

/* Whether all bytes are ASCII, and so are the code points themselves. */
extern bool caredata_is_ascii(const char *bytes, size_t length);

/*
 * The code points of bytes in the encoding of the database, palloc'd, with a 0
 * after the last; how many to *count.
 */
extern uint32 *caredata_code_points(const char *bytes, size_t length,
									size_t *count);

/* The text of code points, in the encoding of the database. */
extern text *caredata_code_point_text(const uint32 *points, size_t count);

#endif							/* CAREDATA_CODE_POINT_H */
