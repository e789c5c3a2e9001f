/*
 * ff1.c
 *		Format-preserving encryption FF1 of NIST SP 800-38G.
 *
 * Ten Feistel rounds over the halves of a string of digits, held as numbers.
 * The function of a round is AES-CBC-MAC over
 *
 *		P	16 bytes: radix, lengths of halves, string and tweak
 *		Q	tweak, zeros, round (1 byte), one half as a number (b bytes)
 *
 * followed by as many further blocks as are needed for d bytes.  P and all
 * blocks of Q but its last are the same in every round and for every value, so
 * they are chained once, in caredata_ff1_prepare().  The half has at most 15
 * bytes, so round and half are always in the last block: a round is one call
 * of the cipher with one block (two for halves above 2^96).
 *
 * The cipher takes nearly all of the time: halves of up to four bytes, those
 * of ten digits and of anything like a local identifier, have rounds of their
 * own in 64-bit arithmetic without a division.
 *
 * Nothing here allocates memory or raises.
 */
#include <stdbool.h>
#include <string.h>

#include "ff1.h"

#define FF1_ROUNDS	10
#define SMALL_HALF	4			/* bytes */

static bool
cipher_block(EVP_CIPHER_CTX *cipher, const uint8_t *in, uint8_t *out)
{
	int			length = 0;

	return EVP_EncryptUpdate(cipher, out, &length, in, FF1_BLOCK) == 1 &&
		length == FF1_BLOCK;
}

static void
write_big_endian(uint8_t *out, size_t bytes, uint32_t value)
{
	while (bytes-- > 0)
	{
		out[bytes] = (uint8_t) value;
		value >>= 8;
	}
}

/* radix to the power of digits; 0 if that is beyond FF1_NUMBER_BITS. */
static Ff1Number
power(unsigned radix, size_t digits)
{
	const Ff1Number limit = (Ff1Number) 1 << FF1_NUMBER_BITS;
	Ff1Number	result = 1;

	while (digits-- > 0)
	{
		if (result > limit / radix)
			return 0;
		result *= radix;
	}
	return result;
}

/* The bytes that a number below size takes. */
static unsigned
bytes_below(Ff1Number size)
{
	Ff1Number	largest = size - 1;
	unsigned	bytes = 0;

	while (largest > 0)
	{
		bytes++;
		largest >>= 8;
	}
	return bytes;
}

Ff1Status
caredata_ff1_prepare(Ff1 *ff1, EVP_CIPHER_CTX *cipher, unsigned radix,
					 size_t length, const uint8_t *tweak, size_t tweak_length)
{
	uint8_t		block[FF1_BLOCK];
	size_t		tail;
	size_t		zeros;
	size_t		done = 0;
	size_t		used;

	if (radix < FF1_MIN_RADIX || radix > FF1_MAX_RADIX)
		return FF1_BAD_RADIX;
	if (tweak_length > FF1_MAX_TWEAK)
		return FF1_TWEAK_TOO_LONG;
	if (length > FF1_MAX_LENGTH)
		return FF1_TOO_LONG;

	ff1->cipher = cipher;
	ff1->radix = radix;
	ff1->left = length / 2;
	ff1->right = length - ff1->left;
	ff1->left_size = power(radix, ff1->left);
	ff1->right_size = power(radix, ff1->right);
	if (ff1->left_size == 0 || ff1->right_size == 0)
		return FF1_TOO_LONG;
	if (ff1->left_size < FF1_MIN_DOMAIN && ff1->right_size < FF1_MIN_DOMAIN &&
		ff1->left_size * ff1->right_size < FF1_MIN_DOMAIN)
		return FF1_TOO_SHORT;
	ff1->half_bytes = bytes_below(ff1->right_size);
	ff1->round_bytes = 4 * ((ff1->half_bytes + 3) / 4) + 4;
	if (ff1->half_bytes <= SMALL_HALF)
	{
		ff1->left_reciprocal = UINT64_MAX / (uint64_t) ff1->left_size;
		ff1->right_reciprocal = UINT64_MAX / (uint64_t) ff1->right_size;
	}

	/* P */
	block[0] = 1;
	block[1] = 2;
	block[2] = 1;
	write_big_endian(block + 3, 3, radix);
	block[6] = FF1_ROUNDS;
	block[7] = (uint8_t) ff1->left;
	write_big_endian(block + 8, 4, (uint32_t) length);
	write_big_endian(block + 12, 4, (uint32_t) tweak_length);
	if (!cipher_block(cipher, block, ff1->chain))
		return FF1_CIPHER_FAILED;

	/* Q, up to where the round stands */
	tail = 1 + ff1->half_bytes;
	zeros = (FF1_BLOCK - (tweak_length + tail) % FF1_BLOCK) % FF1_BLOCK;
	while (tweak_length + zeros - done >= FF1_BLOCK)
	{
		for (used = 0; used < FF1_BLOCK; used++, done++)
			ff1->chain[used] ^= done < tweak_length ? tweak[done] : 0;
		memcpy(block, ff1->chain, FF1_BLOCK);
		if (!cipher_block(cipher, block, ff1->chain))
			return FF1_CIPHER_FAILED;
	}
	for (used = 0; done < tweak_length; used++, done++)
		ff1->chain[used] ^= tweak[done];
	return FF1_OK;
}

