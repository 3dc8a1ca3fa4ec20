/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

#define PATIENCE_MS 1000
#define LONGEST     1024 /* bytes of a line, without its beginning and the reason */

/* A thread that crashes resets it while other threads print. */
static void (*_Atomic print_to)(void *owner, const char *text, size_t size);
static void *print_owner;

void fail_through(void (*print)(void *owner, const char *text, size_t size), void *owner)
{
	if (print)
		print_owner = owner;
	atomic_store(&print_to, print);
}

/* A reader of stderr that takes nothing for a second loses the line. */
static void print(const char *text, size_t size)
{
	struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };
	void (*to)(void *owner, const char *text, size_t size) = atomic_load(&print_to);

	if (to) {
		to(print_owner, text, size);
		return;
	}
	while (size && poll(&err, 1, PATIENCE_MS)) {
		ssize_t put = write(STDERR_FILENO, text, size);

		if (put < 0 && errno != EINTR)
			return;
		if (put > 0) {
			text += put;
			size -= (size_t)put;
		}
	}
}

/* All at once, so that lines of several threads do not mix. */
static void print_line(const char *name, const char *format, va_list args, const char *reason)
{
	static const char cut[] = "...";
	char text[LONGEST + 256];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", name);

	if (vsnprintf(text + used, LONGEST, format, args) >= LONGEST)
		strcpy(text + used + LONGEST - sizeof(cut), cut);
	used = strlen(text);
	snprintf(text + used, sizeof(text) - used, "%s%s\n", reason ? ": " : "",
		 reason ? reason : "");
	print(text, strlen(text));
}

void fail_line(const char *format, va_list args)
{
	print_line("minivmm: ", format, args, NULL);
}

enum status fail(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("minivmm: ", format, args, NULL);
	va_end(args);
	return status;
}

enum status fail_errno(enum status status, const char *format, ...)
{
	const char *reason = strerror(errno);
	va_list args;

	va_start(args, format);
	print_line("minivmm: ", format, args, reason);
	va_end(args);
	return status;
}

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args, NULL);
	va_end(args);
}

void tell_text(const char *text)
{
	print(text, strlen(text));
}

static ssize_t write_told(void *cookie, const char *text, size_t size)
{
	(void)cookie;
	print(text, size);
	return (ssize_t)size;
}

FILE *tell_open(void)
{
	static char buffer[BUFSIZ];
	FILE *told = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_told });

	if (told)
		setvbuf(told, buffer, _IOFBF, sizeof(buffer));
	return told;
}
