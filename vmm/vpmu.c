/* SPDX-License-Identifier: MIT */
/*
 * The guest's PMU, through the vCPU attributes of group KVM_ARM_VCPU_PMU_V3_CTRL
 * (Documentation/virt/kvm/devices/vcpu.rst). Which PMU, filter and number of
 * counters belong to the VM, interrupt and INIT to each vCPU. Every attribute
 * is refused once INIT is done, and INIT is refused before the GIC is
 * initialised.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "fail.h"
#include "machine.h"
#include "map.h"
#include "options.h"

#define PMCR_EL0     ARM64_SYS_REG(3, 3, 9, 12, 0)
#define PMCR_N_SHIFT 11
#define PMCR_N_MASK  (31ull << PMCR_N_SHIFT)

static int set_pmu_attr(const struct vcpu *vcpu, unsigned attr, const void *arg)
{
	return kvm_set_attr(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, attr, arg);
}

static enum status select_backing(const struct machine *machine)
{
	const struct choice *choice = machine->choice;
	const struct vcpu *vcpu = &machine->vcpus[0];

	if (choice->mode == PMU_EXPLICIT || choice->mode == PMU_STRICT) {
		const struct host_pmu *pmu = &machine->host->pmus[choice->pmu];

		if (set_pmu_attr(vcpu, KVM_ARM_VCPU_PMU_V3_SET_PMU, &pmu->type) < 0)
			return fail_errno(STATUS_HOST,
					  "KVM does not take host PMU %s (SET_PMU, type %d); use "
					  "another one or --pmu=off",
					  pmu->name, pmu->type);
	}
	if (choice->mode == PMU_COMPOSITE &&
	    set_pmu_attr(vcpu, KVM_PMU_FIXED_COUNTERS_ONLY, NULL) < 0)
		return fail_errno(STATUS_HOST,
				  "this kernel's KVM has no composite PMU "
				  "(KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY, attribute 5); use "
				  "--pmu=auto, --pmu=explicit or a kernel that has it");
	return STATUS_OK;
}

static enum status set_filters(const struct machine *machine)
{
	const struct options *options = machine->options;

	for (int i = 0; i < options->nfilters; i++) {
		struct kvm_pmu_event_filter filter = {
			.base_event = options->filters[i].base,
			.nevents = options->filters[i].count,
			.action =
				options->pmu_filter_deny ? KVM_PMU_EVENT_DENY : KVM_PMU_EVENT_ALLOW,
		};

		if (set_pmu_attr(&machine->vcpus[0], KVM_ARM_VCPU_PMU_V3_FILTER, &filter) < 0)
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

static enum status access_pmcr(const struct vcpu *vcpu, unsigned long request, uint64_t *pmcr)
{
	struct kvm_one_reg reg = { .id = PMCR_EL0, .addr = (uint64_t)(uintptr_t)pmcr };

	if (ioctl(vcpu->fd, request, &reg) < 0)
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
static enum status lower_pmcr_n(const struct machine *machine, unsigned n)
{
	const struct vcpu *first = &machine->vcpus[0];
	const struct vcpu *last = &machine->vcpus[machine->nvcpus - 1];
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

static enum status set_counters(const struct machine *machine)
{
	unsigned n = (unsigned)machine->options->pmu_counters;

	if (machine->options->pmu_counters < 0 || machine->choice->mode == PMU_COMPOSITE)
		return STATUS_OK;
	if (set_pmu_attr(&machine->vcpus[0], KVM_PMU_SET_NR_COUNTERS, &n) == 0)
		return STATUS_OK;
	return errno == ENXIO ? lower_pmcr_n(machine, n) : too_many_counters(n);
}

enum status vpmu_create(const struct machine *machine)
{
	int irq = IRQ_PMU_INTID;
	enum status status;

	if (machine->choice->mode == PMU_OFF)
		return STATUS_OK;
	status = select_backing(machine);
	if (!status)
		status = set_filters(machine);
	if (!status)
		status = set_counters(machine);
	for (int i = 0; i < machine->nvcpus && !status; i++) {
		const struct vcpu *vcpu = &machine->vcpus[i];

		if (set_pmu_attr(vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &irq) < 0)
			status = fail_errno(STATUS_INTERNAL,
					    "KVM_SET_DEVICE_ATTR: PMU interrupt %d of vCPU %d", irq,
					    i);
		else if (set_pmu_attr(vcpu, KVM_ARM_VCPU_PMU_V3_INIT, NULL) < 0)
			status = fail_errno(STATUS_INTERNAL,
					    "KVM_SET_DEVICE_ATTR: PMU_V3_INIT of vCPU %d", i);
	}
	return status;
}
