/* SPDX-License-Identifier: MIT */
/* The guest's reads and writes of the PMU's registers, and what EL0 may. */
#include "model.h"

enum what { VALUE, TYPE, OTHER };

/* The counter that an access is for, and which of its two registers; else OTHER. */
static enum what decode(const struct model *model, uint16_t sysreg, unsigned *n)
{
	unsigned index = sysreg - PMEVCNTR_EL0(0);

	*n = CYCLE;
	switch (sysreg) {
	case PMCCNTR_EL0:
		return VALUE;
	case PMCCFILTR_EL0:
		return TYPE;
	/*
	 * PMSELR_EL0.SEL of 31 is PMCCFILTR_EL0 to PMXEVTYPER_EL0, and to PMXEVCNTR_EL0 what the
	 * implementation likes: KVM's choice is PMCCNTR_EL0 (registers.selector).
	 */
	case PMXEVCNTR_EL0:
		*n = (unsigned)model->selected;
		return VALUE;
	case PMXEVTYPER_EL0:
		*n = (unsigned)model->selected;
		return TYPE;
	default:
		break;
	}
	*n = index & 31;
	/* CRm 8 to 11 and 12 to 15 of one CRn: 32 each, of which 31 are counters. */
	if (index < 31)
		return VALUE;
	return index >= 32 && index < 63 ? TYPE : OTHER;
}

/*
 * Arm ARM, PMUSERENR_EL0: EN allows EL0 all but what is EL1's; ER reading event counters and
 * PMSELR_EL0, CR reading the cycle counter, SW PMSWINC_EL0. What it denies traps to EL1.
 */
static int check_el0(const struct model *model, uint16_t sysreg, bool write)
{
	unsigned n;
	enum what what = decode(model, sysreg, &n);
	uint64_t bits = PMUSERENR_EN;

	if (sysreg == PMINTENSET_EL1 || sysreg == PMINTENCLR_EL1)
		return ACCESS_UNDEFINED;
	if (sysreg == PMUSERENR_EL0)
		return write ? ACCESS_UNDEFINED : ACCESS_OK;
	if (sysreg == PMSWINC_EL0)
		bits |= PMUSERENR_SW;
	else if (sysreg == PMCCNTR_EL0 && !write)
		bits |= PMUSERENR_CR;
	else if (sysreg == PMSELR_EL0 || (what == VALUE && sysreg != PMCCNTR_EL0 && !write))
		bits |= PMUSERENR_ER;
	if (model->user & bits)
		return ACCESS_OK;
	return model->quirks & 1u << QUIRK_EL0_CLASS ? ACCESS_UNDEFINED : ACCESS_TRAPPED;
}

/* Of a counter from PMCR_EL0.N on: UNDEFINED, by number and by PMSELR_EL0 (registers.undefined). */
static int check(const struct model *model, uint16_t sysreg, bool el0, bool write, enum what *what,
		 unsigned *n)
{
	int access = el0 ? check_el0(model, sysreg, write) : ACCESS_OK;

	*what = decode(model, sysreg, n);
	if (access != ACCESS_OK || *what == OTHER)
		return access;
	return model_valid(model) >> *n & 1 ? ACCESS_OK : ACCESS_UNDEFINED;
}

int model_read(const struct model *model, uint16_t sysreg, bool el0, uint64_t *value)
{
	enum what what;
	unsigned n;
	int access = check(model, sysreg, el0, false, &what, &n);

	if (access != ACCESS_OK)
		return access;
	if (what == VALUE)
		*value = model_value(model, n);
	else
		*value = what == TYPE ? model->counters[n].type : model_plain(model, sysreg);
	return ACCESS_OK;
}

/*
 * Arm ARM, PMCR_EL0: C and P are commands, and the counters go on at once. Kernels that have
 * QUIRK_COMMAND_STOPS look at the counters only if E changes, which shows after QUIRK_SET_EVENT.
 */
