/* SPDX-License-Identifier: MIT */
/*
 * What kernels before Linux 6.7 do not promise. A capability that came with 6.7 tells whether this
 * is one of them. What it does, and whether a distribution has mended it, is found out by trying.
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

/*
 * A fault that was seen and that Linux 6.15 has mended. A kernel that has SET_NR_COUNTERS, of
 * Linux 6.16, fails, because the fault is back. On other kernels it is a known fault.
 */
__attribute__((format(printf, 2, 3), noreturn)) void mended_fault(const struct site *site,
								  const char *format, ...);

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
