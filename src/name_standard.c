/*
 * name_standard.c
 *		caredata.fold_name() and caredata.standard_name(): names in the form in
 *		which they are compared.
 *
 * Folding is the same in every locale and encoding: Unicode's compatibility
 * decomposition, which is stable by Unicode's own policy, then the table of
 * name_fold.c.  Titles and names that stand for no name are lists in tables,
 * read once a statement.
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "code_point.h"
#include "compat.h"
#include "name_fold.h"
#include "name_standard.h"

PG_FUNCTION_INFO_V1(caredata_fold_name_text);
PG_FUNCTION_INFO_V1(caredata_standard_name_text);

/* ------------------------------------------------------------------------
 * Folding
 * ------------------------------------------------------------------------
 */

/*
 * Characters are decomposed one by one: of the marks that this yields, the
 * order does not matter here, and sorting many of them takes quadratic time.
 */
static pg_wchar *
decompose(pg_wchar point)
{
	pg_wchar	one[2] = {point, 0};

	return unicode_normalize(UNICODE_NFKD, one);
}

/* As ASCII, punctuation included; palloc'd with a terminator. */
static char *
fold_characters(const char *bytes, size_t length, size_t *folded_length)
{
	uint32	   *points;
	StringInfoData folded;
	char		letters[NAME_FOLD_MAX];
	size_t		count;
	size_t		i;

	initStringInfo(&folded);
	if (caredata_is_ascii(bytes, length))
	{
		enlargeStringInfo(&folded, (int) length);
		for (i = 0; i < length; i++)
			folded.len += (int) caredata_fold_code_point((unsigned char) bytes[i],
														 folded.data + folded.len);
		folded.data[folded.len] = '\0';
		*folded_length = folded.len;
		return folded.data;
	}

	points = caredata_code_points(bytes, length, &count);
	for (i = 0; i < count; i++)
	{
		pg_wchar   *parts;
		size_t		n;

		if (points[i] < 0x80 || caredata_is_apostrophe(points[i]))
		{
			n = caredata_fold_code_point(points[i], letters);
			appendBinaryStringInfo(&folded, letters, (int) n);
			continue;
		}
		parts = decompose(points[i]);
		for (n = 0; parts[n] != 0; n++)
			appendBinaryStringInfo(&folded, letters,
								   (int) caredata_fold_code_point(parts[n], letters));
		pfree(parts);
	}
	*folded_length = folded.len;
	return folded.data;
}

char *
caredata_fold_name(const char *bytes, size_t length, size_t *folded_length)
{
	char	   *folded = fold_characters(bytes, length, folded_length);

	*folded_length = caredata_fold_words(folded, *folded_length);
	folded[*folded_length] = '\0';
	return folded;
}

/* More accents than any letter has. */
#define MARKS_MAX	4

uint8 *
caredata_latin_capitals(const char *bytes, size_t length, size_t *latin_length)
{
	uint32	   *points;
	pg_wchar   *capitals;
	pg_wchar   *composed;
	StringInfoData latin;
	char		letters[NAME_FOLD_MAX];
	size_t		count;
	size_t		size;
	size_t		n = 0;
	size_t		marks = 0;
	size_t		i;
	size_t		j;

	if (caredata_is_ascii(bytes, length))
		return (uint8 *) fold_characters(bytes, length, latin_length);

	/* capital letters, each with its marks after it */
	points = caredata_code_points(bytes, length, &count);
	size = count + 64;
	capitals = palloc(size * sizeof(pg_wchar));
	for (i = 0; i < count; i++)
	{
		pg_wchar   *parts = decompose(points[i]);

		for (j = 0; parts[j] != 0; j++)
		{
			bool		mark = parts[j] >= 0x300 && parts[j] <= 0x36F;
			size_t		folded = caredata_fold_code_point(parts[j], letters);
			size_t		k;

			marks = mark ? marks + 1 : 0;
			if (n + NAME_FOLD_MAX + 1 > size)
			{
				size *= 2;
				capitals = repalloc(capitals, size * sizeof(pg_wchar));
			}
			for (k = 0; k < folded; k++)
				capitals[n++] = (unsigned char) letters[k];
			if (folded == 0 && (parts[j] < 0x100 || (mark && marks <= MARKS_MAX)))
				capitals[n++] = parts[j];
		}
		pfree(parts);
	}
	capitals[n] = 0;

	/* put together, and what ISO 8859-1 does not have left without its marks */
	composed = unicode_normalize(UNICODE_NFC, capitals);
	initStringInfo(&latin);
	for (i = 0; composed[i] != 0; i++)
	{
		pg_wchar	point = composed[i];

		if (point > 0xFF)
		{
			pg_wchar   *parts = decompose(point);

			point = parts[0];
			pfree(parts);
		}
		if (point <= 0xFF)
			appendStringInfoChar(&latin, (char) point);
	}
	*latin_length = latin.len;
	return (uint8 *) latin.data;
}

