/*
 * explain_gate.c
 *		EXPLAIN ANALYZE of a release is refused to all but superusers.
 *
 * EXPLAIN ANALYZE runs the statement and tells how many rows each node read
 * and how many of them a filter removed: under row security, how many withheld
 * rows an index condition found.  With conditions on a date, a practice and a
 * code a reader could ask after a person who has objected.
 *
 * Refusing is the whole answer.  Taking the figures out of the output would
 * leave others that tell the same: rows of a bitmap index scan, heap blocks,
 * buffers, rows removed by a recheck, what a worker counted.  And a plan with
 * wrong figures is worse than none for whoever wants to make a query faster:
 * EXPLAIN without ANALYZE and the time on the client's clock are left to them.
 *
 * All that is known here is that an EXPLAIN ANALYZE is under way, on whatever
 * path it came: a statement, PL/pgSQL, an EXECUTE of something prepared.  What
 * is a statement on a release, release_gate.c knows; it asks here before such
 * a statement starts.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "explain_gate.h"

static ProcessUtility_hook_type next_utility = standard_ProcessUtility;

/* How many of them are under way, one inside the other. */
static int	analyzing = 0;

static bool
is_explain_analyze(const PlannedStmt *pstmt)
{
	ListCell   *lc;
	bool		analyze = false;

	if (!IsA(pstmt->utilityStmt, ExplainStmt))
		return false;
	/* the last one counts, as for EXPLAIN itself */
	foreach(lc, ((ExplainStmt *) pstmt->utilityStmt)->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "analyze") == 0)
			analyze = defGetBoolean(option);
	}
	return analyze;
}

static void
explain_gate_utility(PlannedStmt *pstmt, const char *query_string,
					 bool read_only_tree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *query_env,
					 DestReceiver *dest, QueryCompletion *completion)
{
	if (!is_explain_analyze(pstmt))
	{
		next_utility(pstmt, query_string, read_only_tree, context, params,
					 query_env, dest, completion);
		return;
	}

	analyzing++;
	PG_TRY();
	{
		next_utility(pstmt, query_string, read_only_tree, context, params,
					 query_env, dest, completion);
	}
	PG_FINALLY();
	{
		analyzing--;
	}
	PG_END_TRY();
}

void
caredata_refuse_explain_analyze(void)
{
	if (analyzing > 0 && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for EXPLAIN ANALYZE of a release"),
				 errdetail("It would count rows that are withheld."),
				 errhint("Use EXPLAIN without ANALYZE, and measure the time of the query itself.")));
}

void
caredata_explain_gate_init(void)
{
	if (ProcessUtility_hook != NULL)
		next_utility = ProcessUtility_hook;
	ProcessUtility_hook = explain_gate_utility;
}
