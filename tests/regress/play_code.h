/* SPDX-License-Identifier: MIT */
/* Programs that are being played in one VM, and the guest's code for them. */
#ifndef REGRESS_PLAY_CODE_H
#define REGRESS_PLAY_CODE_H

#include "crew.h"
#include "model/expect.h"

/* Programs that one VM runs, one after another: as many as its memory has room for. */
#define PLAY_PROGRAMS 16

#define PLAY_VALUES (PLAY_PROGRAMS * PROGRAM_STEPS)

/* One vCPU, its code, and where its thread is. */
struct play_seat {
	int cpu, back;                    /* back: if KVM refuses cpu, to which ... */
	struct seen *hop;                 /* ... this step goes */
	bool begun;                       /* the program that is being made has code for it */
	struct seen *values[PLAY_VALUES]; /* whose values they are that the guest hands over */
	int nvalues, taken;
	struct seen *held[PROGRAM_HELD];
	int nheld;
};

/* The guest's code is made first, for all programs; what it hands over comes in this order. */
struct played {
	const struct site *site;
	const struct program *programs;
	struct vm *vm;
	struct crew crew;
	struct seen seen[PLAY_PROGRAMS][PROGRAM_STEPS];
	uint64_t access[PLAY_PROGRAMS][PROGRAM_STEPS]; /* address of a step's instruction */
	uint64_t resume[PLAY_PROGRAMS][PROGRAM_STEPS]; /* where the guest begins after OP_RESET */
	struct play_seat seats[PROGRAM_VCPUS];
};

/* Appends the code of program @index, whose VM has @n event counters. */
void play_emit(struct played *played, int index, unsigned n);

#endif
