/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "affinity.h"
#include "cpulist.h"
#include "fail.h"
#include "mode.h"

enum status affinity_check(const char *option, const struct cpuset *set, const struct host *host)
{
	char usable[CPULIST_TEXT];
	const char *reason;

	if (cpuset_contains(&host->allowed, set))
		return STATUS_OK;
	for (int cpu = cpuset_first(set); cpu >= 0; cpu = cpuset_next(set, cpu)) {
		if (cpuset_has(&host->allowed, cpu))
			continue;
		if (!cpuset_has(&host->present, cpu))
			reason = "does not exist on this host";
		else if (!cpuset_has(&host->online, cpu))
			reason = "is offline";
		else
			reason = "is not allowed for this process (taskset, cpuset)";
		return fail(STATUS_USAGE, "%s: CPU %d %s; usable: cpus %s", option, cpu, reason,
			    cpulist_format(&host->allowed, usable, sizeof(usable)));
	}
	return STATUS_OK;
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
