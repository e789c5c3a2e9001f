/*
 * link_pack.h
 *		From the text of a column to a packed value, and from values to the keys
 *		of blocking rules, without PostgreSQL.
 *
 * A field's value is written to out, which has room for LINK_MAX_VALUE bytes;
 * the length is returned, never 0.
 */
#ifndef CAREDATA_LINK_PACK_H
#define CAREDATA_LINK_PACK_H

#include "link_layout.h"

#define LINK_MAX_VALUE			(LINK_MAX_STRING * 4 + 32)

extern size_t caredata_link_pack_absent(LinkAbsence absence,
										unsigned char *out);

/*
 * text is UTF-8, or any bytes: what is not UTF-8 is unusable.  A name is in
 * its standard form already; of one that is not only the letters of ASCII
 * are taken, as capitals, and the spaces between them.
 */
extern size_t caredata_link_pack_value(const LinkField *field,
									   const char *text, size_t length,
									   unsigned char *out);

/* Eight digits, year first, of a day counted from 2000-01-01. */
extern void caredata_link_date_digits(int32_t number, char *digits);

/* The keys, once header and values stand; the slots are left empty. */
extern bool caredata_link_write_keys(const LinkModel *model,
									 unsigned char *record, size_t length);

#endif							/* CAREDATA_LINK_PACK_H */
