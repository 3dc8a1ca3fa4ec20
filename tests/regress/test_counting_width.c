/* SPDX-License-Identifier: MIT */
/* Counters as wide as they are: what goes beyond 32 bits, alone and in chained pairs. */
#include "counters.h"
#include "older.h"
#include "result.h"

#define ROUNDS 20
#define LOOPS  5000
#define LEAD   (LOOPS / 10) /* before the hop */
#define BEFORE 0x1000 /* the wrap: after LEAD's 2 * LEAD instructions, long before 2 * LOOPS */

enum { XFIRST = 19, XSECOND = 20, XODD = 21, XFLAGS = 22, XROUND = 23, XINNER = 24 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void start(const struct site *site, struct variant variant, struct itinerary *itinerary)
{
	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, itinerary, variant);
	guest_pmu_reset(guest, 0);
}

/* Also where nothing else counts: for what KVM counts by itself. */
static void start_anywhere(const struct site *site, struct variant variant,
			   struct itinerary *itinerary)
{
	start(site, variant, itinerary);
	if (variant.mode == MODE_DEFAULT && site->naway)
		itinerary_all(site, itinerary, variant.hops);
}

static void run(struct itinerary *itinerary)
{
	guest_exit(guest);
	run_hopping(vcpu, itinerary);
}

/* One write to PMSWINC_EL0 is one count, on any CPU, on the counters that it names and no other. */
static void sw_incr(const struct site *site, struct variant variant)
{
	struct itinerary itinerary;
	uint32_t *loop;

	start_anywhere(site, variant, &itinerary);
	need_counters(vcpu, 3);
	counter_emit(guest, 0, EVENT_SW_INCR, 0xfffffff0);
	counter_emit(guest, 1, EVENT_SW_INCR, 5);
	counter_emit(guest, 2, EVENT_SW_INCR, 7);
	guest_write(guest, PMCNTENCLR_EL0, BIT(2));
	guest_write(guest, PMSWINC_EL0, 7); /* PMCR_EL0.E is off */
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMSWINC_EL0, BIT(0) | BIT(2));
	guest_hop(guest);
	guest_write(guest, PMSWINC_EL0, BIT(0) | BIT(1));
	for (unsigned n = 0; n < 3; n++)
		guest_out(guest, PMEVCNTR_EL0(n));
	guest_out(guest, PMOVSSET_EL0);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t value = vcpu_take(vcpu);

		/* 64 bits wide with PMUv3p5, and 32 before it. */
		expect(value == 0xfffffff0ull + 2 * i || value == 2 * i - 16,
		       "round %u: counter 0 is 0x%llx", i, (unsigned long long)value);
		expect_equal(vcpu_take(vcpu), 5 + i, "counter 1, round %u", i);
		expect_equal(vcpu_take(vcpu), 7, "counter 2, which is off, round %u", i);
		expect_equal(vcpu_take(vcpu), 2 * i >= 16, "overflow flags, round %u", i);
	}
}

/* A chained pair counts every wrap of its even counter, and each once. */
static const struct {
	const char *name;
	unsigned even, event;
} chain_rows[] = {
	{ "sw_incr", 0, EVENT_SW_INCR },
	{ "cpu_cycles", 2, EVENT_CPU_CYCLES },
};

static const char *chain_name(int row)
{
	return chain_rows[row].name;
}

