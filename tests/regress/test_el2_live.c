/* SPDX-License-Identifier: MIT */
/*
 * MDCR_EL2 changes while counters count: its bits take effect at once, whoever writes them (Arm
 * ARM, "Synchronization requirements": with the ISB that follows).
 */
#include "el2.h"
#include "result.h"

#define OWN   2 /* of EL2's counters: the last ones */
#define LOOPS 20000

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

#define LAST  (-1) /* of a row: the last event counter, which can be EL2's */
#define FAULT "MDCR_EL2.%s does not reach live events"

static const struct {
	const char *name, *bit;
	int counter;
	uint64_t pmcr;
	uint64_t before, after; /* MDCR_EL2 */
	bool own_before, own;   /* whether it reserves counters for EL2 */
	bool counted_before, counted;
} rows[] = {
	{ "hpmd-set", "HPMD", CYCLE, PMCR_E | PMCR_DP, 0, MDCR_HPMD, false, false, true, false },
	{ "hpmd-clear", "HPMD", CYCLE, PMCR_E | PMCR_DP, MDCR_HPMD, 0, false, false, false, true },
	{ "hccd-set", "HCCD", CYCLE, PMCR_E, 0, MDCR_HCCD, false, false, true, false },
	{ "hccd-clear", "HCCD", CYCLE, PMCR_E, MDCR_HCCD, 0, false, false, false, true },
	/* Of event counters: */
	{ "hpmd-event", "HPMD", 0, PMCR_E, 0, MDCR_HPMD, false, false, true, false },
	{ "hpmn-lowered", "HPMN", LAST, 0, MDCR_HPME, MDCR_HPME, false, true, false, true },
	{ "hpmn-raised", "HPMN", LAST, 0, MDCR_HPME, MDCR_HPME, true, false, true, false },
	{ "hpme-set", "HPME", LAST, 0, 0, MDCR_HPME, true, true, false, true },
	{ "hpme-clear", "HPME", LAST, 0, MDCR_HPME, 0, true, true, true, false },
};

#define NROWS   9
#define NCYCLES 4 /* the first of them */

static const char *row_name(int row)
{
	return el2_row_name(row >= NROWS, rows[row % NROWS].name);
}

/* What would be seen if the counter did as before. */
static bool as_before(const struct site *site, uint64_t count, bool counted_before)
{
	return counted_before ? el2_counted(site, count, LOOPS) : count == 0;
}

static void change(const struct site *site, struct variant variant, bool by_userspace)
{
	int row = variant.row % NROWS;
	uint64_t before, after, mdcr;
	unsigned n, counter;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NROWS);
	if ((rows[row].before | rows[row].after) & MDCR_HCCD &&
	    PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)) < PMUVER_V3P5)
		skip_test("MDCR_EL2.HCCD is of PMUv3p5");
	n = el2_counters(vcpu, rows[row].counter == CYCLE ? 0 : 1 + OWN);
	counter = rows[row].counter == LAST ? n - 1 : (unsigned)rows[row].counter;
	guest_write(guest, MDCR_EL2,
		    MDCR_HPMN(rows[row].own_before ? n - OWN : n) | rows[row].before);
	guest_write(guest, PMCR_EL0, PMCR_LC | rows[row].pmcr);
	counter_emit(guest, counter, (counter == CYCLE ? 0 : EVENT_CPU_CYCLES) | FILTER_NSH, 0);
	el2_window(guest, AT_EL2, counter, LOOPS);
	mdcr = MDCR_HPMN(rows[row].own ? n - OWN : n) | rows[row].after;
	guest_hop(guest);
	if (!by_userspace)
		guest_write(guest, MDCR_EL2, mdcr);
	el2_window(guest, AT_EL2, counter, LOOPS);
	guest_exit(guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "the run before the change");
	if (by_userspace)
		vcpu_set(vcpu, MDCR_EL2, mdcr);
	vcpu_finish(vcpu);
	before = el2_take(vcpu);
	after = el2_take(vcpu);
	note("before: %llu, after: %llu", (unsigned long long)before, (unsigned long long)after);
	/* A bit without any effect, which el2.prohibited_cycles shows. */
	if (rows[row].counted && el2_counted(site, before, LOOPS) && rows[row].before & MDCR_HCCD)
		known_fault("MDCR_EL2.HCCD is kept and has no effect");
	if (rows[row].counted_before)
		el2_expect_counted(site, before, LOOPS, "before the change");
	else
		expect_equal(before, 0, "before the change");
	if (as_before(site, after, rows[row].counted_before))
		known_fault(FAULT, rows[row].bit);
	if (rows[row].counted)
		el2_expect_counted(site, after, LOOPS, "after the change");
	else
		expect_equal(after, 0, "after the change");
}

