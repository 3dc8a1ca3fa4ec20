/* SPDX-License-Identifier: MIT */
/* Where the tests run: the host's PMUs and CPUs, what its KVM offers, how exact its time is. */
#ifndef REGRESS_SITE_H
#define REGRESS_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "host/host.h"
#include "warden.h"

#define SITE_MAX_CPUS 32 /* of each list; of more, as many of each host PMU, far apart */

struct site {
	struct host host;
	/*
	 * CPUs that may be used: of the home PMU, which is host.pmus[0]; of the others, one PMU
	 * after another; of none. Only tests that name the last ones run there.
	 */
	int home[SITE_MAX_CPUS], nhome;
	int away[SITE_MAX_CPUS], naway;
	int uncovered[SITE_MAX_CPUS], nuncovered;
	bool set_pmu, composite, strict, nr_counters; /* what this KVM offers */
	bool last_wins, runs_uncovered;               /* what composite mode is like: proposal.h */
	bool emulated;                                /* QEMU's virt board */
	bool older;                                   /* before Linux 6.7: older.h */
	bool uncounted;                               /* guests count nothing: protected.h */
	int default_pmu;  /* that every VM in default mode has; -1: that of the CPU that makes it */
	bool exact;       /* instruction counting: a cycle is an instruction, and counts repeat */
	uint64_t seed;    /* of whatever is random */
	unsigned minutes; /* how long the storm lasts, and each case of model; 0: seconds */
	unsigned programs;  /* of each case of model; 0: the usual number */
	const char *replay; /* a program's file; NULL: none */
	const char *keep;   /* folder for programs that differ; NULL: none */
};

/*
 * Puts the home PMU first, and fills the lists of CPUs: site_cpus.c. False if no host PMU has
 * a CPU that may be used.
 */
bool site_list_cpus(struct site *site);

/* The @index-th CPU of the three lists: home's, then others, then uncovered ones. */
int site_cpu(const struct site *site, int index);

/*
 * What @question answers, 0 to 127, in a process of its own. If that process crashes, no test
 * fails, and the answer is 0.
 */
int site_ask(const struct site *site, int (*question)(const struct site *site));

/* Keeps disturbances away from exact counts, until the warden ends. */
void site_stay_exact(struct warden *warden);

/* Skips the test unless there are a CPU of another host PMU, one of none, or two of home's. */
void need_away(const struct site *site);
void need_uncovered(const struct site *site);
void need_two_home(const struct site *site);

/* Skips the test if a VM that @cpu makes in default mode cannot have that CPU's PMU. */
void need_default_pmu(const struct site *site, int cpu);

/* Host PMU of a CPU. */
const struct host_pmu *pmu_of(const struct site *site, int cpu);

/*
 * Moves a thread (0: the calling one) to @cpu. With instruction counting the calling
 * thread then waits until the CPUs that were at work, the one that it left and the
 * runner's, are idle, so that what the guest does next counts exactly (docs/boards.md).
 */
void place_on(const struct site *site, int cpu);
void place_thread(int tid, int cpu);

#endif
