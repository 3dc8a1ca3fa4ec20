/* SPDX-License-Identifier: MIT */
/* What the host's kernel warned about while a test ran. */
#ifndef REGRESS_KERNEL_LOG_H
#define REGRESS_KERNEL_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_log {
	int fd; /* /dev/kmsg, -errno if it may not be read */
};

/* From here on; what the log held before does not count. */
void kernel_log_open(struct kernel_log *log);

/* Whether the kernel warned since; then the line is the last of @notes. */
bool kernel_log_warned(struct kernel_log *log, char *notes, size_t size);

/* Logs how many cases are done: a console shows this while the output is still held back. */
void kernel_log_progress(int done, int total);

/* Logs the case that begins, so that the console of a board whose kernel panics shows it. */
void kernel_log_case(const char *name);

void kernel_log_close(struct kernel_log *log);

#endif
