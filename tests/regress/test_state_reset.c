/* SPDX-License-Identifier: MIT */
/* What a repeated KVM_ARM_VCPU_INIT and PSCI's reset leave, and PMCR_EL0.N from userspace. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "older.h"
#include "result.h"
#include "scene.h"
#include "state.h"

#define LOOPS        20000
#define SYSTEM_RESET 0x84000009u
#define RACES        2000
#define AWAITED      16      /* of so many of them, one waits for the other side */
#define SHORT        20000   /* from the wrap at 32 bits */
#define WRAP_LOOPS   2000000 /* the same, in wall time */

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];

enum n { N_ZERO, N_ONE, N_FEWER, N_MAX, N_ABOVE };

const char *state_n_name(int row)
{
	static const char *const names[N_ROWS] = { "zero", "one", "fewer", "max", "above" };

	return names[row];
}

/*
 * N is what userspace writes before the first run, up to the PMU's; more is ignored
 * (set_pmcr()), and with STRICT any (api.rst 4.82). Composite has none. The guest sees it, and no
 * counter beyond, on every vCPU.
 */
void state_n(const struct site *site, struct variant variant)
{
	unsigned max, n, wanted;

	need_chosen_n(site);
	vm_start(&vm, site, variant.mode, 2);
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	if (variant.mode == MODE_COMPOSITE)
		expect_equal(max, 0, "N in composite mode");
	else if (max < 3)
		skip_test("the PMU has only %u event counters", max);
	n = (const unsigned[]){ 0, 1, 2, max, max + 1 }[variant.row];
	if (n > MAX_COUNTERS)
		skip_test("PMCR_EL0.N has no room for more than this PMU's %u counters", max);
	wanted = n > max ? max : n;
	if (variant.mode == MODE_COMPOSITE || variant.mode == MODE_STRICT)
		wanted = max;
	vcpu_set(&vm.vcpus[1], PMCR_EL0, PMCR_WITH_N(n) | PMCR_LC);
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), wanted, "N of vCPU 0");
	expect_equal(PMCR_N(vcpu_get(&vm.vcpus[1], PMCR_EL0)), wanted, "N of vCPU 1");
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, ALL);
	guest_out(&vcpu->guest, PMCNTENSET_EL0);
	if (wanted)
		guest_write(&vcpu->guest, PMEVCNTR_EL0(wanted - 1), 1);
	guest_hop(&vcpu->guest);
	if (wanted < MAX_COUNTERS)
		guest_write(&vcpu->guest, PMEVCNTR_EL0(wanted), 1);
	guest_exit(&vcpu->guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
	expect_equal(PMCR_N(vcpu_take(vcpu)), wanted, "N in the guest");
	expect_equal(vcpu_take(vcpu), counter_bits(wanted), "counters that there are");
	expect_equal((uint64_t)vcpu->nexceptions, 0, "exceptions with counter N - 1");
	vcpu_finish(vcpu);
	expect_equal((uint64_t)vcpu->nexceptions, wanted < MAX_COUNTERS,
		     "exceptions with counter N");
}

/* Once a vCPU has run, N stays, whoever writes it; the write succeeds (set_pmcr()). */
void state_n_frozen(const struct site *site, struct variant variant)
{
	unsigned max, n;

	need_chosen_n(site);
	vm_start(&vm, site, variant.mode, 2);
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	n = max ? max - 1 : 0;
	vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n) | PMCR_LC);
	guest_hop(&vcpu->guest);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_exit(&vcpu->guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
	for (int i = 0; i < 2; i++) {
		vcpu_set(&vm.vcpus[i], PMCR_EL0, PMCR_WITH_N(max ? 1 : 3) | PMCR_LC);
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N, written to vCPU %d", i);
		vcpu_set(&vm.vcpus[i], PMCR_EL0, PMCR_WITH_N(max) | PMCR_LC);
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N, written to vCPU %d", i);
	}
	vcpu_finish(vcpu);
	expect_equal(PMCR_N(vcpu_take(vcpu)), n, "N in the guest");
}

/* One counter that counts and one that is off; a window that ends the program. */
static void emit_count(struct guest *guest, bool events)
{
	guest_pmu_reset(guest, events ? 1 : 0);
	if (events)
		guest_write(guest, PMEVTYPER_EL0(0), EVENT_CPU_CYCLES);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE) | (events ? BIT(0) : 0));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_work(guest, LOOPS);
	guest_read(guest, 20, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_out_register(guest, 20);
}

