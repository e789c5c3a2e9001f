/*
 * clk_encode_test.c
 *		CLKs against clkhash's: whole records under eight schemas, keys, tokens
 *		and hashes; then what hardens them, and values that no schema takes.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clk_date.h"
#include "clk_encode.h"
#include "clk_harden.h"
#include "clk_value.h"
#include "clk_vectors.h"
#include "popcount.h"
#include "tap.h"

#define TEXT(literal)	((ClkText) {literal, sizeof(literal) - 1})
#define NO_TEXT			((ClkText) {NULL, 0})
#define SECRET			((const uint8_t *) "secret")
#define SECRET_BYTES	6

static ClkWork *work;

static ClkText
text_of(const char *string)
{
	ClkText		text;

	text.bytes = string;
	text.length = strlen(string);
	return text;
}

static ClkText
kdf_salt(void)
{
	static char bytes[64];
	size_t		length = 0;

	if (sodium_base642bin((unsigned char *) bytes, sizeof(bytes),
						  "SCbL2zHNnmsckfzchsNkZY9XoHk96P/G5nUBrM7ybymlEFsMV6PAeDZCNp3rfNUPCtLDMOGQHG4pCQpfhiHCyA==",
						  88, NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		exit(2);
	return (ClkText) {bytes, length};
}

static ClkSchema
new_schema(int bits, ClkFeature *features, int nfeatures)
{
	ClkSchema	schema = {0};
	int			i;

	memset(features, 0, (size_t) nfeatures * sizeof(ClkFeature));
	schema.bits = bits;
	schema.key_size = 64;
	schema.nfeatures = nfeatures;
	schema.features = features;
	schema.salt_feature = -1;
	for (i = 0; i < nfeatures; i++)
	{
		features[i].comparison = CLK_NGRAM;
		features[i].n = 2;
		features[i].bits = 200;
	}
	return schema;
}

/* rec_id, forename, surname, dob, sex, postcode: those of the vectors */
static ClkSchema
person_schema(ClkFeature *features, int bits)
{
	static const ClkText sexes[] = {{"0", 1}, {"1", 1}, {"2", 1}, {"9", 1}};
	ClkSchema	schema = new_schema(bits, features, 6);

	schema.kdf_salt = kdf_salt();
	schema.kdf_info = TEXT("schema_example");
	features[0].ignored = true;
	features[3].format = CLK_DATE;
	features[3].date_format = TEXT("%Y-%m-%d");
	features[3].sentinel = TEXT("");
	features[3].replacement = TEXT("");
	features[3].n = 1;
	features[3].positional = true;
	features[4].format = CLK_ENUM;
	features[4].values = sexes;
	features[4].nvalues = 4;
	features[4].n = 1;
	features[4].bits = 100;
	features[5].positional = true;
	features[5].bits = 150;
	return schema;
}

static void
all_double(ClkSchema *schema, bool prevent_singularity)
{
	int			i;

	for (i = 1; i < schema->nfeatures; i++)
	{
		schema->features[i].hash = CLK_DOUBLE;
		schema->features[i].prevent_singularity = prevent_singularity;
	}
}

/* Keys of a planned schema. */
static uint8_t *
derive(ClkSchema *schema)
{
	int			feature;
	const char *problem = caredata_clk_plan(schema, &feature);
	uint8_t    *keys;

	if (problem != NULL)
	{
		printf("# feature %d: %s\n", feature, problem);
		exit(2);
	}
	/* of exactly the size, so that the sanitizer sees a step too far */
	keys = malloc(schema->keys_size);
	if (keys == NULL ||
		caredata_clk_derive(schema, SECRET, SECRET_BYTES, keys) != CLK_OK)
		exit(2);
	memset(work, 0, caredata_clk_work_size());
	return keys;
}

static bool
encode(const ClkSchema *schema, const uint8_t *keys, const ClkText *values,
	   const uint8_t *seed, uint8_t *out)
{
	int			feature;

	return caredata_clk_encode(schema, keys, work, values, seed, out,
							   &feature) == CLK_OK;
}

static bool
is_base64(const uint8_t *bytes, int bits, const char *expected)
{
	char		text[8 * 1024];

	sodium_bin2base64(text, sizeof(text), bytes, (size_t) bits / 8,
					  sodium_base64_VARIANT_ORIGINAL);
	return strcmp(text, expected) == 0;
}

