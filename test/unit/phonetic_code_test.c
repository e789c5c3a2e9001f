/*
 * phonetic_code_test.c
 *		Phonetic codes against published vectors, and the rules that vectors
 *		of names do not reach.
 */
#include "phonetic_code.h"
#include "tap.h"
#include "vectors.h"

#define NAME_MAX_LENGTH	1000

/* What is made of a name, as strings. */
static char codes[7][NAME_MAX_LENGTH + 1];

enum
{
	STANDARD, SQL, NYSIIS, PRIMARY, ALTERNATE, CODEX
};

/* The capital letters of UTF-8 as ISO 8859-1; none of the names has others. */
static size_t
capitals(const char *utf8, uint8_t *name)
{
	uint32_t	points[NAME_MAX_LENGTH];
	size_t		n = code_points(utf8, points);
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint32_t	c = points[i];

		if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE))
			c -= 'a' - 'A';
		name[i] = (uint8_t) c;
	}
	return n;
}

static void
encode(const char *utf8)
{
	uint8_t		name[NAME_MAX_LENGTH];
	uint8_t		code[NAME_MAX_LENGTH];
	uint8_t		alternate[DOUBLE_METAPHONE_LENGTH];
	size_t		length = capitals(utf8, name);
	size_t		n;

#define KEEP(which, bytes, count) \
	(memcpy(codes[which], bytes, count), codes[which][count] = '\0')

	n = caredata_soundex(name, length, SOUNDEX_STANDARD, code);
	KEEP(STANDARD, code, n);
	n = caredata_soundex(name, length, SOUNDEX_SQL, code);
	KEEP(SQL, code, n);
	n = caredata_nysiis(name, length, code);
	KEEP(NYSIIS, code, n);
	length = caredata_double_metaphone(name, length, code, alternate, &n);
	KEEP(PRIMARY, code, length);
	KEEP(ALTERNATE, alternate, n);
	length = capitals(utf8, name);
	n = caredata_match_rating_codex(name, length, code);
	KEEP(CODEX, code, n);
}

static bool
is(int which, const char *utf8, const char *expected)
{
	encode(utf8);
	if (strcmp(codes[which], expected) != 0)
	{
		printf("# %s: %s, not %s\n", utf8, codes[which], expected);
		return false;
	}
	return true;
}

static void
test_soundex(void)
{
	ok(is(STANDARD, "ASHCRAFT", "A261") && is(SQL, "ASHCRAFT", "A226"),
	   "H between equal codes, by either rule");
	ok(is(STANDARD, "BWPOR", "B600") && is(SQL, "BWPOR", "B160"), "and W");
	ok(is(STANDARD, "SAWSER", "S260") && is(SQL, "SAWSER", "S260"),
	   "a vowel parts them by both");
	ok(is(STANDARD, "PFISTER", "P236") && is(SQL, "PFISTER", "P236"),
	   "a letter of the code of the first");
	ok(is(STANDARD, "TYMCZAK", "T522") && is(SQL, "TYMCZAK", "T522"), "Tymczak");
	ok(is(STANDARD, "WHSS", "W200") && is(STANDARD, "SHS", "S000") &&
	   is(SQL, "SHS", "S200"), "H after the first letter");
	ok(is(STANDARD, "ROBERT", "R163") && is(STANDARD, "RUPERT", "R163") &&
	   is(STANDARD, "RUBIN", "R150"), "Robert and Rupert, not Rubin");
	ok(is(STANDARD, "LEE", "L000") && is(STANDARD, "A", "A000"), "short names");
	ok(is(STANDARD, "HONEYMANHOLDINGTON", "H555"), "never more than four");
	ok(is(STANDARD, "'T HOOFT", "T130") && is(SQL, " O'HARA", "O600"),
	   "what stands before the first letter is left out");
	ok(is(STANDARD, "SMITH-THOMAS", "S533"), "what is no letter parts equal codes");
	ok(is(STANDARD, "", "") && is(SQL, "", "") && is(SQL, "'-", "") &&
	   is(STANDARD, "-'", "-000"), "no letters");
	ok(is(STANDARD, "\xC3\x89MILE", "M400"), "an accented letter is none here");
}

