/* SPDX-License-Identifier: MIT */
/* Which host CPUs a run may name; choose_cpus() of mode.h is here as well. */
#ifndef MINIVMM_AFFINITY_H
#define MINIVMM_AFFINITY_H

#include "host.h"
#include "options.h"
#include "status.h"

/* The CPUs that --affinity and --migrate name. */
void affinity_named(const struct options *options, struct cpuset *set);

/*
 * Fills host->granted: what sched_setaffinity() grants and nothing else says, as isolated CPUs
 * and those that taskset left out are in no list of this process.
 */
enum status affinity_ask(struct host *host);

/*
 * STATUS_USAGE if a CPU of @set is not granted. The message starts with @option and says why,
 * and which CPUs can be used.
 */
enum status affinity_check(const char *option, const struct cpuset *set, const struct host *host);

#endif
