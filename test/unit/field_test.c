/*
 * field_test.c
 *		The ways in which extract files write numbers, dates, times and codes.
 */
#include <string.h>

#include "field_parse.h"
#include "tap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_integers(void)
{
	static const struct
	{
		const char *input;
		int64_t		value;
	}			good[] =
	{
		{"0", 0}, {"-0", 0}, {"+7", 7}, {"007", 7}, {" 42\r\n", 42},
		{"-42", -42},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
		{"00000000000000000000000000000001", 1}
	};
	static const char *const bad[] = {
		"", " ", "-", "+", "--1", "+-1", "1-", "1.0", "1e3", "1,000", "1 000",
		"0x10", "NA", "9223372036854775808", "-9223372036854775809",
		"18446744073709551616", "99999999999999999999999", "\xB2"
	};
	size_t		i;

	for (i = 0; i < COUNT(good); i++)
	{
		int64_t		value = 99;

		ok(caredata_field_parse_integer(good[i].input, strlen(good[i].input),
										&value) && value == good[i].value,
		   "integer \"%s\"", good[i].input);
	}
	for (i = 0; i < COUNT(bad); i++)
	{
		int64_t		value = 99;

		ok(!caredata_field_parse_integer(bad[i], strlen(bad[i]), &value) &&
		   value == 99, "no integer \"%s\"", bad[i]);
	}
}

static void
test_floats(void)
{
	static const struct
	{
		const char *input;
		double		value;
	}			good[] =
	{
		{"0", 0}, {"1.5", 1.5}, {".5", 0.5}, {"5.", 5}, {"-1.25", -1.25},
		{"+2", 2}, {"1e3", 1000}, {"1.5E-1", 0.15}, {" 36.6\t", 36.6},
		{"51.477928", 51.477928}, {"1e308", 1e308}
	};
	static const char *const bad[] = {
		"", ".", "-", "+.", "1e", "1e+", "e5", "1.2.3", "1,5", "NaN", "nan",
		"inf", "Infinity", "0x1p3", "1e309", "-1e309", "1e-400", "1 2", "1f",
		"00000000000000000000000000000000000000000000000000000000000000001"
	};
	size_t		i;

	for (i = 0; i < COUNT(good); i++)
	{
		double		value = 99;

		ok(caredata_field_parse_float8(good[i].input, strlen(good[i].input),
									   &value) && value == good[i].value,
		   "number \"%s\"", good[i].input);
	}
	for (i = 0; i < COUNT(bad); i++)
	{
		double		value = 99;

		ok(!caredata_field_parse_float8(bad[i], strlen(bad[i]), &value) &&
		   value == 99, "no number \"%s\"", bad[i]);
	}
	{
		double		value;

		ok(caredata_field_parse_float8("1.57", 3, &value) && value == 1.5,
		   "nothing past the length is read");
	}
}

static void
test_booleans(void)
{
	static const char *const yes[] = {
		"1", "y", "Y", "yes", "Yes", "t", "TRUE", " true "
	};
	static const char *const no[] = {
		"0", "n", "N", "no", "NO", "f", "False", "\tfalse"
	};
	static const char *const bad[] = {
		"", " ", "2", "on", "off", "ye", "yess", "NA", "-1", "01"
	};
	bool		value;
	size_t		i;

	for (i = 0; i < COUNT(yes); i++)
		ok(caredata_field_parse_boolean(yes[i], strlen(yes[i]), &value) &&
		   value, "true \"%s\"", yes[i]);
	for (i = 0; i < COUNT(no); i++)
		ok(caredata_field_parse_boolean(no[i], strlen(no[i]), &value) &&
		   !value, "false \"%s\"", no[i]);
	for (i = 0; i < COUNT(bad); i++)
		ok(!caredata_field_parse_boolean(bad[i], strlen(bad[i]), &value),
		   "neither \"%s\"", bad[i]);
	ok(!caredata_field_parse_boolean("y\0", 2, &value),
	   "neither, with a zero byte");
}

static bool
date_is(const char *str, int32_t expected)
{
	int32_t		days = 99;

	return caredata_field_parse_date(str, strlen(str), &days) &&
		days == expected;
}

