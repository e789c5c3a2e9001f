/*
 * clk_encode.c
 *		Cryptographic long-term keys: clk_encode.h.
 *
 * The scheme is that of clkhash, schema version 3; test/unit has its results.
 *
 *	1.	HKDF makes two keys for each feature, ignored ones too, from the secret.
 *	2.	A value is brought into its normal form: a date becomes YYYYMMDD, an
 *		integer its shortest form, a sentinel its replacement.
 *	3.	It is taken apart into tokens, and each gets its share of the bits.
 *	4.	A token sets bits of the filter: with blakeHash the 16-bit words of keyed
 *		BLAKE2b-512, salted with the number of the block, modulo the length;
 *		with doubleHash a + j b modulo the length, of HMAC-SHA-1 and HMAC-MD5.
 *	5.	XOR folds put the left half of the filter upon the right half.
 *
 * What clkhash does not have, in the order in which it happens:
 *
 *	salting		Every token is preceded by the length and the bytes of a value
 *				of the record that does not change, such as the year of birth.
 *	flips		After folding, each bit is replaced by a random one with a
 *				probability: the permanent randomised response of RAPPOR.  The
 *				random bits are the ChaCha20 stream of a seed that is this
 *				record's own, so two records never share them and one record
 *				has the same ones each time.
 *	balance		The complement of the filter is appended, and the whole
 *				permuted in an order that depends on the secret: every CLK has
 *				the same number of ones.
 *
 * Hashes of short tokens are remembered, since the same few hundred bigrams
 * come again and again.  What is remembered is as sensitive as the tokens.
 */
#include "clk_encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "blake2b.h"
#include "clk_harden.h"
#include "clk_value.h"

/* decimal digits of a position, a space */
#define POSITION_BYTES		12
#define PADDED_CHARACTERS	(CLK_MAX_CHARACTERS + 2 * (CLK_MAX_NGRAM - 1))
#define MESSAGE_BYTES \
	(1 + CLK_SALT_BYTES + POSITION_BYTES + CLK_VALUE_BYTES + \
	 2 * (CLK_MAX_NGRAM - 1) + 1)

#define REMEMBERED_BITS		12
#define REMEMBERED			(1 << REMEMBERED_BITS)
#define REMEMBERED_BYTES	19

/* What is remembered of a token: its whole key, so that none is mistaken. */
typedef struct TokenKey
{
	uint32_t	owner;			/* feature and block, and 1; 0 for none */
	uint8_t		length;
	uint8_t		bytes[REMEMBERED_BYTES];
} TokenKey;

typedef struct RememberedToken
{
	TokenKey	key;
	union
	{
		uint8_t		hash[CLK_HASH_BYTES];
		uint32_t	steps[2];	/* first index and distance of doubleHash */
	}			value;
} RememberedToken;

struct ClkWork
{
	uint8_t		filter[CLK_MAX_BYTES];
	uint8_t		value[CLK_VALUE_BYTES + 2 * (CLK_MAX_NGRAM - 1)];
	uint32_t	start[PADDED_CHARACTERS + 1];	/* of each character */
	uint8_t		message[MESSAGE_BYTES];
	size_t		salt_length;	/* of what begins every message */
	RememberedToken tokens[REMEMBERED];
};

size_t
caredata_clk_work_size(void)
{
	return sizeof(ClkWork);
}

/* ------------------------------------------------------------------------
 * Tokens
 * ------------------------------------------------------------------------
 */

/*
 * Calls back with each token of a value in work->message, after what begins
 * every message, and its share of the bits.
 */
static ClkStatus
each_token(const ClkFeature *feature, ClkWork *work, ClkText value,
		   ClkTokenCallback callback, void *arg)
{
	uint8_t    *message = work->message + work->salt_length;
	size_t		pad = feature->comparison == CLK_NGRAM ? (size_t) feature->n - 1 : 0;
	size_t		length;
	int			count = 1;
	int64_t		number = 0;
	ClkStatus	status;
	int			i;

	status = caredata_clk_normal_value(feature, value, work->value + pad,
								   work->start, &length);
	if (status != CLK_OK || length == 0)
		return status;

	if (feature->comparison == CLK_NGRAM)
	{
		memset(work->value, ' ', pad);
		memset(work->value + pad + length, ' ', pad);
		length += 2 * pad;
		count = caredata_clk_split(work->value, length, work->start,
								   PADDED_CHARACTERS) - (feature->n - 1);
	}
	else if (feature->comparison == CLK_NUMERIC)
	{
		ClkText		text;

		text.bytes = (const char *) work->value;
		text.length = length;
		status = caredata_clk_grid_number(feature, text, &number);
		if (status != CLK_OK)
			return status;
		count = 2 * feature->resolution + 1;
	}

	for (i = 0; i < count; i++)
	{
		int			bits = feature->bits;
		size_t		at = 0;

		if (!feature->per_token)
			bits = feature->bits / count + (i < feature->bits % count);
		if (feature->comparison == CLK_NGRAM)
		{
			uint32_t	first = work->start[i];
			uint32_t	end = work->start[i + feature->n];

			if (feature->positional)
				at = (size_t) snprintf((char *) message, POSITION_BYTES, "%d ",
									   i + 1);
			memcpy(message + at, work->value + first, end - first);
			at += end - first;
		}
		else if (feature->comparison == CLK_NUMERIC)
			at = (size_t) snprintf((char *) message, 32, "%lld",
								   (long long) (number +
												(i - feature->resolution) * feature->distance));
		else
		{
			memcpy(message, work->value, length);
			at = length;
		}
		callback(arg, work->message, work->salt_length + at, bits);
	}
	return CLK_OK;
}

