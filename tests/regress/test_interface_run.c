/* SPDX-License-Identifier: MIT */
/* On which CPUs a VM may run, what the first KVM_RUN asks for, and what it settles. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "older.h"
#include "result.h"
#include "test_interface.h"

#define LOOPS     5000
#define MAX_REGS  2048
#define REG_BYTES 16 /* the largest: FP registers */

/* All that KVM_GET_REG_LIST names, but the time. */
struct registers {
	struct {
		uint64_t n, ids[MAX_REGS];
	} list;
	uint8_t values[MAX_REGS][REG_BYTES];
};

static void take_registers(struct vcpu *vcpu, struct registers *registers)
{
	*registers = (struct registers){ .list.n = MAX_REGS };
	if (ioctl(vcpu->fd, KVM_GET_REG_LIST, &registers->list) < 0)
		fail_test_errno("KVM_GET_REG_LIST");
	for (uint64_t i = 0; i < registers->list.n; i++) {
		struct kvm_one_reg reg = { registers->list.ids[i],
					   (uint64_t)(uintptr_t)registers->values[i] };

		if (reg.id == KVM_REG_ARM_TIMER_CNT || reg.id == KVM_REG_ARM_PTIMER_CNT)
			continue;
		if (ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0)
			fail_test_errno("KVM_GET_ONE_REG of 0x%llx", (unsigned long long)reg.id);
	}
}

/*
 * Until a vCPU is loaded for the first time, a register that the CPU does not fully
 * implement may hold any reset value, so then only the core's and the PMU's are compared.
 */
