/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "fail.h"
#include "resource.h"
#include "sigsys.h"
#include "supervisor.h"

/* SIGUSR1 is the VMM's own and does nothing to it; others end both, as they always do. */
static void watched_signals(sigset_t *set)
{
	static const int signals[] = { SIGCHLD, SIGHUP,  SIGINT,  SIGQUIT,
				       SIGTERM, SIGTSTP, SIGCONT, SIGUSR1 };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

/* Returns how the VMM ended, as waitpid() says it; @filters: sigsys_filters() if by SIGSYS. */
static int watch(pid_t vmm, const sigset_t *signals, int *filters)
{
	siginfo_t info;
	int how;

	for (;;) {
		int signal = sigwaitinfo(signals, &info);

		/* Above 0 it is the kernel's, for the whole process group, or no signal at all. */
		if (signal != SIGCHLD && signal > 0 && info.si_code <= 0)
			kill(vmm, signal);
		/* Two SIGCHLDs may become one, of the first: then @filters stays unknown. */
		if (signal == SIGCHLD && info.si_status == SIGSYS)
			*filters = sigsys_filters(vmm);
		if (signal != SIGCHLD || waitpid(vmm, &how, WUNTRACED | WNOHANG) != vmm)
			continue;
		if (!WIFSTOPPED(how))
			return how;
		raise(SIGSTOP);
	}
}

static void name_signal(int signal)
{
	fail(STATUS_INTERNAL, "signal %d (%s) killed the VMM%s", signal, strsignal(signal),
	     signal == SIGKILL ? "; the kernel's log says whether it ran out of memory" : "");
}

/* The core, if there is one, is the VMM's. */
static void die_of(int signal_number)
{
	sigset_t set;

	prctl(PR_SET_DUMPABLE, 0);
	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal_number);
}

bool supervise(enum jail_mode jail, enum status *status)
{
	pid_t self = getpid(), vmm;
	struct termios saved;
	bool terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
	sigset_t signals, before;
	int how, filters = -1;

	watched_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would not leave us the status */
	vmm = fork();
	if (vmm == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			_exit((int)fail_errno(STATUS_INTERNAL, "PR_SET_PDEATHSIG"));
		if (getppid() != self) /* too late */
			_exit(STATUS_INTERNAL);
		return true;
	}
	if (vmm < 0) {
		*status = fail_resource("cannot fork the VMM's process");
		return false;
	}
	how = watch(vmm, &signals, &filters);
	*status = (enum status)(WIFEXITED(how) ? WEXITSTATUS(how) : STATUS_SIGNAL + WTERMSIG(how));
	if (WIFEXITED(how))
		return false;
	/* What is said now must not wait for its reader for ever. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (terminal && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	/* Without any filter it was a signal like others. */
	if (WTERMSIG(how) == SIGSYS && filters)
		*status = sigsys_judge(jail, sigsys_filters(self), filters);
	else {
		name_signal(WTERMSIG(how));
		die_of(WTERMSIG(how));
	}
	return false;
}
