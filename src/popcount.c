/*
 * popcount.c
 *		Common ones of one bit string with many: popcount.h.
 *
 * Each kernel is one body, compiled once for any number of words and once for
 * 16, the words of 1,024 bits, where the compiler unrolls everything.  There is
 * no division, and one branch for each group of eight rows, or two where half
 * of the words may tell that the group holds no hit.
 */
#include <string.h>

#include "popcount.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_X86_KERNELS
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define USUAL_WORDS		16

static inline uint32_t
word_ones(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) +
		(word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t) (word * UINT64_C(0x0101010101010101) >> 56);
}

uint32_t
caredata_ones(const uint8_t *bytes, size_t length)
{
	uint32_t	ones = 0;
	uint64_t	word;

	for (; length >= sizeof(word); length -= sizeof(word))
	{
		memcpy(&word, bytes, sizeof(word));
		ones += word_ones(word);
		bytes += sizeof(word);
	}
	for (; length > 0; length--)
		ones += word_ones(*bytes++);
	return ones;
}

uint32_t
caredata_common_ones(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint32_t	ones = 0;
	uint64_t	words[2];

	for (; length >= sizeof(words[0]); length -= sizeof(words[0]))
	{
		memcpy(&words[0], a, sizeof(words[0]));
		memcpy(&words[1], b, sizeof(words[0]));
		ones += word_ones(words[0] & words[1]);
		a += sizeof(words[0]);
		b += sizeof(words[0]);
	}
	for (; length > 0; length--)
		ones += word_ones(*a++ & *b++);
	return ones;
}

/* ------------------------------------------------------------------------
 * One word at a time: portable, and with the POPCNT instruction
 * ------------------------------------------------------------------------
 */

/* Reaches one of the lanes a number? */
INLINE bool
any_reaches(const uint32_t *lanes, uint32_t number)
{
	int			lane;

	for (lane = 0; lane < OVERLAP_LANES; lane++)
	{
		if (lanes[lane] >= number)
			return true;
	}
	return false;
}

INLINE size_t
add_hits(const uint32_t *lanes, uint32_t limit, uint32_t first_row,
		 OverlapHit *hits, size_t nhits)
{
	int			lane;

	for (lane = 0; lane < OVERLAP_LANES; lane++)
	{
		hits[nhits].row = first_row + (uint32_t) lane;
		hits[nhits].overlap = lanes[lane];
		nhits += lanes[lane] >= limit;
	}
	return nhits;
}

/* The functions of a kernel whose lanes are eight numbers. */
#define WORD_KERNEL(name, attributes, ones_of) \
attributes INLINE void \
name##_add(const uint64_t *record, const uint64_t *group, size_t from, \
		   size_t to, uint32_t *lanes) \
{ \
	size_t		word; \
	int			lane; \
 \
	for (word = from; word < to; word++) \
	{ \
		for (lane = 0; lane < OVERLAP_LANES; lane++) \
			lanes[lane] += (uint32_t) \
				ones_of(record[word] & group[word * OVERLAP_LANES + lane]); \
	} \
} \
 \
attributes INLINE size_t \
name##_body(const uint64_t *record, const uint64_t *groups, size_t words, \
			size_t ngroups, uint32_t limit, uint32_t half_limit, \
			OverlapHit *hits) \
{ \
	size_t		nhits = 0; \
	size_t		group; \
 \
	for (group = 0; group < ngroups; group++) \
	{ \
		uint32_t	lanes[OVERLAP_LANES] = {0}; \
 \
		name##_add(record, groups, 0, words / 2, lanes); \
		if (half_limit == 0 || any_reaches(lanes, half_limit)) \
		{ \
			name##_add(record, groups, words / 2, words, lanes); \
			if (any_reaches(lanes, limit)) \
				nhits = add_hits(lanes, limit, \
								 (uint32_t) (group * OVERLAP_LANES), \
								 hits, nhits); \
		} \
		groups += words * OVERLAP_LANES; \
	} \
	return nhits; \
}

/* The function of a kernel, from its body. */
#define KERNEL_FUNCTION(name, attributes) \
attributes static size_t \
name##_find(const uint64_t *record, const uint64_t *groups, size_t words, \
			size_t ngroups, uint32_t limit, uint32_t half_limit, \
			OverlapHit *hits) \
{ \
	if (words == USUAL_WORDS) \
		return name##_body(record, groups, USUAL_WORDS, ngroups, limit, \
						   half_limit, hits); \
	return name##_body(record, groups, words, ngroups, limit, half_limit, \
					   hits); \
}

WORD_KERNEL(portable,, word_ones)
KERNEL_FUNCTION(portable,)

static bool
portable_usable(void)
{
	return true;
}

