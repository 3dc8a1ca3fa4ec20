/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs, each run by a host thread of its own. Other CPUs are at work meanwhile,
 * so that on exact boards a window has bounds (docs/boards.md), and what software
 * counts, flags and interrupts are exact everywhere.
 */
#include <pthread.h>

#include "counters.h"
#include "older.h"
#include "result.h"
#include "state.h"

#define LOOPS           20000
#define WINDOWS         12
#define CYCLES_PER_TICK 16 /* exact: 1 GHz against 62.5 MHz */
#define CPU_OFF         0x84000002u
#define CPU_ON          0xc4000003u
#define PARKED          0x5555u

static struct vm vm;

struct seat {
	struct vcpu *vcpu;
	pthread_t thread;
	int cpus[HOPS_MAX_CPUS], ncpus; /* of its own way: one step at each guest_hop() */
	int home;                       /* where a refused vCPU returns to; -1: a refusal fails */
	int nhops, nrefusals;
};

static struct seat seats[VM_MAX_VCPUS];

static void *sit(void *argument)
{
	struct seat *seat = argument;
	enum stop stop;

	place_thread(0, seat->cpus[0]);
	while ((stop = vcpu_run(seat->vcpu)) != STOP_EXIT) {
		if (stop == STOP_HOP) {
			seat->nhops++;
			place_thread(0, seat->cpus[seat->nhops % seat->ncpus]);
		} else if (stop == STOP_REFUSED && seat->home >= 0) {
			seat->nrefusals++;
			place_thread(0, seat->home);
		} else {
			fail_test("vCPU %d stopped (%d) before the end of its program",
				  seat->vcpu->index, (int)stop);
		}
	}
	return NULL;
}

/* All vCPUs, to the end of their programs. */
static void run_all(int nvcpus)
{
	for (int i = 0; i < nvcpus; i++)
		if (pthread_create(&seats[i].thread, NULL, sit, &seats[i]))
			fail_test("cannot start a thread");
	for (int i = 0; i < nvcpus; i++)
		pthread_join(seats[i].thread, NULL);
}

static void add_cpu(struct seat *seat, int cpu)
{
	seat->cpus[seat->ncpus++] = cpu;
}

/*
 * Where vCPU @i goes: composite, over all host PMUs; otherwise over the home PMU's CPUs,
 * each vCPU from another start.
 */
static void plan(const struct site *site, enum mode mode, int i)
{
	struct seat *seat = &seats[i];
	int nhome = site->nhome < 4 ? site->nhome : 4, naway = site->naway < 4 ? site->naway : 4;

	*seat = (struct seat){ .vcpu = &vm.vcpus[i], .home = -1 };
	for (int step = 0; step < 4; step++) {
		if (mode == MODE_COMPOSITE && naway && (step + i) % 2)
			add_cpu(seat, site->away[(step + i) % naway]);
		else
			add_cpu(seat, site->home[(step + i) % nhome]);
	}
}

/* vCPU 0 turns the others on; they start at their programs. */
static void emit_turn_on(struct guest *guest, int nvcpus)
{
	for (int i = 1; i < nvcpus; i++)
		guest_psci(guest, CPU_ON, (uint64_t)i, vcpu_entry(&vm.vcpus[i]), 0);
}

static void take_turn_on(struct vcpu *vcpu, int nvcpus)
{
	for (int i = 1; i < nvcpus; i++)
		expect_equal(vcpu_take(vcpu), 0, "CPU_ON of vCPU %d", i);
}

/* Increments of vCPU @i by software, in all. */
static unsigned increments(int i)
{
	return (unsigned)(WINDOWS * (i + 1));
}

