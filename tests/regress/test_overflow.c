/* SPDX-License-Identifier: MIT */
/* Overflow interrupts that come from counting: each comes, once, and where the counter wraps. */
#include "counters.h"
#include "older.h"
#include "result.h"

#define ROUNDS 50
#define LEAD   1000 /* loops of 2 instructions before the hop */
#define LOOPS  5000 /* after it */
#define SOON   1000 /* counts to the wrap: before the hop, if a count is an instruction */
#define LATER  5000 /* after it */

enum { XROUND = 23, XWAIT = 24 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static void start(const struct site *site, struct variant variant)
{
	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(guest, 0);
	guest_gic(guest, vm.gic, 0, PMU_INTID);
	guest_irqs(guest, true);
}

static void run(struct itinerary *itinerary)
{
	guest_exit(guest);
	run_hopping(vcpu, itinerary);
}

static void expect_irq(int i, uint64_t flags)
{
	expect_equal(vcpu->irqs[i].intid, PMU_INTID, "INTID of interrupt %d", i);
	expect_equal(vcpu->irqs[i].overflow, flags, "overflow flags in interrupt %d", i);
}

/*
 * Armed, then a hop, on one side of which the counter wraps. The cycle counter
 * itself, or an event counter next to it: then the cycle counter, set to 0 first, says when.
 */
static const struct {
	const char *name;
	unsigned n, event;
	bool last; /* of the event counters */
	uint64_t lc, to_wrap;
} due_rows[] = {
	{ "cycles-32/soon", CYCLE, 0, false, 0, SOON },
	{ "cycles-32/later", CYCLE, 0, false, 0, LATER },
	{ "cycles-64/soon", CYCLE, 0, false, PMCR_LC, SOON },
	{ "cycles-64/later", CYCLE, 0, false, PMCR_LC, LATER },
	{ "cycles-64/next", CYCLE, 0, false, PMCR_LC, 1 },
	/* Of event counters: */
	{ "cpu_cycles-last/later", 0, EVENT_CPU_CYCLES, true, PMCR_LC, LATER },
	{ "cpu_cycles/soon", 0, EVENT_CPU_CYCLES, false, PMCR_LC, SOON },
	{ "cpu_cycles/later", 0, EVENT_CPU_CYCLES, false, PMCR_LC, LATER },
	{ "inst_retired/later", 0, EVENT_INST_RETIRED, false, PMCR_LC, LATER },
};

#define EVENT_ROW  5 /* the first */
#define NEVENTROWS 4

static const char *due_name(int row)
{
	return due_rows[row].name;
}

static const char *due_event_name(int row)
{
	return due_rows[row + EVENT_ROW].name;
}

static void due(const struct site *site, struct variant variant)
{
	uint64_t to_wrap = due_rows[variant.row].to_wrap, lc = due_rows[variant.row].lc;
	unsigned n = due_rows[variant.row].n, event = due_rows[variant.row].event;
	uint64_t from = lc && n == CYCLE ? -to_wrap : 0x100000000 - to_wrap;
	/* The cycle counter's value when the wrap is due, or the least that it can be. */
	uint64_t at = n != CYCLE ? to_wrap : lc ? 0 : 0x100000000, late = 0;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant);
	itinerary_counting(site, &itinerary, variant);
	if (n != CYCLE)
		n = need_counters(vcpu, 1) - 1;
	if (!due_rows[variant.row].last && n != CYCLE)
		n = 0;
	if (n != CYCLE)
		events_emit(guest, event);
	guest_write(guest, PMINTENSET_EL1, BIT(n));
	guest_write(guest, PMCR_EL0, lc | PMCR_E);
	guest_out(guest, PMCR_EL0);
	loop = guest_loop(guest, XROUND, ROUNDS);
	irq_forget(guest);
	if (n != CYCLE)
		counter_emit(guest, CYCLE, 0, 0);
	counter_emit(guest, n, event, from);
	guest_work(guest, LEAD);
	guest_hop(guest);
	guest_work(guest, variant.hops == HOPS_ASYNC ? 20 * LOOPS : LOOPS);
	irq_await(site, guest, XWAIT);
	guest_write(guest, PMCNTENCLR_EL0, BIT(n));
	guest_out(guest, PMOVSSET_EL0);
	guest_loop_end(guest, XROUND, loop);
	guest_out(guest, PMCCNTR_EL0);
	run(&itinerary);

