/* SPDX-License-Identifier: MIT */
/*
 * How a run ends: whoever ends it first (a guest, a failure, a signal, the timeout) sets
 * machine->end, makes every KVM_RUN return and wakes the main thread. Any thread may.
 */
#ifndef MINIVMM_END_H
#define MINIVMM_END_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "machine/machine.h"

#define MACHINE_RESET 256 /* for machine_end(), in place of a status: the guest restarts */

/* Interrupts KVM_RUN, and what waits for a reader; run.c has a handler for it that does nothing. */
#define KICK_SIGNAL SIGUSR1

/* The run starts: its clock, its lock, and machine->end, which is not set yet. */
void machine_begin(struct machine *machine);

uint64_t machine_now(const struct machine *machine); /* ns since the run's start */

/* The first status given ends the run. */
void machine_end(struct machine *machine, int status);
/* The same with the line of fail(): only one that ends the run is printed, however many fail. */
void machine_fail(struct machine *machine, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void machine_full(void *machine); /* a file has reached its limit; closing it reports that */

void machine_wake(void *machine); /* makes the main thread look for input and output to move */

/* From now on (or, with false, no more) no thread waits for an output's reader. */
void machine_set_nonblocking(struct machine *machine, bool nonblocking);

/* Makes every vCPU's KVM_RUN return, now and from now on. */
void machine_kick(struct machine *machine);

#endif
