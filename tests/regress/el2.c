/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "el2.h"
#include "result.h"

/* In the page that vm.c has put EL1's vectors into. */
#define EL2_VECTORS (GUEST_RAM_BASE + 0x1000)

#define HCR_EL2     SYSREG(3, 4, 1, 1, 0)
#define HCR_RW      BIT(31) /* EL1 is AArch64 */
#define HCR_IMO     BIT(4)
#define HCR_FMO     BIT(3)
#define HCR_AMO     BIT(5)
#define HCR_E2H     BIT(34)
#define VBAR_EL2    SYSREG(3, 4, 12, 0, 0)
#define VBAR_EL12   SYSREG(3, 5, 12, 0, 0) /* EL1's, where E2H makes VBAR_EL1 EL2's */
#define SPSR_EL2    SYSREG(3, 4, 4, 0, 0)
#define ELR_EL2     SYSREG(3, 4, 4, 0, 1)
#define ICC_SRE_EL2 SYSREG(3, 4, 12, 9, 5)
#define DAIF        SYSREG(3, 3, 4, 2, 1)
#define INSN_HVC    0xd4000002u
#define INSN_ERET   0xd69f03e0u
#define XVALUE      9
#define XOTHER      10

/* Of Linux 6.16; absent from older headers. */
#define KVM_CAP_EL2          240
#define KVM_CAP_EL2_E2H0     241
#define KVM_FEATURE_EL2      7
#define KVM_FEATURE_EL2_E2H0 8

enum { XFIRST = 19, XSECOND = 20 };

extern const char guest_vectors_el2[], guest_vectors_el2_end[];

const char *el2_row_name(bool e2h0, const char *name)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s", e2h0 ? "e2h0" : "vhe", name ? "/" : "",
		 name ? name : "");
	return text;
}

const struct el2_enable el2_enables[EL2_ENABLES] = {
	{ "none", 0, 0, false, false },
	{ "e", PMCR_E, 0, true, false },
	{ "hpme", 0, MDCR_HPME, false, true },
	{ "e-hpme", PMCR_E, MDCR_HPME, true, true },
};

const char *el2_enable_name(int row)
{
	return el2_row_name(row >= EL2_ENABLES, el2_enables[row % EL2_ENABLES].name);
}

const char *el2_kind_name(int row)
{
	return el2_row_name(row, NULL);
}

static void need_el2(const struct vm *vm, bool e2h0)
{
	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_EL2) <= 0)
		skip_test("KVM_CAP_ARM_EL2 is 0: KVM gives no guest an EL2 here");
	if (e2h0 && ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_EL2_E2H0) <= 0)
		skip_test("KVM_CAP_ARM_EL2_E2H0 is 0: KVM gives no guest an EL2 without VHE here");
}

static void route(struct guest *guest, bool e2h0, bool own)
{
	guest_write(guest, HCR_EL2,
		    HCR_RW | (e2h0 ? 0 : HCR_E2H) | (own ? 0 : HCR_AMO | HCR_IMO | HCR_FMO));
}

static void begin(struct guest *guest, bool e2h0)
{
	guest_write(guest, VBAR_EL2, EL2_VECTORS);
	route(guest, e2h0, false);
	guest_write(guest, e2h0 ? VBAR_EL1 : VBAR_EL12, GUEST_RAM_BASE);
}

void el2_build(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, bool e2h0)
{
	need_mode(site, mode);
	if (mode == MODE_DEFAULT)
		need_default_pmu(site, site->home[0]);
	place_on(site, site->home[0]);
	vm_create(vm, site, nvcpus);
	need_el2(vm, e2h0);
	memcpy(vm->ram + EL2_VECTORS - GUEST_RAM_BASE, guest_vectors_el2,
	       (size_t)(guest_vectors_el2_end - guest_vectors_el2));
	vm_init_vcpus(vm, mode_features(mode) | 1u << KVM_FEATURE_EL2 |
				  (e2h0 ? 1u << KVM_FEATURE_EL2_E2H0 : 0));
	vm_create_gic(vm);
	vm_init_gic(vm);
	vm_choose_pmu(vm, mode, pmu_of(site, site->home[0]));
}

void el2_start(struct vm *vm, const struct site *site, enum mode mode, int nvcpus, bool e2h0)
{
	el2_build(vm, site, mode, nvcpus, e2h0);
	vm_init_pmu(vm);
	for (int i = 0; i < nvcpus; i++)
		begin(&vm->vcpus[i].guest, e2h0);
}

unsigned el2_counters(struct vcpu *vcpu, unsigned wanted)
{
	unsigned n = need_counters(vcpu, wanted);

	guest_pmu_reset(&vcpu->guest, n);
	guest_write(&vcpu->guest, MDCR_EL2, MDCR_HPMN(n));
	return n;
}

void el2_drop(struct guest *guest)
{
	guest_read(guest, XVALUE, DAIF);
	guest_insn(guest, 0x91000000u | 5u << 10 | XVALUE << 5 | XVALUE); /* add: EL1h */
	guest_insn(guest, 0xd5000000u | (uint32_t)SPSR_EL2 << 5 | XVALUE);
	guest_insn(guest, 0x10000060u | XOTHER); /* adr: after the eret */
	guest_insn(guest, 0xd5000000u | (uint32_t)ELR_EL2 << 5 | XOTHER);
	guest_insn(guest, INSN_ERET);
}

void el2_return(struct guest *guest)
{
	guest_insn(guest, INSN_HVC);
}

void el2_interrupts(struct guest *guest, bool e2h0, bool own)
{
	guest_write(guest, ICC_SRE_EL2, 15);
	guest_gic(guest, 3, 0, PMU_INTID);
	route(guest, e2h0, own);
	guest_irqs(guest, true);
}

void el2_window(struct guest *guest, enum el2_level level, unsigned n, uint64_t loops)
{
	guest_read(guest, XFIRST, counter_register(n));
	if (level == AT_EL1)
		el2_drop(guest);
	guest_work(guest, loops);
	if (level == AT_EL1)
		el2_return(guest);
	guest_read(guest, XSECOND, counter_register(n));
	guest_out_register(guest, XFIRST);
	guest_out_register(guest, XSECOND);
}

uint64_t el2_take(struct vcpu *vcpu)
{
	uint64_t first = vcpu_take(vcpu);

	return vcpu_take(vcpu) - first;
}

static uint64_t least(const struct site *site, uint64_t loops)
{
	return site->exact ? 2 * loops : LEAST_CYCLES(loops);
}

static uint64_t most(const struct site *site, uint64_t loops)
{
	return site->exact ? 3 * loops : MOST_CYCLES;
}

bool el2_counted(const struct site *site, uint64_t count, uint64_t loops)
{
	return count >= least(site, loops) && count <= most(site, loops);
}

void el2_expect_counted(const struct site *site, uint64_t count, uint64_t loops, const char *what)
{
	expect_between(count, least(site, loops), most(site, loops), "%s", what);
}

void el2_expect_still(const struct site *site, uint64_t count, uint64_t loops, const char *what)
{
	expect_between(count, 0, site->exact ? 2 * loops / 100 : LEAST_CYCLES(loops) - 1, "%s",
		       what);
}

unsigned el2_taken_from(uint64_t spsr)
{
	return (unsigned)(spsr >> 2 & 3);
}
