/* SPDX-License-Identifier: MIT */
/* Judges what a run of minivmm made of a system call that failed. */
#ifndef MINIVMM_FAULT_JUDGE_H
#define MINIVMM_FAULT_JUDGE_H

#include "fault_calls.h"

/* What a run without a fault looks like. */
struct clean {
	int status;
	char *out; /* what it printed, in short; NULL: no two runs print the same */
	unsigned threads, descriptors, mappings; /* when it ends */
	unsigned files;                          /* in this folder and /tmp when it has ended */
};

enum verdict {
	TOLD,    /* it ended with one clear line and a documented status */
	WENT_ON, /* and may have, with the same result */
	KILLED,  /* by the SIGKILL that was the fault, and nothing is left */
	WRONG,
};

/* Takes what the runs without a fault have left in the files @out. */
void clean_take(struct clean *clean, const struct outcome *outcome, const char *out);

/* @problem: what is wrong, if something is. */
enum verdict judge(const struct clean *clean, const struct call *call, const struct fault *fault,
		   const struct outcome *outcome, const char *out, const char *err, char *problem,
		   size_t size);

#endif
