/*
 * string_similarity.h
 *		How alike two strings are: Jaro, Jaro-Winkler, Levenshtein and its
 *		two relatives with transpositions, without PostgreSQL.
 *
 * Strings are arrays of code points: of uint8_t where every code point is
 * below 256 (any ASCII string is one), of uint32_t otherwise.  Each function
 * exists for both, its name ending in _8 or _32, and gives the same for the
 * same code points.  Case counts; nothing is normalised here.
 *
 * Nothing allocates memory or raises.  No string may be longer than
 * STRING_SIMILARITY_MAX code points; the caller sees to that.
 */
#ifndef CAREDATA_STRING_SIMILARITY_H
#define CAREDATA_STRING_SIMILARITY_H

#include <stddef.h>
#include <stdint.h>

#define STRING_SIMILARITY_MAX	1024

#define STRING_SIMILARITY_FUNCTIONS(Char, suffix) \
/* Jaro similarity, 0 to 1; 0 when either string is empty. */ \
extern double caredata_jaro_##suffix(const Char *a, size_t la, \
									 const Char *b, size_t lb); \
/* Jaro, and above 0.7 a tenth of what is missing for each of the first four \
 * characters that agree. */ \
extern double caredata_jaro_winkler_##suffix(const Char *a, size_t la, \
											 const Char *b, size_t lb); \
/* The same where it is at least `least`, otherwise 0, and then sooner. */ \
extern double caredata_jaro_winkler_at_least_##suffix(const Char *a, size_t la, \
													  const Char *b, size_t lb, \
													  double least); \
/* Insertions, deletions and substitutions from a to b. */ \
extern int caredata_levenshtein_##suffix(const Char *a, size_t la, \
										 const Char *b, size_t lb); \
/* Also transpositions of neighbours, between which more may be inserted \
 * (unrestricted Damerau-Levenshtein, a metric: CA to ABC is 2). */ \
extern int caredata_damerau_##suffix(const Char *a, size_t la, \
									 const Char *b, size_t lb); \
/* The same, but nothing is edited twice (optimal string alignment, no metric: \
 * CA to ABC is 3). */ \
extern int caredata_osa_##suffix(const Char *a, size_t la, \
								 const Char *b, size_t lb); \
/* The distance if it is at most bound, otherwise bound + 1, and then sooner; \
 * bound is not negative. */ \
extern int caredata_levenshtein_bounded_##suffix(const Char *a, size_t la, \
												 const Char *b, size_t lb, \
												 int bound); \
extern int caredata_damerau_bounded_##suffix(const Char *a, size_t la, \
											 const Char *b, size_t lb, \
											 int bound); \
extern int caredata_osa_bounded_##suffix(const Char *a, size_t la, \
										 const Char *b, size_t lb, \
										 int bound);

STRING_SIMILARITY_FUNCTIONS(uint8_t, 8)
STRING_SIMILARITY_FUNCTIONS(uint32_t, 32)

#undef STRING_SIMILARITY_FUNCTIONS

#endif							/* CAREDATA_STRING_SIMILARITY_H */