/* A round's output as a number, modulo the size of a half. */
static inline Ff1Number
reduce(const uint8_t *bytes, unsigned count, Ff1Number size)
{
	Ff1Number	result = 0;
	unsigned	i = 0;

	/* as many bytes at once as the type holds, and then one by one */
	for (; i < count && i < sizeof(Ff1Number); i++)
		result = result << 8 | bytes[i];
	result %= size;
	for (; i < count; i++)
		result = (result << 8 | bytes[i]) % size;
	return result;
}

/* What round adds to one half, given the other; false if the cipher fails. */
static inline bool
round_function(const Ff1 *ff1, unsigned round, Ff1Number half, Ff1Number size,
			   Ff1Number *result)
{
	uint8_t		in[FF1_BLOCK];
	uint8_t		out[2 * FF1_BLOCK];
	unsigned	i;

	memcpy(in, ff1->chain, FF1_BLOCK);
	in[FF1_BLOCK - 1 - ff1->half_bytes] ^= (uint8_t) round;
	for (i = 1; i <= ff1->half_bytes; i++)
	{
		in[FF1_BLOCK - i] ^= (uint8_t) half;
		half >>= 8;
	}
	if (!cipher_block(ff1->cipher, in, out))
		return false;
	if (ff1->round_bytes > FF1_BLOCK)
	{
		memcpy(in, out, FF1_BLOCK);
		in[FF1_BLOCK - 1] ^= 1;
		if (!cipher_block(ff1->cipher, in, out + FF1_BLOCK))
			return false;
	}
	*result = reduce(out, ff1->round_bytes, size);
	return true;
}

/* ------------------------------------------------------------------------
 * Small halves: d is 8, so a round's output is one 64-bit number
 * ------------------------------------------------------------------------
 */

static inline uint64_t
load_big_endian64(const uint8_t *bytes)
{
	return (uint64_t) bytes[0] << 56 | (uint64_t) bytes[1] << 48 |
		(uint64_t) bytes[2] << 40 | (uint64_t) bytes[3] << 32 |
		(uint64_t) bytes[4] << 24 | (uint64_t) bytes[5] << 16 |
		(uint64_t) bytes[6] << 8 | (uint64_t) bytes[7];
}

static inline void
store_big_endian64(uint8_t *bytes, uint64_t number)
{
	bytes[0] = (uint8_t) (number >> 56);
	bytes[1] = (uint8_t) (number >> 48);
	bytes[2] = (uint8_t) (number >> 40);
	bytes[3] = (uint8_t) (number >> 32);
	bytes[4] = (uint8_t) (number >> 24);
	bytes[5] = (uint8_t) (number >> 16);
	bytes[6] = (uint8_t) (number >> 8);
	bytes[7] = (uint8_t) number;
}

