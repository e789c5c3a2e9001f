/*
 * ff1.h
 *		Format-preserving encryption FF1 of NIST SP 800-38G, without PostgreSQL.
 *
 * A value is a string of digits 0-9a-z of a radix of 2 to 36; its encryption
 * is another of the same length.  Which one depends on the key, the radix, the
 * length and the tweak, a byte string that is no secret.
 *
 * Refused: domains of fewer than a million values, which can be tried out, and
 * lengths whose larger half does not fit the arithmetic (FF1_NUMBER_BITS).
 */
#ifndef CAREDATA_FF1_H
#define CAREDATA_FF1_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define FF1_MIN_RADIX		2
#define FF1_MAX_RADIX		36
#define FF1_MIN_DOMAIN		1000000
#define FF1_MAX_TWEAK		256
#define FF1_BLOCK			16

/*
 * One byte must stay free above the largest half: see reduce() in ff1.c.  The
 * alignment is what palloc() gives, less than the compiler would take for
 * granted.
 */
#ifdef __SIZEOF_INT128__
typedef unsigned __int128 Ff1Number __attribute__((aligned(8)));
#define FF1_NUMBER_BITS		120
#else
typedef uint64_t Ff1Number;
#define FF1_NUMBER_BITS		56
#endif

/* Longest string that any radix allows, that of radix 2. */
#define FF1_MAX_LENGTH		(2 * FF1_NUMBER_BITS)

typedef enum Ff1Status
{
	FF1_OK,
	FF1_BAD_RADIX,
	FF1_TOO_SHORT,				/* fewer than FF1_MIN_DOMAIN values */
	FF1_TOO_LONG,
	FF1_TWEAK_TOO_LONG,
	FF1_BAD_DIGIT,				/* not 0-9a-z, or not of the radix */
	FF1_CIPHER_FAILED
} Ff1Status;

/* All that does not depend on the value; prepared once, used for many. */
typedef struct Ff1
{
	EVP_CIPHER_CTX *cipher;		/* the caller's */
	unsigned	radix;
	size_t		left;			/* digits in the first half */
	size_t		right;			/* and in the second, which may have one more */
	Ff1Number	left_size;		/* radix to the power of left */
	Ff1Number	right_size;
	unsigned	half_bytes;		/* "b" of the standard */
	unsigned	round_bytes;	/* "d" of the standard */
	uint64_t	left_reciprocal;	/* for halves of up to four bytes */
	uint64_t	right_reciprocal;
	uint8_t		chain[FF1_BLOCK];	/* last block of a round's input, but for
									 * round and half, already chained */
} Ff1;

/*
 * cipher is a context of AES in ECB mode, encrypting, without padding; it is
 * kept by reference.
 */
extern Ff1Status caredata_ff1_prepare(Ff1 *ff1, EVP_CIPHER_CTX *cipher,
									  unsigned radix, size_t length,
									  const uint8_t *tweak,
									  size_t tweak_length);

/* in and out have the prepared length and may be the same. */
extern Ff1Status caredata_ff1_encrypt(const Ff1 *ff1, const char *in,
									  char *out);
extern Ff1Status caredata_ff1_decrypt(const Ff1 *ff1, const char *in,
									  char *out);

/* The same for the two halves as numbers, which must be below their sizes. */
extern Ff1Status caredata_ff1_encrypt_halves(const Ff1 *ff1, Ff1Number *left,
											 Ff1Number *right);
extern Ff1Status caredata_ff1_decrypt_halves(const Ff1 *ff1, Ff1Number *left,
											 Ff1Number *right);

#endif							/* CAREDATA_FF1_H */
