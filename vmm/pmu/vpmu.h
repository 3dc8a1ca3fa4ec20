/* SPDX-License-Identifier: MIT */
/*
 * The guest's PMU, through the vCPU attributes of group KVM_ARM_VCPU_PMU_V3_CTRL
 * (Documentation/virt/kvm/devices/vcpu.rst). Which PMU, filter and number of
 * counters belong to the VM, interrupt and INIT to each vCPU. Every attribute
 * is refused once INIT is done, and INIT is refused before the GIC is
 * initialised.
 */
#ifndef MINIVMM_VPMU_H
#define MINIVMM_VPMU_H

#include "base/status.h"
#include "host/host.h"
#include "options/options.h"
#include "pmu/choice.h"

/*
 * What belongs to the VM, of which @first and @last are the file descriptors of its first and last
 * vCPU: the host PMU of @choice, then filter and number of counters of @options.
 */
enum status vpmu_choose(const struct options *options, const struct host *host,
			const struct choice *choice, int first, int last);

/* Then, for each vCPU: the interrupt, and INIT. */
enum status vpmu_init(int vcpu_fd, int index);

#endif
