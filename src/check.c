/*
 * check.c
 *		What caredata.check() cannot find out in SQL: whether the files of the
 *		master key are as they should be, and whether a view still shows what
 *		its release permits.
 *
 * Nothing here changes anything.  sql/check_*.sql say what is looked at and what
 * a finding means.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/relation.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "rewrite/rewriteSupport.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "key_file.h"

PG_FUNCTION_INFO_V1(caredata_check_master_key_files);
PG_FUNCTION_INFO_V1(caredata_view_shows);

/*
 * caredata.check_master_key_files(): raise for the first file of a master key
 * that would be refused if it were read now.  What it holds is not read.
 */
Datum
caredata_check_master_key_files(PG_FUNCTION_ARGS)
{
	static const char *const setting[] = {
		"caredata.master_key_file", "caredata.master_key_file_next"
	};
	static const char *const what[] = {"master key", "next master key"};
	int			i;

	for (i = 0; i < lengthof(setting); i++)
	{
		const char *path = GetConfigOption(setting[i], true, false);
		char	   *directory;
		struct stat st;
		size_t		length;
		int			error;

		if (path == NULL || *path == '\0')
			continue;
		caredata_report_key_file(caredata_read_secret_file(path, NULL, 0,
														   &length, &error),
								 what[i], path, true, error);

		/* who may write the directory can put another file in its place */
		directory = pstrdup(path);
		get_parent_directory(directory);
		if (stat(directory, &st) == 0 &&
			(st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
			(st.st_mode & S_ISVTX) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the directory of the %s file can be written by others than its owner",
							what[i]),
					 errhint("Take the permission away: chmod go-w.")));
	}
	PG_RETURN_VOID();
}

/*
 * A query as PostgreSQL prints it.  Columns are printed with the name of their
 * table only if there is more than one in the range table, and that of a view
 * may have entries for OLD and NEW beside its own: with one more that stands
 * for nothing there always is.
 */
static char *
print_query(Query *query)
{
	Query	   *copy = copyObject(query);
	RangeTblEntry *nothing = makeNode(RangeTblEntry);

	nothing->rtekind = RTE_RESULT;
	nothing->eref = makeAlias("nothing", NIL);
	copy->rtable = lappend(copy->rtable, nothing);
	return pg_get_querydef(copy, false);
}

/*
 * caredata.view_shows(view, query): whether the view shows what this query
 * would, column by column and name by name.  Both are compared as PostgreSQL
 * prints them.
 */
Datum
caredata_view_shows(PG_FUNCTION_ARGS)
{
	Oid			viewid = PG_GETARG_OID(0);
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(1));
	List	   *statements = pg_parse_query(sql);
	Relation	view;
	Query	   *wanted;
	ListCell   *lc;
	bool		same;
	int			column = 0;

	if (list_length(statements) != 1 ||
		!IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a view is compared with one SELECT")));
	wanted = parse_analyze_fixedparams(linitial_node(RawStmt, statements),
									   sql, NULL, 0, NULL);

	view = relation_open(viewid, AccessShareLock);
	same = view->rd_rel->relkind == RELKIND_VIEW &&
		strcmp(print_query(get_view_query(view)), print_query(wanted)) == 0;

	/* ALTER VIEW ... RENAME COLUMN leaves the query as it is */
	foreach(lc, wanted->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!same || entry->resjunk)
			continue;
		same = column < RelationGetNumberOfAttributes(view) &&
			strcmp(NameStr(TupleDescAttr(RelationGetDescr(view), column)->attname),
				   entry->resname) == 0;
		column++;
	}
	same = same && column == RelationGetNumberOfAttributes(view);
	relation_close(view, AccessShareLock);
	PG_RETURN_BOOL(same);
}
