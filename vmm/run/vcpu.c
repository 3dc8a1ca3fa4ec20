/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/settle.h"
#include "jail/crash.h"
#include "machine/end.h"
#include "machine/hop.h"
#include "options/options.h"
#include "run/refusal.h"
#include "run/vcpu.h"

static const char *exit_name(uint32_t reason)
{
	static const struct {
		uint32_t reason;
		const char *name;
	} names[] = {
		{ KVM_EXIT_UNKNOWN, "UNKNOWN" },
		{ KVM_EXIT_EXCEPTION, "EXCEPTION" },
		{ KVM_EXIT_MMIO, "MMIO" },
		{ KVM_EXIT_FAIL_ENTRY, "FAIL_ENTRY" },
		{ KVM_EXIT_INTERNAL_ERROR, "INTERNAL_ERROR" },
		{ KVM_EXIT_SYSTEM_EVENT, "SYSTEM_EVENT" },
		{ KVM_EXIT_ARM_NISV, "ARM_NISV" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].reason == reason)
			return names[i].name;
	return "unlisted";
}

/* While an MMIO exit is handled, the address of the instruction that made it. */
static unsigned long long program_counter(const struct vcpu *vcpu)
{
	uint64_t pc = 0;
	struct kvm_one_reg reg = { KVM_CORE_REG(regs.pc), (uint64_t)(uintptr_t)&pc };

	ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg);
	return pc;
}

/* Programs for other boards look for devices that are not here; they may run all the same. */
static void unmapped_access(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	const struct kvm_run *run = vcpu->run;
	const char *verb = run->mmio.is_write ? "wrote" : "read";
	unsigned long long address = run->mmio.phys_addr;
	enum unmapped_seen seen;

	if (machine->options->strict_mmio) {
		machine_fail(machine, STATUS_CRASH,
			     "vCPU %d %s %u bytes at 0x%llx, where there is no device and no RAM; "
			     "PC 0x%llx (--strict-mmio)",
			     vcpu->index, verb, run->mmio.len, address, program_counter(vcpu));
		return;
	}
	pthread_mutex_lock(&machine->lock);
	seen = unmapped_note(&machine->unmapped, address);
	pthread_mutex_unlock(&machine->lock);
	if (seen == UNMAPPED_MORE && !run->mmio.is_write && flash_read(&machine->flash, address))
		machine_wake(machine);
	if (seen == UNMAPPED_KNOWN || seen == UNMAPPED_MORE || machine->options->quiet)
		return;
	tell("mmio: vCPU %d %s %u bytes at 0x%llx, which is unmapped; PC 0x%llx%s", vcpu->index,
	     verb, run->mmio.len, address, program_counter(vcpu),
	     seen == UNMAPPED_LAST ? "; further unmapped addresses are not reported" : "");
}

static void mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct bus_access access = { .length = run->mmio.len,
				     .write = run->mmio.is_write,
				     .vcpu = vcpu->index };

	if (access.write) {
		vcpu->writes++;
		memcpy(&access.value, run->mmio.data, sizeof(access.value));
		if (access.length < 8)
			access.value &= (1ull << access.length * 8) - 1;
	}
	if (!bus_access(&vcpu->machine->bus, run->mmio.phys_addr, &access)) {
		vcpu->writes -= access.write; /* there is no device */
		unmapped_access(vcpu);
	}
	if (!access.write)
		memcpy(run->mmio.data, &access.value, sizeof(access.value));
}

static void system_event(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;

	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN: /* SYSTEM_OFF2 too: what hibernates is off */
		machine_end(machine, STATUS_OK);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_end(machine, machine->options->no_reboot ? STATUS_OK : MACHINE_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_fail(machine, STATUS_CRASH, "the guest reported a crash");
		break;
	default:
		machine_fail(machine, STATUS_CRASH, "vCPU %d: system event %u from KVM_RUN",
			     vcpu->index, vcpu->run->system_event.type);
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (__builtin_expect(reason == KVM_EXIT_MMIO, true)) { /* most are */
		mmio(vcpu);
		return;
	}
	switch (reason) {
	case KVM_EXIT_FAIL_ENTRY:
		vcpu_refused(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(vcpu);
		break;
	default:
		machine_fail(vcpu->machine, STATUS_CRASH, "vCPU %d: exit %u (%s) from KVM_RUN",
			     vcpu->index, reason, exit_name(reason));
	}
}

/* ENOSYS: an access outside RAM by an instruction that the CPU does not decode for KVM. */
static void fail_run(const struct vcpu *vcpu)
{
	if (errno == ENOSYS)
		machine_fail(vcpu->machine, STATUS_CRASH,
			     "vCPU %d accessed a device in a way that KVM cannot emulate (a pair, "
			     "or with write-back?); PC 0x%llx",
			     vcpu->index, program_counter(vcpu));
	else
		machine_fail(vcpu->machine, STATUS_INTERNAL, "KVM_RUN of vCPU %d: %m", vcpu->index);
}

/* For one life of the guest. */
static void run_vcpu(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;

	/* With a timed plan the main thread has placed the vCPU: it alone uses @place then. */
	if (!machine->choice->plan.period_ns)
		vcpu_move(vcpu, 0, plan_cpu(&machine->choice->plan, &vcpu->place));
	trace_cpu(&machine->trace, machine->host, vcpu->index, sched_getcpu(),
		  machine_now(machine));
	if (machine->options->settle) /* the CPU that it has left is the main thread's */
		settle();
	while (atomic_load(&machine->end) < 0) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
			handle_exit(vcpu);
		else if (errno != EINTR && errno != EAGAIN)
			fail_run(vcpu);
	}
}

void *vcpu_thread(void *argument)
{
	struct vcpu *vcpu = argument;
	struct machine *machine = vcpu->machine;

	atomic_store(&vcpu->tid, (int)syscall(SYS_gettid));
	crash_thread(vcpu->index, machine->crash_stacks + (size_t)vcpu->index * CRASH_STACK);
	for (unsigned life = 1;; life++) {
		barrier_pass(&machine->barrier, life);
		run_vcpu(vcpu);
	}
	return NULL;
}
