/*
 * postcode_parse.h
 *		Reading and taking apart UK postcodes, without PostgreSQL.
 *
 * A postcode is held as the up to eight ASCII characters of its written form
 * (outward part, one space, inward part), the first in the highest byte of a
 * 64-bit integer and zero bytes after the last.  Order of the integers is the
 * order of the texts.  Nothing here allocates memory or raises.
 */
#ifndef CAREDATA_POSTCODE_PARSE_H
#define CAREDATA_POSTCODE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSTCODE_MAX_LENGTH		8

extern bool caredata_postcode_parse(const char *str, size_t len,
									int64_t *postcode);
extern bool caredata_postcode_mend(const char *str, size_t len,
								   int64_t *postcode);
extern bool caredata_postcode_is_pseudo(int64_t postcode);

/* Each writes at most POSTCODE_MAX_LENGTH characters, no terminator. */
extern size_t caredata_postcode_format(int64_t postcode, char *out);
extern size_t caredata_postcode_format_area(int64_t postcode, char *out);
extern size_t caredata_postcode_format_district(int64_t postcode, char *out);
extern size_t caredata_postcode_format_sector(int64_t postcode, char *out);

#endif							/* CAREDATA_POSTCODE_PARSE_H */
