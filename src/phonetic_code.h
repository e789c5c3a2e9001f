/*
 * phonetic_code.h
 *		Codes of names that sound alike: Soundex, NYSIIS, Double Metaphone and
 *		the match rating codex, without PostgreSQL.
 *
 * A name is bytes in ISO 8859-1, capital letters: ASCII, and whatever accented
 * letter the caller has not folded away.  Codes are of the same bytes, go to a
 * buffer of the caller's, and have no terminator; each function returns the
 * length.  A name without a letter has the empty code, unless said otherwise.
 * Nothing allocates memory or raises, whatever the length.
 */
#ifndef CAREDATA_PHONETIC_CODE_H
#define CAREDATA_PHONETIC_CODE_H

#include <stddef.h>
#include <stdint.h>

#define SOUNDEX_LENGTH				4
#define DOUBLE_METAPHONE_LENGTH		4
#define MATCH_RATING_LENGTH			6

/*
 * What an H or a W between two letters of one code does.  ASHCRAFT is A261 by
 * the standard rule, under which they are one, and A226 by the rule of SQL
 * databases, under which they are two.
 */
typedef enum SoundexRule
{
	SOUNDEX_STANDARD,
	SOUNDEX_SQL
} SoundexRule;

/* What the match rating comparison can say. */
typedef enum MatchRating
{
	MATCH_RATING_DIFFERENT,
	MATCH_RATING_SIMILAR,
	MATCH_RATING_NOT_COMPARABLE /* codes of too different a length */
} MatchRating;

/* Always four, but of nothing. */
extern size_t caredata_soundex(const uint8_t *name, size_t length,
							   SoundexRule rule, uint8_t *code);

/* code has room for length bytes, and may not be name. */
extern size_t caredata_nysiis(const uint8_t *name, size_t length,
							  uint8_t *code);

/* Up to four each; the alternate is the primary where there is no other. */
extern size_t caredata_double_metaphone(const uint8_t *name, size_t length,
										uint8_t *primary, uint8_t *alternate,
										size_t *alternate_length);

/* Up to six. */
extern size_t caredata_match_rating_codex(const uint8_t *name, size_t length,
										  uint8_t *code);

/* Of two codices. */
extern MatchRating caredata_match_rating_compare(const uint8_t *a, size_t la,
												 const uint8_t *b, size_t lb);

#endif							/* CAREDATA_PHONETIC_CODE_H */
