/* SPDX-License-Identifier: MIT */
/*
 * What the vCPUs were doing when --timeout or a signal ended the run: a guest that hangs leaves no
 * other trace.
 */
#ifndef MINIVMM_VCPU_STATE_H
#define MINIVMM_VCPU_STATE_H

#include "machine/machine.h"

/* Reports and records it; the vCPUs' threads are at the start barrier. */
void vcpu_states(struct machine *machine);

#endif
