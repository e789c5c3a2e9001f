/*
 * key_file.h
 *		Files that hold a key or another secret.
 */
#ifndef CAREDATA_KEY_FILE_H
#define CAREDATA_KEY_FILE_H

#define CAREDATA_KEY_BYTES			32

/* Of a file that holds a key or another secret. */
typedef enum CaredataKeyFileStatus
{
	KEY_FILE_OK,
	KEY_FILE_CANNOT_OPEN,
	KEY_FILE_CANNOT_READ,
	KEY_FILE_NOT_REGULAR,
	KEY_FILE_OWNER,
	KEY_FILE_MODE,
	KEY_FILE_DATA_DIRECTORY,
	KEY_FILE_LENGTH,
	KEY_FILE_NOT_HEX,
	KEY_FILE_WEAK,
	KEY_FILE_NO_MEMORY
} CaredataKeyFileStatus;

/*
 * Check a file that holds a secret and read at most size bytes of it into a
 * guarded buffer.  Does not raise.  *error is errno where a system call failed.
 */
extern CaredataKeyFileStatus caredata_read_secret_file(const char *path,
													   uint8 *contents,
													   size_t size,
													   size_t *length,
													   int *error);

/*
 * What a key file holds, 32 bytes or 64 hexadecimal digits and a line end, as
 * a key; contents and key are guarded buffers.  A file that is longer shows by
 * the last byte of CAREDATA_KEY_FILE_BYTES.  Neither raises.
 */
#define CAREDATA_KEY_FILE_BYTES	(2 * CAREDATA_KEY_BYTES + 3)

extern CaredataKeyFileStatus caredata_decode_key(const uint8 *contents,
												 size_t length, uint8 *key);
extern CaredataKeyFileStatus caredata_read_key_file(const char *path,
													uint8 *contents,
													uint8 *key, int *error);

/*
 * Raise for what they return, or return if that was KEY_FILE_OK.  what says
 * which file it is; setting, whether a setting names it.
 */
extern void caredata_report_key_file(CaredataKeyFileStatus status,
									 const char *what, const char *path,
									 bool setting, int error);

/* Raise out_of_memory, with a hint about locked memory. */
extern void caredata_report_no_guarded_memory(void);

#endif							/* CAREDATA_KEY_FILE_H */
