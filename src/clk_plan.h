/*
 * clk_plan.h
 *		Whether one can hash by a schema of CLKs, and the keys of its features.
 *
 * Nothing here knows PostgreSQL.  Who calls keeps the secrets: the keys are
 * written into memory of the caller's.
 */
#ifndef CAREDATA_CLK_PLAN_H
#define CAREDATA_CLK_PLAN_H

#include "clk_feature.h"

/*
 * Check a schema and work out what depends on nothing else.  Returns NULL or
 * what is wrong, and of which feature (-1 for the schema as a whole).
 */
extern const char *caredata_clk_plan(ClkSchema *schema, int *feature);

/*
 * Derive the keys of a planned schema from a secret, into keys_size bytes that
 * are aligned for 64-bit words.  They are as secret as the secret.
 */
extern ClkStatus caredata_clk_derive(const ClkSchema *schema,
									 const uint8_t *secret,
									 size_t secret_length, uint8_t *keys);

/* 32 bytes for another purpose, which a label names, from the same secret. */
extern ClkStatus caredata_clk_subkey(const ClkSchema *schema,
									 const uint8_t *secret,
									 size_t secret_length, const char *label,
									 uint8_t *subkey);

/* HKDF of RFC 5869. */
extern bool caredata_clk_hkdf(bool sha512, const uint8_t *secret,
							  size_t secret_length, ClkText salt, ClkText info,
							  uint8_t *out, size_t length);

#endif							/* CAREDATA_CLK_PLAN_H */
