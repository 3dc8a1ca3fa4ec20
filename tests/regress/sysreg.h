/* SPDX-License-Identifier: MIT */
/*
 * System registers by their encoding: one number for the guest's MRS and MSR
 * and for KVM_GET_ONE_REG and KVM_SET_ONE_REG.
 */
#ifndef REGRESS_SYSREG_H
#define REGRESS_SYSREG_H

#include <linux/kvm.h>
#include <stdint.h>

/* The 16 bits that an instruction (bits 20:5) and a KVM register ID have in common. */
#define SYSREG(op0, op1, crn, crm, op2)                                                            \
	((uint16_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

#define PMCR_EL0         SYSREG(3, 3, 9, 12, 0)
#define PMCNTENSET_EL0   SYSREG(3, 3, 9, 12, 1)
#define PMCNTENCLR_EL0   SYSREG(3, 3, 9, 12, 2)
#define PMOVSCLR_EL0     SYSREG(3, 3, 9, 12, 3)
#define PMSWINC_EL0      SYSREG(3, 3, 9, 12, 4)
#define PMSELR_EL0       SYSREG(3, 3, 9, 12, 5)
#define PMCEID0_EL0      SYSREG(3, 3, 9, 12, 6)
#define PMCEID1_EL0      SYSREG(3, 3, 9, 12, 7)
#define PMCCNTR_EL0      SYSREG(3, 3, 9, 13, 0)
#define PMXEVTYPER_EL0   SYSREG(3, 3, 9, 13, 1)
#define PMXEVCNTR_EL0    SYSREG(3, 3, 9, 13, 2)
#define PMUSERENR_EL0    SYSREG(3, 3, 9, 14, 0)
#define PMINTENSET_EL1   SYSREG(3, 0, 9, 14, 1)
#define PMINTENCLR_EL1   SYSREG(3, 0, 9, 14, 2)
#define PMOVSSET_EL0     SYSREG(3, 3, 9, 14, 3)
#define PMMIR_EL1        SYSREG(3, 0, 9, 14, 6)
#define PMEVCNTR_EL0(n)  SYSREG(3, 3, 14, 8 + (n) / 8, (n) % 8)
#define PMEVTYPER_EL0(n) SYSREG(3, 3, 14, 12 + (n) / 8, (n) % 8)
#define PMCCFILTR_EL0    SYSREG(3, 3, 14, 15, 7)
#define ID_AA64DFR0_EL1  SYSREG(3, 0, 0, 5, 0)
#define MPIDR_EL1        SYSREG(3, 0, 0, 0, 5)
#define MIDR_EL1         SYSREG(3, 0, 0, 0, 0)
#define CNTFRQ_EL0       SYSREG(3, 3, 14, 0, 0)
#define CNTVCT_EL0       SYSREG(3, 3, 14, 0, 2)
#define CNTV_CTL_EL0     SYSREG(3, 3, 14, 3, 1)
#define CNTV_CVAL_EL0    SYSREG(3, 3, 14, 3, 2)
#define CNTV_TVAL_EL0    SYSREG(3, 3, 14, 3, 0)
#define VBAR_EL1         SYSREG(3, 0, 12, 0, 0)
#define ELR_EL1          SYSREG(3, 0, 4, 0, 1)
#define SPSR_EL1         SYSREG(3, 0, 4, 0, 0)

/* The register's ID in KVM_GET_ONE_REG. */
#define ONE_REG(sysreg) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | (sysreg))

#define PMUVER(dfr0) ((unsigned)((dfr0) >> 8 & 15)) /* ID_AA64DFR0_EL1 */
#define PMUVER_V3    1u
#define PMUVER_V3P1  4u
#define PMUVER_V3P4  5u
#define PMUVER_V3P5  6u

#define PMCR_E          (1u << 0) /* enable */
#define PMCR_P          (1u << 1) /* reset the event counters */
#define PMCR_C          (1u << 2) /* reset the cycle counter */
#define PMCR_D          (1u << 3) /* cycle counter: every 64th */
#define PMCR_X          (1u << 4)
#define PMCR_DP         (1u << 5)
#define PMCR_LC         (1u << 6) /* cycle counter overflows at 64 bits */
#define PMCR_LP         (1u << 7) /* event counters overflow at 64 bits */
#define PMCR_IMP_IDCODE 0xffff0000u
#define PMCR_N(pmcr)    ((unsigned)((pmcr) >> 11 & 31))
#define PMCR_WITH_N(n)  ((uint64_t)(n) << 11)

#define CYCLE  31 /* the cycle counter's bit and index */
#define BIT(n) (1ull << (n))

/* Of @n event counters and the cycle counter, as PMCNTENSET_EL0 and the like have them. */
static inline uint64_t counter_bits(unsigned n)
{
	return BIT(CYCLE) | (BIT(n) - 1);
}

#define ALL 0xffffffffull

#define FILTER_P BIT(31) /* not at EL1 */
#define FILTER_U BIT(30) /* not at EL0 */

#define EVENT_SW_INCR      0x00
#define EVENT_INST_RETIRED 0x08
#define EVENT_CPU_CYCLES   0x11
#define EVENT_CHAIN        0x1e

#define PMUSERENR_EN BIT(0)
#define PMUSERENR_SW BIT(1)
#define PMUSERENR_CR BIT(2)
#define PMUSERENR_ER BIT(3)

#endif