ClkStatus
caredata_clk_tokens(const ClkFeature *feature, ClkWork *work, ClkText value,
					ClkTokenCallback callback, void *arg)
{
	work->salt_length = 0;
	return each_token(feature, work, value, callback, arg);
}

/* ------------------------------------------------------------------------
 * Bits
 * ------------------------------------------------------------------------
 */

/* What add_token() needs to know. */
typedef struct TokenSink
{
	const ClkSchema *schema;
	const ClkFeature *feature;
	uint32_t	owner;			/* number of the feature */
	const uint8_t *keys;		/* of the feature */
	ClkWork    *work;
	bool		failed;
} TokenSink;

static inline void
set_bit(uint8_t *filter, uint32_t index)
{
	filter[index >> 3] |= (uint8_t) (0x80 >> (index & 7));
}

/*
 * Where a token is or will be remembered, with the key that it has there; NULL
 * if it is too long.
 */
static inline RememberedToken *
remembered(ClkWork *work, uint32_t owner, const uint8_t *token, size_t length,
		   TokenKey *key)
{
	uint64_t	words[3];
	uint64_t	hash;

	if (length > REMEMBERED_BYTES)
		return NULL;
	memset(key, 0, sizeof(*key));
	key->owner = owner;
	key->length = (uint8_t) length;
	memcpy(key->bytes, token, length);
	memcpy(words, key, sizeof(words));
	hash = (words[0] ^ (words[1] * UINT64_C(0x9e3779b97f4a7c15)) ^
			(words[2] * UINT64_C(0xc2b2ae3d27d4eb4f)));
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return &work->tokens[hash >> (64 - REMEMBERED_BITS)];
}

static void
add_blake_token(TokenSink *sink, const uint8_t *token, size_t length, int bits)
{
	const Blake2bKey *states = (const Blake2bKey *) sink->keys;
	uint32_t	mask = (uint32_t) sink->schema->filter_bits - 1;
	int			block;

	for (block = 0; bits > 0; block++, bits -= CLK_INDEXES_IN_HASH)
	{
		uint32_t	owner = (sink->owner << 16 | (uint32_t) block) + 1;
		TokenKey	key;
		RememberedToken *entry = remembered(sink->work, owner, token, length, &key);
		uint8_t		once[CLK_HASH_BYTES];
		uint8_t    *hash = entry != NULL ? entry->value.hash : once;
		int			i;

		if (entry == NULL || memcmp(&entry->key, &key, sizeof(key)) != 0)
		{
			caredata_blake2b_result(&states[block], token, length, hash,
									CLK_HASH_BYTES);
			if (entry != NULL)
				entry->key = key;
		}
		for (i = 0; i < CLK_INDEXES_IN_HASH && i < bits; i++)
			set_bit(sink->work->filter,
					((uint32_t) hash[2 * i] | (uint32_t) hash[2 * i + 1] << 8) & mask);
	}
}

/* An HMAC as a big-endian number modulo the length of the filter. */
static bool
hmac_modulo(const EVP_MD *digest, const uint8_t *key, int key_length,
			const uint8_t *message, size_t length, int modulus,
			uint32_t *result)
{
	uint8_t		mac[EVP_MAX_MD_SIZE];
	unsigned	mac_length = 0;
	uint64_t	rest = 0;
	unsigned	i;

	if (HMAC(digest, key, key_length, message, length, mac, &mac_length) == NULL)
		return false;
	for (i = 0; i < mac_length; i++)
		rest = (rest << 8 | mac[i]) % (uint64_t) modulus;
	*result = (uint32_t) rest;
	return true;
}

