/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "output/spinlock.h"

#define SPINS    100
#define PAUSE_NS 20000

/* The plan may have moved the thread that holds the lock to this CPU, which that thread needs to
 * continue. */
void spinlock_wait(struct spinlock *lock)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (unsigned spins = 1; !spinlock_try(lock); spins++)
		if (spins % SPINS == 0)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}
