/*
 * fellegi_sunter_test.c
 *		Weights against figures worked out by hand, and estimation against
 *		patterns made from known parameters.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fellegi_sunter.h"
#include "tap.h"

#define COMPARISONS		5
#define PATTERNS		243		/* three levels each, no missing values */

static LinkModel model;
static int64_t pattern[PATTERNS];
static double count[PATTERNS];
static int	pauses;

static void
no_pause(void)
{
	pauses++;
}

static bool
near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance;
}

static void
make_model(int comparisons, int levels)
{
	int			i;
	int			j;

	memset(&model, 0, sizeof(model));
	model.ncomparisons = comparisons;
	for (i = 0; i < comparisons; i++)
	{
		LinkComparison *c = &model.comparison[i];

		c->kind = LINK_KIND_TEXT;
		c->nfields = 1;
		c->nlevels = levels;
		for (j = 0; j < levels; j++)
			c->level[j].test = j == 0 ? LINK_TEST_EXACT :
				j == levels - 1 ? LINK_TEST_ELSE : LINK_TEST_JARO;
	}
	model.nfields = 1;
	model.field[0].kind = LINK_KIND_TEXT;
	ok(caredata_link_lay_out(&model), "%d comparisons of %d levels fit", comparisons,
	   levels);
}

/* A pair that agrees everywhere, of the model that the documents give. */
static void
test_worked_example(void)
{
	static const double m[] = {.689, .678, .9415, .9112, .8712, .8407};
	static const double u[] = {.003381, .003809, .0001886, .0001570, .01394, .001162};
	static const double weight[] = {7.672, 7.477, 12.285, 12.503, 5.966, 9.499};
	int64_t		all = 0;
	double		sum;
	int			i;

	make_model(6, 2);
	model.lambda = .00023835;
	for (i = 0; i < 6; i++)
	{
		model.comparison[i].level[0].m = m[i];
		model.comparison[i].level[0].u = u[i];
		all |= INT64_C(2) << model.comparison[i].shift;
		ok(near(caredata_level_weight(&model.comparison[i], 1), weight[i], 0.002),
		   "weight of comparison %d", i);
	}
	sum = caredata_pattern_weight(&model, all, NULL, NULL);
	ok(near(sum, 43.368, 0.005), "they add up to 43.368, with what any two have: %.4f", sum);
	ok(caredata_weight_probability(sum) > 1 - 1e-12, "which is certain");
	ok(near(caredata_pattern_weight(&model, 0, NULL, NULL), -12.034, 0.001),
	   "no evidence leaves what any two have");
}

static void
test_what_is_not_known(void)
{
	double		weight;

	make_model(1, 2);
	model.lambda = 0.5;
	model.comparison[0].level[0].m = 0.9;
	model.comparison[0].level[0].u = NAN;
	model.comparison[0].level[1].m = 0.0;
	model.comparison[0].level[1].u = 0.5;
	ok(near(caredata_level_weight(&model.comparison[0], 1), log2(0.9 / 1e-6), 1e-9),
	   "a probability that was not estimated is 1e-6");
	weight = caredata_pattern_weight(&model, 1, NULL, NULL);
	ok(weight < -900 && isfinite(weight), "one that is 0 is not, but nearly");
	ok(caredata_weight_probability(1e9) == 1.0 &&
	   caredata_weight_probability(-1e9) >= 0.0, "no weight is too great");
	model.lambda = NAN;
	ok(isfinite(caredata_pattern_weight(&model, 1, NULL, NULL)),
	   "nor does a lambda that is not known make NaN");
}

