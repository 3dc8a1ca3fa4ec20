/* SPDX-License-Identifier: MIT */
/* What PMCNTENSET, PMCNTENCLR and PMCR switch and reset, before, after and across hops. */
#include "counters.h"
#include "result.h"

#define ROUNDS  16
#define LOOPS   10000
#define DIVIDED 8 /* windows */

/* Far above what is counted after a reset; 32 bits do. */
#define HIGH 0x40000000u

enum { XFIRST = 19, XSECOND = 20, XOTHER_FIRST = 21, XOTHER_SECOND = 22, XROUND = 23 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void start(const struct site *site, struct variant variant, struct itinerary *itinerary)
{
	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, itinerary, variant);
	guest_pmu_reset(guest, 0);
}

static void run(struct itinerary *itinerary)
{
	guest_exit(guest);
	run_hopping(vcpu, itinerary);
}

/* Counts of the same work: at least @least, and equal where that is exact. */
static void judge_work(const struct site *site, struct variant variant, uint64_t count,
		       uint64_t *first, uint64_t least, int round)
{
	*first = *first ? *first : count;
	if (site->exact) {
		expect(count >= least, "round %d counted %llu of %llu", round,
		       (unsigned long long)count, (unsigned long long)least);
		if (variant.hops != HOPS_ASYNC)
			expect_equal(count, *first, "count of round %d", round);
	} else {
		expect(count > 0, "the counter did not count in round %d", round);
	}
}

/* What switches the counter off; the hop comes while it is on, while it is off, or in both. */
static const struct {
	const char *name;
	bool by_pmcr, event;
	bool hop_on, hop_off;
} switch_rows[] = {
	{ "pmcnten/hop-on", false, false, true, false },
	{ "pmcnten/hop-off", false, false, false, true },
	{ "pmcr.e/hop-on", true, false, true, false },
	{ "pmcr.e/hop-off", true, false, false, true },
	/* Of event counters: */
	{ "pmcnten", false, true, true, true },
	{ "pmcr.e", true, true, true, true },
};

#define EVENT_ROW 4 /* the first */

static const char *switch_name(int row)
{
	return switch_rows[row].name;
}

static const char *switch_event_name(int row)
{
	return switch_rows[row + EVENT_ROW].name;
}

static void turn(unsigned n, bool by_pmcr, bool on)
{
	if (by_pmcr)
		guest_write(guest, PMCR_EL0, on ? PMCR_LC | PMCR_E : PMCR_LC);
	else
		guest_write(guest, on ? PMCNTENSET_EL0 : PMCNTENCLR_EL0, BIT(n));
}

/* On, it counts; off, it keeps its value to the last bit; and on again it goes on from there. */
static void switched(const struct site *site, struct variant variant)
{
	bool by_pmcr = switch_rows[variant.row].by_pmcr, event = switch_rows[variant.row].event;
	unsigned n = event ? 0 : CYCLE;
	uint64_t first = 0, kept = 1000;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant, &itinerary);
	if (event)
		need_counters(vcpu, 1);
	counter_emit(guest, n, event ? EVENT_CPU_CYCLES : 0, kept);
	turn(n, by_pmcr, false);
	guest_write(guest, PMCR_EL0, by_pmcr ? PMCR_LC : PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_read(guest, XFIRST, counter_register(n));
	turn(n, by_pmcr, true);
	if (switch_rows[variant.row].hop_on)
		guest_hop(guest);
	guest_work(guest, LOOPS);
	turn(n, by_pmcr, false);
	guest_read(guest, XSECOND, counter_register(n));
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
	if (switch_rows[variant.row].hop_off)
		guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t from = vcpu_take(vcpu), to = vcpu_take(vcpu);

		expect_equal(from, kept, "value of the counter that is off, round %d", i);
		judge_work(site, variant, to - from, &first, 2 * LOOPS, i);
		kept = to;
	}
	note("%llu cycles each time", (unsigned long long)first);
}

static void switched_event(const struct site *site, struct variant variant)
{
	variant.row += EVENT_ROW;
	switched(site, variant);
}

/* PMCR.C resets the cycle counter only, PMCR.P the event counters only; both go on at once. */
static const struct {
	const char *name;
	unsigned reset;
} reset_rows[] = {
	{ "pmcr.c", PMCR_C },
	{ "pmcr.p", PMCR_P },
	{ "pmcr.cp", PMCR_C | PMCR_P },
	{ "none", 0 },
};

static const char *reset_name(int row)
{
	return reset_rows[row].name;
}

