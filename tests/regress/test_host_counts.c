/* SPDX-License-Identifier: MIT */
/* What the host's own perf events count while a VM runs, and what a VM leaves behind. */
#include <errno.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "result.h"
#include "state.h"
#include "test_host.h"

#define HOST_LOOPS  1000000ull /* of 2 instructions */
#define GUEST_LOOPS 100000ull  /* of each part of the guest's run ... */
#define PARTS       40         /* ... of so many, between which it goes to userspace */
#define SLACK       200000ull  /* other CPUs' turns: less than KVM and the VMM take for that */
#define VMS         100

/* Of the calling thread, on every CPU of the host PMU. */
static int open_own(const struct site *site, bool exclude_guest, bool exclude_host)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)site->host.pmus[0].type,
		.config = EVENT_CPU_CYCLES,
		.exclude_guest = exclude_guest,
		.exclude_host = exclude_host,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		skip_test("perf events of the kernel and guests need more rights: "
			  "perf_event_paranoid");
	if (fd < 0)
		fail_test_errno("perf_event_open");
	return fd;
}

/* Since the last time. */
static uint64_t take_count(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		fail_test_errno("reading a perf event");
	if (ioctl(fd, PERF_EVENT_IOC_RESET, 0) < 0)
		fail_test_errno("PERF_EVENT_IOC_RESET");
	return value;
}

static void host_work(void)
{
	uint64_t loops = HOST_LOOPS;

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(loops) : : "cc");
}

const char *host_counted_name(int row)
{
	return row ? "el0" : "el1";
}

/*
 * perf_event_open(2): exclude_guest and exclude_host. The thread's own events count its host's
 * part and its guest's part, each of them alone, before, during and after the guest's run, while
 * the guest's PMU counts too. In VHE mode KVM changes filters for this (pmu.c), in nVHE mode it
 * turns counters on and off (hyp/nvhe/switch.c).
 */
void host_counted(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	uint64_t least = LEAST_CYCLES(HOST_LOOPS), in_guest = LEAST_CYCLES(PARTS * GUEST_LOOPS);
	uint64_t work = PARTS * 2 * GUEST_LOOPS;
	int host, guest;

	vm_start(&vm, site, variant.mode, 1);
	host = open_own(site, true, false);
	guest = open_own(site, false, true);
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMCNTENSET_EL0, BIT(CYCLE));
	guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
	for (int i = 0; i < PARTS; i++) {
		if (variant.row)
			guest_el0(&vcpu->guest);
		guest_work(&vcpu->guest, GUEST_LOOPS);
		guest_hop(&vcpu->guest);
		if (variant.row)
			guest_el1(&vcpu->guest);
	}
	guest_exit(&vcpu->guest);
	take_count(host);
	host_work();
	expect(take_count(host) >= least, "the host's event misses work before the run");
	/* Making the VM has left other CPUs at work, whose turns would count. */
	settle_here(site);
	take_count(host);
	expect_equal(take_count(guest), 0, "the guest's event before the run");
	for (int i = 0; i < PARTS; i++)
		expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its hop %d", i);
	vcpu_finish(vcpu);
	for (int i = 0; i < 2; i++) {
		uint64_t count = take_count(i ? guest : host);

		note("%s event: %llu", i ? "guest's" : "host's", (unsigned long long)count);
		if (i && site->exact)
			expect_between(count, work, work + SLACK, "the guest's event");
		else if (i)
			expect(count >= in_guest, "the guest's event misses the guest's work");
		else if (site->exact)
			expect_between(count, SLACK, work, "the host's event");
	}
	host_work();
	expect(take_count(host) >= least, "the host's event misses work after the run");
	expect_equal(take_count(guest), 0, "the guest's event after the run");
}

/* VMs that end while all of their counters count. */
static void make_and_destroy(const struct site *site, enum mode mode)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];

	for (int i = 0; i < VMS; i++) {
		unsigned n;

		vm_start(&vm, site, mode, 1);
		n = PMCR_N(vcpu_get(vcpu, PMCR_EL0));
		guest_pmu_reset(&vcpu->guest, n);
		for (unsigned k = 0; k < n; k++)
			guest_write(&vcpu->guest, PMEVTYPER_EL0(k), EVENT_CPU_CYCLES);
		guest_write(&vcpu->guest, PMCNTENSET_EL0, ALL);
		guest_write(&vcpu->guest, PMCR_EL0, PMCR_LC | PMCR_E);
		guest_exit(&vcpu->guest);
		vcpu_finish(vcpu);
		vm_destroy(&vm);
	}
}

/*
 * The kernel's objects of this kind, by /proc/slabinfo; -1 if it does not say. It counts all
 * of a slab that a CPU allocates from.
 */
static long objects(const char *kind)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	char line[256], name[32];
	long active = -1, found;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%31s %ld", name, &found) == 2 && !strcmp(name, kind))
			active = found;
	if (file)
		fclose(file);
	return active;
}

void host_left_behind(const struct site *site, struct variant variant)
{
	static const char *const kinds[] = { "perf_event", "kvm_vcpu" };
	long before[2];
	int capacity;

	need_mode(site, variant.mode);
	capacity = host_capacity(site, site->home[0]);
	make_and_destroy(site, variant.mode); /* their slabs are there from now on */
	for (int i = 0; i < 2; i++)
		before[i] = objects(kinds[i]);
	make_and_destroy(site, variant.mode);
	for (int i = 0; i < 2; i++) {
		long after = objects(kinds[i]);

		note("%s: %ld objects, then %ld", kinds[i], before[i], after);
		expect(after - before[i] < VMS, "%d VMs leave %ld objects %s behind", VMS,
		       after - before[i], kinds[i]);
	}
	expect_equal((uint64_t)host_capacity(site, site->home[0]), (uint64_t)capacity,
		     "counters for the host's pinned events after %d VMs", 2 * VMS);
}

static sigjmp_buf refused;

static void on_illegal(int signal)
{
	siglongjmp(refused, signal);
}

/* Whether this thread may read the cycle counter from userspace. */
static bool may_read(void)
{
	uint64_t value;

	if (sigsetjmp(refused, 1))
		return false;
	__asm__ volatile("mrs %0, pmccntr_el0" : "=r"(value));
	return true;
}

/* What PMUSERENR_EL0 grants the guest's EL0 it grants nobody else: KVM puts the host's value back.
 */
void host_user_access(const struct site *site, struct variant variant)
{
	static struct vm vm;
	struct vcpu *vcpu = &vm.vcpus[0];
	struct sigaction action = { .sa_handler = on_illegal };
	bool before;

	vm_start(&vm, site, variant.mode, 1);
	sigaction(SIGILL, &action, NULL);
	before = may_read();
	guest_pmu_reset(&vcpu->guest, 0);
	guest_write(&vcpu->guest, PMUSERENR_EL0, PMUSERENR_EN);
	guest_hop(&vcpu->guest);
	guest_write(&vcpu->guest, PMUSERENR_EL0, 0);
	guest_exit(&vcpu->guest);
	note("the VMM may %sread PMCCNTR_EL0", before ? "" : "not ");
	expect(vcpu_run(vcpu) == STOP_HOP, "the guest did not get to its hop");
	expect(may_read() == before, "after an exit the VMM may %sread PMCCNTR_EL0",
	       before ? "not " : "");
	vcpu_finish(vcpu);
	expect(may_read() == before, "after the guest's end the VMM may %sread PMCCNTR_EL0",
	       before ? "not " : "");
}
