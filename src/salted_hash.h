/*
 * salted_hash.h
 *		Digests that other pseudonymisation tools make, without PostgreSQL.
 *
 * All are SHA-256 over values and a salt.  They are weaker than the
 * extension's own pseudonyms: whoever learns the salt can try out every NHS
 * number in minutes.  They exist to match what partners already hold.
 */
#ifndef CAREDATA_SALTED_HASH_H
#define CAREDATA_SALTED_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SALTED_HASH_HEX			64
#define SALTED_HASH_MAX_FIELDS	16

typedef struct HashPart
{
	const char *bytes;
	size_t		length;
} HashPart;

/* SHA-256 of the parts one after the other, in hexadecimal, lower case. */
extern bool caredata_salted_hash(const HashPart *parts, int count, char *hex);

/*
 * OpenPseudonymiser: the values in the order of their fields' names, blanks
 * left out, then the salt; upper case.  False in *names_ok when a name has
 * other characters than letters, digits, spaces and underscores, whose order
 * differs between the tool's versions, or stands twice.
 */
extern bool caredata_open_pseudonymiser(const HashPart *names,
										const HashPart *values, int count,
										HashPart salt, char *hex,
										bool *names_ok);

/*
 * The pseudo ids of the NDR tools.  *readable says whether the values are of
 * the form that the tools ask for: ten digits; a postcode of letters, digits
 * and spaces.  day has ten characters, YYYY-MM-DD.
 */
extern bool caredata_ndr_pseudo_id1(HashPart nhs_number, HashPart salt,
									char *hex, bool *readable);
extern bool caredata_ndr_pseudo_id2(const char *day, HashPart postcode,
									HashPart salt, char *hex, bool *readable);
extern bool caredata_ndr_repseudonym(HashPart pseudo_id, HashPart salt,
									 char *hex, bool *readable);

#endif							/* CAREDATA_SALTED_HASH_H */
