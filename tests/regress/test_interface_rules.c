/* SPDX-License-Identifier: MIT */
/* Rules between the vCPUs of a VM and between ioctls. */
#include <errno.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_interface.h"

#define PPI       PMU_INTID
#define OTHER_PPI 24
#define SPI       40
#define OTHER_SPI 41

/*
 * devices/vcpu.rst 1.1: "the interrupt type must be same for each vcpu. As a PPI, the
 * interrupt number is the same for all vcpus, while as an SPI it must be a separate
 * number per vcpu."
 */
static const struct {
	const char *name;
	int first, second, error;
	int fault; /* what pmu_irq_is_valid() of Linux 6.12 wrongly says */
} irqs[] = {
	{ "ppi,ppi", PPI, PPI, 0, -1 },      { "ppi,other-ppi", PPI, OTHER_PPI, EINVAL, -1 },
	{ "ppi,spi", PPI, SPI, EINVAL, 0 },  { "spi,ppi", SPI, PPI, EINVAL, -1 },
	{ "spi,spi", SPI, SPI, EINVAL, -1 }, { "spi,other-spi", SPI, OTHER_SPI, 0, -1 },
};

_Static_assert(sizeof(irqs) / sizeof(irqs[0]) == INTERFACE_IRQ_ROWS, "rows of interface.irq");

const char *interface_irq_row(int row)
{
	return irqs[row].name;
}

/* The interrupts of two vCPUs, whichever of them is the first one. */
void interface_irq(const struct site *site, struct variant variant)
{
	int wanted = irqs[variant.row].error, fault = irqs[variant.row].fault;
	static struct vm vm;
	bool faulty = false;

	for (int first = 0; first < 2; first++) {
		int error, read = 0;

		vm_create(&vm, site, 2);
		vm_init_vcpus(&vm, FEATURE_PMU);
		vm_create_gic(&vm);
		error = vcpu_set_attr(&vm.vcpus[first], ATTR_IRQ, &irqs[variant.row].first);
		expect(!error, "the first interrupt: %s", strerror(error));
		error = vcpu_set_attr(&vm.vcpus[!first], ATTR_IRQ, &irqs[variant.row].second);
		expect(error == wanted || error == fault, "the second interrupt: %s instead of %s",
		       strerror(error), strerror(wanted));
		faulty |= error != wanted;
		vcpu_get_attr(&vm.vcpus[first], ATTR_IRQ, &read);
		expect_equal((uint64_t)read, (uint64_t)irqs[variant.row].first,
			     "the first interrupt, read back");
		read = 0;
		expect(vcpu_get_attr(&vm.vcpus[!first], ATTR_IRQ, &read) == (error ? ENXIO : 0),
		       "the second interrupt is %s", read ? "there" : "lost");
		if (!error)
			expect_equal((uint64_t)read, (uint64_t)irqs[variant.row].second,
				     "the second interrupt, read back");
		vm_destroy(&vm);
	}
	if (faulty)
		known_fault("it accepts vCPUs with different types of PMU interrupts");
}

/*
 * api.rst 4.82: an unknown feature is -ENOENT, and all calls for a vCPU name the same ones. STRICT
 * (Linux 7.3) is of no use without a PMU.
 */
enum { UNKNOWN, STRICT_ALONE, AGAIN_WITHOUT, AGAIN_WITH, AGAIN_SAME };

static const char *const feature_names[INTERFACE_FEATURE_ROWS] = {
	"unknown", "strict-without-pmu", "again-without-pmu", "again-with-pmu", "again-same",
};

const char *interface_feature_row(int row)
{
	return feature_names[row];
}

static void expect_init(struct vcpu *vcpu, uint32_t features, int wanted)
{
	int error = vcpu_init(vcpu, features);

	expect(error == wanted, "KVM_ARM_VCPU_INIT with features 0x%x: %s instead of %s", features,
	       strerror(error), strerror(wanted));
}

void interface_feature(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	place_on(site, site->home[0]);
	vm_create(&vm, site, 1);
	guest_exit(&vcpu->guest);
	switch (variant.row) {
	case UNKNOWN:
		expect_init(vcpu, FEATURE_PMU | 1u << 31, ENOENT);
		if (site->older && vcpu_has_attr(vcpu, ATTR_IRQ) == 0)
			known_fault("a vCPU whose KVM_ARM_VCPU_INIT failed at an unknown feature "
				    "has those before it");
		expect(vcpu_has_attr(vcpu, ATTR_IRQ) == ENXIO, "the attempt gave the VM a PMU");
		break;
	case STRICT_ALONE:
		expect_init(vcpu, 1u << KVM_FEATURE_PMU_V3_STRICT, site->strict ? EINVAL : ENOENT);
		break;
	case AGAIN_WITHOUT:
		expect_init(vcpu, FEATURE_PMU, 0);
		expect_init(vcpu, 0, EINVAL);
		expect(!vcpu_has_attr(vcpu, ATTR_IRQ), "the attempt took the VM's PMU away");
		break;
	case AGAIN_WITH:
		expect_init(vcpu, 0, 0);
		expect_init(vcpu, FEATURE_PMU, EINVAL);
		expect(vcpu_has_attr(vcpu, ATTR_IRQ) == ENXIO, "the attempt gave the VM a PMU");
		break;
	default:
		expect_init(vcpu, FEATURE_PMU, 0);
		vm_create_gic(&vm);
		vm_init_gic(&vm);
		vm_init_pmu(&vm);
		expect_init(vcpu, FEATURE_PMU, 0);
		/* It resets registers, not devices. */
		expect(vcpu_set_attr(vcpu, ATTR_INIT, NULL) == EBUSY,
		       "the PMU's init does not last");
		vcpu_finish(vcpu);
	}
}

