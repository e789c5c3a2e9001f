/*
 * string_similarity.c
 *		The two instances of string_similarity_template.h, and what does not
 *		depend on the width of a character.
 *
 * Up to 64 characters a string is one machine word: bit j of positions_of(c)
 * is set where b[j] is c, and a whole row of a comparison is a few operations
 * on words.  Longer strings, which names are not, take the textbook's way.
 *
 * Jaro and Jaro-Winkler are evaluated in one fixed order of floating-point
 * operations, because 0.7 and the thresholds of linkage models are compared
 * with the result: of WEISER and WHITE it is 0.7 and a last bit, so their
 * first letter counts.
 */
#include "string_similarity.h"

#include <stdbool.h>
#include <string.h>

#define WORD_BITS	64

static inline int
lowest_bit(uint64_t word)
{
#if defined(__GNUC__)
	return __builtin_ctzll(word);
#else
	int			n = 0;

	while ((word >> n & 1) == 0)
		n++;
	return n;
#endif
}

static inline int
minimum(int a, int b)
{
	return a < b ? a : b;
}

static inline size_t
shorter(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t
longer(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* How far apart two matching characters may be: half the longer, less one. */
static inline size_t
jaro_window(size_t la, size_t lb)
{
	size_t		half = longer(la, lb) / 2;

	return half > 0 ? half - 1 : 0;
}

/*
 * Of `matches` characters in common, `unlike` of which are not in the same
 * order.  Half of those, rounded down, are transpositions.
 */
static inline double
jaro_value(size_t la, size_t lb, int matches, int unlike)
{
	double		m = matches;

	return (m / (double) la + m / (double) lb +
			(m - (double) (unlike / 2)) / m) / 3.0;
}

static inline double
winkler_value(double jaro, int prefix)
{
	return jaro > 0.7 ? jaro + prefix * 0.1 * (1.0 - jaro) : jaro;
}

/*
 * How many characters in common a pair needs to reach least, all of them in
 * the same order: J >= (m/la + m/lb + 1)/3, solved for m.  A little less, so
 * that rounding never costs a pair that reaches it.
 */
static inline double
matches_needed(size_t la, size_t lb, int prefix, double least)
{
	double		boost = prefix * 0.1;
	double		jaro = least;

	if (least > 0.7)
	{
		jaro = (least - boost) / (1.0 - boost);
		if (jaro < 0.7)
			jaro = 0.7;
	}
	return (3.0 * jaro - 1.0) * (double) (la * lb) / (double) (la + lb) - 1e-6;
}

/* ------------------------------------------------------------------------
 * Eight bits: positions from a table
 * ------------------------------------------------------------------------
 */

/* Only entries of characters of a or b are ever set or read. */
typedef struct Positions_8
{
	uint64_t	of[256];
} Positions_8;

static inline void
find_positions_8(Positions_8 *positions, const uint8_t *a, size_t la,
				 const uint8_t *b, size_t lb)
{
	size_t		i;

	for (i = 0; i < la; i++)
		positions->of[a[i]] = 0;
	for (i = 0; i < lb; i++)
		positions->of[b[i]] = 0;
	for (i = 0; i < lb; i++)
		positions->of[b[i]] |= UINT64_C(1) << i;
}

static inline uint64_t
positions_of_8(const Positions_8 *positions, uint8_t c)
{
	return positions->of[c];
}

#define CHARACTER	uint8_t
#define NAME(name)	name##_8
#include "string_similarity_template.h"
#undef CHARACTER
#undef NAME

/* ------------------------------------------------------------------------
 * Thirty-two bits: positions by looking
 * ------------------------------------------------------------------------
 */

typedef struct Positions_32
{
	const uint32_t *b;
	size_t		lb;
} Positions_32;

static inline void
find_positions_32(Positions_32 *positions, const uint32_t *a, size_t la,
				  const uint32_t *b, size_t lb)
{
	(void) a;
	(void) la;
	positions->b = b;
	positions->lb = lb;
}

static inline uint64_t
positions_of_32(const Positions_32 *positions, uint32_t c)
{
	uint64_t	found = 0;
	size_t		i;

	for (i = 0; i < positions->lb; i++)
		found |= (uint64_t) (positions->b[i] == c) << i;
	return found;
}

#define CHARACTER	uint32_t
#define NAME(name)	name##_32
#include "string_similarity_template.h"
