/*
 * postcode_parse.c
 *		Reading and taking apart UK postcodes, without PostgreSQL.
 *
 * The grammar is that of the postcode address file: A9, A99, A9A, AA9, AA99
 * or AA9A, then 9AA, with the letters each place allows; GIR 0AA; and the
 * pseudo postcodes ZZ99 9AA, which stand for no fixed abode, a country, or
 * not known.  Letters of either case are read, and spaces anywhere are
 * dropped, since files hold the inward part at character 5 or 6, after one
 * space or after none: the inward part is always the last three characters.
 *
 * Whether a postcode exists is not known here.
 */
#include "postcode_parse.h"

#include <string.h>

/* Sets of capital letters, one bit each. */
#define L(c) (UINT32_C(1) << ((c) - 'A'))
#define ALL_LETTERS ((UINT32_C(1) << 26) - 1)

static const uint32_t first_letters =
ALL_LETTERS & ~(L('Q') | L('V') | L('X'));

static const uint32_t second_letters =
ALL_LETTERS & ~(L('I') | L('J') | L('Z'));

/* the letter of A9A: P, as in N1P and W1P, is in use besides the others */
static const uint32_t third_letters =
L('A') | L('B') | L('C') | L('D') | L('E') | L('F') | L('G') | L('H') |
L('J') | L('K') | L('P') | L('S') | L('T') | L('U') | L('W');

/* the last letter of AA9A */
static const uint32_t fourth_letters =
L('A') | L('B') | L('E') | L('H') | L('M') | L('N') | L('P') | L('R') |
L('V') | L('W') | L('X') | L('Y');

static const uint32_t inward_letters =
ALL_LETTERS & ~(L('C') | L('I') | L('K') | L('M') | L('O') | L('V'));

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
is_letter_of(char c, uint32_t letters)
{
	return c >= 'A' && c <= 'Z' && (letters & L(c)) != 0;
}

static bool
is_outward(const char *s, size_t len)
{
	if (!is_letter_of(s[0], first_letters))
		return false;
	if (is_digit(s[1]))
		return len == 2 ||
			(len == 3 && (is_digit(s[2]) || is_letter_of(s[2], third_letters)));
	return is_letter_of(s[1], second_letters) && len >= 3 && is_digit(s[2]) &&
		(len == 3 || is_digit(s[3]) || is_letter_of(s[3], fourth_letters));
}

/* Reads str; sets *postcode only when the answer is true. */
bool
caredata_postcode_parse(const char *str, size_t len, int64_t *postcode)
{
	char		s[7];
	size_t		n = 0;
	size_t		outward;
	uint64_t	value = 0;
	size_t		i;

	while (len > 0 && is_space(str[len - 1]))
		len--;
	while (len > 0 && is_space(str[0]))
	{
		str++;
		len--;
	}

	for (i = 0; i < len; i++)
	{
		char		c = str[i];

		if (c == ' ')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char) (c - 'a' + 'A');
		if (n == sizeof(s))
			return false;
		s[n++] = c;
	}
	if (n < 5)
		return false;
	outward = n - 3;

	if (!is_digit(s[outward]))
		return false;
	if (outward == 4 && memcmp(s, "ZZ99", 4) == 0)
	{
		if (!is_letter_of(s[5], ALL_LETTERS) ||
			!is_letter_of(s[6], ALL_LETTERS))
			return false;
	}
	else if (!is_letter_of(s[outward + 1], inward_letters) ||
			 !is_letter_of(s[outward + 2], inward_letters))
		return false;
	else if (!is_outward(s, outward) &&
			 !(n == 6 && memcmp(s, "GIR0AA", 6) == 0))
		return false;

	for (i = 0; i < outward; i++)
		value = value << 8 | (unsigned char) s[i];
	value = value << 8 | ' ';
	for (; i < n; i++)
		value = value << 8 | (unsigned char) s[i];
	*postcode = (int64_t) (value << 8 * (POSTCODE_MAX_LENGTH - (n + 1)));
	return true;
}

/* A district such as S01: digits of a district do not begin with 0. */
static bool
has_leading_zero(int64_t postcode)
{
	char		text[POSTCODE_MAX_LENGTH];
	size_t		outward = caredata_postcode_format_district(postcode, text);
	size_t		area = caredata_postcode_format_area(postcode, text);

	return area + 1 < outward && text[area] == '0' && is_digit(text[area + 1]);
}

static bool
is_plausible(const char *str, size_t len, int64_t *postcode)
{
	return caredata_postcode_parse(str, len, postcode) &&
		!caredata_postcode_is_pseudo(*postcode) && !has_leading_zero(*postcode);
}

/*
 * Reads str, taking the letter O and the digit 0 for each other where it is no
 * postcode as it stands and just one way makes one.  Sets *postcode only when
 * the answer is true.
 */
bool
caredata_postcode_mend(const char *str, size_t len, int64_t *postcode)
{
	char		s[7];
	size_t		at[7];
	size_t		n = 0;
	size_t		doubtful = 0;
	size_t		found = 0;
	size_t		i;
	unsigned	way;
	int64_t		value = 0;

	if (is_plausible(str, len, &value))
	{
		*postcode = value;
		return true;
	}
	for (i = 0; i < len; i++)
	{
		if (is_space(str[i]))
			continue;
		if (n == sizeof(s))
			return false;
		if (str[i] == 'O' || str[i] == 'o' || str[i] == '0')
			at[doubtful++] = n;
		s[n++] = str[i];
	}
	for (way = 0; way < 1u << doubtful; way++)
	{
		int64_t		candidate;

		for (i = 0; i < doubtful; i++)
			s[at[i]] = way >> i & 1 ? 'O' : '0';
		if (is_plausible(s, n, &candidate))
		{
			value = candidate;
			found++;
		}
	}
	if (found != 1)
		return false;
	*postcode = value;
	return true;
}

bool
caredata_postcode_is_pseudo(int64_t postcode)
{
	return (uint64_t) postcode >> 32 == UINT32_C(0x5A5A3939);	/* ZZ99 */
}

size_t
caredata_postcode_format(int64_t postcode, char *out)
{
	uint64_t	value = (uint64_t) postcode;
	size_t		len = 0;

	while (value != 0)
	{
		out[len++] = (char) (value >> 56);
		value <<= 8;
	}
	return len;
}

/* The leading letters: CB of CB22 3AD. */
size_t
caredata_postcode_format_area(int64_t postcode, char *out)
{
	size_t		len = caredata_postcode_format(postcode, out);
	size_t		i = 0;

	while (i < len && out[i] >= 'A' && out[i] <= 'Z')
		i++;
	return i;
}

/* The outward part: CB22 of CB22 3AD. */
size_t
caredata_postcode_format_district(int64_t postcode, char *out)
{
	return caredata_postcode_format(postcode, out) - 4;
}

/* The outward part and the first inward digit: CB22 3 of CB22 3AD. */
size_t
caredata_postcode_format_sector(int64_t postcode, char *out)
{
	return caredata_postcode_format(postcode, out) - 2;
}
