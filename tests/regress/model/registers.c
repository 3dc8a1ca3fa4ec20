/* SPDX-License-Identifier: MIT */
/* Registers that are no counter's, and the bits that a register has. */
#include "model.h"

/* PMEVTYPERn_EL0 of a VM without EL2 and EL3; PMCCFILTR_EL0 has no event. */
uint64_t model_type(const struct model *model, unsigned n, uint64_t value)
{
	return value & (FILTER_P | FILTER_U | (n == CYCLE ? 0 : model->setup.events));
}

/* Arm ARM, PMCR_EL0: LC is RES1 without AArch32, LP RES0 before PMUv3p5. C and P read as zero. */
uint64_t model_pmcr(const struct model *model, uint64_t value)
{
	uint64_t kept = value & 0xff & ~(uint64_t)(PMCR_C | PMCR_P);

	if (model->setup.lc_fixed)
		kept |= PMCR_LC;
	if (!model->setup.wide)
		kept &= ~(uint64_t)PMCR_LP;
	return kept;
}

uint64_t model_plain(const struct model *model, uint16_t sysreg)
{
	switch (sysreg) {
	case PMCR_EL0: /* IMP and IDCODE are 0: KVM's choice (registers.pmcr) */
		return model->pmcr | PMCR_WITH_N(model->setup.n);
	case PMCNTENSET_EL0:
	case PMCNTENCLR_EL0:
		return model->enabled;
	case PMINTENSET_EL1:
	case PMINTENCLR_EL1:
		return model->interrupts;
	case PMOVSSET_EL0:
	case PMOVSCLR_EL0:
		return model->overflow;
	case PMSELR_EL0:
		return model->selected;
	default:
		return model->user;
	}
}
