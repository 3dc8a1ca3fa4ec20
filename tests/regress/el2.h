/* SPDX-License-Identifier: MIT */
/*
 * Guests with an EL2 of their own, which is KVM's nested virtualization (Linux 6.16 and later, on
 * CPUs with FEAT_NV2). Their programs begin at EL2, with vectors of their own there and at EL1,
 * drop to EL1 and come back by HVC. The guest's EL2 has no stage 2, so that code and device are the
 * same at both levels.
 */
#ifndef REGRESS_EL2_H
#define REGRESS_EL2_H

#include "counters.h"
#include "test.h"

#define MDCR_EL2         SYSREG(3, 4, 1, 1, 1)
#define MDCR_HPMN(n)     ((uint64_t)(n)) /* event counters of EL1; those from n on are EL2's */
#define MDCR_GET_HPMN    31u
#define MDCR_TPMCR       BIT(5) /* EL1's accesses to PMCR_EL0 trap to EL2 */
#define MDCR_TPM         BIT(6) /* those to all PMU registers do */
#define MDCR_HPME        BIT(7) /* enables EL2's counters, as PMCR_EL0.E those of EL1 */
#define MDCR_HPMD        BIT(17) /* EL1's counters do not count at EL2; PMCCNTR_EL0 with PMCR_EL0.DP */
#define MDCR_HCCD        BIT(23) /* PMCCNTR_EL0 does not count at EL2 */
#define MDCR_HLP         BIT(26) /* EL2's counters overflow at 64 bits, as PMCR_EL0.LP has EL1's */
#define ID_AA64MMFR0_EL1 SYSREG(3, 0, 0, 7, 0)
#define FILTER_NSH       BIT(27) /* at EL2 too */
#define CLASS_UNKNOWN    0x00u   /* of ESR_ELx */
#define CLASS_SYSREG     0x18u
#define ESR_CLASS(esr)   ((unsigned)((esr) >> 26 & 63))

/*
 * Two kinds of guests: HCR_EL2.E2H fixed to 1, and to 0. A test that has both has all rows of its
 * table twice, the second time with E2H = 0.
 */
#define EL2_KINDS 2

/* The level that a program is at. */
enum el2_level { AT_EL2 = 2, AT_EL1 = 1 };

/* "vhe" or "e2h0", with "/@name" unless that is NULL. */
const char *el2_row_name(bool e2h0, const char *name);

/* What enables EL1's counters (those below HPMN) and those of EL2 (its own), each combination. */
#define EL2_ENABLES 4

struct el2_enable {
	const char *name;
	uint64_t pmcr, mdcr; /* the bits that are set */
	bool below, own;     /* whose counters are on */
};

extern const struct el2_enable el2_enables[EL2_ENABLES];

/* The name of a row of a test with all of them, for both kinds of guests. */
const char *el2_enable_name(int row);

/* The name of a row of a test that has no others. */
const char *el2_kind_name(int row);

/*
 * vm_start() for a guest with EL2; el2_build() leaves out the PMU's INIT, and the programs. Skips
 * the test, with the reason, where KVM has no such guests.
 */
void el2_start(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, bool e2h0);
void el2_build(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, bool e2h0);

/*
 * N of a VM that is about to run; skips the test if it is below @wanted. All counters are off after
 * this, and EL1's: MDCR_EL2 is N.
 */
unsigned el2_counters(struct vcpu *vcpu, unsigned wanted);

/* What follows runs at EL1, or at EL2 again. */
void el2_drop(struct guest *guest);
void el2_return(struct guest *guest);

/* Prepares the GIC, and unmasks interrupts, which EL2 takes; @own: those at EL1 are EL1's. */
void el2_interrupts(struct guest *guest, bool e2h0, bool own);

/* Counter @n while @loops are worked at @level, read at EL2, where the program is and stays. */
void el2_window(struct guest *guest, enum el2_level level, unsigned n, uint64_t loops);

/* The count of the next window. */
uint64_t el2_take(struct vcpu *vcpu);

/* Whether it has counted its work once: not less, and, exact, not half as much again. */
bool el2_counted(const struct site *site, uint64_t count, uint64_t loops);
void el2_expect_counted(const struct site *site, uint64_t count, uint64_t loops, const char *what);

/* Checks that it did not count, except for what the way between the levels may count. */
void el2_expect_still(const struct site *site, uint64_t count, uint64_t loops, const char *what);

/* The level that EL2 took an exception or interrupt from, by its SPSR_EL2. */
unsigned el2_taken_from(uint64_t spsr);

#endif