/* Every day there is, in every form, counted by hand. */
static void
test_every_date(void)
{
	static const int month_days[] =
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int32_t		day_number = -73048;	/* 1800-01-01 */
	int			wrong = 0;
	int			year;
	int			month;
	int			day;

	for (year = FIELD_MIN_YEAR; year <= FIELD_MAX_YEAR; year++)
	{
		bool		leap = (year % 4 == 0 && year % 100 != 0) ||
			year % 400 == 0;

		if (year == 2000)
			ok(day_number == 0, "2000-01-01 is day 0");
		for (month = 0; month <= 13; month++)
			for (day = 0; day <= 32; day++)
			{
				char		text[4][40];
				int			form;
				bool		exists;

				exists = month >= 1 && month <= 12 && day >= 1 &&
					day <= month_days[month - 1] + (month == 2 && leap);
				sprintf(text[0], "%04d-%02d-%02d", year, month, day);
				sprintf(text[1], "%04d%02d%02d", year, month, day);
				sprintf(text[2], "%02d/%02d/%04d", day, month, year);
				sprintf(text[3], "%02d-%02d-%04d", day, month, year);
				for (form = 0; form < 4; form++)
				{
					int32_t		days;
					bool		read;

					read = caredata_field_parse_date(text[form],
													 strlen(text[form]), &days);
					wrong += read != exists || (read && days != day_number);
				}
				day_number += exists;
			}
	}
	ok(wrong == 0, "every day of four centuries in four forms, %d wrong",
	   wrong);
}

static void
test_dates(void)
{
	static const char *const june[] = {
		"2017-06-30", "20170630", "30/06/2017", "30-06-2017",
		" 2017-06-30 ", "2017-06-30 00:00:00", "2017-06-30T12:34:56Z",
		"2017-06-30T12:34:56+01:00", "2017-06-30 12:34:56.789",
		"2017-06-30 12:34", "30/06/2017 23:59", "20170630 1234",
		"20170630T123456", "2017-06-30T12:34:56-0500", "2017-06-30 12:34:56+01"
	};
	static const char *const bad[] = {
		"", "2017", "2017-06", "1799-12-31", "2201-01-01", "0000-00-00",
		"2017-6-30", "1/6/2017", "30/06/17", "2017/06/30", "30.06.2017",
		"06-30-2017", "12/31/2017", "31/06/2017", "30/06-2017", "30-Jun-2017",
		"2017-06-30x", "2017-06-30T", "2017-06-30 25:00",
		"2017-06-30 12:60", "2017-06-30 12:34:60", "2017-06-30 noon",
		"2017-06-3 ", "2017063", "201706300", "-2017-06-30", "+20170630",
		"NULL", "2017-06-30 12:34 +1:00", "2017-06-30 12:34+99:00",
		"2017-06-30  12:34", "2017- 6-30", "20 70630", "2017-06-30 12:34."
	};
	int32_t		days;
	size_t		i;

	for (i = 0; i < COUNT(june); i++)
		ok(date_is(june[i], 6390), "date \"%s\"", june[i]);
	for (i = 0; i < COUNT(bad); i++)
	{
		days = 99;
		ok(!caredata_field_parse_date(bad[i], strlen(bad[i]), &days) &&
		   days == 99, "no date \"%s\"", bad[i]);
	}
	ok(caredata_field_parse_date("201706301", 8, &days) && days == 6390,
	   "nothing past the length is read");
}

