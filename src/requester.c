/*
 * requester.c
 *		Who asks: the one fact about the caller that SQL cannot tell.
 *
 * A function that changes an agreement or a release runs as its owner, so
 * current_user in it is the owner.  What two-person approval has to compare
 * is the login and the role it acts as: the session user, and the user
 * outside of all security-definer functions, which SET ROLE sets.  Nothing
 * is decided here; sql/requester.sql decides.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(caredata_requester);

/*
 * caredata.requester() RETURNS name[]: session user, then the acting role if
 * it is another one.
 */
Datum
caredata_requester(PG_FUNCTION_ARGS)
{
	Oid			session = GetSessionUserId();
	Oid			acting = GetOuterUserId();
	Datum		names[2];
	int			n = 0;

	names[n++] = DirectFunctionCall1(namein,
									 CStringGetDatum(GetUserNameFromId(session,
																	   false)));
	if (acting != session)
		names[n++] = DirectFunctionCall1(namein,
										 CStringGetDatum(GetUserNameFromId(acting,
																		   false)));

	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, NAMEOID, NAMEDATALEN,
										  false, TYPALIGN_CHAR));
}
