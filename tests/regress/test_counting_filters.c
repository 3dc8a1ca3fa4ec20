/* SPDX-License-Identifier: MIT */
/* Filters: by exception level, which the guest sets, and by event, which the VMM sets. */
#include "counters.h"
#include "result.h"

#define ROUNDS 20
#define LOOPS  10000

enum { XFIRST = 19, XSECOND = 20, XTHIRD = 21, XROUND = 23 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

/*
 * One piece of work at EL1 and the same at EL0, with a hop in the middle of the second:
 * KVM switches its filters when a vCPU is loaded on a CPU (kvm_vcpu_pmu_restore_guest()).
 */
static const struct {
	const char *name;
	unsigned n, event; /* CYCLE: the cycle counter */
	uint64_t filter;
	bool el1, el0;
} level_rows[] = {
	{ "cycles/all", CYCLE, 0, 0, true, true },
	{ "cycles/el0", CYCLE, 0, FILTER_P, false, true },
	{ "cycles/el1", CYCLE, 0, FILTER_U, true, false },
	{ "cycles/none", CYCLE, 0, FILTER_P | FILTER_U, false, false },
	{ "cpu_cycles/el0", 0, EVENT_CPU_CYCLES, FILTER_P, false, true },
	{ "cpu_cycles/el1", 0, EVENT_CPU_CYCLES, FILTER_U, true, false },
	{ "cpu_cycles/none", 0, EVENT_CPU_CYCLES, FILTER_P | FILTER_U, false, false },
	{ "inst_retired/el0", 0, EVENT_INST_RETIRED, FILTER_P, false, true },
	{ "inst_retired/el1", 0, EVENT_INST_RETIRED, FILTER_U, true, false },
};

#define EVENT_ROW  4 /* the first */
#define NEVENTROWS 5

static const char *level_name(int row)
{
	return level_rows[row].name;
}

static const char *level_event_name(int row)
{
	return level_rows[row + EVENT_ROW].name;
}

/* At EL0: MOV and a loop, twice, and SVC. The hop's store is KVM's to do, not the guest's. */
#define EL0_INSNS (2 * (1 + 2 * LOOPS) + 1)

static void levels(const struct site *site, struct variant variant)
{
	uint64_t filter = level_rows[variant.row].filter, first_el1 = 0, first_el0 = 0;
	bool el1 = level_rows[variant.row].el1, el0 = level_rows[variant.row].el0;
	unsigned n = level_rows[variant.row].n, event = level_rows[variant.row].event;
	bool equal = site->exact && variant.hops != HOPS_ASYNC;
	struct itinerary itinerary;
	uint32_t *loop;

	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, &itinerary, variant);
	if (n != CYCLE) {
		need_counters(vcpu, n + 1);
		events_emit(guest, event);
	}
	guest_pmu_reset(guest, 0);
	counter_emit(guest, n, event | filter, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_read(guest, XFIRST, counter_register(n));
	guest_work(guest, 2 * LOOPS);
	guest_read(guest, XSECOND, counter_register(n));
	guest_el0(guest);
	guest_work(guest, LOOPS);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_el1(guest);
	guest_read(guest, XTHIRD, counter_register(n));
	for (unsigned x = XFIRST; x <= XTHIRD; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XROUND, loop);
	guest_exit(guest);
	run_hopping(vcpu, &itinerary);

	if (n != CYCLE)
		need_event(vcpu, event);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t a = vcpu_take(vcpu), b = vcpu_take(vcpu), c = vcpu_take(vcpu);
		uint64_t at_el1 = b - a, at_el0 = c - b;

		/* With P not one count is of EL1. Calls to and from EL0 are of EL1: no 0 there. */
		if (!el1)
			expect_equal(at_el1, 0, "counted at EL1, round %d", i);
		if (!el1 && !el0)
			expect_equal(at_el0, 0, "counted at EL0, round %d", i);
		if (el1)
			expect(at_el1 > 0, "nothing counted at EL1, round %d", i);
		if (el0)
			expect(at_el0 > 0, "nothing counted at EL0, round %d", i);
		if (!site->exact)
			continue;
		first_el1 = i ? first_el1 : at_el1;
		first_el0 = i ? first_el0 : at_el0;
		if (equal) {
			expect_equal(at_el1, first_el1, "at EL1, round %d", i);
			expect_equal(at_el0, first_el0, "at EL0, round %d", i);
		}
		if (el1)
			expect(at_el1 >= 4 * LOOPS, "EL1's work counted %llu, round %d",
			       (unsigned long long)at_el1, i);
		if (el1 && !el0)
			expect(at_el0 < LOOPS, "EL0's work counted %llu without EL0, round %d",
			       (unsigned long long)at_el0, i);
	}
	note("the work at EL1 %llu, at EL0 %llu", (unsigned long long)first_el1,
	     (unsigned long long)first_el0);
	if (equal && el0 && !el1)
		expect_equal(first_el0, EL0_INSNS, "instructions at EL0");
}

