/* SPDX-License-Identifier: MIT */
/*
 * Runs commands and says what they cost; scripts/bench says what is compared with what:
 *
 *     bench [-a] [-y] [-nRUNS] [-LETTER] COMMAND... ::: ...
 *
 * prints a line for each command, the median of RUNS (8):
 *
 *     -    ns from fork to reaped
 *     -x   ns from exec to the time stamp that the guest prints (guest/stamp.S)
 *     -t   ns that the guest prints as ticks
 *     -p   a hexadecimal number that is printed
 *     -h   hops in the record that is printed
 *     -i   instructions that all CPUs execute from fork to reaped (instruction counting only)
 *     -s   system calls
 *     -m   bytes of anonymous memory, of all resident, and the peak of that, of a command
 *          that goes on until it is killed; without the largest mapping, the guest's RAM
 *
 * Under instruction counting a nanosecond is an instruction, so that they are the same on
 * every machine. Unless -a is given, everything runs on CPU 0: where the scheduler puts a
 * thread is not what is measured. The first run of each command is dropped: it pays for
 * the page cache and for KVM's first use. With -y their input is a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS    1001
#define OUTPUT      "bench.out"
#define SETTLE_USEC 300000 /* until a guest runs for sure, and its VMM sleeps */

struct spec {
	char kind; /* one of the letters above, or '-' */
	bool everywhere, terminal;
	int runs;
	char **argv;
};

/* What a run left behind. */
struct run {
	int64_t ns;
	uint64_t exec_ticks;
	int64_t instructions;
	long long calls;
};

static uint64_t *shared_ticks;
static int terminal;

static void die(const char *what, const char *program)
{
	fprintf(stderr, "bench: %s: %s: %s\n", program, what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static uint64_t ticks(void)
{
	uint64_t value;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
	return value;
}

static double ns_per_tick(void)
{
	uint64_t hertz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
	return 1e9 / (double)hertz;
}

/*
 * Idle CPUs wait for nothing in it, as they do in ns: KVM's end of several vCPUs waits for
 * RCU, in steps of a tick. Under instruction counting each CPU's counter counts what all do.
 */
static int open_instructions(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_HW_INSTRUCTIONS };
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		die("perf_event_open", "instructions");
	return fd;
}

static int64_t read_instructions(int fd)
{
	int64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("no count", "instructions");
	return count;
}

/* A board has no devpts; elsewhere it is there, and this changes nothing. */
static void open_terminal(void)
{
	int ours;

	if (mkdir("/dev/pts", 0755) == 0 && mount("devpts", "/dev/pts", "devpts", 0, NULL))
		die("devpts", "bench");
	if (openpty(&ours, &terminal, NULL, NULL, NULL) < 0)
		die("openpty", "bench");
	fcntl(ours, F_SETFD, FD_CLOEXEC);
	fcntl(terminal, F_SETFD, FD_CLOEXEC);
}

static pid_t start(const struct spec *spec)
{
	int out = open(OUTPUT, O_RDWR | O_CREAT | O_TRUNC, 0600);
	pid_t child;

	if (out < 0)
		die("cannot create " OUTPUT, spec->argv[0]);
	child = fork();
	if (child == 0) {
		dup2(out, STDOUT_FILENO);
		close(out);
		if (spec->terminal)
			dup2(terminal, STDIN_FILENO);
		if (spec->kind == 's')
			ptrace(PTRACE_TRACEME, 0, 0, 0);
		*shared_ticks = ticks();
		execvp(spec->argv[0], spec->argv);
		_exit(127);
	}
	close(out);
	if (child < 0)
		die("fork", spec->argv[0]);
	return child;
}

/* A system call stops its thread twice: before and after; one that ends the thread once. */
static long long count_calls(pid_t child, int *status)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			     PTRACE_O_EXITKILL;
	long long stops = 0;
	bool first = true;
	pid_t pid;

	while ((pid = waitpid(-1, status, __WALL)) > 0) {
		int signal = WSTOPSIG(*status);

		if (!WIFSTOPPED(*status)) {
			stops++;
			if (pid == child)
				break;
			continue;
		}
		if (first)
			ptrace(PTRACE_SETOPTIONS, pid, 0, options);
		first = false;
		if (signal == (SIGTRAP | 0x80))
			stops++;
		ptrace(PTRACE_SYSCALL, pid, 0,
		       signal == (SIGTRAP | 0x80) || signal == SIGTRAP || signal == SIGSTOP
			       ? 0
			       : signal);
	}
	return stops / 2;
}

static struct run run_once(const struct spec *spec)
{
	int counter = spec->kind == 'i' ? open_instructions() : -1;
	struct run run = { .ns = now_ns() };
	pid_t child = start(spec);
	int status = 0;

	if (spec->kind == 's')
		run.calls = count_calls(child, &status);
	else if (waitpid(child, &status, 0) != child)
		die("waitpid", spec->argv[0]);
	run.ns = now_ns() - run.ns;
	if (counter >= 0) {
		run.instructions = read_instructions(counter);
		close(counter);
	}
	run.exec_ticks = *shared_ticks;
	errno = 0;
	if (status)
		die("it failed", spec->argv[0]);
	return run;
}

