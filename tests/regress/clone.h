/* SPDX-License-Identifier: MIT */
/* Save and restore of a whole VM, as in a live migration to the same host. */
#ifndef REGRESS_CLONE_H
#define REGRESS_CLONE_H

#include "mode.h"

/*
 * @to is a fresh VM in the state of @from, whose vCPUs are all outside KVM_RUN; @from
 * is gone. The GIC is not restored: a guest that continues prepares it again.
 * The calling thread builds the VM, and is on the first home CPU afterwards.
 */
void vm_clone(struct vm *to, struct vm *from, enum mode mode);

/* Makes a vCPU other than the first one run from its entry, without PSCI. */
void vcpu_power_on(struct vcpu *vcpu);

#endif
