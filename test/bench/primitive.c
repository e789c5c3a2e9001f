/*
 * primitive.c
 *		What the work behind a pseudonym costs outside the server.
 *
 *		primitive aes-decrypt|blake2b|ff1 CALLS
 *
 * One AES-256 block back through OpenSSL with a kept context, keyed BLAKE2b of
 * a message as pseudonym_of() makes it of an NHS number, FF1 of ten digits:
 * what person_of(), pseudonym_of() and fpe_encrypt() do for each row, without
 * PostgreSQL around it.  aes_block.c has the block of pid().  Prints
 * nanoseconds a call; the sum goes to standard error, so that the compiler
 * cannot leave the work out.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blake2b.h"
#include "ff1.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static EVP_CIPHER_CTX *
context(int encrypt)
{
	static const unsigned char key[32] = {0x5a, 1, 2, 3};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx == NULL ||
		EVP_CipherInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
	{
		fprintf(stderr, "could not set up AES-256\n");
		exit(1);
	}
	return ctx;
}

static void
write_number(unsigned char *bytes, long number)
{
	bytes[0] = (unsigned char) (number >> 24);
	bytes[1] = (unsigned char) (number >> 16);
	bytes[2] = (unsigned char) (number >> 8);
	bytes[3] = (unsigned char) number;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	long		calls = argc > 2 ? atol(argv[2]) : 1000000;
	uint64_t	sum = 0;
	uint64_t	head;
	double		start;
	double		took;
	long		i;

	if (strcmp(mode, "aes-decrypt") == 0)
	{
		EVP_CIPHER_CTX *ctx = context(0);
		unsigned char in[16] = {1, 1};
		unsigned char out[32];
		int			len;

		start = now();
		for (i = 0; i < calls; i++)
		{
			write_number(in + 12, i);
			if (EVP_DecryptUpdate(ctx, out, &len, in, sizeof(in)) != 1 ||
				len != 16)
				return 1;
			memcpy(&head, out, sizeof(head));
			sum ^= head;
		}
		took = now() - start;
	}
	else if (strcmp(mode, "blake2b") == 0)
	{
		static const uint8_t key[BLAKE2B_KEY_BYTES] = {0x5a};
		Blake2bKey	state;
		uint8_t		message[17] = "\1\1\1\0\0\0\0129990000000";
		uint8_t		out[BLAKE2B_RESULT_BYTES];

		caredata_blake2b_set_key(&state, key);
		start = now();
		for (i = 0; i < calls; i++)
		{
			write_number(message + 13, i);
			caredata_blake2b(&state, message, sizeof(message), out);
			memcpy(&head, out, sizeof(head));
			sum ^= head;
		}
		took = now() - start;
	}
	else if (strcmp(mode, "ff1") == 0)
	{
		Ff1			ff1;
		char		digits[] = "9990000000";
		char		out[10];

		if (caredata_ff1_prepare(&ff1, context(1), 10, 10,
								 (const uint8_t *) "", 0) != FF1_OK)
			return 1;
		start = now();
		for (i = 0; i < calls; i++)
		{
			digits[9] = (char) ('0' + i % 10);
			digits[8] = (char) ('0' + i / 10 % 10);
			digits[7] = (char) ('0' + i / 100 % 10);
			if (caredata_ff1_encrypt(&ff1, digits, out) != FF1_OK)
				return 1;
			memcpy(&head, out, sizeof(head));
			sum ^= head;
		}
		took = now() - start;
	}
	else
	{
		fprintf(stderr, "usage: primitive aes-decrypt|blake2b|ff1 CALLS\n");
		return 1;
	}
	printf("%.3f\n", took / calls);
	fprintf(stderr, "%016llx\n", (unsigned long long) sum);
	return 0;
}
