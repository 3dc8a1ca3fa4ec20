/* SPDX-License-Identifier: MIT */
/* What is decided before there is a VM: the guest's PMU, and where its vCPUs run. */
#ifndef MINIVMM_CHOICE_H
#define MINIVMM_CHOICE_H

#include <stdbool.h>

#include "options/options.h"

struct choice {
	enum pmu_mode mode; /* never PMU_AUTO */
	int pmu;            /* EXPLICIT, STRICT: index into host->pmus; else -1 */
	int start;          /* the CPU that vCPU 0 is made and starts on; -1: any of cpus[0] */
	bool narrowed;      /* CPUs were taken away from the vCPUs */
	struct plan plan;   /* the options' plan, filled for this host */
	struct cpuset
		cpus[MAX_VCPUS]; /* where each of --cpus may run; for a plan also where it starts */
	char reasons[2048];      /* one line per step, each ending in '\n' */
};

#endif
