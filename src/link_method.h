/*
 * link_method.h
 *		The methods that a linkage model may name: kinds of values, tests of
 *		levels, transforms of blocking keys, without PostgreSQL.
 */
#ifndef CAREDATA_LINK_METHOD_H
#define CAREDATA_LINK_METHOD_H

#include <stdbool.h>

typedef enum LinkKind
{
	LINK_KIND_UNRECOGNIZED,
	LINK_KIND_TEXT,
	LINK_KIND_FORENAME,
	LINK_KIND_SURNAME,
	LINK_KIND_DATE,
	LINK_KIND_POSTCODE,
	LINK_KIND_NHS_NUMBER,
	LINK_KIND_SEX,
	LINK_KIND_NUMBER,
	/*
	 * Of comparisons only, with two fields: forename and surname; of the
	 * swappable ones the name compared, and the one that it may be exchanged
	 * with.
	 */
	LINK_KIND_FORENAME_SURNAME,
	LINK_KIND_NAME_PAIR,
	LINK_KIND_SWAPPABLE_FORENAME,
	LINK_KIND_SWAPPABLE_SURNAME
} LinkKind;

typedef enum LinkTest
{
	LINK_TEST_UNRECOGNIZED,
	LINK_TEST_ELSE,
	LINK_TEST_EXACT,
	/* of several columns: any of one side equals any of the other */
	LINK_TEST_EXACT_OTHER,
	/* text and names; the parameter is the least similarity */
	LINK_TEST_JARO_WINKLER,
	LINK_TEST_JARO,
	/* text, names, date, postcode, NHS number; the greatest distance */
	LINK_TEST_LEVENSHTEIN,
	LINK_TEST_DAMERAU,
	LINK_TEST_OSA,
	/* text and names; so many first characters agree */
	LINK_TEST_FIRST,
	/* one is how the other begins; one is the other's first letter */
	LINK_TEST_BEGINS,
	LINK_TEST_INITIAL,
	/* names */
	LINK_TEST_DOUBLE_METAPHONE,
	LINK_TEST_SOUNDEX,
	/* date; the greatest difference */
	LINK_TEST_DAYS,
	LINK_TEST_MONTHS,
	LINK_TEST_YEARS,
	LINK_TEST_DAY_MONTH_SWAPPED,
	LINK_TEST_TWO_PARTS,
	LINK_TEST_FIRST_OF_JANUARY,
	/* postcode */
	LINK_TEST_SECTOR,
	LINK_TEST_DISTRICT,
	LINK_TEST_AREA,
	/* number; the greatest difference */
	LINK_TEST_DIFFERENCE,
	/* forename_surname; swappable names have the first too, and the second */
	LINK_TEST_SWAPPED,
	LINK_TEST_SWAPPED_INITIAL,
	LINK_TEST_SURNAME_EXACT,
	LINK_TEST_FORENAME_EXACT,
	/* name_pair: and so on, one for each pair code */
	LINK_TEST_PAIR
} LinkTest;

/*
 * name_pair: how alike the forenames are, and the surnames, straight or
 * crosswise.  A code is 25 * swapped + 5 * forename + surname.
 */
typedef enum LinkAlike
{
	LINK_ALIKE_ELSE,
	LINK_ALIKE_MISSING,			/* on either side */
	LINK_ALIKE_FUZZY,
	LINK_ALIKE_CLOSE,
	LINK_ALIKE_EXACT
} LinkAlike;
#define LINK_PAIR_CODES			50

typedef enum LinkTransform
{
	LINK_TRANSFORM_UNRECOGNIZED,
	LINK_TRANSFORM_WHOLE,
	LINK_TRANSFORM_FIRST,		/* so many first characters */
	LINK_TRANSFORM_LAST,
	LINK_TRANSFORM_LAST_WORD,
	LINK_TRANSFORM_SOUNDEX,
	LINK_TRANSFORM_DOUBLE_METAPHONE,
	LINK_TRANSFORM_YEAR,
	LINK_TRANSFORM_MONTH,
	LINK_TRANSFORM_DAY,
	LINK_TRANSFORM_SECTOR,
	LINK_TRANSFORM_DISTRICT,
	LINK_TRANSFORM_AREA
} LinkTransform;

/*
 * The kinds of the two fields of a comparison of forename and surname; false
 * for other kinds.
 */
extern bool caredata_link_two_names(LinkKind kind, LinkKind *first,
									LinkKind *second);

/* Names of the SQL tables; UNRECOGNIZED for others. */
extern LinkKind caredata_link_kind(const char *name);
extern LinkTest caredata_link_test(const char *name);
extern int	caredata_link_pair_code(const char *name);
extern LinkTransform caredata_link_transform(const char *name);
extern bool caredata_link_test_suits(LinkTest test, LinkKind kind);
extern bool caredata_link_test_has_parameter(LinkTest test);
extern bool caredata_link_transform_suits(LinkTransform transform,
										  LinkKind kind);

#endif							/* CAREDATA_LINK_METHOD_H */
