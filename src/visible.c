/*
 * visible.c
 *		Row security: one bit per person, release and care setting.
 *
 * caredata.visible() is the policy of the care tables.  The first call in a
 * statement checks that the release is open to the caller and that the lists
 * it rests on are in force, finds the visible set, and pins its bitmap; every
 * call after that tests a bit.  Nothing here decides who objects to what:
 * sql/objection.sql and sql/visible.sql compute the sets, this file reads
 * them.
 *
 * Which set and which version of it hold is read from caredata.visible_set
 * under the snapshot of the running statement, every time.  So an objection
 * is in force for each statement whose snapshot sees it, whether on the
 * primary, on a standby or in a parallel worker, and for the transaction that
 * recorded it from its next statement on.
 *
 * A bitmap is kept between statements under its set and version.  Versions
 * come from a sequence, which no rollback sets back, so a bitmap read in a
 * transaction that was rolled back is never asked for again.  The table's own
 * OID is part of the key, because DROP EXTENSION and CREATE EXTENSION start
 * the sequence anew.  A bitmap in use is pinned: an open cursor keeps its own
 * while later statements of the session read a newer one.
 *
 * What is in doubt raises: an unknown set, a missing chunk, a list that is
 * absent or too old, a day on which the set no longer holds.  Whether the release
 * is open at all is release_gate.c's question.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "compat.h"
#include "handle.h"
#include "release_gate.h"
#include "visible.h"

/* Unpinned bitmaps beyond this many bytes are dropped, the oldest first. */
#define BITMAP_CACHE_BYTES	(8 * 1024 * 1024)

/* A visible set in memory, in a memory context of its own. */
typedef struct VisibleBitmap
{
	dlist_node	node;			/* in bitmaps, the latest used first */
	MemoryContext context;		/* holds this struct and the bits */
	Oid			relid;			/* of caredata.visible_set */
	int32		set_id;
	int64		version;
	uint32		limit;			/* first person_id beyond the bits */
	int			pins;
	Size		bytes;
	uint8	   *bits;
} VisibleBitmap;

/* What a call site of visible() has found out for one snapshot. */
typedef struct VisibleCall
{
	/* the snapshot, by what tells it from any other of this backend */
	Snapshot	snapshot;
	CommandId	curcid;
	uint64		completions;

	int32		release_id;
	bool		constant;		/* release and setting cannot vary */
	text	   *setting;

	VisibleBitmap *bitmap;		/* pinned, or NULL */
	CaredataVisible visible;	/* its bits */

	MemoryContextCallback unpin;
} VisibleCall;

/* The row of a visible set. */
typedef struct VisibleSet
{
	Oid			relid;
	int32		set_id;
	int64		version;
	int32		chunks;
	int32		persons;
	int32		visible_persons;
	bool		has_valid_until;
	DateADT		valid_until;
	bool		rests_on_national;
	bool		has_national_list;
	TimestampTz national_list_at;
} VisibleSet;

/*
 * How old the national data opt-out list may be, in minutes, counted from the
 * request that it answers.  A release whose sets rest on an older one raises.
 * Only the server's configuration can set it: a session that could would
 * decide for how long an opt-out may stay unknown.
 */
static int	national_list_max_age = 28 * 24 * 60;

static MemoryContext bitmap_context = NULL;
static dlist_head bitmaps = DLIST_STATIC_INIT(bitmaps);

PG_FUNCTION_INFO_V1(caredata_visible);
PG_FUNCTION_INFO_V1(caredata_visible_support);
PG_FUNCTION_INFO_V1(caredata_chunk_bits_accumulate);
PG_FUNCTION_INFO_V1(caredata_chunk_or);
PG_FUNCTION_INFO_V1(caredata_chunk_without);

/* ---- Visible sets ---- */

static bool
text_equal(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
kinds_contain(ArrayType *kinds, const char *kind)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	for (i = 0; i < n; i++)
	{
		if (!nulls[i] &&
			strcmp(TextDatumGetCString(elems[i]), kind) == 0)
			return true;
	}
	return false;
}

/*
 * Find the set that holds for rows of a setting in a release, under the
 * running statement's snapshot.  Returns false if there is none.
 */
