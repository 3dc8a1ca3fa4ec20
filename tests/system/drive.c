/* SPDX-License-Identifier: MIT */
/*
 * Sits at a command's terminal, or at its pipes, and does what a test says:
 *
 *     drive pty|pipe STEP... COMMAND...
 *
 *     expect=TEXT  wait until the command has printed it, after what was expected before
 *     type=TEXT    ^X stands for Ctrl-X
 *     raw, cooked  the terminal must be that
 *     eof          ends a pipe's input
 *     signal=N     to the command
 *     stopped      wait until it is
 *     asleep       wait until its main thread waits for something, and not at a traced call
 *     gone         wait until it has ended; meanwhile nobody reads what it prints
 *     sleep=MS     nobody reads meanwhile either
 *
 * A pty is the command's stdin, stdout and stderr; a pipe its stdin and stdout, of the
 * smallest size. What it printed is printed. Exits with the command's status, 200 + N if
 * signal N killed it, or 125 and a line if a step failed or the terminal is not cooked
 * in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A guest that boots on a busy machine is silent for long. */
#define PATIENCE_MS 300000

static bool terminal;
static int in, out; /* the command's */
static pid_t child;
static char seen[1 << 20];
static size_t count, expected; /* seen; of those, up to the end of what was expected */

static void die(const char *step, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "drive: %s: %s; so far:\n%s\n", step, what, seen);
	if (child > 0)
		kill(child, SIGKILL);
	exit(125);
}

/* False at the end of its output. */
static bool read_some(const char *step)
{
	struct pollfd input = { .fd = out, .events = POLLIN };
	ssize_t got;

	if (poll(&input, 1, PATIENCE_MS) != 1)
		die(step, "nothing came for 300 s");
	got = read(out, seen + count, sizeof(seen) - 1 - count);
	if (got > 0)
		count += (size_t)got;
	return got > 0; /* a pty has no end of file, but EIO */
}

static void expect(const char *step, const char *text)
{
	const char *at;

	while (!(at = memmem(seen + expected, count - expected, text, strlen(text))))
		if (!read_some(step))
			die(step, "the command has ended");
	expected = (size_t)(at - seen) + strlen(text);
}

static void type(const char *text)
{
	for (; *text; text++) {
		char byte = *text;

		if (byte == '^' && text[1])
			byte = *++text & 0x1f;
		if (write(in, &byte, 1) != 1)
			die("type", strerror(errno));
	}
}

static bool is_raw(void)
{
	struct termios now;

	if (tcgetattr(in, &now) < 0)
		die("tcgetattr", strerror(errno));
	return !(now.c_lflag & (ICANON | ECHO | ISIG));
}

/* It comes soon after what the test has seen. */
static void expect_mode(const char *step, bool raw)
{
	for (int tries = 0; is_raw() != raw; tries++) {
		if (tries == PATIENCE_MS / 10)
			die(step, "the terminal is not");
		usleep(10000);
	}
}

static bool sleeps(void)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	file = fopen(path, "r");
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state == 'S'; /* one that is traced and stopped is 't' */
}

static void expect_sleep(const char *step)
{
	for (int tries = 0; !sleeps(); tries++) {
		if (tries == PATIENCE_MS / 10)
			die(step, "the command does not sleep");
		usleep(10000);
	}
}

static bool do_step(const char *step)
{
	const char *value = strchr(step, '=');
	size_t length = value ? (size_t)(value++ - step) : strlen(step);
	siginfo_t info;
	int status;

#define IS(name) (length == strlen(name) && !memcmp(step, name, length))
	if (IS("expect"))
		expect(step, value);
	else if (IS("type"))
		type(value);
	else if (IS("raw") || IS("cooked"))
		expect_mode(step, IS("raw"));
	else if (IS("eof"))
		close(in);
	else if (IS("signal"))
		kill(child, atoi(value));
	else if (IS("asleep"))
		expect_sleep(step);
	else if (IS("gone"))
		waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	else if (IS("sleep"))
		usleep((useconds_t)atoi(value) * 1000);
	else if (IS("stopped") && waitpid(child, &status, WUNTRACED) == child) {
		if (!WIFSTOPPED(status))
			die(step, "the command has ended");
	} else
		return false;
	return true;
}

static void make_pipe(int ends[2])
{
	if (pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0)
		die("pipe", strerror(errno));
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
}

static void start(char **argv)
{
	int to[2], from[2];

	if (terminal) {
		/* A board has none; elsewhere it is there, and this changes nothing. */
		if (mkdir("/dev/pts", 0755) == 0 && mount("devpts", "/dev/pts", "devpts", 0, NULL))
			die("devpts", strerror(errno));
		child = forkpty(&in, NULL, NULL, NULL);
		out = in;
	} else {
		make_pipe(to);
		make_pipe(from);
		child = fork();
		in = to[1];
		out = from[0];
	}
	if (child < 0)
		die("fork", strerror(errno));
	if (child == 0) {
		if (!terminal) {
			dup2(to[0], 0);
			dup2(from[1], 1);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	if (!terminal) {
		close(to[0]);
		close(from[1]);
	}
}

/* minivmm, of whatever folder, or "with" before it. */
static bool is_command(const char *word)
{
	const char *slash = strrchr(word, '/');

	return !strcmp(slash ? slash + 1 : word, "minivmm") || !strcmp(word, "with");
}

int main(int argc, char **argv)
{
	char **command = argv + 2;
	int status;

	if (argc < 3)
		die("arguments", "pty|pipe STEP... COMMAND...");
	terminal = !strcmp(argv[1], "pty");
	signal(SIGPIPE, SIG_IGN);
	while (*command && !is_command(*command))
		command++;
	start(command);
	for (char **step = argv + 2; step < command; step++)
		if (!do_step(*step))
			die(*step, "no such step");
	while (read_some("the end"))
		;
	if (waitpid(child, &status, 0) != child)
		die("waitpid", strerror(errno));
	child = 0;
	fwrite(seen, 1, count, stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}