/* ------------------------------------------------------------------------
 * Lists
 * ------------------------------------------------------------------------
 */

typedef struct WordList
{
	char	  **words;			/* in order of their bytes */
	int			count;
	int			size;
} WordList;

struct NameLists
{
	WordList	before;			/* titles */
	WordList	after;			/* Junior and the like */
	WordList	junk[2];		/* by NamePart */
};

static void
add_word(WordList *list, const char *word)
{
	if (list->count == list->size)
	{
		list->size = Max(32, list->size * 2);
		list->words = list->words == NULL ?
			palloc(list->size * sizeof(char *)) :
			repalloc(list->words, list->size * sizeof(char *));
	}
	list->words[list->count++] = pstrdup(word);
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
sort_words(WordList *list)
{
	if (list->count > 0)
		qsort(list->words, list->count, sizeof(char *), compare_words);
}

static bool
has_word(const WordList *list, const char *word)
{
	return list->count > 0 &&
		bsearch(&word, list->words, list->count, sizeof(char *),
				compare_words) != NULL;
}

/* A column of text as a string of the caller's. */
static char *
text_column(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	return TextDatumGetCString(caredata_required_attr(tuple, scan->rel, column));
}

NameLists *
caredata_read_name_lists(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	NameLists  *lists = palloc0(sizeof(NameLists));
	CaredataScan scan;
	HeapTuple	tuple;

	caredata_scan_begin(&scan, "name_title", "name_title_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		bool		before = strcmp(text_column(&scan, tuple, "place"), "before") == 0;

		add_word(before ? &lists->before : &lists->after,
				 text_column(&scan, tuple, "title"));
	}
	caredata_scan_end(&scan);

	caredata_scan_begin(&scan, "junk_name", "junk_name_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		const char *part = text_column(&scan, tuple, "part");
		const char *name = text_column(&scan, tuple, "name");

		if (strcmp(part, "family") != 0)
			add_word(&lists->junk[NAME_GIVEN], name);
		if (strcmp(part, "given") != 0)
			add_word(&lists->junk[NAME_FAMILY], name);
	}
	caredata_scan_end(&scan);

	sort_words(&lists->before);
	sort_words(&lists->after);
	sort_words(&lists->junk[NAME_GIVEN]);
	sort_words(&lists->junk[NAME_FAMILY]);
	MemoryContextSwitchTo(old);
	return lists;
}

/* ------------------------------------------------------------------------
 * The standard form
 * ------------------------------------------------------------------------
 */

char *
caredata_standard_name(const NameLists *lists, NamePart part,
					   const char *bytes, size_t length,
					   size_t *standard_length)
{
	char	   *name = caredata_fold_name(bytes, length, &length);
	char	   *space;
	char	   *end = name + length;

	/* a number is a ward, a twin or a test, not a name */
	if (length == 0 || strpbrk(name, "0123456789") != NULL ||
		has_word(&lists->junk[part], name))
		return NULL;

	/* a title alone is taken for a name: there are families of that name */
	while ((space = strchr(name, ' ')) != NULL)
	{
		*space = '\0';
		if (!has_word(&lists->before, name))
		{
			*space = ' ';
			break;
		}
		name = space + 1;
	}
	for (;;)
	{
		for (space = end; space > name && *space != ' '; space--)
			;
		if (space == name || !has_word(&lists->after, space + 1))
			break;
		*space = '\0';
		end = space;
	}

	if (has_word(&lists->junk[part], name))
		return NULL;
	*standard_length = end - name;
	return name;
}

/* caredata.fold_name(text) */
Datum
caredata_fold_name_text(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	size_t		length;
	char	   *folded = caredata_fold_name(VARDATA_ANY(name),
											VARSIZE_ANY_EXHDR(name), &length);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(folded, (int) length));
}

static NamePart
get_part(text *part)
{
	size_t		length = VARSIZE_ANY_EXHDR(part);

	if (length == 5 && memcmp(VARDATA_ANY(part), "given", 5) == 0)
		return NAME_GIVEN;
	if (length == 6 && memcmp(VARDATA_ANY(part), "family", 6) == 0)
		return NAME_FAMILY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized part of a name"),
			 errhint("Parts are given and family.")));
	return NAME_GIVEN;			/* keep compiler quiet */
}

/* caredata.standard_name(text, part) */
Datum
caredata_standard_name_text(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	NamePart	part = get_part(PG_GETARG_TEXT_PP(1));
	char	   *standard;
	size_t		length;

	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra =
			caredata_read_name_lists(fcinfo->flinfo->fn_mcxt);
	standard = caredata_standard_name(fcinfo->flinfo->fn_extra, part,
									  VARDATA_ANY(name),
									  VARSIZE_ANY_EXHDR(name), &length);
	if (standard == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(standard, (int) length));
}
