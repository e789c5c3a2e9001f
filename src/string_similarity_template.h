/*
 * string_similarity_template.h
 *		string_similarity.c includes this once for each width of a character.
 *
 * CHARACTER is the type of a character, NAME(x) the name of x for it.  Before
 * it, NAME(find_positions) and NAME(positions_of) are defined.
 */

static inline bool
NAME(equal)(const CHARACTER *a, size_t la, const CHARACTER *b, size_t lb)
{
	return la == lb && memcmp(a, b, la * sizeof(CHARACTER)) == 0;
}

/* How many of the first four characters agree. */
static inline int
NAME(common_prefix)(const CHARACTER *a, size_t la,
					const CHARACTER *b, size_t lb)
{
	size_t		most = shorter(shorter(la, lb), 4);
	size_t		n = 0;

	while (n < most && a[n] == b[n])
		n++;
	return (int) n;
}

/* ------------------------------------------------------------------------
 * Jaro and Jaro-Winkler
 * ------------------------------------------------------------------------
 */

/*
 * Characters in common: from left to right, each character of a takes the
 * first equal one of b that is near enough and not taken.
 */
static inline int
NAME(match_short)(const CHARACTER *a, size_t la, const CHARACTER *b, size_t lb,
				  uint64_t *matched_a, uint64_t *matched_b)
{
	size_t		window = jaro_window(la, lb);
	uint64_t	near = (UINT64_C(2) << window) - 1;
	uint64_t	taken_a = 0;
	uint64_t	taken_b = 0;
	NAME(Positions) positions;
	int			matches = 0;
	size_t		i;

	NAME(find_positions)(&positions, a, la, b, lb);
	for (i = 0; i < la; i++)
	{
		uint64_t	candidates = NAME(positions_of)(&positions, a[i]) &
			near & ~taken_b;

		taken_b |= candidates & (~candidates + 1);
		taken_a |= (uint64_t) (candidates != 0) << i;
		matches += candidates != 0;
		near = near << 1 | (uint64_t) (i < window);
	}
	*matched_a = taken_a;
	*matched_b = taken_b;
	return matches;
}

/* How many of the characters in common are not in the same order. */
static inline int
NAME(unlike_short)(const CHARACTER *a, uint64_t matched_a,
				   const CHARACTER *b, uint64_t matched_b)
{
	int			unlike = 0;

	for (; matched_a != 0; matched_a &= matched_a - 1)
	{
		unlike += a[lowest_bit(matched_a)] != b[lowest_bit(matched_b)];
		matched_b &= matched_b - 1;
	}
	return unlike;
}

/* Both, without words. */
static int
NAME(match_long)(const CHARACTER *a, size_t la, const CHARACTER *b, size_t lb,
				 int *unlike)
{
	size_t		window = jaro_window(la, lb);
	bool		matched_a[STRING_SIMILARITY_MAX];
	bool		matched_b[STRING_SIMILARITY_MAX];
	int			matches = 0;
	size_t		i;
	size_t		j;

	memset(matched_a, false, la);
	memset(matched_b, false, lb);
	for (i = 0; i < la; i++)
	{
		size_t		end = shorter(i + window + 1, lb);

		for (j = i > window ? i - window : 0; j < end; j++)
			if (!matched_b[j] && a[i] == b[j])
			{
				matched_a[i] = matched_b[j] = true;
				matches++;
				break;
			}
	}

	*unlike = 0;
	for (i = j = 0; i < la; i++)
	{
		if (!matched_a[i])
			continue;
		while (!matched_b[j])
			j++;
		*unlike += a[i] != b[j++];
	}
	return matches;
}

double
NAME(caredata_jaro)(const CHARACTER *a, size_t la,
					const CHARACTER *b, size_t lb)
{
	uint64_t	matched_a;
	uint64_t	matched_b;
	int			matches;
	int			unlike;

	if (la == 0 || lb == 0)
		return 0.0;
	if (NAME(equal)(a, la, b, lb))
		return 1.0;
	if (longer(la, lb) <= WORD_BITS)
	{
		matches = NAME(match_short)(a, la, b, lb, &matched_a, &matched_b);
		unlike = NAME(unlike_short)(a, matched_a, b, matched_b);
	}
	else
		matches = NAME(match_long)(a, la, b, lb, &unlike);
	return matches == 0 ? 0.0 : jaro_value(la, lb, matches, unlike);
}

double
NAME(caredata_jaro_winkler)(const CHARACTER *a, size_t la,
							const CHARACTER *b, size_t lb)
{
	double		jaro = NAME(caredata_jaro)(a, la, b, lb);

	return jaro > 0.7 ?
		winkler_value(jaro, NAME(common_prefix)(a, la, b, lb)) : jaro;
}

