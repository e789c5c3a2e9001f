/*
 * keyring.c
 *		The master key, the domain keys under it, the two primitives that use
 *		them, one AES-256 block and keyed BLAKE2b, and secrets from files.
 *
 * Hierarchy.  Every derivation is libsodium's crypto_kdf (keyed BLAKE2b) with
 * a context and a number of its own; they are fixed for ever, a change would
 * change every pseudonym.
 *
 *	master key (32 bytes, from caredata.master_key_file or _command)
 *		"cd_wrap_" 1	wrapping key: encrypts the domain keys
 *		"cd_check" 1	fingerprint of the master key (8 bytes)
 *	domain key (32 random bytes, one per domain and generation)
 *		"cd_block" 1	AES-256 key of pid() and record_pid(bigint)
 *		"cd_hash_" 1	BLAKE2b key of record_pid(text)
 *		"cd_1way_" 1	BLAKE2b key of pseudonym_of()
 *		"cd_ff1__" 1	AES-256 key of fpe_encrypt() and nhs_like()
 *		"cd_shift" 1	AES-256 key of shifted_date()
 *		"cd_check" 1	fingerprint of the domain key (8 bytes)
 *
 * A wrapped domain key is: version byte 1, nonce (24), XChaCha20-Poly1305
 * ciphertext (32) and tag (16); associated data: the label below, domain and
 * generation, four bytes each, big-endian.  A wrapped key that is moved to
 * another domain or generation does not open.
 *
 * A wrapped secret is a byte string of any length under the same wrapping key,
 * laid out alike; associated data: "caredata secret", a zero byte and the
 * secret's name, so that one does not open under another's name.
 *
 * Where key bytes are.  The master key is wiped as soon as the wrapping key is
 * derived; wrapping key, hash keys and everything in between live in
 * libsodium's guarded memory, the wrapping key out of reach (PROT_NONE) while
 * it is not in use.  OpenSSL keeps the AES key schedules in ordinary memory,
 * so a process that has opened a key makes itself undumpable: no core file of
 * it is written.  The postmaster holds the wrapping key and no other.  No
 * ereport() happens while key bytes are on the way: the
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
 * The master key is loaded when the server starts, if it is there then, and
 * every process inherits what is kept of it.  A database says by a fingerprint
 * which master key it asks for; a process that does not have that one reads
 * the files, at the time of use, and raises if it is in none of them.
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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port.h"
#include "port/pg_bswap.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "blake2b.h"
#include "catalog.h"
#include "compat.h"
#include "keyring.h"
#include "master_command.h"

#define KEY_BYTES			32
#define FINGERPRINT_BYTES	8
#define NONCE_BYTES			crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES			crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAPPED_VERSION		1
#define WRAPPED_BYTES		(1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES)
#define WRAP_LABEL			"caredata domain key"
#define SECRET_LABEL		"caredata secret"

StaticAssertDecl(KEY_BYTES == crypto_kdf_KEYBYTES,
				 "key length of crypto_kdf");
StaticAssertDecl(KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
				 "key length of XChaCha20-Poly1305");
StaticAssertDecl(BLAKE2B_KEY_BYTES == KEY_BYTES &&
				 BLAKE2B_RESULT_BYTES == CAREDATA_BLOCK_BYTES,
				 "lengths of keyed BLAKE2b");
StaticAssertDecl(CAREDATA_WRAPPED_SECRET(0) == 1 + NONCE_BYTES + TAG_BYTES,
				 "length of a wrapped secret");
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
	EVP_CIPHER_CTX *further[CAREDATA_CIPHERS];	/* encrypt only */
	uint8	   *hash_key;		/* guarded, read-only: the keys of hash_context */
	Blake2bKey *hash_state;		/* the same, worked off; guarded, read-only */
};