static uint64_t printed_number(const char *program)
{
	FILE *file = fopen(OUTPUT, "r");
	uint64_t number;

	if (!file || fscanf(file, "%" SCNx64, &number) != 1)
		die("no number came out", program);
	fclose(file);
	return number;
}

static int64_t printed_hops(const char *program)
{
	FILE *file = fopen(OUTPUT, "r");
	char line[1024];
	int64_t hops = 0;

	if (!file)
		die("no record came out", program);
	while (fgets(line, sizeof(line), file))
		hops += strstr(line, "\"hop\"") != NULL;
	fclose(file);
	return hops;
}

static int64_t value_of(const struct spec *spec, const struct run *run)
{
	const char *program = spec->argv[0];

	switch (spec->kind) {
	case 'x':
		return (int64_t)((double)(printed_number(program) - run->exec_ticks) *
				 ns_per_tick());
	case 't':
		return (int64_t)((double)printed_number(program) * ns_per_tick());
	case 'p':
		return (int64_t)printed_number(program);
	case 'h':
		return printed_hops(program);
	case 'i':
		return run->instructions;
	case 's':
		return run->calls;
	default:
		return run->ns;
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct spec *spec)
{
	static int64_t values[MAX_RUNS];

	run_once(spec);
	for (int i = 0; i < spec->runs; i++) {
		struct run run = run_once(spec);

		values[i] = value_of(spec, &run);
	}
	qsort(values, (size_t)spec->runs, sizeof(values[0]), compare);
	printf("%" PRId64 "\n", values[spec->runs / 2]);
}

/* One field of /proc/PID/smaps or status, in KiB; false if @line is another. */
static bool field(const char *line, const char *name, unsigned long long *kib)
{
	size_t length = strlen(name);

	return !strncmp(line, name, length) && line[length] == ':' &&
	       sscanf(line + length + 1, "%llu", kib) == 1;
}

struct memory {
	unsigned long long size, anonymous, resident;
};

static void add(struct memory *all, struct memory *largest, const struct memory *one)
{
	all->anonymous += one->anonymous;
	all->resident += one->resident;
	if (one->size > largest->size)
		*largest = *one;
}

static void measure_memory(const struct spec *spec)
{
	struct memory all = { 0 }, largest = { 0 }, one = { 0 };
	unsigned long long kib, peak = 0;
	pid_t child = start(spec);
	char path[64], line[512];
	FILE *file;

	usleep(SETTLE_USEC);
	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)child);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (field(line, "Size", &kib)) {
			add(&all, &largest, &one);
			one = (struct memory){ .size = kib };
		} else if (field(line, "Rss", &kib)) {
			one.resident = kib;
		} else if (field(line, "Anonymous", &kib)) {
			one.anonymous = kib;
		}
	}
	add(&all, &largest, &one);
	if (!file || !all.resident)
		die("no memory is left to look at", spec->argv[0]);
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (field(line, "VmHWM", &kib))
			peak = kib;
	if (file)
		fclose(file);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("%llu %llu %llu\n", (all.anonymous - largest.anonymous) << 10,
	       (all.resident - largest.resident) << 10, (peak - largest.resident) << 10);
}

static struct spec parse(char **argv)
{
	struct spec spec = { .kind = '-', .runs = 8 };

	for (; *argv && **argv == '-'; argv++) {
		char letter = (*argv)[1];

		if (letter == 'a')
			spec.everywhere = true;
		else if (letter == 'y')
			spec.terminal = true;
		else if (letter == 'n')
			spec.runs = atoi(*argv + 2);
		else
			spec.kind = letter;
	}
	spec.argv = argv;
	errno = EINVAL;
	if (!*argv || spec.runs < 1 || spec.runs > MAX_RUNS || !strchr("-xtphism", spec.kind))
		die("cannot measure this", *argv ? *argv : "nothing");
	return spec;
}

int main(int argc, char **argv)
{
	cpu_set_t all, first;
	char seeded;

	shared_ticks = mmap(NULL, sizeof(*shared_ticks), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared_ticks == MAP_FAILED || sched_getaffinity(0, sizeof(all), &all) < 0)
		die("cannot begin", "bench");
	/* A random number costs thousands of instructions until the kernel has a seed, and some
	 * kernels take one per system call. */
	if (getrandom(&seeded, 1, 0) != 1)
		die("getrandom", "bench");
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	for (int i = 1, next; i < argc; i = next) {
		struct spec spec;

		for (next = i; next < argc && strcmp(argv[next], ":::"); next++)
			;
		argv[next++] = NULL;
		spec = parse(argv + i);
		if (spec.terminal && !terminal)
			open_terminal();
		if (sched_setaffinity(0, sizeof(all), spec.everywhere ? &all : &first) < 0)
			die("sched_setaffinity", spec.argv[0]);
		if (spec.kind == 'm')
			measure_memory(&spec);
		else
			measure(&spec);
		fflush(stdout);
	}
	unlink(OUTPUT);
	return 0;
}
