/*
 * person_alias.h
 *		Persons that turned out to be somebody else who was known before.
 */
#ifndef CAREDATA_PERSON_ALIAS_H
#define CAREDATA_PERSON_ALIAS_H

#include "postgres.h"

/* What a call site knows of aliases.  All zero at first. */
typedef struct CaredataAliases
{
	bool		loaded;
	int			count;
	int32	   *retired;		/* ascending */
	int32	   *person;			/* who each of them is */
} CaredataAliases;

/*
 * The person under whose number the records of this one are now: the number
 * itself, unless it was retired by a merge.  Reads the aliases once, under the
 * running statement's snapshot, and keeps them in the context.
 */
extern int32 caredata_living_person(CaredataAliases *aliases,
									MemoryContext context, int32 person);

#endif							/* CAREDATA_PERSON_ALIAS_H */
