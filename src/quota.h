/*
 * quota.h
 *		How many values a login may put through keyed functions in a day.
 *
 * A function that takes a value from its caller and answers with what the key
 * makes of it, or the other way round, counts each one:
 *
 *		caredata_count_use(CAREDATA_USE_PSEUDONYMISE);
 *
 * Nearly always that is a decrement.  It raises configuration_limit_exceeded
 * when the login has used its quota up.
 */
#ifndef CAREDATA_QUOTA_H
#define CAREDATA_QUOTA_H

/* What a value is put through for; quota.c has the names. */
typedef enum CaredataUse
{
	CAREDATA_USE_PSEUDONYMISE,	/* an identifier to a pseudonym or digest */
	CAREDATA_USE_RENEW,			/* an old pseudonym to the current one */
	CAREDATA_USE_TRANSLATE,		/* to another release's pseudonym */
	CAREDATA_USE_REIDENTIFY,	/* to the person, on an approved request */
	CAREDATA_USE_REVERSE		/* to the identifier, in a DBA's function */
} CaredataUse;
#define CAREDATA_USES			(CAREDATA_USE_REVERSE + 1)

/* What is left of what this transaction has drawn. */
extern uint64 caredata_quota_drawn[CAREDATA_USES];

extern void caredata_quota_init(bool preloading);
extern void caredata_draw_quota(CaredataUse use);

static inline void
caredata_count_use(CaredataUse use)
{
	if (unlikely(caredata_quota_drawn[use] == 0))
		caredata_draw_quota(use);
	caredata_quota_drawn[use]--;
}

#endif							/* CAREDATA_QUOTA_H */
