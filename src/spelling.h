/*
 * spelling.h
 *		Conditions as analysts and BI tools spell them, in leakproof terms.
 */
#ifndef CAREDATA_SPELLING_H
#define CAREDATA_SPELLING_H

/* The planner hook. */
extern void caredata_spelling_init(void);

#endif							/* CAREDATA_SPELLING_H */
