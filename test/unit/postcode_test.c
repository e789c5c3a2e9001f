/*
 * postcode_test.c
 *		The grammar of postcodes against its regular expression, the padded
 *		forms of files, and the parts.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "postcode_parse.h"
#include "tap.h"

/* The whole grammar, spaces taken out, capitals. */
static const char *const grammar =
"^(GIR0AA|ZZ99[0-9][A-Z]{2}|"
"[A-PR-UWYZ]([0-9]{1,2}|[A-HK-Y][0-9]|[A-HK-Y][0-9]{2}|"
"[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])[0-9][ABD-HJLNP-UW-Z]{2})$";

static const struct
{
	const char *input;
	const char *text;
	const char *area;
	const char *district;
	const char *sector;
}			postcodes[] =
{
	{"M1 1AA", "M1 1AA", "M", "M1", "M1 1"},
	{"M60 1NW", "M60 1NW", "M", "M60", "M60 1"},
	{"CR2 6XH", "CR2 6XH", "CR", "CR2", "CR2 6"},
	{"DN55 1PT", "DN55 1PT", "DN", "DN55", "DN55 1"},
	{"W1A 1HQ", "W1A 1HQ", "W", "W1A", "W1A 1"},
	{"EC1A 1BB", "EC1A 1BB", "EC", "EC1A", "EC1A 1"},
	{"GIR 0AA", "GIR 0AA", "GIR", "GIR", "GIR 0"},
	{"BF1 1AA", "BF1 1AA", "BF", "BF1", "BF1 1"},
	{"CB22 3AD", "CB22 3AD", "CB", "CB22", "CB22 3"},
	{"SW1A 2AA", "SW1A 2AA", "SW", "SW1A", "SW1A 2"},
	{"N1C 4AG", "N1C 4AG", "N", "N1C", "N1C 4"},
	{"W1P 1AA", "W1P 1AA", "W", "W1P", "W1P 1"},
	{"E20 1AA", "E20 1AA", "E", "E20", "E20 1"},
	{"BX1 1LT", "BX1 1LT", "BX", "BX1", "BX1 1"},
	{"LS1 4AD", "LS1 4AD", "LS", "LS1", "LS1 4"},
	{"ZE1 0AA", "ZE1 0AA", "ZE", "ZE1", "ZE1 0"},
	{"ZZ99 3VZ", "ZZ99 3VZ", "ZZ", "ZZ99", "ZZ99 3"},
	/* eight characters, inward at the sixth */
	{"M1   1AA", "M1 1AA", "M", "M1", "M1 1"},
	{"M60  1NW", "M60 1NW", "M", "M60", "M60 1"},
	/* seven characters, outward filled to four */
	{"M1  1AA", "M1 1AA", "M", "M1", "M1 1"},
	{"EC1A1BB", "EC1A 1BB", "EC", "EC1A", "EC1A 1"},
	/* none, lower case, white space around, a space astray */
	{"M11AA", "M1 1AA", "M", "M1", "M1 1"},
	{"ec1a 1bb", "EC1A 1BB", "EC", "EC1A", "EC1A 1"},
	{"gir0aa", "GIR 0AA", "GIR", "GIR", "GIR 0"},
	{" \tCr2 6xH\r\n", "CR2 6XH", "CR", "CR2", "CR2 6"},
	{"zz993cz", "ZZ99 3CZ", "ZZ", "ZZ99", "ZZ99 3"},
	{"M 1 1 A A", "M1 1AA", "M", "M1", "M1 1"}
};

static const char *const refused[] = {
	"", " ", "        ", "BFPO801", "BFPO 801", "QA1 1AA", "VA1 1AA", "XA1 1AA",
	"AI1 1AA", "AJ1 1AA", "AZ1 1AA", "M1 1CA", "M1 1AI", "M1 1KA", "M1 1AM",
	"M1 1OA", "M1 1AV", "W1I 1AA", "EC1C 1AA", "XX10 1AA", "M1", "EC1A",
	"ZZ99", "ZZ99 3V", "ZZ99 33Z", "ZZ98 3VZ", "ZZZSECUR", "NFA", "ANK",
	"GIR 0AB", "GIR 1AA", "M1 1AAA", "M1 A1A", "11 1AA", "M 1AA", "EC1A-1BB",
	"M1.1AA", "M1\t1AA", "EC1A  1BBX", "SW1A 22AA", "M1 1A", "M1 AAA",
	"\xC5\x81" "1 1AA", "M1\xC2\xA0" "1AA"
};

static bool
parse(const char *str, int64_t *postcode)
{
	return caredata_postcode_parse(str, strlen(str), postcode);
}

static bool
is_text(const char *got, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(got, expected, len) == 0;
}

