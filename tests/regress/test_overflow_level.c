/* SPDX-License-Identifier: MIT */
/*
 * The overflow interrupt is a level: high while PMCR_EL0.E is set and some bit is set both
 * in PMOVSSET_EL0 and in PMINTENSET_EL1 (Arm ARM, "Generating overflow interrupt requests").
 * Nothing overflows in these tests: the guest sets the flags itself, so they hold on every CPU.
 */
#include <string.h>

#include "counters.h"
#include "result.h"

#define ROUNDS 12
#define AGAIN  4 /* interrupts from a level that stays high */

enum { XROUND = 23 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void start(const struct site *site, struct variant variant, struct itinerary *itinerary)
{
	vm_start(&vm, site, variant.mode, 1);
	itinerary_all(site, itinerary, variant.hops);
	if (!site->naway)
		itinerary_home(site, itinerary, variant.hops);
	guest_pmu_reset(guest, 0);
	guest_gic(guest, vm.gic, 0, PMU_INTID);
	guest_irqs(guest, true);
}

static void run(struct itinerary *itinerary)
{
	guest_exit(guest);
	run_hopping(vcpu, itinerary);
}

/* The steps before the hop must not raise the line, the one after it does, if it is to. */
struct step {
	uint16_t sysreg;
	uint64_t value;
};

static const struct {
	const char *name;
	struct step before[4], last;
	bool raised;
	bool event; /* of an event counter */
} raise_rows[] = {
	{ "pmovsset",
	  { { PMCR_EL0, PMCR_LC | PMCR_E },
	    { PMCNTENSET_EL0, BIT(CYCLE) },
	    { PMINTENSET_EL1, BIT(CYCLE) } },
	  { PMOVSSET_EL0, BIT(CYCLE) },
	  true,
	  false },
	{ "pmintenset",
	  { { PMCR_EL0, PMCR_LC | PMCR_E },
	    { PMCNTENSET_EL0, BIT(CYCLE) },
	    { PMOVSSET_EL0, BIT(CYCLE) } },
	  { PMINTENSET_EL1, BIT(CYCLE) },
	  true,
	  false },
	{ "pmcr.e",
	  { { PMCNTENSET_EL0, BIT(CYCLE) },
	    { PMOVSSET_EL0, BIT(CYCLE) },
	    { PMINTENSET_EL1, BIT(CYCLE) } },
	  { PMCR_EL0, PMCR_LC | PMCR_E },
	  true,
	  false },
	{ "pmcnten-off",
	  { { PMCR_EL0, PMCR_LC | PMCR_E }, { PMINTENSET_EL1, BIT(CYCLE) } },
	  { PMOVSSET_EL0, BIT(CYCLE) },
	  true,
	  false },
	/* Of event counters: */
	{ "other-pminten",
	  { { PMCR_EL0, PMCR_LC | PMCR_E }, { PMINTENSET_EL1, BIT(0) } },
	  { PMOVSSET_EL0, BIT(CYCLE) },
	  false,
	  true },
	{ "event",
	  { { PMCR_EL0, PMCR_LC | PMCR_E },
	    { PMCNTENSET_EL0, BIT(0) },
	    { PMINTENSET_EL1, BIT(0) | BIT(CYCLE) } },
	  { PMOVSSET_EL0, BIT(0) },
	  true,
	  true },
};

#define EVENT_ROW  4 /* the first */
#define NEVENTROWS 2

static const char *raise_name(int row)
{
	return raise_rows[row].name;
}

static const char *raise_event_name(int row)
{
	return raise_rows[row + EVENT_ROW].name;
}

static void raises(const struct site *site, struct variant variant)
{
	bool raised = raise_rows[variant.row].raised;
	struct step last = raise_rows[variant.row].last;
	uint64_t flag = raise_rows[variant.row].event && raised ? BIT(0) : BIT(CYCLE);
	struct itinerary itinerary;
	uint64_t flags = 0;
	int missing = 0;
	uint32_t *loop;

	start(site, variant, &itinerary);
	if (raise_rows[variant.row].event)
		need_counters(vcpu, 1);
	/* So that it does not overflow by itself. */
	guest_write(guest, PMCCNTR_EL0, 0);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMCR_EL0, PMCR_LC);
	guest_write(guest, PMCNTENCLR_EL0, ALL);
	guest_write(guest, PMINTENCLR_EL1, ALL);
	guest_write(guest, PMOVSCLR_EL0, ALL);
	irq_forget(guest);
	for (int i = 0; i < 4 && raise_rows[variant.row].before[i].sysreg; i++)
		guest_write(guest, raise_rows[variant.row].before[i].sysreg,
			    raise_rows[variant.row].before[i].value);
	irq_out(guest);
	guest_hop(guest);
	irq_out(guest);
	guest_write(guest, last.sysreg, last.value);
	/* An exit and an entry: here the interrupt has been taken. */
	irq_out(guest);
	irq_out(guest);
	guest_out(guest, PMOVSSET_EL0);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		expect_equal(vcpu_take(vcpu), 0, "an interrupt before its time, round %d", i);
		expect_equal(vcpu_take(vcpu), 0, "an interrupt by the hop, round %d", i);
		vcpu_take(vcpu);
		missing += (vcpu_take(vcpu) != 0) != raised;
		flags = vcpu_take(vcpu);
		/* The handler cleared them. */
		if (vcpu->nirqs)
			expect_equal(flags, 0, "overflow flags after round %d", i);
	}
	/* Positively so: the flag is set, and with the counter enabled, row pmovsset, it comes. */
	if (missing == ROUNDS && !strcmp(raise_rows[variant.row].name, "pmcnten-off") &&
	    !vcpu->nirqs && flags == BIT(CYCLE))
		known_fault("no overflow interrupt of a counter that is not enabled");
	expect_equal((uint64_t)missing, 0, "rounds without their interrupt, or with one too many");
	expect_equal((uint64_t)vcpu->nirqs, raised ? ROUNDS : 0, "interrupts");
	for (int i = 0; i < vcpu->nirqs; i++) {
		expect_equal(vcpu->irqs[i].intid, PMU_INTID, "INTID of interrupt %d", i);
		expect_equal(vcpu->irqs[i].overflow, flag, "overflow flags in interrupt %d", i);
	}
}

