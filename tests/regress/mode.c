/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "mode.h"
#include "result.h"

const char *mode_name(enum mode mode)
{
	static const char *const names[MODES] = { "default", "explicit", "composite", "strict",
						  "limited" };

	return names[mode];
}

void need_mode(const struct site *site, enum mode mode)
{
	if (mode == MODE_COMPOSITE && !site->composite)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY");
	if (mode == MODE_STRICT && !site->strict)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_STRICT");
	if (names_pmu(mode) && !site->set_pmu)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_SET_PMU");
	if (mode == MODE_LIMITED && !site->nr_counters)
		need_chosen_n(site);
}

bool names_pmu(enum mode mode)
{
	return mode == MODE_EXPLICIT || mode == MODE_STRICT || mode == MODE_LIMITED;
}

bool must_refuse(const struct site *site, enum mode mode, int cpu)
{
	int pmu = host_pmu_of_cpu(&site->host, cpu);

	return (names_pmu(mode) && pmu != 0) || (mode == MODE_COMPOSITE && pmu < 0);
}

bool chooses_n(const struct site *site)
{
	static struct vm vm;
	uint64_t before;
	bool stored;

	if (!site->older)
		return true;
	vm_create(&vm, site, 2);
	vm_init_vcpus(&vm, 1u << KVM_ARM_VCPU_PMU_V3);
	before = vcpu_get(&vm.vcpus[1], PMCR_EL0);
	vcpu_set(&vm.vcpus[0], PMCR_EL0, ~0ull);
	stored = vcpu_get(&vm.vcpus[0], PMCR_EL0) == ~0ull &&
		 vcpu_get(&vm.vcpus[1], PMCR_EL0) == before;
	vm_destroy(&vm);
	return !stored;
}

void need_chosen_n(const struct site *site)
{
	if (!chooses_n(site))
		skip_test("this kernel does not let userspace choose PMCR_EL0.N");
}

uint32_t mode_features(enum mode mode)
{
	return 1u << KVM_ARM_VCPU_PMU_V3 |
	       (mode == MODE_STRICT ? 1u << KVM_FEATURE_PMU_V3_STRICT : 0);
}

int vm_limit(struct vcpu *vcpu, unsigned n)
{
	uint64_t pmcr;

	if (vcpu->vm->site->nr_counters)
		return vcpu_set_attr(vcpu, ATTR_SET_NR_COUNTERS, &n);
	pmcr = vcpu_get(vcpu, PMCR_EL0) & ~PMCR_WITH_N(31);
	return vcpu_try_set(vcpu, PMCR_EL0, pmcr | PMCR_WITH_N(n));
}

void vm_choose_pmu(struct vm *vm, enum mode mode, const struct host_pmu *pmu)
{
	struct vcpu *vcpu = &vm->vcpus[0];
	unsigned n;

	errno = 0;
	if (names_pmu(mode))
		errno = vcpu_set_attr(vcpu, ATTR_SET_PMU, &pmu->type);
	else if (mode == MODE_COMPOSITE)
		errno = vcpu_set_attr(vcpu, ATTR_FIXED_COUNTERS, NULL);
	if (errno)
		fail_test_errno("choosing the PMU");
	if (mode != MODE_LIMITED)
		return;
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	if (n < 2)
		skip_test("host PMU %s has %u event counters: there is none to take away",
			  pmu->name, n);
	errno = vm_limit(vcpu, n - 1);
	if (errno)
		fail_test_errno("%u event counters of %u", n - 1, n);
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n - 1, "PMCR_EL0.N, limited");
}

void vm_build_on(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, int cpu)
{
	need_mode(site, mode);
	if (mode == MODE_DEFAULT)
		need_default_pmu(site, cpu);
	place_on(site, cpu);
	vm_create(vm, site, nvcpus);
	vm_init_vcpus(vm, mode_features(mode));
	vm_create_gic(vm);
	vm_init_gic(vm);
	vm_choose_pmu(vm, mode, pmu_of(site, cpu));
}

void vm_build(struct vm *vm, const struct site *site, enum mode mode, int nvcpus)
{
	vm_build_on(vm, site, mode, nvcpus, site->home[0]);
}

void vm_start_on(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, int cpu)
{
	vm_build_on(vm, site, mode, nvcpus, cpu);
	vm_init_pmu(vm);
}

void vm_start(struct vm *vm, const struct site *site, enum mode mode, int nvcpus)
{
	vm_start_on(vm, site, mode, nvcpus, site->home[0]);
}

void vm_start_without_pmu(struct vm *vm, const struct site *site, int nvcpus)
{
	place_on(site, site->home[0]);
	vm_create(vm, site, nvcpus);
	vm_init_vcpus(vm, 0);
	vm_create_gic(vm);
	vm_init_gic(vm);
}
