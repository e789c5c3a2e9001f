/*
 * spelling.c
 *		Conditions as analysts and BI tools spell them, in leakproof terms.
 *
 * Under row security PostgreSQL tries only LEAKPROOF conditions before the
 * policy, and only those reach an index.  Comparisons of a column with a value
 * of its own type are leakproof; several ordinary spellings are not, and read
 * the whole table:
 *
 *		admidate >= timestamp '2024-04-01 00:00:00'		(ODBC, Power BI)
 *		admidate >= now() - interval '1 year'
 *		diag_01 LIKE 'S72%'			diag_01 LIKE ANY ('{S72%,S73%}')
 *		diag_01 ~ '^S72'
 *		left(diag_01, 3) = 'S72'	substr(diag_01, 1, 3) IN ('S72', 'S73')
 *		pid IN ('89e6...', 'a0b1...')
 *
 * Before a query that row security concerns is planned, such conditions are
 * replaced by what says exactly the same of every row, for NULL too: those of a
 * column, in WHERE and ON, which are all that an index can serve.  Elsewhere the
 * same words may mean something else: in ROLLUP (left(diag_01, 3)) that
 * expression is NULL where the column is not, and ON CONFLICT names an index by
 * them.
 *
 *		admidate >= caredata.first_date_from(timestamp '2024-04-01 00:00:00')
 *		diag_01 ^@ 'S72'			diag_01 ^@ 'S72' OR diag_01 ^@ 'S73'
 *		pid = '89e6...' OR pid = 'a0b1...'
 *
 * (^@ is PostgreSQL's "starts with", which is leakproof and has an index on a
 * column with collation "C"; what becomes of pid = '...', pseudonym.c says.)  A
 * pattern that is more than a prefix keeps its
 * condition beside that on the prefix.
 *
 * Nothing here decides what anybody may see, and no result changes: a query
 * that is not recognized is only slower.  What decides whether a condition may
 * go below the policy is PostgreSQL, by the functions in it.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/params.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "spelling.h"

/* Longer lists are left as they are: each element becomes a condition. */
#define MAX_LIST	200

typedef struct SpellingContext
{
	bool		in_condition;	/* inside of WHERE or ON of the current query */
	ParamListInfo params;		/* of a plan for these values only, or NULL */
	Oid			starts_with;	/* the operator text ^@ text */
} SpellingContext;

/* What a condition on a text column comes to. */
typedef enum TextTerm
{
	TERM_OTHER,					/* something else */
	TERM_PREFIX,				/* it starts with this */
	TERM_PREFIX_AND_MORE,		/* it does, and the condition holds */
	TERM_EQUAL					/* it is this */
} TextTerm;

static planner_hook_type next_planner_hook = NULL;

