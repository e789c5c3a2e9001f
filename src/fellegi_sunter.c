/*
 * fellegi_sunter.c
 *		Weights of patterns of agreement, and their estimation.
 *
 * After Fellegi and Sunter (1969).  caredata_estimate_session() and the
 * handling of parameters that are missing or zero follow Splink, so that a
 * model moved from there gives the same weights.  caredata_estimate_joint()
 * differs from it in three ways, each of which was measured to find more
 * and better links: one estimation over all candidate pairs together, in the
 * space of all pairs; chance agreement measured without the true pairs; and
 * classes for two different people who share a household, a birthday or a
 * name, which otherwise pass for one.
 */
#include "fellegi_sunter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A probability that could not be estimated, and the least that counts. */
#define UNSEEN_PROBABILITY	1e-6
#define LEAST_PROBABILITY	1e-300

#define SESSION_ROUNDS		25
#define SESSION_CHANGE		1e-4
#define JOINT_ROUNDS		300
#define JOINT_CHANGE		1e-7
#define JOINT_TURNS			4	/* of u, the first with the true pairs in it */
#define START_LAMBDA		1e-4

/*
 * What is taken for granted before anything is seen: a pair in all for m, a
 * hundredth of a pair for each level of u, and of each relationship two pairs
 * for every thousand of one person, without which it may die out in a small
 * file.
 */
#define PRIOR_M				1.0
#define PRIOR_U				0.01
#define PRIOR_SHARE			0.002

/* Beyond this a probability is 0 or 1 anyway, and its odds no double. */
#define GREATEST_WEIGHT		1000.0

static double
bounded(double weight)
{
	if (weight > GREATEST_WEIGHT)
		return GREATEST_WEIGHT;
	if (weight < -GREATEST_WEIGHT)
		return -GREATEST_WEIGHT;
	return weight;
}

static double
usable(double probability)
{
	if (isnan(probability))
		return UNSEEN_PROBABILITY;
	return probability < LEAST_PROBABILITY ? LEAST_PROBABILITY : probability;
}

static const LinkLevel *
level_row(const LinkComparison *comparison, int level)
{
	return &comparison->level[comparison->nlevels - 1 - level];
}

double
caredata_level_weight(const LinkComparison *comparison, int level)
{
	const LinkLevel *row;

	if (level < 0)
		return 0.0;
	row = level_row(comparison, level);
	return log2(usable(row->m) / usable(row->u));
}

double
caredata_weight_probability(double weight)
{
	return 1.0 / (1.0 + exp2(-bounded(weight)));
}

/* log2(lambda / (1 - lambda)), for lambda of any value. */
static double
log2_odds(double probability)
{
	if (!(probability > 0.0))
		return -GREATEST_WEIGHT;
	if (probability >= 1.0)
		return GREATEST_WEIGHT;
	return bounded(log2(probability / (1.0 - probability)));
}

/*
 * From the sum of all weights and that of each relationship's shared
 * comparisons to the weight of the pair.  Being two people who share
 * something takes from the odds; being two people at random is what the
 * weights are relative to.
 */
static double
weigh_relationships(const LinkModel *model, double sum, const double *shared)
{
	double		others = 0.0;	/* shares of pairs in any relationship */
	double		mixture;
	int			i;

	if (model->nrelationships == 0)
		return sum;
	for (i = 0; i < model->nrelationships; i++)
		if (model->relationship[i].share > 0.0)
			others += model->relationship[i].share;
	mixture = 1.0 - others / (1.0 - model->lambda);
	if (!(mixture > LEAST_PROBABILITY))
		mixture = LEAST_PROBABILITY;
	for (i = 0; i < model->nrelationships; i++)
		if (model->relationship[i].share > 0.0)
			mixture += model->relationship[i].share / (1.0 - model->lambda) *
				exp2(bounded(shared[i]));
	return sum - log2(mixture);
}

double
caredata_pattern_weight(const LinkModel *model, int64_t pattern,
						const double *adjustment, double *relationships)
{
	double		shared[LINK_MAX_RELATIONSHIPS] = {0.0};
	double		sum = log2_odds(model->lambda);
	double		weight;
	int			i;
	int			j;

	for (i = 0; i < model->ncomparisons; i++)
	{
		const LinkComparison *c = &model->comparison[i];
		double		own = caredata_level_weight(c,
												caredata_link_pattern_level(c, pattern));

		if (adjustment != NULL)
			own += adjustment[i];
		sum += own;
		for (j = 0; j < model->nrelationships; j++)
			if (model->relationship[j].shared >> i & 1)
				shared[j] += own;
	}
	weight = bounded(weigh_relationships(model, sum, shared));
	if (relationships != NULL)
		*relationships = weight - sum;
	return weight;
}

