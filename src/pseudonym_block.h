/*
 * pseudonym_block.h
 *		The plaintext of a pseudonym, and its text form.  Pure C on bytes: no
 *		PostgreSQL, no key, no allocation, so that it can be tested alone.
 *
 * A pseudonym is one AES-256 block over this plaintext:
 *
 *		byte  0		version, 1
 *		byte  1		kind: 1 person, 2 record, 3 NHS number, 4 other number
 *		bytes 2-7	zero
 *		bytes 8-15	the number, 64 bits, two's complement, big-endian
 *
 * Encryption permutes the blocks, so two numbers never share a pseudonym.  The
 * first eight bytes are known beforehand: 16 bytes that were not made with
 * the same key decrypt to a well-formed block once in 2^64 tries (2^96 for a
 * person, whose number has 32 bits), which is how a foreign or forged
 * pseudonym is told.
 */
#ifndef CAREDATA_PSEUDONYM_BLOCK_H
#define CAREDATA_PSEUDONYM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PSEUDONYM_BYTES			16
#define PSEUDONYM_TEXT_LENGTH	32	/* without the terminating zero */

#define PSEUDONYM_VERSION		1
#define PSEUDONYM_KIND_PERSON	1
#define PSEUDONYM_KIND_RECORD	2
#define PSEUDONYM_KIND_NHS_NUMBER	3
#define PSEUDONYM_KIND_NUMBER	4

static inline void
pseudonym_block_write(uint8_t kind, int64_t number, uint8_t *block)
{
	uint64_t	bits = (uint64_t) number;
	int			i;

	memset(block, 0, PSEUDONYM_BYTES);
	block[0] = PSEUDONYM_VERSION;
	block[1] = kind;
	for (i = PSEUDONYM_BYTES - 1; i >= 8; i--)
	{
		block[i] = (uint8_t) (bits & 0xff);
		bits >>= 8;
	}
}

/* False, and *number untouched, when this is no block of that kind. */
static inline bool
pseudonym_block_read(const uint8_t *block, uint8_t kind, int64_t *number)
{
	uint64_t	bits = 0;
	uint8_t		wrong;
	int			i;

	wrong = (uint8_t) ((block[0] ^ PSEUDONYM_VERSION) | (block[1] ^ kind));
	for (i = 2; i < 8; i++)
		wrong |= block[i];
	if (wrong != 0)
		return false;
	for (i = 8; i < PSEUDONYM_BYTES; i++)
		bits = (bits << 8) | block[i];
	memcpy(number, &bits, sizeof(bits));
	return true;
}

/* Is it a block of any kind? */
static inline bool
pseudonym_block_is_valid(const uint8_t *block)
{
	int64_t		number;

	return block[1] != 0 && pseudonym_block_read(block, block[1], &number);
}

static inline int
pseudonym_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * 32 hexadecimal digits of either case, or the same in the form of a uuid
 * (8-4-4-4-12); spaces before and after are passed over.
 */
static inline bool
pseudonym_parse(const char *string, size_t length, uint8_t *bytes)
{
	bool		dashes;
	size_t		i;
	size_t		digits = 0;

	while (length > 0 && string[0] == ' ')
	{
		string++;
		length--;
	}
	while (length > 0 && string[length - 1] == ' ')
		length--;

	if (length != PSEUDONYM_TEXT_LENGTH &&
		length != PSEUDONYM_TEXT_LENGTH + 4)
		return false;
	dashes = (length != PSEUDONYM_TEXT_LENGTH);

	for (i = 0; i < length; i++)
	{
		int			digit;

		if (dashes && (i == 8 || i == 13 || i == 18 || i == 23))
		{
			if (string[i] != '-')
				return false;
			continue;
		}
		digit = pseudonym_hex_digit(string[i]);
		if (digit < 0)
			return false;
		if (digits % 2 == 0)
			bytes[digits / 2] = (uint8_t) (digit << 4);
		else
			bytes[digits / 2] |= (uint8_t) digit;
		digits++;
	}
	return true;
}

/* 32 lower-case hexadecimal digits and a zero. */
static inline void
pseudonym_format(const uint8_t *bytes, char *string)
{
	static const char digit[] = "0123456789abcdef";
	int			i;

	for (i = 0; i < PSEUDONYM_BYTES; i++)
	{
		string[2 * i] = digit[bytes[i] >> 4];
		string[2 * i + 1] = digit[bytes[i] & 0x0f];
	}
	string[PSEUDONYM_TEXT_LENGTH] = '\0';
}

#endif							/* CAREDATA_PSEUDONYM_BLOCK_H */