/* Contexts of derivation, in the order of the enums in keyring.h. */
static const char *const hash_context[CAREDATA_HASHES] = {
	"cd_hash_", "cd_1way_"
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
	KEY_FILE_WEAK,
	KEY_FILE_NO_MEMORY
} KeyFileStatus;

typedef enum KeyStatus
{
	KEY_OK,
	KEY_NOT_OPENED,				/* wrong wrapping key or changed bytes */
	KEY_NO_MEMORY,
	KEY_LIBRARY_FAILED
} KeyStatus;

typedef enum MasterKeySource
{
	MASTER_KEY_CURRENT,			/* master_key_file, or master_key_command */
	MASTER_KEY_NEXT				/* master_key_file_next */
} MasterKeySource;
#define MASTER_KEYS		(MASTER_KEY_NEXT + 1)

/* What is kept of a master key. */
typedef struct MasterKey
{
	bool		loaded;
	bool		by_command;
	bool		at_start;		/* by the postmaster */
	char		path[MAXPGPATH];	/* file that it was read from */
	uint8	   *wrapping_key;	/* guarded, PROT_NONE while not in use */
	uint8		fingerprint[FINGERPRINT_BYTES];
	TimestampTz loaded_at;
	int			locked_by;		/* process whose lock on the memory holds */
} MasterKey;

/*
 * A file that holds the master key.  It may be replaced and put back while the
 * server runs.
 */
static char *master_key_file = NULL;

/*
 * The same for the key that rotate_master_key() goes over to.  While it is set
 * both keys are at hand, and each database uses the one that its fingerprint
 * asks for, so that no moment of a rotation leaves anybody without a key.
 */
static char *master_key_file_next = NULL;

/*
 * A program that prints the master key, and how long it may take, in
 * milliseconds.  It is run once, by the postmaster, which needs the library to
 * be preloaded; and takes the place of the file.
 */
static char *master_key_command = NULL;
static int	master_key_command_limit = 30000;

static MasterKey master_keys[MASTER_KEYS];

/* that of the master key that was asked for last */
static uint8 *wrapping_key = NULL;
static uint8 master_fingerprint[FINGERPRINT_BYTES];

static CaredataKey *opened_keys = NULL;

/* caredata.domain_key, to know an invalidation of it by */
static Oid	domain_key_relid = InvalidOid;
static bool keyring_callback_registered = false;

static void forget_opened_keys(void);
static void load_master_key_at_start(void);

PG_FUNCTION_INFO_V1(caredata_master_key_fingerprint);
PG_FUNCTION_INFO_V1(caredata_next_master_key_fingerprint);
PG_FUNCTION_INFO_V1(caredata_master_key_in_use);
PG_FUNCTION_INFO_V1(caredata_rewrap_domain_key);
PG_FUNCTION_INFO_V1(caredata_rewrap_secret);
PG_FUNCTION_INFO_V1(caredata_check_secret);
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

static bool
check_master_key_command(char **newval, void **extra, GucSource source)
{
	char	   *argv[MASTER_COMMAND_ARGUMENTS + 1];
	char	   *buffer;
	const char *wrong;

	if (*newval == NULL || **newval == '\0')
		return true;
	buffer = palloc(strlen(*newval) + 1);
	wrong = master_command_parse(*newval, buffer, argv);
	pfree(buffer);
	if (wrong != NULL)
		GUC_check_errdetail("%s", wrong);
	return wrong == NULL;
}

