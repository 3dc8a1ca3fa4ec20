/* SPDX-License-Identifier: MIT */
/*
 * Does what Windows does at boot: it measures the cycle counter against a fixed
 * span of the counter-timer, divides by the difference, and dies when that is zero.
 */
#include "args.h"
#include "dt.h"
#include "pmu.h"

enum { EXIT_NO_DT = 2, EXIT_NO_PMU = 4, EXIT_DIVIDED_BY_ZERO = 9 };

static struct dt dt;
static struct lab_record record;

static void start_counting(void)
{
	write_sysreg(pmcr_el0, PMCR_LC);
	write_sysreg(pmcntenclr_el0, PMU_ALL);
	write_sysreg(pmintenclr_el1, PMU_ALL);
	write_sysreg(pmovsclr_el0, PMU_ALL);
	write_sysreg(pmccfiltr_el0, 0);
	write_sysreg(pmcntenset_el0, PMU_CYCLE);
	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC | PMCR_C | PMCR_P);
	isb();
}

/* Fills in the record: a window of @span ticks of the counter-timer. */
static void measure(struct lab_record *r, uint64_t span)
{
	r->cntvct_start = read_sysreg(cntvct_el0);
	isb();
	r->cycles_start = read_sysreg(pmccntr_el0);
	do {
		isb();
		r->cntvct_end = read_sysreg(cntvct_el0);
	} while (r->cntvct_end - r->cntvct_start < span);
	isb();
	r->cycles_end = read_sysreg(pmccntr_el0);
	r->pmcr = (uint32_t)read_sysreg(pmcr_el0);
	lab_hand_over(r);
}

void guest_main(const void *blob)
{
	uint64_t calibrations, span;

	if (!dt_read(&dt, blob))
		lab_exit(EXIT_NO_DT);
	if (!dt.pmu) {
		puts("calibrate: this guest has no PMU to measure\n");
		lab_exit(EXIT_NO_PMU);
	}
	calibrations = boot_argument(dt.bootargs, "calibrations", 1000);
	span = boot_argument(dt.bootargs, "span", 1000);

	record.size = sizeof(record);
	record.flags = LAB_TIMED | LAB_AFTER_HOP;
	start_counting();
	for (; record.window < calibrations; record.window++) {
		lab_write32(LAB_HOP, 1);
		measure(&record, span);
		/* The frequency is a quotient by this; arm64 would make it 0, x86 a trap. */
		if (record.cycles_end == record.cycles_start) {
			puts("calibrate: the cycle counter stopped: division by zero\n");
			lab_exit(EXIT_DIVIDED_BY_ZERO);
		}
	}
	puts("calibrate: every calibration saw the cycle counter move\n");
	system_off();
}
