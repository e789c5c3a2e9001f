/*
 * cluster_pass.c
 *		One pass over links that stand in temporary tables, for sql/cluster.sql.
 *
 * The SQL there numbers the records, so that what is held in memory is a few
 * integers a record; the links stay in their table and come sorted, which
 * PostgreSQL does on disk if they are many.  The tables are
 *
 *	pg_temp.caredata_cluster_record (record_no, nhs_number, source, birth, sex)
 *	pg_temp.caredata_cluster_decision (left_no, right_no, same)
 *	pg_temp.caredata_cluster_edge (left_no, right_no, weight)
 *
 * with records numbered from 0 without a gap.  What is decided is in
 * cluster.c, which knows nothing of PostgreSQL.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "cluster.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(caredata_cluster_pass);
PG_FUNCTION_INFO_V1(caredata_cluster_refusals);
PG_FUNCTION_INFO_V1(caredata_bridge_count);

#define FETCH_ROWS	10000

/* What the rows of a query are given to. */
typedef void (*RowSink) (void *sink, HeapTuple row, TupleDesc desc);

/* One pass, on its way. */
typedef struct Pass
{
	int32		count;
	ClusterRecord *records;
	ClusterState *state;

	/* where clusters go each time a threshold is left behind */
	const float8 *thresholds;	/* descending */
	int			nthresholds;
	int			next_threshold;
	int32	   *numbers;
	ReturnSetInfo *result;
} Pass;

static void *
pass_allocate(void *context, size_t bytes)
{
	if (bytes > MaxAllocHugeSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many links between clusters"),
				 errhint("Take a higher threshold.")));
	return MemoryContextAllocHuge((MemoryContext) context, bytes);
}

static void
pass_release(void *context, void *block)
{
	pfree(block);
}

/* Run a query, a few rows at a time. */
static void
for_each_row(const char *query, RowSink give, void *sink)
{
	Portal		portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL,
												   NULL, true, 0);

	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
			give(sink, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_cursor_close(portal);
}

/* A number that is not NULL. */
static Datum
field(HeapTuple row, TupleDesc desc, int number)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, number, &isnull);

	if (isnull)
		elog(ERROR, "column %d of what is clustered is null", number);
	return value;
}

static int32
record_number(Pass *pass, HeapTuple row, TupleDesc desc, int number)
{
	int32		record = DatumGetInt32(field(row, desc, number));

	if (record < 0 || record >= pass->count)
		elog(ERROR, "record %d of what is clustered is not one of %d",
			 record, pass->count);
	return record;
}

static void
take_count(void *sink, HeapTuple row, TupleDesc desc)
{
	Pass	   *pass = (Pass *) sink;
	int64		count = DatumGetInt64(field(row, desc, 1));

	if (count > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d records cannot be clustered at once",
						PG_INT32_MAX)));
	pass->count = (int32) count;
}

static void
take_record(void *sink, HeapTuple row, TupleDesc desc)
{
	Pass	   *pass = (Pass *) sink;
	ClusterRecord *record = &pass->records[record_number(pass, row, desc, 1)];

	record->nhs_number = DatumGetInt64(field(row, desc, 2));
	record->source = DatumGetInt32(field(row, desc, 3));
	record->birth = DatumGetInt32(field(row, desc, 4));
	record->sex = DatumGetInt32(field(row, desc, 5));
}

static void
take_decision(void *sink, HeapTuple row, TupleDesc desc)
{
	Pass	   *pass = (Pass *) sink;
	int32		left = record_number(pass, row, desc, 1);
	int32		right = record_number(pass, row, desc, 2);

	if (DatumGetBool(field(row, desc, 3)))
		(void) cluster_decide_same(pass->state, left, right);
	else
		cluster_decide_different(pass->state, left, right);
}

