/*
 * clk_plan.c
 *		What a schema of CLKs says, checked and worked out, and the keys of its
 *		features, which HKDF makes from the secret.
 */
#include "clk_plan.h"

#include <math.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "blake2b.h"
#include "clk_date.h"
#include "clk_harden.h"
#include "clk_value.h"

#define PERMUTATION_LABEL	"caredata clk permutation 1"

static const char *
plan_feature(const ClkSchema *schema, ClkFeature *feature)
{
	if (feature->ignored)
	{
		/* its values may salt, whatever they are */
		memset(feature, 0, sizeof(*feature));
		feature->ignored = true;
		return NULL;
	}
	if (feature->bits < 1 || feature->bits > CLK_MAX_FEATURE_BITS)
		return "the number of bits must be from 1 to 8192";
	if (feature->hash == CLK_BLAKE &&
		(schema->filter_bits & (schema->filter_bits - 1)) != 0)
		return "blakeHash needs a number of bits before folding that is a power of 2";
	if (feature->prevent_singularity && feature->hash != CLK_DOUBLE)
		return "prevent_singularity is for doubleHash only";
	if (feature->comparison == CLK_NGRAM &&
		(feature->n < 1 || feature->n > CLK_MAX_NGRAM))
		return "n must be from 1 to 16";
	if (feature->format == CLK_DATE && !caredata_clk_date_format_is_known(feature->date_format))
		return "a date's format must have a year (%Y or %y), a month (%m, %b or %B) and a day (%d), and no other directives";
	if (feature->format == CLK_ENUM && feature->nvalues < 1)
		return "an enum needs values";
	if (feature->sentinel.bytes != NULL)
	{
		ClkText		used = feature->replacement.bytes != NULL ?
			feature->replacement : feature->sentinel;
		uint32_t	start[257];

		if (caredata_clk_split((const uint8_t *) used.bytes, used.length, start,
							   256) < 0)
			return "what a missing value is replaced by must have at most 256 characters";
	}
	if (feature->comparison == CLK_NUMERIC)
	{
		double		distance;

		if (!(feature->threshold_distance > 0))
			return "thresholdDistance must be greater than zero";
		if (feature->resolution < 1 || feature->resolution > CLK_MAX_RESOLUTION)
			return "resolution must be from 1 to 512";
		if (feature->fractional_precision < 0 || feature->fractional_precision > 15)
			return "fractional_precision must be from 0 to 15";
		distance = rint(feature->threshold_distance *
						(double) caredata_clk_scale(feature->fractional_precision));
		if (distance < 1)
			return "fractional_precision is too low for thresholdDistance";
		/* 512 of them stay below half of what a number can be */
		if (distance > 1e15)
			return "thresholdDistance is too great";
		feature->distance = (int64_t) distance;
	}
	return NULL;
}

const char *
caredata_clk_plan(ClkSchema *schema, int *feature)
{
	size_t		at = 0;
	int			i;

	*feature = -1;
	if (schema->folds < 0 || schema->folds > 8)
		return "the number of XOR folds must be from 0 to 8";
	if (schema->bits < CLK_MIN_BITS || schema->bits % 8 != 0 ||
		schema->bits > CLK_MAX_BITS >> schema->folds ||
		(schema->balanced && schema->bits > CLK_MAX_BITS / 2))
		return "the number of bits must be a multiple of 8, at least 64, and at most 65536 before folding and after balancing";
	if (schema->key_size < 1 || schema->key_size > CLK_MAX_KEY_BYTES)
		return "the size of keys must be from 1 to 64 bytes";
	if (schema->nfeatures < 1 || schema->nfeatures > CLK_MAX_FEATURES)
		return "there must be 1 to 256 features";
	if (2 * schema->nfeatures * schema->key_size > 255 * (schema->sha512 ? 64 : 32))
		return "there are too many features for HKDF with this hash and this size of keys";
	if (schema->salt_feature < -1 || schema->salt_feature >= schema->nfeatures)
		return "the salting feature does not exist";
	if (schema->flips < 0 || schema->flips >= CLK_FLIP_UNIT ||
		schema->flips % 2 != 0)
		return "the probability of flips must be at least 0 and less than 1";

	schema->filter_bits = schema->bits << schema->folds;
	schema->result_bits = schema->balanced ? 2 * schema->bits : schema->bits;
	for (i = 0; i < schema->nfeatures; i++)
	{
		ClkFeature *one = &schema->features[i];
		const char *problem = plan_feature(schema, one);

		if (problem != NULL)
		{
			*feature = i;
			return problem;
		}
		one->key_at = at;
		one->nstates = 0;
		if (one->ignored)
			continue;
		if (one->hash == CLK_BLAKE)
		{
			one->nstates = (one->bits + CLK_INDEXES_IN_HASH - 1) / CLK_INDEXES_IN_HASH;
			at += (size_t) one->nstates * sizeof(Blake2bKey);
		}
		else
			at += (size_t) (2 * schema->key_size + 7) / 8 * 8;
	}
	schema->permutation_at = at;
	if (schema->balanced)
		at += (size_t) schema->result_bits * sizeof(uint32_t);
	schema->keys_size = at;
	return NULL;
}