static void event_levels(const struct site *site, struct variant variant)
{
	variant.row += EVENT_ROW;
	levels(site, variant);
}

/*
 * KVM_ARM_VCPU_PMU_V3_FILTER (Documentation/virt/kvm/devices/vcpu.rst): the first filter
 * says what becomes of all other events; SW_INCR and CHAIN are never filtered; the filter of
 * CPU_CYCLES is also that of the cycle counter.
 */
static const struct {
	const char *name;
	struct kvm_pmu_event_filter filters[2];
	int nfilters;
	bool cycles, inst_retired;
} filter_rows[] = {
	{ "deny-cycles", { { EVENT_CPU_CYCLES, 1, KVM_PMU_EVENT_DENY, { 0 } } }, 1, false, true },
	{ "deny-inst", { { EVENT_INST_RETIRED, 1, KVM_PMU_EVENT_DENY, { 0 } } }, 1, true, false },
	{ "allow-cycles", { { EVENT_CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW, { 0 } } }, 1, true, false },
	{ "allow-inst", { { EVENT_INST_RETIRED, 1, KVM_PMU_EVENT_ALLOW, { 0 } } }, 1, false, true },
	{ "deny-sw_incr-chain",
	  { { EVENT_SW_INCR, 1, KVM_PMU_EVENT_DENY, { 0 } },
	    { EVENT_CHAIN, 1, KVM_PMU_EVENT_DENY, { 0 } } },
	  2,
	  true,
	  true },
	{ "deny-range-allow-cycles",
	  { { EVENT_SW_INCR, 0x20, KVM_PMU_EVENT_DENY, { 0 } },
	    { EVENT_CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW, { 0 } } },
	  2,
	  true,
	  false },
	/* A second filter leaves alone what the first one did, and a range ends where it says. */
	{ "deny-cycles-inst",
	  { { EVENT_CPU_CYCLES, 1, KVM_PMU_EVENT_DENY, { 0 } },
	    { EVENT_INST_RETIRED, 1, KVM_PMU_EVENT_DENY, { 0 } } },
	  2,
	  false,
	  false },
	{ "allow-inst-cycles",
	  { { EVENT_INST_RETIRED, 1, KVM_PMU_EVENT_ALLOW, { 0 } },
	    { EVENT_CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW, { 0 } } },
	  2,
	  true,
	  true },
	{ "deny-up-to-inst",
	  { { 1, EVENT_INST_RETIRED, KVM_PMU_EVENT_DENY, { 0 } } },
	  1,
	  true,
	  false },
	{ "deny-up-to-before-cycles",
	  { { EVENT_INST_RETIRED + 1,
	      EVENT_CPU_CYCLES - EVENT_INST_RETIRED - 1,
	      KVM_PMU_EVENT_DENY,
	      { 0 } } },
	  1,
	  true,
	  true },
};

#define FILTER_ROWS (int)(sizeof(filter_rows) / sizeof(filter_rows[0]))

static const char *filter_name(int row)
{
	return filter_rows[row].name;
}

static void start_filtered(const struct site *site, struct variant variant)
{
	need_mode(site, variant.mode);
	place_on(site, site->home[0]);
	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, mode_features(variant.mode));
	vm_create_gic(&vm);
	vm_init_gic(&vm);
	vm_choose_pmu(&vm, variant.mode, &site->host.pmus[0]);
	for (int i = 0; i < filter_rows[variant.row].nfilters; i++)
		expect_equal((uint64_t)vcpu_set_attr(vcpu, ATTR_FILTER,
						     &filter_rows[variant.row].filters[i]),
			     0, "errno of filter %d", i);
	vm_init_pmu(&vm);
}