/* ------------------------------------------------------------------------
 * Whole records
 * ------------------------------------------------------------------------
 */

static void
check_records(int vector, const char *name, ClkSchema *schema)
{
	uint8_t    *keys = derive(schema);
	uint8_t    *out = malloc((size_t) schema->result_bits / 8);
	int			wrong = 0;
	int			record;
	int			round;

	/* the second time tokens are remembered */
	for (round = 0; round < 2; round++)
	{
		for (record = 0; record < 5; record++)
		{
			ClkText		values[6];
			int			i;

			for (i = 0; i < 6; i++)
				values[i] = text_of(clk_records[record][i]);
			wrong += !encode(schema, keys, values, NULL, out) ||
				!is_base64(out, schema->result_bits, clk_results[vector][record]);
		}
	}
	ok(wrong == 0, "%s: five records, twice", name);
	free(out);
	free(keys);
}

static void
whole_records(void)
{
	ClkFeature	features[6];
	ClkSchema	schema;
	int			i;

	schema = person_schema(features, 1024);
	check_records(0, "blakeHash", &schema);

	schema = person_schema(features, 1024);
	schema.kdf_salt = schema.kdf_info = NO_TEXT;
	check_records(1, "no salt and no info", &schema);

	schema = person_schema(features, 1024);
	all_double(&schema, false);
	for (i = 1; i < 6; i++)
	{
		features[i].per_token = true;
		features[i].bits = i == 4 ? 10 : i == 5 ? 15 : 20;
	}
	check_records(2, "doubleHash, bits per token", &schema);

	schema = person_schema(features, 1000);
	all_double(&schema, true);
	check_records(3, "doubleHash without singularity, 1000 bits", &schema);

	schema = person_schema(features, 512);
	schema.folds = 1;
	check_records(4, "one fold", &schema);

	schema = person_schema(features, 256);
	schema.folds = 2;
	schema.sha512 = true;
	check_records(5, "two folds, SHA-512", &schema);

	schema = person_schema(features, 2048);
	schema.key_size = 32;
	check_records(6, "2048 bits, keys of 32 bytes", &schema);

	schema = person_schema(features, 1024);
	for (i = 1; i < 6; i++)
	{
		features[i].comparison = i == 2 || i == 5 ? CLK_NGRAM : CLK_EXACT;
		features[i].bits = i < 3 ? 120 : i == 3 ? 80 : 77;
		features[i].positional = i == 5;
	}
	features[2].n = 3;
	features[2].hash = CLK_DOUBLE;
	features[4].per_token = true;
	features[4].bits = 5;
	features[5].n = 1;
	check_records(7, "exact and mixed", &schema);
}

static void
tutorial_record(void)
{
	static const char *const values[11] = {
		"rec-1070-org", "michaela", "neumann", "8", "stanley street", "miami",
		"winston hills", "4223", "nsw", "19151111", "5304218"
	};
	static const int bits[11] = {0, 200, 200, 100, 100, 100, 100, 100, 100, 200, 0};
	ClkFeature	features[11];
	ClkText		texts[11];
	ClkSchema	schema = new_schema(1024, features, 11);
	uint8_t    *keys;
	uint8_t		out[128];
	int			i;

	for (i = 0; i < 11; i++)
	{
		texts[i] = text_of(values[i]);
		features[i].bits = bits[i];
		if (i == 3 || i == 7 || i == 9)
		{
			features[i].format = CLK_INTEGER;
			features[i].n = 1;
			features[i].positional = true;
		}
	}
	features[0].ignored = features[10].ignored = true;
	keys = derive(&schema);
	ok(encode(&schema, keys, texts, NULL, out) &&
	   is_base64(out, 1024, clk_febrl4a_first), "the tutorial's first record");
	free(keys);
}

/*
 * Keys and tokens for which the second HMAC is 0 modulo 1024: one bit however
 * many are asked for, or as clkhash has it when that is prevented.
 */
