/*
 * keyring.c
 *		The master key, the domain keys under it, and the two primitives that
 *		use them: one AES-256 block and keyed BLAKE2b.
 *
 * Hierarchy.  Every derivation is libsodium's crypto_kdf (keyed BLAKE2b) with
 * a context and a number of its own; they are fixed for ever, a change would
 * change every pseudonym.
 *
 *	master key (32 bytes, in caredata.master_key_file)
 *		"cd_wrap_" 1	wrapping key: encrypts the domain keys
 *		"cd_check" 1	fingerprint of the master key (8 bytes)
 *	domain key (32 random bytes, one per domain and generation)
 *		"cd_block" 1	AES-256 key of pid() and record_pid(bigint)
 *		"cd_hash_" 1	BLAKE2b key of record_pid(text)
 *		"cd_check" 1	fingerprint of the domain key (8 bytes)
 *
 * A wrapped domain key is: version byte 1, nonce (24), XChaCha20-Poly1305
 * ciphertext (32) and tag (16); associated data: the label below, domain and
 * generation, four bytes each, big-endian.  A wrapped key that is moved to
 * another domain or generation does not open.
 *
 * Where key bytes are.  The master key is wiped as soon as the wrapping key is
 * derived; wrapping key, hash keys and everything in between live in
 * libsodium's guarded memory, the wrapping key out of reach (PROT_NONE) while
 * it is not in use.  OpenSSL keeps the AES key schedules in ordinary memory,
 * so a process that has opened a key makes itself undumpable: no core file of
 * it is written.  No ereport() happens while key bytes are on the way: the
 * functions that handle them return a status, and raise after wiping.
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
 *
 * Nothing here is done in the postmaster; each process, parallel workers and
 * those of a standby too, reads the file at its first use of a key.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "catalog.h"
#include "compat.h"
#include "keyring.h"

#define KEY_BYTES			32
#define FINGERPRINT_BYTES	8
#define NONCE_BYTES			crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES			crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAPPED_VERSION		1
#define WRAPPED_BYTES		(1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES)
#define WRAP_LABEL			"caredata domain key"

StaticAssertDecl(KEY_BYTES == crypto_kdf_KEYBYTES,
				 "key length of crypto_kdf");
StaticAssertDecl(KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
				 "key length of XChaCha20-Poly1305");
StaticAssertDecl(FINGERPRINT_BYTES <= crypto_kdf_BYTES_MIN,
				 "fingerprints are cut from the shortest derivation");

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
	uint8	   *hash_key;		/* guarded, read-only */
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

typedef enum KeyFileStatus
{
	KEY_FILE_OK,
	KEY_FILE_CANNOT_OPEN,
	KEY_FILE_CANNOT_READ,
	KEY_FILE_NOT_REGULAR,
	KEY_FILE_OWNER,
	KEY_FILE_MODE,
	KEY_FILE_DATA_DIRECTORY,
	KEY_FILE_LENGTH,
	KEY_FILE_NOT_HEX,
	KEY_FILE_WEAK
} KeyFileStatus;

typedef enum KeyStatus
{
	KEY_OK,
	KEY_NOT_OPENED,				/* wrong wrapping key or changed bytes */
	KEY_NO_MEMORY,
	KEY_LIBRARY_FAILED
} KeyStatus;

static char *master_key_file = NULL;

static uint8 *wrapping_key = NULL;	/* guarded, PROT_NONE while not in use */
static bool wrapping_key_loaded = false;
static uint8 master_fingerprint[FINGERPRINT_BYTES];

static CaredataKey *opened_keys = NULL;

/* caredata.domain_key, to know an invalidation of it by */
static Oid	domain_key_relid = InvalidOid;
static bool keyring_callback_registered = false;

PG_FUNCTION_INFO_V1(caredata_master_key_fingerprint);
PG_FUNCTION_INFO_V1(caredata_new_domain_key);
PG_FUNCTION_INFO_V1(caredata_check_domain_key);

