/* SPDX-License-Identifier: MIT */
/* The choice of the guest's PMU mode: host, KVM and options in, decision and reasons out. */
#ifndef MINIVMM_MODE_H
#define MINIVMM_MODE_H

#include <stdbool.h>

#include "host.h"
#include "options.h"
#include "status.h"

/* What this kernel's KVM offers; filled by kvm_offers() and kvm_ask() (kvm.h). */
struct kvm_offers {
	bool recent;      /* Linux 6.7 or later: SET_PMU, and the first vCPU's CPU decides */
	bool pmu;         /* KVM_CAP_ARM_PMU_V3 */
	bool set_pmu;     /* KVM_ARM_VCPU_PMU_V3_SET_PMU */
	bool composite;   /* KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY */
	bool strict;      /* vCPU feature KVM_ARM_VCPU_PMU_V3_STRICT */
	bool nr_counters; /* KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS */
	int only_pmu;     /* without SET_PMU: the host PMU of every guest; -1: not known */
};

struct choice {
	enum pmu_mode mode; /* never PMU_AUTO */
	int pmu;            /* EXPLICIT, STRICT: index into host->pmus; else -1 */
	int start;          /* the CPU that vCPU 0 is made and starts on; -1: any of cpus[0] */
	bool narrowed;      /* CPUs were taken away from the vCPUs */
	struct plan plan;   /* the options' plan, filled for this host */
	struct cpuset
		cpus[MAX_VCPUS]; /* where each of --cpus may run; for a plan also where it starts */
	char reasons[2048];      /* one line per step, each ending in '\n' */
};

/*
 * Where the vCPUs may run, from --affinity and the host: fills choice->cpus.
 * A CPU that is absent, offline or not allowed is STATUS_USAGE; the message
 * names the option, the CPU, why it cannot be used and the CPUs that can.
 */
enum status choose_cpus(const struct options *options, const struct host *host,
			struct choice *choice);

/*
 * True if choose_mode() must know more of KVM than kvm_offers() says: of a recent kernel only
 * whether auto can have composite, of an older one whether there is SET_PMU. To ask takes a
 * throw-away VM.
 */
bool choose_needs_probe(const struct options *options, const struct host *host,
			const struct kvm_offers *offers, const struct choice *choice);

/*
 * auto, in this order: explicit where one host PMU covers every CPU the vCPUs
 * may use; else composite; else explicit on the PMU that covers most of the
 * allowed CPUs (the first of equals), with the vCPUs narrowed to it; else off.
 * Where KVM has no SET_PMU, default on the CPUs of the host PMU that it takes: there
 * the counters count, as in explicit mode. --pmu-filter and --pmu-counters rule composite out for
 * auto. Where none of the vCPUs' CPUs has a PMU, off at once. A mode asked for by name that is not
 * to be had, also where vCPU 0 starts, is STATUS_HOST, an unknown PMU name or a cpuN without PMU
 * STATUS_USAGE; messages list what exists. Last, the plan's CPUs are checked like the affinity's:
 * online and allowed, and, where auto narrowed, within what is left. In explicit mode a plan may
 * leave the PMU's CPUs: showing the refusal is its purpose.
 */
enum status choose_mode(const struct options *options, const struct host *host,
			const struct kvm_offers *offers, struct choice *choice);

#endif
