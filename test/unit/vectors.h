/*
 * vectors.h
 *		Reading files of test vectors: CSV, one vector a line.
 *
 * The files are not part of the project.  They are looked for where
 * CAREDATA_SHARED_DATA says (test/unit/run sets it to ../shared/data beside
 * the checkout otherwise), and their tests are skipped without them.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define VECTOR_FIELDS	8
#define VECTOR_LINE		1000

typedef struct Vectors
{
	FILE	   *file;
	char		line[VECTOR_LINE];
	char	   *field[VECTOR_FIELDS];
	int			fields;
} Vectors;

static bool open_vectors(Vectors *vectors, const char *name)
__attribute__((unused));
static bool next_vector(Vectors *vectors) __attribute__((unused));
static size_t code_points(const char *utf8, uint32_t *points)
__attribute__((unused));

/* False, and a skipped test, where the file is not there. */
static bool
open_vectors(Vectors *vectors, const char *name)
{
	const char *directory = getenv("CAREDATA_SHARED_DATA");
	char		path[1000];

	snprintf(path, sizeof(path), "%s/%s", directory ? directory : ".", name);
	vectors->file = fopen(path, "r");
	if (vectors->file == NULL)
		ok(true, "vectors # skip no %s in CAREDATA_SHARED_DATA or ../shared/data",
		   name);
	return vectors->file != NULL;
}

/* Takes the next line apart, in place; closes the file after the last. */
static bool
next_vector(Vectors *vectors)
{
	char	   *in = vectors->line;
	char	   *out = vectors->line;
	bool		quoted = false;

	if (fgets(vectors->line, VECTOR_LINE, vectors->file) == NULL)
	{
		fclose(vectors->file);
		return false;
	}
	vectors->fields = 0;
	vectors->field[vectors->fields++] = out;
	for (; *in != '\0' && *in != '\n' && *in != '\r'; in++)
	{
		if (*in == '"' && quoted && in[1] == '"')
			*out++ = *in++;
		else if (*in == '"')
			quoted = !quoted;
		else if (*in == ',' && !quoted)
		{
			*out++ = '\0';
			if (vectors->fields == VECTOR_FIELDS)
				abort();
			vectors->field[vectors->fields++] = out;
		}
		else
			*out++ = *in;
	}
	*out = '\0';
	return true;
}

/* The code points of valid UTF-8; how many. */
static size_t
code_points(const char *utf8, uint32_t *points)
{
	const unsigned char *s = (const unsigned char *) utf8;
	size_t		n = 0;

	while (*s != '\0')
	{
		int			more = *s < 0x80 ? 0 : *s < 0xE0 ? 1 : *s < 0xF0 ? 2 : 3;
		uint32_t	point = *s++ & (more == 0 ? 0x7F : 0x3F >> more);

		while (more-- > 0)
			point = point << 6 | (*s++ & 0x3F);
		points[n++] = point;
	}
	return n;
}

#endif							/* VECTORS_H */
