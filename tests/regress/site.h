/* SPDX-License-Identifier: MIT */
/* Where the tests run: the host's PMUs and CPUs, what its KVM offers, how exact its time is. */
#ifndef REGRESS_SITE_H
#define REGRESS_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../../vmm/host.h"
#include "warden.h"

#define SITE_MAX_CPUS 32 /* of each list; of more, as many of each host PMU, far apart */

/* How a VM comes by its PMU, and what userspace does to it. */
enum mode {
	MODE_DEFAULT,   /* KVM chooses */
	MODE_EXPLICIT,  /* SET_PMU */
	MODE_COMPOSITE, /* FIXED_COUNTERS_ONLY */
	MODE_STRICT,    /* feature STRICT, and SET_PMU, without which it has none */
	MODE_LIMITED,   /* SET_PMU, and fewer event counters than that PMU has */
	MODES
};

struct site {
	struct host host;
	/*
	 * CPUs that may be used: of the home PMU, which is host.pmus[0]; of the others, one PMU
	 * after another; of none. Only tests that name the last ones run there.
	 */
	int home[SITE_MAX_CPUS], nhome;
	int away[SITE_MAX_CPUS], naway;
	int bare[SITE_MAX_CPUS], nbare;
	bool set_pmu, composite, strict, nr_counters; /* what this KVM offers */
	bool emulated;                                /* QEMU's virt board */
	bool older;                                   /* before Linux 6.7: older.h */
	int default_pmu;  /* that every VM in default mode has; -1: that of the CPU that makes it */
	bool exact;       /* instruction counting: a cycle is an instruction, and counts repeat */
	uint64_t seed;    /* of whatever is random */
	unsigned minutes; /* how long the storm lasts; 0: seconds */
};

/*
 * False if nothing can run here: then @reason (of @size bytes) says what is missing. Keeps
 * the process, and those that it starts, on CPUs that have a host PMU: elsewhere no VM
 * with a PMU can be made.
 */
bool site_discover(struct site *site, char *reason, size_t size);

/*
 * Puts the home PMU first, and fills the lists of CPUs: site_cpus.c. False if no host PMU has
 * a CPU that may be used.
 */
bool site_list_cpus(struct site *site);

/* The @index-th CPU of the three lists: home's, then others, then bare ones. */
int site_cpu(const struct site *site, int index);

/*
 * What @question answers, 0 to 127, in a process of its own, which may die of it and fails
 * no test: then 0.
 */
int site_ask(const struct site *site, int (*question)(const struct site *site));

/* Whether an instruction takes a nanosecond: on an emulated board only. */
bool site_is_exact(const struct site *site);

/* Keeps away what would disturb exact counts, until the warden's end. */
void site_stay_exact(struct warden *warden);

/* As KTAP comments: PMUs, modes, exactness, seed. */
void site_describe(const struct site *site, FILE *out);

const char *mode_name(enum mode mode);

/* Skips the test unless KVM offers @mode. */
void need_mode(const struct site *site, enum mode mode);

/* Whether a VM in @mode has the PMU that userspace named, and runs only where that one is. */
bool names_pmu(enum mode mode);

/* Whether KVM is to refuse a vCPU on @cpu, if it names the home PMU. */
bool must_refuse(const struct site *site, enum mode mode, int cpu);

/* Skips the test unless there are a CPU of another host PMU, one of none, or two of home's. */
void need_away(const struct site *site);
void need_bare(const struct site *site);
void need_two_home(const struct site *site);

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
