/*
 * string_similarity_fuzz.c
 *		Any two strings: nothing out of bounds, the same for both widths, and
 *		what must hold of similarities and distances.
 *
 * The first byte says whether the rest is repeated, so that strings up to
 * the longest are reached; the second where the two strings part.
 */
#include "string_similarity.h"
#include "fuzz.h"

#define A8		a8, la, b8, lb
#define A32		a32, la, b32, lb
#define BOTH(name)	(caredata_##name##_8(A8) == caredata_##name##_32(A32))

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t a8[STRING_SIMILARITY_MAX];
	static uint8_t b8[STRING_SIMILARITY_MAX];
	static uint32_t a32[STRING_SIMILARITY_MAX];
	static uint32_t b32[STRING_SIMILARITY_MAX];
	size_t		repeat;
	size_t		part;
	size_t		la = 0;
	size_t		lb = 0;
	size_t		i;
	int			levenshtein;
	int			osa;
	int			damerau;
	int			longest;
	double		jaro;
	double		winkler;

	if (size < 2)
		return 0;
	repeat = data[0] < 240 ? 1 : 16;
	part = (size - 2) * data[1] / 255;
	for (i = 0; i < part * repeat && la < STRING_SIMILARITY_MAX; i++, la++)
		a32[la] = a8[la] = data[2 + i % part];
	for (i = 0; i < (size - 2 - part) * repeat && lb < STRING_SIMILARITY_MAX; i++, lb++)
		b32[lb] = b8[lb] = data[2 + part + i % (size - 2 - part)];
	longest = (int) (la > lb ? la : lb);

	CHECK(BOTH(jaro) && BOTH(jaro_winkler) && BOTH(levenshtein) && BOTH(osa) &&
		  BOTH(damerau));
	jaro = caredata_jaro_8(A8);
	winkler = caredata_jaro_winkler_8(A8);
	CHECK(jaro >= 0 && jaro <= winkler && winkler <= 1);
	CHECK(caredata_jaro_winkler_at_least_8(A8, winkler) == winkler);
	CHECK(caredata_jaro_winkler_at_least_8(A8, 0.88) ==
		  (winkler >= 0.88 ? winkler : 0));
	CHECK(caredata_jaro_winkler_at_least_32(A32, 0.7) ==
		  (winkler >= 0.7 ? winkler : 0));

	levenshtein = caredata_levenshtein_8(A8);
	osa = caredata_osa_8(A8);
	damerau = caredata_damerau_8(A8);
	CHECK(damerau <= osa && osa <= levenshtein && levenshtein <= longest);
	CHECK(levenshtein <= 2 * damerau);
	CHECK((jaro == 1) == (levenshtein == 0 && longest > 0));
	/* the same from the other end */
	CHECK(caredata_levenshtein_8(b8, lb, a8, la) == levenshtein);
	CHECK(caredata_osa_8(b8, lb, a8, la) == osa);
	CHECK(caredata_damerau_8(b8, lb, a8, la) == damerau);
	for (i = 0; i < 6; i++)
	{
		int			bound = (int) (i * i);

		CHECK(caredata_levenshtein_bounded_8(A8, bound) ==
			  (levenshtein <= bound ? levenshtein : bound + 1));
		CHECK(caredata_osa_bounded_32(A32, bound) ==
			  (osa <= bound ? osa : bound + 1));
		CHECK(caredata_damerau_bounded_8(A8, bound) ==
			  (damerau <= bound ? damerau : bound + 1));
	}
	return 0;
}
