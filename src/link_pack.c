/*
 * link_pack.c
 *		From the text of a column to the packed value that comparisons want,
 *		and from values to the keys of blocking rules.
 *
 * link_value.h says what a packed record looks like.
 */
#include "link_pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "field_parse.h"
#include "link_value.h"
#include "nhs_number_parse.h"
#include "phonetic_code.h"
#include "postcode_parse.h"

size_t
caredata_link_pack_absent(LinkAbsence absence, unsigned char *out)
{
	out[0] = (unsigned char) absence;
	return 1;
}

/*
 * Decodes UTF-8.  The number of code points, or -1 if the bytes are not
 * UTF-8, or -2 if there are more than LINK_MAX_STRING of them.
 */
static int
decode(const char *text, size_t length, uint32_t *out)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t		i = 0;
	int			n = 0;

	while (i < length)
	{
		uint32_t	c = s[i++];
		int			more = c < 0x80 ? 0 : c < 0xC2 ? -1 : c < 0xE0 ? 1 :
			c < 0xF0 ? 2 : c < 0xF5 ? 3 : -1;
		int			j;

		if (more < 0 || length - i < (size_t) more)
			return -1;
		if (more > 0)
			c &= 0x3F >> more;
		for (j = 0; j < more; j++)
		{
			if ((s[i] & 0xC0) != 0x80)
				return -1;
			c = c << 6 | (s[i++] & 0x3F);
		}
		if ((more == 2 && (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF))) ||
			(more == 3 && (c < 0x10000 || c > 0x10FFFF)))
			return -1;
		if (n >= LINK_MAX_STRING)
			return -2;
		out[n++] = c;
	}
	return n;
}

/* Characters, in one byte each where they all fit; what is made of them before. */
static size_t
pack_characters(const LinkField *field, const uint32_t *characters, int count,
				unsigned char *out)
{
	size_t		at = 1;
	bool		narrow = true;
	int			i;

	for (i = 0; i < count; i++)
		narrow = narrow && characters[i] < 256;
	out[0] = narrow ? 1 : 4;
	at = string_prefix(field);
	memset(out + 1, 0, at - 1);
	if (narrow)
		for (i = 0; i < count; i++)
			out[at + i] = (unsigned char) characters[i];
	else
		memcpy(out + at, characters, (size_t) count * 4);
	return at + (size_t) count * out[0];
}

static size_t
pack_text(const LinkField *field, const char *text, size_t length,
		  unsigned char *out)
{
	uint32_t	characters[LINK_MAX_STRING];
	int			count = decode(text, length, characters);

	if (count < 0)
		return caredata_link_pack_absent(count == -2 ? LINK_TOO_LONG :
										 LINK_UNUSABLE, out);
	return pack_characters(field, characters, count, out);
}

/* ASCII letters as capitals, and one space between words. */
static size_t
plain_name(const uint32_t *characters, int count, unsigned char *out)
{
	size_t		n = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		uint32_t	c = characters[i];

		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if ((c >= 'A' && c <= 'Z') || (c == ' ' && n > 0 && out[n - 1] != ' '))
			out[n++] = (unsigned char) c;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	return n;
}

/* A name with its codes.  What leaves nothing is unusable. */
static size_t
pack_name(const LinkField *field, const char *text, size_t length,
		  unsigned char *out)
{
	uint32_t	characters[LINK_MAX_STRING];
	int			count = decode(text, length, characters);
	size_t		name_length;
	size_t		at = string_prefix(field);

	if (count < 0)
		return caredata_link_pack_absent(count == -2 ? LINK_TOO_LONG :
										 LINK_UNUSABLE, out);
	name_length = plain_name(characters, count, out + at);
	if (name_length == 0)
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	out[0] = 1;
	memset(out + 1, 0, at - 1);
	if (field->double_metaphone)
	{
		size_t		alternate;

		caredata_double_metaphone(out + at, name_length, out + 1,
								  out + 1 + DOUBLE_METAPHONE_LENGTH, &alternate);
	}
	if (field->soundex)
		caredata_soundex(out + at, name_length, SOUNDEX_STANDARD,
						 out + soundex_offset(field));
	return at + name_length;
}

/* Day number, counted from 2000-01-01, of a day of the Gregorian calendar. */
static bool
day_number(int year, int month, int day, int32_t *number)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	int			y = month <= 2 ? year - 1 : year;
	int			era = y / 400;
	int			of_era = y - era * 400;
	int			of_year;

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > lengths[month - 1] + (month == 2 && leap))
		return false;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	*number = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
		of_year - 730425;
	return true;
}

