/*
 * catalog.c
 *		Reading the extension's own tables from C, and telling of changes.
 *
 * The tables are read without a privilege check: the caller is a reader of a
 * release, the rows are the extension's.  Only the modules of this library
 * come here, each for one table, and none hands a row to the caller.
 *
 * Changes are told by relation cache invalidation.  The trigger
 * caredata.catalog_changed() on a catalogue table invalidates the relation
 * cache entry of its table, which PostgreSQL delivers to every backend, every
 * parallel worker and every standby at commit.  Who keeps something of the
 * table registers for that (keyring.c); nothing is sent by hand.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog.h"
#include "compat.h"

static bool library_preloaded = false;

PG_FUNCTION_INFO_V1(caredata_catalog_changed);

void
caredata_catalog_init(bool preloading)
{
	library_preloaded = preloading;
}

void
caredata_require_preload(void)
{
	if (!library_preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("caredata must be loaded when the server starts"),
				 errhint("Add caredata to shared_preload_libraries and restart the server.")));
}

Relation
caredata_open_table(const char *name)
{
	Oid			relid;

	relid = get_relname_relid(name, get_namespace_oid("caredata", false));
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"caredata.%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION caredata in this database, or restore it.")));
	return table_open(relid, AccessShareLock);
}

void
caredata_scan_begin(CaredataScan *scan, const char *table,
					const char *index, int nkeys, const int32 *keys)
{
	ScanKeyData skey[INDEX_MAX_KEYS];
	Snapshot	snapshot;
	Oid			indexid;
	int			i;

	Assert(nkeys >= 0 && nkeys <= INDEX_MAX_KEYS);

	scan->rel = caredata_open_table(table);
	indexid = get_relname_relid(index, RelationGetNamespace(scan->rel));
	if (!OidIsValid(indexid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"caredata.%s\" does not exist", index)));

	/* systable_beginscan turns heap column numbers into index ones */
	{
		Relation	irel = index_open(indexid, AccessShareLock);

		for (i = 0; i < nkeys; i++)
			ScanKeyInit(&skey[i], irel->rd_index->indkey.values[i],
						BTEqualStrategyNumber, F_INT4EQ,
						Int32GetDatum(keys[i]));
		index_close(irel, AccessShareLock);
	}

	if (ActiveSnapshotSet())
	{
		snapshot = GetActiveSnapshot();
		scan->snapshot = NULL;
	}
	else
		snapshot = scan->snapshot = RegisterSnapshot(GetTransactionSnapshot());

	scan->scan = systable_beginscan(scan->rel, indexid, true, snapshot,
									nkeys, skey);
}

HeapTuple
caredata_scan_next(CaredataScan *scan)
{
	return systable_getnext(scan->scan);
}

void
caredata_scan_end(CaredataScan *scan)
{
	systable_endscan(scan->scan);
	if (scan->snapshot != NULL)
		UnregisterSnapshot(scan->snapshot);
	table_close(scan->rel, AccessShareLock);
}

Datum
caredata_attr(CaredataScan *scan, HeapTuple tuple, const char *column,
			  bool *isnull)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(scan->rel), column);

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"caredata.%s\" does not exist",
						column, RelationGetRelationName(scan->rel)),
				 errhint("The library and the installed SQL differ in version; run ALTER EXTENSION caredata UPDATE.")));
	return heap_getattr(tuple, attno, RelationGetDescr(scan->rel), isnull);
}

Datum
caredata_required_attr(HeapTuple tuple, Relation rel, const char *column)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(rel), column);
	Datum		value;
	bool		isnull = true;

	value = (Datum) 0;
	if (attno != InvalidAttrNumber)
		value = heap_getattr(tuple, attno, RelationGetDescr(rel), &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("column \"%s\" of table \"caredata.%s\" is missing or null",
						column, RelationGetRelationName(rel)),
				 errhint("The library and the installed SQL may differ in version; run ALTER EXTENSION caredata UPDATE.")));
	return value;
}

int32
caredata_required_int32(HeapTuple tuple, Relation rel, const char *column)
{
	return DatumGetInt32(caredata_required_attr(tuple, rel, column));
}

/*
 * Statement trigger of the catalogue tables whose rows C code caches: tells
 * every backend, at commit, that its caches are stale.
 */
Datum
caredata_catalog_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("catalog_changed must be called as a trigger")));

	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}

bool
caredata_bool_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return !isnull && DatumGetBool(value);
}

int32
caredata_int_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

double
caredata_float_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}
