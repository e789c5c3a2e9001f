/*
 * visible_scan.c
 *		A sequential scan that tests the bits of a visible set itself.
 *
 * Where a table would be read from end to end under the policy
 * caredata.visible(person_id, release, setting), the planner is offered this
 * node beside the sequential scan.  It reads the same rows under the same
 * snapshot, takes the person from the row as it stands on the page, and tests
 * the bit before anything else is made of the row.  What is saved is the call
 * of a function through the expression interpreter.
 *
 * The bit comes first, always: every other condition of the query is a filter
 * of the node, and sees only rows that are visible.  What the release has to
 * be, who may ask, and which bits hold, caredata_pin_visible() answers as it
 * does for visible() itself, once for each execution, under the snapshot of
 * the statement.  Unlike visible() it is asked even where the table has no
 * row.
 *
 * Nothing here decides what anybody may see.  Where this node does not fit
 * (another condition than the policy's own, two policies, an index that is
 * cheaper, another table access method, the table that a statement changes)
 * the planner has its own ones with visible() in them, and so it has with
 * caredata.enable_visible_scan off.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "visible.h"
#include "visible_scan.h"

/* In EXPLAIN: Custom Scan (Visible Set) on gp_event. */
#define NODE_NAME	"Visible Set"

/*
 * Sets of more persons than this, 1 MB of bits, are asked for page by page.
 * For smaller ones that takes longer than waiting: 10 ns a row with a set of
 * 1.7 million persons.
 */
#define NEAR_PERSONS	(8 * 1024 * 1024)

typedef struct VisibleScanState
{
	CustomScanState css;		/* must be first */
	AttrNumber	person_attno;
	int32		release_id;
	text	   *setting;
	bool		ready;			/* visible is filled */
	CaredataVisible visible;
	bool		far;			/* more bits than a processor's cache holds */
	BlockNumber asked_for;		/* page whose bits are on the way, if far */
} VisibleScanState;

static bool enable_visible_scan = true;
static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

static Plan *plan_visible_scan(PlannerInfo *root, RelOptInfo *rel,
							   CustomPath *path, List *tlist, List *clauses,
							   List *custom_plans);
static Node *create_visible_scan(CustomScan *cscan);
static void begin_visible_scan(CustomScanState *css, EState *estate,
							   int eflags);
static TupleTableSlot *exec_visible_scan(CustomScanState *css);
static void end_visible_scan(CustomScanState *css);
static void rescan_visible_scan(CustomScanState *css);
static Size estimate_visible_scan(CustomScanState *css, ParallelContext *pcxt);
static void initialize_visible_scan(CustomScanState *css,
									ParallelContext *pcxt, void *coordinate);
static void reinitialize_visible_scan(CustomScanState *css,
									  ParallelContext *pcxt, void *coordinate);
static void attach_visible_scan(CustomScanState *css, shm_toc *toc,
								void *coordinate);
static void explain_visible_scan(CustomScanState *css, List *ancestors,
								 ExplainState *es);

static const CustomPathMethods path_methods = {
	.CustomName = NODE_NAME,
	.PlanCustomPath = plan_visible_scan
};

static const CustomScanMethods scan_methods = {
	.CustomName = NODE_NAME,
	.CreateCustomScanState = create_visible_scan
};

static const CustomExecMethods exec_methods = {
	.CustomName = NODE_NAME,
	.BeginCustomScan = begin_visible_scan,
	.ExecCustomScan = exec_visible_scan,
	.EndCustomScan = end_visible_scan,
	.ReScanCustomScan = rescan_visible_scan,
	.EstimateDSMCustomScan = estimate_visible_scan,
	.InitializeDSMCustomScan = initialize_visible_scan,
	.ReInitializeDSMCustomScan = reinitialize_visible_scan,
	.InitializeWorkerCustomScan = attach_visible_scan,
	.ExplainCustomScan = explain_visible_scan
};

/* ---- Planning ---- */

/*
 * Is this visible(column of the table, constant, constant)?  The function is
 * known by its C code: whatever runs that is the policy function, under
 * whatever name, and nothing else is.
 */
static bool
is_visible_call(Expr *clause, Index relid)
{
	FuncExpr   *call = (FuncExpr *) clause;
	Var		   *person;
	Const	   *release;
	Const	   *setting;
	FmgrInfo	function;

	if (!IsA(call, FuncExpr) || list_length(call->args) != 3 ||
		call->funcresulttype != BOOLOID || call->funcretset)
		return false;
	person = (Var *) linitial(call->args);
	release = (Const *) lsecond(call->args);
	setting = (Const *) lthird(call->args);
	if (!IsA(person, Var) || !IsA(release, Const) || !IsA(setting, Const) ||
		(Index) person->varno != relid || person->varlevelsup != 0 ||
		person->varattno <= 0 || person->vartype != INT4OID ||
		release->constisnull || !release->constbyval ||
		release->constlen != sizeof(int32) ||
		setting->constisnull || setting->consttype != TEXTOID)
		return false;

	fmgr_info(call->funcid, &function);
	return function.fn_addr == caredata_visible;
}