void
caredata_keyring_init(bool preloading)
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
							   NULL,
							   NULL);
	DefineCustomStringVariable("caredata.master_key_file_next",
							   "File that holds the next master key, while it is being changed.",
							   NULL,
							   &master_key_file_next,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_master_key_file,
							   NULL,
							   NULL);

	/* what only the postmaster acts on cannot be set in a later process */
	if (!preloading)
		return;
	DefineCustomStringVariable("caredata.master_key_command",
							   "Program that prints the master key, as an array: [\"/path/to/program\", \"argument\"].",
							   "It is run once, when the server starts, without a shell; "
							   "it prints what a key file would hold.",
							   &master_key_command,
							   "",
							   PGC_POSTMASTER,
							   GUC_SUPERUSER_ONLY,
							   check_master_key_command,
							   NULL,
							   NULL);
	DefineCustomIntVariable("caredata.master_key_command_timeout",
							"How long the program that prints the master key may take.",
							NULL,
							&master_key_command_limit,
							30000,
							100,
							600000,
							PGC_POSTMASTER,
							GUC_SUPERUSER_ONLY | GUC_UNIT_MS,
							NULL,
							NULL,
							NULL);

	if (!IsUnderPostmaster && !IsBinaryUpgrade)
		load_master_key_at_start();
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
 * Check a file that holds a secret and read at most size bytes of it into a
 * guarded buffer.  Does not raise.  *error is errno where a system call failed.
 */
static KeyFileStatus
read_secret_file(const char *path, uint8 *contents, size_t size,
				 size_t *length, int *error)
{
	KeyFileStatus status = KEY_FILE_OK;
	struct stat st;
	int			fd;

	*length = 0;
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

	while (status == KEY_FILE_OK && *length < size)
	{
		ssize_t		got = read(fd, contents + *length, size - *length);

		if (got == 0)
			break;
		if (got > 0)
			*length += got;
		else if (errno != EINTR)
		{
			*error = errno;
			status = KEY_FILE_CANNOT_READ;
		}
	}
	close(fd);
	return status;
}

/*
 * Read and check the master key file; contents and key are guarded buffers.
 * One byte more than allowed is read, to tell a longer file.
 */
#define KEY_FILE_MAX	(2 * KEY_BYTES + 2)

static KeyFileStatus
read_key_file(const char *path, uint8 *contents, uint8 *key, int *error)
{
	KeyFileStatus status;
	size_t		length;

	status = read_secret_file(path, contents, KEY_FILE_MAX + 1, &length, error);
	if (status == KEY_FILE_OK)
		status = decode_key_file(contents, length, key);
	return status;
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
 * Raise for a key file that cannot be used; what says which file it is.  Who
 * reads a release may see the message, so the path goes to the server log only.
 */
static void
report_key_file(KeyFileStatus status, const char *what, const char *path,
				int error)
{
	bool		setting = path == master_key_file ||
		path == master_key_file_next;
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
					 errmsg("could not open the %s file: %m", what) :
					 errmsg("could not read the %s file: %m", what),
					 errdetail_log("The file is \"%s\".", path),
					 setting ?
					 errhint("Put the %s back where the setting points, or correct the setting and reload.", what) : 0));
			break;
		case KEY_FILE_NO_MEMORY:
			report_no_guarded_memory();
			break;
		case KEY_FILE_NOT_REGULAR:
			message = "the %s file is not a regular file";
			hint = "Keep the secret in a regular file.";
			break;
		case KEY_FILE_OWNER:
			message = "the %s file belongs to another user";
			hint = "Make the operating-system user that runs the server its owner.";
			break;
		case KEY_FILE_MODE:
			message = "the %s file can be read or written by others than its owner";
			hint = "Set its permissions to u=r (0400) or u=rw (0600), and consider whether the key must be replaced.";
			break;
		case KEY_FILE_DATA_DIRECTORY:
			message = "the %s file is inside the data directory";
			hint = "Move it outside, so that back-ups of the data directory do not hold it.";
			break;
		case KEY_FILE_LENGTH:
			message = "the %s file has the wrong length";
			hint = "It must hold 32 bytes, or 64 hexadecimal digits and at most one line end.";
			break;
		case KEY_FILE_NOT_HEX:
			message = "the %s file does not hold 64 hexadecimal digits";
			hint = "Make a key with: openssl rand -hex 32";
			break;
		case KEY_FILE_WEAK:
			message = "the %s is not random";
			hint = "Make a key with: openssl rand -hex 32";
			break;
	}

	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg_internal(message, what),
			 errdetail_log("The file is \"%s\".", path),
			 errhint("%s", hint)));
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

