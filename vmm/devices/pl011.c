/* SPDX-License-Identifier: MIT */
/*
 * What is left out: the line itself. Bytes leave at once whatever the rate and
 * whether the UART is enabled or not, so that a payload may write to DR without
 * any setup; of the errors there is only the break, and there are no modem lines or DMA
 * requests.
 */
#include <string.h>

#include "devices/pl011.h"

enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44,
	DMACR = 0x48,
	IDS = 0xfe0,
};

#define FR_RXFE   (1u << 4)
#define FR_RXFF   (1u << 6)
#define FR_TXFE   (1u << 7)
#define LCR_H_FEN (1u << 4)
#define INT_RX    (1u << 4)
#define INT_TX    (1u << 5)
#define INT_RT    (1u << 6)
#define INT_BE    (1u << 9)
#define INT_ALL   0x7ffu

/* PeriphID and PCellID of r1p5: Linux takes the FIFOs for 32 deep from revision 3 on. */
static const uint8_t ids[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

/* A guest that looks for input this many times in a row waits for it: Linux looks 3 times when it
 * starts. */
#define POLLS 16

static unsigned depth(const struct pl011 *uart)
{
	return uart->lcr & LCR_H_FEN ? PL011_FIFO : 1;
}

/* Whether the guest takes input. It gets none before: a driver empties the FIFO when it starts, and
 * would throw away input that was piped to a guest before it began to read. */
static bool takes_input(const struct pl011 *uart)
{
	return uart->imsc & (INT_RX | INT_RT) ||
	       atomic_load_explicit(&uart->polls, memory_order_relaxed) >= POLLS;
}

static unsigned available(const struct pl011 *uart)
{
	return takes_input(uart) ? uart->input.count : 0;
}

/* FR and RIS never tell the guest to wait with output: a guest that reads them again and again
 * waits for input. */
static void note_poll(struct pl011 *uart)
{
	unsigned polls = atomic_load_explicit(&uart->polls, memory_order_relaxed);

	if (polls < POLLS)
		atomic_store_explicit(&uart->polls, polls + 1, memory_order_relaxed);
}

/* Drivers read FR before and after each byte of output. */
static void note_output(struct pl011 *uart)
{
	unsigned polls = atomic_load_explicit(&uart->polls, memory_order_relaxed);

	if (polls && polls < POLLS)
		atomic_store_explicit(&uart->polls, 0, memory_order_relaxed);
}

/* Another driver may begin here, and has not asked for input yet. */
static void note_setup(struct pl011 *uart)
{
	atomic_store_explicit(&uart->polls, 0, memory_order_relaxed);
}

/* The fill at which the receive interrupt rises. */
static unsigned trigger(const struct pl011 *uart)
{
	static const uint8_t eighths[] = { 1, 2, 4, 6, 7, 7, 7, 7 };

	return depth(uart) == 1 ? 1 : PL011_FIFO * (unsigned)eighths[uart->ifls >> 3 & 7] / 8;
}

/*
 * The receive interrupts follow the queue: in hardware ICR can clear them while
 * bytes are left, and a driver that forgets those waits for ever. The timeout's
 * 32 bit periods have always passed.
 */
static void update(struct pl011 *uart)
{
	unsigned count = available(uart);
	bool level;

	uart->ris &= ~(INT_RX | INT_RT);
	if (count)
		uart->ris |= INT_RT;
	if (count >= trigger(uart))
		uart->ris |= INT_RX;
	level = uart->ris & uart->imsc;
	if (level != uart->level) {
		uart->level = level;
		uart->host.set_irq(uart->host.owner, level);
	}
	if (uart->refused && !uart->input.count && takes_input(uart)) {
		uart->refused = false;
		uart->host.want_input(uart->host.owner);
	}
}

static uint16_t receive(struct pl011 *uart)
{
	struct pl011_fifo *input = &uart->input;
	uint16_t entry;

	atomic_store_explicit(&uart->polls, POLLS, memory_order_relaxed);
	if (!input->count)
		return 0;
	entry = input->entries[input->head];
	input->head = (input->head + 1) % PL011_FIFO;
	input->count--;
	uart->rsr = entry >> 8;
	return entry;
}

static uint32_t flags(struct pl011 *uart)
{
	uint32_t value = FR_TXFE;
	unsigned count;

	note_poll(uart);
	count = available(uart);
	if (!count)
		value |= FR_RXFE;
	if (count >= depth(uart))
		value |= FR_RXFF;
	return value;
}

static uint32_t read_register(struct pl011 *uart, uint64_t offset)
{
	switch (offset) {
	case DR:
		return receive(uart);
	case RSR:
		return uart->rsr;
	case FR:
		return flags(uart);
	case IBRD:
		return uart->ibrd;
	case FBRD:
		return uart->fbrd;
	case LCR_H:
		return uart->lcr;
	case CR:
		return uart->cr;
	case IFLS:
		return uart->ifls;
	case IMSC:
		return uart->imsc;
	case RIS:
		note_poll(uart);
		return uart->ris;
	case MIS:
		return uart->ris & uart->imsc;
	case DMACR:
		return uart->dmacr;
	default:
		return offset >= IDS ? ids[(offset - IDS) / 4] : 0;
	}
}

static void write_register(struct pl011 *uart, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case DR: /* already sent: the FIFO has run empty */
		uart->ris |= INT_TX;
		break;
	case RSR:
		uart->rsr = 0;
		break;
	case IBRD:
		uart->ibrd = value & 0xffff;
		break;
	case FBRD:
		uart->fbrd = value & 0x3f;
		break;
	case LCR_H: /* in hardware it empties a FIFO that it turns on or off */
		note_setup(uart);
		uart->lcr = value & 0xff;
		break;
	case CR:
		note_setup(uart);
		uart->cr = value & 0xffff;
		break;
	case IFLS:
		uart->ifls = value & 0x3f;
		break;
	case IMSC:
		note_setup(uart);
		uart->imsc = value & INT_ALL;
		break;
	case ICR:
		uart->ris &= ~value;
		break;
	case DMACR:
		uart->dmacr = value & 7;
		break;
	}
}

