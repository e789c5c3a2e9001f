/*
 * keyring.c
 *		The domain keys, wrapped under the master key (master_key.c), and the
 *		two primitives that use them: one AES-256 block and keyed BLAKE2b.
 *
 * Hierarchy.  Every derivation is libsodium's crypto_kdf (keyed BLAKE2b) with
 * a context and a number of its own; they are fixed for ever, a change would
 * change every pseudonym.
 *
 *	domain key (32 random bytes, one per domain and generation)
 *		"cd_block" 1	AES-256 key of pid() and record_pid(bigint)
 *		"cd_hash_" 1	BLAKE2b key of record_pid(text)
 *		"cd_1way_" 1	BLAKE2b key of pseudonym_of()
 *		"cd_clk__" 1	BLAKE2b key that a linkage project's secret comes from
 *		"cd_flip_" 1	BLAKE2b key of the flips in CLKs
 *		"cd_ff1__" 1	AES-256 key of fpe_encrypt() and nhs_like()
 *		"cd_shift" 1	AES-256 key of shifted_date()
 *		"cd_check" 1	fingerprint of the domain key (8 bytes)
 *
 * A domain key is wrapped (wrap.h) with the label below, domain and generation,
 * four bytes each, big-endian, for associated data.  A wrapped key that is
 * moved to another domain or generation does not open.
 *
 * Where key bytes are.  Hash keys and everything on the way to them live in
 * libsodium's guarded memory.  OpenSSL keeps the AES key schedules in ordinary
 * memory, so a process that has asked for the master key makes itself
 * undumpable: no core file of it is written.  No ereport() happens while key
 * bytes are on the way: the functions that handle them return a status, and
 * raise after wiping.
 *
 * Generations.  A domain has a key per generation.  The newest makes every new
 * pseudonym; the others are readable until they are closed, by what resolves
 * pseudonyms on purpose (current_pid() and the like) and by nothing else.
 * Which generation is the newest is a matter of the statement's snapshot, as
 * is everything about keys.
 *
 * Lifetime.  Opened keys are found by the wrapped bytes that the statement's
 * own snapshot shows: a statement that sees another wrapped key unwraps that
 * one, and one that sees none gets an error.  Whoever uses a key holds it
 * (CaredataKeyHold), an open cursor as long as it is open.  A change of
 * caredata.domain_key reaches every process by invalidation; each then wipes
 * and frees the keys that nobody holds, and the others when they are let go,
 * so that a destroyed key does not stay in memory.  The next use opens again
 * what it still sees.
 */
#include "postgres.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/pg_bswap.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "blake2b.h"
#include "catalog.h"
#include "compat.h"
#include "keyring.h"
#include "master_key.h"
#include "wrap.h"

#define KEY_BYTES			CAREDATA_KEY_BYTES
#define FINGERPRINT_BYTES	CAREDATA_FINGERPRINT_BYTES
#define WRAPPED_BYTES		CAREDATA_WRAPPED_BYTES(KEY_BYTES)
#define WRAP_LABEL			"caredata domain key"

StaticAssertDecl(KEY_BYTES == CAREDATA_WRAP_KEY_BYTES,
				 "length of a key that wraps");
StaticAssertDecl(BLAKE2B_KEY_BYTES == KEY_BYTES &&
				 BLAKE2B_RESULT_BYTES == CAREDATA_BLOCK_BYTES,
				 "lengths of keyed BLAKE2b");
struct CaredataKey
{
	CaredataKey *next;
	int32		domain_id;
	int32		generation;
	int			holds;
	bool		stale;			/* free it when the last hold is gone */
	uint8		wrapped[WRAPPED_BYTES];
	EVP_CIPHER_CTX *encrypt;
	EVP_CIPHER_CTX *decrypt;
	EVP_CIPHER_CTX *further[CAREDATA_CIPHERS];	/* encrypt only */
	uint8	   *hash_key;		/* guarded, read-only: the keys of hash_context */
	Blake2bKey *hash_state;		/* the same, worked off; guarded, read-only */
};

/* Contexts of derivation, in the order of the enums in keyring.h. */
static const char *const hash_context[CAREDATA_HASHES] = {
	"cd_hash_", "cd_1way_", "cd_clk__", "cd_flip_"
};
static const char *const cipher_context[CAREDATA_CIPHERS] = {
	"cd_ff1__", "cd_shift"
};

