/* SPDX-License-Identifier: MIT */
/*
 * One run of the model: what it says of each step of a program. The guest's code for each step is
 * that of ../play_code.c, instruction by instruction. One that traps counts as one; with QEMU a
 * trapped reading of PMSELR_EL0 and PMUSERENR_EL0 counts as two, which this does not know.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "program.h"

/* What a step of n instructions may count: n / divide + drift. */
struct pace {
	unsigned divide;
	uint64_t drift;
	bool sooner; /* overflows may come sooner: model.h */
};

struct outcome {
	int access;
	uint64_t value, total; /* total: of a counter, without the end of 32 bits */
	uint64_t mask;         /* of the bits that it has */
	uint64_t overflow;     /* after the step */
	uint64_t interrupts;
	uint32_t wraps[MODEL_COUNTERS]; /* bits 63:32 of each counter's total */
};

/* @outcomes: one of each step. */
void program_run(const struct program *program, const struct model_setup *setup, unsigned quirks,
		 const struct pace *pace, struct outcome *outcomes);

/* Instructions that ../guest.c takes to put @value into a register. */
unsigned mov_length(uint64_t value);

/* Of work's @instructions: loops of two, and others before them. */
unsigned work_loops(uint64_t instructions);

#endif
