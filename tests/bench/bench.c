/* SPDX-License-Identifier: MIT */
/*
 * Times minivmm against the floor, in one boot: from fork to reaped, per exit of the
 * lab device, and per byte on the console, which goes to a pipe here. Under instruction counting a
 * nanosecond is an instruction, so that the medians printed are the same on every machine.
 *
 * Everything runs on one CPU: where the scheduler puts a thread is not what is
 * measured here. The first run of each program is dropped: it pays for the page
 * cache and for KVM's first use.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS  8
#define EXITS 1000 /* as in guest/exits.S */
#define BYTES 4000 /* as in guest/bytes.S */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void fail(const char *program)
{
	fprintf(stderr, "bench: %s failed\n", program);
	exit(1);
}

/* Its output must be whole; the pipe has room for all of it. */
static int64_t run_once(char *const argv[], ssize_t output)
{
	char bytes[2 * BYTES];
	int pipe_ends[2], status;
	int64_t start, time;
	pid_t child;

	if (pipe(pipe_ends) < 0)
		fail("pipe()");
	start = now_ns();
	child = fork();
	if (child == 0) {
		dup2(pipe_ends[1], STDOUT_FILENO);
		close(pipe_ends[0]);
		close(pipe_ends[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		fail(argv[0]);
	time = now_ns() - start;
	close(pipe_ends[1]);
	if (read(pipe_ends[0], bytes, sizeof(bytes)) != output)
		fail("the console");
	close(pipe_ends[0]);
	return time;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(char *const argv[], ssize_t output)
{
	int64_t times[RUNS];

	run_once(argv, output);
	for (int i = 0; i < RUNS; i++)
		times[i] = run_once(argv, output);
	qsort(times, RUNS, sizeof(times[0]), compare);
	return times[RUNS / 2];
}

int main(void)
{
	char *const nothing[] = { "bench-true", NULL };
	char *const floor_off[] = { "floor", "off.bin", NULL };
	char *const floor_exits[] = { "floor", "exits.bin", NULL };
	char *const floor_bytes[] = { "floor", "bytes.bin", NULL };
	char *const our_off[] = { "minivmm", "--pmu=explicit", "--quiet", "off.bin", NULL };
	char *const our_exits[] = { "minivmm", "--pmu=explicit", "--quiet", "exits.bin", NULL };
	char *const our_bytes[] = { "minivmm", "--pmu=explicit", "--quiet", "bytes.bin", NULL };
	int64_t true_ns, floor_ns, our_ns, floor_exit, our_exit, floor_byte, our_byte;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) < 0) {
		perror("bench: sched_setaffinity");
		return 1;
	}
	true_ns = median(nothing, 0);
	floor_ns = median(floor_off, 0);
	our_ns = median(our_off, 0);
	floor_exit = (median(floor_exits, 0) - floor_ns) / EXITS;
	our_exit = (median(our_exits, 0) - our_ns) / EXITS;
	floor_byte = (median(floor_bytes, 0) - floor_ns) / BYTES;
	our_byte = (median(our_bytes, BYTES) - our_ns) / BYTES;
	printf("startup true    %lld ns\n", (long long)true_ns);
	printf("startup floor   %lld ns\n", (long long)floor_ns);
	printf("startup minivmm %lld ns\n", (long long)our_ns);
	printf("startup ratio   %.2f\n", (double)our_ns / (double)floor_ns);
	printf("exit floor      %lld ns\n", (long long)floor_exit);
	printf("exit minivmm    %lld ns\n", (long long)our_exit);
	printf("exit difference %lld ns\n", (long long)(our_exit - floor_exit));
	printf("byte floor      %lld ns\n", (long long)floor_byte);
	printf("byte minivmm    %lld ns\n", (long long)our_byte);
	printf("byte difference %lld ns\n", (long long)(our_byte - floor_byte));
	return 0;
}
