/* SPDX-License-Identifier: MIT */
/*
 * Runs a command under conditions that a test sets, where there is no shell:
 *
 *     with [uid=N] [cpu=N] [cpuset[=LIST]] [shown=LIST] [out=FILE] [small=KIB] [signal=N]
 *          [again=N] [kill=N] [storm=US] [unplug=CPU] [rss] [stuck=FD] [closed=FD] [ignore=N]
 * [fsize=KIB] [stack=KIB] [full=FIFO] [slow=FIFO] [gone=FIFO] [unread=FIFO] [filter=ERRNO]
 * COMMAND...
 *
 * uid: as this user. cpu: allowed on this CPU only. cpuset: in a cgroup with the cpuset
 * controller on, as systemd has them, which allows these CPUs. shown: sysfs says that these are
 * online, as in a container. out: stdout goes there. small: the files
 * "record" and "trace" are on a file system of this size. signal: sent 300 ms after the
 * command has made itself ready for it, or after 10 s. storm: SIGUSR1 to each of its threads
 * every so many microseconds, from when it catches that. again: sends signal N
 * 300 ms after that of signal=. kill: sends signal N to the command's own child once that catches
 * SIGUSR1. unplug: from then on takes this CPU and the next offline and brings them back, again and
 * again. rss: prints how much memory the command had at most.
 *
 * stuck: this descriptor is a pipe that is full, and that nobody reads. closed: it is closed.
 * ignore: signal N is ignored. fsize, stack: the limits of a file's and the stack's size. The
 * FIFOs are made: full is as stuck, slow has a reader that takes 512 bytes in 5 ms, the reader of
 * gone leaves after some bytes, unread has none. Exits with the command's status, or 200 + N if
 * signal N killed it.
 *
 * filter: a system call filter as a systemd unit's, without seccomp and Landlock, that gives this
 * errno; 0: that kills.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Each test gets a new one, on top of the last one's. */
static void make_small(int kib)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%dk", kib);
	mkdir("small", 0755);
	if (mount("tmpfs", "small", "tmpfs", 0, options) < 0)
		die("tmpfs");
	unlink("record");
	unlink("trace");
	if (symlink("small/record", "record") < 0 || symlink("small/trace", "trace") < 0)
		die("symlink");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void enter_cpuset(const char *cpus)
{
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
	if (mkdir("/sys/fs/cgroup/with", 0755) < 0 && errno != EEXIST)
		die("cgroup");
	if (cpus)
		write_file("/sys/fs/cgroup/with/cpuset.cpus", cpus);
	write_file("/sys/fs/cgroup/with/cgroup.procs", "0");
}

static void show_online(const char *cpus)
{
	int fd = open("online", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, cpus, strlen(cpus)) < 0 || close(fd) < 0 ||
	    mount("online", "/sys/devices/system/cpu/online", NULL, MS_BIND, NULL) < 0)
		die("online");
}

static void send_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0666);

	if (fd < 0 || dup2(fd, 1) < 0)
		die(path);
	close(fd);
}

static void enter_filter(int error)
{
	unsigned action = error ? SECCOMP_RET_ERRNO | (unsigned)error : SECCOMP_RET_KILL_PROCESS;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, action),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		die("filter");
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

