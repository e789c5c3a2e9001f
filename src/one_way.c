/*
 * one_way.c
 *		pseudonym_of(), one-way over several fields, and pid_of(), reversible
 *		over one number: pseudonyms for tables that the extension did not make.
 *
 * pseudonym_of(domain, kind, value, kind, value, ...) is keyed BLAKE2b-128
 * over the message of field_message.h, under a key of its own.  A value that
 * its kind cannot read counts as absent.  An absent value of a mandatory field
 * makes the pseudonym NULL: two unknowns are not one person.
 *
 * pid_of() is one AES-256 block, as pid(), with a kind byte of its own, so
 * that different sorts of numbers never share a pseudonym.  The ways back read
 * every generation of the key that has not been closed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "domain_call.h"
#include "field_message.h"
#include "nhs_number_parse.h"
#include "pseudonym_block.h"

PG_FUNCTION_INFO_V1(caredata_pseudonym_of);
PG_FUNCTION_INFO_V1(caredata_pid_of_nhs_number);
PG_FUNCTION_INFO_V1(caredata_pid_of_bigint);
PG_FUNCTION_INFO_V1(caredata_nhs_number_of);
PG_FUNCTION_INFO_V1(caredata_number_of);

/* ------------------------------------------------------------------------
 * One-way
 * ------------------------------------------------------------------------
 */

/* How the values of an argument come. */
typedef enum ValueSource
{
	VALUE_TEXT,
	VALUE_CSTRING,				/* a literal of no type */
	VALUE_NHS_NUMBER,
	VALUE_POSTCODE,
	VALUE_DATE
} ValueSource;

typedef struct Field
{
	FieldKind	kind;
	bool		optional;
	ValueSource source;
} Field;

typedef struct OneWayCall
{
	DomainCall	domain;
	bool		described;
	bool		constant_kinds; /* the description holds for every row */
	int			nfields;
	Field		fields[FIELD_MESSAGE_MAX_FIELDS];
} OneWayCall;

static ValueSource
value_source(FunctionCallInfo fcinfo, int argument, FieldKind kind)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	Oid			namespace;

	if (type == UNKNOWNOID)
		return VALUE_CSTRING;
	type = getBaseType(type);
	if (type == TEXTOID || type == VARCHAROID)
		return VALUE_TEXT;
	if (type == DATEOID && kind == FIELD_KIND_DATE)
		return VALUE_DATE;

	namespace = get_func_namespace(fcinfo->flinfo->fn_oid);
	if (kind == FIELD_KIND_NHS_NUMBER &&
		type == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("nhs_number"),
								ObjectIdGetDatum(namespace)))
		return VALUE_NHS_NUMBER;
	if (kind == FIELD_KIND_POSTCODE &&
		type == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("postcode"),
								ObjectIdGetDatum(namespace)))
		return VALUE_POSTCODE;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("value of field %d has a type that its kind does not take",
					argument / 2),
			 errhint("Every kind takes text; nhs_number, postcode and date also the type of that name. Cast other types to text.")));
	return VALUE_TEXT;			/* keep compiler quiet */
}

/* The name of a kind, as an argument of any of the types that text has. */
static void
describe_field(FunctionCallInfo fcinfo, int argument, Field *field)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	const char *name = "";
	size_t		length = 0;

	if (PG_ARGISNULL(argument))
		 /* no name */ ;
	else if (type == UNKNOWNOID)
	{
		name = PG_GETARG_CSTRING(argument);
		length = strlen(name);
	}
	else if (getBaseType(type) == TEXTOID || getBaseType(type) == VARCHAROID)
	{
		text	   *kind = PG_GETARG_TEXT_PP(argument);

		name = VARDATA_ANY(kind);
		length = VARSIZE_ANY_EXHDR(kind);
	}

	field->kind = caredata_field_kind(name, length, &field->optional);
	if (field->kind == FIELD_KIND_UNRECOGNIZED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized kind of field %d", (argument + 1) / 2),
				 errhint("Arguments after the domain are pairs of kind and value. Kinds are nhs_number, date, postcode, sex, text and exact; a question mark after one makes the field optional.")));
	field->source = value_source(fcinfo, argument + 1, field->kind);
}

static bool
is_constant(FunctionCallInfo fcinfo, int argument)
{
	Node	   *expr = fcinfo->flinfo->fn_expr;

	return expr != NULL && IsA(expr, FuncExpr) &&
		argument < list_length(((FuncExpr *) expr)->args) &&
		IsA(list_nth(((FuncExpr *) expr)->args, argument), Const);
}

