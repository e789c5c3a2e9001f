/*
 * link_engine.c
 *		The functions that sql/link_model.sql is made of: packing records,
 *		comparing pairs, counting patterns, estimating parameters.
 *
 * A record is packed once, into a bytea that lives in a temporary table for
 * the length of a statement.  Blocking is PostgreSQL's own join on keys made
 * here; link_pattern() compares what the join brings together and passes over
 * pairs that an earlier rule has brought already.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "fellegi_sunter.h"
#include "field_parse.h"
#include "link_model.h"
#include "name_standard.h"

PG_FUNCTION_INFO_V1(caredata_link_columns_of);
PG_FUNCTION_INFO_V1(caredata_link_record_pack);
PG_FUNCTION_INFO_V1(caredata_link_key_of);
PG_FUNCTION_INFO_V1(caredata_link_without_key);
PG_FUNCTION_INFO_V1(caredata_link_absent_fields);
PG_FUNCTION_INFO_V1(caredata_link_slot_count);
PG_FUNCTION_INFO_V1(caredata_link_slot_hashes);
PG_FUNCTION_INFO_V1(caredata_link_with_frequencies);
PG_FUNCTION_INFO_V1(caredata_link_pattern_of);
PG_FUNCTION_INFO_V1(caredata_link_weight);
PG_FUNCTION_INFO_V1(caredata_link_weight_parts);
PG_FUNCTION_INFO_V1(caredata_link_levels);
PG_FUNCTION_INFO_V1(caredata_link_sample_patterns);
PG_FUNCTION_INFO_V1(caredata_estimate_link_u);
PG_FUNCTION_INFO_V1(caredata_estimate_link_session);
PG_FUNCTION_INFO_V1(caredata_estimate_link_jointly);

/* ------------------------------------------------------------------------
 * Records
 * ------------------------------------------------------------------------
 */

static void
open_record(const LoadedModel *loaded, bytea *record, LinkRecord *opened)
{
	if (!caredata_link_open(&loaded->model,
							(unsigned char *) VARDATA_ANY(record),
							VARSIZE_ANY_EXHDR(record), opened))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("not a record of link model %d", loaded->model_id),
				 errhint("Records are packed by caredata.link_record() and belong to one model.")));
}

static int64
check_pattern(const LoadedModel *loaded, int64 pattern)
{
	if (!caredata_link_pattern_fits(&loaded->model, pattern))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a pattern of link model %d", loaded->model_id),
				 errhint("Patterns are made by caredata.link_pattern() and belong to one model.")));
	return pattern;
}

/* A copy of a record that may be written to, opened. */
static bytea *
copy_record(const LoadedModel *loaded, bytea *record, LinkRecord *opened)
{
	size_t		length = VARSIZE_ANY_EXHDR(record);
	bytea	   *copy = palloc(VARHDRSZ + length);

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), VARDATA_ANY(record), length);
	open_record(loaded, copy, opened);
	return copy;
}

