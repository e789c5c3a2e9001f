/*
 * name_standard.h
 *		Names in the form in which they are compared.
 */
#ifndef CAREDATA_NAME_STANDARD_H
#define CAREDATA_NAME_STANDARD_H

#include "postgres.h"

#include "fmgr.h"

typedef enum NamePart
{
	NAME_GIVEN,
	NAME_FAMILY
} NamePart;

/* Titles, suffixes and names that are none, as one statement sees them. */
typedef struct NameLists NameLists;

/* Read under the snapshot of the running statement, into that context. */
extern NameLists *caredata_read_name_lists(MemoryContext context);

/*
 * Letters and digits of the bytes (in the encoding of the database) as capital
 * ASCII, words parted by one space; palloc'd, with a terminator.
 */
extern char *caredata_fold_name(const char *bytes, size_t length,
								size_t *folded_length);

/*
 * The standard form of a name, or NULL where it says nothing about who the
 * person is; palloc'd.
 */
extern char *caredata_standard_name(const NameLists *lists, NamePart part,
									const char *bytes, size_t length,
									size_t *standard_length);

/*
 * Capitals in ISO 8859-1, with their accents, other letters folded; palloc'd,
 * with a terminator.  What phonetic codes are made of.
 */
extern uint8 *caredata_latin_capitals(const char *bytes, size_t length,
									  size_t *latin_length);

#endif							/* CAREDATA_NAME_STANDARD_H */
