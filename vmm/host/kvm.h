/* SPDX-License-Identifier: MIT */
/* /dev/kvm and what this kernel's KVM offers. */
#ifndef MINIVMM_KVM_H
#define MINIVMM_KVM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "host/host.h"

/* Of Linux 6.16, 7.3 and unmerged; absent from older headers (docs: kernel, devices/vcpu.rst). */
#define KVM_PMU_SET_NR_COUNTERS     4
#define KVM_PMU_FIXED_COUNTERS_ONLY 5
#define KVM_FEATURE_PMU_V3_STRICT   9
#define KVM_CAP_PMU_V3_STRICT       251

/* Guests with EL2, of Linux 6.16, and the PPI by which its GIC asks the guest's hypervisor. */
#define KVM_CAP_EL2                  240
#define KVM_CAP_EL2_E2H0             241
#define KVM_FEATURE_EL2              7
#define KVM_FEATURE_EL2_E2H0         8
#define KVM_VGIC_GRP_MAINTENANCE_IRQ 9

/* Linux 6.7, whose VMs get their default PMU when their first vCPU is initialised. */
#define KVM_CAP_SUPPORTED_REG_MASK_RANGES 230

/* The number of a core register; users include <linux/kvm.h> and <stddef.h>. */
#define KVM_CORE_REG(field)                                                                        \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |                                     \
	 offsetof(struct kvm_regs, field) / sizeof(uint32_t))

struct kvm {
	int fd;
	unsigned ipa_bits; /* of guest physical addresses; 36-bit hosts exist */
};

/* What this kernel's KVM offers; filled by kvm_offers(), kvm_ask() and kvm_ask_el2(). */
struct kvm_offers {
	bool recent;      /* Linux 6.7 or later: SET_PMU, and the first vCPU's CPU decides */
	bool pmu;         /* KVM_CAP_ARM_PMU_V3 */
	bool set_pmu;     /* KVM_ARM_VCPU_PMU_V3_SET_PMU */
	bool composite;   /* KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY */
	bool strict;      /* vCPU feature KVM_ARM_VCPU_PMU_V3_STRICT */
	bool nr_counters; /* KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS */
	bool el2;         /* KVM_CAP_ARM_EL2: a guest can begin at EL2, with VHE */
	bool el2_e2h0;    /* KVM_CAP_ARM_EL2_E2H0: and without VHE */
	int only_pmu;     /* without SET_PMU: the host PMU of every guest; -1: not known */
};

/* STATUS_HOST with the way out if /dev/kvm is absent, forbidden or too old. */
enum status kvm_open(struct kvm *kvm);
void kvm_close(struct kvm *kvm);

/*
 * Fills @offers with what KVM's capabilities tell. The rest is taken for granted, and shown by
 * its use: a recent kernel has SET_PMU, and who names another mode is told if it is not there.
 */
enum status kvm_offers(const struct kvm *kvm, struct kvm_offers *offers);

/*
 * Asks for the rest, of a throw-away VM. What fails otherwise than by not being there is a
 * failure. It is asked on an allowed CPU that has a PMU: on any other KVM gives none to
 * a guest, and so a process that may use only such CPUs is offered nothing.
 */
enum status kvm_ask(const struct kvm *kvm, const struct host *host, struct kvm_offers *offers);

/* Asks whether guests can have EL2; only who needs that pays for the two calls. */
enum status kvm_ask_el2(const struct kvm *kvm, struct kvm_offers *offers);

/* A VM with room for guest addresses below @end. */
int kvm_create_vm(const struct kvm *kvm, uint64_t end);

/* KVM_SET_DEVICE_ATTR on a vCPU or device; 0 or -1 with errno. */
int kvm_set_attr(int fd, unsigned group, unsigned attr, const void *arg);

#endif
