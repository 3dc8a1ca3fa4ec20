/* SPDX-License-Identifier: MIT */
/* Statistics of a run, per vCPU and host PMU, for the summary. machine->lock protects them. */
#ifndef MINIVMM_STATS_H
#define MINIVMM_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "guest/abi/lab.h"
#include "host/host.h"
#include "pmu/choice.h"

/* One window as the VMM sees it; what record.c prints and stats_window() counts. */
struct window {
	int vcpu;
	int cpu;                   /* the CPU of the vCPU's thread just after the window's end */
	int pmu;                   /* index into host->pmus that covers it, -1: none */
	bool stayed;               /* all of the window ran on CPUs of that host PMU */
	unsigned pmus;             /* bits of the rows of struct vcpu_stats on which it was seen */
	unsigned hops;             /* hops of this vCPU since its last window ended */
	uint64_t time_ns;          /* since the run's start */
	struct lab_record *record; /* checked copy */
};

/* Of so many windows the cycles are kept at most: a guest can hand over records for ever. */
#define STATS_KEPT 16384

/* Rows of vcpu_stats, after those of the host PMUs. */
#define STATS_NO_PMU HOST_MAX_PMUS
#define STATS_MOVED  (HOST_MAX_PMUS + 1)
#define STATS_ROWS   (HOST_MAX_PMUS + 2)

#define STATS_AT_EL1 1u
#define STATS_AT_EL2 2u

/* The windows that ran on one host PMU only; in the last row all others. */
struct pmu_stats {
	uint64_t windows;
	uint64_t stopped;  /* windows that counted no cycles */
	uint64_t min, max; /* cycles */
	uint64_t *cycles; /* NULL before the first; every window's, or those of STATS_KEPT by chance
			   */
	uint64_t random;  /* state of the generator that chooses them */
	uint64_t overflows; /* overflow interrupts */
	unsigned levels;    /* STATS_AT_EL1, STATS_AT_EL2 */
	bool timed;         /* some windows are spans of time (LAB_TIMED): their counts vary */
};

struct vcpu_stats {
	struct pmu_stats pmu[STATS_ROWS];
	unsigned moved; /* bits of the rows on which windows that did not stay were seen */
	uint64_t back;  /* windows in which the cycle counter went back: they are in no row */
	uint64_t hops, refusals;
};

struct stats {
	int nvcpus;
	int npmus;
	struct vcpu_stats *vcpu; /* nvcpus of them, and behind them room for all cycles */
};

/* The row of host->pmus[pmu], or of none (-1). */
static inline unsigned stats_row(int pmu)
{
	return pmu < 0 ? STATS_NO_PMU : (unsigned)pmu;
}

/*
 * Of so many vCPUs and host PMUs, with the room that they take, in bytes, all zeroes: no other is
 * asked for later. What no window comes to is never touched.
 */
size_t stats_room(int nvcpus, int npmus);
void stats_open(struct stats *stats, int nvcpus, int npmus, void *room);

void stats_window(struct stats *stats, const struct window *window);

/*
 * The median of the windows, or of a sample of them if they are more than STATS_KEPT; 0 if there
 * are none. Sorts in place.
 */
uint64_t stats_median(struct pmu_stats *pmu);

/*
 * The table and one sentence that says what it means in this mode, to @out.
 * @choice and @host give the mode and the names. Nothing to tell if the guest
 * handed over no record and no vCPU was refused or hopped.
 */
void stats_print(struct stats *stats, const struct host *host, const struct choice *choice,
		 FILE *out);

#endif
