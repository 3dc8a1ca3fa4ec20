/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "affinity.h"
#include "cpulist.h"
#include "fail.h"
#include "mode.h"

enum status affinity_check(const char *option, const cpu_set_t *set, const struct host *host)
{
	char usable[CPULIST_TEXT];
	const char *reason;

	if (cpulist_contains(&host->allowed, set))
		return STATUS_OK;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		size_t bit = (size_t)cpu;

		if (!CPU_ISSET(bit, set) || CPU_ISSET(bit, &host->allowed))
			continue;
		if (!CPU_ISSET(bit, &host->present))
			reason = "does not exist on this host";
		else if (!CPU_ISSET(bit, &host->online))
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
		const cpu_set_t *set = &options->affinity[entry];
		char option[32] = "--affinity";
		enum status status;

		choice->cpus[i] = host->allowed;
		if (entry >= options->naffinity || !CPU_COUNT(set))
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
