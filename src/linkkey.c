/*
 * linkkey.c
 *		caredata.slk581() and caredata.match_key_text(): keys on which records
 *		of the same person agree.
 *
 * Both are identifiers, as good as the name and date they are made of: SLK-581
 * can be turned back by trying names, and the text of a match key is its
 * fields.  So they are for the linker alone; what leaves the database is a
 * digest of them under the key of a domain, which pseudonym_of() makes.
 *
 * A match key is rows: which fields, each brought into its standard form and
 * then through one of the transforms below.  A field that is missing, or that
 * says nothing, makes the whole key NULL: two unknowns are not one person.
 * The parts have their lengths before them, so that ('AB', 'C') is not
 * ('A', 'BC').
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "catalog.h"
#include "code_point.h"
#include "compat.h"
#include "field_parse.h"
#include "name_standard.h"
#include "nhs_number_parse.h"
#include "phonetic_code.h"
#include "postcode_parse.h"
#include "slk581.h"

PG_FUNCTION_INFO_V1(caredata_slk581);
PG_FUNCTION_INFO_V1(caredata_match_key_text);

/* ------------------------------------------------------------------------
 * SLK-581
 * ------------------------------------------------------------------------
 */

/* Year, month and day of a date that has four digits of year. */
static bool
get_date(DateADT date, int *year, int *month, int *day)
{
	if (DATE_NOT_FINITE(date))
		return false;
	j2date(date + POSTGRES_EPOCH_JDATE, year, month, day);
	return *year >= 1000 && *year <= 9999;
}

/* caredata.slk581(family_name, given_name, date_of_birth, sex) */
Datum
caredata_slk581(PG_FUNCTION_ARGS)
{
	char		key[SLK581_LENGTH + 1];
	char	   *word[3];
	size_t		length[3];
	int			year;
	int			month;
	int			day;
	int			i;

	if (PG_ARGISNULL(2) ||
		!get_date(PG_GETARG_DATEADT(2), &year, &month, &day))
		PG_RETURN_NULL();
	for (i = 0; i < 3; i++)
	{
		int			argument = i < 2 ? i : 3;

		word[i] = "";
		length[i] = 0;
		if (!PG_ARGISNULL(argument))
		{
			text	   *value = PG_GETARG_TEXT_PP(argument);

			word[i] = caredata_fold_name(VARDATA_ANY(value),
										 VARSIZE_ANY_EXHDR(value), &length[i]);
		}
	}
	caredata_slk581_family(word[0], length[0], key);
	caredata_slk581_given(word[1], length[1], key + SLK581_FAMILY);
	snprintf(key + SLK581_FAMILY + SLK581_GIVEN,
			 sizeof(key) - SLK581_FAMILY - SLK581_GIVEN, "%02d%02d%04d%c",
			 day, month, year, caredata_slk581_sex(word[2], length[2]));
	PG_RETURN_TEXT_P(cstring_to_text(key));
}

/* ------------------------------------------------------------------------
 * What a match key is made of
 * ------------------------------------------------------------------------
 */

/* The arguments of match_key_text() after the key, in order. */
typedef enum KeyField
{
	FIELD_GIVEN_NAME = 1,
	FIELD_FAMILY_NAME,
	FIELD_DATE_OF_BIRTH,
	FIELD_SEX,
	FIELD_POSTCODE,
	FIELD_NHS_NUMBER,
	FIELD_ORGANISATION,
	FIELD_LOCAL_PATIENT_ID,
	FIELD_FULL_NAME				/* made of the first two */
} KeyField;

