/*
 * dice_join.c
 *		dice_join(): all pairs of two tables' CLKs above a threshold.
 *
 * Both sides are read once, with the caller's rights, into tuple stores, which
 * go to disk beyond work_mem; a table compared with itself is read once and has
 * one store.  Then, for one chunk of the left after the other, chunks of the
 * right are compared with it, so that what is in memory is bounded by work_mem
 * whatever the tables' sizes.  Where there are blocks, both sides are read in
 * the order of their blocks, and a chunk never goes beyond its block.
 *
 * A chunk of the right is sorted by its ones and laid out in tiles that stay
 * in the processor's first cache while all records of the left go over them
 * (popcount.h).  Of a record with |A| ones only rows whose ones are in a window
 * can reach the threshold t; and a row with |B| ones reaches it when the ones
 * in common are at least t (|A| + |B|) / 2.  That bound is worked out before,
 * for every sum, by the very comparison of floating-point numbers that the
 * result would be put to, and so the loops compare integers only.
 *
 * With "top", each record of the left keeps a heap of its best so far, whose
 * worst raises the bound.  Equal coefficients are decided by the order of the
 * right's ids, bytewise, so the result does not depend on the order of rows.
 *
 * How far it is shows in application_name, as with link(): sql/link_run.sql.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "clk.h"
#include "compat.h"
#include "dice_store.h"
#include "popcount.h"

PG_FUNCTION_INFO_V1(caredata_dice_join);
PG_FUNCTION_INFO_V1(caredata_dice_kernels);

#define TILE_BYTES		16384	/* half of a first cache */
#define LEFT_BYTES		262144	/* half of a second cache */
#define MAX_TOP			1000
#define MIN_CHUNK_ROWS	64
#define MAX_CHUNK_ROWS	1048576

/* A row of the right that a record keeps. */
typedef struct Kept
{
	double		dice;
	text	   *id;
} Kept;

typedef struct LeftRecord
{
	int64		position;
	text	   *id;
	uint32		ones;
	uint32		rest_ones;		/* of the second half of the words */
	int			nkept;
	Kept	   *kept;			/* a heap with the worst at its root */
} LeftRecord;

typedef struct RightRow
{
	int64		position;
	text	   *id;
	uint32		ones;
} RightRow;

typedef struct DiceJoin
{
	double		threshold;
	int			top;			/* 0 for all */
	bool		self;			/* one table with itself */
	int			bytes;			/* of a CLK; 0 while none was seen */
	size_t		words;
	uint32		max_ones;
	const OverlapKernel *kernel;
	uint32	   *need;			/* ones in common, by the sum of ones */
	uint32	   *lowest;			/* window of ones of the right, by the left's */
	uint32	   *highest;

	MemoryContext left_context;
	int			nleft;
	int			left_size;
	LeftRecord *left;
	uint64	   *left_words;
	Size		left_budget;

	MemoryContext right_context;
	int			nright;
	int			right_size;
	RightRow   *right;			/* in the order of their ones */
	uint64	   *groups;			/* the same, laid out for the kernel */
	Size		right_budget;

	int			percent;		/* that is shown */
	OverlapHit *hits;
	Tuplestorestate *result;
	TupleDesc	result_desc;
} DiceJoin;

/* ------------------------------------------------------------------------
 * Bounds
 * ------------------------------------------------------------------------
 */

/* What follows from the length of a CLK and the threshold. */
static void
set_bounds(DiceJoin *join)
{
	uint32		sum;
	uint32		ones;

	join->words = (join->bytes + sizeof(uint64) - 1) / sizeof(uint64);
	join->max_ones = 8 * join->bytes;

	/* the least number in common that reaches the threshold, as dice() has it */
	join->need = palloc((2 * join->max_ones + 1) * sizeof(uint32));
	join->need[0] = 1;
	for (sum = 1; sum <= 2 * join->max_ones; sum++)
	{
		uint32		common = (uint32) Max(0.0, floor(join->threshold * sum / 2) - 1);

		while (caredata_dice(sum, 0, common) < join->threshold)
			common++;
		join->need[sum] = Max(common, 1);
	}

	/* ones of the right that can have that many in common with the left */
	join->lowest = palloc((join->max_ones + 1) * sizeof(uint32));
	join->highest = palloc((join->max_ones + 1) * sizeof(uint32));
	join->lowest[0] = join->max_ones + 1;
	join->highest[0] = 0;
	for (ones = 1; ones <= join->max_ones; ones++)
	{
		uint32		low = 0;
		uint32		high = ones;

		/* as many ones as the left always can; fewer can down to a limit */
		while (low < high)
		{
			uint32		other = (low + high) / 2;

			if (join->need[ones + other] <= other)
				high = other;
			else
				low = other + 1;
		}
		join->lowest[ones] = low;
		/* and more up to another */
		low = ones;
		high = join->max_ones;
		while (low < high)
		{
			uint32		other = (low + high + 1) / 2;

			if (join->need[ones + other] <= ones)
				low = other;
			else
				high = other - 1;
		}
		join->highest[ones] = low;
	}
}

