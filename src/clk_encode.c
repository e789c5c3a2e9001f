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
#include <math.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blake2b.h"
#include "clk_date.h"
#include "clk_encode.h"
#include "clk_harden.h"

#define HASH_BYTES			64
#define INDEXES_IN_HASH		(HASH_BYTES / 2)

#define PERMUTATION_LABEL	"caredata clk permutation 1"

/* decimal digits of a position, a space */
#define POSITION_BYTES		12
#define CHARACTER_BYTES		4
#define VALUE_BYTES			(CLK_MAX_CHARACTERS * CHARACTER_BYTES)
#define PADDED_CHARACTERS	(CLK_MAX_CHARACTERS + 2 * (CLK_MAX_NGRAM - 1))
#define MESSAGE_BYTES \
	(1 + CLK_SALT_BYTES + POSITION_BYTES + VALUE_BYTES + \
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
		uint8_t		hash[HASH_BYTES];
		uint32_t	steps[2];	/* first index and distance of doubleHash */
	}			value;
} RememberedToken;

struct ClkWork
{
	uint8_t		filter[CLK_MAX_BYTES];
	uint8_t		value[VALUE_BYTES + 2 * (CLK_MAX_NGRAM - 1)];
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

const char *
caredata_clk_status_text(ClkStatus status)
{
	switch (status)
	{
		case CLK_OK:
			break;
		case CLK_LIBRARY_FAILED:
			return "could not be hashed";
		case CLK_NOT_UTF8:
			return "is not UTF-8";
		case CLK_TOO_LONG:
			return "is too long";
		case CLK_NOT_ASCII:
			return "has characters outside ASCII";
		case CLK_WRONG_CASE:
			return "has letters of the other case";
		case CLK_WRONG_LENGTH:
			return "has a length that the schema does not allow";
		case CLK_NOT_INTEGER:
			return "is not an integer";
		case CLK_OUT_OF_RANGE:
			return "is out of the schema's range";
		case CLK_NOT_DATE:
			return "is not a date in the schema's format";
		case CLK_NOT_IN_ENUM:
			return "is not in the schema's list of values";
		case CLK_NOT_NUMBER:
			return "is not a number, or too great a one";
	}
	return "is valid";
}

/* ------------------------------------------------------------------------
 * Numbers
 * ------------------------------------------------------------------------
 */

static ClkText
without_spaces(ClkText text)
{
	while (text.length > 0 && clk_is_space(text.bytes[0]))
	{
		text.bytes++;
		text.length--;
	}
	while (text.length > 0 && clk_is_space(text.bytes[text.length - 1]))
		text.length--;
	return text;
}

/* The digits of an integer without leading zeros, and its sign. */
static bool
integer_digits(ClkText *text, bool *negative)
{
	size_t		i;

	*text = without_spaces(*text);
	*negative = false;
	if (text->length > 0 && (text->bytes[0] == '-' || text->bytes[0] == '+'))
	{
		*negative = text->bytes[0] == '-';
		text->bytes++;
		text->length--;
	}
	if (text->length == 0)
		return false;
	for (i = 0; i < text->length; i++)
	{
		if (!clk_is_digit(text->bytes[i]))
			return false;
	}
	while (text->length > 1 && text->bytes[0] == '0')
	{
		text->bytes++;
		text->length--;
	}
	if (text->length == 1 && text->bytes[0] == '0')
		*negative = false;
	return true;
}

/* Digits as a number; false beyond 18 of them. */
static bool
small_integer(ClkText digits, bool negative, int64_t *value)
{
	size_t		i;

	if (digits.length > 18)
		return false;
	*value = 0;
	for (i = 0; i < digits.length; i++)
		*value = 10 * *value + (digits.bytes[i] - '0');
	if (negative)
		*value = -*value;
	return true;
}

static ClkStatus
normal_integer(const ClkFeature *feature, ClkText text, uint8_t *out,
			   size_t *length)
{
	bool		negative;
	int64_t		value;

	if (!integer_digits(&text, &negative))
		return CLK_NOT_INTEGER;
	if (feature->has_minimum || feature->has_maximum)
	{
		bool		small = small_integer(text, negative, &value);

		if (!small)
			value = negative ? INT64_MIN : INT64_MAX;
		if ((feature->has_minimum && value < feature->minimum) ||
			(feature->has_maximum && value > feature->maximum))
			return CLK_OUT_OF_RANGE;
	}
	*length = text.length + negative;
	if (negative)
		*out++ = '-';
	memcpy(out, text.bytes, text.length);
	return CLK_OK;
}

static int64_t
power_of_ten(int exponent)
{
	int64_t		power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

/*
 * The middle of a number's neighbourhood, in steps of a grid.  Integers are
 * exact, as in clkhash; other numbers are rounded, half to even.
 */
static ClkStatus
grid_number(const ClkFeature *feature, ClkText text, int64_t *number)
{
	ClkText		digits = text;
	bool		negative;
	int64_t		value;
	int64_t		residue;

	if (integer_digits(&digits, &negative))
	{
		if (!small_integer(digits, negative, &value) ||
			__builtin_mul_overflow(value, power_of_ten(feature->fractional_precision),
								   &value))
			return CLK_NOT_NUMBER;
	}
	else
	{
		char		copy[64];
		char	   *end;
		double		real;
		size_t		i;

		text = without_spaces(text);
		if (text.length == 0 || text.length >= sizeof(copy))
			return CLK_NOT_NUMBER;
		for (i = 0; i < text.length; i++)
		{
			if (!clk_is_digit(text.bytes[i]) &&
				memchr("+-.eE", text.bytes[i], 5) == NULL)
				return CLK_NOT_NUMBER;
		}
		memcpy(copy, text.bytes, text.length);
		copy[text.length] = '\0';
		real = strtod(copy, &end);
		if (end != copy + text.length)
			return CLK_NOT_NUMBER;
		if (feature->fractional_precision > 0)
			real = rint(real * (double) power_of_ten(feature->fractional_precision));
		else
			real = trunc(real);
		if (!(fabs(real) < 1e18))
			return CLK_NOT_NUMBER;
		value = (int64_t) real;
	}

	/* leaves room for the neighbourhood */
	if (__builtin_mul_overflow(value, (int64_t) 2 * feature->resolution, &value) ||
		value > INT64_MAX / 2 || value < INT64_MIN / 2)
		return CLK_NOT_NUMBER;
	residue = value % feature->distance;
	if (residue < 0)
		residue += feature->distance;
	value -= residue;
	if (residue != 0 && 2 * residue >= feature->distance)
		value += feature->distance;
	*number = value;
	return CLK_OK;
}

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

/*
 * Where the characters of a text start, and its end.  Returns their number, or
 * -1 if it is not UTF-8, or -2 if there are more than fit.
 */
static int
split_characters(const uint8_t *bytes, size_t length, uint32_t *start, int size)
{
	size_t		at = 0;
	int			count = 0;

	while (at < length)
	{
		size_t		width;
		size_t		i;

		if (bytes[at] < 0x80)
			width = 1;
		else if (bytes[at] >= 0xc2 && bytes[at] < 0xe0)
			width = 2;
		else if (bytes[at] >= 0xe0 && bytes[at] < 0xf0)
			width = 3;
		else if (bytes[at] >= 0xf0 && bytes[at] < 0xf5)
			width = 4;
		else
			return -1;
		if (length - at < width)
			return -1;
		for (i = 1; i < width; i++)
		{
			if ((bytes[at + i] & 0xc0) != 0x80)
				return -1;
		}
		if (count == size)
			return -2;
		start[count++] = (uint32_t) at;
		at += width;
	}
	start[count] = (uint32_t) length;
	return count;
}

static bool
same_text(ClkText a, ClkText b)
{
	return a.bytes != NULL && b.bytes != NULL && a.length == b.length &&
		(a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static ClkStatus
check_string(const ClkFeature *feature, ClkText text, int characters)
{
	size_t		i;

	if (characters < feature->min_length ||
		(feature->max_length > 0 && characters > feature->max_length))
		return CLK_WRONG_LENGTH;
	for (i = 0; i < text.length; i++)
	{
		char		c = text.bytes[i];

		if (feature->ascii && (unsigned char) c >= 0x80)
			return CLK_NOT_ASCII;
		if ((feature->letter_case == CLK_UPPER_CASE && c >= 'a' && c <= 'z') ||
			(feature->letter_case == CLK_LOWER_CASE && c >= 'A' && c <= 'Z'))
			return CLK_WRONG_CASE;
	}
	return CLK_OK;
}

/*
 * The normal form of a value, into work->value after pad bytes of room; its
 * length is 0 for a value that is missing.
 */
static ClkStatus
normal_value(const ClkFeature *feature, ClkWork *work, ClkText value,
			 size_t pad, size_t *length)
{
	uint8_t    *out = work->value + pad;
	ClkStatus	status = CLK_OK;
	int			characters;
	int			i;

	if (value.bytes == NULL)
	{
		value.bytes = "";
		value.length = 0;
	}
	if (same_text(value, feature->sentinel))
	{
		/* hashed as it is, whatever the format; caredata_clk_plan() saw to it */
		value = feature->replacement.bytes != NULL ? feature->replacement : value;
		memcpy(out, value.bytes, value.length);
		*length = value.length;
		return CLK_OK;
	}
	*length = 0;
	if (value.length == 0)
		return CLK_OK;
	if (value.length > VALUE_BYTES)
		return CLK_TOO_LONG;
	characters = split_characters((const uint8_t *) value.bytes, value.length,
								  work->start, CLK_MAX_CHARACTERS);
	if (characters < 0)
		return characters == -1 ? CLK_NOT_UTF8 : CLK_TOO_LONG;

	*length = value.length;
	switch (feature->format)
	{
		case CLK_STRING:
			status = check_string(feature, value, characters);
			break;
		case CLK_ENUM:
			for (i = 0; i < feature->nvalues; i++)
			{
				if (same_text(value, feature->values[i]))
					break;
			}
			if (i == feature->nvalues)
				status = CLK_NOT_IN_ENUM;
			break;
		case CLK_INTEGER:
			return normal_integer(feature, value, out, length);
		case CLK_DATE:
			*length = 8;
			return caredata_clk_date(feature->date_format, value, out) ?
				CLK_OK : CLK_NOT_DATE;
	}
	if (status == CLK_OK)
		memcpy(out, value.bytes, value.length);
	return status;
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

	status = normal_value(feature, work, value, pad, &length);
	if (status != CLK_OK || length == 0)
		return status;

	if (feature->comparison == CLK_NGRAM)
	{
		memset(work->value, ' ', pad);
		memset(work->value + pad + length, ' ', pad);
		length += 2 * pad;
		count = split_characters(work->value, length, work->start,
								 PADDED_CHARACTERS) - (feature->n - 1);
	}
	else if (feature->comparison == CLK_NUMERIC)
	{
		ClkText		text;

		text.bytes = (const char *) work->value;
		text.length = length;
		status = grid_number(feature, text, &number);
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

	for (block = 0; bits > 0; block++, bits -= INDEXES_IN_HASH)
	{
		uint32_t	owner = (sink->owner << 16 | (uint32_t) block) + 1;
		TokenKey	key;
		RememberedToken *entry = remembered(sink->work, owner, token, length, &key);
		uint8_t		once[HASH_BYTES];
		uint8_t    *hash = entry != NULL ? entry->value.hash : once;
		int			i;

		if (entry == NULL || memcmp(&entry->key, &key, sizeof(key)) != 0)
		{
			caredata_blake2b_result(&states[block], token, length, hash,
									HASH_BYTES);
			if (entry != NULL)
				entry->key = key;
		}
		for (i = 0; i < INDEXES_IN_HASH && i < bits; i++)
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
 * Schema and keys
 * ------------------------------------------------------------------------
 */

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

		if (split_characters((const uint8_t *) used.bytes, used.length, start,
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
						(double) power_of_ten(feature->fractional_precision));
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
			one->nstates = (one->bits + INDEXES_IN_HASH - 1) / INDEXES_IN_HASH;
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
											(const uint8_t *) salt, HASH_BYTES);
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

/* What begins every message: nothing, or the salting value and its length. */
static ClkStatus
begin_messages(const ClkSchema *schema, ClkWork *work, const ClkText *values)
{
	size_t		length;
	ClkStatus	status;

	work->salt_length = 0;
	if (schema->salt_feature < 0)
		return CLK_OK;
	status = normal_value(&schema->features[schema->salt_feature], work,
						  values[schema->salt_feature], 0, &length);
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