/* Columns that link_record() wants, in its order. */
Datum
caredata_link_columns_of(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	Datum	   *columns = palloc(sizeof(Datum) * LINK_MAX_FIELDS);
	int			i;

	for (i = 0; i < loaded->model.nfields; i++)
		columns[i] = NameGetDatum(&loaded->column[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(columns, loaded->model.nfields,
										  NAMEOID, NAMEDATALEN, false,
										  TYPALIGN_CHAR));
}

/* A date, or the day of a timestamp, as eight digits; false for infinity. */
static bool
day_digits(Oid type, Datum value, char *digits)
{
	DateADT		day;

	if (type == DATEOID)
		day = DatumGetDateADT(value);
	else
	{
		Timestamp	stamp;

		/* where the session is, as a cast to date has it */
		if (type == TIMESTAMPTZOID)
			value = DirectFunctionCall1(timestamptz_timestamp, value);
		stamp = DatumGetTimestamp(value);
		if (TIMESTAMP_NOT_FINITE(stamp))
			return false;
		day = (DateADT) (stamp / USECS_PER_DAY -
						 (stamp < 0 && stamp % USECS_PER_DAY != 0));
	}
	/* four digits of a year are all that a date of birth has */
	if (DATE_NOT_FINITE(day) || day < -730120 || day >= 2921940)
		return false;
	caredata_link_date_digits(day, digits);
	return true;
}

static bool
is_blank(const char *characters, size_t length)
{
	caredata_field_trim(&characters, &length);
	return length == 0;
}

/* A name in its standard form; false if it says nothing of who somebody is. */
static bool
standardise_name(LoadedModel *loaded, FmgrInfo *flinfo, LinkKind kind,
				 const char **characters, size_t *length)
{
	if (loaded->name_lists == NULL)
		loaded->name_lists = caredata_read_name_lists(flinfo->fn_mcxt);
	*characters = caredata_standard_name(loaded->name_lists,
										 kind == LINK_KIND_FORENAME ?
										 NAME_GIVEN : NAME_FAMILY,
										 *characters, *length, length);
	return *characters != NULL;
}

/* link_record(model, columns ...): the packed record. */
Datum
caredata_link_record_pack(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded;
	const LinkModel *model;
	size_t		lengths[LINK_MAX_FIELDS];
	size_t		header;
	StringInfoData packed;
	unsigned char value[LINK_MAX_VALUE];
	int			i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	loaded = caredata_load_link_model(fcinfo->flinfo, PG_GETARG_INT32(0));
	model = &loaded->model;
	if (get_fn_expr_variadic(fcinfo->flinfo) ||
		PG_NARGS() != model->nfields + 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("link model %d wants %d columns",
						loaded->model_id, model->nfields),
				 errhint("caredata.link_columns() lists them.")));

	header = caredata_link_header_length(model);
	initStringInfo(&packed);
	enlargeStringInfo(&packed, VARHDRSZ + header);
	packed.len = VARHDRSZ + header;
	for (i = 0; i < model->nfields; i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		Datum		datum = PG_GETARG_DATUM(i + 1);
		const char *characters;
		size_t		length;
		char		digits[8];

		/* a domain, too, must not depend on how the session writes dates */
		if (type >= FirstNormalObjectId)
			type = getBaseType(type);
		if (PG_ARGISNULL(i + 1))
			lengths[i] = caredata_link_pack_absent(LINK_MISSING, value);
		else
		{
			if (type == TEXTOID || type == VARCHAROID || type == BPCHAROID)
			{
				text	   *string = DatumGetTextPP(datum);

				characters = VARDATA_ANY(string);
				length = VARSIZE_ANY_EXHDR(string);
			}
			else if (type == DATEOID || type == TIMESTAMPOID ||
					 type == TIMESTAMPTZOID)
			{
				characters = digits;
				length = day_digits(type, datum, digits) ? 8 : 0;
			}
			else
			{
				Oid			output;
				bool		varlena;

				getTypeOutputInfo(type, &output, &varlena);
				characters = OidOutputFunctionCall(output, datum);
				length = strlen(characters);
			}
			if (length > LINK_MAX_STRING * 4)
				lengths[i] = caredata_link_pack_absent(LINK_TOO_LONG, value);
			else if ((model->field[i].kind == LINK_KIND_FORENAME ||
					  model->field[i].kind == LINK_KIND_SURNAME) &&
					 !is_blank(characters, length))
				lengths[i] =
					standardise_name(loaded, fcinfo->flinfo, model->field[i].kind,
									 &characters, &length) ?
					caredata_link_pack_value(&model->field[i], characters,
											 length, value) :
					caredata_link_pack_absent(LINK_UNUSABLE, value);
			else
			{
				/* in a database without an encoding it is UTF-8 or unusable */
				if (GetDatabaseEncoding() != PG_UTF8 &&
					GetDatabaseEncoding() != PG_SQL_ASCII)
				{
					char	   *utf8 = pg_server_to_any(characters, length,
														PG_UTF8);

					if (utf8 != characters)
						length = strlen(utf8);
					characters = utf8;
				}
				lengths[i] = caredata_link_pack_value(&model->field[i],
													  characters, length, value);
			}
		}
		appendBinaryStringInfo(&packed, (char *) value, (int) lengths[i]);
	}
	if (!caredata_link_write_header(model, lengths,
									(unsigned char *) packed.data + VARHDRSZ))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the values of one record are too long together"),
				 errdetail("A record of link model %d has room for 65535 bytes.",
						   loaded->model_id)));
	caredata_link_write_keys(model, (unsigned char *) packed.data + VARHDRSZ,
							 packed.len - VARHDRSZ);
	SET_VARSIZE(packed.data, packed.len);
	PG_RETURN_BYTEA_P((bytea *) packed.data);
}

