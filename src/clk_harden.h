/*
 * clk_harden.h
 *		What is done to a filter to make attacks on it harder.  Bit 0 is the
 *		most significant bit of byte 0.
 */
#ifndef CAREDATA_CLK_HARDEN_H
#define CAREDATA_CLK_HARDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Put the left half upon the right half, so many times. */
extern void caredata_clk_fold(uint8_t *filter, int bytes, int folds);

/*
 * Replace each bit by a random one with a probability of flips / 65,536; flips
 * is even, so that zeros and ones are as likely.  The same seed of 32 bytes
 * flips the same bits.
 */
extern bool caredata_clk_flip(uint8_t *filter, int bits, uint32_t flips,
							  const uint8_t *seed);

/*
 * Append the complement, and put bit i where permutation[i] says: out has
 * twice as many bits, one half of them ones.
 */
extern void caredata_clk_balance(const uint8_t *filter, int bits,
								 const uint32_t *permutation, uint8_t *out);

/* The order of so many numbers that follows from a key of 32 bytes. */
extern bool caredata_clk_permutation(const uint8_t *key, uint32_t count,
									 uint32_t *permutation);

#endif							/* CAREDATA_CLK_HARDEN_H */