static void
singularity(void)
{
	static const uint8_t keys[] = "secret1secret2\0";
	static const struct
	{
		const char *token;
		int			distance;
	}			cases[] = {{"635", 509}, {"1402", 663}};
	ClkFeature	features[1];
	ClkSchema	schema = new_schema(1024, features, 1);
	uint8_t		out[128];
	int			feature;
	int			i;

	schema.key_size = 7;
	features[0].comparison = CLK_EXACT;
	features[0].hash = CLK_DOUBLE;
	features[0].bits = 2;
	caredata_clk_plan(&schema, &feature);
	for (i = 0; i < 2; i++)
	{
		ClkText		token = text_of(cases[i].token);
		int			bits[2] = {0, 0};
		int			count = 0;
		int			bit;

		memset(work, 0, caredata_clk_work_size());
		features[0].prevent_singularity = false;
		ok(encode(&schema, keys, &token, NULL, out) && caredata_ones(out, 128) == 1,
		   "singular token %s", cases[i].token);
		memset(work, 0, caredata_clk_work_size());
		features[0].prevent_singularity = true;
		encode(&schema, keys, &token, NULL, out);
		for (bit = 0; bit < 1024; bit++)
		{
			if (out[bit / 8] >> (7 - bit % 8) & 1)
				bits[count++ & 1] = bit;
		}
		ok(count == 2 && (bits[1] - bits[0] == cases[i].distance ||
						  bits[0] + 1024 - bits[1] == cases[i].distance),
		   "prevented for token %s", cases[i].token);
	}
}

/* ------------------------------------------------------------------------
 * Parts
 * ------------------------------------------------------------------------
 */

static void
check_hkdf(bool sha512, ClkText salt, ClkText info, const char *first,
		   const char *fourth)
{
	uint8_t		out[4 * 64];
	char		hex[2][17];

	if (!caredata_clk_hkdf(sha512, SECRET, SECRET_BYTES, salt, info, out, sizeof(out)))
		exit(2);
	sodium_bin2hex(hex[0], sizeof(hex[0]), out, 8);
	sodium_bin2hex(hex[1], sizeof(hex[1]), out + 3 * 64, 8);
	ok(strcmp(hex[0], first) == 0 && strcmp(hex[1], fourth) == 0,
	   "HKDF-SHA-%s %s salt", sha512 ? "512" : "256",
	   salt.bytes == NULL ? "without" : "with");
}

typedef struct Joined
{
	char		text[20000];
	int			bits;
	int			count;
} Joined;

static void
join(void *arg, const uint8_t *token, size_t length, int bits)
{
	Joined	   *joined = (Joined *) arg;
	size_t		at = strlen(joined->text);

	if (at + length + 2 > sizeof(joined->text))
		exit(2);
	memcpy(joined->text + at, token, length);
	strcpy(joined->text + at + length, "|");
	joined->bits = joined->bits * (joined->count < 4 ? 100 : 1) +
		(joined->count < 4 ? bits : 0);
	joined->count++;
}

static void
check_tokens(const ClkFeature *feature, ClkText value, const char *expected,
			 const char *what)
{
	static Joined joined;
	ClkStatus	status;

	memset(&joined, 0, sizeof(joined));
	status = caredata_clk_tokens(feature, work, value, join, &joined);
	if (!ok(status == CLK_OK && strcmp(joined.text, expected) == 0, "tokens: %s",
			what))
		printf("# %s: %s\n", caredata_clk_status_text(status), joined.text);
}

