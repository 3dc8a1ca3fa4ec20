/* SPDX-License-Identifier: MIT */
/*
 * Every system call after the start, whichever thread makes it. Most frequent first: a call costs
 * what the calls before it cost. No list has a call that opens, executes or creates anything, or
 * maps memory, but for what a reset of the guest needs.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "jail/jail_rules.h"

#define CALL(call) #call, SYS_##call
#define IS(index, value)                                                                           \
	{                                                                                          \
		JAIL_IS, index, value                                                              \
	}
#define WITHIN(index, value)                                                                       \
	{                                                                                          \
		JAIL_WITHIN, index, value                                                          \
	}
#define IOCTL(request)                                                                             \
	"ioctl " #request, SYS_ioctl,                                                              \
	{                                                                                          \
		IS(1, request)                                                                     \
	}
#define ANY                                                                                        \
	{                                                                                          \
		{                                                                                  \
			JAIL_ANY, 0, 0                                                             \
		}                                                                                  \
	}
#define OWN_PROCESS                                                                                \
	{                                                                                          \
		{                                                                                  \
			JAIL_OWN_PROCESS, 0, 0                                                     \
		}                                                                                  \
	}
#define MOVED_THREAD                                                                               \
	{                                                                                          \
		{                                                                                  \
			JAIL_MOVED_THREAD, 0, 0                                                    \
		}                                                                                  \
	}

static const struct jail_rule run[] = {
	{ IOCTL(KVM_RUN), "the guest" },
	{ IOCTL(KVM_IRQ_LINE), "the UART's interrupt" },
	{ IOCTL(KVM_GET_ONE_REG), "the PC, in messages; PMCR_EL0.N, for a reset" },
	{ IOCTL(KVM_GET_MP_STATE), "whether a vCPU was off at the end" },
	{ IOCTL(KVM_SET_USER_MEMORY_REGION), "zeroes for absent flash; the memory of a new VM" },
	{ IOCTL(TCGETS), "takes the terminal" },
	{ IOCTL(TCSETS), "takes the terminal and gives it back" },
	{ IOCTL(TCGETS2), "takes the terminal, C libraries from glibc 2.42" },
	{ IOCTL(TCSETS2), "the same" },
	{ IOCTL(TIOCGPGRP), "whether the terminal is ours" },
	{ CALL(write), ANY, "console, records, messages, waking the main thread" },
	{ CALL(ppoll), ANY, "the main thread waits for everything; a slow reader of a FIFO" },
	{ CALL(read), ANY, "input, signals, being woken" },
	{ CALL(futex), ANY, "locks, and the start barrier" },
	{ CALL(sched_setaffinity),
	  { IS(0, 0) },
	  "a vCPU's own hops, and away from a CPU that KVM refuses" },
	{ CALL(timer_settime), ANY, "a write that must not wait for its reader" },
	{ CALL(getrusage), ANY, "whether the scheduler may have moved a vCPU in a window" },
	{ CALL(getcpu), ANY, "the CPU of a window, where the C library has no rseq" },
	{ CALL(clock_gettime), ANY, "the time, where the vDSO cannot tell it" },
	{ CALL(clock_nanosleep), ANY, "--settle; a lock whose holder has lost its CPU" },
	{ CALL(tgkill), OWN_PROCESS, "the end: kicks the vCPUs; SIGSTOP to itself" },
	{ CALL(getpid), ANY, "with tgkill" },
	{ CALL(gettid), ANY, "with tgkill" },
	{ CALL(rt_sigreturn), ANY, "the end of a kick" },
	{ CALL(rt_sigprocmask), ANY, "with SIGSTOP" },
	{ CALL(ftruncate), ANY, "a line of a record that a full disk has cut" },
	{ CALL(getpgid), ANY, "whether the terminal is ours" },
	{ CALL(restart_syscall), ANY, "waiting for the vCPUs continues after SIGCONT" },
	{ CALL(close), ANY, "the end: files" },
	{ CALL(exit_group), ANY, "the end" },
};

static const struct jail_rule reset[] = {
	{ IOCTL(KVM_CREATE_VM), "a new VM" },
	{ IOCTL(KVM_GET_VCPU_MMAP_SIZE), "the size of what a vCPU shares with us" },
	{ IOCTL(KVM_CREATE_VCPU), "its vCPUs" },
	{ IOCTL(KVM_ARM_PREFERRED_TARGET), "the same" },
	{ IOCTL(KVM_ARM_VCPU_INIT), "the same" },
	{ IOCTL(KVM_CREATE_DEVICE), "its GIC" },
	{ IOCTL(KVM_SET_DEVICE_ATTR), "its GIC and PMU" },
	{ IOCTL(KVM_SET_ONE_REG), "entry, device tree, PMCR_EL0.N" },
	{ CALL(mmap),
	  { WITHIN(2, PROT_READ | PROT_WRITE), IS(3, MAP_SHARED) },
	  "what its vCPUs share with us" },
	{ CALL(munmap), ANY, "what those of the old one shared" },
	{ CALL(madvise), { IS(2, MADV_DONTNEED) }, "zeroes its RAM" },
	{ CALL(pread64), ANY, "its image, from the file that is open still" },
};

static const struct jail_rule move[] = {
	{ CALL(sched_setaffinity), MOVED_THREAD, "the vCPUs' hops" },
};

#define LIST(list) #list, list, sizeof(list) / sizeof((list)[0])

const struct jail_rules jail_rules[JAIL_LISTS] = {
	[JAIL_RUN] = { LIST(run) },
	[JAIL_RESET] = { LIST(reset) },
	[JAIL_MOVE] = { LIST(move) },
};
