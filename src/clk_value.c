/*
 * clk_value.c
 *		Values of a record in the normal form that is taken apart into tokens.
 *
 * A date becomes YYYYMMDD, an integer its shortest form, a sentinel its
 * replacement.
 */
#include "clk_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clk_date.h"

const char *
caredata_clk_status_text(ClkStatus status)
{
	switch (status)
	{
		case CLK_OK:
			break;
		case CLK_LIBRARY_FAILED:
			return "could not be hashed";
		case CLK_NOT_UTF8:
			return "is not UTF-8";
		case CLK_TOO_LONG:
			return "is too long";
		case CLK_NOT_ASCII:
			return "has characters outside ASCII";
		case CLK_WRONG_CASE:
			return "has letters of the other case";
		case CLK_WRONG_LENGTH:
			return "has a length that the schema does not allow";
		case CLK_NOT_INTEGER:
			return "is not an integer";
		case CLK_OUT_OF_RANGE:
			return "is out of the schema's range";
		case CLK_NOT_DATE:
			return "is not a date in the schema's format";
		case CLK_NOT_IN_ENUM:
			return "is not in the schema's list of values";
		case CLK_NOT_NUMBER:
			return "is not a number, or too great a one";
	}
	return "is valid";
}

/* ------------------------------------------------------------------------
 * Numbers
 * ------------------------------------------------------------------------
 */

static ClkText
without_spaces(ClkText text)
{
	while (text.length > 0 && clk_is_space(text.bytes[0]))
	{
		text.bytes++;
		text.length--;
	}
	while (text.length > 0 && clk_is_space(text.bytes[text.length - 1]))
		text.length--;
	return text;
}

/* The digits of an integer without leading zeros, and its sign. */
static bool
integer_digits(ClkText *text, bool *negative)
{
	size_t		i;

	*text = without_spaces(*text);
	*negative = false;
	if (text->length > 0 && (text->bytes[0] == '-' || text->bytes[0] == '+'))
	{
		*negative = text->bytes[0] == '-';
		text->bytes++;
		text->length--;
	}
	if (text->length == 0)
		return false;
	for (i = 0; i < text->length; i++)
	{
		if (!clk_is_digit(text->bytes[i]))
			return false;
	}
	while (text->length > 1 && text->bytes[0] == '0')
	{
		text->bytes++;
		text->length--;
	}
	if (text->length == 1 && text->bytes[0] == '0')
		*negative = false;
	return true;
}

/* Digits as a number; false beyond 18 of them. */
static bool
small_integer(ClkText digits, bool negative, int64_t *value)
{
	size_t		i;

	if (digits.length > 18)
		return false;
	*value = 0;
	for (i = 0; i < digits.length; i++)
		*value = 10 * *value + (digits.bytes[i] - '0');
	if (negative)
		*value = -*value;
	return true;
}

static ClkStatus
normal_integer(const ClkFeature *feature, ClkText text, uint8_t *out,
			   size_t *length)
{
	bool		negative;
	int64_t		value;

	if (!integer_digits(&text, &negative))
		return CLK_NOT_INTEGER;
	if (feature->has_minimum || feature->has_maximum)
	{
		bool		small = small_integer(text, negative, &value);

		if (!small)
			value = negative ? INT64_MIN : INT64_MAX;
		if ((feature->has_minimum && value < feature->minimum) ||
			(feature->has_maximum && value > feature->maximum))
			return CLK_OUT_OF_RANGE;
	}
	*length = text.length + negative;
	if (negative)
		*out++ = '-';
	memcpy(out, text.bytes, text.length);
	return CLK_OK;
}