/* ------------------------------------------------------------------------
 * Setting
 * ------------------------------------------------------------------------
 */

static bool
check_master_key_file(char **newval, void **extra, GucSource source)
{
	if (*newval != NULL && **newval != '\0' && !is_absolute_path(*newval))
	{
		GUC_check_errdetail("The path must be absolute.");
		return false;
	}
	return true;
}

/* Another file may hold another key: read it at the next use. */
static void
assign_master_key_file(const char *newval, void *extra)
{
	wrapping_key_loaded = false;
}

void
caredata_keyring_init(void)
{
	DefineCustomStringVariable("caredata.master_key_file",
							   "File that holds the master key.",
							   "32 raw bytes or 64 hexadecimal digits, in a "
							   "regular file that the server's user owns and "
							   "nobody else may read, outside the data directory.",
							   &master_key_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_master_key_file,
							   assign_master_key_file,
							   NULL);
}

/* ------------------------------------------------------------------------
 * Master key
 * ------------------------------------------------------------------------
 */

/* Is the file at path inside the data directory, links resolved? */
static bool
in_data_directory(const char *path)
{
	char	   *file = realpath(path, NULL);
	char	   *directory = realpath(DataDir, NULL);
	bool		inside = true;	/* what cannot be told is refused */

	if (file != NULL && directory != NULL)
		inside = path_is_prefix_of_path(directory, file);
	free(file);
	free(directory);
	return inside;
}

/*
 * 32 bytes that are text were typed by somebody, or are the hexadecimal form
 * of half a key; 32 equal bytes are no key.  A random key is either with a
 * probability below 1e-13.
 */
static bool
is_weak_key(const uint8 *key)
{
	bool		printable = true;
	bool		equal = true;
	int			i;

	for (i = 0; i < KEY_BYTES; i++)
	{
		printable &= (key[i] >= 0x20 && key[i] < 0x7f);
		equal &= (key[i] == key[0]);
	}
	return printable || equal;
}

/* Decode the file's contents into key; does not raise. */
static KeyFileStatus
decode_key_file(const uint8 *contents, size_t length, uint8 *key)
{
	size_t		decoded = 0;

	if (length == KEY_BYTES)
		memcpy(key, contents, KEY_BYTES);
	else
	{
		if (length > 0 && contents[length - 1] == '\n')
			length--;
		if (length > 0 && contents[length - 1] == '\r')
			length--;
		if (length != 2 * KEY_BYTES)
			return KEY_FILE_LENGTH;
		if (sodium_hex2bin(key, KEY_BYTES, (const char *) contents, length,
						   NULL, &decoded, NULL) != 0 ||
			decoded != KEY_BYTES)
			return KEY_FILE_NOT_HEX;
	}
	return is_weak_key(key) ? KEY_FILE_WEAK : KEY_FILE_OK;
}

/*
 * Read and check the file; contents and key are guarded buffers.  Does not
 * raise.  *error is errno where a system call failed.
 */
#define KEY_FILE_MAX	(2 * KEY_BYTES + 2)

static KeyFileStatus
read_key_file(const char *path, uint8 *contents, uint8 *key, int *error)
{
	KeyFileStatus status = KEY_FILE_OK;
	struct stat st;
	size_t		length = 0;
	int			fd;

	*error = 0;

	/* O_NONBLOCK: a FIFO must not make the session wait */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
	{
		*error = errno;
		return KEY_FILE_CANNOT_OPEN;
	}

	if (fstat(fd, &st) != 0)
	{
		*error = errno;
		status = KEY_FILE_CANNOT_READ;
	}
	else if (!S_ISREG(st.st_mode))
		status = KEY_FILE_NOT_REGULAR;
	else if (st.st_uid != geteuid())
		status = KEY_FILE_OWNER;
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		status = KEY_FILE_MODE;
	else if (in_data_directory(path))
		status = KEY_FILE_DATA_DIRECTORY;

	/* one byte more than allowed tells a longer file */
	while (status == KEY_FILE_OK && length < KEY_FILE_MAX + 1)
	{
		ssize_t		got = read(fd, contents + length,
							   KEY_FILE_MAX + 1 - length);

		if (got == 0)
			break;
		if (got > 0)
			length += got;
		else if (errno != EINTR)
		{
			*error = errno;
			status = KEY_FILE_CANNOT_READ;
		}
	}
	close(fd);

	if (status == KEY_FILE_OK)
		status = decode_key_file(contents, length, key);
	return status;
}

