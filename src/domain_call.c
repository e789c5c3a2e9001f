/*
 * domain_call.c
 *		May the caller use a pseudonym domain, and which is its key.
 *
 * Two ways lead to a domain.  By handle, for what a release shows: the caller
 * must be a member of the release's readers (handle.c).  By name, for a DBA's
 * own tables and for files that go out: the caller must be a superuser or have
 * the privileges of caredata_linker, the role that works with identities
 * anyway; a reader of a release, who could try guesses, is neither.
 *
 * Going back from a pseudonym to an identifier takes the rights of a
 * superuser, whoever was granted EXECUTE: the way for others is a SECURITY
 * DEFINER function that asks for an approval and records the use.
 */
#include "postgres.h"

#include "utils/acl.h"

#include "catalog.h"
#include "compat.h"
#include "domain_call.h"
#include "handle.h"

#define LINKER_ROLE		"caredata_linker"

void *
caredata_domain_call(FunctionCallInfo fcinfo, Size size)
{
	if (unlikely(fcinfo->flinfo->fn_extra == NULL))
	{
		DomainCall *call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, size);

		call->context = fcinfo->flinfo->fn_mcxt;
		fcinfo->flinfo->fn_extra = call;
	}
	return fcinfo->flinfo->fn_extra;
}

void
caredata_check_linker(void)
{
	Oid			linker;

	if (superuser())
		return;
	linker = get_role_oid(LINKER_ROLE, true);
	if (!OidIsValid(linker) || !has_privs_of_role(GetUserId(), linker))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to pseudonymise identifiers"),
				 errhint("Only superusers and members of role %s may.",
						 LINKER_ROLE)));
}

static void
check_reversal(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reverse a pseudonym"),
				 errhint("It runs with the rights of a superuser only: in a SECURITY DEFINER function that asks for an approval and records the use.")));
}

static int32
find_domain(Name name)
{
	CaredataScan scan;
	HeapTuple	tuple;
	int32		found = 0;

	caredata_scan_begin(&scan, "domain", "domain_pkey", 0, NULL);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		bool		isnull;
		Datum		value = caredata_attr(&scan, tuple, "name", &isnull);

		if (strncmp(NameStr(*DatumGetName(value)), NameStr(*name),
					NAMEDATALEN) == 0)
		{
			found = DatumGetInt32(caredata_attr(&scan, tuple, "domain_id",
												&isnull));
			break;
		}
	}
	caredata_scan_end(&scan);

	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("pseudonym domain \"%s\" does not exist", NameStr(*name)),
				 errhint("caredata.key_status() lists the domains; a release has one of its name, create_domain() makes others.")));
	return found;
}

void
caredata_open_call_by_handle(DomainCall *call, int32 release_id)
{
	call->key = NULL;
	caredata_require_preload();
	caredata_check_release_member(release_id);
	call->user_id = GetUserId();
	call->release_id = release_id;
	call->key = caredata_hold_newest_key(&call->hold, call->context,
										 release_id);
	call->opened++;
}

void
caredata_open_call_by_name(DomainCall *call, Name name,
						   DomainAuthority authority)
{
	int32		domain_id;

	call->key = NULL;
	caredata_require_preload();
	if (authority == DOMAIN_REVERSAL)
		check_reversal();
	else
		caredata_check_linker();
	domain_id = find_domain(name);
	call->user_id = GetUserId();
	call->release_id = 0;
	call->generation = 0;
	memcpy(&call->name, name, sizeof(NameData));
	if (authority == DOMAIN_REVERSAL)
	{
		caredata_hold_readable_keys(&call->hold, call->context, domain_id);
		call->key = call->hold.keys[0];
	}
	else
		call->key = caredata_hold_newest_key(&call->hold, call->context,
											 domain_id);
	call->opened++;
}

void
caredata_choose_generation(DomainCall *call, int32 generation)
{
	int			i;

	/* until it is found the call site asks again */
	call->key = NULL;
	for (i = 0; i < call->hold.nkeys; i++)
	{
		if (generation == 0 ||
			caredata_key_generation(call->hold.keys[i]) == generation)
		{
			call->key = call->hold.keys[i];
			call->generation = generation;
			call->opened++;
			return;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("pseudonym domain \"%s\" has no readable generation %d",
					NameStr(call->name), generation),
			 errhint("caredata.key_status() lists generations; what is closed cannot be read again.")));
}
