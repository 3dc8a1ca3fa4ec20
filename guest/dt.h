/* SPDX-License-Identifier: MIT */
#ifndef GUEST_DT_H
#define GUEST_DT_H

#include <stdbool.h>

#include "runtime.h"

struct dt {
	const char *bootargs; /* "" if there are none */
	uint32_t ncpus;
	uint64_t cpus[MAX_CPUS]; /* MPIDR affinity values, in the tree's order */
	bool pmu;
	uint32_t gic; /* version 2 or 3; 0 if there is none */
};

/* False if this is no device tree, or names more than MAX_CPUS CPUs. */
bool dt_read(struct dt *dt, const void *blob);

#endif
