/* SPDX-License-Identifier: MIT */
/* PSCI with arguments that make no sense, and every number that an HVC or SMC can have. */
#include "hostile.h"

#define PSCI_VERSION           0x84000000
#define PSCI_CPU_SUSPEND32     0x84000001
#define PSCI_CPU_SUSPEND       0xc4000001
#define PSCI_CPU_ON32          0x84000003
#define PSCI_CPU_FREEZE        0x8400000b
#define PSCI_CPU_DEFAULT       0xc400000c
#define PSCI_SYSTEM_SUSPEND    0xc400000e
#define PSCI_SUSPEND_MODE      0x8400000f
#define PSCI_MEM_PROTECT       0x84000013
#define PSCI_MEM_PROTECT_CHECK 0xc4000014

#define ROUNDS    4
#define FUNCTIONS 24 /* of each owner, from 0 on */
#define OTHERS    4  /* and so many others */

static const uint64_t garbage[] = {
	0,
	1,
	2,
	0xff,
	0x100,
	0xfffefe,
	1ull << 24,
	1ull << 31,
	1ull << 32,
	0xff00000000,
	1ull << 40,
	1ull << 63,
	~0ull,
	SCRATCH,
	SCRATCH + 1,
	MAP_UART_BASE,
	MAP_RAM_BASE - 1,
	MAP_RAM_BASE,
};

#define GARBAGE (sizeof(garbage) / sizeof(garbage[0]))

static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

static void suspend(uint64_t index)
{
	(void)index;
	psci(PSCI_CPU_SUSPEND, ~0ull, 0, 1);
	psci(PSCI_CPU_SUSPEND32, 1ull << 16, 1, ~0ull);
}

static void wait_in_vain(uint64_t index)
{
	(void)index;
	for (;;)
		__asm__ volatile("wfe; wfi" ::: "memory");
}

static void off_at_once(uint64_t index)
{
	(void)index;
}

/* Each with all garbage in each argument; none of them has a reason to do anything. */
static uint64_t call_all(void)
{
	static const uint64_t functions[] = {
		PSCI_VERSION,
		PSCI_CPU_ON,
		PSCI_CPU_ON32,
		PSCI_AFFINITY_INFO,
		PSCI_FEATURES,
		PSCI_CPU_FREEZE,
		PSCI_CPU_DEFAULT,
		PSCI_SYSTEM_SUSPEND,
		PSCI_SUSPEND_MODE,
		PSCI_MEM_PROTECT,
		PSCI_MEM_PROTECT_CHECK,
		0x84000005, /* MIGRATE */
		0x84000006, /* MIGRATE_INFO_TYPE */
		0x84000007, /* MIGRATE_INFO_UP_CPU */
		0xc400000d, /* NODE_HW_STATE */
		0xc4000010, /* STAT_RESIDENCY */
	};
	uint64_t calls = 0;

	for (size_t f = 0; f < sizeof(functions) / sizeof(functions[0]); f++)
		for (size_t i = 0; i < GARBAGE; i++, calls += 2) {
			psci(functions[f], garbage[i], garbage[(i + 7) % GARBAGE],
			     garbage[(i + 3) % GARBAGE]);
			psci(functions[f], 1, garbage[i], garbage[(i + 5) % GARBAGE]);
		}
	return calls;
}

/*
 * CPU 1 is started where there is no code, by whichever call comes first. The last CPU goes
 * off and on, and the one before it sleeps.
 */
void storm_psci(void)
{
	uint64_t calls = 0, last = dt.ncpus - 1;

	start_cpu(last - 1, suspend);
	for (int i = 0; i < ROUNDS; i++) {
		start_cpu(last, off_at_once);
		psci(PSCI_CPU_ON, dt.cpus[0], (uint64_t)secondary_start, 0); /* itself */
		psci(PSCI_CPU_ON, dt.cpus[last], 0, ~0ull);                  /* twice */
		calls += 3 + call_all();
	}
	say("calls", calls);
}

/* What ends a run or puts this CPU to sleep, as it should. */
static bool takes_effect(uint32_t function)
{
	switch (function & ~(1u << 30)) {
	case PSCI_CPU_OFF:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_SYSTEM_RESET2:
	case PSCI_CPU_SUSPEND32:
	case PSCI_CPU_FREEZE:
	case PSCI_CPU_DEFAULT & ~(1u << 30):
	case PSCI_SYSTEM_SUSPEND & ~(1u << 30):
	case PSCI_SYSTEM_OFF2 & ~(1u << 30):
		return true;
	default:
		return false;
	}
}

static void call(uint32_t function, bool secure)
{
	const uint64_t first = garbage[function % GARBAGE], second = garbage[function % 7];
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = first;
	register uint64_t x2 __asm__("x2") = second;
	register uint64_t x3 __asm__("x3") = ~0ull;

#define CALL(instruction)                                                                          \
	__asm__ volatile(instruction                                                               \
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8",   \
			   "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory")
	if (secure)
		CALL("smc #0");
	else
		CALL("hvc #0");
	CALL("hvc #1"); /* reserved: whatever the number is */
}

/* Bits of a function's number: 31 fast, 30 of 64 bits, 29-24 the owner, 15-0 the function. */
void sweep_calls(void)
{
	uint64_t random = 1, calls = 0;

	dare();
	for (uint32_t head = 0; head < 256; head++)
		for (uint32_t i = 0; i < FUNCTIONS + OTHERS; i++) {
			uint32_t number = i < FUNCTIONS ? i : (uint32_t)random_next(&random);
			uint32_t function = head << 24 | (number & 0xffff);

			if (takes_effect(function))
				continue;
			call(function, false);
			call(function, true);
			calls += 4;
		}
	say("calls", calls);
	say("exceptions", survived);
}

/* In every way that there is. */
void sleep_all(void)
{
	for (uint64_t i = 1; i < dt.ncpus; i++)
		start_cpu(i, i & 1 ? suspend : wait_in_vain);
	wait_in_vain(0);
}
