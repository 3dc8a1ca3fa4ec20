/* SPDX-License-Identifier: MIT */
#include "program.h"

bool step_reads(const struct step *step)
{
	return step->op == OP_READ || step->op == OP_LINE || step->op == OP_GET;
}

bool step_is_userspace(const struct step *step)
{
	return step->op >= OP_EXIT;
}

bool program_is_early(const struct program *program, int i)
{
	for (int k = 0; k <= i; k++)
		if (program->steps[k].vcpu == program->steps[i].vcpu &&
		    program->steps[k].op != OP_GET && program->steps[k].op != OP_SET)
			return false;
	return program->by_userspace;
}

bool program_ends_turn(const struct program *program, int i)
{
	if (program_is_early(program, i))
		return false;
	return i + 1 == program->nsteps || program->steps[i + 1].vcpu != program->steps[i].vcpu;
}

int program_preparation(unsigned n, struct step *steps)
{
	static const struct {
		uint16_t sysreg;
		uint64_t value;
	} writes[] = {
		{ PMCR_EL0, 0 },       { PMCNTENCLR_EL0, ALL }, { PMINTENCLR_EL1, ALL },
		{ PMOVSCLR_EL0, ALL }, { PMSELR_EL0, 0 },       { PMUSERENR_EL0, 0 },
		{ PMCCFILTR_EL0, 0 },  { PMCCNTR_EL0, 0 },
	};
	int used = 0;

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		steps[used++] = (struct step){ .op = OP_WRITE,
					       .sysreg = writes[i].sysreg,
					       .value = writes[i].value };
	for (unsigned i = 0; i < n; i++) {
		steps[used++] = (struct step){ .op = OP_WRITE, .sysreg = PMEVTYPER_EL0(i) };
		steps[used++] = (struct step){ .op = OP_WRITE, .sysreg = PMEVCNTR_EL0(i) };
	}
	return used;
}
