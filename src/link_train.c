/*
 * link_train.c
 *		The functions of sql/link_train.sql: counting the patterns of pairs, and
 *		estimating the parameters of a model from them.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "fellegi_sunter.h"
#include "link_model.h"

PG_FUNCTION_INFO_V1(caredata_link_sample_patterns);
PG_FUNCTION_INFO_V1(caredata_estimate_link_u);
PG_FUNCTION_INFO_V1(caredata_estimate_link_session);
PG_FUNCTION_INFO_V1(caredata_estimate_link_jointly);

/* ------------------------------------------------------------------------
 * Counting the patterns of all pairs of two samples
 * ------------------------------------------------------------------------
 */

typedef struct PatternEntry
{
	int64		pattern;
	int64		count;
	char		status;
} PatternEntry;

#define SH_PREFIX		pattern
#define SH_ELEMENT_TYPE	PatternEntry
#define SH_KEY_TYPE		int64
#define SH_KEY			pattern
#define SH_HASH_KEY(table, key)	((uint32) murmurhash32((uint32) (key)) ^ \
								 murmurhash32((uint32) ((uint64) (key) >> 32)))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Opened records of one side, and which of them look alike to a comparison. */
typedef struct Sample
{
	int			n;
	LinkRecord *record;
	int		   *value;			/* [comparison * n + record] */
	int			nvalues[LINK_MAX_COMPARISONS];
} Sample;

typedef struct SortContext
{
	const LinkComparison *comparison;
	const LinkRecord *record;
} SortContext;

