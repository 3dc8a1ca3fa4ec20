/* SPDX-License-Identifier: MIT */
/*
 * The board's init: runs one command and hands its output, the files asked for
 * and its status to scripts/board over a virtio port.
 *
 * In live mode output and input stream while the command runs. In exact mode the
 * output waits in files and nothing comes in: a host that is sometimes slow to
 * read would be an input too, and two boots would no longer be identical.
 *
 * In console mode there is no scripts/board: the command has the serial console.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define JOB_FILE "/job"
#define MODULES  "/modules"
#define CONSOLE  "/dev/ttyAMA0"
#define PORT     "/dev/vport0p1"

/* Frames to the host: type and length as 32 bits, little endian, then data. */
enum frame {
	FRAME_READY = 1,
	FRAME_STDOUT = 2,
	FRAME_STDERR = 3,
	FRAME_FILE_DATA = 4,
	FRAME_FILE_END = 5, /* 32 bits: 0 or the errno that reading it gave */
	FRAME_STATUS = 6,   /* 32 bits: exit status, always the last frame */
};

/* What the host wants; scripts/board writes it to JOB_FILE. */
struct job {
	bool exact, console;
	int gets;
	char **get;
	char **argv;
};

struct stdin_feed {
	int pipe;      /* -1 once the command cannot read any more */
	uint32_t left; /* bytes of the current frame that are still in the port */
	size_t held, sent;
	char data[4096];
};

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* Only for what keeps init from its work: the host shows the console's last lines. */
static void die(const char *what)
{
	fprintf(stderr, "board-init: %s: %s\n", what, strerror(errno));
	power_off();
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL) < 0)
			die(mounts[i][1]);
	/* A kernel of the user's own may lack cgroups: only tests with cpusets miss them. */
	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	/* For tests/run coverage, whose kernel has it. */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
		die(path);
	close(fd);
}

/* What a distribution's kernel has as modules; their names are numbered in the order to load. */
static void load_modules(void)
{
	struct dirent **list;
	int n = scandir(MODULES, &list, NULL, alphasort);
	char path[512];

	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), MODULES "/%s", list[i]->d_name);
			load_module(path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* A job is strings, each ended by NUL: mode, number of files to get, files, command. */
static struct job read_job(void)
{
	struct job job = { 0 };
	struct stat info;
	char *text, **strings;
	size_t size = 0, count = 0;
	ssize_t got;
	int fd = open(JOB_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &info) < 0)
		die(JOB_FILE);
	text = calloc((size_t)info.st_size + 1, 1);
	strings = calloc((size_t)info.st_size + 1, sizeof(*strings));
	if (!text || !strings)
		die(JOB_FILE);
	while ((got = read(fd, text + size, (size_t)info.st_size - size)) > 0)
		size += (size_t)got;
	close(fd);
	for (size_t at = 0; at < size; at += strlen(text + at) + 1)
		strings[count++] = text + at;
	errno = EINVAL;
	if (count < 3)
		die(JOB_FILE);
	job.exact = strcmp(strings[0], "exact") == 0;
	job.console = strcmp(strings[0], "console") == 0;
	job.gets = atoi(strings[1]);
	job.get = strings + 2;
	job.argv = job.get + job.gets;
	if (job.gets < 0 || (size_t)job.gets + 2 >= count)
		die(JOB_FILE);
	return job;
}

/* The port's node comes when the driver's work queue has run. */
static int open_port(void)
{
	for (int tries = 0; tries < 5000; tries++) {
		int fd = open(PORT, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		usleep(1000);
	}
	die(PORT);
	return -1;
}

static void write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			die(PORT);
		at += put;
		size -= (size_t)put;
	}
}

static void send_frame(int port, enum frame type, const void *data, size_t size)
{
	uint32_t header[2] = { type, (uint32_t)size };

	write_all(port, header, sizeof(header));
	write_all(port, data, size);
}

static void send_number(int port, enum frame type, int number)
{
	uint32_t value = (uint32_t)number;

	send_frame(port, type, &value, sizeof(value));
}

/* Sends what the file still holds; returns 0 or an errno. */
static int send_rest(int port, int fd, enum frame type)
{
	static char data[32768];
	ssize_t got;

	while ((got = read(fd, data, sizeof(data))) > 0)
		send_frame(port, type, data, (size_t)got);
	return got < 0 ? errno : 0;
}

static void send_files(int port, const struct job *job)
{
	for (int i = 0; i < job->gets; i++) {
		int fd = open(job->get[i], O_RDONLY | O_CLOEXEC);
		int error = fd < 0 ? errno : send_rest(port, fd, FRAME_FILE_DATA);

		send_number(port, FRAME_FILE_END, error);
		if (fd >= 0)
			close(fd);
	}
}

