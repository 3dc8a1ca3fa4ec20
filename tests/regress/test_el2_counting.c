/* SPDX-License-Identifier: MIT */
/* What the counters of a guest with EL2 count at each level, with MDCR_EL2 set before they start.
 */
#include "el2.h"
#include "result.h"

#define OWN    2 /* of EL2's counters: the last ones */
#define LOOPS  20000
#define ROUNDS 12

enum { XFIRST = 19, XSECOND = 20, XROUND = 23 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void judge(const struct site *site, bool counts, const char *what)
{
	uint64_t count = el2_take(vcpu);

	note("%s: %llu", what, (unsigned long long)count);
	if (counts)
		el2_expect_counted(site, count, LOOPS, what);
	else
		el2_expect_still(site, count, LOOPS, what);
}

/* The filter, and the levels that it lets count. */
static const struct {
	const char *name;
	uint64_t filter;
	bool el2, el1;
} level_rows[] = {
	{ "none", 0, false, true },
	{ "nsh", FILTER_NSH, true, true },
	{ "nsh-p", FILTER_NSH | FILTER_P, true, false },
	{ "p", FILTER_P, false, false },
};

#define NLEVELS 4

static const char *level_name(int row)
{
	return el2_row_name(row >= NLEVELS, level_rows[row % NLEVELS].name);
}

static void judge_levels(const struct site *site, struct variant variant, unsigned n)
{
	int row = variant.row % NLEVELS;

	el2_window(guest, AT_EL2, n, LOOPS);
	el2_window(guest, AT_EL1, n, LOOPS);
	guest_exit(guest);
	vcpu_finish(vcpu);
	judge(site, level_rows[row].el2, "at EL2");
	/* In wall time the way there and back, which is EL2's, takes longer than the work. */
	if (site->exact || level_rows[row].el1 || !level_rows[row].el2)
		judge(site, level_rows[row].el1, "at EL1");
}

static void levels(const struct site *site, struct variant variant)
{
	el2_start(&vm, site, variant.mode, 1, variant.row >= NLEVELS);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, CYCLE, level_rows[variant.row % NLEVELS].filter, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	judge_levels(site, variant, CYCLE);
}

/* Of EL1's counters and of EL2's. */
static void levels_events(const struct site *site, struct variant variant, bool own)
{
	unsigned n, counter;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NLEVELS);
	n = el2_counters(vcpu, 1 + OWN);
	counter = own ? n - 1 : 0;
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | MDCR_HPME);
	counter_emit(guest, counter, EVENT_CPU_CYCLES | level_rows[variant.row % NLEVELS].filter,
		     0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	judge_levels(site, variant, counter);
}

static void levels_below(const struct site *site, struct variant variant)
{
	levels_events(site, variant, false);
}

static void levels_own(const struct site *site, struct variant variant)
{
	levels_events(site, variant, true);
}

/* PMCR_EL0.E enables EL1's counters, HPME those of EL2, at both levels. */
static void enables(const struct site *site, struct variant variant)
{
	int row = variant.row % EL2_ENABLES;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= EL2_ENABLES);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | el2_enables[row].mdcr);
	counter_emit(guest, 0, EVENT_CPU_CYCLES | FILTER_NSH, 0);
	counter_emit(guest, n - 1, EVENT_CPU_CYCLES | FILTER_NSH, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | el2_enables[row].pmcr);
	for (int level = AT_EL1; level <= AT_EL2; level++) {
		el2_window(guest, (enum el2_level)level, 0, LOOPS);
		el2_window(guest, (enum el2_level)level, n - 1, LOOPS);
	}
	guest_exit(guest);
	vcpu_finish(vcpu);
	for (int level = AT_EL1; level <= AT_EL2; level++) {
		judge(site, el2_enables[row].below,
		      level == AT_EL2 ? "EL1's counter at EL2" : "EL1's counter at EL1");
		judge(site, el2_enables[row].own,
		      level == AT_EL2 ? "EL2's counter at EL2" : "EL2's counter at EL1");
	}
}

/* HPMD keeps EL1's event counters from counting at EL2, and nothing else. */
static void prohibited(const struct site *site, struct variant variant)
{
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | MDCR_HPME | MDCR_HPMD);
	counter_emit(guest, 0, EVENT_CPU_CYCLES | FILTER_NSH, 0);
	counter_emit(guest, n - 1, EVENT_CPU_CYCLES | FILTER_NSH, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	el2_window(guest, AT_EL2, 0, LOOPS);
	el2_window(guest, AT_EL1, 0, LOOPS);
	el2_window(guest, AT_EL2, n - 1, LOOPS);
	el2_window(guest, AT_EL1, n - 1, LOOPS);
	guest_exit(guest);
	vcpu_finish(vcpu);
	judge(site, false, "EL1's counter at EL2");
	judge(site, true, "EL1's counter at EL1");
	judge(site, true, "EL2's counter at EL2");
	judge(site, true, "EL2's counter at EL1");
}