static bool
read_visible_set(int32 release_id, text *setting, VisibleSet *set)
{
	CaredataScan scan;
	HeapTuple	tuple;
	bool		isnull;
	bool		found = false;
	int32		key = release_id;

	caredata_scan_begin(&scan, "visible_setting", "visible_setting_pkey",
						1, &key);
	while (!found && HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		Datum		name = caredata_required_attr(tuple, scan.rel, "setting");

		if (text_equal(DatumGetTextPP(name), setting))
		{
			set->set_id = caredata_required_int32(tuple, scan.rel, "set_id");
			found = true;
		}
	}
	caredata_scan_end(&scan);
	if (!found)
		return false;

	found = false;
	key = set->set_id;
	caredata_scan_begin(&scan, "visible_set", "visible_set_pkey", 1, &key);
	tuple = caredata_scan_next(&scan);
	if (HeapTupleIsValid(tuple) &&
		caredata_required_int32(tuple, scan.rel, "release_id") == release_id)
	{
		Datum		value;

		found = true;
		set->relid = RelationGetRelid(scan.rel);
		set->version =
			DatumGetInt64(caredata_required_attr(tuple, scan.rel, "version"));
		set->chunks = caredata_required_int32(tuple, scan.rel, "chunks");
		set->persons = caredata_required_int32(tuple, scan.rel, "persons");
		set->visible_persons =
			caredata_required_int32(tuple, scan.rel, "visible_persons");
		value = caredata_required_attr(tuple, scan.rel, "kinds");
		set->rests_on_national =
			kinds_contain(DatumGetArrayTypeP(value), "national");

		value = caredata_attr(&scan, tuple, "valid_until", &isnull);
		set->has_valid_until = !isnull;
		set->valid_until = isnull ? 0 : DatumGetDateADT(value);
		value = caredata_attr(&scan, tuple, "national_list_at", &isnull);
		set->has_national_list = !isnull;
		set->national_list_at = isnull ? 0 : DatumGetTimestampTz(value);
	}
	caredata_scan_end(&scan);
	return found;
}

/* Raise unless what the set rests on is in force today. */
static void
check_visible_set(const VisibleSet *set, const CaredataReleaseRow *release)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		age;

	if (set->has_valid_until && caredata_server_date(now) > set->valid_until)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("visible sets of release \"%s\" held until %s only",
						NameStr(release->name), caredata_date_string(set->valid_until)),
				 errdetail("An objection dated ahead has come into force since, a registration has begun or ended, or the exemption of the release is over."),
				 errhint("The data controller has to run caredata.refresh_visible_sets(), best every day.")));

	if (!set->rests_on_national)
		return;
	if (!set->has_national_list)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" rests on the national data opt-out list, and none was imported",
						NameStr(release->name)),
				 errhint("The data controller has to run caredata.import_national_list().")));
	age = now - set->national_list_at;
	if (age / USECS_PER_MINUTE >= national_list_max_age)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the national data opt-out list is %d days old, more than release \"%s\" may rest on",
						(int) (age / USECS_PER_DAY),
						NameStr(release->name)),
				 errdetail("The limit is caredata.national_list_max_age."),
				 errhint("The data controller has to import a newer list with caredata.import_national_list().")));
}

/* ---- Bitmaps ---- */

static void
bitmap_forget(VisibleBitmap *bitmap)
{
	Assert(bitmap->pins == 0);
	dlist_delete(&bitmap->node);
	MemoryContextDelete(bitmap->context);
}

/*
 * Let go of a bitmap.  If the backend has read a newer version of the set
 * since, nothing will ask for this one again.
 */
static void
bitmap_unpin(VisibleBitmap *bitmap)
{
	dlist_iter	iter;

	Assert(bitmap->pins > 0);
	if (--bitmap->pins > 0)
		return;

	dlist_foreach(iter, &bitmaps)
	{
		VisibleBitmap *other = dlist_container(VisibleBitmap, node, iter.cur);

		if (other->relid == bitmap->relid && other->set_id == bitmap->set_id &&
			other->version > bitmap->version)
		{
			bitmap_forget(bitmap);
			return;
		}
	}
}

/*
 * Drop versions of a set that nobody has pinned, and more from the end of the
 * list until the rest and the wanted bytes are within the limit.
 */
static void
bitmap_make_room(Oid relid, int32 set_id, Size wanted)
{
	dlist_mutable_iter iter;
	Size		kept = wanted;

	dlist_foreach_modify(iter, &bitmaps)
	{
		VisibleBitmap *bitmap = dlist_container(VisibleBitmap, node, iter.cur);

		if (bitmap->pins == 0 &&
			((bitmap->relid == relid && bitmap->set_id == set_id) ||
			 kept + bitmap->bytes > BITMAP_CACHE_BYTES))
			bitmap_forget(bitmap);
		else
			kept += bitmap->bytes;
	}
}

