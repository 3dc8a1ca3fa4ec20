/* SPDX-License-Identifier: MIT */
/* KVM_GET_REG_LIST: what a VMM that knows no register by name saves and restores. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "older.h"
#include "result.h"
#include "state.h"

#define LIST_MAX 2048

static struct vm vm, other;

static struct kvm_reg_list *get_list(struct vcpu *vcpu)
{
	struct kvm_reg_list *list = calloc(1, sizeof(*list) + LIST_MAX * sizeof(list->reg[0]));

	if (!list)
		abort();
	list->n = LIST_MAX;
	if (ioctl(vcpu->fd, KVM_GET_REG_LIST, list) < 0)
		fail_test_errno("KVM_GET_REG_LIST");
	return list;
}

static bool has(const struct kvm_reg_list *list, uint16_t sysreg)
{
	for (uint64_t i = 0; i < list->n; i++)
		if (list->reg[i] == ONE_REG(sysreg))
			return true;
	return false;
}

/* All that a guest's PMU consists of; event counters apart. */
static const uint16_t fixed[] = {
	PMCR_EL0,      PMCNTENSET_EL0, PMCNTENCLR_EL0, PMOVSCLR_EL0,   PMOVSSET_EL0,   PMSELR_EL0,
	PMUSERENR_EL0, PMCCNTR_EL0,    PMCCFILTR_EL0,  PMINTENSET_EL1, PMINTENCLR_EL1,
};

#define NFIXED (sizeof(fixed) / sizeof(fixed[0]))

static bool is_pmu(uint64_t id)
{
	for (unsigned i = 0; i < NFIXED; i++)
		if (id == ONE_REG(fixed[i]))
			return true;
	for (unsigned i = 0; i < MAX_COUNTERS; i++)
		if (id == ONE_REG(PMEVCNTR_EL0(i)) || id == ONE_REG(PMEVTYPER_EL0(i)))
			return true;
	return false;
}

/* The list has the whole PMU; all of it can be read, and what was read can be set. */
void state_list(const struct site *site, struct variant variant)
{
	struct vcpu *vcpu = &vm.vcpus[0];
	struct kvm_reg_list *list;
	unsigned seen = 0;

	vm_start(&vm, site, variant.mode, 1);
	list = get_list(vcpu);
	for (unsigned i = 0; i < NFIXED; i++)
		expect(has(list, fixed[i]), "0x%llx is not in the list",
		       (unsigned long long)ONE_REG(fixed[i]));
	for (unsigned i = 0; i < MAX_COUNTERS; i++)
		expect(has(list, PMEVCNTR_EL0(i)) && has(list, PMEVTYPER_EL0(i)),
		       "event counter %u is not in the list", i);
	/* A guest that has seen its PMMIR_EL1.SLOTS must find it again (api.rst 4.82, STRICT). */
	expect(variant.mode != MODE_STRICT || has(list, PMMIR_EL1), "PMMIR_EL1 is not in the list");
	for (uint64_t i = 0; i < list->n; i++) {
		uint16_t sysreg = (uint16_t)list->reg[i];
		uint64_t value, again;

		if (!is_pmu(list->reg[i]))
			continue;
		seen++;
		value = vcpu_get(vcpu, sysreg);
		vcpu_set(vcpu, sysreg, value);
		again = vcpu_get(vcpu, sysreg);
		/* A clear register clears what is written to it: state.list_order. */
		if (sysreg != PMCNTENCLR_EL0 && sysreg != PMINTENCLR_EL1 && sysreg != PMOVSCLR_EL0)
			expect_equal(again, value, "register 0x%llx set to what it was",
				     (unsigned long long)list->reg[i]);
	}
	expect_equal(seen, NFIXED + 2 * MAX_COUNTERS, "PMU registers in the list");
}

