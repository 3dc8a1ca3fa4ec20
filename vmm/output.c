/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"
#include "output.h"

/*
 * What a descriptor that is ready for output takes for sure: a pipe PIPE_BUF bytes, a
 * file all there are, anything else a byte.
 */
static size_t piece_for(int fd)
{
	struct stat kind;

	return fstat(fd, &kind) == 0 && (S_ISFIFO(kind.st_mode) || S_ISREG(kind.st_mode)) ? PIPE_BUF
											  : 1;
}

void output_init(struct output *output, int fd, void (*ask)(void *), void *owner)
{
	output->fd = fd;
	output->piece = piece_for(fd);
	output->ask = ask;
	output->owner = owner;
	output->asked = output->hurry = output->lock = false;
	output->lost = 0;
	output->limit = UINT64_MAX;
	output->taken = 0;
	output->full = false;
	/* Not the bytes themselves: pages that no output comes to are never touched. */
	output->gathered.count = output->leaving.count = 0;
	pthread_mutex_init(&output->writing, NULL);
}

void output_limit(struct output *output, uint64_t bytes, void (*reached)(void *))
{
	struct stat kind;

	if (fstat(output->fd, &kind) == 0 && S_ISCHR(kind.st_mode))
		return;
	output->limit = bytes;
	output->reached = reached;
}

static inline bool try_lock(struct output *output)
{
	return !atomic_exchange_explicit(&output->lock, true, memory_order_acquire);
}

static inline void lock(struct output *output)
{
	while (!try_lock(output))
		;
}

static inline void unlock(struct output *output)
{
	atomic_store_explicit(&output->lock, false, memory_order_release);
}

static void drop_sent(struct output_bytes *leaving, size_t sent)
{
	leaving->count -= sent;
	memmove(leaving->bytes, leaving->bytes + sent, leaving->count);
}

/*
 * With both locks held: what was gathered follows what is still leaving. True if that reaches
 * the limit; from then on there is no room to gather anything.
 */
static bool take_gathered(struct output *output)
{
	struct output_bytes *from = &output->gathered, *to = &output->leaving;
	size_t room = OUTPUT_ROOM - to->count, most = from->count < room ? from->count : room;
	size_t taken;

	if (atomic_load(&output->full))
		return false;
	taken = lines_fitting(output->limit - output->taken, from->bytes, most);
	output->taken += taken;
	memcpy(to->bytes + to->count, from->bytes, taken);
	to->count += taken;
	drop_sent(from, taken);
	if (taken == most)
		return false;
	from->count = OUTPUT_ROOM;
	atomic_store(&output->full, true);
	return true;
}

/* What is leaving is given up. Whose reader has gone (head, a pager) has had enough; else it is a
 * loss. */
static size_t give_up(struct output *output)
{
	int none = 0;

	if (errno != EPIPE)
		atomic_compare_exchange_strong(&output->lost, &none, errno);
	return output->leaving.count;
}

static void write_all(struct output *output)
{
	struct output_bytes *leaving = &output->leaving;
	struct pollfd out = { .fd = output->fd, .events = POLLOUT };
	size_t sent = 0;
	bool reached;

	pthread_mutex_lock(&output->writing);
	lock(output);
	reached = take_gathered(output);
	unlock(output);
	while (sent < leaving->count && !atomic_load(&output->hurry)) {
		ssize_t put = write(output->fd, leaving->bytes + sent, leaving->count - sent);

		if (put >= 0)
			sent += (size_t)put;
		else if (errno == EAGAIN)
			poll(&out, 1, -1);
		else if (errno != EINTR)
			sent = give_up(output);
	}
	drop_sent(leaving, sent);
	pthread_mutex_unlock(&output->writing);
	if (reached)
		output->reached(output->owner);
}

enum gathered { GATHERED, GATHERED_FIRST, FULL };

static inline enum gathered gather(struct output *output, uint8_t byte)
{
	struct output_bytes *gathered = &output->gathered;
	enum gathered result = FULL;

	lock(output);
	if (gathered->count < OUTPUT_ROOM) {
		gathered->bytes[gathered->count++] = byte;
		result = GATHERED;
		if (!atomic_load_explicit(&output->asked, memory_order_relaxed)) {
			atomic_store_explicit(&output->asked, true, memory_order_relaxed);
			result = GATHERED_FIRST;
		}
	}
	unlock(output);
	return result;
}

static __attribute__((noinline)) void put_on(struct output *output, uint8_t byte,
					     enum gathered result)
{
	for (; result == FULL; result = gather(output, byte)) {
		/* The run is over, and this byte came after its end, or beyond its limit. */
		if (atomic_load(&output->hurry) || atomic_load(&output->full))
			return;
		write_all(output);
	}
	if (result == GATHERED_FIRST)
		output->ask(output->owner);
	if (byte == '\n')
		write_all(output);
}

void output_put(struct output *output, uint8_t byte)
{
	enum gathered result = gather(output, byte);

	if (result != GATHERED || byte == '\n')
		put_on(output, byte, result);
}

void output_hurry(struct output *output, bool hurry)
{
	atomic_store(&output->hurry, hurry);
}

static void write_some(struct output *output)
{
	struct output_bytes *leaving = &output->leaving;
	struct pollfd out = { .fd = output->fd, .events = POLLOUT };
	size_t sent = 0, left, most = output->piece;

	while ((left = leaving->count - sent) && poll(&out, 1, 0) == 1) {
		ssize_t put = write(output->fd, leaving->bytes + sent, left < most ? left : most);

		if (put > 0)
			sent += (size_t)put;
		else if (put < 0 && errno == EAGAIN)
			break;
		else if (put < 0 && errno != EINTR)
			sent = give_up(output);
	}
	drop_sent(leaving, sent);
}

/*
 * Neither lock is waited for: who holds the mutex may wait for the reader, and who holds
 * the spinlock for this thread's CPU, if it is one that comes first (wait.c).
 */
bool output_flush(struct output *output)
{
	bool empty, reached;

	if (pthread_mutex_trylock(&output->writing))
		return false;
	if (!try_lock(output)) {
		pthread_mutex_unlock(&output->writing);
		return false;
	}
	reached = take_gathered(output);
	empty = !output->gathered.count || atomic_load(&output->full);
	atomic_store(&output->asked, false);
	unlock(output);
	write_some(output);
	empty &= !output->leaving.count;
	pthread_mutex_unlock(&output->writing);
	if (reached)
		output->reached(output->owner);
	return empty;
}
