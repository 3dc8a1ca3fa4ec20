/* SPDX-License-Identifier: MIT */
/* What is counted while things happen to the host: CPUs, cpusets, signals and load. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "result.h"
#include "test_host.h"

#define STOP_NS       5000000l
#define GAP_NS        2000000l
#define SPINNERS      2 /* on each CPU */
#define MIN_DISTURBED 3

/* Hotplug. */

static void set_online(struct scene *scene, bool online)
{
	errno = warden_write(&scene->warden, scene->path, online ? "1" : "0");
	/* Before the first time nothing has been promised: another driver may say no. */
	if (errno && !online && scene->ndisturbed <= 1)
		skip_test("CPU %d cannot be taken offline: %s", scene->victim, strerror(errno));
	if (errno)
		fail_test_errno("taking CPU %d %s", scene->victim, online ? "online" : "offline");
}

/* Whether the thread may run on CPUs that the case did not put it on. */
static void look_at_affinity(struct scene *scene)
{
	struct cpuset now, own;

	if (cpuset_of_thread(scene->tid, &now) < 0)
		fail_test_errno("asking for the affinity of the vCPU's thread");
	cpuset_clear(&own);
	cpuset_add(&own, scene->site->home[0]);
	cpuset_add(&own, scene->victim);
	scene->widened |= !cpuset_contains(&own, &now);
}

/* One call takes the CPU from under the vCPU, the next one brings both back together. */
static void hotplug_between(struct scene *scene, int n)
{
	look_at_affinity(scene);
	if (n % 2 == 0) {
		set_online(scene, false);
		/* Wherever the kernel put the thread: composite goes on there, or is refused. */
		place_on(scene->site, scene->variant.mode == MODE_COMPOSITE ? sched_getcpu()
									    : scene->site->home[0]);
	} else {
		set_online(scene, true);
		place_on(scene->site, scene->victim);
	}
}

/* The same while the guest runs; default: the other home CPU is there to go to. */
static void hotplug_under(struct scene *scene, int n)
{
	struct cpuset both;

	(void)n;
	if (scene->variant.mode == MODE_DEFAULT) {
		cpuset_clear(&both);
		cpuset_add(&both, scene->site->home[0]);
		cpuset_add(&both, scene->victim);
		if (cpuset_pin(scene->tid, &both) < 0)
			fail_test_errno("moving a thread to CPUs %d and %d", scene->site->home[0],
					scene->victim);
	}
	set_online(scene, false);
	scene_pause(GAP_NS);
	look_at_affinity(scene);
	set_online(scene, true);
	place_thread(scene->tid, scene->victim);
	scene_pause(GAP_NS);
	look_at_affinity(scene);
}

/*
 * The kernel moves the threads of a CPU that goes offline to another one, even
 * against their affinity (kernel/sched/core.c: select_fallback_rq()). The count
 * goes with them; or, where it cannot, KVM refuses, and the vCPU returns.
 *
 * In default mode it can only go where the case leaves the thread. Before Linux 6.2 a cpuset
 * gives its threads all of its CPUs whenever one comes or goes (kernel/cgroup/cpuset.c:
 * hotplug_update_tasks()), some time after the event: then no count is to be expected.
 */
static void offline(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene;
	int cpus[2];

	need_mode(site, variant.mode);
	scene_two_cpus(site, variant.mode, cpus);
	scene.victim = cpus[1];
	snprintf(scene.path, sizeof(scene.path), "/sys/devices/system/cpu/cpu%d/online",
		 scene.victim);
	if (access(scene.path, W_OK) < 0)
		skip_test("%s cannot be written: %s", scene.path, strerror(errno));
	warden_start(&scene.warden);
	warden_at_end(&scene.warden, scene.path, "1");
	scene_start(&scene, &vm, site, variant);
	scene_emit(&scene, PMCCNTR_EL0);
	scene.disturb = variant.hops == HOPS_ASYNC ? hotplug_under : hotplug_between;
	scene_run(&scene, scene.victim);
	look_at_affinity(&scene);
	warden_end(&scene.warden);
	if (variant.mode == MODE_DEFAULT && scene.widened)
		skip_test("a cpuset of this kernel widens a thread's affinity when a CPU comes or "
			  "goes: the thread may have left the default PMU's CPUs");
	scene_judge(&scene);
	scene_expect_disturbed(&scene);
}

/* Signals. */

static void stop_process(struct scene *scene, int n)
{
	(void)n;
	warden_stop_me(&scene->warden, STOP_NS);
	if (scene->variant.hops == HOPS_ASYNC)
		scene_pause(GAP_NS);
	else
		place_on(scene->site, scene->site->home[0]);
}

