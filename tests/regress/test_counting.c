/* SPDX-License-Identifier: MIT */
/* What is counted while a vCPU stays, hops between windows and hops in the middle of one. */
#include "counters.h"
#include "result.h"
#include "windows.h"

#define WINDOWS   32
#define PERIOD_NS 500000l
#define LOOPS     20000
/* Windows that others hop in are longer, so that there are many hops. */
#define LOOPS_OF(variant) ((variant).hops == HOPS_ASYNC ? 10 * LOOPS : LOOPS)

enum place { INSIDE, BETWEEN };

static const char *const places[] = { [INSIDE] = "inside", [BETWEEN] = "between" };

static const char *place_name(int row)
{
	return places[row];
}

/* The cycle counter counts the same work the same, wherever it is done. */
static void cycles(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct itinerary itinerary;
	struct windows windows = { .sysreg = PMCCNTR_EL0,
				   .count = WINDOWS,
				   .loops = LOOPS_OF(variant),
				   .between = variant.row == BETWEEN };

	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, &itinerary, variant);
	/* Its own PMU's CPUs only: counting.refused leaves them. */
	if (names_pmu(variant.mode))
		itinerary_home(site, &itinerary, variant.hops);
	itinerary.period_ns = PERIOD_NS;
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, CYCLE, 0, 0);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);
	note("%d hops", itinerary.nhops);
	windows_judge(site, &windows, variant.hops);
	windows_judge_gaps(site, &windows, variant.hops);
}

/* Event counters: the first, and the last while all others and the cycle counter count too. */
static const struct {
	const char *name;
	unsigned event;
	bool every;
} event_rows[] = {
	{ "cpu_cycles-all", EVENT_CPU_CYCLES, true },
	{ "cpu_cycles", EVENT_CPU_CYCLES, false },
	{ "inst_retired", EVENT_INST_RETIRED, false },
};

static const char *event_name(int row)
{
	return event_rows[row].name;
}

static void events(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct windows windows = { .count = WINDOWS, .loops = LOOPS_OF(variant) };
	unsigned event = event_rows[variant.row].event, n = 1;
	struct itinerary itinerary;
	bool counted = false;

	vm_start(&vm, site, variant.mode, 1);
	itinerary_counting(site, &itinerary, variant);
	if (event_rows[variant.row].every)
		n = need_counters(vcpu, 2);
	else
		need_counters(vcpu, 1);
	windows.sysreg = PMEVCNTR_EL0(n - 1);
	events_emit(&vcpu->guest, event);
	guest_pmu_reset(&vcpu->guest, 0);
	if (event_rows[variant.row].every)
		counter_emit(&vcpu->guest, CYCLE, 0, 0);
	for (unsigned i = 0; i < n; i++)
		counter_emit(&vcpu->guest, i, event, 0);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	need_event(vcpu, event);
	windows_take(vcpu, &windows);
	for (int i = 0; i < windows.count; i++)
		counted |= window_delta(&windows, i) != 0;
	/* KVM's perf events are pinned: one that finds no host counter never counts. */
	if (!counted && !site->exact && event_rows[variant.row].every)
		skip_test("something else on this host uses one of its counters");
	note("%d hops", itinerary.nhops);
	windows_judge(site, &windows, variant.hops);
	windows_judge_gaps(site, &windows, variant.hops);
}

/* Which kind of CPU, home or away, the thread was on before and after a hop. */
static bool at_home(const struct site *site, int cpu)
{
	return pmu_of(site, cpu) == pmu_of(site, site->home[0]);
}

/*
 * Default mode (documented for KVM_ARM_VCPU_PMU_V3_SET_PMU, by contrast): a vCPU may
 * run on any CPU, and counts only on those of its PMU. What it has is kept meanwhile.
 */
