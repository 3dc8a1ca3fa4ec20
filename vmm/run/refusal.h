/* SPDX-License-Identifier: MIT */
/*
 * KVM refuses to run a vCPU on a CPU that its PMU does not cover. It leaves the vCPU
 * unharmed: on a covered CPU the next KVM_RUN continues where this one began.
 */
#ifndef MINIVMM_REFUSAL_H
#define MINIVMM_REFUSAL_H

#include "machine/machine.h"

/* After KVM_EXIT_FAIL_ENTRY: ends the run, or puts this thread, the vCPU's, on a covered CPU. */
void vcpu_refused(struct vcpu *vcpu);

#endif
