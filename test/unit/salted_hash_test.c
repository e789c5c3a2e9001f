/*
 * salted_hash_test.c
 *		The compatibility digests against published and recomputed vectors of
 *		OpenPseudonymiser and the NDR tools, and the edges of their rules.
 */
#include <string.h>

#include "salted_hash.h"
#include "tap.h"

#define PART(text)	((HashPart) {text, strlen(text)})

static const char salt1[] = "1234567890abcdef1234567890abcdef";
static const char salt2[] = "0123456789abcdef1234567890abcdef";
static const char fixture_salt[] =
"515b619eb6cbbbaaf603f9d1dcebc700447efcc765271c5187137cc6b5231c6b";

static bool
is(const char *hex, const char *expected)
{
	return memcmp(hex, expected, SALTED_HASH_HEX) == 0;
}

/* name=value pairs, one string each */
static bool
op(char *hex, const char *salt, int count, const char *const *fields)
{
	HashPart	names[SALTED_HASH_MAX_FIELDS + 1];
	HashPart	values[SALTED_HASH_MAX_FIELDS + 1];
	bool		names_ok = false;
	int			i;

	memset(hex, '!', SALTED_HASH_HEX);
	for (i = 0; i < count; i++)
	{
		const char *equals = strchr(fields[i], '=');

		names[i].bytes = fields[i];
		names[i].length = (size_t) (equals - fields[i]);
		values[i] = PART(equals + 1);
	}
	return caredata_open_pseudonymiser(names, values, count, PART(salt), hex,
									   &names_ok) && names_ok;
}

#define OP(hex, salt, ...) \
	op(hex, salt, sizeof((const char *const[]) {__VA_ARGS__}) / sizeof(char *), \
	   (const char *const[]) {__VA_ARGS__})

static void
test_open_pseudonymiser(void)
{
	char		hex[SALTED_HASH_HEX];
	char		other[SALTED_HASH_HEX];

	ok(OP(hex, "mackerel", "DOB=29.11.1973", "NHSNumber=943 476 5919") &&
	   is(hex, "ED72F814B7905F3D3958749FA90FE657C101EC657402783DB68CBE3513E76087"),
	   "date of birth and NHS number");
	ok(OP(hex, "mackerel", "NHSNumber=9434765919", "DOB=29.11.1973") &&
	   is(hex, "ED72F814B7905F3D3958749FA90FE657C101EC657402783DB68CBE3513E76087"),
	   "the order is that of the names");
	ok(OP(hex, "mackerel", "DOB=29.11.2011", "NHSNumber=9434765919") &&
	   is(hex, "5DFC32BA81EA3E016333687111AE2F63D97DAD05ADF92C61BF06438A08D8BC56"),
	   "another date of birth");
	ok(OP(hex, "mackerel", "NHSNumber=9434765919") &&
	   is(hex, "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575"),
	   "NHS number alone");
	ok(OP(hex, "mackerel", "NEWNHSNO=943-476-5919 ") &&
	   is(hex, "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575") &&
	   OP(hex, "mackerel", "newNhsNo=NHS 943.476.5919") &&
	   is(hex, "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575"),
	   "only the digits of an NHS number count");
	ok(OP(hex, "mackerel", "number=943-476-5919") &&
	   !is(hex, "643574A0AEFDA8DAC01EEBE45F7E8CFE814B15BBC3F654AC934518A34A53D575"),
	   "in a field of another name all characters count");
	ok(OP(hex, "pie", "x= \t\r\n") &&
	   is(hex, "558211ED72B2D6967037419DFF6F1E7CFD002D178C8FDEEB1239760D4E4C4059"),
	   "blanks count for nothing, and the salt is not touched");
	ok(OP(hex, "a b", "x=1") && OP(other, "ab", "x=1") &&
	   memcmp(hex, other, SALTED_HASH_HEX) != 0,
	   "blanks of the salt count");
	ok(OP(hex, "s", "a=12", "b=3") && OP(other, "s", "a=1", "b=23") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0,
	   "values run into each other, as in the tool");

	/* order of names: spaces, underscores, digits, letters without case */
	ok(OP(hex, "", "p=pie") &&
	   OP(other, "", "a_b=p", "a1=i", "ab=e") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0 &&
	   OP(other, "", "ab=e", "a1=i", "a b=p") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0 &&
	   OP(other, "", "B=i", "a=p", "C=e") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0 &&
	   OP(other, "", "A=i", "a=p", "b=e") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0 &&
	   OP(other, "", "abc=e", "ab=i", "a=p") &&
	   memcmp(hex, other, SALTED_HASH_HEX) == 0,
	   "names sort as in the tool");
	ok(!OP(hex, "s", "a=1", "a=2") && !OP(hex, "s", "=1") &&
	   !OP(hex, "s", "a-b=1") && !OP(hex, "s", "a'b=1") &&
	   !OP(hex, "s", "caf\xc3\xa9=1"),
	   "names that are twice, empty or of other characters are refused");
	{
		HashPart	names[SALTED_HASH_MAX_FIELDS + 1];
		char		letters[SALTED_HASH_MAX_FIELDS + 1];
		bool		names_ok = true;
		int			i;

		for (i = 0; i <= SALTED_HASH_MAX_FIELDS; i++)
		{
			letters[i] = (char) ('a' + i);
			names[i].bytes = letters + i;
			names[i].length = 1;
		}
		ok(caredata_open_pseudonymiser(names, names, SALTED_HASH_MAX_FIELDS,
									   PART("s"), hex, &names_ok) && names_ok &&
		   caredata_open_pseudonymiser(names, names, SALTED_HASH_MAX_FIELDS + 1,
									   PART("s"), hex, &names_ok) && !names_ok &&
		   caredata_open_pseudonymiser(names, names, 0, PART("s"), hex,
									   &names_ok) && !names_ok,
		   "one to sixteen fields");
	}
}