double
caredata_frequency_weight(const LinkComparison *comparison, int level,
						  const LinkRecord *a, const LinkRecord *b)
{
	double		weight = 0.0;
	int			of;

	for (of = 0; level >= 0 && of < LINK_FREQUENCIES; of++)
	{
		double		frequency;
		double		other;
		double		chance;

		if (!caredata_link_level_frequency(comparison, level, of))
			continue;

		/* what is rare is known by the record that has it; the commoner counts */
		frequency = caredata_link_frequency(a, comparison->slot[of]);
		other = caredata_link_frequency(b, comparison->slot[of]);
		if (other > frequency)
			frequency = other;
		if (!(frequency > 0.0))
			continue;
		if (frequency < comparison->frequency_floor)
			frequency = comparison->frequency_floor;

		/*
		 * The weight has chance agreement on any value at all in the place
		 * of chance agreement on this one: u of the exact level, or of the
		 * one that says forename or surname exact; a name pair, whose levels
		 * are of both, has it from the frequencies.
		 */
		if (comparison->kind == LINK_KIND_NAME_PAIR)
			chance = comparison->chance[of];
		else if (of == LINK_FREQUENCY_VALUE)
			chance = usable(comparison->level[0].u);
		else
			chance = usable(level_row(comparison, level)->u);
		if (chance > 0.0)
			weight += level_row(comparison, level)->frequency_weight *
				(log2(chance) - log2(frequency));
	}
	return weight;
}

void
caredata_start_m(LinkModel *model, double top)
{
	int			i;
	int			j;

	for (i = 0; i < model->ncomparisons; i++)
	{
		LinkComparison *c = &model->comparison[i];

		for (j = 0; j < c->nlevels; j++)
			c->level[j].m = j == 0 ? top : (1.0 - top) / (c->nlevels - 1);
	}
}

/* ------------------------------------------------------------------------
 * Estimation
 * ------------------------------------------------------------------------
 */

/* Sums by comparison and level, the best level first. */
typedef struct Sums
{
	double		level[LINK_MAX_COMPARISONS][LINK_MAX_LEVELS];
	bool		seen[LINK_MAX_COMPARISONS][LINK_MAX_LEVELS];
} Sums;

static void
add_pattern(const LinkModel *model, Sums *sums, int64_t pattern, double count)
{
	int			i;

	for (i = 0; i < model->ncomparisons; i++)
	{
		const LinkComparison *c = &model->comparison[i];
		int			level = caredata_link_pattern_level(c, pattern);

		if (level < 0 || level >= c->nlevels)
			continue;
		sums->level[i][c->nlevels - 1 - level] += count;
		sums->seen[i][c->nlevels - 1 - level] = true;
	}
}

static double
total_of(const LinkComparison *c, const double *level)
{
	double		total = 0.0;
	int			i;

	for (i = 0; i < c->nlevels; i++)
		total += level[i];
	return total;
}

void
caredata_estimate_u(LinkModel *model, const PatternCounts *sample)
{
	Sums		sums = {0};
	int			i;
	int			j;

	for (i = 0; i < sample->n; i++)
		add_pattern(model, &sums, sample->pattern[i], sample->count[i]);
	for (i = 0; i < model->ncomparisons; i++)
	{
		LinkComparison *c = &model->comparison[i];
		double		total = total_of(c, sums.level[i]);

		for (j = 0; j < c->nlevels; j++)
			c->level[j].u = sums.seen[i][j] && total > 0.0 ?
				sums.level[i][j] / total : NAN;
	}
}

