/* SPDX-License-Identifier: MIT */
/* Which event counters the registers of a guest's EL1 show and change, and which are EL2's alone.
 */
#include "el2.h"
#include "result.h"

#define OWN 2 /* of EL2's counters: the last ones */

static struct vm vm;
static struct vcpu *const vcpu = &vm.vcpus[0];
static struct guest *const guest = &vm.vcpus[0].guest;

/* HPMN resets to N; what the other bits reset to is not promised. */
static void reset(const struct site *site, struct variant variant)
{
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	expect(variant.mode != MODE_COMPOSITE || !n, "PMCR_EL0.N is %u in composite mode", n);
	guest_out(guest, MDCR_EL2);
	guest_out(guest, PMCR_EL0);
	el2_drop(guest);
	guest_out(guest, PMCR_EL0);
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu) & MDCR_GET_HPMN, n, "MDCR_EL2.HPMN after the reset");
	expect_equal(PMCR_N(vcpu_take(vcpu)), n, "PMCR_EL0.N at EL2");
	expect_equal(PMCR_N(vcpu_take(vcpu)), n, "PMCR_EL0.N at EL1");
}

/* PMCR_EL0.N is N at EL2 and HPMN at EL1. With HPMN above N, what EL1 gets is at most N. */
static void n_at_el1(const struct site *site, struct variant variant)
{
	unsigned n, values[4];

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 3);
	values[0] = 1;
	values[1] = n - 1;
	values[2] = n;
	values[3] = 31;
	for (int i = 0; i < 4; i++) {
		guest_write(guest, MDCR_EL2, MDCR_HPMN(values[i]));
		guest_out(guest, PMCR_EL0);
		el2_drop(guest);
		guest_out(guest, PMCR_EL0);
		el2_return(guest);
	}
	guest_exit(guest);
	vcpu_finish(vcpu);
	for (int i = 0; i < 4; i++) {
		expect_equal(PMCR_N(vcpu_take(vcpu)), n, "PMCR_EL0.N at EL2 with HPMN %u",
			     values[i]);
		expect_equal(PMCR_N(vcpu_take(vcpu)), values[i] < n ? values[i] : n,
			     "PMCR_EL0.N at EL1 with HPMN %u", values[i]);
	}
}

/* The same of what userspace writes. */
static void n_by_userspace(const struct site *site, struct variant variant)
{
	uint64_t seen;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 1);
	guest_hop(guest);
	el2_drop(guest);
	guest_out(guest, PMCR_EL0);
	guest_exit(guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "the run before userspace's write");
	if (vcpu_try_set(vcpu, MDCR_EL2, MDCR_HPMN(31))) {
		note("KVM refuses HPMN 31");
		vcpu_set(vcpu, MDCR_EL2, MDCR_HPMN(n));
	}
	vcpu_finish(vcpu);
	seen = PMCR_N(vcpu_take(vcpu));
	if (seen == 31)
		known_fault("MDCR_EL2.HPMN of userspace has no limit: EL1 has 31 event counters");
	expect_between(seen, 1, n, "PMCR_EL0.N at EL1, with MDCR_EL2.HPMN 31 by userspace");
}

static const struct {
	const char *name;
	uint16_t set, clear;
} bitmaps[] = {
	{ "enable", PMCNTENSET_EL0, PMCNTENCLR_EL0 },
	{ "interrupt", PMINTENSET_EL1, PMINTENCLR_EL1 },
	{ "overflow", PMOVSSET_EL0, PMOVSCLR_EL0 },
};

#define NBITMAPS 3

static const char *bitmap_name(int row)
{
	return el2_row_name(row >= NBITMAPS, bitmaps[row % NBITMAPS].name);
}

/* All bits set at EL2 read as set there, and at EL1 as far as they are EL1's. */
static void bitmap_reads(const struct site *site, struct variant variant)
{
	uint16_t set = bitmaps[variant.row % NBITMAPS].set,
		 clear = bitmaps[variant.row % NBITMAPS].clear;
	uint64_t all, own, seen[2];
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NBITMAPS);
	n = el2_counters(vcpu, 1 + OWN);
	all = counter_bits(n);
	own = counter_bits(n - OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN));
	guest_write(guest, set, ALL);
	guest_out(guest, set);
	el2_drop(guest);
	guest_out(guest, set);
	guest_out(guest, clear);
	el2_return(guest);
	guest_out(guest, clear);
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu), all, "at EL2, by its SET register");
	seen[0] = vcpu_take(vcpu);
	seen[1] = vcpu_take(vcpu);
	expect_equal(vcpu_take(vcpu), all, "at EL2, by its CLR register");
	if (seen[0] == all && seen[1] == all)
		known_fault("bits of the counters that EL2 keeps for itself read as set at EL1");
	expect_equal(seen[0], own, "at EL1, by its SET register");
	expect_equal(seen[1], own, "at EL1, by its CLR register");
}