static void
test_examples(void)
{
	size_t		i;

	for (i = 0; i < sizeof(postcodes) / sizeof(postcodes[0]); i++)
	{
		int64_t		postcode = 0;
		int64_t		again = 0;
		char		out[POSTCODE_MAX_LENGTH];
		size_t		len;

		ok(parse(postcodes[i].input, &postcode), "example %zu (%s) is read",
		   i, postcodes[i].text);
		len = caredata_postcode_format(postcode, out);
		ok(is_text(out, len, postcodes[i].text) &&
		   caredata_postcode_parse(out, len, &again) && again == postcode,
		   "example %zu is written %s", i, postcodes[i].text);
		len = caredata_postcode_format_area(postcode, out);
		ok(is_text(out, len, postcodes[i].area), "its area is %s",
		   postcodes[i].area);
		len = caredata_postcode_format_district(postcode, out);
		ok(is_text(out, len, postcodes[i].district), "its district is %s",
		   postcodes[i].district);
		len = caredata_postcode_format_sector(postcode, out);
		ok(is_text(out, len, postcodes[i].sector), "its sector is %s",
		   postcodes[i].sector);
		ok(caredata_postcode_is_pseudo(postcode) ==
		   (strncmp(postcodes[i].text, "ZZ", 2) == 0),
		   "it is told from pseudo postcodes");
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		int64_t		postcode = -1;

		ok(!parse(refused[i], &postcode) && postcode == -1,
		   "\"%s\" is refused", refused[i]);
	}
	ok(!caredata_postcode_parse("M1 1A\0", 6, &(int64_t){0}),
	   "a zero byte is refused");
	ok(!caredata_postcode_parse("M1 1AA", 5, &(int64_t){0}),
	   "nothing past the length is read");
}

/* Two strings, one answer: the parser against the regular expression. */
static bool
agrees(const regex_t *regex, const char *str)
{
	int64_t		postcode;

	return parse(str, &postcode) == (regexec(regex, str, 0, NULL, 0) == 0);
}

static void
test_grammar(void)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const int	n = sizeof(alphabet) - 1;
	regex_t		regex;
	int			wrong = 0;
	int			i;
	int			j;
	int			k;
	int			l;
	char		str[8];

	if (regcomp(&regex, grammar, REG_EXTENDED | REG_NOSUB) != 0)
		abort();

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
		{
			sprintf(str, "%c%c1AA", alphabet[i], alphabet[j]);
			wrong += !agrees(&regex, str);
			sprintf(str, "M11%c%c", alphabet[i], alphabet[j]);
			wrong += !agrees(&regex, str);
			for (k = 0; k < n; k++)
			{
				sprintf(str, "%c%c%c1AA", alphabet[i], alphabet[j],
						alphabet[k]);
				wrong += !agrees(&regex, str);
				sprintf(str, "ZZ99%c%c%c", alphabet[i], alphabet[j],
						alphabet[k]);
				wrong += !agrees(&regex, str);
				sprintf(str, "EC1A%c%c%c", alphabet[i], alphabet[j],
						alphabet[k]);
				wrong += !agrees(&regex, str);
				/* the longest outward part in every third place */
				for (l = (i + j + k) % 3; l < n; l += 3)
				{
					sprintf(str, "%c%c%c%c1AA", alphabet[i], alphabet[j],
							alphabet[k], alphabet[l]);
					wrong += !agrees(&regex, str);
				}
			}
		}
	regfree(&regex);
	ok(wrong == 0, "the parser is the regular expression, %d differences",
	   wrong);
}

/* Integers order as the texts do. */
static void
test_order(void)
{
	size_t		i;
	size_t		j;
	int			wrong = 0;

	for (i = 0; i < sizeof(postcodes) / sizeof(postcodes[0]); i++)
		for (j = 0; j < sizeof(postcodes) / sizeof(postcodes[0]); j++)
		{
			int64_t		a = 0;
			int64_t		b = 0;
			int			order = strcmp(postcodes[i].text, postcodes[j].text);

			parse(postcodes[i].input, &a);
			parse(postcodes[j].input, &b);
			wrong += (order < 0) != (a < b) || (order > 0) != (a > b);
		}
	ok(wrong == 0, "postcodes order as their text");
}

static bool
mends(const char *str, const char *expected)
{
	int64_t		postcode = -1;
	char		out[POSTCODE_MAX_LENGTH];

	if (!caredata_postcode_mend(str, strlen(str), &postcode))
		return expected == NULL && postcode == -1;
	return expected != NULL &&
		is_text(out, caredata_postcode_format(postcode, out), expected);
}

static void
test_mending(void)
{
	ok(mends("LS1 4AP", "LS1 4AP") && mends("ox1 0aa", "OX1 0AA"),
	   "a postcode is itself");
	ok(mends("0X1 4AP", "OX1 4AP") && mends("LS1 OAP", "LS1 0AP") &&
	   mends("0X1OAA", "OX1 0AA"), "O and 0 are taken for each other");
	ok(mends("HAO 1AA", "HA0 1AA") && mends("SO14 3AA", "SO14 3AA") &&
	   mends("S014 3AA", "SO14 3AA"), "in the district, by the places of letters and digits");
	ok(mends("S01 4AP", "SO1 4AP"), "whose digits do not begin with 0");
	ok(mends("LS1 4AO", NULL) && mends("LS1 40P", NULL),
	   "the last two letters are never O");
	ok(mends("ZZ99 3VZ", NULL) && mends("ZZ99 OVZ", NULL), "not into a pseudo postcode");
	ok(mends("", NULL) && mends("OOOOOOO", NULL) && mends("00000000", NULL) &&
	   mends("LS1 4APX9", NULL), "what is none stays none");
}

int
main(void)
{
	test_mending();
	test_examples();
	test_grammar();
	test_order();
	return done();
}
