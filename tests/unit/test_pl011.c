/* SPDX-License-Identifier: MIT */
/* The UART, used the way Linux' amba-pl011 driver and bare-metal payloads use it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "fail_capture.h"
#include "pl011.h"

enum { DR = 0x00, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCR_H = 0x2c, CR = 0x30, IFLS = 0x34 };
enum { IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44 };

#define RXFE 0x10u
#define RXFF 0x40u
#define TXFE 0x80u
#define FEN  0x10u
#define RX   0x10u
#define TX   0x20u
#define RT   0x40u

struct fixture {
	struct pl011 uart;
	int out[2];
	bool level;
	int changes;
};

static struct fixture f;

static void set_irq(void *owner, bool level)
{
	struct fixture *fixture = owner;

	assert_true(level != fixture->level); /* on changes only */
	fixture->level = level;
	fixture->changes++;
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	assert_int_equal(pipe(f.out), 0);
	pl011_init(&f.uart, f.out[1], set_irq, &f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(f.out[0]);
	close(f.out[1]);
	return 0;
}

static void put(uint64_t offset, uint32_t value)
{
	struct bus_access access = {.offset = offset, .length = 4, .write = true, .value = value};

	pl011_access(&f.uart, &access);
}

static uint32_t get_width(uint64_t offset, unsigned length)
{
	struct bus_access access = {.offset = offset, .length = length};

	pl011_access(&f.uart, &access);
	assert_true(access.value <= UINT32_MAX);
	return (uint32_t)access.value;
}

static uint32_t get(uint64_t offset)
{
	return get_width(offset, 4);
}

static size_t type(const char *text)
{
	return pl011_input(&f.uart, (const uint8_t *)text, strlen(text));
}

static void is_known_by_its_ids(void **state)
{
	uint32_t periph = 0, cell = 0;

	(void)state;
	/* As drivers/amba/bus.c puts them together. */
	for (unsigned i = 0; i < 4; i++) {
		periph |= get(0xfe0 + i * 4) << i * 8;
		cell |= get(0xff0 + i * 4) << i * 8;
	}
	assert_int_equal(cell, 0xb105f00d);
	assert_int_equal(periph & 0xfffff, 0x41011);
	/* Linux: 16 entries below revision 3, else 32. */
	assert_true((periph >> 20 & 0xf) >= 3);
}

static void reset_values_are_the_manuals(void **state)
{
	(void)state;
	assert_int_equal(get(CR), 0x300);
	assert_int_equal(get(IFLS), 0x12);
	assert_int_equal(get(FR), TXFE | RXFE);
	assert_int_equal(get(RIS), 0);
	assert_int_equal(get(IMSC), 0);
	assert_false(f.level);
	assert_int_equal(f.changes, 0);
}

static void registers_keep_what_they_have_bits_for(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t bits;
	} registers[] = {{IBRD, 0xffff}, {FBRD, 0x3f}, {LCR_H, 0xff},
			 {CR, 0xffff},	 {IFLS, 0x3f}, {IMSC, 0x7ff}};

	(void)state;
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		put(registers[i].offset, 0xffffffff);
		assert_int_equal(get(registers[i].offset), registers[i].bits);
		put(registers[i].offset, 0);
		assert_int_equal(get(registers[i].offset), 0);
	}
}

static void bytes_come_out_without_any_setup(void **state)
{
	struct bus_access narrow = {.offset = DR, .length = 1, .write = true, .value = 'i'};
	struct bus_access half = {.offset = DR, .length = 2, .write = true, .value = 0x100 | '!'};
	char text[8] = "";

	(void)state;
	put(DR, 'H');
	pl011_access(&f.uart, &narrow);
	pl011_access(&f.uart, &half);
	assert_int_equal(read(f.out[0], text, sizeof(text)), 3);
	assert_string_equal(text, "Hi!");
	assert_int_equal(get(FR) & TXFE, TXFE);
}

static void every_width_reads_its_own_bytes(void **state)
{
	(void)state;
	put(IBRD, 0x1234);
	assert_int_equal(get_width(IBRD, 1), 0x34);
	assert_int_equal(get_width(IBRD + 1, 1), 0x12);
	assert_int_equal(get_width(IBRD, 2), 0x1234);
	assert_int_equal(get_width(IBRD, 8), 0);
	assert_int_equal(get_width(0x800, 4), 0);
}

/* pl011_start_tx_pio() writes, and unmasks TX for what is left; the handler goes on from there. */
static void transmit_interrupt_drives_linux(void **state)
{
	(void)state;
	put(DR, 'a');
	assert_int_equal(get(RIS) & TX, TX);
	assert_false(f.level);
	put(IMSC, TX);
	assert_true(f.level);
	assert_int_equal(get(MIS), TX);
	put(DR, 'b');
	assert_true(f.level);
	put(IMSC, 0); /* pl011_stop_tx() */
	assert_false(f.level);
	put(ICR, TX);
	put(IMSC, TX);
	assert_false(f.level);
	put(DR, 'c');
	assert_true(f.level);
}

/* pl011_startup(), then a few keys: below the trigger level only the timeout tells of them. */
static void receive_timeout_drives_linux(void **state)
{
	(void)state;
	put(LCR_H, 0x60 | FEN);
	put(CR, 0x301);
	put(ICR, RX | RT);
	put(IMSC, RX | RT);
	assert_false(f.level);
	assert_int_equal(type("ls"), 2);
	assert_true(f.level);
	assert_int_equal(get(MIS), RT);
	assert_int_equal(get(FR) & RXFE, 0);
	assert_int_equal(get(DR), 'l');
	assert_true(f.level);
	assert_int_equal(get(DR), 's');
	assert_false(f.level);
	assert_int_equal(get(FR) & RXFE, RXFE);
	assert_int_equal(get(DR), 0);
	assert_int_equal(f.changes, 2);
}

