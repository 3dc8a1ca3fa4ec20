/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/settle.h"
#include "fair_server.h"
#include "result.h"
#include "site.h"

#define ANSWER 128 /* and above: not a status of enum result */

/*
 * A second after the last task's perf event is gone the kernel patches perf out of its
 * scheduler, and back in for the next one (account_event(), kernel/events/core.c): then the
 * guest that asked for that event goes on while other CPUs are still at work on it. An
 * event that counts nothing, for as long as the runner lives, keeps that away.
 */
void site_stay_exact(struct warden *warden)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY,
					.disabled = 1 };

	/* Without it counts may differ, and a test says so. */
	syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	/* Timers on every CPU, and while one CPU serves its own, the others' counters go on. */
	warden_change(warden, "/proc/sys/kernel/watchdog", "0");
	warden_change(warden, "/proc/sys/vm/stat_interval", "3600");
}

int site_ask(const struct site *site, int (*question)(const struct site *site))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		/* What it finds is an answer, not a failure to show. */
		if (!freopen("/dev/null", "w", stdout))
			_exit(0);
		_exit(ANSWER + question(site));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status) < ANSWER ? 0 : WEXITSTATUS(status) - ANSWER;
}

void need_away(const struct site *site)
{
	if (!site->naway)
		skip_test("no CPU here has a host PMU other than %s", site->host.pmus[0].name);
}

void need_uncovered(const struct site *site)
{
	if (!site->nuncovered)
		skip_test("every CPU here has a host PMU");
}

void need_two_home(const struct site *site)
{
	if (site->nhome < 2)
		skip_test("host PMU %s has only one CPU here", site->host.pmus[0].name);
}

void need_default_pmu(const struct site *site, int cpu)
{
	int pmu = site->default_pmu;

	if (pmu >= 0 && host_pmu_of_cpu(&site->host, cpu) != pmu)
		skip_test("this kernel's default PMU is %s on every CPU, also on CPU %d, which has "
			  "another",
			  site->host.pmus[pmu].name, cpu);
}

const struct host_pmu *pmu_of(const struct site *site, int cpu)
{
	int index = host_pmu_of_cpu(&site->host, cpu);

	if (index < 0)
		fail_test("CPU %d has no host PMU", cpu);
	return &site->host.pmus[index];
}

void place_thread(int tid, int cpu)
{
	struct cpuset set;

	cpuset_clear(&set);
	cpuset_add(&set, cpu);
	if (cpuset_pin(tid, &set) < 0)
		fail_test_errno("moving a thread to CPU %d", cpu);
}

void place_on(const struct site *site, int cpu)
{
	place_thread(0, cpu);
	if (!site->exact)
		return;
	while (fair_server_disturbs())
		settle();
	while (!settle())
		;
}
