/* SPDX-License-Identifier: MIT */
#ifndef GUEST_PMU_H
#define GUEST_PMU_H

#include "runtime.h"

#define PMCR_E       (1u << 0)
#define PMCR_P       (1u << 1)
#define PMCR_C       (1u << 2)
#define PMCR_LC      (1u << 6)
#define PMCR_N(pmcr) ((uint32_t)(pmcr) >> 11 & 31)

#define PMU_ALL   0xffffffffu
#define PMU_CYCLE (1u << 31)

#define EVENT_SW_INCR      0x00
#define EVENT_INST_RETIRED 0x08
#define EVENT_CPU_CYCLES   0x11

#define PMU_NSH (1u << 27) /* of a filter: at EL2 too */

/* The filter that counts at the current level. */
static inline uint32_t pmu_here(void)
{
	return at_el2() ? PMU_NSH : 0;
}

/* The direct registers: PMSELR and PMXEVCNTR would need an ISB for each counter. */
static inline uint64_t pmu_read(uint32_t n)
{
	switch (n) {
	case 0:
		return read_sysreg(pmevcntr0_el0);
	case 1:
		return read_sysreg(pmevcntr1_el0);
	case 2:
		return read_sysreg(pmevcntr2_el0);
	default:
		return 0;
	}
}

static inline void pmu_set_event(uint32_t n, uint32_t event)
{
	switch (n) {
	case 0:
		write_sysreg(pmevtyper0_el0, event);
		break;
	case 1:
		write_sysreg(pmevtyper1_el0, event);
		break;
	case 2:
		write_sysreg(pmevtyper2_el0, event);
		break;
	}
}

#endif