static char *
fingerprint_text(const uint8 *fingerprint)
{
	char	   *text = palloc(2 * FINGERPRINT_BYTES + 1);

	return sodium_bin2hex(text, 2 * FINGERPRINT_BYTES + 1,
						  fingerprint, FINGERPRINT_BYTES);
}

/*
 * Wipe what this process has of keys when it ends.  Nothing is held then any
 * more: transactions have been ended before.
 */
static void
wipe_keys(int code, Datum arg)
{
	int			i;

	forget_opened_keys();
	wrapping_key = NULL;
	for (i = 0; i < MASTER_KEYS; i++)
	{
		master_keys[i].loaded = false;
		sodium_free(master_keys[i].wrapping_key);
		master_keys[i].wrapping_key = NULL;
	}
}

/*
 * Before the first key of a process.  The postmaster stays dumpable: it holds
 * nothing but guarded memory, which the kernel leaves out of core files, and a
 * process that is not dumpable cannot adjust its own oom_score_adj, as the
 * processes that it starts must.
 */
static void
prepare_for_keys(bool starting)
{
	static int	prepared_pid = 0;

	if (prepared_pid == MyProcPid)
		return;
	if (sodium_init() < 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not initialise libsodium")));
	if (!starting)
		forbid_core_dumps();
	on_proc_exit(wipe_keys, (Datum) 0);
	prepared_pid = MyProcPid;
}

/* Derive what is kept of a master key; does not raise. */
static bool
keep_master_key(MasterKey *master, const uint8 *key)
{
	uint8		check[crypto_kdf_BYTES_MIN];
	bool		derived;

	master->loaded = false;
	if (master->wrapping_key == NULL)
	{
		master->wrapping_key = sodium_malloc(KEY_BYTES);
		master->locked_by = MyProcPid;
	}
	if (master->wrapping_key == NULL ||
		sodium_mprotect_readwrite(master->wrapping_key) != 0)
		return false;
	derived = crypto_kdf_derive_from_key(master->wrapping_key, KEY_BYTES,
										 1, "cd_wrap_", key) == 0 &&
		crypto_kdf_derive_from_key(check, sizeof(check),
								   1, "cd_check", key) == 0;
	if (sodium_mprotect_noaccess(master->wrapping_key) != 0)
		derived = false;
	if (!derived)
		return false;
	memcpy(master->fingerprint, check, FINGERPRINT_BYTES);
	master->loaded = true;
	master->at_start = !IsUnderPostmaster;
	master->loaded_at = GetCurrentTimestamp();
	return true;
}

/* Read a master key from its file; does not raise. */
static KeyFileStatus
read_master_key(MasterKey *master, const char *path, int *error)
{
	uint8	   *contents = sodium_malloc(KEY_FILE_MAX + 1);
	uint8	   *key = sodium_malloc(KEY_BYTES);
	KeyFileStatus status = KEY_FILE_NO_MEMORY;

	*error = 0;
	if (contents != NULL && key != NULL)
	{
		status = read_key_file(path, contents, key, error);
		if (status == KEY_FILE_OK && !keep_master_key(master, key))
			status = KEY_FILE_NO_MEMORY;
		if (status == KEY_FILE_OK)
			strlcpy(master->path, path, sizeof(master->path));
	}
	/* wipes; accepts NULL */
	sodium_free(contents);
	sodium_free(key);
	return status;
}

/* Run the program that prints the master key; only the postmaster does. */
static void
run_master_key_command(void)
{
	MasterKey  *master = &master_keys[MASTER_KEY_CURRENT];
	char	   *argv[MASTER_COMMAND_ARGUMENTS + 1];
	char	   *buffer = palloc(strlen(master_key_command) + 1);
	uint8	   *contents = sodium_malloc(KEY_FILE_MAX + 1);
	uint8	   *key = sodium_malloc(KEY_BYTES);
	MasterCommandStatus status = MASTER_COMMAND_CANNOT_READ;
	KeyFileStatus decoded = KEY_FILE_NO_MEMORY;
	size_t		length = 0;
	int			detail = 0;

	master->by_command = true;
	if (contents != NULL && key != NULL &&
		master_command_parse(master_key_command, buffer, argv) == NULL)
	{
		status = master_command_run(argv, master_key_command_limit, contents,
									KEY_FILE_MAX + 1, &length, &detail);
		if (status == MASTER_COMMAND_OK)
			decoded = decode_key_file(contents, length, key);
		if (decoded == KEY_FILE_OK && !keep_master_key(master, key))
			decoded = KEY_FILE_NO_MEMORY;
	}
	sodium_free(contents);
	sodium_free(key);
	pfree(buffer);

	switch (status)
	{
		case MASTER_COMMAND_OK:
			break;
		case MASTER_COMMAND_CANNOT_START:
		case MASTER_COMMAND_CANNOT_READ:
			errno = detail;
			ereport(LOG,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("could not run the master key command: %m")));
			return;
		case MASTER_COMMAND_EXIT:
			ereport(LOG,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the master key command ended with exit status %d",
							detail),
					 detail == 127 ?
					 errhint("The program may be missing or may not be executed by the server's user.") : 0));
			return;
		case MASTER_COMMAND_SIGNAL:
			ereport(LOG,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the master key command was ended by signal %d",
							detail)));
			return;
		case MASTER_COMMAND_TIMEOUT:
			ereport(LOG,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the master key command was stopped after %d ms",
							master_key_command_limit),
					 errhint("Raise caredata.master_key_command_timeout, or find out what it waits for.")));
			return;
	}
	if (decoded != KEY_FILE_OK)
		ereport(LOG,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key command did not print a master key"),
				 errhint("It must print 32 random bytes, or 64 hexadecimal digits and at most one line end, and nothing else.")));
}