static void
test_nysiis(void)
{
	static const struct
	{
		const char *name;
		const char *code;
	}			names[] = {
		{"MACINTOSH", "MCANT"}, {"KNUTH", "NAT"}, {"KOEHN", "CAN"},
		{"PHILLIPSON", "FALAPSAN"}, {"PFEISTER", "FASTAR"},
		{"SCHOENHOEFT", "SANAFT"}, {"MCKEE", "MCY"}, {"MACKIE", "MCY"},
		{"HEITSCHMIDT", "HATSSNAD"}, {"BART", "BAD"}, {"HURD", "HAD"},
		{"HUNT", "HAD"}, {"WESTERLUND", "WASTARLAD"}, {"CASSTEVENS", "CASTAFAN"},
		{"VASQUEZ", "VASG"}, {"FRAZIER", "FRASAR"}, {"BOWMAN", "BAONAN"},
		{"RICKERT", "RACAD"}, {"DEUTSCH", "DATS"}, {"WESTPHAL", "WASTFAL"},
		{"SHRIVER", "SRAVAR"}, {"KUHL", "CAL"}, {"RAWSON", "RASAN"},
		{"JILES", "JAL"}, {"CARRAWAY", "CARY"}, {"YAMADA", "YANAD"},
		{"A", "A"}, {"S", "S"}, {"AS", "A"}, {"IE", "Y"}, {"EE", "Y"},
		{"ND", "D"}, {"K", "C"}, {"KN", "N"}, {"PH", "F"}, {"SCH", "S"},
		{"MAC", "MC"}, {"", ""}, {"EV", "EV"}, {"AEV", "AAF"}, {"AAY", "Y"},
		{"MAYS", "MAY"}, {"MAYA", "MAY"}, {"SAS", "S"}
	};
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(is(NYSIIS, names[i].name, names[i].code), "NYSIIS of %s is %s",
		   names[i].name, names[i].code);
}

static void
test_double_metaphone(void)
{
	static const struct
	{
		const char *name;
		const char *primary;
		const char *alternate;
	}			names[] = {
		{"SMITH", "SM0", "XMT"}, {"SCHMIDT", "XMT", "SMT"},
		{"CAESAR", "SSR", "SSR"}, {"CHIANTI", "KNT", "KNT"},
		{"MICHAEL", "MKL", "MXL"}, {"CHORUS", "KRS", "KRS"},
		{"CHORE", "XR", "XR"}, {"ORCHESTRA", "ARKS", "ARKS"},
		{"MCHUGH", "MK", "MK"}, {"CZERNY", "SRN", "XRN"},
		{"FOCACCIA", "FKX", "FKX"}, {"ACCIDENT", "AKST", "AKST"},
		{"BACCI", "PX", "PX"}, {"MCCLELLAN", "MKLL", "MKLL"},
		{"SUCCEED", "SKST", "SKST"}, {"BACCHUS", "PKS", "PKS"},
		{"EDGE", "AJ", "AJ"}, {"EDGAR", "ATKR", "ATKR"},
		{"GHISLANE", "JLN", "JLN"}, {"GHOST", "KST", "KST"},
		{"HUGH", "H", "H"}, {"LAUGH", "LF", "LF"}, {"MCLAUGHLIN", "MKLF", "MKLF"},
		{"NIGHT", "NT", "NT"}, {"BURGH", "PRK", "PRK"},
		{"AGNES", "AKNS", "ANS"}, {"CAGNEY", "KKN", "KKN"},
		{"TAGLIARO", "TKLR", "TLR"}, {"GERTRUDE", "KRTR", "JRTR"},
		{"DANGER", "TNJR", "TNKR"}, {"ROGIER", "RJ", "RJR"},
		{"BIAGGI", "PJ", "PK"}, {"JOSE", "HS", "HS"}, {"WITZEL", "ATSL", "FFXL"}, {"SAN JACINTO", "SNHS", "SNHS"},
		{"JANKELOWICZ", "JNKL", "ANKL"}, {"BAJADOR", "PJTR", "PHTR"},
		{"CABRILLO", "KPRL", "KPR"}, {"GALLEGOS", "KLKS", "KKS"},
		{"THUMB", "0M", "TM"}, {"PLUMBER", "PLMR", "PLMR"},
		{"HOCHMEIER", "HKMR", "HKMR"}, {"ISLE", "AL", "AL"},
		{"SUGAR", "XKR", "SKR"}, {"SHOLEM", "XLM", "XLM"},
		{"SHOLMES", "SLMS", "SLMS"}, {"SZABO", "SP", "XP"},
		{"SCHOONER", "SKNR", "SKNR"}, {"SCHERMERHORN", "XRMR", "SKRM"},
		{"RESNAIS", "RSN", "RSNS"}, {"NATION", "NXN", "NXN"},
		{"THOMAS", "TMS", "TMS"}, {"WASSERMAN", "ASRM", "FSRM"},
		{"ARNOW", "ARN", "ARNF"}, {"FILIPOWICZ", "FLPT", "FLPF"},
		{"BREAUX", "PR", "PR"}, {"XAVIER", "SF", "SFR"}, {"ZHAO", "J", "J"},
		{"PIZZA", "PS", "PTS"}, {"KNIGHT", "NT", "NT"}, {"WRIGHT", "RT", "RT"},
		{"RAJ", "RJ", "R"}, {"FRAN\xC3\x87OIS", "FRNS", "FRNS"},
		{"MU\xC3\x91OZ", "MNS", "MNS"}, {"MAC CAFFREY", "MKFR", "MKFR"},
		{"VON GEORG", "FNKR", "FNKR"}, {"", "", ""}, {"'", "", ""}, {"H", "", ""}
	};
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(is(PRIMARY, names[i].name, names[i].primary) &&
		   is(ALTERNATE, names[i].name, names[i].alternate),
		   "Double Metaphone of %s is %s or %s", names[i].name,
		   names[i].primary, names[i].alternate);
}