/*
 * The policy among the conditions on a table, or NULL.  A condition of a lower
 * security level than the policy's would have to come before it.
 */
static RestrictInfo *
find_visible_call(List *clauses, Index relid)
{
	RestrictInfo *found = NULL;
	Index		lowest = UINT_MAX;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, lc);

		lowest = Min(lowest, condition->security_level);
		if (found == NULL && !condition->pseudoconstant &&
			is_visible_call(condition->clause, relid))
			found = condition;
	}
	return found != NULL && found->security_level == lowest ? found : NULL;
}

static bool
is_heap(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);	/* the planner has it locked */
	bool		heap = rel->rd_tableam == GetHeapamTableAmRoutine();

	table_close(rel, NoLock);
	return heap;
}

/*
 * A sequential scan, as the planner makes it, with a bit where it has a
 * function call.
 */
static Path *
make_visible_path(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *policy,
				  int parallel_workers)
{
	CustomPath *path = makeNode(CustomPath);
	QualCost	all = rel->baserestrictcost;
	QualCost	call;
	Path	   *scan;

	cost_qual_eval_node(&call, (Node *) policy, root);
	rel->baserestrictcost.startup -= call.startup;
	rel->baserestrictcost.per_tuple += cpu_operator_cost - call.per_tuple;
	scan = create_seqscan_path(root, rel, NULL, parallel_workers);
	rel->baserestrictcost = all;

	path->path = *scan;
	path->path.type = T_CustomPath;
	path->path.pathtype = T_CustomScan;
	path->flags = CUSTOMPATH_SUPPORT_BACKWARD_SCAN |
		CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &path_methods;
	return &path->path;
}

static void
add_visible_paths(PlannerInfo *root, RelOptInfo *rel, Index rti,
				  RangeTblEntry *rte)
{
	RestrictInfo *policy;

	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);

	if (!enable_visible_scan ||
		rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_RELATION ||
		rte->inh || rte->tablesample != NULL || IS_DUMMY_REL(rel) ||
		rel->lateral_relids != NULL ||
		bms_is_member(rti, root->all_result_relids))
		return;
	policy = find_visible_call(rel->baserestrictinfo, rti);
	if (policy == NULL || !is_heap(rte->relid))
		return;

	add_path(rel, make_visible_path(root, rel, policy, 0));

	/*
	 * Where a join reads other partitions by an index, the planner wants the
	 * rows that match the outer row of this one too, and makes such a path of
	 * a sequential scan, but of no custom one.
	 */
	if (rel->reloptkind == RELOPT_OTHER_MEMBER_REL)
		rel->pathlist = lappend(rel->pathlist,
								create_seqscan_path(root, rel, NULL, 0));
	if (rel->consider_parallel)
	{
		int			workers = compute_parallel_worker(rel, rel->pages, -1,
													  max_parallel_workers_per_gather);

		if (workers > 0)
			add_partial_path(rel,
							 make_visible_path(root, rel, policy, workers));
	}
}

/* The policy leaves the filter; custom_exprs keeps it. */
static Plan *
plan_visible_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
				  List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);
	RestrictInfo *policy = find_visible_call(clauses, rel->relid);

	if (policy == NULL)
		elog(ERROR, "policy of a visible set scan is missing");
	plan->scan.scanrelid = rel->relid;
	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual =
		extract_actual_clauses(list_delete_ptr(list_copy(clauses), policy),
							   false);
	plan->custom_exprs = list_make1(policy->clause);
	plan->flags = path->flags;
	plan->methods = &scan_methods;
	return &plan->scan.plan;
}

/* ---- Execution ---- */

static Node *
create_visible_scan(CustomScan *cscan)
{
	VisibleScanState *state = palloc0(sizeof(VisibleScanState));

	state->css.ss.ps.type = T_CustomScanState;
	state->css.methods = &exec_methods;
	state->asked_for = InvalidBlockNumber;
	CAREDATA_SET_SLOT_OPS(&state->css, &TTSOpsBufferHeapTuple);
	return (Node *) state;
}