static void
test_ndr(void)
{
	char		hex[SALTED_HASH_HEX];
	char		again[SALTED_HASH_HEX];
	bool		readable = false;
	size_t		i;
	static const char *const fixtures[][2] = {
		{"9999999468", "cce1f1234875c669fada2e20199a96b3c58232dd3a01f7116d22c6d38a32cbaf"},
		{"9999999476", "ed1154353cc85744d0d4a33051f123393f1189aacf765b66155e518c9801dbd6"},
		{"9999999484", "3395d160b830f9c19ee2a385cf32e634e21f52237ad22d267096528ccc903e1f"},
		{"1111111111", "e0714bf8374618d8e71be26f6688087ec0e93d230b4bd9de1a918656120a02d5"}
	};
	static const char *const refused[] = {
		"", "123456788", "12345678811", "123456788 ", "123 456 7881",
		"123456788a", "123456788\xb9"
	};

	ok(caredata_ndr_pseudo_id1(PART("1234567881"), PART(salt1), hex, &readable) &&
	   readable &&
	   is(hex, "7878498913bf63ca105b6ba06c115825f3cf9db552d09a4f85ae8367ea69b075"),
	   "pseudo id 1");
	ok(caredata_ndr_repseudonym((HashPart) {hex, SALTED_HASH_HEX}, PART(salt2),
								again, &readable) && readable &&
	   is(again, "f82845dec2cd73796fd4a27610b7c175aacb4ee30515ef4e0ead76feb352fb9b"),
	   "re-pseudonym of pseudo id 1");
	ok(caredata_ndr_pseudo_id2("1975-10-22", PART("CB22 3AD"), PART(salt1), hex,
							   &readable) && readable &&
	   is(hex, "fd716deb5d66a8cadf8e11f5fd342a9f78b091cd01ce48c017d52cc9f2dbfd90"),
	   "pseudo id 2");
	ok(caredata_ndr_repseudonym((HashPart) {hex, SALTED_HASH_HEX}, PART(salt2),
								again, &readable) && readable &&
	   is(again, "051109c45665b97b1b9fcb1118c1c2d47e12f53d478463b8c344850e883fc5d9"),
	   "re-pseudonym of pseudo id 2");
	ok(caredata_ndr_pseudo_id2("1975-10-22", PART(" cb223ad "), PART(salt1), again,
							   &readable) && readable &&
	   memcmp(hex, again, SALTED_HASH_HEX) == 0,
	   "spaces and case of a postcode do not count");
	for (i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++)
		ok(caredata_ndr_pseudo_id1(PART(fixtures[i][0]), PART(fixture_salt), hex,
								   &readable) && readable &&
		   is(hex, fixtures[i][1]), "fixture %zu", i + 1);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(caredata_ndr_pseudo_id1(PART(refused[i]), PART(salt1), hex,
								   &readable) && !readable,
		   "not ten digits, %zu", i);
	ok(caredata_ndr_pseudo_id2("1975-10-22", PART("  "), PART(salt1), hex,
							   &readable) && !readable &&
	   caredata_ndr_pseudo_id2("1975-10-22", PART("CB22-3AD"), PART(salt1), hex,
							   &readable) && !readable &&
	   caredata_ndr_pseudo_id2("1975-10-22",
							   PART("0123456789012345678901234567890123456789012345678901234567890123"),
							   PART(salt1), hex, &readable) && readable &&
	   caredata_ndr_pseudo_id2("1975-10-22",
							   PART("01234567890123456789012345678901234567890123456789012345678901234"),
							   PART(salt1), hex, &readable) && !readable,
	   "postcodes of other characters, blank or over long are refused");
	again[0] = 'F';
	ok(caredata_ndr_repseudonym((HashPart) {again, SALTED_HASH_HEX}, PART(salt2),
								hex, &readable) && !readable &&
	   caredata_ndr_repseudonym(PART("f82845dec2cd7379"), PART(salt2), hex,
								&readable) && !readable,
	   "only 64 small hexadecimal digits are a pseudo id");
}

int
main(void)
{
	HashPart	part = PART("pie");
	char		hex[SALTED_HASH_HEX];

	ok(caredata_salted_hash(&part, 1, hex) &&
	   is(hex, "558211ed72b2d6967037419dff6f1e7cfd002d178c8fdeeb1239760d4e4c4059"),
	   "plain SHA-256");
	ok(caredata_salted_hash(NULL, 0, hex) &&
	   is(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
	   "of nothing");
	test_open_pseudonymiser();
	test_ndr();
	return done();
}
