/*
 * clk_project.c
 *		CLKs of records under a linkage project: clk_of(), clk_agreement().
 *
 * A project (sql/clk_project.sql) names a schema, what hardens its CLKs, and where the
 * secret comes from:
 *
 *	its own		two messages hashed under the key that the project's domain has
 *				for CLKs: 32 bytes that nobody else can have;
 *	shared		the bytes of a file that two parties agreed upon, kept wrapped
 *				in caredata.compat_secret.
 *
 * HKDF derives the keys of the features from either, as clkhash does.  Which
 * bits of a record's CLK are flipped depends on the record's id under another
 * key of the domain, which no other party has: two parties' noise is never the
 * same, even where their ids are.
 *
 * What is derived stays in guarded memory and goes when the call site does.
 * Remembered hashes of tokens are wiped with it.  All text is hashed as UTF-8.
 */
#include "postgres.h"

#include <math.h>
#include <sodium.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "clk.h"
#include "clk_schema.h"
#include "clk_value.h"
#include "compat.h"
#include "domain_call.h"
#include "master_key.h"
#include "popcount.h"
#include "release_gate.h"
#include "secret.h"

PG_FUNCTION_INFO_V1(caredata_clk_of);
PG_FUNCTION_INFO_V1(caredata_clk_agreement);

#define OWN_SECRET_BYTES	(2 * CAREDATA_BLOCK_BYTES)
#define AGREEMENT_LABEL		"caredata clk agreement 1"
#define AGREEMENT_BYTES		16	/* the least that BLAKE2b gives */
#define AGREEMENT_SHOWN		8

/* When the share of ones is looked at, and how many are too many. */
#define FILL_RECORDS		100
#define FILL_PERCENT		60

StaticAssertDecl(CLK_SEED_BYTES == 2 * CAREDATA_BLOCK_BYTES,
				 "two hashes make a seed");

/* A row of caredata.clk_project. */
typedef struct ProjectRow
{
	int32		schema_id;
	int32		domain_id;
	bool		shared;
	bool		has_secret;
	NameData	secret;
	ClkText		salt_feature;
	bool		salt_by_year;
	bool		balanced;
	double		flip_probability;
	bool		leave_out;		/* invalid values, instead of raising */
	bool		approved;
	bool		ended;
	DateADT		ends_on;
} ProjectRow;

/* What a call site has made ready. */
typedef struct ClkCall
{
	Oid			user_id;
	NameData	name;
	bool		ready;
	MemoryContext context;		/* of what follows */
	CaredataKeyHold hold;
	const CaredataKey *key;
	ProjectRow	row;
	ClkSchema	schema;
	ClkText    *identifiers;	/* of the features */
	ClkText    *values;
	int			nused;
	int		   *used;			/* the features whose values are arguments */
	uint8	   *keys;			/* guarded */
	ClkWork    *work;
	int64		encoded;
	int64		ones;
	bool		told_left_out;
	MemoryContextCallback wipe;
} ClkCall;

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------
 */

static bool
read_project(Name name, ProjectRow *row)
{
	CaredataScan scan;
	HeapTuple	tuple;
	bool		found = false;
	bool		isnull;
	Datum		value;

	memset(row, 0, sizeof(*row));
	caredata_scan_begin(&scan, "clk_project", "clk_project_pkey", 0, NULL);
	while (!found && HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		value = caredata_attr(&scan, tuple, "name", &isnull);
		if (strncmp(NameStr(*DatumGetName(value)), NameStr(*name),
					NAMEDATALEN) != 0)
			continue;
		found = true;
		row->schema_id = caredata_int_attr(&scan, tuple, "schema_id");
		row->domain_id = caredata_int_attr(&scan, tuple, "domain_id");
		row->shared = caredata_bool_attr(&scan, tuple, "shared");
		value = caredata_attr(&scan, tuple, "secret", &isnull);
		row->has_secret = !isnull;
		if (!isnull)
			memcpy(&row->secret, DatumGetName(value), sizeof(NameData));
		row->salt_feature = caredata_clk_text_attr(&scan, tuple, "salt_feature");
		row->salt_by_year = caredata_clk_attr_is(&scan, tuple, "salt_part", "year");
		row->balanced = caredata_bool_attr(&scan, tuple, "balanced");
		row->flip_probability = caredata_float_attr(&scan, tuple, "flip_probability");
		row->leave_out = caredata_clk_attr_is(&scan, tuple, "invalid_values", "leave out");
		(void) caredata_attr(&scan, tuple, "approved_at", &isnull);
		row->approved = !isnull;
		(void) caredata_attr(&scan, tuple, "ended_at", &isnull);
		row->ended = !isnull;
		row->ends_on = DatumGetDateADT(caredata_attr(&scan, tuple, "ends_on", &isnull));
	}
	caredata_scan_end(&scan);
	return found;
}

