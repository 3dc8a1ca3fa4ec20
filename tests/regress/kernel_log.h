/* SPDX-License-Identifier: MIT */
/* The host kernel's own complaints while a test ran. */
#ifndef REGRESS_KERNEL_LOG_H
#define REGRESS_KERNEL_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_log {
	int fd; /* /dev/kmsg, -1 if it may not be read */
};

/* From here on; what the log held before does not count. */
void kernel_log_open(struct kernel_log *log);

/* Whether the kernel warned since; then the line is the last of @notes. */
bool kernel_log_warned(struct kernel_log *log, char *notes, size_t size);

/* Says in it how many cases are done: a console shows that while the output is still kept back. */
void kernel_log_progress(int done, int total);

void kernel_log_close(struct kernel_log *log);

#endif
