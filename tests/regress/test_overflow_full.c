/* SPDX-License-Identifier: MIT */
/*
 * Overflows that are 2^32 counts away, seconds of a core's work: the first one of a
 * counter that starts at 0, and the one after an overflow. And one that is 2^63 away.
 */
#include "counters.h"
#include "older.h"
#include "result.h"

#define LOOPS 1000000
#define BELOW 1000 /* 2^63: far less than LOOPS count */

enum { XCOUNT = 19, XFLAGS = 20, XROUND = 23, XWAIT = 24 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void start(const struct site *site, struct variant variant, uint64_t from)
{
	if (site->exact && !site->minutes)
		skip_test("2^32 instructions take an emulator minutes: --minutes=1 allows them");
	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(guest, 0);
	guest_write(guest, PMCR_EL0, 0);
	guest_out(guest, PMCR_EL0);
	counter_emit(guest, CYCLE, 0, from);
	guest_write(guest, PMCR_EL0, PMCR_E);
}

/* Works until bit @bit of the cycle counter is set, and a little more. */
static void work_until(unsigned bit)
{
	uint32_t *loop = guest_loop(guest, XROUND, 1u << 20);

	guest_work(guest, LOOPS);
	guest_read(guest, XCOUNT, PMCCNTR_EL0);
	guest_insn(guest, 0x37000060u | (bit & 31) << 19 | (bit & 32) << 26 | XCOUNT); /* tbnz */
	guest_loop_end(guest, XROUND, loop);
	guest_work(guest, LOOPS);
}

static uint64_t finish(void)
{
	uint64_t pmcr;

	guest_exit(guest);
	vcpu_finish(vcpu);
	pmcr = vcpu_take(vcpu);
	if (pmcr & PMCR_LC)
		skip_test("PMCR_EL0.LC is always set here: the counter overflows at 64 bits");
	return vcpu_take(vcpu);
}

/* A period of 2^32 is one of 0 in KVM's compute_period(): perf then does not sample at all. */
static void from_zero(const struct site *site, struct variant variant)
{
	uint64_t count, flags, later;

	start(site, variant, 0);
	work_until(32);
	flag_await(site, guest, XFLAGS, XWAIT, CYCLE);
	guest_out_register(guest, XCOUNT);
	guest_out_register(guest, XFLAGS);
	/* It is the start at 0 that is at fault: from elsewhere the same counter's wrap is seen. */
	guest_write(guest, PMOVSCLR_EL0, ALL);
	guest_write(guest, PMCCNTR_EL0, 0x100000000 - LOOPS);
	guest_work(guest, 4 * LOOPS);
	flag_await(site, guest, XFLAGS, XWAIT, CYCLE);
	guest_out_register(guest, XFLAGS);
	count = finish();
	flags = vcpu_take(vcpu);
	later = vcpu_take(vcpu);
	note("count 0x%llx, overflow flags 0x%llx", (unsigned long long)count,
	     (unsigned long long)flags);
	expect(count >> 32 == 1, "count 0x%llx", (unsigned long long)count);
	if (site->older && !flags && !later)
		skip_unnoticed_wrap();
	expect_equal(later, BIT(CYCLE), "overflow flags after a wrap that was near");
	if (!flags)
		known_fault("a counter that starts at 0 wraps unnoticed");
	expect_equal(flags, BIT(CYCLE), "overflow flags after the wrap");
}

/* After an overflow KVM computes the next period from what the perf event has, not the counter. */
static void again(const struct site *site, struct variant variant)
{
	uint64_t count, flags, first;

	start(site, variant, 0x80000000);
	work_until(32);
	flag_await(site, guest, XFLAGS, XWAIT, CYCLE);
	guest_out_register(guest, XFLAGS);
	guest_write(guest, PMOVSCLR_EL0, ALL);
	work_until(31);
	/* Time for an interrupt of the host, should one be due. */
	guest_work(guest, 20 * LOOPS);
	guest_read(guest, XFLAGS, PMOVSSET_EL0);
	guest_out_register(guest, XCOUNT);
	guest_out_register(guest, XFLAGS);
	first = finish();
	count = vcpu_take(vcpu);
	flags = vcpu_take(vcpu);
	note("count 0x%llx, overflow flags 0x%llx", (unsigned long long)count,
	     (unsigned long long)flags);
	if (site->older && !first && !flags && count >> 31 == 3)
		skip_unnoticed_wrap();
	expect_equal(first, BIT(CYCLE), "overflow flags after the first wrap");
	expect(count >> 31 == 3, "count 0x%llx", (unsigned long long)count);
	if (flags == BIT(CYCLE))
		known_fault("the overflow after an overflow is flagged where the counter started, "
			    "not where it wraps");
	expect_equal(flags, 0, "overflow flags halfway to the next wrap");
}

/* Where a counter overflows at 64 bits, nothing happens at 2^63; to perf a period of more is
 * negative. */
static void half_way(const struct site *site, struct variant variant)
{
	uint64_t count, flags;

	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, CYCLE, 0, BIT(63) - BELOW);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_work(guest, LOOPS);
	flag_await(site, guest, XFLAGS, XWAIT, CYCLE);
	guest_out(guest, PMCCNTR_EL0);
	guest_out_register(guest, XFLAGS);
	guest_exit(guest);
	vcpu_finish(vcpu);
	count = vcpu_take(vcpu);
	flags = vcpu_take(vcpu);
	note("count 0x%llx, overflow flags 0x%llx", (unsigned long long)count,
	     (unsigned long long)flags);
	expect_between(count, BIT(63) + LEAST_CYCLES(LOOPS) - BELOW, BIT(63) + MOST_CYCLES,
		       "the counter");
	if (flags == BIT(CYCLE))
		known_fault("a counter that starts below 2^63 overflows beyond it");
	expect_equal(flags, 0, "overflow flags");
}

static const struct test tests[] = {
	{ "overflow.from_zero", from_zero, IN(MODE_DEFAULT), STILL, 0, NULL, 100 },
	{ "overflow.again", again, IN(MODE_DEFAULT), STILL, 0, NULL, 100 },
	{ "overflow.half_way", half_way, IN(MODE_DEFAULT), STILL, 0, NULL, 0 },
};

FAMILY(overflow_full_family, tests);
