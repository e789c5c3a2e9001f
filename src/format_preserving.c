/*
 * format_preserving.c
 *		fpe_encrypt(), fpe_decrypt() and nhs_like(): pseudonyms of the form of
 *		what they stand for.
 *
 * The ciphers are in ff1.c and nhs_like.c, the key in keyring.c.  Unlike a
 * pid(), such a pseudonym has no redundancy: every text of the right form
 * leads back to some value, and a forged one is not told from a true one.
 *
 * So only the newest generation of the domain's key goes back: after a
 * rotation the old pseudonyms lead elsewhere.
 *
 * What depends on the form alone (radix, length, tweak) is prepared once and
 * kept for as long as the next value has the same form.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "compat.h"
#include "domain_call.h"
#include "ff1.h"
#include "handle.h"
#include "nhs_like.h"

PG_FUNCTION_INFO_V1(caredata_fpe_encrypt_by_handle);
PG_FUNCTION_INFO_V1(caredata_fpe_encrypt_by_name);
PG_FUNCTION_INFO_V1(caredata_fpe_decrypt);
PG_FUNCTION_INFO_V1(caredata_nhs_like_by_handle);
PG_FUNCTION_INFO_V1(caredata_nhs_like_by_name);
PG_FUNCTION_INFO_V1(caredata_nhs_number_of_like);

typedef struct FormatCall
{
	DomainCall	domain;
	uint64		prepared;		/* what domain.opened was when ff1 was made */
	Ff1			ff1;
	int32		radix;
	size_t		length;
	size_t		tweak_length;
	uint8		tweak[FF1_MAX_TWEAK];
} FormatCall;

/* No message holds the value. */
static void
report_ff1(Ff1Status status)
{
	switch (status)
	{
		case FF1_OK:
			break;
		case FF1_BAD_RADIX:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("radix must be between %d and %d",
							FF1_MIN_RADIX, FF1_MAX_RADIX),
					 errhint("10 is for digits, 36 for digits and small letters.")));
			break;
		case FF1_TOO_SHORT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value is too short to be enciphered in its own format"),
					 errdetail("A format with fewer than %d values can be tried out.",
							   FF1_MIN_DOMAIN),
					 errhint("Use pseudonym_of() or record_pid(), whose results have no format.")));
			break;
		case FF1_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value is too long to be enciphered in its own format"),
					 errhint("Use pseudonym_of() or record_pid(), whose results have no format.")));
			break;
		case FF1_TWEAK_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("tweak is longer than %d bytes", FF1_MAX_TWEAK)));
			break;
		case FF1_BAD_DIGIT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("value has a character that is not a digit of the radix"),
					 errhint("Digits are 0 to 9 and then a to z; write letters small and leave spaces and hyphens out.")));
			break;
		case FF1_CIPHER_FAILED:
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("the cipher of a pseudonym domain failed")));
			break;
	}
}

/* value, radix and tweak are the first three arguments. */
static Datum
convert(FunctionCallInfo fcinfo, FormatCall *call, bool encrypt)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	int32		radix = PG_GETARG_INT32(1);
	bytea	   *tweak = PG_GETARG_BYTEA_PP(2);
	size_t		length = VARSIZE_ANY_EXHDR(value);
	size_t		tweak_length = VARSIZE_ANY_EXHDR(tweak);
	text	   *result;
	Ff1Status	status;

	if (call->prepared != call->domain.opened || call->radix != radix ||
		call->length != length || call->tweak_length != tweak_length ||
		memcmp(call->tweak, VARDATA_ANY(tweak), tweak_length) != 0)
	{
		call->prepared = 0;
		report_ff1(caredata_ff1_prepare(&call->ff1,
										caredata_key_cipher(call->domain.key,
															CAREDATA_CIPHER_FF1),
										radix < 0 ? 0 : (unsigned) radix,
										length,
										(const uint8 *) VARDATA_ANY(tweak),
										tweak_length));
		call->radix = radix;
		call->length = length;
		call->tweak_length = tweak_length;
		memcpy(call->tweak, VARDATA_ANY(tweak), tweak_length);
		call->prepared = call->domain.opened;
	}

	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	status = (encrypt ? caredata_ff1_encrypt : caredata_ff1_decrypt)
		(&call->ff1, VARDATA_ANY(value), VARDATA(result));
	if (unlikely(status != FF1_OK))
		report_ff1(status);
	PG_RETURN_TEXT_P(result);
}