/* Place of a blocking rule's key; raises if the model has no such rule. */
static int
key_of_rule(const LoadedModel *loaded, int ordinal, bool right)
{
	int			i;

	for (i = 0; i < loaded->model.nrules; i++)
		if (loaded->rule_ordinal[i] == ordinal)
			return right ? loaded->model.rule[i].right_key :
				loaded->model.rule[i].left_key;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("link model %d has no blocking rule %d",
					loaded->model_id, ordinal)));
	return 0;
}

/* link_key(model, record, rule, right): NULL where the record has none. */
Datum
caredata_link_key_of(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	bytea	   *record = PG_GETARG_BYTEA_PP(1);
	LinkRecord	opened;
	int64		key;

	open_record(loaded, record, &opened);
	key = caredata_link_key(&opened, key_of_rule(loaded, PG_GETARG_INT32(2),
												 PG_GETARG_BOOL(3)));
	if (key == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(key);
}

/* link_without_key(model, record, rule, right): of a block that is too large. */
Datum
caredata_link_without_key(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkRecord	opened;
	bytea	   *copy = copy_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);

	caredata_link_set_key(&opened, (unsigned char *) VARDATA(copy),
						  key_of_rule(loaded, PG_GETARG_INT32(2),
									  PG_GETARG_BOOL(3)), 0);
	PG_RETURN_BYTEA_P(copy);
}

/* link_absences(model, record): for each column a code, 0 where it is there. */
Datum
caredata_link_absent_fields(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	Datum		absences[LINK_MAX_FIELDS];
	LinkRecord	opened;
	int			i;

	open_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);
	for (i = 0; i < loaded->model.nfields; i++)
		absences[i] = Int16GetDatum((int16) caredata_link_absence(&opened, i));
	PG_RETURN_ARRAYTYPE_P(construct_array(absences, loaded->model.nfields,
										  INT2OID, 2, true, TYPALIGN_SHORT));
}

Datum
caredata_link_slot_count(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));

	PG_RETURN_INT32(loaded->model.nslots);
}

/* link_slot_hash(model, record, slot): NULL where the record lacks it. */
Datum
caredata_link_slot_hashes(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkRecord	opened;
	int64		hash;

	open_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);
	hash = caredata_link_slot_hash(&loaded->model, &opened, PG_GETARG_INT32(2));
	if (hash == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(hash);
}

/* link_with_frequencies(model, record, frequencies), one for each slot. */
Datum
caredata_link_with_frequencies(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkRecord	opened;
	bytea	   *copy = copy_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), FLOAT8OID, 8, FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, &nulls, &count);
	if (count != loaded->model.nslots)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("link model %d has %d frequencies, not %d",
						loaded->model_id, loaded->model.nslots, count)));
	for (i = 0; i < count; i++)
		caredata_link_set_frequency(&opened, (unsigned char *) VARDATA(copy), i,
									nulls[i] ? 0.0 : DatumGetFloat8(values[i]));
	PG_RETURN_BYTEA_P(copy);
}

/* ------------------------------------------------------------------------
 * Pairs
 * ------------------------------------------------------------------------
 */

/*
 * link_pattern(model, left, right, rules_before, mirrored): NULL if one of
 * the rules before, given by their number in order, brings the two together.
 */
Datum
caredata_link_pattern_of(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	bytea	   *left = PG_GETARG_BYTEA_PP(1);
	bytea	   *right = PG_GETARG_BYTEA_PP(2);
	uint64		before = (uint64) PG_GETARG_INT64(3);
	LinkRecord	a;
	LinkRecord	b;

	open_record(loaded, left, &a);
	open_record(loaded, right, &b);
	if (before != 0 &&
		caredata_link_found_earlier(&loaded->model, before, &a, &b,
									PG_GETARG_BOOL(4)))
		PG_RETURN_NULL();
	PG_RETURN_INT64(caredata_link_pattern(&loaded->model, &a, &b));
}

