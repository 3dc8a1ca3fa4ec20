/* SPDX-License-Identifier: MIT */
/*
 * Bytes on their way out: the guest's console, record, trace and messages each have one. Any
 * thread gathers them in memory, and whoever may wait for the reader writes them.
 *
 * No reader can keep a run from ending. A thread that adds bytes holds a lock for some
 * instructions and never waits. A vCPU's thread that writes holds nothing but @writing, which
 * the main thread only tries to take, and output_set_nonblocking() with a signal ends its wait. The
 * main thread writes only what the descriptor takes at once, and @alarm interrupts a write that
 * waits all the same because another process has filled the pipe meanwhile.
 */
#ifndef MINIVMM_OUTPUT_H
#define MINIVMM_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "output/spinlock.h"

#define OUTPUT_ROOM (1 << 18) /* only pages with bytes in them are touched */
#define OUTPUT_SOON 4096      /* output_put() writes when it has gathered so many bytes */

/* Apart from the rest, which shares few pages then. */
struct output_room {
	uint8_t bytes[2][OUTPUT_ROOM];
};

struct output_bytes {
	size_t count, sent;
	uint8_t *bytes; /* OUTPUT_ROOM */
};

struct output {
	int fd;       /* borrowed */
	size_t piece; /* how much it certainly takes when it is ready */
	bool device;  /* it keeps nothing, as a terminal */
	/* Asks for an output_flush() soon; not again before that was called. NULL: does not. */
	void (*ask)(void *owner);
	void *owner;
	const timer_t *alarm; /* sends the main thread a signal that interrupts; NULL: none */
	atomic_bool asked;
	atomic_bool nonblocking;
	uint64_t limit; /* of what is taken to be written */
	uint64_t taken, written;
	uint64_t whole;   /* of @written, up to the end of the last whole line */
	atomic_bool full; /* more than @limit was to be written */
	void (*reached)(void *owner);
	/* Why bytes are lost: errno of the write that failed, or OUTPUT_UNREAD. 0: none are. */
	atomic_int lost;
	struct spinlock lock; /* of @gathered */
	struct output_bytes gathered;
	pthread_mutex_t writing; /* held while waiting for the reader too */
	struct output_bytes leaving;
};

#define OUTPUT_UNREAD (-1) /* nobody read them in time */

/* @room is borrowed. */
void output_init(struct output *output, struct output_room *room, int fd, void (*ask)(void *),
		 void *owner);

/*
 * From now on @bytes are written, or less so as to end with a line; when more are to be, calls
 * @reached of @owner. A terminal, and what else keeps nothing, has no limit.
 */
void output_limit(struct output *output, uint64_t bytes, void (*reached)(void *), void *owner);

/*
 * For vCPU threads, a byte of the console. Waits for a slow reader; after output_set_nonblocking()
 * a signal ends that, and what is left stays for output_flush(). Once the output has lost a byte or
 * reached its limit, the byte is lost too.
 */
void output_put(struct output *output, uint8_t byte);

/* For any thread: all of @size bytes into memory, or none and they are lost. Never waits. */
void output_add(struct output *output, const void *bytes, size_t size);

/* How much output_add() has room for. */
size_t output_room(struct output *output);

/* For vCPU threads: writes what is gathered, and waits as output_put() does. */
void output_write(struct output *output);

/* From now on (or, with false, no more) nobody waits in output_put() and output_write(). */
void output_set_nonblocking(struct output *output, bool nonblocking);

/* Whether bytes are dropped, as some are lost or the limit is reached. */
bool output_shut(const struct output *output);

/* For the main thread: writes what @fd takes at once; false if something is left. */
bool output_flush(struct output *output);

/* With the vCPUs' threads gone: gives up on what is left. */
void output_abandon(struct output *output);

#endif