/* ------------------------------------------------------------------------
 * Making ready
 * ------------------------------------------------------------------------
 */

static void
check_project(Name name, const ProjectRow *row)
{
	if (!row->approved)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("linkage project \"%s\" is not approved", NameStr(*name)),
				 errhint("A guardian approves it with approve_clk_project().")));
	if (row->ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("linkage project \"%s\" has ended", NameStr(*name)),
				 errhint("Another project needs another secret: create_clk_project().")));
	if (row->ends_on < caredata_server_date(GetCurrentStatementStartTimestamp()))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the term of linkage project \"%s\" is over", NameStr(*name)),
				 errhint("Another project needs another secret: create_clk_project().")));
	if (row->shared && !row->has_secret)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the shared secret of linkage project \"%s\" was dropped",
						NameStr(*name))));
}

/* The project's secret, in guarded memory that the caller frees. */
static const uint8 *
open_project_secret(ClkCall *call, size_t *length)
{
	uint8	   *secret;
	uint8		message;

	if (call->row.shared)
		return caredata_open_named_secret(&call->row.secret, length);
	secret = sodium_malloc(OWN_SECRET_BYTES);
	if (secret == NULL)
		caredata_report_no_guarded_memory();
	for (message = 0; message < 2; message++)
		caredata_key_hash_message(call->key, CAREDATA_HASH_CLK, &message, 1,
								  secret + message * CAREDATA_BLOCK_BYTES);
	*length = OWN_SECRET_BYTES;
	return secret;
}

static void
report_library_failed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not hash for a CLK"),
			 errhint("Check the configuration of OpenSSL on the server; doubleHash needs MD5.")));
}

static void
forget_project(void *arg)
{
	ClkCall    *call = (ClkCall *) arg;

	call->ready = false;
	sodium_free(call->keys);
	call->keys = NULL;
	if (call->work != NULL)
		sodium_memzero(call->work, caredata_clk_work_size());
	call->work = NULL;
}

