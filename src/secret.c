/*
 * secret.c
 *		Secrets that partners gave (salts), wrapped under the master key.
 *
 * A secret is imported from a file on the server into caredata.compat_secret;
 * SQL text only ever holds its name.  It is a byte string of up to
 * CAREDATA_SECRET_MAX bytes, wrapped (wrap.h) under the wrapping key that the
 * domain keys are under; associated data: "caredata secret", a zero byte and
 * the secret's name, so that one does not open under another's name.  What
 * they are used for is in compat_digest.c and clk_project.c.
 *
 * No ereport() happens while a secret is on the way: what handles it returns a
 * status, and raises after wiping.
 */
#include "postgres.h"

#include <sodium.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "compat.h"
#include "master_key.h"
#include "secret.h"

#define SECRET_LABEL		"caredata secret"

PG_FUNCTION_INFO_V1(caredata_wrap_secret);
PG_FUNCTION_INFO_V1(caredata_rewrap_secret);
PG_FUNCTION_INFO_V1(caredata_check_secret);
PG_FUNCTION_INFO_V1(caredata_same_compat_secret);

#define SECRET_AD_BYTES		(sizeof(SECRET_LABEL) + NAMEDATALEN)

/* The name is padded with zeros to its full length. */
static void
secret_associated_data(const char *name, uint8 *ad)
{
	memset(ad, 0, SECRET_AD_BYTES);
	memcpy(ad, SECRET_LABEL, sizeof(SECRET_LABEL));
	strlcpy((char *) ad + sizeof(SECRET_LABEL), name, NAMEDATALEN);
}

/* Encrypt a secret under a wrapping key; does not raise. */
static bool
wrap_secret(const char *name, const uint8 *secret, size_t length,
			uint8 *under, uint8 *wrapped)
{
	uint8		ad[SECRET_AD_BYTES];

	secret_associated_data(name, ad);
	return caredata_wrap(under, ad, sizeof(ad), secret, length, wrapped);
}

bytea *
caredata_wrap_secret_file(const char *name, const char *path)
{
	uint8	   *contents;
	size_t		size = CAREDATA_SECRET_MAX + 3;
	size_t		length = 0;
	CaredataKeyFileStatus status;
	bytea	   *result;
	bool		ok = false;
	int			error;
	CaredataMasterKey *master;

	master = caredata_require_master_key();
	result = palloc(VARHDRSZ + CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX));

	contents = sodium_malloc(size);
	if (contents == NULL)
		caredata_report_no_guarded_memory();
	status = caredata_read_secret_file(path, contents, size, &length, &error);
	if (status == KEY_FILE_OK)
	{
		/* an editor's line end is not part of the secret */
		if (length > 0 && contents[length - 1] == '\n')
			length--;
		if (length > 0 && contents[length - 1] == '\r')
			length--;
		if (length == 0 || length > CAREDATA_SECRET_MAX)
			status = KEY_FILE_LENGTH;
	}
	if (status == KEY_FILE_OK)
		ok = wrap_secret(name, contents, length, master->wrapping_key,
						 (uint8 *) VARDATA(result));
	sodium_free(contents);

	if (status == KEY_FILE_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the secret's file has the wrong length"),
				 errhint("It must hold 1 to %d bytes and at most one line end.",
						 CAREDATA_SECRET_MAX)));
	caredata_report_key_file(status, "secret's", path, false, error);
	if (!ok)
		caredata_report_no_guarded_memory();
	SET_VARSIZE(result, VARHDRSZ + CAREDATA_WRAPPED_SECRET(length));
	return result;
}

const uint8 *
caredata_open_secret(const char *name, const uint8 *wrapped, size_t length,
					 size_t *secret_length)
{
	CaredataMasterKey *master = caredata_require_master_key();
	uint8		ad[SECRET_AD_BYTES];
	uint8	   *secret;
	CaredataUnwrapStatus status = CAREDATA_NO_GUARDED_MEMORY;

	if (length <= CAREDATA_WRAPPED_SECRET(0) ||
		length > CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX))
		return NULL;
	secret_associated_data(name, ad);

	secret = sodium_malloc(length - CAREDATA_WRAPPED_SECRET(0));
	if (secret != NULL)
		status = caredata_unwrap(master->wrapping_key, ad, sizeof(ad),
								 wrapped, length, secret);
	if (status == CAREDATA_UNWRAPPED && sodium_mprotect_readonly(secret) != 0)
		status = CAREDATA_NO_GUARDED_MEMORY;
	if (status != CAREDATA_UNWRAPPED)
		sodium_free(secret);
	if (status == CAREDATA_NO_GUARDED_MEMORY)
		caredata_report_no_guarded_memory();
	if (status == CAREDATA_NOT_OPENED)
		return NULL;
	*secret_length = length - CAREDATA_WRAPPED_SECRET(0);
	return secret;
}

