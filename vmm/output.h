/* SPDX-License-Identifier: MIT */
/*
 * The guest's console output on its way out: gathered, so that a byte is not a system
 * call, and written at a newline, when there is no more room, and soon in any case.
 */
#ifndef MINIVMM_OUTPUT_H
#define MINIVMM_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_ROOM 4096

struct output_bytes {
	size_t count;
	uint8_t bytes[OUTPUT_ROOM];
};

struct output {
	int fd;       /* borrowed */
	size_t piece; /* how much it takes for sure when it is ready */
	/* Asks for an output_flush() soon; not again before that was called. */
	void (*ask)(void *owner);
	void *owner;
	atomic_bool asked;
	atomic_bool hurry;
	uint64_t limit; /* of what is taken to be written */
	uint64_t taken;
	atomic_bool full; /* more was to be written; it is lost, as is all that follows */
	void (*reached)(void *owner);
	atomic_int lost; /* errno of a write that failed, though somebody may read; 0: none did */
	/* A spinlock, held for a few instructions: a mutex costs half of what a byte may. */
	atomic_bool lock;
	struct output_bytes gathered;
	pthread_mutex_t writing; /* held while waiting for the reader too */
	struct output_bytes leaving;
};

void output_init(struct output *output, int fd, void (*ask)(void *), void *owner);

/*
 * From now on @bytes are written, or less so as to end with a line; when more are to be, calls
 * @reached. A terminal, and what else keeps nothing, has no limit.
 */
void output_limit(struct output *output, uint64_t bytes, void (*reached)(void *owner));

/*
 * For vCPU threads. Waits for a slow reader; after output_hurry() a signal ends that,
 * and what is left stays for output_flush(). Where nobody reads, or a
 * write fails, the byte is lost.
 */
void output_put(struct output *output, uint8_t byte);

/* From now on (or, with false, no more) nobody waits in output_put(). */
void output_hurry(struct output *output, bool hurry);

/* Writes what @fd takes without waiting for anybody; false if something is left. */
bool output_flush(struct output *output);

#endif
