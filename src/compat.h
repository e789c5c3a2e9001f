/*
 * compat.h
 *		Differences between PostgreSQL 15, 16, 17 and 18, in one place.
 *
 * No other file tests PG_VERSION_NUM.
 */
#ifndef CAREDATA_COMPAT_H
#define CAREDATA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "caredata needs PostgreSQL 15 or later"
#endif

#include "nodes/parsenodes.h"

/* 16: varatt.h left postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * 16: soft errors.  Earlier servers have no caller that could take one, so an
 * error is an error.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define ereturn(context_, dummy_value_, ...) \
	do { \
		(void) (context_); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value_; \
	} while (0)
#endif

/*
 * 16: what a statement may do moved from the range table to a list of its
 * own.  Parameters of an ExecutorCheckPerms_hook, how to pass them on, the
 * list to go through, and its elements.
 */
#if PG_VERSION_NUM >= 160000
#define CAREDATA_CHECK_PERMS_ARGS \
	List *rangeTable, List *rtePermInfos, bool ereport_on_violation
#define CAREDATA_CHECK_PERMS_PASS rangeTable, rtePermInfos, ereport_on_violation
#define CAREDATA_CHECK_PERMS_LIST rtePermInfos
typedef RTEPermissionInfo CaredataCheckPerms;
#else
#define CAREDATA_CHECK_PERMS_ARGS List *rangeTable, bool ereport_on_violation
#define CAREDATA_CHECK_PERMS_PASS rangeTable, ereport_on_violation
#define CAREDATA_CHECK_PERMS_LIST rangeTable
typedef RangeTblEntry CaredataCheckPerms;
#endif

/*
 * 16: a custom scan can say what kind of slot it reads into.  Earlier servers
 * make it a virtual one; who wants another makes it himself.
 */
#if PG_VERSION_NUM >= 160000
#define CAREDATA_SET_SLOT_OPS(css, ops) ((css)->slotOps = (ops))
#else
#define CAREDATA_SET_SLOT_OPS(css, ops) ((void) 0)
#endif

/* 16: one function tells the rights on objects of any kind. */
#if PG_VERSION_NUM >= 160000
#define caredata_function_aclcheck(funcid, roleid, mode) \
	object_aclcheck(ProcedureRelationId, funcid, roleid, mode)
#else
#define caredata_function_aclcheck(funcid, roleid, mode) \
	pg_proc_aclcheck(funcid, roleid, mode)
#endif

/* 18: the header of EXPLAIN for others than EXPLAIN itself */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#else
#include "commands/explain.h"
#endif

/* 18: a module can name itself and its version */
#ifdef PG_MODULE_MAGIC_EXT
#define CAREDATA_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "caredata", .version = CAREDATA_VERSION)
#else
#define CAREDATA_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* CAREDATA_COMPAT_H */
