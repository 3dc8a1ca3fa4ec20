/* SPDX-License-Identifier: MIT */
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fail.h"
#include "machine/end.h"
#include "options/options.h"
#include "run/vcpu_state.h"

/* The registers of EL1, or of EL2, whose op1 is 4. Without VHE EL2 has no upper half of addresses,
 * but the same fields. */
#define OP1(el)    ((el) == 2 ? 4 : 0)
#define SCTLR(el)  ARM64_SYS_REG(3, OP1(el), 1, 0, 0)
#define TTBR0(el)  ARM64_SYS_REG(3, OP1(el), 2, 0, 0)
#define TTBR1(el)  ARM64_SYS_REG(3, OP1(el), 2, 0, 1)
#define TCR(el)    ARM64_SYS_REG(3, OP1(el), 2, 0, 2)
#define INSN_BYTES 4
#define WFI        0xd503207fu
#define PHYSICAL   0x0000ffffffffffffull /* the bits of an address in a table's entry, and flags */

/* 0 if KVM does not tell. */
static uint64_t get(const struct vcpu *vcpu, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { id, (uint64_t)(uintptr_t)&value };

	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0 ? 0 : value;
}

static bool read_guest(const struct vcpu *vcpu, uint64_t gpa, void *to, size_t size)
{
	const void *from = memory_at(&vcpu->machine->memory, gpa, size);

	if (from)
		memcpy(to, from, size);
	return from;
}

static uint64_t low_bits(unsigned count)
{
	return (1ull << count) - 1;
}

/* A page's size as a power of 2, of one half of the address space: TG0 and TG1 of TCR_EL1. */
static unsigned page_shift(uint64_t tcr, bool high)
{
	static const unsigned low[] = { 12, 16, 14, 12 }, high_half[] = { 12, 14, 12, 16 };

	return high ? high_half[tcr >> 30 & 3] : low[tcr >> 14 & 3];
}

/* By the guest's own tables, as its MMU would; a stage 2 of a guest's own EL2 is not looked at. */
static bool translate(const struct vcpu *vcpu, int el, uint64_t address, uint64_t *gpa)
{
	bool high = address >> 55 & 1;
	uint64_t tcr = get(vcpu, TCR(el)), entry;
	uint64_t table = get(vcpu, high ? TTBR1(el) : TTBR0(el)) & PHYSICAL & ~low_bits(6);
	unsigned shift = page_shift(tcr, high), bits = 64 - (unsigned)(tcr >> (high ? 16 : 0) & 63);
	unsigned level_bits = shift - 3, levels = (bits - shift + level_bits - 1) / level_bits;

	*gpa = address;
	if (!(get(vcpu, SCTLR(el)) & 1))
		return true;
	if (bits <= shift || bits > 52)
		return false;
	for (unsigned level = levels; level > 0; level--) {
		unsigned low = shift + (level - 1) * level_bits;
		unsigned width = level == levels ? bits - low : level_bits;

		if (!read_guest(vcpu, table + (address >> low & low_bits(width)) * 8, &entry, 8) ||
		    !(entry & 1))
			return false;
		if (level == 1 || !(entry & 2)) {
			*gpa = (entry & PHYSICAL & ~low_bits(low)) | (address & low_bits(low));
			return true;
		}
		table = entry & PHYSICAL & ~low_bits(shift);
	}
	return false;
}

static bool is_wfi(const struct vcpu *vcpu, int el, uint64_t pc)
{
	uint64_t gpa;
	uint32_t instruction;

	return translate(vcpu, el, pc, &gpa) &&
	       read_guest(vcpu, gpa, &instruction, sizeof(instruction)) && instruction == WFI;
}

static bool is_off(const struct vcpu *vcpu)
{
	struct kvm_mp_state state;

	return ioctl(vcpu->fd, KVM_GET_MP_STATE, &state) == 0 &&
	       state.mp_state == KVM_MP_STATE_STOPPED;
}

static struct vcpu_state look_at(const struct vcpu *vcpu)
{
	struct vcpu_state state = {
		.doing = "runs",
		.pc = get(vcpu, KVM_CORE_REG(regs.pc)),
		.el = (int)(get(vcpu, KVM_CORE_REG(regs.pstate)) >> 2 & 3),
		.writes = vcpu->writes,
	};

	if (is_off(vcpu))
		state.doing = "off";
	/* After a kick the PC is behind the WFI in which the vCPU waited. */
	else if (is_wfi(vcpu, state.el, state.pc - INSN_BYTES) || is_wfi(vcpu, state.el, state.pc))
		state.doing = "waits";
	return state;
}

static void tell_state(int index, const struct vcpu_state *state)
{
	char writes[64] = "has written to no device";

	if (state->writes)
		snprintf(writes, sizeof(writes), "has written to devices %llu times",
			 (unsigned long long)state->writes);
	if (!strcmp(state->doing, "off"))
		tell("vCPU %d: off, %s", index, writes);
	else
		tell("vCPU %d: PC 0x%llx, EL%d, %s, %s", index, (unsigned long long)state->pc,
		     state->el, strcmp(state->doing, "waits") ? "runs" : "waits in WFI", writes);
}

void vcpu_states(struct machine *machine)
{
	for (int i = 0; i < machine->nvcpus; i++) {
		struct vcpu_state state = look_at(&machine->vcpus[i]);

		if (!machine->options->quiet)
			tell_state(i, &state);
		record_vcpu(&machine->record, i, &state, machine_now(machine));
	}
}