static void emit_counting(struct vcpu *vcpu, bool events)
{
	struct guest *guest = &vcpu->guest;
	uint32_t *loop;

	guest_pmu_reset(guest, events ? 2 : 0);
	guest_write(guest, PMUSERENR_EL0, (uint64_t)vcpu->index & 15);
	if (events)
		guest_write(guest, PMEVTYPER_EL0(0), EVENT_SW_INCR);
	if (events)
		guest_write(guest, PMEVCNTR_EL0(1), PARKED + (unsigned)vcpu->index);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE) | (events ? BIT(0) : 0));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, 25, WINDOWS);
	guest_read(guest, 20, CNTVCT_EL0);
	guest_read(guest, 21, PMCCNTR_EL0);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	if (events)
		for (int i = 0; i <= vcpu->index; i++)
			guest_write(guest, PMSWINC_EL0, BIT(0));
	guest_read(guest, 22, PMCCNTR_EL0);
	guest_read(guest, 23, CNTVCT_EL0);
	for (unsigned x = 20; x <= 23; x++)
		guest_out_register(guest, x);
	guest_loop_end(guest, 25, loop);
	guest_out(guest, PMUSERENR_EL0);
	if (events)
		guest_out(guest, PMEVCNTR_EL0(0));
	if (events)
		guest_out(guest, PMEVCNTR_EL0(1));
	guest_exit(guest);
}

/* Every window counted: at least its instructions, and no more than its time allows. */
static void judge_counting(const struct site *site, struct vcpu *vcpu, bool events)
{
	uint64_t last = 0;

	for (int i = 0; i < WINDOWS; i++) {
		uint64_t ticks = vcpu_take(vcpu), first = vcpu_take(vcpu), end = vcpu_take(vcpu);

		ticks = vcpu_take(vcpu) - ticks;
		expect(first >= last, "vCPU %d, window %d: the counter went back", vcpu->index, i);
		last = end;
		if (site->exact)
			expect_between(end - first, 2 * LOOPS, (ticks + 1) * CYCLES_PER_TICK,
				       "vCPU %d, window %d", vcpu->index, i);
		else
			expect_between(end - first, LEAST_CYCLES(LOOPS), MOST_CYCLES,
				       "vCPU %d, window %d", vcpu->index, i);
	}
	expect_equal(vcpu_take(vcpu), (uint64_t)vcpu->index & 15, "vCPU %d: PMUSERENR",
		     vcpu->index);
	if (!events)
		return;
	expect_equal(vcpu_take(vcpu), increments(vcpu->index), "vCPU %d: SW_INCR", vcpu->index);
	expect_equal(vcpu_take(vcpu), PARKED + (unsigned)vcpu->index, "vCPU %d: counter off",
		     vcpu->index);
}

static const int numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static const char *number_name(int row)
{
	static const char *const names[] = { "1", "2", "3", "4", "5", "6", "7", "8" };

	return names[row];
}

/* 1 to 8 vCPUs on ways of their own: the PMU chosen counts for each, its own work only. */
static void counts(const struct site *site, struct variant variant)
{
	int nvcpus = numbers[variant.row];
	bool events = variant.mode != MODE_COMPOSITE;

	vm_start(&vm, site, variant.mode, nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		plan(site, variant.mode, i);
		if (i == 0)
			emit_turn_on(&vm.vcpus[0].guest, nvcpus);
		emit_counting(&vm.vcpus[i], events);
	}
	run_all(nvcpus);
	take_turn_on(&vm.vcpus[0], nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		judge_counting(site, &vm.vcpus[i], events);
		expect_equal((uint64_t)vm.vcpus[i].nexceptions, 0, "vCPU %d: exceptions", i);
	}
}

/* Each vCPU is refused on the other host PMU's CPUs, by name, and returns. */
static void refused(const struct site *site, struct variant variant)
{
	const int nvcpus = 4;

	need_away(site);
	vm_start(&vm, site, variant.mode, nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		struct seat *seat = &seats[i];

		*seat = (struct seat){ .vcpu = &vm.vcpus[i] };
		seat->home = site->home[i % site->nhome];
		add_cpu(seat, seat->home);
		add_cpu(seat, site->away[i % site->naway]);
		if (i == 0)
			emit_turn_on(&vm.vcpus[0].guest, nvcpus);
		emit_counting(&vm.vcpus[i], true);
	}
	run_all(nvcpus);
	take_turn_on(&vm.vcpus[0], nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		judge_counting(site, &vm.vcpus[i], true);
		expect_equal((uint64_t)seats[i].nrefusals, WINDOWS / 2, "refusals of vCPU %d", i);
		expect_equal((uint64_t)vm.vcpus[i].refused_cpu,
			     (uint64_t)site->away[i % site->naway], "CPU that refused vCPU %d", i);
	}
}

