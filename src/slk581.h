/*
 * slk581.h
 *		SLK-581, the statistical linkage key of Australian health and welfare
 *		statistics, without PostgreSQL.
 */
#ifndef CAREDATA_SLK581_H
#define CAREDATA_SLK581_H

#include <stddef.h>

#define SLK581_LENGTH		14
#define SLK581_FAMILY		3
#define SLK581_GIVEN		2

/*
 * The letters of a folded name that the key takes: of the family name the
 * second, third and fifth, of the given name the second and third.  2 stands
 * for a letter that is not there, 9 for each where the name is missing.
 */
extern void caredata_slk581_family(const char *name, size_t length, char *out);
extern void caredata_slk581_given(const char *name, size_t length, char *out);

/* 1 male, 2 female, 3 other or intersex; 9 for anything else. */
extern char caredata_slk581_sex(const char *sex, size_t length);

#endif							/* CAREDATA_SLK581_H */