typedef enum KeyTransform
{
	TRANSFORM_EXACT,
	TRANSFORM_FIRST,			/* so many letters */
	TRANSFORM_FIRST_WORD,
	TRANSFORM_SORTED_WORDS,
	TRANSFORM_SORTED_LETTERS,
	TRANSFORM_SOUNDEX,
	TRANSFORM_SOUNDEX_SQL,
	TRANSFORM_NYSIIS,
	TRANSFORM_DOUBLE_METAPHONE,
	TRANSFORM_NOT_FIRST_OF_JANUARY,
	TRANSFORM_YEAR,
	TRANSFORM_YEAR_MONTH,
	TRANSFORM_YEAR_DAY,
	TRANSFORM_MONTH_DAY,
	TRANSFORM_NOT_COMMUNAL,
	TRANSFORM_ALL_BUT_LAST,
	TRANSFORM_SECTOR,
	TRANSFORM_DISTRICT,
	TRANSFORM_AREA
} KeyTransform;

/* As the tables write them; which goes with which is a CHECK there. */
static const char *const field_names[] = {
	[FIELD_GIVEN_NAME] = "given_name",
	[FIELD_FAMILY_NAME] = "family_name",
	[FIELD_DATE_OF_BIRTH] = "date_of_birth",
	[FIELD_SEX] = "sex",
	[FIELD_POSTCODE] = "postcode",
	[FIELD_NHS_NUMBER] = "nhs_number",
	[FIELD_ORGANISATION] = "organisation",
	[FIELD_LOCAL_PATIENT_ID] = "local_patient_id",
	[FIELD_FULL_NAME] = "full_name"
};

static const char *const transform_names[] = {
	[TRANSFORM_EXACT] = "exact",
	[TRANSFORM_FIRST] = "first",
	[TRANSFORM_FIRST_WORD] = "first_word",
	[TRANSFORM_SORTED_WORDS] = "sorted_words",
	[TRANSFORM_SORTED_LETTERS] = "sorted_letters",
	[TRANSFORM_SOUNDEX] = "soundex",
	[TRANSFORM_SOUNDEX_SQL] = "soundex_sql",
	[TRANSFORM_NYSIIS] = "nysiis",
	[TRANSFORM_DOUBLE_METAPHONE] = "double_metaphone",
	[TRANSFORM_NOT_FIRST_OF_JANUARY] = "not_first_of_january",
	[TRANSFORM_YEAR] = "year",
	[TRANSFORM_YEAR_MONTH] = "year_month",
	[TRANSFORM_YEAR_DAY] = "year_day",
	[TRANSFORM_MONTH_DAY] = "month_day",
	[TRANSFORM_NOT_COMMUNAL] = "not_communal",
	[TRANSFORM_ALL_BUT_LAST] = "all_but_last",
	[TRANSFORM_SECTOR] = "sector",
	[TRANSFORM_DISTRICT] = "district",
	[TRANSFORM_AREA] = "area"
};

typedef struct KeyPart
{
	NameData	key;
	int			ordinal;
	KeyField	field;
	KeyTransform transform;
	int			length;
	DateADT		earliest;		/* of a date of birth */
} KeyPart;

/* All keys and lists, as one statement sees them. */
typedef struct KeyCall
{
	NameLists  *names;
	KeyPart    *parts;			/* by key, then by number */
	int			nparts;
	DateADT    *placeholders;
	int			nplaceholders;
	int64	   *communal;		/* in order */
	int			ncommunal;
} KeyCall;

/* Room for one more in an array that doubles. */
static void *
make_room(void *array, int count, Size size)
{
	if (count == 0)
		return palloc(16 * size);
	if (count >= 16 && (count & (count - 1)) == 0)
		return repalloc(array, 2 * count * size);
	return array;
}

static int
find_name(const char *name, const char *const *names, int count)
{
	int			i;

	for (i = 0; i < count; i++)
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("unrecognized field or transform in table \"caredata.match_key_part\""),
			 errhint("The library and the installed SQL may differ in version; run ALTER EXTENSION caredata UPDATE.")));
	return 0;					/* keep compiler quiet */
}

static int
compare_parts(const void *a, const void *b)
{
	const KeyPart *x = a;
	const KeyPart *y = b;
	int			order = strcmp(NameStr(x->key), NameStr(y->key));

	return order != 0 ? order : x->ordinal - y->ordinal;
}