/* Each vCPU that overflows is interrupted, as often as it does; the others never are. */
static void overflows(const struct site *site, struct variant variant)
{
	const int nvcpus = 4;

	vm_start(&vm, site, variant.mode, nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		struct guest *guest = &vm.vcpus[i].guest;
		uint32_t *loop;

		plan(site, variant.mode, i);
		if (i == 0)
			emit_turn_on(guest, nvcpus);
		guest_pmu_reset(guest, 0);
		guest_gic(guest, vm.gic, (unsigned)i, PMU_INTID);
		guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
		guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
		guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
		guest_irqs(guest, true);
		loop = guest_loop(guest, 25, WINDOWS);
		irq_forget(guest);
		/* Odd vCPUs overflow in each turn, even ones are far away from it. */
		guest_write(guest, PMCCNTR_EL0, i % 2 ? -(uint64_t)LEAST_CYCLES(LOOPS) : 0);
		guest_hop(guest);
		guest_work(guest, LOOPS);
		if (i % 2)
			irq_await(site, guest, 24);
		guest_loop_end(guest, 25, loop);
		guest_irqs(guest, false);
		guest_out(guest, PMOVSSET_EL0);
		guest_exit(guest);
	}
	run_all(nvcpus);
	take_turn_on(&vm.vcpus[0], nvcpus);
	for (int i = 0; i < nvcpus; i++) {
		struct vcpu *vcpu = &vm.vcpus[i];

		expect_equal((uint64_t)vcpu->nirqs, i % 2 ? WINDOWS : 0, "interrupts of vCPU %d",
			     i);
		for (int j = 0; j < vcpu->nirqs; j++)
			expect_equal(vcpu->irqs[j].overflow, BIT(CYCLE), "vCPU %d: PMOVS", i);
		expect_equal(vcpu_take(vcpu), 0, "vCPU %d: PMOVS at the end", i);
	}
}

/*
 * Asks for CPU_ON until the vCPU is off, and so turned on. It hops each time: a guest that spins
 * leaves other CPUs no turn on a board that emulates one at a time (docs/qemu-faults.md).
 */
static void emit_on_again(struct guest *guest, int index, uint64_t context)
{
	uint32_t *again = guest->at;

	guest_hop(guest);
	guest_psci(guest, CPU_ON, (uint64_t)index, vcpu_entry(&vm.vcpus[index]), context);
	/* cbnz x0, again: in place of handing the result over each time. */
	guest->at--;
	guest_insn(guest, 0xb5000000u | ((uint32_t)(again - guest->at) & 0x7ffff) << 5);
}

/*
 * A vCPU that turns itself off and is turned on again has the reset values (PSCI, CPU_ON:
 * a cold boot), not what it counted before, and counts once more.
 */
