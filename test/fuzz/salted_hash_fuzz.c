/*
 * salted_hash_fuzz.c
 *		Any bytes as names, values, salt and pseudo ids of partners' tools:
 *		nothing out of bounds, and a digest is hexadecimal of its case.
 */
#include "fuzz.h"
#include "salted_hash.h"

static void
check_hex(const char *hex, bool capitals)
{
	int			i;

	for (i = 0; i < SALTED_HASH_HEX; i++)
		CHECK((hex[i] >= '0' && hex[i] <= '9') ||
			  (capitals ? hex[i] >= 'A' && hex[i] <= 'F' :
			   hex[i] >= 'a' && hex[i] <= 'f'));
}

/* A part of its own length, so that the sanitizer sees a step too far. */
static HashPart
take(const uint8_t **data, size_t *size, char **buffer)
{
	HashPart	part;
	size_t		length = *size > 0 ? (*data)[0] % 24 : 0;

	if (*size > 0)
	{
		(*data)++;
		(*size)--;
	}
	if (length > *size)
		length = *size;
	*buffer = malloc(length > 0 ? length : 1);
	CHECK(*buffer != NULL);
	memcpy(*buffer, *data, length);
	*data += length;
	*size -= length;
	part.bytes = *buffer;
	part.length = length;
	return part;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HashPart	names[SALTED_HASH_MAX_FIELDS];
	HashPart	values[SALTED_HASH_MAX_FIELDS];
	HashPart	salt;
	char	   *buffers[2 * SALTED_HASH_MAX_FIELDS + 1];
	char		hex[SALTED_HASH_HEX];
	bool		readable = false;
	int			count = size > 0 ? 1 + data[0] % SALTED_HASH_MAX_FIELDS : 1;
	int			n = 0;
	int			i;

	salt = take(&data, &size, &buffers[n++]);
	for (i = 0; i < count; i++)
	{
		names[i] = take(&data, &size, &buffers[n++]);
		values[i] = take(&data, &size, &buffers[n++]);
	}
	CHECK(caredata_salted_hash(values, count, hex));
	check_hex(hex, false);
	if (caredata_open_pseudonymiser(names, values, count, salt, hex,
									&readable) && readable)
		check_hex(hex, true);
	CHECK(caredata_ndr_pseudo_id1(values[0], salt, hex, &readable));
	if (readable)
		check_hex(hex, false);
	CHECK(caredata_ndr_pseudo_id2("2020-01-01", values[0], salt, hex,
								  &readable));
	if (readable)
		check_hex(hex, false);
	CHECK(caredata_ndr_repseudonym(values[0], salt, hex, &readable));
	if (readable)
		check_hex(hex, false);
	for (i = 0; i < n; i++)
		free(buffers[i]);
	return 0;
}