static bool emulated(uint64_t id)
{
	uint16_t sysreg = (uint16_t)id;

	if ((id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_CORE)
		return true;
	if ((id & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM64_SYSREG)
		return false;
	return sysreg == PMINTENSET_EL1 || sysreg == PMINTENCLR_EL1 ||
	       (sysreg >= PMCR_EL0 && sysreg <= PMOVSSET_EL0) ||
	       (sysreg >= PMEVCNTR_EL0(0) && sysreg <= PMCCFILTR_EL0);
}

static void expect_same(const struct registers *before, const struct registers *after, bool first)
{
	int compared = 0;

	expect_equal(after->list.n, before->list.n, "registers in KVM_GET_REG_LIST");
	for (uint64_t i = 0; i < before->list.n; i++) {
		if (first && !emulated(before->list.ids[i]))
			continue;
		expect(!memcmp(before->values[i], after->values[i], REG_BYTES),
		       "register 0x%llx has changed", (unsigned long long)before->list.ids[i]);
		compared++;
	}
	expect(compared > 0, "no register was compared");
}

/*
 * devices/vcpu.rst 1.4: on a CPU that the PMU does not cover KVM_RUN fails, says so and names
 * the CPU. The guest is not entered: every register stays as it was. @first: it never was.
 */
static void expect_refusal(const struct site *site, struct vcpu *vcpu, int cpu, bool first)
{
	static struct registers before, after;

	/* Completes the access that the last exit was for. */
	if (!first && vcpu_enter(vcpu))
		fail_test("KVM_RUN that exits at once");
	take_registers(vcpu, &before);
	place_on(site, cpu);
	for (int times = 0; times < 3; times++) {
		enum stop stop = vcpu_run(vcpu);

		expect(stop == STOP_REFUSED, "CPU %d: the guest is entered (%d)", cpu, (int)stop);
		expect_equal((uint64_t)vcpu->refused_cpu, (uint64_t)cpu, "the CPU in fail_entry");
		take_registers(vcpu, &after);
		expect_same(&before, &after, first && times == 0);
		before = after;
	}
}

static bool covers(const struct site *site, int pmu, int cpu)
{
	int own = host_pmu_of_cpu(&site->host, cpu);

	return pmu == INTERFACE_ANY_PMU ? own >= 0 : own == pmu;
}

/* On each CPU that @pmu does not cover; and back to @own. */
static void expect_refusals(const struct site *site, struct vcpu *vcpu, int pmu, int own,
			    bool first)
{
	int refusals = 0;

	for (int i = 0; i < site->nhome + site->naway + site->nuncovered; i++) {
		int cpu = site_cpu(site, i);

		if (covers(site, pmu, cpu))
			continue;
		if (refusals)
			place_on(site, own);
		expect_refusal(site, vcpu, cpu, first && !refusals);
		refusals++;
	}
	expect(refusals > 0, "no CPU was there to be refused");
	place_on(site, own);
}

static const char *const refused_names[INTERFACE_REFUSED_ROWS] = {
	"first-run",
	"in-a-window",
	"strict-first-run",
	"strict-in-a-window",
};

const char *interface_refused_row(int row)
{
	return refused_names[row];
}

/* A hop in the middle of each window. */
static void emit_windows(struct guest *guest, int count)
{
	uint32_t *loop;

	guest_pmu_reset(guest, 0);
	guest_write(guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	loop = guest_loop(guest, 23, (uint64_t)count);
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_work(guest, LOOPS);
	guest_hop(guest);
	guest_work(guest, LOOPS);
	guest_read(guest, 20, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_out_register(guest, 20);
	guest_loop_end(guest, 23, loop);
	guest_exit(guest);
}

void interface_refusals(const struct site *site, struct vcpu *vcpu, int pmu, int own, bool first)
{
	enum { WINDOWS = 3 };
	uint64_t counts[WINDOWS];

	emit_windows(&vcpu->guest, WINDOWS);
	if (first)
		expect_refusals(site, vcpu, pmu, own, true);
	else
		place_on(site, own); /* building the VM has taken a while */
	for (int window = 0; window < WINDOWS; window++) {
		expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to window %d", window);
		if (window == 1 && !first)
			expect_refusals(site, vcpu, pmu, own, false);
		else
			place_on(site, own);
	}
	vcpu_finish(vcpu);
	for (int window = 0; window < WINDOWS; window++) {
		counts[window] = vcpu_take(vcpu);
		counts[window] = vcpu_take(vcpu) - counts[window];
		expect(counts[window] > 0, "window %d did not count", window);
		if (site->exact)
			expect_equal(counts[window], counts[0], "cycles of window %d", window);
	}
}

/* Each host PMU in turn. */
void interface_refused(const struct site *site, struct variant variant)
{
	enum mode mode = variant.row < 2 ? MODE_EXPLICIT : MODE_STRICT;
	static struct vm vm;

	need_mode(site, mode);
	if (!site->nuncovered)
		need_away(site);
	for (int pmu = 0; pmu < site->host.npmus; pmu++) {
		int own = -1;

		for (int i = 0; i < site->nhome + site->naway && own < 0; i++)
			if (host_pmu_of_cpu(&site->host, site_cpu(site, i)) == pmu)
				own = site_cpu(site, i);
		if (own < 0)
			continue;
		vm_start_on(&vm, site, mode, 1, own);
		drop_reset_command(&vm.vcpus[0]);
		interface_refusals(site, &vm.vcpus[0], pmu, own, variant.row % 2 == 0);
		vm_destroy(&vm);
	}
}

/*
 * Default: devices/vcpu.rst restricts the CPUs for SET_PMU only (kvm_arm_set_default_pmu()).
 * Composite: its 1.5, "any physical CPU that has a PMU".
 */
void interface_anywhere(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	vm_start(&vm, site, variant.mode, 1);
	for (int i = 0; i < site->nhome + site->naway; i++)
		guest_hop(&vcpu->guest);
	guest_exit(&vcpu->guest);
	for (int i = 0; i < site->nhome + site->naway; i++) {
		int cpu = site_cpu(site, i);

		place_on(site, cpu);
		expect(vcpu_run(vcpu) == STOP_HOP, "the guest is not entered on CPU %d", cpu);
	}
	vcpu_finish(vcpu);
}

/* kvm_arch_vcpu_run_pid_change(): kvm_timer_enable(), kvm_arm_pmu_v3_enable(). */
enum { NOT_READY, NO_GIC, TIMER_PPI_27, TIMER_PPI_30, IRQ_IN_USE, SPI_TOO_LARGE };

static const char *const first_run_names[INTERFACE_FIRST_RUN_ROWS] = {
	"pmu-not-initialised",   "without-a-gic", "ppi-of-virtual-timer",
	"ppi-of-physical-timer", "irq-in-use",    "spi-too-large",
};

const char *interface_first_run_row(int row)
{
	return first_run_names[row];
}

static void expect_enter(struct vcpu *vcpu, int wanted)
{
	int error = vcpu_enter(vcpu);

	expect(error == wanted, "KVM_RUN: %s instead of %s", strerror(error), strerror(wanted));
}

/* True on Linux 5.10: the vCPU runs all the same. */
static bool runs_without_pmu(struct vcpu *vcpu)
{
	int error = vcpu_enter(vcpu);

	if (vcpu->vm->site->older && !error)
		return true;
	expect(error == EINVAL, "KVM_RUN: %s instead of %s", strerror(error), strerror(EINVAL));
	return false;
}

static void expect_set(struct vcpu *vcpu, unsigned attr, const void *value, int wanted)
{
	int error = vcpu_set_attr(vcpu, attr, value);

	expect(error == wanted, "attribute %u: %s instead of %s", attr, strerror(error),
	       strerror(wanted));
}

void interface_first_run(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	int irq = PMU_INTID;
	bool runs;

	place_on(site, site->home[0]);
	vm_create(&vm, site, 1);
	guest_exit(&vcpu->guest);
	vm_init_vcpus(&vm, FEATURE_PMU);
	if (variant.row != NO_GIC) {
		vm_create_gic(&vm);
		vm_init_gic(&vm);
	}
	switch (variant.row) {
	case NOT_READY:
		/* A PMU that was asked for is not optional; but there is still time. */
		runs = runs_without_pmu(vcpu);
		expect_set(vcpu, ATTR_IRQ, &irq, 0);
		runs |= runs_without_pmu(vcpu);
		expect_set(vcpu, ATTR_INIT, NULL, 0);
		vcpu_finish(vcpu);
		break;
	case NO_GIC:
		runs = runs_without_pmu(vcpu);
		expect_set(vcpu, ATTR_INIT, NULL, 0);
		vcpu_finish(vcpu);
		break;
	case TIMER_PPI_27:
	case TIMER_PPI_30:
		/* The timer finds its interrupt taken, and says so late: timer_irqs_are_valid(). */
		irq = variant.row == TIMER_PPI_27 ? 27 : 30;
		expect_set(vcpu, ATTR_IRQ, &irq, 0);
		expect_set(vcpu, ATTR_INIT, NULL, 0);
		expect_enter(vcpu, EINVAL);
		return;
	case IRQ_IN_USE:
		/* Doc 1.2, -EEXIST: the run that fails gives the timer its interrupt. */
		runs = runs_without_pmu(vcpu);
		irq = 27;
		expect_set(vcpu, ATTR_IRQ, &irq, 0);
		expect_set(vcpu, ATTR_INIT, NULL, EEXIST);
		runs |= runs_without_pmu(vcpu);
		break;
	default:
		/* The GIC of these tests has 64 interrupts: kvm_vgic_set_owner(). */
		irq = 100;
		expect_set(vcpu, ATTR_IRQ, &irq, 0);
		expect_set(vcpu, ATTR_INIT, NULL, EINVAL);
		runs = runs_without_pmu(vcpu);
	}
	if (runs)
		known_fault("a vCPU runs whose PMU has not been initialised");
}

static const char *const frozen_names[INTERFACE_FROZEN_ROWS] = { "set-pmu", "filter",
								 "fixed-counters", "n" };

const char *interface_frozen_row(int row)
{
	return frozen_names[row];
}

/*
 * A first run that is refused is a first run: from then on "a VCPU has already run"
 * (devices/vcpu.rst, -EBUSY), also for a vCPU whose own PMU is not initialised.
 */
void interface_frozen(const struct site *site, struct variant variant)
{
	const struct kvm_pmu_event_filter filter = { .base_event = EVENT_INST_RETIRED,
						     .nevents = 1,
						     .action = 1 };
	const int irq = PMU_INTID;
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0], *other = &vm.vcpus[1];
	unsigned n;

	need_mode(site, MODE_EXPLICIT);
	need_away(site);
	if (variant.row == 2)
		need_mode(site, MODE_COMPOSITE);
	if (variant.row == 3)
		need_chosen_n(site);
	vm_create(&vm, site, 2);
	guest_exit(&vcpu->guest);
	vm_init_vcpus(&vm, FEATURE_PMU);
	vm_create_gic(&vm);
	vm_init_gic(&vm);
	expect_set(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type, 0);
	expect_set(vcpu, ATTR_IRQ, &irq, 0);
	expect_set(vcpu, ATTR_INIT, NULL, 0);
	n = PMCR_N(vcpu_get(other, PMCR_EL0));
	place_on(site, site->away[0]);
	expect(vcpu_run(vcpu) == STOP_REFUSED, "the guest is entered");
	switch (variant.row) {
	case 0:
		expect_set(other, ATTR_SET_PMU, &pmu_of(site, site->away[0])->type, EBUSY);
		expect_set(other, ATTR_SET_PMU, &site->host.pmus[0].type, EBUSY);
		break;
	case 1:
		expect_set(other, ATTR_FILTER, &filter, EBUSY);
		break;
	case 2:
		expect_set(other, ATTR_FIXED_COUNTERS, NULL, EBUSY);
		expect(vcpu_get_attr(other, ATTR_FIXED_COUNTERS, NULL) == ENXIO,
		       "FIXED_COUNTERS_ONLY is set");
		break;
	default:
		/* Written without an error, and without effect: set_pmcr(). */
		vcpu_set(other, PMCR_EL0, PMCR_WITH_N(n ? n - 1 : 1));
		expect_equal(PMCR_N(vcpu_get(other, PMCR_EL0)), n, "PMCR_EL0.N");
	}
	expect(vcpu_run(vcpu) == STOP_REFUSED, "the guest is entered");
	place_on(site, site->home[0]);
	vcpu_finish(vcpu);
}