static void raises_event(const struct site *site, struct variant variant)
{
	variant.row += EVENT_ROW;
	raises(site, variant);
}

/*
 * A handler that leaves the cause in place gets the interrupt again each time that it
 * lets it in, on whichever CPU; what lowers the line ends that, and what undoes this begins again.
 */
static const struct {
	const char *name;
	struct step lower, undo;
} lower_rows[] = {
	{ "pmovsclr", { PMOVSCLR_EL0, BIT(CYCLE) }, { PMOVSSET_EL0, BIT(CYCLE) } },
	{ "pmintenclr", { PMINTENCLR_EL1, BIT(CYCLE) }, { PMINTENSET_EL1, BIT(CYCLE) } },
	{ "pmcr.e", { PMCR_EL0, PMCR_LC }, { PMCR_EL0, PMCR_LC | PMCR_E } },
};

static const char *lower_name(int row)
{
	return lower_rows[row].name;
}

/* Lets an interrupt in; the handler, or this, masks them again. Hands over whether one came. */
static void let_in(void)
{
	irq_forget(guest);
	guest_irqs(guest, true);
	guest_nops(guest, 4);
	irq_out(guest);
	guest_irqs(guest, false);
}

static void level(const struct site *site, struct variant variant)
{
	struct step lower = lower_rows[variant.row].lower, undo = lower_rows[variant.row].undo;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant, &itinerary);
	guest_irqs(guest, false);
	guest_keep_level(guest, vm.gic, true);
	/* Far from its wrap, and enabled: whether it has to be is overflow.raise's to say. */
	guest_write(guest, PMCCNTR_EL0, 0);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_write(guest, PMOVSSET_EL0, BIT(CYCLE));
	for (int i = 0; i < AGAIN; i++) {
		if (i % 2)
			guest_hop(guest);
		let_in();
	}
	guest_write(guest, lower.sysreg, lower.value);
	let_in();
	guest_hop(guest);
	let_in();
	guest_write(guest, undo.sysreg, undo.value);
	let_in();
	guest_write(guest, PMOVSCLR_EL0, ALL);
	let_in();
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < AGAIN; j++)
			expect(vcpu_take(vcpu) != 0, "round %d: high, and no interrupt %d", i, j);
		expect_equal(vcpu_take(vcpu), 0, "round %d: an interrupt from a line that is low",
			     i);
		expect_equal(vcpu_take(vcpu), 0, "round %d: an interrupt after the hop", i);
		expect(vcpu_take(vcpu) != 0, "round %d: high again, and no interrupt", i);
		expect_equal(vcpu_take(vcpu), 0, "round %d: an interrupt after PMOVSCLR", i);
	}
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS * (AGAIN + 1), "interrupts");
	for (int i = 0; i < vcpu->nirqs; i++) {
		expect_equal(vcpu->irqs[i].intid, PMU_INTID, "INTID of interrupt %d", i);
		expect_equal(vcpu->irqs[i].overflow, BIT(CYCLE), "overflow flags in interrupt %d",
			     i);
	}
}

static const struct test tests[] = {
	{ "overflow.raise", raises, EVERY_MODE, SYNC, EVENT_ROW, raise_name, 0 },
	{ "overflow.raise", raises_event, WITH_EVENTS, SYNC, NEVENTROWS, raise_event_name, 0 },
	{ "overflow.level", level, EVERY_MODE, SYNC | ASYNC, 3, lower_name, 0 },
	{ "overflow.level", level, STRICT, SYNC, 1, lower_name, 0 },
};

FAMILY(overflow_level_family, tests);
