/* SPDX-License-Identifier: MIT */
/*
 * A broken host: each call that a module makes fails once with each errno. What comes of
 * it is the same result, or one line that says so; and nothing stays open or mapped.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/console.h"
#include "failing_calls.h"
#include "fake_host.h"
#include "image_files.h"
#include "output/output.h"
#include "report/record.h"
#include "report/trace.h"

static struct output_room room;

/* All but ENOENT, which says that something is not there, and EPIPE, that nobody reads. */
static const int errors[] = { EINTR,  EAGAIN, ENOMEM, EBUSY,  ENODEV, EPERM, EFAULT,
			      EMFILE, E2BIG,  EINVAL, EACCES, ENFILE, EIO,   ENOSPC };

static struct host host;
static struct record record;
static struct trace trace;

/* What a run of a module gave: its status, and a digest of what it made. */
struct result {
	enum status status;
	uint64_t digest;
};

static uint64_t digest(uint64_t before, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		before = (before ^ bytes[i]) * 0x100000001b3ull;
	return before;
}

static uint64_t digest_file(const char *name)
{
	FILE *file = fopen(path_of(name), "r");
	uint64_t sum = 0;
	char data[4096];
	size_t got;

	while (file && (got = fread(data, 1, sizeof(data), file)))
		sum = digest(sum, data, got);
	if (file)
		fclose(file);
	return sum;
}

