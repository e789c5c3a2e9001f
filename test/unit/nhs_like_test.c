/*
 * nhs_like_test.c
 *		No pseudonym of two million NHS numbers passes the check of NHS
 *		numbers, and each leads back to its own number and no other.
 *
 * That it leads back is that no two are equal.
 */
#include <stdlib.h>
#include <string.h>

#include "nhs_like.h"
#include "nhs_number_parse.h"
#include "tap.h"

static EVP_CIPHER_CTX *
make_cipher(uint8_t byte)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t		key[32];

	memset(key, byte, sizeof(key));
	if (cipher == NULL ||
		EVP_EncryptInit_ex(cipher, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(cipher, 0) != 1)
	{
		printf("Bail out! no AES\n");
		exit(2);
	}
	return cipher;
}

/* The data dictionary's rule, written once more. */
static bool
passes_modulus_11(const char *digits)
{
	int			sum = 0;
	int			i;

	for (i = 0; i < 9; i++)
		sum += (digits[i] - '0') * (10 - i);
	sum = 11 - sum % 11;
	return (sum == 11 ? 0 : sum) == digits[9] - '0';
}

static void
test_numbers(const Ff1 *ff1, int64_t first_stem, int64_t step, int count)
{
	int			valid = 0;
	int			alike = 0;
	int			lost = 0;
	int			taken_for_one = 0;
	int			unequal = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		int64_t		stem = first_stem + i * step;
		char		digits[NHS_LIKE_DIGITS];
		char		text[NHS_NUMBER_DIGITS];
		int64_t		number = -1;
		int64_t		back = -1;
		bool		found = false;
		int			digit;

		for (digit = 0; digit <= 9; digit++)
			if (caredata_nhs_number_check(stem * 10 + digit) == NHS_NUMBER_VALID)
				number = stem * 10 + digit;
		if (number < 0)
			continue;
		if (caredata_nhs_like_make(ff1, number, digits) != FF1_OK)
		{
			lost++;
			continue;
		}
		valid++;
		for (digit = 0; digit < NHS_LIKE_DIGITS; digit++)
			taken_for_one += digits[digit] < '0' || digits[digit] > '9';
		taken_for_one += passes_modulus_11(digits);
		taken_for_one += caredata_nhs_number_parse(digits, NHS_LIKE_DIGITS,
												   &back) != NHS_NUMBER_BAD_CHECK_DIGIT;
		caredata_nhs_number_format(number, text);
		alike += memcmp(text, digits, 9) == 0;
		if (caredata_nhs_like_reverse(ff1, digits, &back, &found) != FF1_OK ||
			!found || back != number)
			lost++;

		/* any other last digit is no pseudonym */
		digits[9] = (char) ('0' + (digits[9] - '0' + 1 + i % 9) % 10);
		unequal += caredata_nhs_like_reverse(ff1, digits, &back,
											 &found) == FF1_OK && !found;
	}
	ok(valid > count * 0.9 && taken_for_one == 0,
	   "%d pseudonyms, %d that pass for NHS numbers", valid, taken_for_one);
	ok(lost == 0 && unequal == valid, "and each leads back, by its own digit only");
	ok(alike < 10, "and %d have the nine digits of their number", alike);
}

int
main(void)
{
	EVP_CIPHER_CTX *cipher = make_cipher(0x5a);
	EVP_CIPHER_CTX *other_cipher = make_cipher(0xa5);
	Ff1			ff1;
	Ff1			other;
	char		digits[NHS_LIKE_DIGITS];
	char		other_digits[NHS_LIKE_DIGITS];
	int64_t		number = -1;
	bool		found = true;
	int			foreign = 0;
	int			same = 0;
	int			i;

	ok(caredata_nhs_like_prepare(&ff1, cipher) == FF1_OK &&
	   caredata_nhs_like_prepare(&other, other_cipher) == FF1_OK, "prepared");
	/* a thousand neighbours in a row and a walk over the whole range */
	test_numbers(&ff1, 999000000, 1, 999999);
	test_numbers(&ff1, 1, 997, 1002000);

	/* frozen: a change here changes pseudonyms that were given out */
	caredata_nhs_like_make(&ff1, INT64_C(9990000018), digits);
	ok(memcmp(digits, "2868021396", NHS_LIKE_DIGITS) == 0,
	   "9990000018 has its pseudonym under the key of the test: %.10s", digits);

	for (i = 0; i < 200000; i++)
	{
		int64_t		candidate = INT64_C(9434700000) + i;

		if (caredata_nhs_number_check(candidate) != NHS_NUMBER_VALID)
			continue;
		caredata_nhs_like_make(&ff1, candidate, digits);
		caredata_nhs_like_make(&other, candidate, other_digits);
		same += memcmp(digits, other_digits, NHS_LIKE_DIGITS) == 0;
		caredata_nhs_like_reverse(&other, digits, &number, &found);
		foreign += found && number == candidate;
	}
	ok(same < 3 && foreign < 3, "another key gives other pseudonyms");

	memcpy(digits, "12345678 9", NHS_LIKE_DIGITS);
	found = true;
	ok(caredata_nhs_like_reverse(&ff1, digits, &number, &found) == FF1_OK &&
	   !found, "what is not ten digits is nobody's");

	EVP_CIPHER_CTX_free(cipher);
	EVP_CIPHER_CTX_free(other_cipher);
	return done();
}
