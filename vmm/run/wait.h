/* SPDX-License-Identifier: MIT */
/*
 * What the main thread does while the guest runs: it waits for the end, signals and
 * input, writes output, and moves the vCPUs of a timed plan.
 */
#ifndef MINIVMM_WAIT_H
#define MINIVMM_WAIT_H

#include <stdint.h>

#include "devices/console.h"
#include "machine/machine.h"

struct waiter {
	struct machine *machine;
	int signal_fd;
	uint64_t deadline; /* of --timeout; this and those below as machine_now() */
	uint64_t next_move;
	uint64_t next_flush;
	uint64_t give_up; /* waiting for readers, after the run was ended from outside; NEVER before
			   */
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
 * Waits until all outputs are written, with the vCPUs' threads at the start barrier. If the guest
 * ended or reset itself, this waits for the readers, or until a signal or --timeout, whose status
 * it then returns. After one of those each reader gets a second for each byte, and all of them ten
 * at most. What is left then is abandoned, and closing the output reports that.
 */
int wait_for_output(struct waiter *waiter, int status);

#endif
