/*
 * field_parse.c
 *		Reading the fields of extract files, without PostgreSQL.
 *
 * A field is read in the few ways that NHS extracts write it and in no other:
 * a value that could be meant in two ways is not a value.  Each code format
 * has one stored form, so that codes compare as they stand.
 *
 * A code is of the right form, which says nothing about its being in use:
 * that is what code lists are for.
 *
 * strtod() follows LC_NUMERIC; PostgreSQL keeps that at "C".
 */
#include "field_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USECS_PER_SECOND	INT64_C(1000000)

/* longest number that is read; longer ones are not written by anybody */
#define FLOAT_MAX_LENGTH	64

/* days from 1970-01-01 to 2000-01-01 */
#define EPOCH_DAYS			10957

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static char
to_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

static bool
all_digits(const char *str, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
		if (!is_digit(str[i]))
			return false;
	return true;
}

/* The value of len digits, fewer than ten; -1 if one is not a digit. */
static int
read_digits(const char *str, size_t len)
{
	int			value = 0;

	if (!all_digits(str, len))
		return -1;
	while (len-- > 0)
		value = value * 10 + (*str++ - '0');
	return value;
}

/* Whether str is word, which is in capitals, in either case. */
static bool
is_word(const char *str, size_t len, const char *word)
{
	size_t		i;

	for (i = 0; i < len; i++)
		if (word[i] == '\0' || to_upper(str[i]) != word[i])
			return false;
	return word[len] == '\0';
}

void
caredata_field_trim(const char **str, size_t *len)
{
	while (*len > 0 && is_space((*str)[*len - 1]))
		(*len)--;
	while (*len > 0 && is_space((*str)[0]))
	{
		(*str)++;
		(*len)--;
	}
}

/* A sign or none, and digits. */
bool
caredata_field_parse_integer(const char *str, size_t len, int64_t *value)
{
	uint64_t	magnitude = 0;
	uint64_t	limit = INT64_MAX;
	bool		negative = false;

	caredata_field_trim(&str, &len);
	if (len > 0 && (*str == '-' || *str == '+'))
	{
		negative = *str == '-';
		str++;
		len--;
	}
	if (len == 0)
		return false;
	if (negative)
		limit++;

	for (; len > 0; str++, len--)
	{
		unsigned	digit = (unsigned) (unsigned char) *str - '0';

		if (digit > 9 || magnitude > (limit - digit) / 10)
			return false;
		magnitude = magnitude * 10 + digit;
	}

	/* 0 - magnitude is the two's complement of the whole range */
	*value = (int64_t) (negative ? 0 - magnitude : magnitude);
	return true;
}

/* Decimal digits, with a point and an exponent or without. */
bool
caredata_field_parse_float8(const char *str, size_t len, double *value)
{
	char		buf[FLOAT_MAX_LENGTH + 1];
	size_t		i = 0;
	size_t		digits = 0;
	size_t		exponent = 0;
	double		result;

	caredata_field_trim(&str, &len);
	if (len > FLOAT_MAX_LENGTH)
		return false;

	if (i < len && (str[i] == '-' || str[i] == '+'))
		i++;
	for (; i < len && is_digit(str[i]); i++)
		digits++;
	if (i < len && str[i] == '.')
		for (i++; i < len && is_digit(str[i]); i++)
			digits++;
	if (digits == 0)
		return false;
	if (i < len && (str[i] == 'e' || str[i] == 'E'))
	{
		i++;
		if (i < len && (str[i] == '-' || str[i] == '+'))
			i++;
		for (; i < len && is_digit(str[i]); i++)
			exponent++;
		if (exponent == 0)
			return false;
	}
	if (i != len)
		return false;

	memcpy(buf, str, len);
	buf[len] = '\0';
	errno = 0;
	result = strtod(buf, NULL);
	if (errno != 0 || !isfinite(result))
		return false;
	*value = result;
	return true;
}

bool
caredata_field_parse_boolean(const char *str, size_t len, bool *value)
{
	caredata_field_trim(&str, &len);
	if (is_word(str, len, "1") || is_word(str, len, "Y") ||
		is_word(str, len, "T") || is_word(str, len, "YES") ||
		is_word(str, len, "TRUE"))
		*value = true;
	else if (is_word(str, len, "0") || is_word(str, len, "N") ||
			 is_word(str, len, "F") || is_word(str, len, "NO") ||
			 is_word(str, len, "FALSE"))
		*value = false;
	else
		return false;
	return true;
}

/*
 * Reads a time of day: HH:MM, HH:MM:SS with a fraction or without, HHMM or
 * HHMMSS; then, where zone is true, Z or an offset from UTC, which is checked
 * and left aside.  Digits past the microsecond are dropped.
 */
