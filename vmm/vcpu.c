/* SPDX-License-Identifier: MIT */
/* A vCPU's thread: KVM_RUN, exit reason, device or end; its hops. */
#include <errno.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cpulist.h"
#include "fail.h"
#include "machine.h"
#include "options.h"

#define NS_PER_S         1000000000l
#define SETTLE_PERIOD_NS 20000000l
#define AFTER_TICK_NS    200000l

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

	/* Around the move: a window that ends in between shows that it is under way. */
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
		     "cannot move vCPU %d to CPU %s (offline or not allowed meanwhile?): %m",
		     vcpu->index, cpulist_format(&set, list, sizeof(list)));
	return false;
}

/*
 * A CPU that becomes idle keeps its tick for one more period (kernel/sched/idle.c),
 * and where CPUs take turns, as under instruction counting, its tick is time in which
 * the guest's counters go on. All CPUs tick at multiples of the period, and
 * every usual period divides 20 ms: soon after the next multiple of that, the CPU
 * left behind is at rest, and the next tick is far away.
 */
static void settle(void)
{
	struct timespec wake;

	clock_gettime(CLOCK_MONOTONIC, &wake);
	wake.tv_nsec += SETTLE_PERIOD_NS - wake.tv_nsec % SETTLE_PERIOD_NS + AFTER_TICK_NS;
	if (wake.tv_nsec >= NS_PER_S) {
		wake.tv_nsec -= NS_PER_S;
		wake.tv_sec++;
	}
	/* Only a kick interrupts it, and then the run ends. */
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
}

void vcpu_hop(struct vcpu *vcpu, int tid)
{
	struct machine *machine = vcpu->machine;
	int from = atomic_load(&vcpu->cpu), to = plan_next(&machine->plan, &vcpu->place);
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
		settle();
}

/* While an MMIO exit is handled, that of the instruction which made it. */
static unsigned long long program_counter(const struct vcpu *vcpu)
{
	uint64_t pc = 0;
	struct kvm_one_reg reg = { KVM_CORE_REG(regs.pc), (uint64_t)(uintptr_t)&pc };

	ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg);
	return pc;
}

/* Programs for other boards look for devices that are not here: that need not be their end. */
static void stray_access(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	const struct kvm_run *run = vcpu->run;
	const char *verb = run->mmio.is_write ? "wrote" : "read";
	unsigned long long address = run->mmio.phys_addr;
	enum stray stray;

	if (machine->options->strict_mmio) {
		machine_fail(machine, STATUS_CRASH,
			     "vCPU %d %s %u bytes at 0x%llx, where there is no device and no RAM; "
			     "PC 0x%llx (--strict-mmio)",
			     vcpu->index, verb, run->mmio.len, address, program_counter(vcpu));
		return;
	}
	pthread_mutex_lock(&machine->lock);
	stray = strays_note(&machine->strays, address);
	pthread_mutex_unlock(&machine->lock);
	if (stray == STRAY_MORE && !run->mmio.is_write)
		flash_read(machine, address);
	if (stray == STRAY_KNOWN || stray == STRAY_MORE || machine->options->quiet)
		return;
	tell("mmio: vCPU %d %s %u bytes at 0x%llx, where there is nothing; PC 0x%llx%s",
	     vcpu->index, verb, run->mmio.len, address, program_counter(vcpu),
	     stray == STRAY_LAST ? "; of further addresses nothing is said" : "");
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
		stray_access(vcpu);
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

/* ENOSYS: outside RAM, by an instruction of which the CPU does not tell KVM what it does. */
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

/* One life of the guest. */
static void live(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;

	/* With a timed plan the main thread has done that: it alone looks at @place then. */
	if (!machine->plan.period_ns)
		vcpu_move(vcpu, 0, plan_cpu(&machine->plan, &vcpu->place));
	trace_cpu(&machine->trace, machine->host, vcpu->index, sched_getcpu(),
		  machine_now(machine));
	if (machine->options->settle) /* the CPU left behind is that of the main thread */
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
	enum status status;

	atomic_store(&vcpu->tid, (int)syscall(SYS_gettid));
	status = jail_thread(&machine->jail, JAIL_VCPU);
	if (status)
		machine_end(machine, (int)status);
	for (unsigned life = 1;; life++) {
		gate_pass(&machine->gate, life);
		live(vcpu);
	}
	return NULL;
}
