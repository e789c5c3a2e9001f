/*
 * master_command.c
 *		Running the program that hands out the master key.  Plain C on the
 *		operating system: no PostgreSQL, no allocation, so that it can run in
 *		the postmaster before anything else does, and be tested alone.
 *
 * The program is started by its absolute path with a list of arguments.  No
 * shell looks at them.  Its output goes through a pipe into the caller's
 * guarded buffer and nowhere else; what it says on standard error may hold a
 * secret as well (tools print what they were sent) and is not kept.
 *
 * The program runs in a session of its own, so that a time limit ends all of
 * it.  What leaves that session on purpose is not ended.
 */
#include "master_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int
milliseconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int) ((now.tv_sec - start->tv_sec) * 1000 +
				  (now.tv_nsec - start->tv_nsec) / 1000000);
}

/* In the new process: nothing that is not safe between fork and exec. */
static void
become_program(char *const argv[], int output)
{
	sigset_t	none;
	int			null = open("/dev/null", O_RDWR);
	int			number;
	long		limit = sysconf(_SC_OPEN_MAX);

	(void) setsid();
	for (number = 1; number < 32; number++)
	{
		if (number != SIGKILL && number != SIGSTOP)
			(void) signal(number, SIG_DFL);
	}
	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 ||
		dup2(null, 2) < 0)
		_exit(126);
	if (limit < 0 || limit > 4096)
		limit = 4096;
	for (number = 3; number < limit; number++)
		(void) close(number);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	execv(argv[0], argv);
	_exit(127);
}

MasterCommandStatus
master_command_run(char *const argv[], int limit_ms, uint8_t *output,
				   size_t size, size_t *length, int *detail)
{
	MasterCommandStatus status = MASTER_COMMAND_OK;
	struct timespec start;
	int			ends[2];
	int			state = 0;
	pid_t		child;
	pid_t		ended = 0;

	*length = 0;
	*detail = 0;
	clock_gettime(CLOCK_MONOTONIC, &start);

	if (pipe(ends) != 0)
	{
		*detail = errno;
		return MASTER_COMMAND_CANNOT_START;
	}
	child = fork();
	if (child < 0)
	{
		*detail = errno;
		close(ends[0]);
		close(ends[1]);
		return MASTER_COMMAND_CANNOT_START;
	}
	if (child == 0)
		become_program(argv, ends[1]);
	close(ends[1]);

	/* until it closes its output, or has written more than it may */
	while (*length < size)
	{
		struct pollfd wait = {ends[0], POLLIN, 0};
		int			left = limit_ms - milliseconds_since(&start);
		int			ready = left > 0 ? poll(&wait, 1, left) : 0;
		ssize_t		got;

		if (ready == 0)
		{
			status = MASTER_COMMAND_TIMEOUT;
			break;
		}
		got = ready > 0 ? read(ends[0], output + *length, size - *length) : -1;
		if (got == 0)
			break;
		if (got > 0)
			*length += got;
		else if (errno != EINTR)
		{
			*detail = errno;
			status = MASTER_COMMAND_CANNOT_READ;
			break;
		}
	}
	close(ends[0]);

	/* its end is part of the time that it may take */
	while (status == MASTER_COMMAND_OK &&
		   (ended = waitpid(child, &state, WNOHANG)) == 0)
	{
		if (milliseconds_since(&start) >= limit_ms)
			status = MASTER_COMMAND_TIMEOUT;
		else
			(void) poll(NULL, 0, 5);
	}
	if (ended == 0)
	{
		if (kill(-child, SIGKILL) != 0)
			(void) kill(child, SIGKILL);
		while (waitpid(child, &state, 0) < 0 && errno == EINTR)
			;
	}
	if (status != MASTER_COMMAND_OK)
		return status;

	if (ended < 0)
	{
		*detail = errno;
		return MASTER_COMMAND_CANNOT_READ;
	}
	if (WIFSIGNALED(state))
	{
		*detail = WTERMSIG(state);
		return MASTER_COMMAND_SIGNAL;
	}
	if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
	{
		*detail = WIFEXITED(state) ? WEXITSTATUS(state) : 0;
		return MASTER_COMMAND_EXIT;
	}
	return MASTER_COMMAND_OK;
}
