/*
 * link_compare.h
 *		A linkage model in memory, records packed for it, and how two of them
 *		compare, without PostgreSQL.
 *
 * A model has fields (a column read as a kind of value), comparisons (levels
 * over one or more fields, the best first) and blocking rules (keys made of
 * parts of fields).  A record is packed once: every value in the form that
 * the comparisons want, the keys of the blocking rules, and the frequencies
 * of its values.  Comparing two records gives a pattern: the level that each
 * comparison reached, packed into 63 bits.
 *
 * Nothing here allocates memory or raises.
 */
#ifndef CAREDATA_LINK_COMPARE_H
#define CAREDATA_LINK_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_MAX_FIELDS			48
#define LINK_MAX_COMPARISONS	24
#define LINK_MAX_COLUMNS		4	/* of a comparison or a blocking key */
#define LINK_MAX_LEVELS			63	/* of a comparison, "else" among them */
#define LINK_MAX_RELATIONSHIPS	16
#define LINK_MAX_RULES			48
#define LINK_MAX_KEYS			(2 * LINK_MAX_RULES)
#define LINK_PATTERN_BITS		63

/* Longest string that is compared, in characters. */
#define LINK_MAX_STRING			1024

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

/* What a comparison takes the frequency of. */
typedef enum LinkFrequencyOf
{
	LINK_FREQUENCY_VALUE,		/* its column, or forename and surname together */
	LINK_FREQUENCY_FORENAME,	/* of forename and surname: the first column */
	LINK_FREQUENCY_SURNAME		/* the second */
} LinkFrequencyOf;
#define LINK_FREQUENCIES		3
#define LINK_MAX_SLOTS			(LINK_MAX_COMPARISONS * LINK_FREQUENCIES)

typedef struct LinkField
{
	LinkKind	kind;
	bool		double_metaphone;	/* packed with the value */
	bool		soundex;
} LinkField;

typedef struct LinkLevel
{
	LinkTest	test;
	double		parameter;
	double		m;				/* probabilities; NaN where not estimated */
	double		u;
	double		frequency_weight;	/* 0: frequencies do not count */
} LinkLevel;

typedef struct LinkComparison
{
	LinkKind	kind;
	int			nfields;
	int			field[LINK_MAX_COLUMNS];
	int			nlevels;
	LinkLevel	level[LINK_MAX_LEVELS]; /* the best first, "else" last */
	double		close;			/* name_pair: least similarity of each class */
	double		fuzzy;
	signed char pair_level[LINK_PAIR_CODES];	/* level of a pair code */
	double		frequency_floor;
	int			slot[LINK_FREQUENCIES]; /* of frequencies in a record, or -1 */
	double		chance[LINK_FREQUENCIES];	/* that two people have one value */
	int			shift;			/* place in the pattern */
	int			bits;
} LinkComparison;

typedef struct LinkKeyPart
{
	int			field;
	LinkTransform transform;
	int			length;			/* of FIRST and LAST */
} LinkKeyPart;

typedef struct LinkRule
{
	int			nparts;
	LinkKeyPart left[LINK_MAX_COLUMNS];
	LinkKeyPart right[LINK_MAX_COLUMNS];	/* the same fields, or others */
	int			left_key;		/* place among the keys of a record */
	int			right_key;
} LinkRule;

/*
 * Two different people who share something: on the comparisons of the mask
 * they look as one person does, on the others as any two people do.
 */
typedef struct LinkRelationship
{
	uint32_t	shared;			/* comparisons, bit by bit */
	double		share;			/* of all pairs; NaN: unknown */
} LinkRelationship;

typedef struct LinkModel
{
	int			nfields;
	int			ncomparisons;
	int			nrules;
	int			nkeys;
	int			nslots;
	int			nrelationships;
	LinkField	field[LINK_MAX_FIELDS];
	LinkComparison comparison[LINK_MAX_COMPARISONS];
	LinkRule	rule[LINK_MAX_RULES];
	LinkRelationship relationship[LINK_MAX_RELATIONSHIPS];
	double		lambda;			/* that two random records match; NaN: unknown */
} LinkModel;

/* Why a field of a record has no value. */
typedef enum LinkAbsence
{
	LINK_PRESENT = 0,
	LINK_MISSING = 1,
	LINK_UNUSABLE = 2,			/* not a value of its kind */
	LINK_TOO_LONG = 3
} LinkAbsence;

