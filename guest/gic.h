/* SPDX-License-Identifier: MIT */
/* The part of a GICv2 or GICv3 that one PPI or SGI needs, polled, with interrupts masked. */
#ifndef GUEST_GIC_H
#define GUEST_GIC_H

#include "runtime.h"

#define GICD_CTLR       0x0000
#define GICD_CTLR_GRP0  (1u << 0)
#define GICD_CTLR_GRP1  (1u << 1)
#define GICD_ISENABLER0 0x0100 /* GICv2: of the CPU that writes it */
#define GICD_SGIR       0x0f00
#define GICC_CTLR       0x0000
#define GICC_CTLR_EN    (1u << 0)
#define GICC_PMR        0x0004
#define GICC_IAR        0x000c
#define GICC_EOIR       0x0010
#define GICR_TYPER      0x0008
#define GICR_LAST       (1u << 4)
#define GICR_AFFINITY   0x000c /* the upper half of GICR_TYPER */
#define GICR_SGI        0x10000
#define GICR_IGROUPR0   (GICR_SGI + 0x0080)
#define GICR_ISENABLER0 (GICR_SGI + 0x0100)
#define GIC_NONE        1023
#define ISR_I           (1u << 7)

/* For the CPU of @redistributor. A GICv3's first is vCPU 0's; a GICv2 has none. */
static inline void gic_enable(uint32_t version, uint64_t redistributor, uint32_t intid)
{
	if (version == 2) {
		mmio_write32(MAP_GICD_BASE + GICD_CTLR, GICD_CTLR_GRP0);
		mmio_write32(MAP_GICD_BASE + GICD_ISENABLER0, 1u << intid);
		mmio_write32(MAP_GICC_BASE + GICC_PMR, 0xff);
		mmio_write32(MAP_GICC_BASE + GICC_CTLR, GICC_CTLR_EN);
		return;
	}
	if (at_el2())
		write_sysreg(icc_sre_el2, 15);
	write_sysreg(icc_sre_el1, 7);
	isb();
	mmio_write32(MAP_GICD_BASE + GICD_CTLR, GICD_CTLR_GRP1);
	mmio_write32(redistributor + GICR_IGROUPR0, ~0u);
	mmio_write32(redistributor + GICR_ISENABLER0, 1u << intid);
	write_sysreg(icc_pmr_el1, 0xff);
	write_sysreg(icc_igrpen1_el1, 1);
	isb();
}

/* Acknowledges the pending interrupt and returns it; GIC_NONE if there is none. */
static inline uint32_t gic_take(uint32_t version)
{
	if (!(read_sysreg(isr_el1) & ISR_I))
		return GIC_NONE;
	if (version == 2)
		return mmio_read32(MAP_GICC_BASE + GICC_IAR);
	return (uint32_t)read_sysreg(icc_iar1_el1);
}

static inline void gic_end(uint32_t version, uint32_t intid)
{
	if (version == 2)
		mmio_write32(MAP_GICC_BASE + GICC_EOIR, intid);
	else
		write_sysreg(icc_eoir1_el1, intid);
	isb();
}

/* To the CPU @index, whose affinity @mpidr is. */
static inline void gic_send(uint32_t version, uint32_t intid, uint32_t index, uint64_t mpidr)
{
	dsb();
	if (version == 2)
		mmio_write32(MAP_GICD_BASE + GICD_SGIR, 1u << (16 + index) | intid);
	else
		write_sysreg(icc_sgi1r_el1, (mpidr >> 16 & 0xff) << 32 | intid << 24 |
						    (mpidr >> 8 & 0xff) << 16 | 1u << (mpidr & 15));
	isb();
}

#endif
