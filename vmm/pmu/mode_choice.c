/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pmu/mode_choice.h"

void mode_reason(const struct mode_context *c, const char *format, ...)
{
	static const char cut[] = "...\n";
	struct choice *choice = c->choice;
	size_t used, room;
	va_list args;
	int length;

	if (c->options->quiet && !c->options->probe)
		return;
	used = strlen(choice->reasons);
	room = sizeof(choice->reasons) - used;
	va_start(args, format);
	length = vsnprintf(choice->reasons + used, room, format, args);
	va_end(args);
	/* The longest reasons fit, as test_mode.c checks; a cut would be visible. */
	if (length < 0 || (size_t)length >= room)
		strcpy(choice->reasons + sizeof(choice->reasons) - sizeof(cut), cut);
}

const char *mode_pmus(struct mode_context *c)
{
	return host_pmu_list(c->host, c->pmus, sizeof(c->pmus));
}

void mode_uncovered_cpus(const struct host *host, const struct cpuset *set,
			 struct cpuset *uncovered)
{
	struct cpuset covered;

	host_covered_cpus(host, &covered);
	cpuset_minus(uncovered, set, &covered);
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