/* pseudonym.c */
extern Datum caredata_pseudonym_eq(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(caredata_first_date_from_timestamp);
PG_FUNCTION_INFO_V1(caredata_last_date_until_timestamp);
PG_FUNCTION_INFO_V1(caredata_first_date_from_timestamptz);
PG_FUNCTION_INFO_V1(caredata_last_date_until_timestamptz);

/* ---- Dates for moments ---- */

/* The last date whose midnight is not after the moment. */
static DateADT
date_floor(Timestamp moment)
{
	int64		day;

	if (TIMESTAMP_IS_NOBEGIN(moment))
		return DATEVAL_NOBEGIN;
	if (TIMESTAMP_IS_NOEND(moment))
		return DATEVAL_NOEND;
	day = moment / USECS_PER_DAY;
	if (moment % USECS_PER_DAY < 0)
		day--;
	return (DateADT) day;
}

/* The first date whose midnight is not before the moment. */
static DateADT
date_ceiling(Timestamp moment)
{
	DateADT		day = date_floor(moment);

	if (TIMESTAMP_NOT_FINITE(moment) || moment % USECS_PER_DAY == 0)
		return day;
	return day + 1;
}

Datum
caredata_first_date_from_timestamp(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(date_ceiling(PG_GETARG_TIMESTAMP(0)));
}

Datum
caredata_last_date_until_timestamp(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(date_floor(PG_GETARG_TIMESTAMP(0)));
}

/* What a call site knows of the moment that it was last asked about. */
typedef struct ZonedDate
{
	TimestampTz moment;
	pg_tz	   *zone;
	DateADT		floor;
	DateADT		ceiling;
} ZonedDate;

/*
 * The same where midnight is that of the session's time zone.  A day of a zone
 * may be up to a day longer or shorter than others, so the dates around that
 * of the clock in UTC are asked, in the very way that PostgreSQL compares.  A
 * zone that a user makes up (SET TimeZone = 'X-160') may be a week from UTC.
 */
static const ZonedDate *
zoned_date(FunctionCallInfo fcinfo)
{
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(0);
	ZonedDate  *known = (ZonedDate *) fcinfo->flinfo->fn_extra;
	DateADT		day;

	if (known != NULL && known->moment == moment &&
		known->zone == session_timezone)
		return known;
	if (known == NULL)
	{
		known = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ZonedDate));
		fcinfo->flinfo->fn_extra = known;
	}

	known->zone = session_timezone;
	known->moment = moment;
	if (TIMESTAMP_NOT_FINITE(moment))
		known->floor = known->ceiling = date_floor(moment);
	else
	{
		day = date_floor(moment);
		while (day < date_floor(moment) + 9 &&
			   date_cmp_timestamptz_internal(day, moment) <= 0)
			day++;
		while (date_cmp_timestamptz_internal(day, moment) > 0)
			day--;
		known->floor = day;
		while (date_cmp_timestamptz_internal(day, moment) < 0)
			day++;
		known->ceiling = day;
		/* two dates of one midnight, where a zone has left a day out */
		while (date_cmp_timestamptz_internal(known->ceiling - 1, moment) == 0)
			known->ceiling--;
	}
	return known;
}

Datum
caredata_first_date_from_timestamptz(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(zoned_date(fcinfo)->ceiling);
}

Datum
caredata_last_date_until_timestamptz(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(zoned_date(fcinfo)->floor);
}

/*
 * The extension's function of this name on this type, or InvalidOid: not one
 * that somebody else made in a schema of our name.
 */
static Oid
date_function(const char *name, Oid type)
{
	Oid			extension = get_extension_oid("caredata", true);
	Oid			namespace = get_namespace_oid("caredata", true);
	oidvector  *types;
	Oid			function;

	if (!OidIsValid(extension) || !OidIsValid(namespace))
		return InvalidOid;
	types = buildoidvector(&type, 1);
	function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							   CStringGetDatum(name), PointerGetDatum(types),
							   ObjectIdGetDatum(namespace));
	if (!OidIsValid(function) ||
		getExtensionOfObject(ProcedureRelationId, function) != extension)
		return InvalidOid;
	return function;
}

/* ---- Dates compared with timestamps ---- */

/* Is it a column, perhaps as another type of the same bytes? */
static bool
is_column(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node != NULL && IsA(node, Var);
}

/* Anything whose value comes from a row, of this query or of a subquery. */
static bool
is_var_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, CaseTestExpr) ||
		(IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN))
		return true;
	return expression_tree_walker(node, is_var_walker, context);
}

/* Does an expression name no column, and mean the same wherever it stands? */
static bool
is_fixed(Node *node)
{
	return !is_var_walker(node, NULL) && !contain_volatile_functions(node);
}

static Expr *
compare_dates(Oid family, StrategyNumber strategy, Expr *date,
			  const char *function, Oid type, Expr *moment)
{
	Oid			funcid = date_function(function, type);

	if (!OidIsValid(funcid))
		return NULL;
	moment = (Expr *) makeFuncExpr(funcid, DATEOID, list_make1(moment),
								   InvalidOid, InvalidOid,
								   COERCE_EXPLICIT_CALL);
	return make_opclause(get_opfamily_member(family, DATEOID, DATEOID, strategy),
						 BOOLOID, false, date, moment, InvalidOid, InvalidOid);
}