/* Counts of all patterns of pairs of one person and of two, independent. */
static void
make_counts(double lambda, double all, const double m[3], const double u[3],
			bool only_likely)
{
	int			i;
	int			j;

	for (i = 0; i < PATTERNS; i++)
	{
		double		of_one = lambda * all;
		double		of_two = (1 - lambda) * all;
		int			rest = i;
		int			agree = 0;

		pattern[i] = 0;
		for (j = 0; j < COMPARISONS; j++)
		{
			int			level = rest % 3;

			rest /= 3;
			agree += level == 2;
			pattern[i] |= (int64_t) (level + 1) << model.comparison[j].shift;
			of_one *= m[2 - level];
			of_two *= u[2 - level];
		}
		count[i] = of_one + of_two;
		if (only_likely && agree == 0)
			count[i] = 0;
	}
}

static int
compare_patterns(const void *a, const void *b)
{
	int64_t		left = pattern[*(const int *) a];
	int64_t		right = pattern[*(const int *) b];

	return left < right ? -1 : left > right;
}

static void
sort_counts(void)
{
	int			order[PATTERNS];
	int64_t		sorted_pattern[PATTERNS];
	double		sorted_count[PATTERNS];
	int			i;

	for (i = 0; i < PATTERNS; i++)
		order[i] = i;
	qsort(order, PATTERNS, sizeof(int), compare_patterns);
	for (i = 0; i < PATTERNS; i++)
	{
		sorted_pattern[i] = pattern[order[i]];
		sorted_count[i] = count[order[i]];
	}
	memcpy(pattern, sorted_pattern, sizeof(pattern));
	memcpy(count, sorted_count, sizeof(count));
}

static void
test_session(void)
{
	static const double m[] = {0.8, 0.15, 0.05};
	static const double u[] = {0.02, 0.08, 0.9};
	bool		active[LINK_MAX_COMPARISONS] = {true, true, true, true, true};
	PatternCounts pairs = {PATTERNS, pattern, count};
	EstimateReport report;
	double		lambda = 0.01;
	int			j;

	make_model(COMPARISONS, 3);
	make_counts(0.1, 1e6, m, u, false);
	sort_counts();
	caredata_start_m(&model, 0.95);
	for (j = 0; j < COMPARISONS; j++)
		memcpy(&model.comparison[j].level[0].u, &u[0], sizeof(double)),
			model.comparison[j].level[1].u = u[1],
			model.comparison[j].level[2].u = u[2];
	active[4] = false;
	pauses = 0;
	caredata_estimate_session(&model, active, &pairs, &lambda, &report, no_pause);
	ok(report.converged && report.rounds > 1 && pauses == report.rounds,
	   "a session settles, and can be interrupted in each of its %d rounds", report.rounds);
	ok(near(lambda, 0.1, 0.002), "it finds the share of matches: %.4f", lambda);
	ok(near(model.comparison[0].level[0].m, 0.8, 0.005) &&
	   near(model.comparison[3].level[1].m, 0.15, 0.005), "and m");
	ok(model.comparison[4].level[0].m == 0.95, "a comparison that is not active stays");

	lambda = 0.3;
	pairs.n = 0;
	caredata_estimate_session(&model, active, &pairs, &lambda, &report, no_pause);
	ok(lambda == 0.3 && !report.converged && report.rounds == 0,
	   "without pairs nothing is estimated");
}

