/*
 * ff1_test.c
 *		FF1 against the samples published with NIST SP 800-38G, and what
 *		any format-preserving cipher must do.
 */
#include <stdlib.h>
#include <string.h>

#include "ff1.h"
#include "tap.h"

static const uint8_t sample_key[32] = {
	0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
	0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C,
	0xEF, 0x43, 0x59, 0xD8, 0xD5, 0x80, 0xAA, 0x4F,
	0x7F, 0x03, 0x6D, 0x6F, 0x04, 0xFC, 0x6A, 0x94
};

typedef struct Sample
{
	int			key_bits;
	unsigned	radix;
	const char *tweak;
	const char *plain;
	const char *cipher;
} Sample;

/*
 * Samples 1 to 9 of the publication, and then what another implementation of
 * it makes of long strings, long tweaks and halves beyond 64 bits.
 */
static const Sample samples[] = {
	{128, 10, "", "0123456789", "2433477484"},
	{128, 10, "9876543210", "0123456789", "6124200773"},
	{128, 36, "7777pqrs777", "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
	{192, 10, "", "0123456789", "2830668132"},
	{192, 10, "9876543210", "0123456789", "2496655549"},
	{192, 36, "7777pqrs777", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
	{256, 10, "", "0123456789", "6657667009"},
	{256, 10, "9876543210", "0123456789", "1001623463"},
	{256, 36, "7777pqrs777", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	{256, 10, "",
	"012345678901234567890123456789012345678901234567890123456789012345678901",
	"729583144191276125328394012832709595617197161809233040024533539577716818"},
	{256, 16, "sixteen bytes 16",
	"0123456789abcdef0123456789abcdef0123456789abcdef",
	"af4c381d592a6368f35812aafe00b11a2f152f19717df3d0"},
	{256, 2, "a tweak of more than one block, and some",
	"010101010101010101010101010101010101010101010101010101010101"
	"010101010101010101010101010101010101010101010101010101010101"
	"010101010101010101010101010101010101010101010101010101010101"
	"010101010101010101010101010101010101010101010101010101010101",
	"110011001110010001111101110110010111111101101111010101001110"
	"010010000000110011010110111100001011010010100000100001011101"
	"001110111011000101111110111111101110001100101000111110011011"
	"000001001001101111101010011100100011000111110110111111101000"},
	{256, 36, "x",
	"0123456789abcdefghijklmnopqrstuvwxyz012345",
	"nn8rphx1wkq1srdmbp1yn52vebncn4en4p0no7vake"},
	{256, 10, "caredata nhs_like 1",
	"012345678",
	"610159471"},
	{256, 10, "fifteen bytes15",
	"0123456789012345678901234567890123",
	"3233427843077850973755031186729594"}
};

static EVP_CIPHER_CTX *
make_cipher(int bits)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *type = bits == 128 ? EVP_aes_128_ecb() :
		bits == 192 ? EVP_aes_192_ecb() : EVP_aes_256_ecb();

	if (cipher == NULL ||
		EVP_EncryptInit_ex(cipher, type, NULL, sample_key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(cipher, 0) != 1)
	{
		printf("Bail out! no AES\n");
		exit(2);
	}
	return cipher;
}

static void
test_samples(void)
{
	size_t		i;

	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
	{
		const Sample *s = &samples[i];
		EVP_CIPHER_CTX *cipher = make_cipher(s->key_bits);
		size_t		length = strlen(s->plain);
		char		out[FF1_MAX_LENGTH + 1] = "";
		char		back[FF1_MAX_LENGTH + 1] = "";
		Ff1			ff1;

		ok(caredata_ff1_prepare(&ff1, cipher, s->radix, length,
								(const uint8_t *) s->tweak,
								strlen(s->tweak)) == FF1_OK &&
		   caredata_ff1_encrypt(&ff1, s->plain, out) == FF1_OK &&
		   strcmp(out, s->cipher) == 0,
		   "sample %zu, AES-%d, radix %u, length %zu", i + 1, s->key_bits,
		   s->radix, length);
		ok(caredata_ff1_decrypt(&ff1, out, back) == FF1_OK &&
		   strcmp(back, s->plain) == 0, "sample %zu decrypts", i + 1);
		EVP_CIPHER_CTX_free(cipher);
	}
}

/* Every value of a whole domain, once: a permutation, and not the identity. */
static void
test_permutation(EVP_CIPHER_CTX *cipher, unsigned radix, size_t length,
				 long size)
{
	unsigned char *seen = calloc((size_t) size, 1);
	Ff1			ff1;
	long		twice = 0;
	long		fixed = 0;
	long		not_back = 0;
	long		i;

	if (seen == NULL || caredata_ff1_prepare(&ff1, cipher, radix, length,
											 (const uint8_t *) "tweak", 5) != FF1_OK)
	{
		ok(false, "radix %u, length %zu is prepared", radix, length);
		free(seen);
		return;
	}
	for (i = 0; i < size; i++)
	{
		Ff1Number	left = (Ff1Number) i / ff1.right_size;
		Ff1Number	right = (Ff1Number) i % ff1.right_size;
		long		place;

		caredata_ff1_encrypt_halves(&ff1, &left, &right);
		place = (long) (left * ff1.right_size + right);
		if (left >= ff1.left_size || right >= ff1.right_size || seen[place])
			twice++;
		else
			seen[place] = 1;
		fixed += place == i;
		caredata_ff1_decrypt_halves(&ff1, &left, &right);
		not_back += (long) (left * ff1.right_size + right) != i;
	}
	/* a random permutation has one fixed point on average */
	ok(twice == 0 && not_back == 0 && fixed < 10,
	   "radix %u, length %zu: %ld values, each once and back", radix, length,
	   size);
	free(seen);
}

/* A number that looks random and is the same every time. */
static uint32_t
next_random(uint32_t *state)
{
	*state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
	return *state >> 8;
}

/*
 * Every radix at its least and greatest length and some between, with tweaks
 * of every length around the border of a block.
 */
static void
test_round_trips(EVP_CIPHER_CTX *cipher)
{
	uint32_t	state = 1;
	unsigned	radix;

	for (radix = FF1_MIN_RADIX; radix <= FF1_MAX_RADIX; radix++)
	{
		size_t		length;
		size_t		least = 0;
		size_t		most = 0;
		long		wrong = 0;
		long		tried = 0;

		for (length = 0; length <= FF1_MAX_LENGTH + 2; length++)
		{
			size_t		tweak_length = length % 36;
			uint8_t		tweak[36];
			char		plain[FF1_MAX_LENGTH];
			char		cipher_text[FF1_MAX_LENGTH];
			char		other[FF1_MAX_LENGTH];
			char		back[FF1_MAX_LENGTH];
			Ff1			ff1;
			Ff1Status	status;
			size_t		i;

			for (i = 0; i < sizeof(tweak); i++)
				tweak[i] = (uint8_t) next_random(&state);
			status = caredata_ff1_prepare(&ff1, cipher, radix, length, tweak,
										  tweak_length);
			if (status == FF1_TOO_SHORT)
			{
				wrong += most != 0;
				continue;
			}
			if (status == FF1_TOO_LONG)
			{
				wrong += most == 0;
				continue;
			}
			wrong += status != FF1_OK || (most != 0 && most != length - 1);
			if (least == 0)
				least = length;
			most = length;
			for (i = 0; i < length; i++)
				plain[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[next_random(&state) % radix];
			wrong += caredata_ff1_encrypt(&ff1, plain, cipher_text) != FF1_OK;
			wrong += caredata_ff1_decrypt(&ff1, cipher_text, back) != FF1_OK;
			wrong += memcmp(plain, back, length) != 0;
			wrong += memcmp(plain, cipher_text, length) == 0;

			/* in place */
			memcpy(other, plain, length);
			wrong += caredata_ff1_encrypt(&ff1, other, other) != FF1_OK;
			wrong += memcmp(other, cipher_text, length) != 0;

			/* another tweak, and one that differs in its length alone */
			if (tweak_length > 0)
			{
				tweak[tweak_length - 1] ^= 1;
				caredata_ff1_prepare(&ff1, cipher, radix, length, tweak,
									 tweak_length);
				caredata_ff1_encrypt(&ff1, plain, other);
				wrong += memcmp(other, cipher_text, length) == 0;
				tweak[tweak_length - 1] = 0;
				caredata_ff1_prepare(&ff1, cipher, radix, length, tweak,
									 tweak_length);
				caredata_ff1_encrypt(&ff1, plain, cipher_text);
				caredata_ff1_prepare(&ff1, cipher, radix, length, tweak,
									 tweak_length - 1);
				caredata_ff1_encrypt(&ff1, plain, other);
				wrong += memcmp(other, cipher_text, length) == 0;
			}
			tried++;
		}
		ok(wrong == 0 && tried > 10, "radix %u: lengths %zu to %zu there and back",
		   radix, least, most);
	}
}

static void
test_refusals(EVP_CIPHER_CTX *cipher)
{
	static const uint8_t tweak[FF1_MAX_TWEAK + 1];
	char		text[] = "0123456789";
	char		out[11] = "";
	Ff1			ff1;

	ok(caredata_ff1_prepare(&ff1, cipher, 1, 40, tweak, 0) == FF1_BAD_RADIX &&
	   caredata_ff1_prepare(&ff1, cipher, 0, 40, tweak, 0) == FF1_BAD_RADIX &&
	   caredata_ff1_prepare(&ff1, cipher, 37, 10, tweak, 0) == FF1_BAD_RADIX,
	   "a radix below 2 or above 36 is refused");
	ok(caredata_ff1_prepare(&ff1, cipher, 10, 5, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 10, 6, tweak, 0) == FF1_OK &&
	   caredata_ff1_prepare(&ff1, cipher, 10, 0, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 10, 1, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 2, 19, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 2, 20, tweak, 0) == FF1_OK &&
	   caredata_ff1_prepare(&ff1, cipher, 36, 3, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 36, 4, tweak, 0) == FF1_OK &&
	   caredata_ff1_prepare(&ff1, cipher, 31, 4, tweak, 0) == FF1_TOO_SHORT &&
	   caredata_ff1_prepare(&ff1, cipher, 32, 4, tweak, 0) == FF1_OK,
	   "domains below a million values are refused");
	ok(caredata_ff1_prepare(&ff1, cipher, 10, (size_t) -1, tweak, 0) == FF1_TOO_LONG &&
	   caredata_ff1_prepare(&ff1, cipher, 2, FF1_MAX_LENGTH, tweak, 0) == FF1_OK &&
	   caredata_ff1_prepare(&ff1, cipher, 2, FF1_MAX_LENGTH + 1, tweak, 0) == FF1_TOO_LONG,
	   "lengths past the arithmetic are refused");
	ok(caredata_ff1_prepare(&ff1, cipher, 10, 10, tweak, FF1_MAX_TWEAK) == FF1_OK &&
	   caredata_ff1_prepare(&ff1, cipher, 10, 10, tweak, FF1_MAX_TWEAK + 1) == FF1_TWEAK_TOO_LONG,
	   "a tweak past its limit is refused");

	caredata_ff1_prepare(&ff1, cipher, 10, 10, tweak, 0);
	text[4] = 'a';
	ok(caredata_ff1_encrypt(&ff1, text, out) == FF1_BAD_DIGIT && out[0] == '\0',
	   "a digit beyond the radix is refused");
	text[4] = ' ';
	ok(caredata_ff1_decrypt(&ff1, text, out) == FF1_BAD_DIGIT && out[0] == '\0',
	   "a space is refused");
	caredata_ff1_prepare(&ff1, cipher, 36, 10, tweak, 0);
	text[4] = 'A';
	ok(caredata_ff1_encrypt(&ff1, text, out) == FF1_BAD_DIGIT && out[0] == '\0',
	   "a capital letter is refused");
	text[9] = (char) 0xe9;
	text[4] = 'a';
	ok(caredata_ff1_encrypt(&ff1, text, out) == FF1_BAD_DIGIT && out[0] == '\0',
	   "a byte that is no ASCII is refused in the second half");
}

int
main(void)
{
	EVP_CIPHER_CTX *cipher = make_cipher(256);

	test_samples();
	test_permutation(cipher, 10, 6, 1000000);
	test_permutation(cipher, 2, 21, 2097152);
	test_permutation(cipher, 36, 4, 1679616);
	test_round_trips(cipher);
	test_refusals(cipher);
	EVP_CIPHER_CTX_free(cipher);
	return done();
}
