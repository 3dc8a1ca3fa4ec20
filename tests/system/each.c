/* SPDX-License-Identifier: MIT */
/*
 * Runs several commands in one boot, as a boot costs more than most of them:
 *
 *     each COMMAND... ::: COMMAND... ::: ...
 *
 * Each gets five minutes, as a Linux guest may take some on a busy machine. After each
 * comes a line on stdout, "STATUS OUT ERR RECORD TRACE": the command's status (200 + N if
 * signal N killed it) and how many bytes follow of its stdout, its stderr and the files
 * "record" and "record.trace.json", if it left them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 300

static const char *const files[] = { "each.out", "each.err", "record", "record.trace.json" };

enum { OUT, ERR, RECORD, TRACE, FILES };

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void redirect(int fd, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (file < 0 || dup2(file, fd) < 0)
		die(path);
	close(file);
}

static int run(char **argv)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		redirect(1, files[OUT]);
		redirect(2, files[ERR]);
		alarm(SECONDS);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static long long size_of(const char *path)
{
	struct stat stat_of;

	return stat(path, &stat_of) < 0 ? 0 : (long long)stat_of.st_size;
}

static void copy_out(const char *path)
{
	char data[4096];
	FILE *file = fopen(path, "r");
	size_t got;

	while (file && (got = fread(data, 1, sizeof(data), file)))
		fwrite(data, 1, got, stdout);
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int first = i;

		while (i < argc && strcmp(argv[i], ":::"))
			i++;
		argv[i] = NULL;
		unlink(files[RECORD]);
		unlink(files[TRACE]);
		printf("%d", run(argv + first));
		for (int f = 0; f < FILES; f++)
			printf(" %lld", size_of(files[f]));
		putchar('\n');
		for (int f = 0; f < FILES; f++)
			copy_out(files[f]);
		fflush(stdout);
	}
	return 0;
}
