/*
 * string_similarity_test.c
 *		Similarities against published vectors, and against the definitions
 *		written down as plainly as can be, on many short strings.
 */
#include <math.h>
#include <stdio.h>

#include "string_similarity.h"
#include "tap.h"
#include "vectors.h"

typedef struct String
{
	uint32_t	points[STRING_SIMILARITY_MAX];
	uint8_t		bytes[STRING_SIMILARITY_MAX];
	size_t		length;
	bool		narrow;			/* bytes hold it as well */
} String;

static void
fill_bytes(String *string)
{
	size_t		i;

	string->narrow = true;
	for (i = 0; i < string->length; i++)
	{
		string->bytes[i] = (uint8_t) string->points[i];
		string->narrow = string->narrow && string->points[i] < 256;
	}
}

static String *
read_string(String *string, const char *utf8)
{
	string->length = code_points(utf8, string->points);
	fill_bytes(string);
	return string;
}

/* ------------------------------------------------------------------------
 * The definitions
 * ------------------------------------------------------------------------
 */

static double
plain_jaro(const String *a, const String *b)
{
	int			la = (int) a->length;
	int			lb = (int) b->length;
	int			window = (la > lb ? la : lb) / 2 - 1;
	bool		used_a[STRING_SIMILARITY_MAX] = {false};
	bool		used_b[STRING_SIMILARITY_MAX] = {false};
	double		m = 0;
	int			half = 0;
	int			i;
	int			j;

	if (window < 0)
		window = 0;
	for (i = 0; i < la; i++)
		for (j = 0; j < lb && !used_a[i]; j++)
			if (abs(i - j) <= window && !used_b[j] &&
				a->points[i] == b->points[j])
			{
				used_a[i] = used_b[j] = true;
				m++;
			}
	if (m == 0)
		return 0;
	for (i = j = 0; i < la; i++)
		if (used_a[i])
		{
			while (!used_b[j])
				j++;
			half += a->points[i] != b->points[j++];
		}
	return (m / la + m / lb + (m - half / 2) / m) / 3;
}

static double
plain_jaro_winkler(const String *a, const String *b)
{
	double		jaro = plain_jaro(a, b);
	size_t		p = 0;

	while (p < 4 && p < a->length && p < b->length &&
		   a->points[p] == b->points[p])
		p++;
	return jaro > 0.7 ? jaro + (double) p * 0.1 * (1 - jaro) : jaro;
}

/* Lowrance and Wagner's whole matrix; OSA and Levenshtein are parts of it. */
typedef enum Edits
{
	LEVENSHTEIN, OSA, DAMERAU
} Edits;

#define PLAIN_MAX	100

static int
plain_distance(const String *a, const String *b, Edits edits)
{
	static int	d[PLAIN_MAX + 1][PLAIN_MAX + 1];
	int			la = (int) a->length;
	int			lb = (int) b->length;
	int			i;
	int			j;
	int			k;
	int			l;

	for (i = 0; i <= la; i++)
		for (j = 0; j <= lb; j++)
		{
			int			best = i == 0 ? j : j == 0 ? i : i + j;

			if (i > 0 && j > 0)
			{
				if (d[i - 1][j] + 1 < best)
					best = d[i - 1][j] + 1;
				if (d[i][j - 1] + 1 < best)
					best = d[i][j - 1] + 1;
				k = d[i - 1][j - 1] + (a->points[i - 1] != b->points[j - 1]);
				if (k < best)
					best = k;
				/* every earlier pair of places that a transposition may join */
				for (k = 1; k < i && edits != LEVENSHTEIN; k++)
					for (l = 1; l < j; l++)
						if (a->points[k - 1] == b->points[j - 1] &&
							a->points[i - 1] == b->points[l - 1] &&
							(edits == DAMERAU || (k == i - 1 && l == j - 1)) &&
							d[k - 1][l - 1] + (i - k) + (j - l) - 1 < best)
							best = d[k - 1][l - 1] + (i - k) + (j - l) - 1;
			}
			d[i][j] = best;
		}
	return d[la][lb];
}

