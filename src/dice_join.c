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
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "clk.h"
#include "compat.h"
#include "popcount.h"

PG_FUNCTION_INFO_V1(caredata_dice_join);
PG_FUNCTION_INFO_V1(caredata_dice_kernels);

#define FETCH_ROWS		1000
#define TILE_BYTES		16384	/* half of a first cache */
#define LEFT_BYTES		262144	/* half of a second cache */
#define MAX_TOP			1000
#define MIN_CHUNK_ROWS	64
#define MAX_CHUNK_ROWS	1048576

/* Columns of a store. */
enum
{
	COLUMN_ID = 1,
	COLUMN_CLK,
	COLUMN_BLOCK,
	STORE_COLUMNS = COLUMN_BLOCK
};

/* Read pointers of a store. */
enum
{
	POINTER_LEFT,				/* the next record of the left */
	POINTER_BLOCK,				/* first row of a block, on the right */
	POINTER_SCAN,				/* the next row of the right */
	STORE_POINTERS
};

typedef struct Store
{
	Tuplestorestate *tuples;
	TupleTableSlot *slot;
	int64		position[STORE_POINTERS];	/* rows before the pointer */
	int64		without_clk;
	int64		without_block;
} Store;

/* A row of a store, as long as its slot is not used again. */
typedef struct Row
{
	int64		position;
	text	   *id;
	const uint8 *clk;
	text	   *block;			/* NULL without blocks */
} Row;

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
	bool		blocks;
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

	OverlapHit *hits;
	Tuplestorestate *result;
	TupleDesc	result_desc;
} DiceJoin;

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------
 */

static Oid
clk_type(FunctionCallInfo fcinfo)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum("clk"),
						   ObjectIdGetDatum(get_func_namespace(fcinfo->flinfo->fn_oid)));
}

/* A column of a table, quoted; raises if there is none of that name. */
static const char *
column_of(Oid relation, const char *column, Oid type)
{
	AttrNumber	number = get_attnum(relation, column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, get_rel_name(relation))));
	if (OidIsValid(type) && getBaseType(get_atttype(relation, number)) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" is not of type clk",
						column, get_rel_name(relation)),
				 errhint("Cast it in a view or in another table: bytea::clk, text::clk.")));
	return quote_identifier(column);
}

static char *
side_query(Oid relation, Name id, Name clk, Name block, Oid type)
{
	char	   *name = get_rel_name(relation);
	StringInfoData query;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a table of the comparison does not exist")));
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s::pg_catalog.text, ",
					 column_of(relation, NameStr(*id), InvalidOid));
	appendStringInfo(&query, "%s, ", column_of(relation, NameStr(*clk), type));
	if (block == NULL)
		appendStringInfoString(&query, "NULL::pg_catalog.text");
	else
		appendStringInfo(&query, "%s::pg_catalog.text COLLATE pg_catalog.\"C\"",
						 column_of(relation, NameStr(*block), InvalidOid));
	appendStringInfo(&query, " FROM %s",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
												name));
	if (block != NULL)
		appendStringInfoString(&query, " ORDER BY 3");
	return query.data;
}

/*
 * Ids that come twice would make pairs that nobody can tell apart.  The query
 * reads the table once more, which costs little beside the comparison.
 */
static void
check_ids(Oid relation, Name id)
{
	StringInfoData query;
	const char *column = column_of(relation, NameStr(*id), InvalidOid);

	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT 1 FROM %s GROUP BY %s::pg_catalog.text HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
												get_rel_name(relation)),
					 column);
	if (SPI_execute(query.data, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("column \"%s\" of relation \"%s\" has an id more than once",
						NameStr(*id), get_rel_name(relation)),
				 errhint("Compare tables in which every record has an id of its own.")));
	pfree(query.data);
}

/* ------------------------------------------------------------------------
 * Stores
 * ------------------------------------------------------------------------
 */