static void
incomplete_set(const CaredataReleaseRow *release)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a visible set of release \"%s\" is incomplete",
					NameStr(release->name)),
			 errhint("The data controller has to run caredata.refresh_visible_sets().")));
}

/*
 * Read a set.  The bitmap is built under the current memory context, so that
 * an error leaves nothing behind, and joins the cache when it is whole.
 */
static VisibleBitmap *
bitmap_read(const VisibleSet *set, const CaredataReleaseRow *release)
{
	MemoryContext context;
	VisibleBitmap *bitmap;
	CaredataScan scan;
	HeapTuple	tuple;
	AttrNumber	chunk_attno;
	AttrNumber	version_attno;
	AttrNumber	bits_attno;
	Size		bytes = (Size) set->chunks * CAREDATA_CHUNK_BYTES;
	int32		next = 0;
	int32		key = set->set_id;

	if (set->chunks < 0 ||
		set->chunks > PG_INT32_MAX / CAREDATA_CHUNK_PERSONS + 1)
		incomplete_set(release);

	bitmap_make_room(set->relid, set->set_id, bytes);

	/* one block for the bits, no spare */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"caredata visible set",
									ALLOCSET_SMALL_SIZES);
	bitmap = MemoryContextAllocZero(context, sizeof(VisibleBitmap));
	bitmap->context = context;
	bitmap->relid = set->relid;
	bitmap->set_id = set->set_id;
	bitmap->version = set->version;
	bitmap->limit = (uint32) set->chunks * CAREDATA_CHUNK_PERSONS;
	bitmap->bytes = bytes;
	bitmap->bits = MemoryContextAlloc(context, Max(bytes, 1));

	caredata_scan_begin(&scan, "visible_chunk", "visible_chunk_pkey", 1, &key);
	chunk_attno = get_attnum(RelationGetRelid(scan.rel), "chunk");
	version_attno = get_attnum(RelationGetRelid(scan.rel), "version");
	bits_attno = get_attnum(RelationGetRelid(scan.rel), "bits");
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		TupleDesc	desc = RelationGetDescr(scan.rel);
		bool		isnull[3];
		Datum		value;
		int32		chunk;
		int64		version;
		bytea	   *bits;

		CHECK_FOR_INTERRUPTS();

		value = heap_getattr(tuple, chunk_attno, desc, &isnull[0]);
		chunk = DatumGetInt32(value);
		value = heap_getattr(tuple, version_attno, desc, &isnull[1]);
		version = DatumGetInt64(value);
		value = heap_getattr(tuple, bits_attno, desc, &isnull[2]);
		if (isnull[0] || isnull[1] || isnull[2] ||
			chunk != next || chunk >= set->chunks || version > set->version)
			incomplete_set(release);

		bits = DatumGetByteaPP(value);
		if (VARSIZE_ANY_EXHDR(bits) != CAREDATA_CHUNK_BYTES)
			incomplete_set(release);
		memcpy(bitmap->bits + (Size) chunk * CAREDATA_CHUNK_BYTES,
			   VARDATA_ANY(bits), CAREDATA_CHUNK_BYTES);
		if ((Pointer) bits != DatumGetPointer(value))
			pfree(bits);
		next++;
	}
	caredata_scan_end(&scan);
	if (next != set->chunks)
		incomplete_set(release);

	MemoryContextSetParent(context, bitmap_context);
	dlist_push_head(&bitmaps, &bitmap->node);
	return bitmap;
}

/* The bitmap of a set as it is now, if this backend has it; else NULL. */
static VisibleBitmap *
bitmap_cached(const VisibleSet *set)
{
	dlist_iter	iter;

	if (bitmap_context == NULL)
		bitmap_context = AllocSetContextCreate(CacheMemoryContext,
											   "caredata visible sets",
											   ALLOCSET_SMALL_SIZES);

	dlist_foreach(iter, &bitmaps)
	{
		VisibleBitmap *bitmap = dlist_container(VisibleBitmap, node, iter.cur);

		if (bitmap->relid == set->relid && bitmap->set_id == set->set_id &&
			bitmap->version == set->version)
		{
			dlist_move_head(&bitmaps, &bitmap->node);
			return bitmap;
		}
	}
	return NULL;
}

