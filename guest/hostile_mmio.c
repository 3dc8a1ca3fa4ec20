/* SPDX-License-Identifier: MIT */
/* Devices, accessed in all the ways that no driver would. */
#include "args.h"
#include "hostile.h"

#define NOTHING 0x10000000ull
#define BEYOND  (1ull << 38) /* the MMU's table goes as far, RAM does not */

/* Offsets from a device's base: its registers, and both ends of its page with what is beyond. */
static const struct {
	int64_t first, last;
} spans[] = { { -8, 0x50 }, { 0xfd8, 0x1008 } };

static void load(uint64_t at, uint32_t width)
{
	uint64_t value;

	switch (width) {
	case 1:
		__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("ldrsh %x0, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	case 4:
		__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	default:
		__asm__ volatile("ldr %x0, [%1]" : "=r"(value) : "r"(at) : "memory");
	}
}

static void store(uint64_t at, uint32_t width, uint64_t value)
{
	switch (width) {
	case 1:
		__asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("strh %w0, [%1]" ::"r"(value), "r"(at) : "memory");
		break;
	case 4:
		__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(at) : "memory");
		break;
	default:
		__asm__ volatile("str %x0, [%1]" ::"r"(value), "r"(at) : "memory");
	}
}

/* The only accesses that are meant to end a run. */
static bool ends_run(uint64_t at, uint32_t width)
{
	return (at == MAP_LAB_BASE + LAB_RECORD && width == 8) ||
	       (at == MAP_LAB_BASE + LAB_EXIT && width == 4) ||
	       (at == MAP_LAB_BASE + LAB_FAULT && width == 8);
}

static uint64_t poke_device(uint64_t base)
{
	uint64_t accesses = 0;

	for (size_t span = 0; span < sizeof(spans) / sizeof(spans[0]); span++)
		for (int64_t offset = spans[span].first; offset < spans[span].last; offset++)
			for (uint32_t width = 1; width <= 8; width *= 2) {
				uint64_t at = base + (uint64_t)offset;

				load(at, width);
				accesses++;
				if (ends_run(at, width))
					continue;
				store(at, width, ~0ull);
				accesses++;
			}
	return accesses;
}

void poke_devices(void)
{
	static const uint64_t bases[] = { MAP_UART_BASE, MAP_LAB_BASE, MAP_GICD_BASE, MAP_GICR_BASE,
					  NOTHING };
	uint64_t accesses = 0;

	dare();
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		accesses += poke_device(bases[i]);
	puts("\n");
	say("accesses", accesses);
	say("exceptions", survived);
}

void execute_devices(void)
{
	static const uint64_t at[] = { MAP_UART_BASE,    MAP_UART_BASE + 2,
				       MAP_LAB_BASE,     MAP_GICD_BASE,
				       MAP_GICR_BASE,    NOTHING,
				       MAP_RAM_BASE - 4, BEYOND };

	dare();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		((void (*)(void))at[i])();
	((void (*)(void))(dt.ram.base + dt.ram.size))();
	say("exceptions", survived);
}

static void access_as(uint64_t how)
{
	uint64_t a = 0, b = 0, at = MAP_UART_BASE + 0x40;

	switch (how) {
	case 0:
		__asm__ volatile("ldp %0, %1, [%2]" : "=r"(a), "=r"(b) : "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("stp %0, %1, [%2]" ::"r"(a), "r"(b), "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("ldr %w0, [%1], #4" : "=r"(a), "+r"(at)::"memory");
		break;
	case 3:
		__asm__ volatile("str %w1, [%0, #4]!" : "+r"(at) : "r"(a) : "memory");
		break;
	case 4:
		write_sysreg(cpacr_el1, 3 << 20);
		isb();
		__asm__ volatile("ldr q0, [%0]" ::"r"(at) : "memory");
		break;
	case 5:
		__asm__ volatile("ldxr %w0, [%1]" : "=r"(a) : "r"(at) : "memory");
		break;
	case 6:
		__asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
		break;
	case 7:
		__asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
		break;
	default:
		__asm__ volatile("prfm pldl1keep, [%0]" ::"r"(at) : "memory");
	}
}

void access_oddly(void)
{
	dare();
	access_as(boot_argument(dt.bootargs, "at", 0));
}

static volatile bool ready[MAX_CPUS];

static void fail_with_all(uint64_t self)
{
	ready[self] = true;
	for (uint64_t i = 0; i < dt.ncpus; i++)
		while (!ready[i])
			;
	access_as(0);
}

/* All CPUs at once do what ends a run. */
void fail_together(void)
{
	for (uint64_t i = 1; i < dt.ncpus; i++)
		start_cpu(i, fail_with_all);
	fail_with_all(0);
}
