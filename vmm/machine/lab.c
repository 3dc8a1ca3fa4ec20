/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/settle.h"
#include "guest/abi/lab.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "machine/lab.h"
#include "options/options.h"
#include "report/odd.h"

/* Whether vCPU @index may get from a CPU of one host PMU to one of another, or of none. */
static bool roams(const struct machine *machine, int index)
{
	const struct host *host = machine->host;
	struct cpuset cpus = machine->choice->cpus[index], shared;
	bool covered = false;

	if (machine->choice->plan.ncpus)
		plan_cpus(&machine->choice->plan, &cpus);
	for (int i = 0; i < host->npmus; i++) {
		if (cpuset_contains(&host->pmus[i].cpus, &cpus))
			return false;
		cpuset_and(&shared, &host->pmus[i].cpus, &cpus);
		covered |= !cpuset_is_empty(&shared);
	}
	return covered;
}

/*
 * Where this thread is, on @cpu. The scheduler may move it at each context switch, unless it is
 * where the plan has put it (after a refusal on one of the CPUs of that host PMU), or all CPUs that
 * it may use have the same host PMU.
 */
static struct spot spot(const struct machine *machine, const struct vcpu *vcpu, int cpu)
{
	int pmu = host_pmu_of_cpu(machine->host, cpu), placed = atomic_load(&vcpu->cpu);
	struct spot spot = { .pmu = 1u << stats_row(pmu) };
	struct rusage usage;

	if (!vcpu->roams)
		return spot;
	spot.moves = atomic_load(&vcpu->moves);
	if (placed >= 0 && host_pmu_of_cpu(machine->host, placed) == pmu)
		return spot;
	if (getrusage(RUSAGE_THREAD, &usage) == 0)
		spot.switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
	else
		spot.moves |= 1; /* in doubt it is being moved */
	return spot;
}

/*
 * At the first write, not at the start: many guests have no use for the lab device. The first
 * window may begin before it, so it counts as moved if the thread can have been moved since the
 * start.
 */
static void begin(struct machine *machine, int index)
{
	struct vcpu *vcpu = &machine->vcpus[index];

	vcpu->begun = true;
	vcpu->roams = roams(machine, index);
	vcpu->stays = (struct stays){ 0 };
	vcpu->stays.record.since = spot(machine, vcpu, sched_getcpu());
	vcpu->stays.moved = vcpu->stays.record.since.moves || vcpu->stays.record.since.switches;
	/* The guest has its first perf event by then: creating the host's first event waits for
	 * every CPU. */
	if (machine->options->settle)
		settle();
}

static void hop(struct machine *machine, int index)
{
	struct vcpu *vcpu = &machine->vcpus[index];
	struct spot before = spot(machine, vcpu, sched_getcpu()), after = before;

	if (machine->choice->plan.kind == PLAN_STEP) {
		vcpu_hop(vcpu, 0);
		after = spot(machine, vcpu, sched_getcpu());
	}
	stays_hop(&vcpu->stays, &before, &after);
}

/* Reports each kind once. machine->lock is held, so it does not wait for stderr's reader. */
static void report_odd(struct machine *machine, const struct window *window)
{
	unsigned kinds = odd_find(window->record, machine->choice->mode != PMU_OFF) & ~machine->odd;

	machine->odd |= kinds;
	if (!kinds || !machine->told)
		return;
	odd_print(kinds, window->vcpu, window->record, machine->told);
	fflush(machine->told);
}

static void take_record(struct machine *machine, int index, uint64_t gpa)
{
	struct vcpu *vcpu = &machine->vcpus[index];
	const void *guest = memory_at(&machine->memory, gpa, sizeof(struct lab_record));
	struct lab_record record;
	struct window window = { .vcpu = index, .cpu = sched_getcpu(), .record = &record };
	struct spot end = spot(machine, vcpu, window.cpu);

	/* Checked after the copy: another vCPU may write to it meanwhile. */
	if (guest)
		memcpy(&record, guest, sizeof(record));
	if (!guest || record.size != sizeof(record) || record.nevents > LAB_MAX_EVENTS) {
		machine_fail(machine, STATUS_CRASH,
			     "the guest's record at 0x%llx is outside RAM or malformed",
			     (unsigned long long)gpa);
		return;
	}
	window.pmu = host_pmu_of_cpu(machine->host, window.cpu);
	window.stayed =
		stays_window(&vcpu->stays, &end, record.flags & LAB_AFTER_HOP, &window.pmus);
	window.hops = atomic_exchange(&vcpu->hops, 0);
	window.time_ns = machine_now(machine);
	pthread_mutex_lock(&machine->lock);
	report_odd(machine, &window);
	stats_window(&machine->stats, &window);
	pthread_mutex_unlock(&machine->lock);
	record_window(&machine->record, machine->host, &window);
	trace_window(&machine->trace, machine->host, &window);
}

static void take_fault(struct machine *machine, int index, uint64_t gpa)
{
	const void *guest = memory_at(&machine->memory, gpa, sizeof(struct lab_fault));
	struct lab_fault fault = { 0 };

	if (guest)
		memcpy(&fault, guest, sizeof(fault));
	machine_fail(machine, STATUS_CRASH,
		     "vCPU %d took an unexpected exception: vector %u ESR 0x%llx ELR 0x%llx "
		     "FAR 0x%llx",
		     index, fault.vector, (unsigned long long)fault.esr,
		     (unsigned long long)fault.elr, (unsigned long long)fault.far);
}

/* Not inlined: the room for a record on the stack would slow down reads, which do not need it. */
__attribute__((noinline)) static void take_write(struct machine *machine,
						 const struct bus_access *access)
{
	if (!machine->vcpus[access->vcpu].begun)
		begin(machine, access->vcpu);
	switch (access->offset) {
	case LAB_RECORD:
		take_record(machine, access->vcpu, access->value);
		break;
	case LAB_HOP:
		hop(machine, access->vcpu);
		break;
	case LAB_EXIT:
		machine_end(machine, access->value > STATUS_GUEST_MAX ? STATUS_GUEST_MAX
								      : (int)access->value);
		break;
	case LAB_FAULT:
		take_fault(machine, access->vcpu, access->value);
		break;
	}
}

void lab_access(void *owner, struct bus_access *access)
{
	unsigned width = access->offset == LAB_RECORD || access->offset == LAB_FAULT ? 8 : 4;

	if (access->length != width)
		return;
	if (access->write)
		take_write(owner, access);
	else
		access->value = access->offset == LAB_ID ? LAB_ID_VALUE : 0;
}
