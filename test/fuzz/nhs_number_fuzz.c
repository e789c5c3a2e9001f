/*
 * nhs_number_fuzz.c
 *		Any bytes as an NHS number: nothing out of bounds, and what is read is
 *		valid and written so that it is read again.
 */
#include "nhs_number_parse.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		text[NHS_NUMBER_DISPLAY_LENGTH];
	int64_t		number = -1;
	int64_t		again = -1;

	if (caredata_nhs_number_parse((const char *) data, size,
								  &number) != NHS_NUMBER_VALID)
	{
		CHECK(number == -1);
		return 0;
	}
	CHECK(number > 0 && number <= NHS_NUMBER_MAX);
	CHECK(caredata_nhs_number_check(number) == NHS_NUMBER_VALID);
	CHECK(caredata_nhs_number_class(number) != NULL);
	caredata_nhs_number_format(number, text);
	CHECK(caredata_nhs_number_parse(text, NHS_NUMBER_DIGITS,
									&again) == NHS_NUMBER_VALID);
	CHECK(again == number);
	caredata_nhs_number_format_display(number, text);
	CHECK(caredata_nhs_number_parse(text, NHS_NUMBER_DISPLAY_LENGTH,
									&again) == NHS_NUMBER_VALID);
	CHECK(again == number);
	return 0;
}
