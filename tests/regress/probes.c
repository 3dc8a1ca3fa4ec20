/* SPDX-License-Identifier: MIT */
#include "probes.h"
#include "result.h"

#define CLASS_UNDEFINED 0x00
#define CLASS_SYSREG    0x18

/* @back: instructions from the access to the end of the program so far. */
static void add(struct probes *probes, uint16_t sysreg, bool write, bool allowed, int back)
{
	const struct guest *guest = &probes->vcpu->guest;

	if (probes->n == PROBES_MAX)
		fail_test("more than %d probes", PROBES_MAX);
	probes->list[probes->n++] = (struct probe){
		.address =
			vcpu_entry(probes->vcpu) + (uint64_t)(guest->at - back - guest->start) * 4,
		.sysreg = sysreg,
		.write = write,
		.allowed = allowed,
	};
}

void probe_read(struct probes *probes, uint16_t sysreg, bool allowed)
{
	guest_read(&probes->vcpu->guest, PROBE_REG, sysreg);
	add(probes, sysreg, false, allowed, 1);
}

void probe_write(struct probes *probes, uint16_t sysreg, uint64_t value, bool allowed)
{
	guest_write(&probes->vcpu->guest, sysreg, value);
	add(probes, sysreg, true, allowed, 2); /* an ISB follows */
}

unsigned probes_judge(const struct probes *probes, bool el0)
{
	const struct vcpu *vcpu = probes->vcpu;
	unsigned class = CLASS_UNDEFINED;
	int taken = 0;

	for (int i = 0; i < probes->n; i++) {
		const struct probe *probe = &probes->list[i];
		const char *what = probe->write ? "writing" : "reading";
		bool trapped =
			taken < vcpu->nexceptions && vcpu->exceptions[taken].elr == probe->address;

		expect(trapped == !probe->allowed, "probe %d, %s S3_%d_C%d_C%d_%d: %s", i, what,
		       probe->sysreg >> 11 & 7, probe->sysreg >> 7 & 15, probe->sysreg >> 3 & 15,
		       probe->sysreg & 7, trapped ? "an exception" : "no exception");
		if (!trapped)
			continue;
		class = (unsigned)(vcpu->exceptions[taken].esr >> 26) & 0x3f;
		expect(class == CLASS_UNDEFINED || (el0 && class == CLASS_SYSREG),
		       "probe %d, %s: exception class 0x%x", i, what, class);
		taken++;
	}
	expect_equal((uint64_t)vcpu->nexceptions, (uint64_t)taken, "exceptions of the guest");
	return class;
}