#ifdef HAVE_X86_KERNELS

#define TARGET(instructions)	__attribute__((target(instructions)))

#define ones_by_instruction(word)	_mm_popcnt_u64(word)

WORD_KERNEL(popcnt, TARGET("popcnt"), ones_by_instruction)
KERNEL_FUNCTION(popcnt, TARGET("popcnt"))

static bool
popcnt_usable(void)
{
	return __builtin_cpu_supports("popcnt");
}

/* ------------------------------------------------------------------------
 * AVX2 and AVX-512BW: ones of each half byte by a table in a register, summed
 * in bytes for as many words as a byte holds, then in words of 64 bits
 * ------------------------------------------------------------------------
 */

#define WORDS_IN_A_BYTE		(255 / 8)
#define HALF_BYTE_ONES \
	0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4

#define AVX2			TARGET("avx2")

AVX2 INLINE __m256i
avx2_byte_ones(__m256i bits)
{
	const __m256i ones = _mm256_setr_epi8(HALF_BYTE_ONES, HALF_BYTE_ONES);
	const __m256i low = _mm256_set1_epi8(0x0f);

	return _mm256_add_epi8(_mm256_shuffle_epi8(ones, _mm256_and_si256(bits, low)),
						   _mm256_shuffle_epi8(ones,
											   _mm256_and_si256(_mm256_srli_epi16(bits, 4), low)));
}

AVX2 INLINE void
avx2_add(const uint64_t *record, const uint64_t *group, size_t from,
		 size_t to, __m256i *lanes)
{
	const __m256i zero = _mm256_setzero_si256();

	while (from < to)
	{
		size_t		stop = to - from > WORDS_IN_A_BYTE ? from + WORDS_IN_A_BYTE : to;
		__m256i		low = zero;
		__m256i		high = zero;

		for (; from < stop; from++)
		{
			const __m256i *rows = (const __m256i *) (group + from * OVERLAP_LANES);
			__m256i		word = _mm256_set1_epi64x((long long) record[from]);

			low = _mm256_add_epi8(low, avx2_byte_ones(_mm256_and_si256(word, _mm256_loadu_si256(rows))));
			high = _mm256_add_epi8(high, avx2_byte_ones(_mm256_and_si256(word, _mm256_loadu_si256(rows + 1))));
		}
		lanes[0] = _mm256_add_epi64(lanes[0], _mm256_sad_epu8(low, zero));
		lanes[1] = _mm256_add_epi64(lanes[1], _mm256_sad_epu8(high, zero));
	}
}

/* number is not 0 */
AVX2 INLINE bool
avx2_any_reaches(const __m256i *lanes, uint32_t number)
{
	const __m256i less = _mm256_set1_epi64x((long long) number - 1);

	return _mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpgt_epi64(lanes[0], less),
												_mm256_cmpgt_epi64(lanes[1], less))) != 0;
}

AVX2 INLINE size_t
avx2_body(const uint64_t *record, const uint64_t *groups, size_t words,
		  size_t ngroups, uint32_t limit, uint32_t half_limit, OverlapHit *hits)
{
	size_t		nhits = 0;
	size_t		group;

	for (group = 0; group < ngroups; group++)
	{
		__m256i		lanes[2];

		lanes[0] = lanes[1] = _mm256_setzero_si256();
		avx2_add(record, groups, 0, words / 2, lanes);
		if (half_limit == 0 || avx2_any_reaches(lanes, half_limit))
		{
			avx2_add(record, groups, words / 2, words, lanes);
			if (avx2_any_reaches(lanes, limit))
			{
				uint64_t	wide[OVERLAP_LANES];
				uint32_t	narrow[OVERLAP_LANES];
				int			lane;

				_mm256_storeu_si256((__m256i *) wide, lanes[0]);
				_mm256_storeu_si256((__m256i *) wide + 1, lanes[1]);
				for (lane = 0; lane < OVERLAP_LANES; lane++)
					narrow[lane] = (uint32_t) wide[lane];
				nhits = add_hits(narrow, limit,
								 (uint32_t) (group * OVERLAP_LANES), hits, nhits);
			}
		}
		groups += words * OVERLAP_LANES;
	}
	return nhits;
}

KERNEL_FUNCTION(avx2, AVX2)

static bool
avx2_usable(void)
{
	return __builtin_cpu_supports("avx2");
}

/*
 * The functions of a kernel whose lanes are one register of 512 bits; there is
 * a function name_add().
 */
