/* SPDX-License-Identifier: MIT */
/*
 * The cycle counter from an EL0 in AArch32. MRRC reads its 64 bits and MRC the lower 32, and
 * PMUSERENR_EL0.EN or CR grants either (Arm ARM, PMCCNTR).
 */
#include "result.h"
#include "test_registers.h"

#define INSN_MRRC 0xec510f09u /* mrrc p15, 0, r0, r1, c9 */
#define INSN_MRC  0xee192f1du /* mrc p15, 0, r2, c9, c13, 0 */
#define INSN_SVC  0xef000000u
#define MAGIC     0x1234567

#define EVERYTHING (PMUSERENR_EN | PMUSERENR_SW | PMUSERENR_CR | PMUSERENR_ER)

#define ID_AA64PFR0_EL1 SYSREG(3, 0, 0, 4, 0)
#define EL0_AARCH32     2 /* of bits 3:0 */

static const struct {
	const char *name;
	unsigned bits;
	bool granted;
} grants[REGISTERS_AARCH32_ROWS] = {
	{ "none", 0, false },
	{ "en", PMUSERENR_EN, true },
	{ "cr", PMUSERENR_CR, true },
	{ "er", PMUSERENR_ER, false },
	{ "cr-er", PMUSERENR_CR | PMUSERENR_ER, true },
};

const char *registers_aarch32_row(int row)
{
	return grants[row].name;
}

/* Appends a read, and returns its address. */
static uint64_t append(struct vcpu *vcpu, uint32_t insn)
{
	struct guest *guest = &vcpu->guest;

	guest_insn(guest, insn);
	return vcpu_entry(vcpu) + (uint64_t)(guest->at - 1 - guest->start) * 4;
}

static bool took(const struct vcpu *vcpu, uint64_t address)
{
	for (int i = 0; i < vcpu->nexceptions; i++)
		if (vcpu->exceptions[i].elr == address)
			return true;
	return false;
}

/* What became of the reads. */
struct reads {
	bool all, low; /* MRRC, MRC raised no exception */
	uint64_t all_value, low_value;
};

static struct reads run(const struct site *site, enum mode mode, unsigned bits)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct reads reads;
	uint64_t mrrc, mrc;

	vm_start(&vm, site, mode, 1);
	if ((vcpu_get(vcpu, ID_AA64PFR0_EL1) & 15) != EL0_AARCH32)
		skip_test("guests have no AArch32 here");
	guest_pmu_reset(&vcpu->guest, PMCR_N(vcpu_get(vcpu, PMCR_EL0)));
	guest_write(&vcpu->guest, PMCCNTR_EL0, MAGIC);
	guest_write(&vcpu->guest, PMUSERENR_EL0, bits);
	guest_el0_aarch32(&vcpu->guest);
	mrrc = append(vcpu, INSN_MRRC);
	mrc = append(vcpu, INSN_MRC);
	append(vcpu, INSN_SVC);
	guest_out_register(&vcpu->guest, 0);
	guest_out_register(&vcpu->guest, 2);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);

	reads.all = !took(vcpu, mrrc);
	reads.low = !took(vcpu, mrc);
	reads.all_value = (uint32_t)vcpu_take(vcpu);
	reads.low_value = (uint32_t)vcpu_take(vcpu);
	expect_equal((uint64_t)vcpu->nexceptions, (uint64_t)!reads.all + !reads.low,
		     "exceptions of the guest");
	vm_destroy(&vm);
	return reads;
}

void registers_el0_aarch32(const struct site *site, struct variant variant)
{
	unsigned bits = grants[variant.row].bits;
	bool granted = grants[variant.row].granted, event = bits & PMUSERENR_ER;
	struct reads reads;

	if (!registers_el0_reads_trap(site))
		skip_test("this board's CPUs do not trap to KVM what cr grants EL0");
	if (site->emulated && !run(site, MODE_DEFAULT, EVERYTHING).all)
		skip_test("this QEMU has no MRRC of the cycle counter");
	reads = run(site, variant.mode, bits);
	expect_equal(reads.low, granted, "MRC reads the cycle counter");
	if (reads.all != granted && reads.all == event)
		known_fault(
			"MRRC of the cycle counter is granted by PMUSERENR_EL0.ER instead of CR");
	expect_equal(reads.all, granted, "MRRC reads the cycle counter");
	if (granted) {
		expect_equal(reads.all_value, MAGIC, "what MRRC reads");
		expect_equal(reads.low_value, MAGIC, "what MRC reads");
	}
}
