/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "older.h"
#include "result.h"
#include "state.h"

#define TPIDR_EL1 SYSREG(3, 0, 13, 0, 4) /* the vectors' flags */

void pmu_save(struct vcpu *vcpu, struct pmu_state *state)
{
	state->pmcr = vcpu_get(vcpu, PMCR_EL0);
	state->n = PMCR_N(state->pmcr);
	state->enabled = vcpu_get_bitmap(vcpu, PMCNTENSET_EL0);
	state->interrupts = vcpu_get_bitmap(vcpu, PMINTENSET_EL1);
	state->overflow = vcpu_get_bitmap(vcpu, PMOVSSET_EL0);
	state->selected = vcpu_get(vcpu, PMSELR_EL0);
	state->user = vcpu_get(vcpu, PMUSERENR_EL0);
	state->cycles = vcpu_get(vcpu, PMCCNTR_EL0);
	state->filter = vcpu_get(vcpu, PMCCFILTR_EL0);
	for (unsigned i = 0; i < state->n; i++) {
		state->counters[i] = vcpu_get(vcpu, PMEVCNTR_EL0(i));
		state->types[i] = vcpu_get(vcpu, PMEVTYPER_EL0(i));
	}
}

void pmu_save_fresh(struct vcpu *vcpu, enum mode mode, struct pmu_state *state)
{
	errno = mode == MODE_STRICT ? vcpu_init(vcpu, mode_features(mode)) : 0;
	if (errno)
		fail_test_errno("KVM_ARM_VCPU_INIT once more");
	pmu_save(vcpu, state);
}

void bitmap_assign(struct vcpu *vcpu, uint16_t set, uint16_t clear, uint64_t value)
{
	vcpu_set(vcpu, clear, ALL);
	vcpu_set(vcpu, set, value);
}

void pmu_restore(struct vcpu *vcpu, const struct pmu_state *state)
{
	vcpu_set(vcpu, PMCR_EL0, state->pmcr & ~(uint64_t)PMCR_E);
	bitmap_assign(vcpu, PMCNTENSET_EL0, PMCNTENCLR_EL0, state->enabled);
	bitmap_assign(vcpu, PMINTENSET_EL1, PMINTENCLR_EL1, state->interrupts);
	bitmap_assign(vcpu, PMOVSSET_EL0, PMOVSCLR_EL0, state->overflow);
	vcpu_set(vcpu, PMSELR_EL0, state->selected);
	vcpu_set(vcpu, PMUSERENR_EL0, state->user);
	vcpu_set(vcpu, PMCCFILTR_EL0, state->filter);
	for (unsigned i = 0; i < state->n; i++) {
		vcpu_set(vcpu, PMEVTYPER_EL0(i), state->types[i]);
		vcpu_set(vcpu, PMEVCNTR_EL0(i), state->counters[i]);
	}
	vcpu_set(vcpu, PMCCNTR_EL0, state->cycles);
	vcpu_set(vcpu, PMCR_EL0, state->pmcr);
}

void pmu_expect_config(const struct pmu_state *got, const struct pmu_state *wanted,
		       const char *when)
{
	expect_equal(got->pmcr, wanted->pmcr, "PMCR %s", when);
	expect_equal(got->enabled, wanted->enabled, "PMCNTEN %s", when);
	expect_equal(got->interrupts, wanted->interrupts, "PMINTEN %s", when);
	expect_equal(got->overflow, wanted->overflow, "PMOVS %s", when);
	expect_equal(got->selected, wanted->selected, "PMSELR %s", when);
	expect_equal(got->user, wanted->user, "PMUSERENR %s", when);
	expect_equal(got->filter, wanted->filter, "PMCCFILTR %s", when);
	for (unsigned i = 0; i < wanted->n; i++)
		expect_equal(got->types[i], wanted->types[i], "PMEVTYPER%u %s", i, when);
}

void pmu_expect_values(const struct pmu_state *got, const struct pmu_state *wanted,
		       const char *when)
{
	expect_equal(got->cycles, wanted->cycles, "PMCCNTR %s", when);
	for (unsigned i = 0; i < wanted->n; i++)
		expect_equal(got->counters[i], wanted->counters[i], "PMEVCNTR%u %s", i, when);
}

const char *place_name(int place)
{
	static const char *const names[] = { "same-cpu", "same-cluster", "other-cluster" };

	return names[place];
}

int place_cpu(const struct site *site, int place)
{
	if (place == PLACE_SAME)
		return site->home[0];
	if (place == PLACE_CPU) {
		need_two_home(site);
		return site->home[1];
	}
	need_away(site);
	return site->away[0];
}

static void copy_register(struct vcpu *to, struct vcpu *from, uint64_t id)
{
	uint64_t value;
	struct kvm_one_reg reg = { id, (uint64_t)(uintptr_t)&value };

	if (ioctl(from->fd, KVM_GET_ONE_REG, &reg) < 0 || ioctl(to->fd, KVM_SET_ONE_REG, &reg) < 0)
		fail_test_errno("copying register 0x%llx", (unsigned long long)id);
}

/* x0 to x30, SP, PC, PSTATE, then SP_EL1, ELR_EL1, SPSR_EL1: 64 bits each. */
static void copy_core(struct vcpu *to, struct vcpu *from)
{
	for (size_t at = 0; at <= offsetof(struct kvm_regs, spsr[0]); at += sizeof(uint64_t))
		copy_register(to, from,
			      KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
				      at / sizeof(uint32_t));
	copy_register(to, from, ONE_REG(VBAR_EL1));
	copy_register(to, from, ONE_REG(TPIDR_EL1));
}

void vm_migrate_core(struct vm *to, struct vm *from)
{
	memcpy(to->ram, from->ram, from->ram_size);
	for (int i = 0; i < from->nvcpus; i++) {
		/* Completes the access that the guest stopped for: its PC moves on (api.rst,
		 * KVM_RUN). */
		errno = vcpu_enter(&from->vcpus[i]);
		if (errno)
			fail_test_errno("completing the guest's last access");
		copy_core(&to->vcpus[i], &from->vcpus[i]);
	}
}

void vm_migrate(struct vm *to, struct vm *from, const struct site *site, enum mode mode, int cpu)
{
	struct pmu_state saved, restored;

	vm_start_on(to, site, mode, 1, cpu);
	vm_migrate_core(to, from);
	pmu_save(&from->vcpus[0], &saved);
	if (PMCR_N(vcpu_get(&to->vcpus[0], PMCR_EL0)) < saved.n)
		skip_test("host PMU %s has fewer event counters than %s", pmu_of(site, cpu)->name,
			  site->host.pmus[0].name);
	pmu_restore(&to->vcpus[0], &saved);
	pmu_save(&to->vcpus[0], &restored);
	pmu_expect_config(&restored, &saved, "restored");
	pmu_expect_values(&restored, &saved, "restored");
	vm_destroy(from);
}

bool counts_pauses(const struct site *site)
{
	return site->emulated && !site->exact;
}

void settle_here(const struct site *site)
{
	place_on(site, sched_getcpu());
}
