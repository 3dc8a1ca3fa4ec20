/* SPDX-License-Identifier: MIT */
/* What the host has: its core PMUs, clusters and CPUs, read from sysfs. */
#ifndef MINIVMM_HOST_H
#define MINIVMM_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cpuset.h"
#include "base/status.h"

#define HOST_MAX_PMUS 16

/* One arm_pmu. */
struct host_pmu {
	char name[64];
	int type; /* by which KVM knows it, different from boot to boot: after host_read_type() */
	struct cpuset cpus; /* the CPUs it covers; may hold offline CPUs */
};

struct host {
	const char *sysfs;     /* where the rest is looked up */
	struct cpuset allowed; /* where this process runs unless told otherwise: its affinity */
	/* Where the kernel lets it run: affinity_ask() adds what taskset and isolcpus= leave out.
	 */
	struct cpuset granted;
	int npmus;
	struct host_pmu pmus[HOST_MAX_PMUS]; /* by lowest CPU, then by name */
};

/*
 * Reads @sysfs ("/sys", or a fake tree in tests). A core PMU is a directory of
 * bus/event_source/devices that has a `cpus` file: other PMUs have `cpumask`
 * or nothing (drivers/perf/arm_pmu.c: cpus_show). @affinity: the process's own. The kernel
 * has put online CPUs there, whatever a container's sysfs shows. No PMU at all is not an error.
 */
enum status host_discover(const char *sysfs, const struct cpuset *affinity, struct host *host);

/*
 * Reads @pmu's type. A file of sysfs takes a start 13,000 instructions, and most runs need one type
 * or none.
 */
enum status host_read_type(const struct host *host, struct host_pmu *pmu);

/* The CPUs of sysfs's list @name, "present" or "online"; false with errno if it cannot be read. */
bool host_sysfs_cpus(const struct host *host, const char *name, struct cpuset *set);

/*
 * The CPUs that are online, as far as sysfs shows them or this process may run there. False with
 * errno if sysfs's list cannot be read.
 */
bool host_online_cpus(const struct host *host, struct cpuset *set);

/* The PMU that covers @cpu; -1 if none. */
int host_pmu_of_cpu(const struct host *host, int cpu);

/* The CPUs that have a PMU: firmware can leave some without. */
void host_covered_cpus(const struct host *host, struct cpuset *covered);

#define HOST_PMU_TEXT 336 /* a name and CPULIST_TEXT */

/* "armv8_cortex_a53 (cpus 0-1)" */
const char *host_pmu_text(const struct host_pmu *pmu, char *text, size_t size);

/*
 * "armv8_cortex_a53 (cpus 0-1), armv8_cortex_a72 (cpus 2-3)"; "none" if there are none. What has no
 * room in @size, 40 bytes at least, is counted: "... and 3 more (minivmm --probe)".
 */
const char *host_pmu_list(const struct host *host, char *text, size_t size);

/*
 * One CPU of each cluster, the lowest of @within. Clusters are the host PMUs;
 * where one PMU (or none) covers everything, CPUs with the same package and
 * cluster_id; where sysfs knows no clusters, all CPUs of @within.
 */
void host_cluster_cpus(const char *sysfs, const struct host *host, const struct cpuset *within,
		       struct cpuset *out);

/* topology/cluster_id of @cpu, -1 if unknown. */
int host_cluster_id(const char *sysfs, int cpu);

#endif