/* PMU, N, interrupt and what is initialised are the VM's, and outlive a reset of the vCPU. */
static void expect_kept(const struct site *site, enum mode mode, unsigned n)
{
	int irq = 0;

	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N after the reset");
	expect_equal((uint64_t)vcpu_get_attr(vcpu, ATTR_IRQ, &irq), 0, "getting the interrupt");
	expect_equal((uint64_t)irq, PMU_INTID, "interrupt after the reset");
	expect_equal((uint64_t)vcpu_set_attr(vcpu, ATTR_INIT, NULL), EBUSY, "INIT once more");
	if (mode == MODE_COMPOSITE)
		expect_equal((uint64_t)vcpu_get_attr(vcpu, ATTR_FIXED_COUNTERS, NULL), 0,
			     "getting FIXED_COUNTERS_ONLY");
	if (!names_pmu(mode) || !site->naway)
		return;
	place_on(site, site->away[0]);
	expect_equal(vcpu_run(vcpu), STOP_REFUSED, "stop on another host PMU's CPU");
	place_on(site, site->home[0]);
}

static void reset_and_judge(const struct site *site, enum mode mode, const struct pmu_state *fresh)
{
	struct pmu_state after;
	uint64_t model, first;

	first = vcpu_take(vcpu);
	model = vcpu_take(vcpu) - first;
	errno = vcpu_init(vcpu, mode_features(mode));
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_INIT once more");
	pmu_save(vcpu, &after);
	pmu_expect_config(&after, fresh, "after the reset");
	/*
	 * Not the reset value and the count of the event that was there before. Only kernels that
	 * have SET_NR_COUNTERS are known for that: they reload events instead of stopping them. It
	 * is the window, and little else but what an emulator pauses.
	 */
	if (site->nr_counters && after.cycles - fresh->cycles >= model &&
	    after.cycles - fresh->cycles < (counts_pauses(site) ? FAR : 2 * model))
		known_fault("a reset adds what the event has counted to the reset value");
	pmu_expect_values(&after, fresh, "after the reset");
	expect_kept(site, mode, fresh->n);
	settle_here(site);
	vcpu_finish(vcpu);
	first = vcpu_take(vcpu);
	first = vcpu_take(vcpu) - first;
	note("window: %llu, %llu after the reset", (unsigned long long)model,
	     (unsigned long long)first);
	if (site->exact)
		expect_equal(first, model, "window after the reset");
	else
		expect(first >= LEAST_CYCLES(LOOPS), "window after the reset: %llu",
		       (unsigned long long)first);
}

static void start_lowered(const struct site *site, enum mode mode, struct pmu_state *fresh)
{
	unsigned max;

	vm_start(&vm, site, mode, 1);
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	/* Limited: it is lower already. */
	if (mode != MODE_LIMITED && chooses_n(site))
		vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(max > 1 ? max - 1 : max) | PMCR_LC);
	pmu_save_fresh(vcpu, mode, fresh);
	fresh->pmcr &= ~(uint64_t)PMCR_LC;
}

/* PMCR_EL0.LC resets to one where there is no AArch32 (reset_pmcr()), or the guest's choice. */
static void expect_reset_pmcr(struct pmu_state *fresh)
{
	struct vm *probe = &vm;

	vm_start(probe, vm.site, MODE_DEFAULT, 1);
	fresh->pmcr |= vcpu_get(vcpu, PMCR_EL0) & PMCR_LC;
	vm_destroy(probe);
}

/* KVM_ARM_VCPU_INIT again: registers as at first, counters without what was counted. */
void state_reinit(const struct site *site, struct variant variant)
{
	struct pmu_state fresh;
	struct pmu_state lc = { 0 };

	need_mode(site, variant.mode);
	vm.site = site;
	expect_reset_pmcr(&lc);
	start_lowered(site, variant.mode, &fresh);
	fresh.pmcr |= lc.pmcr;
	emit_count(&vcpu->guest, fresh.n > 0);
	guest_exit(&vcpu->guest);
	settle_here(site);
	vcpu_finish(vcpu);
	reset_and_judge(site, variant.mode, &fresh);
}

