/* SPDX-License-Identifier: MIT */
/* Overflow interrupts of guests with EL2: of EL1's counters and EL2's own, at each level, once. */
#include "el2.h"
#include "result.h"

#define OWN    2 /* of EL2's counters: the last ones */
#define LOOPS  20000
#define BEFORE 20000 /* the overflow, in cycles */

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

enum which { CYCLES, BELOW, LAST };

static const struct {
	const char *name;
	enum which which;
	enum el2_level level;
	uint64_t pmcr, mdcr;
	bool own; /* EL1 takes it, and not EL2 */
} rows[] = {
	{ "cycles-el2", CYCLES, AT_EL2, PMCR_E, 0, false },
	{ "cycles-el1", CYCLES, AT_EL1, PMCR_E, 0, false },
	{ "cycles-el1-own", CYCLES, AT_EL1, PMCR_E, 0, true },
	/* Of event counters: */
	{ "below-el2", BELOW, AT_EL2, PMCR_E, 0, false },
	{ "below-el1", BELOW, AT_EL1, PMCR_E, 0, false },
	{ "last-el2", LAST, AT_EL2, PMCR_E, MDCR_HPME, false },
	{ "last-el1", LAST, AT_EL1, PMCR_E, MDCR_HPME, false },
	{ "last-el1-off", LAST, AT_EL1, 0, MDCR_HPME, false },
};

#define NROWS   8
#define NCYCLES 3 /* the first of them */

static const char *row_name(int row)
{
	return el2_row_name(row >= NROWS, rows[row % NROWS].name);
}

/* Armed, and then perhaps moved; the work that overflows is done on the other host CPU. */
static void overflow(const struct site *site, struct variant variant)
{
	int row = variant.row % NROWS;
	enum which which = rows[row].which;
	unsigned n, counter;
	struct itinerary itinerary;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NROWS);
	n = el2_counters(vcpu, which == CYCLES ? 0 : 1 + OWN);
	counter = which == CYCLES ? CYCLE : which == BELOW ? 0 : n - 1;
	if (which != CYCLES)
		guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | rows[row].mdcr);
	el2_interrupts(guest, variant.row >= NROWS, rows[row].own);
	guest_write(guest, PMINTENSET_EL1, BIT(counter));
	guest_write(guest, PMCR_EL0, PMCR_LC | rows[row].pmcr);
	counter_emit(guest, counter, (counter == CYCLE ? 0 : EVENT_CPU_CYCLES) | FILTER_NSH,
		     (counter == CYCLE ? ~0ull : 0xffffffffull) - BEFORE);
	guest_hop(guest);
	if (rows[row].level == AT_EL1)
		el2_drop(guest);
	guest_work(guest, LOOPS);
	irq_forget(guest);
	irq_await(site, guest, 20);
	if (rows[row].level == AT_EL1)
		el2_return(guest);
	guest_exit(guest);
	itinerary_counting(site, &itinerary, variant);
	run_hopping(vcpu, &itinerary);

	expect_equal((uint64_t)vcpu->nexceptions, 0, "exceptions");
	expect_equal((uint64_t)vcpu->nirqs, 1, "interrupts");
	expect_equal(vcpu->irqs[0].intid, PMU_INTID, "INTID");
	expect_equal(vcpu->irqs[0].overflow, BIT(counter), "overflow flags");
	if (rows[row].own)
		expect_equal(vcpu->irqs[0].spsr, 0, "SPSR_EL2, though EL1 was to take it");
	else
		expect_equal(el2_taken_from(vcpu->irqs[0].spsr), (uint64_t)rows[row].level,
			     "level that it was taken from");
}

/* The line is high if what enables the counter is set. Flags are set by software: nothing
 * overflows. */
static void line(const struct site *site, struct variant variant)
{
	int row = variant.row % EL2_ENABLES;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= EL2_ENABLES);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | el2_enables[row].mdcr);
	el2_interrupts(guest, variant.row >= EL2_ENABLES, false);
	guest_write(guest, PMINTENSET_EL1, ALL);
	guest_write(guest, PMCR_EL0, PMCR_LC | el2_enables[row].pmcr);
	for (int i = 0; i < 2; i++) {
		irq_forget(guest);
		guest_write(guest, PMOVSSET_EL0, BIT(i ? n - 1 : 0));
		irq_await(site, guest, 20);
		irq_out(guest);
		guest_write(guest, PMOVSCLR_EL0, ALL);
	}
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu) != 0, el2_enables[row].below, "an interrupt of EL1's counter");
	expect_equal(vcpu_take(vcpu) != 0, el2_enables[row].own, "an interrupt of EL2's counter");
	expect_equal((uint64_t)vcpu->nirqs, (uint64_t)el2_enables[row].below + el2_enables[row].own,
		     "interrupts");
}

static const struct test tests[] = {
	{ "el2.overflow", overflow, IN(MODE_DEFAULT), STILL, EL2_KINDS *NROWS, row_name, 0 },
	{ "el2.overflow", overflow, IN(MODE_EXPLICIT), SYNC, NROWS, row_name, 0 },
	{ "el2.overflow", overflow, IN(MODE_COMPOSITE), SYNC, NCYCLES, row_name, 0 },
	{ "el2.line", line, IN(MODE_DEFAULT), 0, EL2_ENABLES, el2_enable_name, 0 },
};

FAMILY(el2_overflow_family, tests);
