/*
 * link_record_fuzz.c
 *		Any bytes as two packed records, and as the values of a record: what
 *		opens is read within its bounds, every comparison gives a level that it
 *		has and the same both ways round, and what is packed opens.
 */
#include "fellegi_sunter.h"
#include "fuzz.h"
#include "link_pack.h"

#define LONGEST_INPUT 400

static const LinkKind kinds[] = {
	LINK_KIND_TEXT, LINK_KIND_FORENAME, LINK_KIND_SURNAME, LINK_KIND_DATE,
	LINK_KIND_POSTCODE, LINK_KIND_NHS_NUMBER, LINK_KIND_SEX, LINK_KIND_NUMBER
};

#define FIELDS	((int) (sizeof(kinds) / sizeof(kinds[0])))

static LinkModel model;

static void
add_comparison(LinkKind kind, int first, int second, int ntests, const LinkTest *tests,
			   const double *parameters)
{
	LinkComparison *c = &model.comparison[model.ncomparisons++];
	int			i;

	c->kind = kind;
	c->nfields = second >= 0 ? 2 : 1;
	c->field[0] = first;
	c->field[1] = second;
	for (i = 0; i < ntests; i++)
	{
		c->level[c->nlevels].test = tests[i];
		c->level[c->nlevels].frequency_weight = i == 0;
		c->level[c->nlevels].m = 0.5;
		c->level[c->nlevels].u = 0.1;
		c->level[c->nlevels++].parameter = parameters[i];
	}
	c->level[c->nlevels++].test = LINK_TEST_ELSE;
}

static void
make_model(void)
{
	static const LinkTest strings[] = {
		LINK_TEST_EXACT, LINK_TEST_JARO_WINKLER, LINK_TEST_DAMERAU, LINK_TEST_FIRST,
		LINK_TEST_BEGINS, LINK_TEST_JARO
	};
	static const LinkTest names[] = {
		LINK_TEST_EXACT, LINK_TEST_DOUBLE_METAPHONE, LINK_TEST_SOUNDEX, LINK_TEST_SWAPPED,
		LINK_TEST_INITIAL
	};
	static const LinkTest dates[] = {
		LINK_TEST_EXACT, LINK_TEST_OSA, LINK_TEST_DAYS, LINK_TEST_DAY_MONTH_SWAPPED,
		LINK_TEST_TWO_PARTS
	};
	static const LinkTest postcodes[] = {
		LINK_TEST_EXACT, LINK_TEST_LEVENSHTEIN, LINK_TEST_SECTOR, LINK_TEST_DISTRICT,
		LINK_TEST_AREA
	};
	static const LinkTest others[] = {LINK_TEST_EXACT, LINK_TEST_DIFFERENCE};
	static const double parameters[] = {0, 0.9, 2, 3, 0, 0.8};
	int			i;

	model.nfields = FIELDS;
	for (i = 0; i < FIELDS; i++)
		model.field[i].kind = kinds[i];
	model.field[1].double_metaphone = model.field[2].soundex = true;
	model.lambda = 0.01;
	add_comparison(LINK_KIND_TEXT, 0, -1, 6, strings, parameters);
	add_comparison(LINK_KIND_SWAPPABLE_FORENAME, 1, 2, 5, names, parameters);
	add_comparison(LINK_KIND_DATE, 3, -1, 5, dates, parameters);
	add_comparison(LINK_KIND_POSTCODE, 4, -1, 5, postcodes, parameters);
	add_comparison(LINK_KIND_NHS_NUMBER, 5, -1, 1, others, parameters);
	add_comparison(LINK_KIND_SEX, 6, -1, 1, others, parameters);
	add_comparison(LINK_KIND_NUMBER, 7, -1, 2, others, parameters);
	for (i = 0; i < FIELDS; i++)
	{
		LinkRule   *rule = &model.rule[model.nrules++];

		rule->nparts = 1;
		rule->left[0].field = rule->right[0].field = i;
		rule->left[0].transform = rule->right[0].transform =
			i == 0 ? LINK_TRANSFORM_LAST_WORD : i == 1 ? LINK_TRANSFORM_DOUBLE_METAPHONE :
			i == 2 ? LINK_TRANSFORM_SOUNDEX : i == 3 ? LINK_TRANSFORM_DAY :
			i == 4 ? LINK_TRANSFORM_SECTOR : LINK_TRANSFORM_WHOLE;
	}
	CHECK(caredata_link_lay_out(&model));
}

static void
compare(const LinkRecord *a, const LinkRecord *b)
{
	int64_t		pattern = caredata_link_pattern(&model, a, b);
	int			i;

	for (i = 0; i < model.ncomparisons; i++)
	{
		int			level = caredata_link_level(&model, i, a, b);

		CHECK(level >= -1 && level < model.comparison[i].nlevels);
		CHECK(level == caredata_link_pattern_level(&model.comparison[i], pattern));
		(void) caredata_frequency_weight(&model.comparison[i], level, a, b);
	}
	for (i = 0; i < model.nslots; i++)
		(void) caredata_link_slot_hash(&model, a, i);
	(void) caredata_link_found_earlier(&model, UINT64_MAX, a, b, true);
	CHECK(caredata_pattern_weight(&model, pattern, NULL, NULL) ==
		  caredata_pattern_weight(&model, pattern, NULL, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char packed[FIELDS * LINK_MAX_VALUE + 1024];
	size_t		half = size / 2;
	size_t		at;
	size_t		lengths[FIELDS];
	const char *text = (const char *) data;
	size_t		left = size;
	unsigned char *one;
	unsigned char *other;
	LinkRecord	a;
	LinkRecord	b;
	int			i;

	if (model.nfields == 0)
		make_model();

	/* two records, each in memory of its own length */
	one = malloc(half + 1);
	other = malloc(size - half + 1);
	memcpy(one, data, half);
	memcpy(other, data + half, size - half);
	if (caredata_link_open(&model, one, half, &a))
	{
		compare(&a, &a);
		if (caredata_link_open(&model, other, size - half, &b))
			compare(&a, &b);
	}
	free(one);
	free(other);

	/* values, parted by line feeds */
	at = caredata_link_header_length(&model);
	for (i = 0; i < FIELDS; i++)
	{
		const char *end = left > 0 ? memchr(text, '\n', left) : NULL;
		size_t		length = end != NULL ? (size_t) (end - text) : left;

		lengths[i] = caredata_link_pack_value(&model.field[i], text, length, packed + at);
		CHECK(lengths[i] >= 1 && lengths[i] <= LINK_MAX_VALUE);
		at += lengths[i];
		text += length + (end != NULL);
		left -= length + (end != NULL);
	}
	CHECK(caredata_link_write_header(&model, lengths, packed));
	CHECK(caredata_link_write_keys(&model, packed, at));
	CHECK(caredata_link_open(&model, packed, at, &a));
	compare(&a, &a);
	for (i = 0; i < model.ncomparisons; i++)
		/* what is there agrees with itself */
		CHECK(caredata_link_level(&model, i, &a, &a) == -1 ||
			  caredata_link_level(&model, i, &a, &a) == model.comparison[i].nlevels - 1);
	return 0;
}
