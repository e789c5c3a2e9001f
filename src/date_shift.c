/*
 * date_shift.c
 *		shifted_date(): dates moved by a secret number of days, the same for
 *		all dates of a person within a release.
 *
 * The number is one AES-256 block, under a key of its own, over the block of
 * the person as pid() has it.  The first eight bytes of the result, modulo 360,
 * are a step of -180 to 180 days without 0: no date stays what it was.  (2^64
 * is no multiple of 360; the bias is below 1e-17.)
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/datetime.h"

#include "compat.h"
#include "domain_call.h"
#include "handle.h"
#include "pseudonym_block.h"

#define SHIFT_LIMIT		180

PG_FUNCTION_INFO_V1(caredata_shifted_date);

typedef struct ShiftCall
{
	DomainCall	domain;
	uint64		shift_opened;	/* what domain.opened was when shift was made */
	int32		person_id;
	int32		shift;
} ShiftCall;

static int32
shift_of(const CaredataKey *key, int32 person_id)
{
	uint8		block[PSEUDONYM_BYTES];
	uint8		out[PSEUDONYM_BYTES];
	uint64		number = 0;
	int32		step;
	int			i;

	pseudonym_block_write(PSEUDONYM_KIND_PERSON, person_id, block);
	caredata_key_cipher_block(key, CAREDATA_CIPHER_SHIFT, block, out);
	for (i = 0; i < 8; i++)
		number = number << 8 | out[i];
	step = (int32) (number % (2 * SHIFT_LIMIT)) - SHIFT_LIMIT;
	return step >= 0 ? step + 1 : step;
}

/*
 * caredata.shifted_date(day, person_id, release): NULL where the day is
 * infinite or the result would be no date.
 */
Datum
caredata_shifted_date(PG_FUNCTION_ARGS)
{
	ShiftCall  *call = caredata_domain_call(fcinfo, sizeof(ShiftCall));
	DateADT		day = PG_GETARG_DATEADT(0);
	int32		person_id = PG_GETARG_INT32(1);
	int64		result;

	caredata_use_handle(&call->domain, PG_GETARG_RELEASE_REF(2));
	/* the rows of a person often come one after the other */
	if (call->shift_opened != call->domain.opened ||
		call->person_id != person_id)
	{
		call->shift_opened = 0;
		call->shift = shift_of(call->domain.key, person_id);
		call->person_id = person_id;
		call->shift_opened = call->domain.opened;
	}

	if (DATE_NOT_FINITE(day))
		PG_RETURN_NULL();
	result = (int64) day + call->shift;
	if (!IS_VALID_DATE(result))
		PG_RETURN_NULL();
	PG_RETURN_DATEADT((DateADT) result);
}
