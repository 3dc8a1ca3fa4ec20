/* SPDX-License-Identifier: MIT */
/* Who killed the VMM by SIGSYS: its jail, or a system call filter that minivmm was started with. */
#ifndef MINIVMM_SIGSYS_H
#define MINIVMM_SIGSYS_H

#include <sys/types.h>

#include "options.h"
#include "status.h"

/*
 * How many system call filters the main thread of process @pid has, or had when it died if
 * nobody has waited for it yet. -1 if the kernel does not say (before Linux 5.9).
 */
int sigsys_filters(pid_t pid);

/*
 * Prints the line and returns the status. @own: the filters of this process, which the VMM
 * inherited; @vmm: those that the VMM had in the end.
 */
enum status sigsys_judge(enum jail_mode jail, int own, int vmm);

#endif
