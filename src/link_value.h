/*
 * link_value.h
 *		The bytes of a packed record and of its values, shared by link_layout.c,
 *		link_pack.c, which writes values, and link_compare.c, which reads them.
 *
 * A packed record is, byte for byte:
 *
 *		1		version
 *		1		number of fields
 *		1		number of keys
 *		1		number of frequency slots
 *		2 each	where each field's value ends, counted from the first value
 *		8 each	keys of the blocking rules, 0 for none
 *		8 each	frequencies, 0 for unknown
 *				the values
 *
 * in the byte order of the machine: records live as long as a statement.  A
 * value of one byte says why there is none; every true value has more.
 *
 *		strings		width of a character (1 or 4); double metaphone, 8 bytes,
 *					if the field has it; soundex, 4 bytes, likewise; characters
 *		date		day number, 4 bytes (INT32_MIN if there is no such day);
 *					eight digits, year first
 *		postcode	8 bytes, as postcode_parse.h has it
 *		NHS number	ten digits
 *		sex			"s" and the code
 *		number		8 bytes, a double
 */
#ifndef CAREDATA_LINK_VALUE_H
#define CAREDATA_LINK_VALUE_H

#include <string.h>

#include "link_layout.h"
#include "phonetic_code.h"

#define RECORD_VERSION		1
#define RECORD_FIXED		4

#define DATE_DIGITS			8
#define DATE_VALUE			(4 + DATE_DIGITS)

typedef struct Value
{
	const unsigned char *bytes;
	size_t		length;
} Value;

static inline unsigned
get_end(const LinkRecord *record, int field)
{
	uint16_t	end;

	memcpy(&end, record->ends + 2 * field, 2);
	return end;
}

static inline Value
get_value(const LinkRecord *record, int field)
{
	unsigned	start = field == 0 ? 0 : get_end(record, field - 1);
	Value		value;

	value.bytes = record->data + start;
	value.length = get_end(record, field) - start;
	return value;
}

static inline bool
is_absent(Value value)
{
	return value.length <= 1;
}

static inline bool
is_string(const LinkField *field)
{
	return field->kind == LINK_KIND_TEXT ||
		field->kind == LINK_KIND_FORENAME || field->kind == LINK_KIND_SURNAME;
}

/* Bytes that a string value has before its characters. */
static inline size_t
string_prefix(const LinkField *field)
{
	return 1 + (field->double_metaphone ? 2 * DOUBLE_METAPHONE_LENGTH : 0) +
		(field->soundex ? SOUNDEX_LENGTH : 0);
}

static inline size_t
soundex_offset(const LinkField *field)
{
	return 1 + (field->double_metaphone ? 2 * DOUBLE_METAPHONE_LENGTH : 0);
}

/* The bytes of a value that mean it, without what was made from them. */
static inline Value
essence(const LinkField *field, Value value)
{
	size_t		skip = 0;

	if (is_string(field))
		skip = string_prefix(field);
	else if (field->kind == LINK_KIND_DATE)
		skip = 4;
	value.bytes += skip;
	value.length -= skip;
	return value;
}

/*
 * Hashes: FNV-1a over length and bytes, and a last stirring; the same on
 * every machine.  They bring records together that are then compared by
 * value: a collision costs one comparison.
 */
#define LINK_HASH_START		UINT64_C(14695981039346656037)

static inline uint64_t
link_hash(uint64_t hash, const unsigned char *bytes, size_t length)
{
	size_t		i;

	hash = (hash ^ length) * UINT64_C(1099511628211);
	for (i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static inline int64_t
link_hash_end(uint64_t hash)
{
	hash ^= hash >> 30;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	hash ^= hash >> 27;
	hash *= UINT64_C(0x94d049bb133111eb);
	hash ^= hash >> 31;
	return hash == 0 ? 1 : (int64_t) hash;
}

#endif							/* CAREDATA_LINK_VALUE_H */
