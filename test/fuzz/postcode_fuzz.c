/*
 * postcode_fuzz.c
 *		Any bytes as a postcode: nothing out of bounds, and what is read is
 *		written so that it is read again, and has an area, district and sector
 *		that it starts with.
 */
#include "postcode_parse.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		text[POSTCODE_MAX_LENGTH];
	char		part[POSTCODE_MAX_LENGTH];
	size_t		len;
	int64_t		postcode = -1;
	int64_t		again = -1;

	if (caredata_postcode_mend((const char *) data, size, &again))
		CHECK(!caredata_postcode_is_pseudo(again) &&
			  caredata_postcode_mend(text, caredata_postcode_format(again, text), &postcode) &&
			  postcode == again);
	postcode = again = -1;

	if (!caredata_postcode_parse((const char *) data, size, &postcode))
	{
		CHECK(postcode == -1);
		return 0;
	}
	CHECK(postcode > 0);
	len = caredata_postcode_format(postcode, text);
	CHECK(len >= 6 && len <= POSTCODE_MAX_LENGTH);
	CHECK(text[len - 4] == ' ');
	CHECK(caredata_postcode_parse(text, len, &again) && again == postcode);
	CHECK(caredata_postcode_format_area(postcode, part) >= 1);
	CHECK(caredata_postcode_format_district(postcode, part) == len - 4);
	CHECK(caredata_postcode_format_sector(postcode, part) == len - 2);
	CHECK(memcmp(part, text, len - 2) == 0);
	CHECK(caredata_postcode_is_pseudo(postcode) ==
		  (memcmp(text, "ZZ99", 4) == 0));
	return 0;
}
