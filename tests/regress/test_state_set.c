/* SPDX-License-Identifier: MIT */
/*
 * Registers set by userspace after the guest has run. What is set holds: for the next
 * KVM_GET_ONE_REG, and for what the guest counts from there on. Linux before 6.15 changes
 * the register only, and not the perf event behind it (sys_regs.c: set_pmreg(), set_pmcr(),
 * no set_user for counters and types); such a fault is told from others by its very effect.
 */
#include "older.h"
#include "result.h"
#include "state.h"

#define LOOPS 20000
#define SET   0x10000ull

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];

static void emit_on(struct guest *guest, bool event, uint64_t pmcr)
{
	guest_pmu_reset(guest, event ? 1 : 0);
	if (event) {
		guest_write(guest, PMEVTYPER_EL0(0), EVENT_CPU_CYCLES);
		guest_write(guest, PMEVCNTR_EL0(0), 0);
	}
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE) | (event ? BIT(0) : 0));
	guest_write(guest, PMCR_EL0, pmcr);
}

/* Two readings around some work, after a hop. */
static void emit_window(struct guest *guest, uint16_t counter)
{
	guest_hop(guest);
	guest_read(guest, 19, counter);
	guest_work(guest, LOOPS);
	guest_read(guest, 20, counter);
	guest_out_register(guest, 19);
	guest_out_register(guest, 20);
}

static void run_to_hop(void)
{
	settle_here(vm.site);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "stop");
}

static uint64_t take_window(void)
{
	uint64_t first = vcpu_take(vcpu);

	return vcpu_take(vcpu) - first;
}

const char *state_counter_name(int row)
{
	return row ? "event" : "cycles";
}

/* A counter that is set while it is enabled has that value. */
void state_set_counter(const struct site *site, struct variant variant)
{
	bool event = variant.row;
	uint16_t counter = event ? PMEVCNTR_EL0(0) : PMCCNTR_EL0;
	uint64_t before, got;

	need_mode(site, variant.mode);
	need_current_counts(site);
	vm_start(&vm, site, variant.mode, 1);
	emit_on(&vcpu->guest, event, PMCR_LC | PMCR_E);
	guest_work(&vcpu->guest, LOOPS);
	emit_window(&vcpu->guest, counter);
	guest_exit(&vcpu->guest);
	run_to_hop();
	before = vcpu_get(vcpu, counter);
	expect(before > 0, "the counter did not count");
	expect_equal(vcpu_get(vcpu, counter), before, "counter of a guest that does not run");
	vcpu_set(vcpu, counter, SET);
	got = vcpu_get(vcpu, counter);
	/* The guest started at 0, so that the perf event's count is all of @before. */
	if (got == SET + before)
		mended_fault(site, "what the counter has counted is added to the value set");
	expect_equal(got, SET, "counter as set");
	vcpu_finish(vcpu);
	expect(vcpu_take(vcpu) >= SET, "the guest reads less than was set");
}

const char *state_enable_name(int row)
{
	static const char *const names[ENABLE_ROWS] = { "pmcntenclr", "pmcr", "pmcntenset" };

	return names[row];
}

/* A counter that userspace turns off stops, one that it turns on counts. */
void state_set_enable(const struct site *site, struct variant variant)
{
	bool on = variant.row == 2;
	uint64_t before, delta;

	vm_start(&vm, site, variant.mode, 1);
	emit_on(&vcpu->guest, false, PMCR_LC | PMCR_E);
	if (on)
		guest_write(&vcpu->guest, PMCNTENCLR_EL0, BIT(CYCLE));
	guest_work(&vcpu->guest, LOOPS);
	emit_window(&vcpu->guest, PMCCNTR_EL0);
	emit_window(&vcpu->guest, PMCCNTR_EL0);
	guest_exit(&vcpu->guest);
	run_to_hop();
	run_to_hop();
	before = take_window();
	expect(on == !before, "before: a window of %llu cycles", (unsigned long long)before);
	if (variant.row == 0)
		bitmap_assign(vcpu, PMCNTENSET_EL0, PMCNTENCLR_EL0, 0);
	else if (variant.row == 1)
		vcpu_set(vcpu, PMCR_EL0, vcpu_get(vcpu, PMCR_EL0) & ~(uint64_t)PMCR_E);
	else
		vcpu_set(vcpu, PMCNTENSET_EL0, BIT(CYCLE));
	settle_here(site);
	vcpu_finish(vcpu);
	delta = take_window();
	if (site->exact ? delta == before : on == !delta)
		mended_fault(site, "a counter turned %s by userspace %s", on ? "on" : "off",
			     on ? "does not count" : "continues to count");
	expect(on == !!delta, "a window of %llu cycles", (unsigned long long)delta);
	expect(!on || !site->exact || delta >= 2 * LOOPS, "a window of only %llu cycles",
	       (unsigned long long)delta);
}

/* A counter whose event or filter userspace changes counts that from there on: here, nothing. */
void state_set_event(const struct site *site, struct variant variant)
{
	bool event = variant.row;
	uint16_t counter = event ? PMEVCNTR_EL0(0) : PMCCNTR_EL0;
	uint64_t before, delta;

	vm_start(&vm, site, variant.mode, 1);
	emit_on(&vcpu->guest, event, PMCR_LC | PMCR_E);
	emit_window(&vcpu->guest, counter);
	emit_window(&vcpu->guest, counter);
	guest_exit(&vcpu->guest);
	run_to_hop();
	run_to_hop();
	before = take_window();
	expect(before > 0, "the counter did not count");
	if (event)
		vcpu_set(vcpu, PMEVTYPER_EL0(0), EVENT_SW_INCR);
	else
		vcpu_set(vcpu, PMCCFILTR_EL0, FILTER_P);
	settle_here(site);
	vcpu_finish(vcpu);
	delta = take_window();
	if (site->exact ? delta == before : delta > 0)
		known_fault("a counter whose %s userspace changed continues to count as before",
			    event ? "event" : "filter");
	expect_equal(delta, 0, "window of a counter whose %s is off", event ? "event" : "filter");
}

