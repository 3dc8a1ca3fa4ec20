/* SPDX-License-Identifier: MIT */
/* The lab device: guest/lab.h is its interface, docs/guest-abi.md its reference. */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "../guest/lab.h"
#include "machine.h"

static void take_record(struct machine *machine, int index, uint64_t gpa)
{
	struct vcpu *vcpu = &machine->vcpus[index];
	const void *guest = memory_at(&machine->memory, gpa, sizeof(struct lab_record));
	struct lab_record record;
	struct window window = { .vcpu = index, .cpu = sched_getcpu(), .record = &record };

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
	window.hops = atomic_exchange(&vcpu->hops, 0);
	window.time_ns = machine_now(machine);
	pthread_mutex_lock(&machine->lock);
	stats_window(&machine->stats, &window);
	record_window(&machine->record, machine->host, &window);
	trace_window(&machine->trace, machine->host, &window);
	pthread_mutex_unlock(&machine->lock);
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

void lab_access(void *owner, struct bus_access *access)
{
	struct machine *machine = owner;
	unsigned width = access->offset == LAB_RECORD || access->offset == LAB_FAULT ? 8 : 4;

	if (access->length != width)
		return;
	if (!access->write) {
		access->value = access->offset == LAB_ID ? LAB_ID_VALUE : 0;
		return;
	}
	switch (access->offset) {
	case LAB_RECORD:
		take_record(machine, access->vcpu, access->value);
		break;
	case LAB_HOP:
		if (machine->plan.kind == PLAN_STEP)
			vcpu_hop(&machine->vcpus[access->vcpu], 0);
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
