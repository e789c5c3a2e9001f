/*
 * primitives_test.c
 *		The primitives that the keys rest on, as the libraries of this system
 *		compute them, against what was published: AES (FIPS 197, SP 800-38A),
 *		SHA-256 (FIPS 180), HMAC-SHA-256 (RFC 4231), HKDF (RFC 5869), BLAKE2b
 *		(RFC 7693 and its authors' known answers), XChaCha20-Poly1305 (the
 *		draft's example).  For libsodium's crypto_kdf, what Python's BLAKE2b
 *		makes of its description.
 */
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define MOST	256

/* Decodes hexadecimal digits; returns the number of bytes. */
static size_t
bytes_of(const char *hex, uint8_t *bytes)
{
	size_t		length;

	if (sodium_hex2bin(bytes, MOST, hex, strlen(hex), NULL, &length,
					   NULL) != 0)
	{
		printf("Bail out! a vector is not hexadecimal\n");
		exit(2);
	}
	return length;
}

static bool
is_hex(const uint8_t *bytes, size_t length, const char *hex)
{
	uint8_t		expected[MOST];

	return bytes_of(hex, expected) == length &&
		memcmp(bytes, expected, length) == 0;
}

static void
fill(uint8_t *bytes, size_t length, unsigned first)
{
	size_t		i;

	for (i = 0; i < length; i++)
		bytes[i] = (uint8_t) (first + i);
}

/* ECB without padding, the context kept: as keyring.c uses it. */
static void
test_aes(void)
{
	static const struct
	{
		const char *name;
		const char *key;
		const char *plain;
		const char *cipher;
	}			vector[] = {
		{"FIPS 197, C.1", "000102030405060708090a0b0c0d0e0f",
			"00112233445566778899aabbccddeeff",
		"69c4e0d86a7b0430d8cdb78070b4c55a"},
		{"FIPS 197, C.2", "000102030405060708090a0b0c0d0e0f1011121314151617",
			"00112233445566778899aabbccddeeff",
		"dda97ca4864cdfe06eaf70a0ec0d7191"},
		{"FIPS 197, C.3",
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"00112233445566778899aabbccddeeff",
		"8ea2b7ca516745bfeafc49904b496089"},
		{"SP 800-38A, F.1.5",
			"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
			"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
			"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
			"f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
		"b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"}
	};
	size_t		i;

	for (i = 0; i < sizeof(vector) / sizeof(vector[0]); i++)
	{
		uint8_t		key[MOST];
		uint8_t		plain[MOST];
		uint8_t		out[MOST];
		uint8_t		back[MOST];
		size_t		key_length = bytes_of(vector[i].key, key);
		size_t		length = bytes_of(vector[i].plain, plain);
		const EVP_CIPHER *type = key_length == 16 ? EVP_aes_128_ecb() :
			key_length == 24 ? EVP_aes_192_ecb() : EVP_aes_256_ecb();
		EVP_CIPHER_CTX *encrypt = EVP_CIPHER_CTX_new();
		EVP_CIPHER_CTX *decrypt = EVP_CIPHER_CTX_new();
		bool		good;
		size_t		at;

		good = EVP_EncryptInit_ex(encrypt, type, NULL, key, NULL) == 1 &&
			EVP_CIPHER_CTX_set_padding(encrypt, 0) == 1 &&
			EVP_DecryptInit_ex(decrypt, type, NULL, key, NULL) == 1 &&
			EVP_CIPHER_CTX_set_padding(decrypt, 0) == 1;
		/* a block a call */
		for (at = 0; at < length; at += 16)
		{
			int			n = 0;

			good = good &&
				EVP_EncryptUpdate(encrypt, out + at, &n, plain + at, 16) == 1 &&
				n == 16 &&
				EVP_DecryptUpdate(decrypt, back + at, &n, out + at, 16) == 1 &&
				n == 16;
		}
		ok(good && is_hex(out, length, vector[i].cipher) &&
		   memcmp(back, plain, length) == 0, "AES: %s", vector[i].name);
		EVP_CIPHER_CTX_free(encrypt);
		EVP_CIPHER_CTX_free(decrypt);
	}
}

