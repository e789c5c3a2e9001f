/*
 * link_model.h
 *		A model of caredata.link_model read into memory.
 */
#ifndef CAREDATA_LINK_MODEL_H
#define CAREDATA_LINK_MODEL_H

#include "fmgr.h"

#include "link_layout.h"
#include "name_standard.h"

/* A model, and what C needs to know of it beyond comparing. */
typedef struct LoadedModel
{
	int32		model_id;
	CommandId	command;		/* that saw these rows */
	NameData	column[LINK_MAX_FIELDS];	/* of each field */
	int			rule_ordinal[LINK_MAX_RULES];
	int			comparison_ordinal[LINK_MAX_COMPARISONS];
	NameLists  *name_lists;		/* once a name has been packed */
	LinkModel	model;
} LoadedModel;

/*
 * The model of that number, as the running statement sees it.  Kept in the
 * call site's memory, and read again by a later command.  Raises if there is
 * no such model, or if its rows are not a model.
 */
extern LoadedModel *caredata_load_link_model(FmgrInfo *flinfo, int32 model_id);

/* Raise where the bytes, or the number, are none of this model's. */
extern void caredata_open_link_record(const LoadedModel *loaded, bytea *record,
									  LinkRecord *opened);
extern int64 caredata_check_link_pattern(const LoadedModel *loaded,
										 int64 pattern);

/* double precision[], NULL for what is unknown: a NaN. */
extern Datum caredata_float8_array(const double *values, int count);

#endif							/* CAREDATA_LINK_MODEL_H */