/*
 * Raise for a key file that cannot be used.  Who reads a release may see the
 * message, so the path goes to the server log only.
 */
static void
report_key_file(KeyFileStatus status, const char *path, int error)
{
	const char *message = NULL;
	const char *hint = NULL;

	switch (status)
	{
		case KEY_FILE_OK:
			return;
		case KEY_FILE_CANNOT_OPEN:
		case KEY_FILE_CANNOT_READ:
			errno = error;
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 status == KEY_FILE_CANNOT_OPEN ?
					 errmsg("could not open the master key file: %m") :
					 errmsg("could not read the master key file: %m"),
					 errdetail_log("The file is \"%s\".", path),
					 errhint("Put the master key back where caredata.master_key_file points, or correct the setting and reload.")));
			break;
		case KEY_FILE_NOT_REGULAR:
			message = "the master key file is not a regular file";
			hint = "Keep the master key in a regular file.";
			break;
		case KEY_FILE_OWNER:
			message = "the master key file belongs to another user";
			hint = "Make the operating-system user that runs the server its owner.";
			break;
		case KEY_FILE_MODE:
			message = "the master key file can be read or written by others than its owner";
			hint = "Set its permissions to u=r (0400) or u=rw (0600), and consider whether the key must be replaced.";
			break;
		case KEY_FILE_DATA_DIRECTORY:
			message = "the master key file is inside the data directory";
			hint = "Move it outside, so that back-ups of the data directory do not hold it.";
			break;
		case KEY_FILE_LENGTH:
			message = "the master key file has the wrong length";
			hint = "It must hold 32 bytes, or 64 hexadecimal digits and at most one line end.";
			break;
		case KEY_FILE_NOT_HEX:
			message = "the master key file does not hold 64 hexadecimal digits";
			hint = "Make a key with: openssl rand -hex 32";
			break;
		case KEY_FILE_WEAK:
			message = "the master key is not random";
			hint = "Make a key with: openssl rand -hex 32";
			break;
	}

	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg_internal("%s", message),
			 errdetail_log("The file is \"%s\".", path),
			 errhint("%s", hint)));
}

static void
report_no_guarded_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("could not allocate guarded memory for a key"),
			 errhint("Raise the limit of locked memory (RLIMIT_MEMLOCK) of the server.")));
}

/*
 * From here on this process holds key bytes, some of them in OpenSSL's
 * ordinary memory: forbid core files of it.
 */
static void
forbid_core_dumps(void)
{
#ifdef __linux__
	static bool forbidden = false;

	if (forbidden)
		return;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not exclude the process from core dumps: %m")));
	forbidden = true;
#endif
}

