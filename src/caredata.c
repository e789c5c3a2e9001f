/*
 * caredata.c
 *		Start-up: magic block, then each module's settings and hooks.
 *
 * Nothing else lives here.  Every module that has a setting or a hook exports
 * one caredata_<module>_init() and is called from _PG_init(); no module
 * depends on this file.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "catalog.h"
#include "compat.h"
#include "drop_gate.h"
#include "explain_gate.h"
#include "master_key.h"
#include "policy_first.h"
#include "quota.h"
#include "release_gate.h"
#include "spelling.h"
#include "visible.h"
#include "visible_scan.h"

CAREDATA_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	caredata_catalog_init(process_shared_preload_libraries_in_progress);
	caredata_master_key_init(process_shared_preload_libraries_in_progress);
	caredata_quota_init(process_shared_preload_libraries_in_progress);
	caredata_visible_init();
	caredata_visible_scan_init();
	caredata_release_gate_init();
	caredata_explain_gate_init();
	caredata_drop_gate_init();
	caredata_spelling_init();
	caredata_policy_first_init();

	MarkGUCPrefixReserved("caredata");
}

PG_FUNCTION_INFO_V1(caredata_version);

/* caredata.version(): the version of the loaded library, not of the SQL. */
Datum
caredata_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CAREDATA_VERSION));
}
