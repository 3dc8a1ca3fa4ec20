/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for minivmm that its guest has taken over: it enters the jail as a role does,
 * by the same code, and makes a call.
 *
 *     jailed ROLE CALL...   exits as minivmm would; if the thread lives through all CALLs, they
 *                           print what came of them
 *     jailed numbers        every call number, with each program, a process each
 *     jailed rules          the rules
 *
 * ROLE: vcpu, main: a vCPU's and the main thread of a guest with --no-reboot; reset: of one that
 * may reset itself; timed: and with a timed plan; timed-no-reboot; log: a vCPU's with --jail=log;
 * files: one with only jail_process(), no filter; apart: one with a filter of its own already.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/crash.h"
#include "jail/jail.h"
#include "jail/jail_rules.h"

#define NUMBERS 512 /* more than any kernel has */
#define KVM_FD  9

struct call {
	const char *name;
	long (*make)(void);
};

static long raw(long number, long a, long b, long c, long d)
{
	return syscall(number, a, b, c, d, 0, 0);
}

/* Each where minivmm could be, if it were taken over: with what would work without a jail. */
static long call_open(void)
{
	return open("/dev/null", O_RDONLY);
}

static long call_create(void)
{
	return open("/root/new", O_WRONLY | O_CREAT, 0600);
}

static long call_openat2(void)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = { O_RDONLY, 0, 0 };

	return raw(SYS_openat2, AT_FDCWD, (long)"/dev/null", (long)&how, sizeof(how));
}

static long call_mkdir(void)
{
	return mkdir("/root/folder", 0700);
}

static long call_unlink(void)
{
	return unlink("/root/off.bin");
}

static long call_truncate(void)
{
	return truncate("/root/off.bin", 0);
}

static long call_execve(void)
{
	char *const argv[] = { "/bin/bench-true", NULL };

	return execv(argv[0], argv);
}

static long call_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long call_ptrace(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), 0, 0);
}

static long call_process_vm_writev(void)
{
	return raw(SYS_process_vm_writev, 1, 0, 0, 0);
}

static long call_fork(void)
{
	return raw(SYS_clone, SIGCHLD, 0, 0, 0);
}

static long call_kill(void)
{
	return kill(getppid(), 0);
}

static long call_tgkill_other(void)
{
	return raw(SYS_tgkill, 1, 1, SIGTERM, 0);
}

static long call_ioctl_create_vm(void)
{
	return ioctl(KVM_FD, KVM_CREATE_VM, 0);
}

static long call_ioctl_memory(void)
{
	return ioctl(KVM_FD, KVM_SET_USER_MEMORY_REGION, NULL);
}

/* As the kernel looks at 32 bits, this would run the guest. */
static long call_ioctl_upper(void)
{
	return raw(SYS_ioctl, KVM_FD, (long)(KVM_RUN | 1ull << 32), 0, 0);
}

static long call_ioctl_type(void)
{
	return ioctl(0, TIOCSTI, "x");
}

