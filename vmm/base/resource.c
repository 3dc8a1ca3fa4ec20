/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/resource.h"

/* NULL: @error does not mean that the host has run out of something. */
static const char *remedy(int error)
{
	switch (error) {
	case EMFILE:
		return "lower --cpus, or raise this process's limit of open files (ulimit -n)";
	case ENFILE:
		return "lower --cpus, or raise the host's limit of open files (sysctl fs.file-max)";
	case ENOMEM:
		return "lower --cpus, or free memory of the host or of this cgroup";
	case EAGAIN:
		return "lower --cpus, or raise the limit of threads (ulimit -u, this cgroup's "
		       "pids.max)";
	default:
		return NULL;
	}
}

enum status fail_resource(const char *format, ...)
{
	const char *help = remedy(errno), *reason = strerror(errno);
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!help)
		return fail(STATUS_INTERNAL, "%s: %s", text, reason);
	return fail(STATUS_HOST, "%s: %s; %s", text, reason, help);
}
