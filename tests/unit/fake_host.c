/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpulist.h"
#include "fail_capture.h"
#include "fake_host.h"

const char *fake_sysfs = "/nonexistent";

struct cpuset cpus(const char *list)
{
	struct cpuset set;

	assert_int_equal(cpulist_parse(list, &set), 0);
	return set;
}

void assert_cpus(const struct cpuset *set, const char *list)
{
	char text[CPULIST_TEXT];

	assert_string_equal(cpulist_format(set, text, sizeof(text)), list);
}

void fake_host(struct host *host, const char *list)
{
	memset(host, 0, sizeof(*host));
	host->sysfs = fake_sysfs;
	host->allowed = host->granted = cpus(list);
}

void fake_host_pmu(struct host *host, const char *name, const char *list)
{
	struct host_pmu *pmu = &host->pmus[host->npmus++];

	assert_true(host->npmus <= HOST_MAX_PMUS);
	snprintf(pmu->name, sizeof(pmu->name), "%s", name);
	pmu->type = 7 + host->npmus;
	pmu->cpus = cpus(list);
}

void fake_tree(char root[FAKE_ROOT])
{
	const char *tmp = getenv("TMPDIR");

	assert_true(snprintf(root, FAKE_ROOT, "%s/minivmm-test-XXXXXX", tmp ? tmp : "/tmp") <
		    FAKE_ROOT);
	assert_non_null(mkdtemp(root));
}

void fake_file(const char *root, const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *file;

	assert_true(snprintf(whole, sizeof(whole), "%s/%s", root, path) < (int)sizeof(whole));
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_tree_remove(const char *root)
{
	assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
