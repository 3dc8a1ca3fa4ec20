/* SPDX-License-Identifier: MIT */
/*
 * Runs a command and holds the system calls of each jailed thread against the jail's rules:
 *
 *     calls COMMAND...
 *
 * writes the file "record": "used LIST RULE" for each rule that allowed a call, "missing THREAD
 * NUMBER ARG0 ARG1 ARG2 ARG3" for each call that none allows, of "main" or "vcpu". To see one, the
 * command has to run minivmm with --jail=log, which lets it pass. KVM_RUN is not looked at: it is
 * too frequent, and nobody doubts that it is needed. Exits with the command's status, 200 + N if
 * signal N killed it.
 *
 * A filter of its own stops all processes and threads that descend from the command at their
 * calls; job control goes on as usual (PTRACE_SEIZE and PTRACE_LISTEN).
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/jail_rules.h"

#define MAX_THREADS 1024
#define MAX_MISSING 100
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |  \
	 PTRACE_O_EXITKILL)

struct thread {
	pid_t tid, process;
};

static struct thread threads[MAX_THREADS];
static size_t nthreads;
static pid_t jailed; /* the process whose threads have a filter */
static bool used[JAIL_LISTS][JAIL_MOST];
static char missing[MAX_MISSING][120];
static size_t nmissing;

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static pid_t process_of(pid_t tid)
{
	char path[64], line[128];
	int process = tid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tgid: %d", &process) == 1)
			break;
	if (file)
		fclose(file);
	return process;
}

static struct thread *find(pid_t tid)
{
	for (size_t i = 0; i < nthreads; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	if (nthreads == MAX_THREADS)
		die("calls: too many threads");
	threads[nthreads] = (struct thread){ .tid = tid, .process = process_of(tid) };
	return &threads[nthreads++];
}

static bool fits(const struct jail_argument *argument, const struct thread *thread, uint64_t value)
{
	switch (argument->check) {
	case JAIL_ANY:
		return true;
	case JAIL_IS:
		return value == argument->value;
	case JAIL_WITHIN:
		return !(value & ~(uint64_t)argument->value);
	case JAIL_OWN_PROCESS:
		return value == (uint64_t)thread->process;
	case JAIL_MOVED_THREAD:
		return value && find((pid_t)value)->process == thread->process;
	}
	return false;
}

static bool allows(const struct jail_rule *rule, const struct thread *thread, uint64_t number,
		   const uint64_t *args)
{
	if ((uint64_t)rule->call != number)
		return false;
	for (int i = 0; i < JAIL_ARGUMENTS; i++)
		if (!fits(&rule->arguments[i], thread, args[rule->arguments[i].index]))
			return false;
	return true;
}

static void note_missing(const char *who, uint64_t number, const uint64_t *args)
{
	char line[sizeof(missing[0])];

	snprintf(line, sizeof(line),
		 "missing %s %" PRIu64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64, who,
		 number, args[0], args[1], args[2], args[3]);
	for (size_t i = 0; i < nmissing; i++)
		if (!strcmp(missing[i], line))
			return;
	if (nmissing < MAX_MISSING)
		memcpy(missing[nmissing++], line, sizeof(line));
}

static void judge(const struct thread *thread, uint64_t number, const uint64_t *args)
{
	bool allowed = false;

	for (int list = 0; list < JAIL_LISTS; list++)
		for (size_t i = 0; i < jail_rules[list].count; i++)
			if (allows(&jail_rules[list].rules[i], thread, number, args))
				used[list][i] = allowed = true;
	if (!allowed)
		note_missing(thread->tid == thread->process ? "main" : "vcpu", number, args);
}

static void take_call(pid_t tid)
{
	struct __ptrace_syscall_info info;
	const struct thread *thread = find(tid);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return; /* killed meanwhile */
	if (thread->process == jailed)
		judge(thread, info.seccomp.nr, info.seccomp.args);
	else if (info.seccomp.nr == SYS_seccomp &&
		 info.seccomp.args[0] == SECCOMP_SET_MODE_FILTER && info.seccomp.args[2])
		jailed = thread->process; /* if this fails, minivmm ends */
}

/* Lets the thread go on from the stop that waitpid() told of. */
static void go_on(pid_t tid, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, tid, 0, 0); /* it is stopped, until SIGCONT */
		return;
	}
	if (event == PTRACE_EVENT_SECCOMP)
		take_call(tid);
	ptrace(PTRACE_CONT, tid, 0, event ? 0 : signal);
}

/* For the command, and all that descends from it. */
static void trace_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("seccomp");
}

/* Stopped until it is traced. */
static pid_t start(char **argv)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		raise(SIGSTOP);
		trace_calls();
		execvp(argv[0], argv);
		die(argv[0]);
	}
	if (waitpid(child, &status, WUNTRACED) != child ||
	    ptrace(PTRACE_SEIZE, child, 0, OPTIONS) < 0)
		die("PTRACE_SEIZE");
	kill(child, SIGCONT);
	return child;
}

static void write_record(void)
{
	FILE *file;

	unlink("record"); /* the command's own, perhaps on a disk that is full */
	file = fopen("record", "we");
	if (!file)
		die("record");
	for (int list = 0; list < JAIL_LISTS; list++)
		for (size_t i = 0; i < jail_rules[list].count; i++)
			if (used[list][i])
				fprintf(file, "used %s %s\n", jail_rules[list].name,
					jail_rules[list].rules[i].name);
	for (size_t i = 0; i < nmissing; i++)
		fprintf(file, "%s\n", missing[i]);
	if (fclose(file))
		die("record");
}

int main(int argc, char **argv)
{
	int status, result = 125;
	pid_t child, tid;

	if (argc < 2)
		die("calls COMMAND...");
	child = start(argv + 1);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			go_on(tid, status);
		else if (tid == child)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
	}
	write_record();
	return result;
}
