/*
 * handle.c
 *		release_ref: a reference to a release that only the extension can make.
 *
 * PostgreSQL runs the functions of a view and of a policy with the reader's
 * rights, so a reader must be able to execute pid(), person_of() and
 * visible().  Called freely they would be oracles: who holds two releases
 * could number everybody in both and join them.  So they take the release as
 * a value of this type, and a reader has no way to a value:
 *
 *	- the input and receive functions refuse everybody but superusers, which
 *	  lets in the extension's own SECURITY DEFINER functions and the restore of
 *	  a dump, and nothing else;
 *	- there is no cast, operator, column or function that yields one;
 *	- USAGE on the type is revoked from PUBLIC, so that nobody can put it into
 *	  a composite type, a domain, a table or a function signature and have an
 *	  integer that is held somewhere re-labelled by ALTER TYPE;
 *	- the functions that take one are STRICT: the NULL that anybody can write
 *	  gives NULL.
 *
 * The handle is one lock.  The other is caredata_check_release_member(): a
 * handle that got into the wrong hands opens nothing for who is not a member
 * of the release's reader role.
 *
 * The value is not a secret.  It stands in the text of the views and policies,
 * where everybody may read it.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "compat.h"
#include "handle.h"

PG_FUNCTION_INFO_V1(caredata_release_ref_in);
PG_FUNCTION_INFO_V1(caredata_release_ref_out);
PG_FUNCTION_INFO_V1(caredata_release_ref_recv);
PG_FUNCTION_INFO_V1(caredata_release_ref_send);

static void
check_may_make_handle(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make a release handle"),
				 errhint("Query the views of the release; they hold its handle.")));
}

static int32
check_handle_value(int32 value)
{
	if (value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a release handle must be greater than zero")));
	return value;
}

/* The permission comes first: a refusal says nothing about the text. */
Datum
caredata_release_ref_in(PG_FUNCTION_ARGS)
{
	char	   *string = PG_GETARG_CSTRING(0);

	check_may_make_handle();
	PG_RETURN_INT32(check_handle_value(pg_strtoint32(string)));
}

Datum
caredata_release_ref_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(psprintf("%d", PG_GETARG_RELEASE_REF(0)));
}

Datum
caredata_release_ref_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);

	check_may_make_handle();
	PG_RETURN_INT32(check_handle_value((int32) pq_getmsgint(message, 4)));
}

Datum
caredata_release_ref_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint32(&message, PG_GETARG_RELEASE_REF(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

void
caredata_check_release_member(int32 release_id)
{
	CaredataScan scan;
	HeapTuple	tuple;
	NameData	name;
	NameData	reader;
	bool		found = false;
	bool		has_reader = false;
	Oid			reader_oid = InvalidOid;

	caredata_scan_begin(&scan, "domain", "domain_pkey", 1, &release_id);
	tuple = caredata_scan_next(&scan);
	if (HeapTupleIsValid(tuple))
	{
		Datum		value;
		bool		isnull;

		found = true;
		value = caredata_attr(&scan, tuple, "name", &isnull);
		namestrcpy(&name, NameStr(*DatumGetName(value)));
		value = caredata_attr(&scan, tuple, "reader_role", &isnull);
		has_reader = !isnull;
		if (has_reader)
			namestrcpy(&reader, NameStr(*DatumGetName(value)));
	}
	caredata_scan_end(&scan);

	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("release %d does not exist", release_id),
				 errhint("The view or policy outlived its release, or the extension's tables were not restored.")));

	if (superuser())
		return;
	if (has_reader)
		reader_oid = get_role_oid(NameStr(reader), true);
	if (!OidIsValid(reader_oid) ||
		!has_privs_of_role(GetUserId(), reader_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for release \"%s\"", NameStr(name)),
				 errhint("Only members of the release's reader role may use it.")));
}
