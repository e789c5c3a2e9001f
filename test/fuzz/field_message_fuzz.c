/*
 * field_message_fuzz.c
 *		Any text as a field of pseudonym_of(): nothing out of bounds, a normal
 *		form is its own normal form, and of the form that it says.
 */
#include "field_message.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		normal[FIELD_NORMAL_MAX];
	char		again[FIELD_NORMAL_MAX];
	uint8_t		header[FIELD_MESSAGE_FIELD_HEADER];
	char	   *text;
	FieldKind	kind;
	bool		optional;
	size_t		length;
	size_t		folded;
	size_t		i;

	kind = caredata_field_kind((const char *) data, size, &optional);
	CHECK(kind <= FIELD_KIND_EXACT);
	CHECK(kind == FIELD_KIND_UNRECOGNIZED || (size >= 3 && size <= 11));
	if (size < 1)
		return 0;

	kind = (FieldKind) (FIELD_KIND_NHS_NUMBER + data[0] % 4);
	length = size - 1;
	text = malloc(length > 0 ? length : 1);
	CHECK(text != NULL);
	memcpy(text, data + 1, length);
	i = caredata_field_normalise(kind, text, length, normal);
	CHECK(i <= FIELD_NORMAL_MAX);
	if (i > 0)
	{
		CHECK(caredata_field_normalise(kind, normal, i, again) == i &&
			  memcmp(normal, again, i) == 0);
		CHECK(kind != FIELD_KIND_NHS_NUMBER || i == 10);
		CHECK(kind != FIELD_KIND_DATE || i == 10);
		CHECK(kind != FIELD_KIND_SEX || i == 1);
		CHECK(caredata_field_header(header, kind, true, i) == sizeof(header) &&
			  header[0] == kind && header[4] == i);
	}

	folded = caredata_field_fold(text, length);
	CHECK(folded <= length);
	for (i = 0; i < folded; i++)
		CHECK(text[i] < 'a' || text[i] > 'z');
	CHECK(caredata_field_fold(text, folded) == folded);
	free(text);
	return 0;
}