static void off_and_on(const struct site *site, struct variant variant)
{
	enum { LIVES = 4 };
	struct guest *guest = &vm.vcpus[1].guest, *boss = &vm.vcpus[0].guest;
	struct vcpu *vcpu = &vm.vcpus[1];
	struct pmu_state fresh;
	/* Since the last event was made: a few instructions, and what an emulator pauses. */
	uint64_t most = counts_pauses(site) ? FAR : LOOPS;
	bool cleared = false, added = false;

	vm_start(&vm, site, variant.mode, 2);
	pmu_save_fresh(vcpu, variant.mode, &fresh);
	plan(site, variant.mode, 0);
	plan(site, variant.mode, 1);
	guest_out(guest, PMCCNTR_EL0);
	guest_out(guest, PMCNTENSET_EL0);
	guest_out(guest, PMCCFILTR_EL0);
	guest_out(guest, PMUSERENR_EL0);
	guest_pmu_reset(guest, 0);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_write(guest, PMCCFILTR_EL0, FILTER_U);
	guest_write(guest, PMUSERENR_EL0, PMUSERENR_EN);
	/* The last life's context is 0: it ends the program instead. */
	guest_insn(guest, 0xb5000040u); /* cbnz x0, after the exit */
	guest_exit(guest);
	guest_psci(guest, CPU_OFF, 0, 0, 0);
	for (int life = 1; life <= LIVES; life++)
		emit_on_again(boss, 1, LIVES - (uint64_t)life);
	guest_exit(boss);
	run_all(2);
	for (int life = 0; life < LIVES; life++) {
		uint64_t count;

		count = vcpu_take(vcpu);
		/* CPU_ON resets it, to PMCR_EL0.C = 1, and then is its first run. */
		if (site->older && fresh.pmcr & PMCR_C && life == 0 && !count)
			cleared = true;
		/* What the life before counted since its event was made (state.reinit). */
		else if (site->nr_counters && life && count - fresh.cycles - 1 < most)
			added = true;
		else
			expect_equal(count, fresh.cycles, "life %d: PMCCNTR", life);
		expect_equal(vcpu_take(vcpu), fresh.enabled, "life %d: PMCNTEN", life);
		expect_equal(vcpu_take(vcpu), fresh.filter, "life %d: PMCCFILTR", life);
		expect_equal(vcpu_take(vcpu), fresh.user, "life %d: PMUSERENR", life);
		count = vcpu_take(vcpu);
		expect(count >= (site->exact ? 2 * LOOPS : LEAST_CYCLES(LOOPS)) &&
			       count < fresh.cycles,
		       "life %d: count 0x%llx", life, (unsigned long long)count);
	}
	expect_equal((uint64_t)vcpu->taken, (uint64_t)vcpu->nout, "values handed over");
	if (cleared)
		known_fault("PMCR_EL0.C is set after a reset, and acts in the first run");
	if (added)
		known_fault("a reset adds what the event has counted to the reset value");
}

/* Two vCPUs in turn by one host thread: what one does is not counted for the other. */
static void one_thread(const struct site *site, struct variant variant)
{
	struct guest *first = &vm.vcpus[0].guest, *second = &vm.vcpus[1].guest;
	uint64_t before, after;

	need_mode(site, variant.mode);
	need_current_counts(site);
	vm_start(&vm, site, variant.mode, 2);
	emit_turn_on(first, 2);
	guest_pmu_reset(first, 0);
	guest_write(first, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(first, PMCR_EL0, PMCR_LC | PMCR_E);
	guest_work(first, LOOPS);
	guest_hop(first);
	guest_exit(first);
	guest_work(second, 10 * LOOPS);
	guest_exit(second);
	expect_equal(vcpu_run(&vm.vcpus[0]), STOP_HOP, "stop");
	before = vcpu_get(&vm.vcpus[0], PMCCNTR_EL0);
	expect_between(before, site->exact ? 2 * LOOPS : LEAST_CYCLES(LOOPS), ALL,
		       "count of the vCPU that ran");
	settle_here(site);
	vcpu_finish(&vm.vcpus[1]);
	after = vcpu_get(&vm.vcpus[0], PMCCNTR_EL0);
	note("vCPU 0 counted %llu, and %llu while vCPU 1 ran", (unsigned long long)before,
	     (unsigned long long)(after - before));
	/* Its perf events count whatever guest their thread runs. */
	if (after - before >= (site->exact ? 20 * LOOPS : LEAST_CYCLES(10 * LOOPS)) &&
	    after - before < (site->exact ? 40 * LOOPS : FAR))
		known_fault("a vCPU counts the work of another one that its host thread runs");
	expect_equal(after, before, "count of the vCPU that did not run");
}

static const struct test tests[] = {
	{ "many.counts", counts, EVERY_MODE, 0, 8, number_name, 0 },
	{ "many.counts", counts, STRICT | LIMITED, 0, 2, number_name, 0 },
	{ "many.refused", refused, IN(MODE_EXPLICIT) | STRICT, 0, 0, NULL, 0 },
	{ "many.overflows", overflows, EVERY_MODE | LIMITED, 0, 0, NULL, 0 },
	{ "many.off_and_on", off_and_on, EVERY_MODE | STRICT | LIMITED, 0, 0, NULL, 0 },
	{ "many.one_thread", one_thread, EVERY_MODE, 0, 0, NULL, 0 },
};

FAMILY(many_family, tests);