static void
begin_visible_scan(CustomScanState *css, EState *estate, int eflags)
{
	VisibleScanState *state = (VisibleScanState *) css;
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	FuncExpr   *call = linitial_node(FuncExpr, plan->custom_exprs);
	AclResult	allowed;

	/* as where the call is part of an expression */
	allowed = caredata_function_aclcheck(call->funcid, GetUserId(),
										 ACL_EXECUTE);
	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FUNCTION, get_func_name(call->funcid));
	InvokeFunctionExecuteHook(call->funcid);

	state->person_attno = linitial_node(Var, call->args)->varattno;
	state->release_id =
		DatumGetInt32(lsecond_node(Const, call->args)->constvalue);
	state->setting =
		DatumGetTextPP(lthird_node(Const, call->args)->constvalue);

	/* a slot for rows of a heap, and the expressions that read from it */
	if (css->ss.ps.scanops != &TTSOpsBufferHeapTuple)
	{
		ExecInitScanTupleSlot(estate, &css->ss,
							  RelationGetDescr(css->ss.ss_currentRelation),
							  &TTSOpsBufferHeapTuple);
		css->ss.ps.subPlan = NIL;
		ExecAssignScanProjectionInfo(&css->ss);
		css->ss.ps.qual = ExecInitQual(plan->scan.plan.qual, &css->ss.ps);
	}
}

/*
 * Before the first row: the bits that hold under the statement's snapshot.
 * They hold for the whole execution, which has no other.
 */
static pg_noinline void
prepare_visible_scan(VisibleScanState *state)
{
	PlanState  *ps = &state->css.ss.ps;
	MemoryContext old;

	old = MemoryContextSwitchTo(ps->ps_ExprContext->ecxt_per_tuple_memory);
	PushActiveSnapshot(ps->state->es_snapshot);
	caredata_pin_visible(&state->visible, ps->state->es_query_cxt,
						 state->release_id, state->setting);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	state->far = state->visible.limit > NEAR_PERSONS;
	state->ready = true;
}

static pg_noinline bool
other_column_is_visible(const VisibleScanState *state, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(state->css.ss.ss_currentRelation);
	bool		isnull;
	Datum		person = heap_getattr(tuple, state->person_attno, desc,
									  &isnull);

	return !isnull &&
		caredata_bit_is_set(&state->visible, DatumGetInt32(person));
}

/*
 * The person of a row on its page, or NULL if it has to be looked for.  It is
 * the first column of every care table, whose place is known whatever comes
 * behind it.
 */
static inline const int32 *
person_on_page(const VisibleScanState *state, HeapTupleHeader row)
{
	if (unlikely(state->person_attno != 1 ||
				 HeapTupleHeaderGetNatts(row) == 0 ||
				 ((row->t_infomask & HEAP_HASNULL) != 0 &&
				  att_isnull(0, row->t_bits))))
		return NULL;
	return (const int32 *) ((char *) row + row->t_hoff);
}

static inline bool
tuple_is_visible(const VisibleScanState *state, HeapTuple tuple)
{
	const int32 *person = person_on_page(state, tuple->t_data);

	if (unlikely(person == NULL))
		return other_column_is_visible(state, tuple);
	return caredata_bit_is_set(&state->visible, *person);
}

/*
 * The bits of a large set lie far apart, and each would be waited for: 90 ns a
 * row with a set of 57 million persons.  So they are asked for all together
 * when the scan comes to a page, and have come when their rows do.  That is a
 * hint to the processor, no more; what a row shows is not decided here.
 */
static pg_noinline void
ask_for_bits_of_page(VisibleScanState *state, HeapScanDesc scan)
{
	Page		page = BufferGetPage(scan->rs_cbuf);
	int			nrows = (int) scan->rs_ntuples;
	int			i;

	state->asked_for = scan->rs_cblock;
	if ((scan->rs_base.rs_flags & SO_ALLOW_PAGEMODE) == 0)
		return;					/* the rows of the page are not known */
	for (i = 0; i < nrows; i++)
	{
		ItemId		item = PageGetItemId(page, scan->rs_vistuples[i]);
		const int32 *person =
			person_on_page(state, (HeapTupleHeader) PageGetItem(page, item));

		if (person != NULL)
			caredata_ask_for_bit(&state->visible, *person);
	}
}

/* Access method of ExecScan(): the next row whose bit is set. */
static TupleTableSlot *
next_visible(ScanState *ss)
{
	VisibleScanState *state = (VisibleScanState *) ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;
	ScanDirection direction = ss->ps.state->es_direction;
	HeapScanDesc scan;
	HeapTuple	tuple;

	if (unlikely(!state->ready))
		prepare_visible_scan(state);
	/* unless parallel, or if one process is alone with a parallel plan */
	if (unlikely(ss->ss_currentScanDesc == NULL))
		ss->ss_currentScanDesc = table_beginscan(ss->ss_currentRelation,
												 ss->ps.state->es_snapshot,
												 0, NULL);

	scan = (HeapScanDesc) ss->ss_currentScanDesc;

	while ((tuple = heap_getnext(&scan->rs_base, direction)) != NULL)
	{
		if (unlikely(state->far && scan->rs_cblock != state->asked_for))
			ask_for_bits_of_page(state, scan);
		if (tuple_is_visible(state, tuple))
			return ExecStoreBufferHeapTuple(tuple, slot, scan->rs_cbuf);
		CHECK_FOR_INTERRUPTS();
	}
	return ExecClearTuple(slot);
}