static void
test_sha256(void)
{
	uint8_t		out[MOST];
	unsigned	length;

	ok(EVP_Digest("abc", 3, out, &length, EVP_sha256(), NULL) == 1 &&
	   is_hex(out, length, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
	   "SHA-256: abc");
	ok(EVP_Digest("", 0, out, &length, EVP_sha256(), NULL) == 1 &&
	   is_hex(out, length, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
	   "SHA-256: nothing");
}

static void
test_hmac(void)
{
	/* RFC 4231, cases 1 to 7; the fifth is published cut to 128 bits */
	static const struct
	{
		const char *key;
		int			repeat;
		const char *data;
		int			data_repeat;
		const char *mac;
	}			vector[] = {
		{"\x0b", 20, "Hi There", 1,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", 1, "what do ya want for nothing?", 1,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"\xaa", 20, "\xdd", 50,
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 1, "\xcd", 50,
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{"\x0c", 20, "Test With Truncation", 1,
		"a3b6167473100ee06e0c796c2955552b"},
		{"\xaa", 131, "Test Using Larger Than Block-Size Key - Hash Key First", 1,
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"\xaa", 131, "This is a test using a larger than block-size key and a "
			"larger than block-size data. The key needs to be hashed before "
			"being used by the HMAC algorithm.", 1,
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}
	};
	size_t		i;

	for (i = 0; i < sizeof(vector) / sizeof(vector[0]); i++)
	{
		uint8_t		key[MOST];
		uint8_t		data[MOST];
		size_t		key_length = 0;
		size_t		length = 0;
		uint8_t		mac[crypto_auth_hmacsha256_BYTES];
		crypto_auth_hmacsha256_state state;
		int			n;

		for (n = 0; n < vector[i].repeat; n++, key_length += strlen(vector[i].key))
			memcpy(key + key_length, vector[i].key, strlen(vector[i].key));
		for (n = 0; n < vector[i].data_repeat; n++, length += strlen(vector[i].data))
			memcpy(data + length, vector[i].data, strlen(vector[i].data));
		crypto_auth_hmacsha256_init(&state, key, key_length);
		crypto_auth_hmacsha256_update(&state, data, length);
		crypto_auth_hmacsha256_final(&state, mac);
		ok(is_hex(mac, strlen(vector[i].mac) / 2, vector[i].mac),
		   "HMAC-SHA-256: RFC 4231, case %zu", i + 1);
	}
}

static void
test_hkdf(void)
{
	/* RFC 5869, cases 1 to 3; lengths and first bytes of what goes in */
	static const struct
	{
		int			key;
		size_t		key_length;
		unsigned	salt;
		size_t		salt_length;
		unsigned	info;
		size_t		info_length;
		const char *result;
	}			vector[] = {
		{-0x0b, 22, 0, 13, 0xf0, 10,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{0, 80, 0x60, 80, 0xb0, 80,
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
			"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
		"cc30c58179ec3e87c14c01d5c1f3434f1d87"},
		{-0x0b, 22, 0, 0, 0, 0,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"}
	};
	size_t		i;

	for (i = 0; i < sizeof(vector) / sizeof(vector[0]); i++)
	{
		uint8_t		key[MOST];
		uint8_t		salt[MOST];
		uint8_t		info[MOST];
		uint8_t		out[MOST];
		size_t		length = strlen(vector[i].result) / 2;
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);

		if (vector[i].key < 0)
			memset(key, -vector[i].key, vector[i].key_length);
		else
			fill(key, vector[i].key_length, (unsigned) vector[i].key);
		fill(salt, vector[i].salt_length, vector[i].salt);
		fill(info, vector[i].info_length, vector[i].info);
		ok(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		   EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
		   EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, (int) vector[i].salt_length) == 1 &&
		   EVP_PKEY_CTX_set1_hkdf_key(ctx, key, (int) vector[i].key_length) == 1 &&
		   EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int) vector[i].info_length) == 1 &&
		   EVP_PKEY_derive(ctx, out, &length) == 1 &&
		   is_hex(out, length, vector[i].result),
		   "HKDF-SHA-256: RFC 5869, case %zu", i + 1);
		EVP_PKEY_CTX_free(ctx);
	}
}

static void
test_blake2b(void)
{
	uint8_t		key[64];
	uint8_t		message[255];
	uint8_t		out[64];

	fill(key, sizeof(key), 0);
	fill(message, sizeof(message), 0);
	crypto_generichash(out, sizeof(out), (const uint8_t *) "abc", 3, NULL, 0);
	ok(is_hex(out, sizeof(out),
			  "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
			  "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"),
	   "BLAKE2b: RFC 7693, abc");
	crypto_generichash(out, sizeof(out), NULL, 0, key, sizeof(key));
	ok(is_hex(out, sizeof(out),
			  "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
			  "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568"),
	   "BLAKE2b: known answers, with a key, nothing");
	crypto_generichash(out, sizeof(out), message, sizeof(message), key,
					   sizeof(key));
	ok(is_hex(out, sizeof(out),
			  "142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
			  "4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461"),
	   "BLAKE2b: known answers, with a key, 255 bytes");

	crypto_kdf_derive_from_key(out, 32, 1, "cd_block", key);
	ok(is_hex(out, 32, "f79307e23aecdb3c73c6029f9ce6301514c5a299ce9d64413d62550a97f5020c"),
	   "crypto_kdf: cd_block, 1");
	crypto_kdf_derive_from_key(out, 32, 1, "cd_wrap_", key);
	ok(is_hex(out, 32, "877ce9c4a0e8e54b5c23b80d407c628cd150fa4e79d268d32d2484db433192c5"),
	   "crypto_kdf: cd_wrap_, 1");
	crypto_kdf_derive_from_key(out, 32, 2, "cd_block", key);
	ok(is_hex(out, 32, "99657db2b47d9c349a7c7ffd0d6cc3d286f24af4a222f6f44fb593decb21e9bd"),
	   "crypto_kdf: cd_block, 2");
}

static void
test_xchacha20(void)
{
	static const char text[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only "
		"one tip for the future, sunscreen would be it.";
	uint8_t		key[32];
	uint8_t		nonce[24];
	uint8_t		data[MOST];
	size_t		data_length = bytes_of("50515253c0c1c2c3c4c5c6c7", data);
	uint8_t		out[MOST];
	unsigned long long length = 0;

	fill(key, sizeof(key), 0x80);
	fill(nonce, sizeof(nonce), 0x40);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, &length,
											   (const uint8_t *) text,
											   strlen(text), data, data_length,
											   NULL, nonce, key);
	ok(is_hex(out, length,
			  "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
			  "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
			  "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
			  "21f9664c97637da9768812f615c68b13b52e"
			  "c0875924c1c7987947deafd8780acf49"),
	   "XChaCha20-Poly1305: the draft's example");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 2;
	test_aes();
	test_sha256();
	test_hmac();
	test_hkdf();
	test_blake2b();
	test_xchacha20();
	return done();
}
