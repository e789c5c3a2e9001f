/*
 * quota.c
 *		How many values a login may put through keyed functions in a day.
 *
 * Who may pseudonymise can try guesses, and who may translate or reverse could
 * go through everybody.  Each is wanted in its measure, so values are counted
 * by database, login and use, and refused past a limit.  What release views
 * call for each row (pid() and the rest, by handle) takes nothing from the
 * reader and is not counted.
 *
 * The login counts (session_user), whatever role it acts as: SET ROLE and
 * SECURITY DEFINER functions neither lend nor renew a quota.  A superuser's is
 * counted, and not limited.  The limit is what caredata.quota has for the
 * login itself; else the lowest that it has for a role of which the login is a
 * member; else the setting caredata.quota_<use>.
 *
 * Counts are in shared memory, so that they hold for all sessions of a login
 * and their parallel workers, and no ROLLBACK takes one back.  A day begins
 * with the first use after the last one ended.  A restart of the server begins
 * a new one, and a standby counts for itself.
 *
 * A transaction draws from the count in portions that grow, and gives back at
 * its end what it has not used: a row costs a decrement.
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "compat.h"
#include "quota.h"

/* Logins times uses that can be counted in one day. */
#define QUOTA_COUNTS		8192
#define LARGEST_PORTION		1024
#define NO_LIMIT			PG_INT64_MAX
#define LOCK_NAME			"caredata_quota"
#define DAY					USECS_PER_DAY

typedef struct QuotaKey
{
	Oid			database;
	Oid			login;
	CaredataUse use;
} QuotaKey;

typedef struct QuotaCount
{
	QuotaKey	key;
	TimestampTz since;
	int64		used;			/* and drawn by transactions that go on */
} QuotaCount;

typedef struct UseSetting
{
	const char *name;			/* of the use */
	const char *setting;
	const char *description;
	int			limit;			/* a day; -1 for none */
} UseSetting;

/* In the order of CaredataUse; names are those of the column quota.use. */
static UseSetting uses[CAREDATA_USES] = {
	{"pseudonymise", "caredata.quota_pseudonymise",
		"Identifiers that a login may pseudonymise in a day.", 10000000},
	{"renew", "caredata.quota_renew",
		"Old pseudonyms that a login may have renewed in a day.", -1},
	{"translate", "caredata.quota_translate",
		"Pseudonyms that a login may translate to another release in a day.", 1000000},
	{"reidentify", "caredata.quota_reidentify",
		"Pseudonyms that a login may re-identify in a day, on approved requests.", 1000},
	{"reverse", "caredata.quota_reverse",
		"Pseudonyms that a login may reverse in a day through a DBA's functions.", 1000}
};

uint64		caredata_quota_drawn[CAREDATA_USES];

/* Of the running transaction: for whom was drawn, and how much next time. */
static Oid	drawn_by = InvalidOid;
static uint64 portions[CAREDATA_USES];

static HTAB *counts = NULL;
static LWLock *counts_lock = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

PG_FUNCTION_INFO_V1(caredata_quota_uses);

/* ------------------------------------------------------------------------
 * Start-up
 * ------------------------------------------------------------------------
 */

static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(hash_estimate_size(QUOTA_COUNTS,
											  sizeof(QuotaCount)));
	RequestNamedLWLockTranche(LOCK_NAME, 1);
}

static void
attach_memory(void)
{
	HASHCTL		control;

	if (previous_startup_hook)
		previous_startup_hook();
	control.keysize = sizeof(QuotaKey);
	control.entrysize = sizeof(QuotaCount);
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	counts = ShmemInitHash("caredata quotas", QUOTA_COUNTS, QUOTA_COUNTS,
						   &control, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	counts_lock = &GetNamedLWLockTranche(LOCK_NAME)->lock;
	LWLockRelease(AddinShmemInitLock);
}

void
caredata_quota_init(bool preloading)
{
	int			use;

	for (use = 0; use < CAREDATA_USES; use++)
		DefineCustomIntVariable(uses[use].setting,
								uses[use].description,
								"-1 for no limit. caredata.set_quota() sets "
								"another for a role.",
								&uses[use].limit,
								uses[use].limit,
								-1,
								INT_MAX,
								PGC_SIGHUP,
								0,
								NULL,
								NULL,
								NULL);
	if (!preloading)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

/* ------------------------------------------------------------------------
 * Limits
 * ------------------------------------------------------------------------
 */

static int64
limit_of(Oid login, CaredataUse use)
{
	CaredataScan scan;
	HeapTuple	tuple;
	int64		own = -1;
	int64		lowest = -1;

	if (superuser_arg(login))
		return NO_LIMIT;

	caredata_scan_begin(&scan, "quota", "quota_pkey", 0, NULL);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		bool		isnull;
		Datum		value;
		Oid			role;
		int64		limit;

		value = caredata_attr(&scan, tuple, "use", &isnull);
		if (strncmp(NameStr(*DatumGetName(value)), uses[use].name,
					NAMEDATALEN) != 0)
			continue;
		value = caredata_attr(&scan, tuple, "role_name", &isnull);
		role = get_role_oid(NameStr(*DatumGetName(value)), true);
		value = caredata_attr(&scan, tuple, "values_per_day", &isnull);
		limit = isnull ? NO_LIMIT : DatumGetInt64(value);
		if (role == login)
			own = limit;
		else if (OidIsValid(role) && is_member_of_role_nosuper(login, role) &&
				 (lowest < 0 || limit < lowest))
			lowest = limit;
	}
	caredata_scan_end(&scan);

	if (own >= 0)
		return own;
	if (lowest >= 0)
		return lowest;
	return uses[use].limit < 0 ? NO_LIMIT : uses[use].limit;
}

/* ------------------------------------------------------------------------
 * Counting
 * ------------------------------------------------------------------------
 */

static void
make_key(QuotaKey *key, Oid login, CaredataUse use)
{
	/* it is hashed with its padding */
	memset(key, 0, sizeof(*key));
	key->database = MyDatabaseId;
	key->login = login;
	key->use = use;
}

/* Counts of days that are over make room; the caller holds the lock. */
static void
drop_old_counts(TimestampTz now)
{
	HASH_SEQ_STATUS status;
	QuotaCount *count;

	hash_seq_init(&status, counts);
	while ((count = hash_seq_search(&status)) != NULL)
	{
		if (now - count->since >= DAY)
			(void) hash_search(counts, &count->key, HASH_REMOVE, NULL);
	}
}

/* The count of a login and use; NULL if there is no room. */
static QuotaCount *
find_count(Oid login, CaredataUse use, TimestampTz now)
{
	QuotaKey	key;
	QuotaCount *count;
	bool		found;

	make_key(&key, login, use);
	count = hash_search(counts, &key, HASH_ENTER_NULL, &found);
	if (count == NULL)
	{
		drop_old_counts(now);
		count = hash_search(counts, &key, HASH_ENTER_NULL, &found);
	}
	if (count != NULL && (!found || now - count->since >= DAY))
	{
		count->since = now;
		count->used = 0;
	}
	return count;
}

/* What a transaction has drawn and not used goes back; raises nothing. */
static void
give_back(void)
{
	int			use;

	for (use = 0; use < CAREDATA_USES; use++)
	{
		if (caredata_quota_drawn[use] > 0)
		{
			QuotaKey	key;
			QuotaCount *count;

			make_key(&key, drawn_by, use);
			LWLockAcquire(counts_lock, LW_EXCLUSIVE);
			count = hash_search(counts, &key, HASH_FIND, NULL);
			if (count != NULL)
				count->used = Max(count->used -
								  (int64) caredata_quota_drawn[use], 0);
			LWLockRelease(counts_lock);
			caredata_quota_drawn[use] = 0;
		}
		portions[use] = 0;
	}
	drawn_by = InvalidOid;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			if (OidIsValid(drawn_by))
				give_back();
			break;
		default:
			break;
	}
}

