/*
 * keyring.h
 *		The master key, the keys of the pseudonym domains, and what is done
 *		with them.  The only door to OpenSSL and libsodium.
 */
#ifndef CAREDATA_KEYRING_H
#define CAREDATA_KEYRING_H

#define CAREDATA_BLOCK_BYTES	16

/* Keys of one domain in one generation, ready for use; kept until exit. */
typedef struct CaredataKey CaredataKey;

extern void caredata_keyring_init(void);

/*
 * The newest key of a domain.  Reads the wrapped key under the running
 * statement's snapshot and unwraps it only when this process has not done so
 * before.  Raises undefined_object when the domain has no key, and
 * config_file_error when the master key is missing, unsafe or another one.
 * Never call it before caredata_check_release_member().
 */
extern const CaredataKey *caredata_domain_key(int32 domain_id);

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
