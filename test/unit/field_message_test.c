/*
 * field_message_test.c
 *		Kinds, normal forms and layout of the message that pseudonym_of()
 *		hashes.  The layout is frozen: a change here changes pseudonyms.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "field_message.h"
#include "tap.h"

static bool
normal(FieldKind kind, const char *text, const char *expected)
{
	char		out[FIELD_NORMAL_MAX + 1];
	size_t		length;

	memset(out, 0, sizeof(out));
	length = caredata_field_normalise(kind, text, strlen(text), out);
	return strlen(out) == length && strcmp(out, expected) == 0;
}

static bool
folded(const char *text, const char *expected)
{
	size_t		length = strlen(text);
	char	   *copy = malloc(length == 0 ? 1 : length);
	bool		same;

	if (copy == NULL)
		return false;
	memcpy(copy, text, length);
	length = caredata_field_fold(copy, length);
	same = length == strlen(expected) && memcmp(copy, expected, length) == 0;
	free(copy);
	return same;
}

static FieldKind
kind(const char *name, bool *optional)
{
	return caredata_field_kind(name, strlen(name), optional);
}

static void
test_kinds(void)
{
	bool		o;

	ok(kind("nhs_number", &o) == FIELD_KIND_NHS_NUMBER && !o &&
	   kind("date", &o) == FIELD_KIND_DATE && !o &&
	   kind("postcode", &o) == FIELD_KIND_POSTCODE && !o &&
	   kind("sex", &o) == FIELD_KIND_SEX && !o &&
	   kind("text", &o) == FIELD_KIND_TEXT && !o &&
	   kind("exact", &o) == FIELD_KIND_EXACT && !o, "kinds");
	ok(kind("postcode?", &o) == FIELD_KIND_POSTCODE && o, "an optional one");
	ok(kind("", &o) == FIELD_KIND_UNRECOGNIZED &&
	   kind("?", &o) == FIELD_KIND_UNRECOGNIZED &&
	   kind("dat", &o) == FIELD_KIND_UNRECOGNIZED &&
	   kind("dates", &o) == FIELD_KIND_UNRECOGNIZED &&
	   kind("DATE", &o) == FIELD_KIND_UNRECOGNIZED &&
	   kind("date??", &o) == FIELD_KIND_UNRECOGNIZED, "and what is none");
}

static void
test_normal_forms(void)
{
	ok(normal(FIELD_KIND_NHS_NUMBER, " 943 476 5919 ", "9434765919") &&
	   normal(FIELD_KIND_NHS_NUMBER, "943-476-5919", "9434765919") &&
	   normal(FIELD_KIND_NHS_NUMBER, "0123456789", "0123456789"), "NHS numbers");
	ok(normal(FIELD_KIND_NHS_NUMBER, "9434765918", "") &&
	   normal(FIELD_KIND_NHS_NUMBER, "1111111111", "") &&
	   normal(FIELD_KIND_NHS_NUMBER, "", ""), "and what is none");
	ok(normal(FIELD_KIND_DATE, "1975-10-22", "1975-10-22") &&
	   normal(FIELD_KIND_DATE, "22/10/1975", "1975-10-22") &&
	   normal(FIELD_KIND_DATE, "19751022", "1975-10-22") &&
	   normal(FIELD_KIND_DATE, "1975-10-22T10:11:12", "1975-10-22"), "dates");
	ok(normal(FIELD_KIND_DATE, "1975-02-29", "") &&
	   normal(FIELD_KIND_DATE, "unknown", ""), "and what is none");
	ok(normal(FIELD_KIND_POSTCODE, "cb22 3ad", "CB223AD") &&
	   normal(FIELD_KIND_POSTCODE, "CB223AD", "CB223AD") &&
	   normal(FIELD_KIND_POSTCODE, "M1   1AA", "M11AA"), "postcodes");
	ok(normal(FIELD_KIND_POSTCODE, "ZZ99 3VZ", "") &&
	   normal(FIELD_KIND_POSTCODE, "CB22", ""), "and what is none, or stands for none");
	ok(normal(FIELD_KIND_SEX, "f", "2") && normal(FIELD_KIND_SEX, "Male", "1") &&
	   normal(FIELD_KIND_SEX, "2", "2") && normal(FIELD_KIND_SEX, "9", "9"),
	   "sexes");
	ok(normal(FIELD_KIND_SEX, "x7", "") && normal(FIELD_KIND_SEX, "", ""),
	   "and what is none");
	ok(folded("  O'Brien \t Smith\n", "O'BRIEN SMITH") && folded("", "") &&
	   folded(" \t ", "") && folded("a", "A") &&
	   folded("\xc3\xa9tude", "\xc3\xa9TUDE") && folded("a \n b", "A B"),
	   "texts");
}

/* Every day that can be read, against the text it was read from. */
static void
test_dates(void)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			wrong = 0;
	int			days = 0;
	int			year;

	for (year = 1800; year <= 2200; year++)
	{
		int			month;

		for (month = 1; month <= 12; month++)
		{
			int			length = lengths[month - 1];
			int			day;

			if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
				length++;
			for (day = 1; day <= length; day++)
			{
				char		text[40];

				snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
				wrong += !normal(FIELD_KIND_DATE, text, text);
				days++;
			}
		}
	}
	ok(wrong == 0 && days == 146462, "%d days from 1800 to 2200", days);
}

static void
test_message(void)
{
	static const char expected[] =
	"0103"
	"010000000a" "39343334373635393139"
	"020000000a" "313937352d31302d3232"
	"03ffffffff";
	uint8_t		message[200];
	uint8_t		key[32];
	uint8_t		hash[16];
	char		hex[2 * sizeof(message) + 1];
	size_t		length = 0;
	int			i;

	message[length++] = FIELD_MESSAGE_VERSION;
	message[length++] = 3;
	length += caredata_field_header(message + length, FIELD_KIND_NHS_NUMBER,
									true, 10);
	length += caredata_field_normalise(FIELD_KIND_NHS_NUMBER, "943 476 5919", 12,
									   (char *) message + length);
	length += caredata_field_header(message + length, FIELD_KIND_DATE, true, 10);
	length += caredata_field_normal_date(1975, 10, 22, (char *) message + length);
	length += caredata_field_header(message + length, FIELD_KIND_POSTCODE,
									false, 0);
	sodium_bin2hex(hex, sizeof(hex), message, length);
	ok(strcmp(hex, expected) == 0, "the message of three fields, one absent");

	/* keyed BLAKE2b-128, key 00 01 ... 1f */
	for (i = 0; i < 32; i++)
		key[i] = (uint8_t) i;
	crypto_generichash(hash, sizeof(hash), message, length, key, sizeof(key));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	ok(strcmp(hex, "70877adfa599e42e4cf3cedbe1d4e65a") == 0, "and its pseudonym");
}

int
main(void)
{
	char		out[FIELD_NORMAL_MAX];

	test_kinds();
	test_normal_forms();
	test_dates();
	ok(caredata_field_normal_date(0, 1, 1, out) == 0 &&
	   caredata_field_normal_date(10000, 1, 1, out) == 0 &&
	   caredata_field_normal_date(1, 1, 1, out) == 10 &&
	   memcmp(out, "0001-01-01", 10) == 0, "years that have no four digits");
	test_message();
	return done();
}
