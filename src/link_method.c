/*
 * link_method.c
 *		The methods that a linkage model may name, and what suits what.
 */
#include "link_method.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[LINK_KIND_TEXT] = "text",
	[LINK_KIND_FORENAME] = "forename",
	[LINK_KIND_SURNAME] = "surname",
	[LINK_KIND_DATE] = "date",
	[LINK_KIND_POSTCODE] = "postcode",
	[LINK_KIND_NHS_NUMBER] = "nhs_number",
	[LINK_KIND_SEX] = "sex",
	[LINK_KIND_NUMBER] = "number",
	[LINK_KIND_FORENAME_SURNAME] = "forename_surname",
	[LINK_KIND_NAME_PAIR] = "name_pair",
	[LINK_KIND_SWAPPABLE_FORENAME] = "swappable_forename",
	[LINK_KIND_SWAPPABLE_SURNAME] = "swappable_surname"
};

#define KIND(k)			(1u << LINK_KIND_##k)
#define SWAPPABLE		(KIND(SWAPPABLE_FORENAME) | KIND(SWAPPABLE_SURNAME))
#define NAMES			(KIND(FORENAME) | KIND(SURNAME) | SWAPPABLE)
#define STRINGS			(KIND(TEXT) | NAMES)
#define SINGLE			(STRINGS | KIND(DATE) | KIND(POSTCODE) | \
						 KIND(NHS_NUMBER) | KIND(SEX) | KIND(NUMBER))
#define EDITED			(STRINGS | KIND(DATE) | KIND(POSTCODE) | \
						 KIND(NHS_NUMBER))

static const struct
{
	const char *name;
	unsigned	kinds;
	bool		parameter;
}			tests[] =
{
	[LINK_TEST_ELSE] = {"else", ~0u, false},
	[LINK_TEST_EXACT] = {"exact", SINGLE | KIND(FORENAME_SURNAME), false},
	[LINK_TEST_EXACT_OTHER] = {"exact_other", SINGLE & ~SWAPPABLE, false},
	[LINK_TEST_JARO_WINKLER] = {"jaro_winkler", STRINGS | KIND(FORENAME_SURNAME), true},
	[LINK_TEST_JARO] = {"jaro", STRINGS, true},
	[LINK_TEST_LEVENSHTEIN] = {"levenshtein", EDITED, true},
	[LINK_TEST_DAMERAU] = {"damerau", EDITED, true},
	[LINK_TEST_OSA] = {"osa", EDITED, true},
	[LINK_TEST_FIRST] = {"first", STRINGS, true},
	[LINK_TEST_BEGINS] = {"begins", STRINGS, false},
	[LINK_TEST_INITIAL] = {"initial", STRINGS, false},
	[LINK_TEST_DOUBLE_METAPHONE] = {"double_metaphone", NAMES, false},
	[LINK_TEST_SOUNDEX] = {"soundex", NAMES, false},
	[LINK_TEST_DAYS] = {"days", KIND(DATE), true},
	[LINK_TEST_MONTHS] = {"months", KIND(DATE), true},
	[LINK_TEST_YEARS] = {"years", KIND(DATE), true},
	[LINK_TEST_DAY_MONTH_SWAPPED] = {"day_month_swapped", KIND(DATE), false},
	[LINK_TEST_TWO_PARTS] = {"two_parts", KIND(DATE), false},
	[LINK_TEST_FIRST_OF_JANUARY] = {"first_of_january", KIND(DATE), false},
	[LINK_TEST_SECTOR] = {"sector", KIND(POSTCODE), false},
	[LINK_TEST_DISTRICT] = {"district", KIND(POSTCODE), false},
	[LINK_TEST_AREA] = {"area", KIND(POSTCODE), false},
	[LINK_TEST_DIFFERENCE] = {"difference", KIND(NUMBER), true},
	[LINK_TEST_SWAPPED] = {"swapped", KIND(FORENAME_SURNAME) | SWAPPABLE, false},
	[LINK_TEST_SWAPPED_INITIAL] = {"swapped_initial", SWAPPABLE, false},
	[LINK_TEST_SURNAME_EXACT] = {"surname_exact", KIND(FORENAME_SURNAME), false},
	[LINK_TEST_FORENAME_EXACT] = {"forename_exact", KIND(FORENAME_SURNAME), false},
	/* read by name in caredata_link_test() */
	[LINK_TEST_PAIR] = {"", KIND(NAME_PAIR), true}
};

