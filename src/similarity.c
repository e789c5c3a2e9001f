/*
 * similarity.c
 *		caredata.jaro() and its like: how alike two texts are.
 *
 * Characters are code points, case counts, and the text is taken as it is:
 * standardise first.  The algorithms are in string_similarity.c.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"

#include "code_point.h"
#include "compat.h"
#include "string_similarity.h"

PG_FUNCTION_INFO_V1(caredata_jaro);
PG_FUNCTION_INFO_V1(caredata_jaro_winkler);
PG_FUNCTION_INFO_V1(caredata_levenshtein);
PG_FUNCTION_INFO_V1(caredata_levenshtein_bounded);
PG_FUNCTION_INFO_V1(caredata_damerau_levenshtein);
PG_FUNCTION_INFO_V1(caredata_damerau_levenshtein_bounded);
PG_FUNCTION_INFO_V1(caredata_optimal_string_alignment);
PG_FUNCTION_INFO_V1(caredata_optimal_string_alignment_bounded);

/* Both texts as bytes if both are ASCII, else both as code points. */
typedef struct Pair
{
	bool		ascii;
	const uint8 *bytes[2];
	const uint32 *points[2];
	size_t		length[2];
} Pair;

static void
check_length(size_t length)
{
	if (length > STRING_SIMILARITY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text to compare has more than %d characters",
						STRING_SIMILARITY_MAX),
				 errhint("Compare names and other short fields, or cut the text with left(text, %d).",
						 STRING_SIMILARITY_MAX)));
}

static void
get_pair(FunctionCallInfo fcinfo, Pair *pair)
{
	int			i;

	pair->ascii = true;
	for (i = 0; i < 2; i++)
	{
		text	   *value = PG_GETARG_TEXT_PP(i);

		pair->bytes[i] = (const uint8 *) VARDATA_ANY(value);
		pair->length[i] = VARSIZE_ANY_EXHDR(value);
		pair->ascii = pair->ascii &&
			caredata_is_ascii(VARDATA_ANY(value), pair->length[i]);
	}
	for (i = 0; i < 2; i++)
	{
		/* what is far too long is not decoded first */
		check_length(pair->length[i] / MAX_MULTIBYTE_CHAR_LEN);
		if (!pair->ascii)
			pair->points[i] = caredata_code_points((const char *) pair->bytes[i],
												   pair->length[i],
												   &pair->length[i]);
		check_length(pair->length[i]);
	}
}

static int
get_bound(FunctionCallInfo fcinfo)
{
	int32		bound = PG_GETARG_INT32(2);

	if (bound < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bound must not be negative")));
	/* no distance is greater, and bound + 1 must be a number */
	return Min(bound, STRING_SIMILARITY_MAX);
}

#define COMPARE(pair, function) \
	((pair).ascii ? \
	 caredata_##function##_8((pair).bytes[0], (pair).length[0], \
							 (pair).bytes[1], (pair).length[1]) : \
	 caredata_##function##_32((pair).points[0], (pair).length[0], \
							  (pair).points[1], (pair).length[1]))

#define COMPARE_BOUNDED(pair, function, bound) \
	((pair).ascii ? \
	 caredata_##function##_8((pair).bytes[0], (pair).length[0], \
							 (pair).bytes[1], (pair).length[1], bound) : \
	 caredata_##function##_32((pair).points[0], (pair).length[0], \
							  (pair).points[1], (pair).length[1], bound))

Datum
caredata_jaro(PG_FUNCTION_ARGS)
{
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_FLOAT8(COMPARE(pair, jaro));
}

Datum
caredata_jaro_winkler(PG_FUNCTION_ARGS)
{
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_FLOAT8(COMPARE(pair, jaro_winkler));
}

Datum
caredata_levenshtein(PG_FUNCTION_ARGS)
{
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE(pair, levenshtein));
}

Datum
caredata_levenshtein_bounded(PG_FUNCTION_ARGS)
{
	int			bound = get_bound(fcinfo);
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE_BOUNDED(pair, levenshtein_bounded, bound));
}

Datum
caredata_damerau_levenshtein(PG_FUNCTION_ARGS)
{
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE(pair, damerau));
}

Datum
caredata_damerau_levenshtein_bounded(PG_FUNCTION_ARGS)
{
	int			bound = get_bound(fcinfo);
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE_BOUNDED(pair, damerau_bounded, bound));
}

Datum
caredata_optimal_string_alignment(PG_FUNCTION_ARGS)
{
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE(pair, osa));
}

Datum
caredata_optimal_string_alignment_bounded(PG_FUNCTION_ARGS)
{
	int			bound = get_bound(fcinfo);
	Pair		pair;

	get_pair(fcinfo, &pair);
	PG_RETURN_INT32(COMPARE_BOUNDED(pair, osa_bounded, bound));
}
