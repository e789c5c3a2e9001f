/*
 * link_compare.c
 *		Comparing two packed records.
 *
 * link_value.h says what a packed record looks like.
 */
#include "link_compare.h"

#include <math.h>
#include <string.h>

#include "link_value.h"
#include "postcode_parse.h"
#include "string_similarity.h"

#define DAYS_PER_MONTH		30.4375
#define DAYS_PER_YEAR		365.25

/* What makes the reading of two names crosswise cheaper than straight. */
static const int alike_cost[] = {
	[LINK_ALIKE_ELSE] = 6,
	[LINK_ALIKE_MISSING] = 4,
	[LINK_ALIKE_FUZZY] = 3,
	[LINK_ALIKE_CLOSE] = 1,
	[LINK_ALIKE_EXACT] = 0
};

/* ------------------------------------------------------------------------
 * Comparing values
 * ------------------------------------------------------------------------
 */

/* A string value's characters; wide ones are copied to be aligned. */
typedef struct Characters
{
	const uint8_t *narrow;		/* NULL if wide */
	const uint32_t *wide;
	size_t		length;
} Characters;

static void
get_characters(const LinkField *field, Value value, uint32_t *buffer,
			   Characters *characters)
{
	size_t		prefix = string_prefix(field);

	characters->length = (value.length - prefix) / value.bytes[0];
	characters->narrow = NULL;
	characters->wide = NULL;
	if (value.bytes[0] == 1)
		characters->narrow = value.bytes + prefix;
	else
	{
		memcpy(buffer, value.bytes + prefix, value.length - prefix);
		characters->wide = buffer;
	}
}

static void
widen(Characters *characters, uint32_t *buffer)
{
	size_t		i;

	if (characters->wide != NULL)
		return;
	for (i = 0; i < characters->length; i++)
		buffer[i] = characters->narrow[i];
	characters->wide = buffer;
	characters->narrow = NULL;
}

/* Two values of one comparison, and what was computed of them already. */
typedef struct Pair
{
	const LinkField *field;
	Value		a;
	Value		b;
	bool		prepared;
	Characters	left;
	Characters	right;
	double		jaro_winkler;	/* -1: not yet */
	double		jaro;
	uint32_t	left_buffer[LINK_MAX_STRING];
	uint32_t	right_buffer[LINK_MAX_STRING];
} Pair;

static void
pair_start(Pair *pair, const LinkField *field, Value a, Value b)
{
	pair->field = field;
	pair->a = a;
	pair->b = b;
	pair->prepared = false;
	pair->jaro_winkler = -1.0;
	pair->jaro = -1.0;
}

/* The characters of both, of one width. */
static void
pair_prepare(Pair *pair)
{
	if (pair->prepared)
		return;
	pair->prepared = true;
	switch (pair->field->kind)
	{
		case LINK_KIND_TEXT:
		case LINK_KIND_FORENAME:
		case LINK_KIND_SURNAME:
			get_characters(pair->field, pair->a, pair->left_buffer, &pair->left);
			get_characters(pair->field, pair->b, pair->right_buffer, &pair->right);
			if ((pair->left.wide != NULL) != (pair->right.wide != NULL))
			{
				widen(&pair->left, pair->left_buffer);
				widen(&pair->right, pair->right_buffer);
			}
			return;
		case LINK_KIND_DATE:
			pair->left.narrow = pair->a.bytes + 4;
			pair->right.narrow = pair->b.bytes + 4;
			pair->left.length = pair->right.length = DATE_DIGITS;
			break;
		case LINK_KIND_POSTCODE:
			{
				int64_t		left;
				int64_t		right;

				memcpy(&left, pair->a.bytes, 8);
				memcpy(&right, pair->b.bytes, 8);
				pair->left.length = caredata_postcode_format(left,
															 (char *) pair->left_buffer);
				pair->right.length = caredata_postcode_format(right,
															  (char *) pair->right_buffer);
				pair->left.narrow = (const uint8_t *) pair->left_buffer;
				pair->right.narrow = (const uint8_t *) pair->right_buffer;
				break;
			}
		default:
			pair->left.narrow = pair->a.bytes;
			pair->right.narrow = pair->b.bytes;
			pair->left.length = pair->a.length;
			pair->right.length = pair->b.length;
			break;
	}
	pair->left.wide = pair->right.wide = NULL;
}

