/* SPDX-License-Identifier: MIT */
/* What is counted while a cpuset moves the vCPU's thread. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "result.h"
#include "test_host.h"

#define CGROUP "/sys/fs/cgroup"
#define GAP_NS 2000000l

static void move_cgroup(struct scene *scene, int which)
{
	errno = warden_write(&scene->warden, scene->path, scene->cpus[which]);
	if (errno)
		fail_test_errno("writing %s to %s", scene->cpus[which], scene->path);
}

static void cpuset_between(struct scene *scene, int n)
{
	int cpu;

	move_cgroup(scene, (n / 2 + 1) % 2);
	cpu = atoi(scene->cpus[(n / 2 + 1) % 2]);
	expect_equal((uint64_t)sched_getcpu(), (uint64_t)cpu, "CPU after the cpuset's change");
	place_on(scene->site, cpu);
}

static void cpuset_under(struct scene *scene, int n)
{
	move_cgroup(scene, (n + 1) % 2);
	scene_pause(GAP_NS);
}

/*
 * Away until KVM has refused, however long the thread waits for its turn on a busy CPU. One that
 * gets to the next window but one has been entered away, in the window between.
 */
static void cpuset_until_refused(struct scene *scene, int n)
{
	int refusals = scene->nrefusals, window;

	cpuset_under(scene, n);
	window = scene->window;
	while (n % 2 == 0 && scene->nrefusals == refusals && !atomic_load(&scene->over)) {
		if (scene->window > window + 1)
			fail_test("the cpuset left the PMU, and KVM did not refuse");
		scene_pause(GAP_NS);
	}
}

/* Explicit: the cpuset left the PMU, so the vCPU can only go on when the cpuset returns. */
static void cpuset_back(struct scene *scene)
{
	int out = atoi(scene->cpus[1]);

	expect_equal((uint64_t)scene->vm->vcpus[0].refused_cpu, (uint64_t)out,
		     "CPU of the refusal");
	if (scene->variant.hops == HOPS_SYNC) {
		move_cgroup(scene, 0);
		place_on(scene->site, atoi(scene->cpus[0]));
	} else {
		scene_pause(GAP_NS / 10);
	}
}

/* The folder's own name for this process's cgroup, "0::/..." in /proc/self/cgroup. */
static void own_cgroup(char *path, size_t size)
{
	char line[WARDEN_PATH - 32];
	FILE *file = fopen("/proc/self/cgroup", "re");

	path[0] = '\0';
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(path, size, CGROUP "%s/cgroup.procs", line + 3);
		}
	if (file)
		fclose(file);
	if (!path[0])
		skip_test("this host has no cgroup v2");
}

static bool controls_cpusets(const char *path)
{
	char line[512] = "";
	FILE *file = fopen(path, "re");

	if (file && !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	return strstr(line, "cpuset");
}

static void join_cgroup(struct scene *scene)
{
	struct warden *warden = &scene->warden;
	char folder[WARDEN_PATH / 2], path[WARDEN_PATH], own[WARDEN_PATH], pid[16];

	own_cgroup(own, sizeof(own));
	if (!controls_cpusets(CGROUP "/cgroup.controllers"))
		skip_test("cgroup v2 at " CGROUP " has no cpusets");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(folder, sizeof(folder), CGROUP "/pmu-regress-%s", pid);
	if (!controls_cpusets(CGROUP "/cgroup.subtree_control")) {
		errno = warden_write(warden, CGROUP "/cgroup.subtree_control", "+cpuset");
		if (errno)
			skip_test("cpusets cannot be used: %s", strerror(errno));
		warden_at_end(warden, CGROUP "/cgroup.subtree_control", "-cpuset");
	}
	errno = warden_mkdir(warden, folder);
	if (errno)
		skip_test("%s cannot be made: %s", folder, strerror(errno));
	warden_at_end(warden, folder, NULL);
	snprintf(scene->path, sizeof(scene->path), "%s/cpuset.cpus", folder);
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	move_cgroup(scene, 0);
	warden_at_end(warden, own, pid);
	errno = warden_write(warden, path, pid);
	if (errno)
		fail_test_errno("entering %s", folder);
}

/* @cpus: where the cpuset is at first, and where it moves. */
static void run_in_cpuset(struct scene *scene, struct vm *vm, const struct site *site,
			  struct variant variant, const int cpus[2])
{
	for (int i = 0; i < 2; i++)
		snprintf(scene->cpus[i], sizeof(scene->cpus[i]), "%d", cpus[i]);
	warden_start(&scene->warden);
	scene_start(scene, vm, site, variant);
	scene_emit(scene, PMCCNTR_EL0);
	join_cgroup(scene);
	if (variant.hops != HOPS_ASYNC)
		scene->disturb = cpuset_between;
	else
		scene->disturb = scene->refused ? cpuset_until_refused : cpuset_under;
	scene_run(scene, cpus[0]);
	warden_end(&scene->warden);
	scene_judge(scene);
	scene_expect_disturbed(scene);
}

/*
 * Whoever manages the host moves vCPU threads without asking them: cpuset.cpus
 * overrides their affinity (Documentation/admin-guide/cgroup-v2.rst).
 */
void host_cpuset(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene;
	int cpus[2];

	need_mode(site, variant.mode);
	scene_two_cpus(site, variant.mode, cpus);
	run_in_cpuset(&scene, &vm, site, variant, cpus);
	expect_equal((uint64_t)scene.nrefusals, 0, "refusals");
}

/* A cpuset that leaves the PMU: each time KVM refuses, names the CPU, and nothing is lost. */
void host_cpuset_refused(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene = { .refused = cpuset_back };
	int cpus[2];

	need_mode(site, variant.mode);
	need_away(site);
	cpus[0] = site->home[0];
	cpus[1] = site->away[0];
	run_in_cpuset(&scene, &vm, site, variant, cpus);
	expect(scene.nrefusals > 0, "the cpuset left the PMU, and KVM never refused");
	if (variant.hops == HOPS_SYNC)
		expect_equal((uint64_t)scene.nrefusals, 6, "refusals");
}