/* What EL1 sets and clears are its own bits. */
static void bitmap_writes(const struct site *site, struct variant variant)
{
	uint16_t set = bitmaps[variant.row % NBITMAPS].set,
		 clear = bitmaps[variant.row % NBITMAPS].clear;
	uint64_t all, own;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NBITMAPS);
	n = el2_counters(vcpu, 1 + OWN);
	all = counter_bits(n);
	own = counter_bits(n - OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN));
	el2_drop(guest);
	guest_write(guest, set, ALL);
	el2_return(guest);
	guest_out(guest, set);
	guest_write(guest, set, ALL);
	el2_drop(guest);
	guest_write(guest, clear, ALL);
	el2_return(guest);
	guest_out(guest, set);
	guest_exit(guest);
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu), own, "at EL2 after EL1 has set all");
	expect_equal(vcpu_take(vcpu), all & ~own, "at EL2 after EL1 has cleared all");
}

/* PMCR_EL0.P at EL1 resets EL1's counters; at EL2 it resets all. */
static void counters_reset(const struct site *site, struct variant variant)
{
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 1 + OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN));
	for (int at_el2 = 0; at_el2 < 2; at_el2++) {
		for (unsigned i = 0; i < n; i++)
			guest_write(guest, PMEVCNTR_EL0(i), 100 + i);
		if (!at_el2)
			el2_drop(guest);
		guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_P);
		if (!at_el2)
			el2_return(guest);
		for (unsigned i = 0; i < n; i++)
			guest_out(guest, PMEVCNTR_EL0(i));
	}
	guest_exit(guest);
	vcpu_finish(vcpu);
	for (unsigned i = 0; i < n; i++)
		expect_equal(vcpu_take(vcpu), i < n - OWN ? 0 : 100 + i,
			     "counter %u after PMCR_EL0.P at EL1", i);
	for (unsigned i = 0; i < n; i++)
		expect_equal(vcpu_take(vcpu), 0, "counter %u after PMCR_EL0.P at EL2", i);
}

/*
 * An EL1 that switches its counters off and on leaves alone what EL2 has enabled for itself.
 * Cleared bits are seen although EL2's counter counts on: its perf event knows nothing of them yet.
 */
static void toggled(const struct site *site, struct variant variant)
{
	uint64_t all, own, enabled, interrupts;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row);
	n = el2_counters(vcpu, 1 + OWN);
	all = counter_bits(n);
	own = counter_bits(n - OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | MDCR_HPME);
	guest_write(guest, PMINTENSET_EL1, ALL);
	guest_write(guest, PMCNTENSET_EL0, ALL);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	el2_drop(guest);
	guest_write(guest, PMCR_EL0, PMCR_LC);
	guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	el2_return(guest);
	guest_out(guest, PMCNTENSET_EL0);
	guest_out(guest, PMINTENSET_EL1);
	guest_exit(guest);
	vcpu_finish(vcpu);
	enabled = vcpu_take(vcpu);
	interrupts = vcpu_take(vcpu);
	if (enabled == own && interrupts == own)
		known_fault("an EL1 that writes PMCR_EL0.E clears EL2's bits in PMCNTENSET_EL0 and "
			    "PMINTENSET_EL1");
	expect_equal(enabled, all, "PMCNTENSET_EL0");
	expect_equal(interrupts, all, "PMINTENSET_EL1");
}

/* Accesses of EL1, and what each does with MDCR_EL2: nothing, or a trap to EL2. */
static const struct {
	const char *name;
	uint64_t mdcr;
	bool write, trapped, own; /* own: of EL2's first counter */
	uint16_t sysreg;
} traps[] = {
	{ "none-pmcr", 0, false, false, false, PMCR_EL0 },
	{ "none-pmccntr", 0, false, false, false, PMCCNTR_EL0 },
	{ "tpm-pmcr", MDCR_TPM, false, true, false, PMCR_EL0 },
	{ "tpm-pmcr-write", MDCR_TPM, true, true, false, PMCR_EL0 },
	{ "tpm-pmccntr", MDCR_TPM, false, true, false, PMCCNTR_EL0 },
	{ "tpm-pmevcntr", MDCR_TPM, true, true, false, PMEVCNTR_EL0(0) },
	{ "tpm-pmintenset", MDCR_TPM, true, true, false, PMINTENSET_EL1 },
	{ "tpmcr-pmcr", MDCR_TPMCR, false, true, false, PMCR_EL0 },
	{ "tpmcr-pmcr-write", MDCR_TPMCR, true, true, false, PMCR_EL0 },
	{ "tpmcr-pmccntr", MDCR_TPMCR, false, false, false, PMCCNTR_EL0 },
	{ "own-pmevcntr", 0, false, true, true, PMEVCNTR_EL0(0) },
	{ "own-pmevcntr-write", 0, true, true, true, PMEVCNTR_EL0(0) },
	{ "own-pmevtyper", 0, false, true, true, PMEVTYPER_EL0(0) },
};

