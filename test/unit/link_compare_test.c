/*
 * link_compare_test.c
 *		Packing values, the levels that two of them reach, keys, and records
 *		that are none.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "link_compare.h"
#include "link_pack.h"
#include "tap.h"

static LinkModel model;
static unsigned char left_bytes[8 * LINK_MAX_VALUE];
static unsigned char right_bytes[8 * LINK_MAX_VALUE];
static size_t left_length;

/* A model of one comparison of one kind; tests and parameters by turns. */
static void
begin_model(LinkKind kind, int fields)
{
	LinkKind	first;
	LinkKind	second;
	int			i;

	memset(&model, 0, sizeof(model));
	model.ncomparisons = 1;
	model.nfields = fields;
	model.comparison[0].kind = kind;
	model.comparison[0].nfields = fields;
	for (i = 0; i < fields; i++)
	{
		model.comparison[0].field[i] = i;
		model.field[i].kind = kind;
		if (caredata_link_two_names(kind, &first, &second))
			model.field[i].kind = i == 0 ? first : second;
	}
}

static void
add_level(LinkTest test, double parameter)
{
	LinkComparison *c = &model.comparison[0];

	c->level[c->nlevels].test = test;
	c->level[c->nlevels++].parameter = parameter;
	if (test == LINK_TEST_DOUBLE_METAPHONE)
		model.field[0].double_metaphone = true;
	if (test == LINK_TEST_SOUNDEX)
		model.field[0].soundex = true;
}

static void
end_model(void)
{
	add_level(LINK_TEST_ELSE, 0);
	caredata_link_lay_out(&model);
}

static size_t
pack(unsigned char *out, const char *const *values)
{
	size_t		lengths[LINK_MAX_FIELDS];
	size_t		at = caredata_link_header_length(&model);
	int			i;

	for (i = 0; i < model.nfields; i++)
	{
		lengths[i] = values[i] == NULL ?
			caredata_link_pack_absent(LINK_MISSING, out + at) :
			caredata_link_pack_value(&model.field[i], values[i], strlen(values[i]),
									 out + at);
		at += lengths[i];
	}
	caredata_link_write_header(&model, lengths, out);
	if (!caredata_link_write_keys(&model, out, at))
		return 0;
	return at;
}

/* Levels from below: 0 is "else". */
static int
level_of(const char *const *left, const char *const *right)
{
	LinkRecord	a;
	LinkRecord	b;
	int			level;

	left_length = pack(left_bytes, left);
	if (left_length == 0 ||
		!caredata_link_open(&model, left_bytes, left_length, &a) ||
		!caredata_link_open(&model, right_bytes, pack(right_bytes, right), &b))
		return -100;
	level = caredata_link_level(&model, 0, &a, &b);
	/* it does not matter which is which, and the pattern says the same */
	if (level != caredata_link_level(&model, 0, &b, &a) ||
		caredata_link_pattern_level(&model.comparison[0],
									caredata_link_pattern(&model, &a, &b)) != level)
		return -200;
	return level;
}

static void
expect(const char *left, const char *right, int level)
{
	int			found = level_of(&left, &right);

	ok(found == level, "%s, %s: level %d (%d)", left ? left : "nothing",
	   right ? right : "nothing", level, found);
}

static void
expect_two(const char *a, const char *b, const char *c, const char *d, int level)
{
	const char *left[] = {a, b};
	const char *right[] = {c, d};
	int			found = level_of(left, right);

	ok(found == level, "%s %s, %s %s: level %d (%d)", a ? a : "-", b ? b : "-",
	   c ? c : "-", d ? d : "-", level, found);
}

