/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/fail.h"
#include "pmu/affinity.h"

void affinity_named(const struct options *options, struct cpuset *set)
{
	plan_cpus(&options->plan, set);
	for (int i = 0; i < options->naffinity; i++)
		cpuset_or(set, set, &options->affinity[i]);
}

enum status affinity_ask(struct host *host)
{
	struct cpuset all;

	memset(&all, 0xff, sizeof(all));
	if (cpuset_pin(0, &all) < 0)
		return fail_errno(STATUS_HOST, "sched_setaffinity to every CPU");
	if (cpuset_of_thread(0, &host->granted) < 0)
		return fail_errno(STATUS_INTERNAL, "sched_getaffinity");
	if (cpuset_pin(0, &host->allowed) < 0)
		return fail_errno(STATUS_HOST, "sched_setaffinity back to this process's CPUs");
	return STATUS_OK;
}

int affinity_within_one_pmu(const struct host *host, const struct cpuset *set)
{
	struct cpuset one;
	int cpu, pmu;

	if (cpuset_pin(0, set) < 0)
		return -1;
	cpu = sched_getcpu();
	if (!cpuset_has(set, cpu))
		return cpu;
	pmu = host_pmu_of_cpu(host, cpu);
	if (pmu < 0) {
		errno = ENODEV;
		return -1;
	}
	cpuset_and(&one, set, &host->pmus[pmu].cpus);
	if (cpuset_equal(&one, set))
		return cpu;
	return cpuset_pin(0, &one) < 0 ? -1 : sched_getcpu();
}

static const char *why_not(const struct host *host, int cpu)
{
	struct cpuset set;

	if (host_sysfs_cpus(host, "present", &set) && !cpuset_has(&set, cpu))
		return "does not exist on this host (/sys/devices/system/cpu/present)";
	if (host_sysfs_cpus(host, "online", &set) && !cpuset_has(&set, cpu))
		return "is offline (/sys/devices/system/cpu/online)";
	return "is not granted to this process by the kernel (cpuset)";
}

enum status affinity_check(const char *option, const struct cpuset *set, const struct host *host)
{
	char usable[CPULIST_TEXT];
	struct cpuset refused;
	int cpu;

	cpuset_minus(&refused, set, &host->granted);
	cpu = cpuset_first(&refused);
	if (cpu < 0)
		return STATUS_OK;
	return fail(STATUS_USAGE, "%s: CPU %d %s; usable: cpus %s", option, cpu, why_not(host, cpu),
		    cpulist_format(&host->granted, usable, sizeof(usable)));
}

enum status choose_cpus(const struct options *options, const struct host *host,
			struct choice *choice)
{
	for (int i = 0; i < options->cpus; i++) {
		int entry = options->affinity_each ? i : 0;
		const struct cpuset *set = &options->affinity[entry];
		char option[32] = "--affinity";
		enum status status;

		choice->cpus[i] = host->allowed;
		if (entry >= options->naffinity || cpuset_is_empty(set))
			continue;
		if (options->affinity_each)
			snprintf(option, sizeof(option), "--affinity, vCPU %d", i);
		status = affinity_check(option, set, host);
		if (status)
			return status;
		choice->cpus[i] = *set;
	}
	return STATUS_OK;
}
