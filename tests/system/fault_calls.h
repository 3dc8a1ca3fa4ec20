/* SPDX-License-Identifier: MIT */
/* The system calls that minivmm makes: how each can fail, and what may come of it. */
#ifndef MINIVMM_FAULT_CALLS_H
#define MINIVMM_FAULT_CALLS_H

#include <errno.h>
#include <stdint.h>

#include "fault_trap.h"

#define E(number) (1ull << (number))

struct rule {
	const char *name; /* as on the command line: openat, ioctl:KVM_RUN */
	int nr;
	unsigned request;   /* of an ioctl */
	const char *object; /* the rule is for calls on what has this in its name; NULL: all */
	uint64_t errors;    /* those it can give, a bit each */
	const char *words;  /* an error line has one of these, or the path; "a|b" */
	const char *reason; /* one that may stand in place of strerror()'s, or NULL */
	uint64_t may;       /* with these errors the run may go on */
	/* With the same result, or without what the call was for: silently, or with a line. */
	enum { SAME, LESS, TELLS } how;
	const char *why; /* it may */
};

/* The rule for a call; NULL if nobody has thought of it yet. */
const struct rule *rule_of(const struct call *call);

/* Finds a call by its name; 0 if there is none. */
int rule_find(const char *name, size_t length, int *nr, unsigned *request);

/* "ENOMEM", or NULL; the errno of such a name, or 0. */
const char *error_name(int error);
int error_find(const char *name);

#endif
