/*
 * release_gate.h
 *		Whether a release may be read at all.
 */
#ifndef CAREDATA_RELEASE_GATE_H
#define CAREDATA_RELEASE_GATE_H

#include "utils/date.h"
#include "utils/timestamp.h"

/* The row of a release, as far as it concerns its being open. */
typedef struct CaredataReleaseRow
{
	int32		release_id;
	NameData	name;
	char		state[16];
	DateADT		starts_on;
	DateADT		ends_on;
} CaredataReleaseRow;

/* The permission check hook. */
extern void caredata_release_gate_init(void);

/*
 * Raise unless the release is active and today is within its term
 * (object_not_in_prerequisite_state).  Unlike visible sets, which are seen
 * under the statement's snapshot, the state counts as it is now: a release
 * suspended or ended is closed to every statement from then on, in whatever
 * transaction.  A domain that no release was drafted for has no state.
 */
extern void caredata_check_release_open(int32 release_id);

/*
 * Read the release with this id or, if name is given, of this name, as it is
 * now.  Returns false if there is none.
 */
extern bool caredata_read_release(int32 release_id, const char *name,
								  CaredataReleaseRow *row);

/* The open check, giving the row; a release that does not exist raises as well. */
extern void caredata_get_open_release(int32 release_id,
									  CaredataReleaseRow *row);

/* The date of a moment in the server's time zone, not the session's. */
extern DateADT caredata_server_date(TimestampTz moment);

/* Year, month and day, whatever the session's DateStyle. */
extern char *caredata_date_string(DateADT date);

#endif							/* CAREDATA_RELEASE_GATE_H */
