/* SPDX-License-Identifier: MIT */
/*
 * What the guest's kernel lets its processes do: PMUSERENR_EL0. EN allows all but what is EL1's;
 * SW writes of PMSWINC_EL0, CR reads of the cycle counter, ER reads of event counters and the
 * selector (Arm ARM, PMUSERENR_EL0; sys_regs.c: pmu_access_el0_disabled() and its like).
 */
#include "result.h"
#include "test_registers.h"

#define NEVER  0
#define ALWAYS 16u
#define EN     ((unsigned)PMUSERENR_EN)
#define SW     ((unsigned)PMUSERENR_SW)
#define CR     ((unsigned)PMUSERENR_CR)
#define ER     ((unsigned)PMUSERENR_ER)

static const struct {
	const char *name;
	unsigned bits;
} grants[REGISTERS_EL0_ROWS] = {
	{ "none", 0 },
	{ "en", EN },
	{ "sw", SW },
	{ "cr", CR },
	{ "er", ER },
	{ "sw-cr", SW | CR },
	{ "sw-cr-er", SW | CR | ER },
	{ "all", EN | SW | CR | ER },
};

const char *registers_el0_row(int row)
{
	return grants[row].name;
}

/* Any of the bits grants the access. The selector is written first, as others depend on it. */
static const struct {
	uint16_t sysreg;
	bool event; /* there must be an event counter */
	unsigned read, write;
} accesses[] = {
	{ PMSELR_EL0, false, EN | ER, EN | ER }, { PMCR_EL0, false, EN, EN },
	{ PMCNTENSET_EL0, false, EN, EN },       { PMCNTENCLR_EL0, false, EN, EN },
	{ PMOVSSET_EL0, false, EN, EN },         { PMOVSCLR_EL0, false, EN, EN },
	{ PMCCNTR_EL0, false, EN | CR, EN },     { PMCCFILTR_EL0, false, EN, EN },
	{ PMEVCNTR_EL0(0), true, EN | ER, EN },  { PMEVTYPER_EL0(0), true, EN, EN },
	{ PMXEVCNTR_EL0, true, EN | ER, EN },    { PMXEVTYPER_EL0, true, EN, EN },
	{ PMUSERENR_EL0, false, ALWAYS, NEVER }, { PMINTENSET_EL1, false, NEVER, NEVER },
	{ PMINTENCLR_EL1, false, NEVER, NEVER },
};

/*
 * Accesses that a CPU must trap to KVM at EL0 as it does at EL1 (MDCR_EL2.TPM), but QEMU's do
 * not if the real PMUSERENR_EL0 allows them (pmreg_access_selr() and its like), which KVM
 * sets to all ones. Then they are no business of KVM's, and are left out.
 */
struct reach {
	bool selr, ccntr_read, evcntr_read, swinc;
};

#define MAGIC 0x1234567

static struct reach find_reach(const struct site *site)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct guest *guest = &vcpu->guest;
	struct reach reach;
	unsigned n;

	vm_start(&vm, site, MODE_DEFAULT, 1);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	guest_pmu_reset(guest, n);
	guest_write(guest, PMSELR_EL0, 0);
	guest_write(guest, PMCCNTR_EL0, MAGIC);
	guest_write(guest, PMUSERENR_EL0, EN | SW | CR | ER);
	if (n) {
		guest_write(guest, PMEVCNTR_EL0(0), MAGIC);
		guest_write(guest, PMCNTENSET_EL0, 1);
		guest_write(guest, PMCR_EL0, PMCR_LC | PMCR_E);
	}
	guest_el0(guest);
	guest_read(guest, 20, PMCCNTR_EL0);
	guest_read(guest, 21, n ? PMEVCNTR_EL0(0) : PMCCNTR_EL0);
	guest_write(guest, PMSWINC_EL0, 1);
	guest_write(guest, PMSELR_EL0, CYCLE);
	guest_el1(guest);
	guest_out_register(guest, 20);
	guest_out_register(guest, 21);
	guest_out(guest, n ? PMEVCNTR_EL0(0) : PMCCNTR_EL0);
	guest_out(guest, PMSELR_EL0);
	guest_exit(guest);
	vcpu_finish(vcpu);
	reach.ccntr_read = vcpu_take(vcpu) == MAGIC;
	reach.evcntr_read = vcpu_take(vcpu) == MAGIC;
	reach.swinc = vcpu_take(vcpu) == (n ? MAGIC + 1 : MAGIC);
	reach.selr = vcpu_take(vcpu) == CYCLE;
	vm_destroy(&vm);
	if (!reach.selr || !reach.ccntr_read || !reach.evcntr_read || !reach.swinc)
		note("not trapped at EL0 here, and not judged:%s%s%s%s",
		     reach.selr ? "" : " PMSELR_EL0", reach.ccntr_read ? "" : " PMCCNTR_EL0 (read)",
		     reach.evcntr_read ? "" : " PMEVCNTR0_EL0 (read)",
		     reach.swinc ? "" : " PMSWINC_EL0");
	return reach;
}

