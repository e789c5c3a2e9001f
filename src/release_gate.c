/*
 * release_gate.c
 *		Whether a release may be read at all: its state and term, the row
 *		security of its tables, the owner of its views.
 *
 * visible.c decides about rows; it never comes to run where a statement finds
 * no row, and cannot know that its policy is gone.  So every statement that
 * reads a table with the rights of a release's definer is checked here before
 * it starts: a release that is suspended, ended or expired, a care table whose
 * row security was switched off or whose policies are not the release's own,
 * and a view that does not belong to the definer raise an error, never rows
 * and never an empty answer.
 *
 * The state of a release counts as it is now, whatever snapshot a transaction
 * has; the visible sets are seen under the statement's snapshot.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_policy.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "parser/parse_relation.h"
#include "pgtime.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "catalog.h"
#include "compat.h"
#include "explain_gate.h"
#include "release_gate.h"
#include "visible.h"

#define DEFINER_SUFFIX		"_definer"

static ExecutorCheckPerms_hook_type next_check_perms_hook = NULL;

PG_FUNCTION_INFO_V1(caredata_today);

/* ---- Time ---- */

/*
 * The date of a moment in the server's own time zone.  Not the session's:
 * with TimeZone a reader could make an agreement last half a day longer.
 */
DateADT
caredata_server_date(TimestampTz moment)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(moment, &tz, &tm, &fsec, NULL, log_timezone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

/* caredata.today(): the date at which the statement began. */
Datum
caredata_today(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(caredata_server_date(GetCurrentStatementStartTimestamp()));
}

/* Year, month, day, whatever the session's DateStyle. */
char *
caredata_date_string(DateADT date)
{
	int			year;
	int			month;
	int			day;

	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return psprintf("%04d-%02d-%02d", year, month, day);
}

/* ---- Releases ---- */

bool
caredata_read_release(int32 release_id, const char *name,
					  CaredataReleaseRow *row)
{
	Relation	rel = caredata_open_table("release");
	const char *index = name ? "release_name_key" : "release_pkey";
	Oid			indexid = get_relname_relid(index, RelationGetNamespace(rel));
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	NameData	key_name;

	if (!OidIsValid(indexid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"caredata.%s\" does not exist", index)));

	if (name != NULL)
	{
		namestrcpy(&key_name, name);
		ScanKeyInit(&key, get_attnum(RelationGetRelid(rel), "name"),
					BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&key_name));
	}
	else
		ScanKeyInit(&key, get_attnum(RelationGetRelid(rel), "release_id"),
					BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(release_id));

	/* a NULL snapshot is a fresh one */
	scan = systable_beginscan(rel, indexid, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		char	   *state;

		row->release_id = caredata_required_int32(tuple, rel, "release_id");
		row->name = *DatumGetName(caredata_required_attr(tuple, rel, "name"));
		state = TextDatumGetCString(caredata_required_attr(tuple, rel, "state"));
		strlcpy(row->state, state, sizeof(row->state));
		pfree(state);
		row->starts_on =
			DatumGetDateADT(caredata_required_attr(tuple, rel, "starts_on"));
		row->ends_on =
			DatumGetDateADT(caredata_required_attr(tuple, rel, "ends_on"));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

static void
check_release_row(const CaredataReleaseRow *row)
{
	DateADT		today;

	if (strcmp(row->state, "suspended") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" is suspended", NameStr(row->name)),
				 errhint("Ask the data controller; they can resume it.")));
	if (strcmp(row->state, "ended") == 0 ||
		strcmp(row->state, "destroyed") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" has ended", NameStr(row->name)),
				 errhint("A new purpose or term needs a new release; ask the data controller.")));
	if (strcmp(row->state, "active") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" is not active", NameStr(row->name)),
				 errhint("It has to be approved and activated; ask the data controller.")));

	/* the clock, not the start of the statement: that may lie days back */
	today = caredata_server_date(GetCurrentTimestamp());
	if (today < row->starts_on)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" has not started", NameStr(row->name)),
				 errdetail("Its term starts on %s.", caredata_date_string(row->starts_on)),
				 errhint("Ask the data controller if it should have.")));
	if (today > row->ends_on)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("release \"%s\" has expired", NameStr(row->name)),
				 errdetail("Its term ended on %s.", caredata_date_string(row->ends_on)),
				 errhint("A longer term needs a new agreement; ask the data controller.")));
}