	if (n != CYCLE)
		need_event(vcpu, event);
	if (vcpu_take(vcpu) & PMCR_LC && !lc)
		skip_test("PMCR_EL0.LC is always set here: the counter overflows at 64 bits");
	for (int i = 0; i < ROUNDS; i++)
		expect_equal(vcpu_take(vcpu), 0, "overflow flags after round %d", i);
	/* Positively so: it has counted on, into bit 32. */
	if (n == CYCLE && !lc && !vcpu->nirqs && site->older && vcpu_take(vcpu) >> 32 == 1)
		skip_unnoticed_wrap();
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS, "interrupts");
	for (int i = 0; i < ROUNDS; i++) {
		const struct irq *irq = &vcpu->irqs[i];

		expect_irq(i, BIT(n));
		/* Events other than cycles may come several to a cycle. */
		if (event != EVENT_INST_RETIRED || site->exact)
			expect(irq->count - at < 1ull << 40,
			       "interrupt %d came early: at cycle 0x%llx, due at 0x%llx", i,
			       (unsigned long long)irq->count, (unsigned long long)at);
		if (!site->exact)
			continue;
		late = i ? late : irq->count - at;
		/* QEMU sees the overflow of an event counter, of 32 bits, at the next exit only. */
		if (variant.hops != HOPS_ASYNC && n == CYCLE)
			expect_equal(irq->count - at, late, "cycles late, interrupt %d", i);
		if (variant.hops == HOPS_SYNC && variant.mode == MODE_COMPOSITE)
			expect_equal((uint64_t)irq->cpu,
				     (uint64_t)(to_wrap == LATER ? itinerary.where[i]
						: i              ? itinerary.where[i - 1]
								 : itinerary.cpus[0]),
				     "CPU of interrupt %d", i);
	}
	note("%d interrupts, %llu cycles after the wrap", vcpu->nirqs, (unsigned long long)late);
	if (site->exact && variant.hops != HOPS_ASYNC)
		expect(late < (n == CYCLE ? 100 : 2 * LOOPS + 100),
		       "interrupts came %llu cycles late", (unsigned long long)late);
}

static void due_event(const struct site *site, struct variant variant)
{
	variant.row += EVENT_ROW;
	due(site, variant);
}

/*
 * The wrap is due a little before the hop, at its very instruction and a little after:
 * nothing is lost between the event that is taken away and the one that follows it.
 */
static void edge(const struct site *site, struct variant variant)
{
	enum { NEDGES = 48, STEPS = 2 * LEAD - 24 };
	struct itinerary itinerary;

	start(site, variant);
	itinerary_counting(site, &itinerary, variant);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	for (unsigned i = 0; i < NEDGES; i++) {
		irq_forget(guest);
		counter_emit(guest, CYCLE, 0, -(uint64_t)(STEPS + i));
		guest_work(guest, LEAD);
		guest_hop(guest);
		guest_work(guest, LEAD);
		irq_await(site, guest, XWAIT);
		guest_out(guest, PMOVSSET_EL0);
		irq_out(guest);
	}
	run(&itinerary);
	for (int i = 0; i < NEDGES; i++) {
		expect_equal(vcpu_take(vcpu), 0, "overflow flags after round %d", i);
		expect(vcpu_take(vcpu) != 0, "no interrupt in round %d", i);
	}
	expect_equal((uint64_t)vcpu->nirqs, NEDGES, "interrupts");
	for (int i = 0; i < NEDGES; i++) {
		expect_irq(i, BIT(CYCLE));
		/* Late by what it takes to get to the handler, and not by a whole window. */
		expect(vcpu->irqs[i].count < (site->exact ? 100 : 1ull << 40),
		       "interrupt %d at cycle 0x%llx", i, (unsigned long long)vcpu->irqs[i].count);
	}
}

/*
 * Default mode: armed at home, it does not come while the counter stands still, and then it does.
 * That it stands still the counter itself says: in wall time it is too far from its wrap.
 */
