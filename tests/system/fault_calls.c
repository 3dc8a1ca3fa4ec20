/* SPDX-License-Identifier: MIT */
#include <asm/ioctls.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/syscall.h>

#include "fault_calls.h"

#define COMMON                                                                                     \
	(E(EINTR) | E(EAGAIN) | E(ENOMEM) | E(EBUSY) | E(ENODEV) | E(EPERM) | E(EFAULT) |          \
	 E(EMFILE) | E(E2BIG) | E(EINVAL))
#define FILES  (COMMON | E(EIO) | E(ENOSPC))
#define NEVER  0
#define ALWAYS UINT64_MAX

#define CALL(name)    #name, SYS_##name, 0
#define REQUEST(name) "ioctl:" #name, SYS_ioctl, (unsigned)name

/* The first rule that fits is the call's. */
static const struct rule rules[] = {
	{ REQUEST(KVM_RUN), NULL, COMMON, "KVM_RUN", NULL, E(EINTR) | E(EAGAIN), SAME,
	  "run again" },
	{ REQUEST(KVM_GET_API_VERSION), NULL, COMMON, "KVM_GET_API_VERSION", NULL, NEVER, SAME,
	  NULL },
	{ REQUEST(KVM_CHECK_EXTENSION), NULL, COMMON, "KVM_CHECK_EXTENSION", NULL, NEVER, SAME,
	  NULL },
	{ REQUEST(KVM_CREATE_VM), NULL, COMMON, "KVM_CREATE_VM", NULL, NEVER, SAME, NULL },
	{ REQUEST(KVM_GET_VCPU_MMAP_SIZE), NULL, COMMON, "KVM_GET_VCPU_MMAP_SIZE", NULL, NEVER,
	  SAME, NULL },
	{ REQUEST(KVM_SET_USER_MEMORY_REGION), NULL, COMMON, "KVM_SET_USER_MEMORY_REGION", NULL,
	  NEVER, SAME, NULL },
	{ REQUEST(KVM_CREATE_VCPU), NULL, COMMON, "KVM_CREATE_VCPU|KVM takes no more than",
	  "takes no more than", NEVER, SAME, NULL },
	{ REQUEST(KVM_ARM_PREFERRED_TARGET), NULL, COMMON, "KVM_ARM_PREFERRED_TARGET", NULL, NEVER,
	  SAME, NULL },
	{ REQUEST(KVM_ARM_VCPU_INIT), NULL, COMMON, "KVM_ARM_VCPU_INIT", "no host PMU covers",
	  E(EINVAL) | E(ENODEV), LESS, "of a throw-away vCPU: the feature is not there" },
	{ REQUEST(KVM_CREATE_DEVICE), NULL, COMMON, "KVM_CREATE_DEVICE|--gic|GIC",
	  "cannot emulate|has room for", NEVER, SAME, NULL },
	{ REQUEST(KVM_HAS_DEVICE_ATTR), NULL, COMMON | E(ENXIO), "KVM_HAS_DEVICE_ATTR", NULL,
	  E(ENXIO), LESS, "the attribute is not there" },
	{ REQUEST(KVM_GET_DEVICE_ATTR), NULL, COMMON | E(ENXIO), "KVM_GET_DEVICE_ATTR", NULL,
	  ALWAYS, LESS, "of a throw-away vCPU: the number is another attribute's" },
	{ REQUEST(KVM_SET_DEVICE_ATTR), NULL, COMMON | E(ENXIO),
	  "KVM_SET_DEVICE_ATTR|SET_PMU|FIXED_COUNTERS_ONLY|--pmu-filter|--pmu-counters", NULL,
	  ALWAYS, LESS, "of a throw-away vCPU: the mode is not offered" },
	{ REQUEST(KVM_SET_ONE_REG), NULL, COMMON, "KVM_SET_ONE_REG|--pmu-counters", NULL, NEVER,
	  SAME, NULL },
	{ REQUEST(KVM_GET_ONE_REG), NULL, COMMON, "--pmu-counters", NULL, ALWAYS, SAME,
	  "a PC for a message" },
	{ REQUEST(KVM_IRQ_LINE), NULL, COMMON, "KVM_IRQ_LINE", NULL, NEVER, SAME, NULL },
	{ REQUEST(TCGETS), NULL, COMMON | E(ENOTTY), "", NULL, ALWAYS, LESS,
	  "stdin is no terminal" },
	{ REQUEST(TCSETS), NULL, COMMON, "", NULL, ALWAYS, LESS, "keys come a line at a time" },
	{ REQUEST(TIOCGPGRP), NULL, COMMON | E(ENOTTY), "", NULL, ALWAYS, LESS,
	  "in the background" },

	{ CALL(openat), "/topology/", FILES, "", NULL, ALWAYS, LESS, "the cluster is not known" },
	{ CALL(openat), "/cpus", FILES | E(ENOENT), "/cpus|host PMU", "has no host PMU", E(ENOENT),
	  LESS, "this device is no core PMU" },
	{ CALL(openat), "/event_source/devices", FILES | E(ENOENT), "core PMU", "has no core PMU",
	  E(ENOENT), LESS, "a kernel without perf has no such folder" },
	{ CALL(openat), "/cpu/online", FILES | E(ENOENT) | E(EACCES), "", NULL, ALWAYS, TELLS,
	  "fewer CPUs are shown, and a line says so" },
	{ CALL(openat), NULL, FILES | E(ENOENT) | E(EACCES), "", "permission denied", NEVER, SAME,
	  NULL },
	{ CALL(getdents64), NULL, FILES, "", NULL, NEVER, SAME, NULL },
	{ CALL(newfstatat), "/sys/", FILES, "", NULL, NEVER, SAME, NULL },
	{ CALL(newfstatat), ".bin", FILES, "", NULL, NEVER, SAME, NULL },
	{ CALL(newfstatat), NULL, FILES, "", NULL, ALWAYS, SAME,
	  "how to write to it is taken for granted" },
	{ CALL(pread64), NULL, FILES, "", NULL, E(EINTR), SAME, "read again" },
	{ CALL(read), "/topology/", FILES, "", NULL, ALWAYS, LESS, "the cluster is not known" },
	{ CALL(read), "/cpu/online", FILES & ~E(EINTR), "", NULL, ALWAYS, TELLS,
	  "fewer CPUs are shown, and a line says so" },
	{ CALL(read), "/sys/", FILES, "", NULL, E(EINTR), SAME, "read again" },
	{ CALL(read), "eventfd", E(EINTR) | E(EAGAIN), "", NULL, ALWAYS, SAME, "polled again" },
	{ CALL(read), "signalfd", E(EINTR) | E(EAGAIN), "", NULL, ALWAYS, SAME, "polled again" },
	{ CALL(read), NULL, FILES, "", NULL, ALWAYS, LESS, "stdin has ended" },
	{ CALL(write), "eventfd", E(EINTR), "", NULL, ALWAYS, SAME, "written again" },
	{ CALL(write), "fault.err", FILES, "", NULL, ALWAYS, LESS, "nobody can be told" },
	{ CALL(write), NULL, FILES | E(EPIPE), "stdout|--record|--trace|--dtb-out", NULL,
	  E(EINTR) | E(EAGAIN) | E(EPIPE), LESS, "written again; or nobody reads" },
	{ CALL(ftruncate), NULL, FILES, "--record|--trace", NULL, ALWAYS, SAME,
	  "the cut line stays" },
	{ CALL(close), NULL, FILES, "", NULL, ALWAYS, SAME, "it is closed all the same" },
	{ CALL(fcntl), NULL, COMMON, "", NULL, NEVER, SAME, NULL },
	{ CALL(dup), NULL, COMMON, "--record", NULL, NEVER, SAME, NULL },

	{ CALL(mmap), "kvm-vcpu", COMMON, "mmap of vCPU", NULL, NEVER, SAME, NULL },
	{ CALL(mmap), NULL, COMMON, "map|thread|cannot be written",
	  "Resource temporarily unavailable", ALWAYS, SAME, "the C library has other memory" },
	{ CALL(brk), NULL, E(ENOMEM), "", NULL, ALWAYS, SAME, "the C library maps instead" },
	{ CALL(mprotect), NULL, E(ENOMEM) | E(EAGAIN) | E(EACCES), "thread",
	  "Resource temporarily unavailable", ALWAYS, SAME, "the C library has other memory" },
	{ CALL(munmap), NULL, E(ENOMEM) | E(EINVAL), "", NULL, ALWAYS, SAME, "the end unmaps all" },
	{ CALL(madvise), NULL, COMMON, "madvise", NULL, ALWAYS, SAME,
	  "large pages are a help; a stack is given back later" },

	{ CALL(sched_getaffinity), NULL, COMMON, "sched_getaffinity", NULL, NEVER, SAME, NULL },
	{ CALL(sched_setaffinity), NULL, COMMON, "sched_setaffinity|cannot move", NULL, NEVER, SAME,
	  NULL },
	{ CALL(sched_setscheduler), NULL, COMMON, "", NULL, ALWAYS, LESS,
	  "timed moves come later" },
	{ CALL(clone3), NULL, E(EAGAIN) | E(ENOMEM) | E(EPERM) | E(ENOSYS), "thread",
	  "Resource temporarily unavailable", E(ENOSYS), SAME, "clone() instead" },
	{ CALL(clone), NULL, E(EAGAIN) | E(ENOMEM) | E(EPERM), "thread",
	  "Resource temporarily unavailable", ALWAYS, SAME,
	  "a filter that would kill is not found out about" },
	{ CALL(eventfd2), NULL, COMMON | E(ENFILE), "eventfd", NULL, NEVER, SAME, NULL },
	{ CALL(signalfd4), NULL, COMMON | E(ENFILE), "signalfd", NULL, NEVER, SAME, NULL },
	{ CALL(timer_create), NULL, E(EAGAIN) | E(ENOMEM) | E(EINVAL), "timer_create", NULL, NEVER,
	  SAME, NULL },
	{ CALL(timer_settime), NULL, 0, "", NULL, ALWAYS, SAME, "a bad pointer's only failures" },
	{ CALL(rt_sigaction), NULL, E(EINVAL) | E(EFAULT), "signal", NULL, ALWAYS, SAME,
	  "one is the C library's, which does not look" },
	{ CALL(rt_sigprocmask), NULL, 0, "", NULL, ALWAYS, SAME, "a bad pointer's only failures" },
	{ CALL(ppoll), NULL, COMMON, "", NULL, ALWAYS, SAME, "polled again" },
	{ CALL(clock_nanosleep), NULL, E(EINTR), "", NULL, ALWAYS, SAME,
	  "only the end interrupts it" },
	{ CALL(tgkill), NULL, E(EAGAIN) | E(EPERM) | E(ESRCH), "", NULL, ALWAYS, SAME,
	  "kicked again" },
	{ CALL(futex), NULL, 0, "", NULL, ALWAYS, SAME,
	  "the C library ends the process on what the operation cannot give" },
	{ CALL(prctl), NULL, E(EPERM) | E(EINVAL), "PR_SET|PR_GET", NULL, NEVER, SAME, NULL },
	{ CALL(seccomp), NULL, E(EINVAL) | E(ENOMEM) | E(EACCES) | E(EPERM), "seccomp|filter",
	  "this kernel has no seccomp filters", NEVER, SAME, NULL },
	{ CALL(landlock_create_ruleset), NULL, COMMON | E(ENOSYS) | E(EACCES) | E(EPERM),
	  "Landlock", NULL, E(ENOSYS) | E(EACCES) | E(EPERM), SAME,
	  "a kernel without Landlock, or a profile that does not know it" },
	{ CALL(landlock_restrict_self), NULL, COMMON, "Landlock", NULL, NEVER, SAME, NULL },
	{ CALL(capset), NULL, E(EPERM) | E(EINVAL) | E(EFAULT), "capset", NULL, NEVER, SAME, NULL },
	{ CALL(wait4), NULL, 0, "", NULL, ALWAYS, SAME, "the child is there" },
	{ CALL(sigaltstack), NULL, E(EPERM) | E(ENOMEM), "", NULL, ALWAYS, SAME,
	  "only an overflow of the stack goes unnamed" },
	{ CALL(getrusage), NULL, 0, "", NULL, ALWAYS, SAME, "a bad pointer's only failures" },
	{ CALL(set_robust_list), NULL, 0, "", NULL, ALWAYS, SAME, "the C library's" },
	{ CALL(rseq), NULL, 0, "", NULL, ALWAYS, SAME, "the C library's" },
};

static const struct {
	const char *name;
	int number;
} errors[] = {
#define NAME(error)                                                                                \
	{                                                                                          \
#error, error                                                                      \
	}
	NAME(EPERM),  NAME(ENOENT), NAME(ESRCH),  NAME(EINTR),  NAME(EIO),
	NAME(ENXIO),  NAME(E2BIG),  NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES),
	NAME(EFAULT), NAME(EBUSY),  NAME(ENODEV), NAME(EINVAL), NAME(ENFILE),
	NAME(EMFILE), NAME(ENOTTY), NAME(ENOSPC), NAME(EPIPE),  NAME(ENOSYS),
};

const struct rule *rule_of(const struct call *call)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];

		if (rule->nr == call->nr && rule->request == call->request &&
		    (!rule->object || strstr(call->object, rule->object)))
			return rule;
	}
	return NULL;
}

int rule_find(const char *name, size_t length, int *nr, unsigned *request)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strlen(rules[i].name) == length && !memcmp(rules[i].name, name, length)) {
			*nr = rules[i].nr;
			*request = rules[i].request;
			return 1;
		}
	return 0;
}

const char *error_name(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == error)
			return errors[i].name;
	return NULL;
}

int error_find(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	return 0;
}
