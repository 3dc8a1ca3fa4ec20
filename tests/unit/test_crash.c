/* SPDX-License-Identifier: MIT */
/* What kills the VMM is named, whichever thread it strikes; the terminal's turn comes before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"
#include "jail/crash.h"

#define SMALL_STACK (64 << 10) /* and the crash's own */
#define FORBIDDEN   SYS_sync

static void (*body)(void);

static void restore(void *owner)
{
	(void)owner;
	if (write(STDERR_FILENO, "restored\n", 9) != 9)
		_exit(99);
}

static void *as_vcpu(void *unused)
{
	char stack[CRASH_STACK];

	crash_thread(5, stack);
	body();
	return unused;
}

static void on_a_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CRASH_STACK + SMALL_STACK);
	if (pthread_create(&thread, &attributes, as_vcpu, NULL))
		_exit(99);
	pthread_join(thread, NULL);
}

static int how; /* the process ended */
static char said[1024];

static void crash(void (*what)(void), bool vcpu)
{
	int ends[2];
	size_t count = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		body = what;
		crash_catch();
		crash_before(restore, NULL);
		if (vcpu)
			on_a_thread();
		else
			body();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + count, sizeof(said) - 1 - count)) > 0)
		count += (size_t)got;
	said[count] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &how, 0), child);
}

static void expect_line(const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "restored\nminivmm: %s\n", text);
	assert_string_equal(said, line);
}

static void expect_signal(int signal, const char *name, const char *thread)
{
	char line[200];

	snprintf(line, sizeof(line), "signal %d (%s) killed the VMM, in %s", signal, name, thread);
	expect_line(line);
	assert_true(WIFSIGNALED(how));
	assert_int_equal(WTERMSIG(how), signal);
}

static volatile int *volatile nothing; /* what the compiler cannot know */

/* UBSan would say so before the handler does. */
static __attribute__((no_sanitize("null"))) void read_nothing(void)
{
	*nothing;
}

static volatile bool deeper = true;

static int go_deep(int level)
{
	volatile char frame[4096];

	frame[0] = (char)level;
	return (deeper ? go_deep(level + 1) : 0) + frame[0];
}

static void overflow_the_stack(void)
{
	go_deep(0);
}

static void be_sent_a_signal(void)
{
	kill(getpid(), SIGBUS);
}

static void faults_are_named(void **state)
{
	(void)state;
	crash(read_nothing, false);
	expect_signal(SIGSEGV, "Segmentation fault", "the main thread");
	crash(read_nothing, true);
	expect_signal(SIGSEGV, "Segmentation fault", "vCPU 5's thread");
	crash(overflow_the_stack, true);
	expect_signal(SIGSEGV, "Segmentation fault", "vCPU 5's thread");
	crash(abort, true);
	expect_signal(SIGABRT, "Aborted", "vCPU 5's thread");
	crash(be_sent_a_signal, false);
	expect_signal(SIGBUS, "Bus error", "the main thread");
}

/* A filter whose answer to sync() is a trap. */
static void take_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORBIDDEN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(99);
}

static void sync_under_a_filter(void)
{
	take_filter();
	syscall(FORBIDDEN);
	fputs("survived\n", stderr);
}

static void sync_in_the_jail(void)
{
	crash_jailed();
	sync_under_a_filter();
}

static void be_sent_sigsys(void)
{
	raise(SIGSYS);
}

static void expect_call(int status, const char *whose)
{
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), status);
	assert_memory_equal(said, "restored\nminivmm: ", 18);
	assert_non_null(strstr(said, whose));
	assert_null(strstr(said, "survived"));
}

static void forbidden_calls_are_named(void **state)
{
	char text[100];

	(void)state;
	snprintf(text, sizeof(text), "the jail forbids system call %d (", FORBIDDEN);
	crash(sync_in_the_jail, true);
	expect_call(STATUS_JAIL, text);
	assert_non_null(strstr(said, "which vCPU 5's thread made; --jail=log"));
	crash(sync_under_a_filter, false);
	expect_call(STATUS_HOST, "a system call filter that minivmm was started with forbids");
	crash(be_sent_sigsys, false);
	expect_call(STATUS_SIGNAL + SIGSYS, "signal 31 (Bad system call) killed the VMM");
}

static pthread_barrier_t together;

static void *call_together(void *unused)
{
	pthread_barrier_wait(&together);
	syscall(FORBIDDEN);
	return unused;
}

/* So that the others have time to say something too. */
static void restore_slowly(void *owner)
{
	usleep(20000);
	restore(owner);
}

static void call_on_many_threads(void)
{
	pthread_t thread;

	crash_before(restore_slowly, NULL);
	pthread_barrier_init(&together, NULL, 4);
	crash_jailed();
	take_filter();
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, call_together, NULL))
			_exit(99);
	call_together(NULL);
	pause();
}

static void one_line_however_many_make_one(void **state)
{
	(void)state;
	for (int times = 0; times < 5; times++) {
		crash(call_on_many_threads, false);
		expect_call(STATUS_JAIL, "the jail forbids");
		assert_null(strstr(strstr(said, "forbids") + 1, "forbids"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_named),
		cmocka_unit_test(forbidden_calls_are_named),
		cmocka_unit_test(one_line_however_many_make_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