double
NAME(caredata_jaro_winkler_at_least)(const CHARACTER *a, size_t la,
									 const CHARACTER *b, size_t lb,
									 double least)
{
	int			prefix = NAME(common_prefix)(a, la, b, lb);
	double		needed = matches_needed(la, lb, prefix, least);
	double		value;

	if (la == 0 || lb == 0 || least > 1.0 || (double) shorter(la, lb) < needed)
		return 0.0;
	if (NAME(equal)(a, la, b, lb))
		return 1.0;
	if (longer(la, lb) <= WORD_BITS)
	{
		uint64_t	matched_a;
		uint64_t	matched_b;
		int			matches = NAME(match_short)(a, la, b, lb,
												&matched_a, &matched_b);

		if (matches == 0 || (double) matches < needed)
			return 0.0;
		value = jaro_value(la, lb, matches,
						   NAME(unlike_short)(a, matched_a, b, matched_b));
	}
	else
		value = NAME(caredata_jaro)(a, la, b, lb);
	value = winkler_value(value, prefix);
	return value >= least ? value : 0.0;
}

/* ------------------------------------------------------------------------
 * Edit distances
 * ------------------------------------------------------------------------
 */

/*
 * Leaves out what both begin and end with, which changes none of the three
 * distances, and puts the shorter first.
 */
static inline void
NAME(trim)(const CHARACTER **a, size_t *la, const CHARACTER **b, size_t *lb)
{
	while (*la > 0 && *lb > 0 && **a == **b)
	{
		(*a)++, (*la)--;
		(*b)++, (*lb)--;
	}
	while (*la > 0 && *lb > 0 && (*a)[*la - 1] == (*b)[*lb - 1])
	{
		(*la)--;
		(*lb)--;
	}
	if (*la > *lb)
	{
		const CHARACTER *string = *a;
		size_t		length = *la;

		*a = *b, *la = *lb;
		*b = string, *lb = length;
	}
}

/*
 * Rows of words (Myers 1999; with transpositions, Hyyro 2003).  Bit i of
 * `more` and `less` says that the distance grows or falls by one from the
 * first i characters of a to the first i + 1; column by column of b.  a has
 * 1 to 64 characters.
 */
static inline int
NAME(distance_short)(const CHARACTER *a, size_t la,
					 const CHARACTER *b, size_t lb,
					 bool transpositions, int bound)
{
	uint64_t	more = ~UINT64_C(0);
	uint64_t	less = 0;
	uint64_t	same = 0;
	uint64_t	previous = 0;
	NAME(Positions) positions;
	int			distance = (int) la;
	size_t		j;

	NAME(find_positions)(&positions, b, lb, a, la);
	for (j = 0; j < lb; j++)
	{
		uint64_t	equal = NAME(positions_of)(&positions, b[j]);
		uint64_t	swapped = 0;
		uint64_t	right;
		uint64_t	right_less;

		if (transpositions)
			swapped = ((~same & equal) << 1) & previous;
		previous = equal;

		same = (((equal & more) + more) ^ more) | equal | less | swapped;
		right = less | ~(same | more);
		right_less = same & more;
		distance += (int) (right >> (la - 1) & 1);
		distance -= (int) (right_less >> (la - 1) & 1);

		/* it falls by at most one for each character that is left */
		if (distance - (int) (lb - 1 - j) > bound)
			return bound + 1;

		right = right << 1 | 1;
		more = right_less << 1 | ~(same | right);
		less = same & right;
	}
	return distance;
}

/*
 * Rows of numbers, only `bound` to either side of the diagonal: outside that
 * band every distance is greater.
 */
