/* SPDX-License-Identifier: MIT */
/* Which events PMCEID0_EL0 and PMCEID1_EL0 say that there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "older.h"
#include "result.h"
#include "test_registers.h"

#define PMCEID_EVENTS (BIT(EVENT_SW_INCR) | BIT(EVENT_CPU_CYCLES) | BIT(EVENT_CHAIN))
#define STALL_SLOTS   (BIT(0x3d - 32) | BIT(0x3e - 32) | BIT(0x3f - 32))

static void take_pmceid(struct vm *vm, uint64_t values[2])
{
	struct vcpu *vcpu = &vm->vcpus[0];

	guest_out(&vcpu->guest, PMCEID0_EL0);
	guest_out(&vcpu->guest, PMCEID1_EL0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	for (int i = 0; i < 2; i++)
		values[i] = vcpu_take(vcpu);
}

/* The number of one of sysfs's events, such as "event=0x0011"; -1: none. */
static int event_number(const char *folder, const char *name)
{
	char path[384], text[64] = "";
	unsigned number;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	if (file && !fgets(text, sizeof(text), file))
		text[0] = '\0';
	if (file)
		fclose(file);
	return sscanf(text, "event=0x%x", &number) == 1 ? (int)number : -1;
}

/*
 * The common events that perf offers on the host, as PMCEID0_EL0 and PMCEID1_EL0 have them: the
 * lower halves 0 to 0x3f, the upper ones 0x4000 to 0x403f (Arm ARM, PMCEID0_EL0). perf shows
 * those of its names that these registers have (armv8pmu_event_attr_is_visible()).
 */
static bool host_events(const struct host_pmu *pmu, uint64_t events[2])
{
	char folder[128];
	struct dirent *entry;
	DIR *list;

	snprintf(folder, sizeof(folder), "/sys/bus/event_source/devices/%s/events", pmu->name);
	list = opendir(folder);
	events[0] = events[1] = 0;
	while (list && (entry = readdir(list))) {
		int number = event_number(folder, entry->d_name);

		if (number >= 0 && (number & ~0x4000) < 0x40)
			events[number >> 5 & 1] |= BIT((number & 31) + (number & 0x4000 ? 32 : 0));
	}
	if (list)
		closedir(list);
	return list;
}

static void judge_events(const struct site *site, const uint64_t values[2], bool strict)
{
	uint64_t events[2];

	if (!host_events(&site->host.pmus[0], events)) {
		note("the host does not say which events it has");
		return;
	}
	events[0] |= values[0] & (BIT(EVENT_SW_INCR) | BIT(EVENT_CHAIN));
	events[1] &= strict ? ~0ull : ~STALL_SLOTS;
	for (int i = 0; i < 2; i++) {
		expect_equal(events[i] & ~values[i], 0,
			     "events of the host missing in PMCEID%d_EL0", i);
		/* Others may be there on a CPU that has common events which perf has no name for.
		 */
		if (site->emulated)
			expect_equal(values[i] & ~events[i], 0,
				     "events in PMCEID%d_EL0 that the host has not", i);
	}
}

/*
 * kvm_pmu_get_pmceid(): the events that every PMUv3 has, CHAIN always (older kernels: if the host
 * has it), STALL_SLOT* only with STRICT, as PMMIR_EL1 is zero without; with fixed counters none at
 * all (vcpu.rst 1.5). Not for userspace.
 */