static void chain(const struct site *site, struct variant variant)
{
	unsigned even = chain_rows[variant.row].even, event = chain_rows[variant.row].event;
	uint64_t first = 0, odd_first = 3, odd, flags;
	int flagless = 0, taken_back = 0;
	struct itinerary itinerary;
	uint32_t *loop, *inner;

	if (event == EVENT_SW_INCR)
		start_anywhere(site, variant, &itinerary);
	else
		start(site, variant, &itinerary);
	need_counters(vcpu, even + 2);
	counter_emit(guest, even, event, 0);
	counter_emit(guest, even + 1, EVENT_CHAIN, odd_first);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMEVCNTR_EL0(even),
		    event == EVENT_SW_INCR ? 0xfffffffd : 0x100000000 - BEFORE);
	for (int half = 0; half < 2; half++) {
		if (event == EVENT_SW_INCR) {
			inner = guest_loop(guest, XINNER, 2);
			guest_write(guest, PMSWINC_EL0, BIT(even));
			guest_loop_end(guest, XINNER, inner);
		} else {
			guest_work(guest, half ? LOOPS : LEAD);
		}
		if (!half)
			guest_hop(guest);
	}
	guest_read(guest, XFIRST, PMEVCNTR_EL0(even));
	flag_await(site, guest, XFLAGS, XINNER, even);
	guest_read(guest, XODD, PMEVCNTR_EL0(even + 1));
	guest_write(guest, PMOVSCLR_EL0, ALL);
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XODD);
	guest_out_register(guest, XFLAGS);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t low = vcpu_take(vcpu) & 0xffffffff;

		odd = vcpu_take(vcpu);
		flags = vcpu_take(vcpu);
		/* Linux 5.10: one perf event for both; a write to its lower half takes the carry
		 * back. */
		if (site->older && event == EVENT_CPU_CYCLES && i && odd == odd_first + 1)
			taken_back++;
		else
			expect_equal(odd, odd_first + 1 + (unsigned)i, "odd counter, round %d", i);
		if (site->older && !flags)
			flagless++;
		else
			expect_equal(flags, BIT(even), "overflow flags, round %d", i);
		first = first ? first : low;
		if (event == EVENT_SW_INCR)
			expect_equal(low, 1, "even counter, round %d", i);
		else if (site->exact && variant.hops != HOPS_ASYNC)
			expect_equal(low, first, "even counter, round %d", i);
		else if (site->exact)
			expect(low >= 2 * (LEAD + LOOPS) - BEFORE, "even counter, round %d: %llu",
			       i, (unsigned long long)low);
	}
	note("%llu beyond the wrap", (unsigned long long)first);
	if (taken_back) {
		expect_equal((uint64_t)taken_back, ROUNDS - 1, "rounds that took a count back");
		note("a write to the even counter takes back what the odd one has counted");
	}
	if (flagless == ROUNDS)
		skip_chained_flag();
	expect_equal((uint64_t)flagless, 0, "rounds without an overflow flag");
}

/*
 * The cycle counter has 64 bits whatever PMCR.LC says, which only moves its
 * overflow: across bit 32 nothing is lost and the flag is set without LC only.
 */
static const struct {
	const char *name;
	uint64_t lc, start;
} cycle_rows[] = {
	{ "lc", PMCR_LC, 0x100000000 - BEFORE },
	{ "no-lc", 0, 0x100000000 - BEFORE },
	{ "lc-bit63", PMCR_LC, -(uint64_t)BEFORE },
	{ "no-lc-bit63", 0, -(uint64_t)BEFORE },
};

static const char *cycle_name(int row)
{
	return cycle_rows[row].name;
}

static void cycle_width(const struct site *site, struct variant variant)
{
	uint64_t lc = cycle_rows[variant.row].lc, from = cycle_rows[variant.row].start;
	bool wraps = !lc || from >> 63, fixed;
	struct itinerary itinerary;
	uint64_t count = 0, flags;
	uint32_t *loop;

	start(site, variant, &itinerary);
	guest_write(guest, PMCR_EL0, lc);
	guest_out(guest, PMCR_EL0);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMCR_EL0, lc);
	counter_emit(guest, CYCLE, 0, from);
	guest_write(guest, PMCR_EL0, lc | PMCR_E);
	guest_work(guest, LEAD);
	guest_read(guest, XFIRST, PMCCNTR_EL0);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_read(guest, XSECOND, PMCCNTR_EL0);
	if (wraps)
		flag_await(site, guest, XFLAGS, XINNER, CYCLE);
	else
		guest_read(guest, XFLAGS, PMOVSSET_EL0);
	guest_write(guest, PMOVSCLR_EL0, ALL);
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
	guest_out_register(guest, XFLAGS);
	if (wraps) {
		/* Once in vain is enough: tbnz, over the exit. */
		guest_insn(guest, 0x37000040u | CYCLE << 19 | XFLAGS);
		guest_exit(guest);
	}
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);
	fixed = vcpu_take(vcpu) & PMCR_LC;
	if (fixed && !lc)
		skip_test("PMCR_EL0.LC is always set here: the counter overflows at 64 bits");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t first = vcpu_take(vcpu) - from, second = vcpu_take(vcpu) - from;

		expect(first && second > first && second < 1ull << 40,
		       "round %d: from 0x%llx by 0x%llx, then by 0x%llx", i,
		       (unsigned long long)from, (unsigned long long)first,
		       (unsigned long long)second);
		count = count ? count : second;
		if (site->exact && variant.hops != HOPS_ASYNC)
			expect_equal(second, count, "count of round %d", i);
		flags = vcpu_take(vcpu);
		if (site->older && !lc && i == 0 && !flags && second > BEFORE)
			skip_unnoticed_wrap();
		expect_equal(flags, wraps ? BIT(CYCLE) : 0, "overflow flags after 0x%llx, round %d",
			     (unsigned long long)second, i);
	}
	if (site->exact)
		expect(count >= 2 * (LEAD + LOOPS), "%llu counted", (unsigned long long)count);
}