/*
 * date < moment and the like; NULL for anything else.  To be before a moment is
 * to be before the first date from it on, and so forth.
 */
static Expr *
respell_date(OpExpr *op)
{
	Oid			family = lookup_type_cache(DATEOID, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	Oid			operator = op->opno;
	Expr	   *date = linitial(op->args);
	Expr	   *moment = lsecond(op->args);
	int			strategy;
	Oid			left;
	Oid			right;
	Expr	   *from;
	Expr	   *until;

	op_input_types(operator, &left, &right);
	if (right == DATEOID && left != DATEOID)
	{
		operator = get_commutator(operator);
		if (!OidIsValid(operator))
			return NULL;
		date = lsecond(op->args);
		moment = linitial(op->args);
		op_input_types(operator, &left, &right);
	}
	if (left != DATEOID || (right != TIMESTAMPOID && right != TIMESTAMPTZOID) ||
		!is_column((Node *) date) || !is_fixed((Node *) moment))
		return NULL;
	strategy = get_op_opfamily_strategy(operator, family);

	switch (strategy)
	{
		case BTLessStrategyNumber:
		case BTGreaterEqualStrategyNumber:
			return compare_dates(family, strategy, date,
								 "first_date_from", right, moment);
		case BTLessEqualStrategyNumber:
		case BTGreaterStrategyNumber:
			return compare_dates(family, strategy, date,
								 "last_date_until", right, moment);
		case BTEqualStrategyNumber:
			/* no date at all, unless the moment is a midnight */
			from = compare_dates(family, BTGreaterEqualStrategyNumber, date,
								 "first_date_from", right, moment);
			until = compare_dates(family, BTLessEqualStrategyNumber,
								  copyObject(date), "last_date_until", right,
								  copyObject(moment));
			if (from == NULL || until == NULL)
				return NULL;
			return make_andclause(list_make2(from, until));
	}
	return NULL;
}

/* ---- Text ---- */

/* The text of a constant, or of a parameter of this plan; NULL if unknown. */
static char *
known_text(Node *node, SpellingContext *context)
{
	if (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (node == NULL)
		return NULL;
	if (IsA(node, Const))
	{
		Const	   *constant = (Const *) node;

		if (constant->constisnull ||
			(constant->consttype != TEXTOID && constant->consttype != VARCHAROID))
			return NULL;
		return TextDatumGetCString(constant->constvalue);
	}
	if (IsA(node, Param) && context->params != NULL)
	{
		Param	   *param = (Param *) node;
		ParamExternData work;
		ParamExternData *value;

		if (param->paramkind != PARAM_EXTERN || param->paramid < 1 ||
			param->paramid > context->params->numParams)
			return NULL;
		if (context->params->paramFetch != NULL)
			value = context->params->paramFetch(context->params, param->paramid,
												true, &work);
		else
			value = &context->params->params[param->paramid - 1];
		if (value->ptype != param->paramtype || value->isnull ||
			(value->pflags & PARAM_FLAG_CONST) == 0 ||
			(value->ptype != TEXTOID && value->ptype != VARCHAROID))
			return NULL;
		return TextDatumGetCString(value->value);
	}
	return NULL;
}

/* The elements of a list of known texts; false if it is not one, or too long. */
static bool
known_texts(Node *node, SpellingContext *context, List **texts)
{
	*texts = NIL;
	if (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (node != NULL && IsA(node, ArrayExpr))
	{
		ArrayExpr  *array = (ArrayExpr *) node;
		ListCell   *lc;

		if (array->multidims || list_length(array->elements) > MAX_LIST)
			return false;
		foreach(lc, array->elements)
		{
			char	   *element = known_text(lfirst(lc), context);

			if (element == NULL)
				return false;
			*texts = lappend(*texts, element);
		}
		return *texts != NIL;
	}
	if (node != NULL && IsA(node, Const))
	{
		Const	   *constant = (Const *) node;
		ArrayType  *array;
		Datum	   *values;
		bool	   *nulls;
		int			count;
		int			i;

		if (constant->constisnull || constant->consttype != TEXTARRAYOID)
			return false;
		array = DatumGetArrayTypeP(constant->constvalue);
		if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) > MAX_LIST)
			return false;
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
						  &values, &nulls, &count);
		for (i = 0; i < count; i++)
		{
			if (nulls[i])
				return false;
			*texts = lappend(*texts, TextDatumGetCString(values[i]));
		}
		return *texts != NIL;
	}
	return false;
}