/* A row of caredata.domain_key, no secret in it. */
typedef struct WrappedKey
{
	int32		domain_id;
	int32		generation;
	bool		closed;
	uint8		wrapped[WRAPPED_BYTES];
	uint8		fingerprint[FINGERPRINT_BYTES];
} WrappedKey;

typedef enum KeySelection
{
	KEYS_NEWEST,
	KEYS_READABLE,				/* the newest, and those not closed */
	KEYS_ALL
} KeySelection;

typedef enum KeyStatus
{
	KEY_OK,
	KEY_NOT_OPENED,				/* wrong wrapping key or changed bytes */
	KEY_NO_MEMORY,
	KEY_LIBRARY_FAILED
} KeyStatus;

/* that of the master key that was asked for last */
static uint8 *wrapping_key = NULL;

static CaredataKey *opened_keys = NULL;

/* caredata.domain_key, to know an invalidation of it by */
static Oid	domain_key_relid = InvalidOid;
static bool keyring_callback_registered = false;

PG_FUNCTION_INFO_V1(caredata_rewrap_domain_key);
PG_FUNCTION_INFO_V1(caredata_new_domain_key);
PG_FUNCTION_INFO_V1(caredata_check_domain_key);

/* ------------------------------------------------------------------------
 * Domain keys
 * ------------------------------------------------------------------------
 */

static void
require_master_key(void)
{
	wrapping_key = caredata_require_master_key()->wrapping_key;
}

#define WRAP_AD_BYTES	(sizeof(WRAP_LABEL) + 2 * sizeof(uint32))

static void
wrap_associated_data(int32 domain_id, int32 generation, uint8 *ad)
{
	uint32		numbers[2];

	numbers[0] = pg_hton32((uint32) domain_id);
	numbers[1] = pg_hton32((uint32) generation);
	memcpy(ad, WRAP_LABEL, sizeof(WRAP_LABEL));
	memcpy(ad + sizeof(WRAP_LABEL), numbers, sizeof(numbers));
}

static bool
key_fingerprint(const uint8 *data_key, uint8 *fingerprint)
{
	uint8		check[crypto_kdf_BYTES_MIN];

	if (crypto_kdf_derive_from_key(check, sizeof(check), 1, "cd_check",
								   data_key) != 0)
		return false;
	memcpy(fingerprint, check, FINGERPRINT_BYTES);
	return true;
}

/* Encrypt a domain key under a wrapping key; does not raise. */
static bool
wrap_key(const uint8 *data_key, int32 domain_id, int32 generation,
		 uint8 *under, uint8 *wrapped)
{
	uint8		ad[WRAP_AD_BYTES];

	wrap_associated_data(domain_id, generation, ad);
	return caredata_wrap(under, ad, sizeof(ad), data_key, KEY_BYTES, wrapped);
}

/* Decrypt a wrapped key into a guarded buffer; does not raise. */
static KeyStatus
unwrap_key(const WrappedKey *row, uint8 *data_key)
{
	uint8		ad[WRAP_AD_BYTES];
	uint8		fingerprint[FINGERPRINT_BYTES];
	CaredataUnwrapStatus status;

	wrap_associated_data(row->domain_id, row->generation, ad);
	status = caredata_unwrap(wrapping_key, ad, sizeof(ad), row->wrapped,
							 WRAPPED_BYTES, data_key);
	if (status == CAREDATA_NO_GUARDED_MEMORY)
		return KEY_NO_MEMORY;
	if (status != CAREDATA_UNWRAPPED)
		return KEY_NOT_OPENED;
	if (!key_fingerprint(data_key, fingerprint))
		return KEY_LIBRARY_FAILED;
	if (sodium_memcmp(fingerprint, row->fingerprint, FINGERPRINT_BYTES) != 0)
		return KEY_NOT_OPENED;
	return KEY_OK;
}

/* Free what a half-made key holds. */
static void
discard_key(CaredataKey *key)
{
	int			i;

	EVP_CIPHER_CTX_free(key->encrypt);
	EVP_CIPHER_CTX_free(key->decrypt);
	for (i = 0; i < CAREDATA_CIPHERS; i++)
		EVP_CIPHER_CTX_free(key->further[i]);
	sodium_free(key->hash_key);
	sodium_free(key->hash_state);
	pfree(key);
}


