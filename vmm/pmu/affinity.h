/* SPDX-License-Identifier: MIT */
/* Which host CPUs a run may name, and where its vCPUs may run. */
#ifndef MINIVMM_AFFINITY_H
#define MINIVMM_AFFINITY_H

#include "base/status.h"
#include "host/host.h"
#include "pmu/choice.h"

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

/*
 * Moves this thread to those CPUs of @set that have the host PMU of the one which the kernel
 * chooses: so the scheduler takes it to no other host PMU. Returns the CPU that it is on then, one
 * outside of @set if another thread has moved it meanwhile; -1 with errno if it may use none, or
 * that one has no host PMU.
 */
int affinity_within_one_pmu(const struct host *host, const struct cpuset *set);

/*
 * Where the vCPUs may run, from --affinity and the host: fills choice->cpus.
 * A CPU that is absent, offline or not allowed is STATUS_USAGE; the message
 * names the option, the CPU, why it cannot be used and the CPUs that can.
 */
enum status choose_cpus(const struct options *options, const struct host *host,
			struct choice *choice);

#endif