/* caredata.fpe_encrypt(value, radix, tweak, release) */
Datum
caredata_fpe_encrypt_by_handle(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));

	caredata_use_handle(&call->domain, PG_GETARG_RELEASE_REF(3));
	return convert(fcinfo, call, true);
}

/* caredata.fpe_encrypt(value, radix, tweak, domain) */
Datum
caredata_fpe_encrypt_by_name(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));

	caredata_use_name(&call->domain, PG_GETARG_NAME(3), DOMAIN_LINKER);
	return convert(fcinfo, call, true);
}

/* 0, the newest, where the function has no such argument */
static int32
generation_argument(FunctionCallInfo fcinfo, int argument)
{
	int32		generation;

	if (PG_NARGS() <= argument)
		return 0;
	generation = PG_GETARG_INT32(argument);
	if (generation < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a generation is a number from 1")));
	return generation;
}

/* caredata.fpe_decrypt(value, radix, tweak, domain [, generation]) */
Datum
caredata_fpe_decrypt(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));

	caredata_use_name(&call->domain, PG_GETARG_NAME(3), DOMAIN_REVERSAL);
	caredata_use_generation(&call->domain, generation_argument(fcinfo, 4));
	return convert(fcinfo, call, false);
}

static void
prepare_nhs_like(FormatCall *call)
{
	if (likely(call->prepared == call->domain.opened))
		return;
	call->prepared = 0;
	report_ff1(caredata_nhs_like_prepare(&call->ff1,
										 caredata_key_cipher(call->domain.key,
															 CAREDATA_CIPHER_FF1)));
	call->prepared = call->domain.opened;
}

static Datum
make_nhs_like(FormatCall *call, int64 number)
{
	text	   *result;
	Ff1Status	status;

	prepare_nhs_like(call);
	result = palloc(VARHDRSZ + NHS_LIKE_DIGITS);
	SET_VARSIZE(result, VARHDRSZ + NHS_LIKE_DIGITS);
	status = caredata_nhs_like_make(&call->ff1, number, VARDATA(result));
	if (unlikely(status != FF1_OK))
		report_ff1(status);
	PG_RETURN_TEXT_P(result);
}

/* caredata.nhs_like(nhs_number, release) */
Datum
caredata_nhs_like_by_handle(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));

	caredata_use_handle(&call->domain, PG_GETARG_RELEASE_REF(1));
	return make_nhs_like(call, PG_GETARG_INT64(0));
}

/* caredata.nhs_like(nhs_number, domain) */
Datum
caredata_nhs_like_by_name(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));

	caredata_use_name(&call->domain, PG_GETARG_NAME(1), DOMAIN_LINKER);
	return make_nhs_like(call, PG_GETARG_INT64(0));
}

/*
 * caredata.nhs_number_of_like(text, domain [, generation]): NULL when it is
 * none
 */
Datum
caredata_nhs_number_of_like(PG_FUNCTION_ARGS)
{
	FormatCall *call = caredata_domain_call(fcinfo, sizeof(FormatCall));
	text	   *digits = PG_GETARG_TEXT_PP(0);
	int64_t		number = 0;
	bool		found = false;

	caredata_use_name(&call->domain, PG_GETARG_NAME(1), DOMAIN_REVERSAL);
	caredata_use_generation(&call->domain, generation_argument(fcinfo, 2));
	if (VARSIZE_ANY_EXHDR(digits) != NHS_LIKE_DIGITS)
		PG_RETURN_NULL();
	prepare_nhs_like(call);
	report_ff1(caredata_nhs_like_reverse(&call->ff1, VARDATA_ANY(digits),
										 &number, &found));
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(number);
}
