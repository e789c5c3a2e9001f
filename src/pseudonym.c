/*
 * pseudonym.c
 *		Type pseudonym, pid() and its reverse, and what the planner is told.
 *
 * pid(person_id, release) and person_of(pseudonym, release) are each other's
 * inverse; the key never leaves keyring.c.  They are LEAKPROOF because nothing
 * they do or raise depends on the person or the pseudonym: they raise on the
 * caller, the release and the keys, before the first value is looked at.
 *
 * The planner.  A release view computes pid() for each row, so without help a
 * condition on it would compute it for each row as well and know no index.
 * The support function of pseudonym_eq and pseudonym_ne rewrites, once the
 * views have been pulled up and their handle has become visible as a constant:
 *
 *		pid(a, h) = pid(b, h)	to	a = b
 *		pid(a, h) = x			to	a = person_of(x, h)
 *
 * and the same for <>.  That is the same truth value for every a but 0 and for
 * every x: a pseudonym of the release comes back as its number, anything else
 * as 0, which is no person's number; NULL stays NULL.  (pid(0, h) exists and
 * is refused by nothing, but no person is numbered 0.)  A person of whom the
 * release's policies show no row comes back as 0 as well: no a is theirs.  Two
 * pid() of different releases are left alone, and so is a handle that is not a
 * constant.
 *
 * Generations.  Both directions use the newest generation of the release's key,
 * so a pseudonym of an older one is foreign to them: equality means what it
 * means on the pseudonyms that the reader sees, whether a condition is
 * rewritten or computed (IN, = ANY, GROUP BY, a join by hash).  An old
 * pseudonym is turned into the current one first, by current_pid().
 *
 * person_of() is STABLE, so no plan holds its result: EXPLAIN prints the call,
 * a pseudonym and a handle, never a person_id.  The planner does compute it
 * while it estimates rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/sortsupport.h"
#include "utils/syscache.h"

#include "catalog.h"
#include "compat.h"
#include "handle.h"
#include "keyring.h"
#include "person_alias.h"
#include "pseudonym_block.h"
#include "quota.h"
#include "release_gate.h"
#include "visible.h"

StaticAssertDecl(PSEUDONYM_BYTES == CAREDATA_BLOCK_BYTES,
				 "a pseudonym is one cipher block");

#define PG_GETARG_PSEUDONYM(n)	((const uint8 *) PG_GETARG_POINTER(n))

PG_FUNCTION_INFO_V1(caredata_pseudonym_in);
PG_FUNCTION_INFO_V1(caredata_pseudonym_out);
PG_FUNCTION_INFO_V1(caredata_pseudonym_recv);
PG_FUNCTION_INFO_V1(caredata_pseudonym_send);
PG_FUNCTION_INFO_V1(caredata_pseudonym_from_text);
PG_FUNCTION_INFO_V1(caredata_pseudonym_eq);
PG_FUNCTION_INFO_V1(caredata_pseudonym_ne);
PG_FUNCTION_INFO_V1(caredata_pseudonym_lt);
PG_FUNCTION_INFO_V1(caredata_pseudonym_le);
PG_FUNCTION_INFO_V1(caredata_pseudonym_gt);
PG_FUNCTION_INFO_V1(caredata_pseudonym_ge);
PG_FUNCTION_INFO_V1(caredata_pseudonym_cmp);
PG_FUNCTION_INFO_V1(caredata_pseudonym_sortsupport);
PG_FUNCTION_INFO_V1(caredata_pseudonym_smaller);
PG_FUNCTION_INFO_V1(caredata_pseudonym_larger);
PG_FUNCTION_INFO_V1(caredata_pseudonym_hash);
PG_FUNCTION_INFO_V1(caredata_pseudonym_hash_extended);
PG_FUNCTION_INFO_V1(caredata_pid);
PG_FUNCTION_INFO_V1(caredata_person_of);
PG_FUNCTION_INFO_V1(caredata_current_pid);
PG_FUNCTION_INFO_V1(caredata_record_pid_bigint);
PG_FUNCTION_INFO_V1(caredata_record_pid_text);
PG_FUNCTION_INFO_V1(caredata_pseudonym_support);

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

/* The offending text may be personal data: it is never repeated. */
static Datum
parse_pseudonym(const char *string, size_t length, Node *escontext)
{
	uint8	   *result = palloc(PSEUDONYM_BYTES);

	if (!pseudonym_parse(string, length, result))
		ereturn(escontext, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type pseudonym"),
				 errhint("A pseudonym is 32 hexadecimal digits, or the same in the form of a uuid.")));
	PG_RETURN_POINTER(result);
}

