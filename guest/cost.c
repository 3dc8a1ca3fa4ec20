/* SPDX-License-Identifier: MIT */
/*
 * What the host takes for an exit to the VMM, for a read of the cycle counter, which KVM
 * answers itself, and for a hop there and back: a line each, "NAME NS TIMES" in hexadecimal,
 * the least of some windows in which that is done TIMES times. Ticks of the host and whatever
 * else comes in between are in others.
 */
#include "pmu.h"

#define WINDOWS 51
#define TIMES   64      /* a tick of the counter-timer is many instructions */
#define PAUSE   3000000 /* turns of two instructions, until the CPU left behind is idle */

static uint64_t ticks(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}

static uint64_t exits(void)
{
	uint64_t start = ticks();

	for (int i = 0; i < TIMES; i++)
		mmio_read32(MAP_LAB_BASE + LAB_ID);
	return ticks() - start;
}

static uint64_t reads(void)
{
	uint64_t start = ticks();

	for (int i = 0; i < TIMES; i++)
		read_sysreg(pmccntr_el0);
	return ticks() - start;
}

/* To the plan's second CPU and to its first one again: each way may have its price. */
static uint64_t hops(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < 2; i++) {
		uint64_t start;

		for (int turn = 0; turn < PAUSE; turn++)
			__asm__ volatile("");
		start = ticks();
		lab_write32(LAB_HOP, 1);
		sum += ticks() - start;
	}
	return sum;
}

static void measure(const char *name, uint64_t (*window)(void), uint64_t times)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < WINDOWS; i++) {
		uint64_t taken = window();

		least = taken < least ? taken : least;
	}
	puts(name);
	put_hex(least * 1000000000 / read_sysreg(cntfrq_el0), 16);
	puts(" ");
	put_hex(times, 4);
	puts("\n");
}

void guest_main(const void *blob)
{
	(void)blob;
	measure("exit ", exits, TIMES);
	if (read_sysreg(id_aa64dfr0_el1) >> 8 & 15) {
		write_sysreg(pmcntenset_el0, PMU_CYCLE);
		write_sysreg(pmcr_el0, PMCR_LC | PMCR_E);
		isb();
		measure("read ", reads, TIMES);
	}
	measure("hop ", hops, 2);
	system_off();
}
