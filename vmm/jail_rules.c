/* SPDX-License-Identifier: MIT */
/*
 * Every system call after the start, by thread. Most frequent first: a call costs what the
 * rules before its own cost. No list has a call that opens, executes or creates anything,
 * but for what a reset of the guest needs.
 */
#include <asm/ioctls.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "jail_rules.h"

#define CALL(call)     #call, SYS_##call
#define IOCTL(request) "ioctl " #request, SYS_ioctl, JAIL_IS, 1, request
#define ANY            JAIL_ANY, 0, 0
#define IS(arg, value) JAIL_IS, arg, value
#define NO_EXEC        JAIL_LACKS, 2, PROT_EXEC
#define OWN_PROCESS    JAIL_OWN_PROCESS, 0, 0
#define MOVED_THREAD   JAIL_MOVED_THREAD, 0, 0

static const struct jail_rule vcpu[] = {
	{ IOCTL(KVM_RUN), "the guest" },
	{ IOCTL(KVM_IRQ_LINE), "the UART's interrupt" },
	{ IOCTL(KVM_GET_ONE_REG), "the PC, in messages" },
	{ CALL(write), ANY, "console, records, messages, waking the main thread" },
	{ CALL(futex), ANY, "locks, and the gate" },
	{ CALL(sched_setaffinity), IS(0, 0),
	  "this thread's hops, and away from a CPU that KVM refuses" },
	{ CALL(clock_nanosleep), ANY, "--settle; a lock whose holder has lost its CPU" },
	{ CALL(ppoll), ANY, "a slow reader of a FIFO" },
	{ CALL(tgkill), OWN_PROCESS, "the end: kicks the other vCPUs" },
	{ CALL(getpid), ANY, "with tgkill" },
	{ CALL(gettid), ANY, "with tgkill" },
	{ CALL(rt_sigreturn), ANY, "the end of a kick" },
	{ CALL(brk), ANY, "the summary remembers each window" },
	{ CALL(mmap), NO_EXEC, "the same, if they are many" },
	{ CALL(getcpu), ANY, "the CPU of a window, where the C library has no rseq" },
	{ CALL(getrusage), ANY, "whether the scheduler may have moved it in a window" },
	{ CALL(clock_gettime), ANY, "the time, where the vDSO cannot tell it" },
};

static const struct jail_rule main_thread[] = {
	{ CALL(ppoll), ANY, "waits for everything" },
	{ CALL(read), ANY, "input, signals, being woken" },
	{ CALL(write), ANY, "console, records, messages, --trace" },
	{ CALL(timer_settime), ANY, "a write that must not wait for its reader" },
	{ CALL(ftruncate), ANY, "a line of a record that a full disk has cut" },
	{ CALL(futex), ANY, "locks, and the gate" },
	{ CALL(clock_nanosleep), ANY, "a lock whose holder has lost its CPU" },
	{ IOCTL(KVM_IRQ_LINE), "the UART's interrupt, for input" },
	{ CALL(tgkill), OWN_PROCESS, "the end: kicks the vCPUs; SIGSTOP to itself" },
	{ CALL(getpid), ANY, "with tgkill" },
	{ CALL(gettid), ANY, "with tgkill" },
	{ CALL(rt_sigprocmask), ANY, "with SIGSTOP" },
	{ CALL(rt_sigreturn), ANY, "the end of a SIGUSR1 from outside, which does nothing" },
	{ CALL(getpgid), ANY, "whether the terminal is ours" },
	{ IOCTL(TIOCGPGRP), "the same" },
	{ IOCTL(KVM_GET_ONE_REG), "what a vCPU was doing at the end; PMCR_EL0.N, for a reset" },
	{ IOCTL(KVM_GET_MP_STATE), "whether it was off" },
	{ IOCTL(TCGETS), "takes the terminal" },
	{ IOCTL(TCSETS), "takes the terminal and gives it back" },
	{ CALL(restart_syscall), ANY, "waiting for the vCPUs goes on after SIGCONT" },
	{ CALL(clock_gettime), ANY, "the time, where the vDSO cannot tell it" },
	{ CALL(brk), ANY, "the summary" },
	{ CALL(mmap), NO_EXEC, "the same, of many windows; the zeroes of absent flash" },
	{ IOCTL(KVM_SET_USER_MEMORY_REGION), "the zeroes of absent flash; the memory of a new VM" },
	{ CALL(sysinfo), ANY, "qsort() for the summary asks how much memory there is" },
	{ CALL(munmap), ANY, "the end: guest memory" },
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
	{ CALL(sched_setaffinity), IS(0, 0), "the CPU that decides about the default PMU" },
	{ CALL(mmap), NO_EXEC, "its memory, and what vCPUs share with us" },
	{ CALL(madvise), IS(2, MADV_HUGEPAGE), "its memory, if that is large" },
	{ CALL(pread64), ANY, "its image, from the file that is open still" },
};

static const struct jail_rule move[] = {
	{ CALL(sched_setaffinity), MOVED_THREAD, "the vCPUs' hops" },
};

#define LIST(list) #list, list, sizeof(list) / sizeof((list)[0])

const struct jail_rules jail_rules[JAIL_LISTS] = {
	[JAIL_VCPU] = { LIST(vcpu) },
	[JAIL_MAIN] = { LIST(main_thread) },
	[JAIL_RESET] = { LIST(reset) },
	[JAIL_MOVE] = { LIST(move) },
};
