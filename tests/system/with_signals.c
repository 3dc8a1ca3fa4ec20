/* SPDX-License-Identifier: MIT */
/* What comes while with's command runs: signals, and CPUs that go offline. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "with_common.h"
#include "with_signals.h"

/* Whether @signal is in the set that /proc has as @name: SigBlk or SigCgt. */
static bool is_in(pid_t pid, const char *name, int signal)
{
	unsigned long long mask = 0;
	size_t length = strlen(name);
	char text[256];
	FILE *file;

	snprintf(text, sizeof(text), "/proc/%d/status", pid);
	file = fopen(text, "re");
	if (!file)
		return false;
	while (fgets(text, sizeof(text), file))
		if (!strncmp(text, name, length) && sscanf(text + length, ": %llx", &mask) == 1)
			break;
	fclose(file);
	return mask >> (signal - 1) & 1;
}

/* The command blocks or catches the signal: it waits for it, as with a signalfd. */
static bool ready_for(pid_t pid, int signal)
{
	return is_in(pid, "SigBlk", signal) || is_in(pid, "SigCgt", signal);
}

/* minivmm catches it when all is set up. From glibc 2.41 on, fork() blocks signals in the child. */
static bool takes_kicks(pid_t pid)
{
	return is_in(pid, "SigCgt", SIGUSR1);
}

void await(pid_t pid, int signal)
{
	/* A child that has just been forked looks ready, as its parent is. */
	for (int tries = 0, seen = 0; tries < 1000 && seen < 10; tries++) {
		seen = ready_for(pid, signal) ? seen + 1 : 0;
		usleep(10000);
	}
}

void send_late(pid_t pid, int signal)
{
	usleep(300000);
	if (kill(pid, signal) < 0)
		die("kill");
}

static void signal_threads(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = opendir(path);
	while (threads && (entry = readdir(threads)))
		if (entry->d_name[0] != '.')
			syscall(SYS_tgkill, pid, atoi(entry->d_name), SIGUSR1);
	if (threads)
		closedir(threads);
}

static bool has_ended(pid_t pid)
{
	siginfo_t ended = { 0 };

	return waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT | WNOHANG) < 0 || ended.si_pid;
}

void kill_ready(pid_t pid, int signal)
{
	while (!has_ended(pid) && !takes_kicks(pid))
		usleep(10000);
	if (kill(pid, signal) < 0)
		die("kill");
}

/* A CPU that is the last of all stays online. */
static void set_online(int cpu, bool online)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	if (write(fd, online ? "1" : "0", 1) != 1 && errno != EBUSY)
		die(path);
	close(fd);
}

void unplug(pid_t pid, int cpu)
{
	while (!has_ended(pid) && !takes_kicks(pid))
		usleep(10000);
	for (bool online = false; !has_ended(pid); online = !online) {
		set_online(cpu, online);
		set_online(cpu + 1, online);
		usleep(20000);
	}
	set_online(cpu, true);
	set_online(cpu + 1, true);
}

void storm(pid_t pid, int period)
{
	while (!has_ended(pid)) {
		if (ready_for(pid, SIGUSR1))
			signal_threads(pid);
		usleep((useconds_t)period);
	}
}