static void
test_strings(void)
{
	char		longest[LINK_MAX_STRING + 2];

	begin_model(LINK_KIND_TEXT, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_JARO_WINKLER, 0.92);
	add_level(LINK_TEST_DAMERAU, 2);
	add_level(LINK_TEST_FIRST, 3);
	end_model();
	expect("MARTHA", "MARTHA", 4);
	expect("MARTHA", "  MARTHA ", 4);
	expect("MARTHA", "MARHTA", 3);
	expect("CA", "ABC", 2);
	expect("ABCDEFGH", "ABCXXXXX", 1);
	expect("MARTHA", "martha", 0);
	expect("MARTHA", NULL, -1);
	expect("MARTHA", "", -1);
	expect("MARTHA", "   ", -1);
	expect("\xC5\x81UCJA", "\xC5\x81UCJA", 4);
	expect("\xC5\x81UCJA", "LUCJA", 2);
	expect("JOS\xC3\x89", "JOS\xC3\x89", 4);
	expect("MARTHA", "\xFF\xFE", -1);
	memset(longest, 'A', sizeof(longest));
	longest[LINK_MAX_STRING] = '\0';
	expect(longest, longest, 4);
	longest[LINK_MAX_STRING] = 'A';
	longest[LINK_MAX_STRING + 1] = '\0';
	expect(longest, longest, -1);

	begin_model(LINK_KIND_SURNAME, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_INITIAL, 0);
	add_level(LINK_TEST_BEGINS, 0);
	add_level(LINK_TEST_DOUBLE_METAPHONE, 0);
	add_level(LINK_TEST_SOUNDEX, 0);
	end_model();
	expect("Smith", "SMITH", 5);
	expect("J", "John", 4);
	expect("Ann", "Anna", 3);
	expect("Smith", "Schmidt", 2);
	expect("Lucy", "Lack", 1);
	expect("Smith", "Jones", 0);
	expect("1234", "Jones", -1);
}

static void
test_other_kinds(void)
{
	begin_model(LINK_KIND_DATE, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_OSA, 1);
	add_level(LINK_TEST_DAY_MONTH_SWAPPED, 0);
	add_level(LINK_TEST_DAYS, 5);
	add_level(LINK_TEST_TWO_PARTS, 0);
	add_level(LINK_TEST_YEARS, 10);
	end_model();
	expect("1980-02-03", "19800203", 6);
	expect("1980-02-03", "03/02/1980", 6);
	expect("1980-02-03", "1981-02-03", 5);
	expect("1980-02-03", "1980-20-03", 5);
	expect("1980-02-11", "1980-11-02", 4);
	expect("1980-02-28", "1980-03-01", 3);
	expect("1980-02-03", "1927-02-03", 2);
	expect("1980-02-03", "1985-07-19", 1);
	expect("1980-02-03", "1999-07-19", 0);
	expect("1630-08-01", "1630-08-01", 6);
	expect("1980-02-30", "1980-02-30", 6);
	expect("1980-02-30", "1999-07-19", 0);
	expect("1980-02-03", "not known", -1);
	expect("1980-02-03", "00000000", -1);

	begin_model(LINK_KIND_DATE, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_FIRST_OF_JANUARY, 0);
	end_model();
	expect("1980-01-01", "1980-01-01", 2);
	expect("1980-01-01", "1980-07-19", 1);
	expect("1980-07-19", "1901-01-01", 1);
	expect("1980-01-02", "1980-10-01", 0);
	expect("0101-11-11", "1980-10-10", 0);

	begin_model(LINK_KIND_POSTCODE, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_OSA, 1);
	add_level(LINK_TEST_SECTOR, 0);
	add_level(LINK_TEST_DISTRICT, 0);
	add_level(LINK_TEST_AREA, 0);
	end_model();
	expect("m1 1aa", "M11AA", 5);
	expect("M1 1AA", "M1 1AB", 4);
	expect("M1 1AA", "M1 1ZX", 3);
	expect("M1 1AA", "M1 9ZX", 2);
	expect("M1 1AA", "M50 9ZX", 1);
	expect("M1 1AA", "LS1 4AP", 0);
	expect("M1 1AA", "ZZ99 3VZ", -1);

	begin_model(LINK_KIND_NHS_NUMBER, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_DAMERAU, 1);
	end_model();
	expect("9990000018", "999 000 0018", 2);
	expect("9990000018", "9990000026", 0);
	expect("9990000018", "9990000019", -1);

	begin_model(LINK_KIND_SEX, 1);
	add_level(LINK_TEST_EXACT, 0);
	end_model();
	expect("1", "male", 1);
	expect("1", "F", 0);
	expect("1", "9", -1);

	begin_model(LINK_KIND_NUMBER, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_DIFFERENCE, 2.5);
	end_model();
	expect("10", "10.0", 2);
	expect("10", "12.5", 1);
	expect("10", "12.6", 0);
	expect("0", "-0", 2);
	expect("10", "NaN", -1);
}