static VisibleBitmap *
bitmap_get(const VisibleSet *set, const CaredataReleaseRow *release)
{
	VisibleBitmap *bitmap = bitmap_cached(set);

	return bitmap ? bitmap : bitmap_read(set, release);
}

/* ---- Who may ask, and what holds ---- */

/*
 * The bitmap of a release and setting that holds under the running
 * statement's snapshot, with a pin for the caller, or an error: everything
 * that has to be right before the first bit is tested.
 */
static VisibleBitmap *
bitmap_pin(int32 release_id, text *setting)
{
	CaredataReleaseRow release;
	VisibleSet	set;
	VisibleBitmap *bitmap;

	caredata_require_preload();
	caredata_check_release_member(release_id);
	caredata_get_open_release(release_id, &release);
	if (!read_visible_set(release_id, setting, &set))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" has no visible set for this care setting",
						NameStr(release.name)),
				 errhint("The data controller has to run caredata.refresh_visible_sets().")));
	check_visible_set(&set, &release);

	bitmap = bitmap_get(&set, &release);
	bitmap->pins++;
	return bitmap;
}

static void
unpin_callback(void *arg)
{
	bitmap_unpin((VisibleBitmap *) arg);
}

void
caredata_pin_visible(CaredataVisible *visible, MemoryContext context,
					 int32 release_id, text *setting)
{
	MemoryContextCallback *unpin = MemoryContextAlloc(context, sizeof(*unpin));
	VisibleBitmap *bitmap = bitmap_pin(release_id, setting);

	unpin->func = unpin_callback;
	unpin->arg = bitmap;
	MemoryContextRegisterResetCallback(context, unpin);
	visible->limit = bitmap->limit;
	visible->bits = bitmap->bits;
}

/* ---- The policy function ---- */

static void
call_unpin(void *arg)
{
	VisibleCall *call = (VisibleCall *) arg;

	if (call->bitmap != NULL)
		bitmap_unpin(call->bitmap);
	call->bitmap = NULL;
	call->snapshot = NULL;
	call->visible.limit = 0;
}

/* Whether what the call site knows holds for this call. */
static inline bool
call_is_ready(VisibleCall *call, FunctionCallInfo fcinfo)
{
	Snapshot	snapshot;

	if (unlikely(!ActiveSnapshotSet()))
		return false;
	snapshot = GetActiveSnapshot();
	if (unlikely(call->snapshot != snapshot ||
				 call->curcid != snapshot->curcid ||
				 call->completions != snapshot->snapXactCompletionCount))
		return false;

	return likely(call->constant) ||
		(call->release_id == PG_GETARG_INT32(1) &&
		 text_equal(call->setting, PG_GETARG_TEXT_PP(2)));
}

static pg_noinline VisibleCall *
call_prepare(FunctionCallInfo fcinfo)
{
	VisibleCall *call = (VisibleCall *) fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	int32		release_id = PG_GETARG_INT32(1);
	text	   *setting = PG_GETARG_TEXT_PP(2);
	VisibleBitmap *bitmap;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(context, sizeof(VisibleCall));
		call->unpin.func = call_unpin;
		call->unpin.arg = call;
		MemoryContextRegisterResetCallback(context, &call->unpin);
		fcinfo->flinfo->fn_extra = call;
	}

	bitmap = bitmap_pin(release_id, setting);
	call_unpin(call);
	call->bitmap = bitmap;
	call->visible.limit = bitmap->limit;
	call->visible.bits = bitmap->bits;

	call->release_id = release_id;
	call->constant = get_fn_expr_arg_stable(fcinfo->flinfo, 1) &&
		get_fn_expr_arg_stable(fcinfo->flinfo, 2);
	if (!call->constant)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		if (call->setting != NULL)
			pfree(call->setting);
		call->setting = DatumGetTextPCopy(PG_GETARG_DATUM(2));
		MemoryContextSwitchTo(old);
	}

	/* last, so that an error before leaves a call site that asks again */
	if (ActiveSnapshotSet())
	{
		call->snapshot = GetActiveSnapshot();
		call->curcid = call->snapshot->curcid;
		call->completions = call->snapshot->snapXactCompletionCount;
	}
	return call;
}

