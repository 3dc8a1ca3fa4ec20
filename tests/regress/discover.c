/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "discover.h"
#include "host/kvm.h"
#include "mode.h"
#include "older.h"
#include "pmu/affinity.h"
#include "protected.h"
#include "proposal.h"
#include "result.h"

/* The runner needs no certain CPU: it may stay where it is if it cannot move. */
static void leave_uncovered_cpus(struct site *site)
{
	struct cpuset covered, own;

	if (!site->nuncovered)
		return;
	host_covered_cpus(&site->host, &covered);
	cpuset_and(&own, &covered, &site->host.allowed);
	cpuset_and(&covered, &covered, &site->host.granted);
	cpuset_pin(0, cpuset_is_empty(&own) ? &covered : &own);
}

static bool is_emulated(void)
{
	char compatible[64] = "";
	FILE *file = fopen("/proc/device-tree/compatible", "re");

	if (!file)
		return false;
	if (!fread(compatible, 1, sizeof(compatible) - 1, file))
		compatible[0] = '\0';
	fclose(file);
	return !strcmp(compatible, "linux,dummy-virt");
}

static bool read_types(struct host *host)
{
	for (int i = 0; i < host->npmus; i++)
		if (host_read_type(host, &host->pmus[i]))
			return false;
	return true;
}

bool site_discover(struct site *site, char *reason, size_t size)
{
	struct kvm_offers offers;
	struct cpuset affinity;
	struct kvm kvm;

	if (cpuset_of_thread(0, &affinity) < 0 || kvm_open(&kvm) ||
	    host_discover("/sys", &affinity, &site->host) || !read_types(&site->host) ||
	    affinity_ask(&site->host) || kvm_offers(&kvm, &offers) ||
	    kvm_ask(&kvm, &site->host, &offers)) {
		snprintf(reason, size, "no KVM to test: the line above says why");
		return false;
	}
	close(kvm.fd);
	if (!offers.pmu || !site->host.npmus) {
		snprintf(reason, size, "this host has no PMU that KVM can give to a guest");
		return false;
	}
	if (!site_list_cpus(site)) {
		snprintf(reason, size, "none of the CPUs that may be used here has a host PMU");
		return false;
	}
	leave_uncovered_cpus(site);
	site->emulated = is_emulated();
	site->set_pmu = offers.set_pmu;
	site->composite = offers.composite;
	site->strict = offers.strict;
	site->nr_counters = offers.nr_counters;
	site->older = older_kernel();
	site->default_pmu = -1;
	site->default_pmu = older_default_pmu(site);
	proposal_ask(site);
	site->uncounted = protected_counts_nothing(site);
	return true;
}

/*
 * Windows of the same work, by the counter-timer: not by the PMU, which is what the tests
 * judge. Only where an instruction takes a nanosecond are most of them as long as they
 * have instructions; the host's own timer may come into one.
 */
static int look_for_exactness(const struct site *site)
{
	enum { WINDOWS = 9, LOOPS = 50000, TIMER_HZ = 62500000, NS_PER_TICK = 16 };
	const uint64_t least = 2 * LOOPS / NS_PER_TICK;
	static struct vm vm;
	struct guest *guest = &vm.vcpus[0].guest;
	int exact = 0;

	vm_start(&vm, site, MODE_DEFAULT, 1);
	guest_out(guest, CNTFRQ_EL0);
	for (int i = 0; i < WINDOWS; i++) {
		guest_read(guest, 19, CNTVCT_EL0);
		guest_work(guest, LOOPS);
		guest_read(guest, 20, CNTVCT_EL0);
		guest_out_register(guest, 19);
		guest_out_register(guest, 20);
	}
	guest_exit(guest);
	vcpu_finish(&vm.vcpus[0]);

	expect_equal(vcpu_take(&vm.vcpus[0]), TIMER_HZ, "counter-timer");
	for (int i = 0; i < WINDOWS; i++) {
		uint64_t ticks = vcpu_take(&vm.vcpus[0]);

		ticks = vcpu_take(&vm.vcpus[0]) - ticks;
		exact += ticks - least <= 1;
	}
	expect(exact > WINDOWS / 2, "%d of %d windows are exact", exact, WINDOWS);
	return 1;
}

bool site_is_exact(const struct site *site)
{
	/* A core of 1 GHz with two cycles for a loop would look like it. */
	return site->emulated && site_ask(site, look_for_exactness);
}

void site_describe(const struct site *site, FILE *out)
{
	char list[1024];

	fprintf(out, "# host PMUs: %s\n", host_pmu_list(&site->host, list, sizeof(list)));
	fprintf(out, "# KVM offers: default%s%s%s%s\n", site->set_pmu ? ", explicit" : "",
		site->composite ? ", composite" : "", site->strict ? ", strict" : "",
		site->nr_counters ? ", SET_NR_COUNTERS" : "");
	proposal_describe(site, out);
	if (site->uncounted)
		fprintf(out, "# %s\n", PROTECTED_FAULT);
	fprintf(out, "# counts are %s\n",
		site->exact ? "exact: instructions, demanded equal"
			    : "of wall time: limits that any core keeps");
	fprintf(out, "# seed: %llu\n", (unsigned long long)site->seed);
}
