/* SPDX-License-Identifier: MIT */
/* Where a vCPU's thread runs: it is placed at its start, and hops as the plan says. */
#ifndef MINIVMM_HOP_H
#define MINIVMM_HOP_H

#include <stdbool.h>

#include "machine/machine.h"

/* Moves thread @tid (0: this one) to @cpu (-1: the vCPU's affinity); false with errno. */
bool vcpu_place(struct vcpu *vcpu, int tid, int cpu);

/* The same for a running machine: a failure ends the run. */
bool vcpu_move(struct vcpu *vcpu, int tid, int cpu);

/* Moves it to the plan's next CPU, and records it; with --settle waits for idle CPUs. */
void vcpu_hop(struct vcpu *vcpu, int tid);

#endif
