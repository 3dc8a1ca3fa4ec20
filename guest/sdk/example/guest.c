/* SPDX-License-Identifier: MIT */
/* Counts the cycles of the same loop in ten windows, with a hop before each. */
#include "pmu.h"

static void read_counters(uint64_t *cntvct, uint64_t *cycles)
{
	isb();
	*cntvct = read_sysreg(cntvct_el0);
	*cycles = read_sysreg(pmccntr_el0);
}

void guest_main(const void *device_tree)
{
	struct lab_record record = { .size = sizeof(record), .flags = LAB_AFTER_HOP };

	(void)device_tree;
	write_sysreg(pmccfiltr_el0, pmu_here());
	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC | PMCR_C);
	write_sysreg(pmcntenset_el0, PMU_CYCLE);
	for (; record.window < 10; record.window++) {
		lab_write32(LAB_HOP, 1);
		read_counters(&record.cntvct_start, &record.cycles_start);
		for (int i = 0; i < 20000; i++)
			__asm__ volatile("");
		read_counters(&record.cntvct_end, &record.cycles_end);
		record.pmcr = (uint32_t)read_sysreg(pmcr_el0);
		lab_hand_over(&record);
	}
	puts("ten windows\n");
	system_off();
}
