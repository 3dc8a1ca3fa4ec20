/* SPDX-License-Identifier: MIT */
/* Writes the program by which the kernel judges a thread's system calls (seccomp). */
#ifndef MINIVMM_JAIL_FILTER_H
#define MINIVMM_JAIL_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "jail_rules.h"

#define JAIL_FILTER_ROOM 1024 /* enough for a rule for each vCPU */

struct jail_filter {
	uint32_t refuse;      /* SECCOMP_RET_...: what becomes of calls that no rule allows */
	unsigned short group; /* where the checks of an argument began; 0: there are none */
	int group_call;
	unsigned group_arg;
	unsigned short waiting; /* the first jump that waits for an instruction to allow the call */
	unsigned short length;
	struct sock_filter code[JAIL_FILTER_ROOM];
};

/* Begins a program for system calls of @architecture, AUDIT_ARCH_... */
void jail_filter_begin(struct jail_filter *filter, uint32_t architecture, uint32_t refuse);

/* Adds @rule, with @value in place of its own: the number of a process or thread. */
void jail_filter_allow(struct jail_filter *filter, const struct jail_rule *rule, uint32_t value);

/* False if the rules had no room. */
bool jail_filter_end(struct jail_filter *filter);

#endif