static void receive_trigger_is_ifls(void **state)
{
	static const struct {
		uint32_t ifls;
		unsigned fill;
	} levels[] = {{0, 4}, {1, 8}, {2, 16}, {3, 24}, {4, 28}};

	(void)state;
	put(LCR_H, FEN);
	put(IMSC, RX);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		put(IFLS, levels[i].ifls << 3);
		for (unsigned n = 1; n <= levels[i].fill; n++) {
			assert_false(f.level);
			assert_int_equal(type("x"), 1);
		}
		assert_true(f.level);
		get(DR);
		assert_false(f.level);
		while (!(get(FR) & RXFE))
			get(DR);
	}
}

/* In hardware it would stick: RIS falls, and nothing raises it until the next byte. */
static void clearing_too_early_loses_no_byte(void **state)
{
	(void)state;
	put(LCR_H, FEN);
	put(IMSC, RX | RT);
	type("ab");
	get(DR);
	put(ICR, 0x7ff);
	assert_true(f.level);
	assert_int_equal(get(DR), 'b');
	assert_false(f.level);
}

static void fifo_takes_32_and_keeps_their_order(void **state)
{
	const char *text = "0123456789abcdefghijklmnopqrstuvwxyz";

	(void)state;
	put(LCR_H, FEN);
	assert_int_equal(pl011_room(&f.uart), 32);
	assert_int_equal(type(text), 32);
	assert_int_equal(pl011_room(&f.uart), 0);
	assert_int_equal(get(FR) & RXFF, RXFF);
	assert_int_equal(type("!"), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(get(DR), text[i]);
	assert_int_equal(pl011_room(&f.uart), 20);
	assert_int_equal(type(text), 20); /* round the end of the queue */
	for (int i = 20; i < 32; i++)
		assert_int_equal(get(DR), text[i]);
	for (int i = 0; i < 20; i++)
		assert_int_equal(get(DR), text[i]);
	assert_int_equal(get(FR) & RXFE, RXFE);
}

static void without_fifo_there_is_one_byte(void **state)
{
	(void)state;
	put(IMSC, RX);
	assert_int_equal(type("ab"), 1);
	assert_int_equal(pl011_room(&f.uart), 0);
	assert_true(f.level);
	assert_int_equal(get(FR) & RXFF, RXFF);
	assert_int_equal(get(DR), 'a');
	assert_false(f.level);
	/* Turning the FIFOs on or off empties them. */
	type("c");
	put(LCR_H, FEN);
	assert_int_equal(get(FR) & RXFE, RXFE);
}

static void goes_on_when_nobody_reads(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	close(f.out[0]);
	put(DR, 'x');
	put(IMSC, TX);
	assert_true(f.level);
	f.out[0] = -1;
}

/* Fills the pipe to the last byte. */
static size_t fill(void)
{
	size_t filled = 0;

	assert_int_equal(fcntl(f.out[1], F_SETFL, O_NONBLOCK), 0);
	while (write(f.out[1], "-", 1) == 1)
		filled++;
	assert_int_equal(errno, EAGAIN);
	return filled;
}

static void *drain_later(void *argument)
{
	char bytes[4096];

	(void)argument;
	usleep(50000);
	assert_int_equal(read(f.out[0], bytes, sizeof(bytes)), sizeof(bytes));
	return NULL;
}

static void waits_for_a_slow_reader(void **state)
{
	char bytes[1 << 16], last = 0;
	size_t filled = fill();
	pthread_t thread;
	ssize_t n;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, drain_later, NULL), 0);
	put(DR, 'z');
	pthread_join(thread, NULL);
	for (filled = filled + 1 - 4096; filled; filled -= (size_t)n) {
		n = read(f.out[0], bytes, sizeof(bytes));
		assert_true(n > 0);
		last = bytes[n - 1];
	}
	assert_int_equal(last, 'z');
}

static void ignore(int signal)
{
	(void)signal;
}

/* The end of the run is a signal to the vCPU's thread: it must come back from here. */
static void assert_a_signal_frees_it(void)
{
	const struct sigaction action = {.sa_handler = ignore}, usual = {.sa_handler = SIG_DFL};
	const struct itimerval soon = {.it_value = {.tv_usec = 50000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	put(DR, 'z');
	sigaction(SIGALRM, &usual, NULL);
}

static void a_signal_frees_the_vcpu(void **state)
{
	(void)state;
	fill();
	assert_a_signal_frees_it(); /* in poll() */
	fcntl(f.out[1], F_SETFL, 0);
	assert_a_signal_frees_it(); /* in write() */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_known_by_its_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_values_are_the_manuals, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_keep_what_they_have_bits_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bytes_come_out_without_any_setup, setup, teardown),
		cmocka_unit_test_setup_teardown(every_width_reads_its_own_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(transmit_interrupt_drives_linux, setup, teardown),
		cmocka_unit_test_setup_teardown(receive_timeout_drives_linux, setup, teardown),
		cmocka_unit_test_setup_teardown(receive_trigger_is_ifls, setup, teardown),
		cmocka_unit_test_setup_teardown(clearing_too_early_loses_no_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(fifo_takes_32_and_keeps_their_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_fifo_there_is_one_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_on_when_nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_a_slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_frees_the_vcpu, setup, teardown),
	};

	alarm(60); /* a write that never comes back fails the test, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
