/* SPDX-License-Identifier: MIT */
/* Files that must not be one another: what is written would destroy what is read, or be mixed. */
#ifndef MINIVMM_FILES_H
#define MINIVMM_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

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
 * Standard descriptors that are closed would be the next files that are opened, which would get
 * what is printed. To read or write what this opens there fails, as if they were closed. A limit of
 * a file's size and a reader that has gone become errors of write(), in place of signals. False if
 * they cannot be opened.
 */
bool files_standard(void);

#endif