static void
tokens(void)
{
	ClkFeature	features[1];
	ClkSchema	schema = new_schema(1024, features, 1);
	static Joined joined;
	int			feature;

	caredata_clk_plan(&schema, &feature);
	check_tokens(features, TEXT("clkhash"), " c|cl|lk|kh|ha|as|sh|h |", "bigrams");
	check_tokens(features, TEXT(""), "", "none");
	check_tokens(features, NO_TEXT, "", "NULL");
	check_tokens(features, TEXT("a"), " a|a |", "of one letter");
	check_tokens(features, TEXT("aaa"), " a|aa|aa|a |", "repeated ones count");
	features->positional = true;
	check_tokens(features, TEXT("clkhash"), "1  c|2 cl|3 lk|4 kh|5 ha|6 as|7 sh|8 h |",
				 "positional");
	features->n = 1;
	check_tokens(features, TEXT("19151111"), "1 1|2 9|3 1|4 5|5 1|6 1|7 1|8 1|",
				 "positional unigrams");
	features->positional = false;
	features->n = 3;
	check_tokens(features, TEXT("Jos\303\251"), "  J| Jo|Jos|os\303\251|s\303\251 |\303\251  |",
				 "characters, not bytes");
	features->comparison = CLK_EXACT;
	check_tokens(features, TEXT("LS1 4AP"), "LS1 4AP|", "exact");
	check_tokens(features, TEXT(""), "", "exact, of nothing");

	features->comparison = CLK_NUMERIC;
	features->threshold_distance = 8;
	features->resolution = 2;
	caredata_clk_plan(&schema, &feature);
	check_tokens(features, TEXT("25"), "88|96|104|112|120|", "numeric");
	check_tokens(features, TEXT(" +025 "), "88|96|104|112|120|", "numeric, signed");
	check_tokens(features, TEXT("25.9"), "88|96|104|112|120|", "numeric, truncated");
	features->threshold_distance = 500;
	features->resolution = 5;
	caredata_clk_plan(&schema, &feature);
	check_tokens(features, TEXT("-1234"),
				 "-15000|-14500|-14000|-13500|-13000|-12500|-12000|-11500|-11000|-10500|-10000|",
				 "numeric, negative");
	features->threshold_distance = 0.5;
	features->resolution = 3;
	features->fractional_precision = 2;
	caredata_clk_plan(&schema, &feature);
	check_tokens(features, TEXT("3.14159"), "1750|1800|1850|1900|1950|2000|2050|",
				 "numeric, fractional");

	/* the first tokens get one bit more */
	features->comparison = CLK_NGRAM;
	features->n = 2;
	features->bits = 100;
	memset(&joined, 0, sizeof(joined));
	caredata_clk_tokens(features, work, TEXT("abcdef"), join, &joined);
	ok(joined.count == 7 && joined.bits == 15151414, "100 bits over 7 tokens");
	features->bits = 5;
	memset(&joined, 0, sizeof(joined));
	caredata_clk_tokens(features, work, TEXT("clkhash"), join, &joined);
	ok(joined.count == 8 && joined.bits == 1010101, "5 bits over 8 tokens");
}

static void
check_date(const char *format, const char *text, const char *expected)
{
	ClkText		form = text_of(format);
	char	   *copy = malloc(strlen(text) + 1);
	uint8_t		out[8];
	bool		is_date;

	/* no byte after the text may be looked at */
	memcpy(copy, text, strlen(text));
	is_date = caredata_clk_date_format_is_known(form) &&
		caredata_clk_date(form, (ClkText) {copy, strlen(text)}, out);
	ok(expected == NULL ? !is_date : is_date && memcmp(out, expected, 8) == 0,
	   "date \"%s\" by %s", text, format);
	free(copy);
}

static void
dates(void)
{
	check_date("%Y-%m-%d", "1992-01-01", "19920101");
	check_date("%Y-%m-%d", "1992-1-1", "19920101");
	check_date("%Y%m%d", "20201113", "20201113");
	check_date("%d%m%Y", "1112020", "20200111");
	check_date("%d/%m/%Y", "29/02/2000", "20000229");
	check_date("%d/%m/%Y", "29/02/1900", NULL);
	check_date("%d/%m/%Y", "31/04/2001", NULL);
	check_date("%d/%m/%Y", "00/04/2001", NULL);
	check_date("%d/%m/%y", "01/02/68", "20680201");
	check_date("%d/%m/%y", "01/02/69", "19690201");
	check_date("%d %b %Y", "7 MAY 1999", "19990507");
	check_date("%d %b %Y", "7   may 1999", "19990507");
	check_date("%d%b%Y", "17sep2003", "20030917");
	check_date("%d %B %Y", "7 September 1999", "19990907");
	check_date("%d %B %Y", "7 Sep 1999", NULL);
	check_date("%%%Y-%m-%d", "%1992-01-01", "19920101");
	check_date("%Y-%m-%d", "1992-01-01 ", NULL);
	check_date("%Y-%m-%d", "1992-01-1x", NULL);
	check_date("%Y-%m-%d", "1992-01-", NULL);
	check_date("%Y-%m-%d", "0999-01-01", NULL);
	check_date("%Y-%m", "1992-01", NULL);
	check_date("%Y-%m-%d %H", "1992-01-01 10", NULL);
	check_date("%Y-%m-%d%", "1992-01-01%", NULL);
}