/*
 * Eight digits, year first, from YYYY-MM-DD or YYYYMMDD; whether there is such
 * a day is not asked.
 */
static bool
date_digits(const char *text, size_t length, char *digits)
{
	size_t		i;
	int			n = 0;

	if (length == 10 && text[4] == text[7] &&
		(text[4] == '-' || text[4] == '/'))
		;
	else if (length != 8)
		return false;
	for (i = 0; i < length; i++)
	{
		if (length == 10 && (i == 4 || i == 7))
			continue;
		if (text[i] < '0' || text[i] > '9')
			return false;
		digits[n++] = text[i];
	}
	return true;
}

/*
 * A date.  One that cannot be, such as 30 February, keeps its digits: it is
 * likely a slip in one of them, and the tests on digits see how near it is.
 */
static size_t
pack_date(const char *text, size_t length, unsigned char *out)
{
	char		digits[DATE_DIGITS + 1] = {0};
	int32_t		number = INT32_MIN;

	if (date_digits(text, length, digits))
	{
		int			all = atoi(digits);

		if (all == 0 ||
			!day_number(all / 10000, all / 100 % 100, all % 100, &number))
			number = INT32_MIN;
		if (all == 0)
			return caredata_link_pack_absent(LINK_UNUSABLE, out);
	}
	else if (caredata_field_parse_date(text, length, &number))
		caredata_link_date_digits(number, digits);
	else
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	memcpy(out, &number, 4);
	memcpy(out + 4, digits, DATE_DIGITS);
	return DATE_VALUE;
}

/* The digits of a day that pack_date() is given as a number. */
void
caredata_link_date_digits(int32_t number, char *digits)
{
	int			era_day = number + 730425;
	int			era = (era_day >= 0 ? era_day : era_day - 146096) / 146097;
	int			of_era = era_day - era * 146097;
	int			year_of_era = (of_era - of_era / 1460 + of_era / 36524 -
							   of_era / 146096) / 365;
	int			of_year = of_era - (365 * year_of_era + year_of_era / 4 -
									year_of_era / 100);
	int			shifted = (5 * of_year + 2) / 153;
	int			day = of_year - (153 * shifted + 2) / 5 + 1;
	int			month = shifted < 10 ? shifted + 3 : shifted - 9;
	int			year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
	int			all = year * 10000 + month * 100 + day;
	int			i;

	for (i = DATE_DIGITS - 1; i >= 0; i--)
	{
		digits[i] = (char) ('0' + all % 10);
		all /= 10;
	}
}

static size_t
pack_postcode(const char *text, size_t length, unsigned char *out)
{
	int64_t		postcode;

	if (!caredata_postcode_parse(text, length, &postcode) ||
		caredata_postcode_is_pseudo(postcode))
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	memcpy(out, &postcode, 8);
	return 8;
}

static size_t
pack_nhs_number(const char *text, size_t length, unsigned char *out)
{
	int64_t		number;

	if (caredata_nhs_number_parse(text, length, &number) != NHS_NUMBER_VALID)
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	caredata_nhs_number_format(number, (char *) out);
	return NHS_NUMBER_DIGITS;
}

/* 1 and 2; 0 and 9 say that it is not known. */
static size_t
pack_sex(const char *text, size_t length, unsigned char *out)
{
	char		code[FIELD_CODE_MAX];

	if (caredata_field_parse_code(FIELD_CODE_SEX, text, length, code) != 1 ||
		(code[0] != '1' && code[0] != '2'))
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	out[0] = 's';
	out[1] = (unsigned char) code[0];
	return 2;
}

static size_t
pack_number(const char *text, size_t length, unsigned char *out)
{
	double		number;

	if (!caredata_field_parse_float8(text, length, &number) ||
		!isfinite(number))
		return caredata_link_pack_absent(LINK_UNUSABLE, out);
	if (number == 0)
		number = 0;				/* minus zero is the same number */
	memcpy(out, &number, 8);
	return 8;
}

size_t
caredata_link_pack_value(const LinkField *field, const char *text,
						 size_t length, unsigned char *out)
{
	caredata_field_trim(&text, &length);
	if (length == 0)
		return caredata_link_pack_absent(LINK_MISSING, out);
	switch (field->kind)
	{
		case LINK_KIND_TEXT:
			return pack_text(field, text, length, out);
		case LINK_KIND_FORENAME:
		case LINK_KIND_SURNAME:
			return pack_name(field, text, length, out);
		case LINK_KIND_DATE:
			return pack_date(text, length, out);
		case LINK_KIND_POSTCODE:
			return pack_postcode(text, length, out);
		case LINK_KIND_NHS_NUMBER:
			return pack_nhs_number(text, length, out);
		case LINK_KIND_SEX:
			return pack_sex(text, length, out);
		case LINK_KIND_NUMBER:
			return pack_number(text, length, out);
		default:
			return caredata_link_pack_absent(LINK_UNUSABLE, out);
	}
}

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------
 */