#define NTRAPS 13

static const char *trap_name(int row)
{
	return el2_row_name(row >= NTRAPS, traps[row % NTRAPS].name);
}

/*
 * Beyond HPMN an access traps to EL2 where there is FEAT_FGT, and is else CONSTRAINED UNPREDICTABLE
 * (Arm ARM, PMEVCNTR<n>_EL0). EL2's own access never traps.
 */
static void trapped(const struct site *site, struct variant variant)
{
	int row = variant.row % NTRAPS;
	uint16_t sysreg = traps[row].sysreg;
	unsigned n;

	el2_start(&vm, site, variant.mode, 1, variant.row >= NTRAPS);
	n = el2_counters(vcpu, 1 + OWN);
	if (traps[row].own && !(vcpu_get(vcpu, ID_AA64MMFR0_EL1) >> 56 & 15))
		skip_test("without FEAT_FGT the architecture does not say where it goes");
	if (traps[row].own)
		sysreg = (uint16_t)(sysreg + n - OWN);
	guest_write(guest, MDCR_EL2, MDCR_HPMN(n - OWN) | traps[row].mdcr);
	for (int at_el2 = 0; at_el2 < 2; at_el2++) {
		if (!at_el2)
			el2_drop(guest);
		if (traps[row].write)
			guest_write(guest, sysreg, sysreg == PMCR_EL0 ? PMCR_LC : 0);
		else
			guest_out(guest, sysreg);
		if (!at_el2) {
			el2_return(guest);
			guest_hop(guest);
		}
	}
	guest_exit(guest);
	expect_equal(vcpu_run(vcpu), STOP_HOP, "the run with EL1's access");
	expect_equal((uint64_t)vcpu->nexceptions, traps[row].trapped, "exceptions of EL1's access");
	if (traps[row].trapped) {
		expect_equal(ESR_CLASS(vcpu->exceptions[0].esr), CLASS_SYSREG, "class of it");
		expect_equal(el2_taken_from(vcpu->exceptions[0].spsr), AT_EL1, "it is from EL");
	}
	vcpu_finish(vcpu);
	expect_equal((uint64_t)vcpu->nexceptions, traps[row].trapped,
		     "exceptions, with EL2's access");
}

/* Composite: no event counter at either level. */
static void composite(const struct site *site, struct variant variant)
{
	el2_start(&vm, site, variant.mode, 1, variant.row);
	guest_pmu_reset(guest, 0);
	for (int at_el1 = 0; at_el1 < 2; at_el1++) {
		if (at_el1)
			el2_drop(guest);
		guest_out(guest, PMCR_EL0);
		guest_write(guest, PMCNTENSET_EL0, ALL);
		guest_out(guest, PMCNTENSET_EL0);
		guest_write(guest, PMCNTENCLR_EL0, ALL);
		guest_read(guest, 19, PMEVCNTR_EL0(0));
	}
	guest_exit(guest);
	vcpu_finish(vcpu);
	for (int el = 2; el >= 1; el--) {
		expect_equal(PMCR_N(vcpu_take(vcpu)), 0, "PMCR_EL0.N at EL%d", el);
		expect_equal(vcpu_take(vcpu), BIT(CYCLE), "PMCNTENSET_EL0 at EL%d", el);
	}
	expect_equal((uint64_t)vcpu->nexceptions, 2, "exceptions");
	expect_equal(el2_taken_from(vcpu->exceptions[0].spsr), 2, "the first is from EL");
	expect_equal(ESR_CLASS(vcpu->exceptions[0].esr), CLASS_UNKNOWN, "class of the first");
	expect_equal(ESR_CLASS(vcpu->exceptions[1].esr), CLASS_UNKNOWN, "class of the second");
}

static const struct test tests[] = {
	{ "el2.reset", reset, EVERY_MODE | STRICT | LIMITED, 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.n", n_at_el1, IN(MODE_DEFAULT) | LIMITED, 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.n_by_userspace", n_by_userspace, IN(MODE_DEFAULT), 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.bitmap", bitmap_reads, IN(MODE_DEFAULT), 0, EL2_KINDS *NBITMAPS, bitmap_name, 0 },
	{ "el2.bitmap_write", bitmap_writes, IN(MODE_DEFAULT), 0, NBITMAPS, bitmap_name, 0 },
	{ "el2.counters_reset", counters_reset, IN(MODE_DEFAULT), 0, 1, el2_kind_name, 0 },
	{ "el2.toggled", toggled, IN(MODE_DEFAULT), 0, EL2_KINDS, el2_kind_name, 0 },
	{ "el2.trap", trapped, IN(MODE_DEFAULT), 0, NTRAPS, trap_name, 0 },
	{ "el2.composite", composite, IN(MODE_COMPOSITE), 0, EL2_KINDS, el2_kind_name, 0 },
};

FAMILY(el2_registers_family, tests);
