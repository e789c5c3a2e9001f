/*
 * aes_block.c
 *		What one AES-256 block costs through OpenSSL, outside the server.
 *
 * One block a call through one EVP context whose key is set once: what pid()
 * does for each row, without PostgreSQL around it.  Prints nanoseconds a
 * block.  The sum goes to standard error, so that the compiler cannot leave
 * the work out.
 */
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int
main(int argc, char **argv)
{
	long		blocks = argc > 1 ? atol(argv[1]) : 10000000;
	unsigned char key[32];
	unsigned char in[16] = {1, 1};
	unsigned char out[32];
	uint64_t	sum = 0;
	EVP_CIPHER_CTX *ctx;
	double		start;
	long		i;
	int			len;

	memset(key, 0x5a, sizeof(key));
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL ||
		EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
	{
		fprintf(stderr, "could not set up AES-256\n");
		return 1;
	}

	start = now();
	for (i = 0; i < blocks; i++)
	{
		uint64_t	head;

		in[12] = (unsigned char) (i >> 24);
		in[13] = (unsigned char) (i >> 16);
		in[14] = (unsigned char) (i >> 8);
		in[15] = (unsigned char) i;
		if (EVP_EncryptUpdate(ctx, out, &len, in, sizeof(in)) != 1 || len != 16)
		{
			fprintf(stderr, "could not encrypt\n");
			return 1;
		}
		memcpy(&head, out, sizeof(head));
		sum ^= head;
	}
	printf("%.3f\n", (now() - start) / blocks);
	fprintf(stderr, "%016llx\n", (unsigned long long) sum);
	EVP_CIPHER_CTX_free(ctx);
	return 0;
}
