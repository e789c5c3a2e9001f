/*
 * resolve.c
 *		Resolving pseudonyms by the number of their domain: to the current one,
 *		to that of another release, to the person.
 *
 * These are the insides of functions that decide who may do so
 * (sql/repseudonymise.sql, sql/link_authority.sql, sql/reidentification.sql)
 * and record it.  They run as the extension's owner, a superuser, and what
 * leads to a person or into another release asks for one, whoever was granted
 * EXECUTE; only renewed_pseudonym(), which tells no more than that two
 * pseudonyms are of one person in one release, is for others.
 *
 * What they resolve is of any generation that is not closed, and may be of a
 * person number that a merge retired; what they make is of the newest and of
 * the person that stayed.  translated_pseudonym() goes from one release to
 * another in one call, so that no person's number is ever a value in SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "compat.h"
#include "keyring.h"
#include "person_alias.h"
#include "pseudonym_block.h"
#include "quota.h"
#include "release_gate.h"
#include "visible.h"

PG_FUNCTION_INFO_V1(caredata_renewed_pseudonym);
PG_FUNCTION_INFO_V1(caredata_person_behind);
PG_FUNCTION_INFO_V1(caredata_translated_pseudonym);

/* more than there are */
#define CARE_SETTINGS	8

/* What a call site holds. */
typedef struct ResolveCall
{
	int32		from;
	int32		to;
	CaredataKeyHold from_keys;
	CaredataKeyHold to_keys;
	FmgrInfo	visible[2][CARE_SETTINGS];	/* per release and setting */
	CaredataAliases aliases;
	MemoryContext context;
} ResolveCall;

static void
check_may_resolve(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to resolve a pseudonym"),
				 errhint("Only the extension's own functions may, which record it: translate_all(), reidentify().")));
}

static ResolveCall *
resolve_call(FunctionCallInfo fcinfo, int32 from, int32 to)
{
	ResolveCall *call = (ResolveCall *) fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (call != NULL && call->from == from && call->to == to)
		return call;

	caredata_require_preload();
	if (call == NULL)
	{
		int			i;

		call = MemoryContextAllocZero(context, sizeof(ResolveCall));
		call->context = context;
		/* it keeps what it knows of a release and a setting */
		for (i = 0; i < 2 * CARE_SETTINGS; i++)
		{
			FmgrInfo   *flinfo = &call->visible[i / CARE_SETTINGS][i % CARE_SETTINGS];

			flinfo->fn_addr = caredata_visible;
			flinfo->fn_oid = InvalidOid;
			flinfo->fn_nargs = 3;
			flinfo->fn_strict = true;
			flinfo->fn_mcxt = context;
		}
		fcinfo->flinfo->fn_extra = call;
	}
	/* until both are held the call site asks again */
	call->from = 0;
	caredata_hold_readable_keys(&call->from_keys, context, from);
	(void) caredata_hold_newest_key(&call->to_keys, context, to);
	call->from = from;
	call->to = to;
	return call;
}

/*
 * Decrypt a pseudonym of any readable generation; false when none made it.
 */
static bool
decrypt_pseudonym(const ResolveCall *call, const uint8 *pseudonym,
				  uint8 *block)
{
	int			i;

	for (i = 0; i < call->from_keys.nkeys; i++)
	{
		caredata_key_decrypt(call->from_keys.keys[i], pseudonym, block);
		if (pseudonym_block_is_valid(block))
			return true;
	}
	return false;
}

static bool
decrypt_person(ResolveCall *call, const uint8 *pseudonym, uint8 *block,
			   int32 *person)
{
	int64		number;

	if (!decrypt_pseudonym(call, pseudonym, block) ||
		!pseudonym_block_read(block, PSEUDONYM_KIND_PERSON, &number) ||
		number < 1 || number > PG_INT32_MAX)
		return false;
	*person = caredata_living_person(&call->aliases, call->context,
									 (int32) number);
	if (*person != number)
		pseudonym_block_write(PSEUDONYM_KIND_PERSON, *person, block);
	return true;
}

