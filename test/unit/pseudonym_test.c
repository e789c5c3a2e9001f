/*
 * pseudonym_test.c
 *		The block under a pseudonym, encrypted under a published key, and its
 *		text form.
 *
 * The expected blocks were computed by hand from the description in
 * pseudonym_block.h and encrypted with the openssl command under the key of
 * FIPS 197, appendix C.3 (00 01 02 ... 1f).
 */
#include <openssl/evp.h>

#include "pseudonym_block.h"
#include "tap.h"

static const struct
{
	uint8_t		kind;
	int64_t		number;
	const char *plain;
	const char *cipher;
}			vectors[] =
{
	{PSEUDONYM_KIND_PERSON, 1,
	"01010000000000000000000000000001", "6d344d79528bea811c0daa17cf5b3711"},
	{PSEUDONYM_KIND_PERSON, 9000000,
	"01010000000000000000000000895440", "fd64daa0794e6cf3161d1c421f36b34c"},
	{PSEUDONYM_KIND_PERSON, INT32_MAX,
	"0101000000000000000000007fffffff", "cc821a3540dfb3b33a4eb86db6102bd0"},
	{PSEUDONYM_KIND_PERSON, -1,
	"0101000000000000ffffffffffffffff", "007ce2b8506066a80ffed9cd66a84427"},
	{PSEUDONYM_KIND_RECORD, 1,
	"01020000000000000000000000000001", "482d81b5060723dc1d8fce9b223f6438"},
	{PSEUDONYM_KIND_RECORD, INT64_MAX,
	"01020000000000007fffffffffffffff", "375c7030e1849cd1efbfb801d3d6bf68"}
};

static const char *const accepted[] = {
	"0123456789abcdef0123456789abcdef",
	"0123456789ABCDEF0123456789ABCDEF",
	"01234567-89ab-cdef-0123-456789abcdef",
	" 0123456789abcdef0123456789abcdef  "
};

static const char *const refused[] = {
	"",
	" ",
	"0123456789abcdef0123456789abcde",
	"0123456789abcdef0123456789abcdef0",
	"0123456789abcdef0123456789abcdeg",
	"0123456789abcdef 0123456789abcdef",
	"01234567-89ab-cdef-0123456789abcdef-",
	"01234567-89abcdef0123456789abcdef",
	"{01234567-89ab-cdef-0123-456789abcdef}",
	"\t0123456789abcdef0123456789abcdef"
};

static bool
encrypt(const uint8_t *in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t		key[32];
	int			length = 0;
	bool		good;
	int			i;

	for (i = 0; i < 32; i++)
		key[i] = (uint8_t) i;
	good = ctx != NULL &&
		EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		EVP_EncryptUpdate(ctx, out, &length, in, PSEUDONYM_BYTES) == 1 &&
		length == PSEUDONYM_BYTES;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

int
main(void)
{
	static const uint8_t bytes[PSEUDONYM_BYTES] = {
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef
	};
	uint8_t		block[PSEUDONYM_BYTES];
	uint8_t		out[PSEUDONYM_BYTES];
	char		text[PSEUDONYM_TEXT_LENGTH + 1];
	int64_t		number;
	size_t		i;
	int			bit;
	int			wrong = 0;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		uint8_t		other = (vectors[i].kind == PSEUDONYM_KIND_PERSON) ?
			PSEUDONYM_KIND_RECORD : PSEUDONYM_KIND_PERSON;

		pseudonym_block_write(vectors[i].kind, vectors[i].number, block);
		pseudonym_format(block, text);
		ok(strcmp(text, vectors[i].plain) == 0, "block of vector %zu", i);
		ok(encrypt(block, out), "vector %zu encrypts", i);
		pseudonym_format(out, text);
		ok(strcmp(text, vectors[i].cipher) == 0, "pseudonym of vector %zu", i);
		number = 0;
		ok(pseudonym_block_read(block, vectors[i].kind, &number) &&
		   number == vectors[i].number, "vector %zu reads back", i);
		number = 42;
		ok(!pseudonym_block_read(block, other, &number) && number == 42,
		   "vector %zu is not of the other kind", i);
	}

	/* no bit of the first eight bytes may differ */
	pseudonym_block_write(PSEUDONYM_KIND_PERSON, 12345, block);
	for (bit = 0; bit < 64; bit++)
	{
		block[bit / 8] ^= (uint8_t) (1 << (bit % 8));
		if (pseudonym_block_read(block, PSEUDONYM_KIND_PERSON, &number))
			wrong++;
		block[bit / 8] ^= (uint8_t) (1 << (bit % 8));
	}
	ok(wrong == 0, "a changed bit of the constant part is refused");

	for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
		ok(pseudonym_parse(accepted[i], strlen(accepted[i]), out) &&
		   memcmp(out, bytes, PSEUDONYM_BYTES) == 0,
		   "accepts \"%s\"", accepted[i]);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(!pseudonym_parse(refused[i], strlen(refused[i]), out),
		   "refuses \"%s\"", refused[i]);
	/* the length counts, not a zero byte */
	ok(!pseudonym_parse("0123456789abcdef\0" "123456789abcdef", 32, out),
	   "refuses a zero byte");
	ok(pseudonym_parse("0123456789abcdef0123456789abcdefXYZ", 32, out),
	   "reads no further than the length");
	pseudonym_format(bytes, text);
	ok(strcmp(text, "0123456789abcdef0123456789abcdef") == 0, "prints");

	return done();
}
