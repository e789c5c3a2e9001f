/*
 * nhs_number_parse.c
 *		Reading, checking and writing NHS numbers, without PostgreSQL.
 *
 * Accepted: ten digits, or the groups 3-3-4 of ISB 0149 parted by one space
 * each or by one hyphen each, with white space before and after.  Nothing
 * else: a number grouped otherwise was mistyped or is not an NHS number.
 *
 * Valid means the right form and check digit.  Whether the number belongs to
 * anybody, or to this person, only a trace can tell; that is not done here.
 */
#include "nhs_number_parse.h"

typedef struct NhsNumberClass
{
	int64_t		last;			/* last number of the range */
	const char *name;
} NhsNumberClass;

/* Ranges as allocated; each starts after the one before. */
static const NhsNumberClass nhs_number_classes[] = {
	{INT64_C(99999999), "unallocated"},
	{INT64_C(3112999999), "scotland"},
	{INT64_C(3199999999), "unreserved"},
	{INT64_C(3999999999), "northern_ireland"},
	{INT64_C(4999999999), "england_wales_isle_of_man"},
	{INT64_C(5999999999), "not_issued"},
	{INT64_C(7999999999), "england_wales_isle_of_man"},
	{INT64_C(8599999999), "ireland"},
	{INT64_C(8999999999), "spare"},
	{INT64_C(9989999999), "test"},
	{NHS_NUMBER_MAX, "synthetic"}
};

static int
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Checks ten digit values: not all equal, and the last the modulus 11 check
 * digit of the others, with weights 10 down to 2.
 */
static NhsNumberStatus
check_digits(const unsigned *digits)
{
	unsigned	sum = 0;
	unsigned	differ = 0;
	int			i;

	for (i = 0; i < NHS_NUMBER_DIGITS; i++)
	{
		sum += digits[i] * (unsigned) (10 - i);
		differ |= digits[i] ^ digits[0];
	}
	if (differ == 0)
		return NHS_NUMBER_REPEATED_DIGIT;

	/*
	 * The loop gave the check digit weight 1, so that the whole sum is a
	 * multiple of 11 exactly when the digit is right.  A check value of 10
	 * needs a digit that does not exist, so it fails by itself.
	 */
	return sum % 11 == 0 ? NHS_NUMBER_VALID : NHS_NUMBER_BAD_CHECK_DIGIT;
}

/* Reads str; sets *number only when the answer is NHS_NUMBER_VALID. */
NhsNumberStatus
caredata_nhs_number_parse(const char *str, size_t len, int64_t *number)
{
	unsigned	digits[NHS_NUMBER_DIGITS];
	NhsNumberStatus status;
	int64_t		value = 0;
	int			grouped;
	int			i;

	while (len > 0 && is_space(str[len - 1]))
		len--;
	while (len > 0 && is_space(str[0]))
	{
		str++;
		len--;
	}

	if (len == NHS_NUMBER_DIGITS)
		grouped = 0;
	else if (len == NHS_NUMBER_DISPLAY_LENGTH &&
			 (str[3] == ' ' || str[3] == '-') && str[7] == str[3])
		grouped = 1;
	else
		return NHS_NUMBER_BAD_FORMAT;

	for (i = 0; i < NHS_NUMBER_DIGITS; i++)
	{
		if (grouped && (i == 3 || i == 6))
			str++;
		digits[i] = (unsigned) (unsigned char) *str++ - '0';
		if (digits[i] > 9)
			return NHS_NUMBER_BAD_FORMAT;
		value = value * 10 + digits[i];
	}

	status = check_digits(digits);
	if (status == NHS_NUMBER_VALID)
		*number = value;
	return status;
}

/* Checks a number that came as an integer. */
NhsNumberStatus
caredata_nhs_number_check(int64_t number)
{
	unsigned	digits[NHS_NUMBER_DIGITS];
	int			i;

	if (number < 0 || number > NHS_NUMBER_MAX)
		return NHS_NUMBER_BAD_FORMAT;

	for (i = NHS_NUMBER_DIGITS - 1; i >= 0; i--)
	{
		digits[i] = (unsigned) (number % 10);
		number /= 10;
	}
	return check_digits(digits);
}

/* Writes NHS_NUMBER_DIGITS characters and no terminator. */
void
caredata_nhs_number_format(int64_t number, char *out)
{
	int			i;

	for (i = NHS_NUMBER_DIGITS - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + number % 10);
		number /= 10;
	}
}

/* Writes NHS_NUMBER_DISPLAY_LENGTH characters, 3-3-4, and no terminator. */
void
caredata_nhs_number_format_display(int64_t number, char *out)
{
	char		digits[NHS_NUMBER_DIGITS];
	int			i;

	caredata_nhs_number_format(number, digits);
	for (i = 0; i < NHS_NUMBER_DIGITS; i++)
	{
		if (i == 3 || i == 6)
			*out++ = ' ';
		*out++ = digits[i];
	}
}

/* The name of the range that a valid number lies in. */
const char *
caredata_nhs_number_class(int64_t number)
{
	const NhsNumberClass *class = nhs_number_classes;

	while (class->last < number && class->last < NHS_NUMBER_MAX)
		class++;
	return class->name;
}
