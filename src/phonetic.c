/*
 * phonetic.c
 *		caredata.soundex() and its like: codes of names that sound alike.
 *
 * The codes are made in phonetic_code.c.  Letters are made capital here, in
 * every locale alike.  Soundex takes accents off first, as its users expect;
 * the others keep the accented letters of ISO 8859-1, as the vectors that
 * define them do, so standardise a name before.  A name without a letter that
 * counts has no code, NULL: two such names are not one.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "code_point.h"
#include "compat.h"
#include "name_standard.h"
#include "phonetic_code.h"

PG_FUNCTION_INFO_V1(caredata_soundex_text);
PG_FUNCTION_INFO_V1(caredata_soundex_sql_text);
PG_FUNCTION_INFO_V1(caredata_nysiis_text);
PG_FUNCTION_INFO_V1(caredata_double_metaphone_text);
PG_FUNCTION_INFO_V1(caredata_double_metaphone_alternate_text);
PG_FUNCTION_INFO_V1(caredata_match_rating_codex_text);
PG_FUNCTION_INFO_V1(caredata_match_rating_comparison_text);

/* A code as text; NULL for none, unless the name itself was empty. */
static Datum
return_code(FunctionCallInfo fcinfo, const uint8 *code, size_t length)
{
	uint32	   *points;
	size_t		i;

	if (length == 0 && VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(0)) > 0)
		PG_RETURN_NULL();
	if (caredata_is_ascii((const char *) code, length))
		PG_RETURN_TEXT_P(cstring_to_text_with_len((const char *) code, (int) length));
	points = palloc(length * sizeof(uint32));
	for (i = 0; i < length; i++)
		points[i] = code[i];
	PG_RETURN_TEXT_P(caredata_code_point_text(points, length));
}

static Datum
soundex(FunctionCallInfo fcinfo, SoundexRule rule)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	size_t		length = VARSIZE_ANY_EXHDR(name);
	uint8		code[SOUNDEX_LENGTH];
	uint8	   *latin = caredata_latin_capitals(VARDATA_ANY(name), length, &length);
	size_t		i;

	for (i = 0; i < length && latin[i] < 0x80; i++)
		;
	/* accents off, unless there is nothing but what is no letter */
	if (i < length)
	{
		size_t		folded_length;
		char	   *folded = caredata_fold_name(VARDATA_ANY(name),
												VARSIZE_ANY_EXHDR(name),
												&folded_length);

		if (folded_length > 0)
		{
			latin = (uint8 *) folded;
			length = folded_length;
		}
	}
	length = caredata_soundex(latin, length, rule, code);
	return return_code(fcinfo, code, length);
}

/* caredata.soundex(text) */
Datum
caredata_soundex_text(PG_FUNCTION_ARGS)
{
	return soundex(fcinfo, SOUNDEX_STANDARD);
}

/* caredata.soundex_sql(text) */
Datum
caredata_soundex_sql_text(PG_FUNCTION_ARGS)
{
	return soundex(fcinfo, SOUNDEX_SQL);
}

/* caredata.nysiis(text) */
Datum
caredata_nysiis_text(PG_FUNCTION_ARGS)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	size_t		length;
	uint8	   *latin = caredata_latin_capitals(VARDATA_ANY(name),
												VARSIZE_ANY_EXHDR(name), &length);
	uint8	   *code = palloc(length + 1);

	return return_code(fcinfo, code, caredata_nysiis(latin, length, code));
}

static Datum
double_metaphone(FunctionCallInfo fcinfo, bool want_alternate)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	size_t		length;
	size_t		nalternate;
	uint8		primary[DOUBLE_METAPHONE_LENGTH];
	uint8		alternate[DOUBLE_METAPHONE_LENGTH];
	uint8	   *latin = caredata_latin_capitals(VARDATA_ANY(name),
												VARSIZE_ANY_EXHDR(name), &length);

	length = caredata_double_metaphone(latin, length, primary, alternate,
									   &nalternate);
	return want_alternate ? return_code(fcinfo, alternate, nalternate) :
		return_code(fcinfo, primary, length);
}

/* caredata.double_metaphone(text) */
Datum
caredata_double_metaphone_text(PG_FUNCTION_ARGS)
{
	return double_metaphone(fcinfo, false);
}

/* caredata.double_metaphone_alternate(text) */
Datum
caredata_double_metaphone_alternate_text(PG_FUNCTION_ARGS)
{
	return double_metaphone(fcinfo, true);
}

static size_t
codex_of(text *name, uint8 *code)
{
	size_t		length;
	uint8	   *latin = caredata_latin_capitals(VARDATA_ANY(name),
												VARSIZE_ANY_EXHDR(name), &length);

	return caredata_match_rating_codex(latin, length, code);
}

/* caredata.match_rating_codex(text) */
Datum
caredata_match_rating_codex_text(PG_FUNCTION_ARGS)
{
	uint8		code[MATCH_RATING_LENGTH];
	size_t		length = codex_of(PG_GETARG_TEXT_PP(0), code);

	return return_code(fcinfo, code, length);
}

/* caredata.match_rating_comparison(text, text) */
Datum
caredata_match_rating_comparison_text(PG_FUNCTION_ARGS)
{
	uint8		a[MATCH_RATING_LENGTH];
	uint8		b[MATCH_RATING_LENGTH];
	size_t		la = codex_of(PG_GETARG_TEXT_PP(0), a);
	size_t		lb = codex_of(PG_GETARG_TEXT_PP(1), b);
	MatchRating rating;

	if (la == 0 || lb == 0)
		PG_RETURN_NULL();
	rating = caredata_match_rating_compare(a, la, b, lb);
	if (rating == MATCH_RATING_NOT_COMPARABLE)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(rating == MATCH_RATING_SIMILAR);
}