/* Order of the bytes of all fields of a comparison. */
static int
compare_values(const void *a, const void *b, void *context)
{
	const SortContext *sort = context;
	int			i;

	for (i = 0; i < sort->comparison->nfields; i++)
	{
		int			order = caredata_link_order(&sort->record[*(const int *) a],
												&sort->record[*(const int *) b],
												sort->comparison->field[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

static void
read_sample(const LoadedModel *loaded, ArrayType *array, Sample *sample)
{
	const LinkModel *model = &loaded->model;
	Datum	   *datums;
	bool	   *nulls;
	int		   *order;
	int			i;
	int			c;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &datums, &nulls,
					  &sample->n);
	sample->record = palloc(sizeof(LinkRecord) * Max(sample->n, 1));
	sample->value = palloc(sizeof(int) * Max(sample->n, 1) *
						   model->ncomparisons);
	order = palloc(sizeof(int) * Max(sample->n, 1));
	for (i = 0; i < sample->n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a sample of records must not contain nulls")));
		caredata_open_link_record(loaded, DatumGetByteaPP(datums[i]),
								  &sample->record[i]);
	}
	for (c = 0; c < model->ncomparisons; c++)
	{
		SortContext sort = {&model->comparison[c], sample->record};
		int			value = 0;

		for (i = 0; i < sample->n; i++)
			order[i] = i;
		qsort_arg(order, sample->n, sizeof(int), compare_values, &sort);
		for (i = 0; i < sample->n; i++)
		{
			if (i > 0 && compare_values(&order[i - 1], &order[i], &sort) != 0)
				value++;
			sample->value[c * sample->n + order[i]] = value;
		}
		sample->nvalues[c] = sample->n > 0 ? value + 1 : 0;
	}
}

static int
compare_entries(const void *a, const void *b)
{
	int64		left = ((const PatternEntry *) a)->pattern;
	int64		right = ((const PatternEntry *) b)->pattern;

	return left < right ? -1 : left > right;
}

/* The counts as two arrays, ascending by pattern. */
static Datum
pattern_result(FunctionCallInfo fcinfo, pattern_hash *counts)
{
	pattern_iterator iterator;
	PatternEntry *entry;
	PatternEntry *entries = palloc(sizeof(PatternEntry) * (counts->members + 1));
	Datum	   *patterns = palloc(sizeof(Datum) * (counts->members + 1));
	Datum	   *numbers = palloc(sizeof(Datum) * (counts->members + 1));
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			n = 0;
	int			i;

	pattern_start_iterate(counts, &iterator);
	while ((entry = pattern_iterate(counts, &iterator)) != NULL)
		entries[n++] = *entry;
	qsort(entries, n, sizeof(PatternEntry), compare_entries);
	for (i = 0; i < n; i++)
	{
		patterns[i] = Int64GetDatum(entries[i].pattern);
		numbers[i] = Int64GetDatum(entries[i].count);
	}
	values[0] = PointerGetDatum(construct_array(patterns, n, INT8OID, 8,
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[1] = PointerGetDatum(construct_array(numbers, n, INT8OID, 8,
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

#define LEVEL_NOT_YET	0xFF

/*
 * link_sample_patterns(model, left, right): all pairs of two samples, or of
 * one with itself, each once, where right is NULL.  The level of a comparison
 * is found once for each two values; where there are too many values to keep
 * all of them, once for each record on the left and value on the right.
 */
Datum
caredata_link_sample_patterns(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded;
	const LinkModel *model;
	Sample		left;
	Sample		right;
	bool		one = PG_ARGISNULL(2);
	uint8	   *known[LINK_MAX_COMPARISONS];
	bool		all_known[LINK_MAX_COMPARISONS];
	Size		budget;
	pattern_hash *counts;
	int			i;
	int			j;
	int			c;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	loaded = caredata_load_link_model(fcinfo->flinfo, PG_GETARG_INT32(0));
	model = &loaded->model;
	read_sample(loaded, PG_GETARG_ARRAYTYPE_P(1), &left);
	if (one)
		right = left;
	else
		read_sample(loaded, PG_GETARG_ARRAYTYPE_P(2), &right);

	budget = (Size) work_mem * 1024 / model->ncomparisons;
	for (c = 0; c < model->ncomparisons; c++)
	{
		Size		all = (Size) left.nvalues[c] * right.nvalues[c];

		all_known[c] = all <= budget;
		if (!all_known[c])
			all = right.nvalues[c];
		known[c] = palloc(Max(all, 1));
		memset(known[c], LEVEL_NOT_YET, all);
	}

	counts = pattern_create(CurrentMemoryContext, 1024, NULL);
	for (i = 0; i < left.n; i++)
	{
		const uint8 *row[LINK_MAX_COMPARISONS];
		const int  *value[LINK_MAX_COMPARISONS];

		CHECK_FOR_INTERRUPTS();
		for (c = 0; c < model->ncomparisons; c++)
		{
			value[c] = right.value + (Size) c * right.n;
			if (all_known[c])
				row[c] = known[c] + (Size) left.value[(Size) c * left.n + i] *
					right.nvalues[c];
			else
			{
				memset(known[c], LEVEL_NOT_YET, right.nvalues[c]);
				row[c] = known[c];
			}
		}
		for (j = one ? i + 1 : 0; j < right.n; j++)
		{
			int64		pattern = 0;
			bool		found;
			PatternEntry *entry;

			for (c = 0; c < model->ncomparisons; c++)
			{
				int			v = value[c][j];

				if (row[c][v] == LEVEL_NOT_YET)
				{
					/* two long texts take milliseconds */
					CHECK_FOR_INTERRUPTS();
					((uint8 *) row[c])[v] = (uint8)
						(caredata_link_level(model, c, &left.record[i],
											 &right.record[j]) + 1);
				}
				pattern |= (int64) row[c][v] << model->comparison[c].shift;
			}
			entry = pattern_insert(counts, pattern, &found);
			if (!found)
				entry->count = 0;
			entry->count++;
		}
	}
	PG_RETURN_DATUM(pattern_result(fcinfo, counts));
}

/* ------------------------------------------------------------------------
 * Estimation
 * ------------------------------------------------------------------------
 */

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Two arrays as counts of a model's patterns, which must ascend. */
static void
read_counts(const LoadedModel *loaded, ArrayType *patterns, ArrayType *numbers,
			PatternCounts *counts)
{
	Datum	   *pattern;
	Datum	   *number;
	bool	   *pattern_nulls;
	bool	   *number_nulls;
	int64	   *to_pattern;
	double	   *to_number;
	int			n;
	int			i;

	deconstruct_array(patterns, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &pattern, &pattern_nulls, &counts->n);
	deconstruct_array(numbers, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &number, &number_nulls, &n);
	to_pattern = palloc(sizeof(int64) * Max(n, 1));
	to_number = palloc(sizeof(double) * Max(n, 1));
	for (i = 0; i < n && n == counts->n; i++)
	{
		if (pattern_nulls[i] || number_nulls[i] || DatumGetInt64(number[i]) < 0)
			break;
		to_pattern[i] = caredata_check_link_pattern(loaded, DatumGetInt64(pattern[i]));
		to_number[i] = (double) DatumGetInt64(number[i]);
		if (i > 0 && to_pattern[i] <= to_pattern[i - 1])
			break;
	}
	if (i < n || n != counts->n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("counts of patterns must be two arrays of one length, the patterns ascending")));
	counts->pattern = to_pattern;
	counts->count = to_number;
}

/* m or u of all levels, comparison by comparison, from level 0 upwards. */
static Datum
level_array(const LinkModel *model, bool of_u, const bool *active)
{
	double	   *values = palloc(sizeof(double) * LINK_MAX_COMPARISONS *
								LINK_MAX_LEVELS);
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < model->ncomparisons; i++)
	{
		const LinkComparison *c = &model->comparison[i];

		for (j = c->nlevels - 1; j >= 0; j--)
			values[n++] = active != NULL && !active[i] ? NAN :
				of_u ? c->level[j].u : c->level[j].m;
	}
	return caredata_float8_array(values, n);
}

/* estimate_link_u(model, patterns, counts) */
Datum
caredata_estimate_link_u(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	PatternCounts sample;

	*model = loaded->model;
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2), &sample);
	caredata_estimate_u(model, &sample);
	PG_RETURN_DATUM(level_array(model, true, NULL));
}

static Datum
row_result(FunctionCallInfo fcinfo, Datum *values)
{
	TupleDesc	desc;
	bool		nulls[8] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * estimate_link_session(model, inactive comparisons, lambda, patterns,
 * counts): lambda, m, rounds, converged
 */
Datum
caredata_estimate_link_session(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	double		lambda = PG_GETARG_FLOAT8(2);
	bool		active[LINK_MAX_COMPARISONS];
	PatternCounts pairs;
	EstimateReport report;
	Datum	   *inactive;
	bool	   *nulls;
	Datum		values[4];
	int			count;
	int			i;
	int			j;

	*model = loaded->model;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT2OID, 2, true,
					  TYPALIGN_SHORT, &inactive, &nulls, &count);
	for (i = 0; i < model->ncomparisons; i++)
	{
		active[i] = true;
		for (j = 0; j < count; j++)
			if (!nulls[j] &&
				DatumGetInt16(inactive[j]) == loaded->comparison_ordinal[i])
				active[i] = false;
	}
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &pairs);
	caredata_estimate_session(model, active, &pairs, &lambda, &report, check_interrupts);

	values[0] = Float8GetDatum(lambda);
	values[1] = level_array(model, false, active);
	values[2] = Int32GetDatum(report.rounds);
	values[3] = BoolGetDatum(report.converged);
	PG_RETURN_DATUM(row_result(fcinfo, values));
}

/*
 * estimate_link_jointly(model, patterns, counts, sample patterns, sample
 * counts, all pairs): lambda, m, u, shares, rounds, converged, expected
 * matches, threshold
 */
Datum
caredata_estimate_link_jointly(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	PatternCounts pairs;
	PatternCounts sample;
	EstimateReport report;
	double		shares[LINK_MAX_RELATIONSHIPS];
	Datum		values[8];
	double	   *work;
	int			i;

	*model = loaded->model;
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2), &pairs);
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &sample);
	work = MemoryContextAllocHuge(CurrentMemoryContext,
								  caredata_estimate_room(model, &pairs, &sample) *
								  sizeof(double));
	caredata_estimate_joint(model, &pairs, &sample, PG_GETARG_FLOAT8(5),
							&report, work, check_interrupts);
	for (i = 0; i < model->nrelationships; i++)
		shares[i] = model->relationship[i].share;

	values[0] = Float8GetDatum(model->lambda);
	values[1] = level_array(model, false, NULL);
	values[2] = level_array(model, true, NULL);
	values[3] = caredata_float8_array(shares, model->nrelationships);
	values[4] = Int32GetDatum(report.rounds);
	values[5] = BoolGetDatum(report.converged);
	values[6] = Float8GetDatum(report.expected_matches);
	values[7] = Float8GetDatum(report.threshold);
	PG_RETURN_DATUM(row_result(fcinfo, values));
}
