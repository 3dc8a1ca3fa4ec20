/* SPDX-License-Identifier: MIT */
/* Which CPUs the tests use, of all that the host has. */
#include "site.h"

/* All of @set where there is @room, else as many as there is room for, far apart. */
static int sample(const struct cpuset *set, int room, int *list)
{
	int count = cpuset_count(set), index = 0, taken = 0;

	if (room > count)
		room = count;
	for (int cpu = cpuset_first(set); taken < room; cpu = cpuset_next(set, cpu))
		if (index++ == taken * count / room)
			list[taken++] = cpu;
	return taken;
}

/* The first host PMU that has a CPU of @usable, -1 if none has. */
static int first_pmu(const struct host *host, const struct cpuset *usable)
{
	struct cpuset cpus;

	for (int i = 0; i < host->npmus; i++) {
		cpuset_and(&cpus, &host->pmus[i].cpus, usable);
		if (!cpuset_is_empty(&cpus))
			return i;
	}
	return -1;
}

/* The others keep their order. */
static void move_to_front(struct host *host, int pmu)
{
	struct host_pmu home = host->pmus[pmu];

	for (; pmu > 0; pmu--)
		host->pmus[pmu] = host->pmus[pmu - 1];
	host->pmus[0] = home;
}

bool site_list_cpus(struct site *site)
{
	struct host *host = &site->host;
	const struct cpuset *usable = &host->granted;
	int home = first_pmu(host, &host->allowed);
	struct cpuset cpus;

	if (home < 0)
		home = first_pmu(host, usable);
	if (home < 0)
		return false;
	move_to_front(host, home);
	cpuset_and(&cpus, &host->pmus[0].cpus, usable);
	site->nhome = sample(&cpus, SITE_MAX_CPUS, site->home);
	for (int i = 1; i < host->npmus; i++) {
		cpuset_and(&cpus, &host->pmus[i].cpus, usable);
		site->naway +=
			sample(&cpus, SITE_MAX_CPUS / (host->npmus - 1), site->away + site->naway);
	}
	host_covered_cpus(host, &cpus);
	cpuset_minus(&cpus, usable, &cpus);
	site->nuncovered = sample(&cpus, SITE_MAX_CPUS, site->uncovered);
	return true;
}

int site_cpu(const struct site *site, int index)
{
	if (index < site->nhome)
		return site->home[index];
	index -= site->nhome;
	return index < site->naway ? site->away[index] : site->uncovered[index - site->naway];
}
