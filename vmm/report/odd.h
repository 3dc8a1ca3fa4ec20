/* SPDX-License-Identifier: MIT */
/* What cannot be true of a window's counters: the guest, KVM or the CPU is wrong. */
#ifndef MINIVMM_ODD_H
#define MINIVMM_ODD_H

#include <stdbool.h>
#include <stdio.h>

#include "guest/abi/lab.h"

enum odd {
	ODD_CYCLES = 1, /* PMCCNTR_EL0 went back, and did not overflow */
	ODD_EVENT = 2,  /* the same of an event counter */
	ODD_TIME = 4,   /* CNTVCT_EL0 went back */
	ODD_PMCR = 8,   /* PMCR_EL0 is 0, although the guest has a PMU */
};

/* The kinds of them in @record; @pmu: the guest has a PMU. */
unsigned odd_find(const struct lab_record *record, bool pmu);

/* One line for each kind in @kinds. */
void odd_print(unsigned kinds, int vcpu, const struct lab_record *record, FILE *out);

#endif