bool
caredata_clk_hkdf(bool sha512, const uint8_t *secret, size_t secret_length,
				  ClkText salt, ClkText info, uint8_t *out, size_t length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t		derived = length;
	bool		ok;

	ok = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
		EVP_PKEY_CTX_set_hkdf_md(context, sha512 ? EVP_sha512() : EVP_sha256()) == 1 &&
		EVP_PKEY_CTX_set1_hkdf_key(context, secret, (int) secret_length) == 1 &&
		(salt.bytes == NULL || salt.length == 0 ||
		 EVP_PKEY_CTX_set1_hkdf_salt(context, (const unsigned char *) salt.bytes,
									 (int) salt.length) == 1) &&
		(info.bytes == NULL || info.length == 0 ||
		 EVP_PKEY_CTX_add1_hkdf_info(context, (const unsigned char *) info.bytes,
									 (int) info.length) == 1) &&
		EVP_PKEY_derive(context, out, &derived) == 1 && derived == length;
	EVP_PKEY_CTX_free(context);
	return ok;
}

ClkStatus
caredata_clk_subkey(const ClkSchema *schema, const uint8_t *secret,
					size_t secret_length, const char *label, uint8_t *subkey)
{
	ClkText		info;

	info.bytes = label;
	info.length = strlen(label);
	return caredata_clk_hkdf(schema->sha512, secret, secret_length,
							 schema->kdf_salt, info, subkey, CLK_SEED_BYTES) ?
		CLK_OK : CLK_LIBRARY_FAILED;
}

ClkStatus
caredata_clk_derive(const ClkSchema *schema, const uint8_t *secret,
					size_t secret_length, uint8_t *keys)
{
	/* at most what HKDF gives */
	uint8_t		derived[255 * 64];
	size_t		size = (size_t) schema->key_size;
	bool		ok;
	int			i;

	ok = caredata_clk_hkdf(schema->sha512, secret, secret_length,
						   schema->kdf_salt, schema->kdf_info, derived,
						   2 * (size_t) schema->nfeatures * size);
	for (i = 0; ok && i < schema->nfeatures; i++)
	{
		const ClkFeature *feature = &schema->features[i];
		const uint8_t *pair = derived + 2 * (size_t) i * size;
		uint8_t    *to = keys + feature->key_at;
		int			block;

		if (feature->ignored)
			continue;
		if (feature->hash == CLK_DOUBLE)
		{
			memcpy(to, pair, 2 * size);
			continue;
		}
		for (block = 0; block < feature->nstates; block++)
		{
			char		salt[BLAKE2B_SALT_BYTES] = {0};

			snprintf(salt, sizeof(salt), "%d", block);
			caredata_blake2b_set_salted_key((Blake2bKey *) to + block, pair, size,
											(const uint8_t *) salt, CLK_HASH_BYTES);
		}
	}
	sodium_memzero(derived, sizeof(derived));
	if (ok && schema->balanced)
	{
		uint8_t		key[CLK_SEED_BYTES];

		ok = caredata_clk_subkey(schema, secret, secret_length,
								 PERMUTATION_LABEL, key) == CLK_OK &&
			caredata_clk_permutation(key, (uint32_t) schema->result_bits,
									 (uint32_t *) (keys + schema->permutation_at));
		sodium_memzero(key, sizeof(key));
	}
	return ok ? CLK_OK : CLK_LIBRARY_FAILED;
}