/*
 * Unwrap, derive the sub-keys and set the ciphers up; does not raise.  The
 * buffers are guarded and belong to the caller.
 */
static KeyStatus
open_key(const WrappedKey *row, uint8 *data_key, uint8 *block_key,
		 CaredataKey *key)
{
	KeyStatus	status;
	int			i;

	status = unwrap_key(row, data_key);
	if (status != KEY_OK)
		return status;

	for (i = 0; i < CAREDATA_HASHES; i++)
	{
		if (crypto_kdf_derive_from_key(key->hash_key + i * KEY_BYTES,
									   KEY_BYTES, 1, hash_context[i],
									   data_key) != 0)
			return KEY_LIBRARY_FAILED;
		caredata_blake2b_set_key(&key->hash_state[i],
								 key->hash_key + i * KEY_BYTES);
	}
	if (sodium_mprotect_readonly(key->hash_key) != 0 ||
		sodium_mprotect_readonly(key->hash_state) != 0)
		return KEY_NO_MEMORY;

	for (i = 0; i < CAREDATA_CIPHERS; i++)
	{
		if (crypto_kdf_derive_from_key(block_key, KEY_BYTES, 1,
									   cipher_context[i], data_key) != 0 ||
			EVP_EncryptInit_ex(key->further[i], EVP_aes_256_ecb(), NULL,
							   block_key, NULL) != 1 ||
			EVP_CIPHER_CTX_set_padding(key->further[i], 0) != 1)
			return KEY_LIBRARY_FAILED;
	}

	if (crypto_kdf_derive_from_key(block_key, KEY_BYTES, 1, "cd_block",
								   data_key) != 0)
		return KEY_LIBRARY_FAILED;
	if (EVP_EncryptInit_ex(key->encrypt, EVP_aes_256_ecb(), NULL,
						   block_key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(key->encrypt, 0) != 1 ||
		EVP_DecryptInit_ex(key->decrypt, EVP_aes_256_ecb(), NULL,
						   block_key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(key->decrypt, 0) != 1)
		return KEY_LIBRARY_FAILED;
	return KEY_OK;
}

static void
report_key(KeyStatus status, const WrappedKey *row)
{
	unsigned long code;
	const char *reason;

	switch (status)
	{
		case KEY_OK:
			break;
		case KEY_NOT_OPENED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the key of pseudonym domain %d, generation %d, cannot be decrypted",
							row->domain_id, row->generation),
					 errhint("Its row in caredata.domain_key was altered or belongs to another domain; restore it from a back-up.")));
			break;
		case KEY_NO_MEMORY:
			caredata_report_no_guarded_memory();
			break;
		case KEY_LIBRARY_FAILED:
			code = ERR_get_error();
			reason = code == 0 ? NULL : ERR_reason_error_string(code);
			ERR_clear_error();
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("could not prepare the ciphers of pseudonym domain %d: %s",
							row->domain_id,
							reason != NULL ? reason : "no reason given"),
					 errhint("Check the configuration of OpenSSL on the server.")));
			break;
	}
}

/* Drop the keys that nobody holds, mark the others; raises nothing. */
static void
forget_opened_keys(void)
{
	CaredataKey **link = &opened_keys;

	while (*link != NULL)
	{
		CaredataKey *key = *link;

		if (key->holds > 0)
		{
			key->stale = true;
			link = &key->next;
		}
		else
		{
			*link = key->next;
			discard_key(key);
		}
	}
}

static void
keyring_relcache_callback(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == domain_key_relid)
		forget_opened_keys();
}

/*
 * When the process ends.  Nothing is held then any more: transactions have
 * been ended before.
 */
static void
wipe_opened_keys(int code, Datum arg)
{
	forget_opened_keys();
}

static void
let_key_go(CaredataKey *key)
{
	CaredataKey **link;

	Assert(key->holds > 0);
	if (--key->holds > 0 || !key->stale)
		return;
	for (link = &opened_keys; *link != key; link = &(*link)->next)
		;
	*link = key->next;
	discard_key(key);
}

