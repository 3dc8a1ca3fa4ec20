/* SPDX-License-Identifier: MIT */
/* A guest's PMU, saved between exits and restored into another VM, goes on as if nothing was. */
#include "older.h"
#include "result.h"
#include "state.h"
#include "windows.h"

#define LOOPS     20000
#define HIGH      0x123400000000ull
#define HIGH32    0x12340000ull
#define PARKED    0x5555ull
#define BEFORE    3 /* increments by software before the save, ... */
#define AFTER     5 /* ... and after it */
#define DUE       60000
#define DUE_WALL  20000000
#define DUE_LOOPS 100
#define MIGRATED  12
#define OVERFLOWS BIT(CYCLE)

static struct vm source, target;

static bool has_events(const struct variant *variant)
{
	return variant->mode != MODE_COMPOSITE;
}

/* Cycles, CPU_CYCLES (0), SW_INCR (1), and a counter (2) that is off. */
static void emit_setup(struct guest *guest, bool events)
{
	guest_pmu_reset(guest, events ? 3 : 0);
	guest_write(guest, PMCCNTR_EL0, HIGH);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE) | (events ? BIT(1) : 0));
	guest_write(guest, PMUSERENR_EL0, PMUSERENR_EN | PMUSERENR_CR);
	guest_write(guest, PMSELR_EL0, events ? 2 : CYCLE);
	if (!events)
		return;
	guest_write(guest, PMEVTYPER_EL0(0), EVENT_CPU_CYCLES);
	guest_write(guest, PMEVTYPER_EL0(1), EVENT_SW_INCR);
	guest_write(guest, PMEVTYPER_EL0(2), EVENT_CPU_CYCLES | FILTER_U);
	guest_write(guest, PMEVCNTR_EL0(0), HIGH32);
	guest_write(guest, PMEVCNTR_EL0(1), HIGH32);
	guest_write(guest, PMEVCNTR_EL0(2), PARKED);
}

static void emit_on(struct guest *guest, bool events)
{
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE) | (events ? BIT(0) | BIT(1) : 0));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_X | PMCR_E);
}

static void emit_increments(struct guest *guest, int times)
{
	while (times--)
		guest_write(guest, PMSWINC_EL0, BIT(1));
}

/* What the guest counted from the save to its end. */
struct counted {
	uint64_t cycles, event, increments, parked;
};

static void emit_rest(struct guest *guest, bool events)
{
	guest_work(guest, LOOPS);
	if (events)
		emit_increments(guest, AFTER);
	guest_read(guest, 19, PMCCNTR_EL0);
	if (events) {
		guest_read(guest, 20, PMEVCNTR_EL0(0));
		guest_read(guest, 21, PMEVCNTR_EL0(1));
		guest_read(guest, 22, PMEVCNTR_EL0(2));
	}
	for (unsigned x = 19; x <= 22; x++)
		guest_out_register(guest, x);
	guest_exit(guest);
}

static void finish(struct vm *vm, const struct pmu_state *saved, struct counted *counted)
{
	struct vcpu *vcpu = &vm->vcpus[0];

	settle_here(vm->site);
	vcpu_finish(vcpu);
	counted->cycles = vcpu_take(vcpu) - saved->cycles;
	counted->event = vcpu_take(vcpu) - saved->counters[0];
	counted->increments = vcpu_take(vcpu) - saved->counters[1];
	counted->parked = vcpu_take(vcpu) - saved->counters[2];
}

typedef void emit_function(const struct site *site, struct guest *guest, int gic, bool events);

/* A VM with a program, as far as its first hop. */
static void start(struct vm *vm, const struct site *site, struct variant variant,
		  emit_function *emit)
{
	vm_start(vm, site, variant.mode, 1);
	emit(site, &vm->vcpus[0].guest, vm->gic, has_events(&variant));
	expect_equal(vcpu_run(&vm->vcpus[0]), STOP_HOP, "stop");
}

/*
 * Exact: what the model counted, which went through the same instructions in one VM.
 * Otherwise, between what the work takes at least (LEAST_CYCLES()), which a count lost at the
 * move does not reach, and what it cannot take, which a value that is added twice exceeds.
 */
