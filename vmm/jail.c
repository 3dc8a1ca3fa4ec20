/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"
#include "jail.h"
#include "jail_filter.h"

/*
 * None is left in any set but the bounding set, which says what execve() may add: with
 * no_new_privs it adds nothing.
 */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return (int)syscall(SYS_capset, &header, none);
}

/* What confines needs no privilege: where it is not permitted, it is by somebody else's filter. */
static enum status forbidden(const char *call)
{
	if (errno != EPERM)
		return fail_errno(STATUS_INTERNAL, "%s", call);
	return fail_errno(
		STATUS_HOST,
		"%s: a system call filter that minivmm was started with forbids it; allow "
		"seccomp, landlock_create_ruleset, landlock_restrict_self and capset there "
		"(systemd: SystemCallFilter=, containers: the seccomp profile), or use "
		"--jail=off",
		call);
}

enum status jail_process(const struct jail *jail)
{
	if (jail->mode == JAIL_OFF)
		return STATUS_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(STATUS_INTERNAL, "PR_SET_NO_NEW_PRIVS");
	/* A kernel that knows filters looks for one there. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == EPERM)
		return forbidden("seccomp");
	if (errno != EFAULT)
		return fail(STATUS_HOST,
			    "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), which "
			    "confine minivmm; use one that has, or --jail=off");
	if (jail->mode == JAIL_LOG)
		return STATUS_OK;
	if (landlock_close() < 0)
		return forbidden("Landlock");
	if (drop_capabilities() < 0)
		return forbidden("capset");
	return STATUS_OK;
}

static void allow_list(const struct jail *jail, enum jail_list list, struct jail_filter *filter)
{
	for (size_t i = 0; i < jail_rules[list].count; i++) {
		const struct jail_rule *rule = &jail_rules[list].rules[i];

		if (rule->check == JAIL_OWN_PROCESS)
			jail_filter_allow(filter, rule, (uint32_t)getpid());
		else if (rule->check != JAIL_MOVED_THREAD)
			jail_filter_allow(filter, rule, rule->value);
		else
			for (int thread = 0; thread < jail->nmoved; thread++)
				jail_filter_allow(filter, rule, (uint32_t)jail->moved[thread]);
	}
}

enum status jail_thread(const struct jail *jail, enum jail_list role)
{
	struct jail_filter filter;
	struct sock_fprog program = { .filter = filter.code };

	if (jail->mode == JAIL_OFF)
		return STATUS_OK;
	jail_filter_begin(&filter, AUDIT_ARCH_AARCH64,
			  jail->mode == JAIL_LOG ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS);
	allow_list(jail, role, &filter);
	if (role == JAIL_MAIN && jail->resets)
		allow_list(jail, JAIL_RESET, &filter);
	if (role == JAIL_MAIN && jail->nmoved)
		allow_list(jail, JAIL_MOVE, &filter);
	if (!jail_filter_end(&filter))
		return fail(STATUS_USAGE,
			    "--migrate: the jail has no room for rules to move %d vCPUs in time; "
			    "lower --cpus, or use step: or --jail=off",
			    jail->nmoved);
	program.len = filter.length;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return fail_errno(STATUS_INTERNAL, "the jail's system call filter");
	return STATUS_OK;
}