/*
 * In the postmaster, before it starts any other process: all of them inherit
 * what is loaded here, so that the key need not be at hand later.  A key that
 * cannot be had does not keep the server from starting; what needs it says so.
 */
static void
load_master_key_at_start(void)
{
	bool		command = master_key_command && master_key_command[0] != '\0';
	bool		file = master_key_file && master_key_file[0] != '\0';
	int			error;

	if (command && file)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("caredata.master_key_file and caredata.master_key_command are both set"),
				 errhint("Set the one that holds the master key.")));
	if (!command && !file)
		return;

	prepare_for_keys(true);
	if (command)
		run_master_key_command();
	else if (read_master_key(&master_keys[MASTER_KEY_CURRENT],
							 master_key_file, &error) != KEY_FILE_OK)
		ereport(LOG,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key file could not be used when the server started"),
				 errhint("It is read again at the next use of a key, which says what is wrong.")));
}

/*
 * A key that came over a fork is no longer locked in memory: the lock is the
 * process's, not the memory's.  Like libsodium when it allocates, go on where
 * the limit of locked memory is reached.
 */
static void
use_master_key(MasterKey *master)
{
	if (master->locked_by != MyProcPid)
	{
		if (sodium_mprotect_readonly(master->wrapping_key) == 0)
			(void) sodium_mlock(master->wrapping_key, KEY_BYTES);
		if (sodium_mprotect_noaccess(master->wrapping_key) != 0)
			report_no_guarded_memory();
		master->locked_by = MyProcPid;
	}
	wrapping_key = master->wrapping_key;
	memcpy(master_fingerprint, master->fingerprint, FINGERPRINT_BYTES);
}

/*
 * Is there a key from what is configured now?  Told by the path, not by an
 * assign hook: a parallel worker assigns every setting anew.
 */
