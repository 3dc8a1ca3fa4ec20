/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/output.h"

#define ALARM_NS 100000000

/*
 * What a descriptor that is ready for output takes for sure: a pipe PIPE_BUF bytes, a
 * file all there are, anything else a byte.
 */
static void look_at(struct output *output)
{
	struct stat kind;

	output->piece = PIPE_BUF; /* @alarm is there, if that is too much */
	output->device = false;
	if (fstat(output->fd, &kind) < 0)
		return;
	output->piece = S_ISREG(kind.st_mode) ? OUTPUT_ROOM : S_ISFIFO(kind.st_mode) ? PIPE_BUF : 1;
	output->device = S_ISCHR(kind.st_mode);
}

void output_init(struct output *output, struct output_room *room, int fd, void (*ask)(void *),
		 void *owner)
{
	output->fd = fd;
	look_at(output);
	output->ask = ask;
	output->owner = owner;
	output->alarm = NULL;
	output->asked = output->nonblocking = output->full = false;
	output->lock = (struct spinlock){ false };
	output->lost = 0;
	output->limit = UINT64_MAX;
	output->taken = output->written = output->whole = 0;
	/* Not the bytes themselves: pages that no output comes to are never touched. */
	output->gathered = (struct output_bytes){ .bytes = room->bytes[0] };
	output->leaving = (struct output_bytes){ .bytes = room->bytes[1] };
	pthread_mutex_init(&output->writing, NULL);
}

void output_limit(struct output *output, uint64_t bytes, void (*reached)(void *), void *owner)
{
	if (output->device)
		return;
	output->limit = bytes;
	output->reached = reached;
	output->owner = owner;
}

bool output_shut(const struct output *output)
{
	return atomic_load(&output->full) || atomic_load(&output->lost);
}

void output_set_nonblocking(struct output *output, bool nonblocking)
{
	atomic_store(&output->nonblocking, nonblocking);
}

/* With the lock held: nothing is gathered any more, as there is no room for it. */
static void shut(struct output *output)
{
	output->gathered.count = OUTPUT_ROOM;
}

/* With @writing held. The bytes that are being written are lost, and so are all later ones. */
static void lose(struct output *output, int why)
{
	int none = 0;

	atomic_compare_exchange_strong(&output->lost, &none, why);
	output->leaving.count = output->leaving.sent = 0;
	spinlock_take(&output->lock);
	shut(output);
	spinlock_release(&output->lock);
}

/* How much of @size bytes there is room for, in whole lines. */
static size_t fitting(uint64_t room, const uint8_t *bytes, size_t size)
{
	const uint8_t *newline;

	if (size <= room)
		return size;
	newline = memrchr(bytes, '\n', room);
	return newline ? (size_t)(newline - bytes) + 1 : 0;
}

static bool all_sent(const struct output *output)
{
	return output->leaving.sent == output->leaving.count;
}

/* With both locks held, when no bytes are being written any more: the gathered ones come next. True
 * if they reach the limit. */
static bool take_gathered(struct output *output)
{
	struct output_bytes empty = { .bytes = output->leaving.bytes };
	struct output_bytes *taken = &output->leaving;
	size_t fits;

	if (output_shut(output) || !output->gathered.count)
		return false;
	*taken = output->gathered;
	output->gathered = empty;
	fits = fitting(output->limit - output->taken, taken->bytes, taken->count);
	output->taken += fits;
	if (fits == taken->count)
		return false;
	taken->count = fits;
	shut(output);
	atomic_store(&output->full, true);
	return true;
}

/* With @writing held. */
static void note_sent(struct output *output, size_t size)
{
	struct output_bytes *leaving = &output->leaving;
	const uint8_t *start = leaving->bytes + leaving->sent;
	const uint8_t *newline = memrchr(start, '\n', size);

	if (newline)
		output->whole = output->written + (uint64_t)(newline - start) + 1;
	output->written += size;
	leaving->sent += size;
}

static ssize_t write_leaving(struct output *output, size_t most)
{
	const struct output_bytes *leaving = &output->leaving;
	size_t left = leaving->count - leaving->sent;

	return write(output->fd, leaving->bytes + leaving->sent, left < most ? left : most);
}

static void send_waiting(struct output *output)
{
	struct pollfd out = { .fd = output->fd, .events = POLLOUT };

	while (!all_sent(output) && !atomic_load(&output->nonblocking)) {
		ssize_t put = write_leaving(output, OUTPUT_ROOM);

		if (put >= 0)
			note_sent(output, (size_t)put);
		else if (errno == EAGAIN)
			poll(&out, 1, -1);
		else if (errno != EINTR)
			lose(output, errno);
	}
}

void output_write(struct output *output)
{
	bool reached = false;

	pthread_mutex_lock(&output->writing);
	send_waiting(output);
	if (all_sent(output)) {
		spinlock_take(&output->lock);
		reached = take_gathered(output);
		spinlock_release(&output->lock);
		send_waiting(output);
	}
	pthread_mutex_unlock(&output->writing);
	if (reached)
		output->reached(output->owner);
}

/* Ready means that there was room; another process may take it before this write. */
static ssize_t write_at_once(struct output *output)
{
	static const struct itimerspec soon = { { .tv_nsec = ALARM_NS }, { .tv_nsec = ALARM_NS } };
	static const struct itimerspec never;
	ssize_t put;
	int error;

	if (!output->alarm)
		return write_leaving(output, output->piece);
	timer_settime(*output->alarm, 0, &soon, NULL);
	put = write_leaving(output, output->piece);
	error = errno;
	timer_settime(*output->alarm, 0, &never, NULL);
	errno = error;
	return put;
}

static void send_ready(struct output *output)
{
	struct pollfd out = { .fd = output->fd, .events = POLLOUT };

	while (!all_sent(output) && poll(&out, 1, 0) == 1) {
		ssize_t put = write_at_once(output);

		if (put > 0)
			note_sent(output, (size_t)put);
		else if (put == 0 || errno == EAGAIN || errno == EINTR)
			break;
		else
			lose(output, errno);
	}
}

/* Waits for neither lock: the thread that holds the mutex may wait for the reader, and the thread
 * that holds the spinlock may wait for this thread's CPU, if this thread has a higher priority
 * (run.c). */
bool output_flush(struct output *output)
{
	bool empty = false, reached = false;

	if (pthread_mutex_trylock(&output->writing))
		return false;
	send_ready(output);
	if (all_sent(output) && spinlock_try(&output->lock)) {
		reached = take_gathered(output);
		atomic_store(&output->asked, false);
		spinlock_release(&output->lock);
		send_ready(output);
		empty = all_sent(output);
	}
	pthread_mutex_unlock(&output->writing);
	if (reached)
		output->reached(output->owner);
	return empty;
}

void output_abandon(struct output *output)
{
	pthread_mutex_lock(&output->writing);
	lose(output, OUTPUT_UNREAD);
	pthread_mutex_unlock(&output->writing);
}