void
caredata_estimate_session(LinkModel *model, const bool *active,
						  const PatternCounts *pairs, double *lambda,
						  EstimateReport *report, EstimatePause pause)
{
	int			i;
	int			j;

	memset(report, 0, sizeof(*report));
	while (report->rounds < SESSION_ROUNDS && !report->converged)
	{
		Sums		sums = {0};
		double		matches = 0.0;
		double		all = 0.0;
		double		change;
		double		prior = log2_odds(*lambda);

		pause();
		for (i = 0; i < pairs->n; i++)
		{
			double		weight = prior;
			double		expected;

			for (j = 0; j < model->ncomparisons; j++)
				if (active[j])
					weight += caredata_level_weight(&model->comparison[j],
													caredata_link_pattern_level(&model->comparison[j],
																				pairs->pattern[i]));
			expected = caredata_weight_probability(weight) * pairs->count[i];
			add_pattern(model, &sums, pairs->pattern[i], expected);
			matches += expected;
			all += pairs->count[i];
		}
		if (!(all > 0.0))
			break;
		report->rounds++;
		report->expected_matches = matches;
		change = fabs(matches / all - *lambda);
		*lambda = matches / all;
		for (i = 0; i < model->ncomparisons; i++)
		{
			LinkComparison *c = &model->comparison[i];
			double		total = total_of(c, sums.level[i]);

			for (j = 0; active[i] && j < c->nlevels; j++)
			{
				double		m = sums.seen[i][j] && total > 0.0 ?
				sums.level[i][j] / total : NAN;
				double		before = usable(c->level[j].m);

				if (fabs(usable(m) - before) > change)
					change = fabs(usable(m) - before);
				c->level[j].m = m;
			}
		}
		report->change = change;
		report->converged = change < SESSION_CHANGE;
	}
}

/*
 * The share of every pattern's pairs that are matches, and those of each of
 * the first n relationships, under the model as it is.
 */
static void
expect(const LinkModel *model, int n, const PatternCounts *pairs,
	   double *match, double *related)
{
	double		weight[LINK_MAX_COMPARISONS][LINK_MAX_LEVELS + 1];
	double		prior[LINK_MAX_RELATIONSHIPS];
	double		random = 1.0 - model->lambda;
	int			i;
	int			j;
	int			k;

	for (i = 0; i < model->ncomparisons; i++)
		for (j = -1; j < model->comparison[i].nlevels; j++)
			weight[i][j + 1] = caredata_level_weight(&model->comparison[i], j);
	for (k = 0; k < n; k++)
		random -= model->relationship[k].share;
	if (!(random > LEAST_PROBABILITY))
		random = LEAST_PROBABILITY;
	for (k = 0; k < n; k++)
		prior[k] = model->relationship[k].share > 0.0 ?
			log2(model->relationship[k].share / random) : -GREATEST_WEIGHT;

	for (i = 0; i < pairs->n; i++)
	{
		double		sum = model->lambda > 0.0 ?
		log2(model->lambda / random) : -GREATEST_WEIGHT;
		double		shared[LINK_MAX_RELATIONSHIPS];
		double		all = 1.0;

		for (k = 0; k < n; k++)
			shared[k] = prior[k];
		for (j = 0; j < model->ncomparisons; j++)
		{
			double		own = weight[j][caredata_link_pattern_level(&model->comparison[j],
																	pairs->pattern[i]) + 1];

			sum += own;
			for (k = 0; k < n; k++)
				if (model->relationship[k].shared >> j & 1)
					shared[k] += own;
		}
		sum = exp2(bounded(sum));
		all += sum;
		for (k = 0; k < n; k++)
		{
			shared[k] = exp2(bounded(shared[k]));
			all += shared[k];
		}
		match[i] = sum / all;
		for (k = 0; k < n; k++)
			related[(size_t) i * n + k] = shared[k] / all;
	}
}

size_t
caredata_estimate_room(const LinkModel *model, const PatternCounts *pairs,
					   const PatternCounts *sample)
{
	size_t		n = (size_t) pairs->n;

	if (sample != NULL && (size_t) sample->n > n)
		n = (size_t) sample->n;
	/* matches, and either the relationships or what best_threshold() sorts */
	return (n + 1) * (1 + (model->nrelationships > 3 ?
						   (size_t) model->nrelationships : 3));
}

/* u from the sample, each pattern for as much of it as is no match. */
static void
estimate_u_without(LinkModel *model, const PatternCounts *sample,
				   const double *match)
{
	Sums		sums = {0};
	int			i;
	int			j;

	for (i = 0; i < sample->n; i++)
		add_pattern(model, &sums, sample->pattern[i],
					sample->count[i] * (match == NULL ? 1.0 : 1.0 - match[i]));
	for (i = 0; i < model->ncomparisons; i++)
	{
		LinkComparison *c = &model->comparison[i];
		double		total = total_of(c, sums.level[i]);

		for (j = 0; j < c->nlevels; j++)
			c->level[j].u = (sums.level[i][j] + PRIOR_U) /
				(total + PRIOR_U * c->nlevels);
	}
}