static void frozen(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct windows windows = { .count = WINDOWS, .loops = LOOPS_OF(variant) };
	/* Exact: of a whole window, and of the part before and after its hop. */
	uint64_t whole = 0, before = 0, after = 0;
	unsigned n = variant.row ? 0 : CYCLE;
	struct itinerary itinerary;
	int still = 0, wanted = 0;

	need_away(site);
	vm_start(&vm, site, variant.mode, 1);
	itinerary_all(site, &itinerary, variant.hops);
	itinerary.period_ns = PERIOD_NS;
	if (n != CYCLE)
		need_counters(vcpu, n + 1);
	windows.sysreg = counter_register(n);
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, n, n == CYCLE ? 0 : EVENT_CPU_CYCLES, 1000);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);

	for (int i = 0; i < WINDOWS; i++) {
		bool from = at_home(site, i ? itinerary.where[i - 1] : itinerary.cpus[0]);
		bool to = at_home(site, itinerary.where[i]);
		uint64_t delta = window_delta(&windows, i);

		/* Readings in pairs: the gap before this window is on the CPU it starts on. */
		if (i && !from)
			expect_equal(windows.start[i], windows.end[i - 1],
				     "count kept between windows %d and %d, away", i - 1, i);
		if (!from && !to)
			expect_equal(delta, 0, "count of window %d, away", i);
		/* Exact: the instruction after the first reading is the one that asks to hop. */
		if (!to && (site->exact || !from)) {
			wanted++;
			still += delta == 0;
		}
		if (to)
			expect(delta > 0, "window %d did not count at home", i);
		if (!site->exact)
			continue;
		if (from && to) {
			whole = whole ? whole : delta;
			expect_between(delta, 2 * LOOPS, whole, "window %d, home", i);
			expect_equal(delta, whole, "window %d, home", i);
		} else if (from) {
			before = before ? before : delta;
			expect_equal(delta, before, "window %d, which left home", i);
		} else if (to) {
			after = after ? after : delta;
			expect_equal(delta, after, "window %d, which came home", i);
		}
	}
	note("%d of %d windows did not count; whole %llu, left %llu, came %llu", still, WINDOWS,
	     (unsigned long long)whole, (unsigned long long)before, (unsigned long long)after);
	expect_equal((uint64_t)still, (uint64_t)wanted, "windows that did not count");
	expect(still > 0, "no window was away");
	if (site->exact)
		expect_equal(before + after, whole, "count of both parts of a window");
}

static const char *counter_row(int row)
{
	return row ? "event" : "cycles";
}

/* To the next hop, all of it on the first home CPU. */
static void run_at_home(struct vcpu *vcpu)
{
	place_on(vcpu->vm->site, vcpu->vm->site->home[0]);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
}

/*
 * Default mode, moved while it runs: what is counted is not known, but no counter
 * goes back, and none is ahead of the time that the guest ran. It counts before and after, at
 * home: on a busy host the moved thread may get all of its turns away.
 */
static void frozen_async(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct windows windows = { .sysreg = PMCCNTR_EL0,
				   .count = WINDOWS,
				   .loops = LOOPS_OF(variant) };
	struct windows before = {
		.sysreg = PMCCNTR_EL0, .count = 1, .loops = LOOPS, .between = true
	};
	struct windows after = before;
	struct itinerary itinerary;
	uint64_t whole = ~0ull;

	need_away(site);
	vm_start(&vm, site, variant.mode, 1);
	itinerary_all(site, &itinerary, variant.hops);
	itinerary.period_ns = PERIOD_NS;
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, CYCLE, 0, 1000);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &before);
	guest_hop(&vcpu->guest);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	windows_emit(&vcpu->guest, &after);
	guest_exit(&vcpu->guest);
	run_at_home(vcpu);
	run_at_home(vcpu);
	run_hopping(vcpu, &itinerary);
	run_at_home(vcpu);
	place_on(site, site->home[0]);
	vcpu_finish(vcpu);
	windows_take(vcpu, &before);
	windows_take(vcpu, &windows);
	windows_take(vcpu, &after);
	for (int i = 0; i < WINDOWS; i++) {
		expect(windows.end[i] >= windows.start[i], "the counter went back in window %d", i);
		expect(!i || windows.start[i] >= windows.end[i - 1],
		       "the counter went back before window %d", i);
		if (site->exact)
			expect(window_delta(&windows, i) <= (windows.ticks[i] + 1) * 16,
			       "window %d counted %llu in %llu ticks", i,
			       (unsigned long long)window_delta(&windows, i),
			       (unsigned long long)windows.ticks[i]);
		if (window_delta(&windows, i) < whole)
			whole = window_delta(&windows, i);
	}
	note("%d hops, the least window has %llu", itinerary.nhops, (unsigned long long)whole);
	windows_judge(site, &before, HOPS_NONE);
	windows_judge(site, &after, HOPS_NONE);
	expect(before.start[0] >= 1000 && windows.start[0] >= before.end[0] &&
		       after.start[0] >= windows.end[WINDOWS - 1],
	       "the counter went back before or after the hops");
	if (site->exact)
		expect_equal(window_delta(&after, 0), window_delta(&before, 0),
			     "window at home after the hops");
}