/* Read the master key, if this process has not, and keep the wrapping key. */
static void
load_master_key(void)
{
	uint8	   *contents;
	uint8	   *key;
	KeyFileStatus status = KEY_FILE_OK;
	bool		derived = false;
	int			error = 0;

	if (wrapping_key_loaded)
		return;

	if (master_key_file == NULL || master_key_file[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("no master key is configured"),
				 errhint("Set caredata.master_key_file to a file made with: openssl rand -hex 32")));

	if (sodium_init() < 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not initialise libsodium")));
	forbid_core_dumps();

	if (wrapping_key == NULL)
	{
		wrapping_key = sodium_malloc(KEY_BYTES);
		if (wrapping_key == NULL)
			report_no_guarded_memory();
	}
	contents = sodium_malloc(KEY_FILE_MAX + 1);
	key = sodium_malloc(KEY_BYTES);

	if (contents != NULL && key != NULL &&
		sodium_mprotect_readwrite(wrapping_key) == 0)
	{
		status = read_key_file(master_key_file, contents, key, &error);
		derived = (status == KEY_FILE_OK &&
				   crypto_kdf_derive_from_key(wrapping_key, KEY_BYTES,
											  1, "cd_wrap_", key) == 0);
		if (derived)
		{
			uint8		check[crypto_kdf_BYTES_MIN];

			derived = (crypto_kdf_derive_from_key(check, sizeof(check),
												  1, "cd_check", key) == 0);
			memcpy(master_fingerprint, check, FINGERPRINT_BYTES);
		}
		if (sodium_mprotect_noaccess(wrapping_key) != 0)
			derived = false;
	}
	/* wipes; accepts NULL */
	sodium_free(contents);
	sodium_free(key);

	report_key_file(status, master_key_file, error);
	if (!derived)
		report_no_guarded_memory();
	wrapping_key_loaded = true;
}

static char *
fingerprint_text(const uint8 *fingerprint)
{
	char	   *text = palloc(2 * FINGERPRINT_BYTES + 1);

	return sodium_bin2hex(text, 2 * FINGERPRINT_BYTES + 1,
						  fingerprint, FINGERPRINT_BYTES);
}

/* Fetch a bytea attribute that must have the given length. */
static void
fetch_bytes(CaredataScan *scan, HeapTuple tuple, const char *column,
			uint8 *out, Size length)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (bytes == NULL || VARSIZE_ANY_EXHDR(bytes) != length)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("column \"%s\" of table \"caredata.%s\" has the wrong length",
						column, RelationGetRelationName(scan->rel)),
				 errhint("Restore the keyring from a back-up.")));
	memcpy(out, VARDATA_ANY(bytes), length);
}

/*
 * Load the master key and check that it is the one that the keys of this
 * database were wrapped under.  Another one is forgotten at once, so that the
 * next attempt reads the corrected file.
 */
static void
require_master_key(void)
{
	CaredataScan scan;
	HeapTuple	tuple;
	uint8		expected[FINGERPRINT_BYTES];
	bool		found;

	load_master_key();

	caredata_scan_begin(&scan, "master_key_check", "master_key_check_pkey",
						0, NULL);
	tuple = caredata_scan_next(&scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		fetch_bytes(&scan, tuple, "fingerprint", expected, FINGERPRINT_BYTES);
	caredata_scan_end(&scan);

	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the fingerprint of the master key is missing from this database"),
				 errhint("Restore table caredata.master_key_check from a back-up.")));
	if (sodium_memcmp(expected, master_fingerprint, FINGERPRINT_BYTES) != 0)
	{
		wrapping_key_loaded = false;
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key is not the one that this database's keys are encrypted under"),
				 errdetail("The database asks for the key with fingerprint %s; the file holds %s.",
						   fingerprint_text(expected),
						   fingerprint_text(master_fingerprint)),
				 errhint("Put the master key that belongs to this database into the file that caredata.master_key_file names.")));
	}
}

/* ------------------------------------------------------------------------
 * Domain keys
 * ------------------------------------------------------------------------
 */

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

