/* SPDX-License-Identifier: MIT */
/* What a VMM does: runs the vCPU, moves it, reads and writes its registers, resets and moves it. */
#include <string.h>

#include "model.h"

/* Number of the counter whose value (or type) @sysreg is; MODEL_COUNTERS: none. */
static unsigned counter_of(uint16_t sysreg, bool type)
{
	unsigned n = type ? sysreg - PMEVTYPER_EL0(0) : sysreg - PMEVCNTR_EL0(0);

	if (sysreg == (type ? PMCCFILTR_EL0 : PMCCNTR_EL0))
		return CYCLE;
	return n < CYCLE ? n : MODEL_COUNTERS;
}

void model_start(struct model *model, const struct model_setup *setup, unsigned pace,
		 unsigned quirks)
{
	memset(model, 0, sizeof(*model));
	model->setup = *setup;
	model->pace = pace;
	model->quirks = quirks;
	model->cpu_pmu = setup->pmu;
	if (setup->lc_fixed)
		model->pmcr = PMCR_LC;
	model_make(model, ALL);
}

void model_exit(struct model *model)
{
	model->ran = true;
	model->late = false;
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		model->counters[n].el0_now = true;
}

/*
 * vcpu.rst 1.4: on a CPU that the chosen PMU does not cover KVM_RUN fails, and nothing is lost.
 * vcpu.rst 1.6: with FIXED_COUNTERS_ONLY the cycle counter counts on every one; KVM makes its event
 * anew where that is on another host PMU.
 */
bool model_hop(struct model *model, int pmu)
{
	model_exit(model);
	if (model->setup.refuses && pmu != model->setup.pmu)
		return false;
	if (model->setup.anywhere && pmu != model->cpu_pmu)
		model_make(model, ALL);
	model->cpu_pmu = pmu;
	return true;
}

uint64_t model_get(const struct model *model, uint16_t sysreg)
{
	unsigned n = counter_of(sysreg, false);

	if (n < MODEL_COUNTERS)
		return model_value(model, n);
	n = counter_of(sysreg, true);
	if (n < MODEL_COUNTERS)
		return model->counters[n].type;
	return model_plain(model, sysreg);
}

static bool is_late(const struct model *model, enum quirk quirk)
{
	return model->ran && model->quirks & 1u << quirk;
}

static void set_counter(struct model *model, unsigned n, uint64_t value)
{
	struct model_counter *counter = &model->counters[n];

	if (is_late(model, QUIRK_SET_ADDS))
		counter->value = value;
	else
		model_assign(model, n, value);
}

static void set_type(struct model *model, unsigned n, uint64_t value)
{
	model->counters[n].type = model_type(model, n, value);
	if (!is_late(model, QUIRK_SET_EVENT))
		model_make(model, BIT(n));
}

/* A change of what is enabled. */
static void set_enable(struct model *model, uint64_t *what, uint64_t value)
{
	*what = value;
	if (!is_late(model, QUIRK_SET_ENABLE))
		model_switch(model, ALL);
}

/* api.rst 4.69: what is set is what KVM_GET_ONE_REG returns, and what the guest goes on with. */
void model_set(struct model *model, uint16_t sysreg, uint64_t value)
{
	uint64_t bits = value & model_valid(model);
	unsigned n = counter_of(sysreg, false);

	if (n < MODEL_COUNTERS) {
		set_counter(model, n, value);
		return;
	}
	n = counter_of(sysreg, true);
	if (n < MODEL_COUNTERS) {
		set_type(model, n, value);
		return;
	}
	switch (sysreg) {
	case PMCR_EL0: {
		uint64_t pmcr = model_pmcr(model, value);
		uint64_t moved = pmcr ^ model->pmcr;

		set_enable(model, &model->pmcr, pmcr);
		if (!is_late(model, QUIRK_LC_LATE))
			model_rearm(model, moved);
		break;
	}
	case PMCNTENSET_EL0:
		set_enable(model, &model->enabled, bits);
		break;
	case PMINTENSET_EL1:
		model->interrupts = bits;
		break;
	case PMOVSSET_EL0:
		model->overflow = bits;
		break;
	case PMSELR_EL0:
		model->selected = value & MODEL_SELECTOR;
		break;
	default:
		model->user = value & MODEL_USER_BITS;
		break;
	}
}

void model_reset(struct model *model)
{
	struct model_setup setup = model->setup;
	int cpu_pmu = model->cpu_pmu;
	bool sooner = model->sooner;

	model_start(model, &setup, model->pace, model->quirks);
	model->cpu_pmu = cpu_pmu;
	model->sooner = sooner;
	model->ran = true;
}

void model_migrate(struct model *model, int pmu)
{
	model->setup.pmu = model->cpu_pmu = pmu;
	model_fresh(model);
	model_exit(model);
}
