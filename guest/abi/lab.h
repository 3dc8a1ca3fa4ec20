/* SPDX-License-Identifier: MIT */
/*
 * The lab device, as guest and VMM see it; docs/guest-abi.md is the reference.
 * All values are little-endian. Offsets from the base in the device tree's
 * node "minivmm,lab" (0x0b000000). Only naturally aligned accesses of the
 * width named below work; all others read as zero or are ignored.
 */
#ifndef MINIVMM_LAB_H
#define MINIVMM_LAB_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define LAB_ID     0x00 /* RO, 32 bit: LAB_ID_VALUE */
#define LAB_RECORD 0x08 /* WO, 64 bit: guest address of a struct lab_record to hand over */
#define LAB_HOP    0x10 /* WO, 32 bit: hop to the plan's next CPU; complete when the write is */
#define LAB_EXIT   0x18 /* WO, 32 bit: end the run; 0 is success, else the guest's own code */
#define LAB_FAULT  0x20 /* WO, 64 bit: guest address of a struct lab_fault; ends the run */

#define LAB_ID_VALUE 0x3162616c /* "lab1" */

#ifndef __ASSEMBLER__

#define LAB_MAX_EVENTS 6
#define LAB_TIMED      1 /* the window is a span of time, not a piece of work: counts vary */
#define LAB_AFTER_HOP  2 /* the window began after the vCPU's last LAB_HOP, not before it */
#define LAB_EL2        4 /* the guest ran the window at EL2, not at EL1 */

/* One event counter in a window. */
struct lab_event {
	uint64_t event; /* PMEVTYPER event number */
	uint64_t start; /* PMEVCNTRn_EL0 at the window's start and end */
	uint64_t end;
};

/* One window: the guest's work between two readings. The VMM copies it once, while the write is
 * handled. */
struct lab_record {
	uint32_t size;       /* sizeof(struct lab_record) */
	uint32_t window;     /* counts up from 0 on each vCPU */
	uint32_t overflow;   /* PMOVSSET_EL0 at the end */
	uint32_t interrupts; /* overflow interrupts taken in the window */
	uint32_t pmcr;       /* PMCR_EL0 at the end; 0 for a guest without a PMU */
	uint16_t nevents;    /* entries of events[] that are valid, 0..LAB_MAX_EVENTS */
	uint16_t flags;      /* LAB_TIMED, LAB_AFTER_HOP, LAB_EL2 */
	uint64_t cntvct_start, cntvct_end; /* CNTVCT_EL0 */
	uint64_t cycles_start, cycles_end; /* PMCCNTR_EL0 */
	struct lab_event events[LAB_MAX_EVENTS];
};

/* An exception that the guest did not expect. */
struct lab_fault {
	uint32_t size;   /* sizeof(struct lab_fault) */
	uint32_t vector; /* entry of the vector table, 0..15 */
	uint64_t esr, elr, far, spsr;
};

_Static_assert(sizeof(struct lab_record) == 200, "the guest ABI");
_Static_assert(sizeof(struct lab_fault) == 40, "the guest ABI");

#endif
#endif
