/*
 * master_command.h
 *		Running the program that hands out the master key.
 */
#ifndef CAREDATA_MASTER_COMMAND_H
#define CAREDATA_MASTER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MASTER_COMMAND_ARGUMENTS	64

/*
 * Split '["/path/to/program", "argument", ...]' into a NULL-terminated array
 * whose strings are written into buffer, which is as long as the text.
 * Returns NULL, or what is wrong with the text.
 */
extern const char *master_command_parse(const char *text, char *buffer,
										char *argv[MASTER_COMMAND_ARGUMENTS + 1]);

typedef enum MasterCommandStatus
{
	MASTER_COMMAND_OK,
	MASTER_COMMAND_CANNOT_START,	/* *detail is errno */
	MASTER_COMMAND_CANNOT_READ,		/* *detail is errno */
	MASTER_COMMAND_EXIT,			/* *detail is the exit status */
	MASTER_COMMAND_SIGNAL,			/* *detail is the signal */
	MASTER_COMMAND_TIMEOUT
} MasterCommandStatus;

/*
 * Run a program without a shell, with nothing on its standard input and its
 * errors thrown away, and read at most size bytes of its output.  What runs
 * longer than the limit is killed, with what it started.  One more byte than
 * may be there tells a longer output.
 */
extern MasterCommandStatus master_command_run(char *const argv[],
											  int limit_ms,
											  uint8_t *output, size_t size,
											  size_t *length, int *detail);

#endif							/* CAREDATA_MASTER_COMMAND_H */
