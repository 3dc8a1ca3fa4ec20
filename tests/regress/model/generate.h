/* SPDX-License-Identifier: MIT */
/* Random programs; @random is random_next()'s, and what it begins with makes the same ones again.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "program.h"

/* What programs may do on this host. */
struct generator {
	enum program_mode mode;
	unsigned n;     /* event counters of the host PMU */
	bool near, far; /* CPUs to go to */
	bool hops;      /* or stay at home */
	bool careful;   /* QEMU 7.2: what of EL0 does not reach KVM, what counts one too many */
	bool limits, denies; /* fewer counters, event filters */
};

#define LEAST_STEPS 5
#define MOST_STEPS  60

/* All of the program but its mode's setup, which @program has already. */
void program_generate(struct program *program, const struct generator *generator, uint64_t *random);

/* The same of one vCPU, 0, in at most @most steps. */
void program_generate_one(struct program *program, const struct generator *generator, int most,
			  uint64_t *random);

/* The VM: counters, filter, vCPUs, and who prepares it. */
void program_generate_setup(struct program *program, const struct generator *generator,
			    uint64_t *random);

#endif