/* Without a PMU the list has none of it, and none can be accessed. */
void state_list_without_pmu(const struct site *site, struct variant variant)
{
	struct vcpu *vcpu = &vm.vcpus[0];
	struct kvm_reg_list *list;
	unsigned listed = 0;
	uint64_t value;

	(void)variant;
	vm_start_without_pmu(&vm, site, 1);
	list = get_list(vcpu);
	for (unsigned i = 0; i < NFIXED; i++)
		listed += has(list, fixed[i]);
	if (site->older && listed == NFIXED)
		known_fault("without a PMU its registers are there for userspace");
	for (uint64_t i = 0; i < list->n; i++)
		expect(!is_pmu(list->reg[i]), "0x%llx is in the list",
		       (unsigned long long)list->reg[i]);
	for (unsigned i = 0; i < NFIXED; i++) {
		expect_equal((uint64_t)vcpu_try_get(vcpu, fixed[i], &value), ENOENT,
			     "errno of getting 0x%llx", (unsigned long long)ONE_REG(fixed[i]));
		expect_equal((uint64_t)vcpu_try_set(vcpu, fixed[i], 0), ENOENT,
			     "errno of setting 0x%llx", (unsigned long long)ONE_REG(fixed[i]));
	}
}

struct bitmap {
	const char *name;
	uint16_t set, clear;
};

static const struct bitmap bitmaps[BITMAP_ROWS] = {
	{ "pmcnten", PMCNTENSET_EL0, PMCNTENCLR_EL0 },
	{ "pminten", PMINTENSET_EL1, PMINTENCLR_EL1 },
	{ "pmovs", PMOVSSET_EL0, PMOVSCLR_EL0 },
};

const char *state_bitmap_name(int row)
{
	return bitmaps[row].name;
}

/*
 * What was got in the list's order and set in that order is the same again. Linux 6.7 to
 * 6.14 sets and clears bits instead of assigning them (sys_regs.c: set_pmreg()): the second
 * register of a pair undoes the first, and what a reset leaves in a bitmap stays.
 */
void state_list_order(const struct site *site, struct variant variant)
{
	const struct bitmap *bitmap = &bitmaps[variant.row];
	/* Some bit that a reset sets is not wanted, and some other is. */
	uint64_t wanted = 0, got, faulty;
	struct kvm_reg_list *list;

	vm_start(&vm, site, variant.mode, 1);
	if (variant.mode != MODE_COMPOSITE)
		wanted |= BIT(0);
	if (bitmap->set != PMOVSSET_EL0)
		wanted |= BIT(CYCLE);
	bitmap_assign(&vm.vcpus[0], bitmap->set, bitmap->clear, 0);
	expect_equal(vcpu_get(&vm.vcpus[0], bitmap->set), 0, "%s cleared", bitmap->name);
	bitmap_assign(&vm.vcpus[0], bitmap->set, bitmap->clear, wanted);
	expect_equal(vcpu_get(&vm.vcpus[0], bitmap->set), wanted, "%s", bitmap->name);
	expect_equal(vcpu_get(&vm.vcpus[0], bitmap->clear), wanted, "%s by the clear register",
		     bitmap->name);

	vm_start(&other, site, variant.mode, 1);
	faulty = vcpu_get(&other.vcpus[0], bitmap->set);
	list = get_list(&other.vcpus[0]);
	for (uint64_t i = 0; i < list->n; i++) {
		uint16_t sysreg = (uint16_t)list->reg[i];

		if (list->reg[i] != ONE_REG(bitmap->set) && list->reg[i] != ONE_REG(bitmap->clear))
			continue;
		faulty = sysreg == bitmap->set ? faulty | wanted : faulty & ~wanted;
		vcpu_set(&other.vcpus[0], sysreg, vcpu_get(&vm.vcpus[0], sysreg));
	}
	got = vcpu_get(&other.vcpus[0], bitmap->set);
	if (got != wanted && got == faulty)
		mended_fault(site, "%s 0x%llx, restored in the list's order, is 0x%llx",
			     bitmap->name, (unsigned long long)wanted, (unsigned long long)got);
	expect_equal(got, wanted, "%s restored in the list's order", bitmap->name);
}
