/*
 * nhs_number_test.c
 *		The check digit, the accepted forms and the ranges of NHS numbers.
 *
 * All numbers are published examples, or of the test ranges 900 and 999.
 */
#include <string.h>

#include "nhs_number_parse.h"
#include "tap.h"

static const char *const valid[] = {
	"9434765919", "9876543210", "4505577104", "4000000004", "6000000006",
	"4010232137", "1234567881", "0607230002", "0123456789", "5466066893",
	"9000000009", "9990000018", "9999999468", "9999999476", "9999999484",
	"9999999492", "2983396339", "9313317125", "9449305552", "3456789106",
	"9990000026", "9990000034", "9990000042", "9990000050", "9990000069",
	"9990000077", "9990000085", "9990000093", "9990000107", "9990000115",
	"9990000123", "9990000131", "9990000158", "9990000166", "9990000174",
	"9990000182", "9990000190", "9990000204", "9990000212", "9990000220",
	"9990000239", "9990000247", "9990000255", "9000000017", "9000000025",
	"9000000033", "9000000041", "9000000068", "9000000076", "9000000084",
	"9000000092", "9000000106", "9000000114", "9000000122", "9000962382",
	"9000898358", "9000803888", "9000925967"
};

static const char *const bad_check_digit[] = {
	"1234567890", "9434765918", "9434765917", "9876544321", "4857773456",
	"4000000000", "7000000009", "4012345678", "1232331234", "3474782737",
	"2893585890", "4100000001", "9990000010", "9000543664",
	"943 476 5918", "943-476-5918"
};

static const char *const accepted[] = {
	"943 476 5919", "943-476-5919", " 9434765919", "9434765919 ",
	"\t943 476 5919\r\n", "  943-476-5919  ", "9434765919\v\f"
};

static const char *const bad_format[] = {
	"", " ", "          ", "943 476-5919", "943-476 5919", "94347659190",
	"943476591", "9434 765919", "94 347 65919", "943 4765919", "943476 5919",
	"943  476 5919", "943476591X", "O434765919", "943.476.5919",
	"943/476/5919", "943\t476\t5919", "+9434765919", "-943476591",
	"9434765919.0", "9.434765919E9", "943 476 591 9", "NOT KNOWN",
	"943 476 5919x", "943\xC2\xA0" "476\xC2\xA0" "5919",
	"\xEF\xBC\x99\xEF\xBC\x94\xEF\xBC\x93\xEF\xBC\x94", "\xB9\xB4\xB3\xB4\xB7\xB6\xB5\xB9\xB1\xB9"
};

static NhsNumberStatus
parse(const char *str, int64_t *number)
{
	return caredata_nhs_number_parse(str, strlen(str), number);
}

static void
test_valid(void)
{
	size_t		i;

	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
	{
		int64_t		number = -1;
		char		text[NHS_NUMBER_DIGITS];
		char		display[NHS_NUMBER_DISPLAY_LENGTH];
		int64_t		again = -1;

		ok(parse(valid[i], &number) == NHS_NUMBER_VALID &&
		   caredata_nhs_number_check(number) == NHS_NUMBER_VALID,
		   "%s is valid", valid[i]);
		caredata_nhs_number_format(number, text);
		caredata_nhs_number_format_display(number, display);
		ok(memcmp(text, valid[i], sizeof(text)) == 0 &&
		   display[3] == ' ' && display[7] == ' ' &&
		   caredata_nhs_number_parse(display, sizeof(display),
									 &again) == NHS_NUMBER_VALID &&
		   again == number,
		   "%s is written as read", valid[i]);
	}
}

static void
test_refused(void)
{
	size_t		i;

	for (i = 0; i < sizeof(bad_check_digit) / sizeof(bad_check_digit[0]); i++)
	{
		int64_t		number = -1;

		ok(parse(bad_check_digit[i], &number) == NHS_NUMBER_BAD_CHECK_DIGIT &&
		   number == -1,
		   "%s has a wrong check digit", bad_check_digit[i]);
	}
	for (i = 0; i < 10; i++)
	{
		char		text[NHS_NUMBER_DIGITS];
		int64_t		number = -1;

		memset(text, '0' + (int) i, sizeof(text));
		ok(caredata_nhs_number_parse(text, sizeof(text),
									 &number) == NHS_NUMBER_REPEATED_DIGIT &&
		   number == -1 &&
		   caredata_nhs_number_check((int64_t) i * INT64_C(1111111111)) ==
		   NHS_NUMBER_REPEATED_DIGIT,
		   "ten times %zu is refused", i);
	}
	for (i = 0; i < sizeof(bad_format) / sizeof(bad_format[0]); i++)
	{
		int64_t		number = -1;

		ok(parse(bad_format[i], &number) == NHS_NUMBER_BAD_FORMAT &&
		   number == -1,
		   "bad form %zu is refused", i);
	}
	ok(caredata_nhs_number_parse("943476591\0", 10, &(int64_t){0}) ==
	   NHS_NUMBER_BAD_FORMAT, "a zero byte is refused");
	ok(caredata_nhs_number_parse("9434765919", 9, &(int64_t){0}) ==
	   NHS_NUMBER_BAD_FORMAT, "nothing past the length is read");
}