static unsigned entries(const char *folder)
{
	unsigned count = 0;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void check(struct result (*run)(void), unsigned nth, int error, struct result well)
{
	unsigned open_before = entries("/proc/self/fd");
	struct result result;
	bool told, same;

	fail_reset();
	calls_fail(nth, error);
	result = run();
	calls_end();
	told = result.status && fail_count == 1 && strstr(fail_text, strerror(error));
	same = !result.status && !fail_count && result.digest == well.digest;
	if (!told && !same)
		print_error("call %u, %s: %s: status %d, %d lines, the last: %s\n", nth,
			    calls_failed(), strerror(error), (int)result.status, fail_count,
			    fail_text);
	assert_true(told || same);
	assert_int_equal(entries("/proc/self/fd"), open_before);
	assert_int_equal(calls_mapped(), 0);
}

/* Every call that @run makes, with every errno; there are at least @least. */
static void each_call_fails(struct result (*run)(void), unsigned least)
{
	struct result well;
	unsigned calls;

	calls_fail(0, 0);
	well = run();
	calls = calls_end();
	assert_well(well.status);
	assert_true(calls >= least);
	for (unsigned nth = 1; nth <= calls; nth++)
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			check(run, nth, errors[i], well);
	fail_reset();
}

static char tree[FAKE_ROOT];

static struct result discover(void)
{
	struct cpuset all = cpus("0-3");
	struct result result = { .status = host_discover(tree, &all, &host) };

	for (int i = 0; !result.status && i < host.npmus; i++)
		result.status = host_read_type(&host, &host.pmus[i]);
	result.digest = digest(0, &host, sizeof(host));
	return result;
}

static void discovery(void **state)
{
	(void)state;
	fake_tree(tree);
	fake_file(tree, "bus/event_source/devices/a53/type", "8\n");
	fake_file(tree, "bus/event_source/devices/a53/cpus", "0-1\n");
	fake_file(tree, "bus/event_source/devices/a72/type", "9\n");
	fake_file(tree, "bus/event_source/devices/a72/cpus", "2-3\n");
	fake_file(tree, "bus/event_source/devices/software/type", "1\n");
	each_call_fails(discover, 19);
	fake_tree_remove(tree);
}

static struct result load(const char *name)
{
	struct image_files files;
	struct memory ram = { 0 };
	struct result result = { .status = image_open(path_of(name), path_of("initrd"), &files) };

	if (!result.status)
		result.status = memory_map(&ram, RAM, 6 * MIB, 0);
	if (!result.status) {
		result.status = image_load(&files, &ram, &image);
		result.digest = digest(0, ram.host, ram.size);
	}
	memory_unmap(&ram);
	image_close(&files);
	return result;
}

static struct result load_flat(void)
{
	return load("flat");
}

static struct result load_elf(void)
{
	return load("elf");
}

static void images(void **state)
{
	struct elf_file elf = elf_of(2);

	(void)state;
	elf.header.e_entry = RAM + 0x80000;
	elf.segments[0] = segment(4096, 4096, RAM + 0x80000, 4096);
	elf.segments[1] = segment(8192, 100, RAM + 0x90000, 8192);
	put_elf("elf", &elf, 3 * 4096);
	put_pattern("flat", 10000);
	put_pattern("initrd", 5000);
	each_call_fails(load_flat, 9);
	each_call_fails(load_elf, 11);
}

static struct result write_record(void)
{
	struct result result = { .status = record_open(&record, path_of("record"), 0) };

	if (result.status)
		return result;
	for (int i = 0; i < 2000; i++) /* more than its buffer holds */
		record_hop(&record, 0, 1, 2, 3);
	result.status = record_close(&record);
	result.digest = digest_file("record");
	return result;
}

static struct result write_trace(void)
{
	struct result result = { .status = trace_open(&trace, path_of("trace"), 0) };

	if (result.status)
		return result;
	for (int i = 0; i < 2000; i++)
		trace_refusal(&trace, 0, 1, 2);
	result.status = trace_close(&trace);
	result.digest = digest_file("trace");
	return result;
}

static void records_and_traces(void **state)
{
	(void)state;
	each_call_fails(write_record, 5);
	each_call_fails(write_trace, 5);
}

static void ask(void *owner)
{
	(void)owner;
}

/* A loss is not reported here, but kept until the run ends. */
static struct result write_output(void)
{
	static struct output output;
	static const char text[] = "a line\nand its rest";
	struct result result = { 0 };
	int fd = open(path_of("output"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		result.status = fail_errno(STATUS_INPUT, "open");
		return result;
	}
	output_init(&output, &room, fd, ask, NULL);
	for (const char *byte = text; *byte; byte++)
		output_put(&output, (uint8_t)*byte);
	for (int tries = 0; tries < 3 && !output_flush(&output); tries++)
		;
	close(fd);
	errno = atomic_load(&output.lost);
	if (errno)
		result.status = fail_errno(STATUS_INPUT, "output");
	result.digest = digest_file("output");
	return result;
}

static void guest_output(void **state)
{
	(void)state;
	each_call_fails(write_output, 5);
}

/* What the user types is there, and the terminal is as a shell leaves it. */
static struct termios typed_at(int master)
{
	struct termios cooked = { 0 };

	if (write(master, "x\n", 2) != 2 || tcgetattr(STDIN_FILENO, &cooked) < 0)
		abort();
	return cooked;
}

/* One run of the console on the terminal; false if that is then not as it was. */
static bool use_terminal(int master, unsigned nth, int error, unsigned *calls)
{
	struct termios before = typed_at(master), after = { 0 };
	struct console console;
	struct pl011 uart = { 0 };
	bool same, raw;

	calls_fail(nth, error);
	console_open(&console);
	raw = console.raw;
	console_read(&console, &uart);
	console_restore(&console);
	*calls = calls_end();
	if (tcgetattr(STDIN_FILENO, &after) < 0 || (!nth && !raw))
		abort();
	same = !memcmp(&after, &before, sizeof(after));
	/* Where the calls that restore it fail themselves, nobody can help. */
	same |= raw && nth > *calls - 2;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) < 0)
		abort();
	return same;
}

/* In a session of its own, as only its terminal can be made raw. */
static int use_each(int master, int slave)
{
	unsigned calls;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 || dup2(slave, STDIN_FILENO) < 0)
		return 2;
	if (!use_terminal(master, 0, 0, &calls) || calls < 6)
		return 3;
	for (unsigned nth = 1; nth <= calls; nth++) {
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
			unsigned made;

			if (!use_terminal(master, nth, errors[i], &made) || fail_count) {
				print_error("call %u, %s: %s\n", nth, calls_failed(),
					    strerror(errors[i]));
				return 1;
			}
		}
	}
	return 0;
}

/*
 * The terminal is a help, not a promise: whatever fails, the guest runs, and the
 * terminal is in the end as it was.
 */
static void terminal(void **state)
{
	int master, slave, status;
	pid_t child;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(use_each(master, slave));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(master);
	close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discovery),    IMAGE_TEST(images),
		IMAGE_TEST(records_and_traces), IMAGE_TEST(guest_output),
		cmocka_unit_test(terminal),
	};

	alarm(300); /* what waits for ever fails; an emulated board is slow */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
