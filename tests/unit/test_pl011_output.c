/* SPDX-License-Identifier: MIT */
/* The UART's output: every byte goes where it should, and no reader can stop the run's end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fail_capture.h"
#include "pl011.h"

#define PIPE_PAGE 4096 /* a full pipe has room again when a page of it was read */

static struct pl011 uart;
static int out[2];
static pthread_t vcpu;

static void set_irq(void *owner, bool level)
{
	(void)owner;
	(void)level;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(out), 0);
	pl011_init(&uart, out[1], set_irq, NULL);
	vcpu = pthread_self();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(out[0]);
	close(out[1]);
	return 0;
}

static void put(char byte, unsigned length, uint64_t more)
{
	struct bus_access access = { .length = length,
				     .write = true,
				     .value = more | (unsigned char)byte };

	pl011_access(&uart, &access);
}

static void bytes_come_out_without_any_setup(void **state)
{
	char text[8] = "";

	(void)state;
	put('H', 4, 0);
	put('i', 1, 0);
	put('!', 2, 0x100);
	assert_int_equal(read(out[0], text, sizeof(text)), 3);
	assert_string_equal(text, "Hi!");
}

static void goes_on_when_nobody_reads(void **state)
{
	(void)state;
	close(out[0]);
	put('x', 4, 0);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(uart.ris, 0x20); /* it was sent, for all that the guest knows */
	out[0] = -1;
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
	size_t left = fill() + 1 - PIPE_PAGE;
	ssize_t taken = 0, n;
	pthread_t reader;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_later, &taken), 0);
	put('z', 4, 0);
	pthread_join(reader, NULL);
	assert_int_equal(taken, PIPE_PAGE);
	for (; left; left -= (size_t)n) {
		n = read(out[0], bytes, sizeof(bytes));
		assert_true(n > 0);
		last = bytes[n - 1];
	}
	assert_int_equal(last, 'z');
}

static void *use_input(void *argument)
{
	usleep(50000);
	*(size_t *)argument = pl011_room(&uart);
	pl011_input(&uart, (const uint8_t *)"x", 1);
	pthread_kill(vcpu, SIGUSR1);
	return NULL;
}

/* The thread that reads input is also the one that waits for signals and timeouts. */
static void a_full_pipe_blocks_nobody_else(void **state)
{
	pthread_t main_thread;
	size_t room = 0;

	(void)state;
	fill();
	fcntl(out[1], F_SETFL, 0);
	assert_int_equal(pthread_create(&main_thread, NULL, use_input, &room), 0);
	put('z', 4, 0);
	pthread_join(main_thread, NULL);
	assert_int_equal(room, 1);
	assert_int_equal(uart.count, 1);
}

static void *kick_later(void *argument)
{
	usleep(50000);
	pthread_kill(vcpu, SIGUSR1);
	return argument;
}

static void the_end_of_the_run_frees_the_vcpu(void **state)
{
	(void)state;
	fill();
	/* With O_NONBLOCK it waits in poll(), without in write(). */
	for (int flags = O_NONBLOCK;; flags = 0) {
		pthread_t kicker;

		fcntl(out[1], F_SETFL, flags);
		assert_int_equal(pthread_create(&kicker, NULL, kick_later, NULL), 0);
		put('z', 4, 0);
		pthread_join(kicker, NULL);
		if (!flags)
			break;
	}
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
		TEST(bytes_come_out_without_any_setup),  TEST(goes_on_when_nobody_reads),
		TEST(waits_for_a_slow_reader),           TEST(a_full_pipe_blocks_nobody_else),
		TEST(the_end_of_the_run_frees_the_vcpu),
	};

	/* As run.c has them. */
	sigaction(SIGUSR1, &kick, NULL);
	signal(SIGPIPE, SIG_IGN);
	alarm(20); /* a vCPU that never comes back fails */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
