/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpulist.h"
#include "fail.h"
#include "host.h"

#define PMU_DEVICES "bus/event_source/devices"

/* One sysfs file; an attribute never exceeds a page. */
struct attribute {
	char path[PATH_MAX];
	char text[4097];
};

static int read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0) {
			text[used] = '\0';
			return 0;
		}
		used += (size_t)got;
	}
	errno = EFBIG;
	return -1;
}

/* Fills path, and text unless it fails: -1 with errno. */
__attribute__((format(printf, 3, 4))) static int
attribute_read(struct attribute *attribute, const char *sysfs, const char *format, ...)
{
	va_list args;
	int start, length, fd, error;

	start = snprintf(attribute->path, sizeof(attribute->path), "%s/", sysfs);
	if (start < 0 || (size_t)start >= sizeof(attribute->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	va_start(args, format);
	length = vsnprintf(attribute->path + start, sizeof(attribute->path) - (size_t)start, format,
			   args);
	va_end(args);
	if (length < 0 || (size_t)(start + length) >= sizeof(attribute->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}

	fd = open(attribute->path, O_RDONLY | O_CLOEXEC);
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

static enum status read_cpus(const char *sysfs, const char *name, cpu_set_t *set)
{
	struct attribute attribute;

	if (attribute_read(&attribute, sysfs, "devices/system/cpu/%s", name))
		return fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (cpulist_parse(attribute.text, set))
		return fail(STATUS_HOST, "%s is not a list of CPUs", attribute.path);
	return STATUS_OK;
}

/* Adds the PMU of directory @name if it is a core PMU. */
static enum status read_pmu(const char *sysfs, const char *name, struct host *host)
{
	struct attribute attribute;
	struct host_pmu pmu = { .type = -1 };

	if (attribute_read(&attribute, sysfs, PMU_DEVICES "/%s/cpus", name))
		return errno == ENOENT || errno == ENOTDIR
			       ? STATUS_OK
			       : fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (cpulist_parse(attribute.text, &pmu.cpus) || !CPU_COUNT(&pmu.cpus))
		return fail(STATUS_HOST, "%s is not a list of CPUs", attribute.path);

	if (attribute_read(&attribute, sysfs, PMU_DEVICES "/%s/type", name))
		return fail_errno(STATUS_HOST, "cannot read %s", attribute.path);
	if (attribute_int(&attribute, &pmu.type) || pmu.type < 0)
		return fail(STATUS_HOST, "%s is not a PMU's number", attribute.path);

	if (host->npmus == HOST_MAX_PMUS)
		return fail(STATUS_HOST,
			    "%s/" PMU_DEVICES " has more than the %d core PMUs minivmm can handle",
			    sysfs, HOST_MAX_PMUS);
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
	int first_a = cpulist_first(&a->cpus), first_b = cpulist_first(&b->cpus);

	return first_a != first_b ? first_a - first_b : strcmp(a->name, b->name);
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
		if (entry->d_name[0] != '.')
			status = read_pmu(sysfs, entry->d_name, host);
	}
	closedir(dir);
	qsort(host->pmus, (size_t)host->npmus, sizeof(host->pmus[0]), compare_pmus);
	return status;
}

enum status host_discover(const char *sysfs, const cpu_set_t *affinity, struct host *host)
{
	enum status status;

	memset(host, 0, sizeof(*host));
	status = read_cpus(sysfs, "present", &host->present);
	if (!status)
		status = read_cpus(sysfs, "online", &host->online);
	if (status)
		return status;
	CPU_AND(&host->allowed, &host->online, affinity);
	if (!CPU_COUNT(&host->allowed))
		return fail(STATUS_HOST,
			    "%s/devices/system/cpu/online has none of the CPUs that this process "
			    "may run on",
			    sysfs);
	return read_pmus(sysfs, host);
}

int host_pmu_of_cpu(const struct host *host, int cpu)
{
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return -1;
	for (int i = 0; i < host->npmus; i++)
		if (CPU_ISSET((size_t)cpu, &host->pmus[i].cpus))
			return i;
	return -1;
}

void host_covered_cpus(const struct host *host, cpu_set_t *covered)
{
	CPU_ZERO(covered);
	for (int i = 0; i < host->npmus; i++)
		CPU_OR(covered, covered, &host->pmus[i].cpus);
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
	int id;

	if (attribute_read(&attribute, sysfs, "devices/system/cpu/cpu%d/topology/%s", cpu, name) ||
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
static bool one_pmu(const struct host *host, const cpu_set_t *set)
{
	int pmu = host_pmu_of_cpu(host, cpulist_first(set));

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, set) && host_pmu_of_cpu(host, cpu) != pmu)
			return false;
	return true;
}

void host_cluster_cpus(const char *sysfs, const struct host *host, const cpu_set_t *within,
		       cpu_set_t *out)
{
	struct cluster seen[CPU_SETSIZE];
	bool by_topology = one_pmu(host, within);
	int nseen = 0;

	CPU_ZERO(out);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		struct cluster cluster = { .package = -1 };
		int i = 0;

		if (!CPU_ISSET((size_t)cpu, within))
			continue;
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
		CPU_SET((size_t)cpu, out);
	}
}