static void by_guest(const struct site *site, struct variant variant)
{
	change(site, variant, false);
}

static void by_userspace(const struct site *site, struct variant variant)
{
	change(site, variant, true);
}

/*
 * Set, a way to EL1 and back, cleared, and the same again: the counter counts at both levels as it
 * did at first. The way makes KVM look at which counters count at one level and not at the other.
 */
static void round_trip(const struct site *site, struct variant variant)
{
	uint64_t mdcr, el2, el1;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	mdcr = MDCR_HPMN(PMCR_N(vcpu_get(vcpu, PMCR_EL0)));
	guest_pmu_reset(guest, 0);
	guest_write(guest, MDCR_EL2, mdcr);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E | PMCR_DP);
	counter_emit(guest, CYCLE, FILTER_NSH, 0);
	guest_write(guest, MDCR_EL2, mdcr | MDCR_HPMD);
	el2_window(guest, AT_EL1, CYCLE, LOOPS);
	guest_write(guest, MDCR_EL2, mdcr);
	el2_drop(guest);
	el2_return(guest);
	el2_window(guest, AT_EL2, CYCLE, LOOPS);
	el2_window(guest, AT_EL1, CYCLE, LOOPS);
	guest_exit(guest);
	vcpu_finish(vcpu);
	el2_expect_counted(site, el2_take(vcpu), LOOPS, "at EL1 with HPMD");
	el2 = el2_take(vcpu);
	el1 = el2_take(vcpu);
	if (!el2 && !el1)
		known_fault("once HPMD has been set and cleared, the cycle counter does not count "
			    "at EL2 "
			    "and EL1 for good");
	el2_expect_counted(site, el2, LOOPS, "at EL2, cleared");
	el2_expect_counted(site, el1, LOOPS, "at EL1, cleared");
}

/* HLP: where EL2's counters overflow. Before they count, and while they do. */
static const struct {
	const char *name;
	bool live, hlp;
} width_rows[] = {
	{ "hlp", false, true },
	{ "no-hlp", false, false },
	{ "hlp-live", true, true },
	{ "no-hlp-live", true, false },
};

#define NWIDTHS 4

static const char *width_name(int row)
{
	return el2_row_name(row >= NWIDTHS, width_rows[row % NWIDTHS].name);
}

static void width(const struct site *site, struct variant variant)
{
	bool live = width_rows[variant.row % NWIDTHS].live,
	     hlp = width_rows[variant.row % NWIDTHS].hlp;
	uint64_t base, at_32;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NWIDTHS);
	n = el2_counters(vcpu, 1 + OWN);
	if (PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)) < PMUVER_V3P5)
		skip_test("MDCR_EL2.HLP is of PMUv3p5");
	base = MDCR_HPMN(n - OWN) | MDCR_HPME;
	guest_write(guest, PMCR_EL0, PMCR_LC);
	guest_write(guest, MDCR_EL2, base | (hlp != live ? MDCR_HLP : 0));
	counter_emit(guest, n - 1, EVENT_CPU_CYCLES | FILTER_NSH, 0xffffffff - LOOPS);
	if (live)
		guest_write(guest, MDCR_EL2, base | (hlp ? MDCR_HLP : 0));
	guest_work(guest, 2 * LOOPS);
	guest_out(guest, PMOVSSET_EL0);
	guest_out(guest, PMEVCNTR_EL0(n - 1));
	guest_exit(guest);
	vcpu_finish(vcpu);
	at_32 = vcpu_take(vcpu);
	expect(vcpu_take(vcpu) >> 32 != 0, "counter %u has not counted past 2^32", n - 1);
	if (live && at_32 == (hlp ? BIT(n - 1) : 0))
		known_fault(FAULT, "HLP");
	expect_equal(at_32, hlp ? 0 : BIT(n - 1), "overflow flags past 2^32");
}

static const struct test tests[] = {
	{ "el2.live", by_guest, IN(MODE_DEFAULT), 0, NROWS, row_name, 0 },
	{ "el2.live", by_guest, IN(MODE_COMPOSITE), 0, NCYCLES, row_name, 0 },
	{ "el2.live_by_userspace", by_userspace, IN(MODE_DEFAULT), 0, NROWS, row_name, 0 },
	{ "el2.live_round_trip", round_trip, EVERY_MODE, 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.width", width, IN(MODE_DEFAULT), 0, NWIDTHS, width_name, 0 },
};

FAMILY(el2_live_family, tests);