/* Decrypt a wrapped key into a guarded buffer; does not raise. */
static KeyStatus
unwrap_key(const WrappedKey *row, uint8 *data_key)
{
	uint8		ad[WRAP_AD_BYTES];
	uint8		fingerprint[FINGERPRINT_BYTES];
	unsigned long long length = 0;
	int			rc;

	if (row->wrapped[0] != WRAPPED_VERSION)
		return KEY_NOT_OPENED;
	wrap_associated_data(row->domain_id, row->generation, ad);

	if (sodium_mprotect_readonly(wrapping_key) != 0)
		return KEY_NO_MEMORY;
	rc = crypto_aead_xchacha20poly1305_ietf_decrypt(data_key, &length, NULL,
													row->wrapped + 1 + NONCE_BYTES,
													KEY_BYTES + TAG_BYTES,
													ad, sizeof(ad),
													row->wrapped + 1,
													wrapping_key);
	if (sodium_mprotect_noaccess(wrapping_key) != 0)
		return KEY_NO_MEMORY;
	if (rc != 0 || length != KEY_BYTES)
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
	EVP_CIPHER_CTX_free(key->encrypt);
	EVP_CIPHER_CTX_free(key->decrypt);
	sodium_free(key->hash_key);
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

	status = unwrap_key(row, data_key);
	if (status != KEY_OK)
		return status;

	if (crypto_kdf_derive_from_key(block_key, KEY_BYTES, 1, "cd_block",
								   data_key) != 0 ||
		crypto_kdf_derive_from_key(key->hash_key, KEY_BYTES, 1, "cd_hash_",
								   data_key) != 0)
		return KEY_LIBRARY_FAILED;
	if (sodium_mprotect_readonly(key->hash_key) != 0)
		return KEY_NO_MEMORY;

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
			report_no_guarded_memory();
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
		fetch_bytes(&scan, tuple, "wrapped_key", row->wrapped, WRAPPED_BYTES);
		fetch_bytes(&scan, tuple, "fingerprint", row->fingerprint,
					FINGERPRINT_BYTES);
		rows = lcons(row, rows);
	}
	caredata_scan_end(&scan);

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
	key->hash_key = sodium_malloc(KEY_BYTES);
	data_key = sodium_malloc(KEY_BYTES);
	block_key = sodium_malloc(KEY_BYTES);
	if (key->encrypt != NULL && key->decrypt != NULL &&
		key->hash_key != NULL && data_key != NULL && block_key != NULL)
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

void
caredata_key_hash(const CaredataKey *key,
				  const uint8 *header, size_t header_len,
				  const uint8 *data, size_t data_len, uint8 *out)
{
	crypto_generichash_state state;
	bool		ok;

	ok = crypto_generichash_init(&state, key->hash_key, KEY_BYTES,
								 CAREDATA_BLOCK_BYTES) == 0 &&
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

static bytea *
bytes_to_bytea(const uint8 *bytes, Size length)
{
	bytea	   *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), bytes, length);
	return result;
}

/* caredata.master_key_fingerprint(): of the key in the file. */
Datum
caredata_master_key_fingerprint(PG_FUNCTION_ARGS)
{
	load_master_key();
	PG_RETURN_BYTEA_P(bytes_to_bytea(master_fingerprint, FINGERPRINT_BYTES));
}

/* caredata.new_domain_key(): make a random key and hand it out wrapped. */
Datum
caredata_new_domain_key(PG_FUNCTION_ARGS)
{
	WrappedKey	row;
	uint8		ad[WRAP_AD_BYTES];
	uint8	   *data_key;
	unsigned long long length = 0;
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
	wrap_associated_data(row.domain_id, row.generation, ad);
	row.wrapped[0] = WRAPPED_VERSION;
	randombytes_buf(row.wrapped + 1, NONCE_BYTES);

	data_key = sodium_malloc(KEY_BYTES);
	if (data_key != NULL && sodium_mprotect_readonly(wrapping_key) == 0)
	{
		crypto_kdf_keygen(data_key);
		ok = crypto_aead_xchacha20poly1305_ietf_encrypt(row.wrapped + 1 + NONCE_BYTES,
														&length,
														data_key, KEY_BYTES,
														ad, sizeof(ad), NULL,
														row.wrapped + 1,
														wrapping_key) == 0 &&
			length == KEY_BYTES + TAG_BYTES &&
			key_fingerprint(data_key, row.fingerprint);
		if (sodium_mprotect_noaccess(wrapping_key) != 0)
			ok = false;
	}
	sodium_free(data_key);
	if (!ok)
		report_no_guarded_memory();

	values[0] = PointerGetDatum(bytes_to_bytea(row.wrapped, WRAPPED_BYTES));
	values[1] = PointerGetDatum(bytes_to_bytea(row.fingerprint,
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
