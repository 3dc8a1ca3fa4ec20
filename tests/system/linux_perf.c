/* SPDX-License-Identifier: MIT */
/*
 * What `perf stat` and `perf record` do, without perf: the same work again and again,
 * counted at EL0. Judging the numbers is the test's, which knows the mode.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux_guest.h"

#define ROUNDS       40
#define LOOPS        1000000ull /* of 2 instructions */
#define PERIOD       500000ull  /* cycles between two samples */
#define RING_PAGES   8
#define INST_RETIRED 0x08
#define CPU_CYCLES   0x11
#define WORK_BYTES   64 /* no function is shorter than work() and its alignment */

/*
 * The numbers of the architecture go to the PMU as they are; perf's own only where
 * PMCEID0_EL0 has the event.
 */
static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} counted[] = {
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ "r11", PERF_TYPE_RAW, CPU_CYCLES },
	{ "r08", PERF_TYPE_RAW, INST_RETIRED },
};

#define COUNTED (sizeof(counted) / sizeof(counted[0]))

static __attribute__((noinline, aligned(WORK_BYTES))) void work(void)
{
	uint64_t left = LOOPS;

	__asm__ volatile("1:	subs	%0, %0, #1\n"
			 "	b.ne	1b\n"
			 : "+r"(left)
			 :
			 : "cc");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int open_event(uint32_t type, uint64_t config, uint64_t period)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
		.sample_period = period,
		.sample_type = PERF_SAMPLE_IP,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* An event had a counter for @running of the @enabled nanoseconds. */
struct reading {
	uint64_t count, enabled, running;
};

static struct reading read_event(int fd)
{
	struct reading now = { 0 };

	if (fd >= 0 && read(fd, &now, sizeof(now)) != sizeof(now))
		printf("guest: cannot read an event: %s\n", strerror(errno));
	return now;
}

/* A line for each event: its count in each round, after it the nanoseconds that the round took. */
static void count_rounds(void)
{
	static uint64_t counts[COUNTED][ROUNDS], took[ROUNDS];
	int fds[COUNTED];

	for (size_t i = 0; i < COUNTED; i++) {
		fds[i] = open_event(counted[i].type, counted[i].config, 0);
		if (fds[i] < 0)
			printf("guest: no %s: %s\n", counted[i].name, strerror(errno));
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t before[COUNTED], start = now_ns();

		for (size_t i = 0; i < COUNTED; i++)
			before[i] = read_event(fds[i]).count;
		work();
		for (size_t i = 0; i < COUNTED; i++)
			counts[i][round] = read_event(fds[i]).count - before[i];
		took[round] = now_ns() - start;
	}
	for (size_t i = 0; i < COUNTED; i++) {
		struct reading last = read_event(fds[i]);

		if (fds[i] < 0)
			continue;
		printf("guest: %s running %d%%:", counted[i].name,
		       last.enabled ? (int)(last.running * 100 / last.enabled) : 0);
		for (int round = 0; round < ROUNDS; round++)
			printf(" %llu/%llu", (unsigned long long)counts[i][round],
			       (unsigned long long)took[round]);
		putchar('\n');
		close(fds[i]);
	}
}

/* Of @ring, which has not wrapped: samples, and how many of them were taken in work(). */
static void count_samples(const struct perf_event_mmap_page *ring, unsigned *all, unsigned *inside)
{
	const char *data = (const char *)ring + ring->data_offset;
	uint64_t head = ring->data_head;

	__sync_synchronize(); /* the records are read after the head that covers them */
	*all = *inside = 0;
	for (uint64_t at = 0; at < head;) {
		struct {
			struct perf_event_header header;
			uint64_t ip;
		} record;

		memcpy(&record, data + at, sizeof(record));
		at += record.header.size;
		if (record.header.type != PERF_RECORD_SAMPLE)
			continue;
		++*all;
		*inside += record.ip - (uintptr_t)work < WORK_BYTES;
	}
}

static void sample_rounds(void)
{
	int fd = open_event(PERF_TYPE_RAW, CPU_CYCLES, PERIOD);
	size_t size = (size_t)(RING_PAGES + 1) * (size_t)sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *ring;
	unsigned all, inside;

	if (fd < 0) {
		printf("guest: no samples: %s\n", strerror(errno));
		return;
	}
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED) {
		printf("guest: no ring: %s\n", strerror(errno));
		return;
	}
	for (int round = 0; round < ROUNDS; round++)
		work();
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	count_samples(ring, &all, &inside);
	printf("guest: samples %u inside %u count %llu period %llu\n", all, inside,
	       (unsigned long long)read_event(fd).count, PERIOD);
}

void perf_rounds(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first) < 0)
		printf("guest: cannot stay on CPU 0: %s\n", strerror(errno));
	printf("guest: work %llu in %d rounds\n", 2 * LOOPS, ROUNDS);
	count_rounds();
	sample_rounds();
}