static bool
is_loaded(const MasterKey *master)
{
	const char *path = (master == &master_keys[MASTER_KEY_CURRENT]) ?
		master_key_file : master_key_file_next;

	return master->loaded &&
		(master->by_command ||
		 (path != NULL && strcmp(master->path, path) == 0));
}

static bool
is_master_key(const MasterKey *master, const uint8 *fingerprint)
{
	return is_loaded(master) &&
		sodium_memcmp(master->fingerprint, fingerprint, FINGERPRINT_BYTES) == 0;
}

/* Load the key that is configured, or raise. */
static MasterKey *
load_current_master_key(void)
{
	MasterKey  *master = &master_keys[MASTER_KEY_CURRENT];
	KeyFileStatus status;
	int			error;

	prepare_for_keys(false);
	if (master->by_command)
	{
		if (!master->loaded)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the master key command gave no key when the server started"),
					 errhint("The server log says why. It is run again when the server is restarted.")));
		return master;
	}
	if (master_key_file == NULL || master_key_file[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("no master key is configured"),
				 errhint("Set caredata.master_key_file to a file made with: openssl rand -hex 32")));

	/* a file that is away does not take the key that was loaded from it */
	status = read_master_key(master, master_key_file, &error);
	if (!(status == KEY_FILE_CANNOT_OPEN && error == ENOENT && is_loaded(master)))
		report_key_file(status, "master key", master_key_file, error);
	return master;
}

static bool
next_master_key_is_set(void)
{
	return master_key_file_next != NULL && master_key_file_next[0] != '\0';
}

/* Load the key to go over to, or raise. */
static MasterKey *
load_next_master_key(void)
{
	MasterKey  *master = &master_keys[MASTER_KEY_NEXT];
	int			error;
	KeyFileStatus status;

	prepare_for_keys(false);
	if (!next_master_key_is_set())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("no next master key is configured"),
				 errhint("Set caredata.master_key_file_next to a file made with: openssl rand -hex 32")));
	status = read_master_key(master, master_key_file_next, &error);
	report_key_file(status, "next master key", master_key_file_next, error);
	return master;
}

/*
 * Find the master key with the fingerprint that the database asks for, or
 * raise.  What is loaded is looked at first; then the files are read again,
 * which may have been put right since.
 */
static MasterKey *
find_master_key(const uint8 *fingerprint)
{
	MasterKey  *current;
	int			error;
	int			i;

	for (i = 0; i < MASTER_KEYS; i++)
	{
		if (is_master_key(&master_keys[i], fingerprint))
		{
			prepare_for_keys(false);
			return &master_keys[i];
		}
	}
	if (next_master_key_is_set())
	{
		prepare_for_keys(false);
		(void) read_master_key(&master_keys[MASTER_KEY_NEXT],
							   master_key_file_next, &error);
		if (is_master_key(&master_keys[MASTER_KEY_NEXT], fingerprint))
			return &master_keys[MASTER_KEY_NEXT];
	}

	current = load_current_master_key();
	if (!is_master_key(current, fingerprint))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the master key is not the one that this database's keys are encrypted under"),
				 errdetail("The database asks for the key with fingerprint %s; the %s holds %s.",
						   fingerprint_text(fingerprint),
						   current->by_command ? "command's output" : "file",
						   fingerprint_text(current->fingerprint)),
				 errhint("Put the master key that belongs to this database where the settings of caredata say.")));
	return current;
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

/* The fingerprint of the master key that the running statement sees, if any. */
static bool
fetch_master_fingerprint(uint8 *fingerprint)
{
	CaredataScan scan;
	HeapTuple	tuple;
	bool		found;

	caredata_scan_begin(&scan, "master_key_check", "master_key_check_pkey",
						0, NULL);
	tuple = caredata_scan_next(&scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		fetch_bytes(&scan, tuple, "fingerprint", fingerprint, FINGERPRINT_BYTES);
	caredata_scan_end(&scan);
	return found;
}

/*
 * Get the master key that the keys of this database are encrypted under, as the
 * running statement sees them, into wrapping_key.
 */
static MasterKey *
require_master_key(void)
{
	uint8		fingerprint[FINGERPRINT_BYTES];
	MasterKey  *master;

	if (!fetch_master_fingerprint(fingerprint))
	{
		(void) load_current_master_key();
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the fingerprint of the master key is missing from this database"),
				 errhint("Restore table caredata.master_key_check from a back-up.")));
	}
	master = find_master_key(fingerprint);
	use_master_key(master);
	return master;
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

