/* SPDX-License-Identifier: MIT */
#include "mmu.h"

#define GIB          (1ull << 30)
#define BLOCK        1ull
#define DEVICE       (0ull << 2) /* indices into MAIR_EL1 */
#define NORMAL       (1ull << 2)
#define INNER_SHARED (3ull << 8)
#define ACCESSED     (1ull << 10)
#define NO_EXECUTION (1ull << 53 | 1ull << 54)

#define MAIR       0xff00ull /* 0: nGnRnE, 1: write-back */
#define TCR_39BIT  25ull     /* T0SZ: 512 blocks of 1 GiB */
#define TCR_CACHED (1ull << 8 | 1ull << 10 | 3ull << 12)
#define TCR_EPD1   (1ull << 23)
#define TCR_IPS(n) ((n) << 32)
#define TCR_EL2    (1ull << 31 | 1ull << 23) /* without VHE: what must be 1 */
#define TCR_PS(n)  ((n) << 16)
#define HCR_E2H    (1ull << 34)

#define SCTLR_M (1ull << 0)
#define SCTLR_C (1ull << 2)
#define SCTLR_I (1ull << 12)

extern char __image_start[], __bss_end[];

static uint64_t table[512] __attribute__((aligned(4096)));

void mmu_map(const struct dt_range *ram)
{
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t at = i * GIB;

		table[i] = 0;
		if (at + GIB <= ram->base)
			table[i] = at | BLOCK | DEVICE | ACCESSED | NO_EXECUTION;
		else if (at < ram->base + ram->size)
			table[i] = at | BLOCK | NORMAL | INNER_SHARED | ACCESSED;
	}
	/* Written past the caches, where older lines of it may be (booting.rst). */
	publish(__image_start, (size_t)(__bss_end - __image_start));
}

void mmu_devices_as_memory(void)
{
	for (uint64_t i = 0; i < 512; i++)
		if (table[i] & NO_EXECUTION)
			table[i] = (table[i] & ~NO_EXECUTION) | NORMAL | INNER_SHARED;
	publish(table, sizeof(table));
}

#define TURN_ON(level, tlbi)                                                                       \
	__asm__ volatile(                                                                          \
		"tlbi	" #tlbi "\n"                                                               \
		"	ic	iallu\n"                                                                      \
		"	dsb	sy\n"                                                                        \
		"	isb\n"                                                                           \
		"	msr	sctlr_" #level ", %0\n"                                            \
		"	isb\n" ::"r"(read_sysreg(sctlr_##level) | SCTLR_M | SCTLR_C | SCTLR_I)     \
		: "memory")

static void turn_on(uint64_t range)
{
	write_sysreg(mair_el1, MAIR);
	write_sysreg(ttbr0_el1, (uint64_t)table);
	write_sysreg(tcr_el1, TCR_39BIT | TCR_CACHED | TCR_EPD1 | TCR_IPS(range));
	TURN_ON(el1, vmalle1);
}

/* With VHE, TCR_EL2 is as TCR_EL1. */
static void turn_on_at_el2(uint64_t range)
{
	write_sysreg(mair_el2, MAIR);
	write_sysreg(ttbr0_el2, (uint64_t)table);
	if (read_sysreg(hcr_el2) & HCR_E2H)
		write_sysreg(tcr_el2, TCR_39BIT | TCR_CACHED | TCR_EPD1 | TCR_IPS(range));
	else
		write_sysreg(tcr_el2, TCR_39BIT | TCR_CACHED | TCR_EL2 | TCR_PS(range));
	TURN_ON(el2, alle2);
}

void mmu_on(void)
{
	uint64_t stack = (uint64_t)__builtin_frame_address(0) & ~(STACK_SIZE - 1ull);
	uint64_t range = read_sysreg(id_aa64mmfr0_el1) & 15;

	range = range > 5 ? 5 : range;
	/* The same for this CPU's stack, which may be in use already: a line too many is no harm.
	 */
	publish((void *)stack, STACK_SIZE);
	if (at_el2())
		turn_on_at_el2(range);
	else
		turn_on(range);
}