static bool
read_time(const char *str, size_t len, bool zone, int64_t *microseconds)
{
	const char *end = str + len;
	int			hour;
	int			minute;
	int			second = 0;
	int64_t		fraction = 0;

	if ((len == 4 || len == 6) && all_digits(str, len))
	{
		hour = read_digits(str, 2);
		minute = read_digits(str + 2, 2);
		if (len == 6)
			second = read_digits(str + 4, 2);
		str = end;
	}
	else
	{
		if (len < 5 || str[2] != ':')
			return false;
		hour = read_digits(str, 2);
		minute = read_digits(str + 3, 2);
		str += 5;
		if (end - str >= 3 && *str == ':')
		{
			second = read_digits(str + 1, 2);
			str += 3;
			if (end - str >= 2 && *str == '.' && is_digit(str[1]))
			{
				int64_t		unit = USECS_PER_SECOND / 10;

				for (str++; str < end && is_digit(*str); str++)
				{
					fraction += (*str - '0') * unit;
					unit /= 10;
				}
			}
		}
	}
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 59)
		return false;

	if (zone && end - str == 1 && *str == 'Z')
		str++;
	else if (zone && end - str >= 3 && (*str == '+' || *str == '-'))
	{
		int			offset_hour = read_digits(str + 1, 2);
		int			offset_minute = 0;

		str += 3;
		if (end - str == 3 && *str == ':')
			str++;
		if (end - str == 2)
		{
			offset_minute = read_digits(str, 2);
			str += 2;
		}
		if (offset_hour < 0 || offset_hour > 15 ||
			offset_minute < 0 || offset_minute > 59)
			return false;
	}
	if (str != end)
		return false;

	*microseconds = ((hour * 60 + minute) * 60 + second) * USECS_PER_SECOND +
		fraction;
	return true;
}

/*
 * Reads a date at the start of a field: YYYY-MM-DD, DD/MM/YYYY, DD-MM-YYYY or
 * YYYYMMDD.  Returns how many characters it took, 0 if there is no date.
 */
static size_t
read_date(const char *str, size_t len, int32_t *days)
{
	static const int month_days[] =
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year;
	int			month;
	int			day;
	int			last;
	size_t		taken = 10;

	if (len >= 10 && str[4] == '-' && str[7] == '-')
	{
		year = read_digits(str, 4);
		month = read_digits(str + 5, 2);
		day = read_digits(str + 8, 2);
	}
	else if (len >= 10 && (str[2] == '/' || str[2] == '-') && str[5] == str[2])
	{
		day = read_digits(str, 2);
		month = read_digits(str + 3, 2);
		year = read_digits(str + 6, 4);
	}
	else if (len >= 8)
	{
		year = read_digits(str, 4);
		month = read_digits(str + 4, 2);
		day = read_digits(str + 6, 2);
		taken = 8;
	}
	else
		return 0;

	if (year < FIELD_MIN_YEAR || year > FIELD_MAX_YEAR ||
		month < 1 || month > 12 || day < 1)
		return 0;
	last = month_days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		last++;
	if (day > last)
		return 0;

	/*
	 * Days since 1970-01-01, with the year starting in March so that the leap
	 * day is its last; 719468 is 1970-01-01 counted from 0000-03-01.
	 */
	if (month <= 2)
	{
		year--;
		month += 12;
	}
	*days = 365 * year + year / 4 - year / 100 + year / 400 +
		(153 * (month - 3) + 2) / 5 + day - 1 - 719468 - EPOCH_DAYS;
	return taken;
}

/*
 * Whether a date of taken characters is followed by a separator; if so the
 * rest, from taken + 1, must be a time.
 */
static bool
has_time_part(const char *str, size_t len, size_t taken)
{
	return taken != 0 && len > taken + 1 &&
		(str[taken] == ' ' || str[taken] == 'T');
}

/* A date; a time of day after it is checked and left aside. */
bool
caredata_field_parse_date(const char *str, size_t len, int32_t *days)
{
	size_t		taken;
	int32_t		result;
	int64_t		ignored;

	caredata_field_trim(&str, &len);
	taken = read_date(str, len, &result);
	if (taken == 0)
		return false;
	if (taken != len &&
		!(has_time_part(str, len, taken) &&
		  read_time(str + taken + 1, len - taken - 1, true, &ignored)))
		return false;
	*days = result;
	return true;
}