/* Encrypt a domain key under a wrapping key; does not raise. */
static bool
wrap_key(const uint8 *data_key, int32 domain_id, int32 generation,
		 uint8 *under, uint8 *wrapped)
{
	uint8		ad[WRAP_AD_BYTES];
	unsigned long long length = 0;
	bool		ok;

	wrap_associated_data(domain_id, generation, ad);
	wrapped[0] = WRAPPED_VERSION;
	randombytes_buf(wrapped + 1, NONCE_BYTES);

	if (sodium_mprotect_readonly(under) != 0)
		return false;
	ok = crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + 1 + NONCE_BYTES,
													&length,
													data_key, KEY_BYTES,
													ad, sizeof(ad), NULL,
													wrapped + 1, under) == 0 &&
		length == KEY_BYTES + TAG_BYTES;
	return sodium_mprotect_noaccess(under) == 0 && ok;
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
		fetch_bytes(&scan, tuple, "wrapped_key", row->wrapped, WRAPPED_BYTES);
		fetch_bytes(&scan, tuple, "fingerprint", row->fingerprint,
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
 * Secrets that partners gave, wrapped under the master key
 * ------------------------------------------------------------------------
 */

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
	unsigned long long sealed = 0;
	bool		ok;

	secret_associated_data(name, ad);
	wrapped[0] = WRAPPED_VERSION;
	randombytes_buf(wrapped + 1, NONCE_BYTES);
	if (sodium_mprotect_readonly(under) != 0)
		return false;
	ok = crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + 1 + NONCE_BYTES,
													&sealed, secret, length,
													ad, sizeof(ad), NULL,
													wrapped + 1, under) == 0 &&
		sealed == length + TAG_BYTES;
	return sodium_mprotect_noaccess(under) == 0 && ok;
}

bytea *
caredata_wrap_secret_file(const char *name, const char *path)
{
	uint8	   *contents;
	size_t		size = CAREDATA_SECRET_MAX + 3;
	size_t		length = 0;
	KeyFileStatus status;
	bytea	   *result;
	bool		ok = false;
	int			error;

	require_master_key();
	result = palloc(VARHDRSZ + CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX));

	contents = sodium_malloc(size);
	if (contents == NULL)
		report_no_guarded_memory();
	status = read_secret_file(path, contents, size, &length, &error);
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
		ok = wrap_secret(name, contents, length, wrapping_key,
						 (uint8 *) VARDATA(result));
	sodium_free(contents);

	if (status == KEY_FILE_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the secret's file has the wrong length"),
				 errhint("It must hold 1 to %d bytes and at most one line end.",
						 CAREDATA_SECRET_MAX)));
	report_key_file(status, "secret's", path, error);
	if (!ok)
		report_no_guarded_memory();
	SET_VARSIZE(result, VARHDRSZ + CAREDATA_WRAPPED_SECRET(length));
	return result;
}

