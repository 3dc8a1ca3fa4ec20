/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "output/files.h"
#include "output/lines.h"

#define ENOUGH (1 << 16) /* bytes that are written together */
#define TRIES  4         /* of a last write that a signal interrupts */

/* stdio's write function. It accepts everything: bytes without room are lost, and so are all later
 * ones. */
static ssize_t add(void *cookie, const char *data, size_t size)
{
	struct lines *lines = cookie;

	output_add(&lines->output, data, size);
	return (ssize_t)size;
}

bool lines_open(struct lines *lines, const char *path, unsigned timeout_s)
{
	const cookie_io_functions_t calls = { .write = add };
	int fd = path ? files_create(path, timeout_s) : STDOUT_FILENO;

	lines->file = NULL;
	if (fd < 0)
		return false;
	lines->room = malloc(sizeof(*lines->room));
	if (lines->room)
		lines->file = fopencookie(lines, "w", calls);
	if (!lines->file) {
		free(lines->room);
		if (path)
			close(fd);
		return false;
	}
	output_init(&lines->output, &lines->room->output, fd, NULL, NULL);
	lines->opener = pthread_self();
	setvbuf(lines->file, lines->room->event, _IOFBF, sizeof(lines->room->event));
	return true;
}

void lines_limit(struct lines *lines, uint64_t bytes, void (*reached)(void *owner), void *owner)
{
	output_limit(&lines->output, bytes, reached, owner);
}

static bool never_waits(const struct lines *lines)
{
	return pthread_equal(lines->opener, pthread_self());
}

bool lines_room(struct lines *lines)
{
	return output_room(&lines->output) >= LINES_EVENT || output_shut(&lines->output);
}

/* Room for the last event is kept free for the thread that never waits. */
static bool may_add(struct lines *lines)
{
	return never_waits(lines) || output_room(&lines->output) >= 2ul * LINES_EVENT ||
	       output_shut(&lines->output) || atomic_load(&lines->output.nonblocking);
}

void lines_begin(struct lines *lines)
{
	flockfile(lines->file);
	while (!may_add(lines)) {
		funlockfile(lines->file);
		output_write(&lines->output);
		flockfile(lines->file);
	}
}

void lines_end(struct lines *lines)
{
	struct output *output = &lines->output;

	fflush(lines->file);
	funlockfile(lines->file);
	if (output->fd != STDOUT_FILENO && OUTPUT_ROOM - output_room(output) < ENOUGH)
		return;
	if (never_waits(lines))
		output_flush(output);
	else
		output_write(output);
}

/* Not for a pipe, nor for a file that other processes write to as well. */
static void drop_cut_line(const struct output *output)
{
	if (output->fd != STDOUT_FILENO && output->whole < output->written &&
	    ftruncate(output->fd, (off_t)output->whole) < 0)
		return; /* no file: what was sent was sent */
}

static int close_output(struct output *output)
{
	int tries = 0;

	while (!output_flush(output))
		if (++tries == TRIES)
			output_abandon(output);
	if (output_shut(output))
		drop_cut_line(output);
	return output->fd == STDOUT_FILENO ? 0 : close(output->fd);
}

enum status lines_close(struct lines *lines, const char *option, const char *path,
			const char *units)
{
	struct output *output = &lines->output;
	int error;

	fflush(lines->file); /* what is written by add() cannot fail */
	lines->file = NULL;
	error = close_output(output) ? errno : 0;
	if (output->lost)
		error = output->lost;
	else if (output->full)
		return fail(
			STATUS_INPUT,
			"%s=%s: the limit of %llu bytes is reached (--limit raises it); its %llu "
			"bytes are whole %s",
			option, path, (unsigned long long)output->limit,
			(unsigned long long)output->whole, units);
	if (!error)
		return STATUS_OK;
	return fail(STATUS_INPUT, "%s=%s: its first %llu bytes are whole %s; the rest is lost: %s",
		    option, path, (unsigned long long)output->whole, units,
		    error == OUTPUT_UNREAD ? "the reader stopped reading" : strerror(error));
}