static void
release_hold(void *arg)
{
	CaredataKeyHold *hold = (CaredataKeyHold *) arg;

	while (hold->nkeys > 0)
		let_key_go(hold->keys[--hold->nkeys]);
}

/*
 * A destroyed key is destroyed for everybody, also for a transaction whose
 * snapshot still shows it: read as it is now.
 */
static void
check_not_destroyed(int32 domain_id)
{
	Relation	rel = caredata_open_table("domain");
	Oid			index = get_relname_relid("domain_pkey",
										  RelationGetNamespace(rel));
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		destroyed = false;

	ScanKeyInit(&key, get_attnum(RelationGetRelid(rel), "domain_id"),
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(domain_id));
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		destroyed = !heap_attisnull(tuple,
									get_attnum(RelationGetRelid(rel),
											   "destroyed_at"),
									RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (destroyed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key of pseudonym domain %d has been destroyed",
						domain_id),
				 errhint("The release has ended for good; ask the data controller.")));
}

/* Keys of a domain as the running statement sees them, newest first. */
static List *
fetch_wrapped_keys(int32 domain_id, KeySelection selection)
{
	CaredataScan scan;
	HeapTuple	tuple;
	List	   *rows = NIL;
	ListCell   *cell;

	caredata_scan_begin(&scan, "domain_key", "domain_key_pkey", 1, &domain_id);
	domain_key_relid = RelationGetRelid(scan.rel);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		WrappedKey *row = palloc(sizeof(WrappedKey));
		bool		isnull;

		row->domain_id = domain_id;
		row->generation = DatumGetInt32(caredata_attr(&scan, tuple,
													  "generation", &isnull));
		(void) caredata_attr(&scan, tuple, "closed_at", &isnull);
		row->closed = !isnull;
		caredata_fetch_bytes(&scan, tuple, "wrapped_key", row->wrapped, WRAPPED_BYTES);
		caredata_fetch_bytes(&scan, tuple, "fingerprint", row->fingerprint,
					FINGERPRINT_BYTES);
		rows = lcons(row, rows);
	}
	caredata_scan_end(&scan);

	check_not_destroyed(domain_id);
	if (rows == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("pseudonym domain %d has no key", domain_id),
				 errhint("Restore table caredata.domain_key from a back-up; a destroyed key cannot be had back.")));

	if (selection == KEYS_NEWEST)
		return list_truncate(rows, 1);
	if (selection == KEYS_READABLE)
	{
		foreach(cell, rows)
		{
			if (((WrappedKey *) lfirst(cell))->closed)
				rows = foreach_delete_current(rows, cell);
		}
	}
	return rows;
}

/* The opened key of a row; the caller holds it at once. */
static CaredataKey *
open_domain_key(const WrappedKey *row)
{
	CaredataKey *key;
	uint8	   *data_key;
	uint8	   *block_key;
	KeyStatus	status = KEY_NO_MEMORY;
	bool		allocated;
	int			i;

	for (key = opened_keys; key != NULL; key = key->next)
	{
		if (key->domain_id == row->domain_id &&
			key->generation == row->generation &&
			memcmp(key->wrapped, row->wrapped, WRAPPED_BYTES) == 0)
			return key;
	}

	require_master_key();

	key = MemoryContextAllocZero(TopMemoryContext, sizeof(CaredataKey));
	key->domain_id = row->domain_id;
	key->generation = row->generation;
	memcpy(key->wrapped, row->wrapped, WRAPPED_BYTES);

	ERR_clear_error();
	key->encrypt = EVP_CIPHER_CTX_new();
	key->decrypt = EVP_CIPHER_CTX_new();
	key->hash_key = sodium_malloc(CAREDATA_HASHES * KEY_BYTES);
	key->hash_state = sodium_malloc(CAREDATA_HASHES * sizeof(Blake2bKey));
	data_key = sodium_malloc(KEY_BYTES);
	block_key = sodium_malloc(KEY_BYTES);
	allocated = (key->encrypt != NULL && key->decrypt != NULL &&
				 key->hash_key != NULL && key->hash_state != NULL &&
				 data_key != NULL && block_key != NULL);
	for (i = 0; i < CAREDATA_CIPHERS; i++)
	{
		key->further[i] = EVP_CIPHER_CTX_new();
		allocated = allocated && key->further[i] != NULL;
	}
	if (allocated)
		status = open_key(row, data_key, block_key, key);
	sodium_free(data_key);
	sodium_free(block_key);

	if (status != KEY_OK)
	{
		discard_key(key);
		report_key(status, row);
	}
	key->next = opened_keys;
	opened_keys = key;
	return key;
}

