/*
 * master_key.c
 *		The master key: where it comes from and what a process keeps of it.
 *
 * The master key is wiped as soon as the wrapping key is derived from it;
 * that, and everything in between, lives in libsodium's guarded memory, out of
 * reach (PROT_NONE) while it is not in use.  Derivations, by libsodium's
 * crypto_kdf, are fixed for ever:
 *
 *	master key (32 bytes, from caredata.master_key_file or _command)
 *		"cd_wrap_" 1	wrapping key: encrypts what keyring.c keeps
 *		"cd_check" 1	fingerprint of the master key (8 bytes)
 *
 * It is loaded when the server starts, if it is there then, and every process
 * inherits what is kept of it.  A database says by a fingerprint which master
 * key it asks for; a process that does not have that one reads the files, at
 * the time of use, and raises if it is in none of them.  No ereport() happens
 * while key bytes are on the way: the functions that handle them return a
 * status, and raise after wiping.
 */
#include "postgres.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <sodium.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "compat.h"
#include "master_command.h"
#include "master_key.h"

StaticAssertDecl(CAREDATA_KEY_BYTES == crypto_kdf_KEYBYTES,
				 "key length of crypto_kdf");
StaticAssertDecl(CAREDATA_FINGERPRINT_BYTES <= crypto_kdf_BYTES_MIN,
				 "fingerprints are cut from the shortest derivation");

typedef enum MasterKeySource
{
	MASTER_KEY_CURRENT,			/* master_key_file, or master_key_command */
	MASTER_KEY_NEXT				/* master_key_file_next */
} MasterKeySource;
#define MASTER_KEYS		(MASTER_KEY_NEXT + 1)

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

static CaredataMasterKey master_keys[MASTER_KEYS];

static void load_master_key_at_start(void);

PG_FUNCTION_INFO_V1(caredata_master_key_fingerprint);
PG_FUNCTION_INFO_V1(caredata_next_master_key_fingerprint);
PG_FUNCTION_INFO_V1(caredata_master_key_in_use);

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
caredata_master_key_init(bool preloading)
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

/*
 * Leave shared memory, which has pages of the tables with identities, out of
 * core files of the postmaster and of all that it starts.  What this process
 * alone has stays in them: they are still of use.
 */
static void
keep_tables_out_of_core_files(void)
{
#ifdef __linux__
	/* of core(5): anonymous, of files, in huge pages, DAX; all shared */
	const unsigned shared = 1 << 1 | 1 << 3 | 1 << 6 | 1 << 8;
	FILE	   *file = fopen("/proc/self/coredump_filter", "r+");
	unsigned	filter;
	bool		done = false;

	if (file != NULL)
	{
		done = fscanf(file, "%x", &filter) == 1 &&
			fseek(file, 0, SEEK_SET) == 0 &&
			fprintf(file, "0x%x\n", filter & ~shared) > 0;
		done = fclose(file) == 0 && done;
	}
	if (!done)
		ereport(LOG,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not leave shared memory out of core files: %m"),
				 errhint("Forbid core files of the server (ulimit -c 0).")));
#endif
}

static char *
fingerprint_text(const uint8 *fingerprint)
{
	char	   *text = palloc(2 * CAREDATA_FINGERPRINT_BYTES + 1);

	return sodium_bin2hex(text, 2 * CAREDATA_FINGERPRINT_BYTES + 1,
						  fingerprint, CAREDATA_FINGERPRINT_BYTES);
}

