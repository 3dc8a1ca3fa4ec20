/* SPDX-License-Identifier: MIT */
/* The summary's sentence: what the windows show in this mode. */
#ifndef MINIVMM_VERDICT_H
#define MINIVMM_VERDICT_H

#include "report/stats.h"

/* All vCPUs together. */
struct sum {
	struct {
		uint64_t windows, stopped;
	} row[STATS_ROWS];
	uint64_t windows, stopped, back, hops, refusals;
	uint64_t min, max;             /* of all windows */
	uint64_t stayed_min, shortest; /* of those that stayed, and of those that did not */
	uint64_t median;               /* of those that stayed, the largest of any row */
	unsigned moved;  /* bits of rows that windows which did not stay were seen on */
	unsigned levels; /* at which windows ran: STATS_AT_EL1, STATS_AT_EL2 */
	bool timed;
};

/*
 * One sentence, that ends without a full stop. It is true whatever else the machine did: only a
 * window that stayed on one host PMU tells whether the counter counts there.
 */
void verdict_print(const struct sum *sum, const struct host *host, const struct choice *choice,
		   FILE *out);

#endif
