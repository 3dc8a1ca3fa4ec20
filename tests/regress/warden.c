/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "result.h"
#include "warden.h"

#define MAX_UNDO 16
#define RETRIES  200
#define RETRY_NS 10000000l
#define NS_PER_S 1000000000l
#define MAX_FDS  256 /* this program never has as many */

enum action { WRITE, MKDIR, RMDIR, STOP };

struct request {
	enum action action;
	int at_end;
	long ns;
	char path[WARDEN_PATH], text[WARDEN_TEXT];
};

static void sleep_ns(long ns)
{
	struct timespec time = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int stop_for(pid_t pid, long ns)
{
	if (kill(pid, SIGSTOP) < 0)
		return errno;
	sleep_ns(ns);
	return kill(pid, SIGCONT) < 0 ? errno : 0;
}

static int act(const struct request *request, pid_t test)
{
	switch (request->action) {
	case WRITE:
		return write_file(request->path, request->text);
	case MKDIR:
		return mkdir(request->path, 0755) < 0 ? errno : 0;
	case RMDIR:
		return rmdir(request->path) < 0 ? errno : 0;
	default:
		return stop_for(test, request->ns);
	}
}

/* A cgroup is busy until the last of its processes has been reaped. */
static void undo(const struct request *request, pid_t test)
{
	for (int i = 0; i < RETRIES && act(request, test) == EBUSY; i++)
		sleep_ns(RETRY_NS);
}

static void serve(int in, int out, pid_t test)
{
	static struct request undos[MAX_UNDO];
	struct request request;
	int nundos = 0, error;

	while (read(in, &request, sizeof(request)) == (ssize_t)sizeof(request)) {
		error = 0;
		if (!request.at_end)
			error = act(&request, test);
		else if (nundos < MAX_UNDO)
			undos[nundos++] = request;
		else
			error = ENOSPC;
		if (write(out, &error, sizeof(error)) < 0)
			break;
	}
	while (nundos)
		undo(&undos[--nundos], test);
}

void warden_start(struct warden *warden)
{
	pid_t test = getpid();
	int requests[2], answers[2];

	if (pipe2(requests, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
		fail_test_errno("pipe");
	warden->pid = fork();
	if (warden->pid < 0)
		fail_test_errno("fork");
	if (warden->pid == 0) {
		/* Out of the test's group, which the runner kills, and of its output. */
		setpgid(0, 0);
		signal(SIGPIPE, SIG_IGN);
		/* Whoever ends all of them must not end the one that puts the host back. */
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		dup2(requests[0], STDIN_FILENO);
		dup2(answers[1], STDOUT_FILENO);
		for (int fd = STDERR_FILENO; fd < MAX_FDS; fd++)
			close(fd);
		serve(STDIN_FILENO, STDOUT_FILENO, test);
		_exit(0);
	}
	close(requests[0]);
	close(answers[1]);
	warden->to = requests[1];
	warden->from = answers[0];
}

static int ask(struct warden *warden, struct request *request, const char *path, const char *text)
{
	int error;

	snprintf(request->path, sizeof(request->path), "%s", path);
	snprintf(request->text, sizeof(request->text), "%s", text);
	if (write(warden->to, request, sizeof(*request)) < 0 ||
	    read(warden->from, &error, sizeof(error)) != (ssize_t)sizeof(error))
		fail_test("the process that changes the host for the test is gone");
	return error;
}

int warden_write(struct warden *warden, const char *path, const char *text)
{
	struct request request = { .action = WRITE };

	return ask(warden, &request, path, text);
}

int warden_mkdir(struct warden *warden, const char *path)
{
	struct request request = { .action = MKDIR };

	return ask(warden, &request, path, "");
}

void warden_at_end(struct warden *warden, const char *path, const char *text)
{
	struct request request = { .action = text ? WRITE : RMDIR, .at_end = 1 };

	errno = ask(warden, &request, path, text ? text : "");
	if (errno)
		fail_test_errno("%s would stay as it is", path);
}

void warden_stop_me(struct warden *warden, long ns)
{
	struct request request = { .action = STOP, .ns = ns };

	errno = ask(warden, &request, "", "");
	if (errno)
		fail_test_errno("SIGSTOP and SIGCONT");
}

int warden_change(struct warden *warden, const char *path, const char *text)
{
	char old[WARDEN_TEXT];
	FILE *file = fopen(path, "re");
	bool known = file && fgets(old, sizeof(old), file);
	int error = known ? 0 : errno;

	if (file)
		fclose(file);
	if (!error)
		error = warden_write(warden, path, text);
	if (!error)
		warden_at_end(warden, path, old);
	return error;
}

void warden_end(struct warden *warden)
{
	close(warden->to);
	while (waitpid(warden->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
