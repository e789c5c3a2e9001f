/*
 * name_fold_test.c
 *		Letters and words of names as capital ASCII.
 */
#include <string.h>

#include "name_fold.h"
#include "tap.h"
#include "vectors.h"

static bool
folds(const char *utf8, const char *expected)
{
	uint32_t	points[100];
	char		text[100 * NAME_FOLD_MAX];
	size_t		count = code_points(utf8, points);
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < count; i++)
		n += caredata_fold_code_point(points[i], text + n);
	n = caredata_fold_words(text, n);
	return n == strlen(expected) && memcmp(text, expected, n) == 0;
}

int
main(void)
{
	uint32_t	point;
	int			wrong = 0;

	ok(folds("Smith", "SMITH") && folds("", ""), "ASCII");
	ok(folds("\xC3\x98rsted", "ORSTED") && folds("stra\xC3\x9F" "e", "STRASSE") &&
	   folds("\xC3\x86gir", "AEGIR") && folds("\xC5\x81ukasz", "LUKASZ") &&
	   folds("\xC4\x90\xC4\x91", "DD") && folds("\xC3\x9E\xC3\xB0", "THD") &&
	   folds("\xC4\xB1\xC5\x93", "IOE"), "letters that Unicode does not decompose");
	ok(folds("O'B`C\xE2\x80\x99" "D\xCA\xBC" "E\xC2\xB4" "F", "OBCDEF"),
	   "apostrophes join, whatever they look like");
	ok(folds("A-B\xE2\x80\x93" "C/D.E  F", "A B C D E F"), "the rest parts");
	ok(folds(" -A- ", "A") && folds("--", "") && folds("'", ""), "nothing at the ends");
	ok(folds("e\xCC\x81", "E") && folds("\xD0\x96", "") && folds("A\xE2\x80\x8B" "B", "AB"),
	   "marks, letters that are not Latin and what is not seen are dropped");

	for (point = 0x80; point < 0x11000; point++)
	{
		char		out[NAME_FOLD_MAX];
		size_t		n = caredata_fold_code_point(point, out);

		while (n-- > 0)
			wrong += !((out[n] >= 'A' && out[n] <= 'Z') || out[n] == '\'' || out[n] == '-');
	}
	ok(wrong == 0, "no code point becomes anything but capitals, hyphen or apostrophe");
	/* the table is searched by halves */
	ok(folds("\xC3\x86", "AE") && folds("\xE1\xBA\x9E", "SS") && folds("\xC6\x80", "B"),
	   "the first, the last and one between");
	return done();
}
