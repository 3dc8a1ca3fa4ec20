/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "result.h"

/* The runner reads standard output: a line a note, the last one is the reason. */
static void say(const char *format, va_list args, const char *rest)
{
	char line[1024];
	size_t used;

	vsnprintf(line, sizeof(line) - 1, format, args);
	used = strlen(line);
	snprintf(line + used, sizeof(line) - used, "%s\n", rest);
	/* One write, as a test's threads may have something to say at the same time. */
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		_exit(RESULT_FAILED);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "");
	va_end(args);
}

void fail_test(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "");
	_exit(RESULT_FAILED);
}

void fail_test_errno(const char *format, ...)
{
	char reason[128];
	va_list args;

	snprintf(reason, sizeof(reason), ": %s", strerror(errno));
	va_start(args, format);
	say(format, args, reason);
	_exit(RESULT_FAILED);
}

void skip_test(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, "");
	_exit(RESULT_SKIPPED);
}

void known_fault(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	skip_test(KNOWN_FAULT "%s", text);
}

void expect_equal(uint64_t got, uint64_t wanted, const char *format, ...)
{
	char rest[96];
	va_list args;

	if (got == wanted)
		return;
	snprintf(rest, sizeof(rest), ": got %llu (0x%llx), expected %llu (0x%llx)",
		 (unsigned long long)got, (unsigned long long)got, (unsigned long long)wanted,
		 (unsigned long long)wanted);
	va_start(args, format);
	say(format, args, rest);
	_exit(RESULT_FAILED);
}

void expect_between(uint64_t got, uint64_t low, uint64_t high, const char *format, ...)
{
	char rest[96];
	va_list args;

	if (low <= got && got <= high)
		return;
	snprintf(rest, sizeof(rest), ": got %llu, expected %llu to %llu", (unsigned long long)got,
		 (unsigned long long)low, (unsigned long long)high);
	va_start(args, format);
	say(format, args, rest);
	_exit(RESULT_FAILED);
}

void expect(int condition, const char *format, ...)
{
	va_list args;

	if (condition)
		return;
	va_start(args, format);
	say(format, args, "");
	_exit(RESULT_FAILED);
}
