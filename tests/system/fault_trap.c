/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault_trap.h"

#define GRACE_MS 1000
#define POLL_MS  20
#define WARM_UP  5 /* two throw-away VMs, and what the C library keeps of the first lives */

struct trap {
	pid_t child;
	int listener;
	bool started; /* the C library is through with its own start */
	bool ended;   /* the command itself, if not all that it started */
	const struct fault *fault;
	uint64_t ram;
	unsigned vms,
		held; /* VMs made; descriptors and mappings that were there before one of them */
	struct outcome *outcome;
};

static void die(const char *what)
{
	fprintf(stderr, "fault: %s: %s\n", what, strerror(errno));
	exit(125);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Calls that cannot fail, or come from within a signal's delivery. */
static int install_filter(void)
{
#define LET_PASS(call)                                                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),                                     \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		LET_PASS(exit),
		LET_PASS(rt_sigreturn),
		LET_PASS(restart_syscall),
		LET_PASS(getpid),
		LET_PASS(gettid),
		LET_PASS(clock_gettime),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	/* A signal does not take back what was asked, so that each call is counted once. */
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
				    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			    &program);
}

static void redirect(int fd, const char *path, int flags)
{
	int file = open(path, flags, 0666);

	if (file < 0 || dup2(file, fd) < 0)
		die(path);
	close(file);
}

/* The child says by shared memory which descriptor it has: every call of it waits for us. */
static int start(struct trap *trap, char **argv, const char *in, const char *out, const char *err)
{
	atomic_int *number = mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pidfd, listener;

	if (number == MAP_FAILED)
		die("mmap");
	trap->child = fork();
	if (trap->child < 0)
		die("fork");
	if (trap->child == 0) {
		setpgid(0, 0);
		redirect(0, in, O_RDONLY);
		redirect(1, out, O_WRONLY | O_CREAT | O_TRUNC);
		redirect(2, err, O_WRONLY | O_CREAT | O_TRUNC);
		listener = install_filter();
		atomic_store(number, listener < 0 ? -errno : listener);
		execvp(argv[0], argv);
		_exit(127);
	}
	while (!atomic_load(number))
		usleep(100);
	errno = -atomic_load(number);
	if (errno > 0)
		die("seccomp (the kernel needs CONFIG_SECCOMP_FILTER)");
	pidfd = (int)syscall(SYS_pidfd_open, trap->child, 0);
	listener = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, atomic_load(number), 0);
	if (listener < 0)
		die("pidfd_getfd");
	close(pidfd);
	munmap(number, sizeof(*number));
	return listener;
}

/* The C library's start, before main(): whatever these are asked for then. */
static bool is_start(int nr)
{
	static const int numbers[] = { SYS_execve,   SYS_brk,        SYS_set_tid_address,
				       SYS_rseq,     SYS_prlimit64,  SYS_set_robust_list,
				       SYS_mprotect, SYS_readlinkat, SYS_getrandom,
				       SYS_uname };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == nr)
			return true;
	return false;
}

/* For what is printed, and for what an error line must name: nothing is decided by it. */
static void read_path(pid_t pid, uint64_t address, char *object)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	for (int i = 0; i < MAX_OBJECT - 1; i++)
		if (pread(fd, object + i, 1, (off_t)(address + (uint64_t)i)) != 1 || !object[i])
			break;
	close(fd);
}

static void name_object(const struct seccomp_notif *asked, char *object)
{
	int fd = (int)asked->data.args[0];
	char name[64];

	memset(object, 0, MAX_OBJECT);
	switch (asked->data.nr) {
	case SYS_openat:
		read_path((pid_t)asked->pid, asked->data.args[1], object);
		return;
	case SYS_mmap:
		fd = (int)asked->data.args[4];
		break;
	case SYS_ioctl:
	case SYS_read:
	case SYS_write:
	case SYS_writev:
	case SYS_pread64:
	case SYS_close:
	case SYS_newfstatat:
	case SYS_getdents64:
	case SYS_ftruncate:
	case SYS_fcntl:
	case SYS_dup:
	case SYS_lseek:
		break;
	default:
		return;
	}
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (pid_t)asked->pid, fd);
	if (fd >= 0 && readlink(name, object, MAX_OBJECT - 1) < 0)
		object[0] = '\0';
}