static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static KeyCall *
read_keys(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	KeyCall    *call = palloc0(sizeof(KeyCall));
	CaredataScan scan;
	HeapTuple	tuple;

	call->names = caredata_read_name_lists(context);

	caredata_scan_begin(&scan, "match_key_part", "match_key_part_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		KeyPart    *part;
		bool		no_length;
		bool		no_earliest;
		Datum		length = caredata_attr(&scan, tuple, "length", &no_length);
		Datum		earliest = caredata_attr(&scan, tuple, "earliest", &no_earliest);

		call->parts = make_room(call->parts, call->nparts, sizeof(KeyPart));
		part = &call->parts[call->nparts++];
		part->key = *DatumGetName(caredata_required_attr(tuple, scan.rel, "match_key"));
		part->ordinal = DatumGetInt16(caredata_required_attr(tuple, scan.rel, "part"));
		part->field = find_name(TextDatumGetCString(caredata_required_attr(tuple, scan.rel, "field")),
								field_names, lengthof(field_names));
		part->transform = find_name(TextDatumGetCString(caredata_required_attr(tuple, scan.rel, "transform")),
									transform_names, lengthof(transform_names));
		part->length = no_length ? 0 : DatumGetInt16(length);
		part->earliest = no_earliest ? DATEVAL_NOBEGIN : DatumGetDateADT(earliest);
	}
	caredata_scan_end(&scan);
	if (call->nparts > 0)
		qsort(call->parts, call->nparts, sizeof(KeyPart), compare_parts);

	caredata_scan_begin(&scan, "placeholder_birth_date",
						"placeholder_birth_date_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		call->placeholders = make_room(call->placeholders, call->nplaceholders,
									   sizeof(DateADT));
		call->placeholders[call->nplaceholders++] =
			DatumGetDateADT(caredata_required_attr(tuple, scan.rel, "date_of_birth"));
	}
	caredata_scan_end(&scan);

	caredata_scan_begin(&scan, "communal_postcode", "communal_postcode_pkey", 0, NULL);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		call->communal = make_room(call->communal, call->ncommunal, sizeof(int64));
		call->communal[call->ncommunal++] =
			DatumGetInt64(caredata_required_attr(tuple, scan.rel, "postcode"));
	}
	caredata_scan_end(&scan);
	if (call->ncommunal > 0)
		qsort(call->communal, call->ncommunal, sizeof(int64), compare_int64);

	MemoryContextSwitchTo(old);
	return call;
}

/* ------------------------------------------------------------------------
 * Values of the parts.  Each appends to out, or returns false for none.
 * ------------------------------------------------------------------------
 */

static char *
get_name(const KeyCall *call, FunctionCallInfo fcinfo, KeyField field)
{
	size_t		length;
	text	   *value;

	if (PG_ARGISNULL(field))
		return NULL;
	value = PG_GETARG_TEXT_PP(field);
	return caredata_standard_name(call->names,
								  field == FIELD_GIVEN_NAME ? NAME_GIVEN : NAME_FAMILY,
								  VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
								  &length);
}

/* Takes the spaces out, in place; returns the length. */
static size_t
join_words(char *name)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; name[i] != '\0'; i++)
		if (name[i] != ' ')
			name[n++] = name[i];
	name[n] = '\0';
	return n;
}

