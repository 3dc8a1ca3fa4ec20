/* SPDX-License-Identifier: MIT */
/*
 * A file of lines, all of them whole: where a write fails, its limit is reached or the reader stops
 * reading, the file ends before the line that was cut. Lines are gathered in memory (output.h): any
 * thread may add some, and only a vCPU's thread waits for a slow reader, with no lock held.
 */
#ifndef MINIVMM_LINES_H
#define MINIVMM_LINES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "output/output.h"

#define LINES_EVENT 4096 /* more than is written between lines_begin() and lines_end() */

struct lines_room {
	struct output_room output;
	char event[LINES_EVENT];
};

struct lines {
	FILE *file; /* what is written to it goes to @output; NULL: not open */
	pthread_t opener;
	struct output output;
	struct lines_room *room;
};

/*
 * Opens the new file @path; NULL is stdout, to which the guest's console goes too: each line is
 * written at once then. False with errno. The thread that opens it is the one that never waits:
 * before it adds lines while the guest runs it asks lines_room(). As files_create()
 * does, it waits @timeout_s for a FIFO's reader.
 */
bool lines_open(struct lines *lines, const char *path, unsigned timeout_s);

/* From now on the file takes @bytes; when they are written, and more is to be, calls @reached. */
void lines_limit(struct lines *lines, uint64_t bytes, void (*reached)(void *owner), void *owner);

/* Around what is written to @file without a pause, by one thread at a time. */
void lines_begin(struct lines *lines);
void lines_end(struct lines *lines);

/* Whether the thread that never waits may add an event. */
bool lines_room(struct lines *lines);

/*
 * Fails with STATUS_INPUT and a line about @option=@path if some of its lines (@units) are missing.
 * Its memory goes with the process, as the jail has no call that gives any back.
 */
enum status lines_close(struct lines *lines, const char *option, const char *path,
			const char *units);

#endif
