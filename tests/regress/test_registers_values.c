/* SPDX-License-Identifier: MIT */
/* What the registers read as, from reset on, and what does not stick when it is written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_registers.h"

#define ID_AA64PFR0_EL1 SYSREG(3, 0, 0, 4, 0)
#define EL0_AARCH32     2u /* ID_AA64PFR0_EL1.EL0 */
#define ID_DFR0_EL1     SYSREG(3, 0, 0, 1, 2)
#define PMUVER_SHIFT    8  /* as in PMUVER() */
#define DEBUGVER_SHIFT  0  /* of ID_AA64DFR0_EL1 too */
#define PERFMON_SHIFT   24 /* of ID_DFR0_EL1 */
#define COPDBG_SHIFT    0  /* likewise */

static unsigned field(uint64_t value, unsigned shift)
{
	return (unsigned)(value >> shift & 15);
}

static unsigned pmuver(struct vcpu *vcpu)
{
	return PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1));
}

/*
 * All ones written: E, D, X, DP, LC and LP stay as the PMU's version has them, P and C read as
 * zero, N and the rest are read-only; IMP and IDCODE are zero (kvm_vcpu_read_pmcr()).
 * Older kernels show the host's IMP and IDCODE, and a reset leaves something in the bits that the
 * architecture leaves unknown (reset_pmcr()): C, which it does not, and LP are faults.
 */
void registers_pmcr(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t ones = PMCR_E | PMCR_D | PMCR_X | PMCR_DP | PMCR_LC | PMCR_LP, zeros = 0;
	uint64_t first, fixed, unknown = 0, command = 0, lp = 0, commanded = 0;
	unsigned n;

	vm_start(&vm, site, variant.mode, 1);
	if (pmuver(vcpu) < PMUVER_V3P5)
		ones &= ~(uint64_t)PMCR_LP;
	if (field(vcpu_get(vcpu, ID_AA64PFR0_EL1), 0) != EL0_AARCH32)
		zeros = PMCR_LC; /* RES1 */
	first = vcpu_get(vcpu, PMCR_EL0);
	n = PMCR_N(first);
	fixed = PMCR_WITH_N(n);
	if (site->older) {
		fixed |= first & PMCR_IMP_IDCODE;
		unknown = first & (PMCR_D | PMCR_X | PMCR_DP | PMCR_LC | PMCR_LP);
		command = first & PMCR_C;
	}
	expect_equal(first, fixed | zeros | unknown | command, "PMCR_EL0 after a reset");
	expect(variant.mode != MODE_COMPOSITE || n == 0, "composite has %u event counters", n);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_write(&vcpu->guest, PMCNTENCLR_EL0, ALL);
	guest_write(&vcpu->guest, PMCR_EL0, ~0ull);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_hop(&vcpu->guest);
	guest_write(&vcpu->guest, PMCR_EL0, 0);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_exit(&vcpu->guest);
	expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its hop");
	if (site->older) {
		lp = vcpu_get(vcpu, PMCR_EL0) & PMCR_LP & ~ones;
		commanded = vcpu_get(vcpu, PMCR_EL0) & (PMCR_C | PMCR_P);
	}
	expect_equal(vcpu_get(vcpu, PMCR_EL0), fixed | ones | lp | commanded, "KVM_GET_ONE_REG");
	vcpu_finish(vcpu);
	expect_equal(vcpu_take(vcpu), first & ~command, "the guest's PMCR_EL0 after a reset");
	expect_equal(vcpu_take(vcpu), fixed | ones | lp, "all ones written");
	expect_equal(vcpu_take(vcpu), fixed | zeros, "zero written");
	expect_equal(vcpu_get(vcpu, PMCR_EL0), fixed | zeros, "KVM_GET_ONE_REG");
	if (command || lp || commanded)
		known_fault("PMCR_EL0:%s%s%s", command ? " C is set after a reset;" : "",
			    lp ? " LP can be set though there is none;" : "",
			    commanded ? " C and P of the guest read as one for userspace;" : "");
}

uint64_t registers_sysfs(const char *path)
{
	char text[32] = "";
	FILE *file = fopen(path, "re");

	if (file && !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	return strtoull(text, NULL, 16);
}

/* PMMIR_EL1.SLOTS of a host PMU, as its driver shows it; 0 if it does not. */
static uint64_t host_slots(const struct host_pmu *pmu)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/caps/slots", pmu->name);
	return registers_sysfs(path);
}