void
caredata_report_secret(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("compatibility secret \"%s\" cannot be decrypted", name),
			 errhint("Its row was altered or renamed; drop it and import it anew.")));
}

bytea *
caredata_read_secret(Name name)
{
	CaredataScan scan;
	HeapTuple	tuple;
	bytea	   *wrapped = NULL;

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
	return wrapped;
}

const uint8 *
caredata_open_named_secret(Name name, size_t *length)
{
	bytea	   *wrapped = caredata_read_secret(name);
	const uint8 *secret;

	secret = caredata_open_secret(NameStr(*name), (uint8 *) VARDATA(wrapped),
								  VARSIZE(wrapped) - VARHDRSZ, length);
	if (secret == NULL)
		caredata_report_secret(NameStr(*name));
	return secret;
}

/* ------------------------------------------------------------------------
 * The functions of sql/secret.sql
 * ------------------------------------------------------------------------
 */

/* A second lock on what only the extension's own functions call. */
static void
check_may_handle_secret(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to handle an encrypted secret"),
				 errhint("Only a superuser may.")));
}

/* caredata.wrap_secret(name, file), for import_compat_secret() */
Datum
caredata_wrap_secret(PG_FUNCTION_ARGS)
{
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a secret from a file"),
				 errhint("Only a superuser may.")));
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of the secret's file must be absolute")));
	PG_RETURN_BYTEA_P(caredata_wrap_secret_file(NameStr(*PG_GETARG_NAME(0)),
												path));
}

/*
 * caredata.rewrap_secret(name, wrapped_secret): the same, encrypted under the
 * next master key instead.
 */
Datum
caredata_rewrap_secret(PG_FUNCTION_ARGS)
{
	const char *name = NameStr(*PG_GETARG_NAME(0));
	bytea	   *wrapped = PG_GETARG_BYTEA_PP(1);
	uint8		rewrapped[CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX)];
	const uint8 *secret;
	size_t		length = 0;
	CaredataMasterKey  *next;
	bool		ok;

	check_may_handle_secret();
	next = caredata_next_master_key();
	secret = caredata_open_secret(name, (const uint8 *) VARDATA_ANY(wrapped),
								  VARSIZE_ANY_EXHDR(wrapped), &length);
	if (secret == NULL)
		caredata_report_secret(name);
	ok = wrap_secret(name, secret, length, next->wrapping_key, rewrapped);
	sodium_free(unconstify(uint8 *, secret));
	if (!ok)
		caredata_report_no_guarded_memory();
	PG_RETURN_BYTEA_P(caredata_bytes_to_bytea(rewrapped,
									 CAREDATA_WRAPPED_SECRET(length)));
}

/* caredata.check_secret(name, wrapped_secret): raise what its use would. */
Datum
caredata_check_secret(PG_FUNCTION_ARGS)
{
	const char *name = NameStr(*PG_GETARG_NAME(0));
	bytea	   *wrapped = PG_GETARG_BYTEA_PP(1);
	const uint8 *secret;
	size_t		length;

	check_may_handle_secret();
	secret = caredata_open_secret(name, (const uint8 *) VARDATA_ANY(wrapped),
								  VARSIZE_ANY_EXHDR(wrapped), &length);
	if (secret == NULL)
		caredata_report_secret(name);
	sodium_free(unconstify(uint8 *, secret));
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
	secrets[0] = caredata_open_named_secret(PG_GETARG_NAME(0), &lengths[0]);
	secrets[1] = caredata_open_named_secret(PG_GETARG_NAME(1), &lengths[1]);
	same = lengths[0] == lengths[1] &&
		sodium_memcmp(secrets[0], secrets[1], lengths[0]) == 0;
	sodium_free(unconstify(uint8 *, secrets[0]));
	sodium_free(unconstify(uint8 *, secrets[1]));
	PG_RETURN_BOOL(same);
}