/* The clusters that the links so far make, as those of a threshold. */
static void
give_clusters(Pass *pass, float8 threshold)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	int32		i;

	cluster_numbers(pass->state, pass->numbers);
	values[0] = Float8GetDatum(threshold);
	for (i = 0; i < pass->count; i++)
	{
		values[1] = Int32GetDatum(i);
		values[2] = Int32GetDatum(pass->numbers[i]);
		tuplestore_putvalues(pass->result->setResult, pass->result->setDesc,
							 values, nulls);
		if (i % FETCH_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static void
take_edge(void *sink, HeapTuple row, TupleDesc desc)
{
	Pass	   *pass = (Pass *) sink;
	int32		left = record_number(pass, row, desc, 1);
	int32		right = record_number(pass, row, desc, 2);
	float8		weight = DatumGetFloat8(field(row, desc, 3));

	while (pass->next_threshold < pass->nthresholds &&
		   weight < pass->thresholds[pass->next_threshold])
		give_clusters(pass, pass->thresholds[pass->next_threshold++]);
	(void) cluster_link(pass->state, left, right, weight);
}

/*
 * Everything up to the last link.  SPI is connected, and what is allocated
 * here goes with it.
 */
static void
run_pass(Pass *pass, float8 floor)
{
	ClusterMemory memory = {pass_allocate, pass_release, CurrentMemoryContext};

	if (isnan(floor) || floor < 0 || floor > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the average-link floor is a share from 0 to 1")));

	for_each_row("SELECT pg_catalog.count(*) FROM pg_temp.caredata_cluster_record",
				 take_count, pass);
	if (pass->nthresholds > 0)
		pass->numbers = pass_allocate(CurrentMemoryContext,
									  Max(pass->count, 1) * sizeof(int32));
	pass->records = pass_allocate(CurrentMemoryContext,
								  Max(pass->count, 1) * sizeof(ClusterRecord));
	memset(pass->records, 0, Max(pass->count, 1) * sizeof(ClusterRecord));
	for_each_row("SELECT record_no::pg_catalog.int4, nhs_number::pg_catalog.int8,"
				 " source::pg_catalog.int4, birth::pg_catalog.int4, sex::pg_catalog.int4"
				 " FROM pg_temp.caredata_cluster_record",
				 take_record, pass);

	pass->state = cluster_begin(&memory, pass->count, floor, pass->records);
	for_each_row("SELECT left_no::pg_catalog.int4, right_no::pg_catalog.int4,"
				 " same::pg_catalog.bool"
				 " FROM pg_temp.caredata_cluster_decision"
				 " ORDER BY 3, 1, 2",
				 take_decision, pass);
	for_each_row("SELECT left_no::pg_catalog.int4, right_no::pg_catalog.int4,"
				 " weight::pg_catalog.float8"
				 " FROM pg_temp.caredata_cluster_edge"
				 " ORDER BY 3 DESC, 1, 2",
				 take_edge, pass);
}

/*
 * caredata.cluster_pass(thresholds float8[], floor float8)
 *		RETURNS TABLE (threshold, record_no, cluster_no)
 */
Datum
caredata_cluster_pass(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Pass		pass;
	Datum	   *elements;
	bool	   *nulls;
	float8	   *thresholds;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	memset(&pass, 0, sizeof(pass));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elements, &nulls, &pass.nthresholds);
	thresholds = palloc(Max(pass.nthresholds, 1) * sizeof(float8));
	for (i = 0; i < pass.nthresholds; i++)
	{
		if (nulls[i] || isnan(DatumGetFloat8(elements[i])) ||
			(i > 0 && DatumGetFloat8(elements[i]) >= thresholds[i - 1]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("thresholds are distinct numbers, the highest first")));
		thresholds[i] = DatumGetFloat8(elements[i]);
	}
	pass.thresholds = thresholds;
	pass.result = (ReturnSetInfo *) fcinfo->resultinfo;

	SPI_connect();
	run_pass(&pass, PG_GETARG_FLOAT8(1));
	while (pass.next_threshold < pass.nthresholds)
		give_clusters(&pass, pass.thresholds[pass.next_threshold++]);
	SPI_finish();

	return (Datum) 0;
}

static const char *
reason_text(ClusterReason reason)
{
	switch (reason)
	{
		case CLUSTER_JOINED:
			break;
		case CLUSTER_FEW_LINKS:
			return "too few links";
		case CLUSTER_NHS_NUMBERS:
			return "two NHS numbers";
		case CLUSTER_SOURCE:
			return "source without duplicates";
		case CLUSTER_SEX_AND_BIRTH:
			return "sex and date of birth";
		case CLUSTER_DECIDED:
			return "decided to be different";
	}
	elog(ERROR, "unrecognized reason of a refusal: %d", (int) reason);
}

/*
 * caredata.cluster_refused_pairs(floor float8)
 *		RETURNS TABLE (left_no, right_no, weight, links, reason)
 */
Datum
caredata_cluster_refusals(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Pass		pass;
	ClusterRefusal *refusals;
	int64		count;
	int64		i;

	InitMaterializedSRF(fcinfo, 0);
	memset(&pass, 0, sizeof(pass));

	SPI_connect();
	run_pass(&pass, PG_GETARG_FLOAT8(0));
	refusals = cluster_refusals(pass.state, &count);
	for (i = 0; i < count; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false, false, false, false, false};

		values[0] = Int32GetDatum(refusals[i].left);
		values[1] = Int32GetDatum(refusals[i].right);
		values[2] = Float8GetDatum(refusals[i].weight);
		values[3] = Int64GetDatum(refusals[i].links);
		values[4] = CStringGetTextDatum(reason_text(refusals[i].reason));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		if (i % FETCH_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();

	return (Datum) 0;
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static int
compare_int32(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	/* so that a long sort can be cancelled */
	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

/*
 * caredata.bridge_count(integer[], integer[]): of the graph whose links go
 * from each record of the one list to that of the other.
 */
Datum
caredata_bridge_count(PG_FUNCTION_ARGS)
{
	ArrayType  *array[2];
	int			links[2];
	int32	   *ends[2];
	int32	   *distinct;
	int32		count = 0;
	ClusterMemory memory = {pass_allocate, pass_release, CurrentMemoryContext};
	int			side;
	int			i;

	for (side = 0; side < 2; side++)
	{
		array[side] = PG_GETARG_ARRAYTYPE_P_COPY(side);
		links[side] = ArrayGetNItems(ARR_NDIM(array[side]),
									 ARR_DIMS(array[side]));
		ends[side] = (int32 *) ARR_DATA_PTR(array[side]);
	}
	if (links[0] != links[1] || array_contains_nulls(array[0]) ||
		array_contains_nulls(array[1]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the ends of links are two lists of the same length")));
	if (links[0] == 0)
		PG_RETURN_INT64(0);

	/* records by their places among those that have links */
	distinct = pass_allocate(CurrentMemoryContext,
							 2 * (Size) links[0] * sizeof(int32));
	memcpy(distinct, ends[0], links[0] * sizeof(int32));
	memcpy(distinct + links[0], ends[1], links[0] * sizeof(int32));
	qsort(distinct, 2 * (Size) links[0], sizeof(int32), compare_int32);
	for (i = 0; i < 2 * links[0]; i++)
		if (i == 0 || distinct[i] != distinct[count - 1])
			distinct[count++] = distinct[i];
	for (side = 0; side < 2; side++)
		for (i = 0; i < links[0]; i++)
			ends[side][i] = (int32) ((int32 *) bsearch(&ends[side][i], distinct, count,
													   sizeof(int32), compare_int32)
									 - distinct);

	PG_RETURN_INT64(cluster_bridges(&memory, count, links[0], ends[0], ends[1],
									check_interrupts));
}