static void judge(const struct site *site, uint64_t got, uint64_t wanted, const char *what)
{
	note("%s: %llu restored, %llu without", what, (unsigned long long)got,
	     (unsigned long long)wanted);
	if (site->exact)
		expect_equal(got, wanted, "%s", what);
	else
		expect_between(got, LEAST_CYCLES(LOOPS), FAR, "%s", what);
}

static void judge_rest(const struct site *site, bool events, const struct counted *restored,
		       const struct counted *model)
{
	judge(site, restored->cycles, model->cycles, "cycles");
	expect(!site->exact || restored->cycles >= 2 * LOOPS, "too few cycles: %llu",
	       (unsigned long long)restored->cycles);
	if (!events)
		return;
	judge(site, restored->event & ALL, model->event & ALL, "CPU_CYCLES");
	expect_equal(restored->increments, AFTER, "SW_INCR");
	expect_equal(restored->parked, 0, "counter that is off");
}

static void emit_goes_on(const struct site *site, struct guest *guest, int gic, bool events)
{
	(void)site, (void)gic;
	emit_setup(guest, events);
	emit_on(guest, events);
	guest_work(guest, LOOPS);
	if (events)
		emit_increments(guest, BEFORE);
	guest_hop(guest);
	emit_rest(guest, events);
}

/* Counters that run go on from the value saved. */
static void goes_on(const struct site *site, struct variant variant)
{
	int cpu = place_cpu(site, variant.row);
	struct pmu_state saved, after;
	struct counted model, restored;

	need_mode(site, variant.mode);
	need_current_counts(site);
	start(&source, site, variant, emit_goes_on);
	pmu_save(&source.vcpus[0], &saved);
	finish(&source, &saved, &model);
	vm_destroy(&source);
	start(&source, site, variant, emit_goes_on);
	pmu_save(&source.vcpus[0], &saved);
	expect(saved.cycles > HIGH, "the cycle counter did not count before the save");
	if (has_events(&variant))
		expect_equal(saved.counters[1], HIGH32 + BEFORE, "SW_INCR");
	vm_migrate(&target, &source, site, variant.mode, cpu);
	finish(&target, &saved, &restored);
	judge_rest(site, has_events(&variant), &restored, &model);
	pmu_save(&target.vcpus[0], &after);
	pmu_expect_config(&after, &saved, "at the end");
}

static void emit_stays_off(const struct site *site, struct guest *guest, int gic, bool events)
{
	(void)site, (void)gic;
	emit_setup(guest, events);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_hop(guest);
	emit_on(guest, events);
	emit_rest(guest, events);
}

/* Counters that are off keep their values, until the guest turns them on. */
static void stays_off(const struct site *site, struct variant variant)
{
	int cpu = place_cpu(site, variant.row);
	struct pmu_state saved, after;
	struct counted model, restored;

	start(&source, site, variant, emit_stays_off);
	pmu_save(&source.vcpus[0], &saved);
	expect_equal(vcpu_run(&source.vcpus[0]), STOP_HOP, "stop");
	finish(&source, &saved, &model);
	vm_destroy(&source);
	start(&source, site, variant, emit_stays_off);
	pmu_save(&source.vcpus[0], &saved);
	vm_migrate(&target, &source, site, variant.mode, cpu);
	expect_equal(vcpu_run(&target.vcpus[0]), STOP_HOP, "stop");
	pmu_save(&target.vcpus[0], &after);
	pmu_expect_config(&after, &saved, "after work with all off");
	pmu_expect_values(&after, &saved, "after work with all off");
	finish(&target, &saved, &restored);
	judge_rest(site, has_events(&variant), &restored, &model);
}

static void emit_pending(const struct site *site, struct guest *guest, int gic, bool events)
{
	(void)site, (void)events;
	emit_setup(guest, false);
	emit_on(guest, false);
	guest_write(guest, PMCCNTR_EL0, -(uint64_t)(LOOPS / 2));
	guest_work(guest, LOOPS);
	guest_hop(guest);
	guest_gic(guest, gic, 0, PMU_INTID);
	guest_irqs(guest, true);
	guest_work(guest, LOOPS);
	guest_irqs(guest, false);
	guest_out(guest, PMOVSSET_EL0);
	guest_exit(guest);
}

