/* SPDX-License-Identifier: MIT */
/*
 * What minivmm gives up before the guest's first instruction, so that a guest that has
 * taken it over has nothing: docs/security.md.
 */
#ifndef MINIVMM_JAIL_H
#define MINIVMM_JAIL_H

#include <stdbool.h>

#include "base/status.h"
#include "options/options.h"

struct jail {
	enum jail_mode mode;
	bool resets;          /* the guest may reset itself */
	int nmoved;           /* threads that the main thread moves, with a timed plan */
	int moved[MAX_VCPUS]; /* their tids */
};

/*
 * Files, capabilities and new privileges, for this thread and those that it starts; call it
 * before it starts them. With --jail=log only new privileges, as the others cannot be logged.
 * STATUS_HOST if this kernel has no seccomp or somebody else's filter forbids it, else
 * STATUS_INTERNAL; with a line.
 */
enum status jail_process(const struct jail *jail);

/*
 * Filters the system calls of all existing threads. Call it when none of them has anything left to
 * set up, and not with JAIL_OFF. Statuses as above.
 */
enum status jail_calls(const struct jail *jail);

/* landlock.c: forbids to open any file, if the kernel can do that; -1 with errno. */
int landlock_close(void);

#endif
