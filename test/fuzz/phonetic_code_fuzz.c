/*
 * phonetic_code_fuzz.c
 *		Any bytes as a name: nothing out of bounds, and codes of the form that
 *		they have.  The first byte says how often the rest is repeated, so that
 *		names of ten thousand letters are reached.
 */
#include "phonetic_code.h"
#include "fuzz.h"

#define LONGEST	10000

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		length;
	uint8_t    *name;
	uint8_t    *key;
	uint8_t		code[SOUNDEX_LENGTH];
	uint8_t		primary[DOUBLE_METAPHONE_LENGTH];
	uint8_t		alternate[DOUBLE_METAPHONE_LENGTH];
	uint8_t		codex[MATCH_RATING_LENGTH];
	size_t		n;
	size_t		i;

	if (size < 2)
		return 0;
	length = data[0] == 255 ? LONGEST : (size - 1) * (data[0] / 16 + 1);
	/* of just that size, so that the sanitizer sees a byte too far */
	name = malloc(length);
	key = malloc(length);
	CHECK(name != NULL && key != NULL);
	for (i = 0; i < length; i++)
		name[i] = data[1 + i % (size - 1)];

	n = caredata_soundex(name, length, SOUNDEX_STANDARD, code);
	CHECK(n == SOUNDEX_LENGTH);
	for (i = 1; i < n; i++)
		CHECK(code[i] >= '0' && code[i] <= '6');
	n = caredata_soundex(name, length, SOUNDEX_SQL, code);
	CHECK(n == 0 || (n == SOUNDEX_LENGTH && code[0] >= 'A' && code[0] <= 'Z'));

	n = caredata_nysiis(name, length, key);
	CHECK(n >= 1 && n <= length);

	n = caredata_match_rating_codex(name, length, codex);
	CHECK(n <= MATCH_RATING_LENGTH);
	CHECK(caredata_match_rating_compare(codex, n, codex, n) ==
		  MATCH_RATING_SIMILAR);
	for (i = 0; i < n; i++)
	{
		MatchRating rating = caredata_match_rating_compare(codex, i, codex, n);

		CHECK((rating == MATCH_RATING_NOT_COMPARABLE) == (n - i >= 3));
	}

	n = caredata_double_metaphone(name, length, primary, alternate, &i);
	CHECK(n <= DOUBLE_METAPHONE_LENGTH && i <= DOUBLE_METAPHONE_LENGTH);
	while (n-- > 0)
		CHECK(memchr("AFHJKLMNPRSTX0", primary[n], 14) != NULL);

	free(name);
	free(key);
	return 0;
}
