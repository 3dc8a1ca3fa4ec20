/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "base/settle.h"

#define NS_PER_S      1000000000l
#define PERIOD_NS     20000000l
#define AFTER_TICK_NS 200000l

bool settle(void)
{
	struct timespec wake;

	clock_gettime(CLOCK_MONOTONIC, &wake);
	wake.tv_nsec += PERIOD_NS - wake.tv_nsec % PERIOD_NS + AFTER_TICK_NS;
	if (wake.tv_nsec >= NS_PER_S) {
		wake.tv_nsec -= NS_PER_S;
		wake.tv_sec++;
	}
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == 0;
}
