/* SPDX-License-Identifier: MIT */
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/first_pmu.h"

#define CPU_CYCLES 0x11

struct reading {
	uint64_t count, time_running;
};

/* A raw event of this thread; perf_event_paranoid allows plain users one without the kernel. */
static int open_raw_event(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_RAW,
		.size = sizeof(attr),
		.config = CPU_CYCLES,
		.read_format = PERF_FORMAT_TOTAL_TIME_RUNNING,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Whether the event runs while this thread is on CPUs of @pmu; false also if it cannot go there. */
static bool runs_on(int event, const struct host *host, const struct host_pmu *pmu)
{
	struct reading before, after;
	struct cpuset cpus;

	cpuset_and(&cpus, &pmu->cpus, &host->granted);
	return !cpuset_is_empty(&cpus) && cpuset_pin(0, &cpus) == 0 &&
	       read(event, &before, sizeof(before)) == (ssize_t)sizeof(before) &&
	       read(event, &after, sizeof(after)) == (ssize_t)sizeof(after) &&
	       after.time_running > before.time_running;
}

int first_pmu(const struct host *host)
{
	int event, first = -1;

	/* There is no other, and perf need not be asked. */
	if (host->npmus == 1)
		return 0;
	event = open_raw_event();
	for (int i = 0; event >= 0 && first < 0 && i < host->npmus; i++)
		if (runs_on(event, host, &host->pmus[i]))
			first = i;
	if (event >= 0)
		close(event);
	return first;
}
