/* SPDX-License-Identifier: MIT */
/* Landlock (Documentation/userspace-api/landlock.rst): open files stay open, and no others can be
 * opened. */
#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/jail.h"

/* The kernel's struct landlock_ruleset_attr, of which older headers know less. */
struct ruleset {
	uint64_t files, network, scoped;
};

/* All rights that each version of the ABI can forbid; rights that later versions add are not
 * forbidden. */
static const struct ruleset all[] = {
	{ 0, 0, 0 },          /* no Landlock */
	{ 0x1fff, 0, 0 },     /* 1: reading, writing, executing, making, removing */
	{ 0x3fff, 0, 0 },     /* 2: links and renames between folders */
	{ 0x7fff, 0, 0 },     /* 3: truncating */
	{ 0x7fff, 0x3, 0 },   /* 4: binding and connecting TCP */
	{ 0xffff, 0x3, 0 },   /* 5: ioctls of devices */
	{ 0xffff, 0x3, 0x3 }, /* 6: abstract sockets, signals */
};

int landlock_close(void)
{
	const long newest = sizeof(all) / sizeof(all[0]) - 1;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, result;

	/* The kernel has no Landlock, or the profile of a container or of systemd does not know it.
	 * seccomp forbids all of this too. */
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM || errno == EACCES
			       ? 0
			       : -1;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all[abi < newest ? abi : newest],
			  sizeof(all[0]), 0);
	if (fd < 0)
		return -1;
	result = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return result;
}
