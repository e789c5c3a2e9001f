/*
 * link_model.c
 *		Reads a linkage model from its tables, and tells what belongs to it.
 *
 * The rows were checked when they were written (sql/link_model.sql); they are
 * checked again here, because a restore or a superuser can write anything,
 * and what is read here decides how memory is read elsewhere.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "catalog.h"
#include "compat.h"
#include "link_compare.h"
#include "link_model.h"

PG_FUNCTION_INFO_V1(caredata_link_columns_of);

#define MODEL_ERROR(...) \
	ereport(ERROR, \
			(errcode(ERRCODE_DATA_CORRUPTED), \
			 errmsg(__VA_ARGS__), \
			 errhint("Make a new version of the model with caredata.create_link_model().")))

static double
get_float8(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);

	return isnull ? NAN : DatumGetFloat8(value);
}

static int
get_int16(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	return DatumGetInt16(caredata_required_attr(tuple, scan->rel, column));
}

static char *
get_text(CaredataScan *scan, HeapTuple tuple, const char *column)
{
	return TextDatumGetCString(caredata_required_attr(tuple, scan->rel, column));
}

/* Elements of a one-dimensional array without NULLs; NULL if the column is. */
static Datum *
get_array(CaredataScan *scan, HeapTuple tuple, const char *column, Oid type,
		  int length, bool byval, char align, int *count)
{
	bool		isnull;
	Datum		value = caredata_attr(scan, tuple, column, &isnull);
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			i;

	*count = 0;
	if (isnull)
		return NULL;
	array = DatumGetArrayTypeP(value);
	if (ARR_ELEMTYPE(array) != type)
		MODEL_ERROR("column \"%s\" of table \"caredata.%s\" has an unexpected type",
					column, RelationGetRelationName(scan->rel));
	deconstruct_array(array, type, length, byval, align, &elements, &nulls, count);
	for (i = 0; i < *count; i++)
		if (nulls[i])
			MODEL_ERROR("column \"%s\" of table \"caredata.%s\" has a null element",
						column, RelationGetRelationName(scan->rel));
	return elements;
}

#define GET_NAMES(scan, tuple, column, count) \
	get_array(scan, tuple, column, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, count)

/* The field of a column read as a kind, made if there is none. */
static int
find_field(LoadedModel *loaded, const char *column, LinkKind kind)
{
	LinkModel  *model = &loaded->model;
	int			i;

	for (i = 0; i < model->nfields; i++)
		if (model->field[i].kind == kind &&
			strcmp(NameStr(loaded->column[i]), column) == 0)
			return i;
	if (model->nfields >= LINK_MAX_FIELDS)
		MODEL_ERROR("link model %d has more than %d fields",
					loaded->model_id, LINK_MAX_FIELDS);
	namestrcpy(&loaded->column[i], column);
	model->field[i].kind = kind;
	model->nfields++;
	return i;
}