static void write_pmcr(struct model *model, uint64_t value)
{
	uint64_t kept = model_pmcr(model, value);
	uint64_t moved = kept ^ model->pmcr;

	model->pmcr = kept;
	if (moved & PMCR_E || !(model->quirks & 1u << QUIRK_COMMAND_STOPS))
		model_switch(model, model->enabled);
	if (!(model->quirks & 1u << QUIRK_LC_LATE))
		model_rearm(model, moved);
	if (value & PMCR_C)
		model_assign(model, CYCLE, 0);
	for (unsigned n = 0; n < model->setup.n; n++)
		if (value & PMCR_P)
			model_assign(model, n, 0);
}

/*
 * QUIRK_EL0_STOPS: a write that makes a counter's event anew, while it is on, programs those
 * of all counters; they count at EL0 once something else makes KVM see to that. Kernels that have
 * QUIRK_COMMAND_STOPS do it when a write changes PMCR_EL0.E or names a counter to PMCNTENSET_EL0 or
 * PMCNTENCLR_EL0, others in PMCR_EL0 and PMCNTENSET_EL0.
 */
static void stop_el0(struct model *model, unsigned n, enum quirk quirk)
{
	if (!(model->quirks & 1u << quirk) || !model->counters[n].made || !model->counters[n].on)
		return;
	for (unsigned other = 0; other < MODEL_COUNTERS; other++)
		model->counters[other].el0_now = false;
}

static void restart_el0(struct model *model)
{
	for (unsigned n = 0; n < MODEL_COUNTERS; n++)
		model->counters[n].el0_now = true;
}

static void write_counter(struct model *model, enum what what, unsigned n, uint64_t value)
{
	if (what == VALUE) {
		model_assign(model, n, value);
		stop_el0(model, n, QUIRK_EL0_STOPS);
		return;
	}
	model->counters[n].type = model_type(model, n, value);
	model_make(model, BIT(n));
	restart_el0(model);
}

void model_heard(struct model *model)
{
	if (model->late)
		restart_el0(model);
	model->late = false;
}

static void write_other(struct model *model, uint16_t sysreg, uint64_t value)
{
	uint64_t bits = value & model_valid(model), enables;
	unsigned n;

	switch (sysreg) {
	case PMCR_EL0:
		enables = (value ^ model->pmcr) & PMCR_E;
		write_pmcr(model, value);
		for (n = 0; n < MODEL_COUNTERS; n++)
			if (value & (n == CYCLE ? PMCR_C : PMCR_P))
				stop_el0(model, n, QUIRK_COMMAND_STOPS);
		if (enables || !(model->quirks & 1u << QUIRK_COMMAND_STOPS))
			restart_el0(model);
		break;
	case PMCNTENSET_EL0:
		model->enabled |= bits;
		if (model->pmcr & PMCR_E)
			model_switch(model, bits);
		if (bits || !(model->quirks & 1u << QUIRK_COMMAND_STOPS))
			restart_el0(model);
		break;
	case PMCNTENCLR_EL0:
		model->enabled &= ~bits;
		model_switch(model, bits);
		if (bits && model->quirks & 1u << QUIRK_COMMAND_STOPS)
			restart_el0(model);
		break;
	case PMINTENSET_EL1:
		model->interrupts |= bits;
		break;
	case PMINTENCLR_EL1:
		model->interrupts &= ~bits;
		break;
	case PMOVSSET_EL0:
		model->overflow |= bits;
		break;
	case PMOVSCLR_EL0:
		model->overflow &= ~bits;
		break;
	case PMSWINC_EL0:
		model_increment(model, bits, EVENT_SW_INCR);
		break;
	case PMSELR_EL0:
		model->selected = value & MODEL_SELECTOR;
		break;
	default:
		model->user = value & MODEL_USER_BITS;
		break;
	}
}

int model_write(struct model *model, uint16_t sysreg, bool el0, uint64_t value)
{
	enum what what;
	unsigned n;
	int access = check(model, sysreg, el0, true, &what, &n);

	if (access == ACCESS_OK && what != OTHER)
		write_counter(model, what, n, value);
	else if (access == ACCESS_OK)
		write_other(model, sysreg, value);
	model_heard(model);
	return access;
}
