/*
 * clk_schema.c
 *		Schemas of CLKs: read from their rows, checked, and described for two
 *		parties to compare.
 *
 * All text is UTF-8, whatever the encoding of the database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "clk_schema.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(caredata_check_clk_schema);

static bool
bigint_attr(CaredataScan *scan, HeapTuple tuple, const char *column,
			int64_t *number)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	*number = isnull ? 0 : DatumGetInt64(value);
	return !isnull;
}

/* A text in UTF-8, in the current memory context. */
ClkText
caredata_clk_utf8(const char *bytes, size_t length)
{
	ClkText		result;
	char	   *copy = pnstrdup(bytes, length);

	result.bytes = copy;
	result.length = length;
	if (GetDatabaseEncoding() != PG_UTF8 && length > 0)
	{
		result.bytes = pg_server_to_any(copy, length, PG_UTF8);
		result.length = strlen(result.bytes);
	}
	return result;
}

ClkText
caredata_clk_text_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	ClkText		none = {NULL, 0};
	text	   *bytes;

	if (isnull)
		return none;
	bytes = DatumGetTextPP(value);
	return caredata_clk_utf8(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static ClkText
bytea_attr(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	ClkText		result = {NULL, 0};
	bytea	   *bytes;

	if (isnull)
		return result;
	bytes = DatumGetByteaPCopy(value);
	result.bytes = VARDATA(bytes);
	result.length = VARSIZE(bytes) - VARHDRSZ;
	return result;
}

/* Does a text column hold a word? */
bool
caredata_clk_attr_is(CaredataScan *scan, HeapTuple tuple, const char *column,
		const char *word)
{
	ClkText		value = caredata_clk_text_attr(scan, tuple, column);

	return value.bytes != NULL && value.length == strlen(word) &&
		memcmp(value.bytes, word, value.length) == 0;
}

static void
read_enum_values(CaredataScan *scan, HeapTuple tuple, ClkFeature *feature)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, "enum_values", &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	ClkText    *values;
	int			i;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	values = palloc0(count * sizeof(ClkText));
	for (i = 0; i < count; i++)
	{
		text	   *element;

		if (nulls[i])
			continue;
		element = DatumGetTextPP(elements[i]);
		values[i] = caredata_clk_utf8(VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element));
	}
	feature->values = values;
	feature->nvalues = count;
}

static void
read_feature(CaredataScan *scan, HeapTuple tuple, ClkFeature *feature)
{
	feature->ignored = caredata_bool_attr(scan, tuple, "ignored");
	feature->format = caredata_clk_attr_is(scan, tuple, "format", "integer") ? CLK_INTEGER :
		caredata_clk_attr_is(scan, tuple, "format", "date") ? CLK_DATE :
		caredata_clk_attr_is(scan, tuple, "format", "enum") ? CLK_ENUM : CLK_STRING;
	feature->ascii = caredata_bool_attr(scan, tuple, "ascii");
	feature->letter_case = caredata_clk_attr_is(scan, tuple, "letter_case", "upper") ? CLK_UPPER_CASE :
		caredata_clk_attr_is(scan, tuple, "letter_case", "lower") ? CLK_LOWER_CASE : CLK_MIXED_CASE;
	feature->min_length = caredata_int_attr(scan, tuple, "min_length");
	feature->max_length = caredata_int_attr(scan, tuple, "max_length");
	feature->has_minimum = bigint_attr(scan, tuple, "minimum", &feature->minimum);
	feature->has_maximum = bigint_attr(scan, tuple, "maximum", &feature->maximum);
	feature->date_format = caredata_clk_text_attr(scan, tuple, "date_format");
	read_enum_values(scan, tuple, feature);
	feature->sentinel = caredata_clk_text_attr(scan, tuple, "sentinel");
	feature->replacement = caredata_clk_text_attr(scan, tuple, "replacement");

	feature->comparison = caredata_clk_attr_is(scan, tuple, "comparison", "exact") ? CLK_EXACT :
		caredata_clk_attr_is(scan, tuple, "comparison", "numeric") ? CLK_NUMERIC : CLK_NGRAM;
	feature->n = caredata_int_attr(scan, tuple, "n");
	feature->positional = caredata_bool_attr(scan, tuple, "positional");
	feature->threshold_distance = caredata_float_attr(scan, tuple, "threshold_distance");
	feature->resolution = caredata_int_attr(scan, tuple, "resolution");
	feature->fractional_precision = caredata_int_attr(scan, tuple, "fractional_precision");

	feature->hash = caredata_clk_attr_is(scan, tuple, "hash", "doubleHash") ? CLK_DOUBLE : CLK_BLAKE;
	feature->prevent_singularity = caredata_bool_attr(scan, tuple, "prevent_singularity");
	feature->per_token = caredata_clk_attr_is(scan, tuple, "strategy", "bitsPerToken");
	feature->bits = caredata_int_attr(scan, tuple, "bits");
}

