/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static pid_t start(void (*run)(const void *argument), const void *argument, int out)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	/* Out of reach of a terminal's Ctrl-C, it still ends with its parent. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(RESULT_FAILED);
	setpgid(0, 0);
	dup2(out, STDOUT_FILENO);
	signal(SIGINT, SIG_DFL);
	run(argument);
	_exit(RESULT_OK);
}

/* Reads what the process says until it has ended or @seconds are over. True: over. */
static bool listen_to(int fd, char *notes, unsigned seconds)
{
	double deadline = now() + seconds;
	size_t used = 0;

	for (;;) {
		struct pollfd input = { .fd = fd, .events = POLLIN };
		int left = (int)((deadline - now()) * 1000);
		ssize_t n;

		if (left <= 0)
			return true;
		if (poll(&input, 1, left) <= 0)
			continue;
		n = read(fd, notes + used, CHILD_NOTES - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		used += (size_t)n;
		notes[used] = '\0';
		if (used >= CHILD_NOTES - 1)
			used = CHILD_NOTES / 2; /* the end matters more than the middle */
	}
}

/* Adds a line, over the end of notes that leave no room for it. */
__attribute__((format(printf, 2, 3))) static enum result failed(char *notes, const char *format,
								...)
{
	size_t used = strlen(notes), most = CHILD_NOTES - 256;
	va_list args;

	if (used > most)
		used = most;
	if (used && notes[used - 1] != '\n')
		notes[used++] = '\n';
	va_start(args, format);
	vsnprintf(notes + used, CHILD_NOTES - used, format, args);
	va_end(args);
	return RESULT_FAILED;
}

enum result child_run(void (*run)(const void *argument), const void *argument, unsigned seconds,
		      char *notes)
{
	int fds[2], status = 0;
	bool late;
	pid_t pid;

	notes[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return failed(notes, "pipe: %s", strerror(errno));
	pid = start(run, argument, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return failed(notes, "fork: %s", strerror(errno));
	}
	late = listen_to(fds[0], notes, seconds);
	close(fds[0]);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (late)
		return failed(notes, "it did not end within %u s", seconds);
	if (WIFSIGNALED(status))
		return failed(notes, "signal %d killed it", WTERMSIG(status));
	return (enum result)WEXITSTATUS(status);
}
