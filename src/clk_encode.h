/*
 * clk_encode.h
 *		Cryptographic long-term keys: Bloom filters of a record's fields, bit
 *		for bit those of clkhash with a schema of version 3, and what hardens
 *		them.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef CAREDATA_CLK_ENCODE_H
#define CAREDATA_CLK_ENCODE_H

#include "clk_plan.h"

/*
 * Scratch of an encoder, zeroed before its first use: it remembers the hashes
 * of tokens, therefore it belongs to one schema and one set of keys.
 */
typedef struct ClkWork ClkWork;
extern size_t caredata_clk_work_size(void);

/*
 * The CLK of a record: a value for each feature of the schema, ignored ones
 * too.  seed: CLK_SEED_BYTES that are secret and this record's alone; used
 * where the schema flips bits, else NULL will do.  out has result_bits / 8
 * bytes.  Where the status is that of a value, *feature tells whose.
 */
extern ClkStatus caredata_clk_encode(const ClkSchema *schema,
									 const uint8_t *keys, ClkWork *work,
									 const ClkText *values,
									 const uint8_t *seed, uint8_t *out,
									 int *feature);

/* The tokens of a value, for tests: calls back with each token and its bits. */
typedef void (*ClkTokenCallback) (void *arg, const uint8_t *token,
								  size_t length, int bits);
extern ClkStatus caredata_clk_tokens(const ClkFeature *feature, ClkWork *work,
									 ClkText value, ClkTokenCallback callback,
									 void *arg);

#endif							/* CAREDATA_CLK_ENCODE_H */
