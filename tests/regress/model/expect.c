/* SPDX-License-Identifier: MIT */
#include "expect.h"

/* Instructions. An access to a register that traps counts, one to a device does not. */
#define ISB      1
#define TRAP     1
#define BEGIN    9 /* of guest_begin(), before the first step */
#define LINE_MOV 2 /* the address of the GIC's register, and after the load ... */
#define LINE_BIT 1 /* ... the interrupt's bit */

/* Of guest_el0() and the vectors: the way to EL0 and back, by an SVC, and of an exception. */
#define TO_EL0    5
#define SVC       1
#define FROM_EL0  12
#define EXCEPTION 6 /* to the store of ESR_EL1, then ... */
#define ESR_ELR   1 /* ... to that of ELR_EL1, ... */
#define BACK      3 /* ... and to the instruction after the one that trapped */

/* One vCPU. */
struct seat {
	struct model model;
	bool begun; /* it has run */
	int held;
};

struct run {
	struct seat seats[PROGRAM_VCPUS];
	int nvcpus;
	uint64_t drift; /* of each step, before it does anything: model_drift() */
};

/* What a step of n instructions may count: n / divide + drift. */
struct pace {
	unsigned divide;
	uint64_t drift;
};

/*
 * An event counter of 32 bits is judged as long as a program's drift is less than its wrap: always
 * where counts are shared, and hardly ever in wall time, where a host that has other work may let
 * a second pass at any step.
 */
static const struct {
	struct pace least, most;
} paces[] = {
	[EXACT] = { { 1, 0 }, { 1, 0 } },
	[SHARED] = { { 1, 0 }, { 1, 1 << 22 } },
	[WALL] = { { 16, 0 }, { 1, 1 << 30 } },
};

struct outcome {
	int access;
	uint64_t value, total; /* total: of a counter, without the end of 32 bits */
	uint64_t mask;         /* of the bits that it has */
	uint64_t overflow;     /* after the step */
	uint64_t interrupts;
};

unsigned mov_length(uint64_t value)
{
	unsigned length = 1;

	for (unsigned part = 1; part < 4; part++)
		length += (value >> part * 16 & 0xffff) != 0;
	return length;
}

unsigned work_loops(uint64_t instructions)
{
	return instructions < 16 ? 0 : (unsigned)(instructions - 2) / 2;
}

/* All values that the guest has read go to the VMM, one store and exit each. */
static void hand_over(struct seat *seat)
{
	if (seat->held)
		model_exit(&seat->model);
	seat->held = 0;
}

static void exception(struct model *model)
{
	model_work(model, false, EXCEPTION);
	model_exit(model);
	model_work(model, false, ESR_ELR);
	model_exit(model);
	model_work(model, false, BACK);
	model_heard(model);
}

static void begin(struct model *model, bool el0)
{
	if (!el0)
		return;
	model_work(model, false, TO_EL0);
	model_heard(model);
}

static void end(struct model *model, bool el0)
{
	if (!el0)
		return;
	model_work(model, true, SVC);
	model_heard(model);
	model_work(model, false, FROM_EL0);
	model_heard(model);
}

/* The counter whose value a step reads; MODEL_COUNTERS: none. */
static unsigned counter_read(const struct model *model, const struct step *step)
{
	unsigned n = step->sysreg - PMEVCNTR_EL0(0);

	if (step->op != OP_READ && step->op != OP_GET)
		return MODEL_COUNTERS;
	if (step->sysreg == PMCCNTR_EL0)
		return CYCLE;
	if (step->sysreg == PMXEVCNTR_EL0)
		return (unsigned)model->selected;
	return n < CYCLE ? n : MODEL_COUNTERS;
}

static void take_total(const struct model *model, const struct step *step, struct outcome *outcome)
{
	unsigned n = counter_read(model, step);

	outcome->total = n < MODEL_COUNTERS ? model_total(model, n) : outcome->value;
	if (n < CYCLE && !model->setup.wide)
		outcome->mask = ALL;
}

static void guest_step(struct seat *seat, const struct step *step, struct outcome *outcome)
{
	struct model *model = &seat->model;
	bool el0 = step->el0;

	if (step_reads(step)) {
		if (seat->held == PROGRAM_HELD)
			hand_over(seat);
		seat->held++;
	}
	begin(model, el0);
	switch (step->op) {
	case OP_WRITE:
		model_work(model, el0, mov_length(step->value) + TRAP);
		outcome->access = model_write(model, step->sysreg, el0, step->value);
		break;
	case OP_READ:
		model_work(model, el0, ISB + TRAP);
		outcome->access = model_read(model, step->sysreg, el0, &outcome->value);
		take_total(model, step, outcome);
		model_heard(model);
		break;
	case OP_LINE:
		model_work(model, el0, LINE_MOV);
		outcome->value = model_line(model);
		model_work(model, el0, LINE_BIT);
		break;
	default:
		model_work(model, el0, step->value);
		break;
	}
	if (outcome->access != ACCESS_OK)
		exception(model);
	if (step->op == OP_WRITE || step->op == OP_READ)
		model_work(model, el0, ISB);
	end(model, el0);
}