static void
test_two_names(void)
{
	int			code;

	begin_model(LINK_KIND_FORENAME_SURNAME, 2);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_SWAPPED, 0);
	add_level(LINK_TEST_JARO_WINKLER, 0.92);
	add_level(LINK_TEST_SURNAME_EXACT, 0);
	add_level(LINK_TEST_FORENAME_EXACT, 0);
	end_model();
	expect_two("JOHN", "SMITH", "JOHN", "SMITH", 5);
	expect_two("JOHN", "SMITH", "SMITH", "JOHN", 4);
	expect_two("MARTHA", "SMITH", "MARHTA", "SMITHE", 3);
	expect_two("JOHN", "SMITH", "PAUL", "SMITH", 2);
	expect_two("JOHN", "SMITH", NULL, "SMITH", 2);
	expect_two("JOHN", "SMITH", "JOHN", "JONES", 1);
	expect_two("JOHN", "SMITH", NULL, "JONES", 0);
	expect_two("JOHN", NULL, NULL, "JONES", -1);

	begin_model(LINK_KIND_SWAPPABLE_SURNAME, 2);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_SWAPPED, 0);
	end_model();
	expect_two("JOHN", "SMITH", "JOHN", "JONES", 2);
	expect_two("JOHN", "SMITH", "SMITH", "JOHN", 1);
	expect_two("JOHN", "SMITH", "SMITH", "JONES", 0);

	/* forename and middle name exchanged, where one of them is an initial */
	begin_model(LINK_KIND_SWAPPABLE_FORENAME, 2);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_SWAPPED_INITIAL, 0);
	end_model();
	expect_two("DENNIS", "GARY", "GARY", "DENNIS", 1);
	expect_two("DENNIS", "G", "GARY", "D", 1);
	expect_two("DENNIS", "G", "GARY", "DENNIS", 1);
	expect_two("DENNIS", "G", "GARY", "DORIS", 0);
	expect_two("DENNIS", "G", "GARY", "E", 0);
	expect_two("DENNIS", "GA", "GARY", "D", 0);
	expect_two("DENNIS", "G", "GARY", NULL, 0);
	expect_two("DENNIS", "G", "DENNIS", "D", 2);

	/* of several columns any two may agree */
	begin_model(LINK_KIND_POSTCODE, 2);
	add_level(LINK_TEST_EXACT, 0);
	add_level(LINK_TEST_EXACT_OTHER, 0);
	add_level(LINK_TEST_DISTRICT, 0);
	end_model();
	expect_two("M1 1AA", "LS1 4AP", "M1 1AA", NULL, 3);
	expect_two("M1 1AA", "LS1 4AP", "LS1 4AP", NULL, 2);
	expect_two("M1 1AA", "LS1 4AP", "LS1 9ZZ", NULL, 1);
	expect_two(NULL, "LS1 4AP", "LS1 4AP", NULL, 2);
	expect_two(NULL, NULL, "LS1 4AP", NULL, -1);

	begin_model(LINK_KIND_NAME_PAIR, 2);
	model.comparison[0].close = 0.88;
	model.comparison[0].fuzzy = 0.7;
	for (code = LINK_PAIR_CODES - 1; code >= 1; code--)
		add_level(LINK_TEST_PAIR, code);
	add_level(LINK_TEST_ELSE, 0);
	caredata_link_lay_out(&model);
	expect_two("JOHN", "SMITH", "JOHN", "SMITH", caredata_link_pair_code("forename_exact_surname_exact"));
	expect_two("JOHN", "SMITH", "SMITH", "JOHN",
			   caredata_link_pair_code("swapped_forename_exact_surname_exact"));
	expect_two("JOHN", "SMITH", "JOHN", "SMITHE", caredata_link_pair_code("forename_exact_surname_close"));
	expect_two("JOHN", "SMITH", "JOHN", NULL, caredata_link_pair_code("forename_exact_surname_missing"));
	expect_two("JOHN", "SMITH", "SMITH", "MARY",
			   caredata_link_pair_code("swapped_forename_exact_surname_different"));
	expect_two("JOHN", "SMITH", "ZAK", "OWEN", 0);
	expect_two("JOHN", NULL, "ZAK", NULL, caredata_link_pair_code("forename_different_surname_missing"));
	expect_two(NULL, NULL, "ZAK", "OWEN", -1);
	ok(caredata_link_pair_code("forename_exact_surname_") == -1, "what is no name of a pair");
}