static void
hold_keys(CaredataKeyHold *hold, MemoryContext context, List *rows)
{
	ListCell   *cell;

	if (!keyring_callback_registered)
	{
		CacheRegisterRelcacheCallback(keyring_relcache_callback, (Datum) 0);
		on_proc_exit(wipe_opened_keys, (Datum) 0);
		keyring_callback_registered = true;
	}

	if (hold->release.func == NULL)
	{
		hold->release.func = release_hold;
		hold->release.arg = hold;
		MemoryContextRegisterResetCallback(context, &hold->release);
	}
	else
		release_hold(hold);

	if (hold->size < list_length(rows))
	{
		hold->keys = MemoryContextAlloc(context,
										list_length(rows) * sizeof(CaredataKey *));
		hold->size = list_length(rows);
	}
	foreach(cell, rows)
	{
		CaredataKey *key = open_domain_key((WrappedKey *) lfirst(cell));

		/* before anything that can hear of an invalidation */
		key->holds++;
		hold->keys[hold->nkeys++] = key;
	}
}

const CaredataKey *
caredata_hold_newest_key(CaredataKeyHold *hold, MemoryContext context,
						 int32 domain_id)
{
	hold_keys(hold, context, fetch_wrapped_keys(domain_id, KEYS_NEWEST));
	return hold->keys[0];
}

void
caredata_hold_readable_keys(CaredataKeyHold *hold, MemoryContext context,
							int32 domain_id)
{
	hold_keys(hold, context, fetch_wrapped_keys(domain_id, KEYS_READABLE));
}

/* ------------------------------------------------------------------------
 * Primitives
 * ------------------------------------------------------------------------
 */

static void
report_cipher_failed(void)
{
	ERR_clear_error();
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("the cipher of a pseudonym domain failed")));
}

void
caredata_key_encrypt(const CaredataKey *key, const uint8 *in, uint8 *out)
{
	int			length = 0;

	if (unlikely(EVP_EncryptUpdate(key->encrypt, out, &length, in,
								   CAREDATA_BLOCK_BYTES) != 1 ||
				 length != CAREDATA_BLOCK_BYTES))
		report_cipher_failed();
}

void
caredata_key_decrypt(const CaredataKey *key, const uint8 *in, uint8 *out)
{
	int			length = 0;

	if (unlikely(EVP_DecryptUpdate(key->decrypt, out, &length, in,
								   CAREDATA_BLOCK_BYTES) != 1 ||
				 length != CAREDATA_BLOCK_BYTES))
		report_cipher_failed();
}

int32
caredata_key_generation(const CaredataKey *key)
{
	return key->generation;
}

EVP_CIPHER_CTX *
caredata_key_cipher(const CaredataKey *key, CaredataCipher cipher)
{
	return key->further[cipher];
}

void
caredata_key_cipher_block(const CaredataKey *key, CaredataCipher cipher,
						  const uint8 *in, uint8 *out)
{
	int			length = 0;

	if (unlikely(EVP_EncryptUpdate(key->further[cipher], out, &length, in,
								   CAREDATA_BLOCK_BYTES) != 1 ||
				 length != CAREDATA_BLOCK_BYTES))
		report_cipher_failed();
}

void
caredata_key_hash_message(const CaredataKey *key, CaredataHash hash,
						  const uint8 *message, size_t length, uint8 *out)
{
	caredata_blake2b(&key->hash_state[hash], message, length, out);
}

void
caredata_key_hash(const CaredataKey *key,
				  const uint8 *header, size_t header_len,
				  const uint8 *data, size_t data_len, uint8 *out)
{
	crypto_generichash_state state;
	bool		ok;

	ok = crypto_generichash_init(&state,
								 key->hash_key + CAREDATA_HASH_RECORD * KEY_BYTES,
								 KEY_BYTES, CAREDATA_BLOCK_BYTES) == 0 &&
		crypto_generichash_update(&state, header, header_len) == 0 &&
		crypto_generichash_update(&state, data, data_len) == 0 &&
		crypto_generichash_final(&state, out, CAREDATA_BLOCK_BYTES) == 0;
	sodium_memzero(&state, sizeof(state));
	if (!ok)
		report_cipher_failed();
}