/* PMUv3p5: event counters of 64 bits, that overflow at bit 63 with PMCR.LP and at 31 without. */
static const struct {
	const char *name;
	uint64_t lp, start;
} event_rows[] = {
	{ "lp", PMCR_LP, 0x100000000 - BEFORE },
	{ "no-lp", 0, 0x100000000 - BEFORE },
	{ "lp-bit63", PMCR_LP, -(uint64_t)BEFORE },
};

static const char *event_name(int row)
{
	return event_rows[row].name;
}

static void event_width(const struct site *site, struct variant variant)
{
	uint64_t lp = event_rows[variant.row].lp, from = event_rows[variant.row].start;
	bool wraps = !lp || from >> 63;
	struct itinerary itinerary;
	uint32_t *loop;
	bool wide;

	start(site, variant, &itinerary);
	need_counters(vcpu, 1);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_LP);
	guest_out(guest, PMCR_EL0);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMCR_EL0, PMCR_LC | lp);
	counter_emit(guest, 0, EVENT_CPU_CYCLES, from);
	guest_write(guest, PMCR_EL0, PMCR_LC | lp | PMCR_E);
	guest_work(guest, LEAD);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_read(guest, XFIRST, PMEVCNTR_EL0(0));
	if (wraps)
		flag_await(site, guest, XFLAGS, XINNER, 0);
	else
		guest_read(guest, XFLAGS, PMOVSSET_EL0);
	guest_write(guest, PMOVSCLR_EL0, ALL);
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XFLAGS);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);
	/*
	 * LP is RES0 before PMUv3p5: KVM's way to say so, in kvm_pmu_handle_pmcr(). Older kernels
	 * keep it all the same: registers.pmcr.
	 */
	wide = vcpu_take(vcpu) & PMCR_LP;
	if (site->older)
		wide = PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)) >= PMUVER_V3P5;
	if (!wide && lp)
		skip_test("event counters have 32 bits here: PMUv3p5 has 64");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t value = vcpu_take(vcpu), count = value - from;

		expect(wide || value <= ALL, "round %d: a counter of 32 bits reads 0x%llx", i,
		       (unsigned long long)value);
		count = wide ? count : count & ALL;
		expect(count && count < 1ull << 31, "round %d: from 0x%llx by 0x%llx", i,
		       (unsigned long long)from, (unsigned long long)count);
		expect_equal(vcpu_take(vcpu), wraps ? BIT(0) : 0,
			     "overflow flags after 0x%llx, round %d", (unsigned long long)count, i);
		if (site->exact)
			expect(count >= 2 * (LEAD + LOOPS), "round %d counted %llu", i,
			       (unsigned long long)count);
	}
}

/* Only odd counters chain: an odd one that wraps feeds no CHAIN (Arm ARM, event 0x001E). */
static void chain_odd(const struct site *site, struct variant variant)
{
	vm_start(&vm, site, variant.mode, 1);
	need_counters(vcpu, 3);
	guest_pmu_reset(guest, 3);
	counter_emit(guest, 1, EVENT_SW_INCR, ALL);
	counter_emit(guest, 2, EVENT_CHAIN, 0);
	guest_write(guest, PMCR_EL0, PMCR_E);
	guest_write(guest, PMSWINC_EL0, BIT(1));
	guest_out(guest, PMOVSSET_EL0);
	guest_out(guest, PMEVCNTR_EL0(2));
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu), BIT(1), "PMOVSSET_EL0 after the odd counter's wrap");
	expect_equal(vcpu_take(vcpu), 0, "CHAIN on the even counter after it");
}

static const struct test tests[] = {
	{ "counting.sw_incr", sw_incr, WITH_EVENTS, EVERY_HOP, 0, NULL, 0 },
	{ "counting.chain_odd", chain_odd, WITH_EVENTS, 0, 0, NULL, 0 },
	{ "counting.chain", chain, WITH_EVENTS, EVERY_HOP, 2, chain_name, 0 },
	{ "counting.chain", chain, LIMITED, SYNC, 1, chain_name, 0 },
	{ "counting.cycle_width", cycle_width, EVERY_MODE, SYNC | ASYNC, 4, cycle_name, 0 },
	{ "counting.event_width", event_width, WITH_EVENTS, SYNC, 3, event_name, 0 },
};

FAMILY(counting_width_family, tests);
