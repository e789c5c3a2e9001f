/*
 * field_fuzz.c
 *		Any bytes as a field of every kind: nothing out of bounds, values in
 *		their range, and a code's stored form a code of the same form.
 */
#include <math.h>
#include <stdbool.h>

#include "field_parse.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *str = (const char *) data;
	const char *trimmed = str;
	size_t		len = size;
	int64_t		integer;
	double		number;
	bool		boolean;
	int32_t		days;
	int64_t		microseconds;
	FieldCodeFormat format;

	caredata_field_trim(&trimmed, &len);
	CHECK(len <= size && trimmed >= str && trimmed + len <= str + size);

	caredata_field_parse_integer(str, size, &integer);
	caredata_field_parse_boolean(str, size, &boolean);
	caredata_field_is_printable(str, size);
	caredata_field_code_format(str, size);
	if (caredata_field_parse_float8(str, size, &number))
		CHECK(isfinite(number));
	if (caredata_field_parse_date(str, size, &days))
		CHECK(days >= -73048 && days <= 73413);
	if (caredata_field_parse_time(str, size, &microseconds))
		CHECK(microseconds >= 0 && microseconds < INT64_C(86400000000));

	for (format = FIELD_CODE_UNRECOGNIZED;
		 format <= FIELD_CODE_ETHNIC_CATEGORY; format++)
	{
		char		code[FIELD_CODE_MAX];
		char		again[FIELD_CODE_MAX];
		size_t		n = caredata_field_parse_code(format, str, size, code);

		CHECK(n <= FIELD_CODE_MAX);
		if (n > 0)
		{
			CHECK(caredata_field_parse_code(format, code, n, again) == n);
			CHECK(memcmp(code, again, n) == 0);
		}
	}
	return 0;
}