/* What stands after the last space. */
static Value
last_word(Value text, size_t width)
{
	size_t		at = text.length;

	while (at >= width)
	{
		uint32_t	character = text.bytes[at - width];

		if (width == 4)
			memcpy(&character, text.bytes + at - width, 4);
		if (character == ' ')
			break;
		at -= width;
	}
	text.bytes += at;
	text.length -= at;
	return text;
}

/* Adds one part of a key to its hash; false if the record lacks it. */
static bool
hash_part(const LinkModel *model, const LinkRecord *record,
		  const LinkKeyPart *part, uint64_t *hash)
{
	const LinkField *field = &model->field[part->field];
	Value		value = get_value(record, part->field);
	char		postcode_part[POSTCODE_MAX_LENGTH];
	int64_t		postcode;
	size_t		width;

	if (is_absent(value))
		return false;
	width = is_string(field) ? value.bytes[0] : 1;
	switch (part->transform)
	{
		case LINK_TRANSFORM_FIRST:
		case LINK_TRANSFORM_LAST:
			{
				size_t		wanted = (size_t) part->length * width;

				value = essence(field, value);
				/* fewer characters than asked for say too little */
				if (value.length < wanted)
					return false;
				if (part->transform == LINK_TRANSFORM_LAST)
					value.bytes += value.length - wanted;
				value.length = wanted;
				break;
			}
		case LINK_TRANSFORM_LAST_WORD:
			value = last_word(essence(field, value), width);
			break;
		case LINK_TRANSFORM_DOUBLE_METAPHONE:
			value.bytes += 1;
			value.length = DOUBLE_METAPHONE_LENGTH;
			if (value.bytes[0] == 0)
				return false;
			break;
		case LINK_TRANSFORM_SOUNDEX:
			value.bytes += soundex_offset(field);
			value.length = SOUNDEX_LENGTH;
			if (value.bytes[0] == 0)
				return false;
			break;
		case LINK_TRANSFORM_YEAR:
			value.bytes += 4;
			value.length = 4;
			break;
		case LINK_TRANSFORM_MONTH:
			value.bytes += 8;
			value.length = 2;
			break;
		case LINK_TRANSFORM_DAY:
			value.bytes += 10;
			value.length = 2;
			break;
		case LINK_TRANSFORM_SECTOR:
		case LINK_TRANSFORM_DISTRICT:
		case LINK_TRANSFORM_AREA:
			memcpy(&postcode, value.bytes, 8);
			value.bytes = (const unsigned char *) postcode_part;
			value.length = part->transform == LINK_TRANSFORM_SECTOR ?
				caredata_postcode_format_sector(postcode, postcode_part) :
				part->transform == LINK_TRANSFORM_DISTRICT ?
				caredata_postcode_format_district(postcode, postcode_part) :
				caredata_postcode_format_area(postcode, postcode_part);
			break;
		default:
			value = essence(field, value);
			break;
	}
	*hash = link_hash(*hash, value.bytes, value.length);
	return true;
}

static int64_t
make_key(const LinkModel *model, const LinkRecord *record,
		 const LinkKeyPart *parts, int nparts)
{
	uint64_t	hash = LINK_HASH_START;
	int			i;

	for (i = 0; i < nparts; i++)
		if (!hash_part(model, record, &parts[i], &hash))
			return 0;
	return nparts > 0 ? link_hash_end(hash) : 0;
}

bool
caredata_link_write_keys(const LinkModel *model, unsigned char *bytes,
						 size_t length)
{
	LinkRecord	record;
	int			i;

	if (!caredata_link_open(model, bytes, length, &record))
		return false;
	for (i = 0; i < model->nrules; i++)
	{
		const LinkRule *rule = &model->rule[i];

		caredata_link_set_key(&record, bytes, rule->left_key,
							  make_key(model, &record, rule->left, rule->nparts));
		if (rule->right_key != rule->left_key)
			caredata_link_set_key(&record, bytes, rule->right_key,
								  make_key(model, &record, rule->right,
										   rule->nparts));
	}
	return true;
}
