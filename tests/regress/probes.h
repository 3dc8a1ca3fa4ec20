/* SPDX-License-Identifier: MIT */
/* Accesses of a guest to registers, of which some must be UNDEFINED and the others not. */
#ifndef REGRESS_PROBES_H
#define REGRESS_PROBES_H

#include "vm.h"

#define PROBES_MAX 512
#define PROBE_REG  19 /* a read's result is left here */

struct probe {
	uint64_t address; /* of the instruction */
	uint16_t sysreg;
	bool write, allowed;
};

struct probes {
	struct vcpu *vcpu;
	struct probe list[PROBES_MAX];
	int n;
};

/* Append an access to the guest's program. */
void probe_read(struct probes *probes, uint16_t sysreg, bool allowed);
void probe_write(struct probes *probes, uint16_t sysreg, uint64_t value, bool allowed);

/*
 * After the run: the exceptions are those of the accesses that are not allowed, in order,
 * and no others. Returns their exception class, 0 for UNDEFINED; one that is not, if
 * @el0 is false, fails the test, as does any but UNDEFINED and a trapped access if it is true.
 */
unsigned probes_judge(const struct probes *probes, bool el0);

#endif
