/* SPDX-License-Identifier: MIT */
/*
 * VMs with feature KVM_ARM_VCPU_PMU_V3_STRICT (Linux 7.3): KVM never chooses a PMU, and asks
 * userspace to choose before it initialises one (api.rst 4.82; devices/vcpu.rst 1.2, 1.3).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "counters.h"
#include "result.h"
#include "test_interface.h"
#include "windows.h"

enum { OPEN, OTHER_VCPU, NO_CHOICE, NOTHING_CHOSEN, NO_PMU_HERE, DIFFERS, AGAIN, FIXED };

static const char *const names[INTERFACE_STRICT_ROWS] = {
	"init",         "chosen-on-other-vcpu",  "refused-choice", "no-default",
	"init-on-bare", "other-vcpu-not-strict", "again",          "fixed-counters",
};

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0], *const other = &vm.vcpus[1];

const char *interface_strict_row(int row)
{
	return names[row];
}

/* The capability promises the feature, and its absence that there is none. */
void interface_strict_capability(const struct site *site, struct variant variant)
{
	int promised;

	(void)variant;
	vm_create(&vm, site, 1);
	promised = ioctl(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_PMU_V3_STRICT);
	expect(promised >= 0, "KVM_CHECK_EXTENSION: %s", strerror(errno));
	expect(!promised == !site->strict, "KVM_CAP_ARM_PMU_V3_STRICT is %d, and the feature is %s",
	       promised, site->strict ? "accepted" : "refused");
}

static void expect_set(struct vcpu *at, unsigned attr, const void *value, int wanted)
{
	int error = vcpu_set_attr(at, attr, value);

	expect(error == wanted, "vCPU %d, attribute %u: %s instead of %s", at->index, attr,
	       strerror(error), strerror(wanted));
}

static void expect_init(struct vcpu *at, uint32_t features, int wanted)
{
	int error = vcpu_init(at, features);

	expect(error == wanted, "KVM_ARM_VCPU_INIT of vCPU %d with features 0x%x: %s instead of %s",
	       at->index, features, strerror(error), strerror(wanted));
}

/* All is there but the choice: each vCPU's INIT says so, and the first run says that INIT is
 * missing. */
static void expect_open(void)
{
	const int irq = PMU_INTID;
	int error;

	for (int i = 0; i < vm.nvcpus; i++) {
		if (vcpu_get_attr(&vm.vcpus[i], ATTR_IRQ, &(int){ 0 }))
			expect_set(&vm.vcpus[i], ATTR_IRQ, &irq, 0);
		expect_set(&vm.vcpus[i], ATTR_INIT, NULL, ENXIO);
	}
	error = vcpu_enter(vcpu);
	expect(error == EINVAL, "KVM_RUN: %s instead of %s", strerror(error), strerror(EINVAL));
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), 0, "event counters without a PMU");
}

static void expect_ready(void)
{
	for (int i = 0; i < vm.nvcpus; i++)
		expect_set(&vm.vcpus[i], ATTR_INIT, NULL, 0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
}

/*
 * Made on a CPU of another host PMU, of which nothing is left: the guest counts on the CPUs of the
 * PMU that is named then, and is refused where it was made.
 */
static void expect_no_default(const struct site *site)
{
	struct windows windows = { .sysreg = PMCCNTR_EL0, .count = 8, .loops = 5000 };
	struct itinerary itinerary;

	vm_init_pmu(&vm);
	itinerary_all(site, &itinerary, HOPS_SYNC);
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, CYCLE, 0, 0);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);
	windows_judge(site, &windows, HOPS_SYNC);
	expect(itinerary.nrefusals > 0, "KVM refused nothing");
}

/*
 * FIXED_COUNTERS_ONLY is a choice too (devices/vcpu.rst 1.2), of every PMU: no filter, no event
 * counter, and it counts everywhere.
 */