/* A time of day; a date before it is checked and left aside. */
bool
caredata_field_parse_time(const char *str, size_t len, int64_t *microseconds)
{
	size_t		taken;
	int32_t		ignored;

	caredata_field_trim(&str, &len);
	taken = read_date(str, len, &ignored);
	if (has_time_part(str, len, taken))
		return read_time(str + taken + 1, len - taken - 1, true, microseconds);
	return read_time(str, len, false, microseconds);
}

bool
caredata_field_is_printable(const char *str, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
		if ((unsigned char) str[i] < 0x20 || str[i] == 0x7F)
			return false;
	return true;
}

FieldCodeFormat
caredata_field_code_format(const char *name, size_t len)
{
	static const struct
	{
		const char *name;
		FieldCodeFormat format;
	}			formats[] =
	{
		{"icd10", FIELD_CODE_ICD10},
		{"opcs4", FIELD_CODE_OPCS4},
		{"ods", FIELD_CODE_ODS},
		{"lsoa", FIELD_CODE_LSOA},
		{"snomed", FIELD_CODE_SNOMED},
		{"clinical", FIELD_CODE_CLINICAL},
		{"sex", FIELD_CODE_SEX},
		{"ethnic_category", FIELD_CODE_ETHNIC_CATEGORY}
	};
	size_t		i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == len &&
			memcmp(formats[i].name, name, len) == 0)
			return formats[i].format;
	return FIELD_CODE_UNRECOGNIZED;
}

/*
 * Copies str to out in capitals, without the point that may stand after the
 * third character.  Returns the length, 0 if it is more than max.
 */
static size_t
copy_undotted(const char *str, size_t len, size_t max, char *out)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (str[i] == '.' && i == 3 && len > 4)
			continue;
		if (n == max)
			return 0;
		out[n++] = to_upper(str[i]);
	}
	return n;
}

/*
 * ICD-10 in the four characters of HES: a category without a subdivision is
 * filled with X.  The fifth character (site) and the dagger or asterisk mark
 * that may follow are checked and dropped.
 */
static size_t
parse_icd10(const char *str, size_t len, char *out)
{
	char		s[6];
	size_t		n = copy_undotted(str, len, sizeof(s), s);

	if (n < 3 || !is_upper(s[0]) || !is_digit(s[1]) || !is_digit(s[2]))
		return 0;
	if (n > 3 && !is_digit(s[3]) && s[3] != 'X' && s[3] != '-')
		return 0;
	if (n > 4 && (s[n - 1] == 'D' || s[n - 1] == 'A'))
		n--;
	if (n > 5 ||
		(n == 5 && !is_digit(s[4]) && s[4] != 'X' && s[4] != '-'))
		return 0;

	memcpy(out, s, 3);
	out[3] = n > 3 && is_digit(s[3]) ? s[3] : 'X';
	return 4;
}

/* OPCS-4: a letter and three digits, or a category of two. */
static size_t
parse_opcs4(const char *str, size_t len, char *out)
{
	size_t		n = copy_undotted(str, len, 4, out);

	if (n < 3 || !is_upper(out[0]) || !all_digits(out + 1, n - 1))
		return 0;
	return n;
}

/* ODS: three to nine letters and digits. */
static size_t
parse_ods(const char *str, size_t len, char *out)
{
	size_t		i;

	if (len < 3 || len > 9)
		return 0;
	for (i = 0; i < len; i++)
	{
		out[i] = to_upper(str[i]);
		if (!is_digit(out[i]) && !is_upper(out[i]))
			return 0;
	}
	return len;
}

/*
 * LSOA of England and Wales, data zone of Scotland, super output area or data
 * zone of Northern Ireland, and the codes for none (a letter and 99999999).
 */
static size_t
parse_lsoa(const char *str, size_t len, char *out)
{
	size_t		i;

	if (len > 9)
		return 0;
	for (i = 0; i < len; i++)
		out[i] = to_upper(str[i]);

	if (len == 9 && all_digits(out + 1, 8))
	{
		bool		coded = memcmp(out + 1, "99999999", 8) == 0;

		switch (out[0])
		{
			case 'E':
			case 'W':
			case 'S':
				return coded || memcmp(out + 1, "01", 2) == 0 ? len : 0;
			case 'N':
				return coded || memcmp(out + 1, "20", 2) == 0 ||
					memcmp(out + 1, "21", 2) == 0 ? len : 0;
			case 'L':
			case 'M':
				return coded ? len : 0;
			default:
				return 0;
		}
	}
	if (len == 8 && out[0] == '9' && out[1] == '5' && is_upper(out[2]) &&
		is_upper(out[3]) && all_digits(out + 4, 2) &&
		(out[6] == 'S' || out[6] == 'W' || out[6] == 'C') && is_digit(out[7]))
		return len;
	return 0;
}

