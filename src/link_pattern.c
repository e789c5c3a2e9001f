/*
 * link_pattern.c
 *		The functions of sql/link_pattern.sql: what the comparison of two packed
 *		records gives, and what it weighs.
 *
 * link_pattern() compares what a join on a key brings together, and passes
 * over pairs that an earlier rule has brought already.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "fellegi_sunter.h"
#include "link_model.h"

PG_FUNCTION_INFO_V1(caredata_link_pattern_of);
PG_FUNCTION_INFO_V1(caredata_link_weight);
PG_FUNCTION_INFO_V1(caredata_link_weight_parts);
PG_FUNCTION_INFO_V1(caredata_link_levels);

/*
 * link_pattern(model, left, right, rules_before, mirrored): NULL if one of
 * the rules before, given by their number in order, brings the two together.
 */
Datum
caredata_link_pattern_of(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	bytea	   *left = PG_GETARG_BYTEA_PP(1);
	bytea	   *right = PG_GETARG_BYTEA_PP(2);
	uint64		before = (uint64) PG_GETARG_INT64(3);
	LinkRecord	a;
	LinkRecord	b;

	caredata_open_link_record(loaded, left, &a);
	caredata_open_link_record(loaded, right, &b);
	if (before != 0 &&
		caredata_link_found_earlier(&loaded->model, before, &a, &b,
									PG_GETARG_BOOL(4)))
		PG_RETURN_NULL();
	PG_RETURN_INT64(caredata_link_pattern(&loaded->model, &a, &b));
}

static void
frequency_weights(const LinkModel *model, int64 pattern, const LinkRecord *a,
				  const LinkRecord *b, double *adjustment)
{
	int			i;

	for (i = 0; i < model->ncomparisons; i++)
		adjustment[i] = caredata_frequency_weight(&model->comparison[i],
												  caredata_link_pattern_level(&model->comparison[i],
																			  pattern),
												  a, b);
}

/* A millionth of a bit is nothing, but the last digits of a sum may vary. */
static double
rounded(double weight)
{
	return rint(weight * 1e6) / 1e6;
}

/* link_weight(model, pattern, left, right): log2 of the odds. */
Datum
caredata_link_weight(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	const LinkModel *model = &loaded->model;
	int64		pattern = caredata_check_link_pattern(loaded, PG_GETARG_INT64(1));
	double		adjustment[LINK_MAX_COMPARISONS];
	LinkRecord	a;
	LinkRecord	b;

	if (model->nslots == 0)
		PG_RETURN_FLOAT8(rounded(caredata_pattern_weight(model, pattern, NULL,
														 NULL)));
	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(2), &a);
	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(3), &b);
	frequency_weights(model, pattern, &a, &b, adjustment);
	PG_RETURN_FLOAT8(rounded(caredata_pattern_weight(model, pattern, adjustment,
													 NULL)));
}

/*
 * link_weight_parts(model, pattern, left, right): the weight of each
 * comparison, then what frequencies add to each, then what relationships
 * take away.
 */
Datum
caredata_link_weight_parts(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	const LinkModel *model = &loaded->model;
	int64		pattern = caredata_check_link_pattern(loaded, PG_GETARG_INT64(1));
	double		parts[2 * LINK_MAX_COMPARISONS + 1];
	int			n = model->ncomparisons;
	LinkRecord	a;
	LinkRecord	b;
	int			i;

	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(2), &a);
	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(3), &b);
	for (i = 0; i < n; i++)
		parts[i] = caredata_level_weight(&model->comparison[i],
										 caredata_link_pattern_level(&model->comparison[i],
																	 pattern));
	frequency_weights(model, pattern, &a, &b, parts + n);
	caredata_pattern_weight(model, pattern, parts + n, &parts[2 * n]);
	PG_RETURN_DATUM(caredata_float8_array(parts, 2 * n + 1));
}

/* link_levels(model, pattern): of each comparison; NULL without evidence. */
Datum
caredata_link_levels(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	Datum		levels[LINK_MAX_COMPARISONS];
	bool		nulls[LINK_MAX_COMPARISONS];
	int64		pattern = caredata_check_link_pattern(loaded, PG_GETARG_INT64(1));
	int			count = loaded->model.ncomparisons;
	int			lower = 1;
	int			i;

	for (i = 0; i < count; i++)
	{
		int			level = caredata_link_pattern_level(&loaded->model.comparison[i],
														pattern);

		nulls[i] = level < 0;
		levels[i] = Int16GetDatum((int16) level);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(levels, nulls, 1, &count, &lower,
											 INT2OID, 2, true, TYPALIGN_SHORT));
}
