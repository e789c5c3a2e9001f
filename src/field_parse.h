/*
 * field_parse.h
 *		Reading the fields of extract files, without PostgreSQL.
 *
 * Every function takes the bytes of one field, ignores white space around
 * them, and says whether they are a value of its kind.  Nothing here
 * allocates memory or raises.
 */
#ifndef CAREDATA_FIELD_PARSE_H
#define CAREDATA_FIELD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* years that a date may lie in */
#define FIELD_MIN_YEAR		1800
#define FIELD_MAX_YEAR		2200

/* longest code that any format yields */
#define FIELD_CODE_MAX		18

typedef enum FieldCodeFormat
{
	FIELD_CODE_UNRECOGNIZED,
	FIELD_CODE_ICD10,
	FIELD_CODE_OPCS4,
	FIELD_CODE_ODS,
	FIELD_CODE_LSOA,
	FIELD_CODE_SNOMED,
	FIELD_CODE_CLINICAL,
	FIELD_CODE_SEX,
	FIELD_CODE_ETHNIC_CATEGORY
} FieldCodeFormat;

/* Narrows *str and *len to what stands between white space. */
extern void caredata_field_trim(const char **str, size_t *len);

extern bool caredata_field_parse_integer(const char *str, size_t len,
										 int64_t *value);
extern bool caredata_field_parse_float8(const char *str, size_t len,
										double *value);
extern bool caredata_field_parse_boolean(const char *str, size_t len,
										 bool *value);

/* *days counts from 2000-01-01, *microseconds from midnight. */
extern bool caredata_field_parse_date(const char *str, size_t len,
									  int32_t *days);
extern bool caredata_field_parse_time(const char *str, size_t len,
									  int64_t *microseconds);

/* Whether the bytes hold no control character. */
extern bool caredata_field_is_printable(const char *str, size_t len);

extern FieldCodeFormat caredata_field_code_format(const char *name,
												  size_t len);

/*
 * Writes the code in its one stored form to out, which has room for
 * FIELD_CODE_MAX characters, and returns its length; 0 if it is not a code
 * of that format.
 */
extern size_t caredata_field_parse_code(FieldCodeFormat format,
										const char *str, size_t len,
										char *out);

#endif							/* CAREDATA_FIELD_PARSE_H */
