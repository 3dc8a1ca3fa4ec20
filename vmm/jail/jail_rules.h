/* SPDX-License-Identifier: MIT */
/*
 * The jail's rules, as data: which system calls minivmm may make while a guest runs, and why. The
 * build makes the kernel's filter programs of them (jail_generate.c), and tests read them.
 */
#ifndef MINIVMM_JAIL_RULES_H
#define MINIVMM_JAIL_RULES_H

#include <stddef.h>
#include <stdint.h>

/* What an argument must be, all 64 bits of it. */
enum jail_check {
	JAIL_ANY,
	JAIL_IS,          /* @value */
	JAIL_WITHIN,      /* no bit that @value has not */
	JAIL_OWN_PROCESS, /* the number of this process */
	JAIL_MOVED_THREAD /* that of a vCPU's thread */
};

#define JAIL_ARGUMENTS 2  /* as many as a rule looks at */
#define JAIL_MOST      64 /* rules of a list */

struct jail_argument {
	enum jail_check check;
	unsigned index; /* 0 is the first */
	uint32_t value;
};

struct jail_rule {
	const char *name; /* the call's, and behind a space an ioctl's */
	int call;
	struct jail_argument arguments[JAIL_ARGUMENTS];
	const char *why;
};

enum jail_list {
	JAIL_RUN,   /* always */
	JAIL_RESET, /* if the guest may reset itself */
	JAIL_MOVE,  /* with a timed plan */
	JAIL_LISTS
};

struct jail_rules {
	const char *name;
	const struct jail_rule *rules;
	size_t count;
};

extern const struct jail_rules jail_rules[JAIL_LISTS];

#endif
