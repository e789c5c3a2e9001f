/*
 * compat_digest.c
 *		Digests of other pseudonymisation tools, with salts kept as secrets.
 *
 * The digests are in salted_hash.c.  A salt (secret.c) is unwrapped into
 * guarded memory, where it stays until the process ends.
 *
 * Opened salts are found by the wrapped bytes that the statement's own
 * snapshot shows, as the keys of domains are (keyring.c).
 *
 * All digests are over UTF-8, whatever the encoding of the database.
 */
#include "postgres.h"

#include <sodium.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "catalog.h"
#include "compat.h"
#include "domain_call.h"
#include "field_message.h"
#include "keyring.h"
#include "quota.h"
#include "salted_hash.h"
#include "secret.h"

PG_FUNCTION_INFO_V1(caredata_open_pseudonymiser_digest);
PG_FUNCTION_INFO_V1(caredata_ndr_pseudo_id1_text);
PG_FUNCTION_INFO_V1(caredata_ndr_pseudo_id2_date);
PG_FUNCTION_INFO_V1(caredata_ndr_repseudonym_text);
PG_FUNCTION_INFO_V1(caredata_ndr_short_repseudonym_text);
PG_FUNCTION_INFO_V1(caredata_salted_sha256);

#define NDR_SHORT_HEX	16

/* A secret that this process has opened; kept until exit. */
typedef struct OpenSecret
{
	struct OpenSecret *next;
	NameData	name;
	uint8		wrapped[CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX)];
	size_t		wrapped_length;
	HashPart	secret;
} OpenSecret;

static OpenSecret *open_secrets = NULL;

/* What a call site found out at its first row. */
typedef struct SecretCall
{
	const OpenSecret *secret;
	Oid			user_id;
	NameData	name;
} SecretCall;

/* ------------------------------------------------------------------------
 * Secrets
 * ------------------------------------------------------------------------
 */

static const OpenSecret *
find_opened(Name name, const uint8 *wrapped, size_t length)
{
	const OpenSecret *secret;

	for (secret = open_secrets; secret != NULL; secret = secret->next)
	{
		if (secret->wrapped_length == length &&
			memcmp(secret->wrapped, wrapped, length) == 0 &&
			strncmp(NameStr(secret->name), NameStr(*name), NAMEDATALEN) == 0)
			return secret;
	}
	return NULL;
}

static void
wipe_secrets(int code, Datum arg)
{
	while (open_secrets != NULL)
	{
		OpenSecret *secret = open_secrets;

		open_secrets = secret->next;
		sodium_free(unconstify(char *, secret->secret.bytes));
	}
}

static const OpenSecret *
open_secret(Name name)
{
	bytea	   *wrapped = caredata_read_secret(name);
	size_t		length = VARSIZE(wrapped) - VARHDRSZ;
	size_t		secret_length = 0;
	const OpenSecret *opened;
	const uint8 *bytes;
	OpenSecret *made;

	opened = find_opened(name, (const uint8 *) VARDATA(wrapped), length);
	if (opened != NULL)
		return opened;

	made = MemoryContextAllocZero(TopMemoryContext, sizeof(OpenSecret));
	bytes = caredata_open_secret(NameStr(*name), (const uint8 *) VARDATA(wrapped),
								 length, &secret_length);
	if (bytes == NULL)
	{
		pfree(made);
		caredata_report_secret(NameStr(*name));
	}
	memcpy(&made->name, name, sizeof(NameData));
	memcpy(made->wrapped, VARDATA(wrapped), length);
	made->wrapped_length = length;
	made->secret.bytes = (const char *) bytes;
	made->secret.length = secret_length;
	if (open_secrets == NULL)
		on_proc_exit(wipe_secrets, (Datum) 0);
	made->next = open_secrets;
	open_secrets = made;
	return made;
}

/* The secret named by an argument, after the checks. */
static HashPart
use_secret(FunctionCallInfo fcinfo, int argument)
{
	Name		name = PG_GETARG_NAME(argument);
	SecretCall *call = (SecretCall *) fcinfo->flinfo->fn_extra;

	if (unlikely(call == NULL))
		call = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SecretCall));
	if (unlikely(call->secret == NULL || call->user_id != GetUserId() ||
				 strncmp(NameStr(call->name), NameStr(*name),
						 NAMEDATALEN) != 0))
	{
		call->secret = NULL;
		caredata_require_preload();
		caredata_check_linker();
		call->user_id = GetUserId();
		memcpy(&call->name, name, sizeof(NameData));
		call->secret = open_secret(name);
	}
	caredata_count_use(CAREDATA_USE_PSEUDONYMISE);
	return call->secret->secret;
}

/* ------------------------------------------------------------------------
 * Digests
 * ------------------------------------------------------------------------
 */

static HashPart
utf8_part(text *value)
{
	HashPart	part;

	part.bytes = VARDATA_ANY(value);
	part.length = VARSIZE_ANY_EXHDR(value);
	if (GetDatabaseEncoding() != PG_UTF8 && part.length > 0)
	{
		char	   *copy = pnstrdup(part.bytes, part.length);

		part.bytes = pg_server_to_any(copy, part.length, PG_UTF8);
		part.length = strlen(part.bytes);
	}
	return part;
}

