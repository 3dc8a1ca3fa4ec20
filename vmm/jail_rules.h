/* SPDX-License-Identifier: MIT */
/* The jail's rules, as data: which system calls a thread may make, and why. */
#ifndef MINIVMM_JAIL_RULES_H
#define MINIVMM_JAIL_RULES_H

#include <stddef.h>
#include <stdint.h>

/*
 * What an argument must be. The kernel itself takes no more than the low 32 bits of those
 * that are looked at here (requests, process and thread numbers), or knows no flags above.
 */
enum jail_check {
	JAIL_ANY,
	JAIL_IS,          /* @value */
	JAIL_LACKS,       /* all bits of @value */
	JAIL_OWN_PROCESS, /* is the number of this process */
	JAIL_MOVED_THREAD /* is that of a vCPU's thread */
};

struct jail_rule {
	const char *name;
	int call;
	enum jail_check check;
	unsigned arg;
	uint32_t value;
	const char *why;
};

enum jail_list {
	JAIL_VCPU,  /* a vCPU's thread */
	JAIL_MAIN,  /* the main thread */
	JAIL_RESET, /* the main thread too, if the guest may reset itself */
	JAIL_MOVE,  /* the main thread too, with a timed plan */
	JAIL_LISTS
};

struct jail_rules {
	const char *name;
	const struct jail_rule *rules;
	size_t count;
};

extern const struct jail_rules jail_rules[JAIL_LISTS];

#endif