static bool
double_hash(const TokenSink *sink, const uint8_t *token, size_t length,
			uint32_t *steps)
{
	const ClkSchema *schema = sink->schema;
	const uint8_t *md5_key = sink->keys + schema->key_size;
	uint8_t		longer[MESSAGE_BYTES + 1];
	int			i;

	if (!hmac_modulo(EVP_sha1(), sink->keys, schema->key_size, token, length,
					 schema->filter_bits, &steps[0]) ||
		!hmac_modulo(EVP_md5(), md5_key, schema->key_size, token, length,
					 schema->filter_bits, &steps[1]))
		return false;
	if (!sink->feature->prevent_singularity || steps[1] != 0)
		return true;

	/* as improbable as they are, more than 128 attempts are a failure */
	memcpy(longer, token, length);
	for (i = 0; i < 128 && steps[1] == 0; i++)
	{
		longer[length] = (uint8_t) i;
		if (!hmac_modulo(EVP_md5(), md5_key, schema->key_size, longer,
						 length + 1, schema->filter_bits, &steps[1]))
			return false;
	}
	return steps[1] != 0;
}

static void
add_double_token(TokenSink *sink, const uint8_t *token, size_t length, int bits)
{
	uint32_t	modulus = (uint32_t) sink->schema->filter_bits;
	TokenKey	key;
	RememberedToken *entry = remembered(sink->work, (sink->owner << 16) + 1,
										token, length, &key);
	uint32_t	once[2];
	uint32_t   *steps = entry != NULL ? entry->value.steps : once;
	uint32_t	index;

	if (entry == NULL || memcmp(&entry->key, &key, sizeof(key)) != 0)
	{
		if (entry != NULL)
			entry->key.owner = 0;
		if (!double_hash(sink, token, length, steps))
		{
			sink->failed = true;
			return;
		}
		if (entry != NULL)
			entry->key = key;
	}
	for (index = steps[0]; bits > 0; bits--)
	{
		set_bit(sink->work->filter, index);
		index = (index + steps[1]) % modulus;
	}
}

static void
add_token(void *arg, const uint8_t *token, size_t length, int bits)
{
	TokenSink  *sink = (TokenSink *) arg;

	if (sink->feature->hash == CLK_BLAKE)
		add_blake_token(sink, token, length, bits);
	else
		add_double_token(sink, token, length, bits);
}

/* ------------------------------------------------------------------------
 * Records
 * ------------------------------------------------------------------------
 */

/* What begins every message: nothing, or the salting value and its length. */
static ClkStatus
begin_messages(const ClkSchema *schema, ClkWork *work, const ClkText *values)
{
	size_t		length;
	ClkStatus	status;

	work->salt_length = 0;
	if (schema->salt_feature < 0)
		return CLK_OK;
	status = caredata_clk_normal_value(&schema->features[schema->salt_feature],
									   values[schema->salt_feature],
									   work->value, work->start, &length);
	if (status != CLK_OK)
		return status;
	if (schema->salt_by_year && length > 4)
		length = 4;
	if (length > CLK_SALT_BYTES)
		return CLK_TOO_LONG;
	work->message[0] = (uint8_t) length;
	memcpy(work->message + 1, work->value, length);
	work->salt_length = 1 + length;
	return CLK_OK;
}

ClkStatus
caredata_clk_encode(const ClkSchema *schema, const uint8_t *keys, ClkWork *work,
					const ClkText *values, const uint8_t *seed, uint8_t *out,
					int *feature)
{
	TokenSink	sink;
	ClkStatus	status;
	int			i;

	*feature = schema->salt_feature;
	status = begin_messages(schema, work, values);
	if (status != CLK_OK)
		return status;

	memset(work->filter, 0, (size_t) schema->filter_bits / 8);
	sink.schema = schema;
	sink.work = work;
	sink.failed = false;
	for (i = 0; i < schema->nfeatures; i++)
	{
		sink.feature = &schema->features[i];
		if (sink.feature->ignored)
			continue;
		sink.owner = (uint32_t) i;
		sink.keys = keys + sink.feature->key_at;
		*feature = i;
		status = each_token(sink.feature, work, values[i], add_token, &sink);
		if (status != CLK_OK)
			return status;
		if (sink.failed)
			return CLK_LIBRARY_FAILED;
	}

	caredata_clk_fold(work->filter, schema->filter_bits / 8, schema->folds);
	if (schema->flips > 0 &&
		!caredata_clk_flip(work->filter, schema->bits, (uint32_t) schema->flips,
						   seed))
		return CLK_LIBRARY_FAILED;
	if (schema->balanced)
		caredata_clk_balance(work->filter, schema->bits,
							 (const uint32_t *) (keys + schema->permutation_at),
							 out);
	else
		memcpy(out, work->filter, (size_t) schema->bits / 8);
	return CLK_OK;
}