/* The same after the guest has asked for it by PSCI. */
void state_system_reset(const struct site *site, struct variant variant)
{
	struct pmu_state fresh, lc = { 0 };
	uint32_t *call;

	need_mode(site, variant.mode);
	vm.site = site;
	expect_reset_pmcr(&lc);
	start_lowered(site, variant.mode, &fresh);
	fresh.pmcr |= lc.pmcr;
	emit_count(&vcpu->guest, fresh.n > 0);
	call = vcpu->guest.at;
	guest_psci(&vcpu->guest, SYSTEM_RESET, 0, 0, 0);
	settle_here(site);
	expect_equal(vcpu_run(vcpu), STOP_SYSTEM, "stop");
	/* The second time the program ends here. */
	vcpu->guest.at = call;
	guest_exit(&vcpu->guest);
	reset_and_judge(site, variant.mode, &fresh);
}

struct race {
	struct vcpu *vcpu;
	int cpu;
	atomic_bool stop;
	atomic_int times, error;
};

static void *reinit(void *argument)
{
	struct race *race = argument;

	/* Not where the other thread is, or they would only take turns. */
	place_thread(0, race->cpu);
	for (; !atomic_load(&race->stop) && !atomic_load(&race->error); race->times++)
		atomic_store(&race->error, vcpu_init(race->vcpu, 1u << KVM_ARM_VCPU_PMU_V3));
	return NULL;
}

/*
 * Until it has been initialised once more, from beginning to end. Asleep in between: a board
 * that emulates one CPU at a time gives the other thread no turn while this one spins.
 */
static void await_reinit(struct race *race)
{
	int times = atomic_load(&race->times);

	while (atomic_load(&race->times) < times + 2 && !atomic_load(&race->error))
		scene_pause(10000);
}

/*
 * One vCPU is initialised again and again while another one chooses the PMU, then N: all
 * succeed, the kernel does not warn, and the last choice holds.
 */
void state_reinit_race(const struct site *site, struct variant variant)
{
	struct race race = { .vcpu = &vm.vcpus[1], .cpu = site->home[site->nhome - 1] };
	const int types[] = { site->host.pmus[0].type, site->host.pmus[site->host.npmus - 1].type };
	bool chosen = chooses_n(site);
	unsigned most[2], n = 0; /* most: of either PMU */
	pthread_t thread;

	(void)variant;
	need_mode(site, MODE_EXPLICIT);
	place_on(site, site->home[0]);
	vm_create(&vm, site, 2);
	vm_init_vcpus(&vm, 1u << KVM_ARM_VCPU_PMU_V3);
	vm_create_gic(&vm);
	vm_init_gic(&vm);
	for (int i = 0; i < 2; i++) {
		errno = vcpu_set_attr(vcpu, ATTR_SET_PMU, &types[i]);
		if (errno)
			fail_test_errno("SET_PMU");
		most[i] = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	}
	if (pthread_create(&thread, NULL, reinit, &race))
		fail_test("cannot start a thread");
	for (int i = 0; i < RACES; i++) {
		int which = (i + 1) % 2; /* in the end the first one, where this thread is */

		errno = vcpu_set_attr(vcpu, ATTR_SET_PMU, &types[which]);
		if (errno)
			fail_test_errno("SET_PMU, time %d", i);
		n = chosen ? (unsigned)i % (most[which] + 1) : most[which];
		if (chosen)
			vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n) | PMCR_LC);
		if (i % AWAITED == 0)
			await_reinit(&race);
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N, time %d", i);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	note("initialised %d times", race.times);
	expect_equal((uint64_t)race.error, 0, "errno of KVM_ARM_VCPU_INIT");
	expect_equal(PMCR_N(vcpu_get(&vm.vcpus[1], PMCR_EL0)), n, "N of vCPU 1");
	vm_init_pmu(&vm);
	emit_count(&vcpu->guest, n > 0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
}

const char *state_width_name(int row)
{
	return row ? "to-64" : "to-32";
}

/* The counter nears its wrap at 32 bits with PMCR_EL0 @first, and wraps with @then. */
static void emit_wrap(const struct site *site, uint64_t first, uint64_t then)
{
	struct guest *guest = &vcpu->guest;

	guest_write(guest, PMCR_EL0, first | PMCR_E);
	guest_write(guest, PMCCNTR_EL0,
		    0x100000000ull - (uint64_t)(site->exact ? SHORT : WRAP_LOOPS));
	guest_write(guest, PMCR_EL0, then | PMCR_E);
	guest_out(guest, PMOVSSET_EL0);
	guest_work(guest, site->exact ? SHORT : 4 * WRAP_LOOPS);
	guest_out(guest, PMCCNTR_EL0);
	guest_out(guest, PMOVSSET_EL0);
	guest_write(guest, PMOVSCLR_EL0, ALL);
}

