/*
 * link_record.c
 *		The functions of sql/link_record.sql: packing a record, and what can be
 *		read from a packed one.
 *
 * A record is packed once, into a bytea that lives in a temporary table for
 * the length of a statement.  Blocking is PostgreSQL's own join on keys made
 * here.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "field_parse.h"
#include "link_model.h"
#include "link_pack.h"
#include "name_standard.h"

PG_FUNCTION_INFO_V1(caredata_link_record_pack);
PG_FUNCTION_INFO_V1(caredata_link_key_of);
PG_FUNCTION_INFO_V1(caredata_link_without_key);
PG_FUNCTION_INFO_V1(caredata_link_absent_fields);
PG_FUNCTION_INFO_V1(caredata_link_slot_count);
PG_FUNCTION_INFO_V1(caredata_link_slot_hashes);
PG_FUNCTION_INFO_V1(caredata_link_with_frequencies);

/* A copy of a record that may be written to, opened. */
static bytea *
copy_record(const LoadedModel *loaded, bytea *record, LinkRecord *opened)
{
	size_t		length = VARSIZE_ANY_EXHDR(record);
	bytea	   *copy = palloc(VARHDRSZ + length);

	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), VARDATA_ANY(record), length);
	caredata_open_link_record(loaded, copy, opened);
	return copy;
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

	caredata_open_link_record(loaded, record, &opened);
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

	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);
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

	caredata_open_link_record(loaded, PG_GETARG_BYTEA_PP(1), &opened);
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
