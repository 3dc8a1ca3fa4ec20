/* SPDX-License-Identifier: MIT */
#include "hostile.h"
#include "mmu.h"

struct dt dt;
volatile uint64_t survived;
static void (*bodies[MAX_CPUS])(uint64_t index);

extern char survivor_vectors[];

void secondary_main(uint64_t index)
{
	bodies[index](index);
	cpu_off();
}

void start_cpu(uint64_t index, void (*body)(uint64_t index))
{
	bodies[index] = body;
	publish(&bodies[index], sizeof(bodies[index]));
	psci(PSCI_CPU_ON, dt.cpus[index], (uint64_t)secondary_start, index);
}

void say(const char *what, uint64_t number)
{
	puts(what);
	puts(" ");
	put_hex(number, 8);
	puts("\n");
}

void dare(void)
{
	write_sysreg(vbar_el1, survivor_vectors);
	isb();
	mmu_map(&dt.ram);
	mmu_devices_as_memory();
	mmu_on();
}