static void
describe_fields(FunctionCallInfo fcinfo, OneWayCall *call)
{
	int			i;

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("fields cannot be given as an array"),
				 errhint("Write them as arguments: kind, value, kind, value.")));
	call->nfields = (PG_NARGS() - 1) / 2;
	if (PG_NARGS() % 2 != 1 || call->nfields < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fields must be pairs of kind and value"),
				 errhint("For example: pseudonym_of('domain', 'nhs_number', nhs_number, 'date', date_of_birth).")));
	if (call->nfields > FIELD_MESSAGE_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("a pseudonym can be made of at most %d fields",
						FIELD_MESSAGE_MAX_FIELDS)));

	call->described = false;
	call->constant_kinds = true;
	for (i = 0; i < call->nfields; i++)
	{
		describe_field(fcinfo, 1 + 2 * i, &call->fields[i]);
		call->constant_kinds = call->constant_kinds &&
			is_constant(fcinfo, 1 + 2 * i);
	}
	call->described = true;
}

/* A message that starts on the stack. */
typedef struct Message
{
	uint8	   *bytes;
	size_t		length;
	size_t		size;
	uint8		initial[256];
} Message;

static uint8 *
make_room(Message *message, size_t more)
{
	if (unlikely(message->size - message->length < more))
	{
		size_t		size = message->length + more + 256;
		uint8	   *bytes = palloc(size);

		memcpy(bytes, message->bytes, message->length);
		message->bytes = bytes;
		message->size = size;
	}
	return message->bytes + message->length;
}

/*
 * Text of kinds text and exact: UTF-8, in normal form C for text.  The result
 * may be the argument's own bytes.
 */
static const char *
portable_text(FieldKind kind, const char *bytes, size_t *length)
{
	size_t		i;

	for (i = 0; i < *length && !IS_HIGHBIT_SET(bytes[i]); i++)
		;
	if (i == *length)
		return bytes;

	if (GetDatabaseEncoding() != PG_UTF8)
	{
		char	   *copy = pnstrdup(bytes, *length);

		bytes = pg_server_to_any(copy, *length, PG_UTF8);
		*length = strlen(bytes);
	}
	if (kind == FIELD_KIND_TEXT)
	{
		const unsigned char *in = (const unsigned char *) bytes;
		const unsigned char *end = in + *length;
		pg_wchar   *points = palloc((*length + 1) * sizeof(pg_wchar));
		pg_wchar   *normal;
		unsigned char *out;
		char	   *result;
		size_t		count = 0;

		for (; in < end; in += pg_utf_mblen(in))
			points[count++] = utf8_to_unicode(in);
		points[count] = 0;
		normal = unicode_normalize(UNICODE_NFC, points);
		for (count = 0; normal[count] != 0; count++)
			;
		result = palloc(count * MAX_MULTIBYTE_CHAR_LEN + 1);
		out = (unsigned char *) result;
		for (count = 0; normal[count] != 0; count++)
		{
			unicode_to_utf8(normal[count], out);
			out += pg_utf_mblen(out);
		}
		bytes = result;
		*length = (char *) out - result;
	}
	return bytes;
}

/* Appends a value in its normal form; returns its length, 0 for none. */
static size_t
append_value(FunctionCallInfo fcinfo, int argument, const Field *field,
			 Message *message)
{
	const char *bytes;
	size_t		length;
	int			year;
	int			month;
	int			day;

	switch (field->source)
	{
		case VALUE_NHS_NUMBER:
			return caredata_field_normal_nhs_number(PG_GETARG_INT64(argument),
													(char *) make_room(message, FIELD_NORMAL_MAX));
		case VALUE_POSTCODE:
			return caredata_field_normal_postcode(PG_GETARG_INT64(argument),
												  (char *) make_room(message, FIELD_NORMAL_MAX));
		case VALUE_DATE:
			if (DATE_NOT_FINITE(PG_GETARG_DATEADT(argument)))
				return 0;
			j2date(PG_GETARG_DATEADT(argument) + POSTGRES_EPOCH_JDATE,
				   &year, &month, &day);
			return caredata_field_normal_date(year, month, day,
											  (char *) make_room(message, FIELD_NORMAL_MAX));
		case VALUE_CSTRING:
			bytes = PG_GETARG_CSTRING(argument);
			length = strlen(bytes);
			break;
		case VALUE_TEXT:
		default:
			{
				text	   *value = PG_GETARG_TEXT_PP(argument);

				bytes = VARDATA_ANY(value);
				length = VARSIZE_ANY_EXHDR(value);
				break;
			}
	}

	if (field->kind != FIELD_KIND_TEXT && field->kind != FIELD_KIND_EXACT)
		return caredata_field_normalise(field->kind, bytes, length,
										(char *) make_room(message, FIELD_NORMAL_MAX));
	bytes = portable_text(field->kind, bytes, &length);
	memcpy(make_room(message, length), bytes, length);
	if (field->kind == FIELD_KIND_TEXT)
		length = caredata_field_fold((char *) message->bytes + message->length,
									 length);
	return length;
}

