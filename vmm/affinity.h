/* SPDX-License-Identifier: MIT */
/* Which host CPUs a run may name; choose_cpus() of mode.h is here as well. */
#ifndef MINIVMM_AFFINITY_H
#define MINIVMM_AFFINITY_H

#include "host.h"
#include "status.h"

/*
 * STATUS_USAGE if a CPU of @set is absent, offline or not allowed. The message
 * starts with @option and says why, and which CPUs can be used.
 */
enum status affinity_check(const char *option, const struct cpuset *set, const struct host *host);

#endif
