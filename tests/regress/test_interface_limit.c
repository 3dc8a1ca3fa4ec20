/* SPDX-License-Identifier: MIT */
/*
 * How many event counters userspace gives a VM: KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS (devices/
 * vcpu.rst 1.5; Linux 6.16), or PMCR_EL0.N by KVM_SET_ONE_REG, which always succeeds and does
 * nothing where the attribute is refused.
 */
#include <errno.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_interface.h"

#define ROOM 31u /* of PMCR_EL0.N */

enum {
	EVERY,
	TOO_MANY,
	RAISED,
	OTHER_VCPU,
	OTHER_RAN,
	NOT_CHOSEN,
	FILTERED,
	OTHER_PMU,
	FIXED,
	STRICT_ONLY
};

static const char *const names[INTERFACE_LIMIT_ROWS] = {
	"every",       "too-many",     "raised-again", "of-other-vcpu",  "other-vcpu-ran",
	"default-pmu", "after-filter", "before-pmu",   "fixed-counters", "strict-not-by-register",
};

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0], *const other = &vm.vcpus[1];

const char *interface_limit_row(int row)
{
	return names[row];
}

static unsigned counters(struct vcpu *of)
{
	return PMCR_N(vcpu_get(of, PMCR_EL0));
}

/* @wanted: the attribute's errno. By register it is 0 always. Then both vCPUs have @n counters. */
static void expect_limit(struct vcpu *at, unsigned limit, int wanted, unsigned n)
{
	int error = vm_limit(at, limit);

	if (!vm.site->nr_counters)
		wanted = 0;
	expect(error == wanted, "a limit of %u, by vCPU %d: %s instead of %s", limit, at->index,
	       strerror(error), strerror(wanted));
	for (int i = 0; i < vm.nvcpus; i++)
		expect_equal(counters(&vm.vcpus[i]), n, "counters of vCPU %d, limited to %u", i,
			     limit);
}

/* As the first vCPU has it, but for the second one's INIT: it may still be told. */
static void run_first(void)
{
	const int irq = PMU_INTID;

	vm_create_gic(&vm);
	vm_init_gic(&vm);
	guest_exit(&vcpu->guest);
	if (vcpu_set_attr(vcpu, ATTR_IRQ, &irq) || vcpu_set_attr(vcpu, ATTR_INIT, NULL))
		fail_test("the PMU of vCPU 0 cannot be initialised");
	vcpu_finish(vcpu);
}

/* "-EBUSY: a VCPU has already run". */
static void expect_frozen(unsigned max)
{
	int error;

	run_first();
	error = vm_limit(other, max - 1);
	if (vm.site->nr_counters && !error && counters(vcpu) == max - 1)
		known_fault("SET_NR_COUNTERS by a vCPU that has not run takes a counter from one "
			    "that has");
	expect(error == (vm.site->nr_counters ? EBUSY : 0), "a limit after the first run: %s",
	       strerror(error));
	expect_equal(counters(vcpu), max, "counters after the first run");
}

/* "-EINVAL: No PMUv3 explicitly selected". */
static void expect_choice_first(unsigned max)
{
	int error = vm_limit(vcpu, max - 1);

	if (!error && counters(vcpu) == max - 1)
		known_fault(
			"SET_NR_COUNTERS takes the default PMU for one that userspace has chosen");
	expect(error == EINVAL, "a limit of the default PMU: %s", strerror(error));
	expect_equal(counters(vcpu), max, "counters");
}

/* "-EBUSY: an event filter has already been set". */
static void expect_filter_last(unsigned max)
{
	const struct kvm_pmu_event_filter filter = { .base_event = EVENT_INST_RETIRED,
						     .nevents = 1,
						     .action = KVM_PMU_EVENT_DENY };
	int error;

	if (vcpu_set_attr(vcpu, ATTR_FILTER, &filter))
		fail_test("the filter");
	error = vm_limit(vcpu, max - 1);
	if (!error && counters(vcpu) == max - 1)
		known_fault("SET_NR_COUNTERS looks for no event filter");
	expect(error == EBUSY, "a limit after a filter: %s", strerror(error));
	expect_equal(counters(vcpu), max, "counters");
}

/* "Selecting a new PMU cancels the effect"; one that there is not is not selected. */
static void expect_cancelled(const struct site *site, unsigned max)
{
	const int unknown = -1;

	expect_limit(vcpu, 1, 0, 1);
	expect(vcpu_set_attr(vcpu, ATTR_SET_PMU, &unknown) == ENXIO, "an unknown PMU is taken");
	expect_equal(counters(vcpu), 1, "counters after an attempt");
	expect(!vcpu_set_attr(other, ATTR_SET_PMU, &site->host.pmus[0].type), "SET_PMU");
	expect_equal(counters(vcpu), max, "counters of a PMU selected anew");
}

/* With STRICT the attribute is the only way (api.rst 4.82). */
static void expect_no_register(unsigned max)
{
	expect_limit(vcpu, 1, 0, 1);
	for (unsigned n = 0; n <= max; n++) {
		vcpu_set(other, PMCR_EL0, PMCR_WITH_N(n));
		expect_equal(counters(vcpu), 1, "counters, %u written to PMCR_EL0.N", n);
	}
}

static void need(const struct site *site, int row)
{
	need_mode(site, MODE_LIMITED);
	/* The order of the register's writes matters to nobody. */
	if ((row == NOT_CHOSEN || row == FILTERED) && !site->nr_counters)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS");
	if (row == FIXED)
		need_mode(site, MODE_COMPOSITE);
	if (row == STRICT_ONLY)
		need_mode(site, MODE_STRICT);
}

void interface_limit(const struct site *site, struct variant variant)
{
	unsigned max;

	need(site, variant.row);
	place_on(site, site->home[0]);
	vm_create(&vm, site, 2);
	vm_init_vcpus(&vm, mode_features(variant.row == STRICT_ONLY ? MODE_STRICT : MODE_LIMITED));
	if (variant.row == FIXED)
		vm_choose_pmu(&vm, MODE_COMPOSITE, NULL);
	else if (variant.row != NOT_CHOSEN)
		vm_choose_pmu(&vm, MODE_EXPLICIT, &site->host.pmus[0]);
	max = counters(vcpu);
	if (max < 2 && variant.row != FIXED)
		skip_test("host PMU %s has %u event counters", site->host.pmus[0].name, max);
	switch (variant.row) {
	case EVERY:
		for (unsigned n = 0; n <= max; n++)
			expect_limit(vcpu, n, 0, n);
		break;
	case TOO_MANY:
		for (unsigned n = max + 1; n <= ROOM; n++)
			expect_limit(vcpu, n, EINVAL, max);
		if (site->nr_counters)
			expect_limit(vcpu, ~0u, EINVAL, max);
		break;
	case RAISED:
		expect_limit(vcpu, 1, 0, 1);
		expect_limit(vcpu, max + 1, EINVAL, 1);
		expect_limit(vcpu, max, 0, max);
		break;
	case OTHER_VCPU:
		expect_limit(other, 1, 0, 1);
		expect_limit(vcpu, 2, 0, 2);
		break;
	case OTHER_RAN:
		expect_frozen(max);
		break;
	case NOT_CHOSEN:
		expect_choice_first(max);
		break;
	case FILTERED:
		expect_filter_last(max);
		break;
	case OTHER_PMU:
		expect_cancelled(site, max);
		break;
	case FIXED:
		/* devices/vcpu.rst 1.6: no number but zero. */
		expect_limit(vcpu, 0, 0, 0);
		expect_limit(other, 1, EINVAL, 0);
		break;
	default:
		expect_no_register(max);
	}
}
