/* SPDX-License-Identifier: MIT */
/*
 * Runs a command under conditions that a test sets, where there is no shell:
 *
 *     with [uid=N] [cpu=N] [signal=N] COMMAND...
 *
 * uid: as this user. cpu: allowed on this CPU only. signal: sent 300 ms after the
 * start. Exits with the command's status, or 200 + N if signal N killed it.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int number(const char *argument, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length) || argument[length] != '=')
		return -1;
	return atoi(argument + length + 1);
}

static void die(const char *what)
{
	perror(what);
	exit(125);
}

int main(int argc, char **argv)
{
	int value, status, to_send = 0, i;
	pid_t child;

	for (i = 1; i < argc; i++) {
		if ((value = number(argv[i], "uid")) >= 0) {
			if (setuid((uid_t)value) < 0)
				die("setuid");
		} else if ((value = number(argv[i], "cpu")) >= 0) {
			cpu_set_t set;

			CPU_ZERO(&set);
			CPU_SET((size_t)value, &set);
			if (sched_setaffinity(0, sizeof(set), &set) < 0)
				die("sched_setaffinity");
		} else if ((value = number(argv[i], "signal")) >= 0) {
			to_send = value;
		} else {
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
		usleep(300000);
		if (kill(child, to_send) < 0)
			die("kill");
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}
