/* SPDX-License-Identifier: MIT */
/* Runs each case in a process of its own, and reports in KTAP. */
#ifndef REGRESS_RUNNER_H
#define REGRESS_RUNNER_H

#include <stdbool.h>
#include <stdio.h>

#include "test.h"

struct kernel_log;

struct run_options {
	struct kernel_log *log; /* what it says from its opening on fails a case */
	const char *pattern;    /* of case names, as in fnmatch(3); NULL: all */
	const char *junit;      /* NULL: none */
	int repeat;
	int failures; /* the run ends after so many; 0: it does not */
	bool verbose, list;
	bool progress; /* in the kernel's log */
};

/* Exit statuses of pmu-regress. */
enum { RUN_PASSED = 0, RUN_FAILED = 1, RUN_USAGE = 2, RUN_NOTHING = 4 };

/* Runs, or lists, the cases of @families that match. */
int run_cases(const struct site *site, const struct family *const *families, int nfamilies,
	      const struct run_options *options);

/* The KTAP of a run in which nothing can run: a skip with the reason. */
int skip_everything(const char *reason);

#endif