typedef struct Expected
{
	double		match;
	double		count;
	int64_t		pattern;
} Expected;

static int
compare_expected(const void *a, const void *b)
{
	const Expected *left = a;
	const Expected *right = b;

	if (left->match != right->match)
		return left->match > right->match ? -1 : 1;
	return left->pattern < right->pattern ? -1 : left->pattern > right->pattern;
}

/*
 * The probability from which on linking gives the best F1 that the model
 * expects of itself.  It is half of that F1 (Lipton, Elkan and Naryanaswamy
 * 2014), which is steadier than the place of a flat maximum.
 */
static double
best_threshold(const PatternCounts *pairs, const double *match, double *work)
{
	Expected   *expected = (Expected *) work;
	double		all = 0.0;
	double		linked = 0.0;
	double		right = 0.0;
	double		best = 0.0;
	int			i;

	for (i = 0; i < pairs->n; i++)
	{
		expected[i].match = match[i];
		expected[i].count = pairs->count[i];
		expected[i].pattern = pairs->pattern[i];
		all += match[i] * pairs->count[i];
	}
	qsort(expected, pairs->n, sizeof(Expected), compare_expected);
	for (i = 0; i < pairs->n; i++)
	{
		linked += expected[i].count;
		right += expected[i].match * expected[i].count;
		if (linked + all > 0.0 && 2.0 * right / (linked + all) > best)
			best = 2.0 * right / (linked + all);
	}
	return best / 2.0;
}

void
caredata_estimate_joint(LinkModel *model, const PatternCounts *candidates,
						const PatternCounts *sample, double all_pairs,
						EstimateReport *report, double *work,
						EstimatePause pause)
{
	double	   *match = work;
	double	   *related = work + 1 +
		(candidates->n > sample->n ? candidates->n : sample->n);
	int			n = model->nrelationships;
	int			turn;
	int			i;
	int			j;
	int			k;

	memset(report, 0, sizeof(*report));
	if (!(all_pairs >= 1.0))
		all_pairs = 1.0;
	model->lambda = START_LAMBDA;
	for (k = 0; k < n; k++)
		model->relationship[k].share = START_LAMBDA;
	caredata_start_m(model, 0.9);
	estimate_u_without(model, sample, NULL);

	for (turn = 0; turn < JOINT_TURNS; turn++)
	{
		int			round = 0;

		if (turn > 0)
		{
			/* relatives are no strangers either: two classes only */
			expect(model, 0, sample, match, related);
			estimate_u_without(model, sample, match);
		}
		report->converged = false;
		while (round++ < JOINT_ROUNDS && !report->converged)
		{
			Sums		sums = {0};
			double		share[LINK_MAX_RELATIONSHIPS] = {0.0};
			double		matches = 0.0;
			double		change = 0.0;

			pause();
			expect(model, n, candidates, match, related);
			for (i = 0; i < candidates->n; i++)
			{
				double		count = candidates->count[i];

				add_pattern(model, &sums, candidates->pattern[i],
							match[i] * count);
				matches += match[i] * count;
				for (k = 0; k < n; k++)
					share[k] += related[(size_t) i * n + k] * count;
			}
			for (i = 0; i < model->ncomparisons; i++)
			{
				LinkComparison *c = &model->comparison[i];
				double		total = total_of(c, sums.level[i]);

				for (j = 0; j < c->nlevels; j++)
				{
					double		m = (sums.level[i][j] + PRIOR_M / c->nlevels) /
					(total + PRIOR_M);

					if (fabs(m - c->level[j].m) > change)
						change = fabs(m - c->level[j].m);
					c->level[j].m = m;
				}
			}
			model->lambda = matches / all_pairs;
			for (k = 0; k < n; k++)
				model->relationship[k].share = share[k] / all_pairs +
					PRIOR_SHARE * model->lambda;
			report->rounds++;
			report->change = change;
			report->expected_matches = matches;
			report->converged = change < JOINT_CHANGE;
		}
	}
	expect(model, n, candidates, match, related);
	report->threshold = best_threshold(candidates, match, related);
}
