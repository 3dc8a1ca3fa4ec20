/* SPDX-License-Identifier: MIT */
/*
 * Event counters that the guest does not have, n >= PMCR_EL0.N. KVM promises that each
 * access to them is UNDEFINED (pmu_counter_idx_valid() in arch/arm64/kvm/sys_regs.c; the
 * kernel's selftest vpmu_counter_access demands it), where the architecture leaves a
 * choice; and that their bits in the bitmap registers are RAZ/WI, as the architecture has it.
 */
#include <errno.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_registers.h"

#define EVENT_COUNTERS 31 /* that the architecture has room for */

struct path {
	const char *name;
	bool selected, type, write;
};

static const struct path paths[REGISTERS_PATHS] = {
	{ "read-counter", false, false, false },
	{ "write-counter", false, false, true },
	{ "read-type", false, true, false },
	{ "write-type", false, true, true },
	{ "selected-read-counter", true, false, false },
	{ "selected-write-counter", true, false, true },
	{ "selected-read-type", true, true, false },
	{ "selected-write-type", true, true, true },
};

const char *registers_path(int row)
{
	return paths[row].name;
}

static uint16_t direct(bool type, unsigned n)
{
	return (uint16_t)(type ? PMEVTYPER_EL0(n) : PMEVCNTR_EL0(n));
}

/* Different for each counter; as a type, an event that needs no host counter. */
static uint64_t value_of(bool type, unsigned n)
{
	return type ? FILTER_U | EVENT_SW_INCR : 0x1000 + n;
}

/* Every counter by one path, those below @n with a look at their value by the other path. */
static void emit_path(struct probes *probes, const struct path *path, unsigned n)
{
	struct guest *guest = &probes->vcpu->guest;
	uint16_t indirect = path->type ? PMXEVTYPER_EL0 : PMXEVCNTR_EL0;

	for (unsigned i = 0; i < EVENT_COUNTERS; i++) {
		uint16_t access = path->selected ? indirect : direct(path->type, i);
		uint16_t other = path->selected ? direct(path->type, i) : indirect;
		uint64_t value = value_of(path->type, i);

		guest_write(guest, PMSELR_EL0, i);
		if (i < n)
			guest_write(guest, path->write ? access : other, path->write ? 0 : value);
		if (path->write)
			probe_write(probes, access, value, i < n);
		else
			probe_read(probes, access, i < n);
		if (i < n && path->write)
			guest_read(guest, PROBE_REG, other);
		if (i < n)
			guest_out_register(guest, PROBE_REG);
	}
}

static void judge_values(struct vcpu *vcpu, const struct path *path, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		expect_equal(vcpu_take(vcpu), value_of(path->type, i), "%s %u",
			     path->type ? "type" : "counter", i);
}

void registers_undefined(const struct site *site, struct variant variant)
{
	const struct path *path = &paths[variant.row];
	static struct vm vm;
	static struct probes probes;
	unsigned n;

	vm_start(&vm, site, variant.mode, 1);
	probes.vcpu = &vm.vcpus[0];
	n = PMCR_N(vcpu_get(probes.vcpu, PMCR_EL0));
	expect(variant.mode != MODE_COMPOSITE || n == 0, "composite has %u event counters", n);
	guest_pmu_reset(&probes.vcpu->guest, n);
	emit_path(&probes, path, n);
	guest_exit(&probes.vcpu->guest);
	vcpu_finish(probes.vcpu);
	note("%u counters", n);
	probes_judge(&probes, false);
	judge_values(probes.vcpu, path, n);
}

/*
 * N as userspace lowers it, by PMCR_EL0.N (api.rst; Linux 6.7), and in limited mode with
 * SET_NR_COUNTERS (devices/vcpu.rst 1.5; Linux 6.16).
 */
static const struct {
	const char *name;
	unsigned n, less; /* n, or the maximum less so many */
} lowered[REGISTERS_LOWERED] = {
	{ "n=0", 0, 0 }, { "n=1", 1, 0 },     { "n=2", 2, 0 },
	{ "n=3", 3, 0 }, { "n=max-1", 0, 1 }, { "n=max", 0, 0 },
};

const char *registers_lowered_row(int row)
{
	return lowered[row].name;
}