/* Wipe what this process has of master keys when it ends. */
static void
wipe_keys(int code, Datum arg)
{
	int			i;

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
keep_master_key(CaredataMasterKey *master, const uint8 *key)
{
	uint8		check[crypto_kdf_BYTES_MIN];
	bool		derived;

	master->loaded = false;
	if (master->wrapping_key == NULL)
	{
		master->wrapping_key = sodium_malloc(CAREDATA_KEY_BYTES);
		master->locked_by = MyProcPid;
	}
	if (master->wrapping_key == NULL ||
		sodium_mprotect_readwrite(master->wrapping_key) != 0)
		return false;
	derived = crypto_kdf_derive_from_key(master->wrapping_key, CAREDATA_KEY_BYTES,
										 1, "cd_wrap_", key) == 0 &&
		crypto_kdf_derive_from_key(check, sizeof(check),
								   1, "cd_check", key) == 0;
	if (sodium_mprotect_noaccess(master->wrapping_key) != 0)
		derived = false;
	if (!derived)
		return false;
	memcpy(master->fingerprint, check, CAREDATA_FINGERPRINT_BYTES);
	master->loaded = true;
	master->at_start = !IsUnderPostmaster;
	master->loaded_at = GetCurrentTimestamp();
	return true;
}

/* Read a master key from its file; does not raise. */
static CaredataKeyFileStatus
read_master_key(CaredataMasterKey *master, const char *path, int *error)
{
	uint8	   *contents = sodium_malloc(CAREDATA_KEY_FILE_BYTES);
	uint8	   *key = sodium_malloc(CAREDATA_KEY_BYTES);
	CaredataKeyFileStatus status = KEY_FILE_NO_MEMORY;

	*error = 0;
	if (contents != NULL && key != NULL)
	{
		status = caredata_read_key_file(path, contents, key, error);
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
	CaredataMasterKey  *master = &master_keys[MASTER_KEY_CURRENT];
	char	   *argv[MASTER_COMMAND_ARGUMENTS + 1];
	char	   *buffer = palloc(strlen(master_key_command) + 1);
	uint8	   *contents = sodium_malloc(CAREDATA_KEY_FILE_BYTES);
	uint8	   *key = sodium_malloc(CAREDATA_KEY_BYTES);
	MasterCommandStatus status = MASTER_COMMAND_CANNOT_READ;
	CaredataKeyFileStatus decoded = KEY_FILE_NO_MEMORY;
	size_t		length = 0;
	int			detail = 0;

	master->by_command = true;
	if (contents != NULL && key != NULL &&
		master_command_parse(master_key_command, buffer, argv) == NULL)
	{
		status = master_command_run(argv, master_key_command_limit, contents,
									CAREDATA_KEY_FILE_BYTES, &length, &detail);
		if (status == MASTER_COMMAND_OK)
			decoded = caredata_decode_key(contents, length, key);
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

	keep_tables_out_of_core_files();
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
use_master_key(CaredataMasterKey *master)
{
	if (master->locked_by != MyProcPid)
	{
		if (sodium_mprotect_readonly(master->wrapping_key) == 0)
			(void) sodium_mlock(master->wrapping_key, CAREDATA_KEY_BYTES);
		if (sodium_mprotect_noaccess(master->wrapping_key) != 0)
			caredata_report_no_guarded_memory();
		master->locked_by = MyProcPid;
	}
}

/*
 * Is there a key from what is configured now?  Told by the path, not by an
 * assign hook: a parallel worker assigns every setting anew.
 */
static bool
is_loaded(const CaredataMasterKey *master)
{
	const char *path = (master == &master_keys[MASTER_KEY_CURRENT]) ?
		master_key_file : master_key_file_next;

	return master->loaded &&
		(master->by_command ||
		 (path != NULL && strcmp(master->path, path) == 0));
}

static bool
is_master_key(const CaredataMasterKey *master, const uint8 *fingerprint)
{
	return is_loaded(master) &&
		sodium_memcmp(master->fingerprint, fingerprint, CAREDATA_FINGERPRINT_BYTES) == 0;
}

/* Load the key that is configured, or raise. */
static CaredataMasterKey *
load_current_master_key(void)
{
	CaredataMasterKey  *master = &master_keys[MASTER_KEY_CURRENT];
	CaredataKeyFileStatus status;
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
		caredata_report_key_file(status, "master key", master_key_file, true,
								 error);
	return master;
}

static bool
next_master_key_is_set(void)
{
	return master_key_file_next != NULL && master_key_file_next[0] != '\0';
}

/* Load the key to go over to, or raise. */
static CaredataMasterKey *
load_next_master_key(void)
{
	CaredataMasterKey  *master = &master_keys[MASTER_KEY_NEXT];
	int			error;
	CaredataKeyFileStatus status;

	prepare_for_keys(false);
	if (!next_master_key_is_set())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("no next master key is configured"),
				 errhint("Set caredata.master_key_file_next to a file made with: openssl rand -hex 32")));
	status = read_master_key(master, master_key_file_next, &error);
	caredata_report_key_file(status, "next master key",
							 master_key_file_next, true, error);
	return master;
}

CaredataMasterKey *
caredata_next_master_key(void)
{
	CaredataMasterKey *master = &master_keys[MASTER_KEY_NEXT];

	return is_loaded(master) ? master : load_next_master_key();
}

/*
 * Find the master key with the fingerprint that the database asks for, or
 * raise.  What is loaded is looked at first; then the files are read again,
 * which may have been put right since.
 */
static CaredataMasterKey *
find_master_key(const uint8 *fingerprint)
{
	CaredataMasterKey  *current;
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
void
caredata_fetch_bytes(CaredataScan *scan, HeapTuple tuple, const char *column,
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
		caredata_fetch_bytes(&scan, tuple, "fingerprint", fingerprint, CAREDATA_FINGERPRINT_BYTES);
	caredata_scan_end(&scan);
	return found;
}

/*
 * Get the master key that the keys of this database are encrypted under, as the
 * running statement sees them.
 */
CaredataMasterKey *
caredata_require_master_key(void)
{
	uint8		fingerprint[CAREDATA_FINGERPRINT_BYTES];
	CaredataMasterKey  *master;

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
 * SQL functions, for create_domain() and key_status()
 * ------------------------------------------------------------------------
 */

bytea *
caredata_bytes_to_bytea(const uint8 *bytes, Size length)
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
	PG_RETURN_BYTEA_P(caredata_bytes_to_bytea(load_current_master_key()->fingerprint,
									 CAREDATA_FINGERPRINT_BYTES));
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
	PG_RETURN_BYTEA_P(caredata_bytes_to_bytea(load_next_master_key()->fingerprint,
									 CAREDATA_FINGERPRINT_BYTES));
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
	CaredataMasterKey  *master;
	const char *source;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tupdesc = BlessTupleDesc(tupdesc);

	master = caredata_require_master_key();
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