static void
set_length(DiceJoin *join, int bytes)
{
	uint32		sum;
	uint32		ones;

	if (join->bytes == bytes)
		return;
	if (join->bytes != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("CLKs have different lengths, %d and %d bits",
						8 * join->bytes, 8 * bytes),
				 errhint("They were made under different schemas.")));
	join->bytes = bytes;
	join->words = (bytes + sizeof(uint64) - 1) / sizeof(uint64);
	join->max_ones = 8 * bytes;

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

/* Read one side into a store. */
static Store *
read_side(DiceJoin *join, const char *query, Oid relation)
{
	Store	   *store = palloc0(sizeof(Store));
	TupleDesc	desc;
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"dice_join batch",
												ALLOCSET_DEFAULT_SIZES);
	Portal		portal;
	SPIPlanPtr	plan;
	int			i;

	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);

	desc = CreateTupleDescCopy(portal->tupDesc);
	store->tuples = tuplestore_begin_heap(true, false, work_mem / 4);
	for (i = 1; i < STORE_POINTERS; i++)
		tuplestore_alloc_read_pointer(store->tuples, EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD);
	store->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	for (;;)
	{
		uint64		row;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (row = 0; row < SPI_processed; row++)
		{
			Datum		values[STORE_COLUMNS];
			bool		nulls[STORE_COLUMNS];
			MemoryContext caller;

			heap_deform_tuple(SPI_tuptable->vals[row], desc, values, nulls);
			if (nulls[COLUMN_ID - 1])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("a record of relation \"%s\" has no id",
								get_rel_name(relation))));
			if (nulls[COLUMN_CLK - 1])
			{
				store->without_clk++;
				continue;
			}
			if (join->blocks && nulls[COLUMN_BLOCK - 1])
			{
				store->without_block++;
				continue;
			}
			/* what is out of line is fetched here, once */
			caller = MemoryContextSwitchTo(batch);
			for (i = 0; i < STORE_COLUMNS; i++)
			{
				if (!nulls[i])
					values[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[i]));
			}
			MemoryContextSwitchTo(caller);
			set_length(join, CLK_BYTES(DatumGetPointer(values[COLUMN_CLK - 1])));
			tuplestore_putvalues(store->tuples, desc, values, nulls);
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextReset(batch);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(batch);

	if (store->without_clk > 0 || store->without_block > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg(INT64_FORMAT " records of relation \"%s\" are left out: they have no CLK or no block",
						store->without_clk + store->without_block,
						get_rel_name(relation))));
	return store;
}

/* The next row behind a read pointer, which moves on. */
static bool
next_row(Store *store, int pointer, Row *row)
{
	MemoryContext caller;
	bool		isnull;
	bool		found;

	/* a tuple from disk must live as long as the slot */
	caller = MemoryContextSwitchTo(store->slot->tts_mcxt);
	tuplestore_select_read_pointer(store->tuples, pointer);
	found = tuplestore_gettupleslot(store->tuples, true, false, store->slot);
	MemoryContextSwitchTo(caller);
	if (!found)
		return false;
	row->position = store->position[pointer]++;
	row->id = DatumGetTextPP(slot_getattr(store->slot, COLUMN_ID, &isnull));
	row->clk = CLK_DATA((Clk *) DatumGetPointer(slot_getattr(store->slot, COLUMN_CLK, &isnull)));
	row->block = (text *) DatumGetPointer(slot_getattr(store->slot, COLUMN_BLOCK, &isnull));
	if (isnull)
		row->block = NULL;
	return true;
}

static void
copy_pointer(Store *store, int from, int to)
{
	tuplestore_copy_read_pointer(store->tuples, from, to);
	store->position[to] = store->position[from];
}

/* Bytewise order, which is that of the collation "C". */
static int
compare_text(const text *a, const text *b)
{
	size_t		la = VARSIZE_ANY_EXHDR(a);
	size_t		lb = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(la, lb));

	return order != 0 ? order : la < lb ? -1 : la > lb;
}

static int
compare_blocks(const text *a, const text *b)
{
	return a == NULL ? 0 : compare_text(a, b);
}