static void resets(const struct site *site, struct variant variant)
{
	unsigned reset = reset_rows[variant.row].reset;
	uint64_t cycles = 0, events = 0, after_cycles = 0, after_events = 0;
	bool has_event = variant.mode != MODE_COMPOSITE;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant, &itinerary);
	if (has_event)
		need_counters(vcpu, 1);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	counter_emit(guest, CYCLE, 0, HIGH);
	if (has_event)
		counter_emit(guest, 0, EVENT_CPU_CYCLES, HIGH);
	guest_work(guest, LOOPS);
	guest_read(guest, XFIRST, PMCCNTR_EL0);
	if (has_event)
		guest_read(guest, XOTHER_FIRST, PMEVCNTR_EL0(0));
	guest_hop(guest);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E | reset);
	guest_read(guest, XSECOND, PMCCNTR_EL0);
	if (has_event)
		guest_read(guest, XOTHER_SECOND, PMEVCNTR_EL0(0));
	for (unsigned x = XFIRST; x <= XOTHER_SECOND; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t first = vcpu_take(vcpu), second = vcpu_take(vcpu);
		uint64_t other_first = vcpu_take(vcpu), other_second = vcpu_take(vcpu);

		expect(first > HIGH, "the cycle counter did not count in round %d", i);
		expect((second < HIGH) == ((reset & PMCR_C) != 0),
		       "cycle counter, round %d: %llu, PMCR written, %llu", i,
		       (unsigned long long)first, (unsigned long long)second);
		if (has_event)
			expect((other_second < HIGH) == ((reset & PMCR_P) != 0),
			       "event counter, round %d: %llu, PMCR written, %llu", i,
			       (unsigned long long)other_first, (unsigned long long)other_second);
		expect(second > 0 && (!has_event || other_second > 0),
		       "a counter does not go on after the reset of round %d", i);
		if (!site->exact || variant.hops == HOPS_ASYNC)
			continue;
		first = reset & PMCR_C ? second : second - first;
		other_first = reset & PMCR_P ? other_second : other_second - other_first;
		cycles = i ? cycles : first;
		events = i ? events : other_first;
		after_cycles = first;
		after_events = other_first;
		expect_equal(first, cycles, "cycles in round %d", i);
		if (has_event)
			expect_equal(other_first, events, "events in round %d", i);
	}
	note("cycles %llu, events %llu", (unsigned long long)after_cycles,
	     (unsigned long long)after_events);
	if (site->exact)
		expect(cycles < 100 && (!has_event || events < 100),
		       "%llu cycles and %llu events for a few instructions",
		       (unsigned long long)cycles, (unsigned long long)events);
}

/*
 * PMCR.D (Arm ARM, PMCR_EL0): the cycle counter counts every 64th cycle, unless LC is
 * set. KVM does not implement it, and there is no document that says it need not.
 */
static const struct {
	const char *name;
	uint64_t pmcr;
} divider_rows[] = {
	{ "lc", PMCR_LC | PMCR_D },
	{ "no-lc", PMCR_D },
};

static const char *divider_name(int row)
{
	return divider_rows[row].name;
}

/* A few windows, each with a hop: wall time may make some of them long, not all. */
static void emit_windows(void)
{
	uint32_t *loop = guest_loop(guest, XROUND, DIVIDED);

	guest_read(guest, XFIRST, PMCCNTR_EL0);
	guest_hop(guest);
	guest_work(guest, 32 * LOOPS);
	guest_read(guest, XSECOND, PMCCNTR_EL0);
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
	guest_loop_end(guest, XROUND, loop);
}

/* What the least of them counted, and the most. */
static uint64_t take_windows(uint64_t *most)
{
	uint64_t least = UINT64_MAX;

	*most = 0;
	for (int i = 0; i < DIVIDED; i++) {
		uint64_t first = vcpu_take(vcpu), count = vcpu_take(vcpu) - first;

		least = count < least ? count : least;
		*most = count > *most ? count : *most;
	}
	return least;
}

static void divider(const struct site *site, struct variant variant)
{
	uint64_t pmcr = divider_rows[variant.row].pmcr, plain, divided, plain_most, divided_most;
	struct itinerary itinerary;

	start(site, variant, &itinerary);
	counter_emit(guest, CYCLE, 0, 0);
	guest_write(guest, PMCR_EL0, (pmcr & PMCR_LC) | PMCR_E);
	emit_windows();
	guest_write(guest, PMCR_EL0, pmcr | PMCR_E);
	emit_windows();
	guest_out(guest, PMCR_EL0);
	run(&itinerary);

	plain = take_windows(&plain_most);
	divided = take_windows(&divided_most);
	note("%llu cycles without D, %llu with", (unsigned long long)plain,
	     (unsigned long long)divided);
	if (!(pmcr & PMCR_LC) && vcpu_take(vcpu) & PMCR_LC)
		skip_test("PMCR_EL0.LC is always set here, so that D has no effect");
	if (site->exact) {
		/* Of windows of the same cycles one may have one more that is a 64th. */
		uint64_t more = pmcr & PMCR_LC || divided == plain ? 0 : 1;

		expect_equal(plain_most, plain, "most and least of the windows without D");
		expect_between(divided_most, divided, divided + more, "most with D");
	}
	if (pmcr & PMCR_LC) {
		if (site->exact)
			expect_equal(divided, plain, "count with LC and D");
		else /* the same work takes one core more cycles than another, but not 32 times */
			expect(divided > plain / 32, "LC is set, and D divides all the same");
		return;
	}
	if (site->exact ? divided == plain : divided > plain / 8)
		known_fault("PMCR_EL0.D is kept but has no effect");
	if (site->exact)
		expect_between(divided, plain / 64, plain / 64 + 1, "every 64th cycle");
	else
		expect(divided > 0, "with D the cycle counter does not count");
}

static const struct test tests[] = {
	{ "counting.switched", switched, EVERY_MODE, SYNC | ASYNC, EVENT_ROW, switch_name, 0 },
	{ "counting.switched_event", switched_event, WITH_EVENTS, SYNC, 2, switch_event_name, 0 },
	{ "counting.reset", resets, EVERY_MODE, SYNC, 4, reset_name, 0 },
	{ "counting.divider", divider, EVERY_MODE, SYNC, 2, divider_name, 0 },
};

FAMILY(counting_control_family, tests);
