/*
 * master_key.h
 *		The master key, for what is kept under it.
 */
#ifndef CAREDATA_MASTER_KEY_H
#define CAREDATA_MASTER_KEY_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "key_file.h"

#define CAREDATA_FINGERPRINT_BYTES	8

/* What is kept of a master key. */
typedef struct CaredataMasterKey
{
	bool		loaded;
	bool		by_command;
	bool		at_start;		/* by the postmaster */
	char		path[MAXPGPATH];	/* file that it was read from */
	uint8	   *wrapping_key;	/* guarded, PROT_NONE while not in use */
	uint8		fingerprint[CAREDATA_FINGERPRINT_BYTES];
	TimestampTz loaded_at;
	int			locked_by;		/* process whose lock on the memory holds */
} CaredataMasterKey;

/*
 * Settings; in the postmaster, the master key too.  preloading: whether the
 * library is being loaded by shared_preload_libraries.
 */
extern void caredata_master_key_init(bool preloading);

/*
 * The master key that the keys of this database are encrypted under, as the
 * running statement sees them; raises if it is not to be had
 * (config_file_error) or the database names none (data_corrupted).
 */
extern CaredataMasterKey *caredata_require_master_key(void);

/* The key that rotate_master_key() goes over to, or raise. */
extern CaredataMasterKey *caredata_next_master_key(void);

/* Fetch a bytea attribute that must have the given length. */
extern void caredata_fetch_bytes(CaredataScan *scan, HeapTuple tuple,
								 const char *column, uint8 *out, Size length);

/* Bytes as a bytea. */
extern bytea *caredata_bytes_to_bytea(const uint8 *bytes, Size length);

#endif							/* CAREDATA_MASTER_KEY_H */
