/* SPDX-License-Identifier: MIT */
/*
 * What is left out: the line itself. Bytes leave at once whatever the rate and
 * whether the UART is enabled or not, so that a payload may write to DR without
 * any setup; there are no errors, modem lines or DMA requests.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "pl011.h"

enum {
	DR = 0x00,
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
#define INT_ALL   0x7ffu

/* PeriphID and PCellID of r1p5: Linux takes the FIFOs for 32 deep from revision 3 on. */
static const uint8_t ids[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static unsigned depth(const struct pl011 *uart)
{
	return uart->lcr & LCR_H_FEN ? PL011_FIFO : 1;
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
	bool level;

	uart->ris &= ~(INT_RX | INT_RT);
	if (uart->count)
		uart->ris |= INT_RT;
	if (uart->count >= trigger(uart))
		uart->ris |= INT_RX;
	level = uart->ris & uart->imsc;
	if (level != uart->level) {
		uart->level = level;
		uart->set_irq(uart->irq_owner, level);
	}
}

/*
 * Waits for a slow reader. Nothing interrupts that but the signal that ends the
 * run; then, and when nobody reads any more, the byte is lost and the guest
 * goes on.
 */
static void transmit(int fd, uint8_t byte)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	int patience = -1;

	while (write(fd, &byte, 1) != 1) {
		if (errno == EINTR)
			patience = 0;
		else if (errno != EAGAIN)
			return;
		if (poll(&out, 1, patience) < 1)
			return;
	}
}

static uint8_t receive(struct pl011 *uart)
{
	uint8_t byte;

	if (!uart->count)
		return 0;
	byte = uart->fifo[uart->head];
	uart->head = (uart->head + 1) % PL011_FIFO;
	uart->count--;
	return byte;
}

static uint32_t flags(const struct pl011 *uart)
{
	uint32_t value = FR_TXFE;

	if (!uart->count)
		value |= FR_RXFE;
	if (uart->count >= depth(uart))
		value |= FR_RXFF;
	return value;
}

static uint32_t read_register(struct pl011 *uart, uint64_t offset)
{
	switch (offset) {
	case DR:
		return receive(uart);
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
	case IBRD:
		uart->ibrd = value & 0xffff;
		break;
	case FBRD:
		uart->fbrd = value & 0x3f;
		break;
	case LCR_H:
		if ((uart->lcr ^ value) & LCR_H_FEN)
			uart->count = 0;
		uart->lcr = value & 0xff;
		break;
	case CR:
		uart->cr = value & 0xffff;
		break;
	case IFLS:
		uart->ifls = value & 0x3f;
		break;
	case IMSC:
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

void pl011_init(struct pl011 *uart, int out_fd, void (*set_irq)(void *, bool), void *irq_owner)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	uart->out_fd = out_fd;
	uart->set_irq = set_irq;
	uart->irq_owner = irq_owner;
	uart->cr = 0x300;
	uart->ifls = 0x12;
}

void pl011_access(void *owner, struct bus_access *access)
{
	struct pl011 *uart = owner;
	uint64_t offset = access->offset & ~3ull;
	unsigned shift = (unsigned)(access->offset & 3) * 8;

	if (access->length > 4 || (access->write && shift))
		return;
	/* Not under the lock: the thread that reads input must not wait for who reads output. */
	if (access->write && offset == DR)
		transmit(uart->out_fd, (uint8_t)access->value);

	pthread_mutex_lock(&uart->lock);
	if (access->write)
		write_register(uart, offset, (uint32_t)access->value);
	else
		access->value = (uint64_t)read_register(uart, offset) >> shift &
				((1ull << access->length * 8) - 1);
	update(uart);
	pthread_mutex_unlock(&uart->lock);
}

size_t pl011_room(struct pl011 *uart)
{
	size_t room;

	pthread_mutex_lock(&uart->lock);
	room = depth(uart) - uart->count;
	pthread_mutex_unlock(&uart->lock);
	return room;
}

size_t pl011_input(struct pl011 *uart, const uint8_t *bytes, size_t count)
{
	size_t taken = 0;

	pthread_mutex_lock(&uart->lock);
	while (taken < count && uart->count < depth(uart))
		uart->fifo[(uart->head + uart->count++) % PL011_FIFO] = bytes[taken++];
	update(uart);
	pthread_mutex_unlock(&uart->lock);
	return taken;
}
