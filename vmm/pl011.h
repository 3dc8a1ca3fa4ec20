/* SPDX-License-Identifier: MIT */
/* Arm PL011 UART (DDI 0183G): output to a descriptor, input from a queue, one level interrupt. */
#ifndef MINIVMM_PL011_H
#define MINIVMM_PL011_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

#define PL011_FIFO 32

struct pl011 {
	pthread_mutex_t lock;                     /* vCPU threads and the thread that reads input */
	int out_fd;                               /* borrowed; bytes are written as they come */
	void (*set_irq)(void *owner, bool level); /* called with the lock held, on changes only */
	void *irq_owner;
	bool level;
	uint8_t fifo[PL011_FIFO];
	unsigned head, count;
	uint32_t cr, lcr, ibrd, fbrd, ifls, imsc, ris, dmacr;
};

void pl011_init(struct pl011 *uart, int out_fd, void (*set_irq)(void *, bool), void *irq_owner);

/* Bus handler; owner is the struct pl011. */
void pl011_access(void *owner, struct bus_access *access);

/* Bytes that pl011_input() would take now. */
size_t pl011_room(struct pl011 *uart);

/* Queues up to pl011_room() bytes for the guest; returns how many were taken. */
size_t pl011_input(struct pl011 *uart, const uint8_t *bytes, size_t count);

#endif