static void
test_joint(void)
{
	static const double m[] = {0.8, 0.15, 0.05};
	static const double u[] = {0.02, 0.08, 0.9};
	static double sample_count[PATTERNS];
	static int64_t sample_pattern[PATTERNS];
	PatternCounts pairs = {PATTERNS, pattern, count};
	PatternCounts sample = {PATTERNS, sample_pattern, sample_count};
	EstimateReport report;
	double	   *work;
	double		first;
	int			i;

	make_model(COMPARISONS, 3);
	make_counts(0.001, 1e7, m, u, false);
	sort_counts();
	memcpy(sample_pattern, pattern, sizeof(pattern));
	for (i = 0; i < PATTERNS; i++)
		sample_count[i] = count[i] / 10;
	/* what blocking does not bring */
	for (i = 0; i < PATTERNS; i++)
	{
		int			j;
		bool		any = false;

		for (j = 0; j < COMPARISONS; j++)
			any = any || caredata_link_pattern_level(&model.comparison[j], pattern[i]) == 2;
		if (!any)
			count[i] = 0;
	}
	work = malloc(sizeof(double) * caredata_estimate_room(&model, &pairs, &sample));
	caredata_estimate_joint(&model, &pairs, &sample, 1e7, &report, work, no_pause);
	ok(report.converged, "the joint estimation settles after %d rounds", report.rounds);
	ok(near(model.lambda, 0.001, 0.0001), "lambda is of all pairs: %.6f", model.lambda);
	ok(near(model.comparison[2].level[0].m, 0.8, 0.02), "m of a level: %.4f",
	   model.comparison[2].level[0].m);
	ok(near(model.comparison[2].level[0].u, 0.02, 0.0005),
	   "u is of strangers, without the pairs of one person: %.5f",
	   model.comparison[2].level[0].u);
	ok(report.threshold > 0.3 && report.threshold <= 0.5, "half of the expected F1 is %.3f",
	   report.threshold);

	/* the same again, and to the last bit */
	first = model.comparison[1].level[1].m;
	caredata_estimate_joint(&model, &pairs, &sample, 1e7, &report, work, no_pause);
	ok(first == model.comparison[1].level[1].m, "the same input gives the same, bit for bit");

	/* nothing at all */
	pairs.n = sample.n = 0;
	caredata_estimate_joint(&model, &pairs, &sample, 0, &report, work, no_pause);
	ok(isfinite(model.lambda) && isfinite(model.comparison[0].level[0].m) &&
	   isfinite(model.comparison[0].level[0].u), "no pairs make no NaN");
	free(work);
}

/*
 * Pairs of strangers, of one person, and of people who share the first two
 * comparisons: without the class for these they pass for one person.
 */
static void
test_relationship(void)
{
	static const double m[] = {0.9, 0.07, 0.03};
	static const double u[] = {0.01, 0.04, 0.95};
	static double household[PATTERNS];
	PatternCounts pairs = {PATTERNS, pattern, count};
	EstimateReport report;
	double	   *work;
	double		part;
	double		with;
	int64_t		shared;
	int			i;
	int			j;

	make_model(COMPARISONS, 3);
	make_counts(0.001, 1e6, m, u, false);
	for (i = 0; i < PATTERNS; i++)
	{
		household[i] = 0.002 * 1e6;
		for (j = 0; j < COMPARISONS; j++)
		{
			int			level = caredata_link_pattern_level(&model.comparison[j], pattern[i]);

			household[i] *= j < 2 ? m[2 - level] : u[2 - level];
		}
		count[i] += household[i];
	}
	sort_counts();
	model.nrelationships = 1;
	model.relationship[0].shared = 3;
	work = malloc(sizeof(double) * caredata_estimate_room(&model, &pairs, &pairs));
	caredata_estimate_joint(&model, &pairs, &pairs, 1e6, &report, work, no_pause);
	ok(near(model.lambda, 0.001, 0.0001), "lambda is of one person only: %.6f", model.lambda);
	ok(near(model.relationship[0].share, 0.002, 0.0002), "the others have their share: %.6f",
	   model.relationship[0].share);

	shared = INT64_C(3) << model.comparison[0].shift | INT64_C(3) << model.comparison[1].shift |
		INT64_C(1) << model.comparison[2].shift | INT64_C(1) << model.comparison[3].shift |
		INT64_C(1) << model.comparison[4].shift;
	with = caredata_pattern_weight(&model, shared, NULL, &part);
	ok(part < -3, "who agrees only on what they share loses by it: %.2f bits", part);
	model.nrelationships = 0;
	ok(near(with - part, caredata_pattern_weight(&model, shared, NULL, NULL), 1e-9),
	   "and that is what the weights without it differ by");
	free(work);
}

int
main(void)
{
	test_worked_example();
	test_what_is_not_known();
	test_session();
	test_joint();
	test_relationship();
	return done();
}