static unsigned count_lines(pid_t pid, const char *file)
{
	char name[64];
	unsigned count = 0;
	int byte;
	FILE *lines;

	snprintf(name, sizeof(name), "/proc/%d/%s", pid, file);
	lines = fopen(name, "re");
	while (lines && (byte = getc(lines)) != EOF)
		count += byte == '\n';
	if (lines)
		fclose(lines);
	return count;
}

static unsigned count_entries(pid_t pid, const char *folder)
{
	char name[64];
	unsigned count = 0;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/%s", pid, folder);
	dir = opendir(name);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count > 2 ? count - 2 : 0; /* . and .. */
}

static bool is_guests(const char *map, uint64_t ram)
{
	unsigned long long from, to;
	char access[5];

	if (strstr(map, "kvm"))
		return true;
	return ram && sscanf(map, "%llx-%llx %4s", &from, &to, access) == 3 &&
	       !strcmp(access, "rw-p") && to - from >= ram;
}

static void keep_most(unsigned *most, unsigned count)
{
	*most = count > *most ? count : *most;
}

/* Right before it ends by itself, which frees all that it has. */
static void note_end(struct trap *trap, pid_t pid)
{
	struct outcome *outcome = trap->outcome;
	char name[64], line[512];
	unsigned mappings = 0;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	maps = fopen(name, "re");
	while (maps && fgets(line, sizeof(line), maps))
		mappings += is_guests(line, trap->ram);
	if (maps)
		fclose(maps);
	keep_most(&outcome->threads, count_entries(pid, "task"));
	keep_most(&outcome->descriptors, count_entries(pid, "fd"));
	keep_most(&outcome->mappings, mappings);
}

/* A guest that resets gets a new VM each time: what is held before each must not grow. */
static void note_growth(struct trap *trap, pid_t pid)
{
	unsigned held = count_entries(pid, "fd") + count_lines(pid, "maps");

	if (++trap->vms <= WARM_UP)
		trap->held = held;
	else if (held > trap->held)
		snprintf(trap->outcome->leak, sizeof(trap->outcome->leak),
			 "descriptors and mappings grew from %u to %u by VM %u", trap->held, held,
			 trap->vms);
}

static bool same(const struct call *call, const struct seccomp_data *data)
{
	return call->nr == data->nr &&
	       (data->nr != SYS_ioctl || call->request == (unsigned)data->args[1]);
}

/* Counts the call; returns how many such there were, with this one. */
static unsigned note_call(struct outcome *outcome, const struct seccomp_notif *asked,
			  const char *object)
{
	struct call *call = &outcome->calls[outcome->ncalls];
	unsigned nth = 1;

	outcome->total++;
	for (unsigned i = outcome->ncalls; i; i--)
		if (same(&outcome->calls[i - 1], &asked->data)) {
			nth = outcome->calls[i - 1].nth + 1;
			/* The list is full: the last one of each kind counts on. */
			if (outcome->ncalls == MAX_CALLS)
				outcome->calls[i - 1].nth = nth;
			break;
		}
	if (outcome->ncalls == MAX_CALLS)
		return nth;
	outcome->ncalls++;
	call->nr = asked->data.nr;
	call->request = call->nr == SYS_ioctl ? (unsigned)asked->data.args[1] : 0;
	call->nth = nth;
	memcpy(call->object, object, MAX_OBJECT);
	return nth;
}