/* What keeps the cycle counter from counting at EL2: HPMD with PMCR_EL0.DP, and HCCD. */
static const struct {
	const char *name, *fault;
	uint64_t pmcr, mdcr;
	bool counts;
} cycle_rows[] = {
	{ "dp", NULL, PMCR_DP, 0, true },
	{ "hpmd", "MDCR_EL2.HPMD stops the cycle counter at EL2 although PMCR_EL0.DP is 0", 0,
	  MDCR_HPMD, true },
	{ "hpmd-dp", NULL, PMCR_DP, MDCR_HPMD, false },
	{ "hccd", "MDCR_EL2.HCCD is kept and has no effect", 0, MDCR_HCCD, false },
};

#define NCYCLES 4

static const char *cycle_name(int row)
{
	return el2_row_name(row >= NCYCLES, cycle_rows[row % NCYCLES].name);
}

static void cycles_prohibited(const struct site *site, struct variant variant)
{
	int row = variant.row % NCYCLES;
	uint64_t mdcr, count;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NCYCLES);
	if (cycle_rows[row].mdcr & MDCR_HCCD &&
	    PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)) < PMUVER_V3P5)
		skip_test("MDCR_EL2.HCCD is of PMUv3p5");
	mdcr = MDCR_HPMN(PMCR_N(vcpu_get(vcpu, PMCR_EL0))) | cycle_rows[row].mdcr;
	guest_pmu_reset(guest, 0);
	guest_write(guest, MDCR_EL2, mdcr);
	guest_out(guest, MDCR_EL2);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E | cycle_rows[row].pmcr);
	counter_emit(guest, CYCLE, FILTER_NSH, 0);
	el2_window(guest, AT_EL2, CYCLE, LOOPS);
	el2_window(guest, AT_EL1, CYCLE, LOOPS);
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu) & cycle_rows[row].mdcr, cycle_rows[row].mdcr,
		     "the bit of MDCR_EL2");
	count = el2_take(vcpu);
	note("at EL2: %llu", (unsigned long long)count);
	if (cycle_rows[row].fault && el2_counted(site, count, LOOPS) != cycle_rows[row].counts)
		known_fault("%s", cycle_rows[row].fault);
	if (cycle_rows[row].counts)
		el2_expect_counted(site, count, LOOPS, "at EL2");
	else
		expect_equal(count, 0, "at EL2");
	judge(site, true, "at EL1");
}

/* SW_INCR and CHAIN of a counter are enabled by what enables the counter: known_fault() if EL2's is
 * not. */
static void check_own(const struct el2_enable *enable, bool faulty)
{
	if (enable->below != enable->own && faulty)
		known_fault("software increments of EL2's counters go by PMCR_EL0.E, not by "
			    "MDCR_EL2.HPME");
}

static void software(const struct site *site, struct variant variant)
{
	int row = variant.row % EL2_ENABLES;
	uint64_t below, own;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= EL2_ENABLES);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | el2_enables[row].mdcr);
	counter_emit(guest, 0, EVENT_SW_INCR | FILTER_NSH, 0);
	counter_emit(guest, n - 1, EVENT_SW_INCR | FILTER_NSH, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | el2_enables[row].pmcr);
	guest_write(guest, PMSWINC_EL0, BIT(0) | BIT(n - 1));
	guest_out(guest, PMEVCNTR_EL0(0));
	guest_out(guest, PMEVCNTR_EL0(n - 1));
	guest_exit(guest);
	vcpu_finish(vcpu);
	below = vcpu_take(vcpu);
	own = vcpu_take(vcpu);
	expect_equal(below, el2_enables[row].below, "EL1's counter");
	check_own(&el2_enables[row], own == !el2_enables[row].own);
	expect_equal(own, el2_enables[row].own, "EL2's counter");
}

/* The even counter of a pair of EL2's wraps by software into the odd one. */
static void chained(const struct site *site, struct variant variant)
{
	int row = variant.row % EL2_ENABLES;
	uint64_t even, odd, wanted = el2_enables[row].own;
	unsigned n, first;

	el2_start(&vm, site, variant.mode, 1, variant.row >= EL2_ENABLES);
	n = el2_counters(vcpu, 3);
	first = (n - 2) & ~1u;
	guest_write(guest, MDCR_EL2, MDCR_HPMN(first) | el2_enables[row].mdcr);
	guest_write(guest, PMCR_EL0, PMCR_LC | el2_enables[row].pmcr);
	counter_emit(guest, first, EVENT_SW_INCR | FILTER_NSH, 0xffffffff);
	counter_emit(guest, first + 1, EVENT_CHAIN | FILTER_NSH, 0);
	guest_write(guest, PMSWINC_EL0, BIT(first));
	guest_out(guest, PMEVCNTR_EL0(first));
	guest_out(guest, PMEVCNTR_EL0(first + 1));
	guest_exit(guest);
	vcpu_finish(vcpu);
	even = vcpu_take(vcpu) & 0xffffffff;
	odd = vcpu_take(vcpu);
	check_own(&el2_enables[row], even == (wanted ? 0xffffffff : 0) && odd == !wanted);
	expect_equal(even, wanted ? 0 : 0xffffffff, "the even counter");
	expect_equal(odd, wanted, "the odd counter");
}

