/* SPDX-License-Identifier: MIT */
/* What is expected of a program: one run of the model, or what lies between several. */
#include "expect.h"
#include "outcome.h"

/*
 * An event counter of 32 bits is judged as long as a program's drift is less than its wrap: always
 * where counts are shared, and hardly ever in wall time, where a host that has other work may let
 * a second pass at any step.
 */
static const struct {
	struct pace least, most;
} paces[] = {
	[EXACT] = { { 1, 0, false }, { 1, 0, false } },
	[SHARED] = { { 1, 0, true }, { 1, 1 << 22, true } },
	[WALL] = { { 16, 0, true }, { 1, 1 << 30, true } },
};

/* Counters that may have wrapped: what lies between two outcomes has, or has not. */
static uint64_t wraps(const struct outcome *one, const struct outcome *other)
{
	uint64_t counters = 0;

	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		if (one->wraps[n] != other->wraps[n])
			counters |= BIT(n);
	return counters;
}

/*
 * The least and the most that counts may have become bound those between. A flag on which outcomes
 * differ, or whose counter may have wrapped, is not known, and stays so: what wraps at a time that
 * nobody knows may do it before or after a write that clears the flag or moves the wrap.
 */
static void combine(const struct program *program, struct outcome outcomes[][PROGRAM_STEPS],
		    int noutcomes, struct expected *expected)
{
	uint64_t unsures[PROGRAM_VCPUS] = { 0 };

	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];
		uint64_t *unsure = &unsures[step->vcpu];
		const struct outcome *first = &outcomes[0][i];
		bool flags = step->sysreg == PMOVSSET_EL0 || step->sysreg == PMOVSCLR_EL0;
		int64_t less = 0, more = 0;

		for (int k = 1; k < noutcomes; k++) {
			const struct outcome *other = &outcomes[k][i];
			/* Either may have wrapped at 64 bits: they are near each other. */
			int64_t by = (int64_t)(other->total - first->total);

			*unsure = (step->op == OP_RESET ? 0 : *unsure) |
				  (first->overflow ^ other->overflow) | wraps(first, other);
			less = by < less ? by : less;
			more = by > more ? by : more;
		}
		expected[i] = (struct expected){ .access = first->access,
						 .value = first->total + (uint64_t)less,
						 .mask = first->mask };
		if (step->op == OP_LINE)
			expected[i].unknown = *unsure & first->interrupts ? 1 : 0;
		else if (flags)
			expected[i].unknown = *unsure;
		else
			expected[i].more = (uint64_t)(more - less);
		expected[i].value &= expected[i].mask;
	}
}

/*
 * Where counts are not exact, a tick or another thread's hop may or may not have ended what a known
 * fault left behind: so there are outcomes with all of the faults and with none, but for the one
 * that time has no part in.
 */
void program_expect(const struct program *program, const struct expectation *expectation,
		    struct expected *expected)
{
	const struct model_setup *setup = &expectation->setup;
	const struct pace *least = &paces[expectation->exactness].least;
	const struct pace *most = &paces[expectation->exactness].most;
	static struct outcome outcomes[4][PROGRAM_STEPS];
	unsigned quirks = expectation->quirks, lasting = quirks & 1u << QUIRK_EL0_CLASS;
	bool exact = expectation->exactness == EXACT;

	program_run(program, setup, quirks, least, outcomes[0]);
	if (!exact) {
		program_run(program, setup, lasting, least, outcomes[1]);
		program_run(program, setup, quirks, most, outcomes[2]);
		program_run(program, setup, lasting, most, outcomes[3]);
	}
	combine(program, outcomes, exact ? 1 : 4, expected);
}

void program_setup(const struct program *program, const struct model_setup *host,
		   struct model_setup *setup)
{
	*setup = *host;
	if (program->mode == PROGRAM_COMPOSITE)
		setup->n = 0;
	else if (program->counters < setup->n)
		setup->n = program->counters;
	setup->anywhere = program->mode == PROGRAM_COMPOSITE;
	setup->refuses = program->mode == PROGRAM_EXPLICIT || program->mode == PROGRAM_STRICT;
	setup->no_cycles |= program->denied == EVENT_CPU_CYCLES;
	setup->no_instructions |= program->denied == EVENT_INST_RETIRED;
}
