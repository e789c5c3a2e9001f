/*
 * nhs_like.c
 *		Pseudonyms that look like NHS numbers and never are one.
 *
 * With c the check digit that the nine enciphered digits would need, 0 to 9,
 * or 10 where the rule has none, the tenth digit is (c + 1) mod 10.  It is
 * never c: a number of that form is not issued, neither as NHS number nor as
 * the numbers of Scotland, Northern Ireland and Ireland, which have the same
 * rule.
 */
#include "nhs_like.h"
#include "nhs_number_parse.h"

#define STEM_DIGITS		9
#define RIGHT_SIZE		100000

/* The tweak, fixed for ever: it parts these from fpe_encrypt() of 9 digits. */
static const uint8_t tweak[] = "caredata nhs_like 1";

Ff1Status
caredata_nhs_like_prepare(Ff1 *ff1, EVP_CIPHER_CTX *cipher)
{
	return caredata_ff1_prepare(ff1, cipher, 10, STEM_DIGITS,
								tweak, sizeof(tweak) - 1);
}

/* The check digit of a stem, 10 where there is none. */
static unsigned
check_digit(uint32_t stem)
{
	uint32_t	sum = 0;
	unsigned	weight;

	for (weight = 2; weight <= STEM_DIGITS + 1; weight++)
	{
		sum += stem % 10 * weight;
		stem /= 10;
	}
	return (11 - sum % 11) % 11;
}

static inline unsigned
wrong_digit(uint32_t stem)
{
	return (check_digit(stem) + 1) % 10;
}

Ff1Status
caredata_nhs_like_make(const Ff1 *ff1, int64_t number, char *out)
{
	uint32_t	stem = (uint32_t) (number / 10);
	Ff1Number	left = stem / RIGHT_SIZE;
	Ff1Number	right = stem % RIGHT_SIZE;
	Ff1Status	status;
	int			i;

	status = caredata_ff1_encrypt_halves(ff1, &left, &right);
	if (status != FF1_OK)
		return status;
	stem = (uint32_t) left * RIGHT_SIZE + (uint32_t) right;
	out[STEM_DIGITS] = (char) ('0' + wrong_digit(stem));
	for (i = STEM_DIGITS - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + stem % 10);
		stem /= 10;
	}
	return FF1_OK;
}

Ff1Status
caredata_nhs_like_reverse(const Ff1 *ff1, const char *digits,
						  int64_t *number, bool *found)
{
	uint32_t	stem = 0;
	Ff1Number	left;
	Ff1Number	right;
	Ff1Status	status;
	unsigned	check;
	int64_t		candidate;
	int			i;

	*found = false;
	for (i = 0; i < NHS_LIKE_DIGITS; i++)
	{
		if (digits[i] < '0' || digits[i] > '9')
			return FF1_OK;
		if (i < STEM_DIGITS)
			stem = stem * 10 + (uint32_t) (digits[i] - '0');
	}
	if ((unsigned) (digits[STEM_DIGITS] - '0') != wrong_digit(stem))
		return FF1_OK;

	left = stem / RIGHT_SIZE;
	right = stem % RIGHT_SIZE;
	status = caredata_ff1_decrypt_halves(ff1, &left, &right);
	if (status != FF1_OK)
		return status;
	stem = (uint32_t) left * RIGHT_SIZE + (uint32_t) right;
	check = check_digit(stem);
	candidate = (int64_t) stem * 10 + check;
	if (check > 9 ||
		caredata_nhs_number_check(candidate) != NHS_NUMBER_VALID)
		return FF1_OK;
	*number = candidate;
	*found = true;
	return FF1_OK;
}
