/*
 * salted_hash.c
 *		Digests that other pseudonymisation tools make.
 *
 * Each function returns false only when the library fails.  No allocation.
 */
#include <string.h>

#include <sodium.h>

#include "salted_hash.h"

/* A postcode has at most seven characters; the tools take longer texts. */
#define POSTCODE_MAX	64

static bool
finish_hex(crypto_hash_sha256_state *state, bool upper_case, char *hex)
{
	const char *digits = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned char hash[crypto_hash_sha256_BYTES];
	size_t		i;

	if (crypto_hash_sha256_final(state, hash) != 0)
		return false;
	for (i = 0; i < sizeof(hash); i++)
	{
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 0x0f];
	}
	sodium_memzero(state, sizeof(*state));
	return true;
}

static bool
update(crypto_hash_sha256_state *state, const char *bytes, size_t length)
{
	return crypto_hash_sha256_update(state, (const unsigned char *) bytes,
									 length) == 0;
}

bool
caredata_salted_hash(const HashPart *parts, int count, char *hex)
{
	crypto_hash_sha256_state state;
	int			i;

	if (crypto_hash_sha256_init(&state) != 0)
		return false;
	for (i = 0; i < count; i++)
	{
		if (!update(&state, parts[i].bytes, parts[i].length))
			return false;
	}
	return finish_hex(&state, false, hex);
}

/* ------------------------------------------------------------------------
 * OpenPseudonymiser
 * ------------------------------------------------------------------------
 */

/*
 * Where a character of a field's name sorts in the tool: spaces, underscores,
 * digits, letters regardless of case.  0 for characters that are refused.
 */
static int
name_weight(char c)
{
	if (c == ' ')
		return 1;
	if (c == '_')
		return 2;
	if (c >= '0' && c <= '9')
		return 3 + (c - '0');
	if (c >= 'a' && c <= 'z')
		return 13 + (c - 'a');
	if (c >= 'A' && c <= 'Z')
		return 13 + (c - 'A');
	return 0;
}

/* Names that differ in case alone are told apart by it, small letters first. */
static int
compare_names(const HashPart *a, const HashPart *b)
{
	size_t		shared = a->length < b->length ? a->length : b->length;
	size_t		i;

	for (i = 0; i < shared; i++)
	{
		int			order = name_weight(a->bytes[i]) - name_weight(b->bytes[i]);

		if (order != 0)
			return order;
	}
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	for (i = 0; i < shared; i++)
	{
		if (a->bytes[i] != b->bytes[i])
			return a->bytes[i] >= 'a' ? -1 : 1;
	}
	return 0;
}

/* NHSNUMBER and NEWNHSNO, in any case: only digits count in them. */
static bool
is_nhs_number_field(const HashPart *name)
{
	static const char *const names[] = {"NHSNUMBER", "NEWNHSNO"};
	size_t		n;

	for (n = 0; n < 2; n++)
	{
		size_t		i;

		if (strlen(names[n]) != name->length)
			continue;
		for (i = 0; i < name->length; i++)
		{
			char		c = name->bytes[i];

			if (c >= 'a' && c <= 'z')
				c = (char) (c - 'a' + 'A');
			if (c != names[n][i])
				break;
		}
		if (i == name->length)
			return true;
	}
	return false;
}

static bool
update_without_blanks(crypto_hash_sha256_state *state, const HashPart *value,
					  bool digits_only)
{
	size_t		start = 0;
	size_t		i;

	for (i = 0; i <= value->length; i++)
	{
		char		c = i < value->length ? value->bytes[i] : ' ';
		bool		left_out = c == ' ' || c == '\t' || c == '\r' || c == '\n' ||
			(digits_only && !(c >= '0' && c <= '9'));

		if (!left_out)
			continue;
		if (i > start && !update(state, value->bytes + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

bool
caredata_open_pseudonymiser(const HashPart *names, const HashPart *values,
							int count, HashPart salt, char *hex,
							bool *names_ok)
{
	crypto_hash_sha256_state state;
	int			order[SALTED_HASH_MAX_FIELDS];
	int			i;
	int			j;

	*names_ok = false;
	if (count < 1 || count > SALTED_HASH_MAX_FIELDS)
		return true;
	for (i = 0; i < count; i++)
	{
		size_t		at;

		if (names[i].length == 0)
			return true;
		for (at = 0; at < names[i].length; at++)
		{
			if (name_weight(names[i].bytes[at]) == 0)
				return true;
		}
		for (j = i; j > 0; j--)
		{
			int			compared = compare_names(&names[i],
												 &names[order[j - 1]]);

			if (compared == 0)
				return true;
			if (compared > 0)
				break;
			order[j] = order[j - 1];
		}
		order[j] = i;
	}
	*names_ok = true;

	if (crypto_hash_sha256_init(&state) != 0)
		return false;
	for (i = 0; i < count; i++)
	{
		if (!update_without_blanks(&state, &values[order[i]],
								   is_nhs_number_field(&names[order[i]])))
			return false;
	}
	return update(&state, salt.bytes, salt.length) &&
		finish_hex(&state, true, hex);
}

/* ------------------------------------------------------------------------
 * NDR
 * ------------------------------------------------------------------------
 */

#define LITERAL(text)	{text, sizeof(text) - 1}

bool
caredata_ndr_pseudo_id1(HashPart nhs_number, HashPart salt, char *hex,
						bool *readable)
{
	HashPart	parts[3] = {LITERAL("nhsnumber_")};
	size_t		i;

	*readable = nhs_number.length == 10;
	for (i = 0; *readable && i < nhs_number.length; i++)
		*readable = nhs_number.bytes[i] >= '0' && nhs_number.bytes[i] <= '9';
	if (!*readable)
		return true;
	parts[1] = nhs_number;
	parts[2] = salt;
	return caredata_salted_hash(parts, 3, hex);
}

bool
caredata_ndr_pseudo_id2(const char *day, HashPart postcode, HashPart salt,
						char *hex, bool *readable)
{
	HashPart	parts[5] = {LITERAL("birthdate_postcode_")};
	char		compact[POSTCODE_MAX];
	size_t		length = 0;
	size_t		i;

	*readable = false;
	for (i = 0; i < postcode.length; i++)
	{
		char		c = postcode.bytes[i];

		if (c == ' ')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char) (c - 'a' + 'A');
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) ||
			length == sizeof(compact))
			return true;
		compact[length++] = c;
	}
	if (length == 0)
		return true;
	*readable = true;

	parts[1].bytes = day;
	parts[1].length = 10;
	parts[2].bytes = "_";
	parts[2].length = 1;
	parts[3].bytes = compact;
	parts[3].length = length;
	parts[4] = salt;
	return caredata_salted_hash(parts, 5, hex);
}

bool
caredata_ndr_repseudonym(HashPart pseudo_id, HashPart salt, char *hex,
						 bool *readable)
{
	HashPart	parts[3] = {LITERAL("pseudoid_")};
	size_t		i;

	*readable = pseudo_id.length == SALTED_HASH_HEX;
	for (i = 0; *readable && i < pseudo_id.length; i++)
	{
		char		c = pseudo_id.bytes[i];

		*readable = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	}
	if (!*readable)
		return true;
	parts[1] = pseudo_id;
	parts[2] = salt;
	return caredata_salted_hash(parts, 3, hex);
}