static void
test_times(void)
{
	static const struct
	{
		const char *input;
		int64_t		seconds;
		int64_t		microseconds;
	}			good[] =
	{
		{"00:00", 0, 0}, {"23:59:59", 86399, 0}, {"09:13:22", 33202, 0},
		{"0913", 33180, 0}, {"091322", 33202, 0}, {" 09:13 ", 33180, 0},
		{"09:13:22.5", 33202, 500000}, {"09:13:22.123456", 33202, 123456},
		{"09:13:22.1234569", 33202, 123456},
		{"2015-09-24 09:13:22", 33202, 0}, {"24/09/2015 09:13", 33180, 0},
		{"2015-09-24T09:13:22Z", 33202, 0},
		{"20150924 0913", 33180, 0}, {"2015-09-24T09:13:22+01:00", 33202, 0}
	};
	static const char *const bad[] = {
		"", "9", "913", "9:13", "24:00", "2400", "12:60", "12:34:60", "12:3",
		"12:34:5", "12:34:", "12:34:56.", "12:34 PM", "12.34", "1234567",
		"noon", "2015-09-24", "20150924", "2015-02-30 09:13", "-1:00",
		"09:13Z", "09:13+01:00", "12;34", "1 :30"
	};
	int64_t		value;
	size_t		i;

	for (i = 0; i < COUNT(good); i++)
		ok(caredata_field_parse_time(good[i].input, strlen(good[i].input),
									 &value) &&
		   value == good[i].seconds * 1000000 + good[i].microseconds,
		   "time \"%s\"", good[i].input);
	for (i = 0; i < COUNT(bad); i++)
	{
		value = 99;
		ok(!caredata_field_parse_time(bad[i], strlen(bad[i]), &value) &&
		   value == 99, "no time \"%s\"", bad[i]);
	}
}