void pl011_init(struct pl011 *uart, struct output *output, const struct pl011_host *host)
{
	const struct pl011_fifo input = uart->input;

	memset(uart, 0, sizeof(*uart));
	uart->input = input;
	pthread_mutex_init(&uart->lock, NULL);
	uart->output = output;
	uart->host = *host;
	uart->cr = 0x300;
	uart->ifls = 0x12;
}

static __attribute__((noinline)) void access_register(struct pl011 *uart, struct bus_access *access)
{
	uint64_t offset = access->offset & ~3ull;
	unsigned shift = (unsigned)(access->offset & 3) * 8;

	if (access->length > 4 || (access->write && shift))
		return;
	pthread_mutex_lock(&uart->lock);
	if (access->write)
		write_register(uart, offset, (uint32_t)access->value);
	else
		access->value = (uint64_t)read_register(uart, offset) >> shift &
				((1ull << access->length * 8) - 1);
	update(uart);
	pthread_mutex_unlock(&uart->lock);
}

/* Output is sent without the lock: the thread that reads input must not wait for a reader of
 * output. */
static __attribute__((noinline)) void first_byte(struct pl011 *uart, struct bus_access *access)
{
	output_put(uart->output, (uint8_t)access->value);
	access_register(uart, access);
}

/* The most frequent access is a byte of output that changes nothing else. It makes one call, the
 * last. */
void pl011_access(void *owner, struct bus_access *access)
{
	struct pl011 *uart = owner;

	if (!access->write || access->offset != DR || access->length > 4) {
		access_register(uart, access);
		return;
	}
	note_output(uart);
	if (atomic_load_explicit(&uart->ris, memory_order_relaxed) & INT_TX)
		output_put(uart->output, (uint8_t)access->value);
	else
		first_byte(uart, access);
}

size_t pl011_input(struct pl011 *uart, const uint16_t *input, size_t count)
{
	struct pl011_fifo *fifo = &uart->input;
	size_t room, taken;

	pthread_mutex_lock(&uart->lock);
	room = takes_input(uart) ? depth(uart) : 0;
	for (taken = 0; taken < count && fifo->count < room; taken++) {
		fifo->entries[(fifo->head + fifo->count++) % PL011_FIFO] = input[taken];
		if (input[taken] & PL011_BREAK)
			uart->ris |= INT_BE;
	}
	uart->refused = taken < count;
	update(uart);
	pthread_mutex_unlock(&uart->lock);
	return taken;
}

bool pl011_listens(struct pl011 *uart)
{
	bool listens;

	pthread_mutex_lock(&uart->lock);
	listens = uart->imsc & (INT_RX | INT_RT);
	pthread_mutex_unlock(&uart->lock);
	return listens;
}
