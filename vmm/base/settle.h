/* SPDX-License-Identifier: MIT */
/* A wait until the CPU that a thread has just left is idle. */
#ifndef MINIVMM_SETTLE_H
#define MINIVMM_SETTLE_H

#include <stdbool.h>

/*
 * A CPU that becomes idle keeps its tick for one more period (kernel/sched/idle.c),
 * and where CPUs take turns, as under instruction counting, its tick is time in which
 * the guest's counters continue. All CPUs tick at multiples of the period, and
 * every usual period divides 20 ms: soon after the next multiple of that, the CPU
 * left behind is at rest, and the next tick is far away. False if a signal has ended the wait.
 */
bool settle(void);

#endif