/*
 * What a pattern of LIKE comes to.  None of the three characters that mean
 * something is part of another in an encoding that a server can have.
 */
static TextTerm
like_term(const char *pattern, char **text)
{
	char	   *out = *text = palloc(strlen(pattern) + 1);
	const char *in;

	for (in = pattern; *in != '\0' && *in != '%' && *in != '_'; in++)
	{
		/* a pattern that ends with it is an error, to be left to LIKE */
		if (*in == '\\' && *++in == '\0')
			return TERM_OTHER;
		*out++ = *in;
	}
	*out = '\0';
	if (*in == '\0')
		return TERM_EQUAL;
	if (out == *text)
		return TERM_OTHER;
	if (strspn(in, "%") == strlen(in))
		return TERM_PREFIX;
	return TERM_PREFIX_AND_MORE;
}

/* A regular expression that is nothing but the beginning: ^S72 or ^S72.* */
static TextTerm
regex_term(const char *pattern, char **text)
{
	size_t		length;

	if (*pattern != '^')
		return TERM_OTHER;
	*text = pstrdup(pattern + 1);
	length = strspn(*text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"abcdefghijklmnopqrstuvwxyz0123456789");
	if (length == 0 ||
		(strcmp(*text + length, "") != 0 && strcmp(*text + length, ".*") != 0))
		return TERM_OTHER;
	(*text)[length] = '\0';
	return TERM_PREFIX;
}

/* left(column, length) or substr(column, 1, length); NULL for anything else. */
static Node *
cut_argument(Node *node, int *length)
{
	FuncExpr   *call = (FuncExpr *) node;
	Const	   *from = NULL;
	Const	   *count;

	if (node == NULL || !IsA(node, FuncExpr))
		return NULL;
	switch (call->funcid)
	{
		case F_LEFT:
			count = lsecond(call->args);
			break;
		case F_SUBSTR_TEXT_INT4_INT4:
		case F_SUBSTRING_TEXT_INT4_INT4:
			from = lsecond(call->args);
			count = lthird(call->args);
			if (!IsA(from, Const) || from->constisnull ||
				DatumGetInt32(from->constvalue) != 1)
				return NULL;
			break;
		default:
			return NULL;
	}
	if (!IsA(count, Const) || count->constisnull ||
		DatumGetInt32(count->constvalue) < 1)
		return NULL;
	*length = DatumGetInt32(count->constvalue);
	return linitial(call->args);
}

/* What it means that the first characters of a text are these. */
static TextTerm
cut_term(const char *value, int length)
{
	int			characters = pg_mbstrlen(value);

	if (characters == length)
		return TERM_PREFIX;
	/* a shorter text is all of it; a longer one none, which is left alone */
	return characters < length ? TERM_EQUAL : TERM_OTHER;
}

/*
 * One comparison of a text with one known value: the new condition, or NULL.
 * *more tells that the old one has to hold as well.
 */
