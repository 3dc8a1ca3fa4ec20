/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "lines.h"

/*
 * A write may be interrupted, but who ends a run interrupts its threads until they
 * end: they must, even if nobody reads.
 */
#define PATIENCE 4

static void count(struct lines *lines, const char *data, size_t sent)
{
	const char *newline = memrchr(data, '\n', sent);

	if (newline)
		lines->whole = lines->size + (uint64_t)(newline - data) + 1;
	lines->size += sent;
}

/* Not of a pipe, nor of what others write to as well. */
static void drop_cut_line(const struct lines *lines)
{
	if (lines->fd != STDOUT_FILENO && lines->whole < lines->size &&
	    ftruncate(lines->fd, (off_t)lines->whole) < 0)
		return; /* no file: what was sent was sent */
}

/* Waits for a slow reader, if that is why; false if there is no going on. */
static bool try_again(const struct lines *lines, unsigned *interrupted)
{
	struct pollfd out = { .fd = lines->fd, .events = POLLOUT };

	if (errno == EAGAIN && poll(&out, 1, -1) >= 0)
		return true;
	return errno == EINTR && ++*interrupted < PATIENCE;
}

size_t lines_fitting(uint64_t room, const void *data, size_t size)
{
	const char *newline;

	if (size <= room)
		return size;
	newline = memrchr(data, '\n', room);
	return newline ? (size_t)(newline - (const char *)data) + 1 : 0;
}

static void reach_limit(struct lines *lines)
{
	lines->full = true;
	lines->error = EFBIG;
	drop_cut_line(lines);
	lines->reached(lines->owner);
}

/* stdio's. What it had to write when this fails is lost, so that all after it must be too. */
static ssize_t write_all(void *cookie, const char *data, size_t size)
{
	struct lines *lines = cookie;
	unsigned interrupted = 0;
	size_t fits = lines_fitting(lines->limit - lines->size, data, size), left = fits;

	while (left && !lines->error) {
		ssize_t sent = write(lines->fd, data, left);

		if (sent >= 0) {
			count(lines, data, (size_t)sent);
			data += sent;
			left -= (size_t)sent;
		} else if (!try_again(lines, &interrupted)) {
			lines->error = errno;
			drop_cut_line(lines);
		}
	}
	if (fits < size && !lines->error)
		reach_limit(lines);
	return lines->error ? 0 : (ssize_t)size;
}

static int close_file(void *cookie)
{
	const struct lines *lines = cookie;

	return lines->fd == STDOUT_FILENO ? 0 : close(lines->fd);
}

FILE *lines_open(struct lines *lines, const char *path)
{
	const cookie_io_functions_t calls = { .write = write_all, .close = close_file };
	FILE *file;

	*lines = (struct lines){ .fd = STDOUT_FILENO, .limit = UINT64_MAX };
	if (path)
		lines->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (lines->fd < 0)
		return NULL;
	file = fopencookie(lines, "w", calls);
	if (file)
		setvbuf(file, lines->buffer, lines->fd == STDOUT_FILENO ? _IOLBF : _IOFBF,
			sizeof(lines->buffer));
	else
		close_file(lines);
	return file;
}

void lines_limit(struct lines *lines, uint64_t bytes, void (*reached)(void *owner), void *owner)
{
	lines->limit = bytes;
	lines->reached = reached;
	lines->owner = owner;
}

enum status lines_close(struct lines *lines, FILE *file, const char *option, const char *path,
			const char *units)
{
	int error = fclose(file) ? errno : 0;

	if (lines->full)
		return fail(
			STATUS_INPUT,
			"%s=%s: the limit of %llu bytes is reached (--limit raises it); its %llu "
			"bytes are whole %s",
			option, path, (unsigned long long)lines->limit,
			(unsigned long long)lines->whole, units);
	errno = lines->error ? lines->error : error;
	if (!errno)
		return STATUS_OK;
	return fail_errno(STATUS_INPUT,
			  "%s=%s: its first %llu bytes are whole %s, what came after them is lost",
			  option, path, (unsigned long long)lines->whole, units);
}
