/* SPDX-License-Identifier: MIT */
/* A file of lines, all of them whole: where a write fails, the file ends before the line that was
 * cut. */
#ifndef MINIVMM_LINES_H
#define MINIVMM_LINES_H

#include <stdint.h>
#include <stdio.h>

struct lines {
	int fd;
	int error;      /* errno of the write that failed; nothing is written after it */
	uint64_t size;  /* written */
	uint64_t whole; /* of that, up to the end of the last whole line */
	char buffer[1 << 16];
};

/*
 * A stream that writes the new file @path; NULL is stdout, to which the guest's console goes too:
 * each line at once then. NULL with errno. @lines must stay until lines_close().
 */
FILE *lines_open(struct lines *lines, const char *path);

/* 0, or the errno of what was lost. */
int lines_close(struct lines *lines, FILE *file);

#endif
