/* SPDX-License-Identifier: MIT */
/*
 * Runs a command under conditions that a test sets, where there is no shell:
 *
 *     with [uid=N] [cpu=N] [cpuset[=LIST]] [shown=LIST] [out=FILE] [small=KIB] [signal=N]
 *          [again=N] [env=NAME=VALUE] [kill=N] [storm=US] [unplug=CPU] [rss] [stuck=FD] [closed=FD]
 * [ignore=N] [fsize=KIB] [stack=KIB] [full=FIFO] [slow=FIFO] [gone=FIFO] [unread=FIFO]
 * [filter=ERRNO] [warning=MS] COMMAND...
 *
 * uid: as this user. cpu: allowed on this CPU only. cpuset: in a cgroup with the cpuset
 * controller on, as systemd has them, which allows these CPUs. shown: sysfs says that these are
 * online, as in a container. out: stdout goes there. small: the files
 * "record" and "trace" are on a file system of this size. signal: sent 300 ms after the
 * command has made itself ready for it, or after 10 s. storm: SIGUSR1 to each of its threads
 * every so many microseconds, from when it catches that. again: sends signal N
 * 300 ms after that of signal=. env: is in its environment. kill: sends signal N to the command
 * once that catches SIGUSR1. unplug: from then on takes this CPU and the next offline and brings
 * them back, again and again. rss: prints how much memory the command had at most.
 *
 * stuck: this descriptor is a pipe that is full, and that nobody reads. closed: it is closed.
 * ignore: signal N is ignored. fsize, stack: the limits of a file's and the stack's size. The
 * FIFOs are made: full is as stuck, slow has a reader that takes 512 bytes in 5 ms, the reader of
 * gone leaves after some bytes, unread has none. Exits with the command's status, or 200 + N if
 * signal N killed it.
 *
 * filter: a system call filter as a systemd unit's, without seccomp and Landlock, that gives this
 * errno; 0: that kills. warning: the kernel logs a warning every so many milliseconds.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "with_common.h"
#include "with_conditions.h"
#include "with_signals.h"

int main(int argc, char **argv)
{
	int value, status, to_send = 0, again = 0, to_kill = 0, period = 0, cpu = -1, i;
	struct rusage usage;
	bool rss = false;
	pid_t child;

	for (i = 1; i < argc; i++) {
		if ((value = number(argv[i], "signal")) >= 0) {
			to_send = value;
		} else if (!strcmp(argv[i], "rss")) {
			rss = true;
		} else if ((value = number(argv[i], "storm")) > 0) {
			period = value;
		} else if ((value = number(argv[i], "again")) > 0) {
			again = value;
		} else if ((value = number(argv[i], "kill")) > 0) {
			to_kill = value;
		} else if ((value = number(argv[i], "unplug")) > 0) {
			cpu = value;
		} else if (!arrange(argv[i])) {
			break;
		}
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		execvp(argv[i], argv + i);
		die(argv[i]);
	}
	if (to_send) {
		await(child, to_send);
		send_late(child, to_send);
	}
	if (again)
		send_late(child, again);
	if (to_kill)
		kill_ready(child, to_kill);
	if (period)
		storm(child, period);
	if (cpu > 0)
		unplug(child, cpu);
	if (wait4(child, &status, 0, &usage) != child)
		die("wait4");
	if (rss)
		printf("rss %ld kB\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}
