/* SPDX-License-Identifier: MIT */
/*
 * Timers of other CPUs that would come into an exact window. 950 ms after a task ran on a CPU that
 * had been idle, Linux looks there whether its fair tasks starve (the fair server of
 * kernel/sched/deadline.c, since 6.12). It does so on an idle CPU too, and while that CPU has its
 * turn the guest's counters continue (docs/boards.md). All other work of idle CPUs comes with
 * ticks, which windows keep away from (vmm/base/settle.h).
 */
#ifndef REGRESS_FAIR_SERVER_H
#define REGRESS_FAIR_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FAIR_SERVER_NEVER INT64_MAX

/* When the first one is due, by /proc/timer_list's text: nanoseconds of CLOCK_MONOTONIC. */
int64_t fair_server_due(FILE *timers);

/* Whether one is due before a window that the calling thread settles for has ended. */
bool fair_server_disturbs(void);

#endif