void registers_lowered(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct probes probes;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned max, n;
	uint64_t mask;

	if (variant.mode == MODE_LIMITED && !site->nr_counters)
		skip_test("this kernel has no KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS");
	if (variant.mode != MODE_LIMITED)
		need_chosen_n(site);
	vm_build(&vm, site, variant.mode, 1);
	probes.vcpu = vcpu;
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0)) + (variant.mode == MODE_LIMITED);
	n = variant.row < 4 ? lowered[variant.row].n : max - lowered[variant.row].less;
	if (n > max)
		skip_test("the host PMU has only %u event counters", max);
	if (variant.mode != MODE_LIMITED)
		vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n));
	else
		expect_equal((uint64_t)vm_limit(vcpu, n), 0, "errno of %u counters", n);
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N read back");
	vm_init_pmu(&vm);
	guest_pmu_reset(&vcpu->guest, n);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, ALL);
	guest_out(&vcpu->guest, PMCNTENSET_EL0);
	guest_write(&vcpu->guest, PMCNTENCLR_EL0, ALL);
	for (int path = 0; path < REGISTERS_PATHS; path++)
		emit_path(&probes, &paths[path], n);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);

	probes_judge(&probes, false);
	mask = counter_bits(n);
	expect_equal(PMCR_N(vcpu_take(vcpu)), n, "PMCR_EL0.N in the guest");
	expect_equal(vcpu_take(vcpu), mask, "PMCNTENSET_EL0, all ones written");
	for (int path = 0; path < REGISTERS_PATHS; path++)
		judge_values(vcpu, &paths[path], n);
	/* Frozen from the first run on, without an error: set_pmcr(). */
	vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n ? n - 1 : max));
	expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), n, "N written after the run");
}

/*
 * More than the PMU has is ignored; with fixed counters that is any (vcpu.rst 1.5), and with
 * STRICT any is, also one that it has (api.rst 4.82).
 */
void registers_raised(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned max;

	need_chosen_n(site);
	vm_start(&vm, site, variant.mode, 1);
	max = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	for (unsigned n = variant.mode == MODE_STRICT ? 0 : max + 1; n < 32; n++) {
		vcpu_set(vcpu, PMCR_EL0, PMCR_WITH_N(n));
		expect_equal(PMCR_N(vcpu_get(vcpu, PMCR_EL0)), max, "N, %u written", n);
	}
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	expect_equal(PMCR_N(vcpu_take(vcpu)), max, "PMCR_EL0.N in the guest");
	expect(variant.mode != MODE_COMPOSITE || max == 0, "composite has %u event counters", max);
}

static const struct {
	const char *name;
	uint16_t set, clear;
} bitmaps[REGISTERS_BITMAPS] = {
	{ "enable", PMCNTENSET_EL0, PMCNTENCLR_EL0 },
	{ "interrupt", PMINTENSET_EL1, PMINTENCLR_EL1 },
	{ "overflow", PMOVSSET_EL0, PMOVSCLR_EL0 },
};

const char *registers_bitmap_name(int row)
{
	return bitmaps[row].name;
}

/* Bits of the cycle counter and of counters below N, alone and together. */
void registers_bitmap(const struct site *site, struct variant variant)
{
	uint16_t set = bitmaps[variant.row].set, clear = bitmaps[variant.row].clear;
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct guest *guest = &vcpu->guest;
	uint64_t mask;
	unsigned n;

	vm_start(&vm, site, variant.mode, 1);
	n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
	mask = counter_bits(n);
	guest_pmu_reset(guest, n);
	guest_out(guest, set);
	guest_write(guest, set, ~0ull);
	guest_out(guest, set);
	guest_out(guest, clear);
	guest_write(guest, clear, BIT(CYCLE));
	guest_out(guest, set);
	guest_write(guest, set, 0); /* of no effect, as every 0 */
	guest_out(guest, clear);
	guest_write(guest, clear, ~0ull);
	guest_out(guest, set);
	for (unsigned i = 0; i < 32; i++) {
		guest_write(guest, set, BIT(i));
		guest_out(guest, set);
		guest_write(guest, clear, BIT(i));
	}
	guest_write(guest, set, ~0ull);
	guest_hop(guest);
	guest_write(guest, clear, ~0ull);
	guest_exit(guest);
	expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its hop");

	expect_equal(vcpu_take(vcpu), 0, "after a reset");
	expect_equal(vcpu_take(vcpu), mask, "all ones set");
	expect_equal(vcpu_take(vcpu), mask, "all ones set, read by the clearing register");
	expect_equal(vcpu_take(vcpu), mask & ~BIT(CYCLE), "the cycle counter's bit cleared");
	expect_equal(vcpu_take(vcpu), mask & ~BIT(CYCLE), "zeros set");
	expect_equal(vcpu_take(vcpu), 0, "all ones cleared");
	for (unsigned i = 0; i < 32; i++)
		expect_equal(vcpu_take(vcpu), mask & BIT(i), "bit %u set", i);
	expect_equal(vcpu_get_bitmap(vcpu, set), mask, "KVM_GET_ONE_REG of the setting register");
	expect_equal(vcpu_get_bitmap(vcpu, clear), mask,
		     "KVM_GET_ONE_REG of the clearing register");
	vcpu_finish(vcpu);
	expect_equal(vcpu_get_bitmap(vcpu, set), 0, "KVM_GET_ONE_REG, all ones cleared");
	expect_equal((uint64_t)vcpu->nexceptions, 0, "exceptions of the guest");
}