static void
frequency_weights(const LinkModel *model, int64 pattern, const LinkRecord *a,
				  const LinkRecord *b, double *adjustment)
{
	int			i;

	for (i = 0; i < model->ncomparisons; i++)
		adjustment[i] = caredata_frequency_weight(&model->comparison[i],
												  caredata_link_pattern_level(&model->comparison[i],
																			  pattern),
												  a, b);
}

/* A millionth of a bit is nothing, but the last digits of a sum may vary. */
static double
rounded(double weight)
{
	return rint(weight * 1e6) / 1e6;
}

/* link_weight(model, pattern, left, right): log2 of the odds. */
Datum
caredata_link_weight(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	const LinkModel *model = &loaded->model;
	int64		pattern = check_pattern(loaded, PG_GETARG_INT64(1));
	double		adjustment[LINK_MAX_COMPARISONS];
	LinkRecord	a;
	LinkRecord	b;

	if (model->nslots == 0)
		PG_RETURN_FLOAT8(rounded(caredata_pattern_weight(model, pattern, NULL,
														 NULL)));
	open_record(loaded, PG_GETARG_BYTEA_PP(2), &a);
	open_record(loaded, PG_GETARG_BYTEA_PP(3), &b);
	frequency_weights(model, pattern, &a, &b, adjustment);
	PG_RETURN_FLOAT8(rounded(caredata_pattern_weight(model, pattern, adjustment,
													 NULL)));
}

static Datum
float8_array(const double *values, int count)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(count, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(count, 1));
	int			lower = 1;
	int			i;

	for (i = 0; i < count; i++)
	{
		nulls[i] = isnan(values[i]);
		datums[i] = Float8GetDatum(nulls[i] ? 0.0 : values[i]);
	}
	return PointerGetDatum(construct_md_array(datums, nulls, 1, &count, &lower,
											  FLOAT8OID, 8, FLOAT8PASSBYVAL,
											  TYPALIGN_DOUBLE));
}

/*
 * link_weight_parts(model, pattern, left, right): the weight of each
 * comparison, then what frequencies add to each, then what relationships
 * take away.
 */
Datum
caredata_link_weight_parts(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	const LinkModel *model = &loaded->model;
	int64		pattern = check_pattern(loaded, PG_GETARG_INT64(1));
	double		parts[2 * LINK_MAX_COMPARISONS + 1];
	int			n = model->ncomparisons;
	LinkRecord	a;
	LinkRecord	b;
	int			i;

	open_record(loaded, PG_GETARG_BYTEA_PP(2), &a);
	open_record(loaded, PG_GETARG_BYTEA_PP(3), &b);
	for (i = 0; i < n; i++)
		parts[i] = caredata_level_weight(&model->comparison[i],
										 caredata_link_pattern_level(&model->comparison[i],
																	 pattern));
	frequency_weights(model, pattern, &a, &b, parts + n);
	caredata_pattern_weight(model, pattern, parts + n, &parts[2 * n]);
	PG_RETURN_DATUM(float8_array(parts, 2 * n + 1));
}

/* link_levels(model, pattern): of each comparison; NULL without evidence. */
Datum
caredata_link_levels(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	Datum		levels[LINK_MAX_COMPARISONS];
	bool		nulls[LINK_MAX_COMPARISONS];
	int64		pattern = check_pattern(loaded, PG_GETARG_INT64(1));
	int			count = loaded->model.ncomparisons;
	int			lower = 1;
	int			i;

	for (i = 0; i < count; i++)
	{
		int			level = caredata_link_pattern_level(&loaded->model.comparison[i],
														pattern);

		nulls[i] = level < 0;
		levels[i] = Int16GetDatum((int16) level);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(levels, nulls, 1, &count, &lower,
											 INT2OID, 2, true, TYPALIGN_SHORT));
}

/* ------------------------------------------------------------------------
 * Counting the patterns of all pairs of two samples
 * ------------------------------------------------------------------------
 */

