/* SPDX-License-Identifier: MIT */
/*
 * VMs as tests need them, step by step; mode.h has all steps in one call. What a test cannot expect
 * to fail fails the test; attributes and registers have a form that returns the errno.
 *
 * minivmm's own code builds no VM here: it takes the one right order, and tests take the others.
 */
#ifndef REGRESS_VM_H
#define REGRESS_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "host/kvm.h"
#include "site.h"

#define VM_MAX_VCPUS 8
#define VM_MAX_OUT   8192
#define VM_MAX_TRAPS 512
#define PMU_INTID    23 /* PPI 7 */
#define TIMER_INTID  27 /* PPI 11, the virtual timer */

/* What nearly every test names; the numbers are KVM's. */
#define ATTR_IRQ             KVM_ARM_VCPU_PMU_V3_IRQ
#define ATTR_INIT            KVM_ARM_VCPU_PMU_V3_INIT
#define ATTR_FILTER          KVM_ARM_VCPU_PMU_V3_FILTER
#define ATTR_SET_PMU         KVM_ARM_VCPU_PMU_V3_SET_PMU
#define ATTR_SET_NR_COUNTERS KVM_PMU_SET_NR_COUNTERS
#define ATTR_FIXED_COUNTERS  KVM_PMU_FIXED_COUNTERS_ONLY

/* Why vcpu_run() came back. */
enum stop {
	STOP_HOP,     /* guest_hop() */
	STOP_EXIT,    /* guest_exit() */
	STOP_REFUSED, /* KVM_EXIT_FAIL_ENTRY, CPU_UNSUPPORTED: vcpu->refused_cpu */
	STOP_SYSTEM,  /* PSCI SYSTEM_OFF or RESET */
	STOP_KICKED,  /* a signal, or vcpu_kick() */
};

struct exception {
	uint64_t esr, elr;
	uint64_t spsr; /* SPSR_EL2 of one that EL2 took (el2.h), else 0 */
};

struct irq {
	uint64_t intid;
	uint64_t overflow; /* PMOVSSET_EL0 in the handler */
	uint64_t count;    /* PMCCNTR_EL0 there */
	uint64_t spsr;     /* SPSR_EL2 there, if EL2 took it, else 0 */
	int cpu;           /* host CPU that it was taken on */
};

struct vcpu {
	struct vm *vm;
	int index;
	int fd;
	struct kvm_run *run;
	struct guest guest; /* its program; complete before the first run */
	uint64_t out[VM_MAX_OUT];
	int nout, taken;
	struct exception exceptions[VM_MAX_TRAPS];
	int nexceptions;
	struct irq irqs[VM_MAX_TRAPS];
	int nirqs;
	uint64_t input; /* what PORT_IN reads */
	int refused_cpu;
};

struct vm {
	const struct site *site;
	int kvm, fd, gic_fd;
	int gic; /* 2 or 3 */
	int nvcpus;
	uint8_t *ram;
	size_t ram_size;
	/* The reasons for STOP_REFUSED: SET_PMU has named a PMU; FIXED_COUNTERS_ONLY is set, and
	 * the CPU has none. */
	bool may_refuse, needs_any_pmu;
	struct vcpu vcpus[VM_MAX_VCPUS];
};

/* The VM, its RAM with the vectors, @nvcpus vCPUs not initialised; programs have begun. */
void vm_create(struct vm *vm, const struct site *site, int nvcpus);
void vm_destroy(struct vm *vm);

/*
 * KVM_ARM_VCPU_INIT with PSCI and @features (bits); POWER_OFF for all but vCPU 0.
 * With PMU_V3 the first call takes the default PMU, that of the calling thread's CPU.
 * Sets the entry and returns 0 or the errno.
 */
int vcpu_init(struct vcpu *vcpu, uint32_t features);
void vm_init_vcpus(struct vm *vm, uint32_t features);

/* GICv3, or v2 where the host has no other: created; then initialised, after the last vCPU. */
void vm_create_gic(struct vm *vm);
void vm_init_gic(struct vm *vm);

/* KVM_{HAS,GET,SET}_DEVICE_ATTR of group KVM_ARM_VCPU_PMU_V3_CTRL: 0 or the errno. */
int vcpu_has_attr(struct vcpu *vcpu, unsigned attr);
int vcpu_get_attr(struct vcpu *vcpu, unsigned attr, void *value);
int vcpu_set_attr(struct vcpu *vcpu, unsigned attr, const void *value);

/* Interrupt PMU_INTID and INIT on every vCPU. */
void vm_init_pmu(struct vm *vm);

/* KVM_{GET,SET}_ONE_REG of a system register; the first two fail the test on an error. */
uint64_t vcpu_get(struct vcpu *vcpu, uint16_t sysreg);
void vcpu_set(struct vcpu *vcpu, uint16_t sysreg, uint64_t value);
int vcpu_try_get(struct vcpu *vcpu, uint16_t sysreg, uint64_t *value);
int vcpu_try_set(struct vcpu *vcpu, uint16_t sysreg, uint64_t value);
void vcpu_set_pc(struct vcpu *vcpu, uint64_t pc);
uint64_t vcpu_get_pc(struct vcpu *vcpu);

/* Runs until the guest or KVM has something for the test. Any host thread may call it. */
enum stop vcpu_run(struct vcpu *vcpu);

/* KVM_RUN with immediate_exit: every check of a first run, no guest instruction. 0 or the errno. */
int vcpu_enter(struct vcpu *vcpu);

/* Makes vcpu_run(), now or next, return STOP_KICKED; @thread is the one that runs it. */
void vcpu_kick(struct vcpu *vcpu, unsigned long thread);

/* Runs to STOP_EXIT; anything else fails the test. */
void vcpu_finish(struct vcpu *vcpu);

/* The next value that the guest handed over; fails the test if there is none. */
uint64_t vcpu_take(struct vcpu *vcpu);

/* Guest address of a vCPU's program. */
uint64_t vcpu_entry(const struct vcpu *vcpu);

#endif
