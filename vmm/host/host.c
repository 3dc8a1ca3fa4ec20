/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpulist.h"
#include "base/fail.h"
#include "host/host.h"
#include "host/sysfs.h"

#define PMU_DEVICES "bus/event_source/devices"
#define CPU_DEVICES "devices/system/cpu"
#define MORE_PMUS   sizeof(" and 16 more (minivmm --probe)")

/* Adds the PMU of directory @name if it is a core PMU. */
static enum status read_pmu(struct sysfs_folder devices, const char *name, struct host *host)
{
	struct sysfs_attribute attribute;
	struct host_pmu pmu = { .type = -1 };

	if (sysfs_read(&attribute, devices, name, "cpus"))
		return errno == ENOENT || errno == ENOTDIR
			       ? STATUS_OK
			       : fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (cpulist_parse(attribute.text, &pmu.cpus))
		return fail(STATUS_HOST, "%s is not a list of CPUs", attribute.path);
	/* It covers no CPU, so no vCPU can use it. */
	if (cpuset_is_empty(&pmu.cpus))
		return STATUS_OK;
	if (host->npmus == HOST_MAX_PMUS)
		return fail(STATUS_HOST,
			    "%s has more than the %d core PMUs that minivmm can handle",
			    devices.path, HOST_MAX_PMUS);
	if (strlen(name) >= sizeof(pmu.name))
		return fail(STATUS_HOST, "%s: the PMU's name is longer than %zu characters",
			    attribute.path, sizeof(pmu.name) - 1);
	strcpy(pmu.name, name);
	host->pmus[host->npmus++] = pmu;
	return STATUS_OK;
}

static int compare_pmus(const void *left, const void *right)
{
	const struct host_pmu *a = left, *b = right;
	int first_a = cpuset_first(&a->cpus), first_b = cpuset_first(&b->cpus);

	return first_a != first_b ? first_a - first_b : strcmp(a->name, b->name);
}

/* perf's own software PMUs, which every kernel has: they are not looked at for CPUs. */
static bool is_software(const char *name)
{
	static const char *const names[] = { "breakpoint", "kprobe", "software", "tracepoint",
					     "uprobe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static enum status read_pmus(const char *sysfs, struct host *host)
{
	char path[SYSFS_PATH];
	enum status status = STATUS_OK;
	struct dirent *entry;
	DIR *dir;

	if ((size_t)snprintf(path, sizeof(path), "%s/" PMU_DEVICES, sysfs) >= sizeof(path))
		return fail(STATUS_HOST, "%s: the path is too long", sysfs);
	dir = opendir(path);
	if (!dir) /* a kernel without perf events has no such folder */
		return errno == ENOENT ? STATUS_OK
				       : fail_errno(STATUS_HOST, "cannot read %s", path);
	while (!status) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno)
				status = fail_errno(STATUS_HOST, "cannot read %s", path);
			break;
		}
		if (entry->d_name[0] != '.' && !is_software(entry->d_name))
			status = read_pmu((struct sysfs_folder){ path, dirfd(dir) }, entry->d_name,
					  host);
	}
	closedir(dir);
	qsort(host->pmus, (size_t)host->npmus, sizeof(host->pmus[0]), compare_pmus);
	return status;
}

enum status host_discover(const char *sysfs, const struct cpuset *affinity, struct host *host)
{
	host->npmus = 0;
	host->sysfs = sysfs;
	host->allowed = host->granted = *affinity;
	if (cpuset_is_empty(affinity))
		return fail(STATUS_HOST, "the kernel lets this process run on no CPU");
	return read_pmus(sysfs, host);
}

enum status host_read_type(const struct host *host, struct host_pmu *pmu)
{
	struct sysfs_attribute attribute;
	char folder[sizeof(PMU_DEVICES) + sizeof(pmu->name)];

	snprintf(folder, sizeof(folder), PMU_DEVICES "/%s", pmu->name);
	if (sysfs_read(&attribute, (struct sysfs_folder){ host->sysfs, -1 }, folder, "type"))
		return fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (sysfs_int(&attribute, &pmu->type) || pmu->type < 0)
		return fail(STATUS_HOST, "%s is not a PMU's number", attribute.path);
	return STATUS_OK;
}

bool host_sysfs_cpus(const struct host *host, const char *name, struct cpuset *set)
{
	struct sysfs_attribute attribute;

	if (sysfs_read(&attribute, (struct sysfs_folder){ host->sysfs, -1 }, CPU_DEVICES, name) < 0)
		return false;
	errno = EINVAL;
	return cpulist_parse(attribute.text, set) == 0;
}