/* A process that is stopped (SIGSTOP) counts nothing, and loses nothing. */
static void stopped(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene = { .disturb = stop_process };
	const struct scene_window *first = &scene.windows[SCENE_QUIET], *last;
	uint64_t stops;

	need_mode(site, variant.mode);
	warden_start(&scene.warden);
	scene_start(&scene, &vm, site, variant);
	scene_emit(&scene, PMCCNTR_EL0);
	scene_run(&scene, site->home[0]);
	warden_end(&scene.warden);
	scene_judge(&scene);
	scene_expect_disturbed(&scene);
	if (!site->exact)
		return;
	/* A cycle is a nanosecond: those in which the process was stopped are not among them. */
	last = &scene.windows[scene.count - 1];
	/* The last one can have begun when the guest was at its end. */
	stops = (uint64_t)(scene.ndisturbed - 1) * STOP_NS;
	expect_between(last->end - first->start, 0,
		       (last->ticks_end - first->ticks_start) * 16 - stops,
		       "cycles of a process that was stopped");
}

/* Load. */

static void *spin(void *argument)
{
	const struct scene *scene = argument;

	while (!atomic_load(&scene->over))
		;
	return NULL;
}

static void start_spinners(struct scene *scene, int cpu)
{
	for (int i = 0; i < SPINNERS; i++) {
		pthread_attr_t attr;
		pthread_t thread;
		struct cpuset set;

		cpuset_clear(&set);
		cpuset_add(&set, cpu);
		pthread_attr_init(&attr);
		pthread_attr_setaffinity_np(&attr, sizeof(set), (cpu_set_t *)&set);
		if (pthread_create(&thread, &attr, spin, scene))
			fail_test("cannot start a thread");
	}
}

/* Load comes to the CPU, and with variants that hop, to the other one; then the vCPU moves. */
static void saturate(struct scene *scene, int n)
{
	if (n == 0) {
		start_spinners(scene, atoi(scene->cpus[0]));
		if (scene->variant.hops != HOPS_NONE)
			start_spinners(scene, atoi(scene->cpus[1]));
	}
	if (scene->variant.hops == HOPS_SYNC)
		place_thread(0, atoi(scene->cpus[(n / 2 + 1) % 2]));
	if (scene->variant.hops == HOPS_ASYNC) {
		place_thread(scene->tid, atoi(scene->cpus[(n + 1) % 2]));
		scene_pause(GAP_NS);
	}
}

/*
 * Other threads want the vCPU's CPU: their cycles are not the guest's, and being
 * preempted in the middle of a window costs it nothing. Still, the CPUs have nothing
 * else to do, so that the counts are exact; else another CPU is at work.
 */
static void saturated(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct scene scene = { .disturb = saturate };
	struct rusage usage;
	int cpus[2];

	need_mode(site, variant.mode);
	if (variant.hops != HOPS_NONE)
		scene_two_cpus(site, variant.mode, cpus);
	else
		cpus[0] = cpus[1] = site->home[0];
	for (int i = 0; i < 2; i++)
		snprintf(scene.cpus[i], sizeof(scene.cpus[i]), "%d", cpus[i]);
	scene_start(&scene, &vm, site, variant);
	scene.noisy = true; /* a busy CPU's kernel gives its threads on others work */
	scene_emit(&scene, PMCCNTR_EL0);
	scene.long_windows = true;
	scene_run(&scene, cpus[0]);
	scene_judge(&scene);
	getrusage(RUSAGE_THREAD, &usage);
	note("preempted %ld times", usage.ru_nivcsw);
	if (usage.ru_nivcsw < MIN_DISTURBED)
		skip_test("the vCPU was preempted only %ld times", usage.ru_nivcsw);
}

static const struct test tests[] = {
	{ "host.offline", offline, EVERY_MODE, SYNC | ASYNC, 0, NULL, 60 },
	{ "host.offline", offline, STRICT, SYNC, 0, NULL, 60 },
	{ "host.cpuset", host_cpuset, EVERY_MODE, SYNC | ASYNC, 0, NULL, 60 },
	{ "host.cpuset-refused", host_cpuset_refused, IN(MODE_EXPLICIT), SYNC | ASYNC, 0, NULL,
	  60 },
	{ "host.cpuset-refused", host_cpuset_refused, STRICT, SYNC, 0, NULL, 60 },
	{ "host.stopped", stopped, EVERY_MODE, SYNC | ASYNC, 0, NULL, 60 },
	{ "host.saturated", saturated, EVERY_MODE, EVERY_HOP, 0, NULL, 60 },
	{ "host.perf", host_perf, EVERY_MODE, SYNC | ASYNC, HOST_PERF_ROWS, host_perf_name, 60 },
	{ "host.starved", host_starved, EVERY_MODE, 0, 0, NULL, 60 },
	{ "host.throttled", host_throttled, EVERY_MODE, 0, 0, NULL, 60 },
	{ "host.counted", host_counted, EVERY_MODE, 0, HOST_COUNTED_ROWS, host_counted_name, 60 },
	{ "host.left_behind", host_left_behind, EVERY_MODE, 0, 0, NULL, 60 },
	{ "host.user_access", host_user_access, EVERY_MODE, 0, 0, NULL, 0 },
};

FAMILY(host_family, tests);
