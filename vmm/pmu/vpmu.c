/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/fail.h"
#include "guest/abi/map.h"
#include "host/kvm.h"
#include "pmu/vpmu.h"

#define PMCR_EL0     ARM64_SYS_REG(3, 3, 9, 12, 0)
#define PMCR_N_SHIFT 11
#define PMCR_N_MASK  (31ull << PMCR_N_SHIFT)

static int set_pmu_attr(int vcpu_fd, unsigned attr, const void *arg)
{
	return kvm_set_attr(vcpu_fd, KVM_ARM_VCPU_PMU_V3_CTRL, attr, arg);
}

static enum status select_backing(const struct host *host, const struct choice *choice, int vcpu_fd)
{
	if (choice->mode == PMU_EXPLICIT || choice->mode == PMU_STRICT) {
		const struct host_pmu *pmu = &host->pmus[choice->pmu];

		if (set_pmu_attr(vcpu_fd, KVM_ARM_VCPU_PMU_V3_SET_PMU, &pmu->type) < 0)
			return fail_errno(STATUS_HOST,
					  "KVM does not take host PMU %s (SET_PMU, type %d); use "
					  "another one or --pmu=off",
					  pmu->name, pmu->type);
	}
	if (choice->mode == PMU_COMPOSITE &&
	    set_pmu_attr(vcpu_fd, KVM_PMU_FIXED_COUNTERS_ONLY, NULL) < 0)
		return fail_errno(STATUS_HOST,
				  "this kernel's KVM has no composite PMU "
				  "(KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY, attribute 5); use "
				  "--pmu=auto, --pmu=explicit or a kernel that has it");
	return STATUS_OK;
}

static enum status set_filters(const struct options *options, int vcpu_fd)
{
	for (int i = 0; i < options->nfilters; i++) {
		struct kvm_pmu_event_filter filter = {
			.base_event = options->filters[i].base,
			.nevents = options->filters[i].count,
			.action =
				options->pmu_filter_deny ? KVM_PMU_EVENT_DENY : KVM_PMU_EVENT_ALLOW,
		};

		if (set_pmu_attr(vcpu_fd, KVM_ARM_VCPU_PMU_V3_FILTER, &filter) < 0)
			return fail_errno(
				STATUS_HOST, "--pmu-filter: KVM does not take events 0x%x to 0x%x",
				filter.base_event, filter.base_event + filter.nevents - 1);
	}
	return STATUS_OK;
}

static enum status too_many_counters(unsigned n)
{
	return fail_errno(STATUS_HOST,
			  "--pmu-counters=%u: KVM does not show that many; use a smaller number",
			  n);
}

static enum status access_pmcr(int vcpu_fd, unsigned long request, uint64_t *pmcr)
{
	struct kvm_one_reg reg = { .id = PMCR_EL0, .addr = (uint64_t)(uintptr_t)pmcr };

	if (ioctl(vcpu_fd, request, &reg) < 0)
		return fail_errno(STATUS_INTERNAL, "--pmu-counters: PMCR_EL0 of a vCPU");
	return STATUS_OK;
}

static unsigned pmcr_n(uint64_t pmcr)
{
	return (unsigned)((pmcr & PMCR_N_MASK) >> PMCR_N_SHIFT);
}

/*
 * Linux before 6.16 has no attribute for it, but lets the VM's PMCR_EL0.N be lowered by any
 * vCPU. Before 6.7 KVM keeps what it is given, however many, in that vCPU alone, and forgets it
 * when the guest turns another one on.
 */
static enum status lower_pmcr_n(int first, int last, unsigned n)
{
	uint64_t pmcr;
	enum status status = access_pmcr(first, KVM_GET_ONE_REG, &pmcr);

	errno = EINVAL;
	if (!status && n > pmcr_n(pmcr))
		return too_many_counters(n);
	pmcr = (pmcr & ~PMCR_N_MASK) | (uint64_t)n << PMCR_N_SHIFT;
	if (!status)
		status = access_pmcr(first, KVM_SET_ONE_REG, &pmcr);
	if (!status)
		status = access_pmcr(last, KVM_GET_ONE_REG, &pmcr);
	if (!status && pmcr_n(pmcr) != n)
		return fail(STATUS_HOST,
			    "--pmu-counters=%u: this kernel's KVM takes it for one vCPU only "
			    "(before Linux 6.7); use --cpus=1",
			    n);
	return status;
}

static enum status set_counters(int counters, int first, int last)
{
	unsigned n = (unsigned)counters;

	if (set_pmu_attr(first, KVM_PMU_SET_NR_COUNTERS, &n) == 0)
		return STATUS_OK;
	return errno == ENXIO ? lower_pmcr_n(first, last, n) : too_many_counters(n);
}

enum status vpmu_choose(const struct options *options, const struct host *host,
			const struct choice *choice, int first, int last)
{
	enum status status = select_backing(host, choice, first);

	if (!status)
		status = set_filters(options, first);
	if (!status && options->pmu_counters >= 0 && choice->mode != PMU_COMPOSITE)
		status = set_counters(options->pmu_counters, first, last);
	return status;
}

enum status vpmu_init(int vcpu_fd, int index)
{
	int irq = IRQ_PMU_INTID;

	if (set_pmu_attr(vcpu_fd, KVM_ARM_VCPU_PMU_V3_IRQ, &irq) < 0)
		return fail_errno(STATUS_INTERNAL,
				  "KVM_SET_DEVICE_ATTR: PMU interrupt %d of vCPU %d", irq, index);
	if (set_pmu_attr(vcpu_fd, KVM_ARM_VCPU_PMU_V3_INIT, NULL) < 0)
		return fail_errno(STATUS_INTERNAL, "KVM_SET_DEVICE_ATTR: PMU_V3_INIT of vCPU %d",
				  index);
	return STATUS_OK;
}