/* ------------------------------------------------------------------------
 * Chunks
 * ------------------------------------------------------------------------
 */

static void
begin_chunks(DiceJoin *join)
{
	Size		budget = (Size) work_mem * 1024 / 4;
	Size		record = join->words * sizeof(uint64);
	Size		group_bytes = record * OVERLAP_LANES;
	int			tile_rows;

	join->left_budget = join->right_budget = budget;
	join->left_size = Min(Max(budget / (record + sizeof(LeftRecord) +
										join->top * sizeof(Kept)),
							  MIN_CHUNK_ROWS),
						  MAX_CHUNK_ROWS);
	/* a row of the right is there twice while it is laid out */
	join->right_size = Min(Max(budget / (2 * (record + sizeof(RightRow))),
							   MIN_CHUNK_ROWS),
						   MAX_CHUNK_ROWS);
	join->right_size = join->right_size / OVERLAP_LANES * OVERLAP_LANES;
	tile_rows = Max(TILE_BYTES / group_bytes, 1) * OVERLAP_LANES;

	join->left = palloc(join->left_size * sizeof(LeftRecord));
	join->left_words = MemoryContextAllocHuge(CurrentMemoryContext,
											  join->left_size * record);
	join->hits = palloc(tile_rows * sizeof(OverlapHit));
	join->left_context = AllocSetContextCreate(CurrentMemoryContext,
											   "dice_join left",
											   ALLOCSET_DEFAULT_SIZES);
	join->right_context = AllocSetContextCreate(CurrentMemoryContext,
												"dice_join right",
												ALLOCSET_DEFAULT_SIZES);
}

/* The bytes of a CLK as words, the last one filled up with zeros. */
static void
store_words(const DiceJoin *join, const uint8 *clk, uint64 *words)
{
	words[join->words - 1] = 0;
	memcpy(words, clk, join->bytes);
}

static int
compare_blocks(const text *a, const text *b)
{
	return a == NULL ? 0 : caredata_compare_bytes(a, b);
}

/*
 * Fill a chunk of the left with rows of one block.  Returns false at the end.
 */
static bool
fill_left(DiceJoin *join, DiceStore *store, text **block)
{
	MemoryContext caller;
	DiceRow		row;

	MemoryContextReset(join->left_context);
	join->nleft = 0;
	*block = NULL;
	while (join->nleft < join->left_size &&
		   (join->nleft < MIN_CHUNK_ROWS ||
			MemoryContextMemAllocated(join->left_context, false) < join->left_budget))
	{
		LeftRecord *record = &join->left[join->nleft];
		uint64	   *words = join->left_words + join->nleft * join->words;
		size_t		half = join->words / 2;

		/* so that a row of another block can be had again */
		caredata_dice_copy_pointer(store, DICE_LEFT, DICE_SCAN);
		if (!caredata_dice_next_row(store, DICE_LEFT, &row))
			break;
		if (join->nleft > 0 && compare_blocks(row.block, *block) != 0)
		{
			caredata_dice_copy_pointer(store, DICE_SCAN, DICE_LEFT);
			break;
		}
		/* each pair once: the right begins where the left does */
		if (join->nleft == 0 && join->self && join->top == 0)
			caredata_dice_copy_pointer(store, DICE_SCAN, DICE_BLOCK);
		caller = MemoryContextSwitchTo(join->left_context);
		if (join->nleft == 0 && row.block != NULL)
			*block = caredata_copy_text(row.block);
		record->position = row.position;
		record->id = caredata_copy_text(row.id);
		store_words(join, row.clk, words);
		record->ones = caredata_ones((uint8 *) words, join->words * sizeof(uint64));
		record->rest_ones = caredata_ones((uint8 *) (words + half),
										  (join->words - half) * sizeof(uint64));
		record->nkept = 0;
		record->kept = join->top > 0 ? palloc(join->top * sizeof(Kept)) : NULL;
		MemoryContextSwitchTo(caller);
		join->nleft++;
		CHECK_FOR_INTERRUPTS();
	}
	return join->nleft > 0;
}