static int
NAME(distance_long)(const CHARACTER *a, size_t la,
					const CHARACTER *b, size_t lb,
					bool transpositions, int bound)
{
	int			rows[3][STRING_SIMILARITY_MAX + 1];
	int		   *before = rows[0];
	int		   *above = rows[1];
	int		   *row = rows[2];
	size_t		band = (size_t) bound;
	size_t		i;
	size_t		j;

	for (j = 0; j <= lb; j++)
		row[j] = minimum((int) j, bound + 1);
	for (i = 1; i <= la; i++)
	{
		size_t		first = i > band ? i - band : 1;
		size_t		last = shorter(i + band, lb);
		int			least = bound + 1;
		int		   *spare = before;

		before = above;
		above = row;
		row = spare;
		row[first - 1] = first == 1 ? minimum((int) i, bound + 1) : bound + 1;
		for (j = first; j <= last; j++)
		{
			int			value = above[j - 1] + (a[i - 1] != b[j - 1]);

			value = minimum(value, row[j - 1] + 1);
			/* the last of the row above was outside the band */
			if (j < i + band)
				value = minimum(value, above[j] + 1);
			if (transpositions && i > 1 && j > 1 &&
				a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				value = minimum(value, before[j - 2] + 1);
			row[j] = minimum(value, bound + 1);
			least = minimum(least, row[j]);
		}
		/* a transposition reaches over one row, at a cost of one */
		if (least > bound && row[first - 1] > bound && !transpositions)
			return bound + 1;
	}
	return row[lb];
}

static inline int
NAME(distance)(const CHARACTER *a, size_t la, const CHARACTER *b, size_t lb,
			   bool transpositions, int bound)
{
	NAME(trim)(&a, &la, &b, &lb);
	if (lb - la > (size_t) bound)
		return bound + 1;
	if (la == 0)
		return (int) lb;
	if (la <= WORD_BITS)
		return NAME(distance_short)(a, la, b, lb, transpositions, bound);
	return NAME(distance_long)(a, la, b, lb, transpositions, bound);
}

int
NAME(caredata_levenshtein)(const CHARACTER *a, size_t la,
						   const CHARACTER *b, size_t lb)
{
	return NAME(distance)(a, la, b, lb, false, (int) longer(la, lb));
}

int
NAME(caredata_levenshtein_bounded)(const CHARACTER *a, size_t la,
								   const CHARACTER *b, size_t lb, int bound)
{
	return NAME(distance)(a, la, b, lb, false,
						  minimum(bound, (int) longer(la, lb)));
}

int
NAME(caredata_osa)(const CHARACTER *a, size_t la,
				   const CHARACTER *b, size_t lb)
{
	return NAME(distance)(a, la, b, lb, true, (int) longer(la, lb));
}

int
NAME(caredata_osa_bounded)(const CHARACTER *a, size_t la,
						   const CHARACTER *b, size_t lb, int bound)
{
	return NAME(distance)(a, la, b, lb, true,
						  minimum(bound, (int) longer(la, lb)));
}

/*
 * A transposition turns x..y into y..x where a has only x and y as neighbours,
 * or b has: had both more between them, as many substitutions would be as good.
 * So of the many cells that the textbook goes back to, two are enough: one two
 * rows above, and one that each column remembers (Zhao and Sahni 2019).
 */
int
NAME(caredata_damerau)(const CHARACTER *a, size_t la,
					   const CHARACTER *b, size_t lb)
{
	int			rows[3][STRING_SIMILARITY_MAX + 1];
	int			remembered[STRING_SIMILARITY_MAX + 1];
	int			remembered_row[STRING_SIMILARITY_MAX + 1];
	int		   *before = rows[0];
	int		   *above = rows[1];
	int		   *row = rows[2];
	size_t		i;
	size_t		j;

	NAME(trim)(&a, &la, &b, &lb);
	for (j = 0; j <= lb; j++)
	{
		row[j] = (int) j;
		remembered_row[j] = 0;
	}
	for (i = 1; i <= la; i++)
	{
		size_t		match = 0;	/* the last column whose character is a[i - 1] */
		int		   *spare = before;

		before = above;
		above = row;
		row = spare;
		row[0] = (int) i;
		for (j = 1; j <= lb; j++)
		{
			int			value;

			if (a[i - 1] == b[j - 1])
			{
				value = above[j - 1];
				/* for a later row in which b[j - 2] is met */
				remembered[j] = j > 1 ? above[j - 2] : 0;
				remembered_row[j] = (int) i;
				match = j;
			}
			else
			{
				int			k = remembered_row[j];

				value = minimum(above[j - 1], minimum(above[j], row[j - 1])) + 1;
				/* neighbours in b: a[k - 1] .. a[i - 1] become b[j - 2], b[j - 1] */
				if (k > 0 && match > 0 && match == j - 1)
					value = minimum(value, remembered[j] + (int) i - k);
				/* neighbours in a */
				else if (k > 0 && match > 0 && k == (int) i - 1)
					value = minimum(value, before[match - 1] + (int) (j - match));
			}
			row[j] = value;
		}
	}
	return row[lb];
}

int
NAME(caredata_damerau_bounded)(const CHARACTER *a, size_t la,
							   const CHARACTER *b, size_t lb, int bound)
{
	size_t		difference = longer(la, lb) - shorter(la, lb);
	int			distance;

	if (difference > (size_t) bound)
		return bound + 1;
	/* up to 1 there is no room to edit anything twice */
	if (bound <= 1)
		return NAME(caredata_osa_bounded)(a, la, b, lb, bound);
	distance = NAME(caredata_damerau)(a, la, b, lb);
	return minimum(distance, bound + 1);
}
