/* SPDX-License-Identifier: MIT */
/*
 * Changes its own code and uses its RAM from end to end, first without and then with MMU and
 * caches.
 */
#include "mmu.h"

#define ROUNDS  200
#define MOVZ_W0 0x52800000u /* mov w0, #N with N in bits 5 to 20 */
#define RET     0xd65f03c0u
#define FOUR_GB (1ull << 32)

enum { EXIT_NO_DT = 2, EXIT_CODE, EXIT_RAM };

static struct dt dt;
static uint32_t code[2] __attribute__((aligned(64)));

static void publish_code(void)
{
	__asm__ volatile("dc	cvau, %0\n"
			 "	dsb	ish\n"
			 "	ic	ivau, %0\n"
			 "	dsb	ish\n"
			 "	isb\n" ::"r"(code)
			 : "memory");
}

static void change_code(void)
{
	uint32_t (*run)(void) = (uint32_t(*)(void))code;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		code[0] = MOVZ_W0 | i << 5;
		code[1] = RET;
		publish_code();
		if (run() != i)
			lab_exit(EXIT_CODE);
	}
}

/* The last words of RAM and, where there are such, those on both sides of 4 GB. */
static void use_ram(void)
{
	uint64_t end = dt.ram.base + dt.ram.size;
	volatile uint64_t *const words[] = {
		(uint64_t *)(end - 8),
		(uint64_t *)(end > FOUR_GB ? FOUR_GB - 8 : end - 16),
		(uint64_t *)(end > FOUR_GB ? FOUR_GB : end - 24),
	};
	uint32_t count = sizeof(words) / sizeof(words[0]);

	for (uint32_t i = 0; i < count; i++)
		*words[i] = ~(uint64_t)words[i];
	for (uint32_t i = 0; i < count; i++)
		if (*words[i] != ~(uint64_t)words[i])
			lab_exit(EXIT_RAM);
}

void guest_main(const void *blob)
{
	if (!dt_read(&dt, blob))
		lab_exit(EXIT_NO_DT);
	change_code();
	use_ram();
	mmu_map(&dt.ram);
	mmu_on();
	change_code();
	use_ram();
	puts("ram to ");
	put_hex(dt.ram.base + dt.ram.size, 12);
	puts(", sctlr ");
	put_hex(read_sysreg(sctlr_el1) & 0x1005, 4);
	puts("\n");
	system_off();
}
