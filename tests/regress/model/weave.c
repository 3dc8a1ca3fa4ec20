/* SPDX-License-Identifier: MIT */
/* A program of several vCPUs: one of each, and turns of a few steps. */
#include "generate.h"
#include "making.h"

#define LONG_TURN 8 /* steps */

/* Appends the first @n of @from's steps that are left, which are @vcpu's. */
static void take_turn(struct program *program, const struct program *from, int *taken, int n,
		      int vcpu)
{
	while (n-- && *taken < from->nsteps) {
		struct step *step = &program->steps[program->nsteps++];

		*step = from->steps[(*taken)++];
		step->vcpu = (uint8_t)vcpu;
	}
}

void program_generate(struct program *program, const struct generator *generator, uint64_t *random)
{
	struct program own[PROGRAM_VCPUS];
	int taken[PROGRAM_VCPUS] = { 0 }, left = 0;

	for (int i = 0; i < program->nvcpus; i++) {
		own[i] = *program;
		program_generate_one(&own[i], generator, MOST_STEPS / program->nvcpus, random);
		left += own[i].nsteps;
	}
	program->nsteps = 0;
	while (program->nsteps < left) {
		int vcpu = (int)random_below(random, (uint64_t)program->nvcpus);

		take_turn(program, &own[vcpu], &taken[vcpu],
			  1 + (int)random_below(random, LONG_TURN), vcpu);
	}
}
