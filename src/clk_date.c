/*
 * clk_date.c
 *		Dates in a format: clk_date.h.
 *
 * A directive takes what it takes in Python's strptime(): the longest form
 * first, and another one if the rest of the text does not match then.
 */
#include <stdio.h>
#include <string.h>

#include "clk_date.h"

static const char *const month_names[12] = {
	"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 'a' - 'A') : c;
}

static bool
known_directive(char directive)
{
	return memchr("YymdbB%", directive, 7) != NULL;
}

bool
caredata_clk_date_format_is_known(ClkText format)
{
	int			years = 0;
	int			months = 0;
	int			days = 0;
	size_t		i;

	if (format.bytes == NULL || format.length > CLK_MAX_DATE_FORMAT)
		return false;
	for (i = 0; i < format.length; i++)
	{
		if (format.bytes[i] != '%')
			continue;
		if (++i == format.length || !known_directive(format.bytes[i]))
			return false;
		years += format.bytes[i] == 'Y' || format.bytes[i] == 'y';
		months += memchr("mbB", format.bytes[i], 3) != NULL;
		days += format.bytes[i] == 'd';
	}
	return years == 1 && months == 1 && days == 1;
}

typedef struct DateMatch
{
	const char *format;
	const char *format_end;
	const char *end;			/* of the text */
	const char *matched_to;
	int			year;
	int			month;
	int			day;
} DateMatch;

static bool match_date(DateMatch *match, const char *format, const char *text);

/* Try a number of so many digits, within bounds, then the rest. */
static bool
match_number(DateMatch *match, const char *format, const char *text,
			 int digits, int least, int greatest, int *number)
{
	int			value = 0;
	int			i;

	if (match->end - text < digits)
		return false;
	for (i = 0; i < digits; i++)
	{
		if (!clk_is_digit(text[i]))
			return false;
		value = 10 * value + text[i] - '0';
	}
	if (value < least || value > greatest)
		return false;
	*number = value;
	return match_date(match, format, text + digits);
}

static bool
match_month_name(DateMatch *match, const char *format, const char *text,
				 bool whole)
{
	int			month;

	for (month = 0; month < 12; month++)
	{
		size_t		length = whole ? strlen(month_names[month]) : 3;
		size_t		i;

		if ((size_t) (match->end - text) < length)
			continue;
		for (i = 0; i < length && lower(text[i]) == month_names[month][i]; i++)
			;
		if (i < length)
			continue;
		match->month = month + 1;
		if (match_date(match, format, text + length))
			return true;
	}
	return false;
}

/* Does the text begin with what the format says? */
static bool
match_date(DateMatch *match, const char *format, const char *text)
{
	int			value;

	if (format == match->format_end)
	{
		match->matched_to = text;
		return true;
	}
	if (clk_is_space(*format))
	{
		const char *first = text;

		while (format < match->format_end && clk_is_space(*format))
			format++;
		while (text < match->end && clk_is_space(*text))
			text++;
		/* as many as there are, then fewer */
		for (; text > first; text--)
		{
			if (match_date(match, format, text))
				return true;
		}
		return false;
	}
	if (*format != '%' || format[1] == '%')
	{
		if (text == match->end || lower(*text) != lower(*format))
			return false;
		return match_date(match, format + (*format == '%' ? 2 : 1), text + 1);
	}

	format += 2;
	switch (format[-1])
	{
		case 'Y':
			return match_number(match, format, text, 4, 0, 9999, &match->year);
		case 'y':
			if (!match_number(match, format, text, 2, 0, 99, &value))
				return false;
			match->year = value + (value <= 68 ? 2000 : 1900);
			return true;
		case 'm':
			return match_number(match, format, text, 2, 1, 12, &match->month) ||
				match_number(match, format, text, 1, 1, 9, &match->month);
		case 'd':
			return match_number(match, format, text, 2, 1, 31, &match->day) ||
				match_number(match, format, text, 1, 1, 9, &match->day) ||
				(text < match->end && *text == ' ' &&
				 match_number(match, format, text + 1, 1, 1, 9, &match->day));
		case 'b':
			return match_month_name(match, format, text, false);
		case 'B':
			return match_month_name(match, format, text, true);
	}
	return false;
}

static int
days_in_month(int year, int month)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

bool
caredata_clk_date(ClkText format, ClkText text, uint8_t *out)
{
	DateMatch	match = {0};
	char		digits[32];

	match.format = format.bytes;
	match.format_end = format.bytes + format.length;
	match.end = text.bytes + text.length;
	if (!match_date(&match, match.format, text.bytes) ||
		match.matched_to != match.end)
		return false;
	/* strftime() writes years before 1000 in fewer digits on some systems */
	if (match.year < 1000 ||
		match.day > days_in_month(match.year, match.month))
		return false;
	snprintf(digits, sizeof(digits), "%04d%02d%02d", match.year, match.month,
			 match.day);
	memcpy(out, digits, 8);
	return true;
}