int64_t
caredata_clk_scale(int exponent)
{
	int64_t		power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

ClkStatus
caredata_clk_grid_number(const ClkFeature *feature, ClkText text,
						 int64_t *number)
{
	ClkText		digits = text;
	bool		negative;
	int64_t		value;
	int64_t		residue;

	if (integer_digits(&digits, &negative))
	{
		if (!small_integer(digits, negative, &value) ||
			__builtin_mul_overflow(value,
								   caredata_clk_scale(feature->fractional_precision),
								   &value))
			return CLK_NOT_NUMBER;
	}
	else
	{
		char		copy[64];
		char	   *end;
		double		real;
		size_t		i;

		text = without_spaces(text);
		if (text.length == 0 || text.length >= sizeof(copy))
			return CLK_NOT_NUMBER;
		for (i = 0; i < text.length; i++)
		{
			if (!clk_is_digit(text.bytes[i]) &&
				memchr("+-.eE", text.bytes[i], 5) == NULL)
				return CLK_NOT_NUMBER;
		}
		memcpy(copy, text.bytes, text.length);
		copy[text.length] = '\0';
		real = strtod(copy, &end);
		if (end != copy + text.length)
			return CLK_NOT_NUMBER;
		if (feature->fractional_precision > 0)
			real = rint(real * (double) caredata_clk_scale(feature->fractional_precision));
		else
			real = trunc(real);
		if (!(fabs(real) < 1e18))
			return CLK_NOT_NUMBER;
		value = (int64_t) real;
	}

	/* leaves room for the neighbourhood */
	if (__builtin_mul_overflow(value, (int64_t) 2 * feature->resolution, &value) ||
		value > INT64_MAX / 2 || value < INT64_MIN / 2)
		return CLK_NOT_NUMBER;
	residue = value % feature->distance;
	if (residue < 0)
		residue += feature->distance;
	value -= residue;
	if (residue != 0 && 2 * residue >= feature->distance)
		value += feature->distance;
	*number = value;
	return CLK_OK;
}

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

int
caredata_clk_split(const uint8_t *bytes, size_t length, uint32_t *start,
				   int size)
{
	size_t		at = 0;
	int			count = 0;

	while (at < length)
	{
		size_t		width;
		size_t		i;

		if (bytes[at] < 0x80)
			width = 1;
		else if (bytes[at] >= 0xc2 && bytes[at] < 0xe0)
			width = 2;
		else if (bytes[at] >= 0xe0 && bytes[at] < 0xf0)
			width = 3;
		else if (bytes[at] >= 0xf0 && bytes[at] < 0xf5)
			width = 4;
		else
			return -1;
		if (length - at < width)
			return -1;
		for (i = 1; i < width; i++)
		{
			if ((bytes[at + i] & 0xc0) != 0x80)
				return -1;
		}
		if (count == size)
			return -2;
		start[count++] = (uint32_t) at;
		at += width;
	}
	start[count] = (uint32_t) length;
	return count;
}

static bool
same_text(ClkText a, ClkText b)
{
	return a.bytes != NULL && b.bytes != NULL && a.length == b.length &&
		(a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static ClkStatus
check_string(const ClkFeature *feature, ClkText text, int characters)
{
	size_t		i;

	if (characters < feature->min_length ||
		(feature->max_length > 0 && characters > feature->max_length))
		return CLK_WRONG_LENGTH;
	for (i = 0; i < text.length; i++)
	{
		char		c = text.bytes[i];

		if (feature->ascii && (unsigned char) c >= 0x80)
			return CLK_NOT_ASCII;
		if ((feature->letter_case == CLK_UPPER_CASE && c >= 'a' && c <= 'z') ||
			(feature->letter_case == CLK_LOWER_CASE && c >= 'A' && c <= 'Z'))
			return CLK_WRONG_CASE;
	}
	return CLK_OK;
}

ClkStatus
caredata_clk_normal_value(const ClkFeature *feature, ClkText value,
						  uint8_t *out, uint32_t *start, size_t *length)
{
	ClkStatus	status = CLK_OK;
	int			characters;
	int			i;

	if (value.bytes == NULL)
	{
		value.bytes = "";
		value.length = 0;
	}
	if (same_text(value, feature->sentinel))
	{
		/* hashed as it is, whatever the format; caredata_clk_plan() saw to it */
		value = feature->replacement.bytes != NULL ? feature->replacement : value;
		memcpy(out, value.bytes, value.length);
		*length = value.length;
		return CLK_OK;
	}
	*length = 0;
	if (value.length == 0)
		return CLK_OK;
	if (value.length > CLK_VALUE_BYTES)
		return CLK_TOO_LONG;
	characters = caredata_clk_split((const uint8_t *) value.bytes, value.length,
									start, CLK_MAX_CHARACTERS);
	if (characters < 0)
		return characters == -1 ? CLK_NOT_UTF8 : CLK_TOO_LONG;

	*length = value.length;
	switch (feature->format)
	{
		case CLK_STRING:
			status = check_string(feature, value, characters);
			break;
		case CLK_ENUM:
			for (i = 0; i < feature->nvalues; i++)
			{
				if (same_text(value, feature->values[i]))
					break;
			}
			if (i == feature->nvalues)
				status = CLK_NOT_IN_ENUM;
			break;
		case CLK_INTEGER:
			return normal_integer(feature, value, out, length);
		case CLK_DATE:
			*length = 8;
			return caredata_clk_date(feature->date_format, value, out) ?
				CLK_OK : CLK_NOT_DATE;
	}
	if (status == CLK_OK)
		memcpy(out, value.bytes, value.length);
	return status;
}
