/* SPDX-License-Identifier: MIT */
/* Arm PL011 UART (DDI 0183G): output, input from a queue, one level interrupt. */
#ifndef MINIVMM_PL011_H
#define MINIVMM_PL011_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/bus.h"
#include "output/output.h"

#define PL011_FIFO  32
#define PL011_BREAK 0x400 /* in place of a byte of input; DR then has BE and no data */

/* Both are called with the UART's lock held. */
struct pl011_host {
	void (*set_irq)(void *owner, bool level); /* on changes only */
	void (*want_input)(void *owner); /* what pl011_input() had no room for may come now */
	void *owner;
};

/* Input that the guest has not read; it outlives a reset of the guest. */
struct pl011_fifo {
	uint16_t entries[PL011_FIFO]; /* as DR shows them */
	unsigned head, count;
};

struct pl011 {
	pthread_mutex_t lock; /* vCPU threads and the thread that reads input */
	struct output *output;
	struct pl011_host host;
	bool level;
	bool refused; /* input is waiting outside */
	struct pl011_fifo input;
	atomic_uint polls; /* looks for input since the guest did something else */
	uint32_t rsr, cr, lcr, ibrd, fbrd, ifls, imsc, dmacr;
	atomic_uint ris;
};

/* For each life of the guest; before the first, @uart is all zero. */
void pl011_init(struct pl011 *uart, struct output *output, const struct pl011_host *host);

/* Bus handler; owner is the struct pl011. */
void pl011_access(void *owner, struct bus_access *access);

/*
 * Queues bytes and breaks for the guest, as many as there is room for; returns how many. There is
 * none until the guest reads DR, keeps looking whether it could, or enables a receive interrupt.
 */
size_t pl011_input(struct pl011 *uart, const uint16_t *input, size_t count);

/* Whether the guest has enabled an interrupt for input. */
bool pl011_listens(struct pl011 *uart);

#endif
