/*
 * field_message.h
 *		Typed fields as one unambiguous message for a keyed hash.  Pure C on
 *		bytes: no PostgreSQL, no key, no allocation.
 *
 * The message, fixed for ever for version 1:
 *
 *		byte 0		version of this layout and of the normal forms, 1
 *		byte 1		number of fields
 *		and for each field
 *		byte 0		kind, below
 *		bytes 1-4	length of the value, big-endian; ffffffff: absent
 *		then		the value in the normal form of its kind
 *
 * Kinds and lengths make two different lists of fields two different messages:
 * ('ab', 'c') is not ('a', 'bc'), and an absent field is not an empty one.
 *
 * Normal forms, all ASCII but for text:
 *
 *		nhs_number	ten digits, check digit right
 *		date		YYYY-MM-DD, years 0001 to 9999
 *		postcode	capitals, no space; pseudo postcodes (ZZ99) count as absent
 *		sex			1, 2, 9 or 0
 *		text		UTF-8 in Unicode normal form C, ASCII letters in capitals,
 *					white space around it gone and runs of it one space
 *		exact		UTF-8, every byte as it came
 */
#ifndef CAREDATA_FIELD_MESSAGE_H
#define CAREDATA_FIELD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELD_MESSAGE_VERSION		1
#define FIELD_MESSAGE_MAX_FIELDS	16
#define FIELD_MESSAGE_HEADER		2
#define FIELD_MESSAGE_FIELD_HEADER	5

typedef enum FieldKind
{
	FIELD_KIND_UNRECOGNIZED = 0,
	FIELD_KIND_NHS_NUMBER = 1,
	FIELD_KIND_DATE = 2,
	FIELD_KIND_POSTCODE = 3,
	FIELD_KIND_SEX = 4,
	FIELD_KIND_TEXT = 5,
	FIELD_KIND_EXACT = 6
} FieldKind;

/*
 * The kind that a name stands for; a question mark at the end makes the field
 * optional.
 */
extern FieldKind caredata_field_kind(const char *name, size_t length,
									 bool *optional);

/* Room for the longest normal form of a kind that has one of fixed length. */
#define FIELD_NORMAL_MAX			10

/*
 * Text as one of the kinds nhs_number, date, postcode and sex.  Returns the
 * length of the normal form, 0 if the text has none.
 */
extern size_t caredata_field_normalise(FieldKind kind, const char *text,
									   size_t length, char *out);

/* The same for values that PostgreSQL holds as numbers. */
extern size_t caredata_field_normal_nhs_number(int64_t number, char *out);
extern size_t caredata_field_normal_postcode(int64_t postcode, char *out);
extern size_t caredata_field_normal_date(int year, int month, int day,
										 char *out);

/*
 * Kind text, in place, for UTF-8 that is in normal form C already; returns the
 * new length, which may be 0.
 */
extern size_t caredata_field_fold(char *text, size_t length);

/* Header of a field; returns FIELD_MESSAGE_FIELD_HEADER. */
extern size_t caredata_field_header(uint8_t *out, FieldKind kind,
									bool present, size_t length);

#endif							/* CAREDATA_FIELD_MESSAGE_H */
