/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "clone.h"
#include "result.h"

#define MAX_REGS 1024
#define MAX_SIZE 256 /* of a register */

struct reg_list {
	uint64_t n, ids[MAX_REGS];
};

/* Userspace writes to these clear bits, and writes to their SET twins only set them. */
static const uint16_t clearing[] = { PMCNTENCLR_EL0, PMINTENCLR_EL1, PMOVSCLR_EL0 };

static bool is_clearing(uint64_t id)
{
	for (size_t i = 0; i < sizeof(clearing) / sizeof(clearing[0]); i++)
		if (id == ONE_REG(clearing[i]))
			return true;
	return false;
}

static void copy_register(struct vcpu *to, struct vcpu *from, uint64_t id)
{
	uint8_t value[MAX_SIZE];
	struct kvm_one_reg reg = { id, (uint64_t)(uintptr_t)value };

	if (ioctl(from->fd, KVM_GET_ONE_REG, &reg) < 0)
		fail_test_errno("KVM_GET_ONE_REG of 0x%llx", (unsigned long long)id);
	if (ioctl(to->fd, KVM_SET_ONE_REG, &reg) < 0)
		fail_test_errno("restoring register 0x%llx", (unsigned long long)id);
}

static void copy_vcpu(struct vcpu *to, struct vcpu *from)
{
	static struct reg_list list;
	uint64_t count = vcpu_get(from, PMCCNTR_EL0);

	list.n = MAX_REGS;
	if (ioctl(from->fd, KVM_GET_REG_LIST, &list) < 0)
		fail_test_errno("KVM_GET_REG_LIST");
	for (size_t i = 0; i < sizeof(clearing) / sizeof(clearing[0]); i++)
		vcpu_set(to, clearing[i], ALL);
	for (uint64_t i = 0; i < list.n; i++)
		if (!is_clearing(list.ids[i]))
			copy_register(to, from, list.ids[i]);
	expect_equal(vcpu_get(from, PMCCNTR_EL0), count, "PMCCNTR_EL0 of a vCPU that does not run");
	expect_equal(vcpu_get(to, PMCCNTR_EL0), count, "PMCCNTR_EL0 after it was restored");
	memcpy(to->out, from->out, sizeof(to->out));
	memcpy(to->irqs, from->irqs, sizeof(to->irqs));
	memcpy(to->exceptions, from->exceptions, sizeof(to->exceptions));
	to->nout = from->nout;
	to->taken = from->taken;
	to->nirqs = from->nirqs;
	to->nexceptions = from->nexceptions;
	to->input = from->input;
}

void vcpu_power_on(struct vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (ioctl(vcpu->fd, KVM_SET_MP_STATE, &state) < 0)
		fail_test_errno("KVM_SET_MP_STATE of vCPU %d", vcpu->index);
	vcpu_set_pc(vcpu, vcpu_entry(vcpu));
}

void vm_clone(struct vm *to, struct vm *from, enum mode mode)
{
	vm_start(to, from->site, mode, from->nvcpus);
	memcpy(to->ram, from->ram, from->ram_size);
	for (int i = 0; i < from->nvcpus; i++) {
		if (i)
			vcpu_power_on(&to->vcpus[i]);
		copy_vcpu(&to->vcpus[i], &from->vcpus[i]);
	}
	vm_destroy(from);
}
