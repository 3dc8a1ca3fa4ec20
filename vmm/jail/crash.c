/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/crash.h"
#include "base/fail.h"
#include "jail/jail_code.h"
#include "jail_programs.h"

#define BY_FILTER 1 /* SYS_SECCOMP of <asm/siginfo.h>, which <signal.h> keeps out */

static void (*restore_terminal)(void *owner);
static void *restore_owner;
static _Thread_local int thread = -1; /* its vCPU; -1: the main thread */
static atomic_int crashing;           /* the first thread that does */
static bool caught, jailed;

static const char *thread_name(void)
{
	static char name[32]; /* only one thread gets here */

	if (thread < 0)
		return "the main thread";
	snprintf(name, sizeof(name), "vCPU %d's thread", thread);
	return name;
}

static const char *call_name(int number)
{
	const char *name = jail_call_names;

	if (number < 0)
		return "unknown";
	while (number-- > 0 && name < jail_call_names + sizeof(jail_call_names) - 1)
		name += strlen(name) + 1;
	return *name ? name : "unknown";
}

/* True in the first thread only; later threads wait for the end of the process. */
static bool is_first(void)
{
	int none = 0, self = (int)syscall(SYS_gettid);

	if (atomic_compare_exchange_strong(&crashing, &none, self))
		return true;
	while (none != self)
		poll(NULL, 0, -1);
	return false; /* in what follows, which ends here */
}

static enum status fail_call(int number)
{
	if (jailed)
		return fail(STATUS_JAIL,
			    "the jail forbids system call %d (%s), which %s made; --jail=log "
			    "reports all such calls",
			    number, call_name(number), thread_name());
	return fail(STATUS_HOST,
		    "a system call filter that minivmm was started with forbids system call %d "
		    "(%s), which %s made; allow it there",
		    number, call_name(number), thread_name());
}

/* From here on all system calls are in the jail's rules, and nothing takes a lock. */
static void prepare_end(void)
{
	fail_through(NULL, NULL);
	if (restore_terminal)
		restore_terminal(restore_owner);
}

static enum status fail_signal(int signal)
{
	fail(STATUS_INTERNAL, "signal %d (%s) killed the VMM, in %s", signal, sigdescr_np(signal),
	     thread_name());
	return (enum status)(STATUS_SIGNAL + signal);
}

static void end_by_call(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (!is_first())
		return;
	prepare_end();
	_exit((int)(info->si_code == BY_FILTER ? fail_call(info->si_syscall)
					       : fail_signal(signal)));
}

/* The signal's action is the default again: sending it once more ends the process, with a core dump
 * if one is wanted. */
static void end_by_fault(int signal)
{
	if (is_first()) {
		prepare_end();
		fail_signal(signal);
	}
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

static void take_stack(void *stack)
{
	const stack_t own = { .ss_sp = stack, .ss_size = CRASH_STACK };

	(void)sigaltstack(&own, NULL); /* without it only a stack overflow is not reported */
}

void crash_thread(int vcpu, void *stack)
{
	thread = vcpu;
	if (caught)
		take_stack(stack);
}

void crash_catch(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	static char stack[CRASH_STACK];
	const struct sigaction call = { .sa_sigaction = end_by_call,
					.sa_flags = SA_SIGINFO | SA_ONSTACK };
	const struct sigaction fault = { .sa_handler = end_by_fault,
					 .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };

	caught = true;
	take_stack(stack);
	(void)sigaction(SIGSYS, &call, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)sigaction(faults[i], &fault, NULL);
}

void crash_jailed(void)
{
	jailed = true;
}

void crash_before(void (*restore)(void *owner), void *owner)
{
	restore_owner = owner;
	restore_terminal = restore;
}
