/* SPDX-License-Identifier: MIT */
/*
 * Runs a command under conditions that a test sets, where there is no shell:
 *
 *     with [uid=N] [cpu=N] [signal=N] [rss] COMMAND...
 *
 * uid: as this user. cpu: allowed on this CPU only. signal: sent 300 ms after the
 * command has made itself ready for it, or after 10 s. rss: prints how much memory the
 * command had at most. Exits with the command's
 * status, or 200 + N if signal N killed it.
 */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

/* Whether the process blocks the signal, as for a signalfd, or catches it. */
static bool ready_for(pid_t pid, int signal)
{
	unsigned long long mask, ready = 0;
	char text[256];
	FILE *file;

	snprintf(text, sizeof(text), "/proc/%d/status", pid);
	file = fopen(text, "re");
	if (!file)
		die(text);
	while (fgets(text, sizeof(text), file))
		if (sscanf(text, "SigBlk: %llx", &mask) == 1 ||
		    sscanf(text, "SigCgt: %llx", &mask) == 1)
			ready |= mask;
	fclose(file);
	return ready >> (signal - 1) & 1;
}

int main(int argc, char **argv)
{
	int value, status, to_send = 0, i;
	struct rusage usage;
	bool rss = false;
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
		} else if (!strcmp(argv[i], "rss")) {
			rss = true;
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
		for (int tries = 0; tries < 1000 && !ready_for(child, to_send); tries++)
			usleep(10000);
		usleep(300000);
		if (kill(child, to_send) < 0)
			die("kill");
	}
	if (wait4(child, &status, 0, &usage) != child)
		die("wait4");
	if (rss)
		printf("rss %ld kB\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}
