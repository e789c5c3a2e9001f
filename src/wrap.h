/*
 * wrap.h
 *		Encrypting a short secret under another key, without PostgreSQL.
 *
 * A wrapped secret is: version byte 1, nonce (24), XChaCha20-Poly1305
 * ciphertext and tag (16).  The associated data say what it is and of whom; it
 * does not open under others.
 */
#ifndef CAREDATA_WRAP_H
#define CAREDATA_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAREDATA_WRAP_KEY_BYTES		32
#define CAREDATA_WRAP_NONCE_BYTES	24
#define CAREDATA_WRAPPED_BYTES(n)	(1 + CAREDATA_WRAP_NONCE_BYTES + (n) + 16)

typedef enum CaredataUnwrapStatus
{
	CAREDATA_UNWRAPPED,
	CAREDATA_NOT_OPENED,		/* wrong key, changed bytes, other data */
	CAREDATA_NO_GUARDED_MEMORY
} CaredataUnwrapStatus;

/*
 * key is in libsodium's guarded memory, out of reach before and after.  wrapped
 * takes CAREDATA_WRAPPED_BYTES(length).  false where the memory could not be
 * made readable.
 */
extern bool caredata_wrap(uint8_t *key, const uint8_t *associated,
						  size_t associated_length, const uint8_t *secret,
						  size_t length, uint8_t *wrapped);

/* The secret takes wrapped_length - CAREDATA_WRAPPED_BYTES(0). */
extern CaredataUnwrapStatus caredata_unwrap(uint8_t *key,
											const uint8_t *associated,
											size_t associated_length,
											const uint8_t *wrapped,
											size_t wrapped_length,
											uint8_t *secret);

#endif							/* CAREDATA_WRAP_H */