static void
read_comparisons(LoadedModel *loaded)
{
	LinkModel  *model = &loaded->model;
	CaredataScan scan;
	HeapTuple	tuple;

	caredata_scan_begin(&scan, "link_model_comparison",
						"link_model_comparison_pkey", 1, &loaded->model_id);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		LinkComparison *c = &model->comparison[model->ncomparisons];
		LinkKind	field_kind[LINK_MAX_COLUMNS];
		bool		two_names;
		Datum	   *columns;
		Datum	   *thresholds;
		int			count;
		int			i;

		if (model->ncomparisons >= LINK_MAX_COMPARISONS)
			MODEL_ERROR("link model %d has more than %d comparisons",
						loaded->model_id, LINK_MAX_COMPARISONS);
		loaded->comparison_ordinal[model->ncomparisons] =
			get_int16(&scan, tuple, "ordinal");
		c->kind = caredata_link_kind(get_text(&scan, tuple, "kind"));
		c->frequency_floor = get_float8(&scan, tuple, "frequency_floor");
		if (isnan(c->frequency_floor))
			c->frequency_floor = 0.0;
		columns = GET_NAMES(&scan, tuple, "columns", &count);
		two_names = caredata_link_two_names(c->kind, &field_kind[0], &field_kind[1]);
		for (i = 0; !two_names && i < LINK_MAX_COLUMNS; i++)
			field_kind[i] = c->kind;
		if (c->kind == LINK_KIND_UNRECOGNIZED || count < 1 ||
			count > LINK_MAX_COLUMNS || (two_names && count != 2))
			MODEL_ERROR("comparison %d of link model %d is malformed",
						loaded->comparison_ordinal[model->ncomparisons],
						loaded->model_id);
		for (i = 0; i < count; i++)
			c->field[i] = find_field(loaded, NameStr(*DatumGetName(columns[i])),
									 field_kind[i]);
		c->nfields = count;
		thresholds = get_array(&scan, tuple, "thresholds", FLOAT8OID, 8,
							   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &count);
		if (count == 2)
		{
			c->close = DatumGetFloat8(thresholds[0]);
			c->fuzzy = DatumGetFloat8(thresholds[1]);
		}
		else if (c->kind == LINK_KIND_NAME_PAIR)
			MODEL_ERROR("comparison %d of link model %d lacks its thresholds",
						loaded->comparison_ordinal[model->ncomparisons],
						loaded->model_id);
		model->ncomparisons++;
	}
	caredata_scan_end(&scan);
	if (model->ncomparisons == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("link model %d has no comparisons", loaded->model_id),
				 errhint("Add some with caredata.add_link_comparison().")));
}

static int
find_comparison(LoadedModel *loaded, int ordinal)
{
	int			i;

	for (i = 0; i < loaded->model.ncomparisons; i++)
		if (loaded->comparison_ordinal[i] == ordinal)
			return i;
	MODEL_ERROR("link model %d has no comparison %d",
				loaded->model_id, ordinal);
	return 0;
}

/* Levels come from 0 upwards; the model has the best first. */
static void
read_levels(LoadedModel *loaded)
{
	LinkModel  *model = &loaded->model;
	CaredataScan scan;
	HeapTuple	tuple;
	int			i;
	int			j;

	caredata_scan_begin(&scan, "link_model_level", "link_model_level_pkey",
						1, &loaded->model_id);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		int			ordinal = get_int16(&scan, tuple, "comparison");
		LinkComparison *c = &model->comparison[find_comparison(loaded, ordinal)];
		LinkLevel  *level;
		char	   *test;

		if (get_int16(&scan, tuple, "level") != c->nlevels ||
			c->nlevels >= LINK_MAX_LEVELS)
			MODEL_ERROR("levels of comparison %d of link model %d are not 0, 1, 2, ... or more than %d",
						ordinal, loaded->model_id, LINK_MAX_LEVELS);
		level = &c->level[c->nlevels++];
		test = get_text(&scan, tuple, "test");
		level->parameter = get_float8(&scan, tuple, "parameter");
		if (c->kind == LINK_KIND_NAME_PAIR &&
			caredata_link_pair_code(test) >= 0)
		{
			level->test = LINK_TEST_PAIR;
			level->parameter = caredata_link_pair_code(test);
		}
		else
			level->test = caredata_link_test(test);
		level->m = get_float8(&scan, tuple, "m");
		level->u = get_float8(&scan, tuple, "u");
		level->frequency_weight = get_float8(&scan, tuple, "frequency_weight");
		if (isnan(level->frequency_weight))
			level->frequency_weight = 0.0;
		if (level->test == LINK_TEST_UNRECOGNIZED ||
			!caredata_link_test_suits(level->test, c->kind) ||
			(level->test == LINK_TEST_ELSE) != (c->nlevels == 1) ||
			(caredata_link_test_has_parameter(level->test) &&
			 !(level->parameter >= 0 && level->parameter <= 1e6)))
			MODEL_ERROR("level %d of comparison %d of link model %d is malformed",
						c->nlevels - 1, ordinal, loaded->model_id);
		for (i = 0; i < c->nfields; i++)
		{
			if (level->test == LINK_TEST_DOUBLE_METAPHONE)
				model->field[c->field[i]].double_metaphone = true;
			if (level->test == LINK_TEST_SOUNDEX)
				model->field[c->field[i]].soundex = true;
		}
	}
	caredata_scan_end(&scan);

	for (i = 0; i < model->ncomparisons; i++)
	{
		LinkComparison *c = &model->comparison[i];

		if (c->nlevels < 2)
			MODEL_ERROR("comparison %d of link model %d has fewer than two levels",
						loaded->comparison_ordinal[i], loaded->model_id);
		for (j = 0; j < c->nlevels / 2; j++)
		{
			LinkLevel	spare = c->level[j];

			c->level[j] = c->level[c->nlevels - 1 - j];
			c->level[c->nlevels - 1 - j] = spare;
		}
	}
}