static void kill_child(pid_t pid, int signal)
{
	bool ready;

	for (; !has_ended(pid); usleep(10000))
		for (pid_t next = pid + 1; next < pid + 20; next++)
			if (look_at(next, SIGUSR1, pid, &ready) && ready) {
				kill(next, signal);
				return;
			}
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

static void unplug(pid_t pid, int cpu)
{
	while (!has_ended(pid) && !ready_for(pid, SIGUSR1))
		usleep(10000);
	for (bool online = false; !has_ended(pid); online = !online) {
		set_online(cpu, online);
		set_online(cpu + 1, online);
		usleep(20000);
	}
	set_online(cpu, true);
	set_online(cpu + 1, true);
}

/* Until it has ended. */
static void storm(pid_t pid, int period)
{
	while (!has_ended(pid)) {
		if (ready_for(pid, SIGUSR1))
			signal_threads(pid);
		usleep((useconds_t)period);
	}
}

/* Fills the pipe that @writer writes to. */
static void fill(int writer)
{
	static const char bytes[4096];

	fcntl(writer, F_SETFL, O_NONBLOCK);
	while (write(writer, bytes, sizeof(bytes)) > 0 || write(writer, bytes, 1) > 0)
		;
	fcntl(writer, F_SETFL, 0);
}

/* Its reading end stays open here. */
static void make_stuck(int fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	fill(ends[1]);
	if (dup2(ends[1], fd) < 0)
		die("dup2");
	close(ends[1]);
}

static void make_fifo(const char *path)
{
	unlink(path);
	if (mkfifo(path, 0666) < 0)
		die(path);
}

static void make_full(const char *path)
{
	make_fifo(path);
	if (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0)
		die(path);
	fill(open(path, O_WRONLY | O_CLOEXEC));
}

/* A process that reads: all of it, or a part. */
static void make_read(const char *path, bool all)
{
	char bytes[512];
	int fd;

	make_fifo(path);
	if (fork())
		return;
	fd = open(path, O_RDONLY);
	while (read(fd, bytes, sizeof(bytes)) > 0 && all)
		usleep(5000);
	_exit(0);
}

static void limit(int resource, int kib)
{
	rlim_t bytes = (rlim_t)kib * 1024;

	if (setrlimit((__rlimit_resource_t)resource, &(struct rlimit){ bytes, bytes }) < 0)
		die("setrlimit");
}

/* One that names a file, a descriptor, a limit or a signal; false if it is another. */
static bool arrange(const char *argument)
{
	int value;

	if (!strncmp(argument, "out=", 4))
		send_output(argument + 4);
	else if (!strncmp(argument, "full=", 5))
		make_full(argument + 5);
	else if (!strncmp(argument, "slow=", 5))
		make_read(argument + 5, true);
	else if (!strncmp(argument, "gone=", 5))
		make_read(argument + 5, false);
	else if (!strncmp(argument, "unread=", 7))
		make_fifo(argument + 7);
	else if ((value = number(argument, "stuck")) >= 0)
		make_stuck(value);
	else if ((value = number(argument, "closed")) >= 0)
		close(value);
	else if ((value = number(argument, "ignore")) > 0)
		signal(value, SIG_IGN);
	else if ((value = number(argument, "fsize")) > 0)
		limit(RLIMIT_FSIZE, value);
	else if ((value = number(argument, "stack")) > 0)
		limit(RLIMIT_STACK, value);
	else
		return false;
	return true;
}

static void send(pid_t pid, int signal)
{
	usleep(300000);
	if (kill(pid, signal) < 0)
		die("kill");
}

int main(int argc, char **argv)
{
	int value, status, to_send = 0, again = 0, to_kill = 0, period = 0, cpu = -1, i;
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
		} else if ((value = number(argv[i], "filter")) >= 0) {
			enter_filter(value);
		} else if ((value = number(argv[i], "signal")) >= 0) {
			to_send = value;
		} else if (!strcmp(argv[i], "rss")) {
			rss = true;
		} else if (!strcmp(argv[i], "cpuset")) {
			enter_cpuset(NULL);
		} else if (!strncmp(argv[i], "cpuset=", 7)) {
			enter_cpuset(argv[i] + 7);
		} else if (!strncmp(argv[i], "shown=", 6)) {
			show_online(argv[i] + 6);
		} else if ((value = number(argv[i], "storm")) > 0) {
			period = value;
		} else if ((value = number(argv[i], "small")) > 0) {
			make_small(value);
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
		/* A child that has just been forked looks ready, as its parent is. */
		for (int tries = 0, seen = 0; tries < 1000 && seen < 10; tries++) {
			seen = ready_for(child, to_send) ? seen + 1 : 0;
			usleep(10000);
		}
		send(child, to_send);
	}
	if (again)
		send(child, again);
	if (to_kill)
		kill_child(child, to_kill);
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