/* EL1's PMSWINC_EL0 increments EL1's counters only. */
static void software_at_el1(const struct site *site, struct variant variant)
{
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | MDCR_HPME);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	counter_emit(guest, 0, EVENT_SW_INCR, 0);
	counter_emit(guest, n - 1, EVENT_SW_INCR, 0);
	el2_drop(guest);
	guest_write(guest, PMSWINC_EL0, BIT(0) | BIT(n - 1));
	el2_return(guest);
	guest_out(guest, PMEVCNTR_EL0(0));
	guest_out(guest, PMEVCNTR_EL0(n - 1));
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu), 1, "EL1's counter");
	expect_equal(vcpu_take(vcpu), 0, "EL2's counter");
}

/* Where a hop is: inside a window at a level, or between the two. */
static const char *const places[] = { "el2", "el1", "between" };

#define NPLACES 3

static const char *place_name(int row)
{
	return el2_row_name(row >= NPLACES, places[row % NPLACES]);
}

static void emit_hopping(int place, unsigned n)
{
	uint32_t *loop = guest_loop(guest, XROUND, ROUNDS);

	guest_read(guest, XFIRST, counter_register(n));
	if (place == 1)
		el2_drop(guest);
	guest_work(guest, LOOPS / 2);
	guest_hop(guest);
	if (place == 2)
		el2_drop(guest);
	guest_work(guest, LOOPS / 2);
	if (place)
		el2_return(guest);
	guest_read(guest, XSECOND, counter_register(n));
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
	guest_loop_end(guest, XROUND, loop);
	guest_exit(guest);
}

static void hop(const struct site *site, struct variant variant, unsigned n)
{
	struct itinerary itinerary;

	emit_hopping(variant.row % NPLACES, n);
	itinerary_counting(site, &itinerary, variant);
	run_hopping(vcpu, &itinerary);
	for (int i = 0; i < ROUNDS; i++)
		judge(site, true, "a window with a hop");
}

static void cycles_hopping(const struct site *site, struct variant variant)
{
	el2_start(&vm, site, variant.mode, 1, variant.row >= NPLACES);
	guest_pmu_reset(guest, 0);
	counter_emit(guest, CYCLE, FILTER_NSH, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	hop(site, variant, CYCLE);
}

/* Of EL2's counters, with EL1's off. */
static void events_hopping(const struct site *site, struct variant variant)
{
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NPLACES);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | MDCR_HPME);
	counter_emit(guest, n - 1, EVENT_CPU_CYCLES | FILTER_NSH, 0);
	hop(site, variant, n - 1);
}

#define ONE IN(MODE_DEFAULT)

static const struct test tests[] = {
	{ "el2.levels", levels, ONE, 0, EL2_KINDS *NLEVELS, level_name, 0 },
	{ "el2.levels", levels, IN(MODE_COMPOSITE), 0, NLEVELS, level_name, 0 },
	{ "el2.levels_event", levels_below, ONE, 0, NLEVELS, level_name, 0 },
	{ "el2.levels_own", levels_own, ONE, 0, NLEVELS, level_name, 0 },
	{ "el2.enable", enables, ONE, 0, EL2_ENABLES, el2_enable_name, 0 },
	{ "el2.prohibited", prohibited, ONE | LIMITED, 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.prohibited_cycles", cycles_prohibited, ONE, 0, EL2_KINDS *NCYCLES, cycle_name, 0 },
	{ "el2.prohibited_cycles", cycles_prohibited, IN(MODE_COMPOSITE), 0, NCYCLES, cycle_name,
	  0 },
	{ "el2.sw_incr", software, ONE, 0, EL2_ENABLES, el2_enable_name, 0 },
	{ "el2.chain", chained, ONE, 0, EL2_ENABLES, el2_enable_name, 0 },
	{ "el2.sw_incr_at_el1", software_at_el1, ONE, 0, 1, el2_kind_name, 0 },
	{ "el2.cycles", cycles_hopping, EVERY_MODE, SYNC, NPLACES, place_name, 0 },
	{ "el2.events", events_hopping, WITH_EVENTS | LIMITED, SYNC, NPLACES, place_name, 0 },
};

FAMILY(el2_counting_family, tests);