static MatchRating
compare(const char *a, const char *b)
{
	char		first[MATCH_RATING_LENGTH + 1];

	encode(a);
	strcpy(first, codes[CODEX]);
	encode(b);
	return caredata_match_rating_compare((const uint8_t *) first, strlen(first),
										 (const uint8_t *) codes[CODEX],
										 strlen(codes[CODEX]));
}

static void
test_match_rating(void)
{
	ok(is(CODEX, "BYRNE", "BYRN") && is(CODEX, "BOERN", "BRN") &&
	   is(CODEX, "WILLIAM", "WLM"), "codices");
	ok(is(CODEX, "KATHRYNOGLIN", "KTHGLN"), "first and last three");
	ok(is(CODEX, "AARON", "ARN") && is(CODEX, "EVE", "EV"), "a vowel in front");
	ok(is(CODEX, "O'BRIEN", "OBRN") && is(CODEX, "OBRIEN", "OBRN"),
	   "what is no letter does not count");
	ok(is(CODEX, "MARIA RIO", "MRR") && is(CODEX, "BARBARA", "BRBR") &&
	   is(CODEX, "BARRIRE", "BR"), "but parts equal consonants, as vowels do not");
	ok(is(CODEX, "FR\xC3\x89" "D\xC3\x89RIC", "FR\xC9\xC9RC"),
	   "accented letters are kept");
	ok(is(CODEX, "", "") && is(CODEX, "--", ""), "no letters");
	ok(compare("BYRNE", "BOERN") == MATCH_RATING_SIMILAR &&
	   compare("SMITH", "SMYTH") == MATCH_RATING_SIMILAR &&
	   compare("CATHERINE", "KATHRYN") == MATCH_RATING_SIMILAR,
	   "names that are alike");
	ok(compare("MICHAEL", "MIKE") == MATCH_RATING_DIFFERENT, "and are not");
	ok(compare("TIM", "TIMOTHY") == MATCH_RATING_NOT_COMPARABLE,
	   "codices that differ by three letters are not compared");
	/* the shorter they are, the more alike they must be */
	ok(compare("BD", "BF") == MATCH_RATING_SIMILAR &&
	   compare("BD", "GF") == MATCH_RATING_DIFFERENT, "four letters together: 5");
	ok(compare("BDF", "BG") == MATCH_RATING_SIMILAR &&
	   compare("BDF", "BGHJ") == MATCH_RATING_DIFFERENT, "up to seven: 4");
	ok(compare("BDFG", "BHJK") == MATCH_RATING_SIMILAR &&
	   compare("BDFGH", "BDKLMN") == MATCH_RATING_DIFFERENT, "up to eleven: 3");
	ok(compare("BDFGHJ", "BDKLMN") == MATCH_RATING_SIMILAR &&
	   compare("BDFGHJ", "BKLMNP") == MATCH_RATING_DIFFERENT, "twelve: 2");
}

/*
 * A file of vectors: which column holds what.  Rows that differ are printed.
 */
static void
test_file(const char *file, bool header, int rows, const int *which, int columns)
{
	Vectors		v;
	int			wrong = 0;
	int			seen = 0;

	if (!open_vectors(&v, file))
		return;
	if (header)
		next_vector(&v);
	while (next_vector(&v))
	{
		int			i;

		for (i = 0; i < columns; i++)
		{
			/* a codex has bytes of ISO 8859-1 */
			char		expected[NAME_MAX_LENGTH + 1];

			if (which[i] < 0)
				continue;
			expected[capitals(v.field[i + 1], (uint8_t *) expected)] = '\0';
			wrong += !is(which[i], v.field[0], expected);
		}
		seen++;
	}
	ok(seen == rows && wrong == 0, "%s: %d rows, %d differences", file, seen, wrong);
}

static void
test_comparison_file(void)
{
	static const char *const answers[] = {"False", "True", "None"};
	Vectors		v;
	int			wrong = 0;
	int			seen = 0;

	if (!open_vectors(&v, "vectors/jellyfish/match_rating_comparison.csv"))
		return;
	for (; next_vector(&v); seen++)
		wrong += strcmp(answers[compare(v.field[0], v.field[1])], v.field[2]) != 0;
	ok(seen == 7 && wrong == 0, "match_rating_comparison.csv: %d rows, %d differences",
	   seen, wrong);
}

int
main(void)
{
	test_soundex();
	test_nysiis();
	test_double_metaphone();
	test_match_rating();
	test_file("vectors/phonetic_vectors.csv", true, 1500,
			  (const int[]) {STANDARD, NYSIIS, CODEX, SQL, -1, PRIMARY, ALTERNATE}, 7);
	test_file("vectors/double_metaphone_commons_codec.csv", true, 611,
			  (const int[]) {PRIMARY, ALTERNATE}, 2);
	test_file("vectors/jellyfish/nysiis.csv", false, 36, (const int[]) {NYSIIS}, 1);
	test_file("vectors/jellyfish/match_rating_codex.csv", false, 12,
			  (const int[]) {CODEX}, 1);
	test_comparison_file();
	return done();
}