static int
compare_letters(const void *a, const void *b)
{
	return *(const unsigned char *) a - *(const unsigned char *) b;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The words of a name in order, with a space between. */
static void
append_sorted_words(StringInfo out, char *name)
{
	char	  **words = palloc((strlen(name) + 1) * sizeof(char *));
	int			count = 0;
	char	   *word;
	int			i;

	for (word = strtok(name, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	qsort(words, count, sizeof(char *), compare_strings);
	for (i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ' ');
		appendStringInfoString(out, words[i]);
	}
}

static bool
append_code(StringInfo out, const uint8 *code, size_t length)
{
	appendBinaryStringInfo(out, (const char *) code, (int) length);
	return length > 0;
}

static bool
append_name(StringInfo out, const KeyPart *part, char *name)
{
	uint8		alternate[DOUBLE_METAPHONE_LENGTH];
	uint8	   *code;
	size_t		length;
	size_t		nalternate;

	if (part->transform == TRANSFORM_SORTED_WORDS)
	{
		append_sorted_words(out, name);
		return true;
	}
	if (part->transform == TRANSFORM_FIRST_WORD)
	{
		appendBinaryStringInfo(out, name, (int) strcspn(name, " "));
		return true;
	}

	length = join_words(name);
	code = palloc(Max(length, MATCH_RATING_LENGTH));
	switch (part->transform)
	{
		case TRANSFORM_FIRST:
			appendBinaryStringInfo(out, name, (int) Min(length, (size_t) part->length));
			return true;
		case TRANSFORM_SORTED_LETTERS:
			qsort(name, length, 1, compare_letters);
			appendBinaryStringInfo(out, name, (int) length);
			return true;
		case TRANSFORM_SOUNDEX:
			return append_code(out, code,
							   caredata_soundex((uint8 *) name, length, SOUNDEX_STANDARD, code));
		case TRANSFORM_SOUNDEX_SQL:
			return append_code(out, code,
							   caredata_soundex((uint8 *) name, length, SOUNDEX_SQL, code));
		case TRANSFORM_NYSIIS:
			return append_code(out, code, caredata_nysiis((uint8 *) name, length, code));
		case TRANSFORM_DOUBLE_METAPHONE:
			return append_code(out, code,
							   caredata_double_metaphone((uint8 *) name, length, code,
														 alternate, &nalternate));
		default:
			appendBinaryStringInfo(out, name, (int) length);
			return true;
	}
}

static bool
append_date(StringInfo out, const KeyCall *call, const KeyPart *part, DateADT date)
{
	int			year;
	int			month;
	int			day;
	int			i;

	if (!get_date(date, &year, &month, &day) || date < part->earliest)
		return false;
	for (i = 0; i < call->nplaceholders; i++)
		if (call->placeholders[i] == date)
			return false;
	switch (part->transform)
	{
		case TRANSFORM_YEAR:
			appendStringInfo(out, "%04d", year);
			return true;
		case TRANSFORM_YEAR_MONTH:
			appendStringInfo(out, "%04d-%02d", year, month);
			return true;
		case TRANSFORM_YEAR_DAY:
			appendStringInfo(out, "%04d--%02d", year, day);
			return true;
		case TRANSFORM_MONTH_DAY:
			appendStringInfo(out, "%02d-%02d", month, day);
			return true;
		case TRANSFORM_NOT_FIRST_OF_JANUARY:
			if (month == 1 && day == 1)
				return false;
			/* FALLTHROUGH */
		default:
			appendStringInfo(out, "%04d-%02d-%02d", year, month, day);
			return true;
	}
}

static bool
append_postcode(StringInfo out, const KeyCall *call, const KeyPart *part,
				text *value)
{
	char		code[POSTCODE_MAX_LENGTH];
	int64_t		postcode;
	int64		wanted;
	size_t		length;

	if (!caredata_postcode_mend(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
								&postcode))
		return false;
	wanted = postcode;
	switch (part->transform)
	{
		case TRANSFORM_AREA:
			length = caredata_postcode_format_area(postcode, code);
			break;
		case TRANSFORM_DISTRICT:
			length = caredata_postcode_format_district(postcode, code);
			break;
		case TRANSFORM_SECTOR:
			length = caredata_postcode_format_sector(postcode, code);
			break;
		case TRANSFORM_ALL_BUT_LAST:
			length = caredata_postcode_format(postcode, code) - 1;
			break;
		case TRANSFORM_NOT_COMMUNAL:
			if (call->ncommunal > 0 &&
				bsearch(&wanted, call->communal, call->ncommunal,
						sizeof(int64), compare_int64) != NULL)
				return false;
			/* FALLTHROUGH */
		default:
			length = caredata_postcode_format(postcode, code);
	}
	appendBinaryStringInfo(out, code, (int) length);
	return true;
}

static bool
append_part(StringInfo out, const KeyCall *call, const KeyPart *part,
			FunctionCallInfo fcinfo)
{
	const char *bytes;
	char	   *name;
	size_t		length;
	char		code[FIELD_CODE_MAX];
	int64_t		number;

	if (part->field == FIELD_FULL_NAME)
	{
		char	   *given = get_name(call, fcinfo, FIELD_GIVEN_NAME);
		char	   *family = get_name(call, fcinfo, FIELD_FAMILY_NAME);

		return given != NULL && family != NULL &&
			append_name(out, part, psprintf("%s %s", given, family));
	}
	if (PG_ARGISNULL(part->field))
		return false;
	if (part->field == FIELD_DATE_OF_BIRTH)
		return append_date(out, call, part, PG_GETARG_DATEADT(part->field));
	if (part->field == FIELD_GIVEN_NAME || part->field == FIELD_FAMILY_NAME)
	{
		name = get_name(call, fcinfo, part->field);
		return name != NULL && append_name(out, part, name);
	}
	if (part->field == FIELD_POSTCODE)
		return append_postcode(out, call, part, PG_GETARG_TEXT_PP(part->field));

	bytes = VARDATA_ANY(PG_GETARG_TEXT_PP(part->field));
	length = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(part->field));
	switch (part->field)
	{
		case FIELD_SEX:
			length = caredata_field_parse_code(FIELD_CODE_SEX, bytes, length, code);
			/* not known and not specified are no evidence */
			if (length != 1 || (code[0] != '1' && code[0] != '2'))
				return false;
			appendStringInfoChar(out, code[0]);
			return true;
		case FIELD_NHS_NUMBER:
			if (caredata_nhs_number_parse(bytes, length, &number) != NHS_NUMBER_VALID)
				return false;
			appendStringInfo(out, "%010lld", (long long) number);
			return true;
		default:
			{
				int			start = out->len;

				caredata_field_trim(&bytes, &length);
				appendBinaryStringInfo(out, bytes, (int) length);
				for (; start < out->len; start++)
					out->data[start] = pg_ascii_toupper((unsigned char) out->data[start]);
				return length > 0;
			}
	}
}

/*
 * caredata.match_key_text(key, given_name, family_name, date_of_birth, sex,
 * postcode, nhs_number, organisation, local_patient_id)
 */
Datum
caredata_match_key_text(PG_FUNCTION_ARGS)
{
	KeyCall    *call = fcinfo->flinfo->fn_extra;
	StringInfoData key;
	StringInfoData value;
	Name		name;
	bool		found = false;
	int			i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	name = PG_GETARG_NAME(0);
	if (call == NULL)
		call = fcinfo->flinfo->fn_extra = read_keys(fcinfo->flinfo->fn_mcxt);

	initStringInfo(&key);
	initStringInfo(&value);
	for (i = 0; i < call->nparts; i++)
	{
		if (strcmp(NameStr(call->parts[i].key), NameStr(*name)) != 0)
			continue;
		found = true;
		resetStringInfo(&value);
		if (!append_part(&value, call, &call->parts[i], fcinfo))
			PG_RETURN_NULL();
		appendStringInfo(&key, "%d:", value.len);
		appendBinaryStringInfo(&key, value.data, value.len);
		appendStringInfoChar(&key, ';');
	}
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("match key \"%s\" does not exist", NameStr(*name)),
				 errhint("Table caredata.match_key lists them; add_match_key() adds one.")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(key.data, key.len));
}
