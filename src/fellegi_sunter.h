/*
 * fellegi_sunter.h
 *		Weights of patterns of agreement, and their estimation, without
 *		PostgreSQL.
 *
 * Everything works on counts of distinct patterns, so that it costs the same
 * whatever the number of pairs, and goes through them in ascending order of
 * pattern, so that it gives the same on every run.  Nothing here raises, and
 * no result is NaN or infinite, except that parameters which could not be
 * estimated are NaN in the model.
 */
#ifndef CAREDATA_FELLEGI_SUNTER_H
#define CAREDATA_FELLEGI_SUNTER_H

#include "link_compare.h"

/* Distinct patterns, ascending, and how many pairs have each. */
typedef struct PatternCounts
{
	int			n;
	const int64_t *pattern;
	const double *count;
} PatternCounts;

typedef struct EstimateReport
{
	int			rounds;
	double		change;			/* of the last round, the greatest */
	bool		converged;
	double		expected_matches;	/* among the pairs counted */
	double		threshold;		/* probability to link from */
} EstimateReport;

/* log2(m / u) of a level; 0 without evidence (-1). */
extern double caredata_level_weight(const LinkComparison *comparison,
									int level);

/*
 * log2 of the odds that a pair of this pattern is one person.  adjustment, if
 * not NULL, has for each comparison what the frequency of its value adds.
 * *relationships, if not NULL, gets the part that comes from the pair
 * perhaps being two people who share something, 0 or less.
 */
extern double caredata_pattern_weight(const LinkModel *model, int64_t pattern,
									  const double *adjustment,
									  double *relationships);
extern double caredata_weight_probability(double weight);

/* What the frequencies of two records add to a level's weight. */
extern double caredata_frequency_weight(const LinkComparison *comparison,
										int level, const LinkRecord *a,
										const LinkRecord *b);

/* m and u to start from, where there are none. */
extern void caredata_start_m(LinkModel *model, double top);

/* u of every comparison from pairs taken at random; NaN where none has it. */
extern void caredata_estimate_u(LinkModel *model, const PatternCounts *sample);

/* Called now and then by what may take long; may leave by longjmp. */
typedef void (*EstimatePause) (void);

/*
 * One session of expectation and maximisation over the pairs that one
 * blocking rule brings together, as Splink does it: u stays, the comparisons
 * that are not active are left out, and *lambda becomes the share of matches
 * among these pairs.  m of levels that no pair has becomes NaN.
 */
extern void caredata_estimate_session(LinkModel *model, const bool *active,
									  const PatternCounts *pairs,
									  double *lambda, EstimateReport *report,
									  EstimatePause pause);

/*
 * All parameters at once: m, lambda and the shares of the relationships from
 * the candidate pairs, every other of all_pairs being no match; u from pairs
 * taken at random, without those that are likely matches.  work has room for
 * caredata_estimate_room() doubles.
 */
extern void caredata_estimate_joint(LinkModel *model,
									const PatternCounts *candidates,
									const PatternCounts *sample,
									double all_pairs, EstimateReport *report,
									double *work, EstimatePause pause);
extern size_t caredata_estimate_room(const LinkModel *model,
									 const PatternCounts *pairs,
									 const PatternCounts *sample);

#endif							/* CAREDATA_FELLEGI_SUNTER_H */
