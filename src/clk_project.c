/*
 * clk_project.c
 *		CLKs of records under a linkage project: clk_of(), clk_agreement().
 *
 * A project (sql/clk.sql) names a schema, what hardens its CLKs, and where the
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
#include "compat.h"
#include "domain_call.h"
#include "master_key.h"
#include "popcount.h"
#include "release_gate.h"
#include "secret.h"

PG_FUNCTION_INFO_V1(caredata_clk_of);
PG_FUNCTION_INFO_V1(caredata_clk_agreement);
PG_FUNCTION_INFO_V1(caredata_check_clk_schema);
PG_FUNCTION_INFO_V1(caredata_same_compat_secret);

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
bool_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static int32
int_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static double
float_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

static bool
bigint_attr(CaredataScan *scan, HeapTuple tuple, const char *column,
			int64_t *number)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	*number = isnull ? 0 : DatumGetInt64(value);
	return !isnull;
}

/* A text in UTF-8, in the current memory context. */
static ClkText
utf8_text(const char *bytes, size_t length)
{
	ClkText		result;
	char	   *copy = pnstrdup(bytes, length);

	result.bytes = copy;
	result.length = length;
	if (GetDatabaseEncoding() != PG_UTF8 && length > 0)
	{
		result.bytes = pg_server_to_any(copy, length, PG_UTF8);
		result.length = strlen(result.bytes);
	}
	return result;
}

static ClkText
text_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	ClkText		none = {NULL, 0};
	text	   *bytes;

	if (isnull)
		return none;
	bytes = DatumGetTextPP(value);
	return utf8_text(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static ClkText
bytea_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	ClkText		result = {NULL, 0};
	bytea	   *bytes;

	if (isnull)
		return result;
	bytes = DatumGetByteaPCopy(value);
	result.bytes = VARDATA(bytes);
	result.length = VARSIZE(bytes) - VARHDRSZ;
	return result;
}

/* Does a text column hold a word? */
static bool
attr_is(CaredataScan *scan, HeapTuple tuple, const char *column,
		const char *word)
{
	ClkText		value = text_attr(scan, tuple, column);

	return value.bytes != NULL && value.length == strlen(word) &&
		memcmp(value.bytes, word, value.length) == 0;
}

static void
read_enum_values(CaredataScan *scan, HeapTuple tuple, ClkFeature *feature)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, "enum_values", &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	ClkText    *values;
	int			i;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	values = palloc0(count * sizeof(ClkText));
	for (i = 0; i < count; i++)
	{
		text	   *element;

		if (nulls[i])
			continue;
		element = DatumGetTextPP(elements[i]);
		values[i] = utf8_text(VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element));
	}
	feature->values = values;
	feature->nvalues = count;
}

static void
read_feature(CaredataScan *scan, HeapTuple tuple, ClkFeature *feature)
{
	feature->ignored = bool_attr(scan, tuple, "ignored");
	feature->format = attr_is(scan, tuple, "format", "integer") ? CLK_INTEGER :
		attr_is(scan, tuple, "format", "date") ? CLK_DATE :
		attr_is(scan, tuple, "format", "enum") ? CLK_ENUM : CLK_STRING;
	feature->ascii = bool_attr(scan, tuple, "ascii");
	feature->letter_case = attr_is(scan, tuple, "letter_case", "upper") ? CLK_UPPER_CASE :
		attr_is(scan, tuple, "letter_case", "lower") ? CLK_LOWER_CASE : CLK_MIXED_CASE;
	feature->min_length = int_attr(scan, tuple, "min_length");
	feature->max_length = int_attr(scan, tuple, "max_length");
	feature->has_minimum = bigint_attr(scan, tuple, "minimum", &feature->minimum);
	feature->has_maximum = bigint_attr(scan, tuple, "maximum", &feature->maximum);
	feature->date_format = text_attr(scan, tuple, "date_format");
	read_enum_values(scan, tuple, feature);
	feature->sentinel = text_attr(scan, tuple, "sentinel");
	feature->replacement = text_attr(scan, tuple, "replacement");

	feature->comparison = attr_is(scan, tuple, "comparison", "exact") ? CLK_EXACT :
		attr_is(scan, tuple, "comparison", "numeric") ? CLK_NUMERIC : CLK_NGRAM;
	feature->n = int_attr(scan, tuple, "n");
	feature->positional = bool_attr(scan, tuple, "positional");
	feature->threshold_distance = float_attr(scan, tuple, "threshold_distance");
	feature->resolution = int_attr(scan, tuple, "resolution");
	feature->fractional_precision = int_attr(scan, tuple, "fractional_precision");

	feature->hash = attr_is(scan, tuple, "hash", "doubleHash") ? CLK_DOUBLE : CLK_BLAKE;
	feature->prevent_singularity = bool_attr(scan, tuple, "prevent_singularity");
	feature->per_token = attr_is(scan, tuple, "strategy", "bitsPerToken");
	feature->bits = int_attr(scan, tuple, "bits");
}