static int64_t
key_of(const char *left, const char *right, int key)
{
	const char *values[] = {left, right};
	LinkRecord	record;

	if (!caredata_link_open(&model, left_bytes, pack(left_bytes, values), &record))
		return -1;
	return caredata_link_key(&record, key);
}

static void
add_rule(int field, LinkTransform transform, int length, int other)
{
	LinkRule   *rule = &model.rule[model.nrules++];

	rule->nparts = 1;
	rule->left[0].field = field;
	rule->right[0].field = other;
	rule->left[0].transform = rule->right[0].transform = transform;
	rule->left[0].length = rule->right[0].length = length;
}

static void
test_keys(void)
{
	LinkRecord	a;
	LinkRecord	b;
	const char *smith[] = {"JOHN", "SMITH"};
	const char *swapped[] = {"SMITH", "JOHN"};

	begin_model(LINK_KIND_FORENAME_SURNAME, 2);
	model.field[1].soundex = true;
	add_level(LINK_TEST_EXACT, 0);
	add_rule(0, LINK_TRANSFORM_WHOLE, 0, 0);
	add_rule(1, LINK_TRANSFORM_FIRST, 3, 1);
	add_rule(1, LINK_TRANSFORM_SOUNDEX, 0, 1);
	add_rule(0, LINK_TRANSFORM_WHOLE, 0, 1);
	end_model();
	ok(model.nkeys == 5, "a rule across columns has two keys");
	ok(key_of("JOHN", "SMITH", 0) == key_of("john", "JONES", 0) && key_of("JOHN", "SMITH", 0) != 0,
	   "equal values have equal keys");
	ok(key_of("JOHN", "SMITH", 0) != key_of("JOHAN", "SMITH", 0), "others have not");
	ok(key_of("JOHN", "SMITH", 1) == key_of("PAUL", "SMILEY", 1), "the first letters");
	ok(key_of("JOHN", "SM", 1) == 0, "fewer letters than asked for make no key");
	ok(key_of("JOHN", "SMITH", 2) == key_of("PAUL", "SMYTH", 2), "what sounds alike");
	ok(key_of(NULL, "SMITH", 0) == 0, "what is missing makes no key");

	caredata_link_open(&model, left_bytes, pack(left_bytes, smith), &a);
	caredata_link_open(&model, right_bytes, pack(right_bytes, swapped), &b);
	ok(!caredata_link_found_earlier(&model, 7, &a, &b, false), "no rule of the first three");
	ok(caredata_link_found_earlier(&model, 8, &a, &b, false), "the one across columns");
	ok(!caredata_link_found_earlier(&model, 0, &a, &b, true), "no rule at all");

	begin_model(LINK_KIND_TEXT, 1);
	add_level(LINK_TEST_EXACT, 0);
	add_rule(0, LINK_TRANSFORM_LAST_WORD, 0, 0);
	end_model();
	ok(key_of("John of Smith", NULL, 0) == key_of("Smith", NULL, 0), "the last word");
}

