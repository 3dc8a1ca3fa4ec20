/* SPDX-License-Identifier: MIT */
/*
 * Any tree below sysfs, and reads that come in pieces, are interrupted or fail: the host is
 * refused with one line, or it is what the tree says; every file and folder is closed again.
 * The tree is made of the input, behind the calls of libc that read one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpulist.h"
#include "fuzz.h"
#include "host/host.h"

#define SYSFS    "/made-up"
#define FD       1000000 /* no process has so many */
#define MAX_PMUS (HOST_MAX_PMUS + 2)
#define MAX_TEXT 300

struct file {
	char path[400];
	char text[MAX_TEXT];
	int error; /* of open() if positive, of read() if negative */
};

static struct {
	struct file files[2 + 2 * MAX_PMUS + 32];
	int nfiles;
	char folders[MAX_PMUS][MAX_TEXT];
	int nfolders;
	int folder_error; /* of opendir() if positive, of readdir() at the end if negative */
} tree;

static struct {
	const struct file *file;
	size_t read;
	unsigned mood; /* of read(): pieces and interruptions */
	int open;      /* files and folders */
	int folder;
} now;

__attribute__((format(printf, 2, 3))) static void add_file(struct input *input, const char *format,
							   ...)
{
	static const int errors[] = { ENOENT, ENOTDIR, EACCES, EMFILE, -EIO, -ENODEV };
	struct file *file = &tree.files[tree.nfiles++];
	uint64_t kind = input_number(input, 1);
	va_list args;

	va_start(args, format);
	vsnprintf(file->path, sizeof(file->path), format, args);
	va_end(args);
	file->error = kind >= 0xf0 ? errors[kind % 6] : 0;
	input_text(input, file->text, sizeof(file->text));
}

int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
	if (strncmp(path, SYSFS, strlen(SYSFS)) != 0)
		return __real_open64(path, flags, mode);
	must(flags == (O_RDONLY | O_CLOEXEC));
	must(!now.file);
	for (int i = 0; i < tree.nfiles; i++) {
		const struct file *file = &tree.files[i];

		if (strcmp(file->path, path) != 0)
			continue;
		if (file->error > 0) {
			errno = file->error;
			return -1;
		}
		now.file = file;
		now.read = 0;
		now.open++;
		return FD;
	}
	errno = ENOENT;
	return -1;
}

ssize_t __real_read(int fd, void *to, size_t count);
ssize_t __wrap_read(int fd, void *to, size_t count);
ssize_t __wrap_read(int fd, void *to, size_t count)
{
	size_t left;

	if (fd != FD)
		return __real_read(fd, to, count);
	left = strlen(now.file->text) - now.read;
	now.mood = now.mood * 1103515245u + 12345u;
	if (now.mood >> 28 == 0) {
		errno = EINTR;
		return -1;
	}
	if (now.file->error) {
		errno = -now.file->error;
		return -1;
	}
	/* host.c takes a newline for the end: sysfs never gives a piece that ends with another. */
	if (now.mood >> 28 == 1 && left > 1 && now.file->text[now.read] != '\n')
		left = 1;
	left = left < count ? left : count;
	memcpy(to, now.file->text + now.read, left);
	now.read += left;
	return (ssize_t)left;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	if (fd != FD)
		return __real_close(fd);
	must(now.file);
	now.file = NULL;
	now.open--;
	return 0;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	if (strncmp(path, SYSFS, strlen(SYSFS)) != 0)
		return __real_opendir(path);
	if (tree.folder_error > 0) {
		errno = tree.folder_error;
		return NULL;
	}
	now.folder = 0;
	now.open++;
	return (DIR *)&tree;
}

struct dirent64 *__real_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir);
struct dirent64 *__wrap_readdir64(DIR *dir)
{
	static struct dirent64 entry;

	if (dir != (DIR *)&tree)
		return __real_readdir64(dir);
	if (now.folder == tree.nfolders) {
		if (tree.folder_error)
			errno = -tree.folder_error;
		return NULL;
	}
	snprintf(entry.d_name, sizeof(entry.d_name), "%.255s", tree.folders[now.folder++]);
	return &entry;
}

int __real_closedir(DIR *dir);
int __wrap_closedir(DIR *dir);
int __wrap_closedir(DIR *dir)
{
	if (dir != (DIR *)&tree)
		return __real_closedir(dir);
	now.open--;
	return 0;
}