static void
test_codes(void)
{
	/* an expected NULL: not a code of that format */
	static const struct
	{
		const char *format;
		const char *input;
		const char *expected;
	}			codes[] =
	{
		{"icd10", "J039", "J039"}, {"icd10", "J03.9", "J039"},
		{"icd10", "j46", "J46X"}, {"icd10", "J46X", "J46X"},
		{"icd10", "J46.X", "J46X"}, {"icd10", "J46-", "J46X"},
		{"icd10", " R69X ", "R69X"}, {"icd10", "U07.1", "U071"},
		{"icd10", "M0590", "M059"}, {"icd10", "M05.90", "M059"},
		{"icd10", "M45X0", "M45X"}, {"icd10", "G632A", "G632"},
		{"icd10", "E103XD", "E103"}, {"icd10", "E10.3-D", "E103"},
		{"icd10", "J46XXA", "J46X"}, {"icd10", "E10.3D", "E103"},
		{"icd10", "J", NULL}, {"icd10", "J4", NULL}, {"icd10", "J46.", NULL},
		{"icd10", "146X", NULL}, {"icd10", "JJ46", NULL},
		{"icd10", "J4.6X", NULL}, {"icd10", "J46.99.", NULL},
		{"icd10", "J46999", NULL}, {"icd10", "J469D1", NULL},
		{"icd10", "J46D", NULL}, {"icd10", "J46Z", NULL},
		{"icd10", "J46XXAA", NULL}, {"icd10", "J46 X", NULL},
		{"icd10", "NA", NULL}, {"icd10", "", NULL},

		{"opcs4", "K471", "K471"}, {"opcs4", "K47.1", "K471"},
		{"opcs4", "k49", "K49"}, {"opcs4", "X999", "X999"},
		{"opcs4", "K4", NULL}, {"opcs4", "K4711", NULL},
		{"opcs4", "K47X", NULL}, {"opcs4", "K47.", NULL},
		{"opcs4", "1471", NULL}, {"opcs4", "-", NULL}, {"opcs4", "", NULL},

		{"ods", "A81001", "A81001"}, {"ods", "rxf", "RXF"},
		{"ods", "5E1", "5E1"}, {"ods", "00K", "00K"},
		{"ods", "G9999998", "G9999998"}, {"ods", "RXF01ABCD", "RXF01ABCD"},
		{"ods", "RX", NULL}, {"ods", "RXF01ABCDE", NULL},
		{"ods", "A81-001", NULL}, {"ods", "A81 001", NULL}, {"ods", "", NULL},

		{"lsoa", "E01000001", "E01000001"}, {"lsoa", "w01001957", "W01001957"},
		{"lsoa", "S01006506", "S01006506"}, {"lsoa", "95AA01S1", "95AA01S1"},
		{"lsoa", "N20000001", "N20000001"}, {"lsoa", "E99999999", "E99999999"},
		{"lsoa", "N21000001", "N21000001"}, {"lsoa", "N99999999", "N99999999"},
		{"lsoa", "L99999999", "L99999999"}, {"lsoa", "M99999999", "M99999999"},
		{"lsoa", "E02000001", NULL}, {"lsoa", "E0100001", NULL},
		{"lsoa", "E010000011", NULL}, {"lsoa", "N01000001", NULL},
		{"lsoa", "L01000001", NULL}, {"lsoa", "X99999999", NULL},
		{"lsoa", "95AA01T1", NULL}, {"lsoa", "95AA0AS1", NULL},
		{"lsoa", "95A101S1", NULL}, {"lsoa", "96AA01S1", NULL},
		{"lsoa", "E0100000A", NULL}, {"lsoa", "", NULL},

		{"snomed", "827241000000103", "827241000000103"},
		{"snomed", "827261000000102", "827261000000102"},
		{"snomed", "881561000000100", "881561000000100"},
		{"snomed", "881581000000109", "881581000000109"},
		{"snomed", " 22298006 ", "22298006"}, {"snomed", "138875005", "138875005"},
		{"snomed", "827241000000104", NULL}, {"snomed", "22298060", NULL},
		/* a code that a spreadsheet has rounded */
		{"snomed", "10939881000119104", NULL},
		{"snomed", "022298006", NULL}, {"snomed", "12345", NULL},
		{"snomed", "2229800X", NULL}, {"snomed", "8.27241E+14", NULL},
		{"snomed", "1234567890123456789", NULL}, {"snomed", "", NULL},

		{"clinical", "9Nu0.", "9Nu0."}, {"clinical", "9Nu0", "9Nu0."},
		{"clinical", "9Nu0.00", "9Nu0."}, {"clinical", "9nu0.", "9nu0."},
		{"clinical", "XaZ89", "XaZ89"}, {"clinical", "XaaVL", "XaaVL"},
		{"clinical", "J4...", "J4..."}, {"clinical", "J4", "J4..."},
		{"clinical", "J4...00", "J4..."}, {"clinical", "H3...11", "H3..."},
		{"clinical", "C10F.", "C10F."}, {"clinical", "1371211", "13712"},
		{"clinical", "827241000000103", "827241000000103"},
		{"clinical", "22298006", "22298006"},
		{"clinical", ".9Nu0", NULL}, {"clinical", "9.u0.", NULL},
		{"clinical", "9Nu0.0", NULL}, {"clinical", "9Nu0.000", NULL},
		{"clinical", "9Nu0...", NULL}, {"clinical", "9 Nu0", NULL},
		{"clinical", "9Nu-0", NULL}, {"clinical", "827241000000104", NULL},
		{"clinical", "1371-11", NULL}, {"clinical", "", NULL},

		{"sex", "1", "1"}, {"sex", "2", "2"}, {"sex", "9", "9"},
		{"sex", "0", "0"}, {"sex", "M", "1"}, {"sex", "f", "2"},
		{"sex", "Male", "1"}, {"sex", "FEMALE", "2"}, {"sex", "I", "9"},
		{"sex", "indeterminate", "9"}, {"sex", "Not Specified", "9"},
		{"sex", "other", "9"}, {"sex", "U", "0"}, {"sex", "X", "0"},
		{"sex", "unknown", "0"}, {"sex", "Not known", "0"},
		{"sex", "3", NULL}, {"sex", "01", NULL}, {"sex", "W", NULL},
		{"sex", "MALES", NULL}, {"sex", "", NULL},

		{"ethnic_category", "A", "A"}, {"ethnic_category", "s", "S"},
		{"ethnic_category", "Z", "Z"}, {"ethnic_category", "99", "99"},
		{"ethnic_category", "I", NULL}, {"ethnic_category", "O", NULL},
		{"ethnic_category", "Q", NULL}, {"ethnic_category", "T", NULL},
		{"ethnic_category", "9", NULL}, {"ethnic_category", "AA", NULL},
		{"ethnic_category", "98", NULL}, {"ethnic_category", "", NULL}
	};
	char		out[FIELD_CODE_MAX];
	size_t		i;

	for (i = 0; i < COUNT(codes); i++)
	{
		FieldCodeFormat format;
		size_t		expected = 0;
		size_t		len;

		if (codes[i].expected != NULL)
			expected = strlen(codes[i].expected);
		format = caredata_field_code_format(codes[i].format,
											strlen(codes[i].format));
		len = caredata_field_parse_code(format, codes[i].input,
										strlen(codes[i].input), out);
		ok(format != FIELD_CODE_UNRECOGNIZED && len == expected &&
		   memcmp(out, codes[i].expected ? codes[i].expected : "", len) == 0,
		   "%s \"%s\" is %s", codes[i].format, codes[i].input,
		   codes[i].expected ? codes[i].expected : "refused");
	}

	ok(caredata_field_code_format("icd", 3) == FIELD_CODE_UNRECOGNIZED &&
	   caredata_field_code_format("icd100", 6) == FIELD_CODE_UNRECOGNIZED &&
	   caredata_field_code_format("ICD10", 5) == FIELD_CODE_UNRECOGNIZED &&
	   caredata_field_code_format("", 0) == FIELD_CODE_UNRECOGNIZED,
	   "other formats are not recognized");
	ok(caredata_field_parse_code(FIELD_CODE_ETHNIC_CATEGORY, "\0", 1,
								 out) == 0, "a zero byte is no category");
	ok(caredata_field_parse_code(FIELD_CODE_UNRECOGNIZED, "A", 1, out) == 0,
	   "nothing is a code of no format");
}

