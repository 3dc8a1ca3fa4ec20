/* SPDX-License-Identifier: MIT */
/*
 * Programs: what a guest and its VMM do to the PMU, step by step, as a text of one line per step.
 * Every program begins with all registers of the PMU zero (program_preparation()).
 *
 *     mode explicit            default, explicit, composite or strict; always the first line
 *     counters 2               fewer event counters than the host PMU has
 *     deny 0x11                an event filter
 *     vcpus 2                  as many vCPUs as that: 4 at most
 *     prepared-by-userspace    KVM_SET_ONE_REG before the first run makes the registers zero;
 *                              get and set that are a vCPU's first steps also precede its run
 *     write PMCR_EL0 0x41      by the guest, at EL1; with "el0" at the end at EL0
 *     read PMCR_EL0            likewise
 *     work 1000                that many instructions; "el0" as above
 *     line                     reads whether the overflow interrupt is pending
 *     exit                     to userspace and back
 *     hop far                  to another CPU: home, near (same host PMU) or far (another one)
 *     get PMCCNTR_EL0          KVM_GET_ONE_REG
 *     set PMOVSSET_EL0 0x1     KVM_SET_ONE_REG; a bitmap's SET register assigns
 *     reset                    KVM_ARM_VCPU_INIT again; the guest makes the registers zero
 *     migrate near             save all vCPUs, and restore them in a fresh VM there
 *     on 1 read PMCR_EL0       a step of vCPU 1; those of vCPU 0 have no "on"
 *
 * Steps of several vCPUs are done one after the other: one vCPU runs, and the others wait in their
 * VMM. Where the next step is another vCPU's, a vCPU leaves KVM_RUN. Where threads move vCPUs at
 * any time, each vCPU does its own steps in their order, and all run at the same time.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

#include "model.h"

#define PROGRAM_STEPS 64
#define PROGRAM_TEXT  4096 /* bytes that any program's text fits in */
#define PROGRAM_VCPUS 4
#define PROGRAM_HELD  16 /* values that a guest has read and not handed over */

enum op {
	OP_WRITE,
	OP_READ,
	OP_WORK,
	OP_LINE,
	OP_EXIT,
	OP_HOP,
	OP_GET,
	OP_SET,
	OP_RESET,
	OP_MIGRATE
};

enum where { WHERE_HOME, WHERE_NEAR, WHERE_FAR };

struct step {
	enum op op;
	bool el0;
	uint8_t vcpu;
	uint16_t sysreg;
	uint64_t value; /* written, set; instructions; enum where */
};

enum program_mode { PROGRAM_DEFAULT, PROGRAM_EXPLICIT, PROGRAM_COMPOSITE, PROGRAM_STRICT };

#define PROGRAM_ALL_COUNTERS 32

struct program {
	enum program_mode mode;
	unsigned counters; /* PROGRAM_ALL_COUNTERS: as many as the host PMU has */
	unsigned denied;   /* event; 0: no filter, as SW_INCR is never denied */
	bool by_userspace; /* who prepares the registers */
	int nvcpus;
	int nsteps;
	struct step steps[PROGRAM_STEPS];
};

/* Whether the step reads anything; whether the VMM does it, and the guest has handed over all. */
bool step_reads(const struct step *step);
bool step_is_userspace(const struct step *step);

/* Whether step @i comes before its vCPU's first run. */
bool program_is_early(const struct program *program, int i);

/* Whether it is the last one before a step of another vCPU, or of all. */
bool program_ends_turn(const struct program *program, int i);

/* @text gets PROGRAM_TEXT bytes at most. */
void program_print(const struct program *program, char *text);
void step_print(const struct step *step, char *text, size_t size);

/* False: @line says which line is none. Empty lines and "#" to the end of a line are skipped. */
bool program_parse(struct program *program, const char *text, int *line);

/* The guest's writes that make all registers zero, of a VM with @n event counters. */
#define PREPARATION_STEPS 80
int program_preparation(unsigned n, struct step *steps);

#endif
