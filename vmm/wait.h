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
	uint64_t give_up; /* on who reads the outputs, as the run was ended; NEVER before that */
	struct console console;
};

/* Takes the signals and the terminal; wait_close() is due even after a failure. */
enum status wait_open(struct waiter *waiter, struct machine *machine);
void wait_close(struct waiter *waiter);

/* What has happened until now, while no vCPU's thread runs: it may end the run. */
void wait_look(struct waiter *waiter);

/* Until machine->end is set. */
void wait_for_end(struct waiter *waiter);

/* Whether a signal or the timeout has ended the run. */
bool wait_was_ended(int status);

/*
 * With the vCPUs' threads at the gate: until all outputs are out. Where the guest ended by itself
 * or reset itself, that takes as long as their readers take, or until a signal or --timeout, whose
 * status is returned then. After one of those each reader gets a second for each byte, all of them
 * no more than ten: what is left then is abandoned, and whoever closes the output says so.
 */
int wait_for_output(struct waiter *waiter, int status);

#endif
