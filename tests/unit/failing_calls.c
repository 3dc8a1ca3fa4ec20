/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "failing_calls.h"

static bool armed;
static unsigned count, due;
static int due_error;
static long mapped;
static const char *failed;

void calls_fail(unsigned nth, int error)
{
	armed = true;
	count = 0;
	due = nth;
	due_error = error;
	failed = NULL;
	mapped = 0;
}

unsigned calls_end(void)
{
	armed = false;
	return count;
}

const char *calls_failed(void)
{
	return failed;
}

long calls_mapped(void)
{
	return mapped;
}

static bool fails(const char *name)
{
	if (!armed || ++count != due)
		return false;
	failed = name;
	errno = due_error;
	return true;
}

/* As _FILE_OFFSET_BITS=64 names them: what the linker calls in place of the function, and the
 * function itself. */
#define WRAP(type, name, arguments, values, failure)                                               \
	type __real_##name arguments;                                                              \
	type __wrap_##name arguments;                                                              \
	type __wrap_##name arguments                                                               \
	{                                                                                          \
		return fails(#name) ? failure : __real_##name values;                              \
	}

WRAP(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size), -1)
WRAP(ssize_t, pread64, (int fd, void *to, size_t size, off_t at), (fd, to, size, at), -1)
WRAP(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size), -1)
WRAP(int, fstat64, (int fd, struct stat *to), (fd, to), -1)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(int, poll, (struct pollfd * fds, nfds_t n, int limit), (fds, n, limit), -1)
WRAP(DIR *, opendir, (const char *path), (path), NULL)
WRAP(struct dirent *, readdir64, (DIR * dir), (dir), NULL)
WRAP(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1)
WRAP(FILE *, fopencookie, (void *cookie, const char *mode, cookie_io_functions_t calls),
     (cookie, mode, calls), NULL)
WRAP(int, tcgetattr, (int fd, struct termios *to), (fd, to), -1)
WRAP(int, tcsetattr, (int fd, int when, const struct termios *from), (fd, when, from), -1)
WRAP(pid_t, tcgetpgrp, (int fd), (fd), -1)

void *__real_mmap64(void *at, size_t size, int access, int flags, int fd, off_t from);
void *__wrap_mmap64(void *at, size_t size, int access, int flags, int fd, off_t from);
void *__wrap_mmap64(void *at, size_t size, int access, int flags, int fd, off_t from)
{
	void *result =
		fails("mmap") ? MAP_FAILED : __real_mmap64(at, size, access, flags, fd, from);

	if (armed && result != MAP_FAILED)
		mapped += (long)size;
	return result;
}

/* It fails for lack of memory only where it splits a mapping; what is left then is no leak. */
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
	if (armed)
		mapped -= (long)size;
	return __real_munmap(at, size);
}

/* Linux closes the descriptor even if it gives an error. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int result = __real_close(fd);

	return fails("close") ? -1 : result;
}

/* Never with O_CREAT here. */
int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...)
{
	return fails("openat") ? -1 : __real_openat64(folder, path, flags);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list rest;
	int mode = 0;

	if (fails("open"))
		return -1;
	va_start(rest, flags);
	if (flags & O_CREAT)
		mode = va_arg(rest, int);
	va_end(rest);
	return __real_open64(path, flags, mode);
}