static void grow_tree(struct input *input)
{
	static const int errors[] = { 0, ENOENT, EACCES, -EIO };
	uint64_t npmus = input_below(input, MAX_PMUS + 1), nids = input_below(input, 8);

	tree.nfiles = tree.nfolders = 0;
	tree.folder_error = errors[input_number(input, 1) >= 0xf0 ? input_below(input, 4) : 0];
	add_file(input, SYSFS "/devices/system/cpu/present");
	add_file(input, SYSFS "/devices/system/cpu/online");
	for (uint64_t i = 0; i < npmus && input_left(input); i++) {
		char *name = tree.folders[tree.nfolders++];

		/* As of a file system: neither empty nor with a slash, nor twice. */
		snprintf(name, 8, "%c", 'a' + (int)i);
		input_text(input, name + 1, 255);
		for (char *slash = name; (slash = strchr(slash, '/')); slash++)
			*slash = '!';
		add_file(input, SYSFS "/bus/event_source/devices/%s/cpus", name);
		add_file(input, SYSFS "/bus/event_source/devices/%s/type", name);
	}
	for (uint64_t i = 0; i < nids; i++) {
		add_file(input, SYSFS "/devices/system/cpu/cpu%d/topology/cluster_id", (int)i);
		add_file(input, SYSFS "/devices/system/cpu/cpu%d/topology/physical_package_id",
			 (int)i);
	}
}

static const struct file *find(const char *folder, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), SYSFS "/%s/%s", folder, name);
	for (int i = 0; i < tree.nfiles; i++)
		if (!strcmp(tree.files[i].path, path))
			return &tree.files[i];
	return NULL;
}

/* The set that @file of the tree says; false if it cannot be read or says none. */
static bool said(const struct file *file, struct cpuset *set)
{
	return file && !file->error && !cpulist_parse(file->text, set);
}

static void must_be_the_tree(const struct host *host, const struct cpuset *affinity)
{
	struct cpuset set;
	int core = 0;

	must(!cpuset_is_empty(affinity) && cpuset_equal(affinity, &host->allowed));
	must(cpuset_equal(affinity, &host->granted));
	for (int i = 0; i < tree.nfolders && !tree.folder_error; i++) {
		const struct file *file = find("bus/event_source/devices", tree.folders[i]);
		char name[300];

		snprintf(name, sizeof(name), "%s/cpus", tree.folders[i]);
		file = find("bus/event_source/devices", name);
		core += said(file, &set) && cpuset_count(&set);
	}
	must(host->npmus == core);
	for (int i = 0; i < host->npmus; i++) {
		const struct host_pmu *pmu = &host->pmus[i];
		char name[300];

		snprintf(name, sizeof(name), "%s/cpus", pmu->name);
		must(said(find("bus/event_source/devices", name), &set));
		must(cpuset_equal(&set, &pmu->cpus) && pmu->type >= 0);
		must(!i || cpuset_first(&pmu[-1].cpus) <= cpuset_first(&pmu->cpus));
	}
}

/* What is asked of a host later on. */
static void must_answer(const struct host *host, size_t size)
{
	char whole[HOST_MAX_PMUS * 400], part[256];
	struct cpuset one_each, covered, online;

	host_online_cpus(host, &online);
	must(cpuset_contains(&online, &host->granted));
	host_pmu_list(host, whole, sizeof(whole));
	memset(part, '#', sizeof(part));
	host_pmu_list(host, part, size);
	must(size == sizeof(part) || part[size] == '#');
	must(!size || !strcmp(whole, "none") || !strncmp(part, whole, strlen(part)));
	host_covered_cpus(host, &covered);
	for (int cpu = -1; cpu <= 64; cpu++) {
		int pmu = host_pmu_of_cpu(host, cpu);

		must(pmu >= -1 && pmu < host->npmus);
		must(cpu < 0 || (pmu >= 0) == !!cpuset_has(&covered, cpu));
	}
	host_cluster_cpus(SYSFS, host, &host->allowed, &one_each);
	must(cpuset_contains(&host->allowed, &one_each));
	must(cpuset_first(&one_each) == cpuset_first(&host->allowed));
}

void fuzz_one(struct input *input)
{
	static struct host host;
	struct cpuset affinity;
	size_t size = input_number(input, 1);

	now.mood = (unsigned)input_number(input, 2);
	now.open = 0;
	now.file = NULL;
	cpuset_clear(&affinity);
	for (uint64_t i = 0, bits = ~input_number(input, 1); i < 8; i++)
		if (bits >> i & 1)
			cpuset_add(&affinity, (int)i);
	grow_tree(input);
	if (succeeded(host_discover(SYSFS, &affinity, &host), STATUS_HOST)) {
		must_be_the_tree(&host, &affinity);
		must_answer(&host, size);
	}
	must(!now.open);
}