static void
no_token(void *arg, const uint8_t *token, size_t length, int bits)
{
	(void) arg;
	(void) token;
	(void) length;
	(void) bits;
}

static void
check_value(const ClkFeature *feature, ClkText value, ClkStatus expected,
			const char *what)
{
	ClkStatus	status = caredata_clk_tokens(feature, work, value, no_token, NULL);

	if (!ok(status == expected, "value: %s", what))
		printf("# %s\n", caredata_clk_status_text(status));
}

static void
values(void)
{
	static char long_text[10000];
	ClkFeature	feature = {0};

	memset(long_text, 'x', sizeof(long_text));
	feature.comparison = CLK_NGRAM;
	feature.n = 2;
	check_value(&feature, (ClkText) {long_text, 1024}, CLK_OK, "1,024 characters");
	check_value(&feature, (ClkText) {long_text, 1025}, CLK_TOO_LONG, "1,025 characters");
	check_value(&feature, (ClkText) {long_text, sizeof(long_text)}, CLK_TOO_LONG, "10,000 bytes");
	check_value(&feature, TEXT("\300\200"), CLK_NOT_UTF8, "overlong");
	check_value(&feature, TEXT("Zo\303"), CLK_NOT_UTF8, "cut off");
	check_value(&feature, TEXT("\377"), CLK_NOT_UTF8, "not UTF-8");
	feature.ascii = true;
	check_value(&feature, TEXT("Zo\303\253"), CLK_NOT_ASCII, "not ASCII");
	feature.letter_case = CLK_UPPER_CASE;
	check_value(&feature, TEXT("Zoe"), CLK_WRONG_CASE, "small letters");
	check_value(&feature, TEXT("ZOE-1"), CLK_OK, "capitals");
	feature.letter_case = CLK_LOWER_CASE;
	check_value(&feature, TEXT("zoE"), CLK_WRONG_CASE, "a capital");
	feature.letter_case = CLK_MIXED_CASE;
	feature.ascii = false;
	feature.min_length = 2;
	feature.max_length = 3;
	check_value(&feature, TEXT("\303\253"), CLK_WRONG_LENGTH, "one character of two bytes");
	check_value(&feature, TEXT("\303\253\303\253\303\253"), CLK_OK, "three of them");
	check_value(&feature, TEXT("abcd"), CLK_WRONG_LENGTH, "too long for the schema");
	check_value(&feature, TEXT(""), CLK_OK, "missing");

	feature.format = CLK_INTEGER;
	check_value(&feature, TEXT("12a"), CLK_NOT_INTEGER, "letters in an integer");
	check_value(&feature, TEXT("-"), CLK_NOT_INTEGER, "a sign alone");
	check_value(&feature, TEXT("1_000"), CLK_NOT_INTEGER, "an underscore");
	check_value(&feature, TEXT("99999999999999999999999"), CLK_OK, "a long integer");
	feature.has_minimum = feature.has_maximum = true;
	feature.minimum = -5;
	feature.maximum = 10;
	check_value(&feature, TEXT("-5"), CLK_OK, "the least");
	check_value(&feature, TEXT("-6"), CLK_OUT_OF_RANGE, "less");
	check_value(&feature, TEXT("11"), CLK_OUT_OF_RANGE, "more");
	check_value(&feature, TEXT("99999999999999999999999"), CLK_OUT_OF_RANGE, "much more");
	check_value(&feature, TEXT("-99999999999999999999999"), CLK_OUT_OF_RANGE, "much less");
	feature.sentinel = TEXT("n/a");
	check_value(&feature, TEXT("n/a"), CLK_OK, "the sentinel");
	check_value(&feature, TEXT("N/A"), CLK_NOT_INTEGER, "not quite the sentinel");

	feature.comparison = CLK_NUMERIC;
	feature.format = CLK_STRING;
	feature.min_length = feature.max_length = 0;
	feature.resolution = 512;
	feature.distance = 1;
	check_value(&feature, TEXT("1e400"), CLK_NOT_NUMBER, "infinite");
	check_value(&feature, TEXT("nan"), CLK_NOT_NUMBER, "not a number");
	check_value(&feature, TEXT("0x10"), CLK_NOT_NUMBER, "hexadecimal");
	check_value(&feature, TEXT("9223372036854775807"), CLK_NOT_NUMBER, "too great");
	check_value(&feature, TEXT("999999999999999999"), CLK_NOT_NUMBER, "too great for the grid");
	check_value(&feature, TEXT("1.5e3"), CLK_OK, "with an exponent");
}

