/*
 * clk_schema.h
 *		Schemas of CLKs, and the columns of rows as they want them: UTF-8, in the
 *		current memory context.
 */
#ifndef CAREDATA_CLK_SCHEMA_H
#define CAREDATA_CLK_SCHEMA_H

#include "lib/stringinfo.h"

#include "catalog.h"
#include "clk_encode.h"

/* A schema and its features, with their names; raises if there is none. */
extern void caredata_read_clk_schema(int32 schema_id, ClkSchema *schema,
									 ClkText **identifiers);

/*
 * All that decides about the bits of a CLK, but for the secret.  Names of
 * features and forms of dates may differ between parties: the same person
 * has the same CLK all the same.
 */
extern void caredata_describe_clk_schema(const ClkSchema *schema,
										 StringInfo text);

extern ClkText caredata_clk_utf8(const char *bytes, size_t length);

/* A column's text, no bytes for a null; whether it holds a word. */
extern ClkText caredata_clk_text_attr(CaredataScan *scan, HeapTuple tuple,
									  const char *column);
extern bool caredata_clk_attr_is(CaredataScan *scan, HeapTuple tuple,
								 const char *column, const char *word);

#endif							/* CAREDATA_CLK_SCHEMA_H */