/*
 * Lay rows, read in any order, out for the kernel, in the order of their ones.
 */
static void
lay_out_right(DiceJoin *join, const RightRow *rows, const uint64 *words)
{
	Size		group_words = join->words * OVERLAP_LANES;
	int			ngroups = (join->nright + OVERLAP_LANES - 1) / OVERLAP_LANES;
	int		   *start = palloc0((join->max_ones + 2) * sizeof(int));
	uint32		ones;
	int			i;

	for (i = 0; i < join->nright; i++)
		start[rows[i].ones + 1]++;
	for (ones = 0; ones <= join->max_ones; ones++)
		start[ones + 1] += start[ones];

	join->right = palloc(join->nright * sizeof(RightRow));
	join->groups = MemoryContextAllocExtended(CurrentMemoryContext,
											  ngroups * group_words * sizeof(uint64),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < join->nright; i++)
	{
		int			to = start[rows[i].ones]++;
		uint64	   *group = join->groups + to / OVERLAP_LANES * group_words;
		size_t		word;

		join->right[to] = rows[i];
		for (word = 0; word < join->words; word++)
			group[word * OVERLAP_LANES + to % OVERLAP_LANES] =
				words[i * join->words + word];
	}
}

/*
 * Fill a chunk of the right with the rows of a block that follow the pointer.
 * Returns whether the block goes on behind it.
 */
static bool
fill_right(DiceJoin *join, DiceStore *store, const text *block)
{
	MemoryContext caller;
	RightRow   *rows;
	uint64	   *words;
	bool		more = false;
	DiceRow		row;

	MemoryContextReset(join->right_context);
	caller = MemoryContextSwitchTo(join->right_context);
	rows = palloc(join->right_size * sizeof(RightRow));
	words = MemoryContextAllocHuge(join->right_context,
								   join->right_size * join->words * sizeof(uint64));
	join->nright = 0;
	while (caredata_dice_next_row(store, DICE_SCAN, &row) &&
		   compare_blocks(row.block, block) == 0)
	{
		RightRow   *to = &rows[join->nright];

		to->position = row.position;
		to->id = caredata_copy_text(row.id);
		to->ones = caredata_ones(row.clk, join->bytes);
		store_words(join, row.clk, words + join->nright * join->words);
		join->nright++;
		if (join->nright == join->right_size ||
			(join->nright % MIN_CHUNK_ROWS == 0 &&
			 MemoryContextMemAllocated(join->right_context, false) > 2 * join->right_budget))
		{
			more = true;
			break;
		}
		CHECK_FOR_INTERRUPTS();
	}
	lay_out_right(join, rows, words);
	MemoryContextSwitchTo(caller);
	return more;
}

/* ------------------------------------------------------------------------
 * Comparison
 * ------------------------------------------------------------------------
 */

static void
put_pair(DiceJoin *join, text *left, text *right, double dice)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = PointerGetDatum(left);
	values[1] = PointerGetDatum(right);
	values[2] = Float8GetDatum(dice);
	tuplestore_putvalues(join->result, join->result_desc, values, nulls);
}

/* Is a kept row worse than another one? */
static bool
is_worse(const Kept *a, const Kept *b)
{
	if (a->dice != b->dice)
		return a->dice < b->dice;
	return caredata_compare_bytes(a->id, b->id) > 0;
}

static void
swap_kept(Kept *a, Kept *b)
{
	Kept		c = *a;

	*a = *b;
	*b = c;
}

