/* SPDX-License-Identifier: MIT */
/* The UART's registers, input and interrupt, used the way Linux' amba-pl011 driver does. */
#include <string.h>

#include "devices/pl011.h"
#include "fail_capture.h"

static struct output_room room;

enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34
};
enum { IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44 };

#define RXFE 0x10u
#define RXFF 0x40u
#define TXFE 0x80u
#define FEN  0x10u
#define RX   0x10u
#define TX   0x20u
#define RT   0x40u
#define BE   0x200u

struct fixture {
	struct pl011 uart;
	struct output output;
	bool level;
	int changes;
	int wants; /* calls of want_input() */
};

static struct fixture f;

static void set_irq(void *owner, bool level)
{
	struct fixture *fixture = owner;

	assert_true(level != fixture->level); /* on changes only */
	fixture->level = level;
	fixture->changes++;
}

static void want_input(void *owner)
{
	struct fixture *fixture = owner;

	fixture->wants++;
}

static void ask_flush(void *owner)
{
	(void)owner;
}

static int setup(void **state)
{
	const struct pl011_host host = { set_irq, want_input, &f };

	(void)state;
	memset(&f, 0, sizeof(f));
	output_init(&f.output, &room, -1, ask_flush, NULL);
	pl011_init(&f.uart, &f.output, &host);
	return 0;
}

static void put(uint64_t offset, uint32_t value)
{
	struct bus_access access = { .offset = offset, .length = 4, .write = true, .value = value };

	pl011_access(&f.uart, &access);
}

static uint32_t get_width(uint64_t offset, unsigned length)
{
	struct bus_access access = { .offset = offset, .length = length };

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
	uint16_t input[64];
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		input[i] = (uint8_t)text[i];
	return pl011_input(&f.uart, input, length);
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
	} registers[] = { { IBRD, 0xffff }, { FBRD, 0x3f }, { LCR_H, 0xff },
			  { CR, 0xffff },   { IFLS, 0x3f }, { IMSC, 0x7ff } };

	(void)state;
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		put(registers[i].offset, 0xffffffff);
		assert_int_equal(get(registers[i].offset), registers[i].bits);
		put(registers[i].offset, 0);
		assert_int_equal(get(registers[i].offset), 0);
	}
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
	} levels[] = { { 0, 4 }, { 1, 8 }, { 2, 16 }, { 3, 24 }, { 4, 28 } };

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
	get(DR);
	assert_int_equal(type(text), 32);
	assert_int_equal(get(FR) & RXFF, RXFF);
	assert_int_equal(type("!"), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(get(DR), text[i]);
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
	assert_true(f.level);
	assert_int_equal(get(FR) & RXFF, RXFF);
	assert_int_equal(get(DR), 'a');
	assert_false(f.level);
	/* Turning the FIFOs on or off leaves them as they are. */
	type("c");
	put(LCR_H, FEN);
	assert_int_equal(type("d"), 1);
	put(LCR_H, 0);
	assert_int_equal(get(DR), 'c');
	assert_int_equal(get(FR) & (RXFE | RXFF), RXFF);
	assert_int_equal(get(DR), 'd');
	assert_int_equal(get(FR) & RXFE, RXFE);
}

static void empty_fifo(void)
{
	for (int i = 0; i < 2 * PL011_FIFO && !(get(FR) & RXFE); i++)
		get(DR);
}

/* What earlycon and pl011_console_write() do for each byte and in the end. */
static void write_text(const char *text)
{
	for (; *text; text++) {
		get(FR);
		put(DR, (unsigned char)*text);
		get(FR);
	}
	get(FR);
}

/* pl011_startup(): it enables interrupts for a moment, then empties the FIFO, then means it. */
static void linux_starts_and_loses_nothing(void **state)
{
	(void)state;
	write_text("Booting Linux\n");
	assert_int_equal(type("ls"), 0);
	put(CR, 0x101);
	write_text("the console is up\n");
	put(ICR, RX | RT);
	put(IMSC, RX | RT);
	assert_int_equal(f.wants, 1);
	assert_int_equal(type("ls"), 1);
	put(IMSC, 0);
	assert_false(f.level);
	put(IFLS, 0x12);
	put(CR, 0x301);
	get(FR);
	put(ICR, RX | RT);
	assert_int_equal(get(RIS) & (RX | RT), 0);
	empty_fifo();
	put(IMSC, RX | RT);
	assert_true(f.level);
	put(LCR_H, 0x60 | FEN);
	assert_int_equal(type("s"), 1);
	assert_int_equal(get(DR), 'l');
	assert_int_equal(get(DR), 's');
	assert_false(f.level);
}