/* The sixteen groups of 2001 and no other letters. */
static void
test_ethnic_letters(void)
{
	char		seen[27] = "";
	char		out[FIELD_CODE_MAX];
	char		letter;
	int			n = 0;

	for (letter = 'A'; letter <= 'Z'; letter++)
		if (caredata_field_parse_code(FIELD_CODE_ETHNIC_CATEGORY, &letter, 1,
									  out) == 1)
			seen[n++] = letter;
	ok(strcmp(seen, "ABCDEFGHJKLMNPRSZ") == 0, "ethnic letters are %s", seen);
}

/* Verhoeff's check finds every wrong digit and every swap of neighbours. */
static void
test_snomed_errors_are_found(void)
{
	static const char *const ids[] = {
		"827241000000103", "881561000000100", "22298006", "138875005",
		"10939881000119105"
	};
	char		out[FIELD_CODE_MAX];
	int			missed = 0;
	int			tried = 0;
	size_t		i;

	for (i = 0; i < COUNT(ids); i++)
	{
		size_t		len = strlen(ids[i]);
		size_t		place;

		for (place = 0; place < len; place++)
		{
			char		text[FIELD_CODE_MAX];
			char		digit;

			memcpy(text, ids[i], len);
			for (digit = '0'; digit <= '9'; digit++)
			{
				text[place] = digit;
				if (digit == ids[i][place])
					continue;
				tried++;
				missed += caredata_field_parse_code(FIELD_CODE_SNOMED, text,
													len, out) != 0;
			}
			memcpy(text, ids[i], len);
			if (place == 0 || text[place] == text[place - 1])
				continue;
			text[place] = ids[i][place - 1];
			text[place - 1] = ids[i][place];
			tried++;
			missed += caredata_field_parse_code(FIELD_CODE_SNOMED, text, len,
												out) != 0;
		}
		ok(caredata_field_parse_code(FIELD_CODE_SNOMED, ids[i], len,
									 out) == len, "%s is valid", ids[i]);
	}
	ok(missed == 0 && tried > 500, "%d slips of one or two digits, %d missed",
	   tried, missed);
}

static void
test_printable(void)
{
	ok(caredata_field_is_printable("St. \xC3\x89milie's", 13),
	   "accents are printable");
	ok(caredata_field_is_printable("", 0), "nothing is printable");
	ok(!caredata_field_is_printable("a\tb", 3), "a tab is not");
	ok(!caredata_field_is_printable("a\nb", 3), "a line end is not");
	ok(!caredata_field_is_printable("a\0b", 3), "a zero byte is not");
	ok(!caredata_field_is_printable("a\x7F", 2), "a delete is not");
}

int
main(void)
{
	test_integers();
	test_floats();
	test_booleans();
	test_every_date();
	test_dates();
	test_times();
	test_codes();
	test_ethnic_letters();
	test_snomed_errors_are_found();
	test_printable();
	return done();
}
