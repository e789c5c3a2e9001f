/*
 * field_message.c
 *		Typed fields as one unambiguous message for a keyed hash.
 *
 * field_message.h has the layout.  Nothing here depends on a locale: two
 * servers make the same message of the same fields.
 */
#include <string.h>

#include "field_message.h"
#include "field_parse.h"
#include "nhs_number_parse.h"
#include "postcode_parse.h"

FieldKind
caredata_field_kind(const char *name, size_t length, bool *optional)
{
	static const struct
	{
		const char *name;
		FieldKind	kind;
	}			kinds[] =
	{
		{"nhs_number", FIELD_KIND_NHS_NUMBER},
		{"date", FIELD_KIND_DATE},
		{"postcode", FIELD_KIND_POSTCODE},
		{"sex", FIELD_KIND_SEX},
		{"text", FIELD_KIND_TEXT},
		{"exact", FIELD_KIND_EXACT}
	};
	size_t		i;

	*optional = length > 0 && name[length - 1] == '?';
	if (*optional)
		length--;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strlen(kinds[i].name) == length &&
			memcmp(kinds[i].name, name, length) == 0)
			return kinds[i].kind;
	}
	return FIELD_KIND_UNRECOGNIZED;
}

size_t
caredata_field_normal_nhs_number(int64_t number, char *out)
{
	caredata_nhs_number_format(number, out);
	return NHS_NUMBER_DIGITS;
}

size_t
caredata_field_normal_postcode(int64_t postcode, char *out)
{
	char		written[POSTCODE_MAX_LENGTH];
	size_t		length;
	size_t		kept = 0;
	size_t		i;

	if (caredata_postcode_is_pseudo(postcode))
		return 0;
	length = caredata_postcode_format(postcode, written);
	for (i = 0; i < length; i++)
	{
		if (written[i] != ' ')
			out[kept++] = written[i];
	}
	return kept;
}

size_t
caredata_field_normal_date(int year, int month, int day, char *out)
{
	if (year < 1 || year > 9999)
		return 0;
	out[0] = (char) ('0' + year / 1000);
	out[1] = (char) ('0' + year / 100 % 10);
	out[2] = (char) ('0' + year / 10 % 10);
	out[3] = (char) ('0' + year % 10);
	out[4] = '-';
	out[5] = (char) ('0' + month / 10);
	out[6] = (char) ('0' + month % 10);
	out[7] = '-';
	out[8] = (char) ('0' + day / 10);
	out[9] = (char) ('0' + day % 10);
	return 10;
}

/*
 * Days since 2000-01-01 as a date of the Gregorian calendar, for the years
 * that caredata_field_parse_date() reads.
 */
static size_t
normal_days(int32_t days, char *out)
{
	/* days since 0000-03-01, so that leap days end years */
	int32_t		d = days + 730425;
	int32_t		era = d / 146097;
	int32_t		of_era = d % 146097;
	int32_t		year = (of_era - of_era / 1460 + of_era / 36524 -
						of_era / 146096) / 365;
	int32_t		of_year = of_era - (365 * year + year / 4 - year / 100);
	int32_t		month = (5 * of_year + 2) / 153;
	int32_t		day = of_year - (153 * month + 2) / 5 + 1;

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	return caredata_field_normal_date(year, month, day, out);
}

size_t
caredata_field_normalise(FieldKind kind, const char *text, size_t length,
						 char *out)
{
	char		code[FIELD_CODE_MAX];
	int64_t		number;
	int32_t		days;

	switch (kind)
	{
		case FIELD_KIND_NHS_NUMBER:
			if (caredata_nhs_number_parse(text, length,
										  &number) == NHS_NUMBER_VALID)
				return caredata_field_normal_nhs_number(number, out);
			break;
		case FIELD_KIND_DATE:
			if (caredata_field_parse_date(text, length, &days))
				return normal_days(days, out);
			break;
		case FIELD_KIND_POSTCODE:
			if (caredata_postcode_parse(text, length, &number))
				return caredata_field_normal_postcode(number, out);
			break;
		case FIELD_KIND_SEX:
			if (caredata_field_parse_code(FIELD_CODE_SEX, text, length,
										  code) == 1)
			{
				out[0] = code[0];
				return 1;
			}
			break;
		default:
			break;
	}
	return 0;
}

size_t
caredata_field_fold(char *text, size_t length)
{
	size_t		kept = 0;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c == ' ' || (c >= '\t' && c <= '\r'))
		{
			/* one space for a run, none at the start */
			if (kept > 0 && text[kept - 1] != ' ')
				text[kept++] = ' ';
		}
		else
			text[kept++] = c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
	}
	if (kept > 0 && text[kept - 1] == ' ')
		kept--;
	return kept;
}

size_t
caredata_field_header(uint8_t *out, FieldKind kind, bool present,
					  size_t length)
{
	uint32_t	written = present ? (uint32_t) length : UINT32_C(0xffffffff);

	out[0] = (uint8_t) kind;
	out[1] = (uint8_t) (written >> 24);
	out[2] = (uint8_t) (written >> 16);
	out[3] = (uint8_t) (written >> 8);
	out[4] = (uint8_t) written;
	return FIELD_MESSAGE_FIELD_HEADER;
}