static bool
same_text(ClkText a, ClkText b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* The features whose values are arguments: hashed ones, and the salting one. */
static void
find_used_features(ClkCall *call)
{
	ClkSchema  *schema = &call->schema;
	int			i;

	if (call->row.salt_feature.bytes != NULL)
	{
		for (i = 0; i < schema->nfeatures; i++)
		{
			if (same_text(call->identifiers[i], call->row.salt_feature))
				schema->salt_feature = i;
		}
		if (schema->salt_feature < 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the salting feature of a linkage project does not exist")));
	}
	call->values = palloc0(schema->nfeatures * sizeof(ClkText));
	call->used = palloc(schema->nfeatures * sizeof(int));
	call->nused = 0;
	for (i = 0; i < schema->nfeatures; i++)
	{
		if (!schema->features[i].ignored || i == schema->salt_feature)
			call->used[call->nused++] = i;
	}
}

/* Check the caller, read the project and derive its keys. */
static void
open_project(ClkCall *call, Name name)
{
	MemoryContext caller;
	const uint8 *secret;
	const char *problem;
	size_t		length = 0;
	ClkStatus	status;
	int			feature;

	/* forgets what was ready before; the callback serves once */
	MemoryContextReset(call->context);
	call->wipe.func = forget_project;
	call->wipe.arg = call;
	MemoryContextRegisterResetCallback(call->context, &call->wipe);

	caredata_require_preload();
	caredata_check_linker();
	if (!read_project(name, &call->row))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("linkage project \"%s\" does not exist", NameStr(*name)),
				 errhint("clk_projects() lists them.")));
	check_project(name, &call->row);

	caller = MemoryContextSwitchTo(call->context);
	/* once more, for what is kept */
	read_project(name, &call->row);
	caredata_read_clk_schema(call->row.schema_id, &call->schema, &call->identifiers);
	find_used_features(call);
	call->schema.salt_by_year = call->row.salt_by_year;
	call->schema.balanced = call->row.balanced;
	call->schema.flips = (int) rint(call->row.flip_probability * CLK_FLIP_UNIT / 2) * 2;
	problem = caredata_clk_plan(&call->schema, &feature);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the schema of linkage project \"%s\" is not valid: %s",
						NameStr(*name), problem)));
	call->work = palloc0(caredata_clk_work_size());
	MemoryContextSwitchTo(caller);

	call->key = caredata_hold_newest_key(&call->hold,
										 MemoryContextGetParent(call->context),
										 call->row.domain_id);
	secret = open_project_secret(call, &length);
	call->keys = sodium_malloc(Max(call->schema.keys_size, 1));
	if (call->keys == NULL)
	{
		sodium_free(unconstify(uint8 *, secret));
		caredata_report_no_guarded_memory();
	}
	status = caredata_clk_derive(&call->schema, secret, length, call->keys);
	sodium_free(unconstify(uint8 *, secret));
	if (status != CLK_OK)
		report_library_failed();
	if (sodium_mprotect_readonly(call->keys) != 0)
		caredata_report_no_guarded_memory();

	call->encoded = call->ones = 0;
	call->user_id = GetUserId();
	memcpy(&call->name, name, sizeof(NameData));
	call->ready = true;
}

static ClkCall *
use_project(FunctionCallInfo fcinfo, int argument)
{
	Name		name = PG_GETARG_NAME(argument);
	ClkCall    *call = (ClkCall *) fcinfo->flinfo->fn_extra;

	if (unlikely(call == NULL))
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ClkCall));
		call->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
											  "caredata CLK project",
											  ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = call;
	}
	if (unlikely(!call->ready || call->user_id != GetUserId() ||
				 strncmp(NameStr(call->name), NameStr(*name), NAMEDATALEN) != 0))
		open_project(call, name);
	return call;
}

/* ------------------------------------------------------------------------
 * Encoding
 * ------------------------------------------------------------------------
 */

/* 32 bytes that are this record's alone. */
static void
record_seed(ClkCall *call, text *record_id, uint8 *seed)
{
	ClkText		id = caredata_clk_utf8(VARDATA_ANY(record_id),
							   VARSIZE_ANY_EXHDR(record_id));
	uint8	   *message = palloc(id.length + 1);
	uint8		half;

	memcpy(message + 1, id.bytes, id.length);
	for (half = 0; half < 2; half++)
	{
		message[0] = half;
		caredata_key_hash_message(call->key, CAREDATA_HASH_CLK_FLIP, message,
								  id.length + 1,
								  seed + half * CAREDATA_BLOCK_BYTES);
	}
}

static void
report_value(ClkCall *call, int feature, ClkStatus status, int level)
{
	const char *identifier =
		pg_any_to_server(call->identifiers[feature].bytes,
						 call->identifiers[feature].length, PG_UTF8);

	if (level == WARNING)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("a value of feature \"%s\" %s, and is left out",
						identifier, caredata_clk_status_text(status)),
				 errdetail("Further ones are left out without a warning.")));
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a value of feature \"%s\" %s", identifier,
						caredata_clk_status_text(status)),
				 errhint("Bring values into the form that the schema describes, or have the project leave others out (invalid_values => 'leave out').")));
}

