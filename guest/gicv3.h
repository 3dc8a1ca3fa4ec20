/* SPDX-License-Identifier: MIT */
/* As much of a GICv3 as it takes to get one PPI, polled and with interrupts masked. */
#ifndef GUEST_GICV3_H
#define GUEST_GICV3_H

#include "runtime.h"

#define GICD_CTLR       0x0000
#define GICD_CTLR_GRP1  (1u << 1)
#define GICR_SGI        0x10000
#define GICR_IGROUPR0   (GICR_SGI + 0x0080)
#define GICR_ISENABLER0 (GICR_SGI + 0x0100)
#define ISR_I           (1u << 7)

/* vCPU 0 only: its redistributor is the first. */
static inline void gic_enable_ppi(uint32_t intid)
{
	write_sysreg(icc_sre_el1, 7);
	isb();
	mmio_write32(MAP_GICD_BASE + GICD_CTLR, GICD_CTLR_GRP1);
	mmio_write32(MAP_GICR_BASE + GICR_IGROUPR0, ~0u);
	mmio_write32(MAP_GICR_BASE + GICR_ISENABLER0, 1u << intid);
	write_sysreg(icc_pmr_el1, 0xff);
	write_sysreg(icc_igrpen1_el1, 1);
	isb();
}

/* The interrupt that is pending, acknowledged; 1023 if there is none. */
static inline uint32_t gic_take(void)
{
	if (!(read_sysreg(isr_el1) & ISR_I))
		return 1023;
	return (uint32_t)read_sysreg(icc_iar1_el1);
}

static inline void gic_end(uint32_t intid)
{
	write_sysreg(icc_eoir1_el1, intid);
	isb();
}

#endif