static void
check_refused(const char *what, ClkSchema *schema, int expected)
{
	int			feature;
	const char *problem = caredata_clk_plan(schema, &feature);

	ok(problem != NULL && feature == expected, "refused: %s", what);
}

static void
schemas(void)
{
	ClkFeature	features[257];
	ClkSchema	schema;

	schema = person_schema(features, 1024);
	schema.bits = 1000;
	check_refused("blakeHash with 1000 bits", &schema, 1);
	schema = person_schema(features, 1020);
	check_refused("1020 bits", &schema, -1);
	schema = person_schema(features, 32);
	check_refused("32 bits", &schema, -1);
	schema = person_schema(features, 65536);
	schema.folds = 1;
	check_refused("65536 bits and a fold", &schema, -1);
	schema = person_schema(features, 65536);
	schema.balanced = true;
	check_refused("65536 bits, balanced", &schema, -1);
	schema = person_schema(features, 1024);
	schema.key_size = 65;
	check_refused("keys of 65 bytes", &schema, -1);
	schema = new_schema(1024, features, 64);
	check_refused("64 features with SHA-256", &schema, -1);
	schema.sha512 = true;
	free(derive(&schema));
	schema = new_schema(1024, features, 0);
	check_refused("no feature", &schema, -1);
	schema = person_schema(features, 1024);
	schema.flips = CLK_FLIP_UNIT;
	check_refused("every bit flipped", &schema, -1);
	schema = person_schema(features, 1024);
	schema.salt_feature = 6;
	check_refused("salting by a feature that is not there", &schema, -1);
	schema = person_schema(features, 1024);
	features[2].bits = 0;
	check_refused("no bits", &schema, 2);
	schema = person_schema(features, 1024);
	features[1].n = 0;
	check_refused("n of 0", &schema, 1);
	schema = person_schema(features, 1024);
	features[4].nvalues = 0;
	check_refused("an enum without values", &schema, 4);
	schema = person_schema(features, 1024);
	features[3].date_format = TEXT("%Y-%m-%dT%H:%M");
	check_refused("a time of day", &schema, 3);
	schema = person_schema(features, 1024);
	features[1].prevent_singularity = true;
	check_refused("singularity of blakeHash", &schema, 1);
	schema = person_schema(features, 1024);
	features[1].comparison = CLK_NUMERIC;
	features[1].threshold_distance = 0.001;
	features[1].resolution = 1;
	check_refused("a threshold of nothing", &schema, 1);
}

/* ------------------------------------------------------------------------
 * Hardening
 * ------------------------------------------------------------------------
 */

static uint32_t
differences(const uint8_t *a, const uint8_t *b, size_t length)
{
	return caredata_ones(a, length) + caredata_ones(b, length) -
		2 * caredata_common_ones(a, b, length);
}

