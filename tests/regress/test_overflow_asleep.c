/* SPDX-License-Identifier: MIT */
/* Overflow and WFI: what wakes a vCPU, what it counts asleep, and where it wakes up. */
#include "counters.h"
#include "result.h"

#define ROUNDS   16
#define LOOPS    10000
#define TIMER_ON 1
#define AWAKE    8 /* windows */

/* In ticks of the counter-timer, by its frequency: the guest has it in a register. */
enum { XFIRST = 19, XSECOND = 20, XTICKS = 21, XTICKS_END = 22, XROUND = 23, XWAIT = 24 };

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static uint64_t frequency(void)
{
	uint64_t hz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

static void start(const struct site *site, struct variant variant)
{
	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(guest, 0);
	guest_gic(guest, vm.gic, 0, PMU_INTID);
	guest_gic(guest, vm.gic, 0, TIMER_INTID);
}

static void run(struct itinerary *itinerary)
{
	guest_exit(guest);
	run_hopping(vcpu, itinerary);
}

static void timer(uint64_t ticks)
{
	guest_write(guest, CNTV_TVAL_EL0, ticks);
	guest_write(guest, CNTV_CTL_EL0, TIMER_ON);
}

/*
 * An overflow that is pending ends WFI, masked as the interrupt is, and is taken
 * once it is let in. The timer is there to end the wait if not.
 */
static void wakes(const struct site *site, struct variant variant)
{
	/* 2 s: no host lets a thread wait for its turn as long as that. */
	uint64_t net = frequency() * 2;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant);
	itinerary_all(site, &itinerary, variant.hops);
	if (!site->naway)
		itinerary_home(site, &itinerary, variant.hops);
	counter_emit(guest, CYCLE, 0, 0);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	irq_forget(guest);
	guest_write(guest, PMOVSSET_EL0, BIT(CYCLE));
	guest_hop(guest);
	timer(net);
	guest_read(guest, XTICKS, CNTVCT_EL0);
	guest_wfi(guest);
	guest_read(guest, XTICKS_END, CNTVCT_EL0);
	guest_write(guest, CNTV_CTL_EL0, 0);
	irq_out(guest);
	guest_irqs(guest, true);
	guest_nops(guest, 4);
	irq_out(guest);
	guest_irqs(guest, false);
	guest_out_register(guest, XTICKS);
	guest_out_register(guest, XTICKS_END);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t ticks;

		expect_equal(vcpu_take(vcpu), 0, "an interrupt while masked, round %d", i);
		expect(vcpu_take(vcpu) != 0, "no interrupt in round %d", i);
		ticks = vcpu_take(vcpu);
		ticks = vcpu_take(vcpu) - ticks;
		expect(ticks < net, "the overflow did not end WFI: it took %llu ticks, round %d",
		       (unsigned long long)ticks, i);
	}
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS, "interrupts");
	for (int i = 0; i < ROUNDS; i++) {
		expect_equal(vcpu->irqs[i].intid, PMU_INTID, "INTID of interrupt %d", i);
		expect_equal(vcpu->irqs[i].overflow, BIT(CYCLE), "overflow flags in interrupt %d",
			     i);
	}
}

/*
 * Cycles for each tick, of the best window: others may take the CPU from the guest in one, which
 * makes it worse, and a governor raises the frequency only when there has been work.
 */
static double take_rate(void)
{
	double best = 0;

	for (int i = 0; i < AWAKE; i++) {
		uint64_t first = vcpu_take(vcpu), count = vcpu_take(vcpu) - first;
		uint64_t start = vcpu_take(vcpu), ticks = vcpu_take(vcpu) - start;
		double rate = (double)count / (double)ticks;

		best = rate > best ? rate : best;
	}
	return best;
}