static void
check_library(bool ok)
{
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a SHA-256 digest")));
}

static text *
hex_text(const char *hex, int length)
{
	return cstring_to_text_with_len(hex, length);
}

/* caredata.open_pseudonymiser_digest(secret, VARIADIC name, value, ...) */
Datum
caredata_open_pseudonymiser_digest(PG_FUNCTION_ARGS)
{
	HashPart	salt = use_secret(fcinfo, 0);
	HashPart	names[SALTED_HASH_MAX_FIELDS];
	HashPart	values[SALTED_HASH_MAX_FIELDS];
	char		hex[SALTED_HASH_HEX];
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;
	bool		names_ok = false;
	bool		missing = false;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	if (count == 0 || count % 2 != 0 || count / 2 > SALTED_HASH_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fields must be 1 to %d pairs of name and value",
						SALTED_HASH_MAX_FIELDS),
				 errhint("For example: open_pseudonymiser_digest('salt', 'DOB', date_of_birth, 'NHSNumber', nhs_number).")));
	for (i = 0; i < count; i++)
	{
		HashPart   *part = i % 2 == 0 ? &names[i / 2] : &values[i / 2];

		part->bytes = "";
		part->length = 0;
		if (!nulls[i])
			*part = utf8_part(DatumGetTextPP(elements[i]));
		else if (i % 2 == 1)
			missing = true;
	}
	check_library(caredata_open_pseudonymiser(names, values, count / 2, salt,
											  hex, &names_ok));
	if (!names_ok)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("names of fields must differ and hold letters, digits, spaces and underscores only"),
				 errdetail("The names decide the order of the values; that of other characters is not defined.")));
	if (missing)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(hex_text(hex, SALTED_HASH_HEX));
}

/* caredata.ndr_pseudo_id1(nhs_number, secret) */
Datum
caredata_ndr_pseudo_id1_text(PG_FUNCTION_ARGS)
{
	HashPart	salt = use_secret(fcinfo, 1);
	char		hex[SALTED_HASH_HEX];
	bool		readable;

	check_library(caredata_ndr_pseudo_id1(utf8_part(PG_GETARG_TEXT_PP(0)), salt,
										  hex, &readable));
	if (!readable)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(hex_text(hex, SALTED_HASH_HEX));
}

/* caredata.ndr_pseudo_id2(birth_date, postcode, secret) */
Datum
caredata_ndr_pseudo_id2_date(PG_FUNCTION_ARGS)
{
	DateADT		birth_date = PG_GETARG_DATEADT(0);
	HashPart	salt = use_secret(fcinfo, 2);
	char		hex[SALTED_HASH_HEX];
	char		day[FIELD_NORMAL_MAX];
	bool		readable;
	int			year;
	int			month;
	int			day_of_month;

	if (DATE_NOT_FINITE(birth_date))
		PG_RETURN_NULL();
	j2date(birth_date + POSTGRES_EPOCH_JDATE, &year, &month, &day_of_month);
	if (caredata_field_normal_date(year, month, day_of_month, day) == 0)
		PG_RETURN_NULL();
	check_library(caredata_ndr_pseudo_id2(day, utf8_part(PG_GETARG_TEXT_PP(1)),
										  salt, hex, &readable));
	if (!readable)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(hex_text(hex, SALTED_HASH_HEX));
}

static Datum
repseudonym(FunctionCallInfo fcinfo, int length)
{
	HashPart	salt = use_secret(fcinfo, 1);
	char		hex[SALTED_HASH_HEX];
	bool		readable;

	check_library(caredata_ndr_repseudonym(utf8_part(PG_GETARG_TEXT_PP(0)), salt,
										   hex, &readable));
	if (!readable)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(hex_text(hex, length));
}

/* caredata.ndr_repseudonym(pseudo_id, secret) */
Datum
caredata_ndr_repseudonym_text(PG_FUNCTION_ARGS)
{
	return repseudonym(fcinfo, SALTED_HASH_HEX);
}

/* caredata.ndr_short_repseudonym(pseudo_id, secret) */
Datum
caredata_ndr_short_repseudonym_text(PG_FUNCTION_ARGS)
{
	return repseudonym(fcinfo, NDR_SHORT_HEX);
}

/* caredata.salted_sha256(value, secret, salt_first) */
Datum
caredata_salted_sha256(PG_FUNCTION_ARGS)
{
	HashPart	salt = use_secret(fcinfo, 1);
	bool		salt_first = PG_GETARG_BOOL(2);
	HashPart	parts[2];
	char		hex[SALTED_HASH_HEX];

	parts[salt_first ? 1 : 0] = utf8_part(PG_GETARG_TEXT_PP(0));
	parts[salt_first ? 0 : 1] = salt;
	check_library(caredata_salted_hash(parts, 2, hex));
	PG_RETURN_TEXT_P(hex_text(hex, SALTED_HASH_HEX));
}
