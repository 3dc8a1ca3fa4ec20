/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "files.h"

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
