/* SPDX-License-Identifier: MIT */
/* The programs by which the kernel judges system calls: what the build makes of jail_rules.c. */
#ifndef MINIVMM_JAIL_CODE_H
#define MINIVMM_JAIL_CODE_H

#include <linux/filter.h>

/*
 * In place of what only the run knows: the number of its process, and that of each vCPU's thread.
 * No argument of a rule is like these.
 */
#define JAIL_PROCESS_MARK 0x6a000000u
#define JAIL_THREAD_MARK  0x6b000000u /* the first of MAX_VCPUS */

#define JAIL_PROGRAM_ROOM 1024 /* instructions: one for each vCPU's thread, and the rules */

struct jail_program {
	const struct sock_filter *code;
	unsigned short length; /* instructions */
};

#endif
