/* SPDX-License-Identifier: MIT */
/* Exit statuses of minivmm. --help lists the same numbers. */
#ifndef MINIVMM_STATUS_H
#define MINIVMM_STATUS_H

enum status {
	STATUS_OK = 0,         /* the guest ended well */
	STATUS_GUEST_MAX = 63, /* 1..63: the guest's own failure code, larger ones become 63 */
	STATUS_USAGE = 64,     /* the command line cannot be used as it is */
	STATUS_INPUT = 65,     /* an input or output file cannot be used, or is full */
	STATUS_HOST = 69,      /* the host, its kernel or the user's permissions lack something */
	STATUS_INTERNAL = 70,  /* something failed that should not, or a fault of minivmm */
	STATUS_REFUSED = 71,   /* KVM refused to run a vCPU on a CPU, and --on-refusal=stop */
	STATUS_CRASH = 72,     /* the guest took an unexpected exception or KVM gave it up */
	STATUS_JAIL = 73,      /* the VMM was about to make a system call that its jail forbids */
	STATUS_TIMEOUT = 124,  /* --timeout ran out */
	STATUS_SIGNAL = 128,   /* 128 + N: signal N; 130 is Ctrl-C and Ctrl-A x too */
};

#endif
