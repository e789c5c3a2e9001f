/*
 * nhs_number_parse.h
 *		Reading, checking and writing NHS numbers, without PostgreSQL.
 *
 * A number is held as an integer of at most ten digits.  Nothing here
 * allocates memory or raises.
 */
#ifndef CAREDATA_NHS_NUMBER_PARSE_H
#define CAREDATA_NHS_NUMBER_PARSE_H

#include <stddef.h>
#include <stdint.h>

#define NHS_NUMBER_DIGITS			10
#define NHS_NUMBER_DISPLAY_LENGTH	12
#define NHS_NUMBER_MAX				INT64_C(9999999999)

typedef enum NhsNumberStatus
{
	NHS_NUMBER_VALID,
	NHS_NUMBER_BAD_FORMAT,		/* not ten digits, or grouped otherwise */
	NHS_NUMBER_BAD_CHECK_DIGIT,
	NHS_NUMBER_REPEATED_DIGIT	/* ten equal digits: check digit holds */
} NhsNumberStatus;

extern NhsNumberStatus caredata_nhs_number_parse(const char *str, size_t len,
												 int64_t *number);
extern NhsNumberStatus caredata_nhs_number_check(int64_t number);
extern void caredata_nhs_number_format(int64_t number, char *out);
extern void caredata_nhs_number_format_display(int64_t number, char *out);
extern const char *caredata_nhs_number_class(int64_t number);

#endif							/* CAREDATA_NHS_NUMBER_PARSE_H */