/* Overflow flags that userspace sets interrupt the guest, and those that it clears do not. */
void state_set_overflow(const struct site *site, struct variant variant)
{
	struct guest *guest = &vcpu->guest;

	vm_start(&vm, site, variant.mode, 1);
	emit_on(guest, false, PMCR_LC | PMCR_E);
	guest_write(guest, PMINTENSET_EL1, BIT(CYCLE));
	guest_gic(guest, vm.gic, 0, PMU_INTID);
	guest_irqs(guest, true);
	guest_hop(guest);
	guest_nops(guest, 20);
	guest_irqs(guest, false);
	guest_hop(guest);
	guest_nops(guest, 20);
	guest_hop(guest);
	guest_irqs(guest, true);
	guest_nops(guest, 20);
	guest_exit(guest);
	run_to_hop();
	expect_equal((uint64_t)vcpu->nirqs, 0, "interrupts");
	vcpu_set(vcpu, PMOVSSET_EL0, BIT(CYCLE));
	expect_equal(vcpu_get(vcpu, PMOVSSET_EL0), BIT(CYCLE), "PMOVSSET");
	expect_equal(vcpu_get(vcpu, PMOVSCLR_EL0), BIT(CYCLE), "PMOVSCLR");
	run_to_hop();
	expect_equal((uint64_t)vcpu->nirqs, 1, "interrupts after PMOVSSET by userspace");
	expect_equal(vcpu->irqs[0].overflow, BIT(CYCLE), "PMOVS in the handler");
	vcpu_set(vcpu, PMOVSSET_EL0, BIT(CYCLE));
	run_to_hop();
	bitmap_assign(vcpu, PMOVSSET_EL0, PMOVSCLR_EL0, 0);
	vcpu_finish(vcpu);
	expect_equal((uint64_t)vcpu->nirqs, 1, "interrupts after PMOVSCLR by userspace");
}

const char *state_command_name(int row)
{
	return row ? "p" : "c";
}

/* PMCR_EL0.C and P are commands: they read as zero (Arm ARM, PMCR_EL0), for userspace too. */
void state_set_command(const struct site *site, struct variant variant)
{
	bool event = variant.row;
	uint16_t counter = event ? PMEVCNTR_EL0(0) : PMCCNTR_EL0;
	uint64_t command = event ? PMCR_P : PMCR_C, got, value, first;

	vm_start(&vm, site, variant.mode, 1);
	guest_out(&vcpu->guest, counter);
	guest_exit(&vcpu->guest);
	bitmap_assign(vcpu, PMCNTENSET_EL0, PMCNTENCLR_EL0, 0);
	vcpu_set(vcpu, counter, SET);
	vcpu_set(vcpu, PMCR_EL0, vcpu_get(vcpu, PMCR_EL0) | command);
	got = vcpu_get(vcpu, PMCR_EL0) & command;
	value = vcpu_get(vcpu, counter);
	vcpu_finish(vcpu);
	first = vcpu_take(vcpu);
	note("set with the command: 0x%llx; in the guest: 0x%llx", (unsigned long long)value,
	     (unsigned long long)first);
	if (got && value == SET && first == 0)
		known_fault("PMCR_EL0.%s of userspace reads as one, and acts in the first run",
			    event ? "P" : "C");
	if (got && value == SET && first == SET)
		known_fault("PMCR_EL0.%s of userspace reads as one, and does nothing",
			    event ? "P" : "C");
	expect_equal(got, 0, "the command bit");
	expect(first == value && (value == SET || value == 0), "the counter was set to 0x%llx",
	       (unsigned long long)SET);
}

/* A counter beyond N, which the guest cannot see, does not count. */
void state_beyond_n(const struct site *site, struct variant variant)
{
	unsigned n;
	uint64_t delta;

	need_chosen_n(site);
	vm_start(&vm, site, variant.mode, 1);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	if (n < 2)
		skip_test("the PMU has only %u event counters", n);
	guest_work(&vcpu->guest, LOOPS);
	guest_hop(&vcpu->guest);
	guest_exit(&vcpu->guest);
	bitmap_assign(vcpu, PMCNTENSET_EL0, PMCNTENCLR_EL0, 0);
	vcpu_set(vcpu, PMEVTYPER_EL0(n - 1), EVENT_CPU_CYCLES);
	vcpu_set(vcpu, PMEVCNTR_EL0(n - 1), SET);
	vcpu_set(vcpu, PMCNTENSET_EL0, BIT(n - 1));
	expect_equal(vcpu_get(vcpu, PMCNTENSET_EL0), BIT(n - 1), "PMCNTEN with all counters");
	vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n - 1) | PMCR_LC | PMCR_E);
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n - 1, "N");
	run_to_hop();
	expect_equal(vcpu_get(vcpu, PMCNTENSET_EL0), 0, "PMCNTEN with fewer counters");
	delta = vcpu_get(vcpu, PMEVCNTR_EL0(n - 1)) - SET;
	if (delta && delta < ALL)
		mended_fault(site, "a counter that userspace has taken away continues to count");
	expect_equal(delta, 0, "count of the counter beyond N");
}