/*
 * PMMIR_EL1 is zero without STRICT (sys_regs.c: trap_raz_wi), and with it has the SLOTS of the PMU
 * that was named (api.rst 4.82). It came with PMUv3.4: an older CPU may find it UNDEFINED before
 * KVM sees it.
 */
void registers_pmmir(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct probes probes;
	struct vcpu *vcpu = &vm.vcpus[0];
	bool there;

	vm_start(&vm, site, variant.mode, 1);
	probes.vcpu = vcpu;
	guest_read(&vcpu->guest, PROBE_REG, PMCR_EL0); /* something to leave alone */
	probe_read(&probes, PMMIR_EL1, true);
	guest_out_register(&vcpu->guest, PROBE_REG);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	there = vcpu->nexceptions == 0;
	if (pmuver(vcpu) < PMUVER_V3P4 && !there) {
		probes.list[0].allowed = false;
		probes_judge(&probes, false);
		return;
	}
	probes_judge(&probes, false);
	expect_equal(vcpu_take(vcpu),
		     variant.mode == MODE_STRICT ? host_slots(&site->host.pmus[0]) : 0,
		     "PMMIR_EL1");
}

static void expect_set_pmmir(struct vcpu *vcpu, uint64_t value, int wanted)
{
	int error = vcpu_try_set(vcpu, PMMIR_EL1, value);

	expect(error == wanted, "PMMIR_EL1 set to 0x%llx: %s instead of %s",
	       (unsigned long long)value, strerror(error), strerror(wanted));
}

/* What a VMM restores: the host's SLOTS or none, until a vCPU has run (set_pmmir()). */
void registers_slots(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t slots = host_slots(&site->host.pmus[0]);

	vm_start(&vm, site, variant.mode, 1);
	expect_equal(vcpu_get(vcpu, PMMIR_EL1), slots, "PMMIR_EL1");
	expect_set_pmmir(vcpu, slots | 0x100, EINVAL);
	expect_set_pmmir(vcpu, slots + 1, EINVAL);
	expect_set_pmmir(vcpu, slots, 0);
	expect_set_pmmir(vcpu, 0, 0);
	expect_equal(vcpu_get(vcpu, PMMIR_EL1), 0, "PMMIR_EL1, hidden");
	errno = vcpu_enter(vcpu);
	if (errno)
		fail_test_errno("the first KVM_RUN");
	expect_set_pmmir(vcpu, 0, 0);
	expect_set_pmmir(vcpu, 1, EBUSY);
}

/* A PMUv3, at most v3.5 (kvm_arm_pmu_get_pmuver_limit()), in the guest as for userspace. */
void registers_pmuver(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	vm_start(&vm, site, variant.mode, 1);
	guest_out(&vcpu->guest, ID_AA64DFR0_EL1);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	expect_between(pmuver(vcpu), PMUVER_V3, PMUVER_V3P5, "PMUVer");
	expect_equal(vcpu_take(vcpu), vcpu_get(vcpu, ID_AA64DFR0_EL1), "ID_AA64DFR0_EL1");
}

static uint64_t with_pmuver(struct vcpu *vcpu, unsigned version)
{
	uint64_t dfr0 = vcpu_get(vcpu, ID_AA64DFR0_EL1);

	return (dfr0 & ~(15ull << PMUVER_SHIFT)) | (uint64_t)version << PMUVER_SHIFT;
}

static void expect_set_field(struct vcpu *vcpu, uint16_t sysreg, unsigned shift, uint64_t field,
			     int wanted)
{
	uint64_t value = (vcpu_get(vcpu, sysreg) & ~(15ull << shift)) | field << shift;
	int error = vcpu_try_set(vcpu, sysreg, value);

	expect(error == wanted, "register 0x%x set to 0x%llx: %s instead of %s", sysreg,
	       (unsigned long long)value, strerror(error), strerror(wanted));
}

/*
 * Kernels before commit 3d0dba5764b9 showed IMP_DEF where the host's PMU is not Arm's. What a VM
 * was given, userspace may give back.
 */
void registers_pmuver_impdef(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	(void)variant;
	if (site->older)
		skip_test("kernels before Linux 6.7 do not let userspace write all of these");
	vm_start_without_pmu(&vm, site, 1);
	expect_set_field(vcpu, ID_AA64DFR0_EL1, PMUVER_SHIFT, 15, 0);
	expect_equal(PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1)), 0, "PMUVer after IMP_DEF");
	expect_set_field(vcpu, ID_AA64DFR0_EL1, DEBUGVER_SHIFT, 0, EINVAL);
	if (field(vcpu_get(vcpu, ID_AA64PFR0_EL1), 0) != EL0_AARCH32)
		return;
	expect_set_field(vcpu, ID_DFR0_EL1, PERFMON_SHIFT, 15, 0);
	expect_equal(field(vcpu_get(vcpu, ID_DFR0_EL1), PERFMON_SHIFT), 0, "PerfMon after IMPDEF");
	expect_set_field(vcpu, ID_DFR0_EL1, PERFMON_SHIFT, 1, EINVAL);
	expect_set_field(vcpu, ID_DFR0_EL1, COPDBG_SHIFT, 0, EINVAL);
}