/*
 * The field that a part of a key is taken from: that of a comparison if one
 * reads the column as a kind that suits, otherwise one of its own.
 */
static int
find_key_field(LoadedModel *loaded, const char *column, LinkTransform transform)
{
	LinkModel  *model = &loaded->model;
	LinkKind	kind = LINK_KIND_TEXT;
	int			i;

	for (i = 0; i < model->nfields; i++)
		if (strcmp(NameStr(loaded->column[i]), column) == 0 &&
			caredata_link_transform_suits(transform, model->field[i].kind))
			break;
	if (i >= model->nfields)
	{
		while (!caredata_link_transform_suits(transform, kind))
			kind++;
		i = find_field(loaded, column, kind);
	}
	if (transform == LINK_TRANSFORM_DOUBLE_METAPHONE)
		model->field[i].double_metaphone = true;
	if (transform == LINK_TRANSFORM_SOUNDEX)
		model->field[i].soundex = true;
	return i;
}

static void
read_rules(LoadedModel *loaded)
{
	LinkModel  *model = &loaded->model;
	CaredataScan scan;
	HeapTuple	tuple;

	caredata_scan_begin(&scan, "link_model_blocking",
						"link_model_blocking_pkey", 1, &loaded->model_id);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		LinkRule   *rule = &model->rule[model->nrules];
		int			ordinal = get_int16(&scan, tuple, "ordinal");
		Datum	   *left;
		Datum	   *right;
		Datum	   *transforms;
		Datum	   *lengths;
		int			count;
		int			right_count;
		int			transform_count;
		int			length_count;
		int			i;

		if (model->nrules >= LINK_MAX_RULES)
			MODEL_ERROR("link model %d has more than %d blocking rules",
						loaded->model_id, LINK_MAX_RULES);
		left = GET_NAMES(&scan, tuple, "columns", &count);
		right = GET_NAMES(&scan, tuple, "right_columns", &right_count);
		transforms = get_array(&scan, tuple, "transforms", TEXTOID, -1, false,
							   TYPALIGN_INT, &transform_count);
		lengths = get_array(&scan, tuple, "lengths", INT2OID, 2, true,
							TYPALIGN_SHORT, &length_count);
		if (count < 1 || count > LINK_MAX_COLUMNS || right_count != count ||
			transform_count != count || length_count != count)
			MODEL_ERROR("blocking rule %d of link model %d is malformed",
						ordinal, loaded->model_id);
		for (i = 0; i < count; i++)
		{
			LinkTransform transform =
			caredata_link_transform(TextDatumGetCString(transforms[i]));
			int			length = DatumGetInt16(lengths[i]);

			if (transform == LINK_TRANSFORM_UNRECOGNIZED ||
				((transform == LINK_TRANSFORM_FIRST ||
				  transform == LINK_TRANSFORM_LAST) &&
				 (length < 1 || length > LINK_MAX_STRING)))
				MODEL_ERROR("blocking rule %d of link model %d is malformed",
							ordinal, loaded->model_id);
			rule->left[i].transform = rule->right[i].transform = transform;
			rule->left[i].length = rule->right[i].length = length;
			rule->left[i].field =
				find_key_field(loaded, NameStr(*DatumGetName(left[i])), transform);
			rule->right[i].field =
				find_key_field(loaded, NameStr(*DatumGetName(right[i])), transform);
		}
		rule->nparts = count;
		loaded->rule_ordinal[model->nrules++] = ordinal;
	}
	caredata_scan_end(&scan);
}

