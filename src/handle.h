/*
 * handle.h
 *		The release handle, and who may use what it opens.
 */
#ifndef CAREDATA_HANDLE_H
#define CAREDATA_HANDLE_H

#include "fmgr.h"

/* A release_ref is the number of a release (and of its pseudonym domain). */
#define PG_GETARG_RELEASE_REF(n)	PG_GETARG_INT32(n)

/*
 * Raise insufficient_privilege unless the current user is a superuser or has
 * the privileges of the release's reader role, and undefined_object when
 * there is no such release.  Reads one row under the running statement's
 * snapshot, so call it once per statement and call site, not once per row.
 */
extern void caredata_check_release_member(int32 release_id);

#endif							/* CAREDATA_HANDLE_H */