bool host_online_cpus(const struct host *host, struct cpuset *set)
{
	bool known = host_sysfs_cpus(host, "online", set);

	if (known)
		cpuset_or(set, set, &host->granted);
	else
		*set = host->granted;
	return known;
}

int host_pmu_of_cpu(const struct host *host, int cpu)
{
	for (int i = 0; i < host->npmus; i++)
		if (cpuset_has(&host->pmus[i].cpus, cpu))
			return i;
	return -1;
}

void host_covered_cpus(const struct host *host, struct cpuset *covered)
{
	cpuset_clear(covered);
	for (int i = 0; i < host->npmus; i++)
		cpuset_or(covered, covered, &host->pmus[i].cpus);
}

static int print_pmu(const char *before, const struct host_pmu *pmu, char *text, size_t size)
{
	char cpus[CPULIST_TEXT];

	return snprintf(text, size, "%s%s (cpus %s)", before, pmu->name,
			cpulist_format(&pmu->cpus, cpus, sizeof(cpus)));
}

const char *host_pmu_text(const struct host_pmu *pmu, char *text, size_t size)
{
	print_pmu("", pmu, text, size);
	return text;
}

const char *host_pmu_list(const struct host *host, char *text, size_t size)
{
	size_t used = 0, cut = 0; /* behind @cut bytes is room for the number of the rest */
	int before_cut = 0;

	snprintf(text, size, "none");
	for (int i = 0; i < host->npmus; i++) {
		int length = print_pmu(used ? ", " : "", &host->pmus[i], text + used, size - used);

		/* A name that is cut would name another PMU, and a PMU that is left out would be
		 * missed. */
		if (length < 0 || (size_t)length >= size - used) {
			snprintf(text + cut, size - cut, "%s%d more (minivmm --probe)",
				 cut ? " and " : "", host->npmus - before_cut);
			break;
		}
		used += (size_t)length;
		if (used + MORE_PMUS <= size) {
			cut = used;
			before_cut = i + 1;
		}
	}
	return text;
}

/* A topology file's number, -1 if there is none: the kernel itself writes -1 for unknown. */
static int topology_id(const char *sysfs, int cpu, const char *name)
{
	struct sysfs_attribute attribute;
	char folder[64];
	int id;

	snprintf(folder, sizeof(folder), CPU_DEVICES "/cpu%d/topology", cpu);
	if (sysfs_read(&attribute, (struct sysfs_folder){ sysfs, -1 }, folder, name) ||
	    sysfs_int(&attribute, &id) || id < 0)
		return -1;
	return id;
}

int host_cluster_id(const char *sysfs, int cpu)
{
	return topology_id(sysfs, cpu, "cluster_id");
}

struct cluster {
	int package, id;
};

static bool same_cluster(const struct cluster *a, const struct cluster *b)
{
	/* CPUs of unknown clusters may be in different ones, so each of them counts as a cluster.
	 */
	return a->id >= 0 && a->id == b->id && a->package == b->package;
}

/* True if no two CPUs of @set have different PMUs. */
static bool one_pmu(const struct host *host, const struct cpuset *set)
{
	int pmu = host_pmu_of_cpu(host, cpuset_first(set));

	for (int cpu = cpuset_first(set); cpu >= 0; cpu = cpuset_next(set, cpu))
		if (host_pmu_of_cpu(host, cpu) != pmu)
			return false;
	return true;
}

void host_cluster_cpus(const char *sysfs, const struct host *host, const struct cpuset *within,
		       struct cpuset *out)
{
	struct cluster seen[CPUSET_CPUS];
	bool by_topology = one_pmu(host, within);
	int nseen = 0;

	cpuset_clear(out);
	for (int cpu = cpuset_first(within); cpu >= 0; cpu = cpuset_next(within, cpu)) {
		struct cluster cluster = { .package = -1 };
		int i = 0;

		if (by_topology) {
			cluster.package = topology_id(sysfs, cpu, "physical_package_id");
			cluster.id = host_cluster_id(sysfs, cpu);
		} else {
			/* +1: the CPUs without a PMU are one cluster too */
			cluster.id = host_pmu_of_cpu(host, cpu) + 1;
		}
		while (i < nseen && !same_cluster(&cluster, &seen[i]))
			i++;
		if (i < nseen)
			continue;
		seen[nseen++] = cluster;
		cpuset_add(out, cpu);
	}
}