static bool reaches(const struct reach *reach, uint16_t sysreg, bool write)
{
	if (sysreg == PMSELR_EL0)
		return reach->selr;
	if (sysreg == PMCCNTR_EL0)
		return write || reach->ccntr_read;
	if (sysreg == PMEVCNTR_EL0(0) || sysreg == PMXEVCNTR_EL0)
		return write || reach->evcntr_read;
	return sysreg != PMSWINC_EL0 || reach->swinc;
}

bool registers_el0_reads_trap(const struct site *site)
{
	return find_reach(site).ccntr_read;
}

/* The program, its run and the judgement; the class of the last exception. */
static unsigned run(const struct site *site, enum mode mode, unsigned bits, struct reach *found)
{
	static struct vm vm;
	static struct probes probes;
	struct vcpu *vcpu = &vm.vcpus[0];
	const struct reach reach = find_reach(site);
	unsigned n, granted = bits | ALWAYS, class;

	vm_start(&vm, site, mode, 1);
	probes.vcpu = vcpu;
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	guest_pmu_reset(&vcpu->guest, n);
	guest_write(&vcpu->guest, PMSELR_EL0, 0);
	guest_write(&vcpu->guest, PMCCNTR_EL0, 1);
	guest_write(&vcpu->guest, PMUSERENR_EL0, bits);
	guest_el0(&vcpu->guest);
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		bool there = !accesses[i].event || n > 0;

		if (reaches(&reach, accesses[i].sysreg, true))
			probe_write(&probes, accesses[i].sysreg, 0,
				    there && (accesses[i].write & granted));
		if (reaches(&reach, accesses[i].sysreg, false))
			probe_read(&probes, accesses[i].sysreg,
				   there && (accesses[i].read & granted));
	}
	probe_read(&probes, PMCEID0_EL0, EN & granted);
	probe_read(&probes, PMCEID1_EL0, EN & granted);
	if (reaches(&reach, PMSWINC_EL0, true))
		probe_write(&probes, PMSWINC_EL0, 1, (EN | SW) & granted);
	guest_el1(&vcpu->guest);
	guest_out(&vcpu->guest, PMUSERENR_EL0);
	guest_out(&vcpu->guest, PMCCNTR_EL0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	*found = reach;
	class = probes_judge(&probes, true);
	expect_equal(vcpu_take(vcpu), bits, "PMUSERENR_EL0 after EL0's attempt");
	expect_equal(vcpu_take(vcpu), bits & EN ? 0 : 1, "PMCCNTR_EL0 after EL0's attempt");
	return class;
}

void registers_el0(const struct site *site, struct variant variant)
{
	unsigned bits = grants[variant.row].bits;
	struct reach reach;

	run(site, variant.mode, bits, &reach);
	/* That the bits grant no more than they say has been judged, but not that they do. */
	if (!(bits & EN) && ((bits & SW && !reach.swinc) || (bits & CR && !reach.ccntr_read) ||
			     (bits & ER && !(reach.evcntr_read && reach.selr))))
		skip_test("this board's CPUs do not trap to KVM what %s grants EL0",
			  grants[variant.row].name);
}

/* A denied access is trapped to EL1 as such (class 0x18), so that the kernel can emulate it. */
void registers_el0_class(const struct site *site, struct variant variant)
{
	struct reach reach;

	if (run(site, variant.mode, 0, &reach) == 0)
		known_fault("accesses that PMUSERENR_EL0 denies are UNDEFINED (class 0) instead of "
			    "trapped (class 0x18)");
}
