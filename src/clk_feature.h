/*
 * clk_feature.h
 *		What a schema of CLKs says: features, how their values look, and what
 *		tokens and bits they make.
 *
 * Nothing here knows PostgreSQL.  All text is UTF-8.
 */
#ifndef CAREDATA_CLK_FEATURE_H
#define CAREDATA_CLK_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLK_MIN_BITS			64	/* of a finished CLK */
#define CLK_MAX_BITS			65536	/* before folding, after balancing */
#define CLK_MAX_BYTES			(CLK_MAX_BITS / 8)
#define CLK_MAX_FEATURES		256
#define CLK_MAX_FEATURE_BITS	8192	/* budget of a feature or token */
#define CLK_MAX_CHARACTERS		1024	/* of a value */
#define CLK_MAX_NGRAM			16
#define CLK_MAX_DATE_FORMAT		64
#define CLK_MAX_RESOLUTION		512
#define CLK_MAX_KEY_BYTES		64
#define CLK_SALT_BYTES			64	/* of a record's salting value */
#define CLK_SEED_BYTES			32
#define CLK_FLIP_UNIT			65536	/* what probabilities are a part of */
#define CLK_HASH_BYTES			64	/* of BLAKE2b; 16 bits each are an index */
#define CLK_INDEXES_IN_HASH		(CLK_HASH_BYTES / 2)

/* bytes are NULL for what is absent */
typedef struct ClkText
{
	const char *bytes;
	size_t		length;
} ClkText;

typedef enum ClkFormat
{
	CLK_STRING,
	CLK_INTEGER,
	CLK_DATE,
	CLK_ENUM
} ClkFormat;

typedef enum ClkLetterCase
{
	CLK_MIXED_CASE,
	CLK_UPPER_CASE,
	CLK_LOWER_CASE
} ClkLetterCase;

typedef enum ClkComparison
{
	CLK_NGRAM,
	CLK_EXACT,
	CLK_NUMERIC
} ClkComparison;

typedef enum ClkHash
{
	CLK_BLAKE,
	CLK_DOUBLE
} ClkHash;

typedef struct ClkFeature
{
	bool		ignored;

	/* what a value looks like */
	ClkFormat	format;
	bool		ascii;
	ClkLetterCase letter_case;	/* of the letters of ASCII */
	int			min_length;		/* characters */
	int			max_length;		/* 0 for any */
	bool		has_minimum;
	bool		has_maximum;
	int64_t		minimum;
	int64_t		maximum;
	ClkText		date_format;
	const ClkText *values;		/* of an enum */
	int			nvalues;
	ClkText		sentinel;		/* value that means a missing one */
	ClkText		replacement;	/* what it is replaced by */

	/* what tokens are made of it */
	ClkComparison comparison;
	int			n;
	bool		positional;
	double		threshold_distance;
	int			resolution;
	int			fractional_precision;

	/* what bits they set */
	ClkHash		hash;
	bool		prevent_singularity;
	bool		per_token;		/* else bits are those of the whole feature */
	int			bits;

	/* worked out by caredata_clk_plan() */
	int64_t		distance;
	size_t		key_at;
	int			nstates;
} ClkFeature;

typedef struct ClkSchema
{
	int			bits;			/* of a CLK after folding */
	int			folds;
	bool		sha512;			/* in the derivation of keys, else SHA-256 */
	ClkText		kdf_salt;
	ClkText		kdf_info;
	int			key_size;
	int			nfeatures;
	ClkFeature *features;

	/* hardening */
	int			salt_feature;	/* whose value goes into every token, or -1 */
	bool		salt_by_year;	/* the first four characters of it */
	int			flips;			/* bits of 65,536 that chance decides, even */
	bool		balanced;

	/* worked out by caredata_clk_plan() */
	int			filter_bits;	/* before folding */
	int			result_bits;
	size_t		keys_size;
	size_t		permutation_at;
} ClkSchema;

typedef enum ClkStatus
{
	CLK_OK,
	CLK_LIBRARY_FAILED,			/* OpenSSL or libsodium */
	/* of a value: */
	CLK_NOT_UTF8,
	CLK_TOO_LONG,
	CLK_NOT_ASCII,
	CLK_WRONG_CASE,
	CLK_WRONG_LENGTH,
	CLK_NOT_INTEGER,
	CLK_OUT_OF_RANGE,
	CLK_NOT_DATE,
	CLK_NOT_IN_ENUM,
	CLK_NOT_NUMBER
} ClkStatus;

#endif							/* CAREDATA_CLK_FEATURE_H */