static const struct
{
	const char *name;
	unsigned	kinds;
}			transforms[] =
{
	[LINK_TRANSFORM_WHOLE] = {"whole", SINGLE},
	[LINK_TRANSFORM_FIRST] = {"first", STRINGS},
	[LINK_TRANSFORM_LAST] = {"last", STRINGS},
	[LINK_TRANSFORM_LAST_WORD] = {"last_word", KIND(TEXT)},
	[LINK_TRANSFORM_SOUNDEX] = {"soundex", NAMES},
	[LINK_TRANSFORM_DOUBLE_METAPHONE] = {"double_metaphone", NAMES},
	[LINK_TRANSFORM_YEAR] = {"year", KIND(DATE)},
	[LINK_TRANSFORM_MONTH] = {"month", KIND(DATE)},
	[LINK_TRANSFORM_DAY] = {"day", KIND(DATE)},
	[LINK_TRANSFORM_SECTOR] = {"sector", KIND(POSTCODE)},
	[LINK_TRANSFORM_DISTRICT] = {"district", KIND(POSTCODE)},
	[LINK_TRANSFORM_AREA] = {"area", KIND(POSTCODE)}
};

static const char *const alike_names[] = {
	[LINK_ALIKE_ELSE] = "different",
	[LINK_ALIKE_MISSING] = "missing",
	[LINK_ALIKE_FUZZY] = "fuzzy",
	[LINK_ALIKE_CLOSE] = "close",
	[LINK_ALIKE_EXACT] = "exact"
};

#define COUNT(array)	((int) (sizeof(array) / sizeof((array)[0])))

LinkKind
caredata_link_kind(const char *name)
{
	int			i;

	for (i = LINK_KIND_TEXT; i < COUNT(kind_names); i++)
		if (strcmp(name, kind_names[i]) == 0)
			return (LinkKind) i;
	return LINK_KIND_UNRECOGNIZED;
}

LinkTest
caredata_link_test(const char *name)
{
	int			i;

	for (i = LINK_TEST_ELSE; i < LINK_TEST_PAIR; i++)
		if (strcmp(name, tests[i].name) == 0)
			return (LinkTest) i;
	return LINK_TEST_UNRECOGNIZED;
}

/* "forename_exact_surname_close", with "swapped_" before it; -1 for others. */
int
caredata_link_pair_code(const char *name)
{
	char		expected[64];
	int			code;

	for (code = 0; code < LINK_PAIR_CODES; code++)
	{
		snprintf(expected, sizeof(expected), "%sforename_%s_surname_%s",
				 code >= 25 ? "swapped_" : "",
				 alike_names[code % 25 / 5], alike_names[code % 5]);
		if (strcmp(name, expected) == 0)
			return code;
	}
	return -1;
}

LinkTransform
caredata_link_transform(const char *name)
{
	int			i;

	for (i = LINK_TRANSFORM_WHOLE; i < COUNT(transforms); i++)
		if (strcmp(name, transforms[i].name) == 0)
			return (LinkTransform) i;
	return LINK_TRANSFORM_UNRECOGNIZED;
}

bool
caredata_link_test_suits(LinkTest test, LinkKind kind)
{
	return (tests[test].kinds & (1u << kind)) != 0;
}

bool
caredata_link_test_has_parameter(LinkTest test)
{
	return tests[test].parameter;
}

bool
caredata_link_transform_suits(LinkTransform transform, LinkKind kind)
{
	return (transforms[transform].kinds & (1u << kind)) != 0;
}

bool
caredata_link_two_names(LinkKind kind, LinkKind *first, LinkKind *second)
{
	bool		surname_first = kind == LINK_KIND_SWAPPABLE_SURNAME;

	*first = surname_first ? LINK_KIND_SURNAME : LINK_KIND_FORENAME;
	*second = surname_first ? LINK_KIND_FORENAME : LINK_KIND_SURNAME;
	return surname_first || kind == LINK_KIND_SWAPPABLE_FORENAME ||
		kind == LINK_KIND_FORENAME_SURNAME || kind == LINK_KIND_NAME_PAIR;
}
