/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "host/sysfs.h"

/* sysfs returns a whole attribute in one read and ends it with a newline; stopping there saves the
 * read that returns 0. */
static int read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(fd, text + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		used += (size_t)got;
		if (used < size && (got == 0 || text[used - 1] == '\n')) {
			text[used] = '\0';
			return 0;
		}
	}
	errno = EFBIG;
	return -1;
}

/* Adds "/@name" to a path that ends at @end: its new end, -1 if there is no room. printf is slow.
 */
static ssize_t add_name(struct sysfs_attribute *attribute, size_t end, const char *name)
{
	size_t length = strlen(name);

	if (length + 2 > sizeof(attribute->path) - end)
		return -1;
	attribute->path[end] = '/';
	memcpy(attribute->path + end + 1, name, length + 1);
	return (ssize_t)(end + 1 + length);
}

int sysfs_read(struct sysfs_attribute *attribute, struct sysfs_folder folder, const char *in,
	       const char *name)
{
	size_t start = strlen(folder.path);
	ssize_t end = -1;
	int fd, error;

	if (start < sizeof(attribute->path)) {
		memcpy(attribute->path, folder.path, start + 1);
		end = add_name(attribute, start, in);
	}
	if (end < 0 || add_name(attribute, (size_t)end, name) < 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (folder.fd < 0)
		fd = open(attribute->path, O_RDONLY | O_CLOEXEC);
	else
		fd = openat(folder.fd, attribute->path + start + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	error = read_whole(fd, attribute->text, sizeof(attribute->text)) ? errno : 0;
	close(fd);
	errno = error;
	return error ? -1 : 0;
}

int sysfs_int(const struct sysfs_attribute *attribute, int *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(attribute->text, &end, 10);
	if (errno || end == attribute->text || number < INT_MIN || number > INT_MAX)
		return -1;
	if (*end && strcmp(end, "\n"))
		return -1;
	*value = (int)number;
	return 0;
}
