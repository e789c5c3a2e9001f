/*
 * policy_first.c
 *		The policy is tried before any condition of a query.
 *
 * Under row security PostgreSQL tries a cheap LEAKPROOF condition before the
 * policy, and it calls a condition leakproof if no function that is given a
 * column could tell of it.  Whether a condition was tried at all tells as
 * well.  These three are leakproof to PostgreSQL, and come to their second
 * half only for a row, withheld or not, that has the code:
 *
 *		diag_01 = 'K99' AND nextval('mine') > 0
 *		diag_01 = 'K99' AND sex = (SELECT my_function())
 *		diag_01 = 'K99' AND sex = current_setting('no.such')
 *
 * The first counts withheld rows, the second is told of one by whatever the
 * function does, the third by an error or its absence; with ranges in place of
 * the code they read every value of every row.  So two things are changed in
 * the plans of a table whose policy is caredata.visible():
 *
 *	- In a filter the policy comes first.  Conditions are tried in the order of
 *	  their cost; once the paths of a table have been costed, the policy's is
 *	  put down as nothing.
 *	- Beside the filter there is the index condition, whose values are computed
 *	  when the index scan starts, whatever rows it finds.  But of two bitmaps the
 *	  second is not made when the first is empty, and in a bitmap scan or with
 *	  an index that is no btree a condition may be tried once more on each row.
 *	  Such a path is dropped if its conditions compute what tells of it: in the
 *	  first case whatever is not leakproof, in the second a function that
 *	  somebody wrote in SQL or a procedural language.
 *
 * Nothing here decides what anybody may see, and no result changes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_language_d.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "policy_first.h"
#include "visible.h"

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* ---- The policy ---- */

/* Is it a condition of row security, and not of the query? */
static bool
is_security_qual(PlannerInfo *root, RestrictInfo *condition)
{
	return condition->security_level < root->qual_security_level;
}

/* Is it a call of visible()?  By the C code, whatever the name. */
static bool
is_visible_call(Node *node)
{
	FmgrInfo	function;

	if (!IsA(node, FuncExpr) || list_length(((FuncExpr *) node)->args) != 3)
		return false;
	fmgr_info(((FuncExpr *) node)->funcid, &function);
	return function.fn_addr == caredata_visible;
}

static bool
is_protected(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, lc);

		if (is_security_qual(root, condition) &&
			is_visible_call((Node *) condition->clause))
			return true;
	}
	return false;
}

/*
 * Filters are ordered when the plan is made of the path that was chosen, and
 * conditions of equal cost stay in the order of the list, where those of row
 * security are the first.
 */
static void
put_policy_first(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, lc);

		if (is_security_qual(root, condition))
			condition->eval_cost.startup = condition->eval_cost.per_tuple = 0;
	}
}

/* ---- Index conditions ---- */

/* How a path comes to compute the values of its conditions. */
typedef enum Tried
{
	TRIED_AT_START,				/* once, whatever rows there are */
	TRIED_AGAIN,				/* and again for rows that were found */
	TRIED_IF_FOUND				/* only if other rows were found before */
} Tried;

typedef struct TellsContext
{
	PlannerInfo *root;
	Tried		tried;
} TellsContext;

static bool
is_telling_function(Oid funcid, void *context)
{
	HeapTuple	tuple;
	Oid			language;

	if (((TellsContext *) context)->tried == TRIED_IF_FOUND)
		return !get_func_leakproof(funcid);

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	return language != INTERNALlanguageId && language != ClanguageId;
}

/* A parameter that a subquery sets is computed when it is asked for. */
static bool
is_subquery(PlannerInfo *root, Param *param)
{
	ListCell   *lc;

	if (param->paramkind != PARAM_EXEC)
		return false;
	foreach(lc, root->init_plans)
		if (list_member_int(lfirst_node(SubPlan, lc)->setParam,
							param->paramid))
			return true;
	return false;
}

/* Does it raise, or tell in another way that it was computed? */
static bool
tells_walker(Node *node, void *context)
{
	TellsContext *tells = (TellsContext *) context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_RelabelType:
		case T_ArrayExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_SQLValueFunction:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_List:
			break;
		case T_FuncExpr:
		case T_OpExpr:
		case T_ScalarArrayOpExpr:
		case T_RowCompareExpr:
		case T_CoerceViaIO:
			if (check_functions_in_node(node, is_telling_function, context))
				return true;
			break;
		case T_MinMaxExpr:
			if (tells->tried == TRIED_IF_FOUND)
				return true;
			break;
		case T_Param:
			return tells->tried == TRIED_IF_FOUND &&
				is_subquery(tells->root, (Param *) node);
		default:
			return true;
	}
	return expression_tree_walker(node, tells_walker, context);
}

