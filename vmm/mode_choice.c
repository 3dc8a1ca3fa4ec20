/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mode_choice.h"

void mode_reason(struct choice *choice, const char *format, ...)
{
	size_t used = strlen(choice->reasons);
	size_t room = sizeof(choice->reasons) - used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(choice->reasons + used, room, format, args);
	va_end(args);
	/* What does not fit is cut off, but the last line still ends. */
	if (length < 0 || (size_t)length >= room)
		choice->reasons[sizeof(choice->reasons) - 2] = '\n';
}

void mode_bare_cpus(const struct host *host, const struct cpuset *set, struct cpuset *bare)
{
	struct cpuset covered;

	host_covered_cpus(host, &covered);
	cpuset_minus(bare, set, &covered);
}

int mode_start_cpu(const struct host *host, const struct choice *choice)
{
	struct cpuset covered;

	if (choice->plan.ncpus)
		return choice->plan.cpus[0];
	if (choice->pmu >= 0)
		covered = host->pmus[choice->pmu].cpus;
	else
		host_covered_cpus(host, &covered);
	cpuset_and(&covered, &covered, &choice->cpus[0]);
	return cpuset_first(cpuset_is_empty(&covered) ? &choice->cpus[0] : &covered);
}
