/* SPDX-License-Identifier: MIT */
/* What is counted while a vCPU stays, hops between windows and hops in the middle of one. */
#include "result.h"
#include "test.h"
#include "windows.h"

#define WINDOWS 40
#define LOOPS   20000

/* The cycle counter counts the same work the same, wherever it is done. */
static void cycles(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct itinerary itinerary;
	struct windows windows = { .sysreg = PMCCNTR_EL0, .count = WINDOWS, .loops = LOOPS };

	vm_start(&vm, site, variant.mode, 1);
	/* Explicit: only its own PMU's CPUs may be visited; default: only they count. */
	if (variant.mode == MODE_COMPOSITE)
		itinerary_all(site, &itinerary, variant.hops);
	else
		itinerary_home(site, &itinerary, variant.hops);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	windows_emit(&vcpu->guest, &windows);
	guest_exit(&vcpu->guest);
	run_hopping(vcpu, &itinerary);
	windows_take(vcpu, &windows);
	windows_judge(site, &windows, variant.hops);
}

static const struct test tests[] = {
	{ "counting.cycles", cycles, EVERY_MODE, EVERY_HOP, 0, NULL, 0 },
};

FAMILY(counting_family, tests);
