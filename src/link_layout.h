/*
 * link_layout.h
 *		A linkage model in memory, and what a record packed for it holds,
 *		without PostgreSQL.
 *
 * A model has fields (a column read as a kind of value), comparisons (levels
 * over one or more fields, the best first) and blocking rules (keys made of
 * parts of fields).  A record is packed once: every value in the form that
 * the comparisons want, the keys of the blocking rules, and the frequencies
 * of its values.  link_value.h has its bytes.
 *
 * Nothing here allocates memory or raises.
 */
#ifndef CAREDATA_LINK_LAYOUT_H
#define CAREDATA_LINK_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link_method.h"

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

/* Bytes before the fields' values, and writing them. */
extern size_t caredata_link_header_length(const LinkModel *model);
extern bool caredata_link_write_header(const LinkModel *model,
									   const size_t *lengths,
									   unsigned char *record);
extern void caredata_link_set_key(const LinkRecord *record,
								  unsigned char *bytes, int key, int64_t value);
extern void caredata_link_set_frequency(const LinkRecord *record,
										unsigned char *bytes, int slot,
										double value);

#endif							/* CAREDATA_LINK_LAYOUT_H */