/* Add a row to the best of a record, in place of the worst if there are enough. */
static void
keep_row(DiceJoin *join, LeftRecord *record, double dice, text *id)
{
	Kept	   *heap = record->kept;
	Kept		kept;
	MemoryContext caller;
	int			at;

	kept.dice = dice;
	kept.id = id;
	if (record->nkept == join->top && !is_worse(&heap[0], &kept))
		return;
	caller = MemoryContextSwitchTo(join->left_context);
	kept.id = caredata_copy_text(id);
	MemoryContextSwitchTo(caller);

	if (record->nkept < join->top)
	{
		at = record->nkept++;
		heap[at] = kept;
		for (; at > 0 && is_worse(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
			swap_kept(&heap[at], &heap[(at - 1) / 2]);
		return;
	}
	pfree(heap[0].id);
	heap[0] = kept;
	for (at = 0;;)
	{
		int			worst = at;

		if (2 * at + 1 < record->nkept && is_worse(&heap[2 * at + 1], &heap[worst]))
			worst = 2 * at + 1;
		if (2 * at + 2 < record->nkept && is_worse(&heap[2 * at + 2], &heap[worst]))
			worst = 2 * at + 2;
		if (worst == at)
			break;
		swap_kept(&heap[at], &heap[worst]);
		at = worst;
	}
}

static void
take_hits(DiceJoin *join, LeftRecord *record, const RightRow *rows, size_t nhits)
{
	size_t		i;

	for (i = 0; i < nhits; i++)
	{
		const RightRow *row = &rows[join->hits[i].row];
		uint32		common = join->hits[i].overlap;
		text	   *left = record->id;
		text	   *right = row->id;
		double		dice;

		if (common < join->need[record->ones + row->ones])
			continue;
		if (join->self &&
			(join->top > 0 ? row->position == record->position :
			 row->position <= record->position))
			continue;
		dice = caredata_dice(record->ones, row->ones, common);
		if (join->top > 0)
			keep_row(join, record, dice, right);
		else if (join->self && caredata_compare_bytes(left, right) > 0)
			put_pair(join, right, left, dice);
		else
			put_pair(join, left, right, dice);
	}
}

/* The ones in common that a record's pairs with a tile need at the least. */
static uint32
least_needed(const DiceJoin *join, const LeftRecord *record, uint32 least_ones)
{
	uint32		sum = record->ones + least_ones;
	uint32		need = join->need[sum];

	if (join->top > 0 && record->nkept == join->top)
	{
		/* a hair less, for a rounding that goes the other way */
		double		worst = record->kept[0].dice * sum / 2 - 0.001;

		if (worst > need)
			need = (uint32) ceil(worst);
	}
	return need;
}

/* Compare some records of the left with a tile of the right. */
static void
compare_tile(DiceJoin *join, int first_left, int nleft, int first_row,
			 int nrows)
{
	const RightRow *rows = join->right + first_row;
	const uint64 *groups = join->groups + first_row * join->words;
	size_t		ngroups = (nrows + OVERLAP_LANES - 1) / OVERLAP_LANES;
	uint32		least = rows[0].ones;
	uint32		most = rows[nrows - 1].ones;
	int			i;

	for (i = first_left; i < first_left + nleft; i++)
	{
		LeftRecord *record = &join->left[i];
		uint32		limit;
		size_t		nhits;

		CHECK_FOR_INTERRUPTS();
		if (most < join->lowest[record->ones] ||
			least > join->highest[record->ones])
			continue;
		limit = least_needed(join, record,
							 Max(least, join->lowest[record->ones]));
		nhits = join->kernel->find(join->left_words + i * join->words, groups,
								   join->words, ngroups, limit,
								   limit > record->rest_ones ? limit - record->rest_ones : 0,
								   join->hits);
		if (nhits > 0)
			take_hits(join, record, rows, nhits);
	}
}

/*
 * Compare the chunk of the left with that of the right: as many records of the
 * left at a time as stay in the second cache, so that only tiles come from
 * memory.
 */
static void
compare_chunks(DiceJoin *join)
{
	Size		record = join->words * sizeof(uint64);
	int			tile = Max(TILE_BYTES / (record * OVERLAP_LANES), 1) * OVERLAP_LANES;
	int			block = Max(LEFT_BYTES / record, 1);
	int			left;
	int			row;

	for (left = 0; left < join->nleft; left += block)
	{
		for (row = 0; row < join->nright; row += tile)
			compare_tile(join, left, Min(block, join->nleft - left),
						 row, Min(tile, join->nright - row));
	}
}

static void
put_kept(DiceJoin *join)
{
	int			i;
	int			k;

	for (i = 0; i < join->nleft; i++)
	{
		for (k = 0; k < join->left[i].nkept; k++)
			put_pair(join, join->left[i].id, join->left[i].kept[k].id,
					 join->left[i].kept[k].dice);
	}
}

/*
 * Put the pointer to the right's rows at the first one of a block.  Blocks come
 * in order on both sides, so the block's pointer only ever moves on.
 */
static bool
find_block(DiceJoin *join, DiceStore *right, const text *block)
{
	DiceRow		row;

	for (;;)
	{
		int			order;

		caredata_dice_copy_pointer(right, DICE_BLOCK, DICE_SCAN);
		if (!caredata_dice_next_row(right, DICE_SCAN, &row))
			return false;
		order = compare_blocks(row.block, block);
		if (order > 0)
			return false;
		if (order == 0)
			break;
		caredata_dice_copy_pointer(right, DICE_SCAN, DICE_BLOCK);
		CHECK_FOR_INTERRUPTS();
	}
	caredata_dice_copy_pointer(right, DICE_BLOCK, DICE_SCAN);
	return true;
}

/* For pg_stat_activity, until the transaction ends. */
static void
set_application_name(const char *name)
{
	(void) set_config_option("application_name", name, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/* How much of the left is done, the chunk in work as far as the right is. */
static void
show_progress(DiceJoin *join, DiceStore *left, DiceStore *right)
{
	double		of_chunk = (double) right->position[DICE_SCAN] /
	tuplestore_tuple_count(right->tuples);
	double		records = join->left[0].position + join->nleft * of_chunk;
	int			percent = (int) (100 * records /
								 tuplestore_tuple_count(left->tuples));
	char		name[64];

	if (percent == join->percent)
		return;
	join->percent = percent;
	snprintf(name, sizeof(name), "caredata: comparing CLKs, %d %%", percent);
	set_application_name(name);
}

static void
compare_stores(DiceJoin *join, DiceStore *left, DiceStore *right)
{
	text	   *block;

	begin_chunks(join);
	join->percent = -1;
	while (fill_left(join, left, &block))
	{
		bool		more = find_block(join, right, block);

		while (more)
		{
			show_progress(join, left, right);
			more = fill_right(join, right, block);
			if (join->nright > 0)
				compare_chunks(join);
		}
		put_kept(join);
	}
}

static Oid
clk_type(FunctionCallInfo fcinfo)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum("clk"),
						   ObjectIdGetDatum(get_func_namespace(fcinfo->flinfo->fn_oid)));
}

/* caredata.dice_join(): sql/dice_join.sql has its arguments */
Datum
caredata_dice_join(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = clk_type(fcinfo);
	char	   *name = pstrdup(application_name);
	DiceJoin	join = {0};
	DiceStore  *left;
	DiceStore  *right;
	Oid			left_table;
	Oid			right_table;
	Name		left_id;
	Name		left_clk;
	Name		right_id;
	Name		right_clk;
	Name		left_block = PG_ARGISNULL(8) ? NULL : PG_GETARG_NAME(8);
	Name		right_block = PG_ARGISNULL(9) ? left_block : PG_GETARG_NAME(9);

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("table, threshold and names of columns must not be null")));
	join.threshold = PG_GETARG_FLOAT8(2);
	if (!(join.threshold > 0 && join.threshold <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be greater than 0 and at most 1")));
	if (!PG_ARGISNULL(3))
	{
		join.top = PG_GETARG_INT32(3);
		if (join.top < 1 || join.top > MAX_TOP)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("top must be from 1 to %d", MAX_TOP)));
	}
	if (left_block == NULL && right_block != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only the right table has a block column"),
				 errhint("Name one of each, or none.")));

	left_table = PG_GETARG_OID(0);
	left_id = PG_GETARG_NAME(4);
	left_clk = PG_GETARG_NAME(5);
	join.self = PG_ARGISNULL(1);
	right_table = join.self ? left_table : PG_GETARG_OID(1);
	right_id = PG_ARGISNULL(6) ? left_id : PG_GETARG_NAME(6);
	right_clk = PG_ARGISNULL(7) ? left_clk : PG_GETARG_NAME(7);
	join.kernel = caredata_overlap_kernel();
	join.result = rsinfo->setResult;
	join.result_desc = rsinfo->setDesc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	set_application_name("caredata: reading CLKs");
	left = caredata_dice_read(left_table, left_id, left_clk, left_block, type,
							  &join.bytes);
	right = join.self ? left :
		caredata_dice_read(right_table, right_id, right_clk, right_block, type,
						   &join.bytes);
	if (join.bytes > 0)
	{
		set_bounds(&join);
		compare_stores(&join, left, right);
	}
	caredata_dice_free(left);
	if (!join.self)
		caredata_dice_free(right);
	set_application_name(name);
	SPI_finish();
	return (Datum) 0;
}

/* caredata.dice_kernels() */
Datum
caredata_dice_kernels(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	size_t		i;

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < caredata_overlap_kernel_count; i++)
	{
		const OverlapKernel *kernel = &caredata_overlap_kernels[i];
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = CStringGetTextDatum(kernel->name);
		values[1] = BoolGetDatum(kernel->usable());
		values[2] = BoolGetDatum(kernel == caredata_overlap_kernel());
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