const uint8 *
caredata_open_secret(const char *name, const uint8 *wrapped, size_t length,
					 size_t *secret_length)
{
	uint8		ad[SECRET_AD_BYTES];
	uint8	   *secret;
	unsigned long long opened = 0;
	bool		ok = false;

	require_master_key();
	if (length <= CAREDATA_WRAPPED_SECRET(0) ||
		length > CAREDATA_WRAPPED_SECRET(CAREDATA_SECRET_MAX))
		return NULL;
	secret_associated_data(name, ad);

	secret = sodium_malloc(length - CAREDATA_WRAPPED_SECRET(0));
	if (secret == NULL || sodium_mprotect_readonly(wrapping_key) != 0)
	{
		sodium_free(secret);
		report_no_guarded_memory();
	}
	ok = wrapped[0] == WRAPPED_VERSION &&
		crypto_aead_xchacha20poly1305_ietf_decrypt(secret, &opened, NULL,
												   wrapped + 1 + NONCE_BYTES,
												   length - 1 - NONCE_BYTES,
												   ad, sizeof(ad),
												   wrapped + 1,
												   wrapping_key) == 0;
	if (sodium_mprotect_noaccess(wrapping_key) != 0 ||
		(ok && sodium_mprotect_readonly(secret) != 0))
	{
		sodium_free(secret);
		report_no_guarded_memory();
	}
	if (!ok)
	{
		sodium_free(secret);
		return NULL;
	}
	*secret_length = opened;
	return secret;
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

/* caredata.master_key_fingerprint(): of the key that is configured. */
Datum
caredata_master_key_fingerprint(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(bytes_to_bytea(load_current_master_key()->fingerprint,
									 FINGERPRINT_BYTES));
}

/*
 * caredata.next_master_key_fingerprint(): of the key to go over to; NULL when
 * none is configured.
 */
Datum
caredata_next_master_key_fingerprint(PG_FUNCTION_ARGS)
{
	if (!next_master_key_is_set())
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(bytes_to_bytea(load_next_master_key()->fingerprint,
									 FINGERPRINT_BYTES));
}

/*
 * caredata.master_key_in_use(): where the master key of this database comes
 * from, and since when it is loaded.
 */
Datum
caredata_master_key_in_use(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	MasterKey  *master;
	const char *source;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tupdesc = BlessTupleDesc(tupdesc);

	master = require_master_key();
	if (master == &master_keys[MASTER_KEY_NEXT])
		source = "next file";
	else
		source = master->by_command ? "command" : "file";
	values[0] = CStringGetTextDatum(master->at_start ?
									psprintf("%s, when the server started", source) :
									source);
	values[1] = TimestampTzGetDatum(master->loaded_at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}

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
	MasterKey  *next;
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

	next = &master_keys[MASTER_KEY_NEXT];
	if (!is_loaded(next))
		next = load_next_master_key();
	(void) require_master_key();

	data_key = sodium_malloc(KEY_BYTES);
	if (data_key != NULL)
		status = unwrap_key(&row, data_key);
	if (status == KEY_OK &&
		!wrap_key(data_key, row.domain_id, row.generation,
				  next->wrapping_key, rewrapped))
		status = KEY_NO_MEMORY;
	sodium_free(data_key);
	report_key(status, &row);
	PG_RETURN_BYTEA_P(bytes_to_bytea(rewrapped, WRAPPED_BYTES));
}

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

static void
report_secret(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("compatibility secret \"%s\" cannot be decrypted", name),
			 errhint("Its row was altered or renamed; drop it and import it anew.")));
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
	MasterKey  *next;
	bool		ok;

	check_may_handle_secret();
	next = &master_keys[MASTER_KEY_NEXT];
	if (!is_loaded(next))
		next = load_next_master_key();
	secret = caredata_open_secret(name, (const uint8 *) VARDATA_ANY(wrapped),
								  VARSIZE_ANY_EXHDR(wrapped), &length);
	if (secret == NULL)
		report_secret(name);
	ok = wrap_secret(name, secret, length, next->wrapping_key, rewrapped);
	sodium_free(unconstify(uint8 *, secret));
	if (!ok)
		report_no_guarded_memory();
	PG_RETURN_BYTEA_P(bytes_to_bytea(rewrapped,
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
		report_secret(name);
	sodium_free(unconstify(uint8 *, secret));
	PG_RETURN_VOID();
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
