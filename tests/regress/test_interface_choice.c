/* SPDX-License-Identifier: MIT */
/*
 * How a VM comes to its PMU: by SET_PMU, by FIXED_COUNTERS_ONLY or by default, and
 * which of them, and event filters, exclude each other.
 */
#include <errno.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_interface.h"

#define LOOPS 20000

enum action {
	THE_PMU,     /* SET_PMU of the PMU that the VM has by default */
	OTHER_PMU,   /* SET_PMU of another one */
	UNKNOWN_PMU, /* SET_PMU of none */
	FILTER,
	BAD_FILTER,
	FIXED, /* FIXED_COUNTERS_ONLY */
};

/*
 * The second of two attributes that are set, one after the other: devices/vcpu.rst,
 * "-EBUSY" of sections 1.3 to 1.5. Its 1.4 has SET_PMU excluded by any filter;
 * kvm_arm_pmu_v3_set_pmu() lets the VM keep the PMU that it has. What is wrong with an
 * argument comes before -EBUSY, and what was refused excludes nothing. FIXED_COUNTERS_ONLY
 * excludes nothing that comes after it where the last one decides, nor does SET_PMU then exclude
 * it (proposal.h).
 */
static const struct {
	const char *name;
	enum action first, second;
	int error;
	bool last_wins; /* 0 instead of the error then */
} orders[] = {
	{ "pmu,pmu", THE_PMU, THE_PMU, 0, false },
	{ "pmu,other-pmu", THE_PMU, OTHER_PMU, 0, false },
	{ "other-pmu,pmu", OTHER_PMU, THE_PMU, 0, false },
	{ "pmu,filter", THE_PMU, FILTER, 0, false },
	{ "other-pmu,filter", OTHER_PMU, FILTER, 0, false },
	{ "pmu,fixed", THE_PMU, FIXED, EBUSY, true },
	{ "filter,pmu", FILTER, THE_PMU, 0, false },
	{ "filter,other-pmu", FILTER, OTHER_PMU, EBUSY, false },
	{ "filter,filter", FILTER, FILTER, 0, false },
	{ "filter,fixed", FILTER, FIXED, EBUSY, false },
	{ "fixed,pmu", FIXED, THE_PMU, EBUSY, true },
	{ "fixed,other-pmu", FIXED, OTHER_PMU, EBUSY, true },
	{ "fixed,unknown-pmu", FIXED, UNKNOWN_PMU, ENXIO, false },
	{ "fixed,filter", FIXED, FILTER, EBUSY, true },
	{ "fixed,bad-filter", FIXED, BAD_FILTER, EINVAL, false },
	{ "fixed,fixed", FIXED, FIXED, 0, false },
	{ "unknown-pmu,fixed", UNKNOWN_PMU, FIXED, 0, false },
	{ "bad-filter,fixed", BAD_FILTER, FIXED, 0, false },
	{ "bad-filter,other-pmu", BAD_FILTER, OTHER_PMU, 0, false },
};

_Static_assert(sizeof(orders) / sizeof(orders[0]) == INTERFACE_EXCLUSIVE_ROWS,
	       "rows of interface.exclusive");

const char *interface_exclusive_row(int row)
{
	return orders[row].name;
}

static int act(const struct site *site, struct vcpu *vcpu, enum action action)
{
	const struct kvm_pmu_event_filter filter = { .base_event = EVENT_INST_RETIRED,
						     .nevents = 1,
						     .action = action == FILTER ? 1 : 2 };
	const int unknown = -1;

	switch (action) {
	case THE_PMU:
		return vcpu_set_attr(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type);
	case OTHER_PMU:
		return vcpu_set_attr(vcpu, ATTR_SET_PMU, &pmu_of(site, site->away[0])->type);
	case UNKNOWN_PMU:
		return vcpu_set_attr(vcpu, ATTR_SET_PMU, &unknown);
	case FIXED:
		return vcpu_set_attr(vcpu, ATTR_FIXED_COUNTERS, NULL);
	default:
		return vcpu_set_attr(vcpu, ATTR_FILTER, &filter);
	}
}

static void need(const struct site *site, enum action action)
{
	if (action == FIXED)
		need_mode(site, MODE_COMPOSITE);
	if (action <= UNKNOWN_PMU)
		need_mode(site, MODE_EXPLICIT);
	if (action == OTHER_PMU)
		need_away(site);
}

