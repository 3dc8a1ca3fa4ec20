/* SPDX-License-Identifier: MIT */
/* A program that is being made, and what random numbers make of values and registers. */
#ifndef MAKING_H
#define MAKING_H

#include "program.h"

struct generator;

#define LONG_WORK 4000 /* instructions */

struct making {
	const struct generator *generator;
	uint64_t *random;
	unsigned n; /* event counters */
	bool hands; /* the guest's EL0 may do something: PMUSERENR_EL0 was written */
	/*
	 * CPU_CYCLES is for event counters, and PMCCNTR_EL0 stays off; or the other way round. The
	 * host has one counter of 64 bits for both, and a pair of 32 bits is no match for it where
	 * there is no CHAIN (QEMU), or no second one free.
	 */
	bool event_cycles;
	uint64_t lc;
};

uint64_t random_below(uint64_t *random, uint64_t n);
bool one_in(uint64_t *random, uint64_t n);

/* A counter that there is, CYCLE more often than others; rarely the first one that there is not. */
unsigned any_counter(const struct making *making);

/* Sets of counters: all, one, some. */
uint64_t any_bits(const struct making *making);

/* Values: next to the wraps at 32 and 64 bits, so far that some work gets there; and others. */
uint64_t any_value(const struct making *making);

/* Of counter @n's type; of PMCR_EL0. */
uint64_t any_type(const struct making *making, unsigned n);
uint64_t any_pmcr(struct making *making);

#endif