/* Calls the function for the width that both strings have. */
#define SIMILARITY(pair, function, ...) \
	((pair)->left.narrow != NULL ? \
	 caredata_##function##_8((pair)->left.narrow, (pair)->left.length, \
							 (pair)->right.narrow, (pair)->right.length \
							 __VA_ARGS__) : \
	 caredata_##function##_32((pair)->left.wide, (pair)->left.length, \
							  (pair)->right.wide, (pair)->right.length \
							  __VA_ARGS__))
#define COMMA ,

static double
pair_jaro_winkler(Pair *pair)
{
	if (pair->jaro_winkler < 0)
	{
		pair_prepare(pair);
		pair->jaro_winkler = SIMILARITY(pair, jaro_winkler,);
	}
	return pair->jaro_winkler;
}

static double
pair_jaro(Pair *pair)
{
	if (pair->jaro < 0)
	{
		pair_prepare(pair);
		pair->jaro = SIMILARITY(pair, jaro,);
	}
	return pair->jaro;
}

static bool
first_agree(Pair *pair, size_t count)
{
	size_t		i;

	pair_prepare(pair);
	if (pair->left.length < count || pair->right.length < count)
		return false;
	for (i = 0; i < count; i++)
		if (pair->left.narrow != NULL ?
			pair->left.narrow[i] != pair->right.narrow[i] :
			pair->left.wide[i] != pair->right.wide[i])
			return false;
	return true;
}

static bool
is_initial(Pair *pair)
{
	pair_prepare(pair);
	return (pair->left.length == 1 || pair->right.length == 1) &&
		first_agree(pair, 1);
}

