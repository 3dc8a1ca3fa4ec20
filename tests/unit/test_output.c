/* SPDX-License-Identifier: MIT */
/* The guest's output: every byte gets out, in order, and no reader can stop the run's end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fail_capture.h"
#include "output/output.h"

static struct output_room room;

#define PIPE_PAGE 4096 /* a full pipe has room again when a page of it was read */

static struct output output;
static int out[2];
static pthread_t vcpu;
static int asks;

static void ask(void *owner)
{
	assert_ptr_equal(owner, out);
	asks++;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(out), 0);
	output_init(&output, &room, out[1], ask, out);
	vcpu = pthread_self();
	asks = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out[0]);
	close(out[1]);
	return 0;
}

static void put(const char *text)
{
	for (; *text; text++)
		output_put(&output, (uint8_t)*text);
}

static void expect_out(const char *text)
{
	char bytes[64] = "";

	assert_int_equal(read(out[0], bytes, sizeof(bytes)), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void a_line_leaves_with_its_newline(void **state)
{
	(void)state;
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	put("one");
	assert_int_equal(read(out[0], &(char){ 0 }, 1), -1);
	put("\ntw");
	expect_out("one\n");
	assert_int_equal(read(out[0], &(char){ 0 }, 1), -1);
}

/* A prompt: the thread that is asked, once, flushes it soon. */
static void the_rest_is_asked_for_once_until_it_is_out(void **state)
{
	(void)state;
	put("login");
	put(": ");
	assert_int_equal(asks, 1);
	assert_true(output_flush(&output));
	expect_out("login: ");
	put("r");
	put("oot\n");
	assert_int_equal(asks, 2);
}

static void goes_on_when_nobody_reads(void **state)
{
	(void)state;
	close(out[0]);
	put("x\n");
	put("y");
	assert_true(output_flush(&output));
	out[0] = -1;
	assert_int_equal(atomic_load(&output.lost), EPIPE);
}

/* Fills the pipe to the last byte and leaves its writing end non-blocking. */
static size_t fill(void)
{
	size_t filled = 0;

	assert_int_equal(fcntl(out[1], F_SETFL, O_NONBLOCK), 0);
	while (write(out[1], "-", 1) == 1)
		filled++;
	assert_int_equal(errno, EAGAIN);
	return filled;
}

static void *read_later(void *argument)
{
	char page[PIPE_PAGE];

	usleep(50000);
	*(ssize_t *)argument = read(out[0], page, sizeof(page));
	return NULL;
}

static void waits_for_a_slow_reader(void **state)
{
	char bytes[1 << 16], last = 0;
	size_t left = fill() + 2 - PIPE_PAGE;
	ssize_t taken = 0, n;
	pthread_t reader;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_later, &taken), 0);
	put("z\n");
	pthread_join(reader, NULL);
	assert_int_equal(taken, PIPE_PAGE);
	for (; left; left -= (size_t)n) {
		n = read(out[0], bytes, sizeof(bytes));
		assert_true(n > 0);
		last = bytes[n - 1];
	}
	assert_int_equal(last, '\n');
}

static void *flush_meanwhile(void *argument)
{
	usleep(50000);
	*(bool *)argument = output_flush(&output);
	output_set_nonblocking(&output, true);
	pthread_kill(vcpu, SIGUSR1);
	return NULL;
}

/* The thread that flushes is also the one that waits for signals and timeouts. */
static void a_full_pipe_blocks_nobody_else(void **state)
{
	pthread_t main_thread;
	bool flushed = true;

	(void)state;
	fill();
	fcntl(out[1], F_SETFL, 0);
	assert_int_equal(pthread_create(&main_thread, NULL, flush_meanwhile, &flushed), 0);
	put("z\n");
	pthread_join(main_thread, NULL);
	assert_false(flushed);
	assert_false(output_flush(&output)); /* the lock is free now, the pipe is not */
}

