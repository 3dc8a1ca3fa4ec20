/* SPDX-License-Identifier: MIT */
/* What counts, how far, and what an overflow does. */
#include "model.h"

#define WRAP32 BIT(32)

uint64_t model_valid(const struct model *model)
{
	return counter_bits(model->setup.n);
}

/*
 * PMCR_EL0.LC and LP: where the cycle counter and the event counters overflow. Event counters of
 * 32 bits have no choice; PMCR_EL0.LP is RES0 then.
 */
static bool is_long(const struct model *model, unsigned n)
{
	return model->pmcr & (n == CYCLE ? PMCR_LC : PMCR_LP);
}

uint64_t model_total(const struct model *model, unsigned n)
{
	return model->counters[n].value + model->counters[n].live;
}

uint64_t model_value(const struct model *model, unsigned n)
{
	uint64_t value = model_total(model, n);

	return n == CYCLE || model->setup.wide ? value : value & ALL;
}

/* PMCR_EL0.E, and the counter's bit of PMCNTENSET_EL0. */
static bool is_on(const struct model *model, unsigned n)
{
	return model->pmcr & PMCR_E && model->enabled >> n & 1;
}

/* vcpu.rst 1.3: SW_INCR and CHAIN are never filtered; CPU_CYCLES stands for PMCCNTR_EL0 too. */
static bool is_denied(const struct model *model, unsigned event)
{
	return (event == EVENT_CPU_CYCLES && model->setup.no_cycles) ||
	       (event == EVENT_INST_RETIRED && model->setup.no_instructions);
}

static void arm(struct model *model, unsigned n)
{
	struct model_counter *counter = &model->counters[n];
	uint64_t value = model_value(model, n);

	counter->again = 0;
	counter->left = is_long(model, n) ? -value : WRAP32 - (value & ALL);
	/*
	 * perf takes the period, -value, for a signed number, and twice that for what is left: each
	 * time that it puts the event on a CPU (armpmu_event_set_period()).
	 */
	if (is_long(model, n) && model->quirks & 1u << QUIRK_HALF_WAY && value > BIT(62) &&
	    value < BIT(63))
		counter->left = counter->again = 2 * (BIT(63) - value);
}

void model_pause(struct model *model)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		if (model->counters[n].again)
			model->counters[n].left = model->counters[n].again;
}

static void make(struct model *model, unsigned n)
{
	struct model_counter *counter = &model->counters[n];

	counter->value += counter->live;
	counter->live = 0;
	counter->event = n == CYCLE ? EVENT_CPU_CYCLES : (unsigned)counter->type & 0xffff;
	/* PMEVTYPERn_EL0.P and U, PMCCFILTR_EL0.P and U; without EL3 there is no NSK and NSU. */
	counter->at_el1 = !(counter->type & FILTER_P);
	counter->at_el0 = !(counter->type & FILTER_U);
	arm(model, n);
	counter->made = counter->event != EVENT_SW_INCR && counter->event != EVENT_CHAIN &&
			!is_denied(model, counter->event);
	counter->on = is_on(model, n);
	counter->el0_now = true;
}

void model_make(struct model *model, uint64_t counters)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		if (counters & model_valid(model) & BIT(n))
			make(model, n);
}

void model_fresh(struct model *model)
{
	model_make(model, ALL);
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		model->counters[n].made &= model->counters[n].on;
}

void model_rearm(struct model *model, uint64_t moved)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		if (moved & (n == CYCLE ? PMCR_LC : PMCR_LP))
			arm(model, n);
}

void model_switch(struct model *model, uint64_t counters)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++) {
		if (!(counters & model_valid(model) & BIT(n)))
			continue;
		if (is_on(model, n) && !model->counters[n].made)
			make(model, n);
		model->counters[n].on = is_on(model, n);
	}
}

void model_assign(struct model *model, unsigned n, uint64_t value)
{
	model->counters[n].value = n == CYCLE || model->setup.wide ? value : value & ALL;
	model->counters[n].live = 0;
	make(model, n);
}

/*
 * Arm ARM, CHAIN (0x001E): an odd counter counts the overflows of the even one below it, unless
 * that one overflows at 64 bits. Its own overflow is one like any other.
 */
static void overflows(struct model *model, unsigned n)
{
	model->overflow |= BIT(n);
	if (!(n & 1) && n + 1 < CYCLE && !is_long(model, n))
		model_increment(model, BIT(n + 1), EVENT_CHAIN);
}

/* One count of what is no hardware's: PMSWINC_EL0, and the carry of a pair. */
void model_increment(struct model *model, uint64_t counters, unsigned event)
{
	for (unsigned n = 0; n < CYCLE; n++) {
		struct model_counter *counter = &model->counters[n];

		if (!(counters & model_valid(model) & BIT(n)) || !is_on(model, n) ||
		    (counter->type & 0xffff) != event)
			continue;
		counter->value++;
		if (!(is_long(model, n) ? counter->value : counter->value & ALL))
			overflows(model, n);
	}
}

/* KVM writes the hardware anew when it handles an overflow, which ends QUIRK_EL0_STOPS. */
static void mend(struct model *model, unsigned n)
{
	if (model->sooner)
		return;
	if (n != CYCLE || model->traps) {
		model->late = true;
		return;
	}
	for (unsigned other = 0; other < MODEL_COUNTERS; other++)
		model->counters[other].el0_now = true;
}

static void count(struct model *model, unsigned n, uint64_t amount)
{
	struct model_counter *counter = &model->counters[n];

	counter->live += amount;
	while (counter->left && amount >= counter->left) {
		amount -= counter->left;
		counter->left = is_long(model, n) ? 0 : WRAP32;
		counter->again = 0;
		mend(model, n);
		overflows(model, n);
	}
	counter->left -= amount;
}

/* Whether counter @n counts on the CPU that the vCPU is on, at a level that its filter allows. */
static bool counts(const struct model *model, unsigned n)
{
	const struct model_counter *counter = &model->counters[n];

	/* pmu-modes.md: off the host PMU that backs it, a VM's counters keep their values. */
	if (!model->setup.anywhere && model->cpu_pmu != model->setup.pmu)
		return false;
	return model_valid(model) & BIT(n) && counter->made && counter->on &&
	       (counter->event == EVENT_CPU_CYCLES || counter->event == EVENT_INST_RETIRED);
}

void model_work(struct model *model, bool el0, uint64_t instructions)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++) {
		const struct model_counter *counter = &model->counters[n];

		if (counts(model, n) &&
		    (el0 ? counter->at_el0 && counter->el0_now : counter->at_el1))
			count(model, n, instructions / model->pace);
	}
}

void model_drift(struct model *model, uint64_t counted)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		if (counts(model, n) && (model->counters[n].at_el1 || model->counters[n].at_el0))
			count(model, n, counted);
}

/* Arm ARM, "Generating overflow interrupt requests". */
bool model_line(const struct model *model)
{
	return model->pmcr & PMCR_E && model->overflow & model->interrupts;
}