/* Makes all registers zero, at EL1. */
static void prepare(struct seat *seat)
{
	struct step steps[PREPARATION_STEPS];
	struct outcome outcome;
	int n = program_preparation(seat->model.setup.n, steps);

	for (int i = 0; i < n; i++)
		guest_step(seat, &steps[i], &outcome);
}

/* The guest's first instructions. */
static void enter(struct seat *seat, bool by_userspace)
{
	if (by_userspace)
		model_work(&seat->model, false, BEGIN);
	else
		prepare(seat);
	seat->model.ran = seat->begun = true;
}

static int pmu_of_place(uint64_t where)
{
	return where == WHERE_FAR;
}

/* Before the first run, which it does not leave. */
static void early_step(struct model *model, const struct step *step, struct outcome *outcome)
{
	if (step->op == OP_SET) {
		model_set(model, step->sysreg, step->value);
		return;
	}
	outcome->value = model_get(model, step->sysreg);
	take_total(model, step, outcome);
}

/* All vCPUs, which are out of their guests. */
static void migrate(struct run *run, int pmu)
{
	for (int i = 0; i < run->nvcpus; i++) {
		model_migrate(&run->seats[i].model, pmu);
		run->seats[i].model.ran = run->seats[i].begun;
	}
}

static void userspace_step(struct run *run, const struct step *step, struct outcome *outcome)
{
	struct seat *seat = &run->seats[step->vcpu];
	struct model *model = &seat->model;

	hand_over(seat);
	switch (step->op) {
	case OP_HOP:
		outcome->value = !model_hop(model, pmu_of_place(step->value));
		return;
	case OP_GET:
		outcome->value = model_get(model, step->sysreg);
		take_total(model, step, outcome);
		break;
	case OP_SET:
		model_set(model, step->sysreg, step->value);
		break;
	case OP_RESET:
		model_reset(model);
		prepare(seat);
		return;
	case OP_MIGRATE:
		migrate(run, pmu_of_place(step->value));
		return;
	default:
		break;
	}
	model_exit(model);
}

static void take_step(struct run *run, const struct program *program, int i,
		      struct outcome *outcome)
{
	const struct step *step = &program->steps[i];
	struct seat *seat = &run->seats[step->vcpu];

	if (program_is_early(program, i)) {
		early_step(&seat->model, step, outcome);
		return;
	}
	model_drift(&seat->model, run->drift);
	if (!seat->begun)
		enter(seat, program->by_userspace);
	if (step_is_userspace(step)) {
		userspace_step(run, step, outcome);
		model_pause(&seat->model);
	} else {
		guest_step(seat, step, outcome);
	}
	outcome->overflow = seat->model.overflow;
	outcome->interrupts = seat->model.interrupts;
	if (!program_ends_turn(program, i))
		return;
	hand_over(seat);
	model_exit(&seat->model);
	model_pause(&seat->model);
}

static void run(const struct program *program, const struct expectation *expectation,
		unsigned quirks, const struct pace *pace, struct outcome *outcomes)
{
	struct run run = { .nvcpus = program->nvcpus, .drift = pace->drift };

	for (int i = 0; i < program->nvcpus; i++) {
		model_start(&run.seats[i].model, &expectation->setup, pace->divide, quirks);
		run.seats[i].model.sooner = expectation->exactness != EXACT;
	}
	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];

		outcomes[i] = (struct outcome){ .access = ACCESS_OK, .mask = ~0ull };
		take_step(&run, program, i, &outcomes[i]);
		if (step->op == OP_LINE || step->op == OP_HOP)
			outcomes[i].total = outcomes[i].value;
	}
}

/*
 * The least and the most that counts may have become bound those between. A flag on which outcomes
 * differ is not known, and stays so: what wraps at a time that nobody knows may do it before or
 * after a write that clears the flag.
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
				  (first->overflow ^ other->overflow);
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
	const struct pace *least = &paces[expectation->exactness].least;
	const struct pace *most = &paces[expectation->exactness].most;
	static struct outcome outcomes[4][PROGRAM_STEPS];
	unsigned quirks = expectation->quirks, lasting = quirks & 1u << QUIRK_EL0_CLASS;
	bool exact = expectation->exactness == EXACT;

	run(program, expectation, quirks, least, outcomes[0]);
	if (!exact) {
		run(program, expectation, lasting, least, outcomes[1]);
		run(program, expectation, quirks, most, outcomes[2]);
		run(program, expectation, lasting, most, outcomes[3]);
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
