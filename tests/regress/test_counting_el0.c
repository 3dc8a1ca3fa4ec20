/* SPDX-License-Identifier: MIT */
/* A counter that the guest's kernel sets while it counts, as Linux does: then EL0 works on. */
#include "counters.h"
#include "result.h"

#define ROUNDS 12
#define LOOPS  10000

enum { XFIRST = 19, XSECOND = 20, XROUND = 23 };

static const struct {
	const char *name;
	unsigned n; /* the counter */
	uint16_t sysreg;
	uint64_t value;
} rows[] = {
	{ "pmccntr", CYCLE, PMCCNTR_EL0, 0 },
	{ "pmcr.c", CYCLE, PMCR_EL0, PMCR_LC | PMCR_E | PMCR_C },
	/* Of event counters: */
	{ "pmevcntr", 0, PMEVCNTR_EL0(0), 0 },
	{ "pmcr.p", 0, PMCR_EL0, PMCR_LC | PMCR_E | PMCR_P },
};

#define EVENT_ROW  2 /* the first */
#define NEVENTROWS 2

static const char *row_name(int row)
{
	return rows[row].name;
}

static const char *event_name(int row)
{
	return rows[row + EVENT_ROW].name;
}

/* What EL0's work counts. */
static void emit_el0(struct guest *guest, unsigned n)
{
	guest_read(guest, XFIRST, counter_register(n));
	guest_el0(guest);
	guest_work(guest, LOOPS);
	guest_el1(guest);
	guest_read(guest, XSECOND, counter_register(n));
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
}

static uint64_t take(struct vcpu *vcpu)
{
	uint64_t first = vcpu_take(vcpu);

	return vcpu_take(vcpu) - first;
}

/*
 * With the write before an exit to the VMM, and after it. On a VHE host the counters of a guest
 * count at EL0 only once KVM has said so to the hardware (kvm_vcpu_pmu_restore_guest()): it does
 * when the vCPU is loaded, and must do so for a perf event that a write makes anew.
 */
static void written(const struct site *site, struct variant variant)
{
	unsigned n = rows[variant.row].n;
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct guest *guest = &vcpu->guest;
	struct itinerary itinerary;
	int still = 0;
	uint32_t *loop;

	vm_start(&vm, site, variant.mode, 1);
	itinerary_home(site, &itinerary, HOPS_NONE);
	if (n != CYCLE)
		need_counters(vcpu, n + 1);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, n, n == CYCLE ? 0 : EVENT_CPU_CYCLES, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	for (int after = 0; after < 2; after++) {
		if (after)
			guest_hop(guest);
		guest_write(guest, rows[variant.row].sysreg, rows[variant.row].value);
		if (!after)
			guest_hop(guest);
		emit_el0(guest, n);
	}
	guest_loop_end(guest, XROUND, loop);
	guest_exit(guest);
	run_hopping(vcpu, &itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before = take(vcpu), after = take(vcpu);

		note("round %d: %llu, and %llu with a write after the exit", i,
		     (unsigned long long)before, (unsigned long long)after);
		expect_between(before, site->exact ? 2 * LOOPS : LEAST_CYCLES(LOOPS), MOST_CYCLES,
			       "round %d, with the write before an exit", i);
		/* The way to EL0 and back is EL1's, and counts. */
		if (after && after < LEAST_CYCLES(LOOPS))
			still++;
		else if (site->exact)
			expect_equal(after, before, "round %d, with the write after the exit", i);
		else
			expect(after < MOST_CYCLES, "round %d: the counter went back", i);
	}
	if (still)
		known_fault("after a guest's write to a counter that counts, its EL0 counts "
			    "nothing until it has left KVM_RUN");
}

static void written_event(const struct site *site, struct variant variant)
{
	variant.row += EVENT_ROW;
	written(site, variant);
}

static const struct test tests[] = {
	{ "counting.el0_written", written, EVERY_MODE, 0, EVENT_ROW, row_name, 0 },
	{ "counting.el0_written", written_event, WITH_EVENTS, 0, NEVENTROWS, event_name, 0 },
};

FAMILY(counting_el0_family, tests);
