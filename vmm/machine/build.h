/* SPDX-License-Identifier: MIT */
/* Builds the machine, and takes it apart. */
#ifndef MINIVMM_BUILD_H
#define MINIVMM_BUILD_H

#include "base/status.h"
#include "machine/machine.h"

/*
 * Builds the machine from options, host, choice, kvm, files and nvcpus, which the
 * caller has set, in the order that KVM demands: VM, memory, every vCPU before
 * the GIC is initialised, the calling thread on vCPU 0's CPU from KVM_ARM_VCPU_INIT to the PMU's
 * attributes (the default PMU is taken there), the GIC before the PMU's
 * attributes, the PMU's choice before filter, counters, interrupt and INIT.
 * Call machine_destroy() only if the process goes on, also after a failure: at its end the kernel
 * frees everything.
 */
enum status machine_create(struct machine *machine);
void machine_destroy(struct machine *machine);

/* The same machine as after machine_create(), with nothing left of what the guest did. */
enum status machine_restart(struct machine *machine);

#endif
