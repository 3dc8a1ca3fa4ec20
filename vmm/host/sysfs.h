/* SPDX-License-Identifier: MIT */
/* Files of sysfs. */
#ifndef MINIVMM_SYSFS_H
#define MINIVMM_SYSFS_H

#define SYSFS_PATH 640 /* two names of a file system, and what is around them */

/* One sysfs file; an attribute never exceeds a page. */
struct sysfs_attribute {
	char path[SYSFS_PATH];
	char text[4097];
};

/* Where files are looked for: with @fd, the kernel need not look for the folder each time. */
struct sysfs_folder {
	const char *path;
	int fd; /* -1: by the path */
};

/* File @name of @folder's folder @in. Fills path, and text unless it fails: -1 with errno. */
int sysfs_read(struct sysfs_attribute *attribute, struct sysfs_folder folder, const char *in,
	       const char *name);

/* Its text as a number; -1 if it is none. */
int sysfs_int(const struct sysfs_attribute *attribute, int *value);

#endif