#define WIDE_KERNEL(name, attributes) \
attributes INLINE size_t \
name##_body(const uint64_t *record, const uint64_t *groups, size_t words, \
			size_t ngroups, uint32_t limit, uint32_t half_limit, \
			OverlapHit *hits) \
{ \
	const __m512i limits = _mm512_set1_epi64((long long) limit); \
	const __m512i half_limits = _mm512_set1_epi64((long long) half_limit); \
	size_t		nhits = 0; \
	size_t		group; \
 \
	for (group = 0; group < ngroups; group++) \
	{ \
		__m512i		lanes; \
 \
		lanes = name##_add(record, groups, 0, words / 2, \
						   _mm512_setzero_si512()); \
		if (half_limit == 0 || \
			_mm512_cmpge_epu64_mask(lanes, half_limits) != 0) \
		{ \
			lanes = name##_add(record, groups, words / 2, words, lanes); \
			if (_mm512_cmpge_epu64_mask(lanes, limits) != 0) \
			{ \
				uint32_t	narrow[OVERLAP_LANES]; \
 \
				_mm256_storeu_si256((__m256i *) narrow, \
									_mm512_cvtepi64_epi32(lanes)); \
				nhits = add_hits(narrow, limit, \
								 (uint32_t) (group * OVERLAP_LANES), \
								 hits, nhits); \
			} \
		} \
		groups += words * OVERLAP_LANES; \
	} \
	return nhits; \
} \
\
KERNEL_FUNCTION(name, attributes)

#define AVX512BW		TARGET("avx512f,avx512bw")

AVX512BW INLINE __m512i
avx512bw_byte_ones(__m512i bits)
{
	const __m512i ones = _mm512_broadcast_i32x4(_mm_setr_epi8(HALF_BYTE_ONES));
	const __m512i low = _mm512_set1_epi8(0x0f);

	return _mm512_add_epi8(_mm512_shuffle_epi8(ones, _mm512_and_si512(bits, low)),
						   _mm512_shuffle_epi8(ones,
											   _mm512_and_si512(_mm512_srli_epi16(bits, 4), low)));
}

AVX512BW INLINE __m512i
avx512bw_add(const uint64_t *record, const uint64_t *group, size_t from,
			 size_t to, __m512i lanes)
{
	const __m512i zero = _mm512_setzero_si512();

	while (from < to)
	{
		size_t		stop = to - from > WORDS_IN_A_BYTE ? from + WORDS_IN_A_BYTE : to;
		__m512i		bytes = zero;

		for (; from < stop; from++)
			bytes = _mm512_add_epi8(bytes,
									avx512bw_byte_ones(_mm512_and_si512(_mm512_set1_epi64((long long) record[from]),
																		_mm512_loadu_si512(group + from * OVERLAP_LANES))));
		lanes = _mm512_add_epi64(lanes, _mm512_sad_epu8(bytes, zero));
	}
	return lanes;
}

WIDE_KERNEL(avx512bw, AVX512BW)

static bool
avx512bw_usable(void)
{
	return __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw");
}

/* ------------------------------------------------------------------------
 * AVX-512 with VPOPCNTDQ: ones of eight words in one instruction
 * ------------------------------------------------------------------------
 */

#define VPOPCNTDQ		TARGET("avx512f,avx512vpopcntdq")

VPOPCNTDQ INLINE __m512i
avx512vpopcntdq_add(const uint64_t *record, const uint64_t *group, size_t from,
					size_t to, __m512i lanes)
{
	for (; from < to; from++)
		lanes = _mm512_add_epi64(lanes,
								 _mm512_popcnt_epi64(_mm512_and_si512(_mm512_set1_epi64((long long) record[from]),
																	  _mm512_loadu_si512(group + from * OVERLAP_LANES))));
	return lanes;
}

WIDE_KERNEL(avx512vpopcntdq, VPOPCNTDQ)

static bool
avx512vpopcntdq_usable(void)
{
	return __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512vpopcntdq");
}

#endif							/* HAVE_X86_KERNELS */

/* ------------------------------------------------------------------------
 * Choice
 * ------------------------------------------------------------------------
 */

const OverlapKernel caredata_overlap_kernels[] = {
#ifdef HAVE_X86_KERNELS
	{"avx512vpopcntdq", avx512vpopcntdq_usable, avx512vpopcntdq_find},
	{"avx512bw", avx512bw_usable, avx512bw_find},
	{"avx2", avx2_usable, avx2_find},
	{"popcnt", popcnt_usable, popcnt_find},
#endif
	{"portable", portable_usable, portable_find}
};

const size_t caredata_overlap_kernel_count =
sizeof(caredata_overlap_kernels) / sizeof(caredata_overlap_kernels[0]);

const OverlapKernel *
caredata_overlap_kernel(void)
{
	const OverlapKernel *kernel = caredata_overlap_kernels;

	while (!kernel->usable())
		kernel++;
	return kernel;
}
