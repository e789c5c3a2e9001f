/*
 * ff1_fuzz.c
 *		Any radix, tweak and text: nothing out of bounds, what is enciphered
 *		is of the radix and comes back, what is refused is left alone.
 */
#include "ff1.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_CIPHER_CTX *cipher = NULL;
	static const uint8_t key[32] = {1, 2, 3};
	unsigned	radix;
	size_t		tweak_length;
	size_t		length;
	Ff1			ff1;
	char	   *text;
	char	   *out;
	Ff1Status	status;

	if (cipher == NULL)
	{
		cipher = EVP_CIPHER_CTX_new();
		CHECK(cipher != NULL &&
			  EVP_EncryptInit_ex(cipher, EVP_aes_256_ecb(), NULL, key, NULL) == 1 &&
			  EVP_CIPHER_CTX_set_padding(cipher, 0) == 1);
	}
	if (size < 2)
		return 0;
	radix = data[0] % 40;
	tweak_length = data[1] % 40;
	data += 2;
	size -= 2;
	if (tweak_length > size)
		tweak_length = size;
	length = size - tweak_length;
	status = caredata_ff1_prepare(&ff1, cipher, radix, length, data,
								  tweak_length);
	if (status != FF1_OK)
	{
		CHECK(status != FF1_CIPHER_FAILED && status != FF1_BAD_DIGIT);
		return 0;
	}

	/* of exactly the length, so that the sanitizer sees a step too far */
	text = malloc(length);
	out = malloc(length);
	CHECK(text != NULL && out != NULL);
	memcpy(text, data + tweak_length, length);
	memset(out, '!', length);
	status = caredata_ff1_encrypt(&ff1, text, out);
	if (status == FF1_OK)
	{
		size_t		i;

		for (i = 0; i < length; i++)
			CHECK(memchr("0123456789abcdefghijklmnopqrstuvwxyz", out[i],
						 radix) != NULL);
		CHECK(caredata_ff1_decrypt(&ff1, out, out) == FF1_OK);
		CHECK(memcmp(out, text, length) == 0);
	}
	else
	{
		CHECK(status == FF1_BAD_DIGIT && out[0] == '!');
		CHECK(caredata_ff1_decrypt(&ff1, text, out) == FF1_BAD_DIGIT);
	}
	free(text);
	free(out);
	return 0;
}