/* A schema and its features, into the current memory context. */
static void
read_schema(int32 schema_id, ClkSchema *schema, ClkText **identifiers)
{
	CaredataScan scan;
	HeapTuple	tuple;

	memset(schema, 0, sizeof(*schema));
	schema->salt_feature = -1;
	caredata_scan_begin(&scan, "clk_schema", "clk_schema_pkey", 1, &schema_id);
	tuple = caredata_scan_next(&scan);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("CLK schema %d does not exist", schema_id)));
	schema->bits = int_attr(&scan, tuple, "bits");
	schema->folds = int_attr(&scan, tuple, "xor_folds");
	schema->sha512 = attr_is(&scan, tuple, "kdf_hash", "SHA512");
	schema->kdf_salt = bytea_attr(&scan, tuple, "kdf_salt");
	schema->kdf_info = bytea_attr(&scan, tuple, "kdf_info");
	schema->key_size = int_attr(&scan, tuple, "key_size");
	caredata_scan_end(&scan);

	schema->features = palloc0(CLK_MAX_FEATURES * sizeof(ClkFeature));
	*identifiers = palloc0(CLK_MAX_FEATURES * sizeof(ClkText));
	caredata_scan_begin(&scan, "clk_feature", "clk_feature_pkey", 1, &schema_id);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		if (schema->nfeatures == CLK_MAX_FEATURES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a CLK schema can have at most %d features",
							CLK_MAX_FEATURES)));
		(*identifiers)[schema->nfeatures] = text_attr(&scan, tuple, "identifier");
		read_feature(&scan, tuple, &schema->features[schema->nfeatures++]);
	}
	caredata_scan_end(&scan);
}

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
		row->schema_id = int_attr(&scan, tuple, "schema_id");
		row->domain_id = int_attr(&scan, tuple, "domain_id");
		row->shared = bool_attr(&scan, tuple, "shared");
		value = caredata_attr(&scan, tuple, "secret", &isnull);
		row->has_secret = !isnull;
		if (!isnull)
			memcpy(&row->secret, DatumGetName(value), sizeof(NameData));
		row->salt_feature = text_attr(&scan, tuple, "salt_feature");
		row->salt_by_year = attr_is(&scan, tuple, "salt_part", "year");
		row->balanced = bool_attr(&scan, tuple, "balanced");
		row->flip_probability = float_attr(&scan, tuple, "flip_probability");
		row->leave_out = attr_is(&scan, tuple, "invalid_values", "leave out");
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

/* A secret from a file, in guarded memory that the caller frees. */
static const uint8 *
open_secret_by_name(Name name, size_t *length)
{
	CaredataScan scan;
	HeapTuple	tuple;
	bytea	   *wrapped = NULL;
	const uint8 *secret = NULL;

	caredata_scan_begin(&scan, "compat_secret", "compat_secret_pkey", 0, NULL);
	while (wrapped == NULL && HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		bool		isnull;
		Datum		value = caredata_attr(&scan, tuple, "name", &isnull);

		if (strncmp(NameStr(*DatumGetName(value)), NameStr(*name),
					NAMEDATALEN) == 0)
			wrapped = DatumGetByteaPCopy(caredata_attr(&scan, tuple,
													   "wrapped_secret", &isnull));
	}
	caredata_scan_end(&scan);
	if (wrapped == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("compatibility secret \"%s\" does not exist", NameStr(*name)),
				 errhint("A superuser imports it from a file with import_compat_secret().")));
	secret = caredata_open_secret(NameStr(*name), (uint8 *) VARDATA(wrapped),
								  VARSIZE(wrapped) - VARHDRSZ, length);
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("compatibility secret \"%s\" cannot be decrypted", NameStr(*name)),
				 errhint("Its row was altered or renamed; drop it and import it anew.")));
	return secret;
}

