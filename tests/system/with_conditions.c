/* SPDX-License-Identifier: MIT */
/* The conditions that with's command starts under. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "with_common.h"
#include "with_conditions.h"

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
	/* Or the pipe would hold most of it, and the writer would not wait. */
	if (fcntl(fd, F_SETPIPE_SZ, 4096) < 0)
		die("F_SETPIPE_SZ");
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

/* From a process that ends with this one. */
static void log_warnings(int milliseconds)
{
	static const char line[] = "<4>WARNING: made up by a test\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kmsg");
	if (fork()) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do
		usleep((useconds_t)milliseconds * 1000);
	while (write(fd, line, sizeof(line) - 1) > 0);
	die("/dev/kmsg");
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

/* One that names a file, a descriptor, a limit or a signal; false if it is another. */
static bool arrange_files(const char *argument)
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
	else if (!strncmp(argument, "env=", 4))
		putenv((char *)(uintptr_t)(argument + 4));
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

bool arrange(const char *argument)
{
	int value;

	if ((value = number(argument, "uid")) >= 0) {
		if (setuid((uid_t)value) < 0)
			die("setuid");
	} else if ((value = number(argument, "cpu")) >= 0) {
		stay_on(value);
	} else if ((value = number(argument, "filter")) >= 0) {
		enter_filter(value);
	} else if (!strcmp(argument, "cpuset")) {
		enter_cpuset(NULL);
	} else if (!strncmp(argument, "cpuset=", 7)) {
		enter_cpuset(argument + 7);
	} else if (!strncmp(argument, "shown=", 6)) {
		show_online(argument + 6);
	} else if ((value = number(argument, "warning")) > 0) {
		log_warnings(value);
	} else if ((value = number(argument, "small")) > 0) {
		make_small(value);
	} else {
		return arrange_files(argument);
	}
	return true;
}