/* Whether @vcpu is let in on @cpu, or refused. Its program is at a guest_hop(). */
static void expect_entry(const struct site *site, struct vcpu *vcpu, int cpu, bool allowed)
{
	enum stop stop;

	place_on(site, cpu);
	stop = vcpu_run(vcpu);
	if (allowed)
		expect(stop == STOP_HOP, "on CPU %d the guest is not entered (%d)", cpu, (int)stop);
	else
		expect(stop == STOP_REFUSED, "on CPU %d the guest is entered (%d)", cpu, (int)stop);
	if (!allowed)
		expect_equal((uint64_t)vcpu->refused_cpu, (uint64_t)cpu, "the CPU in fail_entry");
}

/*
 * What is in effect: the attribute that can be read, N, and where the VM may run. Of two that
 * exclude each other and were both accepted, only the last: the versions agree on no more.
 */
static void expect_effect(struct vm *vm, const struct site *site, const bool *done, int pmu,
			  unsigned usual_n)
{
	struct vcpu *vcpu = &vm->vcpus[0];
	bool both = done[FIXED] && (done[THE_PMU] || done[OTHER_PMU]);

	for (int i = 0; i < vm->nvcpus && !both; i++) {
		int error = vcpu_get_attr(&vm->vcpus[i], ATTR_FIXED_COUNTERS, NULL);

		expect(error == (done[FIXED] ? 0 : ENXIO),
		       "reading FIXED_COUNTERS_ONLY of vCPU %d: %s", i, strerror(error));
		/* Another PMU may have another number of counters. */
		if (pmu == OTHER_PMU)
			continue;
		expect_equal(PMCR_N(vcpu_get(&vm->vcpus[i], PMCR_EL0)), done[FIXED] ? 0 : usual_n,
			     "PMCR_EL0.N of vCPU %d", i);
	}
	vm_create_gic(vm);
	vm_init_gic(vm);
	vm_init_pmu(vm);
	for (int i = 0; i < 2; i++)
		guest_hop(&vcpu->guest);
	expect_entry(site, vcpu, site->home[0], pmu != OTHER_PMU);
	if (site->naway)
		expect_entry(site, vcpu, site->away[0], pmu != THE_PMU);
}

/* Two attributes one after the other, the second one on either vCPU: they are the VM's. */
void interface_exclusive(const struct site *site, struct variant variant)
{
	enum action first = orders[variant.row].first, second = orders[variant.row].second;
	int wanted =
		site->last_wins && orders[variant.row].last_wins ? 0 : orders[variant.row].error;
	static struct vm vm;

	need(site, first);
	need(site, second);
	for (int on = 0; on < 2; on++) {
		bool done[FIXED + 1] = { false };
		unsigned usual_n;
		int error, pmu = -1;

		place_thread(0, site->home[0]);
		vm_create(&vm, site, 2);
		vm_init_vcpus(&vm, FEATURE_PMU);
		usual_n = PMCR_N(vcpu_get(&vm.vcpus[0], PMCR_EL0));
		done[first] = act(site, &vm.vcpus[0], first) == 0;
		expect(done[first] == (first != UNKNOWN_PMU && first != BAD_FILTER),
		       "the first attribute is %s", done[first] ? "accepted" : "refused");
		error = act(site, &vm.vcpus[on], second);
		expect(error == wanted, "on vCPU %d: %s instead of %s", on, strerror(error),
		       strerror(wanted));
		done[second] |= error == 0;
		if (done[first] && first <= OTHER_PMU)
			pmu = (int)first;
		if (error == 0 && second <= OTHER_PMU)
			pmu = (int)second;
		if (error == 0 && second == FIXED)
			pmu = -1;
		expect_effect(&vm, site, done, pmu, usual_n);
		vm_destroy(&vm);
	}
}

/* What a VMM does, in its order. */
enum step { CREATE, FIRST_INIT, SECOND_INIT, INIT_AGAIN, GIC, ATTRIBUTES, FIRST_RUN, STEPS };

static const char *const default_names[STEPS * 2] = {
	"create-away",      "create-home",      "init-away",       "init-home",
	"second-init-away", "second-init-home", "init-again-away", "init-again-home",
	"gic-away",         "gic-home",         "attributes-away", "attributes-home",
	"first-run-away",   "first-run-home",
};