void registers_pmceid(const struct site *site, struct variant variant)
{
	static struct vm vm;
	uint64_t values[2], none, events = PMCEID_EVENTS;

	vm_start(&vm, site, variant.mode, 1);
	take_pmceid(&vm, values);
	for (int i = 0; i < 2; i++) {
		note("PMCEID%d_EL0 0x%llx", i, (unsigned long long)values[i]);
		expect(vcpu_try_get(&vm.vcpus[0], i ? PMCEID1_EL0 : PMCEID0_EL0, &none) == ENOENT,
		       "KVM_GET_ONE_REG of PMCEID%d_EL0", i);
		if (variant.mode == MODE_COMPOSITE)
			expect_equal(values[i], 0, "PMCEID%d_EL0", i);
	}
	if (variant.mode == MODE_COMPOSITE)
		return;
	if (site->older)
		events &= ~BIT(EVENT_CHAIN);
	expect_equal(values[0] & events, events, "SW_INCR, CPU_CYCLES, CHAIN");
	if (variant.mode != MODE_STRICT)
		expect_equal(values[1] & STALL_SLOTS, 0, "STALL_SLOT*");
	judge_events(site, values, variant.mode == MODE_STRICT);
}

/* vcpu.rst 1.3: what a filter denies is not there; SW_INCR and CHAIN cannot be denied. */
void registers_pmceid_filtered(const struct site *site, struct variant variant)
{
	const struct kvm_pmu_event_filter deny = { .base_event = EVENT_CPU_CYCLES,
						   .nevents = 1,
						   .action = 1 };
	static struct vm vm;
	uint64_t plain[2], filtered[2];

	vm_start(&vm, site, variant.mode, 1);
	take_pmceid(&vm, plain);
	vm_destroy(&vm);

	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, mode_features(variant.mode));
	vm_create_gic(&vm);
	vm_init_gic(&vm);
	vm_choose_pmu(&vm, variant.mode, &site->host.pmus[0]);
	if (vcpu_set_attr(&vm.vcpus[0], ATTR_FILTER, &deny))
		fail_test("the filter");
	vm_init_pmu(&vm);
	take_pmceid(&vm, filtered);
	expect_equal(filtered[0], plain[0] & ~BIT(EVENT_CPU_CYCLES), "PMCEID0_EL0");
	expect_equal(filtered[1], plain[1], "PMCEID1_EL0");
}

/* What model a CPU is, MIDR_EL1; 0 if this host does not say. */
static uint64_t midr(int cpu)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/regs/identification/midr_el1",
		 cpu);
	return registers_sysfs(path);
}

/*
 * A register that says what a VM's PMU can do does not change with the CPU. Before Linux
 * 6.15 it does: kvm_pmu_get_pmceid() reads that of the CPU that it runs on. CPUs of one model
 * have the same, and the guest finds its first values again where it began.
 */
void registers_pmceid_moves(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	int cpus[SITE_MAX_CPUS + 2], ncpus = 0;
	uint64_t first[2], value;
	bool differs = false;

	need_away(site);
	cpus[ncpus++] = site->home[0];
	for (int i = 0; i < site->naway; i++)
		cpus[ncpus++] = site->away[i];
	cpus[ncpus++] = site->home[0];
	vm_start(&vm, site, variant.mode, 1);
	for (int i = 0; i < ncpus; i++) {
		guest_hop(&vcpu->guest);
		guest_out(&vcpu->guest, PMCEID0_EL0);
		guest_out(&vcpu->guest, PMCEID1_EL0);
	}
	guest_exit(&vcpu->guest);
	for (int i = 0; i < ncpus; i++) {
		expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to hop %d", i);
		place_on(site, cpus[i]);
	}
	vcpu_finish(vcpu);
	first[0] = vcpu_take(vcpu);
	first[1] = vcpu_take(vcpu);
	for (int i = 2; i < ncpus * 2; i++) {
		uint64_t model = midr(cpus[i / 2]);

		value = vcpu_take(vcpu);
		note("CPU %d: PMCEID%d_EL0 0x%llx", cpus[i / 2], i % 2, (unsigned long long)value);
		differs |= value != first[i % 2];
		if (variant.mode == MODE_COMPOSITE || (model && model == midr(cpus[0])))
			expect_equal(value, first[i % 2], "PMCEID%d_EL0 on CPU %d", i % 2,
				     cpus[i / 2]);
	}
	if (differs)
		mended_fault(site, "PMCEIDx_EL0 are those of the CPU that the vCPU is on");
}