/* The flags after the wrap; @count gets what the work counted. */
static uint64_t take_wrap(const struct site *site, uint64_t *count)
{
	uint64_t early = vcpu_take(vcpu), value = vcpu_take(vcpu), overflow = vcpu_take(vcpu);

	note("count 0x%llx, PMOVS 0x%llx", (unsigned long long)value, (unsigned long long)overflow);
	if (!site->exact && early)
		skip_test("the machine was too busy: the counter wrapped before its time");
	expect_equal(early, 0, "PMOVS before the wrap");
	if (!site->exact && value < 0x100000000ull)
		skip_test("the guest's work was too short for the counter to wrap");
	expect_between(value, 0x100000000ull, 0x1ffffffffull, "the counter after its wrap");
	*count = value;
	return overflow;
}

/*
 * PMCR_EL0.LC decides where the cycle counter overflows at the time that it wraps (Arm ARM,
 * PMCR_EL0.LC), not at the time that it was written. What is a fault of such a write only: a
 * counter that is written after it overflows where it should.
 */
void state_width(const struct site *site, struct variant variant)
{
	uint64_t from = variant.row ? 0 : PMCR_LC, to = variant.row ? PMCR_LC : 0;
	uint64_t wanted = variant.row ? 0 : BIT(CYCLE), overflow, later;
	uint64_t first_count, second_count;

	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCR_EL0, 0);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	emit_wrap(site, from, to);
	emit_wrap(site, to, to);
	guest_exit(&vcpu->guest);
	/* Making the VM has left other CPUs at work, whose turns the counter would count. */
	settle_here(site);
	vcpu_finish(vcpu);
	if (vcpu_take(vcpu) & PMCR_LC)
		skip_test("this CPU has no AArch32: PMCR_EL0.LC is always one");
	overflow = take_wrap(site, &first_count);
	later = take_wrap(site, &second_count);
	if (site->exact)
		expect_equal(second_count, first_count, "the counter after the second wrap");
	if (site->older && wanted && !overflow && !later)
		skip_unnoticed_wrap();
	expect_equal(later, wanted, "PMOVS of a counter written after LC");
	if (overflow == (wanted ^ BIT(CYCLE)))
		known_fault("after a write to PMCR_EL0.LC the cycle counter %s at 32 bits",
			    variant.row ? "still overflows" : "does not overflow");
	expect_equal(overflow, wanted, "PMOVS");
}

struct runner {
	const struct site *site;
	int cpu;
	enum stop stop;
};

static void *run_on(void *argument)
{
	struct runner *runner = argument;

	place_on(runner->site, runner->cpu);
	runner->stop = vcpu_run(vcpu);
	return NULL;
}

/* A vCPU that another host thread runs from now on counts on (api.rst, "General description"). */
void state_other_thread(const struct site *site, struct variant variant)
{
	struct runner runner = { .site = site, .cpu = place_cpu(site, variant.row) };
	uint64_t before, inside;
	pthread_t thread;

	vm_start(&vm, site, variant.mode, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	for (int i = 0; i < 2; i++) {
		guest_read(&vcpu->guest, 19, PMCCNTR_EL0);
		guest_work(&vcpu->guest, LOOPS);
		guest_read(&vcpu->guest, 20, PMCCNTR_EL0);
		guest_out_register(&vcpu->guest, 19);
		guest_out_register(&vcpu->guest, 20);
		guest_hop(&vcpu->guest);
	}
	settle_here(site);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
	before = vcpu_take(vcpu);
	before = vcpu_take(vcpu) - before;
	if (pthread_create(&thread, NULL, run_on, &runner))
		fail_test("cannot start a thread");
	pthread_join(thread, NULL);
	expect_equal(runner.stop, STOP_HOP, "stop in the other thread");
	inside = vcpu_take(vcpu);
	inside = vcpu_take(vcpu) - inside;
	expect(before > 0, "the counter did not count in the first thread");
	/* Composite makes the event anew on another host PMU, and so for the new thread. */
	if (!inside && (variant.mode != MODE_COMPOSITE || variant.row != PLACE_CLUSTER))
		known_fault("counters do not count when another host thread runs the vCPU");
	if (site->exact)
		expect_equal(inside, before, "window in the other thread");
	else
		expect(inside >= LEAST_CYCLES(LOOPS), "window in the other thread: %llu",
		       (unsigned long long)inside);
}