/*
 * SNOMED CT: 6 to 18 digits, the first not 0, the last a Verhoeff check
 * digit.
 */
static size_t
parse_snomed(const char *str, size_t len, char *out)
{
	/* the products of the dihedral group of order ten */
	static const unsigned char product[10][10] = {
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		{1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
		{2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
		{3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
		{4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
		{5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
		{6, 5, 9, 8, 7, 1, 0, 4, 3, 2},
		{7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
		{8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
		{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}
	};

	/* the digit at a place counted from the right, permuted */
	static const unsigned char permuted[8][10] = {
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		{1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
		{5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
		{8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
		{4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
		{2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
		{7, 0, 4, 6, 9, 1, 3, 2, 5, 8}
	};
	unsigned	check = 0;
	size_t		i;

	if (len < 6 || len > FIELD_CODE_MAX || str[0] == '0' ||
		!all_digits(str, len))
		return 0;
	for (i = 0; i < len; i++)
		check = product[check][permuted[i % 8][str[len - 1 - i] - '0']];
	if (check != 0)
		return 0;
	memcpy(out, str, len);
	return len;
}

/*
 * Read v2 or CTV3 in five characters, filled with dots, upper and lower case
 * apart; the two characters of a Read term code after it are dropped.
 */
static size_t
parse_read(const char *str, size_t len, char *out)
{
	size_t		i;
	bool		dotted = false;

	if (len == 0 || len == 6 || len > 7)
		return 0;
	for (i = 0; i < len; i++)
	{
		bool		word = is_digit(str[i]) || is_upper(to_upper(str[i]));

		if (i < 5)
		{
			/* after the first dot nothing but dots */
			if (!(word && !dotted) && !(str[i] == '.' && i > 0))
				return 0;
			dotted = str[i] == '.';
			out[i] = str[i];
		}
		else if (!word)
			return 0;
	}
	for (; i < 5; i++)
		out[i] = '.';
	return 5;
}

/*
 * A code of a GP record.  Seven digits can be SNOMED CT or a Read code with
 * its term code: they are SNOMED CT if the check digit says so.
 */
static size_t
parse_clinical(const char *str, size_t len, char *out)
{
	size_t		n = parse_snomed(str, len, out);

	return n != 0 ? n : parse_read(str, len, out);
}

/*
 * NHS person gender: 1 male, 2 female, 9 not specified or indeterminate, 0
 * not known.
 */
static size_t
parse_sex(const char *str, size_t len, char *out)
{
	static const struct
	{
		const char *word;
		char		code;
	}			words[] =
	{
		{"1", '1'}, {"M", '1'}, {"MALE", '1'},
		{"2", '2'}, {"F", '2'}, {"FEMALE", '2'},
		{"9", '9'}, {"I", '9'}, {"INDETERMINATE", '9'},
		{"NOT SPECIFIED", '9'}, {"OTHER", '9'},
		{"0", '0'}, {"U", '0'}, {"X", '0'}, {"UNKNOWN", '0'},
		{"NOT KNOWN", '0'}
	};
	size_t		i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(str, len, words[i].word))
		{
			out[0] = words[i].code;
			return 1;
		}
	return 0;
}

/* Ethnic category 2001: the sixteen groups, Z not stated, 99 not known. */
static size_t
parse_ethnic_category(const char *str, size_t len, char *out)
{
	if (len == 2 && str[0] == '9' && str[1] == '9')
	{
		memcpy(out, str, 2);
		return 2;
	}
	if (len != 1)
		return 0;
	out[0] = to_upper(str[0]);
	return out[0] != '\0' && strchr("ABCDEFGHJKLMNPRSZ", out[0]) != NULL;
}

size_t
caredata_field_parse_code(FieldCodeFormat format, const char *str, size_t len,
						  char *out)
{
	caredata_field_trim(&str, &len);
	switch (format)
	{
		case FIELD_CODE_ICD10:
			return parse_icd10(str, len, out);
		case FIELD_CODE_OPCS4:
			return parse_opcs4(str, len, out);
		case FIELD_CODE_ODS:
			return parse_ods(str, len, out);
		case FIELD_CODE_LSOA:
			return parse_lsoa(str, len, out);
		case FIELD_CODE_SNOMED:
			return parse_snomed(str, len, out);
		case FIELD_CODE_CLINICAL:
			return parse_clinical(str, len, out);
		case FIELD_CODE_SEX:
			return parse_sex(str, len, out);
		case FIELD_CODE_ETHNIC_CATEGORY:
			return parse_ethnic_category(str, len, out);
		case FIELD_CODE_UNRECOGNIZED:
			break;
	}
	return 0;
}
