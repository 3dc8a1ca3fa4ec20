/* SPDX-License-Identifier: MIT */
/* The lab device: records where they must not be, and more of all than anybody wants. */
#include "args.h"
#include "hostile.h"

#define GOOD_RINGS 64
#define RACES      20000
#define HOLD       100 /* turns of a loop */

static struct lab_record good = { .size = sizeof(good), .nevents = LAB_MAX_EVENTS };

static void ring(uint64_t at)
{
	lab_write64(LAB_RECORD, at);
}

static void put_record(uint64_t at)
{
	memcpy((void *)at, &good, sizeof(good));
	publish((void *)at, sizeof(good));
	good.window++;
}

static bool in_ram(uint64_t at, uint64_t size)
{
	return at - dt.ram.base <= dt.ram.size - size;
}

void ring_bad(void)
{
	uint64_t at = boot_argument(dt.bootargs, "at", SCRATCH);

	good.size = (uint32_t)boot_argument(dt.bootargs, "size", good.size);
	good.nevents = (uint16_t)boot_argument(dt.bootargs, "nevents", good.nevents);
	dare();
	if (in_ram(at, sizeof(good)))
		put_record(at);
	ring(at);
}

void ring_fault(void)
{
	lab_write64(LAB_FAULT, boot_argument(dt.bootargs, "at", SCRATCH));
}

/* Unaligned, overlapping and at the end of RAM: odd, but as they should be. */
void ring_good(void)
{
	uint64_t at = SCRATCH;

	dare();
	for (uint64_t i = 0; i < GOOD_RINGS; i++, at += sizeof(good) / 2 + 1) {
		put_record(at);
		ring(at);
	}
	at = dt.ram.base + dt.ram.size - sizeof(good);
	put_record(at);
	ring(at);
}

/* Half of the time it is well: what the VMM checks must be what it then uses. */
static void rewrite(uint64_t index)
{
	volatile struct lab_record *record = (void *)SCRATCH;

	(void)index;
	for (;;) {
		record->nevents = LAB_MAX_EVENTS;
		for (volatile int i = 0; i < HOLD; i++)
			;
		record->nevents = UINT16_MAX;
		for (volatile int i = 0; i < HOLD; i++)
			;
	}
}

void race(void)
{
	dare();
	put_record(SCRATCH);
	for (uint64_t i = 1; i < dt.ncpus; i++)
		start_cpu(i, rewrite);
	for (uint64_t i = 0; i < RACES; i++)
		ring(SCRATCH);
}

void flood_records(void)
{
	put_record(SCRATCH);
	for (uint64_t i = boot_argument(dt.bootargs, "at", UINT64_MAX); i > 0; i--)
		ring(SCRATCH);
}

void flood_hops(void)
{
	for (;;)
		lab_write32(LAB_HOP, 0);
}