static text *
copy_text(const text *value)
{
	text	   *copy = palloc(VARSIZE_ANY(value));

	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
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

/*
 * Fill a chunk of the left with rows of one block.  Returns false at the end.
 */
static bool
fill_left(DiceJoin *join, Store *store, text **block)
{
	MemoryContext caller;
	Row			row;

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
		copy_pointer(store, POINTER_LEFT, POINTER_SCAN);
		if (!next_row(store, POINTER_LEFT, &row))
			break;
		if (join->nleft > 0 && compare_blocks(row.block, *block) != 0)
		{
			copy_pointer(store, POINTER_SCAN, POINTER_LEFT);
			break;
		}
		/* each pair once: the right begins where the left does */
		if (join->nleft == 0 && join->self && join->top == 0)
			copy_pointer(store, POINTER_SCAN, POINTER_BLOCK);
		caller = MemoryContextSwitchTo(join->left_context);
		if (join->nleft == 0 && row.block != NULL)
			*block = copy_text(row.block);
		record->position = row.position;
		record->id = copy_text(row.id);
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
fill_right(DiceJoin *join, Store *store, const text *block)
{
	MemoryContext caller;
	RightRow   *rows;
	uint64	   *words;
	bool		more = false;
	Row			row;

	MemoryContextReset(join->right_context);
	caller = MemoryContextSwitchTo(join->right_context);
	rows = palloc(join->right_size * sizeof(RightRow));
	words = MemoryContextAllocHuge(join->right_context,
								   join->right_size * join->words * sizeof(uint64));
	join->nright = 0;
	while (next_row(store, POINTER_SCAN, &row) &&
		   compare_blocks(row.block, block) == 0)
	{
		RightRow   *to = &rows[join->nright];

		to->position = row.position;
		to->id = copy_text(row.id);
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
	return compare_text(a->id, b->id) > 0;
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
	kept.id = copy_text(id);
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
		else if (join->self && compare_text(left, right) > 0)
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
find_block(DiceJoin *join, Store *right, const text *block)
{
	Row			row;

	for (;;)
	{
		int			order;

		copy_pointer(right, POINTER_BLOCK, POINTER_SCAN);
		if (!next_row(right, POINTER_SCAN, &row))
			return false;
		order = compare_blocks(row.block, block);
		if (order > 0)
			return false;
		if (order == 0)
			break;
		copy_pointer(right, POINTER_SCAN, POINTER_BLOCK);
		CHECK_FOR_INTERRUPTS();
	}
	copy_pointer(right, POINTER_BLOCK, POINTER_SCAN);
	return true;
}

static void
compare_stores(DiceJoin *join, Store *left, Store *right)
{
	text	   *block;

	begin_chunks(join);
	while (fill_left(join, left, &block))
	{
		bool		more = find_block(join, right, block);

		while (more)
		{
			more = fill_right(join, right, block);
			if (join->nright > 0)
				compare_chunks(join);
		}
		put_kept(join);
	}
}

/* caredata.dice_join(): sql/dice_join.sql has its arguments */
Datum
caredata_dice_join(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = clk_type(fcinfo);
	DiceJoin	join = {0};
	Store	   *left;
	Store	   *right;
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
	join.blocks = left_block != NULL;
	join.kernel = caredata_overlap_kernel();
	join.result = rsinfo->setResult;
	join.result_desc = rsinfo->setDesc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	check_ids(left_table, left_id);
	left = read_side(&join, side_query(left_table, left_id, left_clk, left_block, type),
					 left_table);
	if (join.self)
		right = left;
	else
	{
		check_ids(right_table, right_id);
		right = read_side(&join, side_query(right_table, right_id, right_clk,
											right_block, type),
						  right_table);
	}
	if (join.bytes > 0)
		compare_stores(&join, left, right);

	ExecDropSingleTupleTableSlot(left->slot);
	tuplestore_end(left->tuples);
	if (!join.self)
	{
		ExecDropSingleTupleTableSlot(right->slot);
		tuplestore_end(right->tuples);
	}
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