void
caredata_get_open_release(int32 release_id, CaredataReleaseRow *row)
{
	if (!caredata_read_release(release_id, NULL, row))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the release does not exist"),
				 errhint("Ask the data controller.")));
	check_release_row(row);
}

void
caredata_check_release_open(int32 release_id)
{
	CaredataReleaseRow	row;

	if (caredata_read_release(release_id, NULL, &row))
		check_release_row(&row);
}

/*
 * The views of a release belong to its definer.  A statement that reads a
 * table with the rights of one is a statement on the release, and is checked
 * even if it never comes to a row: an expired release must not look empty.
 */
static bool
check_perms_as(Oid roleid, CaredataReleaseRow *row, bool *is_definer,
			   bool ereport_on_violation)
{
	char	   *name = GetUserNameFromId(roleid, true);
	size_t		length = name ? strlen(name) : 0;

	*is_definer = false;
	if (length <= strlen(DEFINER_SUFFIX) ||
		strcmp(name + length - strlen(DEFINER_SUFFIX), DEFINER_SUFFIX) != 0)
		return true;
	name[length - strlen(DEFINER_SUFFIX)] = '\0';

	/* the schema alone could be anybody's */
	if (!OidIsValid(get_extension_oid("caredata", true)))
		return true;
	if (!caredata_read_release(0, name, row))
		return true;
	*is_definer = true;

	if (!ereport_on_violation && strcmp(row->state, "active") != 0)
		return false;
	caredata_require_preload();
	check_release_row(row);
	caredata_refuse_explain_analyze();
	return true;
}

/*
 * Is this the call of visible() that a policy of the release has, on this
 * column?  The function is known by its C code: what somebody put in its place
 * is not it.
 */
static bool
is_policy_of(Expr *qual, int32 release_id, AttrNumber person)
{
	FuncExpr   *call = (FuncExpr *) qual;
	Var		   *column;
	Const	   *handle;
	FmgrInfo	function;

	if (qual == NULL || !IsA(qual, FuncExpr) || list_length(call->args) != 3)
		return false;
	fmgr_info(call->funcid, &function);
	if (function.fn_addr != caredata_visible)
		return false;
	column = (Var *) linitial(call->args);
	handle = (Const *) lsecond(call->args);
	return IsA(column, Var) && person != InvalidAttrNumber &&
		column->varattno == person &&
		IsA(handle, Const) && !handle->constisnull &&
		DatumGetInt32(handle->constvalue) == release_id;
}

