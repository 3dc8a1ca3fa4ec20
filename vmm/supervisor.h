/* SPDX-License-Identifier: MIT */
/*
 * The VMM as a child: the kernel kills a process that makes a forbidden system call
 * without a word, so somebody else has to say what happened, and put the terminal back.
 */
#ifndef MINIVMM_SUPERVISOR_H
#define MINIVMM_SUPERVISOR_H

#include <stdbool.h>

#include "options.h"
#include "status.h"

/*
 * Forks; cheapest before anything is allocated. True in the child, which is the VMM and
 * dies when its parent does. False in the parent, when the child has ended, with the
 * status to exit with; if a signal killed the VMM, the same one kills the parent, but for a
 * SIGSYS, of which it says whose it was (sigsys.h): @jail is the VMM's mode. Meanwhile it hands on
 * the signals that others send it, and stops when the VMM stops. What a terminal sends (Ctrl-C)
 * reaches both by itself.
 */
bool supervise(enum jail_mode jail, enum status *status);

#endif
