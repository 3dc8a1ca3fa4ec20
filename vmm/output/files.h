/* SPDX-License-Identifier: MIT */
/* Files on the command line: which must not be one another, and how they are made and written. */
#ifndef MINIVMM_FILES_H
#define MINIVMM_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct named_file {
	const char *option; /* how the user named it, for messages */
	const char *path;   /* NULL: not given, unless it has a descriptor */
	int fd;             /* in place of a path; else -1 */
	bool written;
};

/*
 * Fails with STATUS_USAGE if one of @files that is written by its path is another one of them too.
 * Those that are not there yet are made. Terminals and other devices may be named twice.
 */
enum status files_differ(const struct named_file *files, size_t count);

/*
 * A descriptor of the new file @path; -1 with errno. Neither this nor a write() waits. A FIFO is
 * opened when somebody reads it, or within @timeout_s seconds (0: no limit), or it is ETIMEDOUT.
 */
int files_create(const char *path, unsigned timeout_s);

/* The line about @option=@path after files_create() has failed; its status. */
enum status files_fail_create(const char *option, const char *path, unsigned timeout_s);

/* All of @bytes to such a file; false with errno, ETIMEDOUT if nobody takes any for so long. */
bool files_write(int fd, const void *bytes, size_t size, unsigned timeout_s);

/*
 * Standard descriptors that are closed would be the next files that are opened, which would get
 * what is printed. To read or write what this opens there fails, as if they were closed. A limit of
 * a file's size and a reader that has gone become errors of write(), in place of signals. False if
 * they cannot be opened.
 */
bool files_standard(void);

#endif