/* The project's secret, in guarded memory that the caller frees. */
static const uint8 *
open_project_secret(ClkCall *call, size_t *length)
{
	uint8	   *secret;
	uint8		message;

	if (call->row.shared)
		return open_secret_by_name(&call->row.secret, length);
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
	read_schema(call->row.schema_id, &call->schema, &call->identifiers);
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
	ClkText		id = utf8_text(VARDATA_ANY(record_id),
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
				*value = utf8_text(value->bytes, value->length);
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

static void
append_text(StringInfo text, ClkText value)
{
	if (value.bytes == NULL)
		appendStringInfoString(text, "-;");
	else
	{
		appendStringInfo(text, "%zu:", value.length);
		appendBinaryStringInfo(text, value.bytes, value.length);
		appendStringInfoChar(text, ';');
	}
}

/*
 * All that decides about the bits of a CLK, but for the secret.  Names of
 * features and forms of dates may differ between parties: the same person
 * has the same CLK all the same.
 */
static void
describe_schema(const ClkSchema *schema, StringInfo text)
{
	int			i;

	appendStringInfo(text, "1;%d;%d;%d;%d;%d;%d;%d;%d;%d;",
					 schema->bits, schema->folds, schema->sha512,
					 schema->key_size, schema->nfeatures,
					 schema->salt_feature, schema->salt_by_year,
					 schema->flips, schema->balanced);
	append_text(text, schema->kdf_salt);
	append_text(text, schema->kdf_info);
	for (i = 0; i < schema->nfeatures; i++)
	{
		const ClkFeature *feature = &schema->features[i];

		if (feature->ignored)
		{
			appendStringInfoString(text, "ignored;");
			continue;
		}
		appendStringInfo(text, "%d;%d;%d;%d;" INT64_FORMAT ";%d;%d;%d;%d;%d;%d;",
						 feature->format, feature->comparison, feature->n,
						 feature->positional, (int64) feature->distance,
						 feature->resolution, feature->fractional_precision,
						 feature->hash, feature->prevent_singularity,
						 feature->per_token, feature->bits);
		append_text(text, feature->replacement);
	}
}

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
	describe_schema(&call->schema, &text);
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

/* ------------------------------------------------------------------------
 * For sql/clk.sql
 * ------------------------------------------------------------------------
 */

/* caredata.check_clk_schema(schema_id): raises when it is not valid */
Datum
caredata_check_clk_schema(PG_FUNCTION_ARGS)
{
	ClkSchema	schema;
	ClkText    *identifiers;
	const char *problem;
	int			feature;

	read_schema(PG_GETARG_INT32(0), &schema, &identifiers);
	problem = caredata_clk_plan(&schema, &feature);
	if (problem != NULL && feature >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" of the CLK schema is not valid: %s",
						pg_any_to_server(identifiers[feature].bytes,
										 identifiers[feature].length, PG_UTF8),
						problem)));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the CLK schema is not valid: %s", problem)));
	PG_RETURN_VOID();
}

/* caredata.same_compat_secret(name, name): do two names stand for one secret? */
Datum
caredata_same_compat_secret(PG_FUNCTION_ARGS)
{
	const uint8 *secrets[2];
	size_t		lengths[2] = {0, 0};
	bool		same;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to compare secrets"),
				 errhint("Only a superuser may.")));
	caredata_require_preload();
	secrets[0] = open_secret_by_name(PG_GETARG_NAME(0), &lengths[0]);
	secrets[1] = open_secret_by_name(PG_GETARG_NAME(1), &lengths[1]);
	same = lengths[0] == lengths[1] &&
		sodium_memcmp(secrets[0], secrets[1], lengths[0]) == 0;
	sodium_free(unconstify(uint8 *, secrets[0]));
	sodium_free(unconstify(uint8 *, secrets[1]));
	PG_RETURN_BOOL(same);
}