Datum
caredata_pseudonym_in(PG_FUNCTION_ARGS)
{
	char	   *string = PG_GETARG_CSTRING(0);

	return parse_pseudonym(string, strlen(string), fcinfo->context);
}

Datum
caredata_pseudonym_from_text(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);

	return parse_pseudonym(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string),
						   fcinfo->context);
}

Datum
caredata_pseudonym_out(PG_FUNCTION_ARGS)
{
	char	   *result = palloc(PSEUDONYM_TEXT_LENGTH + 1);

	pseudonym_format(PG_GETARG_PSEUDONYM(0), result);
	PG_RETURN_CSTRING(result);
}

Datum
caredata_pseudonym_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	uint8	   *result = palloc(PSEUDONYM_BYTES);

	pq_copymsgbytes(message, (char *) result, PSEUDONYM_BYTES);
	PG_RETURN_POINTER(result);
}

Datum
caredata_pseudonym_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, (const char *) PG_GETARG_PSEUDONYM(0),
				 PSEUDONYM_BYTES);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ------------------------------------------------------------------------
 * Comparison, by bytes: the order of the text form, and no other meaning
 * ------------------------------------------------------------------------
 */

static inline int
compare_pseudonyms(const uint8 *a, const uint8 *b)
{
	return memcmp(a, b, PSEUDONYM_BYTES);
}

Datum
caredata_pseudonym_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) == 0);
}

Datum
caredata_pseudonym_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) != 0);
}

Datum
caredata_pseudonym_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) < 0);
}

Datum
caredata_pseudonym_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) <= 0);
}

Datum
caredata_pseudonym_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) > 0);
}

Datum
caredata_pseudonym_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									  PG_GETARG_PSEUDONYM(1)) >= 0);
}

Datum
caredata_pseudonym_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									   PG_GETARG_PSEUDONYM(1)));
}

/* Transition functions of min() and max(), which reporting tools ask for. */
Datum
caredata_pseudonym_smaller(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									   PG_GETARG_PSEUDONYM(1)) <= 0 ?
					PG_GETARG_DATUM(0) : PG_GETARG_DATUM(1));
}

Datum
caredata_pseudonym_larger(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(compare_pseudonyms(PG_GETARG_PSEUDONYM(0),
									   PG_GETARG_PSEUDONYM(1)) >= 0 ?
					PG_GETARG_DATUM(0) : PG_GETARG_DATUM(1));
}

static int
compare_for_sort(Datum a, Datum b, SortSupport ssup)
{
	return compare_pseudonyms((const uint8 *) DatumGetPointer(a),
							  (const uint8 *) DatumGetPointer(b));
}

#if SIZEOF_DATUM == 8
/*
 * The first eight bytes as a number.  A pseudonym is a cipher block, so they
 * differ as often as random numbers do and abbreviation always pays.
 */
static Datum
abbreviate_for_sort(Datum original, SortSupport ssup)
{
	uint64		prefix;

	memcpy(&prefix, DatumGetPointer(original), sizeof(prefix));
	return UInt64GetDatum(pg_ntoh64(prefix));
}

static bool
abort_abbreviation(int memtupcount, SortSupport ssup)
{
	return false;
}
#endif

Datum
caredata_pseudonym_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = compare_for_sort;
#if SIZEOF_DATUM == 8
	if (ssup->abbreviate)
	{
		ssup->comparator = ssup_datum_unsigned_cmp;
		ssup->abbrev_converter = abbreviate_for_sort;
		ssup->abbrev_abort = abort_abbreviation;
		ssup->abbrev_full_comparator = compare_for_sort;
	}
#endif
	PG_RETURN_VOID();
}