/* ------------------------------------------------------------------------
 * SQL functions, for create_domain() and key_status()
 * ------------------------------------------------------------------------
 */

/*
 * caredata.rewrap_domain_key(): a wrapped key, encrypted under the next master
 * key instead.
 */
Datum
caredata_rewrap_domain_key(PG_FUNCTION_ARGS)
{
	WrappedKey	row;
	bytea	   *wrapped = PG_GETARG_BYTEA_PP(2);
	bytea	   *fingerprint = PG_GETARG_BYTEA_PP(3);
	uint8	   *data_key;
	CaredataMasterKey  *next;
	KeyStatus	status = KEY_NO_MEMORY;
	uint8		rewrapped[WRAPPED_BYTES];

	if (VARSIZE_ANY_EXHDR(wrapped) != WRAPPED_BYTES ||
		VARSIZE_ANY_EXHDR(fingerprint) != FINGERPRINT_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a wrapped key has the wrong length")));
	row.domain_id = PG_GETARG_INT32(0);
	row.generation = PG_GETARG_INT32(1);
	memcpy(row.wrapped, VARDATA_ANY(wrapped), WRAPPED_BYTES);
	memcpy(row.fingerprint, VARDATA_ANY(fingerprint), FINGERPRINT_BYTES);

	next = caredata_next_master_key();
	require_master_key();

	data_key = sodium_malloc(KEY_BYTES);
	if (data_key != NULL)
		status = unwrap_key(&row, data_key);
	if (status == KEY_OK &&
		!wrap_key(data_key, row.domain_id, row.generation,
				  next->wrapping_key, rewrapped))
		status = KEY_NO_MEMORY;
	sodium_free(data_key);
	report_key(status, &row);
	PG_RETURN_BYTEA_P(caredata_bytes_to_bytea(rewrapped, WRAPPED_BYTES));
}

/* caredata.new_domain_key(): make a random key and hand it out wrapped. */
Datum
caredata_new_domain_key(PG_FUNCTION_ARGS)
{
	WrappedKey	row;
	uint8	   *data_key;
	bool		ok = false;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tupdesc = BlessTupleDesc(tupdesc);

	require_master_key();

	row.domain_id = PG_GETARG_INT32(0);
	row.generation = PG_GETARG_INT32(1);
	data_key = sodium_malloc(KEY_BYTES);
	if (data_key != NULL)
	{
		crypto_kdf_keygen(data_key);
		ok = wrap_key(data_key, row.domain_id, row.generation, wrapping_key,
					  row.wrapped) &&
			key_fingerprint(data_key, row.fingerprint);
	}
	sodium_free(data_key);
	if (!ok)
		caredata_report_no_guarded_memory();

	values[0] = PointerGetDatum(caredata_bytes_to_bytea(row.wrapped, WRAPPED_BYTES));
	values[1] = PointerGetDatum(caredata_bytes_to_bytea(row.fingerprint,
											   FINGERPRINT_BYTES));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}

/*
 * caredata.check_domain_key(domain_id, generation): raise what a use of that
 * generation would raise.
 */
Datum
caredata_check_domain_key(PG_FUNCTION_ARGS)
{
	int32		domain_id = PG_GETARG_INT32(0);
	int32		generation = PG_GETARG_INT32(1);
	CaredataKeyHold *hold = palloc0(sizeof(CaredataKeyHold));
	List	   *rows;
	ListCell   *cell;

	require_master_key();
	rows = fetch_wrapped_keys(domain_id, KEYS_ALL);
	foreach(cell, rows)
	{
		if (((WrappedKey *) lfirst(cell))->generation == generation)
		{
			hold_keys(hold, CurrentMemoryContext, list_make1(lfirst(cell)));
			release_hold(hold);
			PG_RETURN_VOID();
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("pseudonym domain %d has no generation %d",
					domain_id, generation)));
	PG_RETURN_VOID();
}
