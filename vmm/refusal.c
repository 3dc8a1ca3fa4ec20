/* SPDX-License-Identifier: MIT */
/*
 * KVM refuses to run a vCPU on a CPU that its PMU does not cover. It leaves the vCPU
 * unharmed: on a covered CPU the next KVM_RUN goes on where this one began.
 */
#include <linux/kvm.h>

#include "cpulist.h"
#include "machine.h"
#include "options.h"

/* The CPUs that KVM runs this VM on; false if those are all. */
static bool covered_cpus(const struct machine *machine, cpu_set_t *covered)
{
	if (machine->choice->pmu >= 0)
		*covered = machine->host->pmus[machine->choice->pmu].cpus;
	else if (machine->choice->mode == PMU_COMPOSITE)
		host_covered_cpus(machine->host, covered);
	else
		return false;
	return true;
}

static void fail_refused(const struct vcpu *vcpu, int cpu, const cpu_set_t *covered)
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

void vcpu_refused(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	int cpu = (int)vcpu->run->fail_entry.cpu, back = -1;
	uint64_t reason = vcpu->run->fail_entry.hardware_entry_failure_reason;
	cpu_set_t covered, usable;
	uint64_t now;

	if (reason != KVM_EXIT_FAIL_ENTRY_CPU_UNSUPPORTED || !covered_cpus(machine, &covered)) {
		machine_fail(machine, STATUS_INTERNAL,
			     "KVM could not enter vCPU %d on CPU %d: reason 0x%llx", vcpu->index,
			     cpu, (unsigned long long)reason);
		return;
	}
	CPU_AND(&usable, &covered, &machine->host->allowed);
	if (machine->options->refusal_return)
		back = cpulist_first(&usable);
	pthread_mutex_lock(&machine->lock);
	now = machine_now(machine);
	machine->stats.vcpu[vcpu->index].refusals++;
	record_refusal(&machine->record, vcpu->index, cpu, back, now);
	trace_refusal(&machine->trace, vcpu->index, cpu, now);
	if (back >= 0)
		trace_cpu(&machine->trace, machine->host, vcpu->index, back, now);
	pthread_mutex_unlock(&machine->lock);
	if (back < 0)
		fail_refused(vcpu, cpu, &covered);
	else
		vcpu_move(vcpu, 0, back);
}