/* How the run ends while a vCPU waits for a reader: in poll() with O_NONBLOCK, else in write(). */
static void what_the_end_cuts_short_is_kept(void **state)
{
	static char bytes[1 << 17];
	size_t filled = fill(), got = 0;

	(void)state;
	for (int flags = O_NONBLOCK;; flags = 0) {
		pthread_t main_thread;
		bool flushed;

		output_set_nonblocking(&output, false);
		fcntl(out[1], F_SETFL, flags);
		assert_int_equal(pthread_create(&main_thread, NULL, flush_meanwhile, &flushed), 0);
		put(flags ? "a\n" : "b\n");
		pthread_join(main_thread, NULL);
		if (!flags)
			break;
	}
	put("after\n"); /* nobody waits any more */
	while (!output_flush(&output) || got < filled + 10)
		got += (size_t)read(out[0], bytes + got, sizeof(bytes) - got);
	assert_int_equal(got, filled + 10);
	assert_memory_equal(bytes + filled, "a\nb\nafter\n", 10);
}

static void a_full_buffer_waits_and_keeps_order(void **state)
{
	static char bytes[OUTPUT_SOON + 1];

	(void)state;
	for (int i = 0; i <= OUTPUT_SOON; i++)
		output_put(&output, (uint8_t)('a' + i % 26));
	assert_int_equal(output.gathered.count, 1);
	assert_int_equal(read(out[0], bytes, sizeof(bytes)), OUTPUT_SOON);
	for (int i = 0; i < OUTPUT_SOON; i++)
		assert_int_equal(bytes[i], 'a' + i % 26);
}

/* The vCPU's thread writes lines, the main thread what waits: either may find that it cannot. */
static void what_is_lost_is_remembered(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	output_init(&output, &room, full, ask, out);
	put("a line\n");
	assert_int_equal(atomic_load(&output.lost), ENOSPC);
	output_init(&output, &room, full, ask, out);
	put("no line");
	assert_int_equal(atomic_load(&output.lost), 0);
	assert_true(output_flush(&output));
	assert_int_equal(atomic_load(&output.lost), ENOSPC);
	close(full);
}

static int reached;

static void on_limit(void *owner)
{
	assert_ptr_equal(owner, out);
	reached++;
	output_set_nonblocking(&output, true); /* as the machine does it */
}

/* Both ways out: a line's own, and the main thread's for what has no newline. */
static void a_limit_keeps_whole_lines(void **state)
{
	(void)state;
	reached = 0;
	output_limit(&output, 10, on_limit, out);
	put("four\n");
	put("five\n");
	assert_int_equal(reached, 0);
	put("\n");
	assert_int_equal(reached, 1);
	put("nothing more, however much\n");
	expect_out("four\nfive\n");
	assert_true(output_flush(&output));
	assert_int_equal(reached, 1);
	output_init(&output, &room, out[1], ask, out);
	output_limit(&output, 10, on_limit, out);
	put("four\nand no more");
	assert_false(atomic_load(&output.full));
	assert_true(output_flush(&output));
	assert_true(atomic_load(&output.full));
	assert_int_equal(reached, 2);
	expect_out("four\n");
}

/* A terminal or /dev/null keeps nothing. */
static void what_keeps_nothing_has_no_limit(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(null >= 0);
	output_init(&output, &room, null, ask, out);
	output_limit(&output, 1, on_limit, out);
	put("more than that\n");
	assert_false(atomic_load(&output.full));
	close(null);
}

static void nothing(int signal)
{
	(void)signal;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct sigaction kick = { .sa_handler = nothing };
	const struct CMUnitTest tests[] = {
		TEST(a_line_leaves_with_its_newline),
		TEST(the_rest_is_asked_for_once_until_it_is_out),
		TEST(goes_on_when_nobody_reads),
		TEST(what_is_lost_is_remembered),
		TEST(a_limit_keeps_whole_lines),
		TEST(what_keeps_nothing_has_no_limit),
		TEST(waits_for_a_slow_reader),
		TEST(a_full_pipe_blocks_nobody_else),
		TEST(what_the_end_cuts_short_is_kept),
		TEST(a_full_buffer_waits_and_keeps_order),
	};

	/* As run.c has them. */
	sigaction(SIGUSR1, &kick, NULL);
	signal(SIGPIPE, SIG_IGN);
	alarm(20); /* a vCPU that never comes back fails */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
