/* SPDX-License-Identifier: MIT */
/*
 * Windows: the same piece of work between two readings of a counter, again and
 * again, with a hop in each. What a window may count is judged here, for all tests.
 */
#ifndef REGRESS_WINDOWS_H
#define REGRESS_WINDOWS_H

#include <stdbool.h>

#include "hops.h"

#define WINDOWS_MAX 256

struct windows {
	uint16_t sysreg; /* the counter */
	int count;
	uint64_t loops; /* of 2 instructions */
	bool between;   /* hop between windows, not inside them */
	/* Taken: */
	uint64_t start[WINDOWS_MAX], end[WINDOWS_MAX];
	uint64_t ticks[WINDOWS_MAX]; /* of the counter-timer */
};

/* Emits the windows; each asks for a hop after its first reading, or before it. Uses x19 to x24. */
void windows_emit(struct guest *guest, const struct windows *windows);

/* Takes the readings from the vCPU, after the run. */
void windows_take(struct vcpu *vcpu, struct windows *windows);

/* Of a cycle or INST_RETIRED counter, 64 bits wide or less. */
uint64_t window_delta(const struct windows *windows, int i);

/*
 * Every window counted its work, none of it lost and none counted twice.
 * Exact, and no other CPU at work (still, sync): all windows are equal.
 * Exact, async: none counts less than the instructions of its work, and
 * none more than the counter-timer allows, as virtual time is cycles.
 * Not exact: none counts less than such work takes anywhere (LEAST_CYCLES()), and none went back.
 */
void windows_judge(const struct site *site, const struct windows *windows, enum hops hops);

/* Between windows nothing is lost either: never back, and exact and still or sync all equal. */
void windows_judge_gaps(const struct site *site, const struct windows *windows, enum hops hops);

#endif