typedef struct PatternEntry
{
	int64		pattern;
	int64		count;
	char		status;
} PatternEntry;

#define SH_PREFIX		pattern
#define SH_ELEMENT_TYPE	PatternEntry
#define SH_KEY_TYPE		int64
#define SH_KEY			pattern
#define SH_HASH_KEY(table, key)	((uint32) murmurhash32((uint32) (key)) ^ \
								 murmurhash32((uint32) ((uint64) (key) >> 32)))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Opened records of one side, and which of them look alike to a comparison. */
typedef struct Sample
{
	int			n;
	LinkRecord *record;
	int		   *value;			/* [comparison * n + record] */
	int			nvalues[LINK_MAX_COMPARISONS];
} Sample;

typedef struct SortContext
{
	const LinkComparison *comparison;
	const LinkRecord *record;
} SortContext;

/* Order of the bytes of all fields of a comparison. */
static int
compare_values(const void *a, const void *b, void *context)
{
	const SortContext *sort = context;
	int			i;

	for (i = 0; i < sort->comparison->nfields; i++)
	{
		int			order = caredata_link_order(&sort->record[*(const int *) a],
												&sort->record[*(const int *) b],
												sort->comparison->field[i]);

		if (order != 0)
			return order;
	}
	return 0;
}

static void
read_sample(const LoadedModel *loaded, ArrayType *array, Sample *sample)
{
	const LinkModel *model = &loaded->model;
	Datum	   *datums;
	bool	   *nulls;
	int		   *order;
	int			i;
	int			c;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &datums, &nulls,
					  &sample->n);
	sample->record = palloc(sizeof(LinkRecord) * Max(sample->n, 1));
	sample->value = palloc(sizeof(int) * Max(sample->n, 1) *
						   model->ncomparisons);
	order = palloc(sizeof(int) * Max(sample->n, 1));
	for (i = 0; i < sample->n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a sample of records must not contain nulls")));
		open_record(loaded, DatumGetByteaPP(datums[i]), &sample->record[i]);
	}
	for (c = 0; c < model->ncomparisons; c++)
	{
		SortContext sort = {&model->comparison[c], sample->record};
		int			value = 0;

		for (i = 0; i < sample->n; i++)
			order[i] = i;
		qsort_arg(order, sample->n, sizeof(int), compare_values, &sort);
		for (i = 0; i < sample->n; i++)
		{
			if (i > 0 && compare_values(&order[i - 1], &order[i], &sort) != 0)
				value++;
			sample->value[c * sample->n + order[i]] = value;
		}
		sample->nvalues[c] = sample->n > 0 ? value + 1 : 0;
	}
}

static int
compare_entries(const void *a, const void *b)
{
	int64		left = ((const PatternEntry *) a)->pattern;
	int64		right = ((const PatternEntry *) b)->pattern;

	return left < right ? -1 : left > right;
}

