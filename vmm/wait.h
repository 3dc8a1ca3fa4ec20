/* SPDX-License-Identifier: MIT */
/*
 * What the main thread does while the guest runs: it waits for the end, signals and
 * input, sees to it that output leaves, and moves the vCPUs of a timed plan.
 */
#ifndef MINIVMM_WAIT_H
#define MINIVMM_WAIT_H

#include <stdint.h>

#include "console.h"
#include "machine.h"

struct waiter {
	struct machine *machine;
	int signal_fd;
	uint64_t deadline; /* of --timeout; this and those below as machine_now() */
	uint64_t next_move;
	uint64_t next_flush;
	struct console console;
};

/* Takes the signals and the terminal; wait_close() is due even after a failure. */
enum status wait_open(struct waiter *waiter, struct machine *machine);
void wait_close(struct waiter *waiter);

/* What has happened until now, while no vCPU's thread runs: it may end the run. */
void wait_look(struct waiter *waiter);

/* Until machine->end is set. */
void wait_for_end(struct waiter *waiter);

/*
 * With the vCPUs' threads gone: until the output is out. Where the guest ended by
 * itself, that takes as long as its reader takes, or until a signal or --timeout,
 * whose status is returned then; else the reader gets a second for each byte.
 */
int wait_for_output(struct waiter *waiter, int status);

#endif