/* One that polls, as a boot loader does, gets its input; the next program has to ask again. */
static void polling_asks_for_input(void **state)
{
	(void)state;
	put(LCR_H, FEN);
	assert_int_equal(type("abc"), 0);
	write_text("=> ");
	for (int polls = 1; polls < 16; polls++)
		assert_int_equal(get(FR) & RXFE, RXFE);
	assert_int_equal(f.wants, 1);
	assert_int_equal(type("abc"), 3);
	assert_int_equal(get(FR) & RXFE, 0);
	assert_int_equal(get(DR), 'a');
	write_text("a"); /* an echo */
	assert_int_equal(get(FR) & RXFE, 0);
	assert_int_equal(get(DR), 'b');
	put(CR, 0x301);
	empty_fifo();
	put(IMSC, RX | RT);
	assert_true(f.level);
	assert_int_equal(get(DR), 'c');
}

static void reading_asks_for_input(void **state)
{
	(void)state;
	assert_int_equal(type("a"), 0);
	assert_int_equal(get(DR), 0);
	assert_int_equal(f.wants, 1);
	assert_int_equal(type("a"), 1);
	assert_int_equal(get(DR), 'a');
}

static void a_reset_keeps_unread_input(void **state)
{
	const struct pl011_host host = { set_irq, want_input, &f };

	(void)state;
	put(LCR_H, FEN);
	put(IMSC, RX);
	assert_int_equal(type("ab"), 2);
	assert_int_equal(get(DR), 'a');
	pl011_init(&f.uart, &f.output, &host);
	assert_int_equal(get(IMSC) | get(LCR_H), 0);
	assert_int_equal(get(FR) & RXFE, RXFE);
	put(IMSC, RX);
	assert_true(f.level);
	assert_int_equal(get(DR), 'b');
	assert_false(f.level);
}

static void put_width(char byte, unsigned length, uint64_t more)
{
	struct bus_access access = { .length = length,
				     .write = true,
				     .value = more | (unsigned char)byte };

	pl011_access(&f.uart, &access);
}

static void bytes_come_out_without_any_setup(void **state)
{
	(void)state;
	put_width('H', 4, 0);
	put_width('i', 1, 0);
	put_width('!', 2, 0x100);
	assert_int_equal(f.output.gathered.count, 3);
	assert_memory_equal(f.output.gathered.bytes, "Hi!", 3);
}

/* As Linux' pl011_fifo_to_tty() wants it: BE in DR, and no other error. */
static void a_break_is_seen_where_it_came(void **state)
{
	const uint16_t input[] = { 'a', PL011_BREAK, 'h' };

	(void)state;
	put(LCR_H, FEN);
	put(IMSC, RT);
	assert_int_equal(pl011_input(&f.uart, input, 3), 3);
	assert_true(f.level);
	assert_int_equal(get(RIS) & BE, BE);
	put(ICR, BE);
	assert_int_equal(get(RIS) & BE, 0);
	assert_int_equal(get(DR), 'a');
	assert_int_equal(get(RSR), 0);
	assert_int_equal(get(DR), 0x400);
	assert_int_equal(get(RSR), 4);
	put(RSR, 0);
	assert_int_equal(get(RSR), 0);
	assert_int_equal(get(DR), 'h');
}

static void what_had_no_room_is_asked_for_once(void **state)
{
	(void)state;
	put(LCR_H, FEN);
	get(DR);
	type("0123456789abcdefghijklmnopqrstuv");
	assert_int_equal(f.wants, 0);
	assert_int_equal(type("w"), 0);
	for (int i = 0; i < 31; i++)
		get(DR);
	assert_int_equal(f.wants, 0);
	get(DR);
	assert_int_equal(f.wants, 1);
	get(DR);
	assert_int_equal(f.wants, 1);
}

static void listens_with_a_receive_interrupt(void **state)
{
	(void)state;
	put(IMSC, TX);
	assert_false(pl011_listens(&f.uart));
	put(IMSC, TX | RT);
	assert_true(pl011_listens(&f.uart));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_known_by_its_ids),
		TEST(reset_values_are_the_manuals),
		TEST(registers_keep_what_they_have_bits_for),
		TEST(every_width_reads_its_own_bytes),
		TEST(transmit_interrupt_drives_linux),
		TEST(receive_timeout_drives_linux),
		TEST(receive_trigger_is_ifls),
		TEST(clearing_too_early_loses_no_byte),
		TEST(fifo_takes_32_and_keeps_their_order),
		TEST(without_fifo_there_is_one_byte),
		TEST(linux_starts_and_loses_nothing),
		TEST(polling_asks_for_input),
		TEST(reading_asks_for_input),
		TEST(a_reset_keeps_unread_input),
		TEST(bytes_come_out_without_any_setup),
		TEST(a_break_is_seen_where_it_came),
		TEST(what_had_no_room_is_asked_for_once),
		TEST(listens_with_a_receive_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