/* An overflow that the guest has not seen yet interrupts it in the new VM, once. */
static void overflow_pending(const struct site *site, struct variant variant)
{
	struct vcpu *vcpu = &target.vcpus[0];
	int cpu = place_cpu(site, variant.row);

	start(&source, site, variant, emit_pending);
	expect_equal(vcpu_get_bitmap(&source.vcpus[0], PMOVSSET_EL0), OVERFLOWS,
		     "PMOVS at the source");
	vm_migrate(&target, &source, site, variant.mode, cpu);
	vcpu_finish(vcpu);
	expect_equal((uint64_t)vcpu->nirqs, 1, "interrupts in the new VM");
	expect_equal(vcpu->irqs[0].intid, PMU_INTID, "INTID");
	expect_equal(vcpu->irqs[0].overflow, OVERFLOWS, "PMOVS in the handler");
	expect_equal(vcpu_take(vcpu), 0, "PMOVS after the handler");
}

/*
 * Not exact: the clock of a busy machine goes on in the guest, so that the overflow is
 * far enough away not to come before the save.
 */
static uint64_t due(const struct site *site)
{
	return site->exact ? DUE : DUE_WALL;
}

static void emit_due(const struct site *site, struct guest *guest, int gic, bool events)
{
	uint32_t *loop;

	(void)events;
	emit_setup(guest, false);
	emit_on(guest, false);
	guest_work(guest, LOOPS);
	guest_write(guest, PMCCNTR_EL0, -due(site));
	guest_hop(guest);
	guest_gic(guest, gic, 0, PMU_INTID);
	guest_irqs(guest, true);
	/* Twice the loops that it takes a core of one cycle a loop: time for the interrupt. */
	loop = guest_loop(guest, 19, DUE_LOOPS);
	guest_work(guest, 2 * due(site) / DUE_LOOPS);
	guest_loop_end(guest, 19, loop);
	guest_irqs(guest, false);
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_out(guest, PMOVSSET_EL0);
	guest_exit(guest);
}

/* One interrupt, and not before the count has wrapped to a small one. */
static uint64_t judge_due(struct vcpu *vcpu)
{
	const struct site *site = vcpu->vm->site;
	uint64_t last;

	settle_here(site);
	vcpu_finish(vcpu);
	last = vcpu_take(vcpu);
	note("%llu at the end", (unsigned long long)last);
	expect(last + due(site) >= LEAST_CYCLES(due(site)), "the counter does not count");
	if (!site->exact && last > -(uint64_t)DUE_WALL)
		skip_test("the guest's work took less than %d cycles", DUE_WALL);
	expect_equal((uint64_t)vcpu->nirqs, 1, "interrupts");
	expect_equal(vcpu->irqs[0].overflow, OVERFLOWS, "PMOVS in the handler");
	expect(vcpu->irqs[0].count <= last, "the interrupt came at count 0x%llx",
	       (unsigned long long)vcpu->irqs[0].count);
	expect_equal(vcpu_take(vcpu), 0, "PMOVS after the handler");
	return vcpu->irqs[0].count;
}

/* A counter that has not overflowed yet does so in the new VM, where it would have. */
static void overflow_due(const struct site *site, struct variant variant)
{
	int cpu = place_cpu(site, variant.row);
	uint64_t model, restored;

	need_mode(site, variant.mode);
	need_current_counts(site);
	start(&source, site, variant, emit_due);
	model = judge_due(&source.vcpus[0]);
	vm_destroy(&source);
	start(&source, site, variant, emit_due);
	expect_equal(vcpu_get_bitmap(&source.vcpus[0], PMOVSSET_EL0), 0, "PMOVS at the source");
	vm_migrate(&target, &source, site, variant.mode, cpu);
	restored = judge_due(&target.vcpus[0]);
	note("count in the handler: %llu restored, %llu without", (unsigned long long)restored,
	     (unsigned long long)model);
	if (site->exact)
		expect_equal(restored, model, "count in the handler");
}

/*
 * From VM to VM, again and again, in the middle of every other window: all windows are equal,
 * those in which nothing happens too.
 */