/* Values can come from anywhere, so they are hashed and not just cut. */
Datum
caredata_pseudonym_hash(PG_FUNCTION_ARGS)
{
	return hash_any(PG_GETARG_PSEUDONYM(0), PSEUDONYM_BYTES);
}

Datum
caredata_pseudonym_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended(PG_GETARG_PSEUDONYM(0), PSEUDONYM_BYTES,
							 PG_GETARG_INT64(1));
}

/* ------------------------------------------------------------------------
 * Keyed functions
 * ------------------------------------------------------------------------
 */

/* What a call site found out at its first row. */
typedef struct ReleaseCall
{
	int32		release_id;
	Oid			user_id;
	const CaredataKey *key;		/* the newest; NULL while nothing is held */
	CaredataKeyHold hold;
	CaredataShownSets *shown;	/* of person_of() and current_pid() only */
	CaredataAliases aliases;	/* of current_pid() only */
} ReleaseCall;

static pg_noinline ReleaseCall *
open_release(FunctionCallInfo fcinfo, int32 release_id, bool readable)
{
	ReleaseCall *call = (ReleaseCall *) fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	caredata_require_preload();
	caredata_check_release_member(release_id);
	/* where there is no view, nothing else has looked at the release's state */
	if (readable)
		caredata_check_release_open(release_id);

	if (call == NULL)
	{
		call = MemoryContextAllocZero(context, sizeof(ReleaseCall));
		fcinfo->flinfo->fn_extra = call;
	}
	call->key = NULL;
	if (readable)
		caredata_hold_readable_keys(&call->hold, context, release_id);
	else
		(void) caredata_hold_newest_key(&call->hold, context, release_id);
	call->release_id = release_id;
	call->user_id = GetUserId();
	call->key = call->hold.keys[0];
	return call;
}

/*
 * The key for a call.  The checks are made once per call site and statement;
 * where a call site outlives its statement (PL/pgSQL), for each user and
 * release anew.
 */
static inline ReleaseCall *
release_call(FunctionCallInfo fcinfo, int32 release_id, bool readable)
{
	ReleaseCall *call = (ReleaseCall *) fcinfo->flinfo->fn_extra;

	if (likely(call != NULL &&
			   call->key != NULL &&
			   call->release_id == release_id &&
			   call->user_id == GetUserId()))
		return call;
	return open_release(fcinfo, release_id, readable);
}

static inline const CaredataKey *
release_key(FunctionCallInfo fcinfo, int32 release_id)
{
	return release_call(fcinfo, release_id, false)->key;
}

static Datum
encrypt_number(const CaredataKey *key, uint8 kind, int64 number)
{
	uint8		block[PSEUDONYM_BYTES];
	uint8	   *result = palloc(PSEUDONYM_BYTES);

	pseudonym_block_write(kind, number, block);
	caredata_key_encrypt(key, block, result);
	return PointerGetDatum(result);
}

/* caredata.pid(person_id, release) */
Datum
caredata_pid(PG_FUNCTION_ARGS)
{
	return encrypt_number(release_key(fcinfo, PG_GETARG_RELEASE_REF(1)),
						  PSEUDONYM_KIND_PERSON, PG_GETARG_INT32(0));
}

/*
 * caredata.person_of(pseudonym, release): 0 when it is not of this release.
 *
 * For a reader also 0 when no visible set of the release holds the person: no
 * row that the policies let through is theirs, so no answer changes, and a
 * pseudonym kept from before an objection finds no rows to count afterwards.
 */
Datum
caredata_person_of(PG_FUNCTION_ARGS)
{
	int32		release_id = PG_GETARG_RELEASE_REF(1);
	ReleaseCall *call = release_call(fcinfo, release_id, false);
	uint8		block[PSEUDONYM_BYTES];
	int64		number;

	caredata_key_decrypt(call->key, PG_GETARG_PSEUDONYM(0), block);
	if (!pseudonym_block_read(block, PSEUDONYM_KIND_PERSON, &number) ||
		number < PG_INT32_MIN || number > PG_INT32_MAX)
		PG_RETURN_INT32(0);
	if (!superuser() &&
		!caredata_is_shown(&call->shown, fcinfo->flinfo->fn_mcxt, release_id,
						   (int32) number))
		PG_RETURN_INT32(0);
	PG_RETURN_INT32((int32) number);
}

