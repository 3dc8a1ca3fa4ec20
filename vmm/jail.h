/* SPDX-License-Identifier: MIT */
/*
 * What minivmm gives up before the guest's first instruction, so that a guest that has
 * taken it over has nothing: docs/security.md.
 */
#ifndef MINIVMM_JAIL_H
#define MINIVMM_JAIL_H

#include "jail_rules.h"
#include "options.h"
#include "status.h"

struct jail {
	enum jail_mode mode;
	bool resets; /* the guest may reset itself */
	int nmoved;  /* threads that the main thread moves, with a timed plan */
	int moved[MAX_VCPUS];
};

/*
 * Files, capabilities and new privileges, for this thread and those that it starts: before
 * it starts them. With --jail=log only the last, as the others cannot be logged.
 */
enum status jail_process(const struct jail *jail);

/* This thread's system calls: the rules of @role, JAIL_VCPU or JAIL_MAIN. */
enum status jail_thread(const struct jail *jail, enum jail_list role);

/* landlock.c: no file can be opened any more, where the kernel can do that; -1 with errno. */
int landlock_close(void);

#endif
