/* SPDX-License-Identifier: MIT */
/* The VMs that programs run in. */
#include <errno.h>
#include <sys/ioctl.h>

#include "play.h"
#include "result.h"
#include "state.h"

static struct vm probed;

enum mode play_mode(enum program_mode mode)
{
	static const enum mode modes[] = { MODE_DEFAULT, MODE_EXPLICIT, MODE_COMPOSITE,
					   MODE_STRICT };

	return modes[mode];
}

int play_cpu(const struct site *site, enum where where)
{
	if (where == WHERE_FAR)
		return site->naway ? site->away[0] : -1;
	if (where == WHERE_NEAR)
		return site->nhome > 1 ? site->home[1] : -1;
	return site->home[0];
}

void play_turn_on(struct vcpu *vcpu, uint64_t pc)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable) < 0)
		fail_test_errno("KVM_SET_MP_STATE of vCPU %d", vcpu->index);
	vcpu_set_pc(vcpu, pc);
}

/* All of the VM's memory is for the vCPUs' code, each of which begins anew in its share. */
static void share_memory(struct vm *vm)
{
	size_t room = vm->ram_size - GUEST_CODE_SIZE, page = 4096;
	size_t share = room / (size_t)vm->nvcpus / page * page;

	for (int i = 0; i < vm->nvcpus; i++) {
		size_t offset = GUEST_CODE_SIZE + (size_t)i * share;
		uint32_t *code = (uint32_t *)(void *)(vm->ram + offset);

		vm->vcpus[i].guest = (struct guest){ code, code, code + share / sizeof(*code) };
		guest_begin(&vm->vcpus[i].guest, vm->gic);
		play_turn_on(&vm->vcpus[i], GUEST_RAM_BASE + offset);
	}
}

void play_build(struct vm *vm, const struct program *program, const struct site *site, int cpu)
{
	const struct kvm_pmu_event_filter filter = { .base_event = (uint16_t)program->denied,
						     .nevents = 1,
						     .action = KVM_PMU_EVENT_DENY };

	vm_build_on(vm, site, play_mode(program->mode), program->nvcpus, cpu);
	share_memory(vm);
	if (program->denied) {
		errno = vcpu_set_attr(&vm->vcpus[0], ATTR_FILTER, &filter);
		if (errno)
			fail_test_errno("event filter");
	}
	if (program->counters != PROGRAM_ALL_COUNTERS) {
		errno = vm_limit(&vm->vcpus[0], program->counters);
		if (errno)
			fail_test_errno("%u event counters", program->counters);
	}
	vm_init_pmu(vm);
}

void play_probe(const struct site *site, enum program_mode mode, struct model_setup *host)
{
	const struct program all = { .mode = mode, .counters = PROGRAM_ALL_COUNTERS, .nvcpus = 1 };
	struct vcpu *vcpu = &probed.vcpus[0];
	unsigned pmuver;
	uint64_t pmcr;

	play_build(&probed, &all, site, site->home[0]);
	pmcr = vcpu_get(vcpu, PMCR_EL0);
	guest_write(&vcpu->guest, PMCR_EL0, 0);
	guest_out(&vcpu->guest, PMCR_EL0);
	guest_out(&vcpu->guest, PMCEID0_EL0);
	guest_exit(&vcpu->guest);
	vcpu_finish(vcpu);
	pmuver = PMUVER(vcpu_get(vcpu, ID_AA64DFR0_EL1));
	*host = (struct model_setup){
		.n = PMCR_N(pmcr),
		.lc_fixed = vcpu_take(vcpu) & PMCR_LC,
		.wide = pmuver >= PMUVER_V3P5,
		.events = pmuver > PMUVER_V3 ? 0xffff : 0x3ff,
	};
	/* QEMU has no INST_RETIRED in wall time; composite has no event counters. */
	host->no_instructions = !(vcpu_take(vcpu) >> EVENT_INST_RETIRED & 1);
	vm_destroy(&probed);
}