/* Has anybody made a policy for the table, whether or not it is in force? */
static bool
has_policy(Oid relid)
{
	Relation	policies = table_open(PolicyRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(policies, PolicyPolrelidPolnameIndexId, true,
							  NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(policies, AccessShareLock);
	return found;
}

/*
 * A table of persons that a definer reads has to be under row security, by
 * the policy of the release and no other: one ALTER TABLE or DROP POLICY by
 * mistake, and a release would show everybody, or look empty.  Public facts
 * have no person_id and no policy.  Partitions are read through their parent,
 * whose policies are the ones that count.
 */
static bool
check_table_protected(Oid relid, Oid definer, const CaredataReleaseRow *release,
					  bool ereport_on_violation)
{
	char		relkind = get_rel_relkind(relid);
	AttrNumber	person;
	Relation	rel;
	bool		enabled;
	bool		own_policy = false;
	char	   *other_policy = NULL;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		return true;
	person = get_attnum(relid, "person_id");
	if (person == InvalidAttrNumber && !has_policy(relid))
		return true;

	rel = table_open(relid, AccessShareLock);
	enabled = check_enable_rls(relid, definer, true) == RLS_ENABLED;
	if (enabled && rel->rd_rsdesc != NULL)
	{
		ListCell   *lc;

		foreach(lc, rel->rd_rsdesc->policies)
		{
			RowSecurityPolicy *policy = (RowSecurityPolicy *) lfirst(lc);
			Oid		   *roles = (Oid *) ARR_DATA_PTR(policy->roles);
			bool		applies = false;
			int			i;

			if (!policy->permissive ||
				(policy->polcmd != '*' && policy->polcmd != ACL_SELECT_CHR))
				continue;
			for (i = 0; i < ARR_DIMS(policy->roles)[0] && !applies; i++)
				applies = roles[i] == ACL_ID_PUBLIC ||
					has_privs_of_role(definer, roles[i]);
			if (!applies)
				continue;
			if (is_policy_of(policy->qual, release->release_id, person))
				own_policy = true;
			else
				other_policy = pstrdup(policy->policy_name);
		}
	}

	if (ereport_on_violation)
	{
		char	   *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
													   RelationGetRelationName(rel));

		if (!rel->rd_rel->relrowsecurity)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("row security of table %s is off", table),
					 errhint("The DBA has to run: ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
							 table)));
		if (!enabled)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("role \"%s\" bypasses row security",
							GetUserNameFromId(definer, false)),
					 errhint("The definer of a release owns no table and is neither SUPERUSER nor BYPASSRLS.")));
		if (other_policy != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("policy \"%s\" of table %s is not that of release \"%s\"",
							other_policy, table, NameStr(release->name)),
					 errhint("It would show persons whom the release does not; the DBA has to drop it.")));
		if (!own_policy)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table %s has no policy of release \"%s\"",
							table, NameStr(release->name)),
					 errhint("The DBA has to restore it, or the release has to be ended and made anew.")));
	}
	table_close(rel, AccessShareLock);
	return enabled && own_policy && other_policy == NULL;
}

/*
 * A view in the schema of a release has to belong to the release's definer.
 * After a restore without the roles it belongs to the superuser who restored,
 * whom no policy stops, and so would whoever is granted the view be.
 */
static bool
check_view_owner(Oid relid, bool ereport_on_violation)
{
	char	   *schema;
	char	   *owner;
	CaredataReleaseRow	release;
	Relation	rel;

	if (relid < FirstNormalObjectId || get_rel_relkind(relid) != RELKIND_VIEW)
		return true;
	schema = get_namespace_name(get_rel_namespace(relid));
	if (schema == NULL || !OidIsValid(get_extension_oid("caredata", true)) ||
		!caredata_read_release(0, schema, &release))
		return true;

	rel = table_open(relid, AccessShareLock);
	owner = GetUserNameFromId(rel->rd_rel->relowner, true);
	table_close(rel, AccessShareLock);
	if (owner != NULL &&
		strcmp(owner, psprintf("%s" DEFINER_SUFFIX, schema)) == 0)
		return true;
	if (ereport_on_violation)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("view %s does not belong to the definer of its release",
						quote_qualified_identifier(schema, get_rel_name(relid))),
				 errhint("Restore the server's roles before the database; make no views of your own in the schema of a release.")));
	return false;
}

static bool
gate_check_perms(CAREDATA_CHECK_PERMS_ARGS)
{
	ListCell   *lc;
	Oid			checked = InvalidOid;
	bool		is_definer = false;
	CaredataReleaseRow	release;

	if (next_check_perms_hook &&
		!next_check_perms_hook(CAREDATA_CHECK_PERMS_PASS))
		return false;

	foreach(lc, CAREDATA_CHECK_PERMS_LIST)
	{
		CaredataCheckPerms *read = (CaredataCheckPerms *) lfirst(lc);
		Oid			roleid = read->checkAsUser;

		if (!check_view_owner(read->relid, ereport_on_violation))
			return false;
		if (!OidIsValid(roleid))
			continue;
		if (roleid != checked &&
			!check_perms_as(roleid, &release, &is_definer, ereport_on_violation))
			return false;
		checked = roleid;
		/* partitions have nothing required of them: their parent has */
		if (is_definer && read->requiredPerms != 0 &&
			!check_table_protected(read->relid, roleid, &release,
								   ereport_on_violation))
			return false;
	}
	return true;
}

/* ---- Start-up ---- */

void
caredata_release_gate_init(void)
{
	next_check_perms_hook = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = gate_check_perms;
}