/* caredata.pseudonym_of(domain, VARIADIC "any") */
Datum
caredata_pseudonym_of(PG_FUNCTION_ARGS)
{
	OneWayCall *call = caredata_domain_call(fcinfo, sizeof(OneWayCall));
	Message		message;
	uint8	   *result;
	int			i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	caredata_use_name(&call->domain, PG_GETARG_NAME(0), DOMAIN_LINKER);
	if (unlikely(!call->described || !call->constant_kinds))
		describe_fields(fcinfo, call);

	message.bytes = message.initial;
	message.size = sizeof(message.initial);
	message.bytes[0] = FIELD_MESSAGE_VERSION;
	message.bytes[1] = (uint8) call->nfields;
	message.length = FIELD_MESSAGE_HEADER;

	for (i = 0; i < call->nfields; i++)
	{
		const Field *field = &call->fields[i];
		int			argument = 2 + 2 * i;
		size_t		header = message.length;
		size_t		length = 0;

		make_room(&message, FIELD_MESSAGE_FIELD_HEADER);
		message.length += FIELD_MESSAGE_FIELD_HEADER;
		if (!PG_ARGISNULL(argument))
			length = append_value(fcinfo, argument, field, &message);
		if (length == 0 && !field->optional)
			PG_RETURN_NULL();
		caredata_field_header(message.bytes + header, field->kind, length > 0,
							  length);
		message.length += length;
	}

	result = palloc(PSEUDONYM_BYTES);
	caredata_key_hash_message(call->domain.key, CAREDATA_HASH_ONE_WAY,
							  message.bytes, message.length, result);
	PG_RETURN_POINTER(result);
}

/* ------------------------------------------------------------------------
 * Reversible
 * ------------------------------------------------------------------------
 */

static Datum
pid_of(FunctionCallInfo fcinfo, uint8 kind)
{
	DomainCall *call = caredata_domain_call(fcinfo, sizeof(DomainCall));
	uint8		block[PSEUDONYM_BYTES];
	uint8	   *result = palloc(PSEUDONYM_BYTES);

	caredata_use_name(call, PG_GETARG_NAME(1), DOMAIN_LINKER);
	pseudonym_block_write(kind, PG_GETARG_INT64(0), block);
	caredata_key_encrypt(call->key, block, result);
	PG_RETURN_POINTER(result);
}

static bool
reverse_pid(FunctionCallInfo fcinfo, uint8 kind, int64 *number)
{
	DomainCall *call = caredata_domain_call(fcinfo, sizeof(DomainCall));
	uint8		block[PSEUDONYM_BYTES];
	int64_t		found;
	int			i;

	caredata_use_name(call, PG_GETARG_NAME(1), DOMAIN_REVERSAL);
	for (i = 0; i < call->hold.nkeys; i++)
	{
		caredata_key_decrypt(call->hold.keys[i],
							 (const uint8 *) PG_GETARG_POINTER(0), block);
		if (pseudonym_block_read(block, kind, &found))
		{
			*number = found;
			return true;
		}
	}
	return false;
}

/* caredata.pid_of(nhs_number, domain) */
Datum
caredata_pid_of_nhs_number(PG_FUNCTION_ARGS)
{
	return pid_of(fcinfo, PSEUDONYM_KIND_NHS_NUMBER);
}

/* caredata.pid_of(bigint, domain) */
Datum
caredata_pid_of_bigint(PG_FUNCTION_ARGS)
{
	return pid_of(fcinfo, PSEUDONYM_KIND_NUMBER);
}

/* caredata.nhs_number_of(pseudonym, domain): NULL for a foreign or forged one */
Datum
caredata_nhs_number_of(PG_FUNCTION_ARGS)
{
	int64		number;

	if (!reverse_pid(fcinfo, PSEUDONYM_KIND_NHS_NUMBER, &number) ||
		caredata_nhs_number_check(number) != NHS_NUMBER_VALID)
		PG_RETURN_NULL();
	PG_RETURN_INT64(number);
}

/* caredata.number_of(pseudonym, domain): NULL for a foreign or forged one */
Datum
caredata_number_of(PG_FUNCTION_ARGS)
{
	int64		number;

	if (!reverse_pid(fcinfo, PSEUDONYM_KIND_NUMBER, &number))
		PG_RETURN_NULL();
	PG_RETURN_INT64(number);
}