/* Whatever the bytes, they are refused or read within their bounds. */
static void
test_hostile_records(void)
{
	const char *values[] = {"JOHN", "SMITH"};
	unsigned char *bytes;
	size_t		length;
	size_t		i;
	int			byte;
	int			opened = 0;
	LinkRecord	record;

	begin_model(LINK_KIND_NAME_PAIR, 2);
	model.field[0].double_metaphone = true;
	model.field[1].soundex = true;
	model.comparison[0].close = 0.88;
	model.comparison[0].fuzzy = 0.7;
	add_level(LINK_TEST_PAIR, 24);
	add_rule(0, LINK_TRANSFORM_WHOLE, 0, 0);
	end_model();
	length = pack(left_bytes, values);
	ok(length > 0 && caredata_link_open(&model, left_bytes, length, &record), "a record opens");
	for (i = 0; i < length; i++)
	{
		/* of its own length, so that a sanitizer sees a step outside */
		bytes = malloc(i > 0 ? i : 1);
		memcpy(bytes, left_bytes, i);
		opened += caredata_link_open(&model, bytes, i, &record);
		free(bytes);
	}
	ok(opened == 0, "no part of one does");
	bytes = malloc(length);
	for (i = 0; i < length; i++)
		for (byte = 0; byte < 256; byte++)
		{
			memcpy(bytes, left_bytes, length);
			bytes[i] = (unsigned char) byte;
			if (caredata_link_open(&model, bytes, length, &record))
			{
				LinkRecord	other;

				opened++;
				caredata_link_open(&model, left_bytes, length, &other);
				caredata_link_pattern(&model, &record, &other);
			}
		}
	free(bytes);
	ok(opened > 0, "of those with one byte changed %d do, and compare", opened);

	/* 24 is level 1 of 1, in two bits: missing, else, that and nothing */
	ok(caredata_link_pattern_fits(&model, 0) && caredata_link_pattern_fits(&model, 2),
	   "a pattern of levels that there are");
	ok(!caredata_link_pattern_fits(&model, 3) && !caredata_link_pattern_fits(&model, 4) &&
	   !caredata_link_pattern_fits(&model, -1) && !caredata_link_pattern_fits(&model, INT64_MAX),
	   "no pattern of the model");

	/* a postcode without its end, whose parts would be shorter than nothing */
	begin_model(LINK_KIND_POSTCODE, 1);
	add_level(LINK_TEST_DISTRICT, 0);
	end_model();
	values[0] = "LS1 4AP";
	length = pack(left_bytes, values);
	ok(caredata_link_open(&model, left_bytes, length, &record), "a postcode opens");
	memset(left_bytes + length - 8, 0, 8);
	ok(!caredata_link_open(&model, left_bytes, length, &record), "nothing as a postcode does not");
}

int
main(void)
{
	char		digits[8];

	test_strings();
	test_other_kinds();
	test_two_names();
	test_keys();
	test_hostile_records();
	caredata_link_date_digits(0, digits);
	ok(memcmp(digits, "20000101", 8) == 0, "day 0 is 1 January 2000");
	caredata_link_date_digits(-1, digits);
	ok(memcmp(digits, "19991231", 8) == 0, "the day before");
	caredata_link_date_digits(59, digits);
	ok(memcmp(digits, "20000229", 8) == 0, "a leap day");
	return done();
}
