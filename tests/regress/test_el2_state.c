/* SPDX-License-Identifier: MIT */
/* What userspace saves, restores and chooses of a guest with EL2, at whichever level the vCPU is.
 */
#include <errno.h>
#include <stdio.h>

#include "el2.h"
#include "result.h"

#define OWN 2 /* of EL2's counters: the last ones */

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

static const struct {
	const char *name;
	uint16_t sysreg;
} rows[] = {
	{ "enable", PMCNTENSET_EL0 },
	{ "interrupt", PMINTENSET_EL1 },
	{ "overflow", PMOVSSET_EL0 },
};

#define NROWS 6 /* each with the vCPU at EL2, and at EL1 */

static const char *row_name(int row)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s-at-%s", rows[row % NROWS / 2].name,
		 row % 2 ? "el1" : "el2");
	return el2_row_name(row >= NROWS, name);
}

/* KVM_GET_ONE_REG returns what the registers have, and not what EL1 would see of them. */
static void saved(const struct site *site, struct variant variant)
{
	uint16_t sysreg = rows[variant.row % NROWS / 2].sysreg;
	bool at_el1 = variant.row % NROWS % 2;
	uint64_t got, pmcr;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NROWS);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN));
	guest_write(guest, sysreg, ALL);
	if (at_el1)
		el2_drop(guest);
	guest_hop(guest);
	guest_exit(guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "the run before the registers are saved");
	got = vcpu_get(vcpu, sysreg);
	pmcr = vcpu_get(vcpu, PMCR_EL0);
	if (at_el1 && got == counter_bits(n - OWN) && PMCR_N(pmcr) == n - OWN)
		known_fault("while the vCPU is at EL1, userspace does not get what belongs to "
			    "EL2's counters");
	expect_equal(got, counter_bits(n), "the register");
	expect_equal(PMCR_N(pmcr), n, "PMCR_EL0.N");
}

/* KVM_SET_ONE_REG sets all that the VM has. */
static void restored(const struct site *site, struct variant variant)
{
	uint16_t sysreg = rows[variant.row % NROWS / 2].sysreg;
	bool at_el1 = variant.row % NROWS % 2;
	uint64_t seen;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NROWS);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN));
	if (at_el1)
		el2_drop(guest);
	guest_hop(guest);
	if (at_el1)
		el2_return(guest);
	guest_out(guest, sysreg);
	guest_exit(guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "the run before the register is restored");
	vcpu_set(vcpu, sysreg, counter_bits(n));
	vcpu_finish(vcpu);
	seen = vcpu_take(vcpu);
	if (at_el1 && seen == counter_bits(n - OWN))
		known_fault("while the vCPU is at EL1, userspace cannot set what belongs to EL2's "
			    "counters");
	expect_equal(seen, counter_bits(n), "the register at EL2");
}

/*
 * MDCR_EL2 that userspace has set stays when the VM's number of counters is set by way of another
 * vCPU, unless it has more than there are then.
 */
static void nr_counters(const struct site *site, struct variant variant)
{
	unsigned n;
	uint64_t seen;

	if (!site->nr_counters)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS");
	el2_build(&vm, site, variant.mode, 2, variant.row);
	n = need_counters(vcpu, 4);
	vcpu_set(vcpu, MDCR_EL2, MDCR_HPMN(1) | MDCR_HPME);
	errno = vcpu_set_attr(&vm.vcpus[1], ATTR_SET_NR_COUNTERS, &(unsigned){ n - 1 });
	if (errno)
		fail_test_errno("SET_NR_COUNTERS");
	seen = vcpu_get(vcpu, MDCR_EL2);
	if (seen == (MDCR_HPMN(n - 1) | MDCR_HPME))
		known_fault("SET_NR_COUNTERS of another vCPU rewrites MDCR_EL2.HPMN that userspace "
			    "had set");
	expect_equal(seen, MDCR_HPMN(1) | MDCR_HPME, "MDCR_EL2 of vCPU 0");
	expect_equal(vcpu_get(&vm.vcpus[1], MDCR_EL2) & MDCR_GET_HPMN, n - 1,
		     "MDCR_EL2.HPMN of vCPU 1, which nobody has set");
	vcpu_set(vcpu, MDCR_EL2, MDCR_HPMN(n - 1));
	errno = vcpu_set_attr(&vm.vcpus[1], ATTR_SET_NR_COUNTERS, &(unsigned){ n - 2 });
	if (errno)
		fail_test_errno("SET_NR_COUNTERS");
	expect_between(vcpu_get(vcpu, MDCR_EL2) & MDCR_GET_HPMN, 0, n - 2,
		       "MDCR_EL2.HPMN, of fewer counters than it had");
}

static const struct test tests[] = {
	{ "el2.saved", saved, IN(MODE_DEFAULT), 0, NROWS, row_name, 0 },
	{ "el2.restored", restored, IN(MODE_DEFAULT), 0, NROWS, row_name, 0 },
	{ "el2.nr_counters", nr_counters, IN(MODE_EXPLICIT) | STRICT, 0, 1, el2_kind_name, 0 },
};

FAMILY(el2_state_family, tests);