static bool
is_exact(const LinkField *field, Value a, Value b)
{
	if (a.length != b.length)
		return false;
	if (is_string(field))
	{
		/* two strings of one length have equal codes if they are equal */
		a = essence(field, a);
		b = essence(field, b);
	}
	return memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* Whether the sets of codes, primary and alternate, have one in common. */
static bool
metaphones_meet(Value a, Value b)
{
	const unsigned char *left = a.bytes + 1;
	const unsigned char *right = b.bytes + 1;
	int			i;
	int			j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			if (left[i * DOUBLE_METAPHONE_LENGTH] != 0 &&
				memcmp(left + i * DOUBLE_METAPHONE_LENGTH,
					   right + j * DOUBLE_METAPHONE_LENGTH, DOUBLE_METAPHONE_LENGTH) == 0)
				return true;
	return false;
}

static bool
days_within(Value a, Value b, double most)
{
	int32_t		left;
	int32_t		right;

	memcpy(&left, a.bytes, 4);
	memcpy(&right, b.bytes, 4);
	if (left == INT32_MIN || right == INT32_MIN)
		return false;
	return fabs((double) left - (double) right) <= most;
}

static bool
day_month_swapped(Value a, Value b)
{
	const unsigned char *left = a.bytes + 4;
	const unsigned char *right = b.bytes + 4;

	return memcmp(left, right, 4) == 0 &&
		memcmp(left + 4, right + 6, 2) == 0 &&
		memcmp(left + 6, right + 4, 2) == 0;
}

static bool
two_parts_agree(Value a, Value b)
{
	const unsigned char *left = a.bytes + 4;
	const unsigned char *right = b.bytes + 4;

	return (memcmp(left, right, 4) == 0) + (memcmp(left + 4, right + 4, 2) == 0) +
		(memcmp(left + 6, right + 6, 2) == 0) >= 2;
}

/* Whether either is 1 January, which often stands for an unknown day. */
static bool
is_first_of_january(Value a, Value b)
{
	return memcmp(a.bytes + 8, "0101", 4) == 0 ||
		memcmp(b.bytes + 8, "0101", 4) == 0;
}

static bool
postcodes_share(Value a, Value b, size_t (*format) (int64_t, char *))
{
	int64_t		left;
	int64_t		right;
	char		left_part[POSTCODE_MAX_LENGTH];
	char		right_part[POSTCODE_MAX_LENGTH];
	size_t		length;

	memcpy(&left, a.bytes, 8);
	memcpy(&right, b.bytes, 8);
	length = format(left, left_part);
	return format(right, right_part) == length &&
		memcmp(left_part, right_part, length) == 0;
}

static bool
numbers_within(Value a, Value b, double most)
{
	double		left;
	double		right;

	memcpy(&left, a.bytes, 8);
	memcpy(&right, b.bytes, 8);
	return fabs(left - right) <= most;
}

/* Whether two present values pass a test. */
static bool
passes(const LinkLevel *level, Pair *pair)
{
	int			bound = (int) level->parameter;

	switch (level->test)
	{
		case LINK_TEST_ELSE:
			return true;
		case LINK_TEST_EXACT:
		case LINK_TEST_EXACT_OTHER:
			return is_exact(pair->field, pair->a, pair->b);
		case LINK_TEST_JARO_WINKLER:
			return pair_jaro_winkler(pair) >= level->parameter;
		case LINK_TEST_JARO:
			return pair_jaro(pair) >= level->parameter;
		case LINK_TEST_LEVENSHTEIN:
			pair_prepare(pair);
			return SIMILARITY(pair, levenshtein_bounded, COMMA bound) <= bound;
		case LINK_TEST_DAMERAU:
			pair_prepare(pair);
			return SIMILARITY(pair, damerau_bounded, COMMA bound) <= bound;
		case LINK_TEST_OSA:
			pair_prepare(pair);
			return SIMILARITY(pair, osa_bounded, COMMA bound) <= bound;
		case LINK_TEST_FIRST:
			return first_agree(pair, (size_t) bound);
		case LINK_TEST_BEGINS:
			pair_prepare(pair);
			return first_agree(pair, pair->left.length < pair->right.length ?
							   pair->left.length : pair->right.length);
		case LINK_TEST_INITIAL:
			return is_initial(pair);
		case LINK_TEST_DOUBLE_METAPHONE:
			return metaphones_meet(pair->a, pair->b);
		case LINK_TEST_SOUNDEX:
			{
				size_t		at = soundex_offset(pair->field);

				return pair->a.bytes[at] != 0 &&
					memcmp(pair->a.bytes + at, pair->b.bytes + at,
						   SOUNDEX_LENGTH) == 0;
			}
		case LINK_TEST_DAYS:
			return days_within(pair->a, pair->b, level->parameter);
		case LINK_TEST_MONTHS:
			return days_within(pair->a, pair->b,
							   level->parameter * DAYS_PER_MONTH);
		case LINK_TEST_YEARS:
			return days_within(pair->a, pair->b,
							   level->parameter * DAYS_PER_YEAR);
		case LINK_TEST_DAY_MONTH_SWAPPED:
			return day_month_swapped(pair->a, pair->b);
		case LINK_TEST_TWO_PARTS:
			return two_parts_agree(pair->a, pair->b);
		case LINK_TEST_FIRST_OF_JANUARY:
			return is_first_of_january(pair->a, pair->b);
		case LINK_TEST_SECTOR:
			return postcodes_share(pair->a, pair->b,
								   caredata_postcode_format_sector);
		case LINK_TEST_DISTRICT:
			return postcodes_share(pair->a, pair->b,
								   caredata_postcode_format_district);
		case LINK_TEST_AREA:
			return postcodes_share(pair->a, pair->b,
								   caredata_postcode_format_area);
		case LINK_TEST_DIFFERENCE:
			return numbers_within(pair->a, pair->b, level->parameter);
		default:
			return false;
	}
}

static bool
is_exact_or_initial(const LinkField *field, Value a, Value b)
{
	Pair		pair;

	if (is_exact(field, a, b))
		return true;
	pair_start(&pair, field, a, b);
	return is_initial(&pair);
}

/*
 * Whether the two names of one record are those of the other, exchanged; with
 * initials, each of them may be the initial of its counterpart.
 */
static bool
is_swapped(const LinkModel *model, const LinkComparison *c,
		   const LinkRecord *a, const LinkRecord *b, bool initials)
{
	bool		(*same) (const LinkField *, Value, Value) =
	initials ? is_exact_or_initial : is_exact;
	const LinkField *field = &model->field[c->field[0]];
	Value		first_a = get_value(a, c->field[0]);
	Value		second_a = get_value(a, c->field[1]);
	Value		first_b = get_value(b, c->field[0]);
	Value		second_b = get_value(b, c->field[1]);

	return !is_absent(first_a) && !is_absent(second_a) &&
		!is_absent(first_b) && !is_absent(second_b) &&
		same(field, first_a, second_b) && same(field, second_a, first_b);
}

/* The level of a comparison of one column on either side. */
static int
level_of_one(const LinkModel *model, const LinkComparison *c,
			 const LinkRecord *a, const LinkRecord *b)
{
	const LinkField *field = &model->field[c->field[0]];
	Value		left = get_value(a, c->field[0]);
	Value		right = get_value(b, c->field[0]);
	Pair		pair;
	int			i;

	if (is_absent(left) || is_absent(right))
		return -1;
	if (c->level[0].test == LINK_TEST_EXACT && is_exact(field, left, right))
		return c->nlevels - 1;
	pair_start(&pair, field, left, right);
	for (i = 0; i < c->nlevels; i++)
	{
		LinkTest	test = c->level[i].test;

		if (test == LINK_TEST_SWAPPED || test == LINK_TEST_SWAPPED_INITIAL ?
			is_swapped(model, c, a, b, test == LINK_TEST_SWAPPED_INITIAL) :
			passes(&c->level[i], &pair))
			return c->nlevels - 1 - i;
	}
	return 0;
}

/*
 * The level where either side has several columns, such as the present and
 * the former postcode: the best that any two of them reach.  Only "exact" is
 * of the first columns, so that "exact_other" can stand below it.
 */
static int
level_of_several(const LinkModel *model, const LinkComparison *c,
				 const LinkRecord *a, const LinkRecord *b)
{
	bool		compared = false;
	int			best = c->nlevels;	/* as a place in level[] */
	int			i;
	int			j;
	int			k;

	for (i = 0; i < c->nfields; i++)
		for (j = 0; j < c->nfields; j++)
		{
			Value		left = get_value(a, c->field[i]);
			Value		right = get_value(b, c->field[j]);
			Pair		pair;

			if (is_absent(left) || is_absent(right))
				continue;
			compared = true;
			pair_start(&pair, &model->field[c->field[i]], left, right);
			for (k = 0; k < best; k++)
			{
				if (c->level[k].test == LINK_TEST_EXACT && (i > 0 || j > 0))
					continue;
				if (passes(&c->level[k], &pair))
					best = k;
			}
		}
	if (!compared)
		return -1;
	return best < c->nlevels ? c->nlevels - 1 - best : 0;
}

static bool
both_at_least(Pair *first, Pair *second, double least)
{
	return pair_jaro_winkler(first) >= least &&
		pair_jaro_winkler(second) >= least;
}

static int
level_of_forename_surname(const LinkModel *model, const LinkComparison *c,
						  const LinkRecord *a, const LinkRecord *b)
{
	const LinkField *field = &model->field[c->field[0]];
	Value		forename_a = get_value(a, c->field[0]);
	Value		forename_b = get_value(b, c->field[0]);
	Value		surname_a = get_value(a, c->field[1]);
	Value		surname_b = get_value(b, c->field[1]);
	bool		forenames = !is_absent(forename_a) && !is_absent(forename_b);
	bool		surnames = !is_absent(surname_a) && !is_absent(surname_b);
	bool		forename_exact;
	bool		surname_exact;
	Pair		forename;
	Pair		surname;
	int			i;

	if (!forenames && !surnames)
		return -1;
	forename_exact = forenames && is_exact(field, forename_a, forename_b);
	surname_exact = surnames && is_exact(field, surname_a, surname_b);
	if (forenames)
		pair_start(&forename, field, forename_a, forename_b);
	if (surnames)
		pair_start(&surname, field, surname_a, surname_b);
	for (i = 0; i < c->nlevels; i++)
	{
		bool		passed = false;

		switch (c->level[i].test)
		{
			case LINK_TEST_EXACT:
				passed = forename_exact && surname_exact;
				break;
			case LINK_TEST_SWAPPED:
				passed = is_swapped(model, c, a, b, false);
				break;
			case LINK_TEST_JARO_WINKLER:
				passed = forenames && surnames &&
					both_at_least(&forename, &surname, c->level[i].parameter);
				break;
			case LINK_TEST_SURNAME_EXACT:
				passed = surname_exact;
				break;
			case LINK_TEST_FORENAME_EXACT:
				passed = forename_exact;
				break;
			case LINK_TEST_ELSE:
				passed = true;
				break;
			default:
				break;
		}
		if (passed)
			return c->nlevels - 1 - i;
	}
	return 0;
}

static LinkAlike
alike(const LinkComparison *c, const LinkField *field, Value a, Value b)
{
	Pair		pair;

	if (is_absent(a) || is_absent(b))
		return LINK_ALIKE_MISSING;
	if (is_exact(field, a, b))
		return LINK_ALIKE_EXACT;
	pair_start(&pair, field, a, b);
	if (pair_jaro_winkler(&pair) >= c->close)
		return LINK_ALIKE_CLOSE;
	if (pair_jaro_winkler(&pair) >= c->fuzzy)
		return LINK_ALIKE_FUZZY;
	return LINK_ALIKE_ELSE;
}

/* Forename and surname at once; crosswise only where that is more alike. */
static int
level_of_name_pair(const LinkModel *model, const LinkComparison *c,
				   const LinkRecord *a, const LinkRecord *b)
{
	const LinkField *field = &model->field[c->field[0]];
	Value		forename_a = get_value(a, c->field[0]);
	Value		forename_b = get_value(b, c->field[0]);
	Value		surname_a = get_value(a, c->field[1]);
	Value		surname_b = get_value(b, c->field[1]);
	LinkAlike	forename = alike(c, field, forename_a, forename_b);
	LinkAlike	surname = alike(c, field, surname_a, surname_b);
	int			cost = alike_cost[forename] + alike_cost[surname];
	int			swapped = 0;

	if (cost > alike_cost[LINK_ALIKE_EXACT])
	{
		LinkAlike	crossed = alike(c, field, forename_a, surname_b);
		LinkAlike	other = alike(c, field, surname_a, forename_b);

		/* which of the two is called the forename does not depend on the side */
		if (crossed < other)
		{
			LinkAlike	spare = crossed;

			crossed = other;
			other = spare;
		}
		/* two that are missing would hide that the others differ */
		if (crossed != LINK_ALIKE_MISSING &&
			alike_cost[crossed] + alike_cost[other] < cost)
		{
			forename = crossed;
			surname = other;
			swapped = 1;
		}
	}
	if (forename == LINK_ALIKE_MISSING && surname == LINK_ALIKE_MISSING)
		return -1;
	return c->pair_level[25 * swapped + 5 * (int) forename + (int) surname];
}

/* Whether it compares more values than one column on either side has. */
static bool
is_of_several(const LinkComparison *comparison)
{
	LinkKind	first;
	LinkKind	second;

	return comparison->nfields > 1 &&
		!caredata_link_two_names(comparison->kind, &first, &second);
}

int
caredata_link_level(const LinkModel *model, int comparison,
					const LinkRecord *a, const LinkRecord *b)
{
	const LinkComparison *c = &model->comparison[comparison];

	if (c->kind == LINK_KIND_FORENAME_SURNAME)
		return level_of_forename_surname(model, c, a, b);
	if (c->kind == LINK_KIND_NAME_PAIR)
		return level_of_name_pair(model, c, a, b);
	if (is_of_several(c))
		return level_of_several(model, c, a, b);
	return level_of_one(model, c, a, b);
}

int64_t
caredata_link_pattern(const LinkModel *model, const LinkRecord *a,
					  const LinkRecord *b)
{
	int64_t		pattern = 0;
	int			i;

	for (i = 0; i < model->ncomparisons; i++)
		pattern |= (int64_t) (caredata_link_level(model, i, a, b) + 1) <<
			model->comparison[i].shift;
	return pattern;
}

int
caredata_link_pattern_level(const LinkComparison *comparison, int64_t pattern)
{
	return (int) ((pattern >> comparison->shift) &
				  ((INT64_C(1) << comparison->bits) - 1)) - 1;
}

bool
caredata_link_pattern_fits(const LinkModel *model, int64_t pattern)
{
	const LinkComparison *last = &model->comparison[model->ncomparisons - 1];
	int			i;

	for (i = 0; i < model->ncomparisons; i++)
		if (caredata_link_pattern_level(&model->comparison[i], pattern) >=
			model->comparison[i].nlevels)
			return false;
	return pattern >= 0 && pattern >> last->shift >> last->bits == 0;
}

static bool
keys_meet(const LinkRecord *a, int a_key, const LinkRecord *b, int b_key)
{
	int64_t		key = caredata_link_key(a, a_key);

	return key != 0 && key == caredata_link_key(b, b_key);
}

bool
caredata_link_found_earlier(const LinkModel *model, uint64_t rules,
							const LinkRecord *a, const LinkRecord *b,
							bool mirrored)
{
	int			i;

	for (i = 0; i < model->nrules && rules != 0; i++, rules >>= 1)
	{
		const LinkRule *rule = &model->rule[i];

		if ((rules & 1) == 0)
			continue;
		if (keys_meet(a, rule->left_key, b, rule->right_key) ||
			(mirrored && rule->left_key != rule->right_key &&
			 keys_meet(b, rule->left_key, a, rule->right_key)))
			return true;
	}
	return false;
}