static void frozen(const struct site *site, struct variant variant)
{
	unsigned n = variant.row ? 0 : CYCLE;
	struct itinerary itinerary = { .hops = variant.hops, .home = -1 };
	uint64_t at = n == CYCLE ? 0 : LATER, late = 0;
	uint32_t *loop;

	need_away(site);
	start(site, variant);
	itinerary.cpus[itinerary.ncpus++] = site->home[0];
	itinerary.cpus[itinerary.ncpus++] = site->away[0];
	if (n != CYCLE)
		need_counters(vcpu, 1);
	guest_write(guest, PMINTENSET_EL1, BIT(n));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	irq_forget(guest);
	if (n != CYCLE)
		counter_emit(guest, CYCLE, 0, 0);
	/*
	 * Far enough to be away before it is due: a thousand loops are nowhere near 2^32 cycles,
	 * nor do they take an emulator the 4 seconds of them.
	 */
	counter_emit(guest, n, n == CYCLE ? 0 : EVENT_CPU_CYCLES,
		     (n == CYCLE ? 0 : 0x100000000ull) - (site->exact ? LATER : 0xf0000000ull));
	guest_work(guest, LEAD);
	guest_hop(guest);
	guest_out(guest, counter_register(n));
	guest_work(guest, LOOPS);
	guest_out(guest, counter_register(n));
	guest_out(guest, PMOVSSET_EL0);
	irq_out(guest);
	guest_hop(guest);
	if (!site->exact)
		guest_write(guest, counter_register(n), (n == CYCLE ? 0 : 0x100000000ull) - LATER);
	guest_work(guest, LOOPS);
	irq_await(site, guest, XWAIT);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t count = vcpu_take(vcpu);

		expect_equal(vcpu_take(vcpu), count, "counter after its work away, round %d", i);
		expect_equal(vcpu_take(vcpu), 0, "overflow flags away, round %d", i);
		expect_equal(vcpu_take(vcpu), 0, "an interrupt away, round %d", i);
	}
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS, "interrupts");
	for (int i = 0; i < ROUNDS; i++) {
		expect_irq(i, BIT(n));
		expect_equal((uint64_t)vcpu->irqs[i].cpu, (uint64_t)site->home[0],
			     "CPU of interrupt %d", i);
		if (!site->exact)
			continue;
		late = i ? late : vcpu->irqs[i].count - at;
		if (n == CYCLE)
			expect_equal(vcpu->irqs[i].count - at, late, "cycles late, interrupt %d",
				     i);
		expect(late < (n == CYCLE ? 100 : 2 * LOOPS + 100),
		       "interrupt %d came %llu cycles late", i, (unsigned long long)late);
	}
}

static const char *frozen_name(int row)
{
	return row ? "cpu_cycles" : "cycles";
}

/* Overflows that KVM makes by itself, on any CPU: of SW_INCR, and of the odd counter of a pair. */
static void software(const struct site *site, struct variant variant)
{
	bool chained = variant.row;
	uint64_t flags = chained ? BIT(0) | BIT(1) : BIT(0);
	int flagless = 0;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant);
	itinerary_all(site, &itinerary, variant.hops);
	need_counters(vcpu, 2);
	guest_write(guest, PMINTENSET_EL1, chained ? BIT(1) : BIT(0));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	irq_forget(guest);
	counter_emit(guest, 0, EVENT_SW_INCR, 0xfffffffe);
	counter_emit(guest, 1, chained ? EVENT_CHAIN : EVENT_SW_INCR, 0xffffffff);
	guest_write(guest, PMSWINC_EL0, BIT(0));
	irq_out(guest);
	guest_hop(guest);
	guest_write(guest, PMSWINC_EL0, BIT(0));
	irq_out(guest);
	guest_write(guest, PMSWINC_EL0, BIT(0));
	guest_out(guest, PMOVSSET_EL0);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		expect_equal(vcpu_take(vcpu), 0, "an interrupt before the wrap, round %d", i);
		expect(vcpu_take(vcpu) != 0, "no interrupt at the wrap, round %d", i);
		expect_equal(vcpu_take(vcpu), 0, "overflow flags after round %d", i);
	}
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS, "interrupts");
	for (int i = 0; i < ROUNDS; i++) {
		bool odd_only = site->older && chained && vcpu->irqs[i].overflow == BIT(1);

		flagless += odd_only;
		expect_irq(i, odd_only ? BIT(1) : flags);
	}
	if (flagless == ROUNDS)
		skip_chained_flag();
	expect_equal((uint64_t)flagless, 0, "interrupts without the even counter's flag");
}

static const char *software_name(int row)
{
	return row ? "chain" : "sw_incr";
}

static const struct test tests[] = {
	{ "overflow.due", due, EVERY_MODE, EVERY_HOP, EVENT_ROW, due_name, 0 },
	{ "overflow.due", due, STRICT, SYNC, 1, due_name, 0 },
	{ "overflow.due", due_event, WITH_EVENTS, SYNC | ASYNC, NEVENTROWS, due_event_name, 0 },
	{ "overflow.due", due_event, STRICT | LIMITED, SYNC, 1, due_event_name, 0 },
	{ "overflow.edge", edge, EVERY_MODE, SYNC, 0, NULL, 0 },
	{ "overflow.frozen", frozen, IN(MODE_DEFAULT), SYNC, 2, frozen_name, 0 },
	{ "overflow.software", software, WITH_EVENTS, SYNC | ASYNC, 2, software_name, 0 },
};

FAMILY(overflow_family, tests);
