/* SPDX-License-Identifier: MIT */
/* A VM whose PMU is in one of the modes; vm_start() takes all steps to it. */
#ifndef REGRESS_MODE_H
#define REGRESS_MODE_H

#include "vm.h"

/* How a VM comes by its PMU, and what userspace does to it. */
enum mode {
	MODE_DEFAULT,   /* KVM chooses */
	MODE_EXPLICIT,  /* SET_PMU */
	MODE_COMPOSITE, /* FIXED_COUNTERS_ONLY */
	MODE_STRICT,    /* feature STRICT and SET_PMU, as there is no default PMU */
	MODE_LIMITED,   /* SET_PMU, and fewer event counters than that PMU has */
	MODES
};

const char *mode_name(enum mode mode);

/* Skips the test unless KVM offers @mode. */
void need_mode(const struct site *site, enum mode mode);

/* Whether a VM in @mode has the PMU that userspace named, and runs only on its CPUs. */
bool names_pmu(enum mode mode);

/* Whether KVM is to refuse a vCPU on @cpu, if it names the home PMU. */
bool must_refuse(const struct site *site, enum mode mode, int cpu);

/* Whether userspace chooses PMCR_EL0.N for a VM; older kernels store what is written per vCPU.
 */
bool chooses_n(const struct site *site);
void need_chosen_n(const struct site *site);

/* The features of a VM in @mode, for vcpu_init(). */
uint32_t mode_features(enum mode mode);

/* After the features, before the PMU's INIT: @pmu, or all, and the limit, as @mode has it. */
void vm_choose_pmu(struct vm *vm, enum mode mode, const struct host_pmu *pmu);

/*
 * How many event counters the VM has: by SET_NR_COUNTERS, or where the kernel has none by
 * PMCR_EL0.N, written with KVM_SET_ONE_REG, which ignores a number that is too large. 0 or the
 * errno.
 */
int vm_limit(struct vcpu *vcpu, unsigned n);

/*
 * All of the above for @mode: what names a PMU, and default, are backed by the PMU of the
 * first home CPU (site.h), where the calling thread is left.
 */
void vm_start(struct vm *vm, const struct site *site, enum mode mode, int nvcpus);

/* The same without the PMU's INIT. */
void vm_build(struct vm *vm, const struct site *site, enum mode mode, int nvcpus);

/* These with @cpu, and the PMU of it, instead of the first home CPU. */
void vm_build_on(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, int cpu);
void vm_start_on(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, int cpu);
void vm_start_without_pmu(struct vm *vm, const struct site *site, int nvcpus);

#endif
