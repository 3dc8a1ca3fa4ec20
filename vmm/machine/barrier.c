/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "machine/barrier.h"

/* Sleeps until @word is woken; returns at once if it is not @value any more. */
static int sleep_on(atomic_uint *word, unsigned value, const struct timespec *limit)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, limit);
}

static void wake(atomic_uint *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

void barrier_init(struct barrier *barrier, unsigned threads)
{
	*barrier = (struct barrier){ .threads = threads };
}

void barrier_pass(struct barrier *barrier, unsigned life)
{
	unsigned opened;

	if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->threads * life)
		wake(&barrier->arrived);
	while ((opened = atomic_load(&barrier->opened)) < life)
		sleep_on(&barrier->opened, opened, NULL);
}

void barrier_open(struct barrier *barrier)
{
	atomic_fetch_add(&barrier->opened, 1);
	wake(&barrier->opened);
}

bool barrier_all_here(struct barrier *barrier)
{
	const struct timespec limit = { .tv_sec = 1 };
	unsigned all = barrier->threads * (atomic_load(&barrier->opened) + 1), arrived;

	while ((arrived = atomic_load(&barrier->arrived)) != all)
		if (sleep_on(&barrier->arrived, arrived, &limit) < 0 && errno == ETIMEDOUT)
			return false;
	return true;
}
