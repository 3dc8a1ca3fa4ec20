/* SPDX-License-Identifier: MIT */
/* A vCPU's state, as a VMM saves it and restores it into another VM. */
#ifndef REGRESS_STATE_H
#define REGRESS_STATE_H

#include "test.h"
#include "vm.h"

#define MAX_COUNTERS 31
#define FAR          0x40000000ull /* cycles of a window: a fraction of a second for any core */

struct pmu_state {
	unsigned n; /* event counters: PMCR_EL0.N */
	uint64_t pmcr, enabled, interrupts, overflow, selected, user, cycles, filter;
	uint64_t counters[MAX_COUNTERS], types[MAX_COUNTERS]; /* n of them */
};

/* By KVM_GET_ONE_REG. */
void pmu_save(struct vcpu *vcpu, struct pmu_state *state);

/*
 * The same, of a vCPU that has not run: what a reset leaves. With STRICT the first one came when
 * the VM had no event counters yet, so there is one more.
 */
void pmu_save_fresh(struct vcpu *vcpu, enum mode mode, struct pmu_state *state);

/*
 * By KVM_SET_ONE_REG, before the first run and in an order that does the same on every
 * kernel: N first, as it masks the others; then the bitmaps, the enable bit last.
 */
void pmu_restore(struct vcpu *vcpu, const struct pmu_state *state);

/*
 * A bitmap that is two registers, made @value by KVM_SET_ONE_REG. Linux 6.7 to 6.14 set and
 * clear bits, others assign what is written to either register: clearing all bits and then setting
 * some does the same on all.
 */
void bitmap_assign(struct vcpu *vcpu, uint16_t set, uint16_t clear, uint64_t value);

/* All but the counters' values, and then those. */
void pmu_expect_config(const struct pmu_state *got, const struct pmu_state *wanted,
		       const char *when);
void pmu_expect_values(const struct pmu_state *got, const struct pmu_state *wanted,
		       const char *when);

/* Where a VM continues. */
enum place { PLACE_SAME, PLACE_CPU, PLACE_CLUSTER, PLACES };

const char *place_name(int place);

/* The CPU that @place is, for a VM from the first home CPU. Skips the test if there is none. */
int place_cpu(const struct site *site, int place);

/*
 * Moves vCPU 0, between exits, its program and its PMU into a fresh VM on @cpu.
 * The source ends: while it is there its perf events count every guest that the same
 * host thread runs. The GIC's state does not move.
 */
void vm_migrate(struct vm *to, struct vm *from, const struct site *site, enum mode mode, int cpu);

/* Program, core and a few system registers only. */
void vm_migrate_core(struct vm *to, struct vm *from);

/* An emulated board in wall time: its counters continue to count while the host does not run it. */
bool counts_pauses(const struct site *site);

/* Before a window: far from this CPU's next timer tick, which building a VM may have reached. */
void settle_here(const struct site *site);

/* Tests in other files than the table's. */
void state_set_counter(const struct site *site, struct variant variant);
void state_set_enable(const struct site *site, struct variant variant);
void state_set_event(const struct site *site, struct variant variant);
void state_set_overflow(const struct site *site, struct variant variant);
void state_set_command(const struct site *site, struct variant variant);
void state_beyond_n(const struct site *site, struct variant variant);
void state_list(const struct site *site, struct variant variant);
void state_list_order(const struct site *site, struct variant variant);
void state_list_without_pmu(const struct site *site, struct variant variant);
void state_n(const struct site *site, struct variant variant);
void state_n_frozen(const struct site *site, struct variant variant);
void state_reinit(const struct site *site, struct variant variant);
void state_system_reset(const struct site *site, struct variant variant);
void state_reinit_race(const struct site *site, struct variant variant);
void state_width(const struct site *site, struct variant variant);
void state_other_thread(const struct site *site, struct variant variant);

const char *state_counter_name(int row);
const char *state_enable_name(int row);
const char *state_command_name(int row);
const char *state_bitmap_name(int row);
const char *state_n_name(int row);
const char *state_width_name(int row);

#define ENABLE_ROWS 3
#define BITMAP_ROWS 3
#define N_ROWS      5
#define WIDTH_ROWS  2

#endif