/* A packed record, looked at in place. */
typedef struct LinkRecord
{
	const unsigned char *bytes;
	size_t		length;
	int			nfields;
	int			nkeys;
	int			nslots;
	const unsigned char *ends;	/* of the fields, two bytes each */
	const unsigned char *keys;	/* eight bytes each */
	const unsigned char *slots; /* eight bytes each */
	const unsigned char *data;
} LinkRecord;

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

/*
 * Lays out keys, frequency slots and the pattern of a model whose fields,
 * comparisons and rules are filled in.  False if the pattern would need more
 * than LINK_PATTERN_BITS bits.
 */
extern bool caredata_link_lay_out(LinkModel *model);

/* False if the bytes are not a packed record of this model. */
extern bool caredata_link_open(const LinkModel *model,
							   const unsigned char *bytes, size_t length,
							   LinkRecord *record);
extern LinkAbsence caredata_link_absence(const LinkRecord *record, int field);
/* Order of the bytes of one field: 0 for the same value. */
extern int	caredata_link_order(const LinkRecord *a, const LinkRecord *b,
								int field);
extern int64_t caredata_link_key(const LinkRecord *record, int key);
extern double caredata_link_frequency(const LinkRecord *record, int slot);

/*
 * Hash of what a frequency slot counts; 0 if the record lacks it.  The same
 * values have the same hash on every machine.
 */
extern int64_t caredata_link_slot_hash(const LinkModel *model,
									   const LinkRecord *record, int slot);

/* Whether the frequency of that moves the weight of a level. */
extern bool caredata_link_level_frequency(const LinkComparison *comparison,
										  int level, LinkFrequencyOf of);

/* The level of one comparison: nlevels - 1 is the best, 0 "else", -1 no evidence. */
extern int	caredata_link_level(const LinkModel *model, int comparison,
								const LinkRecord *a, const LinkRecord *b);
extern int64_t caredata_link_pattern(const LinkModel *model,
									 const LinkRecord *a, const LinkRecord *b);
extern int	caredata_link_pattern_level(const LinkComparison *comparison,
										int64_t pattern);
/* Whether every comparison has the level that the pattern says it reached. */
extern bool caredata_link_pattern_fits(const LinkModel *model,
									   int64_t pattern);

/*
 * Whether one of the rules of the mask brings the two together.  Of two
 * records of one table (`mirrored`) a rule may hold either way round.
 */
extern bool caredata_link_found_earlier(const LinkModel *model, uint64_t rules,
										const LinkRecord *a,
										const LinkRecord *b, bool mirrored);

/* ------------------------------------------------------------------------
 * Packing.  A field's value is written to out, which has room for
 * LINK_MAX_VALUE bytes; the length is returned, never 0.
 * ------------------------------------------------------------------------
 */
#define LINK_MAX_VALUE			(LINK_MAX_STRING * 4 + 32)

extern size_t caredata_link_pack_absent(LinkAbsence absence,
										unsigned char *out);

/*
 * text is UTF-8, or any bytes: what is not UTF-8 is unusable.  A name is in
 * its standard form already; of one that is not only the letters of ASCII
 * are taken, as capitals, and the spaces between them.
 */
extern size_t caredata_link_pack_value(const LinkField *field,
									   const char *text, size_t length,
									   unsigned char *out);

/* Eight digits, year first, of a day counted from 2000-01-01. */
extern void caredata_link_date_digits(int32_t number, char *digits);

/* Bytes before the fields' values, and writing them. */
extern size_t caredata_link_header_length(const LinkModel *model);
extern bool caredata_link_write_header(const LinkModel *model,
									   const size_t *lengths,
									   unsigned char *record);
/* The keys, once header and values stand; the slots are left empty. */
extern bool caredata_link_write_keys(const LinkModel *model,
									 unsigned char *record, size_t length);
extern void caredata_link_set_key(const LinkRecord *record,
								  unsigned char *bytes, int key, int64_t value);
extern void caredata_link_set_frequency(const LinkRecord *record,
										unsigned char *bytes, int slot,
										double value);

#endif							/* CAREDATA_LINK_COMPARE_H */