static Expr *
respell_text_value(Oid function, Node *argument, const char *value,
				   Oid collation, SpellingContext *context, bool *more)
{
	TextTerm	term = TERM_OTHER;
	char	   *text = NULL;
	int			length;
	Oid			operator;

	*more = false;
	switch (function)
	{
		case F_TEXTLIKE:
			term = like_term(value, &text);
			break;
		case F_TEXTREGEXEQ:
			term = regex_term(value, &text);
			break;
		case F_STARTS_WITH:
			text = pstrdup(value);
			term = *text == '\0' ? TERM_OTHER : TERM_PREFIX;
			break;
		case F_TEXTEQ:
			argument = cut_argument(argument, &length);
			text = pstrdup(value);
			if (argument != NULL)
				term = cut_term(value, length);
			break;
	}
	if (term == TERM_OTHER || !is_column(argument))
		return NULL;
	*more = term == TERM_PREFIX_AND_MORE;
	operator = term == TERM_EQUAL ? TextEqualOperator : context->starts_with;
	return make_opclause(operator, BOOLOID, false,
						 (Expr *) copyObject(argument),
						 (Expr *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
											PointerGetDatum(cstring_to_text(text)),
											false, false),
						 InvalidOid, collation);
}

/* Is this a comparison of texts that respell_text() knows? */
static bool
is_text_comparison(Oid function, Oid collation)
{
	if (function != F_TEXTLIKE && function != F_TEXTREGEXEQ &&
		function != F_STARTS_WITH && function != F_TEXTEQ)
		return false;
	/* with others, what is equal need not be the same bytes */
	return OidIsValid(collation) && get_collation_isdeterministic(collation);
}

static Expr *
respell_text(OpExpr *op, SpellingContext *context)
{
	Oid			function = get_opcode(op->opno);
	Node	   *argument = linitial(op->args);
	Node	   *value = lsecond(op->args);
	char	   *known;
	Expr	   *condition;
	bool		more;

	/* this one is what the others become */
	if (function == F_STARTS_WITH ||
		!is_text_comparison(function, op->inputcollid))
		return NULL;
	known = known_text(value, context);
	if (known == NULL && function == F_TEXTEQ)
	{
		argument = value;
		known = known_text(linitial(op->args), context);
	}
	if (known == NULL)
		return NULL;
	condition = respell_text_value(function, argument, known, op->inputcollid,
								   context, &more);
	if (condition != NULL && more)
		condition = make_andclause(list_make2(condition, op));
	return condition;
}

/* The same of a list: LIKE ANY, IN, and ^@ ANY, for which there is no index. */
static Expr *
respell_texts(ScalarArrayOpExpr *op, SpellingContext *context)
{
	Oid			function = get_opcode(op->opno);
	Node	   *argument = linitial(op->args);
	List	   *values;
	List	   *conditions = NIL;
	ListCell   *lc;

	if (!op->useOr || !is_text_comparison(function, op->inputcollid) ||
		!known_texts(lsecond(op->args), context, &values))
		return NULL;
	foreach(lc, values)
	{
		bool		more;
		Expr	   *condition = respell_text_value(function, argument,
												   lfirst(lc), op->inputcollid,
												   context, &more);

		if (condition == NULL || more)
			return NULL;
		conditions = lappend(conditions, condition);
	}
	return list_length(conditions) == 1 ? linitial(conditions) :
		make_orclause(conditions);
}

/* ---- Pseudonyms ---- */

/*
 * pid IN (list), element by element: of one comparison the planner is told what
 * it means (caredata.pseudonym_support), of a list it is not.
 */