static void migrates(const struct site *site, struct variant variant)
{
	static struct vm vms[2];
	struct windows windows = { .sysreg = PMCCNTR_EL0, .count = MIGRATED, .loops = LOOPS };
	int cpus[] = { site->home[0], place_cpu(site, variant.row) }, nout;
	struct vcpu *from = &vms[0].vcpus[0], *to;

	need_mode(site, variant.mode);
	need_current_counts(site);
	vm_start(&vms[0], site, variant.mode, 1);
	guest_pmu_reset(&from->guest, 0);
	guest_write(&from->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&from->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&from->guest, &windows);
	guest_exit(&from->guest);
	settle_here(site);
	for (int i = 1; vcpu_run(from) == STOP_HOP; i++) {
		expect(i <= MIGRATED, "the guest does not end");
		if (i % 2) {
			settle_here(site);
			continue;
		}
		to = &vms[i / 2 % 2].vcpus[0];
		vm_migrate(&vms[i / 2 % 2], from->vm, site, variant.mode, cpus[i / 2 % 2]);
		/* What the guest has said so far goes with it. */
		for (nout = 0; nout < from->nout; nout++)
			to->out[nout] = from->out[nout];
		to->nout = nout;
		settle_here(site);
		from = to;
	}
	windows_take(from, &windows);
	windows_judge(site, &windows, HOPS_SYNC);
	for (int i = 1; i < MIGRATED; i++)
		expect(windows.start[i] >= windows.end[i - 1], "window %d starts too low", i);
}

/* The modes that have no event counters. */
#define WITHOUT IN(MODE_COMPOSITE)

static const struct test tests[] = {
	{ "state.goes_on", goes_on, EVERY_MODE | STRICT | LIMITED, 0, PLACES, place_name, 0 },
	{ "state.stays_off", stays_off, EVERY_MODE, 0, PLACES, place_name, 0 },
	{ "state.overflow_pending", overflow_pending, EVERY_MODE, 0, PLACES, place_name, 0 },
	{ "state.overflow_due", overflow_due, EVERY_MODE, 0, PLACES, place_name, 0 },
	{ "state.migrates", migrates, EVERY_MODE, 0, PLACES, place_name, 0 },
	{ "state.set_counter", state_set_counter, WITH_EVENTS, 0, 2, state_counter_name, 0 },
	{ "state.set_counter", state_set_counter, WITHOUT, 0, 1, state_counter_name, 0 },
	{ "state.set_enable", state_set_enable, EVERY_MODE, 0, ENABLE_ROWS, state_enable_name, 0 },
	{ "state.set_event", state_set_event, WITH_EVENTS, 0, 2, state_counter_name, 0 },
	{ "state.set_event", state_set_event, WITHOUT, 0, 1, state_counter_name, 0 },
	{ "state.set_overflow", state_set_overflow, EVERY_MODE, 0, 0, NULL, 0 },
	{ "state.set_command", state_set_command, WITH_EVENTS, 0, 2, state_command_name, 0 },
	{ "state.set_command", state_set_command, WITHOUT, 0, 1, state_command_name, 0 },
	{ "state.beyond_n", state_beyond_n, WITH_EVENTS, 0, 0, NULL, 0 },
	{ "state.list", state_list, EVERY_MODE | STRICT, 0, 0, NULL, 0 },
	{ "state.list_order", state_list_order, EVERY_MODE, 0, BITMAP_ROWS, state_bitmap_name, 0 },
	{ "state.list_without_pmu", state_list_without_pmu, 0, 0, 0, NULL, 0 },
	{ "state.n", state_n, EVERY_MODE, 0, N_ROWS, state_n_name, 0 },
	{ "state.n", state_n, STRICT, 0, 2, state_n_name, 0 },
	{ "state.n_frozen", state_n_frozen, EVERY_MODE, 0, 0, NULL, 0 },
	{ "state.reinit", state_reinit, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "state.system_reset", state_system_reset, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "state.reinit_race", state_reinit_race, 0, 0, 0, NULL, 0 },
	{ "state.width", state_width, EVERY_MODE, 0, WIDTH_ROWS, state_width_name, 0 },
	{ "state.other_thread", state_other_thread, WITH_EVENTS, 0, 2, place_name, 0 },
	{ "state.other_thread", state_other_thread, WITHOUT, 0, PLACES, place_name, 0 },
};

FAMILY(state_family, tests);