/* Counters 0 CPU_CYCLES, 1 INST_RETIRED, 2 SW_INCR with 3 CHAIN, and the cycle counter. */
static void filtered(const struct site *site, struct variant variant)
{
	static const unsigned counters[] = { CYCLE, 0, 1, 2, 3 };
	enum { NCOUNTERS = 5 };
	bool cycles = filter_rows[variant.row].cycles, has_inst;
	bool counts[NCOUNTERS] = { cycles, cycles, filter_rows[variant.row].inst_retired, true,
				   true };
	uint64_t before[NCOUNTERS] = { 0 };
	struct itinerary itinerary;
	uint64_t pmceid;
	uint32_t *loop;

	start_filtered(site, variant);
	itinerary_counting(site, &itinerary, variant);
	need_counters(vcpu, 4);
	guest_out(guest, PMCEID0_EL0);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, CYCLE, 0, 0);
	counter_emit(guest, 0, EVENT_CPU_CYCLES, 0);
	counter_emit(guest, 1, EVENT_INST_RETIRED, 0);
	counter_emit(guest, 2, EVENT_SW_INCR, 0);
	counter_emit(guest, 3, EVENT_CHAIN, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMEVCNTR_EL0(2), 0xffffffff);
	guest_work(guest, LOOPS);
	guest_hop(guest);
	guest_write(guest, PMSWINC_EL0, BIT(2));
	guest_work(guest, LOOPS);
	for (int i = 0; i < NCOUNTERS; i++)
		guest_out(guest, counter_register(counters[i]));
	guest_loop_end(guest, XROUND, loop);
	guest_exit(guest);
	run_hopping(vcpu, &itinerary);

	pmceid = vcpu_take(vcpu);
	/* Filtered, it is not in PMCEID0 either; but so it is where the host has no such event. */
	has_inst = pmceid >> EVENT_INST_RETIRED & 1;
	expect_equal(pmceid >> EVENT_CPU_CYCLES & 1, cycles, "CPU_CYCLES in PMCEID0_EL0");
	if (!filter_rows[variant.row].inst_retired)
		expect(!has_inst, "INST_RETIRED in PMCEID0_EL0, and filtered");
	if (counts[2] && !has_inst) {
		note("INST_RETIRED is not judged: this host does not count it");
		counts[2] = false;
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < NCOUNTERS; i++) {
			uint64_t value = vcpu_take(vcpu), delta = value - before[i];

			if (!counts[i])
				expect_equal(value, 0, "counter %u, filtered, round %d",
					     counters[i], round);
			else if (i < 3)
				expect(delta > (site->exact ? 4 * LOOPS : 0),
				       "counter %u counted %llu, round %d", counters[i],
				       (unsigned long long)delta, round);
			else
				expect_equal(value & 0xffffffff, i == 3 ? 0 : (uint64_t)round + 1,
					     "counter %u, round %d", counters[i], round);
			before[i] = value;
		}
}

/* A type that is written while the counter counts holds at once: kvm_pmu_set_counter_event_type().
 */
static const struct {
	const char *name;
	unsigned n;
	uint64_t on, off; /* off: neither of them happens in this guest */
} type_rows[] = {
	{ "event", 0, EVENT_CPU_CYCLES, EVENT_SW_INCR },
	{ "filter", 0, EVENT_CPU_CYCLES, EVENT_CPU_CYCLES | FILTER_P },
	{ "cycles", CYCLE, 0, FILTER_P },
};

static const char *type_name(int row)
{
	return type_rows[row].name;
}

static void retyped(const struct site *site, struct variant variant)
{
	unsigned n = type_rows[variant.row].n;
	uint64_t on_count = 0, off_count = 0, before = 0;
	uint64_t least_on = UINT64_MAX, least_off = UINT64_MAX;
	struct itinerary itinerary;
	uint32_t *loop;

	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, &itinerary, variant);
	if (n != CYCLE)
		need_counters(vcpu, 1);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, n, type_rows[variant.row].off, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_read(guest, XFIRST, counter_register(n));
	guest_write(guest, counter_type_register(n), type_rows[variant.row].on);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_read(guest, XSECOND, counter_register(n));
	guest_write(guest, counter_type_register(n), type_rows[variant.row].off);
	guest_work(guest, LOOPS);
	guest_read(guest, XTHIRD, counter_register(n));
	for (unsigned x = XFIRST; x <= XTHIRD; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XROUND, loop);
	guest_exit(guest);
	run_hopping(vcpu, &itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t first = vcpu_take(vcpu), second = vcpu_take(vcpu);
		uint64_t third = vcpu_take(vcpu), on = second - first, off = third - second;

		expect_equal(first, before, "counter before the type of round %d", i);
		least_on = on < least_on ? on : least_on;
		least_off = off < least_off ? off : least_off;
		if (site->exact) {
			on_count = i ? on_count : on;
			off_count = i ? off_count : off;
			expect(on >= 2 * LOOPS && off < 100, "round %d: %llu and %llu", i,
			       (unsigned long long)on, (unsigned long long)off);
			expect_equal(on, on_count, "count of round %d", i);
			expect_equal(off, off_count, "count after the type of round %d", i);
		}
		before = third;
	}
	/*
	 * Off, what is between the reading and the write of the type still counts. Where that
	 * takes wall time it can be long, but not in every round.
	 */
	expect(least_on > 0 && least_off < least_on / 2,
	       "at least %llu counted with the one type, %llu with the other",
	       (unsigned long long)least_on, (unsigned long long)least_off);
}

static const struct test tests[] = {
	{ "counting.levels", levels, EVERY_MODE, SYNC | ASYNC, EVENT_ROW, level_name, 0 },
	{ "counting.levels", event_levels, WITH_EVENTS, SYNC, NEVENTROWS, level_event_name, 0 },
	{ "counting.retyped", retyped, WITH_EVENTS, SYNC, 3, type_name, 0 },
	{ "counting.filter", filtered, WITH_EVENTS, SYNC, FILTER_ROWS, filter_name, 0 },
	{ "counting.filter", filtered, STRICT, SYNC, 1, filter_name, 0 },
};

FAMILY(counting_filters_family, tests);
