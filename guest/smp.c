/* SPDX-License-Identifier: MIT */
/*
 * Brings every CPU of the device tree up by CPU_ON, sends it an interrupt, sees it go by
 * CPU_OFF, and does it once more: a CPU comes back as new.
 */
#include "dt.h"
#include "gic.h"

#define SGI 1

enum { EXIT_NO_DT = 2, EXIT_CPU_ON, EXIT_STATE, EXIT_MPIDR, EXIT_REDISTRIBUTOR, EXIT_INTERRUPT };

static struct dt dt;
static volatile uint32_t ready[MAX_CPUS], taken[MAX_CPUS];

static void expect(bool good, uint32_t code)
{
	if (!good)
		lab_exit(code);
}

/* The one of @mpidr; 0 if none is, or if one before it calls itself its region's last. */
static uint64_t redistributor(uint64_t mpidr)
{
	uint32_t affinity = (uint32_t)(mpidr >> 32 << 24 | (mpidr & 0xffffff));

	for (uint32_t i = 0; i < dt.nregions; i++) {
		const struct dt_range *region = &dt.regions[i];

		for (uint64_t at = region->base; at < region->base + region->size;
		     at += MAP_GICR_STEP) {
			if (mmio_read32(at + GICR_AFFINITY) == affinity)
				return at;
			if (mmio_read32(at + GICR_TYPER) & GICR_LAST)
				break;
		}
	}
	return 0;
}

void secondary_main(uint64_t index)
{
	uint64_t mpidr = read_sysreg(mpidr_el1) & MPIDR_AFFINITY, frame = 0;
	uint32_t intid;

	expect(index < dt.ncpus && mpidr == dt.cpus[index], EXIT_MPIDR);
	if (dt.gic == 3)
		frame = redistributor(mpidr);
	expect(dt.gic == 2 || frame, EXIT_REDISTRIBUTOR);
	gic_enable(dt.gic, frame, SGI);
	ready[index]++;
	while ((intid = gic_take(dt.gic)) == GIC_NONE)
		__asm__ volatile("wfi" ::: "memory");
	/* A GICv2 says in bits 10 to 12 who sent it. */
	expect((intid & 0x3ff) == SGI, EXIT_INTERRUPT);
	gic_end(dt.gic, intid);
	taken[index]++;
	dsb();
	cpu_off();
}

static void one_life(uint32_t life)
{
	for (uint32_t i = 1; i < dt.ncpus; i++) {
		expect(psci(PSCI_AFFINITY_INFO, dt.cpus[i], 0, 0) == PSCI_IS_OFF, EXIT_STATE);
		expect(!psci(PSCI_CPU_ON, dt.cpus[i], (uint64_t)secondary_start, i), EXIT_CPU_ON);
	}
	for (uint32_t i = 1; i < dt.ncpus; i++) {
		while (ready[i] != life)
			__asm__ volatile("yield" ::: "memory");
		expect(psci(PSCI_CPU_ON, dt.cpus[i], (uint64_t)secondary_start, i) ==
			       PSCI_ALREADY_ON,
		       EXIT_CPU_ON);
	}
	for (uint32_t i = 1; i < dt.ncpus; i++)
		gic_send(dt.gic, SGI, i, dt.cpus[i]);
	for (uint32_t i = 1; i < dt.ncpus; i++) {
		while (psci(PSCI_AFFINITY_INFO, dt.cpus[i], 0, 0) != PSCI_IS_OFF)
			__asm__ volatile("yield" ::: "memory");
		expect(taken[i] == life, EXIT_INTERRUPT);
	}
}

void guest_main(const void *blob)
{
	expect(dt_read(&dt, blob) && dt.gic, EXIT_NO_DT);
	expect((read_sysreg(mpidr_el1) & MPIDR_AFFINITY) == dt.cpus[0], EXIT_MPIDR);
	/* Without this CPU's part of the GIC, a GICv2's distributor would stay off. */
	gic_enable(dt.gic, MAP_GICR_BASE, SGI);
	expect(psci(PSCI_CPU_ON, 0xfffefe, (uint64_t)secondary_start, 0) == PSCI_INVALID,
	       EXIT_CPU_ON);
	one_life(1);
	one_life(2);
	puts("cpus ");
	put_hex(dt.ncpus, 4);
	puts("\n");
	system_off();
}
