/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fail_capture.h"

char fail_text[4096];
int fail_count;

enum status fail(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fail_text, sizeof(fail_text), format, args);
	va_end(args);
	fail_count++;
	return status;
}

enum status fail_errno(enum status status, const char *format, ...)
{
	const char *reason = strerror(errno);
	size_t used;
	va_list args;

	va_start(args, format);
	vsnprintf(fail_text, sizeof(fail_text), format, args);
	va_end(args);
	used = strlen(fail_text);
	snprintf(fail_text + used, sizeof(fail_text) - used, ": %s", reason);
	fail_count++;
	return status;
}

/* No failure. */
void tell_text(const char *text)
{
	(void)text;
}

void fail_reset(void)
{
	fail_text[0] = '\0';
	fail_count = 0;
}

void assert_failed(enum status status, enum status expected, const char *part)
{
	if (status != expected)
		print_error("status %d, message: %s\n", (int)status, fail_text);
	assert_int_equal(status, expected);
	assert_int_equal(fail_count, 1);
	if (!strstr(fail_text, part))
		print_error("'%s' is not in: %s\n", part, fail_text);
	assert_non_null(strstr(fail_text, part));
	assert_null(strchr(fail_text, '\n'));
	fail_reset();
}

void assert_well(enum status status)
{
	if (fail_count)
		print_error("message: %s\n", fail_text);
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(fail_count, 0);
}
