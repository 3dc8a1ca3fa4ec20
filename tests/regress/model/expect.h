/* SPDX-License-Identifier: MIT */
/* What a program must read, by the model. */
#ifndef EXPECT_H
#define EXPECT_H

#include "program.h"

/* What a step came to: of an access what it was, of OP_HOP whether KVM refused it as value. */
struct seen {
	int access; /* ACCESS_OK, or an exception class */
	uint64_t value;
};

/* What it must come to: @value, or more, as far as @value + @more; the bits of @unknown may be any.
 */
struct expected {
	int access;
	uint64_t value, more, unknown;
	uint64_t mask; /* of a counter: the bits that it has */
};

/*
 * How exact counts are. Exact: an instruction is a cycle, as it is with --icount while no other
 * CPU works. Shared: no less than the instructions, as other CPUs get turns of the same virtual
 * time (docs/boards.md). Wall: no less than a sixteenth of them, which no core does in a cycle.
 * For the last two each step may count more than it executes: 2^22, and in wall time a second.
 */
enum exactness { EXACT, SHARED, WALL };

struct expectation {
	struct model_setup setup;
	enum exactness exactness;
	unsigned quirks;
};

/* One of @expected for each step. */
void program_expect(const struct program *program, const struct expectation *expectation,
		    struct expected *expected);

/* The first step that came to something else; -1 if there is none. */
int program_differs(const struct program *program, const struct expected *expected,
		    const struct seen *seen);

/* "step 7, read PMCCNTR_EL0: got 5 (0x5), expected 6 (0x6)" */
void difference_print(const struct program *program, int step, const struct expected *expected,
		      const struct seen *seen, char *text, size_t size);

/* The VM of a program: @host is what the host PMU and this kernel have. */
void program_setup(const struct program *program, const struct model_setup *host,
		   struct model_setup *setup);

#endif
