/*
 * domain_call.h
 *		What a call of a keyed function finds out once: may the caller use the
 *		domain, and which is its key.
 *
 * A function keeps a DomainCall at the start of what it hangs on fn_extra.
 * The checks are made at the first call of a call site in a statement, and
 * anew when the domain or the user is another one (PL/pgSQL keeps call sites
 * from one statement to the next).
 */
#ifndef CAREDATA_DOMAIN_CALL_H
#define CAREDATA_DOMAIN_CALL_H

#include "fmgr.h"
#include "miscadmin.h"

#include "keyring.h"
#include "quota.h"

/* Who may call. */
typedef enum DomainAuthority
{
	DOMAIN_MEMBER,				/* by handle: members of the release's readers */
	DOMAIN_LINKER,				/* by name: superusers and caredata_linker */
	DOMAIN_REVERSAL				/* by name: superusers */
} DomainAuthority;

typedef struct DomainCall
{
	const CaredataKey *key;		/* held; NULL until the checks were made */
	uint64		opened;			/* another number for every key: what was made
								 * with one is of no use with the next */
	CaredataKeyHold hold;
	MemoryContext context;
	Oid			user_id;
	int32		release_id;		/* 0 for a call by name */
	int32		generation;		/* that was asked for; 0 for the newest */
	NameData	name;
} DomainCall;

/* Zeroed memory on fn_extra that begins with a DomainCall. */
extern void *caredata_domain_call(FunctionCallInfo fcinfo, Size size);

extern void caredata_open_call_by_handle(DomainCall *call, int32 release_id);
extern void caredata_open_call_by_name(DomainCall *call, Name name,
									   DomainAuthority authority);

/*
 * For DOMAIN_REVERSAL the hold has all readable keys of the domain, newest
 * first; key is the newest, or that of the generation chosen afterwards, which
 * raises undefined_object where it does not exist or is closed.
 */
extern void caredata_choose_generation(DomainCall *call, int32 generation);

/*
 * Raise insufficient_privilege unless the current user is a superuser or has
 * the privileges of caredata_linker.
 */
extern void caredata_check_linker(void);

static inline void
caredata_use_handle(DomainCall *call, int32 release_id)
{
	if (unlikely(call->key == NULL || call->user_id != GetUserId() ||
				 call->release_id != release_id))
		caredata_open_call_by_handle(call, release_id);
}

/* By name a value comes from the caller, and counts towards a quota. */
static inline void
caredata_use_name(DomainCall *call, Name name, DomainAuthority authority)
{
	if (unlikely(call->key == NULL || call->user_id != GetUserId() ||
				 call->release_id != 0 ||
				 strncmp(NameStr(call->name), NameStr(*name),
						 NAMEDATALEN) != 0))
		caredata_open_call_by_name(call, name, authority);
	caredata_count_use(authority == DOMAIN_REVERSAL ?
					   CAREDATA_USE_REVERSE : CAREDATA_USE_PSEUDONYMISE);
}

static inline void
caredata_use_generation(DomainCall *call, int32 generation)
{
	if (unlikely(call->generation != generation))
		caredata_choose_generation(call, generation);
}

#endif							/* CAREDATA_DOMAIN_CALL_H */