/* CPUs that no host PMU covers. */
enum { NO_PMU_INIT, NO_PMU_NOTHING, NO_PMU_DEFAULT, NO_PMU_FIRST_RUN };

static const char *const no_pmu_names[INTERFACE_NO_PMU_ROWS] = {
	"init", "init-leaves-nothing", "default", "composite-first-run", "composite-in-a-window",
};

const char *interface_no_pmu_row(int row)
{
	return no_pmu_names[row];
}

/*
 * Where a host PMU counts, where there is none, and back: the count is kept meanwhile. In default
 * mode it stands still there. What it does in composite mode, if the VM runs there, no version of
 * the proposal says (proposal.h).
 */
static void visit_uncovered(const struct site *site, enum mode mode)
{
	enum { WINDOWS = 3, LOOPS = 5000 };
	const int cpus[WINDOWS] = { site->home[0], site->uncovered[0], site->home[0] };
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t counts[WINDOWS], last = 0;

	vm_start(&vm, site, mode, 1);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	for (int i = 0; i < WINDOWS; i++) {
		guest_hop(&vcpu->guest);
		guest_read(&vcpu->guest, 19, PMCCNTR_EL0);
		guest_work(&vcpu->guest, LOOPS);
		guest_read(&vcpu->guest, 20, PMCCNTR_EL0);
		guest_out_register(&vcpu->guest, 19);
		guest_out_register(&vcpu->guest, 20);
	}
	guest_exit(&vcpu->guest);
	for (int i = 0; i < WINDOWS; i++) {
		expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to window %d", i);
		place_on(site, cpus[i]);
	}
	vcpu_finish(vcpu);
	for (int i = 0; i < WINDOWS; i++) {
		uint64_t start = vcpu_take(vcpu);

		expect(start >= last, "window %d: the counter went back", i);
		last = vcpu_take(vcpu);
		counts[i] = last - start;
	}
	note("on a CPU without a host PMU: %llu cycles", (unsigned long long)counts[1]);
	expect(counts[0] > 0, "nothing was counted at home");
	if (mode == MODE_DEFAULT)
		expect_equal(counts[1], 0, "cycles on a CPU without a PMU");
	expect(counts[2] > 0, "nothing was counted back at home");
	if (site->exact)
		expect_equal(counts[2], counts[0], "cycles back at home");
}

/* The first two: kvm_arm_set_default_pmu(). */
void interface_no_pmu(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	need_uncovered(site);
	if (variant.row == NO_PMU_DEFAULT) {
		visit_uncovered(site, MODE_DEFAULT);
		return;
	}
	if (variant.row > NO_PMU_DEFAULT && site->runs_uncovered) {
		visit_uncovered(site, MODE_COMPOSITE);
		return;
	}
	if (variant.row > NO_PMU_DEFAULT) {
		vm_start(&vm, site, MODE_COMPOSITE, 1);
		interface_refusals(site, vcpu, INTERFACE_ANY_PMU, site->home[0],
				   variant.row == NO_PMU_FIRST_RUN);
		return;
	}
	place_on(site, site->uncovered[0]);
	vm_create(&vm, site, 1);
	if (site->older && !vcpu_init(vcpu, FEATURE_PMU))
		skip_test("this kernel looks for a default PMU later than in KVM_ARM_VCPU_INIT");
	expect_init(vcpu, FEATURE_PMU, ENODEV);
	if (variant.row == NO_PMU_INIT) {
		/* Elsewhere the same vCPU can have one. */
		place_on(site, site->home[0]);
		expect_init(vcpu, FEATURE_PMU, 0);
		return;
	}
	if (vcpu_has_attr(vcpu, ATTR_IRQ) == 0)
		known_fault("a VM whose KVM_ARM_VCPU_INIT failed has the feature all the same");
	expect_init(vcpu, 0, 0);
}

/*
 * SET_PMU gives the VM all counters of that PMU, also if userspace had lowered their
 * number before (kvm_arm_set_pmu(); devices/vcpu.rst 1.5 of Linux 6.16).
 */
void interface_n_restored(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned max;

	(void)variant;
	need_mode(site, MODE_EXPLICIT);
	need_chosen_n(site);
	place_on(site, site->home[0]);
	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, FEATURE_PMU);
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	for (unsigned n = 0; n < max; n++) {
		vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n));
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "PMCR_EL0.N, lowered");
		errno = vcpu_set_attr(vcpu, ATTR_SET_PMU, &site->host.pmus[0].type);
		if (errno)
			fail_test_errno("SET_PMU");
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), max, "PMCR_EL0.N after SET_PMU");
	}
}

/*
 * A filter reaches the last event of the host's PMU version, and not beyond (devices/
 * vcpu.rst 1.3: 10 bits of events before PMUv3.1, 16 from then on).
 */
void interface_filter_end(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct kvm_pmu_event_filter filter = { .action = KVM_PMU_EVENT_DENY };
	unsigned last;

	(void)variant;
	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, FEATURE_PMU);
	last = PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)) > PMUVER_V3 ? 0xffff : 0x3ff;
	for (unsigned base = last - 1; base <= last; base++)
		for (unsigned n = 1; n <= 3; n++) {
			bool fits = base + n <= last + 1;
			int error;

			filter.base_event = (uint16_t)base;
			filter.nevents = (uint16_t)n;
			error = vcpu_set_attr(vcpu, ATTR_FILTER, &filter);
			expect(error == (fits ? 0 : EINVAL), "%u events from 0x%x of 0x%x: %s", n,
			       base, last + 1, strerror(error));
		}
}
