/* SPDX-License-Identifier: MIT */
#include "base/cpulist.h"
#include "base/settle.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "options/options.h"

static struct cpuset places(const struct vcpu *vcpu, int cpu)
{
	struct cpuset set;

	if (cpu < 0)
		return vcpu->machine->choice->cpus[vcpu->index];
	cpuset_clear(&set);
	cpuset_add(&set, cpu);
	return set;
}

bool vcpu_place(struct vcpu *vcpu, int tid, int cpu)
{
	struct cpuset set = places(vcpu, cpu);
	unsigned move = tid != 0;
	bool moved;

	/* Counted before and after the move: a window that ends in between shows that a move is
	 * under way. */
	atomic_fetch_add(&vcpu->moves, move);
	moved = cpuset_pin(tid, &set) == 0;
	if (moved)
		atomic_store(&vcpu->cpu, cpu);
	atomic_fetch_add(&vcpu->moves, move);
	return moved;
}

bool vcpu_move(struct vcpu *vcpu, int tid, int cpu)
{
	char list[CPULIST_TEXT];
	struct cpuset set;

	if (vcpu_place(vcpu, tid, cpu))
		return true;
	set = places(vcpu, cpu);
	machine_fail(vcpu->machine, STATUS_HOST,
		     "cannot move vCPU %d to CPU %s (has it gone offline, or is it no longer "
		     "allowed?): %m",
		     vcpu->index, cpulist_format(&set, list, sizeof(list)));
	return false;
}

void vcpu_hop(struct vcpu *vcpu, int tid)
{
	struct machine *machine = vcpu->machine;
	int from = atomic_load(&vcpu->cpu), to = plan_next(&machine->choice->plan, &vcpu->place);
	uint64_t now;

	if (to == from || !vcpu_move(vcpu, tid, to))
		return;
	atomic_fetch_add(&vcpu->hops, 1);
	pthread_mutex_lock(&machine->lock);
	machine->stats.vcpu[vcpu->index].hops++;
	pthread_mutex_unlock(&machine->lock);
	now = machine_now(machine);
	record_hop(&machine->record, vcpu->index, from, to, now);
	trace_cpu(&machine->trace, machine->host, vcpu->index, to, now);
	if (machine->options->settle)
		settle(); /* only a kick interrupts it, and then the run ends */
}
