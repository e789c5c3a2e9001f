/*
 * name_fold.h
 *		Letters of any script's look as capital ASCII letters, without
 *		PostgreSQL.
 */
#ifndef CAREDATA_NAME_FOLD_H
#define CAREDATA_NAME_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest that one code point becomes. */
#define NAME_FOLD_MAX	2

/*
 * What a code point becomes that is not decomposed further (normal form KD):
 * an ASCII character, a letter in capitals; two of them for letters such as
 * the German sharp s; nothing for marks and for letters that are not Latin.
 */
extern size_t caredata_fold_code_point(uint32_t point, char *out);

/*
 * Whether a code point stands for an apostrophe.  To be asked before a text is
 * decomposed, which turns some of them into a space and a mark.
 */
extern bool caredata_is_apostrophe(uint32_t point);

/*
 * Brings folded ASCII text into the form of names, in place: letters and
 * digits, apostrophes gone, one space for anything else between words.
 * Returns the length.
 */
extern size_t caredata_fold_words(char *text, size_t length);

#endif							/* CAREDATA_NAME_FOLD_H */