void
caredata_draw_quota(CaredataUse use)
{
	static bool registered = false;
	Oid			login = GetSessionUserId();
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz since = now;
	QuotaCount *count;
	int64		limit;
	int64		drawn = 0;

	caredata_require_preload();
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		registered = true;
	}
	/* a superuser can become another login in mid-transaction */
	if (OidIsValid(drawn_by) && drawn_by != login)
		give_back();

	limit = limit_of(login, use);
	portions[use] = portions[use] == 0 ? 1 :
		Min(portions[use] * 2, LARGEST_PORTION);

	LWLockAcquire(counts_lock, LW_EXCLUSIVE);
	count = find_count(login, use, now);
	if (count != NULL)
	{
		int64		left = limit - count->used;

		/* towards the end less, so that little lies about in other processes */
		drawn = Min((int64) portions[use], Max(left / 8, 1));
		drawn = Min(drawn, left);
		if (drawn > 0)
			count->used += drawn;
		since = count->since;
	}
	LWLockRelease(counts_lock);

	if (count == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many logins have used keyed functions in the last day"),
				 errhint("Let those who use them together share a login.")));
	if (drawn <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("quota \"%s\" of role \"%s\" is used up",
						uses[use].name, GetUserNameFromId(login, false)),
				 errdetail("It is " INT64_FORMAT " values a day; the day began at %s.",
						   limit, timestamptz_to_str(since)),
				 errhint("Wait until the day is over, or ask a guardian, who can raise it with caredata.set_quota().")));
	drawn_by = login;
	caredata_quota_drawn[use] = (uint64) drawn;
}

/* ------------------------------------------------------------------------
 * SQL function
 * ------------------------------------------------------------------------
 */

/*
 * caredata.quota_uses(): what logins have used in this database in their day,
 * and how much they may.
 */
Datum
caredata_quota_uses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	HASH_SEQ_STATUS status;
	QuotaCount *count;
	QuotaCount *copies;
	TimestampTz now = GetCurrentTimestamp();
	int			ncopies = 0;
	int			i;

	caredata_require_preload();
	InitMaterializedSRF(fcinfo, 0);
	copies = palloc(QUOTA_COUNTS * sizeof(QuotaCount));

	/* copied first: what follows reads catalogues */
	LWLockAcquire(counts_lock, LW_SHARED);
	hash_seq_init(&status, counts);
	while ((count = hash_seq_search(&status)) != NULL)
	{
		if (count->key.database == MyDatabaseId && now - count->since < DAY)
			copies[ncopies++] = *count;
	}
	LWLockRelease(counts_lock);

	for (i = 0; i < ncopies; i++)
	{
		char	   *login = GetUserNameFromId(copies[i].key.login, true);
		int64		limit;
		Datum		values[5];
		bool		nulls[5] = {false, false, false, false, false};

		if (login == NULL)
			continue;
		limit = limit_of(copies[i].key.login, copies[i].key.use);
		values[0] = DirectFunctionCall1(namein, CStringGetDatum(login));
		values[1] = DirectFunctionCall1(namein,
										CStringGetDatum(uses[copies[i].key.use].name));
		values[2] = Int64GetDatum(copies[i].used);
		values[3] = Int64GetDatum(limit);
		nulls[3] = limit == NO_LIMIT;
		values[4] = TimestampTzGetDatum(copies[i].since);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
