/* SPDX-License-Identifier: MIT */
/*
 * What KVM promises of a guest's PMU, as a program: the state of one vCPU's PMU, and one function
 * for each thing that a guest or a VMM does to it. Pure: no KVM, no input or output. Each rule
 * names its source: the Arm ARM (DDI 0487, chapter D13 and the registers' own pages), or
 * Documentation/virt/kvm: devices/vcpu.rst and api.rst.
 *
 * A counter is its register and what the hardware counts for it. Where a kernel is right
 * the second follows the first; the known faults (enum quirk) are where it does not.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "../sysreg.h"

#define MODEL_COUNTERS 32 /* CYCLE, which is the last, and up to 31 event counters */

/* Faults of docs/kernel-findings.md that a short program can meet (../quirks.h). */
enum quirk {
	QUIRK_SET_ADDS,      /* a counter that userspace sets gets the live count added */
	QUIRK_SET_ENABLE,    /* enable bits that userspace sets do not reach live events */
	QUIRK_SET_EVENT,     /* nor do event and filter */
	QUIRK_LC_LATE,       /* a write to PMCR_EL0.LC does not move the overflow */
	QUIRK_EL0_CLASS,     /* what PMUSERENR_EL0 denies is UNDEFINED, not trapped */
	QUIRK_EL0_STOPS,     /* after a write to a running counter, EL0 counts nothing */
	QUIRK_COMMAND_STOPS, /* PMCR_EL0.C and P do so too */
	QUIRK_HALF_WAY,      /* a 64-bit counter that starts below 2^63 overflows too early */
	QUIRKS
};

/* What a VM is, before it runs. */
struct model_setup {
	unsigned n;                      /* event counters: PMCR_EL0.N */
	bool lc_fixed;                   /* no AArch32 at EL0: PMCR_EL0.LC is RES1 */
	bool wide;                       /* PMUv3p5: event counters of 64 bits, and PMCR_EL0.LP */
	uint16_t events;                 /* PMEVTYPERn_EL0.evtCount: 10 bits, 16 from PMUv3p1 on */
	bool anywhere;                   /* counts on every host PMU (FIXED_COUNTERS_ONLY) */
	bool refuses;                    /* runs on no CPU but those of its host PMU (SET_PMU) */
	bool no_cycles, no_instructions; /* denied by an event filter, or not there */
	int pmu;                         /* host PMU that backs it */
};

struct model_counter {
	uint64_t value, type; /* the registers */
	/* The hardware's: */
	bool made; /* there is an event, which is the following */
	bool on;
	unsigned event;
	bool at_el1, at_el0;
	bool el0_now;   /* QUIRK_EL0_STOPS clears it */
	uint64_t live;  /* counted since it was made; not yet in value */
	uint64_t left;  /* counts to its overflow; 0: 2^64 */
	uint64_t again; /* QUIRK_HALF_WAY: what left is after each model_pause(); 0: less, as always
			 */
};

struct model {
	struct model_setup setup;
	unsigned pace;   /* instructions per count */
	unsigned quirks; /* bits: those that are on */
	uint64_t pmcr;   /* bits 7:0 but for C and P */
	uint64_t enabled, interrupts, overflow, selected, user;
	struct model_counter counters[MODEL_COUNTERS];
	int cpu_pmu; /* host PMU of the CPU that it is on */
	bool ran;
	bool sooner; /* overflows may have come sooner than here, and have mended nothing since then
		      */
	bool late;   /* QEMU: of an event counter's overflow KVM hears later: model_heard() */
	bool traps;  /* the instruction that counts is one that traps: then of each overflow */
};

/* The state after a program's first steps: all zero and off. */
void model_start(struct model *model, const struct model_setup *setup, unsigned pace,
		 unsigned quirks);

/*
 * The guest's accesses, from EL1 or EL0: ACCESS_OK, or the exception class that the guest's
 * EL1 gets instead, which leaves everything as it was.
 */
#define ACCESS_OK        (-1)
#define ACCESS_UNDEFINED 0
#define ACCESS_TRAPPED   0x18

int model_read(const struct model *model, uint16_t sysreg, bool el0, uint64_t *value);
int model_write(struct model *model, uint16_t sysreg, bool el0, uint64_t value);

/*
 * KVM hears of overflows: after an access that traps, which model_write() does itself, and where
 * the exception level changes.
 */
void model_heard(struct model *model);

/* Instructions that no access traps. */
void model_work(struct model *model, bool el0, uint64_t instructions);

/* @counts that no instruction caused: what running counters may count while other CPUs have their
 * turn. */
void model_drift(struct model *model, uint64_t counts);

/* The level of the overflow interrupt. */
bool model_line(const struct model *model);

/* The vCPU leaves KVM_RUN and enters again: here, or on a CPU of host PMU @pmu. False: refused. */
void model_exit(struct model *model);
bool model_hop(struct model *model, int pmu);

/* Its thread has slept: perf has taken its events off the CPU, and put them back. */
void model_pause(struct model *model);

/* KVM_GET_ONE_REG and KVM_SET_ONE_REG. A SET register assigns: see bitmap_assign(). */
uint64_t model_get(const struct model *model, uint16_t sysreg);
void model_set(struct model *model, uint16_t sysreg, uint64_t value);

/* KVM_ARM_VCPU_INIT again. Nothing is assumed about it except what a program reads. */
void model_reset(struct model *model);

/* Saved, and restored into a fresh VM whose default or chosen PMU is @pmu, on a CPU of it. */
void model_migrate(struct model *model, int pmu);

/* For the files of the model: bits of the counters that there are. */
uint64_t model_valid(const struct model *model);
/* Of @value the bits that the register has: of counter @n's type, and of PMCR_EL0. */
uint64_t model_type(const struct model *model, unsigned n, uint64_t value);
uint64_t model_pmcr(const struct model *model, uint64_t value);
/* What a register that is no counter's reads as. */
uint64_t model_plain(const struct model *model, uint16_t sysreg);
#define MODEL_SELECTOR  0x1fu /* PMSELR_EL0's */
#define MODEL_USER_BITS 0xfu  /* PMUSERENR_EL0's */
/* Makes the hardware's part of these counters what the registers say. */
void model_make(struct model *model, uint64_t counters);
/* The same of a vCPU that has not run: KVM makes events only for counters that are on. */
void model_fresh(struct model *model);
/* Only where counters overflow, of those whose bit of PMCR_EL0, LC or LP, is in @moved. */
void model_rearm(struct model *model, uint64_t moved);
/* Of these only whether they are on. */
void model_switch(struct model *model, uint64_t counters);
uint64_t model_value(const struct model *model, unsigned n);
void model_assign(struct model *model, unsigned n, uint64_t value);
void model_increment(struct model *model, uint64_t counters, unsigned event);
/* What it has counted, without the end that 32 bits put to it. */
uint64_t model_total(const struct model *model, unsigned n);

#endif
