/* SPDX-License-Identifier: MIT */
#include "outcome.h"

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
		model_work(model, el0, mov_length(step->value));
		model->traps = true;
		model_work(model, el0, TRAP);
		model->traps = false;
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
	if (by_userspace) {
		model_fresh(&seat->model);
		model_work(&seat->model, false, BEGIN);
	} else {
		prepare(seat);
	}
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
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		outcome->wraps[n] = (uint32_t)(model_total(&seat->model, n) >> 32);
	outcome->interrupts = seat->model.interrupts;
	if (!program_ends_turn(program, i))
		return;
	hand_over(seat);
	model_exit(&seat->model);
	model_pause(&seat->model);
}

void program_run(const struct program *program, const struct model_setup *setup, unsigned quirks,
		 const struct pace *pace, struct outcome *outcomes)
{
	struct run run = { .nvcpus = program->nvcpus, .drift = pace->drift };

	for (int i = 0; i < program->nvcpus; i++) {
		model_start(&run.seats[i].model, setup, pace->divide, quirks);
		run.seats[i].model.sooner = pace->sooner;
	}
	for (int i = 0; i < program->nsteps; i++) {
		const struct step *step = &program->steps[i];

		outcomes[i] = (struct outcome){ .access = ACCESS_OK, .mask = ~0ull };
		take_step(&run, program, i, &outcomes[i]);
		if (step->op == OP_LINE || step->op == OP_HOP)
			outcomes[i].total = outcomes[i].value;
	}
}
