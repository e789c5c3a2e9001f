/*
 * keyring.h
 *		The master key, the keys of the pseudonym domains, and what is done
 *		with them.
 */
#ifndef CAREDATA_KEYRING_H
#define CAREDATA_KEYRING_H

#include "utils/palloc.h"

#define CAREDATA_BLOCK_BYTES	16

/* Keys of one domain in one generation, ready for use while they are held. */
typedef struct CaredataKey CaredataKey;

/*
 * What a call site holds.  Zeroed before its first use; it lives in a memory
 * context (fn_mcxt), whose reset lets the keys go, and so does holding
 * something else.
 */
typedef struct CaredataKeyHold
{
	int			nkeys;
	CaredataKey **keys;			/* newest generation first */
	int			size;
	MemoryContextCallback release;
} CaredataKeyHold;

/*
 * Hold the newest key of a domain, which makes pseudonyms; or that one and
 * those of older generations that have not been closed, for what resolves old
 * pseudonyms on purpose.  They read the wrapped keys under the running
 * statement's snapshot and unwrap only what this process has not open.  They
 * raise undefined_object when the domain has no key, and config_file_error
 * when the master key is missing, unsafe or another one.  Never call them
 * before caredata_check_release_member().
 */
extern const CaredataKey *caredata_hold_newest_key(CaredataKeyHold *hold,
												   MemoryContext context,
												   int32 domain_id);
extern void caredata_hold_readable_keys(CaredataKeyHold *hold,
										MemoryContext context,
										int32 domain_id);

/* Which generation of its domain's key it is. */
extern int32 caredata_key_generation(const CaredataKey *key);

/* Further keys of a domain, each derived for one purpose alone. */
typedef enum CaredataHash
{
	CAREDATA_HASH_RECORD,		/* record_pid(text) */
	CAREDATA_HASH_ONE_WAY,		/* pseudonym_of() */
	CAREDATA_HASH_CLK,			/* secret of a linkage project */
	CAREDATA_HASH_CLK_FLIP		/* which bits of a record's CLK are flipped */
} CaredataHash;
#define CAREDATA_HASHES			(CAREDATA_HASH_CLK_FLIP + 1)

typedef enum CaredataCipher
{
	CAREDATA_CIPHER_FF1,		/* fpe_encrypt(), nhs_like() */
	CAREDATA_CIPHER_SHIFT		/* shifted_date() */
} CaredataCipher;
#define CAREDATA_CIPHERS		(CAREDATA_CIPHER_SHIFT + 1)

/* The AES-256-ECB context of a purpose, encrypting; kept until exit. */
extern struct evp_cipher_ctx_st *caredata_key_cipher(const CaredataKey *key,
													 CaredataCipher cipher);
extern void caredata_key_cipher_block(const CaredataKey *key,
									  CaredataCipher cipher,
									  const uint8 *in, uint8 *out);

/* 128 bits of BLAKE2b over a whole message, which is not empty. */
extern void caredata_key_hash_message(const CaredataKey *key,
									  CaredataHash hash,
									  const uint8 *message, size_t length,
									  uint8 *out);

/* One AES-256 block with the domain's block key; in and out may not overlap. */
extern void caredata_key_encrypt(const CaredataKey *key, const uint8 *in,
								 uint8 *out);
extern void caredata_key_decrypt(const CaredataKey *key, const uint8 *in,
								 uint8 *out);

/*
 * 128 bits of BLAKE2b with the domain's hash key over header and data.  The
 * caller's header must make the boundary between them unambiguous.
 */
extern void caredata_key_hash(const CaredataKey *key,
							  const uint8 *header, size_t header_len,
							  const uint8 *data, size_t data_len,
							  uint8 *out);

#endif							/* CAREDATA_KEYRING_H */