/* Once a call site has seen enough records, warn of CLKs that are too full. */
static void
watch_fill(ClkCall *call, const uint8 *clk, int bytes)
{
	int			percent;

	if (call->encoded >= FILL_RECORDS)
		return;
	call->ones += caredata_ones(clk, bytes);
	if (++call->encoded < FILL_RECORDS)
		return;
	percent = (int) (100 * call->ones / ((int64) 8 * bytes * FILL_RECORDS));
	if (percent > FILL_PERCENT)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("CLKs of linkage project \"%s\" are %d %% full",
						NameStr(call->name), percent),
				 errhint("Above %d %% they tell less apart and more about single tokens: have more bits (l), or fewer for each feature.",
						 FILL_PERCENT)));
}

/* caredata.clk_of(project, record_id, VARIADIC fields) */
Datum
caredata_clk_of(PG_FUNCTION_ARGS)
{
	ClkCall    *call;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	uint8		seed[CLK_SEED_BYTES];
	Clk		   *clk;
	ClkStatus	status;
	int			bytes;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	call = use_project(fcinfo, 0);
	caredata_count_use(CAREDATA_USE_PSEUDONYMISE);

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	if (count != call->nused)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("linkage project \"%s\" takes %d values, not %d",
						NameStr(call->name), call->nused, count),
				 errhint("They are those of clk_columns(), in its order.")));
	for (i = 0; i < count; i++)
	{
		ClkText    *value = &call->values[call->used[i]];

		value->bytes = NULL;
		value->length = 0;
		if (!nulls[i])
		{
			text	   *element = DatumGetTextPP(elements[i]);

			value->bytes = VARDATA_ANY(element);
			value->length = VARSIZE_ANY_EXHDR(element);
			if (unlikely(GetDatabaseEncoding() != PG_UTF8))
				*value = caredata_clk_utf8(value->bytes, value->length);
		}
	}
	if (call->schema.flips > 0)
	{
		if (PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a record has no id"),
					 errdetail("Which bits of a CLK are flipped depends on the id of the record.")));
		record_seed(call, PG_GETARG_TEXT_PP(1), seed);
	}

	bytes = call->schema.result_bits / 8;
	clk = palloc(VARHDRSZ + bytes);
	SET_VARSIZE(clk, VARHDRSZ + bytes);
	for (;;)
	{
		int			feature;

		status = caredata_clk_encode(&call->schema, call->keys, call->work,
									 call->values, seed,
									 (uint8 *) VARDATA(clk), &feature);
		if (likely(status == CLK_OK))
			break;
		if (status == CLK_LIBRARY_FAILED)
			report_library_failed();
		if (!call->row.leave_out)
			report_value(call, feature, status, ERROR);
		if (!call->told_left_out)
			report_value(call, feature, status, WARNING);
		call->told_left_out = true;
		call->values[feature].bytes = NULL;
		call->values[feature].length = 0;
	}
	watch_fill(call, (const uint8 *) VARDATA(clk), bytes);
	PG_RETURN_POINTER(clk);
}

/* ------------------------------------------------------------------------
 * What two parties compare
 * ------------------------------------------------------------------------
 */

/* caredata.clk_agreement(project) */
Datum
caredata_clk_agreement(PG_FUNCTION_ARGS)
{
	ClkCall    *call = use_project(fcinfo, 0);
	const uint8 *secret;
	uint8		key[CLK_SEED_BYTES];
	uint8		digest[AGREEMENT_BYTES];
	char		hex[2 * AGREEMENT_SHOWN + 1];
	StringInfoData text;
	size_t		length = 0;
	bool		ok;

	initStringInfo(&text);
	caredata_describe_clk_schema(&call->schema, &text);
	secret = open_project_secret(call, &length);
	ok = caredata_clk_subkey(&call->schema, secret, length, AGREEMENT_LABEL,
							 key) == CLK_OK &&
		crypto_generichash(digest, sizeof(digest), (unsigned char *) text.data,
						   text.len, key, sizeof(key)) == 0;
	sodium_free(unconstify(uint8 *, secret));
	sodium_memzero(key, sizeof(key));
	if (!ok)
		report_library_failed();
	sodium_bin2hex(hex, sizeof(hex), digest, AGREEMENT_SHOWN);
	PG_RETURN_TEXT_P(cstring_to_text(hex));
}
