/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/kvm.h>

#include "base/cpulist.h"
#include "machine/end.h"
#include "options/options.h"
#include "pmu/affinity.h"
#include "run/refusal.h"

/* The CPUs that KVM runs this VM on; false if those are all. */
static bool covered_cpus(const struct machine *machine, struct cpuset *covered)
{
	if (machine->choice->pmu >= 0)
		*covered = machine->host->pmus[machine->choice->pmu].cpus;
	else if (machine->choice->mode == PMU_COMPOSITE)
		host_covered_cpus(machine->host, covered);
	else
		return false;
	return true;
}

static void fail_refused(const struct vcpu *vcpu, int cpu, const struct cpuset *covered)
{
	struct machine *machine = vcpu->machine;
	const struct host *host = machine->host;
	const struct choice *choice = machine->choice;
	char list[CPULIST_TEXT];

	cpulist_format(covered, list, sizeof(list));
	if (choice->pmu < 0)
		machine_fail(machine, STATUS_REFUSED,
			     "KVM refused to run vCPU %d on CPU %d: host PMUs cover cpus %s; keep "
			     "it there, or use --on-refusal=return",
			     vcpu->index, cpu, list);
	else
		machine_fail(machine, STATUS_REFUSED,
			     "KVM refused to run vCPU %d on CPU %d: host PMU %s covers cpus %s; "
			     "keep it there, or use --on-refusal=return%s",
			     vcpu->index, cpu, host->pmus[choice->pmu].name, list,
			     host_pmu_of_cpu(host, cpu) >= 0 ? " or --pmu=composite" : "");
}

/*
 * To the covered CPUs of the vCPU's own affinity, or, if it has none that can be used, of the
 * allowed ones: as a set, so that vCPUs do not share one CPU, and one that goes offline is missed
 * by none, but within one host PMU, which spot() in lab.c relies on. The CPU that this thread, the
 * vCPU's, is on then; -1 with errno.
 */
static int go_back(struct vcpu *vcpu, const struct cpuset *covered)
{
	const struct machine *machine = vcpu->machine;
	const struct cpuset *wanted[] = { &machine->choice->cpus[vcpu->index],
					  &machine->host->allowed };

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct cpuset set;
		int cpu;

		/* An empty set is EINVAL, as is one of CPUs that are offline by now. */
		cpuset_and(&set, covered, wanted[i]);
		cpu = affinity_within_one_pmu(machine->host, &set);
		if (cpu < 0)
			continue;
		if (machine->choice->plan.ncpus)
			atomic_store(&vcpu->cpu, cpu);
		return cpu;
	}
	return -1;
}

void vcpu_refused(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	int cpu = (int)vcpu->run->fail_entry.cpu, back = -1, error = 0;
	uint64_t reason = vcpu->run->fail_entry.hardware_entry_failure_reason;
	char list[CPULIST_TEXT];
	struct cpuset covered;
	uint64_t now;

	if (reason != KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED || !covered_cpus(machine, &covered)) {
		machine_fail(machine, STATUS_INTERNAL,
			     "KVM could not enter vCPU %d on CPU %d: reason 0x%llx", vcpu->index,
			     cpu, (unsigned long long)reason);
		return;
	}
	if (machine->options->refusal_return) {
		back = go_back(vcpu, &covered);
		error = errno;
	}
	pthread_mutex_lock(&machine->lock);
	machine->stats.vcpu[vcpu->index].refusals++;
	pthread_mutex_unlock(&machine->lock);
	now = machine_now(machine);
	record_refusal(&machine->record, vcpu->index, cpu, back, now);
	trace_refusal(&machine->trace, vcpu->index, cpu, now);
	if (back >= 0)
		trace_cpu(&machine->trace, machine->host, vcpu->index, back, now);
	if (back >= 0)
		return;
	errno = error;
	if (machine->options->refusal_return)
		machine_fail(machine, STATUS_HOST,
			     "cannot move vCPU %d to CPU %s, which KVM runs it on (has it gone "
			     "offline, or is it no longer allowed?): %m",
			     vcpu->index, cpulist_format(&covered, list, sizeof(list)));
	else
		fail_refused(vcpu, cpu, &covered);
}