static void
read_relationships(LoadedModel *loaded)
{
	LinkModel  *model = &loaded->model;
	CaredataScan scan;
	HeapTuple	tuple;

	caredata_scan_begin(&scan, "link_model_relationship",
						"link_model_relationship_pkey", 1, &loaded->model_id);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		LinkRelationship *relationship;
		Datum	   *comparisons;
		int			count;
		int			i;

		if (model->nrelationships >= LINK_MAX_RELATIONSHIPS)
			MODEL_ERROR("link model %d has more than %d relationships",
						loaded->model_id, LINK_MAX_RELATIONSHIPS);
		relationship = &model->relationship[model->nrelationships++];
		relationship->share = get_float8(&scan, tuple, "share");
		relationship->shared = 0;
		comparisons = get_array(&scan, tuple, "comparisons", INT2OID, 2, true,
								TYPALIGN_SHORT, &count);
		for (i = 0; i < count; i++)
			relationship->shared |= 1u <<
				find_comparison(loaded, DatumGetInt16(comparisons[i]));
	}
	caredata_scan_end(&scan);
}

/* How likely two people are to have one value, where frequencies count. */
static void
read_chances(LoadedModel *loaded)
{
	static const char *const parts[LINK_FREQUENCIES] = {
		"value", "forename", "surname"
	};
	CaredataScan scan;
	HeapTuple	tuple;

	caredata_scan_begin(&scan, "link_model_slot", "link_model_slot_pkey", 1,
						&loaded->model_id);
	while ((tuple = caredata_scan_next(&scan)) != NULL)
	{
		LinkComparison *c =
		&loaded->model.comparison[find_comparison(loaded,
												  get_int16(&scan, tuple, "comparison"))];
		char	   *part = get_text(&scan, tuple, "part");
		int			of;

		for (of = 0; of < LINK_FREQUENCIES; of++)
			if (strcmp(part, parts[of]) == 0)
				c->chance[of] = get_float8(&scan, tuple, "chance");
	}
	caredata_scan_end(&scan);
}

LoadedModel *
caredata_load_link_model(FmgrInfo *flinfo, int32 model_id)
{
	LoadedModel *loaded = flinfo->fn_extra;
	CommandId	command = GetCurrentCommandId(false);
	CaredataScan scan;
	HeapTuple	tuple;

	if (loaded != NULL && loaded->model_id == model_id &&
		loaded->command == command)
		return loaded;
	if (loaded == NULL)
	{
		loaded = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(LoadedModel));
		flinfo->fn_extra = loaded;
	}
	memset(loaded, 0, sizeof(LoadedModel));

	caredata_scan_begin(&scan, "link_model", "link_model_pkey", 1, &model_id);
	tuple = caredata_scan_next(&scan);
	if (tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("link model %d does not exist", model_id),
				 errhint("caredata.link_model lists the models.")));
	loaded->model.lambda = get_float8(&scan, tuple, "lambda");
	caredata_scan_end(&scan);

	/* of use in messages; a model that raises below is read again */
	loaded->model_id = model_id;
	loaded->command = InvalidCommandId;
	read_comparisons(loaded);
	read_levels(loaded);
	read_rules(loaded);
	read_relationships(loaded);
	read_chances(loaded);
	if (!caredata_link_lay_out(&loaded->model))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the levels of link model %d do not fit into %d bits",
						model_id, LINK_PATTERN_BITS),
				 errhint("Use fewer comparisons, or fewer levels of each.")));
	loaded->command = command;
	return loaded;
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

void
caredata_open_link_record(const LoadedModel *loaded, bytea *record,
						  LinkRecord *opened)
{
	if (!caredata_link_open(&loaded->model,
							(unsigned char *) VARDATA_ANY(record),
							VARSIZE_ANY_EXHDR(record), opened))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("not a record of link model %d", loaded->model_id),
				 errhint("Records are packed by caredata.link_record() and belong to one model.")));
}

int64
caredata_check_link_pattern(const LoadedModel *loaded, int64 pattern)
{
	if (!caredata_link_pattern_fits(&loaded->model, pattern))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a pattern of link model %d", loaded->model_id),
				 errhint("Patterns are made by caredata.link_pattern() and belong to one model.")));
	return pattern;
}

Datum
caredata_float8_array(const double *values, int count)
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