/* caredata.visible(person_id, release, setting) */
Datum
caredata_visible(PG_FUNCTION_ARGS)
{
	VisibleCall *call = (VisibleCall *) fcinfo->flinfo->fn_extra;

	if (unlikely(call == NULL || !call_is_ready(call, fcinfo)))
		call = call_prepare(fcinfo);

	PG_RETURN_BOOL(caredata_bit_is_set(&call->visible, PG_GETARG_INT32(0)));
}

/* ---- All sets of a release ---- */

/* The bitmaps of a release, pinned, and the snapshot under which they hold. */
struct CaredataShownSets
{
	int32		release_id;
	Snapshot	snapshot;
	CommandId	curcid;
	uint64		completions;
	int			nsets;
	int			size;
	VisibleBitmap **bitmaps;
	MemoryContextCallback unpin;
};

static void
shown_unpin(void *arg)
{
	CaredataShownSets *sets = (CaredataShownSets *) arg;

	sets->snapshot = NULL;
	while (sets->nsets > 0)
		bitmap_unpin(sets->bitmaps[--sets->nsets]);
}

static pg_noinline void
shown_prepare(CaredataShownSets **result, MemoryContext context,
			  int32 release_id)
{
	CaredataShownSets *sets = *result;
	CaredataScan scan;
	HeapTuple	tuple;
	int32		key = release_id;

	if (sets == NULL)
	{
		sets = MemoryContextAllocZero(context, sizeof(CaredataShownSets));
		sets->size = 4;
		sets->bitmaps = MemoryContextAlloc(context,
										   sets->size * sizeof(VisibleBitmap *));
		sets->unpin.func = shown_unpin;
		sets->unpin.arg = sets;
		MemoryContextRegisterResetCallback(context, &sets->unpin);
		*result = sets;
	}
	else
		shown_unpin(sets);

	caredata_scan_begin(&scan, "visible_set",
						"visible_set_release_id_kinds_key", 1, &key);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		VisibleSet	set;
		VisibleBitmap *bitmap;

		set.relid = RelationGetRelid(scan.rel);
		set.set_id = caredata_required_int32(tuple, scan.rel, "set_id");
		set.version =
			DatumGetInt64(caredata_required_attr(tuple, scan.rel, "version"));
		set.chunks = caredata_required_int32(tuple, scan.rel, "chunks");

		bitmap = bitmap_cached(&set);
		if (bitmap == NULL)
		{
			CaredataReleaseRow	release;

			if (!caredata_read_release(release_id, NULL, &release))
				continue;
			bitmap = bitmap_read(&set, &release);
		}
		if (sets->nsets == sets->size)
		{
			sets->size *= 2;
			sets->bitmaps = repalloc(sets->bitmaps,
									 sets->size * sizeof(VisibleBitmap *));
		}
		sets->bitmaps[sets->nsets++] = bitmap;
		bitmap->pins++;
	}
	caredata_scan_end(&scan);

	/* last, so that an error before leaves one that asks again */
	sets->release_id = release_id;
	if (ActiveSnapshotSet())
	{
		sets->snapshot = GetActiveSnapshot();
		sets->curcid = sets->snapshot->curcid;
		sets->completions = sets->snapshot->snapXactCompletionCount;
	}
}

bool
caredata_is_shown(CaredataShownSets **result, MemoryContext context,
				  int32 release_id, int32 person_id)
{
	CaredataShownSets *sets = *result;
	Snapshot	snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : NULL;
	uint32		person = (uint32) person_id;
	int			i;

	if (unlikely(sets == NULL || snapshot == NULL ||
				 sets->release_id != release_id ||
				 sets->snapshot != snapshot ||
				 sets->curcid != snapshot->curcid ||
				 sets->completions != snapshot->snapXactCompletionCount))
	{
		shown_prepare(result, context, release_id);
		sets = *result;
	}

	for (i = 0; i < sets->nsets; i++)
	{
		const VisibleBitmap *bitmap = sets->bitmaps[i];

		if (person < bitmap->limit &&
			(bitmap->bits[person >> 3] >> (person & 7)) & 1)
			return true;
	}
	return sets->nsets == 0;
}

/*
 * Planner support: the share of visible persons, for the share of rows.
 * Never raises; what is wrong with the release, execution says.
 */