/* Runs the command; returns only in the parent. */
static pid_t start(const struct job *job, int in, int out, int err)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	/* Ctrl-C and job control take a terminal of one's own; what is none refuses. */
	ioctl(0, TIOCSCTTY, 0);
	execvp(job->argv[0], job->argv);
	fprintf(stderr, "board: cannot run %s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Also reaps what the command leaves behind, as init must. */
static bool ended(pid_t pid, int flags, int *status)
{
	pid_t got;
	int how;

	while ((got = waitpid(-1, &how, flags)) > 0) {
		if (got != pid)
			continue;
		*status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
		return true;
	}
	return false;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	/* One offset for all who write: a command's children append, and do not overwrite. */
	return fd;
}

static int run_exact(const struct job *job, int port)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open_file("/tmp/.stdout"), err = open_file("/tmp/.stderr");
	int status = 0;
	pid_t pid = start(job, in, out, err);

	while (!ended(pid, 0, &status))
		;
	kill(-1, SIGKILL);
	lseek(out, 0, SEEK_SET);
	lseek(err, 0, SEEK_SET);
	send_rest(port, out, FRAME_STDOUT);
	send_rest(port, err, FRAME_STDERR);
	return status;
}

/* Moves input one buffer on: the host sends a length, then data; length 0 ends it. */
static void feed_stdin(struct stdin_feed *feed, int port)
{
	ssize_t got;

	if (!feed->left) {
		char *at = (char *)&feed->left;

		for (size_t have = 0; have < sizeof(feed->left); have += (size_t)got) {
			got = read(port, at + have, sizeof(feed->left) - have);
			if (got <= 0)
				die(PORT);
		}
		if (!feed->left && feed->pipe >= 0) {
			close(feed->pipe);
			feed->pipe = -1;
		}
		return;
	}
	got = read(port, feed->data,
		   feed->left < sizeof(feed->data) ? feed->left : sizeof(feed->data));
	if (got <= 0)
		die(PORT);
	feed->left -= (uint32_t)got;
	feed->held = feed->pipe >= 0 ? (size_t)got : 0;
	feed->sent = 0;
}

static void flush_stdin(struct stdin_feed *feed)
{
	ssize_t put = write(feed->pipe, feed->data + feed->sent, feed->held);

	if (put < 0 && errno != EAGAIN) {
		close(feed->pipe);
		feed->pipe = -1;
		feed->held = 0;
	} else if (put > 0) {
		feed->sent += (size_t)put;
		feed->held -= (size_t)put;
	}
}

/* Sends what the pipe has; false at its end. */
static bool forward(int port, int pipe, enum frame type)
{
	static char data[32768];
	ssize_t got = read(pipe, data, sizeof(data));

	if (got > 0)
		send_frame(port, type, data, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void pump(int port, pid_t pid, struct pollfd polls[5], struct stdin_feed *feed, int *status)
{
	enum { CHILD, OUT, ERR, IN, HOST };
	bool done = false;

	while (!done) {
		struct signalfd_siginfo info;

		polls[HOST].fd = feed->held ? -1 : port;
		polls[IN].fd = feed->held ? feed->pipe : -1;
		if (poll(polls, 5, -1) < 0)
			continue;
		if (polls[CHILD].revents && read(polls[CHILD].fd, &info, sizeof(info)) > 0)
			done = ended(pid, WNOHANG, status);
		if (polls[OUT].revents && !forward(port, polls[OUT].fd, FRAME_STDOUT))
			polls[OUT].fd = -1;
		if (polls[ERR].revents && !forward(port, polls[ERR].fd, FRAME_STDERR))
			polls[ERR].fd = -1;
		if (polls[IN].revents)
			flush_stdin(feed);
		if (polls[HOST].revents & POLLIN)
			feed_stdin(feed, port);
	}
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
}

static int run_live(const struct job *job, int port)
{
	static struct stdin_feed feed;
	int in[2], out[2], err[2], status = 0;
	sigset_t child;
	pid_t pid;

	make_pipe(in);
	make_pipe(out);
	make_pipe(err);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	pid = start(job, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	feed.pipe = in[1];
	pump(port, pid,
	     (struct pollfd[]){ { signalfd(-1, &child, SFD_CLOEXEC), POLLIN, 0 },
				{ out[0], POLLIN, 0 },
				{ err[0], POLLIN, 0 },
				{ -1, POLLOUT, 0 },
				{ -1, POLLIN, 0 } },
	     &feed, &status);
	/* Whoever outlives the command would keep the pipes open for ever. */
	kill(-1, SIGKILL);
	send_rest(port, out[0], FRAME_STDOUT);
	send_rest(port, err[0], FRAME_STDERR);
	return status;
}

static void run_console(const struct job *job)
{
	int tty = open(CONSOLE, O_RDWR | O_CLOEXEC | O_NOCTTY), status = 0;
	pid_t pid;

	if (tty < 0)
		die(CONSOLE);
	pid = start(job, tty, tty, tty);
	while (!ended(pid, 0, &status))
		;
	dprintf(tty, "board: status %d\n", status);
	tcdrain(tty);
	power_off();
}

int main(void)
{
	struct job job;
	int port, status;
	char rest[4096];

	mount_all();
	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", "/bin:/root", 1);
	setenv("HOME", "/root", 1);
	if (chdir("/root") < 0)
		die("/root");
	job = read_job();
	load_modules();
	if (job.console)
		run_console(&job);
	port = open_port();
	send_frame(port, FRAME_READY, NULL, 0);
	status = job.exact ? run_exact(&job, port) : run_live(&job, port);
	send_files(port, &job);
	send_number(port, FRAME_STATUS, status);
	/* A write returns before the host has the data: going off now could lose them. */
	while (read(port, rest, sizeof(rest)) > 0)
		;
	power_off();
}
