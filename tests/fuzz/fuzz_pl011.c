/* SPDX-License-Identifier: MIT */
/*
 * Whatever the guest does to the UART's registers and the reader to its output: the bytes
 * written to DR get out, all and in order, those of the input come in likewise, and the
 * interrupt's line is what MIS says. The descriptor is made up, and takes as little as it likes.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/pl011.h"
#include "fuzz.h"
#include "guest/abi/map.h"

static struct output_room console_room;

#define FD      1000000 /* no process has so many */
#define MAX_OPS 2000

#define POLLS 16 /* looks for input after which the guest gets some */

enum { DR = 0x00, FR = 0x18, LCR_H = 0x2c, CR = 0x30, IMSC = 0x38, RIS = 0x3c, MIS = 0x40 };
enum { FEN = 1 << 4, RXFE = 1 << 4, RXFF = 1 << 6, RECEIVE = 0x50 };

static uint8_t written[MAX_OPS + 1], sunk[MAX_OPS + 1];
static size_t nwritten, nsunk;
static unsigned mood; /* of the descriptor */

static struct {
	bool level, refused, fifo;
	int wanted; /* calls of want_input since the last refusal */
	uint16_t queue[PL011_FIFO];
	unsigned count, polls;
	uint64_t imsc;
} model;

static unsigned next_mood(void)
{
	mood = mood * 1103515245u + 12345u;
	return mood >> 16;
}

ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
	unsigned now;

	if (fd != FD)
		return __real_write(fd, bytes, count);
	now = next_mood();
	if (now % 8 < 2) {
		errno = now % 8 ? EAGAIN : EINTR;
		return -1;
	}
	if (now % 8 == 2)
		count = 1 + now / 8 % count;
	must(nsunk + count <= nwritten);
	memcpy(sunk + nsunk, bytes, count);
	nsunk += count;
	return (ssize_t)count;
}

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (count != 1 || fds->fd != FD)
		return __real_poll(fds, count, timeout);
	fds->revents = POLLOUT;
	return timeout ? 1 : next_mood() % 4 > 0;
}

static void on_irq(void *owner, bool level)
{
	(void)owner;
	must(level != model.level);
	model.level = level;
}

static void on_want(void *owner)
{
	(void)owner;
	model.wanted++;
}

static void on_ask(void *owner)
{
	(void)owner;
}

static unsigned depth(void)
{
	return model.fifo ? PL011_FIFO : 1;
}

static bool takes_input(void)
{
	return model.imsc & RECEIVE || model.polls >= POLLS;
}

static void model_polls(uint64_t offset)
{
	if (offset == DR)
		model.polls = POLLS;
	else if ((offset == FR || offset == RIS) && model.polls < POLLS)
		model.polls++;
}

static uint64_t read_at(struct pl011 *uart, uint64_t offset, unsigned length)
{
	struct bus_access access = { .offset = offset, .length = length };

	if (length <= 4)
		model_polls(offset & ~3ull);
	pl011_access(uart, &access);
	must(length == 8 || access.value >> length * 8 == 0);
	return access.value;
}

static void do_read(struct pl011 *uart, uint64_t offset, unsigned length)
{
	uint64_t value = read_at(uart, offset, length), expected = 0;

	if (length > 4) {
		must(!value);
	} else if ((offset & ~3ull) == DR) {
		if (model.count) {
			expected = model.queue[0];
			memmove(model.queue, model.queue + 1, --model.count * sizeof(uint16_t));
		}
		expected >>= (offset & 3) * 8;
		must(value == (length == 1 ? (uint8_t)expected : expected));
	}
}

static void do_write(struct pl011 *uart, struct bus_access access)
{
	access.write = true;
	if (access.length <= 4 && access.offset == DR)
		written[nwritten++] = (uint8_t)access.value;
	pl011_access(uart, &access);
	if (access.length > 4)
		return;
	if (access.offset == LCR_H)
		model.fifo = access.value & FEN;
	if (access.offset == IMSC)
		model.imsc = access.value;
	if (access.offset == LCR_H || access.offset == CR || access.offset == IMSC ||
	    (access.offset == DR && model.polls < POLLS))
		model.polls = 0;
}

static void do_input(struct pl011 *uart, struct input *input)
{
	uint16_t entries[2 * PL011_FIFO];
	size_t count = input_below(input, 2 * PL011_FIFO + 1), taken;
	size_t room = takes_input() && model.count < depth() ? depth() - model.count : 0;

	for (size_t i = 0; i < count; i++)
		entries[i] = (uint16_t)((input->at < input->end ? *input->at : 0) ^ i);
	if (count && input_number(input, 1) == 0xbb)
		entries[0] = PL011_BREAK;
	model.refused = count > room;
	model.wanted = 0;
	taken = pl011_input(uart, entries, count);
	must(taken == (count < room ? count : room));
	memcpy(model.queue + model.count, entries, taken * sizeof(entries[0]));
	model.count += (unsigned)taken;
}

/* What a look from outside must find after every step. */
static void must_agree(struct pl011 *uart)
{
	uint64_t flags = read_at(uart, FR, 4);

	must(model.level == (read_at(uart, MIS, 4) != 0));
	must(!(flags & RXFE) == (takes_input() && model.count > 0));
	must(!(flags & RXFF) == (!takes_input() || model.count < depth()));
	if (model.refused && !model.count && takes_input()) {
		must(model.wanted == 1);
		model.refused = false;
		model.wanted = 0;
	}
	must(!model.wanted);
}

static void step(struct pl011 *uart, struct output *output, struct input *input)
{
	unsigned what = (unsigned)input_number(input, 1);
	unsigned length = 1u << (what >> 2 & 3);
	uint64_t offset = what & 0x40 ? input_number(input, 2) % (MAP_UART_SIZE - length + 1)
				      : (what & 0x20 ? DR : input_number(input, 1));

	switch (what & 3) {
	case 0:
		do_read(uart, offset, length);
		break;
	case 1:
		do_write(uart, (struct bus_access){ .offset = offset,
						    .length = length,
						    .value = input_number(input, 2) });
		break;
	case 2:
		do_input(uart, input);
		break;
	default:
		output_flush(output);
	}
}

void fuzz_one(struct input *input)
{
	static const struct pl011_host host = { .set_irq = on_irq, .want_input = on_want };
	static struct output output;
	static struct pl011 uart;
	int flushes = 0;

	memset(&model, 0, sizeof(model));
	memset(&uart, 0, sizeof(uart));
	nwritten = nsunk = 0;
	mood = (unsigned)input_number(input, 2);
	output_init(&output, &console_room, FD, on_ask, NULL);
	pl011_init(&uart, &output, &host);
	for (int i = 0; i < MAX_OPS && input_left(input); i++) {
		step(&uart, &output, input);
		must_agree(&uart);
	}
	while (!output_flush(&output))
		must(flushes++ < 100 * MAX_OPS);
	must(nsunk == nwritten && !memcmp(sunk, written, nsunk));
	pthread_mutex_destroy(&uart.lock);
	pthread_mutex_destroy(&output.writing);
}