/*
 * caredata.renewed_pseudonym(pseudonym, domain): of the newest generation; NULL
 * for one that no readable generation made.
 */
Datum
caredata_renewed_pseudonym(PG_FUNCTION_ARGS)
{
	int32		domain = PG_GETARG_INT32(1);
	ResolveCall *call = resolve_call(fcinfo, domain, domain);
	uint8		block[PSEUDONYM_BYTES];
	uint8	   *result;
	int32		person;

	caredata_count_use(CAREDATA_USE_RENEW);
	if (!decrypt_person(call, (const uint8 *) PG_GETARG_POINTER(0), block,
						&person) &&
		!decrypt_pseudonym(call, (const uint8 *) PG_GETARG_POINTER(0), block))
		PG_RETURN_NULL();
	result = palloc(PSEUDONYM_BYTES);
	caredata_key_encrypt(call->to_keys.keys[0], block, result);
	PG_RETURN_POINTER(result);
}

/* caredata.person_behind(pseudonym, domain); NULL for nobody's */
Datum
caredata_person_behind(PG_FUNCTION_ARGS)
{
	int32		domain = PG_GETARG_INT32(1);
	ResolveCall *call = resolve_call(fcinfo, domain, domain);
	uint8		block[PSEUDONYM_BYTES];
	int32		person;

	check_may_resolve();
	caredata_count_use(CAREDATA_USE_REIDENTIFY);
	if (!decrypt_person(call, (const uint8 *) PG_GETARG_POINTER(0), block,
						&person))
		PG_RETURN_NULL();
	PG_RETURN_INT32(person);
}

/*
 * Is the person visible in a release in every one of the settings?  Raises
 * what a query of the release would raise: not active, not in its term, lists
 * too old.
 */
static bool
is_visible(FmgrInfo *flinfo, int32 person, int32 release, ArrayType *settings)
{
	Datum	   *setting;
	bool	   *isnull;
	int			count;
	int			i;
	bool		visible = true;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT,
					  &setting, &isnull, &count);
	if (count < 1 || count > CARE_SETTINGS)
		return false;
	for (i = 0; i < count && visible; i++)
		visible = !isnull[i] &&
			DatumGetBool(FunctionCall3(&flinfo[i], Int32GetDatum(person),
									   Int32GetDatum(release), setting[i]));
	return visible;
}

/*
 * caredata.translated_pseudonym(pseudonym, from_release, from_settings,
 * to_release, to_settings): the same person's pseudonym in another release;
 * NULL for a pseudonym that is not of the first release, and for a person who
 * is not visible in both.
 */
Datum
caredata_translated_pseudonym(PG_FUNCTION_ARGS)
{
	int32		from = PG_GETARG_INT32(1);
	int32		to = PG_GETARG_INT32(3);
	ResolveCall *call;
	uint8		block[PSEUDONYM_BYTES];
	uint8	   *result;
	int32		person;

	check_may_resolve();
	/* closed releases are told whatever the pseudonym is */
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		caredata_check_release_open(from);
		caredata_check_release_open(to);
	}
	call = resolve_call(fcinfo, from, to);
	caredata_count_use(CAREDATA_USE_TRANSLATE);
	if (!decrypt_person(call, (const uint8 *) PG_GETARG_POINTER(0), block,
						&person) ||
		!is_visible(call->visible[0], person, from, PG_GETARG_ARRAYTYPE_P(2)) ||
		!is_visible(call->visible[1], person, to, PG_GETARG_ARRAYTYPE_P(4)))
		PG_RETURN_NULL();
	result = palloc(PSEUDONYM_BYTES);
	caredata_key_encrypt(call->to_keys.keys[0], block, result);
	PG_RETURN_POINTER(result);
}