static void expect_fixed(const struct site *site)
{
	const struct kvm_pmu_event_filter filter = { .base_event = EVENT_INST_RETIRED,
						     .nevents = 1,
						     .action = KVM_PMU_EVENT_DENY };
	struct windows windows = { .sysreg = PMCCNTR_EL0, .count = 8, .loops = 5000 };
	struct itinerary itinerary;

	expect_set(other, ATTR_FIXED_COUNTERS, NULL, 0);
	expect_set(vcpu, ATTR_FILTER, &filter, EBUSY);
	expect_set(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type, EBUSY);
	expect_set(vcpu, ATTR_INIT, NULL, 0);
	expect_set(other, ATTR_INIT, NULL, 0);
	itinerary_all(site, &itinerary, HOPS_SYNC);
	itinerary.home = -1;
	guest_pmu_reset(&vcpu->guest, 0);
	counter_emit(&vcpu->guest, CYCLE, 0, 0);
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);
	windows_judge(site, &windows, HOPS_SYNC);
	expect_equal(PMCR_N(vcpu_take(vcpu)), 0, "event counters in the guest");
}

static void start(const struct site *site, int cpu, int nvcpus)
{
	place_on(site, cpu);
	vm_create(&vm, site, nvcpus);
	vm_init_vcpus(&vm, mode_features(MODE_STRICT));
	vm_create_gic(&vm);
	vm_init_gic(&vm);
}

/* Of vCPU 0 and 1, and of KVM_ARM_VCPU_INIT once more: one feature set for all (api.rst 4.82). */
static void expect_one_set(const struct site *site, bool again)
{
	place_on(site, site->home[0]);
	vm_create(&vm, site, 2);
	expect_init(vcpu, mode_features(MODE_STRICT), 0);
	expect_init(again ? vcpu : other, FEATURE_PMU, EINVAL);
	expect_init(again ? vcpu : other, mode_features(MODE_STRICT), 0);
	expect_init(other, mode_features(MODE_STRICT), 0);
	vm_create_gic(&vm);
	vm_init_gic(&vm);
	expect_open();
	/* The choice is the VM's and outlives a reset. */
	expect_set(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type, 0);
	if (again)
		expect_init(vcpu, mode_features(MODE_STRICT), 0);
	expect_ready();
}

void interface_strict(const struct site *site, struct variant variant)
{
	const int unknown = -1;

	need_mode(site, variant.row == FIXED ? MODE_COMPOSITE : MODE_STRICT);
	need_mode(site, MODE_STRICT);
	if (variant.row == FIXED && site->last_wins)
		skip_test("no version of FIXED_COUNTERS_ONLY that SET_PMU may follow knows STRICT");
	switch (variant.row) {
	case OPEN:
	case OTHER_VCPU:
		start(site, site->home[0], 2);
		expect_open();
		expect_set(variant.row == OPEN ? vcpu : other, ATTR_SET_PMU,
			   &site->host.pmus[0].type, 0);
		expect_ready();
		break;
	case NO_CHOICE:
		start(site, site->home[0], 2);
		expect_set(vcpu, ATTR_SET_PMU, &unknown, ENXIO);
		expect_open();
		expect_set(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type, 0);
		expect_ready();
		break;
	case NOTHING_CHOSEN:
		need_away(site);
		start(site, site->away[0], 1);
		vm_choose_pmu(&vm, MODE_STRICT, &site->host.pmus[0]);
		expect_no_default(site);
		break;
	case NO_PMU_HERE:
		/* Without STRICT: -ENODEV, as there is no default PMU (interface.no-pmu). */
		need_uncovered(site);
		start(site, site->uncovered[0], 2);
		expect_open();
		place_on(site, site->home[0]);
		expect_set(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type, 0);
		expect_ready();
		break;
	case FIXED:
		start(site, site->home[0], 2);
		expect_open();
		expect_fixed(site);
		break;
	default:
		expect_one_set(site, variant.row == AGAIN);
	}
}
