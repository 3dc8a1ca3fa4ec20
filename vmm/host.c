/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpulist.h"
#include "fail.h"
#include "host.h"

#define PMU_DEVICES "bus/event_source/devices"
#define CPU_DEVICES "devices/system/cpu"

/* One sysfs file; an attribute never exceeds a page. */
struct attribute {
	char path[PATH_MAX];
	char text[4097];
};

/* sysfs gives an attribute at once, and ends it with a newline: then there is no more to read. */
static int read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		used += (size_t)got;
		if (used < size && (got == 0 || text[used - 1] == '\n')) {
			text[used] = '\0';
			return 0;
		}
	}
	errno = EFBIG;
	return -1;
}

/* Where files are looked for: with @fd, the kernel need not look for the folder each time. */
struct folder {
	const char *path;
	int fd; /* -1: by the path */
};

/* Adds "/@name" to a path that ends at @end: its new end, -1 if there is no room. printf is slow.
 */
static ssize_t add_name(struct attribute *attribute, size_t end, const char *name)
{
	size_t length = strlen(name);

	if (length + 2 > sizeof(attribute->path) - end)
		return -1;
	attribute->path[end] = '/';
	memcpy(attribute->path + end + 1, name, length + 1);
	return (ssize_t)(end + 1 + length);
}

/* File @name of @folder's folder @in. Fills path, and text unless it fails: -1 with errno. */
static int attribute_read(struct attribute *attribute, struct folder folder, const char *in,
			  const char *name)
{
	size_t start = strlen(folder.path);
	ssize_t end = -1;
	int fd, error;

	if (start < sizeof(attribute->path)) {
		memcpy(attribute->path, folder.path, start + 1);
		end = add_name(attribute, start, in);
	}
	if (end < 0 || add_name(attribute, (size_t)end, name) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (folder.fd < 0)
		fd = open(attribute->path, O_RDONLY | O_CLOEXEC);
	else
		fd = openat(folder.fd, attribute->path + start + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	error = read_whole(fd, attribute->text, sizeof(attribute->text)) ? errno : 0;
	close(fd);
	errno = error;
	return error ? -1 : 0;
}

static int attribute_int(const struct attribute *attribute, int *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(attribute->text, &end, 10);
	if (errno || end == attribute->text || number < INT_MIN || number > INT_MAX)
		return -1;
	if (*end && strcmp(end, "\n"))
		return -1;
	*value = (int)number;
	return 0;
}

/* Adds the PMU of directory @name if it is a core PMU. */
static enum status read_pmu(struct folder devices, const char *name, struct host *host)
{
	struct attribute attribute;
	struct host_pmu pmu = { .type = -1 };

	if (attribute_read(&attribute, devices, name, "cpus"))
		return errno == ENOENT || errno == ENOTDIR
			       ? STATUS_OK
			       : fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (cpulist_parse(attribute.text, &pmu.cpus))
		return fail(STATUS_HOST, "%s is not a list of CPUs", attribute.path);
	/* It counts on no CPU, so that no vCPU can use it. */
	if (cpuset_is_empty(&pmu.cpus))
		return STATUS_OK;

	if (attribute_read(&attribute, devices, name, "type"))
		return fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (attribute_int(&attribute, &pmu.type) || pmu.type < 0)
		return fail(STATUS_HOST, "%s is not a PMU's number", attribute.path);

	if (host->npmus == HOST_MAX_PMUS)
		return fail(STATUS_HOST, "%s has more than the %d core PMUs minivmm can handle",
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

/* perf's own, which every kernel has: not worth a look for their CPUs. */
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
	char path[PATH_MAX];
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
			status = read_pmu((struct folder){ path, dirfd(dir) }, entry->d_name, host);
	}
	closedir(dir);
	qsort(host->pmus, (size_t)host->npmus, sizeof(host->pmus[0]), compare_pmus);
	return status;
}

enum status host_discover(const char *sysfs, const struct cpuset *affinity, struct host *host)
{
	memset(host, 0, sizeof(*host));
	host->sysfs = sysfs;
	host->allowed = host->granted = *affinity;
	if (cpuset_is_empty(affinity))
		return fail(STATUS_HOST, "the kernel lets this process run on no CPU");
	return read_pmus(sysfs, host);
}

bool host_sysfs_cpus(const struct host *host, const char *name, struct cpuset *set)
{
	struct attribute attribute;

	return attribute_read(&attribute, (struct folder){ host->sysfs, -1 }, CPU_DEVICES, name) ==
		       0 &&
	       cpulist_parse(attribute.text, set) == 0;
}

void host_online_cpus(const struct host *host, struct cpuset *set)
{
	if (host_sysfs_cpus(host, "online", set))
		cpuset_or(set, set, &host->granted);
	else
		*set = host->granted;
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

const char *host_pmu_list(const struct host *host, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (int i = 0; i < host->npmus; i++) {
		char cpus[CPULIST_TEXT];
		int length = snprintf(text + used, size - used, "%s%s (cpus %s)", used ? ", " : "",
				      host->pmus[i].name,
				      cpulist_format(&host->pmus[i].cpus, cpus, sizeof(cpus)));

		/* Half a name would be another PMU: stop before it. */
		if (length < 0 || (size_t)length >= size - used) {
			if (size)
				text[used] = '\0';
			break;
		}
		used += (size_t)length;
	}
	return text;
}

/* A topology file's number, -1 if there is none: the kernel itself writes -1 for unknown. */
static int topology_id(const char *sysfs, int cpu, const char *name)
{
	struct attribute attribute;
	char folder[64];
	int id;

	snprintf(folder, sizeof(folder), CPU_DEVICES "/cpu%d/topology", cpu);
	if (attribute_read(&attribute, (struct folder){ sysfs, -1 }, folder, name) ||
	    attribute_int(&attribute, &id) || id < 0)
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
	/* An unknown cluster is not known to be the same: such CPUs count one by one. */
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