/* A guest that is shown a PMUv3.0 has events of 10 bits: kvm_pmu_event_mask(). */
void registers_pmuver_lowered(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned n;
	int error;

	vm_start(&vm, site, variant.mode, 1);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	error = vcpu_try_set(vcpu, ID_AA64DFR0_EL1, with_pmuver(vcpu, PMUVER_V3));
	if (error == EINVAL)
		skip_test("this kernel does not let userspace lower PMUVer");
	expect(!error, "lowering PMUVer: %s", strerror(error));
	guest_out(&vcpu->guest, ID_AA64DFR0_EL1);
	if (n) {
		guest_write(&vcpu->guest, PMEVTYPER_EL0(0), 0xfc00);
		guest_out(&vcpu->guest, PMEVTYPER_EL0(0));
	}
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	expect_equal(PMUVER(vcpu_take(vcpu)), PMUVER_V3, "PMUVer");
	if (n)
		expect_equal(vcpu_take(vcpu), 0, "bits 15:10 of PMEVTYPER0_EL0");
}

/* What the host does not have cannot be promised: set_id_aa64dfr0_el1(). */
void registers_pmuver_raised(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned now;

	vm_start(&vm, site, variant.mode, 1);
	now = pmuver(vcpu);
	for (unsigned version = now + 1; version < 15; version++) {
		int error = vcpu_try_set(vcpu, ID_AA64DFR0_EL1, with_pmuver(vcpu, version));

		expect(error == EINVAL, "PMUVer %u where the host has %u: %s", version, now,
		       strerror(error));
		expect_equal(pmuver(vcpu), now, "PMUVer after an attempt");
	}
}

/* What userspace can read, but for those that a stopped counter's value is in. */
static const uint16_t readable[] = {
	PMCR_EL0,     PMCNTENSET_EL0, PMCNTENCLR_EL0, PMOVSSET_EL0,
	PMOVSCLR_EL0, PMINTENSET_EL1, PMINTENCLR_EL1, PMSELR_EL0,
	PMCCNTR_EL0,  PMCCFILTR_EL0,  PMUSERENR_EL0,
};

#define NREADABLE (sizeof(readable) / sizeof(readable[0]))

/*
 * The architecture asks for PMCR_EL0.E and PMUSERENR_EL0 (here as in AArch32) to be zero;
 * no bit of a counter that there is not; and the guest sees what userspace sees.
 */
void registers_reset(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t values[NREADABLE + 62], mask;
	unsigned n, count = 0;
	int strays = 0;

	vm_start(&vm, site, variant.mode, 1);
	drop_reset_command(vcpu);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	mask = counter_bits(n);
	for (size_t i = 0; i < NREADABLE; i++) {
		guest_out(&vcpu->guest, readable[i]);
		values[count++] = vcpu_get(vcpu, readable[i]);
	}
	for (unsigned i = 0; i < n; i++)
		for (int type = 0; type < 2; type++) {
			uint16_t sysreg = (uint16_t)(type ? PMEVTYPER_EL0(i) : PMEVCNTR_EL0(i));

			guest_out(&vcpu->guest, sysreg);
			values[count++] = vcpu_get(vcpu, sysreg);
		}
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);

	expect_equal(values[0] & PMCR_E, 0, "PMCR_EL0.E");
	expect_equal(vcpu_get(vcpu, PMUSERENR_EL0), 0, "PMUSERENR_EL0");
	expect_equal(vcpu_get(vcpu, PMCCFILTR_EL0), 0, "PMCCFILTR_EL0");
	for (size_t i = 1; i < 7; i++)
		strays += has_stray_bits(vcpu, values[i]);
	/* The same number is in registers that have no such bits, too. */
	if (strays == 6)
		known_fault("a reset leaves bits without a counter, which only userspace sees");
	for (size_t i = 1; i < 7; i++)
		expect_equal(values[i] & ~mask, 0, "bits without a counter, register %zu", i);
	expect_between(vcpu_get(vcpu, PMSELR_EL0), 0, 31, "PMSELR_EL0");
	for (unsigned i = 0; i < count; i++)
		expect_equal(vcpu_take(vcpu), values[i], "register %u in the guest", i);
}

