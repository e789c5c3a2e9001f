/*
 * dice_store.c
 *		The rows of one side of dice_join(): id, CLK and block, read once.
 *
 * They are read by a query, with the caller's rights, into a tuple store, which
 * goes to disk beyond work_mem.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "clk.h"
#include "dice_store.h"

#define FETCH_ROWS		1000

/* Columns of a store. */
enum
{
	COLUMN_ID = 1,
	COLUMN_CLK,
	COLUMN_BLOCK,
	STORE_COLUMNS = COLUMN_BLOCK
};

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

static void
check_length(int *bytes, int length)
{
	if (*bytes != 0 && *bytes != length)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("CLKs have different lengths, %d and %d bits",
						8 * *bytes, 8 * length),
				 errhint("They were made under different schemas.")));
	*bytes = length;
}

DiceStore *
caredata_dice_read(Oid relation, Name id, Name clk, Name block, Oid type,
				   int *bytes)
{
	DiceStore  *store = palloc0(sizeof(DiceStore));
	const char *query;
	TupleDesc	desc;
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"dice_join batch",
												ALLOCSET_DEFAULT_SIZES);
	Portal		portal;
	SPIPlanPtr	plan;
	int			i;

	check_ids(relation, id);
	query = side_query(relation, id, clk, block, type);
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);

	desc = CreateTupleDescCopy(portal->tupDesc);
	store->tuples = tuplestore_begin_heap(true, false, work_mem / 4);
	for (i = 1; i < DICE_POINTERS; i++)
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
			if (block != NULL && nulls[COLUMN_BLOCK - 1])
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
			check_length(bytes, CLK_BYTES(DatumGetPointer(values[COLUMN_CLK - 1])));
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

void
caredata_dice_free(DiceStore *store)
{
	ExecDropSingleTupleTableSlot(store->slot);
	tuplestore_end(store->tuples);
}

bool
caredata_dice_next_row(DiceStore *store, int pointer, DiceRow *row)
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

void
caredata_dice_copy_pointer(DiceStore *store, int from, int to)
{
	tuplestore_copy_read_pointer(store->tuples, from, to);
	store->position[to] = store->position[from];
}

int
caredata_compare_bytes(const text *a, const text *b)
{
	size_t		la = VARSIZE_ANY_EXHDR(a);
	size_t		lb = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(la, lb));

	return order != 0 ? order : la < lb ? -1 : la > lb;
}

text *
caredata_copy_text(const text *value)
{
	text	   *copy = palloc(VARSIZE_ANY(value));

	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
}