/*
 * Put the person's number of today into a block that holds a retired one.
 * Not where the person is withheld from the reader: that two pseudonyms are
 * one person's would be news of somebody who objects.
 */
static void
renew_person(ReleaseCall *call, MemoryContext context, uint8 *block)
{
	int64		number;
	int32		living;

	if (!pseudonym_block_read(block, PSEUDONYM_KIND_PERSON, &number) ||
		number < 1 || number > PG_INT32_MAX)
		return;
	living = caredata_living_person(&call->aliases, context, (int32) number);
	if (living != number &&
		(superuser() ||
		 caredata_is_shown(&call->shown, context, call->release_id, living)))
		pseudonym_block_write(PSEUDONYM_KIND_PERSON, living, block);
}

/*
 * caredata.current_pid(pseudonym, release): the same person or record under
 * the newest generation; NULL for a pseudonym that no readable generation of
 * this release made.
 */
Datum
caredata_current_pid(PG_FUNCTION_ARGS)
{
	ReleaseCall *call = release_call(fcinfo, PG_GETARG_RELEASE_REF(1), true);
	const uint8 *pseudonym = PG_GETARG_PSEUDONYM(0);
	uint8		block[PSEUDONYM_BYTES];
	int			i;

	/* what it raises depends on the number of calls, not on the pseudonym */
	caredata_count_use(CAREDATA_USE_RENEW);
	for (i = 0; i < call->hold.nkeys; i++)
	{
		caredata_key_decrypt(call->hold.keys[i], pseudonym, block);
		if (pseudonym_block_is_valid(block))
		{
			uint8	   *result = palloc(PSEUDONYM_BYTES);

			renew_person(call, fcinfo->flinfo->fn_mcxt, block);
			caredata_key_encrypt(call->key, block, result);
			PG_RETURN_POINTER(result);
		}
	}
	PG_RETURN_NULL();
}

/* caredata.record_pid(bigint, release) */
Datum
caredata_record_pid_bigint(PG_FUNCTION_ARGS)
{
	return encrypt_number(release_key(fcinfo, PG_GETARG_RELEASE_REF(1)),
						  PSEUDONYM_KIND_RECORD, PG_GETARG_INT64(0));
}

/*
 * caredata.record_pid(text, release): BLAKE2b over version, kind, the length
 * in eight bytes, big-endian, and the bytes of the text.
 */
Datum
caredata_record_pid_text(PG_FUNCTION_ARGS)
{
	const CaredataKey *key = release_key(fcinfo, PG_GETARG_RELEASE_REF(1));
	text	   *string = PG_GETARG_TEXT_PP(0);
	uint64		length = pg_hton64((uint64) VARSIZE_ANY_EXHDR(string));
	uint8		header[2 + sizeof(length)];
	uint8	   *result = palloc(PSEUDONYM_BYTES);

	header[0] = PSEUDONYM_VERSION;
	header[1] = PSEUDONYM_KIND_RECORD;
	memcpy(header + 2, &length, sizeof(length));
	caredata_key_hash(key, header, sizeof(header),
					  (const uint8 *) VARDATA_ANY(string),
					  VARSIZE_ANY_EXHDR(string), result);
	PG_RETURN_POINTER(result);
}

/* ------------------------------------------------------------------------
 * Planner support
 * ------------------------------------------------------------------------
 */

/*
 * OIDs of pid() and person_of().  They are looked for in the schema of the
 * equality function that the planner asks about, where only the extension
 * makes objects, so that nothing on anybody's search path can stand in.
 */
static Oid	support_namespace = InvalidOid;
static Oid	pid_oid = InvalidOid;
static Oid	person_of_oid = InvalidOid;
static bool support_callback_registered = false;

static void
support_syscache_callback(Datum arg, int cacheid, uint32 hashvalue)
{
	support_namespace = InvalidOid;
}

static Oid
function_in_namespace(const char *name, Oid first_type, Oid second_type,
					  Oid namespace)
{
	Oid			types[2];

	types[0] = first_type;
	types[1] = second_type;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(types, 2)),
						   ObjectIdGetDatum(namespace));
}

