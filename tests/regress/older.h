/* SPDX-License-Identifier: MIT */
/*
 * What kernels before Linux 6.7 promise less of. Which one it is says a capability that came with
 * 6.7; what it does, and whether a distribution has mended it, only the kernel itself.
 */
#ifndef REGRESS_OLDER_H
#define REGRESS_OLDER_H

#include "site.h"
#include "vm.h"

/* Whether the kernel is one of them. */
bool older_kernel(void);

/*
 * The host PMU that every VM in default mode has, whichever CPU makes it; -1 if that CPU
 * decides. Found out by counting, in a process of its own.
 */
int older_default_pmu(const struct site *site);

/* Skips the test if a VM that @cpu makes in default mode cannot have that CPU's PMU. */
void need_default_pmu(const struct site *site, int cpu);

/* Whether userspace chooses PMCR_EL0.N for a VM; older kernels keep in each vCPU what is written.
 */
bool chooses_n(const struct site *site);
void need_chosen_n(const struct site *site);

/*
 * Linux 5.10: KVM_GET_ONE_REG of a counter returns what was last written to it, without what it
 * has counted since. Skips a test that needs the count. Found out in a process of its own.
 */
void need_current_counts(const struct site *site);

/*
 * KVM_GET_ONE_REG of a register with one bit per counter. On Linux 5.10 a reset leaves in it bits
 * of counters that the VM does not have, which the guest does not see (registers.reset): these are
 * taken away.
 */
uint64_t vcpu_get_bitmap(struct vcpu *vcpu, uint16_t sysreg);

/* Whether @value, of such a register, has those bits. */
bool has_stray_bits(struct vcpu *vcpu, uint64_t value);

/* Linux 6.1.y, seen: the cycle counter has counted past 2^32 with PMCR_EL0.LC = 0, and no flag. */
_Noreturn void skip_unnoticed_wrap(void);

/* Linux 5.10, seen: the even counter of a pair has wrapped into the odd one, and has no flag. */
_Noreturn void skip_chained_flag(void);

/*
 * A reset of older kernels leaves PMCR_EL0.C set, as registers.pmcr says, and the first run then
 * clears the cycle counter. For tests of something else: before the first run.
 */
void drop_reset_command(struct vcpu *vcpu);

#endif
