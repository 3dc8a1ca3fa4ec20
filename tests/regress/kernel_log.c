/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"

void kernel_log_open(struct kernel_log *log)
{
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd < 0)
		log->fd = -errno;
	else
		lseek(log->fd, 0, SEEK_END);
}

/* What the kernel prints for WARN(), BUG(), lockdep, KASAN, KCSAN, UBSAN, stalls and oopses. */
static bool is_warning(const char *text)
{
	static const char *const starts[] = {
		"WARNING: ",        "BUG: ",  "kernel BUG at ", "Internal error",
		"Unable to handle", "INFO: ", "rcu: INFO: ",    "UBSAN: "
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strstr(text, starts[i]))
			return true;
	return false;
}

bool kernel_log_warned(struct kernel_log *log, char *notes, size_t size)
{
	char line[1024];
	bool warned = false;
	ssize_t n;

	if (log->fd < 0)
		return false;
	/* One record a read; EPIPE says that some were overwritten. */
	while ((n = read(log->fd, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *text;
		size_t used = strlen(notes);

		line[n > 0 ? n : 0] = '\0';
		text = strchr(line, ';');
		if (warned || !text || !is_warning(text))
			continue;
		text[strcspn(text, "\n")] = '\0';
		snprintf(notes + used, size - used, "%sthe kernel says: %s", used ? "\n" : "",
			 text + 1);
		warned = true;
	}
	return warned;
}

/* At once, as each write is a line of the log. */
static bool say(const char *line)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	bool said = fd >= 0 && write(fd, line, strlen(line)) >= 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return said;
}

void kernel_log_progress(int done, int total)
{
	char line[64];

	/* Level 4: what a kernel with loglevel=5 still prints. */
	snprintf(line, sizeof(line), "<4>pmu-regress: %d of %d cases\n", done, total);
	if (!say(line))
		printf("# --progress: cannot write /dev/kmsg: %s\n", strerror(errno));
}

void kernel_log_case(const char *name)
{
	char line[256];

	/* Level 3: what a kernel that is told to be quiet still prints. */
	snprintf(line, sizeof(line), "<3>pmu-regress: %s\n", name);
	say(line); /* without the right to, a kernel that panics names no case */
}

void kernel_log_close(struct kernel_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
}