/* Asleep, a vCPU is not in the guest: nothing counts (exclude_host of KVM's perf events). */
static void stands(const struct site *site, struct variant variant)
{
	uint64_t sleep = frequency() / 200, first = 0, least = ~0ull;
	struct itinerary itinerary;
	double rate;
	uint32_t *loop;

	start(site, variant);
	itinerary_counting(site, &itinerary, variant);
	counter_emit(guest, CYCLE, 0, 0);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	/* First awake. */
	loop = guest_loop(guest, XROUND, AWAKE);
	guest_read(guest, XTICKS, CNTVCT_EL0);
	guest_read(guest, XFIRST, PMCCNTR_EL0);
	guest_work(guest, 10 * LOOPS);
	guest_read(guest, XSECOND, PMCCNTR_EL0);
	guest_read(guest, XTICKS_END, CNTVCT_EL0);
	for (unsigned x = XFIRST; x <= XTICKS_END; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, XROUND, loop);
	loop = guest_loop(guest, XROUND, ROUNDS);
	guest_hop(guest);
	timer(sleep);
	guest_read(guest, XFIRST, PMCCNTR_EL0);
	guest_wfi(guest);
	guest_read(guest, XSECOND, PMCCNTR_EL0);
	guest_write(guest, CNTV_CTL_EL0, 0);
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	rate = take_rate();
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t count = vcpu_take(vcpu);

		count = vcpu_take(vcpu) - count;
		first = i ? first : count;
		least = count < least ? count : least;
		if (site->exact)
			expect_equal(count, first, "count of sleep %d", i);
	}
	note("%.1f cycles per tick; asleep for %llu ticks: %llu cycles", rate,
	     (unsigned long long)sleep, (unsigned long long)least);
	if (site->exact)
		expect(least < 20, "%llu cycles for WFI", (unsigned long long)least);
	else /* the least of many: an emulator's clock goes on while others have its CPU */
		expect((double)least < rate * (double)sleep / 4,
		       "%llu cycles while asleep for %llu ticks of %.1f cycles",
		       (unsigned long long)least, (unsigned long long)sleep, rate);
}

/*
 * Armed, asleep, and moved: before it falls asleep, or by another thread while it
 * sleeps. Awake on the other cluster it counts on, and the interrupt comes once.
 */
static void moved(const struct site *site, struct variant variant)
{
	uint64_t sleep = frequency() / 200, late = 0;
	struct itinerary itinerary;
	uint32_t *loop;

	start(site, variant);
	itinerary_counting(site, &itinerary, variant);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, XROUND, ROUNDS);
	irq_forget(guest);
	counter_emit(guest, CYCLE, 0, -(uint64_t)LOOPS);
	guest_hop(guest);
	timer(sleep);
	guest_wfi(guest);
	guest_write(guest, CNTV_CTL_EL0, 0);
	irq_out(guest);
	guest_irqs(guest, true);
	guest_work(guest, LOOPS);
	irq_await(site, guest, XWAIT);
	guest_irqs(guest, false);
	guest_out(guest, PMOVSSET_EL0);
	guest_loop_end(guest, XROUND, loop);
	run(&itinerary);

	for (int i = 0; i < ROUNDS; i++) {
		expect_equal(vcpu_take(vcpu), 0, "an interrupt while masked, round %d", i);
		expect_equal(vcpu_take(vcpu), 0, "overflow flags after round %d", i);
	}
	expect_equal((uint64_t)vcpu->nirqs, ROUNDS, "interrupts");
	for (int i = 0; i < ROUNDS; i++) {
		expect_equal(vcpu->irqs[i].intid, PMU_INTID, "INTID of interrupt %d", i);
		expect_equal(vcpu->irqs[i].overflow, BIT(CYCLE), "overflow flags in interrupt %d",
			     i);
		expect(vcpu->irqs[i].count < 1ull << 40, "interrupt %d came early", i);
		late = i ? late : vcpu->irqs[i].count;
		if (site->exact && variant.hops != HOPS_ASYNC)
			expect_equal(vcpu->irqs[i].count, late, "cycles late, interrupt %d", i);
	}
	note("%d hops; interrupts %llu cycles after the wrap", itinerary.nhops,
	     (unsigned long long)late);
	if (site->exact && variant.hops != HOPS_ASYNC)
		expect(late < 100, "interrupts came %llu cycles late", (unsigned long long)late);
}

static const struct test tests[] = {
	{ "overflow.wakes", wakes, EVERY_MODE, EVERY_HOP, 0, NULL, 0 },
	{ "overflow.wakes", wakes, STRICT | LIMITED, SYNC, 0, NULL, 0 },
	{ "overflow.asleep", stands, EVERY_MODE, SYNC, 0, NULL, 0 },
	{ "overflow.moved", moved, EVERY_MODE, EVERY_HOP, 0, NULL, 0 },
};

FAMILY(overflow_asleep_family, tests);
