/* SPDX-License-Identifier: MIT */
#include "perf_limit.h"

void perf_limit_lift(struct warden *warden)
{
	/* In this order: the rate cannot be changed where nobody looks
	 * (perf_event_max_sample_rate_handler()). */
	if (warden_change(warden, PERF_LIMIT_RATE, PERF_LIMIT_HIGH) == 0)
		warden_change(warden, PERF_LIMIT_PERCENT, "0");
}