/* All ones, and which of them stay: the rest is RES0 or read-only. */
void registers_writes(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t type = FILTER_P | FILTER_U, pfr0;
	unsigned n, version;

	vm_start(&vm, site, variant.mode, 1);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	version = pmuver(vcpu);
	pfr0 = vcpu_get(vcpu, ID_AA64PFR0_EL1);
	if (field(pfr0, 8)) /* EL2: NSH */
		type |= BIT(27);
	if (field(pfr0, 12)) /* EL3: NSK, NSU, M */
		type |= BIT(29) | BIT(28) | BIT(26);
	guest_pmu_reset(&vcpu->guest, n);
	guest_write(&vcpu->guest, PMSELR_EL0, ~0ull);
	guest_out(&vcpu->guest, PMSELR_EL0);
	guest_write(&vcpu->guest, PMUSERENR_EL0, ~0ull);
	guest_out(&vcpu->guest, PMUSERENR_EL0);
	guest_write(&vcpu->guest, PMCCNTR_EL0, ~0ull);
	guest_out(&vcpu->guest, PMCCNTR_EL0);
	guest_write(&vcpu->guest, PMCCFILTR_EL0, ~0ull);
	guest_out(&vcpu->guest, PMCCFILTR_EL0);
	for (unsigned i = 0; i < n; i++) {
		guest_write(&vcpu->guest, PMEVCNTR_EL0(i), ~0ull);
		guest_out(&vcpu->guest, PMEVCNTR_EL0(i));
		guest_write(&vcpu->guest, PMEVTYPER_EL0(i), ~0ull);
		guest_out(&vcpu->guest, PMEVTYPER_EL0(i));
	}
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);

	expect_equal(vcpu_take(vcpu), 31, "PMSELR_EL0");
	expect_equal(vcpu_take(vcpu), PMUSERENR_EN | PMUSERENR_SW | PMUSERENR_CR | PMUSERENR_ER,
		     "PMUSERENR_EL0");
	expect_equal(vcpu_take(vcpu), ~0ull, "PMCCNTR_EL0");
	/* Its lower half has no event number; what KVM keeps there changes nothing. */
	expect_equal(vcpu_take(vcpu) & ~0xffffull, type, "PMCCFILTR_EL0");
	for (unsigned i = 0; i < n; i++) {
		expect_equal(vcpu_take(vcpu), version < PMUVER_V3P5 ? ALL : ~0ull, "PMEVCNTR%u_EL0",
			     i);
		expect_equal(vcpu_take(vcpu), type | (version < PMUVER_V3P1 ? 0x3ff : 0xffff),
			     "PMEVTYPER%u_EL0", i);
	}
	expect_equal(vcpu_get(vcpu, PMCCNTR_EL0), ~0ull, "KVM_GET_ONE_REG of PMCCNTR_EL0");
	expect_equal(vcpu_get(vcpu, PMCCFILTR_EL0) & ~0xffffull, type,
		     "KVM_GET_ONE_REG of PMCCFILTR_EL0");
	for (unsigned i = 0; i < n; i++)
		expect_equal(vcpu_get(vcpu, PMEVTYPER_EL0(i)),
			     type | (version < PMUVER_V3P1 ? 0x3ff : 0xffff),
			     "KVM_GET_ONE_REG of PMEVTYPER%u_EL0", i);
}

/* PMSELR_EL0.SEL 31 selects PMCCFILTR_EL0 for PMXEVTYPER_EL0, for any N. */
void registers_selector(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct probes probes;
	struct vcpu *vcpu = &vm.vcpus[0];

	vm_start(&vm, site, variant.mode, 1);
	probes.vcpu = vcpu;
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMSELR_EL0, CYCLE);
	probe_write(&probes, PMXEVTYPER_EL0, FILTER_U, true);
	probe_read(&probes, PMCCFILTR_EL0, true);
	guest_out_register(&vcpu->guest, PROBE_REG);
	guest_write(&vcpu->guest, PMCCFILTR_EL0, FILTER_P);
	probe_read(&probes, PMXEVTYPER_EL0, true);
	guest_out_register(&vcpu->guest, PROBE_REG);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	probes_judge(&probes, false);
	expect_equal(vcpu_take(vcpu), FILTER_U, "PMCCFILTR_EL0, written by PMXEVTYPER_EL0");
	expect_equal(vcpu_take(vcpu), FILTER_P, "PMXEVTYPER_EL0");
}