static void
hardening(void)
{
	ClkFeature	features[6];
	ClkSchema	schema = person_schema(features, 1024);
	ClkText		one[6];
	ClkText		other[6];
	uint8_t    *keys;
	uint8_t		seeds[2][CLK_SEED_BYTES] = {{1}, {2}};
	uint8_t		plain[2][256];
	uint8_t		hard[3][256];
	uint32_t	order[2048];
	bool		seen[2048] = {false};
	long		changed = 0;
	long		to_one = 0;
	int			i;

	for (i = 0; i < 6; i++)
	{
		one[i] = text_of(clk_records[0][i]);
		other[i] = text_of(clk_records[1][i]);
	}
	keys = derive(&schema);
	encode(&schema, keys, one, NULL, plain[0]);
	encode(&schema, keys, other, NULL, plain[1]);
	free(keys);

	/* flips */
	schema.flips = CLK_FLIP_UNIT / 10 / 2 * 2;
	keys = derive(&schema);
	encode(&schema, keys, one, seeds[0], hard[0]);
	encode(&schema, keys, one, seeds[0], hard[1]);
	encode(&schema, keys, one, seeds[1], hard[2]);
	ok(memcmp(hard[0], hard[1], 128) == 0, "a record's flips stay the same");
	ok(differences(plain[0], hard[0], 128) > 20 &&
	   differences(plain[0], hard[0], 128) < 90, "about one bit of 20 differs");
	encode(&schema, keys, other, seeds[1], hard[1]);
	for (i = 0; i < 128; i++)
		hard[1][i] ^= plain[1][i];
	for (i = 0; i < 128; i++)
		hard[0][i] ^= plain[0][i];
	ok(caredata_common_ones(hard[0], hard[1], 128) < 15,
	   "two records' flips have nothing to do with each other");
	for (i = 0; i < 2000; i++)
	{
		uint8_t		filter[64];

		memset(filter, i % 2 == 0 ? 0 : 0xff, sizeof(filter));
		seeds[0][5] = (uint8_t) i;
		seeds[0][6] = (uint8_t) (i >> 8);
		caredata_clk_flip(filter, 512, CLK_FLIP_UNIT / 4, seeds[0]);
		if (i % 2 == 0)
			to_one += caredata_ones(filter, 64);
		else
			changed += 512 - (long) caredata_ones(filter, 64);
	}
	/* of 512,000 bits each, an eighth: 64,000, deviation 237 */
	ok(labs(to_one - 64000) < 1200 && labs(changed - 64000) < 1200,
	   "flips are as many as they should be, in both directions (%ld, %ld)",
	   to_one, changed);
	free(keys);

	/* balance */
	schema.flips = 0;
	schema.balanced = true;
	keys = derive(&schema);
	ok(schema.result_bits == 2048, "balance doubles the length");
	encode(&schema, keys, one, NULL, hard[0]);
	encode(&schema, keys, other, NULL, hard[1]);
	ok(caredata_ones(hard[0], 256) == 1024 && caredata_ones(hard[1], 256) == 1024,
	   "half of the bits are ones");
	ok(differences(hard[0], hard[1], 256) == 2 * differences(plain[0], plain[1], 128),
	   "distances double");
	free(keys);
	caredata_clk_permutation(seeds[1], 2048, order);
	for (i = 0; i < 2048; i++)
		seen[order[i]] = true;
	for (i = 0; i < 2048 && seen[i]; i++)
		;
	ok(i == 2048, "the permutation is one");

	/* salting */
	schema.balanced = false;
	schema.salt_feature = 3;
	schema.salt_by_year = true;
	keys = derive(&schema);
	encode(&schema, keys, one, NULL, hard[0]);
	ok(differences(hard[0], plain[0], 128) > 400, "salting makes another CLK");
	one[3] = TEXT("1992-12-31");
	encode(&schema, keys, one, NULL, hard[1]);
	ok(differences(hard[0], hard[1], 128) < 150, "the same year, nearly the same CLK");
	one[3] = TEXT("1993-01-01");
	encode(&schema, keys, one, NULL, hard[2]);
	ok(differences(hard[0], hard[2], 128) > 400, "the next year, another one");
	one[3] = NO_TEXT;
	ok(encode(&schema, keys, one, NULL, hard[1]), "no year");
	one[3] = TEXT("not a date");
	ok(!encode(&schema, keys, one, NULL, hard[1]), "a salting value that is none");
	free(keys);
}

int
main(void)
{
	if (sodium_init() < 0 || (work = calloc(1, caredata_clk_work_size())) == NULL)
		return 2;
	whole_records();
	tutorial_record();
	singularity();
	check_hkdf(false, NO_TEXT, NO_TEXT, "2f34e5ff91ec85d5", "3247eaf21bd50060");
	check_hkdf(false, TEXT("salt"), TEXT("info"), "f6d2fcc47cb939de", "a89b4346a3a45782");
	check_hkdf(true, NO_TEXT, NO_TEXT, "ce251b8403130b6b", "aed4809dd0ea7cf4");
	check_hkdf(true, TEXT("salt"), TEXT("info"), "90e269f053d383c4", "81015092a71183fd");
	tokens();
	dates();
	values();
	schemas();
	hardening();
	free(work);
	return done();
}
