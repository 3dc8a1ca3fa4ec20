/* SPDX-License-Identifier: MIT */
/* Inside of the mode choice: mode.c prepares it, mode_auto.c and mode_named.c decide. */
#ifndef MINIVMM_MODE_CHOICE_H
#define MINIVMM_MODE_CHOICE_H

#include "base/cpulist.h"
#include "host/kvm.h"
#include "pmu/choice.h"

#define PMU_LIST_TEXT 512

/* What every step of the choice looks at. */
struct mode_context {
	const struct options *options;
	const struct host *host;
	const struct kvm_offers *offers;
	struct choice *choice;
	struct cpuset used; /* the CPUs the vCPUs may get to, by affinity or by plan */
	int covering;       /* the host PMU that covers all of them; -1: none does */
	const char *name;   /* of the mode asked for */
	char cpus[CPULIST_TEXT];
	char pmus[PMU_LIST_TEXT];
};

/* Adds to the choice's reasons, where somebody is told of them; one line per step. */
void mode_reason(const struct mode_context *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The host's PMUs, as host_pmu_list() writes them. */
const char *mode_pmus(struct mode_context *c);

/* The CPUs of @set that no host PMU covers. */
void mode_uncovered_cpus(const struct host *host, const struct cpuset *set,
			 struct cpuset *uncovered);

/*
 * Where vCPU 0 starts with what is chosen so far: where the plan does, else on the lowest of its
 * CPUs that the mode's PMU covers. On another one KVM finds no default PMU, or refuses to run.
 */
int mode_start_cpu(const struct host *host, const struct choice *choice);

/* PMU_AUTO, its plan check included. */
enum status mode_choose_auto(struct mode_context *c);

/* Every other mode. */
enum status mode_choose_named(struct mode_context *c);

#endif
