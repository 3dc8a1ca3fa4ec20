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

#define CALL(name, why)                                                                            \
	{                                                                                          \
#name, SYS_##name, JAIL_ANY, 0, 0, why                                             \
	}
#define IOCTL(request, why)                                                                        \
	{                                                                                          \
		"ioctl " #request, SYS_ioctl, JAIL_IS, 1, request, why                             \
	}
#define CALL_IS(name, arg, value, why)                                                             \
	{                                                                                          \
#name, SYS_##name, JAIL_IS, arg, value, why                                        \
	}
#define NO_EXEC(name, why)                                                                         \
	{                                                                                          \
#name, SYS_##name, JAIL_LACKS, 2, PROT_EXEC, why                                   \
	}

static const struct jail_rule vcpu[] = {
	IOCTL(KVM_RUN, "the guest"),
	IOCTL(KVM_IRQ_LINE, "the UART's interrupt"),
	IOCTL(KVM_GET_ONE_REG, "the PC, in messages"),
	CALL(write, "console, records, messages, waking the main thread"),
	CALL(ftruncate, "a line of a record that a full disk has cut"),
	CALL(futex, "locks, and the gate"),
	CALL_IS(sched_setaffinity, 0, 0,
		"this thread's hops, and away from a CPU that KVM refuses"),
	CALL(clock_nanosleep, "--settle"),
	CALL(ppoll, "a slow reader of the console"),
	{ "tgkill", SYS_tgkill, JAIL_OWN_PROCESS, 0, 0, "the end: kicks the other vCPUs" },
	CALL(getpid, "with tgkill"),
	CALL(gettid, "with tgkill"),
	CALL(rt_sigreturn, "the end of a kick"),
	CALL(brk, "the summary remembers each window"),
	NO_EXEC(mmap, "the same, if they are many"),
	CALL(mremap, "the same"),
	CALL(munmap, "the same"),
	CALL(getcpu, "the CPU of a window, where the C library has no rseq"),
	CALL(clock_gettime, "the time, where the vDSO cannot tell it"),
};

static const struct jail_rule main_thread[] = {
	CALL(ppoll, "waits for everything"),
	CALL(read, "input, signals, being woken"),
	CALL(write, "console, records, messages, --trace"),
	CALL(ftruncate, "a line of a record that a full disk has cut"),
	CALL(futex, "locks, and the gate"),
	IOCTL(KVM_IRQ_LINE, "the UART's interrupt, for input"),
	{ "tgkill", SYS_tgkill, JAIL_OWN_PROCESS, 0, 0,
	  "the end: kicks the vCPUs; SIGSTOP to itself" },
	CALL(getpid, "with tgkill"),
	CALL(gettid, "with tgkill"),
	CALL(rt_sigprocmask, "with SIGSTOP"),
	CALL(getpgid, "whether the terminal is ours"),
	IOCTL(TIOCGPGRP, "the same"),
	IOCTL(TCGETS, "takes the terminal"),
	IOCTL(TCSETS, "takes the terminal and gives it back"),
	CALL(restart_syscall, "waiting for the vCPUs goes on after SIGCONT"),
	CALL(clock_gettime, "the time, where the vDSO cannot tell it"),
	CALL(brk, "the summary"),
	NO_EXEC(mmap, "the same, of many windows"),
	CALL(sysinfo, "qsort() for the summary asks how much memory there is"),
	CALL(munmap, "the end: guest memory"),
	CALL(close, "the end: files"),
	CALL(exit_group, "the end"),
};

static const struct jail_rule reset[] = {
	IOCTL(KVM_CREATE_VM, "a new VM"),
	IOCTL(KVM_GET_VCPU_MMAP_SIZE, "the size of what a vCPU shares with us"),
	IOCTL(KVM_SET_USER_MEMORY_REGION, "its memory"),
	IOCTL(KVM_CREATE_VCPU, "its vCPUs"),
	IOCTL(KVM_ARM_PREFERRED_TARGET, "the same"),
	IOCTL(KVM_ARM_VCPU_INIT, "the same"),
	IOCTL(KVM_CREATE_DEVICE, "its GIC"),
	IOCTL(KVM_SET_DEVICE_ATTR, "its GIC and PMU"),
	IOCTL(KVM_GET_ONE_REG, "PMCR_EL0.N"),
	IOCTL(KVM_SET_ONE_REG, "entry, device tree, PMCR_EL0.N"),
	CALL_IS(sched_setaffinity, 0, 0, "the CPU that decides about the default PMU"),
	NO_EXEC(mmap, "its memory, and what vCPUs share with us"),
	CALL_IS(madvise, 2, MADV_HUGEPAGE, "its memory, if that is large"),
	CALL(pread64, "its image, from the file that is open still"),
};

static const struct jail_rule move[] = {
	{ "sched_setaffinity", SYS_sched_setaffinity, JAIL_MOVED_THREAD, 0, 0, "the vCPUs' hops" },
};

#define LIST(title, list)                                                                          \
	{                                                                                          \
		title, list, sizeof(list) / sizeof((list)[0])                                      \
	}

const struct jail_rules jail_rules[JAIL_LISTS] = {
	[JAIL_VCPU] = LIST("vCPU threads", vcpu),
	[JAIL_MAIN] = LIST("main thread", main_thread),
	[JAIL_RESET] = LIST("main thread, unless --no-reboot", reset),
	[JAIL_MOVE] = LIST("main thread, with a timed plan", move),
};
