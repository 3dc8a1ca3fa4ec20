/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "shrink.h"

#define PAIRS_OF 16 /* steps at most, of which two are left out at once */

/* True: @candidate has become the program. */
static bool take(struct program *program, const struct program *candidate,
		 const struct shrinking *shrinking)
{
	if (!candidate->nsteps || shrinking->late(shrinking->context) ||
	    !shrinking->differs(shrinking->context, candidate))
		return false;
	*program = *candidate;
	return true;
}

static void leave_out(struct program *program, int from, int count)
{
	memmove(&program->steps[from], &program->steps[from + count],
		(size_t)(program->nsteps - from - count) * sizeof(program->steps[0]));
	program->nsteps -= count;
}

static bool without(struct program *program, int from, int count, const struct shrinking *shrinking)
{
	struct program candidate = *program;

	if (from + count > candidate.nsteps)
		return false;
	leave_out(&candidate, from, count);
	return take(program, &candidate, shrinking);
}

static void remove_chunks(struct program *program, const struct shrinking *shrinking)
{
	for (int count = program->nsteps / 2; count; count /= 2)
		for (int from = program->nsteps - count; from >= 0; from -= count)
			without(program, from, count, shrinking);
}

/* A hop and the way back, a bit that is set and cleared: what goes only together. */
static void remove_pairs(struct program *program, const struct shrinking *shrinking)
{
	for (int first = 0; first < program->nsteps && program->nsteps <= PAIRS_OF; first++)
		for (int second = first + 1; second < program->nsteps; second++) {
			struct program candidate = *program;

			leave_out(&candidate, second, 1);
			leave_out(&candidate, first, 1);
			if (take(program, &candidate, shrinking))
				second = first;
		}
}

static bool with(struct program *program, int i, struct step step,
		 const struct shrinking *shrinking)
{
	struct program candidate = *program;

	candidate.steps[i] = step;
	return take(program, &candidate, shrinking);
}

static void simplify_value(struct program *program, int i, const struct shrinking *shrinking)
{
	static const uint64_t simple[] = { 0, 1, 10, 100, 1000 };
	struct step step = program->steps[i];
	uint64_t value = step.value;

	for (size_t k = 0; k < sizeof(simple) / sizeof(simple[0]); k++) {
		if (simple[k] >= value)
			break;
		step.value = simple[k];
		if (with(program, i, step, shrinking))
			return;
	}
	/* Less of an event is another one. */
	if (step.op == OP_WORK || step.sysreg == PMXEVTYPER_EL0 ||
	    (unsigned)(step.sysreg - PMEVTYPER_EL0(0)) < CYCLE)
		return;
	/* Bits, from the lowest one. */
	for (unsigned bit = 0; bit < 32; bit++) {
		step = program->steps[i];
		if (!(step.value >> bit & 1) || step.value >> 32)
			continue;
		step.value &= ~BIT(bit);
		with(program, i, step, shrinking);
	}
}

static void simplify_step(struct program *program, int i, const struct shrinking *shrinking)
{
	struct step step = program->steps[i];

	if (step.el0) {
		step.el0 = false;
		with(program, i, step, shrinking);
	}
	step = program->steps[i];
	if (step.op == OP_HOP || step.op == OP_MIGRATE || step.op == OP_RESET) {
		if (with(program, i, (struct step){ .op = OP_EXIT, .vcpu = step.vcpu }, shrinking))
			return;
	}
	if (step.op == OP_MIGRATE || step.op == OP_HOP) {
		for (step.value = 0; step.value < program->steps[i].value; step.value++)
			with(program, i, step, shrinking);
	} else if (step.op == OP_WRITE || step.op == OP_SET || step.op == OP_WORK) {
		simplify_value(program, i, shrinking);
	}
}

/* Without vCPU @vcpu: its steps are vCPU 0's, or nobody's. */
static bool without_vcpu(struct program *program, int vcpu, bool to_first,
			 const struct shrinking *shrinking)
{
	struct program candidate = *program;

	candidate.nsteps = 0;
	candidate.nvcpus--;
	for (int i = 0; i < program->nsteps; i++) {
		struct step step = program->steps[i];

		if (step.vcpu == vcpu && !to_first)
			continue;
		if (step.vcpu == vcpu)
			step.vcpu = 0;
		else if (step.vcpu > vcpu)
			step.vcpu--;
		candidate.steps[candidate.nsteps++] = step;
	}
	return take(program, &candidate, shrinking);
}

static void remove_vcpus(struct program *program, const struct shrinking *shrinking)
{
	for (int vcpu = program->nvcpus - 1; vcpu >= 0; vcpu--)
		if (program->nvcpus > 1 && !without_vcpu(program, vcpu, false, shrinking))
			without_vcpu(program, vcpu, true, shrinking);
}

static void simplify_setup(struct program *program, const struct shrinking *shrinking)
{
	struct program candidate = *program;

	candidate.by_userspace = false;
	take(program, &candidate, shrinking);
	candidate = *program;
	candidate.denied = 0;
	take(program, &candidate, shrinking);
	candidate = *program;
	candidate.counters = PROGRAM_ALL_COUNTERS;
	take(program, &candidate, shrinking);
	candidate = *program;
	candidate.mode = PROGRAM_DEFAULT;
	if (program->mode != PROGRAM_DEFAULT)
		take(program, &candidate, shrinking);
}

void program_shrink(struct program *program, const struct shrinking *shrinking)
{
	struct program before;

	do {
		before = *program;
		remove_vcpus(program, shrinking);
		remove_chunks(program, shrinking);
		remove_pairs(program, shrinking);
		for (int i = 0; i < program->nsteps; i++)
			simplify_step(program, i, shrinking);
		simplify_setup(program, shrinking);
	} while (memcmp(&before, program, sizeof(before)) && !shrinking->late(shrinking->context));
}
