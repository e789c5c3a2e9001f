/*
 * nhs_like_fuzz.c
 *		Any ten bytes as a pseudonym that looks like an NHS number: what leads
 *		to a number was made from that number, and is never a valid one.
 */
#include "fuzz.h"
#include "nhs_like.h"
#include "nhs_number_parse.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_CIPHER_CTX *cipher = NULL;
	static const uint8_t key[32] = {3, 2, 1};
	static Ff1	ff1;
	char		digits[NHS_LIKE_DIGITS];
	char		again[NHS_LIKE_DIGITS];
	int64_t		number = -1;
	int64_t		valid = 0;
	bool		found = false;
	size_t		i;

	if (cipher == NULL)
	{
		cipher = EVP_CIPHER_CTX_new();
		CHECK(cipher != NULL &&
			  EVP_EncryptInit_ex(cipher, EVP_aes_256_ecb(), NULL, key, NULL) == 1 &&
			  EVP_CIPHER_CTX_set_padding(cipher, 0) == 1 &&
			  caredata_nhs_like_prepare(&ff1, cipher) == FF1_OK);
	}
	if (size < NHS_LIKE_DIGITS)
		return 0;
	/* digits as they are, and other bytes half of the time */
	for (i = 0; i < NHS_LIKE_DIGITS; i++)
		digits[i] = size % 2 == 0 ? (char) data[i] : (char) ('0' + data[i] % 10);
	CHECK(caredata_nhs_like_reverse(&ff1, digits, &number, &found) != FF1_CIPHER_FAILED);
	if (!found)
	{
		CHECK(number == -1);
		return 0;
	}
	CHECK(caredata_nhs_number_check(number) == NHS_NUMBER_VALID);
	CHECK(caredata_nhs_like_make(&ff1, number, again) == FF1_OK);
	CHECK(memcmp(digits, again, NHS_LIKE_DIGITS) == 0);
	for (i = 0; i < NHS_LIKE_DIGITS; i++)
		valid = valid * 10 + (digits[i] - '0');
	CHECK(caredata_nhs_number_check(valid) != NHS_NUMBER_VALID);
	return 0;
}
