/* SPDX-License-Identifier: MIT */
/* perf's limit on how often an event may interrupt: lifted for a run, lowered by a test. */
#ifndef REGRESS_PERF_LIMIT_H
#define REGRESS_PERF_LIMIT_H

#include "warden.h"

/* Interrupts per second. The second is how much of the time they may take; 0: do not look. */
#define PERF_LIMIT_RATE    "/proc/sys/kernel/perf_event_max_sample_rate"
#define PERF_LIMIT_PERCENT "/proc/sys/kernel/perf_cpu_time_max_percent"
#define PERF_LIMIT_USUAL   "25"
#define PERF_LIMIT_HIGH    "100000"

/*
 * perf stops an event that interrupts more often until the next tick
 * (kernel/events/core.c: __perf_event_account_interrupt()), and lowers the limit, to once
 * per tick in the end, where interrupts take long, as on a busy emulator. This affects
 * KVM's events too (host.throttled), and no other test is to be judged by it. Plain users cannot
 * lift the limit; then tests can fail on a host that is slow enough.
 */
void perf_limit_lift(struct warden *warden);

#endif
