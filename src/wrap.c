/*
 * wrap.c
 *		Encrypting a short secret under another key, without PostgreSQL.
 *
 * Nothing here allocates memory or raises.
 */
#include <sodium.h>

#include "wrap.h"

#define WRAPPED_VERSION		1
#define TAG_BYTES			crypto_aead_xchacha20poly1305_ietf_ABYTES

bool
caredata_wrap(uint8_t *key, const uint8_t *associated,
			  size_t associated_length, const uint8_t *secret, size_t length,
			  uint8_t *wrapped)
{
	uint8_t    *nonce = wrapped + 1;
	uint8_t    *sealed = nonce + CAREDATA_WRAP_NONCE_BYTES;
	unsigned long long sealed_length = 0;
	bool		ok;

	wrapped[0] = WRAPPED_VERSION;
	randombytes_buf(nonce, CAREDATA_WRAP_NONCE_BYTES);
	if (sodium_mprotect_readonly(key) != 0)
		return false;
	ok = crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &sealed_length,
													secret, length,
													associated,
													associated_length, NULL,
													nonce, key) == 0 &&
		sealed_length == length + TAG_BYTES;
	return sodium_mprotect_noaccess(key) == 0 && ok;
}

CaredataUnwrapStatus
caredata_unwrap(uint8_t *key, const uint8_t *associated,
				size_t associated_length, const uint8_t *wrapped,
				size_t wrapped_length, uint8_t *secret)
{
	const uint8_t *nonce = wrapped + 1;
	const uint8_t *sealed = nonce + CAREDATA_WRAP_NONCE_BYTES;
	unsigned long long length = 0;
	int			rc;

	if (wrapped_length < CAREDATA_WRAPPED_BYTES(0) ||
		wrapped[0] != WRAPPED_VERSION)
		return CAREDATA_NOT_OPENED;
	if (sodium_mprotect_readonly(key) != 0)
		return CAREDATA_NO_GUARDED_MEMORY;
	rc = crypto_aead_xchacha20poly1305_ietf_decrypt(secret, &length, NULL,
													sealed,
													wrapped_length - 1 -
													CAREDATA_WRAP_NONCE_BYTES,
													associated,
													associated_length,
													nonce, key);
	if (sodium_mprotect_noaccess(key) != 0)
		return CAREDATA_NO_GUARDED_MEMORY;
	if (rc != 0 || length != wrapped_length - CAREDATA_WRAPPED_BYTES(0))
		return CAREDATA_NOT_OPENED;
	return CAREDATA_UNWRAPPED;
}
