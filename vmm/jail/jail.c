/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "jail/jail.h"
#include "jail/jail_code.h"
#include "jail_programs.h"

#define FOREIGN                                                                                    \
	"a system call filter that minivmm was started with forbids it; allow seccomp, "           \
	"landlock_create_ruleset, landlock_restrict_self and capset there (systemd: "              \
	"SystemCallFilter=, containers: the seccomp profile), or use --jail=off"

/* No capability is left in any set but the bounding set, which limits what execve() may add. With
 * no_new_privs execve() adds nothing. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return (int)syscall(SYS_capset, &header, none);
}

/* These calls need no privilege, so EPERM comes from a system call filter that minivmm was started
 * with. */
static enum status forbidden(const char *call)
{
	if (errno != EPERM && errno != EACCES)
		return fail_errno(STATUS_INTERNAL, "%s", call);
	return fail_errno(STATUS_HOST, "%s: " FOREIGN, call);
}

/*
 * Whether a filter that minivmm was started with kills who makes these calls: a child tries. Where
 * fork() fails, minivmm finds out itself, and dies unnamed.
 */
static bool confining_kills(const struct jail *jail)
{
	int how = 0;
	pid_t child;

	signal(SIGCHLD, SIG_DFL); /* who ignores it gets no child's status */
	child = fork();
	if (child == 0) {
		signal(SIGSYS, SIG_DFL);
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL);
		if (jail->mode == JAIL_ON && landlock_close() == 0)
			drop_capabilities();
		_exit(0);
	}
	while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFSIGNALED(how) && WTERMSIG(how) == SIGSYS;
}

enum status jail_process(const struct jail *jail)
{
	int filters;

	if (jail->mode == JAIL_OFF)
		return STATUS_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(STATUS_INTERNAL, "PR_SET_NO_NEW_PRIVS");
	filters = prctl(PR_GET_SECCOMP);
	if (filters < 0)
		return fail_errno(STATUS_HOST,
				  "PR_GET_SECCOMP: this kernel has no seccomp, which "
				  "confines minivmm; use a kernel that has it, or --jail=off");
	if (filters == SECCOMP_MODE_FILTER && confining_kills(jail))
		return fail(STATUS_HOST, "entering the jail: " FOREIGN);
	if (jail->mode == JAIL_LOG)
		return STATUS_OK;
	if (landlock_close() < 0)
		return forbidden("Landlock");
	if (drop_capabilities() < 0)
		return forbidden("capset");
	return STATUS_OK;
}

/* Returns the instruction with the run's value in place of the mark. */
static struct sock_filter complete(const struct jail *jail, struct sock_filter code)
{
	uint32_t thread = code.k - JAIL_THREAD_MARK;

	if (code.code == (BPF_RET | BPF_K) && code.k == SECCOMP_RET_TRAP && jail->mode == JAIL_LOG)
		code.k = SECCOMP_RET_LOG;
	if (code.code != (BPF_JMP | BPF_JEQ | BPF_K))
		return code;
	if (code.k == JAIL_PROCESS_MARK)
		code.k = (uint32_t)getpid();
	else if (thread < MAX_VCPUS) /* several marks stand for one thread */
		code.k = (uint32_t)jail->moved[thread % (uint32_t)jail->nmoved];
	return code;
}

/* The error line of the call that installs the filter. @result above 0 is a thread that cannot take
 * it. */
static enum status fail_filter(long result)
{
	if (result > 0)
		return fail(
			STATUS_INTERNAL,
			"the jail's system call filter: thread %ld cannot take it (seccomp with "
			"TSYNC)",
			result);
	if (errno == ENOSYS || errno == EINVAL)
		return fail(STATUS_HOST,
			    "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), which "
			    "confine minivmm; use a kernel that has it, or --jail=off");
	return forbidden("seccomp");
}

enum status jail_calls(const struct jail *jail)
{
	const struct jail_program *made = &jail_programs[jail->resets][jail->nmoved > 0];
	struct sock_filter code[JAIL_PROGRAM_ROOM];
	struct sock_fprog program = { made->length, code };
	long result;

	for (size_t i = 0; i < made->length; i++)
		code[i] = complete(jail, made->code[i]);
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	return result ? fail_filter(result) : STATUS_OK;
}
