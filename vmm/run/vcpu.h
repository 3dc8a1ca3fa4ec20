/* SPDX-License-Identifier: MIT */
/* A vCPU's thread: KVM_RUN, exit reason, device or end. */
#ifndef MINIVMM_VCPU_H
#define MINIVMM_VCPU_H

/*
 * The thread's function; @vcpu is its struct vcpu. It waits at the start barrier, where the main
 * thread puts it into the jail, and runs the vCPU until machine->end is set, for each life of the
 * guest; it never returns.
 */
void *vcpu_thread(void *vcpu);

#endif