static bool
find_support_functions(Oid comparison)
{
	Oid			namespace = get_func_namespace(comparison);
	Oid			release_ref;
	Oid			pseudonym;

	if (!support_callback_registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, support_syscache_callback,
									  (Datum) 0);
		CacheRegisterSyscacheCallback(TYPEOID, support_syscache_callback,
									  (Datum) 0);
		support_callback_registered = true;
	}

	if (OidIsValid(namespace) && namespace == support_namespace)
		return true;

	release_ref = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								  CStringGetDatum("release_ref"),
								  ObjectIdGetDatum(namespace));
	pseudonym = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("pseudonym"),
								ObjectIdGetDatum(namespace));
	pid_oid = function_in_namespace("pid", INT4OID, release_ref, namespace);
	person_of_oid = function_in_namespace("person_of", pseudonym, release_ref,
										  namespace);
	if (!OidIsValid(namespace) || !OidIsValid(release_ref) ||
		!OidIsValid(pseudonym) || !OidIsValid(pid_oid) ||
		!OidIsValid(person_of_oid))
		return false;

	support_namespace = namespace;
	return true;
}

/* The pid() call with a constant handle that an argument is, or NULL. */
static FuncExpr *
as_pid_call(Node *node)
{
	FuncExpr   *call;
	Const	   *handle;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, FuncExpr))
		return NULL;
	call = (FuncExpr *) node;
	if (call->funcid != pid_oid || list_length(call->args) != 2 ||
		!IsA(lsecond(call->args), Const))
		return NULL;
	handle = lsecond_node(Const, call->args);
	return handle->constisnull ? NULL : call;
}

static Node *
make_person_of(Node *pseudonym, FuncExpr *pid_call)
{
	return (Node *) makeFuncExpr(person_of_oid, INT4OID,
								 list_make2(pseudonym,
											copyObject(lsecond(pid_call->args))),
								 InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/*
 * Rewrite a comparison of pseudonyms into one of person numbers, or return
 * NULL to leave it as it is.
 */
static Node *
simplify_comparison(FuncExpr *comparison, Oid int4_operator)
{
	Node	   *left;
	Node	   *right;
	FuncExpr   *left_call;
	FuncExpr   *right_call;
	OpExpr	   *result;

	if (list_length(comparison->args) != 2 ||
		!find_support_functions(comparison->funcid))
		return NULL;

	left = linitial(comparison->args);
	right = lsecond(comparison->args);
	left_call = as_pid_call(left);
	right_call = as_pid_call(right);

	if (left_call != NULL && right_call != NULL)
	{
		/* location and the like are ignored by equal() */
		if (!equal(lsecond(left_call->args), lsecond(right_call->args)))
			return NULL;
		left = linitial(left_call->args);
		right = linitial(right_call->args);
	}
	else if (left_call != NULL)
	{
		left = linitial(left_call->args);
		right = make_person_of(right, left_call);
	}
	else if (right_call != NULL)
	{
		left = make_person_of(left, right_call);
		right = linitial(right_call->args);
	}
	else
		return NULL;

	result = (OpExpr *) make_opclause(int4_operator, BOOLOID, false,
									  (Expr *) left, (Expr *) right,
									  InvalidOid, InvalidOid);
	set_opfuncid(result);
	return (Node *) result;
}

/* Support function of pseudonym_eq and pseudonym_ne. */
Datum
caredata_pseudonym_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestSimplify))
	{
		FuncExpr   *comparison = ((SupportRequestSimplify *) request)->fcall;
		Oid			int4_operator = Int4EqualOperator;
		FmgrInfo	flinfo;

		/* which of the two it is, told by the code and not by the name */
		fmgr_info(comparison->funcid, &flinfo);
		if (flinfo.fn_addr == caredata_pseudonym_ne)
			int4_operator = get_negator(Int4EqualOperator);
		else if (flinfo.fn_addr != caredata_pseudonym_eq)
			PG_RETURN_POINTER(NULL);

		result = simplify_comparison(comparison, int4_operator);
	}
	PG_RETURN_POINTER(result);
}