static long call_mmap_exec(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long call_mmap_anonymous(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long call_brk(void)
{
	return raw(SYS_brk, 0, 0, 0, 0);
}

static long call_mprotect_exec(void)
{
	return mprotect((void *)((uintptr_t)call_mprotect_exec & ~4095ul), 4096,
			PROT_READ | PROT_EXEC);
}

static long call_affinity_other(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(1, sizeof(set), &set);
}

static long call_prctl(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

static long call_seccomp(void)
{
	return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0, 0);
}

static long call_setuid(void)
{
	return raw(SYS_setuid, 1000, 0, 0, 0); /* the C library has all threads call it */
}

static long call_sethostname(void)
{
	return sethostname("taken", 5);
}

/* What is allowed, for real. */
static long call_write(void)
{
	return write(STDERR_FILENO, "", 0);
}

static long call_mmap_shared(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, KVM_FD, 0);
}

static long call_affinity_own(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static long call_kick_own(void)
{
	return raw(SYS_tgkill, getpid(), gettid(), SIGUSR1, 0);
}

#define CALL(name)                                                                                 \
	{                                                                                          \
#name, call_##name                                                                 \
	}

static const struct call calls[] = {
	CALL(open),
	CALL(create),
	CALL(openat2),
	CALL(mkdir),
	CALL(unlink),
	CALL(truncate),
	CALL(execve),
	CALL(socket),
	CALL(ptrace),
	CALL(process_vm_writev),
	CALL(fork),
	CALL(kill),
	CALL(tgkill_other),
	CALL(ioctl_create_vm),
	CALL(ioctl_memory),
	CALL(ioctl_type),
	CALL(ioctl_upper),
	CALL(mmap_exec),
	CALL(mmap_anonymous),
	CALL(mmap_shared),
	CALL(brk),
	CALL(mprotect_exec),
	CALL(affinity_other),
	CALL(prctl),
	CALL(seccomp),
	CALL(setuid),
	CALL(sethostname),
	CALL(write),
	CALL(affinity_own),
	CALL(kick_own),
};

static const struct role {
	const char *name;
	bool vcpu, filter, apart;
	struct jail jail;
} roles[] = {
	{ .name = "main", .filter = true },
	{ .name = "reset", .filter = true, .jail = { .resets = true } },
	{ .name = "timed",
	  .filter = true,
	  .jail = { .resets = true, .nmoved = 2, .moved = { 4711, 4712 } } },
	{ .name = "timed-no-reboot",
	  .filter = true,
	  .jail = { .nmoved = 2, .moved = { 4711, 4712 } } },
	{ .name = "vcpu", .vcpu = true, .filter = true },
	{ .name = "apart", .vcpu = true, .filter = true, .apart = true },
	{ .name = "log", .vcpu = true, .filter = true, .jail = { .mode = JAIL_LOG } },
	{ .name = "files", .vcpu = true },
};

#define PROGRAMS 4 /* the first roles, one each */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static void die(const char *what)
{
	fprintf(stderr, "jailed: %s: %s\n", what, strerror(errno));
	exit(125);
}

struct attempt {
	const struct role *role;
	char **names;
	sem_t ready, go, done;
};

static const struct call *find_call(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(calls[i].name, name))
			return &calls[i];
	errno = EINVAL;
	die(name);
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

/* Of this thread alone, which allows all. */
static void take_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = { 1, &allow };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("seccomp");
}

/* Only write() is left to it, and the semaphore. */
static void *taken_over(void *argument)
{
	struct attempt *attempt = argument;
	const struct role *role = attempt->role;
	const struct call *wanted[ARRAY_SIZE(calls)];
	size_t count = 0;
	char line[80], stack[CRASH_STACK];

	for (; attempt->names[count] && count < ARRAY_SIZE(calls); count++)
		wanted[count] = find_call(attempt->names[count]);
	if (role->vcpu)
		crash_thread(0, stack);
	if (role->apart)
		take_filter();
	sem_post(&attempt->ready);
	sem_wait(&attempt->go);
	for (size_t i = 0; i < count; i++) {
		long result = wanted[i]->make();
		int length = snprintf(line, sizeof(line), "%s: %s\n", wanted[i]->name,
				      result == -1 ? strerrorname_np(errno) : "done");

		if (write(STDOUT_FILENO, line, (size_t)length) != length)
			break;
	}
	sem_post(&attempt->done);
	if (role->vcpu) /* the end of a thread is not in the rules */
		for (;;)
			syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	return NULL;
}

static int attempt(const struct role *role, char **names)
{
	struct attempt attempt = { .role = role, .names = names };
	enum status status;
	pthread_t thread;

	crash_catch();
	signal(SIGUSR1, ignore);
	if (dup2(0, KVM_FD) < 0) /* no file that could be harmed, but one that is open */
		die("dup2");
	if (jail_process(&role->jail))
		return 125;
	sem_init(&attempt.ready, 0, 0);
	sem_init(&attempt.go, 0, 0);
	sem_init(&attempt.done, 0, 0);
	if (role->vcpu && pthread_create(&thread, NULL, taken_over, &attempt))
		die("pthread_create");
	/* As in minivmm, where the start barrier keeps the vCPUs. */
	if (role->vcpu)
		sem_wait(&attempt.ready);
	status = role->filter ? jail_calls(&role->jail) : STATUS_OK;
	if (status)
		return (int)status;
	if (role->filter && role->jail.mode == JAIL_ON)
		crash_jailed();
	sem_post(&attempt.go);
	if (!role->vcpu)
		taken_over(&attempt);
	while (sem_wait(&attempt.done) < 0)
		;
	return 0;
}

/* Whether a rule of the role allows the call with arguments of -1. */
static bool expected(const struct role *role, int number)
{
	for (int list = 0; list < JAIL_LISTS; list++) {
		bool has = list == JAIL_RUN || (list == JAIL_RESET && role->jail.resets);

		for (size_t i = 0; has && i < jail_rules[list].count; i++) {
			const struct jail_rule *rule = &jail_rules[list].rules[i];

			if (rule->call == number && rule->arguments[0].check == JAIL_ANY)
				return true;
		}
	}
	return false;
}

/* A process that lives through the call kills itself by a call that each role may make. */
static bool survives(const struct role *role, int number)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		if (jail_calls(&role->jail))
			_exit(125);
		syscall(number, -1l, -1l, -1l, -1l, -1l, -1l);
		syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* Lines for docs/security.md: role, numbers tried, killed. */
static int try_numbers(void)
{
	int wrong = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("PR_SET_NO_NEW_PRIVS");
	for (size_t i = 0; i < PROGRAMS; i++) {
		int killed = 0;

		for (int number = 0; number < NUMBERS; number++) {
			bool lives = survives(&roles[i], number);

			killed += !lives;
			if (lives == expected(&roles[i], number))
				continue;
			wrong++;
			printf("wrong: %s %d %s\n", roles[i].name, number,
			       lives ? "lives" : "is killed");
		}
		printf("%s %d %d\n", roles[i].name, NUMBERS, killed);
		fflush(stdout);
	}
	return wrong ? 1 : 0;
}

static void print_argument(const struct jail_argument *argument, const char *before)
{
	if (argument->check == JAIL_ANY)
		return;
	printf("%sargument %u ", before, argument->index);
	if (argument->check == JAIL_WITHIN)
		printf("has no bit but 0x%x", argument->value);
	else if (argument->check == JAIL_OWN_PROCESS)
		printf("is this process");
	else if (argument->check == JAIL_MOVED_THREAD)
		printf("is a vCPU's thread");
	else
		printf("is 0x%x", argument->value);
}

static void print_rule(const char *list, const struct jail_rule *rule)
{
	printf("%s\t%s\t", list, rule->name);
	for (int i = 0; i < JAIL_ARGUMENTS; i++)
		print_argument(&rule->arguments[i], i ? ", " : "");
	printf("\t%s\n", rule->why);
}

static int print_rules(void)
{
	for (int list = 0; list < JAIL_LISTS; list++)
		for (size_t i = 0; i < jail_rules[list].count; i++)
			print_rule(jail_rules[list].name, &jail_rules[list].rules[i]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "numbers"))
		return try_numbers();
	if (argc == 2 && !strcmp(argv[1], "rules"))
		return print_rules();
	for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(roles); i++)
		if (!strcmp(argv[1], roles[i].name))
			return attempt(&roles[i], argv + 2);
	errno = EINVAL;
	die("ROLE CALL..., numbers or rules");
	return 125;
}
