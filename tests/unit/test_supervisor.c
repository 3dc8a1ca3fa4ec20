/* SPDX-License-Identifier: MIT */
/* The VMM's parent: it ends as the VMM does, hands signals on, stops and dies with it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail_capture.h"
#include "sigsys.h"
#include "supervisor.h"

static enum jail_mode jail = JAIL_ON;
static int out[2]; /* from the VMM; closed when it is gone */

/* A supervisor whose VMM is @vmm; exits with 100 + what it returned if that had a message. */
static pid_t start(void (*vmm)(void))
{
	enum status status;
	pid_t supervisor;

	assert_int_equal(pipe(out), 0);
	supervisor = fork();
	assert_true(supervisor >= 0);
	if (supervisor == 0) {
		close(out[0]);
		fail_text[0] = '\0';
		if (supervise(jail, &status)) {
			vmm();
			_exit(0);
		}
		_exit((int)status + (fail_text[0] ? 100 : 0));
	}
	close(out[1]);
	return supervisor;
}

static void say(char byte)
{
	if (write(out[1], &byte, 1) != 1)
		_exit(99);
}

static char hear(void)
{
	char byte = 0;

	return read(out[0], &byte, 1) == 1 ? byte : 0;
}

static int end_of(pid_t supervisor)
{
	int status;

	assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
	close(out[0]);
	return status;
}

static void exit_7(void)
{
	_exit(7);
}

/* Kills who calls sync(). */
static void take_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sync, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(99);
}

static void make_a_call(void)
{
	signal(SIGSYS, SIG_DFL); /* cmocka's, for tests that die */
	sync();
}

static void make_a_forbidden_call(void)
{
	take_filter();
	make_a_call();
}

static void be_sent_sigsys(void)
{
	signal(SIGSYS, SIG_DFL);
	raise(SIGSYS);
}

static void be_killed(void)
{
	raise(SIGKILL);
}

static void be_terminated(void)
{
	raise(SIGTERM);
}

static void ends_as_the_vmm_does(void **state)
{
	int status;

	(void)state;
	status = end_of(start(exit_7));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	status = end_of(start(make_a_forbidden_call));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 100 + STATUS_JAIL);
	signal(SIGSYS, SIG_DFL);
	status = end_of(start(be_sent_sigsys));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = end_of(start(be_killed));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	status = end_of(start(be_terminated));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* In a process of its own: a filter stays. */
static int of_a_filtered_parent(void (*vmm)(void))
{
	pid_t parent = fork();
	int status;

	assert_true(parent >= 0);
	if (parent == 0) {
		take_filter();
		_exit(WEXITSTATUS(end_of(start(vmm))));
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	return WEXITSTATUS(status);
}

static void says_whose_filter_killed(void **state)
{
	(void)state;
	assert_int_equal(of_a_filtered_parent(make_a_call), 100 + STATUS_HOST);
	assert_int_equal(of_a_filtered_parent(make_a_forbidden_call), 100 + STATUS_JAIL);
	jail = JAIL_LOG;
	assert_int_equal(WEXITSTATUS(end_of(start(make_a_forbidden_call))), 100 + STATUS_HOST);
	jail = JAIL_ON;

	assert_int_equal(sigsys_filters(-1), -1);
	fail_reset();
	assert_failed(sigsys_judge(JAIL_ON, 0, 1), STATUS_JAIL, "the jail killed the VMM: ");
	assert_failed(sigsys_judge(JAIL_ON, 2, 2), STATUS_HOST, "SystemCallFilter=");
	assert_failed(sigsys_judge(JAIL_ON, 2, 3), STATUS_JAIL, "the jail killed the VMM, or a");
	assert_failed(sigsys_judge(JAIL_ON, -1, -1), STATUS_JAIL, "the jail killed the VMM, or a");
	assert_failed(sigsys_judge(JAIL_LOG, -1, -1), STATUS_HOST, "SystemCallFilter=");
}

static void with_sigchld_ignored(void **state)
{
	int status;
	pid_t supervisor;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	supervisor = start(exit_7);
	signal(SIGCHLD, SIG_DFL);
	status = end_of(supervisor);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void took(int signal)
{
	_exit(signal);
}

static void wait_for_signals(void)
{
	const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], took);
	say('r');
	for (;;)
		pause();
}

static void hands_signals_on(void **state)
{
	const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1 };

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid_t supervisor = start(wait_for_signals);
		int status;

		assert_int_equal(hear(), 'r');
		assert_int_equal(kill(supervisor, signals[i]), 0);
		status = end_of(supervisor);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), signals[i]);
	}
}

static void stop_and_go_on(void)
{
	raise(SIGSTOP);
	say('c');
}

static void stops_and_goes_on_with_it(void **state)
{
	pid_t supervisor = start(stop_and_go_on);
	int status;

	(void)state;
	assert_int_equal(waitpid(supervisor, &status, WUNTRACED), supervisor);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(supervisor, SIGCONT), 0);
	assert_int_equal(hear(), 'c');
	status = end_of(supervisor);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void run_for_ever(void)
{
	say('r');
	for (;;)
		pause();
}

static void takes_the_vmm_with_it(void **state)
{
	pid_t supervisor = start(run_for_ever);
	int status;

	(void)state;
	assert_int_equal(hear(), 'r');
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(hear(), 0); /* nobody has the pipe open any more */
	status = end_of(supervisor);
	assert_true(WIFSIGNALED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_as_the_vmm_does),
		cmocka_unit_test(says_whose_filter_killed),
		cmocka_unit_test(with_sigchld_ignored),
		cmocka_unit_test(hands_signals_on),
		cmocka_unit_test(stops_and_goes_on_with_it),
		cmocka_unit_test(takes_the_vmm_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
