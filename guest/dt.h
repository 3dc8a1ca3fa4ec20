/* SPDX-License-Identifier: MIT */
#ifndef GUEST_DT_H
#define GUEST_DT_H

#include <stdbool.h>

#include "runtime.h"

#define MAX_REGIONS 2

struct dt_range {
	uint64_t base, size;
};

struct dt {
	const char *bootargs; /* "" if there are none */
	uint32_t ncpus;
	uint64_t cpus[MAX_CPUS]; /* MPIDR affinity values, in the tree's order */
	bool pmu;
	uint32_t gic; /* version 2 or 3; 0 if there is none */
	uint32_t nregions;
	struct dt_range regions[MAX_REGIONS]; /* a GICv3's redistributors */
	struct dt_range ram;
	uint64_t initrd_start, initrd_end; /* equal: none */
};

/* Also sets psci_by_smc (runtime.h) by the tree. False if this is no device tree, or names more
 * than there is room for. */
bool dt_read(struct dt *dt, const void *blob);

#endif