static bool is_due(const struct fault *fault, const struct seccomp_data *data, unsigned nth,
		   const char *object)
{
	if (fault->nr != data->nr || !fault->nth || nth < fault->nth)
		return false;
	if (fault->object && strcmp(fault->object, object))
		return false;
	if (data->nr == SYS_ioctl && fault->request != (unsigned)data->args[1])
		return false;
	return nth == fault->nth || (fault->every && (nth - fault->nth) % fault->every == 0);
}

/* What it forks is let pass: that is only there to find something out. */
static bool is_own(const struct trap *trap, unsigned tid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/task/%u", trap->child, tid);
	return access(name, F_OK) == 0;
}

static void answer(struct trap *trap)
{
	struct seccomp_notif asked = { 0 };
	struct seccomp_notif_resp response = { 0 };
	char object[MAX_OBJECT];
	unsigned nth;

	if (ioctl(trap->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) {
		if (errno != ENOENT && errno != EINTR) /* it was killed meanwhile */
			die("SECCOMP_IOCTL_NOTIF_RECV");
		return;
	}
	response.id = asked.id;
	response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	trap->started |= !is_start(asked.data.nr);
	if (!is_own(trap, asked.pid)) {
		/* let pass */
	} else if (asked.data.nr == SYS_exit_group) {
		note_end(trap, (pid_t)asked.pid);
	} else if (trap->started) {
		name_object(&asked, object);
		nth = note_call(trap->outcome, &asked, object);
		if (asked.data.nr == SYS_ioctl && (unsigned)asked.data.args[1] == KVM_CREATE_VM)
			note_growth(trap, (pid_t)asked.pid);
		if (is_due(trap->fault, &asked.data, nth, object)) {
			trap->outcome->faults++;
			if (!trap->fault->error)
				kill(-trap->child, SIGKILL);
			response.flags = trap->fault->error ? 0 : response.flags;
			response.error = -trap->fault->error;
		}
	}
	if (ioctl(trap->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT)
		die("SECCOMP_IOCTL_NOTIF_SEND");
}

/* Also what the command leaves behind, which comes to this process as their reaper. */
static void reap(struct trap *trap, int flags)
{
	int how;
	pid_t pid;

	while ((pid = waitpid(-1, &how, flags)) > 0) {
		if (pid != trap->child)
			continue;
		trap->ended = true;
		trap->outcome->status = WIFEXITED(how) ? WEXITSTATUS(how) : 200 + WTERMSIG(how);
	}
}

static void serve(struct trap *trap, unsigned seconds)
{
	long long limit = now_ms() + seconds * 1000ll;
	struct pollfd listener = { .fd = trap->listener, .events = POLLIN };

	/* Its end comes when the last process with the filter is gone. */
	while (!(listener.revents & POLLHUP)) {
		bool before = trap->ended;

		if (poll(&listener, 1, POLL_MS) < 0)
			die("poll");
		if (listener.revents & POLLIN)
			answer(trap);
		reap(trap, WNOHANG);
		if (trap->ended && !before)
			limit = now_ms() + GRACE_MS;
		if (now_ms() < limit)
			continue;
		if (trap->ended)
			trap->outcome->left = true;
		else
			trap->outcome->hung = true;
		kill(-trap->child, SIGKILL);
		limit = now_ms() + GRACE_MS;
	}
	reap(trap, 0);
}

void trap_run(char **argv, const char *in, const char *out, const char *err,
	      const struct fault *fault, unsigned seconds, uint64_t ram, struct outcome *outcome)
{
	struct trap trap = { .fault = fault, .ram = ram, .outcome = outcome };

	*outcome = (struct outcome){ .calls = calloc(MAX_CALLS, sizeof(struct call)) };
	if (!outcome->calls || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("start");
	trap.listener = start(&trap, argv, in, out, err);
	serve(&trap, seconds);
	close(trap.listener);
}

void trap_free(struct outcome *outcome)
{
	free(outcome->calls);
	*outcome = (struct outcome){ 0 };
}
