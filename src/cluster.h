/*
 * cluster.h
 *		From links between records to clusters of records, one for each person.
 *
 * No PostgreSQL in here.  Memory comes from the caller, who may leave at any
 * time by a long jump and free everything at once.
 */
#ifndef CAREDATA_CLUSTER_H
#define CAREDATA_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* allocate() does not return NULL. */
typedef struct ClusterMemory
{
	void	   *(*allocate) (void *context, size_t bytes);
	void		(*release) (void *context, void *block);
	void	   *context;
} ClusterMemory;

/* What is known of a record.  All zero says nothing. */
typedef struct ClusterRecord
{
	int64_t		nhs_number;		/* valid, or 0 */
	int32_t		source;			/* 1, 2, ...: a source that has every person
								 * once; 0 for any other */
	int32_t		birth;			/* year, month and day as one number, or 0 */
	int32_t		sex;			/* 1 or 2; others say nothing */
} ClusterRecord;

/* Why two clusters are not one.  From CLUSTER_SOURCE on for good. */
typedef enum ClusterReason
{
	CLUSTER_JOINED,				/* they are one */
	CLUSTER_FEW_LINKS,			/* too few of their pairs are linked */
	CLUSTER_NHS_NUMBERS,		/* both have NHS numbers, none in common */
	CLUSTER_SOURCE,				/* a source without duplicates is in both */
	CLUSTER_SEX_AND_BIRTH,		/* sex and date of birth contradict */
	CLUSTER_DECIDED				/* decided to be different persons */
} ClusterReason;

/* Two clusters that links wanted to be one, at the end. */
typedef struct ClusterRefusal
{
	int32_t		left;			/* the first of the links between them */
	int32_t		right;
	double		weight;
	int64_t		links;			/* how many there are */
	ClusterReason reason;
} ClusterRefusal;

typedef struct ClusterState ClusterState;

/* Called now and then by what may take long; may leave by longjmp. */
typedef void (*ClusterPause) (void);

/*
 * Records are numbered from 0.  Two clusters are joined when at least
 * "floor" times the number of their pairs are linked: 0 joins by any link,
 * 1 only when all pairs are linked.  records may be NULL; otherwise it has
 * to stay as it is while the state is used.
 */
extern ClusterState *cluster_begin(const ClusterMemory *memory, int32_t count,
								   double floor, const ClusterRecord *records);

/*
 * Decisions come before links, those that keep apart before those that join.
 * Deciding that two are the same overrides everything but a decision that
 * they are different.
 */
extern void cluster_decide_different(ClusterState *state, int32_t left,
									 int32_t right);
extern ClusterReason cluster_decide_same(ClusterState *state, int32_t left,
										 int32_t right);

/* Links come by descending weight, each pair of records once. */
extern ClusterReason cluster_link(ClusterState *state, int32_t left,
								  int32_t right, double weight);

/*
 * The clusters so far: for each record the least record of its cluster.
 * numbers has room for all records.
 */
extern void cluster_numbers(ClusterState *state, int32_t *numbers);

/*
 * Refused pairs of clusters, by descending weight of their first link, then
 * by its records.  Allocated from the caller's memory.
 */
extern ClusterRefusal *cluster_refusals(ClusterState *state, int64_t *count);

/*
 * Links of a connected or unconnected graph without which it would have one
 * part more.  Records 0 to count - 1; a link from a record to itself is
 * never one, two between the same records are none either.
 */
extern int64_t cluster_bridges(const ClusterMemory *memory, int32_t count,
							   int64_t links, const int32_t *left,
							   const int32_t *right, ClusterPause pause);

#endif							/* CAREDATA_CLUSTER_H */
