/*
 * clk_encode_fuzz.c
 *		Any schema and any values: a schema is refused or works, a value is
 *		refused or hashed, nothing is out of bounds, and the same comes out with
 *		hashes that are remembered as without.
 */
#include "clk_encode.h"
#include "clk_harden.h"
#include "clk_value.h"
#include "fuzz.h"
#include "popcount.h"

/* test/fuzz/run reads this one */
#define LONGEST_INPUT 300

#define FEATURES	3
#define OWN_TEXTS	3			/* of a feature, to be freed */

static const uint8_t *input;
static size_t left;

static unsigned
take(unsigned bound)
{
	if (left == 0)
		return 0;
	left--;
	return *input++ % bound;
}

/* Some of the input, in memory of exactly its length; or nothing. */
static ClkText
take_text(size_t longest)
{
	ClkText		text = {NULL, 0};
	char	   *copy;

	if (take(8) == 0)
		return text;
	text.length = take((unsigned) longest + 1);
	if (text.length > left)
		text.length = left;
	copy = malloc(text.length + (text.length == 0));
	CHECK(copy != NULL);
	memcpy(copy, input, text.length);
	text.bytes = copy;
	input += text.length;
	left -= text.length;
	return text;
}

static void
take_feature(ClkFeature *feature, ClkText *own)
{
	static const char *const formats[] = {
		"%Y-%m-%d", "%d/%m/%y", "%d %b %Y", "%B %d %Y", "%d%m%Y"
	};
	const char *format = formats[take(5)];

	feature->ignored = take(6) == 0;
	feature->format = (ClkFormat) take(4);
	feature->ascii = take(4) == 0;
	feature->letter_case = (ClkLetterCase) take(3);
	feature->min_length = (int) take(3);
	feature->max_length = (int) take(30);
	feature->has_minimum = take(2) == 0;
	feature->minimum = (int64_t) take(100) - 50;
	feature->has_maximum = take(2) == 0;
	feature->maximum = (int64_t) take(100);
	feature->date_format.bytes = format;
	feature->date_format.length = strlen(format);
	if (take(4) == 0)
		feature->date_format = own[0] = take_text(20);
	feature->sentinel = own[1] = take_text(3);
	feature->replacement = own[2] = take_text(3);
	feature->comparison = (ClkComparison) take(3);
	feature->n = (int) take(18);
	feature->positional = take(2) == 0;
	feature->threshold_distance = (double) take(20) / 4;
	feature->resolution = (int) take(20);
	feature->fractional_precision = (int) take(17);
	feature->hash = (ClkHash) take(2);
	feature->prevent_singularity = feature->hash == CLK_DOUBLE && take(2) == 0;
	feature->per_token = take(2) == 0;
	feature->bits = (int) take(200);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static ClkWork *work = NULL;
	static const uint8_t seed[CLK_SEED_BYTES] = {1, 2, 3};
	ClkFeature	features[FEATURES] = {{0}};
	ClkSchema	schema = {0};
	ClkText		values[FEATURES];
	ClkText		own[FEATURES][OWN_TEXTS] = {{{NULL, 0}}};
	uint8_t    *keys;
	uint8_t    *out[2];
	int			feature;
	int			i;

	if (work == NULL)
	{
		work = calloc(1, caredata_clk_work_size());
		CHECK(work != NULL);
	}
	input = data;
	left = size;
	schema.bits = 64 << take(5);
	if (take(8) == 0)
		schema.bits = (int) take(256) * 8;
	schema.folds = (int) take(4);
	schema.sha512 = take(2) == 0;
	schema.key_size = take(8) == 0 ? (int) take(70) : 32;
	schema.nfeatures = FEATURES;
	schema.features = features;
	schema.salt_feature = (int) take(5) - 1;
	schema.salt_by_year = take(2) == 0;
	schema.flips = (int) take(3) * 6000;
	schema.balanced = take(3) == 0;
	for (i = 0; i < FEATURES; i++)
		take_feature(&features[i], own[i]);
	for (i = 0; i < FEATURES; i++)
		values[i] = take_text(60);

	if (caredata_clk_plan(&schema, &feature) == NULL)
	{
		ClkStatus	status[2];

		keys = malloc(schema.keys_size + (schema.keys_size == 0));
		out[0] = malloc((size_t) schema.result_bits / 8);
		out[1] = malloc((size_t) schema.result_bits / 8);
		CHECK(keys != NULL && out[0] != NULL && out[1] != NULL);
		CHECK(caredata_clk_derive(&schema, (const uint8_t *) "secret", 6, keys) == CLK_OK);
		memset(work, 0, caredata_clk_work_size());
		for (i = 0; i < 2; i++)
			status[i] = caredata_clk_encode(&schema, keys, work, values, seed,
											out[i], &feature);
		CHECK(status[0] == status[1]);
		CHECK(status[0] == CLK_OK ||
			  (status[0] != CLK_LIBRARY_FAILED && feature >= 0 && feature < FEATURES));
		if (status[0] == CLK_OK)
		{
			CHECK(memcmp(out[0], out[1], (size_t) schema.result_bits / 8) == 0);
			if (schema.balanced)
				CHECK(caredata_ones(out[0], (size_t) schema.result_bits / 8) ==
					  (uint32_t) schema.bits);
		}
		else
			CHECK(*caredata_clk_status_text(status[0]) != '\0');
		free(keys);
		free(out[0]);
		free(out[1]);
	}
	for (i = 0; i < FEATURES; i++)
	{
		for (feature = 0; feature < OWN_TEXTS; feature++)
			free((char *) own[i][feature].bytes);
		free((char *) values[i].bytes);
	}
	return 0;
}
