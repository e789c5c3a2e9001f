/*
 * clk_text_parse.h
 *		The text of a CLK: base64 (RFC 4648), as clkhash writes it.
 */
#ifndef CAREDATA_CLK_TEXT_PARSE_H
#define CAREDATA_CLK_TEXT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLK_TEXT_LENGTH(bytes)	(((bytes) + 2) / 3 * 4)

/*
 * Decode base64 with its padding, without spaces.  out has room for
 * length / 4 * 3 bytes.  Returns false for any other text.
 */
extern bool caredata_base64_decode(const char *text, size_t length,
								   uint8_t *out, size_t *out_length);

/* Write CLK_TEXT_LENGTH(length) characters, and no zero byte. */
extern void caredata_base64_encode(const uint8_t *bytes, size_t length,
								   char *out);

#endif							/* CAREDATA_CLK_TEXT_PARSE_H */
