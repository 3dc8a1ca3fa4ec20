/* SPDX-License-Identifier: MIT */
/* A file of lines, all of them whole: where a write fails or its limit is reached, the file ends
 * before the line that was cut. */
#ifndef MINIVMM_LINES_H
#define MINIVMM_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "status.h"

struct lines {
	int fd;
	int error;      /* errno of the write that failed; nothing is written after it */
	uint64_t size;  /* written */
	uint64_t whole; /* of that, up to the end of the last whole line */
	uint64_t limit; /* of size */
	bool full;      /* more was to be written */
	void (*reached)(void *owner);
	void *owner;
	char buffer[1 << 16];
};

/*
 * A stream that writes the new file @path; NULL is stdout, to which the guest's console goes too:
 * each line at once then. NULL with errno. @lines must stay until lines_close().
 */
FILE *lines_open(struct lines *lines, const char *path);

/* From now on the file takes @bytes; when they are written, and more is to be, calls @reached. */
void lines_limit(struct lines *lines, uint64_t bytes, void (*reached)(void *owner), void *owner);

/* Fails with STATUS_INPUT and a line about @option=@path if not all @units, its lines, are there.
 */
enum status lines_close(struct lines *lines, FILE *file, const char *option, const char *path,
			const char *units);

/* How much of @size bytes there is room for, in whole lines. */
size_t lines_fitting(uint64_t room, const void *data, size_t size);

#endif