/* pmu_visibility(): without the feature there is no register; all but PMMIR_EL1 (RAZ/WI). */
static const char *const absent_names[REGISTERS_ABSENT_ROWS] = { "read", "write", "one-reg" };

const char *registers_absent_row(int row)
{
	return absent_names[row];
}

static const struct {
	uint16_t sysreg;
	bool readable, writable; /* an access that exists at all */
} all[] = {
	{ PMCR_EL0, true, true },       { PMCNTENSET_EL0, true, true },
	{ PMCNTENCLR_EL0, true, true }, { PMOVSCLR_EL0, true, true },
	{ PMSWINC_EL0, false, true },   { PMSELR_EL0, true, true },
	{ PMCEID0_EL0, true, false },   { PMCEID1_EL0, true, false },
	{ PMCCNTR_EL0, true, true },    { PMXEVTYPER_EL0, true, true },
	{ PMXEVCNTR_EL0, true, true },  { PMUSERENR_EL0, true, true },
	{ PMINTENSET_EL1, true, true }, { PMINTENCLR_EL1, true, true },
	{ PMOVSSET_EL0, true, true },   { PMCCFILTR_EL0, true, true },
};

static void expect_no_register(struct vcpu *vcpu, uint16_t sysreg)
{
	uint64_t value = 0;
	int get = vcpu_try_get(vcpu, sysreg, &value), set = vcpu_try_set(vcpu, sysreg, 0);

	if (vcpu->vm->site->older && !get && !set)
		known_fault("without a PMU its registers are there for userspace");
	expect(get == ENOENT, "KVM_GET_ONE_REG of 0x%x: %s", sysreg, strerror(get));
	expect(set == ENOENT, "KVM_SET_ONE_REG of 0x%x: %s", sysreg, strerror(set));
}

/* Linux 5.10: no access is UNDEFINED but to counters that the host's CPU does not have either. */
static bool is_there(const struct probes *probes)
{
	struct vcpu *vcpu = probes->vcpu;
	uint64_t pmcr;
	int there;

	if (vcpu_try_get(vcpu, PMCR_EL0, &pmcr))
		return false;
	there = probes->n - 2 * (EVENT_COUNTERS - (int)PMCR_N(pmcr));
	for (int i = 0; i < vcpu->nexceptions; i++)
		if (there + i >= probes->n ||
		    vcpu->exceptions[i].elr != probes->list[there + i].address)
			return false;
	return vcpu->nexceptions == probes->n - there;
}

void registers_absent(const struct site *site, struct variant variant)
{
	static struct vm vm;
	static struct probes probes;
	struct vcpu *vcpu = &vm.vcpus[0];
	unsigned version;

	vm_start_without_pmu(&vm, site, 1);
	probes.vcpu = vcpu;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (variant.row == 0 && all[i].readable)
			probe_read(&probes, all[i].sysreg, false);
		if (variant.row == 1 && all[i].writable)
			probe_write(&probes, all[i].sysreg, 0, false);
		if (variant.row == 2)
			expect_no_register(vcpu, all[i].sysreg);
	}
	for (unsigned n = 0; n < EVENT_COUNTERS; n++)
		for (int type = 0; type < 2; type++) {
			if (variant.row == 0)
				probe_read(&probes, direct(type, n), false);
			if (variant.row == 1)
				probe_write(&probes, direct(type, n), 0, false);
			if (variant.row == 2)
				expect_no_register(vcpu, direct(type, n));
		}
	guest_out(&vcpu->guest, ID_AA64DFR0_EL1);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	version = PMUVER(vcpu_take(vcpu));
	if (site->older && is_there(&probes))
		known_fault("without a PMU its registers are not UNDEFINED%s",
			    version ? ", and PMUVer names one" : "");
	probes_judge(&probes, false);
	expect_equal(version, 0, "ID_AA64DFR0_EL1.PMUVer");
}