Datum
caredata_visible_support(PG_FUNCTION_ARGS)
{
	Node	   *node = (Node *) PG_GETARG_POINTER(0);
	SupportRequestSelectivity *request;
	Const	   *release;
	Const	   *setting;
	VisibleSet	set;

	if (!IsA(node, SupportRequestSelectivity))
		PG_RETURN_POINTER(NULL);
	request = (SupportRequestSelectivity *) node;
	if (list_length(request->args) != 3 ||
		!IsA(lsecond(request->args), Const) ||
		!IsA(lthird(request->args), Const))
		PG_RETURN_POINTER(NULL);
	release = lsecond_node(Const, request->args);
	setting = lthird_node(Const, request->args);
	if (release->constisnull || setting->constisnull)
		PG_RETURN_POINTER(NULL);

	if (!read_visible_set(DatumGetInt32(release->constvalue),
						  DatumGetTextPP(setting->constvalue), &set) ||
		set.persons <= 0)
		PG_RETURN_POINTER(NULL);

	request->selectivity = (double) set.visible_persons / (double) set.persons;
	CLAMP_PROBABILITY(request->selectivity);
	PG_RETURN_POINTER(request);
}

/* ---- Chunks ---- */

static bytea *
chunk_new(MemoryContext context)
{
	bytea	   *chunk = MemoryContextAllocZero(context,
											   VARHDRSZ + CAREDATA_CHUNK_BYTES);

	SET_VARSIZE(chunk, VARHDRSZ + CAREDATA_CHUNK_BYTES);
	return chunk;
}

static bytea *
get_chunk_arg(FunctionCallInfo fcinfo, int n)
{
	bytea	   *chunk = PG_GETARG_BYTEA_PP(n);

	if (VARSIZE_ANY_EXHDR(chunk) != CAREDATA_CHUNK_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a chunk of a visible set must have %d bytes",
						CAREDATA_CHUNK_BYTES)));
	return chunk;
}

/*
 * Transition function of chunk_bits_agg(): sets the person's bit in the chunk
 * all of whose persons are aggregated.
 */
Datum
caredata_chunk_bits_accumulate(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	bytea	   *state;
	int32		person_id;
	uint32		bit;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("chunk_bits_accumulate must be called as part of an aggregate")));

	/* the aggregate's own state, which may be changed in place */
	if (PG_ARGISNULL(0))
		state = chunk_new(context);
	else
	{
		state = (bytea *) PG_GETARG_POINTER(0);
		if (VARATT_IS_EXTENDED(state) ||
			VARSIZE(state) != VARHDRSZ + CAREDATA_CHUNK_BYTES)
			elog(ERROR, "unexpected state of chunk_bits_agg");
	}

	if (PG_ARGISNULL(1))
		PG_RETURN_BYTEA_P(state);
	person_id = PG_GETARG_INT32(1);
	if (person_id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("person_id must not be negative")));
	bit = (uint32) person_id & (CAREDATA_CHUNK_PERSONS - 1);
	((uint8 *) VARDATA(state))[bit >> 3] |= 1 << (bit & 7);
	PG_RETURN_BYTEA_P(state);
}

Datum
caredata_chunk_or(PG_FUNCTION_ARGS)
{
	bytea	   *a = get_chunk_arg(fcinfo, 0);
	bytea	   *b = get_chunk_arg(fcinfo, 1);
	bytea	   *result = chunk_new(CurrentMemoryContext);
	int			i;

	for (i = 0; i < CAREDATA_CHUNK_BYTES; i++)
		VARDATA(result)[i] = VARDATA_ANY(a)[i] | VARDATA_ANY(b)[i];
	PG_RETURN_BYTEA_P(result);
}

Datum
caredata_chunk_without(PG_FUNCTION_ARGS)
{
	bytea	   *a = get_chunk_arg(fcinfo, 0);
	bytea	   *b = get_chunk_arg(fcinfo, 1);
	bytea	   *result = chunk_new(CurrentMemoryContext);
	int			i;

	for (i = 0; i < CAREDATA_CHUNK_BYTES; i++)
		VARDATA(result)[i] = VARDATA_ANY(a)[i] & ~VARDATA_ANY(b)[i];
	PG_RETURN_BYTEA_P(result);
}

/* ---- Start-up ---- */

void
caredata_visible_init(void)
{
	DefineCustomIntVariable("caredata.national_list_max_age",
							"Age at which the national data opt-out list is too old to rest on.",
							"Counted from the request that the list answers; releases whose objections include the national data opt-out raise an error.",
							&national_list_max_age,
							28 * 24 * 60, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN,
							NULL, NULL, NULL);
}