/*
 * number modulo size, where it is below twice the size.  Without a branch: the
 * processor would guess wrong every other time.
 */
static inline uint64_t
less_size(uint64_t number, uint64_t size)
{
	number -= size;
	return number + (size & -(number >> 63));
}

/* number modulo size; the reciprocal is (2^64 - 1) / size, rounded down. */
static inline uint64_t
reduce_small(uint64_t number, uint64_t size, uint64_t reciprocal)
{
#ifdef __SIZEOF_INT128__
	number -= (uint64_t) (((unsigned __int128) number * reciprocal) >> 64) * size;
	/* the quotient was right, or too small by one */
	return less_size(number, size);
#else
	(void) reciprocal;
	return number % size;
#endif
}

/* Both halves change places in every round: in[8..15] holds round and half. */
#define SMALL_ROUND(round, half, size, reciprocal, result) \
	do { \
		store_big_endian64(in + 8, tail ^ (uint64_t) (half) ^ \
						   (uint64_t) (round) << shift); \
		if (!cipher_block(ff1->cipher, in, out)) \
			return FF1_CIPHER_FAILED; \
		(result) = reduce_small(load_big_endian64(out), size, reciprocal); \
	} while (0)

static Ff1Status
encrypt_small(const Ff1 *ff1, Ff1Number *left, Ff1Number *right)
{
	const uint64_t left_size = (uint64_t) ff1->left_size;
	const uint64_t right_size = (uint64_t) ff1->right_size;
	const uint64_t tail = load_big_endian64(ff1->chain + 8);
	const unsigned shift = 8 * ff1->half_bytes;
	uint64_t	a = (uint64_t) *left;
	uint64_t	b = (uint64_t) *right;
	uint64_t	sum;
	uint8_t		in[FF1_BLOCK];
	uint8_t		out[FF1_BLOCK];
	unsigned	i;

	memcpy(in, ff1->chain, 8);
	/* a stays below left_size and b below right_size, so they need no swap */
	for (i = 0; i < FF1_ROUNDS; i += 2)
	{
		SMALL_ROUND(i, b, left_size, ff1->left_reciprocal, sum);
		a = less_size(a + sum, left_size);
		SMALL_ROUND(i + 1, a, right_size, ff1->right_reciprocal, sum);
		b = less_size(b + sum, right_size);
	}
	*left = a;
	*right = b;
	return FF1_OK;
}

static Ff1Status
decrypt_small(const Ff1 *ff1, Ff1Number *left, Ff1Number *right)
{
	const uint64_t left_size = (uint64_t) ff1->left_size;
	const uint64_t right_size = (uint64_t) ff1->right_size;
	const uint64_t tail = load_big_endian64(ff1->chain + 8);
	const unsigned shift = 8 * ff1->half_bytes;
	uint64_t	a = (uint64_t) *left;
	uint64_t	b = (uint64_t) *right;
	uint64_t	sum;
	uint8_t		in[FF1_BLOCK];
	uint8_t		out[FF1_BLOCK];
	unsigned	i;

	memcpy(in, ff1->chain, 8);
	for (i = FF1_ROUNDS; i > 0; i -= 2)
	{
		SMALL_ROUND(i - 1, a, right_size, ff1->right_reciprocal, sum);
		b = less_size(b + right_size - sum, right_size);
		SMALL_ROUND(i - 2, b, left_size, ff1->left_reciprocal, sum);
		a = less_size(a + left_size - sum, left_size);
	}
	*left = a;
	*right = b;
	return FF1_OK;
}

/* ------------------------------------------------------------------------
 * Both
 * ------------------------------------------------------------------------
 */