/* A schema and its features, into the current memory context. */
void
caredata_read_clk_schema(int32 schema_id, ClkSchema *schema, ClkText **identifiers)
{
	CaredataScan scan;
	HeapTuple	tuple;

	memset(schema, 0, sizeof(*schema));
	schema->salt_feature = -1;
	caredata_scan_begin(&scan, "clk_schema", "clk_schema_pkey", 1, &schema_id);
	tuple = caredata_scan_next(&scan);
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("CLK schema %d does not exist", schema_id)));
	schema->bits = caredata_int_attr(&scan, tuple, "bits");
	schema->folds = caredata_int_attr(&scan, tuple, "xor_folds");
	schema->sha512 = caredata_clk_attr_is(&scan, tuple, "kdf_hash", "SHA512");
	schema->kdf_salt = bytea_attr(&scan, tuple, "kdf_salt");
	schema->kdf_info = bytea_attr(&scan, tuple, "kdf_info");
	schema->key_size = caredata_int_attr(&scan, tuple, "key_size");
	caredata_scan_end(&scan);

	schema->features = palloc0(CLK_MAX_FEATURES * sizeof(ClkFeature));
	*identifiers = palloc0(CLK_MAX_FEATURES * sizeof(ClkText));
	caredata_scan_begin(&scan, "clk_feature", "clk_feature_pkey", 1, &schema_id);
	while (HeapTupleIsValid(tuple = caredata_scan_next(&scan)))
	{
		if (schema->nfeatures == CLK_MAX_FEATURES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a CLK schema can have at most %d features",
							CLK_MAX_FEATURES)));
		(*identifiers)[schema->nfeatures] = caredata_clk_text_attr(&scan, tuple, "identifier");
		read_feature(&scan, tuple, &schema->features[schema->nfeatures++]);
	}
	caredata_scan_end(&scan);
}

static void
append_text(StringInfo text, ClkText value)
{
	if (value.bytes == NULL)
		appendStringInfoString(text, "-;");
	else
	{
		appendStringInfo(text, "%zu:", value.length);
		appendBinaryStringInfo(text, value.bytes, value.length);
		appendStringInfoChar(text, ';');
	}
}

/*
 * All that decides about the bits of a CLK, but for the secret.  Names of
 * features and forms of dates may differ between parties: the same person
 * has the same CLK all the same.
 */
void
caredata_describe_clk_schema(const ClkSchema *schema, StringInfo text)
{
	int			i;

	appendStringInfo(text, "1;%d;%d;%d;%d;%d;%d;%d;%d;%d;",
					 schema->bits, schema->folds, schema->sha512,
					 schema->key_size, schema->nfeatures,
					 schema->salt_feature, schema->salt_by_year,
					 schema->flips, schema->balanced);
	append_text(text, schema->kdf_salt);
	append_text(text, schema->kdf_info);
	for (i = 0; i < schema->nfeatures; i++)
	{
		const ClkFeature *feature = &schema->features[i];

		if (feature->ignored)
		{
			appendStringInfoString(text, "ignored;");
			continue;
		}
		appendStringInfo(text, "%d;%d;%d;%d;" INT64_FORMAT ";%d;%d;%d;%d;%d;%d;",
						 feature->format, feature->comparison, feature->n,
						 feature->positional, (int64) feature->distance,
						 feature->resolution, feature->fractional_precision,
						 feature->hash, feature->prevent_singularity,
						 feature->per_token, feature->bits);
		append_text(text, feature->replacement);
	}
}

/* caredata.check_clk_schema(schema_id): raises when it is not valid */
Datum
caredata_check_clk_schema(PG_FUNCTION_ARGS)
{
	ClkSchema	schema;
	ClkText    *identifiers;
	const char *problem;
	int			feature;

	caredata_read_clk_schema(PG_GETARG_INT32(0), &schema, &identifiers);
	problem = caredata_clk_plan(&schema, &feature);
	if (problem != NULL && feature >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" of the CLK schema is not valid: %s",
						pg_any_to_server(identifiers[feature].bytes,
										 identifiers[feature].length, PG_UTF8),
						problem)));
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the CLK schema is not valid: %s", problem)));
	PG_RETURN_VOID();
}