static Expr *
respell_pseudonyms(ScalarArrayOpExpr *op)
{
	Oid			left;
	Oid			right;
	FmgrInfo	flinfo;
	List	   *elements = NIL;
	List	   *conditions = NIL;
	Node	   *list = lsecond(op->args);
	ListCell   *lc;

	op_input_types(op->opno, &left, &right);
	if (!op->useOr || left < FirstNormalObjectId || left != right ||
		!is_column(linitial(op->args)))
		return NULL;
	fmgr_info(get_opcode(op->opno), &flinfo);
	if (flinfo.fn_addr != caredata_pseudonym_eq)
		return NULL;

	if (IsA(list, ArrayExpr) && !((ArrayExpr *) list)->multidims &&
		((ArrayExpr *) list)->element_typeid == right)
		elements = ((ArrayExpr *) list)->elements;
	else if (IsA(list, Const) && !((Const *) list)->constisnull &&
			 get_element_type(((Const *) list)->consttype) == right)
	{
		ArrayType  *array = DatumGetArrayTypeP(((Const *) list)->constvalue);
		int16		length;
		bool		by_value;
		char		align;
		Datum	   *values;
		bool	   *nulls;
		int			count;
		int			i;

		get_typlenbyvalalign(right, &length, &by_value, &align);
		deconstruct_array(array, right, length, by_value, align,
						  &values, &nulls, &count);
		for (i = 0; i < count && i <= MAX_LIST; i++)
			elements = lappend(elements,
							   makeConst(right, -1, InvalidOid, length,
										 values[i], nulls[i], by_value));
	}
	if (elements == NIL || list_length(elements) > MAX_LIST)
		return NULL;

	foreach(lc, elements)
		conditions = lappend(conditions,
							 make_opclause(op->opno, BOOLOID, false,
										   (Expr *) copyObject(linitial(op->args)),
										   (Expr *) copyObject(lfirst(lc)),
										   InvalidOid, InvalidOid));
	return list_length(conditions) == 1 ? linitial(conditions) :
		make_orclause(conditions);
}

/* ---- Queries ---- */

static Expr *
respell(Node *node, SpellingContext *context)
{
	Expr	   *result = NULL;

	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		result = respell_text((OpExpr *) node, context);
		if (result == NULL)
			result = respell_date((OpExpr *) node);
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		result = respell_texts((ScalarArrayOpExpr *) node, context);
		if (result == NULL)
			result = respell_pseudonyms((ScalarArrayOpExpr *) node);
	}
	return result;
}

/*
 * A query has its conditions in its FromExpr, and in the JoinExprs there; a
 * subquery in one of them has others of its own.
 */
static bool
is_in_condition(Node *node, bool outside)
{
	if (IsA(node, Query))
		return false;
	return outside || IsA(node, FromExpr) || IsA(node, JoinExpr);
}

static Node *
respell_mutator(Node *node, void *context)
{
	SpellingContext *spelling = (SpellingContext *) context;
	bool		outside = spelling->in_condition;
	Node	   *result = NULL;

	if (node == NULL)
		return NULL;
	spelling->in_condition = is_in_condition(node, outside);
	if (spelling->in_condition)
		result = (Node *) respell(node, spelling);
	if (result == NULL)
		result = IsA(node, Query) ?
			(Node *) query_tree_mutator((Query *) node, respell_mutator,
										context, 0) :
			expression_tree_mutator(node, respell_mutator, context);
	spelling->in_condition = outside;
	return result;
}

/* Is there anything to do? */
static bool
respell_walker(Node *node, void *context)
{
	SpellingContext *spelling = (SpellingContext *) context;
	bool		outside = spelling->in_condition;
	bool		found = false;

	if (node == NULL)
		return false;
	spelling->in_condition = is_in_condition(node, outside);
	if (spelling->in_condition)
		found = respell(node, spelling) != NULL;
	if (!found)
		found = IsA(node, Query) ?
			query_tree_walker((Query *) node, respell_walker, context, 0) :
			expression_tree_walker(node, respell_walker, context);
	spelling->in_condition = outside;
	return found;
}

static PlannedStmt *
spelling_planner(Query *parse, const char *query_string, int cursor_options,
				 ParamListInfo params)
{
	if (parse->hasRowSecurity)
	{
		SpellingContext context;

		context.in_condition = false;
		context.params = params;
		context.starts_with =
			OpernameGetOprid(list_make2(makeString("pg_catalog"),
										makeString("^@")), TEXTOID, TEXTOID);
		if (respell_walker((Node *) parse, &context))
			parse = (Query *) respell_mutator((Node *) parse, &context);
	}
	if (next_planner_hook)
		return next_planner_hook(parse, query_string, cursor_options, params);
	return standard_planner(parse, query_string, cursor_options, params);
}

void
caredata_spelling_init(void)
{
	next_planner_hook = planner_hook;
	planner_hook = spelling_planner;
}
