/* SPDX-License-Identifier: MIT */
/* The choice of the guest's PMU mode: host, KVM and options in, decision and reasons out. */
#ifndef MINIVMM_MODE_H
#define MINIVMM_MODE_H

#include <stdbool.h>

#include "base/status.h"
#include "host/kvm.h"
#include "pmu/choice.h"

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