/* Recheck method of ExecScan(): a newer version of a row, to be locked. */
static bool
recheck_visible(ScanState *ss, TupleTableSlot *slot)
{
	VisibleScanState *state = (VisibleScanState *) ss;
	bool		isnull;
	Datum		person = slot_getattr(slot, state->person_attno, &isnull);

	if (!state->ready)
		prepare_visible_scan(state);
	return !isnull &&
		caredata_bit_is_set(&state->visible, DatumGetInt32(person));
}

/*
 * What ExecScan() does, which is left to it where rows are rechecked.  It
 * forms a tuple for each row even of no columns, as count(*) reads them; here
 * one is enough.
 */
static TupleTableSlot *
exec_visible_scan(CustomScanState *css)
{
	PlanState  *ps = &css->ss.ps;
	ExprContext *econtext = ps->ps_ExprContext;
	TupleTableSlot *result = ps->ps_ResultTupleSlot;
	TupleTableSlot *slot;

	if (unlikely(ps->state->es_epq_active != NULL))
		return ExecScan(&css->ss, next_visible, recheck_visible);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(econtext);

		slot = next_visible(&css->ss);
		if (TupIsNull(slot))
			return ps->ps_ProjInfo ? ExecClearTuple(result) : slot;

		econtext->ecxt_scantuple = slot;
		if (ps->qual == NULL || ExecQual(ps->qual, econtext))
			break;
		InstrCountFiltered1(css, 1);
	}

	if (ps->ps_ProjInfo == NULL)
		return slot;
	if (ps->plan->targetlist != NIL)
		return ExecProject(ps->ps_ProjInfo);
	return TTS_EMPTY(result) ? ExecStoreVirtualTuple(result) : result;
}

static void
end_visible_scan(CustomScanState *css)
{
	if (css->ss.ss_currentScanDesc != NULL)
		table_endscan(css->ss.ss_currentScanDesc);
}

static void
rescan_visible_scan(CustomScanState *css)
{
	if (css->ss.ss_currentScanDesc != NULL)
		table_rescan(css->ss.ss_currentScanDesc, NULL);
	ExecScanReScan(&css->ss);
}

/* ---- Parallel execution, as of a sequential scan ---- */

static Size
estimate_visible_scan(CustomScanState *css, ParallelContext *pcxt)
{
	return table_parallelscan_estimate(css->ss.ss_currentRelation,
									   css->ss.ps.state->es_snapshot);
}

static void
initialize_visible_scan(CustomScanState *css, ParallelContext *pcxt,
						void *coordinate)
{
	ParallelTableScanDesc shared = (ParallelTableScanDesc) coordinate;

	table_parallelscan_initialize(css->ss.ss_currentRelation, shared,
								  css->ss.ps.state->es_snapshot);
	css->ss.ss_currentScanDesc =
		table_beginscan_parallel(css->ss.ss_currentRelation, shared);
}

static void
reinitialize_visible_scan(CustomScanState *css, ParallelContext *pcxt,
						  void *coordinate)
{
	table_parallelscan_reinitialize(css->ss.ss_currentRelation,
									(ParallelTableScanDesc) coordinate);
}

static void
attach_visible_scan(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	css->ss.ss_currentScanDesc =
		table_beginscan_parallel(css->ss.ss_currentRelation,
								 (ParallelTableScanDesc) coordinate);
}

/* ---- EXPLAIN ---- */

/* The policy, as the filter of a sequential scan would show it. */
static void
explain_visible_scan(CustomScanState *css, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   &plan->scan.plan,
												   ancestors);

	ExplainPropertyText("Set Cond",
						deparse_expression(linitial(plan->custom_exprs),
										   context, es->verbose, false),
						es);
}

/* ---- Start-up ---- */

void
caredata_visible_scan_init(void)
{
	DefineCustomBoolVariable("caredata.enable_visible_scan",
							 "Enables the planner's use of scans that test visible sets themselves.",
							 "Without them sequential scans call caredata.visible() for each row. The rows are the same.",
							 &enable_visible_scan,
							 true,
							 PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	RegisterCustomScanMethods(&scan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_visible_paths;
}