/* The counts as two arrays, ascending by pattern. */
static Datum
pattern_result(FunctionCallInfo fcinfo, pattern_hash *counts)
{
	pattern_iterator iterator;
	PatternEntry *entry;
	PatternEntry *entries = palloc(sizeof(PatternEntry) * (counts->members + 1));
	Datum	   *patterns = palloc(sizeof(Datum) * (counts->members + 1));
	Datum	   *numbers = palloc(sizeof(Datum) * (counts->members + 1));
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			n = 0;
	int			i;

	pattern_start_iterate(counts, &iterator);
	while ((entry = pattern_iterate(counts, &iterator)) != NULL)
		entries[n++] = *entry;
	qsort(entries, n, sizeof(PatternEntry), compare_entries);
	for (i = 0; i < n; i++)
	{
		patterns[i] = Int64GetDatum(entries[i].pattern);
		numbers[i] = Int64GetDatum(entries[i].count);
	}
	values[0] = PointerGetDatum(construct_array(patterns, n, INT8OID, 8,
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[1] = PointerGetDatum(construct_array(numbers, n, INT8OID, 8,
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

#define LEVEL_NOT_YET	0xFF

/*
 * link_sample_patterns(model, left, right): all pairs of two samples, or of
 * one with itself, each once, where right is NULL.  The level of a comparison
 * is found once for each two values; where there are too many values to keep
 * all of them, once for each record on the left and value on the right.
 */
Datum
caredata_link_sample_patterns(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded;
	const LinkModel *model;
	Sample		left;
	Sample		right;
	bool		one = PG_ARGISNULL(2);
	uint8	   *known[LINK_MAX_COMPARISONS];
	bool		all_known[LINK_MAX_COMPARISONS];
	Size		budget;
	pattern_hash *counts;
	int			i;
	int			j;
	int			c;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	loaded = caredata_load_link_model(fcinfo->flinfo, PG_GETARG_INT32(0));
	model = &loaded->model;
	read_sample(loaded, PG_GETARG_ARRAYTYPE_P(1), &left);
	if (one)
		right = left;
	else
		read_sample(loaded, PG_GETARG_ARRAYTYPE_P(2), &right);

	budget = (Size) work_mem * 1024 / model->ncomparisons;
	for (c = 0; c < model->ncomparisons; c++)
	{
		Size		all = (Size) left.nvalues[c] * right.nvalues[c];

		all_known[c] = all <= budget;
		if (!all_known[c])
			all = right.nvalues[c];
		known[c] = palloc(Max(all, 1));
		memset(known[c], LEVEL_NOT_YET, all);
	}

	counts = pattern_create(CurrentMemoryContext, 1024, NULL);
	for (i = 0; i < left.n; i++)
	{
		const uint8 *row[LINK_MAX_COMPARISONS];
		const int  *value[LINK_MAX_COMPARISONS];

		CHECK_FOR_INTERRUPTS();
		for (c = 0; c < model->ncomparisons; c++)
		{
			value[c] = right.value + (Size) c * right.n;
			if (all_known[c])
				row[c] = known[c] + (Size) left.value[(Size) c * left.n + i] *
					right.nvalues[c];
			else
			{
				memset(known[c], LEVEL_NOT_YET, right.nvalues[c]);
				row[c] = known[c];
			}
		}
		for (j = one ? i + 1 : 0; j < right.n; j++)
		{
			int64		pattern = 0;
			bool		found;
			PatternEntry *entry;

			for (c = 0; c < model->ncomparisons; c++)
			{
				int			v = value[c][j];

				if (row[c][v] == LEVEL_NOT_YET)
				{
					/* two long texts take milliseconds */
					CHECK_FOR_INTERRUPTS();
					((uint8 *) row[c])[v] = (uint8)
						(caredata_link_level(model, c, &left.record[i],
											 &right.record[j]) + 1);
				}
				pattern |= (int64) row[c][v] << model->comparison[c].shift;
			}
			entry = pattern_insert(counts, pattern, &found);
			if (!found)
				entry->count = 0;
			entry->count++;
		}
	}
	PG_RETURN_DATUM(pattern_result(fcinfo, counts));
}

/* ------------------------------------------------------------------------
 * Estimation
 * ------------------------------------------------------------------------
 */

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Two arrays as counts of a model's patterns, which must ascend. */
static void
read_counts(const LoadedModel *loaded, ArrayType *patterns, ArrayType *numbers,
			PatternCounts *counts)
{
	Datum	   *pattern;
	Datum	   *number;
	bool	   *pattern_nulls;
	bool	   *number_nulls;
	int64	   *to_pattern;
	double	   *to_number;
	int			n;
	int			i;

	deconstruct_array(patterns, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &pattern, &pattern_nulls, &counts->n);
	deconstruct_array(numbers, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &number, &number_nulls, &n);
	to_pattern = palloc(sizeof(int64) * Max(n, 1));
	to_number = palloc(sizeof(double) * Max(n, 1));
	for (i = 0; i < n && n == counts->n; i++)
	{
		if (pattern_nulls[i] || number_nulls[i] || DatumGetInt64(number[i]) < 0)
			break;
		to_pattern[i] = check_pattern(loaded, DatumGetInt64(pattern[i]));
		to_number[i] = (double) DatumGetInt64(number[i]);
		if (i > 0 && to_pattern[i] <= to_pattern[i - 1])
			break;
	}
	if (i < n || n != counts->n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("counts of patterns must be two arrays of one length, the patterns ascending")));
	counts->pattern = to_pattern;
	counts->count = to_number;
}

/* m or u of all levels, comparison by comparison, from level 0 upwards. */
static Datum
level_array(const LinkModel *model, bool of_u, const bool *active)
{
	double	   *values = palloc(sizeof(double) * LINK_MAX_COMPARISONS *
								LINK_MAX_LEVELS);
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < model->ncomparisons; i++)
	{
		const LinkComparison *c = &model->comparison[i];

		for (j = c->nlevels - 1; j >= 0; j--)
			values[n++] = active != NULL && !active[i] ? NAN :
				of_u ? c->level[j].u : c->level[j].m;
	}
	return float8_array(values, n);
}

/* estimate_link_u(model, patterns, counts) */
Datum
caredata_estimate_link_u(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	PatternCounts sample;

	*model = loaded->model;
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2), &sample);
	caredata_estimate_u(model, &sample);
	PG_RETURN_DATUM(level_array(model, true, NULL));
}

static Datum
row_result(FunctionCallInfo fcinfo, Datum *values)
{
	TupleDesc	desc;
	bool		nulls[8] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * estimate_link_session(model, inactive comparisons, lambda, patterns,
 * counts): lambda, m, rounds, converged
 */
Datum
caredata_estimate_link_session(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	double		lambda = PG_GETARG_FLOAT8(2);
	bool		active[LINK_MAX_COMPARISONS];
	PatternCounts pairs;
	EstimateReport report;
	Datum	   *inactive;
	bool	   *nulls;
	Datum		values[4];
	int			count;
	int			i;
	int			j;

	*model = loaded->model;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT2OID, 2, true,
					  TYPALIGN_SHORT, &inactive, &nulls, &count);
	for (i = 0; i < model->ncomparisons; i++)
	{
		active[i] = true;
		for (j = 0; j < count; j++)
			if (!nulls[j] &&
				DatumGetInt16(inactive[j]) == loaded->comparison_ordinal[i])
				active[i] = false;
	}
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &pairs);
	caredata_estimate_session(model, active, &pairs, &lambda, &report, check_interrupts);

	values[0] = Float8GetDatum(lambda);
	values[1] = level_array(model, false, active);
	values[2] = Int32GetDatum(report.rounds);
	values[3] = BoolGetDatum(report.converged);
	PG_RETURN_DATUM(row_result(fcinfo, values));
}

