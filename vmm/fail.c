/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

/* One write, so that lines of several threads do not mix. */
static void print_line(const char *format, va_list args, const char *reason)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "minivmm: %s%s%s\n", text, reason ? ": " : "", reason ? reason : "");
}

void fail_line(const char *format, va_list args)
{
	print_line(format, args, NULL);
}

enum status fail(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args, NULL);
	va_end(args);
	return status;
}

enum status fail_errno(enum status status, const char *format, ...)
{
	const char *reason = strerror(errno);
	va_list args;

	va_start(args, format);
	print_line(format, args, reason);
	va_end(args);
	return status;
}