/* Refused outside the PMU that it names, with that CPU's number, and then it goes on exactly. */
static void refused(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned n = variant.row ? 0 : CYCLE;
	struct windows windows = { .sysreg = counter_register(n),
				   .count = WINDOWS,
				   .loops = LOOPS_OF(variant) };
	struct itinerary itinerary;
	int wanted = 0;

	need_away(site);
	vm_start(&vm, site, variant.mode, 1);
	itinerary_all(site, &itinerary, variant.hops);
	itinerary.period_ns = PERIOD_NS;
	if (n != CYCLE)
		need_counters(vcpu, n + 1);
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, n, n == CYCLE ? 0 : EVENT_CPU_CYCLES, 0);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);
	note("%d hops", itinerary.nhops);
	windows_judge(site, &windows, variant.hops);
	windows_judge_gaps(site, &windows, variant.hops);
	/* The plan leaves home for each of those, although the vCPU was sent back. */
	for (int i = 0; i < itinerary.nwhere; i++)
		wanted += !at_home(site, itinerary.where[i]);
	note("%d refusals", itinerary.nrefusals);
	if (variant.hops == HOPS_SYNC)
		expect_equal((uint64_t)itinerary.nrefusals, (uint64_t)wanted, "refusals");
	expect(itinerary.nrefusals > 0 || variant.hops != HOPS_SYNC, "KVM refused nothing");
}

/* Each of the other host PMUs, named: its CPUs count, and home refuses. */
static void chosen(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct windows windows = { .sysreg = PMCCNTR_EL0, .count = 8, .loops = LOOPS_OF(variant) };

	need_away(site);
	need_mode(site, variant.mode);
	for (int i = 0, last = 0; i < site->naway; i++) {
		int pmu = host_pmu_of_cpu(&site->host, site->away[i]);
		struct itinerary itinerary = { .hops = variant.hops, .home = site->away[i] };

		if (pmu == last)
			continue;
		last = pmu;
		vm_create(&vm, site, 1);
		vm_init_vcpus(&vm, mode_features(variant.mode));
		vm_create_gic(&vm);
		vm_init_gic(&vm);
		vm_choose_pmu(&vm, variant.mode, &site->host.pmus[pmu]);
		vm_init_pmu(&vm);
		itinerary.cpus[itinerary.ncpus++] = site->away[i];
		itinerary.cpus[itinerary.ncpus++] = site->home[0];
		guest_pmu_reset(&vcpu->guest, 0);
		counter_emit(&vcpu->guest, CYCLE, 0, 0);
		guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
		windows_emit(&vcpu->guest, &windows);
		guest_exit(&vcpu->guest);
		run_hopping(vcpu, &itinerary);
		windows_take(vcpu, &windows);
		windows_judge(site, &windows, variant.hops);
		expect_equal((uint64_t)itinerary.nrefusals, (uint64_t)windows.count / 2,
			     "refusals with %s", site->host.pmus[pmu].name);
		vm_destroy(&vm);
	}
}

static const struct test tests[] = {
	{ "counting.cycles", cycles, EVERY_MODE, EVERY_HOP, 2, place_name, 0 },
	{ "counting.cycles", cycles, STRICT, SYNC, 1, place_name, 0 },
	{ "counting.events", events, WITH_EVENTS, EVERY_HOP, 3, event_name, 0 },
	{ "counting.events", events, STRICT | LIMITED, SYNC, 1, event_name, 0 },
	{ "counting.frozen", frozen, IN(MODE_DEFAULT), SYNC, 2, counter_row, 0 },
	{ "counting.frozen", frozen_async, IN(MODE_DEFAULT), ASYNC, 0, NULL, 0 },
	{ "counting.refused", refused, IN(MODE_EXPLICIT), SYNC | ASYNC, 2, counter_row, 0 },
	{ "counting.refused", refused, STRICT, SYNC, 1, counter_row, 0 },
	{ "counting.chosen", chosen, IN(MODE_EXPLICIT) | STRICT, SYNC, 0, NULL, 0 },
};

FAMILY(counting_family, tests);