/*
 * estimate_link_jointly(model, patterns, counts, sample patterns, sample
 * counts, all pairs): lambda, m, u, shares, rounds, converged, expected
 * matches, threshold
 */
Datum
caredata_estimate_link_jointly(PG_FUNCTION_ARGS)
{
	LoadedModel *loaded = caredata_load_link_model(fcinfo->flinfo,
												   PG_GETARG_INT32(0));
	LinkModel  *model = palloc(sizeof(LinkModel));
	PatternCounts pairs;
	PatternCounts sample;
	EstimateReport report;
	double		shares[LINK_MAX_RELATIONSHIPS];
	Datum		values[8];
	double	   *work;
	int			i;

	*model = loaded->model;
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2), &pairs);
	read_counts(loaded, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &sample);
	work = MemoryContextAllocHuge(CurrentMemoryContext,
								  caredata_estimate_room(model, &pairs, &sample) *
								  sizeof(double));
	caredata_estimate_joint(model, &pairs, &sample, PG_GETARG_FLOAT8(5),
							&report, work, check_interrupts);
	for (i = 0; i < model->nrelationships; i++)
		shares[i] = model->relationship[i].share;

	values[0] = Float8GetDatum(model->lambda);
	values[1] = level_array(model, false, NULL);
	values[2] = level_array(model, true, NULL);
	values[3] = float8_array(shares, model->nrelationships);
	values[4] = Int32GetDatum(report.rounds);
	values[5] = BoolGetDatum(report.converged);
	values[6] = Float8GetDatum(report.expected_matches);
	values[7] = Float8GetDatum(report.threshold);
	PG_RETURN_DATUM(row_result(fcinfo, values));
}
