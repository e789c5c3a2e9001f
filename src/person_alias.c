/*
 * person_alias.c
 *		Who a retired person number stands for.
 *
 * When two persons turn out to be one, all records go to the older number, and
 * caredata.person_alias says so (sql/person.sql).  No row carries the retired
 * number from then on.  What follows it here are the functions that turn a
 * pseudonym somebody kept into something current; those that compare
 * pseudonyms do not, because pid = x has to mean what it says.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"

#include "catalog.h"
#include "person_alias.h"

static void
load_aliases(CaredataAliases *aliases, MemoryContext context)
{
	CaredataScan scan;
	HeapTuple	tuple;
	int			room = 64;

	aliases->count = 0;
	aliases->retired = MemoryContextAlloc(context, room * sizeof(int32));
	aliases->person = MemoryContextAlloc(context, room * sizeof(int32));
	caredata_scan_begin(&scan, "person_alias", "person_alias_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		if (aliases->count == room)
		{
			room *= 2;
			aliases->retired = repalloc_huge(aliases->retired, room * sizeof(int32));
			aliases->person = repalloc_huge(aliases->person, room * sizeof(int32));
		}
		aliases->retired[aliases->count] =
			caredata_required_int32(tuple, scan.rel, "retired_id");
		aliases->person[aliases->count] =
			caredata_required_int32(tuple, scan.rel, "person_id");
		aliases->count++;
	}
	caredata_scan_end(&scan);
	aliases->loaded = true;
}

int32
caredata_living_person(CaredataAliases *aliases, MemoryContext context,
					   int32 person)
{
	int			low = 0;
	int			high;

	if (!aliases->loaded)
		load_aliases(aliases, context);
	high = aliases->count - 1;
	while (low <= high)
	{
		int			middle = low + (high - low) / 2;

		if (aliases->retired[middle] == person)
			return aliases->person[middle];
		if (aliases->retired[middle] < person)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return person;
}
