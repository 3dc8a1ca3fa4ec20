/* SPDX-License-Identifier: MIT */
#ifndef MINIVMM_RUN_H
#define MINIVMM_RUN_H

#include "base/status.h"
#include "machine/machine.h"

/*
 * Puts this thread and a thread for each vCPU into the jail, then runs the guest
 * until it, a failure, a signal or the timeout ends the run; prints the summary, closes record
 * and trace, and returns the run's status. A guest that resets itself restarts. The calling
 * thread does what wait.h says. The others wait at the start barrier in the end, and go with the
 * process.
 */
enum status machine_run(struct machine *machine);

#endif
