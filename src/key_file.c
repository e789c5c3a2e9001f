/*
 * key_file.c
 *		Files that hold a key or another secret: what is asked of them, and
 *		reading them.
 *
 * Nothing here raises but what reports: a secret is on the way, and the caller
 * wipes it first.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "miscadmin.h"
#include "port.h"

#include "key_file.h"

/* Is the file at path inside the data directory, links resolved? */
static bool
in_data_directory(const char *path)
{
	char	   *file = realpath(path, NULL);
	char	   *directory = realpath(DataDir, NULL);
	bool		inside = true;	/* what cannot be told is refused */

	if (file != NULL && directory != NULL)
		inside = path_is_prefix_of_path(directory, file);
	free(file);
	free(directory);
	return inside;
}

/*
 * 32 bytes that are text were typed by somebody, or are the hexadecimal form
 * of half a key; 32 equal bytes are no key.  A random key is either with a
 * probability below 1e-13.
 */
static bool
is_weak_key(const uint8 *key)
{
	bool		printable = true;
	bool		equal = true;
	int			i;

	for (i = 0; i < CAREDATA_KEY_BYTES; i++)
	{
		printable &= (key[i] >= 0x20 && key[i] < 0x7f);
		equal &= (key[i] == key[0]);
	}
	return printable || equal;
}

CaredataKeyFileStatus
caredata_decode_key(const uint8 *contents, size_t length, uint8 *key)
{
	size_t		decoded = 0;

	if (length == CAREDATA_KEY_BYTES)
		memcpy(key, contents, CAREDATA_KEY_BYTES);
	else
	{
		if (length > 0 && contents[length - 1] == '\n')
			length--;
		if (length > 0 && contents[length - 1] == '\r')
			length--;
		if (length != 2 * CAREDATA_KEY_BYTES)
			return KEY_FILE_LENGTH;
		if (sodium_hex2bin(key, CAREDATA_KEY_BYTES, (const char *) contents, length,
						   NULL, &decoded, NULL) != 0 ||
			decoded != CAREDATA_KEY_BYTES)
			return KEY_FILE_NOT_HEX;
	}
	return is_weak_key(key) ? KEY_FILE_WEAK : KEY_FILE_OK;
}

CaredataKeyFileStatus
caredata_read_secret_file(const char *path, uint8 *contents, size_t size,
						  size_t *length, int *error)
{
	CaredataKeyFileStatus status = KEY_FILE_OK;
	struct stat st;
	int			fd;

	*length = 0;
	*error = 0;

	/* O_NONBLOCK: a FIFO must not make the session wait */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
	{
		*error = errno;
		return KEY_FILE_CANNOT_OPEN;
	}

	if (fstat(fd, &st) != 0)
	{
		*error = errno;
		status = KEY_FILE_CANNOT_READ;
	}
	else if (!S_ISREG(st.st_mode))
		status = KEY_FILE_NOT_REGULAR;
	else if (st.st_uid != geteuid())
		status = KEY_FILE_OWNER;
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		status = KEY_FILE_MODE;
	else if (in_data_directory(path))
		status = KEY_FILE_DATA_DIRECTORY;

	while (status == KEY_FILE_OK && *length < size)
	{
		ssize_t		got = read(fd, contents + *length, size - *length);

		if (got == 0)
			break;
		if (got > 0)
			*length += got;
		else if (errno != EINTR)
		{
			*error = errno;
			status = KEY_FILE_CANNOT_READ;
		}
	}
	close(fd);
	return status;
}

CaredataKeyFileStatus
caredata_read_key_file(const char *path, uint8 *contents, uint8 *key,
					   int *error)
{
	CaredataKeyFileStatus status;
	size_t		length;

	status = caredata_read_secret_file(path, contents, CAREDATA_KEY_FILE_BYTES,
									   &length, error);
	if (status == KEY_FILE_OK)
		status = caredata_decode_key(contents, length, key);
	return status;
}

void
caredata_report_no_guarded_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("could not allocate guarded memory for a key"),
			 errhint("Raise the limit of locked memory (RLIMIT_MEMLOCK) of the server.")));
}

/*
 * Raise for a key file that cannot be used; what says which file it is.  Who
 * reads a release may see the message, so the path goes to the server log only.
 */
void
caredata_report_key_file(CaredataKeyFileStatus status, const char *what,
						 const char *path, bool setting, int error)
{
	const char *message = NULL;
	const char *hint = NULL;

	switch (status)
	{
		case KEY_FILE_OK:
			return;
		case KEY_FILE_CANNOT_OPEN:
		case KEY_FILE_CANNOT_READ:
			errno = error;
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 status == KEY_FILE_CANNOT_OPEN ?
					 errmsg("could not open the %s file: %m", what) :
					 errmsg("could not read the %s file: %m", what),
					 errdetail_log("The file is \"%s\".", path),
					 setting ?
					 errhint("Put the %s back where the setting points, or correct the setting and reload.", what) : 0));
			break;
		case KEY_FILE_NO_MEMORY:
			caredata_report_no_guarded_memory();
			break;
		case KEY_FILE_NOT_REGULAR:
			message = "the %s file is not a regular file";
			hint = "Keep the secret in a regular file.";
			break;
		case KEY_FILE_OWNER:
			message = "the %s file belongs to another user";
			hint = "Make the operating-system user that runs the server its owner.";
			break;
		case KEY_FILE_MODE:
			message = "the %s file can be read or written by others than its owner";
			hint = "Set its permissions to u=r (0400) or u=rw (0600), and consider whether the key must be replaced.";
			break;
		case KEY_FILE_DATA_DIRECTORY:
			message = "the %s file is inside the data directory";
			hint = "Move it outside, so that back-ups of the data directory do not hold it.";
			break;
		case KEY_FILE_LENGTH:
			message = "the %s file has the wrong length";
			hint = "It must hold 32 bytes, or 64 hexadecimal digits and at most one line end.";
			break;
		case KEY_FILE_NOT_HEX:
			message = "the %s file does not hold 64 hexadecimal digits";
			hint = "Make a key with: openssl rand -hex 32";
			break;
		case KEY_FILE_WEAK:
			message = "the %s is not random";
			hint = "Make a key with: openssl rand -hex 32";
			break;
	}

	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg_internal(message, what),
			 errdetail_log("The file is \"%s\".", path),
			 errhint("%s", hint)));
}
