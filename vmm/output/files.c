/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "output/files.h"

#define RETRY_NS 10000000l
#define PER_S    100 /* retries */
#define MS_PER_S 1000

/* Who opens it later says why it cannot be. */
static bool make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);

	return fd >= 0 && close(fd) == 0;
}

static bool look(const struct named_file *file, struct stat *kind)
{
	if (file->fd >= 0)
		return fstat(file->fd, kind) == 0;
	if (!file->path)
		return false;
	if (stat(file->path, kind) == 0)
		return true;
	return file->written && errno == ENOENT && make(file->path) && stat(file->path, kind) == 0;
}

static bool keeps_bytes(const struct stat *kind)
{
	return S_ISREG(kind->st_mode) || S_ISFIFO(kind->st_mode) || S_ISBLK(kind->st_mode);
}

static enum status differ(const struct named_file *output, const struct named_file *other)
{
	struct stat kind, other_kind;

	if (!output->path || !output->written || !look(output, &kind) || !keeps_bytes(&kind) ||
	    !look(other, &other_kind) || kind.st_dev != other_kind.st_dev ||
	    kind.st_ino != other_kind.st_ino)
		return STATUS_OK;
	return fail(STATUS_USAGE,
		    "%s=%s would overwrite %s%s%s, which is the same file; name another",
		    output->option, output->path, other->option, other->path ? " " : "",
		    other->path ? other->path : "");
}

enum status files_differ(const struct named_file *files, size_t count)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < count && !status; i++)
		for (size_t j = 0; j < count && !status; j++)
			if (i != j)
				status = differ(&files[i], &files[j]);
	return status;
}

int files_create(const char *path, unsigned timeout_s)
{
	static const struct timespec pause = { .tv_nsec = RETRY_NS };

	for (unsigned tries = 0;; tries++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);

		if (fd >= 0 || errno != ENXIO)
			return fd;
		if (timeout_s && tries / PER_S >= timeout_s) {
			errno = ETIMEDOUT;
			return -1;
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

enum status files_fail_create(const char *option, const char *path, unsigned timeout_s)
{
	if (errno == ETIMEDOUT)
		return fail(STATUS_TIMEOUT,
			    "%s=%s: nobody opened this FIFO to read it within %u s (--timeout)",
			    option, path, timeout_s);
	return fail_errno(STATUS_INPUT, "%s=%s: cannot be written", option, path);
}

bool files_write(int fd, const void *bytes, size_t size, unsigned timeout_s)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	const uint8_t *next = bytes;

	while (size) {
		ssize_t put = write(fd, next, size);

		if (put > 0) {
			next += put;
			size -= (size_t)put;
		} else if (put == 0 || errno == EAGAIN) {
			if (poll(&out, 1, timeout_s ? (int)timeout_s * MS_PER_S : -1) == 0) {
				errno = ETIMEDOUT;
				return false;
			}
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool files_standard(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct pollfd fds[] = { { .fd = STDIN_FILENO },
				{ .fd = STDOUT_FILENO },
				{ .fd = STDERR_FILENO } };

	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	if (poll(fds, 3, 0) <= 0)
		return true;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fds[fd].revents & POLLNVAL && open("/", O_PATH) != fd)
			return false;
	return true;
}
