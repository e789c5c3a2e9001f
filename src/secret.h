/*
 * secret.h
 *		Secrets of partners (salts): read from a file that passes the checks of
 *		the master key file, and kept wrapped under the master key, bound to a
 *		name of less than NAMEDATALEN bytes.
 */
#ifndef CAREDATA_SECRET_H
#define CAREDATA_SECRET_H

#include "wrap.h"

#define CAREDATA_SECRET_MAX			1024
#define CAREDATA_WRAPPED_SECRET(n)	CAREDATA_WRAPPED_BYTES(n)

extern bytea *caredata_wrap_secret_file(const char *name, const char *path);

/*
 * The secret in guarded memory of its own, which the caller keeps; NULL when
 * the bytes were altered or belong to another name.
 */
extern const uint8 *caredata_open_secret(const char *name,
										 const uint8 *wrapped, size_t length,
										 size_t *secret_length);

/* What stands in caredata.compat_secret; raises if there is none of the name. */
extern bytea *caredata_read_secret(Name name);

/* The secret of that name, in guarded memory that the caller frees; raises. */
extern const uint8 *caredata_open_named_secret(Name name, size_t *length);

/* Raises for a secret that does not open. */
extern void caredata_report_secret(const char *name);

#endif							/* CAREDATA_SECRET_H */
