/*
 * catalog.h
 *		How C code reads the extension's own tables in schema caredata.
 *
 * Functions that a reader runs (pid, visible, ...) need rows of tables that
 * the reader may not read.  They open them here, by C, under the snapshot of
 * the running statement, so that what they see is exactly what the statement
 * sees: an objection committed before the snapshot is in force, one committed
 * after it is not.
 */
#ifndef CAREDATA_CATALOG_H
#define CAREDATA_CATALOG_H

#include "access/genam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

extern void caredata_catalog_init(bool preloading);

/*
 * Raise unless the library was loaded by shared_preload_libraries
 * (object_not_in_prerequisite_state, with the line to add to
 * postgresql.conf).  What protects rows calls this first.
 */
extern void caredata_require_preload(void);

/* Open caredata.<name> for reading; close it with table_close(). */
extern Relation caredata_open_table(const char *name);

/*
 * Rows of caredata.<table> where the leading columns of <index> equal the
 * given int4 keys, in index order, under the running statement's snapshot.
 * Ends with caredata_scan_end().
 */
typedef struct CaredataScan
{
	Relation	rel;
	SysScanDesc scan;
	Snapshot	snapshot;		/* registered here, or NULL */
} CaredataScan;

extern void caredata_scan_begin(CaredataScan *scan, const char *table,
								const char *index, int nkeys,
								const int32 *keys);
extern HeapTuple caredata_scan_next(CaredataScan *scan);
extern void caredata_scan_end(CaredataScan *scan);

/* Attribute of a fetched row by column name; *isnull as heap_getattr. */
extern Datum caredata_attr(CaredataScan *scan, HeapTuple tuple,
						   const char *column, bool *isnull);

/* Of these types: false or 0 for a null. */
extern bool caredata_bool_attr(CaredataScan *scan, HeapTuple tuple,
							   const char *column);
extern int32 caredata_int_attr(CaredataScan *scan, HeapTuple tuple,
							   const char *column);
extern double caredata_float_attr(CaredataScan *scan, HeapTuple tuple,
								  const char *column);

/* The same for a column that cannot be null (data_corrupted if it is). */
extern Datum caredata_required_attr(HeapTuple tuple, Relation rel,
									const char *column);
extern int32 caredata_required_int32(HeapTuple tuple, Relation rel,
									 const char *column);

#endif							/* CAREDATA_CATALOG_H */