Ff1Status
caredata_ff1_encrypt_halves(const Ff1 *ff1, Ff1Number *left, Ff1Number *right)
{
	Ff1Number	a = *left;
	Ff1Number	b = *right;
	unsigned	i;

	if (ff1->half_bytes <= SMALL_HALF)
		return encrypt_small(ff1, left, right);

	for (i = 0; i < FF1_ROUNDS; i++)
	{
		Ff1Number	size = i % 2 == 0 ? ff1->left_size : ff1->right_size;
		Ff1Number	sum;

		if (!round_function(ff1, i, b, size, &sum))
			return FF1_CIPHER_FAILED;
		sum += a;
		if (sum >= size)
			sum -= size;
		a = b;
		b = sum;
	}
	*left = a;
	*right = b;
	return FF1_OK;
}

Ff1Status
caredata_ff1_decrypt_halves(const Ff1 *ff1, Ff1Number *left, Ff1Number *right)
{
	Ff1Number	a = *left;
	Ff1Number	b = *right;
	unsigned	i;

	if (ff1->half_bytes <= SMALL_HALF)
		return decrypt_small(ff1, left, right);

	for (i = FF1_ROUNDS; i-- > 0;)
	{
		Ff1Number	size = i % 2 == 0 ? ff1->left_size : ff1->right_size;
		Ff1Number	taken;

		if (!round_function(ff1, i, a, size, &taken))
			return FF1_CIPHER_FAILED;
		taken = b >= taken ? b - taken : b + size - taken;
		b = a;
		a = taken;
	}
	*left = a;
	*right = b;
	return FF1_OK;
}

/* The value of a digit; FF1_MAX_RADIX, too large for any, where it is none. */
static inline unsigned
digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned) (digit - '0');
	if (digit >= 'a' && digit <= 'z')
		return (unsigned) (digit - 'a') + 10;
	return FF1_MAX_RADIX;
}

/* As many digits of any radix as an unsigned 64-bit number holds. */
#define SMALL_DIGITS	12

static bool
read_digits(unsigned radix, const char *digits, size_t length,
			Ff1Number *number)
{
	uint64_t	small = 0;
	Ff1Number	result;
	size_t		i;

	for (i = 0; i < length && i < SMALL_DIGITS; i++)
	{
		unsigned	digit = digit_value(digits[i]);

		if (digit >= radix)
			return false;
		small = small * radix + digit;
	}
	result = small;
	for (; i < length; i++)
	{
		unsigned	digit = digit_value(digits[i]);

		if (digit >= radix)
			return false;
		result = result * radix + digit;
	}
	*number = result;
	return true;
}

static void
write_digits(unsigned radix, Ff1Number number, char *digits, size_t length)
{
	static const char digit[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	if (number <= UINT32_MAX)
	{
		uint32_t	small = (uint32_t) number;

		/* division by a constant is no division */
		if (radix == 10)
		{
			while (length-- > 0)
			{
				digits[length] = (char) ('0' + small % 10);
				small /= 10;
			}
			return;
		}
		while (length-- > 0)
		{
			digits[length] = digit[small % radix];
			small /= radix;
		}
		return;
	}
	while (length-- > 0)
	{
		digits[length] = digit[(unsigned) (number % radix)];
		number /= radix;
	}
}

static Ff1Status
convert(const Ff1 *ff1, const char *in, char *out,
		Ff1Status (*work) (const Ff1 *, Ff1Number *, Ff1Number *))
{
	Ff1Number	left;
	Ff1Number	right;
	Ff1Status	status;

	if (!read_digits(ff1->radix, in, ff1->left, &left) ||
		!read_digits(ff1->radix, in + ff1->left, ff1->right, &right))
		return FF1_BAD_DIGIT;
	status = work(ff1, &left, &right);
	if (status == FF1_OK)
	{
		write_digits(ff1->radix, left, out, ff1->left);
		write_digits(ff1->radix, right, out + ff1->left, ff1->right);
	}
	return status;
}

Ff1Status
caredata_ff1_encrypt(const Ff1 *ff1, const char *in, char *out)
{
	return convert(ff1, in, out, caredata_ff1_encrypt_halves);
}

Ff1Status
caredata_ff1_decrypt(const Ff1 *ff1, const char *in, char *out)
{
	return convert(ff1, in, out, caredata_ff1_decrypt_halves);
}