_Static_assert(STEPS * 2 == INTERFACE_DEFAULT_PMU_ROWS, "rows of interface.default-pmu");

const char *interface_default_pmu_row(int row)
{
	return default_names[row];
}

static void take_step(struct vm *vm, const struct site *site, enum step step)
{
	switch (step) {
	case CREATE:
		vm_create(vm, site, 2);
		break;
	case FIRST_INIT:
	case INIT_AGAIN:
		errno = vcpu_init(&vm->vcpus[0], FEATURE_PMU);
		if (errno)
			fail_test_errno("KVM_ARM_VCPU_INIT of vCPU 0");
		break;
	case SECOND_INIT:
		errno = vcpu_init(&vm->vcpus[1], FEATURE_PMU);
		if (errno)
			fail_test_errno("KVM_ARM_VCPU_INIT of vCPU 1");
		break;
	case GIC:
		vm_create_gic(vm);
		vm_init_gic(vm);
		break;
	case ATTRIBUTES:
		vm_init_pmu(vm);
		break;
	default:
		errno = vcpu_enter(&vm->vcpus[0]);
		if (errno)
			fail_test_errno("the first KVM_RUN");
	}
}

/*
 * Since Linux 6.7 the first KVM_ARM_VCPU_INIT decides (kvm_setup_vcpu()); before, the
 * first attribute (kvm_arm_pmu_v3_set_attr()). No document says so. The same series made
 * PMCR_EL0.N writable for userspace, so that tells them apart.
 */
static enum step deciding_step(const struct site *site)
{
	return chooses_n(site) ? FIRST_INIT : ATTRIBUTES;
}

/* A window, after a hop. */
static void emit_window(struct guest *guest)
{
	guest_hop(guest);
	guest_read(guest, 19, PMCCNTR_EL0);
	guest_work(guest, LOOPS);
	guest_read(guest, 20, PMCCNTR_EL0);
	guest_out_register(guest, 19);
	guest_out_register(guest, 20);
}

static void judge_window(const struct site *site, struct vcpu *vcpu, int cpu, bool counts)
{
	uint64_t start = vcpu_take(vcpu), delta = vcpu_take(vcpu) - start;

	note("on CPU %d: %llu cycles", cpu, (unsigned long long)delta);
	if (!counts)
		expect_equal(delta, 0, "cycles on CPU %d, whose PMU the VM does not have", cpu);
	else
		expect(delta >= (site->exact ? 2 * LOOPS : 1), "on CPU %d nothing is counted", cpu);
}

/*
 * One step is taken on another CPU than the others. Only the deciding one matters, and
 * the VM counts there, and nowhere else. Older kernels have no deciding step: they take the
 * first PMU that perf has (kvm_pmu_probe_armpmu()).
 */
void interface_default_pmu(const struct site *site, struct variant variant)
{
	enum step odd = (enum step)(variant.row / 2), deciding;
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	int odd_cpu, usual_cpu, pmu_cpu;
	bool home;

	need_away(site);
	odd_cpu = variant.row % 2 ? site->home[0] : site->away[0];
	usual_cpu = variant.row % 2 ? site->away[0] : site->home[0];
	deciding = deciding_step(site);
	for (int step = 0; step < STEPS; step++) {
		place_thread(0, step == (int)odd ? odd_cpu : usual_cpu);
		if (step == FIRST_RUN) {
			guest_pmu_reset(&vcpu->guest, 0);
			guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
			guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
			emit_window(&vcpu->guest);
			emit_window(&vcpu->guest);
			guest_exit(&vcpu->guest);
		}
		take_step(&vm, site, (enum step)step);
	}
	pmu_cpu = odd == deciding ? odd_cpu : usual_cpu;
	home = pmu_of(site, pmu_cpu) == &site->host.pmus[0];
	if (site->default_pmu >= 0)
		home = site->default_pmu == 0;

	expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its first window");
	place_on(site, site->home[0]);
	expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its second window");
	place_on(site, site->away[0]);
	vcpu_finish(vcpu);
	judge_window(site, vcpu, site->home[0], home);
	judge_window(site, vcpu, site->away[0], !home);
}
