/* SPDX-License-Identifier: MIT */
/*
 * Lets the cycle counter overflow in the middle of each window, after a hop, and
 * counts the interrupts: the counter is set on one CPU and overflows on the next.
 */
#include "dt.h"
#include "gic.h"
#include "pmu.h"

#define WINDOWS 20
#define LOOPS   20000 /* of 2 instructions */
#define BEFORE  10000 /* cycles from the setting to the overflow */

static struct lab_record record;

static void work(uint64_t n)
{
	__asm__ volatile("1:	subs	%0, %0, #1\n"
			 "	b.ne	1b\n"
			 : "+r"(n)
			 :
			 : "cc");
}

static void window(struct lab_record *r, uint32_t gic)
{
	uint32_t intid;

	write_sysreg(pmovsclr_el0, PMU_ALL);
	write_sysreg(pmccntr_el0, -(uint64_t)BEFORE);
	isb();
	r->cycles_start = -(uint64_t)BEFORE;
	r->cntvct_start = read_sysreg(cntvct_el0);
	lab_write32(LAB_HOP, 1);
	work(LOOPS);
	isb();
	r->cntvct_end = read_sysreg(cntvct_el0);
	r->cycles_end = read_sysreg(pmccntr_el0);
	r->overflow = (uint32_t)read_sysreg(pmovsset_el0);
	r->pmcr = (uint32_t)read_sysreg(pmcr_el0);

	intid = gic_take(gic);
	r->interrupts = intid == IRQ_PMU_INTID;
	/* The line is a level: it falls before the interrupt ends, or it comes again. */
	write_sysreg(pmovsclr_el0, PMU_ALL);
	isb();
	if (intid != GIC_NONE)
		gic_end(gic, intid);
	lab_hand_over(r);
}

void guest_main(const void *dt)
{
	static struct dt tree;

	if (!dt_read(&tree, dt) || !tree.gic)
		lab_exit(1);
	gic_enable(tree.gic, MAP_GICR_BASE, IRQ_PMU_INTID);
	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC | PMCR_C | PMCR_P);
	write_sysreg(pmccfiltr_el0, pmu_here());
	write_sysreg(pmintenclr_el1, PMU_ALL);
	write_sysreg(pmintenset_el1, PMU_CYCLE);
	write_sysreg(pmcntenclr_el0, PMU_ALL);
	write_sysreg(pmcntenset_el0, PMU_CYCLE);
	isb();
	record.size = sizeof(record);
	for (record.window = 0; record.window < WINDOWS; record.window++)
		window(&record, tree.gic);
	system_off();
}
