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

/* Whether the process, if it is there, has this parent; whether it blocks or catches the signal. */
static bool look_at(pid_t pid, int signal, int parent, bool *ready)
{
	unsigned long long mask, signals = 0;
	char text[256];
	FILE *file;
	int own = 0;

	snprintf(text, sizeof(text), "/proc/%d/status", pid);
	file = fopen(text, "re");
	if (!file)
		return false;
	while (fgets(text, sizeof(text), file))
		if (sscanf(text, "SigBlk: %llx", &mask) == 1 ||
		    sscanf(text, "SigCgt: %llx", &mask) == 1)
			signals |= mask;
		else
			sscanf(text, "PPid: %d", &own);
	fclose(file);
	*ready = signals >> (signal - 1) & 1;
	return own == parent;
}

/* The command, or its child if it has one, waits for the signal, as with a signalfd. */
static bool ready_for(pid_t pid, int signal)
{
	bool ready;

	for (pid_t next = pid + 1; next < pid + 20; next++)
		if (look_at(next, signal, pid, &ready))
			return ready;
	return look_at(pid, signal, getpid(), &ready) && ready;
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
