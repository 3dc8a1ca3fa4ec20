/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "mode.h"
#include "proposal.h"
#include "result.h"
#include "vm.h"

/* Whether FIXED_COUNTERS_ONLY is accepted after SET_PMU. */
static int ask_last_wins(const struct site *site)
{
	static struct vm vm;

	place_thread(0, site->home[0]);
	vm_create(&vm, site, 1);
	vm_init_vcpus(&vm, mode_features(MODE_DEFAULT));
	errno = vcpu_set_attr(&vm.vcpus[0], ATTR_SET_PMU, &site->host.pmus[0].type);
	if (errno)
		fail_test_errno("SET_PMU");
	return vcpu_set_attr(&vm.vcpus[0], ATTR_FIXED_COUNTERS, NULL) == 0;
}

/* Whether a composite VM is entered on a CPU without a host PMU. */
static int ask_runs_uncovered(const struct site *site)
{
	static struct vm vm;

	vm_start(&vm, site, MODE_COMPOSITE, 1);
	guest_exit(&vm.vcpus[0].guest);
	place_thread(0, site->uncovered[0]);
	return vcpu_run(&vm.vcpus[0]) == STOP_EXIT;
}

void proposal_ask(struct site *site)
{
	site->last_wins = site->composite && site->set_pmu && site_ask(site, ask_last_wins);
	site->runs_uncovered =
		site->composite && site->nuncovered && site_ask(site, ask_runs_uncovered);
}

void proposal_describe(const struct site *site, FILE *out)
{
	if (!site->composite)
		return;
	fprintf(out, "# FIXED_COUNTERS_ONLY: %s",
		site->last_wins ? "the last of it and SET_PMU decides, as in versions 2 to 7"
				: "excludes SET_PMU and filters, as since version 8");
	if (site->nuncovered)
		fprintf(out, "; CPUs without a host PMU %s",
			site->runs_uncovered ? "run the VM, as in version 3 and since 8"
					     : "are refused, as in versions 4 to 7");
	fprintf(out, "\n");
}
