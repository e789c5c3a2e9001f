/*
 * drop_gate.c
 *		The extension is not dropped from under a care database.
 *
 * PostgreSQL refuses DROP EXTENSION while columns have the extension's types,
 * and hints at CASCADE.  That would drop the columns: every NHS number of an
 * identity or an objection.  It would drop the policies and the views of
 * releases too, which fails closed, and the keys, which are nowhere else but
 * in back-ups.  So it is refused on whatever way it comes, DROP EXTENSION,
 * DROP SCHEMA or DROP OWNED, as long as the database has identities.
 *
 * A superuser who means it says so in the session.  Nothing is refused where
 * the library is not preloaded.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "drop_gate.h"

static bool allow_drop = false;
static object_access_hook_type next_access_hook = NULL;

static bool
is_care_database(void)
{
	Oid			schema = get_namespace_oid("care_identity", true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("identity", schema));
}

static void
drop_gate_access(ObjectAccessType access, Oid class_id, Oid object_id,
				 int sub_id, void *arg)
{
	if (next_access_hook)
		next_access_hook(access, class_id, object_id, sub_id, arg);

	if (access == OAT_DROP && class_id == ExtensionRelationId && !allow_drop &&
		object_id == get_extension_oid("caredata", true) && is_care_database())
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop extension \"caredata\" of a care database"),
				 errdetail("The NHS numbers of its identities and objections would be dropped, and the keys of its releases."),
				 errhint("DROP DATABASE removes everything. A superuser who wants to keep the rest sets caredata.allow_drop in the session.")));
}

void
caredata_drop_gate_init(void)
{
	DefineCustomBoolVariable("caredata.allow_drop",
							 "Lets the extension be dropped from under a care database, with NHS numbers and keys.",
							 NULL,
							 &allow_drop,
							 false,
							 PGC_SUSET, GUC_DISALLOW_IN_FILE | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	next_access_hook = object_access_hook;
	object_access_hook = drop_gate_access;
}
