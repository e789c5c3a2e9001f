/*
 * nhs_like.h
 *		Pseudonyms that look like NHS numbers and never are one.
 *
 * The first nine digits of an NHS number are enciphered with FF1; the tenth is
 * always wrong by the modulus 11 rule, so that no system that checks numbers
 * takes the result for a person's.  The wrong digit is a fixed function of the
 * nine before it: nothing is lost, and a slip of the pen is found out.
 */
#ifndef CAREDATA_NHS_LIKE_H
#define CAREDATA_NHS_LIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "ff1.h"

#define NHS_LIKE_DIGITS		10

/* Prepares for the other two; cipher as for caredata_ff1_prepare(). */
extern Ff1Status caredata_nhs_like_prepare(Ff1 *ff1, EVP_CIPHER_CTX *cipher);

/* number is a valid NHS number; out has room for ten digits. */
extern Ff1Status caredata_nhs_like_make(const Ff1 *ff1, int64_t number,
										char *out);

/*
 * The NHS number behind ten digits; false in *found, and *number untouched,
 * when they were not made from one.
 */
extern Ff1Status caredata_nhs_like_reverse(const Ff1 *ff1, const char *digits,
										   int64_t *number, bool *found);

#endif							/* CAREDATA_NHS_LIKE_H */