/* ------------------------------------------------------------------------
 * Every way to ask for one pair
 * ------------------------------------------------------------------------
 */

static const double leasts[] = {-1, 0, 0.5, 0.7, 0.8, 0.88, 0.92, 1, 1.1};

/* Whether a function of both widths has this value. */
#define IS(name, value) \
	(caredata_##name##_32(a->points, a->length, b->points, b->length) == (value) && \
	 (!a->narrow || !b->narrow || \
	  caredata_##name##_8(a->bytes, a->length, b->bytes, b->length) == (value)))

#define IS_BOUNDED(name, bound, value) \
	(caredata_##name##_32(a->points, a->length, b->points, b->length, bound) == (value) && \
	 (!a->narrow || !b->narrow || \
	  caredata_##name##_8(a->bytes, a->length, b->bytes, b->length, bound) == (value)))

static bool
jaro_is(const String *a, const String *b, double jaro, double winkler)
{
	size_t		i;

	if (!IS(jaro, jaro) || !IS(jaro_winkler, winkler))
		return false;
	for (i = 0; i < sizeof(leasts) / sizeof(leasts[0]); i++)
		if (!IS_BOUNDED(jaro_winkler_at_least, leasts[i],
						winkler >= leasts[i] ? winkler : 0.0))
			return false;
	/* the value itself is always reached */
	return IS_BOUNDED(jaro_winkler_at_least, winkler, winkler);
}

static bool
distances_are(const String *a, const String *b, int levenshtein, int osa,
			  int damerau)
{
	static const int bounds[] = {0, 1, 2, 3, 5, 10, 70, 2000};
	size_t		i;

	if (!IS(levenshtein, levenshtein) || !IS(osa, osa) || !IS(damerau, damerau))
		return false;
	for (i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
	{
		int			n = bounds[i];

		if (!IS_BOUNDED(levenshtein_bounded, n, levenshtein <= n ? levenshtein : n + 1) ||
			!IS_BOUNDED(osa_bounded, n, osa <= n ? osa : n + 1) ||
			!IS_BOUNDED(damerau_bounded, n, damerau <= n ? damerau : n + 1))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------
 * Tests
 * ------------------------------------------------------------------------
 */

static String one;
static String other;

static bool
pair_is(const char *a, const char *b, const char *jaro, const char *winkler,
		int levenshtein, int osa, int damerau)
{
	char		text[2][30];

	read_string(&one, a);
	read_string(&other, b);
	snprintf(text[0], 30, "%.6f",
			 caredata_jaro_32(one.points, one.length, other.points, other.length));
	snprintf(text[1], 30, "%.6f",
			 caredata_jaro_winkler_32(one.points, one.length, other.points, other.length));
	return strcmp(text[0], jaro) == 0 && strcmp(text[1], winkler) == 0 &&
		jaro_is(&one, &other, plain_jaro(&one, &other),
				plain_jaro_winkler(&one, &other)) &&
		distances_are(&one, &other, levenshtein, osa, damerau);
}

static void
test_examples(void)
{
	ok(pair_is("MARTHA", "MARHTA", "0.944444", "0.961111", 2, 1, 1), "MARTHA");
	ok(pair_is("DWAYNE", "DUANE", "0.822222", "0.840000", 2, 2, 2), "DWAYNE");
	ok(pair_is("DIXON", "DICKSONX", "0.766667", "0.813333", 4, 4, 4), "DIXON");
	ok(pair_is("CA", "ABC", "0.000000", "0.000000", 3, 3, 2),
	   "CA to ABC: two edits where a pair that was exchanged may be parted, else three");
	ok(pair_is("", "", "0.000000", "0.000000", 0, 0, 0), "nothing and nothing");
	ok(pair_is("", "ABC", "0.000000", "0.000000", 3, 3, 3), "nothing and something");
	ok(pair_is("A", "A", "1.000000", "1.000000", 0, 0, 0), "one letter");
	ok(pair_is("A", "B", "0.000000", "0.000000", 1, 1, 1), "two letters");
	ok(pair_is("martha", "MARTHA", "0.000000", "0.000000", 6, 6, 6), "case counts");
	ok(pair_is("Zo\xC3\xAB", "Zoe", "0.777778", "0.822222", 1, 1, 1),
	   "characters, not bytes");
	ok(pair_is("\xC5\x81\xC3\xB3" "d\xC5\xBA", "\xC5\x81" "od\xC5\xBA",
			   "0.833333", "0.850000", 1, 1, 1), "characters above 255");

	/* three thirds of 0.7: which side it falls on is the order of operations */
	read_string(&one, "WEISER");
	read_string(&other, "WHITE");
	ok(plain_jaro(&one, &other) > 0.7 && plain_jaro(&one, &other) < 0.7000001,
	   "WEISER and WHITE are just above 0.7");
	ok(pair_is("WEISER", "WHITE", "0.700000", "0.730000", 3, 3, 3),
	   "so their first letter counts");
}

/* Three places, zeros at the end left out. */
static bool
rounds_to(double value, const char *expected)
{
	return fabs(value - atof(expected)) <= 0.0005;
}

static void
test_vectors(void)
{
	Vectors		v;
	int			rows = 0;
	int			wrong = 0;

	if (!open_vectors(&v, "vectors/string_similarity_vectors.csv"))
		return;
	next_vector(&v);			/* the header */
	while (next_vector(&v))
	{
		double		jaro;
		double		winkler;
		bool		same;

		read_string(&one, v.field[0]);
		read_string(&other, v.field[1]);
		jaro = plain_jaro(&one, &other);
		winkler = plain_jaro_winkler(&one, &other);
		same = fabs(jaro - atof(v.field[2])) < 6e-13 &&
			fabs(winkler - atof(v.field[3])) < 6e-13 &&
			jaro_is(&one, &other, jaro, winkler) &&
			distances_are(&one, &other, atoi(v.field[4]),
						  plain_distance(&one, &other, OSA), atoi(v.field[5]));
		if (!same)
			printf("# %s, %s\n", v.field[0], v.field[1]);
		wrong += !same;
		rows++;
	}
	ok(rows == 2040 && wrong == 0, "%d vectors, %d differences", rows, wrong);
}

static void
test_jellyfish(void)
{
	static const struct
	{
		const char *file;
		int			rows;
	}			files[] = {
		{"vectors/jellyfish/jaro_distance.csv", 5},
		{"vectors/jellyfish/jaro_winkler.csv", 17},
		{"vectors/jellyfish/levenshtein.csv", 6},
		{"vectors/jellyfish/damerau_levenshtein.csv", 9},
	};
	Vectors		v;
	int			i;

	for (i = 0; i < 4; i++)
	{
		int			rows = 0;
		int			wrong = 0;

		if (!open_vectors(&v, files[i].file))
			continue;
		while (next_vector(&v))
		{
			const String *a = read_string(&one, v.field[0]);
			const String *b = read_string(&other, v.field[1]);
			bool		same;

			if (i == 0)
				same = rounds_to(caredata_jaro_32(a->points, a->length, b->points, b->length),
								 v.field[2]);
			else if (i == 1)
				same = rounds_to(caredata_jaro_winkler_32(a->points, a->length, b->points, b->length),
								 v.field[2]);
			else if (i == 2)
				same = IS(levenshtein, atoi(v.field[2]));
			else
				same = IS(damerau, atoi(v.field[2]));
			if (!same)
				printf("# %s, %s\n", v.field[0], v.field[1]);
			wrong += !same;
			rows++;
		}
		ok(rows == files[i].rows && wrong == 0, "%s: %d, %d differences",
		   files[i].file, rows, wrong);
	}
}

static uint32_t seed = 1;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

/* Few letters, so that much is in common, transposed and repeated. */
static void
make_string(String *string, size_t length, uint32_t letters, bool wide)
{
	size_t		i;

	string->length = length;
	for (i = 0; i < length; i++)
		string->points[i] = 'A' + random_below(letters);
	if (wide && length > 0)
		string->points[random_below((uint32_t) length)] = 0x141;
	fill_bytes(string);
}

/* Edits a copy, so that the two are near to each other. */
static void
change_string(String *string, const String *from, int edits)
{
	*string = *from;
	while (edits-- > 0 && string->length > 1 &&
		   string->length < STRING_SIMILARITY_MAX)
	{
		size_t		at = random_below((uint32_t) string->length - 1);
		uint32_t	c = string->points[at];

		switch (random_below(4))
		{
			case 0:
				string->points[at] = 'A' + random_below(5);
				break;
			case 1:
				string->points[at] = string->points[at + 1];
				string->points[at + 1] = c;
				break;
			case 2:
				memmove(string->points + at, string->points + at + 1,
						(string->length - at - 1) * sizeof(uint32_t));
				string->length--;
				break;
			default:
				memmove(string->points + at + 1, string->points + at,
						(string->length - at) * sizeof(uint32_t));
				string->points[at] = 'A' + random_below(5);
				string->length++;
		}
	}
	fill_bytes(string);
}

static bool
agrees(void)
{
	return jaro_is(&one, &other, plain_jaro(&one, &other),
				   plain_jaro_winkler(&one, &other)) &&
		distances_are(&one, &other, plain_distance(&one, &other, LEVENSHTEIN),
					  plain_distance(&one, &other, OSA),
					  plain_distance(&one, &other, DAMERAU));
}

static void
test_random(void)
{
	int			wrong = 0;
	int			i;

	for (i = 0; i < 10000; i++)
	{
		uint32_t	letters = 2 + random_below(4);

		make_string(&one, random_below(10), letters, i % 7 == 0);
		make_string(&other, random_below(10), letters, i % 5 == 0);
		wrong += !agrees();
	}
	ok(wrong == 0, "10,000 pairs of short strings, %d differences", wrong);

	/* about the 64 that one word holds */
	wrong = 0;
	for (i = 0; i < 80; i++)
	{
		make_string(&one, 55 + random_below(20), 2 + random_below(20), i % 3 == 0);
		if (i % 2 == 0)
			make_string(&other, 40 + random_below(40), 10, i % 5 == 0);
		else
			change_string(&other, &one, 1 + (int) random_below(12));
		wrong += !agrees();
	}
	ok(wrong == 0, "80 pairs about the length of a word, %d differences", wrong);
}

/* Too long for the plain matrix: what must hold of them all the same. */
static void
test_long(void)
{
	const size_t max = STRING_SIMILARITY_MAX;
	size_t		i;
	int			wrong = 0;

	make_string(&one, max, 26, false);
	other = one;
	ok(jaro_is(&one, &other, 1.0, 1.0) && distances_are(&one, &other, 0, 0, 0),
	   "the longest string and itself");
	for (i = 0; i < max; i++)
		other.points[i] = 'a' + random_below(26);
	fill_bytes(&other);
	ok(jaro_is(&one, &other, 0.0, 0.0) &&
	   distances_are(&one, &other, (int) max, (int) max, (int) max),
	   "and one with nothing in common");

	for (i = 0; i < 15; i++)
	{
		String	   *a = &one;
		String	   *b = &other;
		int			edits = 1 + (int) random_below(8);
		int			levenshtein;
		int			osa;
		int			damerau;

		make_string(a, max - 20, 5, i % 2 == 0);
		change_string(b, a, edits);
		levenshtein = caredata_levenshtein_32(a->points, a->length, b->points, b->length);
		osa = caredata_osa_32(a->points, a->length, b->points, b->length);
		damerau = caredata_damerau_32(a->points, a->length, b->points, b->length);
		wrong += !(damerau <= osa && osa <= levenshtein &&
				   levenshtein <= 2 * edits && osa <= 2 * edits &&
				   distances_are(a, b, levenshtein, osa, damerau) &&
				   distances_are(b, a, levenshtein, osa, damerau) &&
				   jaro_is(a, b, plain_jaro(a, b), plain_jaro_winkler(a, b)));
	}
	ok(wrong == 0, "15 pairs of long strings, %d that disagree with themselves", wrong);
}

int
main(void)
{
	test_examples();
	test_vectors();
	test_jellyfish();
	test_random();
	test_long();
	return done();
}