static void
test_accepted_forms(void)
{
	size_t		i;

	for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
	{
		int64_t		number = -1;

		ok(parse(accepted[i], &number) == NHS_NUMBER_VALID &&
		   number == INT64_C(9434765919),
		   "form %zu is read", i);
	}
}

static void
test_integers(void)
{
	static const int64_t outside[] = {
		-1, INT64_C(-9434765919), INT64_MIN, INT64_C(10000000000), INT64_MAX
	};
	size_t		i;

	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		ok(caredata_nhs_number_check(outside[i]) == NHS_NUMBER_BAD_FORMAT,
		   "integer outside the range is refused, %zu", i);
	ok(caredata_nhs_number_check(607230002) == NHS_NUMBER_VALID,
	   "an integer gets its leading zero back");
}

/* Every wrong digit and every swap of neighbours is found out. */
static void
test_errors_are_found(void)
{
	size_t		i;
	int			missed = 0;
	int			tried = 0;

	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
	{
		int			place;

		for (place = 0; place < NHS_NUMBER_DIGITS; place++)
		{
			char		text[NHS_NUMBER_DIGITS];
			int64_t		number;
			char		digit;

			memcpy(text, valid[i], sizeof(text));
			for (digit = '0'; digit <= '9'; digit++)
			{
				text[place] = digit;
				if (digit == valid[i][place])
					continue;
				tried++;
				missed += caredata_nhs_number_parse(text, sizeof(text),
													&number) == NHS_NUMBER_VALID;
			}
			memcpy(text, valid[i], sizeof(text));
			if (place == 0 || text[place] == text[place - 1])
				continue;
			text[place] = valid[i][place - 1];
			text[place - 1] = valid[i][place];
			tried++;
			missed += caredata_nhs_number_parse(text, sizeof(text),
												&number) == NHS_NUMBER_VALID;
		}
	}
	ok(missed == 0 && tried > 5000, "%d slips of one or two digits, %d missed",
	   tried, missed);
}

/*
 * The rule as the data dictionary words it, over a million stems: at most one
 * check digit, and none where the rule gives 10.
 */
static void
test_rule(void)
{
	int			wrong = 0;
	int			unusable = 0;
	int64_t		stem;

	for (stem = 999000000; stem < 1000000000; stem++)
	{
		int			sum = 0;
		int			expected;
		int64_t		rest = stem;
		int			weight;
		int			digit;

		for (weight = 2; weight <= 10; weight++)
		{
			sum += (int) (rest % 10) * weight;
			rest /= 10;
		}
		expected = 11 - sum % 11;
		if (expected == 11)
			expected = 0;
		if (expected == 10)
			unusable++;
		for (digit = 0; digit <= 9; digit++)
		{
			bool		is_valid;

			is_valid = caredata_nhs_number_check(stem * 10 + digit) ==
				NHS_NUMBER_VALID;
			/* the one stem of this range that a repeated digit ends */
			if (stem == 999999999 && digit == 9)
				wrong += is_valid;
			else
				wrong += is_valid != (digit == expected);
		}
	}
	ok(wrong == 0, "a million stems follow the rule");
	ok(unusable > 90000 && unusable < 92000, "one stem in eleven is unusable");
}

static void
test_classes(void)
{
	static const struct
	{
		int64_t		first;
		int64_t		last;
		const char *name;
	}			ranges[] =
	{
		{INT64_C(10), INT64_C(99999999), "unallocated"},
		{INT64_C(100000000), INT64_C(3112999999), "scotland"},
		{INT64_C(3113000000), INT64_C(3199999999), "unreserved"},
		{INT64_C(3200000000), INT64_C(3999999999), "northern_ireland"},
		{INT64_C(4000000000), INT64_C(4999999999), "england_wales_isle_of_man"},
		{INT64_C(5000000000), INT64_C(5999999999), "not_issued"},
		{INT64_C(6000000000), INT64_C(7999999999), "england_wales_isle_of_man"},
		{INT64_C(8000000000), INT64_C(8599999999), "ireland"},
		{INT64_C(8600000000), INT64_C(8999999999), "spare"},
		{INT64_C(9000000000), INT64_C(9989999999), "test"},
		{INT64_C(9990000000), INT64_C(9999999999), "synthetic"}
	};
	size_t		i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		ok(strcmp(caredata_nhs_number_class(ranges[i].first),
				  ranges[i].name) == 0 &&
		   strcmp(caredata_nhs_number_class(ranges[i].last),
				  ranges[i].name) == 0,
		   "range %zu is %s to both its ends", i, ranges[i].name);
}

int
main(void)
{
	test_valid();
	test_refused();
	test_accepted_forms();
	test_integers();
	test_errors_are_found();
	test_rule();
	test_classes();
	return done();
}