static bool
condition_tells(PlannerInfo *root, RestrictInfo *condition, Tried tried)
{
	TellsContext context;

	context.root = root;
	context.tried = tried;
	return tells_walker((Node *) condition->clause, &context);
}

static bool
path_tells(PlannerInfo *root, Path *path, Tried tried)
{
	List	   *parts = NIL;
	ListCell   *lc;

	switch (nodeTag(path))
	{
		case T_BitmapHeapPath:
			return path_tells(root, ((BitmapHeapPath *) path)->bitmapqual,
							  TRIED_AGAIN);
		case T_BitmapAndPath:
			tried = TRIED_IF_FOUND;
			parts = ((BitmapAndPath *) path)->bitmapquals;
			break;
		case T_BitmapOrPath:
			parts = ((BitmapOrPath *) path)->bitmapquals;
			break;
		case T_IndexPath:
			if (tried == TRIED_AT_START &&
				((IndexPath *) path)->indexinfo->relam != BTREE_AM_OID)
				tried = TRIED_AGAIN;
			if (tried == TRIED_AT_START)
				return false;
			foreach(lc, ((IndexPath *) path)->indexclauses)
				if (condition_tells(root, lfirst_node(IndexClause, lc)->rinfo,
									tried))
					return true;
			break;
		default:
			break;
	}
	foreach(lc, parts)
		if (path_tells(root, lfirst(lc), tried))
			return true;
	return false;
}

/* The paths that do not tell; *dropped is set if there were others. */
static List *
paths_that_do_not_tell(PlannerInfo *root, List *paths, bool *dropped)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, paths)
	{
		if (path_tells(root, lfirst(lc), TRIED_AT_START))
			*dropped = true;
		else
			kept = lappend(kept, lfirst(lc));
	}
	return kept;
}

static bool
drop_paths_that_tell(PlannerInfo *root, RelOptInfo *rel)
{
	bool		dropped = false;

	rel->pathlist = paths_that_do_not_tell(root, rel->pathlist, &dropped);
	rel->partial_pathlist =
		paths_that_do_not_tell(root, rel->partial_pathlist, &dropped);
	return dropped;
}

static void
add_sequential_paths(PlannerInfo *root, RelOptInfo *rel)
{
	int			workers;

	add_path(rel, create_seqscan_path(root, rel, rel->lateral_relids, 0));
	if (!rel->consider_parallel || rel->lateral_relids != NULL)
		return;
	workers = compute_parallel_worker(rel, rel->pages, -1,
									  max_parallel_workers_per_gather);
	if (workers > 0)
		add_partial_path(rel, create_seqscan_path(root, rel, NULL, workers));
}

/*
 * The planner forgets a path when it finds a better one, so what the dropped
 * ones were better than is made once more: index scans, then bitmap scans of
 * the conditions that do not tell.
 */
static void
drop_paths_and_replace(PlannerInfo *root, RelOptInfo *rel)
{
	bool		wanted = enable_bitmapscan;
	ListCell   *lc;

	if (!drop_paths_that_tell(root, rel))
		return;

	PG_TRY();
	{
		enable_bitmapscan = false;
		create_index_paths(root, rel);
	}
	PG_FINALLY();
	{
		enable_bitmapscan = wanted;
	}
	PG_END_TRY();
	(void) drop_paths_that_tell(root, rel);

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, lc);

		if (!is_security_qual(root, condition) &&
			condition_tells(root, condition, TRIED_IF_FOUND))
			condition->leakproof = false;
	}
	create_index_paths(root, rel);
	/* conditions that join one table to others are made anew each time */
	(void) drop_paths_that_tell(root, rel);
	add_sequential_paths(root, rel);
}

/* ---- Planning ---- */

static void
policy_first(PlannerInfo *root, RelOptInfo *rel, Index rti,
			 RangeTblEntry *rte)
{
	bool		protect = rte->rtekind == RTE_RELATION &&
		root->qual_security_level > 0 && is_protected(root, rel);

	/* a table with partitions has a path of theirs */
	if (protect && !rte->inh && !IS_DUMMY_REL(rel))
		drop_paths_and_replace(root, rel);
	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);
	if (protect)
		put_policy_first(root, rel);
}

void
caredata_policy_first_init(void)
{
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = policy_first;
}
